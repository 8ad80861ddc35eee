/* SPDX-License-Identifier: Apache-2.0
 * The POSIX rule of a time zone: any rule that is taken gives one of its two offsets at any time. */
#include <stdlib.h>

#include "base/zone_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct zone_rule r;
    if (zone_rule_parse((const char *)data, size, &r))
        return 0;
    for (int64_t t = -400000000000; t < 400000000000; t += 1234567891) {
        int offset = zone_rule_offset(&r, t);
        if (offset != r.offset && offset != r.dst_offset)
            abort();
    }
    return 0;
}
