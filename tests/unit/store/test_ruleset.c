/* SPDX-License-Identifier: Apache-2.0
 * Rule sets that were in force; the reserve; stamps of the journal that are put right. */
#include "store_fx.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gengfu/base/crypt.h"
#include "store/store_int.h"

/* -- rule sets -------------------------------------------------------------------------------------------------------------------- */

static void force(struct fx *f, const char *hash, const char *body, size_t len, int64_t at) {
    struct store_ruleset r = {.hash = hash, .at = at, .who = "test", .body = body, .len = len};
    struct store_batch b = {.ruleset = &r, .mono = at, .wall = at};
    fx_ok(f, store_commit(f->store, &b, &f->err));
}

static int list(void *ctx, const struct store_ruleset *r) {
    char *text = ctx;
    size_t n = strlen(text);
    (void)snprintf(text + n, 1024 - n, "%s ", r->hash);
    assert_string_equal(r->who, "test");
    assert_null(r->body);
    return 0;
}

static const char *listing(struct fx *f) {
    static char text[1024];
    text[0] = 0;
    fx_ok(f, store_each_ruleset(f->store, list, text, &f->err));
    return text;
}

static void check_body(struct fx *f, const char *hash, const char *want_hash, const char *want, size_t len) {
    char got[STORE_HASH_TEXT];
    struct buf body;
    buf_init(&body, STORE_RULESET_MAX);
    fx_ok(f, store_ruleset(f->store, hash, &body, got, &f->err));
    assert_string_equal(got, want_hash);
    assert_int_equal(body.len, len);
    assert_memory_equal(body.data, want, len);
    buf_done(&body);
}

static void kept_and_given_back(void **state) {
    struct fx *f = *state;
    char got[STORE_HASH_TEXT], name[32];
    struct buf body;
    assert_string_equal(listing(f), "");
    buf_init(&body, 0);
    assert_int_equal(store_ruleset(f->store, NULL, &body, got, &f->err), GF_ENOTFOUND);
    force(f, "a", "one", 3, T0);
    force(f, "b", "", 0, T0 + 1);
    fx_reopen(f);
    assert_string_equal(listing(f), "b a ");
    check_body(f, NULL, "b", "", 0);
    check_body(f, "a", "a", "one", 3);
    /* back to an earlier one: one row a set */
    force(f, "a", "one", 3, T0 + 2);
    assert_string_equal(listing(f), "a b ");
    check_body(f, NULL, "a", "one", 3);
    assert_int_equal(store_ruleset(f->store, "c", &body, got, &f->err), GF_ENOTFOUND);
    for (int i = 0; i < STORE_RULESETS + 3; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        force(f, name, name, strlen(name), T0 + 10 + i);
    }
    assert_string_equal(listing(f), "s10 s9 s8 s7 s6 s5 s4 s3 ");
    buf_done(&body);
}

