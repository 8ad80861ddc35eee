/* SPDX-License-Identifier: Apache-2.0
 * The simulated neighbourhood without a broker: an hour is played into the queue, and what stands there is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/atom.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "sim/sim_int.h"

#define START (INT64_C(1768046400) * 1000) /* 2026-01-10T20:00:00+08:00 */
#define HOUR (60 * TIME_MINUTE)

static struct sim_conf story_conf(uint64_t seed) {
    return (struct sim_conf){.registry = "rules/devices.csv",
                             .seed = seed,
                             .start = START,
                             .scale = 1,
                             .length = HOUR,
                             .offset = 8 * 3600,
                             .qos = 1,
                             .story = true};
}

static void play_hour(struct sim *s, const struct sim_conf *conf) {
    static struct err err;

    err.text[0] = 0;
    sim_init(s, conf, &err);
    if (sim_begin(s, &err) < 0)
        fail_msg("%s", err.text);
    sim_play(s, START + HOUR);
    if (s->rc < 0)
        fail_msg("%s", err.text);
}

static uint64_t digest(const struct sim *s) {
    uint64_t h = 0;

    for (const struct sim_message *m = s->first; m; m = m->next)
        h = hash_bytes(m->payload, m->len, hash_bytes(m->topic, strlen(m->topic), h));
    return h;
}

static size_t count_topic(const struct sim *s, const char *part) {
    size_t n = 0;

    for (const struct sim_message *m = s->first; m; m = m->next)
        n += strstr(m->topic, part) != NULL;
    return n;
}

static void test_same_seed_same_neighbourhood(void **state) {
    struct sim_conf one = story_conf(7), two = story_conf(8);
    struct sim a, b, c;

    (void)state;
    play_hour(&a, &one);
    play_hour(&b, &one);
    play_hour(&c, &two);
    assert_true(a.waiting > 5000);
    assert_int_equal(a.waiting, b.waiting);
    assert_true(digest(&a) == digest(&b));
    assert_true(digest(&a) != digest(&c));
    sim_done(&a);
    sim_done(&b);
    sim_done(&c);
}

static void test_messages_are_sound(void **state) {
    struct sim_conf conf = story_conf(1);
    struct sim s;
    struct arena arena;
    size_t torn = 0;

    (void)state;
    arena_init(&arena, 65536, 0);
    play_hour(&s, &conf);
    for (const struct sim_message *m = s.first; m; m = m->next) {
        struct err err = {0};
        const cJSON *json;

        assert_true(utf8_valid(m->payload, m->len));
        assert_null(strpbrk(m->topic, "+#"));
        if (m->len == 0 || (m->payload[0] != '{' && m->payload[0] != '['))
            continue;
        if (json_parse(&arena, m->payload, m->len, &err, &json) < 0) {
            torn++;
            assert_string_equal(m->topic, "tele/lamp-7-09/SENSOR");
        }
        arena_reset(&arena);
    }
    assert_int_equal(torn, 1); /* the one that every run tears */
    arena_done(&arena);
    sim_done(&s);
}

static void test_every_family_speaks(void **state) {
    static const char *const parts[] = {
        "zigbee2mqtt/lock-",      "zigbee2mqtt/contact-", "zigbee2mqtt/smoke-", "zigbee2mqtt/sos-", "frigate/events", "frigate/stats",
        "CameraEvents/",          "tele/lamp-6-",         "tele/meter-",        "shellyplus1pm-",   "/event/up",      "/event/status",
        "/message/up/ivs_result", "/barr_gate_status",    "/keep_alive",        "lift/lift-",       "parking/",       "mqtt/face/"};
    struct sim_conf conf = story_conf(1);
    struct sim s;

    (void)state;
    play_hour(&s, &conf);
    assert_true(s.ndevices >= 300);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (count_topic(&s, parts[i]) == 0)
            fail_msg("no message on a topic with %s", parts[i]);
    }
    sim_done(&s);
}

/* Nobody but the story makes trouble: no door opens that a lock calls locked, no lift is faulty, no other barrier stays open. */
static void test_ordinary_life_is_ordinary(void **state) {
    struct sim_conf conf = story_conf(3);
    struct sim s;
    size_t faults = 0;

    (void)state;
    play_hour(&s, &conf);
    for (const struct sim_message *m = s.first; m; m = m->next) {
        struct buf text;

        buf_init(&text, 0);
        buf_put(&text, m->payload, m->len);
        if (strstr(text.data, "\"mode\":\"fault\"")) {
            faults++;
            assert_string_equal(m->topic, "lift/lift-3-1/state");
        }
        if (strstr(text.data, "\"smoke\":true"))
            assert_string_equal(m->topic, "zigbee2mqtt/smoke-6-1");
        if (strstr(text.data, "unlock_failure") && strcmp(m->topic, "zigbee2mqtt/lock-2-1") != 0)
            assert_string_equal(m->topic, "zigbee2mqtt/lock-5-1");
        buf_done(&text);
    }
    assert_true(faults >= 26 && faults <= 28); /* each minute from 20:12 to 20:38 */
    sim_done(&s);
}

