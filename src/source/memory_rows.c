/* SPDX-License-Identifier: Apache-2.0
 * The memory of sources as rows, and back. A row is a page of MEMORY_PAGE slots, key "p" and its number, and its body base64 of, per entry:
 *
 *   slot (1 byte) kind (1: fields of on_change; 255: dedupe) owner (4) key (8) order (8), then the fields (8 each) or at and until (8 each)
 *
 * One row more, "sources", tells the seed of all hashes and what each source that remembers was when the rows were written: {"seed":hex,"of":{NAME: owner,…}}. Rows and events of
 * sources that are gone, or say something else now, are not taken over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/crypt.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"
#include "source/mapper_int.h"

#define KIND_DEDUPE 255
#define HEAD (2 + 4 + 8 + 8)

uint32_t memory_owner(const char *what, const char *name, uint64_t hash) {
    uint64_t h = hash_bytes(what, strlen(what), hash);
    return (uint32_t)hash_bytes(name, strlen(name), h);
}

/* -- whose it is ------------------------------------------------------------------------------------------------------------------------ */
static bool is_owned(const struct mapper *m, uint32_t owner) {
    for (size_t i = 0; i < m->rs->nsources; i++) {
        const struct source *s = &m->rs->sources[i];
        if (!m->remembered[i].remembers)
            continue;
        if (m->remembered[i].owner == owner)
            return true;
        for (size_t k = 0; k < s->nevents; k++)
            if (s->events[k].dedupe_across && memory_owner("across", s->events[k].dedupe_across, 0) == owner)
                return true;
    }
    return false;
}

static void drop_strangers(struct mapper *m) {
    uint32_t last = 0;
    bool known = false, owned = false; /* neighbours mostly belong to one source */
    for (size_t i = 0; i < m->memory.nslots; i++) {
        struct memory_item *it = m->memory.slots[i];
        if (!it)
            continue;
        if (!known || it->owner != last)
            owned = is_owned(m, it->owner);
        last = it->owner;
        known = true;
        if (!owned)
            memory_drop(&m->memory, it);
    }
}

void memory_sources_changed(struct mapper *m) {
    if (!m->memory.seed && (random_bytes(&m->memory.seed, sizeof m->memory.seed) < 0 || !m->memory.seed))
        m->memory.seed = UINT64_C(0x9E3779B97F4A7C15); /* better than no memory */
    drop_strangers(m);
    m->sources_dirty = true;
}

bool mapper_wants_checkpoint(const struct mapper *m) { return m->sources_dirty; }

/* -- out ---------------------------------------------------------------------------------------------------------------------------- */
static void put_bytes(struct buf *b, uint64_t v, int n) {
    for (int i = 0; i < n; i++)
        buf_putc(b, (char)(unsigned char)(v >> (8 * i)));
}

static void put_page(const struct memory *m, size_t page, struct buf *bin) {
    for (size_t i = page * MEMORY_PAGE; i < (page + 1) * MEMORY_PAGE; i++) {
        const struct memory_item *it = m->slots[i];
        if (!it)
            continue;
        put_bytes(bin, i % MEMORY_PAGE, 1);
        put_bytes(bin, it->dedupe ? KIND_DEDUPE : it->n, 1);
        put_bytes(bin, it->owner, 4);
        put_bytes(bin, it->key, 8);
        put_bytes(bin, it->order, 8);
        if (it->dedupe) {
            put_bytes(bin, (uint64_t)it->at, 8);
            put_bytes(bin, (uint64_t)it->until, 8);
        }
        for (size_t k = 0; k < it->n; k++)
            put_bytes(bin, it->fields[k], 8);
    }
}

static int put_sources(struct mapper *m, struct buf *text, mapper_row_fn fn, void *ctx) {
    struct jw w = jw_start(text);
    char hex[24];
    jw_open(&w, NULL, '{');
    (void)snprintf(hex, sizeof hex, "%016llx", (unsigned long long)m->memory.seed);
    jw_str(&w, "seed", hex);
    jw_open(&w, "of", '{');
    for (size_t i = 0; i < m->rs->nsources; i++)
        if (m->remembered[i].remembers)
            jw_int(&w, m->rs->sources[i].name, m->remembered[i].owner);
    jw_close(&w, '}');
    jw_close(&w, '}');
    return text->failed ? GF_ENOMEM : fn(ctx, "sources", text->data, text->len);
}

int mapper_checkpoint(struct mapper *m, mapper_row_fn fn, void *ctx) {
    struct memory *mem = &m->memory;
    struct buf bin, text;
    int rc = 0;
    buf_init(&bin, 0);
    buf_init(&text, 0);
    if (m->sources_dirty)
        rc = put_sources(m, &text, fn, ctx);
    for (size_t p = 0; rc == 0 && p < mem->npages; p++) {
        char key[32];
        if (!mem->dirty[p])
            continue;
        buf_clear(&bin);
        buf_clear(&text);
        put_page(mem, p, &bin);
        base64_encode(&text, bin.data, bin.len);
        (void)snprintf(key, sizeof key, "p%zu", p);
        rc = bin.failed || text.failed ? GF_ENOMEM : fn(ctx, key, bin.len ? text.data : NULL, bin.len ? text.len : 0);
    }
    if (rc == 0) {
        m->sources_dirty = false;
        if (mem->npages)
            memset(mem->dirty, 0, mem->npages);
    }
    buf_done(&bin);
    buf_done(&text);
    return rc;
}

