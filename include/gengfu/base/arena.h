/* SPDX-License-Identifier: Apache-2.0
 * Arena: memory that is given back all at once.
 *
 * Invariants: every pointer handed out is aligned for any type and stays where it is until arena_reset/arena_done; an arena never
 * holds more than `limit` bytes: past it, and when the system has no memory, allocation gives NULL. Not for several threads. */
#ifndef GENGFU_BASE_ARENA_H
#define GENGFU_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"

struct arena_block;

struct arena {
    struct arena_block *first; /* kept by arena_reset */
    struct arena_block *last;  /* where allocation goes on */
    size_t block_size;         /* size of an ordinary block, bytes */
    size_t limit;              /* ceiling over all blocks, bytes */
    size_t held;               /* what all blocks hold now, bytes */
};

/* How often the system had no memory for an arena, a buf or a map, since the start. A ceiling that was reached does not count: what is too large stays too large, but for what failed for want of memory
 * another try is right. */
extern uint64_t memory_misses;

/* Life cycle. init allocates nothing. limit 0 means SIZE_MAX. */
void arena_init(struct arena *a, size_t block_size, size_t limit);
void arena_done(struct arena *a);  /* frees everything; the arena is as after init */
void arena_reset(struct arena *a); /* forgets everything, keeps the first block for reuse */

/* Use. Each gives NULL when there is no room; the memory is not cleared unless it says so. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size); /* cleared */
void *arena_dup(struct arena *a, const void *data, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n); /* n bytes and a NUL */
char *arena_printf(struct arena *a, const char *fmt, ...) GF_PRINTF(2, 3);
/* Bytes handed out since init or reset (for accounting). */
size_t arena_used(const struct arena *a);

/* A place to come back to: everything handed out after the mark is forgotten by the rewind. */
struct arena_mark {
    struct arena_block *block;
    size_t used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

#endif
