/* SPDX-License-Identifier: Apache-2.0
 * A small JSON Schema validator over YAML trees, for tests: the keywords that our schemas use, and a failure at any other. */
#ifndef TESTS_JSON_SCHEMA_H
#define TESTS_JSON_SCHEMA_H

#include <cjson/cJSON.h>

#include "gengfu/rules/yaml.h"

struct complaint {
    const char *keyword; /* of the schema: "enum", "additionalProperties" … */
    struct place at;
    char text[160];
};
struct complaints {
    size_t n, cap;
    struct complaint *items;
};
/* What is wrong with the node. Free with complaints_done. */
void json_schema_check(const cJSON *schema, const struct yaml_node *n, struct complaints *ret);
void complaints_done(struct complaints *c);
/* Fails the test when the schema itself is none: keywords that are not known, references that lead nowhere, patterns that cannot be read. */
void json_schema_sound(const cJSON *schema);
bool json_schema_matches(const char *pattern, const char *text, size_t len);
void json_schema_done(void); /* frees the patterns */

#endif
