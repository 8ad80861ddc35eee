/* SPDX-License-Identifier: Apache-2.0
 * The index: which rules an event may concern. A table by kind (atoms are small numbers), then the fields that a rule cannot do without, before any expression is run. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

/* All kinds that a rule listens to: its own and its steps'. */
static bool each_kind(const struct rule *r, bool (*visit)(void *, atom_t), void *arg)
{
    for (size_t i = 0; i < r->non; i++) {
        if (!visit(arg, r->on[i]))
            return false;
    }
    for (size_t s = 0; s < r->nsteps; s++) {
        for (size_t i = 0; i < r->steps[s].non; i++) {
            if (!visit(arg, r->steps[s].on[i]))
                return false;
        }
    }
    return true;
}

static bool takes_any(const struct rule *r)
{
    if (r->on_any)
        return true;
    for (size_t s = 0; s < r->nsteps; s++) {
        if (r->steps[s].on_any)
            return true;
    }
    return false;
}

static bool max_kind(void *arg, atom_t kind)
{
    size_t *n = arg;

    if (kind >= *n)
        *n = (size_t)kind + 1;
    return true;
}

/* Which earlier events a step's `when` reads: only those are brought back from their kept text. */
static uint8_t reads_of(const struct rule *r, size_t step)
{
    const struct cel_read *reads;
    size_t n = r->steps[step].when.program ? cel_program_reads(r->steps[step].when.program, &reads) : 0;
    uint8_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        if (reads[i].slot >= RULE_VARS && reads[i].slot < RULE_VARS + RULES_MAX_STEPS)
            bits |= (uint8_t)(1u << (reads[i].slot - RULE_VARS));
    }
    return bits;
}

struct adding {
    struct engine *e;
    struct engine_rule *er;
};

static bool add_to(struct candidates *c, struct engine_rule *er)
{
    if (c->n && c->rules[c->n - 1] == er)
        return true; /* named twice */
    if ((c->n & (c->n - 1)) == 0) {
        struct engine_rule **bigger = realloc(c->rules, (c->n ? c->n * 2 : 1) * sizeof(struct engine_rule *));
        if (!bigger)
            return false;
        c->rules = bigger;
    }
    c->rules[c->n++] = er;
    return true;
}

static bool add_kind(void *arg, atom_t kind)
{
    struct adding *a = arg;

    return add_to(&a->e->by_kind[kind], a->er);
}

uint64_t engine_event_mask(const struct event *ev)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < ev->nfields; i++)
        mask |= UINT64_C(1) << (ev->fields[i].name & 63);
    return mask;
}

bool engine_has_required(const struct engine_rule *er, const struct event *ev, uint64_t mask)
{
    if ((er->mask & mask) != er->mask)
        return false;
    for (size_t i = 0; i < er->rule->nrequired; i++) {
        size_t k = 0;
        while (k < ev->nfields && ev->fields[k].name != er->rule->required[i])
            k++;
        if (k == ev->nfields)
            return false;
    }
    return true;
}

void engine_index_free(struct engine *e)
{
    for (size_t i = 0; i < e->nkinds; i++)
        free(e->by_kind[i].rules);
    free(e->by_kind);
    free(e->any_kind.rules);
    e->by_kind = NULL;
    e->nkinds = 0;
    e->any_kind = (struct candidates){0};
}

/* Rules that take any kind stand in every list, in their place, so that rules run in the order of the files whatever the kind. */
int engine_index_build(struct engine *e)
{
    size_t n = (size_t)e->a_incident + 1;

    for (size_t i = 0; i < e->nrules; i++)
        (void)each_kind(e->rules[i].rule, max_kind, &n);
    e->by_kind = calloc(n, sizeof(*e->by_kind));
    if (!e->by_kind)
        return GF_ENOMEM;
    e->nkinds = n;
    for (size_t i = 0; i < e->nrules; i++) {
        struct engine_rule *er = &e->rules[i];
        const struct rule *r = er->rule;
        struct adding a = {e, er};

        er->mask = 0;
        for (size_t k = 0; k < r->nrequired; k++)
            er->mask |= UINT64_C(1) << (r->required[k] & 63);
        for (size_t k = 0; k < r->nsteps && k < RULES_MAX_STEPS; k++)
            er->step_reads[k] = reads_of(r, k);
        if (r->mode == RULE_OFF)
            continue;
        er->takes_any = takes_any(r);
        if (!er->takes_any && !each_kind(r, add_kind, &a))
            return GF_ENOMEM;
        if (!er->takes_any)
            continue;
        for (size_t k = 0; k < n; k++) {
            if ((k != e->a_incident || r->on_incident) && !add_to(&e->by_kind[k], er))
                return GF_ENOMEM;
        }
        if (!add_to(&e->any_kind, er))
            return GF_ENOMEM;
    }
    return 0;
}

const struct candidates *engine_candidates(const struct engine *e, atom_t kind) { return kind < e->nkinds ? &e->by_kind[kind] : &e->any_kind; }
