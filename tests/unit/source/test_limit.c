/* SPDX-License-Identifier: Apache-2.0
 * The limiter: what passes, what waits, what is merged, and that what waits is in the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/source/limit.h"

struct fx {
    struct limiter *l;
    struct arena a;
    char edges[4096];
    struct row {
        char key[128], body[512];
    } rows[64];
    size_t nrows;
};

static void on_edge(void *ctx, const char *device, bool floods, uint64_t thinned) {
    struct fx *f = ctx;
    size_t n = strlen(f->edges);
    (void)snprintf(f->edges + n, sizeof f->edges - n, "%s%s ", floods ? "+" : "-", device);
    assert_true(thinned >= LIMIT_TELL);
}

static int on_row(void *ctx, const char *key, const char *body, size_t len) {
    struct fx *f = ctx;
    size_t i = 0;
    while (i < f->nrows && strcmp(f->rows[i].key, key) != 0)
        i++;
    if (!body) {
        assert_true(i < f->nrows); /* a row is only taken away that was written */
        f->rows[i] = f->rows[--f->nrows];
        return 0;
    }
    if (i == f->nrows)
        f->nrows++;
    (void)snprintf(f->rows[i].key, sizeof f->rows[i].key, "%s", key);
    (void)snprintf(f->rows[i].body, sizeof f->rows[i].body, "%.*s", (int)len, body);
    return 0;
}

static void changes(struct fx *f) { assert_int_equal(limiter_changes(f->l, on_row, f), 0); }

static void open_it(struct fx *f, int rate, int burst) {
    memset(f, 0, sizeof *f);
    arena_init(&f->a, 4096, 0);
    assert_int_equal(limiter_new(on_edge, f, &f->l), 0);
    limiter_set(f->l, rate, burst);
}

static void close_it(struct fx *f) {
    limiter_free(f->l);
    arena_done(&f->a);
}

/* One event of kind `kind` with up to two fields; what comes out. */
static const struct event *put(struct fx *f, const char *device, const char *kind, int64_t now, const char *name, int value) {
    struct event_field *fields = arena_alloc(&f->a, sizeof *fields);
    struct event *ev = arena_zalloc(&f->a, sizeof *ev);
    fields[0] = (struct event_field){atom_of(name), cel_int(value)};
    *ev = (struct event){.device = device, .kind = atom_of(kind), .time = now, .arrived = now, .nfields = 1, .fields = fields};
    return limiter_pass(f->l, ev, now, &f->a);
}

static int field(const struct event *ev, const char *name) {
    struct cel_value v;
    return event_field(ev, atom_of(name), &v) ? (int)(v.type == CEL_DOUBLE ? v.d : (double)v.i) : -1;
}

static void burst_then_rate(void **state) {
    struct fx f;
    (void)state;
    open_it(&f, 10, 5);
    int passed = 0;
    for (int i = 0; i < 100; i++)
        passed += put(&f, "d", "k", 1000, "n", i) != NULL;
    assert_int_equal(passed, 5);
    assert_int_equal(limiter_waiting(f.l), 1);
    assert_int_equal(limiter_thinned(f.l, NULL), 94); /* 5 passed, 1 waits */
    assert_int_equal(limiter_thinned(f.l, "d"), 94);
    /* the newest is the one that waits, and goes when the bucket allows one more */
    struct event ev;
    assert_false(limiter_next(f.l, 1050, &f.a, &ev));
    assert_true(limiter_due(f.l) <= 1300);
    assert_true(limiter_next(f.l, 1300, &f.a, &ev));
    assert_int_equal(field(&ev, "n"), 99);
    assert_false(limiter_next(f.l, 1300, &f.a, &ev));
    assert_int_equal(limiter_waiting(f.l), 0);
    /* for long: ten a second, whatever comes */
    passed = 0;
    for (int64_t now = 2000; now < 12000; now++)
        passed += put(&f, "d", "k", now, "n", 1) != NULL;
    assert_in_range(passed, 95, 110);
    close_it(&f);
}

