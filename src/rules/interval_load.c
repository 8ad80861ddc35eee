/* SPDX-License-Identifier: Apache-2.0
 * Time intervals from YAML: Alertmanager's words, with sunrise, sunset and ranges over midnight beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "rules/interval_int.h"
#include "rules/load_int.h"
#include "rules/shape_int.h"

struct parsing {
    struct loader *ld;
    struct interval *iv;
    struct interval_spec *spec;
};

/* -- times of day ------------------------------------------------------------------------------------------------------------- */

static bool two_digits(const char *s, int *ret) {
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return false;
    *ret = (s[0] - '0') * 10 + (s[1] - '0');
    return true;
}

/* "07:20", "24:00", "sunset-15m", "sunrise + 1h". */
static bool parse_day_time(const char *s, struct day_time *ret) {
    static const struct {
        const char *word;
        enum anchor anchor;
    } anchors[] = {{"sunrise", ANCHOR_SUNRISE}, {"sunset", ANCHOR_SUNSET}};
    int h, m;
    if (strlen(s) == 5 && two_digits(s, &h) && s[2] == ':' && two_digits(s + 3, &m) && m < 60 && (h < 24 || (h == 24 && m == 0))) {
        *ret = (struct day_time){ANCHOR_MIDNIGHT, h * 3600 + m * 60};
        return true;
    }
    for (size_t i = 0; i < COUNT(anchors); i++) {
        size_t n = strlen(anchors[i].word);
        if (strncmp(s, anchors[i].word, n) != 0)
            continue;
        s += n;
        s += strspn(s, " ");
        int64_t ms = 0;
        if (*s) {
            char sign = *s++;
            s += strspn(s, " ");
            if ((sign != '+' && sign != '-') || span_parse(s, strlen(s), &ms, NULL) < 0 || ms < 0 || ms > 12 * TIME_HOUR)
                return false;
            if (sign == '-')
                ms = -ms;
        }
        *ret = (struct day_time){anchors[i].anchor, (int32_t)(ms / 1000)};
        return true;
    }
    return false;
}

static bool read_day_time(struct parsing *p, const struct yaml_node *n, const char *what, struct day_time *ret) {
    static const char hint[] =
        "'HH:MM' in quotes ('24:00' is the end of the day), sunrise or sunset, with +30m or -30m (at most 12h) behind it";
    struct reader *rd = &p->ld->rd;
    if (n->bad)
        return false;
    if (n->kind != YAML_SCALAR || !parse_day_time(n->text, ret)) {
        report_error(rd->rep, n->at, hint, "%s is no time of day: %.60s", what, n->kind == YAML_SCALAR ? n->text : node_kind_name(n));
        return false;
    }
    if (ret->anchor != ANCHOR_MIDNIGHT && !p->ld->rs->config->has_place) {
        report_error(rd->rep, n->at, "give gateway.lat and gateway.lon in gengfu.yaml", "sunrise and sunset need the gateway's place");
        return false;
    }
    return true;
}

static int nominal(struct day_time t) {
    return t.offset + (t.anchor == ANCHOR_SUNRISE ? 6 * 3600 : t.anchor == ANCHOR_SUNSET ? 18 * 3600 : 0);
}

static bool read_time_range(struct parsing *p, const struct yaml_node *n, struct time_range *ret) {
    struct reader *rd = &p->ld->rd;
    if (!node_mapping(rd, n, "an item of 'times'", "{start_time: '07:20', end_time: '08:20'}"))
        return false;
    bool fine = shape_keys(rd, n, &time_range_shape);
    const struct yaml_node *start = yaml_get(n, "start_time"), *end = yaml_get(n, "end_time");
    if (!start || !end) {
        if (fine)
            report_error(rd->rep, n->at, "{start_time: '07:20', end_time: '08:20'}", "'%s' is missing", start ? "end_time" : "start_time");
        return false;
    }
    fine = read_day_time(p, start, "'start_time'", &ret->start) && fine;
    fine = read_day_time(p, end, "'end_time'", &ret->end) && fine;
    if (!fine)
        return false;
    if (ret->start.anchor == ret->end.anchor && ret->start.offset == ret->end.offset) {
        report_error(rd->rep, end->at, "for the whole day leave 'times' out", "the range ends where it begins");
        return false;
    }
    ret->wraps = nominal(ret->end) <= nominal(ret->start);
    return true;
}

