/* SPDX-License-Identifier: Apache-2.0
 * Upkeep: the journal is kept within its age and size, closed incidents, answers and audit within theirs; stamps of the journal are put right. A bounded number of rows in a call and a transaction. Leans on sql.c. */
#include "store/store_int.h"

#include <stdlib.h>

#define AHEAD TIME_DAY       /* a stamp further in the future was made by a clock that was wrong */
#define ACKS_ROOM (16 << 20) /* bytes that the rows which know what was acknowledged may take beyond the journal's ceiling */

static int64_t plus(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* Whether rows with a time to come, at the front since `id`, are old all the same: because a whole segment behind them is. */
static int overtaken(struct store *s, int64_t id, int64_t cutoff, bool *ret, struct err *err) {
    int64_t one = 0;
    struct query q = sql_start(s, SQL_SEGMENT_OLD);
    sql_put_int(&q, id);
    sql_put_int(&q, cutoff);
    int rc = sql_one(&q, 0, err, &one);
    *ret = one != 0;
    return rc;
}

/* The first row of the last `batches` that acknowledged something; without any, the last row, for it numbers the next. */
static int64_t row_of_acks(const struct store *s, size_t batches) {
    const struct store_live *l = &s->live;
    return batches ? l->acks[(l->nacks - batches) % STORE_ACK_MOST].id : l->last_id;
}

static int trim_journal(struct store *s, int64_t now, int64_t *budget, struct err *err) {
    struct store_live *l = &s->live;
    int64_t max_age = s->conf.journal_max_age, max_bytes = s->conf.journal_max_bytes;
    if (max_age <= 0 && max_bytes <= 0)
        return 0;
    int64_t cutoff = max_age > 0 ? plus(now, -max_age) : INT64_MIN, last = 0, events = 0, bytes = 0;
    size_t batches = store_ack_batches(l);
    /* The last batches' records stay, for they know what was acknowledged: the very last whatever they take, the others while there is room. */
    int64_t acks = row_of_acks(s, batches);
    bool asked = false, future_is_old = false;
    struct query q = sql_start(s, SQL_JOURNAL_FRONT);
    sql_put_int(&q, row_of_acks(s, batches < STORE_ACK_BATCHES ? batches : STORE_ACK_BATCHES));
    int rc = 0;
    while (*budget > 0 && (rc = sql_row(&q, err)) > 0) {
        int64_t id = sql_int(&q, 0), arrived = sql_int(&q, 1), latest = plus(arrived, sql_int(&q, 2)), n = sql_int(&q, 3);
        bool held = id >= acks;
        int64_t most = held ? plus(max_bytes, ACKS_ROOM) : max_bytes;
        bool drop = (latest < cutoff && !held) || (max_bytes > 0 && l->bytes - l->bytes_trimmed - bytes > most);
        if (!drop && !held && max_age > 0 && arrived > plus(now, AHEAD)) {
            if (!asked) {
                asked = true;
                rc = overtaken(s, id, cutoff, &future_is_old, err);
                if (rc < 0)
                    break;
            }
            drop = future_is_old;
        }
        if (!drop)
            break;
        last = id;
        n = n < 1 ? 0 : n > CHUNK_BYTES ? CHUNK_BYTES : n;
        events += n;
        bytes += sql_int(&q, 4);
        *budget -= n ? n : 1;
    }
    sql_stop(&q);
    if (rc < 0 || !last)
        return rc < 0 ? rc : 0;
    q = sql_start(s, SQL_JOURNAL_DROP);
    sql_put_int(&q, last);
    rc = sql_run(&q, err);
    if (rc < 0)
        return rc;
    q = sql_start(s, SQL_SEGMENT_DROP);
    sql_put_int(&q, last);
    rc = sql_run(&q, err);
    l->events_trimmed += events;
    l->bytes_trimmed += bytes;
    if (rc == 0)
        rc = store_meta_put(s, "events_trimmed", l->events_trimmed, err);
    return rc < 0 ? rc : store_meta_put(s, "bytes_trimmed", l->bytes_trimmed, err);
}

static int drop_incident(struct store *s, int64_t nr, struct err *err) {
    static const int statements[] = {SQL_REVISION_DROP, SQL_PUBLISHED_DROP, SQL_TOLD_DROP, SQL_INCIDENT_DROP};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct query q = sql_start(s, statements[i]);
        sql_put_int(&q, nr);
        int rc = sql_run(&q, err);
        if (rc < 0)
            return rc;
    }
    s->live.incidents--;
    return 0;
}

/* What still waits in an outbox, or died there, stays. */
static int trim_incidents(struct store *s, int64_t now, int64_t *budget, struct err *err) {
    enum { AT_ONCE = 256 };
    int64_t nr[AT_ONCE];
    if (s->conf.closed_max_age <= 0 || *budget <= 0)
        return 0;
    struct query q = sql_start(s, SQL_INCIDENT_OLD);
    sql_put_int(&q, plus(now, -s->conf.closed_max_age));
    sql_put_int(&q, *budget < AT_ONCE ? *budget : AT_ONCE);
    int rc, n = 0;
    while ((rc = sql_row(&q, err)) > 0 && n < AT_ONCE)
        nr[n++] = sql_int(&q, 0);
    sql_stop(&q);
    for (int i = 0; rc >= 0 && i < n; i++)
        rc = drop_incident(s, nr[i], err);
    *budget = n == AT_ONCE ? 0 : *budget - n;
    return rc < 0 ? rc : 0;
}

bool store_wants_trim(const struct store *s) {
    int64_t most = s->conf.journal_max_bytes;
    return most > 0 && s->live.bytes - s->live.bytes_trimmed > most + most / 4;
}

int64_t store_mark(const struct store *s) { return s->live.last_id; }

int store_restamp(struct store *s, int64_t from, int64_t shift, struct err *err) {
    static const enum sql_id moves[] = {SQL_JOURNAL_MOVE, SQL_SEGMENT_STRETCH, SQL_SEGMENT_MOVE};
    struct segment *g = &s->live.segment;
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < sizeof moves / sizeof moves[0]; i++) {
        struct query q = sql_start(s, moves[i]);
        sql_put_int(&q, shift);
        sql_put_int(&q, from);
        rc = sql_run(&q, err);
    }
    if (g->chunks && g->last > from) { /* the segment that is being filled */
        int64_t min = plus(g->min, shift), max = plus(g->max, shift);
        g->min = g->first > from || min < g->min ? min : g->min;
        g->max = g->first > from || max > g->max ? max : g->max;
    }
    return txn_end(s, rc, err);
}

int store_trim(struct store *s, int64_t now, size_t budget, bool *ret_more, struct err *err) {
    int64_t left = budget < 1 ? 1 : budget > INT32_MAX ? INT32_MAX : (int64_t)budget;
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    rc = trim_journal(s, now, &left, err);
    if (rc == 0)
        rc = trim_incidents(s, now, &left, err);
    if (rc == 0 && left > 0) {
        struct query q = sql_start(s, SQL_ANSWER_TRIM);
        sql_put_int(&q, STORE_ANSWERS);
        sql_put_int(&q, left);
        rc = sql_run(&q, err);
        left -= rc == 0 ? sqlite3_changes64(s->db) : 0;
    }
    if (rc == 0 && left > 0) {
        int64_t rows = 0;
        rc = store_audit_trim(s, left, err, &rows);
        left -= rows;
    }
    rc = txn_end(s, rc, err);
    if (rc == 0)
        *ret_more = left <= 0;
    return rc;
}
