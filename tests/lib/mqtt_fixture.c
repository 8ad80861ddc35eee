/* SPDX-License-Identifier: Apache-2.0
 * A loop with MQTT clients on it. */
#include "mqtt_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_connected(void *ctx, bool session_present) {
    struct client *c = ctx;

    c->up = true;
    c->ups++;
    c->session_present = session_present;
    if (c->stop_when_up)
        client_stop(c);
}

static void on_disconnected(void *ctx, const char *why, int64_t retry_in) {
    struct client *c = ctx;

    c->up = false;
    c->downs++;
    c->retry_in = retry_in;
    (void)snprintf(c->why, sizeof(c->why), "%s", why);
}

static void on_message(void *ctx, const struct mqtt_message *m) {
    struct client *c = ctx;

    c->messages++;
    (void)snprintf(c->topic, sizeof(c->topic), "%s", m->topic);
    (void)snprintf(c->payload, sizeof(c->payload), "%.*s", (int)m->len, m->payload);
    c->qos = m->qos;
    c->retained = m->retained;
}

static enum mqtt_acks on_batch(void *ctx) {
    struct client *c = ctx;

    c->batches++;
    return c->hold ? ACKS_HOLD : c->later ? ACKS_LATER : ACKS_WRITE;
}

static void on_published(void *ctx, int mid, enum mqtt_taken taken) {
    struct client *c = ctx;

    c->got_mid = mid;
    if (taken != NOT_TAKEN)
        c->published++;
    else
        c->unpublished++;
}

static void on_subscribed(void *ctx, const char *filter, int granted) {
    struct client *c = ctx;

    (void)filter;
    if (granted >= 0)
        c->subscribed++;
    else
        c->refused_filters++;
}

static void on_notice(void *ctx, const char *sentence) {
    struct client *c = ctx;

    (void)snprintf(c->notice, sizeof(c->notice), "%s", sentence);
}

static void on_closed(void *ctx) {
    struct client *c = ctx;

    assert_false(c->closed);
    c->closed = true;
    c->up = false;
    mqtt_free(c->mqtt);
    c->mqtt = NULL;
}

void mfx_setup(struct mfx *fx, int port) {
    memset(fx, 0, sizeof(*fx));
    assert_int_equal(uv_loop_init(&fx->loop), 0);
    assert_int_equal(uv_timer_init(&fx->loop, &fx->tick), 0);
    fx->broker = (struct config_mqtt){.host = "127.0.0.1",
                                      .port = port,
                                      .protocol = 5,
                                      .keepalive = 30,
                                      .session_expiry = 3600000,
                                      .receive_maximum = 500,
                                      .tls = {.verify = true}};
    fx->conf = (struct mqtt_conf){.deferred = true, .coalesce = 5, .batch_max = 1000, .seed = 42};
}

struct client *mfx_client(struct mfx *fx, const char *id, bool clean) {
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
    struct client *c = calloc(1, sizeof(*c));
    struct err err = {0};

    assert_non_null(c);
    assert_true(fx->n < MFX_CLIENTS);
    c->fx = fx;
    c->broker = fx->broker;
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    c->broker.client_id = c->id;
    struct mqtt_conf conf = fx->conf;

    conf.broker = &c->broker;
    conf.clean = clean;
    if (mqtt_new(&fx->loop, &conf, &ops, c, &err, &c->mqtt) < 0)
        fail_msg("mqtt_new: %s", err.text);
    fx->clients[fx->n++] = c;
    return c;
}

void client_start(struct client *c) {
    struct err err = {0};

    if (mqtt_start(c->mqtt, &err) < 0)
        fail_msg("mqtt_start: %s", err.text);
}

void client_stop(struct client *c) {
    if (c->stopped)
        return;
    c->stopped = true;
    mqtt_stop(c->mqtt);
    assert_false(c->closed); /* never from within the call */
}

void client_publish(struct client *c, const char *topic, const char *payload, int qos) {
    struct err err = {0};
    int mid;

    if (mqtt_publish(c->mqtt, topic, payload, strlen(payload), qos, false, &mid, &err) < 0)
        fail_msg("mqtt_publish: %s", err.text);
    c->want_published++;
}

static void on_tick(uv_timer_t *t) { (void)t; }

/* The timer lets the loop turn while nothing else happens. */
static bool run_until(struct mfx *fx, bool (*condition)(struct client *), struct client *c, int ms) {
    uint64_t end;
    bool met = false;

    uv_update_time(&fx->loop);
    end = uv_now(&fx->loop) + (uint64_t)ms;
    (void)uv_timer_start(&fx->tick, on_tick, 5, 5);
    while (uv_now(&fx->loop) < end && !met) {
        met = condition != NULL && condition(c);
        if (!met)
            (void)uv_run(&fx->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&fx->tick);
    return met;
}

bool mfx_until(struct mfx *fx, bool (*condition)(struct client *), struct client *c) {
    bool met = run_until(fx, condition, c, MFX_PATIENCE);

    if (!met)
        printf("client %s: up %d, ups %d, downs %d, messages %d, subscribed %d, why '%s'\n", c->id, c->up, c->ups, c->downs, c->messages,
               c->subscribed, c->why);
    return met;
}

void mfx_run(struct mfx *fx, int ms) { (void)run_until(fx, NULL, NULL, ms); }

void mfx_teardown(struct mfx *fx) {
    for (int i = 0; i < fx->n; i++)
        client_stop(fx->clients[i]);
    for (int i = 0; i < fx->n; i++)
        assert_true(mfx_until(fx, client_is_closed, fx->clients[i]));
}

void mfx_done(struct mfx *fx) {
    uv_close((uv_handle_t *)&fx->tick, NULL);
    (void)uv_run(&fx->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fx->loop), 0);
    for (int i = 0; i < fx->n; i++)
        free(fx->clients[i]);
}

bool client_is_up(struct client *c) { return c->up; }

bool client_is_down(struct client *c) { return !c->up && c->downs > 0; }

bool client_is_closed(struct client *c) { return c->closed; }

bool client_is_subscribed(struct client *c) { return c->up && c->subscribed > 0; }

bool client_has_messages(struct client *c) { return c->messages >= c->want; }

bool client_has_published(struct client *c) { return c->published >= c->want_published; }
