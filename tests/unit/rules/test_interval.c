/* SPDX-License-Identifier: Apache-2.0
 * Time intervals: days and times, midnight, daylight saving, the sun, and that next_change tells exactly when contains changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_fixture.h"

static struct fx f;

static const struct interval *load(const char *yaml) {
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "time_intervals:\n  x: %s\n", yaml);
    fx_puts(&f, "rules.d/x.yaml", b.data);
    buf_done(&b);
    fx_load(&f);
    if (!f.rs)
        fail_msg("%s", f.text.data);
    assert_int_equal(f.rs->nintervals, 1);
    assert_string_equal(interval_name(f.rs->intervals[0]), "x");
    return f.rs->intervals[0];
}

static int64_t at(const char *text) {
    int64_t s;
    int nanos;
    bool zoned;
    if (time_parse(text, strlen(text), true, &s, &nanos, &zoned) < 0)
        fail_msg("%s", text);
    return s * 1000;
}

static void in(const struct interval *iv, const char *text) {
    if (!interval_contains(iv, at(text)))
        fail_msg("should contain %s", text);
}

static void out(const struct interval *iv, const char *text) {
    if (interval_contains(iv, at(text)))
        fail_msg("should not contain %s", text);
}

static void next(const struct interval *iv, const char *from, const char *want) {
    char got[TIME_TEXT_MAX];
    int64_t t = interval_next_change(iv, at(from));
    if (t != at(want))
        fail_msg("from %s the next change is %s, not %s", from, time_format(t, 0, got), want);
}

static void test_times(void **state) {
    (void)state;
    const struct interval *iv =
        load("{weekdays: ['monday:friday'], times: [{start_time: '07:20', end_time: '08:20'}, {start_time: '16:00', end_time: '24:00'}]}");
    in(iv, "2026-01-05T07:20:00+08:00"); /* a Monday */
    in(iv, "2026-01-05T08:19:59+08:00");
    out(iv, "2026-01-05T08:20:00+08:00"); /* the end does not belong to it */
    out(iv, "2026-01-05T07:19:59+08:00");
    in(iv, "2026-01-05T23:59:59+08:00");
    out(iv, "2026-01-06T00:00:00+08:00");
    out(iv, "2026-01-04T07:30:00+08:00"); /* Sunday */
    next(iv, "2026-01-05T07:00:00+08:00", "2026-01-05T07:20:00+08:00");
    next(iv, "2026-01-05T07:20:00+08:00", "2026-01-05T08:20:00+08:00");
    next(iv, "2026-01-09T17:00:00+08:00", "2026-01-10T00:00:00+08:00"); /* Friday */
    next(iv, "2026-01-10T00:00:00+08:00", "2026-01-12T07:20:00+08:00");
}

/* A range over midnight belongs to the day on which it begins. */
static void test_midnight(void **state) {
    (void)state;
    const struct interval *iv = load("{weekdays: [friday], times: [{start_time: '22:00', end_time: '06:00'}]}");
    out(iv, "2026-01-09T05:00:00+08:00"); /* Friday morning is Thursday's night */
    in(iv, "2026-01-09T22:00:00+08:00");
    in(iv, "2026-01-10T00:00:00+08:00");
    in(iv, "2026-01-10T05:59:59+08:00");
    out(iv, "2026-01-10T06:00:00+08:00");
    out(iv, "2026-01-10T22:00:00+08:00");
    next(iv, "2026-01-09T23:00:00+08:00", "2026-01-10T06:00:00+08:00");
    next(iv, "2026-01-10T06:00:00+08:00", "2026-01-16T22:00:00+08:00");
    /* Every day: two ranges that touch at midnight are one. */
    iv = load("{times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:00'}]}");
    next(iv, "2026-01-09T23:00:00+08:00", "2026-01-10T06:00:00+08:00");
}

