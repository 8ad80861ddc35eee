/* SPDX-License-Identifier: Apache-2.0
 * `within` + `having`: a sliding window over matching events. At engine time T a window of size W holds the events with t > T - W.
 *
 * `having` is read at each matching event, and, where somebody waits for its end (`clear: auto`, a pending `for`), whenever an event leaves the window. An empty window has
 * nothing: `having` counts as false. While an incident is open every matching event folds into it. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

const struct window_entry *engine_window_at(const struct window *w, size_t i) { return w->ring[(w->head + i) & (w->cap - 1)]; }

static void entry_free(struct window_entry *w) {
    if (!w)
        return;
    free(w->member);
    free(w);
}

struct window_entry *engine_window_entry_new(struct engine *e, const struct rule *rule) {
    return engine_window_entry_sized(e, rule->aggregates ? rule->aggregates->count : 0);
}

struct window_entry *engine_window_entry_sized(struct engine *e, size_t n) {
    struct window_entry *w = calloc(1, sizeof(*w) + n * sizeof(w->values[0]));

    if (!w)
        e->oom = true;
    for (size_t i = 0; w && i < n; i++)
        w->values[i] = ENGINE_NO_VALUE;
    return w;
}

struct window *engine_window_need(struct engine *e, struct instance *in) {
    if (!in->window && !(in->window = calloc(1, sizeof(*in->window))))
        e->oom = true;
    return in->window;
}

static void drop_oldest(struct engine *e, struct window *w) {
    entry_free(w->ring[w->head]);
    w->ring[w->head] = NULL;
    w->head = (w->head + 1) & (w->cap - 1);
    w->count--;
    w->first++;
    e->window_entries--;
    if (w->clean < w->first)
        w->clean = w->first;
}

static bool grow(struct window *w) {
    size_t cap = w->cap ? w->cap * 2 : 8;
    struct window_entry **ring = calloc(cap, sizeof(struct window_entry *));

    if (!ring)
        return false;
    for (size_t i = 0; i < w->count; i++)
        ring[i] = w->ring[(w->head + i) & (w->cap - 1)];
    free(w->ring);
    w->ring = ring;
    w->head = 0;
    w->cap = cap;
    return true;
}

/* Takes the entry. A late one goes where its time puts it. */
void engine_window_insert(struct engine *e, struct instance *in, struct window_entry *entry) {
    struct window *w = engine_window_need(e, in);

    if (!w) {
        entry_free(entry);
        return;
    }
    if (w->count >= ENGINE_MAX_WINDOW || (e->window_entries >= ENGINE_MAX_WINDOW_TOTAL && w->count)) {
        drop_oldest(e, w);
        in->rule->dropped++;
    } else if (e->window_entries >= ENGINE_MAX_WINDOW_TOTAL) {
        entry_free(entry);
        in->rule->dropped++;
        return;
    }
    if (w->count == w->cap && !grow(w)) {
        entry_free(entry);
        e->oom = true;
        return;
    }
    size_t at = w->count;
    while (at > 0 && engine_window_at(w, at - 1)->at > entry->at) {
        w->ring[(w->head + at) & (w->cap - 1)] = w->ring[(w->head + at - 1) & (w->cap - 1)];
        at--;
    }
    w->ring[(w->head + at) & (w->cap - 1)] = entry;
    w->count++;
    e->window_entries++;
    if (w->clean > w->first + at)
        w->clean = w->first + at;
}

void engine_window_expire(struct engine *e, struct instance *in) {
    struct window *w = in->window;

    while (w && w->count && engine_window_at(w, 0)->at <= e->now.mono - in->rule->rule->within)
        drop_oldest(e, w);
}

void engine_window_clear(struct engine *e, struct instance *in) {
    while (in->window && in->window->count)
        drop_oldest(e, in->window);
}

