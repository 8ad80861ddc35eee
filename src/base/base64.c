/* SPDX-License-Identifier: Apache-2.0
 * Base64, RFC 4648 section 4. Leans on buf and arena. */
#include <stdint.h>

#include "gengfu/base/text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *b, const void *data, size_t len) {
    const uint8_t *p = data;
    while (len) {
        uint32_t v = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0) | (len > 2 ? p[2] : 0u);
        char out[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], len > 1 ? alphabet[v >> 6 & 63] : '=', len > 2 ? alphabet[v & 63] : '='};
        buf_put(b, out, 4);
        size_t n = len < 3 ? len : 3;
        p += n;
        len -= n;
    }
}

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void *base64_decode(struct arena *a, const char *s, size_t len, size_t *ret_len) {
    if (len && s[len - 1] == '=') { /* padding is complete or not there */
        if (len % 4)
            return NULL;
        len--;
        if (s[len - 1] == '=')
            len--;
    }
    if (len % 4 == 1)
        return NULL;
    size_t n = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
    struct arena_mark mark = arena_mark(a);
    uint8_t *out = arena_alloc(a, n);
    if (!out)
        return NULL;
    uint32_t v = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        int d = value_of(s[i]);
        if (d < 0) {
            arena_rewind(a, mark);
            return NULL;
        }
        v = v << 6 | (uint32_t)d;
        if (i % 4 == 3) {
            out[at++] = (uint8_t)(v >> 16);
            out[at++] = (uint8_t)(v >> 8);
            out[at++] = (uint8_t)v;
            v = 0;
        }
    }
    if (len % 4 == 2) {
        out[at++] = (uint8_t)(v >> 4);
    } else if (len % 4 == 3) {
        out[at++] = (uint8_t)(v >> 10);
        out[at++] = (uint8_t)(v >> 2);
    }
    *ret_len = n;
    return out;
}
