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

#include "gengfu/base/file.h"
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
    assert_true(fixture_same(rs, msg));
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
    struct mapper *m = NULL;
    struct err err = {0};
    struct buf text;
    int samples = 0;
    buf_init(&text, 0);
    assert_int_equal(mapper_new(rs, &err, &m), 0);
    assert_int_equal(file_read(SAMPLES, &text, &err), 0);
    int wrong = fixture_samples(SAMPLES, 1, text.data, text.len, m, T0, squeeze, &samples);
    buf_done(&text);
    mapper_free(m);
    assert_true(samples > 170);
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
