/* SPDX-License-Identifier: Apache-2.0
 * `sequence`, {not: step} and `together`: order, edges of the span, steps that read each other, ceilings, restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

#define AB \
    "rules:\n  - rule: s\n    sequence:\n      - {name: first, on: a}\n      - {name: then, on: b}\n    within: 10s\n    resolve_after: 1m\n" \
    "    incident: {severity: minor, title: \"${first.v} ${then.v}\"}\n"

static void test_order(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, AB, NULL);
    efx_event(&f, 0, "b x v=1");
    efx_event(&f, 1000, "a x v=2");
    efx_event(&f, 2000, "b y v=3"); /* another key */
    efx_expect(&f, "");
    efx_event(&f, 3000, "b x v=4");
    efx_event(&f, 4000, "b x v=5"); /* that sequence is used up */
    efx_expect(&f, "3 opened s x r1 x1\n");
    assert_string_equal(efx_incident(&f, "s", "x")->title, "2 4");
    assert_true(efx_incident(&f, "s", "x")->first_event == EFX_WALL + 1000);
    efx_event(&f, 5000, "a x v=6");
    efx_event(&f, 6000, "a x v=7");
    efx_event(&f, 7000, "b x v=8"); /* completes two at once: one match */
    efx_advance(&f, 70000);
    efx_expect(&f, "67 resolved s x r2 x2\n");
    efx_done(&f);
}

static void test_span(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, AB, NULL);
    efx_event(&f, 0, "a x v=1");
    efx_event(&f, 10000, "b x v=2"); /* at began + within: too late */
    efx_expect(&f, "");
    assert_int_equal(f.e->npartials, 0);
    efx_event(&f, 20000, "a x v=1");
    efx_event(&f, 29999, "b x v=2");
    efx_expect(&f, "29.999 opened s x r1 x1\n");
    efx_event(&f, 40000, "a y v=1 late t=39000"); /* late events take no part */
    efx_event(&f, 41000, "b y v=1");
    efx_expect(&f, "");
    efx_done(&f);
}

static void test_join(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: s\n    by: event.house\n    sequence:\n      - {name: forced, on: door, when: event.forced}\n"
        "      - {name: walk, on: cam, when: 'event.entrance == forced.entrance && event.n > forced.n'}\n    within: 1m\n    clear: manual\n"
        "    incident: {severity: severe, title: \"${forced.device} ${walk.device} ${event.device}\"}\n",
        NULL);
    efx_event(&f, 0, "door d1 house='h' entrance=1 forced=true n=1");
    efx_event(&f, 1000, "door d2 house='h' entrance=2 forced=true n=5");
    efx_event(&f, 2000, "cam c house='h' entrance=2 n=5");
    efx_event(&f, 3000, "cam c house='h' entrance=3 n=9");
    efx_restart(&f, 0, true);
    efx_event(&f, 4000, "cam c house='h' entrance=2 n=6");
    efx_expect(&f, "4 opened s h r1 x1\n");
    assert_string_equal(efx_incident(&f, "s", "h")->title, "d2 c c");
    efx_done(&f);
}

static void test_same_kind(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: s\n    on: k\n    sequence: [{when: event.v == 1}, {when: event.v == 1}, {when: event.v == 2}]\n    within: 10s\n    resolve_after: 1s\n"
        "    incident: {severity: minor, title: t}\n",
        NULL);
    efx_event(&f, 0, "k x v=1");
    efx_event(&f, 1000, "k x v=2");
    efx_event(&f, 2000, "k x v=1");
    efx_event(&f, 2000, "k x v=2"); /* equal times keep their order */
    efx_expect(&f, "2 opened s x r1 x1\n");
    efx_done(&f);
}

