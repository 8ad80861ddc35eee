/* SPDX-License-Identifier: Apache-2.0
 * Reading tests: every mistake at its place, with the cure, all in one run, and the sound tests beside them kept. */
#include "fixture.h"

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

struct mistake {
    const char *body;     /* of a test that begins in line 2; NULL: whole is the file */
    const char *sentence; /* with its place, below "tests.d/1.yaml:" */
    const char *hint;     /* NULL: any */
    const char *whole;
};

static const struct mistake mistakes[] = {
    {"  evnets: []\n  expect: []\n", "3:3: a test has no key 'evnets'", "did you mean 'events'?", NULL},
    {"  events: []\n", "2:9: the test has no 'expect'", "expect: []", NULL},
    {"  events: {}\n  expect: []\n", "3:11: 'events' must be a list, not a mapping", NULL, NULL},
    {"  events: [5]\n  expect: []\n", "3:12: an event must be a mapping (key: value), not text", "kind: lamp", NULL},
    {"  events: [{kind: pump, device: a}]\n  expect: []\n", "3:12: the event has no 'at'", "at: 5m", NULL},
    {"  events: [{at: 5, kind: pump, device: a}]\n  expect: []\n", "3:17: 'at' must be a span of time, not '5'", "30s, 5m, 1h30m", NULL},
    {"  events: [{at: -5m, kind: pump, device: a}]\n  expect: []\n", "3:17: 'at' must be a span of time, not '-5m'", NULL, NULL},
    {"  events: [{at: 5m, device: a}]\n  expect: []\n", "3:12: the event has no 'kind'", NULL, NULL},
    {"  events: [{at: 5m, kind: pump}]\n  expect: []\n", "3:12: the event has no 'device'", NULL, NULL},
    {"  events: [{at: 5m, kind: pmup, device: a}]\n  expect: []\n", "3:27: no source and no rule knows the kind 'pmup'",
     "did you mean 'pump'?", NULL},
    {"  events: [{at: 5m, kind: incident, device: a}]\n  expect: []\n", "3:27: no source and no rule knows the kind 'incident'", NULL,
     NULL},
    {"  events: [{at: 0s, every: 1m, kind: pump, device: a}]\n  expect: []\n", "3:28: 'every' and 'until' go together", NULL, NULL},
    {"  events: [{at: 0s, every: 0s, until: 1m, kind: pump, device: a}]\n  expect: []\n", "3:28: 'every' must be more than nothing", NULL,
     NULL},
    {"  events: [{at: 5m, every: 1m, until: 1m, kind: pump, device: a}]\n  expect: []\n", "3:39: 'until' lies before 'at'", NULL, NULL},
    {"  events: [{at: 0s, every: 1s, until: 300d, kind: pump, device: a}]\n  expect: []\n", "3:12: the test has more than 200000 inputs",
     "fewer repetitions", NULL},
    {"  events: [{at: 0s, every: 1s, until: 1m, time: 1s, kind: pump, device: a}]\n  expect: []\n", "3:49: 'time' is one moment", NULL,
     NULL},
    {"  events: [{at: 0s, kind: pump, device: a, late: yes}]\n  expect: []\n", "3:50: 'late' must be true or false, not 'yes'", NULL, NULL},
    {"  events: [{at: 0s, kind: pump, device: a, power_w: 1, fields: {power_w: 2}}]\n  expect: []\n",
     "3:65: the field 'power_w' is given twice", NULL, NULL},
    {"  events: [{at: 0s, kind: pump, device: a, fields: 3}]\n  expect: []\n", "3:52: 'fields' must be a mapping", NULL, NULL},
    {"  messages: [{at: 0s, payload: 1}]\n  expect: []\n", "3:14: the message has no 'topic'", NULL, NULL},
    {"  messages: [{at: 0s, topic: a}]\n  expect: []\n", "3:14: the message has no 'payload'", "payload_base64", NULL},
    {"  messages: [{at: 0s, topic: a, payload: 1, payload_base64: aaaa}]\n  expect: []\n", "3:14: the message has two payloads", NULL,
     NULL},
    {"  messages: [{at: 0s, topic: a, payload_base64: '***'}]\n  expect: []\n", "3:49: payload_base64 is not base64", NULL, NULL},
    {"  messages: [{at: 0s, topic: a/+, payload: 1}]\n  expect: []\n", "3:30: a message's topic holds no '+' and no '#'", NULL, NULL},
    {"  messages: [{at: 0s, topic: a, payload: 1, retain: true}]\n  expect: []\n", "3:45: a message has no key 'retain'",
     "did you mean 'retained'?", NULL},
    {"  messages: [{at: 0s, topic: a, payload: 1, outcome: dropped}]\n  expect: []\n", "3:54: 'outcome' cannot be 'dropped'", "ignored",
     NULL},
    {"  messages: [{at: 0s, topic: a, payload: 1, events: 1}]\n  expect: []\n", "3:53: 'events' must be a list", NULL, NULL},
    {"  messages: [{at: 0s, topic: a, payload: 1, events: [{time: 5}]}]\n  expect: []\n", "3:61: 'time' is no time: 5",
     "or -4h (before it)", NULL},
    {"  commands: [{at: 0s, rule: rnig, action: close}]\n  expect: []\n", "3:29: there is no rule 'rnig'", "did you mean 'ring'?", NULL},
    {"  commands: [{at: 0s, rule: ring, action: acknowlege}]\n  expect: []\n", "3:43: 'action' cannot be 'acknowlege'",
     "did you mean 'acknowledge'?", NULL},
    {"  commands: [{at: 0s, rule: ring}]\n  expect: []\n", "3:14: the command has no 'action'", NULL, NULL},
    {"  commands: [{at: 0s, rule: ring, action: evaluate, rating: 7}]\n  expect: []\n", "3:61: 'rating' is out of range: 7",
     "allowed: 1 to 5", NULL},
    {"  commands: [{at: 0s, rule: ring, action: close, disposition: wrong}]\n  expect: []\n", "3:63: 'disposition' cannot be 'wrong'",
     "false_alarm", NULL},
    {"  link: [{at: 0s}]\n  expect: []\n", "3:10: say whether the link is up", NULL, NULL},
    {"  link: [{at: 0s, up: maybe}]\n  expect: []\n", "3:23: 'up' must be true or false, not 'maybe'", NULL, NULL},
    {"  expect: [{at: 1m, rule: idle}]\n", "3:12: what is expected has no 'change'", NULL, NULL},
    {"  expect: [{at: 1m, rule: idle, change: open}]\n", "3:41: 'change' cannot be 'open'", "did you mean 'opened'?", NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, titel: x}]\n", "3:49: an expected incident has no key 'titel'",
     "did you mean 'title'?", NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, severity: mild}]\n", "3:59: 'severity' cannot be 'mild'", "minor", NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, count: many}]\n", "3:56: 'count' must be a whole number, not 'many'", NULL, NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, count: '3'}]\n", "3:56: 'count' must be a whole number, not '3'",
     "leave the quotes out", NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, members: all}]\n", "3:58: 'members' must be a list or a whole number, not all", NULL,
     NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, due: {resolved: 1h}}]\n", "3:55: due has no key 'resolved'",
     "did you mean 'resolve'?", NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, due: {resolve: soon}}]\n", "3:64: 'resolve' must be a span of time, not 'soon'", NULL,
     NULL},
    {"  expect: [{at: 1m, rule: idle, change: opened, parent: mani}]\n", "3:57: there is no rule 'mani'", "did you mean 'many'?", NULL},
    {"  until: 5m\n  expect: [{at: 10m, rule: idle, change: opened}]\n", "3:10: the test ends before its last input or expectation", NULL,
     NULL},
    {"  start: yesterday\n  expect: []\n", "3:10: 'start' must be a moment, not 'yesterday'", "2026-01-05T20:00:00+08:00", NULL},
    {"  ignore: [update]\n  expect: []\n", "3:12: 'ignore' cannot be 'update'", "did you mean 'updated'?", NULL},
    {"  devices: lamp\n  expect: []\n", "3:12: 'devices' must be a list, not text", "or all, for the whole of devices.csv", NULL},
    {"  devices: [pump-9]\n  expect: []\n", "3:13: devices.csv has no device 'pump-9'", "did you mean 'pump-", NULL},
    {"  devices: ['lamp-*']\n  expect: []\n", "3:13: devices.csv has no device 'lamp-*'", NULL, NULL},
    {"  devices: [{kind: pump}]\n  expect: []\n", "3:13: the device has no 'device'", NULL, NULL},
    {"  devices: [{device: p}]\n  expect: []\n", "3:13: the device 'p' has no 'kind'", NULL, NULL},
    {"  devices: [{device: p, like: pump-8}]\n  expect: []\n", "3:31: devices.csv has no device 'pump-8'", "did you mean", NULL},
    {"  devices: [{device: p, kind: pump, min_w: low}]\n  expect: []\n", "3:13: 'low' is no double (column 'min_w')", NULL, NULL},
    {"  devices: [{device: p, kind: pump, id: 3}]\n  expect: []\n", "3:37: 'id' cannot be a column", "it is called 'device' here", NULL},
    {"  devices: [{device: p, kind: pump, tags: [a]}]\n  expect: []\n", "3:43: a device's 'tags' must be text", NULL, NULL},
    {NULL, "1:1: a file of tests has no key 'test'", "did you mean 'tests'?", "test: []\n"},
    {NULL, "1:8: 'tests' must be a list, not text", NULL, "tests: x\n"},
    {NULL, "2:3: the test has no 'test'", NULL, "tests:\n- {expect: []}\n"},
    {NULL, "3:9: two tests have this name", "the first is in tests.d/1.yaml, line 2",
     "tests:\n- {test: a, expect: [], until: 1m}\n- test: a\n  expect: []\n  until: 1m\n"},
    {NULL, "2:1: ", NULL, "tests: [\n"},
};

