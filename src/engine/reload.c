/* SPDX-License-Identifier: Apache-2.0
 * Reload: another rule set takes over between two events. A rule with the same name and hash goes on as if nothing had happened; one with the same name and another
 * meaning keeps its open incidents and begins anew; incidents of rules that are gone (or switched off) are resolved with a note. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

struct former { /* the set that is on its way out */
    struct engine_rule *rules;
    size_t nrules;
    struct rule_index index;
    const struct ruleset *rs;
};

static void put_back(struct engine *e, const struct former *f) {
    engine_index_release(&e->index);
    for (size_t i = 0; i < e->nrules && e->rules; i++)
        engine_figures_done(&e->rules[i]);
    free(e->rules);
    e->rules = f->rules;
    e->nrules = f->nrules;
    e->index = f->index;
    e->rs = f->rs;
}

static void carry_over(struct engine *e, struct engine_rule *from, struct engine_rule *to) {
    void *value;

    to->keys = from->keys;
    map_init(&from->keys);
    to->lru_first = from->lru_first;
    to->lru_last = from->lru_last;
    to->npending = from->npending;
    to->nfiring = from->nfiring;
    to->inside = from->inside;
    to->evaluated = from->evaluated;
    to->matched = from->matched;
    to->unknown = from->unknown;
    to->errors = from->errors;
    to->opened = from->opened;
    to->evicted = from->evicted;
    to->dropped = from->dropped;
    to->last_error = from->last_error;
    from->last_error = NULL;
    for (size_t it = 0; map_next(&to->keys, &it, NULL, &value);) {
        struct instance *in = value;
        in->rule = to;
        if (in->docket)
            in->docket->rule = to;
        engine_tell_rearm(e, in);
    }
    engine_active_update(e, to);
}

/* The rule's memory goes; its incidents stand without an instance until they meet a rule of the new set. */
static void let_go(struct engine *e, struct engine_rule *er) {
    void *value;

    for (size_t it = 0; map_next(&er->keys, &it, NULL, &value);) {
        struct instance *in = value;
        engine_state_delete(e, in);
        (void)map_remove(&er->keys, in->key, in->key_len);
        engine_instance_free(e, in);
    }
}

static void free_former(struct engine *e, struct former *f) {
    for (size_t i = 0; i < f->nrules; i++) {
        map_done(&f->rules[i].keys, NULL);
        engine_figures_done(&f->rules[i]);
        free(f->rules[i].last_error);
        engine_timer_unset(e, &f->rules[i].timer);
    }
    engine_index_release(&f->index);
    free(f->rules);
}

int engine_reload(struct engine *e, const struct ruleset *rs, struct engine_time now, struct effects *fx, struct err *err) {
    struct former f;

    if (!e->started)
        return err_set(err, GF_ESTATE, "the engine has not started");
    engine_enter(e, &now, fx);
    f = (struct former){.rules = e->rules, .nrules = e->nrules, .index = e->index, .rs = e->rs};
    e->index = (struct rule_index){0};
    e->rules = NULL;
    if (engine_rules_make(e, rs) < 0) {
        put_back(e, &f);
        return err_set(err, GF_ENOMEM, "reload: out of memory");
    }
    for (size_t i = 0; i < f.nrules; i++) {
        struct engine_rule *from = &f.rules[i], *to = engine_rule_named(e, from->rule->name);
        void *value;

        engine_absent_free(e, from);
        for (size_t it = 0; map_next(&from->keys, &it, NULL, &value);)
            ((struct instance *)value)->absence = NULL;
        if (to && to->rule->hash == from->rule->hash && to->rule->mode != RULE_OFF && from->rule->mode != RULE_OFF)
            carry_over(e, from, to);
        else
            let_go(e, from);
        if (to)
            engine_figures_meet(e, to, &from->figures, from->figures_dirty);
    }
    for (size_t i = 0; i < ENGINE_RECENT; i++) {
        struct docket *d = e->recent[i];
        if (d) {
            d->rule = engine_rule_named(e, d->inc->rule);
            d->inc->code = d->inc->category && rs->codes ? codes_find(rs->codes, d->inc->category) : NULL;
        }
    }
    free_former(e, &f);
    if (engine_devices_load(e) < 0)
        e->oom = true;
    engine_dockets_meet(e);
    for (size_t i = 0; i < e->nrules; i++) {
        struct engine_rule *er = &e->rules[i];
        bool inside = er->inside;

        if (er->rule->mode == RULE_OFF)
            continue;
        if (er->rule->during) {
            er->inside = inside;
            engine_during_due(e, er);
        }
        if (engine_absent_build(e, er) < 0)
            e->oom = true;
    }
    engine_settle_publishing(e);
    engine_devices_announce(e);
    engine_feed_run(e);
    return engine_finish(e) < 0 ? err_set(err, GF_ENOMEM, "reload: out of memory") : 0;
}
