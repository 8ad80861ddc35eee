/* SPDX-License-Identifier: Apache-2.0
 * Private to the source module: what is at hand while one message is mapped. */
#ifndef SOURCE_MAPPER_INT_H
#define SOURCE_MAPPER_INT_H

#include "source/source_int.h"

struct work {
    struct mapper *m;
    const struct message *msg;
    struct arena *arena;
    struct topic topic;
    struct payload payload;
    struct topic_record record;
    struct cel_value vars[SOURCE_VARS];
    struct cel_context ctx;
    uint32_t steps; /* left for the whole message */
    const struct source *source;
    const char *name; /* of the source */
    const char *ignore_reason;
    const char *why; /* set once something of this source is broken */
    struct event *events;
    size_t nevents, cap;
};

/* What host functions of the source environment get. */
void *mapper_host(struct mapper *m);

#endif
