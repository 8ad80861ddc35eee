/* SPDX-License-Identifier: Apache-2.0
 * What most messages are: events of devices that are known, which match nothing. From the message to the end of its batch they ask malloc for nothing, whatever the rules' patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine_fx.h"
#include "gengfu/source/source.h"
#include "scarce.h"

#define MANY 1000000
#define DEVICES 30
#define BATCH 20 /* messages; what more of them write fills further blocks of the batch's arena */

static const char sources[] = "sources:\n"
                              "  - source: meter\n"
                              "    topic: site/{device}/state\n"
                              "    match: has(payload.power)\n"
                              "    events:\n"
                              "      - kind: meter\n"
                              "        time: payload.?at.orValue(0)\n"
                              "        fields:\n"
                              "          power: payload.power\n"
                              "          on: payload.state == 'on'\n"
                              "          mode: payload.?mode.orValue('')\n"
                              "          phases: payload.phases\n"
                              "      - kind: alarm\n"
                              "        when: payload.?alarm.orValue(false)\n"
                              "        fields: {code: payload.code}\n";

static const char rules[] =
    "rules:\n"
    "  - rule: one\n    on: meter\n    when: event.power < 0 && event.on\n    clear: auto\n    incident: {severity: minor, title: t}\n"
    "  - rule: held\n    on: meter\n    when: event.mode == 'boost'\n    for: 5m\n    clear: auto\n    incident: {severity: minor, title: t}\n"
    "  - rule: either\n    on: meter\n    when: event.power > 9000 || !event.on && event.mode.startsWith('x')\n    clear: auto\n"
    "    incident: {severity: minor, title: t}\n"
    "  - rule: known\n    on: meter\n    when: state.power > 9000.0 || previous.?mode.orValue('') == 'boost' || device.id == 'other'\n    resolve_after: 1h\n"
    "    incident: {severity: minor, title: t}\n"
    "  - rule: list\n    on: meter\n    when: event.phases.exists(p, p > 300) || event.mode in ['a', 'b']\n    clear: auto\n    incident: {severity: minor, title: t}\n"
    "  - rule: unknown\n    on: meter\n    when: event.?nothing.orValue(0) > 3 || has(event.never) && event.never == 1\n    clear: auto\n"
    "    incident: {severity: minor, title: t}\n"
    "  - rule: count\n    on: meter\n    when: event.power > 9000\n    within: 5m\n    having: event_count() >= 3\n    incident: {severity: minor, title: t}\n"
    "  - rule: steps\n    sequence:\n      - {name: a, on: meter, when: event.power > 9000}\n      - {name: b, on: meter, when: event.on}\n    within: 5m\n    resolve_after: 1h\n"
    "    incident: {severity: minor, title: t}\n"
    "  - rule: both\n    together:\n      - {name: a, on: meter, when: event.power > 9000}\n      - {name: b, on: alarm, when: event.code == 7}\n    within: 5m\n    resolve_after: 1h\n"
    "    incident: {severity: minor, title: t}\n"
    "  - rule: silent\n    on: meter\n    absent: 100h\n    incident: {severity: minor, title: t}\n"
    "  - rule: night\n    on: meter\n    when: event.on && now.getHours('Asia/Shanghai') > 30\n    clear: auto\n    incident: {severity: minor, title: t}\n";

struct world {
    struct efx f;
    struct mapper *m;
    struct arena arena;
    struct buf body;
    int64_t ms;
};

static void message(struct world *w, int i) {
    char topic[64], text[200];
    struct mapped got;

    (void)snprintf(topic, sizeof(topic), "site/meter-%d/state", i % DEVICES);
    (void)snprintf(text, sizeof(text), "{\"power\":%d.5,\"state\":\"%s\",\"mode\":\"%s\",\"phases\":[%d,231,229],\"link\":{\"rssi\":-%d}}",
                   i % 800, i % 3 ? "on" : "off", i % 2 ? "economy" : "normal", 220 + i % 20, 40 + i % 50);
    w->ms += 10;
    struct engine_time now = efx_time(&w->f, w->ms);
    struct message msg = {.topic = topic, .payload = text, .len = strlen(text), .qos = 1, .arrived = now.wall};
    arena_reset(&w->arena);
    mapper_map(w->m, &msg, &w->arena, &got);
    assert_int_equal(got.nevents, 1);
    for (size_t k = 0; k < got.nevents; k++) {
        struct effect_event row = {.time = got.events[k].time, .arrived = got.events[k].arrived};
        buf_clear(&w->body);
        event_write(&w->body, &got.events[k]);
        row.len = w->body.len;
        row.body = arena_dup(&w->f.out.arena, w->body.data, w->body.len);
        effects_event(&w->f.out, &row);
        assert_int_equal(engine_event(w->f.e, &got.events[k], now, &w->f.out), 0);
    }
    if (i % BATCH == BATCH - 1) {
        assert_int_equal(engine_flush(w->f.e, &w->f.out), 0);
        assert_int_equal(w->f.out.nincidents, 0);
        effects_reset(&w->f.out);
    }
}

static void test_events_that_match_nothing_allocate_nothing(void **state) {
    struct world w = {0};
    struct err err = {0};
    struct buf text;

    (void)state;
    if (!scarce_works())
        skip(); /* valgrind takes malloc away from us */
    buf_init(&text, 0);
    buf_printf(&text, "%s%s", sources, rules);
    efx_init(&w.f, text.data, NULL);
    buf_done(&text);
    arena_init(&w.arena, 64 << 10, 1 << 20);
    buf_init(&w.body, 0);
    assert_int_equal(mapper_new(w.f.fx.rs, &err, &w.m), 0);
    for (int i = 0; i < 10 * DEVICES; i++) /* every device has been seen with every text */
        message(&w, i);
    scarce_at(MANY);
    for (int i = 0; i < 10 * DEVICES; i++)
        message(&w, i);
    long asked = MANY - 1 - scarce_left;
    (void)scarce_end();
    assert_int_equal(asked, 0);
    mapper_free(w.m);
    arena_done(&w.arena);
    buf_done(&w.body);
    efx_done(&w.f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_events_that_match_nothing_allocate_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
