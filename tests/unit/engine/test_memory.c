/* SPDX-License-Identifier: Apache-2.0
 * The Nth allocation fails, for every N, while rules of every pattern are at work: nothing crashes, and what cannot be done is said (GF_ENOMEM, effects marked as failed), never left
 * out in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fx.h"
#include "scarce.h"

#define INCIDENT "    incident: {severity: minor, title: \"${device.id} ${event.?v.orValue(0)} ${state}\", text: \"x ${now}\"}\n"
static const char rules[] =
    "rules:\n"
    "  - rule: single\n    on: k\n    when: event.v > 3\n    clear: auto\n    chattering: {changes: 4, within: 1m}\n    evidence: ['event.s']\n" INCIDENT
    "  - rule: for\n    on: k\n    when: event.v > 3\n    for: 3s\n    by: event.s\n    max_keys: 2\n" INCIDENT
    "  - rule: win\n    on: '*'\n    when: event.v > 1\n    within: 20s\n    having: value_count(event.v) >= 2 || value_percentile(event.v, 50) > 3.0\n" INCIDENT
    "  - rule: seq\n    sequence: [{name: a, on: k}, {name: b, on: m, when: event.v >= a.v}]\n    within: 10s\n    resolve_after: 5s\n" INCIDENT
    "  - rule: tog\n    together: [{name: a, on: k}, {name: b, on: m}]\n    within: 10s\n    resolve_after: 5s\n" INCIDENT
    "  - rule: abs\n    on: k\n    absent: 7s\n" INCIDENT
    "  - rule: grp\n    on: incident\n    when: event.change == 'opened' && event.rule != 'grp'\n    by: device.kind\n    within: 20s\n"
    "    having: event_count() >= 2\n    resolve_after: 10s\n    incident: {severity: severe, title: \"${by}\", members: event.incident}\n"
    "inhibit_rules:\n  - {source: grp, targets: [single, win], equal: [device.kind]}\n";

static int one_event(struct efx *f, int i) {
    struct event_field fields[3] = {{atom_of("v"), cel_int((i * 7) % 9)},
                                    {atom_of("s"), cel_text(i % 3 ? "x" : "yy")},
                                    {atom_of("l"), cel_text(i % 2 ? "a long text that needs room" : "")}};
    char id[2] = {(char)('a' + i % 4), 0};
    struct event ev = {.device = id,
                       .kind = atom_of(i % 2 ? "m" : "k"),
                       .time = EFX_WALL + i * 900,
                       .arrived = EFX_WALL + i * 900,
                       .nfields = 3,
                       .fields = fields};

    return engine_event(f->e, &ev, efx_time(f, i * 900), &f->out);
}

static int batch_end(struct efx *f, int i) {
    struct command close = {.id = "1", .incident = "gw-1-20260105-0001", .action = ACTION_CLOSE, .who = "uid:0", .note = "n"};
    struct err err = {0};
    uint32_t revision;
    int rc = engine_flush(f->e, &f->out);

    if (rc == 0) {
        (void)engine_checkpoint(f->e, 10, &f->out);
        rc = f->out.failed ? GF_ENOMEM : 0;
    }
    if (rc == 0 && i == 39 && engine_command(f->e, &close, efx_time(f, i * 900), &f->out, &err, &revision) == GF_ENOMEM)
        rc = GF_ENOMEM;
    if (rc == 0 && i == 49)
        rc = engine_reload(f->e, f->fx.rs, efx_time(f, i * 900), &f->out, &err);
    if (rc == 0)
        effects_reset(&f->out);
    return rc;
}

static int life(struct efx *f) {
    struct engine_conf conf = {.gateway = "gw-1", .seed = 1, .max_devices = 50};
    struct err err = {0};
    int rc = engine_new(f->fx.rs, &conf, &err, &f->e);

    if (rc < 0)
        return rc;
    rc = engine_start(f->e, efx_time(f, 0), 0, &f->out);
    for (int i = 0; i < 60 && rc == 0; i++) {
        rc = one_event(f, i);
        if (rc == 0 && i % 10 == 9)
            rc = batch_end(f, i);
    }
    return rc;
}

static void test_every_allocation(void **state) {
    struct efx f;
    long silent = 0, n = 1;

    (void)state;
    efx_init(&f, rules, "device,kind\na,k\nb,m\n");
    for (;; n++) {
        engine_free(f.e);
        f.e = NULL;
        effects_reset(&f.out);
        scarce_at(n);
        int rc = life(&f);
        bool hit = scarce_end();
        assert_true(rc == 0 || (rc == GF_ENOMEM && hit));
        if (!hit)
            break;
        silent += rc == 0; /* a title that falls back to the rule's name, nothing else */
    }
    if (n > 1)
        assert_true(silent < n / 10);
    efx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
