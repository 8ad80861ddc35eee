/* SPDX-License-Identifier: Apache-2.0
 * The way of a message: source → events → engine → effects → one transaction. Everything a batch does is in d->fx; when the commit fails it stays there,
 * nothing further is taken in, and the same effects are tried again until they are on disk.
 *
 * What is urgent (an incident changed, a command was answered, the broker may soon wait for us, much has gathered) is committed at once; the rest waits up to broker.commit_wait, for a
 * transaction costs blocks of the disk however little is in it. */
#include <stdlib.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/fault.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"
#include "gengfu/rules/route.h"

#define RETRY_COMMIT_MS 1000
#define URGENT_BYTES (1 << 20) /* of effects that have gathered */
#define LONGEST_SLEEP_MS INT64_C(86400000)

void pipeline_init(struct daemon *d) {
    effects_init(&d->fx);
    arena_init(&d->scratch, 64 << 10, 64 << 20);
    buf_init(&d->body, 4 << 20);
    buf_init(&d->subscribed, 4 << 20);
}

void pipeline_done(struct daemon *d) {
    effects_done(&d->fx);
    arena_done(&d->scratch);
    buf_done(&d->body);
    buf_done(&d->subscribed);
    free(d->acks);
}

static void journal(struct daemon *d, const struct event *ev) {
    buf_clear(&d->body);
    event_write(&d->body, ev);
    if (d->body.failed)
        return; /* larger than any row we keep: the rules saw it, the journal cannot */
    struct effect_event row = {.time = ev->time, .arrived = ev->arrived, .len = d->body.len};
    row.body = arena_dup(&d->fx.arena, d->body.data, d->body.len);
    if (row.body == NULL) {
        d->fx.failed = true;
        return;
    }
    effects_event(&d->fx, &row);
    d->journaled++;
}

void pipeline_event(struct daemon *d, const struct event *ev, struct engine_time now) {
    bool told = d->fx.failed;

    journal(d, ev);
    if (engine_event(d->engine, ev, now, &d->fx) < 0 && !told)
        log_error("engine: no memory for an event of %s; the batch will not be acknowledged", ev->device);
    d->events_since_checkpoint++;
}

void pipeline_message(struct daemon *d, const struct mqtt_message *m) {
    struct engine_time now = daemon_now(d);
    struct message msg = {
        .topic = m->topic, .payload = m->payload, .len = m->len, .retained = m->retained, .qos = m->qos, .arrived = now.wall};
    struct mapped mapped;

    uint64_t misses = memory_misses;

    d->messages++;
    arena_reset(&d->scratch);
    mapper_map(d->mapper, &msg, &d->scratch, &mapped);
    for (size_t i = 0; i < mapped.nevents; i++) {
        const struct event *ev = limiter_pass(d->limiter, &mapped.events[i], now.mono, &d->scratch);

        if (ev != NULL) {
            pipeline_event(d, ev, now);
            d->events++;
        }
    }
    if (memory_misses != misses)
        d->fx.failed = true; /* something of this message may be missing, from its events to its row in the journal: it must come again */
    if (mapped.outcome == OUTCOME_BROKEN)
        log_debug("%s: source %s: %s", m->topic, mapped.source ? mapped.source : "?", mapped.why ? mapped.why : "");
}

/* Which platforms a published incident goes to: what the rule allows, narrowed by each platform's level and filter, and whom it has been escalated to. */
static void route(struct daemon *d) {
    for (size_t i = 0; i < d->fx.nincidents; i++) {
        struct effect_incident *inc = &d->fx.incidents[i];

        if (inc->publish && inc->platforms != 0) {
            arena_reset(&d->scratch);
            inc->platforms = route_incident(d->conf_rules->config, ruleset_rule(d->conf_rules, inc->rule), inc->platforms, inc->body,
                                            inc->len, &d->scratch);
        }
    }
}

static void count_commit(struct daemon *d, int64_t us) {
    size_t bucket = 0;

    while (us > 1 && bucket + 1 < COMMIT_BUCKETS) {
        us >>= 1;
        bucket++;
    }
    d->commit_hist[bucket]++;
    d->commits++;
}

static void on_retry(uv_timer_t *t) {
    struct daemon *d = t->data;

    if (d->stopping || (!d->stuck && !d->full))
        return;
    bool room = !d->full || room_back(d);

    if (d->ingest != NULL && (d->stuck || room))
        ingest_retry(d->ingest); /* calls commit again, with the acks of the batch that waits */
    if ((!d->stuck || pipeline_commit(d) == 0) && !d->stopping)
        pipeline_schedule(d);
    pipeline_retry(d);
}

