/* SPDX-License-Identifier: Apache-2.0
 * Hashes by their published examples, the generator, ULIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/crypt.h"

static void digests(void **state) {
    (void)state;
    uint8_t d[32];
    char hex[65];
    assert_int_equal(sha256("abc", 3, d), 0);
    hex_encode(d, 32, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sha256(NULL, 0, d), 0);
    hex_encode(d, 32, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, d), 0); /* RFC 4231, case 2 */
    hex_encode(d, 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    uint8_t key[131];
    memset(key, 0xaa, sizeof key);
    assert_int_equal(hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, d), 0); /* case 6 */
    hex_encode(d, 32, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_int_equal(hmac_sha256(NULL, 0, "", 0, d), 0);
    hex_encode(d, 32, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void generator(void **state) {
    (void)state;
    struct prng a, b;
    prng_seed(&a, 0);
    prng_seed(&b, 0);
    assert_true(prng_next(&a) == UINT64_C(0x99ec5f36cb75f2b4)); /* xoshiro256** seeded by splitmix64 from 0 */
    (void)prng_next(&b);
    for (int i = 0; i < 1000; i++)
        assert_true(prng_next(&a) == prng_next(&b));
    int seen[6] = {0};
    for (int i = 0; i < 60000; i++)
        seen[prng_below(&a, 6)]++;
    for (int i = 0; i < 6; i++)
        assert_true(seen[i] > 9500 && seen[i] < 10500);
    assert_int_equal(prng_below(&a, 1), 0);
    assert_int_equal(prng_below(&a, 0), 0);
}

static void randomness(void **state) {
    (void)state;
    uint8_t a[600], b[600];
    assert_int_equal(random_bytes(a, sizeof a), 0);
    assert_int_equal(random_bytes(b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(random_bytes(a, 0), 0);
}

static void ulids(void **state) {
    (void)state;
    struct prng p;
    char u[ULID_TEXT], v[ULID_TEXT];
    prng_seed(&p, 1);
    ulid_make(1469918176385, &p, u); /* the time of the specification's example */
    assert_int_equal(strlen(u), 26);
    assert_memory_equal(u, "01ARYZ6S41", 10);
    assert_int_equal(strspn(u, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
    ulid_make(1469918176385, &p, v);
    assert_string_not_equal(u, v);
    ulid_make(1469918176386, &p, v);
    assert_true(strcmp(u, v) < 0); /* texts are in order of time */
    ulid_make(-5, &p, v);
    assert_memory_equal(v, "0000000000", 10);
    ulid_make(INT64_MAX, &p, v);
    assert_memory_equal(v, "7ZZZZZZZZZ", 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(digests), cmocka_unit_test(generator), cmocka_unit_test(randomness),
                                       cmocka_unit_test(ulids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
