/* SPDX-License-Identifier: Apache-2.0
 * The way out: a queue in memory, handed to the broker as far as the link is up and the window of unacknowledged messages has room. Nothing is dropped:
 * a broker that stays away too long ends the run. Leans on mqtt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_int.h"

void sim_put(struct sim *s, bool retain, const char *topic, const void *payload, size_t len, uint64_t number) {
    if (s->waiting >= SIM_MAX_WAITING) {
        sim_fail(s, GF_EFULL, "%zu messages wait for the broker and it takes none", s->waiting);
        return;
    }
    struct sim_message *m = malloc(sizeof(*m) + len);

    if (!m) {
        sim_fail(s, GF_ENOMEM, "out of memory");
        return;
    }
    m->next = NULL;
    m->len = len;
    m->number = number;
    m->order = ++s->orders;
    m->retain = retain;
    (void)snprintf(m->topic, sizeof(m->topic), "%s", topic);
    if (len > 0)
        memcpy(m->payload, payload, len);
    if (s->last)
        s->last->next = m;
    else
        s->first = m;
    s->last = m;
    s->waiting++;
}

static void send_text(struct sim *s, bool retain, const char *topic, const char *fmt, va_list ap) GF_PRINTF(4, 0);
static void send_text(struct sim *s, bool retain, const char *topic, const char *fmt, va_list ap) {
    buf_clear(&s->text);
    buf_vprintf(&s->text, fmt, ap);
    if (s->text.failed) {
        sim_fail(s, GF_ENOMEM, "out of memory");
        return;
    }
    sim_put(s, retain, topic, s->text.data, s->text.len, 0);
    if (!retain && (s->conf->faults & SIM_FAULT_REPEAT) && sim_random(&s->random) % 10 == 0)
        sim_put(s, retain, topic, s->text.data, s->text.len, 0);
}

void sim_send(struct sim *s, const char *topic, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    send_text(s, false, topic, fmt, ap);
    va_end(ap);
}

void sim_retain(struct sim *s, const char *topic, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    send_text(s, true, topic, fmt, ap);
    va_end(ap);
}

/* Out of the queue; whose it is now is the caller's business. */
static struct sim_message *take_first(struct sim *s) {
    struct sim_message *m = s->first;

    s->first = m->next;
    if (!s->first)
        s->last = NULL;
    s->waiting--;
    m->next = NULL;
    return m;
}

static bool have_table(struct sim *s) {
    if (!s->flying && s->conf->qos > 0)
        s->flying = calloc(SIM_MIDS, sizeof(*s->flying));
    return s->flying || s->conf->qos == 0;
}

void sim_flush(struct sim *s) {
    while (s->first && s->up && !s->ended && (s->conf->qos == 0 || s->outstanding < SIM_WINDOW)) {
        struct sim_message *m = s->first;
        struct err err = {0};
        int mid = 0;

        if (!have_table(s)) {
            sim_fail(s, GF_ENOMEM, "out of memory");
            return;
        }
        int rc = mqtt_publish(s->mqtt, m->topic, m->payload, m->len, s->conf->qos, m->retain, &mid, &err);

        if (rc == GF_EUNAVAIL) {
            s->up = false; /* `disconnected` follows; the message stays first */
            return;
        }
        if (rc < 0) {
            sim_fail(s, rc, "publish to %s: %s", m->topic, err.text);
            return;
        }
        s->published++;
        m = take_first(s);
        if (s->conf->qos > 0 && mid > 0 && mid < SIM_MIDS && !s->flying[mid]) {
            s->flying[mid] = m;
            s->outstanding++;
        } else {
            free(m);
        }
    }
}

void sim_published(void *ctx, int mid, enum mqtt_taken taken) {
    struct sim *s = ctx;

    if (!s->flying || mid <= 0 || mid >= SIM_MIDS || !s->flying[mid])
        return;
    struct sim_message *m = s->flying[mid];

    s->flying[mid] = NULL;
    s->outstanding--;
    if (taken == NOT_TAKEN) {
        sim_fail(s, GF_EDENIED, "the broker refused a message to %s; may this user publish there?", m->topic);
    } else {
        s->confirmed++;
        if (s->ledger && m->number > 0)
            (void)fprintf(s->ledger, "%llu %s\n", (unsigned long long)m->number, m->topic);
    }
    free(m);
    sim_flush(s);
}

static int by_order(const void *a, const void *b) {
    uint64_t x = (*(struct sim_message *const *)a)->order, y = (*(struct sim_message *const *)b)->order;

    return x < y ? -1 : x > y;
}

void sim_link_lost(struct sim *s) {
    size_t n = 0;

    if (!s->flying || s->outstanding == 0)
        return;
    /* Packed at the table's beginning, put in order, and from the newest on in front of what waits. */
    for (size_t i = 0; i < SIM_MIDS; i++) {
        struct sim_message *m = s->flying[i];

        s->flying[i] = NULL;
        if (m)
            s->flying[n++] = m;
    }
    qsort(s->flying, n, sizeof(*s->flying), by_order);
    while (n > 0) {
        struct sim_message *m = s->flying[--n];

        s->flying[n] = NULL;
        m->next = s->first;
        s->first = m;
        if (!s->last)
            s->last = m;
        s->waiting++;
    }
    s->outstanding = 0;
}

void sim_out_done(struct sim *s) {
    sim_link_lost(s);
    while (s->first)
        free(take_first(s));
    free(s->flying);
    s->flying = NULL;
}
