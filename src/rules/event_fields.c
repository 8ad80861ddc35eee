/* SPDX-License-Identifier: Apache-2.0
 * Fields of events as JSON, and back with their types: a journal, a kept event and a device's checkpoint hold them so. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/rules/event.h"

#define EXACT 9007199254740992.0 /* 2^53 */
#define MAX_DEPTH 56             /* of one value: with what stands around it the reader's ceiling */
#define MAX_TYPED 24             /* deeper within a value no types are told: they may stand twice as deep */

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

static void put_scalar(struct buf *b, struct cel_value v, char letter) {
    switch (letter) {
    case 'i': buf_printf(b, "\"%lld\"", (long long)v.i); return;
    case 'u': buf_printf(b, v.u > (uint64_t)EXACT ? "\"%llu\"" : "%llu", (unsigned long long)v.u); return;
    case 'n': buf_puts(b, isnan(v.d) ? "\"nan\"" : v.d > 0 ? "\"inf\"" : "\"-inf\""); return;
    case 't':
    case 's': buf_printf(b, "[%lld,%lld]", (long long)v.i, letter == 't' ? (long long)v.aux : (long long)(int32_t)v.aux); return;
    default: cel_write_json(b, v);
    }
}

/* -- lists and maps --------------------------------------------------------------------------------------------------------- */
static bool is_native(struct cel_value v) { return (v.type == CEL_LIST || v.type == CEL_MAP) && v.form == CEL_FORM_NATIVE; }
static bool is_json(struct cel_value v) { return (v.type == CEL_LIST || v.type == CEL_MAP) && v.form == CEL_FORM_JSON; }
static struct cel_value item_of(struct cel_value v, size_t i) { return v.type == CEL_LIST ? v.items[i] : v.pairs[i].value; }
static struct cel_value inside(struct cel_value v) { return v.type == CEL_OPTIONAL && v.opt ? *v.opt : v; }

static char key_letter(struct cel_value key) {
    return key.type == CEL_INT ? 'i' : key.type == CEL_UINT ? 'u' : key.type == CEL_BOOL ? 'b' : 0;
}

/* Is there anything to tell of it, or within it? What came as JSON has no types but JSON's. */
static bool is_typed(struct cel_value v, unsigned depth) {
    v = inside(v);
    if (!is_native(v))
        return type_letter(v) != 0;
    for (size_t i = 0; depth < MAX_TYPED && i < v.aux; i++)
        if ((v.type == CEL_MAP && key_letter(v.pairs[i].key)) || is_typed(item_of(v, i), depth + 1))
            return true;
    return false;
}

static bool is_deep(struct cel_value v, unsigned depth) {
    v = inside(v);
    if (!is_native(v) && !is_json(v))
        return false;
    if (depth == MAX_DEPTH)
        return true;
    if (is_json(v)) {
        for (const cJSON *item = v.json->child; item; item = item->next)
            if (is_deep(cel_json(item), depth + 1))
                return true;
        return false;
    }
    for (size_t i = 0; i < v.aux; i++)
        if (is_deep(item_of(v, i), depth + 1))
            return true;
    return false;
}

static void put_value(struct buf *b, struct cel_value v, unsigned depth);

static void put_item(struct buf *b, size_t n, const struct cel_value *key, struct cel_value v, unsigned depth) {
    if (n)
        buf_putc(b, ',');
    if (key) {
        bool text = key->type == CEL_STRING;
        buf_puts(b, text ? "" : "\"");
        cel_write_json(b, *key);
        buf_puts(b, text ? ":" : "\":");
    }
    put_value(b, v, depth);
}

/* What lies too deep is null: a row that cannot be read back is worth nothing. */
static void put_value(struct buf *b, struct cel_value v, unsigned depth) {
    size_t n = 0;

    v = inside(v);
    if (!is_native(v) && !is_json(v)) {
        put_scalar(b, v, depth <= MAX_TYPED ? type_letter(v) : 0);
        return;
    }
    if (depth >= MAX_DEPTH) {
        buf_puts(b, "null");
        return;
    }
    buf_putc(b, v.type == CEL_LIST ? '[' : '{');
    if (is_json(v)) {
        for (const cJSON *item = v.json->child; item && !b->failed; item = item->next) {
            struct cel_value key = cel_text(v.type == CEL_MAP ? item->string : "");
            put_item(b, n++, v.type == CEL_MAP ? &key : NULL, cel_json(item), depth + 1);
        }
    }
    for (size_t i = 0; is_native(v) && i < v.aux && !b->failed; i++)
        put_item(b, n++, v.type == CEL_MAP ? &v.pairs[i].key : NULL, item_of(v, i), depth + 1);
    buf_putc(b, v.type == CEL_LIST ? ']' : '}');
}

/* The types within a value, in its own order: 0 nothing to tell, a letter, a list for a list or map; {"k": letter, "v": …} where a map's key is no text. */
static void put_types(struct buf *b, struct cel_value v, unsigned depth) {
    v = inside(v);
    char letter = type_letter(v);

    if (!is_native(v) || depth >= MAX_TYPED || !is_typed(v, depth)) {
        buf_printf(b, letter && depth <= MAX_TYPED ? "\"%c\"" : "0", letter);
        return;
    }
    buf_putc(b, '[');
    for (size_t i = 0; i < v.aux && !b->failed; i++) {
        char key = v.type == CEL_MAP ? key_letter(v.pairs[i].key) : 0;
        buf_puts(b, i ? "," : "");
        if (key)
            buf_printf(b, "{\"k\":\"%c\",\"v\":", key);
        put_types(b, item_of(v, i), depth + 1);
        buf_puts(b, key ? "}" : "");
    }
    buf_putc(b, ']');
}

