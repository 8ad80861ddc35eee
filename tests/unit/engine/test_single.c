/* SPDX-License-Identifier: Apache-2.0
 * A single condition in time: when, for, clear, keep_firing_for, resolve_after, latch, unknown, exceptions, during, late and retained events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fx.h"
#include "gengfu/base/json.h"

#define INCIDENT "    incident: {severity: minor, title: \"${device.id} ${event.?v.orValue(0)}\"}\n"

static void test_for_and_auto_clear(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: out\n    on: lamp\n    when: event.v < 5\n    for: 10m\n" INCIDENT, NULL);
    efx_event(&f, 0, "lamp a v=1");
    efx_event(&f, 300000, "lamp a v=2");
    efx_expect(&f, "");
    efx_event(&f, 660000, "lamp a v=3"); /* the timer at 600 s comes before this event */
    efx_event(&f, 700000, "lamp a v=9");
    efx_expect(&f, "600 opened out a r1 x2\n700 resolved out a r2 x3\n");
    /* Not-true resets; unknown does not. */
    efx_event(&f, 1000000, "lamp a v=1");
    efx_event(&f, 1100000, "lamp a w=1");
    efx_event(&f, 1200000, "lamp a v=9");
    efx_event(&f, 1300000, "lamp a v=1");
    efx_advance(&f, 1899999);
    efx_expect(&f, "");
    efx_advance(&f, 1900000);
    efx_expect(&f, "1900 opened out a r1 x1\n");
    assert_string_equal(efx_incident(&f, "out", "a")->title, "a 1");
    assert_true(efx_incident(&f, "out", "a")->first_event == EFX_WALL + 1300000);
    assert_true(efx_incident(&f, "out", "a")->raised == EFX_WALL + 1900000);
    efx_done(&f);
}

static void test_equal_times(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: out\n    on: lamp\n    when: event.v < 5\n    for: 10s\n" INCIDENT, NULL);
    /* The false event comes in the very millisecond: what is due goes first, so it is raised and cleared. */
    efx_event(&f, 0, "lamp a v=1");
    efx_event(&f, 10000, "lamp a v=9");
    efx_expect(&f, "10 opened out a r1 x1\n10 resolved out a r2 x1\n");
    /* True and false in one millisecond, and true again: pending since the last. */
    efx_event(&f, 20000, "lamp a v=1");
    efx_event(&f, 20000, "lamp a v=9");
    efx_event(&f, 20000, "lamp a v=1");
    efx_advance(&f, 30000);
    efx_expect(&f, "30 opened out a r1 x1\n");
    efx_done(&f);
}

static void test_clear_expression_and_keep(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: hot\n    on: t\n    when: event.v > 50\n    clear: event.v < 40\n    keep_firing_for: 1m\n" INCIDENT,
             NULL);
    efx_event(&f, 0, "t a v=60");
    efx_event(&f, 1000, "t a v=45"); /* between: hysteresis */
    efx_event(&f, 2000, "t a v=30");
    efx_event(&f, 30000, "t a v=55"); /* a match calls the end off */
    efx_advance(&f, 100000);
    efx_expect(&f, "0 opened hot a r1 x1\n");
    efx_event(&f, 110000, "t a v=30");
    efx_event(&f, 120000, "t a v=30"); /* counts from the first */
    efx_advance(&f, 170000);
    efx_expect(&f, "170 resolved hot a r2 x2\n");
    efx_done(&f);
}

static void test_resolve_after(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: pin\n    on: lock\n    when: event.bad\n    resolve_after: 30m\n    repeat_interval: 10m\n" INCIDENT,
             NULL);
    efx_event(&f, 0, "lock a bad=true");
    efx_event(&f, 600000, "lock a bad=true");
    efx_event(&f, 900000, "lock a bad=false");
    efx_advance(&f, 3000000);
    /* The first told revision after the repeat interval of 10 minutes is the fold itself, which came just then. */
    efx_expect(&f, "0 opened pin a r1 x1\n600 updated pin a r2 x2\n2400 resolved pin a r3 x2\n");
    efx_done(&f);
}

