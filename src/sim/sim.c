/* SPDX-License-Identifier: Apache-2.0
 * The run: a loop, one connection, and a heap of what is due next in neighbourhood time. Every moment is played exactly at its own time, however late the
 * machine is, so the messages depend on the seed alone. Leans on mqtt, and on roster, story, faults, load and out beside it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim_int.h"

#define CONNECT_PATIENCE 10000 /* ms, real */
#define END_PATIENCE 30000     /* ms, real: for the last acknowledgements */
#define LOAD_STEP 5            /* ms, real */

struct later {
    struct heap_node node;
    struct sim_device *device;
    enum sim_verb verb;
    double value;
};

static void end_run(struct sim *s) {
    if (s->closing)
        return;
    s->closing = true;
    uv_close((uv_handle_t *)&s->timer, NULL);
    uv_close((uv_handle_t *)&s->tell_timer, NULL);
    uv_close((uv_handle_t *)&s->on_int, NULL);
    uv_close((uv_handle_t *)&s->on_term, NULL);
    if (s->mqtt)
        mqtt_stop(s->mqtt);
}

void sim_fail(struct sim *s, int code, const char *fmt, ...) {
    va_list ap;
    char text[512];

    if (s->rc < 0)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    s->rc = err_set(s->err, code, "%s", text);
    s->ended = true;
}

void sim_say(struct sim *s, const char *fmt, ...) {
    va_list ap;
    char text[256];

    if (!s->conf->say)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    s->conf->say(s->conf->ctx, s->now, text);
}

void sim_arm(struct sim *s, struct heap_node *n, int64_t at) {
    if (heap_set(&s->due, n, at) < 0)
        sim_fail(s, GF_ENOMEM, "out of memory");
}

void sim_later(struct sim *s, struct sim_device *d, int64_t delay, enum sim_verb verb, double value) {
    struct later *l = malloc(sizeof(*l));

    if (!l) {
        sim_fail(s, GF_ENOMEM, "out of memory");
        return;
    }
    *l = (struct later){.device = d, .verb = verb, .value = value};
    if (heap_set(&s->due, &l->node, s->now + delay) < 0) {
        free(l);
        sim_fail(s, GF_ENOMEM, "out of memory");
    }
}

void sim_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_SILENCE) {
        d->silent = value > 0;
        if (!d->silent)
            sim_tick(s, d);
        return;
    }
    if (d->silent)
        return;
    if (verb == VERB_REPORT)
        sim_tick(s, d);
    else
        d->family->act(s, d, verb, value);
}

void sim_tick(struct sim *s, struct sim_device *d) {
    if (d->silent)
        return;
    if (!d->said_hello && d->family->hello)
        d->family->hello(s, d);
    d->said_hello = true;
    if (d->family->tick)
        d->family->tick(s, d);
    if (d->family->period > 0)
        sim_arm(s, &d->node, s->now + d->family->period);
}

static void play(struct sim *s, struct heap_node *n) {
    s->now = n->due;
    heap_unset(&s->due, n);
    if (n == &s->turn_node) {
        sim_story_turn(s);
    } else if (sim_faults_due(s, n)) {
        /* done */
    } else if ((uintptr_t)n >= (uintptr_t)s->devices && (uintptr_t)n < (uintptr_t)(s->devices + s->ndevices)) {
        sim_tick(s, (struct sim_device *)(void *)((char *)n - offsetof(struct sim_device, node)));
    } else {
        struct later *l = (struct later *)(void *)((char *)n - offsetof(struct later, node));

        sim_act(s, l->device, l->verb, l->value);
        free(l);
    }
}

void sim_play(struct sim *s, int64_t until) {
    struct heap_node *n;

    while (!s->ended && (n = heap_first(&s->due)) && n->due <= until)
        play(s, n);
    s->now = until;
}

static bool load_mode(const struct sim *s) { return s->conf->rate > 0; }

/* Neighbourhood time that has gone since the start, ms. */
static int64_t time_gone(const struct sim *s) { return (int64_t)((double)(uv_hrtime() - s->begun) / 1e6 * s->conf->scale); }

static void on_timer(uv_timer_t *t);

