/* SPDX-License-Identifier: Apache-2.0
 * What a rule may say: every key with what it takes, its limits, and a sentence for people. The loader, the schemas for editors and a test of docs/rules.md go by these rows. */
#include "gengfu/base/time.h"
#include "rules/load_int.h"
#include "rules/shape_int.h"

#define SECOND ((double)TIME_SECOND)
#define ROW SHAPE_ROW
#define KEYS(table) .keys = (table), .n = COUNT(table)
#define RELATIONS(table) .relations = (table), .nrelations = COUNT(table)

static const char *const star_words[] = {"*", "incident", "availability", NULL};
static const char *const clear_words[] = {"auto", "manual", NULL};
static const char *const mode_words[] = {"live", "shadow", "off", NULL};
static const char *const downtime_words[] = {"pause", "count", "reset", NULL};
static const char *const while_words[] = {"unacknowledged", "unresolved", NULL};
static const char *const urgency_words[] = {"Immediate", "Expected", "Future", "Past", "Unknown", NULL};
static const char *const certainty_words[] = {"Observed", "Likely", "Possible", "Unlikely", "Unknown", NULL};
const char *const shape_severities[] = {"extreme", "severe", "moderate", "minor", "特别重大", "重大", "较大", "一般", NULL};

/* clang-format off */

/* -- incident ------------------------------------------------------------------------------------------------------------------------- */

static const struct shape_key due_keys[] = {
    ROW("acknowledge", SHAPE_SPAN, "Somebody has taken notice of it.", .min = SECOND),
    ROW("resolve", SHAPE_SPAN, "It is dealt with.", .min = SECOND),
    ROW("follow_up", SHAPE_SPAN, "Somebody asks whether it stayed so; counted from its end.", .min = SECOND),
};
const struct shape due_shape = {"due", "'due'", "Deadlines, counted from the raise; `follow_up` from the end.", KEYS(due_keys)};

static const struct shape_key incident_keys[] = {
    ROW("severity", SHAPE_CHOICE, "How bad it is.", .flags = SHAPE_NEEDED, .words = shape_severities),
    ROW("urgency", SHAPE_CHOICE, "CAP's urgency.", .words = urgency_words, .otherwise = "Immediate"),
    ROW("certainty", SHAPE_CHOICE, "CAP's certainty.", .words = certainty_words, .otherwise = "Likely"),
    ROW("category", SHAPE_TEXT, "A code of `codes.csv`."),
    ROW("title", SHAPE_TEMPLATE, "One line that says what is the matter; `${…}` holds an expression.", .flags = SHAPE_NEEDED),
    ROW("text", SHAPE_TEMPLATE, "More of it."),
    ROW("due", SHAPE_MAPPING, "Deadlines, counted from the raise; `follow_up` from the end.", .of = &due_shape),
    ROW("members", SHAPE_EXPR, "With `on: incident`: gives the id of an incident for each event that matches; these become members of this one."),
};
const struct shape incident_shape = {"incident", "'incident'", "What the rule raises.", KEYS(incident_keys)};

/* -- steps ------------------------------------------------------------------------------------------------------------------------------ */

static const struct shape_key not_step_keys[] = {
    ROW("name", SHAPE_WORD, "How later steps and the incident's texts call this step's event. Default: `step1`, `step2` … by its place."),
    ROW("on", SHAPE_TEXT, "The kind of event, or several. Default: the rule's.", .flags = SHAPE_OR_LIST, .least = 1, .words = star_words),
    ROW("when", SHAPE_EXPR, "The condition; events of earlier steps are read by their names."),
};
const struct shape not_step_shape = {"not_step", "a step", "What must not happen.", KEYS(not_step_keys)};