static void mistakes_are_told(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct mistake *m = &mistakes[i];
        struct buf text, out, want;
        buf_init(&text, 0);
        buf_init(&out, 0);
        buf_init(&want, 0);
        if (m->body)
            buf_printf(&text, "tests:\n- test: t\n%s", m->body);
        else
            buf_puts(&text, m->whole);
        fx_load(&fx, text.data);
        report_print(fx.rep, &out, false);
        buf_printf(&want, "tests.d/1.yaml:%s", m->sentence);
        if (!strstr(out.data, want.data) || (m->hint && !strstr(out.data, m->hint)) || report_errors(fx.rep) == 0)
            print_error("%s\nwanted: %s (%s)\ncame: %s\n", text.data, want.data, m->hint ? m->hint : "", out.data);
        assert_non_null(strstr(out.data, want.data));
        assert_true(!m->hint || strstr(out.data, m->hint));
        assert_true(report_errors(fx.rep) > 0);
        buf_done(&text);
        buf_done(&out);
        buf_done(&want);
    }
}

static void all_in_one_run_and_the_sound_ones_stay(void **state) {
    (void)state;
    fx_load(&fx, "tests:\n"
                 "- {test: a, expect: [], until: 1m}\n"
                 "- {test: b, start: soon, until: late, evnets: [], expect: [{at: x, rule: idel, change: open}]}\n"
                 "- {test: c, devices: [nobody], expect: [], until: 1m}\n"
                 "- {test: d, expect: [], until: 1m}\n");
    assert_int_equal(report_errors(fx.rep), 7);
    assert_int_equal(ruletest_count(fx.suite), 2);
    struct ruletest_info info;
    ruletest_info(fx.suite, 1, &info);
    assert_string_equal(info.name, "d");
    assert_string_equal(info.file, "tests.d/1.yaml");
    assert_int_equal(info.line, 5);
}

