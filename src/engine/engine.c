/* SPDX-License-Identifier: Apache-2.0
 * The engine's wiring: making it, the way of one event, of time, and of a flush. Start reading here; engine_int.h has the picture. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_BLOCK (32 << 10)
#define SCRATCH_MAX (64 << 20)

/* -- rules ------------------------------------------------------------------------------------------------------------------------ */
struct engine_rule *engine_rule_named(const struct engine *e, const char *name) {
    const struct rule *r = name ? ruleset_rule(e->rs, name) : NULL;
    size_t i = r ? (size_t)(r - e->rs->rules) : e->nrules;

    return i < e->nrules ? &e->rules[i] : NULL;
}

uint32_t engine_platforms(const struct ruleset *rs, const char *const *names, size_t n) {
    uint32_t bits = 0;

    if (n == 0 || !rs->config)
        return ~0u;
    for (size_t i = 0; i < n; i++) {
        for (size_t p = 0; p < rs->config->nplatforms; p++) {
            const struct config_platform *to = &rs->config->platforms[p];
            if (strcmp(names[i], to->name) == 0 || (to->level && strcmp(names[i], to->level) == 0))
                bits |= 1u << p;
        }
    }
    return bits;
}

/* Fills e->rules for rs; the caller keeps or frees the former ones. */
int engine_rules_make(struct engine *e, const struct ruleset *rs) {
    struct engine_rule *rules = calloc(rs->nrules ? rs->nrules : 1, sizeof(*rules));

    if (!rules)
        return GF_ENOMEM;
    for (size_t i = 0; i < rs->nrules; i++) {
        rules[i].timer.owner = TIMER_RULE;
        rules[i].rule = &rs->rules[i];
        rules[i].index = i;
        rules[i].inside = true;
        rules[i].platforms = engine_platforms(rs, rs->rules[i].forward, rs->rules[i].nforward);
        map_init(&rules[i].keys);
    }
    e->rs = rs;
    e->rules = rules;
    e->nrules = rs->nrules;
    for (size_t i = 0; i < rs->nrules; i++) {
        if (engine_figures_make(e, &rules[i]) < 0)
            return GF_ENOMEM;
    }
    return engine_index_build(e);
}

/* -- intervals ------------------------------------------------------------------------------------------------------------------------ */
void engine_during_arm(struct engine *e, struct engine_rule *er) {
    const struct interval *iv = er->rule->during;

    if (!iv)
        return;
    int64_t wait = interval_next_change(iv, e->now.wall) - e->now.wall;
    engine_timer_set(e, &er->timer, e->now.mono + (wait > 0 ? wait : 1));
}

/* The end of an interval drops what is pending; open incidents stay until their clear. */
void engine_during_due(struct engine *e, struct engine_rule *er) {
    bool inside = interval_contains(er->rule->during, e->now.wall) != er->rule->during_not;
    void *value;

    engine_during_arm(e, er);
    if (inside == er->inside)
        return;
    er->inside = inside;
    if (inside || er->npending == 0)
        return;
    for (size_t it = 0; map_next(&er->keys, &it, NULL, &value);) {
        struct instance *in = value;
        if (in->pending == TIME_NONE)
            continue;
        engine_set_pending(in, TIME_NONE);
        in->due[DUE_FOR] = TIME_NONE;
        in->matches = 0;
        engine_instance_touch(e, in);
        engine_instance_settle(e, in);
    }
}

void engine_rules_started(struct engine *e) {
    for (size_t i = 0; i < e->nrules; i++) {
        struct engine_rule *er = &e->rules[i];

        if (er->rule->mode == RULE_OFF)
            continue;
        if (er->rule->during) {
            er->inside = true;
            engine_during_due(e, er);
        }
        if (engine_absent_build(e, er) < 0)
            e->oom = true;
    }
}

/* The wall clock was set: moments of time intervals lie elsewhere in engine time now. */
static void clock_stepped(struct engine *e, struct engine_time now) {
    struct engine_time before = e->now;
    int64_t shift = now.wall - now.mono - e->offset;

    e->offset += shift;
    e->now = (struct engine_time){.mono = before.mono > now.mono ? before.mono : now.mono, .wall = now.wall, .synced = now.synced};
    for (size_t i = 0; i < e->nrules; i++) {
        if (e->rules[i].rule->during && e->rules[i].rule->mode != RULE_OFF)
            engine_during_due(e, &e->rules[i]);
    }
    engine_since_moves(e, shift);
    e->now = before;
}

