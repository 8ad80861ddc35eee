/* SPDX-License-Identifier: Apache-2.0
 * `together` + `within`: all steps within the span, in any order; a `not` step must not have come within it. Per key the latest event of each step counts; one event may fulfil
 * several steps. Each event that fulfils a step while all are there is a match. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

static bool in_window(const struct engine *e, const struct rule *r, const struct kept *k) {
    return k->text && k->at > e->now.mono - r->within;
}

static bool complete(const struct engine *e, const struct instance *in) {
    const struct rule *r = in->rule->rule;

    for (size_t i = 0; i < r->nsteps; i++) {
        if (!in->latest || in_window(e, r, &in->latest[i]) == r->steps[i].negated)
            return false;
    }
    return true;
}

static bool any_left(const struct engine *e, const struct instance *in) {
    const struct rule *r = in->rule->rule;

    for (size_t i = 0; in->latest && i < r->nsteps; i++) {
        if (in_window(e, r, &in->latest[i]))
            return true;
    }
    return false;
}

/* When the newest has left the window there is nothing to remember. */
static void arm(const struct engine *e, struct instance *in) {
    const struct rule *r = in->rule->rule;
    int64_t newest = TIME_NONE;

    for (size_t i = 0; in->latest && i < r->nsteps; i++) {
        if (in_window(e, r, &in->latest[i]) && in->latest[i].at > newest)
            newest = in->latest[i].at;
    }
    in->due[DUE_WINDOW] = newest == TIME_NONE ? TIME_NONE : newest + r->within;
}

static void forget(struct instance *in) {
    for (size_t i = 0; in->latest && i < in->rule->rule->nsteps; i++)
        engine_unkeep(&in->latest[i]);
    free(in->latest);
    in->latest = NULL;
}

static void bind(struct engine *e, struct instance *in) {
    size_t n = in->rule->rule->nsteps;

    if (!in->bound && !(in->bound = calloc(n, sizeof(*in->bound)))) {
        e->oom = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct kept *k = &in->latest[i];
        if (k->text && !in->rule->rule->steps[i].negated)
            engine_keep_text(e, &in->bound[i], k->text, k->len, k->at, k->time);
        else
            engine_unkeep(&in->bound[i]);
    }
}

static int64_t first_wall(const struct instance *in) {
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < in->rule->rule->nsteps; i++) {
        if (in->latest[i].text && !in->rule->rule->steps[i].negated && in->latest[i].time < first)
            first = in->latest[i].time;
    }
    return first;
}

/* Which steps the event fulfils, as bits. A step may read the others by name, where they have come. */
static uint32_t fulfils(struct engine_eval *x, struct engine_rule *er, struct kept *latest) {
    const struct rule *r = er->rule;
    struct kept known[RULES_MAX_STEPS] = {0};
    uint32_t bits = 0;

    for (size_t i = 0; latest && i < r->nsteps; i++) {
        if (in_window(x->engine, r, &latest[i]))
            known[i] = latest[i];
    }
    uint32_t wanted = 0;
    for (size_t i = 0; i < r->nsteps; i++)
        wanted |= er->step_reads[i];
    if (wanted)
        engine_eval_steps(x, r, known, wanted);
    for (size_t i = 0; i < r->nsteps; i++) {
        if (engine_step_matches(x, er, &r->steps[i]))
            bits |= 1u << i;
    }
    return bits;
}

static void take(struct engine *e, struct engine_eval *x, struct instance *in, uint32_t bits, int64_t at) {
    size_t n = in->rule->rule->nsteps;

    if (!in->latest && !(in->latest = calloc(n, sizeof(*in->latest)))) {
        e->oom = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(bits & (1u << i)) || (in->latest[i].text && in->latest[i].at > at))
            continue;
        engine_keep(e, &in->latest[i], x->event);
        in->latest[i].at = at;
    }
    engine_instance_touch(e, in);
}

void engine_together_event(struct engine_eval *x, struct engine_rule *er) {
    struct engine *e = x->engine;
    enum truth t = engine_common(x, er);
    int64_t at = x->event->flags & EVENT_LATE ? engine_own_moment(e, x->event) : e->now.mono;
    const char *key;
    size_t len;
    uint8_t by;

    if ((t != TRUTH_TRUE && map_count(&er->keys) == 0) || !engine_key(x, er, &key, &len, &by))
        return;
    struct instance *in = engine_instance_find(er, key, len);
    uint32_t bits = t == TRUTH_TRUE && at > e->now.mono - er->rule->within ? fulfils(x, er, in ? in->latest : NULL) : 0;
    if (bits && !in)
        in = engine_instance_get(e, er, key, len, by);
    if (!in)
        return;
    if (bits)
        take(e, x, in, bits, at);
    if (bits && complete(e, in)) {
        bind(e, in);
        engine_eval_instance(x, in);
        engine_condition_true(x, in, first_wall(in), 1);
    } else {
        engine_clear_event(x, in);
    }
    arm(e, in);
    engine_instance_settle(e, in);
}

void engine_together_due(struct engine *e, struct instance *in) {
    if (!any_left(e, in))
        forget(in);
    arm(e, in);
}
