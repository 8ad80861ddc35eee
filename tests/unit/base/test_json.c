/* SPDX-License-Identifier: Apache-2.0
 * JSON: what is let through, what is refused and where, and that writing and reading are inverse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "gengfu/base/json.h"

static struct arena arena;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, 4096, 1024 * 1024);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_done(&arena);
    return 0;
}

static void accepts(void **state) {
    (void)state;
    static const struct {
        const char *text, *written; /* NULL: as it was read */
    } cases[] = {
        {"{}", NULL},
        {"[]", NULL},
        {" \t\r\n[ ] ", "[]"},
        {"[[[]],[]]", NULL},
        {"{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":true,\"e\":false}", NULL},
        {"\"灯\"", NULL},
        {"\"\\u706f\"", "\"灯\""},
        {"\"\\ud83d\\ude00\"", "\"😀\""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\""},
        {"0", NULL},
        {"-0.5", NULL},
        {"1E+2", "100"},
        {"1e400", "null"}, /* beyond a double: cJSON makes it an infinity, which has no JSON text */
        {"-12345678901234567890", "-12345678901234567000"},
        {"9007199254740993", "9007199254740992"},
        {"null", NULL},
        {"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"},
        {"{\"\":1}", NULL},
        {"{\"a\":1,\"a\":2}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cJSON *doc = NULL;
        struct err err = {0};
        int rc = json_parse(&arena, cases[i].text, strlen(cases[i].text), &err, &doc);
        if (rc)
            fail_msg("%s: %s", cases[i].text, err.text);
        struct buf b;
        buf_init(&b, 0);
        json_write(&b, doc);
        if (i == 13) /* any text that reads back the same will do */
            assert_true(strtod(b.data, NULL) == -12345678901234567890.0);
        else
            assert_string_equal(b.data, cases[i].written ? cases[i].written : cases[i].text);
        buf_done(&b);
        arena_reset(&arena);
    }
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int byte;
        const char *says;
    } cases[] = {
        {"", 0, "ends where a value"},
        {"   ", 3, "ends where a value"},
        {"{", 1, "name in double quotes"},
        {"[1,]", 3, "']' where a value"},
        {"{\"a\":1,}", 7, "'}' where a name"},
        {"{\"a\" 1}", 5, "':' should"},
        {"{\"a\":1 \"b\":2}", 7, "',' or '}'"},
        {"{a:1}", 1, "'a' where a name in double quotes"},
        {"{'a':1}", 1, "name in double quotes"},
        {"[1 2]", 3, "',' or ']'"},
        {"[1}", 2, "',' or ']'"},
        {"{} {}", 3, "end of the text"},
        {"{}x", 2, "end of the text"},
        {"01", 1, "begin with 0"},
        {"-", 1, "a digit"},
        {"1.", 2, "a digit"},
        {".5", 0, "a value"},
        {"+1", 0, "a value"},
        {"1e", 2, "a digit"},
        {"1e+", 3, "a digit"},
        {"NaN", 0, "a value"},
        {"nul", 0, "unknown word"},
        {"True", 0, "a value"},
        {"trueish", 4, "end of the text"},
        {"\"abc", 0, "without an end"},
        {"[\"abc", 1, "without an end"},
        {"\"\\x\"", 2, "an escape"},
        {"\"\\u12\"", 3, "four hexadecimal"},
        {"\"\\u0000\"", 3, "\\u0000"},
        {"\"\\ud83d\"", 7, "surrogate"},
        {"\"\\ud83d\\u0041\"", 7, "surrogate"},
        {"\"\\ude00\"", 3, "surrogate"},
        {"\"a\tb\"", 2, "control character"},
        {"\"\xff\"", 1, "UTF-8"},
        {"\"\xc0\xaf\"", 1, "UTF-8"},
        {"\"\xed\xa0\x80\"", 1, "UTF-8"},
        {"\"\xe7\x81\"", 1, "UTF-8"},
        {"\xff", 0, "byte 0xff"},
        {"1234567890123456789012345678901234567890123456789012345678901234567890", 0, "63 characters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cJSON *doc = (const cJSON *)&arena;
        struct err err = {0};
        char where[40];
        int rc = json_parse(&arena, cases[i].text, strlen(cases[i].text), &err, &doc);
        if (!rc || !strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].text, rc ? err.text : "was taken");
        (void)snprintf(where, sizeof where, "(byte %d)", cases[i].byte);
        if (!strstr(err.text, where))
            fail_msg("%s: %s, not %s", cases[i].text, err.text, where);
        assert_ptr_equal(doc, &arena); /* untouched */
        assert_int_equal(arena_used(&arena), 0);
    }
}

