/* SPDX-License-Identifier: Apache-2.0
 * The journal: events in order of arrival, found by row number only. Every batch ends with its record (record.c). Stretches of STORE_SEGMENT rows leave their earliest and latest time in
 * `segment`, so that a span of time is found without an index on every row, also after the wall clock stepped. */
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"

#define CHUNK_ROWS 1000 /* rows read under one snapshot: a long listing must not keep the WAL from being reset */

static void segment_add(struct segment *g, int64_t id, int64_t arrived) {
    if (!g->rows++) {
        *g = (struct segment){.first = id, .last = id, .min = arrived, .max = arrived, .rows = 1};
        return;
    }
    g->last = id;
    if (arrived < g->min)
        g->min = arrived;
    if (arrived > g->max)
        g->max = arrived;
}

static int64_t plus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t minus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

/* SQLite numbers rows one by one as long as the last row is never taken out, and trimming leaves it. */
static int appended(struct store *s, int64_t arrived, struct err *err) {
    int64_t id = sqlite3_last_insert_rowid(s->db);
    if (id <= s->live.last_id)
        return err_set(err, GF_ECORRUPT, "store %s: the journal's row %lld came after %lld", s->path, (long long)id, (long long)s->live.last_id);
    s->live.last_id = id;
    segment_add(&s->live.segment, id, arrived);
    s->live.rows_written++;
    return 0;
}

int store_journal_event(struct store *s, const struct effect_event *e, struct err *err) {
    struct query q = sql_start(s, SQL_JOURNAL_ADD);
    sql_put_int(&q, e->arrived);
    sql_put_int(&q, minus(e->arrived, e->time));
    sql_put_text(&q, e->body ? e->body : "", e->body ? e->len : 0);
    int rc = sql_run(&q, err);
    if (rc < 0)
        return rc;
    s->live.events++;
    s->live.bytes += (int64_t)e->len;
    return appended(s, e->arrived, err);
}

int store_journal_record(struct store *s, const struct store_batch *batch, struct err *err) {
    size_t need = store_record_size(batch->nacks);
    if (need > s->scratch_size) {
        uint8_t *more = realloc(s->scratch, need);
        if (!more)
            return err_set(err, GF_ENOMEM, "store %s: no memory for %zu acks", s->path, batch->nacks);
        s->scratch = more;
        s->scratch_size = need;
    }
    struct store_live *l = &s->live;
    struct record r = {.mono = batch->mono, .wall = batch->wall, .events = l->events, .bytes = l->bytes, .nacks = batch->nacks};
    if (l->nacks)
        r.before = l->acks[(l->nacks - 1) % STORE_ACK_BATCHES];
    struct query q = sql_start(s, SQL_JOURNAL_RECORD);
    sql_put_int(&q, batch->wall);
    size_t len = store_record_write(s->scratch, &r, batch->acks);
    sql_put_blob(&q, s->scratch, len);
    int rc = sql_run(&q, err);
    if (rc == 0)
        rc = appended(s, batch->wall, err);
    if (rc < 0)
        return rc;
    l->bytes += (int64_t)len;
    if (batch->nacks)
        l->acks[l->nacks++ % STORE_ACK_BATCHES] = l->last_id;
    l->clock = (struct store_clock){.mono = batch->mono, .wall = batch->wall};
    struct segment *g = &l->segment;
    if (g->rows < STORE_SEGMENT)
        return 0;
    q = sql_start(s, SQL_SEGMENT_ADD);
    sql_put_int(&q, g->first);
    sql_put_int(&q, g->last);
    sql_put_int(&q, g->min);
    sql_put_int(&q, g->max);
    g->rows = 0;
    return sql_run(&q, err);
}

static int record_at(struct store *s, int64_t id, struct record *ret, struct err *err) {
    struct query q = sql_start(s, SQL_JOURNAL_BATCH);
    sql_put_int(&q, id);
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    size_t len;
    const uint8_t *data = sql_blob(&q, 0, &len);
    if (len > s->scratch_size) { /* the acks are read after the statement is gone */
        uint8_t *more = realloc(s->scratch, len);
        if (!more) {
            sql_stop(&q);
            return err_set(err, GF_ENOMEM, "store %s: no memory for a record of %zu bytes", s->path, len);
        }
        s->scratch = more;
        s->scratch_size = len;
    }
    rc = sql_good(&q, err);
    if (rc == 0 && len)
        memcpy(s->scratch, data, len);
    sql_stop(&q);
    if (rc < 0)
        return rc;
    if (!len || !store_record_read(s->scratch, len, ret))
        return err_set(err, GF_ECORRUPT, "store %s: the journal's row %lld is not a batch's record", s->path, (long long)id);
    ret->len = (int64_t)len;
    return 1;
}

