/* SPDX-License-Identifier: Apache-2.0
 * Evaluation: what is absent, the declared departures, JSON, records, optionals, budgets. The language itself is tested by the standard suite. */
#include <stdio.h>

#include "cel_fixture.h"

static void absent_is_unknown(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    fx_payload(&f, "{\"a\": {\"b\": null}, \"l\": [1], \"s\": \"x\"}");
    assert_gives(&f, "device.nothing", "unknown");
    assert_gives(&f, "payload.x", "unknown");
    assert_gives(&f, "payload.a.x", "unknown");
    assert_gives(&f, "payload['x']", "unknown");
    assert_gives(&f, "payload.l[1]", "unknown");
    assert_gives(&f, "payload.l[-1]", "unknown");
    assert_gives(&f, "payload.l[payload.x]", "unknown");
    assert_gives(&f, "payload.x > 5", "unknown");
    assert_gives(&f, "payload.x > 5 && payload.s == 'y'", "false");
    assert_gives(&f, "payload.x > 5 && payload.s == 'x'", "unknown");
    assert_gives(&f, "payload.s == 'x' || payload.x > 5", "true");
    assert_gives(&f, "payload.x ? 1 : 2", "unknown");
    assert_gives(&f, "payload.l.exists(e, payload.x == e)", "unknown");
    assert_gives(&f, "payload.a.b", "null"); /* there, and null */
    assert_gives(&f, "payload.a.b.c", "error 2");
    assert_gives(&f, "payload.s.c", "error 2");
    assert_gives(&f, "has(payload.x)", "false");
    assert_gives(&f, "has(payload.a.b)", "true");
    assert_gives(&f, "has(payload.x.y)", "unknown");
    assert_gives(&f, "has(event.time) || event.locked", "true");
    f.vars[PAYLOAD] = cel_error(CEL_E_ABSENT, NULL);
    assert_gives(&f, "payload", "unknown");
    assert_gives(&f, "payload.x == 1 || true", "true");
    fx_done(&f);
}

static void an_absent_field_says_its_name_and_place(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    struct cel_value v = fx_value(&f, "1 > 2 || device.volts > 3");
    assert_true(cel_is_unknown(v));
    assert_string_equal(v.s, "no such field: 'volts'");
    assert_int_equal(v.aux - 1, 9);
    v = fx_value(&f, "event.locked && 'a' + string(payload) == ''");
    assert_true(cel_is_unknown(v));
    fx_done(&f);
}

static void numbers_of_json(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    fx_payload(&f, "{\"i\": 5, \"d\": 5.5, \"w\": 5.0, \"big\": 9007199254740992, \"beyond\": 9007199254740994, \"neg\": -3}");
    assert_gives(&f, "type(payload.i) == int && type(payload.d) == double && type(payload.w) == int", "true");
    assert_gives(&f, "payload.big", "9007199254740992");
    assert_gives(&f, "type(payload.beyond)", "double");
    assert_gives(&f, "payload.neg % 2", "-1");
    assert_gives(&f, "payload.i / 2", "2"); /* ints divide as ints */
    assert_gives(&f, "payload.i / 2.0", "2.5");
    fx_done(&f);
}

static void mixed_arithmetic_is_double(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_gives(&f, "1 + 0.5", "1.5");
    assert_gives(&f, "0.5 - 1", "-0.5");
    assert_gives(&f, "3 * 0.5", "1.5");
    assert_gives(&f, "1 / 4.0", "0.25");
    assert_gives(&f, "2u * 0.5", "1.0");
    assert_gives(&f, "1 / 0.0", "double('Infinity')");
    f.opt.no_check = true;
    assert_gives(&f, "1 + 1u", "error 2"); /* as the standard has it */
    assert_gives(&f, "5 % 2.0", "error 2");
    fx_done(&f);
}

