/* SPDX-License-Identifier: Apache-2.0
 * Instances as rows, and back. One row per key, and, for a window, one per ENGINE_WINDOW_CHUNK events (key, 0x1f, number in hexadecimal): so a long window costs a small row
 * when an event comes. The row:
 *
 *   {"u":used,"by":type,"p":pending,"s":since,"m":matches,"due":[[what,ms],…],"last":kept,"bound":[kept…],"latest":[kept…],"seq":[{"b","w","k","s":[kept…]}],
 *    "ch":[ms…],"chat","clr","silent","r":raised,"t":told,"x":escalated,"win":first}      kept: {"at","t","e":event} or null */
#include "engine_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MARK '\x1f'

/* -- writing ----------------------------------------------------------------------------------------------------------------- */
static void write_kept(struct jw *w, const char *name, const struct kept *k) {
    if (!k->text) {
        jw_null(w, name);
        return;
    }
    jw_open(w, name, '{');
    jw_int(w, "at", k->at);
    jw_int(w, "t", k->time);
    jw_raw(w, "e", k->text, k->len);
    jw_close(w, '}');
}

static void write_kepts(struct jw *w, const char *name, const struct kept *k, size_t n) {
    jw_open(w, name, '[');
    for (size_t i = 0; i < n; i++)
        write_kept(w, NULL, &k[i]);
    jw_close(w, ']');
}

static void write_ms(struct jw *w, const char *name, int64_t ms) {
    if (ms != TIME_NONE)
        jw_int(w, name, ms);
}

static void write_patterns(struct jw *w, const struct instance *in) {
    size_t nsteps = in->rule->rule->nsteps;

    if (in->bound)
        write_kepts(w, "bound", in->bound, nsteps);
    if (in->latest)
        write_kepts(w, "latest", in->latest, nsteps);
    if (in->npartials) {
        jw_open(w, "seq", '[');
        for (size_t i = 0; i < in->npartials; i++) {
            const struct partial *p = in->partials[i];
            jw_open(w, NULL, '{');
            jw_int(w, "b", p->began);
            jw_int(w, "w", p->wall);
            jw_int(w, "k", (int64_t)p->step);
            write_kepts(w, "s", p->steps, nsteps);
            jw_close(w, '}');
        }
        jw_close(w, ']');
    }
    if (in->nchanges) {
        jw_open(w, "ch", '[');
        for (size_t i = 0; i < in->nchanges; i++)
            jw_int(w, NULL, in->changes[i]);
        jw_close(w, ']');
    }
    if (in->window)
        jw_int(w, "win", (int64_t)in->window->first);
}

static void write_instance(struct buf *b, const struct instance *in) {
    struct jw w = jw_start(b);

    jw_open(&w, NULL, '{');
    jw_int(&w, "u", (int64_t)in->used);
    if (in->by)
        jw_int(&w, "by", in->by);
    write_ms(&w, "p", in->pending);
    write_ms(&w, "s", in->since);
    if (in->matches)
        jw_int(&w, "m", (int64_t)in->matches);
    jw_open(&w, "due", '[');
    for (int i = 0; i < DUES; i++) {
        if (in->due[i] == TIME_NONE)
            continue;
        jw_open(&w, NULL, '[');
        jw_int(&w, NULL, i);
        jw_int(&w, NULL, in->due[i]);
        jw_close(&w, ']');
    }
    jw_close(&w, ']');
    if (in->last.text)
        write_kept(&w, "last", &in->last);
    write_patterns(&w, in);
    if (in->chattering)
        jw_bool(&w, "chat", true);
    if (in->cleared)
        jw_bool(&w, "clr", true);
    if (in->silent)
        jw_bool(&w, "silent", true);
    write_ms(&w, "r", in->raised);
    write_ms(&w, "t", in->told_at);
    if (in->escalated)
        jw_int(&w, "x", (int64_t)in->escalated);
    jw_close(&w, '}');
}