/* Restore: drops what has a running number below first. */
void engine_window_skip(struct engine *e, struct instance *in, uint64_t first) {
    struct window *w = in->window;

    while (w->count && w->first < first)
        drop_oldest(e, w);
    if (!w->count)
        w->first = first;
}

void engine_window_free(struct engine *e, struct instance *in) {
    if (!in->window)
        return;
    engine_window_clear(e, in);
    free(in->window->ring);
    free(in->window);
    in->window = NULL;
}

/* The next moment at which the window must be looked at again: exactly when an event leaves it if somebody waits for `having` to turn false, else when the newest has left. */
static void arm(struct instance *in) {
    const struct window *w = in->window;
    int64_t within = in->rule->rule->within;

    if (!w || !w->count) {
        in->due[DUE_WINDOW] = TIME_NONE;
        return;
    }
    if (engine_open_or_pending(in))
        in->due[DUE_WINDOW] = engine_window_at(w, 0)->at + within;
    else if (in->due[DUE_WINDOW] == TIME_NONE)
        in->due[DUE_WINDOW] = engine_window_at(w, w->count - 1)->at + within;
}

static enum truth having(struct engine_eval *x, struct instance *in) {
    struct engine_rule *er = in->rule;

    if (!in->window || !in->window->count)
        return TRUTH_FALSE;
    engine_eval_instance(x, in);
    if (!engine_aggregate_values(x, er->rule, in->window))
        return TRUTH_UNKNOWN;
    return engine_truth(x, er, &er->rule->having);
}

static void matched(struct engine_eval *x, struct engine_rule *er, struct instance *in, int64_t at) {
    struct engine *e = x->engine;
    struct window_entry *entry = engine_window_entry_new(e, er->rule);
    const char *member;

    if (!entry)
        return;
    entry->at = at;
    entry->wall = x->event->time;
    entry->device = x->device;
    engine_aggregate_args(x, er, entry);
    engine_member_of(x, er, &member);
    if (member && !(entry->member = strdup(member)))
        e->oom = true;
    engine_window_expire(e, in);
    engine_window_insert(e, in, entry);
    engine_instance_touch(e, in);
    enum truth t = having(x, in);
    if (t == TRUTH_TRUE) {
        engine_condition_true(x, in, engine_window_at(in->window, 0)->wall, in->window->count);
    } else {
        if (in->docket)
            engine_fold(x, in);
        if (t == TRUTH_FALSE)
            engine_condition_false(x, in);
    }
}

void engine_window_event(struct engine_eval *x, struct engine_rule *er) {
    struct engine *e = x->engine;
    enum truth t = engine_common(x, er);
    int64_t at = x->event->flags & EVENT_LATE ? engine_own_moment(e, x->event) : e->now.mono;
    const char *key;
    size_t len;
    uint8_t by;

    if (t == TRUTH_TRUE && at <= e->now.mono - er->rule->within)
        t = TRUTH_UNKNOWN; /* too late for this window */
    if ((t != TRUTH_TRUE && map_count(&er->keys) == 0) || !engine_key(x, er, &key, &len, &by))
        return;
    struct instance *in = t == TRUTH_TRUE ? engine_instance_get(e, er, key, len, by) : engine_instance_find(er, key, len);
    if (!in)
        return;
    if (t == TRUTH_TRUE)
        matched(x, er, in, at);
    else
        engine_clear_event(x, in);
    arm(in);
    engine_instance_settle(e, in);
}

void engine_window_due(struct engine *e, struct instance *in) {
    struct engine_eval x;
    struct event ev;

    engine_window_expire(e, in);
    if (engine_open_or_pending(in)) {
        if (!engine_eval_kept(&x, e, in, &ev))
            engine_eval_init(&x, e, NULL, in->window && in->window->count ? engine_window_at(in->window, 0)->device : NULL, false);
        if (having(&x, in) == TRUTH_FALSE)
            engine_condition_false(&x, in);
    }
    arm(in);
}
