/* SPDX-License-Identifier: Apache-2.0
 * Reading values out of a YAML tree, with an error for each that is not what it should be.
 *
 * Every function that reads gives false (or NULL, or -1) when it has reported an error; `what` names the key in sentences ("'for'"). */
#ifndef GENGFU_RULES_NODE_H
#define GENGFU_RULES_NODE_H

#include "gengfu/base/atom.h"
#include "gengfu/rules/shape.h"
#include "gengfu/rules/yaml.h"

struct reader {
    struct report *rep;
    struct arena *arena; /* what the model keeps */
    bool oom;            /* memory ran out somewhere: the load fails as a whole */
};

#define SPAN_MAX INT64_C(315360000000) /* 3650 days in ms: the longest span that can be said */

void reader_oom(struct reader *rd);
void *reader_alloc(struct reader *rd, size_t size); /* cleared; NULL sets oom */
char *reader_strdup(struct reader *rd, const char *s);
atom_t reader_atom(struct reader *rd, const char *s, size_t len, struct place at);

/* An error with the nearest of `names` as hint, or else all of them ("one of: a, b, c") when they are few. */
void report_unknown(struct report *rep, struct place at, const char *word, const char *const *names, size_t n, const char *fmt, ...)
    GF_PRINTF(6, 7);
void report_unknown_warning(struct report *rep, struct place at, const char *word, const char *const *names, size_t n, const char *fmt, ...)
    GF_PRINTF(6, 7);

bool node_mapping(struct reader *rd, const struct yaml_node *n, const char *what, const char *example);
bool node_list(struct reader *rd, const struct yaml_node *n, const char *what, const char *example);
/* Unknown keys are reported; true when there are none. `of` in "a rule has no key 'x'". */
bool node_keys(struct reader *rd, const struct yaml_node *mapping, const char *const *known, size_t n, const char *of);
const char *node_text(struct reader *rd, const struct yaml_node *n, const char *what); /* not empty; a copy */
bool node_bool(struct reader *rd, const struct yaml_node *n, const char *what, bool *ret);
bool node_int(struct reader *rd, const struct yaml_node *n, const char *what, int64_t min, int64_t max, int64_t *ret);
bool node_double(struct reader *rd, const struct yaml_node *n, const char *what, double min, double max, double *ret);
bool node_span(struct reader *rd, const struct yaml_node *n, const char *what, int64_t min, int64_t *ret); /* ms, at most SPAN_MAX */
bool node_size(struct reader *rd, const struct yaml_node *n, const char *what, int64_t min, int64_t max, int64_t *ret);
int node_choice(struct reader *rd, const struct yaml_node *n, const char *what, const char *const *words, size_t count); /* index; -1 */
/* A scalar or a list of scalars (not empty, none empty). The array is in the arena. */
bool node_words(struct reader *rd, const struct yaml_node *n, const char *what, const struct yaml_node *const **ret, size_t *ret_n);
const char *node_kind_name(const struct yaml_node *n); /* "a list", "a mapping", "text", "nothing" */
/* "it is given first in rules.d/10.yaml, line 12", in the arena. */
const char *first_given(struct reader *rd, struct place at);
/* A name that people and topics can bear: not empty, at most 64 characters, no blanks, no control characters, no '/'. */
bool node_name(struct reader *rd, const struct yaml_node *n, const char *what, const char **ret);
bool is_identifier(const char *s, size_t len);

/* By the row of `key`, of which the table must have one. False also when it is not given; what cannot be read was reported. */
bool shape_span(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, int64_t *ret);
bool shape_int(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, int64_t *ret);
bool shape_size(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, int64_t *ret);
bool shape_bool(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key, bool *ret);
int shape_choice(struct reader *rd, const struct yaml_node *n, const struct shape *s, const char *key); /* the word's index; -1 */
/* Unknown keys are reported; true when there are none. */
bool shape_keys(struct reader *rd, const struct yaml_node *mapping, const struct shape *s);

#endif
