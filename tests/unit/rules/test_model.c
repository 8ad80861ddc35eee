/* SPDX-License-Identifier: Apache-2.0
 * From YAML to the model: every key of rules and sources, defaults, what follows from expressions, overrides, hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_fixture.h"

static struct fx f;

static int setup(void **state) {
    (void)state;
    fx_init(&f);
    fx_puts(&f, "devices.csv", "device,kind,name,feeder,min_power_w:double\nlamp-7,lamp,富春路7号灯,F2,5.0\n");
    fx_puts(&f, "codes.csv", "code,name,kind,standard_ref\n01-07-03,路灯,component,GB/T 30428.2\n");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fx_done(&f);
    return 0;
}

static void load(const char *yaml) {
    const char *report = fx_rules(&f, yaml);
    if (!f.rs)
        fail_msg("%s", report);
}

static const char *text_of(const struct rules_expr *e) { return e->program ? cel_program_text(e->program) : "(none)"; }

/* The example of the contract. */
static void test_lamp_out(void **state) {
    (void)state;
    load("sources:\n"
         "  - source: lamp\n    topic: lamps/{device}\n    events: [{kind: lamp, fields: {power_w: payload.p, commanded: payload.c}}]\n"
         "time_intervals:\n  night:  {times: [{start_time: sunset-15m, end_time: sunrise+15m}]}\n"
         "rules:\n"
         "  - rule: lamp-out\n"
         "    about: A lamp that is told to shine and draws no power is out.\n"
         "    version: '2'\n"
         "    on: lamp\n"
         "    during: night\n"
         "    when: state.commanded == 'on' && event.power_w < device.min_power_w\n"
         "    for: 10m\n"
         "    clear: event.power_w > 2.0 * device.min_power_w\n"
         "    keep_firing_for: 1m\n"
         "    incident:\n"
         "      severity: minor\n"
         "      category: '01-07-03'\n"
         "      title: \"${device.name} 路灯不亮\"\n"
         "      text: \"已连续 ${duration(now - since)} 无功率（${event.power_w} W）\"\n"
         "      due: {acknowledge: 30m, resolve: 24h}\n");
    assert_string_equal(f.text.data, "");
    const struct rule *r = fx_rule(&f, "lamp-out");
    assert_string_equal(r->about, "A lamp that is told to shine and draws no power is out.");
    assert_string_equal(r->version, "2");
    assert_int_equal(r->mode, RULE_LIVE);
    assert_int_equal(r->pattern, RULE_SINGLE);
    assert_true(r->non == 1 && r->on[0] == atom_of("lamp") && !r->on_any && !r->on_incident);
    assert_string_equal(interval_name(r->during), "night");
    assert_false(r->during_not);
    assert_string_equal(text_of(&r->when), "state.commanded == 'on' && event.power_w < device.min_power_w");
    assert_string_equal(text_of(&r->clear), "event.power_w > 2.0 * device.min_power_w");
    assert_string_equal(text_of(&r->by), "(none)");
    assert_int_equal(r->clear_mode, CLEAR_EXPR);
    assert_int_equal(r->for_ms, 600000);
    assert_int_equal(r->keep_firing_for, 60000);
    assert_int_equal(r->repeat_interval, 4 * 3600000);
    assert_int_equal(r->severity, SEVERITY_MINOR);
    assert_string_equal(r->urgency, "Immediate");
    assert_string_equal(r->certainty, "Likely");
    assert_string_equal(r->category, "01-07-03");
    assert_string_equal(r->code->name, "路灯");
    assert_int_equal(r->title.n, 2);
    assert_int_equal(r->text.n, 5);
    assert_int_equal(r->due_acknowledge, 1800000);
    assert_int_equal(r->due_resolve, 86400000);
    assert_int_equal(r->max_keys, 10000);
    assert_true(r->nrequired == 1 && r->required[0] == atom_of("power_w"));
    assert_null(r->aggregates);
    assert_int_equal(strlen(f.rs->hash), 64);
    assert_string_equal(ruleset_nearest_rule(f.rs, "lamp-uot"), "lamp-out");
    assert_null(ruleset_nearest_rule(f.rs, "something else"));
    assert_null(ruleset_rule(f.rs, "lamp"));
}

