/* SPDX-License-Identifier: Apache-2.0
 * store_commit and what is there after a restart: events, state, devices, open incidents, acks, clock, answers. */
#include "store_fx.h"

#include <stdlib.h>
#include <string.h>

#include "gengfu/base/fault.h"

struct seen {
    size_t n;
    char text[65536];
    size_t len;
    int stop_at; /* the call that gives 7 */
};

static int note(struct seen *s, const char *fmt, ...) GF_PRINTF(2, 3);
static int note(struct seen *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(s->text + s->len, sizeof s->text - s->len, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && s->len + (size_t)n < sizeof s->text);
    s->len += (size_t)n;
    s->n++;
    return s->stop_at && s->n == (size_t)s->stop_at ? 7 : 0;
}

static int on_state(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    assert_int_equal(strlen(body), len);
    return note(ctx, "%s/%llx/%s=%s;", rule, (unsigned long long)hash, key, body);
}

static int on_text(void *ctx, const char *name, const char *body, size_t len) {
    assert_int_equal(strlen(body), len);
    return note(ctx, "%s=%s;", name, body);
}

static int on_id(void *ctx, const char *name, const char *body, size_t len) {
    assert_non_null(memmem(body, len, name, strlen(name)));
    return note(ctx, "%s;", name);
}

static int on_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    assert_int_equal(strlen(body), len);
    assert_int_equal(arrived - time, 5);
    return note(ctx, "%lld@%lld;", (long long)row, (long long)(arrived - T0));
}

static int on_ack(void *ctx, uint16_t mid, uint64_t hash) { return note(ctx, "%u:%llx;", mid, (unsigned long long)hash); }

static void empty_store(void **state) {
    struct fx *f = *state;
    struct store_clock c;
    struct seen s = {0};
    store_clock(f->store, &c);
    assert_int_equal(c.mono, TIME_NONE);
    assert_int_equal(c.wall, TIME_NONE);
    fx_ok(f, store_each_state(f->store, on_state, &s, &f->err));
    fx_ok(f, store_each_device(f->store, on_text, &s, &f->err));
    fx_ok(f, store_each_open_incident(f->store, on_id, &s, &f->err));
    fx_ok(f, store_each_tail_event(f->store, on_event, &s, &f->err));
    fx_ok(f, store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &s, &f->err));
    fx_ok(f, store_each_ack(f->store, on_ack, &s, &f->err));
    assert_int_equal(s.n, 0);
    struct store_info i;
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_int_equal(i.journal_rows, 0);
    assert_int_equal(i.journal_oldest, TIME_NONE);
    assert_int_equal(i.incidents, 0);
}

static void everything_is_there_after_a_restart(void **state) {
    struct fx *f = *state;
    for (int i = 0; i < 3; i++)
        fx_event(f, T0 + i, "lamp-1", "{\"on\":true}");
    fx_state(f, "lamp-out", 0xfeedfacecafebeefULL, "lamp-1", "{\"since\":1}");
    fx_state(f, "door", 2, "door-1", "{}");
    fx_device(f, "lamp-1", "{\"seen\":5}");
    fx_incident(f, "01AAAAAAAAAAAAAAAAAAAAAAAA", 1, SEVERITY_SEVERE, 500);
    fx_incident(f, "01AAAAAAAAAAAAAAAAAAAAAAAB", 1, SEVERITY_MINOR, 500)->over = true;
    fx_answer(f, "c1", "platform:city", "{\"ok\":true}");
    fx_ack(f, 1, 0xffffffffffffffffULL);
    fx_ack(f, 65535, 2);
    fx_commit(f, T0 + 100);
    for (int pass = 0; pass < 2; pass++) {
        struct seen s = {0};
        struct store_clock c;
        store_clock(f->store, &c);
        assert_int_equal(c.mono, 100);
        assert_int_equal(c.wall, T0 + 100);
        fx_ok(f, store_each_tail_event(f->store, on_event, &s, &f->err));
        assert_string_equal(s.text, "1@0;2@1;3@2;");
        s = (struct seen){0};
        fx_ok(f, store_each_state(f->store, on_state, &s, &f->err));
        assert_string_equal(s.text, "door/2/door-1={};lamp-out/feedfacecafebeef/lamp-1={\"since\":1};");
        s = (struct seen){0};
        fx_ok(f, store_each_device(f->store, on_text, &s, &f->err));
        assert_string_equal(s.text, "lamp-1={\"seen\":5};");
        s = (struct seen){0};
        fx_ok(f, store_each_open_incident(f->store, on_id, &s, &f->err));
        assert_string_equal(s.text, "01AAAAAAAAAAAAAAAAAAAAAAAA;");
        s = (struct seen){0};
        fx_ok(f, store_each_ack(f->store, on_ack, &s, &f->err));
        assert_string_equal(s.text, "1:ffffffffffffffff;65535:2;");
        const char *body = NULL;
        assert_int_equal(store_answer(f->store, "c1", "platform:city", &f->arena, &body, &f->err), 1);
        assert_string_equal(body, "{\"ok\":true}");
        assert_int_equal(store_answer(f->store, "c1", "platform:town", &f->arena, &body, &f->err), 0);
        assert_int_equal(store_answer(f->store, "c2", "platform:city", &f->arena, &body, &f->err), 0);
        assert_int_equal(store_answer(f->store, "", "uid:0", &f->arena, &body, &f->err), 0);
        fx_reopen(f);
    }
}

