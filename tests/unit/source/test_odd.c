/* SPDX-License-Identifier: Apache-2.0
 * What real devices send beside the plain cases: other charsets, bytes, several times in one message, one fact on two topics, secrets; and what is said of
 * messages that nothing came of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/source_int.h"
#include "source_fixture.h"

static void test_charsets(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: gb\n"
                 "    topic: gb/{device}\n"
                 "    charset: GBK\n"
                 "    events: [{kind: k, device: topic.device, fields: {name: payload.name, n: payload.n}}]\n"
                 "    online: {topic: 'gb/{device}/state', when: \"{'在线': true, '离线': false}[payload]\"}\n"
                 "  - source: word\n"
                 "    topic: word/{device}\n"
                 "    charset: gb18030\n"
                 "    payload: text\n"
                 "    events: [{kind: k, device: topic.device, fields: {text: payload}}]\n"
                 "  - source: latin\n"
                 "    topic: latin/{device}\n"
                 "    charset: latin1\n"
                 "    payload: text\n"
                 "    events: [{kind: k, device: topic.device, fields: {text: payload}}]\n"
                 "  - source: both\n"
                 "    topic: word/{id}\n"
                 "    events: [{kind: utf8, device: topic.id, fields: {text: payload}}]\n"
                 "  - source: wrapped\n"
                 "    topic: wrapped/{device}\n"
                 "    payload: json\n"
                 "    events: [{kind: k, device: topic.device, fields: {name: \"text(base64.decode(payload.name), 'gb18030')\"}}]\n");
    /* {"name":"门锁","n":1}; the second byte of 锁 is no ASCII here, but that of 乗 (0x81 0x5C) is a backslash */
    sfx_send(&f, "gb/1", "{\"name\":\"\xC3\xC5\xCB\xF8\",\"n\":1}", 21);
    assert_int_equal(f.got.nevents, 1);
    assert_string_equal(sfx_say(&f, "gb/1", "{\"name\":\"\xC3\xC5\xCB\xF8\",\"n\":1}"), "k 1 {name: \"门锁\", n: 1}");
    assert_string_equal(sfx_say(&f, "gb/1", "{\"name\":\"\x81\x5C\",\"n\":1}"), "k 1 {name: \"乗\", n: 1}");
    assert_string_equal(sfx_say(&f, "gb/1", "{\"name\":\"\x84\x31\xA4\x37\"}"), "k 1 {name: \"\uFFFD\"}"); /* four bytes: U+FFFD itself */
    assert_string_equal(sfx_say(&f, "gb/1", "{\"name\":\"plain\"}"), "k 1 {name: \"plain\"}");
    assert_string_equal(sfx_say(&f, "gb/1/state", "\xC0\xEB\xCF\xDF"), "availability 1 {online: false}");
    assert_string_equal(sfx_say(&f, "word/1", "\xC3\xC5"), "k 1 {text: \"门\"}"); /* in UTF-8 it is nothing, for the other source */
    assert_non_null(strstr(f.got.why, "UTF-8"));
    assert_string_equal(sfx_say(&f, "latin/1", "caf\xE9"), "k 1 {text: \"café\"}");
    assert_string_equal(sfx_say(&f, "wrapped/1", "{\"name\":\"w8XL+A==\"}"), "k 1 {name: \"门锁\"}");
    assert_string_equal(sfx_say(&f, "wrapped/1", "{\"name\":\"/w==\"}"), "k 1 {}");
    /* not in that charset: broken, with the byte; also in the middle of a character, and again fine after it */
    assert_string_equal(sfx_say(&f, "gb/1", "{\"name\":\"\xFF\xFF\"}"), "broken");
    assert_string_equal(f.got.why, "the payload is not gb18030 text: byte 10 of 13 is 0xFF");
    assert_string_equal(sfx_say(&f, "gb/1", "{\"name\":\"\xC3"), "broken");
    assert_string_equal(f.got.why, "the payload is not gb18030 text: byte 10 of 10 is 0xC3");
    assert_string_equal(sfx_say(&f, "gb/1", "{\"name\":\"\xC3\xC5\"}"), "k 1 {name: \"门\"}");
    /* an example is shown as it was read */
    (void)sfx_say(&f, "gb/9", "{\"name\":\"\xC3\xC5\"");
    struct source_trouble t = {0};
    for (size_t i = 0; i < mapper_troubles(f.m); i++) {
        mapper_trouble(f.m, i, &t);
        if (strcmp(t.topic, "gb/9") == 0)
            break;
    }
    assert_string_equal(t.example, "{\"name\":\"门\"");
    /* a reload opens and closes its own */
    struct err err = {0};
    assert_int_equal(mapper_reload(f.m, f.rs, &err), 0);
    assert_string_equal(sfx_say(&f, "gb/1/state", "\xD4\xDA\xCF\xDF"), "availability 1 {online: true}");
    sfx_close(&f);
}

