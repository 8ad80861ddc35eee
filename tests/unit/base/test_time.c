/* SPDX-License-Identifier: Apache-2.0
 * Civil time, RFC 3339, spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/time.h"

static void civil_round_trip(void **state) {
    (void)state;
    int64_t expect = -377705116800; /* -9999-01-01 */
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int year = -9999; year <= 9999; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int yearday = 0;
        for (int month = 1; month <= 12; month++) {
            int days = lengths[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= days; day += day < 28 ? 9 : 1) {
                struct civil c = {.year = year, .month = month, .day = day, .hour = 23, .minute = 59, .second = 59}, back;
                int64_t s;
                assert_int_equal(civil_to(&c, &s), 0);
                assert_true(s == expect + (yearday + day) * INT64_C(86400) - 1);
                civil_from(s, &back);
                if (back.year != year || back.month != month || back.day != day || back.yearday != yearday + day - 1 || back.second != 59)
                    fail_msg("%d-%d-%d", year, month, day);
            }
            struct civil over = {.year = year, .month = month, .day = days + 1};
            int64_t s = 42;
            assert_int_equal(civil_to(&over, &s), GF_EINVAL);
            assert_int_equal(s, 42);
            yearday += days;
        }
        expect += yearday * INT64_C(86400);
    }
}

static void civil_known_days(void **state) {
    (void)state;
    struct civil c;
    civil_from(0, &c);
    assert_int_equal(c.year, 1970);
    assert_int_equal(c.weekday, 4); /* a Thursday */
    civil_from(-1, &c);
    assert_int_equal(c.year, 1969);
    assert_int_equal(c.second, 59);
    assert_int_equal(c.weekday, 3);
    civil_from(1767628800, &c); /* 2026-01-05T16:00:00Z, a Monday */
    assert_int_equal(c.weekday, 1);
    assert_int_equal(c.hour, 16);
    assert_int_equal(c.yearday, 4);
    civil_from(INT64_MAX, &c);
    assert_int_equal(c.year, 9999);
    civil_from(INT64_MIN, &c);
    assert_int_equal(c.year, -9999);
    static const struct civil wrong[] = {
        {.year = 10000, .month = 1, .day = 1},
        {.year = 2026, .month = 0, .day = 1},
        {.year = 2026, .month = 13, .day = 1},
        {.year = 2026, .month = 1, .day = 0},
        {.year = 2026, .month = 1, .day = 1, .hour = 24},
        {.year = 2026, .month = 1, .day = 1, .minute = 60},
        {.year = 2026, .month = 1, .day = 1, .second = 60},
        {.year = 2026, .month = 1, .day = 1, .hour = -1},
    };
    int64_t s;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(civil_to(&wrong[i], &s), GF_EINVAL);
}

static void rfc3339(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        int nanos;
        bool zoned;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0, 0, true},
        {"2026-01-05T20:00:00+08:00", 1767614400, 0, true},
        {"2026-01-05t20:00:00.5+0800", 1767614400, 500000000, true},
        {"2026-01-05 12:00:00z", 1767614400, 0, true},
        {"2026-01-05T12:00:00", 1767614400, 0, false},
        {"2026-01-05 12:00:00.123456789", 1767614400, 123456789, false},
        {"2026-01-05T12:00:00.1234567899Z", 1767614400, 123456789, true}, /* the tenth is cut, not rounded */
        {"1969-12-31T23:59:59.999-00:00", -1, 999000000, true},
        {"2016-12-31T23:59:60Z", 1483228800, 0, true},
        {"0000-01-01T00:00:00Z", -62167219200, 0, true},
        {"9999-12-31T23:59:59-23:59", 253402300799 + 86340, 0, true},
        {"2024-02-29T00:00:00Z", 1709164800, 0, true},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t s;
        int n;
        bool z = !good[i].zoned;
        if (time_parse(good[i].text, strlen(good[i].text), false, &s, &n, &z))
            fail_msg("%s", good[i].text);
        if (s != good[i].seconds || n != good[i].nanos || z != good[i].zoned)
            fail_msg("%s: %lld %d", good[i].text, (long long)s, n);
        assert_int_equal(time_parse(good[i].text, strlen(good[i].text), true, &s, &n, NULL), good[i].zoned ? 0 : GF_EINVAL);
    }
    static const char *const wrong[] = {
        "",
        "2026",
        "2026-01-05",
        "2026-01-05T12:00Z",
        "2026-1-05T12:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-05T24:00:00Z",
        "2026-01-05T12:60:00Z",
        "2026-01-05T12:00:61Z",
        "2026-01-05T12:00:60Z",
        "2026-01-05T12:00:00.Z",
        "2026-01-05T12:00:00+8",
        "2026-01-05T12:00:00+08",
        "2026-01-05T12:00:00+24:00",
        "2026-01-05T12:00:00+08:60",
        "2026-01-05T12:00:00ZZ",
        "2026-01-05T12:00:00Z ",
        " 2026-01-05T12:00:00Z",
        "2026-01-05T12:00:00,5Z",
        "2026-01-05X12:00:00Z",
        "-2026-01-05T12:00:00Z",
        "2026-01-05T12:00:00 +08:00",
        "2026-01-05T12:00:00+08:0",
        "2026/01/05 12:00:00Z",
        "+026-01-05T12:00:00Z",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t s = 5;
        int n = 6;
        bool z = true;
        if (time_parse(wrong[i], strlen(wrong[i]), false, &s, &n, &z) != GF_EINVAL)
            fail_msg("'%s' was taken", wrong[i]);
        assert_true(s == 5 && n == 6 && z);
    }
}