static void test_manual_latch(void **state) {
    struct efx f;
    struct err err = {0};

    (void)state;
    efx_init(&f,
             "rules:\n  - rule: sos\n    on: card\n    when: event.sos\n    clear: manual\n" INCIDENT
             "  - rule: forced\n    on: door\n    when: event.open\n    clear: auto\n    latch: true\n" INCIDENT,
             NULL);
    efx_event(&f, 0, "card a sos=true");
    efx_event(&f, 1000, "card a sos=false");
    efx_expect(&f, "0 opened sos a r1 x1\n");
    assert_int_equal(efx_command(&f, 2000, "{\"id\":\"1\",\"incident\":\"%ID%\",\"action\":\"resolve\",\"by\":\"李梅\"}", &err), 0);
    efx_expect(&f, "2 resolved sos a r2 x1\n");
    efx_event(&f, 3000, "card a sos=true");
    efx_expect(&f, "3 opened sos a r1 x1\n");
    efx_event(&f, 4000, "door b open=true");
    efx_event(&f, 5000, "door b open=false");
    efx_expect(&f, "4 opened forced b r1 x1\n");
    assert_string_equal(efx_incident(&f, "forced", "b")->history[1].what, "ended"); /* noted; it stays */
    assert_int_equal(efx_command(&f, 6000, "{\"id\":\"2\",\"incident\":\"%ID%\",\"action\":\"close\",\"disposition\":\"false_alarm\"}",
                                 &err),
                     0);
    efx_expect(&f, "6 closed forced b r2 x1\n");
    efx_done(&f);
}

static void test_repeat_interval(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n    repeat_interval: 1m\n" INCIDENT, NULL);
    efx_event(&f, 0, "k a v=1");
    efx_event(&f, 1000, "k a v=2");
    efx_event(&f, 59000, "k a v=3");
    efx_event(&f, 61000, "k a v=4");
    efx_advance(&f, 300000);
    efx_event(&f, 310000, "k a v=5"); /* long after: told at once */
    efx_expect(&f, "0 opened r a r1 x1\n60 updated r a r2 x3\n120 updated r a r3 x4\n310 updated r a r4 x5\n");
    /* A batch writes the row with its count even though it tells nobody. */
    f.shadow_lines = true;
    efx_event(&f, 311000, "k a v=6");
    efx_expect(&f, "(310 updated r a r4 x6)\n");
    assert_true(efx_incident(&f, "r", "a")->told == 5);
    efx_done(&f);
}

static void test_keys(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n    by: event.zone\n    max_keys: 2\n" INCIDENT,
             NULL);
    efx_event(&f, 0, "k a v=1 zone=1");
    efx_event(&f, 1000, "k b v=1 zone='1'"); /* the same text is the same key */
    efx_event(&f, 2000, "k b v=1");          /* no key: unknown */
    efx_event(&f, 3000, "k b v=1 zone='north'");
    efx_event(&f, 4000, "k b v=1 zone='south'"); /* both keys are firing: no room */
    efx_expect(&f, "0 opened r 1 r1 x1\n3 opened r north r1 x1\n");
    struct engine_rule_stats s;
    engine_rule_stats(f.e, 0, &s);
    assert_int_equal(s.evicted, 1);
    assert_int_equal(s.firing, 2);
    efx_event(&f, 5000, "k b v=0 zone='north'");
    efx_event(&f, 6000, "k b v=1 zone='south'");
    efx_expect(&f, "5 resolved r north r2 x1\n6 opened r south r1 x1\n");
    efx_done(&f);
}

static void test_least_recent_goes(void **state) {
    struct efx f;
    struct engine_rule_stats s;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    for: 1m\n    max_keys: 2\n" INCIDENT, NULL);
    efx_event(&f, 0, "k a v=1");
    efx_event(&f, 1000, "k b v=1");
    efx_event(&f, 2000, "k a v=1"); /* b is the least recent now */
    efx_restart(&f, 0, true);
    efx_event(&f, 3000, "k c v=1");
    efx_advance(&f, 100000);
    efx_expect(&f, "60 opened r a r1 x2\n63 opened r c r1 x1\n");
    engine_rule_stats(f.e, 0, &s);
    assert_int_equal(s.evicted, 1);
    efx_done(&f);
}

