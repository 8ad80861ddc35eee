/* SPDX-License-Identifier: Apache-2.0
 * What was told last, by source, event and device: for `emit: on_change` and `dedupe`. Two lists with a ceiling each, in the order of the latest change; the oldest goes. An entry has
 * a slot, slots make pages, and a page that has changed is a row to write (memory_rows.c). */
#include <stdlib.h>
#include <string.h>

#include "source/source_int.h"

void memory_init(struct memory *m, size_t max) {
    *m = (struct memory){.max = max};
    map_init(&m->map);
}

void memory_done(struct memory *m) {
    map_done(&m->map, free);
    free(m->slots);
    free(m->dirty);
    *m = (struct memory){0};
}

uint64_t memory_hash(const struct memory *m, const char *data, size_t len) {
    uint64_t h = hash_bytes(data, len, m->seed);
    return h ? h : 1;
}

static struct memory_list *list_of(struct memory *m, const struct memory_item *it) { return it->dedupe ? &m->repeats : &m->changes; }

static void unlink_item(struct memory *m, struct memory_item *it) {
    struct memory_list *l = list_of(m, it);
    if (it->newer)
        it->newer->older = it->older;
    else
        l->newest = it->older;
    if (it->older)
        it->older->newer = it->newer;
    else
        l->oldest = it->newer;
    l->count--;
}

static void link_newest(struct memory *m, struct memory_item *it) {
    struct memory_list *l = list_of(m, it);
    it->newer = NULL;
    it->older = l->newest;
    if (l->newest)
        l->newest->newer = it;
    else
        l->oldest = it;
    l->newest = it;
    l->count++;
}

/* -- slots ------------------------------------------------------------------------------------------------------------------------- */
static bool more_slots(struct memory *m, size_t atleast) {
    size_t n = m->nslots ? m->nslots : MEMORY_PAGE;
    while (n <= atleast)
        n *= 2;
    struct memory_item **slots = realloc(m->slots, n * sizeof(struct memory_item *));
    if (!slots)
        return false;
    m->slots = slots;
    uint8_t *dirty = realloc(m->dirty, n / MEMORY_PAGE);
    if (!dirty)
        return false;
    m->dirty = dirty;
    memset(m->slots + m->nslots, 0, (n - m->nslots) * sizeof(struct memory_item *));
    memset(m->dirty + m->npages, 0, n / MEMORY_PAGE - m->npages);
    m->nslots = n;
    m->npages = n / MEMORY_PAGE;
    return true;
}

bool memory_room(struct memory *m, size_t page) { return page < m->npages || more_slots(m, page * MEMORY_PAGE); }

/* The first free one: entries lie close together, in few rows. */
static bool take_slot(struct memory *m, struct memory_item *it) {
    while (m->next_free < m->nslots && m->slots[m->next_free])
        m->next_free++;
    if (m->next_free == m->nslots && !more_slots(m, m->next_free))
        return false;
    it->slot = (uint32_t)m->next_free++;
    m->slots[it->slot] = it;
    return true;
}

static void leave_slot(struct memory *m, const struct memory_item *it) {
    m->slots[it->slot] = NULL;
    m->dirty[it->slot / MEMORY_PAGE] = 1;
    if (it->slot < m->next_free)
        m->next_free = it->slot;
}

/* -- entries ------------------------------------------------------------------------------------------------------------------------ */
struct memory_item *memory_find(const struct memory *m, uint64_t key) {
    return map_get(&m->map, (const char *)&key, sizeof key);
}

void memory_drop(struct memory *m, struct memory_item *it) {
    unlink_item(m, it);
    leave_slot(m, it);
    (void)map_remove(&m->map, (const char *)&it->key, sizeof it->key);
    free(it);
}

struct memory_item *memory_touch(struct memory *m, uint64_t key, uint32_t owner, bool dedupe, size_t nfields) {
    struct memory_item *it = memory_find(m, key);
    if (it && (it->dedupe != dedupe || it->n != nfields)) { /* two things with one hash */
        memory_drop(m, it);
        it = NULL;
    }
    if (it) {
        unlink_item(m, it);
    } else {
        it = calloc(1, sizeof *it + nfields * sizeof it->fields[0]);
        if (!it || !take_slot(m, it) || map_put(&m->map, (const char *)&key, sizeof key, it, NULL) < 0) {
            if (it && m->slots && it->slot < m->nslots && m->slots[it->slot] == it)
                leave_slot(m, it);
            free(it);
            memory_misses++;
            return NULL;
        }
        it->key = key;
        it->owner = owner;
        it->dedupe = dedupe;
        it->n = (uint16_t)nfields;
    }
    it->order = ++m->order;
    link_newest(m, it);
    m->dirty[it->slot / MEMORY_PAGE] = 1;
    struct memory_list *l = list_of(m, it);
    if (l->count > m->max && l->oldest != it) {
        memory_drop(m, l->oldest);
        m->evicted++;
    }
    return it;
}

void memory_expire(struct memory *m, int64_t now) {
    while (m->repeats.oldest && m->repeats.oldest->until <= now)
        memory_drop(m, m->repeats.oldest);
}

static int by_order(const void *a, const void *b) {
    const struct memory_item *x = *(struct memory_item *const *)a, *y = *(struct memory_item *const *)b;
    return x->order < y->order ? -1 : x->order > y->order;
}

void memory_sort(struct memory *m) {
    size_t n = 0, all = map_count(&m->map);
    struct memory_item **sorted = all ? malloc(all * sizeof(struct memory_item *)) : NULL;
    m->unsorted = false;
    if (!sorted)
        return; /* without room only the order in which they go is lost */
    for (size_t i = 0; i < m->nslots; i++)
        if (m->slots[i])
            sorted[n++] = m->slots[i];
    qsort(sorted, n, sizeof(sorted[0]), by_order);
    for (size_t i = 0; i < n; i++) {
        unlink_item(m, sorted[i]);
        link_newest(m, sorted[i]);
    }
    free(sorted);
}
