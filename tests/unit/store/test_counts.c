/* SPDX-License-Identifier: Apache-2.0
 * What the store says about itself every few seconds: right after every change, and at the same cost however much is in it. */
#include "store_fx.h"

#include <stdlib.h>
#include <string.h>

#include "store/store_int.h"

static void same_as_the_file(struct fx *f, const char *platform, int64_t waiting, int64_t dead, int64_t bytes, int64_t oldest) {
    struct store_outbox_counts c;
    fx_ok(f, store_outbox_counts(f->store, platform, &c, &f->err));
    assert_int_equal(c.waiting, waiting);
    assert_int_equal(c.dead, dead);
    assert_int_equal(c.bytes, bytes);
    assert_int_equal(c.oldest, oldest);
}

static int64_t number_of(struct fx *f, const char *what, const char *platform) {
    char text[256];
    (void)snprintf(text, sizeof text, "SELECT %s FROM outbox JOIN platform ON platform.id = outbox.platform WHERE platform.name LIKE '%s'",
                   what, platform);
    return fx_number(f, text);
}

static void compare(struct fx *f) {
    static const char *const names[] = {"city", "town", NULL};
    struct store_info info;
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_equal(info.incidents, fx_number(f, "SELECT count(*) FROM incident"));
    for (int i = 0; i < 3; i++) {
        const char *like = names[i] ? names[i] : "%";
        same_as_the_file(f, names[i], number_of(f, "coalesce(sum(outbox.dead = 0), 0)", like),
                         number_of(f, "coalesce(sum(outbox.dead), 0)", like), number_of(f, "coalesce(sum(bytes), 0)", like),
                         number_of(f, "min(queued)", like));
    }
}

static unsigned chance(unsigned *seed, unsigned n) {
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % n;
}

/* An incident changes, a message gets through, fails or dies, is sent again, gives way, is trimmed; batches fail. */
static void counts_follow_every_change(void **state) {
    struct fx *f = *state;
    uint32_t revision[24] = {0};
    unsigned seed = 1;
    fx_close(f);
    f->conf.outbox_max_bytes = 6000;
    f->conf.closed_max_age = 100;
    fx_open(f);
    static const char *const both[] = {"city", "town"};
    for (int step = 0; step < 600; step++) {
        unsigned k = chance(&seed, 24), what = chance(&seed, 12);
        int64_t now = T0 + step;
        char id[32];
        size_t n;
        bool more;
        (void)snprintf(id, sizeof id, "01COUNTED%02u", k);
        if (what < 6) {
            struct effect_incident *e = fx_incident(f, id, ++revision[k], (enum severity)(1 + chance(&seed, 4)), 60 + chance(&seed, 600));
            e->platforms = chance(&seed, 4);
            e->over = chance(&seed, 3) == 0;
            e->updated = now;
            if (what == 0)
                fx_incident(f, "", 1, SEVERITY_MINOR, 40); /* nothing of the batch comes in */
            assert_int_equal(fx_try_commit(f, now), what == 0 ? GF_EINVAL : 0);
            effects_reset(&f->effects);
        } else if (what < 10) {
            struct outbox_outcome o = {.platform = both[chance(&seed, 2)],
                                       .incident = id,
                                       .revision = revision[k] - (chance(&seed, 4) == 0),
                                       .result = (enum outbox_result)chance(&seed, 3),
                                       .next_try = now + 10,
                                       .why = "down"};
            fx_ok(f, store_outbox_outcomes(f->store, &o, 1, &f->err));
        } else if (what == 10) {
            (void)!store_outbox_resend(f->store, NULL, chance(&seed, 2) ? "town" : NULL, ~0u, id, now, &n, &f->err);
        } else {
            fx_ok(f, store_trim(f->store, now, 10, &more, &f->err));
        }
        if (step % 10 == 0)
            compare(f);
        if (step % 100 == 0)
            fx_reopen(f);
    }
    compare(f);
    assert_true(number_of(f, "sum(outbox.dead)", "%") > 0);
    assert_true(fx_number(f, "SELECT sum(value) FROM meta WHERE name LIKE 'gave_way_rows%'") > 0);
    const char *one[] = {"town"};
    fx_ok(f, store_platforms(f->store, one, 1, &f->err));
    struct store_outbox_counts c;
    fx_ok(f, store_outbox_counts(f->store, NULL, &c, &f->err));
    assert_int_equal(c.orphaned, number_of(f, "count(*)", "city"));
    assert_int_equal(c.waiting + c.dead, number_of(f, "count(*)", "town"));
    assert_int_equal(c.bytes, number_of(f, "sum(bytes)", "%"));
}

/* Steps of SQLite's machine since the last call: how much was looked at, whatever the machine's mood. */
static int64_t steps(struct fx *f) {
    int64_t sum = 0;
    for (int i = 0; i < SQL_COUNT; i++)
        sum += sqlite3_stmt_status(f->store->slots[i].st, SQLITE_STMTSTATUS_VM_STEP, 1);
    return sum;
}

static int64_t steps_of_asking(struct fx *f) {
    struct store_outbox_counts c;
    struct store_info info;
    (void)steps(f);
    fx_ok(f, store_outbox_counts(f->store, NULL, &c, &f->err));
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_not_equal(c.oldest, TIME_NONE);
    return steps(f);
}

static void fill(struct fx *f, int from, int to, int severities) {
    for (int i = from; i < to; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "01MANY%08d", i);
        fx_event(f, T0 + i, "lamp-1", "{\"on\":true}");
        fx_incident(f, id, 1, (enum severity)(1 + i % severities), 60);
    }
    fx_commit(f, T0 + to);
}

static void asking_costs_the_same(void **state) {
    struct fx *f = *state;
    fill(f, 0, 20, 4);
    int64_t few = steps_of_asking(f);
    for (int i = 20; i < 3020; i += 500)
        fill(f, i, i + 500, 4);
    assert_in_range(steps_of_asking(f), 1, few);
}

/* Per row that gives way; the commit that makes it do so brings one incident. */
static int64_t steps_of_giving_way(struct fx *f, int rows) {
    struct store_outbox_counts before, after;
    fx_close(f);
    f->conf.outbox_max_bytes = 0;
    fx_open(f);
    fill(f, rows / 9, rows, 1);
    fx_ok(f, store_outbox_counts(f->store, NULL, &before, &f->err));
    fx_close(f);
    f->conf.outbox_max_bytes = before.bytes;
    fx_open(f);
    (void)steps(f);
    fill(f, rows, rows + 1, 1);
    fx_ok(f, store_outbox_counts(f->store, NULL, &after, &f->err));
    assert_true(before.waiting > after.waiting);
    return steps(f) / (int64_t)(before.waiting - after.waiting);
}

static void giving_way_looks_at_what_gives_way(void **state) {
    struct fx *f = *state;
    int64_t few = steps_of_giving_way(f, 300);
    assert_in_range(steps_of_giving_way(f, 3000), 1, few + few / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_follow_every_change, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(asking_costs_the_same, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(giving_way_looks_at_what_gives_way, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store counts", tests, NULL, NULL);
}
