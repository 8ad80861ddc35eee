/* SPDX-License-Identifier: Apache-2.0
 * Rules from YAML: name, keys, kinds and time; the pattern is read in rule_pattern.c, the incident in rule_incident.c, expressions in rule_expr.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "rules/load_int.h"
#include "rules/shape_int.h"

/* As shape_keys, but a key of the incident that stands beside it is told where it belongs. */
static void check_keys(struct loader *ld, const struct yaml_node *n) {
    const char *names[SHAPE_MAX_KEYS];
    size_t nnames = shape_names(&rule_shape, names);
    for (size_t i = 0; i < n->n; i++) {
        const struct yaml_node *key = n->pairs[i].key;
        if (shape_key(&incident_shape, key->text))
            report_error(ld->rd.rep, key->at, "indent it below 'incident:'", "'%s' belongs to the incident", key->text);
        else if (!shape_key(&rule_shape, key->text))
            report_unknown(ld->rd.rep, key->at, key->text, names, nnames, "a rule has no key '%.100s'", key->text);
    }
}

static void read_during(struct rule_reading *q, const struct yaml_node *n) {
    struct loader *ld = q->ld;
    const struct yaml_node *name = n;
    if (n->bad)
        return;
    if (n->kind == YAML_MAPPING) {
        if (!shape_keys(&ld->rd, n, &during_shape))
            return;
        name = yaml_get(n, "not");
        q->r->during_not = true;
    }
    if (!name || name->kind != YAML_SCALAR || name->len == 0) {
        report_error(ld->rd.rep, n->at, "during: night, or during: {not: night}", "'during' must name a time interval, not %s",
                     node_kind_name(n));
        return;
    }
    const struct definition *d = definition_find(&ld->intervals, name->text, name->len);
    if (d) {
        q->r->during = ld->interval_list[d - ld->intervals.items];
        return;
    }
    if (ld->incomplete)
        return;
    const char **names = arena_alloc(&ld->tree, (ld->intervals.n + 1) * sizeof *names);
    for (size_t i = 0; names && i < ld->intervals.n; i++)
        names[i] = ld->intervals.items[i].name;
    if (ld->intervals.n == 0)
        report_error(ld->rd.rep, name->at,
                     "none is defined; for example time_intervals: {night: {times: [{start_time: sunset, end_time: sunrise}]}}",
                     "there is no time interval '%.80s'", name->text);
    else
        report_unknown(ld->rd.rep, name->at, name->text, names, names ? ld->intervals.n : 0, "there is no time interval '%.80s'",
                       name->text);
}

static void read_kinds(struct rule_reading *q) {
    struct rule *r = q->r;
    const struct yaml_node *on = yaml_get(q->n, "on");
    bool steps = yaml_get(q->n, "sequence") || yaml_get(q->n, "together");
    if (!on) {
        q->kinds_known = q->kinds_known && steps;
        return;
    }
    atom_t *kinds;
    const atom_t *all;
    size_t n;
    if (!rule_on(q, on, &r->on_any, &all, &n) || !(kinds = reader_alloc(&q->ld->rd, n * sizeof *kinds))) {
        q->kinds_known = false;
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(atom_name(all[i]), "incident") == 0)
            r->on_incident = true;
    memcpy(kinds, all, n * sizeof *kinds);
    r->on = kinds;
    r->non = n;
}

