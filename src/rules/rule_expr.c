/* SPDX-License-Identifier: Apache-2.0
 * Expressions of rules: compiled, and checked against what sources, registry and steps really have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/atom.h"
#include "rules/load_int.h"

#define MAX_NAMES 512

/* -- what a field may be --------------------------------------------------------------------------------------------------------- */

struct names {
    const char *items[MAX_NAMES];
    size_t n;
    bool found, open;
};

static void consider(struct names *ns, atom_t name, atom_t want) {
    if (name == want)
        ns->found = true;
    if (ns->n < MAX_NAMES)
        ns->items[ns->n++] = atom_name(name);
}

static void consider_kind(struct names *ns, const struct kind *k, atom_t want) {
    if (!k)
        return;
    ns->open = ns->open || k->open;
    for (size_t i = 0; i < k->n; i++)
        consider(ns, k->fields[i], want);
}

static void consider_own(struct names *ns, atom_t want) {
    static const char *const own[] = {"kind", "time", "device", "arrived", "late", "retained"};
    for (size_t i = 0; i < COUNT(own); i++)
        consider(ns, atom_of(own[i]), want);
}

static void check_device(struct rule_reading *q, const struct cel_read *read, struct place at) {
    const struct registry_column *columns;
    size_t n = registry_columns(q->ld->rs->registry, &columns);
    struct names ns = {0};
    const char *name = atom_name(read->field);
    for (size_t i = 0; i < n; i++)
        consider(&ns, columns[i].name, read->field);
    if (ns.found || strcmp(name, "id") == 0 || registry_headless(q->ld->rs->registry))
        return;
    if (n == 0)
        report_warning(q->ld->rd.rep, at, "add it to devices.csv", "the registry has no column '%s'", name);
    else if (read->guarded)
        report_unknown_warning(q->ld->rd.rep, at, name, ns.items, ns.n, "the registry has no column '%s'", name);
    else
        report_unknown(q->ld->rd.rep, at, name, ns.items, ns.n, "the registry has no column '%s'", name);
}

/* The field of an event of one of the kinds. */
static void check_event(struct rule_reading *q, bool any, const atom_t *on, size_t non, atom_t field, struct place at) {
    struct names ns = {0};
    consider_own(&ns, field);
    for (size_t i = 0; !any && i < non; i++)
        consider_kind(&ns, kind_find(q->ld, on[i]), field);
    for (size_t i = 0; any && i < q->ld->nkinds; i++)
        consider_kind(&ns, &q->ld->kinds[i], field);
    if (ns.found || ns.open)
        return;
    if (any || non == 0)
        report_unknown_warning(q->ld->rd.rep, at, atom_name(field), ns.items, ns.n, "no source sets a field '%s'", atom_name(field));
    else if (non == 1)
        report_unknown_warning(q->ld->rd.rep, at, atom_name(field), ns.items, ns.n, "no source of kind '%s' sets a field '%s'",
                               atom_name(on[0]), atom_name(field));
    else
        report_unknown_warning(q->ld->rd.rep, at, atom_name(field), ns.items, ns.n, "no source of these kinds sets a field '%s'",
                               atom_name(field));
}

static void check_state(struct rule_reading *q, atom_t field, struct place at) {
    struct names ns = {0};
    for (size_t i = 0; i < q->ld->nkinds; i++)
        consider_kind(&ns, &q->ld->kinds[i], field);
    if (!ns.found)
        report_unknown_warning(q->ld->rd.rep, at, atom_name(field), ns.items, ns.n, "no source sets a field '%s'", atom_name(field));
}

static void check_step(struct rule_reading *q, const struct cel_read *read, struct place at) {
    size_t i = read->slot - RULE_VARS;
    const struct rule_step *s = i < q->r->nsteps ? &q->steps[i] : NULL;
    if (!s)
        return;
    if (i >= q->visible_steps)
        report_error(q->ld->rd.rep, at, "a step may read the steps before it", "the step '%s' comes later", atom_name(s->name));
    else if (s->negated)
        report_error(q->ld->rd.rep, at, "read another step", "the step '%s' must not happen, so it has no event to read",
                     atom_name(s->name));
    else if (read->field && q->kinds_known)
        check_event(q, s->on_any, s->on, s->non, read->field, at);
}