static const struct shape_key step_not_key[] = {
    ROW("not", SHAPE_MAPPING, "This step must not happen: between its neighbours; at the end of a sequence, until `within` is over.", .of = &not_step_shape),
};
static const struct shape_relation step_relations[] = {
    {RELATION_NOT_WITH, {"not"}, {"name", "on", "when"}, "beside 'not' nothing else can stand", "{not: {on: lock, when: event.locked}}", 0},
};
static const struct shape not_key_shape = {KEYS(step_not_key)};
const struct shape step_shape = {"step", "a step", "A step: an event that must happen, or must not.", KEYS(not_step_keys), .more = &not_key_shape, RELATIONS(step_relations)};

/* -- the rule --------------------------------------------------------------------------------------------------------------------------- */

static const struct shape_key escalation_keys[] = {
    ROW("after", SHAPE_SPAN, "So long after it was raised.", .flags = SHAPE_NEEDED, .min = SECOND),
    ROW("while", SHAPE_CHOICE, "As long as nobody has acknowledged it, or nobody has dealt with it.", .words = while_words, .otherwise = "unacknowledged"),
    ROW("to", SHAPE_TEXT, "Platforms, or levels of platforms, that are told as well. Default: the next level up.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("severity", SHAPE_CHOICE, "The incident's severity from then on.", .words = shape_severities),
};
const struct shape escalation_shape = {"escalation", "an item of 'escalate'", "What happens when nobody looks after it.", KEYS(escalation_keys)};

static const struct shape_key chattering_keys[] = {
    ROW("changes", SHAPE_INT, "How often it opens and ends.", .flags = SHAPE_NEEDED, .min = 2, .max = 1000),
    ROW("within", SHAPE_SPAN, "In what time; and how long it must be quiet afterwards.", .flags = SHAPE_NEEDED, .min = SECOND),
};
const struct shape chattering_shape = {"chattering", "'chattering'", "An incident that opens and ends so often stays open as one that says so.", KEYS(chattering_keys)};

static const struct shape_key during_keys[] = {ROW("not", SHAPE_NAME, "The time interval outside of which the rule looks.", .flags = SHAPE_NEEDED)};
const struct shape during_shape = {"during_not", "'during'", "All times but those of an interval.", KEYS(during_keys)};
static const struct shape_key during_mapping = ROW(NULL, SHAPE_MAPPING, NULL, .of = &during_shape);

static const struct shape_key rule_keys[] = {
    ROW("rule", SHAPE_NAME, "Its name: no blanks, no `/`, at most 64 characters. State belongs to it.", .flags = SHAPE_NEEDED),
    ROW("about", SHAPE_TEXT, "A sentence for the next technician."),
    ROW("version", SHAPE_TEXT, "Your own version, shown on the incident."),
    ROW("on", SHAPE_TEXT, "The kind of event, or a list of kinds; `'*'`: all; `incident`: incidents of other rules.", .flags = SHAPE_OR_LIST, .least = 1, .words = star_words),
    ROW("of", SHAPE_TEXT, "With `absent`: the kinds of devices (the registry's column `kind`) that are expected to speak. Default: those of `on`.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("during", SHAPE_NAME, "A time interval, or `{not: interval}`; outside of it the condition is false.", .also = &during_mapping),
    ROW("when", SHAPE_EXPR, "The condition: true for an event that matches."),
    ROW("for", SHAPE_SPAN, "How long the condition must hold.", .otherwise = "0s"),
    ROW("clear", SHAPE_EXPR, "How it ends: an expression; `auto`: when the condition turns false; `manual`: by a person only.", .words = clear_words),
    ROW("resolve_after", SHAPE_SPAN, "It ends so long after the last match. With `clear`: whichever comes first.", .min = SECOND),
    ROW("keep_firing_for", SHAPE_SPAN, "When the end has come, wait so long for another match.", .otherwise = "0s"),
    ROW("within", SHAPE_SPAN, "The span of the window, or of the steps.", .min = 1),
    ROW("having", SHAPE_EXPR, "What must hold over the events of the window: `event_count() >= 5 && value_count(event.user) >= 2`."),
    ROW("by", SHAPE_EXPR, "The key: state is kept, and at most one incident is open, for each of its values. An expression, or a list of them.", .flags = SHAPE_OR_LIST, .least = 1, .otherwise = "device.id"),
    ROW("absent", SHAPE_SPAN, "Silence: no event of `on` from a registered device for so long. Its own span in the registry's column `expect` goes before.", .min = SECOND),
    ROW("grace", SHAPE_SPAN, "With `absent`: how long a device has to speak up after a start, and after our own link was down. Default: the span itself."),
    ROW("sequence", SHAPE_MAPPING, "Steps in this order, all within `within` of the first.", .flags = SHAPE_LIST, .least = 2, .most = RULES_MAX_STEPS, .of = &step_shape),
    ROW("together", SHAPE_MAPPING, "Steps in any order, all within `within`.", .flags = SHAPE_LIST, .least = 2, .most = RULES_MAX_STEPS, .of = &step_shape),
    ROW("hold", SHAPE_SPAN, "Wait so long before it is forwarded, so that a greater incident may take it in.", .otherwise = "0s"),
    ROW("mode", SHAPE_CHOICE, "`shadow` does everything and sends nothing.", .words = mode_words, .otherwise = "live"),
    ROW("latch", SHAPE_BOOL, "The end is noted, but only a person resolves the incident.", .otherwise = "false"),
    ROW("repeat_interval", SHAPE_SPAN, "Least time between two messages that tell only of further matches.", .min = SECOND, .otherwise = "4h"),
    ROW("forward", SHAPE_TEXT, "Only to these platforms. Default: to all.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("evidence", SHAPE_EXPR, "What goes along as evidence: references to pictures and the like.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("escalate", SHAPE_MAPPING, "What happens when nobody looks after it, in order of `after`.", .flags = SHAPE_LIST, .least = 1, .most = MAX_ESCALATIONS, .of = &escalation_shape),
    ROW("max_keys", SHAPE_INT, "Keys (`by`) that the rule keeps state for. Default: `limits.max_keys` of gengfu.yaml.", .min = 1, .max = 1000000),
    ROW("chattering", SHAPE_MAPPING, "An incident that opens and ends so often stays open as one that says so.", .of = &chattering_shape),
    ROW("exceptions", SHAPE_EXPR, "An event for which one of these is true does not match.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("incident", SHAPE_MAPPING, "What it raises.", .flags = SHAPE_NEEDED, .of = &incident_shape),
    ROW("on_downtime", SHAPE_CHOICE, "What time while gengfu is stopped does to waiting spans: it does not count, it counts, or they begin anew.", .words = downtime_words, .otherwise = "pause"),
};

enum { WITHIN = RELATION_MAIN + 1, STEPS, WHEN, FOR, GRACE, OF, END };
static const struct shape_relation rule_relations[] = {
    {RELATION_ONE_AT_LEAST, {"on", "sequence", "together"}, {0}, "the rule does not say which events it looks at",
     "on: lamp, on: [lock, contact], on: '*' or on: incident", 0},
    {RELATION_ONE_AT_MOST, {"having", "sequence", "together", "absent"}, {0}, "a rule has one pattern, not {other} and {} as well",
     "make two rules of it", RELATION_MAIN},
    {RELATION_ONE_AT_LEAST, {"when", "having", "sequence", "together", "absent"}, {0}, "the rule does not say what it looks for",
     "add when:, within: with having:, sequence:, together: or absent:", RELATION_MAIN},
    {RELATION_NEEDS, {"having"}, {"within"}, "{} needs {other}", "for example within: 5m", STEPS},
    {RELATION_NEEDS, {"sequence"}, {"within"}, "{} needs {other}", "for example within: 5m", STEPS},
    {RELATION_NEEDS, {"together"}, {"within"}, "{} needs {other}", "for example within: 5m", STEPS},
    {RELATION_NOT_WITH, {"within"}, {"absent"}, "{} does not go with {other}", "the span stands in 'absent' itself", WITHIN},
    {RELATION_NEEDS, {"within"}, {"having", "sequence", "together"}, "'within' alone says nothing",
     "add having: event_count() >= 3; for a condition that lasts write for:", WITHIN},
    {RELATION_NOT_WITH, {"when"}, {"sequence", "together"}, "{} does not go with {other}", "give each step its own 'when'", WHEN},
    {RELATION_NOT_WITH, {"for"}, {"sequence", "absent"}, "{} does not go with {other}", "'for' is how long a condition must hold", FOR},
    {RELATION_NEEDS, {"grace"}, {"absent"}, "{} goes with {other} only", NULL, GRACE},
    {RELATION_NEEDS, {"of"}, {"absent"}, "{} goes with {other} only", "in other rules write when: device.kind == 'lamp'", OF},
    {RELATION_WORD_NOT_WITH, {"clear", "manual"}, {"resolve_after"}, "'clear: manual' does not go with {other}", "keep one of them: with 'resolve_after' it ends by itself", END},
    {RELATION_ONE_AT_LEAST, {"clear", "resolve_after", "for", "having", "absent", "sequence", "together"}, {0}, "the rule does not say how it ends",
     "add clear: auto (when 'when' turns false), clear: <expression>, resolve_after: 30m, or clear: manual", END},
    {RELATION_ONE_AT_LEAST, {"clear", "resolve_after", "for", "having", "absent"}, {0}, "the rule does not say how it ends",
     "add resolve_after: 30m, clear: auto, clear: <expression>, or clear: manual", END},
};
const struct shape rule_shape = {"rule", "a rule", "Which events become an incident, and how it ends.", KEYS(rule_keys), RELATIONS(rule_relations)};

/* -- what is said about rules ----------------------------------------------------------------------------------------------------------- */

static const struct shape incident_change_shape = {"incident_change", "'incident'", "Each key takes the place of its like.", .changes = &incident_shape};
static const struct shape_key override_keys[] = {
    ROW("rule", SHAPE_NAME, "The rule that is changed.", .flags = SHAPE_NEEDED),
    ROW("about", SHAPE_TEXT, "Why."),
    ROW("incident", SHAPE_MAPPING, "Each key takes the place of its like.", .of = &incident_change_shape),
};
const struct shape override_shape = {"override", "an override", "A site's change to a rule: a key takes the place of the rule's; `exceptions` are added to it; `clear` and `resolve_after` say together how it ends: with either, those of the rule are gone.",
                                     KEYS(override_keys), .changes = &rule_shape};

static const struct shape_key inhibit_keys[] = {
    ROW("source", SHAPE_TEXT, "While an incident of this rule (or of one of these) is open …", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("sources", SHAPE_TEXT, "The same as `source`.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("target", SHAPE_TEXT, "The same as `targets`.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("targets", SHAPE_TEXT, "… incidents of these rules are not forwarded …", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("equal", SHAPE_EXPR, "… that agree with it in each of these expressions.", .flags = SHAPE_OR_LIST, .least = 1),
    ROW("about", SHAPE_TEXT, "A sentence for the next technician."),
};
static const char inhibit_example[] = "{source: feeder-dead, targets: [lamp-out], equal: [device.feeder]}";
static const struct shape_relation inhibit_relations[] = {
    {RELATION_ONE_AT_LEAST, {"source", "sources"}, {0}, "an inhibit rule needs 'source'", inhibit_example, 1},
    {RELATION_ONE_AT_LEAST, {"target", "targets"}, {0}, "an inhibit rule needs 'targets'", inhibit_example, 1},
};
const struct shape inhibit_shape = {"inhibit_rule", "an inhibit rule", "While an incident of `source` is open, those of `targets` wait that agree with it.", KEYS(inhibit_keys), RELATIONS(inhibit_relations)};
/* clang-format on */
