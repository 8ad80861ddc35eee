/* SPDX-License-Identifier: Apache-2.0
 * Keeping events: a copy of an event as text, in the journal's form (gengfu/rules/event.h), that is the same before and after a restart. */
#include "engine_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT 9007199254740992.0 /* 2^53 */
#define LONG 64                  /* bytes of a text that is not kept in an event that is too large */

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

/* Keys are many, and stay: of an event that is too large to be kept, what is long is known to be there, not what it is. */
static bool write_without_long(struct engine *e, struct buf *b, const struct event *ev) {
    struct event small = *ev;
    struct event_field *fields = arena_dup(&e->scratch, ev->fields, ev->nfields * sizeof(*fields));

    for (size_t i = 0; fields && i < ev->nfields; i++) {
        enum cel_type type = fields[i].value.type;
        if (type == CEL_LIST || type == CEL_MAP || ((type == CEL_STRING || type == CEL_BYTES) && fields[i].value.aux > LONG))
            fields[i].value = cel_null();
    }
    small.fields = fields;
    buf_done(b); /* its memory would be kept with the text */
    buf_init(b, 4 << 20);
    if (fields)
        event_write(b, &small);
    return fields != NULL;
}

void engine_keep(struct engine *e, struct kept *k, const struct event *ev) {
    struct buf b;
    size_t len;

    buf_init(&b, 4 << 20);
    event_write(&b, ev);
    bool made = b.len <= ENGINE_MAX_KEPT_TEXT || write_without_long(e, &b, ev);
    char *text = buf_take(&b, &len);
    if (!text || !made) {
        free(text);
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
