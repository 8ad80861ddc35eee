/* SPDX-License-Identifier: Apache-2.0
 * The journal: events in order of arrival, in chunks (chunk.h), found by row number only. The last chunk of each batch has its record. Stretches of STORE_SEGMENT chunks leave their earliest
 * and latest time in `segment`, so that a span of time is found without an index on every row, also after the wall clock stepped. */
#include "store/store_int.h"

#include <string.h>

#include "gengfu/base/json.h"

#define SNAPSHOT_CHUNKS 200 /* read at a time: a long listing must not keep the WAL from being reset */

static void segment_add(struct segment *g, int64_t id, int64_t arrived, int64_t span, int64_t bytes) {
    int64_t latest;
    if (span < 0 || __builtin_add_overflow(arrived, span, &latest))
        latest = arrived;
    if (!g->chunks)
        *g = (struct segment){.first = id, .min = arrived, .max = latest};
    g->last = id;
    g->chunks++;
    g->bytes += bytes;
    if (arrived < g->min)
        g->min = arrived;
    if (latest > g->max)
        g->max = latest;
}

/* -- writing -------------------------------------------------------------------------------------------------------------------- */

/* One chunk of what is left of the batch; gives the events in it. */
static int put_chunk(struct store *s, const struct store_batch *batch, const struct effect_event *events, size_t n, struct err *err) {
    struct store_live *l = &s->live;
    struct record r = {.mono = batch->mono, .wall = batch->wall, .bytes = l->bytes, .nacks = batch->nacks};
    if (l->nacks)
        r.before = l->acks[(l->nacks - 1) % STORE_ACK_MOST].id;
    int64_t earliest = n ? events[0].arrived : batch->wall, latest = earliest;
    for (size_t i = 0; i < n; i++) {
        if (events[i].arrived < earliest)
            earliest = events[i].arrived;
        if (events[i].arrived > latest)
            latest = events[i].arrived;
    }
    int taken = chunk_write(&s->writer, events, n, earliest, l->events, &r, batch->acks);
    if (taken < 0)
        return err_set(err, taken, "store %s: no memory for %zu events of a batch", s->path, n);
    int64_t span, bytes = (int64_t)s->writer.out.len;
    if (__builtin_sub_overflow(latest, earliest, &span))
        span = INT64_MAX;
    struct query q = sql_start(s, SQL_JOURNAL_ADD);
    sql_put_int(&q, earliest);
    sql_put_int(&q, span);
    sql_put_int(&q, taken);
    sql_put_blob(&q, s->writer.out.data, s->writer.out.len);
    int rc = sql_run(&q, err);
    if (rc < 0)
        return rc;
    /* SQLite numbers rows one by one as long as the last one is never taken out, and trimming leaves it. */
    int64_t id = sqlite3_last_insert_rowid(s->db);
    if (id <= l->last_id)
        return err_set(err, GF_ECORRUPT, "store %s: the journal's row %lld came after %lld", s->path, (long long)id, (long long)l->last_id);
    l->last_id = id;
    l->events += taken;
    l->bytes += bytes;
    l->rows_written += (uint64_t)taken;
    segment_add(&l->segment, id, earliest, span, bytes);
    return taken;
}

static int close_segment(struct store *s, struct err *err) {
    struct segment *g = &s->live.segment;
    if (g->chunks < STORE_SEGMENT && g->bytes < STORE_SEGMENT_BYTES)
        return 0;
    struct query q = sql_start(s, SQL_SEGMENT_ADD);
    sql_put_int(&q, g->first);
    sql_put_int(&q, g->last);
    sql_put_int(&q, g->min);
    sql_put_int(&q, g->max);
    *g = (struct segment){0};
    return sql_run(&q, err);
}

int store_journal_put(struct store *s, const struct store_batch *batch, struct err *err) {
    const struct effect_event *events = batch->effects ? batch->effects->events : NULL;
    size_t n = events ? batch->effects->nevents : 0;
    do { /* a batch without events has a chunk for its record */
        int rc = put_chunk(s, batch, events, n, err);
        if (rc < 0)
            return rc;
        events = events ? events + rc : NULL;
        n -= (size_t)rc;
    } while (events && n > 0);
    struct store_live *l = &s->live;
    if (batch->nacks) {
        l->acks[l->nacks % STORE_ACK_MOST].id = l->last_id;
        l->acks[l->nacks++ % STORE_ACK_MOST].n = batch->nacks;
    }
    l->clock = (struct store_clock){.mono = batch->mono, .wall = batch->wall};
    return close_segment(s, err);
}

/* -- loading -------------------------------------------------------------------------------------------------------------------- */

struct loaded { /* a chunk that stays after its statement is gone */
    struct chunk chunk;
    struct chunk_buf bytes, plain;
};

static void loaded_done(struct loaded *c) {
    chunk_buf_done(&c->bytes);
    chunk_buf_done(&c->plain);
}

