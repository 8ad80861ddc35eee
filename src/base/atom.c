/* SPDX-License-Identifier: Apache-2.0
 * Atoms: one process-wide table of names. Leans on map's hash only; open addressing, names in stable blocks. */
#include "gengfu/base/atom.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/map.h"

struct name {
    const char *text;
    uint32_t len;
    uint32_t hash;
};

static struct {
    struct arena arena;
    struct name *names; /* names[a - 1] is atom a */
    uint32_t *slots;    /* 0 or an atom; a power of two of them, at most half full */
    uint32_t count, cap, nslots;
    bool ready;
} table;

static uint32_t name_hash(const char *name, size_t len) { return (uint32_t)hash_bytes(name, len, UINT64_C(0x67656e676675)); }

static uint32_t *slot_find(uint32_t *slots, uint32_t nslots, const char *name, size_t len, uint32_t hash) {
    for (uint32_t i = hash & (nslots - 1);; i = (i + 1) & (nslots - 1)) {
        if (!slots[i])
            return &slots[i];
        const struct name *n = &table.names[slots[i] - 1];
        if (n->hash == hash && n->len == len && memcmp(n->text, name, len) == 0)
            return &slots[i];
    }
}

static bool grow(void) {
    uint32_t cap = table.cap ? table.cap * 2 : 256;
    struct name *names = realloc(table.names, cap * sizeof *names);
    if (!names)
        return false;
    table.names = names;
    uint32_t *slots = calloc((size_t)cap * 2, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t a = 1; a <= table.count; a++) {
        const struct name *n = &names[a - 1];
        *slot_find(slots, cap * 2, n->text, n->len, n->hash) = a;
    }
    free(table.slots);
    table.slots = slots;
    table.nslots = cap * 2;
    table.cap = cap;
    return true;
}

atom_t atom_intern(const char *name, size_t len) {
    if (len > ATOM_NAME_MAX)
        return 0;
    if (!table.ready) {
        arena_init(&table.arena, 16384, 0);
        table.ready = true;
    }
    uint32_t hash = name_hash(name, len);
    if (table.nslots) {
        uint32_t found = *slot_find(table.slots, table.nslots, name, len, hash);
        if (found)
            return found;
    }
    if (table.count >= ATOM_MAX || (table.count == table.cap && !grow()))
        return 0;
    const char *text = arena_strndup(&table.arena, name, len);
    if (!text)
        return 0;
    table.names[table.count] = (struct name){.text = text, .len = (uint32_t)len, .hash = hash};
    *slot_find(table.slots, table.nslots, name, len, hash) = table.count + 1;
    return ++table.count;
}

atom_t atom_of(const char *name) { return atom_intern(name, strlen(name)); }

atom_t atom_find(const char *name, size_t len) {
    if (!table.nslots || len > ATOM_NAME_MAX)
        return 0;
    return *slot_find(table.slots, table.nslots, name, len, name_hash(name, len));
}

const char *atom_name(atom_t a) { return a && a <= table.count ? table.names[a - 1].text : ""; }

size_t atom_length(atom_t a) { return a && a <= table.count ? table.names[a - 1].len : 0; }

void atom_free_all(void) {
    if (table.ready)
        arena_done(&table.arena);
    free(table.names);
    free(table.slots);
    memset(&table, 0, sizeof table);
}
