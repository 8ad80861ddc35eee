/* SPDX-License-Identifier: Apache-2.0
 * The journal's chunks: whatever stands in the file is read within bounds or refused; what the packer makes of anything comes back as it was. */
#include <stdlib.h>
#include <string.h>

#include "store/chunk.h"
#include "store/lz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_it(const uint8_t *data, size_t size) {
    struct chunk c;
    struct chunk_buf plain = {0};
    if (chunk_read(&c, &plain, data, size, 1767614400000) == 0) {
        struct store_ack last = {0}, a;
        struct chunk_event e;
        while (c.has_record && record_ack(&c.record, &last, &a))
            continue;
        while (chunk_next(&c, &e) > 0)
            if (strlen(e.body) > e.len)
                abort();
    }
    chunk_buf_done(&plain);
}

static void pack_it(const uint8_t *data, size_t size) {
    size_t room = size + size / 200 + 32, n;
    uint8_t *packed = malloc(room), *back = malloc(size + 1);
    if (packed && back && size > 0 && size <= LZ_MAX) {
        n = lz_pack(data, size, packed, room);
        if (!n || lz_unpack(packed, n, back, size) < 0 || memcmp(back, data, size) != 0)
            abort();
    }
    free(packed);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_it(data, size);
    pack_it(data, size);
    return 0;
}
