/* SPDX-License-Identifier: Apache-2.0
 * The limiter: a device that floods is slowed by itself, not its neighbours. A bucket per device; an event beyond it is kept, and goes on when the bucket allows. One that waits is not lost to a
 * newer one of its device and kind: the newer one takes in those of its fields that it does not set itself, so that the state ends up right; events between are counted, not heard.
 *
 * Pure: engine time is given. What is kept has been acknowledged to nobody until it is in the store: limiter_changes tells the rows. */
#ifndef GENGFU_SOURCE_LIMIT_H
#define GENGFU_SOURCE_LIMIT_H

#include "gengfu/base/arena.h"
#include "gengfu/base/err.h"
#include "gengfu/rules/event.h"

#define LIMIT_DEVICES 20000         /* buckets; one that is not used has no bucket */
#define LIMIT_KEPT_BYTES (8u << 20) /* of events that wait; beyond it they go on at once */
#define LIMIT_KINDS 16              /* that may wait, of one device */
#define LIMIT_TELL 10               /* events thinned before a device counts as flooding */
#define LIMIT_QUIET 10000           /* ms without thinning, and the flood is over */

struct limiter;
/* A device begins to flood, or has ended to; thinned: events so far. */
typedef void (*limiter_edge_fn)(void *ctx, const char *device, bool floods, uint64_t thinned);
GF_WARN_UNUSED int limiter_new(limiter_edge_fn edge, void *ctx, struct limiter **ret);
void limiter_free(struct limiter *l);
void limiter_set(struct limiter *l, int rate, int burst); /* events a second, 0: no limit; and at once beyond it */
/* For so long nobody listened: what a device may have sent meanwhile comes now, and is no flood. */
void limiter_credit(struct limiter *l, int64_t ms, int64_t now);
/* The event as it goes on (itself, or with fields of one that waited, in the arena), or NULL: it waits. */
const struct event *limiter_pass(struct limiter *l, const struct event *ev, int64_t now, struct arena *a);
/* The next one that has waited long enough, in the arena. */
bool limiter_next(struct limiter *l, int64_t now, struct arena *a, struct event *ret);
int64_t limiter_due(const struct limiter *l); /* when limiter_next is to be asked again; INT64_MAX: no need */

/* Rows since the last call: `key` tells them apart; body NULL: the row is gone. A negative answer ends it and is given back; the rest stays for the next call. */
typedef int (*limiter_row_fn)(void *ctx, const char *key, const char *body, size_t len);
GF_WARN_UNUSED int limiter_changes(struct limiter *l, limiter_row_fn fn, void *ctx);
GF_WARN_UNUSED int limiter_restore(struct limiter *l, const char *body, size_t len, int64_t now, struct err *err);

uint64_t limiter_thinned(const struct limiter *l, const char *device); /* NULL: of all */
size_t limiter_flooding(const struct limiter *l);                      /* devices */
size_t limiter_waiting(const struct limiter *l);                       /* events */
#endif