static void nul_in_the_middle(void **state) {
    (void)state;
    const cJSON *doc;
    struct err err = {0};
    assert_int_equal(json_parse(&arena, "{}\0{}", 5, &err, &doc), GF_EINVAL);
    assert_int_equal(json_parse(&arena, "\"a\0b\"", 5, NULL, &doc), GF_EINVAL);
    assert_int_equal(json_parse(&arena, "{}xyz", 2, &err, &doc), 0); /* only its two bytes are read */
}

static void depth(void **state) {
    (void)state;
    static char text[200001];
    const cJSON *doc;
    struct err err = {0};
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_int_equal(json_parse(&arena, text, 2 * JSON_MAX_DEPTH, &err, &doc), 0);
    memset(text, '[', 100000);
    memset(text + 100000, ']', 100000);
    assert_int_equal(json_parse(&arena, text, 200000, &err, &doc), GF_ELIMIT);
    assert_non_null(strstr(err.text, "byte 64"));
    for (size_t i = 0; i + 5 <= 100000; i += 5)
        memcpy(text + i, "{\"a\":", 5);
    assert_int_equal(json_parse(&arena, text, 100000, &err, &doc), GF_ELIMIT);
}

static void memory_runs_out(void **state) {
    (void)state;
    const char *text = "{\"list\":[1,2,3,{\"deep\":\"a string of some length\"}],\"name\":\"lamp\"}";
    int refused = 0;
    for (size_t limit = 16; limit < 4096; limit += 16) { /* every allocation fails once */
        struct arena small;
        const cJSON *doc = NULL;
        arena_init(&small, 16, limit);
        int rc = json_parse(&small, text, strlen(text), NULL, &doc);
        if (rc) {
            refused++;
            assert_int_equal(rc, GF_ENOMEM);
            assert_null(doc);
            assert_int_equal(arena_used(&small), 0);
        }
        arena_done(&small);
    }
    assert_true(refused > 10 && refused < 200);
    cJSON *own = cJSON_Parse("[1]"); /* cJSON has its own memory back */
    assert_non_null(own);
    assert_int_equal(arena_used(&arena), 0);
    cJSON_Delete(own);
}

static void readers(void **state) {
    (void)state;
    const cJSON *doc;
    const char *text = "{\"s\":\"x\",\"n\":2.75,\"big\":1e30,\"low\":-1e30,\"t\":true,\"z\":null,\"S\":\"upper\",\"a\":[1]}";
    assert_int_equal(json_parse(&arena, text, strlen(text), NULL, &doc), 0);
    assert_string_equal(json_str(doc, "s", "?"), "x");
    assert_string_equal(json_str(doc, "S", "?"), "upper");
    assert_string_equal(json_str(doc, "n", "?"), "?");
    assert_null(json_str(doc, "missing", NULL));
    assert_true(json_num(doc, "n", 0) == 2.75);
    assert_int_equal(json_int(doc, "n", 0), 2);
    assert_true(json_int(doc, "big", 0) == INT64_MAX);
    assert_true(json_int(doc, "low", 0) == INT64_MIN);
    assert_int_equal(json_int(doc, "s", 7), 7);
    assert_true(json_bool(doc, "t", false));
    assert_true(json_bool(doc, "z", true));
    assert_true(cJSON_IsNull(json_get(doc, "z")));
    assert_null(json_get(json_get(doc, "a"), "0"));
    assert_null(json_get(NULL, "a"));
    assert_string_equal(json_str(NULL, "a", "none"), "none");
}