/* As much as max_payload lets in grows to no more than twice as much, or breaks the message and nothing else. */
static void test_charset_is_bounded(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - {source: l, topic: 'l/{device}', charset: latin1, payload: text, max_payload: 1MB, events: [{kind: k, fields: {n: size(payload)}}]}\n");
    size_t len = 1 << 18;
    char *data = malloc(len);
    memset(data, 0xE9, len);
    sfx_send(&f, "l/1", data, len);
    assert_int_equal(f.got.nevents, 1);
    assert_int_equal(f.got.events[0].fields[0].value.i, 1 << 18);
    struct arena tiny;
    arena_init(&tiny, 512, 1 << 18);
    struct message msg = {.topic = "l/1", .payload = data, .len = len, .arrived = SFX_T0};
    mapper_map(f.m, &msg, &tiny, &f.got);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    assert_non_null(strstr(f.got.why, "memory"));
    arena_done(&tiny);
    free(data);
    sfx_close(&f);
}

static void test_bytes(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - source: raw\n"
        "    topic: raw/{device}\n"
        "    payload: bytes\n"
        "    match: size(payload) >= 4 && uint_at(payload, 0, 1) == 1\n"
        "    events: [{kind: k, device: topic.device, fields: {t: \"double(int_at(payload, 1, 2)) / 10.0\", b: 'uint_at(payload, 3, 1)', c: \"uint_at(payload, 9, 1)\"}}]\n");
    sfx_send(&f, "raw/1", "\x01\xFF\x9C\x61", 4);
    assert_int_equal(f.got.nevents, 1);
    assert_int_equal(f.got.events[0].nfields, 2);
    assert_true(f.got.events[0].fields[0].value.d < -9.99 && f.got.events[0].fields[0].value.d > -10.01);
    assert_int_equal(f.got.events[0].fields[1].value.i, 0x61);
    sfx_send(&f, "raw/1", "\x02\0\0\0", 4);
    assert_int_equal(f.got.outcome, OUTCOME_UNMATCHED);
    assert_string_equal(f.got.why, "source raw: match: does not hold");
    sfx_close(&f);
}

static void test_several_times(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: t\n"
                 "    topic: t/{device}\n"
                 "    payload: json\n"
                 "    events: [{kind: k, time: [payload.taken, payload.sent], skew: 10m, late: payload.?replay.orValue(false)}]\n"
                 "  - source: u\n"
                 "    topic: u/{device}\n"
                 "    payload: json\n"
                 "    events: [{kind: k, time: [payload.taken, payload.sent]}]\n");
    assert_string_equal(sfx_say(&f, "t/1", "{\"taken\":1768046399,\"sent\":1768046400}"), "k 1 {} -1000 own");
    assert_string_equal(sfx_say(&f, "t/1", "{\"taken\":1700000000,\"sent\":1768046398}"),
                        "k 1 {} -2000 own"); /* a camera whose clock is years off */
    assert_string_equal(sfx_say(&f, "t/1", "{\"taken\":0,\"sent\":1768046398}"), "k 1 {} -2000 own");
    assert_string_equal(sfx_say(&f, "t/1", "{\"sent\":1768046398}"), "k 1 {} -2000 own");
    assert_string_equal(sfx_say(&f, "t/1", "{\"taken\":1768056398,\"sent\":1768046398}"), "k 1 {} -2000 own");
    assert_string_equal(sfx_say(&f, "t/1", "{\"taken\":1768044000,\"sent\":1768044000}"),
                        "k 1 {}"); /* with a skew the clock is wrong, not the message late */
    assert_string_equal(sfx_say(&f, "t/1", "{\"taken\":1768044000,\"replay\":true}"), "k 1 {} -2400000 late own");
    assert_string_equal(sfx_say(&f, "u/1", "{\"taken\":1768030000,\"sent\":1768030001}"), "k 1 {} late");
    assert_string_equal(sfx_say(&f, "u/1", "{\"taken\":1768030000,\"sent\":1768046390}"), "k 1 {} -10000 own");
    assert_string_equal(sfx_say(&f, "u/1", "{}"), "k 1 {}");
    sfx_close(&f);
}