static void test_story_is_in_order(void **state) {
    struct sim_turn turn;
    int last = -1;
    size_t n = 0;

    (void)state;
    for (; sim_story(n, &turn); n++) {
        assert_true(turn.at >= last && turn.at < 3600);
        assert_non_null(turn.device);
        last = turn.at;
    }
    assert_true(n > 60);
}

static void test_made_up_devices(void **state) {
    struct sim_conf conf = {.devices = 900, .seed = 1, .start = START, .scale = 1, .offset = 0, .qos = 1};
    struct sim s;

    (void)state;
    play_hour(&s, &conf);
    assert_int_equal(s.ndevices, 900);
    assert_true(s.waiting > 9000);
    sim_done(&s);
    conf = story_conf(1);
    conf.devices = 500;
    play_hour(&s, &conf);
    assert_int_equal(s.ndevices, 500);
    sim_done(&s);
}

static void test_story_needs_its_devices(void **state) {
    struct sim_conf conf = {.devices = 50, .seed = 1, .start = START, .scale = 1, .qos = 1, .story = true};
    struct sim s;
    struct err err = {0};

    (void)state;
    sim_init(&s, &conf, &err);
    assert_int_equal(sim_begin(&s, &err), GF_ENOTFOUND);
    assert_non_null(strstr(err.text, "card-087"));
    sim_done(&s);
}

static void test_faults(void **state) {
    struct sim_conf conf = story_conf(1);
    struct sim plain, faulty;
    uint32_t all = 0;

    (void)state;
    for (size_t i = 0; i < SIM_FAULT_COUNT; i++) {
        const char *word;

        assert_true(strlen(sim_fault_about(i, &word)) > 10);
        assert_int_equal(sim_fault_parse(word), 1u << i);
        assert_non_null(strstr(sim_fault_words(), word));
        all |= 1u << i;
    }
    assert_int_equal(sim_fault_parse("nonsense"), 0);
    play_hour(&plain, &conf);
    conf.faults = all & ~(uint32_t)SIM_FAULT_FLOOD;
    play_hour(&faulty, &conf);
    assert_true(faulty.waiting > plain.waiting * 105 / 100);
    assert_true(count_topic(&faulty, "lock-x-binary") >= 5);
    sim_done(&plain);
    sim_done(&faulty);
    conf = story_conf(1);
    conf.faults = SIM_FAULT_FLOOD;
    conf.length = 5 * TIME_MINUTE;
    struct err err = {0};

    sim_init(&faulty, &conf, &err);
    assert_int_equal(sim_begin(&faulty, &err), 0);
    sim_play(&faulty, START + 3 * TIME_MINUTE);
    assert_true(faulty.waiting > 3000); /* fifty a second from the second minute on */
    sim_done(&faulty);
}

static void test_wrong_settings(void **state) {
    struct sim_conf base = {.broker = {.host = "127.0.0.1", .port = 1}, .scale = 1, .qos = 1, .devices = 1};
    struct err err;

    (void)state;
#define REFUSED(part, ...) \
    do { \
        struct sim_conf c = base; \
        __VA_ARGS__; \
        err.text[0] = 0; \
        assert_true(sim_run(&c, &err) < 0); \
        if (!strstr(err.text, part)) \
            fail_msg("'%s' does not say '%s'", err.text, part); \
    } while (0)
    REFUSED("scale", c.scale = 0);
    REFUSED("qos", c.qos = 2);
    REFUSED("rate", c.rate = -1);
    REFUSED("load", (c.rate = 5, c.story = true));
    REFUSED("ledger", c.ledger = "/tmp/x");
    REFUSED("devices", c.devices = 1000000);
    REFUSED("nowhere.csv", c.registry = "nowhere.csv");
#undef REFUSED
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_neighbourhood),
        cmocka_unit_test(test_messages_are_sound),
        cmocka_unit_test(test_every_family_speaks),
        cmocka_unit_test(test_ordinary_life_is_ordinary),
        cmocka_unit_test(test_story_is_in_order),
        cmocka_unit_test(test_made_up_devices),
        cmocka_unit_test(test_story_needs_its_devices),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_wrong_settings),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    atom_free_all();
    return failed;
}
