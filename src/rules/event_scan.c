/* SPDX-License-Identifier: Apache-2.0
 * One pass over a copy of the text; strings end where their closing quote was. A back-test and a start with a long journal read millions of events, and a document of cJSON for each is most of what
 * they would cost. */
#include "rules/event_scan.h"

#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"

#define EXACT_DIGITS 15 /* any number of so many digits is exact in a double, and so is a power of ten of that size */
#define HEX_DIGITS 16

struct scan {
    char *p, *end;
};

static bool take(struct scan *s, const char *text, size_t len) {
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
        return false;
    s->p += len;
    return true;
}
#define TAKE(s, text) take((s), (text), sizeof(text) - 1)

/* Behind the opening quote. */
static bool string(struct scan *s, const char **ret, size_t *ret_len) {
    char *start = s->p;
    unsigned char any = 0;

    for (; s->p < s->end && *s->p != '"'; s->p++) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '\\' || c < 0x20)
            return false;
        any |= c;
    }
    if (s->p == s->end)
        return false;
    *ret = start;
    *ret_len = (size_t)(s->p - start);
    *s->p++ = '\0';
    return any < 0x80 || utf8_valid(start, *ret_len);
}

struct digits { /* [-]digits[.digits] */
    int64_t all;
    int after; /* of them, behind the point */
    bool negative;
};

static bool digits(struct scan *s, struct digits *ret) {
    struct digits d = {0};
    char *start, *point = NULL;

    if (s->p < s->end && *s->p == '-') {
        d.negative = true;
        s->p++;
    }
    start = s->p;
    for (; s->p < s->end && s->p - start <= EXACT_DIGITS + 1; s->p++) {
        if (*s->p == '.' && !point)
            point = s->p;
        else if (*s->p >= '0' && *s->p <= '9')
            d.all = d.all * 10 + (*s->p - '0');
        else
            break;
    }
    if (s->p == s->end) /* something must end it */
        return false;
    ptrdiff_t before = (point ? point : s->p) - start;
    d.after = point ? (int)(s->p - point) - 1 : 0;
    if (before == 0 || (before > 1 && *start == '0') || (point && d.after == 0) || before + d.after > EXACT_DIGITS)
        return false;
    *ret = d;
    return true;
}

static bool whole(struct scan *s, int64_t *ret) {
    struct digits d;

    if (!digits(s, &d) || d.after)
        return false;
    *ret = d.negative ? -d.all : d.all;
    return true;
}

/* As cJSON and cel_json take it: without a fraction it is whole, whatever stands behind its point. */
static bool number(struct scan *s, struct cel_value *ret) {
    static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    struct digits d;

    if (!digits(s, &d))
        return false;
    double v = (double)d.all / tens[d.after]; /* both exact, so rounded once: the nearest double */
    if (d.negative)
        v = -v;
    *ret = d.after == 0 || v == (double)(int64_t)v ? cel_int((int64_t)v) : cel_double(v);
    return true;
}

static bool value(struct scan *s, struct cel_value *ret) {
    const char *text;
    size_t len;

    if (TAKE(s, "\"")) {
        if (!string(s, &text, &len))
            return false;
        *ret = cel_string(text, len);
        return true;
    }
    if (TAKE(s, "true")) {
        *ret = cel_bool(true);
        return true;
    }
    if (TAKE(s, "false")) {
        *ret = cel_bool(false);
        return true;
    }
    if (TAKE(s, "null")) {
        *ret = cel_null();
        return true;
    }
    return number(s, ret);
}

/* Behind the opening brace, up to the end of the text. */
static bool fields(struct scan *s, struct event_field out[EVENT_MAX_FIELDS], size_t *ret_n) {
    size_t n = 0, seen = 0;

    if (TAKE(s, "}}"))
        return s->p == s->end;
    for (;;) {
        const char *name;
        size_t len;
        struct cel_value v;

        if (seen++ == EVENT_MAX_FIELDS || !TAKE(s, "\"") || !string(s, &name, &len) || !TAKE(s, ":") || !value(s, &v))
            return false;
        atom_t atom = atom_intern(name, len);
        if (atom)
            out[n++] = (struct event_field){.name = atom, .value = v};
        if (TAKE(s, ","))
            continue;
        *ret_n = n;
        return TAKE(s, "}}") && s->p == s->end; /* types behind it: not for us */
    }
}

static bool hash(struct scan *s, uint64_t *ret) {
    const char *hex;
    size_t len;

    if (!string(s, &hex, &len) || len != HEX_DIGITS || strspn(hex, "0123456789abcdef") != HEX_DIGITS)
        return false;
    *ret = strtoull(hex, NULL, 16);
    return true;
}

static bool head(struct scan *s, struct event *e) {
    const char *kind;
    size_t len, device;
    int64_t n;

    if (!TAKE(s, "{\"k\":\"") || !string(s, &kind, &len) || len == 0 || !TAKE(s, ",\"d\":\"") || !string(s, &e->device, &device) ||
        device == 0 || !TAKE(s, ",\"t\":") || !whole(s, &e->time))
        return false;
    e->kind = atom_intern(kind, len);
    e->arrived = e->time;
    if (!e->kind || (TAKE(s, ",\"a\":") && !whole(s, &e->arrived)))
        return false;
    if (TAKE(s, ",\"g\":")) {
        if (!whole(s, &n) || n < 0 || n > UINT32_MAX)
            return false;
        e->flags = (uint32_t)n;
    }
    if (TAKE(s, ",\"s\":\"") && !string(s, &e->source, &len))
        return false;
    if (TAKE(s, ",\"i\":")) {
        if (!whole(s, &n) || n < 0 || n > UINT16_MAX)
            return false;
        e->index = (uint16_t)n;
    }
    return !TAKE(s, ",\"h\":\"") || hash(s, &e->dedupe);
}

bool event_scan(struct arena *a, const char *text, size_t len, struct event *ret) {
    struct event_field found[EVENT_MAX_FIELDS];
    struct arena_mark mark = arena_mark(a);
    struct event e = {0};
    char *copy = arena_strndup(a, text, len);

    if (!copy)
        return false;
    struct scan s = {.p = copy, .end = copy + len};
    if (head(&s, &e) && TAKE(&s, ",\"f\":{") && fields(&s, found, &e.nfields)) {
        e.fields = arena_dup(a, found, (e.nfields ? e.nfields : 1) * sizeof(found[0]));
        if (e.fields) {
            *ret = e;
            return true;
        }
    }
    arena_rewind(a, mark);
    return false;
}
