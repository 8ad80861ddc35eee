/* SPDX-License-Identifier: Apache-2.0
 * Forward: from the outbox to the platforms, and their commands back. One sender per platform: MQTT (receipts), HTTPS (Standard Webhooks), file (JSON lines). A row leaves the outbox only
 * when the platform has confirmed that revision. Woken after each commit that published something; never polls.
 *
 *   row:  waiting ─► sending ─► confirmed (gone)
 *                       ├─► retry (exponential backoff, full jitter, Retry-After) ─► waiting
 *                       └─► dead (shown, re-sendable)
 *
 * The envelope is CloudEvents 1.0, structured JSON (docs/messages.md); its id is incident id + "." + revision, the idempotency key. */
#ifndef GENGFU_FORWARD_FORWARD_H
#define GENGFU_FORWARD_FORWARD_H

#include <cjson/cJSON.h>
#include <uv.h>

#include "gengfu/base/err.h"
#include "gengfu/rules/config.h"
#include "gengfu/store/store.h"

struct forward;
struct forward_ops {
    /* A command from platform i. Writes the answer ({"id","ok","error","revision"}) to `answer`; it is sent only after it is durable, so this commits. */
    void (*command)(void *ctx, size_t platform, const cJSON *command, struct buf *answer);
    void (*health)(void *ctx, size_t platform, bool reachable, const char *why); /* on each change */
    void (*closed)(void *ctx);
    void (*damaged)(void *ctx, struct err *err); /* the store is, and err says how: nothing more can be had from its outbox. May be NULL */
    int64_t (*wall)(void *ctx);                  /* the daemon's wall clock (it may be scaled in tests and demos) */
};
struct forward_stats {
    const char *name, *type;
    bool reachable;
    const char *why; /* latest trouble; "" */
    uint64_t sent, confirmed, failed, dead, commands;
    size_t in_flight;
    int64_t last_confirmed; /* wall ms; TIME_NONE */
    int64_t peer_not_after; /* wall ms: when the platform's certificate runs out; TIME_NONE: no TLS, or not seen yet */
};

GF_WARN_UNUSED int forward_new(uv_loop_t *loop, const struct config *conf, struct store *store, const struct forward_ops *ops, void *ctx,
                               struct err *err, struct forward **ret);
GF_WARN_UNUSED int forward_start(struct forward *f, struct err *err);
/* Looks for renewed certificates, keys and passwords of MQTT platforms now (they do it by themselves with every keepalive, HTTPS with every request). */
void forward_renew(struct forward *f);
void forward_wake(struct forward *f); /* something was queued */
/* ENVELOPE_PUBLIC: `data` has only what anybody may know (docs/messages.md, "A public screen"). */
enum { ENVELOPE_REPLAYED = 1, ENVELOPE_PUBLIC = 2 };
void forward_envelope(struct buf *b, const char *gateway, const struct outbox_row *row, unsigned flags);
size_t forward_platforms(const struct forward *f);
void forward_stats(const struct forward *f, size_t i, struct forward_stats *ret);
const char *forward_https_version(void); /* of the library that HTTPS platforms need; it is loaded for that, and for them, only */
void forward_stop(struct forward *f);    /* what is in flight stays in the outbox; closed() follows */
void forward_free(struct forward *f);

#endif