static void test_unknown_and_errors(void **state) {
    struct efx f;
    struct engine_rule_stats s;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    when: event.a / event.b > 1\n    clear: auto\n" INCIDENT, NULL);
    efx_event(&f, 0, "k x a=4");
    efx_event(&f, 1000, "k x a=4 b=0");
    efx_event(&f, 2000, "k x a='four' b=2");
    efx_event(&f, 3000, "k x a=4 b=2");
    efx_expect(&f, "3 opened r x r1 x1\n");
    engine_rule_stats(f.e, 0, &s);
    assert_int_equal(s.errors, 2);
    assert_int_equal(s.evaluated, 3); /* the first lacks a field: not even looked at */
    assert_non_null(s.last_error);
    assert_non_null(strstr(s.last_error, "event.a / event.b"));
    efx_event(&f, 4000, "k x a=4 b=0"); /* an error changes nothing */
    efx_expect(&f, "");
    efx_done(&f);
}

static void test_state_and_previous(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: r\n    on: lock\n    when: state.locked && !previous.locked && state.mode == 'night'\n    clear: manual\n" INCIDENT,
        NULL);
    efx_event(&f, 0, "lock a locked=true"); /* previous unknown */
    efx_event(&f, 1000, "lock a mode='night'");
    efx_event(&f, 2000, "lock a locked=true"); /* no change */
    efx_event(&f, 3000, "lock a locked=false");
    efx_event(&f, 4000, "lock a locked=true");
    efx_expect(&f, "4 opened r a r1 x1\n");
    efx_done(&f);
}

static void test_late(void **state) {
    struct efx f;
    struct buf b;

    (void)state;
    efx_init(&f,
             "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n" INCIDENT
             "  - rule: f\n    on: k\n    when: event.v > 0\n    for: 10s\n" INCIDENT,
             NULL);
    efx_event(&f, 100000, "k a v=1");
    efx_event(&f, 101000, "k a v=0 late t=50000"); /* older than what is open: ends nothing, resets nothing */
    efx_advance(&f, 120000);
    efx_expect(&f, "100 opened r a r1 x1\n110 opened f a r1 x1\n");
    buf_init(&b, 0);
    engine_device_fields(f.e, "a", &b);
    assert_string_equal(b.data, "{\"v\":1}");
    efx_event(&f, 130000, "k a v=0 late t=125000 w=2"); /* newer than the last event: ends it, and is what is known */
    efx_expect(&f, "130 resolved r a r2 x1\n130 resolved f a r2 x1\n");
    buf_clear(&b);
    engine_device_fields(f.e, "a", &b);
    assert_string_equal(b.data, "{\"v\":0,\"w\":2}");
    efx_event(&f, 140000, "k b v=1 late t=10000"); /* raised, and marked; starts no `for` */
    efx_advance(&f, 200000);
    efx_expect(&f, "140 opened r b r1 x1\n");
    assert_true(efx_incident(&f, "r", "b")->late);
    assert_true(efx_incident(&f, "r", "b")->first_event == EFX_WALL + 10000);
    buf_done(&b);
    efx_done(&f);
}

/* Whoever may speak on the broker must not fill our memory for good: neither with one long text nor with many devices that say one each. */
static void test_what_is_kept_is_bounded(void **state) {
    struct efx f;
    struct buf b;
    static char line[6000];
    size_t sum = 0;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: manual\n" INCIDENT, NULL);
    buf_init(&b, 0);
    (void)snprintf(line, sizeof(line), "k long v=0 s='%05000d' u='short'", 0);
    efx_event(&f, 0, line);
    engine_device_fields(f.e, "long", &b);
    assert_string_equal(b.data, "{\"v\":0,\"s\":null,\"u\":\"short\"}");
    for (int i = 0; i < 4800; i++) {
        (void)snprintf(line, sizeof(line), "k d%d v=0 s='%04000d'", i, i);
        efx_event(&f, 1000 + i, line);
        if (i % 100 == 99)
            efx_checkpoint(&f);
    }
    for (int i = 0; i < 4800; i++) {
        (void)snprintf(line, sizeof(line), "d%d", i);
        buf_clear(&b);
        engine_device_fields(f.e, line, &b);
        sum += b.len;
    }
    assert_in_range(sum, 15 << 20, 17 << 20);
    efx_event(&f, 9000, "k d4799 v=1 s='short'"); /* when no more is kept, what is short still is */
    efx_expect(&f, "9 opened r d4799 r1 x1\n");
    buf_clear(&b);
    engine_device_fields(f.e, "d4799", &b);
    assert_string_equal(b.data, "{\"v\":1,\"s\":\"short\"}");
    /* Nor with incidents: of a large event only what is short stands among their values. */
    (void)snprintf(line, sizeof(line), "k big v=2 s='%05000d' u='short'", 0);
    efx_event(&f, 10000, line);
    efx_expect(&f, "10 opened r big r1 x1\n");
    assert_string_equal(json_str(efx_incident(&f, "r", "big")->values, "u", ""), "short");
    assert_true(cJSON_IsNull(json_get(efx_incident(&f, "r", "big")->values, "s")));
    buf_done(&b);
    efx_done(&f);
}

