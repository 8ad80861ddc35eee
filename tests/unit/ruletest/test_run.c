/* SPDX-License-Identifier: Apache-2.0
 * Running tests: what passes, what fails, and what a failure says. */
#include "fixture.h"

#include "gengfu/base/json.h"

static struct fx fx;

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

#define IDLE "  events:\n  - {at: 0s, kind: pump, device: pump-1, power_w: 0.5}\n  - {at: 15m, kind: pump, device: pump-1, power_w: 90}\n"

static void passes(void **state) {
    (void)state;
    fx_pass(&fx, IDLE "  expect: [{at: 10m, rule: idle, change: opened}, {at: 15m, rule: idle, change: resolved}]\n");
    assert_int_equal(fx.result.inputs, 2);
    assert_int_equal(fx.result.told, 2);
    /* the order of what is expected does not matter, times are cut to seconds */
    fx_pass(&fx, IDLE "  expect: [{at: 15m, rule: idle, change: resolved}, {at: 10m900ms, rule: idle, change: opened}]\n");
}

static void each_field_is_compared(void **state) {
    (void)state;
    const char *const good[] = {"severity: minor",    "title: Pump 1 idle",
                                "text: 0.5 W",        "by: pump-1",
                                "device: pump-1",     "devices: [pump-1]",
                                "devices: 1",         "count: 1",
                                "place: Hall",        "values: {power_w: 0.5}",
                                "values: {}",         "evidence: 0",
                                "evidence: []",       "members: 0",
                                "condition: firing",  "handling: new",
                                "level: 0",           "due: {acknowledge: 30m, resolve: 24h}",
                                "due: {resolve: 1d}", "number: gw-t-20260105-0001",
                                "revision: 1",        "chattering: false",
                                "test: false",        "urgency: Immediate"};
    const char *const bad[] = {"severity: severe",
                               "title: Pump 1",
                               "text: ''",
                               "by: pump-2",
                               "device: pump",
                               "devices: [pump-1, pump-2]",
                               "devices: 2",
                               "count: 2",
                               "place: Yard",
                               "values: {power_w: 0.6}",
                               "values: {mode: a}",
                               "evidence: 1",
                               "evidence: [a]",
                               "members: 1",
                               "members: [pump-2]",
                               "condition: resolved",
                               "handling: closed",
                               "level: 1",
                               "due: {acknowledge: 31m}",
                               "number: gw-t-20260105-0002",
                               "revision: 2",
                               "chattering: true",
                               "category: X-1",
                               "parent: many",
                               "disposition: real",
                               "ticket: T-1",
                               "rating: 3"};
    char body[512];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        (void)snprintf(body, sizeof body, IDLE "  ignore: resolved\n  expect: [{at: 10m, rule: idle, change: opened, %s}]\n", good[i]);
        fx_pass(&fx, body);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char words[64];
        (void)snprintf(body, sizeof body, IDLE "  ignore: resolved\n  expect: [{at: 10m, rule: idle, change: opened, %s}]\n", bad[i]);
        (void)snprintf(words, sizeof words, "        %.*s is ", (int)strcspn(bad[i], ":"), bad[i]);
        fx_fail(&fx, body, words);
        assert_int_equal(fx.result.problems, 1);
    }
}

static void nearest_misses(void **state) {
    (void)state;
    fx_fail(
        &fx, IDLE "  expect: [{at: 12m, rule: idle, change: opened}, {at: 15m, rule: idle, change: resolved}]\n",
        "      expected: at 12m idle opened   (line 6)\n        nearest:  at 10m idle opened (minor), by pump-1: Pump 1 idle\n        at is 10m, expected 12m\n");
    assert_int_equal(fx.result.problems, 1);
    fx_fail(&fx, IDLE "  expect: [{at: 10m, rule: idle, change: opened}, {at: 15m, rule: idle, change: closed}]\n",
            "        change is resolved, expected closed\n");
    assert_int_equal(fx.result.problems, 1);
    /* another key is another thing: nothing like it came, and what came was not expected */
    fx_fail(&fx, IDLE "  ignore: resolved\n  expect: [{at: 11m, rule: idle, change: opened, device: pump-2}]\n",
            "expected, and nothing like it came: at 11m idle opened, device \"pump-2\"");
    assert_non_null(strstr(fx.text.data, "not expected: at 10m idle opened (minor), by pump-1: Pump 1 idle"));
    assert_int_equal(fx.result.problems, 2);
    fx_fail(&fx, IDLE "  expect: []\n", "not expected: at 10m idle opened");
    assert_int_equal(fx.result.problems, 2);
}