static void strings_are_escaped(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    static const char odd[] = "a\"\\\n\x01\x1b[31m\x7f\xff 灯\xe7";
    json_write_string(&b, odd, sizeof odd - 1);
    assert_string_equal(b.data, "\"a\\\"\\\\\\n\\u0001\\u001b[31m\x7f\xef\xbf\xbd 灯\xef\xbf\xbd\"");
    buf_clear(&b);
    json_write_string(&b, "a\0b", 3);
    assert_string_equal(b.data, "\"a\\u0000b\"");
    buf_done(&b);
}

static void writer(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_start(&b);
    jw_open(&w, NULL, '{');
    jw_str(&w, "id", "lamp-7");
    jw_open(&w, "list", '[');
    jw_int(&w, NULL, -1);
    jw_double(&w, NULL, 0.25);
    jw_open(&w, NULL, '{');
    jw_close(&w, '}');
    jw_open(&w, NULL, '[');
    jw_close(&w, ']');
    jw_bool(&w, NULL, true);
    jw_null(&w, NULL);
    jw_str(&w, NULL, NULL);
    jw_strn(&w, NULL, "abc", 2);
    jw_close(&w, ']');
    jw_raw(&w, "raw", "{\"x\":1}", 7);
    jw_value(&w, "none", NULL);
    jw_close(&w, '}');
    assert_string_equal(b.data, "{\"id\":\"lamp-7\",\"list\":[-1,0.25,{},[],true,null,null,\"ab\"],\"raw\":{\"x\":1},\"none\":null}");
    const cJSON *doc;
    assert_int_equal(json_parse(&arena, b.data, b.len, NULL, &doc), 0);
    struct buf again;
    buf_init(&again, 0);
    json_write(&again, doc);
    assert_string_equal(again.data, b.data);
    buf_done(&again);
    buf_done(&b);
}

static void a_circle_ends(void **state) {
    (void)state;
    cJSON a = {.type = cJSON_Array};
    a.child = &a;
    struct buf b;
    buf_init(&b, 0);
    json_write(&b, &a);
    assert_true(b.failed);
    buf_done(&b);
}

static bool short_name(void *ctx, const char *name, size_t len) {
    (void)name;
    return len <= *(const size_t *)ctx;
}

/* Of an object the wanted members; everything is checked. */
static void picks(void **state) {
    (void)state;
    static const struct {
        const char *text, *want; /* want NULL: refused */
    } cases[] = {
        {"{\"a\":1,\"long\":{\"b\":[1,2]},\"c\":{\"long\":[{}]},\"d\":[]}", "{\"a\":1,\"c\":{\"long\":[{}]},\"d\":[]}"},
        {" { \"long\" : 1 , \"a\" : \"x\\\"},\\\\\" , \"more\" : { } } ", "{\"a\":\"x\\\"},\\\\\"}"},
        {"{\"long\":1}", "{}"},
        {"{}", "{}"},
        {"{\"\":{},\"a\":1,\"a\":2}", "{\"\":{},\"a\":1,\"a\":2}"},
        {"{\"l\\u006fng\":1,\"long\":2}", "{\"long\":1}"}, /* written with an escape: it is not looked into */
        {"[{\"long\":1}]", "[{\"long\":1}]"},
        {"\"{\"", "\"{\""},
        {"{\"long\":[1,}", NULL},
        {"{\"a\":1,\"long\":\"\\q\"}", NULL},
        {"{\"a\":1,\"long\":1", NULL},
        {"{\"a\":1}x", NULL},
    };
    size_t most = 1;
    struct json_pick pick = {.wanted = short_name, .ctx = &most};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cJSON *doc = NULL;
        struct err err = {0};
        struct buf b;
        int rc = json_parse_some(&arena, cases[i].text, strlen(cases[i].text), &pick, &err, &doc);
        assert_int_equal(rc == 0, cases[i].want != NULL);
        buf_init(&b, 0);
        if (rc == 0) {
            json_write(&b, doc);
            assert_string_equal(b.data, cases[i].want);
        } else {
            struct err whole = {0};
            assert_int_equal(json_parse(&arena, cases[i].text, strlen(cases[i].text), &whole, &doc), rc);
            assert_string_equal(err.text, whole.text);
        }
        buf_done(&b);
        arena_reset(&arena);
    }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(accepts),       T(refuses), T(nul_in_the_middle), T(depth), T(memory_runs_out), T(readers), T(strings_are_escaped), T(writer),
        T(a_circle_ends), T(picks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
