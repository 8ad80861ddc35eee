/* SPDX-License-Identifier: Apache-2.0
 * The table "pattern by edge": a row a pattern, a cell an edge. A cell is a short story and what is told of it, or the word why there is none; a cell that is neither fails its row.
 * Each story is told four times: in one batch, a batch a step, with a restart and with a reload of the same rules after each step. All four must agree.
 *
 *   rules   YAML; the row's, unless the cell has its own
 *   story   steps, "; " between: SECONDS and
 *             k a id=1 v=40              an event (efx_event; t= in ms)
 *             .                          nothing: time passes
 *             many 1..10000 k a id=%d v=40   that event, once a number
 *             restart [SECONDS]          stopped and started, so long after
 *             reload                     the cell's `other` rules
 *             link down | link up        our own connection to the broker
 *             close | resolve            a person's word about the latest incident
 *   told    what efx_expect compares, "; " between; more than three lines that differ only in key and number are one: "5 opened hot *9999" */
#ifndef TESTS_EDGES_H
#define TESTS_EDGES_H

#include <stddef.h>

enum edge {
    EDGE_EQUAL,   /* equal times */
    EDGE_LATE,    /* an event of earlier */
    EDGE_MISSING, /* the key's field is not there */
    EDGE_CLOSING, /* a span that is just over */
    EDGE_CLEAR,   /* the end in the batch, or the event, of the raise */
    EDGE_RELOAD,  /* other rules in the middle */
    EDGE_RESTART, /* stopped in the middle, for a while */
    EDGE_KEYS,    /* more keys than are remembered */
    EDGES
};
struct edge_cell {
    const char *none; /* why it cannot apply */
    const char *story, *told;
    const char *rules, *other;
    int evicted; /* keys that were pushed out */
};
struct edge_row {
    const char *pattern;
    const char *rules, *devices; /* devices.csv; may be NULL */
    struct edge_cell cell[EDGES];
};

/* Runs every row as a test of its pattern's name, in the engine. */
int edges_run(const struct edge_row *rows, size_t n);

/* For rows of something else than the engine: plays one story in that way and says what was told. */
enum edge_way { EDGE_ONE_BATCH, EDGE_EACH_STEP, EDGE_RESTARTS, EDGE_RELOADS, EDGE_WAYS };
struct buf;
typedef void (*edge_play_fn)(const struct edge_row *row, const struct edge_cell *cell, enum edge_way way, struct buf *told, int *evicted);
int edges_run_with(const struct edge_row *rows, size_t n, edge_play_fn play);
/* The next step of a story: its time in ms and the rest. False at its end. */
int edge_step(const char **story, long long *ms, char *what, size_t size);

#endif
