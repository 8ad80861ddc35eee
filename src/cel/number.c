/* SPDX-License-Identifier: Apache-2.0
 * Numbers, timestamps and durations as text and back, the way cel-go writes and reads them. */
#include "cel_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gengfu/base/time.h"

/* The shortest decimal digits that read back as the same double: returns how many, *ret_point is where the point stands behind them. */
static int shortest(double d, char digits[20], int *ret_point) {
    char text[40];
    for (int precision = 14; precision <= 16; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, d);
        if (precision == 16 || strtod(text, NULL) == d)
            break;
    }
    int n = 0;
    const char *s = text;
    for (; *s && *s != 'e'; s++)
        if (*s != '.')
            digits[n++] = *s;
    *ret_point = (int)strtol(s + 1, NULL, 10) + 1;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    return n;
}

static size_t special(double d, char *out, size_t size) {
    int w = isnan(d) ? snprintf(out, size, "NaN") : snprintf(out, size, d > 0 ? "+Inf" : "-Inf");
    return w > 0 ? (size_t)w : 0;
}

/* digits with the point at its place, without exponent */
static size_t plain(bool minus, const char *digits, int n, int point, char *out, size_t size) {
    size_t at = 0;
#define PUT(ch) \
    do { \
        if (at + 1 < size) \
            out[at++] = (ch); \
    } while (0)
    if (minus)
        PUT('-');
    if (point <= 0) {
        PUT('0');
        PUT('.');
        for (int i = point; i < 0; i++)
            PUT('0');
        for (int i = 0; i < n; i++)
            PUT(digits[i]);
    } else
        for (int i = 0; i < n || i < point; i++) {
            if (i == point)
                PUT('.');
            PUT(i < n ? digits[i] : '0');
        }
#undef PUT
    out[at] = '\0';
    return at;
}

size_t cel_double_text(double d, char *out, size_t size) {
    char digits[20];
    int point, n;
    if (isnan(d) || isinf(d))
        return special(d, out, size);
    if (d == 0)
        return plain(signbit(d) != 0, "0", 1, 1, out, size);
    n = shortest(fabs(d), digits, &point);
    int exponent = point - 1;
    if (exponent >= -4 && exponent < 6)
        return plain(d < 0, digits, n, point, out, size);
    int w = snprintf(out, size, "%s%c%s%se%c%02d", d < 0 ? "-" : "", digits[0], n > 1 ? "." : "", digits + 1, exponent < 0 ? '-' : '+',
                     abs(exponent));
    return w > 0 ? (size_t)w : 0;
}

