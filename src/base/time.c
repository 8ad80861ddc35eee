/* SPDX-License-Identifier: Apache-2.0
 * Civil time, RFC 3339 texts, spans. Pure: reads no clock (that is clock.c) and no zone file (zone.c). */
#include "gengfu/base/time.h"

#include <stdio.h>
#include <string.h>

/* The seconds of the first and last moment of the years that civil time covers. */
#define SECONDS_MIN (INT64_C(-377705116800)) /* -9999-01-01T00:00:00 */
#define SECONDS_MAX (INT64_C(253402300799))  /* 9999-12-31T23:59:59 */

static const int days_before[13] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static bool leap(int64_t y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }

static int month_days(int64_t y, int m) { return m == 2 && leap(y) ? 29 : days_before[m] - days_before[m - 1]; }

/* Days since 1970-01-01; the year begins in March, so that the leap day is its last (Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_from(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void civil_from(int64_t seconds, struct civil *ret) {
    if (seconds < SECONDS_MIN)
        seconds = SECONDS_MIN;
    if (seconds > SECONDS_MAX)
        seconds = SECONDS_MAX;
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int m = (int)(mp < 10 ? mp + 3 : mp - 9);
    int64_t y = yoe + era * 400 + (m <= 2);
    *ret = (struct civil){
        .year = (int)y,
        .month = m,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
        .weekday = (int)(((days + 4) % 7 + 7) % 7),
        .yearday = (int)(days - days_from(y, 1, 1)),
    };
}

int civil_to(const struct civil *c, int64_t *ret_seconds) {
    if (c->year < -9999 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 || c->day > month_days(c->year, c->month) ||
        c->hour < 0 || c->hour > 23 || c->minute < 0 || c->minute > 59 || c->second < 0 || c->second > 59)
        return GF_EINVAL;
    *ret_seconds = days_from(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
    return 0;
}

/* ---- RFC 3339 ---- */

struct cursor {
    const char *p, *end;
};

static bool number(struct cursor *c, int digits, int *ret) {
    int v = 0;
    if (c->end - c->p < digits)
        return false;
    for (int i = 0; i < digits; i++, c->p++) {
        if (*c->p < '0' || *c->p > '9')
            return false;
        v = v * 10 + (*c->p - '0');
    }
    *ret = v;
    return true;
}

static bool one_of(struct cursor *c, const char *set) {
    if (c->p == c->end || !*c->p || !strchr(set, *c->p))
        return false;
    c->p++;
    return true;
}

int time_parse(const char *s, size_t len, bool need_zone, int64_t *ret_seconds, int *ret_nanos, bool *ret_zoned) {
    struct cursor c = {s, s + len};
    struct civil t = {0};
    if (!number(&c, 4, &t.year) || !one_of(&c, "-") || !number(&c, 2, &t.month) || !one_of(&c, "-") || !number(&c, 2, &t.day) ||
        !one_of(&c, "Tt ") || !number(&c, 2, &t.hour) || !one_of(&c, ":") || !number(&c, 2, &t.minute) || !one_of(&c, ":") ||
        !number(&c, 2, &t.second))
        return GF_EINVAL;
    int leap_second = t.second == 60 && t.minute == 59; /* counted as the next second, as the epoch does */
    t.second -= leap_second;
    int nanos = 0;
    if (one_of(&c, ".")) {
        int n = 0, scale = 100000000;
        for (; c.p < c.end && *c.p >= '0' && *c.p <= '9'; c.p++, n++, scale /= 10)
            nanos += (*c.p - '0') * scale;
        if (!n)
            return GF_EINVAL;
    }
    int64_t seconds;
    if (civil_to(&t, &seconds))
        return GF_EINVAL;
    bool zoned = true;
    if (c.p == c.end) {
        if (need_zone)
            return GF_EINVAL;
        zoned = false;
    } else if (!one_of(&c, "Zz")) {
        int sign = *c.p == '-' ? -1 : 1, h, m;
        if (!one_of(&c, "+-") || !number(&c, 2, &h))
            return GF_EINVAL;
        (void)one_of(&c, ":");
        if (!number(&c, 2, &m) || h > 23 || m > 59)
            return GF_EINVAL;
        seconds -= sign * (h * 3600 + m * 60);
    }
    if (c.p != c.end)
        return GF_EINVAL;
    *ret_seconds = seconds + leap_second;
    *ret_nanos = nanos;
    if (ret_zoned)
        *ret_zoned = zoned;
    return 0;
}