/* -- life -------------------------------------------------------------------------------------------------------------------------------- */
int engine_new(const struct ruleset *rs, const struct engine_conf *conf, struct err *err, struct engine **ret) {
    struct engine *e = calloc(1, sizeof(*e));

    if (!e)
        return err_set(err, GF_ENOMEM, "out of memory");
    heap_init(&e->timers);
    arena_init(&e->scratch, SCRATCH_BLOCK, SCRATCH_MAX);
    arena_init(&e->feed_arena, 4096, SCRATCH_MAX);
    arena_init(&e->restore_arena, 4096, 0);
    buf_init(&e->text, 64 << 20);
    map_init(&e->devices_by_id);
    map_init(&e->dockets);
    prng_seed(&e->prng, conf->seed);
    e->conf = *conf;
    e->link_down = e->grace_from = TIME_NONE;
    e->a_incident = atom_of("incident");
    e->a_availability = atom_of("availability");
    e->a_online = atom_of("online");
    e->a_shared = atom_of("shared");
    e->a_device = atom_of("device");
    e->gateway = strdup(conf->gateway ? conf->gateway : "");
    e->conf.gateway = e->gateway;
    if (!e->gateway || !e->a_incident || !e->a_availability || !e->a_online || !e->a_shared || !e->a_device ||
        engine_rules_make(e, rs) < 0 || engine_devices_load(e) < 0) {
        engine_free(e);
        return err_set(err, GF_ENOMEM, "engine: out of memory");
    }
    *ret = e;
    return 0;
}

void engine_free(struct engine *e) {
    void *value;

    if (!e)
        return;
    heap_done(&e->timers);
    for (size_t i = 0; i < e->nrules; i++) {
        for (size_t it = 0; map_next(&e->rules[i].keys, &it, NULL, &value);)
            engine_instance_free(e, value);
        map_done(&e->rules[i].keys, NULL);
        engine_absent_free(e, &e->rules[i]);
        engine_figures_done(&e->rules[i]);
        free(e->rules[i].last_error);
    }
    free(e->rules);
    engine_index_release(&e->index);
    for (size_t it = 0; map_next(&e->dockets, &it, NULL, &value);)
        engine_docket_free(e, value);
    map_done(&e->dockets, NULL);
    for (size_t i = 0; i < ENGINE_RECENT; i++)
        engine_docket_free(e, e->recent[i]);
    for (size_t i = 0; i < e->ndevices; i++)
        engine_device_free(e->devices[i]);
    free(e->devices);
    map_done(&e->devices_by_id, NULL);
    free(e->hand);
    free(e->gone);
    free(e->gateway);
    buf_done(&e->text);
    arena_done(&e->scratch);
    arena_done(&e->feed_arena);
    arena_done(&e->restore_arena);
    free(e);
}

/* -- calls ---------------------------------------------------------------------------------------------------------------------------------- */
/* Every call that does something begins here: time never steps back, and what was due before is done before. */
void engine_enter(struct engine *e, struct engine_time *now, struct effects *fx) {
    e->fx = fx;
    if (now->mono < e->now.mono)
        now->mono = e->now.mono;
    int64_t step = now->wall - now->mono - e->offset;
    if (step > 500 || step < -500)
        clock_stepped(e, *now);
    engine_timers_run(e, *now);
}

int engine_finish(struct engine *e) {
    if (!e->oom)
        return 0;
    if (e->fx)
        e->fx->failed = true;
    return GF_ENOMEM;
}

/* Most events say nothing to most rules: `when` is false and there is nothing to remember. That is settled here. */
static bool says_nothing(struct engine_eval *x, struct engine_rule *er, const struct field_map *fields) {
    if (!er->plain || map_count(&er->keys) > 0)
        return false;
    if (!er->inside)
        return true;
    if (engine_guarded(er, fields)) {
        er->evaluated++;
        return true;
    }
    x->ctx.steps = 0;
    struct cel_value v = cel_eval(er->rule->when.program, &x->ctx);
    bool nothing = (v.type == CEL_BOOL && !v.b) || cel_is_unknown(v);
    er->evaluated += nothing;
    er->unknown += v.type == CEL_ERROR && nothing;
    return nothing;
}

static void run_rule(struct engine_eval *x, struct engine_rule *er) {
    switch (er->rule->pattern) {
    case RULE_SINGLE: engine_single_event(x, er); break;
    case RULE_WINDOW: engine_window_event(x, er); break;
    case RULE_SEQUENCE: engine_sequence_event(x, er); break;
    case RULE_TOGETHER: engine_together_event(x, er); break;
    case RULE_ABSENT: engine_absent_event(x, er); break;
    }
}