#define INC "    incident: {severity: minor, title: x}\n"

static void test_patterns(void **state) {
    (void)state;
    load(
        "rules:\n"
        "  - rule: window\n    on: incident\n    when: event.rule == 'x'\n    by: device.feeder\n    within: 2m\n    having: value_count(event.device) >= 5 && value_count(event.device) < value_percentile(event.count, 95)\n"
        "    incident: {severity: 重大, title: \"${value_count(event.device)} ${event_count()}\", members: event.incident}\n"
        "  - rule: absent\n    on: [lamp, meter]\n    of: [lamp]\n    absent: 5m\n    grace: 90s\n" INC
        "  - rule: sequence\n    sequence:\n      - {name: shut, on: lock, when: event.locked}\n      - {not: {on: [lock, bolt], when: '!event.locked'}}\n      - {on: contact, when: event.open && shut.locked}\n"
        "    within: 12h\n    by: [device.feeder, \"'x'\"]\n    resolve_after: 30m\n" INC
        "  - rule: together\n    on: lock\n    together: [{name: a}, {name: b, on: '*', when: 'true'}]\n    within: 1m\n    clear: manual\n" INC
        "  - rule: any\n    on: '*'\n    when: event.kind == 'x'\n    during: {not: lunch}\n    clear: auto\n" INC
        "time_intervals:\n  lunch: {times: [{start_time: '12:00', end_time: '13:00'}]}\n");
    const struct rule *r = fx_rule(&f, "window");
    assert_int_equal(r->pattern, RULE_WINDOW);
    assert_true(r->on_incident && r->non == 1);
    assert_int_equal(r->clear_mode, CLEAR_AUTO);
    assert_int_equal(r->within, 120000);
    assert_int_equal(r->severity, SEVERITY_SEVERE);
    assert_string_equal(text_of(&r->by), "device.feeder");
    assert_string_equal(text_of(&r->members), "event.incident");
    assert_int_equal(r->aggregates->count, 3); /* equal calls share a slot, also between having and title */
    assert_true(r->nrequired == 1 && r->required[0] == atom_of("rule"));
    r = fx_rule(&f, "absent");
    assert_int_equal(r->pattern, RULE_ABSENT);
    assert_int_equal(r->absent, 300000);
    assert_int_equal(r->grace, 90000);
    assert_true(r->non == 2 && r->nof == 1 && r->of[0] == atom_of("lamp"));
    assert_int_equal(r->clear_mode, CLEAR_AUTO);
    r = fx_rule(&f, "sequence");
    assert_int_equal(r->pattern, RULE_SEQUENCE);
    assert_int_equal(r->nsteps, 3);
    assert_string_equal(atom_name(r->steps[0].name), "shut");
    assert_string_equal(atom_name(r->steps[1].name), "step2");
    assert_string_equal(atom_name(r->steps[2].name), "step3");
    assert_true(!r->steps[0].negated && r->steps[1].negated && r->steps[1].non == 2 && !r->steps[2].negated);
    assert_string_equal(text_of(&r->steps[2].when), "event.open && shut.locked");
    assert_string_equal(text_of(&r->by), "[device.feeder,'x']");
    assert_int_equal(r->clear_mode, CLEAR_AFTER);
    assert_int_equal(r->resolve_after, 1800000);
    assert_int_equal(r->nrequired, 0);
    /* Steps' variables stand behind the rule's, in order. */
    const struct cel_read *reads;
    size_t n = cel_program_reads(r->steps[2].when.program, &reads), shut = 0;
    for (size_t i = 0; i < n; i++)
        shut += reads[i].slot == RULE_VARS && reads[i].field == atom_of("locked");
    assert_int_equal(shut, 1);
    r = fx_rule(&f, "together");
    assert_int_equal(r->pattern, RULE_TOGETHER);
    assert_true(r->steps[0].non == 1 && r->steps[0].on[0] == atom_of("lock") && !r->steps[0].on_any);
    assert_true(r->steps[1].on_any);
    assert_int_equal(r->clear_mode, CLEAR_MANUAL);
    r = fx_rule(&f, "any");
    assert_true(r->on_any && r->non == 0 && r->during_not);
    assert_int_equal(r->clear_mode, CLEAR_AUTO);
}

