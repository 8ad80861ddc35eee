/* SPDX-License-Identifier: Apache-2.0
 * kill -9 and power cuts: whatever was committed is there, whole, and nothing of what was not. The writer is a child process; it tells through a pipe what store_commit has returned for. */
#include "store_fx.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gengfu/base/fault.h"
#include "store/store_int.h"

/* Batch b: b % 7 + 1 events, the state of key 0 says b, incident b % 5 gets a revision, an ack. All of it or nothing. */
static void make_batch(struct fx *f, uint32_t b) {
    char text[64];
    for (uint32_t i = 0; i <= b % 7; i++) {
        (void)snprintf(text, sizeof text, "{\"batch\":%u}", b);
        fx_event(f, T0 + b, "d", text);
    }
    (void)snprintf(text, sizeof text, "{\"b\":%u}", b);
    fx_state(f, "rule", 1, "key", text);
    (void)snprintf(text, sizeof text, "01CRASH%u", b % 5);
    fx_incident(f, text, b, SEVERITY_SEVERE, 700);
    fx_ack(f, (uint16_t)b, b);
}

struct found {
    uint32_t state, revision, ack, last_event;
    int64_t events;
};
static int on_state(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    struct found *found = ctx;
    (void)rule;
    (void)hash;
    (void)key;
    (void)len;
    return sscanf(body, "{\"b\":%u}", &found->state) == 1 ? 0 : 1;
}
static int on_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    struct found *found = ctx;
    (void)time;
    (void)arrived;
    (void)len;
    const char *p = strstr(body, "\"batch\":");
    if (!p || row != found->events + 1)
        return 1;
    found->last_event = (uint32_t)strtoul(p + 8, NULL, 10);
    found->events++;
    return 0;
}
static int on_ack(void *ctx, uint16_t mid, uint64_t hash) {
    struct found *found = ctx;
    found->ack = (uint32_t)hash;
    return mid == (uint16_t)hash ? 0 : 1;
}
static int on_incident(void *ctx, const char *id, const char *body, size_t len) {
    struct found *found = ctx;
    unsigned revision;
    (void)len;
    const char *p = strstr(body, "\"revision\":");
    if (!p || !strstr(body, id))
        return 1;
    revision = (unsigned)strtoul(p + 11, NULL, 10);
    if (revision > found->revision)
        found->revision = revision;
    return 0;
}

/* Opens, and finds every part at the same batch, at least `told`. Gives that batch. */
static uint32_t check(struct fx *f, uint32_t told) {
    struct found found = {0};
    struct store_clock c;
    struct store_info info;
    fx_open(f);
    store_clock(f->store, &c);
    fx_ok(f, store_each_state(f->store, on_state, &found, &f->err));
    assert_int_equal(store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &found, &f->err), 0);
    assert_int_equal(store_each_ack(f->store, on_ack, &found, &f->err), 0);
    assert_int_equal(store_each_open_incident(f->store, on_incident, &found, &f->err), 0);
    fx_ok(f, store_info(f->store, &info, &f->err));
    uint32_t at = found.state;
    assert_int_equal(found.revision, at);
    assert_int_equal(found.ack, at);
    assert_int_equal(found.last_event, at);
    assert_int_equal(c.wall, at ? T0 + at : TIME_NONE);
    int64_t events = 0;
    for (uint32_t b = 1; b <= at; b++)
        events += b % 7 + 1;
    assert_int_equal(found.events, events);
    assert_int_equal(info.journal_rows, events);
    assert_int_equal(info.incidents, at < 5 ? at : 5);
    struct outbox_row rows[10];
    int n = store_outbox_next(f->store, "city", T0, NULL, 0, 10, &f->arena, rows, &f->err);
    assert_int_equal(n, at < 5 ? at : 5);
    for (int i = 0; i < n; i++)
        assert_non_null(strstr(rows[i].body, rows[i].incident));
    if (at < told)
        print_error("batch %u was told, %u is there\n", told, at);
    assert_true(at >= told);
    assert_true(at <= told + 1);
    fx_close(f);
    return at;
}

/* Writes from batch `from` on until it is killed. */
static _Noreturn void write_on(struct fx *f, uint32_t from, int fd, const char *fault) {
    if (fault)
        setenv("GENGFU_FAULT", fault, 1);
    fault_init();
    fx_open(f);
    for (uint32_t b = from; b < from + 100000; b++) {
        make_batch(f, b);
        fx_commit(f, T0 + b);
        if (write(fd, &b, sizeof b) != (ssize_t)sizeof b)
            _exit(2);
        bool more;
        if (b % 16 == 0 && store_trim(f->store, T0, 100, &more, NULL) < 0)
            _exit(3);
    }
    _exit(4);
}

