/* SPDX-License-Identifier: Apache-2.0
 * Private to time intervals: what a spec is. */
#ifndef RULES_INTERVAL_INT_H
#define RULES_INTERVAL_INT_H

#include "gengfu/base/time.h"
#include "gengfu/rules/model.h"

enum anchor { ANCHOR_MIDNIGHT, ANCHOR_SUNRISE, ANCHOR_SUNSET };
struct day_time {
    enum anchor anchor;
    int32_t offset; /* s */
};
struct time_range {
    struct day_time start, end;
    bool wraps; /* ends on the day after: told by the times as written, with sunrise at 06:00 and sunset at 18:00 */
};
struct int_range {
    int begin, end;
};
struct interval_spec {
    uint8_t weekdays; /* bit 0 Sunday; 0: every day */
    uint16_t months;  /* bit 0 January; 0: every month */
    size_t ndays;     /* days of the month; negative from its end; 0: every day */
    const struct int_range *days;
    size_t nyears;
    const struct int_range *years;
    size_t ntimes; /* 0: the whole day */
    const struct time_range *times;
    struct zone *zone; /* borrowed */
};
struct interval {
    const char *name;
    double lat, lon;
    size_t nspecs; /* it contains what any of them contains */
    const struct interval_spec *specs;
    size_t nzones; /* opened for it */
    struct zone **zones;
};

#endif
