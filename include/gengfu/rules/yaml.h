/* SPDX-License-Identifier: Apache-2.0
 * YAML 1.2 documents as trees whose nodes know their place (libyaml's events, core schema). For rule files, tests and the configuration.
 *
 * Ceilings: YAML_MAX_TEXT bytes, YAML_MAX_DEPTH levels, YAML_MAX_NODES nodes after aliases (an alias is expanded, so a bomb meets the ceiling); duplicate keys, tags and
 * several documents in one file are errors. Block scalars keep a map from text offset to file offset, so that a caret lands inside an expression. */
#ifndef GENGFU_RULES_YAML_H
#define GENGFU_RULES_YAML_H

#include <cjson/cJSON.h>

#include "gengfu/base/arena.h"
#include "gengfu/rules/report.h"

#define YAML_MAX_TEXT (4 << 20) /* bytes of one file */
#define YAML_MAX_DEPTH 32
#define YAML_MAX_NODES 500000

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };
struct yaml_node;
struct yaml_pair {
    struct yaml_node *key, *value;
};
struct yaml_node {
    enum yaml_kind kind;
    struct place at;  /* of the value's first character, quotes and indicators included */
    bool plain;       /* scalar without quotes: may be null, a bool, a number */
    bool bad;         /* an error was reported for it: readers say nothing more */
    const char *text; /* scalar: NUL-terminated; holds no NUL inside */
    size_t len;
    const uint32_t *offsets; /* scalar: file offset of each byte of text, len + 1 of them */
    size_t n;
    struct yaml_node **items; /* sequence */
    struct yaml_pair *pairs;  /* mapping */
};

/* Parses a file of the report. NULL when the text is no YAML (errors are in the report) or has no document (then no error). Everything is in the arena. */
struct yaml_node *yaml_parse(struct arena *a, struct report *rep, uint16_t file);
struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key); /* NULL when missing */
/* The place of bytes [begin, end) of a scalar's text. */
struct place yaml_place(const struct yaml_node *scalar, size_t begin, size_t end);
bool yaml_is_null(const struct yaml_node *n);
bool yaml_bool(const struct yaml_node *n, bool *ret); /* true and false only (core schema) */
bool yaml_int(const struct yaml_node *n, int64_t *ret);
bool yaml_double(const struct yaml_node *n, double *ret);
/* A node as JSON value in the arena (for rule tests' events and the like). NULL without memory. */
const cJSON *yaml_json(struct arena *a, const struct yaml_node *n);

#endif
