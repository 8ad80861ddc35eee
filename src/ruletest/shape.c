/* SPDX-License-Identifier: Apache-2.0
 * What a file of tests may say: every key with what it takes, its limits, and a sentence for people. Readers and the schema for editors go by these rows; what can be compared of
 * an incident stands in expect.c. */
#include "ruletest/ruletest_int.h"

#define ROW SHAPE_ROW
#define KEYS(table) .keys = (table), .n = COUNT(table)
#define RELATIONS(table) .relations = (table), .nrelations = COUNT(table)
#define MOST ((double)SPAN_MAX)

static const char *const all_words[] = {"all", NULL};
const char *const given_changes[] = {"opened", "updated", "resolved", "closed", NULL};
static const char *const disposition_words[] = {"real", "false_alarm", "ignored", "test", NULL};

static const char *outcome_word(size_t i) { return source_outcome_name((enum source_outcome)i); }
static const char *action_word(size_t i) { return i < ACTION_EVALUATE ? action_name((enum action)(i + ACTION_ACKNOWLEDGE)) : NULL; }

static const struct shape_key any_value = ROW(NULL, SHAPE_ANY, NULL);

/* clang-format off */

/* -- devices ----------------------------------------------------------------------------------------------------------------------------- */

static const struct shape_key column_value = ROW(NULL, SHAPE_TEXT, "A column of the registry.", .flags = SHAPE_EMPTY | SHAPE_OR_NOTHING);
static const struct shape_key device_keys[] = {
    ROW("device", SHAPE_TEXT, "Its id.", .flags = SHAPE_NEEDED),
    ROW("like", SHAPE_TEXT, "A row of devices.csv that it is like, but for what is given here."),
    ROW("kind", SHAPE_TEXT, "The kind of device: the registry's column `kind`."),
};
static const struct shape_relation device_relations[] = {{RELATION_ONE_AT_LEAST, {"like", "kind"}, {0}, NULL, NULL, 0}};
static const struct shape device_shape = {"device", "a device", "A device that the test knows. Any other key is a column of the registry.", KEYS(device_keys), .others = &column_value, RELATIONS(device_relations)};
static const struct shape_key all_devices = ROW(NULL, SHAPE_CHOICE, NULL, .words = all_words);

/* -- inputs -------------------------------------------------------------------------------------------------------------------------------- */

#define AT ROW("at", SHAPE_SPAN, "When, counted from the start.", .flags = SHAPE_NEEDED, .max = MOST)
#define REPEATED \
    ROW("every", SHAPE_SPAN, "Repeated so often, up to `until`.", .min = 1, .max = MOST), \
    ROW("until", SHAPE_SPAN, "The end of the repetitions, counted from the start.", .max = MOST)
#define EVERY_UNTIL {RELATION_NEEDS, {"every"}, {"until"}, NULL, NULL, 0}, {RELATION_NEEDS, {"until"}, {"every"}, NULL, NULL, 0}

static const struct shape event_fields_shape = {"event_fields", "'fields'", "Fields with names of an event's own.", .others = &any_value};
static const struct shape_key event_keys[] = {
    AT, REPEATED,
    ROW("kind", SHAPE_TEXT, "The kind of event.", .flags = SHAPE_NEEDED),
    ROW("device", SHAPE_TEXT, "The device, or a list of them: one event each.", .flags = SHAPE_NEEDED | SHAPE_OR_LIST),
    ROW("time", SHAPE_SPAN, "The device's own time, counted from the start.", .max = MOST),
    ROW("late", SHAPE_BOOL, "A replay.", .otherwise = "false"),
    ROW("retained", SHAPE_BOOL, "The broker's old copy.", .otherwise = "false"),
    ROW("fields", SHAPE_MAPPING, "Fields with names of an event's own (`kind`, `time` …).", .of = &event_fields_shape),
};
static const struct shape_relation event_relations[] = {EVERY_UNTIL, {RELATION_NOT_WITH, {"time"}, {"every"}, NULL, NULL, 0}};
const struct shape given_event_shape = {"event", "an event", "An event as rules see it. Any other key is one of its fields.", KEYS(event_keys), .others = &any_value, RELATIONS(event_relations)};

static const struct shape_key became_keys[] = {
    ROW("kind", SHAPE_TEXT, "The kind of event."),
    ROW("device", SHAPE_TEXT, "The device."),
};
static const struct shape became_shape = {"became", "an event that the message becomes", "An event that the message must become. Any other key is one of its fields; `null`: it is not there.", KEYS(became_keys), .others = &any_value};

static const struct shape_key message_keys[] = {
    AT, REPEATED,
    ROW("topic", SHAPE_TEXT, "The topic that the device publishes to.", .flags = SHAPE_NEEDED),
    ROW("payload", SHAPE_ANY, "A mapping or a list for JSON, a text for text as it is written."),
    ROW("payload_base64", SHAPE_TEXT, "Bytes, as base64."),
    ROW("retained", SHAPE_BOOL, "The broker's old copy.", .otherwise = "false"),
    ROW("outcome", SHAPE_CHOICE, "What the sources must make of it. Default: anything that is understood.", .word = outcome_word),
    ROW("events", SHAPE_MAPPING, "What it must become, in order, all of it.", .flags = SHAPE_LIST, .of = &became_shape),
};
static const struct shape_relation message_relations[] = {
    EVERY_UNTIL,
    {RELATION_ONE_AT_LEAST, {"payload", "payload_base64"}, {0}, NULL, NULL, 0},
    {RELATION_ONE_AT_MOST, {"payload", "payload_base64"}, {0}, NULL, NULL, 0},
};
const struct shape given_message_shape = {"message", "a message", "A raw MQTT message, for the sources.", KEYS(message_keys), RELATIONS(message_relations)};

