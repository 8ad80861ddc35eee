/* SPDX-License-Identifier: Apache-2.0
 * What a source may say: every key with what it takes, its limits, and a sentence for people. */
#include "rules/load_int.h"
#include "rules/shape_int.h"

#define ROW SHAPE_ROW
#define KEYS(table) .keys = (table), .n = COUNT(table)
#define RELATIONS(table) .relations = (table), .nrelations = COUNT(table)

static const char *const payload_words[] = {"auto", "json", "text", "none", "bytes", NULL};
static const char *const on_change_words[] = {"on_change", NULL};

static const char *charset_word(size_t i) { return charset_name((enum charset)i); }

/* clang-format off */

/* -- an event ---------------------------------------------------------------------------------------------------------------------------- */

static const struct shape_key emit_keys[] = {ROW("on_change", SHAPE_TEXT, "Only when one of these fields differs from what the device said last.", .flags = SHAPE_NEEDED | SHAPE_OR_LIST, .least = 1)};
const struct shape emit_shape = {"emit", "'emit'", "When the event is passed on.", KEYS(emit_keys)};
static const struct shape_key emit_words = ROW(NULL, SHAPE_TEXT, NULL, .pattern = "^on_change +of ");
static const struct shape_key emit_mapping = ROW(NULL, SHAPE_MAPPING, NULL, .of = &emit_shape, .also = &emit_words);

static const struct shape_key dedupe_keys[] = {
    ROW("key", SHAPE_EXPR, "The same key from the same device within that time is one event.", .flags = SHAPE_NEEDED),
    ROW("within", SHAPE_SPAN, "In what time.", .flags = SHAPE_NEEDED, .min = 1),
    ROW("across", SHAPE_NAME, "A name that events of several sources share: they are looked at together. Default: this event alone."),
};
const struct shape dedupe_shape = {"dedupe", "'dedupe'", "Repetitions that count once.", KEYS(dedupe_keys)};

static const struct shape_key field_value = ROW(NULL, SHAPE_EXPR, "Its value. Nothing there (`null`, a missing member): the event does not have the field.");
static const struct shape fields_shape = {"fields", "'fields'", "The event's fields: name and expression.", .others = &field_value, .other_names = SHAPE_WORD};

static const struct shape_key source_event_keys[] = {
    ROW("kind", SHAPE_NAME, "What rules name in `on`: `lamp`, `contact`, `sos` …", .flags = SHAPE_NEEDED),
    ROW("when", SHAPE_EXPR, "Make this event only when it is true."),
    ROW("device", SHAPE_EXPR, "Gives the device's id: text or a whole number. Default: `topic.device`, when the topic has that part."),
    ROW("time", SHAPE_EXPR, "The device's own time: a timestamp, seconds, ms, µs or ns, or text; or a list of them in order of trust. Default: the time of arrival.", .flags = SHAPE_OR_LIST, .least = 1, .most = SOURCE_MAX_TIMES),
    ROW("skew", SHAPE_SPAN, "How far such a time may lie off the arrival. Default: `gateway.late_tolerance`.", .min = 1),
    ROW("late", SHAPE_EXPR, "True when the device itself says that this is a replay."),
    ROW("fields", SHAPE_MAPPING, "Name and expression of each field.", .flags = SHAPE_OR_NOTHING, .of = &fields_shape),
    ROW("emit", SHAPE_CHOICE, "`on_change`: only when a field has changed; `{on_change: [fields]}`: one of these.", .words = on_change_words, .also = &emit_mapping),
    ROW("dedupe", SHAPE_MAPPING, "Repetitions that count once.", .of = &dedupe_shape),
};
static const struct shape_relation source_event_relations[] = {
    {RELATION_NEEDS, {"skew"}, {"time"}, "'skew' says how far a 'time' may lie off, and there is none", "add time: payload.sent", 0},
};
const struct shape source_event_shape = {"source_event", "an event", "An event that is made of a message.", KEYS(source_event_keys), RELATIONS(source_event_relations)};

/* -- the source -------------------------------------------------------------------------------------------------------------------------- */

static const struct shape_key online_keys[] = {
    ROW("topic", SHAPE_TEXT, "Where the device (or its bridge) says that it is there. Default: the source's topic."),
    ROW("each", SHAPE_EXPR, "Gives a list or a map: `device` and `when` are asked for each element, with `key` and `item`."),
    ROW("device", SHAPE_EXPR, "Gives the device's id. Default: `topic.device`, when the topic has that part."),
    ROW("when", SHAPE_EXPR, "True: it is there; false: it is gone; unknown: no event.", .flags = SHAPE_NEEDED),
};
const struct shape online_shape = {"online", "'online'", "Makes events of kind `availability` with the field `online`.", KEYS(online_keys)};

static const struct shape_key ignore_reason = ROW(NULL, SHAPE_TEXT, NULL);
static const struct shape_key source_keys[] = {
    ROW("source", SHAPE_NAME, "Its name.", .flags = SHAPE_NEEDED),
    ROW("about", SHAPE_TEXT, "A sentence for the next technician."),
    ROW("topic", SHAPE_TEXT, "The pattern: text, `{name}` for a level, `S-{name}-post` for part of one, `{name+}` (at the end) for all levels that remain.", .flags = SHAPE_NEEDED),
    ROW("match", SHAPE_EXPR, "The source takes a message only when this is true."),
    ROW("payload", SHAPE_CHOICE, "`auto`: JSON when it is, else text; `json`: must be JSON; `text`: always text; `none`: not read at all; `bytes`: as it came.", .words = payload_words, .otherwise = "auto"),
    ROW("charset", SHAPE_TEXT, "What its text is written in.", .word = charset_word, .otherwise = "utf-8"),
    ROW("max_payload", SHAPE_SIZE, "Larger messages are not read. Default: `limits.max_payload` of gengfu.yaml.", .min = 1, .max = (double)MAX_PAYLOAD),
    ROW("drop", SHAPE_TEXT, "Keys that are taken out of the JSON before anything reads it: `photo` wherever it stands, `users.*.pin` from the root.", .flags = SHAPE_OR_LIST, .least = 1, .most = SOURCE_MAX_DROPS),
    ROW("ignore", SHAPE_BOOL, "`true`, or a text that says why: take the message and drop it on purpose.", .also = &ignore_reason),
    ROW("each", SHAPE_EXPR, "Gives a list or a map: the events are made for each element, with `key` and `item`."),
    ROW("events", SHAPE_MAPPING, "The events that are made of a message.", .flags = SHAPE_LIST, .least = 1, .most = MAX_EVENTS, .of = &source_event_shape),
    ROW("online", SHAPE_MAPPING, "How the device says that it is there.", .of = &online_shape),
};
static const struct shape_relation source_relations[] = {
    {RELATION_ONE_AT_LEAST, {"events", "online", "ignore"}, {0}, "the source makes nothing of its messages", "add events:, online:, or ignore: true", 0},
};
const struct shape source_shape = {"source", "a source", "How the messages of one kind of device become events.", KEYS(source_keys), RELATIONS(source_relations)};
/* clang-format on */
