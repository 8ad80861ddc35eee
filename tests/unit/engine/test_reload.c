/* SPDX-License-Identifier: Apache-2.0
 * Reload, restart with other rules, the clock that steps, what can be looked at, ceilings of the engine as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

#define R(name, more) \
    "  - rule: " name "\n    on: k\n    when: event.v > 0\n" more \
    "    incident: {severity: minor, title: \"${device.?name.orValue('?')}\"}\n"
#define FOR "    for: 10s\n"
#define AUTO "    clear: auto\n"
#define DEVICES "device,kind,name,feeder\nb,k,B,F1\na,k,A,F2\n"

static void test_same_rule_goes_on(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n" R("one", FOR), DEVICES);
    efx_event(&f, 0, "k a v=1");
    efx_reload(&f, "rules:\n" R("zero", AUTO) R("one", FOR), DEVICES);
    efx_advance(&f, 10000);
    efx_expect(&f, "10 opened one a r1 x1\n");
    efx_event(&f, 11000, "k a v=0");
    efx_expect(&f, "11 resolved one a r2 x1\n");
    efx_done(&f);
}

static void test_other_meaning(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n" R("one", FOR), DEVICES);
    efx_event(&f, 0, "k a v=1");
    efx_advance(&f, 10000);
    efx_event(&f, 11000, "k b v=1");
    /* Another `for`: what was pending begins anew, what is open stays open. */
    efx_reload(&f, "rules:\n" R("one", "    for: 5s\n"), DEVICES);
    efx_advance(&f, 30000);
    efx_event(&f, 30000, "k a v=1");
    efx_event(&f, 31000, "k a v=0");
    efx_expect(&f, "10 opened one a r1 x1\n31 resolved one a r2 x2\n");
    for (size_t it = 0; it < 1; it++)
        assert_int_equal(map_count(&f.states), 2); /* of the old meaning nothing is left */
    efx_done(&f);
}

static void test_gone_and_off(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n" R("one", AUTO) R("two", AUTO) R("three", AUTO), DEVICES);
    efx_event(&f, 0, "k a v=1");
    efx_expect(&f, "0 opened one a r1 x1\n0 opened two a r1 x1\n0 opened three a r1 x1\n");
    efx_reload(&f, "rules:\n" R("one", AUTO) R("two", AUTO "    mode: 'off'\n"), DEVICES);
    efx_expect(&f, "0 resolved two a r2 x1\n0 resolved three a r2 x1\n");
    const struct incident *i = efx_incident(&f, "three", "a");
    assert_string_equal(i->history[1].note, "the rule is gone from the rule set");
    assert_string_equal(efx_incident(&f, "two", "a")->history[1].note, "the rule is switched off");
    /* The same by a restart. */
    efx_flush(&f);
    struct ruleset *old = f.fx.rs;
    f.fx.rs = NULL;
    fx_rules(&f.fx, "rules:\n" R("other", AUTO));
    assert_non_null(f.fx.rs);
    efx_restart(&f, 0, true);
    ruleset_free(old);
    efx_expect(&f, "0 resolved one a r2 x1\n");
    efx_done(&f);
}

static void test_shadow_goes_live(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n" R("one", AUTO "    mode: shadow\n"), DEVICES);
    efx_event(&f, 0, "k a v=1");
    efx_expect(&f, "");
    efx_reload(&f, "rules:\n" R("one", AUTO), DEVICES);
    efx_expect(&f, "0 opened one a r1 x1\n");
    efx_done(&f);
}

static void test_registry(void **state) {
    struct engine_device_info d;
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n" R("one", AUTO), DEVICES);
    efx_event(&f, 1000, "k x v=1");
    efx_event(&f, 2000, "availability a online=false");
    efx_event(&f, 3000, "k b v=0 w='t' q=1.5");
    efx_expect(&f, "1 opened one x r1 x1\n");
    assert_string_equal(efx_incident(&f, "one", "x")->title, "?");
    assert_int_equal(engine_devices(f.e), 3);
    assert_int_equal(engine_unregistered(f.e), 1);
    engine_device_info(f.e, 0, &d);
    assert_string_equal(d.id, "b");
    assert_true(d.last_seen == EFX_WALL + 3000 && d.online == -1 && d.events == 1);
    engine_device_info(f.e, 1, &d);
    assert_string_equal(d.id, "a");
    assert_true(d.last_seen == TIME_NONE && d.online == 0); /* the word that it has gone is no sign of life */
    engine_device_info(f.e, 2, &d);
    assert_string_equal(d.id, "x");
    assert_null(d.row);
    efx_reload(&f, "rules:\n" R("one", AUTO), "device,kind,name\nx,k,X\n");
    assert_int_equal(engine_unregistered(f.e), 2);
    engine_device_info(f.e, 0, &d);
    assert_string_equal(d.id, "x");
    assert_non_null(d.row);
    efx_event(&f, 4000, "k x v=1");
    efx_event(&f, 15000000, "k x v=1");
    efx_flush(&f);
    assert_string_equal(efx_incident(&f, "one", "x")->title, "X");
    efx_done(&f);
}

