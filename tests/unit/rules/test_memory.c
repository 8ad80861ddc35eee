/* SPDX-License-Identifier: Apache-2.0
 * Out of memory at every allocation of a load, one after the other: never a crash, never half a rule set, and what was there is free again (the sanitizers and valgrind see leaks). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/rules/model.h"
#include "scarce.h"

static long failures; /* loads that came out otherwise than with enough memory */

static const char config[] =
    "gateway: {id: g, lat: 30.0, lon: 120.0, zone: Asia/Shanghai}\n"
    "platforms:\n  - {platform: city, type: https, url: 'https://x/y', secret_file: s, when: incident.severity == 'minor'}\n";
static const char devices[] = "device,kind,name,feeder,min_power_w:double\nlamp-7,lamp,\"n\",F2,5.0\n";
static const char codes[] = "code,name,kind\n01-07-03,x,component\n";
static const char good[] =
    "sources:\n  - source: s\n    topic: a/{device}/{rest+}\n    match: has(payload.x)\n    each: payload.list\n"
    "    events:\n      - {kind: lamp, time: item.t, fields: {power_w: item.p}, emit: on_change, dedupe: {key: item.id, within: 2s}}\n"
    "    online: {topic: 'b/{device}', when: payload == 'x'}\n"
    "lists: {old: [a, b]}\nmacros: {dark: event.power_w < 1.0}\n"
    "time_intervals:\n  night: {times: [{start_time: sunset, end_time: sunrise}], weekdays: ['monday:friday'], days_of_month: ['1:5'], location: Europe/Berlin}\n"
    "rules:\n"
    "  - rule: a\n    on: lamp\n    during: night\n    when: dark && device.id in old\n    for: 10m\n    exceptions: [device.feeder == 'F3']\n    evidence: ['event.power_w']\n    forward: city\n"
    "    escalate: [{after: 5m, severity: severe}]\n    incident: {severity: minor, title: \"${device.name} x\", category: 01-07-03}\n"
    "  - rule: b\n    on: incident\n    within: 5m\n    having: value_count(event.device) > 3\n    by: [device.feeder, event.rule]\n    incident: {severity: minor, title: \"${event_count()}\", members: event.incident}\n"
    "  - rule: c\n    sequence: [{name: x, on: lamp}, {not: {on: lamp, when: x.power_w > 1.0}}]\n    within: 5m\n    clear: manual\n    incident: {severity: minor, title: x}\n"
    "overrides:\n  - rule: a\n    for: 5m\n    exceptions: [device.feeder == 'F4']\n    incident: {severity: severe}\n"
    "inhibit_rules:\n  - {source: b, targets: [a], equal: [device.feeder]}\n";
static const char bad[] =
    "sources:\n  - source: s\n    topic: a/+\n    events: [{kind: lamp, device: topic.x, fields: {p: payload.}}]\n"
    "rules:\n  - rule: a\n    on: lmap\n    when: event.x > 'a\n    incident: {severity: minro, title: \"${x\"}\n    unknown: [1\n";

static int load(const char *rules) {
    const struct rules_file files[] = {{"gengfu.yaml", config, sizeof config - 1},
                                       {"devices.csv", devices, sizeof devices - 1},
                                       {"codes.csv", codes, sizeof codes - 1},
                                       {"rules.d/x.yaml", rules, strlen(rules)}};
    struct report *rep = NULL;
    struct ruleset *rs = NULL;
    struct err err = {0};
    struct buf out;
    if (report_new(&rep) < 0)
        return GF_ENOMEM;
    int rc = ruleset_load_files(files, sizeof files / sizeof *files, rep, &err, &rs);
    buf_init(&out, 0);
    report_print(rep, &out, false);
    report_print_json(rep, &out);
    buf_done(&out);
    if ((rc == 0) != (rs != NULL) || (rc < 0 && !err.text[0]))
        rc = 1000;
    ruleset_free(rs);
    report_free(rep);
    return rc;
}

/* Loads with the n-th allocation failing; false when there were not as many. */
static bool load_failing(const char *rules, long n, int want) {
    scarce_at(n);
    int rc = load(rules);
    bool reached = scarce_end();
    if (rc != want && rc != GF_ENOMEM && rc != GF_EINVAL)
        fail_msg("allocation %ld: %d", n, rc);
    failures += rc != want;
    return reached;
}

/* Libraries may keep something at a failure (libcrypto its list of the last sixteen errors); a leak goes on and on. */
static void exhaust(const char *rules, int want) {
    if (!scarce_works())
        skip();
    assert_int_equal(load(rules), want);
    failures = 0;
    for (long n = 1; load_failing(rules, n, want); n++) {
        long grown = 1;
        for (int i = 0; i < 50 && grown; i++) {
            long before = scarce_live;
            (void)load_failing(rules, n, want);
            grown = scarce_live - before;
        }
        if (grown)
            fail_msg("allocation %ld: %ld blocks are left each time", n, grown);
    }
}

static void test_good(void **state) {
    (void)state;
    exhaust(good, 0);
    assert_true(failures > 100);
}

static void test_bad(void **state) {
    (void)state;
    exhaust(bad, GF_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
