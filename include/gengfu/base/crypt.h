/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 and HMAC-SHA-256 (libcrypto, which TLS brings along anyway), random bytes, ULIDs. */
#ifndef GENGFU_BASE_CRYPT_H
#define GENGFU_BASE_CRYPT_H

#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"

GF_WARN_UNUSED int sha256(const void *data, size_t len, uint8_t ret[32]);
GF_WARN_UNUSED int hmac_sha256(const void *key, size_t keylen, const void *data, size_t len, uint8_t ret[32]);
void hex_encode(const uint8_t *data, size_t len, char *out); /* 2*len characters and a NUL */
GF_WARN_UNUSED int random_bytes(void *out, size_t len);      /* getrandom(2) */

/* A small generator for ids and jitter: repeatable from its seed (xoshiro256**). */
struct prng {
    uint64_t s[4];
};
void prng_seed(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
uint64_t prng_below(struct prng *p, uint64_t n); /* 0..n-1, n > 0 */

#define ULID_TEXT 27 /* 26 characters of Crockford base32 and a NUL */
void ulid_make(int64_t ms, struct prng *p, char out[ULID_TEXT]);

#endif
