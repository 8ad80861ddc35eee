/* SPDX-License-Identifier: Apache-2.0
 * Overrides: a site's changes to shipped rules, kept in files of their own. A key replaces the rule's; `exceptions` are added; under `incident` each key replaces its like.
 * The merge is done on the trees, so a mistake is reported in the override's file. */
#include <string.h>

#include "rules/load_int.h"

static const struct yaml_node *rule_named(const struct loader *ld, const char *name, size_t *ret_index) {
    for (size_t i = 0; i < ld->rules.n; i++) {
        const struct yaml_node *n = yaml_get(ld->rules.items[i], "rule");
        if (n && n->kind == YAML_SCALAR && strcmp(n->text, name) == 0) {
            *ret_index = i;
            return ld->rules.items[i];
        }
    }
    return NULL;
}

static struct yaml_node *copy_mapping(struct loader *ld, const struct yaml_node *n, size_t more) {
    struct yaml_node *copy = arena_dup(&ld->tree, n, sizeof *n);
    struct yaml_pair *pairs = arena_alloc(&ld->tree, (n->n + more + 1) * sizeof *pairs);
    if (!copy || !pairs) {
        reader_oom(&ld->rd);
        return NULL;
    }
    if (n->n)
        memcpy(pairs, n->pairs, n->n * sizeof *pairs);
    copy->pairs = pairs;
    return copy;
}

static struct yaml_pair *pair_of(struct yaml_node *mapping, const char *key) {
    for (size_t i = 0; i < mapping->n; i++)
        if (strcmp(mapping->pairs[i].key->text, key) == 0)
            return &mapping->pairs[i];
    return NULL;
}

static void replace(struct yaml_node *mapping, const struct yaml_pair *p) {
    struct yaml_pair *old = pair_of(mapping, p->key->text);
    if (old)
        *old = *p;
    else
        mapping->pairs[mapping->n++] = *p;
}

/* Both lists one after the other; what is no list is left for the rule's own check to complain about. */
static void add_items(struct loader *ld, struct yaml_node *mapping, const struct yaml_pair *p) {
    struct yaml_pair *old = pair_of(mapping, p->key->text);
    if (!old || old->value->kind != YAML_SEQUENCE || p->value->kind != YAML_SEQUENCE) {
        replace(mapping, p);
        return;
    }
    struct yaml_node *both = arena_dup(&ld->tree, old->value, sizeof *both);
    struct yaml_node **items = arena_alloc(&ld->tree, (old->value->n + p->value->n + 1) * sizeof *items);
    if (!both || !items) {
        reader_oom(&ld->rd);
        return;
    }
    for (size_t i = 0; i < old->value->n; i++)
        items[i] = old->value->items[i];
    for (size_t i = 0; i < p->value->n; i++)
        items[old->value->n + i] = p->value->items[i];
    both->items = items;
    both->n = old->value->n + p->value->n;
    old->value = both;
}

static void merge_incident(struct loader *ld, struct yaml_node *mapping, const struct yaml_pair *p) {
    struct yaml_pair *old = pair_of(mapping, "incident");
    if (!old || old->value->kind != YAML_MAPPING || p->value->kind != YAML_MAPPING) {
        replace(mapping, p);
        return;
    }
    struct yaml_node *both = copy_mapping(ld, old->value, p->value->n);
    if (!both)
        return;
    for (size_t i = 0; i < p->value->n; i++)
        replace(both, &p->value->pairs[i]);
    old->value = both;
}

/* How a rule ends is said by two keys together: what an override says of it takes the place of all that the rule said. */
static void drop_ends(struct yaml_node *mapping, const struct yaml_node *o) {
    static const char *const ends[] = {"clear", "resolve_after"};
    if (!yaml_get(o, ends[0]) && !yaml_get(o, ends[1]))
        return;
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct yaml_pair *old = pair_of(mapping, ends[i]);
        if (old)
            *old = mapping->pairs[--mapping->n];
    }
}

static void apply(struct loader *ld, const struct yaml_node *o) {
    const struct yaml_node *name = yaml_get(o, "rule");
    struct reader *rd = &ld->rd;
    size_t index;
    if (!name) {
        report_error(rd->rep, o->at, "- rule: lamp-out", "an override names its rule ('rule')");
        return;
    }
    if (name->bad)
        return;
    const struct yaml_node *rule = name->kind == YAML_SCALAR ? rule_named(ld, name->text, &index) : NULL;
    if (!rule) {
        if (ld->incomplete)
            return;
        const char **names = arena_alloc(&ld->tree, (ld->rules.n + 1) * sizeof *names);
        size_t n = 0;
        for (size_t i = 0; names && name->kind == YAML_SCALAR && i < ld->rules.n; i++) {
            const struct yaml_node *r = yaml_get(ld->rules.items[i], "rule");
            if (r && r->kind == YAML_SCALAR && (r->at.file != (uint16_t)ld->builtin || strncmp(name->text, "gengfu", 6) == 0))
                names[n++] = r->text;
        }
        report_unknown(rd->rep, name->at, name->kind == YAML_SCALAR ? name->text : "", names, n, "there is no rule '%.80s' to override",
                       name->kind == YAML_SCALAR ? name->text : node_kind_name(name));
        return;
    }
    const struct yaml_node *about = yaml_get(o, "about");
    if (about)
        (void)node_text(rd, about, "'about'");
    struct yaml_node *merged = copy_mapping(ld, rule, o->n);
    if (merged)
        drop_ends(merged, o);
    for (size_t i = 0; merged && i < o->n; i++) {
        const struct yaml_pair *p = &o->pairs[i];
        const char *key = p->key->text;
        if (strcmp(key, "rule") == 0 || strcmp(key, "about") == 0)
            continue;
        if (strcmp(key, "exceptions") == 0)
            add_items(ld, merged, p);
        else if (strcmp(key, "incident") == 0)
            merge_incident(ld, merged, p);
        else
            replace(merged, p);
    }
    if (merged)
        ld->rules.items[index] = merged;
}

void loader_overrides(struct loader *ld) {
    for (size_t i = 0; i < ld->overrides.n; i++)
        apply(ld, ld->overrides.items[i]);
}
