/* SPDX-License-Identifier: Apache-2.0
 * Ingest over the MQTT client: one reading or several are one batch; the batch is committed; then the client may write the PUBACKs.
 *
 *   reading ─message*─► batch ─commit 0─► released ─► reading
 *                        │ ├─commit LATER─► reading, into the same batch ─ingest_durable─► released
 *                        │ └─commit <0─► held ─ingest_retry, commit 0─► released
 *                        └─the link goes─► commit
 *
 * The link may drop while a batch is not acknowledged: the messages are with us. The client stays away until the batch is durable; the broker then sends it again and the guard (guard.c)
 * recognises it.
 *
 * A broker sends only so many messages ahead of their acknowledgements. MQTT 5 brokers are told the number, but may have a smaller one of their own, and 3.1.1 brokers have their own, which
 * is often 20. So a commit never waits beyond half of that window, and the window is learnt: a broker that fell silent in the middle of the wait, with some messages open, had probably
 * come to its end (with less than half of 20 of them only when it went on as soon as it was acknowledged, several times in a row: so do brokers that are told to send one at a time, to keep the
 * order); one that has more messages open than it was thought to send has a larger one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/fault.h"
#include "gengfu/base/log.h"
#include "gengfu/base/map.h"
#include "gengfu/base/time.h"
#include "ingest_int.h"

#define HASH_SEED UINT64_C(0x67656e676675)
#define MAX_ACKS 262144 /* of one batch */
#define WINDOW_311 20   /* messages in flight that a 3.1.1 broker allows, as they are shipped */
#define SMALL_TIMES 3   /* a smaller window is believed after so many waits that ended like that */
#define SMALL_PROMPT 50 /* ms after the acknowledgement, and after the coalescing wait, within which the next message came */

struct ingest {
    struct mqtt *mqtt;
    struct ingest_ops ops;
    void *ctx;
    struct config_mqtt broker; /* the configuration's, with a client id in any case */
    char client_id[256];
    bool started, stopping;

    struct ingest_ack *acks; /* of the batch at hand */
    size_t nacks, cap_acks;
    size_t batch;        /* messages handed over in the batch at hand */
    size_t window;       /* messages that the broker sends before it waits for an acknowledgement */
    uint64_t latest;     /* uv_now of the latest message but those at QoS 0 */
    uint64_t quiet;      /* ms without a message that mean that the broker waits */
    size_t small;        /* messages that were open when it fell silent, fewer than a window has by default; 0: none */
    int small_times;     /* waits in a row that ended with a message at once */
    uint64_t released;   /* uv_now of the commit that ended such a wait */
    uint64_t prompt;     /* ms */
    int receive_maximum; /* what an MQTT 5 broker is told */
    size_t batch_max;
    uv_loop_t *loop;
    bool broken; /* an acknowledgement could not be noted: the batch cannot be committed as a whole */
    bool held;

    struct guard guard;
    char **filters;
    size_t nfilters;
    struct ingest_stats stats;
    char why[512];
};

static void say_why(struct ingest *in, const char *why) { (void)snprintf(in->why, sizeof(in->why), "%s", why); }

static size_t widest(const struct ingest *in) { return mqtt_protocol(in->mqtt) == 5 ? (size_t)in->receive_maximum : WINDOW_311; }

/* That there was one before is known by what it acknowledged. */
static void session_is_new(struct ingest *in) {
    bool kept = mqtt_protocol(in->mqtt) != 5 || in->broker.session_expiry >= TIME_SECOND;

    if (in->guard.total > 0 && kept) {
        in->stats.sessions_lost++;
        log_warn(
            "broker: it has no session of ours any more (were we away for longer than it keeps one, or did it lose its memory?): what came in meanwhile is lost");
    }
    guard_forget(&in->guard);
    if (in->ops.anew != NULL)
        in->ops.anew(in->ctx);
}

static void on_connected(void *ctx, bool session_present) {
    struct ingest *in = ctx;

    in->stats.up = true;
    in->stats.connects++;
    in->window = widest(in);
    in->small = 0;
    in->small_times = 0;
    say_why(in, "");
    if (!session_present)
        session_is_new(in);
    else if (guard_arm(&in->guard) < 0)
        log_warn("broker: no memory to recognise redelivered messages; some may be counted twice");
    if (in->ops.link != NULL)
        in->ops.link(in->ctx, true, "");
}

static void durable(struct ingest *in) {
    if (guard_remember(&in->guard, in->acks, in->nacks) < 0)
        log_warn("broker: no memory to remember what was acknowledged; after a lost link some messages may be counted twice");
    in->held = false;
    in->stats.batches++;
    if (in->batch > in->stats.largest_batch)
        in->stats.largest_batch = in->batch;
    in->batch = in->nacks = 0;
    in->broken = false;
}

static enum mqtt_acks commit(struct ingest *in, bool now) {
    int rc = in->batch > 0 ? in->ops.commit(in->ctx, in->acks, in->nacks, now) : 0; /* nothing but duplicates: durable already */

