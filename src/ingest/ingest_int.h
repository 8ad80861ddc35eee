/* SPDX-License-Identifier: Apache-2.0
 * Ingest's own business: what its files share. */
#ifndef GENGFU_INGEST_INT_H
#define GENGFU_INGEST_INT_H

#include "gengfu/ingest/ingest.h"

/* -- guard.c: messages that were made durable and may come again ---------------------------------------------------------------------------- */
/* Acknowledgements that are remembered: as many as there are packet ids. mosquitto 2.0.11 sends far more than receive_maximum ahead when we lag behind. */
#define GUARD_ROOM 65536

struct guard_slot {
    uint16_t mid; /* 0: free (no packet id is 0) */
    bool used;
    uint64_t hash;
};
struct guard {               /* all zero: empty */
    struct ingest_ack *ring; /* the latest before `next`; grows to GUARD_ROOM */
    size_t cap, total, next;
    struct guard_slot *table; /* while armed; open addressing */
    size_t size, left;        /* slots; entries not used yet */
    uint64_t budget;          /* messages after which the guard ends */
};
void guard_done(struct guard *g);
GF_WARN_UNUSED int guard_remember(struct guard *g, const struct ingest_ack *acks, size_t n); /* they are durable; the oldest give way */
GF_WARN_UNUSED int guard_arm(struct guard *g);                                               /* the session was resumed */
void guard_forget(struct guard *g);                                                          /* the session is a new one */
bool guard_seen(struct guard *g, uint16_t mid, uint64_t hash);                               /* asked once for each QoS 1 message */

#endif
