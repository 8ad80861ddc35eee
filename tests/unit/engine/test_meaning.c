/* SPDX-License-Identifier: Apache-2.0
 * A rule's memory belongs to its name and to what it means. Every key of a rule is changed while something is pending, at a reload and at a restart: what says when it fires, for whom
 * and how it ends begins anew; how it is told, to whom and in which words does not. A key that is not in the table fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fx.h"
#include "rules/shape_int.h"

#define INCIDENT "    incident: {severity: minor, title: t}\n"
#define TOP \
    "time_intervals:\n  always: {times: [{start_time: '00:00', end_time: '24:00'}]}\n  early: {times: [{start_time: '00:00', end_time: '23:59'}]}\n"
#define RULE "rules:\n  - rule: r\n"

/* What has been remembered shows itself when nothing but `finish` (or time alone) is added after the change. */
struct pattern {
    const char *base, *begin, *finish; /* the rule; events at 1 s and at 6 s; the change comes between them */
};
static const struct pattern waits = {"    on: k\n    when: event.v > 0\n    for: 10s\n", "k a v=1", NULL};
static const struct pattern window = {"    on: k\n    when: event.v > 0\n    within: 1m\n    having: event_count() >= 2\n", "k a v=1",
                                      "k a v=1"};
static const struct pattern sequence = {"    sequence: [{name: a, on: k}, {name: b, on: m}]\n    within: 1m\n    clear: auto\n", "k a v=1",
                                        "m a v=1"};
static const struct pattern together = {"    together: [{name: a, on: k}, {name: b, on: m}]\n    within: 1m\n    clear: auto\n", "k a v=1",
                                        "m a v=1"};

static const struct key_change {
    const char *key; /* of the rule; "incident.title": of the incident */
    const struct pattern *pattern;
    const char *from, *to; /* a part of the rule, and what takes its place; NULL from: added */
    bool stays;
} changes[] = {
    {"about", &waits, NULL, "    about: Lamps of the old kind.\n", true},
    {"version", &waits, NULL, "    version: '2'\n", true},
    {"on", &waits, "on: k", "on: [k, m]", false},
    {"during", &waits, NULL, "    during: always\n", false},
    {"when", &waits, "v > 0", "v > 0.5", false},
    {"for", &waits, "for: 10s", "for: 9s", false},
    {"clear", &waits, NULL, "    clear: event.v < -5\n", false},
    {"resolve_after", &waits, NULL, "    resolve_after: 1h\n", false},
    {"keep_firing_for", &waits, NULL, "    keep_firing_for: 1m\n", false},
    {"within", &window, "1m", "2m", false},
    {"having", &window, "event_count() >= 2", "event_count() > 1", false},
    {"by", &waits, NULL, "    by: device.id\n", false},
    {"sequence", &sequence, "on: m", "on: m, when: event.v > 0", false},
    {"sequence", &sequence, "name: b", "name: c", false},
    {"together", &together, "on: m", "on: m, when: event.v > 0", false},
    {"within", &together, "1m", "2m", false},
    {"hold", &waits, NULL, "    hold: 1s\n", true},
    {"mode", &waits, NULL, "    mode: shadow\n", true},
    {"latch", &waits, NULL, "    latch: true\n", false},
    {"repeat_interval", &waits, NULL, "    repeat_interval: 1m\n", true},
    {"forward", &waits, NULL, "    forward: [city]\n", true},
    {"evidence", &waits, NULL, "    evidence: [\"'a picture'\"]\n", true},
    {"escalate", &waits, NULL, "    escalate: [{after: 1h, while: unacknowledged, severity: severe}]\n", true},
    {"max_keys", &waits, NULL, "    max_keys: 7\n", true},
    {"chattering", &waits, NULL, "    chattering: {changes: 6, within: 1h}\n", false},
    {"exceptions", &waits, NULL, "    exceptions: [\"device.id == 'z'\"]\n", false},
    {"on_downtime", &waits, NULL, "    on_downtime: count\n", true},
    {"incident.severity", &waits, "minor", "severe", true},
    {"incident.urgency", &waits, "title: t", "title: t, urgency: Future", true},
    {"incident.certainty", &waits, "title: t", "title: t, certainty: Possible", true},
    {"incident.category", &waits, "title: t", "title: t, category: '1'", true},
    {"incident.title", &waits, "title: t", "title: 'other words: ${device.id}'", true},
    {"incident.title", &window, "title: t", "title: '${event_count()} ${value_avg(event.v)}'", true},
    {"incident.text", &waits, "title: t", "title: t, text: more words", true},
    {"incident.due", &waits, "title: t", "title: t, due: {resolve: 1h}", true},
    {"incident.members", &window, "title: t", "title: t, members: event.?incident", false},
};