static void test_checkpoints(void **state) {
    struct efx f;
    struct buf b;
    char id[8] = "d0";

    (void)state;
    efx_init(&f, "rules:\n" R("one", AUTO), NULL);
    for (int i = 0; i < 10; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "k d%d v=0 t='x' d=2.0 n=null", i);
        efx_event(&f, i, line);
    }
    assert_int_equal(engine_checkpoint(f.e, 4, &f.out), 6);
    assert_int_equal(f.out.ndevices, 4);
    assert_int_equal(engine_checkpoint(f.e, 100, &f.out), 0);
    assert_int_equal(f.out.ndevices, 10);
    efx_flush(&f);
    efx_restart(&f, 0, true);
    buf_init(&b, 0);
    engine_device_fields(f.e, id, &b);
    assert_string_equal(b.data, "{\"v\":0,\"d\":2,\"n\":null}"); /* t= is the fixture's word for the time */
    struct cel_value v;
    assert_true(engine_device_field(engine_device_get(f.e, id, false), atom_of("d"), &v));
    assert_int_equal(v.type, CEL_DOUBLE); /* types survive */
    buf_done(&b);
    efx_done(&f);
}

/* 18.0 in a list is still no 18: from the checkpoint, and from the journal's tail. */
static void test_types_within(void **state) {
    const struct cel_value items[] = {cel_int(1), cel_double(18.0)};
    struct event_field field = {atom_of("l"), {.type = CEL_LIST, .form = CEL_FORM_NATIVE, .aux = 2, .items = items}};
    const struct event ev = {
        .device = "a", .kind = atom_of("k"), .time = EFX_WALL + 1000, .arrived = EFX_WALL + 1000, .nfields = 1, .fields = &field};

    (void)state;
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        struct efx f;

        efx_init(&f,
                 "rules:\n  - rule: one\n    on: k\n    when: event.go && state.l[1] / 4 == 4.5\n    clear: auto\n"
                 "    incident: {severity: minor, title: t}\n",
                 DEVICES);
        efx_feed(&f, 1000, &ev);
        efx_restart(&f, 0, checkpoint);
        efx_event(&f, 2000, "k a go=true");
        efx_expect(&f, "2 opened one a r1 x1\n");
        efx_done(&f);
    }
}

static void test_ceilings(void **state) {
    struct engine_refusals r;
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n" R("one", AUTO), NULL);
    for (int i = 0; i < 5100; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "k d%d v=%d", i, i % 2);
        efx_event(&f, i, line);
    }
    engine_refusals(f.e, &r);
    assert_int_equal(r.devices, 100);
    assert_int_equal(engine_devices(f.e), 5000);
    assert_int_equal(engine_open_incidents(f.e), 2500);
    /* One device may have only so many fields. */
    for (int i = 0; i < 300; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "k d0 field_%d=1", i);
        efx_event(&f, 6000, line);
    }
    assert_int_equal(engine_device_get(f.e, "d0", false)->nfields, ENGINE_MAX_FIELDS);
    efx_restart(&f, 0, true);
    assert_int_equal(engine_device_get(f.e, "d0", false)->nfields, ENGINE_MAX_FIELDS);
    assert_int_equal(engine_open_incidents(f.e), 2500);
    efx_done(&f);
}

