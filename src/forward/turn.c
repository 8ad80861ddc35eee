/* SPDX-License-Identifier: Apache-2.0
 * What one turn of the loop brought is written in one transaction; then each sender that has room is given what the outbox holds for it. Between turns nothing runs: a sender that has
 * something to wait for has a timer, one that has nothing has none. */
#include <stdio.h>
#include <string.h>

#include "forward_int.h"
#include "gengfu/base/fault.h"
#include "gengfu/base/log.h"

static void tell_damage(struct forward *f, int rc, struct err *err) {
    if (rc == GF_ECORRUPT && f->ops.damaged != NULL)
        f->ops.damaged(f->ctx, err);
}

#define OUTCOMES_MAX 512 /* of one transaction; the rest follows in the next turn */

static size_t collect(struct forward *f, struct outbox_outcome *items, struct slot **slots) {
    size_t n = 0;

    for (size_t i = 0; i < f->nsenders; i++)
        for (size_t k = 0; k < f->senders[i].nslots && n < OUTCOMES_MAX - FORWARD_LATE_MAX; k++)
            if (f->senders[i].slots[k].state == SLOT_SETTLED) {
                slots[n] = &f->senders[i].slots[k];
                items[n] = slots[n]->outcome;
                n++;
            }
    return n;
}

/* False when the store did not take them: the slots stay as they are, and it is tried again. */
static bool write_outcomes(struct forward *f) {
    struct outbox_outcome items[OUTCOMES_MAX];
    struct slot *slots[OUTCOMES_MAX];
    struct err err = {0};
    size_t nslots = collect(f, items, slots), n = nslots;

    for (size_t i = 0; i < f->nlate; i++)
        items[n++] = (struct outbox_outcome){.platform = f->senders[f->late[i].sender].conf->name,
                                             .incident = f->late[i].incident,
                                             .revision = f->late[i].revision,
                                             .result = OUTBOX_CONFIRMED,
                                             .at = f->ops.wall(f->ctx),
                                             .late = true};
    if (n == 0)
        return true;
    int rc = fault_point("forward.before_confirm") ? err_set(&err, GF_EIO, "a fault on purpose")
                                                   : store_outbox_outcomes(f->store, items, n, &err);

    if (rc < 0) {
        tell_damage(f, rc, &err);
        if (!f->store_trouble)
            log_error("outbox: what the platforms confirmed cannot be written, trying on: %s", err.text);
        f->store_trouble = true;
        return false;
    }
    if (f->store_trouble)
        log_notice("outbox: can be written again");
    f->store_trouble = false;
    for (size_t i = 0; i < nslots; i++)
        slots[i]->state = SLOT_FREE;
    f->nlate = 0;
    if (nslots >= OUTCOMES_MAX - FORWARD_LATE_MAX)
        forward_turn(f); /* there may be more */
    return true;
}

/* -- sending --------------------------------------------------------------------------------------------------------------------------------- */

static struct slot *free_slot(struct sender *s, bool express) {
    for (size_t i = 0; i < s->nslots; i++)
        if (s->slots[i].state == SLOT_FREE && s->slots[i].express == express)
            return &s->slots[i];
    return NULL;
}

static void send_row(struct sender *s, struct slot *slot, const struct outbox_row *row, int64_t wall) {
    struct buf b;

    slot->state = SLOT_FLYING;
    (void)snprintf(slot->incident, sizeof(slot->incident), "%s", row->incident);
    slot->revision = row->revision;
    slot->attempts = row->attempts;
    slot->severity = row->severity;
    slot->own = NULL;
    slot->mid = 0;
    slot->deadline = 0;
    s->stats.in_flight++;
    buf_init(&b, row->len * 2 + 65536);
    forward_envelope(&b, s->f->conf->id, row,
                     (wall - row->queued > FORWARD_REPLAYED ? ENVELOPE_REPLAYED : 0u) | (s->conf->public_only ? ENVELOPE_PUBLIC : 0u));
    if (b.failed) {
        sender_result(s, slot, RESULT_RETRY, err_text(GF_ENOMEM), -1);
    } else if (fault_point("forward.before_send")) {
        sender_result(s, slot, RESULT_RETRY, "a fault on purpose", -1);
    } else {
        s->stats.sent++;
        s->ops->send(s, slot, &b);
        (void)fault_point("forward.after_send");
    }
    buf_done(&b);
}

