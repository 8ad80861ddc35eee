/* SPDX-License-Identifier: Apache-2.0
 * Opening: new, old, newer, damaged, foreign and locked files; readers beside the writer; setting aside. */
#include "store_fx.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_int.h"

static int try_open(struct fx *f, bool read_only, struct store **ret) {
    struct store_conf c = {.path = f->path, .read_only = read_only};
    *ret = NULL;
    f->err = (struct err){0};
    return store_open(&c, &f->err, ret);
}

static void write_file(const char *path, const void *data, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    (void)close(fd);
}

static int64_t file_size(const char *path) {
    struct stat st;
    return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void sql(const char *path, const char *text) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        print_error("%s\n", sqlite3_errmsg(db));
    assert_int_equal(rc, SQLITE_OK);
    sqlite3_close(db);
}

static int64_t sql_value(const char *path, const char *text) {
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return v;
}

static int count_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    (void)row;
    (void)time;
    (void)arrived;
    (void)body;
    (void)len;
    ++*(int *)ctx;
    return 0;
}

static int events(struct store *s) {
    int n = 0;
    assert_int_equal(store_each_event(s, TIME_NONE, TIME_NONE, NULL, count_event, &n, NULL), 0);
    return n;
}

static void a_new_file_is_as_it_should_be(void **state) {
    struct fx *f = *state;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0640, 0); /* nobody else's */
    fx_close(f);
    assert_int_equal(sql_value(f->path, "PRAGMA user_version"), store_schema);
    assert_int_equal(sql_value(f->path, "SELECT count(*) FROM migration"), store_schema);
    assert_int_equal(sql_value(f->path, "PRAGMA page_size"), STORE_PAGE_SIZE);
    assert_int_equal(sql_value(f->path, "PRAGMA journal_mode = WAL"), 0); /* "wal" */
    assert_int_equal(sql_value(f->path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    fx_open(f);
    struct store_info i;
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_int_equal(i.schema, store_schema);
    assert_true(i.file_bytes > 0);
    assert_int_equal(file_size(f->path), i.file_bytes);
}

static void one_writer(void **state) {
    struct fx *f = *state;
    struct store *second;
    char name[300], pid[32];
    assert_int_equal(try_open(f, false, &second), GF_ESTATE);
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_says(f, pid);
    assert_null(second);
    assert_int_equal(store_set_aside(f->path, T0, name, sizeof name, &f->err), GF_ESTATE);
    fx_event(f, T0, "d", "{}"); /* and the first is none the worse for it */
    fx_commit(f, T0);
    fx_close(f);
    fx_ok(f, try_open(f, false, &second));
    assert_int_equal(events(second), 1);
    store_close(second);
}

/* The lock of a process that was killed is gone with it. */
static void a_killed_writer_leaves_no_lock(void **state) {
    struct fx *f = *state;
    int pipes[2];
    char byte;
    fx_close(f);
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *s;
        struct store_conf c = {.path = f->path};
        byte = store_open(&c, NULL, &s) == 0 ? '+' : '-';
        if (write(pipes[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(byte, '+');
    struct store *s;
    assert_int_equal(try_open(f, false, &s), GF_ESTATE);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    fx_ok(f, try_open(f, false, &s));
    store_close(s);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

static void readers_beside_the_writer(void **state) {
    struct fx *f = *state;
    struct store *reader, *other;
    fx_event(f, T0, "d", "{}");
    fx_commit(f, T0);
    fx_ok(f, try_open(f, true, &reader));
    fx_ok(f, try_open(f, true, &other));
    assert_int_equal(events(reader), 1);
    fx_event(f, T0 + 1, "d", "{}");
    fx_incident(f, "01SEEN", 1, SEVERITY_MINOR, 50);
    fx_commit(f, T0 + 1);
    assert_int_equal(events(reader), 2);
    struct store_info i;
    fx_ok(f, store_info(reader, &i, &f->err));
    assert_int_equal(i.journal_rows, 2);
    const char *body;
    size_t len;
    fx_ok(f, store_incident(reader, "01SEEN", &f->arena, &body, &len, &f->err));
    struct store_outbox_counts c;
    fx_ok(f, store_outbox_counts(reader, NULL, &c, &f->err));
    assert_int_equal(c.waiting, 2);
    /* It changes nothing, whatever is asked of it. */
    struct store_batch b = {.mono = 1, .wall = T0};
    const char *names[] = {"x"};
    struct outbox_outcome o = {.platform = "city", .incident = "01SEEN", .revision = 1};
    bool more;
    size_t n;
    assert_int_equal(store_commit(reader, &b, &f->err), GF_EDENIED);
    assert_int_equal(store_platforms(reader, names, 1, &f->err), GF_EDENIED);
    assert_int_equal(store_checkpoint_done(reader, &f->err), GF_EDENIED);
    assert_int_equal(store_outbox_outcomes(reader, &o, 1, &f->err), GF_EDENIED);
    assert_int_equal(store_outbox_resend(reader, NULL, NULL, ~0u, "01SEEN", T0, &n, &f->err), GF_EDENIED);
    assert_int_equal(store_trim(reader, T0, 10, &more, &f->err), GF_EDENIED);
    assert_int_equal(store_audit(reader, T0, "a", "b", NULL, &f->err), GF_EDENIED);
    store_close(other);
    store_close(reader);
    fx_event(f, T0 + 2, "d", "{}"); /* a reader that closes leaves the writer its log */
    fx_commit(f, T0 + 2);
    fx_close(f);
    fx_ok(f, try_open(f, true, &reader)); /* and there need be no writer */
    assert_int_equal(events(reader), 3);
    store_close(reader);
}

static void what_cannot_be_opened(void **state) {
    struct fx *f = *state;
    struct store *s;
    char here[256];
    fx_close(f);
    (void)snprintf(here, sizeof here, "%s", f->dir);
    (void)snprintf(f->path, sizeof f->path, "%s/none.db", here);
    assert_int_equal(try_open(f, true, &s), GF_ENOTFOUND);
    assert_int_equal(file_size(f->path), -1); /* reading makes no files */
    (void)snprintf(f->path, sizeof f->path, "%s/none/x.db", here);
    assert_int_equal(try_open(f, false, &s), GF_ENOTFOUND);
    assert_says(f, f->path);
    (void)snprintf(f->path, sizeof f->path, "%s/dir.db", here);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_true(try_open(f, false, &s) < 0);
    (void)snprintf(f->path, sizeof f->path, "%s/empty.db", here);
    write_file(f->path, "", 0);
    assert_int_equal(try_open(f, true, &s), GF_ENOTFOUND);
    fx_ok(f, try_open(f, false, &s)); /* the same as none */
    store_close(s);
    char *longer = malloc(5000);
    assert_non_null(longer);
    memset(longer, 'x', 4999);
    longer[4999] = 0;
    struct store_conf c = {.path = longer};
    assert_int_equal(store_open(&c, &f->err, &s), GF_ELIMIT);
    free(longer);
}

static void a_foreign_file_is_left_alone(void **state) {
    struct fx *f = *state;
    struct store *s;
    fx_close(f);
    (void)snprintf(f->path, sizeof f->path, "%s/theirs.db", f->dir);
    sql(f->path, "CREATE TABLE theirs(a); INSERT INTO theirs VALUES (1)");
    int64_t size = file_size(f->path);
    assert_int_equal(try_open(f, false, &s), GF_EINVAL);
    assert_says(f, "another program");
    assert_int_equal(file_size(f->path), size);
    assert_int_equal(sql_value(f->path, "SELECT a FROM theirs"), 1);
}

static void a_newer_file_is_refused_untouched(void **state) {
    struct fx *f = *state;
    struct store *s;
    static uint8_t before[1 << 20], after[1 << 20];
    fx_close(f);
    sql(f->path, "PRAGMA journal_mode = DELETE; CREATE TABLE tomorrow(a); PRAGMA user_version = 1000");
    FILE *file = fopen(f->path, "rbe");
    assert_non_null(file);
    size_t n = fread(before, 1, sizeof before, file);
    (void)fclose(file);
    assert_int_equal(try_open(f, false, &s), GF_EVERSION);
    assert_says(f, "newer");
    assert_says(f, f->path);
    assert_int_equal(try_open(f, true, &s), GF_EVERSION);
    file = fopen(f->path, "rbe");
    assert_non_null(file);
    assert_int_equal(fread(after, 1, sizeof after, file), n);
    (void)fclose(file);
    assert_memory_equal(before, after, n);
}

static void an_older_file_is_brought_up_to_date(void **state) {
    struct fx *f = *state;
    struct store *s;
    fx_close(f);
    for (int from = 1; from < store_schema; from++) {
        (void)snprintf(f->path, sizeof f->path, "%s/old-%d.db", f->dir, from);
        struct store_conf c = {.path = f->path};
        fx_ok(f, store_open_to(&c, from, &f->err, &s));
        store_close(s);
        assert_int_equal(sql_value(f->path, "PRAGMA user_version"), from);
        sql(f->path, "INSERT INTO device VALUES ('lamp-1', '{}')");
        assert_int_equal(try_open(f, true, &s), GF_EVERSION); /* a reader does not */
        assert_says(f, "older");
        assert_int_equal(sql_value(f->path, "PRAGMA user_version"), from);
        fx_ok(f, try_open(f, false, &s));
        fx_event(f, T0, "d", "{}");
        struct store_batch b = {.effects = &f->effects, .wall = T0};
        fx_ok(f, store_commit(s, &b, &f->err));
        store_close(s);
        assert_int_equal(sql_value(f->path, "PRAGMA user_version"), store_schema);
        assert_int_equal(sql_value(f->path, "SELECT count(*) FROM migration"), store_schema);
        assert_int_equal(sql_value(f->path, "SELECT count(*) FROM device"), 1);
    }
}

static void fill(struct fx *f) {
    for (int b = 0; b < 50; b++) {
        for (int i = 0; i < 20; i++)
            fx_event(f, T0 + b * 20 + i, "lamp-1", "{\"power\":12.5,\"on\":true}");
        char id[32];
        (void)snprintf(id, sizeof id, "01FILL%08d", b);
        fx_incident(f, id, 1, SEVERITY_SEVERE, 3000);
        fx_state(f, "r", 1, id, "{\"since\":1234567}");
        fx_ack(f, (uint16_t)b, 1);
        fx_commit(f, T0 + b * 20 + 20);
    }
}

/* Everything that a start reads, and a commit. The worst of the codes. */
static int on_state(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    (void)ctx;
    (void)rule;
    (void)hash;
    (void)key;
    return strlen(body) <= len ? 0 : 1;
}
static int on_text(void *ctx, const char *name, const char *body, size_t len) {
    (void)ctx;
    (void)name;
    return strlen(body) <= len ? 0 : 1;
}
static int use(struct fx *f) {
    struct store *s;
    int n = 0, worst = try_open(f, false, &s);
    if (worst < 0)
        return worst;
    struct store_batch b = {.effects = &f->effects, .mono = 1, .wall = T0};
    int codes[] = {store_each_state(s, on_state, NULL, &f->err), store_each_open_incident(s, on_text, NULL, &f->err),
                   store_each_event(s, TIME_NONE, TIME_NONE, NULL, count_event, &n, &f->err), store_commit(s, &b, &f->err)};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] < 0)
            worst = codes[i];
    store_close(s);
    return worst;
}

static void damage(struct fx *f, int64_t at, const void *data, size_t len) {
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, at), len);
    (void)close(fd);
}

static void damage_is_recognised(void **state) {
    struct fx *f = *state;
    uint8_t noise[STORE_PAGE_SIZE];
    char name[400];
    memset(noise, 0xa5, sizeof noise);
    fill(f);
    fx_close(f);
    int64_t size = file_size(f->path);

    /* The header. */
    damage(f, 0, "this is not a database", 22);
    assert_int_equal(use(f), GF_ECORRUPT);
    assert_says(f, f->path);
    fx_ok(f, store_set_aside(f->path, T0, name, sizeof name, &f->err));
    assert_int_equal(file_size(name), size); /* set aside, not deleted */
    assert_int_equal(file_size(f->path), -1);

    /* Cut. */
    fx_open(f);
    fill(f);
    fx_close(f);
    assert_int_equal(truncate(f->path, size / 2), 0);
    assert_int_equal(use(f), GF_ECORRUPT);
    fx_ok(f, store_set_aside(f->path, T0, name, sizeof name, &f->err));
    assert_non_null(strstr(name, ".damaged-"));
    assert_int_equal(file_size(name), size / 2);

    /* Any one page. None may be taken for something else than damage, and most are seen. */
    int seen = 0, pages = 0;
    fx_open(f);
    fill(f);
    fx_close(f);
    static uint8_t whole[1 << 20];
    FILE *file = fopen(f->path, "rbe");
    assert_non_null(file);
    size_t len = fread(whole, 1, sizeof whole, file);
    (void)fclose(file);
    for (size_t at = STORE_PAGE_SIZE; at + STORE_PAGE_SIZE <= len; at += STORE_PAGE_SIZE, pages++) {
        write_file(f->path, whole, len);
        damage(f, (int64_t)at, noise, sizeof noise);
        int rc = use(f);
        assert_true(rc == 0 || rc == GF_ECORRUPT);
        seen += rc == GF_ECORRUPT;
    }
    assert_true(pages > 100);
    assert_true(seen > pages / 2);
    write_file(f->path, whole, len);
    assert_int_equal(use(f), 0);
}

static void setting_aside_takes_all_three(void **state) {
    struct fx *f = *state;
    char name[400], wal[500];
    fill(f);
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path); /* as a kill would leave it: kept over the closing */
    assert_true(file_size(wal) > 0);
    int64_t size = file_size(wal);
    static uint8_t copy[8 << 20];
    FILE *file = fopen(wal, "rbe");
    assert_non_null(file);
    assert_true(fread(copy, 1, sizeof copy, file) > 0);
    (void)fclose(file);
    fx_close(f);
    write_file(wal, copy, (size_t)size);
    fx_ok(f, store_set_aside(f->path, T0, name, sizeof name, &f->err));
    (void)snprintf(wal, sizeof wal, "%s-wal", name);
    assert_int_equal(file_size(wal), size);
    char second[400];
    fx_open(f);
    fx_close(f);
    fx_ok(f, store_set_aside(f->path, T0, second, sizeof second, &f->err)); /* in the same millisecond */
    assert_string_not_equal(name, second);
    assert_int_equal(store_set_aside(f->path, T0, second, sizeof second, &f->err), GF_ENOTFOUND);
    fx_open(f);
    struct store_info i;
    fx_ok(f, store_info(f->store, &i, &f->err));
    assert_int_equal(i.journal_rows, 0);
}

