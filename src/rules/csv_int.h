/* SPDX-License-Identifier: Apache-2.0
 * Private to the rules module: CSV (RFC 4180) with places. */
#ifndef RULES_CSV_INT_H
#define RULES_CSV_INT_H

#include "gengfu/base/arena.h"
#include "gengfu/rules/report.h"

#define CSV_MAX_CELLS 256 /* of one row */
#define CSV_MAX_CELL 8192 /* bytes */

struct csv_cell {
    const char *text; /* NUL-terminated, blanks around an unquoted cell removed; in the reader's arena until the next row */
    size_t len;
    bool quoted;
    bool bad; /* reported already; read as empty */
    struct place at;
};
struct csv {
    struct report *rep;
    struct arena arena; /* the row's texts */
    uint16_t file;
    const char *text;
    size_t len, pos;
    size_t row; /* rows read, the header included */
    struct csv_cell cells[CSV_MAX_CELLS];
    size_t n;
    bool failed; /* an error that ends the reading */
};

void csv_init(struct csv *c, struct report *rep, uint16_t file);
void csv_done(struct csv *c);
/* The next row that is not empty. False at the end, or when it cannot go on (then `failed`, and reported). */
bool csv_next(struct csv *c);

#endif
