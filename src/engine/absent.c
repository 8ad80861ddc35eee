/* SPDX-License-Identifier: Apache-2.0
 * `absent`: no event of `on` from a registered device for so long.
 *
 * Silence is measured on the attended clock: engine time without our own down time and without the time that our link to the devices was down.
 *
 *   seen ────────────── span ──────────────► told            the next event ends it
 *   seen ───── span ──┤ we are down │── rest, but at least grace ──► told
 *
 * One watch (struct absence) per key; its timer is lazy: an event only notes the time, and the timer, when it comes, looks whether it was right. Nothing is written per event: the
 * watches are made anew from the devices' last-seen times. What was told is an instance that is `silent` until the next event,
 * also when a person or the rule has ended its incident meanwhile. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

int64_t engine_attended(const struct engine *e, int64_t mono) {
    return (e->link_down != TIME_NONE && e->link_down < mono ? e->link_down : mono) - e->paused;
}

static int64_t deadline(const struct engine *e, const struct absence *a) {
    int64_t grace = a->rule->rule->grace > 0 ? a->rule->rule->grace : a->span;
    int64_t silence = a->seen + a->span, settled = e->grace_from == TIME_NONE ? INT64_MIN : e->grace_from + grace;

    return silence > settled ? silence : settled;
}

void engine_absent_arm(struct engine *e, struct absence *a) {
    if (a->fired || e->link_down != TIME_NONE)
        engine_timer_unset(e, &a->timer);
    else
        engine_timer_set(e, &a->timer, deadline(e, a) + e->paused);
}

static struct absence *watch_of(const struct engine_rule *er, const struct engine_device *d) {
    return d->index < er->nby_device ? er->by_device[d->index] : NULL;
}

/* -- an event of one of the kinds ---------------------------------------------------------------------------------------------- */
static void spoke(struct engine_eval *x, struct absence *a) {
    struct engine *e = x->engine;

    a->seen = engine_attended(e, e->now.mono);
    a->wall = x->event->arrived;
    a->device = x->device;
    if (a->rule->rule->when.program) {
        struct device_met *m = engine_device_met(x->device, a->rule->rule, true);
        if (m)
            m->seen = (struct device_seen){.at = a->seen, .wall = a->wall};
    }
    if (a->fired) {
        a->fired = false;
        engine_absent_arm(e, a);
    }
}

void engine_absent_event(struct engine_eval *x, struct engine_rule *er) {
    struct absence *a = watch_of(er, x->device);

    if (!a)
        return;
    enum truth t = engine_truth(x, er, &er->rule->when);
    if (er->rule->when.program)
        er->evaluated++;
    if (t == TRUTH_UNKNOWN)
        er->unknown++;
    if (t == TRUTH_TRUE) {
        er->matched++;
        spoke(x, a);
    }
    struct instance *in = map_count(&er->keys) ? engine_instance_find(er, a->key, a->key_len) : NULL;
    if (!in)
        return;
    if (t == TRUTH_TRUE) {
        if (in->silent) {
            in->silent = false;
            engine_instance_touch(x->engine, in);
        }
        engine_condition_false(x, in);
    }
    engine_clear_event(x, in);
    engine_instance_settle(x->engine, in);
}

/* The journal's tail: what the event would have done to a rule with `when`; there is no engine time yet. */
void engine_absent_met(struct engine_eval *x, struct engine_rule *er) {
    if (er->rule->pattern != RULE_ABSENT || !er->rule->when.program || engine_truth(x, er, &er->rule->when) != TRUTH_TRUE)
        return;
    struct device_met *m = engine_device_met(x->device, er->rule, true);
    if (m) {
        m->seen.wall = x->event->arrived;
        m->seen.tail = true;
    }
}

/* -- too long ---------------------------------------------------------------------------------------------------------------------- */
static void raise(struct engine *e, struct absence *a) {
    struct engine_rule *er = a->rule;
    int64_t silent = engine_attended(e, e->now.mono) - a->seen; /* of one that has never spoken: since it is known */
    struct event ev = {.device = a->device->id,
                       .kind = er->rule->non ? er->rule->on[0] : e->a_availability,
                       .time = a->wall == TIME_NONE ? e->now.wall - silent : a->wall,
                       .arrived = e->now.wall};
    struct engine_eval x;

    engine_eval_init(&x, e, &ev, a->device, false);
    x.vars[RULE_LAST] = a->wall == TIME_NONE ? x.vars[RULE_LAST] : cel_time_ms(a->wall);
    struct instance *in = engine_instance_get(e, er, a->key, a->key_len, a->by);
    if (!in)
        return;
    in->absence = a;
    in->silent = true;
    engine_instance_touch(e, in);
    if (er->rule->nexceptions == 0 || !engine_excepted(&x, er))
        engine_condition_true(&x, in, ev.time, 1);
    engine_instance_settle(e, in);
}