size_t cel_double_fixed(double d, char *out, size_t size) {
    char digits[20];
    int point, n;
    if (isnan(d) || isinf(d)) {
        int w = snprintf(out, size, "%s", isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
        return w > 0 ? (size_t)w : 0;
    }
    if (d == 0)
        return plain(signbit(d) != 0, "0", 1, 1, out, size);
    n = shortest(fabs(d), digits, &point);
    return plain(d < 0, digits, n, point, out, size);
}

/* ".25" for 250,000,000 nanoseconds; nothing for 0. */
static size_t fraction(uint32_t nanos, char *out) {
    char text[16];
    if (nanos == 0)
        return 0;
    int w = snprintf(text, sizeof text, ".%09u", nanos % 1000000000u);
    while (w > 2 && text[w - 1] == '0')
        w--;
    memcpy(out, text, (size_t)w);
    return (size_t)w;
}

size_t cel_time_text(struct cel_value v, char *out, size_t size) {
    struct civil c;
    char decimals[16];
    civil_from(v.i, &c);
    size_t n = fraction(v.aux, decimals);
    int w = snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d%.*sZ", c.year, c.month, c.day, c.hour, c.minute, c.second, (int)n, decimals);
    return w > 0 ? (size_t)w : 0;
}

size_t cel_duration_text(struct cel_value v, char *out, size_t size) {
    char decimals[16];
    int32_t nanos = (int32_t)v.aux;
    size_t n = fraction((uint32_t)(nanos < 0 ? -nanos : nanos), decimals);
    uint64_t seconds = v.i < 0 ? 0 - (uint64_t)v.i : (uint64_t)v.i;
    int w = snprintf(out, size, "%s%llu%.*ss", v.i < 0 || nanos < 0 ? "-" : "", (unsigned long long)seconds, (int)n, decimals);
    return w > 0 ? (size_t)w : 0;
}

/* "1h30m", "-1.5s", "10ms", "0": numbers with units, as Go reads them. */
bool cel_duration_parse(const char *s, size_t len, struct cel_value *ret) {
    static const struct {
        const char *name;
        int64_t nanos;
    } units[] = {{"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000},         {"\xce\xbcs", 1000},
                 {"ms", 1000000}, {"s", 1000000000}, {"m", INT64_C(60000000000)}, {"h", INT64_C(3600000000000)}};
    size_t at = 0;
    bool minus = false;
    uint64_t total = 0;
    if (at < len && (s[at] == '-' || s[at] == '+'))
        minus = s[at++] == '-';
    if (len - at == 1 && s[at] == '0')
        return cel_duration_make(0, 0, ret);
    if (at == len)
        return false;
    while (at < len) {
        uint64_t whole = 0, part = 0, scale = 1, unit;
        size_t digits = 0;
        for (; at < len && s[at] >= '0' && s[at] <= '9'; at++, digits++) {
            if (whole > (uint64_t)INT64_MAX / 10)
                return false;
            whole = whole * 10 + (uint64_t)(s[at] - '0');
        }
        if (at < len && s[at] == '.')
            for (at++; at < len && s[at] >= '0' && s[at] <= '9'; at++, digits++)
                if (scale < 1000000000000000) {
                    part = part * 10 + (uint64_t)(s[at] - '0');
                    scale *= 10;
                }
        if (digits == 0)
            return false;
        size_t k = 0, width = 0;
        while (at + width < len && s[at + width] != '.' && !(s[at + width] >= '0' && s[at + width] <= '9'))
            width++;
        while (k < sizeof units / sizeof *units && !(strlen(units[k].name) == width && !memcmp(units[k].name, s + at, width)))
            k++;
        if (k == sizeof units / sizeof *units)
            return false;
        at += width;
        unit = (uint64_t)units[k].nanos;
        if (__builtin_mul_overflow(whole, unit, &whole) || __builtin_add_overflow(total, whole, &total))
            return false;
        while (unit % 10 == 0 && scale % 10 == 0) { /* so that the product fits: what is left is at most 10^15 * 36 */
            unit /= 10;
            scale /= 10;
        }
        if (__builtin_add_overflow(total, part * unit / scale, &total))
            return false;
    }
    if (total > (uint64_t)INT64_MAX + minus)
        return false;
    int64_t seconds = (int64_t)(total / 1000000000), rest = (int64_t)(total % 1000000000);
    return cel_duration_make(minus ? -seconds : seconds, minus ? -rest : rest, ret);
}

static struct cel_value unreadable(const struct call *c, const char *what) {
    struct cel_value v = c->argv[0];
    return cel_fail(c->ev, c->node, CEL_E_VALUE, "'%.*s' cannot be read as %s", (int)(v.aux > 64 ? 64 : v.aux), v.s, what);
}

static struct cel_value int_of_text(const struct call *c, bool is_signed) {
    struct cel_value v = c->argv[0];
    size_t at = 0;
    bool minus = false;
    uint64_t u = 0;
    if (is_signed && v.aux && (v.s[0] == '-' || v.s[0] == '+'))
        minus = v.s[at++] == '-';
    if (at == v.aux)
        return unreadable(c, is_signed ? "an int" : "a uint");
    for (; at < v.aux; at++) {
        if (v.s[at] < '0' || v.s[at] > '9')
            return unreadable(c, is_signed ? "an int" : "a uint");
        if (__builtin_mul_overflow(u, UINT64_C(10), &u) || __builtin_add_overflow(u, (uint64_t)(v.s[at] - '0'), &u))
            return cel_fail(c->ev, c->node, CEL_E_RANGE, "the number is out of range");
    }
    if (!is_signed)
        return cel_uint(u);
    if (u > (uint64_t)INT64_MAX + minus)
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "the number is out of range");
    return cel_int(minus ? (int64_t)(0 - u) : (int64_t)u);
}

static bool word_is(const char *s, size_t len, const char *word) { return strlen(word) == len && !strncasecmp(s, word, len); }

static struct cel_value double_of_text(const struct call *c) {
    struct cel_value v = c->argv[0];
    char text[CEL_NUMBER_TEXT];
    size_t at = 0, digits = 0;
    if (v.aux == 0 || v.aux >= sizeof text)
        return unreadable(c, "a double");
    memcpy(text, v.s, v.aux);
    text[v.aux] = '\0';
    if (text[at] == '-' || text[at] == '+')
        at++;
    if (word_is(text + at, v.aux - at, "inf") || word_is(text + at, v.aux - at, "infinity"))
        return cel_double(text[0] == '-' ? -INFINITY : INFINITY);
    if (word_is(text, v.aux, "nan"))
        return cel_double(NAN);
    for (size_t i = at; i < v.aux; i++) { /* strtod reads more than numbers as Go has them */
        if (text[i] >= '0' && text[i] <= '9')
            digits++;
        else if (!strchr(".eE+-", text[i]) || text[i] == '\0')
            return unreadable(c, "a double");
    }
    char *end;
    errno = 0;
    double d = strtod(text, &end);
    if (!digits || *end || end != text + v.aux)
        return unreadable(c, "a double");
    if (isinf(d))
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "the number is out of range");
    return cel_double(d);
}

struct cel_value cel_number_of_text(const struct call *c, enum cel_type want) {
    if (!cel_take_text(c->ev, c->argv[0].aux))
        return cel_out_of_steps(c->ev);
    return want == CEL_DOUBLE ? double_of_text(c) : int_of_text(c, want == CEL_INT);
}

struct cel_value cel_time_of_text(const struct call *c, struct cel_value v) {
    int64_t seconds;
    int nanos;
    bool zoned;
    struct cel_value r;
    if (time_parse(v.s, v.aux, true, &seconds, &nanos, &zoned) || !zoned)
        return unreadable(c, "a timestamp (2026-01-05T20:00:00+08:00)");
    return cel_time_make(seconds, nanos, &r) ? r : cel_fail(c->ev, c->node, CEL_E_RANGE, "timestamp out of range: years 1 to 9999");
}
