/* SPDX-License-Identifier: Apache-2.0
 * Time zones: against the C library, gaps and doubles, names that lead astray, damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/zone_int.h"
#include "gengfu/base/crypt.h"
#include "gengfu/base/file.h"
#include "gengfu/base/time.h"

static struct zone *open_zone(const char *name) {
    struct zone *z = NULL;
    struct err err = {0};
    if (zone_open(name, &err, &z))
        fail_msg("%s: %s", name, err.text);
    return z;
}

static int64_t at(int year, int month, int day, int hour, int minute) {
    struct civil c = {.year = year, .month = month, .day = day, .hour = hour, .minute = minute};
    int64_t s;
    assert_int_equal(civil_to(&c, &s), 0);
    return s;
}

static void fixed(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int offset;
    } good[] = {{"UTC", 0}, {"Z", 0}, {"+08:00", 28800}, {"-0530", -19800}, {"+00:00", 0}, {"-23:59", -86340}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct zone *z = open_zone(good[i].name);
        assert_int_equal(zone_offset(z, 0), good[i].offset);
        assert_true(zone_to_utc(z, 1000000) == 1000000 - good[i].offset);
        assert_string_equal(zone_name(z), good[i].name);
        zone_free(z);
    }
    assert_int_equal(zone_offset(NULL, 12345), 0);
    assert_true(zone_to_utc(NULL, 12345) == 12345);
    assert_string_equal(zone_name(NULL), "UTC");
    zone_free(NULL);
}

static void bad_names(void **state) {
    (void)state;
    static const char *const names[] = {
        "",
        "..",
        "../../etc/passwd",
        "/etc/localtime",
        "Asia/../../../etc/passwd",
        "Asia//Shanghai",
        "Asia/",
        "Asia/Shang hai",
        "Asia/上海",
        "Asia\\Shanghai",
        ".hidden",
        "+8",
        "+24:00",
        "+08:60",
        "+0800x",
        "Asia/Shanghai\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct zone *z = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct err err = {0};
        int rc = zone_open(names[i], &err, &z);
        if (!rc)
            fail_msg("'%s' was taken", names[i]);
        assert_true(rc == GF_EINVAL || rc == GF_ENOTFOUND);
        assert_null(z);
    }
    assert_int_equal(zone_open(NULL, NULL, &z), GF_EINVAL);
    assert_int_equal(zone_open("Asia/Nowhere", NULL, &z), GF_ENOTFOUND);
    assert_int_equal(zone_open("Asia", NULL, &z), GF_ENOTFOUND); /* a directory */
}

static const char *const real[] = {
    "Asia/Shanghai", "Asia/Urumqi",       "America/New_York", "Europe/Berlin",     "Europe/Dublin",    "Australia/Lord_Howe",
    "Pacific/Apia",  "America/Sao_Paulo", "Asia/Kathmandu",   "Africa/Casablanca", "Antarctica/Troll", "Asia/Gaza",
    "Etc/GMT+5",     "America/St_Johns",  "Pacific/Chatham",  "Asia/Tehran",       "America/Asuncion",
};

