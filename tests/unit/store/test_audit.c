/* SPDX-License-Identifier: Apache-2.0
 * The audit trail shows an edit, a missing entry, a missing end; and the online copy is a store like the one it is of. */
#include "store_fx.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gengfu/base/fault.h"
#include "store/store_int.h"

static void sql(struct fx *f, const char *text) {
    sqlite3 *db;
    fx_close(f);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    fx_open(f);
}

static void write_trail(struct fx *f, int n) {
    for (int i = 0; i < n; i++)
        fx_ok(f, store_audit(f->store, T0 + i, "uid:0", i % 2 ? "reload" : "silence", i % 3 ? "rules.d/10.yaml" : NULL, &f->err));
}

static int on_entry(void *ctx, const struct audit_entry *e) {
    int *n = ctx;
    assert_int_equal(e->at, T0 + *n);
    assert_string_equal(e->who, "uid:0");
    assert_string_equal(e->what, *n % 2 ? "reload" : "silence");
    if (*n % 3)
        assert_string_equal(e->detail, "rules.d/10.yaml");
    else
        assert_null(e->detail);
    assert_true(e->intact);
    ++*n;
    return 0;
}

static void the_trail_is_whole(void **state) {
    struct fx *f = *state;
    int n = 0;
    int64_t entries = -1;
    fx_ok(f, store_audit_verify(f->store, NULL, &entries, &f->err));
    assert_int_equal(entries, 0);
    write_trail(f, 3);
    fx_reopen(f); /* the chain goes on over a restart */
    for (int i = 3; i < 10; i++)
        fx_ok(f, store_audit(f->store, T0 + i, "uid:0", i % 2 ? "reload" : "silence", i % 3 ? "rules.d/10.yaml" : NULL, &f->err));
    fx_ok(f, store_each_audit(f->store, on_entry, &n, &f->err));
    assert_int_equal(n, 10);
    fx_ok(f, store_audit_verify(f->store, NULL, &entries, &f->err));
    assert_int_equal(entries, 10);
}

static void an_edit_shows(void **state) {
    struct fx *f = *state;
    static const struct {
        const char *edit, *says;
    } edits[] = {
        {"UPDATE audit SET who = 'uid:1000' WHERE id = 5", "entry 5 does not follow from entry 4"},
        {"UPDATE audit SET what = 'nothing' WHERE id = 1", "entry 1 was changed"},
        {"UPDATE audit SET detail = NULL WHERE id = 2", "entry 2 does not follow"},
        {"UPDATE audit SET detail = '' WHERE id = 1", "entry 1 was changed"},
        {"UPDATE audit SET at = at + 1 WHERE id = 10", "entry 10 does not follow"},
        {"UPDATE audit SET what = 'relo', detail = 'adrules.d/10.yaml' WHERE id = 6", "entry 6 does not follow"},
        {"UPDATE audit SET hash = (SELECT hash FROM audit WHERE id = 4) WHERE id = 5", "entry 5 does not follow"},
        {"DELETE FROM audit WHERE id = 1", "what came before it was taken out"},
        {"DELETE FROM audit WHERE id = 5", "entry 5 is missing"},
        {"INSERT INTO meta SELECT 'audit_anchor', hash FROM audit WHERE id = 3; DELETE FROM audit WHERE id <= 3", "it begins with entry 4"},
        {"DELETE FROM audit WHERE id IN (4, 5, 6)", "entries 4 to 6 are missing"},
        {"DELETE FROM audit WHERE id = 10", "was cut: it ends at entry 9, though 10 was written"},
        {"DELETE FROM audit", "was cut"},
        {"UPDATE audit SET id = id + 100 WHERE id = 3", "entry 3 is missing"},
        {"UPDATE audit SET id = 99 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = 99",
         "entry 3 does not follow from entry 2"},
        {"UPDATE audit SET id = -id WHERE id > 4; UPDATE audit SET id = 1 - id WHERE id < 0; INSERT INTO audit SELECT 5, at, 'uid:7', what, detail, hash FROM audit WHERE id = 4",
         "entry 5 does not follow from entry 4"},
        {"INSERT INTO audit SELECT 11, at, who, what, detail, hash FROM audit WHERE id = 10", "entry 11 does not follow"}};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        fx_close(f);
        (void)snprintf(f->path, sizeof f->path, "%.200s/edit-%zu.db", f->dir, i);
        fx_open(f);
        write_trail(f, 10);
        fx_ok(f, store_audit_verify(f->store, NULL, NULL, &f->err));
        sql(f, edits[i].edit);
        if (store_audit_verify(f->store, NULL, NULL, &f->err) != GF_ECORRUPT || !strstr(f->err.text, edits[i].says)) {
            print_error("%s: %s\n", edits[i].edit, f->err.text);
            fail();
        }
    }
}