static void test_dedupe_across(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: a\n"
                 "    topic: rfid/{device}/access\n"
                 "    payload: json\n"
                 "    events: [{kind: access, fields: {user: payload.uid}, dedupe: {key: payload.uid, within: 5s, across: rfid}}]\n"
                 "  - source: b\n"
                 "    topic: rfid/{device}/log\n"
                 "    payload: json\n"
                 "    events: [{kind: access, fields: {user: payload.card}, dedupe: {key: payload.card, within: 5s, across: rfid}}]\n"
                 "  - source: c\n"
                 "    topic: rfid/{device}/other\n"
                 "    payload: json\n"
                 "    events: [{kind: access, fields: {user: payload.card}, dedupe: {key: payload.card, within: 5s}}]\n");
    assert_string_equal(sfx_say(&f, "rfid/d/access", "{\"uid\":\"A1\"}"), "access d {user: \"A1\"}");
    f.now += 1000;
    assert_string_equal(sfx_say(&f, "rfid/d/log", "{\"card\":\"A1\"}"), "nothing");
    assert_string_equal(f.got.why, "it is a repetition (dedupe)");
    assert_string_equal(sfx_say(&f, "rfid/e/log", "{\"card\":\"A1\"}"), "access e {user: \"A1\"}");
    assert_string_equal(sfx_say(&f, "rfid/d/other", "{\"card\":\"A1\"}"), "access d {user: \"A1\"}");
    f.now += 5000;
    assert_string_equal(sfx_say(&f, "rfid/d/log", "{\"card\":\"A1\"}"), "access d {user: \"A1\"}");
    assert_string_equal(sfx_say(&f, "rfid/d/access", "{\"uid\":\"A1\"}"), "nothing");
    sfx_close(&f);
}

static const char *example(struct source_fx *f, const char *topic) {
    static struct source_trouble t;
    for (size_t i = 0; i < mapper_troubles(f->m); i++) {
        mapper_trouble(f->m, i, &t);
        if (strcmp(t.topic, topic) == 0)
            return t.example;
    }
    return "";
}

static void test_drop(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: face\n"
                 "    topic: face/{device}\n"
                 "    drop: [pic, info.name, users.*.pin]\n"
                 "    match: has(payload.info)\n"
                 "    events: [{kind: access, fields: {all: payload, pic: payload.info.pic}}]\n"
                 "  - source: nosy\n"
                 "    topic: face/{id}\n"
                 "    payload: json\n"
                 "    events: [{kind: nosy, device: topic.id, fields: {name: payload.info.name, n: payload.n}}]\n"
                 "  - source: elsewhere\n"
                 "    topic: free/{device}\n"
                 "    payload: json\n"
                 "    events: [{kind: k, fields: {pic: payload.pic}}]\n");
    /* gone for every source of the topic, and for no other */
    assert_string_equal(
        sfx_say(&f, "face/1", "{\"info\":{\"pic\":\"QUJD\",\"name\":\"张三\",\"id\":7},\"users\":{\"1\":{\"pin\":1,\"ok\":true}},\"n\":1}"),
        "access 1 {all: {\"info\":{\"id\":7},\"users\":{\"1\":{\"ok\":true}},\"n\":1}}; nosy 1 {n: 1}");
    assert_string_equal(sfx_say(&f, "free/1", "{\"pic\":\"QUJD\"}"), "k 1 {pic: \"QUJD\"}");
    /* what was meant to be JSON and is not becomes no text; its example hides what would have been dropped */
    assert_string_equal(sfx_say(&f, "face/2", "{\"info\":{\"pic\":\"QUJD\",\"name\":\"张三\"},\"n\":"), "broken");
    assert_string_equal(example(&f, "face/2"), "{\"info\":{\"pic\":\"***\",\"name\":\"***\"},\"n\":");
    assert_string_equal(sfx_say(&f, "face/3", "hello"), "broken"); /* of source nosy */
    /* secrets are hidden where nobody drops anything, and base64 is cut short */
    assert_string_equal(sfx_say(&f, "free/x/y", "{\"password\":\"hunter2\"}"), "unmatched");
    assert_string_equal(example(&f, "free/x/y"), "{\"password\":\"***\"}");
    sfx_close(&f);
}

