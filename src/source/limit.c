/* SPDX-License-Identifier: Apache-2.0
 * Buckets. A bucket is one number: the time at which all that its device has sent would be paid for at the allowed rate; it may lie ahead of now by the burst. A bucket that is not ahead of now
 * is as good as none, so the least recent may always go. */
#include "gengfu/source/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/heap.h"
#include "gengfu/base/map.h"

#define STEP 200                   /* ms: what waits is looked at no more often */
#define CREDIT_FOR (5 * 60 * 1000) /* ms: how long after a silence of ours its backlog may come */
#define CREDIT_LEAST (2 * 60 * 1000)

struct waiting {
    struct waiting *next; /* of the device, oldest first */
    struct bucket *bucket;
    struct waiting *next_change;
    atom_t kind;
    char *text; /* event_write's; NULL: gone, and a row of it is in the store */
    size_t len;
    bool changed, stored;
};
struct bucket {
    struct heap_node timer; /* first: when to look at it again */
    struct bucket *newer, *older;
    char *id;
    int64_t paid; /* microseconds */
    struct waiting *first;
    uint64_t thinned, of_this_flood;
    int64_t last; /* thinned */
    bool floods;
};
struct limiter {
    limiter_edge_fn edge;
    void *ctx;
    int64_t interval, burst; /* microseconds; interval 0: no limit */
    int64_t credit, credit_until;
    struct map buckets;
    struct bucket *newest, *oldest;
    struct heap timers;
    struct waiting *changes;
    size_t bytes, waiting, flooding;
    uint64_t thinned;
};

int limiter_new(limiter_edge_fn edge, void *ctx, struct limiter **ret) {
    struct limiter *l = calloc(1, sizeof *l);
    if (!l)
        return GF_ENOMEM;
    l->edge = edge;
    l->ctx = ctx;
    map_init(&l->buckets);
    heap_init(&l->timers);
    *ret = l;
    return 0;
}

static void waiting_free(struct waiting *w) {
    free(w->text);
    free(w);
}

static void bucket_free(void *p) {
    struct bucket *b = p;
    for (struct waiting *w = b->first, *next; w; w = next) {
        next = w->next;
        waiting_free(w);
    }
    free(b->id);
    free(b);
}

void limiter_free(struct limiter *l) {
    if (!l)
        return;
    heap_done(&l->timers);
    map_done(&l->buckets, bucket_free);
    free(l);
}

void limiter_set(struct limiter *l, int rate, int burst) {
    l->interval = rate > 0 ? 1000000 / rate : 0;
    l->burst = l->interval * burst;
}

void limiter_credit(struct limiter *l, int64_t ms, int64_t now) {
    l->credit = (ms < CREDIT_LEAST ? CREDIT_LEAST : ms > INT64_C(86400000) * 30 ? INT64_C(86400000) * 30 : ms) * 1000;
    l->credit_until = now + CREDIT_FOR;
}

/* -- the table ---------------------------------------------------------------------------------------------------------------- */

static void unlink_bucket(struct limiter *l, struct bucket *b) {
    *(b->newer ? &b->newer->older : &l->newest) = b->older;
    *(b->older ? &b->older->newer : &l->oldest) = b->newer;
}

static void link_newest(struct limiter *l, struct bucket *b) {
    b->newer = NULL;
    b->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = b;
    l->newest = b;
}

/* One that waits, floods or has a row in the store is passed over. */
static void make_room(struct limiter *l) {
    struct bucket *b = l->oldest;
    for (int tries = 0; tries < 8 && b; tries++) {
        struct bucket *newer = b->newer;
        unlink_bucket(l, b);
        if (!b->first && !b->floods) {
            heap_unset(&l->timers, &b->timer);
            (void)map_remove(&l->buckets, b->id, strlen(b->id));
            bucket_free(b);
            return;
        }
        link_newest(l, b);
        b = newer;
    }
}

