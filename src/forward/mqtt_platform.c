/* SPDX-License-Identifier: Apache-2.0
 * The MQTT platform. Incidents go to {prefix}/{gateway}/incidents/{id} at QoS 1; the platform says on {prefix}/{gateway}/receipts which revision it has ({"incident", "revision"}); commands come on
 * {prefix}/{gateway}/commands and are answered on {prefix}/{gateway}/answers.
 *
 *   sent ─PUBACK─► with the broker ─receipt─► confirmed        (confirm: puback: the PUBACK confirms)
 *     no receipt in time: the same message, with the same id, again later        link lost: the message was not at fault, and is sent again on the next connection
 *
 * Commands are acknowledged to the broker only after they were applied and made durable (the client is a deferred one), and the session is kept, so a command sent while we are away is not lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/base/map.h"
#include "gengfu/mqtt/mqtt.h"

#define TOPIC_MAX 1024

struct answer { /* waits until the broker has it: what was only handed to a link is lost with it */
    struct answer *next;
    int mid; /* on its way under that packet id; 0: to be published */
    size_t len;
    char text[];
};
struct mqtt_sender {
    struct sender *s;
    struct mqtt *mqtt;
    struct config_mqtt broker; /* the configuration's, with a client id in any case */
    char client_id[256], base[TOPIC_MAX], receipts[TOPIC_MAX + 16], commands[TOPIC_MAX + 16], answers[TOPIC_MAX + 16];
    uv_timer_t timer; /* the earliest overdue receipt */
    bool timer_open, client_open, was_connected;
    struct answer *first, **last; /* that the broker has not acknowledged yet */
    size_t nanswers;
};

static void on_timer(uv_timer_t *t);

/* -- receipts -------------------------------------------------------------------------------------------------------------------------------- */

static void arm(struct mqtt_sender *ms) {
    uint64_t now = uv_now(ms->s->f->loop), first = UINT64_MAX;

    for (size_t i = 0; i < ms->s->nslots; i++) {
        const struct slot *slot = &ms->s->slots[i];

        if (slot->state == SLOT_FLYING && slot->deadline != 0 && slot->deadline < first)
            first = slot->deadline;
    }
    if (first == UINT64_MAX)
        (void)uv_timer_stop(&ms->timer);
    else
        (void)uv_timer_start(&ms->timer, on_timer, first > now ? first - now : 0, 0);
}

static void on_timer(uv_timer_t *t) {
    struct mqtt_sender *ms = t->data;
    struct sender *s = ms->s;
    uint64_t now = uv_now(s->f->loop);
    char why[128];

    for (size_t i = 0; i < s->nslots; i++) {
        struct slot *slot = &s->slots[i];

        if (slot->state != SLOT_FLYING || slot->deadline == 0 || slot->deadline > now)
            continue;
        (void)snprintf(why, sizeof(why), slot->mid != 0 ? "the broker did not acknowledge it in %d s" : "no receipt in %d s",
                       (int)(s->conf->receipt_timeout / 1000));
        sender_result(s, slot, RESULT_RETRY, why, -1);
    }
    arm(ms);
}

static void one_receipt(struct mqtt_sender *ms, const cJSON *receipt) {
    const char *incident = json_str(receipt, "incident", NULL);
    int64_t revision = json_int(receipt, "revision", -1);

    if (incident == NULL || revision < 1 || revision > UINT32_MAX) {
        log_warn("platform %s: a receipt is {\"incident\": \"…\", \"revision\": 1}; this one is not", ms->s->conf->name);
        return;
    }
    struct slot *slot = sender_slot(ms->s, incident);

    if (slot != NULL && slot->revision == (uint32_t)revision)
        sender_result(ms->s, slot, RESULT_CONFIRMED, "", -1);
    else
        sender_late_receipt(ms->s, incident, (uint32_t)revision);
}