static void test_reasons(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: one\n"
                 "    topic: one/{device}\n"
                 "    match: has(payload.info.v)\n"
                 "    each: payload.list\n"
                 "    events:\n"
                 "      - {kind: k, when: item.v > 1, fields: {v: item.v}, emit: {on_change: [v]}}\n"
                 "    online: {when: payload.state == 'up'}\n"
                 "  - source: two\n"
                 "    topic: two/{device}\n"
                 "    events: [{kind: k}]\n"
                 "    online: {topic: 'two/{device}/will', when: payload.state == 'up'}\n");
    assert_string_equal(sfx_say(&f, "", "x"), "unmatched");
    assert_string_equal(f.got.why, "the topic is empty: MQTT has no such topic");
    assert_string_equal(sfx_say(&f, "one/1", "{\"a\":1}"), "nothing"); /* source one's `online` looked at it too */
    assert_string_equal(f.got.why, "it says neither online nor offline");
    assert_string_equal(sfx_say(&f, "one/1", "{\"state\":\"up\"}"), "availability 1 {online: true}");
    assert_string_equal(sfx_say(&f, "one/1", "{\"info\":{\"v\":1},\"list\":[]}"), "nothing");
    assert_string_equal(f.got.why, "'each' finds nothing in it");
    assert_string_equal(sfx_say(&f, "one/1", "{\"info\":{\"v\":1}}"), "nothing");
    assert_string_equal(f.got.why, "'each' finds nothing in it: no such field: 'list'");
    assert_string_equal(sfx_say(&f, "one/1", "{\"info\":{\"v\":1},\"list\":[{\"v\":1}]}"), "nothing");
    assert_string_equal(f.got.why, "no event's 'when' holds for it");
    assert_string_equal(sfx_say(&f, "one/1", "{\"info\":{\"v\":1},\"list\":[{\"v\":2}]}"), "k 1 {v: 2}");
    assert_string_equal(sfx_say(&f, "one/1", "{\"info\":{\"v\":1},\"list\":[{\"v\":2}]}"), "nothing");
    assert_string_equal(f.got.why, "nothing in it has changed (emit: on_change)");
    /* a will on a topic of its own that is asked the wrong way is a mistake of the source; on the data's topic it is not its message */
    assert_string_equal(sfx_say(&f, "two/1/will", "up"), "broken");
    assert_string_equal(f.got.why, "online: no such overload: string has no fields (.state)");
    assert_string_equal(sfx_say(&f, "one/1", "up"), "nothing");
    sfx_close(&f);
}

/* What an event cannot keep: 0x00 in a text, nesting that no JSON reader takes back, numbers that are none. */
static void test_keepable(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - source: s\n"
        "    topic: s/{device}\n"
        "    payload: json\n"
        "    events: [{kind: k, fields: {t: string(hex(payload.h)), l: '[string(hex(payload.h))]', m: '{string(hex(payload.h)): 1}', n: payload.n, q: 1.0 / payload.z}}]\n"
        "  - {source: w, topic: 'w/{device}', events: [{kind: k, fields: {v: payload}}]}\n");
    assert_string_equal(sfx_say(&f, "s/1", "{\"h\":\"6869\"}"), "k 1 {t: \"hi\", l: [\"hi\"], m: {\"hi\":1}}");
    assert_string_equal(sfx_say(&f, "s/1", "{\"h\":\"680069\"}"), "broken");
    assert_string_equal(f.got.why, "t: the text holds a 0x00 byte");
    assert_string_equal(sfx_say(&f, "s/1", "{\"h\":\"68690000\"}"), "broken"); /* filled up is fine for t, not within a list */
    assert_string_equal(f.got.why, "l: the text holds a 0x00 byte");
    assert_string_equal(sfx_say(&f, "s/1", "{\"z\":0.0,\"n\":1}"), "k 1 {n: 1}");
    char deep[256] = "{\"n\":";
    memset(deep + 5, '[', 40);
    memset(deep + 45, ']', 40);
    memcpy(deep + 85, "}", 2);
    assert_string_equal(sfx_say(&f, "s/1", deep), "broken");
    assert_string_equal(f.got.why, "n: lists and maps are nested too deep to be kept");
    sfx_send(&f, "w/1", "ON\0\0", 4);
    assert_int_equal(f.got.nevents, 1);
    assert_int_equal(f.got.events[0].fields[0].value.aux, 2);
    sfx_send(&f, "w/1", "\0{\"a\":1}\0", 9);
    assert_int_equal(f.got.nevents, 1);
    sfx_send(&f, "w/1", "\0O\0N", 4);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    assert_string_equal(f.got.why, "the payload is no text: byte 3 of 4 is 0x00");
    sfx_close(&f);
}