/* How many ordinary messages may be added now. A platform in trouble is tried with one message, not with all. */
static size_t room(const struct sender *s) {
    size_t max = s->failures > 0 ? 1 : s->nslots - 1, flying = 0;

    for (size_t i = 0; i < s->nslots; i++)
        flying += s->slots[i].state != SLOT_FREE && !s->slots[i].express;
    return flying < max ? max - flying : 0;
}

static void look_again(struct sender *s, uint64_t ms) { (void)uv_timer_start(&s->timer, sender_on_timer, ms > 0 ? ms : 1, 0); }

/* Nothing is ready now: when will it be? */
static void plan(struct sender *s, int64_t wall) {
    int64_t due = store_outbox_due(s->f->store, s->conf->name);

    if (due == INT64_MAX)
        return;
    /* What is "ready" but was not given is in flight, and may hide a later row; the wall clock may run faster than ours (tests), or be set: so never more than a second ahead. */
    int64_t wait = due <= wall ? 1000 : due - wall;

    look_again(s, wait > 1000 ? 1000 : (uint64_t)wait);
}

/* The clock was set back, while we run or between the last commit and our start: what is to be tried again at a time of the clock before must not wait until it is that time once more. */
static void follow_clock(struct sender *s, int64_t wall, uint64_t now) {
    struct err err = {0};

    if (s->wall == 0) {
        struct store_clock last;
        store_clock(s->f->store, &last);
        s->wall = last.wall == TIME_NONE ? wall : last.wall;
        s->wall_at = now;
    }
    bool back = wall < s->wall + (int64_t)(now - s->wall_at) - FORWARD_CLOCK_BACK;

    if (back && store_outbox_at_once(s->f->store, s->conf->name, &err) < 0) {
        log_warn("platform %s: the clock was set back: %s", s->conf->name, err.text);
        return; /* the next look tries again */
    }
    s->wall = wall;
    s->wall_at = now;
}

static void pump(struct sender *s) {
    struct forward *f = s->f;
    uint64_t now = uv_now(f->loop);
    struct outbox_row rows[64];
    const char *busy[CONFIG_MAX_PLATFORMS * 64];
    struct err err = {0};
    size_t nbusy = 0, ordinary = room(s), want;
    bool express = s->failures == 0 && free_slot(s, true) != NULL, sent = false;

    (void)uv_timer_stop(&s->timer);
    if (!s->link)
        return;
    int64_t wall = f->ops.wall(f->ctx);
    follow_clock(s, wall, now);
    if (now < s->hold) {
        look_again(s, s->hold - now);
        return;
    }
    want = ordinary + (express ? 1 : 0);
    if (want == 0)
        return; /* the next outcome brings us back */
    if (want > sizeof(rows) / sizeof(rows[0]))
        want = sizeof(rows) / sizeof(rows[0]);
    for (size_t i = 0; i < s->nslots && nbusy < sizeof(busy) / sizeof(busy[0]); i++)
        if (s->slots[i].state != SLOT_FREE)
            busy[nbusy++] = s->slots[i].incident;
    struct arena_mark mark = arena_mark(&f->arena);
    int n = store_outbox_next(f->store, s->conf->name, wall, busy, nbusy, want, &f->arena, rows, &err);

    if (n < 0) {
        tell_damage(f, n, &err);
        log_error("platform %s: the outbox cannot be read: %s", s->conf->name, err.text);
        look_again(s, FORWARD_TURN_RETRY);
    }
    for (int i = 0; i < n; i++) {
        struct slot *slot = ordinary > 0 ? free_slot(s, false) : rows[i].severity == SEVERITY_EXTREME ? free_slot(s, true) : NULL;

        if (slot == NULL || !s->link || uv_now(f->loop) < s->hold)
            break;
        if (!slot->express)
            ordinary--;
        send_row(s, slot, &rows[i], wall);
        sent = true;
    }
    if (sent && s->ops->flush != NULL)
        s->ops->flush(s);
    arena_rewind(&f->arena, mark);
    if (n >= 0 && (size_t)n < want && s->link)
        plan(s, wall);
}

void sender_on_timer(uv_timer_t *t) {
    struct sender *s = t->data;

    if (!s->f->stopping)
        pump(s);
}

void forward_on_turn(uv_timer_t *t) {
    struct forward *f = t->data;

    if (!write_outcomes(f)) {
        if (!f->stopping)
            (void)uv_timer_start(&f->turn, forward_on_turn, FORWARD_TURN_RETRY, 0);
        return;
    }
    for (size_t i = 0; i < f->nsenders && !f->stopping; i++)
        pump(&f->senders[i]);
}
