/* SPDX-License-Identifier: Apache-2.0
 * The result does not depend on how events are cut into batches, nor on restarts between them: random rule sets over random streams, once in one go and once cut and restarted
 * (and reloaded with the same rules) at random places, tell the platform the same documents (but for the ids) and leave the same rows. GENGFU_STREAMS says how many streams, GENGFU_SEED which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fx.h"
#include "gengfu/base/crypt.h"

#define DEVICES "device,kind,name,feeder,grid,expect\nd0,k,D0,F1,G1,\nd1,k,D1,F1,G1,40s\nd2,m,D2,F2,G2,\nd3,m,D3,,G2,\n"
#define MAX_EVENTS 120

static struct prng rng;
static int pick(int n) { return (int)prng_below(&rng, (uint64_t)n); }
#define ONE_OF(list) ((list)[pick((int)(sizeof(list) / sizeof((list)[0])))])

static const char *const kinds[] = {"k", "m"};
static const char *const whens[] = {"event.v > 3",    "event.v > 3 && state.w == 1", "state.v > previous.v",
                                    "event.s == 'x'", "event.v / event.w > 1",       "state.?v.orValue(9) < 4"};
static const char *const bys[] = {"", "", "    by: device.feeder\n", "    by: event.w\n", "    by: [event.s, device.grid]\n"};
static const char *const ends[] = {"    clear: auto\n",
                                   "    clear: event.v < 2\n",
                                   "    resolve_after: 20s\n",
                                   "    clear: manual\n",
                                   "    clear: event.v < 2\n    resolve_after: 12s\n",
                                   "    clear: auto\n    resolve_after: 8s\n",
                                   "    clear: event.?s.orValue('') == 'y'\n"};
static const char *const step_ends[] = {"    clear: event.v < 2\n", "    resolve_after: 20s\n", "    clear: manual\n",
                                        "    clear: event.v < 2\n    resolve_after: 9s\n", "    clear: auto\n    resolve_after: 15s\n"};
static const char *const extras[] = {
    "",
    "",
    "",
    "    keep_firing_for: 7s\n",
    "    hold: 5s\n",
    "    chattering: {changes: 4, within: 30s}\n",
    "    escalate: [{after: 15s, while: unacknowledged, to: [city], severity: extreme}, {after: 40s, while: unresolved, to: [city]}]\n",
    "    repeat_interval: 10s\n",
    "    latch: true\n",
    "    max_keys: 2\n",
    "    during: odd\n",
    "    exceptions: [\"event.?s.orValue('') == 'z'\"]\n"};
static const char *const havings[] = {"event_count() >= 3", "value_count(event.device) >= 2", "value_avg(event.v) > 4.0",
                                      "value_sum(event.v) >= 15.0 || value_max(event.w) > 1.0", "value_percentile(event.v, 50) > 5.0"};

static void incident(struct buf *b, const char *title) {
    static const char *const severities[] = {"minor", "moderate", "severe", "extreme"};

    buf_printf(b, "    incident: {severity: %s, title: \"%s\", text: '${since} ${count} ${by} ${state}'}\n", ONE_OF(severities), title);
}

static void rule(struct buf *b, int i) {
    const char *kind = ONE_OF(kinds), *when = ONE_OF(whens), *by = ONE_OF(bys), *extra = ONE_OF(extras);

    buf_printf(b, "  - rule: r%d\n", i);
    switch (pick(8)) {
    case 0:
    case 1:
        buf_printf(b, "    on: %s\n    when: %s\n%s%s%s", kind, when, by, ONE_OF(ends), extra);
        incident(b, "${event.?v.orValue(0)} ${device.?name}");
        break;
    case 2:
        buf_printf(b, "    on: %s\n    when: %s\n    for: %ds\n%s%s%s", kind, when, 1 + pick(20), by, pick(2) ? "" : ONE_OF(ends), extra);
        incident(b, "${event.?v.orValue(0)} ${device.?name}");
        break;
    case 3:
    case 4:
        buf_printf(b, "    on: '*'\n    when: %s\n    within: %ds\n    having: %s\n%s%s%s", when, 1 + pick(30), ONE_OF(havings), by,
                   pick(2) ? "" : ONE_OF(ends), extra);
        incident(b, "${event_count()} ${value_avg(event.v)} ${value_percentile(event.v, 90)}");
        break;
    case 5:
        buf_printf(b, "    sequence: [{name: a, on: %s, when: %s}, {name: b, on: %s, when: 'event.v >= a.v'}%s]\n    within: %ds\n%s%s%s",
                   kind, when, ONE_OF(kinds), pick(2) ? "" : ", {not: {on: m, when: event.v == 0}}", 2 + pick(20), by, ONE_OF(step_ends),
                   strstr(extra, "keep") ? "" : extra);
        incident(b, "${a.v} ${b.device}");
        break;
    case 6:
        buf_printf(b, "    together: [{name: a, on: k, when: %s}, {name: b, on: m}]\n    within: %ds\n    by: device.grid\n%s%s", when,
                   2 + pick(20), ONE_OF(step_ends), strstr(extra, "keep") ? "" : extra);
        incident(b, "${a.?v} ${b.device}");
        break;
    default:
        buf_printf(b, "    on: %s\n    absent: %ds\n%s%s", kind, 2 + pick(30), pick(3) ? "" : "    when: event.v > 5\n",
                   pick(2) ? "" : "    keep_firing_for: 3s\n");
        incident(b, "${device.name} ${duration(now - since)}");
        break;
    }
}

/* A set: intervals, some rules, now and then one over incidents with members and an inhibit rule. */
static void rule_set(struct buf *b) {
    int n = 2 + pick(5);

    buf_clear(b);
    buf_puts(
        b,
        "time_intervals:\n  odd: {times: [{start_time: '20:00', end_time: '20:01'}, {start_time: '20:02', end_time: '20:03'}]}\nrules:\n");
    for (int i = 0; i < n; i++)
        rule(b, i);
    if (pick(2)) {
        buf_printf(
            b,
            "  - rule: group\n    on: incident\n    when: event.change == 'opened' && event.rule != 'group'\n    by: device.grid\n    within: 20s\n"
            "    having: event_count() >= 2\n    resolve_after: %ds\n    incident: {severity: severe, title: \"${by} ${event_count()}\", members: event.incident}\n",
            5 + pick(40));
        if (pick(2))
            buf_printf(b, "inhibit_rules:\n  - {source: group, targets: [r0, r1], equal: [device.grid]}\n");
    }
}

