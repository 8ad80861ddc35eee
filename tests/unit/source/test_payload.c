/* SPDX-License-Identifier: Apache-2.0
 * Bytes to values: every shape that devices send, and what no device should; the stamps; the memory's ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/source_int.h"

static struct arena arena;

static const char *read_bytes(const void *data, size_t len, enum source_payload how, struct cel_value *ret, struct payload *p) {
    static struct message msg;
    msg = (struct message){.topic = "t", .payload = data, .len = len};
    payload_init(p, &msg, &arena);
    *ret = cel_error(CEL_E_NONE, NULL);
    return payload_read(p, how, ret);
}

static struct cel_value good(const char *text, enum source_payload how) {
    struct cel_value v;
    struct payload p;
    assert_null(read_bytes(text, strlen(text), how, &v, &p));
    return v;
}

static void is_text(struct cel_value v, const char *want) {
    assert_int_equal(v.type, CEL_STRING);
    assert_int_equal(v.aux, strlen(want));
    assert_memory_equal(v.s, want, v.aux);
}

static void test_shapes(void **state) {
    (void)state;
    assert_int_equal(good("{\"a\":1}", SOURCE_AUTO).type, CEL_MAP);
    assert_int_equal(good(" [1,2]\n", SOURCE_AUTO).type, CEL_LIST);
    assert_int_equal(good("42", SOURCE_AUTO).type, CEL_INT);
    assert_int_equal(good("0.9", SOURCE_AUTO).type, CEL_DOUBLE);
    assert_int_equal(good("true", SOURCE_AUTO).type, CEL_BOOL);
    assert_int_equal(good("null", SOURCE_AUTO).type, CEL_NULL);
    assert_int_equal(good("", SOURCE_AUTO).type, CEL_NULL);
    assert_int_equal(good("", SOURCE_WORD).type, CEL_NULL);
    is_text(good("True", SOURCE_AUTO), "True");
    is_text(good("ON", SOURCE_AUTO), "ON");
    is_text(good("42", SOURCE_WORD), "42");
    is_text(good("{\"a\":", SOURCE_AUTO), "{\"a\":");
    is_text(good("<x/>", SOURCE_AUTO), "<x/>");
    is_text(good("离线", SOURCE_AUTO), "离线");
    is_text(good("\"离线\"", SOURCE_AUTO), "离线");
    struct cel_value v;
    struct payload p;
    assert_non_null(read_bytes("ON", 2, SOURCE_JSON, &v, &p));
    assert_non_null(read_bytes("{\"a\":1,}", 8, SOURCE_JSON, &v, &p));
    assert_null(read_bytes("\xFF\xFE", 2, SOURCE_NONE, &v, &p)); /* not looked at */
    assert_true(cel_is_unknown(v));
}

static void test_stray_bytes(void **state) {
    (void)state;
    struct cel_value v;
    struct payload p;
    assert_null(read_bytes("\0{\"sn\":\"a\"}", 11, SOURCE_JSON, &v, &p));
    assert_int_equal(v.type, CEL_MAP);
    assert_int_equal(p.cleaned, 1);
    assert_null(read_bytes("\xEF\xBB\xBF\0{}", 6, SOURCE_JSON, &v, &p));
    assert_int_equal(v.type, CEL_MAP);
    assert_int_equal(p.cleaned, 4);
    assert_null(read_bytes("\0\0", 2, SOURCE_AUTO, &v, &p));
    assert_int_equal(v.type, CEL_NULL);
}

static void test_not_utf8(void **state) {
    (void)state;
    struct cel_value v;
    struct payload p;
    const char *why = read_bytes("{\"n\":\"\xC1\xD9\"}", 10, SOURCE_AUTO, &v, &p);
    assert_non_null(why);
    assert_non_null(strstr(why, "byte 7"));
    assert_non_null(strstr(why, "0xC1"));
    why = read_bytes("abc\xE4\xB8", 5, SOURCE_WORD, &v, &p); /* cut in the middle of a character */
    assert_non_null(why);
    assert_non_null(strstr(why, "byte 4"));
    why = read_bytes("\0\xEF\xBF\xBD\xFF", 5, SOURCE_AUTO, &v, &p); /* U+FFFD itself is fine */
    assert_non_null(why);
    assert_non_null(strstr(why, "byte 5"));
    unsigned char jpeg[64] = {0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x10, 'J', 'F', 'I', 'F'};
    why = read_bytes(jpeg, sizeof jpeg, SOURCE_AUTO, &v, &p);
    assert_non_null(strstr(why, "byte 1"));
}

static void test_deep_and_large(void **state) {
    (void)state;
    struct cel_value v;
    struct payload p;
    char *deep = malloc(20000);
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    assert_non_null(read_bytes(deep, 20000, SOURCE_JSON, &v, &p));
    assert_null(read_bytes(deep, 20000, SOURCE_AUTO, &v, &p));
    assert_int_equal(v.type, CEL_STRING);
    memset(deep, '[', 20000); /* never closed */
    assert_non_null(read_bytes(deep, 20000, SOURCE_JSON, &v, &p));
    free(deep);
    size_t big = 10 << 20;
    char *text = malloc(big);
    memset(text, 'x', big);
    assert_null(read_bytes(text, big, SOURCE_AUTO, &v, &p));
    assert_int_equal(v.aux, big);
    free(text);
    /* an arena that cannot hold it says so */
    struct arena small;
    arena_init(&small, 4096, 64 << 10);
    text = malloc(1 << 20);
    memset(text, '1', 1 << 20);
    for (size_t i = 2; i < (1 << 20) - 2; i += 2)
        text[i] = ',';
    text[0] = '[';
    text[(1 << 20) - 1] = ']';
    struct message msg = {.topic = "t", .payload = text, .len = 1 << 20};
    payload_init(&p, &msg, &small);
    const char *why = payload_read(&p, SOURCE_JSON, &v);
    assert_non_null(why);
    assert_non_null(strstr(why, "memory"));
    arena_done(&small);
    free(text);
}

