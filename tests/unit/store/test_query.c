/* SPDX-License-Identifier: Apache-2.0
 * Looking in: incidents by id, number and filter, revisions, events by time and device, also over steps of the clock. */
#include "store_fx.h"

#include <stdlib.h>
#include <string.h>

struct seen {
    size_t n;
    char text[4096];
    int stop_at;
};

static int on_id(void *ctx, const char *name, const char *body, size_t len) {
    struct seen *s = ctx;
    size_t used = strlen(s->text);
    assert_non_null(memmem(body, len, name, strlen(name)));
    (void)snprintf(s->text + used, sizeof s->text - used, "%s%s", used ? " " : "", name);
    return s->stop_at && ++s->n == (size_t)s->stop_at ? 9 : 0;
}

static void assert_list(struct fx *f, struct store_query q, const char *want) {
    struct seen s = {0};
    fx_ok(f, store_each_incident(f->store, &q, on_id, &s, &f->err));
    assert_string_equal(s.text, want);
}

static void lists(void **state) {
    struct fx *f = *state;
    for (int i = 0; i < 6; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "inc-%d", i);
        struct effect_incident *e = fx_incident(f, id, 1, SEVERITY_MINOR, 40);
        e->over = i % 2;
        e->rule = i < 3 ? "lamp-out" : "door-open";
        e->device = i == 4 ? NULL : i < 2 ? "lamp-1" : "door-2";
        e->updated = T0 + i * 1000;
        fx_commit(f, T0 + i);
    }
    assert_list(f, (struct store_query){.since = TIME_NONE}, "inc-5 inc-4 inc-3 inc-2 inc-1 inc-0");
    assert_list(f, (struct store_query){.since = TIME_NONE, .limit = 2}, "inc-5 inc-4");
    assert_list(f, (struct store_query){.since = TIME_NONE, .open_only = true}, "inc-4 inc-2 inc-0");
    assert_list(f, (struct store_query){.since = TIME_NONE, .open_only = true, .limit = 1}, "inc-4");
    assert_list(f, (struct store_query){.since = T0 + 3000}, "inc-5 inc-4 inc-3");
    assert_list(f, (struct store_query){.since = T0 + 2001, .open_only = true}, "inc-4");
    assert_list(f, (struct store_query){.since = TIME_NONE, .rule = "lamp-out"}, "inc-2 inc-1 inc-0");
    assert_list(f, (struct store_query){.since = TIME_NONE, .rule = "none"}, "");
    assert_list(f, (struct store_query){.since = TIME_NONE, .device = "door-2"}, "inc-5 inc-3 inc-2");
    assert_list(f, (struct store_query){.since = T0, .device = "door-2", .rule = "door-open", .limit = 1}, "inc-5");
    struct seen s = {.stop_at = 2};
    assert_int_equal(store_each_incident(f->store, &(struct store_query){.since = TIME_NONE}, on_id, &s, &f->err), 9);
    s = (struct seen){.stop_at = 2};
    assert_int_equal(store_each_incident(f->store, &(struct store_query){.since = T0}, on_id, &s, &f->err), 9);
    assert_list(f, (struct store_query){.since = TIME_NONE, .limit = 1}, "inc-5");
}