/* -- writing ---------------------------------------------------------------------------------------------------------------- */
static void write_with(struct jw *w, const char *name, struct cel_value v, void (*put)(struct buf *, struct cel_value, unsigned)) {
    jw_raw(w, name, "", 0); /* the name; the value follows */
    put(w->buf, v, 0);
}

static void put_plain(struct buf *b, struct cel_value v, unsigned depth) {
    (void)depth;
    cel_write_json(b, v);
}

static void write_value(struct jw *w, const char *name, struct cel_value v, bool typed) {
    switch (typed ? CEL_ERROR : v.type) {
    case CEL_BOOL: jw_bool(w, name, v.b); return;
    case CEL_INT: jw_int(w, name, v.i); return;
    case CEL_DOUBLE: jw_double(w, name, v.d); return;
    case CEL_STRING: jw_strn(w, name, v.s, v.aux); return;
    default: write_with(w, name, v, typed || is_deep(v, 0) ? put_value : put_plain);
    }
}

void event_fields_write(struct jw *w, const char *name, const char *types_name, size_t n, const struct event_field *fields) {
    bool typed = false;

    jw_open(w, name, '{');
    for (size_t i = 0; i < n; i++) {
        bool this_one = is_typed(fields[i].value, 0);
        typed |= this_one;
        write_value(w, atom_name(fields[i].name), fields[i].value, this_one);
    }
    jw_close(w, '}');
    if (!typed)
        return;
    jw_open(w, types_name, '{');
    for (size_t i = 0; i < n; i++)
        if (is_typed(fields[i].value, 0))
            write_with(w, atom_name(fields[i].name), fields[i].value, put_types);
    jw_close(w, '}');
}

/* -- reading ---------------------------------------------------------------------------------------------------------------- */
static struct cel_value read_letter(struct arena *a, const cJSON *item, char letter) {
    const char *text = cJSON_IsString(item) ? item->valuestring : "";

    switch (letter) {
    case 'd': return cJSON_IsNumber(item) ? cel_double(item->valuedouble) : cel_null();
    case 'n': return cel_double(strcmp(text, "inf") == 0 ? (double)INFINITY : strcmp(text, "-inf") == 0 ? -(double)INFINITY : (double)NAN);
    case 'i': return cel_int(strtoll(text, NULL, 10));
    case 'u':
        if (cJSON_IsNumber(item))
            return item->valuedouble >= 0 && item->valuedouble <= EXACT ? cel_uint((uint64_t)item->valuedouble) : cel_null();
        return cel_uint(strtoull(text, NULL, 10));
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

static struct cel_value read_key(const cJSON *item, char letter) {
    switch (letter) {
    case 'i': return cel_int(strtoll(item->string, NULL, 10));
    case 'u': return cel_uint(strtoull(item->string, NULL, 10));
    case 'b': return cel_bool(strcmp(item->string, "true") == 0);
    default: return cel_text(item->string);
    }
}

static struct cel_value read_typed(struct arena *a, const cJSON *item, const cJSON *type);

static struct cel_value read_items(struct arena *a, const cJSON *list, const cJSON *types) {
    size_t n = (size_t)cJSON_GetArraySize(list), i = 0;
    struct cel_value *items = arena_alloc(a, (n ? n : 1) * sizeof(*items));
    const cJSON *type = types->child;

    if (!items)
        return cel_null();
    for (const cJSON *item = list->child; item; item = item->next, type = type ? type->next : NULL)
        items[i++] = read_typed(a, item, type);
    return (struct cel_value){.type = CEL_LIST, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n, .items = items};
}

static struct cel_value read_pairs(struct arena *a, const cJSON *map, const cJSON *types) {
    size_t n = (size_t)cJSON_GetArraySize(map), i = 0;
    struct cel_pair *pairs = arena_alloc(a, (n ? n : 1) * sizeof(*pairs));
    const cJSON *type = types->child;

    if (!pairs)
        return cel_null();
    for (const cJSON *item = map->child; item; item = item->next, type = type ? type->next : NULL) {
        bool keyed = type && cJSON_IsObject(type);
        pairs[i].key = read_key(item, keyed ? json_str(type, "k", "")[0] : 0);
        pairs[i++].value = read_typed(a, item, keyed ? json_get(type, "v") : type);
    }
    return (struct cel_value){.type = CEL_MAP, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n, .pairs = pairs};
}

static struct cel_value read_typed(struct arena *a, const cJSON *item, const cJSON *type) {
    if (type && cJSON_IsString(type))
        return read_letter(a, item, type->valuestring[0]);
    if (type && cJSON_IsArray(type) && cJSON_IsArray(item))
        return read_items(a, item, type);
    if (type && cJSON_IsArray(type) && cJSON_IsObject(item))
        return read_pairs(a, item, type);
    return cel_json(item);
}

bool event_field_read(struct arena *a, const cJSON *item, const cJSON *types, struct event_field *ret) {
    atom_t name = item->string ? atom_of(item->string) : 0;

    if (!name)
        return false;
    ret->name = name;
    ret->value = read_typed(a, item, types ? json_get(types, item->string) : NULL);
    return true;
}
