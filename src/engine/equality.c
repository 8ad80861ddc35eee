/* SPDX-License-Identifier: Apache-2.0
 * Equality indexes: a rule whose `when` holds only if event.field == constant, or is one of some constants, or only for such devices, is found by the value that an event brings, so
 * that a thousand rules that ask for another value cost nothing. When the value differs `when` is false (or unknown), and a rule with nothing to remember has nothing to do; one that has keys is `active` and is looked at. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

static bool own_name(atom_t a) {
    static const char *const own[] = {"kind", "time", "device", "arrived", "late", "retained"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(atom_name(a), own[i]) == 0)
            return true;
    }
    return false;
}

#define MOST_ITEMS 256 /* of a list: a rule stands in the list of each */

static bool may_index(struct cel_value v) { return v.type == CEL_STRING || v.type == CEL_INT || v.type == CEL_BOOL; }

static bool all_may(struct cel_value list) {
    struct cel_value v;
    size_t n = cel_size(list);

    for (size_t i = 0; i < n; i++) {
        if (!cel_list_at(list, i, &v) || !may_index(v))
            return false;
    }
    return n > 0 && n <= MOST_ITEMS;
}

/* device.id and event.device say which device; rules over incidents see those of other devices. */
static bool is_device(const struct rule *r, const struct cel_equality *q) {
    return !r->on_incident && ((q->slot == RULE_DEVICE && strcmp(atom_name(q->field), "id") == 0) ||
                               (q->slot == RULE_EVENT && strcmp(atom_name(q->field), "device") == 0));
}

/* Which of several tells rules apart best: the device, then a text, then the rest. 0: of no use. */
static int worth(const struct rule *r, const struct cel_equality *q) {
    struct cel_value v = q->value;

    if (q->one_of ? !all_may(q->value) || !cel_list_at(q->value, 0, &v) : !may_index(v))
        return 0;
    if (is_device(r, q))
        return v.type == CEL_STRING ? 3 : 0;
    if (q->slot != RULE_EVENT || !q->field || own_name(q->field))
        return 0;
    return v.type == CEL_STRING ? 2 : 1;
}

bool engine_equality_of(const struct engine *e, const struct rule *r, struct cel_equality *ret) {
    struct cel_equality found[8];
    size_t n = cel_program_equalities(r->when.program, found, 8);
    int best = 0;

    for (size_t i = 0; i < n && i < 8; i++) {
        int w = worth(r, &found[i]);
        if (w <= best)
            continue;
        best = w;
        *ret = found[i];
        if (is_device(r, &found[i]))
            ret->field = e->a_device;
    }
    return best > 0;
}

/* Equal values have equal hashes; 1 and 1.0 are equal. False: no rule can ask for such a value. */
static bool hash_of(struct cel_value v, uint64_t *ret) {
    double d;

    if (v.type == CEL_STRING)
        *ret = hash_bytes(v.s, v.aux, 1);
    else if (v.type == CEL_BOOL)
        *ret = v.b ? 0x9e3779b97f4a7c15 : 0x3c6ef372fe94f82b;
    else if (cel_as_double(v, &d))
        *ret = hash_bytes(&(double){d == 0 ? 0 : d}, sizeof(d), 2);
    else
        return false;
    return true;
}

static struct equality_bucket *find(const struct equality *q, struct cel_value v, uint64_t hash) {
    size_t at = hash & (q->nslots - 1);

    while (q->slots[at].n && !cel_equal(q->slots[at].value, v))
        at = (at + 1) & (q->nslots - 1);
    return &q->slots[at];
}

static int grow(struct equality *q) {
    struct equality bigger = {.field = q->field, .nslots = q->nslots ? q->nslots * 2 : 8, .count = q->count};
    uint64_t hash;

    bigger.slots = calloc(bigger.nslots, sizeof(*bigger.slots));
    if (!bigger.slots)
        return GF_ENOMEM;
    for (size_t i = 0; i < q->nslots; i++) {
        if (q->slots[i].n && hash_of(q->slots[i].value, &hash))
            *find(&bigger, q->slots[i].value, hash) = q->slots[i];
    }
    free(q->slots);
    *q = bigger;
    return 0;
}

