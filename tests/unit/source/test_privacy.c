/* SPDX-License-Identifier: Apache-2.0
 * What must not be kept: paths cut out of JSON before it is parsed, and examples that are masked by their words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/json.h"
#include "source/source_int.h"

static const char *const p_image[] = {"image"}, *const p_pin[] = {"users", NULL, "pin"}, *const p_list[] = {"list", NULL},
                         *const p_root[] = {"a", "b"}, *const p_odd[] = {"snap shot"}, *const p_any[] = {NULL, "face"};
static const struct source_drop anywhere = {true, 1, p_image}, users = {false, 3, p_pin}, list = {false, 2, p_list},
                                rooted = {false, 2, p_root}, odd = {true, 1, p_odd}, any = {false, 2, p_any};

static const char *cut_with(const struct source_drop *drop, const char *text) {
    static char out[4096];
    struct arena a;
    size_t len = 0;
    bool no_memory;
    const struct source_drop *items[] = {drop};
    struct drops drops = {items, 1};
    arena_init(&a, 1024, 0);
    const char *got = cut_json(&a, text, strlen(text), &drops, &len, &no_memory);
    assert_false(no_memory);
    assert_true(len < sizeof out);
    if (got)
        (void)snprintf(out, sizeof out, "%.*s", (int)len, got);
    arena_done(&a);
    return got ? out : NULL;
}

static void test_cut(void **state) {
    (void)state;
    assert_string_equal(cut_with(&anywhere, "{\"image\":\"AAAA\",\"n\":1}"), "{\"n\":1}");
    assert_string_equal(cut_with(&anywhere, " { \"n\" : 1 , \"x\" : { \"image\" : [ 1, {\"q\":\"]}\"} ] } } "), "{\"n\":1,\"x\":{}}");
    assert_string_equal(cut_with(&anywhere, "[{\"image\":1},{\"image\":{\"image\":2},\"a\":[]}]"), "[{},{\"a\":[]}]");
    assert_string_equal(cut_with(&anywhere, "{\"images\":1,\"Image\":2}"), "{\"images\":1,\"Image\":2}");
    assert_string_equal(cut_with(&anywhere, "{\"\\u0069mag\\u0065\":\"AAAA\",\"n\":1}"),
                        "{\"n\":1}"); /* a key in escapes is the same key */
    assert_string_equal(cut_with(&anywhere, "{\"n\":\"image\",\"image\":\"\\\"}\",\"m\":\"\\\\\"}"), "{\"n\":\"image\",\"m\":\"\\\\\"}");
    assert_string_equal(cut_with(&users, "{\"users\":{\"1\":{\"pin\":\"1234\",\"ok\":true},\"2\":{\"pin\":1}},\"pin\":7}"),
                        "{\"users\":{\"1\":{\"ok\":true},\"2\":{}},\"pin\":7}");
    assert_string_equal(cut_with(&users, "{\"users\":[{\"pin\":1},{\"n\":2}]}"), "{\"users\":[{},{\"n\":2}]}");
    assert_string_equal(cut_with(&list, "{\"list\":[1,[2],{\"a\":3}],\"b\":[4]}"), "{\"list\":[],\"b\":[4]}");
    assert_string_equal(cut_with(&rooted, "{\"a\":{\"b\":1,\"c\":{\"a\":{\"b\":2}}}}"), "{\"a\":{\"c\":{\"a\":{\"b\":2}}}}");
    assert_string_equal(cut_with(&odd, "{\"snap shot\":1,\"b\":2}"), "{\"b\":2}");
    assert_string_equal(cut_with(&any, "{\"x\":{\"face\":1},\"face\":2}"), "{\"x\":{},\"face\":2}");
    static const char *const scalars[] = {"1", "\"image\"", "true", "null", "-1.5e3", "{}", "[]"};
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        assert_string_equal(cut_with(&anywhere, scalars[i]), scalars[i]);
    static const char *const broken[] = {
        "",         "{",          "{\"image\"", "{\"image\":", "{\"image\":}", "{\"image\":\"",   "{\"image\":[1",
        "{\"a\":1", "{\"a\":1]",  "{a:1}",      "[1,2",        "{\"a\":1}x",   "{\"image\":\"\\", "{\"a\" 1}",
        "]",        "{\"a\":1,,}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_null(cut_with(&anywhere, broken[i]));
}

