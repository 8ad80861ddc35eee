/* SPDX-License-Identifier: Apache-2.0
 * Kinds of events and the fields that their sources set: what rules are checked against. */
#include <string.h>

#include "rules/load_int.h"

#define TEXT (1u << CEL_STRING)

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

/* What is set in two ways is of either type; what is not known in one way is not known. */
void kind_add_field(struct loader *ld, struct kind *k, atom_t field, uint32_t types) {
    if (!k || !field)
        return;
    for (size_t i = 0; i < k->n; i++)
        if (k->fields[i] == field) {
            k->types[i] = k->types[i] && types ? k->types[i] | types : 0;
            return;
        }
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 16;
        atom_t *more = arena_alloc(&ld->tree, cap * sizeof *more);
        uint32_t *more_types = arena_alloc(&ld->tree, cap * sizeof *more_types);
        if (!more || !more_types) {
            reader_oom(&ld->rd);
            return;
        }
        if (k->n) {
            memcpy(more, k->fields, k->n * sizeof *more);
            memcpy(more_types, k->types, k->n * sizeof *more_types);
        }
        k->fields = more;
        k->types = more_types;
        k->cap = cap;
    }
    k->fields[k->n] = field;
    k->types[k->n++] = types;
}

uint32_t kind_field_types(const struct kind *k, atom_t field) {
    for (size_t i = 0; i < k->n; i++)
        if (k->fields[i] == field)
            return k->types[i];
    return 0;
}

void loader_own_kinds(struct loader *ld) {
    static const struct {
        const char *kind, *field;
        uint32_t types;
    } own[] = {{"availability", "online", 1u << CEL_BOOL},
               {"incident", "rule", TEXT},
               {"incident", "change", TEXT},
               {"incident", "incident", TEXT},
               {"incident", "number", TEXT},
               {"incident", "by", 0},
               {"incident", "severity", TEXT},
               {"incident", "handling", TEXT},
               {"incident", "category", TEXT},
               {"incident", "count", KIND_NUMBER},
               {"gengfu", "part", TEXT},
               {"gengfu", "name", TEXT},
               {"gengfu", "ok", 1u << CEL_BOOL},
               {"gengfu", "reason", TEXT},
               {"gengfu", "count", KIND_NUMBER}}; /* builtin.c */
    for (size_t i = 0; i < COUNT(own); i++)
        kind_add_field(ld, kind_get(ld, atom_of(own[i].kind)), atom_of(own[i].field), own[i].types);
}