static void neighbours_are_not_slowed(void **state) {
    struct fx f;
    char name[32];
    (void)state;
    open_it(&f, 10, 5);
    for (int i = 0; i < 5000; i++)
        (void)put(&f, "loud", "k", 1000 + i / 10, "n", i);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "quiet-%d", i);
        assert_non_null(put(&f, name, "k", 1500, "n", i));
    }
    close_it(&f);
}

static void fields_of_what_waits_are_not_lost(void **state) {
    struct fx f;
    struct event ev;
    (void)state;
    open_it(&f, 1, 1);
    assert_non_null(put(&f, "d", "k", 1000, "x", 0));
    assert_null(put(&f, "d", "k", 1000, "a", 1));
    assert_null(put(&f, "d", "k", 1000, "b", 2));
    assert_null(put(&f, "d", "other", 1000, "c", 3));
    assert_null(put(&f, "d", "k", 1000, "a", 4));
    assert_int_equal(limiter_waiting(f.l), 2);
    assert_true(limiter_next(f.l, 2100, &f.a, &ev));
    assert_string_equal(atom_name(ev.kind), "k");
    assert_int_equal(field(&ev, "a"), 4); /* the newest */
    assert_int_equal(field(&ev, "b"), 2); /* taken in */
    assert_false(limiter_next(f.l, 2100, &f.a, &ev));
    /* one that may go on takes in what still waits of its kind */
    const struct event *out = put(&f, "d", "other", 5000, "e", 5);
    assert_non_null(out);
    assert_int_equal(field(out, "c"), 3);
    assert_int_equal(field(out, "e"), 5);
    assert_int_equal(limiter_waiting(f.l), 0);
    close_it(&f);
}

static void what_waits_is_in_the_rows(void **state) {
    struct fx f, g;
    struct event ev;
    struct err err = {0};
    (void)state;
    open_it(&f, 1, 1);
    for (int i = 0; i < 3; i++)
        (void)put(&f, "d", "k", 1000, "n", i);
    (void)put(&f, "d", "m", 1000, "n", 7);
    changes(&f);
    assert_int_equal(f.nrows, 2);
    changes(&f);
    assert_int_equal(f.nrows, 2);
    /* killed here: the next run has them */
    open_it(&g, 1, 1);
    for (size_t i = 0; i < f.nrows; i++)
        assert_int_equal(limiter_restore(g.l, f.rows[i].body, strlen(f.rows[i].body), 50, &err), 0);
    assert_int_equal(limiter_waiting(g.l), 2);
    memcpy(g.rows, f.rows, sizeof f.rows);
    g.nrows = f.nrows;
    int n = 0;
    for (int64_t now = 50; now < 5000; now += 100)
        while (limiter_next(g.l, now, &g.a, &ev))
            n += field(&ev, "n");
    assert_int_equal(n, 2 + 7);
    changes(&g);
    assert_int_equal(g.nrows, 0);
    /* one that came and went between two batches leaves no row */
    (void)put(&f, "e", "k", 9000, "n", 1);
    (void)put(&f, "e", "k", 9000, "n", 2);
    assert_true(limiter_next(f.l, 10500, &f.a, &ev));
    assert_int_equal(limiter_restore(g.l, "{", 1, 60, &err), GF_EINVAL);
    close_it(&g);
    close_it(&f);
}