static int corrupt(struct store *s, int64_t id, int rc, struct err *err) {
    return rc == GF_ENOMEM ? err_set(err, rc, "store %s: no memory for row %lld of the journal", s->path, (long long)id)
                           : err_set(err, GF_ECORRUPT, "store %s: row %lld of the journal is damaged", s->path, (long long)id);
}

/* 1: read; 0: there is no such row. */
static int load_chunk(struct store *s, int64_t id, struct loaded *ret, struct err *err) {
    struct query q = sql_start(s, SQL_JOURNAL_CHUNK);
    sql_put_int(&q, id);
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    size_t len;
    const void *data = sql_blob(&q, 1, &len);
    int64_t arrived = sql_int(&q, 0);
    rc = sql_good(&q, err);
    if (rc == 0) {
        rc = chunk_buf_set(&ret->bytes, data, len);
        if (rc == 0)
            rc = chunk_read(&ret->chunk, &ret->plain, ret->bytes.data, len, arrived);
        if (rc < 0)
            rc = corrupt(s, id, rc, err);
    }
    sql_stop(&q);
    return rc < 0 ? rc : 1;
}

static bool acks_suffice(size_t batches, size_t acks) { return batches >= STORE_ACK_BATCHES && acks >= STORE_ACKS; }

size_t store_ack_batches(const struct store_live *l) {
    size_t n = 0, sum = 0;
    while (n < l->nacks && n < STORE_ACK_MOST && !acks_suffice(n, sum))
        sum += l->acks[(l->nacks - ++n) % STORE_ACK_MOST].n;
    return n;
}

