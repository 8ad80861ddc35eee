/* SPDX-License-Identifier: Apache-2.0
 * Keeping events: a copy of an event as text that is the same before and after a restart, types included.
 *
 * {"k":"lamp","d":"lamp-7","t":1767614400000,"a":…,"g":flags,"s":"source","f":{field: value},"x":{field: type}}; x names only what JSON cannot tell: d a double without
 * fraction, i and u whole numbers beyond 2^53, n a double that is no number, t a timestamp and s a duration ([seconds, nanoseconds]), b bytes (base64). */
#include "engine_int.h"

#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"

#define EXACT 9007199254740992.0 /* 2^53 */

/* Rows are not trusted: what is beyond all reason is not there. */
int64_t engine_ms(const cJSON *n, int64_t otherwise) {
    return cJSON_IsNumber(n) && fabs(n->valuedouble) <= 4e15 ? (int64_t)n->valuedouble : otherwise;
}

uint64_t engine_whole(const cJSON *n, uint64_t otherwise) {
    return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble <= EXACT ? (uint64_t)n->valuedouble : otherwise;
}

/* The letter for what JSON cannot tell; 0: it can. */
static char type_letter(struct cel_value v) {
    switch (v.type) {
    case CEL_INT: return v.i > (int64_t)EXACT || v.i < -(int64_t)EXACT ? 'i' : 0;
    case CEL_UINT: return 'u';
    case CEL_DOUBLE:
        if (!isfinite(v.d))
            return 'n';
        return fabs(v.d) <= EXACT && v.d == floor(v.d) ? 'd' : 0;
    case CEL_TIMESTAMP: return 't';
    case CEL_DURATION: return 's';
    case CEL_BYTES: return 'b';
    default: return 0;
    }
}

static void write_value(struct jw *w, const char *name, struct cel_value v, char letter) {
    char text[64];

    switch (letter) {
    case 'i':
        (void)snprintf(text, sizeof(text), "%lld", (long long)v.i);
        jw_str(w, name, text);
        return;
    case 'u':
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v.u);
        jw_str(w, name, text);
        return;
    case 'n': jw_str(w, name, isnan(v.d) ? "nan" : v.d > 0 ? "inf" : "-inf"); return;
    case 't':
    case 's':
        jw_open(w, name, '[');
        jw_int(w, NULL, v.i);
        jw_int(w, NULL, letter == 't' ? (int64_t)v.aux : (int64_t)(int32_t)v.aux);
        jw_close(w, ']');
        return;
    default: break;
    }
    struct buf json;

    switch (v.type) {
    case CEL_BOOL: jw_bool(w, name, v.b); return;
    case CEL_INT: jw_int(w, name, v.i); return;
    case CEL_DOUBLE: jw_double(w, name, v.d); return;
    case CEL_STRING: jw_strn(w, name, v.s, v.aux); return;
    default:
        buf_init(&json, 0);
        cel_write_json(&json, v);
        if (json.failed)
            w->buf->failed = true;
        jw_raw(w, name, json.data, json.len);
        buf_done(&json);
    }
}

void engine_fields_write(struct jw *w, const char *name, const char *types_name, size_t n, const struct event_field *fields) {
    bool typed = false;

    jw_open(w, name, '{');
    for (size_t i = 0; i < n; i++) {
        char letter = type_letter(fields[i].value);
        typed |= letter != 0;
        write_value(w, atom_name(fields[i].name), fields[i].value, letter);
    }
    jw_close(w, '}');
    if (!typed)
        return;
    jw_open(w, types_name, '{');
    for (size_t i = 0; i < n; i++) {
        char letter[2] = {type_letter(fields[i].value), 0};
        if (letter[0])
            jw_str(w, atom_name(fields[i].name), letter);
    }
    jw_close(w, '}');
}

static struct cel_value read_typed(struct arena *a, const cJSON *item, char letter) {
    const char *text = cJSON_IsString(item) ? item->valuestring : "";

    switch (letter) {
    case 'd': return cJSON_IsNumber(item) ? cel_double(item->valuedouble) : cel_null();
    case 'n': return cel_double(strcmp(text, "inf") == 0 ? (double)INFINITY : strcmp(text, "-inf") == 0 ? -(double)INFINITY : (double)NAN);
    case 'i': return cel_int(strtoll(text, NULL, 10));
    case 'u': return cel_uint(strtoull(text, NULL, 10));
    case 't':
    case 's': {
        const cJSON *s = cJSON_GetArrayItem(item, 0), *ns = cJSON_GetArrayItem(item, 1);
        if (!cJSON_IsNumber(s) || !cJSON_IsNumber(ns) || fabs(s->valuedouble) > 1e12 || fabs(ns->valuedouble) >= 1e9)
            return cel_null();
        struct cel_value v = {.type = letter == 't' ? CEL_TIMESTAMP : CEL_DURATION, .aux = (uint32_t)(int32_t)ns->valuedouble};
        v.i = (int64_t)s->valuedouble;
        return v;
    }
    case 'b': {
        size_t len;
        void *data = base64_decode(a, text, strlen(text), &len);
        if (!data)
            return cel_null();
        struct cel_value v = cel_string(data, len);
        v.type = CEL_BYTES;
        return v;
    }
    default: return cel_json(item);
    }
}

bool engine_field_read(struct arena *a, const cJSON *item, const cJSON *types, struct event_field *ret) {
    const char *letter = item->string && types ? json_str(types, item->string, "") : "";
    atom_t name = item->string ? atom_of(item->string) : 0;

    if (!name)
        return false;
    ret->name = name;
    ret->value = read_typed(a, item, letter[0]);
    return true;
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
    struct jw w = jw_start(&b);
    jw_open(&w, NULL, '{');
    jw_str(&w, "k", atom_name(ev->kind));
    jw_str(&w, "d", ev->device);
    jw_int(&w, "t", ev->time);
    if (ev->arrived != ev->time)
        jw_int(&w, "a", ev->arrived);
    if (ev->flags)
        jw_int(&w, "g", (int64_t)ev->flags);
    if (ev->source)
        jw_str(&w, "s", ev->source);
    engine_fields_write(&w, "f", "x", ev->nfields, ev->fields);
    jw_close(&w, '}');
    char *text = buf_take(&b, &len);
    if (!text) {
        e->oom = true;
        return;
    }
    free(k->text);
    *k = (struct kept){.text = text, .len = len, .at = e->now.mono, .time = ev->time};
}

bool engine_kept(struct arena *a, const struct kept *k, struct event *ret) {
    const cJSON *j, *item;
    struct err ignored;

    if (!k->text || json_parse(a, k->text, k->len, &ignored, &j) < 0)
        return false;
    const cJSON *fields = json_get(j, "f"), *types = json_get(j, "x");
    const char *kind = json_str(j, "k", ""), *device = json_str(j, "d", "");
    struct event ev = {.device = device,
                       .kind = atom_of(kind),
                       .time = engine_ms(json_get(j, "t"), 0),
                       .flags = (uint32_t)engine_whole(json_get(j, "g"), 0),
                       .source = json_str(j, "s", NULL)};

    ev.arrived = engine_ms(json_get(j, "a"), ev.time);
    if (!*device || !ev.kind)
        return false;
    struct event_field *f = arena_alloc(a, EVENT_MAX_FIELDS * sizeof(*f));
    if (!f)
        return false;
    cJSON_ArrayForEach(item, fields) {
        if (ev.nfields < EVENT_MAX_FIELDS && engine_field_read(a, item, types, &f[ev.nfields]))
            ev.nfields++;
    }
    ev.fields = f;
    *ret = ev;
    return true;
}
