/* SPDX-License-Identifier: Apache-2.0
 * The guard against duplicates. A crash or a lost link between the commit and the PUBACKs makes the broker send a batch again, with the same packet ids, first thing on the resumed session.
 *
 * What was committed lately is remembered as (packet id, hash of topic and payload). On a resumed session each remembered pair is recognised once. A broker sends again in the order in which it sent
 * first, before anything new, and we commit in that order. So the guard ends with the first message that is a new one: it is not recognised though others have been, or its id is one of those that come
 * next, or was used for something else. (What is older than our memory may come before what we remember.) Many devices say the same thing again and again; one that says it later, and by chance under
 * the same id, is heard. */
#include <stdlib.h>
#include <string.h>

#include "ingest_int.h"

static void disarm(struct guard *g) {
    free(g->table);
    g->table = NULL;
    g->size = g->left = 0;
    g->met = false;
}

void guard_forget(struct guard *g) {
    disarm(g);
    g->total = g->next = 0;
}

void guard_done(struct guard *g) {
    disarm(g);
    free(g->ring);
    memset(g, 0, sizeof(*g));
}

/* Room for so many more, as far as there may be; until it is full the ring has not gone round. */
static int reserve(struct guard *g, size_t n) {
    size_t cap = g->cap > 0 ? g->cap : 256;

    while (cap < g->total + n && cap < GUARD_ROOM)
        cap *= 2;
    if (cap > GUARD_ROOM)
        cap = GUARD_ROOM;
    if (cap == g->cap)
        return 0;
    struct ingest_ack *grown = realloc(g->ring, cap * sizeof(*grown));

    if (grown == NULL)
        return GF_ENOMEM;
    g->ring = grown;
    g->cap = cap;
    g->next = g->total;
    return 0;
}

int guard_remember(struct guard *g, const struct ingest_ack *acks, size_t n) {
    if (n == 0)
        return 0;
    int rc = reserve(g, n);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++) {
        g->next %= g->cap;
        g->ring[g->next++] = acks[i];
    }
    g->total = g->total + n < g->cap ? g->total + n : g->cap;
    return 0;
}

static struct guard_slot *slot(const struct guard *g, uint16_t mid) {
    size_t i = (mid * UINT32_C(2654435761)) & (g->size - 1);

    while (g->table[i].mid != 0 && g->table[i].mid != mid)
        i = (i + 1) & (g->size - 1);
    return &g->table[i];
}

int guard_arm(struct guard *g) {
    size_t size = 16;

    disarm(g);
    if (g->total == 0)
        return 0;
    while (size < g->total * 2)
        size *= 2;
    g->table = calloc(size, sizeof(*g->table));
    if (g->table == NULL)
        return GF_ENOMEM;
    g->size = size;
    g->budget = g->total;
    for (size_t i = 0; i < g->total; i++) { /* oldest first: the latest use of a packet id counts */
        const struct ingest_ack *ack = &g->ring[(g->next + g->cap - g->total + i) % g->cap];
        struct guard_slot *s = slot(g, ack->mid);

        g->left += s->mid == 0;
        *s = (struct guard_slot){.mid = ack->mid, .hash = ack->hash};
    }
    return 0;
}

/* Brokers number what they send, from 1 to 65,535 and again from 1: whether this is a number that comes soon after the last one that was remembered. */
static bool comes_next(const struct guard *g, uint16_t mid) {
    uint16_t last = g->ring[g->next - 1].mid;

    return (mid + 65535 - last) % 65535 <= 65535 - GUARD_ROOM;
}

bool guard_seen(struct guard *g, uint16_t mid, uint64_t hash) {
    if (g->table == NULL || mid == 0)
        return false;
    struct guard_slot *s = slot(g, mid);
    bool known = s->mid == mid && !s->used;

    if (known && s->hash == hash) {
        s->used = g->met = true;
        if (--g->left == 0)
            disarm(g);
        return true;
    }
    if (known || g->met || comes_next(g, mid) || --g->budget == 0)
        disarm(g);
    return false;
}
