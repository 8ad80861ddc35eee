/* SPDX-License-Identifier: Apache-2.0
 * For the store's tests: a directory of its own for each test, batches with few words, and a VFS below SQLite that counts, fails and forgets. */
#ifndef GENGFU_TESTS_STORE_FX_H
#define GENGFU_TESTS_STORE_FX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gengfu/store/store.h"

#define T0 INT64_C(1767614400000) /* 2026-01-05T12:00:00Z */

struct fx {
    char dir[256];
    char path[300];
    struct store_conf conf;
    struct store *store;
    struct err err;
    struct arena arena;
    struct effects effects;
    struct store_ack acks[4096];
    size_t nacks;
};

int fx_setup(void **state);    /* *state is a struct fx with an open, empty store and the platforms "city" and "town" */
int fx_teardown(void **state); /* closes and removes everything */
void fx_open(struct fx *f);
void fx_reopen(struct fx *f);
void fx_close(struct fx *f);
/* Fails the test with the sentence of the error. */
#define fx_ok(f, call) fx_check((f), (call), __FILE__, __LINE__)
void fx_check(struct fx *f, int rc, const char *file, int line);
#define assert_says(f, text) assert_true(fx_says((f), (text)))
bool fx_says(const struct fx *f, const char *text);

/* What SQLite reads in the file, past the store: one integer; NULL is TIME_NONE. */
int64_t fx_number(struct fx *f, const char *sql);

/* Into the next batch. Strings are copied. */
void fx_event(struct fx *f, int64_t arrived, const char *device, const char *fields);
void fx_state(struct fx *f, const char *rule, uint64_t hash, const char *key, const char *body); /* body NULL: gone */
void fx_device(struct fx *f, const char *device, const char *body);
void fx_answer(struct fx *f, const char *command, const char *who, const char *body);
void fx_ack(struct fx *f, uint16_t mid, uint64_t hash);
/* A published revision with a document of about `size` bytes that says id, revision and severity; change it before the next call. */
struct effect_incident *fx_incident(struct fx *f, const char *id, uint32_t revision, enum severity severity, size_t size);
int fx_try_commit(struct fx *f, int64_t wall); /* the batch stays */
void fx_commit(struct fx *f, int64_t wall);    /* must succeed; the next batch begins */

/* The VFS: default once fx_vfs was called (before the first store is opened). */
struct fx_vfs {
    uint64_t writes, bytes, wal_bytes, syncs, reads; /* so far */
    int64_t fail_write, fail_sync, fail_read;        /* the Nth from now on fails, and those after it while `stay`; 0: none */
    int code;                                        /* what they say: SQLITE_IOERR_WRITE, SQLITE_FULL … */
    bool stay;
};
extern struct fx_vfs fx_vfs;
/* Told of each operation on a database or its log before it happens: 'r', 'w', 't' (truncation to `offset`), 's' (sync). NULL: nobody. */
extern void (*fx_vfs_before)(char op, const char *path, int64_t offset, const void *data, size_t len);
void fx_vfs_use(void);
/* A process that was killed: everything that was written stays. The machine lost its power: what was not synced is as it was at the last sync, file by file; the last unsynced write may be torn. */
void fx_vfs_power(bool on);           /* start remembering */
void fx_vfs_power_cut(unsigned seed); /* puts the files back; the store must have been left open and forgotten */

#endif