void pipeline_retry(struct daemon *d) {
    if ((d->stuck || d->full) && !uv_is_active((const uv_handle_t *)&d->retry_timer))
        (void)uv_timer_start(&d->retry_timer, on_retry, RETRY_COMMIT_MS, 0);
}

/* What became of the batch, when it is not ingest that asks just now. */
static void hold(struct daemon *d) {
    if (d->owing && !d->in_batch && d->ingest != NULL)
        ingest_hold(d->ingest);
    d->owing = false;
}

static void acknowledge(struct daemon *d) {
    if (!d->owing && !d->in_batch)
        return;
    if (!d->in_batch && d->ingest != NULL)
        ingest_durable(d->ingest);
    d->owing = false;
    d->nheld = 0;
}

static void become_stuck(struct daemon *d, const struct err *err) {
    d->commit_failures++;
    d->checkpoint = false; /* what comes until this is over belongs to the tail */
    if (!d->stuck)
        log_error("store: %s; nothing is acknowledged until this is over", err->text);
    d->stuck = true;
    size_t n = strnlen(err->text, sizeof(d->stuck_why) - 1);
    memcpy(d->stuck_why, err->text, n);
    d->stuck_why[n] = '\0';
    health_set(d, "store", "", true, d->stuck_why, 0);
    pipeline_retry(d);
    hold(d);
    notify_status(d);
}

/* The acks of a failed commit must be committed with the effects when those are; they are kept beside d->fx. */
static int keep_acks(struct daemon *d, const struct ingest_ack *acks, size_t n) {
    if (n > d->cap_acks) {
        struct store_ack *more = realloc(d->acks, n * sizeof(*more));
        if (more == NULL)
            return GF_ENOMEM;
        d->acks = more;
        d->cap_acks = n;
    }
    for (size_t i = 0; i < n; i++)
        d->acks[i] = (struct store_ack){.mid = acks[i].mid, .hash = acks[i].hash};
    d->nacks = n;
    d->nheld = 0;
    return 0;
}

/* The batch at hand was written when the disk became full: it needs its acknowledgement only. */
static bool is_held(const struct daemon *d, const struct ingest_ack *acks, size_t n) {
    if (n == 0 || n != d->nheld)
        return false;
    for (size_t i = 0; i < n; i++)
        if (acks[i].mid != d->acks[i].mid || acks[i].hash != d->acks[i].hash)
            return false;
    return true;
}

/* Everything since the last commit, in one transaction. What is committed stays in d->fx until finish(). */
static int write_batch(struct daemon *d, struct err *err) {
    flood_flush(d);
    if (engine_flush(d->engine, &d->fx) < 0)
        d->fx.failed = true;
    uint64_t misses = memory_misses;

    if (!d->fx.failed)
        route(d);
    d->fx.failed = d->fx.failed || memory_misses != misses;
    if (d->fx.failed) {
        /* Effects are missing: the engine is ahead of what can be written. Only a restart from the store is right; what is not acknowledged comes again. */
        log_error("out of memory in a batch: ending, so that the next start goes on from the last commit");
        abort();
    }
    if (!effects_any(&d->fx) && d->nacks == 0 && d->keep.hash == NULL && d->note.who == NULL && !d->checkpoint)
        return 0;
    struct engine_time now = daemon_now(d);
    struct store_batch batch = {.effects = &d->fx,
                                .acks = d->acks,
                                .nacks = d->nacks,
                                .ruleset = d->keep.hash != NULL ? &d->keep : NULL,
                                .note = d->note.who != NULL ? &d->note : NULL,
                                .checkpoint = d->checkpoint,
                                .mono = now.mono,
                                .wall = now.wall};
    int64_t began = clock_mono_us();
    int rc = store_commit(d->store, &batch, err);

    daemon_store_met(d, rc, err);
    if (rc == 0) {
        count_commit(d, clock_mono_us() - began);
        daemon_rules_kept(d);
        trail_committed(d);
        if (d->checkpoint) {
            d->checkpoint = false;
            d->events_since_checkpoint = 0;
            d->last_checkpoint = now.mono;
        }
        if (store_wants_trim(d->store))
            daemon_upkeep_soon(d);
    }
    return rc;
}

