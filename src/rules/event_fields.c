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

void event_fields_write(struct jw *w, const char *name, const char *types_name, size_t n, const struct event_field *fields) {
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

bool event_field_read(struct arena *a, const cJSON *item, const cJSON *types, struct event_field *ret) {
    const char *letter = item->string && types ? json_str(types, item->string, "") : "";
    atom_t name = item->string ? atom_of(item->string) : 0;

    if (!name)
        return false;
    ret->name = name;
    ret->value = read_typed(a, item, letter[0]);
    return true;
}
