/* SPDX-License-Identifier: Apache-2.0
 * Heap: a binary heap of embedded nodes, ordered by (due, seq). Positions count from 1, so that a zeroed node is in no heap. */
#include "gengfu/base/heap.h"

#include <stdlib.h>

void heap_init(struct heap *h) { *h = (struct heap){0}; }

void heap_done(struct heap *h) {
    for (size_t i = 0; i < h->count; i++)
        h->nodes[i]->pos = 0;
    free(h->nodes);
    heap_init(h);
}

static bool before(const struct heap_node *a, const struct heap_node *b) { return a->due != b->due ? a->due < b->due : a->seq < b->seq; }

static void place(struct heap *h, struct heap_node *n, size_t pos) {
    h->nodes[pos - 1] = n;
    n->pos = pos;
}

static void sift_up(struct heap *h, struct heap_node *n, size_t pos) {
    while (pos > 1 && before(n, h->nodes[pos / 2 - 1])) {
        place(h, h->nodes[pos / 2 - 1], pos);
        pos /= 2;
    }
    place(h, n, pos);
}

static void sift_down(struct heap *h, struct heap_node *n, size_t pos) {
    for (;;) {
        size_t child = pos * 2;
        if (child > h->count)
            break;
        if (child < h->count && before(h->nodes[child], h->nodes[child - 1]))
            child++;
        if (!before(h->nodes[child - 1], n))
            break;
        place(h, h->nodes[child - 1], pos);
        pos = child;
    }
    place(h, n, pos);
}

static void settle(struct heap *h, struct heap_node *n, size_t pos) {
    if (pos > 1 && before(n, h->nodes[pos / 2 - 1]))
        sift_up(h, n, pos);
    else
        sift_down(h, n, pos);
}

int heap_set(struct heap *h, struct heap_node *n, int64_t due) {
    if (!n->pos) {
        if (h->count == h->cap) {
            size_t cap = h->cap ? h->cap * 2 : 32;
            if (cap > SIZE_MAX / sizeof(struct heap_node *))
                return GF_ENOMEM;
            struct heap_node **nodes = realloc(h->nodes, cap * sizeof(struct heap_node *));
            if (!nodes)
                return GF_ENOMEM;
            h->nodes = nodes;
            h->cap = cap;
        }
        n->pos = ++h->count;
    }
    n->due = due;
    n->seq = h->seq++;
    settle(h, n, n->pos);
    return 0;
}

void heap_unset(struct heap *h, struct heap_node *n) {
    if (!n->pos)
        return;
    size_t pos = n->pos;
    struct heap_node *last = h->nodes[--h->count];
    n->pos = 0;
    if (last != n)
        settle(h, last, pos);
}

struct heap_node *heap_first(const struct heap *h) {
    return h->count ? h->nodes[0] : NULL;
}
