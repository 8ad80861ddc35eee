/* SPDX-License-Identifier: Apache-2.0
 * The record: what each batch leaves in the journal behind its events. Riding on a page that is written anyway, it costs no page of its own: the clock, the journal's sums, and what the
 * broker has no PUBACK for yet, with the number of the record before that has acks, so that the last ones are found by a walk backwards.
 *
 *   1 · mono · wall · events · bytes · back · n · n × (packet id, zigzag to the one before; hash, 8 bytes little endian)      (· varints, mono and wall as zigzag) */
#include "store/store_int.h"

#define RECORD_FORMAT 1
#define VARINT_MAX 10

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
static int64_t unzigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

size_t store_record_size(size_t nacks) { return 1 + 6 * VARINT_MAX + nacks * (3 + 8); }

size_t store_record_write(uint8_t *out, const struct record *r, const struct store_ack *acks) {
    uint8_t *p = out;
    *p++ = RECORD_FORMAT;
    p = put_varint(p, zigzag(r->mono));
    p = put_varint(p, zigzag(r->wall));
    p = put_varint(p, (uint64_t)r->events);
    p = put_varint(p, (uint64_t)r->bytes);
    p = put_varint(p, (uint64_t)r->before);
    p = put_varint(p, r->nacks);
    int32_t mid = 0;
    for (size_t i = 0; i < r->nacks; i++) {
        p = put_varint(p, zigzag(acks[i].mid - mid)); /* at most 3 bytes */
        mid = acks[i].mid;
        for (int b = 0; b < 8; b++)
            *p++ = (uint8_t)(acks[i].hash >> (8 * b));
    }
    return (size_t)(p - out);
}

bool store_record_read(const uint8_t *data, size_t len, struct record *ret) {
    const uint8_t *p = data, *end = data + len;
    uint64_t mono, wall, events, bytes, before, nacks;
    if (!data || len < 1 || *p++ != RECORD_FORMAT || !get_varint(&p, end, &mono) || !get_varint(&p, end, &wall) || !get_varint(&p, end, &events) ||
        !get_varint(&p, end, &bytes) || !get_varint(&p, end, &before) || !get_varint(&p, end, &nacks))
        return false;
    if (events > INT64_MAX || bytes > INT64_MAX || before > INT64_MAX || nacks > (size_t)(end - p) / 9)
        return false;
    *ret = (struct record){.mono = unzigzag(mono),
                           .wall = unzigzag(wall),
                           .events = (int64_t)events,
                           .bytes = (int64_t)bytes,
                           .before = (int64_t)before,
                           .nacks = (size_t)nacks,
                           .acks = p,
                           .end = end};
    return true;
}

bool store_record_ack(struct record *r, struct store_ack *last, struct store_ack *ret) {
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