static void test_days(void **state) {
    (void)state;
    const struct interval *iv = load("{days_of_month: ['1:3', '-2:-1'], months: ['november:february', 4], years: ['2026:2027']}");
    in(iv, "2026-01-01T00:00:00+08:00");
    in(iv, "2026-01-03T23:59:59+08:00");
    out(iv, "2026-01-04T00:00:00+08:00");
    in(iv, "2026-02-27T12:00:00+08:00");
    in(iv, "2026-02-28T12:00:00+08:00");
    out(iv, "2026-02-26T12:00:00+08:00");
    out(iv, "2026-03-01T12:00:00+08:00");
    in(iv, "2026-04-30T12:00:00+08:00");
    in(iv, "2026-11-30T12:00:00+08:00");
    out(iv, "2028-01-01T12:00:00+08:00");
    out(iv, "2025-12-31T23:59:59+08:00");
    /* Zones: the whole day is the location's. */
    iv = load("{weekdays: [sunday, SATURDAY], location: UTC}");
    in(iv, "2026-01-03T00:00:00Z");
    out(iv, "2026-01-02T23:59:59Z");
    in(iv, "2026-01-04T23:59:59Z");
    out(iv, "2026-01-05T00:00:00Z");
    next(iv, "2026-01-03T12:00:00Z", "2026-01-05T00:00:00Z");
    /* Around the week's end. */
    iv = load("{weekdays: ['saturday:monday']}");
    in(iv, "2026-01-05T12:00:00+08:00");
    out(iv, "2026-01-06T12:00:00+08:00");
    in(iv, "2026-01-10T12:00:00+08:00");
    /* Several parts: any of them. */
    iv = load("[{weekdays: monday}, {days_of_month: '6'}]");
    in(iv, "2026-01-05T12:00:00+08:00");
    in(iv, "2026-01-06T12:00:00+08:00");
    out(iv, "2026-01-07T12:00:00+08:00");
    next(iv, "2026-01-05T12:00:00+08:00", "2026-01-07T00:00:00+08:00");
}

/* No change within eight days: the moment eight days ahead, unchanged. */
static void test_far(void **state) {
    (void)state;
    const struct interval *iv = load("{months: june}");
    next(iv, "2026-01-05T12:00:00+08:00", "2026-01-13T12:00:00+08:00");
    iv = load("{years: '1970:2100'}");
    in(iv, "2026-01-05T12:00:00+08:00");
    next(iv, "2026-01-05T12:00:00+08:00", "2026-01-13T12:00:00+08:00");
}

/* Europe/Berlin: on 29 March 2026 02:00 becomes 03:00, on 25 October 03:00 becomes 02:00. */
static void test_daylight_saving(void **state) {
    (void)state;
    const struct interval *iv = load("{times: [{start_time: '01:30', end_time: '03:30'}], location: Europe/Berlin}");
    in(iv, "2026-03-29T00:30:00Z"); /* 01:30 CET */
    in(iv, "2026-03-29T01:29:59Z"); /* 03:29:59 CEST */
    out(iv, "2026-03-29T01:30:00Z");
    next(iv, "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"); /* one hour long */
    in(iv, "2026-10-24T23:30:00Z");                           /* 01:30 CEST */
    in(iv, "2026-10-25T02:29:59Z");                           /* 03:29:59 CET */
    out(iv, "2026-10-25T02:30:00Z");
    next(iv, "2026-10-24T23:30:00Z", "2026-10-25T02:30:00Z"); /* three hours long */
    /* A time in the gap: the moment at which the clock jumps. */
    iv = load("{times: [{start_time: '02:30', end_time: '04:00'}], location: Europe/Berlin}");
    out(iv, "2026-03-29T00:59:59Z");
    in(iv, "2026-03-29T01:00:00Z");
    out(iv, "2026-03-29T02:00:00Z");
    /* The day itself is 23 hours long. */
    iv = load("{weekdays: sunday, location: Europe/Berlin}");
    next(iv, "2026-03-29T00:00:00Z", "2026-03-29T22:00:00Z");
    next(iv, "2026-10-25T00:00:00Z", "2026-10-25T23:00:00Z");
}

