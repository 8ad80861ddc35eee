/* SPDX-License-Identifier: Apache-2.0
 * The daemon's own rows, kept among the rules' states under names that no rule can have: written with a batch like any state, and met again at the start. */
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"

static int put_memory(void *ctx, const char *key, const char *body, size_t len) {
    struct daemon *d = ctx;
    struct effect_state row = {.rule = OWN_MEMORY, .key = arena_strdup(&d->fx.arena, key), .len = len};

    if (body != NULL)
        row.body = arena_strndup(&d->fx.arena, body, len);
    if (row.key == NULL || (body != NULL && row.body == NULL))
        return GF_ENOMEM;
    effects_state(&d->fx, &row);
    return 0;
}

void own_memory(struct daemon *d) {
    if (mapper_checkpoint(d->mapper, put_memory, d) < 0)
        d->fx.failed = true;
}

bool own_is(const char *rule) { return rule[0] == '/'; }

static void drop(struct daemon *d, const char *rule, const char *key) {
    struct effect_state gone = {.rule = arena_strdup(&d->fx.arena, rule), .key = arena_strdup(&d->fx.arena, key)};

    if (gone.rule == NULL || gone.key == NULL)
        d->fx.failed = true;
    else
        effects_state(&d->fx, &gone);
}

void own_restore(struct daemon *d, const char *rule, const char *key, const char *body, size_t len) {
    const cJSON *doc;

    if (strcmp(rule, OWN_LIMIT) == 0) {
        flood_restore(d, body, len);
        return;
    }
    arena_reset(&d->scratch);
    if (strcmp(rule, OWN_DAMAGE) == 0 && json_parse(&d->scratch, body, len, NULL, &doc) == 0) {
        const char *why = json_str(doc, "why", "");
        size_t n = strnlen(why, sizeof(d->damage) - 1);

        memcpy(d->damage, why, n);
        d->damage[n] = '\0';
    }
    drop(d, rule, key); /* told once; and what an older or newer gengfu left behind */
}
