/* SPDX-License-Identifier: Apache-2.0
 * Conditions that can never be true, as far as the text alone shows it: a constant, a field that would need two values at once, a kind that the rule does
 * not look at, a word that no incident has. Warnings, all of them. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/atom.h"
#include "gengfu/base/text.h"
#include "rules/load_int.h"

#define MAX_PARTS 16

static bool on_kind(const struct rule *r, const char *kind) {
    for (size_t i = 0; i < r->non; i++)
        if (strcmp(atom_name(r->on[i]), kind) == 0)
            return true;
    return r->on_any || (r->on_incident && strcmp(kind, "incident") == 0);
}

static bool is_field(const struct cel_equality *e, const char *name) {
    return e->slot == RULE_EVENT && strcmp(atom_name(e->field), name) == 0;
}

static const char *word(struct cel_value v, char *buf, size_t size) {
    (void)snprintf(buf, size, "%.*s", v.type == CEL_STRING ? (int)(v.aux < size ? v.aux : size - 1) : 0, v.s);
    return buf;
}

/* x > 5 && x < 3 */
static bool no_number_passes(struct rule_reading *q) {
    struct cel_guard g[MAX_PARTS];
    const struct rule *r = q->r;
    size_t n = cel_program_guards(r->when.program, g, COUNT(g));
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            if (g[i].value.type == CEL_DOUBLE && g[k].value.type == CEL_DOUBLE && g[i].slot == g[k].slot && g[i].field == g[k].field &&
                (g[i].low > g[k].high || g[k].low > g[i].high)) {
                report_warning(q->ld->rd.rep, r->when.at, "write || where either may hold",
                               "the rule can never fire: no '%s' is in both ranges", atom_name(g[i].field));
                return true;
            }
    return false;
}

void rule_check_never(struct rule_reading *q) {
    const struct rule *r = q->r;
    struct report *rep = q->ld->rd.rep;
    struct cel_value v;
    struct cel_equality eq[MAX_PARTS];
    char kind[64];
    if (r->pattern == RULE_WINDOW && !yaml_get(q->n, "when") && r->clear.program && !yaml_get(q->n, "during") &&
        !yaml_get(q->n, "exceptions"))
        report_warning(rep, r->clear.at, "say in 'when' which events count; or leave 'clear' out: then it ends when 'having' turns false",
                       "'clear' is never asked: without 'when' every event counts, and one that counts ends nothing");
    if (!r->when.program)
        return;
    if (cel_program_constant(r->when.program, &v)) {
        if (v.type == CEL_BOOL && !v.b)
            report_warning(rep, r->when.at, "to switch a rule off write mode: off",
                           "the rule can never fire: the condition is always false");
        return;
    }
    size_t n = cel_program_equalities(r->when.program, eq, COUNT(eq));
    for (size_t i = 0; i < n && i < COUNT(eq); i++) {
        if (is_field(&eq[i], "kind") && eq[i].value.type == CEL_STRING && r->nsteps == 0 &&
            !on_kind(r, word(eq[i].value, kind, sizeof kind))) {
            report_warning(rep, r->when.at, "name the kind in 'on'", "the rule can never fire: it does not look at events of kind '%s'",
                           kind);
            return;
        }
        for (size_t k = i + 1; k < n && k < COUNT(eq); k++)
            if (!eq[i].one_of && !eq[k].one_of && eq[k].slot == eq[i].slot && eq[k].field == eq[i].field &&
                !cel_equal(eq[k].value, eq[i].value)) {
                report_warning(rep, r->when.at, "write || where either may hold",
                               "the rule can never fire: '%s' cannot have two values at once", atom_name(eq[i].field));
                return;
            }
    }
    (void)no_number_passes(q);
}

/* -- on: incident ------------------------------------------------------------------------------------------------------------------------ */

/* Fields of an incident's event that hold one of a few words. */
static const struct {
    const char *field, *words[6];
} few[] = {{"change", {"opened", "updated", "resolved", "closed"}},
           {"severity", {"extreme", "severe", "moderate", "minor"}},
           {"handling", {"new", "acknowledged", "dispatched", "handled", "closed"}}};

static void check_word(struct loader *ld, const struct cel_equality *e, struct cel_value v, struct place at) {
    char text[80], hint[120];
    if (v.type != CEL_STRING)
        return;
    (void)word(v, text, sizeof text);
    for (size_t i = 0; i < COUNT(few); i++) {
        size_t n = 0;
        bool known = false;
        for (; n < COUNT(few[i].words) && few[i].words[n]; n++)
            known = known || strcmp(few[i].words[n], text) == 0;
        if (is_field(e, few[i].field) && !known)
            report_unknown_warning(ld->rd.rep, at, text, few[i].words, n, "the '%s' of an incident is never '%s'", few[i].field, text);
    }
    if (!is_field(e, "rule") || ld->incomplete || ruleset_rule(ld->rs, text))
        return;
    const char *near = ruleset_nearest_rule(ld->rs, text);
    if (near)
        (void)snprintf(hint, sizeof hint, "did you mean '%.80s'?", near);
    report_warning(ld->rd.rep, at, near ? hint : NULL, "there is no rule '%s', so no incident is of it", text);
}

static void check_condition(struct loader *ld, const atom_t *on, size_t non, const struct rules_expr *when) {
    struct cel_equality eq[MAX_PARTS];
    struct cel_value v;
    if (!when->program || non != 1 || strcmp(atom_name(on[0]), "incident") != 0)
        return;
    size_t n = cel_program_equalities(when->program, eq, COUNT(eq));
    for (size_t i = 0; i < n && i < COUNT(eq); i++)
        if (eq[i].one_of)
            for (size_t k = 0; cel_list_at(eq[i].value, k, &v); k++)
                check_word(ld, &eq[i], v, when->at);
        else
            check_word(ld, &eq[i], eq[i].value, when->at);
}

void loader_check_incidents(struct loader *ld) {
    for (size_t i = 0; i < ld->rs->nrules; i++) {
        const struct rule *r = &ld->rs->rules[i];
        check_condition(ld, r->on, r->non, &r->when);
        for (size_t k = 0; k < r->nsteps; k++)
            check_condition(ld, r->steps[k].on, r->steps[k].non, &r->steps[k].when);
    }
}
