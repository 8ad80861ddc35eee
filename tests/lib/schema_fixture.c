/* SPDX-License-Identifier: Apache-2.0
 * Texts under the eyes of loader and schema, for tests. Devices and codes are those of docs/rules.md. */
#include "schema_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/file.h"
#include "gengfu/rules/model.h"
#include "gengfu/rules/shape.h"
#include "gengfu/ruletest/ruletest.h"

cJSON *schemas[3];
static const char config[] = "gateway: {id: gw-docs, lat: 30.05, lon: 119.95, zone: Asia/Shanghai}\n"
                             "platforms:\n"
                             "  - {platform: district, type: file, path: /tmp/a, level: district}\n"
                             "  - {platform: village, type: file, path: /tmp/b, level: village}\n";
static char *devices, *codes;

void slurp(const char *path, struct buf *b) {
    buf_init(b, 0);
    if (file_read(path, b, NULL) < 0)
        fail_msg("%s cannot be read", path);
}

static char *table(const char *page, const char *mark) {
    const char *at = strstr(page, mark);
    assert_non_null(at);
    at += strlen(mark);
    return strndup(at, (size_t)(strstr(at, "\n```") + 1 - at));
}

int schemas_open(void **state) {
    static void (*const write[])(struct buf *) = {rules_schema, config_schema, ruletest_schema};
    struct buf b;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        buf_init(&b, 0);
        write[i](&b);
        schemas[i] = b.failed ? NULL : cJSON_Parse(b.data);
        buf_done(&b);
        if (!schemas[i])
            return -1;
    }
    slurp("docs/rules.md", &b);
    devices = table(b.data, "\n```csv devices\n");
    codes = table(b.data, "\n```csv codes\n");
    buf_done(&b);
    return 0;
}

int schemas_close(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++)
        cJSON_Delete(schemas[i]);
    free(devices);
    free(codes);
    json_schema_done();
    return 0;
}

/* -- looking ------------------------------------------------------------------------------------------------------------------------- */

/* What the schema says of a text. */
static void look_schema(struct look *l, enum which which, const char *text, size_t len) {
    arena_init(&l->arena, 16 << 10, 256 << 20);
    assert_int_equal(report_new(&l->own), 0);
    int file = report_file(l->own, "x.yaml", text, len);
    assert_true(file >= 0);
    const struct yaml_node *root = yaml_parse(&l->arena, l->own, (uint16_t)file);
    if (root)
        json_schema_check(schemas[which], root, &l->c);
}

static void look_loader(struct look *l, enum which which, const char *rules, const char *text, size_t len) {
    struct ruleset *rs = NULL;
    struct ruletest_suite *s = NULL;
    const struct rules_file files[] = {{"gengfu.yaml", which == CONFIG ? text : config, which == CONFIG ? len : strlen(config)},
                                       {"devices.csv", devices, strlen(devices)},
                                       {"codes.csv", codes, strlen(codes)},
                                       {"rules.d/x.yaml", which == RULES ? text : rules, which == RULES ? len : strlen(rules)}};
    assert_int_equal(report_new(&l->rep), 0);
    l->rc = ruleset_load_files(files, sizeof files / sizeof *files, l->rep, NULL, &rs);
    if (which == TESTS) {
        assert_int_equal(l->rc, 0);
        assert_int_equal(ruletest_new(rs, l->rep, NULL, &s), 0);
        l->rc = ruletest_add_text(s, "tests.d/x.yaml", text, len, NULL);
        if (l->rc == 0 && report_errors(l->rep))
            l->rc = GF_EINVAL;
        ruletest_free(s);
    }
    ruleset_free(rs);
}

struct look *look_new(enum which which, const char *rules, const char *text) {
    struct look *l = calloc(1, sizeof *l);
    assert_non_null(l);
    look_schema(l, which, text, strlen(text));
    look_loader(l, which, rules, text, strlen(text));
    return l;
}

struct look *look_schema_only(enum which which, const char *text, size_t len) {
    struct look *l = calloc(1, sizeof *l);
    assert_non_null(l);
    look_schema(l, which, text, len);
    return l;
}

void look_free(struct look *l) {
    report_free(l->rep);
    report_free(l->own);
    complaints_done(&l->c);
    arena_done(&l->arena);
    free(l);
}

void print_complaints(const struct look *l) {
    for (size_t i = 0; i < l->c.n && i < 10; i++) {
        uint32_t line, column;
        report_line_column(l->own, l->c.items[i].at, &line, &column);
        print_error("    %u:%u: %s: %s\n", line, column, l->c.items[i].keyword, l->c.items[i].text);
    }
}

/* The loader's items as JSON, one after the other. */
void each_item(const struct report *rep, void (*use)(void *arg, const cJSON *item), void *arg) {
    struct buf b;
    buf_init(&b, 0);
    report_print_json(rep, &b);
    for (const char *p = b.data; *p;) {
        size_t len = strcspn(p, "\n");
        cJSON *item = cJSON_ParseWithLength(p, len);
        assert_non_null(item);
        use(arg, item);
        cJSON_Delete(item);
        p += len + (p[len] != '\0');
    }
    buf_done(&b);
}

/* -- the manual --------------------------------------------------------------------------------------------------------------------- */

static char *whole_test(const char *part, size_t len) {
    struct buf b;
    buf_init(&b, 0);
    buf_puts(&b, "tests:\n  - test: x\n    expect: []\n");
    for (const char *p = part; p < part + len;) {
        size_t n = strcspn(p, "\n") + 1;
        buf_puts(&b, "    ");
        buf_put(&b, p, n);
        p += n;
    }
    return buf_take(&b, NULL);
}

static void page_blocks(const char *page, use_block use, void *arg) {
    char path[600], where[700];
    struct buf doc;
    (void)snprintf(path, sizeof path, "docs/%s", page);
    slurp(path, &doc);
    for (const char *p = doc.data; (p = strstr(p, "\n```yaml"));) {
        const char *mark = p + 8 + strspn(p + 8, " "), *body = strchr(mark, '\n') + 1, *end = strstr(body, "\n```");
        assert_non_null(end);
        size_t line = 2, len = (size_t)(end + 1 - body);
        for (const char *q = doc.data; q < p; q++)
            line += *q == '\n';
        (void)snprintf(where, sizeof where, "docs/%s:%zu", page, line);
        bool whole = mark[0] != '\n';
        enum which which = !whole ? TESTS : mark[0] == 'r' ? RULES : mark[0] == 'c' ? CONFIG : TESTS;
        char *text = whole ? strndup(body, len) : whole_test(body, len);
        if (whole || strcmp(page, "testing.md") == 0)
            use(arg, which, where, text);
        free(text);
        p = end;
    }
    buf_done(&doc);
}

void each_block(use_block use, void *arg) {
    DIR *d = opendir("docs");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strlen(e->d_name) > 3 && strcmp(e->d_name + strlen(e->d_name) - 3, ".md") == 0)
            page_blocks(e->d_name, use, arg);
    closedir(d);
}