static void test_handling(void **state) {
    (void)state;
    load(
        "rules:\n"
        "  - rule: a\n    on: x\n    when: event.a && event.?b.orValue(true) && has(event.c)\n    clear: event.a && event.d\n"
        "    hold: 30s\n    repeat_interval: 1h\n    mode: shadow\n    latch: true\n    on_downtime: reset\n    max_keys: 5\n"
        "    chattering: {changes: 6, within: 10m}\n    forward: city\n    evidence: [event.a, \"'x'\"]\n    exceptions: [device.id == 'y']\n"
        "    escalate:\n      - {after: 10m, while: unacknowledged, to: [city], severity: severe}\n      - {after: 20m, while: unresolved, severity: extreme}\n"
        "    incident: {severity: extreme, title: x, urgency: Past, certainty: Observed, category: '01-07-03'}\n"
        "  - rule: b\n    on: incident\n    when: event.change == 'opened'\n    resolve_after: 1m\n    mode: 'off'\n" INC
        "inhibit_rules:\n  - {source: a, targets: [b], equal: [device.feeder, by]}\n  - {sources: [b], target: a}\n");
    const struct rule *r = fx_rule(&f, "a");
    assert_int_equal(r->hold, 30000);
    assert_int_equal(r->repeat_interval, 3600000);
    assert_int_equal(r->mode, RULE_SHADOW);
    assert_true(r->latch);
    assert_int_equal(r->on_downtime, DOWNTIME_RESET);
    assert_int_equal(r->max_keys, 5);
    assert_true(r->chattering_changes == 6 && r->chattering_within == 600000);
    assert_true(r->nforward == 1 && strcmp(r->forward[0], "city") == 0);
    assert_int_equal(r->nevidence, 2);
    assert_int_equal(r->nexceptions, 1);
    assert_int_equal(r->nescalations, 2);
    assert_true(r->escalations[0].after == 600000 && !r->escalations[0].until_resolved && r->escalations[0].severity == SEVERITY_SEVERE &&
                r->escalations[0].nto == 1);
    assert_true(r->escalations[1].until_resolved && r->escalations[1].severity == SEVERITY_EXTREME && r->escalations[1].nto == 0);
    assert_string_equal(r->urgency, "Past");
    assert_string_equal(r->certainty, "Observed");
    /* `when` needs a, `clear` needs a and d: an event without a concerns neither; one without d may still raise. */
    assert_true(r->nrequired == 1 && r->required[0] == atom_of("a"));
    assert_int_equal(fx_rule(&f, "b")->mode, RULE_OFF);
    assert_int_equal(f.rs->ninhibits, 2);
    assert_true(f.rs->inhibits[0].nsources == 1 && f.rs->inhibits[0].sources[0] == r && f.rs->inhibits[0].targets[0] == fx_rule(&f, "b") &&
                f.rs->inhibits[0].nequal == 2);
    assert_true(f.rs->inhibits[1].sources[0] == fx_rule(&f, "b") && f.rs->inhibits[1].targets[0] == r && f.rs->inhibits[1].nequal == 0);
}