static void unstick(struct daemon *d) {
    if (!d->stuck)
        return;
    d->stuck = false;
    if (!d->full) {
        (void)uv_timer_stop(&d->retry_timer);
        log_notice("store: writable again, going on");
        health_set(d, "store", "", false, "", 0);
    }
    notify_status(d);
}

/* What was committed is told to whoever waits for it. */
static void finish(struct daemon *d) {
    bool publish = false;

    for (size_t i = 0; i < d->fx.nincidents; i++) {
        const struct effect_incident *inc = &d->fx.incidents[i];

        publish = publish || (inc->publish && inc->platforms != 0);
        d->opened += inc->publish && inc->change == CHANGE_OPENED;
    }
    if (tail_any(d))
        tail_batch(d);
    effects_reset(&d->fx);
    if (publish && d->forward != NULL)
        forward_wake(d->forward);
    (void)fault_point("daemon.after_commit");
}

int pipeline_commit(struct daemon *d) {
    struct err err = {0};

    (void)uv_timer_stop(&d->commit_timer);
    int rc = write_batch(d, &err);

    if (rc == GF_EFULL && d->stuck && room_give(d, &err)) /* not at the first time: it may be a moment's */
        rc = write_batch(d, &err);
    if (rc < 0) {
        become_stuck(d, &err);
        return rc;
    }
    unstick(d);
    if (effects_any(&d->fx) || d->nacks > 0)
        finish(d);
    if (d->nacks > 0)
        d->nheld = d->nacks;
    d->nacks = 0;
    if (d->full &&
        (d->nheld > 0 || d->in_batch || d->owing)) { /* it is durable; not acknowledging it, or not going on, keeps the rest away */
        hold(d);
        return d->in_batch ? GF_EFULL : 0;
    }
    acknowledge(d);
    return 0;
}

static void on_commit_due(uv_timer_t *t) { gf_ignore(pipeline_commit(t->data)); } /* a failure has its own timer */

static bool urgent(const struct daemon *d) {
    return d->stuck || d->full || d->fx.failed || d->fx.nincidents > 0 || d->fx.nanswers > 0 || d->fx.arena.held > URGENT_BYTES;
}

/* 0: committed; INGEST_LATER: the timer will. */
static int commit_or_wait(struct daemon *d, bool now) {
    int64_t wait = d->conf_rules->config->commit_wait;

    if (now || wait == 0 || urgent(d))
        return pipeline_commit(d);
    if (!uv_is_active((uv_handle_t *)&d->commit_timer))
        (void)uv_timer_start(&d->commit_timer, on_commit_due, (uint64_t)wait, 0);
    return INGEST_LATER;
}

int pipeline_batch(struct daemon *d, const struct ingest_ack *acks, size_t n, bool now) {
    struct err err = {0};
    int rc = is_held(d, acks, n) ? 0 : keep_acks(d, acks, n);

    if (rc < 0) {
        (void)err_set(&err, rc, "no memory for %zu acknowledgements", n);
        become_stuck(d, &err);
        return rc;
    }
    rc = commit_or_wait(d, now);
    d->owing = rc == INGEST_LATER;
    return rc;
}

int pipeline_tick(struct daemon *d) {
    if (d->stuck)
        return GF_ESTATE;
    flood_release(d);
    if (engine_advance(d->engine, daemon_now(d), &d->fx) < 0)
        d->fx.failed = true;
    int rc = commit_or_wait(d, false);

    return rc < 0 ? rc : 0;
}

static void on_due(uv_timer_t *t) {
    struct daemon *d = t->data;

    if (pipeline_tick(d) == 0)
        pipeline_schedule(d);
}

void pipeline_schedule(struct daemon *d) {
    int64_t due = engine_due(d->engine), waiting = limiter_due(d->limiter);

    if (waiting < due)
        due = waiting;

    if (due == INT64_MAX || d->stuck || d->stopping) {
        (void)uv_timer_stop(&d->due_timer);
        return;
    }
    int64_t left = due - daemon_now(d).mono;

    if (left > LONGEST_SLEEP_MS)
        left = LONGEST_SLEEP_MS;
    (void)uv_timer_start(&d->due_timer, on_due, left <= 0 ? 0 : (uint64_t)daemon_real_delay(d, left), 0);
}

int pipeline_checkpoint(struct daemon *d) {
    if (d->stuck)
        return GF_ESTATE;
    (void)engine_checkpoint(d->engine, SIZE_MAX, &d->fx);
    own_memory(d);
    d->checkpoint = true;
    return pipeline_commit(d);
}