/* Two of one second: the one that is asked for more closely must not be given away to the other. */
static void pairing_is_of_all_together(void **state) {
    (void)state;
    fx_pass(&fx, "  events: [{at: 0s, kind: pump, device: [pump-1, pump-2, pump-3], power_w: 1}]\n"
                 "  expect:\n"
                 "  - {at: 10m, rule: idle, change: opened}\n"
                 "  - {at: 10m, rule: idle, change: opened, place: Hall}\n"
                 "  - {at: 10m, rule: idle, change: opened, device: pump-1}\n");
    fx_fail(&fx,
            "  events: [{at: 0s, kind: pump, device: [pump-1, pump-2, pump-3], power_w: 1}]\n"
            "  expect:\n"
            "  - {at: 10m, rule: idle, change: opened, place: Hall}\n"
            "  - {at: 10m, rule: idle, change: opened, place: Hall}\n"
            "  - {at: 10m, rule: idle, change: opened, device: pump-1}\n",
            "is \"");
    assert_int_equal(fx.result.problems, 1);
}

static void what_a_rule_saw(void **state) {
    (void)state;
    fx_fail(&fx,
            "  events:\n"
            "  - {at: 0s, kind: pump, device: pump-1, power_w: 1}\n"
            "  - {at: 3m, kind: pump, device: pump-1, mode: eco}\n"
            "  - {at: 5m, kind: pump, device: pump-1, power_w: 30}\n"
            "  - {at: 6m, kind: pump, device: nobody, power_w: 30}\n"
            "  expect: [{at: 10m, rule: idle, change: opened}]\n",
            "0s      pump of pump-1: matched; pending from now on, for 10m");
    const char *const saw[] = {"3m      pump of pump-1: not looked at: the event has no power_w",
                               "5m      pump of pump-1: not true; no longer pending", "6m      pump of nobody: unknown",
                               "device.min_w = ", "in all: 3 looked at, 1 matched, 1 unknown; at the end 0 pending, 0 open"};
    for (size_t i = 0; i < sizeof saw / sizeof *saw; i++)
        assert_non_null(strstr(fx.text.data, saw[i]));
    fx_fail(&fx, "  events: [{at: 0s, kind: bell, device: b, pressed: false}]\n  expect: [{at: 10m, rule: idle, change: opened}]\n",
            "nothing reached it: it listens to pump");
    fx_fail(&fx, "  events: [{at: 7m, kind: pump, device: pump-1, power_w: 90}]\n  expect: [{at: 30m, rule: gone, change: opened}]\n",
            "pump-1: last heard of at 7m, may be silent for 30m (its 'expect')");
    fx_fail(&fx, "  events: [{at: 7m, kind: pump, device: nobody, power_w: 90}]\n  expect: [{at: 30m, rule: gone, change: opened}]\n",
            "no registered device of the test is of a kind");
    fx_fail(&fx, "  events: [{at: 0s, kind: pump, device: pump-1, mode: odd}]\n  expect: [{at: 0s, rule: held, change: opened}]\n",
            "raised for pump-1 and not told: held back (hold: 1m)");
    fx_fail(&fx,
            "  events: [{at: 0s, kind: pump, device: [pump-1, pump-2], mode: odd}]\n  until: 5m\n"
            "  expect: [{at: 0s, rule: many, change: opened}, {at: 1m, rule: held, change: opened, device: pump-1}]\n",
            "raised for pump-1 and not told: inhibited by many for F1");
}

