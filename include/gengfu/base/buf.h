/* SPDX-License-Identifier: Apache-2.0
 * Buf: a growing byte string with a ceiling.
 *
 * Invariants: `data` is never NULL and always has a NUL behind `len` bytes (NULs inside are allowed). Growing past `max`, or
 * without memory, sets `failed` and drops what was to be added; further writes do nothing. So a caller writes a whole text and looks
 * at `failed` once. */
#ifndef GENGFU_BASE_BUF_H
#define GENGFU_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"

struct buf {
    char *data;
    size_t len, cap, max;
    bool failed;
};

/* Life cycle. A max of 0 means 16 MiB. init allocates nothing. */
void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* len 0, not failed, memory kept */
/* Hands the text over to the caller, who frees it; NULL when failed. The buf is as after init. */
char *buf_take(struct buf *b, size_t *ret_len);

/* Content. */
void buf_put(struct buf *b, const void *data, size_t len);
char *buf_extend(struct buf *b, size_t len); /* so many bytes more, which the caller writes at once; NULL: failed */
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) GF_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) GF_PRINTF(2, 0);
void buf_fill(struct buf *b, char c, size_t n);
void buf_put_int(struct buf *b, int64_t v);
/* The shortest decimal text that reads back as the same double ("0.1", "1e+300", "18.0" -> "18"); NaN and infinities as null. */
void buf_put_double(struct buf *b, double v);

#endif
