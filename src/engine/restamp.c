/* SPDX-License-Identifier: Apache-2.0
 * The wall clock was set. Spans do not live by it, but what is told of them is a difference of stamps: since when something holds moves with the clock. Stamps that were made while the clock was
 * known not to be right are put right when it is, and told. */
#include "engine_int.h"

#include <stdlib.h>

static void move(int64_t *at, int64_t shift) {
    int64_t moved;

    if (*at != TIME_NONE && !__builtin_add_overflow(*at, shift, &moved))
        *at = moved;
}

void engine_since_moves(struct engine *e, int64_t shift) {
    void *value;

    for (size_t i = 0; i < e->nrules; i++) {
        for (size_t it = 0; map_next(&e->rules[i].keys, &it, NULL, &value);) {
            struct instance *in = value;

            if (in->since == TIME_NONE && in->npartials == 0)
                continue;
            move(&in->since, shift);
            for (size_t k = 0; k < in->npartials; k++)
                move(&in->partials[k]->wall, shift);
            engine_instance_touch(e, in);
        }
    }
}

struct span {
    int64_t from, until, shift;
};

static void put_right(int64_t *at, const struct span *s) {
    if (*at != TIME_NONE && *at >= s->from && *at <= s->until)
        move(at, s->shift);
}

static void restamp(struct engine *e, struct docket *d, const struct span *s, bool right) {
    struct incident *inc = d->inc;
    int64_t *stamps[] = {&inc->first_event,  &inc->last_event, &inc->raised, &inc->resolved,
                         &inc->acknowledged, &inc->closed,     &inc->updated};
    int64_t *dues[] = {&inc->due_acknowledge, &inc->due_resolve,
                       &inc->due_follow_up}; /* counted from such a stamp, and may lie behind the span */
    bool raised_then = inc->raised >= s->from && inc->raised <= s->until;

    for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]) && raised_then; i++)
        move(dues[i], s->shift);
    for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++)
        put_right(stamps[i], s);
    for (size_t i = 0; i < inc->nhistory; i++)
        put_right(&inc->history[i].at, s);
    d->shifted += s->shift;
    engine_docket_dirty(e, d);
    if (!right)
        return;
    d->unsynced = false;
    if (d->shifted == 0) { /* it was right all the time */
        inc->synced = true;
        return;
    }
    d->shifted = 0;
    inc->corrected = true;
    if (engine_history_add(inc, e->now.wall, "gengfu", "corrected", "the clock was set") < 0)
        e->oom = true;
    engine_revise(e, d, inc->change == CHANGE_OPENED ? CHANGE_UPDATED : inc->change);
}

int engine_restamp(struct engine *e, int64_t from, int64_t until, int64_t shift, bool right, struct engine_time now, struct effects *fx) {
    struct span s = {.from = from, .until = until, .shift = shift};
    size_t n;

    engine_enter(e, &now, fx);
    struct docket **all = engine_dockets_sorted(e, &n);
    for (size_t i = 0; i < n; i++)
        if (all[i]->unsynced)
            restamp(e, all[i], &s, right);
    free(all);
    for (size_t i = 0; i < ENGINE_RECENT; i++) {
        struct docket *d = e->recent[i];

        if (d == NULL || !d->unsynced)
            continue;
        restamp(e, d, &s, right);
        if (d->dirty)
            engine_docket_emit(e, d, false);
    }
    engine_feed_run(e);
    return engine_finish(e);
}