static void on_receipt(struct mqtt_sender *ms, const char *text, size_t len) {
    struct forward *f = ms->s->f;
    struct err err = {0};
    const cJSON *doc, *item;
    struct arena_mark mark = arena_mark(&f->arena);

    if (len > FORWARD_COMMAND_MAX)
        log_warn("platform %s: a receipt of %zu bytes is ignored", ms->s->conf->name, len);
    else if (json_parse(&f->arena, text, len, &err, &doc) < 0)
        log_warn("platform %s: a receipt that is not JSON: %s", ms->s->conf->name, err.text);
    else if (cJSON_IsArray(doc))
        cJSON_ArrayForEach(item, doc) one_receipt(ms, item);
    else
        one_receipt(ms, doc);
    arena_rewind(&f->arena, mark);
    arm(ms);
}

/* -- answers --------------------------------------------------------------------------------------------------------------------------------- */

static void drop_answer(struct mqtt_sender *ms, struct answer **at) {
    struct answer *a = *at;

    *at = a->next;
    if (a->next == NULL)
        ms->last = at;
    ms->nanswers--;
    free(a);
}

static void publish_answers(struct mqtt_sender *ms) {
    struct err err = {0};

    for (struct answer **at = &ms->first; *at != NULL && mqtt_is_up(ms->mqtt);) {
        struct answer *a = *at;
        int rc = a->mid != 0 ? 0 : mqtt_publish(ms->mqtt, ms->answers, a->text, a->len, 1, false, &a->mid, &err);

        if (rc == GF_EUNAVAIL || rc == GF_ENOMEM)
            return;
        if (rc < 0) {
            log_warn("platform %s: an answer cannot be sent: %s", ms->s->conf->name, err.text);
            drop_answer(ms, at);
        } else {
            at = &a->next;
        }
    }
}

static bool answer_is_taken(struct mqtt_sender *ms, int mid, enum mqtt_taken taken) {
    for (struct answer **at = &ms->first; *at != NULL; at = &(*at)->next) {
        if ((*at)->mid != mid)
            continue;
        if (taken == NOT_TAKEN)
            log_warn("platform %s: its broker refuses an answer", ms->s->conf->name);
        drop_answer(ms, at);
        return true;
    }
    return false;
}

static void platform_answer(struct sender *s, const char *json, size_t len) {
    struct mqtt_sender *ms = s->own;
    struct answer *a = malloc(sizeof(*a) + len);

    if (a == NULL) {
        log_warn("platform %s: no memory for an answer; the command can be sent again", s->conf->name);
        return;
    }
    if (ms->nanswers >= FORWARD_ANSWERS_MAX) {
        log_warn("platform %s: more than %d answers wait; the oldest is dropped", s->conf->name, FORWARD_ANSWERS_MAX);
        drop_answer(ms, &ms->first);
    }
    a->next = NULL;
    a->mid = 0;
    a->len = len;
    memcpy(a->text, json, len);
    *ms->last = a;
    ms->last = &a->next;
    ms->nanswers++;
    publish_answers(ms);
}

/* -- the client's callbacks ------------------------------------------------------------------------------------------------------------------ */

static void on_connected(void *ctx, bool session_present) {
    struct mqtt_sender *ms = ctx;

    if (!session_present && ms->was_connected && ms->s->conf->commands && ms->broker.session_expiry >= TIME_SECOND)
        log_warn("platform %s: its broker has no session of ours any more: commands that were sent meanwhile are lost", ms->s->conf->name);
    ms->was_connected = true;
    sender_link(ms->s, true, "");
    publish_answers(ms);
}

static void on_disconnected(void *ctx, const char *why, int64_t retry_in) {
    struct mqtt_sender *ms = ctx;

    (void)retry_in;
    for (struct answer *a = ms->first; a != NULL; a = a->next)
        a->mid = 0; /* once more, on the next link */
    sender_link(ms->s, false, why);
    arm(ms);
}

