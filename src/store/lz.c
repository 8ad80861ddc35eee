/* SPDX-License-Identifier: Apache-2.0
 * The journal's packing: liblz4's block format behind two small functions with ceilings. */
#include "store/lz.h"

#include <lz4.h>

size_t lz_pack(const uint8_t *in, size_t n, uint8_t *out, size_t room) {
    if (n == 0 || n > LZ_MAX || room > LZ_MAX * 2)
        return 0;
    int len = LZ4_compress_default((const char *)in, (char *)out, (int)n, (int)room);
    return len > 0 ? (size_t)len : 0;
}

int lz_unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size) {
    if (n == 0 || n > LZ_MAX * 2 || size > LZ_MAX)
        return -1;
    return LZ4_decompress_safe((const char *)in, (char *)out, (int)n, (int)size) == (int)size ? 0 : -1;
}
