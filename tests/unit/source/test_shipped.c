/* SPDX-License-Identifier: Apache-2.0
 * The shipped rule tree loads without a word, and every sample in shipped.samples becomes the events that stand behind it. Runs in the repository's root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/source/source.h"
#include "source_fixture.h"

#define T0 INT64_C(1768046400000)
#define SAMPLES "tests/unit/source/shipped.samples"

static struct ruleset *rs;

static int load(void **state) {
    (void)state;
    rs = fixture_ruleset("rules", true);
    return rs ? 0 : -1;
}

static int unload(void **state) {
    (void)state;
    ruleset_free(rs);
    return 0;
}

/* Whatever the room for one message, it is mapped whole, or broken, or partly understood: never out of place. */
static void squeeze(const struct message *msg) {
    struct mapper *m = NULL;
    struct err err = {0};
    assert_int_equal(mapper_new(rs, &err, &m), 0);
    for (size_t limit = 0; limit < 6000; limit += 97) {
        struct arena tiny;
        struct mapped got;
        arena_init(&tiny, 64, limit + 1);
        mapper_map(m, msg, &tiny, &got);
        assert_true(got.outcome <= OUTCOME_BROKEN);
        for (size_t i = 0; i < got.nevents; i++)
            assert_true(got.events[i].device && got.events[i].device[0]);
        arena_done(&tiny);
    }
    mapper_free(m);
}

static void test_samples(void **state) {
    (void)state;
    FILE *f = fopen(SAMPLES, "r");
    assert_non_null(f);
    struct mapper *m = NULL;
    struct err err = {0};
    assert_int_equal(mapper_new(rs, &err, &m), 0);
    struct arena arena;
    arena_init(&arena, 64 << 10, 0);
    char line[8192], topic[512] = "", payload[8192] = "";
    struct message msg = {.topic = topic, .payload = payload, .qos = 1, .arrived = T0};
    int number = 0, samples = 0, wrong = 0;
    while (fgets(line, sizeof line, f)) {
        number++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (line[0] == '>') {
            size_t n = strspn(line, ">");
            msg.retained = n == 2;
            msg.arrived = T0 + (n == 3 ? 5000 : 0);
            (void)snprintf(topic, sizeof topic, "%s", line + n + 1);
            payload[0] = '\0';
        } else if (line[0] == '=') {
            struct mapped got;
            struct buf said;
            buf_init(&said, 0);
            msg.len = strlen(payload);
            arena_reset(&arena);
            mapper_map(m, &msg, &arena, &got);
            fixture_say(&said, &got, msg.arrived);
            if (strcmp(said.data, line + 2) != 0) {
                print_error("%s:%d: %s\n  is     %s (%s, %s)\n  should %s\n", SAMPLES, number, topic, said.data,
                            got.source ? got.source : "no source", got.why ? got.why : "", line + 2);
                wrong++;
            }
            if (samples++ % 4 == 0)
                squeeze(&msg);
            buf_done(&said);
        } else {
            assert_true(strlen(payload) + strlen(line) < sizeof payload);
            strncat(payload, line, sizeof payload - strlen(payload) - 1);
        }
    }
    (void)fclose(f);
    arena_done(&arena);
    mapper_free(m);
    assert_true(samples > 140);
    assert_int_equal(wrong, 0);
}

/* The registry that the rules, the simulator and the demo speak of. */
static void test_registry(void **state) {
    (void)state;
    assert_true(registry_count(rs->registry) >= 300);
    size_t lamps = 0, cards = 0, shared = 0, cameras = 0;
    for (size_t i = 0; i < registry_count(rs->registry); i++) {
        const struct device *d = registry_at(rs->registry, i);
        double lat = 0;
        struct cel_value v;
        lamps += d->kind == atom_of("lamp");
        cards += d->kind == atom_of("card");
        cameras += d->kind == atom_of("camera");
        shared += device_field(d, atom_of("shared"), &v) && v.b;
        assert_true(*device_text(d, "name") && *device_text(d, "place") && *device_text(d, "grid"));
        assert_true(device_number(d, "lat", &lat) && lat > 29 && lat < 31);
    }
    assert_true(lamps >= 70);
    assert_true(cards >= 113);
    assert_true(shared > cameras / 3 && shared < cameras);
}

/* A subscription to everything would make the broker send what nobody asked for. */
static void test_filters(void **state) {
    (void)state;
    struct mapper *m = NULL;
    struct err err = {0};
    assert_int_equal(mapper_new(rs, &err, &m), 0);
    const char *const *filters;
    size_t n = mapper_filters(m, &filters);
    assert_true(n > 15 && n < 100);
    for (size_t i = 0; i < n; i++) {
        assert_string_not_equal(filters[i], "#");
        assert_string_not_equal(filters[i], "+/#");
    }
    mapper_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_samples), cmocka_unit_test(test_registry), cmocka_unit_test(test_filters)};
    return cmocka_run_group_tests(tests, load, unload);
}
