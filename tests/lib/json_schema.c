/* SPDX-License-Identifier: Apache-2.0
 * The validator goes over the YAML tree and not over its JSON, so that a complaint knows its place. */
#include "json_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"

/* -- patterns ----------------------------------------------------------------------------------------------------------------------- */

static struct {
    char *text;
    pcre2_code *code;
} patterns[64];
static size_t npatterns;

static pcre2_code *compiled(const char *text) {
    int error;
    PCRE2_SIZE offset;
    for (size_t i = 0; i < npatterns; i++)
        if (strcmp(patterns[i].text, text) == 0)
            return patterns[i].code;
    assert_true(npatterns < sizeof patterns / sizeof *patterns);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &error, &offset, NULL);
    if (!code)
        fail_msg("the pattern %s cannot be read", text);
    patterns[npatterns].text = strdup(text);
    patterns[npatterns].code = code;
    npatterns++;
    return code;
}

bool json_schema_matches(const char *pattern, const char *text, size_t len) {
    pcre2_code *code = compiled(pattern);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int rc = pcre2_match(code, (PCRE2_SPTR)text, len, 0, 0, data, NULL);
    pcre2_match_data_free(data);
    return rc >= 0;
}

void json_schema_done(void) {
    for (size_t i = 0; i < npatterns; i++) {
        pcre2_code_free(patterns[i].code);
        free(patterns[i].text);
    }
    npatterns = 0;
}

/* -- values --------------------------------------------------------------------------------------------------------------------------- */

struct checking {
    const cJSON *root;
    struct complaints *ret;
    unsigned depth;
};