/* 30 N 120 E on 5 January: the sun rises about 06:57 and sets about 17:14, Chinese time. */
static void test_sun(void **state) {
    (void)state;
    const struct interval *iv = load("{times: [{start_time: sunset-15m, end_time: sunrise+15m}]}");
    out(iv, "2026-01-05T12:00:00+08:00");
    out(iv, "2026-01-05T16:45:00+08:00");
    in(iv, "2026-01-05T17:05:00+08:00");
    in(iv, "2026-01-05T23:59:59+08:00");
    in(iv, "2026-01-06T00:00:00+08:00");
    in(iv, "2026-01-06T07:05:00+08:00");
    out(iv, "2026-01-06T07:20:00+08:00");
    int64_t change = interval_next_change(iv, at("2026-01-05T12:00:00+08:00"));
    assert_in_range(change, at("2026-01-05T16:58:00+08:00"), at("2026-01-05T17:00:30+08:00"));
    iv = load("{times: [{start_time: sunrise, end_time: sunset}]}");
    in(iv, "2026-01-05T12:00:00+08:00");
    out(iv, "2026-01-05T06:50:00+08:00");
    out(iv, "2026-01-05T18:00:00+08:00");
    /* From a clock time to the sun, and from the sun to a clock time: the same day or the next, as the words say. */
    iv = load("{times: [{start_time: sunset, end_time: '23:00'}, {start_time: '04:00', end_time: sunrise}]}");
    in(iv, "2026-01-05T22:59:00+08:00");
    out(iv, "2026-01-05T23:00:00+08:00");
    out(iv, "2026-01-06T03:59:00+08:00");
    in(iv, "2026-01-06T04:00:00+08:00");
    iv = load("{times: [{start_time: '22:00', end_time: sunrise}]}");
    in(iv, "2026-01-06T03:00:00+08:00");
    out(iv, "2026-01-06T09:00:00+08:00");
}

/* Tromsø: no sunset in June, no sunrise in December. */
static void test_polar(void **state) {
    (void)state;
    fx_puts(&f, "gengfu.yaml", "gateway: {id: gw, lat: 69.65, lon: 18.96, zone: Europe/Oslo}\n");
    const struct interval *night = load("{times: [{start_time: sunset-15m, end_time: sunrise+15m}]}");
    for (int h = 0; h < 24; h++) {
        char t[40];
        (void)snprintf(t, sizeof t, "2026-06-21T%02d:00:00+02:00", h);
        out(night, t);
        (void)snprintf(t, sizeof t, "2026-12-21T%02d:00:00+01:00", h);
        in(night, t);
    }
    next(night, "2026-06-21T12:00:00+02:00", "2026-06-29T12:00:00+02:00");
    const struct interval *day = load("{times: [{start_time: sunrise, end_time: sunset}]}");
    for (int h = 0; h < 24; h++) {
        char t[40];
        (void)snprintf(t, sizeof t, "2026-06-21T%02d:00:00+02:00", h);
        in(day, t);
        (void)snprintf(t, sizeof t, "2026-12-21T%02d:00:00+01:00", h);
        out(day, t);
    }
    /* South of the equator it is the other way round. */
    fx_puts(&f, "gengfu.yaml", "gateway: {id: gw, lat: -75, lon: 0, zone: UTC}\n");
    night = load("{times: [{start_time: sunset, end_time: sunrise}]}");
    in(night, "2026-06-21T12:00:00Z");
    out(night, "2026-12-21T00:00:00Z");
}

/* By the definition: the first minute at which contains() differs. */
static void test_next_change_by_minutes(void **state) {
    (void)state;
    static const char *const specs[] = {
        "{times: [{start_time: '22:00', end_time: '06:30'}], weekdays: ['friday:sunday'], location: Europe/Berlin}",
        "[{times: [{start_time: '02:30', end_time: '03:00'}], location: Europe/Berlin}, {times: [{start_time: '02:45', end_time: '05:00'}], location: Asia/Shanghai}]",
        "{days_of_month: ['-1', '25'], location: America/New_York}",
        "{times: [{start_time: sunset+30m, end_time: '01:00'}, {start_time: sunrise-1h, end_time: sunrise+1h}]}",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        const struct interval *iv = load(specs[i]);
        for (int64_t from = at("2026-03-25T00:00:00Z"); from < at("2026-04-05T00:00:00Z"); from += 7 * TIME_HOUR + 13 * TIME_MINUTE) {
            int64_t got = interval_next_change(iv, from), t = from, end = from + 8 * TIME_DAY;
            bool inside = interval_contains(iv, from);
            while (t < end && interval_contains(iv, t) == inside)
                t += TIME_MINUTE;
            if (t >= end)
                assert_true(got >= end - TIME_MINUTE);
            else
                assert_in_range(got, t - TIME_MINUTE + 1, t);
            if (got < end) {
                assert_true(interval_contains(iv, got) != inside);
                assert_true(interval_contains(iv, got - 1000) == inside);
            }
        }
    }
}

static int setup(void **state) {
    (void)state;
    fx_init(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fx_done(&f);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {T(test_times),           T(test_midnight), T(test_days),  T(test_far),
                                       T(test_daylight_saving), T(test_sun),      T(test_polar), T(test_next_change_by_minutes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
