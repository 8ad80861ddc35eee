/* SPDX-License-Identifier: Apache-2.0
 * `absent`: silence, grace, expect, our own link and down time, restart from checkpoints and from the journal's tail, reload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

#define DEVICES "device,kind,name,expect,feeder\na,lamp,A,,F1\nb,lamp,B,10m,F1\nc,lock,C,,F2\n"
#define RULE "rules:\n  - rule: silent\n    on: lamp\n    absent: 5m\n"
#define INCIDENT "    incident: {severity: minor, title: \"${device.name} ${duration(now - since)}\"}\n"

static void test_silence(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, RULE INCIDENT, DEVICES);
    efx_event(&f, 10000, "lamp a v=1");
    efx_event(&f, 20000, "lamp x v=1"); /* not registered: nobody expects it */
    efx_advance(&f, 309999);
    efx_expect(&f, "");
    efx_advance(&f, 310000);
    efx_expect(&f, "310 opened silent a r1 x1\n");
    assert_true(efx_incident(&f, "silent", "a")->first_event == EFX_WALL + 10000);
    efx_event(&f, 320000, "lock a v=1"); /* another kind says nothing about it */
    efx_expect(&f, "");
    efx_advance(&f, 600000); /* b has its own span, and never spoke */
    efx_expect(&f, "600 opened silent b r1 x1\n");
    assert_true(efx_incident(&f, "silent", "b")->first_event == EFX_WALL); /* silent since it is known */
    assert_string_equal(efx_incident(&f, "silent", "b")->title, "B 10分钟");
    efx_event(&f, 700000, "lamp a v=1");
    efx_event(&f, 701000, "lamp a v=1");
    efx_expect(&f, "700 resolved silent a r2 x1\n");
    efx_advance(&f, 1001000);
    efx_expect(&f, "1001 opened silent a r1 x1\n");
    efx_done(&f);
}

static void test_equal_times(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, RULE INCIDENT, DEVICES);
    efx_event(&f, 1000, "lamp a v=1");
    efx_event(&f, 301000, "lamp a v=1"); /* in that very millisecond: what is due goes first */
    efx_expect(&f, "301 opened silent a r1 x1\n301 resolved silent a r2 x1\n");
    efx_done(&f);
}

static void test_downtime(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: silent\n    on: lamp\n    absent: 5m\n    grace: 1m\n" INCIDENT, DEVICES);
    efx_event(&f, 100000, "lamp a v=1");
    efx_advance(&f, 200000); /* 100 s of silence */
    efx_restart(&f, 1000000, true);
    efx_advance(&f, 1399999);
    efx_expect(&f, ""); /* the down time is not charged: 200 s are left */
    efx_advance(&f, 1400000);
    efx_expect(&f, "1400 opened silent a r1 x1\n");
    efx_event(&f, 1500000, "lamp a v=1");
    efx_advance(&f, 1790000);
    efx_restart(&f, 1000, false);
    efx_advance(&f, 1850999); /* 9 s would be left, but grace is a minute from the start */
    efx_expect(&f, "1500 resolved silent a r2 x1\n1600 opened silent b r1 x1\n");
    efx_advance(&f, 1851000);
    efx_expect(&f, "1851 opened silent a r1 x1\n");
    efx_done(&f);
}

static void test_default_grace(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, RULE INCIDENT, DEVICES);
    efx_event(&f, 100000, "lamp a v=1");
    efx_event(&f, 100000, "lamp b v=1");
    efx_advance(&f, 390000);
    efx_restart(&f, 1000, true); /* the whole span again */
    efx_advance(&f, 690999);
    efx_expect(&f, "");
    efx_advance(&f, 691000);
    efx_expect(&f, "691 opened silent a r1 x1\n");
    efx_done(&f);
}

static void test_link(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, "rules:\n  - rule: silent\n    on: lamp\n    absent: 5m\n    grace: 1s\n" INCIDENT, DEVICES);
    efx_event(&f, 0, "lamp a v=1");
    efx_event(&f, 0, "lamp b v=1");
    efx_advance(&f, 100000);
    engine_link(f.e, false, efx_time(&f, 100000));
    efx_advance(&f, 900000);
    engine_link(f.e, true, efx_time(&f, 900000));
    efx_advance(&f, 1099999);
    efx_expect(&f, "");
    efx_advance(&f, 1100000);
    efx_expect(&f, "1100 opened silent a r1 x1\n");
    /* Stopped while the link was down. */
    efx_event(&f, 1200000, "lamp a v=1");
    efx_event(&f, 1200000, "lamp b v=1");
    engine_link(f.e, false, efx_time(&f, 1300000));
    efx_advance(&f, 1400000);
    efx_restart(&f, 100000, true);
    efx_advance(&f, 1699999);
    efx_expect(&f, "1200 resolved silent a r2 x1\n");
    efx_advance(&f, 1700000);
    efx_expect(&f, "1700 opened silent a r1 x1\n");
    efx_done(&f);
}

static void test_restart_is_nothing(void **state) {
    (void)state;
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        struct efx f;

        efx_init(&f, RULE INCIDENT, DEVICES);
        efx_event(&f, 1000, "lamp a v=1");
        efx_restart(&f, 0, checkpoint);
        efx_event(&f, 2000, "lamp b v=1");
        efx_restart(&f, 0, checkpoint);
        efx_advance(&f, 301000);
        efx_restart(&f, 0, checkpoint);
        efx_advance(&f, 400000);
        efx_expect(&f, "301 opened silent a r1 x1\n");
        efx_restart(&f, 0, checkpoint);
        efx_event(&f, 500000, "lamp a v=1");
        efx_restart(&f, 0, checkpoint);
        efx_advance(&f, 602000);
        efx_expect(&f, "500 resolved silent a r2 x1\n602 opened silent b r1 x1\n");
        efx_done(&f);
    }
}

