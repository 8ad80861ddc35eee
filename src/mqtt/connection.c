/* SPDX-License-Identifier: Apache-2.0
 * From a host's name to a session, and back: resolving, connecting, the handshakes, the loss, the backoff. Nothing here blocks.
 *
 * The name is resolved on the loop (uv_getaddrinfo) and every address is tried in turn; libmosquitto alone would block in getaddrinfo and give up after the first address. With TLS the name
 * is verified by our own context (tls.c), so it is given an address there, too.
 *
 * Traps of libmosquitto 2.0.11 that are stepped around here: with TLS, mosquitto_want_write is false while connect(2) is under way and may stay true through the whole handshake, so
 * neither is believed before the CONNACK; a peer that closes during the TLS handshake looks to it like one that is slow, for ever; the handshake goes on in mosquitto_loop_read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <mqtt_protocol.h>

#include "mqtt_int.h"

static void try_next(struct mqtt *m);

bool mqtt_gone(const struct mqtt *m) { return m->mosq == NULL || mosquitto_socket(m->mosq) < 0; }

/* -- the poll -------------------------------------------------------------------------------------------------------------------------------- */

static void on_poll_closed(uv_handle_t *h) {
    struct mqtt_poll *p = h->data;
    struct mqtt *m = p->m;

    free(p);
    m->open--;
    mqtt_settle(m);
}

/* Must be called before anything else can open a descriptor when libmosquitto has closed its own. */
static void poll_close(struct mqtt *m) {
    if (m->poll == NULL)
        return;
    uv_close((uv_handle_t *)&m->poll->handle, on_poll_closed);
    m->poll = NULL;
    m->events = 0;
}

static void on_poll(uv_poll_t *handle, int status, int events);

static int poll_open(struct mqtt *m) {
    struct mqtt_poll *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return UV_ENOMEM;
    int rc = uv_poll_init(m->loop, &p->handle, mosquitto_socket(m->mosq));

    if (rc < 0) {
        free(p);
        return rc;
    }
    p->m = m;
    p->handle.data = p;
    m->poll = p;
    m->open++;
    m->events = 0;
    return 0;
}

static int wanted_events(const struct mqtt *m) {
    bool writing = m->state == MQTT_CONNECTING ? m->tcp_pending || (!m->conf.broker->tls.on && mosquitto_want_write(m->mosq))
                                               : !m->held && !m->owed && mosquitto_want_write(m->mosq);

    if (m->state == MQTT_CONNECTING)
        return m->tcp_pending ? UV_WRITABLE : UV_READABLE | (writing ? UV_WRITABLE : 0);
    if (m->state == MQTT_STOPPING)
        return UV_WRITABLE;
    if (m->state != MQTT_UP)
        return 0;
    if (m->held)
        return UV_DISCONNECT;
    /* Acknowledgements that did not fit are written before anything more is read: else they would take along those of a batch that is not durable. */
    if (m->waiting || m->more || (m->conf.deferred && writing))
        return writing ? UV_WRITABLE : 0;
    return UV_READABLE | (writing ? UV_WRITABLE : 0);
}

void mqtt_listen(struct mqtt *m) {
    if (m->poll == NULL || m->mosq == NULL)
        return;
    int events = wanted_events(m);

    if (events == m->events)
        return;
    m->events = events;
    if (events == 0)
        (void)uv_poll_stop(&m->poll->handle);
    else
        (void)uv_poll_start(&m->poll->handle, events, on_poll);
}

/* -- the loss -------------------------------------------------------------------------------------------------------------------------------- */

void mqtt_drop(struct mqtt *m) {
    poll_close(m);
    if (m->mosq != NULL)
        mosquitto_destroy(m->mosq);
    m->mosq = NULL;
    m->held = (m->held || m->owed) && !m->release; /* what is not durable keeps us away: the broker will send it again */
    m->owed = false;
    (void)uv_timer_stop(&m->timer);
    (void)uv_timer_stop(&m->pause);
    m->waiting = m->more = m->release = false;
    m->count = 0;
    mqtt_filters_lost(m);
}

static void free_addresses(struct mqtt *m) {
    if (m->addresses != NULL)
        uv_freeaddrinfo(m->addresses);
    m->addresses = m->next_address = NULL;
}

void mqtt_begin(struct mqtt *m, int64_t delay) {
    m->state = MQTT_WAITING;
    (void)uv_timer_start(&m->timer, m->timer.timer_cb, (uint64_t)delay, 0);
}

