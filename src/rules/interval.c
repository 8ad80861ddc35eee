/* SPDX-License-Identifier: Apache-2.0
 * Time intervals at work. A range belongs to the day on which it begins: "friday, 22:00 to 06:00" reaches into Saturday morning.
 * Clock times are of the interval's zone, so that they follow daylight saving; sunrise and sunset are the gateway's.
 *
 * Where the sun does not set on a day, sunrise is that day's first moment and sunset its last; where it does not rise, both are noon. Offsets do not count then. */
#include "rules/interval_int.h"

#include <math.h>

#define DAY_S INT64_C(86400)
#define LOOK_AHEAD 8 /* days */

const char *interval_name(const struct interval *iv) { return iv->name; }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int month_length(int year, int month) {
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : length[month - 1];
}

static bool within(const struct int_range *r, size_t n, int v) {
    for (size_t i = 0; i < n; i++)
        if (r[i].begin <= v && v <= r[i].end)
            return true;
    return n == 0;
}

static bool month_day(const struct interval_spec *s, const struct civil *c) {
    int last = month_length(c->year, c->month);
    for (size_t i = 0; i < s->ndays; i++) {
        int begin = s->days[i].begin < 0 ? last + 1 + s->days[i].begin : s->days[i].begin;
        int end = s->days[i].end < 0 ? last + 1 + s->days[i].end : s->days[i].end;
        if (begin <= c->day && c->day <= end)
            return true;
    }
    return s->ndays == 0;
}

/* Is `day` (days since the epoch, local) one of the spec's days? */
static bool day_matches(const struct interval_spec *s, int64_t day) {
    struct civil c;
    civil_from(day * DAY_S, &c);
    return (!s->weekdays || (s->weekdays >> c.weekday & 1)) && (!s->months || (s->months >> (c.month - 1) & 1)) && month_day(s, &c) &&
           within(s->years, s->nyears, c.year);
}

/* The sun is up all day, on a day without sunrise and sunset, when it stands on our side of the equator. */
static bool polar_day(int64_t day, double lat) {
    struct civil c;
    civil_from(day * DAY_S, &c);
    bool north = c.yearday >= 79 && c.yearday < 265;
    return north == (lat > 0);
}

/* Local midnight at which `day` begins, in UTC seconds. */
static int64_t midnight(const struct interval_spec *s, int64_t day) { return zone_to_utc(s->zone, day * DAY_S); }

static int64_t moment(const struct interval *iv, const struct interval_spec *s, int64_t day, struct day_time t) {
    if (t.anchor == ANCHOR_MIDNIGHT)
        return zone_to_utc(s->zone, day * DAY_S + t.offset);
    int64_t rise, set;
    if (sun_times(day, iv->lat, iv->lon, &rise, &set))
        return (t.anchor == ANCHOR_SUNRISE ? rise : set) + t.offset;
    if (polar_day(day, iv->lat))
        return midnight(s, t.anchor == ANCHOR_SUNRISE ? day : day + 1);
    return zone_to_utc(s->zone, day * DAY_S + DAY_S / 2);
}

/* The range that begins on `day`: [begin, end) in UTC seconds; false when it is empty. */
static bool range_of(const struct interval *iv, const struct interval_spec *s, const struct time_range *r, int64_t day, int64_t *ret_begin,
                     int64_t *ret_end) {
    *ret_begin = moment(iv, s, day, r->start);
    *ret_end = moment(iv, s, day + r->wraps, r->end);
    return *ret_begin < *ret_end;
}

static int64_t local_day(const struct interval_spec *s, int64_t seconds) {
    return floor_div(seconds + zone_offset(s->zone, seconds), DAY_S);
}

static bool spec_contains(const struct interval *iv, const struct interval_spec *s, int64_t seconds) {
    int64_t today = local_day(s, seconds);
    if (s->ntimes == 0)
        return day_matches(s, today);
    /* Sunset may be moved past midnight by its offset, so the neighbours of the day are looked at too. */
    for (int64_t day = today - 2; day <= today + 1; day++) {
        if (!day_matches(s, day))
            continue;
        for (size_t i = 0; i < s->ntimes; i++) {
            int64_t begin, end;
            if (range_of(iv, s, &s->times[i], day, &begin, &end) && begin <= seconds && seconds < end)
                return true;
        }
    }
    return false;
}

bool interval_contains(const struct interval *iv, int64_t wall_ms) {
    int64_t seconds = floor_div(wall_ms, 1000);
    for (size_t i = 0; i < iv->nspecs; i++)
        if (spec_contains(iv, &iv->specs[i], seconds))
            return true;
    return false;
}

/* Takes a boundary as the answer when it lies behind `now`, before the best so far, and contains() differs there. */
static void consider(const struct interval *iv, int64_t boundary, int64_t now, bool inside, int64_t *best) {
    if (boundary > now && boundary < *best && interval_contains(iv, boundary * 1000) != inside)
        *best = boundary;
}

int64_t interval_next_change(const struct interval *iv, int64_t wall_ms) {
    int64_t now = floor_div(wall_ms, 1000), best = now + LOOK_AHEAD * DAY_S;
    bool inside = interval_contains(iv, wall_ms);
    for (size_t k = 0; k < iv->nspecs; k++) {
        const struct interval_spec *s = &iv->specs[k];
        int64_t today = local_day(s, now);
        for (int64_t day = today - 2; day <= today + LOOK_AHEAD && midnight(s, day - 2) < best; day++) {
            consider(iv, midnight(s, day), now, inside, &best);
            for (size_t i = 0; i < s->ntimes && day_matches(s, day); i++) {
                int64_t begin, end;
                if (!range_of(iv, s, &s->times[i], day, &begin, &end))
                    continue;
                consider(iv, begin, now, inside, &best);
                consider(iv, end, now, inside, &best);
            }
        }
    }
    return best * 1000;
}
