/* SPDX-License-Identifier: Apache-2.0
 * Disk full, I/O errors and no memory, at the first, second, third … call: a clear code, nothing half done, and the same batch goes through afterwards. */
#include "store_fx.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_int.h"

/* -- memory: SQLite's allocator, of which the Nth call fails ------------------------------------------------------------------- */

static sqlite3_mem_methods plain;
static int64_t fail_alloc;                  /* counts down */
static bool failed_alloc, alloc_stays_away; /* the latter: and all those behind it */

static bool no_memory(void) {
    if (fail_alloc <= 0 || --fail_alloc > 0)
        return false;
    failed_alloc = true;
    fail_alloc = alloc_stays_away;
    return true;
}
static void *m_malloc(int n) { return no_memory() ? NULL : plain.xMalloc(n); }
static void *m_realloc(void *p, int n) { return no_memory() ? NULL : plain.xRealloc(p, n); }

static int setup_memory(void **state) {
    (void)state;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) != SQLITE_OK)
        return -1;
    sqlite3_mem_methods m = plain;
    m.xMalloc = m_malloc;
    m.xRealloc = m_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &m) != SQLITE_OK)
        return -1;
    fx_vfs_use();
    return 0;
}

/* -- a batch that touches every table, and what is there of it ----------------------------------------------------------------- */

static void make_batch(struct fx *f, uint32_t b) {
    char text[64];
    for (int i = 0; i < 30; i++) {
        (void)snprintf(text, sizeof text, "{\"batch\":%u,\"i\":%d,\"noise\":%u}", b, i, b * 2654435761U + (unsigned)i * 40503U);
        fx_event(f, T0 + b, "d", text);
    }
    for (int i = 0; i < 5; i++) {
        (void)snprintf(text, sizeof text, "key-%u-%d", b, i);
        fx_state(f, "rule", 1, text, "{\"since\":1}");
        fx_device(f, text, "{\"seen\":1}");
        (void)snprintf(text, sizeof text, "01FULL%u-%d", b, i);
        fx_incident(f, text, 1, SEVERITY_SEVERE, 2000);
        fx_answer(f, text, "platform:city", "{\"ok\":true}");
    }
    fx_ack(f, (uint16_t)b, b);
}

struct sums {
    int64_t events, states, devices, incidents, waiting, acks;
};
static int on_state(void *ctx, const char *a, uint64_t b, const char *c, const char *d, size_t e) {
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    (void)e;
    ++*(int64_t *)ctx;
    return 0;
}
static int on_text(void *ctx, const char *a, const char *b, size_t c) {
    (void)a;
    (void)b;
    (void)c;
    ++*(int64_t *)ctx;
    return 0;
}
static int on_event(void *ctx, int64_t a, int64_t b, int64_t c, const char *d, size_t e) {
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    (void)e;
    ++*(int64_t *)ctx;
    return 0;
}
static int on_ack(void *ctx, uint16_t a, uint64_t b) {
    (void)a;
    (void)b;
    ++*(int64_t *)ctx;
    return 0;
}
static struct sums sums(struct fx *f) {
    struct sums s = {0};
    struct store_info info;
    struct store_outbox_counts c;
    fx_ok(f, store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &s.events, &f->err));
    fx_ok(f, store_each_state(f->store, on_state, &s.states, &f->err));
    fx_ok(f, store_each_device(f->store, on_text, &s.devices, &f->err));
    fx_ok(f, store_each_open_incident(f->store, on_text, &s.incidents, &f->err));
    fx_ok(f, store_each_ack(f->store, on_ack, &s.acks, &f->err));
    fx_ok(f, store_info(f->store, &info, &f->err));
    fx_ok(f, store_outbox_counts(f->store, "city", &c, &f->err));
    assert_int_equal(info.journal_rows, s.events);
    s.waiting = (int64_t)c.waiting;
    return s;
}
static void assert_batches(struct fx *f, int64_t n) {
    struct sums s = sums(f);
    assert_int_equal(s.events, 30 * n);
    assert_int_equal(s.states, 5 * n);
    assert_int_equal(s.devices, 5 * n);
    assert_int_equal(s.incidents, 5 * n);
    assert_int_equal(s.waiting, 5 * n);
    assert_int_equal(s.acks, n);
}

