/* SPDX-License-Identifier: Apache-2.0
 * Mistakes of form: what is said and of which bytes, several in one run; the ceilings. */
#include <stdio.h>

#include "cel_fixture.h"

struct wrong {
    const char *text;
    size_t begin, end;
    const char *what, *hint;
};

/* One mistake each, and nothing else. */
static const struct wrong single[] = {
    {"", 0, 0, "the expression is empty", NULL},
    {"   // nothing\n", 0, 14, "the expression is empty", NULL},
    {"1 +", 3, 3, "the expression ends too early", "expected a value"},
    {"(1 + 2", 0, 1, "the bracket '(' is not closed", "')' is missing"},
    {"[1, 2", 0, 1, "the bracket '[' is not closed", "']' is missing"},
    {"{'a': 1", 0, 1, "the bracket '{' is not closed", "'}' is missing"},
    {"1 + 2)", 5, 6, "')' closes nothing", NULL},
    {"[1, 2)", 5, 6, "unexpected ')'", "expected ',' or ']'"},
    {"{'a' 1}", 5, 6, "unexpected '1'", "expected ':' and a value: {'key': value}; a list stands in [ ]"},
    {"1 2", 2, 3, "unexpected '2'", "expected an operator or the end"},
    {"true 'x'", 5, 8, "unexpected text 'x'", "expected an operator or the end"},
    {"true and false", 5, 8, "unexpected 'and'", "'and' is written &&"},
    {"true or false", 5, 7, "unexpected 'or'", "'or' is written ||"},
    {"true = false", 5, 6, "unexpected '='", "equality is written =="},
    {"true === false", 5, 8, "unexpected '==='", "equality is written =="},
    {"1 <> 2", 2, 4, "unexpected '<>'", "inequality is written !="},
    {"true & false", 5, 6, "unexpected '&'", "'and' is written &&"},
    {"true | false", 5, 6, "unexpected '|'", "'or' is written ||"},
    {"true ? 1", 8, 8, "the expression ends too early", "expected ':' and the value otherwise: condition ? value : other value"},
    {"'abc", 0, 4, "the string is not closed", "it ends with the same quote, on the same line; longer texts stand in '''three quotes'''"},
    {"1 + 'a\nb'", 4, 9, "the string is not closed",
     "it ends with the same quote, on the same line; longer texts stand in '''three quotes'''"},
    {"'''abc''", 0, 8, "the string is not closed", "it ends with the same three quotes"},
    {"'a\\qb'", 2, 4, "unknown escape '\\q'", "a backslash itself is \\\\; in a raw string r'…' it needs nothing"},
    {"'\\x4'", 1, 3, "incomplete escape '\\x'", "\\x is followed by two hexadecimal digits: \\x41"},
    {"'\\u12'", 1, 3, "incomplete escape '\\u'", "\\u is followed by four hexadecimal digits: \\u4e2d"},
    {"'\\ud800'", 1, 7, "the escape does not stand for a character", NULL},
    {"'\\U00110000'", 1, 11, "the escape does not stand for a character", NULL},
    {"b'\\u0041'", 2, 4, "'\\u' has no meaning in bytes", "bytes are written \\x41 or \\101"},
    {"'\\400'", 1, 3, "unknown escape '\\4'", "a backslash itself is \\\\; in a raw string r'…' it needs nothing"},
    {"9223372036854775808", 0, 19, "number too great for an int", "an int goes up to 9223372036854775807"},
    {"18446744073709551616u", 0, 21, "number too great for a uint", "a uint goes up to 18446744073709551615"},
    {"1e999", 0, 5, "number too great for a double", "a double goes up to 1.7976931348623157e+308"},
    {"0x", 0, 2, "'0x' without hexadecimal digits behind it", NULL},
    {"5min > 3", 0, 4, "'5min' is not a number", "units are not part of numbers: a span of time is duration('10m')"},
    {"for == 1", 0, 3, "'for' is a reserved word and cannot be a name", NULL},
    {"payload.in", 8, 10, "'in' cannot be a field's name as it stands", "write it in backticks: `in`"},
    {"payload.", 8, 8, "the expression ends too early", "expected a field's name behind the point"},
    {"`a` == 1", 0, 3, "a name in backticks can only stand behind a point", "as in event.`my-field`; text stands in 'quotes'"},
    {"payload.`a", 8, 10, "the quoted name is not closed", "it ends with another `"},
    {"payload.``", 8, 10, "the quoted name is empty", NULL},
    {"payload # 3", 8, 9, "unexpected '#'", "a comment begins with //"},
    {"1 \001 2", 2, 3, "unexpected control character 0x01", NULL},
    {"size('a',)", 9, 10, "an argument is missing behind the comma", NULL},
    {"Type{a: 1}", 0, 4, "there is no message type 'Type' here", "a map is written {'key': value}"},
    {"has(payload)", 4, 11, "has() takes one field selection", "has(event.field); for an index write 'key' in x"},
    {"[1].map(x + 1, 2)", 8, 13, "map() takes a simple name here, for what stands for each element", "x.map(name, value)"},
    {"[1].all(x)", 4, 7, "all() does not take 1 argument", "it is written x.all(key, value, condition)"},
    {"[1].all(x, x, true)", 11, 12, "the two names must differ", "x.all(key, value, condition)"},
    {"cel.bind(a, 1)", 4, 8, "bind() does not take 2 arguments", "it is written cel.bind(name, value, result)"},
    {"[1].transformMapEntry(k, v, v)", 28, 29, "transformMapEntry() takes a map literal with one entry here",
     "x.transformMapEntry(key, value, {key: value})"},
};

