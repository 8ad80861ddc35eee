/* SPDX-License-Identifier: Apache-2.0
 * Private to the ruletest module.
 *
 *   shape.c: what a file may say · load.c: files to tests · inputs.c, expect.c, devices.c: their parts
 *   run.c: one test from its start to its end · match.c: what came against what was expected · miss.c: why something did not come · print.c: both in words */
#ifndef RULETEST_INT_H
#define RULETEST_INT_H

#include <cjson/cJSON.h>
#include <sys/types.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/map.h"
#include "gengfu/engine/engine.h"
#include "gengfu/rules/node.h"
#include "gengfu/ruletest/ruletest.h"
#include "gengfu/source/source.h"

/* -- what a file may say (shape.c; given_checks_shape in expect.c) ----------------------------------------------------------------- */
extern const struct shape given_file_shape, given_test_shape, given_event_shape, given_message_shape, given_command_shape, given_link_shape,
    given_expected_shape, given_checks_shape, given_due_shape, given_values_shape;
extern const char *const given_changes[]; /* in order of enum change, from CHANGE_OPENED */

/* -- a test ------------------------------------------------------------------------------------------------------------------ */
struct given_event {
    atom_t kind;
    const char *device;
    int64_t time; /* ms since the start: the device's own; TIME_NONE: none */
    bool late, retained;
    size_t nfields;
    struct event_field *fields;
};
struct wanted_event { /* that a message must become */
    struct place at;
    atom_t kind;        /* 0: any */
    const char *device; /* NULL: any */
    const cJSON *fields;
};
struct given_time { /* that such an event must have: as `at` is, or before the start; or a moment */
    int64_t ms;
    bool from_start, zoned;
};
bool ruletest_time(const char *text, struct given_time *ret);
struct given_message {
    const char *topic, *payload;
    size_t len;
    bool retained;
    int outcome; /* enum source_outcome; -1: anything that is understood */
    bool checks_events;
    size_t nwanted;
    struct wanted_event *wanted;
};
struct given_command {
    const struct rule *rule;
    const char *key; /* the incident's `by` or device; NULL: the rule's only one */
    struct command command;
    bool refused; /* the engine must refuse it */
};
enum input_kind { INPUT_EVENT, INPUT_MESSAGE, INPUT_COMMAND, INPUT_LINK };
struct input {
    int64_t at; /* ms since the start */
    uint32_t order;
    enum input_kind kind;
    struct place place;
    union {
        const struct given_event *event;
        const struct given_message *message;
        const struct given_command *command;
        bool link_up;
    };
};

enum check_how {
    CHECK_TEXT,
    CHECK_INT,
    CHECK_NUMBER,
    CHECK_BOOL,
    CHECK_SEVERITY,
    CHECK_MEMBERS,
    CHECK_SET,
    CHECK_LIST,
    CHECK_PART,
    CHECK_RULE,
    CHECK_DUE
};
struct check_field {
    struct shape_key key;        /* first: given_checks_shape goes by it */
    const char *object, *member; /* where in the document: object.member, or member of the document itself */
    enum check_how how;
};
extern const struct check_field check_fields[];
extern const size_t check_field_count;
struct check {
    const struct check_field *field;
    const cJSON *want;
};
struct expected {
    struct place place;
    int64_t at; /* ms since the start */
    const struct rule *rule;
    enum change change;
    size_t nchecks;
    struct check *checks;
};

struct test {
    const char *name;
    struct place place;
    int64_t start;             /* ms, wall */
    int64_t until;             /* ms since the start */
    bool all_devices;          /* the whole registry */
    struct registry *registry; /* made for this test; NULL: with all_devices the rule set's */
    bool registry_late;        /* devices are not given: the registry is made of those that the inputs speak of */
    size_t nfiles;             /* of rules.d, whose rules the test looks at; 0: all */
    const char *const *files;  /* patterns */
    unsigned ignored;          /* bit per enum change: no complaint when one comes unexpected */
    size_t ninputs;
    struct input *inputs;
    size_t nexpected;
    struct expected *expected;
    const char *off; /* a rule that it expects something of, and that is switched off; NULL: none */
};
struct ruletest_suite {
    const struct ruleset *given;
    struct ruleset rs; /* the given one, with every rule live */
    struct rule *rules;
    struct inhibit_rule *inhibits;
    struct report *rep;
    struct arena arena;
    struct reader rd;
    struct test *tests;
    size_t ntests, cap_tests;
    struct map names; /* test -> its place */
    const char **kinds;
    size_t nkinds;
    bool kinds_open; /* a kind that nobody declares may still be right */
};

