/* SPDX-License-Identifier: Apache-2.0
 * Stamps that were made while nobody vouched for the clock, and what becomes of them when the time comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

#define RULES \
    "rules:\n" \
    "  - rule: one\n    on: k\n    when: event.v > 0\n    clear: event.v < 0\n" \
    "    incident: {severity: minor, title: \"${device.id}\", due: {acknowledge: 30m}}\n" \
    "  - rule: held\n    on: k\n    when: event.v > 5\n    for: 10s\n" \
    "    incident: {severity: minor, title: \"${device.id}\", text: \"${duration(now - since)}\"}\n"

static struct efx f;

/* The wall clock of the test: engine time goes on, whatever it shows. */
static struct engine_time at(int64_t ms, int64_t wall_offset, bool synced) {
    return (struct engine_time){.mono = 1000 + ms, .wall = wall_offset + ms, .synced = synced};
}

static int setup(void **state) {
    struct engine_conf conf = {.gateway = "gw-1", .seed = 1, .max_devices = 100};
    struct err err;
    (void)state;
    efx_init(&f, RULES, NULL);
    engine_free(f.e);
    assert_int_equal(engine_new(f.fx.rs, &conf, &err, &f.e), 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    effects_reset(&f.out);
    efx_done(&f);
    return 0;
}

static void event(const char *device, int v, struct engine_time t) {
    struct event_field field = {atom_of("v"), cel_int(v)};
    struct event ev = {.device = device, .kind = atom_of("k"), .time = t.wall, .arrived = t.wall, .nfields = 1, .fields = &field};
    assert_int_equal(engine_event(f.e, &ev, t, &f.out), 0);
}

static const struct incident *of(const char *rule, const char *device) {
    void *value;
    for (size_t it = 0; map_next(&f.e->dockets, &it, NULL, &value);) {
        const struct incident *inc = ((struct docket *)value)->inc;
        if (strcmp(inc->rule, rule) == 0 && strcmp(inc->by, device) == 0)
            return inc;
    }
    for (size_t i = 0; i < ENGINE_RECENT; i++)
        if (f.e->recent[i] && strcmp(f.e->recent[i]->inc->rule, rule) == 0 && strcmp(f.e->recent[i]->inc->by, device) == 0)
            return f.e->recent[i]->inc;
    fail_msg("no incident of %s, %s", rule, device);
    return NULL;
}

static size_t published(void) {
    size_t n = 0;
    for (size_t i = 0; i < f.out.nincidents; i++)
        n += f.out.incidents[i].publish;
    return n;
}

#define BOOT 600000                        /* 1970-01-01T00:10:00Z */
#define WRONG (INT64_C(1577836800) * 1000) /* 2020: somebody typed a date */

static void twice_set(void **state) {
    (void)state;
    assert_int_equal(engine_start(f.e, at(0, BOOT, false), 0, &f.out), 0);
    event("a", 1, at(1000, BOOT, false));
    event("gone", 1, at(2000, BOOT, false));
    event("gone", -1, at(3000, BOOT, false));
    struct command cmd = {.id = "c", .incident = of("one", "gone")->id, .action = ACTION_CLOSE, .who = "uid:0"};
    uint32_t revision;
    struct err err;
    assert_int_equal(engine_command(f.e, &cmd, at(4000, BOOT, false), &f.out, &err, &revision), 0);
    assert_int_equal(engine_flush(f.e, &f.out), 0);
    assert_false(of("one", "a")->synced);
    /* set, but not to be trusted: the stamps move, nobody is told */
    effects_reset(&f.out);
    assert_int_equal(engine_restamp(f.e, BOOT, BOOT + 5000, WRONG - BOOT, false, at(5000, WRONG, false), &f.out), 0);
    assert_int_equal(published(), 0);
    assert_true(of("one", "a")->raised == WRONG + 1000);
    event("b", 1, at(6000, WRONG, false));
    assert_true(of("one", "b")->raised == WRONG + 6000);
    assert_int_equal(engine_flush(f.e, &f.out), 0);
    /* and now it is right */
    effects_reset(&f.out);
    assert_int_equal(engine_restamp(f.e, WRONG, WRONG + 7000, EFX_WALL - WRONG, true, at(7000, EFX_WALL, true), &f.out), 0);
    assert_int_equal(published(), 3);
    const struct incident *a = of("one", "a"), *b = of("one", "b"), *gone = of("one", "gone");
    assert_true(a->raised == EFX_WALL + 1000 && a->first_event == EFX_WALL + 1000);
    assert_true(a->due_acknowledge == EFX_WALL + 1000 + 30 * TIME_MINUTE);
    assert_true(a->history[0].at == EFX_WALL + 1000);
    assert_true(b->raised == EFX_WALL + 6000);
    assert_true(gone->raised == EFX_WALL + 2000 && gone->resolved == EFX_WALL + 3000 && gone->closed == EFX_WALL + 4000);
    assert_true(a->corrected && b->corrected && gone->corrected && !a->synced);
    assert_int_equal(a->revision, 2);
    assert_int_equal(a->change, CHANGE_UPDATED);
    assert_int_equal(gone->change, CHANGE_CLOSED);
    /* once is enough */
    effects_reset(&f.out);
    assert_int_equal(engine_restamp(f.e, 0, EFX_WALL + TIME_DAY, TIME_HOUR, true, at(8000, EFX_WALL, true), &f.out), 0);
    assert_int_equal(published(), 0);
    assert_true(of("one", "a")->raised == EFX_WALL + 1000);
    event("c", 1, at(9000, EFX_WALL, true));
    assert_true(of("one", "c")->synced);
}

static void right_all_the_time(void **state) {
    (void)state;
    assert_int_equal(engine_start(f.e, at(0, EFX_WALL, false), 0, &f.out), 0);
    event("a", 1, at(1000, EFX_WALL, false));
    assert_int_equal(engine_flush(f.e, &f.out), 0);
    effects_reset(&f.out);
    assert_int_equal(engine_restamp(f.e, EFX_WALL, EFX_WALL + 2000, 0, true, at(2000, EFX_WALL, true), &f.out), 0);
    assert_int_equal(engine_flush(f.e, &f.out), 0);
    assert_int_equal(published(), 0);
    assert_int_equal(f.out.nincidents, 1); /* the row says it */
    assert_true(of("one", "a")->synced);
    assert_true(of("one", "a")->raised == EFX_WALL + 1000);
}

static void a_trusted_one_that_ends_unsynced(void **state) {
    (void)state;
    assert_int_equal(engine_start(f.e, at(0, EFX_WALL, true), 0, &f.out), 0);
    event("a", 1, at(1000, EFX_WALL, true));
    event("a", -1, at(2000, BOOT, false)); /* the clock fell back to 1970 */
    assert_int_equal(engine_flush(f.e, &f.out), 0);
    assert_false(of("one", "a")->synced);
    assert_int_equal(engine_restamp(f.e, BOOT, BOOT + 3000, EFX_WALL - BOOT, true, at(3000, EFX_WALL, true), &f.out), 0);
    assert_true(of("one", "a")->raised == EFX_WALL + 1000);   /* was right */
    assert_true(of("one", "a")->resolved == EFX_WALL + 2000); /* is put right */
    assert_true(of("one", "a")->due_acknowledge == EFX_WALL + 1000 + 30 * TIME_MINUTE);
}

static void spans_stay_true(void **state) {
    static const int64_t offsets[] = {BOOT, WRONG, EFX_WALL - TIME_HOUR, EFX_WALL + 365 * TIME_DAY};
    (void)state;
    assert_int_equal(engine_start(f.e, at(0, EFX_WALL, true), 0, &f.out), 0);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        char device[8];
        int64_t ms = (int64_t)i * 100000;
        (void)snprintf(device, sizeof device, "d%zu", i);
        event(device, 9, at(ms + 1000, EFX_WALL, true));
        assert_int_equal(engine_advance(f.e, at(ms + 5000, offsets[i], true), &f.out), 0);
        assert_int_equal(engine_advance(f.e, at(ms + 10999, offsets[i], true), &f.out), 0);
        assert_int_equal(engine_advance(f.e, at(ms + 11000, offsets[i], true), &f.out), 0);
        assert_string_equal(of("held", device)->text, "10秒");
        assert_true(of("held", device)->raised == offsets[i] + ms + 11000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(twice_set, setup, teardown),
        cmocka_unit_test_setup_teardown(right_all_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_trusted_one_that_ends_unsynced, setup, teardown),
        cmocka_unit_test_setup_teardown(spans_stay_true, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