/* -- in ----------------------------------------------------------------------------------------------------------------------------- */
static uint64_t get_bytes(const unsigned char *p, int n) {
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* The seed comes from its row, whichever is read first: nothing of a page is hashed. */
static int read_sources(struct mapper *m, struct arena *a, const char *body, size_t len, struct err *err) {
    const cJSON *j, *of;
    int rc = json_parse(a, body, len, err, &j);
    if (rc < 0)
        return rc;
    uint64_t seed = strtoull(json_str(j, "seed", "0"), NULL, 16);
    of = json_get(j, "of");
    if (!seed || !cJSON_IsObject(of))
        return err_set(err, GF_ECORRUPT, "not what was written");
    m->memory.seed = seed;
    m->sources_dirty = false;
    size_t known = 0;
    for (size_t i = 0; i < m->rs->nsources; i++) {
        struct source_memory *r = &m->remembered[i];
        const cJSON *owner = r->remembers ? cJSON_GetObjectItemCaseSensitive(of, m->rs->sources[i].name) : NULL;
        r->former = r->remembers && !(cJSON_IsNumber(owner) && owner->valuedouble == (double)r->owner);
        known += r->remembers && !r->former;
        m->sources_dirty = m->sources_dirty || r->former;
    }
    if (known != (size_t)cJSON_GetArraySize(of)) /* some are gone */
        m->sources_dirty = true;
    return 0;
}

/* False: damaged, or for a slot that is taken. */
static bool read_entry(struct mapper *m, size_t page, const unsigned char *p, size_t len, size_t *ret_used, bool *ret_stranger) {
    struct memory *mem = &m->memory;
    size_t n = len >= HEAD && p[1] != KIND_DEDUPE ? p[1] : 0, need = HEAD + (len >= HEAD && p[1] == KIND_DEDUPE ? 16 : n * 8);
    if (len < need || p[0] >= MEMORY_PAGE || n > EVENT_MAX_FIELDS)
        return false;
    *ret_used = need;
    uint32_t owner = (uint32_t)get_bytes(p + 2, 4);
    uint64_t key = get_bytes(p + 6, 8), order = get_bytes(p + 14, 8);
    bool dedupe = p[1] == KIND_DEDUPE;
    if (memory_find(mem, key) || order > UINT64_MAX / 2)
        return false;
    if (!is_owned(m, owner)) {
        *ret_stranger = true;
        return true;
    }
    mem->next_free = page * MEMORY_PAGE + p[0]; /* where it was, so that only what changes is written again */
    uint64_t last = mem->order;
    struct memory_item *it = memory_touch(mem, key, owner, dedupe, n);
    if (!it)
        return false;
    it->order = order;
    mem->order = order > last ? order : last;
    if (dedupe) {
        it->at = (int64_t)get_bytes(p + HEAD, 8);
        it->until = (int64_t)get_bytes(p + HEAD + 8, 8);
    }
    for (size_t k = 0; k < n; k++)
        it->fields[k] = get_bytes(p + HEAD + 8 * k, 8);
    return true;
}

static int read_page(struct mapper *m, struct arena *a, size_t page, const char *body, size_t len, struct err *err) {
    struct memory *mem = &m->memory;
    size_t n, used = 0;
    const unsigned char *p = base64_decode(a, body, len, &n);
    bool fine = p != NULL && page < (mem->max * 2) / MEMORY_PAGE + 2 && memory_room(mem, page);
    if (fine) {
        bool changed = mem->dirty[page], stranger = false;
        for (size_t at = 0; fine && at < n; at += used)
            fine = read_entry(m, page, p + at, n - at, &used, &stranger);
        mem->dirty[page] = changed || stranger || !fine;
    }
    mem->unsorted = true;
    mem->next_free = 0;
    return fine ? 0 : err_set(err, GF_ECORRUPT, "a page of the sources' memory is damaged; what stood there is told once more");
}

int mapper_restore_row(struct mapper *m, const char *key, const char *body, size_t len, struct err *err) {
    struct arena a;
    int rc;
    arena_init(&a, 4096, 64 << 20);
    if (strcmp(key, "sources") == 0)
        rc = read_sources(m, &a, body, len, err);
    else
        rc = *key == 'p' ? read_page(m, &a, strtoul(key + 1, NULL, 10), body, len, err)
                         : err_set(err, GF_EINVAL, "row %.32s is unknown", key);
    arena_done(&a);
    return rc;
}

void mapper_restore_event(struct mapper *m, const struct event *ev) {
    if (m->memory.unsorted)
        memory_sort(&m->memory);
    for (size_t i = 0; ev->source && i < m->rs->nsources; i++) {
        const struct source *s = &m->rs->sources[i];
        if (!m->remembered[i].remembers || strcmp(s->name, ev->source) != 0)
            continue;
        if (!m->remembered[i].former && ev->index < s->nevents && s->events[ev->index].kind == ev->kind)
            memory_remember(m, i, ev);
        return;
    }
}