static void inputs_of_every_kind(void **state) {
    (void)state;
    fx_pass(
        &fx,
        "  messages:\n"
        "  - {at: 0s, topic: site/aa01/power, payload: {w: '0.5', at: '2026-01-05T12:00:00+08:00'}, events: [{kind: pump, device: pump-1, power_w: 0.5, mode: null, time: 0s, late: false}]}\n"
        "  - {at: 0s, topic: site/aa01/power, payload: {w: 0.5, at: '2026-01-05T11:50:00+08:00'}, events: [{time: -10m}]}\n"
        "  - {at: 1m, topic: site/aa01/power, payload: '{\"w\": 1}', events: [{power_w: 1}]}\n"
        "  - {at: 2m, topic: site/aa01/chatter, payload: x, outcome: ignored, events: []}\n"
        "  - {at: 3m, topic: nobody/listens, payload_base64: AAECAw==, outcome: unmatched}\n"
        "  - {at: 4m, topic: site/zz99/power, payload: {w: 30}, events: [{device: zz99}]}\n"
        "  until: 20m\n  expect: [{at: 10m, rule: idle, change: opened, device: pump-1}]\n");
    fx_fail(&fx, "  messages: [{at: 0s, topic: nobody/listens, payload: x}]\n  until: 1m\n  expect: []\n",
            "the message on nobody/listens is unmatched: no source has this topic   (line 3)");
    fx_fail(&fx, "  messages: [{at: 0s, topic: site/aa01/chatter, payload: x, outcome: events}]\n  until: 1m\n  expect: []\n",
            "is ignored, source chatter: nobody asked");
    fx_fail(
        &fx,
        "  messages: [{at: 0s, topic: site/aa01/power, payload: {w: 1}, events: [{kind: bell, device: x, power_w: 2, mode: a}]}]\n  until: 1m\n  expect: []\n",
        "event 1 is of kind pump, expected bell");
    assert_non_null(strstr(fx.text.data, "event 1 is of device pump-1, expected x"));
    assert_non_null(strstr(fx.text.data, "power_w is 1, expected 2"));
    assert_non_null(strstr(fx.text.data, "it has no field mode, expected 'a'"));
    fx_fail(&fx, "  messages: [{at: 0s, topic: site/aa01/power, payload: {w: 1}, events: []}]\n  until: 1m\n  expect: []\n",
            "the message became 1 event, expected 0");
}

static void commands_and_escalation(void **state) {
    (void)state;
    fx_pass(&fx, "  events: [{at: 0s, kind: bell, device: bell-1, pressed: true}]\n"
                 "  commands:\n"
                 "  - {at: 7m, rule: ring, key: bell-1, action: acknowledge, ticket: T-7}\n"
                 "  - {at: 8m, rule: ring, action: close, disposition: false_alarm, note: a child}\n"
                 "  - {at: 9m, rule: ring, action: acknowledge, refused: true}\n"
                 "  ignore: updated\n"
                 "  expect:\n"
                 "  - {at: 0s, rule: ring, change: opened, severity: severe}\n"
                 "  - {at: 5m, rule: ring, change: updated, severity: extreme, level: 1}\n"
                 "  - {at: 7m, rule: ring, change: updated, handling: acknowledged, ticket: T-7}\n"
                 "  - {at: 8m, rule: ring, change: closed, handling: closed, disposition: false_alarm}\n");
    fx_fail(&fx, "  commands: [{at: 0s, rule: ring, action: close}]\n  until: 1m\n  expect: []\n", "there is no incident of ring to close");
    fx_fail(&fx,
            "  events: [{at: 0s, kind: bell, device: [b1, b2], pressed: true}]\n  commands: [{at: 1m, rule: ring, action: close}]\n"
            "  expect: [{at: 0s, rule: ring, change: opened}, {at: 0s, rule: ring, change: opened}]\n",
            "2 incidents of ring are open: say which with 'key'");
    fx_fail(
        &fx,
        "  events: [{at: 0s, kind: bell, device: b1, pressed: true}]\n  commands: [{at: 1m, rule: ring, action: acknowledge, refused: true}]\n  ignore: [opened, updated]\n  expect: []\n",
        "acknowledge ring: done, and should have been refused");
}