struct item {
    int64_t ms;
    char line[96];
};

static size_t make(struct item *items) {
    static const char *const texts[] = {"x", "y", "z"};
    size_t n = (size_t)(20 + pick(MAX_EVENTS - 20));
    int64_t ms = 0;

    for (size_t i = 0; i < n; i++) {
        struct buf b;

        ms += pick(4) ? pick(3) * 1000 : pick(9000);
        buf_init(&b, sizeof(items[i].line));
        buf_printf(&b, "%s d%d", ONE_OF(kinds), pick(5));
        if (pick(8))
            buf_printf(&b, " v=%d", pick(8));
        if (pick(2))
            buf_printf(&b, " w=%d.0", pick(3));
        if (pick(2))
            buf_printf(&b, " s='%s'", ONE_OF(texts));
        if (pick(15) == 0)
            buf_puts(&b, " retained");
        if (pick(15) == 0)
            buf_printf(&b, " late t=%d", (int)(ms - pick(20000)));
        items[i].ms = ms;
        (void)snprintf(items[i].line, sizeof(items[i].line), "%s", b.data);
        buf_done(&b);
    }
    return n;
}

static void command(struct efx *f, int64_t ms, int which) {
    static const char *const actions[] = {"acknowledge", "handle", "close", "resolve", "note\",\"note\":\"n"};
    char json[200];
    struct err ignored;

    /* By number: the same in both runs, which know the same incidents. */
    (void)snprintf(json, sizeof(json), "{\"id\":\"c\",\"incident\":\"gw-1-20260105-%04d\",\"action\":\"%s\"}", 1 + which % 4,
                   actions[which % 5]);
    (void)efx_command(f, ms, json, &ignored);
}

static void run(struct efx *f, const struct item *items, size_t n, const char *cut, struct buf *out, int commands) {
    efx_fresh(f);
    for (size_t i = 0; i < n; i++) {
        if (cut) {
            int64_t before = i ? items[i - 1].ms : 0;
            switch (pick(10)) {
            case 0: efx_restart(f, 0, true); break;
            case 1: efx_restart(f, 0, false); break;
            case 2: efx_advance(f, before + pick((int)(items[i].ms - before) + 1)); break;
            case 3: efx_flush(f); break;
            default: break;
            }
            if (pick(100) == 0) /* the same rules again: nothing */
                efx_reload(f, cut, NULL);
        }
        efx_event(f, items[i].ms, items[i].line);
        if (commands && i % 17 == 16)
            command(f, items[i].ms, (int)i / 17 + commands);
    }
    efx_advance(f, items[n - 1].ms + 30000);
    if (cut)
        efx_restart(f, 0, pick(2));
    efx_advance(f, items[n - 1].ms + 300000);
    efx_flush(f);
    buf_put(out, f->said.data, f->said.len);
    buf_puts(out, "rows:\n");
    efx_rows(f, out);
}

/* The first line that differs, for the message. */
static void complain(const char *yaml, const struct item *items, size_t n, const char *a, const char *b) {
    const char *la = a, *lb = b;

    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '\n') {
            la = a + i + 1;
            lb = b + i + 1;
        }
    }
    print_error("%s\n", yaml);
    for (size_t i = 0; i < n; i++)
        print_error("%d %s\n", (int)items[i].ms, items[i].line);
    if (getenv("GENGFU_ALL"))
        (void)fprintf(stderr, "== in one go:\n%s\n== cut:\n%s\n==\n", a, b);
    (void)fprintf(stderr, "in one go:\n%.*s\ncut:\n%.*s\n", (int)strcspn(la, "\n"), la, (int)strcspn(lb, "\n"), lb);
    fail();
}

static void test_cuts(void **state) {
    const char *env = getenv("GENGFU_STREAMS");
    size_t streams = env ? strtoul(env, NULL, 10) : 1000, told = 0, per_set = 10;
    struct item items[MAX_EVENTS];
    struct buf yaml, a, b;

    (void)state;
    buf_init(&yaml, 0);
    buf_init(&a, 0);
    buf_init(&b, 0);
    for (size_t i = 0; i < streams; i += per_set) {
        struct efx f;

        rule_set(&yaml);
        efx_init(&f, yaml.data, DEVICES);
        f.bodies = true;
        for (size_t k = 0; k < per_set; k++) {
            size_t n = make(items);
            int commands = pick(3);

            buf_clear(&a);
            buf_clear(&b);
            run(&f, items, n, NULL, &a, commands);
            told += f.told;
            run(&f, items, n, yaml.data, &b, commands);
            if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
                complain(yaml.data, items, n, a.data, b.data);
        }
        efx_done(&f);
    }
    assert_true(told > streams); /* something has happened */
    buf_done(&yaml);
    buf_done(&a);
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts)};
    const char *seed = getenv("GENGFU_SEED");

    prng_seed(&rng, seed ? strtoull(seed, NULL, 10) : 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