static void one(void **state) {
    struct fx *f = *state;
    const char *body = NULL;
    size_t len = 0;
    fx_incident(f, "01KAAAAAAAAAAAAAAAAAAAAAAA", 1, SEVERITY_MINOR, 40)->number = "gw-1-20260105-0001";
    fx_incident(f, "01KAAABBBBBBBBBBBBBBBBBBBB", 1, SEVERITY_MINOR, 40)->number = "gw-1-20260105-0002";
    fx_incident(f, "01KAAABBBBBBBBBBBBBBBBBBBC", 1, SEVERITY_MINOR, 40)->number = "gw-1-20260105-00020";
    fx_commit(f, T0);
    fx_ok(f, store_incident(f->store, "01KAAAAAAAAAAAAAAAAAAAAAAA", &f->arena, &body, &len, &f->err));
    assert_non_null(strstr(body, "01KAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_int_equal(len, strlen(body));
    fx_ok(f, store_incident(f->store, "01kaaaa", &f->arena, &body, &len, &f->err));
    assert_non_null(strstr(body, "01KAAAAAAAAAAAAAAAAAAAAAAA"));
    fx_ok(f, store_incident(f->store, "gw-1-20260105-0002", &f->arena, &body, &len, &f->err)); /* also the beginning of another one's */
    assert_non_null(strstr(body, "BBBBB\""));
    assert_int_equal(store_incident(f->store, "01KAAABB", &f->arena, &body, &len, &f->err), GF_EINVAL);
    assert_says(f, "several");
    assert_says(f, "01KAAABBBBBBBBBBBBBBBBBBBC");
    assert_int_equal(store_incident(f->store, "gw-1-20260105-", &f->arena, &body, &len, &f->err), GF_EINVAL);
    assert_int_equal(store_incident(f->store, "01KAA", &f->arena, &body, &len, &f->err), GF_EINVAL);
    assert_says(f, "6 characters");
    assert_int_equal(store_incident(f->store, "", &f->arena, &body, &len, &f->err), GF_ENOTFOUND);
    assert_int_equal(store_incident(f->store, "01KZZZZZZ", &f->arena, &body, &len, &f->err), GF_ENOTFOUND);
    assert_int_equal(store_incident(f->store, "01K%AA%_", &f->arena, &body, &len, &f->err), GF_ENOTFOUND);
    assert_int_equal(store_incident(f->store, "'; DROP TABLE incident; --", &f->arena, &body, &len, &f->err), GF_ENOTFOUND);
}

static int on_revision(void *ctx, uint32_t revision, enum change change, int64_t at, const char *note) {
    struct seen *s = ctx;
    size_t used = strlen(s->text);
    (void)snprintf(s->text + used, sizeof s->text - used, "%u %s @%d %s\n", revision, change_name(change), (int)(at - T0), note);
    return 0;
}

static void revisions(void **state) {
    struct fx *f = *state;
    struct seen s = {0};
    fx_incident(f, "01REVISED", 1, SEVERITY_MINOR, 40);
    fx_incident(f, "01REVISED", 1, SEVERITY_MINOR, 40)->publish = false; /* a count */
    fx_incident(f, "01REVISED", 2, SEVERITY_EXTREME, 40);
    fx_commit(f, T0);
    struct effect_incident *e = fx_incident(f, "01REVISED", 3, SEVERITY_EXTREME, 40);
    e->change = CHANGE_RESOLVED;
    e->condition = CONDITION_RESOLVED;
    e->handling = HANDLING_ACKNOWLEDGED;
    e->title = "路灯又亮了";
    fx_commit(f, T0 + 1);
    fx_ok(f, store_each_revision(f->store, "01REVISED", on_revision, &s, &f->err));
    assert_string_equal(
        s.text,
        "1 opened @1 minor, firing, new: 路灯不亮\n2 updated @2 extreme, firing, new\n3 resolved @3 extreme, resolved, acknowledged: 路灯又亮了\n");
    assert_int_equal(store_each_revision(f->store, "01NOTHING", on_revision, &s, &f->err), GF_ENOTFOUND);
    struct store_info info;
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_equal(info.incidents, 1);
}

static void a_flapping_incident_keeps_its_latest_revisions(void **state) {
    struct fx *f = *state;
    for (uint32_t r = 1; r <= 1600; r++) {
        fx_incident(f, "01FLAP", r, SEVERITY_MINOR, 40);
        if (r % 50 == 0)
            fx_commit(f, T0 + r);
    }
    assert_in_range(fx_number(f, "SELECT count(*) FROM revision"), 1000, 1065);
    struct seen s = {0};
    fx_ok(f, store_each_revision(f->store, "01FLAP", on_revision, &s, &f->err));
    assert_memory_equal(s.text, "1 opened", 8);
}

static int count_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    struct seen *s = ctx;
    (void)row;
    (void)time;
    (void)arrived;
    (void)body;
    (void)len;
    s->n++;
    return 0;
}

static size_t events(struct fx *f, int64_t since, int64_t until, const char *device) {
    struct seen s = {0};
    fx_ok(f, store_each_event(f->store, since, until, device, count_event, &s, &f->err));
    return s.n;
}

static void events_by_time(void **state) {
    struct fx *f = *state;
    enum { N = 3 * 1024 + 17 }; /* several segments of the time index, and a part of one */
    for (int i = 0; i < N; i++) {
        fx_event(f, T0 + i * 10, i % 2 ? "lamp-1" : "lamp-2", "{\"on\":true}");
        fx_event(f, T0 + i * 10 + 5, "lamp-3", "{\"on\":true}");
        fx_commit(f, T0 + i * 10 + 9);
    }
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(events(f, TIME_NONE, TIME_NONE, NULL), 2 * N);
        assert_int_equal(events(f, T0 + 10000, T0 + 20000, NULL), 2000);
        assert_int_equal(events(f, T0 + 10000, T0 + 20000, "lamp-1"), 500);
        assert_int_equal(events(f, T0 + 5, T0 + 10, NULL), 1);
        assert_int_equal(events(f, T0 + N * 10, TIME_NONE, NULL), 0);
        assert_int_equal(events(f, TIME_NONE, T0, NULL), 0);
        assert_int_equal(events(f, T0 + N * 10 - 10, TIME_NONE, NULL), 2);
        fx_reopen(f);
    }
}

