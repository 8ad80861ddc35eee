/* SPDX-License-Identifier: Apache-2.0
 * Moments in the forms that devices send, and text by a pattern. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/rules/moment.h"

static struct zone *shanghai;

static int setup(void **state) {
    (void)state;
    return zone_open("Asia/Shanghai", NULL, &shanghai);
}
static int teardown(void **state) {
    (void)state;
    zone_free(shanghai);
    return 0;
}

#define NONE INT64_MIN
static int64_t of_text(const char *s) {
    int64_t ms;
    return moment_read(cel_text(s), shanghai, &ms) ? ms : NONE;
}
static int64_t of_number(double d) {
    int64_t ms;
    return moment_read(cel_double(d), shanghai, &ms) ? ms : NONE;
}

#define T INT64_C(1767614400000) /* 2026-01-05T12:00:00Z */

static void test_read(void **state) {
    (void)state;
    static const char *const same[] = {
        "2026-01-05T12:00:00Z",
        "2026-01-05T20:00:00+08:00",
        "2026-01-05 20:00:00",
        " 2026-01-05T20:00:00 ",
        "2026-01-05T08:00:00-0400",
        "2026-01-05T12:00:00.000000001Z",
        "2026/01/05 20:00:00",
        "20260105 20:00:00",
        "20260105T200000",
        "20260105T120000Z",
        "2026-01-05 20:00:00,000",
        "2026-01-05T20:00:00+08",
        "2026-01-05 20:00:00.0 +0800",
        "2026-01-05 07:00:00 -05",
        "2026/01/05 12:00:00 UTC",
        "2026-01-05T12:00:00.000000GMT",
        "20260105 12:00:00 Z",
        "20260105200000",
        "1767614400",
        "1767614400000",
        "1767614400000000",
        "1767614400000000000",
        "1767614400.0",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (of_text(same[i]) != T)
            fail_msg("'%s' gives %lld", same[i], (long long)of_text(same[i]));
    assert_true(of_number(1767614400) == T && of_number(1767614400.5) == T + 500 && of_number(1767614400123.0) == T + 123 &&
                of_number(1767614400e6) == T && of_number(1767614400e9) == T);
    assert_true(of_number(20260105200000.0) == T);
    assert_true(of_number(20261305200000.0) != T); /* there is no 13th month: then it is a number of ms */
    static const char *const none[] = {"",
                                       " ",
                                       "0",
                                       "0.0",
                                       "-5",
                                       "n/a",
                                       "invalid_timestamp",
                                       "2020-0327T13:07:51",
                                       "2023-10-13 10:12:90",
                                       "2026-01-05T20:00:00.975Z+0100",
                                       "2026-02-30 10:00:00",
                                       "2026-01-05 20:00:00,",
                                       "2026-01-05 20:00:00, +08:00",
                                       "2026-01-05 20:00:00 8",
                                       "2026-01-05 20:00:00 CST",
                                       "2026-01-05 20:00:00 + 8",
                                       "12:00:00",
                                       "2026-01-05",
                                       "2026年1月5日",
                                       "1e3000",
                                       "20260105T2000",
                                       "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (of_text(none[i]) != NONE)
            fail_msg("'%s' gives %lld", none[i], (long long)of_text(none[i]));
    assert_true(of_number(0) == NONE && of_number(-1) == NONE && of_number(1e300) == NONE && of_number(0.0 / 0.0) == NONE);
    int64_t ms;
    assert_false(moment_read(cel_null(), shanghai, &ms));
    assert_false(moment_read(cel_bool(true), shanghai, &ms));
    assert_true(moment_read(cel_time_ms(T), shanghai, &ms) && ms == T);
    assert_true(moment_read(cel_int(1767614400), NULL, &ms) && ms == T);
    struct cel_value v = cel_int(1767614400), opt = {.type = CEL_OPTIONAL, .opt = &v}, nothing = {.type = CEL_OPTIONAL};
    assert_true(moment_read(opt, NULL, &ms) && ms == T);
    assert_false(moment_read(nothing, NULL, &ms));
    assert_int_equal(of_number(12888), 12888000); /* uptime: early in 1970; who bears an event refuses that */
}

static int64_t scan(const char *s, const char *pattern) {
    int64_t ms;
    char *exact = malloc(strlen(s) + 1); /* so that a sanitizer sees a step too far */
    memcpy(exact, s, strlen(s));
    bool ok = moment_scan(exact, strlen(s), pattern, strlen(pattern), shanghai, &ms);
    free(exact);
    return ok ? ms : NONE;
}

static void test_scan(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"12:00:00 01/05/2026 UTC", "%H:%M:%S %m/%d/%Y %z"},
        {"12:00:00 01/05/2026 UTC", "%T %m/%d/%Y %z"},
        {"20:00:00 05.01.2026", "%H:%M:%S %d.%m.%Y"},
        {"260105200000", "%y%m%d%H%M%S"},
        {"2026-1-5 20:0:0", "%Y-%m-%d %H:%M:%S"},
        {"2026年1月5日 20时0分", "%Y年%m月%d日 %H时%M分"},
        {"2026年1月5日 下午8:00", "%Y年%m月%d日 %p%I:%M"},
        {"Jan  5 2026 8:00:00 PM", "%b %d %Y %I:%M:%S %p"},
        {"January 5, 2026 20:00", "%B %d, %Y %H:%M"},
        {"Mon, 05 Jan 2026 12:00:00 GMT", "%a, %d %b %Y %T %z"},
        {"Monday Jan  5 20:00:00 2026", "%A %b %d %T %Y"},
        {"  2026-01-05T20:00:00+08:00  ", " %FT%T%z"},
        {"2026-01-05T20:00:00+0800", "%FT%T%z"},
        {"2026-01-05T20:00:00 +08", "%FT%T %z"},
        {"1767614400", "%s"},
        {"t=1767614400;", "t=%s;"},
        {"2026-005 20:00:00", "%Y-%j %T"},
        {"100% 2026-01-05 20:00:00", "100%% %F %T"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (scan(same[i][0], same[i][1]) != T)
            fail_msg("'%s' by '%s' gives %lld", same[i][0], same[i][1], (long long)scan(same[i][0], same[i][1]));
    assert_int_equal(scan("2026-01-05 20:00:00.25", "%F %T.%f"), T + 250);
    assert_int_equal(scan("Moo, 05 Jan 2026 12:00:00 GMT", "%a, %d %b %Y %T %z"), NONE);
    assert_int_equal(scan("2026-01-05 20:00:00.123456789", "%F %T.%f"), T + 123);
    assert_int_equal(scan("12:00:00 AM 05/01/2026", "%I:%M:%S %p %d/%m/%Y"), T - 20 * 3600000);
    assert_int_equal(scan("2016-12-31T23:59:60Z", "%FT%T%z"), INT64_C(1483228800000)); /* a leap second */
    static const char *const none[][2] = {
        {"2023-10-13 10:12:90", "%F %T"},
        {"2026-02-30 10:00:00", "%F %T"},
        {"2026-01-05", "%F %T"},
        {"2026-01-05 20:00:00x", "%F %T"},
        {"", "%F"},
        {"20:00:00", "%T"},
        {"13 PM 2026-01-05", "%I %p %F"},
        {"2026-01-05 20:00:00", "%F T%T"},
        {"2026-367", "%Y-%j"},
        {"Foo 5 2026", "%b %d %Y"},
        {"2026-01-05 +25:00", "%F %z"},
        {"2026-01-05 20:00:00.", "%F %T.%f"},
        {"2026-01-05 CET", "%F %z"},
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (scan(none[i][0], none[i][1]) != NONE)
            fail_msg("'%s' by '%s' gives %lld", none[i][0], none[i][1], (long long)scan(none[i][0], none[i][1]));
}

static void test_patterns(void **state) {
    (void)state;
    static const char *const good[] = {"%F", "%s", "%Y-%m-%d", "%y%b%e", "%Y %j", "%d.%m.%y %T%%"};
    static const char *const bad[] = {"", "%T", "%H:%M", "%Y-%m", "%Q %F", "%F %", "%Y-%M-%d", "2026"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(moment_pattern_bad(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(moment_pattern_bad(bad[i], strlen(bad[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_scan), cmocka_unit_test(test_patterns)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
