/* SPDX-License-Identifier: Apache-2.0
 * What a back-test found: a table by rule, a histogram by day, the incidents that differ; or lines for programs. */
#include "backtest_show.h"

#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/time.h"

#define LISTED 40 /* incidents that differ, unless --all */
#define MAX_DAYS 366
#define DAY_SECONDS 86400

struct tally { /* of a rule, or of a day */
    const char *rule;
    uint64_t sets[BACKTEST_SETS];
    uint64_t same, gone, came, silent; /* silent: of the set after */
    uint64_t same_false, gone_false;
};
struct tallies {
    struct tally *items;
    size_t n;
    struct tally sum;
};

static const char *const set_names[BACKTEST_SETS] = {"then", "now", "new"};

static bool within(const struct backtest *b, const struct backtest_incident *i) {
    return i->raised >= b->since && i->raised < b->until && (b->rule == NULL || b->rule == i->rule);
}

static bool is_false(const struct backtest *b, enum backtest_set set, size_t i) {
    return backtest_disposition(b, set, i) == DISPOSITION_FALSE_ALARM;
}

static void count(const struct backtest *b, enum backtest_set set, size_t i, struct tally *t) {
    bool alarm = is_false(b, set, i);

    t->sets[set] += b->sets[set].items[i].told;
    switch (backtest_verdict(b, set, i)) {
    case BACKTEST_OUTSIDE: break;
    case BACKTEST_SILENT: t->silent += set == b->after; break;
    case BACKTEST_SAME:
        t->same += set == b->after;
        t->same_false += set == b->after && alarm;
        break;
    case BACKTEST_GONE:
        t->gone++;
        t->gone_false += alarm;
        break;
    case BACKTEST_CAME: t->came++; break;
    }
}

static int by_rule(const void *a, const void *b) {
    const struct tally *x = a, *y = b;

    return strcmp(x->rule, y->rule);
}

/* A rule that raised nothing in any set has no line. */
static int tally_rules(const struct backtest *b, struct tallies *ret) {
    for (int set = 0; set < BACKTEST_SETS; set++) {
        for (size_t i = 0; i < b->sets[set].n; i++) {
            const struct backtest_incident *inc = &b->sets[set].items[i];
            size_t k = 0;

            if (!within(b, inc))
                continue;
            while (k < ret->n && ret->items[k].rule != inc->rule)
                k++;
            if (k == ret->n) {
                struct tally *more = realloc(ret->items, (ret->n + 1) * sizeof(*more));
                if (more == NULL)
                    return GF_ENOMEM;
                ret->items = more;
                ret->items[ret->n++] = (struct tally){.rule = inc->rule};
            }
            count(b, (enum backtest_set)set, i, &ret->items[k]);
            count(b, (enum backtest_set)set, i, &ret->sum);
        }
    }
    if (ret->n > 0)
        qsort(ret->items, ret->n, sizeof(*ret->items), by_rule);
    return 0;
}

struct days {
    int64_t first; /* since the epoch, local */
    size_t n;
    uint64_t (*counts)[BACKTEST_SETS];
};

static int64_t day_of(const struct backtest_view *v, int64_t ms) {
    int64_t s = ms / 1000;

    return (s + zone_offset(v->zone, s)) / DAY_SECONDS;
}

static int tally_days(const struct backtest_view *v, struct days *ret) {
    const struct backtest *b = v->b;
    int64_t from = b->first != TIME_NONE && b->first > b->since ? b->first : b->since;
    int64_t n = b->first == TIME_NONE ? 0 : day_of(v, b->until - 1) - day_of(v, from) + 1;

    *ret = (struct days){.first = day_of(v, from), .n = n < 0 ? 0 : n > MAX_DAYS ? MAX_DAYS : (size_t)n};
    ret->counts = calloc(ret->n + 1, sizeof(*ret->counts));
    if (ret->counts == NULL)
        return GF_ENOMEM;
    for (int set = 0; set < BACKTEST_SETS; set++)
        for (size_t i = 0; i < b->sets[set].n; i++) {
            const struct backtest_incident *inc = &b->sets[set].items[i];
            int64_t at = day_of(v, inc->raised) - ret->first;

            if (within(b, inc) && inc->told && at >= 0 && at < (int64_t)ret->n)
                ret->counts[at][set]++;
        }
    return 0;
}