static void test_retained(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n" INCIDENT, NULL);
    efx_event(&f, 0, "k a v=1 retained"); /* news: nothing was known */
    efx_event(&f, 1000, "k a v=1 retained");
    efx_event(&f, 2000, "k a v=0 retained");
    efx_event(&f, 3000, "k a v=0 retained");
    efx_expect(&f, "0 opened r a r1 x1\n2 resolved r a r2 x1\n");
    efx_restart(&f, 0, true);
    efx_event(&f, 4000, "k a v=0 retained");
    efx_event(&f, 5000, "k a v=1 retained");
    efx_expect(&f, "5 opened r a r1 x1\n");
    efx_done(&f);
}

static void test_during(void **state) {
    struct efx f;

    (void)state;
    /* Test time 0 is 20:00 local. */
    efx_init(&f,
             "time_intervals:\n  night: {times: [{start_time: '20:10', end_time: '21:00'}]}\n"
             "rules:\n  - rule: r\n    on: k\n    during: night\n    when: event.v > 0\n    for: 20m\n" INCIDENT,
             NULL);
    efx_event(&f, 0, "k a v=1");      /* outside: counts as false */
    efx_event(&f, 600000, "k a v=1"); /* 20:10 */
    efx_advance(&f, 1900000);
    efx_expect(&f, "1800 opened r a r1 x1\n");
    efx_event(&f, 3000000, "k b v=1"); /* 20:50: pending, dropped at 21:00 */
    efx_event(&f, 3599000, "k c v=1");
    efx_advance(&f, 9000000);
    efx_expect(&f, "");                /* a stays open until an event says otherwise */
    efx_event(&f, 9100000, "k a v=1"); /* outside the condition is false */
    efx_expect(&f, "9100 resolved r a r2 x1\n");
    efx_done(&f);
}

static void test_exceptions_and_shadow(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f,
             "lists:\n  old: [a, c]\n"
             "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n    exceptions: ['device.id in old']\n" INCIDENT
             "  - rule: s\n    on: k\n    mode: shadow\n    when: event.v > 0\n    clear: auto\n" INCIDENT
             "  - rule: o\n    on: k\n    mode: 'off'\n    when: event.v > 0\n    clear: auto\n" INCIDENT,
             NULL);
    efx_event(&f, 0, "k a v=1");
    efx_event(&f, 1000, "k b v=1");
    efx_expect(&f, "1 opened r b r1 x1\n");
    f.shadow_lines = true;
    efx_event(&f, 2000, "k b v=0");
    efx_expect(&f, "2 resolved r b r2 x1\n(2 opened s b r1 x1)\n");
    efx_done(&f);
}

static void test_hostile(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n    by: event.w\n    incident: {severity: minor, title: \"${event.w}\"}\n",
        NULL);
    efx_event(&f, 0, "k a v=1 w='${event.v}\x1b[31m\x1f\"</script>'");
    const struct incident *i = efx_incident(&f, "r", "${event.v}\\x1b[31m\\x1f\"</script>");
    assert_non_null(i);
    assert_string_equal(i->title, "${event.v} [31m \"</script>");
    efx_restart(&f, 0, true);
    i = efx_incident(&f, "r", "${event.v}\\x1b[31m\\x1f\"</script>");
    assert_non_null(i);
    efx_event(&f, 1000, "k a v=0 w='${event.v}\x1b[31m\x1f\"</script>'");
    assert_null(efx_incident(&f, "r", "x"));
    efx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_and_auto_clear),
        cmocka_unit_test(test_equal_times),
        cmocka_unit_test(test_clear_expression_and_keep),
        cmocka_unit_test(test_resolve_after),
        cmocka_unit_test(test_manual_latch),
        cmocka_unit_test(test_repeat_interval),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_least_recent_goes),
        cmocka_unit_test(test_unknown_and_errors),
        cmocka_unit_test(test_state_and_previous),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_what_is_kept_is_bounded),
        cmocka_unit_test(test_retained),
        cmocka_unit_test(test_during),
        cmocka_unit_test(test_exceptions_and_shadow),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