static int64_t packed_bytes(struct fx *f) {
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->store->db, "SELECT length(body) FROM ruleset", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

static void large_ones(void **state) {
    struct fx *f = *state;
    size_t len = STORE_RULESET_MAX;
    char *text = malloc(len + 1);
    assert_non_null(text);
    for (size_t i = 0; i <= len; i++)
        text[i] = (char)(i % 251 ? 'a' + i % 7 : i >> 8);
    force(f, "large", text, len, T0);
    check_body(f, NULL, "large", text, len);
    assert_true(packed_bytes(f) < (int64_t)len / 4);
    struct prng dice;
    prng_seed(&dice, 1);
    for (size_t i = 0; i < 200000; i++) /* what does not shrink */
        text[i] = (char)prng_next(&dice);
    force(f, "odd", text, 200000, T0 + 1);
    check_body(f, "odd", "odd", text, 200000);
    struct store_ruleset r = {.hash = "x", .at = T0, .body = text, .len = len + 1};
    struct store_batch b = {.ruleset = &r, .mono = T0, .wall = T0};
    assert_int_equal(store_commit(f->store, &b, &f->err), GF_ELIMIT);
    assert_string_equal(listing(f), "odd large ");
    free(text);
}

static void with_its_batch_or_not_at_all(void **state) {
    struct fx *f = *state;
    struct store_ruleset r = {.hash = "a", .at = T0, .who = "test", .body = "one", .len = 3};
    fx_event(f, T0, "lamp-1", "{}");
    struct store_batch b = {.effects = &f->effects, .ruleset = &r, .mono = T0, .wall = T0};
    fx_vfs.fail_sync = 1;
    fx_vfs.code = SQLITE_IOERR_FSYNC;
    assert_true(store_commit(f->store, &b, &f->err) < 0);
    fx_vfs.fail_sync = 0;
    assert_string_equal(listing(f), "");
    fx_ok(f, store_commit(f->store, &b, &f->err));
    assert_string_equal(listing(f), "a ");
}

static void damaged_ones_are_told(void **state) {
    static const char *const bodies[] = {"x'00'", "x'010000020000'", "x'ffffff010000aa'", "x'050000050000aabb'", "x'100000040000ffffffff'"};
    struct fx *f = *state;
    char got[STORE_HASH_TEXT], sql[128];
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct buf body;
        force(f, "a", "one", 3, T0);
        (void)snprintf(sql, sizeof sql, "UPDATE ruleset SET body = %s", bodies[i]);
        assert_int_equal(sqlite3_exec(f->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
        buf_init(&body, 0);
        assert_int_equal(store_ruleset(f->store, NULL, &body, got, &f->err), GF_ECORRUPT);
        assert_says(f, "cannot be read");
        buf_done(&body);
    }
}

static void salvaged(void **state) {
    struct fx *f = *state;
    struct store_salvaged found;
    char name[400];
    force(f, "a", "one", 3, T0);
    force(f, "b", "two", 3, T0 + 1);
    fx_close(f);
    fx_ok(f, store_set_aside(f->path, T0, name, sizeof name, &f->err));
    fx_open(f);
    fx_ok(f, store_salvage(f->store, name, &found, &f->err));
    assert_string_equal(listing(f), "b a ");
    check_body(f, NULL, "b", "two", 3);
}

/* -- reserve ----------------------------------------------------------------------------------------------------------------------- */

static void reserve(void **state) {
    struct fx *f = *state;
    char name[400];
    struct stat st;
    (void)snprintf(name, sizeof name, "%s-reserve", f->path);
    fx_ok(f, store_reserve_take(f->store, &f->err)); /* none is wanted */
    assert_int_not_equal(access(name, F_OK), 0);
    assert_false(store_reserve_give(f->store));
    fx_close(f);
    f->conf.reserve_bytes = 1 << 20;
    fx_open(f);
    fx_ok(f, store_reserve_take(f->store, &f->err));
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    assert_true((int64_t)st.st_blocks * 512 >= 1 << 20); /* real room */
    fx_ok(f, store_reserve_take(f->store, &f->err));
    assert_true(store_reserve_give(f->store));
    assert_false(store_reserve_give(f->store));
    assert_int_equal(truncate(name, 0), -1);
    fx_ok(f, store_reserve_take(f->store, &f->err));
    assert_true(store_room(f->store) > 0);
    assert_true(store_reserve_give(f->store));
    f->conf.reserve_bytes = 0;
}

/* -- stamps that are put right --------------------------------------------------------------------------------------------------------- */

struct seen {
    int64_t n, times[8000], arrived[8000];
};
static int on_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    struct seen *s = ctx;
    (void)row;
    (void)body;
    (void)len;
    assert_true(s->n < 8000);
    s->times[s->n] = time;
    s->arrived[s->n++] = arrived;
    return 0;
}

#define SHIFT (56 * 365 * TIME_DAY)
#define EARLY (T0 - SHIFT)

static void the_journal_is_put_right(void **state) {
    struct fx *f = *state;
    static struct seen s;
    const int before = 100, after = STORE_SEGMENT + 200; /* over several stretches, and from the middle of one */
    for (int i = 0; i < before; i++) {
        fx_event(f, T0 - 1000000 + i, "lamp-1", "{}");
        fx_commit(f, T0 - 1000000 + i);
    }
    int64_t mark = store_mark(f->store);
    for (int i = 0; i < after; i++) {
        fx_event(f, EARLY + i, "lamp-1", "{}");
        fx_commit(f, EARLY + i);
    }
    fx_ok(f, store_restamp(f->store, mark, SHIFT, &f->err));
    for (int i = 0; i < 10; i++) {
        fx_event(f, T0 + after + i, "lamp-1", "{}");
        fx_commit(f, T0 + after + i);
    }
    for (int again = 0; again < 2; again++) {
        s.n = 0;
        fx_ok(f, store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &s, &f->err));
        assert_int_equal(s.n, before + after + 10);
        for (int i = 0; i < before; i++)
            assert_true(s.arrived[i] == T0 - 1000000 + i);
        for (int i = 0; i < after + 10; i++) {
            assert_true(s.arrived[before + i] == T0 + i);
            assert_true(s.arrived[before + i] - s.times[before + i] == s.arrived[0] - s.times[0]);
        }
        /* found by their new times, and not by the old ones */
        s.n = 0;
        fx_ok(f, store_each_event(f->store, T0 + 10, T0 + after, NULL, on_event, &s, &f->err));
        assert_int_equal(s.n, after - 10);
        s.n = 0;
        fx_ok(f, store_each_event(f->store, EARLY, EARLY + after, NULL, on_event, &s, &f->err));
        assert_int_equal(s.n, 0);
        fx_reopen(f);
    }
}

int main(void) {
    fx_vfs_use();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kept_and_given_back, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(large_ones, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(with_its_batch_or_not_at_all, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(damaged_ones_are_told, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(salvaged, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(reserve, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_journal_is_put_right, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
