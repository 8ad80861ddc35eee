/* SPDX-License-Identifier: Apache-2.0
 * The store's own rooms: the handle, transactions, statements. For src/store and its tests only.
 *
 * A transaction ends in one of two ways: txn_commit returned 0 and everything is on disk, or nothing happened, in the file and in `live` alike. */
#ifndef GENGFU_STORE_STORE_INT_H
#define GENGFU_STORE_STORE_INT_H

#include <sqlite3.h>

#include "gengfu/base/time.h"
#include "gengfu/store/store.h"
#include "store/chunk.h"
#include "store/sql.h"

#define STORE_APPLICATION_ID 0x67667531 /* "gfu1": in the file's header */
/* Of new files. A commit writes every page that it touches once to the WAL: with small batches small pages win by far (10 events a commit: 450 bytes written an event at 1024, 820 at 2048,
 * 860 at 4096), with large ones they lose nothing, since chunks fill whole pages. */
#define STORE_PAGE_SIZE 1024
#define STORE_WAL_PAGES 4096 /* checkpoint when the WAL has so many: 4 MiB */
#define STORE_CACHE_KIB 1024
#define STORE_VALUE_MAX (64 * 1024 * 1024) /* bytes of one value or row; more is damage or an attack */
#define STORE_PLATFORMS 32
#define STORE_SEGMENT 1024                    /* chunks under one entry of the journal's time index */
#define STORE_SEGMENT_BYTES (4 * 1024 * 1024) /* the same */
#define STORE_REVISIONS 1000                  /* latest ones kept of an incident */
#define STORE_ANSWERS 20000                   /* latest ones kept */
#define STORE_AUDIT 100000                    /* latest ones kept; the chain goes on from an anchor */

#define STORE_STR2(x) #x
#define STORE_STR(x) STORE_STR2(x)
#define HERE __FILE__ ":" STORE_STR(__LINE__)

struct segment { /* chunks first..last arrived between min and max: wall clocks step, row numbers do not */
    int64_t first, last, min, max;
    int64_t chunks, bytes;
};

struct outbox_total {
    int64_t rows, dead, bytes; /* dead: of the rows */
};

/* What a transaction changes in memory; put back as it was when the transaction fails. */
struct store_live {
    int64_t last_id;                       /* of the journal's rows; a number is never used twice */
    int64_t events, bytes;                 /* ever appended; bytes as they are stored */
    int64_t events_trimmed, bytes_trimmed; /* ever trimmed */
    struct {
        int64_t id;
        size_t n;
    } acks[STORE_ACK_MOST]; /* chunks with acks, the latest at (nacks - 1) % STORE_ACK_MOST */
    uint64_t nacks;
    int64_t tail;                                    /* chunk of the last full checkpoint */
    struct outbox_total outbox[STORE_PLATFORMS + 1]; /* of each named platform, in its slot; in the last one, what is for others */
    int64_t outbox_bytes;                            /* of all of them */
    int64_t incidents;
    struct store_clock clock;
    struct segment segment; /* the one being filled; chunks 0: empty */
    uint8_t audit[32];      /* hash of the latest entry */
    int64_t audit_id;       /* and its number; 0: none yet */
    uint64_t rows_written;
};

struct platform {
    int64_t id; /* row of table platform */
    char *name;
    bool named; /* by the configuration in force */
    int slot;   /* of live.outbox */
};

struct store {
    sqlite3 *db;
    char *path;
    int lock; /* descriptor of PATH-lock; -1 */
    struct store_conf conf;
    int schema;
    const char *txn; /* where the open transaction was begun; NULL: none */
    int open_statements;
    bool torn; /* a transaction is over for us that SQLite could not roll back: sql_start does it */
    struct store_live live, before;
    struct platform *platforms;
    size_t nplatforms;
    int64_t bit[STORE_PLATFORMS]; /* platform row of each bit of effect_incident.platforms */
    size_t nbits;
    struct chunk_writer writer;
    uint64_t commits;
    int64_t last_commit_us, max_commit_us;
    struct sql_slot slots[SQL_COUNT];
};

