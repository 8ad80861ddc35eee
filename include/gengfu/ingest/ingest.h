/* SPDX-License-Identifier: Apache-2.0
 * Ingest: the devices' broker. Commit before acknowledge: what one reading brought is handed over message by message, then `commit` is called, and only when everything is durable
 * are the PUBACKs written; several readings may go into one commit (INGEST_LATER). Redelivered messages (same packet id and hash as one of the last committed batches, first thing on a resumed session) are recognised and not handed over again.
 * Knows nothing of rules: it subscribes to what it is told. */
#ifndef GENGFU_INGEST_INGEST_H
#define GENGFU_INGEST_INGEST_H

#include <uv.h>

#include "gengfu/base/err.h"
#include "gengfu/mqtt/mqtt.h"

struct ingest;
struct ingest_ack {
    uint16_t mid;
    uint64_t hash;
};
struct ingest_ops {
    void (*message)(void *ctx, const struct mqtt_message *m);
    /* A reading is over; acks are those of all QoS 1 messages since the last commit. 0: durable, acknowledge. INGEST_LATER (not when `now`, which says that the broker may soon send nothing
     * more before it is acknowledged): the next reading goes into the same commit, unless ingest_durable comes before. <0: not durable; nothing more is read until ingest_retry is called, which
     * calls commit again with the same acks and no new messages. */
    int (*commit)(void *ctx, const struct ingest_ack *acks, size_t n, bool now);
    void (*link)(void *ctx, bool up, const char *why);
    /* Connected, to a session that the broker has just made: it numbers anew, and nothing comes again. May be NULL. */
    void (*anew)(void *ctx);
    void (*settled)(void *ctx); /* the broker's session holds the filters that are wanted, and none that was to be left. May be NULL */
    void (*closed)(void *ctx);
};
#define INGEST_LATER 1
struct ingest_stats {
    bool up;
    int protocol;
    uint64_t messages, duplicates, qos0, bytes, batches, connects;
    uint64_t largest_batch;
    uint64_t sessions_lost;                   /* the broker had none of ours any more, with what came in while we were away */
    size_t refused, lesser;                   /* filters that the broker has refused; has granted at QoS 0 only */
    const char *refused_first, *lesser_first; /* one of each; NULL: none */
    const char *why;                          /* latest reason for being down; "" */
    int64_t peer_not_after;                   /* wall ms: when the broker's certificate runs out; TIME_NONE: no TLS, or not seen yet */
};

GF_WARN_UNUSED int ingest_new(uv_loop_t *loop, const struct config *conf, const struct ingest_ops *ops, void *ctx, struct err *err,
                              struct ingest **ret);
/* What was committed and perhaps never acknowledged, from the store; before ingest_start. */
GF_WARN_UNUSED int ingest_restore(struct ingest *in, uint16_t mid, uint64_t hash);
/* The filters wanted from now on: new ones are subscribed, those no longer wanted unsubscribed. */
GF_WARN_UNUSED int ingest_subscribe(struct ingest *in, const char *const *filters, size_t n, struct err *err);
/* One that the broker's session may still hold from an earlier run is unsubscribed, unless it is wanted. */
GF_WARN_UNUSED int ingest_leave(struct ingest *in, const char *filter, struct err *err);
const char *ingest_client_id(const struct ingest *in); /* the session's name at the broker */
GF_WARN_UNUSED int ingest_start(struct ingest *in, struct err *err);
void ingest_hurry(struct ingest *in);
/* Looks for a renewed certificate, key or password now (by itself it does so with every keepalive), and asks again for what was refused. */
void ingest_renew(struct ingest *in);
void ingest_durable(struct ingest *in); /* after INGEST_LATER: the owner has committed everything */
void ingest_hold(struct ingest *in);    /* after INGEST_LATER: the owner tried, and failed; ingest_retry goes on */
void ingest_retry(struct ingest *in);
void ingest_stop(struct ingest *in); /* closed() follows */
void ingest_free(struct ingest *in);
void ingest_stats(const struct ingest *in, struct ingest_stats *ret);

#endif
