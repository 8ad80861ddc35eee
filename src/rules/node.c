/* SPDX-License-Identifier: Apache-2.0
 * Values out of a YAML tree, each with its error sentence and the cure. Leans on text_nearest for "did you mean". */
#include "gengfu/rules/node.h"

#include <stdio.h>
#include <string.h>

#include "gengfu/base/atom.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"

void reader_oom(struct reader *rd) { rd->oom = true; }

void *reader_alloc(struct reader *rd, size_t size) {
    void *p = arena_zalloc(rd->arena, size ? size : 1);
    if (!p)
        rd->oom = true;
    return p;
}

char *reader_strdup(struct reader *rd, const char *s) {
    char *p = arena_strdup(rd->arena, s);
    if (!p)
        rd->oom = true;
    return p;
}

atom_t reader_atom(struct reader *rd, const char *s, size_t len, struct place at) {
    if (len > ATOM_NAME_MAX) {
        report_error(rd->rep, at, NULL, "a name of more than %d bytes", ATOM_NAME_MAX);
        return 0;
    }
    atom_t a = atom_intern(s, len);
    if (!a)
        rd->oom = true;
    return a;
}

const char *node_kind_name(const struct yaml_node *n) {
    if (n->kind == YAML_SEQUENCE)
        return "a list";
    if (n->kind == YAML_MAPPING)
        return "a mapping";
    return yaml_is_null(n) ? "nothing" : "text";
}

/* "did you mean 'x'?", or all the names when they are few, or nothing. */
static const char *names_hint(const char *word, const char *const *names, size_t n, char *out, size_t size) {
    const char *near = n ? text_nearest(word, names, n) : NULL;
    if (near) {
        (void)snprintf(out, size, "did you mean '%s'?", near);
        return out;
    }
    for (size_t i = 0; strlen(word) >= 4 && i < n; i++) /* resolve for resolve_after */
        if (names[i] && strncmp(names[i], word, strlen(word)) == 0) {
            (void)snprintf(out, size, "did you mean '%s'?", names[i]);
            return out;
        }
    if (n == 0 || n > 40)
        return NULL;
    size_t len = (size_t)snprintf(out, size, n == 1 ? "there is only: " : "there are: ");
    for (size_t i = 0; i < n && len < size; i++)
        if (names[i])
            len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "", names[i]);
    return len < size ? out : NULL;
}

GF_PRINTF(7, 0)
static void unknown(struct report *rep, bool warning, struct place at, const char *word, const char *const *names, size_t n,
                    const char *fmt, va_list ap) {
    char hint[1000];
    struct buf text;
    buf_init(&text, 2048);
    buf_vprintf(&text, fmt, ap);
    (warning ? report_warning : report_error)(rep, at, names_hint(word, names, n, hint, sizeof hint), "%s", text.data);
    buf_done(&text);
}

void report_unknown(struct report *rep, struct place at, const char *word, const char *const *names, size_t n, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    unknown(rep, false, at, word, names, n, fmt, ap);
    va_end(ap);
}

void report_unknown_warning(struct report *rep, struct place at, const char *word, const char *const *names, size_t n, const char *fmt,
                            ...) {
    va_list ap;
    va_start(ap, fmt);
    unknown(rep, true, at, word, names, n, fmt, ap);
    va_end(ap);
}

const char *first_given(struct reader *rd, struct place at) {
    uint32_t line, column;
    report_line_column(rd->rep, at, &line, &column);
    char *s = arena_printf(rd->arena, "it is given first in %s, line %u", report_file_name(rd->rep, at.file), (unsigned)line);
    if (!s)
        rd->oom = true;
    return s;
}

bool node_mapping(struct reader *rd, const struct yaml_node *n, const char *what, const char *example) {
    if (n->kind == YAML_MAPPING || n->bad)
        return !n->bad;
    report_error(rd->rep, n->at, example, "%s must be a mapping (key: value), not %s", what, node_kind_name(n));
    return false;
}

