/* SPDX-License-Identifier: Apache-2.0
 * Times by a pattern, for forms that nobody could guess. The letters are strptime's; the C library's own function is not used: it takes less than it should
 * seem to (no fractions, no offsets with a colon) and asks the locale. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gengfu/rules/moment.h"

struct scan {
    const char *p, *end;
    struct civil t;
    bool have_year, have_month, have_day, have_epoch, have_yearday, pm, have_pm, zoned;
    int64_t epoch;
    int yearday, offset;
};

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void skip_blanks(struct scan *s) {
    while (s->p < s->end && blank(*s->p))
        s->p++;
}

/* 1 to `most` digits. */
static bool number(struct scan *s, int most, int low, int high, int *ret) {
    int v = 0, n = 0;
    skip_blanks(s);
    for (; n < most && s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++)
        v = v * 10 + (*s->p++ - '0');
    if (n == 0 || v < low || v > high)
        return false;
    *ret = v;
    return true;
}

static bool fraction(struct scan *s) {
    int n = 0, scale = 100000000;
    s->t.nanos = 0;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++, scale /= 10)
        s->t.nanos += (*s->p++ - '0') * scale;
    return n > 0;
}

static bool word(struct scan *s, const char *const *words, int n, int *ret) {
    for (int i = 0; i < n; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(s->end - s->p) >= len && strncasecmp(s->p, words[i], len) == 0) {
            s->p += len;
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool month_name(struct scan *s) {
    static const char *const names[] = {"january",   "february", "march",    "april",    "may", "june", "july", "august",
                                        "september", "october",  "november", "december", "jan", "feb",  "mar",  "apr",
                                        "may",       "jun",      "jul",      "aug",      "sep", "oct",  "nov",  "dec"};
    int i;
    if (!word(s, names, 24, &i))
        return false;
    s->t.month = i % 12 + 1;
    return s->have_month = true;
}

/* Read over: the date says it already. */
static bool day_name(struct scan *s) {
    static const char *const names[] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
                                        "sun",    "mon",    "tue",     "wed",       "thu",      "fri",    "sat"};
    int i;
    return word(s, names, 14, &i);
}

/* Z, UTC, GMT, +08:00, +0800, +08. */
static bool offset(struct scan *s) {
    static const char *const names[] = {"Z", "UTC", "GMT"};
    int i, h, m = 0;
    if (s->p == s->end)
        return false;
    s->zoned = true;
    if (*s->p != '+' && *s->p != '-')
        return word(s, names, 3, &i);
    int sign = *s->p++ == '-' ? -1 : 1;
    if (!number(s, 2, 0, 23, &h))
        return false;
    if (s->p < s->end && *s->p == ':')
        s->p++;
    if (s->p < s->end && *s->p >= '0' && *s->p <= '9' && !number(s, 2, 0, 59, &m))
        return false;
    s->offset = sign * (h * 3600 + m * 60);
    return true;
}

static bool epoch(struct scan *s) {
    int64_t v = 0;
    int n = 0;
    for (; n < 12 && s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++)
        v = v * 10 + (*s->p++ - '0');
    s->epoch = v;
    return s->have_epoch = n > 0;
}

static bool scan_pattern(struct scan *s, const char *f, size_t len);

static bool scan_one(struct scan *s, char letter) {
    static const char *const halves[] = {"am", "pm", "上午", "下午"};
    int i;
    switch (letter) {
    case 'Y': return s->have_year = number(s, 4, 1, 9999, &s->t.year);
    case 'y':
        if (!number(s, 2, 0, 99, &s->t.year))
            return false;
        s->t.year += s->t.year < 69 ? 2000 : 1900;
        return s->have_year = true;
    case 'm': return s->have_month = number(s, 2, 1, 12, &s->t.month);
    case 'b':
    case 'B': return month_name(s);
    case 'a':
    case 'A': return day_name(s);
    case 'd':
    case 'e': return s->have_day = number(s, 2, 1, 31, &s->t.day);
    case 'j': return s->have_yearday = number(s, 3, 1, 366, &s->yearday);
    case 'H': return number(s, 2, 0, 23, &s->t.hour);
    case 'I': return number(s, 2, 1, 12, &s->t.hour);
    case 'M': return number(s, 2, 0, 59, &s->t.minute);
    case 'S': return number(s, 2, 0, 60, &s->t.second); /* 60: a leap second */
    case 'f': return fraction(s);
    case 'p':
        if (!word(s, halves, 4, &i))
            return false;
        s->pm = i % 2 == 1;
        return s->have_pm = true;
    case 'z': return offset(s);
    case 's': return epoch(s);
    case 'F': return scan_pattern(s, "%Y-%m-%d", 8);
    case 'T': return scan_pattern(s, "%H:%M:%S", 8);
    case '%': return s->p < s->end && *s->p++ == '%';
    default: return false;
    }
}

static bool scan_pattern(struct scan *s, const char *f, size_t len) {
    for (const char *end = f + len; f < end; f++) {
        if (blank(*f)) {
            skip_blanks(s);
        } else if (*f == '%' && f + 1 < end) {
            if (!scan_one(s, *++f))
                return false;
        } else if (s->p == s->end || *s->p++ != *f) {
            return false;
        }
    }
    return true;
}

const char *moment_pattern_bad(const char *f, size_t len) {
    bool year = false, month = false, day = false, whole = false;
    for (size_t i = 0; i < len; i++) {
        if (f[i] != '%')
            continue;
        if (++i == len)
            return "the pattern ends behind %";
        if (!f[i] || !strchr("YymbBaAdejHIMSfpzsFT%", f[i]))
            return "the letters of a pattern are %Y %y %m %b %a %d %j %H %I %M %S %f %p %z %s %F %T %%";
        year |= strchr("Yy", f[i]) != NULL;
        month |= strchr("mbB", f[i]) != NULL;
        day |= strchr("de", f[i]) != NULL;
        whole |= f[i] == 'F' || f[i] == 's';
        if (f[i] == 'j')
            month = day = true;
    }
    return whole || (year && month && day) ? NULL : "the pattern leaves the day open: it needs %Y (or %y), %m (or %b) and %d, or %F, or %s";
}

bool moment_scan(const char *text, size_t len, const char *pattern, size_t pattern_len, const struct zone *zone, int64_t *ret_ms) {
    struct scan s = {.p = text, .end = text + len, .t = {.month = 1, .day = 1}};
    int64_t seconds;
    if (!scan_pattern(&s, pattern, pattern_len))
        return false;
    skip_blanks(&s);
    if (s.p != s.end)
        return false;
    if (s.have_epoch) {
        seconds = s.epoch;
    } else {
        bool leap_second = s.t.second == 60;
        if (!s.have_year || !(s.have_yearday || (s.have_month && s.have_day)))
            return false;
        if (s.have_pm)
            s.t.hour = s.t.hour % 12 + (s.pm ? 12 : 0);
        if (leap_second)
            s.t.second = 59;
        if (civil_to(&s.t, &seconds) < 0)
            return false;
        if (s.have_yearday && !s.have_day)
            seconds += INT64_C(86400) * (s.yearday - 1);
        seconds += leap_second;
        seconds = s.zoned ? seconds - s.offset : zone_to_utc(zone, seconds);
    }
    *ret_ms = seconds * 1000 + s.t.nanos / 1000000;
    return true;
}
