/* SPDX-License-Identifier: Apache-2.0
 * Map: a hash table from byte strings to pointers. Keys are copied; values are the caller's. Order of iteration is order of insertion
 * (removal keeps it), so that everything built on it is repeatable. Hashing is seeded: a hostile sender cannot aim at one bucket. */
#ifndef GENGFU_BASE_MAP_H
#define GENGFU_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"

struct map_entry;
struct map {
    struct map_entry *entries; /* dense, in order of insertion */
    uint32_t *slots;
    size_t count, used, cap, nslots;
};

void map_init(struct map *m);
void map_done(struct map *m, void (*free_value)(void *)); /* free_value may be NULL */
static inline size_t map_count(const struct map *m) { return m->count; }
void *map_get(const struct map *m, const char *key, size_t len); /* NULL when missing */
void *map_gets(const struct map *m, const char *key);
/* Adds or replaces; *ret_old (may be NULL) gets the former value or NULL. GF_ENOMEM. value must not be NULL. */
GF_WARN_UNUSED int map_put(struct map *m, const char *key, size_t len, void *value, void **ret_old);
GF_WARN_UNUSED int map_puts(struct map *m, const char *key, void *value);
void *map_remove(struct map *m, const char *key, size_t len); /* the former value or NULL */
/* for (size_t it = 0; map_next(m, &it, &key, &value);). Removing the current entry meanwhile is allowed, adding is not. */
bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value);

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed); /* fast, stable between runs for the same seed, not for secrets */

#endif
