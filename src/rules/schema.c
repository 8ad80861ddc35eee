/* SPDX-License-Identifier: Apache-2.0
 * Tables of keys as JSON Schema (draft 2020-12), for editors. Every kind of mapping becomes a definition; keywords are few and old ones where possible, since editors' validators
 * know the newest least. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"
#include "gengfu/rules/shape.h"

#define MAX_SHAPES 64

/* Scalars that many keys take. `say` is what editors tell in place of the pattern (a keyword of theirs, which others pass over). */
static const struct scalar {
    enum shape_type type;
    const char *id, *types, *rest;
    const char *pattern, *say;
} scalars[] = {
    {SHAPE_TEXT, "text", "[\"string\",\"number\",\"boolean\"]", "\"minLength\":1", NULL, NULL},
    {SHAPE_TEMPLATE, "template", "[\"string\",\"number\",\"boolean\"]", "\"minLength\":1", NULL, NULL},
    {SHAPE_EXPR, "expression", "[\"string\",\"number\",\"boolean\"]", "\"minLength\":1", NULL, NULL},
    {SHAPE_NAME, "name", "[\"string\",\"number\",\"boolean\"]", "\"minLength\":1,\"maxLength\":64", "^[^\\x00-\\x20\\x7f/\"'`$#+*,]+$",
     "A name: letters, digits, '-' and '_', at most 64."},
    {SHAPE_WORD, "word", "[\"string\",\"boolean\"]", NULL, "^[A-Za-z_][A-Za-z0-9_]*$",
     "Letters, digits and '_', not beginning with a digit."},
    {SHAPE_SPAN, "span", "\"string\"", NULL, "^(?=[0-9])([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
     "A span of time is a number and a unit: 30s, 5m, 1h30m, 14d."},
    {SHAPE_SIZE, "size", "[\"string\",\"integer\"]", "\"minimum\":0", "^[0-9]+ *([KkMmGgTt]i?)?[Bb]?$",
     "A size is a number and a unit: 64KB, 10MB, 1GB."},
};

struct writer {
    struct jw w;
    const struct shape *shapes[MAX_SHAPES]; /* that are named so far; each becomes a definition */
    size_t nshapes;
    unsigned used; /* bit per scalar */
};

static void put_ref(struct writer *s, const char *name, const char *id) {
    char ref[80];
    (void)snprintf(ref, sizeof ref, "#/$defs/%.60s", id);
    jw_str(&s->w, name, ref);
}

static void name_shape(struct writer *s, const struct shape *of) {
    size_t i = 0;
    while (i < s->nshapes && s->shapes[i] != of)
        i++;
    if (i == MAX_SHAPES)
        s->w.buf->failed = true;
    else if (i == s->nshapes)
        s->shapes[s->nshapes++] = of;
}

static void put_shape_ref(struct writer *s, const struct shape *of) {
    name_shape(s, of);
    put_ref(s, "$ref", of->id);
}

static void put_words(struct writer *s, const struct shape_key *k) {
    const char *words[SHAPE_MAX_WORDS];
    size_t n = shape_words(k, words);
    jw_open(&s->w, "enum", '[');
    for (size_t i = 0; i < n; i++)
        jw_str(&s->w, NULL, words[i]);
    jw_close(&s->w, ']');
}

static void put_strings(struct writer *s, const char *name, const char *const *items, size_t n) {
    jw_open(&s->w, name, '[');
    for (size_t i = 0; i < n; i++)
        jw_str(&s->w, NULL, items[i]);
    jw_close(&s->w, ']');
}

static void put_type(struct writer *s, const char *type) { jw_str(&s->w, "type", type); }

/* "monday" and "Monday" alike: [Mm][Oo]… */
static void put_any_case(struct buf *b, const char *word) {
    for (; *word; word++)
        buf_printf(b, "[%c%c]", toupper((unsigned char)*word), *word);
}