static bool read_times(struct parsing *p, const struct yaml_node *n) {
    struct reader *rd = &p->ld->rd;
    if (n->bad)
        return false;
    if (n->kind != YAML_SEQUENCE || n->n == 0 || n->n > MAX_RANGES) {
        report_error(rd->rep, n->at, "times: [{start_time: '07:20', end_time: '08:20'}]",
                     "'times' must be a list of 1 to %d ranges, not %s", MAX_RANGES,
                     n->kind == YAML_SEQUENCE ? (n->n ? "more" : "an empty list") : node_kind_name(n));
        return false;
    }
    struct time_range *times = reader_alloc(rd, n->n * sizeof *times);
    bool fine = times != NULL;
    for (size_t i = 0; times && i < n->n; i++)
        fine = read_time_range(p, n->items[i], &times[i]) && fine;
    p->spec->times = times;
    p->spec->ntimes = n->n;
    return fine;
}

/* -- days --------------------------------------------------------------------------------------------------------------------- */

/* "monday" or 1..12 among names; -1. */
static int named(const char *s, size_t len, const char *const *names, size_t n, bool numbers) {
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == len && strncasecmp(names[i], s, len) == 0)
            return (int)i;
    char *end, text[8];
    if (!numbers || len == 0 || len >= sizeof text)
        return -1;
    memcpy(text, s, len);
    text[len] = '\0';
    long v = strtol(text, &end, 10);
    return *end == '\0' && v >= 1 && v <= (long)n ? (int)v - 1 : -1;
}

/* 'monday:friday', 'december:february' as a set of bits. */
static bool read_named(struct parsing *p, const struct yaml_node *n, const char *what, const char *const *names, size_t count, bool numbers,
                       unsigned *ret) {
    const struct yaml_node *const *words;
    size_t nwords;
    if (!node_words(&p->ld->rd, n, what, &words, &nwords))
        return false;
    bool fine = true;
    for (size_t i = 0; i < nwords; i++) {
        const char *s = words[i]->text, *colon = strchr(s, ':');
        size_t len = colon ? (size_t)(colon - s) : strlen(s);
        int begin = named(s, len, names, count, numbers), end = colon ? named(colon + 1, strlen(colon + 1), names, count, numbers) : begin;
        if (begin < 0 || end < 0) {
            size_t from = begin < 0 ? 0 : len + 1, to = begin < 0 ? len : words[i]->len;
            char part[40];
            (void)snprintf(part, sizeof part, "%.*s", (int)(to - from < 39 ? to - from : 39), s + from);
            report_unknown(p->ld->rd.rep, yaml_place(words[i], from, to), part, names, count, "%s has no '%s'", what, part);
            fine = false;
            continue;
        }
        for (int k = begin;; k = (k + 1) % (int)count) {
            *ret |= 1u << k;
            if (k == end)
                break;
        }
    }
    return fine;
}

static bool parse_range(const char *s, struct int_range *ret) {
    char *end;
    long a = strtol(s, &end, 10), b = a;
    if (end == s)
        return false;
    if (*end == ':') {
        const char *second = end + 1;
        b = strtol(second, &end, 10);
        if (end == second)
            return false;
    }
    if (*end || a < -9999 || a > 9999 || b < -9999 || b > 9999)
        return false;
    *ret = (struct int_range){(int)a, (int)b};
    return true;
}

static bool read_ranges(struct parsing *p, const struct yaml_node *n, bool days, const struct int_range **ret, size_t *ret_n) {
    const char *what = days ? "'days_of_month'" : "'years'";
    const char *hint = days ? "1 to 31, or -1 (the last day) to -31; a range as '1:5' or '-3:-1'" : "2026, or a range as '2026:2028'";
    const struct yaml_node *const *words;
    size_t nwords;
    if (!node_words(&p->ld->rd, n, what, &words, &nwords))
        return false;
    struct int_range *out = reader_alloc(&p->ld->rd, nwords * sizeof *out);
    if (!out)
        return false;
    bool fine = true;
    for (size_t i = 0; i < nwords; i++) {
        struct int_range *r = &out[i];
        bool good = parse_range(words[i]->text, r);
        if (good && days)
            good = r->begin && r->end && abs(r->begin) <= 31 && abs(r->end) <= 31 &&
                   ((r->begin > 0) != (r->end > 0) ? r->begin > 0 : r->begin <= r->end);
        else if (good)
            good = r->begin >= 1970 && r->begin <= r->end;
        if (!good)
            report_error(p->ld->rd.rep, words[i]->at, hint, "%s cannot be '%.40s'", what, words[i]->text);
        fine = fine && good;
    }
    *ret = out;
    *ret_n = nwords;
    return fine;
}

/* -- the interval --------------------------------------------------------------------------------------------------------------- */

