/* SPDX-License-Identifier: Apache-2.0
 * Writing and reading chunks. The record rides on pages that are written anyway: the clock and the broker's acks cost no page of their own. Leans on lz.c. */
#include "store/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "store/lz.h"

#define FORMAT_PLAIN 1
#define FORMAT_PACKED 2
#define VARINT_MAX 10
#define HEAD_MAX (1 + 3 * VARINT_MAX)
#define PACK_MIN 64 /* bytes of events below which it is not tried */

static int reserve(struct chunk_buf *b, size_t need) {
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : 4096;
    while (cap < need)
        cap *= 2;
    uint8_t *more = realloc(b->data, cap);
    if (!more)
        return GF_ENOMEM;
    b->data = more;
    b->cap = cap;
    return 0;
}

void chunk_buf_done(struct chunk_buf *b) {
    free(b->data);
    *b = (struct chunk_buf){0};
}

int chunk_buf_set(struct chunk_buf *b, const void *data, size_t len) {
    if (reserve(b, len ? len : 1) < 0)
        return GF_ENOMEM;
    if (len)
        memcpy(b->data, data, len);
    b->len = len;
    return 0;
}

void chunk_writer_done(struct chunk_writer *w) {
    chunk_buf_done(&w->plain);
    chunk_buf_done(&w->packed);
    chunk_buf_done(&w->out);
}

/* -- numbers -------------------------------------------------------------------------------------------------------------------- */

static uint8_t *put_varint(uint8_t *p, uint64_t v) {
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static bool get_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret) {
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t b = *(*p)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static uint64_t zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0); }
static int64_t unzigzag(uint64_t v) { return (int64_t)((v >> 1) ^ (0 - (v & 1))); }

/* -- writing -------------------------------------------------------------------------------------------------------------------- */

static int write_events(struct chunk_writer *w, const struct effect_event *events, size_t n, int64_t earliest) {
    struct chunk_buf *b = &w->plain;
    size_t i = 0;
    b->len = 0;
    for (; i < n; i++) {
        const struct effect_event *e = &events[i];
        size_t len = e->body ? e->len : 0;
        if (i && b->len + len > CHUNK_BYTES)
            break;
        if (reserve(b, b->len + 3 * VARINT_MAX + len + 1) < 0)
            return GF_ENOMEM;
        uint8_t *p = b->data + b->len;
        p = put_varint(p, (uint64_t)e->arrived - (uint64_t)earliest);
        p = put_varint(p, zigzag((int64_t)((uint64_t)e->arrived - (uint64_t)e->time)));
        p = put_varint(p, len);
        if (len)
            memcpy(p, e->body, len);
        p[len] = 0;
        b->len = (size_t)(p - b->data) + len + 1;
    }
    return (int)i;
}

static size_t record_size(size_t nacks) { return 5 * VARINT_MAX + nacks * (3 + 8); }

static uint8_t *write_record(uint8_t *p, const struct record *r, const struct store_ack *acks) {
    int32_t mid = 0;
    p = put_varint(p, zigzag(r->mono));
    p = put_varint(p, zigzag(r->wall));
    p = put_varint(p, (uint64_t)r->bytes);
    p = put_varint(p, (uint64_t)r->before);
    p = put_varint(p, r->nacks);
    for (size_t i = 0; i < r->nacks; i++) {
        p = put_varint(p, zigzag(acks[i].mid - mid)); /* at most 3 bytes */
        mid = acks[i].mid;
        for (int b = 0; b < 8; b++)
            *p++ = (uint8_t)(acks[i].hash >> (8 * b));
    }
    return p;
}

