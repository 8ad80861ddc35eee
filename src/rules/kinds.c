/* SPDX-License-Identifier: Apache-2.0
 * Kinds of events and the fields that their sources set: what rules are checked against. */
#include <string.h>

#include "rules/load_int.h"

const struct kind *kind_find(const struct loader *ld, atom_t name) {
    for (size_t i = 0; i < ld->nkinds; i++)
        if (ld->kinds[i].name == name)
            return &ld->kinds[i];
    return NULL;
}

struct kind *kind_get(struct loader *ld, atom_t name) {
    for (size_t i = 0; i < ld->nkinds; i++)
        if (ld->kinds[i].name == name)
            return &ld->kinds[i];
    if (ld->nkinds == ld->cap_kinds) {
        size_t cap = ld->cap_kinds ? ld->cap_kinds * 2 : 32;
        struct kind *more = arena_alloc(&ld->tree, cap * sizeof *more);
        if (!more) {
            reader_oom(&ld->rd);
            return NULL;
        }
        if (ld->nkinds)
            memcpy(more, ld->kinds, ld->nkinds * sizeof *more);
        ld->kinds = more;
        ld->cap_kinds = cap;
    }
    ld->kinds[ld->nkinds] = (struct kind){.name = name};
    return &ld->kinds[ld->nkinds++];
}

bool kind_has(const struct kind *k, atom_t field) {
    for (size_t i = 0; i < k->n; i++)
        if (k->fields[i] == field)
            return true;
    return false;
}

void kind_add_field(struct loader *ld, struct kind *k, atom_t field) {
    if (!k || !field || kind_has(k, field))
        return;
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 16;
        atom_t *more = arena_alloc(&ld->tree, cap * sizeof *more);
        if (!more) {
            reader_oom(&ld->rd);
            return;
        }
        if (k->n)
            memcpy(more, k->fields, k->n * sizeof *more);
        k->fields = more;
        k->cap = cap;
    }
    k->fields[k->n++] = field;
}

void loader_own_kinds(struct loader *ld) {
    static const char *const of_incident[] = {"rule", "change", "incident", "number", "by", "severity", "handling", "category", "count"};
    static const char *const of_gengfu[] = {"part", "name", "ok", "reason", "count"}; /* builtin.c */
    kind_add_field(ld, kind_get(ld, atom_of("availability")), atom_of("online"));
    struct kind *incident = kind_get(ld, atom_of("incident"));
    for (size_t i = 0; i < COUNT(of_incident); i++)
        kind_add_field(ld, incident, atom_of(of_incident[i]));
    struct kind *gengfu = kind_get(ld, atom_of("gengfu"));
    for (size_t i = 0; i < COUNT(of_gengfu); i++)
        kind_add_field(ld, gengfu, atom_of(of_gengfu[i]));
}