static void state_goes_by_name_and_hash(void **state) {
    struct fx *f = *state;
    struct seen s = {0};
    fx_state(f, "r", 1, "a", "{\"v\":1}");
    fx_state(f, "r", 1, "b", "{\"v\":1}");
    fx_commit(f, T0);
    fx_state(f, "r", 1, "a", "{\"v\":2}");
    fx_state(f, "r", 2, "b", "{\"v\":9}"); /* the rule has a new meaning; the old state's end comes behind */
    fx_state(f, "r", 1, "b", NULL);
    fx_state(f, "r", 1, "none", NULL);
    fx_commit(f, T0);
    fx_ok(f, store_each_state(f->store, on_state, &s, &f->err));
    assert_string_equal(s.text, "r/1/a={\"v\":2};r/2/b={\"v\":9};");
    fx_state(f, "r", 1, "a", NULL);
    fx_device(f, "x", "{}");
    fx_commit(f, T0);
    fx_device(f, "x", NULL);
    fx_commit(f, T0);
    s = (struct seen){0};
    fx_ok(f, store_each_state(f->store, on_state, &s, &f->err));
    fx_ok(f, store_each_device(f->store, on_text, &s, &f->err));
    assert_string_equal(s.text, "r/2/b={\"v\":9};");
}

struct kept {
    int batches, n;
    uint64_t first, last;
};
static int on_kept(void *ctx, uint16_t mid, uint64_t hash) {
    struct kept *k = ctx;
    (void)mid;
    if (!k->n++ || hash != k->last) {
        assert_true(k->batches == 0 || hash == k->last + 1);
        k->first = k->batches++ ? k->first : hash;
        k->last = hash;
    }
    return 0;
}

/* So many batches with acks, the last of them with the number `last`; what is kept of them. */
static void keeps(struct fx *f, int batches, int acks, uint64_t last, int want) {
    for (int b = 0; b < batches; b++) {
        for (int i = 0; i < acks; i++)
            fx_ack(f, (uint16_t)(i + 1), last - (uint64_t)(batches - 1 - b));
        if (b % 2)
            fx_event(f, T0 + b, "d", "{}");
        fx_commit(f, T0 + b);
        fx_event(f, T0 + b, "d", "{}"); /* a batch without acks counts for nothing */
        if (b % 7 == 0)
            fx_commit(f, T0 + b);
        if (b % 97 == 0)
            fx_reopen(f);
    }
    for (int pass = 0; pass < 2; pass++) {
        struct kept k = {0};
        fx_ok(f, store_each_ack(f->store, on_kept, &k, &f->err));
        assert_int_equal(k.batches, want);
        assert_int_equal(k.last, last);
        assert_int_equal(k.first, last - (uint64_t)(want - 1));
        fx_reopen(f);
    }
}

/* As many as a broker may send again: so many acks, of so many batches at least, of so many at most. */
static void the_last_acks_are_kept(void **state) {
    struct fx *f = *state;
    keeps(f, 40, STORE_ACKS / STORE_ACK_BATCHES, 40, STORE_ACK_BATCHES);
    keeps(f, STORE_ACK_MOST + 30, 1, 40 + STORE_ACK_MOST + 30, STORE_ACK_MOST);
}

static void enough_acks_are_enough(void **state) { keeps(*state, 60, 2000, 60, (STORE_ACKS + 1999) / 2000); }

