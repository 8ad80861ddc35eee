/* SPDX-License-Identifier: Apache-2.0
 * The functions that gengfu adds to CEL, on what devices really send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_fixture.h"

static struct fx f;
static struct cel_env *env;
static struct arena scratch;

static void is(const char *expr, const char *want) {
    struct cel_diags diags = {.arena = &scratch};
    struct cel_program *p = NULL;
    struct cel_value vars[SOURCE_VARS];
    struct buf got;
    buf_init(&got, 0);
    if (cel_compile(env, expr, strlen(expr), &(struct cel_options){0}, &diags, &p) < 0)
        fail_msg("%s: %s", expr, diags.count ? diags.items[0].text : "?");
    for (size_t i = 0; i < SOURCE_VARS; i++)
        vars[i] = cel_error(CEL_E_ABSENT, NULL);
    vars[SOURCE_NOW] = cel_time_ms(INT64_C(1767614400000)); /* Monday, 2026-01-05T12:00:00Z */
    struct cel_context ctx = {.vars = vars, .arena = &scratch, .host = f.rs};
    struct cel_value v = cel_eval(p, &ctx);
    if (cel_is_unknown(v))
        buf_puts(&got, "absent");
    else if (cel_is_error(v))
        buf_puts(&got, "error");
    else
        cel_write_text(&got, v);
    if (strcmp(got.data, want) != 0)
        fail_msg("%s is %s, not %s", expr, got.data, want);
    cel_program_free(p);
    buf_done(&got);
}

/* A time zone that is written out is looked at when the expression is compiled. */
static void refused(const char *expr, size_t begin) {
    struct cel_diags diags = {.arena = &scratch};
    struct cel_program *p = NULL;
    assert_true(cel_compile(env, expr, strlen(expr), &(struct cel_options){0}, &diags, &p) < 0);
    assert_int_equal(diags.count, 1);
    assert_int_equal(diags.items[0].begin, begin);
    assert_non_null(strstr(diags.items[0].text, "the time zone is not known"));
}

static void test_number(void **state) {
    (void)state;
    is("number(5)", "5");
    is("number(5.5)", "5.5");
    is("number('21.5')", "21.5");
    is("number(' -3 ')", "-3");
    is("number('1e3')", "1000.0");
    is("number(true)", "1");
    is("number('9223372036854775808')", "9.223372036854776e+18");
    is("number('n/a')", "absent");
    is("number('')", "absent");
    is("number('0x10')", "absent");
    is("number('nan')", "absent");
    is("number('21.5 W')", "absent");
    is("number(null)", "absent");
    is("number([1])", "absent");
    is("number(optional.of('7'))", "7");
    is("number(optional.none())", "absent");
    is("number(payload.x)", "absent");
    is("number('12' + '345678901234567890123456789012345678901234567890123456789012345678901234567890')", "absent");
}

static void test_truth(void **state) {
    (void)state;
    static const char *const yes[] = {"true", "1", "1.0", "'on'", "'ON'", "'True'", "'yes'", "'1'", "' open '", "'开'", "'是'"};
    static const char *const no[] = {"false", "0", "'off'", "'False'", "'no'", "'0'", "'closed'", "'关'", "'否'"};
    static const char *const neither[] = {"2", "'maybe'", "''", "null", "[]", "optional.none()", "payload.x"};
    char expr[64];
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        (void)snprintf(expr, sizeof expr, "truth(%s)", yes[i]);
        is(expr, "true");
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        (void)snprintf(expr, sizeof expr, "truth(%s)", no[i]);
        is(expr, "false");
    }
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++) {
        (void)snprintf(expr, sizeof expr, "truth(%s)", neither[i]);
        is(expr, "absent");
    }
}

