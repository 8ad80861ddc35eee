/* SPDX-License-Identifier: Apache-2.0
 * The store: one SQLite file, the only place that speaks SQL. Journal, rule state, incidents with their revisions, outbox, answers, device checkpoints, audit.
 *
 * WAL, synchronous=FULL. One transaction per batch: what a batch did is there as a whole after store_commit returned 0, or not at all. Called from the loop's thread only. Knows nothing
 * of MQTT, HTTP and the loop. Every error names the statement and the file. Lifetime: strings given to callbacks are good until the callback returns. */
#ifndef GENGFU_STORE_STORE_H
#define GENGFU_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"
#include "gengfu/engine/effects.h"

struct store;

struct store_conf {
    const char *path;
    int64_t journal_max_age;   /* ms; 0: none */
    int64_t journal_max_bytes; /* of the journal as it is stored (packed); 0: none */
    int64_t closed_max_age;    /* ms that incidents which are over are kept; 0: for ever */
    int64_t outbox_max_bytes;  /* 0: none */
    int64_t reserve_bytes;     /* of store_reserve_take; 0: none */
    bool read_only;            /* for tools beside a running daemon */
};

/* Opens or makes the file; runs the migrations that are missing (an append-only array; each leaves a row). GF_EVERSION: the file is from a newer gengfu (nothing is touched).
 * GF_ECORRUPT: damaged (store_set_aside is the way on). GF_ESTATE: another process has it (lock). */
GF_WARN_UNUSED int store_open(const struct store_conf *conf, struct err *err, struct store **ret);
/* Renames a damaged file (with -wal and -shm) to PATH.damaged-<wall ms> and gives the new name; never deletes. */
GF_WARN_UNUSED int store_set_aside(const char *path, int64_t wall, char *ret_name, size_t size, struct err *err);
/* After that, into a new store, before anything else is done with it: what the damaged file still gives. Incidents with revisions and outbox, rule state, devices, answers, audit, platforms, and the
 * journal's last chunks (clock, acks). Nothing readable is no error. GF_ESTATE: the store is not new. After an error it is as new. */
struct store_salvaged {
    int64_t incidents, outbox, states, devices, chunks;
    bool complete; /* no damage was met (in what was read; not the journal as a whole) */
};
GF_WARN_UNUSED int store_salvage(struct store *s, const char *damaged, struct store_salvaged *ret, struct err *err);
/* A start was killed between the two: the name of the damaged file, from which the new one may still take over. store_salvage, however it ends, was the last try. */
bool store_unsalvaged(const char *path, char *ret_name, size_t size);
void store_close(struct store *s); /* checkpoints the WAL; NULL is fine */

/* -- platforms: names <-> numbers used in effect_incident.platforms ------------------------------------------------------------- */
/* Says which platforms there are now, in the order of the bits. Outbox rows of platforms that are no longer named are kept, and shown as orphaned. */
GF_WARN_UNUSED int store_platforms(struct store *s, const char *const *names, size_t n, struct err *err);

/* -- one batch ------------------------------------------------------------------------------------------------------------------ */
/* What the broker sent and has no PUBACK for yet, so that a redelivery after a crash is recognised. */
struct store_ack {
    uint16_t mid;
    uint64_t hash; /* of topic and payload */
};
#define STORE_HASH_TEXT 65
struct store_ruleset { /* one that was put into force */
    const char *hash;  /* its key */
    int64_t at;        /* ms, wall: when it was put into force the last time */
    const char *who;
    const char *body; /* what the caller wants back of it; NULL in listings */
    size_t len;       /* at most STORE_RULESET_MAX */
};
#define STORE_RULESET_MAX (8 << 20)
#define STORE_RULESETS 8 /* latest ones kept */
struct store_note {
    const char *who, *what, *detail;
};
struct store_batch {
    const struct effects *effects;
    const struct store_ack *acks; /* of this batch; kept: see STORE_ACKS */
    size_t nacks;
    const struct store_ruleset *ruleset; /* comes into force with this batch; NULL: as before */
    const struct store_note *note;       /* goes into the audit trail with this batch; NULL: nothing */
    bool
        checkpoint; /* every device's checkpoint and the sources' memory are in this batch or before it: the journal's tail begins behind it */
    int64_t mono, wall; /* engine time of the batch: where the clock goes on after a restart */
};
/* A broker may send again as many messages as there are packet ids, in however many batches they were committed: so many acks are kept at least, and those of so many batches that had any; of
 * STORE_ACK_MOST batches at most. */
