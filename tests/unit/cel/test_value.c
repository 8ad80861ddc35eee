/* SPDX-License-Identifier: Apache-2.0
 * Values: JSON in place, copies, equality, text and JSON of every type. */
#include <math.h>

#include "cel_fixture.h"

static const char *as_json(struct fx *f, const char *text) {
    struct cel_value v = fx_value(f, text);
    buf_clear(&f->text);
    cel_write_json(&f->text, v);
    return f->text.data;
}

static void as_json_and_as_text(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    static const char *const table[][3] = {
        {"null", "null", "null"},
        {"true", "true", "true"},
        {"-5", "-5", "-5"},
        {"18446744073709551615u", "18446744073709551615", "18446744073709551615u"},
        {"9007199254740993", "9007199254740993", "9007199254740993"},
        {"2.5", "2.5", "2.5"},
        {"2.0", "2", "2.0"},
        {"1e300", "1e+300", "1e+300"},
        {"0.0 / 0.0", "null", "double('NaN')"},
        {"-1.0 / 0.0", "null", "double('-Infinity')"},
        {"'a\"\\n\\u0001灯'", "\"a\\\"\\n\\u0001灯\"", "'a\"\\n\\x01灯'"},
        {"b'a\\xff'", "\"Yf8=\"", "b'a\\xff'"},
        {"[1, 'a', [true]]", "[1,\"a\",[true]]", "[1, 'a', [true]]"},
        {"{'a': 1, 2: null, true: 3u}", "{\"a\":1,\"2\":null,\"true\":3}", "{'a': 1, 2: null, true: 3u}"},
        {"timestamp('2026-01-05T20:00:00.5+08:00')", "\"2026-01-05T12:00:00.5Z\"", "timestamp('2026-01-05T12:00:00.5Z')"},
        {"duration('-1h0.25s')", "\"-3600.25s\"", "duration('-3600.25s')"},
        {"type(duration('1s'))", "\"google.protobuf.Duration\"", "google.protobuf.Duration"},
        {"optional.of(1)", "1", "optional.of(1)"},
        {"optional.none()", "null", "optional.none()"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (strcmp(as_json(&f, table[i][0]), table[i][1]))
            fail_msg("%s is %s in JSON", table[i][0], f.text.data);
        if (strcmp(fx_text(&f, table[i][0]), table[i][2]))
            fail_msg("%s is %s in text", table[i][0], f.text.data);
    }
    fx_done(&f);
}

static void json_is_read_in_place(void **state) {
    (void)state;
    struct fx f;
    struct cel_value v, k;
    size_t it = 0, n = 0;
    fx_init(&f);
    fx_payload(&f, "{\"a\": 1, \"l\": [1, \"x\", null], \"o\": {\"a\": true}}");
    struct cel_value p = f.vars[PAYLOAD];
    assert_int_equal(cel_size(p), 3);
    assert_true(cel_map_get(p, "l", 1, &v));
    assert_int_equal(cel_size(v), 3);
    assert_true(cel_list_at(v, 1, &k));
    assert_string_equal(k.s, "x");
    assert_false(cel_list_at(v, 3, &k));
    assert_false(cel_map_get(p, "A", 1, &v)); /* names keep their case */
    assert_false(cel_map_get(p, "ab", 2, &v));
    while (cel_map_next(p, &it, &k, &v))
        n++;
    assert_int_equal(n, 3);
    it = 0;
    n = 0;
    while (cel_map_next(f.vars[EVENT], &it, &k, &v))
        n++;
    assert_int_equal(n, 3);
    assert_int_equal(cel_json(NULL).type, CEL_NULL);
    fx_done(&f);
}

static void copies_stand_on_their_own(void **state) {
    (void)state;
    struct fx f;
    struct arena keep;
    fx_init(&f);
    arena_init(&keep, 256, 0);
    fx_payload(&f, "{\"a\": [1, {\"b\": \"text\"}], \"c\": null}");
    struct cel_value copy = cel_copy(&keep, f.vars[PAYLOAD]), event = cel_copy(&keep, f.vars[EVENT]);
    assert_true(cel_equal(copy, f.vars[PAYLOAD]));
    assert_true(cel_equal(event, f.vars[EVENT]));
    assert_int_equal(copy.form, CEL_FORM_NATIVE);
    arena_done(&f.arena); /* what was copied may go */
    arena_init(&f.arena, 4096, 0);
    buf_clear(&f.text);
    cel_write_json(&f.text, copy);
    assert_string_equal(f.text.data, "{\"a\":[1,{\"b\":\"text\"}],\"c\":null}");
    arena_done(&keep);
    arena_init(&keep, 64, 128);
    copy = cel_copy(
        &keep,
        cel_text(
            "a text that is longer than the hundred and twenty-eight bytes of the arena that it is to be copied to, which therefore cannot hold it"));
    assert_int_equal(copy.code, CEL_E_MEMORY);
    arena_done(&keep);
    fx_done(&f);
}

static void equality_and_conversions(void **state) {
    (void)state;
    int64_t ms;
    double d;
    assert_true(cel_equal(cel_int(1), cel_double(1)));
    assert_true(cel_equal(cel_uint(1), cel_int(1)));
    assert_false(cel_equal(cel_uint(UINT64_MAX), cel_int(-1)));
    assert_false(cel_equal(cel_double(NAN), cel_double(NAN)));
    assert_false(cel_equal(cel_text("1"), cel_int(1)));
    assert_false(cel_equal(cel_null(), cel_bool(false)));
    assert_true(cel_equal(cel_time_ms(-1), cel_time_ms(-1)));
    assert_true(cel_as_time_ms(cel_time_ms(-1), &ms) && ms == -1);
    assert_true(cel_as_duration_ms(cel_duration_ms(-1500), &ms) && ms == -1500);
    assert_false(cel_as_duration_ms(cel_int(1), &ms));
    assert_true(cel_as_double(cel_uint(3), &d) && d == 3);
    assert_int_equal(cel_time_ms(INT64_MAX).type, CEL_ERROR);
    assert_int_equal(cel_duration_ms(INT64_MAX).type, CEL_ERROR);
    assert_string_equal(cel_type_name(cel_duration_ms(1)), "google.protobuf.Duration");
    assert_int_equal(cel_size(cel_text("灯x")), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_json_and_as_text),
        cmocka_unit_test(json_is_read_in_place),
        cmocka_unit_test(copies_stand_on_their_own),
        cmocka_unit_test(equality_and_conversions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