/* The last records with acks, by their chain; one that was trimmed ends it. */
static int acks_load(struct store *s, struct record *last, int64_t last_id, struct err *err) {
    int64_t found[STORE_ACK_BATCHES];
    size_t n = 0;
    int64_t id = last->nacks ? last_id : last->before;
    while (id > 0 && n < STORE_ACK_BATCHES) {
        struct record r;
        int rc = record_at(s, id, &r, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        found[n++] = id;
        if (r.before >= id)
            return err_set(err, GF_ECORRUPT, "store %s: the record in the journal's row %lld names %lld as the one before", s->path, (long long)id, (long long)r.before);
        id = r.before;
    }
    s->live.nacks = n;
    for (size_t i = 0; i < n; i++)
        s->live.acks[i] = found[n - 1 - i];
    return 0;
}

int store_journal_load(struct store *s, struct err *err) {
    struct store_live *l = &s->live;
    l->clock = (struct store_clock){.mono = TIME_NONE, .wall = TIME_NONE};
    struct query q = sql_start(s, SQL_JOURNAL_LAST);
    int64_t last = 0;
    int rc = sql_one(&q, 0, err, &last);
    if (rc < 0)
        return rc;
    l->last_id = last;
    if (last) {
        struct record r;
        rc = record_at(s, last, &r, err);
        if (rc < 0)
            return rc;
        l->clock = (struct store_clock){.mono = r.mono, .wall = r.wall};
        l->events = r.events;
        l->bytes = r.bytes + r.len;
        rc = acks_load(s, &r, last, err);
        if (rc < 0)
            return rc;
    }
    rc = store_meta_get(s, "events_trimmed", 0, err, &l->events_trimmed);
    if (rc == 0)
        rc = store_meta_get(s, "bytes_trimmed", 0, err, &l->bytes_trimmed);
    if (rc == 0)
        rc = store_meta_get(s, "tail", 0, err, &l->tail);
    int64_t behind = 0;
    if (rc == 0) {
        q = sql_start(s, SQL_SEGMENT_LAST);
        rc = sql_one(&q, 0, err, &behind);
    }
    if (rc < 0)
        return rc;
    q = sql_start(s, SQL_JOURNAL_ARRIVED);
    sql_put_int(&q, behind);
    while ((rc = sql_row(&q, err)) > 0)
        segment_add(&l->segment, sql_int(&q, 0), sql_int(&q, 1));
    return rc;
}

int store_each_ack(struct store *s, store_ack_fn fn, void *ctx, struct err *err) {
    uint64_t n = s->live.nacks < STORE_ACK_BATCHES ? s->live.nacks : STORE_ACK_BATCHES;
    for (uint64_t i = s->live.nacks - n; i < s->live.nacks; i++) {
        struct record r;
        struct store_ack last = {0}, a;
        int rc = record_at(s, s->live.acks[i % STORE_ACK_BATCHES], &r, err);
        if (rc < 0)
            return rc;
        while (rc > 0 && store_record_ack(&r, &last, &a)) {
            int stop = fn(ctx, a.mid, a.hash);
            if (stop)
                return stop;
        }
    }
    return 0;
}

struct each {
    int64_t since, until; /* arrived; since <= arrived < until */
    const char *device;
    size_t device_len;
    store_event_fn fn;
    void *ctx;
};

/* `{"k":"…","d":"…"`: whether the second string is the device. What is written otherwise is not taken for it. */
static bool from_device(const char *body, size_t len, const struct each *e) {
    static const char head[] = "{\"k\":\"", mid[] = ",\"d\":";
    const char *p = body, *end = body + len;
    if (len < sizeof head || memcmp(p, head, sizeof head - 1) != 0)
        return false;
    for (p += sizeof head - 1; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    p++;
    return p < end && (size_t)(end - p) > sizeof mid - 1 + e->device_len && memcmp(p, mid, sizeof mid - 1) == 0 &&
           memcmp(p + sizeof mid - 1, e->device, e->device_len) == 0;
}

static int each_between(struct store *s, int64_t after, int64_t last, const struct each *e, struct err *err) {
    for (bool more = true; more && after < last;) {
        struct query q = sql_start(s, SQL_JOURNAL_RANGE);
        sql_put_int(&q, after);
        sql_put_int(&q, last);
        int rc, rows = 0;
        more = false;
        while ((rc = sql_row(&q, err)) > 0) {
            after = sql_int(&q, 0);
            int64_t arrived = sql_int(&q, 1);
            if (!sql_null(&q, 3) && arrived >= e->since && arrived < e->until) {
                size_t len;
                const char *body = sql_text(&q, 3, &len);
                rc = sql_good(&q, err);
                if (rc == 0 && (!e->device || from_device(body, len, e)))
                    rc = e->fn(e->ctx, after, minus(arrived, sql_int(&q, 2)), arrived, body, len);
                if (rc) {
                    sql_stop(&q);
                    return rc;
                }
            }
            if (++rows == CHUNK_ROWS) {
                more = true;
                sql_stop(&q);
                break;
            }
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

int store_each_tail_event(struct store *s, store_event_fn fn, void *ctx, struct err *err) {
    struct each e = {.since = INT64_MIN, .until = INT64_MAX, .fn = fn, .ctx = ctx};
    return each_between(s, s->live.tail, INT64_MAX, &e, err);
}

int store_each_event(struct store *s, int64_t since, int64_t until, const char *device, store_event_fn fn, void *ctx, struct err *err) {
    struct each e = {.since = since, .until = until == TIME_NONE ? INT64_MAX : until, .fn = fn, .ctx = ctx};
    struct buf name;
    buf_init(&name, 0);
    if (device) {
        json_write_string(&name, device, strlen(device));
        if (name.failed) {
            buf_done(&name);
            return err_set(err, GF_ENOMEM, "store %s: no memory", s->path);
        }
        e.device = name.data;
        e.device_len = name.len;
    }
    int64_t done = 0;
    int rc;
    for (;;) {
        struct query q = sql_start(s, SQL_SEGMENT_NEXT);
        sql_put_int(&q, done);
        sql_put_int(&q, e.since);
        sql_put_int(&q, e.until);
        rc = sql_row(&q, err);
        if (rc <= 0)
            break;
        int64_t first = sql_int(&q, 0), last = sql_int(&q, 1);
        sql_stop(&q);
        rc = each_between(s, plus(first, -1), last, &e, err);
        if (rc)
            break;
        done = first;
    }
    if (rc == 0) { /* behind the last complete segment */
        struct query q = sql_start(s, SQL_SEGMENT_LAST);
        rc = sql_one(&q, 0, err, &done);
    }
    if (rc == 0)
        rc = each_between(s, done, INT64_MAX, &e, err);
    buf_done(&name);
    return rc;
}
