/* SPDX-License-Identifier: Apache-2.0
 * What forward makes of texts from elsewhere: an incident's document becomes an envelope that is JSON whenever the document is a JSON object, routing bears anything, and so do Retry-After and the
 * check of addresses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/forward/forward.h"
#include "gengfu/rules/route.h"
#include "forward/https_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct config conf = {.nplatforms = 3, .platforms = {{.level = "town"}, {.level = "district"}, {.level = NULL}}};
    struct arena a;
    struct buf b;
    const cJSON *doc;
    bool plain;
    char *text = malloc(size + 1);

    if (text == NULL || curl_load(NULL) < 0) {
        free(text);
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    arena_init(&a, 65536, 16 << 20);
    buf_init(&b, size * 2 + 65536);
    struct outbox_row row = {.incident = "01J00000000000000000000001",
                             .revision = 1,
                             .change = CHANGE_OPENED,
                             .severity = SEVERITY_MINOR,
                             .body = text,
                             .len = size};
    bool object = json_parse(&a, text, size, NULL, &doc) == 0 && cJSON_IsObject(doc);

    for (unsigned flags = 0; flags < 4; flags++) {
        buf_clear(&b);
        forward_envelope(&b, "gw", &row, flags);
        if (b.failed || json_parse(&a, b.data, b.len, NULL, &doc) < 0) {
            if (object && size < JSON_MAX_DEPTH / 2)
                abort(); /* deeply nested ones gain a level, and may pass the ceiling */
        } else if (object != cJSON_IsObject(json_get(doc, "data"))) {
            abort();
        }
    }
    if (route_incident(&conf, NULL, 7, text, size, &a) > 7)
        abort();
    int64_t ms = https_retry_after(text, size, 1767614400000);

    if (ms < -1 || ms > HTTPS_RETRY_AFTER_MAX)
        abort();
    (void)https_url_allowed(text, &plain);
    buf_done(&b);
    arena_done(&a);
    free(text);
    return 0;
}
