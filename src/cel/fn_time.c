/* SPDX-License-Identifier: Apache-2.0
 * Parts of timestamps (in UTC or in a zone by name) and of durations. Zones of constant names are opened when the expression is compiled;
 * names that are computed are opened at their first use and kept with the program, a few of them. */
#include "cel_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "gengfu/base/time.h"

#define MAX_ZONES 32

/* "+08:00", "-09:30", "02:00": offset in seconds. */
bool cel_zone_fixed(const char *s, size_t len, int *ret_offset) {
    int sign = 1;
    if (len && (s[0] == '+' || s[0] == '-')) {
        sign = s[0] == '-' ? -1 : 1;
        s++;
        len--;
    }
    if (len != 5 || s[2] != ':')
        return false;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && (s[i] < '0' || s[i] > '9'))
            return false;
    int hours = (s[0] - '0') * 10 + (s[1] - '0'), minutes = (s[3] - '0') * 10 + (s[4] - '0');
    if (hours > 23 || minutes > 59)
        return false;
    *ret_offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define CYCLE (INT64_C(146097) * 86400)   /* 400 years, after which days and weekdays are the same again */

static struct cel_value part(const char *name, struct cel_value v, int offset) {
    struct civil c;
    bool beyond = v.i > LAST_SECOND - offset; /* east of Greenwich the last day has hours of the year 10000 */
    civil_from(v.i + offset - (beyond ? CYCLE : 0), &c);
    c.year += beyond ? 400 : 0;
    switch (name[3] << 8 | name[4]) { /* get…: two letters tell them apart, but for the days */
    case 'F' << 8 | 'u': return cel_int(c.year);
    case 'M' << 8 | 'o': return cel_int(c.month - 1);
    case 'D' << 8 | 'a':
        if (!strncmp(name, "getDayOfYear", 12))
            return cel_int(c.yearday);
        if (!strncmp(name, "getDayOfMonth", 13))
            return cel_int(c.day - 1);
        if (!strncmp(name, "getDayOfWeek", 12))
            return cel_int(c.weekday);
        return cel_int(c.day);
    case 'H' << 8 | 'o': return cel_int(c.hour);
    case 'S' << 8 | 'e': return cel_int(c.second);
    default: return !strncmp(name, "getMinutes", 10) ? cel_int(c.minute) : cel_int(v.aux / 1000000);
    }
}

struct cel_value cel_time_part(struct ev *e, const struct node *n, const char *name, struct cel_value v, const struct zone *z) {
    (void)e;
    (void)n;
    return part(name, v, zone_offset(z, v.i));
}

static const char *called(const struct call *c) { return c->node->overloads[0]->name; }

static struct cel_value fn_part(const struct call *c) { return part(called(c), c->argv[0], 0); }

static struct cel_value fn_part_zone(const struct call *c) {
    struct cel_value name = c->argv[1];
    struct cel_program *p = (struct cel_program *)(uintptr_t)c->ev->program; /* the cache of zones is the one thing that changes */
    struct zone_ref *z;
    int offset;
    if (name.aux == 3 && !memcmp(name.s, "UTC", 3))
        return part(called(c), c->argv[0], 0);
    if (cel_zone_fixed(name.s, name.aux, &offset))
        return part(called(c), c->argv[0], offset);
    if (p && name.aux == 5 && !memcmp(name.s, "local", 5))
        return cel_time_part(c->ev, c->node, called(c), c->argv[0], p->site);
    for (z = p ? p->zones : NULL; z; z = z->next)
        if (strlen(z->name) == name.aux && !memcmp(z->name, name.s, name.aux))
            break;
    if (!z && p && p->nzones < MAX_ZONES && name.aux && name.aux < sizeof z->name && !memchr(name.s, '\0', name.aux)) {
        z = calloc(1, sizeof *z);
        if (!z)
            return cel_no_memory();
        memcpy(z->name, name.s, name.aux);
        if (zone_open(z->name, NULL, &z->zone) < 0) {
            free(z);
            z = NULL;
        } else {
            z->next = p->zones;
            p->zones = z;
            p->nzones++;
        }
    }
    if (!z)
        return cel_fail(c->ev, c->node, CEL_E_VALUE, "unknown time zone '%.*s'", (int)(name.aux > 64 ? 64 : name.aux), name.s);
    return cel_time_part(c->ev, c->node, called(c), c->argv[0], z->zone);
}

/* Seconds and nanoseconds of a duration have the same sign. */
static struct cel_value fn_hours(const struct call *c) { return cel_int(c->argv[0].i / 3600); }
static struct cel_value fn_minutes(const struct call *c) { return cel_int(c->argv[0].i / 60); }
static struct cel_value fn_seconds(const struct call *c) { return cel_int(c->argv[0].i); }
static struct cel_value fn_milliseconds(const struct call *c) { return cel_int((int32_t)c->argv[0].aux / 1000000); }

#define MOMENT "timestamp('2026-01-05T16:07:08.009Z')."
#define PART(name, about, utc, zoned) \
    {"timestamp." name "() -> int", fn_part, about ", in UTC", MOMENT name "() => " utc}, { \
        "timestamp." name "(string) -> int", fn_part_zone, about ", in a zone: 'Asia/Shanghai', '+08:00', 'local'", \
            MOMENT name "('Asia/Shanghai') => " zoned \
    }

const struct cel_fn cel_fns_time[] = {
    PART("getFullYear", "the year", "2026", "2026"),
    PART("getMonth", "the month, January is 0", "0", "0"),
    PART("getDate", "the day of the month, from 1", "5", "6"),
    PART("getDayOfMonth", "the day of the month, from 0", "4", "5"),
    PART("getDayOfWeek", "the day of the week, Sunday is 0", "1", "2"),
    PART("getDayOfYear", "the day of the year, from 0", "4", "5"),
    PART("getHours", "the hour, 0 to 23", "16", "0"),
    PART("getMinutes", "the minute, 0 to 59", "7", "7"),
    PART("getSeconds", "the second, 0 to 59", "8", "8"),
    PART("getMilliseconds", "the milliseconds within the second, 0 to 999", "9", "9"),
    {"duration.getHours() -> int", fn_hours, "whole hours of the whole duration", "duration('90m').getHours() => 1"},
    {"duration.getMinutes() -> int", fn_minutes, "whole minutes of the whole duration", "duration('90m').getMinutes() => 90"},
    {"duration.getSeconds() -> int", fn_seconds, "whole seconds of the whole duration", "duration('90m').getSeconds() => 5400"},
    {"duration.getMilliseconds() -> int", fn_milliseconds, "milliseconds within the second, 0 to 999",
     "duration('1.25s').getMilliseconds() => 250"},
    {NULL, NULL, NULL, NULL},
};
