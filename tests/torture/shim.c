/* SPDX-License-Identifier: Apache-2.0
 * Preloaded into the daemon that ships (LD_PRELOAD), so that the whole of it goes through what a test needs: a wall clock that can be moved, and below SQLite a VFS that fails on request,
 * kills at the Nth operation and writes down every write and sync, from which the driver makes what a power cut would have left.
 * GENGFU_SHIM names a file that driver and daemon share: struct control, changed while the daemon runs. GENGFU_SHIM_LOG: where the operations are written down; unset: nowhere. */
#include "store_fx.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* tests/lib/shim.py knows the same order. */
struct control {
    int64_t clock_offset; /* microseconds that CLOCK_REALTIME is away from the machine's */
    int64_t kill_any,
        kill_main; /* SIGKILL before the Nth write, truncation or sync from now on: of any file, of the database file itself; 0: never */
    int64_t fail_write, fail_sync;      /* the Nth from now on fails; 0: none */
    int64_t fail_read, fail_stay, code; /* and all after it while `stay`; SQLite's number of the failure */
    int64_t operations, failures;       /* so far, of any file; reads left out of the first */
};

static struct control none, *control = &none;
static int log_fd = -1;

/* -- the clock ------------------------------------------------------------------------------------------------------------------ */

static int (*real_clock)(clockid_t, struct timespec *);

int clock_gettime(clockid_t id, struct timespec *ts) {
    if (!real_clock) {
        void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
        memcpy(&real_clock, &symbol, sizeof real_clock);
    }
    int rc = real_clock(id, ts);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) && control->clock_offset) {
        int64_t us = (int64_t)ts->tv_sec * 1000000 + ts->tv_nsec / 1000 + control->clock_offset;
        *ts = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    }
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    struct timespec ts;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);
    if (rc == 0)
        *tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
    return rc;
}

time_t time(time_t *ret) {
    struct timespec ts = {0};
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}

/* -- the disk ------------------------------------------------------------------------------------------------------------------- */

/* One record: the head, the path, the data. */
struct head {
    char op;
    uint8_t path_len;
    uint32_t len;
    int64_t offset;
} __attribute__((packed));

static void write_down(char op, const char *path, int64_t offset, const void *data, size_t len) {
    struct head h = {.op = op, .path_len = (uint8_t)strnlen(path, 255), .len = (uint32_t)len, .offset = offset};
    const void *parts[] = {&h, path, data};
    const size_t sizes[] = {sizeof h, h.path_len, len};
    struct iovec iov[3];
    for (size_t i = 0; i < 3; i++) { /* writev only reads what it is given */
        memcpy(&iov[i].iov_base, &parts[i], sizeof parts[i]);
        iov[i].iov_len = sizes[i];
    }
    if (writev(log_fd, iov, data ? 3 : 2) < 0)
        abort();
}

static bool reached(int64_t *countdown) { return *countdown > 0 && --*countdown == 0; }

static void before(char op, const char *path, int64_t offset, const void *data, size_t len) {
    if (control->fail_write || control->fail_sync || control->fail_read) { /* handed over once; the VFS counts */
        fx_vfs.fail_write = control->fail_write;
        fx_vfs.fail_sync = control->fail_sync;
        fx_vfs.fail_read = control->fail_read;
        fx_vfs.code = (int)control->code;
        control->fail_write = control->fail_sync = control->fail_read = 0;
    }
    fx_vfs.stay = control->fail_stay != 0;
    if (!control->fail_stay && control->code == 0)
        fx_vfs.fail_write = fx_vfs.fail_sync = fx_vfs.fail_read = 0;
    bool fails = (op == 'w' && fx_vfs.fail_write == 1) || (op == 's' && fx_vfs.fail_sync == 1) || (op == 'r' && fx_vfs.fail_read == 1);
    control->failures += fails;
    if (op == 'r')
        return;
    control->operations++;
    size_t n = strlen(path);
    bool wal = n > 4 && strcmp(path + n - 4, "-wal") == 0;
    if (reached(&control->kill_any) || (!wal && reached(&control->kill_main)))
        (void)kill(getpid(), SIGKILL);
    if (log_fd >= 0 && !fails)
        write_down(op, path, offset, data, len);
}

__attribute__((constructor)) static void start(void) {
    const char *shared = getenv("GENGFU_SHIM"), *log = getenv("GENGFU_SHIM_LOG");
    int fd = shared ? open(shared, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED)
        abort();
    control = map;
    if (log && (log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        abort();
    fx_vfs_use();
    fx_vfs_before = before;
}
