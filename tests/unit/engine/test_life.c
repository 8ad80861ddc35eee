/* SPDX-License-Identifier: Apache-2.0
 * An incident's life: every move in every state, commands, escalation, chattering, the document and back, numbers, effects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

#define SOS "rules:\n  - rule: sos\n    on: card\n    when: event.sos\n    clear: '!event.sos'\n"
#define INCIDENT "    incident: {severity: moderate, title: \"${device.?name.orValue(device.id)}\"}\n"

/* One letter a state of handling: n new, a acknowledged, d dispatched, h handled, c closed; '-' refused. First firing, then resolved. */
static const struct {
    enum move move;
    const char *firing, *resolved;
    const char *condition; /* after it: f or r by column of the two, '=' the same */
} wanted[] = {
    {MOVE_ACKNOWLEDGE, "a----", "a----", "="}, {MOVE_DISPATCH, "ddd--", "ddd--", "="}, {MOVE_HANDLE, "hhh--", "hhh--", "="},
    {MOVE_RESOLVE, "nadh-", "-----", "r"},     {MOVE_CLOSE, "cccc-", "cccc-", "r"},    {MOVE_REOPEN, "-nnnn", "-nnnn", "="},
    {MOVE_NOTE, "nadhc", "nadhc", "="},        {MOVE_EVALUATE, "---hc", "---hc", "="}, {MOVE_REPEAT, "nadh-", "-----", "="},
    {MOVE_CLEAR, "nadh-", "-----", "r"},       {MOVE_EXPIRE, "-----", "cccc-", "="},
};

static void test_every_pair(void **state) {
    static const char letters[] = "nadhc";

    (void)state;
    assert_int_equal(sizeof(wanted) / sizeof(wanted[0]), MOVES - 1);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        for (int c = CONDITION_FIRING; c <= CONDITION_RESOLVED; c++) {
            for (int h = HANDLING_NEW; h <= HANDLING_CLOSED; h++) {
                char want = (c == CONDITION_FIRING ? wanted[i].firing : wanted[i].resolved)[h];
                struct lifecycle_move m;
                bool ok = engine_lifecycle(wanted[i].move, (enum condition)c, (enum handling)h, &m);

                assert_int_equal(ok, want != '-');
                if (!ok)
                    continue;
                assert_int_equal(letters[m.to_handling], want);
                assert_int_equal(m.to_condition, wanted[i].condition[0] == 'r' ? (int)CONDITION_RESOLVED : c);
                assert_true(m.sends == (wanted[i].move == MOVE_CLOSE || wanted[i].move == MOVE_EXPIRE ? CHANGE_CLOSED
                                        : m.to_condition != (enum condition)c                         ? CHANGE_RESOLVED
                                                                                                      : CHANGE_UPDATED));
            }
        }
    }
}

static int act(struct efx *f, int64_t ms, const char *action, const char *more, struct err *err) {
    char json[300];

    (void)snprintf(json, sizeof(json), "{\"id\":\"c%d\",\"incident\":\"%%ID%%\",\"action\":\"%s\"%s}", (int)ms, action, more);
    *err = (struct err){0};
    return efx_command(f, ms, json, err);
}