static void write_chunk(struct buf *b, const struct instance *in, uint64_t chunk) {
    const struct window *win = in->window;
    const struct cel_aggregates *set = in->rule->rule->aggregates;
    uint64_t from = chunk * ENGINE_WINDOW_CHUNK, to = from + ENGINE_WINDOW_CHUNK;
    struct jw w = jw_start(b);

    if (from < win->first)
        from = win->first;
    if (to > win->first + win->count)
        to = win->first + win->count;
    jw_open(&w, NULL, '{');
    jw_int(&w, "n", (int64_t)from);
    jw_open(&w, "e", '[');
    for (uint64_t i = from; i < to; i++) {
        const struct window_entry *entry = engine_window_at(win, (size_t)(i - win->first));
        jw_open(&w, NULL, '[');
        jw_int(&w, NULL, entry->at);
        jw_int(&w, NULL, entry->wall);
        jw_str(&w, NULL, strcmp(entry->device->id, in->key) == 0 ? "" : entry->device->id);
        jw_str(&w, NULL, entry->member);
        for (size_t k = 0; set && k < set->count; k++) {
            char hex[24];
            (void)snprintf(hex, sizeof(hex), "%llx", (unsigned long long)entry->values[k]);
            jw_str(&w, NULL, hex);
        }
        jw_close(&w, ']');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* A row, or with len 0 its deletion. Before the start there are no effects yet: deletions wait. */
static void put_row(struct engine *e, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    struct effect_state s = {.hash = hash, .len = len};

    if (!e->fx) {
        engine_state_gone(e, rule, hash, key);
        return;
    }
    s.rule = arena_strdup(&e->fx->arena, rule);
    s.key = arena_strdup(&e->fx->arena, key);
    if (len)
        s.body = arena_strndup(&e->fx->arena, body, len);
    if (!s.rule || !s.key || (len && !s.body))
        e->oom = true;
    else
        effects_state(e->fx, &s);
}

static void put_chunk(struct engine *e, struct instance *in, uint64_t chunk, const char *body, size_t len) {
    char key[ENGINE_MAX_KEY * 2 + 32];

    (void)snprintf(key, sizeof(key), "%s%c%012llx", in->key, CHUNK_MARK, (unsigned long long)chunk);
    put_row(e, in->rule->rule->name, in->rule->rule->hash, key, body, len);
}

static void flush_window(struct engine *e, struct instance *in) {
    struct window *w = in->window;
    uint64_t from = w->first / ENGINE_WINDOW_CHUNK, to = w->count ? (w->first + w->count - 1) / ENGINE_WINDOW_CHUNK + 1 : from;

    for (uint64_t c = w->stored_from; c < w->stored_to; c++) {
        if (c < from || c >= to)
            put_chunk(e, in, c, NULL, 0);
    }
    uint64_t c = (w->clean > w->first ? w->clean : w->first) / ENGINE_WINDOW_CHUNK;
    for (; w->clean < w->first + w->count && c < to; c++) {
        buf_clear(&e->text);
        write_chunk(&e->text, in, c);
        if (e->text.failed)
            e->oom = true;
        else
            put_chunk(e, in, c, e->text.data, e->text.len);
    }
    w->stored_from = from;
    w->stored_to = to;
    w->clean = w->first + w->count;
}

void engine_state_flush(struct engine *e, struct instance *in) {
    buf_clear(&e->text);
    write_instance(&e->text, in);
    if (e->text.failed)
        e->oom = true;
    else
        put_row(e, in->rule->rule->name, in->rule->rule->hash, in->key, e->text.data, e->text.len);
    in->stored = true;
    if (in->window)
        flush_window(e, in);
}

void engine_state_delete(struct engine *e, struct instance *in) {
    if (in->stored)
        put_row(e, in->rule->rule->name, in->rule->rule->hash, in->key, NULL, 0);
    for (uint64_t c = in->window ? in->window->stored_from : 0; in->window && c < in->window->stored_to; c++)
        put_chunk(e, in, c, NULL, 0);
    in->stored = false;
}

/* -- reading ------------------------------------------------------------------------------------------------------------------- */
static void read_kept(struct engine *e, const cJSON *j, struct kept *ret) {
    const cJSON *event = json_get(j, "e");
    struct buf b;

    if (!event)
        return;
    buf_init(&b, 4 << 20);
    json_write(&b, event);
    if (!b.failed)
        engine_keep_text(e, ret, b.data, b.len, engine_ms(json_get(j, "at"), 0), engine_ms(json_get(j, "t"), 0));
    buf_done(&b);
}

static struct kept *read_kepts(struct engine *e, const cJSON *array, size_t n) {
    struct kept *k = n && cJSON_IsArray(array) ? calloc(n, sizeof(*k)) : NULL;
    const cJSON *item;
    size_t i = 0;

    cJSON_ArrayForEach(item, array) {
        if (k && i < n)
            read_kept(e, item, &k[i++]);
    }
    return k;
}

static void read_partials(struct engine *e, struct instance *in, const cJSON *array) {
    size_t nsteps = in->rule->rule->nsteps, n = (size_t)cJSON_GetArraySize(array);
    const cJSON *item, *kept;

    if (n == 0 || n > ENGINE_MAX_PARTIALS || !(in->partials = calloc(n, sizeof(struct partial *))))
        return;
    in->cap_partials = n;
    cJSON_ArrayForEach(item, array) {
        struct partial *p = calloc(1, sizeof(*p));
        size_t i = 0;

        if (!p) {
            e->oom = true;
            return;
        }
        p->began = engine_ms(json_get(item, "b"), 0);
        p->wall = engine_ms(json_get(item, "w"), 0);
        p->step = (size_t)engine_whole(json_get(item, "k"), 1);
        cJSON_ArrayForEach(kept, json_get(item, "s")) {
            if (i < nsteps && i < RULES_MAX_STEPS)
                read_kept(e, kept, &p->steps[i++]);
        }
        e->npartials++;
        if (p->step < 1 || p->step > nsteps)
            engine_partial_free(e, p);
        else
            in->partials[in->npartials++] = p;
    }
}

static void read_changes(struct instance *in, const cJSON *array) {
    size_t limit = in->rule->rule->chattering_changes > 0 ? (size_t)in->rule->rule->chattering_changes : 0;
    const cJSON *item;

    limit = limit > ENGINE_MAX_CHANGES ? ENGINE_MAX_CHANGES : limit;
    if (limit == 0 || !cJSON_IsArray(array) || !(in->changes = calloc(limit, sizeof(*in->changes))))
        return;
    cJSON_ArrayForEach(item, array) {
        if (in->nchanges < limit && cJSON_IsNumber(item))
            in->changes[in->nchanges++] = engine_ms(item, 0);
    }
}

static void read_instance(struct engine *e, struct instance *in, const cJSON *j) {
    const cJSON *item;
    int64_t by = json_int(j, "by", BY_STRING);

    in->stored = true;
    in->used = engine_whole(json_get(j, "u"), 0);
    if (in->used > e->uses)
        e->uses = in->used;
    in->by = by >= BY_STRING && by <= BY_JSON ? (uint8_t)by : BY_STRING;
    engine_set_pending(in, engine_ms(json_get(j, "p"), TIME_NONE));
    in->since = engine_ms(json_get(j, "s"), TIME_NONE);
    in->matches = engine_whole(json_get(j, "m"), 0);
    cJSON_ArrayForEach(item, json_get(j, "due")) {
        const cJSON *what = cJSON_GetArrayItem(item, 0), *ms = cJSON_GetArrayItem(item, 1);
        if (cJSON_IsNumber(what) && cJSON_IsNumber(ms) && what->valueint >= 0 && what->valueint < DUES)
            in->due[what->valueint] = engine_ms(ms, TIME_NONE);
    }
    read_kept(e, json_get(j, "last"), &in->last);
    in->bound = read_kepts(e, json_get(j, "bound"), in->rule->rule->nsteps);
    in->latest = read_kepts(e, json_get(j, "latest"), in->rule->rule->nsteps);
    read_partials(e, in, json_get(j, "seq"));
    read_changes(in, json_get(j, "ch"));
    in->chattering = json_bool(j, "chat", false);
    in->cleared = json_bool(j, "clr", false);
    in->silent = json_bool(j, "silent", false);
    in->raised = engine_ms(json_get(j, "r"), TIME_NONE);
    in->told_at = engine_ms(json_get(j, "t"), TIME_NONE);
    in->escalated = (size_t)engine_whole(json_get(j, "x"), 0);
    if (json_get(j, "win")) {
        struct window *w = engine_window_need(e, in);
        if (w)
            w->restored_first = engine_whole(json_get(j, "win"), 0);
    }
}

static void read_entry(struct engine *e, struct instance *in, const cJSON *item, uint64_t number) {
    const struct cel_aggregates *set = in->rule->rule->aggregates;
    const cJSON *at = item->child, *wall = at ? at->next : NULL, *device = wall ? wall->next : NULL, *member = device ? device->next : NULL;

    if (!cJSON_IsNumber(at) || !cJSON_IsNumber(wall) || !cJSON_IsString(device) || !member)
        return;
    size_t n = 0, most = set ? set->count : 0; /* the row may hold another order of figures than today's */
    for (const cJSON *v = member->next; v && n < ENGINE_MAX_FIGURES; v = v->next)
        n++;
    struct window_entry *entry = engine_window_entry_sized(e, n > most ? n : most);
    if (!entry)
        return;
    entry->at = engine_ms(at, 0);
    entry->wall = engine_ms(wall, 0);
    entry->number = number;
    entry->device = engine_device_get(e, *device->valuestring ? device->valuestring : in->key, true);
    if (cJSON_IsString(member) && !(entry->member = strdup(member->valuestring)))
        e->oom = true;
    const cJSON *v = member->next;
    for (size_t i = 0; i < n && cJSON_IsString(v); i++, v = v->next)
        entry->values[i] = strtoull(v->valuestring, NULL, 16);
    if (!entry->device) {
        free(entry->member);
        free(entry);
        return;
    }
    engine_window_insert(e, in, entry);
}

/* False: a chunk that cannot belong to the others. */
static bool read_chunk(struct engine *e, struct instance *in, const cJSON *j, uint64_t chunk) {
    struct window *w = engine_window_need(e, in);
    uint64_t number = engine_whole(json_get(j, "n"), 0);
    const cJSON *item;

    if (!w)
        return true;
    uint64_t from = w->stored_from == w->stored_to || chunk < w->stored_from ? chunk : w->stored_from;
    uint64_t to = w->stored_from == w->stored_to || chunk >= w->stored_to ? chunk + 1 : w->stored_to;
    if (number / ENGINE_WINDOW_CHUNK != chunk || to - from > ENGINE_MAX_WINDOW)
        return false;
    w->stored_from = from;
    w->stored_to = to;
    cJSON_ArrayForEach(item, json_get(j, "e")) { read_entry(e, in, item, number++); }
    return true;
}

int engine_state_read(struct engine *e, struct engine_rule *er, const char *key, const char *body, size_t len, struct err *err) {
    const char *mark = strrchr(key, CHUNK_MARK);
    size_t key_len = mark ? (size_t)(mark - key) : strlen(key);
    struct arena a;
    const cJSON *j;

    if (key_len > ENGINE_MAX_KEY * 2)
        return err_set(err, GF_ECORRUPT, "state of %s: key is too long", er->rule->name);
    arena_init(&a, 8192, 64 << 20);
    int rc = json_parse(&a, body, len, err, &j);
    if (rc == 0) {
        struct instance *in = engine_instance_make(e, er, key, key_len, BY_STRING);
        if (in && mark && !read_chunk(e, in, j, strtoull(mark + 1, NULL, 16)))
            engine_state_gone(e, er->rule->name, er->rule->hash, key);
        if (in && !mark)
            read_instance(e, in, j);
    }
    arena_done(&a);
    if (rc == 0 && e->oom)
        rc = err_set(err, GF_ENOMEM, "out of memory");
    return rc < 0 ? err_prefix(err, "state of %s", er->rule->name) : 0;
}