bool node_list(struct reader *rd, const struct yaml_node *n, const char *what, const char *example) {
    if (n->kind == YAML_SEQUENCE || n->bad)
        return !n->bad;
    report_error(rd->rep, n->at, example, "%s must be a list, not %s", what, node_kind_name(n));
    return false;
}

bool node_keys(struct reader *rd, const struct yaml_node *mapping, const char *const *known, size_t n, const char *of) {
    bool fine = true;
    for (size_t i = 0; i < mapping->n; i++) {
        const struct yaml_node *key = mapping->pairs[i].key;
        bool found = false;
        for (size_t k = 0; k < n && !found; k++)
            found = strcmp(known[k], key->text) == 0;
        if (!found)
            report_unknown(rd->rep, key->at, key->text, known, n, "%s has no key '%.100s'", of, key->text);
        fine = fine && found;
    }
    return fine;
}

static bool scalar(struct reader *rd, const struct yaml_node *n, const char *what, const char *must_be, const char *example) {
    if (n->bad)
        return false;
    if (n->kind == YAML_SCALAR && !yaml_is_null(n) && n->len > 0)
        return true;
    report_error(rd->rep, n->at, example, "%s must be %s, not %s", what, must_be, n->kind == YAML_SCALAR ? "nothing" : node_kind_name(n));
    return false;
}

const char *node_text(struct reader *rd, const struct yaml_node *n, const char *what) {
    if (!scalar(rd, n, what, "text", NULL))
        return NULL;
    return reader_strdup(rd, n->text);
}

bool node_bool(struct reader *rd, const struct yaml_node *n, const char *what, bool *ret) {
    if (n->bad)
        return false;
    if (yaml_bool(n, ret))
        return true;
    if (n->kind == YAML_SCALAR && n->len > 0 && n->len < 60)
        report_error(rd->rep, n->at, "write true or false", "%s must be true or false, not '%s'", what, n->text);
    else
        report_error(rd->rep, n->at, "write true or false", "%s must be true or false, not %s", what, node_kind_name(n));
    return false;
}

bool node_int(struct reader *rd, const struct yaml_node *n, const char *what, int64_t min, int64_t max, int64_t *ret) {
    char hint[96];
    (void)snprintf(hint, sizeof hint, "allowed: %lld to %lld", (long long)min, (long long)max);
    int64_t v;
    if (!scalar(rd, n, what, "a whole number", hint))
        return false;
    if (!yaml_int(n, &v)) {
        report_error(rd->rep, n->at, n->plain ? hint : "leave the quotes out", "%s must be a whole number, not '%.60s'", what, n->text);
        return false;
    }
    if (v < min || v > max) {
        report_error(rd->rep, n->at, hint, "%s is out of range: %lld", what, (long long)v);
        return false;
    }
    *ret = v;
    return true;
}

bool node_double(struct reader *rd, const struct yaml_node *n, const char *what, double min, double max, double *ret) {
    char hint[96];
    (void)snprintf(hint, sizeof hint, "allowed: %g to %g", min, max);
    double v;
    if (!scalar(rd, n, what, "a number", hint))
        return false;
    if (!yaml_double(n, &v)) {
        report_error(rd->rep, n->at, n->plain ? hint : "leave the quotes out", "%s must be a number, not '%.60s'", what, n->text);
        return false;
    }
    if (v < min || v > max) {
        report_error(rd->rep, n->at, hint, "%s is out of range: %g", what, v);
        return false;
    }
    *ret = v;
    return true;
}

bool node_span(struct reader *rd, const struct yaml_node *n, const char *what, int64_t min, int64_t *ret) {
    static const char example[] = "a number and a unit: 30s, 5m, 1h30m, 14d";
    if (!scalar(rd, n, what, "a span of time", example))
        return false;
    int64_t v;
    if (span_parse(n->text, n->len, &v, NULL) < 0 || v < 0) {
        report_error(rd->rep, n->at, example, "%s must be a span of time, not '%.60s'", what, n->text);
        return false;
    }
    if (v < min || v > SPAN_MAX) {
        char least[TIME_TEXT_MAX], most[TIME_TEXT_MAX], hint[160];
        (void)snprintf(hint, sizeof hint, "allowed: %s to %s", span_format(min, least), span_format(SPAN_MAX, most));
        report_error(rd->rep, n->at, hint, "%s is out of range: %.60s", what, n->text);
        return false;
    }
    *ret = v;
    return true;
}

