/* SPDX-License-Identifier: Apache-2.0
 * Arena: a chain of blocks, each a header and its bytes. Leans on malloc only. */
#include "gengfu/base/arena.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN _Alignof(max_align_t) /* what malloc gives: 16 on machines of 64 bits, 8 on those of 32 */
#define BLOCK_DEFAULT ((size_t)4096)

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes behind this header */
    size_t used;
    size_t pad; /* keeps what follows aligned */
};

_Static_assert(sizeof(struct arena_block) % ALIGN == 0, "the bytes behind a block's header must be aligned");

uint64_t memory_misses;

static char *block_bytes(struct arena_block *b) { return (char *)(b + 1); }

void arena_init(struct arena *a, size_t block_size, size_t limit) {
    *a = (struct arena){.block_size = block_size ? block_size : BLOCK_DEFAULT, .limit = limit ? limit : SIZE_MAX};
}

static void blocks_free(struct arena *a, struct arena_block *b) {
    while (b) {
        struct arena_block *next = b->next;
        a->held -= b->size;
        free(b);
        b = next;
    }
}

void arena_done(struct arena *a) {
    blocks_free(a, a->first);
    a->first = a->last = NULL;
    a->held = 0;
}

void arena_reset(struct arena *a) {
    if (!a->first)
        return;
    blocks_free(a, a->first->next);
    a->first->next = NULL;
    a->first->used = 0;
    a->last = a->first;
}

/* A new block behind the last one. Blocks behind `last` do not exist: rewind frees them. */
static struct arena_block *block_add(struct arena *a, size_t need) {
    size_t size = need > a->block_size ? need : a->block_size;
    if (a->held > a->limit || need > a->limit - a->held)
        return NULL;
    if (size > a->limit - a->held)
        size = need;
    if (size > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *b = malloc(sizeof *b + size);
    if (!b) {
        memory_misses++;
        return NULL;
    }
    *b = (struct arena_block){.size = size};
    if (a->last)
        a->last->next = b;
    else
        a->first = b;
    a->last = b;
    a->held += size;
    return b;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (size > SIZE_MAX - ALIGN)
        return NULL;
    size_t need = size ? (size + ALIGN - 1) & ~(ALIGN - 1) : ALIGN; /* two allocations never share an address */
    struct arena_block *b = a->last;
    if (!b || b->size - b->used < need) {
        b = block_add(a, need);
        if (!b)
            return NULL;
    }
    void *p = block_bytes(b) + b->used;
    b->used += need;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size) {
    void *p = arena_alloc(a, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void *arena_dup(struct arena *a, const void *data, size_t size) {
    void *p = arena_alloc(a, size);
    if (p && size)
        memcpy(p, data, size);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    if (n == SIZE_MAX)
        return NULL;
    char *p = arena_alloc(a, n + 1);
    if (!p)
        return NULL;
    if (n)
        memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *arena_strdup(struct arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    char *p = NULL;
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0) {
        p = arena_alloc(a, (size_t)n + 1);
        if (p)
            (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    va_end(ap);
    return p;
}

size_t arena_used(const struct arena *a) {
    size_t n = 0;
    for (const struct arena_block *b = a->first; b; b = b->next)
        n += b->used;
    return n;
}

struct arena_mark arena_mark(const struct arena *a) {
    return (struct arena_mark){.block = a->last, .used = a->last ? a->last->used : 0};
}

void arena_rewind(struct arena *a, struct arena_mark mark) {
    if (!mark.block) { /* the arena was empty */
        arena_reset(a);
        return;
    }
    blocks_free(a, mark.block->next);
    mark.block->next = NULL;
    mark.block->used = mark.used;
    a->last = mark.block;
}
