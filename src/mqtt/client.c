/* SPDX-License-Identifier: Apache-2.0
 * A libmosquitto client with all its options, and the callbacks through which it speaks to us. One is made for each connection: so the certificates and the password are read anew, the
 * version may change, and nothing half-sent of an earlier connection is left inside (what must be sent again is its owner's business). Leans on libmosquitto 2.0. */
#include <stdio.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "gengfu/base/time.h"
#include "gengfu/mqtt/secret.h"
#include "mqtt_int.h"

/* Callbacks of libmosquitto: none of them may call back into what writes (its callback lock is not recursive), so they only take notes and hand messages up. */

/* What we asked for, in seconds: 0 with the connection. */
static uint32_t session_expiry(const struct mqtt *m) {
    int64_t expiry = m->conf.clean ? 0 : m->conf.broker->session_expiry / 1000;

    return expiry > UINT32_MAX ? UINT32_MAX : (uint32_t)expiry;
}

/* A broker may keep the session for less. */
static void look_at_expiry(struct mqtt *m, const mosquitto_property *props) {
    char why[300], kept_text[TIME_TEXT_MAX], asked_text[TIME_TEXT_MAX];
    uint32_t kept, asked = session_expiry(m);

    if (m->protocol != 5 || mosquitto_property_read_int32(props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, &kept, false) == NULL ||
        kept >= asked || m->kept_told)
        return;
    m->kept_told = true;
    (void)snprintf(why, sizeof(why),
                   "it keeps our session for %s only, not for %s (session_expiry): what comes while we are away for longer is lost",
                   span_format(kept * INT64_C(1000), kept_text), span_format(asked * INT64_C(1000), asked_text));
    if (m->ops.notice != NULL)
        m->ops.notice(m->ctx, why);
}

static void on_connect(struct mosquitto *mosq, void *ctx, int code, int flags, const mosquitto_property *props) {
    struct mqtt *m = ctx;
    uint16_t keepalive;

    (void)mosq;
    m->progress++;
    m->greeted = true;
    if (code != 0) {
        m->refused = code;
        return;
    }
    if (m->state != MQTT_CONNECTING)
        return;
    m->state = MQTT_UP;
    m->up_since = uv_now(m->loop);
    m->silent_closes = 0;
    if (m->protocol == 5)
        m->v5_known = true;
    int64_t every = m->conf.broker->keepalive;

    if (mosquitto_property_read_int16(props, MQTT_PROP_SERVER_KEEP_ALIVE, &keepalive, false) != NULL && keepalive > 0)
        every = keepalive;
    every = every <= 0 ? 0 : every < 5 ? 1250 : every * 1000 / 4;
    (void)uv_timer_stop(&m->timer);
    if (every > 0)
        (void)uv_timer_start(&m->timer, m->timer.timer_cb, (uint64_t)every, (uint64_t)every);
    mosquitto_log_callback_set(m->mosq, NULL); /* it costs an allocation a packet, asked for or not */
    mqtt_filters_connected(m, (flags & 1) != 0);
    m->inside++;
    if (m->ops.connected != NULL)
        m->ops.connected(m->ctx, (flags & 1) != 0);
    look_at_expiry(m, props);
    m->inside--;
}

static void on_disconnect(struct mosquitto *mosq, void *ctx, int code, const mosquitto_property *props) {
    struct mqtt *m = ctx;

    (void)mosq;
    (void)props;
    m->lost = code;
}

static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *msg, const mosquitto_property *props) {
    struct mqtt *m = ctx;
    struct mqtt_message out = {
        .mid = msg->qos > 0 ? (uint16_t)msg->mid : 0,
        .topic = msg->topic,
        .payload = msg->payloadlen > 0 ? msg->payload : "",
        .len = (size_t)msg->payloadlen,
        .qos = msg->qos,
        .retained = msg->retain,
    };

    (void)mosq;
    (void)props;
    m->progress++;
    m->count++;
    m->bytes_in += strlen(msg->topic) + out.len;
    m->inside++;
    if (m->ops.message != NULL)
        m->ops.message(m->ctx, &out);
    m->inside--;
}

static void on_publish(struct mosquitto *mosq, void *ctx, int mid, int code, const mosquitto_property *props) {
    struct mqtt *m = ctx;

    (void)mosq;
    (void)props;
    m->progress++;
    m->inside++;
    if (m->ops.published != NULL)
        m->ops.published(m->ctx, mid, code >= 128 ? NOT_TAKEN : code == MQTT_RC_NO_MATCHING_SUBSCRIBERS ? TAKEN_FOR_NOBODY : TAKEN);
    m->inside--;
}

static void on_subscribe(struct mosquitto *mosq, void *ctx, int mid, int n, const int *granted, const mosquitto_property *props) {
    struct mqtt *m = ctx;

    (void)mosq;
    (void)props;
    m->progress++;
    mqtt_filters_answer(m, mid, true, n > 0 && granted[0] >= 0 && granted[0] <= 2 ? granted[0] : -1);
}

static void on_unsubscribe(struct mosquitto *mosq, void *ctx, int mid, const mosquitto_property *props) {
    struct mqtt *m = ctx;

    (void)mosq;
    (void)props;
    m->progress++;
    mqtt_filters_answer(m, mid, false, 0);
}