static void test_desk(void **state) {
    struct efx f;
    struct err err;

    (void)state;
    efx_init(&f, SOS INCIDENT, "device,kind,name,grid,lat,lon\nk1,card,陈奶奶,G7,30.1,120.2\n");
    efx_event(&f, 0, "card k1 sos=true");
    efx_expect(&f, "0 opened sos k1 r1 x1\n");
    assert_int_equal(act(&f, 1000, "acknowledge", ",\"by\":\"3号席\"", &err), 0);
    assert_int_equal(act(&f, 2000, "acknowledge", "", &err), GF_ESTATE);
    assert_non_null(strstr(err.text, "acknowledged; possible: dispatch, handle, resolve, close, reopen, note"));
    assert_int_equal(act(&f, 3000, "dispatch", ",\"ticket\":\"T-9\"", &err), 0);
    assert_int_equal(act(&f, 4000, "evaluate", ",\"rating\":5", &err), GF_ESTATE);
    assert_int_equal(act(&f, 5000, "handle", ",\"note\":\"visited\",\"disposition\":\"real\"", &err), 0);
    efx_event(&f, 6000, "card k1 sos=false");
    efx_flush(&f);
    assert_int_equal(act(&f, 7000, "close", "", &err), 0);
    assert_int_equal(act(&f, 8000, "evaluate", ",\"rating\":5", &err), 0);
    efx_expect(
        &f,
        "1 updated sos k1 r2 x1\n3 updated sos k1 r3 x1\n5 updated sos k1 r4 x1\n6 resolved sos k1 r5 x1\n7 closed sos k1 r6 x1\n8 updated sos k1 r7 x1\n");
    assert_null(efx_incident(&f, "sos", "k1")); /* over */
    cJSON *j = cJSON_Parse(f.last_body.data);
    assert_string_equal(json_str(j, "handling", ""), "closed");
    assert_string_equal(json_str(j, "disposition", ""), "real");
    assert_string_equal(json_str(j, "ticket", ""), "T-9");
    assert_int_equal(json_int(j, "rating", 0), 5);
    assert_string_equal(json_str(j, "title", ""), "陈奶奶");
    assert_string_equal(json_str(json_get(j, "place"), "grid", ""), "G7");
    assert_string_equal(json_str(json_get(j, "place"), "name", ""), "陈奶奶");
    assert_string_equal(json_str(json_get(j, "times"), "acknowledged", ""), "2026-01-05T20:00:01+08:00");
    assert_string_equal(json_str(cJSON_GetArrayItem(json_get(j, "history"), 1), "who", ""), "uid:1000 (3号席)");
    assert_int_equal(cJSON_GetArraySize(json_get(j, "history")), 7);
    assert_true(json_bool(json_get(j, "values"), "sos", false));
    cJSON_Delete(j);
    /* Reopened from what is remembered of closed ones; the condition has not come back. */
    assert_int_equal(act(&f, 9000, "reopen", "", &err), 0);
    assert_int_equal(efx_incident(&f, "sos", "k1")->handling, HANDLING_NEW);
    efx_event(&f, 10000, "card k1 sos=true");
    efx_expect(&f, "9 updated sos k1 r8 x1\n10 opened sos k1 r1 x1\n");
    assert_string_equal(f.last_number, "gw-1-20260105-0002");
    efx_done(&f);
}

static void test_refusals(void **state) {
    static const char *const bad[][2] = {
        {"{\"incident\":\"x\",\"action\":\"acknowlege\"}", "did you mean \"acknowledge\""},
        {"{\"incident\":\"x\",\"action\":\"silence\"}", "no action \"silence\""},
        {"{\"action\":\"close\"}", "\"incident\" is missing"},
        {"{\"incident\":\"x\"}", "\"action\" is missing"},
        {"{\"incident\":7,\"action\":\"close\"}", "\"incident\" must be text"},
        {"{\"incident\":\"x\",\"action\":\"close\",\"disposition\":\"maybe\"}", "no disposition \"maybe\""},
        {"{\"incident\":\"x\",\"action\":\"evaluate\",\"rating\":6}", "from 1 to 5"},
        {"{\"incident\":\"x\",\"action\":\"evaluate\",\"rating\":1.5}", "from 1 to 5"},
        {"{\"incident\":\"x\",\"action\":\"evaluate\"}", "evaluate needs"},
        {"{\"incident\":\"x\",\"action\":\"note\"}", "\"note\" is missing"},
        {"[]", "a command is an object"},
    };
    struct efx f;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cJSON *j = cJSON_Parse(bad[i][0]);
        struct command cmd;

        assert_true(command_read(j, &err, &cmd) < 0);
        assert_non_null(strstr(err.text, bad[i][1]));
        cJSON_Delete(j);
    }
    efx_init(&f, SOS INCIDENT, NULL);
    (void)snprintf(f.last_id, sizeof(f.last_id), "nothing");
    assert_int_equal(act(&f, 0, "close", "", &err), GF_ENOTFOUND);
    assert_int_equal(f.out.nanswers, 1);
    assert_non_null(strstr(f.out.answers[0].body, "\"ok\":false"));
    efx_done(&f);
}

static void test_expire(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, SOS INCIDENT, NULL);
    int64_t keep = f.fx.rs->config->closed_max_age;
    assert_true(keep > 0);
    efx_event(&f, 0, "card k1 sos=true");
    efx_event(&f, 1000, "card k1 sos=false");
    efx_restart(&f, 0, true);
    efx_advance(&f, keep + 999);
    efx_expect(&f, "0 opened sos k1 r1 x1\n1 resolved sos k1 r2 x1\n");
    efx_advance(&f, keep + 1000);
    efx_flush(&f);
    assert_null(efx_incident(&f, "sos", "k1"));
    assert_int_equal(map_count(&f.incidents), 0);
    efx_done(&f);
}

