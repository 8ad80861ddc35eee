/* SPDX-License-Identifier: Apache-2.0
 * time_parse: a time that is taken comes back from its own text. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t seconds = 0, again = 0;
    int nanos = 0;
    bool zoned = false;
    if (time_parse((const char *)data, size, false, &seconds, &nanos, &zoned))
        return 0;
    if (nanos < 0 || nanos > 999999999)
        abort();
    if (seconds < -62167219200 || seconds > 253402300799) /* an offset led out of the years that have a text */
        return 0;
    char text[TIME_TEXT_MAX];
    int64_t ms = seconds * 1000 + nanos / 1000000;
    time_format(ms, 0, text);
    if (time_parse(text, strlen(text), true, &again, &nanos, NULL) || again * 1000 + nanos / 1000000 != ms)
        abort();
    return 0;
}