static void each_mistake_alone(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++) {
        const struct wrong *w = &single[i];
        if (fx_compile(&f, w->text))
            fail_msg("'%s' compiles", w->text);
        if (f.diags.count != 1)
            fail_msg("'%s': %zu messages, the second: %s", w->text, f.diags.count, f.diags.count > 1 ? f.diags.items[1].text : "-");
        const struct cel_diag *d = &f.diags.items[0];
        if (strcmp(d->text, w->what) || d->begin != w->begin || d->end != w->end ||
            strcmp(d->hint ? d->hint : "-", w->hint ? w->hint : "-"))
            fail_msg("'%s': %zu-%zu %s {%s}", w->text, d->begin, d->end, d->text, d->hint ? d->hint : "-");
        assert_int_equal(f.diags.errors, 1);
        assert_false(d->warning);
    }
    fx_done(&f);
}

static void several_in_one_run(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_null(fx_compile(&f, "event.powr_w > '5' && (evnt.kind == || size(1 2, 'a\\q')) && foo(event.kind) || now > 3"));
    static const struct {
        size_t begin;
        const char *text;
    } want[] = {{6, "no field 'powr_w' in 'event'"},
                {23, "unknown name 'evnt'"},
                {36, "unexpected '||'"},
                {46, "unexpected '2'"},
                {51, "unknown escape '\\q'"},
                {60, "unknown function 'foo'"},
                {79, "no such overload: timestamp > int"}};
    for (size_t i = 0; i < f.diags.count && i < 7; i++) {
        assert_string_equal(f.diags.items[i].text, want[i].text);
        assert_int_equal(f.diags.items[i].begin, want[i].begin);
    }
    assert_int_equal(f.diags.count, 7);
    assert_int_equal(f.diags.errors, 7);
    fx_done(&f);
}

static void not_more_than_a_screenful(void **state) {
    (void)state;
    struct fx f;
    char text[4096] = "";
    fx_init(&f);
    for (size_t i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sname%zu == 1", i ? " && " : "", i);
    assert_null(fx_compile(&f, text));
    assert_int_equal(f.diags.count, 20);
    fx_done(&f);
}

static void invalid_utf8_is_named(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_null(fx_compile(&f, "'ab\xff'"));
    assert_int_equal(f.diags.items[0].begin, 3);
    assert_string_equal(f.diags.items[0].text, "the text is not valid UTF-8 at byte 3");
    fx_done(&f);
}

static char *repeat(const char *before, const char *piece, size_t n, const char *after) {
    struct buf b;
    buf_init(&b, 0);
    buf_puts(&b, before);
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, piece);
    buf_puts(&b, after);
    return buf_take(&b, NULL);
}