static void test_many_resolved(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, SOS INCIDENT, NULL);
    for (int i = 0; i < ENGINE_MAX_RESOLVED + 10; i++) {
        efx_event(&f, i * 1000, "card k1 sos=true");
        efx_event(&f, i * 1000 + 1, "card k1 sos=false");
        if (i % 100 == 0)
            efx_flush(&f);
    }
    efx_flush(&f);
    assert_int_equal(map_count(&f.incidents), ENGINE_MAX_RESOLVED);
    assert_null(engine_incident(f.e, "gw-1-20260105-0010"));
    assert_non_null(engine_incident(f.e, "gw-1-20260105-0011"));
    efx_restart(&f, 0, true);
    efx_flush(&f);
    assert_int_equal(map_count(&f.incidents), ENGINE_MAX_RESOLVED);
    efx_done(&f);
}

static void test_escalation(void **state) {
    struct efx f;
    struct err err;

    (void)state;
    efx_init(&f, "rules: []\n", NULL);
    fx_puts(
        &f.fx, "gengfu.yaml",
        "gateway: {id: gw-test, lat: 30.0, lon: 120.0, zone: Asia/Shanghai}\n"
        "platforms: [{platform: village, type: file, path: /tmp/1}, {platform: town, type: file, path: /tmp/2}, {platform: district, type: file, path: /tmp/3}]\n");
    efx_reload(&f,
               SOS "    forward: [village]\n    escalate:\n      - {after: 10m, while: unacknowledged, to: [town], severity: severe}\n"
                   "      - {after: 30m, while: unresolved, to: [district, village]}\n" INCIDENT,
               NULL);
    efx_event(&f, 0, "card k1 sos=true");
    assert_int_equal(f.out.incidents[0].platforms, 1);
    efx_advance(&f, 599999);
    efx_restart(&f, 0, true);
    efx_advance(&f, 600000);
    assert_int_equal(f.out.incidents[0].platforms, 3);
    efx_expect(&f, "0 opened sos k1 r1 x1\n600 updated sos k1 r2 x1\n");
    const struct incident *i = efx_incident(&f, "sos", "k1");
    assert_int_equal(i->severity, SEVERITY_SEVERE);
    assert_int_equal(i->level, 1);
    assert_string_equal(i->history[1].note, "level 1: to town, severe instead of moderate");
    assert_int_equal(act(&f, 700000, "acknowledge", "", &err), 0);
    efx_advance(&f, 1800000);
    efx_expect(&f, "700 updated sos k1 r3 x1\n1800 updated sos k1 r4 x1\n");
    assert_int_equal(efx_incident(&f, "sos", "k1")->level, 2);
    /* Somebody answered in time: nothing. */
    efx_event(&f, 2000000, "card k2 sos=true");
    efx_flush(&f);
    assert_int_equal(act(&f, 2001000, "handle", "", &err), 0);
    efx_advance(&f, 9000000);
    efx_expect(&f, "2000 opened sos k2 r1 x1\n2001 updated sos k2 r2 x1\n");
    efx_done(&f);
}

static void test_chattering(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f,
             "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n    chattering: {changes: 4, within: 1m}\n" INCIDENT,
             NULL);
    for (int i = 0; i < 12; i++) {
        efx_event(&f, i * 1000, i % 2 ? "k a v=0" : "k a v=1");
        if (i == 5)
            efx_restart(&f, 0, true);
    }
    /* The fourth change (an end) makes it chatter: from then on it is held open. */
    efx_expect(&f, "0 opened r a r1 x1\n1 resolved r a r2 x1\n2 opened r a r1 x1\n3 updated r a r2 x1\n");
    const struct incident *i = efx_incident(&f, "r", "a");
    assert_true(i->chattering);
    assert_non_null(strstr(i->title, "频繁抖动"));
    assert_int_equal(i->count, 5);
    assert_string_equal(i->history[1].note, "4 changes within 1m");
    efx_advance(&f, 70999);
    efx_expect(&f, "");
    efx_advance(&f, 71000); /* a minute without a change, and the condition is false */
    efx_expect(&f, "71 resolved r a r3 x5\n");
    efx_event(&f, 200000, "k a v=1");
    efx_expect(&f, "200 opened r a r1 x1\n");
    assert_false(efx_incident(&f, "r", "a")->chattering);
    efx_done(&f);
}

static void test_steady_again(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f,
             "rules:\n  - rule: r\n    on: k\n    when: event.v > 0\n    clear: auto\n    chattering: {changes: 3, within: 1m}\n" INCIDENT,
             NULL);
    efx_event(&f, 0, "k a v=1");
    efx_event(&f, 1000, "k a v=0");
    efx_event(&f, 2000, "k a v=1"); /* the third change is a raise: it opens as one that chatters */
    efx_advance(&f, 62000);
    efx_event(&f, 63000, "k a v=0");
    efx_expect(&f, "0 opened r a r1 x1\n1 resolved r a r2 x1\n2 opened r a r1 x1\n62 updated r a r2 x1\n63 resolved r a r3 x1\n");
    efx_done(&f);
}