static void text_of(struct buf *b, const struct key_change *c, bool changed) {
    struct buf rule;

    buf_init(&rule, 0);
    buf_printf(&rule, "%s" INCIDENT, c->pattern->base);
    const char *at = c->from ? strstr(rule.data, c->from) : NULL;
    buf_clear(b);
    buf_puts(b, TOP RULE);
    if (!changed) {
        buf_put(b, rule.data, rule.len);
    } else if (!c->from) {
        buf_printf(b, "%s%s", c->to, rule.data);
    } else {
        assert_non_null(at);
        buf_put(b, rule.data, (size_t)(at - rule.data));
        buf_printf(b, "%s%s", c->to, at + strlen(c->from));
    }
    buf_done(&rule);
}

static bool opened_after(const struct key_change *c, bool restart) {
    struct buf from, to;
    struct efx f;

    buf_init(&from, 0);
    buf_init(&to, 0);
    text_of(&from, c, false);
    text_of(&to, c, true);
    efx_init(&f, from.data, NULL);
    f.shadow_lines = true; /* one that is held or in shadow is raised too */
    efx_event(&f, 1000, c->pattern->begin);
    efx_advance(&f, 3000);
    if (restart)
        efx_restart_with(&f, to.data, NULL);
    else
        efx_reload(&f, to.data, NULL);
    if (c->pattern->finish)
        efx_event(&f, 6000, c->pattern->finish);
    efx_advance(&f, 20000);
    efx_flush(&f);
    bool opened = f.said.len && strstr(f.said.data, "opened") != NULL;
    efx_done(&f);
    buf_done(&from);
    buf_done(&to);
    return opened;
}

static void test_each_key(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        for (int restart = 0; restart < 2; restart++) {
            if (opened_after(&changes[i], restart) != changes[i].stays)
                fail_msg("%s -> %s: what was remembered %s over a %s", changes[i].key, changes[i].to, changes[i].stays ? "goes" : "stays",
                         restart ? "restart" : "reload");
        }
    }
}

static bool is_told(const char *prefix, const char *key) {
    char name[64];

    (void)snprintf(name, sizeof(name), "%s%s", prefix, key);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        if (strcmp(changes[i].key, name) == 0)
            return true;
    }
    return false;
}

/* A new key must be thought of. `rule` is the identity itself; a silence has nothing of its own to lose but its length and its devices, which `absent`, `grace` and `of` say. */
static void test_all_keys(void **state) {
    static const char *const others[] = {"rule", "absent", "grace", "of", "incident"};
    const struct shape_key *k;

    (void)state;
    for (size_t i = 0; (k = shape_at(&rule_shape, i)); i++) {
        bool other = false;
        for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++)
            other = other || strcmp(k->name, others[n]) == 0;
        if (!other && !is_told("", k->name))
            fail_msg("does '%s' begin the rule's memory anew?", k->name);
    }
    for (size_t i = 0; (k = shape_at(&incident_shape, i)); i++) {
        if (!is_told("incident.", k->name))
            fail_msg("does 'incident.%s' begin the rule's memory anew?", k->name);
    }
}

