/* SPDX-License-Identifier: Apache-2.0
 * Map: a dense array of entries in order of insertion, and a table of slots that point into it. Leans on crypt for the seed.
 *
 * A removed entry stays in the array as a hole (key NULL) and in the slots as a grave until the next rebuild, so iteration may remove. */
#include "gengfu/base/map.h"

#include <stdlib.h>
#include <string.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/crypt.h"

struct map_entry {
    char *key; /* NUL-terminated copy; NULL: a hole */
    size_t len;
    uint64_t hash;
    void *value;
};

#define SLOT_FREE 0u
#define SLOT_GRAVE UINT32_MAX
#define ENTRIES_MAX (UINT32_MAX / 4)

static uint64_t load64(const unsigned char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The two halves of the product, exclusive or. */
static uint64_t fold(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    __extension__ unsigned __int128 r = (unsigned __int128)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
#else /* 32 bits */
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t low = al * bl, one = ah * bl + (low >> 32), two = al * bh + (uint32_t)one;
    return (two << 32 | (uint32_t)low) ^ (ah * bh + (one >> 32) + (two >> 32));
#endif
}

/* Multiply and fold, eight bytes at a time, in the manner of wyhash. */
uint64_t hash_bytes(const void *data, size_t len, uint64_t seed) {
    const unsigned char *p = data;
    const uint64_t k0 = UINT64_C(0xa0761d6478bd642f), k1 = UINT64_C(0xe7037ed1a0b428db), k2 = UINT64_C(0x8ebc6af09c88c6e3);
    uint64_t h = fold(seed ^ k0, k1);
    size_t n = len;
    while (n >= 16) {
        h = fold(load64(p) ^ k1, load64(p + 8) ^ h);
        p += 16;
        n -= 16;
    }
    unsigned char tail[16] = {0};
    if (n)
        memcpy(tail, p, n);
    h = fold(load64(tail) ^ k2, load64(tail + 8) ^ h);
    return fold(h ^ len, k0 ^ seed);
}

static uint64_t map_seed(void) {
    static uint64_t seed;
    if (!seed) {
        if (random_bytes(&seed, sizeof seed) || !seed)
            seed = (uint64_t)(uintptr_t)&seed ^ UINT64_C(0x9e3779b97f4a7c15); /* the address is at least not the same everywhere */
    }
    return seed;
}

void map_init(struct map *m) { *m = (struct map){0}; }

void map_done(struct map *m, void (*free_value)(void *)) {
    for (size_t i = 0; i < m->used; i++) {
        if (m->entries[i].key && free_value)
            free_value(m->entries[i].value);
        free(m->entries[i].key);
    }
    free(m->entries);
    free(m->slots);
    map_init(m);
}

/* The slot of the key, or NULL. Slots hold the entry's index plus one. */
static uint32_t *find(const struct map *m, const char *key, size_t len, uint64_t hash) {
    if (!m->nslots)
        return NULL;
    for (size_t i = hash & (m->nslots - 1);; i = (i + 1) & (m->nslots - 1)) {
        uint32_t s = m->slots[i];
        if (s == SLOT_FREE)
            return NULL;
        if (s == SLOT_GRAVE)
            continue;
        const struct map_entry *e = &m->entries[s - 1];
        if (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0)
            return &m->slots[i];
    }
}

static void slot_set(uint32_t *slots, size_t nslots, uint64_t hash, uint32_t value) {
    size_t i = hash & (nslots - 1);
    while (slots[i] != SLOT_FREE)
        i = (i + 1) & (nslots - 1);
    slots[i] = value;
}

/* Closes the holes and gives room for one more: twice as many when more than half of the array is alive. */
static int rebuild(struct map *m) {
    size_t cap = m->count * 2 < 8 ? 8 : m->count * 2;
    if (cap > ENTRIES_MAX)
        return GF_ENOMEM;
    size_t nslots = 16;
    while (nslots < cap * 2)
        nslots *= 2;
    uint32_t *slots = calloc(nslots, sizeof *slots);
    struct map_entry *entries = malloc(cap * sizeof *entries);
    if (!slots || !entries) {
        free(slots);
        free(entries);
        memory_misses++;
        return GF_ENOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < m->used; i++) {
        if (!m->entries[i].key)
            continue;
        entries[n++] = m->entries[i];
        slot_set(slots, nslots, m->entries[i].hash, (uint32_t)n);
    }
    free(m->entries);
    free(m->slots);
    m->entries = entries;
    m->slots = slots;
    m->used = n;
    m->cap = cap;
    m->nslots = nslots;
    return 0;
}

void *map_get(const struct map *m, const char *key, size_t len) {
    if (!m->count)
        return NULL;
    const uint32_t *s = find(m, key, len, hash_bytes(key, len, map_seed()));
    return s ? m->entries[*s - 1].value : NULL;
}

void *map_gets(const struct map *m, const char *key) { return map_get(m, key, strlen(key)); }

int map_put(struct map *m, const char *key, size_t len, void *value, void **ret_old) {
    if (!value)
        return GF_EINVAL;
    uint64_t hash = hash_bytes(key, len, map_seed());
    uint32_t *s = find(m, key, len, hash);
    if (s) {
        struct map_entry *e = &m->entries[*s - 1];
        if (ret_old)
            *ret_old = e->value;
        e->value = value;
        return 0;
    }
    if (len == SIZE_MAX)
        return GF_ENOMEM;
    /* `used` counts graves as well: each removed entry left one slot behind. So at most half of the slots are not free. */
    if (m->used == m->cap) {
        int rc = rebuild(m);
        if (rc)
            return rc;
    }
    char *copy = malloc(len + 1);
    if (!copy)
        return GF_ENOMEM;
    if (len)
        memcpy(copy, key, len);
    copy[len] = 0;
    m->entries[m->used] = (struct map_entry){.key = copy, .len = len, .hash = hash, .value = value};
    m->used++;
    slot_set(m->slots, m->nslots, hash, (uint32_t)m->used);
    m->count++;
    if (ret_old)
        *ret_old = NULL;
    return 0;
}

int map_puts(struct map *m, const char *key, void *value) { return map_put(m, key, strlen(key), value, NULL); }

void *map_remove(struct map *m, const char *key, size_t len) {
    uint32_t *s = find(m, key, len, hash_bytes(key, len, map_seed()));
    if (!s)
        return NULL;
    struct map_entry *e = &m->entries[*s - 1];
    void *value = e->value;
    free(e->key); /* the caller's `key` may be this very copy: it is not read again */
    *e = (struct map_entry){0};
    *s = SLOT_GRAVE;
    m->count--;
    return value;
}

bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value) {
    for (; *it < m->used; ++*it) {
        const struct map_entry *e = &m->entries[*it];
        if (!e->key)
            continue;
        if (ret_key)
            *ret_key = e->key;
        if (ret_value)
            *ret_value = e->value;
        ++*it;
        return true;
    }
    return false;
}
