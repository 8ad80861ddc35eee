/* SPDX-License-Identifier: Apache-2.0
 * Hashes from libcrypto, random bytes from the kernel, a small repeatable generator, ULIDs. */
#include "gengfu/base/crypt.h"

#include <errno.h>
#include <limits.h>
#define OPENSSL_API_COMPAT 10100 /* SHA256_Init and its kind */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

int sha256(const void *data, size_t len, uint8_t ret[32]) {
    SHA256_CTX c; /* not by EVP: its providers, which otherwise only TLS needs, would take megabytes */
    uint8_t out[32];
    if (SHA256_Init(&c) != 1 || SHA256_Update(&c, data, len) != 1 || SHA256_Final(out, &c) != 1)
        return GF_EUNAVAIL;
    memcpy(ret, out, sizeof out);
    return 0;
}

int hmac_sha256(const void *key, size_t keylen, const void *data, size_t len, uint8_t ret[32]) {
    unsigned int n = 0;
    uint8_t out[EVP_MAX_MD_SIZE];
    if (keylen > INT_MAX)
        return GF_EINVAL;
    if (!HMAC(EVP_sha256(), keylen ? key : "", (int)keylen, data, len, out, &n) || n != 32)
        return GF_EUNAVAIL;
    for (size_t i = 0; i < 32; i++)
        ret[i] = out[i];
    return 0;
}

void hex_encode(const uint8_t *data, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = 0;
}

int random_bytes(void *out, size_t len) {
    uint8_t *p = out;
    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return GF_EUNAVAIL;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* splitmix64 spreads the seed, as the authors of xoshiro advise. */
void prng_seed(struct prng *p, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        p->s[i] = z ^ (z >> 31);
    }
}

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

uint64_t prng_next(struct prng *p) {
    uint64_t *s = p->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t n) {
    if (n <= 1)
        return 0;
    uint64_t skip = (0 - n) % n; /* 2^64 mod n: numbers below it would make the small results likelier */
    for (;;) {
        uint64_t r = prng_next(p);
        if (r >= skip)
            return r % n;
    }
}

void ulid_make(int64_t ms, struct prng *p, char out[ULID_TEXT]) {
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t t = ms < 0 ? 0 : (uint64_t)ms & ((UINT64_C(1) << 48) - 1);
    for (int i = 9; i >= 0; i--, t >>= 5)
        out[i] = alphabet[t & 31];
    uint64_t r = 0;
    for (int i = 0; i < 16; i++) { /* 80 random bits: 8 characters from each number */
        if (i % 8 == 0)
            r = prng_next(p);
        out[10 + i] = alphabet[r & 31];
        r >>= 5;
    }
    out[26] = 0;
}