static void a_callback_can_stop(void **state) {
    struct fx *f = *state;
    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "d%d", i);
        fx_event(f, T0, "d", "{}");
        fx_state(f, name, 1, "k", "{}");
        fx_device(f, name, "{}");
        fx_incident(f, name, 1, SEVERITY_MINOR, 10);
        fx_ack(f, (uint16_t)i, 1);
    }
    fx_commit(f, T0);
    for (int pass = 0; pass < 2; pass++) { /* and what was stopped can be begun again */
        struct seen s = {.stop_at = 2};
        assert_int_equal(store_each_state(f->store, on_state, &s, &f->err), 7);
        s = (struct seen){.stop_at = 2};
        assert_int_equal(store_each_device(f->store, on_text, &s, &f->err), 7);
        s = (struct seen){.stop_at = 2};
        assert_int_equal(store_each_tail_event(f->store, on_event, &s, &f->err), 7);
        s = (struct seen){.stop_at = 2};
        assert_int_equal(store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &s, &f->err), 7);
        s = (struct seen){.stop_at = 2};
        assert_int_equal(store_each_open_incident(f->store, on_id, &s, &f->err), 7);
        s = (struct seen){.stop_at = 2};
        assert_int_equal(store_each_ack(f->store, on_ack, &s, &f->err), 7);
        assert_int_equal(s.n, 2);
    }
}

static void the_tail_begins_behind_the_checkpoint(void **state) {
    struct fx *f = *state;
    for (int i = 0; i < 10; i++) {
        fx_event(f, T0 + i, "d", "{}");
        fx_commit(f, T0 + i);
        if (i == 6)
            fx_ok(f, store_checkpoint_done(f->store, &f->err));
    }
    for (int pass = 0; pass < 2; pass++) {
        struct seen s = {0};
        fx_ok(f, store_each_tail_event(f->store, on_event, &s, &f->err));
        assert_string_equal(s.text, "8@7;9@8;10@9;");
        fx_reopen(f);
    }
}

static void a_batch_of_nothing_moves_the_clock(void **state) {
    struct fx *f = *state;
    struct store_clock c;
    struct store_batch b = {.mono = 42, .wall = T0};
    fx_ok(f, store_commit(f->store, &b, &f->err));
    fx_reopen(f);
    store_clock(f->store, &c);
    assert_int_equal(c.mono, 42);
    assert_int_equal(c.wall, T0);
    b = (struct store_batch){.mono = INT64_MAX, .wall = INT64_MIN + 1};
    fx_ok(f, store_commit(f->store, &b, &f->err));
    fx_reopen(f);
    store_clock(f->store, &c);
    assert_int_equal(c.mono, INT64_MAX);
    assert_int_equal(c.wall, INT64_MIN + 1);
}

static void a_batch_that_is_not_whole_is_refused(void **state) {
    struct fx *f = *state;
    fx_event(f, T0, "d", "{}");
    f->effects.failed = true;
    assert_int_equal(fx_try_commit(f, T0), GF_ENOMEM);
    f->effects.failed = false;
    fx_incident(f, "", 1, SEVERITY_MINOR, 10);
    assert_int_equal(fx_try_commit(f, T0), GF_EINVAL);
    struct seen s = {0};
    fx_ok(f, store_each_tail_event(f->store, on_event, &s, &f->err));
    assert_int_equal(s.n, 0);
}

/* Large batches, large events, events that do not pack, and many chunks. */
static void batches_of_any_size(void **state) {
    struct fx *f = *state;
    int64_t n = 0;
    unsigned r = 1;
    for (int size = 1; size < 6000; size = size * 3 + 1) {
        for (int i = 0; i < size; i++) {
            char fields[64];
            r = r * 1103515245U + 12345U;
            (void)snprintf(fields, sizeof fields, "{\"v\":%u}", r);
            fx_event(f, T0 + n++, "d", fields);
        }
        fx_commit(f, T0 + n);
    }
    size_t big = 3000000;
    char *body = arena_alloc(&f->effects.arena, big + 1);
    assert_non_null(body);
    for (size_t i = 0; i < big; i++) {
        r = r * 1103515245U + 12345U;
        body[i] = (char)(32 + (r >> 16) % 90);
    }
    body[big] = 0;
    effects_event(&f->effects, &(struct effect_event){.time = T0 + n - 5, .arrived = T0 + n, .body = body, .len = big});
    n++;
    fx_event(f, T0 + n++, "d", "{}");
    fx_commit(f, T0 + n);
    struct store_info info;
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_equal(info.journal_rows, n);
    assert_int_equal(info.journal_oldest, T0);
    fx_reopen(f);
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_equal(info.journal_rows, n);
    struct seen *s = calloc(1, sizeof *s);
    assert_non_null(s);
    fx_ok(f, store_each_event(f->store, T0 + n - 3, TIME_NONE, NULL, on_event, s, &f->err));
    assert_int_equal(s->n, 3);
    free(s);
}

