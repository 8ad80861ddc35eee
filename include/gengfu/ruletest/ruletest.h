/* SPDX-License-Identifier: Apache-2.0
 * Rule tests: tests.d/ *.yaml in virtual time, with the same source mapper and the same engine as the daemon. docs/testing.md is what a technician reads.
 *
 * A suite borrows the rule set and the report: both must outlive it. Tests share the loaded rule set; mapper and engine are new for each, so no test sees another. Rules in shadow
 * are tested as if they were live. Pure: reads files only in ruletest_add_dir, no clock, no socket. */
#ifndef GENGFU_RULETEST_RULETEST_H
#define GENGFU_RULETEST_RULETEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"
#include "gengfu/rules/model.h"
#include "gengfu/rules/report.h"

#define RULETEST_DIR "tests.d"
#define RULETEST_MAX_TESTS 20000
#define RULETEST_MAX_INPUTS 200000 /* of one test, what `every` repeats included */
#define RULETEST_MAX_TOLD 5000     /* revisions of one test that are kept */
#define RULETEST_MAX_STEPS 1000000 /* moments at which a timer of one test fires */

struct ruletest_suite;

GF_WARN_UNUSED int ruletest_new(const struct ruleset *rs, struct report *rep, struct err *err, struct ruletest_suite **ret);
void ruletest_free(struct ruletest_suite *s);
/* Adds a file's tests. Mistakes go to the report; a test with one is left out. <0: no memory, or over a limit. */
GF_WARN_UNUSED int ruletest_add_text(struct ruletest_suite *s, const char *name, const char *text, size_t len, struct err *err);
/* Every DIR/tests.d/ *.yaml in order of name; a directory without tests.d has no tests. */
GF_WARN_UNUSED int ruletest_add_dir(struct ruletest_suite *s, const char *dir, struct err *err);

/* The JSON Schema of such a file. */
void ruletest_schema(struct buf *b);

size_t ruletest_count(const struct ruletest_suite *s);
struct ruletest_info {
    const char *name;
    const char *file; /* "tests.d/30-lamps.yaml" */
    uint32_t line;
    const char
        *off; /* a rule that it expects something of, and that a site has switched off: it can only fail, so pass it over; NULL: none */
};
void ruletest_info(const struct ruletest_suite *s, size_t i, struct ruletest_info *ret);

enum { RULETEST_VERBOSE = 1 /* text: everything that came, also of a test that passes */ };
struct ruletest_result {
    bool passed;
    size_t inputs; /* events, messages and the rest that were fed */
    size_t told;   /* revisions that were published */
    size_t problems;
};
/* Runs test i. What went wrong goes to text (for people) and json (one object and a newline); either may be NULL. <0: the test could not be run (no memory, a fault). */
GF_WARN_UNUSED int ruletest_run(const struct ruletest_suite *s, size_t i, unsigned flags, struct ruletest_result *ret, struct buf *text,
                                struct buf *json, struct err *err);

#endif