void engine_run_rules(struct engine *e, const struct event *ev, struct engine_device *dev, bool live) {
    struct rule_list c = engine_candidates(e, ev);
    struct field_map fields;
    struct engine_eval x;

    if (c.n == 0)
        return;
    engine_fields_of(&e->index, &fields, ev);
    engine_eval_init(&x, e, ev, dev, live);
    for (size_t i = 0; i < c.n; i++) {
        struct engine_rule *er = c.rules[i];

        if ((e->depth_shadow && er->rule->mode != RULE_SHADOW) || !engine_has_required(er, &fields))
            continue;
        if (x.touched)
            engine_eval_reset(&x);
        if (!says_nothing(&x, er, &fields))
            run_rule(&x, er);
    }
}

int engine_event(struct engine *e, const struct event *ev, struct engine_time now, struct effects *fx) {
    engine_enter(e, &now, fx);
    if (!e->started || !ev->device || !*ev->device)
        return GF_ESTATE;
    struct engine_device *dev = engine_device_get(e, ev->device, true);
    if (!dev || ((ev->flags & EVENT_RETAINED) && !engine_device_changes(dev, ev)))
        return engine_finish(e);
    arena_reset(&e->scratch);
    engine_run_rules(e, ev, dev, true);
    engine_device_spoke(e, dev, ev);
    engine_device_merge(e, dev, ev);
    engine_device_dirty(e, dev);
    engine_feed_run(e);
    return engine_finish(e);
}

int engine_advance(struct engine *e, struct engine_time now, struct effects *fx) {
    if (!e->started)
        return GF_ESTATE;
    engine_enter(e, &now, fx);
    return engine_finish(e);
}

int64_t engine_due(const struct engine *e) {
    const struct heap_node *first = heap_first(&e->timers);

    return first && e->started ? first->due : INT64_MAX;
}

int engine_flush(struct engine *e, struct effects *fx) {
    e->fx = fx;
    while (e->dirty_instances) {
        struct instance *in = e->dirty_instances;

        e->dirty_instances = in->next_dirty;
        in->dirty = false;
        in->next_dirty = NULL;
        engine_state_flush(e, in);
    }
    while (e->dirty_dockets) {
        struct docket *d = e->dirty_dockets;

        e->dirty_dockets = d->next_dirty;
        d->queued = false;
        d->next_dirty = NULL;
        if (d->dirty)
            engine_docket_emit(e, d, false);
    }
    engine_own_flush(e);
    return engine_finish(e);
}

static bool emit_device(struct engine *e, struct engine_device *d) {
    struct effect_device row = {0};

    buf_clear(&e->text);
    engine_device_write(&e->text, d);
    row.device = arena_strdup(&e->fx->arena, d->id);
    row.body = e->text.failed ? NULL : arena_strndup(&e->fx->arena, e->text.data, e->text.len);
    row.len = e->text.len;
    if (!row.device || !row.body) {
        e->fx->failed = true;
        return false;
    }
    effects_device(e->fx, &row);
    d->known_stored = true;
    return true;
}

/* A silence may begin with the day on which a device was registered: that day must outlive a crash. */
void engine_devices_announce(struct engine *e) {
    for (size_t i = 0; i < e->ndevices; i++) {
        struct engine_device *d = e->devices[i];
        if (d->row && !d->known_stored && !emit_device(e, d))
            return;
    }
}

size_t engine_checkpoint(struct engine *e, size_t n, struct effects *fx) {
    e->fx = fx;
    for (; n > 0 && e->dirty_first; n--) {
        struct engine_device *d = e->dirty_first;

        if (!emit_device(e, d))
            return e->ndirty_devices;
        d->dirty = d->queued = false;
        e->dirty_first = d->next_dirty;
        if (!e->dirty_first)
            e->dirty_last = NULL;
        e->ndirty_devices--;
    }
    return e->ndirty_devices;
}

/* Silences are measured without the time that our link is down; when it is back, what was sent meanwhile gets a chance to arrive (grace). */
void engine_link(struct engine *e, bool up, struct engine_time now) {
    if (now.mono < e->now.mono)
        now.mono = e->now.mono;
    if (up == (e->link_down == TIME_NONE))
        return;
    e->clock_dirty = true;
    if (!up) {
        e->link_down = now.mono;
        return;
    }
    e->paused += now.mono - e->link_down;
    e->link_down = TIME_NONE;
    e->now = now;
    e->grace_from = engine_attended(e, now.mono);
    for (size_t i = 0; i < e->nrules; i++) {
        for (size_t k = 0; k < e->rules[i].nabsences; k++)
            engine_absent_arm(e, &e->rules[i].absences[k]);
    }
}