void engine_absent_due(struct engine *e, struct absence *a) {
    const struct interval *during = a->rule->rule->during;

    if (a->fired || e->link_down != TIME_NONE)
        return;
    if (deadline(e, a) > engine_attended(e, e->now.mono)) {
        engine_absent_arm(e, a);
        return;
    }
    if (during && interval_contains(during, e->now.wall) == a->rule->rule->during_not) {
        int64_t wait = interval_next_change(during, e->now.wall) - e->now.wall;
        engine_timer_set(e, &a->timer, e->now.mono + (wait > 0 ? wait : 1));
        return;
    }
    a->fired = true;
    raise(e, a);
}

/* -- the watches ----------------------------------------------------------------------------------------------------------------------- */
void engine_absent_free(struct engine *e, struct engine_rule *er) {
    for (size_t i = 0; er->absences && i < er->nabsences; i++) {
        engine_timer_unset(e, &er->absences[i].timer);
        free(er->absences[i].key);
    }
    free(er->absences);
    free(er->by_device);
    er->absences = NULL;
    er->by_device = NULL;
    er->nabsences = er->nby_device = 0;
}

static bool expected(const struct rule *r, atom_t kind) {
    size_t n = r->nof ? r->nof : r->non;
    const atom_t *kinds = r->nof ? r->of : r->on;

    if (!r->nof && r->on_any)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (kinds[i] == kind)
            return true;
    }
    return false;
}

/* When the device last said what the rule listens to. */
static struct device_seen last_word(const struct engine *e, const struct rule *r, struct engine_device *d) {
    struct device_seen best = {.at = TIME_NONE, .wall = TIME_NONE};

    if (r->when.program) {
        const struct device_met *m = engine_device_met(d, r, false);
        if (m)
            best = m->seen;
    }
    for (uint32_t i = 0; !r->when.program && i < d->nseen; i++) {
        bool listens = r->on_any;
        for (size_t k = 0; !listens && k < r->non; k++)
            listens = r->on[k] == d->seen[i].kind;
        if (listens && d->seen[i].at > best.at)
            best = d->seen[i];
    }
    if (best.at == TIME_NONE)
        best.at = d->known == TIME_NONE ? engine_attended(e, e->now.mono) : d->known;
    return best;
}

static bool join(struct engine *e, struct engine_rule *er, struct engine_device *d, struct map *by_key) {
    struct engine_eval x;
    const char *key;
    size_t len;
    uint8_t by;

    arena_reset(&e->scratch);
    engine_eval_init(&x, e, NULL, d, false);
    if (!engine_key(&x, er, &key, &len, &by))
        return true;
    struct device_seen seen = last_word(e, er->rule, d);
    int64_t span = d->row->expect > 0 ? d->row->expect : er->rule->absent;
    struct absence *a = map_get(by_key, key, len);
    if (!a) {
        a = &er->absences[er->nabsences];
        *a = (struct absence){.timer = {.owner = TIMER_ABSENCE},
                              .rule = er,
                              .device = d,
                              .seen = seen.at,
                              .wall = seen.wall,
                              .span = span,
                              .by = by,
                              .key_len = len};
        a->key = strndup(key, len);
        if (!a->key || map_put(by_key, key, len, a, NULL) < 0) {
            free(a->key);
            return false;
        }
        er->nabsences++;
    }
    if (seen.at > a->seen) {
        a->seen = seen.at;
        a->wall = seen.wall;
        a->device = d;
    }
    if (span > a->span)
        a->span = span;
    er->by_device[d->index] = a;
    return true;
}

/* A told silence stays told. */
static void meet_instances(struct engine *e, struct engine_rule *er) {
    for (size_t i = 0; i < er->nabsences; i++) {
        struct absence *a = &er->absences[i];
        struct instance *in = engine_instance_find(er, a->key, a->key_len);

        if (in) {
            in->absence = a;
            a->fired = in->silent;
        }
        engine_absent_arm(e, a);
    }
    void *value;
    for (size_t it = 0; map_next(&er->keys, &it, NULL, &value);) {
        struct instance *in = value;
        if (in->absence)
            continue;
        in->silent = false;
        if (in->docket)
            engine_resolve(e, in, "gengfu", "resolved", "nobody is expected to speak here any more");
        engine_instance_settle(e, in);
    }
}

int engine_absent_build(struct engine *e, struct engine_rule *er) {
    struct map by_key;
    bool ok = true;

    if (er->rule->pattern != RULE_ABSENT || er->rule->mode == RULE_OFF || e->ndevices == 0)
        return 0;
    er->absences = calloc(e->ndevices, sizeof(*er->absences));
    er->by_device = calloc(e->ndevices, sizeof(struct absence *));
    if (!er->absences || !er->by_device) {
        engine_absent_free(e, er);
        return GF_ENOMEM;
    }
    er->nby_device = e->ndevices;
    map_init(&by_key);
    for (size_t i = 0; ok && i < e->ndevices; i++) {
        struct engine_device *d = e->devices[i];
        if (d->row && expected(er->rule, d->row->kind))
            ok = join(e, er, d, &by_key);
    }
    map_done(&by_key, NULL);
    if (!ok) {
        engine_absent_free(e, er);
        return GF_ENOMEM;
    }
    meet_instances(e, er);
    return 0;
}
