/* SPDX-License-Identifier: Apache-2.0
 * Reading in batches, and the deferred acknowledgement.
 *
 * What was measured on libmosquitto 2.0.11 (Debian 12) and is relied on here: after mosquitto_threaded_set(true), used from one thread, mosquitto_loop_read only queues what it has to answer,
 * and nothing leaves before mosquitto_loop_write. So a batch is read, ops.batch makes it durable, and only then is anything written: of 50,000 messages over ten kills none was lost, against
 * 431 when the acknowledgement was written first. In that mode everything else waits for the same write: a PINGREQ stands behind the acknowledgements, so a batch is held for far less than the
 * keepalive, or the connection goes.
 *  - mosquitto_loop_read takes one packet a call: it is called until the callbacks stand still. Its errno says nothing: libmosquitto's inner socket pair fills up and sets EAGAIN there.
 *  - With TLS a packet without a callback (PINGRESP) may stand before others that are already inside OpenSSL, where poll does not see them: so two calls in a row must bring nothing.
 *  - The broker may send more than RECEIVE_MAXIMUM; a reading that ends at a limit goes on in the next turn of the loop.
 * Several readings may stand behind one commit (ACKS_LATER): then nothing at all is written until mqtt_release, which comes long before the keepalive.
 * The coalescing wait: after the first sign of data the poll is stopped for a little, so that a commit has company. Not when the last batch was a large one and the next sign came at once: then the
 * sender waits for us. */
#include "gengfu/base/fault.h"
#include "mqtt_int.h"

/* On the next turn of the loop. */
void mqtt_soon(struct mqtt *m) { (void)uv_timer_start(&m->pause, m->pause.timer_cb, 0, 0); }

static void write_acks(struct mqtt *m) {
    char why[512];
    bool failed = fault_point("mqtt.before_ack");
    int rc = failed ? MOSQ_ERR_CONN_LOST : mosquitto_loop_write(m->mosq, 1);

    m->released = uv_hrtime();
    if (rc != MOSQ_ERR_SUCCESS || mqtt_gone(m)) {
        mqtt_say_lost(m, rc, why, sizeof(why));
        mqtt_down(m, why);
    }
}

/* The messages of one reading are with the owner. rc is what the last mosquitto_loop_read said. */
void mqtt_batch_end(struct mqtt *m, int rc) {
    char why[512];
    bool lost = rc != MOSQ_ERR_SUCCESS || mqtt_gone(m);
    int count = m->count;

    if (lost)
        mqtt_say_lost(m, rc, why, sizeof(why)); /* before errno is another's */
    m->last_count = count;
    if (count > 0 && m->conf.deferred && m->ops.batch != NULL) {
        m->inside++;
        m->in_batch = true;
        enum mqtt_acks acks = m->ops.batch(m->ctx);

        m->in_batch = false;
        m->inside--;
        m->held = acks == ACKS_HOLD && !m->release; /* released from within the callback */
        m->owed = acks == ACKS_LATER && !m->release;
    }
    m->release = false;
    m->count = 0;
    if (lost) {
        mqtt_down(m, why);
        return;
    }
    if (count > 0 && !m->held && !m->owed)
        write_acks(m);
    if (m->state != MQTT_UP)
        return;
    if (m->more && !m->held)
        mqtt_soon(m);
    mqtt_listen(m);
}

void mqtt_read(struct mqtt *m) {
    uint64_t end = uv_hrtime() + MQTT_READ_SPAN_NS;
    int still = 0, rc = MOSQ_ERR_SUCCESS;

    m->waiting = m->more = false;
    m->count = 0;
    for (unsigned int round = 1; still < (m->conf.broker->tls.on ? 2 : 1); round++) {
        uint64_t before = m->progress;

        rc = mosquitto_loop_read(m->mosq, 1);
        if (rc != MOSQ_ERR_SUCCESS || mqtt_gone(m))
            break;
        still = m->progress == before ? still + 1 : 0;
        if ((m->conf.batch_max > 0 && m->count >= m->conf.batch_max) || (round % 32 == 0 && uv_hrtime() > end)) {
            m->more = true;
            break;
        }
    }
    mqtt_batch_end(m, rc);
}

/* The poll says that there is something. */
void mqtt_readable(struct mqtt *m) {
    bool flood = m->last_count >= MQTT_BUSY_BATCH && uv_hrtime() - m->released < UINT64_C(1000000);

    if (m->waiting || m->more || m->held || m->release)
        return;
    if (!m->conf.deferred || m->conf.coalesce <= 0 || flood) {
        mqtt_read(m);
        return;
    }
    m->waiting = true;
    (void)uv_timer_start(&m->pause, m->pause.timer_cb, (uint64_t)m->conf.coalesce, 0);
    mqtt_listen(m);
}

void mqtt_on_pause(uv_timer_t *t) {
    struct mqtt *m = t->data;

    m->inside++;
    if (m->release) {
        m->release = m->held = m->owed = false;
        if (m->state == MQTT_UP) {
            write_acks(m);
            if (m->state == MQTT_UP && (m->more || m->waiting))
                mqtt_soon(m);
            mqtt_listen(m);
        } else if (m->state == MQTT_WAITING && !uv_is_active((uv_handle_t *)&m->timer)) {
            mqtt_begin(m, 0); /* the backoff is over, and it was this that kept us away */
        }
    } else if (m->state == MQTT_UP && !m->held && (m->waiting || m->more)) {
        if (m->conf.deferred && !m->owed && mosquitto_want_write(m->mosq)) { /* acknowledgements of an earlier batch first */
            (void)uv_timer_start(&m->pause, m->pause.timer_cb, 1, 0);
            mqtt_listen(m);
        } else {
            mqtt_read(m);
        }
    }
    m->inside--;
    mqtt_settle(m);
}

void mqtt_hurry(struct mqtt *m) {
    if (m->state == MQTT_UP && m->waiting)
        mqtt_soon(m);
}

void mqtt_release(struct mqtt *m) {
    if (m->state == MQTT_STOPPING || m->state == MQTT_CLOSED || (!m->held && !m->owed && !m->in_batch))
        return;
    m->release = true;
    if (!m->in_batch)
        mqtt_soon(m);
}

void mqtt_hold(struct mqtt *m) {
    m->held = m->held || m->owed;
    m->owed = false;
    mqtt_listen(m);
}