/* -- stamps --------------------------------------------------------------------------------------------------------------------- */

static void stamp_is(struct cel_value v, int64_t want) {
    struct err err = {0};
    struct zone *z = NULL;
    assert_int_equal(zone_open("Asia/Shanghai", &err, &z), 0);
    int64_t ms = -1;
    bool ok = stamp_read(v, z, &ms);
    zone_free(z);
    if (want == TIME_NONE) {
        assert_false(ok);
    } else {
        assert_true(ok);
        if (ms != want)
            print_error("%lld, not %lld\n", (long long)ms, (long long)want);
        assert_true(ms == want);
    }
}

static void test_stamps(void **state) {
    (void)state;
    int64_t t = INT64_C(1768046400000); /* 2026-01-10T12:00:00Z */
    stamp_is(cel_int(1768046400), t);
    stamp_is(cel_double(1768046400.25), t + 250);
    stamp_is(cel_double(1768046400.123456), t + 123);
    stamp_is(cel_int(1768046400123), t + 123);
    stamp_is(cel_int(INT64_C(1768046400123456)), t + 123);
    stamp_is(cel_int(INT64_C(1768046400123456789)), t + 123);
    stamp_is(cel_text("1768046400"), t);
    stamp_is(cel_text("1768046400.5"), t + 500);
    stamp_is(cel_text("1768046400123"), t + 123);
    stamp_is(cel_text("2026-01-10T12:00:00.123456789+00:00"), t + 123);
    stamp_is(cel_text("2026-01-10T20:00:00+08:00"), t);
    stamp_is(cel_text("2026-01-10T07:00:00.5-0500"), t + 500);
    stamp_is(cel_text("2026-01-10T20:00:00"), t);
    stamp_is(cel_text("2026-01-10 20:00:00"), t);
    stamp_is(cel_text(" 20260110 20:00:00 "), t);
    stamp_is(cel_time_ms(t), t);
    struct cel_value inner = cel_text("2026-01-10T12:00:00Z");
    stamp_is((struct cel_value){.type = CEL_OPTIONAL, .opt = &inner}, t);
    /* no times */
    stamp_is((struct cel_value){.type = CEL_OPTIONAL}, TIME_NONE);
    stamp_is(cel_int(0), TIME_NONE);
    stamp_is(cel_double(2.46), TIME_NONE); /* uptime */
    stamp_is(cel_int(-5), TIME_NONE);
    stamp_is(cel_double(1e247), TIME_NONE);
    stamp_is(cel_text("0"), TIME_NONE);
    stamp_is(cel_text(""), TIME_NONE);
    stamp_is(cel_text("invalid_timestamp"), TIME_NONE);
    stamp_is(cel_text("1970-01-01T00:00:00Z"), TIME_NONE);
    stamp_is(cel_text("2026-0110T20:00:00"), TIME_NONE);
    stamp_is(cel_text("2026-02-31 20:00:00"), TIME_NONE);
    stamp_is(cel_null(), TIME_NONE);
    stamp_is(cel_bool(true), TIME_NONE);
    stamp_is(cel_error(CEL_E_VALUE, "x"), TIME_NONE);
}

/* -- memory ----------------------------------------------------------------------------------------------------------------------- */

static void test_memory_bound(void **state) {
    (void)state;
    struct memory m;
    memory_init(&m, 100);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct memory_item *it = memory_touch(&m, i, 7, false, 2);
        assert_non_null(it);
        it->fields[0] = i;
        assert_non_null(memory_touch(&m, 1, 7, false, 2)); /* told all the time: never evicted */
        assert_non_null(memory_touch(&m, i << 32, 7, true, 0));
        assert_true(m.changes.count <= 100 && m.repeats.count <= 100);
    }
    assert_int_equal(m.evicted, 900 + 900);
    assert_null(memory_find(&m, 2));
    assert_non_null(memory_find(&m, 1000));
    assert_int_equal(memory_find(&m, 1)->fields[0], 1);
    assert_true(m.nslots <= 256); /* slots are used again */
    size_t chain = 0;
    for (const struct memory_item *it = m.changes.newest; it; it = it->older)
        chain++;
    assert_int_equal(chain, 100);
    /* What may be repeated goes, the oldest first. */
    for (struct memory_item *it = m.repeats.newest; it; it = it->older)
        it->until = 50;
    m.repeats.newest->until = 200;
    memory_expire(&m, 50);
    assert_int_equal(m.repeats.count, 1);
    /* The same hash for two things: the later one takes it. */
    assert_int_equal(memory_touch(&m, 1, 7, false, 3)->fields[0], 0);
    assert_true(memory_touch(&m, 1, 7, true, 0)->dedupe);
    assert_int_equal(m.changes.count, 99);
    memory_done(&m);
}

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 64 << 10, 0);
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    arena_done(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stray_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_utf8, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deep_and_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stamps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_bound, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
