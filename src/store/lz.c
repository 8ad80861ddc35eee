/* SPDX-License-Identifier: Apache-2.0
 * The packer of lz.h: greedy, one hash table of positions, no state between calls. Leans on nothing.
 *
 *   sequence: token (literals << 4 | copy - 4) · more literal length · literals · distance, 2 bytes · more copy length      the last one ends behind its literals
 *   a length of 15 in the token goes on in bytes of 255 each and one below */
#include "store/lz.h"

#include <string.h>

#define HASH_BITS 12
#define COPY_MIN 4
#define TAIL 8 /* the last bytes are literals, so that reading 4 ahead stays inside */

static uint32_t read4(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static uint32_t hash(uint32_t v) { return (v * 2654435761U) >> (32 - HASH_BITS); }

/* Bytes that a length takes beyond the token. */
static size_t more(size_t len) { return len < 15 ? 0 : 1 + (len - 15) / 255; }

static uint8_t *put_more(uint8_t *p, size_t len) {
    if (len < 15)
        return p;
    for (len -= 15; len >= 255; len -= 255)
        *p++ = 255;
    *p++ = (uint8_t)len;
    return p;
}

size_t lz_pack(const uint8_t *in, size_t n, uint8_t *out, size_t room) {
    uint16_t table[1 << HASH_BITS];
    uint8_t *o = out, *end = out + room;
    const uint8_t *p = in, *literals = in, *stop = n > TAIL ? in + n - TAIL : in;
    if (n > LZ_MAX)
        return 0;
    memset(table, 0, sizeof table);
    unsigned misses = 0;
    while (p < stop) {
        uint32_t v = read4(p), h = hash(v);
        const uint8_t *m = in + table[h];
        table[h] = (uint16_t)(p - in);
        if (m >= p || read4(m) != v) {
            p += 1 + (misses++ >> 6); /* faster and faster over what does not pack */
            continue;
        }
        misses = 0;
        const uint8_t *from = p;
        while (from > literals && m > in && from[-1] == m[-1]) {
            from--;
            m--;
        }
        const uint8_t *to = p + COPY_MIN, *q = m + (p - from) + COPY_MIN;
        while (to < stop && *to == *q) {
            to++;
            q++;
        }
        size_t nliterals = (size_t)(from - literals), copy = (size_t)(to - from) - COPY_MIN, distance = (size_t)(from - m);
        if ((size_t)(end - o) < 1 + more(nliterals) + nliterals + 2 + more(copy))
            return 0;
        *o++ = (uint8_t)((nliterals < 15 ? nliterals : 15) << 4 | (copy < 15 ? copy : 15));
        o = put_more(o, nliterals);
        memcpy(o, literals, nliterals);
        o += nliterals;
        *o++ = (uint8_t)distance;
        *o++ = (uint8_t)(distance >> 8);
        o = put_more(o, copy);
        p = literals = to;
        if (p < stop)
            table[hash(read4(p - 2))] = (uint16_t)(p - 2 - in);
    }
    size_t rest = (size_t)(in + n - literals);
    if ((size_t)(end - o) < 1 + more(rest) + rest)
        return 0;
    *o++ = (uint8_t)((rest < 15 ? rest : 15) << 4);
    o = put_more(o, rest);
    if (rest)
        memcpy(o, literals, rest);
    return (size_t)(o - out) + rest;
}

static int get_more(const uint8_t **p, const uint8_t *end, size_t *len) {
    uint8_t b;
    if (*len != 15)
        return 0;
    do {
        if (*p == end)
            return -1;
        b = *(*p)++;
        *len += b;
    } while (b == 255 && *len <= LZ_MAX);
    return *len <= LZ_MAX ? 0 : -1;
}

int lz_unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size) {
    const uint8_t *p = in, *end = in + n;
    uint8_t *o = out, *stop = out + size;
    for (;;) {
        if (p == end)
            return -1;
        unsigned token = *p++;
        size_t len = token >> 4;
        if (get_more(&p, end, &len) < 0 || len > (size_t)(end - p) || len > (size_t)(stop - o))
            return -1;
        if (len)
            memcpy(o, p, len);
        p += len;
        o += len;
        if (p == end)
            return o == stop ? 0 : -1;
        if (end - p < 2)
            return -1;
        size_t distance = (size_t)p[0] | (size_t)p[1] << 8;
        p += 2;
        len = token & 15;
        if (get_more(&p, end, &len) < 0)
            return -1;
        len += COPY_MIN;
        if (!distance || distance > (size_t)(o - out) || len > (size_t)(stop - o))
            return -1;
        const uint8_t *m = o - distance;
        if (distance >= len)
            memcpy(o, m, len);
        else
            for (size_t i = 0; i < len; i++) /* the copy may overlap itself: a run */
                o[i] = m[i];
        o += len;
    }
}