/* open.c */
/* `schema`: stop at this version. */
GF_WARN_UNUSED int store_open_to(const struct store_conf *conf, int schema, struct err *err, struct store **ret);
GF_WARN_UNUSED int store_load(struct store *s, struct err *err); /* `live` and the platforms, from the file */
void store_harden(sqlite3 *db);
GF_WARN_UNUSED int store_lock_take(const char *path, struct err *err, int *ret_fd);
void store_unmark(const char *path);                                        /* store_unsalvaged is false from now on */
GF_WARN_UNUSED int store_directory_sync(const char *path, struct err *err); /* of the file `path` */
GF_WARN_UNUSED int store_meta_get(struct store *s, const char *name, int64_t otherwise, struct err *err, int64_t *ret);
GF_WARN_UNUSED int store_meta_put(struct store *s, const char *name, int64_t value, struct err *err);
GF_WARN_UNUSED int store_writable(struct store *s, struct err *err);

/* migrate.c */
extern const int store_schema; /* newest */
GF_WARN_UNUSED int store_migrate(struct store *s, int to, struct err *err);

/* txn.c. `where` is HERE. After a failed commit everything is rolled back. */
GF_WARN_UNUSED int txn_begin(struct store *s, const char *where, struct err *err);
GF_WARN_UNUSED int txn_commit(struct store *s, struct err *err);
void txn_rollback(struct store *s);
/* Commits when rc is 0, else rolls back and gives rc. */
GF_WARN_UNUSED int txn_end(struct store *s, int rc, struct err *err);

/* journal.c */
size_t store_ack_batches(const struct store_live *l); /* of the latest batches with acks: how many are kept */
GF_WARN_UNUSED int store_journal_load(struct store *s, struct err *err);
GF_WARN_UNUSED int store_journal_put(struct store *s, const struct store_batch *batch, struct err *err);

/* state.c */
GF_WARN_UNUSED int store_state_put(struct store *s, const struct effect_state *st, struct err *err);
GF_WARN_UNUSED int store_tail_put(struct store *s, struct err *err); /* the journal's tail begins behind what is there now */
GF_WARN_UNUSED int store_device_put(struct store *s, const struct effect_device *d, struct err *err);

/* incident.c */
GF_WARN_UNUSED int store_incidents_load(struct store *s, struct err *err);
GF_WARN_UNUSED int store_incident_put(struct store *s, const struct effect_incident *i, int64_t wall, struct err *err);

/* query.c. By id, number, or the beginning of one. GF_ENOTFOUND, GF_EINVAL when it could be several. */
GF_WARN_UNUSED int store_incident_lookup(struct store *s, const char *text, int64_t *ret_nr, struct err *err);

/* outbox.c, outbox_count.c, budget.c */
GF_WARN_UNUSED int store_outbox_load(struct store *s, struct err *err);
void store_outbox_note(struct store *s, int64_t platform, int rows, bool dead, int64_t bytes); /* rows: 1 came, -1 went */
GF_WARN_UNUSED int store_outbox_queue(struct store *s, int64_t nr, const struct effect_incident *i, int64_t wall, struct err *err);
GF_WARN_UNUSED int store_outbox_give_way(struct store *s, int64_t wall, struct err *err);
struct platform *store_platform_find(struct store *s, const char *name);
GF_WARN_UNUSED int store_platforms_load(struct store *s, struct err *err);

/* ruleset.c */
GF_WARN_UNUSED int store_ruleset_put(struct store *s, const struct store_ruleset *r, struct err *err);

/* answers.c, audit.c */
GF_WARN_UNUSED int store_answer_put(struct store *s, const struct effect_answer *a, bool audited, struct err *err);
GF_WARN_UNUSED int store_audit_put(struct store *s, int64_t at, const char *who, const char *what, const char *detail, struct err *err);
GF_WARN_UNUSED int store_audit_load(struct store *s, struct err *err);
GF_WARN_UNUSED int store_audit_trim(struct store *s, int64_t budget, struct err *err, int64_t *ret_rows);

#endif
