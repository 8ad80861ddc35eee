/* SPDX-License-Identifier: Apache-2.0
 * Sunrise and sunset at known places and days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/time.h"

static int64_t day_of(int year, int month, int day) {
    struct civil c = {.year = year, .month = month, .day = day};
    int64_t s;
    assert_int_equal(civil_to(&c, &s), 0);
    return s / 86400;
}

/* Published local times, hour * 60 + minute, to within two minutes. */
static void known_places(void **state) {
    (void)state;
    static const struct {
        const char *place;
        double lat, lon;
        int offset, year, month, day, rise, set;
    } cases[] = {
        {"Beijing, winter", 39.9042, 116.4074, 480, 2024, 12, 21, 7 * 60 + 33, 16 * 60 + 53},
        {"Beijing, summer", 39.9042, 116.4074, 480, 2024, 6, 21, 4 * 60 + 46, 19 * 60 + 46},
        {"Shanghai, summer", 31.2304, 121.4737, 480, 2024, 6, 21, 4 * 60 + 51, 19 * 60 + 1},
        {"Urumqi, far from its clock", 43.8256, 87.6168, 480, 2024, 6, 21, 6 * 60 + 25, 21 * 60 + 53},
        {"London, summer", 51.5074, -0.1278, 60, 2024, 6, 20, 4 * 60 + 43, 21 * 60 + 21},
        {"New York, winter", 40.7128, -74.0060, -300, 2024, 12, 21, 7 * 60 + 17, 16 * 60 + 32},
        {"Sydney, winter", -33.8688, 151.2093, 600, 2024, 6, 21, 7 * 60 + 0, 16 * 60 + 54},
        {"Quito, equinox", -0.1807, -78.4678, -300, 2024, 3, 20, 6 * 60 + 18, 18 * 60 + 25},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t rise, set, day = day_of(cases[i].year, cases[i].month, cases[i].day);
        assert_true(sun_times(day, cases[i].lat, cases[i].lon, &rise, &set));
        int64_t r = (rise + cases[i].offset * 60 - day * 86400) / 60, s = (set + cases[i].offset * 60 - day * 86400) / 60;
        if (llabs(r - cases[i].rise) > 2 || llabs(s - cases[i].set) > 2)
            fail_msg("%s: %lld:%02lld %lld:%02lld", cases[i].place, (long long)r / 60, (long long)r % 60, (long long)s / 60,
                     (long long)s % 60);
    }
}

static void poles(void **state) {
    (void)state;
    int64_t rise = 1, set = 2;
    assert_false(sun_times(day_of(2024, 12, 21), 69.6492, 18.9553, &rise, &set)); /* Tromsø: night */
    assert_false(sun_times(day_of(2024, 6, 21), 69.6492, 18.9553, &rise, &set));  /* and day */
    assert_false(sun_times(0, 90, 0, &rise, &set));
    assert_false(sun_times(0, -90, 0, &rise, &set));
    assert_false(sun_times(0, 91, 0, &rise, &set));
    assert_false(sun_times(0, 0, 181, &rise, &set));
    assert_false(sun_times(INT64_MAX, 0, 0, &rise, &set));
    assert_true(rise == 1 && set == 2);
}

/* The sun does not jump: from day to day at most some minutes, rise before set. */
static void steady(void **state) {
    (void)state;
    for (double lat = -60; lat <= 60; lat += 15) {
        for (double lon = -179; lon <= 179; lon += 59.5) {
            int64_t before_rise = 0, before_set = 0;
            for (int64_t day = 20000; day < 20400; day++) {
                int64_t rise, set;
                assert_true(sun_times(day, lat, lon, &rise, &set));
                assert_true(rise < set && set - rise < 86400);
                if (before_rise) {
                    assert_true(llabs(rise - before_rise - 86400) < 400);
                    assert_true(llabs(set - before_set - 86400) < 400);
                }
                before_rise = rise;
                before_set = set;
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_places), cmocka_unit_test(poles), cmocka_unit_test(steady)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
