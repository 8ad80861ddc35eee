/* SPDX-License-Identifier: Apache-2.0
 * The way through the journal: each event at its moment, and between them what else happened: timers, what people ended by hand, the hours in which gengfu did not run. */
#include <stdlib.h>
#include <string.h>

#include "backtest_int.h"

#define BASE_MONO TIME_DAY    /* any moment will do for a clock that is only counted */
#define STEP_BACK TIME_MINUTE /* of the wall clock: less is the order of arrival within a batch */
#define PROGRESS_EVENTS 4096
#define EVENT_ROOM (64 << 20)

const char *replay_word(struct replay *r, const char *text) {
    const char *word = text ? map_gets(&r->words, text) : NULL;

    if (word != NULL || text == NULL)
        return word;
    char *made = arena_strdup(&r->text, text);
    return made != NULL && map_puts(&r->words, text, made) == 0 ? made : NULL;
}

struct backtest_incident *replay_add(struct replay *r, enum backtest_set set) {
    struct backtest_incidents *s = &r->b.sets[set];

    if (s->n >= r->most) {
        s->dropped++;
        return NULL;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        struct backtest_incident *more = realloc(s->items, cap * sizeof(*more));
        if (more == NULL)
            return NULL;
        s->items = more;
        s->cap = cap;
    }
    return &s->items[s->n++];
}

/* -- time --------------------------------------------------------------------------------------------------------------------------- */

/* Engine time goes on with the wall clock, and stands while that is set back. */
static void clock_to(struct replay *r, int64_t wall) {
    if (!r->began) {
        r->began = true;
        r->now = (struct engine_time){.mono = BASE_MONO, .wall = wall, .synced = true};
    } else if (wall > r->now.wall) {
        r->now.mono += wall - r->now.wall;
        r->now.wall = wall;
    } else if (wall < r->now.wall - STEP_BACK) {
        r->now.wall = wall;
    }
}

static int each_side(struct replay *r, int (*fn)(struct replay *, enum backtest_set, struct err *), struct err *err) {
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->nsides; i++)
        rc = fn(r, (enum backtest_set)(BACKTEST_NOW + i), err);
    return rc;
}

static void link_is(struct replay *r, bool up) {
    for (size_t i = 0; i < r->nsides; i++)
        if (r->sides[i].started)
            engine_link(r->sides[i].engine, up, r->now);
}

/* gengfu started: since the event before, nobody listened, so nobody was silent either. */
static int started(struct replay *r, int64_t at, struct err *err) {
    link_is(r, false);
    clock_to(r, at);
    int rc = each_side(r, side_advance, err);

    link_is(r, true);
    return rc;
}

static int done_by_hand(struct replay *r, const struct deed *d, struct err *err) {
    int rc = 0;

    clock_to(r, d->at);
    for (size_t i = 0; rc == 0 && i < r->nsides; i++)
        rc = side_end(r, (enum backtest_set)(BACKTEST_NOW + i), d, err);
    return rc;
}

/* Everything that happened beside the events, up to this moment. */
static int catch_up(struct replay *r, int64_t to, struct err *err) {
    int rc = 0;

    while (rc == 0 && r->began) {
        int64_t start = r->start < r->nstarts ? r->starts[r->start] : INT64_MAX,
                deed = r->deed < r->ndeeds ? r->deeds[r->deed].at : INT64_MAX;

        if (start > to && deed > to)
            break;
        rc = start <= deed ? started(r, r->starts[r->start++], err) : done_by_hand(r, &r->deeds[r->deed++], err);
    }
    if (!r->began) { /* what was before the first event does not matter to it */
        while (r->start < r->nstarts && r->starts[r->start] <= to)
            r->start++;
        while (r->deed < r->ndeeds && r->deeds[r->deed].at <= to)
            r->deed++;
    }
    return rc;
}

/* -- events ------------------------------------------------------------------------------------------------------------------------- */

struct walk {
    struct replay *r;
    struct err *err;
};