    in->held = rc < 0;
    if (rc < 0)
        return ACKS_HOLD;
    if (rc == INGEST_LATER)
        return ACKS_LATER;
    durable(in);
    return ACKS_WRITE;
}

static void on_disconnected(void *ctx, const char *why, int64_t retry_in) {
    struct ingest *in = ctx;

    (void)retry_in;
    in->stats.up = false;
    say_why(in, why);
    if (in->batch > 0 && !in->held && commit(in, true) == ACKS_WRITE) /* before the broker sends it again */
        mqtt_release(in->mqtt);
    if (in->ops.link != NULL)
        in->ops.link(in->ctx, false, in->why);
}

static bool note_ack(struct ingest *in, uint16_t mid, uint64_t hash) {
    if (in->nacks == in->cap_acks) {
        size_t cap = in->cap_acks > 0 ? in->cap_acks * 2 : 256;
        struct ingest_ack *grown = cap > MAX_ACKS ? NULL : realloc(in->acks, cap * sizeof(*grown));

        if (grown == NULL)
            return false;
        in->acks = grown;
        in->cap_acks = cap;
    }
    in->acks[in->nacks++] = (struct ingest_ack){.mid = mid, .hash = hash};
    return true;
}

/* The first message after a wait in which the broker fell silent: did it wait for us? */
static void learn_small(struct ingest *in) {
    if (in->small == 0)
        return;
    in->small_times = in->latest - in->released <= in->prompt ? in->small_times + 1 : 0;
    if (in->small_times >= SMALL_TIMES) {
        in->window = in->small;
        in->small_times = 0;
    }
    in->small = 0;
}

static void on_message(void *ctx, const struct mqtt_message *m) {
    struct ingest *in = ctx;

    in->stats.messages++;
    if (m->qos == 0) { /* which is in no window */
        in->stats.qos0++;
    } else {
        uint64_t hash = hash_bytes(m->payload, m->len, hash_bytes(m->topic, strlen(m->topic), HASH_SEED));
        bool seen = guard_seen(&in->guard, m->mid, hash);

        in->latest = uv_now(in->loop);
        learn_small(in);

        /* Without the note a crash could make this message count twice; that is the lesser evil against not hearing it. */
        if (!note_ack(in, m->mid, hash) && !in->broken) {
            in->broken = true;
            log_warn("broker: no memory to note what is acknowledged; after a crash some messages may be counted twice");
        }
        if (seen) {
            in->stats.duplicates++;
            return;
        }
    }
    in->batch++;
    in->ops.message(in->ctx, m);
}

static enum mqtt_acks on_batch(void *ctx) {
    struct ingest *in = ctx;

    (void)fault_point("ingest.after_read");
    if (in->nacks > in->window)
        in->window = in->nacks > widest(in) ? in->nacks : widest(in);
    return commit(in, in->nacks * 2 >= in->window || in->batch >= in->batch_max);
}

void ingest_durable(struct ingest *in) {
    bool silent = uv_now(in->loop) - in->latest >= in->quiet;

    if (silent && in->nacks >= WINDOW_311 / 2)
        in->window = in->nacks;
    else if (silent)
        in->small = in->nacks;
    in->released = uv_now(in->loop);
    durable(in);
    mqtt_release(in->mqtt);
}

void ingest_hold(struct ingest *in) {
    in->held = true;
    mqtt_hold(in->mqtt);
}

void ingest_retry(struct ingest *in) {
    if (in->held && !in->stopping && commit(in, true) == ACKS_WRITE)
        mqtt_release(in->mqtt);
}

static void on_subscribed(void *ctx, const char *filter, int granted) {
    (void)ctx;
    if (granted < 0)
        log_error("broker: refuses the subscription to '%s': nothing comes of it", filter);
    else if (granted == 0)
        log_warn("broker: grants the subscription to '%s' at QoS 0 only: what is on its way, or comes while we are away, is lost", filter);
}

static void on_settled(void *ctx) {
    struct ingest *in = ctx;

    if (in->ops.settled != NULL)
        in->ops.settled(in->ctx);
}

static void on_notice(void *ctx, const char *sentence) {
    (void)ctx;
    log_warn("broker: %s", sentence);
}

static void on_closed(void *ctx) {
    struct ingest *in = ctx;

    in->started = false;
    in->stats.up = false;
    if (in->ops.closed != NULL)
        in->ops.closed(in->ctx); /* which may free it */
}

