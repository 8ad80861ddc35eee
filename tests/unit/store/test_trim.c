/* SPDX-License-Identifier: Apache-2.0
 * Upkeep: the journal by age and size, also when the clock stepped; closed incidents, answers. A file that stays the size it is. */
#include "store_fx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_int.h"

struct seen {
    int64_t n, first, last, acks;
};
static int on_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    struct seen *s = ctx;
    (void)time;
    (void)arrived;
    (void)body;
    (void)len;
    if (!s->n++)
        s->first = row;
    s->last = row;
    return 0;
}
static int on_ack(void *ctx, uint16_t mid, uint64_t hash) {
    struct seen *s = ctx;
    (void)mid;
    (void)hash;
    s->acks++;
    return 0;
}
static struct seen look(struct fx *f) {
    struct seen s = {0};
    struct store_info i;
    fx_ok(f, store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &s, &f->err));
    fx_ok(f, store_each_ack(f->store, on_ack, &s, &f->err));
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_int_equal(i.journal_rows, s.n);
    return s;
}

static void open_with(struct fx *f, struct store_conf conf) {
    fx_close(f);
    f->conf = conf;
    fx_open(f);
}

static int trim(struct fx *f, int64_t now, size_t budget) {
    int calls = 0;
    for (bool more = true; more; calls++) {
        fx_ok(f, store_trim(f->store, now, budget, &more, &f->err));
        assert_true(calls < 10000);
    }
    return calls;
}

static void write_events(struct fx *f, int64_t from, int n, int per_batch, int64_t step) {
    for (int i = 0; i < n; i++) {
        fx_event(f, from + i * step, "lamp-1", "{\"power\":12.5,\"on\":true}");
        if (i % per_batch == per_batch - 1 || i == n - 1)
            fx_commit(f, from + i * step);
    }
}

static void by_age(void **state) {
    struct fx *f = *state;
    open_with(f, (struct store_conf){.journal_max_age = TIME_HOUR});
    write_events(f, T0, 120, 1, TIME_MINUTE);
    assert_int_equal(trim(f, T0 + 30 * TIME_MINUTE, 50), 1); /* nothing is too old yet */
    assert_int_equal(look(f).n, 120);
    assert_int_equal(trim(f, T0 + 119 * TIME_MINUTE, 7), 9); /* 59 rows, 7 at a time */
    struct seen s = look(f);
    assert_int_equal(s.n, 61);
    assert_int_equal(s.first, 60);
    fx_reopen(f);
    assert_int_equal(look(f).n, 61);
    trim(f, T0 + 100 * TIME_DAY, 1000); /* the last row stays: it says which number comes next */
    assert_int_equal(look(f).n, 1);
    fx_reopen(f);
    write_events(f, T0 + 100 * TIME_DAY, 1, 1, 1);
    assert_int_equal(look(f).last, 121);
}

static void by_size(void **state) {
    struct fx *f = *state;
    struct store_info i;
    open_with(f, (struct store_conf){.journal_max_bytes = 20000});
    write_events(f, T0, 3000, 10, 1000);
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_true(i.journal_bytes > 40000);
    trim(f, T0, 100);
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_in_range(i.journal_bytes, 19000, 20000);
    struct seen s = look(f);
    assert_int_equal(s.last, 3000);
    assert_int_equal(s.first, 3001 - s.n);
    int64_t bytes = i.journal_bytes;
    fx_reopen(f);
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_int_equal(i.journal_bytes, bytes);
    assert_int_equal(look(f).n, s.n);
    /* Batches without events have chunks too, and count. */
    struct store_batch b = {0};
    for (int k = 0; k < 3000; k++) {
        b.wall = T0 + k;
        fx_ok(f, store_commit(f->store, &b, &f->err));
    }
    trim(f, T0, 100);
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_true(i.journal_bytes <= 20000);
}

static void without_limits_all_stays(void **state) {
    struct fx *f = *state;
    write_events(f, T0, 100, 1, TIME_DAY);
    assert_int_equal(trim(f, T0 + 1000 * TIME_DAY, 1000), 1);
    assert_int_equal(look(f).n, 100);
}

/* What the broker may send again must be recognised, however small the journal is. */
static void the_acks_outlive_the_journal(void **state) {
    struct fx *f = *state;
    open_with(f, (struct store_conf){.journal_max_bytes = 1, .journal_max_age = 1});
    for (int b = 0; b < 50; b++) {
        fx_event(f, T0 + b, "d", "{}");
        for (int i = 0; i < STORE_ACKS / STORE_ACK_BATCHES; i++)
            fx_ack(f, (uint16_t)b, 1);
        fx_commit(f, T0 + b);
    }
    trim(f, T0 + TIME_DAY, 1000);
    struct seen s = look(f);
    assert_int_equal(s.acks, STORE_ACKS);
    assert_int_equal(s.n, STORE_ACK_BATCHES);
    fx_reopen(f);
    assert_int_equal(look(f).acks, STORE_ACKS);
}

/* … but not whatever it takes: large events with few acknowledgements each leave those of the latest batches only. */
static void the_acks_have_their_room(void **state) {
    enum { EACH = 300 << 10, BATCHES = 100 };
    struct fx *f = *state;
    struct store_info i;
    uint64_t dice = 1;
    char *fields = malloc(EACH + 16);
    assert_non_null(fields);
    open_with(f, (struct store_conf){.journal_max_bytes = 1 << 20});
    for (int b = 0; b < BATCHES; b++) {
        size_t len = (size_t)snprintf(fields, 16, "{\"x\":\"");
        for (; len < EACH; len++) /* nothing that could be packed */
            fields[len] = (char)('0' + (dice = dice * 6364136223846793005U + 1442695040888963407U, dice >> 58));
        (void)snprintf(fields + len, 16, "\"}");
        fx_event(f, T0 + b, "d", fields);
        fx_ack(f, (uint16_t)b, 1);
        fx_commit(f, T0 + b);
        assert_int_equal(store_wants_trim(f->store), b > 3);
    }
    free(fields);
    trim(f, T0 + BATCHES, 1000);
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_in_range(i.journal_bytes, 10 << 20, 18 << 20);
    struct seen s = look(f);
    assert_in_range(s.acks, 2 * STORE_ACK_BATCHES, BATCHES - 1);
    assert_int_equal(s.acks, s.n);
    fx_reopen(f);
    assert_int_equal(look(f).acks, s.acks);
}