static void check_read(struct rule_reading *q, const struct cel_read *read, struct place at) {
    if (read->slot >= RULE_VARS) {
        check_step(q, read, at);
        return;
    }
    if (!read->field)
        return;
    if (read->slot == RULE_DEVICE)
        check_device(q, read, at);
    else if (read->slot == RULE_EVENT && q->kinds_known && q->r->nsteps == 0)
        check_event(q, q->r->on_any, q->r->on, q->r->non, read->field, at);
    else if ((read->slot == RULE_STATE || read->slot == RULE_PREVIOUS) && q->kinds_known)
        check_state(q, read->field, at);
}

static void check_reads(struct rule_reading *q, const struct yaml_node *n, size_t begin, const struct cel_program *p) {
    const struct cel_read *reads;
    size_t count = cel_program_reads(p, &reads);
    for (size_t i = 0; i < count; i++)
        if (!loader_told(q->ld, n->text + begin + reads[i].begin, reads[i].end - reads[i].begin, atom_name(reads[i].field)))
            check_read(q, &reads[i], expr_field_place(n, begin, &reads[i]));
}

/* -- types -------------------------------------------------------------------------------------------------------------------------- */

static uint32_t types_in(const struct loader *ld, bool any, const atom_t *on, size_t non, atom_t field) {
    uint32_t all = 0;
    for (size_t i = 0; i < (any ? ld->nkinds : non); i++) {
        const struct kind *k = any ? &ld->kinds[i] : kind_find(ld, on[i]);
        if (!k || k->open)
            return 0;
        uint32_t types = kind_field_types(k, field);
        if (!types && kind_has(k, field))
            return 0;
        all |= types;
    }
    return all;
}

uint32_t rule_field_types(void *arg, size_t slot, atom_t field) {
    const struct loader *ld = arg;
    const struct rule_reading *q = ld->reading;
    if (!q || !q->kinds_known)
        return 0;
    if (slot == RULE_STATE || slot == RULE_PREVIOUS)
        return types_in(ld, true, NULL, 0, field);
    if (slot == RULE_EVENT && (q->r->nsteps == 0 || q->visible_steps != SIZE_MAX)) /* of steps: while one of them is read */
        return types_in(ld, q->r->on_any, q->r->on, q->r->non, field);
    if (slot >= RULE_VARS && slot - RULE_VARS < q->r->nsteps) {
        const struct rule_step *s = &q->steps[slot - RULE_VARS];
        return types_in(ld, s->on_any, s->on, s->non, field);
    }
    return 0;
}

/* -- compiling ----------------------------------------------------------------------------------------------------------------------- */

/* Where a sum over events reads a field: its program tells places in a text of its own, so the field is looked for behind a point in the call as it is written. */
static struct place aggregate_place(const struct yaml_node *n, size_t begin, size_t end, const struct cel_aggregate *agg, atom_t field) {
    const char *call = agg->text ? memmem(n->text + begin, end - begin, agg->text, strlen(agg->text)) : NULL;
    if (!call)
        return yaml_place(n, begin, end);
    size_t from = (size_t)(call - n->text), to = from + strlen(agg->text), len = atom_length(field);
    for (size_t i = from; len && i + 1 + len <= to; i++)
        if (n->text[i] == '.' && memcmp(n->text + i + 1, atom_name(field), len) == 0 &&
            !is_identifier(n->text + i + 1 + len, i + 1 + len < to))
            return yaml_place(n, i + 1, i + 1 + len);
    return yaml_place(n, from, to);
}

static struct cel_program *compile(struct rule_reading *q, const struct yaml_node *n, size_t begin, size_t end, struct cel_aggregates *set,
                                   enum cel_decl_type want) {
    size_t before = set ? set->count : 0;
    q->ld->reading = q;
    struct cel_program *p = loader_compile(q->ld, q->env, n, begin, end, set, want);
    q->ld->reading = NULL;
    if (!p)
        return NULL;
    check_reads(q, n, begin, p);
    for (size_t i = before; set && i < set->count; i++)
        if (set->items[i].arg) {
            const struct cel_read *reads;
            size_t count = cel_program_reads(set->items[i].arg, &reads);
            for (size_t k = 0; k < count; k++)
                check_read(q, &reads[k], aggregate_place(n, begin, end, &set->items[i], reads[k].field));
        }
    return p;
}

