/* SPDX-License-Identifier: Apache-2.0
 * YAML trees: the core schema, ceilings, and above all places: each byte of a scalar's text points to where it stands in the file, in every style. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/rules/yaml.h"

struct parsed {
    struct arena arena;
    struct report *rep;
    struct yaml_node *root;
    const char *text;
};

static struct parsed parse_n(const char *text, size_t len) {
    struct parsed p = {.text = text};
    arena_init(&p.arena, 4096, 0);
    assert_int_equal(report_new(&p.rep), 0);
    int file = report_file(p.rep, "t.yaml", text, len);
    assert_int_equal(file, 0);
    p.root = yaml_parse(&p.arena, p.rep, 0);
    return p;
}

static struct parsed parse(const char *text) { return parse_n(text, strlen(text)); }

static void done(struct parsed *p) {
    report_free(p->rep);
    arena_done(&p->arena);
}

/* Where `word` stands in the scalar's text, its place in the file must hold the same word. */
static void check_word(const struct parsed *p, const struct yaml_node *n, const char *word) {
    const char *found = strstr(n->text, word);
    assert_non_null(found);
    size_t begin = (size_t)(found - n->text), len = strlen(word);
    struct place at = yaml_place(n, begin, begin + len);
    assert_int_equal(at.length, len);
    if (strncmp(p->text + at.offset, word, len) != 0)
        fail_msg("'%s' is placed at '%.20s'", word, p->text + at.offset);
}

static void test_places(void **state) {
    (void)state;
    struct parsed p = parse("plain: alpha beta  gamma\n"
                            "folded plain: alpha\n  beta   gamma\n\n  delta epsilon\n"
                            "single: 'it''s alpha ''beta'' gamma'\n"
                            "double: \"\\u706f \\\"alpha\\\" \\t beta\\\n    gamma \\x41 delta\"\n"
                            "double2: \"alpha\n   beta\n\n   gamma\"\n"
                            "literal: |\n  路灯 alpha\n    beta\n\n  灯 gamma\n"
                            "literal2: |2-\n    alpha\n  beta\n\n\n"
                            "folded: >-\n  alpha\n  灯灯 beta\n\n  gamma\n    delta\n  epsilon\n"
                            "list:\n- alpha\n- &anchor beta\n- *anchor\n"
                            "flow: {a: 灯 alpha, b: [beta, 'gamma']}\n");
    assert_non_null(p.root);
    check_word(&p, yaml_get(p.root, "plain"), "beta");
    check_word(&p, yaml_get(p.root, "plain"), "gamma");
    check_word(&p, yaml_get(p.root, "folded plain"), "beta");
    check_word(&p, yaml_get(p.root, "folded plain"), "epsilon");
    assert_string_equal(yaml_get(p.root, "folded plain")->text, "alpha beta   gamma\ndelta epsilon");
    check_word(&p, yaml_get(p.root, "single"), "alpha");
    check_word(&p, yaml_get(p.root, "single"), "beta");
    check_word(&p, yaml_get(p.root, "single"), "gamma");
    check_word(&p, yaml_get(p.root, "double"), "alpha");
    check_word(&p, yaml_get(p.root, "double"), "beta");
    check_word(&p, yaml_get(p.root, "double"), "gamma");
    check_word(&p, yaml_get(p.root, "double"), "delta");
    check_word(&p, yaml_get(p.root, "double2"), "beta");
    check_word(&p, yaml_get(p.root, "double2"), "gamma");
    check_word(&p, yaml_get(p.root, "literal"), "alpha");
    check_word(&p, yaml_get(p.root, "literal"), "beta");
    check_word(&p, yaml_get(p.root, "literal"), "gamma");
    check_word(&p, yaml_get(p.root, "literal2"), "alpha");
    check_word(&p, yaml_get(p.root, "literal2"), "beta");
    check_word(&p, yaml_get(p.root, "folded"), "beta");
    check_word(&p, yaml_get(p.root, "folded"), "gamma");
    check_word(&p, yaml_get(p.root, "folded"), "delta");
    check_word(&p, yaml_get(p.root, "folded"), "epsilon");
    const struct yaml_node *list = yaml_get(p.root, "list"), *flow = yaml_get(p.root, "flow");
    check_word(&p, list->items[1], "beta");
    assert_int_equal(strncmp(p.text + list->items[1]->at.offset, "beta", 4), 0);
    assert_ptr_equal(list->items[1], list->items[2]);
    check_word(&p, yaml_get(flow, "a"), "alpha");
    check_word(&p, yaml_get(flow, "b")->items[1], "gamma");
    assert_int_equal(p.text[flow->at.offset], '{');
    assert_int_equal(p.text[flow->at.offset + flow->at.length - 1], '}');
    done(&p);
}

