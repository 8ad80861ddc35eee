/* SPDX-License-Identifier: Apache-2.0
 * Values out of a test's YAML tree, each with its error sentence and the cure. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "ruletest/ruletest_int.h"

void *given_alloc(struct reader *rd, size_t size) {
    void *p = arena_zalloc(rd->arena, size ? size : 1);
    if (!p)
        rd->oom = true;
    return p;
}

const char *given_copy(struct reader *rd, const char *s, size_t len) {
    const char *p = arena_strndup(rd->arena, s, len);
    if (!p)
        rd->oom = true;
    return p;
}

void given_unknown(struct reader *rd, struct place at, const char *word, const char *const *names, size_t n, const char *fmt, ...) {
    const char *near = n ? text_nearest(word, names, n) : NULL;
    struct buf text, hint;
    va_list ap;

    buf_init(&text, 4096);
    buf_init(&hint, 4096);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (near) {
        buf_printf(&hint, "did you mean '%s'?", near);
    } else if (n > 0 && n <= 40) {
        buf_puts(&hint, n == 1 ? "there is only: " : "there are: ");
        for (size_t i = 0; i < n; i++)
            buf_printf(&hint, "%s%s", i ? ", " : "", names[i] ? names[i] : "");
    }
    report_error(rd->rep, at, hint.len ? hint.data : NULL, "%s", text.data);
    buf_done(&text);
    buf_done(&hint);
}

const char *given_kind(const struct yaml_node *n) {
    if (n->kind == YAML_SEQUENCE)
        return "a list";
    if (n->kind == YAML_MAPPING)
        return "a mapping";
    return yaml_is_null(n) ? "nothing" : "text";
}

bool given_mapping(struct reader *rd, const struct yaml_node *n, const char *what, const char *example) {
    if (n->kind == YAML_MAPPING || n->bad)
        return !n->bad;
    report_error(rd->rep, n->at, example, "%s must be a mapping (key: value), not %s", what, given_kind(n));
    return false;
}

bool given_list(struct reader *rd, const struct yaml_node *n, const char *what, const char *example) {
    if (n->kind == YAML_SEQUENCE || n->bad)
        return !n->bad;
    report_error(rd->rep, n->at, example, "%s must be a list, not %s", what, given_kind(n));
    return false;
}

bool given_keys(struct reader *rd, const struct yaml_node *n, const struct shape *s) {
    const char *known[SHAPE_MAX_KEYS];
    size_t count = shape_names(s, known);
    bool fine = true;
    for (size_t i = 0; i < n->n; i++) {
        const struct yaml_node *key = n->pairs[i].key;
        bool found = shape_key(s, key->text) != NULL;
        if (!found)
            given_unknown(rd, key->at, key->text, known, count, "%s has no key '%.100s'", s->of, key->text);
        fine = fine && found;
    }
    return fine;
}

static bool scalar(struct reader *rd, const struct yaml_node *n, const char *what, const char *must_be, const char *hint) {
    if (n->bad)
        return false;
    if (n->kind == YAML_SCALAR && !yaml_is_null(n) && n->len > 0)
        return true;
    report_error(rd->rep, n->at, hint, "%s must be %s, not %s", what, must_be, n->kind == YAML_SCALAR ? "nothing" : given_kind(n));
    return false;
}

const char *given_text(struct reader *rd, const struct yaml_node *n, const char *what) {
    return scalar(rd, n, what, "text", NULL) ? given_copy(rd, n->text, n->len) : NULL;
}

bool given_bool(struct reader *rd, const struct yaml_node *n, const char *what, bool *ret) {
    if (n->bad)
        return false;
    if (yaml_bool(n, ret))
        return true;
    report_error(rd->rep, n->at, "write true or false", "%s must be true or false, not %s%.60s%s", what, n->kind == YAML_SCALAR ? "'" : "",
                 n->kind == YAML_SCALAR ? n->text : given_kind(n), n->kind == YAML_SCALAR ? "'" : "");
    return false;
}

bool given_int(struct reader *rd, const struct yaml_node *n, const char *what, int64_t min, int64_t max, int64_t *ret) {
    char hint[96];
    int64_t v;
    (void)snprintf(hint, sizeof hint, "allowed: %lld to %lld", (long long)min, (long long)max);
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

bool given_number(struct reader *rd, const struct yaml_node *n, const char *what, double min, double max) {
    char hint[96];
    double v;
    (void)snprintf(hint, sizeof hint, "allowed: %g to %g", min, max);
    if (!scalar(rd, n, what, "a number", hint))
        return false;
    if (!yaml_double(n, &v)) {
        report_error(rd->rep, n->at, n->plain ? hint : "leave the quotes out", "%s must be a number, not '%.60s'", what, n->text);
        return false;
    }
    if (!(v >= min && v <= max)) {
        report_error(rd->rep, n->at, hint, "%s is out of range: %g", what, v);
        return false;
    }
    return true;
}

bool given_span(struct reader *rd, const struct yaml_node *n, const char *what, int64_t *ret) {
    static const char example[] = "a number and a unit: 0s, 30s, 5m, 1h30m, 14d";
    int64_t v;
    if (!scalar(rd, n, what, "a span of time", example))
        return false;
    if (span_parse(n->text, n->len, &v, NULL) < 0 || v < 0 || v > MAX_SPAN) {
        report_error(rd->rep, n->at, example, "%s must be a span of time, not '%.60s'", what, n->text);
        return false;
    }
    *ret = v;
    return true;
}

bool given_moment(struct reader *rd, const struct yaml_node *n, const char *what, int64_t *ret_ms) {
    static const char example[] = "for example 2026-01-05T20:00:00+08:00; without a zone it is the site's time";
    int64_t s;
    int nanos;
    bool zoned;
    if (!scalar(rd, n, what, "a moment", example))
        return false;
    if (time_parse(n->text, n->len, false, &s, &nanos, &zoned) < 0) {
        report_error(rd->rep, n->at, example, "%s must be a moment, not '%.60s'", what, n->text);
        return false;
    }
    if (!zoned)
        s = zone_to_utc(rd->rs->config ? rd->rs->config->zone : NULL, s);
    *ret_ms = s * 1000 + nanos / 1000000;
    return true;
}

int given_choice(struct reader *rd, const struct yaml_node *n, const struct shape_key *row) {
    const char *words[SHAPE_MAX_WORDS];
    size_t count = shape_words(row, words);
    if (!scalar(rd, n, row->name, "a word", NULL))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], n->text) == 0)
            return (int)i;
    given_unknown(rd, n->at, n->text, words, count, "%s cannot be '%.60s'", row->name, n->text);
    return -1;
}