static void test_source(void **state) {
    (void)state;
    load(
        "sources:\n"
        "  - source: full\n    topic: /site/{app}/S-{sn}-post/{rest+}\n    match: has(payload.x)\n    payload: json\n    max_payload: 64KB\n    each: payload.list\n"
        "    events:\n"
        "      - kind: a-b\n        when: item.x > 3\n        device: topic.sn + string(key)\n        time: item.t\n        late: item.?late.orValue(false)\n"
        "        fields: {x: item.x, ok: 'true'}\n        emit: {on_change: [x]}\n        dedupe: {key: item.id, within: 2s}\n"
        "      - {kind: c, device: topic.sn, fields: {p: item.p, q: item.q}, emit: on_change}\n"
        "      - {kind: d, device: topic.sn, fields: {p: item.p, q: item.q}, emit: 'on_change of [q]'}\n"
        "    online: {topic: 'site/{device}/lwt', when: payload == 'online' || retained}\n"
        "  - source: same\n    topic: $SYS/灯/{device}\n    payload: text\n    online: {when: topic.topic != payload}\n"
        "  - source: quiet\n    topic: a b/c:d\n    payload: none\n    ignore: commands of others\n"
        "  - source: quiet2\n    topic: a\n    ignore: true\n");
    assert_int_equal(f.rs->nsources, 4);
    const struct source *s = &f.rs->sources[0];
    assert_string_equal(s->topic.filter, "/site/+/+/#");
    assert_int_equal(s->topic.nlevels, 5);
    assert_true(s->topic.levels[0].kind == TOPIC_TEXT && strcmp(s->topic.levels[0].text, "") == 0);
    assert_true(s->topic.levels[2].kind == TOPIC_CAPTURE && s->topic.levels[2].name == atom_of("app") && !*s->topic.levels[2].prefix &&
                !*s->topic.levels[2].suffix);
    assert_true(strcmp(s->topic.levels[3].prefix, "S-") == 0 && strcmp(s->topic.levels[3].suffix, "-post") == 0);
    assert_true(s->topic.levels[4].kind == TOPIC_REST && s->topic.levels[4].name == atom_of("rest"));
    assert_int_equal(s->payload, SOURCE_JSON);
    assert_int_equal(s->max_payload, 65536);
    assert_string_equal(text_of(&s->each), "payload.list");
    assert_int_equal(s->nevents, 3);
    const struct source_event *e = &s->events[0];
    assert_string_equal(atom_name(e->kind), "a-b");
    assert_true(e->when.program && e->device.program && e->ntimes == 1 && e->times[0].program && e->late.program && e->dedupe_key.program);
    assert_int_equal(e->dedupe_within, 2000);
    assert_true(e->nfields == 2 && e->fields[0].name == atom_of("x") && e->fields[1].name == atom_of("ok"));
    assert_true(e->non_change == 1 && e->on_change[0] == atom_of("x"));
    assert_int_equal(s->events[1].non_change, 2);
    assert_true(s->events[2].non_change == 1 && s->events[2].on_change[0] == atom_of("q"));
    assert_true(s->has_online);
    assert_string_equal(s->online_topic.filter, "site/+/lwt");
    assert_string_equal(text_of(&s->online_device), "topic.device");
    s = &f.rs->sources[1];
    assert_string_equal(s->topic.filter, "$SYS/灯/+");
    assert_string_equal(s->online_topic.filter, "$SYS/灯/+");
    assert_int_equal(s->payload, SOURCE_WORD);
    s = &f.rs->sources[2];
    assert_true(s->ignore && strcmp(s->ignore_reason, "commands of others") == 0 && s->payload == SOURCE_NONE);
    assert_true(f.rs->sources[3].ignore && !f.rs->sources[3].ignore_reason);
}

/* An override replaces keys, adds exceptions, and changes single keys of the incident. */
static void test_overrides(void **state) {
    (void)state;
    static const char base[] =
        "rules:\n  - rule: a\n    on: x\n    when: event.a\n    for: 10m\n    resolve_after: 1h\n    exceptions: [device.id == 'p']\n"
        "    incident: {severity: minor, title: x, due: {resolve: 24h}}\n";
    load(base);
    uint64_t before = fx_rule(&f, "a")->hash;
    fx_puts(
        &f, "rules.d/99-site.yaml",
        "overrides:\n  - rule: a\n    about: Our lamps are old.\n    for: 20m\n    clear: auto\n    exceptions: [device.id in old, device.id == 'q']\n    incident: {severity: severe}\n"
        "lists: {old: [l1, l2]}\n");
    load(base);
    const struct rule *r = fx_rule(&f, "a");
    assert_int_equal(r->for_ms, 1200000);
    assert_int_equal(r->clear_mode, CLEAR_AUTO); /* in place of resolve_after */
    assert_int_equal(r->resolve_after, 0);
    assert_int_equal(r->nexceptions, 3);
    assert_string_equal(text_of(&r->exceptions[1]), "device.id in old");
    assert_int_equal(r->severity, SEVERITY_SEVERE);
    assert_int_equal(r->due_resolve, 86400000);
    assert_string_equal(r->about, "");
    assert_true(r->hash != before);
    /* A mistake is told where it stands: in the override's file. */
    fx_puts(&f, "rules.d/99-site.yaml", "overrides:\n  - rule: a\n    for: soon\n  - rule: b\n    for: 5m\n");
    (void)fx_rules(&f, base);
    assert_null(f.rs);
    assert_string_equal(
        f.text.data,
        "rules.d/99-site.yaml:3:10: 'for' must be a span of time, not 'soon'\n    for: soon\n         ^^^^\n    a number and a unit: 30s, 5m, 1h30m, 14d\n"
        "rules.d/99-site.yaml:4:11: there is no rule 'b' to override\n    - rule: b\n            ^\n    there is only: a\n");
}