struct difference { /* one that differs */
    enum backtest_set set;
    size_t i;
    int64_t at;
};

static int by_time(const void *a, const void *b) {
    const struct difference *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static int find_changes(const struct backtest *b, const struct tally *sum, struct difference **ret, size_t *ret_n) {
    const enum backtest_set two[] = {b->before, b->after};
    struct difference *all = malloc((size_t)(sum->gone + sum->came + 1) * sizeof(*all));
    size_t n = 0;

    if (all == NULL)
        return GF_ENOMEM;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < b->sets[two[k]].n; i++) {
            enum backtest_verdict verdict = backtest_verdict(b, two[k], i);
            if (verdict == BACKTEST_GONE || verdict == BACKTEST_CAME)
                all[n++] = (struct difference){.set = two[k], .i = i, .at = b->sets[two[k]].items[i].raised};
        }
    if (n > 0)
        qsort(all, n, sizeof(*all), by_time);
    *ret = all;
    *ret_n = n;
    return 0;
}

static const char *stamp(const struct backtest_view *v, int64_t ms, char out[TIME_TEXT_MAX]) {
    return time_format(ms, zone_offset(v->zone, ms / 1000), out);
}

/* -- for people ------------------------------------------------------------------------------------------------------------------- */

static void number(struct table *t, uint64_t n) {
    if (n > 0)
        table_cellf(t, "%llu", (unsigned long long)n);
    else
        table_cell(t, "0");
}

static void rule_row(struct table *t, const struct backtest *b, const char *name, const struct tally *a) {
    table_cell(t, name);
    number(t, a->sets[BACKTEST_THEN]);
    number(t, a->sets[BACKTEST_NOW]);
    if (b->after == BACKTEST_NEW)
        number(t, a->sets[BACKTEST_NEW]);
    number(t, a->same);
    number(t, a->same_false);
    number(t, a->gone);
    if (a->gone > 0)
        table_colour(t, "33");
    number(t, a->gone_false);
    number(t, a->came);
    if (a->came > 0)
        table_colour(t, "36");
    number(t, a->silent);
}

static int print_rules(const struct backtest_view *v, const struct tallies *rules) {
    static const char *const three[] = {"RULE", "THEN", "NOW", "NEW", "SAME", "FALSE", "GONE", "FALSE", "CAME", "SILENT"};
    static const char *const two[] = {"RULE", "THEN", "NOW", "SAME", "FALSE", "GONE", "FALSE", "CAME", "SILENT"};
    bool fresh = v->b->after == BACKTEST_NEW;
    struct table *t;

    if (table_new(fresh ? three : two, fresh ? 10 : 9, &t) < 0)
        return GF_ENOMEM;
    for (size_t i = 0; i < rules->n; i++)
        rule_row(t, v->b, rules->items[i].rule, &rules->items[i]);
    if (rules->n > 1)
        rule_row(t, v->b, "all", &rules->sum);
    table_print(t, stdout, v->c->colour);
    table_free(t);
    (void)printf(
        "THEN: told to a platform when it happened; NOW: by the rules in %s%s\n"
        "SAME, GONE, CAME: from %s to %s; FALSE: of the column before, what people closed as a false alarm; SILENT: nobody would be told\n",
        v->c->dir, fresh ? "; NEW: by those of --rules" : "", fresh ? "NOW" : "THEN", fresh ? "NEW" : "NOW");
    return 0;
}

static void print_bar(const char *day, const char *who, uint64_t n, uint64_t most, int room) {
    int marks = most == 0 ? 0 : (int)((n * (uint64_t)room + most - 1) / most);

    (void)printf("%-10s  %-4s ", day, who);
    for (int i = 0; i < marks; i++)
        (void)putchar('#');
    (void)printf("%s%llu\n", marks ? " " : "", (unsigned long long)n);
}

