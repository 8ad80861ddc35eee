/* SPDX-License-Identifier: Apache-2.0
 * Back-test: a store that a running engine has filled, and the same events through the same rules and through others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gengfu/backtest/backtest.h"
#include "rules_fixture.h"

#define T0 INT64_C(1767614400000) /* 2026-01-05T20:00:00+08:00 */
#define MINUTE TIME_MINUTE

#define RULE(more) \
    "rules:\n  - rule: hot\n    on: oven\n    when: event.c > 90\n" more "    incident: {severity: minor, title: '${device.id} is hot'}\n"
#define HOT RULE("    for: 5m\n    clear: auto\n")

struct then { /* a gateway at work: an engine and its store */
    struct fx rules, fresh;
    char path[128];
    struct store *store;
    struct engine *engine;
    struct effects fx;
    struct engine_time now;
    char last[ULID_TEXT]; /* incident */
    struct err err;
    struct backtest *b;
};

static void ok(struct then *t, int rc) {
    if (rc < 0)
        fail_msg("%s", t->err.text);
}

static void load(struct fx *f, const char *yaml) {
    const char *report = fx_rules(f, yaml);

    if (!f->rs)
        fail_msg("the rules do not load: %s %s", f->err.text, report);
}

static void engine_begins(struct then *t) {
    struct engine_conf conf = {.gateway = "gw-1", .seed = 7, .max_devices = 100};

    ok(t, engine_new(t->rules.rs, &conf, &t->err, &t->engine));
    assert_int_equal(engine_start(t->engine, t->now, 0, &t->fx), 0);
}

static void begin(struct then *t, const char *yaml) {
    memset(t, 0, sizeof(*t));
    fx_init(&t->rules);
    fx_init(&t->fresh);
    fx_puts(&t->rules, "devices.csv", "device,kind,name\na,oven,A\n");
    load(&t->rules, yaml);
    (void)snprintf(t->path, sizeof(t->path), "%s/gengfu.db", t->rules.dir);
    struct store_conf conf = {.path = t->path};
    ok(t, store_open(&conf, &t->err, &t->store));
    effects_init(&t->fx);
    t->now = (struct engine_time){.mono = 5000, .wall = T0, .synced = true};
    engine_begins(t);
}

static void done(struct then *t) {
    backtest_free(t->b);
    engine_free(t->engine);
    effects_done(&t->fx);
    store_close(t->store);
    (void)unlink(t->path);
    fx_done(&t->rules);
    fx_done(&t->fresh);
}

static void commit(struct then *t) {
    struct store_batch batch = {.effects = &t->fx};

    assert_int_equal(engine_flush(t->engine, &t->fx), 0);
    batch.mono = t->now.mono;
    batch.wall = t->now.wall;
    for (size_t i = 0; i < t->fx.nincidents; i++)
        (void)snprintf(t->last, sizeof(t->last), "%s", t->fx.incidents[i].id);
    ok(t, store_commit(t->store, &batch, &t->err));
    effects_reset(&t->fx);
}

static void until(struct then *t, int64_t minutes) {
    t->now.mono += T0 + minutes * MINUTE - t->now.wall;
    t->now.wall = T0 + minutes * MINUTE;
    assert_int_equal(engine_advance(t->engine, t->now, &t->fx), 0);
}

static void journal(struct then *t, const char *body) {
    struct effect_event row = {.time = t->now.wall, .arrived = t->now.wall, .body = arena_strdup(&t->fx.arena, body), .len = strlen(body)};

    effects_event(&t->fx, &row);
}

/* An oven says how hot it is. */
static void says(struct then *t, int64_t minutes, const char *device, int c) {
    struct event_field field = {.name = atom_of("c"), .value = cel_int(c)};
    struct event ev = {.device = device, .kind = atom_of("oven"), .nfields = 1, .fields = &field};
    struct buf b;

    until(t, minutes);
    ev.time = ev.arrived = t->now.wall;
    buf_init(&b, 4096);
    event_write(&b, &ev);
    journal(t, b.data);
    buf_done(&b);
    assert_int_equal(engine_event(t->engine, &ev, t->now, &t->fx), 0);
    commit(t);
}

static void command(struct then *t, enum action action, enum disposition disposition) {
    struct command c = {.id = "", .incident = t->last, .action = action, .who = "uid:1000", .disposition = disposition};
    uint32_t revision;

    ok(t, engine_command(t->engine, &c, t->now, &t->fx, &t->err, &revision));
    commit(t);
}

static void replay(struct then *t, const char *fresh, int64_t since, int64_t to) {
    struct backtest_conf conf = {.store = t->store, .now = t->rules.rs, .since = T0 + since * MINUTE, .until = T0 + to * MINUTE};

    if (fresh != NULL) {
        load(&t->fresh, fresh);
        conf.fresh = t->fresh.rs;
    }
    ok(t, backtest_run(&conf, &t->err, &t->b));
}