static int on_event(void *ctx, int64_t rowid, int64_t time, int64_t arrived, const char *body, size_t len) {
    struct walk *w = ctx;
    struct replay *r = w->r;
    struct event ev;

    (void)rowid;
    arena_reset(&r->scratch);
    int rc = event_read(&r->scratch, body, len, &ev, w->err);
    if (rc == GF_ENOMEM)
        return rc;
    if (rc < 0) {
        r->b.unreadable++;
        return 0;
    }
    ev.time = time; /* the row's own are put right when the clock is set, the text is not */
    ev.arrived = arrived;
    rc = catch_up(r, arrived, w->err);
    clock_to(r, arrived);
    for (size_t i = 0; rc == 0 && i < r->nsides; i++)
        rc = side_event(r, (enum backtest_set)(BACKTEST_NOW + i), &ev, w->err);
    if (rc < 0)
        return rc;
    if (r->b.events++ == 0)
        r->b.first = arrived;
    r->b.last = arrived;
    r->b.warm_up += arrived < r->b.since;
    struct backtest_progress p = {.at = arrived, .events = r->b.events};
    if (r->b.events % PROGRESS_EVENTS == 0 && r->conf->progress != NULL && r->conf->progress(r->conf->ctx, &p))
        return err_set(w->err, GF_ESTATE, "stopped at the %llu-th event", (unsigned long long)r->b.events);
    return 0;
}

static int walk(struct replay *r, int64_t from, struct err *err) {
    struct walk w = {.r = r, .err = err};
    int rc = store_each_event(r->conf->store, from, r->b.until, NULL, on_event, &w, err);

    if (rc < 0)
        return rc;
    rc = catch_up(r, r->b.until, err);
    if (rc == 0 && r->began) {
        clock_to(r, r->b.until);
        rc = each_side(r, side_finish, err);
    }
    return rc;
}

static int match_all(struct replay *r, struct err *err) {
    int rc = match_sets(&r->b, BACKTEST_THEN, BACKTEST_NOW);

    if (rc == 0 && r->conf->fresh != NULL)
        rc = match_sets(&r->b, BACKTEST_THEN, BACKTEST_NEW);
    if (rc == 0 && r->conf->fresh != NULL)
        rc = match_sets(&r->b, BACKTEST_NOW, BACKTEST_NEW);
    return rc < 0 ? err_set(err, rc, "no memory to compare the incidents") : 0;
}

static int run(struct replay *r, struct err *err) {
    int64_t from = r->conf->since > INT64_MIN + BACKTEST_WARM_UP ? r->conf->since - BACKTEST_WARM_UP : r->conf->since;
    struct store_clock last;

    store_clock(r->conf->store, &last);
    r->b.since = r->conf->since;
    r->b.until = last.wall != TIME_NONE && last.wall < r->conf->until ? last.wall + 1 : r->conf->until;
    r->b.first = r->b.last = TIME_NONE;
    r->b.rule = replay_word(r, r->conf->rule);
    r->b.before = r->conf->fresh ? BACKTEST_NOW : BACKTEST_THEN;
    r->b.after = r->conf->fresh ? BACKTEST_NEW : BACKTEST_NOW;
    int rc = side_new(r, BACKTEST_NOW, r->conf->now, err);

    if (rc == 0 && r->conf->fresh != NULL)
        rc = side_new(r, BACKTEST_NEW, r->conf->fresh, err);
    if (rc == 0)
        rc = then_read(r, from, err);
    if (rc == 0)
        rc = walk(r, from, err);
    return rc < 0 ? rc : match_all(r, err);
}

int backtest_run(const struct backtest_conf *conf, struct err *err, struct backtest **ret) {
    struct replay *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_set(err, GF_ENOMEM, "no memory for the back-test");
    r->conf = conf;
    r->most = conf->most ? conf->most : BACKTEST_MAX_INCIDENTS;
    arena_init(&r->text, 64 << 10, 0);
    arena_init(&r->scratch, 64 << 10, EVENT_ROOM);
    map_init(&r->words);
    int rc = run(r, err);

    r->conf = NULL;
    if (rc < 0) {
        backtest_free(&r->b);
        return rc;
    }
    *ret = &r->b;
    return 0;
}

void backtest_free(struct backtest *b) {
    struct replay *r = (struct replay *)(void *)b;

    if (r == NULL)
        return;
    for (size_t i = 0; i < r->nsides; i++)
        side_done(&r->sides[i]);
    for (size_t i = 0; i < BACKTEST_SETS; i++)
        free(r->b.sets[i].items);
    arena_done(&r->text);
    arena_done(&r->scratch);
    map_done(&r->words, NULL);
    free(r->deeds);
    free(r->starts);
    free(r);
}
