/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the back-test share.
 *
 *   run.c    the store's events in order, their time, and what else happened at its moment
 *   side.c   one rule set at work: its engine, and its incidents as they come and go
 *   then.c   what really happened: incidents, what people ended by hand, when gengfu was not running
 *   match.c  which incidents of two sets are the same */
#ifndef GENGFU_BACKTEST_INT_H
#define GENGFU_BACKTEST_INT_H

#include "gengfu/backtest/backtest.h"
#include "gengfu/base/map.h"

struct side { /* a rule set at work */
    struct engine *engine;
    struct effects fx;
    struct map open; /* id -> place in its incidents, plus one */
    const struct ruleset *rs;
    uint32_t calls; /* since the last flush */
    bool started;
};

struct deed { /* somebody ended an incident */
    int64_t at;
    const char *rule, *key;
};

struct replay {
    struct backtest b; /* first: what the caller sees */
    const struct backtest_conf *conf;
    struct side sides[2]; /* BACKTEST_NOW, BACKTEST_NEW */
    size_t nsides;
    struct arena text; /* of the incidents */
    struct map words;  /* rules, keys and devices, each once */
    struct arena scratch;
    struct deed *deeds; /* in order of time */
    size_t ndeeds, cap_deeds, deed;
    int64_t *starts; /* of gengfu, in order of time */
    size_t nstarts, cap_starts, start;
    struct engine_time now;
    size_t most; /* incidents of a set */
    bool began;
};

static inline struct side *replay_side(const struct replay *r, enum backtest_set set) {
    return (struct side *)(uintptr_t)&r->sides[set - BACKTEST_NOW];
}
/* A word that stays; NULL for NULL. NULL without memory, too. */
const char *replay_word(struct replay *r, const char *text);
/* Room for one more incident of a set; NULL: no memory, or (then it is counted) too many. */
struct backtest_incident *replay_add(struct replay *r, enum backtest_set set);

/* side.c */
GF_WARN_UNUSED int side_new(struct replay *r, enum backtest_set set, const struct ruleset *rs, struct err *err);
void side_done(struct side *s);
GF_WARN_UNUSED int side_event(struct replay *r, enum backtest_set set, const struct event *ev, struct err *err);
/* Time goes on to r->now. */
GF_WARN_UNUSED int side_advance(struct replay *r, enum backtest_set set, struct err *err);
/* A person ends what is open of a rule and a key. */
GF_WARN_UNUSED int side_end(struct replay *r, enum backtest_set set, const struct deed *d, struct err *err);
GF_WARN_UNUSED int side_finish(struct replay *r, enum backtest_set set, struct err *err);

/* then.c: fills BACKTEST_THEN, the deeds and the starts, of what happened after `from` */
GF_WARN_UNUSED int then_read(struct replay *r, int64_t from, struct err *err);

/* match.c */
GF_WARN_UNUSED int match_sets(struct backtest *b, enum backtest_set one, enum backtest_set other);

#endif