static uint64_t hash_of(const char *yaml) {
    load(yaml);
    return fx_rule(&f, "a")->hash;
}

#define R(body) "rules:\n  - rule: a\n    on: x\n    clear: auto\n" body
static void test_hash(void **state) {
    (void)state;
    uint64_t h = hash_of(R(
        "    when: event.a > m\n    incident: {severity: minor, title: x}\nmacros: {m: n + 1, n: '5 + l[0]'}\nlists: {l: [1], other: [1]}\n"));
    /* Layout, comments, order, quotes and about do not count. */
    assert_true(
        h ==
        hash_of(
            "# x\nlists: {other: [2], l: [1]}\nrules:\n- about: words\n  incident:\n    title: 'x'\n    severity: minor\n  clear: auto # y\n  when: |-\n    event.a > m\n  on: \"x\"\n  rule: a\nmacros: {n: '5 + l[0]', m: n + 1}\n"));
    /* Everything else does: a key, a macro, a macro behind a macro, a list behind both. */
    assert_true(
        h !=
        hash_of(
            R("    when: event.a >= m\n    incident: {severity: minor, title: x}\nmacros: {m: n + 1, n: '5 + l[0]'}\nlists: {l: [1]}\n")));
    /* Words do not (tests/unit/engine/test_meaning.c goes through all keys); they have a hash of their own. */
    uint64_t text = fx_rule(&f, "a")->text_hash;
    assert_true(
        h ==
        hash_of(
            R("    when: event.a > m\n    incident: {severity: minor, title: y}\nmacros: {m: n + 1, n: '5 + l[0]'}\nlists: {l: [1]}\n")));
    assert_true(fx_rule(&f, "a")->text_hash != text);
    assert_true(
        h !=
        hash_of(
            R("    when: event.a > m\n    incident: {severity: minor, title: x}\nmacros: {m: n + 2, n: '5 + l[0]'}\nlists: {l: [1]}\n")));
    assert_true(
        h !=
        hash_of(
            R("    when: event.a > m\n    incident: {severity: minor, title: x}\nmacros: {m: n + 1, n: '6 + l[0]'}\nlists: {l: [1]}\n")));
    assert_true(
        h !=
        hash_of(
            R("    when: event.a > m\n    incident: {severity: minor, title: x}\nmacros: {m: n + 1, n: '5 + l[0]'}\nlists: {l: [2]}\n")));
    /* In a list quotes make a text of a number, and only there. */
    assert_true(
        h !=
        hash_of(
            R("    when: event.a > m\n    incident: {severity: minor, title: x}\nmacros: {m: n + 1, n: '5 + l[0]'}\nlists: {l: ['1']}\n")));
    assert_true(hash_of(R("    when: l[event.a]\n    incident: {severity: minor, title: x}\nlists: {l: {1: true}}\n")) !=
                hash_of(R("    when: l[event.a]\n    incident: {severity: minor, title: x}\nlists: {l: {'1': true}}\n")));
    assert_true(hash_of(R("    when: l[event.a]\n    incident: {severity: minor, title: x}\nlists: {l: {on: true}}\n")) ==
                hash_of(R("    when: l[event.a]\n    incident: {severity: minor, title: x}\nlists: {l: {'on': true}}\n")));
    /* The time interval too. */
    h = hash_of(R(
        "    when: event.a\n    during: night\n    incident: {severity: minor, title: x}\ntime_intervals: {night: {weekdays: monday}}\n"));
    assert_true(
        h !=
        hash_of(R(
            "    when: event.a\n    during: night\n    incident: {severity: minor, title: x}\ntime_intervals: {night: {weekdays: tuesday}}\n")));
    /* And the gateway's zone and place, where the interval goes by them. */
    static const char *const gateways[] = {"{id: g, lat: 30.0, lon: 120.0, zone: Asia/Shanghai}",
                                           "{id: h, lat: 30.0, lon: 120.0, zone: Asia/Shanghai}",
                                           "{id: g, lat: 30.0, lon: 120.5, zone: Asia/Shanghai}",
                                           "{id: g, lat: 30.0, lon: 120.0, zone: Asia/Tokyo}"};
    static const struct {
        const char *interval;
        bool place, zone;
    } intervals[] = {{"{weekdays: monday}", false, true},
                     {"[{weekdays: monday, location: UTC}, {months: may}]", false, true},
                     {"{weekdays: monday, location: UTC}", false, false},
                     {"{times: [{start_time: sunset, end_time: '23:00'}], location: UTC}", true, false},
                     {"{times: [{start_time: '01:00', end_time: sunrise+1h}]}", true, true}};
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        uint64_t by_gateway[4];
        for (size_t g = 0; g < 4; g++) {
            char gateway[200], yaml[500];
            (void)snprintf(gateway, sizeof gateway, "gateway: %s\n", gateways[g]);
            (void)snprintf(yaml, sizeof yaml,
                           R("    when: event.a\n    during: n\n    incident: {severity: minor, title: x}\n") "time_intervals: {n: %s}\n",
                           intervals[i].interval);
            fx_puts(&f, "gengfu.yaml", gateway);
            by_gateway[g] = hash_of(yaml);
        }
        assert_true(by_gateway[0] == by_gateway[1]);
        assert_true((by_gateway[0] != by_gateway[2]) == intervals[i].place);
        assert_true((by_gateway[0] != by_gateway[3]) == intervals[i].zone);
    }
    /* The set's hash changes with every byte of every file. */
    char hash[65];
    memcpy(hash, f.rs->hash, sizeof hash);
    fx_load(&f);
    assert_string_equal(hash, f.rs->hash);
    fx_puts(&f, "codes.csv", "code,name,kind,standard_ref\n01-07-03,路灯,component,GB/T 30428.3\n");
    fx_load(&f);
    assert_string_not_equal(hash, f.rs->hash);
}