#define STORE_ACKS 65536
#define STORE_ACK_BATCHES 16
#define STORE_ACK_MOST 512
/* 0: durable. GF_EFULL: disk full. GF_EIO, GF_ECORRUPT. After an error nothing of the batch is there, and the same batch may be given again. Outbox: for each published incident and each platform
 * bit one waiting row (platform, incident) is made or replaced by the newer revision; a row whose older revision is in flight is replaced too, its confirmation then no longer removes it. */
GF_WARN_UNUSED int store_commit(struct store *s, const struct store_batch *batch, struct err *err);

/* -- start -------------------------------------------------------------------------------------------------------------------------- */
struct store_clock {
    int64_t mono, wall; /* of the last commit; TIME_NONE in a new file */
};
void store_clock(const struct store *s, struct store_clock *ret);
/* Each calls back per row until it returns non-zero, which is then returned. A callback may read (not by the same function), but not write. */
typedef int (*store_state_fn)(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len);
typedef int (*store_text_fn)(void *ctx, const char *name, const char *body, size_t len);
/* rowid: the running number of the event since the file was made. */
typedef int (*store_event_fn)(void *ctx, int64_t rowid, int64_t time, int64_t arrived, const char *body, size_t len);
GF_WARN_UNUSED int store_each_state(struct store *s, store_state_fn fn, void *ctx, struct err *err);
GF_WARN_UNUSED int store_each_open_incident(struct store *s, store_text_fn fn, void *ctx, struct err *err); /* not over; name: id */
GF_WARN_UNUSED int store_each_device(struct store *s, store_text_fn fn, void *ctx, struct err *err);        /* checkpoints */
/* Journal rows newer than the last full checkpoint. */
GF_WARN_UNUSED int store_each_tail_event(struct store *s, store_event_fn fn, void *ctx, struct err *err);
/* Every device's checkpoint has been committed: the tail begins behind the last journal row. */
GF_WARN_UNUSED int store_checkpoint_done(struct store *s, struct err *err);
typedef int (*store_ack_fn)(void *ctx, uint16_t mid, uint64_t hash);
GF_WARN_UNUSED int store_each_ack(struct store *s, store_ack_fn fn, void *ctx, struct err *err); /* oldest first */
GF_WARN_UNUSED int store_forget_acks(struct store *s, struct err *err); /* the broker has a new session for us, and numbers anew */
/* 1: an answer given before; 0: none. */
GF_WARN_UNUSED int store_answer(struct store *s, const char *command, const char *who, struct arena *a, const char **ret_body,
                                struct err *err);

/* -- rule sets that were in force, the latest first ------------------------------------------------------------------------------------ */
/* The body goes into an opened buf. hash NULL: the latest. GF_ENOTFOUND. */
GF_WARN_UNUSED int store_ruleset(struct store *s, const char *hash, struct buf *ret_body, char ret_hash[STORE_HASH_TEXT], struct err *err);
typedef int (*store_ruleset_fn)(void *ctx, const struct store_ruleset *r);
GF_WARN_UNUSED int store_each_ruleset(struct store *s, store_ruleset_fn fn, void *ctx, struct err *err);