static void edges(void **state) {
    struct fx f;
    struct event ev;
    (void)state;
    open_it(&f, 10, 5);
    for (int i = 0; i < 5 + LIMIT_TELL; i++) /* one waits, the ninth of the others is not enough */
        (void)put(&f, "d", "k", 1000, "n", i);
    assert_string_equal(f.edges, "");
    (void)put(&f, "d", "k", 1000, "n", 99);
    assert_string_equal(f.edges, "+d ");
    assert_int_equal(limiter_flooding(f.l), 1);
    for (int64_t now = 1000; now < 1000 + LIMIT_QUIET; now += 200)
        (void)limiter_next(f.l, now, &f.a, &ev);
    assert_string_equal(f.edges, "+d ");
    (void)limiter_next(f.l, 1300 + LIMIT_QUIET, &f.a, &ev);
    assert_string_equal(f.edges, "+d -d ");
    assert_int_equal(limiter_flooding(f.l), 0);
    assert_true(limiter_due(f.l) == INT64_MAX);
    close_it(&f);
}

static void a_backlog_is_no_flood(void **state) {
    struct fx f;
    int passed = 0;
    (void)state;
    open_it(&f, 10, 5);
    limiter_credit(f.l, 3600 * 1000, 5000);
    for (int i = 0; i < 30000; i++)
        passed += put(&f, "d", "k", 5000 + i / 1000, "n", i) != NULL;
    assert_int_equal(passed, 30000); /* an hour at ten a second would be 36,000 */
    for (int i = 0; i < 30000; i++)
        passed += put(&f, "d", "k", 5100, "n", i) != NULL;
    assert_in_range(passed, 36000, 36020);
    close_it(&f);
}

static void ceilings(void **state) {
    struct fx f;
    char name[32];
    (void)state;
    open_it(&f, 10, 1);
    for (int i = 0; i < 3 * LIMIT_DEVICES; i++) {
        (void)snprintf(name, sizeof name, "new-%d", i);
        assert_non_null(put(&f, name, "k", 1000, "n", i));
        if (i % 1000 == 0)
            arena_reset(&f.a);
    }
    /* one that waits outlives a storm of new ones */
    assert_non_null(put(&f, "known", "k", 1000, "n", 1));
    assert_null(put(&f, "known", "k", 1000, "n", 2));
    for (int i = 0; i < 2 * LIMIT_DEVICES; i++) {
        (void)snprintf(name, sizeof name, "late-%d", i);
        assert_non_null(put(&f, name, "k", 1000, "n", i));
        if (i % 1000 == 0)
            arena_reset(&f.a);
    }
    assert_int_equal(limiter_waiting(f.l), 1);
    /* kinds beyond the ceiling go on: never is anything lost without a word */
    assert_non_null(put(&f, "many", "k", 1000, "n", 1));
    for (int i = 0; i < LIMIT_KINDS; i++) {
        (void)snprintf(name, sizeof name, "kind%d", i);
        assert_null(put(&f, "many", name, 1000, "n", i));
    }
    assert_non_null(put(&f, "many", "onemore", 1000, "n", 1));
    close_it(&f);
}

static void off(void **state) {
    struct fx f;
    struct event ev;
    (void)state;
    open_it(&f, 0, 1);
    for (int i = 0; i < 1000; i++)
        assert_non_null(put(&f, "d", "k", 1000, "n", i));
    /* switched off while something waits: what is newer does not go before it */
    limiter_set(f.l, 1, 1);
    assert_non_null(put(&f, "d", "k", 1000, "a", 1));
    assert_null(put(&f, "d", "k", 1000, "b", 2));
    limiter_set(f.l, 0, 1);
    const struct event *out = put(&f, "d", "k", 1001, "a", 3);
    assert_non_null(out);
    assert_int_equal(field(out, "b"), 2);
    assert_false(limiter_next(f.l, 9000, &f.a, &ev));
    close_it(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_rate),
        cmocka_unit_test(neighbours_are_not_slowed),
        cmocka_unit_test(fields_of_what_waits_are_not_lost),
        cmocka_unit_test(what_waits_is_in_the_rows),
        cmocka_unit_test(edges),
        cmocka_unit_test(a_backlog_is_no_flood),
        cmocka_unit_test(ceilings),
        cmocka_unit_test(off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
