/* SPDX-License-Identifier: Apache-2.0
 * Restore and start: rows of the store become devices, instances and incidents again, and time goes on. What down time does to a rule's memory is its on_downtime. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

/* -- rows ---------------------------------------------------------------------------------------------------------------------- */
void engine_state_gone(struct engine *e, const char *rule, uint64_t hash, const char *key) {
    if (e->ngone == e->cap_gone) {
        size_t cap = e->cap_gone ? e->cap_gone * 2 : 16;
        struct effect_state *gone = realloc(e->gone, cap * sizeof(*gone));
        if (!gone) {
            e->oom = true;
            return;
        }
        e->gone = gone;
        e->cap_gone = cap;
    }
    struct effect_state s = {.rule = arena_strdup(&e->restore_arena, rule), .hash = hash, .key = arena_strdup(&e->restore_arena, key)};
    if (!s.rule || !s.key)
        e->oom = true;
    else
        e->gone[e->ngone++] = s;
}

int engine_restore_state(struct engine *e, const char *rule, uint64_t hash, const char *key, const char *body, size_t len,
                         struct err *err) {
    if (e->started)
        return err_set(err, GF_ESTATE, "the engine has started");
    if (!*rule)
        return engine_own_read(e, key, body, len, err);
    struct engine_rule *er = engine_rule_named(e, rule);
    if (!er || er->rule->hash != hash || er->rule->mode == RULE_OFF) {
        engine_state_gone(e, rule, hash, key);
        return e->oom ? err_set(err, GF_ENOMEM, "out of memory") : 0;
    }
    return engine_state_read(e, er, key, body, len, err);
}

int engine_restore_incident(struct engine *e, const char *body, size_t len, struct err *err) {
    struct incident *inc;
    int rc = incident_read(body, len, err, &inc);

    if (rc < 0)
        return rc;
    bool known = map_gets(&e->dockets, inc->id) != NULL;
    for (size_t i = 0; !known && i < ENGINE_RECENT; i++)
        known = e->recent[i] && strcmp(e->recent[i]->inc->id, inc->id) == 0;
    if (known) {
        rc = err_set(err, GF_EEXIST, "incident %s is known already", inc->id);
        incident_free(inc);
        return rc;
    }
    bool over = inc->condition == CONDITION_RESOLVED && inc->handling == HANDLING_CLOSED;
    if (e->started && !over) {
        rc = err_set(err, GF_ESTATE, "incident %s is not over, and the engine has started", inc->id);
        incident_free(inc);
        return rc;
    }
    struct docket *d = engine_docket_add(e, inc);
    if (!d)
        return err_set(err, GF_ENOMEM, "out of memory");
    d->rule = engine_rule_named(e, inc->rule);
    inc->code = inc->category && e->rs->codes ? codes_find(e->rs->codes, inc->category) : NULL;
    if (over)
        engine_docket_over(e, d);
    return 0;
}

int engine_restore_device(struct engine *e, const char *device, const char *body, size_t len, struct err *err) {
    struct engine_device *d = *device ? engine_device_get(e, device, true) : NULL;

    if (!d)
        return err_set(err, e->oom ? GF_ENOMEM : GF_ELIMIT, "device %s: no room", device);
    return engine_device_read(e, d, body, len, err);
}

int engine_restore_event(struct engine *e, const struct event *ev) {
    struct engine_device *d = engine_device_get(e, ev->device, true);

    if (!d)
        return e->oom ? GF_ENOMEM : 0;
    if ((ev->flags & EVENT_RETAINED) && !engine_device_changes(d, ev))
        return 0;
    struct rule_list c = engine_kind_rules(e, ev->kind); /* absent rules are among these */
    struct engine_eval x;

    arena_reset(&e->scratch);
    engine_eval_init(&x, e, ev, d, true);
    for (size_t i = 0; i < c.n; i++) {
        engine_eval_reset(&x);
        engine_absent_met(&x, c.rules[i]);
    }
    engine_device_spoke(e, d, ev);
    struct device_seen *s = engine_device_seen(d, ev->kind, false);
    if (s)
        s->tail = s->wall == ev->arrived;
    engine_device_merge(e, d, ev);
    engine_device_dirty(e, d);
    return e->oom ? GF_ENOMEM : 0;
}