/* A large text that is parsed anew for each of many elements ends with the message's budget, not with the patience of the broker. */
static void test_budget(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: s\n"
                 "    topic: s/{device}\n"
                 "    payload: json\n"
                 "    max_payload: 1MB\n"
                 "    each: payload.l\n"
                 "    events: [{kind: k, fields: {v: 'json(payload.d)[0]'}}]\n");
    struct buf b;
    buf_init(&b, 0);
    buf_puts(&b, "{\"d\":\"[1");
    buf_fill(&b, ' ', 200000);
    buf_puts(&b, "]\",\"l\":[0");
    for (int i = 0; i < 4000; i++)
        buf_puts(&b, ",0");
    buf_puts(&b, "]}");
    sfx_send(&f, "s/1", b.data, b.len);
    assert_true(f.got.nevents > 100 && f.got.nevents < 1000);
    assert_non_null(strstr(f.got.why, "step"));
    buf_done(&b);
    sfx_close(&f);
}

/* Tables by number, truth and text, as they are written. */
static void test_table_keys(void **state) {
    (void)state;
    static const struct {
        const char *k, *found;
    } cases[] = {{"1", "{f: \"one\"}"},
                 {"1.0", "{f: \"one\"}"},
                 {"-2", "{f: \"minus\"}"},
                 {"16", "{f: \"hex\"}"},
                 {"true", "{f: \"yes\"}"},
                 {"\"true\"", "{}"},
                 {"\"x\"", "{f: \"word\"}"},
                 {"\"7\"", "{f: \"text\"}"},
                 {"7", "{}"},
                 {"\"1\"", "{}"},
                 {"1.5", "{}"},
                 {"18446744073709551615", "{}"}};
    struct source_fx f;
    sfx_open(
        &f,
        "lists:\n"
        "  t: {1: one, -2: minus, 0x10: hex, true: yes, x: word, '7': text, 18446744073709551615: large}\n"
        "  v: [1, 1.0, '1', true, null, 18446744073709551615, {2: [3]}]\n"
        "sources:\n"
        "  - {source: s, topic: 't/{device}', events: [{kind: k, fields: {f: 't[?payload.k]'}}]}\n"
        "  - source: v\n    topic: v/{device}\n    events:\n      - kind: k\n        fields: {all: '[type(v[0]) == int, type(v[1]) == double, type(v[2]) == string, v[3] == true, v[4] == null, type(v[5]) == uint]', large: 't[18446744073709551615u]', deep: 'v[6][2][0]'}\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char payload[64], want[64];
        (void)snprintf(payload, sizeof payload, "{\"k\":%s}", cases[i].k);
        (void)snprintf(want, sizeof want, "k a %s", cases[i].found);
        assert_string_equal(sfx_say(&f, "t/a", payload), want);
    }
    assert_string_equal(sfx_say(&f, "v/a", "1"), "k a {all: [true,true,true,true,true,true], large: \"large\", deep: 3}");
    sfx_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charsets),      cmocka_unit_test(test_charset_is_bounded), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_several_times), cmocka_unit_test(test_dedupe_across),      cmocka_unit_test(test_drop),
        cmocka_unit_test(test_reasons),       cmocka_unit_test(test_keepable),           cmocka_unit_test(test_budget),
        cmocka_unit_test(test_table_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
