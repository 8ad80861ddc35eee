/* SPDX-License-Identifier: Apache-2.0
 * Keeping events: a copy of an event as text, in the journal's form (gengfu/rules/event.h), that is the same before and after a restart. */
#include "engine_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT 9007199254740992.0 /* 2^53 */

/* Rows are not trusted: what is beyond all reason is not there. */
int64_t engine_ms(const cJSON *n, int64_t otherwise) {
    return cJSON_IsNumber(n) && fabs(n->valuedouble) <= 4e15 ? (int64_t)n->valuedouble : otherwise;
}

uint64_t engine_whole(const cJSON *n, uint64_t otherwise) {
    return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble <= EXACT ? (uint64_t)n->valuedouble : otherwise;
}

void engine_unkeep(struct kept *k) {
    free(k->text);
    *k = (struct kept){0};
}

void engine_keep_text(struct engine *e, struct kept *k, const char *text, size_t len, int64_t at, int64_t time) {
    char *copy = malloc(len + 1);

    if (!copy) {
        e->oom = true;
        return;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    free(k->text);
    *k = (struct kept){.text = copy, .len = len, .at = at, .time = time};
}

void engine_keep(struct engine *e, struct kept *k, const struct event *ev) {
    struct buf b;
    size_t len;

    buf_init(&b, 4 << 20);
    event_write(&b, ev);
    char *text = buf_take(&b, &len);
    if (!text) {
        e->oom = true;
        return;
    }
    free(k->text);
    *k = (struct kept){.text = text, .len = len, .at = e->now.mono, .time = ev->time};
}

bool engine_kept(struct arena *a, const struct kept *k, struct event *ret) {
    struct err ignored;

    return k->text && event_read(a, k->text, k->len, ret, &ignored) == 0;
}
