/* SPDX-License-Identifier: Apache-2.0
 * json_parse: whatever it takes must be written as JSON that it takes again, and that is then written the same. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct err err = {0};
    const cJSON *doc = NULL;
    arena_init(&a, 4096, 4 * 1024 * 1024);
    int rc = json_parse(&a, (const char *)data, size, &err, &doc);
    if (rc) {
        if (doc || !err.code || !err.text[0])
            abort();
        arena_done(&a);
        return 0;
    }
    struct buf once, twice;
    buf_init(&once, 0);
    buf_init(&twice, 0);
    json_write(&once, doc);
    if (!once.failed) {
        if (json_parse(&a, once.data, once.len, &err, &doc) == 0)
            json_write(&twice, doc);
        else if (err.code != GF_ENOMEM)
            abort();
        if (twice.len && (twice.len != once.len || memcmp(once.data, twice.data, once.len) != 0))
            abort();
    }
    buf_done(&once);
    buf_done(&twice);
    arena_done(&a);
    return 0;
}