bool rule_expr(struct rule_reading *q, const struct yaml_node *n, const char *what, struct cel_aggregates *aggregates,
               enum cel_decl_type want, struct rules_expr *ret) {
    if (!expr_scalar(&q->ld->rd, n, what))
        return false;
    struct cel_program *p = compile(q, n, 0, n->len, aggregates, want);
    if (!p)
        return false;
    *ret = (struct rules_expr){.program = p, .at = n->at};
    return true;
}

static struct cel_program *compile_part(void *arg, const struct yaml_node *n, size_t begin, size_t end) {
    struct rule_reading *q = arg;
    return compile(q, n, begin, end, q->r->aggregates, CEL_DECL_DYN);
}

bool rule_template(struct rule_reading *q, const struct yaml_node *n, const char *what, struct rules_template *ret) {
    return template_read(q->ld, n, what, compile_part, q, ret);
}

bool rule_expr_list(struct rule_reading *q, const struct yaml_node *n, const char *what, enum cel_decl_type want,
                    const struct rules_expr **ret, size_t *ret_n) {
    const struct yaml_node *const *words;
    size_t count;
    if (!node_words(&q->ld->rd, n, what, &words, &count))
        return false;
    struct rules_expr *out = reader_alloc(&q->ld->rd, count * sizeof *out);
    bool fine = out != NULL;
    for (size_t i = 0; out && i < count; i++)
        fine = rule_expr(q, words[i], what, q->r->aggregates, want, &out[i]) && fine;
    *ret = out;
    *ret_n = count;
    return fine;
}

bool rule_aggregates(struct rule_reading *q) {
    struct owned_ruleset *own = q->ld->own;
    struct cel_aggregates *set = reader_alloc(&q->ld->rd, sizeof *set);
    if (!set)
        return false;
    if (own->naggregates == own->cap_aggregates) {
        size_t cap = own->cap_aggregates ? own->cap_aggregates * 2 : 32;
        struct cel_aggregates **more = realloc(own->aggregates, cap * sizeof *more);
        if (!more) {
            reader_oom(&q->ld->rd);
            return false;
        }
        own->aggregates = more;
        own->cap_aggregates = cap;
    }
    set->names = rule_aggregate_names;
    set->nnames = rule_aggregate_count;
    own->aggregates[own->naggregates++] = set;
    q->r->aggregates = set;
    return true;
}

/* -- what follows from the expressions --------------------------------------------------------------------------------------------------- */

static size_t event_reads(const struct rules_expr *e, atom_t *out, size_t n, size_t max) {
    const struct cel_read *reads;
    size_t count = e->program ? cel_program_reads(e->program, &reads) : 0;
    for (size_t i = 0; i < count; i++) {
        if (reads[i].slot != RULE_EVENT || reads[i].guarded || !reads[i].field)
            continue;
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || out[k] == reads[i].field;
        if (!known && n < max)
            out[n++] = reads[i].field;
    }
    return n;
}

/* Fields that every event has need no looking for. */
static bool own_field(atom_t a) {
    static const char *const own[] = {"kind", "time", "device", "arrived", "late", "retained"};
    for (size_t i = 0; i < COUNT(own); i++)
        if (strcmp(atom_name(a), own[i]) == 0)
            return true;
    return false;
}

/* An event concerns the rule when it has what `when` reads, or what `clear` reads: so what both need is required. Steps read each their own. */
void rule_required(struct rule_reading *q) {
    struct rule *r = q->r;
    atom_t when[64], clear[64], out[64];
    size_t n = 0;
    if (r->nsteps)
        return;
    size_t nwhen = event_reads(&r->by, when, event_reads(&r->when, when, 0, COUNT(when)), COUNT(when));
    size_t nclear = event_reads(&r->by, clear, event_reads(&r->clear, clear, 0, COUNT(clear)), COUNT(clear));
    for (size_t i = 0; i < nwhen; i++) {
        bool both = !r->clear.program;
        for (size_t k = 0; k < nclear; k++)
            both = both || clear[k] == when[i];
        if (both && !own_field(when[i]))
            out[n++] = when[i];
    }
    atom_t *copy = reader_alloc(&q->ld->rd, n * sizeof *copy);
    if (!copy)
        return;
    if (n)
        memcpy(copy, out, n * sizeof *copy);
    r->required = copy;
    r->nrequired = n;
}
