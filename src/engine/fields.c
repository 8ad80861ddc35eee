/* SPDX-License-Identifier: Apache-2.0
 * Which fields an event brings, found out once for all rules: whether it has those that a rule cannot do without, and whether one of them makes its `when` false.
 *
 * The names that rules ask for have slots, 1 to 63; what comes later has none (0) and is looked for by its name. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 64

static uint8_t slot_of(const struct rule_index *ix, atom_t name) { return name < ix->nslots ? ix->slots[name] : 0; }

/* Gives the name a slot while there are some. False: no memory. */
static bool take_slot(struct rule_index *ix, atom_t name) {
    if (name >= ix->nslots) {
        uint8_t *bigger = realloc(ix->slots, (size_t)name + 1);
        if (!bigger)
            return false;
        memset(bigger + ix->nslots, 0, (size_t)name + 1 - ix->nslots);
        ix->slots = bigger;
        ix->nslots = (size_t)name + 1;
    }
    if (!ix->slots[name] && ix->used < SLOTS - 1)
        ix->slots[name] = ++ix->used;
    return true;
}

/* Guards over fields of the event, those that have a slot. */
static bool add_guards(struct rule_index *ix, struct engine_rule *er) {
    struct cel_guard found[8];
    size_t n = cel_program_guards(er->rule->when.program, found, 8);

    for (size_t i = 0; i < n && er->nguards < ENGINE_MAX_GUARDS; i++) {
        if (found[i].slot != RULE_EVENT)
            continue;
        if (!take_slot(ix, found[i].field))
            return false;
        uint8_t slot = slot_of(ix, found[i].field);
        if (slot)
            er->guards[er->nguards++] = (struct rule_guard){.slot = slot, .guard = found[i]};
    }
    return true;
}

bool engine_fields_add(struct rule_index *ix, struct engine_rule *er) {
    const struct rule *r = er->rule;

    for (size_t i = 0; i < r->nrequired; i++) {
        if (!take_slot(ix, r->required[i]))
            return false;
        uint8_t slot = slot_of(ix, r->required[i]);
        er->by_name = er->by_name || !slot;
        if (slot)
            er->mask |= UINT64_C(1) << slot;
    }
    return !er->plain || add_guards(ix, er);
}

void engine_fields_of(const struct rule_index *ix, struct field_map *m, const struct event *ev) {
    m->event = ev;
    m->mask = 0;
    for (size_t i = 0; i < ev->nfields; i++) {
        uint8_t slot = slot_of(ix, ev->fields[i].name);
        if (!slot || (m->mask & UINT64_C(1) << slot))
            continue;
        m->mask |= UINT64_C(1) << slot;
        m->at[slot] = (uint8_t)i;
    }
}

bool engine_has_names(const struct engine_rule *er, const struct field_map *m) {
    struct cel_value ignored;

    for (size_t i = 0; i < er->rule->nrequired; i++) {
        if (!event_field(m->event, er->rule->required[i], &ignored))
            return false;
    }
    return true;
}

bool engine_guarded(const struct engine_rule *er, const struct field_map *m) {
    for (unsigned i = 0; i < er->nguards; i++) {
        const struct rule_guard *g = &er->guards[i];
        if ((m->mask & UINT64_C(1) << g->slot) && cel_guard_fails(&g->guard, &m->event->fields[m->at[g->slot]].value))
            return true;
    }
    return false;
}
