/* SPDX-License-Identifier: Apache-2.0
 * Time. Stamps and spans inside gengfu are int64 milliseconds; a stamp counts from 1970-01-01T00:00:00Z (leap seconds unknown).
 * Only clock_* read a clock, and only daemon and cli may call them: everything below is given its time. */
#ifndef GENGFU_BASE_TIME_H
#define GENGFU_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"

#define TIME_SECOND INT64_C(1000)
#define TIME_MINUTE (60 * TIME_SECOND)
#define TIME_HOUR (60 * TIME_MINUTE)
#define TIME_DAY (24 * TIME_HOUR)
#define TIME_NONE INT64_MIN /* no such time */

int64_t clock_wall(void);    /* CLOCK_REALTIME */
int64_t clock_mono(void);    /* CLOCK_BOOTTIME: goes on in suspend, never steps */
int64_t clock_mono_us(void); /* the same in microseconds, for measuring */

/* Civil time, proleptic Gregorian, years -9999..9999. */
struct civil {
    int year, month, day;     /* month 1..12, day 1..31 */
    int hour, minute, second; /* second 0..59 */
    int nanos;
    int weekday; /* 0 Sunday; set by civil_from, ignored by civil_to */
    int yearday; /* 0 is 1 January; the same */
};
void civil_from(int64_t seconds, struct civil *ret);                      /* seconds since the epoch, UTC or shifted by an offset */
GF_WARN_UNUSED int civil_to(const struct civil *c, int64_t *ret_seconds); /* GF_EINVAL for 31 February */

/* RFC 3339. Parsing takes 'T', 't' or a blank between date and time, 'Z' or an offset (+08:00, +0800), and up to 9 decimals (more are cut).
 * `need_zone` false lets the zone be missing: then *ret_zoned is false and the seconds are local. */
GF_WARN_UNUSED int time_parse(const char *s, size_t len, bool need_zone, int64_t *ret_seconds, int *ret_nanos, bool *ret_zoned);
#define TIME_TEXT_MAX 48
/* "2026-01-05T20:00:00+08:00", with ".123" when there are milliseconds. offset: seconds east of UTC. Returns out. */
const char *time_format(int64_t ms, int offset, char out[TIME_TEXT_MAX]);

/* Spans: "10s", "5m", "1h30m", "14d", "2w", "250ms", "0s". */
GF_WARN_UNUSED int span_parse(const char *s, size_t len, int64_t *ret_ms, struct err *err);
const char *span_format(int64_t ms, char out[TIME_TEXT_MAX]);    /* "1h30m" */
const char *span_format_zh(int64_t ms, char out[TIME_TEXT_MAX]); /* "1小时30分钟", "10分钟", "45秒", "3天2小时" */

/* Time zones by IANA name, read from the system's TZif files (RFC 8536), or fixed: "UTC", "+08:00". */
struct zone;
GF_WARN_UNUSED int zone_open(const char *name, struct err *err, struct zone **ret); /* free with zone_free */
void zone_free(struct zone *z);
const char *zone_name(const struct zone *z);
int zone_offset(const struct zone *z, int64_t utc_seconds); /* seconds east of UTC at that moment; NULL zone is UTC */
/* Local seconds to UTC. In a gap: the moment after it; when it exists twice: the first. */
int64_t zone_to_utc(const struct zone *z, int64_t local_seconds);

/* Sunrise and sunset of the civil day that holds local noon of `day` (seconds since the epoch of local midnight / 86400), at lat, lon in degrees
 * (NOAA's solar position equations; good to a minute). UTC seconds. False when the sun does not rise or set that day. */
bool sun_times(int64_t day, double lat, double lon, int64_t *ret_rise, int64_t *ret_set);

#endif
