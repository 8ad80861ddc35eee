/* SPDX-License-Identifier: Apache-2.0
 * What the checker refuses and what it says: names, fields, functions, arguments, types. */
#include "cel_fixture.h"

struct wrong {
    const char *text;
    size_t begin, end;
    const char *what, *hint;
};

static const struct wrong wrongs[] = {
    {"evnt.kind == 'x'", 0, 4, "unknown name 'evnt'", "did you mean 'event'?"},
    {"lamp == event.kind", 0, 4, "unknown name 'lamp'", "text stands in quotes: 'lamp'"},
    {"True", 0, 4, "unknown name 'True'", "did you mean 'true'?"},
    {"size == 1", 0, 4, "unknown name 'size'", "'size' is a function: it is written size(…)"},
    {"event.powr_w > 1", 6, 12, "no field 'powr_w' in 'event'", "did you mean 'power_w'?"},
    {"event['powr_w'] > 1", 6, 14, "no field 'powr_w' in 'event'", "did you mean 'power_w'?"},
    {"event.kind.name", 11, 15, "no such overload: string has no field 'name'", NULL},
    {"event.kind[0]", 0, 13, "no such overload: string[…]; it takes a list or a map", "a character is x.charAt(0)"},
    {"[1]['a']", 0, 8, "no such overload: list[string]", NULL},
    {"event.kind > 5", 0, 14, "no such overload: string > int", "a text stands in quotes: '5'"},
    {"event.power_w > '5'", 0, 19, "no such overload: int or double > string", "a number stands without quotes: 5"},
    {"event.kind == 5", 0, 15, "no such overload: string == int", "a text stands in quotes: '5'"},
    {"'5' == 5", 0, 8, "no such overload: string == int", "a number stands without quotes: 5"},
    {"event.locked == 'yes'", 0, 21, "no such overload: bool == string", "a bool is used as it stands: x, or !x"},
    {"'power ' + event.power_w", 0, 24, "no such overload: string + int or double", "string(x) makes a text of a number"},
    {"event.time > '2026-01-05'", 0, 25, "no such overload: timestamp > string",
     "a moment is written timestamp('2026-01-05T20:00:00+08:00')"},
    {"now - event.time > 60", 0, 21, "no such overload: duration > int", "a span of time is written duration('10m')"},
    {"now + 60 > now", 0, 8, "no such overload: timestamp + int", "a span of time is written duration('10m')"},
    {"1 + 1u", 0, 6, "no such overload: int + uint", "int(x) and uint(x) make one of the other"},
    {"5.5 % 2.0", 0, 9, "no such overload: double % double", "% takes whole numbers: int(x)"},
    /* words of other languages */
    {"payload?.a", 7, 9, "'?.' is not part of the language", "what may be missing is read with .? and not with ?. : x.?a.orValue(0)"},
    {"payload.a ?\? 0", 10, 12, "'?\?' is not part of the language", "another value in place of what is missing: x.?a.orValue(0)"},
    {"len(payload) > 1", 0, 3, "unknown function 'len'", "the length is x.size()"},
    {"payload.a.toLowerCase()", 10, 21, "unknown function 'toLowerCase'", "x.lowerAscii() makes small letters"},
    {"payload.a.lower()", 10, 15, "unknown function 'lower'", "did you mean 'lowerAscii'?"},
    {"payload.a matches '^b'", 10, 17, "unexpected 'matches'", "it is a function of the text: x.matches('^a')"},
    {"event.kind in 'lamps'", 0, 21, "no such overload: string in string",
     "in takes a list or a map on its right: x in ['a', 'b']; a text within a text is y.contains(x)"},
    {"payload.?a == 1", 0, 15, "no such overload: optional == int",
     "x.?field is an optional value: x.?field.orValue(…) makes a plain one of it"},
    {"!event.kind", 0, 11, "no such overload: !string", "! takes a bool"},
    {"-event.kind", 0, 11, "no such overload: -string", NULL},
    {"event.locked && event.kind", 16, 26, "&& takes conditions; this is string",
     "a condition compares: x == 'text'; one of several is x in ['a', 'b']"},
    {"event.locked || 1", 16, 17, "|| takes conditions; this is int", "a condition compares: x != 0"},
    {"event.kind ? 1 : 2", 0, 10, "the condition before ? is string, not bool", NULL},
    {"[1, 2].exists(x, x == 'a')", 17, 25, "no such overload: int == string", "double(x) or int(x) make a number of a text"},
    {"[1].filter(x, x + 1)", 14, 19, "the condition of the macro is int, not bool", NULL},
    {"event.kind.all(x, true)", 0, 14, "no such overload: string.all(…); it takes a list or a map", NULL},
    {"event.kind.optMap(x, x)", 0, 17, "no such overload: string.optMap(…); it takes an optional value",
     "x.?field is an optional value, optional.of(x) makes one"},
    {"frobnicate(1)", 0, 10, "unknown function 'frobnicate'", NULL},
    {"event.kind.contain('a')", 11, 18, "unknown function 'contain'", "did you mean 'contains'?"},
    {"contains(event.kind, 'a')", 0, 8, "unknown function 'contains'", "it is called on a value: x.contains(…)"},
    {"event.kind.int()", 11, 14, "unknown function 'int'", "it is written int(x)"},
    {"math.flor(1.5)", 0, 9, "unknown function 'math.flor'", "did you mean 'math.floor'?"},
    {"size(1, 2)", 0, 4, "size() does not take 2 arguments", "size(string|bytes|list|map) -> int"},
    {"event.kind.contains()", 11, 19, "contains() does not take 0 arguments", "string.contains(string) -> bool"},
    {"event.kind.contains(5)", 0, 22, "no such overload: string.contains(int)", "string.contains(string) -> bool"},
    {"size(5)", 0, 7, "no such overload: size(int)", "size(string|bytes|list|map) -> int"},
    {"{1.5: 1}", 1, 4, "double cannot be a map's key", "int, uint, bool and string can be keys"},
    {"{'a': 1, 'b': 2, 'a': 3}", 17, 20, "the map has this key twice", NULL},
    {"[?event.kind]", 2, 12, "[?x] takes an optional value, not string", "x.?field is one, optional.of(x) makes one"},
    {"regex.extract(event.kind, 'a[')", 26, 30,
     "the regular expression is not valid: missing terminating ] for character class (at character 3 of it)", "the syntax is that of RE2"},
    {"regex.extractAll(event.kind, '(a)(b)')", 29, 37,
     "the regular expression has more than one group; write (?:…) for those that only group", NULL},
    {"regex.replace(event.kind, '(a)', r'\\2')", 33, 38,
     "in a replacement \\ is followed by the number of a group (0 to 1) or by another \\", NULL},
    {"event.kind.matches('a(b')", 19, 24, "the regular expression is not valid: missing closing parenthesis (at character 4 of it)",
     "the syntax is that of RE2"},
    {"event.kind.matches('(?=a)')", 19, 26,
     "the regular expression is not valid: look-ahead, look-behind, atomic groups, conditions and recursion are not part of RE2 (at character 1 of it)",
     "the syntax is that of RE2"},
    {"now.getHours('Asia/Shangai')", 13, 27, "unknown time zone 'Asia/Shangai'",
     "as in 'Asia/Shanghai', '+08:00', 'UTC', or 'local' for the site's own"},
    {"'%s: %d W'.format([event.kind]) == ''", 18, 30, "format: there are more clauses than the 1 value", NULL},
    {"'%.1f'.format([event.kind]) == ''", 15, 25, "format: %f takes int, uint or double, not string", "%s takes anything that has a text"},
    {"'%s'.format([payload.?x]) == ''", 13, 23, "format: %s takes what has a text, not optional",
     "x.?field.orValue('') makes a plain value of it"},
    {"'100%'.format([]) == ''", 0, 6, "format: a lone % at the end; a per cent sign is written %%", NULL},
    {"'%y'.format([event.kind]) == ''", 0, 4, "format: behind a % stands one of s d f e b o x X; a per cent sign is written %%", NULL},
    {"event.kind == ip('10.0.0.1')", 0, 28, "no such overload: string == address", "ip(x) makes an address of a text"},
    {"cidr('10.0.0.0').containsIP(event.kind)", 0, 16, "'10.0.0.0' cannot be read as a network (10.1.0.0/16, 2001:db8::/32)", NULL},
    {"now - event.time > duration('5 min')", 19, 36, "'5 min' cannot be read as a duration (90s, 1h30m, 250ms; at most 292 years)", NULL},
    {"now > timestamp('yesterday')", 6, 28, "'yesterday' cannot be read as a timestamp (2026-01-05T20:00:00+08:00)", NULL},
};

