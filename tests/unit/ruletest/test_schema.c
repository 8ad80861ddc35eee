/* SPDX-License-Identifier: Apache-2.0
 * The JSON Schemas for editors: shipped files and the manual's examples fit, and what the golden sets of mistakes have for wrong keys and words does not. Runs in the repository's
 * root. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/json.h"
#include "gengfu/rules/model.h"
#include "schema_fixture.h"

static void must_fit(enum which which, const char *name, const char *text, size_t len) {
    struct look *l = look_schema_only(which, text, len);
    if (l->c.n || report_errors(l->own)) {
        print_complaints(l);
        fail_msg("%s does not fit its schema", name);
    }
    look_free(l);
}

/* -- what must fit --------------------------------------------------------------------------------------------------------------------- */

static size_t fit_files(const char *dir, enum which which) {
    DIR *d = opendir(dir);
    size_t n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        char path[600];
        struct buf b;
        if (len < 6 || strcmp(e->d_name + len - 5, ".yaml") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        slurp(path, &b);
        must_fit(which, path, b.data, b.len);
        buf_done(&b);
        n++;
    }
    closedir(d);
    return n;
}

static void test_shipped(void **state) {
    struct buf b;
    (void)state;
    assert_true(fit_files("rules/rules.d", RULES) >= 20);
    assert_true(fit_files("rules/tests.d", TESTS) >= 6);
    slurp("rules/gengfu.yaml", &b);
    must_fit(CONFIG, "rules/gengfu.yaml", b.data, b.len);
    buf_done(&b);
}

static void block_fits(void *arg, enum which which, const char *where, const char *text) {
    size_t *n = arg;
    must_fit(which, where, text, strlen(text));
    n[which]++;
}

static void test_docs(void **state) {
    size_t n[3] = {0};
    (void)state;
    each_block(block_fits, n);
    assert_true(n[RULES] >= 30 && n[CONFIG] >= 1 && n[TESTS] >= 5);
}

static void test_sound(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(json_str(schemas[i], "$schema", ""), "https://json-schema.org/draft/2020-12/schema");
        json_schema_sound(schemas[i]);
    }
}

/* -- what must not fit: the golden sets --------------------------------------------------------------------------------------------------------- */

struct golden {
    const char *file; /* as the report calls it */
    const struct look *l;
    size_t keys, words;
};

static bool complains(const struct look *l, const char *keyword, uint32_t want_line, uint32_t want_column) {
    for (size_t i = 0; i < l->c.n; i++) {
        uint32_t line, column;
        report_line_column(l->own, l->c.items[i].at, &line, &column);
        if (strcmp(l->c.items[i].keyword, keyword) == 0 && line == want_line && column == want_column)
            return true;
    }
    return false;
}

static void golden_item(void *arg, const cJSON *item) {
    struct golden *g = arg;
    const char *message = json_str(item, "message", ""), *hint = json_str(item, "hint", "");
    uint32_t line = (uint32_t)json_int(item, "line", 0), column = (uint32_t)json_int(item, "column", 0);
    if (strcmp(json_str(item, "file", ""), g->file) != 0)
        return;
    bool key = strstr(message, " has no key '") || strstr(message, "' belongs to the incident"),
         word = strstr(message, "' cannot be '") && strstr(hint, "allowed: ");
    if ((key && !complains(g->l, "additionalProperties", line, column)) || (word && !complains(g->l, "enum", line, column))) {
        print_complaints(g->l);
        fail_msg("%s:%u:%u: the loader says \"%s\", the schema nothing", g->file, line, column, message);
    }
    g->keys += key;
    g->words += word;
}

static void golden_file(const char *dir, const char *name, enum which which, const struct report *rep, struct golden *sums) {
    char path[900];
    struct buf b;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    slurp(path, &b);
    struct look *l = look_schema_only(which, b.data, b.len);
    struct golden g = {.file = name, .l = l};
    if (report_errors(l->own) == 0)
        each_item(rep, golden_item, &g);
    sums->keys += g.keys;
    sums->words += g.words;
    look_free(l);
    buf_done(&b);
}

static void test_golden(void **state) {
    static const char root[] = "tests/rules/broken";
    struct golden sums = {0};
    DIR *d = opendir(root);
    (void)state;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[300], dir[300], name[600];
        struct report *rep;
        struct ruleset *rs = NULL;
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%.200s", root, e->d_name);
        assert_int_equal(report_new(&rep), 0);
        (void)!ruleset_load(path, rep, NULL, &rs);
        golden_file(path, "gengfu.yaml", CONFIG, rep, &sums);
        (void)snprintf(dir, sizeof dir, "%.280s/rules.d", path);
        DIR *rules = opendir(dir);
        assert_non_null(rules);
        for (struct dirent *f; (f = readdir(rules));)
            if (f->d_name[0] != '.') {
                (void)snprintf(name, sizeof name, "rules.d/%s", f->d_name);
                golden_file(path, name, RULES, rep, &sums);
            }
        closedir(rules);
        ruleset_free(rs);
        report_free(rep);
    }
    closedir(d);
    assert_true(sums.keys >= 12 && sums.words >= 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_shipped), cmocka_unit_test(test_docs),
                                       cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, schemas_open, schemas_close);
}