/* Files are read in the order of their names; a name given twice is told with the place of the first. */
static void test_files(void **state) {
    (void)state;
    fx_puts(&f, "rules.d/b.yaml", "rules:\n  - {rule: two, on: x, when: event.a, clear: auto, incident: {severity: minor, title: x}}\n");
    fx_puts(&f, "rules.d/a.yaml", "rules:\n  - {rule: one, on: x, when: event.b, clear: auto, incident: {severity: minor, title: x}}\n");
    fx_puts(&f, "rules.d/ignored.yml", "nonsense: [\n");
    fx_puts(&f, "rules.d/.hidden.yaml", "nonsense: [\n");
    fx_puts(&f, "rules.d/empty.yaml", "");
    fx_load(&f);
    assert_non_null(f.rs);
    assert_int_equal(f.rs->nrules - f.rs->nbuiltin, 2);
    assert_string_equal(f.rs->rules[0].name, "one");
    assert_string_equal(report_file_name(f.rep, f.rs->rules[1].at.file), "rules.d/b.yaml");
    fx_puts(&f, "rules.d/c.yaml",
            "lists: {l: [1]}\nrules:\n  - {rule: one, on: x, when: event.c, clear: auto, incident: {severity: minor, title: x}}\n");
    fx_puts(&f, "rules.d/d.yaml", "lists: {l: [1]}\n");
    fx_load(&f);
    assert_null(f.rs);
    assert_string_equal(
        f.text.data,
        "rules.d/c.yaml:3:12: a second rule 'one'\n    - {rule: one, on: x, when: event.c, clear: auto, incident: {severity: minor, title: x}}\n"
        "             ^^^\n    it is given first in rules.d/a.yaml, line 2\n"
        "rules.d/d.yaml:1:9: a second list 'l'\n    lists: {l: [1]}\n            ^\n    it is given first in rules.d/c.yaml, line 1\n");
    assert_string_equal(f.err.text, "rules.d/c.yaml:3:12: a second rule 'one'");
}

