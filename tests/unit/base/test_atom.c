/* SPDX-License-Identifier: Apache-2.0
 * Atoms: one number a name, ceilings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "gengfu/base/atom.h"

static int teardown(void **state) {
    (void)state;
    atom_free_all();
    return 0;
}

static void one_number_a_name(void **state) {
    (void)state;
    assert_int_equal(atom_find("power_w", 7), 0);
    atom_t a = atom_of("power_w"), b = atom_of("power"), c = atom_intern("power_w and more", 7);
    assert_true(a && b && a != b);
    assert_int_equal(a, c);
    assert_int_equal(atom_find("power_w", 7), a);
    assert_string_equal(atom_name(a), "power_w");
    assert_int_equal(atom_length(a), 7);
    assert_string_equal(atom_name(0), "");
    assert_string_equal(atom_name(99999), "");
    assert_int_equal(atom_length(0), 0);
    atom_t empty = atom_intern("", 0), nul = atom_intern("a\0b", 3);
    assert_true(empty && nul && empty != nul && nul != atom_of("a"));
    assert_int_equal(atom_length(nul), 3);
}

static void ceilings(void **state) {
    (void)state;
    char name[ATOM_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    assert_true(atom_intern(name, ATOM_NAME_MAX) != 0);
    assert_int_equal(atom_intern(name, ATOM_NAME_MAX + 1), 0);
    assert_int_equal(atom_find(name, ATOM_NAME_MAX + 1), 0);
    atom_t first = 0;
    int refused = 0;
    for (int i = 0; i < ATOM_MAX + 10; i++) {
        int n = snprintf(name, sizeof name, "field_%d", i);
        atom_t a = atom_intern(name, (size_t)n);
        if (i == 0)
            first = a;
        refused += a == 0;
    }
    assert_true(refused >= 10 && refused < 20);
    assert_int_equal(atom_of("field_0"), first); /* what is there stays, also when the table is full */
    assert_string_equal(atom_name(first), "field_0");
    assert_string_equal(atom_name(atom_of("field_60000")), "field_60000");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(one_number_a_name, teardown),
                                       cmocka_unit_test_teardown(ceilings, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