static void wind(struct sim *s) {
    uint64_t wait = LOAD_STEP;

    if (s->ended) {
        end_run(s);
        return;
    }
    if (!load_mode(s)) {
        int64_t gone = time_gone(s), next = s->conf->length > 0 ? s->conf->length : INT64_MAX;
        const struct heap_node *n = heap_first(&s->due);

        if (n && n->due - s->conf->start < next)
            next = n->due - s->conf->start;
        double real = next == INT64_MAX ? 1000 : (double)(next - gone) / s->conf->scale;
        wait = real <= 0 ? 0 : real > 1000 ? 1000 : (uint64_t)real + 1;
    }
    if (uv_timer_start(&s->timer, on_timer, wait, 0) < 0)
        sim_fail(s, GF_EIO, "timer");
}

static bool all_delivered(const struct sim *s) { return s->waiting == 0 && s->outstanding == 0; }

/* The last messages are on their way: wait for their acknowledgements, not for ever. */
static void on_drain(uv_timer_t *t) {
    struct sim *s = t->data;

    sim_flush(s);
    if (all_delivered(s) || s->ended)
        end_run(s);
    else if (uv_hrtime() - s->begun > (uint64_t)END_PATIENCE * 1000000) {
        sim_fail(s, GF_EUNAVAIL, "the broker did not acknowledge the last %zu messages within %d seconds", s->waiting + s->outstanding,
                 END_PATIENCE / 1000);
        end_run(s);
    }
}

static void drain(struct sim *s) {
    s->begun = uv_hrtime(); /* now the start of the patience */
    if (uv_timer_start(&s->timer, on_drain, 0, 5) < 0)
        s->ended = true;
}

static void on_timer(uv_timer_t *t) {
    struct sim *s = t->data;

    if (load_mode(s)) {
        sim_load_step(s);
        if (sim_load_over(s)) {
            drain(s);
            return;
        }
        wind(s);
        return;
    }
    int64_t gone = time_gone(s);
    bool over = s->conf->length > 0 && gone >= s->conf->length;

    sim_play(s, s->conf->start + (over ? s->conf->length : gone));
    sim_flush(s);
    if (over && !s->ended)
        drain(s);
    else
        wind(s);
}

static void tell(struct sim *s) {
    if (!s->conf->progress)
        return;
    struct sim_progress p = {
        .now = s->now,
        .gone = s->now - s->conf->start,
        .length = s->conf->length,
        .devices = s->ndevices,
        .published = s->published,
        .confirmed = s->confirmed,
        .waiting = s->waiting,
        .up = s->up,
    };
    s->conf->progress(s->conf->ctx, &p);
}

static void on_tell(uv_timer_t *t) {
    struct sim *s = t->data;

    if (!s->was_up) {
        sim_fail(s, GF_EUNAVAIL, "no broker at %s:%d within %d seconds", s->conf->broker.host, s->conf->broker.port,
                 CONNECT_PATIENCE / 1000);
        end_run(s);
        return;
    }
    tell(s);
}

static void on_connected(void *ctx, bool session_present) {
    struct sim *s = ctx;

    (void)session_present;
    s->up = true;
    if (s->was_up) {
        sim_say(s, "connected to the broker again, %zu messages wait", s->waiting);
        sim_flush(s);
        return;
    }
    s->was_up = true;
    s->begun = uv_hrtime();
    if (uv_timer_start(&s->tell_timer, on_tell, 1000, 1000) < 0)
        sim_fail(s, GF_EIO, "timer");
    wind(s);
}

static void on_disconnected(void *ctx, const char *why, int64_t retry_in) {
    struct sim *s = ctx;

    (void)retry_in;
    if (s->up)
        sim_say(s, "the broker is gone: %s", why);
    else if (!s->was_up && !s->told_why)
        sim_say(s, "%s:%d does not let us in yet: %s", s->broker.host, s->broker.port, why);
    s->told_why = true;
    s->up = false;
    sim_link_lost(s);
}

static void on_message(void *ctx, const struct mqtt_message *m) {
    (void)ctx;
    (void)m; /* nothing is subscribed */
}

static void on_closed(void *ctx) { ((struct sim *)ctx)->mqtt_gone = true; }

static void on_signal(uv_signal_t *h, int number) {
    struct sim *s = h->data;

    (void)number;
    s->ended = true;
    end_run(s);
}

static int check_conf(const struct sim_conf *c, struct err *err) {
    if (!(c->scale >= 0.1) || c->scale > 10000)
        return err_set(err, GF_EINVAL, "scale: 0.1 to 10000 are possible");
    if (c->rate < 0 || c->rate > SIM_MAX_RATE)
        return err_set(err, GF_EINVAL, "rate: up to %d messages a second are possible", SIM_MAX_RATE);
    if (c->qos != 0 && c->qos != 1)
        return err_set(err, GF_EINVAL, "qos: 0 or 1");
    if (c->devices < 0 || c->devices > SIM_MAX_DEVICES)
        return err_set(err, GF_EINVAL, "devices: up to %d are possible", SIM_MAX_DEVICES);
    if (c->rate > 0 && (c->story || c->faults))
        return err_set(err, GF_EINVAL, "a rate is for load, which has neither a story nor faults");
    if (c->ledger && !(c->rate > 0))
        return err_set(err, GF_EINVAL, "a ledger is kept in load mode only: give a rate");
    return 0;
}