static void test_not_at_the_end(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: s\n    sequence:\n      - {name: open, on: gate, when: event.open}\n      - not: {on: gate, when: '!event.open'}\n    within: 30s\n"
        "    clear: event.?open.orValue(true) == false\n    incident: {severity: minor, title: \"${open.v} ${event.v}\"}\n",
        NULL);
    efx_event(&f, 0, "gate g open=true v=1");
    efx_event(&f, 29999, "gate g open=false v=2");
    efx_advance(&f, 60000);
    efx_expect(&f, "");
    efx_event(&f, 100000, "gate g open=true v=3");
    efx_restart(&f, 0, false);
    efx_event(&f, 130000, "gate g open=false v=4"); /* what is due goes first; then this clears */
    efx_expect(&f, "130 opened s g r1 x1\n130 resolved s g r2 x1\n");
    efx_event(&f, 200000, "gate g open=true v=5");
    efx_event(&f, 210000, "gate g open=true v=6");
    efx_advance(&f, 300000);
    /* each opening was never followed by a closing: the second folds */
    efx_expect(&f, "230 opened s g r1 x1\n");
    assert_true(efx_incident(&f, "s", "g")->count == 2);
    assert_string_equal(efx_incident(&f, "s", "g")->title, "5 5");
    efx_done(&f);
}

static void test_not_between(void **state) {
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: s\n    sequence: [{on: a}, {not: {on: b}}, {on: c}]\n    within: 10s\n    resolve_after: 1s\n    incident: {severity: minor, title: t}\n",
        NULL);
    efx_event(&f, 0, "a x");
    efx_event(&f, 1000, "b x");
    efx_event(&f, 2000, "c x");
    efx_expect(&f, "");
    efx_event(&f, 3000, "b x");
    efx_event(&f, 4000, "a x");
    efx_event(&f, 5000, "c x");
    efx_expect(&f, "5 opened s x r1 x1\n");
    efx_done(&f);
}

static void test_ceiling(void **state) {
    struct efx f;
    struct engine_rule_stats s;

    (void)state;
    efx_init(&f, AB, NULL);
    for (int i = 0; i < 100; i++)
        efx_event(&f, i, "a x v=1");
    engine_rule_stats(f.e, 0, &s);
    assert_int_equal(s.dropped, 100 - ENGINE_MAX_PARTIALS);
    assert_int_equal(f.e->npartials, ENGINE_MAX_PARTIALS);
    efx_restart(&f, 0, true);
    assert_int_equal(f.e->npartials, ENGINE_MAX_PARTIALS);
    efx_advance(&f, 20000);
    assert_int_equal(f.e->npartials, 0);
    efx_flush(&f);
    assert_int_equal(map_count(&f.states), 1);
    efx_done(&f);
}

#define TOGETHER \
    "rules:\n  - rule: t\n    by: event.house\n    together:\n      - {name: smoke, on: smoke, when: event.v > 0}\n      - {name: bike, on: cam}\n" \
    "    within: 5m\n    resolve_after: 10m\n    incident: {severity: extreme, title: \"${smoke.device} ${bike.device}\"}\n"

static void test_together(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, TOGETHER, NULL);
    efx_event(&f, 0, "cam c house=1");
    efx_event(&f, 1000, "smoke s house=2 v=1");
    efx_event(&f, 2000, "smoke s house=1 v=0");
    efx_event(&f, 300000, "smoke s house=1 v=1"); /* the camera's is just out of the window */
    efx_expect(&f, "");
    efx_restart(&f, 0, true);
    efx_event(&f, 599999, "cam c house=1");
    efx_expect(&f, "599.999 opened t 1 r1 x1\n");
    assert_string_equal(efx_incident(&f, "t", "1")->title, "s c");
    assert_true(efx_incident(&f, "t", "1")->first_event == EFX_WALL + 300000);
    efx_event(&f, 599999, "smoke s house=1 v=1");
    efx_advance(&f, 1200000);
    efx_expect(&f, "1199.999 resolved t 1 r2 x2\n");
    efx_event(&f, 1300000, "cam c house=3");
    efx_event(&f, 1400000, "smoke s house=3 v=1 late t=1290000"); /* by its own time: within */
    efx_expect(&f, "1400 opened t 3 r1 x1\n");
    efx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),     cmocka_unit_test(test_span),           cmocka_unit_test(test_join),
        cmocka_unit_test(test_same_kind), cmocka_unit_test(test_not_at_the_end), cmocka_unit_test(test_not_between),
        cmocka_unit_test(test_ceiling),   cmocka_unit_test(test_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
