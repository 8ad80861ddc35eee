/* SPDX-License-Identifier: Apache-2.0
 * Reports: every mistake of a rule set in one run, each with its place, the line, a caret, and what would be right.
 *
 *   rules.d/20-lamps.yaml:14:11: no field 'powr_w' is set by any source of kind 'lamp'
 *       when: event.powr_w < 5.0
 *                   ^^^^^^
 *       did you mean 'power_w'?
 *
 * Lines and columns count from 1; a column counts characters (code points), carets line up by width. The report keeps the texts of the files. */
#ifndef GENGFU_RULES_REPORT_H
#define GENGFU_RULES_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

#define REPORT_MAX_ITEMS 500 /* more are counted, not kept */

/* A place in one of the report's files: a byte offset, so that a caret can point into expressions in block scalars too. */
struct place {
    uint16_t file;   /* index into the report's files */
    uint32_t offset; /* byte offset in the file */
    uint32_t length; /* bytes that the caret underlines; 0 is one column */
};

struct report;
GF_WARN_UNUSED int report_new(struct report **ret);
void report_free(struct report *r);
/* Takes a copy of the text; gives the file's index, or <0 (GF_ENOMEM, GF_ELIMIT). Name is what people see ("rules.d/20-lamps.yaml"). */
GF_WARN_UNUSED int report_file(struct report *r, const char *name, const char *text, size_t len);
const char *report_file_text(const struct report *r, uint16_t file, size_t *ret_len);
const char *report_file_name(const struct report *r, uint16_t file);
/* hint may be NULL. */
void report_error(struct report *r, struct place at, const char *hint, const char *fmt, ...) GF_PRINTF(4, 5);
void report_warning(struct report *r, struct place at, const char *hint, const char *fmt, ...) GF_PRINTF(4, 5);
size_t report_errors(const struct report *r);
size_t report_warnings(const struct report *r);
void report_line_column(const struct report *r, struct place at, uint32_t *ret_line, uint32_t *ret_column);

/* All items, in order of file, then place. */
void report_print(const struct report *r, struct buf *out, bool colour);
void report_print_json(const struct report *r, struct buf *out); /* one object a line: file line column severity message hint */
/* The first error as one line ("rules.d/x.yaml:3:1: …"), for logs and replies; "" when there is none. */
const char *report_first(const struct report *r);

#endif
