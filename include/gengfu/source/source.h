/* SPDX-License-Identifier: Apache-2.0
 * Sources at work: an MQTT message becomes events, or is ignored on purpose, or is counted as not understood, with the latest example kept. Pure: no clock, no socket.
 *
 * Topics are looked up in a trie; of the sources whose pattern fits, each whose `match` holds speaks (docs/sources.md). The payload is parsed at most once, and only when a
 * source wants it. Nothing a payload holds can do harm: size, depth, UTF-8 and steps have ceilings. */
#ifndef GENGFU_SOURCE_SOURCE_H
#define GENGFU_SOURCE_SOURCE_H

#include "gengfu/base/arena.h"
#include "gengfu/base/err.h"
#include "gengfu/rules/event.h"
#include "gengfu/rules/model.h"

#define SOURCE_MAX_EVENTS 4096        /* of one message */
#define SOURCE_MAX_TROUBLE_TOPICS 256 /* topics with an example kept; further ones fold into one entry "(other topics)" */
#define SOURCE_MAX_EXAMPLE 512        /* bytes of an example */

struct message {
    const char *topic; /* NUL-terminated */
    const char *payload;
    size_t len;
    bool retained;
    int qos;
    int64_t arrived; /* ms, wall */
};

enum source_outcome {
    OUTCOME_EVENTS,    /* at least one event */
    OUTCOME_NOTHING,   /* a source took it and had nothing to say (unchanged state, repeated) */
    OUTCOME_IGNORED,   /* an `ignore` source took it */
    OUTCOME_UNMATCHED, /* no source took it */
    OUTCOME_BROKEN     /* a source should have, and could not: bad payload, expression error, no device, too large */
};
const char *source_outcome_name(enum source_outcome o);

struct mapper;
GF_WARN_UNUSED int mapper_new(const struct ruleset *rs, struct err *err, struct mapper **ret);
void mapper_free(struct mapper *m);
/* A new rule set takes over: what `on_change` and `dedupe` remember is kept for sources that say the same (all but `about`), and dropped for others. The old set may be freed
 * afterwards. */
GF_WARN_UNUSED int mapper_reload(struct mapper *m, const struct ruleset *rs, struct err *err);

/* A field that a source names and an event does not have, or its time that could not be taken; only when the mapper was asked to explain. */
struct mapped_left {
    size_t event; /* index of the event */
    atom_t field; /* `time` for the time */
    const char *why;
};
/* What became of one message. Everything is in the arena that was given. */
struct mapped {
    enum source_outcome outcome;
    const struct event *events;
    size_t nevents;
    const char *source; /* the (first) source that took it, or broke; NULL */
    const char *why;    /* BROKEN, UNMATCHED, IGNORED, NOTHING: a sentence; NULL for EVENTS unless one of several sources broke */
    const struct mapped_left *left;
    size_t nleft;
};
void mapper_explain(struct mapper *m, bool on); /* for people who look; it costs a little */
void mapper_map(struct mapper *m, const struct message *msg, struct arena *arena, struct mapped *ret);

/* -- memory over restarts --------------------------------------------------------------------------------------------------------
 * What `on_change` and `dedupe` remember changes only with the events that are made. So it is what the rows of the last checkpoint say, and the events of the journal behind it. Before
 * the first message: all rows, then the journal's tail in its order. A row is written anew only when something on it has changed. */
typedef int (*mapper_row_fn)(void *ctx, const char *key, const char *body, size_t len); /* body NULL: the row goes */
/* Rows that have changed since the last call. <0: fn's. The rows count as written when this returns 0. */
GF_WARN_UNUSED int mapper_checkpoint(struct mapper *m, mapper_row_fn fn, void *ctx);
GF_WARN_UNUSED int mapper_restore_row(struct mapper *m, const char *key, const char *body, size_t len, struct err *err);
void mapper_restore_event(struct mapper *m, const struct event *ev);
/* Which sources the rows belong to has changed (or no row says so yet): the journal's tail must not outlive the next row that tells. The caller makes a full checkpoint now. */
bool mapper_wants_checkpoint(const struct mapper *m);

/* The subscriptions that the sources need, without those that another one covers. Borrowed until reload or free. */
size_t mapper_filters(const struct mapper *m, const char *const **ret);

/* Counters. */
struct source_stats {
    const struct source *source;
    uint64_t messages, events, nothing, broken;
};
size_t mapper_sources(const struct mapper *m);
void mapper_source_stats(const struct mapper *m, size_t i, struct source_stats *ret);
struct source_trouble { /* a topic with messages that nobody took or that broke */
    const char *topic;
    enum source_outcome outcome;
    const char *source; /* NULL when unmatched */
    const char *why;
    const char *example; /* latest payload as text: cut, cleaned, secrets and what sources drop masked */
    size_t example_len;
    size_t payload_len; /* of the latest, whole */
    uint64_t count;
    int64_t last; /* ms, wall */
};
size_t mapper_troubles(const struct mapper *m);
void mapper_trouble(const struct mapper *m, size_t i, struct source_trouble *ret);
uint64_t mapper_count(const struct mapper *m, enum source_outcome o); /* messages by outcome */

#endif
