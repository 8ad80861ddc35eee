/* SPDX-License-Identifier: Apache-2.0
 * inhibit_rules: while an incident of a source rule is firing, those of the target rules with equal values are not forwarded. One that was forwarded already stays, and hears of its
 * parent. When the inhibitor resolves, what still fires is forwarded. A value that is unknown is equal to nothing. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

static bool names(const struct rule *const *rules, size_t n, const struct engine_rule *er) {
    for (size_t i = 0; er && i < n; i++) {
        if (rules[i] == er->rule)
            return true;
    }
    return false;
}

/* The world of a docket's latest event. */
static bool world(struct engine *e, struct docket *d, struct engine_eval *x, struct event *ev) {
    if (!d->instance || !engine_eval_kept(x, e, d->instance, ev))
        return false;
    engine_eval_instance(x, d->instance);
    return true;
}

static bool equal(struct engine_eval *a, struct docket *da, struct engine_eval *b, struct docket *db, const struct inhibit_rule *r) {
    for (size_t i = 0; i < r->nequal; i++) {
        struct cel_value va = engine_eval(a, da->rule, &r->equal[i]), vb = engine_eval(b, db->rule, &r->equal[i]);
        if (va.type == CEL_ERROR || vb.type == CEL_ERROR || !cel_equal(va, vb))
            return false;
    }
    return true;
}

static struct engine_rule *runtime(struct engine *e, const struct rule *r) {
    size_t i = (size_t)(r - e->rs->rules);

    return i < e->nrules ? &e->rules[i] : NULL;
}

/* A firing incident that keeps d from being forwarded; NULL when there is none. Of several the one that was raised first. */
static struct docket *inhibitor(struct engine *e, struct engine_eval *x, struct docket *d) {
    struct docket *found = NULL;

    for (size_t i = 0; i < e->rs->ninhibits; i++) {
        const struct inhibit_rule *r = &e->rs->inhibits[i];
        if (!names(r->targets, r->ntargets, d->rule))
            continue;
        for (size_t s = 0; s < r->nsources; s++) {
            struct engine_rule *source = runtime(e, r->sources[s]);
            void *value;

            if (!engine_live(source) || source->nfiring == 0)
                continue;
            for (size_t it = 0; map_next(&source->keys, &it, NULL, &value);) {
                struct docket *other = ((struct instance *)value)->docket;
                struct engine_eval y;
                struct event ev;

                if (!other || other == d || (found && strcmp(other->inc->number, found->inc->number) >= 0))
                    continue;
                if (r->nequal == 0 || (world(e, other, &y, &ev) && equal(x, d, &y, other, r)))
                    found = other;
            }
        }
    }
    return found;
}

static void take_in(struct engine *e, struct docket *d, const char *id) {
    if (!engine_incident_text(&d->inc->inhibited_by, id) || (!d->inc->parent && !engine_incident_text(&d->inc->parent, id)))
        e->oom = true;
    if (d->instance) {
        d->instance->due[DUE_HOLD] = TIME_NONE;
        engine_instance_touch(e, d->instance);
        engine_instance_arm(e, d->instance);
    }
    engine_docket_dirty(e, d);
}

/* Called before a new incident is told. */
void engine_inhibit_check(struct engine_eval *x, struct docket *d) {
    struct docket *by = x->engine->rs->ninhibits ? inhibitor(x->engine, x, d) : NULL;

    if (by)
        take_in(x->engine, d, by->inc->id);
}

static void meet_target(struct engine_eval *x, struct docket *source, const struct inhibit_rule *r, struct docket *d) {
    struct engine *e = x->engine;
    struct engine_eval y;
    struct event ev;

    if (!d || d == source || (r->nequal && !(world(e, d, &y, &ev) && equal(x, source, &y, d, r))))
        return;
    if (!d->inc->published) {
        if (!d->inc->inhibited_by)
            take_in(e, d, source->inc->id);
        return;
    }
    if (d->inc->parent)
        return;
    if (!engine_incident_text(&d->inc->parent, source->inc->id))
        e->oom = true;
    engine_revise(e, d, CHANGE_UPDATED);
}

static bool may_inhibit(const struct engine *e, const struct docket *d) {
    for (size_t i = 0; engine_live(d->rule) && i < e->rs->ninhibits; i++) {
        if (names(e->rs->inhibits[i].sources, e->rs->inhibits[i].nsources, d->rule))
            return true;
    }
    return false;
}

/* Called after a new incident has been told: it may be an inhibitor. */
void engine_inhibit_raised(struct engine_eval *x, struct docket *source) {
    struct engine *e = x->engine;
    size_t n = 0;

    if (!may_inhibit(e, source))
        return;
    struct docket **all = NULL;
    for (size_t i = 0; i < e->rs->ninhibits; i++) {
        const struct inhibit_rule *r = &e->rs->inhibits[i];
        if (!names(r->sources, r->nsources, source->rule))
            continue;
        if (!all)
            all = engine_dockets_sorted(e, &n);
        for (size_t t = 0; t < r->ntargets; t++) {
            struct engine_rule *target = runtime(e, r->targets[t]);

            for (size_t k = 0; target && target->nfiring && k < n; k++) {
                if (all[k]->rule == target && all[k]->instance)
                    meet_target(x, source, r, all[k]);
            }
        }
    }
    free(all);
}

void engine_inhibit_resolved(struct engine *e, const struct docket *source) {
    const char *id = source->inc->id;
    size_t n;
    struct docket **all = may_inhibit(e, source) ? engine_dockets_sorted(e, &n) : NULL;

    for (size_t i = 0; all && i < n; i++) {
        struct docket *d = all[i];
        struct engine_eval x;
        struct event ev;

        if (!d->inc->inhibited_by || strcmp(d->inc->inhibited_by, id) != 0)
            continue;
        struct docket *other = world(e, d, &x, &ev) ? inhibitor(e, &x, d) : NULL;
        if (!engine_incident_text(&d->inc->inhibited_by, other ? other->inc->id : NULL))
            e->oom = true;
        if (!other && d->inc->condition == CONDITION_FIRING && engine_may_publish(d))
            engine_publish(e, d);
        else
            engine_docket_dirty(e, d);
    }
    free(all);
}