/* The last chunks with acks, by their chain; one that was trimmed ends it. */
static int load_acks(struct store *s, int64_t id, struct loaded *c, struct err *err) {
    struct store_live *l = &s->live;
    size_t n = 0, sum = 0; /* from the end of the ring to its front, for the latest comes first */
    while (id > 0 && n < STORE_ACK_MOST && !acks_suffice(n, sum)) {
        int rc = load_chunk(s, id, c, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        if (!c->chunk.has_record || c->chunk.record.before >= id)
            return corrupt(s, id, GF_ECORRUPT, err);
        if (c->chunk.record.nacks) {
            n++;
            sum += c->chunk.record.nacks;
            l->acks[STORE_ACK_MOST - n].id = id;
            l->acks[STORE_ACK_MOST - n].n = c->chunk.record.nacks;
        }
        id = c->chunk.record.before;
    }
    memmove(l->acks, &l->acks[STORE_ACK_MOST - n], n * sizeof l->acks[0]);
    l->nacks = n;
    return 0;
}

static int load_last(struct store *s, int64_t id, int64_t n, struct loaded *c, struct err *err) {
    struct store_live *l = &s->live;
    int rc = load_chunk(s, id, c, err);
    if (rc < 0)
        return rc;
    if (rc == 0 || !c->chunk.has_record || n < 0 || n > INT32_MAX)
        return corrupt(s, id, GF_ECORRUPT, err);
    const struct record *r = &c->chunk.record;
    l->clock = (struct store_clock){.mono = r->mono, .wall = r->wall};
    l->events = c->chunk.base + n;
    l->bytes = r->bytes + (int64_t)c->bytes.len;
    int64_t forgotten = 0;
    rc = store_meta_get(s, "acks_forgotten", 0, err, &forgotten);
    return rc < 0 || id <= forgotten ? rc : load_acks(s, id, c, err); /* the chain of those behind it ends there */
}

int store_journal_load(struct store *s, struct err *err) {
    struct store_live *l = &s->live;
    struct loaded c = {0};
    l->clock = (struct store_clock){.mono = TIME_NONE, .wall = TIME_NONE};
    l->segment = (struct segment){0};
    l->last_id = l->events = l->bytes = 0;
    l->nacks = 0;
    struct query q = sql_start(s, SQL_JOURNAL_LAST);
    int rc = sql_row(&q, err);
    if (rc > 0) {
        int64_t n = sql_int(&q, 1);
        l->last_id = sql_int(&q, 0);
        sql_stop(&q);
        rc = l->last_id < 1 ? corrupt(s, l->last_id, GF_ECORRUPT, err) : load_last(s, l->last_id, n, &c, err);
    }
    loaded_done(&c);
    if (rc == 0)
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
    q = sql_start(s, SQL_JOURNAL_BEHIND);
    sql_put_int(&q, behind);
    while ((rc = sql_row(&q, err)) > 0)
        segment_add(&l->segment, sql_int(&q, 0), sql_int(&q, 1), sql_int(&q, 2), sql_int(&q, 3));
    return rc;
}

int store_each_ack(struct store *s, store_ack_fn fn, void *ctx, struct err *err) {
    struct loaded c = {0};
    int rc = 0;
    for (uint64_t i = s->live.nacks - store_ack_batches(&s->live); rc == 0 && i < s->live.nacks; i++) {
        struct store_ack last = {0}, a;
        rc = load_chunk(s, s->live.acks[i % STORE_ACK_MOST].id, &c, err);
        if (rc <= 0)
            continue;
        rc = 0;
        while (rc == 0 && record_ack(&c.chunk.record, &last, &a))
            rc = fn(ctx, a.mid, a.hash);
    }
    loaded_done(&c);
    return rc;
}

int store_forget_acks(struct store *s, struct err *err) {
    if (!s->live.nacks)
        return 0;
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    s->live.nacks = 0;
    return txn_end(s, store_meta_put(s, "acks_forgotten", s->live.last_id, err), err);
}

/* -- reading -------------------------------------------------------------------------------------------------------------------- */

struct each {
    int64_t since, until; /* since <= arrived < until */
    struct buf device;    /* as JSON; empty: all */
    struct chunk_buf plain;
    store_event_fn fn;
    void *ctx;
};

/* `{"k":"…","d":"…"`: whether the second string is the device. What is written otherwise is not taken for it. */
static bool from_device(const char *body, size_t len, const struct buf *device) {
    static const char head[] = "{\"k\":\"", mid[] = ",\"d\":";
    const char *p = body, *end = body + len;
    if (len < sizeof head || memcmp(p, head, sizeof head - 1) != 0)
        return false;
    for (p += sizeof head - 1; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    p++;
    return p < end && (size_t)(end - p) > sizeof mid - 1 + device->len && memcmp(p, mid, sizeof mid - 1) == 0 &&
           memcmp(p + sizeof mid - 1, device->data, device->len) == 0;
}

static int each_in_chunk(struct store *s, int64_t id, int64_t arrived, const void *data, size_t len, struct each *e, struct err *err) {
    struct chunk c;
    struct chunk_event ev;
    int64_t number;
    int rc = chunk_read(&c, &e->plain, data, len, arrived);
    if (rc < 0)
        return corrupt(s, id, rc, err);
    for (number = c.base + 1; (rc = chunk_next(&c, &ev)) > 0; number++) {
        if (ev.arrived < e->since || ev.arrived >= e->until || (e->device.len && !from_device(ev.body, ev.len, &e->device)))
            continue;
        rc = e->fn(e->ctx, number, ev.time, ev.arrived, ev.body, ev.len);
        if (rc)
            return rc;
    }
    return rc < 0 ? corrupt(s, id, rc, err) : 0;
}

static int each_between(struct store *s, int64_t after, int64_t last, struct each *e, struct err *err) {
    for (bool more = true; more && after < last;) {
        struct query q = sql_start(s, SQL_JOURNAL_RANGE);
        sql_put_int(&q, after);
        sql_put_int(&q, last);
        sql_put_int(&q, e->until);
        sql_put_int(&q, e->since);
        int rc, chunks = 0;
        more = false;
        while ((rc = sql_row(&q, err)) > 0) {
            size_t len;
            const void *data = sql_blob(&q, 2, &len);
            after = sql_int(&q, 0);
            rc = sql_good(&q, err);
            if (rc == 0)
                rc = each_in_chunk(s, after, sql_int(&q, 1), data, len, e, err);
            if (rc) {
                sql_stop(&q);
                return rc;
            }
            if (++chunks == SNAPSHOT_CHUNKS) {
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
    int rc = each_between(s, s->live.tail, INT64_MAX, &e, err);
    chunk_buf_done(&e.plain);
    return rc;
}

static int each_span(struct store *s, struct each *e, struct err *err) {
    int64_t done = 0;
    for (;;) {
        struct query q = sql_start(s, SQL_SEGMENT_NEXT);
        sql_put_int(&q, done);
        sql_put_int(&q, e->since);
        sql_put_int(&q, e->until);
        int rc = sql_row(&q, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        int64_t first = sql_int(&q, 0), last = sql_int(&q, 1);
        sql_stop(&q);
        rc = each_between(s, first > INT64_MIN ? first - 1 : first, last, e, err);
        if (rc)
            return rc;
        done = first;
    }
    /* Behind the last complete segment. */
    struct query q = sql_start(s, SQL_SEGMENT_LAST);
    int rc = sql_one(&q, 0, err, &done);
    return rc < 0 ? rc : each_between(s, done, INT64_MAX, e, err);
}

int store_each_event(struct store *s, int64_t since, int64_t until, const char *device, store_event_fn fn, void *ctx, struct err *err) {
    struct each e = {.since = since, .until = until == TIME_NONE ? INT64_MAX : until, .fn = fn, .ctx = ctx};
    buf_init(&e.device, 0);
    if (device)
        json_write_string(&e.device, device, strlen(device));
    int rc = e.device.failed ? err_set(err, GF_ENOMEM, "store %s: no memory", s->path) : each_span(s, &e, err);
    buf_done(&e.device);
    chunk_buf_done(&e.plain);
    return rc;
}