static void print_days(const struct backtest_view *v, const struct days *days) {
    int columns = cli_columns(), room = (columns > 40 && columns < 120 ? columns : 80) - 28;
    uint64_t most = 0;
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; i < days->n; i++)
        for (int set = 0; set < BACKTEST_SETS; set++)
            most = days->counts[i][set] > most ? days->counts[i][set] : most;
    if (most == 0)
        return;
    (void)putchar('\n');
    for (size_t i = 0; i < days->n; i++) {
        (void)time_format((days->first + (int64_t)i) * DAY_SECONDS * 1000, 0, text);
        text[10] = '\0';
        print_bar(text, set_names[v->b->before], days->counts[i][v->b->before], most, room);
        print_bar("", set_names[v->b->after], days->counts[i][v->b->after], most, room);
    }
}

static int print_changes(const struct backtest_view *v, const struct difference *changes, size_t n) {
    static const char *const titles[] = {"", "RAISED", "RULE", "FOR", "SEVERITY", "WAS", "TITLE"};
    size_t shown = n > LISTED && !cli_given(v->c, "all") ? LISTED : n;
    char when[TIME_TEXT_MAX], at[32];
    struct table *t;

    if (n == 0)
        return 0;
    if (table_new(titles, sizeof(titles) / sizeof(titles[0]), &t) < 0)
        return GF_ENOMEM;
    for (size_t k = 0; k < shown; k++) {
        const struct backtest_incident *i = &v->b->sets[changes[k].set].items[changes[k].i];
        enum disposition d = backtest_disposition(v->b, changes[k].set, changes[k].i);
        const char *severity = severity_name(i->severity);

        table_cell(t, changes[k].set == v->b->before ? "gone" : "came");
        table_colour(t, changes[k].set == v->b->before ? "33" : "36");
        table_cell(t, short_time(stamp(v, i->raised, when), at));
        table_cell(t, i->rule);
        table_cell(t, *i->key ? i->key : i->device);
        table_cell(t, severity);
        table_colour(t, severity_sgr(severity));
        table_cell(t, d == DISPOSITION_NONE ? NULL : disposition_name(d));
        table_cell(t, i->title);
    }
    (void)putchar('\n');
    table_print(t, stdout, v->c->colour);
    table_free(t);
    if (shown < n)
        (void)printf("and %zu more (--all, or --json)\n", n - shown);
    return 0;
}

/* What makes the figures above less than the whole truth; on standard error, so that a table stays a table. */
static void print_warnings(const struct backtest_view *v) {
    const struct backtest *b = v->b;

    if (b->first != TIME_NONE && b->first > b->since + TIME_HOUR) {
        char when[TIME_TEXT_MAX];
        (void)fprintf(stderr, "gengfu: the journal begins at %s only\n", stamp(v, b->first, when));
    }
    if (b->unreadable > 0)
        (void)fprintf(stderr, "gengfu: %llu rows of the store could not be read and were left out\n", (unsigned long long)b->unreadable);
    for (int set = 0; set < BACKTEST_SETS; set++) {
        struct engine_refusals r;

        if (b->sets[set].dropped > 0)
            (void)fprintf(stderr, "gengfu: %s: %llu incidents past the first %d are not compared; take a shorter span\n", set_names[set],
                          (unsigned long long)b->sets[set].dropped, BACKTEST_MAX_INCIDENTS);
        backtest_refusals(b, (enum backtest_set)set, &r);
        if (r.devices > 0 || r.incidents > 0)
            (void)fprintf(stderr,
                          "gengfu: %s: %llu events of devices past limits.max_devices, %llu incidents past the ceiling of open ones\n",
                          set_names[set], (unsigned long long)r.devices, (unsigned long long)r.incidents);
    }
}

