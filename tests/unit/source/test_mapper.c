/* SPDX-License-Identifier: Apache-2.0
 * The mapper: sources written as a technician writes them, messages as devices send them, and the events that come of it. */
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

#define T0 SFX_T0

static void test_one(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - source: door\n"
        "    topic: site/doors/{device}\n"
        "    match: has(payload.contact)\n"
        "    events:\n"
        "      - kind: contact\n"
        "        device: topic.device\n"
        "        time: payload.last_seen\n"
        "        fields: {open: '!payload.contact', battery_percent: number(payload.battery), user: 'payload.user == 65535 ? optional.none() : optional.of(payload.user)'}\n");
    assert_string_equal(sfx_say(&f, "site/doors/d 1",
                                "{\"contact\":true,\"battery\":\"97.00\",\"user\":65535,\"last_seen\":\"2026-01-10T20:00:01+08:00\"}"),
                        "contact d 1 {open: false, battery_percent: 97} +1000 own");
    assert_string_equal(sfx_say(&f, "site/doors/d2", "{\"contact\":false,\"battery\":null,\"user\":3}"),
                        "contact d2 {open: true, user: 3}");
    assert_string_equal(sfx_say(&f, "site/doors/d2", "{\"contact\":false,\"battery\":\"n/a\"}"), "contact d2 {open: true}");
    f.retained = true;
    assert_string_equal(sfx_say(&f, "site/doors/d2", "{\"contact\":false}"), "contact d2 {open: true} retained");
    f.retained = false;
    /* not its kind of message, whatever type the payload has */
    assert_string_equal(sfx_say(&f, "site/doors/d2", "{\"state\":1}"), "unmatched");
    assert_string_equal(sfx_say(&f, "site/doors/d2", "ON"), "unmatched");
    assert_string_equal(sfx_say(&f, "site/doors/d2", "42"), "unmatched");
    assert_string_equal(sfx_say(&f, "site/doors/d2", "{\"contact\":"), "unmatched");
    assert_non_null(strstr(f.got.why, "no JSON"));
    assert_string_equal(sfx_say(&f, "site/windows/d2", "{\"contact\":true}"), "unmatched");
    assert_non_null(strstr(f.got.why, "topic"));
    assert_string_equal(sfx_say(&f, "site/doors/d2", ""), "nothing"); /* a retained topic is cleared */
    /* broken: a field that cannot be, an empty or endless id, control characters in it */
    assert_string_equal(sfx_say(&f, "site/doors/d2", "{\"contact\":\"true\"}"), "broken");
    assert_non_null(strstr(f.got.why, "open"));
    assert_string_equal(sfx_say(&f, "site/doors/", "{\"contact\":true}"), "broken");
    assert_non_null(strstr(f.got.why, "device"));
    char topic[300] = "site/doors/";
    memset(topic + strlen(topic), 'x', EVENT_DEVICE_MAX + 1);
    assert_string_equal(sfx_say(&f, topic, "{\"contact\":true}"), "broken");
    topic[strlen("site/doors/") + EVENT_DEVICE_MAX] = '\0';
    sfx_send(&f, topic, "{\"contact\":true}", 16);
    assert_int_equal(f.got.outcome, OUTCOME_EVENTS);
    assert_string_equal(sfx_say(&f, "site/doors/a\nb", "{\"contact\":true}"), "broken");
    sfx_send(&f, "site/doors/d3", "\0{\"contact\":true}", 17);
    assert_int_equal(f.got.nevents, 1);
    assert_int_equal(f.m->cleaned, 1);
    sfx_send(&f, "site/doors/d3", "{\"contact\":true,\"n\":\"\xC4\xE3\"}", 25);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    assert_non_null(strstr(f.got.why, "byte 22"));
    sfx_send(&f, "site/doors/\xFF", "{}", 2);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    struct source_stats st;
    mapper_source_stats(f.m, 0, &st);
    assert_int_equal(st.events, 6);
    assert_int_equal(st.broken, 5);
    assert_int_equal(mapper_count(f.m, OUTCOME_EVENTS), 6);
    assert_int_equal(mapper_count(f.m, OUTCOME_BROKEN), 6);
    assert_int_equal(mapper_count(f.m, OUTCOME_NOTHING), 1);
    assert_int_equal(mapper_count(f.m, OUTCOME_UNMATCHED), 5);
    sfx_close(&f);
}

