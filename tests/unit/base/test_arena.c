/* SPDX-License-Identifier: Apache-2.0
 * Arena: alignment, ceilings, marks, reuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/arena.h"

static void alignment(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 100, 0);
    for (size_t i = 0; i < 300; i++) {
        char *p = arena_alloc(&a, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0xa5, i);
    }
    arena_done(&a);
    assert_int_equal(a.held, 0);
    assert_null(a.first);
}

static void empty_allocations_differ(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 0, 0);
    const void *p = arena_alloc(&a, 0), *q = arena_alloc(&a, 0);
    assert_non_null(p);
    assert_ptr_not_equal(p, q);
    arena_done(&a);
}

static void limit_holds(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 256, 1000);
    size_t got = 0;
    while (arena_alloc(&a, 64))
        got += 64;
    assert_true(got <= 1000 && got >= 900);
    assert_true(a.held <= 1000);
    assert_null(arena_alloc(&a, 512));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 700)); /* there is room again */
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    assert_null(arena_strndup(&a, "x", SIZE_MAX));
    arena_done(&a);
}

static void nothing_fits_in_nothing(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 4096, _Alignof(max_align_t) - 1);
    assert_null(arena_alloc(&a, 1)); /* rounds up */
    assert_int_equal(a.held, 0);
    arena_done(&a);
}

static void large_beside_small(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 64, 0);
    char *small = arena_strdup(&a, "small");
    char *large = arena_zalloc(&a, 100000);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(large[i], 0);
    assert_string_equal(small, "small");
    arena_done(&a);
}

static void texts(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 64, 0);
    assert_string_equal(arena_printf(&a, "%s-%d", "lamp", 7), "lamp-7");
    assert_string_equal(arena_strndup(&a, "barrier", 3), "bar");
    assert_memory_equal(arena_dup(&a, "a\0b", 3), "a\0b", 3);
    assert_string_equal(arena_strndup(&a, "", 0), "");
    arena_done(&a);
    arena_init(&a, 64, 16);
    assert_null(arena_printf(&a, "%0100d", 1));
    arena_done(&a);
}

static void marks(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 128, 4096);
    struct arena_mark start = arena_mark(&a); /* of an empty arena */
    char *kept = arena_strdup(&a, "kept");
    struct arena_mark mark = arena_mark(&a);
    size_t used = arena_used(&a);
    for (int round = 0; round < 100; round++) { /* without the rewind this would pass the limit */
        for (int i = 0; i < 10; i++)
            assert_non_null(arena_alloc(&a, 200));
        arena_rewind(&a, mark);
        assert_int_equal(arena_used(&a), used);
    }
    assert_string_equal(kept, "kept");
    arena_rewind(&a, start);
    assert_int_equal(arena_used(&a), 0);
    arena_done(&a);
}

static void reset_keeps_one_block(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 256, 0);
    arena_reset(&a); /* of nothing */
    const void *first = arena_alloc(&a, 16);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 100));
    arena_reset(&a);
    assert_int_equal(a.held, 256);
    assert_ptr_equal(arena_alloc(&a, 16), first);
    arena_done(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alignment),
        cmocka_unit_test(empty_allocations_differ),
        cmocka_unit_test(limit_holds),
        cmocka_unit_test(nothing_fits_in_nothing),
        cmocka_unit_test(large_beside_small),
        cmocka_unit_test(texts),
        cmocka_unit_test(marks),
        cmocka_unit_test(reset_keeps_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