static void registries(void **state) {
    (void)state;
    /* only those that are spoken of: the others' silence is not raised */
    fx_pass(&fx, "  events: [{at: 0s, every: 20m, until: 2h, kind: pump, device: pump-1, power_w: 90}]\n  expect: []\n");
    fx_pass(
        &fx,
        "  devices: all\n  until: 30m\n"
        "  expect: [{at: 30m, rule: gone, change: opened, by: pump-1}, {at: 30m, rule: gone, change: opened, by: pump-2}, {at: 30m, rule: gone, change: opened, by: pump-3}]\n");
    fx_pass(
        &fx,
        "  devices: ['pump-*', {device: pump-2, like: pump-2, expect: 1h}, pump-3, {device: x, like: pump-1, name: X, expect: 5m}]\n  until: 1h\n"
        "  expect:\n"
        "  - {at: 5m, rule: gone, change: opened, by: x, title: X gone}\n"
        "  - {at: 30m, rule: gone, change: opened, by: pump-1}\n"
        "  - {at: 30m, rule: gone, change: opened, by: pump-3}\n"
        "  - {at: 1h, rule: gone, change: opened, by: pump-2}\n");
    fx_pass(&fx, "  devices: []\n  until: 3h\n  expect: []\n");
    /* types: of devices.csv where it has the column, else as they are written; an own row inherits nothing */
    fx_pass(&fx, "  devices: [{device: p, kind: pump, name: 'P, \"q\"', min_w: 20, depth: 7.5, note: 7a, expect: 2d}]\n"
                 "  events: [{at: 0s, kind: pump, device: p, power_w: 19}]\n"
                 "  expect: [{at: 10m, rule: idle, change: opened, title: 'P, \"q\" idle'}]\n");
    fx_fail(
        &fx,
        "  devices: [{device: pump-1, kind: pump, expect: 2d}]\n  events: [{at: 0s, kind: pump, device: pump-1, power_w: 1}]\n  expect: [{at: 10m, rule: idle, change: opened}]\n",
        "pump of pump-1: unknown"); /* no min_w */
    /* a message is joined with the test's registry */
    fx_pass(
        &fx,
        "  devices: [{device: mine, like: pump-1, address: cc77}]\n  messages: [{at: 0s, topic: site/cc77/power, payload: {w: 90}, events: [{device: mine}]}]\n  until: 1m\n  expect: []\n");
}

static void groups_and_members(void **state) {
    (void)state;
    fx_pass(&fx,
            "  events: [{at: 0s, kind: pump, device: pump-1, mode: odd}, {at: 30s, kind: pump, device: pump-2, mode: odd}]\n  until: 5m\n"
            "  expect: [{at: 30s, rule: many, change: opened, by: F1, title: F1, members: [pump-2, pump-1]}]\n");
    fx_fail(&fx,
            "  events: [{at: 0s, kind: pump, device: [pump-1, pump-2], mode: odd}]\n  until: 5m\n"
            "  expect: [{at: 0s, rule: many, change: opened, members: [pump-1, pump-3]}]\n",
            "members is pump-1, pump-2, expected pump-1, pump-3");
}

static void time_of_the_device(void **state) {
    (void)state;
    /* late: nobody can say how long it has held, so no `for` begins */
    fx_pass(&fx, "  events: [{at: 2h, time: 10m, late: true, kind: pump, device: pump-1, power_w: 1}]\n  until: 2h20m\n"
                 "  ignore: resolved\n  expect: [{at: 30m, rule: gone, change: opened}]\n");
    /* a copy that the broker kept changes the state; what is new in it concerns rules, what is known does not */
    fx_pass(
        &fx,
        "  events: [{at: 0s, kind: bell, device: bell-1, pressed: true, retained: true}, {at: 1m, kind: bell, device: bell-1, pressed: true, retained: true}]\n  until: 2m\n"
        "  expect: [{at: 0s, rule: ring, change: opened, count: 1}]\n");
}

static void the_link(void **state) {
    (void)state;
    fx_pass(
        &fx,
        "  events: [{at: 0s, kind: pump, device: pump-1, power_w: 90}]\n  link: [{at: 10m, up: false}, {at: 2h, up: true}]\n  until: 2h29m\n  expect: []\n");
}

static void shadow_rules_are_tested_as_live(void **state) {
    (void)state;
    fx_pass(&fx, "  events: [{at: 0s, kind: pump, device: pump-1, mode: hot}, {at: 1m, kind: pump, device: pump-1, mode: cold}]\n"
                 "  expect: [{at: 0s, rule: hot, change: opened}, {at: 1m, rule: hot, change: resolved}]\n");
    assert_int_equal(ruleset_rule(fx.rs, "hot")->mode, RULE_SHADOW); /* the rule set itself is as it was */
}

static void start_and_zone(void **state) {
    (void)state;
    fx_pass(&fx, "  start: 2026-03-01T00:30:00\n" IDLE
                 "  ignore: resolved\n  expect: [{at: 10m, rule: idle, change: opened, number: gw-t-20260301-0001}]\n");
    fx_pass(&fx, "  start: 2026-03-01T00:30:00Z\n" IDLE
                 "  ignore: resolved\n  expect: [{at: 10m, rule: idle, change: opened, number: gw-t-20260301-0001}]\n");
    fx_pass(&fx, "  start: 2026-02-28T16:30:00Z\n" IDLE
                 "  ignore: resolved\n  expect: [{at: 10m, rule: idle, change: opened, number: gw-t-20260301-0001}]\n");
}

