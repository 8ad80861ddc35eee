/* SPDX-License-Identifier: Apache-2.0
 * The manual's examples are loaded: in every page of docs/ a block marked ```yaml rules is a complete rule file, ```yaml config a gengfu.yaml, ```csv devices and ```csv codes
 * the tables that go with the rules of the same page. Not even a warning is allowed. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/file.h"
#include "rules/config_int.h"
#include "rules/shape_int.h"
#include "rules_fixture.h"

static const char config[] = "gateway: {id: gw-docs, lat: 30.05, lon: 119.95, zone: Asia/Shanghai}\n"
                             "platforms:\n"
                             "  - {platform: district, type: file, path: /tmp/a, level: district}\n"
                             "  - {platform: village, type: file, path: /tmp/b, level: village}\n";

/* Calls `use` for each block with the mark; returns how many there were. */
static size_t each_block(const char *page, const char *text, const char *mark,
                         void (*use)(struct fx *f, const char *where, const char *body), struct fx *f) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, mark)); p++) {
        if (p > text && p[-1] != '\n')
            continue;
        const char *body = p + strlen(mark), *end = strstr(body, "\n```");
        assert_non_null(end);
        char where[200], *copy = strndup(body, (size_t)(end - body) + 1);
        size_t line = 1;
        for (const char *q = text; q < p; q++)
            line += *q == '\n';
        (void)snprintf(where, sizeof where, "docs/%s:%zu", page, line);
        use(f, where, copy);
        free(copy);
        n++;
    }
    return n;
}

static void write_devices(struct fx *f, const char *where, const char *body) {
    (void)where;
    fx_puts(f, "devices.csv", body);
}

static void write_codes(struct fx *f, const char *where, const char *body) {
    (void)where;
    fx_puts(f, "codes.csv", body);
}

static void check_rules(struct fx *f, const char *where, const char *body) {
    (void)fx_rules(f, body);
    if (report_errors(f->rep) + report_warnings(f->rep) > 0)
        fail_msg("the example at %s:\n%s", where, f->text.data);
}

static void check_config(struct fx *f, const char *where, const char *body) {
    fx_puts(f, "gengfu.yaml", body);
    fx_puts(f, "rules.d/x.yaml", "");
    fx_load(f);
    if (report_errors(f->rep) + report_warnings(f->rep) > 0)
        fail_msg("the example at %s:\n%s", where, f->text.data);
    fx_puts(f, "gengfu.yaml", config);
}

static size_t check_page(const char *page) {
    struct fx f;
    struct buf doc;
    char path[300];
    buf_init(&doc, 0);
    (void)snprintf(path, sizeof path, "docs/%s", page);
    assert_int_equal(file_read(path, &doc, NULL), 0);
    fx_init(&f);
    fx_puts(&f, "gengfu.yaml", config);
    (void)each_block(page, doc.data, "```csv devices\n", write_devices, &f);
    (void)each_block(page, doc.data, "```csv codes\n", write_codes, &f);
    size_t n = each_block(page, doc.data, "```yaml rules\n", check_rules, &f);
    n += each_block(page, doc.data, "```yaml config\n", check_config, &f);
    fx_done(&f);
    buf_done(&doc);
    return n;
}

static void test_examples(void **state) {
    (void)state;
    DIR *d = opendir("docs");
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strlen(e->d_name) > 3 && strcmp(e->d_name + strlen(e->d_name) - 3, ".md") == 0)
            n += check_page(e->d_name);
    closedir(d);
    assert_true(n >= 25);
}

/* Every key that the program knows has its place on a page. */
/* What a platform's `when` may ask is what docs/messages.md says that a message's data holds. */
static void test_members(void **state) {
    (void)state;
    struct buf page;
    struct err err = {0};
    size_t told = 0, known = 0;
    buf_init(&page, 0);
    assert_int_equal(file_read("docs/messages.md", &page, &err), 0);
    while (config_incident_members[known])
        known++;
    const char *row = strstr(page.data, "| field of `data` |");
    assert_non_null(row);
    for (row = strchr(row, '\n') + 1; row[0] == '|'; row = strchr(row, '\n') + 1) {
        const char *cell = strchr(row + 1, '|');
        for (const char *p = strchr(row, '`'); p && p < cell; p = strchr(strchr(p + 1, '`') + 1, '`')) {
            size_t len = strcspn(p + 1, "`"), k = 0;
            while (k < known && (strlen(config_incident_members[k]) != len || memcmp(config_incident_members[k], p + 1, len) != 0))
                k++;
            if (k == known)
                fail_msg("docs/messages.md has '%.*s', a platform's 'when' does not know it", (int)len, p + 1);
            told++;
        }
    }
    assert_int_equal(told, known - 1); /* time_quality stands in the text */
    buf_done(&page);
}

static void test_keys(void **state) {
    static const struct {
        const char *page;
        const struct shape *shape;
    } all[] = {{"docs/rules.md", &rules_file_shape}, {"docs/rules.md", &rule_shape},       {"docs/rules.md", &incident_shape},
               {"docs/rules.md", &due_shape},        {"docs/rules.md", &escalation_shape}, {"docs/rules.md", &chattering_shape},
               {"docs/rules.md", &step_shape},       {"docs/rules.md", &inhibit_shape},    {"docs/rules.md", &interval_shape},
               {"docs/rules.md", &time_range_shape}, {"docs/sources.md", &source_shape},   {"docs/sources.md", &source_event_shape},
               {"docs/sources.md", &dedupe_shape},   {"docs/sources.md", &emit_shape},     {"docs/sources.md", &online_shape}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct shape_key *k;
        struct buf doc;
        buf_init(&doc, 0);
        assert_int_equal(file_read(all[i].page, &doc, NULL), 0);
        for (size_t n = 0; (k = shape_at(all[i].shape, n)); n++) {
            char words[3][80];
            (void)snprintf(words[0], sizeof words[0], "`%s", k->name);
            (void)snprintf(words[1], sizeof words[1], "{%s:", k->name);
            (void)snprintf(words[2], sizeof words[2], " %s:", k->name);
            if (!strstr(doc.data, words[0]) && !strstr(doc.data, words[1]) && !strstr(doc.data, words[2]))
                fail_msg("%s says nothing of '%s' (%s)", all[i].page, k->name, all[i].shape->of);
        }
        buf_done(&doc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_members), cmocka_unit_test(test_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