int chunk_write(struct chunk_writer *w, const struct effect_event *events, size_t n, int64_t earliest, int64_t base,
                const struct record *record, const struct store_ack *acks) {
    int taken = write_events(w, events, n, earliest);
    if (taken < 0)
        return taken;
    bool last = (size_t)taken == n;
    size_t room = last ? record_size(record->nacks) : 0, nrecord = 0;
    if (reserve(&w->out, HEAD_MAX + room + VARINT_MAX + w->plain.len) < 0 || reserve(&w->packed, room + w->plain.len + 1) < 0)
        return GF_ENOMEM;
    if (last) /* its length stands before it, so it is made aside first */
        nrecord = (size_t)(write_record(w->packed.data, record, acks) - w->packed.data);
    uint8_t *p = w->out.data;
    *p++ = FORMAT_PLAIN;
    p = put_varint(p, (uint64_t)base);
    p = put_varint(p, nrecord);
    if (nrecord)
        memcpy(p, w->packed.data, nrecord);
    p += nrecord;
    size_t npacked = w->plain.len >= PACK_MIN ? lz_pack(w->plain.data, w->plain.len, w->packed.data, w->plain.len - w->plain.len / 16) : 0;
    if (npacked) {
        w->out.data[0] = FORMAT_PACKED;
        p = put_varint(p, w->plain.len);
        memcpy(p, w->packed.data, npacked);
        p += npacked;
    } else if (w->plain.len) {
        memcpy(p, w->plain.data, w->plain.len);
        p += w->plain.len;
    }
    w->out.len = (size_t)(p - w->out.data);
    return taken;
}

/* -- reading -------------------------------------------------------------------------------------------------------------------- */

static bool read_record(const uint8_t *p, const uint8_t *end, struct record *ret) {
    uint64_t mono, wall, bytes, before, nacks;
    if (!get_varint(&p, end, &mono) || !get_varint(&p, end, &wall) || !get_varint(&p, end, &bytes) || !get_varint(&p, end, &before) ||
        !get_varint(&p, end, &nacks))
        return false;
    if (bytes > INT64_MAX / 2 || before > INT64_MAX || nacks > (size_t)(end - p) / 9)
        return false;
    *ret = (struct record){.mono = unzigzag(mono),
                           .wall = unzigzag(wall),
                           .bytes = (int64_t)bytes,
                           .before = (int64_t)before,
                           .nacks = (size_t)nacks,
                           .acks = p,
                           .end = end};
    return true;
}

int chunk_read(struct chunk *c, struct chunk_buf *plain, const void *data, size_t len, int64_t earliest) {
    const uint8_t *p = data;
    uint64_t base, nrecord, size;
    if (!len || (*p != FORMAT_PLAIN && *p != FORMAT_PACKED)) /* of an empty blob there is not even the address */
        return GF_ECORRUPT;
    const uint8_t *end = p + len;
    bool packed = *p++ == FORMAT_PACKED;
    if (!get_varint(&p, end, &base) || base > INT64_MAX / 2 || !get_varint(&p, end, &nrecord) || nrecord > (size_t)(end - p))
        return GF_ECORRUPT;
    struct chunk made = {.base = (int64_t)base, .has_record = nrecord > 0, .earliest = earliest};
    if (nrecord && !read_record(p, p + nrecord, &made.record))
        return GF_ECORRUPT;
    p += nrecord;
    if (packed) {
        if (!get_varint(&p, end, &size) || size > LZ_MAX)
            return GF_ECORRUPT;
        if (reserve(plain, size ? size : 1) < 0)
            return GF_ENOMEM;
        if (lz_unpack(p, (size_t)(end - p), plain->data, size) < 0)
            return GF_ECORRUPT;
        p = plain->data;
        end = p + size;
    }
    made.p = p;
    made.end = end;
    *c = made;
    return 0;
}

int chunk_next(struct chunk *c, struct chunk_event *ret) {
    uint64_t after, lag, len;
    if (c->p == c->end)
        return 0;
    if (!get_varint(&c->p, c->end, &after) || !get_varint(&c->p, c->end, &lag) || !get_varint(&c->p, c->end, &len) ||
        len >= (size_t)(c->end - c->p) || c->p[len] != 0)
        return GF_ECORRUPT;
    ret->arrived = (int64_t)((uint64_t)c->earliest + after);
    ret->time = (int64_t)((uint64_t)ret->arrived - (uint64_t)unzigzag(lag));
    ret->body = (const char *)c->p;
    ret->len = (size_t)len;
    c->p += len + 1;
    return 1;
}

bool record_ack(struct record *r, struct store_ack *last, struct store_ack *ret) {
    uint64_t step;
    if (!r->nacks || !get_varint(&r->acks, r->end, &step) || r->end - r->acks < 8)
        return false;
    struct store_ack a = {.mid = (uint16_t)((uint64_t)unzigzag(step) + last->mid)};
    for (int b = 0; b < 8; b++)
        a.hash |= (uint64_t)*r->acks++ << (8 * b);
    r->nacks--;
    *last = *ret = a;
    return true;
}
