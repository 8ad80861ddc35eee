/* SPDX-License-Identifier: Apache-2.0
 * `within` + `having`: the window's edges, every aggregate, clearing, ceilings, late events, restart and reload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

#define COUNT3_BODY "    on: lock\n    when: event.bad\n    within: 5m\n    having: event_count() >= 3\n"
#define COUNT3 "rules:\n  - rule: pin\n" COUNT3_BODY
#define INCIDENT_PLAIN "    incident: {severity: minor, title: x}\n"
#define INCIDENT "    incident: {severity: minor, title: \"${event_count()} times\"}\n"

static void test_edges(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, COUNT3 "    resolve_after: 30m\n    repeat_interval: 10m\n" INCIDENT, NULL);
    efx_event(&f, 0, "lock a bad=true");
    efx_event(&f, 100000, "lock a bad=true");
    efx_event(&f, 300000, "lock a bad=true"); /* the first has just left: t > 300 - 300 does not hold */
    efx_expect(&f, "");
    efx_event(&f, 399999, "lock a bad=true");
    efx_expect(&f, "399.999 opened pin a r1 x3\n");
    assert_string_equal(efx_incident(&f, "pin", "a")->title, "3 times");
    assert_true(efx_incident(&f, "pin", "a")->first_event == EFX_WALL + 100000);
    efx_event(&f, 900000, "lock a bad=true"); /* folds although the window holds one */
    efx_advance(&f, 2700000);
    efx_expect(&f, "999.999 updated pin a r2 x4\n2700 resolved pin a r3 x4\n");
    efx_done(&f);
}

static void test_auto_clear_by_time(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, COUNT3 INCIDENT, NULL);
    efx_event(&f, 0, "lock a bad=true");
    efx_event(&f, 10000, "lock a bad=true");
    efx_event(&f, 20000, "lock a bad=true");
    efx_event(&f, 30000, "lock a bad=true");
    efx_event(&f, 31000, "lock a bad=false");
    efx_advance(&f, 309999);
    efx_expect(&f, "20 opened pin a r1 x3\n");
    efx_advance(&f, 310000); /* two are left */
    efx_expect(&f, "310 resolved pin a r2 x4\n");
    efx_event(&f, 310000, "lock a bad=true"); /* three again: another incident */
    efx_expect(&f, "310 opened pin a r1 x3\n");
    efx_advance(&f, 10000000);
    efx_expect(&f, "320 resolved pin a r2 x3\n");
    assert_int_equal(map_count(&f.states), 3); /* the clock, the serial, the order of figures: nothing else is remembered */
    efx_done(&f);
}

static void test_clear_expression_begins_anew(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, COUNT3 "    clear: event.?good.orValue(false)\n" INCIDENT, NULL);
    efx_event(&f, 0, "lock a bad=true");
    efx_event(&f, 1000, "lock a bad=true");
    efx_event(&f, 2000, "lock a bad=true");
    efx_event(&f, 3000, "lock a bad=false good=true");
    efx_event(&f, 4000, "lock a bad=true"); /* with the old ones that would be four */
    efx_event(&f, 5000, "lock a bad=true");
    efx_expect(&f, "2 opened pin a r1 x3\n3 resolved pin a r2 x3\n");
    efx_event(&f, 6000, "lock a bad=true");
    efx_expect(&f, "6 opened pin a r1 x3\n");
    efx_done(&f);
}

static void test_aggregates(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: r\n    on: k\n    within: 1m\n    having: event_count() >= 5\n    clear: manual\n"
        "    incident: {severity: minor, title: \"${value_count(event.s)} ${value_sum(event.v)} ${value_avg(event.v)} ${value_min(event.v)} "
        "${value_max(event.v)} ${value_percentile(event.v, 50)} ${value_percentile(event.v, 95)} ${value_max(event.none)}\"}\n",
        NULL);
    efx_event(&f, 0, "k a v=5 s='x'");
    efx_event(&f, 1, "k a v=1 s='y'");
    efx_event(&f, 2, "k a v=2.5 s='x'");
    efx_event(&f, 3, "k a v=-1");
    efx_event(&f, 4, "k a s='z' v='word'");
    efx_expect(&f, "0.004 opened r a r1 x5\n");
    assert_string_equal(efx_incident(&f, "r", "a")->title, "3 7.5 1.875 -1 5 1 5 ?");
    efx_done(&f);
}