static void when_the_clock_was_wrong(void **state) {
    struct fx *f = *state;
    open_with(f, (struct store_conf){.journal_max_age = TIME_DAY});
    write_events(f, 1000, 1100, 1, 10);                /* 1970 */
    write_events(f, T0 + 365 * TIME_DAY, 1100, 1, 10); /* a year ahead */
    write_events(f, T0, 3000, 1, 10);                  /* right */
    trim(f, T0 + 60000, 100);
    struct seen s = look(f);
    assert_int_equal(s.n, 4100); /* 1970 is old; next year is kept while what came after it is young */
    assert_int_equal(s.first, 1101);
    trim(f, T0 + TIME_DAY + 20000, 100);
    s = look(f);
    assert_int_equal(s.n, 1000); /* what came after it is old now, so it is as well */
    assert_int_equal(s.first, 4201);
    trim(f, 5000, 100); /* booted without a clock again: nothing is thrown away for it */
    assert_int_equal(look(f).n, 1000);
}

static int64_t incidents(struct fx *f) {
    struct store_info i;
    fx_ok(f, store_info(f->store, &i, &f->err));
    return i.incidents;
}

static void closed_incidents(void **state) {
    struct fx *f = *state;
    open_with(f, (struct store_conf){.closed_max_age = TIME_DAY});
    for (int i = 0; i < 1000; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "01TRIM%04d", i);
        struct effect_incident *e = fx_incident(f, id, 1, SEVERITY_MINOR, 60);
        e->over = i % 2;
        e->platforms = i == 1 ? 1 : 0;
        e->updated = T0 + i;
        if (i % 100 == 99)
            fx_commit(f, T0 + i);
    }
    trim(f, T0 + TIME_DAY, 100);
    assert_int_equal(incidents(f), 1000);
    trim(f, T0 + TIME_DAY + 500, 100); /* up to number 499, of which 250 are over, and one of those still waits for its platform */
    assert_int_equal(incidents(f), 751);
    struct outbox_outcome o = {.platform = "city", .incident = "01TRIM0001", .revision = 1, .result = OUTBOX_CONFIRMED};
    fx_ok(f, store_outbox_outcomes(f->store, &o, 1, &f->err));
    trim(f, T0 + TIME_DAY + 500, 100);
    assert_int_equal(incidents(f), 750);
    trim(f, T0 + 100 * TIME_DAY, 100);
    assert_int_equal(incidents(f), 500);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM revision"), 500);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM incident WHERE over = 0"), 500);
}

static void answers_are_bounded(void **state) {
    struct fx *f = *state;
    const char *body;
    for (int i = 0; i < STORE_ANSWERS + 500; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "c-%d", i);
        fx_answer(f, id, "platform:city", "{\"ok\":true}");
        if (i % 1000 == 999 || i == STORE_ANSWERS + 499)
            fx_commit(f, T0);
    }
    trim(f, T0, 200);
    assert_int_equal(store_answer(f->store, "c-499", "platform:city", &f->arena, &body, &f->err), 0);
    assert_int_equal(store_answer(f->store, "c-500", "platform:city", &f->arena, &body, &f->err), 1);
    char last[32];
    (void)snprintf(last, sizeof last, "c-%d", STORE_ANSWERS + 499);
    assert_int_equal(store_answer(f->store, last, "platform:city", &f->arena, &body, &f->err), 1);
}

static void a_steady_file(void **state) {
    struct fx *f = *state;
    struct store_info i;
    int64_t after_first = 0;
    open_with(f, (struct store_conf){.journal_max_bytes = 600000});
    for (int round = 0; round < 12; round++) {
        for (int b = 0; b < 400; b++) {
            for (int k = 0; k < 20; k++) {
                char fields[96];
                unsigned r = (unsigned)(round * 8000 + b * 20 + k) * 2654435761U;
                (void)snprintf(fields, sizeof fields, "{\"a\":%u,\"b\":%u,\"c\":%u}", r, r * 77U, r ^ 0x5bd1e995U);
                fx_event(f, T0 + b, "lamp-1", fields);
            }
            for (int k = 0; k < 20; k++)
                fx_ack(f, (uint16_t)k, 1);
            fx_commit(f, T0 + b);
            bool more;
            if (b % 10 == 9)
                fx_ok(f, store_trim(f->store, T0, 400, &more, &f->err));
        }
        fx_ok(f, store_info(f->store, &i, &f->err));
        if (round == 3)
            after_first = i.file_bytes;
    }
    assert_true(i.file_bytes <= after_first + after_first / 10);
    assert_true(i.wal_bytes <= 2 * STORE_WAL_PAGES * (STORE_PAGE_SIZE + 24));
    assert_true(i.journal_bytes <= 610000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_age, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(by_size, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(without_limits_all_stays, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_acks_outlive_the_journal, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_acks_have_their_room, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(when_the_clock_was_wrong, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(closed_incidents, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(answers_are_bounded, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_steady_file, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store trim", tests, NULL, NULL);
}