/* Only while connecting: the errors are where libmosquitto says why TLS did not come about. */
static void on_log(struct mosquitto *mosq, void *ctx, int level, const char *text) {
    struct mqtt *m = ctx;

    (void)mosq;
    if (level != MOSQ_LOG_ERR || text == NULL)
        return;
    /* "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed" -> the last part; a sentence of libmosquitto's own is kept before it. */
    const char *ssl = strncmp(text, "OpenSSL Error", 13) == 0 ? strrchr(text, ':') : NULL;
    const char *say = ssl != NULL ? ssl + 1 : strncmp(text, "Error: ", 7) == 0 ? text + 7 : text;
    size_t used = strlen(m->detail);

    (void)snprintf(m->detail + used, sizeof(m->detail) - used, "%s%s", used > 0 ? "; " : "", say);
}

/* -- making one --------------------------------------------------------------------------------------------------------------------------- */

static int set_login(struct mqtt *m, struct err *err) {
    const struct config_mqtt *c = m->conf.broker;
    struct buf password;
    int rc;

    if (c->user == NULL && c->password_file == NULL)
        return 0;
    if (c->password_file == NULL) {
        rc = mosquitto_username_pw_set(m->mosq, c->user, NULL);
    } else {
        int failed = secret_read(c->password_file, &password, err);

        if (failed < 0)
            return err_prefix(err, "password");
        rc = mosquitto_username_pw_set(m->mosq, c->user != NULL ? c->user : "", password.data);
        secret_done(&password);
    }
    return rc == MOSQ_ERR_SUCCESS ? 0 : err_set(err, GF_EINVAL, "user and password: %s", mosquitto_strerror(rc));
}

/* CONNECT's properties can be given only to libmosquitto's blocking connect. That one copies them before it looks at the host, so a call without a host leaves them where the
 * connect that does not block will find them; tests/unit/mqtt checks that the broker got them. */
static int set_properties(struct mqtt *m, struct err *err) {
    mosquitto_property *props = NULL;
    uint32_t expiry = session_expiry(m);
    int rc = mosquitto_property_add_int32(&props, MQTT_PROP_MAXIMUM_PACKET_SIZE, MQTT_MAX_PACKET);

    if (rc == MOSQ_ERR_SUCCESS && expiry > 0)
        rc = mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, expiry);
    if (rc == MOSQ_ERR_SUCCESS) {
        rc = mosquitto_connect_bind_v5(m->mosq, NULL, 0, 0, NULL, props);
        rc = rc == MOSQ_ERR_INVAL ? MOSQ_ERR_SUCCESS : rc;
    }
    mosquitto_property_free_all(&props);
    return rc == MOSQ_ERR_SUCCESS ? 0 : err_set(err, GF_ENOMEM, "properties of CONNECT: %s", mosquitto_strerror(rc));
}

static int set_options(struct mqtt *m, struct err *err) {
    const struct config_mqtt *c = m->conf.broker;
    int max = c->receive_maximum < 1 ? 20 : c->receive_maximum > 65535 ? 65535 : c->receive_maximum;
    int rc = mosquitto_int_option(m->mosq, MOSQ_OPT_PROTOCOL_VERSION, m->protocol == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);

    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_threaded_set(m->mosq, true); /* see deferred.c */
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(m->mosq, MOSQ_OPT_RECEIVE_MAXIMUM, max);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(m->mosq, MOSQ_OPT_SEND_MAXIMUM, 100);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(m->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS && m->conf.will_topic != NULL) {
        const char *payload = m->conf.will_payload != NULL ? m->conf.will_payload : "";

        rc = mosquitto_will_set(m->mosq, m->conf.will_topic, (int)strlen(payload), payload, 1, true);
    }
    return rc == MOSQ_ERR_SUCCESS ? 0 : err_set(err, GF_EINVAL, "options of the MQTT client: %s", mosquitto_strerror(rc));
}

int mqtt_client_new(struct mqtt *m, struct err *err) {
    const char *id = m->conf.broker->client_id;

    m->mosq = mosquitto_new(id, id == NULL || m->conf.clean, m);
    if (m->mosq == NULL)
        return err_set(err, GF_ENOMEM, "MQTT client: %s", err_text(GF_ENOMEM));
    m->files = mqtt_files_print(m); /* before they are read: what changes meanwhile is seen later */
    m->told.why[0] = '\0';
    m->told.asked = false;
    int rc = set_options(m, err);

    if (rc == 0)
        rc = set_login(m, err);
    if (rc == 0 && m->conf.broker->tls.on)
        rc = mqtt_tls(m, err);
    if (rc == 0 && m->protocol == 5)
        rc = set_properties(m, err);
    if (rc < 0) {
        mosquitto_destroy(m->mosq);
        m->mosq = NULL;
        return rc;
    }
    mosquitto_connect_v5_callback_set(m->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(m->mosq, on_disconnect);
    mosquitto_message_v5_callback_set(m->mosq, on_message);
    mosquitto_publish_v5_callback_set(m->mosq, on_publish);
    mosquitto_subscribe_v5_callback_set(m->mosq, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(m->mosq, on_unsubscribe);
    mosquitto_log_callback_set(m->mosq, on_log);
    m->detail[0] = '\0';
    return 0;
}