void sim_init(struct sim *s, const struct sim_conf *conf, struct err *err) {
    *s = (struct sim){.conf = conf, .err = err, .now = conf->start, .random = conf->seed};
    heap_init(&s->due);
    map_init(&s->by_id);
    buf_init(&s->text, 0);
}

int sim_begin(struct sim *s, struct err *err) {
    int rc = sim_roster(s, err);

    if (rc == 0 && s->conf->story)
        rc = sim_story_begin(s, err);
    if (rc == 0)
        sim_faults_begin(s);
    return rc;
}

static int begin(struct sim *s, struct err *err) {
    static const struct mqtt_ops ops = {
        .connected = on_connected,
        .disconnected = on_disconnected,
        .message = on_message,
        .published = sim_published,
        .closed = on_closed,
    };
    const struct sim_conf *c = s->conf;
    struct mqtt_conf mc = {.broker = &s->broker, .clean = true, .batch_max = 100, .seed = sim_random(&s->random)};
    int rc;

    s->broker = c->broker;
    if (!s->broker.client_id) { /* a broker takes one connection an id */
        (void)snprintf(s->client_id, sizeof(s->client_id), "gengfu-simulate-%d", (int)getpid());
        s->broker.client_id = s->client_id;
    }
    if (s->broker.receive_maximum == 0)
        s->broker.receive_maximum = SIM_WINDOW;

    rc = load_mode(s) ? sim_load_begin(s, err) : sim_begin(s, err);
    if (rc < 0)
        return rc;
    rc = mqtt_new(&s->loop, &mc, &ops, s, err, &s->mqtt);
    if (rc < 0)
        return rc;
    rc = mqtt_start(s->mqtt, err);
    if (rc < 0)
        return rc;
    if (uv_signal_start(&s->on_int, on_signal, SIGINT) < 0 || uv_signal_start(&s->on_term, on_signal, SIGTERM) < 0 ||
        uv_timer_start(&s->tell_timer, on_tell, CONNECT_PATIENCE, 0) < 0)
        return err_set(err, GF_EIO, "signals and timers could not be set up");
    return 0;
}

static void forget_due(struct sim *s) {
    struct heap_node *n;

    while ((n = heap_first(&s->due))) {
        heap_unset(&s->due, n);
        bool ours = n == &s->turn_node || n == &s->fault_node || n == &s->flap_node || n == &s->flood_node ||
                    ((uintptr_t)n >= (uintptr_t)s->devices && (uintptr_t)n < (uintptr_t)(s->devices + s->ndevices));

        if (!ours)
            free((char *)n - offsetof(struct later, node));
    }
    heap_done(&s->due);
}

void sim_done(struct sim *s) {
    sim_out_done(s);
    forget_due(s);
    map_done(&s->by_id, NULL);
    buf_done(&s->text);
    free(s->devices);
    s->devices = NULL;
}

int sim_run(const struct sim_conf *conf, struct err *err) {
    struct err none = {0};
    int rc = check_conf(conf, err);

    if (rc < 0)
        return rc;
    struct sim *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, GF_ENOMEM, "out of memory");
    sim_init(s, conf, err ? err : &none);
    if (uv_loop_init(&s->loop) < 0) {
        sim_done(s);
        free(s);
        return err_set(err, GF_ENOMEM, "no event loop");
    }
    (void)uv_timer_init(&s->loop, &s->timer);
    (void)uv_timer_init(&s->loop, &s->tell_timer);
    (void)uv_signal_init(&s->loop, &s->on_int);
    (void)uv_signal_init(&s->loop, &s->on_term);
    s->timer.data = s->tell_timer.data = s->on_int.data = s->on_term.data = s;

    rc = begin(s, s->err);
    if (rc < 0) {
        s->rc = rc;
        end_run(s);
    }
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    if (s->was_up)
        tell(s);
    sim_load_done(s);
    rc = s->rc;
    mqtt_free(s->mqtt);
    (void)uv_loop_close(&s->loop);
    sim_done(s);
    free(s);
    return rc;
}
