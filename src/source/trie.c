/* SPDX-License-Identifier: Apache-2.0
 * The topic trie: a node per level of the sources' patterns, so that a topic is matched against all of them in one walk. A walk visits a node at most once.
 * MQTT's rules hold: a capture takes a level as '+' does, also an empty one; a rest capture takes one level or more; neither takes a first level that begins with '$'. */
#include <string.h>

#include "source/source_int.h"

struct trie_edge {
    const char *text;
    size_t len;
    struct trie_node *to;
};
struct trie_part { /* a capture, with the literal text around it */
    const char *prefix, *suffix;
    size_t plen, slen;
    struct trie_node *to;
};
struct id_list {
    uint32_t *items;
    size_t n, cap;
};
struct trie_node {
    struct trie_edge *edges; /* sorted by length, then bytes */
    size_t nedges, cap_edges;
    struct trie_part *parts;
    size_t nparts, cap_parts;
    struct id_list ends;  /* patterns that end here */
    struct id_list rests; /* patterns that take one level or more from here on */
};

static void *grown(struct arena *a, void *items, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 2;
    void *fresh = arena_alloc(a, more * size);
    if (!fresh)
        return NULL;
    if (n)
        memcpy(fresh, items, n * size);
    *cap = more;
    return fresh;
}

static int id_add(struct arena *a, struct id_list *l, uint32_t id) {
    uint32_t *items = grown(a, l->items, l->n, &l->cap, sizeof *items);
    if (!items)
        return GF_ENOMEM;
    l->items = items;
    l->items[l->n++] = id;
    return 0;
}

void topic_split(struct topic *t, const char *text, size_t len) {
    t->text = text;
    t->len = len;
    t->count = 0;
    t->more = false;
    size_t at = 0;
    for (;;) {
        if (t->count == TRIE_MAX_LEVELS) {
            t->more = true;
            return;
        }
        const char *slash = memchr(text + at, '/', len - at);
        size_t size = slash ? (size_t)(slash - text) - at : len - at;
        t->start[t->count] = (uint32_t)at;
        t->size[t->count] = (uint32_t)size;
        t->count++;
        if (!slash)
            return;
        at += size + 1;
    }
}

int trie_init(struct trie *t, struct arena *arena) {
    t->arena = arena;
    t->patterns = 0;
    t->root = arena_zalloc(arena, sizeof *t->root);
    return t->root ? 0 : GF_ENOMEM;
}

static int compare(const char *a, size_t alen, const char *b, size_t blen) {
    if (alen != blen)
        return alen < blen ? -1 : 1;
    return memcmp(a, b, alen);
}