static void overflow_is_an_error(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    fx_payload(&f, "{\"one\": 1, \"zero\": 0}");
    assert_gives(&f, "9223372036854775807 + payload.one", "error 3");
    assert_gives(&f, "-9223372036854775807 - 1 - payload.one", "error 3");
    assert_gives(&f, "9223372036854775807 * (payload.one + 1)", "error 3");
    assert_gives(&f, "-9223372036854775808 / (payload.zero - 1)", "error 3");
    assert_gives(&f, "-9223372036854775808 % (payload.zero - 1)", "error 3");
    assert_gives(&f, "payload.one / payload.zero", "error 3");
    assert_gives(&f, "payload.one % payload.zero", "error 3");
    assert_gives(&f, "-(-9223372036854775807 - payload.one)", "error 3");
    assert_gives(&f, "uint(payload.zero) - uint(payload.one)", "error 3");
    assert_gives(&f, "18446744073709551615u + uint(payload.one)", "error 3");
    assert_gives(&f, "int(1e30 * payload.one)", "error 3");
    assert_gives(&f, "uint(-payload.one)", "error 3");
    fx_done(&f);
}

static void time_has_its_limits(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_gives(&f, "timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error 3");
    assert_gives(&f, "timestamp('0001-01-01T00:00:00Z') - duration('1ns')", "error 3");
    assert_gives(&f, "now - timestamp('1500-01-01T00:00:00Z')", "error 3"); /* 292 years are the most */
    assert_gives(&f, "timestamp(253402300800 + size(event) - 3)", "error 3");
    assert_gives(&f, "timestamp('2026-01-05T12:00:00.25Z') - now", "duration('0.25s')");
    assert_gives(&f, "now - timestamp('2026-01-05T12:00:00.25Z')", "duration('-0.25s')");
    assert_gives(&f, "duration('-1.5s') + duration('1ns')", "duration('-1.499999999s')");
    assert_gives(&f, "now + duration('-1.5s')", "timestamp('2026-01-05T11:59:58.5Z')");
    assert_gives(&f, "timestamp('2026-01-05T20:00:00+08:00') == now", "true");
    assert_gives(&f, "duration('1h30m').getMinutes()", "90");
    assert_gives(&f, "duration('-1.25s').getMilliseconds()", "-250");
    fx_done(&f);
}

static void zones(void **state) {
    (void)state;
    struct fx f;
    struct zone *site;
    fx_init(&f);
    fx_payload(&f, "{\"zone\": \"Asia/Shanghai\", \"bad\": \"Asia/Nowhere\", \"off\": \"-03:30\"}");
    assert_int_equal(zone_open("Asia/Shanghai", NULL, &site), 0);
    assert_int_equal(cel_env_zone(f.env, site), 0);
    assert_gives(&f, "now.getHours()", "12");
    assert_gives(&f, "now.getHours('Asia/Shanghai')", "20");
    assert_gives(&f, "now.getHours('local')", "20");
    assert_gives(&f, "now.getHours(payload.zone)", "20");
    assert_gives(&f, "now.getHours(payload.bad)", "error 4");
    assert_gives(&f, "now.getHours(payload.off) * 100 + now.getMinutes(payload.off)", "830");
    assert_gives(&f, "[now.getFullYear(), now.getMonth(), now.getDate(), now.getDayOfMonth(), now.getDayOfWeek(), now.getDayOfYear()]",
                 "[2026, 0, 5, 4, 1, 4]");
    assert_gives(&f, "now.getDayOfWeek('Pacific/Kiritimati') * 100 + now.getDate('Pacific/Kiritimati')", "206");
    zone_free(site);
    fx_done(&f);
}

static void records(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_gives(&f, "event.kind + ':' + string(event.power_w)", "'lamp:0.25'");
    assert_gives(&f, "event['ki' + 'nd']", "'lamp'");
    assert_gives(&f, "event['never' + 'named']", "unknown");
    assert_gives(&f, "'kind' in event && !('name' in event)", "true");
    assert_gives(&f, "size(event)", "3");
    assert_gives(&f, "event.map(k, k)", "['kind', 'power_w', 'locked']");
    assert_gives(&f, "event.transformList(k, v, type(v) == string, v)", "['lamp']");
    assert_gives(&f, "event == {'power_w': 0.25, 'locked': true, 'kind': 'lamp'}", "true");
    assert_gives(&f, "event", "{'kind': 'lamp', 'power_w': 0.25, 'locked': true}"); /* a copy is a map of its own */
    assert_gives(&f, "device.name.size()", "6");
    fx_done(&f);
}