static int on_ack(void *ctx, uint16_t mid, uint64_t hash) {
    (void)mid;
    (void)hash;
    ++*(int *)ctx;
    return 0;
}

static void what_can_be_salvaged(void **state) {
    struct fx *f = *state;
    struct store_salvaged got;
    char name[400];
    uint8_t noise[STORE_PAGE_SIZE];
    static uint8_t whole[1 << 20];
    memset(noise, 0xa5, sizeof noise);
    fill(f);
    fx_device(f, "lamp-1", "{\"seen\":1}");
    fx_answer(f, "c1", "platform:city", "{}");
    fx_commit(f, T0 + 5000);
    fx_ok(f, store_audit(f->store, T0, "a", "b", "c", &f->err));
    assert_int_equal(store_salvage(f->store, f->path, &got, &f->err), GF_ESTATE); /* only into a new one */
    fx_close(f);
    FILE *file = fopen(f->path, "rbe");
    assert_non_null(file);
    size_t len = fread(whole, 1, sizeof whole, file);
    (void)fclose(file);
    int64_t least = 50, sum = 0, rounds = 0;
    for (size_t at = 0; at + STORE_PAGE_SIZE <= len; at += 3 * STORE_PAGE_SIZE, rounds++) {
        struct store_conf c = {.path = f->path};
        write_file(f->path, whole, len);
        if (rounds == 1)
            at = 0; /* the header once, nothing at all first */
        if (rounds)
            damage(f, (int64_t)at, noise, sizeof noise);
        fx_ok(f, store_set_aside(f->path, T0, name, sizeof name, &f->err));
        fx_ok(f, store_open(&c, &f->err, &f->store));
        got = (struct store_salvaged){0};
        fx_ok(f, store_salvage(f->store, name, &got, &f->err));
        struct store_info info;
        struct store_clock clock;
        int acks = 0, n = 0;
        fx_ok(f, store_info(f->store, &info, &f->err));
        store_clock(f->store, &clock);
        fx_ok(f, store_each_ack(f->store, on_ack, &acks, &f->err));
        fx_ok(f, store_each_tail_event(f->store, count_event, &n, &f->err));
        assert_int_equal(info.incidents, got.incidents);
        assert_int_equal(info.journal_rows, n);
        if (rounds == 0) {
            const char *body;
            assert_true(got.complete);
            assert_int_equal(got.incidents, 50);
            assert_int_equal(got.outbox, 100);
            assert_int_equal(got.states, 50);
            assert_int_equal(got.devices, 1);
            assert_int_equal(got.chunks, 51);
            assert_int_equal(n, 1000);
            assert_int_equal(acks, 50);
            assert_int_equal(clock.wall, T0 + 5000);
            assert_int_equal(store_answer(f->store, "c1", "platform:city", &f->arena, &body, &f->err), 1);
            fx_ok(f, store_audit_verify(f->store, NULL, NULL, &f->err));
        } else if (rounds == 1) {
            assert_false(got.complete);
            assert_int_equal(got.incidents, 0);
        } else {
            least = got.incidents < least ? got.incidents : least;
            sum += got.incidents;
        }
        fx_event(f, T0 + 6000, "d", "{}"); /* and it goes on */
        fx_incident(f, "01AFTERWARDS", 1, SEVERITY_MINOR, 50);
        fx_commit(f, T0 + 6000);
        fx_close(f);
        fx_ok(f, store_open(&c, &f->err, &f->store));
        fx_close(f);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(unlink(name), 0);
    }
    /* One page of noise costs an incident or two; an inner page of the tree costs more. */
    assert_true(sum > (rounds - 2) * 40);
    if (least < 20)
        print_message("at worst %d of 50 incidents\n", (int)least);
    struct store_conf c = {.path = f->path};
    fx_ok(f, store_open(&c, &f->err, &f->store));
    fx_ok(f, store_salvage(f->store, "/nonexistent.db", &got, &f->err));
    assert_false(got.complete);
    assert_int_equal(got.incidents + got.chunks, 0);
}

