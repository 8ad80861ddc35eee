/* SPDX-License-Identifier: Apache-2.0
 * Chunks and the packer: what goes in comes out; what is damaged is refused. */
#include "store_fx.h"

#include <stdlib.h>
#include <string.h>

#include "store/chunk.h"
#include "store/lz.h"

static unsigned seed = 1;
static unsigned any(unsigned n) {
    seed = seed * 1103515245U + 12345U;
    return (seed >> 12) % n;
}

static void roundtrip(const uint8_t *in, size_t n) {
    size_t room = n + n / 200 + 32;
    uint8_t *packed = malloc(room), *out = malloc(n + 1);
    assert_non_null(packed);
    assert_non_null(out);
    size_t len = lz_pack(in, n, packed, room);
    assert_true(len > 0);
    out[n] = 0xee;
    assert_int_equal(lz_unpack(packed, len, out, n), 0);
    assert_int_equal(out[n], 0xee);
    assert_memory_equal(out, in, n);
    assert_int_equal(lz_unpack(packed, len, out, n - 1), -1);
    assert_int_equal(lz_unpack(packed, len - 1, out, n), -1);
    packed[len - 1] = 0xee;
    assert_int_equal(lz_pack(in, n, packed, len - 1), 0); /* the whole or nothing, and never beyond the room */
    assert_int_equal(packed[len - 1], 0xee);
    free(packed);
    free(out);
}

static void packing(void **state) {
    static uint8_t in[LZ_MAX + 1];
    (void)state;
    for (size_t n = 1; n < 300; n++) {
        memset(in, 'x', n);
        roundtrip(in, n);
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)any(256);
        roundtrip(in, n);
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)any(2);
        roundtrip(in, n);
    }
    for (int k = 0; k < 60; k++) {
        size_t n = k < 4 ? LZ_MAX - (size_t)k : 1 + any(LZ_MAX - 1);
        unsigned alphabet = 1 + any(k % 3 ? 8 : 256);
        for (size_t i = 0; i < n; i++)
            in[i] = i > 40 && any(20) ? in[i - 1 - any(40)] : (uint8_t)any(alphabet);
        roundtrip(in, n);
    }
    uint8_t out[16];
    assert_int_equal(lz_pack(in, 0, out, sizeof out), 0);
    assert_int_equal(lz_pack(in, LZ_MAX + 1, out, sizeof out), 0);
    assert_int_equal(lz_unpack(out, 0, out, 0), -1);
}

static void unpacking_noise(void **state) {
    uint8_t in[64], out[128];
    (void)state;
    for (int k = 0; k < 200000; k++) {
        size_t n = any(sizeof in), size = any(sizeof out);
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)(any(4) ? any(256) : any(3) ? 0xff : 0);
        (void)!lz_unpack(in, n, out, size);
    }
}