static void optionals(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    fx_payload(&f, "{\"a\": {\"b\": 1}, \"n\": null, \"l\": [[1, 2]], \"i\": 0}");
    assert_gives(&f, "payload.?a.b.orValue(5)", "1");
    assert_gives(&f, "payload.?x.b.c.orValue(5)", "5");
    assert_gives(&f, "payload.a.?x.orValue(5)", "5");
    assert_gives(&f, "payload.?a.?b.value()", "1");
    assert_gives(&f, "payload.?x.value()", "unknown");
    assert_gives(&f, "payload[?'x'].orValue(5)", "5");
    assert_gives(&f, "payload.l[?0][?1].orValue(5)", "2");
    assert_gives(&f, "payload.l[?payload.i][?7].orValue(5)", "5");
    assert_gives(&f, "payload.l[?7].orValue(1 / payload.i)", "error 3");
    assert_gives(&f, "payload.l[?0].orValue(1 / payload.i)", "[1, 2]"); /* not evaluated when it is not needed */
    assert_gives(&f, "payload.?n.orValue(5)", "null");
    assert_gives(&f, "payload.?x.or(payload.?a).optMap(m, m.b + 1).orValue(0)", "2");
    assert_gives(&f, "payload.?x.optMap(m, m.b + 1)", "optional.none()");
    assert_gives(&f, "[?payload.?x, ?payload.?i, 7]", "[0, 7]");
    assert_gives(&f, "{?'x': payload.?x, ?'i': payload.?i}", "{'i': 0}");
    assert_gives(&f, "optional.unwrap([payload.?x, payload.?i])", "[0]");
    assert_gives(&f, "[1, 2].first().value() + [].last().orValue(10)", "11");
    /* What is no map has no such field: a bare word in place of JSON is answered, not an error. */
    assert_gives(&f, "payload.i.?x", "optional.none()");
    assert_gives(&f, "payload.i[?'x']", "optional.none()");
    assert_gives(&f, "payload.i.?x.y[0].orValue(5)", "5");
    assert_gives(&f, "payload.?i.?y.orValue(5)", "5");
    assert_gives(&f, "payload.?i.y.orValue(5)", "error 2");
    assert_gives(&f, "dyn('offline') == 'online' || dyn('offline').?state.orValue('') == 'online'", "false");
    assert_gives(&f, "dyn('offline')[?'state'].orValue('') == 'online'", "false");
    assert_gives(&f, "dyn(null).?state.hasValue()", "false");
    assert_gives(&f, "payload.i.x", "error 2");
    assert_gives(&f, "has(payload.i.x)", "error 2");
    assert_gives(&f, "dyn(payload.i / 0).?x", "error 3"); /* what is an error stays one */
    fx_done(&f);
}