/* As deep as JSON may be, and deeper; and with no room for the copy. */
static void test_cut_limits(void **state) {
    (void)state;
    char text[512];
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    text[2 * JSON_MAX_DEPTH] = '\0';
    assert_string_equal(cut_with(&anywhere, text), text);
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    text[2 * JSON_MAX_DEPTH + 2] = '\0';
    assert_null(cut_with(&anywhere, text));
    struct arena a;
    size_t len;
    bool no_memory = false;
    const struct source_drop *items[] = {&anywhere};
    struct drops drops = {items, 1};
    arena_init(&a, 64, 256);
    assert_null(cut_json(&a, text, strlen(text), &drops, &len, &no_memory));
    assert_true(no_memory);
    arena_done(&a);
}

static const char *mask(const char *text) {
    static char out[4096];
    const struct source_drop *items[] = {&anywhere, &users, &list, &odd};
    struct drops drops = {items, 4};
    struct buf b;
    buf_init(&b, 0);
    mask_text(&b, 512, text, strlen(text), &drops);
    (void)snprintf(out, sizeof out, "%s", b.data);
    buf_done(&b);
    return out;
}

static void test_mask(void **state) {
    (void)state;
    assert_string_equal(mask("{\"door\":\"d1\",\"password\":\"hunter2\",\"n\":1}"), "{\"door\":\"d1\",\"password\":\"***\",\"n\":1}");
    assert_string_equal(mask("{\"pin\":1234,\"pinged\":5}"), "{\"pin\":***,\"pinged\":5}");
    assert_string_equal(mask("{\"accessToken\" : \"a\\\"b\", \"x\":2}"), "{\"accessToken\" : \"***\", \"x\":2}");
    assert_string_equal(mask("{\"image\":{\"a\":[\"}\",1]},\"x\":2}"), "{\"image\":***,\"x\":2}");
    assert_string_equal(mask("{\"list\":[1,2],\"snap shot\":\"q\"}"), "{\"list\":***,\"snap shot\":\"***\"}");
    /* broken JSON, JSON inside a string, XML, pairs */
    assert_string_equal(mask("{\"api_key\":\"abc\",\"x\":"), "{\"api_key\":\"***\",\"x\":");
    assert_string_equal(mask("{\"api_key\":\"abc"), "{\"api_key\":\"***");
    assert_string_equal(mask("{\"d\":\"{\\\"pin\\\":\\\"12\\\",\\\"a\\\":1}\"}"), "{\"d\":\"{\\\"pin\\\":\\\"***\\\",\\\"a\\\":1}\"}");
    assert_string_equal(mask("<login><Password>secret</Password><n>1</n></login>"), "<login><Password>***</Password><n>1</n></login>");
    assert_string_equal(mask("user=admin&passwd=x1&n=2"), "user=admin&passwd=***&n=2");
    /* a word alone is no secret, an empty one neither */
    assert_string_equal(mask("wrong pin, no token"), "wrong pin, no token");
    assert_string_equal(mask("{\"password\":\"\",\"n\":1}"), "{\"password\":\"\",\"n\":1}");
    /* base64, wherever it stands */
    char picture[3000] = "{\"foto\":\"data:image/jpeg;base64,/9j/";
    size_t n = strlen(picture);
    memset(picture + n, 'A', 2000);
    memcpy(picture + n + 2000, "==\",\"n\":1}", 11);
    assert_string_equal(mask(picture), "{\"foto\":\"data:image/jpeg;base64,(2006 bytes)\",\"n\":1}");
    assert_string_equal(mask("plain text stays 旧门锁"), "plain text stays 旧门锁");
}

/* Whatever comes, nothing is read behind the end, and no secret is in what is shown. */
static void test_mask_any_cut(void **state) {
    (void)state;
    static const char text[] =
        "{\"a\":{\"password\":\"S3CR3T\",\"b\":[1]},\"d\":\"{\\\"token\\\":\\\"S3CR3T\\\"}\",\"image\":{\"x\":\"S3CR3T\"}}";
    const struct source_drop *items[] = {&anywhere};
    struct drops drops = {items, 1};
    for (size_t len = 0; len <= strlen(text); len++) {
        char *exact = malloc(len ? len : 1);
        struct buf b;
        memcpy(exact, text, len);
        buf_init(&b, 0);
        mask_text(&b, 512, exact, len, &drops);
        assert_null(memmem(b.data, b.len, "S3C", 3));
        buf_done(&b);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_limits),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_mask_any_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