static void refusals(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
        const struct wrong *w = &wrongs[i];
        if (fx_compile(&f, w->text))
            fail_msg("'%s' compiles", w->text);
        if (f.diags.count != 1)
            fail_msg("'%s': %zu messages, the first: %s", w->text, f.diags.count, f.diags.count ? f.diags.items[0].text : "-");
        const struct cel_diag *d = &f.diags.items[0];
        if (strcmp(d->text, w->what) || d->begin != w->begin || d->end != w->end ||
            strcmp(d->hint ? d->hint : "-", w->hint ? w->hint : "-"))
            fail_msg("'%s': %zu-%zu %s {%s}", w->text, d->begin, d->end, d->text, d->hint ? d->hint : "-");
    }
    fx_done(&f);
}

/* Compiles, with one warning. */
static void warns(struct fx *f, const char *text, size_t begin, const char *what) {
    struct cel_program *p = fx_compile(f, text);
    if (!p || f->diags.count != 1)
        fail_msg("'%s': %zu messages", text, f->diags.count);
    assert_true(f->diags.items[0].warning);
    assert_int_equal(f->diags.errors, 0);
    assert_int_equal(f->diags.items[0].begin, begin);
    assert_string_equal(f->diags.items[0].text, what);
    cel_program_free(p);
}