/* The edge for the text, or where it would have to stand. */
static bool edge_find(const struct trie_node *n, const char *text, size_t len, size_t *ret) {
    size_t low = 0, high = n->nedges;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = compare(n->edges[mid].text, n->edges[mid].len, text, len);
        if (c == 0) {
            *ret = mid;
            return true;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret = low;
    return false;
}

static struct trie_node *edge_make(struct arena *a, struct trie_node *n, const char *text) {
    size_t len = strlen(text), at;
    if (edge_find(n, text, len, &at))
        return n->edges[at].to;
    struct trie_edge *edges = grown(a, n->edges, n->nedges, &n->cap_edges, sizeof *edges);
    struct trie_node *to = arena_zalloc(a, sizeof *to);
    if (!edges || !to)
        return NULL;
    n->edges = edges;
    memmove(edges + at + 1, edges + at, (n->nedges - at) * sizeof *edges);
    edges[at] = (struct trie_edge){.text = text, .len = len, .to = to};
    n->nedges++;
    return to;
}

static struct trie_node *part_make(struct arena *a, struct trie_node *n, const struct topic_level *l) {
    const char *prefix = l->prefix ? l->prefix : "", *suffix = l->suffix ? l->suffix : "";
    for (size_t i = 0; i < n->nparts; i++)
        if (strcmp(n->parts[i].prefix, prefix) == 0 && strcmp(n->parts[i].suffix, suffix) == 0)
            return n->parts[i].to;
    struct trie_part *parts = grown(a, n->parts, n->nparts, &n->cap_parts, sizeof *parts);
    struct trie_node *to = arena_zalloc(a, sizeof *to);
    if (!parts || !to)
        return NULL;
    n->parts = parts;
    parts[n->nparts++] = (struct trie_part){.prefix = prefix, .suffix = suffix, .plen = strlen(prefix), .slen = strlen(suffix), .to = to};
    return to;
}

int trie_add(struct trie *t, const struct topic_pattern *p, uint32_t id) {
    if (p->nlevels > TRIE_MAX_LEVELS)
        return GF_ELIMIT;
    struct trie_node *n = t->root;
    for (size_t i = 0; i < p->nlevels; i++) {
        const struct topic_level *l = &p->levels[i];
        if (l->kind == TOPIC_REST) {
            t->patterns++;
            return id_add(t->arena, &n->rests, id);
        }
        n = l->kind == TOPIC_TEXT ? edge_make(t->arena, n, l->text) : part_make(t->arena, n, l);
        if (!n)
            return GF_ENOMEM;
    }
    t->patterns++;
    return id_add(t->arena, &n->ends, id);
}

/* A capture with text around it must catch something; a whole level may be empty. */
static bool part_fits(const struct trie_part *p, const char *s, size_t len) {
    if (p->plen == 0 && p->slen == 0)
        return true;
    return len > p->plen + p->slen && memcmp(s, p->prefix, p->plen) == 0 && memcmp(s + len - p->slen, p->suffix, p->slen) == 0;
}

static void take(const struct id_list *l, uint32_t *ids, size_t *n) {
    for (size_t i = 0; i < l->n; i++)
        ids[(*n)++] = l->items[i];
}

/* Recursion is as deep as the longest pattern. */
static void walk(const struct trie_node *node, const struct topic *t, size_t level, uint32_t *ids, size_t *n) {
    if (level == t->count) {
        if (!t->more)
            take(&node->ends, ids, n);
        return;
    }
    const char *s = t->text + t->start[level];
    size_t len = t->size[level], at;
    bool reserved = level == 0 && len > 0 && s[0] == '$';
    if (!reserved)
        take(&node->rests, ids, n);
    if (edge_find(node, s, len, &at))
        walk(node->edges[at].to, t, level + 1, ids, n);
    for (size_t i = 0; !reserved && i < node->nparts; i++)
        if (part_fits(&node->parts[i], s, len))
            walk(node->parts[i].to, t, level + 1, ids, n);
}

size_t trie_match(const struct trie *t, const struct topic *topic, uint32_t *ids) {
    size_t n = 0;
    walk(t->root, topic, 0, ids, &n);
    for (size_t i = 1; i < n; i++) /* few: in order of the sources */
        for (size_t k = i; k > 0 && ids[k - 1] > ids[k]; k--) {
            uint32_t swap = ids[k];
            ids[k] = ids[k - 1];
            ids[k - 1] = swap;
        }
    return n;
}

bool topic_capture(const struct topic_pattern *p, const struct topic *t, atom_t name, struct cel_value *ret) {
    for (size_t i = 0; i < p->nlevels && i < t->count; i++) {
        const struct topic_level *l = &p->levels[i];
        if (l->kind == TOPIC_TEXT || l->name != name)
            continue;
        const char *s = t->text + t->start[i];
        if (l->kind == TOPIC_REST) {
            *ret = cel_string(s, t->len - t->start[i]);
            return true;
        }
        size_t plen = l->prefix ? strlen(l->prefix) : 0, slen = l->suffix ? strlen(l->suffix) : 0;
        if (plen + slen > t->size[i])
            return false;
        *ret = cel_string(s + plen, t->size[i] - plen - slen);
        return true;
    }
    return false;
}

static bool record_get(const struct cel_record *r, atom_t field, struct cel_value *ret) {
    const struct topic_record *tr = (const struct topic_record *)r;
    if (topic_capture(tr->pattern, tr->topic, field, ret))
        return true;
    if (field != atom_of("topic"))
        return false;
    *ret = cel_string(tr->topic->text, tr->topic->len);
    return true;
}

static bool record_next(const struct cel_record *r, size_t *it, atom_t *ret_field, struct cel_value *ret) {
    const struct topic_record *tr = (const struct topic_record *)r;
    if (*it == 0) {
        *it = 1;
        *ret_field = atom_of("topic");
        return record_get(r, *ret_field, ret);
    }
    while (*it - 1 < tr->pattern->nlevels) {
        const struct topic_level *l = &tr->pattern->levels[(*it)++ - 1];
        if (l->kind == TOPIC_TEXT)
            continue;
        *ret_field = l->name;
        if (topic_capture(tr->pattern, tr->topic, l->name, ret))
            return true;
    }
    return false;
}

static const struct cel_record_ops record_ops = {.get = record_get, .next = record_next};

void topic_record_init(struct topic_record *r, const struct topic_pattern *p, const struct topic *t) {
    *r = (struct topic_record){.record = {.ops = &record_ops}, .pattern = p, .topic = t};
}
