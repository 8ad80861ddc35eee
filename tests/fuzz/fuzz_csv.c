/* SPDX-License-Identifier: Apache-2.0
 * devices.csv and codes.csv of any bytes: every row that was taken can be found and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/rules/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) \
    do { \
        if (!(x)) \
            abort(); \
    } while (0)

static void check_registry(struct report *rep, const char *text, size_t size) {
    struct registry *r = NULL;
    int rc = registry_load(rep, "devices.csv", text, size, &r);
    CHECK(rc == 0);
    const struct registry_column *columns;
    size_t n = registry_columns(r, &columns);
    CHECK(n <= REGISTRY_MAX_COLUMNS);
    for (size_t i = 0; i < registry_count(r); i++) {
        const struct device *d = registry_at(r, i);
        CHECK(d && d->id[0] && strlen(d->id) <= EVENT_DEVICE_MAX && registry_find(r, d->id) == d && d->nfields <= n);
        for (size_t k = 0; k < n; k++) {
            struct cel_value v;
            if (!device_field(d, columns[k].name, &v))
                continue;
            CHECK(v.type != CEL_ERROR);
            if (v.type == CEL_STRING)
                CHECK(registry_find_by(r, columns[k].name, v.s, v.aux) != NULL);
        }
    }
    registry_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct report *rep;
    struct codes *c = NULL;
    struct buf out;
    CHECK(report_new(&rep) == 0);
    check_registry(rep, (const char *)data, size);
    int rc = codes_load(rep, "codes.csv", (const char *)data, size, &c);
    CHECK(rc == 0);
    (void)codes_nearest(c, "01-07-03");
    codes_free(c);
    buf_init(&out, 0);
    report_print(rep, &out, false);
    buf_done(&out);
    report_free(rep);
    return 0;
}