static void on_message(void *ctx, const struct mqtt_message *m) {
    struct mqtt_sender *ms = ctx;

    if (ms->s->f->stopping || m->retained) /* a retained command or receipt is an old one, kept by mistake */
        return;
    if (strcmp(m->topic, ms->receipts) == 0)
        on_receipt(ms, m->payload, m->len);
    else if (strcmp(m->topic, ms->commands) == 0)
        sender_commands(ms->s, m->payload, m->len);
}

static enum mqtt_acks on_batch(void *ctx) {
    const struct mqtt_sender *ms = ctx;

    /* Commands have been made durable one by one; a receipt that is lost comes again with the next sending. What came at the end was not looked at: the broker sends it again. */
    return ms->s->f->stopping ? ACKS_HOLD : ACKS_WRITE;
}

static void on_published(void *ctx, int mid, enum mqtt_taken taken) {
    struct mqtt_sender *ms = ctx;
    struct sender *s = ms->s;

    if (answer_is_taken(ms, mid, taken))
        return;
    for (size_t i = 0; i < s->nslots; i++) {
        struct slot *slot = &s->slots[i];

        if (slot->state != SLOT_FLYING || slot->mid != mid)
            continue;
        slot->mid = 0;
        if (taken == NOT_TAKEN)
            sender_result(s, slot, RESULT_RETRY, "the platform's broker refuses the message", -1);
        else if (taken == TAKEN_FOR_NOBODY && s->conf->confirm_puback)
            sender_result(s, slot, RESULT_RETRY, "the platform is not subscribed at its broker, which would keep nothing for it", -1);
        else if (s->conf->confirm_puback)
            sender_result(s, slot, RESULT_CONFIRMED, "", -1);
        break;
    }
    arm(ms);
}

static void on_subscribed(void *ctx, const char *filter, int granted) {
    struct mqtt_sender *ms = ctx;

    if (granted < 0)
        log_error("platform %s: its broker refuses the subscription to '%s'", ms->s->conf->name, filter);
}

static void on_notice(void *ctx, const char *sentence) {
    struct mqtt_sender *ms = ctx;

    log_warn("platform %s: %s", ms->s->conf->name, sentence);
}

static void maybe_closed(struct mqtt_sender *ms) {
    if (!ms->timer_open && !ms->client_open)
        sender_closed(ms->s);
}

static void on_closed(void *ctx) {
    struct mqtt_sender *ms = ctx;

    ms->client_open = false;
    maybe_closed(ms);
}

static void on_timer_closed(uv_handle_t *h) {
    struct mqtt_sender *ms = h->data;

    ms->timer_open = false;
    maybe_closed(ms);
}

/* -- the sender's ops ------------------------------------------------------------------------------------------------------------------------ */

static int set_topics(struct mqtt_sender *ms, struct err *err) {
    const char *prefix = ms->s->conf->prefix != NULL ? ms->s->conf->prefix : "gengfu", *gateway = ms->s->f->conf->id;
    int n = snprintf(ms->base, sizeof(ms->base), "%s/%s", prefix, gateway);

    if (n < 0 || (size_t)n >= sizeof(ms->base))
        return err_set(err, GF_ELIMIT, "prefix and gateway make a topic of more than %d bytes", TOPIC_MAX);
    if (strpbrk(ms->base, "+#") != NULL)
        return err_set(err, GF_EINVAL, "'%s' cannot be a topic: prefix and gateway must have no '+' and no '#'", ms->base);
    (void)snprintf(ms->receipts, sizeof(ms->receipts), "%s/receipts", ms->base);
    (void)snprintf(ms->commands, sizeof(ms->commands), "%s/commands", ms->base);
    (void)snprintf(ms->answers, sizeof(ms->answers), "%s/answers", ms->base);
    return 0;
}

static void platform_free(struct sender *s) {
    struct mqtt_sender *ms = s->own;

    mqtt_free(ms->mqtt);
    while (ms->first != NULL)
        drop_answer(ms, &ms->first);
    free(ms);
    s->own = NULL;
}