/* The version for the next try: 3.1.1 once a broker has said that it does not speak 5. One that closes without a word may be only starting, so two such closings lead to a try of 3.1.1, and
 * two of those back. */
static void choose_version(struct mqtt *m, bool silent) {
    /* A 3.1.1 broker says so in a CONNACK of its own shape, which libmosquitto may also take for a broken packet. */
    bool refused = m->refused == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || m->refused == 1 ||
                   (m->state == MQTT_CONNECTING && !m->greeted && (m->lost == MOSQ_ERR_PROTOCOL || m->lost == MOSQ_ERR_MALFORMED_PACKET));

    if (m->conf.broker->protocol != 5)
        return;
    if (m->protocol == 5 && refused) {
        m->protocol = 4;
        m->failures = 0;
        return;
    }
    m->silent_closes = silent ? m->silent_closes + 1 : 0;
    if (m->silent_closes >= 2 && !m->v5_known) {
        m->protocol = m->protocol == 5 ? 4 : 5;
        m->silent_closes = 0;
    }
}

void mqtt_down(struct mqtt *m, const char *why) {
    bool was_up = m->state == MQTT_UP;
    bool silent = m->state == MQTT_CONNECTING && !m->greeted && !m->tcp_pending && m->lost == MOSQ_ERR_CONN_LOST;
    char sentence[512];

    (void)snprintf(sentence, sizeof(sentence), "%s", why); /* `why` may stand in what is about to be freed */
    if (m->state == MQTT_STOPPING || m->state == MQTT_CLOSED)
        return;
    /* A broker that takes us each time is no broker that is away: only so slow that two clients of one name do not chase each other. */
    if (was_up && uv_now(m->loop) - m->up_since >= (uint64_t)MQTT_STABLE)
        m->failures = 0;
    else if (was_up && m->failures > MQTT_FLAPPING)
        m->failures = MQTT_FLAPPING;
    choose_version(m, silent);
    mqtt_drop(m);
    free_addresses(m);
    m->failures++;
    int64_t delay = mqtt_backoff(&m->prng, m->failures);

    mqtt_begin(m, delay);
    m->inside++;
    if (m->ops.disconnected != NULL)
        m->ops.disconnected(m->ctx, sentence, delay);
    m->inside--;
}

/* Why TLS did not come about; false: nothing points to it. Our own verification knows best, then what libmosquitto has logged. An end that wants a certificate may hang up before its alert was read. */
static bool say_tls(const struct mqtt *m, char *out, size_t size) {
    const struct config_mqtt *c = m->conf.broker;
    bool asked = m->told.asked && m->state == MQTT_CONNECTING && !m->greeted;
    const char *why = m->told.why[0] != '\0'         ? m->told.why
                      : asked && c->tls.cert == NULL ? "it wants a certificate of ours (tls.cert and tls.key)"
                      : asked                        ? "it asked for our certificate (tls.cert) and hung up; it seems to refuse it"
                      : m->detail[0] != '\0'         ? tls_sentence(m->detail)
                                                     : NULL;

    if (why == NULL && m->detail[0] != '\0')
        why = m->detail;
    if (why != NULL)
        (void)snprintf(out, size, "TLS to %s:%d: %s", c->host, c->port, why);
    return why != NULL;
}

void mqtt_say_lost(const struct mqtt *m, int rc, char *out, size_t size) {
    int code = m->lost != 0 ? m->lost : rc;

    if (m->refused == 0 && say_tls(m, out, size))
        return;
    if (m->refused != 0) {
        const char *reason = m->protocol == 5 ? mosquitto_reason_string(m->refused) : mosquitto_connack_string(m->refused);

        (void)snprintf(out, size, "the broker refused the connection: %s", reason);
    } else if (code == MOSQ_ERR_ERRNO) {
        (void)snprintf(out, size, "the connection broke: %s", strerror(errno));
    } else if (code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_SUCCESS) {
        (void)snprintf(out, size, "the broker closed the connection%s", m->state == MQTT_CONNECTING ? " without an answer to CONNECT" : "");
    } else if (code == MOSQ_ERR_KEEPALIVE) {
        (void)snprintf(out, size, "the broker does not answer (keepalive)");
    } else if (m->state == MQTT_UP && code >= 128) {
        (void)snprintf(out, size, "the broker said goodbye: %s", mosquitto_reason_string(code));
    } else {
        (void)snprintf(out, size, "%s", mosquitto_strerror(code));
    }
}

