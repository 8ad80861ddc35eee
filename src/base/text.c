/* SPDX-License-Identifier: Apache-2.0
 * UTF-8, nearest names, sizes. Columns are in width.c, base64 in base64.c. Pure. */
#include "gengfu/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REPLACEMENT 0xfffdu

uint32_t utf8_next(const char *s, size_t len, size_t *ret_n) {
    const unsigned char *p = (const unsigned char *)s;
    uint32_t c = p[0];
    *ret_n = 1;
    if (c < 0x80)
        return c;
    size_t n = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 0;
    if (!n || n > len)
        return REPLACEMENT;
    uint32_t cp = c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        cp = cp << 6 | (p[i] & 0x3f);
    }
    if ((n == 3 && (cp < 0x800 || (cp >= 0xd800 && cp < 0xe000))) || (n == 4 && (cp < 0x10000 || cp > 0x10ffff)))
        return REPLACEMENT;
    *ret_n = n;
    return cp;
}

bool utf8_valid(const char *s, size_t len) {
    size_t n;
    for (size_t i = 0; i < len; i += n) {
        while (len - i >= 8) { /* most texts are ASCII: eight bytes at a time */
            uint64_t v;
            memcpy(&v, s + i, sizeof v);
            if (v & UINT64_C(0x8080808080808080))
                break;
            i += 8;
        }
        if (i == len)
            break;
        if (utf8_next(s + i, len - i, &n) == REPLACEMENT && n == 1)
            return false;
    }
    return true;
}

size_t utf8_put(uint32_t cp, char out[4]) {
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        cp = REPLACEMENT;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

size_t utf8_count(const char *s, size_t len) {
    size_t count = 0, n;
    for (size_t i = 0; i < len; i += n, count++)
        (void)utf8_next(s + i, len - i, &n);
    return count;
}

/* ---- nearest names ---- */

#define NEAR_MAX 64 /* longer names are compared as a whole only */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* Damerau-Levenshtein (optimal string alignment) without regard to case: insert, delete, change, swap of neighbours. */
static size_t distance(const char *a, size_t n, const char *b, size_t m) {
    size_t rows[3][NEAR_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

const char *text_nearest(const char *name, const char *const *names, size_t n) {
    const char *best = NULL;
    size_t len = strlen(name), least = SIZE_MAX;
    /* Two slips in a short word, a third of a long one; but a word of one or two letters is not what all its neighbours mean. */
    size_t allowed = len <= 2 ? len / 2 : len <= 6 ? 2 : len / 3;
    for (size_t i = 0; i < n; i++) {
        if (!names[i])
            continue;
        size_t other = strlen(names[i]), d;
        if (strcasecmp(name, names[i]) == 0)
            return names[i];
        if (len > NEAR_MAX || other > NEAR_MAX)
            continue;
        d = distance(name, len, names[i], other);
        if (d <= allowed && d < least && d < other) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

/* ---- sizes ---- */

int size_parse(const char *s, size_t len, int64_t *ret_bytes, struct err *err) {
    static const char units[] = "KMGT";
    int shown = len > 40 ? 40 : (int)len;
    const char *p = s, *end = s + len;
    int64_t v = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, INT64_C(10), &v) || __builtin_add_overflow(v, (int64_t)(*p - '0'), &v))
            return err_set(err, GF_ELIMIT, "'%.*s' is too large a size", shown, s);
    if (p == s)
        return err_set(err, GF_EINVAL, "'%.*s' is not a size: write it like 64KB, 10MB, 1GB, or as a number of bytes", shown, s);
    while (p < end && *p == ' ')
        p++;
    const char *unit = p < end && *p ? strchr(units, *p >= 'a' && *p <= 'z' ? *p - 32 : *p) : NULL;
    if (unit) {
        p++;
        if (p < end && *p == 'i')
            p++;
        for (const char *u = units; u <= unit; u++)
            if (__builtin_mul_overflow(v, INT64_C(1024), &v))
                return err_set(err, GF_ELIMIT, "'%.*s' is too large a size", shown, s);
    }
    if (p < end && (*p == 'B' || *p == 'b'))
        p++;
    if (p != end)
        return err_set(err, GF_EINVAL, "'%.*s' is not a size: write it like 64KB, 10MB, 1GB, or as a number of bytes", shown, s);
    *ret_bytes = v;
    return 0;
}

const char *size_format(int64_t bytes, char out[32]) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    double v = bytes < 0 ? -(double)bytes : (double)bytes;
    size_t u = 0;
    while (v >= 1023.95 && u < 6) { /* what would be shown as 1024.0 is one of the next unit */
        v /= 1024;
        u++;
    }
    const char *sign = bytes < 0 ? "-" : "";
    if (u == 0)
        (void)snprintf(out, 32, "%s%.0f B", sign, v);
    else
        (void)snprintf(out, 32, "%s%.1f %s", sign, v, units[u]);
    return out;
}