static void regular_expressions(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    fx_payload(&f, "{\"s\": \"temp=21.5 hum=60\", \"p\": \"h.m\", \"bad\": \"(\", \"z\": \"富春路7号灯\"}");
    assert_gives(&f, "payload.s.matches('^temp=[0-9.]+')", "true");
    assert_gives(&f, "payload.s.matches(payload.p)", "true");
    assert_gives(&f, "payload.s.matches(payload.bad)", "error 5");
    assert_gives(&f, "payload.z.matches('^.{3}[0-9]号')", "true");
    assert_gives(&f, "'a\\n'.matches('a$')", "false");       /* $ is the very end, as in RE2 */
    assert_gives(&f, "'\\u0663'.matches('\\\\d')", "false"); /* \d is ASCII */
    assert_gives(&f, "regex.extract(payload.s, 'hum=([0-9]+)').value()", "'60'");
    assert_gives(&f, "regex.extract(payload.s, 'wind=([0-9]+)').orValue('-')", "'-'");
    assert_gives(&f, "regex.extractAll(payload.s, '[a-z]+')", "['temp', 'hum']");
    assert_gives(&f, "regex.replace(payload.s, '([a-z]+)=', r'\\1: ')", "'temp: 21.5 hum: 60'");
    assert_gives(&f, "regex.replace(payload.s, '[0-9]', '#', 2)", "'temp=##.5 hum=60'");
    assert_gives(&f, "regex.replace('abc', '', '-')", "'-a-b-c-'");
    assert_gives(&f, "regex.extract(payload.s, payload.p + '=([0-9])').value()", "'6'");
    assert_gives(&f, "regex.extract(payload.s, payload.bad)", "error 5");
    assert_gives(&f, "['a1', 'b2'].map(s, regex.extract(s, '[0-9]').value() + regex.replace(s, '([a-z])', r'<\\1>'))",
                 "['1<a>1', '2<b>2']");
    fx_done(&f);
}

/* The line between RE2, which the language names, and PCRE2, which does the work. */
static void patterns_are_those_of_re2(void **state) {
    (void)state;
    static const char *const taken[] = {
        "a{2,1000}", "[+]+",       "a{,5}",   "a{x}",       "a??",          "a+?b*?",  "\\\\+",  "\\++",          "\\p{Han}+",
        "\\pL*",     "\\x{4e2d}+", "\\x2d+",  "\\141",      "[\\]]+",       "[]a]+",   "[^]a]+", "[[:alpha:]+]+", "(?i)A",
        "(?s-m:.)",  "(?P<a>b)+",  "(?<a>b)", "\\Q(?=\\E+", "\\b\\B\\A\\z", "(?:a+)*", "a|b",    "\\.\\+",
    };
    static const struct {
        const char *pattern, *why;
    } refused[] = {
        {"a++", "one repetition stands behind another; RE2 wants brackets between them: (?:a+)* (at character 3 of it)"},
        {"a{2}{3}", "one repetition stands behind another; RE2 wants brackets between them: (?:a+)* (at character 5 of it)"},
        {"\\\\++", "one repetition stands behind another; RE2 wants brackets between them: (?:a+)* (at character 4 of it)"},
        {"a{1001}", "a repetition counts up to 1000 (at character 2 of it)"},
        {"a{5,2000}", "a repetition counts up to 1000 (at character 2 of it)"},
        {"(a)\\1", "back references are not part of RE2 (at character 4 of it)"},
        {"a\\h", "this escape is not part of RE2 (at character 2 of it)"},
        {"[a\\h]", "this escape is not part of RE2 (at character 3 of it)"},
        {"a\\Z", "this escape is not part of RE2 (at character 2 of it)"},
        {"\\K", "this escape is not part of RE2 (at character 1 of it)"},
        {"\\x4", "\\x is followed by two hexadecimal digits, or by a number in {braces} (at character 1 of it)"},
        {"a(?!b)", "look-ahead, look-behind, atomic groups, conditions and recursion are not part of RE2 (at character 2 of it)"},
        {"(*ACCEPT)", "nothing stands before * (at character 1 of it)"},
    };
    struct fx f;
    char text[200], want[300];
    fx_init(&f);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        snprintf(text, sizeof text, "event.kind.matches(r'%s')", taken[i]);
        struct cel_program *p = fx_compile(&f, text);
        if (!p)
            fail_msg("%s: %s", text, f.diags.items[0].text);
        cel_program_free(p);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        snprintf(text, sizeof text, "event.kind.matches(r'%s')", refused[i].pattern);
        snprintf(want, sizeof want, "the regular expression is not valid: %s", refused[i].why);
        if (fx_compile(&f, text))
            fail_msg("%s compiles", text);
        assert_string_equal(f.diags.items[0].text, want);
    }
    fx_done(&f);
}