/* The C library reads the same files: any moment from 1900 to 2200 must agree. */
static void as_the_c_library(void **state) {
    (void)state;
    struct prng p;
    prng_seed(&p, 11);
    for (size_t i = 0; i < sizeof real / sizeof real[0]; i++) {
        struct zone *z = open_zone(real[i]);
        assert_int_equal(setenv("TZ", real[i], 1), 0);
        tzset();
        for (int k = 0; k < 20000; k++) {
            time_t t = (time_t)(at(1900, 1, 1, 0, 0) + (int64_t)prng_below(&p, (uint64_t)300 * 365 * 86400));
            struct tm tm;
            assert_non_null(localtime_r(&t, &tm));
            int got = zone_offset(z, t);
            if (got != tm.tm_gmtoff)
                fail_msg("%s at %lld: %d, not %ld", real[i], (long long)t, got, tm.tm_gmtoff);
            /* Back from local time: the same moment, or the earlier of two with that local time. */
            int64_t back = zone_to_utc(z, t + got);
            if (back != t && !(back < t && back + zone_offset(z, back) == t + got))
                fail_msg("%s: local %lld is not %lld", real[i], (long long)t + got, (long long)back);
        }
        zone_free(z);
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void shanghai(void **state) {
    (void)state;
    struct zone *z = open_zone("Asia/Shanghai");
    assert_int_equal(zone_offset(z, at(2026, 7, 1, 0, 0)), 8 * 3600);
    assert_int_equal(zone_offset(z, at(1988, 7, 1, 0, 0)), 9 * 3600); /* summer time, 1986 to 1991 */
    assert_int_equal(zone_offset(z, at(1890, 1, 1, 0, 0)), 29143);    /* local mean time */
    assert_int_equal(zone_offset(z, at(2200, 7, 1, 0, 0)), 8 * 3600);
    zone_free(z);
}

static void gaps_and_doubles(void **state) {
    (void)state;
    struct zone *z = open_zone("America/New_York");
    /* 2026-03-08 02:00 to 03:00 does not exist: the moment after it is 07:00 UTC. */
    assert_true(zone_to_utc(z, at(2026, 3, 8, 2, 30)) == at(2026, 3, 8, 7, 0));
    assert_true(zone_to_utc(z, at(2026, 3, 8, 2, 0)) == at(2026, 3, 8, 7, 0));
    assert_true(zone_to_utc(z, at(2026, 3, 8, 3, 0)) == at(2026, 3, 8, 7, 0));
    assert_true(zone_to_utc(z, at(2026, 3, 8, 1, 59)) == at(2026, 3, 8, 6, 59));
    /* 2026-11-01 01:30 is there twice: the first. */
    assert_true(zone_to_utc(z, at(2026, 11, 1, 1, 30)) == at(2026, 11, 1, 5, 30));
    assert_true(zone_to_utc(z, at(2026, 11, 1, 2, 0)) == at(2026, 11, 1, 7, 0));
    assert_true(zone_to_utc(z, at(2126, 3, 10, 2, 30)) == at(2126, 3, 10, 7, 0)); /* by the rule at the end of the file */
    zone_free(z);
    z = open_zone("Pacific/Apia"); /* 30 December 2011 did not take place */
    assert_true(zone_to_utc(z, at(2011, 12, 30, 12, 0)) == at(2011, 12, 30, 10, 0));
    assert_true(zone_to_utc(z, at(2011, 12, 29, 23, 59)) == at(2011, 12, 30, 9, 59));
    zone_free(z);
    z = open_zone("Australia/Lord_Howe"); /* half an hour of summer time */
    assert_int_equal(zone_offset(z, at(2026, 1, 1, 0, 0)), 39600);
    assert_int_equal(zone_offset(z, at(2026, 7, 1, 0, 0)), 37800);
    zone_free(z);
}

static void posix_rules(void **state) {
    (void)state;
    struct zone_rule r;
    static const char *const good[] = {
        "CST-8",
        "<+0330>-3:30",
        "EST5EDT,M3.2.0,M11.1.0",
        "IST-1GMT0,M10.5.0,M3.5.0/1",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "AAA3BBB,J60/0,J300/24",
        "AAA-14BBB,0/0,365/167:59:59",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (zone_rule_parse(good[i], strlen(good[i]), &r))
            fail_msg("%s", good[i]);
        for (int64_t t = at(-9999, 1, 1, 0, 0); t < at(9999, 12, 31, 0, 0); t += 123456789)
            assert_true(zone_rule_offset(&r, t) == r.offset || zone_rule_offset(&r, t) == r.dst_offset);
    }
    static const char *const wrong[] = {
        "",
        "C8",
        "CST",
        "CST-",
        "CST-25",
        "CST-8:60",
        "<+03-3",
        "EST5EDT",
        "EST5EDT,M3.2.0",
        "EST5EDT,M13.2.0,M11.1.0",
        "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0",
        "EST5EDT,J0,J1",
        "EST5EDT,366,1",
        "EST5EDT,M3.2.0,M11.1.0,x",
        "EST5EDT,M3.2.0/168,M11.1.0",
        "CST-8x",
        "CST-0008",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (zone_rule_parse(wrong[i], strlen(wrong[i]), &r) != GF_EINVAL)
            fail_msg("'%s' was taken", wrong[i]);
    assert_int_equal(zone_rule_parse("AAA3BBB,J60/0,J300/0", 20, &r), 0);
    assert_int_equal(zone_rule_offset(&r, at(2024, 3, 1, 2, 59)), -3 * 3600); /* J60 is 1 March, also in a leap year */
    assert_int_equal(zone_rule_offset(&r, at(2024, 3, 1, 3, 0)), -2 * 3600);
    assert_int_equal(zone_rule_offset(&r, at(2026, 3, 1, 3, 0)), -2 * 3600);
}

/* A file of our own, cut at every length and with every byte changed: refused or read, never a crash. */
static void damaged_files(void **state) {
    (void)state;
    char dir[] = "/tmp/gengfu-zone-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    struct buf whole;
    buf_init(&whole, 0);
    assert_int_equal(file_read("/usr/share/zoneinfo/Europe/Dublin", &whole, NULL), 0);
    assert_int_equal(setenv("TZDIR", dir, 1), 0);
    (void)snprintf(path, sizeof path, "%s/Cut", dir);
    size_t taken = 0, refused = 0;
    for (size_t i = 0; i < 2 * whole.len; i += i < 300 || i > whole.len ? 7 : 61) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        size_t n = i < whole.len ? i : whole.len;
        if (i >= whole.len)
            whole.data[i - whole.len] ^= 0x81;
        assert_int_equal(fwrite(whole.data, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
        if (i >= whole.len)
            whole.data[i - whole.len] ^= 0x81;
        struct zone *z = NULL;
        struct err err = {0};
        int rc = zone_open("Cut", &err, &z);
        if (rc) {
            assert_int_equal(rc, GF_ECORRUPT);
            assert_non_null(strstr(err.text, "Cut"));
            refused++;
            continue;
        }
        assert_true(i >= whole.len);
        taken++;
        for (int64_t t = at(1850, 1, 1, 0, 0); t < at(2100, 1, 1, 0, 0); t += 86400 * 97) {
            assert_true(zone_offset(z, t) < 94000);
            (void)zone_to_utc(z, t);
        }
        zone_free(z);
    }
    assert_true(taken > 0 && refused > 50);
    assert_int_equal(unsetenv("TZDIR"), 0);
    (void)unlink(path);
    (void)rmdir(dir);
    buf_done(&whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed),         cmocka_unit_test(bad_names),        cmocka_unit_test(as_the_c_library),
        cmocka_unit_test(shanghai),      cmocka_unit_test(gaps_and_doubles), cmocka_unit_test(posix_rules),
        cmocka_unit_test(damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
