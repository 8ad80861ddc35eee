/* SPDX-License-Identifier: Apache-2.0
 * Every allocation fails once while sources are set up, messages become events, and what they remember is written and read: an error that says so or the right thing, never a crash, never other events,
 * and nothing that stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/log.h"
#include "scarce.h"
#include "source_fixture.h"

static const char sources[] =
    "sources:\n"
    "  - source: lamps\n    topic: lamp/{device}/{rest+}\n    payload: json\n    match: has(payload.list)\n    each: payload.list\n"
    "    events:\n      - {kind: lamp, fields: {power_w: 'double(item.p)', name: \"item.n + '-' + topic.rest\"}, emit: on_change, dedupe: {key: string(item.id), within: 1m}}\n"
    "    online: {topic: 'alive/{device}', when: payload == 'yes'}\n"
    "  - source: counters\n    topic: count/{device}\n    events:\n      - {kind: lamp, fields: {total: payload.total}, emit: on_change}\n";

static const struct {
    const char *topic, *payload;
} messages[] = {
    {"lamp/lamp-1/a/b", "{\"list\":[{\"p\":1.5,\"n\":\"x\",\"id\":1},{\"p\":\"2.5\",\"n\":\"路灯\",\"id\":2}]}"},
    {"lamp/lamp-1/a/b", "{\"list\":[{\"p\":1.5,\"n\":\"x\",\"id\":3},{\"p\":4,\"n\":\"y\",\"id\":2}]}"},
    {"alive/lamp-2", "yes"},
    {"count/lamp-2", "{\"total\":7,\"deep\":{\"a\":[1,2,{\"b\":null}]}}"},
    {"count/lamp-2", "{\"total\":7}"},
    {"count/lamp-2", "{\"total\":"},
    {"nobody/knows", "this"},
};
#define MESSAGES (sizeof messages / sizeof *messages)

struct rows {
    char key[64][128], body[64][16384];
    size_t len[64], n;
};

static int on_row(void *ctx, const char *key, const char *body, size_t len) {
    struct rows *r = ctx;
    if (r->n == 64 || len >= sizeof r->body[0])
        return GF_ELIMIT;
    (void)snprintf(r->key[r->n], sizeof r->key[0], "%s", key);
    if (body)
        memcpy(r->body[r->n], body, len);
    r->len[r->n++] = body ? len : 0;
    return 0;
}

/* Each message's end as a line; what is broken for want of memory shows as that. */
static int life(const struct ruleset *rs, char said[MESSAGES][512]) {
    static struct rows rows;
    struct mapper *m = NULL;
    struct arena arena;
    struct err err = {0};
    int rc = mapper_new(rs, &err, &m);
    arena_init(&arena, 4096, 0);
    for (size_t i = 0; rc == 0 && i < MESSAGES; i++) {
        struct message msg = {.topic = messages[i].topic,
                              .payload = messages[i].payload,
                              .len = strlen(messages[i].payload),
                              .qos = 1,
                              .arrived = SFX_T0 + (int64_t)i * 1000};
        struct mapped got;
        struct buf b;
        mapper_map(m, &msg, &arena, &got);
        long left = scarce_left;
        scarce_left = -1; /* the test has room */
        buf_init(&b, 512);
        fixture_say(&b, &got, msg.arrived);
        (void)snprintf(said[i], 512, "%s", b.data);
        buf_done(&b);
        scarce_left = left;
        if (i == 2)
            rc = mapper_reload(m, rs, &err);
        arena_reset(&arena);
    }
    rows.n = 0;
    if (rc == 0)
        rc = mapper_checkpoint(m, on_row, &rows);
    mapper_free(m);
    m = NULL;
    if (rc == 0)
        rc = mapper_new(rs, &err, &m);
    for (size_t i = 0; rc == 0 && i < rows.n; i++)
        rc = mapper_restore_row(m, rows.key[i], rows.len[i] ? rows.body[i] : NULL, rows.len[i], &err);
    mapper_free(m);
    arena_done(&arena);
    return rc;
}

static void every_allocation(void **state) {
    static char want[MESSAGES][512], said[MESSAGES][512];
    struct source_fx f;
    long n = 1, failures = 0, broken = 0;
    bool hit = true;
    (void)state;
    sfx_open(&f, sources);
    for (int i = 0; i < 2; i++) /* what is made once for the process is made */
        assert_int_equal(life(f.rs, want), 0);
    assert_true(strstr(want[0], "lamp-1") && strstr(want[2], "online"));
    for (; hit; n++) {
        long before = scarce_live;
        memset(said, 0, sizeof said);
        scarce_at(n);
        int rc = life(f.rs, said);
        hit = scarce_end();
        if (rc != 0 && rc != GF_ENOMEM && rc != GF_ECORRUPT) /* a row that finds no room is told like a damaged one: it is told once more */
            fail_msg("allocation %ld: %d", n, rc);
        if (rc != 0 && !hit)
            fail_msg("allocation %ld: %d, and none failed", n, rc);
        failures += rc != 0;
        for (size_t i = 0; i < MESSAGES && said[i][0]; i++) {
            if (strcmp(said[i], want[i]) == 0)
                continue;
            /* One message is broken, or says more than it would because what it is compared with could not be kept; none has other fields than its own. */
            if (!hit)
                fail_msg("message %zu: %s\ninstead of %s", i, said[i], want[i]);
            broken++;
        }
        if (scarce_live > before)
            fail_msg("allocation %ld: %ld blocks stay", n, scarce_live - before);
    }
    if (scarce_works())
        assert_true(n > 30 && failures > 10);
    print_message("%ld allocations, %ld times it did not begin or end, %ld messages came out otherwise\n", n - 2, failures, broken);
    sfx_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    log_open(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
