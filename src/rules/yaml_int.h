/* SPDX-License-Identifier: Apache-2.0
 * Private to the YAML reader: what its files share. */
#ifndef RULES_YAML_INT_H
#define RULES_YAML_INT_H

#include "gengfu/rules/yaml.h"

enum scalar_style { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE, STYLE_LITERAL, STYLE_FOLDED };

/* Fills offsets[0..len]: where in the file each byte of the scalar's text comes from. src is the file, [begin, end) the scalar in it with its quotes or its
 * block header. Where the two cannot be brought together (never seen, but the map must not lie outside the scalar) the rest points to where that began. */
void yaml_map_offsets(enum scalar_style style, const char *src, size_t begin, size_t end, const char *text, size_t len, uint32_t *offsets);

/* As yaml_parse, but gives what stands above a syntax error too: top-level keys and the complete items of the last one. *ret_broken: there was an error. */
struct yaml_node *yaml_parse_part(struct arena *a, struct report *rep, uint16_t file, bool *ret_broken);

/* yaml_slips.c: what was meant, where an error's cause stands elsewhere. */
struct yaml_slip {
    size_t begin, end; /* bytes of the file */
    char what[96];
    const char *hint;
};
/* opened: where the bracket stands within which the error was met; `at` when there is none. False: nothing known. */
bool yaml_find_slip(const char *text, size_t first, size_t len, size_t opened, size_t at, struct yaml_slip *ret);
bool yaml_key_slip(const char *key, size_t len); /* the key begins with a blank of another keyboard, so its line ended what it belongs to */

#endif
