/* SPDX-License-Identifier: Apache-2.0
 * Incidents over incidents: on: incident, members, inhibit_rules, hold. The example is the product's: lamps on one dead feeder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

#define DEVICES "device,kind,name,feeder\na,lamp,A,F1\nb,lamp,B,F1\nc,lamp,C,F1\nd,lamp,D,F2\ne,lamp,E,\n"
#define LAMP "  - rule: lamp-out\n    on: lamp\n    when: event.v < 5\n    clear: event.v > 10\n"
#define FEEDER \
    "  - rule: feeder-dead\n    on: incident\n    when: event.rule == 'lamp-out' && event.change == 'opened'\n    by: device.feeder\n    within: 2m\n" \
    "    having: value_count(event.device) >= 3\n"
#define PLAIN "    incident: {severity: minor, title: \"${device.name}\"}\n"
#define GROUP "    incident: {severity: severe, title: \"${by} ${value_count(event.device)}\", members: event.incident}\n"
#define INHIBIT "inhibit_rules:\n  - source: feeder-dead\n    targets: [lamp-out]\n    equal: [device.feeder]\n"

static const char *member(struct efx *f, size_t i) {
    const cJSON *m = cJSON_GetArrayItem(efx_incident(f, "feeder-dead", "F1")->members, (int)i);

    return m ? m->valuestring : "";
}

static void test_members(void **state) {
    struct efx f;
    char a[ULID_TEXT];

    (void)state;
    efx_init(&f, "rules:\n" LAMP PLAIN FEEDER "    resolve_after: 1h\n" GROUP, DEVICES);
    efx_event(&f, 1000, "lamp a v=1");
    efx_expect(&f, "1 opened lamp-out a r1 x1\n");
    memcpy(a, f.last_id, sizeof(a));
    efx_event(&f, 2000, "lamp b v=1");
    efx_restart(&f, 0, true);
    efx_event(&f, 3000, "lamp e v=1"); /* on no feeder: no key */
    efx_event(&f, 4000, "lamp d v=1");
    efx_event(&f, 5000, "lamp c v=1");
    /* The greater one comes after the one that made it; its members hear of it. */
    efx_expect(&f, "2 opened lamp-out b r1 x1\n3 opened lamp-out e r1 x1\n4 opened lamp-out d r1 x1\n5 opened lamp-out c r1 x1\n"
                   "5 opened feeder-dead F1 r1 x3\n5 updated lamp-out a r2 x1\n5 updated lamp-out b r2 x1\n5 updated lamp-out c r2 x1\n");
    const struct incident *g = efx_incident(&f, "feeder-dead", "F1");
    assert_string_equal(g->title, "F1 3");
    assert_int_equal(cJSON_GetArraySize(g->members), 3);
    assert_string_equal(member(&f, 0), a);
    assert_string_equal(efx_incident(&f, "lamp-out", "a")->parent, g->id);
    assert_null(efx_incident(&f, "lamp-out", "d")->parent);
    efx_event(&f, 6000, "lamp a v=20");
    efx_event(&f, 7000, "lamp a v=1"); /* a new incident of a: one more member, told at once */
    efx_expect(&f, "6 resolved lamp-out a r3 x1\n7 opened lamp-out a r1 x1\n7 updated feeder-dead F1 r2 x4\n7 updated lamp-out a r2 x1\n");
    assert_int_equal(cJSON_GetArraySize(efx_incident(&f, "feeder-dead", "F1")->members), 4);
    efx_done(&f);
}

static void test_hold_and_inhibit(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n" LAMP "    hold: 30s\n" PLAIN FEEDER "    resolve_after: 1h\n" GROUP INHIBIT, DEVICES);
    efx_event(&f, 0, "lamp d v=1");
    efx_event(&f, 1000, "lamp a v=1");
    efx_event(&f, 2000, "lamp b v=1");
    efx_advance(&f, 29999);
    efx_expect(&f, "");
    efx_event(&f, 30500, "lamp c v=1"); /* d was told at 30 s; the feeder takes in a, b and c */
    efx_expect(&f, "30 opened lamp-out d r1 x1\n30.500 opened feeder-dead F1 r1 x3\n");
    efx_done(&f);
}

