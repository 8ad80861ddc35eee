/* SPDX-License-Identifier: Apache-2.0
 * Keys: one instance per rule and `by` value. A rule has room for max_keys of them; then the least recently changed one that is not firing makes way, and is counted. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

/* Control bytes are written out, so that a key can never look like one of the store's own (see state.c); a long text ends in its hash. */
static const char *clean_key(struct arena *a, const char *s, size_t len, size_t *ret_len) {
    struct buf b;
    bool plain = len <= ENGINE_MAX_KEY;

    for (size_t i = 0; plain && i < len; i++)
        plain = (unsigned char)s[i] >= 0x20 && s[i] != 0x7f;
    if (plain) {
        *ret_len = len;
        return s;
    }
    buf_init(&b, 0);
    size_t room = len > ENGINE_MAX_KEY ? ENGINE_MAX_KEY - 20 : len;
    while (room < len && room > 0 && ((unsigned char)s[room] & 0xc0) == 0x80)
        room--;
    for (size_t i = 0; i < room; i++) {
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            buf_printf(&b, "\\x%02x", (unsigned)(unsigned char)s[i]);
        else
            buf_putc(&b, s[i]);
    }
    if (room < len)
        buf_printf(&b, "~%016llx", (unsigned long long)hash_bytes(s, len, 0));
    char *copy = b.failed ? NULL : arena_strndup(a, b.data, b.len);
    *ret_len = b.len;
    buf_done(&b);
    return copy;
}

static const char *value_text(struct arena *a, struct cel_value v, size_t *ret_len, uint8_t *ret_by) {
    struct buf b;

    switch (v.type) {
    case CEL_STRING: *ret_by = BY_STRING; return clean_key(a, v.s, v.aux, ret_len);
    case CEL_INT: *ret_by = BY_INT; break;
    case CEL_DOUBLE: *ret_by = BY_DOUBLE; break;
    case CEL_BOOL: *ret_by = BY_BOOL; break;
    default: *ret_by = BY_JSON; break;
    }
    buf_init(&b, 64 << 20);
    cel_write_json(&b, v);
    const char *text = b.failed ? NULL : arena_strndup(a, b.data, b.len);
    if (text)
        text = clean_key(a, text, b.len, ret_len);
    if (b.len > ENGINE_MAX_KEY)
        *ret_by = BY_STRING;
    buf_done(&b);
    return text;
}

bool engine_key(struct engine_eval *x, struct engine_rule *er, const char **ret_key, size_t *ret_len, uint8_t *ret_by) {
    x->touched = true;
    if (!er->rule->by.program) {
        const char *id = x->event ? x->event->device : x->device->id;
        *ret_by = BY_STRING;
        x->vars[RULE_BY] = cel_text(id);
        *ret_key = clean_key(&x->engine->scratch, id, strlen(id), ret_len);
        if (!*ret_key)
            x->engine->oom = true;
        return *ret_key != NULL;
    }
    struct cel_value v = engine_eval(x, er, &er->rule->by);
    if (v.type == CEL_ERROR)
        return false;
    x->vars[RULE_BY] = v;
    *ret_key = value_text(&x->engine->scratch, v, ret_len, ret_by);
    if (!*ret_key)
        x->engine->oom = true;
    return *ret_key != NULL;
}

struct instance *engine_instance_find(const struct engine_rule *er, const char *key, size_t len) {
    return map_get(&er->keys, key, len);
}

/* -- who is least recent ------------------------------------------------------------------------------------------------------------- */
static void unlist(struct instance *in) {
    struct engine_rule *er = in->rule;

    if (!in->listed)
        return;
    if (in->lru_prev)
        in->lru_prev->lru_next = in->lru_next;
    else
        er->lru_first = in->lru_next;
    if (in->lru_next)
        in->lru_next->lru_prev = in->lru_prev;
    else
        er->lru_last = in->lru_prev;
    in->lru_prev = in->lru_next = NULL;
    in->listed = false;
}

static void list_last(struct instance *in) {
    struct engine_rule *er = in->rule;

    unlist(in);
    in->lru_prev = er->lru_last;
    if (er->lru_last)
        er->lru_last->lru_next = in;
    else
        er->lru_first = in;
    er->lru_last = in;
    in->listed = true;
}

