/* SPDX-License-Identifier: Apache-2.0
 * Effects: growing arrays in one arena; see the header. Leans on base only. */
#include "gengfu/engine/effects.h"

#include <string.h>

#define EFFECTS_BLOCK (16 << 10)

void effects_init(struct effects *fx) {
    memset(fx, 0, sizeof(*fx));
    arena_init(&fx->arena, EFFECTS_BLOCK, 0);
}

void effects_done(struct effects *fx) {
    arena_done(&fx->arena);
    memset(fx, 0, sizeof(*fx));
}

void effects_reset(struct effects *fx) {
    struct arena kept = fx->arena;

    arena_reset(&kept);
    memset(fx, 0, sizeof(*fx));
    fx->arena = kept;
}

/* Room for one more of `size` bytes; the old array stays behind in the arena. */
static bool grow(struct effects *fx, void **array, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return true;
    size_t wanted = *cap ? *cap * 2 : 16;
    void *bigger = arena_alloc(&fx->arena, wanted * size);
    if (!bigger) {
        fx->failed = true;
        return false;
    }
    if (n)
        memcpy(bigger, *array, n * size);
    *array = bigger;
    *cap = wanted;
    return true;
}

void effects_event(struct effects *fx, const struct effect_event *e) {
    void *a = fx->events;

    if (!grow(fx, &a, fx->nevents, &fx->cap_events, sizeof(*e)))
        return;
    fx->events = a;
    fx->events[fx->nevents++] = *e;
}

void effects_state(struct effects *fx, const struct effect_state *s) {
    void *a = fx->states;

    if (!grow(fx, &a, fx->nstates, &fx->cap_states, sizeof(*s)))
        return;
    fx->states = a;
    fx->states[fx->nstates++] = *s;
}

void effects_device(struct effects *fx, const struct effect_device *d) {
    void *a = fx->devices;

    if (!grow(fx, &a, fx->ndevices, &fx->cap_devices, sizeof(*d)))
        return;
    fx->devices = a;
    fx->devices[fx->ndevices++] = *d;
}

void effects_incident(struct effects *fx, const struct effect_incident *i) {
    void *a = fx->incidents;

    if (!grow(fx, &a, fx->nincidents, &fx->cap_incidents, sizeof(*i)))
        return;
    fx->incidents = a;
    fx->incidents[fx->nincidents++] = *i;
}

void effects_answer(struct effects *fx, const struct effect_answer *w) {
    void *a = fx->answers;

    if (!grow(fx, &a, fx->nanswers, &fx->cap_answers, sizeof(*w)))
        return;
    fx->answers = a;
    fx->answers[fx->nanswers++] = *w;
}

bool effects_any(const struct effects *fx) { return fx->nevents || fx->nstates || fx->ndevices || fx->nincidents || fx->nanswers; }