/* Parts of a test; each reports what is wrong and gives false. */
bool load_inputs(struct ruletest_suite *s, const struct yaml_node *test, struct test *ret);
bool load_expected(struct ruletest_suite *s, const struct yaml_node *test, struct test *ret);
bool load_devices(struct ruletest_suite *s, const struct yaml_node *test, struct test *ret);
const struct rule *load_rule(struct ruletest_suite *s, const struct yaml_node *n);
bool pattern_fits(const char *pattern, const char *s); /* '*' stands for any text */
/* A registry of those rows of `from` whose ids are in the map. NULL without memory. */
struct registry *registry_of(const struct ruletest_suite *s, const struct map *ids);

/* -- a run (run.c) -------------------------------------------------------------------------------------------------------------- */
struct told {   /* a revision that was published */
    int64_t at; /* ms since the start */
    const char *id, *rule, *key, *device;
    enum change change;
    const cJSON *doc;
    ssize_t expected; /* which one it is; -1: none */
};
struct seen_incident { /* every incident, also one that was never published */
    const char *rule, *key, *device;
    int64_t at; /* ms since the start: when it was first heard of */
    bool published;
    const char *inhibited_by; /* id; NULL: none. Only while somebody watches */
};
enum problem_kind { PROBLEM_MISSING, PROBLEM_DIFFERENT, PROBLEM_UNEXPECTED, PROBLEM_INPUT };
struct difference {
    const char *field, *want, *came; /* as text */
};
struct problem {
    enum problem_kind kind;
    const struct expected *expected; /* missing, different */
    const struct told *told;         /* unexpected; different: what came in its place */
    struct place place;              /* input */
    int64_t at;
    const char *sentence;
    size_t ndifferences;
    struct difference *differences;
    size_t nsaw;
    const char **saw; /* what the rule saw, in order */
};
struct watched; /* miss.c */
struct run {
    const struct ruletest_suite *suite;
    const struct test *test;
    struct arena arena; /* of what is kept */
    struct arena scratch;
    struct ruleset rs; /* with this test's registry */
    struct registry *registry;
    struct engine *engine;
    struct mapper *mapper;
    struct effects fx;
    int64_t at; /* ms since the start: now */
    size_t steps;
    struct map incidents; /* id -> struct seen_incident */
    struct told *told;
    size_t ntold, cap_told;
    uint64_t dropped; /* revisions over the ceiling */
    struct problem *problems;
    size_t nproblems, cap_problems;
    size_t ninputs;          /* that were fed */
    struct watched *watched; /* NULL: nobody looks */
    bool oom;
};
int run_open(struct run *r, const struct ruletest_suite *s, const struct test *t, struct err *err);
void run_close(struct run *r);
int run_all(struct run *r, struct err *err);
struct problem *run_problem(struct run *r, enum problem_kind kind);        /* NULL without memory (oom is set) */
const char *run_text(struct run *r, const char *fmt, ...) GF_PRINTF(2, 3); /* never NULL; without memory oom is set */
struct engine_time run_time(const struct run *r);

/* match.c */
int match_run(struct run *r); /* told and expected become problems */
bool check_holds(const struct run *r, const struct expected *e, const struct check *c, const struct told *t);
/* The value as the document has it, as text. */
const char *check_came(struct run *r, const struct check *c, const struct told *t);
const char *check_want(struct run *r, const struct check *c);

/* miss.c: a second run of the same test, with an eye on the rules whose incidents did not come. */
int miss_explain(struct run *r, struct err *err);
void watch_before(struct run *r, const struct event *ev);
void watch_after(struct run *r, const struct event *ev);

/* print.c */
void print_text(struct run *r, unsigned flags, struct buf *out);
void print_json(struct run *r, struct buf *out);

#endif