/* "then hot a 5-9 same; now hot a 5-9 same": in minutes; "-" for no end. */
static void expect(struct then *t, const char *lines) {
    static const char *const sets[] = {"then", "now", "new"};
    static const char *const verdicts[] = {"outside", "silent", "same", "gone", "came"};
    struct buf b;

    buf_init(&b, 1 << 20);
    for (int set = 0; set < BACKTEST_SETS; set++)
        for (size_t i = 0; i < t->b->sets[set].n; i++) {
            const struct backtest_incident *x = &t->b->sets[set].items[i];
            enum disposition d = backtest_disposition(t->b, (enum backtest_set)set, i);
            buf_printf(&b, "%s%s %s %s %d-", b.len ? "; " : "", sets[set], x->rule, x->key, (int)((x->raised - T0) / MINUTE));
            if (x->ended != TIME_NONE)
                buf_printf(&b, "%d", (int)((x->ended - T0) / MINUTE));
            buf_printf(&b, " %s%s%s", verdicts[backtest_verdict(t->b, (enum backtest_set)set, i)], d ? " " : "", disposition_name(d));
        }
    assert_string_equal(b.data ? b.data : "", lines);
    buf_done(&b);
}

static void test_the_same_rules_raise_the_same(void **state) {
    struct then t;

    (void)state;
    begin(&t, HOT);
    says(&t, 0, "a", 95);
    says(&t, 1, "b", 99);
    says(&t, 3, "b", 20);
    says(&t, 8, "a", 50);
    says(&t, 20, "a", 95);
    until(&t, 30);
    commit(&t);
    replay(&t, NULL, 0, 60);
    expect(&t, "then hot a 25- same; then hot a 5-8 same; now hot a 5-8 same; now hot a 25- same");
    assert_int_equal(t.b->events, 5);
    assert_int_equal(t.b->until, T0 + 30 * MINUTE + 1); /* not past what is stored */
    done(&t);
}

static void test_what_new_rules_change_and_what_was_a_false_alarm(void **state) {
    struct then t;

    (void)state;
    begin(&t, HOT);
    says(&t, 0, "a", 95);
    says(&t, 6, "a", 50);
    command(&t, ACTION_CLOSE, DISPOSITION_FALSE_ALARM);
    says(&t, 10, "b", 95);
    says(&t, 30, "b", 50);
    says(&t, 40, "c", 85);
    says(&t, 50, "c", 50);
    replay(
        &t,
        "rules:\n  - rule: hot\n    on: oven\n    when: event.c > 80\n    for: 8m\n    clear: auto\n    incident: {severity: minor, title: hot}\n",
        0, 60);
    expect(&t, "then hot b 15-30 outside; then hot a 5-6 outside false_alarm; now hot a 5-6 gone false_alarm; now hot b 15-30 same; "
               "new hot b 18-30 same; new hot c 48-50 came");
    done(&t);
}

static void test_what_a_person_ended_is_ended_again(void **state) {
    struct then t;

    (void)state;
    begin(&t, RULE("    clear: manual\n"));
    says(&t, 0, "a", 95);
    until(&t, 4);
    command(&t, ACTION_RESOLVE, DISPOSITION_NONE);
    says(&t, 7, "a", 96);
    until(&t, 9);
    command(&t, ACTION_CLOSE, DISPOSITION_REAL);
    says(&t, 12, "a", 97);
    replay(&t, NULL, 0, 60);
    expect(&t, "then hot a 12- same; then hot a 7-9 same real; then hot a 0-4 same; now hot a 0-4 same; now hot a 7-9 same real; "
               "now hot a 12- same");
    done(&t);
}

static void test_the_day_before_warms_up(void **state) {
    struct then t;

    (void)state;
    begin(&t, HOT);
    says(&t, 0, "a", 95); /* raised before, and going on */
    says(&t, 8, "b", 95); /* pending when it begins */
    says(&t, 20, "b", 95);
    replay(&t, NULL, 10, 60);
    expect(&t, "then hot b 13- same; then hot a 5- outside; now hot a 5- outside; now hot b 13- same");
    assert_int_equal(t.b->events, 3);
    assert_int_equal(t.b->warm_up, 2);
    done(&t);
}

static const char quiet[] = "rules:\n  - rule: quiet\n    on: oven\n    absent: 30m\n    incident: {severity: minor, title: quiet}\n";

