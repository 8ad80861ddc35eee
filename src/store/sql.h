/* SPDX-License-Identifier: Apache-2.0
 * Statements: every one stands in the table of statements.h, is prepared once when the file is opened, and its columns and parameters are compared with the table then.
 *
 *   struct query q = sql_start(s, SQL_X); sql_put_int(&q, 1); sql_put_text(&q, "…", n); rc = sql_run(&q, err);
 *   while ((rc = sql_row(&q, err)) > 0) … sql_int(&q, 0) …;      sql_stop(&q) when leaving earlier
 *
 * Parameters are put in order, columns read by the index of the table's list. What sql_text gives is good until the next sql_row or sql_stop. */
#ifndef GENGFU_STORE_SQL_H
#define GENGFU_STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/err.h"
#include "store/statements.h"

struct store;

enum sql_id {
#define X(name, sql, columns) SQL_##name,
    SQL_STATEMENTS(X)
#undef X
        SQL_COUNT
};
struct sql_slot {
    sqlite3_stmt *st;
    bool open; /* between its first row and its end */
};
struct query {
    struct store *s;
    sqlite3_stmt *st;
    enum sql_id id;
    int put; /* parameters so far */
    int rc;  /* first thing that went wrong with them */
};

GF_WARN_UNUSED int sql_prepare(struct store *s, struct err *err);
void sql_finalize(struct store *s);
void sql_reset(struct store *s, enum sql_id id);
/* Ends the transaction that is open. False: it stays open (`torn`), for want of memory. */
bool sql_roll_back(struct store *s);
const char *sql_name(enum sql_id id);

struct query sql_start(struct store *s, enum sql_id id);
void sql_put_int(struct query *q, int64_t v);
void sql_put_text(struct query *q, const char *text, size_t len); /* NULL: NULL */
void sql_put_str(struct query *q, const char *text);              /* the same, up to its NUL */
void sql_put_blob(struct query *q, const void *data, size_t len);
void sql_put_null(struct query *q);
GF_WARN_UNUSED int sql_run(struct query *q, struct err *err); /* to its end */
GF_WARN_UNUSED int sql_row(struct query *q, struct err *err); /* 1: a row; 0: no more, and it is stopped */
void sql_stop(struct query *q);
/* One row with one integer; `otherwise` when there is no row or it is NULL. */
GF_WARN_UNUSED int sql_one(struct query *q, int64_t otherwise, struct err *err, int64_t *ret);
int64_t sql_int(const struct query *q, int column);
bool sql_null(const struct query *q, int column);
/* Never NULL; ret_len may be NULL. Without memory: "", and the next sql_row or sql_good says so. */
const char *sql_text(struct query *q, int column, size_t *ret_len);
const void *sql_blob(struct query *q, int column, size_t *ret_len); /* NULL when empty */
GF_WARN_UNUSED int sql_good(struct query *q, struct err *err);      /* whether what was read from this row was all there */

/* The sentence and code for what SQLite just said. `what`: statement or deed. */
int sql_fail(struct store *s, int sqlite_rc, const char *what, struct err *err);
/* Text without rows and parameters (pragmas, migrations). */
GF_WARN_UNUSED int sql_text_run(struct store *s, const char *what, const char *sql, struct err *err);

#endif
