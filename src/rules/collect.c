/* SPDX-License-Identifier: Apache-2.0
 * Collecting the parts of a rule file: any file may hold any of them, in any order. Names are claimed here, so that a second one can name the first. */
#include <stdio.h>
#include <string.h>

#include "rules/load_int.h"
#include "rules/shape_int.h"

#define MAX_DEFINITIONS 10000

void nodes_add(struct loader *ld, struct nodes *ns, const struct yaml_node *n) {
    if (ns->n == ns->cap) {
        size_t cap = ns->cap ? ns->cap * 2 : 32;
        const struct yaml_node **more = arena_alloc(&ld->tree, cap * sizeof *more);
        if (!more) {
            reader_oom(&ld->rd);
            return;
        }
        if (ns->n)
            memcpy(more, ns->items, ns->n * sizeof *more);
        ns->items = more;
        ns->cap = cap;
    }
    ns->items[ns->n++] = n;
}

const struct definition *definition_find(const struct definitions *ds, const char *name, size_t len) {
    uintptr_t i = (uintptr_t)map_get(&ds->by_name, name, len);
    return i ? &ds->items[i - 1] : NULL;
}

bool name_claim(struct loader *ld, struct map *names, const char *name, struct place at, const char *what) {
    const struct place *first = map_gets(names, name);
    if (first) {
        report_error(ld->rd.rep, at, first_given(&ld->rd, *first), "a second %s '%s'", what, name);
        return false;
    }
    struct place *copy = arena_dup(&ld->tree, &at, sizeof at);
    if (!copy || map_puts(names, name, copy) < 0)
        reader_oom(&ld->rd);
    return true;
}

static void add_definition(struct loader *ld, struct definitions *ds, const struct yaml_pair *p, const char *what) {
    const struct definition *first = definition_find(ds, p->key->text, p->key->len);
    if (first) {
        report_error(ld->rd.rep, p->key->at, first_given(&ld->rd, first->key->at), "a second %s '%.100s'", what, p->key->text);
        return;
    }
    if (ds->n == MAX_DEFINITIONS) {
        report_error(ld->rd.rep, p->key->at, NULL, "more than %d definitions", MAX_DEFINITIONS);
        return;
    }
    if (ds->n == ds->cap) {
        size_t cap = ds->cap ? ds->cap * 2 : 32;
        struct definition *more = arena_alloc(&ld->tree, cap * sizeof *more);
        if (!more) {
            reader_oom(&ld->rd);
            return;
        }
        if (ds->n)
            memcpy(more, ds->items, ds->n * sizeof *more);
        ds->items = more;
        ds->cap = cap;
    }
    ds->items[ds->n++] = (struct definition){.name = p->key->text, .key = p->key, .value = p->value};
    if (map_put(&ds->by_name, p->key->text, p->key->len, (void *)(uintptr_t)ds->n, NULL) < 0)
        reader_oom(&ld->rd);
}

static void add_list(struct loader *ld, struct nodes *ns, const struct yaml_node *n, const char *key, const char *item) {
    if (n->bad || yaml_is_null(n))
        return;
    char what[64];
    (void)snprintf(what, sizeof what, "'%s'", key);
    if (!node_list(&ld->rd, n, what, item))
        return;
    (void)snprintf(what, sizeof what, "an item of '%s'", key);
    for (size_t i = 0; i < n->n; i++)
        if (node_mapping(&ld->rd, n->items[i], what, item))
            nodes_add(ld, ns, n->items[i]);
}

static void add_mapping(struct loader *ld, struct definitions *ds, const struct yaml_node *n, const char *key, const char *what,
                        const char *example) {
    if (n->bad || yaml_is_null(n))
        return;
    char of[32];
    (void)snprintf(of, sizeof of, "'%s'", key);
    if (!node_mapping(&ld->rd, n, of, example))
        return;
    for (size_t i = 0; i < n->n; i++)
        add_definition(ld, ds, &n->pairs[i], what);
}

void loader_collect(struct loader *ld, const struct yaml_node *root) {
    const char *keys[SHAPE_MAX_KEYS];
    size_t nkeys = shape_names(&rules_file_shape, keys);
    if (!node_mapping(&ld->rd, root, "a rule file", "rules:\n  - rule: …"))
        return;
    for (size_t i = 0; i < root->n; i++) {
        const char *key = root->pairs[i].key->text;
        const struct yaml_node *v = root->pairs[i].value;
        if (strcmp(key, "sources") == 0)
            add_list(ld, &ld->sources, v, key, "- source: name");
        else if (strcmp(key, "rules") == 0)
            add_list(ld, &ld->rules, v, key, "- rule: name");
        else if (strcmp(key, "inhibit_rules") == 0)
            add_list(ld, &ld->inhibits, v, key, "- source: name");
        else if (strcmp(key, "overrides") == 0)
            add_list(ld, &ld->overrides, v, key, "- rule: name");
        else if (strcmp(key, "lists") == 0)
            add_mapping(ld, &ld->lists, v, key, "list", "name: [a, b, c]");
        else if (strcmp(key, "macros") == 0)
            add_mapping(ld, &ld->macros, v, key, "macro", "name: expression");
        else if (strcmp(key, "time_intervals") == 0)
            add_mapping(ld, &ld->intervals, v, key, "time interval", "night: {times: [{start_time: sunset, end_time: sunrise}]}");
        else if (strcmp(key, "tests") == 0)
            report_error(ld->rd.rep, root->pairs[i].key->at, "move it to tests.d", "tests do not stand in a rule file");
        else
            report_unknown(ld->rd.rep, root->pairs[i].key->at, key, keys, nkeys, "a rule file has no key '%.100s'", key);
    }
}