static void test_inhibitor_resolves(void **state) {
    struct efx f;
    struct err err = {0};

    (void)state;
    efx_init(&f, "rules:\n" LAMP "    hold: 30s\n" PLAIN FEEDER "    clear: manual\n" GROUP INHIBIT, DEVICES);
    efx_event(&f, 0, "lamp a v=1");
    efx_event(&f, 1000, "lamp b v=1");
    efx_event(&f, 2000, "lamp c v=1");
    efx_advance(&f, 60000);
    efx_expect(&f, "2 opened feeder-dead F1 r1 x3\n");
    assert_non_null(efx_incident(&f, "lamp-out", "a")->inhibited_by);
    efx_event(&f, 61000, "lamp a v=20"); /* gone before anybody heard of it: over, silently */
    efx_flush(&f);
    assert_null(efx_incident(&f, "lamp-out", "a"));
    efx_restart(&f, 0, true);
    efx_event(&f, 62000, "lamp a v=1"); /* taken in at once */
    efx_expect(&f, "62 updated feeder-dead F1 r2 x4\n");
    (void)snprintf(f.last_id, sizeof(f.last_id), "%s", efx_incident(&f, "feeder-dead", "F1")->id);
    assert_int_equal(efx_command(&f, 70000, "{\"incident\":\"%ID%\",\"action\":\"close\"}", &err), 0);
    /* What still fires is told now, and to nobody's surprise says whose part it was. */
    efx_expect(&f, "70 closed feeder-dead F1 r3 x4\n70 opened lamp-out b r1 x1\n70 opened lamp-out c r1 x1\n70 opened lamp-out a r1 x1\n");
    assert_null(efx_incident(&f, "lamp-out", "b")->inhibited_by);
    assert_non_null(efx_incident(&f, "lamp-out", "b")->parent);
    efx_done(&f);
}

static void test_hold_alone(void **state) {
    struct efx f;
    struct err err = {0};

    (void)state;
    efx_init(&f, "rules:\n" LAMP "    hold: 30s\n" PLAIN, DEVICES);
    efx_event(&f, 0, "lamp a v=1");
    efx_event(&f, 10000, "lamp a v=20"); /* within hold: never told */
    efx_advance(&f, 60000);
    efx_expect(&f, "");
    efx_event(&f, 100000, "lamp a v=1");
    efx_event(&f, 110000, "lamp a v=1");
    efx_restart(&f, 0, true);
    efx_advance(&f, 130000);
    efx_expect(&f, "130 opened lamp-out a r1 x2\n");
    efx_event(&f, 200000, "lamp b v=1");
    efx_flush(&f);
    assert_int_equal(efx_command(&f, 210000, "{\"incident\":\"%ID%\",\"action\":\"acknowledge\"}", &err), 0);
    efx_advance(&f, 230000);
    efx_expect(&f, "230 opened lamp-out b r3 x1\n"); /* a revision of its own for what was done meanwhile */
    efx_done(&f);
}

static void test_already_told(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f,
             "rules:\n" LAMP PLAIN
             "  - rule: feeder\n    on: feeder\n    when: event.dead\n    clear: auto\n    incident: {severity: severe, title: f}\n"
             "inhibit_rules:\n  - source: feeder\n    targets: [lamp-out]\n    equal: [device.feeder]\n",
             "device,kind,name,feeder\na,lamp,A,F1\nd,lamp,D,F2\ne,lamp,E,\nm,feeder,M,F1\n");
    efx_event(&f, 0, "lamp a v=1");
    efx_event(&f, 1000, "lamp d v=1");
    efx_event(&f, 2000, "feeder m dead=true");
    efx_event(&f, 3000, "lamp e v=1"); /* a value that is not there is equal to nothing */
    efx_expect(
        &f,
        "0 opened lamp-out a r1 x1\n1 opened lamp-out d r1 x1\n2 opened feeder m r1 x1\n2 updated lamp-out a r2 x1\n3 opened lamp-out e r1 x1\n");
    assert_string_equal(efx_incident(&f, "lamp-out", "a")->parent, efx_incident(&f, "feeder", "m")->id);
    assert_null(efx_incident(&f, "lamp-out", "a")->inhibited_by);
    efx_done(&f);
}

static void test_depth_and_shadow(void **state) {
    struct efx f;
    struct engine_refusals r;

    (void)state;
    /* A rule over every incident feeds itself: it ends. */
    efx_init(&f,
             "rules:\n" LAMP PLAIN
             "  - rule: any\n    on: incident\n    when: event.change == 'opened'\n    by: event.incident\n    clear: manual\n" PLAIN,
             DEVICES);
    efx_event(&f, 0, "lamp a v=1");
    efx_flush(&f);
    engine_refusals(f.e, &r);
    assert_int_equal(r.feeds, 1);
    assert_int_equal(f.told, 1 + ENGINE_MAX_DEPTH);
    efx_done(&f);
    efx_init(&f,
             "rules:\n" LAMP "    mode: shadow\n" PLAIN
             "  - rule: live\n    on: incident\n    when: event.change == 'opened'\n    clear: manual\n" PLAIN
             "  - rule: dark\n    on: incident\n    mode: shadow\n    when: event.change == 'opened'\n    clear: manual\n" PLAIN,
             DEVICES);
    f.shadow_lines = true;
    efx_event(&f, 0, "lamp a v=1");
    efx_flush(&f);
    assert_null(efx_incident(&f, "live", "a"));
    assert_non_null(efx_incident(&f, "dark", "a"));
    assert_int_equal(f.told, 0);
    efx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),    cmocka_unit_test(test_hold_and_inhibit), cmocka_unit_test(test_inhibitor_resolves),
        cmocka_unit_test(test_hold_alone), cmocka_unit_test(test_already_told),     cmocka_unit_test(test_depth_and_shadow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
