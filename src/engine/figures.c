/* SPDX-License-Identifier: Apache-2.0
 * A window's figures when a rule is reworded. An event in a window leaves one number per figure that the rule's expressions ask for (aggregate.c), titles and texts too; a title that
 * asks for another one must not cost the rule its memory. So each figure has an identity, made of its compiled argument; a row of the engine's own, written only when it changes,
 * says in which order a rule's entries hold them; and entries made in another order are laid out anew. A figure that nobody asked for before is unknown for the events before.
 *
 *   row: rule "", key "figures RULE", body {"f":["identity in hexadecimal",…]} */
#include "engine_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "figures "

static bool same(const struct figures *a, const struct figures *b) {
    return a->n == b->n && (a->n == 0 || memcmp(a->id, b->id, a->n * sizeof(a->id[0])) == 0);
}

/* What an aggregate keeps of an event: value_count a hash, the others the number itself. */
static uint64_t identity(struct engine *e, const struct cel_aggregate *item) {
    buf_clear(&e->text);
    buf_puts(&e->text, !item->arg ? "none" : strcmp(item->name, "value_count") == 0 ? "hash " : "number ");
    if (item->arg)
        cel_dump(item->arg, &e->text);
    if (e->text.failed)
        e->oom = true;
    return hash_bytes(e->text.data, e->text.len, 'f');
}

int engine_figures_make(struct engine *e, struct engine_rule *er) {
    const struct cel_aggregates *set = er->rule->aggregates;

    if (er->rule->pattern != RULE_WINDOW || !set || !set->count)
        return 0;
    if (!(er->figures.id = calloc(set->count, sizeof(er->figures.id[0]))))
        return GF_ENOMEM;
    er->figures.n = set->count;
    for (size_t i = 0; i < set->count; i++)
        er->figures.id[i] = identity(e, &set->items[i]);
    er->figures_dirty = e->figures_dirty = true; /* unless a row says the same */
    return e->oom ? GF_ENOMEM : 0;
}

void engine_figures_done(struct engine_rule *er) {
    free(er->figures.id);
    free(er->stored_figures.id);
    er->figures = er->stored_figures = (struct figures){0};
}

/* -- another order --------------------------------------------------------------------------------------------------------------- */
static struct window_entry *laid_out(struct engine *e, struct engine_rule *er, const struct figures *former,
                                     const struct window_entry *old) {
    struct window_entry *w = engine_window_entry_new(e, er->rule);

    if (!w)
        return NULL;
    w->at = old->at;
    w->wall = old->wall;
    w->number = old->number;
    w->device = old->device;
    w->member = old->member;
    for (size_t i = 0; i < er->figures.n; i++) {
        for (size_t k = 0; k < former->n; k++) {
            if (former->id[k] == er->figures.id[i]) {
                w->values[i] = old->values[k];
                break;
            }
        }
    }
    return w;
}

static void lay_out(struct engine *e, struct instance *in, const struct figures *former) {
    struct window *w = in->window;

    for (size_t i = 0; i < w->count; i++) {
        struct window_entry **at = &w->ring[(w->head + i) & (w->cap - 1)], *entry = laid_out(e, in->rule, former, *at);
        if (!entry)
            return;
        free(*at);
        *at = entry;
    }
    w->clean = w->first;
    engine_instance_touch(e, in);
}

void engine_figures_meet(struct engine *e, struct engine_rule *er, const struct figures *former, bool unsaid) {
    void *value;

    er->figures_dirty = unsaid || !same(&er->figures, former);
    if (same(&er->figures, former))
        return;
    e->figures_dirty = true;
    for (size_t it = 0; map_next(&er->keys, &it, NULL, &value);) {
        struct instance *in = value;
        if (in->window)
            lay_out(e, in, former);
    }
}

/* -- the row ------------------------------------------------------------------------------------------------------------------------ */
void engine_figures_read(struct engine *e, const char *key, const cJSON *j) {
    struct engine_rule *er = strncmp(key, KEY, sizeof(KEY) - 1) == 0 ? engine_rule_named(e, key + sizeof(KEY) - 1) : NULL;
    const cJSON *ids = json_get(j, "f"), *item;
    size_t n = cJSON_IsArray(ids) ? (size_t)cJSON_GetArraySize(ids) : 0;

    if (!er || er->rule->pattern != RULE_WINDOW || n == 0 || n > ENGINE_MAX_FIGURES || er->stored_figures.id) {
        engine_state_gone(e, "", 0, key);
        return;
    }
    if (!(er->stored_figures.id = calloc(n, sizeof(er->stored_figures.id[0])))) {
        e->oom = true;
        return;
    }
    cJSON_ArrayForEach(item, ids) {
        er->stored_figures.id[er->stored_figures.n++] = cJSON_IsString(item) ? strtoull(item->valuestring, NULL, 16) : 0;
    }
}

/* Without a row the entries are in the order of today, as far as they go. */
void engine_figures_started(struct engine *e) {
    for (size_t i = 0; i < e->nrules; i++) {
        if (e->rules[i].stored_figures.id)
            engine_figures_meet(e, &e->rules[i], &e->rules[i].stored_figures, false);
    }
}

void engine_figures_flush(struct engine *e) {
    for (size_t i = 0; e->figures_dirty && i < e->nrules; i++) {
        struct engine_rule *er = &e->rules[i];
        struct effect_state s = {.rule = ""};

        if (!er->figures_dirty)
            continue;
        er->figures_dirty = false;
        s.key = arena_printf(&e->fx->arena, KEY "%s", er->rule->name);
        if (er->figures.n) {
            struct jw w;
            buf_clear(&e->text);
            w = jw_start(&e->text);
            jw_open(&w, NULL, '{');
            jw_open(&w, "f", '[');
            for (size_t k = 0; k < er->figures.n; k++) {
                char hex[24];
                (void)snprintf(hex, sizeof(hex), "%llx", (unsigned long long)er->figures.id[k]);
                jw_str(&w, NULL, hex);
            }
            jw_close(&w, ']');
            jw_close(&w, '}');
            s.body = e->text.failed ? NULL : arena_strndup(&e->fx->arena, e->text.data, e->text.len);
            s.len = e->text.len;
        }
        if (!s.key || (er->figures.n && !s.body))
            e->oom = true;
        else
            effects_state(e->fx, &s);
    }
    e->figures_dirty = false;
}
