/* SPDX-License-Identifier: Apache-2.0
 * The look at a JSON text before cJSON gets it: grammar, nesting, UTF-8, numbers. One pass, no recursion, no memory; on the way it may copy the
 * members that somebody wants.
 * cJSON is more generous than RFC 8259 and does not say where it stumbled; after this pass it can only run out of memory. */
#include "json_int.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"

#define NUMBER_MAX 63 /* cJSON copies a number into 64 bytes */

struct scan {
    const char *start, *p, *end;
    struct err *err;
    int depth;
    struct picked *picked;
    const char *member; /* of the outermost object, under way and wanted: where its name begins */
};

static int bad(struct scan *s, int code, const char *what) {
    return err_set(s->err, code, "JSON: %s (byte %zu)", what, (size_t)(s->p - s->start));
}

static int bad_here(struct scan *s, const char *wanted) {
    unsigned char c = s->p < s->end ? (unsigned char)*s->p : 0;
    size_t at = (size_t)(s->p - s->start);
    if (s->p == s->end)
        return err_set(s->err, GF_EINVAL, "JSON: the text ends where %s should stand (byte %zu)", wanted, at);
    if (c > 0x20 && c < 0x7f)
        return err_set(s->err, GF_EINVAL, "JSON: '%c' where %s should stand (byte %zu)", c, wanted, at);
    return err_set(s->err, GF_EINVAL, "JSON: byte 0x%02x where %s should stand (byte %zu)", c, wanted, at);
}

static void blanks(struct scan *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static int hex4(const char *p, const char *end) {
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* Behind the backslash. */
static int escape(struct scan *s) {
    static const char known[] = "\"\\/bfnrtu";
    if (s->p == s->end || !memchr(known, *s->p, sizeof known - 1))
        return bad_here(s, "an escape (one of \" \\ / b f n r t u)");
    if (*s->p++ != 'u')
        return 0;
    int v = hex4(s->p, s->end);
    if (v < 0)
        return bad(s, GF_EINVAL, "\\u without four hexadecimal digits behind it");
    if (v == 0)
        return bad(s, GF_EINVAL, "\\u0000 in a string cannot be kept");
    if (v >= 0xdc00 && v < 0xe000)
        return bad(s, GF_EINVAL, "the second half of a surrogate pair without the first");
    s->p += 4;
    if (v >= 0xd800 && v < 0xdc00) {
        int low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2, s->end) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return bad(s, GF_EINVAL, "the first half of a surrogate pair without the second");
        s->p += 6;
    }
    return 0;
}

/* At the opening quote. */
static int string(struct scan *s) {
    const char *open = s->p++;
    for (;;) {
        s->p += json_plain(s->p, (size_t)(s->end - s->p));
        if (s->p == s->end)
            break;
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            return 0;
        }
        if (c == '\\') {
            s->p++;
            int rc = escape(s);
            if (rc)
                return rc;
        } else if (c < 0x20) {
            return bad(s, GF_EINVAL, "a control character in a string");
        } else {
            size_t n;
            if (utf8_next(s->p, (size_t)(s->end - s->p), &n) == 0xfffd && n == 1)
                return bad(s, GF_EINVAL, "a string is not valid UTF-8");
            s->p += n;
        }
    }
    s->p = open;
    return bad(s, GF_EINVAL, "a string without an end");
}

static bool digits(struct scan *s) {
    const char *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from;
}

static int number(struct scan *s) {
    const char *from = s->p;
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!digits(s))
        return bad_here(s, "a digit");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s))
            return bad_here(s, "a digit");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!digits(s))
            return bad_here(s, "a digit");
    }
    if (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        return bad(s, GF_EINVAL, "a number may not begin with 0");
    if (s->p - from > NUMBER_MAX) {
        s->p = from;
        return bad(s, GF_ELIMIT, "a number of more than 63 characters");
    }
    return 0;
}

static int word(struct scan *s, const char *text) {
    size_t len = strlen(text);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
        return bad(s, GF_EINVAL, "an unknown word (true, false and null are the only ones)");
    s->p += len;
    return 0;
}

static int scalar(struct scan *s) {
    char c = s->p < s->end ? *s->p : 0;
    if (c == '"')
        return string(s);
    if (c == '-' || (c >= '0' && c <= '9'))
        return number(s);
    if (c == 't')
        return word(s, "true");
    if (c == 'f')
        return word(s, "false");
    if (c == 'n')
        return word(s, "null");
    return bad_here(s, "a value");
}

static bool wanted(const struct json_pick *by, const char *name, size_t len) {
    return memchr(name, '\\', len) || by->wanted(by->ctx, name, len);
}

/* A value is complete. */
static void member_end(struct scan *s) {
    if (!s->member || s->depth != 1)
        return;
    struct picked *to = s->picked;
    size_t len = (size_t)(s->p - s->member);
    if (to->len > 1)
        to->text[to->len++] = ',';
    memcpy(to->text + to->len, s->member, len);
    to->len += len;
    s->member = NULL;
}

/* A member's name and the colon. */
static int name(struct scan *s) {
    blanks(s);
    if (s->p == s->end || *s->p != '"')
        return bad_here(s, "a name in double quotes");
    const char *from = s->p;
    int rc = string(s);
    if (rc)
        return rc;
    if (s->picked && s->depth == 1 && wanted(s->picked->by, from + 1, (size_t)(s->p - from) - 2))
        s->member = from;
    blanks(s);
    if (s->p == s->end || *s->p != ':')
        return bad_here(s, "':'");
    s->p++;
    return 0;
}

int json_check(const char *text, size_t len, struct picked *picked, struct err *err) {
    struct scan s = {.start = text, .p = text, .end = text + len, .err = err, .picked = picked};
    char closing[JSON_MAX_DEPTH]; /* the bracket that each open level waits for */
    int rc;

    for (;;) {
        blanks(&s);
        if (s.p < s.end && (*s.p == '{' || *s.p == '[')) {
            if (s.depth == JSON_MAX_DEPTH)
                return err_set(err, GF_ELIMIT, "JSON: nested deeper than %d levels (byte %zu)", JSON_MAX_DEPTH, (size_t)(s.p - s.start));
            if (picked && s.depth == 0 && *s.p == '{')
                picked->text[picked->len++] = '{';
            closing[s.depth++] = *s.p == '{' ? '}' : ']';
            s.p++;
            blanks(&s);
            if (s.p == s.end || *s.p != closing[s.depth - 1]) {
                if (closing[s.depth - 1] == '}' && (rc = name(&s)))
                    return rc;
                continue;
            }
        } else if ((rc = scalar(&s))) {
            return rc;
        }
        member_end(&s);
        /* A value is complete, or an empty bracket is about to close: close what closes. */
        for (blanks(&s); s.depth && s.p < s.end && *s.p == closing[s.depth - 1]; blanks(&s)) {
            s.p++;
            s.depth--;
            member_end(&s);
        }
        if (!s.depth)
            break;
        if (s.p == s.end || *s.p != ',')
            return bad_here(&s, closing[s.depth - 1] == '}' ? "',' or '}'" : "',' or ']'");
        s.p++;
        if (closing[s.depth - 1] == '}' && (rc = name(&s)))
            return rc;
    }
    if (s.p != s.end)
        return bad_here(&s, "the end of the text");
    if (picked && picked->len)
        picked->text[picked->len++] = '}';
    return 0;
}
