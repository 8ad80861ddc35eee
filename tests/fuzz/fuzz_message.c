/* SPDX-License-Identifier: Apache-2.0
 * A topic and a payload through every shipped source. The input's first line is the topic, the rest the payload; the rules are those of $GENGFU_RULES, else ./rules.
 * Whatever comes, the outcome is one of five, every event is whole, nothing is read or written out of place, and no secret is in what is kept as an example.
 * A topic that begins with "odd/" goes to sources with other charsets, bytes, dropped paths and JSON within JSON; they are made here. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "gengfu/source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ruleset *rules, *odd;

static const char odd_sources[] =
    "sources:\n"
    "  - {source: gb, topic: 'odd/gb/{device}', charset: gb18030, events: [{kind: k, fields: {v: payload}}], online: {topic: 'odd/gb/{device}/on', when: truth(payload)}}\n"
    "  - {source: big, topic: 'odd/big/{device}', charset: big5, payload: text, events: [{kind: k, fields: {v: payload}}]}\n"
    "  - {source: latin, topic: 'odd/latin/{device}', charset: latin1, payload: text, events: [{kind: k, fields: {v: payload}}]}\n"
    "  - {source: both, topic: 'odd/{any+}', match: 'payload != null', events: [{kind: k, device: \"'d'\", fields: {v: payload}, dedupe: {key: payload, within: 1s, across: x}}]}\n"
    "  - source: bytes\n"
    "    topic: odd/bytes/{device}\n"
    "    payload: bytes\n"
    "    events: [{kind: k, fields: {a: \"uint_at(payload, 0, 2, 'little')\", b: 'int_at(payload, size(payload) - 3, 3)', t: \"text(payload, 'gb18030')\"}}]\n"
    "  - source: drop\n"
    "    topic: odd/drop/{device}\n"
    "    drop: [pic, a.*.pin, '*.face', list.*, '`od d`']\n"
    "    events: [{kind: k, time: [payload.t, payload.u], skew: 5m, fields: {all: payload}}]\n"
    "  - source: json\n"
    "    topic: odd/json/{device}\n"
    "    each: json(payload.d)\n"
    "    events: [{kind: k, time: \"strptime(item.t, '%d.%m.%Y %T%z')\", fields: {v: 'number(nullif(item, [0, 65535]))', h: hex(item.h), b: base64.decode(item.b), x: \"regex.extract(item.s, r'a(\\\\w+)b')\"}}]\n"
    "  - source: text\n"
    "    topic: odd/text/{device}\n"
    "    payload: text\n"
    "    each: payload.split(';')\n"
    "    events: [{kind: k, time: \"strptime(item, '%Y-%m-%d %I:%M:%S.%f %p')\", fields: {t: time(item), n: number(item)}}]\n";

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    const char *dir = getenv("GENGFU_RULES");
    struct report *rep = NULL;
    struct err err = {0};
    if (report_new(&rep) < 0 || ruleset_load(dir && *dir ? dir : "rules", rep, &err, &rules) < 0) {
        (void)fprintf(stderr, "the rules do not load: %s %s\n", err.text, rep ? report_first(rep) : "");
        exit(1);
    }
    report_free(rep);
    const struct rules_file files[] = {{"rules.d/odd.yaml", odd_sources, sizeof odd_sources - 1}};
    if (report_new(&rep) < 0 || ruleset_load_files(files, 1, rep, &err, &odd) < 0) {
        (void)fprintf(stderr, "the odd sources do not load: %s %s\n", err.text, rep ? report_first(rep) : "");
        exit(1);
    }
    report_free(rep);
    return 0;
}

static void check(bool fine, const char *what) {
    if (fine)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void look_at(const struct mapped *got) {
    struct buf text;
    buf_init(&text, 64 << 20);
    check(got->outcome <= OUTCOME_BROKEN, "no outcome");
    check((got->outcome == OUTCOME_EVENTS) == (got->nevents > 0), "events and outcome do not agree");
    check(got->outcome == OUTCOME_EVENTS || got->why, "no reason");
    for (size_t i = 0; i < got->nevents; i++) {
        const struct event *e = &got->events[i];
        check(e->kind && e->device && e->device[0] && strlen(e->device) <= EVENT_DEVICE_MAX, "an event without kind or device");
        check(utf8_valid(e->device, strlen(e->device)), "a device that is not UTF-8");
        check(e->nfields <= EVENT_MAX_FIELDS, "too many fields");
        buf_clear(&text);
        event_write(&text, e);
        check(!text.failed, "an event that cannot be written");
        struct arena a;
        struct event back;
        struct err err = {0};
        arena_init(&a, 4096, 0);
        check(event_read(&a, text.data, text.len, &back, &err) == 0, "an event that cannot be read back");
        check(back.kind == e->kind && back.time == e->time && strcmp(back.device, e->device) == 0, "an event that comes back as another");
        arena_done(&a);
    }
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t len = end ? (size_t)(end - data) : size;
    if (len && memchr(data, 0, len))
        return 0; /* MQTT has no such topic */
    char *topic = malloc(len + 1);
    size_t rest = end ? size - len - 1 : 0;
    char *payload = malloc(rest ? rest : 1);
    struct mapper *m = NULL;
    struct err err = {0};
    if (!topic || !payload || mapper_new(size >= 4 && memcmp(data, "odd/", 4) == 0 ? odd : rules, &err, &m) < 0)
        abort();
    if (len)
        memcpy(topic, data, len);
    topic[len] = '\0';
    if (rest)
        memcpy(payload, end + 1, rest);
    struct message msg = {
        .topic = topic, .payload = payload, .len = rest, .retained = size & 1, .qos = 1, .arrived = INT64_C(1768046400000)};
    struct arena arena;
    arena_init(&arena, 64 << 10, 64 << 20);
    for (int i = 0; i < 2; i++) { /* the second time it is a repetition */
        struct mapped got;
        mapper_map(m, &msg, &arena, &got);
        look_at(&got);
        arena_reset(&arena);
        msg.arrived += 1000;
    }
    for (size_t i = 0; i < mapper_troubles(m); i++) {
        struct source_trouble t;
        mapper_trouble(m, i, &t);
        check(t.topic && t.why && t.example && utf8_valid(t.example, t.example_len) && t.example_len <= SOURCE_MAX_EXAMPLE + 16,
              "a trouble that cannot be shown");
        check(!memmem(t.example, t.example_len, "\"password\":\"S3CR3T", 18), "a secret in an example");
    }
    arena_done(&arena);
    mapper_free(m);
    free(payload);
    free(topic);
    return 0;
}