static void every_prefix_is_harmless(void **state) {
    (void)state;
    const char *text = "2026-01-05T20:00:00.123456789+08:00";
    for (size_t len = 0; len <= strlen(text); len++) {
        char *exact = malloc(len + 1); /* a read past the end is seen by the sanitizers */
        assert_non_null(exact);
        char *end = realloc(exact, len ? len : 1);
        assert_non_null(end);
        memcpy(end, text, len);
        int64_t s;
        int n;
        bool z;
        (void)!time_parse(end, len, false, &s, &n, &z);
        free(end);
    }
}

static void formatting(void **state) {
    (void)state;
    char out[TIME_TEXT_MAX];
    assert_string_equal(time_format(1767614400000, 8 * 3600, out), "2026-01-05T20:00:00+08:00");
    assert_string_equal(time_format(1767614400123, 0, out), "2026-01-05T12:00:00.123Z");
    assert_string_equal(time_format(1767614400007, -9000, out), "2026-01-05T09:30:00.007-02:30");
    assert_string_equal(time_format(-1, 0, out), "1969-12-31T23:59:59.999Z");
    assert_string_equal(time_format(0, 29143, out), "1970-01-01T08:05:00+08:05"); /* true to the minute it shows */
    assert_true(strlen(time_format(INT64_MAX, 86340, out)) < TIME_TEXT_MAX);
    assert_true(strlen(time_format(INT64_MIN, -86340, out)) < TIME_TEXT_MAX);
    assert_true(strlen(time_format(0, INT32_MAX, out)) < TIME_TEXT_MAX);
    int64_t s;
    int n;
    for (int64_t t = -5000000000000; t < 5000000000000; t += 98765432123) {
        time_format(t, 20700, out);
        assert_int_equal(time_parse(out, strlen(out), true, &s, &n, NULL), 0);
        assert_true(s * 1000 + n / 1000000 == t);
    }
}

static void spans(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
        const char *shown, *zh;
    } good[] = {
        {"0s", 0, "0s", "0秒"},
        {"10s", 10000, "10s", "10秒"},
        {"5m", 300000, "5m", "5分钟"},
        {"1h30m", 5400000, "1h30m", "1小时30分钟"},
        {"90m", 5400000, "1h30m", "1小时30分钟"},
        {"250ms", 250, "250ms", "250毫秒"},
        {"1500ms", 1500, "1s500ms", "1秒500毫秒"},
        {"14d", 14 * TIME_DAY, "14d", "14天"},
        {"2w", 14 * TIME_DAY, "14d", "14天"},
        {"3d2h", 3 * TIME_DAY + 2 * TIME_HOUR, "3d2h", "3天2小时"},
        {"3d2h5m7s9ms", 3 * TIME_DAY + 2 * TIME_HOUR + 5 * TIME_MINUTE + 7009, "3d2h5m7s9ms", "3天2小时"},
        {"1d5m", TIME_DAY + 5 * TIME_MINUTE, "1d5m", "1天"},
        {"45s", 45000, "45s", "45秒"},
        {"1w1d1h1m1s1ms", 8 * TIME_DAY + TIME_HOUR + TIME_MINUTE + 1001, "8d1h1m1s1ms", "8天1小时"},
    };
    char out[TIME_TEXT_MAX];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ms;
        struct err err = {0};
        if (span_parse(good[i].text, strlen(good[i].text), &ms, &err))
            fail_msg("%s: %s", good[i].text, err.text);
        assert_true(ms == good[i].ms);
        assert_string_equal(span_format(ms, out), good[i].shown);
        assert_string_equal(span_format_zh(ms, out), good[i].zh);
    }
    static const char *const wrong[] = {"",    "5",   "m",     "5x",   "5M",   "1.5h", "-5m",   "+5m", "5 m",
                                        " 5m", "5m ", "30m1h", "5m5m", "1h30", "5min", "5ms5s", "mm"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t ms = 77;
        struct err err = {0};
        if (span_parse(wrong[i], strlen(wrong[i]), &ms, &err) != GF_EINVAL)
            fail_msg("'%s' was taken", wrong[i]);
        assert_true(ms == 77 && err.text[0]);
    }
    int64_t ms;
    assert_int_equal(span_parse("9223372036854775808ms", 21, &ms, NULL), GF_ELIMIT);
    assert_int_equal(span_parse("9223372036854775807d", 20, &ms, NULL), GF_ELIMIT);
    assert_int_equal(span_parse("106751991167d86400000000s", 25, &ms, NULL), GF_ELIMIT);
    assert_int_equal(span_parse("9223372036854775807ms", 21, &ms, NULL), 0);
    assert_string_equal(span_format(ms, out), "106751991167d7h12m55s807ms");
    assert_string_equal(span_format(INT64_MIN, out), "-106751991167d7h12m55s808ms");
    assert_string_equal(span_format(-90000, out), "-1m30s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil_round_trip),         cmocka_unit_test(civil_known_days), cmocka_unit_test(rfc3339),
        cmocka_unit_test(every_prefix_is_harmless), cmocka_unit_test(formatting),       cmocka_unit_test(spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
