/* SPDX-License-Identifier: Apache-2.0
 * Whole collections of messages through the shipped sources: every *.jsonl file of $GENGFU_PAYLOADS, a line {"topic": …, "payload": …, "retain": …} a message (a payload
 * that is a string stands for its bytes, anything else for its JSON text). Each is understood, ignored on purpose by a source with a name, or told as not understandable
 * with a reason; none crashes anything, also in the smallest room. Without the variable the test is skipped. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/file.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "source_fixture.h"

struct tally {
    int messages, outcomes[OUTCOME_BROKEN + 1], wrong;
};

static struct ruleset *rs;
static struct mapper *m;

static void fault(struct tally *t, const char *name, int line, const char *what) {
    print_error("%s:%d: %s\n", name, line, what);
    t->wrong++;
}

static void look(struct tally *t, const char *name, int line, const struct mapped *got, bool whole) {
    if (got->outcome != OUTCOME_EVENTS && !(got->why && *got->why))
        fault(t, name, line, "no reason");
    if (whole && (got->outcome == OUTCOME_IGNORED || got->outcome == OUTCOME_BROKEN) && !got->source)
        fault(t, name, line, "no source is named");
    if ((got->outcome == OUTCOME_EVENTS) != (got->nevents > 0))
        fault(t, name, line, "events and outcome do not agree");
    for (size_t i = 0; i < got->nevents; i++) {
        const struct event *e = &got->events[i];
        struct arena a;
        struct buf text;
        struct event back;
        struct err err = {0};
        arena_init(&a, 4096, 0);
        buf_init(&text, 0);
        event_write(&text, e);
        if (!e->kind || !e->device || !*e->device || text.failed || event_read(&a, text.data, text.len, &back, &err) < 0)
            fault(t, name, line, "an event that cannot be kept");
        buf_done(&text);
        arena_done(&a);
    }
}

static void one(struct tally *t, const char *name, int line, const char *text, size_t len) {
    static const int64_t now = INT64_C(1768046400000);
    struct arena doc_arena, arena;
    const cJSON *doc;
    struct buf payload;
    struct err err = {0};
    arena_init(&doc_arena, 64 << 10, 0);
    arena_init(&arena, 64 << 10, 64 << 20);
    buf_init(&payload, 0);
    if (json_parse(&doc_arena, text, len, &err, &doc) < 0) {
        fault(t, name, line, err.text);
    } else {
        const cJSON *value = json_get(doc, "payload");
        if (cJSON_IsString(value))
            buf_puts(&payload, value->valuestring);
        else if (value)
            json_write(&payload, value);
        struct message msg = {.topic = json_str(doc, "topic", ""),
                              .payload = payload.data,
                              .len = payload.len,
                              .retained = json_bool(doc, "retain", false),
                              .qos = 1,
                              .arrived = now};
        struct mapped got;
        mapper_map(m, &msg, &arena, &got);
        look(t, name, line, &got, true);
        if (!fixture_same(rs, &msg))
            fault(t, name, line, "what nobody reads makes a difference");
        t->messages++;
        t->outcomes[got.outcome]++;
        if (got.outcome == OUTCOME_UNMATCHED || got.outcome == OUTCOME_BROKEN)
            print_message("%s:%d: %s%s%s: %s\n", name, line, source_outcome_name(got.outcome), got.source ? ", source " : "",
                          got.source ? got.source : "", got.why);
        /* cut off anywhere, and in hardly any room: an outcome all the same */
        for (size_t cut = 0; cut < payload.len; cut += 1 + payload.len / 16) {
            struct arena tiny;
            arena_init(&tiny, 64, 1 + 37 * cut);
            msg.len = cut;
            mapper_map(m, &msg, &tiny, &got);
            look(t, name, line, &got, false);
            arena_done(&tiny);
        }
    }
    buf_done(&payload);
    arena_done(&doc_arena);
    arena_done(&arena);
}

static void file(struct tally *all, const char *dir, const char *name) {
    char path[4096];
    struct buf text;
    struct err err = {0};
    struct tally t = {0};
    int line = 0;
    buf_init(&text, 256 << 20);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (file_read(path, &text, &err) < 0)
        fail_msg("%s", err.text);
    for (const char *p = text.data, *end = text.data + text.len, *next; p < end; p = next) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        next = eol ? eol + 1 : end;
        line++;
        if (eol != p)
            one(&t, name, line, p, (size_t)((eol ? eol : end) - p));
    }
    buf_done(&text);
    print_message("%-28s %4d messages: %d events, %d nothing, %d ignored, %d unmatched, %d broken\n", name, t.messages,
                  t.outcomes[OUTCOME_EVENTS], t.outcomes[OUTCOME_NOTHING], t.outcomes[OUTCOME_IGNORED], t.outcomes[OUTCOME_UNMATCHED],
                  t.outcomes[OUTCOME_BROKEN]);
    all->messages += t.messages;
    all->wrong += t.wrong;
    for (size_t i = 0; i <= OUTCOME_BROKEN; i++)
        all->outcomes[i] += t.outcomes[i];
}

static void test_payloads(void **state) {
    (void)state;
    const char *dir = getenv("GENGFU_PAYLOADS");
    struct tally all = {0};
    struct err err = {0};
    if (!dir || !*dir) {
        print_message("GENGFU_PAYLOADS names no directory of messages\n");
        skip();
    }
    DIR *d = opendir(dir);
    if (!d)
        fail_msg("GENGFU_PAYLOADS: %s cannot be read", dir);
    rs = fixture_ruleset("rules", true);
    assert_non_null(rs);
    assert_int_equal(mapper_new(rs, &err, &m), 0);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n > 6 && strcmp(e->d_name + n - 6, ".jsonl") == 0)
            file(&all, dir, e->d_name);
    }
    (void)closedir(d);
    mapper_free(m);
    ruleset_free(rs);
    print_message("%-28s %4d messages: %d events, %d nothing, %d ignored, %d unmatched, %d broken\n", "all", all.messages,
                  all.outcomes[OUTCOME_EVENTS], all.outcomes[OUTCOME_NOTHING], all.outcomes[OUTCOME_IGNORED],
                  all.outcomes[OUTCOME_UNMATCHED], all.outcomes[OUTCOME_BROKEN]);
    assert_true(all.messages > 0);
    assert_int_equal(all.wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_payloads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
