/* SPDX-License-Identifier: Apache-2.0
 * A device's time in whatever form it sends it. Leans on base's RFC 3339 reader; everything else is brought into that form. */
#include "gengfu/rules/moment.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* 20260105200000: as milliseconds that would be in the 27th century. */
static bool from_digits(int64_t v, const struct zone *zone, int64_t *ret) {
    struct civil c = {.year = (int)(v / 10000000000),
                      .month = (int)(v / 100000000 % 100),
                      .day = (int)(v / 1000000 % 100),
                      .hour = (int)(v / 10000 % 100),
                      .minute = (int)(v / 100 % 100),
                      .second = (int)(v % 100)};
    int64_t seconds;
    if (c.year < 1970 || c.year > 2200 || c.hour > 23 || c.minute > 59 || c.second > 59 || civil_to(&c, &seconds) < 0)
        return false;
    *ret = zone_to_utc(zone, seconds) * 1000;
    return true;
}

/* The unit shows in the size: seconds stay below 1e11 until the year 5138, milliseconds above it since 1973. */
static bool from_number(double v, const struct zone *zone, int64_t *ret) {
    if (!isfinite(v) || v <= 0 || v >= 1e20)
        return false;
    if (v >= 1e13 && v < 1e14 && from_digits((int64_t)v, zone, ret))
        return true;
    if (v < 1e11)
        v *= 1e3;
    else if (v >= 1e17)
        v /= 1e6;
    else if (v >= 1e14)
        v /= 1e3;
    if (v > 253402300799e3)
        return false;
    *ret = (int64_t)floor(v + 1e-3);
    return true;
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

static bool all_digits(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

/* 20260105 20:00:00, 20260105T200000Z and 2026/01/05 20:00:00 as RFC 3339 has them. 0: it is none of these. */
static size_t as_iso(const char *s, size_t len, char *out, size_t size) {
    int n = 0;
    if (len >= 15 && len < size - 8 && all_digits(s, 8) && (s[8] == ' ' || s[8] == 'T')) {
        const char *clock = s + 9, *rest = clock + 6;
        if (all_digits(clock, 6))
            n = snprintf(out, size, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%.*s", s, s + 4, s + 6, clock, clock + 2, clock + 4, (int)(len - 15),
                         rest);
        else
            n = snprintf(out, size, "%.4s-%.2s-%.2sT%.*s", s, s + 4, s + 6, (int)(len - 9), clock);
    } else if (len >= 10 && len < size && s[4] == '/' && s[7] == '/') {
        n = snprintf(out, size, "%.4s-%.2s-%.*s", s, s + 5, (int)(len - 8), s + 8);
    }
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* What ISO 8601 and many loggers write and RFC 3339 does not have: a comma before the fraction, a blank before the zone, +08, UTC. */
static size_t tidy(char *s, size_t n, size_t size) {
    size_t end = 19;
    if (n <= end)
        return n;
    if (s[end] == ',')
        s[end] = '.';
    if (s[end] == '.')
        for (end++; end < n && s[end] >= '0' && s[end] <= '9';)
            end++;
    size_t blanks = 0, left = n - end;
    while (blanks < left && s[end + blanks] == ' ')
        blanks++;
    left -= blanks;
    memmove(s + end, s + end + blanks, left);
    if (left == 3 && (strncasecmp(s + end, "UTC", 3) == 0 || strncasecmp(s + end, "GMT", 3) == 0)) {
        s[end] = 'Z';
        left = 1;
    } else if (left == 3 && (s[end] == '+' || s[end] == '-') && end + 5 <= size) {
        s[end + 3] = s[end + 4] = '0';
        left = 5;
    }
    return end + left;
}

static bool from_text(const char *s, size_t len, const struct zone *zone, int64_t *ret) {
    while (len > 0 && (s[0] == ' ' || s[0] == '\t'))
        s++, len--;
    while (len > 0 && strchr(" \t\r\n", s[len - 1]) && s[len - 1])
        len--;
    double v;
    if (digits(s, len, &v))
        return from_number(v, zone, ret);
    char iso[64];
    size_t n = as_iso(s, len, iso, sizeof iso);
    if (n == 0) {
        if (len > sizeof iso)
            return false;
        memcpy(iso, s, len);
        n = len;
    }
    int64_t seconds;
    int nanos;
    bool zoned;
    if (time_parse(iso, tidy(iso, n, sizeof iso), false, &seconds, &nanos, &zoned) < 0)
        return false;
    if (!zoned)
        seconds = zone_to_utc(zone, seconds);
    *ret = seconds * 1000 + nanos / 1000000;
    return true;
}

bool moment_read(struct cel_value v, const struct zone *zone, int64_t *ret_ms) {
    double d;
    switch (v.type) {
    case CEL_OPTIONAL: return v.opt && v.opt->type != CEL_OPTIONAL && moment_read(*v.opt, zone, ret_ms);
    case CEL_TIMESTAMP: return cel_as_time_ms(v, ret_ms);
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE: return cel_as_double(v, &d) && from_number(d, zone, ret_ms);
    case CEL_STRING: return from_text(v.s, v.aux, zone, ret_ms);
    default: return false;
    }
}