/* `text` compiles or not; what is said when it does not. Frees text. */
static void limit(struct fx *f, char *text, const char *said) {
    struct cel_program *p = fx_compile(f, text);
    if (said) {
        if (p)
            fail_msg("%.60s… compiles", text);
        assert_int_equal(f->diags.count, 1);
        assert_string_equal(f->diags.items[0].text, said);
    } else if (!p)
        fail_msg("%.60s…: %s", text, f->diags.items[0].text);
    cel_program_free(p);
    free(text);
}

static void depth_has_one_ceiling(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    const char *deep = "the expression is nested too deep (at most 96 levels)";
    const char *high = "the expression is nested or chained too deep (at most 256 levels)";
    const char *long_text = "the expression is too long (16386 bytes; at most 16384)";
    char *open = repeat("", "(", 95, "1"), *all = repeat(open, ")", 95, "");
    limit(&f, all, NULL);
    free(open);
    limit(&f, repeat("", "(", 96, "1"), deep);
    limit(&f, repeat("", "[", 2000, ""), deep);
    limit(&f, repeat("", "{1:", 2000, ""), deep);
    limit(&f, repeat("", "size(", 2000, ""), deep);
    limit(&f, repeat("", "[1].map(x, ", 1000, ""), deep);
    limit(&f, repeat("", "true ? true : ", 1000, "true"), deep);
    limit(&f, repeat("", "!-", 2000, "1"), deep);
    limit(&f, repeat("payload", "[0]", 254, ""), NULL);
    limit(&f, repeat("payload", ".a", 300, ""), high);
    limit(&f, repeat("payload", "[0]", 2000, ""), high);
    limit(&f, repeat("1", " + 1", 200, ""), NULL);
    limit(&f, repeat("1", " + 1", 1000, ""), high);
    limit(&f, repeat("", "!", 1000, "true"), high);
    limit(&f, repeat("true", " && true", 1500, ""), NULL); /* a chain of && is no nesting */
    limit(&f, repeat("payload.a", " || payload.a", 1200, ""), NULL);
    limit(&f, repeat("", " ", 16385, "1"), long_text);
    fx_done(&f);
}

static void tables_of_arguments_end(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    limit(&f, repeat("math.greatest(1", ", 1", 63, ")"), NULL);
    limit(&f, repeat("math.greatest(1", ", 1", 64, ")"), "too many arguments (at most 64)");
    fx_done(&f);
}

static void literals(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_gives(&f, "0x1F + 0xfF", "286");
    assert_gives(&f, "-9223372036854775808", "-9223372036854775808");
    assert_gives(&f, "18446744073709551615u", "18446744073709551615u");
    assert_gives(&f, "0xFFu", "255u");
    assert_gives(&f, ".5 + 1e3", "1000.5");
    fx_done(&f);
}

static void strings(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_gives(&f, "'''a\r\nb\rc\n\r\n'''", "'a\\nb\\nc\\n\\n'"); /* a line ends in one way, whatever the file has */
    assert_gives(&f, "r'''a\r\nb''' == 'a\\nb' && b'''\\t\r''' == b'\\t\\n'", "true");
    assert_gives(&f, "'a\\r\\n'.size()", "3"); /* what is said is kept */
    assert_gives(&f, "'a' + \"b\" + r'\\n' + R\"\\\" + '''c'd\n'''", "'ab\\\\n\\\\c\\'d\\n'");
    assert_gives(&f, "'\\ud83d\\ude00' == '\\U0001f600'", "true");
    assert_gives(&f, "'\\101\\x42\\u0043' == 'ABC'", "true");
    assert_gives(&f, "b'\\xff\\377\u00ff' == b'\\xff\\xff\\xc3\\xbf'", "true");
    assert_gives(&f, "br'\\x' == b'\\\\x' && bR'''a'b''' == b\"a'b\"", "true");
    assert_gives(&f, "size('a\\000b')", "3");
    fx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_alone),
        cmocka_unit_test(several_in_one_run),
        cmocka_unit_test(not_more_than_a_screenful),
        cmocka_unit_test(invalid_utf8_is_named),
        cmocka_unit_test(depth_has_one_ceiling),
        cmocka_unit_test(tables_of_arguments_end),
        cmocka_unit_test(literals),
        cmocka_unit_test(strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