static void test_time(void **state) {
    (void)state;
    static const char want[] = "timestamp('2026-01-05T12:00:00Z')";
    is("time(1767614400)", want);
    is("time(1767614400000)", want);
    is("time(1767614400000000)", want);
    is("time(1767614400000000000)", want);
    is("time('1767614400')", want);
    is("time(1767614400.0)", want);
    is("time('2026-01-05T12:00:00Z')", want);
    is("time('2026-01-05T20:00:00+0800')", want);
    is("time('2026-01-05T20:00:00.000000000+08:00')", want);
    is("time('2026-01-05 20:00:00')", want); /* the site's zone */
    is("time('2026-01-05 13:00:00', 'Europe/Berlin')", want);
    is("time(timestamp('2026-01-05T12:00:00Z'))", want);
    refused("time('2026-01-05 13:00:00', 'Europe/Atlantis')", 28);
    is("time('2026-01-05 13:00:00', dyn('Europe/Atlantis'))", "error");
    is("time(0)", "absent");
    is("time(-5)", "absent");
    is("time(1e300)", "absent");
    is("time('')", "absent");
    is("time('yesterday')", "absent");
    is("time('2026-02-31T00:00:00Z')", "absent");
    is("time(null)", "absent");
    is("time(payload.?x)", "absent");
}

static void test_json(void **state) {
    (void)state;
    is("json('{\"a\": [1, 2.5, \"x\"]}').a", "[1, 2.5, 'x']");
    is("json('5')", "5");
    is("json('{')", "absent");
    is("json('')", "absent");
    is("json(5)", "absent");
    is("json(b'[1]')", "[1]");
}

static void test_registry(void **state) {
    (void)state;
    is("registry('address', '70b3').orValue('?')", "'lamp-7'");
    is("registry('address', '70b4').orValue('?')", "'?'");
    is("registry('address', 123).orValue('?')", "'lamp-8'");
    is("registry('address', optional.none()).orValue('?')", "'?'");
    is("registry('nothing', '70b3').orValue('?')", "'?'");
    is("registry('address', [1])", "error");
    is("registry('address', '70b3')", "optional.of('lamp-7')");
}

static void test_calendar(void **state) {
    (void)state;
    is("weekday(now)", "1");
    is("weekday(now, 'UTC')", "1");
    is("weekday(timestamp('2026-01-04T17:00:00Z'))", "1"); /* Monday in Shanghai */
    is("weekday(timestamp('2026-01-04T17:00:00Z'), 'UTC')", "7");
    is("weekday(timestamp('2026-01-10T00:00:00Z'), 'UTC')", "6");
    refused("weekday(now, 'Nowhere')", 13);
    refused("local(now, '')", 11);
    is("weekday(now, dyn('Nowhere'))", "error");
    is("weekday(5)", "error");
    is("local(now)", "'2026-01-05 20:00:00'");
    is("local(now, 'Europe/Berlin')", "'2026-01-05 13:00:00'");
    is("local(5)", "error");
}

/* Without a rule set: no registry, UTC. */
static void test_no_host(void **state) {
    (void)state;
    struct ruleset *rs = f.rs;
    f.rs = NULL;
    is("local(now)", "'2026-01-05 12:00:00'");
    is("registry('address', '70b3').orValue('?')", "'?'");
    f.rs = rs;
}

static int setup(void **state) {
    (void)state;
    fx_init(&f);
    arena_init(&scratch, 4096, 0);
    fx_puts(&f, "devices.csv", "device,kind,address\nlamp-7,lamp,70b3\nlamp-8,lamp,123\n");
    fx_load(&f);
    assert_non_null(f.rs);
    return ruleset_source_env(f.rs, &env);
}

static int teardown(void **state) {
    (void)state;
    cel_env_free(env);
    arena_done(&scratch);
    fx_done(&f);
    return 0;
}

