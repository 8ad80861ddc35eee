/* SPDX-License-Identifier: Apache-2.0
 * Forward as a whole: its senders' life, and what the daemon asks of it.
 *
 * new makes everything and starts nothing; start sets the senders going; stop ends them (what is in flight stays in the outbox), writes what is known, and `closed` comes when the last handle is
 * gone. */
#include <stdlib.h>
#include <string.h>

#include "forward_int.h"
#include "gengfu/base/log.h"

#define FORWARD_ARENA (64 << 20)

static const struct sender_ops *ops_of(enum platform_type type) {
    switch (type) {
    case PLATFORM_MQTT: return &mqtt_platform;
    case PLATFORM_HTTPS: return &https_platform;
    case PLATFORM_FILE: return &file_platform;
    }
    return NULL;
}

static const char *type_name(enum platform_type type) {
    switch (type) {
    case PLATFORM_MQTT: return "mqtt";
    case PLATFORM_HTTPS: return "https";
    case PLATFORM_FILE: return "file";
    }
    return "?";
}

static int sender_init(struct forward *f, size_t i, struct err *err) {
    struct sender *s = &f->senders[i];

    s->f = f;
    s->index = i;
    s->conf = &f->conf->platforms[i];
    s->ops = ops_of(s->conf->type);
    if (s->ops == NULL)
        return err_set(err, GF_EBUG, "platform %s: of no known type", s->conf->name);
    s->nslots = (s->conf->in_flight > 0 ? (size_t)s->conf->in_flight : 1) + 1;
    s->slots = calloc(s->nslots, sizeof(*s->slots));
    if (s->slots == NULL)
        return err_set(err, GF_ENOMEM, "platform %s: %s", s->conf->name, err_text(GF_ENOMEM));
    s->slots[s->nslots - 1].express = true;
    s->tokens = FORWARD_COMMANDS_PER_SECOND;
    s->stats.name = s->conf->name;
    s->stats.type = type_name(s->conf->type);
    s->stats.last_confirmed = TIME_NONE;
    int rc = s->ops->open(s, err);

    return rc < 0 ? err_prefix(err, "platform %s", s->conf->name) : 0;
}

int forward_new(uv_loop_t *loop, const struct config *conf, struct store *store, const struct forward_ops *ops, void *ctx, struct err *err,
                struct forward **ret) {
    struct forward *f = calloc(1, sizeof(*f));
    int rc = 0;

    if (f == NULL)
        return err_set(err, GF_ENOMEM, "forward: %s", err_text(GF_ENOMEM));
    f->loop = loop;
    f->conf = conf;
    f->store = store;
    f->ops = *ops;
    f->ctx = ctx;
    prng_seed(&f->prng, uv_hrtime());
    arena_init(&f->arena, 65536, FORWARD_ARENA);
    if (conf->nplatforms > 0) {
        f->senders = calloc(conf->nplatforms, sizeof(*f->senders));
        if (f->senders == NULL)
            rc = err_set(err, GF_ENOMEM, "forward: %s", err_text(GF_ENOMEM));
    }
    for (size_t i = 0; rc == 0 && i < conf->nplatforms; i++) {
        f->nsenders = i + 1;
        rc = sender_init(f, i, err);
    }
    if (rc < 0) {
        forward_free(f);
        return rc;
    }
    *ret = f;
    return 0;
}

void forward_free(struct forward *f) {
    if (f == NULL)
        return;
    for (size_t i = 0; f->senders != NULL && i < f->nsenders; i++) {
        if (f->senders[i].own != NULL)
            f->senders[i].ops->free(&f->senders[i]);
        free(f->senders[i].slots);
    }
    free(f->senders);
    arena_done(&f->arena);
    free(f);
}

void forward_turn(struct forward *f) {
    if (f->started && !f->stopping && !f->store_trouble && !uv_is_active((uv_handle_t *)&f->turn))
        (void)uv_timer_start(&f->turn, forward_on_turn, 0, 0);
}

void forward_renew(struct forward *f) {
    for (size_t i = 0; i < f->nsenders && f->started && !f->stopping; i++) {
        if (f->senders[i].ops->renew != NULL)
            f->senders[i].ops->renew(&f->senders[i]);
        sender_renewed(&f->senders[i]);
    }
}

void forward_wake(struct forward *f) { forward_turn(f); }

/* A sender that cannot start (a directory that is not there) is trouble of that platform, and tried again by itself; so this fails only for want of memory. */
int forward_start(struct forward *f, struct err *err) {
    if (f->started)
        return err_set(err, GF_ESTATE, "forward has been started already");
    (void)uv_timer_init(f->loop, &f->turn);
    f->turn.data = f;
    f->open = 1;
    f->started = true;
    for (size_t i = 0; i < f->nsenders; i++) {
        struct sender *s = &f->senders[i];
        struct err why = {0};

        (void)uv_timer_init(f->loop, &s->timer);
        s->timer.data = s;
        s->tokens_at = uv_now(f->loop);
        s->started = true;
        f->open += 2; /* its timer, and itself */
        if (s->ops->start != NULL && s->ops->start(s, &why) < 0) {
            log_error("platform %s: %s", s->conf->name, why.text);
            sender_health(s, false, why.text);
        }
    }
    forward_turn(f);
    return 0;
}

/* -- the end --------------------------------------------------------------------------------------------------------------------------------- */

static void one_less(struct forward *f) {
    if (--f->open == 0 && f->ops.closed != NULL)
        f->ops.closed(f->ctx); /* which may free f */
}

static void on_sender_timer_closed(uv_handle_t *h) {
    struct sender *s = h->data;

    one_less(s->f);
}

static void on_turn_closed(uv_handle_t *h) { one_less(h->data); }

void sender_closed(struct sender *s) {
    if (s->stopped)
        return;
    s->stopped = true;
    s->link = false;
    one_less(s->f);
}

/* In a turn of its own, because forward_stop may be called from a callback that came from deep inside a sender. */
static void on_stop(uv_timer_t *t) {
    struct forward *f = t->data;

    f->open++; /* so that no sender that closes at once ends it while we are here */
    for (size_t i = 0; i < f->nsenders && f->started; i++) {
        uv_close((uv_handle_t *)&f->senders[i].timer, on_sender_timer_closed);
        f->senders[i].ops->stop(&f->senders[i]);
    }
    f->open--;
    uv_close((uv_handle_t *)&f->turn, on_turn_closed);
}

void forward_stop(struct forward *f) {
    if (f->stopping)
        return;
    if (!f->started) { /* `closed` comes from the loop, so there must be something to close */
        (void)uv_timer_init(f->loop, &f->turn);
        f->turn.data = f;
        f->open = 1;
    }
    f->stopping = true;
    forward_on_turn(&f->turn); /* what was confirmed is written; nothing is sent any more */
    (void)uv_timer_start(&f->turn, on_stop, 0, 0);
}

/* -- asking ---------------------------------------------------------------------------------------------------------------------------------- */

size_t forward_platforms(const struct forward *f) { return f->nsenders; }

void forward_stats(const struct forward *f, size_t i, struct forward_stats *ret) {
    *ret = f->senders[i].stats;
    ret->reachable = f->senders[i].reachable;
    ret->why = f->senders[i].why;
    ret->peer_not_after = f->senders[i].ops->peer_not_after != NULL ? f->senders[i].ops->peer_not_after(&f->senders[i]) : TIME_NONE;
}
