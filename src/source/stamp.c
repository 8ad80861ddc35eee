/* SPDX-License-Identifier: Apache-2.0
 * A device's time as an event may bear it. What cannot be a time of these years (0, uptime, 1970, "invalid_timestamp") is no time at all. */
#include "gengfu/rules/moment.h"
#include "source/source_int.h"

#define FIRST INT64_C(1420070400000) /* 2015-01-01: no gengfu, no event, before it */
#define LAST INT64_C(7258118400000)  /* 2200-01-01 */

bool stamp_read(struct cel_value v, const struct zone *zone, int64_t *ret_ms) {
    int64_t ms;
    if (!moment_read(v, zone, &ms) || ms < FIRST || ms >= LAST)
        return false;
    *ret_ms = ms;
    return true;
}
