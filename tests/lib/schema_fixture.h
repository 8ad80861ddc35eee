/* SPDX-License-Identifier: Apache-2.0
 * A YAML text under both eyes: what the loader says of it, and what its JSON Schema. */
#ifndef TESTS_SCHEMA_FIXTURE_H
#define TESTS_SCHEMA_FIXTURE_H

#include "gengfu/base/buf.h"
#include "json_schema.h"

enum which { RULES, CONFIG, TESTS };
extern cJSON *schemas[3];
int schemas_open(void **state); /* for a group of tests, in the repository's root */
int schemas_close(void **state);

struct look {
    struct report *rep;  /* the loader's */
    struct arena arena;  /* the tree that the schema looks at */
    struct report *own;  /* places of that tree */
    int rc;              /* the loader's; <0: refused */
    struct complaints c; /* the schema's */
};
/* `rules` is the rule file that goes with a text that is none. Free with look_free. */
struct look *look_new(enum which which, const char *rules, const char *text);
struct look *look_schema_only(enum which which, const char *text, size_t len);
void look_free(struct look *l);
void print_complaints(const struct look *l);
/* The items of a report as JSON, one after the other. */
void each_item(const struct report *rep, void (*use)(void *arg, const cJSON *item), void *arg);

/* Every YAML block of the manual. Those of docs/testing.md without a mark are parts of a test, and are made whole ones. */
typedef void (*use_block)(void *arg, enum which which, const char *where, const char *text);
void each_block(use_block use, void *arg);
void slurp(const char *path, struct buf *b);

#endif
