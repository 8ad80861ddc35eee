/* SPDX-License-Identifier: Apache-2.0
 * JSON: parsing through cJSON into an arena, small readers. The writer is json_write.c, the check of the text json_check.c. */
#include "gengfu/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_int.h"

/* cJSON's hooks are global and carry no context, so the arena of the parse that runs stands here, and only while it runs. */
static struct arena *current;

static void *take(size_t size) { return arena_alloc(current, size); }
static void give(void *p) { (void)p; }

int json_parse(struct arena *a, const char *text, size_t len, struct err *err, const cJSON **ret) {
    return json_parse_some(a, text, len, NULL, err, ret);
}

int json_parse_some(struct arena *a, const char *text, size_t len, const struct json_pick *pick, struct err *err, const cJSON **ret) {
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark means nothing in UTF-8 */
        text += 3;
        len -= 3;
    }
    struct arena_mark mark = arena_mark(a);
    struct picked picked = {.by = pick, .text = pick ? arena_alloc(a, len) : NULL};
    int rc = json_check(text, len, picked.text ? &picked : NULL, err); /* without room for a part the whole may do */
    if (rc) {
        arena_rewind(a, mark);
        return rc;
    }
    if (picked.len) {
        text = picked.text;
        len = picked.len;
    }
    current = a;
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = take, .free_fn = give});
    const cJSON *doc = cJSON_ParseWithLength(text, len);
    cJSON_InitHooks(NULL);
    current = NULL;
    if (!doc) {
        arena_rewind(a, mark);
        return err_set(err, GF_ENOMEM, "JSON: no memory for a document of %zu bytes", len);
    }
    *ret = doc;
    return 0;
}

const cJSON *json_get(const cJSON *object, const char *name) {
    if (!cJSON_IsObject(object))
        return NULL;
    for (const cJSON *c = object->child; c; c = c->next)
        if (c->string && strcmp(c->string, name) == 0)
            return c;
    return NULL;
}

const char *json_str(const cJSON *object, const char *name, const char *otherwise) {
    const cJSON *v = json_get(object, name);
    return v && cJSON_IsString(v) && v->valuestring ? v->valuestring : otherwise;
}

double json_num(const cJSON *object, const char *name, double otherwise) {
    const cJSON *v = json_get(object, name);
    return v && cJSON_IsNumber(v) ? v->valuedouble : otherwise;
}

int64_t json_int(const cJSON *object, const char *name, int64_t otherwise) {
    const cJSON *v = json_get(object, name);
    if (!v || !cJSON_IsNumber(v) || isnan(v->valuedouble))
        return otherwise;
    if (v->valuedouble >= 9223372036854775808.0)
        return INT64_MAX;
    if (v->valuedouble < -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)v->valuedouble;
}

bool json_bool(const cJSON *object, const char *name, bool otherwise) {
    const cJSON *v = json_get(object, name);
    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : otherwise;
}