static void chunks(void **state) {
    struct chunk_writer w = {0};
    struct chunk_buf plain = {0};
    static char body[3000];
    static struct effect_event events[500];
    static struct store_ack acks[300];
    (void)state;
    memset(body, 'b', sizeof body);
    for (int k = 0; k < 300; k++) {
        size_t n = k == 0 ? 0 : any(500), nacks = any(3) ? any(300) : 0, done = 0;
        int64_t earliest = T0 - (int64_t)any(1000);
        for (size_t i = 0; i < n; i++)
            events[i] = (struct effect_event){.arrived = earliest + any(100000),
                                              .time = any(50) ? T0 : INT64_MIN + 5,
                                              .body = body,
                                              .len = any(any(10) ? 300 : 3000)};
        for (size_t i = 0; i < nacks; i++)
            acks[i] = (struct store_ack){.mid = (uint16_t)any(65536), .hash = (uint64_t)any(1 << 20) << 40 | any(1 << 20)};
        struct record r = {.mono = -5, .wall = T0, .bytes = 1 << 30, .before = 77, .nacks = nacks};
        do {
            struct chunk c;
            struct chunk_event e;
            int taken = chunk_write(&w, events + done, n - done, earliest, (int64_t)done, &r, acks);
            assert_true(taken >= 0);
            assert_int_equal(chunk_read(&c, &plain, w.out.data, w.out.len, earliest), 0);
            assert_int_equal(c.base, done);
            assert_int_equal(c.has_record, done + (size_t)taken == n);
            if (c.has_record) {
                struct store_ack last = {0}, a;
                assert_int_equal(c.record.mono, -5);
                assert_int_equal(c.record.wall, T0);
                assert_int_equal(c.record.bytes, 1 << 30);
                assert_int_equal(c.record.before, 77);
                for (size_t i = 0; i < nacks; i++) {
                    assert_true(record_ack(&c.record, &last, &a));
                    assert_int_equal(a.mid, acks[i].mid);
                    assert_int_equal(a.hash, acks[i].hash);
                }
                assert_false(record_ack(&c.record, &last, &a));
            }
            for (int i = 0; i < taken; i++, done++) {
                assert_int_equal(chunk_next(&c, &e), 1);
                assert_int_equal(e.arrived, events[done].arrived);
                assert_int_equal(e.time, events[done].time);
                assert_int_equal(e.len, events[done].len);
                assert_memory_equal(e.body, body, e.len);
                assert_int_equal(e.body[e.len], 0);
            }
            assert_int_equal(chunk_next(&c, &e), 0);
        } while (done < n);
    }
    chunk_writer_done(&w);
    chunk_buf_done(&plain);
}

/* Cut at any byte, and with any byte changed: refused, or read within bounds (the sanitizers watch). */
static void damaged_chunks(void **state) {
    struct chunk_writer w = {0};
    struct chunk_buf plain = {0};
    struct effect_event events[6];
    struct store_ack acks[2] = {{1, 2}, {3, 4}};
    struct chunk none;
    (void)state;
    assert_int_equal(chunk_read(&none, &plain, NULL, 0, T0), GF_ECORRUPT); /* what SQLite hands out for an empty blob */
    for (int packed = 0; packed < 2; packed++) {
        for (int i = 0; i < 6; i++)
            events[i] = (struct effect_event){.arrived = T0 + i,
                                              .time = T0,
                                              .body = "{\"k\":\"lamp\",\"d\":\"lamp-1\",\"t\":1,\"f\":{\"on\":true}}",
                                              .len = packed ? 47 : 5};
        struct record r = {.mono = 5, .wall = T0, .bytes = 9, .nacks = 2};
        assert_int_equal(chunk_write(&w, events, 6, T0, 3, &r, acks), 6);
        assert_int_equal(w.out.data[0], 1 + packed);
        for (size_t cut = 0; cut < w.out.len; cut++)
            for (int bit = 0; bit < 9; bit++) {
                struct chunk c;
                struct chunk_event e;
                struct store_ack last = {0}, a;
                size_t len = bit == 8 ? cut : w.out.len;
                uint8_t *copy = malloc(len ? len : 1); /* of its own size, so that one byte too far is seen */
                assert_non_null(copy);
                memcpy(copy, w.out.data, len);
                if (bit < 8)
                    copy[cut] ^= (uint8_t)(1 << bit);
                int rc = chunk_read(&c, &plain, copy, len, T0);
                assert_true(rc == 0 || rc == GF_ECORRUPT);
                while (rc == 0 && c.has_record && record_ack(&c.record, &last, &a))
                    continue;
                while (rc >= 0 && (rc = chunk_next(&c, &e)) > 0)
                    assert_true(strlen(e.body) <= e.len);
                free(copy);
            }
    }
    chunk_writer_done(&w);
    chunk_buf_done(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing),
        cmocka_unit_test(unpacking_noise),
        cmocka_unit_test(chunks),
        cmocka_unit_test(damaged_chunks),
    };
    return cmocka_run_group_tests_name("store chunk", tests, NULL, NULL);
}
