/* SPDX-License-Identifier: Apache-2.0
 * Errors: sentences, prefixes, cutting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "gengfu/base/err.h"
#include "gengfu/base/text.h"

static void set_and_prefix(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, GF_EINVAL, "no field '%s'", "tempp"), GF_EINVAL);
    assert_int_equal(err_prefix(&err, "%s:%d", "door.yaml", 14), GF_EINVAL);
    assert_int_equal(err_prefix(&err, "reload"), GF_EINVAL);
    assert_string_equal(err.text, "reload: door.yaml:14: no field 'tempp'");
    assert_int_equal(err.code, GF_EINVAL);
}

static void null_is_fine(void **state) {
    (void)state;
    assert_int_equal(err_set(NULL, GF_EIO, "x"), GF_EIO);
    assert_int_equal(err_sys(NULL, GF_EIO, ENOENT, "x"), GF_EIO);
    assert_int_equal(err_prefix(NULL, "x"), GF_EBUG);
    struct err clean = {0};
    assert_int_equal(err_prefix(&clean, "x"), GF_EBUG);
    assert_string_equal(clean.text, "");
}

static void arguments_from_the_text_itself(void **state) {
    (void)state;
    struct err err = {0};
    (void)err_set(&err, GF_EINVAL, "inner");
    (void)err_set(&err, GF_EIO, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
}

static void system_errors(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(err_sys(&err, GF_EIO, ENOENT, "open %s", "x.db"), GF_EIO);
    assert_string_equal(err.text, "open x.db: No such file or directory");
}

static void cut_at_a_character(void **state) {
    (void)state;
    char text[3001];
    for (int shift = 0; shift < 3; shift++) {
        memset(text, 'a', sizeof text);
        for (size_t i = (size_t)shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "灯", 3);
        text[sizeof text - 1] = 0;
        struct err err = {0};
        (void)err_set(&err, GF_EINVAL, "%s", text);
        assert_true(strlen(err.text) < sizeof err.text && strlen(err.text) > 1000);
        assert_true(utf8_valid(err.text, strlen(err.text)));
        (void)err_prefix(&err, "%s", text);
        assert_true(strlen(err.text) < sizeof err.text);
        assert_true(utf8_valid(err.text, strlen(err.text)));
    }
}

static void names(void **state) {
    (void)state;
    assert_string_equal(err_name(GF_EINVAL), "GF_EINVAL");
    assert_string_equal(err_text(GF_ENOMEM), "out of memory");
    assert_string_equal(err_name(0), "GF_OK");
    assert_non_null(err_name(-999));
    assert_non_null(err_text(12345));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_prefix), cmocka_unit_test(null_is_fine),       cmocka_unit_test(arguments_from_the_text_itself),
        cmocka_unit_test(system_errors),  cmocka_unit_test(cut_at_a_character), cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
