/* SPDX-License-Identifier: Apache-2.0
 * Back-test: the stored events once more through the rules, with the daemon's engine and the events' own time, and what differs: between what really happened and today's rules, or between
 * today's rules and new ones. Reads a store that is open for reading only, beside a running daemon; a million events take the memory of one batch.
 *
 *   what is the same as live    events as the sources made them, their order, their clock; timers; what the sources remembered; who ended an incident by hand, and when; when gengfu did not run
 *   what is not                 sources (messages are not kept, events are); what rules remembered of the time before the warm-up; each incident is closed as soon as its condition has ended */
#ifndef GENGFU_BACKTEST_BACKTEST_H
#define GENGFU_BACKTEST_BACKTEST_H

#include "gengfu/engine/engine.h"
#include "gengfu/store/store.h"

#define BACKTEST_MAX_INCIDENTS 100000 /* of a set that are kept; more are counted */
#define BACKTEST_WARM_UP TIME_DAY     /* of events before `since`: so that holds, windows and silences are not empty when it begins */
#define BACKTEST_NONE SIZE_MAX

enum backtest_set {
    BACKTEST_THEN, /* what really happened, from the store */
    BACKTEST_NOW,  /* today's rules */
    BACKTEST_NEW,  /* new ones, when there are any */
    BACKTEST_SETS
};

struct backtest_incident {
    const char *rule, *key, *device, *title; /* device may be NULL */
    enum severity severity;
    int64_t raised, ended;        /* ms, wall; ended TIME_NONE: it was firing at the end */
    bool told;                    /* a platform heard of it: not of a rule in shadow, not inhibited to its end */
    enum disposition disposition; /* BACKTEST_THEN only: what people made of it */
    size_t twin
        [BACKTEST_SETS]; /* the same one in another set: same rule, same key, and firing at the same time; BACKTEST_NONE: there is none */
};

/* Each incident that was raised from `since` until before `until` has one; the others are BACKTEST_OUTSIDE. */
enum backtest_verdict {
    BACKTEST_OUTSIDE, /* of the warm-up, of another rule, or of a set that is not compared */
    BACKTEST_SILENT,  /* no platform would hear of it */
    BACKTEST_SAME,
    BACKTEST_GONE, /* of the set before: not there after */
    BACKTEST_CAME  /* of the set after: not there before */
};

struct backtest_progress {
    int64_t at; /* ms, wall: how far it has come */
    uint64_t events;
};
struct backtest_conf {
    struct store *store;
    const struct ruleset *now;
    const struct ruleset *fresh; /* NULL: what happened is compared with `now` */
    const char *rule;            /* only incidents of this rule are looked at (all rules run: some lean on others); NULL: of all */
    int64_t since, until;        /* ms, wall */
    size_t most;                 /* incidents of a set that are kept; 0: BACKTEST_MAX_INCIDENTS */
    bool (*progress)(void *ctx, const struct backtest_progress *state); /* every few thousand events; true: stop. May be NULL */
    void *ctx;
};

struct backtest_incidents {
    struct backtest_incident *items;
    size_t n, cap;
    uint64_t dropped; /* past what is kept */
};
struct backtest {
    struct backtest_incidents sets[BACKTEST_SETS];
    enum backtest_set before, after; /* which two are compared */
    const char *rule;                /* NULL: all */
    int64_t since, until;            /* until: never later than the store's last commit */
    uint64_t events, warm_up;        /* that ran through the rules; warm_up: of them before `since` */
    uint64_t unreadable;             /* rows that are no events */
    int64_t first, last;             /* arrival of the first and last event; TIME_NONE: there was none */
};

/* 0: *ret new, free with backtest_free. GF_ESTATE: it was stopped. The rule sets must stay until then. */
GF_WARN_UNUSED int backtest_run(const struct backtest_conf *conf, struct err *err, struct backtest **ret);
void backtest_free(struct backtest *b);

enum backtest_verdict backtest_verdict(const struct backtest *b, enum backtest_set set, size_t i);
/* What people made of it, or of the one that it would have been; DISPOSITION_NONE: nothing, or it is new. */
enum disposition backtest_disposition(const struct backtest *b, enum backtest_set set, size_t i);
/* What a rule saw in BACKTEST_NOW or BACKTEST_NEW; false when that set has no such rule. */
bool backtest_rule(const struct backtest *b, enum backtest_set set, const char *rule, struct engine_rule_stats *ret);
/* What met a ceiling of the engine in that set. */
void backtest_refusals(const struct backtest *b, enum backtest_set set, struct engine_refusals *ret);

#endif