static void an_exploding_pattern_ends_with_the_budget(void **state) {
    (void)state;
    struct fx f;
    char json[4200];
    fx_init(&f);
    snprintf(json, sizeof(json), "\"%*s\"", 4000, "b");
    memset(json + 1, 'a', 3999);
    fx_payload(&f, json);
    static const char *const patterns[] = {"^(a+)+$", "(a|aa)+$", "([a-z]+)*[0-9]", "(.*)(.*)(.*)(.*)(.*)[xy]", "a*a*a*a*a*a*a*[cd]"};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        char text[200];
        snprintf(text, sizeof(text), "payload.matches('%s')", patterns[i]);
        struct cel_value v = fx_value(&f, text);
        if (v.type != CEL_ERROR || (v.code != CEL_E_STEPS && v.code != CEL_E_REGEX))
            fail_msg("%s ended otherwise: type %d code %d", patterns[i], v.type, v.code);
    }
    /* and no operator makes a value of it */
    assert_gives(&f, "payload.matches('^(a+)+$') || true && payload.size() > 0", "error 6");
    fx_done(&f);
}

static void steps_are_bounded(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    struct cel_program *p = fx_compile(&f, "lists.range(1000).all(x, lists.range(1000).all(y, x + y >= 0))");
    assert_non_null(p);
    f.ctx.steps = 1000000;
    struct cel_value v = cel_eval(p, &f.ctx);
    assert_int_equal(v.type, CEL_ERROR);
    assert_int_equal(v.code, CEL_E_STEPS);
    cel_program_free(p);
    /* what is used is counted, the same each time */
    p = fx_compile(&f, "event.kind == 'lamp' && event.power_w < 5.0");
    uint32_t left = 0;
    for (int i = 0; i < 3; i++) {
        f.ctx.steps = 100;
        assert_true(cel_is_true(cel_eval(p, &f.ctx)));
        assert_true(i == 0 || f.ctx.steps == left);
        left = f.ctx.steps;
    }
    assert_int_equal(left, 93);
    f.ctx.steps = 5;
    assert_int_equal(cel_eval(p, &f.ctx).code, CEL_E_STEPS);
    cel_program_free(p);
    /* an element that cannot be paid for is no "false" */
    assert_gives(&f, "lists.range(15000).exists(x, x == 20000) || event.locked", "error 6");
    assert_gives(&f, "lists.range(100).map(x, lists.range(100)).flatten().size() == 3 || lists.range(19000).size() > 1", "error 6");
    fx_done(&f);
}

static void texts_cannot_grow_without_end(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    struct cel_value v = fx_value(
        &f,
        "cel.bind(a, event.kind + event.kind + event.kind + event.kind + event.kind + event.kind + event.kind + event.kind, cel.bind(b, a + a + a + a + a + a + a + a, "
        "cel.bind(c, b + b + b + b + b + b + b + b, cel.bind(d, c + c + c + c + c + c + c + c, cel.bind(e, d + d + d + d + d + d + d + d, "
        "cel.bind(f, e + e + e + e + e + e + e + e, f + f + f + f + f + f + f + f))))))");
    assert_int_equal(v.type, CEL_ERROR);
    fx_done(&f);
}

static void a_full_arena_is_an_error(void **state) {
    (void)state;
    struct fx f;
    struct arena small;
    fx_init(&f);
    arena_init(&small, 64, 256);
    struct cel_program *p = fx_compile(
        &f,
        "event.kind + event.kind + string(event.power_w) + device.name + device.name + device.name + device.name + device.name + device.name + device.name == '' || event.locked");
    f.ctx.arena = &small;
    struct cel_value v = cel_eval(p, &f.ctx);
    assert_int_equal(v.type, CEL_ERROR);
    assert_int_equal(v.code, CEL_E_MEMORY);
    f.ctx.arena = NULL;
    f.ctx.steps = 0;
    v = cel_eval(p, &f.ctx);
    assert_int_equal(v.code, CEL_E_MEMORY);
    cel_program_free(p);
    arena_done(&small);
    f.ctx.arena = &f.arena;
    fx_done(&f);
}

