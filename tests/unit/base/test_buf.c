/* SPDX-License-Identifier: Apache-2.0
 * Buf: growth, ceiling, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "gengfu/base/buf.h"

static void starts_as_empty_text(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_string_equal(b.data, "");
    buf_put(&b, NULL, 0);
    assert_string_equal(b.data, "");
    buf_clear(&b);
    size_t len = 9;
    char *s = buf_take(&b, &len);
    assert_string_equal(s, "");
    assert_int_equal(len, 0);
    free(s);
    buf_done(&b);
}

static void grows(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 5000; i++)
        buf_printf(&b, "%d,", i);
    assert_false(b.failed);
    assert_int_equal(strlen(b.data), b.len);
    assert_memory_equal(b.data, "0,1,2,", 6);
    assert_string_equal(b.data + b.len - 5, "4999,");
    buf_done(&b);
}

static void ceiling(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_puts(&b, "0123456789");
    assert_false(b.failed);
    buf_putc(&b, 'x');
    assert_true(b.failed);
    assert_string_equal(b.data, "0123456789");
    buf_puts(&b, "y");
    assert_string_equal(b.data, "0123456789");
    assert_null(buf_take(&b, NULL));
    assert_false(b.failed); /* as after init */
    buf_printf(&b, "%s", "0123456789");
    assert_false(b.failed);
    buf_printf(&b, "%d", 1); /* the block has room, the ceiling has not */
    assert_true(b.failed);
    assert_string_equal(b.data, "0123456789");
    buf_clear(&b);
    buf_fill(&b, '-', 11);
    assert_true(b.failed);
    buf_clear(&b);
    buf_fill(&b, '-', 10);
    assert_string_equal(b.data, "----------");
    buf_done(&b);
    buf_init(&b, SIZE_MAX);
    buf_puts(&b, "large ceilings are none");
    assert_false(b.failed);
    buf_put(&b, "x", SIZE_MAX);
    assert_true(b.failed);
    buf_done(&b);
}

static void nuls_inside(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_put(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b\0", 4);
    buf_done(&b);
}

static const char *text_of(struct buf *b, double v) {
    buf_clear(b);
    buf_put_double(b, v);
    return b->data;
}

static void numbers(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_put_int(&b, INT64_MIN);
    buf_putc(&b, ' ');
    buf_put_int(&b, INT64_MAX);
    buf_putc(&b, ' ');
    buf_put_int(&b, 0);
    assert_string_equal(b.data, "-9223372036854775808 9223372036854775807 0");
    assert_string_equal(text_of(&b, 0.1), "0.1");
    assert_string_equal(text_of(&b, 18.0), "18");
    assert_string_equal(text_of(&b, -18.5), "-18.5");
    assert_string_equal(text_of(&b, 1e300), "1e+300");
    assert_string_equal(text_of(&b, 9007199254740992.0), "9007199254740992");
    assert_string_equal(text_of(&b, 9007199254740994.0), "9007199254740994");
    assert_string_equal(text_of(&b, -0.0), "-0");
    assert_string_equal(text_of(&b, NAN), "null");
    assert_string_equal(text_of(&b, INFINITY), "null");
    assert_string_equal(text_of(&b, -INFINITY), "null");
    assert_string_equal(text_of(&b, 5e-324), "5e-324");
    uint64_t x = 88172645463325252u; /* any bits must come back */
    for (int i = 0; i < 20000; i++) {
        double v;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&v, &x, sizeof v);
        if (!isfinite(v))
            continue;
        double back = strtod(text_of(&b, v), NULL);
        assert_memory_equal(&back, &v, sizeof v);
    }
    buf_done(&b);
}

/* The short way for few decimals says what printf says: of decimals that devices send, of the doubles beside them, and around the ends of its range. */
static void numbers_with_few_decimals(void **state) {
    static const double ends[] = {1e-3, 0.000999, 0.00100001, 999999999.9, 999999999.999999, 1e9, 1000000000.5, 0.1 + 0.2, 1.0 / 3};
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 60000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double v = (double)(int64_t)(x % 2000000 - 1000000) / pow(10, (double)(x >> 40) / (1 << 24) * 9);
        if (i % 3)
            v = (double)(int64_t)(x % 20000000000 - 10000000000) / pow(10, (double)(x >> 60));
        if (i % 5 == 4)
            v = nextafter(v, i % 2 ? 1e300 : -1e300);
        if (i < (int)(sizeof ends / sizeof *ends))
            v = ends[i];
        if (v == (double)(int64_t)v)
            continue;
        char want[40];
        for (int digits = 15; digits <= 17; digits++) {
            (void)snprintf(want, sizeof want, "%.*g", digits, v);
            if (strtod(want, NULL) == v)
                break;
        }
        assert_string_equal(text_of(&b, v), want);
    }
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_as_empty_text), cmocka_unit_test(grows),   cmocka_unit_test(ceiling),
        cmocka_unit_test(nuls_inside),          cmocka_unit_test(numbers), cmocka_unit_test(numbers_with_few_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