static void the_nth_write_fails(void **state) {
    struct fx *f = *state;
    uint32_t b = 0;
    static const struct {
        int code, want;
        bool sync;
    } kinds[] = {{SQLITE_FULL, GF_EFULL, false}, {SQLITE_IOERR_WRITE, GF_EIO, false}, {SQLITE_IOERR_FSYNC, GF_EIO, true}};
    for (size_t k = 0; k < 3; k++)
        for (int64_t nth = 1; nth < 1000; nth += nth < 20 ? 1 : 37) {
            make_batch(f, ++b);
            fx_vfs.code = kinds[k].code;
            *(kinds[k].sync ? &fx_vfs.fail_sync : &fx_vfs.fail_write) = nth;
            int rc = fx_try_commit(f, T0 + b);
            bool reached = (kinds[k].sync ? fx_vfs.fail_sync : fx_vfs.fail_write) == 0;
            fx_vfs.fail_write = fx_vfs.fail_sync = 0;
            if (rc == 0) { /* the failure was not reached, or met the checkpoint, which is tried again later */
                effects_reset(&f->effects);
                f->nacks = 0;
                if (!reached)
                    break;
                continue;
            }
            assert_int_equal(rc, kinds[k].want);
            assert_says(f, f->path);
            assert_true(reached);
            if (nth % 5 == 0)
                assert_batches(f, b - 1);
            fx_commit(f, T0 + b);
        }
    assert_true(b > 30);
    assert_batches(f, b);
    fx_reopen(f);
    assert_batches(f, b);
}

static void writes_that_go_on_failing(void **state) {
    struct fx *f = *state;
    make_batch(f, 1);
    fx_vfs.code = SQLITE_IOERR_WRITE;
    fx_vfs.stay = true;
    for (int i = 0; i < 5; i++) {
        fx_vfs.fail_write = 1 + 3 * i;
        assert_int_equal(fx_try_commit(f, T0 + 1), GF_EIO);
        assert_batches(f, 0); /* reading goes on */
    }
    struct outbox_outcome o = {.platform = "city", .incident = "x", .revision = 1, .result = OUTBOX_CONFIRMED};
    bool more;
    fx_vfs.fail_write = 1;
    assert_int_equal(store_audit(f->store, T0, "a", "b", NULL, &f->err), GF_EIO);
    assert_int_equal(store_checkpoint_done(f->store, &f->err), GF_EIO);
    fx_ok(f, store_outbox_outcomes(f->store, &o, 1, &f->err)); /* nothing to write */
    fx_ok(f, store_trim(f->store, T0, 10, &more, &f->err));
    fx_vfs.fail_write = 0;
    fx_vfs.stay = false;
    fx_commit(f, T0 + 1);
    fx_reopen(f);
    assert_batches(f, 1);
    fx_ok(f, store_audit(f->store, T0, "a", "b", NULL, &f->err));
    fx_ok(f, store_audit_verify(f->store, NULL, NULL, &f->err));
}

static void reads_that_fail(void **state) {
    struct fx *f = *state;
    for (uint32_t b = 1; b <= 5; b++) {
        make_batch(f, b);
        fx_commit(f, T0 + b);
    }
    fx_close(f);
    fx_vfs.code = SQLITE_IOERR_READ;
    int failed = 0;
    for (int64_t nth = 1; nth < 300; nth++) {
        struct sums s = {0};
        fx_vfs.fail_read = nth;
        int rc = store_open(&f->conf, &f->err, &f->store);
        if (rc == 0)
            rc = store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &s.events, &f->err);
        bool reached = fx_vfs.fail_read == 0;
        fx_vfs.fail_read = 0;
        assert_true(rc == 0 || rc == GF_EIO);
        failed += rc < 0;
        fx_close(f);
        if (!reached)
            break;
    }
    assert_true(failed > 5);
    fx_open(f);
    assert_batches(f, 5);
}