static void comparing_needs_no_memory(void **state) {
    (void)state;
    struct fx f;
    struct arena none;
    fx_init(&f);
    fx_payload(&f, "{\"kind\": \"lamp\", \"n\": 3, \"l\": [1, 2, 3], \"m\": {\"a\": 1}}");
    static const char *const texts[] = {
        "event.kind == 'lamp' && event.power_w < device.min_power_w",
        "payload.kind == 'lamp' && payload.n >= 3 && payload.m.a == 1",
        "payload.?nothing.orValue(3) == 3 && payload[?'n'].orValue(4) == 3",
        "has(payload.x) || has(payload.m.a)",
        "payload.kind in ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'lamp'] && payload.n in [1, 2, 3]",
        "payload.l.exists(x, x == 2) && payload.l.all(x, x > 0) && payload.l.exists_one(x, x == 3)",
        "payload.kind.startsWith('la') && payload.kind.size() == 4 && payload.kind.contains('am')",
        "now - timestamp('2026-01-05T11:00:00Z') > duration('30m') && now.getHours('Asia/Shanghai') == 20",
        "payload.n * 2 + 1 > 5 ? payload.l[0] == 1 : payload.l[9] == 1",
        "payload.kind.matches('^l.mp$')",
        "math.abs(payload.n - 5) == 2",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct cel_program *p = fx_compile(&f, texts[i]);
        assert_non_null(p);
        arena_init(&none, 64, 0);
        f.ctx.arena = &none;
        f.ctx.steps = 0;
        if (!cel_is_true(cel_eval(p, &f.ctx)))
            fail_msg("not true: %s", texts[i]);
        if (arena_used(&none) != 0)
            fail_msg("%zu bytes of the arena used: %s", arena_used(&none), texts[i]);
        arena_done(&none);
        cel_program_free(p);
    }
    /* a field that is not there neither: rules meet it all the time */
    struct cel_program *p = fx_compile(&f, "payload.nothing > 3 && device.nothing == 'x'");
    arena_init(&none, 64, 0);
    f.ctx.arena = &none;
    assert_true(cel_is_unknown(cel_eval(p, &f.ctx)));
    assert_int_equal(arena_used(&none), 0);
    cel_program_free(p);
    arena_done(&none);
    f.ctx.arena = &f.arena;
    fx_done(&f);
}