static struct bucket *bucket_of(struct limiter *l, const char *id) {
    size_t len = strlen(id);
    struct bucket *b = map_get(&l->buckets, id, len);
    if (b) {
        if (b != l->newest) {
            unlink_bucket(l, b);
            link_newest(l, b);
        }
        return b;
    }
    if (map_count(&l->buckets) >= LIMIT_DEVICES)
        make_room(l);
    if (map_count(&l->buckets) >= LIMIT_DEVICES || !(b = calloc(1, sizeof *b)))
        return NULL;
    b->paid = INT64_MIN / 2;
    if (!(b->id = strdup(id)) || map_put(&l->buckets, id, len, b, NULL) < 0) {
        bucket_free(b);
        return NULL;
    }
    link_newest(l, b);
    return b;
}

/* -- what waits ----------------------------------------------------------------------------------------------------------------- */

static void changed(struct limiter *l, struct waiting *w) {
    if (w->changed)
        return;
    w->changed = true;
    w->next_change = l->changes;
    l->changes = w;
}

static struct waiting *waiting_of(struct bucket *b, atom_t kind, size_t *ret_n) {
    struct waiting *found = NULL;
    *ret_n = 0;
    for (struct waiting *w = b->first; w; w = w->next) {
        ++*ret_n;
        if (w->kind == kind)
            found = w;
    }
    return found;
}

static void leave(struct limiter *l, struct waiting *w) {
    l->bytes -= w->len;
    l->waiting--;
    free(w->text);
    w->text = NULL;
    w->len = 0;
    changed(l, w); /* freed by limiter_changes, when its row is gone too */
}

/* The event with those fields of an older one that it does not set itself. */
static const struct event *merge(const struct event *ev, const struct waiting *w, struct arena *a) {
    struct event old, *both;
    if (event_read(a, w->text, w->len, &old, NULL) < 0 || !(both = arena_dup(a, ev, sizeof *ev)))
        return NULL;
    struct event_field *fields = arena_alloc(a, (ev->nfields + old.nfields + 1) * sizeof *fields);
    if (!fields)
        return NULL;
    size_t n = ev->nfields;
    if (n)
        memcpy(fields, ev->fields, n * sizeof *fields);
    for (size_t i = 0; i < old.nfields && n < EVENT_MAX_FIELDS; i++) {
        struct cel_value set;
        if (!event_field(ev, old.fields[i].name, &set))
            fields[n++] = old.fields[i];
    }
    both->fields = fields;
    both->nfields = n;
    return both;
}

static void thinned(struct limiter *l, struct bucket *b, int64_t now) {
    l->thinned++;
    b->thinned++;
    b->last = now;
    if (++b->of_this_flood == LIMIT_TELL && !b->floods) {
        b->floods = true;
        l->flooding++;
        l->edge(l->ctx, b->id, true, b->thinned);
    }
}

/* Looks at it again when the bucket allows one more, or when the flood may be over. */
static void arm(struct limiter *l, struct bucket *b, int64_t now) {
    int64_t due;
    bool waits = false;
    for (const struct waiting *w = b->first; w && !waits; w = w->next)
        waits = w->text != NULL;
    if (waits)
        due = (b->paid - l->burst) / 1000 + 1;
    else if (b->of_this_flood)
        due = b->last + LIMIT_QUIET;
    else {
        heap_unset(&l->timers, &b->timer);
        return;
    }
    if (due < now + STEP)
        due = now + STEP;
    if (!heap_is_set(&b->timer) || b->timer.due != due)
        gf_ignore(heap_set(&l->timers, &b->timer, due)); /* without memory: with the next event */
}

/* False: no room for it. */
static bool wait_for(struct limiter *l, struct bucket *b, const struct event *ev, int64_t now) {
    size_t n;
    struct waiting *w = waiting_of(b, ev->kind, &n), **end = &b->first;
    struct buf text;
    if (!w && n >= LIMIT_KINDS)
        return false;
    buf_init(&text, LIMIT_KEPT_BYTES);
    event_write(&text, ev);
    if (text.failed || l->bytes + text.len > LIMIT_KEPT_BYTES || (!w && !(w = calloc(1, sizeof *w)))) {
        buf_done(&text);
        return false;
    }
    if (!w->bucket) {
        w->bucket = b;
        w->kind = ev->kind;
        while (*end)
            end = &(*end)->next;
        *end = w;
    }
    l->waiting += w->text == NULL;
    l->bytes += text.len - w->len;
    free(w->text);
    w->text = buf_take(&text, &w->len);
    changed(l, w);
    arm(l, b, now);
    return true;
}