/* A file whose schema works against its reader: triggers and views are not run. */
static void a_hostile_schema_does_nothing(void **state) {
    struct fx *f = *state;
    fx_close(f);
    sql(f->path, "CREATE TABLE loot(a); CREATE TRIGGER t AFTER INSERT ON journal BEGIN INSERT INTO loot VALUES (1); END");
    fx_open(f);
    fx_event(f, T0, "d", "{}");
    fx_commit(f, T0);
    fx_close(f);
    assert_int_equal(sql_value(f->path, "SELECT count(*) FROM loot"), 0);
    sql(f->path, "DROP TABLE device; CREATE VIEW device AS SELECT 1 AS device, 2 AS body");
    struct store *s;
    assert_int_equal(try_open(f, false, &s), GF_ECORRUPT);
}

static void values_that_cannot_be(void **state) {
    struct fx *f = *state;
    static const char *const texts[] = {
        "UPDATE journal SET body = x'ff'",
        "UPDATE journal SET body = x''",
        "UPDATE journal SET n = -5",
        "UPDATE journal SET body = 'text', n = 'text', arrived = 'text', span = 1.5",
        "UPDATE journal SET span = 9223372036854775807, arrived = 9223372036854775807",
        "UPDATE incident SET severity = 99, change = -1, condition = 7, handling = 'x', over = 'y', title = x'00ff'",
        "UPDATE outbox SET severity = 77, change = 1000, queued = 'x', next_try = -1, bytes = 'y'",
        "UPDATE revision SET severity = -1, change = 50, condition = 'x', handling = 99",
        "UPDATE state SET hash = 'x', body = x'00'",
        "UPDATE platform SET named = 'x'",
        "INSERT INTO segment VALUES (-9223372036854775807 - 1, 9223372036854775807, 5, -5), (7, 3, 0, 9223372036854775807)",
        "UPDATE meta SET value = 'text'; INSERT INTO meta VALUES ('tail', -5), ('bytes_trimmed', 1e300), ('audit_anchor', 'x')",
        "DELETE FROM journal WHERE id > 10",
        "UPDATE journal SET id = id + 9000000000000000000",
        "UPDATE audit SET hash = x'00'"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        (void)snprintf(f->path, sizeof f->path, "%s/v%zu.db", f->dir, i);
        fx_close(f);
        fx_open(f);
        fill(f);
        fx_ok(f, store_audit(f->store, T0, "a", "b", "c", &f->err));
        fx_close(f);
        sql(f->path, texts[i]);
        struct store *s;
        int rc = try_open(f, false, &s);
        assert_true(rc == 0 || rc == GF_ECORRUPT);
        if (rc < 0)
            continue;
        struct outbox_row rows[4];
        struct store_info info;
        struct store_outbox_counts c;
        bool more;
        int n = 0;
        struct store_query q = {.since = 0};
        int codes[] = {store_each_state(s, on_state, NULL, &f->err),
                       store_each_open_incident(s, on_text, NULL, &f->err),
                       store_each_incident(s, &q, on_text, NULL, &f->err),
                       store_each_event(s, 0, TIME_NONE, "lamp-1", count_event, &n, &f->err),
                       store_each_tail_event(s, count_event, &n, &f->err),
                       store_outbox_next(s, "city", T0, NULL, 0, 4, &f->arena, rows, &f->err),
                       store_info(s, &info, &f->err),
                       store_outbox_counts(s, NULL, &c, &f->err),
                       store_trim(s, T0, 100, &more, &f->err)};
        for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++)
            assert_true(codes[k] >= 0 || codes[k] == GF_ECORRUPT);
        (void)store_outbox_due(s, "city");
        fx_event(f, T0, "d", "{}");
        struct store_batch b = {.effects = &f->effects, .mono = 1, .wall = T0};
        rc = store_commit(s, &b, &f->err);
        effects_reset(&f->effects);
        if (rc < 0 && rc != GF_ECORRUPT)
            print_error("%s: %s\n", texts[i], f->err.text);
        assert_true(rc == 0 || rc == GF_ECORRUPT);
        store_close(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_file_is_as_it_should_be, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(one_writer, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_killed_writer_leaves_no_lock, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(readers_beside_the_writer, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_foreign_file_is_left_alone, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_newer_file_is_refused_untouched, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(an_older_file_is_brought_up_to_date, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(damage_is_recognised, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(setting_aside_takes_all_three, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(what_can_be_salvaged, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_hostile_schema_does_nothing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(values_that_cannot_be, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store open", tests, NULL, NULL);
}