/* A reading that stands at the limit is at the limit, however often it comes. */
static void test_sum_of_tenths(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: r\n    on: k\n    within: 1m\n    having: event_count() >= 10 && value_avg(event.v) >= 0.1 && value_sum(event.v) >= 1.0\n"
        "    clear: manual\n" INCIDENT,
        NULL);
    for (int i = 0; i < 10; i++)
        efx_event(&f, i, "k a v=0.1");
    efx_expect(&f, "0.009 opened r a r1 x10\n");
    efx_done(&f);
}

/* 55 / 100.0 * 100 is more than 55. */
static void test_percentile_of_a_hundred(void **state) {
    struct efx f;
    char text[32];

    (void)state;
    efx_init(&f,
             "rules:\n  - rule: r\n    on: k\n    within: 1m\n    having: event_count() >= 100\n    clear: manual\n"
             "    incident: {severity: minor, title: \"${value_percentile(event.v, 7)} ${value_percentile(event.v, 55)} "
             "${value_percentile(event.v, 100)}\"}\n",
             NULL);
    for (int i = 1; i <= 100; i++) {
        (void)snprintf(text, sizeof text, "k a v=%d", i);
        efx_event(&f, i, text);
    }
    assert_string_equal(efx_incident(&f, "r", "a")->title, "7 55 100");
    efx_done(&f);
}

static void test_distinct_and_by(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: r\n    on: k\n    by: event.zone\n    within: 1m\n    having: value_count(event.device) >= 2\n    resolve_after: 5m\n"
        "    incident: {severity: minor, title: \"${by}\"}\n",
        NULL);
    efx_event(&f, 0, "k a zone=1");
    efx_event(&f, 1, "k a zone=1");
    efx_event(&f, 2, "k b zone=2");
    efx_event(&f, 3, "k b zone=1");
    efx_expect(&f, "0.003 opened r 1 r1 x3\n");
    const struct incident *i = efx_incident(&f, "r", "1");
    assert_int_equal(cJSON_GetArraySize(i->devices), 2);
    assert_string_equal(i->title, "1");
    efx_done(&f);
}

static void test_late(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, COUNT3 "    resolve_after: 30m\n    repeat_interval: 10m\n" INCIDENT, NULL);
    efx_event(&f, 1000000, "lock a bad=true");
    efx_event(&f, 1001000, "lock a bad=true late t=700000"); /* 301 s ago: too late for the window */
    efx_event(&f, 1001000, "lock a bad=true late t=710000");
    efx_expect(&f, "");
    efx_event(&f, 1009000, "lock a bad=true"); /* 710 is still within */
    efx_expect(&f, "1009 opened pin a r1 x3\n");
    assert_true(efx_incident(&f, "pin", "a")->first_event == EFX_WALL + 710000);
    efx_event(&f, 1100000, "lock b bad=true");
    efx_event(&f, 1100000, "lock b bad=true late t=805000");
    efx_event(&f, 1105000, "lock b bad=true"); /* 805 leaves just now */
    efx_expect(&f, "");
    efx_done(&f);
}

static void test_ceiling(void **state) {
    struct efx f;
    struct engine_rule_stats s;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    within: 1h\n    having: event_count() > 10000\n    clear: manual\n" INCIDENT, NULL);
    for (int i = 0; i < 10100; i++) {
        efx_event(&f, i * 100, "k a v=1");
        if (i % 1000 == 0)
            efx_flush(&f);
    }
    efx_expect(&f, "");
    engine_rule_stats(f.e, 0, &s);
    assert_int_equal(s.dropped, 100);
    assert_int_equal(f.e->window_entries, ENGINE_MAX_WINDOW);
    efx_restart(&f, 0, true);
    assert_int_equal(f.e->window_entries, ENGINE_MAX_WINDOW);
    efx_advance(&f, 20000000);
    assert_int_equal(f.e->window_entries, 0);
    efx_flush(&f);
    assert_int_equal(map_count(&f.states), 2);
    efx_done(&f);
}

