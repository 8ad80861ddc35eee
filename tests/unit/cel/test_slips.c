/* SPDX-License-Identifier: Apache-2.0
 * Slips of people who come from another language or type on another keyboard: one slip is one mistake, and it is told what would be right. */
#include <stdio.h>

#include "cel_fixture.h"

static const struct slip {
    const char *text;
    size_t begin, end;
    const char *what, *hint;
} slips[] = {
    {"event.kind = 'lamp'", 11, 12, "unexpected '='", "equality is written =="},
    {"event.locked === true", 13, 16, "unexpected '==='", "equality is written =="},
    {"event.power_w !== 5", 14, 17, "unexpected '!=='", "inequality is written !="},
    {"event.power_w !=< 5", 14, 17, "unexpected '!=<'", "one comparison at a time: != or <="},
    {"event.power_w <> 5", 14, 16, "unexpected '<>'", "inequality is written !="},
    {"event.power_w => 5", 14, 16, "unexpected '=>'", "at least is written >="},
    {"event.power_w =< 5", 14, 16, "unexpected '=<'", "at most is written <="},
    {"event.power_w =! 5", 14, 16, "unexpected '=!'", "inequality is written !="},
    {"event.power_w ** 2 > 3", 14, 16, "unexpected '**'", "a power is written x * x"},
    {"event.power_w ^ 2 > 3", 14, 15, "unexpected '^'", "a power is written x * x; bits are math.bitXor(x, y)"},
    {"event.kind =~ 'a.*'", 11, 13, "unexpected '=~'", "a pattern is looked for with x.matches('^a')"},
    {"event.kind !~ 'a'", 11, 13, "unexpected '!~'", "a pattern is looked for with !x.matches('^a')"},
    {"event->kind == 'a'", 5, 7, "unexpected '->'", "a field stands behind a point: event.kind"},
    {"event:kind == 'a'", 5, 6, "unexpected ':'", "expected an operator or the end; a field stands behind a point: event.kind"},
    {"event.locked & true", 13, 14, "unexpected '&'", "'and' is written &&"},
    {"event.locked | true", 13, 14, "unexpected '|'", "'or' is written ||"},
    {"event.locked and true", 13, 16, "unexpected 'and'", "'and' is written &&"},
    {"event.locked OR true", 13, 15, "unexpected 'OR'", "'or' is written ||"},
    {"not event.locked", 0, 3, "unexpected 'not'", "'not' is written !"},
    {"event.power_w is null", 14, 16, "unexpected 'is'", "equality is written =="},
    {"event.power_w between 3 and 5", 14, 21, "unexpected 'between'", "x >= 3 && x <= 5"},
    {"event.kind contains 'lamp'", 11, 19, "unexpected 'contains'", "it is a function of the text: x.contains('a')"},
    {"event.kind endsWith 'p'", 11, 19, "unexpected 'endsWith'", "it is a function of the text: x.endsWith('a')"},
    {"if event.locked then true else false", 0, 2, "'if' is a reserved word and cannot be a name",
     "a choice is written condition ? value : other value"},
    {"event.kind == 'lamp' # why", 21, 22, "unexpected '#'", "a comment begins with //"},
    {"event.kind == 'lamp' /* why */", 21, 23, "unexpected '/*'", "a comment begins with // and goes to the end of the line"},
    {"event.kind == 'lamp';", 20, 21, "unexpected ';'", "an expression ends without a sign"},
    {"$event.kind == 'lamp'", 0, 1, "unexpected '$'", "a name stands without it: event.kind; ${…} is for titles and texts"},
    {"@event.kind == 'lamp'", 0, 1, "unexpected '@'", "a key that begins with @ is read as x['@key']"},
    {"event.kind == “lamp”", 14, 24, "a text stands between plain quotes, ' or \"", "write 'lamp'"},
    {"event.kind == ‘lamp’ && event.locked", 14, 24, "a text stands between plain quotes, ' or \"", "write 'lamp'"},
    {"event.kind == 「lamp」", 14, 24, "a text stands between plain quotes, ' or \"", "write 'lamp'"},
    {"event.kind == “lamp", 14, 21, "the string is not closed", "a text stands between plain quotes, ' or \""},
    {"event.power_w ＞ 5", 14, 17, "unexpected '＞'", "with the signs of a plain keyboard: >"},
    {"event.power_w ≥ 5", 14, 17, "unexpected '≥'", "with the signs of a plain keyboard: >="},
    {"event.power_w >＝ 5", 14, 18, "unexpected '>＝'", "with the signs of a plain keyboard: >="},
    {"event.kind ＝＝ 'lamp'", 11, 17, "unexpected '＝＝'", "with the signs of a plain keyboard: =="},
    {"event.kind ＝ 'lamp'", 11, 14, "unexpected '＝'", "equality is written =="},
    {"event.locked ＆＆ true", 13, 19, "unexpected '＆＆'", "with the signs of a plain keyboard: &&"},
    {"event.kind in ['a'，'b']", 18, 21, "unexpected '，'", "with the signs of a plain keyboard: ,"},
    {"event.kind in ['a'、'b']", 18, 21, "unexpected '、'", "with the signs of a plain keyboard: ,"},
    {"event.kind in ['a', 'b'】", 23, 26, "unexpected '】'", "with the signs of a plain keyboard: ]"},
    {"event.kind == 'lamp'。", 20, 23, "unexpected '。'", "an expression ends without a sign"},
    {"event.power_w > ５０", 16, 22, "unexpected '５０'", "with the digits of a plain keyboard: 50"},
    {"event.power_w　> 5", 13, 16, "unexpected blank U+3000", "a blank of a plain keyboard"},
    {"payload.温度 > 5", 8, 14, "unexpected '温度'",
     "names are made of a-z, A-Z, 0-9 and _; a key of other letters is read as x['温度'], a text stands in quotes: '温度'"},
    {"payload.温度_c > 5", 8, 16, "unexpected '温度_c'",
     "names are made of a-z, A-Z, 0-9 and _; a key of other letters is read as x['温度_c'], a text stands in quotes: '温度_c'"},
    {"payload.my-field == 3", 11, 16, "unknown name 'field'", "a field with a - in its name is written x.`my-field`"},
    {"payload.1st == 3", 7, 11, "'.1st' is not a number", "a field whose name begins with a digit is read as x['1st']"},
    {"event.kind == 'it's", 18, 19, "unexpected 's'",
     "a quote within a text is written \\', or the text stands between the other quotes: \"it's\""},
    {"event.power_w > 5 W", 18, 19, "unexpected 'W'", "units are not part of numbers: a span of time is duration('10m')"},
    {"event.power_w > 1_000", 16, 21, "'1_000' is not a number", "the digits of a number stand together: 1000"},
    {"event.power_w > 5,5", 17, 18, "unexpected ','",
     "expected an operator or the end; one of several is written x in ['a', 'b'], a fraction with a point: 5.5"},
    {"event.kind in ('a', 'b')", 18, 19, "unexpected ','", "a list stands in [ ]: x in ['a', 'b']"},
    {"event.kind in {'a', 'b'}", 18, 19, "unexpected ','", "expected ':' and a value: {'key': value}; a list stands in [ ]"},
    {"event.kind == 'a' || 'b'", 21, 24, "|| takes conditions; this is string",
     "a condition compares: x == 'text'; one of several is x in ['a', 'b']"},
    {"5 < event.power_w < 10", 0, 22, "no such overload: bool < int", "comparisons are no chain: x > 5 && x < 10"},
    {"'5' > event.power_w", 0, 19, "no such overload: string > int or double", "a number stands without quotes: 5"},
    {"event.power_w > '5'", 0, 19, "no such overload: int or double > string", "a number stands without quotes: 5"},
    {"event.kind == 5", 0, 15, "no such overload: string == int", "a text stands in quotes: '5'"},
    {"event.locked == 'true'", 0, 22, "no such overload: bool == string", "a bool is used as it stands: x, or !x"},
    {"now > '20:00'", 0, 13, "no such overload: timestamp > string", "the hour of the day is now.getHours('local')"},
    {"now.getHours > 5", 4, 12, "no such overload: timestamp has no field 'getHours'", "a function is called with brackets: x.getHours()"},
    {"now - event.time > '10m'", 0, 24, "no such overload: duration > string", "a span of time is written duration('10m')"},
    {"now - event.time > 10m", 19, 22, "'10m' is not a number", "units are not part of numbers: a span of time is duration('10m')"},
    {"now - event.time > 600", 0, 22, "no such overload: duration > int", "a span of time is written duration('10m')"},
    {"hour(now) > 5", 0, 4, "unknown function 'hour'", "the hour is now.getHours('local')"},
    {"event.kind.length > 3", 11, 17, "no such overload: string has no field 'length'", "the length is x.size()"},
    {"event.kind.isEmpty()", 11, 18, "unknown function 'isEmpty'", "empty is x.size() == 0, or x == '' of a text"},
    {"exists(event.kind)", 0, 6, "unknown function 'exists'",
     "has(x.field) tells whether a field is there; x.exists(e, e > 3) looks for an element of a list"},
    {"None == event.kind", 0, 4, "unknown name 'None'", "what is nothing is written null"},
    {"event?.kind == 'a'", 5, 7, "'?.' is not part of the language",
     "what may be missing is read with .? and not with ?. : x.?a.orValue(0)"},
    {"event.kind ?? 'a'", 11, 13, "'?\?' is not part of the language", "another value in place of what is missing: x.?a.orValue(0)"},
};