/* Rules of the set after whose expressions could not be worked out: what they raised, or not, says little. */
static void print_errors(const struct backtest_view *v, const struct ruleset *rs) {
    struct engine_rule_stats s;

    for (size_t i = 0; i < rs->nrules; i++)
        if (backtest_rule(v->b, v->b->after, rs->rules[i].name, &s) && s.errors > 0)
            (void)fprintf(stderr, "gengfu: %s: %llu of %llu evaluations failed, the last one: %s\n", s.rule->name,
                          (unsigned long long)s.errors, (unsigned long long)s.evaluated, s.last_error ? s.last_error : "?");
}

static int show_people(const struct backtest_view *v, const struct tallies *rules, const struct days *days,
                       const struct difference *changes, size_t nchanges) {
    const struct backtest *b = v->b;
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], since[32], until[32];

    (void)printf("%s to %s: %llu events", short_time(stamp(v, b->since, from), since), short_time(stamp(v, b->until, to), until),
                 (unsigned long long)(b->events - b->warm_up));
    if (b->warm_up > 0)
        (void)printf(" (and %llu of the day before, to warm up)", (unsigned long long)b->warm_up);
    (void)printf(" in %.1f s\n\n", v->seconds);
    if (rules->n == 0)
        (void)printf("no incident, neither %s nor %s\n", set_names[b->before], set_names[b->after]);
    else if (print_rules(v, rules) < 0)
        return GF_ENOMEM;
    print_days(v, days);
    return print_changes(v, changes, nchanges);
}

/* -- for programs ------------------------------------------------------------------------------------------------------------------ */

static const char *verdict_name(enum backtest_verdict verdict) {
    static const char *const names[] = {"outside", "silent", "same", "gone", "came"};

    return names[verdict];
}

static void json_time(const struct backtest_view *v, struct jw *w, const char *name, int64_t ms) {
    char when[TIME_TEXT_MAX];

    if (ms != TIME_NONE)
        jw_str(w, name, stamp(v, ms, when));
}

static void json_counts(struct jw *w, const struct backtest *b, const struct tally *t) {
    for (int set = 0; set < BACKTEST_SETS; set++)
        if (set != BACKTEST_NEW || b->after == BACKTEST_NEW)
            jw_int(w, set_names[set], (int64_t)t->sets[set]);
    jw_int(w, "same", (int64_t)t->same);
    jw_int(w, "same_false_alarm", (int64_t)t->same_false);
    jw_int(w, "gone", (int64_t)t->gone);
    jw_int(w, "gone_false_alarm", (int64_t)t->gone_false);
    jw_int(w, "came", (int64_t)t->came);
    jw_int(w, "silent", (int64_t)t->silent);
}

static void json_incident(const struct backtest_view *v, struct buf *out, enum backtest_set set, size_t k, enum backtest_verdict verdict) {
    const struct backtest_incident *i = &v->b->sets[set].items[k];
    enum disposition d = backtest_disposition(v->b, set, k);
    struct jw w = jw_start(out);

    jw_open(&w, NULL, '{');
    jw_str(&w, "incident", verdict_name(verdict));
    jw_str(&w, "set", set_names[set]);
    jw_str(&w, "rule", i->rule);
    jw_str(&w, "by", i->key);
    if (i->device)
        jw_str(&w, "device", i->device);
    jw_str(&w, "severity", severity_name(i->severity));
    jw_str(&w, "title", i->title);
    json_time(v, &w, "raised", i->raised);
    json_time(v, &w, "ended", i->ended);
    if (d != DISPOSITION_NONE)
        jw_str(&w, "disposition", disposition_name(d));
    jw_close(&w, '}');
}

static void json_rule(const struct backtest_view *v, struct buf *out, const struct tally *t) {
    struct engine_rule_stats s;
    struct jw w = jw_start(out);

    jw_open(&w, NULL, '{');
    jw_str(&w, "rule", t->rule);
    json_counts(&w, v->b, t);
    if (backtest_rule(v->b, v->b->after, t->rule, &s)) {
        jw_int(&w, "evaluated", (int64_t)s.evaluated);
        jw_int(&w, "errors", (int64_t)s.errors);
        if (s.last_error)
            jw_str(&w, "last_error", s.last_error);
    }
    jw_close(&w, '}');
}

