/* SPDX-License-Identifier: Apache-2.0
 * A device's own time in whatever form it sends it. What cannot be a time of these years (0, uptime, 1970, "invalid_timestamp") is no time at all. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "source/source_int.h"

#define FIRST INT64_C(1420070400000) /* 2015-01-01: no gengfu, no event, before it */
#define LAST INT64_C(7258118400000)  /* 2200-01-01 */

static bool in_range(int64_t ms, int64_t *ret) {
    if (ms < FIRST || ms >= LAST)
        return false;
    *ret = ms;
    return true;
}

/* The unit shows in the size: seconds stay below 1e11 until the year 5138, milliseconds above it since 1973. */
static bool from_number(double v, int64_t *ret) {
    if (!isfinite(v) || v <= 0 || v >= 1e20)
        return false;
    if (v < 1e11)
        v *= 1e3;
    else if (v >= 1e17)
        v /= 1e6;
    else if (v >= 1e14)
        v /= 1e3;
    return v < 1e14 && in_range((int64_t)floor(v + 1e-3), ret);
}

static bool digits(const char *s, size_t len, double *ret) {
    double v = 0, scale = 1;
    bool dot = false;
    if (len == 0 || len > 24)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.' && !dot && i > 0) {
            dot = true;
            continue;
        }
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (s[i] - '0');
        if (dot)
            scale *= 10;
    }
    *ret = v / scale;
    return true;
}

static bool from_text(const char *s, size_t len, const struct zone *zone, int64_t *ret) {
    while (len > 0 && s[0] == ' ')
        s++, len--;
    while (len > 0 && s[len - 1] == ' ')
        len--;
    double v;
    if (digits(s, len, &v))
        return from_number(v, ret);
    char iso[40];
    if (len >= 17 && len < sizeof iso - 3 && s[8] == ' ' && memchr(s, '-', len) == NULL) { /* 20260105 20:00:00 */
        int n = snprintf(iso, sizeof iso, "%.4s-%.2s-%.2s%.*s", s, s + 4, s + 6, (int)len - 8, s + 8);
        if (n < 0 || (size_t)n >= sizeof iso)
            return false;
        s = iso;
        len = (size_t)n;
    }
    int64_t seconds;
    int nanos;
    bool zoned;
    if (time_parse(s, len, false, &seconds, &nanos, &zoned) < 0)
        return false;
    if (!zoned)
        seconds = zone_to_utc(zone, seconds);
    if (seconds < FIRST / 1000 || seconds >= LAST / 1000)
        return false;
    return in_range(seconds * 1000 + nanos / 1000000, ret);
}

bool stamp_read(struct cel_value v, const struct zone *zone, int64_t *ret_ms) {
    int64_t ms;
    double d;
    switch (v.type) {
    case CEL_OPTIONAL: return v.opt && v.opt->type != CEL_OPTIONAL && stamp_read(*v.opt, zone, ret_ms);
    case CEL_TIMESTAMP: return cel_as_time_ms(v, &ms) && in_range(ms, ret_ms);
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE: return cel_as_double(v, &d) && from_number(d, ret_ms);
    case CEL_STRING: return from_text(v.s, v.aux, zone, ret_ms);
    default: return false;
    }
}
