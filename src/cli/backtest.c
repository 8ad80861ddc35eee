/* SPDX-License-Identifier: Apache-2.0
 * gengfu backtest: the stored events through today's rules and new ones. What is shown of it is in backtest_show.c. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backtest_show.h"
#include "cli_int.h"
#include "gengfu/base/time.h"

#define PROGRESS_AFTER_US 1000000 /* until the first, and between two */

struct watching {
    int64_t since, until, began, told; /* wall ms; our clock, us */
    const struct zone *zone;
    bool shown, terminal;
};

static volatile sig_atomic_t interrupted;
static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

static bool on_progress(void *ctx, const struct backtest_progress *p) {
    struct watching *w = ctx;
    int64_t now = clock_mono_us(), whole = w->until - w->since, gone = p->at - w->since;
    char when[TIME_TEXT_MAX], at[32];

    if (!w->terminal || now - w->told < PROGRESS_AFTER_US)
        return interrupted != 0;
    w->told = now;
    w->shown = true;
    int percent = gone <= 0 || whole <= 0 ? 0 : gone >= whole ? 100 : (int)(gone * 100 / whole), marks = percent / 5;
    (void)fprintf(stderr, "\r\033[K[%.*s%*s] %3d %%  %s  %llu events, %.0f a second", marks, "####################", 20 - marks, "",
                  percent, short_time(time_format(p->at, zone_offset(w->zone, p->at / 1000), when), at), (unsigned long long)p->events,
                  (double)p->events * 1e6 / (double)(now - w->began));
    return interrupted != 0;
}

/* Seconds, and the time of day, may be left out. */
static bool read_time(const char *v, const struct zone *zone, int64_t *ret) {
    static const char *const rests[] = {"", ":00", "T00:00:00"};
    char whole[TIME_TEXT_MAX];
    int64_t seconds;
    int nanos;
    bool zoned;

    for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
        int n = snprintf(whole, sizeof(whole), "%s%s", v, rests[i]);
        if (n > 0 && n < (int)sizeof(whole) && time_parse(whole, (size_t)n, false, &seconds, &nanos, &zoned) == 0) {
            *ret = (zoned ? seconds : zone_to_utc(zone, seconds)) * 1000 + nanos / 1000000;
            return true;
        }
    }
    return false;
}

/* "14d": so long before now; or a moment. */
static int moment_of(struct cli *c, const char *name, int64_t now, const struct zone *zone, int64_t *ret) {
    const char *v = cli_value(c, name);
    int64_t span;

    if (v == NULL)
        return EXIT_FINE;
    if (span_parse(v, strlen(v), &span, NULL) == 0 && span <= now) {
        *ret = now - span;
        return EXIT_FINE;
    }
    if (!read_time(v, zone, ret))
        return cli_usage(c, "--%s: '%s' is neither a span like 14d or 36h nor a time like 2026-01-05T20:00", name, v);
    return EXIT_FINE;
}

static int known_rule(struct cli *c, const struct ruleset *now, const struct ruleset *fresh, const char *rule) {
    const char *near;

    if (rule == NULL || ruleset_rule(now, rule) != NULL || (fresh != NULL && ruleset_rule(fresh, rule) != NULL))
        return EXIT_FINE;
    near = ruleset_nearest_rule(fresh != NULL ? fresh : now, rule);
    return cli_usage(c, "--rule: there is no rule '%s'%s%s%s", rule, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int replay(struct cli *c, const struct backtest_conf *conf, const struct zone *zone) {
    struct watching w = {.since = conf->since,
                         .until = conf->until,
                         .zone = zone,
                         .began = clock_mono_us(),
                         .terminal = isatty(STDERR_FILENO) && !cli_given(c, "quiet")};
    struct backtest_conf watched = *conf;
    struct sigaction act = {.sa_handler = on_signal};
    struct backtest *b;
    struct err err = {0};

    w.told = w.began;
    watched.progress = on_progress;
    watched.ctx = &w;
    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    int rc = backtest_run(&watched, &err, &b);

    if (w.shown)
        (void)fputs("\r\033[K", stderr);
    if (rc < 0) {
        (void)cli_complain(&err);
        return EXIT_TROUBLE;
    }
    struct backtest_view v = {
        .c = c, .b = b, .after = conf->fresh ? conf->fresh : conf->now, .zone = zone, .seconds = (double)(clock_mono_us() - w.began) / 1e6};
    rc = backtest_show(&v);
    backtest_free(b);
    return rc;
}

static int with_rules(struct cli *c, const struct ruleset *now, const struct ruleset *fresh) {
    const struct zone *zone = now->config->zone;
    const char *path = cli_value(c, "store");
    int64_t clock = clock_wall();
    struct backtest_conf conf = {.now = now, .fresh = fresh, .rule = cli_value(c, "rule"), .since = clock - 14 * TIME_DAY, .until = clock};
    struct store_conf where = {.path = path != NULL ? path : now->config->store_path, .read_only = true};
    struct err err = {0};
    int rc = moment_of(c, "since", clock, zone, &conf.since);

    if (rc == EXIT_FINE)
        rc = moment_of(c, "until", clock, zone, &conf.until);
    if (rc == EXIT_FINE && conf.since >= conf.until)
        rc = cli_usage(c, "--since must lie before --until");
    if (rc == EXIT_FINE)
        rc = known_rule(c, now, fresh, conf.rule);
    if (rc != EXIT_FINE)
        return rc;
    if (store_open(&where, &err, &conf.store) < 0) {
        (void)cli_complain(&err);
        return EXIT_TROUBLE;
    }
    rc = replay(c, &conf, zone);
    store_close(conf.store);
    return rc;
}

int cmd_backtest(struct cli *c) {
    struct ruleset *now = NULL, *fresh = NULL;
    int rc = load_rules(c, c->dir, &now);

    if (rc == EXIT_FINE && cli_given(c, "rules"))
        rc = load_rules(c, cli_value(c, "rules"), &fresh);
    if (rc == EXIT_FINE)
        rc = with_rules(c, now, fresh);
    ruleset_free(fresh);
    ruleset_free(now);
    return rc;
}