/* -- room on the disk ------------------------------------------------------------------------------------------------------------------ */
/* A file beside the store that holds conf.reserve_bytes of room. Take: 0: it is there (or none is wanted); GF_EFULL: no room for it. Give: true: there was one, and its room is free. */
GF_WARN_UNUSED int store_reserve_take(struct store *s, struct err *err);
bool store_reserve_give(struct store *s);
int64_t store_room(const struct store *s); /* bytes free on its file system; -1: unknown */

/* -- outbox ------------------------------------------------------------------------------------------------------------------------ */
struct outbox_row {
    const char *platform, *incident, *number, *title;
    uint32_t revision;
    enum change change;
    enum severity severity;
    int64_t queued; /* ms, wall: when this revision came in */
    int64_t first;  /* when the row came in */
    int attempts;
    int64_t next_try; /* ms, wall; 0: at once */
    bool dead;
    const char *why;  /* latest failure; NULL */
    const char *body; /* the incident's document as it was at this revision: the same bytes however often it is sent */
    size_t len;
};
/* The next rows to send to a platform at `now`: not dead, not waiting for next_try, not in `busy` (ids that are in flight), by severity, then newest incident first ("fresh before backlog"
 * means: within a severity what was queued in the last 60 s goes before what is older, and the older by age). At most n, everything in the arena. Returns how many, or <0. */
GF_WARN_UNUSED int store_outbox_next(struct store *s, const char *platform, int64_t now, const char *const *busy, size_t nbusy, size_t n,
                                     struct arena *a, struct outbox_row *ret, struct err *err);
/* Wall ms of the earliest next_try among rows that wait; INT64_MAX: nothing waits; 0: something is ready. */
int64_t store_outbox_due(struct store *s, const char *platform);
/* What forwarding learnt; several in one transaction. */
enum outbox_result { OUTBOX_CONFIRMED, OUTBOX_RETRY, OUTBOX_DEAD };
struct outbox_outcome {
    const char *platform, *incident;
    uint32_t revision; /* that was sent */
    enum outbox_result result;
    int64_t next_try; /* RETRY */
    const char *why;
    int64_t at;
    bool late; /* a receipt after the time for it: a newer revision may have been sent meanwhile, and what that said must stay */
};
GF_WARN_UNUSED int store_outbox_outcomes(struct store *s, const struct outbox_outcome *items, size_t n, struct err *err);
/* Nothing waits for its next_try any more: the clock was set back. */
GF_WARN_UNUSED int store_outbox_at_once(struct store *s, const char *platform, struct err *err);
/* A dead or sent one is queued again, for those of `audience` (bits as in effect_incident.platforms) and whoever has a row of it already.
 * note: goes into the audit trail with it, at `now`; NULL: nothing. */
GF_WARN_UNUSED int store_outbox_resend(struct store *s, const struct store_note *note, const char *platform /* NULL: all of these */,
                                       uint32_t audience, const char *incident, int64_t now, size_t *ret_rows, struct err *err);
typedef int (*store_outbox_fn)(void *ctx, const struct outbox_row *row);
GF_WARN_UNUSED int store_each_outbox(struct store *s, bool dead_only, store_outbox_fn fn, void *ctx, struct err *err);
struct store_outbox_counts {
    size_t waiting, dead, orphaned;
    int64_t oldest; /* wall ms: since when the oldest revision is in it; TIME_NONE */
    int64_t bytes;
};
/* Costs the same however much waits. A platform that is no longer named shares its count with others of its kind. */
GF_WARN_UNUSED int store_outbox_counts(struct store *s, const char *platform /* NULL: all */, struct store_outbox_counts *ret,
                                       struct err *err);