static void test_several(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: a\n"
                 "    topic: x/{device}\n"
                 "    match: has(payload.a)\n"
                 "    events:\n"
                 "      - {kind: ka, device: topic.device, fields: {v: payload.a + 1}}\n"
                 "      - {kind: kb, device: topic.device, when: payload.a > 5, fields: {w: payload.a}}\n"
                 "  - source: b\n"
                 "    topic: x/{id}\n"
                 "    payload: json\n"
                 "    events: [{kind: kc, device: topic.id, fields: {z: payload.z}}]\n"
                 "  - source: c\n"
                 "    topic: x/{rest+}\n"
                 "    payload: none\n"
                 "    ignore: nobody asks\n");
    assert_string_equal(sfx_say(&f, "x/1", "{\"a\":1,\"z\":2}"), "ka 1 {v: 2}; kc 1 {z: 2}");
    assert_string_equal(sfx_say(&f, "x/1", "{\"a\":6}"), "ka 1 {v: 7}; kb 1 {w: 6}; kc 1 {}");
    /* one event breaks, the others go on */
    assert_string_equal(sfx_say(&f, "x/1", "{\"a\":[],\"z\":9}"), "kc 1 {z: 9}");
    assert_int_equal(f.got.outcome, OUTCOME_EVENTS);
    assert_non_null(f.got.why);
    assert_string_equal(sfx_say(&f, "x/1", "hello"), "broken");
    assert_string_equal(sfx_say(&f, "x/1/2", "\xFF\xD8"), "ignored");
    assert_string_equal(f.got.why, "nobody asks");
    struct source_stats st;
    mapper_source_stats(f.m, 0, &st);
    assert_int_equal(st.broken, 1);
    sfx_close(&f);
}

static void test_each(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - source: keys\n"
        "    topic: bridge/{name}\n"
        "    match: has(payload.devices)\n"
        "    each: payload.devices\n"
        "    events: [{kind: contact, device: topic.name + '-' + key, when: has(item.open), time: item.t, fields: {open: truth(item.open)}}]\n"
        "  - source: elements\n"
        "    topic: list/{name}\n"
        "    each: payload\n"
        "    events: [{kind: n, device: \"topic.name + '-' + string(key)\", fields: {v: item}}]\n"
        "  - source: joined\n"
        "    topic: lora/{eui}/up\n"
        "    events: [{kind: lamp, device: \"registry('address', topic.eui.lowerAscii()).orValue(topic.eui.lowerAscii())\", fields: {p: payload.p}}]\n");
    assert_string_equal(sfx_say(&f, "bridge/b",
                                "{\"devices\":{\"0xA\":{\"open\":\"yes\",\"t\":1768046401},\"0xB\":{},\"0xC\":{\"open\":0}}}"),
                        "contact b-0xA {open: true} +1000 own; contact b-0xC {open: false}");
    assert_string_equal(sfx_say(&f, "bridge/b", "{\"devices\":[]}"), "nothing");
    assert_string_equal(sfx_say(&f, "bridge/b", "{\"devices\":7}"), "broken");
    assert_string_equal(sfx_say(&f, "list/l", "[5,\"x\",null]"), "n l-0 {v: 5}; n l-1 {v: \"x\"}; n l-2 {}");
    assert_string_equal(sfx_say(&f, "lora/A1B2C3/up", "{\"p\":1.5}"), "lamp lamp-1 {p: 1.5}");
    assert_string_equal(sfx_say(&f, "lora/00FF/up", "{\"p\":1.5}"), "lamp 00ff {p: 1.5}");
    /* more elements than one message may have */
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_putc(&b, '[');
    for (int i = 0; i < 6000; i++)
        buf_printf(&b, "%s%d", i ? "," : "", i);
    buf_putc(&b, ']');
    sfx_send(&f, "list/l", b.data, b.len);
    buf_done(&b);
    assert_int_equal(f.got.nevents, SOURCE_MAX_EVENTS);
    assert_int_equal(f.got.events[SOURCE_MAX_EVENTS - 1].fields[0].value.i, SOURCE_MAX_EVENTS - 1);
    sfx_close(&f);
}

