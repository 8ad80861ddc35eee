/* SPDX-License-Identifier: Apache-2.0
 * Map: against a simple model, order, removal while walking, hashing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "gengfu/base/crypt.h"
#include "gengfu/base/map.h"

static int values[4096];

static void puts_and_gets(void **state) {
    (void)state;
    struct map m;
    map_init(&m);
    assert_null(map_gets(&m, "x"));
    assert_null(map_remove(&m, "x", 1));
    assert_int_equal(map_puts(&m, "x", &values[1]), 0);
    void *old = &values[0];
    assert_int_equal(map_put(&m, "y", 1, &values[2], &old), 0);
    assert_null(old);
    assert_int_equal(map_put(&m, "x", 1, &values[3], &old), 0);
    assert_ptr_equal(old, &values[1]);
    assert_ptr_equal(map_gets(&m, "x"), &values[3]);
    assert_int_equal(map_count(&m), 2);
    assert_int_equal(map_put(&m, "z", 1, NULL, NULL), GF_EINVAL);
    assert_int_equal(map_put(&m, "", 0, &values[4], NULL), 0);
    assert_int_equal(map_put(&m, "a\0b", 3, &values[5], NULL), 0);
    assert_int_equal(map_put(&m, "a\0c", 3, &values[6], NULL), 0);
    assert_ptr_equal(map_get(&m, "", 0), &values[4]);
    assert_ptr_equal(map_get(&m, "a\0b", 3), &values[5]);
    assert_null(map_gets(&m, "a"));
    assert_ptr_equal(map_remove(&m, "x", 1), &values[3]);
    assert_null(map_gets(&m, "x"));
    assert_int_equal(map_count(&m), 4);
    map_done(&m, NULL);
}

/* Random work, compared with an array that is searched by hand; 500 keys, so that removed ones come back often. */
static void against_a_model(void **state) {
    (void)state;
    struct map m;
    struct prng p;
    int model[500] = {0}, order[500] = {0}, stamp = 0;
    map_init(&m);
    prng_seed(&p, 7);
    for (int step = 0; step < 60000; step++) {
        int k = (int)prng_below(&p, 500), v = 1 + (int)prng_below(&p, 4000);
        char key[16];
        size_t len = (size_t)snprintf(key, sizeof key, "k%d", k);
        void *want = model[k] ? &values[model[k]] : NULL;
        assert_ptr_equal(map_get(&m, key, len), want);
        if (prng_below(&p, 2)) {
            void *old;
            assert_int_equal(map_put(&m, key, len, &values[v], &old), 0);
            assert_ptr_equal(old, want);
            if (!model[k])
                order[k] = ++stamp;
            model[k] = v;
        } else {
            assert_ptr_equal(map_remove(&m, key, len), want);
            model[k] = 0;
        }
        if (step % 1000 == 0) {
            size_t n = 0;
            int last = 0;
            const char *name;
            void *value;
            for (size_t it = 0; map_next(&m, &it, &name, &value); n++) {
                int i = (int)strtol(name + 1, NULL, 10);
                assert_ptr_equal(value, &values[model[i]]);
                assert_true(order[i] > last); /* in order of insertion */
                last = order[i];
            }
            assert_int_equal(n, map_count(&m));
        }
    }
    map_done(&m, NULL);
}

static void remove_while_walking(void **state) {
    (void)state;
    struct map m;
    map_init(&m);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        assert_int_equal(map_puts(&m, key, &values[i]), 0);
    }
    const char *key;
    void *value;
    int seen = 0;
    for (size_t it = 0; map_next(&m, &it, &key, &value); seen++)
        if (seen % 2)
            assert_ptr_equal(map_remove(&m, key, strlen(key)), value);
    assert_int_equal(seen, 1000);
    assert_int_equal(map_count(&m), 500);
    assert_non_null(map_gets(&m, "0"));
    assert_null(map_gets(&m, "1"));
    map_done(&m, NULL);
}

/* One key put and removed for ever must not grow the table. */
static void does_not_grow_for_ever(void **state) {
    (void)state;
    struct map m;
    map_init(&m);
    for (int i = 0; i < 100000; i++) {
        char key[16];
        size_t len = (size_t)snprintf(key, sizeof key, "%d", i);
        assert_int_equal(map_put(&m, key, len, &values[1], NULL), 0);
        assert_non_null(map_remove(&m, key, len));
    }
    assert_true(m.cap <= 16);
    map_done(&m, NULL);
}

static void values_are_freed(void **state) {
    (void)state;
    struct map m;
    map_init(&m);
    for (int i = 0; i < 100; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        void *v = malloc(8);
        assert_non_null(v);
        assert_int_equal(map_puts(&m, key, v), 0);
    }
    free(map_remove(&m, "50", 2));
    map_done(&m, free);
    assert_int_equal(map_count(&m), 0);
}

static void hashing(void **state) {
    (void)state;
    char text[64] = "";
    uint64_t seen[65];
    for (size_t n = 0; n <= 64; n++) { /* zeros of every length differ */
        seen[n] = hash_bytes(text, n, 1);
        for (size_t i = 0; i < n; i++)
            assert_true(seen[i] != seen[n]);
    }
    assert_true(hash_bytes("lamp-7", 6, 1) == hash_bytes("lamp-7 etc", 6, 1));
    assert_true(hash_bytes("lamp-7", 6, 1) != hash_bytes("lamp-7", 6, 2));
    assert_true(hash_bytes("0123456789abcdefX", 17, 1) != hash_bytes("0123456789abcdefY", 17, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_and_gets),          cmocka_unit_test(against_a_model),  cmocka_unit_test(remove_while_walking),
        cmocka_unit_test(does_not_grow_for_ever), cmocka_unit_test(values_are_freed), cmocka_unit_test(hashing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
