/* SPDX-License-Identifier: Apache-2.0
 * A small rule set, and suites of tests given as text. */
#ifndef TESTS_RULETEST_FIXTURE_H
#define TESTS_RULETEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gengfu/ruletest/ruletest.h"

struct fx {
    struct ruleset *rs;
    struct report *rules_report;
    struct report *rep;
    struct ruletest_suite *suite;
    struct ruletest_result result;
    struct buf text, json;
};

static const char fx_yaml[] =
    "gateway: {id: gw-t, lat: 30.05, lon: 119.9, zone: Asia/Shanghai}\nplatforms: [{platform: bench, type: file, path: /tmp/x}]\n";
static const char fx_devices[] = "device,kind,name,place,feeder,address,expect,min_w:double,floor:int,shared:bool\n"
                                 "pump-1,pump,Pump 1,Hall,F1,aa01,30m,5,2,true\n"
                                 "pump-2,pump,Pump 2,Hall,F1,aa02,30m,5,2,false\n"
                                 "pump-3,pump,Pump 3,Yard,F2,aa03,30m,7.5,,\n"
                                 "bell-1,bell,\"Bell, \"\"front\"\"\",Door,,bb01,,,,\n";
static const char fx_rules[] =
    "sources:\n"
    "  - source: pump\n"
    "    topic: site/{address}/power\n"
    "    events:\n"
    "      - kind: pump\n"
    "        device: registry('address', topic.address).orValue(topic.address)\n"
    "        time: payload.at\n"
    "        fields: {power_w: number(payload.w), mode: payload.mode}\n"
    "  - source: chatter\n"
    "    topic: site/{address}/chatter\n"
    "    ignore: nobody asked\n"
    "rules:\n"
    "  - {rule: idle, on: pump, when: event.power_w < device.min_w, for: 10m, clear: event.power_w > 50.0,\n"
    "     incident: {severity: minor, title: \"${device.name} idle\", text: \"${event.power_w} W\", due: {acknowledge: 30m, resolve: 24h}}}\n"
    "  - {rule: hot, mode: shadow, on: pump, when: event.mode == 'hot', clear: auto, incident: {severity: severe, title: hot}}\n"
    "  - {rule: gone, 'on': pump, absent: 30m, incident: {severity: moderate, title: \"${device.name} gone\"}}\n"
    "  - {rule: ring, 'on': bell, when: event.pressed, clear: manual, escalate: [{after: 5m, while: unacknowledged, severity: extreme}], incident: {severity: severe, title: ring}}\n"
    "  - {rule: held, 'on': pump, when: event.mode == 'odd', clear: auto, hold: 1m, incident: {severity: minor, title: odd}}\n"
    "  - {rule: many, 'on': incident, when: event.rule == 'held' && event.change == 'opened', by: device.feeder, within: 2m, having: value_count(event.device) >= 2, resolve_after: 1h,\n"
    "     incident: {severity: severe, title: \"${by}\", members: event.incident}}\n"
    "  - {rule: off, mode: 'off', 'on': pump, when: event.power_w > 0, clear: auto, incident: {severity: minor, title: never}}\n"
    "inhibit_rules:\n"
    "  - {source: many, targets: [held], equal: [device.feeder]}\n";

static inline void fx_open(struct fx *f) {
    const struct rules_file files[] = {{"gengfu.yaml", fx_yaml, sizeof fx_yaml - 1},
                                       {"devices.csv", fx_devices, sizeof fx_devices - 1},
                                       {"rules.d/1.yaml", fx_rules, sizeof fx_rules - 1}};
    struct err err = {0};

    memset(f, 0, sizeof *f);
    buf_init(&f->text, 0);
    buf_init(&f->json, 0);
    assert_int_equal(report_new(&f->rules_report), 0);
    if (ruleset_load_files(files, 3, f->rules_report, &err, &f->rs) < 0) {
        report_print(f->rules_report, &f->text, false);
        print_error("%s\n%s\n", err.text, f->text.data);
        fail();
    }
}

/* A suite with this text; what is there already goes. */
static inline void fx_load(struct fx *f, const char *text) {
    struct err err = {0};

    ruletest_free(f->suite);
    f->suite = NULL;
    report_free(f->rep);
    assert_int_equal(report_new(&f->rep), 0);
    assert_int_equal(ruletest_new(f->rs, f->rep, &err, &f->suite), 0);
    assert_int_equal(ruletest_add_text(f->suite, "tests.d/1.yaml", text, strlen(text), &err), 0);
}

static inline void fx_show_report(const struct fx *f) {
    struct buf b;
    buf_init(&b, 0);
    report_print(f->rep, &b, false);
    print_error("%s\n", b.data);
    buf_done(&b);
}

/* One test of this body (keys with two blanks before them), run. */
static inline void fx_run(struct fx *f, const char *body) {
    struct err err = {0};
    struct buf text;

    buf_init(&text, 0);
    buf_printf(&text, "tests:\n- test: t\n%s", body);
    fx_load(f, text.data);
    buf_done(&text);
    if (report_errors(f->rep) > 0 || ruletest_count(f->suite) != 1) {
        fx_show_report(f);
        fail();
    }
    buf_clear(&f->text);
    buf_clear(&f->json);
    int rc = ruletest_run(f->suite, 0, 0, &f->result, &f->text, &f->json, &err);
    if (rc < 0)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
}

static inline void fx_pass(struct fx *f, const char *body) {
    fx_run(f, body);
    if (!f->result.passed)
        print_error("%s\n", f->text.data);
    assert_true(f->result.passed);
    assert_int_equal(f->result.problems, 0);
    assert_string_equal(f->text.data, "");
}

/* It fails, and says so in these words. */
static inline void fx_fail(struct fx *f, const char *body, const char *words) {
    fx_run(f, body);
    assert_false(f->result.passed);
    if (!strstr(f->text.data, words))
        print_error("not found: %s\n%s\n", words, f->text.data);
    assert_non_null(strstr(f->text.data, words));
}

static inline void fx_close(struct fx *f) {
    ruletest_free(f->suite);
    report_free(f->rep);
    ruleset_free(f->rs);
    report_free(f->rules_report);
    buf_done(&f->text);
    buf_done(&f->json);
}

#endif