const char *time_format(int64_t ms, int offset, char out[TIME_TEXT_MAX]) {
    if (offset < -86340 || offset > 86340)
        offset = 0;
    offset -= offset % 60; /* the text can say minutes only, and must stay true: old local mean times have seconds */
    int64_t seconds = ms / 1000;
    int rest = (int)(ms % 1000);
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    struct civil c;
    civil_from(seconds + offset, &c);
    char fraction[8] = "", zone[8] = "Z";
    if (rest)
        (void)snprintf(fraction, sizeof fraction, ".%03u", (unsigned)rest % 1000);
    if (offset) {
        unsigned minutes = (unsigned)(offset < 0 ? -offset : offset) / 60;
        (void)snprintf(zone, sizeof zone, "%c%02u:%02u", offset < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
    }
    (void)snprintf(out, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", c.year, c.month, c.day, c.hour, c.minute, c.second, fraction,
                   zone);
    return out;
}

/* ---- spans ---- */

static const struct unit {
    const char *name, *zh;
    int64_t ms;
} units[] = {
    {"w", NULL, 7 * TIME_DAY}, /* read, never written: 14d says more to most than 2w */
    {"d", "天", TIME_DAY},     {"h", "小时", TIME_HOUR}, {"m", "分钟", TIME_MINUTE}, {"s", "秒", TIME_SECOND}, {"ms", "毫秒", 1},
};
#define UNITS (sizeof units / sizeof units[0])

int span_parse(const char *s, size_t len, int64_t *ret_ms, struct err *err) {
    const char *p = s, *end = s + len;
    int shown = len > 40 ? 40 : (int)len;
    int64_t total = 0;
    size_t last = 0; /* the next unit must be a smaller one */
    if (!len)
        return err_set(err, GF_EINVAL, "an empty span of time: write it like 10s, 5m, 1h30m or 14d");
    while (p < end) {
        int64_t v = 0;
        const char *from = p;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            if (__builtin_mul_overflow(v, INT64_C(10), &v) || __builtin_add_overflow(v, (int64_t)(*p - '0'), &v))
                return err_set(err, GF_ELIMIT, "'%.*s' is too long a span of time", shown, s);
        if (p == from)
            return err_set(err, GF_EINVAL, "'%.*s' is not a span of time: write it like 10s, 5m, 1h30m or 14d", shown, s);
        if (p == end)
            return err_set(err, GF_EINVAL, "'%.*s' is a span of time without a unit at its end: one of ms, s, m, h, d, w", shown, s);
        size_t u = UNITS, n = (size_t)(end - p) >= 2 && p[0] == 'm' && p[1] == 's' ? 2 : 1;
        for (size_t i = 0; i < UNITS; i++)
            if (strlen(units[i].name) == n && memcmp(units[i].name, p, n) == 0)
                u = i;
        if (u == UNITS)
            return err_set(err, GF_EINVAL, "'%.*s' is not a span of time: the units are ms, s, m, h, d, w, as in 1h30m", shown, s);
        if (u + 1 <= last)
            return err_set(err, GF_EINVAL, "'%.*s' is not a span of time: larger units come first, each once, as in 1h30m", shown, s);
        last = u + 1;
        p += n;
        if (__builtin_mul_overflow(v, units[u].ms, &v) || __builtin_add_overflow(total, v, &total))
            return err_set(err, GF_ELIMIT, "'%.*s' is too long a span of time", shown, s);
    }
    *ret_ms = total;
    return 0;
}

/* The units of a span from the largest on, at most `most` of them, beginning at the first that is not zero. */
static const char *format(int64_t ms, bool zh, int most, char out[TIME_TEXT_MAX]) {
    uint64_t rest = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    size_t len = 0;
    int written = 0;
    out[0] = 0;
    if (ms < 0)
        len = (size_t)snprintf(out, TIME_TEXT_MAX, "-");
    for (size_t i = 1; i < UNITS && most > 0; i++) {
        uint64_t n = rest / (uint64_t)units[i].ms;
        rest %= (uint64_t)units[i].ms;
        if (written)
            most--;
        if (!n || !most)
            continue;
        int k = snprintf(out + len, TIME_TEXT_MAX - len, "%llu%s", (unsigned long long)n, zh ? units[i].zh : units[i].name);
        if (k < 0 || (size_t)k >= TIME_TEXT_MAX - len) {
            out[len] = 0;
            break;
        }
        len += (size_t)k;
        written++;
    }
    if (!written)
        (void)snprintf(out, TIME_TEXT_MAX, "%s", zh ? "0秒" : "0s");
    return out;
}

const char *span_format(int64_t ms, char out[TIME_TEXT_MAX]) { return format(ms, false, 9, out); }

const char *span_format_zh(int64_t ms, char out[TIME_TEXT_MAX]) { return format(ms, true, 2, out); }
