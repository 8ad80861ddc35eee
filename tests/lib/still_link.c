/* SPDX-License-Identifier: Apache-2.0
 * The functions of mqtt.h over nothing: a client is up when the test says so. */
#include "still_link.h"

#include <stdlib.h>
#include <string.h>

#include "gengfu/base/time.h"

struct mqtt {
    struct mqtt_conf conf;
    struct mqtt_ops ops;
    void *ctx;
    uv_timer_t timer; /* so that `closed` comes from the loop */
    uv_loop_t *loop;
    bool up, released;
    int mid, told; /* latest packet id; the one up to which `published` was called */
};

void (*still_on_publish)(struct mqtt *m, const char *topic, const char *payload, size_t len);
static struct mqtt *clients[STILL_CLIENTS];

struct mqtt *still_client(const char *client_id) {
    for (size_t i = 0; i < STILL_CLIENTS; i++)
        if (clients[i] && strcmp(clients[i]->conf.broker->client_id, client_id) == 0)
            return clients[i];
    return NULL;
}

void still_up(struct mqtt *m, bool up, bool session_present) {
    if (m->up == up)
        return;
    m->up = up;
    m->told = m->mid;
    if (up)
        m->ops.connected(m->ctx, session_present);
    else
        m->ops.disconnected(m->ctx, "the link was cut", 1000);
}

void still_message(struct mqtt *m, const struct mqtt_message *message) { m->ops.message(m->ctx, message); }

bool still_batch(struct mqtt *m) {
    m->released = false;
    return !m->conf.deferred || m->ops.batch(m->ctx) == ACKS_WRITE;
}

bool still_released(struct mqtt *m) { return m->released; }

void still_published(struct mqtt *m, bool ok) {
    int last = m->mid;
    while (m->up && m->told < last)
        m->ops.published(m->ctx, ++m->told, ok ? TAKEN : NOT_TAKEN);
}

int mqtt_new(uv_loop_t *loop, const struct mqtt_conf *conf, const struct mqtt_ops *ops, void *ctx, struct err *err, struct mqtt **ret) {
    struct mqtt *m = calloc(1, sizeof *m);
    size_t i = 0;
    while (i < STILL_CLIENTS && clients[i])
        i++;
    if (!m || i == STILL_CLIENTS) {
        free(m);
        return err_set(err, GF_ENOMEM, "out of memory");
    }
    *m = (struct mqtt){.conf = *conf, .ops = *ops, .ctx = ctx, .loop = loop};
    clients[i] = m;
    *ret = m;
    return 0;
}

void mqtt_free(struct mqtt *m) {
    for (size_t i = 0; i < STILL_CLIENTS; i++)
        if (m && clients[i] == m)
            clients[i] = NULL;
    free(m);
}

int mqtt_start(struct mqtt *m, struct err *err) {
    (void)err;
    (void)uv_timer_init(m->loop, &m->timer);
    m->timer.data = m;
    return 0;
}

static void on_timer_closed(uv_handle_t *h) {
    struct mqtt *m = h->data;
    m->ops.closed(m->ctx);
}

void mqtt_stop(struct mqtt *m) {
    m->up = false;
    uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}

bool mqtt_is_up(const struct mqtt *m) { return m->up; }
int mqtt_protocol(const struct mqtt *m) { return m->conf.broker->protocol; }
uint64_t mqtt_bytes_in(const struct mqtt *m) { return (uint64_t)m->mid; }
bool mqtt_renew(struct mqtt *m) {
    (void)m;
    return false;
}
size_t mqtt_filters_amiss(const struct mqtt *m, bool less, const char **ret_first) {
    (void)m;
    (void)less;
    *ret_first = NULL;
    return 0;
}
void mqtt_ask_again(struct mqtt *m) { (void)m; }
int64_t mqtt_peer_not_after(const struct mqtt *m) {
    (void)m;
    return TIME_NONE;
}
void mqtt_hurry(struct mqtt *m) { (void)m; }
void mqtt_release(struct mqtt *m) { m->released = true; }
void mqtt_hold(struct mqtt *m) { m->released = false; }

int mqtt_publish(struct mqtt *m, const char *topic, const void *payload, size_t len, int qos, bool retain, int *ret_mid, struct err *err) {
    (void)qos;
    (void)retain;
    if (!m->up)
        return err_set(err, GF_EUNAVAIL, "the link is down");
    m->mid++;
    if (ret_mid)
        *ret_mid = m->mid;
    if (still_on_publish)
        still_on_publish(m, topic, payload, len);
    return 0;
}

int mqtt_subscribe(struct mqtt *m, const char *filter, int qos, struct err *err) {
    (void)m;
    (void)filter;
    (void)qos;
    (void)err;
    return 0;
}

int mqtt_unsubscribe(struct mqtt *m, const char *filter, struct err *err) { return mqtt_subscribe(m, filter, 0, err); }