static void test_clock_steps(void **state) {
    struct efx f;
    struct event ev = {.device = "a", .kind = atom_of("k")};
    struct event_field field = {atom_of("v"), cel_int(1)};
    struct engine_time t;

    (void)state;
    /* The gateway starts without a clock, in 1970; the interval is 20:00 to 21:00 local. */
    efx_init(&f, "time_intervals:\n  eve: {times: [{start_time: '20:00', end_time: '21:00'}]}\nrules:\n" R("one", "    during: eve\n" AUTO),
             NULL);
    engine_free(f.e);
    struct engine_conf conf = {.gateway = "gw-1", .seed = 1, .max_devices = 10};
    struct err err;
    assert_int_equal(engine_new(f.fx.rs, &conf, &err, &f.e), 0);
    t = (struct engine_time){.mono = 1000, .wall = 1000};
    assert_int_equal(engine_start(f.e, t, 0, &f.out), 0);
    ev.nfields = 1;
    ev.fields = &field;
    assert_int_equal(engine_event(f.e, &ev, t, &f.out), 0);
    assert_int_equal(engine_open_incidents(f.e), 0); /* 08:00 in 1970 */
    t = (struct engine_time){.mono = 2000, .wall = EFX_WALL + 60000, .synced = true};
    ev.time = ev.arrived = t.wall;
    assert_int_equal(engine_event(f.e, &ev, t, &f.out), 0);
    assert_int_equal(engine_open_incidents(f.e), 1); /* the clock was set meanwhile */
    assert_true(f.out.incidents[f.out.nincidents - 1].raised == EFX_WALL + 60000);
    t.mono = 1500; /* engine time never steps back */
    assert_int_equal(engine_event(f.e, &ev, t, &f.out), 0);
    assert_true(engine_due(f.e) >= 2000);
    effects_reset(&f.out);
    efx_done(&f);
}

static void test_equalities(void **state) {
    struct efx f;
    struct engine_rule_stats s;

    (void)state;
    efx_init(
        &f,
        "rules:\n"
        "  - rule: a\n    on: k\n    when: event.s == 'a'\n    clear: auto\n    incident: {severity: minor, title: t}\n"
        "  - rule: b\n    on: k\n    when: event.n == 1 && event.s == 'b'\n    for: 5s\n    incident: {severity: minor, title: t}\n"
        "  - rule: c\n    on: [k, m]\n    when: event.n == 1\n    clear: auto\n    incident: {severity: minor, title: t}\n"
        "  - rule: d\n    on: k\n    when: event.s == 'a' || event.n == 1\n    clear: auto\n    incident: {severity: minor, title: t}\n",
        NULL);
    efx_event(&f, 0, "k x s='z' n=5");
    engine_rule_stats(f.e, 0, &s);
    assert_int_equal(s.evaluated, 0); /* another value: not even looked at */
    efx_event(&f, 1000, "k x s='a' n=1.0");
    efx_expect(&f, "1 opened a x r1 x1\n1 opened c x r1 x1\n1 opened d x r1 x1\n");
    efx_event(&f, 2000, "k x s='b' n=1"); /* a has an open incident: it must see that its value is gone */
    efx_restart(&f, 0, true);
    efx_event(&f, 3000, "k x s='z' n=2"); /* b was pending: so must b */
    efx_advance(&f, 20000);
    efx_expect(&f, "2 resolved a x r2 x1\n3 resolved c x r2 x2\n3 resolved d x r2 x2\n");
    efx_event(&f, 30000, "m x n=1");
    efx_expect(&f, "30 opened c x r1 x1\n");
    efx_done(&f);
}

/* More names than there are slots, a field that only another rule's guard asks for, a field twice over: all of it as if every program ran. */
static void test_fields_of_many_rules(void **state) {
    struct engine_rule_stats s;
    struct efx f;
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    buf_puts(&text, "rules:\n");
    for (int i = 0; i < 100; i++)
        buf_printf(
            &text,
            "  - rule: r%d\n    on: k\n    when: event.f%d > %d && event.f%d < 1000\n    resolve_after: 1h\n    incident: {severity: minor, "
            "title: t}\n",
            i, i, i, (i + 1) % 100);
    efx_init(&f, text.data, NULL);
    buf_done(&text);
    efx_event(&f, 0, "k x f3=4 f4=5 f98=99 f99=5");
    efx_expect(&f, "0 opened r3 x r1 x1\n0 opened r98 x r1 x1\n");
    efx_event(&f, 1000, "k y f3=2 f4=5 f98=1 f99=5");
    efx_event(&f, 2000, "k y f98=99 f99=2000");
    efx_event(&f, 3000, "k y f98='a' f99=5");
    efx_event(&f, 4000, "k y f98=100");
    engine_rule_stats(f.e, 3, &s);
    assert_int_equal(s.evaluated, 2);
    assert_int_equal(s.matched, 1);
    engine_rule_stats(f.e, 98, &s);
    assert_int_equal(s.evaluated, 4);
    assert_int_equal(s.errors, 1);
    engine_rule_stats(f.e, 50, &s);
    assert_int_equal(s.evaluated, 0); /* an event without what it reads is none of its business */
    efx_done(&f);
}