/* Lists, macros and intervals count where the meaning names them, and nowhere else. */
static void test_definitions(void **state) {
#define USING(list, macro, end) \
    "lists: {names: [" list "]}\nmacros: {high: event.v > " macro \
    "}\ntime_intervals: {day: {times: [{start_time: '00:00', end_time: '" end "'}]}}\n"
#define NAMES_IN_WHEN RULE "    on: k\n    when: high && !(device.id in names)\n    during: day\n    for: 10s\n" INCIDENT
#define NAMES_IN_TITLE \
    RULE "    on: k\n    when: event.v > 0\n    for: 10s\n    incident: {severity: minor, title: '${high} ${device.id in names}'}\n"
    static const struct {
        const char *from, *to;
        bool stays;
    } sets[] = {
        {USING("x", "0", "24:00") NAMES_IN_WHEN, USING("x", "0", "24:00") NAMES_IN_WHEN, true},
        {USING("x", "0", "24:00") NAMES_IN_WHEN, USING("y", "0", "24:00") NAMES_IN_WHEN, false},
        {USING("x", "0", "24:00") NAMES_IN_WHEN, USING("x", "0.5", "24:00") NAMES_IN_WHEN, false},
        {USING("x", "0", "24:00") NAMES_IN_WHEN, USING("x", "0", "23:00") NAMES_IN_WHEN, false},
        {USING("x", "0", "24:00") NAMES_IN_TITLE, USING("y", "0.5", "23:00") NAMES_IN_TITLE, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct efx f;
        efx_init(&f, sets[i].from, NULL);
        efx_event(&f, 1000, "k a v=1");
        efx_reload(&f, sets[i].to, NULL);
        efx_advance(&f, 20000);
        efx_expect(&f, sets[i].stays ? "11 opened r a r1 x1\n" : "");
        efx_done(&f);
    }
}

/* A title that asks for another figure finds the window as it was: the old figures hold, the new one counts from then on. */
static void test_figures(void **state) {
#define FIGURES(title) \
    RULE \
        "    on: k\n    within: 1h\n    having: event_count() >= 3 && value_sum(event.v) >= 6.0\n    incident: {severity: minor, title: '" title \
        "'}\n"
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct efx f;

        efx_init(&f, FIGURES("${value_count(event.w)} ${value_max(event.v)}"), NULL);
        efx_event(&f, 0, "k a v=1 w=1");
        efx_event(&f, 1000, "k a v=2 w=2");
        efx_flush(&f);
        const char *to = FIGURES("${value_min(event.u)} ${value_max(event.v)} ${value_count(event.w)} ${value_sum(event.v)}");
        if (restart)
            efx_restart_with(&f, to, NULL);
        else
            efx_reload(&f, to, NULL);
        efx_restart(&f, 0, true); /* what was laid out anew is written so */
        efx_event(&f, 2000, "k a v=3 w=2 u=9");
        efx_expect(&f, "2 opened r a r1 x3\n");
        assert_string_equal(efx_incident(&f, "r", "a")->title, "9 3 2 6");
        efx_reload(&f, FIGURES("${value_count(event.w)}"), NULL);
        efx_restart(&f, 0, false);
        efx_event(&f, 3000, "k a v=3 w=5");
        efx_flush(&f);
        assert_string_equal(efx_incident(&f, "r", "a")->title, "9 3 2 6"); /* told anew with the next message about repeats */
        efx_advance(&f, 5 * TIME_HOUR);
        efx_done(&f);
    }
}

static void test_first_figure(void **state) {
#define NO_FIGURE(title) RULE "    on: k\n    within: 1h\n    having: event.v >= 3\n    incident: {severity: minor, title: '" title "'}\n"
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct efx f;

        efx_init(&f, NO_FIGURE("t"), NULL);
        efx_event(&f, 0, "k a v=1");
        if (restart)
            efx_restart_with(&f, NO_FIGURE("${value_sum(event.v)} ${event_count()}"), NULL);
        else
            efx_reload(&f, NO_FIGURE("${value_sum(event.v)} ${event_count()}"), NULL);
        efx_event(&f, 1000, "k a v=3");
        efx_expect(&f, "1 opened r a r1 x2\n");
        assert_string_equal(efx_incident(&f, "r", "a")->title, "3 2");
        efx_done(&f);
    }
}

/* What is told, and when, goes by the words of today. */
static void test_retold(void **state) {
#define TOLD(keys) RULE "    on: k\n    when: event.v > 0\n    clear: auto\n" keys INCIDENT
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct efx f;

        efx_init(&f, TOLD("    hold: 1m\n"), NULL);
        efx_event(&f, 0, "k a v=1");
        if (restart)
            efx_restart_with(&f, TOLD("    hold: 10s\n"), NULL);
        else
            efx_reload(&f, TOLD("    hold: 10s\n"), NULL);
        efx_advance(&f, 20000);
        efx_expect(&f, "10 opened r a r1 x1\n");
        efx_event(&f, 30000, "k a v=2");
        const char *to = TOLD("    repeat_interval: 1m\n    escalate: [{after: 90s, while: unacknowledged, severity: severe}]\n");
        if (restart)
            efx_restart_with(&f, to, NULL);
        else
            efx_reload(&f, to, NULL);
        efx_advance(&f, 200000);
        efx_expect(&f, "70 updated r a r2 x2\n90 updated r a r3 x2\n");
        efx_done(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_key), cmocka_unit_test(test_all_keys),     cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_figures),  cmocka_unit_test(test_first_figure), cmocka_unit_test(test_retold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