static void test_wrapped(void **state) {
    (void)state;
    is("nullif(5, 65535)", "5");
    is("nullif(65535, 65535)", "absent");
    is("nullif(65535.0, [65535, -1])", "absent");
    is("nullif('n/a', ['n/a', ''])", "absent");
    is("nullif('7', ['n/a', ''])", "'7'");
    is("nullif(null, [0])", "absent");
    is("nullif(optional.of(5), [0])", "5");
    is("nullif(optional.none(), [0])", "absent");
    is("nullif([1], [[1]])", "absent");
    is("number(nullif(5, []))", "5");
    is("hex('01 a0:FF')", "b'\\x01\\xa0\\xff'");
    is("hex('0x3232')", "b'22'");
    is("string(hex('68-69'))", "'hi'");
    is("hex('')", "b''");
    is("hex('0')", "absent");
    is("hex('zz')", "absent");
    is("hex(5)", "absent");
    is("uint_at(hex('0102ff'), 0, 2)", "258");
    is("uint_at(hex('0102ff'), 0, 2, 'little')", "513");
    is("uint_at(hex('0102ff'), 0, 2, 'big')", "258");
    is("uint_at(hex('0102ff'), 0, 2, 'middle')", "error");
    is("int_at(hex('0102ff'), 2, 1)", "-1");
    is("int_at(hex('ffffffffffffff38'), 0, 8)", "-200");
    is("uint_at(hex('ffffffffffffff38'), 0, 8)", "absent");
    is("uint_at(hex('0102ff'), 2, 2)", "absent");
    is("uint_at(hex('0102ff'), -1, 1)", "absent");
    is("uint_at(hex('0102ff'), 9223372036854775807, 8)", "absent");
    is("uint_at(hex('0102ff'), 0, 9)", "error");
    is("uint_at(base64.decode('AQL/'), 2, 1)", "255");
    is("uint_at(5, 0, 1)", "absent");
    is("uint_at(words([1, 34464]), 0, 4)", "100000");
    is("int_at(words([0, 65531]), 2, 2)", "-5");
    is("int_at(words([-5]), 0, 2)", "-5");
    is("float_at(words([16812, 0]), 0, 4)", "21.5");
    is("size(words([]))", "0");
    is("words([65536])", "absent");
    is("words([1.5])", "absent");
    is("words(['1'])", "absent");
    is("words(dyn('12'))", "absent");
    is("float_at(hex('41ac0000'), 0, 4)", "21.5");
    is("float_at(hex('000041ac0000'), 2, 4)", "21.5");
    is("float_at(hex('0000ac41'), 0, 4, 'little')", "21.5");
    is("float_at(hex('4035800000000000'), 0, 8)", "21.5");
    is("float_at(hex('7fc00000'), 0, 4)", "absent"); /* NaN */
    is("float_at(hex('41ac00'), 0, 4)", "absent");
    is("float_at(hex('41ac0000'), 0, 2)", "error");
    is("float_at(hex('41ac00000000'), 0, 6)", "error");
    is("text(base64.decode('w8XL+A=='), 'GB2312')", "'门锁'");
    is("text(hex('636166e9'), 'latin1')", "'café'");
    is("text(hex('a4a4'), 'Big5')", "'中'");
    is("text(hex('ff'), 'gb18030')", "absent");
    is("text(dyn('x'), 'gb18030')", "absent");
    is("strptime('20:00:00 05.01.2026', '%T %d.%m.%Y')", "timestamp('2026-01-05T12:00:00Z')");
    is("strptime('20:00:00 05.01.2026', '%T %d.%m.%Y', 'UTC')", "timestamp('2026-01-05T20:00:00Z')");
    is("strptime('yesterday', '%T %d.%m.%Y')", "absent");
    is("strptime(5, '%F')", "absent");
    is("strptime(local(now).substring(0, 10) + ' 19:59:58', '%F %T')", "timestamp('2026-01-05T11:59:58Z')");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_number),   cmocka_unit_test(test_wrapped), cmocka_unit_test(test_truth),
                                       cmocka_unit_test(test_time),     cmocka_unit_test(test_json),    cmocka_unit_test(test_registry),
                                       cmocka_unit_test(test_calendar), cmocka_unit_test(test_no_host)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