/* -- looking in ---------------------------------------------------------------------------------------------------------------------- */
struct store_query {
    bool open_only;   /* not over */
    int64_t since;    /* wall ms of `updated`; TIME_NONE: any */
    const char *rule; /* NULL: any */
    const char *device;
    int limit; /* 0: 1000 */
};
/* Newest first; body: the document. */
GF_WARN_UNUSED int store_each_incident(struct store *s, const struct store_query *q, store_text_fn fn, void *ctx, struct err *err);
/* A unique prefix of 6 or more characters will do. */
GF_WARN_UNUSED int store_incident(struct store *s, const char *id_or_number, struct arena *a, const char **ret_body, size_t *ret_len,
                                  struct err *err);
typedef int (*store_revision_fn)(void *ctx, uint32_t revision, enum change change, int64_t at, const char *note);
GF_WARN_UNUSED int store_each_revision(struct store *s, const char *id, store_revision_fn fn, void *ctx, struct err *err);
/* Those that arrived from `since` until before `until` (TIME_NONE: no bound), in order of arrival, also over steps of the clock. */
GF_WARN_UNUSED int store_each_event(struct store *s, int64_t since, int64_t until, const char *device /* NULL: all */, store_event_fn fn,
                                    void *ctx, struct err *err);
struct store_info {                                              /* costs the same however much is stored */
    int64_t file_bytes, wal_bytes, journal_rows, journal_oldest; /* TIME_NONE when empty */
    int64_t incidents;
    uint64_t commits, rows_written; /* by this process */
    int64_t last_commit_us, max_commit_us;
    int schema;
    int64_t journal_bytes; /* as stored: what journal_max_bytes bounds */
    int64_t gave_way[5];   /* outbox rows that made room, by severity, since the file was made */
};
GF_WARN_UNUSED int store_info(struct store *s, struct store_info *ret, struct err *err);

/* -- upkeep ---------------------------------------------------------------------------------------------------------------------------- */
/* Bounds the journal by age and size and drops closed incidents past their age, a little at a time (at most `budget` rows); true in *ret_more when there is more to do. */
GF_WARN_UNUSED int store_trim(struct store *s, int64_t now, size_t budget, bool *ret_more, struct err *err);
bool store_wants_trim(const struct store *s); /* the journal is a quarter over its ceiling: sooner than the next upkeep would be better */
/* The clock was wrong by `shift`: what was put into the journal behind row `from` (store_mark gave it then) is moved. */
int64_t store_mark(const struct store *s);
GF_WARN_UNUSED int store_restamp(struct store *s, int64_t from, int64_t shift, struct err *err);
/* Hash-chained. */
GF_WARN_UNUSED int store_audit(struct store *s, int64_t at, const char *who, const char *what, const char *detail, struct err *err);
struct audit_entry {
    int64_t id, at;
    const char *who, *what, *detail; /* detail may be NULL */
    bool intact;                     /* follows from the entry before it */
    uint8_t hash[32];
};
typedef int (*store_audit_fn)(void *ctx, const struct audit_entry *e);
GF_WARN_UNUSED int store_each_audit(struct store *s, store_audit_fn fn, void *ctx, struct err *err); /* oldest first */
/* The latest first, at most `limit`, from `since` on (TIME_NONE: any); `intact` is not looked at. */
GF_WARN_UNUSED int store_latest_audit(struct store *s, int64_t since, int limit, store_audit_fn fn, void *ctx, struct err *err);
/* GF_ECORRUPT: an entry was changed, put in, or taken out; err names it. `head` (NULL: none): what store_audit_head said once, noted where the file's owner cannot write: then a chain that was
 * written anew as a whole shows, too. GF_ENOTFOUND: that entry is no longer kept. ret_entries may be NULL. */
GF_WARN_UNUSED int store_audit_verify(struct store *s, const char *head, int64_t *ret_entries, struct err *err);
#define STORE_AUDIT_HEAD 88
void store_audit_head(const struct store *s, char ret[STORE_AUDIT_HEAD]); /* "17:" and the entry's hash; "0:000…" when there is none */
GF_WARN_UNUSED int store_backup(struct store *s, const char *path, struct err *err); /* online copy */

#endif