void engine_instance_relist(struct instance *in) {
    if (in->docket)
        unlist(in);
    else
        list_last(in);
}

void engine_instance_touch(struct engine *e, struct instance *in) {
    in->used = ++e->uses;
    if (!in->docket && in->rule->lru_last != in)
        list_last(in);
    if (!in->dirty) {
        in->dirty = true;
        in->next_dirty = e->dirty_instances;
        e->dirty_instances = in;
    }
}

/* -- life -------------------------------------------------------------------------------------------------------------------------------- */
void engine_set_pending(struct instance *in, int64_t since) {
    if (in->pending == TIME_NONE && since != TIME_NONE)
        in->rule->npending++;
    if (in->pending != TIME_NONE && since == TIME_NONE)
        in->rule->npending--;
    in->pending = since;
}

struct instance *engine_instance_get(struct engine *e, struct engine_rule *er, const char *key, size_t len, uint8_t by) {
    struct instance *in = map_get(&er->keys, key, len);
    size_t cap = er->rule->max_keys > 0 ? (size_t)er->rule->max_keys : RULES_DEFAULT_KEYS;

    if (in)
        return in;
    while (map_count(&er->keys) >= cap) {
        er->evicted++;
        if (!er->lru_first)
            return NULL;
        engine_instance_drop(e, er->lru_first);
    }
    return engine_instance_make(e, er, key, len, by);
}

struct instance *engine_instance_make(struct engine *e, struct engine_rule *er, const char *key, size_t len, uint8_t by) {
    struct instance *in = map_get(&er->keys, key, len);

    if (in)
        return in;
    in = calloc(1, sizeof(*in) + len + 1);
    if (!in || map_put(&er->keys, key, len, in, NULL) < 0) {
        free(in);
        e->oom = true;
        return NULL;
    }
    in->timer.owner = TIMER_INSTANCE;
    in->rule = er;
    in->by = by;
    in->key_len = len;
    memcpy(in->key, key, len);
    in->pending = in->since = in->raised = in->told_at = TIME_NONE;
    for (int i = 0; i < DUES; i++)
        in->due[i] = TIME_NONE;
    list_last(in);
    engine_active_update(e, er);
    return in;
}

static void bound_free(struct kept **k, const struct rule *rule) {
    for (size_t i = 0; *k && i < rule->nsteps; i++)
        engine_unkeep(&(*k)[i]);
    free(*k);
    *k = NULL;
}

void engine_instance_forget(struct engine *e, struct instance *in) {
    engine_set_pending(in, TIME_NONE);
    in->due[DUE_FOR] = in->due[DUE_WINDOW] = in->due[DUE_STEP] = TIME_NONE;
    in->matches = 0;
    engine_window_clear(e, in);
    engine_partials_clear(e, in);
    bound_free(&in->latest, in->rule->rule);
}

void engine_instance_free(struct engine *e, struct instance *in) {
    engine_timer_unset(e, &in->timer);
    unlist(in);
    if (in->dirty) {
        struct instance **at = &e->dirty_instances;
        while (*at && *at != in)
            at = &(*at)->next_dirty;
        if (*at)
            *at = in->next_dirty;
    }
    engine_set_pending(in, TIME_NONE);
    if (in->docket) {
        in->docket->instance = NULL;
        in->rule->nfiring--;
        e->nfiring--;
    }
    engine_unkeep(&in->last);
    bound_free(&in->bound, in->rule->rule);
    bound_free(&in->latest, in->rule->rule);
    engine_window_free(e, in);
    engine_partials_clear(e, in);
    free(in->partials);
    free(in->changes);
    free(in);
}

void engine_instance_drop(struct engine *e, struct instance *in) {
    engine_state_delete(e, in);
    struct engine_rule *er = in->rule;
    (void)map_remove(&er->keys, in->key, in->key_len);
    engine_instance_free(e, in);
    engine_active_update(e, er);
}

void engine_instance_settle(struct engine *e, struct instance *in) {
    if (in->docket || in->pending != TIME_NONE || (in->window && in->window->count) || in->npartials || in->latest || in->nchanges ||
        in->silent)
        engine_instance_arm(e, in);
    else
        engine_instance_drop(e, in);
}
