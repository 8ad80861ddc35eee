/* SPDX-License-Identifier: Apache-2.0
 * UTF-8, columns, base64, nearest names, sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "gengfu/base/text.h"

static void utf8_every_code_point(void **state) {
    (void)state;
    for (uint32_t cp = 1; cp <= 0x10ffff; cp++) {
        if (cp == 0xd800)
            cp = 0xe000;
        char s[4];
        size_t n = utf8_put(cp, s), m;
        if (utf8_next(s, n, &m) != cp || m != n || !utf8_valid(s, n))
            fail_msg("U+%X", cp);
        for (size_t cut = 1; cut < n; cut++)
            if (utf8_valid(s, cut) || utf8_next(s, cut, &m) != 0xfffd || m != 1)
                fail_msg("U+%X cut at %zu", cp, cut);
    }
    char s[4];
    assert_int_equal(utf8_put(0xd800, s), 3);
    assert_memory_equal(s, "\xef\xbf\xbd", 3);
    assert_int_equal(utf8_put(0x110000, s), 3);
}

static void utf8_ill_formed(void **state) {
    (void)state;
    static const char *const wrong[] = {"\x80",
                                        "\xbf",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xe0\x80\x80",
                                        "\xe0\x9f\xbf",
                                        "\xed\xa0\x80",
                                        "\xed\xbf\xbf",
                                        "\xf0\x80\x80\x80",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xff",
                                        "\xfe",
                                        "abcdefgh\xff",
                                        "abcdefghi\xe7\x81",
                                        "\xe7灯"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (utf8_valid(wrong[i], strlen(wrong[i])))
            fail_msg("number %zu", i);
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("a\0b", 3));
    assert_true(utf8_valid("0123456789abcdef灯0123456789abcdef\xef\xbf\xbd", 38));
    assert_int_equal(utf8_count("a灯\xff😀", 9), 4);
    assert_int_equal(utf8_count("", 0), 0);
}

static void widths(void **state) {
    (void)state;
    static const struct {
        const char *s;
        size_t width;
    } cases[] = {
        {"", 0},   {"lamp", 4},          {"路灯不亮", 8}, {"e\xcc\x81", 1}, {"ｆｕｌｌ", 8}, {"半ｶﾅ", 4},
        {"😀", 2},  {"café", 4},          {"한글", 4},     {"a\tb", 2},      {"—…", 2},       {"。，", 4},
        {"㎡", 2}, {"👍\xef\xb8\x8f", 2}, {"\xff", 1},     {"𠀀", 2},        {"\xc2\xa0", 1}, {"\xe2\x80\x8b", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (text_width(cases[i].s, strlen(cases[i].s)) != cases[i].width)
            fail_msg("'%s': %zu", cases[i].s, text_width(cases[i].s, strlen(cases[i].s)));
}

static void columns(void **state) {
    (void)state;
    static const struct {
        const char *s;
        size_t width;
        const char *shown;
    } cases[] = {
        {"lamp", 6, "lamp  "},
        {"lamp", 4, "lamp"},
        {"lamps", 4, "lam…"},
        {"路灯", 6, "路灯  "},
        {"路灯不亮", 6, "路灯… "},
        {"路灯不亮", 5, "路灯…"},
        {"路灯", 1, "…"},
        {"路灯", 0, ""},
        {"", 3, "   "},
        {"\033[31mred", 8, "?[31mred"},
        {"a\nb\rc", 5, "a?b?c"},
        {"\xff!", 3, "\xef\xbf\xbd! "},
        {"\xc2\x9b"
         "31m",
         4, "?31m"},
        {"\xe2\x80\xae"
         "txt",
         4, "?txt"},
        {"x", 1, "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;
        buf_init(&b, 0);
        text_column(&b, cases[i].s, cases[i].width);
        assert_string_equal(b.data, cases[i].shown);
        assert_int_equal(text_width(b.data, b.len), cases[i].width);
        buf_done(&b);
    }
    struct buf b;
    buf_init(&b, 0);
    text_clean(&b, "a\0\x1b灯\x7f", 7);
    assert_string_equal(b.data, "a??灯?");
    buf_done(&b);
}

static void base64(void **state) {
    (void)state;
    static const struct {
        const char *plain, *coded;
    } cases[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    struct arena a;
    arena_init(&a, 1024, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;
        size_t len = 99;
        buf_init(&b, 0);
        base64_encode(&b, cases[i].plain, strlen(cases[i].plain));
        assert_string_equal(b.data, cases[i].coded);
        const char *back = base64_decode(&a, b.data, b.len, &len);
        assert_int_equal(len, strlen(cases[i].plain));
        assert_memory_equal(back, cases[i].plain, len);
        size_t bare = strcspn(cases[i].coded, "=");
        back = base64_decode(&a, cases[i].coded, bare, &len);
        assert_non_null(back);
        assert_int_equal(len, strlen(cases[i].plain));
        buf_done(&b);
    }
    static const char *const wrong[] = {"Z", "Zg=", "=", "==", "====", "Zg==Zg==", "Zm9v!", "Zm 9v", "Zm9v\n", "Zm-_", "Z===", "Zm9vY"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t len = 99;
        if (base64_decode(&a, wrong[i], strlen(wrong[i]), &len))
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(len, 99);
    }
    unsigned char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    for (size_t n = 0; n <= 256; n++) {
        struct buf b;
        size_t len;
        buf_init(&b, 0);
        base64_encode(&b, all, n);
        const void *back = base64_decode(&a, b.data, b.len, &len);
        assert_int_equal(len, n);
        assert_memory_equal(back, all, n);
        buf_done(&b);
    }
    arena_done(&a);
    arena_init(&a, 64, 16);
    size_t len;
    assert_null(base64_decode(&a, "Zm9vYmFyZm9vYmFyZm9vYmFy", 24, &len));
    arena_done(&a);
}

static void nearest(void **state) {
    (void)state;
    static const char *const names[] = {"temperature", "power_w", NULL, "commanded", "on", "battery", "state", "x"};
    static const struct {
        const char *typed, *meant;
    } cases[] = {
        {"temprature", "temperature"},
        {"tempearture", "temperature"},
        {"power", "power_w"},
        {"powerw", "power_w"},
        {"POWER_W", "power_w"},
        {"comanded", "commanded"},
        {"stat", "state"},
        {"satte", "state"},
        {"On", "on"},
        {"zzz", NULL},
        {"", NULL},
        {"y", NULL},
        {"humidity", NULL},
        {"of", "on"},
        {"q", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = text_nearest(cases[i].typed, names, sizeof names / sizeof names[0]);
        if (!got != !cases[i].meant || (got && strcmp(got, cases[i].meant) != 0))
            fail_msg("%s: %s", cases[i].typed, got ? got : "nothing");
    }
    char long_name[300];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    const char *const one[] = {long_name};
    assert_ptr_equal(text_nearest(long_name, one, 1), long_name);
    long_name[3] = 'b';
    assert_null(text_nearest(long_name, names, 8));
    assert_null(text_nearest("x", NULL, 0));
}

static void sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0},       {"512", 512},     {"512B", 512},      {"64KB", 65536},      {"64kb", 65536},
                {"64K", 65536}, {"64KiB", 65536}, {"10MB", 10485760}, {"1 GB", 1073741824}, {"2TB", INT64_C(2199023255552)}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t v = -1;
        assert_int_equal(size_parse(good[i].text, strlen(good[i].text), &v, NULL), 0);
        assert_true(v == good[i].bytes);
    }
    static const char *const wrong[] = {"", "KB", "-1", "1.5MB", "10XB", "10MBs", "10M B", " 10", "1KKB", "B"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t v = 3;
        struct err err = {0};
        if (size_parse(wrong[i], strlen(wrong[i]), &v, &err) != GF_EINVAL || v != 3 || !err.text[0])
            fail_msg("'%s'", wrong[i]);
    }
    int64_t v;
    assert_int_equal(size_parse("9223372036854775808", 19, &v, NULL), GF_ELIMIT);
    assert_int_equal(size_parse("9007199254740992KB", 18, &v, NULL), GF_ELIMIT);
    char out[32];
    assert_string_equal(size_format(0, out), "0 B");
    assert_string_equal(size_format(1023, out), "1023 B");
    assert_string_equal(size_format(1024, out), "1.0 KB");
    assert_string_equal(size_format(1468006, out), "1.4 MB");
    assert_string_equal(size_format(1048575, out), "1.0 MB");
    assert_string_equal(size_format(INT64_MAX, out), "8.0 EB");
    assert_string_equal(size_format(-2048, out), "-2.0 KB");
    assert_string_equal(size_format(INT64_MIN, out), "-8.0 EB");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_every_code_point),
        cmocka_unit_test(utf8_ill_formed),
        cmocka_unit_test(widths),
        cmocka_unit_test(columns),
        cmocka_unit_test(base64),
        cmocka_unit_test(nearest),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
