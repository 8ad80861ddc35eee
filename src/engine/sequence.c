/* SPDX-License-Identifier: Apache-2.0
 * `sequence` + `within`: events in this order, all within the span counted from the first.
 *
 * Per key any number of sequences may be under way (a ceiling, then the oldest goes). An event first takes each of them a step on, oldest first, or ends it (a `not` step
 * that stands between the last fulfilled step and the next); then, when it fits the first step, it begins one of its own. What comes at began + within or later is
 * too late. Steps of `not` at the end: the sequence is complete when began + within has come without them. Late events take no part. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

bool engine_step_matches(struct engine_eval *x, struct engine_rule *er, const struct rule_step *step) {
    bool kind = step->on_any || step->non == 0;

    for (size_t i = 0; !kind && i < step->non; i++)
        kind = step->on[i] == x->event->kind;
    return kind && engine_truth(x, er, &step->when) == TRUTH_TRUE;
}

void engine_partial_free(struct engine *e, struct partial *p) {
    for (size_t i = 0; i < RULES_MAX_STEPS; i++)
        engine_unkeep(&p->steps[i]);
    free(p);
    e->npartials--;
}

static void remove_at(struct engine *e, struct instance *in, size_t i) {
    engine_partial_free(e, in->partials[i]);
    memmove(&in->partials[i], &in->partials[i + 1], (in->npartials - i - 1) * sizeof(struct partial *));
    in->npartials--;
}

void engine_partials_clear(struct engine *e, struct instance *in) {
    while (in->npartials)
        remove_at(e, in, in->npartials - 1);
}

/* The next step that must come, from k on; nsteps when only `not` steps are left. */
static size_t next_positive(const struct rule *r, size_t k) {
    while (k < r->nsteps && r->steps[k].negated)
        k++;
    return k;
}

/* What became of a sequence under way. */
enum outcome { WAITS, ENDS, COMPLETE };

static enum outcome advance(struct engine_eval *x, struct engine_rule *er, struct partial *p) {
    const struct rule *r = er->rule;
    size_t next = next_positive(r, p->step);

    uint32_t wanted = 0;
    for (size_t k = p->step; k <= next && k < r->nsteps; k++)
        wanted |= er->step_reads[k];
    if (wanted || x->touched)
        engine_eval_steps(x, r, p->steps, wanted);
    for (size_t k = p->step; k < next; k++) {
        if (engine_step_matches(x, er, &r->steps[k]))
            return ENDS;
    }
    if (next == r->nsteps || !engine_step_matches(x, er, &r->steps[next]))
        return WAITS;
    engine_keep(x->engine, &p->steps[next], x->event);
    p->step = next + 1;
    return p->step == r->nsteps ? COMPLETE : WAITS;
}

/* The events of a complete sequence become what the incident's texts read. */
static void bind(struct engine *e, struct instance *in, struct partial *p) {
    size_t n = in->rule->rule->nsteps;

    if (!in->bound && !(in->bound = calloc(n, sizeof(*in->bound)))) {
        e->oom = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        engine_unkeep(&in->bound[i]);
        in->bound[i] = p->steps[i];
        p->steps[i] = (struct kept){0};
    }
}

static void begin(struct engine_eval *x, struct engine_rule *er, struct instance *in) {
    struct engine *e = x->engine;

    if (in->npartials >= ENGINE_MAX_PARTIALS || (e->npartials >= ENGINE_MAX_PARTIALS_TOTAL && in->npartials)) {
        remove_at(e, in, 0);
        er->dropped++;
    } else if (e->npartials >= ENGINE_MAX_PARTIALS_TOTAL) {
        er->dropped++;
        return;
    }
    if (in->npartials == in->cap_partials) {
        size_t cap = in->cap_partials ? in->cap_partials * 2 : 2;
        struct partial **bigger = realloc(in->partials, cap * sizeof(struct partial *));
        if (!bigger) {
            e->oom = true;
            return;
        }
        in->partials = bigger;
        in->cap_partials = cap;
    }
    struct partial *p = calloc(1, sizeof(*p));
    if (!p) {
        e->oom = true;
        return;
    }
    e->npartials++;
    p->began = e->now.mono;
    p->wall = x->event->time;
    p->step = 1;
    engine_keep(e, &p->steps[0], x->event);
    in->partials[in->npartials++] = p;
}

static void arm(struct instance *in) { in->due[DUE_STEP] = in->npartials ? in->partials[0]->began + in->rule->rule->within : TIME_NONE; }

/* Takes every sequence of the key a step on. Several that the same event completes are one match. */
static bool advance_all(struct engine_eval *x, struct engine_rule *er, struct instance *in, int64_t *ret_first) {
    bool complete = false;

    for (size_t i = 0; i < in->npartials;) {
        struct partial *p = in->partials[i];
        size_t step = p->step;
        enum outcome o = advance(x, er, p);

        if (o == WAITS) {
            if (p->step != step)
                engine_instance_touch(x->engine, in);
            i++;
            continue;
        }
        if (o == COMPLETE && !complete) {
            complete = true;
            *ret_first = p->wall;
            bind(x->engine, in, p);
        }
        engine_instance_touch(x->engine, in);
        remove_at(x->engine, in, i);
    }
    engine_eval_steps(x, er->rule, NULL, 0);
    return complete;
}

void engine_sequence_event(struct engine_eval *x, struct engine_rule *er) {
    struct engine *e = x->engine;
    enum truth t = engine_common(x, er);
    bool takes_part = t == TRUTH_TRUE && !(x->event->flags & EVENT_LATE), starts, complete = false;
    const char *key;
    int64_t first = 0;
    size_t len;
    uint8_t by;

    starts = takes_part && engine_step_matches(x, er, &er->rule->steps[0]);
    if ((!starts && map_count(&er->keys) == 0) || !engine_key(x, er, &key, &len, &by))
        return;
    struct instance *in = starts ? engine_instance_get(e, er, key, len, by) : engine_instance_find(er, key, len);
    if (!in)
        return;
    if (takes_part)
        complete = advance_all(x, er, in, &first);
    if (starts) {
        begin(x, er, in);
        engine_instance_touch(e, in);
    }
    if (complete) {
        engine_eval_instance(x, in);
        engine_condition_true(x, in, first, 1);
    } else {
        engine_clear_event(x, in);
    }
    arm(in);
    engine_instance_settle(e, in);
}

/* began + within has come: complete when only `not` steps were left, else it came to nothing. */
void engine_sequence_due(struct engine *e, struct instance *in) {
    const struct rule *r = in->rule->rule;

    while (in->npartials && in->partials[0]->began + r->within <= e->now.mono) {
        struct partial *p = in->partials[0];
        bool complete = next_positive(r, p->step) == r->nsteps && in->rule->inside;
        struct engine_eval x;
        struct event ev;
        int64_t first = p->wall;

        if (complete) {
            struct kept last = p->steps[p->step - 1];
            struct event *latest = engine_kept(&e->scratch, &last, &ev) ? &ev : NULL;
            struct engine_device *dev = latest ? engine_device_get(e, latest->device, true) : NULL;
            bind(e, in, p);
            remove_at(e, in, 0);
            if (!dev)
                continue;
            engine_eval_init(&x, e, latest, dev, false);
            engine_eval_instance(&x, in);
            engine_condition_true(&x, in, first, 1);
        } else {
            remove_at(e, in, 0);
        }
    }
    arm(in);
}