static void test_small_writes(void **state) {
    struct efx f;
    size_t written = 0;

    (void)state;
    efx_init(&f, "rules:\n  - rule: r\n    on: k\n    within: 1h\n    having: event_count() > 10000\n    clear: manual\n" INCIDENT, NULL);
    for (int i = 0; i < 1000; i++) {
        efx_event(&f, i * 1000, "k a v=1");
        assert_int_equal(engine_flush(f.e, &f.out), 0);
        written = 0;
        for (size_t k = 0; k < f.out.nstates; k++)
            written += f.out.states[k].len;
        assert_true(written < 6000);
        efx_flush(&f);
    }
    efx_done(&f);
}

static void test_restart(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, COUNT3 INCIDENT, NULL);
    efx_event(&f, 0, "lock a bad=true");
    efx_event(&f, 100000, "lock a bad=true");
    efx_restart(&f, 0, false);
    efx_event(&f, 299999, "lock a bad=true");
    efx_expect(&f, "299.999 opened pin a r1 x3\n");
    efx_restart(&f, 0, true);
    efx_advance(&f, 300000);
    efx_expect(&f, "300 resolved pin a r2 x3\n");
    /* Down time: by default it stands still for the rule. */
    efx_event(&f, 400000, "lock b bad=true");
    efx_event(&f, 410000, "lock b bad=true");
    efx_restart(&f, 600000, true);
    efx_event(&f, 1080000, "lock b bad=true");
    efx_expect(&f, "1080 opened pin b r1 x3\n");
    efx_done(&f);
}

static void test_downtime_count_and_reset(void **state) {
    static const char *const modes[] = {"count", "reset"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct efx f;
        char yaml[1024];

        (void)snprintf(yaml, sizeof(yaml), COUNT3 "    on_downtime: %s\n" INCIDENT, modes[i]);
        efx_init(&f, yaml, NULL);
        efx_event(&f, 0, "lock a bad=true");
        efx_event(&f, 10000, "lock a bad=true");
        efx_restart(&f, 100000, true);
        efx_event(&f, 110000, "lock a bad=true");
        efx_expect(&f, i == 0 ? "110 opened pin a r1 x3\n" : "");
        efx_done(&f);
    }
}

static void test_reload(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, COUNT3 INCIDENT, NULL);
    efx_event(&f, 0, "lock a bad=true");
    efx_event(&f, 1000, "lock a bad=true");
    /* The same meaning (other words about it, another rule beside it): the window stays. */
    efx_reload(&f,
               "rules:\n  - rule: other\n    on: x\n    when: event.y\n    clear: auto\n" INCIDENT_PLAIN
               "  - rule: pin\n    about: new words\n" COUNT3_BODY INCIDENT,
               NULL);
    efx_event(&f, 2000, "lock a bad=true");
    efx_expect(&f, "2 opened pin a r1 x3\n");
    efx_restart(&f, 0, true);
    efx_event(&f, 3000, "lock a bad=true");
    efx_advance(&f, 302000);
    efx_expect(&f, "301 resolved pin a r2 x4\n");
    /* Another meaning: begins anew. */
    efx_event(&f, 303000, "lock b bad=true");
    efx_event(&f, 304000, "lock b bad=true");
    efx_reload(&f, "rules:\n  - rule: pin\n    on: lock\n    when: event.bad\n    within: 4m\n    having: event_count() >= 3\n" INCIDENT,
               NULL);
    efx_event(&f, 305000, "lock b bad=true");
    efx_expect(&f, "");
    efx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_auto_clear_by_time),
        cmocka_unit_test(test_clear_expression_begins_anew),
        cmocka_unit_test(test_aggregates),
        cmocka_unit_test(test_sum_of_tenths),
        cmocka_unit_test(test_percentile_of_a_hundred),
        cmocka_unit_test(test_distinct_and_by),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_small_writes),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_downtime_count_and_reset),
        cmocka_unit_test(test_reload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
