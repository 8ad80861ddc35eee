/* SPDX-License-Identifier: Apache-2.0
 * POSIX TZ rules (IEEE Std 1003.1, 8.3; hours from -167 to 167 as RFC 8536 3.3.1 allows). Pure. */
#include "zone_int.h"

#include "gengfu/base/time.h"

struct cursor {
    const char *p, *end;
};

static bool eat(struct cursor *c, char ch) {
    if (c->p == c->end || *c->p != ch)
        return false;
    c->p++;
    return true;
}

static bool number(struct cursor *c, int min, int max, int *ret) {
    const char *from = c->p;
    int v = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && c->p - from < 3)
        v = v * 10 + (*c->p++ - '0');
    if (c->p == from || v < min || v > max)
        return false;
    *ret = v;
    return true;
}

/* "CST" or "<+0330>". */
static bool name(struct cursor *c) {
    const char *from = c->p;
    if (eat(c, '<')) {
        while (c->p < c->end && *c->p != '>')
            c->p++;
        return c->p - from >= 2 && eat(c, '>');
    }
    while (c->p < c->end && ((*c->p >= 'A' && *c->p <= 'Z') || (*c->p >= 'a' && *c->p <= 'z')))
        c->p++;
    return c->p - from >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool hms(struct cursor *c, int max_hours, int *ret) {
    int sign = 1, h, m = 0, s = 0;
    if (eat(c, '-'))
        sign = -1;
    else
        (void)eat(c, '+');
    if (!number(c, 0, max_hours, &h))
        return false;
    if (eat(c, ':')) {
        if (!number(c, 0, 59, &m))
            return false;
        if (eat(c, ':') && !number(c, 0, 59, &s))
            return false;
    }
    *ret = sign * (h * 3600 + m * 60 + s);
    return true;
}

static bool day(struct cursor *c, struct zone_day *d) {
    *d = (struct zone_day){.seconds = 2 * 3600};
    if (eat(c, 'M')) {
        d->kind = ZONE_DAY_WEEK;
        if (!number(c, 1, 12, &d->month) || !eat(c, '.') || !number(c, 1, 5, &d->week) || !eat(c, '.') || !number(c, 0, 6, &d->day))
            return false;
    } else if (eat(c, 'J')) {
        d->kind = ZONE_DAY_JULIAN;
        if (!number(c, 1, 365, &d->day))
            return false;
    } else {
        d->kind = ZONE_DAY_NUMBER;
        if (!number(c, 0, 365, &d->day))
            return false;
    }
    return !eat(c, '/') || hms(c, 167, &d->seconds);
}

int zone_rule_parse(const char *s, size_t len, struct zone_rule *ret) {
    struct cursor c = {s, s + len};
    struct zone_rule r = {0};
    int west;
    if (!name(&c) || !hms(&c, 24, &west))
        return GF_EINVAL;
    r.offset = -west; /* POSIX counts westward */
    if (c.p < c.end) {
        r.has_dst = true;
        r.dst_offset = r.offset + 3600;
        if (!name(&c))
            return GF_EINVAL;
        if (c.p < c.end && *c.p != ',') {
            if (!hms(&c, 24, &west))
                return GF_EINVAL;
            r.dst_offset = -west;
        }
        if (!eat(&c, ',') || !day(&c, &r.begin) || !eat(&c, ',') || !day(&c, &r.end))
            return GF_EINVAL;
    }
    if (c.p != c.end)
        return GF_EINVAL;
    *ret = r;
    return 0;
}

/* The moment, in seconds of its own local time, at which the day's rule falls in that year. */
static int64_t moment(const struct zone_day *d, int year) {
    int64_t first;
    struct civil c = {.year = year, .month = 1, .day = 1};
    if (civil_to(&c, &first))
        return 0;
    if (d->kind == ZONE_DAY_NUMBER)
        return first + (int64_t)d->day * 86400 + d->seconds;
    if (d->kind == ZONE_DAY_JULIAN) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return first + (int64_t)(d->day - 1 + (leap && d->day >= 60)) * 86400 + d->seconds;
    }
    c.month = d->month;
    if (civil_to(&c, &first))
        return 0;
    struct civil of_first;
    civil_from(first, &of_first);
    int date = 1 + (d->day - of_first.weekday + 7) % 7 + (d->week - 1) * 7;
    for (c.day = date;; c.day -= 7) { /* the fifth week is the last one, which may be the fourth */
        int64_t t;
        if (civil_to(&c, &t) == 0)
            return t + d->seconds;
        if (c.day <= 7)
            return 0;
    }
}

int zone_rule_offset(const struct zone_rule *r, int64_t utc) {
    if (!r->has_dst)
        return r->offset;
    struct civil c;
    civil_from(utc + r->offset, &c);
    int64_t begin = moment(&r->begin, c.year) - r->offset, end = moment(&r->end, c.year) - r->dst_offset;
    bool summer = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end; /* south of the equator it spans New Year */
    return summer ? r->dst_offset : r->offset;
}
