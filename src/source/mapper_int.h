/* SPDX-License-Identifier: Apache-2.0
 * Private to the source module: what is at hand while one message is mapped. */
#ifndef SOURCE_MAPPER_INT_H
#define SOURCE_MAPPER_INT_H

#include "source/source_int.h"

enum quiet {
    QUIET_WHEN = 1,
    QUIET_REPEATED = 2,
    QUIET_UNCHANGED = 4,
    QUIET_EMPTY = 8,
    QUIET_ONLINE = 16
}; /* why a source that took a message made no event of it */

struct work {
    struct mapper *m;
    const struct message *msg;
    struct arena *arena;
    struct topic topic;
    struct payload payloads[CHARSETS]; /* one a charset; most messages are read in one */
    struct drops drops;
    struct topic_record record;
    struct cel_value vars[SOURCE_VARS];
    struct cel_context ctx;
    uint32_t steps; /* left for the whole message */
    const struct source *source;
    const char *name; /* of the source */
    const char *ignore_reason;
    const char *why; /* set once something of this source is broken */
    struct mismatch {
        const struct source *source; /* the first that fits by its topic and does not take the message */
        struct cel_value value;      /* of its match */
    } mismatch;
    unsigned quiet;      /* enum quiet */
    const char *nothing; /* QUIET_EMPTY: why 'each' has no value; NULL: it is empty */
    struct event *events;
    size_t nevents, cap;
    struct mapped_left *left; /* only when the mapper explains */
    size_t nleft, cap_left;
};

/* -- make.c ----------------------------------------------------------------------------------------------------------------------- */
extern const char work_no_room[];
void work_broken(struct work *w, const char *where, const char *why); /* the first reason stays */
const char *work_sentence(struct cel_value v);
/* Evaluates within the message's budget of steps; an optional gives what is in it, or is absent. */
struct cel_value work_eval(struct work *w, const struct cel_program *p);
enum truth { NO, YES, UNKNOWN, ERROR };
enum truth work_bool(struct work *w, const struct cel_program *p, const char *where); /* ERROR: it is noted */
const char *work_device(struct work *w, const struct rules_expr *e);                  /* NULL: it is noted */
struct event *work_event(struct work *w); /* room for the next one; the caller counts it once it is whole */
void work_make(struct work *w, size_t index);
void memory_remember(struct mapper *m, size_t source, const struct event *ev);

/* What host functions of the source environment get. */
void *mapper_host(struct mapper *m);

#endif