static void put_named(struct writer *s, const struct shape_key *k) {
    const char *words[SHAPE_MAX_WORDS];
    size_t n = shape_words(k, words);
    struct buf one, all;
    buf_init(&one, 4096);
    buf_init(&all, 16384);
    for (size_t i = 0; i < n; i++) {
        buf_puts(&one, i ? "|" : "");
        put_any_case(&one, words[i]);
    }
    buf_puts(&one, k->max > 0 ? "|[0-9]+" : "");
    buf_printf(&all, "^(%s)(:(%s))?$", one.data, one.data);
    jw_open(&s->w, "anyOf", '[');
    jw_open(&s->w, NULL, '{');
    put_words(s, k);
    jw_close(&s->w, '}');
    jw_open(&s->w, NULL, '{');
    put_type(s, "string");
    jw_str(&s->w, "pattern", all.data);
    jw_close(&s->w, '}');
    if (k->max > 0) {
        jw_open(&s->w, NULL, '{');
        put_type(s, "integer");
        jw_int(&s->w, "minimum", 1);
        jw_double(&s->w, "maximum", k->max);
        jw_close(&s->w, '}');
    }
    jw_close(&s->w, ']');
    s->w.buf->failed = s->w.buf->failed || one.failed || all.failed;
    buf_done(&one);
    buf_done(&all);
}

static void put_scalar(struct writer *s, const struct shape_key *k) {
    for (size_t i = 0; i < COUNT(scalars); i++)
        if (scalars[i].type == k->type) {
            s->used |= 1u << i;
            put_ref(s, "$ref", scalars[i].id);
        }
}

static void put_alternative(struct writer *s, const struct shape_key *k, void (*put)(struct writer *s, const struct shape_key *k)) {
    jw_open(&s->w, NULL, '{');
    put(s, k);
    jw_close(&s->w, '}');
}

/* One value of the key, lists aside. */
static void put_item(struct writer *s, const struct shape_key *k) {
    struct jw *w = &s->w;
    switch (k->type) {
    case SHAPE_ANY: break;
    case SHAPE_NULL: put_type(s, "null"); break;
    case SHAPE_BOOL: put_type(s, "boolean"); break;
    case SHAPE_CHOICE: put_words(s, k); break;
    case SHAPE_NAMED: put_named(s, k); break;
    case SHAPE_INT:
    case SHAPE_NUMBER:
        put_type(s, k->type == SHAPE_INT ? "integer" : "number");
        jw_double(w, "minimum", k->min);
        jw_double(w, "maximum", k->max);
        break;
    case SHAPE_RANGE:
        jw_raw(w, "type", "[\"integer\",\"string\"]", 20);
        jw_double(w, "minimum", k->min);
        jw_double(w, "maximum", k->max);
        jw_str(w, "pattern", "^-?[0-9]+(:-?[0-9]+)?$");
        break;
    case SHAPE_MAPPING:
        if (k->flags & SHAPE_OR_TEXT) {
            jw_open(w, "anyOf", '[');
            jw_open(w, NULL, '{');
            put_shape_ref(s, k->of);
            jw_close(w, '}');
            put_alternative(s, &(const struct shape_key){.type = SHAPE_TEXT}, put_scalar);
            jw_close(w, ']');
        } else {
            put_shape_ref(s, k->of);
        }
        break;
    default:
        if (k->pattern) {
            put_type(s, "string");
            jw_str(w, "pattern", k->pattern);
        } else if (k->flags & SHAPE_EMPTY) {
            jw_raw(w, "type", "[\"string\",\"number\",\"boolean\"]", 29);
        } else if (k->words || k->word) {
            jw_open(w, "anyOf", '[');
            put_alternative(s, k, put_words);
            put_alternative(s, k, put_scalar);
            jw_close(w, ']');
        } else {
            put_scalar(s, k);
        }
    }
}

static void put_list(struct writer *s, const struct shape_key *k) {
    put_type(s, "array");
    jw_open(&s->w, "items", '{');
    put_item(s, k);
    jw_close(&s->w, '}');
    if (k->least)
        jw_int(&s->w, "minItems", (int64_t)k->least);
    if (k->most)
        jw_int(&s->w, "maxItems", (int64_t)k->most);
}