static void json_day(const struct backtest_view *v, struct buf *out, const struct days *days, size_t i) {
    char text[TIME_TEXT_MAX];
    struct jw w = jw_start(out);

    (void)time_format((days->first + (int64_t)i) * DAY_SECONDS * 1000, 0, text);
    text[10] = '\0';
    jw_open(&w, NULL, '{');
    jw_str(&w, "day", text);
    for (int set = 0; set < BACKTEST_SETS; set++)
        if (set != BACKTEST_NEW || v->b->after == BACKTEST_NEW)
            jw_int(&w, set_names[set], (int64_t)days->counts[i][set]);
    jw_close(&w, '}');
}

static void json_summary(const struct backtest_view *v, struct buf *out, const struct tally *sum) {
    const struct backtest *b = v->b;
    uint64_t dropped = 0;
    struct jw w = jw_start(out);

    for (int set = 0; set < BACKTEST_SETS; set++)
        dropped += b->sets[set].dropped;
    jw_open(&w, NULL, '{');
    jw_open(&w, "summary", '{');
    json_time(v, &w, "since", b->since);
    json_time(v, &w, "until", b->until);
    json_time(v, &w, "first_event", b->first);
    json_time(v, &w, "last_event", b->last);
    jw_int(&w, "events", (int64_t)b->events);
    jw_int(&w, "warm_up", (int64_t)b->warm_up);
    jw_int(&w, "unreadable", (int64_t)b->unreadable);
    jw_int(&w, "not_compared", (int64_t)dropped);
    jw_double(&w, "seconds", v->seconds);
    json_counts(&w, b, sum);
    jw_close(&w, '}');
    jw_close(&w, '}');
}

static int put_line(struct buf *b) {
    bool failed = b->failed;

    if (!failed)
        (void)printf("%s\n", b->data);
    buf_clear(b);
    return failed ? GF_ENOMEM : 0;
}

static int show_programs(const struct backtest_view *v, const struct tallies *rules, const struct days *days) {
    const enum backtest_set two[] = {v->b->before, v->b->after};
    struct buf b;
    int rc = 0;

    buf_init(&b, 1 << 20);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; rc == 0 && i < v->b->sets[two[k]].n; i++) {
            enum backtest_verdict verdict = backtest_verdict(v->b, two[k], i);
            if (verdict == BACKTEST_OUTSIDE || (k == 0 && verdict != BACKTEST_GONE)) /* what is the same is said once */
                continue;
            json_incident(v, &b, two[k], i, verdict);
            rc = put_line(&b);
        }
    for (size_t i = 0; rc == 0 && i < rules->n; i++) {
        json_rule(v, &b, &rules->items[i]);
        rc = put_line(&b);
    }
    for (size_t i = 0; rc == 0 && i < days->n; i++) {
        json_day(v, &b, days, i);
        rc = put_line(&b);
    }
    if (rc == 0) {
        json_summary(v, &b, &rules->sum);
        rc = put_line(&b);
    }
    buf_done(&b);
    return rc;
}

int backtest_show(const struct backtest_view *v) {
    struct tallies rules = {0};
    struct days days = {0};
    struct difference *changes = NULL;
    size_t nchanges = 0;
    int rc = tally_rules(v->b, &rules);

    if (rc == 0)
        rc = tally_days(v, &days);
    if (rc == 0)
        rc = find_changes(v->b, &rules.sum, &changes, &nchanges);
    if (rc == 0)
        rc = v->c->json ? show_programs(v, &rules, &days) : show_people(v, &rules, &days, changes, nchanges);
    free(rules.items);
    free(days.counts);
    free(changes);
    if (rc < 0) {
        (void)fputs("gengfu: out of memory\n", stderr);
        return EXIT_TROUBLE;
    }
    print_warnings(v);
    print_errors(v, v->after);
    return nchanges > 0 ? EXIT_FOUND : EXIT_FINE;
}