static void functions_at_their_edges(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    static const char *const table[][2] = {
        {"'富春路'.charAt(1) + '富春路'.substring(1, 2) + string('富春路'.indexOf('路')) + string('富春路'.size())", "'春春23'"},
        {"'abc'.indexOf('c', 3)", "-1"},
        {"'abc'.indexOf('c', 4)", "error 3"},
        {"'abc'.replace('', '-')", "'-a-b-c-'"},
        {"'aaaa'.replace('aa', 'b')", "'bb'"},
        {"'aaa'.replace('a', 'b', 0)", "'aaa'"},
        {"'a,b,,c'.split(',')", "['a', 'b', '', 'c']"},
        {"'a,b,c'.split(',', 2)", "['a', 'b,c']"},
        {"'a,b'.split(',', 0)", "[]"},
        {"''.split(',')", "['']"},
        {"'路灯'.split('')", "['路', '灯']"},
        {"''.split('')", "[]"},
        {"['a', 'b'].join(', ')", "'a, b'"},
        {"['a', dyn(1)].join()", "error 2"},
        {"'\\u3000 x\\t'.trim()", "'x'"},
        {"'灯1'.reverse()", "'1灯'"},
        {"strings.quote('a\"\\n')", "'\"a\\\\\"\\\\n\"'"},
        {"'%s|%d|%.2f|%x|%o|%b'.format(['a', 7, 2.005, 255, 8, 5])", "'a|7|2.00|ff|10|101'"},
        {"'%s'.format([[1, 'a', {2: true}, null, duration('90s')]])", "'[1, a, {2: true}, null, 90s]'"},
        {"'%d'.format([1.5])", "'1.5'"},
        {"'%s'.format([1e21])", "'1000000000000000000000'"},
        {"string(1e21) + ' ' + string(0.0001) + ' ' + string(0.00001) + ' ' + string(123456.0) + ' ' + string(1234567.0)",
         "'1e+21 0.0001 1e-05 123456 1.234567e+06'"},
        {"string(0.1 + 0.2)", "'0.30000000000000004'"},
        {"[double('1e-7'), double('-Infinity'), double('+5')]", "[1e-07, double('-Infinity'), 5.0]"},
        {"double(' 5') == 5.0", "error 4"},
        {"double('0x10') == 5.0", "error 4"},
        {"int('5.0') == 5", "error 4"},
        {"int('99999999999999999999') == 5", "error 3"},
        {"uint('-5') == 5u", "error 4"},
        {"[3, 1, 2].sort()", "[1, 2, 3]"},
        {"['b', 'a'].sort()", "['a', 'b']"},
        {"[1, dyn('a')].sort()", "error 2"},
        {"[[1]].sort()", "error 2"},
        {"[{'n': 2, 'x': 'b'}, {'n': 1, 'x': 'a'}, {'n': 2, 'x': 'c'}].sortBy(e, e.n).map(e, e.x)", "['a', 'b', 'c']"},
        {"[1, 2.0, 1u, 2, 3].distinct()", "[1, 2.0, 3]"},
        {"[1, [2, [3]]].flatten()", "[1, 2, [3]]"},
        {"[1, 2, 3, 4].slice(1, 3)", "[2, 3]"},
        {"[1].slice(0, 2)", "error 3"},
        {"sets.contains([1, 2], [2.0]) && sets.intersects([1], [1u]) && sets.equivalent([1, 1], [1])", "true"},
        {"math.greatest([1, 2.5, 2])", "2.5"},
        {"math.least([])", "error 4"},
        {"math.round(-2.5)", "-3.0"},
        {"math.sqrt(16)", "4.0"},
        {"math.bitShiftRight(-1, 60)", "15"},
        {"base64.decode('aGk')", "b'hi'"},
        {"base64.decode('!!')", "error 4"},
        {"bool('yes')", "error 4"},
        {"1 in {1u: 2} && 1.0 in [1] && {1: 'a'}[1.0] == 'a'", "true"},
        {"[1, 2] == [1.0, 2u] && {'a': 1} == {'a': 1.0} && 1 == 1.0", "true"},
        {"9007199254740993 in {9007199254740992: 1} || 9007199254740992.0 in {9007199254740993: 1}", "false"},
        {"duration('1h') + duration('1.5m') + duration('-1us') == duration('1h1m29.999999s')", "true"},
    };
    f.opt.no_check = true; /* what the checker would refuse must be refused by the evaluator as well */
    for (int pass = 0; pass < 2; pass++) {
        f.opt.no_fold = pass;
        for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
            if (strcmp(fx_text(&f, table[i][0]), table[i][1]))
                fail_msg("%s gives %s", table[i][0], f.text.data);
    }
    fx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_is_unknown),
        cmocka_unit_test(an_absent_field_says_its_name_and_place),
        cmocka_unit_test(numbers_of_json),
        cmocka_unit_test(mixed_arithmetic_is_double),
        cmocka_unit_test(overflow_is_an_error),
        cmocka_unit_test(time_has_its_limits),
        cmocka_unit_test(zones),
        cmocka_unit_test(records),
        cmocka_unit_test(optionals),
        cmocka_unit_test(regular_expressions),
        cmocka_unit_test(patterns_are_those_of_re2),
        cmocka_unit_test(an_exploding_pattern_ends_with_the_budget),
        cmocka_unit_test(steps_are_bounded),
        cmocka_unit_test(texts_cannot_grow_without_end),
        cmocka_unit_test(a_full_arena_is_an_error),
        cmocka_unit_test(comparing_needs_no_memory),
        cmocka_unit_test(functions_at_their_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
