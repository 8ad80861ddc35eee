/* SPDX-License-Identifier: Apache-2.0
 * What really happened, from the store: its incidents with what people made of them, who ended one by hand and when, and when gengfu started. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "backtest_int.h"

#define MAX_STARTS 100000
#define MAX_DEEDS BACKTEST_MAX_INCIDENTS

struct reading {
    struct replay *r;
    int64_t from;
};

static bool grow(void **items, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return true;
    size_t wanted = *cap ? *cap * 2 : 64;
    void *more = realloc(*items, wanted * size);

    if (more == NULL)
        return false;
    *items = more;
    *cap = wanted;
    return true;
}

/* A rule's own end is told by the replay itself. */
static bool by_hand(const struct incident_entry *h) {
    return strcmp(h->who, "gengfu") != 0 &&
           (strcmp(h->what, action_name(ACTION_RESOLVE)) == 0 || strcmp(h->what, action_name(ACTION_CLOSE)) == 0);
}

static int take_deeds(struct replay *r, const struct incident *inc) {
    for (size_t i = 0; i < inc->nhistory; i++) {
        const struct incident_entry *h = &inc->history[i];

        if (h->at != inc->resolved || !by_hand(h) || r->ndeeds >= MAX_DEEDS)
            continue;
        void *items = r->deeds;
        if (!grow(&items, r->ndeeds, &r->cap_deeds, sizeof(*r->deeds)))
            return GF_ENOMEM;
        r->deeds = items;
        struct deed *d = &r->deeds[r->ndeeds++];
        *d = (struct deed){.at = h->at, .rule = replay_word(r, inc->rule), .key = replay_word(r, inc->by)};
        if (!d->rule || !d->key)
            return GF_ENOMEM;
        break;
    }
    return 0;
}

static int take_incident(struct replay *r, const struct incident *inc) {
    struct backtest_incident *b = replay_add(r, BACKTEST_THEN);

    if (b == NULL)
        return r->b.sets[BACKTEST_THEN].n >= r->most ? 0 : GF_ENOMEM;
    *b = (struct backtest_incident){.rule = replay_word(r, inc->rule),
                                    .key = replay_word(r, inc->by ? inc->by : ""),
                                    .device = replay_word(r, inc->device),
                                    .title = arena_strdup(&r->text, inc->title ? inc->title : ""),
                                    .severity = inc->severity,
                                    .raised = inc->raised,
                                    .ended = inc->condition == CONDITION_RESOLVED ? inc->resolved : TIME_NONE,
                                    .told = inc->published,
                                    .disposition = inc->disposition};
    return b->rule && b->key && b->title && (!inc->device || b->device) ? 0 : GF_ENOMEM;
}

static int on_incident(void *ctx, const char *id, const char *body, size_t len) {
    struct reading *g = ctx;
    struct incident *inc;
    struct err err = {0};
    int rc = incident_read(body, len, &err, &inc);

    (void)id;
    if (rc == GF_ENOMEM)
        return rc;
    if (rc < 0) {
        g->r->b.unreadable++;
        return 0;
    }
    if (!inc->test && inc->raised < g->r->b.until && (inc->resolved == TIME_NONE || inc->resolved >= g->from)) {
        rc = take_deeds(g->r, inc);
        if (rc == 0)
            rc = take_incident(g->r, inc);
    }
    incident_free(inc);
    return rc;
}

static int on_audit(void *ctx, const struct audit_entry *e) {
    struct reading *g = ctx;
    struct replay *r = g->r;
    void *items = r->starts;

    if (strcmp(e->who, "gengfu") != 0 || strcmp(e->what, "started") != 0 || e->at < g->from || r->nstarts >= MAX_STARTS)
        return 0;
    if (!grow(&items, r->nstarts, &r->cap_starts, sizeof(*r->starts)))
        return GF_ENOMEM;
    r->starts = items;
    r->starts[r->nstarts++] = e->at;
    return 0;
}

static int by_time(const void *a, const void *b) {
    const struct deed *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_moment(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

int then_read(struct replay *r, int64_t from, struct err *err) {
    struct reading g = {.r = r, .from = from};
    struct store_query q = {.since = from, .limit = INT_MAX};
    int rc = store_each_incident(r->conf->store, &q, on_incident, &g, err);

    if (rc == 0)
        rc = store_each_audit(r->conf->store, on_audit, &g, err);
    if (rc == GF_ENOMEM)
        return err_set(err, rc, "no memory for what happened");
    if (r->ndeeds > 0)
        qsort(r->deeds, r->ndeeds, sizeof(*r->deeds), by_time);
    if (r->nstarts > 0)
        qsort(r->starts, r->nstarts, sizeof(*r->starts), by_moment);
    return rc;
}