static void warnings(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    warns(&f, "'%s'.format([event.kind, event.power_w]) == ''", 25, "format: no clause takes this value");
    warns(&f, "device.nme == 'x'", 7, "no field 'nme' is known in 'device'");
    warns(&f, "math.floor(event.power_w) > 1.0", 11, "floor takes a double, and a number without a fraction comes as an int");
    warns(&f, "1 / 0 == event.power_w || event.locked", 0, "this always fails: division by zero");
    fx_done(&f);
}

static void what_may_work_is_left_alone(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    static const char *const fine[] = {
        "event.power_w == 5 || event.power_w > 2.5",
        "event.kind == null || event.power_w != null",
        "payload > 5 && payload == 'x' && payload.a[0]['b'].c",
        "[1, 'a', 2.0].exists(x, x == 'a' || x == 2)",
        "device.min_power_w * 2 > event.power_w",
        "dyn(event.kind) == 5",
        "event.?power_w.orValue('none') == 'none'",
        "has(event.kind) && 'kind' in event",
        "event.map(k, event[k]).size() > 0",
        "{'a': 1}.a + 1 > 1 && {'a': [1]}.a[0] == 1",
        "math.round(double(event.power_w)) > 1.0",
        "(payload.a ? payload.b : 'x') == 'x'",
    };
    for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
        struct cel_program *p = fx_compile(&f, fine[i]);
        if (!p || f.diags.count)
            fail_msg("'%s': %s", fine[i], f.diags.count ? f.diags.items[0].text : "?");
        cel_program_free(p);
    }
    fx_done(&f);
}

static void the_result_can_be_asked_for(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    f.opt.want = CEL_DECL_BOOL;
    assert_null(fx_compile(&f, "event.kind"));
    assert_string_equal(f.diags.items[0].text, "the result is string; here it must be bool");
    assert_string_equal(f.diags.items[0].hint, "a condition compares: x == 'text'");
    cel_program_free(fx_compile(&f, "payload"));
    assert_int_equal(f.diags.count, 0);
    f.opt.want = CEL_DECL_NUMBER;
    assert_null(fx_compile(&f, "event.locked"));
    assert_string_equal(f.diags.items[0].text, "the result is bool; here it must be int, uint or double");
    fx_done(&f);
}

static void without_the_checker_mistakes_are_errors_of_evaluation(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    f.opt.no_check = true;
    assert_gives(&f, "nobody || true", "true");
    assert_gives(&f, "nobody.nothing(1) || true", "true");
    assert_gives(&f, "nobody", "error 2");
    assert_gives(&f, "'a' + 1", "error 2");
    assert_gives(&f, "'a'.contains(1, 2)", "error 2");
    assert_gives(&f, "7 == '7'", "false"); /* values of two types are not equal, that is all */
    assert_gives(&f, "[7] != {'a': 7} && b'x' != 'x'", "true");
    assert_gives(&f, "optional.of(7) == 7", "false");
    assert_gives(&f, "'x'.matches('(') || true", "true");
    assert_null(fx_compile(&f, "1 +")); /* form is form */
    fx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(warnings),
        cmocka_unit_test(what_may_work_is_left_alone),
        cmocka_unit_test(the_result_can_be_asked_for),
        cmocka_unit_test(without_the_checker_mistakes_are_errors_of_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
