/* SPDX-License-Identifier: Apache-2.0
 * Ingest's own business: what its files share. */
#ifndef GENGFU_INGEST_INT_H
#define GENGFU_INGEST_INT_H

#include "gengfu/ingest/ingest.h"

/* -- guard.c: messages that were made durable and may come again ---------------------------------------------------------------------------- */
/* Acknowledgements that are remembered. mosquitto 2.0.11 sends far more than receive_maximum ahead when we lag behind, so nearly as many as there are packet ids (65,535); not all of them, for the ids
 * that come next are new messages'. */
#define GUARD_ROOM 64512

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
    size_t budget;            /* messages that may come before the first that is recognised */
    bool met;                 /* one has been */
};
void guard_done(struct guard *g);
GF_WARN_UNUSED int guard_remember(struct guard *g, const struct ingest_ack *acks, size_t n); /* they are durable; the oldest give way */
GF_WARN_UNUSED int guard_arm(struct guard *g);                                               /* the session was resumed */
void guard_forget(struct guard *g);                                                          /* the session is a new one */
bool guard_seen(struct guard *g, uint16_t mid, uint64_t hash);                               /* asked once for each QoS 1 message */

#endif