static bool read_location(struct parsing *p, const struct yaml_node *n) {
    struct reader *rd = &p->ld->rd;
    const char *name = node_text(rd, n, "'location'");
    struct err err = {0};
    if (!name)
        return false;
    struct zone **zones = realloc(p->iv->zones, (p->iv->nzones + 1) * sizeof *zones);
    if (!zones) {
        reader_oom(rd);
        return false;
    }
    p->iv->zones = zones;
    if (zone_open(name, &err, &p->spec->zone) < 0) {
        report_error(rd->rep, n->at, "an IANA name such as Asia/Shanghai; left out, it is the gateway's zone",
                     "the time zone '%.60s' is not known", name);
        return false;
    }
    zones[p->iv->nzones++] = p->spec->zone;
    return true;
}

static bool read_spec(struct parsing *p, const struct yaml_node *n) {
    struct reader *rd = &p->ld->rd;
    if (!node_mapping(rd, n, "a time interval", "{weekdays: ['monday:friday'], times: [{start_time: '07:20', end_time: '08:20'}]}"))
        return false;
    bool fine = shape_keys(rd, n, &interval_shape);
    p->spec->zone = p->ld->rs->config->zone;
    const struct yaml_node *v;
    unsigned set = 0;
    if (n->n == 0) {
        report_error(rd->rep, n->at, "give times, weekdays, days_of_month, months or years", "an interval that says nothing");
        return false;
    }
    if ((v = yaml_get(n, "location")))
        fine = read_location(p, v) && fine;
    if ((v = yaml_get(n, "times")))
        fine = read_times(p, v) && fine;
    if ((v = yaml_get(n, "weekdays"))) {
        fine = read_named(p, v, "'weekdays'", shape_weekdays, 7, false, &set) && fine;
        p->spec->weekdays = (uint8_t)set;
        set = 0;
    }
    if ((v = yaml_get(n, "months"))) {
        fine = read_named(p, v, "'months'", shape_months, 12, true, &set) && fine;
        p->spec->months = (uint16_t)set;
    }
    if ((v = yaml_get(n, "days_of_month")))
        fine = read_ranges(p, v, true, &p->spec->days, &p->spec->ndays) && fine;
    if ((v = yaml_get(n, "years")))
        fine = read_ranges(p, v, false, &p->spec->years, &p->spec->nyears) && fine;
    return fine;
}

void interval_close(struct interval *iv) {
    if (!iv)
        return;
    for (size_t i = 0; i < iv->nzones; i++)
        zone_free(iv->zones[i]);
    free(iv->zones);
    iv->zones = NULL;
    iv->nzones = 0;
}

static struct interval *read_interval(struct loader *ld, const struct definition *d) {
    struct reader *rd = &ld->rd;
    const char *name;
    if (d->value->bad || !node_name(rd, d->key, "the time interval", &name))
        return NULL;
    bool list = d->value->kind == YAML_SEQUENCE;
    size_t n = list ? d->value->n : 1;
    if (n == 0 || n > MAX_SPECS) {
        report_error(rd->rep, d->value->at, NULL, "a time interval must have 1 to %d parts", MAX_SPECS);
        return NULL;
    }
    struct interval *iv = reader_alloc(rd, sizeof *iv);
    struct interval_spec *specs = reader_alloc(rd, n * sizeof *specs);
    if (!iv || !specs)
        return NULL;
    *iv = (struct interval){.name = name, .lat = ld->rs->config->lat, .lon = ld->rs->config->lon, .nspecs = n, .specs = specs};
    bool fine = true;
    for (size_t i = 0; i < n; i++) {
        struct parsing p = {.ld = ld, .iv = iv, .spec = &specs[i]};
        fine = read_spec(&p, list ? d->value->items[i] : d->value) && fine;
    }
    if (!fine || rd->oom) {
        interval_close(iv);
        return NULL;
    }
    return iv;
}

void loader_intervals(struct loader *ld) {
    ld->interval_list = reader_alloc(&ld->rd, ld->intervals.n * sizeof(struct interval *));
    for (size_t i = 0; i < ld->intervals.n && !ld->rd.oom; i++) {
        ld->interval_list[i] = read_interval(ld, &ld->intervals.items[i]);
        if (ld->interval_list[i])
            ld->rs->nintervals++;
    }
    struct interval **kept = reader_alloc(&ld->rd, ld->rs->nintervals * sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < ld->intervals.n && ld->interval_list; i++)
        if (ld->interval_list[i] && kept)
            kept[n++] = ld->interval_list[i];
        else
            interval_close(ld->interval_list[i]);
    ld->rs->nintervals = n;
    ld->own->intervals = kept;
    ld->rs->intervals = (const struct interval *const *)kept;
}
