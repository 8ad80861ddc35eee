/* SPDX-License-Identifier: Apache-2.0
 * What was said last, by source, event and device: for `emit: on_change` and `dedupe`. A table with a ceiling; the entry that was used least recently goes.
 * Values are kept as 128-bit hashes, so that an entry costs the same whatever a device sends. */
#include <stdlib.h>
#include <string.h>

#include "source/source_int.h"

void memory_init(struct memory *m, size_t max) {
    *m = (struct memory){.max = max};
    map_init(&m->map);
}

static void item_free(void *item) {
    struct memory_item *it = item;
    if (it) {
        free(it->key);
        free(it->fields);
        free(it);
    }
}

void memory_done(struct memory *m) {
    map_done(&m->map, item_free);
    *m = (struct memory){0};
}

static void unlink_item(struct memory *m, struct memory_item *it) {
    if (it->newer)
        it->newer->older = it->older;
    else
        m->newest = it->older;
    if (it->older)
        it->older->newer = it->newer;
    else
        m->oldest = it->newer;
}

static void link_newest(struct memory *m, struct memory_item *it) {
    it->newer = NULL;
    it->older = m->newest;
    if (m->newest)
        m->newest->newer = it;
    else
        m->oldest = it;
    m->newest = it;
}

struct memory_item *memory_peek(const struct memory *m, const char *key, size_t len) {
    return map_get(&m->map, key, len);
}

struct memory_item *memory_get(struct memory *m, const char *key, size_t len, bool *ret_new) {
    struct memory_item *it = map_get(&m->map, key, len);
    *ret_new = false;
    if (it) {
        unlink_item(m, it);
        link_newest(m, it);
        return it;
    }
    it = calloc(1, sizeof *it);
    char *copy = malloc(len ? len : 1);
    if (!it || !copy || map_put(&m->map, key, len, it, NULL) < 0) {
        free(copy);
        free(it);
        return NULL;
    }
    memcpy(copy, key, len);
    it->key = copy;
    it->key_len = len;
    it->at = TIME_NONE;
    link_newest(m, it);
    if (map_count(&m->map) > m->max) {
        struct memory_item *old = m->oldest;
        unlink_item(m, old);
        (void)map_remove(&m->map, old->key, old->key_len);
        item_free(old);
        m->evicted++;
    }
    *ret_new = true;
    return it;
}

struct memory_hash memory_hash_of(const char *data, size_t len) {
    return (struct memory_hash){.a = hash_bytes(data, len, UINT64_C(0x9E3779B97F4A7C15)),
                                .b = hash_bytes(data, len, UINT64_C(0xC2B2AE3D27D4EB4F))};
}

bool memory_field_is(const struct memory_item *it, atom_t name, struct memory_hash h) {
    for (size_t i = 0; i < it->nfields; i++)
        if (it->fields[i].name == name)
            return it->fields[i].hash.a == h.a && it->fields[i].hash.b == h.b;
    return false;
}

int memory_field_set(struct memory_item *it, atom_t name, struct memory_hash h) {
    for (size_t i = 0; i < it->nfields; i++)
        if (it->fields[i].name == name) {
            it->fields[i].hash = h;
            return 0;
        }
    if (it->nfields == EVENT_MAX_FIELDS)
        return GF_ELIMIT;
    if (it->nfields == it->cap) {
        size_t cap = it->cap ? it->cap * 2 : 4;
        struct memory_field *more = realloc(it->fields, cap * sizeof *more);
        if (!more)
            return GF_ENOMEM;
        it->fields = more;
        it->cap = cap;
    }
    it->fields[it->nfields++] = (struct memory_field){.name = name, .hash = h};
    return 0;
}