static void test_nobody_is_silent_while_nobody_listens(void **state) {
    struct then t;

    (void)state;
    begin(&t, quiet);
    for (int i = 0; i <= 40; i += 10)
        says(&t, i, "a", 20);
    engine_free(t.engine); /* away for five hours */
    t.now.wall += 300 * MINUTE;
    t.now.mono += 300 * MINUTE;
    engine_begins(&t);
    ok(&t, store_audit(t.store, t.now.wall, "gengfu", "started", "1", &t.err));
    commit(&t);
    says(&t, 350, "a", 20);
    says(&t, 360, "a", 20);
    replay(&t, NULL, 0, 600);
    expect(&t, "");
    backtest_free(t.b);
    t.b = NULL;
    done(&t);
}

static void test_silence_is_told_otherwise(void **state) {
    struct then t;

    (void)state;
    begin(&t, quiet);
    says(&t, 0, "a", 20);
    says(&t, 300, "a", 20);
    replay(&t, NULL, 0, 600);
    expect(&t, "then quiet a 30-300 same; now quiet a 30-300 same");
    done(&t);
}

static void test_a_rule_in_shadow_is_silent(void **state) {
    struct then t;

    (void)state;
    begin(&t, HOT);
    says(&t, 0, "a", 95);
    says(&t, 9, "a", 20);
    replay(&t, RULE("    mode: shadow\n    for: 5m\n    clear: auto\n"), 0, 60);
    expect(&t, "then hot a 5-9 outside; now hot a 5-9 gone; new hot a 5-9 silent");
    done(&t);
}

static void test_one_rule(void **state) {
    struct then t;

    (void)state;
    begin(&t, HOT);
    says(&t, 0, "a", 95);
    says(&t, 9, "a", 20);
    struct backtest_conf conf = {.store = t.store, .now = t.rules.rs, .rule = "cold", .since = T0, .until = T0 + TIME_HOUR};
    ok(&t, backtest_run(&conf, &t.err, &t.b));
    expect(&t, "then hot a 5-9 outside; now hot a 5-9 outside");
    done(&t);
}

static void test_rows_that_are_no_events_are_counted(void **state) {
    struct then t;

    (void)state;
    begin(&t, HOT);
    journal(&t, "{\"k\":\"oven\"}");
    journal(&t, "not json");
    commit(&t);
    says(&t, 0, "a", 95);
    says(&t, 9, "a", 20);
    replay(&t, NULL, 0, 60);
    assert_int_equal(t.b->unreadable, 2);
    expect(&t, "then hot a 5-9 same; now hot a 5-9 same");
    done(&t);
}

static bool stop(void *ctx, const struct backtest_progress *p) {
    *(uint64_t *)ctx = p->events;
    return true;
}

static void test_it_can_be_stopped(void **state) {
    struct then t;
    uint64_t seen = 0;

    (void)state;
    begin(&t, HOT);
    for (int i = 0; i < 5000; i++)
        journal(&t, "{\"k\":\"oven\",\"d\":\"a\",\"t\":1767614400000,\"f\":{\"c\":3}}");
    commit(&t);
    struct backtest_conf conf = {.store = t.store, .now = t.rules.rs, .since = T0, .until = T0 + TIME_HOUR, .progress = stop, .ctx = &seen};
    assert_int_equal(backtest_run(&conf, &t.err, &t.b), GF_ESTATE);
    assert_true(seen > 0 && seen < 5000);
    assert_null(t.b);
    done(&t);
}

/* Incidents come and go without end: what is kept of them is bounded, the rest counted. */
static void test_too_many_incidents_are_counted(void **state) {
    struct then t;

    (void)state;
    begin(&t, RULE("    clear: auto\n"));
    for (int i = 0; i < 610; i++)
        journal(&t, i % 2 ? "{\"k\":\"oven\",\"d\":\"a\",\"t\":1767614400000,\"f\":{\"c\":3}}"
                          : "{\"k\":\"oven\",\"d\":\"a\",\"t\":1767614400000,\"f\":{\"c\":93}}");
    commit(&t);
    struct backtest_conf conf = {.store = t.store, .now = t.rules.rs, .since = T0, .until = T0 + TIME_HOUR, .most = 300};
    ok(&t, backtest_run(&conf, &t.err, &t.b));
    assert_int_equal(t.b->sets[BACKTEST_NOW].n, 300);
    assert_int_equal(t.b->sets[BACKTEST_NOW].dropped, 5);
    done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_rules_raise_the_same),
        cmocka_unit_test(test_what_new_rules_change_and_what_was_a_false_alarm),
        cmocka_unit_test(test_what_a_person_ended_is_ended_again),
        cmocka_unit_test(test_the_day_before_warms_up),
        cmocka_unit_test(test_nobody_is_silent_while_nobody_listens),
        cmocka_unit_test(test_silence_is_told_otherwise),
        cmocka_unit_test(test_a_rule_in_shadow_is_silent),
        cmocka_unit_test(test_one_rule),
        cmocka_unit_test(test_rows_that_are_no_events_are_counted),
        cmocka_unit_test(test_it_can_be_stopped),
        cmocka_unit_test(test_too_many_incidents_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