/* Not even for the rollback is there any: what was begun is neither seen nor in the way afterwards. */
static void memory_stays_away(void **state) {
    struct fx *f = *state;
    uint32_t b = 0;
    int failures = 0;
    for (int64_t nth = 1; nth < 3000; nth += 1 + nth / 8) {
        make_batch(f, b + 1);
        failed_alloc = false;
        alloc_stays_away = true;
        fail_alloc = nth;
        int rc = fx_try_commit(f, T0 + b + 1), again = rc < 0 ? fx_try_commit(f, T0 + b + 1) : 0;
        alloc_stays_away = false;
        fail_alloc = 0;
        assert_true(rc == 0 || rc == GF_ENOMEM);
        assert_true(again == 0 || again == GF_ENOMEM);
        failures += rc < 0;
        if (rc < 0 && again < 0) {
            assert_batches(f, b);
            fx_commit(f, T0 + b + 1);
        }
        assert_batches(f, ++b);
        effects_reset(&f->effects);
        f->nacks = 0;
        if (!failed_alloc)
            break;
        if (b % 10 == 0)
            fx_reopen(f);
    }
    assert_true(failures > 5);
}

/* The same where it is we who have none: SQLite has not ended the transaction by itself. */
static void no_memory_to_roll_back(void **state) {
    struct fx *f = *state;
    int64_t value = 0;
    int torn = 0;
    for (int i = 0; i < 5; i++) {
        fx_ok(f, txn_begin(f->store, "a test", &f->err));
        for (int k = 0; k <= i; k++) {
            char name[32];
            (void)snprintf(name, sizeof name, "made-%d", k);
            fx_ok(f, store_meta_put(f->store, name, 5, &f->err));
        }
        alloc_stays_away = true;
        fail_alloc = 1;
        txn_rollback(f->store);
        torn += f->store->torn;
        alloc_stays_away = false;
        fail_alloc = 0;
        fx_ok(f, store_meta_get(f->store, "made-0", 0, &f->err, &value));
        assert_int_equal(value, 0);
    }
    assert_true(torn > 0);
}

static void the_nth_allocation_fails(void **state) {
    struct fx *f = *state;
    fx_close(f);
    int failures = 0;
    for (int64_t nth = 1;; nth += 1 + nth / 16) { /* opening */
        failed_alloc = false;
        fail_alloc = nth;
        int rc = store_open(&f->conf, &f->err, &f->store);
        fail_alloc = 0;
        if (rc < 0 && rc != GF_ENOMEM)
            print_error("%d: %s\n", rc, f->err.text);
        assert_true(rc == 0 || rc == GF_ENOMEM);
        failures += rc < 0;
        fx_close(f);
        if (!failed_alloc)
            break;
    }
    assert_true(failures > 30);
    fx_open(f);
    failures = 0;
    uint32_t b = 0;
    for (int64_t nth = 1; nth < 3000; nth += 1 + nth / 16) { /* committing */
        make_batch(f, ++b);
        failed_alloc = false;
        fail_alloc = nth;
        int rc = fx_try_commit(f, T0 + b);
        fail_alloc = 0;
        assert_true(rc == 0 || rc == GF_ENOMEM);
        failures += rc < 0;
        if (rc < 0)
            fx_commit(f, T0 + b);
        effects_reset(&f->effects);
        f->nacks = 0;
        if (!failed_alloc)
            break;
        if (b % 50 == 0) /* with a cold cache there is more to allocate */
            fx_reopen(f);
    }
    assert_true(failures > 5);
    assert_batches(f, b);
    for (int64_t nth = 1; nth < 2000; nth += 1 + nth / 16) { /* reading */
        struct outbox_row rows[8];
        int64_t n = 0;
        const char *body;
        size_t len;
        struct store_query q = {.since = TIME_NONE};
        (void)sqlite3_db_release_memory(f->store->db); /* from a cold cache */
        failed_alloc = false;
        fail_alloc = nth;
        int codes[] = {store_each_event(f->store, TIME_NONE, TIME_NONE, NULL, on_event, &n, &f->err),
                       store_each_state(f->store, on_state, &n, &f->err), store_each_incident(f->store, &q, on_text, &n, &f->err),
                       store_incident(f->store, "01FULL1-0", &f->arena, &body, &len, &f->err),
                       store_outbox_next(f->store, "city", T0, NULL, 0, 8, &f->arena, rows, &f->err)};
        fail_alloc = 0;
        for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
            assert_true(codes[i] >= 0 || codes[i] == GF_ENOMEM);
        arena_reset(&f->arena);
        if (!failed_alloc)
            break;
    }
    assert_batches(f, b);
}