static const struct shape_key command_keys[] = {
    AT,
    ROW("rule", SHAPE_TEXT, "The rule whose incident is meant.", .flags = SHAPE_NEEDED),
    ROW("key", SHAPE_TEXT, "The incident's `by`, or its device. Default: there is only one."),
    ROW("action", SHAPE_CHOICE, "What is done to it.", .flags = SHAPE_NEEDED, .word = action_word),
    ROW("who", SHAPE_TEXT, "Where the command comes from.", .otherwise = "platform:test"),
    ROW("by", SHAPE_TEXT, "The person."),
    ROW("ticket", SHAPE_TEXT, "The platform's ticket."),
    ROW("note", SHAPE_TEXT, "A note for the history."),
    ROW("disposition", SHAPE_CHOICE, "With `close`: what it was.", .words = disposition_words),
    ROW("rating", SHAPE_INT, "With `evaluate`: how satisfied people are.", .min = 1, .max = 5),
    ROW("refused", SHAPE_BOOL, "The command must be refused.", .otherwise = "false"),
};
const struct shape given_command_shape = {"command", "a command", "What a platform or a person does to an incident.", KEYS(command_keys)};

static const struct shape_key link_keys[] = {
    AT,
    ROW("up", SHAPE_BOOL, "Whether our connection to the broker is there from then on.", .flags = SHAPE_NEEDED),
};
const struct shape given_link_shape = {"link", "a change of the link", "Our own connection to the broker goes or comes.", KEYS(link_keys)};

/* -- what is expected ------------------------------------------------------------------------------------------------------------------------ */

static const struct shape_key due_keys[] = {
    ROW("acknowledge", SHAPE_SPAN, "Counted from the raise.", .max = MOST),
    ROW("resolve", SHAPE_SPAN, "Counted from the raise.", .max = MOST),
    ROW("follow_up", SHAPE_SPAN, "Counted from the end.", .max = MOST),
};
const struct shape given_due_shape = {"due", "due", "Deadlines.", KEYS(due_keys)};
const struct shape given_values_shape = {"values", "values", "Fields of the latest event that matched; others are not looked at.", .others = &any_value};

static const struct shape_key expected_keys[] = {
    ROW("at", SHAPE_SPAN, "When, counted from the start; exact to the second.", .flags = SHAPE_NEEDED, .max = MOST),
    ROW("rule", SHAPE_TEXT, "The rule.", .flags = SHAPE_NEEDED),
    ROW("change", SHAPE_CHOICE, "What has become of the incident.", .flags = SHAPE_NEEDED, .words = given_changes),
};
const struct shape given_expected_shape = {"expected", "an expected incident", "A revision that must come.", KEYS(expected_keys), .more = &given_checks_shape};

/* -- the test ------------------------------------------------------------------------------------------------------------------------------------ */

static const struct shape_key test_keys[] = {
    ROW("test", SHAPE_TEXT, "A sentence that says what is shown; no two tests share one.", .flags = SHAPE_NEEDED),
    ROW("about", SHAPE_TEXT, "More words, for the next reader."),
    ROW("start", SHAPE_TEXT, "The wall clock's time at `at: 0s` (RFC 3339; without a zone it is the site's).", .otherwise = "2026-01-05T12:00:00"),
    ROW("until", SHAPE_SPAN, "How long the test runs. Default: until its last input or expectation.", .max = MOST),
    ROW("devices", SHAPE_MAPPING, "The registry of this test: rows of its own, ids and patterns of devices.csv, or `all`.", .flags = SHAPE_LIST | SHAPE_OR_TEXT | SHAPE_OR_NOTHING, .of = &device_shape, .also = &all_devices),
    ROW("events", SHAPE_MAPPING, "Events as rules see them.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &given_event_shape),
    ROW("messages", SHAPE_MAPPING, "Raw MQTT messages, through the sources.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &given_message_shape),
    ROW("commands", SHAPE_MAPPING, "What a platform or a person does to an incident.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &given_command_shape),
    ROW("link", SHAPE_MAPPING, "Our own connection to the broker, going and coming.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &given_link_shape),
    ROW("ignore", SHAPE_CHOICE, "Changes that are no failure when they come unexpected; what is expected must still come.", .flags = SHAPE_OR_LIST, .words = given_changes),
    ROW("expect", SHAPE_MAPPING, "Every revision that must come; `[]` when nothing may.", .flags = SHAPE_NEEDED | SHAPE_LIST | SHAPE_OR_NOTHING, .of = &given_expected_shape),
};
const struct shape given_test_shape = {"test", "a test", "A rule test, run in virtual time.", KEYS(test_keys)};

static const struct shape_key file_keys[] = {
    ROW("tests", SHAPE_MAPPING, "Tests of the rules.", .flags = SHAPE_LIST | SHAPE_OR_NOTHING, .of = &given_test_shape),
    ROW("rules", SHAPE_TEXT, "Files of rules.d (`*` stands for any text) whose rules these tests look at: what rules of other files raise is no failure. Default: all.", .flags = SHAPE_OR_LIST, .least = 1),
};
const struct shape given_file_shape = {"tests_file", "a file of tests", "A file of tests.d.", KEYS(file_keys)};
/* clang-format on */

void ruletest_schema(struct buf *b) { schema_write(b, "gengfu tests", "A file of tests.d", &given_file_shape); }
