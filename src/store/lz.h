/* SPDX-License-Identifier: Apache-2.0
 * Packing for the journal: the events of a batch are much like each other. liblz4's block format (lz4_Block_format.md). Unpacking believes nothing: whatever the input, it
 * stays inside both buffers. */
#ifndef GENGFU_STORE_LZ_H
#define GENGFU_STORE_LZ_H

#include <stddef.h>
#include <stdint.h>

#define LZ_MAX 65535 /* bytes of input */

/* Packs n <= LZ_MAX bytes into out; gives the packed size, or 0 when it would be larger than `room`. */
size_t lz_pack(const uint8_t *in, size_t n, uint8_t *out, size_t room);
/* Unpacks exactly `size` bytes; 0, or -1 when the input is not what lz_pack made of so many bytes. */
__attribute__((warn_unused_result)) int lz_unpack(const uint8_t *in, size_t n, uint8_t *out, size_t size);

#endif