static void each_is_told_once(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    f.opt.want = CEL_DECL_BOOL;
    for (size_t i = 0; i < sizeof(slips) / sizeof(*slips); i++) {
        const struct slip *w = &slips[i];
        if (fx_compile(&f, w->text))
            fail_msg("'%s' compiles", w->text);
        if (f.diags.count != 1)
            fail_msg("'%s': %zu messages, the second: %s", w->text, f.diags.count, f.diags.count > 1 ? f.diags.items[1].text : "-");
        const struct cel_diag *d = &f.diags.items[0];
        if (strcmp(d->text, w->what) || d->begin != w->begin || d->end != w->end ||
            strcmp(d->hint ? d->hint : "-", w->hint ? w->hint : "-"))
            fail_msg("'%s': %zu-%zu %s {%s}", w->text, d->begin, d->end, d->text, d->hint ? d->hint : "-");
    }
    fx_done(&f);
}

/* What was meant is read on: the other mistakes of the text are found in the same run. */
static void reading_goes_on(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_null(fx_compile(&f, "event.kind ＝ “lamp” ＆＆（event.powr_w ≥ ５ ｜｜ evnt.kind === ‘a’）"));
    static const char *const want[] = {"unexpected '＝'",
                                       "a text stands between plain quotes, ' or \"",
                                       "unexpected '＆＆'",
                                       "unexpected '（'",
                                       "no field 'powr_w' in 'event'",
                                       "unexpected '≥'",
                                       "unexpected '５'",
                                       "unexpected '｜｜'",
                                       "unknown name 'evnt'",
                                       "unexpected '==='",
                                       "a text stands between plain quotes, ' or \"",
                                       "unexpected '）'"};
    assert_int_equal(f.diags.count, sizeof(want) / sizeof(*want));
    for (size_t i = 0; i < f.diags.count; i++)
        assert_string_equal(f.diags.items[i].text, want[i]);
    fx_done(&f);
}

/* A text of nothing but slips is bounded in time and depth. */
static void many_slips_are_no_burden(void **state) {
    (void)state;
    static const char *const pieces[] = {"$", "#\n", "；", "“", "　", "５", "=", "中", "/*"};
    struct fx f;
    fx_init(&f);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        char text[16000] = "";
        size_t n = strlen(pieces[i]);
        for (size_t at = 0; at + n < sizeof text; at += n)
            memcpy(text + at, pieces[i], n);
        assert_null(fx_compile(&f, text));
        assert_in_range(f.diags.count, 1, 20);
    }
    fx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_once),
        cmocka_unit_test(reading_goes_on),
        cmocka_unit_test(many_slips_are_no_burden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