/* -- a disk that is really full ------------------------------------------------------------------------------------------------- */

static uint32_t fill_up(struct fx *f, uint32_t b) {
    for (;; b++) {
        make_batch(f, b);
        int rc = fx_try_commit(f, T0 + b);
        if (rc < 0) {
            if (rc != GF_EFULL)
                print_error("%d: %s\n", rc, f->err.text);
            assert_int_equal(rc, GF_EFULL);
            return b; /* the batch stays */
        }
        effects_reset(&f->effects);
        f->nacks = 0;
        assert_true(b < 5000);
    }
}

static void a_full_tmpfs(void **state) {
    struct fx *f = *state;
    char dir[270], ballast[300];
    (void)snprintf(dir, sizeof dir, "%.255s/small", f->dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    if (mount("gengfu-test", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=3m") < 0) {
        print_message("no tmpfs of our own here: %s\n", strerror(errno));
        skip();
    }
    fx_close(f);
    (void)snprintf(f->path, sizeof f->path, "%s/gengfu.db", dir);
    (void)snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, 1 << 20), 0);
    (void)close(fd);
    fx_open(f);
    uint32_t b = fill_up(f, 1);
    assert_true(b > 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fx_try_commit(f, T0 + b), GF_EFULL); /* again and again, as the daemon does */
    assert_batches(f, b - 1);
    fx_reopen(f); /* a restart on a full disk */
    assert_batches(f, b - 1);
    assert_int_equal(unlink(ballast), 0); /* room again */
    fx_commit(f, T0 + b);
    assert_batches(f, b);
    b = fill_up(f, b + 1);
    fx_close(f);
    fx_open(f);
    assert_batches(f, b - 1);
    fx_close(f);
    if (umount2(dir, MNT_DETACH) < 0)
        print_error("umount %s: %s\n", dir, strerror(errno));
    (void)snprintf(f->path, sizeof f->path, "%s/gengfu.db", f->dir);
}

/* Without root: a limit on the size of files. In a child, for it cannot be taken back. */
static void a_limit_on_the_files(void **state) {
    struct fx *f = *state;
    int fds[2];
    uint32_t b = 0;
    fx_close(f);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = {.rlim_cur = 400000, .rlim_max = 400000};
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(2);
        fx_open(f);
        b = fill_up(f, 1);
        assert_batches(f, b - 1);
        _exit(write(fds[1], &b, sizeof b) == (ssize_t)sizeof b ? 0 : 2);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &b, sizeof b), sizeof b);
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_in_range(b, 4, 199);
    fx_open(f);
    assert_batches(f, b - 1);
    make_batch(f, b);
    fx_commit(f, T0 + b);
    assert_batches(f, b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_nth_write_fails, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(writes_that_go_on_failing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(reads_that_fail, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_nth_allocation_fails, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(memory_stays_away, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(no_memory_to_roll_back, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_full_tmpfs, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_limit_on_the_files, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store failure", tests, setup_memory, NULL);
}