/* The kill comes after_us from its start, or from its first commit; 0: the fault does it. */
static uint32_t killed(struct fx *f, uint32_t from, const char *fault, unsigned after_us, bool first) {
    int fds[2];
    uint32_t told = from - 1, b;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        write_on(f, from, fds[1], fault);
    }
    (void)close(fds[1]);
    if (after_us) {
        if (first && read(fds[0], &b, sizeof b) == (ssize_t)sizeof b)
            told = b;
        struct timespec t = {.tv_nsec = (long)after_us * 1000};
        (void)nanosleep(&t, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
    }
    while (read(fds[0], &b, sizeof b) == (ssize_t)sizeof b)
        told = b;
    (void)close(fds[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return told;
}

static void killed_at_every_point(void **state) {
    struct fx *f = *state;
    fx_close(f);
    uint32_t next = 1;
    for (int i = 1; i <= 5; i++) {
        static const char *const points[] = {"store.before_commit", "store.commit", "store.after_commit"};
        for (size_t k = 0; k < 3; k++) {
            char fault[64];
            (void)snprintf(fault, sizeof fault, "%s=kill@%d", points[k], i * i);
            uint32_t told = killed(f, next, fault, 0, false), at = check(f, told);
            assert_int_equal(at, told + (k == 2)); /* only behind the commit it is there though nobody was told */
            next = at + 1;
        }
    }
}

static void killed_at_any_moment(void **state) {
    struct fx *f = *state;
    uint32_t next = 1;
    unsigned r = 7;
    fx_close(f);
    for (int i = 0; i < 40; i++) {
        r = r * 1103515245U + 12345U;
        next = check(f, killed(f, next, NULL, 500 + (r >> 16) % 20000, i % 2)) + 1;
    }
    assert_true(next > 20);
}

/* The upgrade of a file: at any step a kill leaves a version that the next start goes on from. */
static void killed_in_migration(void **state) {
    struct fx *f = *state;
    fx_close(f);
    for (int step = 1; step <= store_schema; step++) {
        (void)snprintf(f->path, sizeof f->path, "%s/m%d.db", f->dir, step);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            char fault[64];
            (void)snprintf(fault, sizeof fault, "migrate.mid=kill@%d", step);
            setenv("GENGFU_FAULT", fault, 1);
            fault_init();
            fx_open(f);
            _exit(4);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(check(f, 0), 0);
        struct store_info info;
        fx_open(f);
        fx_ok(f, store_info(f->store, &info, &f->err));
        assert_int_equal(info.schema, store_schema);
        fx_close(f);
    }
    setenv("GENGFU_FAULT", "migrate.mid=fail@2", 1);
    fault_init();
    (void)snprintf(f->path, sizeof f->path, "%s/full.db", f->dir);
    struct store_conf c = {.path = f->path};
    assert_int_equal(store_open(&c, &f->err, &f->store), GF_EFULL);
    unsetenv("GENGFU_FAULT");
    fault_init();
    assert_int_equal(check(f, 0), 0);
}

/* Power cut: what was not synced is lost in part, and torn. Runs in a child each time, which dies with the files open, so that nothing is tidied up. */
static void power_cuts(void **state) {
    struct fx *f = *state;
    fx_close(f);
    unsigned r = 99;
    for (int round = 0; round < 60; round++) {
        (void)snprintf(f->path, sizeof f->path, "%s/p%d.db", f->dir, round % 6);
        uint32_t from = 1, told;
        int fds[2];
        if (round >= 6) { /* goes on with the file that an earlier cut left */
            struct found found = {0};
            fx_open(f);
            fx_ok(f, store_each_state(f->store, on_state, &found, &f->err));
            fx_close(f);
            from = found.state + 1;
        }
        r = r * 1103515245U + 12345U;
        unsigned seed = r;
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            /* The cut comes in the middle of a commit's writes, or between commits. */
            uint32_t last = from + (seed >> 20) % 40, b = from;
            fx_vfs_use();
            fx_vfs_power(true);
            fx_open(f);
            for (; b < last; b++) {
                make_batch(f, b);
                fx_commit(f, T0 + b);
                if (b % 9 == 0 && sqlite3_wal_checkpoint_v2(f->store->db, NULL, b % 2 ? SQLITE_CHECKPOINT_FULL : SQLITE_CHECKPOINT_TRUNCATE,
                                                            NULL, NULL) != SQLITE_OK)
                    _exit(5);
            }
            told = b - 1;
            fx_vfs.code = SQLITE_IOERR_WRITE;
            fx_vfs.stay = true;
            if (seed >> 19 & 1)
                fx_vfs.fail_write = 1 + (seed >> 12) % 20;
            else
                fx_vfs.fail_sync = 1;
            make_batch(f, b);
            if (fx_try_commit(f, T0 + b) == 0)
                told = b;
            fx_vfs_power_cut(seed);
            if (write(fds[1], &told, sizeof told) != (ssize_t)sizeof told)
                _exit(2);
            kill(getpid(), SIGKILL);
        }
        (void)close(fds[1]);
        assert_int_equal(read(fds[0], &told, sizeof told), sizeof told);
        (void)close(fds[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)check(f, told);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_at_every_point, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(killed_at_any_moment, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(killed_in_migration, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(power_cuts, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store crash", tests, NULL, NULL);
}