bool node_size(struct reader *rd, const struct yaml_node *n, const char *what, int64_t min, int64_t max, int64_t *ret) {
    static const char example[] = "a number and a unit: 64KB, 10MB, 1GB";
    if (!scalar(rd, n, what, "a size", example))
        return false;
    int64_t v;
    if (size_parse(n->text, n->len, &v, NULL) < 0) {
        report_error(rd->rep, n->at, example, "%s must be a size, not '%.60s'", what, n->text);
        return false;
    }
    if (v < min || v > max) {
        char least[32], most[32], hint[120];
        (void)snprintf(hint, sizeof hint, "allowed: %s to %s", size_format(min, least), size_format(max, most));
        report_error(rd->rep, n->at, hint, "%s is out of range: %.60s", what, n->text);
        return false;
    }
    *ret = v;
    return true;
}

int node_choice(struct reader *rd, const struct yaml_node *n, const char *what, const char *const *words, size_t count) {
    char hint[400];
    size_t len = (size_t)snprintf(hint, sizeof hint, "allowed: ");
    for (size_t i = 0; i < count && len < sizeof hint; i++)
        len += (size_t)snprintf(hint + len, sizeof hint - len, "%s%s", i ? ", " : "", words[i]);
    if (!scalar(rd, n, what, "a word", hint))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], n->text) == 0)
            return (int)i;
    const char *near = text_nearest(n->text, words, count);
    char both[500];
    (void)snprintf(both, sizeof both, near ? "did you mean '%s'? %s" : "%s%s", near ? near : "", hint);
    report_error(rd->rep, n->at, both, "%s cannot be '%.60s'", what, n->text);
    return -1;
}

bool node_words(struct reader *rd, const struct yaml_node *n, const char *what, const struct yaml_node *const **ret, size_t *ret_n) {
    if (n->bad)
        return false;
    size_t count = n->kind == YAML_SEQUENCE ? n->n : 1;
    if (n->kind == YAML_MAPPING || count == 0) {
        report_error(rd->rep, n->at, "for example lamp, or [lamp, meter]", "%s must be a word or a list of words, not %s", what,
                     count ? "a mapping" : "an empty list");
        return false;
    }
    const struct yaml_node **list = reader_alloc(rd, count * sizeof *list);
    if (!list)
        return false;
    bool fine = true;
    for (size_t i = 0; i < count; i++) {
        list[i] = n->kind == YAML_SEQUENCE ? n->items[i] : n;
        if (!scalar(rd, list[i], what, "a word or a list of words", NULL))
            fine = false;
    }
    if (!fine)
        return false;
    *ret = list;
    *ret_n = count;
    return true;
}

bool node_name(struct reader *rd, const struct yaml_node *n, const char *what, const char **ret) {
    static const char hint[] = "letters, digits, '-' and '_', at most 64";
    if (!scalar(rd, n, what, "a name", hint))
        return false;
    bool fine = utf8_count(n->text, n->len) <= 64;
    for (size_t i = 0; i < n->len && fine; i++) {
        unsigned char c = (unsigned char)n->text[i];
        fine = c > ' ' && c != 0x7F && !strchr("/\"'`$#+*,", c);
    }
    if (!fine) {
        report_error(rd->rep, n->at, hint, "%s '%.80s' cannot be a name", what, n->text);
        return false;
    }
    const char *copy = reader_strdup(rd, n->text);
    if (!copy)
        return false;
    *ret = copy;
    return true;
}

bool is_identifier(const char *s, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return len > 0;
}