__attribute__((format(printf, 4, 5))) static void complain(struct checking *c, const char *keyword, struct place at, const char *fmt, ...) {
    struct complaints *ret = c->ret;
    if (ret->n == ret->cap) {
        ret->cap = ret->cap ? ret->cap * 2 : 4;
        ret->items = realloc(ret->items, ret->cap * sizeof *ret->items);
        assert_non_null(ret->items);
    }
    struct complaint *p = &ret->items[ret->n++];
    va_list ap;
    p->keyword = keyword;
    p->at = at;
    va_start(ap, fmt);
    (void)vsnprintf(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
}

static bool has_type(const struct yaml_node *n, const char *type) {
    bool b, is_bool = yaml_bool(n, &b);
    int64_t i;
    double d;
    if (n->kind != YAML_SCALAR)
        return strcmp(type, n->kind == YAML_MAPPING ? "object" : "array") == 0;
    if (yaml_is_null(n))
        return strcmp(type, "null") == 0;
    if (is_bool)
        return strcmp(type, "boolean") == 0;
    if (yaml_int(n, &i))
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    if (yaml_double(n, &d))
        return strcmp(type, "number") == 0;
    return strcmp(type, "string") == 0;
}

static const cJSON *target(const struct checking *c, const char *ref) {
    const cJSON *at = c->root;
    char part[100];
    if (strncmp(ref, "#/", 2) != 0)
        fail_msg("a reference to somewhere else: %s", ref);
    for (const char *p = ref + 1; *p == '/';) {
        size_t len = strcspn(++p, "/");
        (void)snprintf(part, sizeof part, "%.*s", (int)len, p);
        at = cJSON_GetObjectItemCaseSensitive(at, part);
        if (!at)
            fail_msg("the reference %s leads nowhere", ref);
        p += len;
    }
    return at;
}

/* -- keywords ----------------------------------------------------------------------------------------------------------------------------- */

static void check(struct checking *c, const cJSON *schema, const struct yaml_node *n);

static struct complaints apart(struct checking *c, const cJSON *schema, const struct yaml_node *n) {
    struct complaints own = {0};
    struct checking inner = {.root = c->root, .ret = &own, .depth = c->depth};
    check(&inner, schema, n);
    return own;
}

static bool fits(struct checking *c, const cJSON *schema, const struct yaml_node *n) {
    struct complaints own = apart(c, schema, n);
    complaints_done(&own);
    return own.n == 0;
}

/* Whether the branch is of quite another kind than the value: then it is not the one that was meant. */
static bool misses(const struct complaints *own, const struct yaml_node *n) {
    for (size_t i = 0; i < own->n; i++)
        if (own->items[i].at.offset == n->at.offset &&
            (strcmp(own->items[i].keyword, "type") == 0 || strcmp(own->items[i].keyword, "enum") == 0))
            return true;
    return false;
}

/* When no branch fits, that one's complaints are told that comes nearest. */
static void check_any(struct checking *c, const cJSON *list, const struct yaml_node *n) {
    struct complaints best = {0};
    const cJSON *schema;
    cJSON_ArrayForEach(schema, list) {
        struct complaints own = apart(c, schema, n);
        if (own.n == 0) {
            complaints_done(&best);
            return;
        }
        bool nearer = best.n == 0 || (misses(&best, n) && !misses(&own, n));
        complaints_done(nearer ? &best : &own);
        if (nearer)
            best = own;
    }
    for (size_t i = 0; i < best.n; i++)
        complain(c, best.items[i].keyword, best.items[i].at, "%s", best.items[i].text);
    complaints_done(&best);
}

static void check_type(struct checking *c, const cJSON *types, const struct yaml_node *n) {
    const cJSON *t;
    if (cJSON_IsString(types) && has_type(n, types->valuestring))
        return;
    if (!cJSON_IsString(types))
        cJSON_ArrayForEach(t, types) if (has_type(n, t->valuestring)) return;
    char *text = cJSON_PrintUnformatted(types);
    complain(c, "type", n->at, "is not %s", text);
    free(text);
}

static void check_enum(struct checking *c, const cJSON *words, const struct yaml_node *n) {
    const cJSON *w;
    cJSON_ArrayForEach(w, words) if (has_type(n, "string") && strcmp(w->valuestring, n->text) == 0) return;
    complain(c, "enum", n->at, "'%.60s' is none of the words", n->kind == YAML_SCALAR ? n->text : "");
}

static void check_required(struct checking *c, const cJSON *names, const struct yaml_node *n) {
    const cJSON *name;
    cJSON_ArrayForEach(name, names) if (n->kind == YAML_MAPPING && !yaml_get(n, name->valuestring))
        complain(c, "required", n->at, "'%s' is missing", name->valuestring);
}

static void check_others(struct checking *c, const cJSON *schema, const cJSON *others, const struct yaml_node *n) {
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    for (size_t i = 0; n->kind == YAML_MAPPING && i < n->n; i++) {
        const struct yaml_node *key = n->pairs[i].key;
        if (cJSON_GetObjectItemCaseSensitive(properties, key->text))
            continue;
        if (cJSON_IsFalse(others))
            complain(c, "additionalProperties", key->at, "no key '%.60s'", key->text);
        else
            check(c, others, n->pairs[i].value);
    }
}

static void check_text(struct checking *c, const char *keyword, const cJSON *v, const struct yaml_node *n) {
    if (!has_type(n, "string"))
        return;
    size_t len = utf8_count(n->text, n->len);
    if (strcmp(keyword, "pattern") == 0 ? !json_schema_matches(v->valuestring, n->text, n->len)
        : keyword[1] == 'i'             ? len < (size_t)v->valuedouble
                                        : len > (size_t)v->valuedouble)
        complain(c, keyword, n->at, "'%.60s' does not fit %.60s", n->text, v->valuestring ? v->valuestring : "in length");
}

static void check_number(struct checking *c, const char *keyword, double limit, const struct yaml_node *n) {
    double d;
    if (has_type(n, "number") && yaml_double(n, &d) && (keyword[1] == 'i' ? d < limit : d > limit))
        complain(c, keyword, n->at, "%g is out of range", d);
}

static void check_dependent(struct checking *c, const cJSON *v, const struct yaml_node *n) {
    const cJSON *one;
    cJSON_ArrayForEach(one, v) if (n->kind == YAML_MAPPING && yaml_get(n, one->string)) check_required(c, one, n);
}

static void check_keyword(struct checking *c, const cJSON *schema, const cJSON *k, const struct yaml_node *n) {
    static const char *const silent[] = {"$schema", "$defs", "title", "description", "default", "then", "patternErrorMessage"};
    const char *name = k->string;
    const cJSON *v;
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (strcmp(name, silent[i]) == 0)
            return;
    if (strcmp(name, "$ref") == 0) {
        check(c, target(c, k->valuestring), n);
    } else if (strcmp(name, "type") == 0) {
        check_type(c, k, n);
    } else if (strcmp(name, "enum") == 0) {
        check_enum(c, k, n);
    } else if (strcmp(name, "const") == 0) {
        if (!has_type(n, "string") || strcmp(n->text, k->valuestring) != 0)
            complain(c, "const", n->at, "is not '%s'", k->valuestring);
    } else if (strcmp(name, "required") == 0) {
        check_required(c, k, n);
    } else if (strcmp(name, "dependentRequired") == 0) {
        check_dependent(c, k, n);
    } else if (strcmp(name, "properties") == 0) {
        for (size_t i = 0; n->kind == YAML_MAPPING && i < n->n; i++)
            if ((v = cJSON_GetObjectItemCaseSensitive(k, n->pairs[i].key->text)))
                check(c, v, n->pairs[i].value);
    } else if (strcmp(name, "additionalProperties") == 0) {
        check_others(c, schema, k, n);
    } else if (strcmp(name, "propertyNames") == 0) {
        for (size_t i = 0; n->kind == YAML_MAPPING && i < n->n; i++)
            check(c, k, n->pairs[i].key);
    } else if (strcmp(name, "items") == 0) {
        for (size_t i = 0; n->kind == YAML_SEQUENCE && i < n->n; i++)
            check(c, k, n->items[i]);
    } else if (strcmp(name, "minItems") == 0 || strcmp(name, "maxItems") == 0) {
        if (n->kind == YAML_SEQUENCE && (name[1] == 'i' ? n->n < (size_t)k->valuedouble : n->n > (size_t)k->valuedouble))
            complain(c, name, n->at, "%zu items", n->n);
    } else if (strcmp(name, "minLength") == 0 || strcmp(name, "maxLength") == 0 || strcmp(name, "pattern") == 0) {
        check_text(c, name, k, n);
    } else if (strcmp(name, "minimum") == 0 || strcmp(name, "maximum") == 0) {
        check_number(c, name, k->valuedouble, n);
    } else if (strcmp(name, "anyOf") == 0) {
        check_any(c, k, n);
    } else if (strcmp(name, "allOf") == 0) {
        cJSON_ArrayForEach(v, k) check(c, v, n);
    } else if (strcmp(name, "not") == 0) {
        if (fits(c, k, n)) {
            char *text = cJSON_PrintUnformatted(k);
            complain(c, "not", n->at, "fits %s", text);
            free(text);
        }
    } else if (strcmp(name, "if") == 0) {
        if (fits(c, k, n))
            check(c, cJSON_GetObjectItemCaseSensitive(schema, "then"), n);
    } else {
        fail_msg("the validator does not know the keyword %s", name);
    }
}

static void check(struct checking *c, const cJSON *schema, const struct yaml_node *n) {
    const cJSON *k;
    assert_true(++c->depth < 200);
    cJSON_ArrayForEach(k, schema) check_keyword(c, schema, k, n);
    c->depth--;
}

void complaints_done(struct complaints *c) {
    free(c->items);
    c->items = NULL;
}

void json_schema_check(const cJSON *schema, const struct yaml_node *n, struct complaints *ret) {
    *ret = (struct complaints){0};
    struct checking c = {.root = schema, .ret = ret};
    check(&c, schema, n);
}

/* -- the schema itself ---------------------------------------------------------------------------------------------------------------------- */

static void sound(struct checking *c, const cJSON *schema) {
    static const char *const of_schemas[] = {"properties", "$defs"}, *const lists[] = {"anyOf", "allOf"},
                             *const single[] = {"items", "not", "if", "then", "additionalProperties", "propertyNames"};
    const cJSON *v, *k;
    assert_true(cJSON_IsObject(schema) || cJSON_IsFalse(schema));
    for (size_t i = 0; i < 2; i++) {
        cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(schema, of_schemas[i])) sound(c, v);
        k = cJSON_GetObjectItemCaseSensitive(schema, lists[i]);
        assert_true(!k || (cJSON_IsArray(k) && cJSON_GetArraySize(k) > 0));
        cJSON_ArrayForEach(v, k) sound(c, v);
    }
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if ((v = cJSON_GetObjectItemCaseSensitive(schema, single[i])))
            sound(c, v);
    if ((v = cJSON_GetObjectItemCaseSensitive(schema, "$ref")))
        (void)target(c, v->valuestring);
    if ((v = cJSON_GetObjectItemCaseSensitive(schema, "pattern")))
        (void)compiled(v->valuestring);
    if (cJSON_GetObjectItemCaseSensitive(schema, "then"))
        assert_non_null(cJSON_GetObjectItemCaseSensitive(schema, "if"));
    struct yaml_node nothing = {.kind = YAML_SCALAR, .text = "", .plain = true};
    struct complaints ignored = {0};
    struct checking inner = {.root = c->root, .ret = &ignored};
    check(&inner, schema, &nothing); /* fails at a keyword that is not known */
    complaints_done(&ignored);
}

void json_schema_sound(const cJSON *schema) {
    struct checking c = {.root = schema};
    sound(&c, schema);
}
