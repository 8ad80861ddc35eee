/* SPDX-License-Identifier: Apache-2.0
 * The filters that are wanted, what the broker's session knows of them, and the SUBSCRIBE and UNSUBSCRIBE packets that bring the two together.
 *
 *   NEW ─SUBSCRIBE─► SENT ─SUBACK─► HELD        (a lost link: SENT becomes NEW; a lost session: HELD becomes NEW)
 *                       └─SUBACK─► LESS, REFUSED  (a lost link: NEW, for the broker's settings may be others by now)
 *     GONE ─UNSUBSCRIBE─► LEFT ─UNSUBACK─► forgotten   (a lost link: LEFT becomes GONE; a lost session: forgotten) */
#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "mqtt_int.h"

static struct mqtt_filter *find(struct mqtt *m, const char *filter) {
    for (size_t i = 0; i < m->nfilters; i++)
        if (strcmp(m->filters[i].filter, filter) == 0)
            return &m->filters[i];
    return NULL;
}

static void forget(struct mqtt *m, struct mqtt_filter *f) {
    free(f->filter);
    *f = m->filters[--m->nfilters];
}

static int check(const char *filter, struct err *err) {
    size_t len = strlen(filter);

    if (len == 0 || len > MQTT_MAX_TOPIC)
        return err_set(err, GF_EINVAL, "a topic filter has 1 to %d bytes, not %zu", MQTT_MAX_TOPIC, len);
    if (mosquitto_sub_topic_check(filter) != MOSQ_ERR_SUCCESS || mosquitto_validate_utf8(filter, (int)len) != MOSQ_ERR_SUCCESS)
        return err_set(err, GF_EINVAL, "'%s' is not a topic filter: '+' stands for a whole level, '#' for all that follow, at the end",
                       filter);
    return 0;
}

static int add(struct mqtt *m, const char *filter, int qos, enum mqtt_filter_state state, struct err *err) {
    if (m->nfilters >= MQTT_MAX_FILTERS)
        return err_set(err, GF_ELIMIT, "more than %d topic filters", MQTT_MAX_FILTERS);
    if (m->nfilters == m->cap_filters) {
        size_t cap = m->cap_filters > 0 ? m->cap_filters * 2 : 16;
        struct mqtt_filter *grown = realloc(m->filters, cap * sizeof(*grown));

        if (grown == NULL)
            return err_set(err, GF_ENOMEM, "topic filter '%s': %s", filter, err_text(GF_ENOMEM));
        m->filters = grown;
        m->cap_filters = cap;
    }
    char *copy = strdup(filter);

    if (copy == NULL)
        return err_set(err, GF_ENOMEM, "topic filter '%s': %s", filter, err_text(GF_ENOMEM));
    m->filters[m->nfilters++] = (struct mqtt_filter){.filter = copy, .qos = qos, .state = state};
    return 0;
}

int mqtt_subscribe(struct mqtt *m, const char *filter, int qos, struct err *err) {
    if (qos < 0 || qos > 2)
        return err_set(err, GF_EINVAL, "quality of service is 0, 1 or 2, not %d", qos);
    int rc = check(filter, err);

    if (rc < 0)
        return rc;
    struct mqtt_filter *f = find(m, filter);

    if (f == NULL)
        rc = add(m, filter, qos, FILTER_NEW, err);
    else if (f->state == FILTER_GONE || f->state == FILTER_LEFT || f->qos != qos) {
        f->qos = qos;
        f->state = FILTER_NEW;
    }
    if (rc == 0)
        mqtt_filters_send(m);
    return rc;
}

int mqtt_unsubscribe(struct mqtt *m, const char *filter, struct err *err) {
    int rc = check(filter, err);

    if (rc < 0)
        return rc;
    struct mqtt_filter *f = find(m, filter);

    /* A filter that we never subscribed to may still stand in the broker's session, from an earlier run. */
    if (f == NULL)
        rc = add(m, filter, 0, FILTER_GONE, err);
    else if (f->state != FILTER_LEFT)
        f->state = FILTER_GONE;
    if (rc == 0)
        mqtt_filters_send(m);
    return rc;
}