static void events_over_steps_of_the_clock(void **state) {
    struct fx *f = *state;
    /* 1970 after a boot without a clock; then right; then an hour back; then a year ahead for a while. */
    const int64_t when[] = {60000, T0, T0 - TIME_HOUR, T0 + 365 * TIME_DAY, T0 + TIME_MINUTE};
    for (size_t k = 0; k < 5; k++)
        for (int i = 0; i < 1100; i++) {
            fx_event(f, when[k] + i, "d", "{}");
            fx_commit(f, when[k] + i);
        }
    for (size_t k = 0; k < 5; k++)
        assert_int_equal(events(f, when[k], when[k] + 1100, NULL), 1100);
    assert_int_equal(events(f, T0 - TIME_DAY, T0 + TIME_DAY, NULL), 3300);
}

static void the_device_is_the_device(void **state) {
    struct fx *f = *state;
    static const char *const bodies[] = {"{\"k\":\"a\",\"d\":\"x\",\"t\":1,\"f\":{}}",
                                         "{\"k\":\"\\\",\\\"d\\\":\\\"x\",\"d\":\"y\",\"t\":1,\"f\":{}}",
                                         "{\"k\":\"a\",\"d\":\"xx\",\"t\":1,\"f\":{\"d\":\"x\"}}",
                                         "{\"k\":\"a\",\"d\":\"q\\\"uote\",\"t\":1,\"f\":{}}",
                                         "{\"d\":\"x\"}",
                                         "{\"k\":\"",
                                         "{\"k\":\"a\",\"d\":\"x\"",
                                         ""};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        effects_event(&f->effects, &(struct effect_event){.time = T0, .arrived = T0, .body = bodies[i], .len = strlen(bodies[i])});
    fx_commit(f, T0);
    assert_int_equal(events(f, TIME_NONE, TIME_NONE, NULL), 8);
    assert_int_equal(events(f, TIME_NONE, TIME_NONE, "x"), 1);
    assert_int_equal(events(f, TIME_NONE, TIME_NONE, "y"), 1);
    assert_int_equal(events(f, TIME_NONE, TIME_NONE, "xx"), 1);
    assert_int_equal(events(f, TIME_NONE, TIME_NONE, "q\"uote"), 1);
    assert_int_equal(events(f, TIME_NONE, TIME_NONE, "none"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(one, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(revisions, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_flapping_incident_keeps_its_latest_revisions, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(events_by_time, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(events_over_steps_of_the_clock, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_device_is_the_device, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store query", tests, NULL, NULL);
}
