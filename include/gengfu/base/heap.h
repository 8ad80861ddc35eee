/* SPDX-License-Identifier: Apache-2.0
 * Heap: timers in order of time, embedded in what they belong to. Equal times come out in the order in which they were set. */
#ifndef GENGFU_BASE_HEAP_H
#define GENGFU_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"

struct heap_node {
    int64_t due;  /* ms, of whatever clock the user of the heap lives by */
    uint64_t seq; /* set by the heap */
    size_t pos;   /* 0: not in a heap */
};
struct heap {
    struct heap_node **nodes;
    size_t count, cap;
    uint64_t seq;
};

void heap_init(struct heap *h);
void heap_done(struct heap *h);                                                /* the nodes are the caller's */
GF_WARN_UNUSED int heap_set(struct heap *h, struct heap_node *n, int64_t due); /* inserts or moves; GF_ENOMEM leaves it as it was */
void heap_unset(struct heap *h, struct heap_node *n);                          /* no effect when it is not in */
struct heap_node *heap_first(const struct heap *h);                            /* NULL when empty */
static inline bool heap_is_set(const struct heap_node *n) { return n->pos != 0; }

#endif