static void the_same_batch_again_after_a_failure(void **state) {
    struct fx *f = *state;
    fx_event(f, T0, "d", "{}");
    fx_commit(f, T0);
    fx_event(f, T0 + 1, "d", "{}");
    fx_state(f, "r", 1, "k", "{}");
    fx_incident(f, "i1", 1, SEVERITY_SEVERE, 100);
    fx_ack(f, 9, 9);
    setenv("GENGFU_FAULT", "store.commit=fail", 1);
    fault_init();
    assert_int_equal(fx_try_commit(f, T0 + 1), GF_EFULL);
    unsetenv("GENGFU_FAULT");
    fault_init();
    struct store_clock c;
    struct seen s = {0};
    store_clock(f->store, &c);
    assert_int_equal(c.wall, T0);
    fx_ok(f, store_each_state(f->store, on_state, &s, &f->err));
    fx_ok(f, store_each_ack(f->store, on_ack, &s, &f->err));
    assert_int_equal(s.n, 0);
    fx_ok(f, store_each_tail_event(f->store, on_event, &s, &f->err));
    assert_string_equal(s.text, "1@0;");
    fx_commit(f, T0 + 1);
    s = (struct seen){0};
    fx_ok(f, store_each_tail_event(f->store, on_event, &s, &f->err));
    fx_ok(f, store_each_state(f->store, on_state, &s, &f->err));
    fx_ok(f, store_each_ack(f->store, on_ack, &s, &f->err));
    assert_string_equal(s.text, "1@0;2@1;r/1/k={};9:9;");
}

static void acks_of(struct fx *f, const char *want) {
    for (int again = 0; again < 2; again++) {
        struct seen s = {0};
        fx_ok(f, store_each_ack(f->store, on_ack, &s, &f->err));
        assert_string_equal(s.text, want);
        if (!again)
            fx_reopen(f);
    }
}

/* A new session of the broker's numbers anew: what was acknowledged in the one before says nothing any more, also after a restart. */
static void acks_are_forgotten(void **state) {
    struct fx *f = *state;
    fx_ok(f, store_forget_acks(f->store, &f->err)); /* there are none */
    fx_ack(f, 9, 9);
    fx_commit(f, T0);
    fx_event(f, T0, "d", "{}");
    fx_commit(f, T0);
    acks_of(f, "9:9;");
    fx_ok(f, store_forget_acks(f->store, &f->err));
    acks_of(f, "");
    fx_event(f, T0, "d", "{}");
    fx_commit(f, T0);
    acks_of(f, "");
    fx_ack(f, 1, 5);
    fx_commit(f, T0);
    acks_of(f, "1:5;");
}

static int commit_inside(void *ctx, const char *name, const char *body, size_t len) {
    struct fx *f = ctx;
    (void)name;
    (void)body;
    (void)len;
    struct store_batch b = {.mono = 1, .wall = T0};
    assert_int_equal(store_commit(f->store, &b, &f->err), GF_EBUG);
    assert_int_equal(store_each_device(f->store, commit_inside, f, &f->err), GF_EBUG);
    return 3;
}

static void a_listing_that_is_open_refuses_a_commit(void **state) {
    struct fx *f = *state;
    fx_device(f, "x", "{}");
    fx_commit(f, T0);
    assert_int_equal(store_each_device(f->store, commit_inside, f, &f->err), 3);
    fx_commit(f, T0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_store, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(everything_is_there_after_a_restart, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(state_goes_by_name_and_hash, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(acks_are_forgotten, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_last_acks_are_kept, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(enough_acks_are_enough, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_callback_can_stop, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_tail_begins_behind_the_checkpoint, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_batch_of_nothing_moves_the_clock, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_is_not_whole_is_refused, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(batches_of_any_size, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_same_batch_again_after_a_failure, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_listing_that_is_open_refuses_a_commit, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store commit", tests, NULL, NULL);
}