static void put_null(struct writer *s, const struct shape_key *k) {
    (void)k;
    put_type(s, "null");
}

/* All ways to write the value: one is put as it is, several as anyOf. */
static void put_value(struct writer *s, const struct shape_key *k) {
    size_t n = k->flags & SHAPE_OR_LIST ? 2 : 1;
    for (const struct shape_key *a = k->also; a; a = a->also)
        n++;
    n += k->flags & SHAPE_OR_NOTHING ? 1 : 0;
    if (n == 1) {
        (k->flags & SHAPE_LIST ? put_list : put_item)(s, k);
        return;
    }
    jw_open(&s->w, "anyOf", '[');
    for (const struct shape_key *a = k; a; a = a->also) {
        if (!(a->flags & SHAPE_LIST))
            put_alternative(s, a, put_item);
        if (a->flags & (SHAPE_LIST | SHAPE_OR_LIST))
            put_alternative(s, a, put_list);
    }
    if (k->flags & SHAPE_OR_NOTHING)
        put_alternative(s, k, put_null);
    jw_close(&s->w, ']');
}

/* The sentence, with what a pattern cannot say behind it. */
static void put_about(struct writer *s, const struct shape_key *k) {
    char lo[TIME_TEXT_MAX], hi[TIME_TEXT_MAX];
    struct buf text;
    if (!k->about)
        return;
    buf_init(&text, 4096);
    buf_puts(&text, k->about);
    if (k->type == SHAPE_SPAN && k->max > 0)
        buf_printf(&text, " From %s to %s.", span_format((int64_t)k->min, lo), span_format((int64_t)k->max, hi));
    else if (k->type == SHAPE_SPAN && k->min > 0)
        buf_printf(&text, " At least %s.", span_format((int64_t)k->min, lo));
    else if (k->type == SHAPE_SIZE)
        buf_printf(&text, " From %s to %s.", size_format((int64_t)k->min, lo), size_format((int64_t)k->max, hi));
    if (k->otherwise)
        buf_printf(&text, " Default: `%s`.", k->otherwise);
    jw_str(&s->w, "description", text.data);
    s->w.buf->failed = s->w.buf->failed || text.failed;
    buf_done(&text);
}

static void put_default(struct writer *s, const struct shape_key *k) {
    if (!k->otherwise)
        return;
    if (k->type == SHAPE_INT || k->type == SHAPE_NUMBER || k->type == SHAPE_BOOL)
        jw_raw(&s->w, "default", k->otherwise, strlen(k->otherwise));
    else
        jw_str(&s->w, "default", k->otherwise);
}

static void put_key(struct writer *s, const struct shape_key *k) {
    jw_open(&s->w, k->name, '{');
    put_about(s, k);
    put_value(s, k);
    put_default(s, k);
    jw_close(&s->w, '}');
}

/* -- mappings --------------------------------------------------------------------------------------------------------------------------- */

static size_t keys_of(const char *const keys[RELATION_MAX]) {
    size_t n = 0;
    while (n < RELATION_MAX && keys[n])
        n++;
    return n;
}

static void put_required(struct writer *s, const char *name, const char *const *keys, size_t n) {
    jw_open(&s->w, name, '{');
    put_strings(s, "required", keys, n);
    jw_close(&s->w, '}');
}

/* word: only where `a` is this word; NULL: whatever it is. */
static void put_not_both(struct writer *s, const char *a, const char *b, const char *word) {
    const char *both[] = {a, b};
    jw_open(&s->w, NULL, '{');
    jw_open(&s->w, "not", '{');
    put_strings(s, "required", both, 2);
    if (word) {
        jw_open(&s->w, "properties", '{');
        jw_open(&s->w, a, '{');
        jw_str(&s->w, "const", word);
        jw_close(&s->w, '}');
        jw_close(&s->w, '}');
    }
    jw_close(&s->w, '}');
    jw_close(&s->w, '}');
}

