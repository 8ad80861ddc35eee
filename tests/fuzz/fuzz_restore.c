/* SPDX-License-Identifier: Apache-2.0
 * Rows of the store given back: to the engine a device, an incident, a key's state and a window's chunk, its own rows; to the sources what they remember (its key is the first line); to the limiter an event
 * that waited. Whatever stands in them, all of them start and go on working. The first byte says which row the rest is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/engine/engine.h"
#include "gengfu/source/limit.h"
#include "gengfu/source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] =
    "sources:\n"
    "  - {source: one, topic: 'x/{device}', events: [{kind: k, fields: {v: payload.v}, emit: on_change, dedupe: {key: string(payload.id), within: 1h}}]}\n"
    "  - {source: two, topic: 'y/{device}', events: [{kind: m, fields: {v: payload.v, w: payload.w}, emit: on_change}]}\n"
    "rules:\n"
    "  - {rule: w, on: k, when: event.v > 0, within: 1m, having: value_count(event.v) > 2, incident: {severity: minor, title: '${value_sum(event.v)}'}}\n"
    "  - {rule: s, sequence: [{name: a, on: k}, {name: b, on: k, when: event.v > a.v}], within: 1m, resolve_after: 1m, incident: {severity: minor, title: '${a.v}'}}\n"
    "  - {rule: t, together: [{name: a, on: k}, {name: b, on: m}], within: 1m, resolve_after: 1m, incident: {severity: minor, title: '${a.v}'}}\n"
    "  - {rule: f, on: k, when: event.v > 0, for: 5s, chattering: {changes: 3, within: 1m}, escalate: [{after: 10s, while: unacknowledged, severity: severe}, {after: 1h, while: unresolved}], incident: {severity: minor, title: '${state}'}}\n"
    "  - {rule: i, on: incident, when: event.rule == 'f', within: 1m, having: event_count() > 1, resolve_after: 1h, incident: {severity: minor, title: t, members: event.incident}}\n"
    "  - {rule: n, on: k, absent: 1m, incident: {severity: minor, title: '${last}'}}\n"
    "inhibit_rules:\n  - {source: f, targets: [n, w], equal: [device.kind]}\n";

static const struct ruleset *ruleset(void) {
    static const char config[] =
        "gateway: {id: gw, lat: 30.0, lon: 120.0, zone: UTC}\nplatforms: [{platform: p, type: file, path: /dev/null}]\n";
    static const char devices[] = "device,kind\na,k\nb,m\n";
    static const struct rules_file files[] = {{"gengfu.yaml", config, sizeof config - 1},
                                              {"devices.csv", devices, sizeof devices - 1},
                                              {"rules.d/x.yaml", rules, sizeof rules - 1}};
    static struct ruleset *rs;
    struct report *rep;
    struct err err = {0};

    if (rs)
        return rs;
    if (report_new(&rep) < 0 || ruleset_load_files(files, sizeof files / sizeof files[0], rep, &err, &rs) < 0) {
        (void)fprintf(stderr, "the rules do not load: %s\n", err.text);
        abort();
    }
    report_free(rep);
    return rs;
}

static void work(struct engine *e, struct effects *fx) {
    struct engine_time t = {.mono = 1000000, .wall = 1767614400000, .synced = true};

    if (engine_start(e, t, 0, fx) < 0)
        abort();
    for (int i = 0; i < 12; i++) {
        struct event_field field = {atom_of("v"), cel_int(i % 5)};
        struct event ev = {.device = i % 3 ? "a" : "b",
                           .kind = atom_of(i % 3 ? "k" : "m"),
                           .time = t.wall,
                           .arrived = t.wall,
                           .nfields = 1,
                           .fields = &field};
        t.mono += 7000;
        t.wall += 7000;
        if (engine_event(e, &ev, t, fx) < 0)
            abort();
    }
    /* The clock is set: whatever stamps the rows have given. */
    if (engine_restamp(e, INT64_C(1767614400000), t.wall, INT64_C(400) * TIME_DAY, true, t, fx) < 0)
        abort();
    t.mono += 4000000;
    t.wall += 4000000;
    if (engine_advance(e, t, fx) < 0 || engine_flush(e, fx) < 0)
        abort();
    (void)engine_checkpoint(e, 100, fx);
}