static void test_document(void **state) {
    struct efx f;
    struct incident *back;
    struct err err = {0};
    struct buf b;

    (void)state;
    efx_init(
        &f,
        SOS
        "    evidence: ['event.?clip', \"'snap-' + string(event.n)\"]\n    incident: {severity: extreme, title: \"${device.id}\", text: 'a \"text\"', due: {acknowledge: 30m, resolve: 24h}}\n",
        "device,kind,shared:bool\nk1,card,\nk2,card,false\n");
    efx_event(&f, 500, "card k1 sos=true n=1 big=9007199254740993 z=2.5 s='line'");
    efx_flush(&f);
    const struct incident *i = efx_incident(&f, "sos", "k1");
    buf_init(&b, 0);
    incident_write(&b, i, f.fx.rs->config->zone, "gw-1");
    assert_string_equal(b.data, f.last_body.data);
    if (incident_read(b.data, b.len, &err, &back) < 0)
        fail_msg("%s", err.text);
    back->code = i->code;
    struct buf again;
    buf_init(&again, 0);
    incident_write(&again, back, f.fx.rs->config->zone, "gw-1");
    assert_string_equal(again.data, b.data);
    incident_free(back);
    cJSON *j = cJSON_Parse(b.data);
    assert_int_equal(cJSON_GetArraySize(json_get(j, "evidence")), 1);
    assert_string_equal(json_str(json_get(j, "due"), "resolve", ""), "2026-01-06T20:00:00.500+08:00");
    cJSON_Delete(j);
    /* Cut or bent documents are refused, never crash. */
    for (size_t n = 0; n < b.len; n++)
        assert_true(incident_read(b.data, n, &err, &back) < 0);
    efx_event(&f, 1000, "card k2 sos=true n=1");
    assert_null(efx_incident(&f, "sos", "k2")->evidence); /* not shared upward */
    buf_done(&b);
    buf_done(&again);
    efx_done(&f);
}

static void test_history_is_bounded(void **state) {
    struct efx f;
    struct err err;

    (void)state;
    efx_init(&f, SOS INCIDENT, NULL);
    efx_event(&f, 0, "card k1 sos=true");
    efx_flush(&f);
    for (int i = 0; i < 200; i++)
        assert_int_equal(act(&f, 1000 + i, "note", ",\"note\":\"n\"", &err), 0);
    const struct incident *i = efx_incident(&f, "sos", "k1");
    assert_int_equal(i->nhistory, INCIDENT_MAX_HISTORY);
    assert_string_equal(i->history[0].what, "opened");
    assert_string_equal(i->history[1].note, "138 earlier entries");
    assert_int_equal(i->revision, 201);
    efx_done(&f);
}

static void test_numbers(void **state) {
    struct efx f;

    (void)state;
    efx_init(&f, SOS INCIDENT, NULL);
    efx_event(&f, 0, "card k1 sos=true");
    efx_restart(&f, 0, true);
    efx_event(&f, 4 * TIME_HOUR - 1, "card k2 sos=true");
    efx_flush(&f);
    assert_string_equal(f.last_number, "gw-1-20260105-0002");
    efx_event(&f, 4 * TIME_HOUR, "card k3 sos=true"); /* local midnight */
    efx_flush(&f);
    assert_string_equal(f.last_number, "gw-1-20260106-0001");
    assert_non_null(engine_incident(f.e, "gw-1-20260106-0001"));
    efx_done(&f);
}

static void test_effects(void **state) {
    struct effects fx;

    (void)state;
    effects_init(&fx);
    assert_false(effects_any(&fx));
    for (int i = 0; i < 1000; i++) {
        struct effect_state s = {.rule = "r", .hash = (uint64_t)i, .key = "k"};
        struct effect_answer a = {.command = "c", .at = i};
        struct effect_event v = {.time = i};
        effects_state(&fx, &s);
        effects_answer(&fx, &a);
        effects_event(&fx, &v);
    }
    assert_true(effects_any(&fx));
    assert_int_equal(fx.nstates, 1000);
    assert_int_equal(fx.states[999].hash, 999);
    assert_int_equal(fx.events[500].time, 500);
    effects_reset(&fx);
    assert_false(effects_any(&fx));
    effects_done(&fx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair),    cmocka_unit_test(test_desk),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_expire),
        cmocka_unit_test(test_many_resolved), cmocka_unit_test(test_escalation),
        cmocka_unit_test(test_chattering),    cmocka_unit_test(test_steady_again),
        cmocka_unit_test(test_document),      cmocka_unit_test(test_history_is_bounded),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_effects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
