/* SPDX-License-Identifier: Apache-2.0
 * Rule sets for tests: files written to a private directory, loaded, and the report as text. */
#ifndef TESTS_RULES_FIXTURE_H
#define TESTS_RULES_FIXTURE_H

#include "gengfu/rules/model.h"

struct fx {
    char dir[64];
    struct report *rep;
    struct ruleset *rs; /* NULL when it did not load */
    int rc;
    struct err err;
    struct buf text; /* the report */
};
/* A directory with a gengfu.yaml (gateway at 30 N 120 E, Asia/Shanghai, one platform `city`), and nothing else. */
void fx_init(struct fx *f);
void fx_done(struct fx *f);
void fx_write(struct fx *f, const char *name, const char *text, size_t len); /* name may hold one directory */
void fx_puts(struct fx *f, const char *name, const char *text);
void fx_load(struct fx *f); /* again and again: a former set and report are freed */
/* Writes rules.d/x.yaml, loads, and returns the report's text. */
const char *fx_rules(struct fx *f, const char *yaml);
const struct rule *fx_rule(struct fx *f, const char *name); /* fails the test when it is not there */

#endif