/* Queues what is still to be said; a packet that libmosquitto refuses for want of memory is tried again with the next call. */
void mqtt_filters_send(struct mqtt *m) {
    if (m->state != MQTT_UP)
        return;
    for (size_t i = 0; i < m->nfilters; i++) {
        struct mqtt_filter *f = &m->filters[i];

        if (f->state == FILTER_NEW) {
            /* On a session that has the filter already, retained messages would come again with each start. */
            int options = m->protocol == 5 ? MQTT_SUB_OPT_SEND_RETAIN_NEW : 0;

            if (mosquitto_subscribe_v5(m->mosq, &f->mid, f->filter, f->qos, options, NULL) == MOSQ_ERR_SUCCESS)
                f->state = FILTER_SENT;
        } else if (f->state == FILTER_GONE) {
            if (mosquitto_unsubscribe(m->mosq, &f->mid, f->filter) == MOSQ_ERR_SUCCESS)
                f->state = FILTER_LEFT;
        }
    }
    mqtt_listen(m);
}

/* Told once nothing is left to be said or answered. */
static void tell_settled(struct mqtt *m) {
    for (size_t i = 0; i < m->nfilters; i++)
        if (m->filters[i].state != FILTER_HELD && m->filters[i].state != FILTER_LESS && m->filters[i].state != FILTER_REFUSED)
            return;
    m->inside++;
    if (m->ops.settled != NULL)
        m->ops.settled(m->ctx);
    m->inside--;
}

void mqtt_filters_connected(struct mqtt *m, bool session_present) {
    for (size_t i = m->nfilters; i-- > 0;) {
        struct mqtt_filter *f = &m->filters[i];

        if (!session_present && f->state == FILTER_GONE)
            forget(m, f);
        else if (!session_present && f->state == FILTER_HELD)
            f->state = FILTER_NEW;
    }
    mqtt_filters_send(m);
}

void mqtt_filters_lost(struct mqtt *m) {
    for (size_t i = 0; i < m->nfilters; i++) {
        struct mqtt_filter *f = &m->filters[i];

        if (f->state == FILTER_SENT || f->state == FILTER_LESS || f->state == FILTER_REFUSED)
            f->state = FILTER_NEW;
        else if (f->state == FILTER_LEFT)
            f->state = FILTER_GONE;
    }
}

size_t mqtt_filters_amiss(const struct mqtt *m, bool less, const char **ret_first) {
    size_t n = 0;

    *ret_first = NULL;
    for (size_t i = 0; i < m->nfilters; i++)
        if (m->filters[i].state == (less ? FILTER_LESS : FILTER_REFUSED) && n++ == 0)
            *ret_first = m->filters[i].filter;
    return n;
}

void mqtt_ask_again(struct mqtt *m) {
    for (size_t i = 0; i < m->nfilters; i++)
        if (m->filters[i].state == FILTER_LESS || m->filters[i].state == FILTER_REFUSED)
            m->filters[i].state = FILTER_NEW;
    mqtt_filters_send(m);
}

void mqtt_filters_answer(struct mqtt *m, int mid, bool subscribed, int granted) {
    for (size_t i = 0; i < m->nfilters; i++) {
        struct mqtt_filter *f = &m->filters[i];

        if (f->mid != mid || f->state != (subscribed ? FILTER_SENT : FILTER_LEFT))
            continue;
        if (!subscribed) {
            forget(m, f);
            tell_settled(m);
            return;
        }
        f->state = granted < 0 ? FILTER_REFUSED : granted < f->qos ? FILTER_LESS : FILTER_HELD;
        m->inside++;
        if (m->ops.subscribed != NULL)
            m->ops.subscribed(m->ctx, f->filter, granted);
        m->inside--;
        tell_settled(m);
        return;
    }
}

void mqtt_filters_done(struct mqtt *m) {
    for (size_t i = 0; i < m->nfilters; i++)
        free(m->filters[i].filter);
    free(m->filters);
    m->filters = NULL;
    m->nfilters = m->cap_filters = 0;
}