/* A caret in a block scalar stands where a terminal shows the word: behind Chinese text by its width. */
static void test_caret(void **state) {
    (void)state;
    struct parsed p = parse("a:\n  when: |\n    name == '富春路' &&\n      灯 == '路' && wrong\n");
    const struct yaml_node *n = yaml_get(yaml_get(p.root, "a"), "when");
    size_t begin = (size_t)(strstr(n->text, "wrong") - n->text);
    report_error(p.rep, yaml_place(n, begin, begin + 5), "cure", "no");
    struct buf b;
    buf_init(&b, 0);
    report_print(p.rep, &b, false);
    assert_string_equal(b.data, "t.yaml:4:19: no\n"
                                "    灯 == '路' && wrong\n"
                                "                  ^^^^^\n"
                                "    cure\n");
    buf_done(&b);
    done(&p);
}

static void test_crlf(void **state) {
    (void)state;
    struct parsed p = parse("\xEF\xBB\xBF"
                            "a: |\r\n  alpha\r\n  beta\r\nb: gamma\r\nc: 'x\r\n  delta'\r\n");
    assert_non_null(p.root);
    assert_string_equal(yaml_get(p.root, "a")->text, "alpha\nbeta\n");
    check_word(&p, yaml_get(p.root, "a"), "beta");
    check_word(&p, yaml_get(p.root, "b"), "gamma");
    check_word(&p, yaml_get(p.root, "c"), "delta");
    uint32_t line, column;
    report_line_column(p.rep, yaml_get(p.root, "b")->at, &line, &column);
    assert_int_equal(line, 4);
    assert_int_equal(column, 4);
    report_line_column(p.rep, p.root->pairs[0].key->at, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
    done(&p);
}

static void test_schema(void **state) {
    (void)state;
    struct parsed p =
        parse("[true, False, yes, 12, -3, 0x1F, 0o17, 1.5, 1e3, .5, null, ~, '12', \"true\", 99999999999999999999, .inf, 08, +4, '']");
    struct yaml_node *const *n = p.root->items;
    bool b;
    int64_t i;
    double d;
    assert_true(yaml_bool(n[0], &b) && b);
    assert_true(yaml_bool(n[1], &b) && !b);
    assert_false(yaml_bool(n[2], &b));
    assert_true(yaml_int(n[3], &i) && i == 12);
    assert_true(yaml_int(n[4], &i) && i == -3);
    assert_true(yaml_int(n[5], &i) && i == 31);
    assert_true(yaml_int(n[6], &i) && i == 15);
    assert_false(yaml_int(n[7], &i));
    assert_true(yaml_double(n[7], &d) && d == 1.5);
    assert_true(yaml_double(n[8], &d) && d == 1000);
    assert_true(yaml_double(n[9], &d) && d == 0.5);
    assert_true(yaml_double(n[3], &d) && d == 12);
    assert_true(yaml_is_null(n[10]) && yaml_is_null(n[11]));
    assert_false(yaml_int(n[12], &i));
    assert_false(yaml_bool(n[13], &b));
    assert_false(yaml_int(n[14], &i));
    assert_true(yaml_double(n[14], &d) && d == 1e20);
    assert_false(yaml_double(n[15], &d));
    assert_true(yaml_int(n[16], &i) && i == 8);
    assert_true(yaml_int(n[17], &i) && i == 4);
    assert_false(yaml_is_null(n[18]));
    const cJSON *j = yaml_json(&p.arena, p.root);
    assert_int_equal(cJSON_GetArraySize(j), 19);
    assert_true(cJSON_IsTrue(j->child) && cJSON_IsFalse(j->child->next) && cJSON_IsString(j->child->next->next));
    done(&p);
}

static void test_json(void **state) {
    (void)state;
    struct parsed p = parse("{at: 0s, kind: lamp, power_w: 0.2, on: 'on', list: [1, {a: null}], big: 12}");
    const cJSON *j = yaml_json(&p.arena, p.root);
    char *text = cJSON_PrintUnformatted(j);
    assert_string_equal(text, "{\"at\":\"0s\",\"kind\":\"lamp\",\"power_w\":0.2,\"on\":\"on\",\"list\":[1,{\"a\":null}],\"big\":12}");
    cJSON_free(text);
    done(&p);
}

static void refused(const char *text, size_t len, const char *want) {
    struct parsed p = parse_n(text, len);
    assert_null(p.root);
    if (!strstr(report_first(p.rep), want))
        fail_msg("wanted '%s', got '%s'", want, report_first(p.rep));
    done(&p);
}

static void test_ceilings(void **state) {
    (void)state;
    char *deep = malloc(20001);
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    refused(deep, 20000, "t.yaml:1:33: nested more than 32 levels deep");
    free(deep);
    /* Depth by indentation, and by an alias. */
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < 2000; i++) {
        buf_fill(&b, ' ', i);
        buf_puts(&b, "a:\n");
    }
    refused(b.data, b.len, "nested more than 32 levels deep");
    buf_clear(&b);
    buf_puts(&b, "a: &a [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]\n");
    refused(b.data, b.len, "nested more than 32 levels deep with this alias");
    /* Size. */
    buf_clear(&b);
    buf_puts(&b, "# ");
    buf_fill(&b, 'x', YAML_MAX_TEXT);
    refused(b.data, b.len, "the file is larger than 4 MB");
    /* Nodes. */
    buf_clear(&b);
    for (size_t i = 0; i <= YAML_MAX_NODES; i++)
        buf_puts(&b, "- 1\n");
    refused(b.data, b.len, "the file holds more than 500000 values");
    /* A thousand anchors and one. */
    buf_clear(&b);
    for (size_t i = 0; i <= 1000; i++)
        buf_printf(&b, "- &a%zu 1\n", i);
    refused(b.data, b.len, "more than 1000 anchors");
    buf_done(&b);
}

