/* SPDX-License-Identifier: Apache-2.0
 * Random streams of events for the engine, and a second, naive implementation of a pattern beside it: second by second, by the definition. GENGFU_STREAMS says how many streams a
 * pattern gets, GENGFU_SEED which, GENGFU_PATTERN=test_hold that only this pattern is tried. The engine is cut into batches and restarted at random places. */
#ifndef TESTS_STREAMS_H
#define TESTS_STREAMS_H

#include "engine_fx.h"

#define STREAM_END 90 /* seconds: no event comes later */
#define STREAM_LAST (STREAM_END + 200)
#define STREAM_EVENTS 40
#define STREAM_SETS 8 /* of parameters per pattern */

struct stream_event {
    int at;    /* second */
    char what; /* one of the case's letters */
    int who;   /* which device: 0 … devices - 1 */
    int value; /* 0 … 9 */
};
struct stream {
    struct stream_event e[STREAM_EVENTS];
    int n;
};
/* Appends "12 opened\n" and so on; with `full` "12 updated RULE KEY x3\n". */
typedef void (*stream_naive_fn)(const struct stream *s, const int *p, struct buf *out);
struct stream_case {
    const char *yaml, *devices; /* devices.csv; may be NULL */
    const char *letters;        /* what an event can be: those that come twice come twice as often */
    stream_naive_fn naive;
    const int *params; /* for naive */
    void (*line)(const struct stream_event *e, char *line,
                 size_t size); /* as efx_event takes it; NULL: t and f are v of kind k, u is k without, others are a kind */
    int devices_n;             /* 0: one */
    bool full;                 /* compare rule, key, count and what is only told as well; in no order within a second */
};

void stream_seed(void);
int stream_pick(int n);
void stream_check(const struct stream_case *c, size_t times);
size_t stream_times(void); /* per set of parameters */

#endif