/* Whoever can write the file can write the whole chain anew, and a shorter one: what was noted elsewhere shows it. */
static void a_new_chain_shows_by_a_noted_head(void **state) {
    struct fx *f = *state;
    char before[STORE_AUDIT_HEAD], head[STORE_AUDIT_HEAD];
    store_audit_head(f->store, head);
    assert_memory_equal(head, "0:0000", 6);
    write_trail(f, 5);
    store_audit_head(f->store, before);
    assert_memory_equal(before, "5:", 2);
    for (int i = 5; i < 10; i++)
        fx_ok(f, store_audit(f->store, T0 + i, "uid:0", "more", NULL, &f->err));
    store_audit_head(f->store, head);
    fx_reopen(f);
    fx_ok(f, store_audit_verify(f->store, before, NULL, &f->err));
    fx_ok(f, store_audit_verify(f->store, head, NULL, &f->err));
    sql(f, "DELETE FROM audit; DELETE FROM meta WHERE name = 'audit_last'");
    for (int i = 0; i < 7; i++)
        fx_ok(f, store_audit(f->store, T0 + i, "uid:0", "nothing happened", NULL, &f->err));
    fx_ok(f, store_audit_verify(f->store, NULL, NULL, &f->err)); /* whole in itself */
    assert_int_equal(store_audit_verify(f->store, before, NULL, &f->err), GF_ECORRUPT);
    assert_says(f, "written anew: entry 5 is not the one that was noted");
    assert_int_equal(store_audit_verify(f->store, head, NULL, &f->err), GF_ECORRUPT);
    assert_says(f, "was cut: it ends at entry 7, and 10 was noted elsewhere");
    static const char *const none[] = {"", "5", "5:", "x:00", "0:00", "5:0g", "-5:00"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(store_audit_verify(f->store, none[i], NULL, &f->err), GF_EINVAL);
}

static int on_latest(void *ctx, const struct audit_entry *e) {
    int64_t *last = ctx;
    assert_true(*last == 0 || e->id == *last - 1);
    *last = e->id;
    return 0;
}

static void the_latest_come_first(void **state) {
    struct fx *f = *state;
    int64_t last = 0;
    write_trail(f, 10);
    fx_ok(f, store_latest_audit(f->store, TIME_NONE, 3, on_latest, &last, &f->err));
    assert_int_equal(last, 8);
    last = 0;
    fx_ok(f, store_latest_audit(f->store, T0 + 4, 100, on_latest, &last, &f->err));
    assert_int_equal(last, 5);
}

/* An entry that belongs to a batch is there with it, and not without it. */
static void an_entry_of_a_batch(void **state) {
    struct fx *f = *state;
    struct store_note note = {"platform:city", "close", "gw-1-20260105-0007"};
    struct store_batch batch = {.note = &note, .mono = 1, .wall = T0};
    int64_t entries;
    assert_int_equal(setenv("GENGFU_FAULT", "store.commit=fail", 1), 0);
    fault_init();
    assert_true(store_commit(f->store, &batch, &f->err) < 0);
    assert_int_equal(unsetenv("GENGFU_FAULT"), 0);
    fault_init();
    fx_ok(f, store_audit_verify(f->store, NULL, &entries, &f->err));
    assert_int_equal(entries, 0);
    fx_ok(f, store_commit(f->store, &batch, &f->err));
    fx_ok(f, store_audit_verify(f->store, NULL, &entries, &f->err));
    assert_int_equal(entries, 1);
}

static void the_trail_is_bounded_and_still_whole(void **state) {
    struct fx *f = *state;
    sqlite3_stmt *st;
    int64_t entries;
    bool more = true;
    /* Many entries cheaply: with fsyncs this would take minutes. */
    assert_int_equal(sqlite3_exec(f->store->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
    write_trail(f, STORE_AUDIT + 300);
    for (int calls = 0; more; calls++) {
        assert_true(calls < 10);
        fx_ok(f, store_trim(f->store, T0, 100, &more, &f->err));
    }
    fx_ok(f, store_audit_verify(f->store, NULL, &entries, &f->err));
    assert_in_range(entries, STORE_AUDIT, STORE_AUDIT + 99);
    assert_int_equal(sqlite3_prepare_v2(f->store->db, "SELECT min(id) FROM audit", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_true(sqlite3_column_int64(st, 0) > 200);
    sqlite3_finalize(st);
    sql(f, "DELETE FROM audit WHERE id = (SELECT min(id) FROM audit)");
    assert_int_equal(store_audit_verify(f->store, NULL, NULL, &f->err), GF_ECORRUPT);
}

static void the_copy_opens(void **state) {
    struct fx *f = *state;
    char path[400];
    struct stat st;
    for (int i = 0; i < 200; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "01COPY%04d", i);
        fx_event(f, T0 + i, "d", "{}");
        fx_incident(f, id, 1, SEVERITY_MINOR, 500);
        fx_commit(f, T0 + i);
    }
    (void)snprintf(path, sizeof path, "%s/copy.db", f->dir);
    fx_ok(f, store_backup(f->store, path, &f->err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    assert_int_equal(store_backup(f->store, path, &f->err), GF_EEXIST);
    assert_says(f, path);
    fx_event(f, T0 + 1000, "d", "{}"); /* the copy does not follow */
    fx_commit(f, T0 + 1000);
    struct store *reader;
    struct store_conf c = {.path = f->path, .read_only = true};
    fx_ok(f, store_open(&c, &f->err, &reader)); /* a tool makes one beside the daemon */
    (void)snprintf(path, sizeof path, "%s/copy-2.db", f->dir);
    fx_ok(f, store_backup(reader, path, &f->err));
    store_close(reader);
    for (int k = 1; k <= 2; k++) {
        struct store_info i;
        struct store_clock clock;
        fx_close(f);
        (void)snprintf(f->path, sizeof f->path, "%.200s/copy%s.db", f->dir, k == 1 ? "" : "-2");
        fx_open(f);
        fx_ok(f, store_info(f->store, &i, &f->err));
        assert_int_equal(i.journal_rows, k == 1 ? 200 : 201);
        assert_int_equal(i.incidents, 200);
        store_clock(f->store, &clock);
        assert_int_equal(clock.wall, k == 1 ? T0 + 199 : T0 + 1000);
    }
    assert_int_equal(store_backup(f->store, "/nonexistent/x.db", &f->err), GF_ENOTFOUND);
    (void)snprintf(path, sizeof path, "%s/copy.db.part", f->dir);
    assert_int_equal(access(path, F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_trail_is_whole, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_new_chain_shows_by_a_noted_head, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_latest_come_first, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(an_entry_of_a_batch, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(an_edit_shows, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_trail_is_bounded_and_still_whole, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_copy_opens, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store audit and backup", tests, NULL, NULL);
}
