/* SPDX-License-Identifier: Apache-2.0
 * Timers: one heap of everything that the engine waits for.
 *
 * What is due in the same millisecond is fired in an order that depends on what it is (rule, key), never on when it was set: so a restart, after which all
 * timers are set anew, changes nothing. A timer set to a moment that is past is due at once. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

void engine_timer_set(struct engine *e, struct engine_timer *t, int64_t due) {
    if (e->started && due < e->now.mono)
        due = e->now.mono;
    if (t->hand)
        engine_timer_unset(e, t);
    if (heap_set(&e->timers, &t->node, due) < 0)
        e->oom = true;
}

void engine_timer_unset(struct engine *e, struct engine_timer *t) {
    if (t->hand) {
        for (size_t i = 0; i < e->nhand; i++) {
            if (e->hand[i] == t)
                e->hand[i] = NULL;
        }
        t->hand = false;
    }
    heap_unset(&e->timers, &t->node);
}

void engine_instance_arm(struct engine *e, struct instance *in) {
    int64_t first = INT64_MAX;

    for (int i = 0; i < DUES; i++) {
        if (in->due[i] != TIME_NONE && in->due[i] < first)
            first = in->due[i];
    }
    if (first == INT64_MAX)
        engine_timer_unset(e, &in->timer);
    else if (!heap_is_set(&in->timer.node) || in->timer.node.due != first)
        engine_timer_set(e, &in->timer, first);
}

/* Who comes first at the same moment: rules' keys by rule and key, then the ends of time intervals, then what closes by itself. */
static int class_of(const struct engine_timer *t) { return t->owner == TIMER_DOCKET ? 2 : t->owner == TIMER_RULE ? 1 : 0; }

static void name_of(const struct engine_timer *t, size_t *ret_rule, const char **ret_key) {
    *ret_rule = 0;
    *ret_key = "";
    switch ((enum timer_owner)t->owner) {
    case TIMER_INSTANCE: {
        const struct instance *in = (const struct instance *)(const void *)t;
        *ret_rule = in->rule->index;
        *ret_key = in->key;
        break;
    }
    case TIMER_ABSENCE: {
        const struct absence *a = (const struct absence *)(const void *)t;
        *ret_rule = a->rule->index;
        *ret_key = a->key;
        break;
    }
    case TIMER_RULE: *ret_rule = ((const struct engine_rule *)(const void *)t)->index; break;
    case TIMER_DOCKET: *ret_key = ((const struct docket *)(const void *)t)->inc->number; break;
    }
}

static int compare(const void *pa, const void *pb) {
    const struct engine_timer *a = *(struct engine_timer *const *)pa, *b = *(struct engine_timer *const *)pb;
    size_t rule_a, rule_b;
    const char *key_a, *key_b;

    if (class_of(a) != class_of(b))
        return class_of(a) < class_of(b) ? -1 : 1;
    name_of(a, &rule_a, &key_a);
    name_of(b, &rule_b, &key_b);
    if (rule_a != rule_b)
        return rule_a < rule_b ? -1 : 1;
    int c = strcmp(key_a, key_b);
    return c ? c : (int)a->owner - (int)b->owner;
}

static bool take(struct engine *e, struct engine_timer *t) {
    if (e->nhand == e->cap_hand) {
        size_t cap = e->cap_hand ? e->cap_hand * 2 : 64;
        struct engine_timer **hand = realloc(e->hand, cap * sizeof(*hand));
        if (!hand) {
            e->oom = true;
            return false;
        }
        e->hand = hand;
        e->cap_hand = cap;
    }
    heap_unset(&e->timers, &t->node);
    t->hand = true;
    e->hand[e->nhand++] = t;
    return true;
}

static void fire_instance(struct engine *e, struct instance *in) {
    int what = -1;

    for (int i = 0; i < DUES; i++) {
        if (in->due[i] != TIME_NONE && in->due[i] <= e->now.mono && (what < 0 || in->due[i] < in->due[what]))
            what = i;
    }
    if (what < 0) {
        engine_instance_arm(e, in);
        return;
    }
    in->due[what] = TIME_NONE;
    engine_instance_due(e, in, (enum due)what);
}

static void fire(struct engine *e, struct engine_timer *t) {
    arena_reset(&e->scratch);
    switch ((enum timer_owner)t->owner) {
    case TIMER_INSTANCE: fire_instance(e, (struct instance *)(void *)t); break;
    case TIMER_ABSENCE: engine_absent_due(e, (struct absence *)(void *)t); break;
    case TIMER_RULE: engine_during_due(e, (struct engine_rule *)(void *)t); break;
    case TIMER_DOCKET: engine_docket_due(e, (struct docket *)(void *)t); break;
    }
    engine_feed_run(e);
}

/* Fires all that is due at exactly this moment; what they set for the same moment is another round. */
static void run_moment(struct engine *e, int64_t due) {
    struct heap_node *node;

    e->nhand = 0;
    while ((node = heap_first(&e->timers)) && node->due == due) {
        if (!take(e, (struct engine_timer *)(void *)node))
            return;
    }
    if (e->nhand > 1)
        qsort(e->hand, e->nhand, sizeof(e->hand[0]), compare);
    for (size_t i = 0; i < e->nhand; i++) {
        struct engine_timer *t = e->hand[i];
        if (!t)
            continue;
        e->hand[i] = NULL;
        t->hand = false;
        fire(e, t);
    }
    e->nhand = 0;
}

void engine_timers_run(struct engine *e, struct engine_time now) {
    struct heap_node *node;

    while (!e->oom && (node = heap_first(&e->timers)) && node->due <= now.mono) {
        int64_t due = node->due;

        e->now = (struct engine_time){.mono = due, .wall = now.wall - (now.mono - due), .synced = now.synced};
        run_moment(e, due);
    }
    e->now = now;
}