static void read_rule(struct loader *ld, const struct yaml_node *n, struct rule *r) {
    struct rule_reading q = {
        .ld = ld, .r = r, .n = n, .env = ld->rule_env, .kinds_known = ld->rs->nsources > 0 && !ld->incomplete, .visible_steps = SIZE_MAX};
    struct reader *rd = &ld->rd;
    const struct yaml_node *name = yaml_get(n, "rule"), *v;
    *r = (struct rule){.name = "?", .about = "", .version = "", .at = n->at, .urgency = "Immediate", .certainty = "Likely"};
    check_keys(ld, n);
    if (!name)
        report_error(rd->rep, n->at, "- rule: lamp-out", "a rule needs a name ('rule')");
    else if (node_name(rd, name, "the rule", &r->name)) {
        r->at = name->at;
        r->builtin = ld->builtin >= 0 && n->at.file == (uint16_t)ld->builtin;
        if (!r->builtin && strncmp(r->name, BUILTIN_PREFIX, sizeof BUILTIN_PREFIX - 1) == 0)
            report_error(rd->rep, name->at, "choose another name; 'overrides' change a rule that is built in",
                         "names that begin with '" BUILTIN_PREFIX "' are for the rules that are built in");
        if (name_claim(ld, &ld->rule_names, r->name, name->at, "rule") && map_puts(&ld->own->rules_by_name, r->name, r) < 0)
            reader_oom(rd);
    }
    if ((v = yaml_get(n, "about")) && !(r->about = node_text(rd, v, "'about'")))
        r->about = "";
    if ((v = yaml_get(n, "version")) && !(r->version = node_text(rd, v, "'version'")))
        r->version = "";
    const char *file = report_file_name(rd->rep, n->at.file);
    r->file = reader_strdup(rd, strncmp(file, "rules.d/", 8) == 0 ? file + 8 : file);
    r->hash = rule_hash(ld, n);
    r->text_hash = rule_text_hash(ld, n);
    shape_relations(rd, n, &rule_shape, r->at);
    read_kinds(&q);
    if ((v = yaml_get(n, "during")))
        read_during(&q, v);
    rule_pattern(&q);
    rule_handling(&q);
    if ((v = yaml_get(n, "incident")))
        rule_incident(&q, v);
    else
        report_error(rd->rep, r->at, "incident: {severity: minor, title: \"${device.name} …\"}",
                     "the rule does not say what it raises: 'incident'");
    cel_env_free(q.own_env);
}

/* Two live rules that match the same: one of them is superfluous, or was meant to differ. */
static void check_shadowed(struct loader *ld, const struct rule *rules, size_t n) {
    struct map seen;
    map_init(&seen);
    for (size_t i = 0; i < n; i++) {
        if (rules[i].mode != RULE_LIVE)
            continue;
        const char *meaning = (const char *)&rules[i].hash;
        const struct place *first = map_get(&seen, meaning, sizeof rules[i].hash);
        struct place *copy = arena_dup(&ld->tree, &rules[i].at, sizeof *copy);
        if (first)
            report_warning(ld->rd.rep, rules[i].at, first_given(&ld->rd, *first), "the rule '%s' matches exactly what another one matches",
                           rules[i].name);
        else if (!copy || map_put(&seen, meaning, sizeof rules[i].hash, copy, NULL) < 0)
            reader_oom(&ld->rd);
    }
    map_done(&seen, NULL);
}

void loader_rules(struct loader *ld) {
    size_t n = ld->rules.n;
    if (n > RULES_MAX_RULES) {
        report_error(ld->rd.rep, ld->rules.items[RULES_MAX_RULES]->at, NULL, "more than %d rules", RULES_MAX_RULES);
        n = RULES_MAX_RULES;
    }
    struct rule *rules = reader_alloc(&ld->rd, n * sizeof *rules);
    if (!rules || ruleset_rule_env(ld->rs, &ld->rule_env) < 0) {
        reader_oom(&ld->rd);
        return;
    }
    for (size_t i = 0; i < n && !ld->rd.oom; i++)
        read_rule(ld, ld->rules.items[i], &rules[i]);
    if (!ld->rd.oom && report_errors(ld->rd.rep) == 0)
        check_shadowed(ld, rules, n);
    ld->rs->rules = rules;
    ld->rs->nrules = n;
    for (size_t i = 0; i < n; i++)
        ld->rs->nbuiltin += rules[i].builtin;
    loader_check_incidents(ld);
}

const struct rule *ruleset_rule(const struct ruleset *rs, const char *name) {
    return map_gets(&((const struct owned_ruleset *)(const void *)rs)->rules_by_name, name);
}

const char *ruleset_nearest_rule(const struct ruleset *rs, const char *name) {
    const char **names = malloc((rs->nrules + 1) * sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < rs->nrules; i++)
        names[i] = rs->rules[i].name;
    const char *near = text_nearest(name, names, rs->nrules);
    free(names);
    return near;
}