/* -- after a restart ----------------------------------------------------------------------------------------------------------------- */
/* Events of the journal's tail have a wall time only; it is laid on engine time as the clocks stand now, and never later than the last commit. */
static void settle_seen(const struct engine *e, struct device_seen *s, int64_t missed) {
    int64_t last = engine_attended(e, e->now.mono), at = s->tail ? s->wall - e->now.wall + e->now.mono - e->paused + missed : s->at;

    if (at > s->at)
        s->at = at;
    if (s->at > last)
        s->at = last;
    s->tail = false;
}

static void start_devices(struct engine *e, int64_t missed) {
    int64_t now = engine_attended(e, e->now.mono);

    for (size_t i = 0; i < e->ndevices; i++) {
        struct engine_device *d = e->devices[i];

        for (uint32_t k = 0; k < d->nseen; k++)
            settle_seen(e, &d->seen[k], missed);
        for (uint32_t k = 0; k < d->nmet; k++)
            settle_seen(e, &d->met[k].seen, missed);
        if (d->known == TIME_NONE || d->known > now)
            d->known = now;
    }
}

static int by_number(const void *a, const void *b) {
    const struct window_entry *x = *(struct window_entry *const *)a, *y = *(struct window_entry *const *)b;

    return x->number < y->number ? -1 : x->number > y->number;
}

/* Rows of a window may have come in any order. */
void engine_state_ready(struct engine *e, struct instance *in) {
    struct window *w = in->window;

    if (!w)
        return;
    if (w->count) {
        struct window_entry **sorted = malloc(w->count * sizeof(struct window_entry *));
        if (!sorted) {
            e->oom = true;
            return;
        }
        for (size_t i = 0; i < w->count; i++)
            sorted[i] = w->ring[(w->head + i) & (w->cap - 1)];
        qsort(sorted, w->count, sizeof(sorted[0]), by_number);
        memcpy(w->ring, sorted, w->count * sizeof(sorted[0]));
        w->head = 0;
        w->first = sorted[0]->number;
        /* Their order is that of their times, and none is from the future. */
        for (size_t i = w->count, last = (size_t)-1; i-- > 0; last = i) {
            int64_t limit = last == (size_t)-1 ? e->now.mono : sorted[last]->at;
            if (sorted[i]->at > limit)
                sorted[i]->at = limit;
        }
        free(sorted);
    }
    engine_window_skip(e, in, w->restored_first); /* what stands before it has been forgotten */
    w->clean = w->first + w->count;
}

static void shift_ms(int64_t *ms, int64_t down) {
    if (*ms != TIME_NONE)
        *ms += down;
}

static void shift_all(struct instance *in, int64_t down) {
    static const enum due stand_still[] = {DUE_FOR, DUE_WINDOW, DUE_STEP, DUE_CHATTER, DUE_CLEAR, DUE_KEEP, DUE_QUIET};

    for (size_t i = 0; i < sizeof(stand_still) / sizeof(stand_still[0]); i++)
        shift_ms(&in->due[stand_still[i]], down);
    shift_ms(&in->pending, down);
    for (size_t i = 0; in->window && i < in->window->count; i++)
        in->window->ring[(in->window->head + i) & (in->window->cap - 1)]->at += down;
    if (in->window)
        in->window->clean = in->window->first;
    for (size_t i = 0; i < in->npartials; i++)
        in->partials[i]->began += down;
    for (size_t i = 0; in->latest && i < in->rule->rule->nsteps; i++)
        in->latest[i].at += down;
    for (size_t i = 0; i < in->nchanges; i++)
        in->changes[i] += down;
}