static void test_times(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - source: t\n"
        "    topic: t/{device}\n"
        "    payload: json\n"
        "    events: [{kind: k, device: topic.device, time: payload.t, late: payload.?replay.orValue(0) == 1, fields: {v: payload.v}}]\n"
        "  - source: err\n"
        "    topic: err/{device}\n"
        "    payload: json\n"
        "    events: [{kind: k, device: topic.device, time: timestamp(payload.t), fields: {v: payload.v}}]\n");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":1768046399.5,\"v\":1}"), "k 1 {v: 1} -500 own");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":\"2026-01-10 19:59:00\",\"v\":1}"), "k 1 {v: 1} -60000 own");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":2.46,\"v\":1}"), "k 1 {v: 1}");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":0,\"v\":1}"), "k 1 {v: 1}");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":null,\"v\":1}"), "k 1 {v: 1}");
    assert_string_equal(sfx_say(&f, "t/1", "{\"v\":1}"), "k 1 {v: 1}");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":\"nonsense\",\"v\":1}"), "k 1 {v: 1}");
    /* two hours old: time of arrival, marked late; as a declared replay, its own time */
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":1768039200,\"v\":1}"), "k 1 {v: 1} late");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":1768039200,\"v\":1,\"replay\":1}"), "k 1 {v: 1} -7200000 late own");
    assert_string_equal(sfx_say(&f, "t/1", "{\"t\":1768053600,\"v\":1}"), "k 1 {v: 1}"); /* two hours ahead */
    assert_string_equal(sfx_say(&f, "err/1", "{\"t\":\"nonsense\",\"v\":1}"), "k 1 {v: 1}");
    sfx_close(&f);
}

static void test_change_and_dedupe(void **state) {
    (void)state;
    static const char text[] =
        "sources:\n"
        "  - source: s\n"
        "    topic: s/{device}\n"
        "    payload: json\n"
        "    events:\n"
        "      - kind: smoke\n"
        "        device: topic.device\n"
        "        fields: {smoke: payload.smoke, test: payload.test, rssi: payload.rssi}\n"
        "        emit: {on_change: [smoke, test]}\n"
        "  - source: p\n"
        "    topic: p/{device}\n"
        "    payload: json\n"
        "    events:\n"
        "      - {kind: plate, device: topic.device, fields: {plate: payload.p}, dedupe: {key: payload.p, within: 10s}}\n";
    struct source_fx f;
    sfx_open(&f, text);
    assert_string_equal(sfx_say(&f, "s/1", "{\"smoke\":false,\"rssi\":1}"), "smoke 1 {smoke: false, rssi: 1}");
    assert_string_equal(sfx_say(&f, "s/1", "{\"smoke\":false,\"rssi\":2}"), "nothing");
    assert_string_equal(sfx_say(&f, "s/2", "{\"smoke\":false}"), "smoke 2 {smoke: false}");
    assert_string_equal(sfx_say(&f, "s/1", "{\"smoke\":true}"), "smoke 1 {smoke: true}");
    assert_string_equal(sfx_say(&f, "s/1", "{\"test\":true}"), "smoke 1 {test: true}"); /* a delta */
    assert_string_equal(sfx_say(&f, "s/1", "{\"smoke\":true,\"test\":true}"), "nothing");
    assert_string_equal(sfx_say(&f, "s/1", "{\"rssi\":7}"), "nothing");
    assert_string_equal(sfx_say(&f, "p/1", "{\"p\":\"浙A1\"}"), "plate 1 {plate: \"浙A1\"}");
    f.now += 4000;
    assert_string_equal(sfx_say(&f, "p/1", "{\"p\":\"浙A1\"}"), "nothing");
    assert_string_equal(sfx_say(&f, "p/1", "{\"p\":\"浙A2\"}"), "plate 1 {plate: \"浙A2\"}");
    assert_string_equal(sfx_say(&f, "p/2", "{\"p\":\"浙A1\"}"), "plate 2 {plate: \"浙A1\"}");
    f.now += 6000;
    assert_string_equal(sfx_say(&f, "p/1", "{\"p\":\"浙A1\"}"), "plate 1 {plate: \"浙A1\"}");
    /* a reload keeps what sources of the same name remember, and their counters */
    struct ruleset *again = fixture_ruleset(f.dir, false);
    assert_non_null(again);
    struct err err = {0};
    assert_int_equal(mapper_reload(f.m, again, &err), 0);
    ruleset_free(f.rs);
    f.rs = again;
    assert_string_equal(sfx_say(&f, "s/1", "{\"smoke\":true,\"test\":true}"), "nothing");
    struct source_stats st;
    mapper_source_stats(f.m, 0, &st);
    assert_int_equal(st.events, 4);
    assert_string_equal(st.source->name, "s");
    sfx_close(&f);
}

