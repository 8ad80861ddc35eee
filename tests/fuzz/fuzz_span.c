/* SPDX-License-Identifier: Apache-2.0
 * span_parse and size_parse: what is taken is never negative, and a span comes back from its own text. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "gengfu/base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t ms = -1, again = -1, bytes = -1;
    struct err err = {0};
    char text[TIME_TEXT_MAX], size_text[32];
    if (span_parse((const char *)data, size, &ms, &err) == 0) {
        span_format(ms, text);
        if (ms < 0 || span_parse(text, strlen(text), &again, NULL) || again != ms)
            abort();
        (void)span_format_zh(ms, text);
    } else if (!err.text[0]) {
        abort();
    }
    if (size_parse((const char *)data, size, &bytes, &err) == 0 && (bytes < 0 || !size_format(bytes, size_text)[0]))
        abort();
    return 0;
}
