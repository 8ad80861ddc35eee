/* SPDX-License-Identifier: Apache-2.0
 * Buf: a growing byte string with a ceiling. Leans on realloc only. */
#include "gengfu/base/buf.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/arena.h"

#define MAX_DEFAULT ((size_t)16 * 1024 * 1024)
#define FIRST ((size_t)64)

/* What data points to before anything is allocated: always a NUL, never written. */
static char empty[1];

void buf_init(struct buf *b, size_t max) {
    *b = (struct buf){.data = empty, .max = max > SIZE_MAX / 4 ? SIZE_MAX / 4 : max ? max : MAX_DEFAULT};
}

void buf_done(struct buf *b) {
    if (b->cap)
        free(b->data);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b) {
    b->len = 0;
    b->failed = false;
    if (b->cap)
        b->data[0] = 0;
}

/* Room for n more bytes and the NUL. */
static bool make_room(struct buf *b, size_t n) {
    if (b->failed)
        return false;
    if (n > b->max || b->len > b->max - n) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : b->max < FIRST ? b->max + 1 : FIRST; /* never beyond max and its NUL */
    while (cap < need)
        cap = cap > b->max / 2 ? b->max + 1 : cap * 2;
    char *data = realloc(b->cap ? b->data : NULL, cap);
    if (!data) {
        memory_misses++;
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

static inline bool grow(struct buf *b, size_t n) { return (n < b->cap - b->len && !b->failed) || make_room(b, n); }

char *buf_take(struct buf *b, size_t *ret_len) {
    if (b->failed || (!b->cap && !grow(b, 0))) {
        buf_done(b);
        return NULL;
    }
    char *data = b->data;
    data[b->len] = 0;
    if (ret_len)
        *ret_len = b->len;
    buf_init(b, b->max);
    return data;
}

void buf_put(struct buf *b, const void *data, size_t len) {
    if (!len || !grow(b, len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
}

char *buf_extend(struct buf *b, size_t len) {
    if (!grow(b, len))
        return NULL;
    char *at = b->data + b->len;
    b->len += len;
    b->data[b->len] = 0;
    return at;
}

void buf_puts(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }

void buf_putc(struct buf *b, char c) {
    if (!grow(b, 1))
        return;
    b->data[b->len++] = c;
    b->data[b->len] = 0;
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap) {
    if (b->failed)
        return;
    va_list again;
    va_copy(again, ap);
    size_t room = b->cap ? b->cap - b->len : 0;
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < room) {
        b->len += (size_t)n;
    } else if (grow(b, (size_t)n)) {
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    if (b->cap)
        b->data[b->len] = 0;
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_fill(struct buf *b, char c, size_t n) {
    if (!n || !grow(b, n))
        return;
    memset(b->data + b->len, c, n);
    b->len += n;
    b->data[b->len] = 0;
}

void buf_put_int(struct buf *b, int64_t v) {
    char text[24], *p = text + sizeof text;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    buf_put(b, p, (size_t)(text + sizeof text - p));
}

/* What sensors say: 21.5, 0.073. A whole number of 15 digits divided by a power of ten is the double that the decimal text means, so no text needs to be tried. */
static bool few_decimals(struct buf *b, double v) {
    double size = fabs(v), scale = 1;
    char text[32], *p = text + sizeof text;

    if (size < 1e-3 || size >= 1e9)
        return false;
    for (int decimals = 1; decimals <= 6; decimals++) {
        scale *= 10;
        double whole = nearbyint(size * scale);
        if (whole / scale != size)
            continue;
        uint64_t u = (uint64_t)whole;
        for (int i = 0; i < decimals; i++, u /= 10)
            *--p = (char)('0' + u % 10);
        *--p = '.';
        do
            *--p = (char)('0' + u % 10);
        while (u /= 10);
        if (v < 0)
            *--p = '-';
        buf_put(b, p, (size_t)(text + sizeof text - p));
        return true;
    }
    return false;
}

void buf_put_double(struct buf *b, double v) {
    if (!isfinite(v)) {
        buf_puts(b, "null");
        return;
    }
    if (fabs(v) <= 9007199254740992.0 && v == (double)(int64_t)v && !(v == 0 && signbit(v))) {
        buf_put_int(b, (int64_t)v);
        return;
    }
    if (few_decimals(b, v))
        return;
    char text[40];
    /* 15 digits always survive a double, 17 always hold one; a subnormal number may have fewer to begin with. */
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_puts(b, text);
}