static void put_relation(struct writer *s, const struct shape_relation *r) {
    struct jw *w = &s->w;
    size_t nkeys = keys_of(r->keys), nothers = keys_of(r->others);
    switch (r->kind) {
    case RELATION_ONE_AT_MOST:
        for (size_t i = 0; i < nkeys; i++)
            for (size_t k = i + 1; k < nkeys; k++)
                put_not_both(s, r->keys[i], r->keys[k], NULL);
        break;
    case RELATION_NOT_WITH:
        for (size_t i = 0; i < nothers; i++)
            put_not_both(s, r->keys[0], r->others[i], NULL);
        break;
    case RELATION_WORD_NOT_WITH:
        for (size_t i = 0; i < nothers; i++)
            put_not_both(s, r->keys[0], r->others[i], r->keys[1]);
        break;
    case RELATION_ONE_AT_LEAST:
        jw_open(w, NULL, '{');
        jw_open(w, "anyOf", '[');
        for (size_t i = 0; i < nkeys; i++)
            put_required(s, NULL, &r->keys[i], 1);
        jw_close(w, ']');
        jw_close(w, '}');
        break;
    case RELATION_NEEDS:
        jw_open(w, NULL, '{');
        if (nothers == 1) {
            jw_open(w, "dependentRequired", '{');
            put_strings(s, r->keys[0], r->others, 1);
            jw_close(w, '}');
        } else {
            put_required(s, "if", r->keys, 1);
            jw_open(w, "then", '{');
            jw_open(w, "anyOf", '[');
            for (size_t i = 0; i < nothers; i++)
                put_required(s, NULL, &r->others[i], 1);
            jw_close(w, ']');
            jw_close(w, '}');
        }
        jw_close(w, '}');
        break;
    }
}

/* A change to another shape: its keys by reference. */
static void put_changes(struct writer *s, const struct shape *of) {
    const struct shape_key *k;
    name_shape(s, of->changes);
    for (size_t i = 0; (k = shape_at(of->changes, i)); i++) {
        char ref[160];
        if (shape_key(of, k->name))
            continue;
        (void)snprintf(ref, sizeof ref, "#/$defs/%.60s/properties/%.60s", of->changes->id, k->name);
        jw_open(&s->w, k->name, '{');
        jw_str(&s->w, "$ref", ref);
        jw_close(&s->w, '}');
    }
}

static void put_keys(struct writer *s, const struct shape *of) {
    const char *needed[SHAPE_MAX_KEYS];
    const struct shape_key *k;
    size_t n = 0;
    jw_open(&s->w, "properties", '{');
    for (size_t i = 0; (k = shape_at(of, i)) && i < SHAPE_MAX_KEYS; i++) {
        put_key(s, k);
        if (k->flags & SHAPE_NEEDED)
            needed[n++] = k->name;
    }
    if (of->changes)
        put_changes(s, of);
    jw_close(&s->w, '}');
    if (n)
        put_strings(s, "required", needed, n);
}

static void put_others(struct writer *s, const struct shape *of) {
    if (!of->others) {
        jw_bool(&s->w, "additionalProperties", false);
        return;
    }
    if (of->other_names != SHAPE_ANY) {
        jw_open(&s->w, "propertyNames", '{');
        put_scalar(s, &(const struct shape_key){.type = of->other_names});
        jw_close(&s->w, '}');
    }
    struct shape_key any = *of->others;
    any.name = "additionalProperties";
    put_key(s, &any);
}

