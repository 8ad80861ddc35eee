/* SPDX-License-Identifier: Apache-2.0
 * Tables of keys: looking things up in them, and reading values by their rows. */
#include "gengfu/rules/shape.h"

#include <stdio.h>
#include <string.h>

#include "gengfu/base/time.h"
#include "rules/shape_int.h"

/* -- looking up ------------------------------------------------------------------------------------------------------------------- */

const struct shape_key *shape_at(const struct shape *s, size_t i) {
    for (; s && i >= s->n; s = s->more)
        i -= s->n;
    if (!s)
        return NULL;
    size_t stride = s->stride ? s->stride : sizeof *s->keys;
    return (const struct shape_key *)(const void *)((const char *)s->keys + i * stride);
}

const struct shape_key *shape_key(const struct shape *s, const char *name) {
    const struct shape_key *k;
    for (size_t i = 0; (k = shape_at(s, i)); i++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

size_t shape_names(const struct shape *s, const char *ret[SHAPE_MAX_KEYS]) {
    const struct shape_key *k;
    size_t n = 0;
    for (; n < SHAPE_MAX_KEYS && (k = shape_at(s, n)); n++)
        ret[n] = k->name;
    return n;
}

size_t shape_words(const struct shape_key *k, const char *ret[SHAPE_MAX_WORDS]) {
    size_t n = 0;
    for (; n < SHAPE_MAX_WORDS; n++) {
        const char *word = k->words ? k->words[n] : k->word ? k->word(n) : NULL;
        if (!word || !*word)
            break;
        ret[n] = word;
    }
    return n;
}

/* -- reading ------------------------------------------------------------------------------------------------------------------------ */

bool shape_keys(struct reader *rd, const struct yaml_node *mapping, const struct shape *s) {
    const char *names[SHAPE_MAX_KEYS];
    return node_keys(rd, mapping, names, shape_names(s, names), s->of);
}

/* The value of a key that the table has, and the key in quotes. */
static const struct yaml_node *given(const struct yaml_node *n, const struct shape_key *k, char what[80]) {
    (void)snprintf(what, 80, "'%.70s'", k ? k->name : "");
    return k ? yaml_get(n, k->name) : NULL;
}

bool shape_span(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, int64_t *ret) {
    const struct shape_key *k = shape_key(s, key);
    char what[80];
    const struct yaml_node *v = given(n, k, what);
    return v && node_span(rd, v, what, (int64_t)k->min, ret);
}

bool shape_int(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, int64_t *ret) {
    const struct shape_key *k = shape_key(s, key);
    char what[80];
    const struct yaml_node *v = given(n, k, what);
    return v && node_int(rd, v, what, (int64_t)k->min, (int64_t)k->max, ret);
}

bool shape_size(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, int64_t *ret) {
    const struct shape_key *k = shape_key(s, key);
    char what[80];
    const struct yaml_node *v = given(n, k, what);
    return v && node_size(rd, v, what, (int64_t)k->min, (int64_t)k->max, ret);
}

bool shape_bool(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, bool *ret) {
    char what[80];
    const struct yaml_node *v = given(n, shape_key(s, key), what);
    return v && node_bool(rd, v, what, ret);
}

int shape_choice(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key) {
    const struct shape_key *k = shape_key(s, key);
    const char *words[SHAPE_MAX_WORDS];
    char what[80];
    const struct yaml_node *v = given(n, k, what);
    return v ? node_choice(rd, v, what, words, shape_words(k, words)) : -1;
}

/* -- keys that do not go together ------------------------------------------------------------------------------------------------------- */

/* The first of the keys from *at on that is given; NULL: none. */
static const char *first_of(const struct yaml_node *n, const char *const *keys, size_t *at) {
    for (; *at < RELATION_MAX && keys[*at]; (*at)++)
        if (yaml_get(n, keys[*at]))
            return keys[*at];
    return NULL;
}

static bool is_word(const struct yaml_node *n, const char *word) { return n && n->kind == YAML_SCALAR && strcmp(n->text, word) == 0; }

/* True when it holds. Else *ret_key is one too many (NULL: one is missing), *ret_other the one it clashes with. */
static bool holds(const struct yaml_node *n, const struct shape_relation *r, const char **ret_key, const char **ret_other) {
    size_t i = 0, k = 0;
    const char *key = first_of(n, r->keys, &i), *other = r->others[0] ? first_of(n, r->others, &k) : NULL;
    *ret_key = key;
    *ret_other = other;
    switch (r->kind) {
    case RELATION_ONE_AT_LEAST: return key != NULL;
    case RELATION_NEEDS: *ret_other = r->others[0]; return !key || other;
    case RELATION_NOT_WITH: return !key || !other;
    case RELATION_WORD_NOT_WITH: return !other || !is_word(yaml_get(n, r->keys[0]), r->keys[1]);
    case RELATION_ONE_AT_MOST:
        *ret_other = key;
        i++;
        return !key || !(*ret_key = first_of(n, r->keys, &i));
    }
    return true;
}

static void put_key(struct buf *b, const char *key) { buf_printf(b, "'%s'", key ? key : ""); }

void shape_relations(struct reader *rd, const struct yaml_node *n, const struct shape *s, struct place at) {
    unsigned told = 0;
    for (size_t i = 0; i < s->nrelations; i++) {
        const struct shape_relation *r = &s->relations[i];
        const char *key, *other;
        if ((r->group && told & (1u << r->group | 1u << RELATION_MAIN)) || holds(n, r, &key, &other))
            continue;
        told |= r->group ? 1u << r->group : 0;
        struct buf text;
        buf_init(&text, 4096);
        for (const char *p = r->sentence; *p; p++)
            if (strncmp(p, "{other}", 7) == 0) {
                put_key(&text, other);
                p += 6;
            } else if (strncmp(p, "{}", 2) == 0) {
                put_key(&text, key);
                p++;
            } else {
                buf_putc(&text, *p);
            }
        const struct yaml_node *v = key ? yaml_get(n, key) : NULL, *o = other ? yaml_get(n, other) : NULL;
        if (v && o && v->at.file == at.file && o->at.file != at.file) /* an override in another file brought it about */
            v = o;
        report_error(rd->rep, v ? v->at : at, r->hint, "%s", text.data);
        if (text.failed)
            reader_oom(rd);
        buf_done(&text);
    }
}