static void test_online(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - source: z\n"
        "    topic: z/{device}\n"
        "    match: has(payload.v)\n"
        "    events: [{kind: k, device: topic.device, fields: {v: payload.v}}]\n"
        "    online:\n"
        "      topic: z/{device}/availability\n"
        "      when: \"payload == 'online' || (type(payload) == map && payload.state == 'online')\"\n"
        "  - source: n\n"
        "    topic: n/available\n"
        "    online: {topic: n/available, device: \"'nvr'\", when: \"{'online': true, 'offline': false, 'stopped': false}[payload]\"}\n");
    assert_string_equal(sfx_say(&f, "z/a/availability", "online"), "availability a {online: true}");
    assert_string_equal(sfx_say(&f, "z/a/availability", "offline"), "availability a {online: false}");
    assert_string_equal(sfx_say(&f, "z/a/availability", "{\"state\":\"online\"}"), "availability a {online: true}");
    assert_string_equal(sfx_say(&f, "z/a/availability", "{\"state\":\"offline\"}"), "availability a {online: false}");
    assert_string_equal(sfx_say(&f, "n/available", "stopped"), "availability nvr {online: false}");
    assert_string_equal(sfx_say(&f, "n/available", "sleeping"), "nothing");
    sfx_close(&f);
}

static void test_hostile(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(&f, "sources:\n"
                 "  - source: h\n"
                 "    topic: h/{device}\n"
                 "    events: [{kind: k, device: topic.device, fields: {v: payload}}]\n"
                 "  - source: big\n"
                 "    topic: big/{device}\n"
                 "    max_payload: 16MB\n"
                 "    events: [{kind: k, device: topic.device, fields: {text: type(payload) == string}}]\n"
                 "  - source: slow\n"
                 "    topic: slow/{device}\n"
                 "    each: payload\n"
                 "    events: [{kind: k, device: topic.device, when: 'payload.all(x, payload.all(y, x + y > -1))', fields: {v: item}}]\n"
                 "  - source: pic\n"
                 "    topic: pic/{device}/{name}\n"
                 "    payload: none\n"
                 "    ignore: true\n");
    size_t big = 10 << 20;
    char *data = malloc(big);
    memset(data, 'A', big);
    sfx_send(&f, "h/1", data, big);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    assert_non_null(strstr(f.got.why, "max_payload"));
    sfx_send(&f, "big/1", data, big);
    assert_int_equal(f.got.nevents, 1);
    assert_true(f.got.events[0].fields[0].value.b);
    memset(data, '[', 10000);
    memset(data + 10000, ']', 10000);
    sfx_send(&f, "h/1", data, 20000); /* deeper than JSON may be: text */
    assert_int_equal(f.got.outcome, OUTCOME_EVENTS);
    for (size_t i = 0; i < 4096; i++)
        data[i] = (char)(i * 37 + 1);
    sfx_send(&f, "h/1", data, 4096);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    sfx_send(&f, "pic/1/snapshot", data, 4096);
    assert_int_equal(f.got.outcome, OUTCOME_IGNORED);
    /* an expression that would run for minutes stops at the message's budget */
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_putc(&b, '[');
    for (int i = 0; i < 3000; i++)
        buf_printf(&b, "%s%d", i ? "," : "", i);
    buf_putc(&b, ']');
    sfx_send(&f, "slow/1", b.data, b.len);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    buf_done(&b);
    /* a message arena that is too small breaks the message and nothing else */
    struct arena tiny;
    arena_init(&tiny, 512, 2048);
    struct message msg = {.topic = "h/1", .payload = data, .len = 4000, .arrived = T0};
    memset(data, ' ', 4000);
    data[0] = '[';
    data[3999] = ']';
    for (int i = 1; i < 3998; i += 2) {
        data[i] = '1';
        data[i + 1] = i + 1 < 3998 ? ',' : ' ';
    }
    mapper_map(f.m, &msg, &tiny, &f.got);
    assert_int_equal(f.got.outcome, OUTCOME_BROKEN);
    arena_done(&tiny);
    free(data);
    sfx_close(&f);
}