void engine_state_shift(struct engine *e, struct instance *in, int64_t down) {
    enum rule_downtime mode = in->rule->rule->on_downtime;

    if (down <= 0 || mode == DOWNTIME_COUNT)
        return;
    if (mode == DOWNTIME_RESET) {
        engine_instance_forget(e, in);
        in->nchanges = 0;
        in->due[DUE_CHATTER] = TIME_NONE;
    }
    shift_all(in, down);
    engine_instance_touch(e, in);
}

/* A restored or carried-over incident meets its rule. What the key's row did not say is made of the incident's own stamps. */
void engine_adopt(struct engine *e, struct docket *d, struct engine_rule *er) {
    struct incident *inc = d->inc;
    int64_t lay = e->now.mono - e->now.wall;
    struct instance *in = engine_instance_make(e, er, inc->by, strlen(inc->by), BY_STRING);

    if (!in || in->docket)
        return;
    d->rule = er;
    d->instance = in;
    in->docket = d;
    er->nfiring++;
    e->nfiring++;
    engine_set_pending(in, TIME_NONE);
    engine_instance_relist(in);
    inc->urgency = engine_cap_word(er->rule->urgency);
    inc->certainty = engine_cap_word(er->rule->certainty);
    if (in->raised != TIME_NONE)
        return;
    in->silent = er->rule->pattern == RULE_ABSENT;
    in->raised = inc->raised + lay;
    in->told_at = inc->updated + lay;
    in->since = inc->first_event;
    in->escalated = inc->level > 0 ? (size_t)inc->level : 0;
    engine_rearm_clear(e, in);
    if (er->rule->pattern == RULE_WINDOW && er->rule->clear_mode == CLEAR_AUTO) /* also if nothing comes any more */
        in->due[DUE_WINDOW] = e->now.mono + er->rule->within;
    engine_escalate_arm(e, in);
    if (inc->told != inc->count)
        in->due[DUE_REVISE] = in->told_at + (er->rule->repeat_interval > 0 ? er->rule->repeat_interval : ENGINE_DEFAULT_REPEAT);
    engine_instance_touch(e, in);
    engine_instance_arm(e, in);
}

/* An incident whose rule is no more (or twice for one key, which only a damaged store can bring). */
void engine_orphan(struct engine *e, struct docket *d, const char *note) {
    struct lifecycle_move m;

    if (!engine_lifecycle(MOVE_CLEAR, d->inc->condition, d->inc->handling, &m))
        return;
    d->inc->condition = m.to_condition;
    d->inc->resolved = e->now.wall;
    if (!d->inc->published) {
        d->inc->handling = HANDLING_CLOSED;
        d->inc->closed = e->now.wall;
    }
    if (engine_history_add(d->inc, e->now.wall, "gengfu", "resolved", note) < 0)
        e->oom = true;
    engine_revise(e, d, m.sends);
    if (d->inc->handling == HANDLING_CLOSED) {
        engine_docket_emit(e, d, false);
        engine_docket_over(e, d);
    }
}

/* Every incident that has no instance yet finds its rule in the set in force. */
void engine_dockets_meet(struct engine *e) {
    size_t n;
    struct docket **all = engine_dockets_sorted(e, &n);

    for (size_t i = 0; i < n; i++) {
        struct docket *d = all[i];
        struct engine_rule *er = engine_rule_named(e, d->inc->rule);

        d->rule = er;
        d->inc->code = d->inc->category && e->rs->codes ? codes_find(e->rs->codes, d->inc->category) : NULL;
        if (d->instance)
            continue;
        if (d->inc->condition != CONDITION_FIRING) {
            engine_docket_close_later(e, d);
            continue;
        }
        if (er && er->rule->mode != RULE_OFF)
            engine_adopt(e, d, er);
        if (!d->instance)
            engine_orphan(e, d, er ? "the rule is switched off" : "the rule is gone from the rule set");
    }
    free(all);
}