int ingest_new(uv_loop_t *loop, const struct config *conf, const struct ingest_ops *ops, void *ctx, struct err *err, struct ingest **ret) {
    static const struct mqtt_ops mqtt_ops = {
        .connected = on_connected,
        .disconnected = on_disconnected,
        .message = on_message,
        .batch = on_batch,
        .subscribed = on_subscribed,
        .settled = on_settled,
        .notice = on_notice,
        .closed = on_closed,
    };
    struct ingest *in = calloc(1, sizeof(*in));

    if (in == NULL)
        return err_set(err, GF_ENOMEM, "ingest: %s", err_text(GF_ENOMEM));
    in->ops = *ops;
    in->ctx = ctx;
    in->broker = conf->broker;
    in->loop = loop;
    in->receive_maximum = conf->broker.receive_maximum;
    in->batch_max = (size_t)conf->batch_max;
    in->quiet = (uint64_t)conf->commit_wait / 2;
    in->prompt = SMALL_PROMPT + (uint64_t)conf->coalesce;
    if (in->broker.client_id == NULL) {
        (void)snprintf(in->client_id, sizeof(in->client_id), "gengfu-%.200s", conf->id != NULL ? conf->id : "gateway");
        in->broker.client_id = in->client_id;
    }
    uint64_t seed = uv_hrtime();
    struct mqtt_conf mc = {
        .broker = &in->broker,
        .deferred = true,
        .coalesce = conf->coalesce,
        .batch_max = conf->batch_max,
        .seed = hash_bytes(in->broker.client_id, strlen(in->broker.client_id), seed),
    };
    int rc = mqtt_new(loop, &mc, &mqtt_ops, in, err, &in->mqtt);

    if (rc < 0) {
        free(in);
        return rc;
    }
    *ret = in;
    return 0;
}

int ingest_restore(struct ingest *in, uint16_t mid, uint64_t hash) {
    struct ingest_ack ack = {.mid = mid, .hash = hash};

    return mid == 0 ? GF_EINVAL : guard_remember(&in->guard, &ack, 1);
}

/* -- subscriptions --------------------------------------------------------------------------------------------------------------------------- */

static void filters_free(char **filters, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(filters[i]);
    free(filters);
}

static bool has(char *const *filters, size_t n, const char *filter) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(filters[i], filter) == 0)
            return true;
    return false;
}

int ingest_subscribe(struct ingest *in, const char *const *filters, size_t n, struct err *err) {
    char **wanted = calloc(n > 0 ? n : 1, sizeof(*wanted));
    int rc = 0;
    size_t count = 0;

    if (wanted == NULL)
        return err_set(err, GF_ENOMEM, "subscriptions: %s", err_text(GF_ENOMEM));
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (has(wanted, count, filters[i]))
            continue;
        wanted[count] = strdup(filters[i]);
        if (wanted[count] == NULL)
            rc = err_set(err, GF_ENOMEM, "subscriptions: %s", err_text(GF_ENOMEM));
        else
            /* Never more than 1: at QoS 2 libmosquitto would keep the payload in memory after it has answered, and a crash would lose it. */
            rc = mqtt_subscribe(in->mqtt, wanted[count++], 1, err);
    }
    for (size_t i = 0; i < in->nfilters && rc == 0; i++)
        if (!has(wanted, count, in->filters[i]))
            rc = mqtt_unsubscribe(in->mqtt, in->filters[i], err);
    if (rc < 0) {
        filters_free(wanted, count);
        return rc;
    }
    filters_free(in->filters, in->nfilters);
    in->filters = wanted;
    in->nfilters = count;
    return 0;
}

int ingest_leave(struct ingest *in, const char *filter, struct err *err) {
    return has(in->filters, in->nfilters, filter) ? 0 : mqtt_unsubscribe(in->mqtt, filter, err);
}

const char *ingest_client_id(const struct ingest *in) { return in->broker.client_id; }

/* -- life ------------------------------------------------------------------------------------------------------------------------------------ */

int ingest_start(struct ingest *in, struct err *err) {
    int rc = mqtt_start(in->mqtt, err);

    in->started = rc == 0;
    return rc;
}

void ingest_renew(struct ingest *in) {
    if (in->started && !in->stopping && !mqtt_renew(in->mqtt))
        mqtt_ask_again(in->mqtt);
}

void ingest_hurry(struct ingest *in) { mqtt_hurry(in->mqtt); }

void ingest_stop(struct ingest *in) {
    in->stopping = true;
    mqtt_stop(in->mqtt);
}

void ingest_free(struct ingest *in) {
    if (in == NULL)
        return;
    mqtt_free(in->mqtt);
    guard_done(&in->guard);
    filters_free(in->filters, in->nfilters);
    free(in->acks);
    free(in);
}

void ingest_stats(const struct ingest *in, struct ingest_stats *ret) {
    *ret = in->stats;
    ret->protocol = mqtt_protocol(in->mqtt);
    ret->bytes = mqtt_bytes_in(in->mqtt);
    ret->why = in->why;
    ret->refused = mqtt_filters_amiss(in->mqtt, false, &ret->refused_first);
    ret->lesser = mqtt_filters_amiss(in->mqtt, true, &ret->lesser_first);
    ret->peer_not_after = mqtt_peer_not_after(in->mqtt);
}
