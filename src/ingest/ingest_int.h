/* SPDX-License-Identifier: Apache-2.0
 * Ingest's own business: what its files share. */
#ifndef GENGFU_INGEST_INT_H
#define GENGFU_INGEST_INT_H

#include "gengfu/ingest/ingest.h"

/* -- guard.c: messages that were made durable and may come again ---------------------------------------------------------------------------- */
#define GUARD_BATCHES 16 /* the last batches that are remembered, as many as the store keeps */
#define GUARD_MAX 131072 /* acknowledgements in all */

struct guard_batch {
    struct ingest_ack *acks;
    size_t n, cap;
};
struct guard_slot {
    uint16_t mid; /* 0: free (no packet id is 0) */
    bool used;
    uint64_t hash;
};
struct guard {
    struct guard_batch batches[GUARD_BATCHES]; /* a ring; `newest` is the latest */
    size_t newest, total;
    struct guard_slot *table; /* while armed; open addressing */
    size_t size, left;        /* slots; entries not used yet */
    uint64_t budget;          /* messages after which the guard ends */
};
void guard_done(struct guard *g);
GF_WARN_UNUSED int guard_remember(struct guard *g, const struct ingest_ack *acks, size_t n); /* a batch that is durable */
GF_WARN_UNUSED int guard_arm(struct guard *g);                                               /* the session was resumed */
void guard_forget(struct guard *g);                                                          /* the session is a new one */
bool guard_seen(struct guard *g, uint16_t mid, uint64_t hash);                               /* asked once for each QoS 1 message */

#endif