static void test_equalities_of_devices_and_lists(void **state) {
    struct efx f;
    struct engine_rule_stats s;

    (void)state;
    efx_init(
        &f,
        "rules:\n"
        "  - rule: a\n    on: k\n    when: device.id == 'x' && event.n > 0\n    clear: auto\n    incident: {severity: minor, title: t}\n"
        "  - rule: b\n    on: k\n    when: event.device in ['x', 'y']\n    for: 5s\n    incident: {severity: minor, title: t}\n"
        "  - rule: c\n    on: k\n    when: event.n in [1, 2, 1.0 + 1.0] && event.n > 0\n    clear: auto\n    incident: {severity: minor, title: t}\n"
        "  - rule: d\n    on: incident\n    when: event.rule == 'a' && event.device == 'x' && event.change == 'opened'\n    resolve_after: 1h\n"
        "    incident: {severity: minor, title: t}\n",
        NULL);
    efx_event(&f, 0, "k z n=5");
    for (size_t i = 0; i < 4; i++) {
        engine_rule_stats(f.e, i, &s);
        assert_int_equal(s.evaluated, i == 2); /* two kinds of numbers in the list: no index is to be had of it */
    }
    efx_event(&f, 1000, "k x n=3");
    efx_event(&f, 2000, "k y n=2");
    efx_expect(&f, "1 opened a x r1 x1\n1 opened d x r1 x1\n2 opened c y r1 x1\n");
    efx_event(&f, 3000, "k x n=0");
    efx_event(&f, 4000, "k y n=4");
    efx_event(&f, 9000, "k z n=1");
    efx_expect(&f, "3 resolved a x r2 x1\n4 resolved c y r2 x1\n6 opened b x r1 x2\n7 opened b y r1 x2\n9 opened c z r1 x1\n");
    efx_done(&f);
}

static void test_broken_rows(void **state) {
    static const char *const bodies[] = {"",
                                         "{",
                                         "[]",
                                         "null",
                                         "{\"due\":[[99,1],[\"x\"],1],\"last\":{\"e\":5},\"seq\":[1,{}],\"bound\":[{}],\"p\":\"x\"}",
                                         "{\"n\":1,\"e\":[[1],[1,2,\"a\",null,\"zz\"],{},[null,null,null,null]]}"};
    static const char *const keys[] = {"a", "a\x1f"
                                            "000000000000"};
    struct err err = {0};
    struct efx f;

    (void)state;
    efx_init(
        &f,
        "rules:\n  - rule: w\n    on: k\n    within: 1m\n    having: value_count(event.v) > 2\n    incident: {severity: minor, title: t}\n",
        NULL);
    struct engine_conf conf = {.gateway = "gw-1", .seed = 1, .max_devices = 10};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        engine_free(f.e);
        assert_int_equal(engine_new(f.fx.rs, &conf, &err, &f.e), 0);
        for (size_t k = 0; k < 2; k++) {
            int rc = engine_restore_state(f.e, "w", f.fx.rs->rules[0].hash, keys[k], bodies[i], strlen(bodies[i]), &err);
            assert_true(rc == 0 || err.text[0]);
            rc = engine_restore_state(f.e, "", 0, k ? "clock" : "serial", bodies[i], strlen(bodies[i]), &err);
            assert_true(rc == 0 || err.text[0]);
        }
        assert_true(engine_restore_device(f.e, "a", bodies[i], strlen(bodies[i]), &err) <= 0);
        assert_true(engine_restore_incident(f.e, bodies[i], strlen(bodies[i]), &err) < 0);
        assert_int_equal(engine_start(f.e, efx_time(&f, 0), 0, &f.out), 0);
        efx_event(&f, 1000, "k a v=1");
        efx_event(&f, 2000, "k a v=2");
        efx_event(&f, 3000, "k a v=3");
        efx_advance(&f, 100000);
        efx_flush(&f);
    }
    efx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_rule_goes_on),
        cmocka_unit_test(test_other_meaning),
        cmocka_unit_test(test_gone_and_off),
        cmocka_unit_test(test_shadow_goes_live),
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_types_within),
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_clock_steps),
        cmocka_unit_test(test_equalities),
        cmocka_unit_test(test_equalities_of_devices_and_lists),
        cmocka_unit_test(test_fields_of_many_rules),
        cmocka_unit_test(test_broken_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
