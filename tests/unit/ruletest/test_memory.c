/* SPDX-License-Identifier: Apache-2.0
 * Out of memory at every allocation while tests are read and run, one after the other: never a crash, never a test that passes for want of memory, and nothing that stays. */
#include "fixture.h"
#include "scarce.h"

static const char text[] =
    "tests:\n"
    "- test: a\n"
    "  devices: [pump-1, 'pump-*', {device: x, like: pump-3, depth: 2.5}]\n"
    "  events: [{at: 0s, every: 5m, until: 15m, kind: pump, device: [pump-1, x], power_w: 0.5, mode: [a, {b: c}]}]\n"
    "  messages: [{at: 1m, topic: site/aa02/power, payload: {w: 1}, events: [{kind: pump, device: pump-2, power_w: 1}]}]\n"
    "  link: [{at: 2m, up: true}]\n"
    "  expect: [{at: 10m, rule: idle, change: opened, by: pump-1}, {at: 10m, rule: idle, change: opened, by: x, values: {power_w: 0.5}, due: {resolve: 24h}}, {at: 11m, rule: idle, "
    "change: opened, devices: [pump-2]}]\n"
    "- test: b\n"
    "  events: [{at: 0s, kind: bell, device: bell-1, pressed: true}, {at: 1m, kind: pump, device: pump-1, power_w: 70}]\n"
    "  commands: [{at: 2m, rule: ring, action: close, note: n}]\n"
    "  expect: [{at: 0s, rule: ring, change: opened, title: other}, {at: 9m, rule: idle, change: opened}, {at: 3h, rule: gone, change: opened}]\n";
static const char mistakes[] =
    "tests: [{test: a, evnets: [], expect: [{at: x, rule: idel, change: opend}]}, {test: b, devices: [pump-8, {device: p, kind: pump, min_w: x}], expect: []}]\n";

static struct fx fx;

/* 0: both tests came out as they should. GF_ENOMEM: it was said that memory was out. 1000: something else. */
static int read_and_run(const char *from, size_t tests, size_t errors) {
    struct report *rep = NULL;
    struct ruletest_suite *s = NULL;
    struct err err = {0};
    struct buf out, json;

    if (report_new(&rep) < 0)
        return GF_ENOMEM;
    buf_init(&out, 0);
    buf_init(&json, 0);
    int rc = ruletest_new(fx.rs, rep, &err, &s);
    if (rc == 0)
        rc = ruletest_add_text(s, "tests.d/1.yaml", from, strlen(from), &err);
    if (rc == 0 && (ruletest_count(s) != tests || report_errors(rep) != errors))
        rc = report_errors(rep) > 0 ? GF_ENOMEM : 1000; /* the YAML reader says it in the report */
    for (size_t i = 0; rc == 0 && i < ruletest_count(s); i++) {
        struct ruletest_result r = {0};
        rc = ruletest_run(s, i, RULETEST_VERBOSE, &r, &out, &json, &err);
        if (rc == 0 &&
            r.passed != (i == 0)) /* without memory a message may be broken, or a device not be found: a failure, as it should be */
            rc = r.passed ? 1000 : GF_ENOMEM;
    }
    report_print(rep, &out, false);
    buf_done(&out);
    buf_done(&json);
    ruletest_free(s);
    report_free(rep);
    return rc;
}

static void exhaust(const char *from, size_t tests, size_t errors) {
    long failures = 0;

    if (!scarce_works())
        skip();
    for (int i = 0; i < 2; i++)
        assert_int_equal(read_and_run(from, tests, errors), 0);
    for (long n = 1;; n++) {
        long before = scarce_live;
        scarce_at(n);
        int rc = read_and_run(from, tests, errors);
        bool reached = scarce_end();
        if (rc != 0 && rc != GF_ENOMEM)
            fail_msg("allocation %ld: %d", n, rc);
        if (!reached)
            break;
        failures += rc != 0;
        long grown = scarce_live - before;
        for (int i = 0; i < 20 && grown > 0; i++) { /* a library may keep something once; a leak goes on */
            before = scarce_live;
            scarce_at(n);
            (void)read_and_run(from, tests, errors);
            (void)scarce_end();
            grown = scarce_live - before;
        }
        if (grown > 0)
            fail_msg("allocation %ld: %ld blocks are left each time", n, grown);
    }
    assert_true(failures > 10);
}

static void tests_that_run(void **state) {
    (void)state;
    exhaust(text, 2, 0);
}

static void tests_with_mistakes(void **state) {
    (void)state;
    exhaust(mistakes, 0, 5);
}

static int setup(void **state) {
    (void)state;
    fx_open(&fx);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fx_close(&fx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(tests_that_run, setup, teardown),
                                       cmocka_unit_test_setup_teardown(tests_with_mistakes, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