static int add_value(struct equality *q, struct engine_rule *er, struct cel_value value) {
    struct rule_list list;
    uint64_t hash = 0;

    if (q->count * 2 >= q->nslots && grow(q) < 0)
        return GF_ENOMEM;
    (void)hash_of(value, &hash);
    struct equality_bucket *b = find(q, value, hash);
    list = (struct rule_list){b->rules, b->n};
    if (!engine_rule_list_add(&list, er))
        return GF_ENOMEM;
    q->count += b->n == 0;
    *b = (struct equality_bucket){.value = value, .rules = list.rules, .n = list.n};
    return 0;
}

/* GF_ELIMIT: this kind has its fields indexed already, and this is another one. */
int engine_equality_add(struct candidates *c, struct engine_rule *er, const struct cel_equality *by) {
    struct equality *q = NULL;
    struct cel_value v;
    atom_t field = by->field;
    int rc = 0;

    for (size_t i = 0; i < c->nequalities; i++) {
        if (c->equalities[i].field == field)
            q = &c->equalities[i];
    }
    if (!q && c->nequalities == ENGINE_MAX_EQUALITIES)
        return GF_ELIMIT;
    if (!q) {
        q = &c->equalities[c->nequalities++];
        *q = (struct equality){.field = field};
    }
    if (!by->one_of)
        return add_value(q, er, by->value);
    for (size_t i = 0; rc == 0 && cel_list_at(by->value, i, &v); i++)
        rc = add_value(q, er, v);
    return rc;
}

void engine_equality_free(struct candidates *c) {
    for (size_t i = 0; i < c->nequalities; i++) {
        for (size_t k = 0; k < c->equalities[i].nslots; k++)
            free(c->equalities[i].slots[k].rules);
        free(c->equalities[i].slots);
    }
    c->nequalities = 0;
}

/* How many of the list, from `at` on, come before that rule. */
static size_t rules_before(const struct rule_list *l, size_t at, const struct engine_rule *er) {
    size_t low = at, high = l->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->rules[mid]->index < er->index)
            low = mid + 1;
        else
            high = mid;
    }
    return low - at;
}

/* Merges the lists that concern the event, in the order of the rule set, each rule once. */
struct rule_list engine_equality_rules(struct engine *e, const struct candidates *c, const struct event *ev) {
    struct rule_list lists[2 + ENGINE_MAX_EQUALITIES] = {c->always, c->active}, merged = {0};
    size_t n = 2, total = c->always.n + c->active.n, at[2 + ENGINE_MAX_EQUALITIES] = {0};

    for (size_t i = 0; i < c->nequalities; i++) {
        struct cel_value v;
        uint64_t hash;
        if (c->equalities[i].field == e->a_device)
            v = cel_text(ev->device);
        else if (!event_field(ev, c->equalities[i].field, &v))
            continue;
        if (!hash_of(v, &hash))
            continue;
        const struct equality_bucket *b = find(&c->equalities[i], v, hash);
        lists[n++] = (struct rule_list){b->rules, b->n};
        total += b->n;
    }
    if (total == c->always.n)
        return c->always;
    merged.rules = arena_alloc(&e->scratch, total * sizeof(struct engine_rule *));
    if (!merged.rules) {
        e->oom = true;
        return merged;
    }
    for (;;) { /* the lists by value are short, the one that always counts is long: of that, whole runs */
        struct engine_rule *next = NULL;
        for (size_t i = 1; i < n; i++) {
            if (at[i] < lists[i].n && (!next || lists[i].rules[at[i]]->index < next->index))
                next = lists[i].rules[at[i]];
        }
        size_t run = next ? rules_before(&c->always, at[0], next) : c->always.n - at[0];
        if (run)
            memcpy(merged.rules + merged.n, c->always.rules + at[0], run * sizeof(*merged.rules));
        merged.n += run;
        at[0] += run;
        if (!next)
            return merged;
        for (size_t i = 0; i < n; i++)
            at[i] += at[i] < lists[i].n && lists[i].rules[at[i]] == next;
        merged.rules[merged.n++] = next;
    }
}
