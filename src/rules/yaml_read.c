/* SPDX-License-Identifier: Apache-2.0
 * Reading a YAML tree: members, the core schema's scalars, and a tree as JSON. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/rules/yaml.h"

struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key) {
    if (!mapping || mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->n; i++)
        if (strcmp(mapping->pairs[i].key->text, key) == 0)
            return mapping->pairs[i].value;
    return NULL;
}

struct place yaml_place(const struct yaml_node *scalar, size_t begin, size_t end) {
    if (scalar->kind != YAML_SCALAR || !scalar->offsets)
        return scalar->at;
    if (begin > scalar->len)
        begin = scalar->len;
    if (end > scalar->len)
        end = scalar->len;
    struct place at = {.file = scalar->at.file, .offset = scalar->offsets[begin]};
    if (end > begin) {
        /* To where the last byte ends, not to where the next one begins: a line break may lie between. */
        at.length = scalar->offsets[end - 1] + 1 - at.offset;
    }
    return at;
}

static bool is(const struct yaml_node *n, const char *a, const char *b, const char *c) {
    return strcmp(n->text, a) == 0 || strcmp(n->text, b) == 0 || strcmp(n->text, c) == 0;
}

static bool plain(const struct yaml_node *n) { return n && n->kind == YAML_SCALAR && n->plain; }

bool yaml_is_null(const struct yaml_node *n) {
    return plain(n) && (n->len == 0 || strcmp(n->text, "~") == 0 || is(n, "null", "Null", "NULL"));
}

bool yaml_bool(const struct yaml_node *n, bool *ret) {
    if (!plain(n))
        return false;
    bool yes = is(n, "true", "True", "TRUE");
    if (!yes && !is(n, "false", "False", "FALSE"))
        return false;
    *ret = yes;
    return true;
}

bool yaml_int(const struct yaml_node *n, int64_t *ret) {
    if (!plain(n) || n->len == 0 || n->len > 30)
        return false;
    const char *s = n->text;
    int base = 10;
    if (strncmp(s, "0x", 2) == 0 || strncmp(s, "0o", 2) == 0) {
        base = s[1] == 'x' ? 16 : 8;
        s += 2;
    }
    const char *digits = base == 10 && (*s == '-' || *s == '+') ? s + 1 : s;
    const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "0123456789";
    if (!*digits || digits[strspn(digits, allowed)])
        return false;
    errno = 0;
    long long v = strtoll(s, NULL, base);
    if (errno)
        return false;
    *ret = v;
    return true;
}

/* The core schema: [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool looks_like_double(const char *s) {
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, "0123456789"), part = 0;
    s += whole;
    if (*s == '.') {
        part = strspn(s + 1, "0123456789");
        s += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        size_t n = strspn(s, "0123456789");
        if (n == 0)
            return false;
        s += n;
    }
    return *s == '\0';
}

bool yaml_double(const struct yaml_node *n, double *ret) {
    int64_t i;
    if (yaml_int(n, &i)) {
        *ret = (double)i;
        return true;
    }
    if (!plain(n) || n->len > 400 || !looks_like_double(n->text))
        return false;
    double d = strtod(n->text, NULL);
    if (!isfinite(d))
        return false;
    *ret = d;
    return true;
}

static cJSON *json_node(struct arena *a, int type) {
    cJSON *j = arena_zalloc(a, sizeof *j);
    if (j)
        j->type = type;
    return j;
}

static cJSON *json_of(struct arena *a, const struct yaml_node *n);

static cJSON *json_scalar(struct arena *a, const struct yaml_node *n) {
    bool b;
    double d;
    if (yaml_is_null(n))
        return json_node(a, cJSON_NULL);
    if (yaml_bool(n, &b))
        return json_node(a, b ? cJSON_True : cJSON_False);
    if (yaml_double(n, &d)) {
        cJSON *j = json_node(a, cJSON_Number);
        if (j) {
            j->valuedouble = d;
            j->valueint = d >= 2147483647.0 ? 2147483647 : d <= -2147483648.0 ? (-2147483647 - 1) : (int)d;
        }
        return j;
    }
    cJSON *j = json_node(a, cJSON_String);
    if (j && !(j->valuestring = arena_strndup(a, n->text, n->len)))
        return NULL;
    return j;
}

static cJSON *json_of(struct arena *a, const struct yaml_node *n) {
    if (n->kind == YAML_SCALAR)
        return json_scalar(a, n);
    cJSON *j = json_node(a, n->kind == YAML_SEQUENCE ? cJSON_Array : cJSON_Object);
    cJSON *last = NULL;
    for (size_t i = 0; j && i < n->n; i++) {
        cJSON *c = json_of(a, n->kind == YAML_SEQUENCE ? n->items[i] : n->pairs[i].value);
        if (!c || (n->kind == YAML_MAPPING && !(c->string = arena_strndup(a, n->pairs[i].key->text, n->pairs[i].key->len))))
            return NULL;
        if (last) {
            last->next = c;
            c->prev = last;
        } else {
            j->child = c;
        }
        j->child->prev = c; /* cJSON: the first one's prev is the last */
        last = c;
    }
    return j;
}

const cJSON *yaml_json(struct arena *a, const struct yaml_node *n) { return json_of(a, n); }