/* A file that cannot be read to its end hides no names that stand in it: nothing is unknown because of it. */
static void test_broken_file(void **state) {
    (void)state;
    fx_puts(
        &f, "rules.d/a.yaml",
        "sources:\n  - source: s\n    topic: t/{device}\n    events: [{kind: lamp, fields: {a: payload.a}}]\ntime_intervals:\n  night: {weekdays: monday}\n");
    fx_puts(&f, "rules.d/b.yaml", "time_intervals:\n  noon: {weekdays: monday}\nrules:\n  - rule: one\n   on: [x\n");
    fx_puts(&f, "rules.d/c.yaml",
            "rules:\n  - {rule: two, on: meter, during: evening, when: event.b, clear: auto, incident: {severity: minor, title: x}}\n"
            "overrides: [{rule: one, for: 5m}]\ninhibit_rules: [{source: two, targets: [one]}]\n");
    fx_load(&f);
    assert_null(f.rs);
    assert_int_equal(report_errors(f.rep), 1);
    assert_int_equal(report_warnings(f.rep), 0);
    assert_non_null(strstr(report_first(f.rep), "rules.d/b.yaml:5:4:"));
}

static void test_directory(void **state) {
    (void)state;
    struct ruleset *rs = NULL;
    struct err err = {0};
    struct report *rep;
    char path[128];
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(ruleset_load("/nonexistent/rules", rep, &err, &rs), GF_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nonexistent/rules"));
    assert_int_equal(ruleset_load("/dev/null", rep, &err, &rs), GF_EINVAL);
    (void)snprintf(path, sizeof path, "%s/empty", f.dir);
    fx_puts(&f, "empty/x", "");
    assert_int_equal(ruleset_load(path, rep, &err, &rs), GF_ENOTFOUND);
    assert_non_null(strstr(err.text, "holds no gengfu.yaml and no rules.d"));
    assert_null(rs);
    assert_int_equal(report_errors(rep), 0);
    report_free(rep);
    ruleset_free(NULL);
    /* No gengfu.yaml: defaults, and a warning. */
    fx_puts(&f, "bare/devices.csv", "device,kind\na,b\n");
    (void)snprintf(path, sizeof path, "%s/bare", f.dir);
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(ruleset_load(path, rep, &err, &rs), 0);
    assert_int_equal(report_warnings(rep), 1);
    assert_string_equal(rs->config->id, "gengfu");
    assert_int_equal(rs->nrules, rs->nbuiltin);
    ruleset_free(rs);
    report_free(rep);
}

static void test_severity(void **state) {
    (void)state;
    static const char *const words[][2] = {{"minor", "一般"}, {"moderate", "较大"}, {"severe", "重大"}, {"extreme", "特别重大"}};
    for (int i = 0; i < 4; i++) {
        enum severity s = 0;
        assert_string_equal(severity_name((enum severity)(i + 1)), words[i][0]);
        assert_string_equal(severity_zh((enum severity)(i + 1)), words[i][1]);
        assert_true(severity_parse(words[i][0], &s) && (int)s == i + 1);
        assert_true(severity_parse(words[i][1], &s) && (int)s == i + 1);
        assert_false(severity_parse("", &s));
    }
    assert_string_equal(severity_name((enum severity)0), "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {T(test_lamp_out),  T(test_patterns),
                                       T(test_handling),  T(test_source),
                                       T(test_overrides), T(test_hash),
                                       T(test_files),     T(test_broken_file),
                                       T(test_directory), cmocka_unit_test(test_severity)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