static void test_bytes(void **state) {
    (void)state;
    refused("a: \0b\n", 6, "t.yaml:1:4: a NUL byte");
    refused("a: b\nc: \xC0\x80\n", 11, "t.yaml:2:4: byte 0xC0 is not UTF-8");
    refused("a: \xED\xA0\x80\n", 7, "is not UTF-8");
    refused("a: \x1B[31m\n", 9, "control character U+001B");
    refused("a: \xC2\x90\n", 6, "control character U+0090");
    refused("\xFF\xFE"
            "a\0",
            4, "the file is UTF-16");
    /* Not more than five of them are told. */
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "a\xFF");
    struct parsed p = parse_n(b.data, b.len);
    assert_null(p.root);
    assert_int_equal(report_errors(p.rep), 5);
    done(&p);
    buf_done(&b);
}

static void test_nothing(void **state) {
    (void)state;
    const char *texts[] = {"", "# only a comment\n", "\xEF\xBB\xBF", "---\n...\n"};
    for (size_t i = 0; i < 4; i++) {
        struct parsed p = parse(texts[i]);
        assert_int_equal(report_errors(p.rep), 0);
        assert_true(!p.root || yaml_is_null(p.root));
        done(&p);
    }
}

/* Many keys: duplicates are found behind the point where the search goes over to a map. */
static void test_many_keys(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 3000; i++)
        buf_printf(&b, "k%d: %d\n", i, i);
    struct parsed p = parse(b.data);
    assert_int_equal(report_errors(p.rep), 0);
    assert_int_equal(p.root->n, 3000);
    assert_string_equal(yaml_get(p.root, "k2999")->text, "2999");
    done(&p);
    buf_puts(&b, "k0: 1\nk2500: 2\n");
    p = parse(b.data);
    assert_int_equal(report_errors(p.rep), 2);
    assert_non_null(strstr(report_first(p.rep), "t.yaml:3001:1: the key 'k0' is given twice"));
    done(&p);
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_caret),   cmocka_unit_test(test_crlf),
                                       cmocka_unit_test(test_schema), cmocka_unit_test(test_json),    cmocka_unit_test(test_ceilings),
                                       cmocka_unit_test(test_bytes),  cmocka_unit_test(test_nothing), cmocka_unit_test(test_many_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