static void test_told_once(void **state) {
    struct efx f;
    struct err err = {0};

    (void)state;
    efx_init(&f, RULE "    clear: manual\n" INCIDENT, DEVICES);
    efx_event(&f, 0, "lamp b v=1");
    efx_advance(&f, 300000);
    assert_int_equal(efx_command(&f, 310000, "{\"incident\":\"%ID%\",\"action\":\"close\"}", &err), 0);
    efx_restart(&f, 0, true);
    efx_advance(&f, 590000); /* still silent: it was told, and a person ended it */
    efx_event(&f, 590000, "lamp b v=1");
    efx_expect(&f, "300 opened silent a r1 x1\n310 closed silent a r2 x1\n");
    efx_event(&f, 600000, "lamp a v=1");
    efx_event(&f, 800000, "lamp b v=1");
    efx_advance(&f, 900000);
    efx_expect(&f, "900 opened silent a r1 x1\n");
    efx_done(&f);
}

static void test_when(void **state) {
    (void)state;
    for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
        struct efx f;

        efx_init(&f, "rules:\n  - rule: still\n    on: card\n    of: [lock]\n    absent: 5m\n    when: event.moved\n" INCIDENT, DEVICES);
        efx_event(&f, 100000, "card c moved=true");
        efx_event(&f, 200000, "card c moved=false"); /* speaks, and does not move */
        efx_restart(&f, 0, checkpoint);
        efx_advance(&f, 399999);
        efx_expect(&f, "");
        efx_advance(&f, 400000);
        efx_expect(&f, "400 opened still c r1 x1\n");
        efx_event(&f, 500000, "card c moved=false");
        efx_restart(&f, 0, checkpoint);
        efx_event(&f, 600000, "card c moved=true");
        efx_expect(&f, "600 resolved still c r2 x1\n");
        efx_done(&f);
    }
}

static void test_by_group(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, RULE "    by: device.feeder\n" INCIDENT, "device,kind,name,feeder\na,lamp,A,F1\nb,lamp,B,F1\nc,lamp,C,F2\nd,lamp,D,\n");
    efx_event(&f, 100000, "lamp a v=1");
    efx_event(&f, 200000, "lamp b v=1"); /* the group spoke */
    efx_advance(&f, 499999);
    efx_expect(&f, "300 opened silent F2 r1 x1\n");
    efx_advance(&f, 500000);
    efx_expect(&f, "500 opened silent F1 r1 x1\n");
    efx_event(&f, 510000, "lamp a v=1");
    efx_expect(&f, "510 resolved silent F1 r2 x1\n");
    efx_done(&f);
}

static void test_during_and_exceptions(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f,
             "time_intervals:\n  day: {times: [{start_time: '20:10', end_time: '21:00'}]}\n"
             "rules:\n  - rule: silent\n    on: lamp\n    absent: 5m\n    during: day\n    exceptions: [\"device.id == 'b'\"]\n" INCIDENT,
             DEVICES);
    efx_advance(&f, 599999);
    efx_expect(&f, "");
    efx_advance(&f, 600000); /* silent all the time, and now it matters */
    efx_expect(&f, "600 opened silent a r1 x1\n");
    efx_advance(&f, 2000000);
    efx_restart(&f, 0, true);
    efx_advance(&f, 3000000);
    efx_expect(&f, "");
    efx_done(&f);
}

static void test_registry_changes(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, RULE INCIDENT, DEVICES);
    efx_advance(&f, 300000);
    efx_expect(&f, "300 opened silent a r1 x1\n");
    efx_reload(&f, RULE INCIDENT, "device,kind,name\nb,lamp,B\nn,lamp,N\n"); /* b lost its own span, n is new, a is gone */
    efx_advance(&f, 300001);
    efx_expect(&f, "300 resolved silent a r2 x1\n300 opened silent b r1 x1\n");
    efx_advance(&f, 599999);
    efx_expect(&f, "");
    efx_advance(&f, 600000);
    efx_expect(&f, "600 opened silent n r1 x1\n");
    efx_event(&f, 610000, "lamp a v=1"); /* nobody expects it now */
    efx_advance(&f, 2000000);
    efx_expect(&f, "");
    efx_done(&f);
}

static void test_keep_firing_and_retained(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, RULE "    keep_firing_for: 1m\n" INCIDENT, "device,kind,name\na,lamp,A\n");
    efx_event(&f, 0, "lamp a v=1");
    efx_advance(&f, 300000);
    efx_event(&f, 310000, "lamp a v=1 retained"); /* the broker's old copy is no sign of life */
    efx_advance(&f, 400000);
    efx_expect(&f, "300 opened silent a r1 x1\n");
    efx_event(&f, 500000, "lamp a v=1");
    efx_restart(&f, 0, true);
    efx_advance(&f, 560000);
    efx_expect(&f, "560 resolved silent a r2 x1\n");
    efx_advance(&f, 800000);
    efx_expect(&f, "800 opened silent a r1 x1\n");
    efx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_equal_times),
        cmocka_unit_test(test_downtime),
        cmocka_unit_test(test_default_grace),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_restart_is_nothing),
        cmocka_unit_test(test_told_once),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_by_group),
        cmocka_unit_test(test_during_and_exceptions),
        cmocka_unit_test(test_registry_changes),
        cmocka_unit_test(test_keep_firing_and_retained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