static void warnings(void **state) {
    (void)state;
    fx_load(&fx, "tests:\n- {test: a, events: [{at: 0s, kind: pump, device: p, powr_w: 1}], expect: []}\n");
    assert_int_equal(report_errors(fx.rep), 0);
    assert_int_equal(report_warnings(fx.rep), 2); /* the field; and nothing expected, at once */
    assert_int_equal(ruletest_count(fx.suite), 1);
    fx_load(
        &fx,
        "tests:\n- {test: a, events: [{at: 0s, kind: pump, device: p, power_w: 1}, {at: 1h, kind: bell, device: b, any: 1}], expect: []}\n");
    assert_int_equal(report_warnings(fx.rep), 0); /* no source says what a bell has */
    fx_load(&fx, "tests:\n- {test: a, messages: [{at: 0s, topic: a, payload: 1, outcome: unmatched}], expect: []}\n");
    assert_int_equal(report_warnings(fx.rep), 0); /* it says itself what must become of it */
}

static void empty_files(void **state) {
    (void)state;
    const char *const texts[] = {"", "# nothing\n", "tests:\n", "tests: []\n"};
    for (size_t i = 0; i < 4; i++) {
        fx_load(&fx, texts[i]);
        assert_int_equal(report_errors(fx.rep), 0);
        assert_int_equal(ruletest_count(fx.suite), 0);
    }
}

static void write_file(const char *dir, const char *name, const char *text) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void directories(void **state) {
    (void)state;
    struct err err = {0};
    char dir[64] = "/tmp/gengfu-ruletest-XXXXXX", path[128], command[128];

    assert_non_null(mkdtemp(dir));
    fx_load(&fx, "");
    assert_int_equal(ruletest_add_dir(fx.suite, dir, &err), 0); /* none is no mistake */
    (void)snprintf(path, sizeof path, "%s/tests.d", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(dir, "tests.d/20.yaml", "tests: [{test: second, expect: [], until: 1m}]\n");
    write_file(dir, "tests.d/10.yaml", "tests: [{test: first, expect: [], until: 1m}]\n");
    write_file(dir, "tests.d/notes.txt", "no tests\n");
    assert_int_equal(ruletest_add_dir(fx.suite, dir, &err), 0);
    assert_int_equal(ruletest_count(fx.suite), 2);
    struct ruletest_info info;
    ruletest_info(fx.suite, 0, &info);
    assert_string_equal(info.name, "first");
    assert_string_equal(info.file, "tests.d/10.yaml");
    (void)snprintf(path, sizeof path, "%s/tests.d/30.yaml", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(ruletest_add_dir(fx.suite, dir, &err) < 0);
    assert_non_null(strstr(err.text, "30.yaml"));
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mistakes_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(all_in_one_run_and_the_sound_ones_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(warnings, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_files, setup, teardown),
        cmocka_unit_test_setup_teardown(directories, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
