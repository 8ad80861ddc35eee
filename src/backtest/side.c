/* SPDX-License-Identifier: Apache-2.0
 * One rule set at work in a back-test. Of the engine's effects only incidents are looked at; nothing is written anywhere. */
#include <stdlib.h>
#include <string.h>

#include "backtest_int.h"

#define SEED 1
#define FLUSH_CALLS 1024 /* until what keys remember is asked for, and forgotten: it must not gather */
#define TITLE_MAX 200    /* bytes */

static int no_memory(struct err *err) { return err_set(err, GF_ENOMEM, "no memory for the back-test"); }

int side_new(struct replay *r, enum backtest_set set, const struct ruleset *rs, struct err *err) {
    struct side *s = replay_side(r, set);
    struct engine_conf conf = {.gateway = rs->config->id, .seed = SEED, .max_devices = rs->config->max_devices};

    effects_init(&s->fx);
    map_init(&s->open);
    s->rs = rs;
    r->nsides++;
    return engine_new(rs, &conf, err, &s->engine);
}

void side_done(struct side *s) {
    engine_free(s->engine);
    effects_done(&s->fx);
    map_done(&s->open, NULL);
}

/* An incident whose condition has ended is closed at once, as a platform that keeps up does; else they would gather without end. */
static void close_ended(struct replay *r, struct side *s, const struct effect_incident *i) {
    struct command c = {.id = "", .incident = i->id, .action = ACTION_CLOSE, .who = "backtest"};
    struct err err = {0};
    uint32_t revision;

    if (i->condition == CONDITION_RESOLVED && i->handling != HANDLING_CLOSED && i->change == CHANGE_RESOLVED)
        gf_ignore(engine_command(s->engine, &c, r->now, &s->fx, &err, &revision)); /* refused: it is closed already */
}

static const char *title_of(struct replay *r, const char *title) {
    size_t n = strnlen(title, TITLE_MAX);

    while (title[n] != '\0' && n > 0 && ((unsigned char)title[n] & 0xc0) == 0x80)
        n--;
    return arena_strndup(&r->text, title, n);
}

static int open_one(struct replay *r, enum backtest_set set, const struct effect_incident *i, struct backtest_incident **ret) {
    struct side *s = replay_side(r, set);
    struct backtest_incident *b = replay_add(r, set);

    *ret = b;
    if (b == NULL)
        return r->b.sets[set].n >= r->most ? 0 : GF_ENOMEM;
    *b = (struct backtest_incident){.rule = replay_word(r, i->rule),
                                    .key = replay_word(r, i->key),
                                    .device = replay_word(r, i->device),
                                    .title = title_of(r, i->title ? i->title : ""),
                                    .raised = i->raised,
                                    .ended = TIME_NONE};
    if (!b->rule || !b->key || !b->title || (i->device && !b->device))
        return GF_ENOMEM;
    return map_puts(&s->open, i->id, (void *)(uintptr_t)(r->b.sets[set].n));
}

/* An incident as it stands now. */
static int take(struct replay *r, enum backtest_set set, const struct effect_incident *i) {
    struct side *s = replay_side(r, set);
    size_t place = (size_t)(uintptr_t)map_gets(&s->open, i->id);
    struct backtest_incident *b = place ? &r->b.sets[set].items[place - 1] : NULL;

    if (b == NULL && i->change == CHANGE_CLOSED)
        return 0;
    if (b == NULL && (r->b.sets[set].n < r->most || i->change == CHANGE_OPENED)) {
        int rc = open_one(r, set, i, &b);
        if (rc < 0)
            return rc;
    }
    if (b == NULL)
        return 0;
    b->told = b->told || i->publish;
    b->severity = i->severity;
    if (i->condition == CONDITION_RESOLVED) {
        b->ended = i->updated;
        (void)map_remove(&s->open, i->id, strlen(i->id));
    }
    return 0;
}

static int collect(struct replay *r, enum backtest_set set, struct err *err) {
    struct side *s = replay_side(r, set);

    if (++s->calls >= FLUSH_CALLS && engine_flush(s->engine, &s->fx) < 0)
        return no_memory(err);
    for (size_t i = 0; i < s->fx.nincidents && !s->fx.failed; i++) {
        struct effect_incident inc = s->fx.incidents[i]; /* closing one adds to them */

        if (take(r, set, &inc) < 0)
            return no_memory(err);
        close_ended(r, s, &inc);
    }
    if (s->fx.failed)
        return no_memory(err);
    if (s->calls >= FLUSH_CALLS || s->fx.nincidents > 0)
        effects_reset(&s->fx);
    if (s->calls >= FLUSH_CALLS)
        s->calls = 0;
    return 0;
}

static int start(struct replay *r, struct side *s, struct err *err) {
    if (s->started)
        return 0;
    s->started = true;
    return engine_start(s->engine, r->now, 0, &s->fx) < 0 ? no_memory(err) : 0;
}

int side_event(struct replay *r, enum backtest_set set, const struct event *ev, struct err *err) {
    struct side *s = replay_side(r, set);
    int rc = start(r, s, err);

    if (rc == 0 && engine_event(s->engine, ev, r->now, &s->fx) < 0)
        rc = no_memory(err);
    return rc < 0 ? rc : collect(r, set, err);
}

int side_advance(struct replay *r, enum backtest_set set, struct err *err) {
    struct side *s = replay_side(r, set);

    if (!s->started)
        return 0;
    if (engine_advance(s->engine, r->now, &s->fx) < 0)
        return no_memory(err);
    return collect(r, set, err);
}

int side_end(struct replay *r, enum backtest_set set, const struct deed *d, struct err *err) {
    struct side *s = replay_side(r, set);
    struct command c = {.id = "", .action = ACTION_RESOLVE, .who = "backtest"};
    const char *id;
    void *value;
    uint32_t revision;
    struct err ignored = {0};
    int rc = side_advance(r, set, err);

    for (size_t it = 0; rc == 0 && c.incident == NULL && map_next(&s->open, &it, &id, &value);) {
        const struct backtest_incident *b = &r->b.sets[set].items[(size_t)(uintptr_t)value - 1];

        if (b->rule == d->rule && b->key == d->key)
            c.incident = id;
    }
    if (rc < 0 || c.incident == NULL)
        return rc;
    /* Refused: it has ended already. */
    gf_ignore(engine_command(s->engine, &c, r->now, &s->fx, &ignored, &revision));
    return collect(r, set, err);
}

int side_finish(struct replay *r, enum backtest_set set, struct err *err) {
    struct side *s = replay_side(r, set);

    s->calls = FLUSH_CALLS; /* incidents that no platform heard of come out of a flush only */
    return side_advance(r, set, err);
}

/* -- looking in ------------------------------------------------------------------------------------------------------------------ */

bool backtest_rule(const struct backtest *b, enum backtest_set set, const char *rule, struct engine_rule_stats *ret) {
    const struct side *s = set == BACKTEST_THEN ? NULL : replay_side((const struct replay *)(const void *)b, set);

    for (size_t i = 0; s != NULL && s->engine != NULL && i < engine_rules(s->engine); i++) {
        engine_rule_stats(s->engine, i, ret);
        if (strcmp(ret->rule->name, rule) == 0)
            return true;
    }
    return false;
}

void backtest_refusals(const struct backtest *b, enum backtest_set set, struct engine_refusals *ret) {
    const struct side *s = set == BACKTEST_THEN ? NULL : replay_side((const struct replay *)(const void *)b, set);

    *ret = (struct engine_refusals){0};
    if (s != NULL && s->engine != NULL)
        engine_refusals(s->engine, ret);
}
