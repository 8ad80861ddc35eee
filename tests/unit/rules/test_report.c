/* SPDX-License-Identifier: Apache-2.0
 * Reports: order, lines and columns, carets under wide text, long lines, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/text.h"
#include "gengfu/rules/report.h"

static void said(struct report *r, const char *want) {
    struct buf b;
    buf_init(&b, 0);
    report_print(r, &b, false);
    assert_string_equal(b.data, want);
    buf_done(&b);
}

static void test_order(void **state) {
    (void)state;
    struct report *r;
    assert_int_equal(report_new(&r), 0);
    assert_int_equal(report_file(r, "a", "one\ntwo\n", 8), 0);
    assert_int_equal(report_file(r, "b", "three", 5), 1);
    assert_string_equal(report_first(r), "");
    report_warning(r, (struct place){1, 0, 5}, NULL, "last");
    report_error(r, (struct place){0, 4, 3}, "cure", "second %d", 2);
    report_warning(r, (struct place){0, 0, 0}, NULL, "first");
    assert_int_equal(report_errors(r), 1);
    assert_int_equal(report_warnings(r), 2);
    assert_string_equal(report_first(r), "a:2:1: second 2");
    said(
        r,
        "a:1:1: warning: first\n    one\n    ^\na:2:1: second 2\n    two\n    ^^^\n    cure\nb:1:1: warning: last\n    three\n    ^^^^^\n");
    report_free(r);
}

static void test_wide(void **state) {
    (void)state;
    static const char text[] = "\t路灯 \x1b[31m x\ty\xff z";
    struct report *r;
    assert_int_equal(report_new(&r), 0);
    assert_int_equal(report_file(r, "a", text, sizeof text - 1), 0);
    report_error(r, (struct place){0, 1, 3}, NULL, "wide");
    report_error(r, (struct place){0, (uint32_t)(strchr(text, 'z') - text), 1}, NULL, "behind controls\x1b[2J");
    struct buf b;
    buf_init(&b, 0);
    report_print(r, &b, false);
    assert_null(strchr(b.data, '\x1b')); /* nothing in a file can command the terminal */
    assert_non_null(strstr(b.data, "a:1:2: wide\n    路灯 ?[31m x y"));
    assert_non_null(strstr(b.data, "\n    ^^\n"));
    buf_done(&b);
    report_free(r);
}

static void test_long_line(void **state) {
    (void)state;
    struct report *r;
    struct buf line, out;
    buf_init(&line, 0);
    buf_init(&out, 0);
    for (int i = 0; i < 200; i++)
        buf_puts(&line, "灯泡abcd");
    assert_int_equal(report_new(&r), 0);
    assert_int_equal(report_file(r, "a", line.data, line.len), 0);
    report_error(r, (struct place){0, 1006, 4}, NULL, "in the middle");
    report_print(r, &out, false);
    assert_true(out.len < 800);
    assert_non_null(strstr(out.data, "    …"));
    /* The caret stands under the text that it means: as many columns lie before both. */
    const char *shown = strchr(out.data, '\n') + 1, *carets = strchr(shown, '\n') + 1;
    size_t indent = strspn(carets, " "), width = 0;
    assert_int_equal(strncmp(carets + indent, "^^^^\n", 5), 0);
    const char *p = shown;
    while (width < indent) { /* "…" is one column, Chinese two */
        size_t n;
        (void)utf8_next(p, strlen(p), &n);
        width += text_width(p, n);
        p += n;
    }
    assert_int_equal(strncmp(p, "abcd", 4), 0);
    buf_done(&line);
    buf_done(&out);
    report_free(r);
}

static void test_limits(void **state) {
    (void)state;
    struct report *r;
    assert_int_equal(report_new(&r), 0);
    assert_int_equal(report_file(r, "a", "x", 1), 0);
    for (int i = 0; i < REPORT_MAX_ITEMS + 7; i++)
        report_error(r, (struct place){0, 0, 1}, NULL, "e%d", i);
    report_error(r, (struct place){9, 900, 9}, NULL, "no such file");
    assert_int_equal(report_errors(r), REPORT_MAX_ITEMS + 8);
    struct buf b;
    buf_init(&b, 0);
    report_print(r, &b, true);
    assert_non_null(strstr(b.data, "… and 8 more\n"));
    buf_clear(&b);
    report_print_json(r, &b);
    assert_int_equal(strncmp(b.data, "{\"file\":\"a\",\"line\":1,\"column\":1,\"severity\":\"error\",\"message\":\"e0\",\"hint\":null}\n",
                             60),
                     0);
    buf_done(&b);
    report_free(r);
}

static void test_edges(void **state) {
    (void)state;
    struct report *r;
    uint32_t line, column;
    assert_int_equal(report_new(&r), 0);
    assert_int_equal(report_file(r, "empty", "", 0), 0);
    assert_int_equal(report_file(r, "end", "a\n", 2), 1);
    report_error(r, (struct place){0, 0, 0}, "line one\nline two", "in nothing");
    report_error(r, (struct place){1, 2, 50}, NULL, "at the end");
    report_error(r, (struct place){1, 999, 50}, NULL, "behind the end");
    report_line_column(r, (struct place){1, 2, 0}, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 1);
    said(r, "empty:1:1: in nothing\n    line one\n    line two\nend:2:1: at the end\n    \n    ^\nend:2:1: behind the end\n    \n    ^\n");
    report_free(r);
    report_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_wide), cmocka_unit_test(test_long_line),
                                       cmocka_unit_test(test_limits), cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
