/* SPDX-License-Identifier: Apache-2.0
 * What stands under `lists`, as a CEL value: scalars by YAML's core schema, keys as CEL's maps have them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/load_int.h"

/* Whole numbers beyond an int's. */
static bool read_uint(const struct yaml_node *n, uint64_t *ret) {
    if (!n->plain || n->len == 0 || n->text[strspn(n->text, "0123456789")])
        return false;
    errno = 0;
    *ret = strtoull(n->text, NULL, 10);
    return errno == 0;
}

static bool read_whole(const struct yaml_node *n, struct cel_value *ret) {
    int64_t i;
    uint64_t u;

    if (yaml_int(n, &i))
        *ret = cel_int(i);
    else if (read_uint(n, &u))
        *ret = cel_uint(u);
    else
        return false;
    return true;
}

static struct cel_value scalar(const struct yaml_node *n) {
    struct cel_value v;
    double d;
    bool b;

    if (yaml_is_null(n))
        return cel_null();
    if (yaml_bool(n, &b))
        return cel_bool(b);
    if (read_whole(n, &v))
        return v;
    if (yaml_double(n, &d))
        return cel_double(d);
    return cel_string(n->text, n->len);
}

static bool read_key(struct loader *ld, const struct yaml_node *n, struct cel_value *ret) {
    double d;
    bool b;

    if (yaml_bool(n, &b))
        *ret = cel_bool(b);
    else if (!read_whole(n, ret))
        *ret = cel_string(n->text, n->len);
    if (ret->type != CEL_STRING || !(yaml_is_null(n) || yaml_double(n, &d)))
        return true;
    report_error(ld->rd.rep, n->at, "put quotes around it where it is a text",
                 "a key must be a text, a whole number, true or false, not %s", yaml_is_null(n) ? "null" : "a number with a fraction");
    return false;
}

/* 1 and 0x1, true and True are one key. */
static bool is_new(struct loader *ld, struct map *seen, const struct yaml_node *n, struct cel_value key) {
    struct buf text;

    buf_init(&text, 0);
    cel_write_text(&text, key);
    const struct yaml_node *former = text.failed ? NULL : map_get(seen, text.data, text.len);
    if (former)
        report_error(ld->rd.rep, n->at, first_given(&ld->rd, former->at), "the key %s is given twice", text.data);
    else if (text.failed || map_put(seen, text.data, text.len, (void *)(uintptr_t)n, NULL) < 0)
        reader_oom(&ld->rd);
    buf_done(&text);
    return former == NULL;
}

static void *room(struct loader *ld, size_t n, size_t size) {
    void *p = arena_alloc(&ld->tree, (n ? n : 1) * size);

    if (!p)
        reader_oom(&ld->rd);
    return p;
}

static bool read_pairs(struct loader *ld, const struct yaml_node *n, struct cel_value *ret) {
    struct cel_pair *pairs = room(ld, n->n, sizeof *pairs);
    struct map seen;
    bool ok = pairs != NULL;

    map_init(&seen);
    for (size_t i = 0; pairs && i < n->n; i++) {
        const struct yaml_node *key = n->pairs[i].key;
        ok &= read_key(ld, key, &pairs[i].key) && is_new(ld, &seen, key, pairs[i].key);
        ok &= constant_value(ld, n->pairs[i].value, &pairs[i].value);
    }
    map_done(&seen, NULL);
    *ret = (struct cel_value){.type = CEL_MAP, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n->n, .pairs = pairs};
    return ok;
}

bool constant_value(struct loader *ld, const struct yaml_node *n, struct cel_value *ret) {
    if (n->kind == YAML_SCALAR) {
        *ret = scalar(n);
        return !n->bad;
    }
    if (n->kind == YAML_MAPPING)
        return read_pairs(ld, n, ret);
    struct cel_value *items = room(ld, n->n, sizeof *items);
    bool ok = items != NULL;
    for (size_t i = 0; items && i < n->n; i++)
        ok &= constant_value(ld, n->items[i], &items[i]);
    *ret = (struct cel_value){.type = CEL_LIST, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n->n, .items = items};
    return ok;
}
