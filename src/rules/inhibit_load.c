/* SPDX-License-Identifier: Apache-2.0
 * Inhibit rules from YAML: while an incident of a source rule is open, those of the target rules wait that agree with it in every `equal`. */
#include <stdio.h>
#include <string.h>

#include "rules/load_int.h"
#include "rules/shape_int.h"

static bool read_rules(struct loader *ld, const struct yaml_node *n, const char *what, const struct rule *const **ret, size_t *ret_n) {
    const struct yaml_node *const *words;
    struct reader *rd = &ld->rd;
    size_t count, kept = 0;
    if (!node_words(rd, n, what, &words, &count))
        return false;
    const struct rule **out = reader_alloc(rd, count * sizeof *out);
    if (!out)
        return false;
    for (size_t i = 0; i < count; i++) {
        out[kept] = ruleset_rule(ld->rs, words[i]->text);
        if (out[kept]) {
            kept++;
            continue;
        }
        if (ld->incomplete)
            continue;
        const char *near = ruleset_nearest_rule(ld->rs, words[i]->text);
        char hint[160];
        if (near)
            (void)snprintf(hint, sizeof hint, "did you mean '%.100s'?", near);
        report_error(rd->rep, words[i]->at, near ? hint : NULL, "there is no rule '%.80s'", words[i]->text);
    }
    *ret = out;
    *ret_n = kept;
    return kept == count;
}

static void read_inhibit(struct loader *ld, const struct yaml_node *n, struct inhibit_rule *ih) {
    struct reader *rd = &ld->rd;
    if (!shape_keys(rd, n, &inhibit_shape))
        return;
    const struct yaml_node *source = yaml_get(n, "source"), *target = yaml_get(n, "targets"), *equal = yaml_get(n, "equal"),
                           *about = yaml_get(n, "about");
    source = source ? source : yaml_get(n, "sources");
    target = target ? target : yaml_get(n, "target");
    shape_relations(rd, n, &inhibit_shape, n->at);
    if (about)
        (void)node_text(rd, about, "'about'");
    if (!source || !target)
        return;
    (void)read_rules(ld, source, "'source'", &ih->sources, &ih->nsources);
    (void)read_rules(ld, target, "'targets'", &ih->targets, &ih->ntargets);
    for (size_t i = 0; i < ih->nsources; i++)
        for (size_t k = 0; k < ih->ntargets; k++)
            if (ih->sources[i] == ih->targets[k])
                report_error(rd->rep, target->at, "leave it out of one of them", "the rule '%s' would silence itself",
                             ih->sources[i]->name);
    if (!equal)
        return;
    struct rule none = {.name = "", .on_any = true};
    struct rule_reading q = {.ld = ld, .r = &none, .n = n, .env = ld->rule_env, .visible_steps = SIZE_MAX};
    (void)rule_expr_list(&q, equal, "'equal'", CEL_DECL_DYN, &ih->equal, &ih->nequal);
}

void loader_inhibits(struct loader *ld) {
    struct inhibit_rule *list = reader_alloc(&ld->rd, ld->inhibits.n * sizeof *list);
    for (size_t i = 0; list && i < ld->inhibits.n; i++)
        read_inhibit(ld, ld->inhibits.items[i], &list[i]);
    ld->rs->inhibits = list;
    ld->rs->ninhibits = ld->inhibits.n;
}
