/* SPDX-License-Identifier: Apache-2.0
 * One MQTT client on a libuv loop: libmosquitto, no threads, reconnecting. Used by ingest (towards the devices' broker) and forward (towards platforms).
 *
 *   idle ─start─► waiting ─► connecting ─► up ─► waiting (backoff: exponential, full jitter, 0.5 s to 60 s) …
 *     any ─stop─► stopping ─► (closed callback)
 *
 * MQTT 5 first; a broker that refuses the version gets 3.1.1 from then on. Contract: an error returned means that no callback comes of it; callbacks come from the loop, never from
 * within the call; the memory is given back in or after `closed`.
 *
 * Deferred acknowledgement (conf.deferred): mosquitto_threaded_set() keeps what mosquitto_loop_read queues (PUBACK) until mosquitto_loop_write. The client reads a batch, calls ops.batch, and writes
 * only when that said ACKS_WRITE, or later when mqtt_release is called. See architecture.md's measurements, restated in src/mqtt/deferred.c. */
#ifndef GENGFU_MQTT_MQTT_H
#define GENGFU_MQTT_MQTT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "gengfu/base/err.h"
#include "gengfu/rules/config.h"

struct mqtt;

struct mqtt_message {
    uint16_t mid; /* 0 at QoS 0 */
    const char *topic;
    const char *payload;
    size_t len;
    int qos;
    bool retained;
};
enum mqtt_acks {
    ACKS_WRITE, /* everything is durable: write them */
    ACKS_LATER, /* read on; they, and those of what is read meanwhile, wait for mqtt_release */
    ACKS_HOLD   /* read nothing more until mqtt_release */
};
enum mqtt_taken {
    TAKEN,            /* the broker has it (PUBACK) */
    TAKEN_FOR_NOBODY, /* the same, and it says that nobody is subscribed (MQTT 5) */
    NOT_TAKEN         /* it refused it (MQTT 5, reason >= 128) */
};
struct mqtt_ops {
    void (*connected)(void *ctx, bool session_present);
    void (*disconnected)(void *ctx, const char *why, int64_t retry_in); /* also for each failed try; ms */
    void (*message)(void *ctx, const struct mqtt_message *m);
    /* After the messages of one reading (deferred clients only; at least one message): what becomes of their acknowledgements. When the link goes before mqtt_release, the client stays away
     * until it comes. */
    enum mqtt_acks (*batch)(void *ctx);
    void (*published)(void *ctx, int mid, enum mqtt_taken taken);   /* QoS 1 */
    void (*subscribed)(void *ctx, const char *filter, int granted); /* quality of service; -1: refused */
    /* The broker has answered for every filter: its session holds those that are wanted, and no other that was named here. May be NULL. */
    void (*settled)(void *ctx);
    void (*notice)(void *ctx, const char *sentence); /* something that a person should hear of; the connection goes on. May be NULL */
    void (*closed)(void *ctx);
};
struct mqtt_conf {
    const struct config_mqtt *broker; /* must outlive the client */
    bool clean;                       /* a session that ends with the connection */
    bool deferred;
    int64_t coalesce;                      /* ms to wait after the first sign of data before reading (deferred) */
    int batch_max;                         /* messages of one reading */
    const char *will_topic, *will_payload; /* NULL: none; retained, QoS 1 */
    uint64_t seed;                         /* of the jitter */
};

GF_WARN_UNUSED int mqtt_new(uv_loop_t *loop, const struct mqtt_conf *conf, const struct mqtt_ops *ops, void *ctx, struct err *err,
                            struct mqtt **ret);
GF_WARN_UNUSED int mqtt_start(struct mqtt *m, struct err *err);
void mqtt_stop(struct mqtt *m); /* says goodbye; `closed` comes when the memory may be freed with mqtt_free */
void mqtt_free(struct mqtt *m);
bool mqtt_is_up(const struct mqtt *m);
int mqtt_protocol(const struct mqtt *m); /* 5 or 4 */
/* QoS 0..2. *ret_mid for `published`. GF_EUNAVAIL when the link is down (nothing is queued then). */
GF_WARN_UNUSED int mqtt_publish(struct mqtt *m, const char *topic, const void *payload, size_t len, int qos, bool retain, int *ret_mid,
                                struct err *err);
/* Remembered and sent again after each connect without session. Takes effect now when the link is up. */
GF_WARN_UNUSED int mqtt_subscribe(struct mqtt *m, const char *filter, int qos, struct err *err);
GF_WARN_UNUSED int mqtt_unsubscribe(struct mqtt *m, const char *filter, struct err *err);
/* Filters that the broker has refused (less false) or has granted at less than was asked for. The first of them; NULL: none. */
size_t mqtt_filters_amiss(const struct mqtt *m, bool less, const char **ret_first);
void mqtt_ask_again(struct mqtt *m); /* for those; by itself it does so with each connection */
/* Looks whether certificates, key or password were renewed, and if so connects anew with them (true); the client does it by itself with every keepalive. */
bool mqtt_renew(struct mqtt *m);
/* Wall ms: when the other end's certificate runs out; TIME_NONE: no TLS, or no connection yet. */
int64_t mqtt_peer_not_after(const struct mqtt *m);
void mqtt_hurry(struct mqtt *m);   /* cut the coalescing wait short */
void mqtt_release(struct mqtt *m); /* deferred: everything that was handed over is durable now; write and read on */
void mqtt_hold(struct mqtt *m);    /* deferred, after ACKS_LATER: as if it had been ACKS_HOLD */
uint64_t mqtt_bytes_in(const struct mqtt *m);

#endif