/* The word under `by` leads to one definition or another. */
static void put_variants(struct writer *s, const struct shape *of) {
    struct jw *w = &s->w;
    const struct shape_key *k = shape_key(of->variants[0], of->by);
    jw_open(w, "properties", '{');
    jw_open(w, of->by, '{');
    put_about(s, k);
    put_words(s, k);
    jw_close(w, '}');
    jw_close(w, '}');
    put_strings(s, "required", &of->by, 1);
    jw_open(w, "allOf", '[');
    for (size_t i = 0; i < of->nvariants; i++) {
        const char *word = strrchr(of->variants[i]->id, '_') + 1;
        jw_open(w, NULL, '{');
        jw_open(w, "if", '{');
        put_strings(s, "required", &of->by, 1);
        jw_open(w, "properties", '{');
        jw_open(w, of->by, '{');
        jw_str(w, "const", word);
        jw_close(w, '}');
        jw_close(w, '}');
        jw_close(w, '}');
        jw_open(w, "then", '{');
        put_shape_ref(s, of->variants[i]);
        jw_close(w, '}');
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_shape(struct writer *s, const struct shape *of) {
    put_type(s, "object");
    if (of->nvariants) {
        put_variants(s, of);
        return;
    }
    put_keys(s, of);
    put_others(s, of);
    if (of->nrelations) {
        jw_open(&s->w, "allOf", '[');
        for (size_t i = 0; i < of->nrelations; i++)
            put_relation(s, &of->relations[i]);
        jw_close(&s->w, ']');
    }
}

/* -- the whole ---------------------------------------------------------------------------------------------------------------------------- */

/* Compact JSON with line breaks; short lists stay on their line. */
static void indent(struct buf *out, const char *s, size_t len) {
    size_t depth = 0, flat = 0; /* flat: the end of a list that stays on its line */
    for (size_t i = 0; i < len && !out->failed; i++) {
        char c = s[i];
        if (c == '"') {
            size_t from = i++;
            while (s[i] != '"')
                i += s[i] == '\\' ? 2 : 1;
            buf_put(out, s + from, i - from + 1);
        } else if (c == '[' && i >= flat && !memchr(s + i, '{', strcspn(s + i, "]"))) {
            flat = i + strcspn(s + i, "]") + 1;
            buf_putc(out, c);
        } else if (i < flat) {
            buf_puts(out, c == ',' ? ", " : (const char[]){c, '\0'});
        } else if (c == '{' || c == '[') {
            buf_putc(out, c);
            if (s[i + 1] == '}' || s[i + 1] == ']') {
                buf_putc(out, s[++i]);
                continue;
            }
            buf_putc(out, '\n');
            buf_fill(out, ' ', 2 * ++depth);
        } else if (c == '}' || c == ']') {
            buf_putc(out, '\n');
            buf_fill(out, ' ', 2 * --depth);
            buf_putc(out, c);
        } else if (c == ',') {
            buf_puts(out, ",\n");
            buf_fill(out, ' ', 2 * depth);
        } else {
            buf_puts(out, c == ':' ? ": " : (const char[]){c, '\0'});
        }
    }
    buf_putc(out, '\n');
}

static void put_scalar_definition(struct jw *w, const struct scalar *of) {
    jw_open(w, of->id, '{');
    jw_raw(w, "type", of->types, strlen(of->types));
    if (of->pattern) {
        jw_str(w, "pattern", of->pattern);
        jw_str(w, "patternErrorMessage", of->say);
    }
    if (of->rest) { /* members as they stand */
        buf_putc(w->buf, ',');
        buf_puts(w->buf, of->rest);
    }
    jw_close(w, '}');
}

void schema_write(struct buf *b, const char *title, const char *about, const struct shape *root) {
    struct buf text;
    buf_init(&text, 4 << 20);
    struct writer s = {.w = jw_start(&text)};
    struct jw *w = &s.w;
    jw_open(w, NULL, '{');
    jw_str(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jw_str(w, "title", title);
    jw_str(w, "description", about);
    put_shape(&s, root);
    jw_open(w, "$defs", '{');
    for (size_t i = 0; i < s.nshapes; i++) { /* grows while definitions name others */
        jw_open(w, s.shapes[i]->id, '{');
        if (s.shapes[i]->about)
            jw_str(w, "description", s.shapes[i]->about);
        put_shape(&s, s.shapes[i]);
        jw_close(w, '}');
    }
    for (size_t i = 0; i < COUNT(scalars); i++)
        if (s.used & 1u << i)
            put_scalar_definition(w, &scalars[i]);
    jw_close(w, '}');
    jw_close(w, '}');
    if (text.failed)
        b->failed = true;
    else
        indent(b, text.data, text.len);
    buf_done(&text);
}
