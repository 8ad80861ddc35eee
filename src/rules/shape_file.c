/* SPDX-License-Identifier: Apache-2.0
 * What a rule file may hold as a whole, and its time intervals. */
#include "gengfu/base/time.h"
#include "rules/load_int.h"
#include "rules/shape_int.h"

#define ROW SHAPE_ROW
#define KEYS(table) .keys = (table), .n = COUNT(table)

const char *const shape_weekdays[] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", NULL};
const char *const shape_months[] = {"january", "february",  "march",   "april",    "may",      "june", "july",
                                    "august",  "september", "october", "november", "december", NULL};

/* clang-format off */

/* -- time intervals ------------------------------------------------------------------------------------------------------------------------- */

static const char day_time[] = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00|(sunrise|sunset) *([+-] *[0-9][0-9a-z]*)?)$";
static const struct shape_key time_range_keys[] = {
    ROW("start_time", SHAPE_TEXT, "`'07:20'`, `sunrise`, `sunset`, `sunset-15m`.", .flags = SHAPE_NEEDED, .pattern = day_time),
    ROW("end_time", SHAPE_TEXT, "The end, which does not belong to it; `'24:00'` is the end of the day. Before the start: on the next day.", .flags = SHAPE_NEEDED, .pattern = day_time),
};
const struct shape time_range_shape = {"time_range", "an item of 'times'", "A part of the day.", KEYS(time_range_keys)};

static const struct shape_key interval_keys[] = {
    ROW("times", SHAPE_MAPPING, "Parts of the day.", .flags = SHAPE_LIST, .least = 1, .most = MAX_RANGES, .of = &time_range_shape),
    ROW("weekdays", SHAPE_NAMED, "`monday`, `'monday:friday'`, `'saturday:monday'`.", .flags = SHAPE_OR_LIST, .least = 1, .words = shape_weekdays),
    ROW("days_of_month", SHAPE_RANGE, "`1`, `'1:5'`, `-1` (the last day), `'-3:-1'`.", .flags = SHAPE_OR_LIST, .least = 1, .min = -31, .max = 31),
    ROW("months", SHAPE_NAMED, "`may`, `5`, `'november:february'`.", .flags = SHAPE_OR_LIST, .least = 1, .max = 12, .words = shape_months),
    ROW("years", SHAPE_RANGE, "`2026`, `'2026:2028'`.", .flags = SHAPE_OR_LIST, .least = 1, .min = 1970, .max = 9999),
    ROW("location", SHAPE_TEXT, "A time zone. Default: the gateway's."),
};
const struct shape interval_shape = {"time_interval", "a time interval", "It holds when all of its keys hold.", KEYS(interval_keys)};

/* -- the file ---------------------------------------------------------------------------------------------------------------------------------- */

static const struct shape_key any_value = ROW(NULL, SHAPE_ANY, NULL);
static const struct shape table_shape = {"table", "a list", "A list for looking things up; its keys are texts, whole numbers, true or false.", .others = &any_value};
static const struct shape_key table_value = ROW(NULL, SHAPE_MAPPING, NULL, .of = &table_shape);
static const struct shape_key list_value = ROW(NULL, SHAPE_ANY, "A constant that expressions may use.", .flags = SHAPE_LIST, .also = &table_value);
static const struct shape lists_shape = {"lists", "'lists'", "Constants by name.", .others = &list_value, .other_names = SHAPE_WORD};
static const struct shape_key macro_value = ROW(NULL, SHAPE_EXPR, "An expression with a name, which others may use.");
static const struct shape macros_shape = {"macros", "'macros'", "Expressions by name.", .others = &macro_value, .other_names = SHAPE_WORD};
static const struct shape_key interval_value = ROW(NULL, SHAPE_MAPPING, "An interval, or a list of them: then it holds when any of them does.", .flags = SHAPE_OR_LIST, .least = 1, .most = MAX_SPECS, .of = &interval_shape);
static const struct shape intervals_shape = {"time_intervals", "'time_intervals'", "Time intervals by name.", .others = &interval_value, .other_names = SHAPE_NAME};

static const struct shape_key file_keys[] = {
    ROW("sources", SHAPE_MAPPING, "How devices' messages become events.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &source_shape),
    ROW("lists", SHAPE_MAPPING, "Constants that expressions may use.", .flags = SHAPE_OR_NOTHING, .of = &lists_shape),
    ROW("macros", SHAPE_MAPPING, "Expressions that others may use.", .flags = SHAPE_OR_NOTHING, .of = &macros_shape),
    ROW("time_intervals", SHAPE_MAPPING, "Times that rules name in `during`.", .flags = SHAPE_OR_NOTHING, .of = &intervals_shape),
    ROW("rules", SHAPE_MAPPING, "Which events become incidents.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &rule_shape),
    ROW("inhibit_rules", SHAPE_MAPPING, "Which incidents wait while another is open.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &inhibit_shape),
    ROW("overrides", SHAPE_MAPPING, "A site's changes to rules.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &override_shape),
};
const struct shape rules_file_shape = {"rules_file", "a rule file", "A file of rules.d: any file may hold any of these.", KEYS(file_keys)};
/* clang-format on */

void rules_schema(struct buf *b) { schema_write(b, "gengfu rules", "A file of rules.d", &rules_file_shape); }
