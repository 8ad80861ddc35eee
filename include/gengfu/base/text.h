/* SPDX-License-Identifier: Apache-2.0
 * Text: UTF-8, columns of a terminal, base64, nearest names, sizes. */
#ifndef GENGFU_BASE_TEXT_H
#define GENGFU_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/buf.h"

/* UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool utf8_valid(const char *s, size_t len);
/* The code point at s (len > 0), its length in *ret_n; invalid bytes give U+FFFD one at a time. */
uint32_t utf8_next(const char *s, size_t len, size_t *ret_n);
size_t utf8_put(uint32_t cp, char out[4]); /* returns the number of bytes; U+FFFD for what is not a code point */
size_t utf8_count(const char *s, size_t len);
/* Columns that the text takes on a terminal (UAX #11: wide and fullwidth are 2, combining and control 0). */
size_t text_width(const char *s, size_t len);
/* Appends s cut to at most `width` columns (an ellipsis … stands for what was cut) and filled with blanks up to it; with control
 * characters, escapes included, shown as '?' so that nothing a device sends can command a terminal. */
void text_column(struct buf *b, const char *s, size_t width);
void text_clean(struct buf *b, const char *s, size_t len); /* the same cleaning, without cutting and filling */
/* The same characters of a JSON text, which can stand only within its strings, as \uXXXX: the text means the same. */
void text_clean_json(struct buf *b, const char *json, size_t len);

/* Base64, RFC 4648 standard alphabet. Decoding takes input with or without padding. NULL: not base64, or no memory. */
void base64_encode(struct buf *b, const void *data, size_t len);
void *base64_decode(struct arena *a, const char *s, size_t len, size_t *ret_len);

static inline const char *plural(size_t n) { return n == 1 ? "" : "s"; } /* "%zu rule%s", n, plural(n) */

/* The entry of `names` (n of them, NULLs skipped) nearest to `name` by edit distance, or NULL when none is near enough to be what was meant. */
const char *text_nearest(const char *name, const char *const *names, size_t n);

/* "64KB", "10MB", "1GB" (1024s), or bytes. */
GF_WARN_UNUSED int size_parse(const char *s, size_t len, int64_t *ret_bytes, struct err *err);
const char *size_format(int64_t bytes, char out[32]); /* "1.4 MB" */

#endif