const struct event *limiter_pass(struct limiter *l, const struct event *ev, int64_t now, struct arena *a) {
    struct bucket *b = l->interval || l->waiting ? bucket_of(l, ev->device) : NULL;
    if (!b)
        return ev;
    int64_t us = now * 1000, from = us - (now < l->credit_until ? l->credit : 0);
    if (b->paid < from)
        b->paid = from;
    bool allowed = !l->interval || b->paid - us <= l->burst - l->interval;
    if (allowed && !b->first) {
        b->paid += l->interval;
        return ev;
    }
    size_t n;
    struct waiting *w = waiting_of(b, ev->kind, &n);
    if (w && w->text) {
        const struct event *both = merge(ev, w, a);
        ev = both ? both : ev;
        thinned(l, b, now);
        if (allowed)
            leave(l, w);
    }
    if (!allowed && wait_for(l, b, ev, now))
        return NULL;
    b->paid += allowed ? l->interval : 0;
    arm(l, b, now);
    return ev;
}

bool limiter_next(struct limiter *l, int64_t now, struct arena *a, struct event *ret) {
    struct heap_node *node;
    while ((node = heap_first(&l->timers)) && node->due <= now) {
        struct bucket *b = (struct bucket *)(void *)node;
        struct waiting *w = b->first;
        while (w && !w->text)
            w = w->next;
        if (w && (!l->interval || b->paid - now * 1000 <= l->burst - l->interval)) {
            bool fine = event_read(a, w->text, w->len, ret, NULL) == 0;
            b->paid += l->interval;
            leave(l, w);
            if (fine)
                return true; /* its timer stays: the next of it may go too */
            continue;
        }
        if (!w && b->of_this_flood && now >= b->last + LIMIT_QUIET) {
            b->of_this_flood = 0;
            if (b->floods) {
                b->floods = false;
                l->flooding--;
                l->edge(l->ctx, b->id, false, b->thinned);
            }
        }
        arm(l, b, now);
    }
    return false;
}

int64_t limiter_due(const struct limiter *l) {
    const struct heap_node *first = heap_first(&l->timers);
    return first ? first->due : INT64_MAX;
}

/* -- rows ------------------------------------------------------------------------------------------------------------------------- */

static void forget(struct waiting *w) {
    struct waiting **at = &w->bucket->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    waiting_free(w);
}

int limiter_changes(struct limiter *l, limiter_row_fn fn, void *ctx) {
    char key[EVENT_DEVICE_MAX + 512];
    while (l->changes) {
        struct waiting *w = l->changes;
        if (w->text || w->stored) {
            (void)snprintf(key, sizeof key, "%s %s", atom_name(w->kind), w->bucket->id);
            int rc = fn(ctx, key, w->text, w->len);
            if (rc < 0)
                return rc;
        }
        l->changes = w->next_change;
        w->changed = false;
        w->stored = w->text != NULL;
        if (!w->text)
            forget(w);
    }
    return 0;
}

int limiter_restore(struct limiter *l, const char *body, size_t len, int64_t now, struct err *err) {
    struct arena a;
    struct event ev;
    size_t n;
    arena_init(&a, 4096, 16 << 20);
    int rc = event_read(&a, body, len, &ev, err);
    struct bucket *b = rc == 0 ? bucket_of(l, ev.device) : NULL;
    if (rc == 0 && (!b || !wait_for(l, b, &ev, now)))
        rc = err_set(err, GF_ELIMIT, "no room for an event of %s that waited", ev.device);
    struct waiting *waits = rc == 0 && b ? waiting_of(b, ev.kind, &n) : NULL;
    if (waits)
        waits->stored = true;
    arena_done(&a);
    return rc;
}

uint64_t limiter_thinned(const struct limiter *l, const char *device) {
    if (!device)
        return l->thinned;
    const struct bucket *b = map_gets(&l->buckets, device);
    return b ? b->thinned : 0;
}

size_t limiter_flooding(const struct limiter *l) { return l->flooding; }

size_t limiter_waiting(const struct limiter *l) { return l->waiting; }