/* -- connecting ------------------------------------------------------------------------------------------------------------------------------ */

/* This address did not do; another may. */
static void address_failed(struct mqtt *m, const char *why) {
    if (m->first_why[0] == '\0') /* the resolver puts the address that is likeliest to do first */
        (void)snprintf(m->first_why, sizeof(m->first_why), "%s", why);
    if (m->next_address == NULL || m->greeted) {
        mqtt_down(m, m->first_why);
        return;
    }
    mqtt_drop(m);
    try_next(m);
}

/* libuv tells of every error on a descriptor as "bad file descriptor"; the socket knows better. */
static int socket_error(const struct mqtt *m) {
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(mosquitto_socket(m->mosq), SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

static void poll_failed(struct mqtt *m, int status) {
    char why[512];

    /* The last that a TLS server sends before it hangs up is the alert that says why. It may have come to that before we have waited once. */
    if (m->state == MQTT_CONNECTING && (!m->tcp_pending || m->told.asked) && m->conf.broker->tls.on) {
        (void)mosquitto_loop_read(m->mosq, 1);
        if (say_tls(m, why, sizeof(why))) {
            address_failed(m, why);
            return;
        }
    }
    int error = mqtt_gone(m) ? ECONNRESET : socket_error(m);

    (void)snprintf(why, sizeof(why), "%s:%d: %s", m->conf.broker->host, m->conf.broker->port,
                   error != 0 ? strerror(error) : uv_strerror(status));
    if (m->state == MQTT_CONNECTING)
        address_failed(m, why);
    else if (m->state == MQTT_STOPPING)
        mqtt_drop(m);
    else
        mqtt_down(m, why);
}

static void handshake(struct mqtt *m) {
    char why[512];
    int rc;

    if (m->tcp_pending) {
        int error = socket_error(m);

        if (error != 0) {
            (void)snprintf(why, sizeof(why), "%s:%d: %s", m->conf.broker->host, m->conf.broker->port, strerror(error));
            address_failed(m, why);
            return;
        }
        m->tcp_pending = false;
    }
    rc = mosquitto_loop_read(m->mosq, 1);
    if (rc == MOSQ_ERR_SUCCESS && !mqtt_gone(m) && m->count == 0)
        rc = mosquitto_loop_write(m->mosq, 1); /* the CONNECT, once there is TLS */
    if (rc == MOSQ_ERR_SUCCESS && !mqtt_gone(m) && m->state == MQTT_CONNECTING && m->conf.broker->tls.on) {
        char byte;

        if (recv(mosquitto_socket(m->mosq), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
            address_failed(m, "the other end closed the connection during the TLS handshake; is it a TLS port?");
            return;
        }
    }
    m->more = m->state == MQTT_UP; /* with TLS, more may already be inside OpenSSL, where poll does not see it */
    if (m->count > 0) {
        mqtt_batch_end(m, rc); /* the first messages of a resumed session came with the CONNACK */
    } else if (rc != MOSQ_ERR_SUCCESS || mqtt_gone(m)) {
        mqtt_say_lost(m, rc, why, sizeof(why));
        mqtt_down(m, why);
    } else {
        if (m->more)
            mqtt_soon(m);
        mqtt_listen(m);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    struct mqtt_poll *p = handle->data;
    struct mqtt *m = p->m;
    char why[512];

    m->inside++;
    if (status < 0) {
        poll_failed(m, status);
    } else if (m->state == MQTT_CONNECTING) {
        handshake(m);
    } else if (m->state == MQTT_STOPPING) {
        (void)mosquitto_loop_write(m->mosq, 1);
        if (mqtt_gone(m) || !mosquitto_want_write(m->mosq))
            mqtt_drop(m);
    } else if (m->state == MQTT_UP && (events & UV_DISCONNECT) && m->held) {
        mqtt_down(m, "the broker closed the connection while acknowledgements were held back");
    } else if (m->state == MQTT_UP) {
        int rc = MOSQ_ERR_SUCCESS;

        if ((events & UV_WRITABLE) && !m->held && !m->owed)
            rc = mosquitto_loop_write(m->mosq, 1);
        if (rc != MOSQ_ERR_SUCCESS || mqtt_gone(m)) {
            mqtt_say_lost(m, rc, why, sizeof(why));
            mqtt_down(m, why);
        } else if (events & UV_READABLE) {
            mqtt_readable(m);
        } else {
            mqtt_listen(m);
        }
    }
    m->inside--;
    mqtt_settle(m);
}

static void connect_to(struct mqtt *m, const char *host) {
    struct err err = {0};
    char why[512];
    const struct config_mqtt *c = m->conf.broker;

    m->state = MQTT_CONNECTING;
    m->tcp_pending = true;
    m->greeted = false;
    m->refused = m->lost = 0;
    if (mqtt_client_new(m, &err) < 0) {
        mqtt_down(m, err.text);
        return;
    }
    errno = 0;
    int rc = mosquitto_connect_async(m->mosq, host, c->port, c->keepalive > 0 && c->keepalive < 5 ? 5 : c->keepalive);

    if (rc != MOSQ_ERR_SUCCESS && rc != MOSQ_ERR_CONN_PENDING) {
        if (rc == MOSQ_ERR_EAI)
            (void)snprintf(why, sizeof(why), "%s: %s", c->host, gai_strerror(errno));
        else if (rc == MOSQ_ERR_ERRNO)
            (void)snprintf(why, sizeof(why), "%s:%d: %s", c->host, c->port, strerror(errno));
        else if (!say_tls(m, why, sizeof(why)))
            (void)snprintf(why, sizeof(why), "%s:%d: %s", c->host, c->port, mosquitto_strerror(rc));
        address_failed(m, why);
        return;
    }
    rc = poll_open(m);
    if (rc < 0) {
        mqtt_down(m, uv_strerror(rc));
        return;
    }
    (void)uv_timer_start(&m->timer, m->timer.timer_cb, (uint64_t)MQTT_CONNECT_TIMEOUT, 0);
    mqtt_listen(m);
}

static void try_next(struct mqtt *m) {
    struct addrinfo *a = m->next_address;
    char numeric[NI_MAXHOST];

    m->next_address = a->ai_next;
    if (getnameinfo(a->ai_addr, a->ai_addrlen, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST) != 0) {
        address_failed(m, "an address that cannot be written as numbers");
    } else {
        connect_to(m, numeric);
    }
}

static void addresses_found(struct mqtt *m, struct addrinfo *all) {
    free_addresses(m);
    m->addresses = m->next_address = all;
    m->first_why[0] = '\0';
    try_next(m);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res) {
    struct mqtt *m = req->data;
    char why[512];

    m->resolving = false;
    m->open--;
    if (m->state != MQTT_RESOLVING) { /* stopped, or it took too long */
        uv_freeaddrinfo(res);
        mqtt_settle(m);
        return;
    }
    m->inside++;
    (void)uv_timer_stop(&m->timer);
    if (status < 0) {
        (void)snprintf(why, sizeof(why), "%s: %s", m->conf.broker->host, uv_strerror(status));
        mqtt_down(m, why);
    } else {
        addresses_found(m, res);
    }
    m->inside--;
    mqtt_settle(m);
}

/* Addresses that nobody has to be asked for: those that are written as one, and this machine's own. */
static bool is_known(const char *host, int port, struct addrinfo **ret) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_protocol = IPPROTO_TCP};
    char service[16];

    (void)snprintf(service, sizeof(service), "%d", port);
    return getaddrinfo(strcasecmp(host, "localhost") == 0 ? NULL : host, service, &hints, ret) == 0;
}

static void attempt(struct mqtt *m) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct addrinfo *known;

    /* While a batch waits to become durable nothing may be read, so a connection would be of no use; mqtt_release tries again. */
    if (m->held)
        return;
    if (m->resolving) { /* an earlier question that took too long is still out: it cannot be asked twice with one request */
        mqtt_begin(m, 1000);
        return;
    }
    m->state = MQTT_RESOLVING;
    /* No thread for those: with one every system call of the process costs more. */
    if (is_known(m->conf.broker->host, m->conf.broker->port, &known)) {
        addresses_found(m, known);
        return;
    }
    m->resolve.data = m;
    int rc = uv_getaddrinfo(m->loop, &m->resolve, on_resolved, m->conf.broker->host, NULL, &hints);

    if (rc < 0) {
        mqtt_down(m, uv_strerror(rc));
        return;
    }
    m->resolving = true;
    m->open++;
    (void)uv_timer_start(&m->timer, m->timer.timer_cb, (uint64_t)MQTT_CONNECT_TIMEOUT, 0);
}

static void on_timer(uv_timer_t *t) {
    struct mqtt *m = t->data;
    char why[512];

    m->inside++;
    if (m->state == MQTT_WAITING) {
        attempt(m);
    } else if (m->state == MQTT_RESOLVING) {
        (void)uv_cancel((uv_req_t *)&m->resolve);
        (void)snprintf(why, sizeof(why), "%s: the name could not be resolved in %d s", m->conf.broker->host,
                       (int)(MQTT_CONNECT_TIMEOUT / 1000));
        mqtt_down(m, why);
    } else if (m->state == MQTT_CONNECTING) {
        (void)snprintf(why, sizeof(why), "%s:%d: no answer in %d s", m->conf.broker->host, m->conf.broker->port,
                       (int)(MQTT_CONNECT_TIMEOUT / 1000));
        m->lost = 0;
        address_failed(m, why);
    } else if (m->state == MQTT_UP && !m->held) { /* held: a PINGREQ could not leave before the acknowledgements anyway */
        if (mqtt_renew(m)) {
            m->inside--;
            mqtt_settle(m);
            return;
        }
        int rc = mosquitto_loop_misc(m->mosq);

        if (rc != MOSQ_ERR_SUCCESS || mqtt_gone(m)) {
            mqtt_say_lost(m, rc, why, sizeof(why));
            mqtt_down(m, why);
        } else {
            mqtt_listen(m);
        }
    } else if (m->state == MQTT_STOPPING) {
        mqtt_drop(m);
    }
    m->inside--;
    mqtt_settle(m);
}

static void open_timers(struct mqtt *m) {
    (void)uv_timer_init(m->loop, &m->timer); /* these two cannot fail */
    (void)uv_timer_init(m->loop, &m->pause);
    m->timer.data = m->pause.data = m;
    m->timer.timer_cb = on_timer;
    m->pause.timer_cb = mqtt_on_pause;
    m->open = 2;
}

int mqtt_start(struct mqtt *m, struct err *err) {
    if (m->state != MQTT_IDLE)
        return err_set(err, GF_ESTATE, "the MQTT client has been started already");
    open_timers(m);
    mqtt_begin(m, 0);
    return 0;
}

/* -- stopping -------------------------------------------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *h) {
    struct mqtt *m = h->data;

    m->open--;
    mqtt_settle(m);
}

static void stop_now(struct mqtt *m) {
    bool durable = m->release || (!m->held && !m->owed);
    bool polite = m->state == MQTT_UP && durable && m->count == 0;

    m->stop_wanted = false;
    m->state = MQTT_STOPPING;
    (void)uv_timer_stop(&m->timer);
    (void)uv_timer_stop(&m->pause);
    if (m->resolving)
        (void)uv_cancel((uv_req_t *)&m->resolve);
    if (polite && mosquitto_disconnect(m->mosq) == MOSQ_ERR_SUCCESS && mosquitto_loop_write(m->mosq, 1) == MOSQ_ERR_SUCCESS &&
        !mqtt_gone(m)) {
        (void)uv_timer_start(&m->timer, m->timer.timer_cb, (uint64_t)MQTT_GOODBYE, 0);
        mqtt_listen(m);
        return;
    }
    mqtt_drop(m);
}

void mqtt_settle(struct mqtt *m) {
    if (m->inside > 0 || m->state == MQTT_IDLE || m->state == MQTT_CLOSED)
        return;
    if (m->stop_wanted)
        stop_now(m);
    if (m->state != MQTT_STOPPING || m->mosq != NULL)
        return;
    if (!uv_is_closing((uv_handle_t *)&m->timer)) {
        uv_close((uv_handle_t *)&m->timer, on_timer_closed);
        uv_close((uv_handle_t *)&m->pause, on_timer_closed);
    }
    if (m->open > 0)
        return;
    m->state = MQTT_CLOSED;
    free_addresses(m);
    if (m->ops.closed != NULL)
        m->ops.closed(m->ctx); /* which may free m */
}

void mqtt_stop(struct mqtt *m) {
    if (m->state == MQTT_STOPPING || m->state == MQTT_CLOSED || m->stop_wanted)
        return;
    if (m->state == MQTT_IDLE) {
        open_timers(m); /* `closed` comes from the loop, so there must be something to close */
        m->state = MQTT_WAITING;
    }
    m->stop_wanted = true;
    mqtt_settle(m);
}
