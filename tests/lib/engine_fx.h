/* SPDX-License-Identifier: Apache-2.0
 * The engine under test: rules as YAML text, events as one line of text, and what was told as lines of text. Behind it a pretended store, so that a restart is one call. */
#ifndef TESTS_ENGINE_FX_H
#define TESTS_ENGINE_FX_H

#include "gengfu/base/map.h"
#include "gengfu/engine/engine.h"
#include "rules_fixture.h"

#define EFX_WALL INT64_C(1767614400000) /* 2026-01-05T20:00:00+08:00, at 0 ms of test time */
#define EFX_MONO INT64_C(1000000)

struct efx {
    struct fx fx;
    struct engine *e;
    struct effects out;
    int64_t now;  /* ms of test time */
    int64_t down; /* ms of all down time so far: wall and mono go on through it */
    uint64_t seed;
    bool bodies;                           /* say the whole document, its ids replaced by numbers, in place of a line */
    bool shadow_lines;                     /* also say what is not published, as "(…)" */
    struct map numbers;                    /* id -> number, of every incident so far */
    struct map states, incidents, devices; /* the store: text keys -> struct efx_row */
    struct map closed;                     /* number -> struct efx_row, incidents that are over */
    char **tail;                           /* journal behind the checkpoints */
    size_t ntail, cap_tail;
    int64_t committed; /* test time of the last flush, and what the journal held then */
    size_t committed_tail;
    struct buf said;         /* what was told since the last efx_expect */
    char last_id[ULID_TEXT]; /* of the latest incident that was told */
    char last_number[INCIDENT_NUMBER_MAX];
    struct buf last_body;
    size_t told; /* revisions published in all */
};

/* The devices.csv may be NULL. Fails the test when the rules do not load. */
void efx_init(struct efx *f, const char *yaml, const char *devices);
void efx_done(struct efx *f);
void efx_fresh(struct efx *f); /* a new engine and an empty store at 0 ms, with the same rules */
/* "lamp lamp-7 power_w=0.2 commanded='on' late retained t=5000": at ms of test time; t: the event's own time in ms of test time. */
void efx_event(struct efx *f, int64_t ms, const char *line);
void efx_feed(struct efx *f, int64_t ms, const struct event *ev);
void efx_advance(struct efx *f, int64_t ms);
void efx_flush(struct efx *f); /* ends a batch: writes to the store, says what was told */
void efx_checkpoint(struct efx *f);
void efx_kill(struct efx *f); /* as kill -9: what was not flushed is gone, time goes on from the last flush */
void efx_restart(struct efx *f, int64_t down,
                 bool checkpoint); /* stop, `down` ms later start from the store; without a checkpoint from the journal's tail */
void efx_restart_with(struct efx *f, const char *yaml, const char *devices); /* other rules: edited while it was stopped */
void efx_reload(struct efx *f, const char *yaml, const char *devices);
int efx_command(struct efx *f, int64_t ms, const char *json, struct err *err); /* %ID% in the text is the latest incident's id */
void efx_rows(struct efx *f, struct buf *out); /* all rows of incidents that are not over, in order of number, ids replaced by numbers */
/* Lines "600 opened lamp-out lamp-7 r1 x1": seconds, change, rule, key, revision, count; compared whole, then forgotten. Flushes first. */
void efx_expect(struct efx *f, const char *lines);
struct engine_time efx_time(const struct efx *f, int64_t ms);
const struct incident *efx_incident(struct efx *f, const char *rule, const char *key); /* the latest that is not over; NULL */

#endif
