/* SPDX-License-Identifier: Apache-2.0
 * Heap of timers: order, moving, removing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/crypt.h"
#include "gengfu/base/heap.h"

static void equal_times_in_order_of_setting(void **state) {
    (void)state;
    struct heap h;
    struct heap_node n[50] = {0};
    heap_init(&h);
    assert_null(heap_first(&h));
    for (int i = 0; i < 50; i++)
        assert_int_equal(heap_set(&h, &n[i], 1000), 0);
    assert_int_equal(heap_set(&h, &n[0], 1000), 0); /* set anew: it is the last now */
    for (int i = 1; i < 50; i++) {
        assert_ptr_equal(heap_first(&h), &n[i]);
        heap_unset(&h, &n[i]);
    }
    assert_ptr_equal(heap_first(&h), &n[0]);
    heap_done(&h);
    assert_false(heap_is_set(&n[0]));
}

static void random_work(void **state) {
    (void)state;
    struct heap h;
    struct heap_node n[300] = {0};
    struct prng p;
    heap_init(&h);
    prng_seed(&p, 3);
    for (int step = 0; step < 50000; step++) {
        struct heap_node *x = &n[prng_below(&p, 300)];
        if (prng_below(&p, 3))
            assert_int_equal(heap_set(&h, x, (int64_t)prng_below(&p, 40) - 20), 0);
        else
            heap_unset(&h, x);
        if (step % 10)
            continue;
        const struct heap_node *least = NULL;
        size_t set = 0;
        for (int i = 0; i < 300; i++) {
            if (!heap_is_set(&n[i]))
                continue;
            set++;
            assert_ptr_equal(h.nodes[n[i].pos - 1], &n[i]);
            if (!least || n[i].due < least->due || (n[i].due == least->due && n[i].seq < least->seq))
                least = &n[i];
        }
        assert_int_equal(set, h.count);
        assert_ptr_equal(heap_first(&h), least);
    }
    heap_done(&h);
}

static void extremes(void **state) {
    (void)state;
    struct heap h;
    struct heap_node a = {0}, b = {0};
    heap_init(&h);
    heap_unset(&h, &a);
    assert_int_equal(heap_set(&h, &a, INT64_MAX), 0);
    assert_int_equal(heap_set(&h, &b, INT64_MIN), 0);
    assert_ptr_equal(heap_first(&h), &b);
    heap_unset(&h, &b);
    heap_unset(&h, &b);
    assert_ptr_equal(heap_first(&h), &a);
    heap_done(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_times_in_order_of_setting), cmocka_unit_test(random_work),
                                       cmocka_unit_test(extremes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
