/* SPDX-License-Identifier: Apache-2.0
 * A file of rule tests of any bytes: reading, running with the real mapper and engine, and both reports. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ruletest/ruletest_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) \
    do { \
        if (!(x)) \
            abort(); \
    } while (0)

static const char config[] =
    "gateway: {id: g, lat: 30.0, lon: 120.0, zone: Asia/Shanghai}\nplatforms: [{platform: city, type: file, path: /tmp/x}]\n";
static const char devices[] = "device,kind,name,feeder,address,expect,min_w:double\np1,pump,P1,F1,a1,30m,5\np2,pump,P2,F1,a2,,5\n";
static const char rules[] =
    "sources:\n"
    "  - {source: pump, topic: 'site/{a}', events: [{kind: pump, device: \"registry('address', topic.a).orValue(topic.a)\", time: payload.at, fields: {w: payload.w, m: payload.m}}]}\n"
    "  - {source: talk, topic: 'talk/{a}', ignore: talk}\n"
    "rules:\n"
    "  - {rule: idle, 'on': pump, when: event.w < device.min_w, for: 10m, clear: event.w > 50.0, hold: 1m, incident: {severity: minor, title: \"${device.name} ${event.w}\"}}\n"
    "  - {rule: gone, 'on': pump, absent: 30m, incident: {severity: moderate, title: gone}}\n"
    "  - {rule: often, 'on': pump, when: event.m == 'x', within: 5m, having: event_count() >= 3, clear: auto, incident: {severity: severe, title: often}}\n"
    "  - {rule: pair, sequence: [{name: a, 'on': pump, when: event.m == 'a'}, {name: b, 'on': pump, when: event.m == 'b'}], within: 5m, resolve_after: 1h, incident: {severity: minor, title: pair}}\n"
    "  - {rule: many, 'on': incident, when: event.rule == 'idle' && event.change == 'opened', by: device.feeder, within: 5m, having: event_count() >= 2, clear: manual,\n"
    "     incident: {severity: severe, title: many, members: event.incident}}\n"
    "inhibit_rules:\n"
    "  - {source: many, targets: [idle], equal: [device.feeder]}\n";

static struct ruleset *rule_set(void) {
    static struct ruleset *rs;
    static struct report *rep;
    struct err err = {0};
    const struct rules_file files[] = {{"gengfu.yaml", config, sizeof config - 1},
                                       {"devices.csv", devices, sizeof devices - 1},
                                       {"rules.d/x.yaml", rules, sizeof rules - 1}};
    if (!rs)
        CHECK(report_new(&rep) == 0 && ruleset_load_files(files, 3, rep, &err, &rs) == 0);
    return rs;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ruletest_suite *s;
    struct report *rep;
    struct err err = {0};
    struct buf text, json;

    CHECK(report_new(&rep) == 0 && ruletest_new(rule_set(), rep, &err, &s) == 0);
    int rc = ruletest_add_text(s, "tests.d/x.yaml", (const char *)data, size, &err);
    CHECK(rc == 0 || err.text[0]);
    buf_init(&text, 64 << 20);
    buf_init(&json, 64 << 20);
    for (size_t i = 0; rc == 0 && i < ruletest_count(s) && i < 8; i++) {
        struct ruletest_result r;
        if (s->tests[i].ninputs > 500 || s->tests[i].until > 7 * TIME_DAY)
            continue; /* right, and too long for a fuzzer */
        CHECK(ruletest_run(s, i, RULETEST_VERBOSE, &r, &text, &json, &err) == 0);
        CHECK(r.passed == (r.problems == 0));
        CHECK(memchr(text.data, 27, text.len) == NULL);
    }
    report_print(rep, &text, true);
    buf_done(&text);
    buf_done(&json);
    ruletest_free(s);
    report_free(rep);
    return 0;
}