static void json_lines(void **state) {
    (void)state;
    struct arena a;
    const cJSON *doc, *problems;

    fx_fail(&fx, IDLE "  expect: [{at: 12m, rule: idle, change: opened, title: \"\\e[31m\"}, {at: 1m, rule: ring, change: opened}]\n",
            "title is");
    assert_null(strchr(fx.text.data, 27)); /* cleaned */
    arena_init(&a, 4096, 0);
    assert_int_equal(fx.json.data[fx.json.len - 1], '\n');
    assert_int_equal(json_parse(&a, fx.json.data, fx.json.len, NULL, &doc), 0);
    assert_string_equal(json_str(doc, "test", ""), "t");
    assert_string_equal(json_str(doc, "result", ""), "failed");
    problems = json_get(doc, "problems");
    assert_int_equal(cJSON_GetArraySize(problems), 3);
    assert_string_equal(json_str(problems->child, "problem", ""), "missing");
    assert_true(cJSON_GetArraySize(json_get(problems->child, "saw")) > 0);
    assert_string_equal(json_str(problems->child->next, "problem", ""), "different");
    assert_string_equal(json_str(json_get(json_get(problems->child->next, "came"), "incident"), "rule", ""), "idle");
    assert_string_equal(json_str(problems->child->next->next, "problem", ""), "unexpected");
    arena_done(&a);
}

static void no_test_sees_another(void **state) {
    (void)state;
    struct err err = {0};
    fx_load(
        &fx,
        "tests:\n- {test: a, events: [{at: 0s, kind: bell, device: b, pressed: true}], expect: [{at: 0s, rule: ring, change: opened, count: 1, revision: 1}]}\n"
        "- {test: b, events: [{at: 0s, kind: bell, device: b, pressed: true}], expect: [{at: 0s, rule: ring, change: opened, count: 1, revision: 1}]}\n");
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(ruletest_run(fx.suite, i, 0, &fx.result, NULL, NULL, &err), 0);
            assert_true(fx.result.passed);
        }
}

static void verbose_tells_what_came(void **state) {
    (void)state;
    struct err err = {0};
    fx_pass(&fx, IDLE "  expect: [{at: 10m, rule: idle, change: opened}, {at: 15m, rule: idle, change: resolved}]\n");
    assert_int_equal(ruletest_run(fx.suite, 0, RULETEST_VERBOSE, &fx.result, &fx.text, NULL, &err), 0);
    assert_string_equal(
        fx.text.data,
        "      came: at 10m idle opened (minor), by pump-1: Pump 1 idle\n      came: at 15m idle resolved (minor), by pump-1: Pump 1 idle\n");
}

static void a_file_looks_at_the_rules_that_it_names(void **state) {
    (void)state;
    fx_fail(&fx, IDLE "  expect: []\nrules: 1.yaml\n", "not expected: at 10m idle opened");
    fx_fail(&fx, IDLE "  expect: []\nrules: [2.yaml, '*.yaml']\n", "not expected: at 10m idle opened");
    fx_pass(&fx, IDLE "  expect: []\nrules: 2.yaml\n");
    assert_int_equal(report_warnings(fx.rep), 1); /* no rule stands there */
    fx_pass(&fx, IDLE "  expect: [{at: 10m, rule: idle, change: opened}]\nrules: '2*'\n");
    fx_fail(&fx, IDLE "  expect: [{at: 11m, rule: idle, change: opened}]\nrules: '2*'\n", "at is 10m, expected 11m");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(passes),
        T(each_field_is_compared),
        T(nearest_misses),
        T(pairing_is_of_all_together),
        T(what_a_rule_saw),
        T(inputs_of_every_kind),
        T(commands_and_escalation),
        T(registries),
        T(groups_and_members),
        T(time_of_the_device),
        T(the_link),
        T(shadow_rules_are_tested_as_live),
        T(start_and_zone),
        T(json_lines),
        T(no_test_sees_another),
        T(verbose_tells_what_came),
        T(a_file_looks_at_the_rules_that_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
