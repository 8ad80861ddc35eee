/* SPDX-License-Identifier: Apache-2.0
 * The client's outside: making and freeing it, publishing, asking how it is. */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt_int.h"

static int users; /* of libmosquitto's global state */

static int library_enter(struct err *err) {
    struct sigaction now;

    if (users == 0) {
        if (mosquitto_lib_init() != MOSQ_ERR_SUCCESS)
            return err_set(err, GF_EIO, "libmosquitto cannot be initialised");
        /* libmosquitto writes with write(2): a peer that went away must not end the process. */
        if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            (void)signal(SIGPIPE, SIG_IGN);
    }
    users++;
    return 0;
}

static void library_leave(void) {
    if (--users == 0)
        (void)mosquitto_lib_cleanup();
}

static int check_conf(const struct mqtt_conf *conf, struct err *err) {
    const struct config_mqtt *c = conf->broker;

    if (c == NULL || c->host == NULL || *c->host == '\0')
        return err_set(err, GF_EINVAL, "a broker needs a host");
    if (c->port < 1 || c->port > 65535)
        return err_set(err, GF_EINVAL, "a broker's port is 1 to 65535, not %d", c->port);
    if (c->protocol != 4 && c->protocol != 5)
        return err_set(err, GF_EINVAL, "the MQTT version is 5 or 4 (which means 3.1.1), not %d", c->protocol);
    if (c->keepalive < 0 || c->keepalive > 65535)
        return err_set(err, GF_EINVAL, "keepalive is 0 to 65535 seconds, not %d", c->keepalive);
    if (!conf->clean && (c->client_id == NULL || *c->client_id == '\0'))
        return err_set(err, GF_EINVAL, "a session that outlives its connection needs a client id");
    return 0;
}

int mqtt_new(uv_loop_t *loop, const struct mqtt_conf *conf, const struct mqtt_ops *ops, void *ctx, struct err *err, struct mqtt **ret) {
    int rc = check_conf(conf, err);

    if (rc < 0)
        return rc;
    struct mqtt *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return err_set(err, GF_ENOMEM, "MQTT client: %s", err_text(GF_ENOMEM));
    rc = library_enter(err);
    if (rc < 0) {
        free(m);
        return rc;
    }
    m->loop = loop;
    m->conf = *conf;
    m->ops = *ops;
    m->ctx = ctx;
    m->protocol = conf->broker->protocol;
    m->told.not_after = TIME_NONE;
    prng_seed(&m->prng, conf->seed);
    *ret = m;
    return 0;
}

void mqtt_free(struct mqtt *m) {
    if (m == NULL)
        return;
    mqtt_filters_done(m);
    free(m);
    library_leave();
}

bool mqtt_is_up(const struct mqtt *m) { return m->state == MQTT_UP && !m->stop_wanted; }

int64_t mqtt_peer_not_after(const struct mqtt *m) { return m->conf.broker->tls.on ? m->told.not_after : TIME_NONE; }

int mqtt_protocol(const struct mqtt *m) { return m->protocol; }

uint64_t mqtt_bytes_in(const struct mqtt *m) { return m->bytes_in; }

int mqtt_publish(struct mqtt *m, const char *topic, const void *payload, size_t len, int qos, bool retain, int *ret_mid, struct err *err) {
    int mid = 0;

    if (!mqtt_is_up(m))
        return err_set(err, GF_EUNAVAIL, "%s:%d: not connected", m->conf.broker->host, m->conf.broker->port);
    if (len > INT_MAX)
        return err_set(err, GF_ELIMIT, "a message of %zu bytes is too large for MQTT", len);
    int rc = mosquitto_publish(m->mosq, &mid, topic, (int)len, payload, qos, retain);

    switch (rc) {
    case MOSQ_ERR_SUCCESS: break;
    case MOSQ_ERR_NOMEM: return err_set(err, GF_ENOMEM, "publish to '%s': %s", topic, err_text(GF_ENOMEM));
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_CONN_LOST: return err_set(err, GF_EUNAVAIL, "publish to '%s': %s", topic, mosquitto_strerror(rc));
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET: return err_set(err, GF_ELIMIT, "publish to '%s': %zu bytes are more than the broker takes", topic, len);
    default: return err_set(err, GF_EINVAL, "publish to '%s': %s", topic, mosquitto_strerror(rc));
    }
    if (ret_mid != NULL)
        *ret_mid = mid;
    mqtt_listen(m);
    return 0;
}