static int platform_open(struct sender *s, struct err *err) {
    static const struct mqtt_ops ops = {
        .connected = on_connected,
        .disconnected = on_disconnected,
        .message = on_message,
        .batch = on_batch,
        .published = on_published,
        .subscribed = on_subscribed,
        .notice = on_notice,
        .closed = on_closed,
    };
    struct mqtt_sender *ms = calloc(1, sizeof(*ms));

    if (ms == NULL)
        return err_set(err, GF_ENOMEM, "%s", err_text(GF_ENOMEM));
    ms->s = s;
    ms->last = &ms->first;
    s->own = ms;
    ms->broker = s->conf->mqtt;
    if (ms->broker.client_id == NULL) {
        (void)snprintf(ms->client_id, sizeof(ms->client_id), "gengfu-%.120s-%.100s", s->f->conf->id, s->conf->name);
        ms->broker.client_id = ms->client_id;
    }
    struct mqtt_conf mc = {
        .broker = &ms->broker,
        .deferred = true,
        .batch_max = 100,
        .seed = hash_bytes(ms->broker.client_id, strlen(ms->broker.client_id), uv_hrtime()),
    };
    int rc = set_topics(ms, err);

    if (rc == 0)
        rc = mqtt_new(s->f->loop, &mc, &ops, ms, err, &ms->mqtt);
    if (rc == 0 && !s->conf->confirm_puback)
        rc = mqtt_subscribe(ms->mqtt, ms->receipts, 1, err);
    if (rc == 0 && s->conf->commands)
        rc = mqtt_subscribe(ms->mqtt, ms->commands, 1, err);
    if (rc < 0)
        platform_free(s);
    return rc;
}

static int platform_start(struct sender *s, struct err *err) {
    struct mqtt_sender *ms = s->own;

    (void)uv_timer_init(s->f->loop, &ms->timer);
    ms->timer.data = ms;
    ms->timer_open = true;
    int rc = mqtt_start(ms->mqtt, err);

    ms->client_open = rc == 0;
    return rc;
}

static void platform_send(struct sender *s, struct slot *slot, const struct buf *envelope) {
    struct mqtt_sender *ms = s->own;
    struct err err = {0};
    char topic[TOPIC_MAX + 64];
    int mid = 0;

    (void)snprintf(topic, sizeof(topic), "%s/incidents/%s", ms->base, slot->incident);
    int rc = mqtt_publish(ms->mqtt, topic, envelope->data, envelope->len, 1, false, &mid, &err);

    if (rc == GF_EUNAVAIL || rc == GF_ENOMEM) {
        sender_result(s, slot, RESULT_UNREACHABLE, err.text, -1);
    } else if (rc < 0) {
        sender_result(s, slot, RESULT_DEAD, err.text, -1); /* larger than the broker takes: no other try will be smaller */
    } else {
        slot->mid = mid;
        slot->deadline = uv_now(s->f->loop) + (uint64_t)(s->conf->receipt_timeout > 0 ? s->conf->receipt_timeout : 30000);
    }
}

static void platform_flush(struct sender *s) { arm(s->own); }

static void platform_renew(struct sender *s) {
    struct mqtt_sender *ms = s->own;

    if (ms->client_open && !mqtt_renew(ms->mqtt))
        mqtt_ask_again(ms->mqtt);
}

static int64_t peer_not_after(const struct sender *s) {
    const struct mqtt_sender *ms = s->own;

    return mqtt_peer_not_after(ms->mqtt);
}

static void platform_stop(struct sender *s) {
    struct mqtt_sender *ms = s->own;

    uv_close((uv_handle_t *)&ms->timer, on_timer_closed);
    if (ms->client_open)
        mqtt_stop(ms->mqtt);
}

const struct sender_ops mqtt_platform = {.open = platform_open,
                                         .start = platform_start,
                                         .send = platform_send,
                                         .flush = platform_flush,
                                         .answer = platform_answer,
                                         .renew = platform_renew,
                                         .peer_not_after = peer_not_after,
                                         .stop = platform_stop,
                                         .free = platform_free};
