/* SPDX-License-Identifier: Apache-2.0
 * The reports of tests/rules/broken, word for word: every directory there is a rule set with mistakes, and `expected.txt` beside it what `gengfu check` says.
 * UPDATE_GOLDEN=1 writes the texts anew; look at the difference before it is committed. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/file.h"
#include "gengfu/rules/model.h"

#define ROOT "tests/rules/broken"

static struct report *load(const char *name, struct buf *text) {
    char path[512];
    struct report *rep;
    struct ruleset *rs = NULL;
    struct err err = {0};
    (void)snprintf(path, sizeof path, ROOT "/%s", name);
    assert_int_equal(report_new(&rep), 0);
    int rc = ruleset_load(path, rep, &err, &rs);
    report_print(rep, text, false);
    assert_false(text->failed);
    assert_int_equal(rc<0, report_errors(rep)> 0);
    if (rc < 0)
        assert_string_equal(err.text, report_first(rep));
    ruleset_free(rs);
    return rep;
}

static void compare(const char *name) {
    char path[512];
    struct buf got, want;
    buf_init(&got, 0);
    buf_init(&want, 0);
    report_free(load(name, &got));
    (void)snprintf(path, sizeof path, ROOT "/%s/expected.txt", name);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got.data, 1, got.len, f), got.len);
        assert_int_equal(fclose(f), 0);
    }
    assert_int_equal(file_read(path, &want, NULL), 0);
    if (strcmp(got.data, want.data) != 0)
        fail_msg("%s: the report differs from %s; it is now:\n%s", name, path, got.data);
    buf_done(&got);
    buf_done(&want);
}

static void test_reports(void **state) {
    (void)state;
    DIR *d = opendir(ROOT);
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            compare(e->d_name);
            n++;
        }
    closedir(d);
    assert_true(n >= 9);
}

/* Ten different mistakes are exactly ten errors, each at the line and column where the mistake is, each with a cure. */
static void test_ten(void **state) {
    (void)state;
    static const char *const at[] = {"7:23:", "18:13:", "19:61:", "20:10:", "22:17:", "23:17:", "24:51:", "29:37:", "30:5:", "33:11:"};
    struct buf text;
    buf_init(&text, 0);
    struct report *rep = load("ten", &text);
    assert_int_equal(report_errors(rep), 10);
    assert_int_equal(report_warnings(rep), 0);
    const char *p = text.data;
    for (size_t i = 0; i < 10; i++) {
        char want[64];
        (void)snprintf(want, sizeof want, "rules.d/ten.yaml:%s ", at[i]);
        if (strncmp(p, want, strlen(want)) != 0)
            fail_msg("wanted %s, got %s", want, p);
        for (int line = 0; line < 3; line++) { /* message, line, caret; what is left of this item is the cure */
            assert_true(line == 0 || strncmp(p, "    ", 4) == 0);
            p = strchr(p, '\n') + 1;
        }
        assert_true(strncmp(p, "    ", 4) == 0);
        while (strncmp(p, "    ", 4) == 0)
            p = strchr(p, '\n') + 1;
    }
    assert_string_equal(p, "");
    report_free(rep);
    buf_done(&text);
}

/* The same as JSON: one object a line, with the same count. */
static void test_json(void **state) {
    (void)state;
    struct buf text, json;
    buf_init(&text, 0);
    buf_init(&json, 0);
    struct report *rep = load("ten", &text);
    report_print_json(rep, &json);
    size_t lines = 0;
    for (const char *p = json.data; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 10);
    assert_non_null(strstr(
        json.data,
        "{\"file\":\"rules.d/ten.yaml\",\"line\":7,\"column\":23,\"severity\":\"error\",\"message\":\"the topic has no part 'lmap'\","
        "\"hint\":\"did you mean 'lamp'?\"}\n"));
    report_free(rep);
    buf_done(&text);
    buf_done(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten), cmocka_unit_test(test_json), cmocka_unit_test(test_reports)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