/* After a start or a reload: an inhibitor may be gone, a rule may have left the shadow. */
void engine_settle_publishing(struct engine *e) {
    size_t n;
    struct docket **all = engine_dockets_sorted(e, &n);

    for (size_t i = 0; i < n; i++) {
        struct docket *d = all[i];
        struct docket *by = d->inc->inhibited_by ? map_gets(&e->dockets, d->inc->inhibited_by) : NULL;

        if (d->inc->condition != CONDITION_FIRING || d->inc->published)
            continue;
        if (d->inc->inhibited_by && !(by && by->inc->condition == CONDITION_FIRING)) {
            if (!engine_incident_text(&d->inc->inhibited_by, NULL))
                e->oom = true;
            engine_docket_dirty(e, d);
        }
        if (engine_may_publish(d))
            engine_publish(e, d);
    }
    free(all);
}

static int by_use(const void *a, const void *b) {
    const struct instance *x = *(struct instance *const *)a, *y = *(struct instance *const *)b;

    return x->used < y->used ? -1 : x->used > y->used;
}

void engine_lru_sort(struct engine *e, struct engine_rule *er) {
    size_t n = 0, count = map_count(&er->keys);
    struct instance **all = count ? malloc(count * sizeof(struct instance *)) : NULL;
    void *value;

    if (!all) {
        e->oom |= count > 0;
        return;
    }
    for (size_t it = 0; map_next(&er->keys, &it, NULL, &value);) {
        if (!((struct instance *)value)->docket)
            all[n++] = value;
    }
    qsort(all, n, sizeof(all[0]), by_use);
    for (size_t i = 0; i < n; i++)
        engine_instance_relist(all[i]);
    free(all);
}

static void start_instances(struct engine *e, int64_t down) {
    void *value;

    for (size_t i = 0; i < e->nrules; i++) {
        struct engine_rule *er = &e->rules[i];

        for (size_t it = 0; map_next(&er->keys, &it, NULL, &value);) {
            engine_state_ready(e, value);
            engine_state_shift(e, value, down);
        }
    }
}

static void arm_instances(struct engine *e) {
    void *value;

    for (size_t i = 0; i < e->nrules; i++) {
        engine_lru_sort(e, &e->rules[i]);
        for (size_t it = 0; map_next(&e->rules[i].keys, &it, NULL, &value);) {
            engine_tell_rearm(e, value);
            engine_instance_settle(e, value);
        }
    }
}

int engine_start(struct engine *e, struct engine_time now, int64_t down, struct effects *fx) {
    if (e->started)
        return GF_ESTATE;
    e->fx = fx;
    e->now = now;
    e->offset = now.wall - now.mono;
    down = down > 0 ? down : 0;
    int64_t paused = e->paused;
    if (e->link_down != TIME_NONE) {
        int64_t stood = now.mono - down - e->link_down;
        e->paused += stood > 0 ? stood : 0;
        e->link_down = TIME_NONE;
    }
    e->paused += e->clock_known ? down : 0;
    if (down > 0 || !e->clock_known) {
        e->grace_from = engine_attended(e, now.mono);
        e->clock_known = e->clock_dirty = true;
    }
    start_devices(e, e->paused - paused);
    start_instances(e, down);
    engine_figures_started(e);
    if (e->grace_from != TIME_NONE && e->grace_from > engine_attended(e, now.mono))
        e->grace_from = engine_attended(e, now.mono);
    engine_dockets_meet(e);
    engine_rules_started(e);
    arm_instances(e);
    for (size_t i = 0; i < e->ngone; i++) {
        struct effect_state s = e->gone[i];
        s.rule = arena_strdup(&fx->arena, s.rule);
        s.key = arena_strdup(&fx->arena, s.key);
        if (!s.rule || !s.key)
            e->oom = true;
        else
            effects_state(fx, &s);
    }
    free(e->gone);
    e->gone = NULL;
    e->ngone = e->cap_gone = 0;
    arena_done(&e->restore_arena);
    e->started = true;
    engine_settle_publishing(e);
    engine_devices_announce(e);
    engine_feed_run(e);
    return engine_finish(e);
}