static void test_troubles(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n  - source: s\n    topic: s/{device}\n    payload: json\n    events: [{kind: k, device: topic.device, fields: {v: payload.v}}]\n");
    (void)sfx_say(&f, "s/1", "{broken \033[2Jx");
    (void)sfx_say(&f, "s/1", "{again");
    (void)sfx_say(&f, "other/1", "hello");
    assert_int_equal(mapper_troubles(f.m), 2);
    struct source_trouble t;
    mapper_trouble(f.m, 0, &t);
    assert_string_equal(t.topic, "s/1");
    assert_int_equal(t.count, 2);
    assert_string_equal(t.source, "s");
    assert_string_equal(t.example, "{again");
    assert_int_equal(t.outcome, OUTCOME_BROKEN);
    mapper_trouble(f.m, 1, &t);
    assert_int_equal(t.outcome, OUTCOME_UNMATCHED);
    assert_null(t.source);
    sfx_send(&f, "s/2", "{\033[2J\xFF\x01", 7);
    mapper_trouble(f.m, 2, &t);
    assert_null(strchr(t.example, '\033'));
    assert_null(strchr(t.example, '\x01'));
    /* a flood of topics stays bounded */
    for (int i = 0; i < 2000; i++) {
        char topic[64];
        (void)snprintf(topic, sizeof topic, "flood/%d", i);
        (void)sfx_say(&f, topic, "x");
    }
    assert_true(mapper_troubles(f.m) <= SOURCE_MAX_TROUBLE_TOPICS + 1);
    uint64_t sum = 0;
    bool other = false;
    for (size_t i = 0; i < mapper_troubles(f.m); i++) {
        mapper_trouble(f.m, i, &t);
        sum += t.count;
        other |= strcmp(t.topic, "(other topics)") == 0;
    }
    assert_true(other);
    assert_int_equal(sum, 2004);
    char *big = malloc(1 << 20);
    memset(big, 'y', 1 << 20);
    sfx_send(&f, "s/1", big, 1 << 20);
    free(big);
    mapper_trouble(f.m, 0, &t);
    assert_int_equal(t.payload_len, 1 << 20);
    assert_true(t.example_len <= SOURCE_MAX_EXAMPLE);
    sfx_close(&f);
}

/* The memory of what was said last does not grow with the number of devices. */
static void test_many_devices(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n  - source: s\n    topic: s/{device}\n    payload: json\n    events: [{kind: k, device: topic.device, fields: {v: payload.v}, emit: {on_change: [v]}}]\n");
    for (int i = 0; i < MEMORY_MAX + 5000; i++) {
        char topic[64];
        (void)snprintf(topic, sizeof topic, "s/%d", i);
        sfx_send(&f, topic, "{\"v\":1}", 7);
        assert_int_equal(f.got.nevents, 1);
    }
    assert_int_equal(map_count(&f.m->memory.map), MEMORY_MAX);
    assert_int_equal(f.m->memory.evicted, 5000);
    sfx_close(&f);
}

/* What was left out, as "event.field: why" a line. */
static const char *left_of(const struct source_fx *f) {
    static char out[512];
    *out = '\0';
    for (size_t i = 0; i < f->got.nleft; i++) {
        size_t used = strlen(out);
        (void)snprintf(out + used, sizeof out - used, "%zu.%s: %s\n", f->got.left[i].event, atom_name(f->got.left[i].field),
                       f->got.left[i].why);
    }
    return out;
}

static void test_explain(void **state) {
    (void)state;
    struct source_fx f;
    sfx_open(
        &f,
        "sources:\n"
        "  - source: s\n"
        "    topic: s/{device}\n"
        "    payload: json\n"
        "    each: payload\n"
        "    events: [{kind: k, device: topic.device, time: item.t, fields: {a: item.a, b: number(item.b)}, emit: {on_change: [a]}}]\n");
    (void)sfx_say(&f, "s/1", "[{\"a\":1}]");
    assert_int_equal(f.got.nleft, 0); /* nobody asked */
    mapper_explain(f.m, true);
    /* the first says nothing new, so what it lacks is nobody's business; the places are those of the events that were made */
    (void)sfx_say(&f, "s/1", "[{\"a\":1,\"x\":2},{\"a\":2,\"b\":\"n/a\",\"t\":12},{\"b\":5,\"a\":null}]");
    assert_int_equal(f.got.nevents, 1);
    assert_non_null(strstr(left_of(&f), "0.time: no time that can be true\n0.b: "));
    assert_null(strstr(left_of(&f), "no such field: 'b'"));
    (void)sfx_say(&f, "s/2", "[{},{\"a\":null,\"b\":1,\"t\":1000000000}]");
    assert_non_null(strstr(left_of(&f), "0.time: no such field: 't'\n0.a: no such field: 'a'\n0.b: no such field: 'b'\n"));
    sfx_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),     cmocka_unit_test(test_several),           cmocka_unit_test(test_each),
        cmocka_unit_test(test_times),   cmocka_unit_test(test_change_and_dedupe), cmocka_unit_test(test_online),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_troubles),          cmocka_unit_test(test_many_devices),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
