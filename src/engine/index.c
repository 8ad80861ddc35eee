/* SPDX-License-Identifier: Apache-2.0
 * The index: which rules an event may concern. A table by kind (atoms are small numbers), then by the value of a field (equality.c), then by its fields (fields.c); all that before
 * any expression is run. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

/* All kinds that a rule listens to: its own and its steps'. */
static bool each_kind(const struct rule *r, bool (*visit)(void *, atom_t), void *arg) {
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

static bool takes_any(const struct rule *r) {
    if (r->on_any)
        return true;
    for (size_t s = 0; s < r->nsteps; s++) {
        if (r->steps[s].on_any)
            return true;
    }
    return false;
}

static bool max_kind(void *arg, atom_t kind) {
    size_t *n = arg;

    if (kind >= *n)
        *n = (size_t)kind + 1;
    return true;
}

/* Which earlier events a step's `when` reads: only those are brought back from their kept text. */
static uint8_t reads_of(const struct rule *r, size_t step) {
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
    struct cel_equality by; /* field 0: not by a value */
};

bool engine_rule_list_add(struct rule_list *l, struct engine_rule *er) {
    if (l->n && l->rules[l->n - 1] == er)
        return true; /* named twice */
    if ((l->n & (l->n - 1)) == 0) {
        struct engine_rule **bigger = realloc(l->rules, (l->n ? l->n * 2 : 1) * sizeof(struct engine_rule *));
        if (!bigger)
            return false;
        l->rules = bigger;
    }
    l->rules[l->n++] = er;
    return true;
}

static bool add_kind(void *arg, atom_t kind) {
    struct adding *a = arg;
    struct candidates *c = &a->e->index.by_kind[kind];

    if (a->by.field) {
        int rc = engine_equality_add(c, a->er, &a->by);
        if (rc == 0 || rc == GF_ENOMEM)
            return rc == 0;
        a->er->indexed = false; /* no room: in this kind it is looked at always, and so it is in all */
    }
    return engine_rule_list_add(&c->always, a->er);
}

static void list_free(struct rule_list *l) {
    free(l->rules);
    *l = (struct rule_list){0};
}

static void candidates_free(struct candidates *c) {
    list_free(&c->always);
    list_free(&c->active);
    engine_equality_free(c);
}

void engine_index_release(struct rule_index *ix) {
    for (size_t i = 0; i < ix->nkinds; i++)
        candidates_free(&ix->by_kind[i]);
    free(ix->by_kind);
    candidates_free(&ix->any_kind);
    free(ix->slots);
    *ix = (struct rule_index){0};
}

/* A rule for any kind stands in every list, in its place, so that rules run in the order of the files whatever the kind. */
static bool add_any(struct engine *e, struct engine_rule *er) {
    for (size_t k = 0; k < e->index.nkinds; k++) {
        if ((k != e->a_incident || er->rule->on_incident) && !engine_rule_list_add(&e->index.by_kind[k].always, er))
            return false;
    }
    return engine_rule_list_add(&e->index.any_kind.always, er);
}

static bool add_rule(struct engine *e, struct engine_rule *er) {
    const struct rule *r = er->rule;
    struct adding a = {.e = e, .er = er};

    for (size_t k = 0; k < r->nsteps && k < RULES_MAX_STEPS; k++)
        er->step_reads[k] = reads_of(r, k);
    if (r->mode == RULE_OFF)
        return true;
    er->takes_any = takes_any(r);
    er->plain = (r->pattern == RULE_SINGLE || r->pattern == RULE_WINDOW) && r->when.program;
    if (!engine_fields_add(&e->index, er))
        return false;
    if (er->takes_any)
        return add_any(e, er);
    er->indexed = er->plain && engine_equality_of(e, r, &a.by);
    return each_kind(r, add_kind, &a);
}

int engine_index_build(struct engine *e) {
    size_t n = (size_t)e->a_incident + 1;

    for (size_t i = 0; i < e->nrules; i++)
        (void)each_kind(e->rules[i].rule, max_kind, &n);
    e->index.by_kind = calloc(n, sizeof(*e->index.by_kind));
    if (!e->index.by_kind)
        return GF_ENOMEM;
    e->index.nkinds = n;
    for (size_t i = 0; i < e->nrules; i++) {
        if (!add_rule(e, &e->rules[i]))
            return GF_ENOMEM;
    }
    return 0;
}

/* -- use -------------------------------------------------------------------------------------------------------------------------- */
static const struct candidates *of_kind(const struct engine *e, atom_t kind) {
    return kind < e->index.nkinds ? &e->index.by_kind[kind] : &e->index.any_kind;
}

struct rule_list engine_kind_rules(const struct engine *e, atom_t kind) {
    return of_kind(e, kind)->always;
}

bool engine_anyone_listens(const struct engine *e, atom_t kind) {
    const struct candidates *c = of_kind(e, kind);

    return c->always.n || c->nequalities;
}

struct rule_list engine_candidates(struct engine *e, const struct event *ev) {
    const struct candidates *c = of_kind(e, ev->kind);

    return c->nequalities ? engine_equality_rules(e, c, ev) : c->always;
}

/* Keeps the lists of rules that are looked at although their value does not occur. */
static bool toggle(void *arg, atom_t kind) {
    struct adding *a = arg;
    struct rule_list *l = &a->e->index.by_kind[kind].active;
    size_t at = 0;

    while (at < l->n && l->rules[at]->index < a->er->index)
        at++;
    bool there = at < l->n && l->rules[at] == a->er;
    if (a->er->active && !there) {
        if (!engine_rule_list_add(l, a->er)) {
            a->e->oom = true;
            return false;
        }
        memmove(&l->rules[at + 1], &l->rules[at], (l->n - 1 - at) * sizeof(l->rules[0]));
        l->rules[at] = a->er;
    } else if (!a->er->active && there) {
        memmove(&l->rules[at], &l->rules[at + 1], (l->n - 1 - at) * sizeof(l->rules[0]));
        l->n--;
    }
    return true;
}

void engine_active_update(struct engine *e, struct engine_rule *er) {
    struct adding a = {.e = e, .er = er};
    bool wanted = map_count(&er->keys) > 0;

    if (!er->indexed || er->active == wanted)
        return;
    er->active = wanted;
    (void)each_kind(er->rule, toggle, &a);
}
