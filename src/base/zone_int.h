/* SPDX-License-Identifier: Apache-2.0
 * The POSIX rule at the end of a TZif file ("CST-8", "CET-1CEST,M3.5.0,M10.5.0/3"), for the times that its table does not reach. */
#ifndef GENGFU_BASE_ZONE_INT_H
#define GENGFU_BASE_ZONE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"

/* A day of the year and a local time on it. */
struct zone_day {
    enum { ZONE_DAY_JULIAN, ZONE_DAY_NUMBER, ZONE_DAY_WEEK } kind; /* Jn (1..365, no leap day), n (0..365), Mm.w.d */
    int month, week, day;
    int seconds;
};

struct zone_rule {
    int offset, dst_offset; /* seconds east of UTC */
    bool has_dst;
    struct zone_day begin, end; /* begin in standard time, end in summer time */
};

GF_WARN_UNUSED int zone_rule_parse(const char *s, size_t len, struct zone_rule *ret);
int zone_rule_offset(const struct zone_rule *r, int64_t utc);

#endif