static int on_row(void *ctx, const char *key, const char *body, size_t len) {
    *(uint64_t *)ctx += strlen(key) + (body ? strnlen(body, len) : 0);
    return 0;
}

static void remembered(const struct ruleset *rs, const char *body, size_t len) {
    static const char *const topics[] = {"x/a", "y/b", "x/a"}, payload[] = "{\"v\":1,\"w\":\"long enough to need room\",\"id\":7}";
    const char *end = len ? memchr(body, '\n', len < 128 ? len : 128) : NULL;
    char key[128];
    uint64_t sum = 0;
    struct mapper *m;
    struct arena a;
    struct err err;

    if (!end || mapper_new(rs, &err, &m) < 0)
        return;
    arena_init(&a, 4096, 0);
    (void)snprintf(key, sizeof key, "%.*s", (int)(end - body), body);
    gf_ignore(mapper_restore_row(m, key, end + 1, len - (size_t)(end + 1 - body), &err));
    for (size_t i = 0; i < 3; i++) {
        struct mapped got;
        struct message msg = {
            .topic = topics[i], .payload = payload, .len = sizeof payload - 1, .qos = 1, .arrived = 1767614400000 + (int64_t)i};
        mapper_map(m, &msg, &a, &got);
    }
    if (mapper_checkpoint(m, on_row, &sum) < 0)
        abort();
    mapper_free(m);
    arena_done(&a);
}

static void on_edge(void *ctx, const char *device, bool thinned, uint64_t count) { *(uint64_t *)ctx += strlen(device) + thinned + count; }

static void waited(const char *body, size_t len) {
    uint64_t sum = 0;
    struct limiter *l;
    struct arena a;
    struct event ev;
    struct err err;

    if (limiter_new(on_edge, &sum, &l) < 0)
        return;
    arena_init(&a, 4096, 0);
    limiter_set(l, 50, 500);
    gf_ignore(limiter_restore(l, body, len, 1000, &err));
    gf_ignore(limiter_restore(l, body, len, 1001, &err));
    while (limiter_next(l, 1000000, &a, &ev))
        sum += strlen(ev.device) + ev.nfields;
    gf_ignore(limiter_changes(l, on_row, &sum));
    limiter_free(l);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct ruleset *rs = ruleset();
    struct engine_conf conf = {.gateway = "gw", .seed = 1, .max_devices = 100};
    struct effects fx;
    struct engine *e;
    struct err err;

    if (size < 1 || engine_new(rs, &conf, &err, &e) < 0)
        return 0;
    const char *body = (const char *)data + 1;
    const struct rule *r = &rs->rules[(data[0] >> 3) % rs->nrules];
    int rc = 0;
    switch (data[0] & 7) {
    case 0: rc = engine_restore_device(e, "a", body, size - 1, &err); break;
    case 1: rc = engine_restore_incident(e, body, size - 1, &err); break;
    case 2: rc = engine_restore_state(e, r->name, r->hash, "a", body, size - 1, &err); break;
    case 3:
        rc = engine_restore_state(e, r->name, r->hash,
                                  "a\x1f"
                                  "000000000000",
                                  body, size - 1, &err);
        break;
    case 4: rc = engine_restore_state(e, "", 0, "clock", body, size - 1, &err); break;
    case 5: rc = engine_restore_state(e, "", 0, "serial", body, size - 1, &err); break;
    case 6: remembered(rs, body, size - 1); break;
    default: waited(body, size - 1); break;
    }
    (void)rc;
    effects_init(&fx);
    work(e, &fx);
    effects_done(&fx);
    engine_free(e);
    return 0;
}
