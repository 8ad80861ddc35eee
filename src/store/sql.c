/* SPDX-License-Identifier: Apache-2.0
 * Statements: preparing, running, reading, and turning SQLite's results into our errors. The table itself is statements.h. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "store/store_int.h"

static const struct {
    const char *name, *sql, *columns;
} table[SQL_COUNT] = {
#define X(name, sql, columns) {#name, sql, columns},
    SQL_STATEMENTS(X)
#undef X
};

const char *sql_name(enum sql_id id) { return table[id].name; }

/* SQLite says "full" for ENOSPC in plain writes only; where it says "I/O error" the errno tells, its own note of it or, from COMMIT, which makes none, the thread's. */
static int map_error(struct store *s, int rc) {
    int number = s->db ? sqlite3_system_errno(s->db) : 0;
    if (!number)
        number = errno;
    bool room = number == ENOSPC || number == EDQUOT || number == EFBIG;
    switch (rc) { /* our statements cannot do these, unless an index says other things than its table */
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return GF_ECORRUPT;
    case SQLITE_CONSTRAINT_NOTNULL: return GF_EINVAL;
    default: break;
    }
    switch (rc & 0xff) {
    case SQLITE_FULL: return GF_EFULL;
    case SQLITE_IOERR: return rc == SQLITE_IOERR_NOMEM ? GF_ENOMEM : room ? GF_EFULL : GF_EIO;
    case SQLITE_CANTOPEN:
        return room ? GF_EFULL : number == ENOENT ? GF_ENOTFOUND : number == EACCES || number == EPERM ? GF_EDENIED : GF_EIO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return GF_ECORRUPT;
    case SQLITE_NOMEM: return GF_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_READONLY: return GF_EIO;
    case SQLITE_PERM:
    case SQLITE_AUTH: return GF_EDENIED;
    case SQLITE_TOOBIG: return GF_ELIMIT;
    default: return GF_EBUG;
    }
}

int sql_fail(struct store *s, int sqlite_rc, const char *what, struct err *err) {
    int extended = sqlite_rc;
    if (s->db && (sqlite3_errcode(s->db) & 0xff) == (sqlite_rc & 0xff))
        extended = sqlite3_extended_errcode(s->db);
    const char *message =
        s->db && (sqlite3_errcode(s->db) & 0xff) == (sqlite_rc & 0xff) ? sqlite3_errmsg(s->db) : sqlite3_errstr(sqlite_rc);
    if (s->txn)
        return err_set(err, map_error(s, extended), "store %s: %s in the transaction begun at %s: %s (SQLite %d)", s->path, what, s->txn,
                       message, extended);
    return err_set(err, map_error(s, extended), "store %s: %s: %s (SQLite %d)", s->path, what, message, extended);
}

static bool columns_agree(sqlite3_stmt *st, const char *columns) {
    int n = sqlite3_column_count(st), i = 0;
    while (*columns) {
        size_t len = strcspn(columns, ",");
        const char *name = i < n ? sqlite3_column_name(st, i) : NULL;
        if (!name || strlen(name) != len || memcmp(name, columns, len) != 0)
            return false;
        i++;
        columns += len + (columns[len] == ',');
    }
    return i == n;
}

int sql_prepare(struct store *s, struct err *err) {
    for (int i = 0; i < SQL_COUNT; i++) {
        int rc = sqlite3_prepare_v3(s->db, table[i].sql, -1, SQLITE_PREPARE_PERSISTENT, &s->slots[i].st, NULL);
        if (rc != SQLITE_OK) {
            int code = sql_fail(s, rc, table[i].name, err);
            /* A table or column that the schema of this version must have is not there. */
            return code == GF_EBUG && (rc & 0xff) == SQLITE_ERROR
                       ? err_set(err, GF_ECORRUPT, "store %s: %s: %s", s->path, table[i].name, sqlite3_errmsg(s->db))
                       : code;
        }
        if (!columns_agree(s->slots[i].st, table[i].columns))
            return err_set(err, GF_EBUG, "store %s: %s: the columns are not %s", s->path, table[i].name, table[i].columns);
    }
    return 0;
}

void sql_finalize(struct store *s) {
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(s->slots[i].st);
        s->slots[i] = (struct sql_slot){0};
    }
    s->open_statements = 0;
}

void sql_reset(struct store *s, enum sql_id id) {
    struct sql_slot *slot = &s->slots[id];
    if (slot->open) {
        slot->open = false;
        s->open_statements--;
    }
    if (slot->st)
        sqlite3_reset(slot->st);
}

bool sql_roll_back(struct store *s) {
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite3_step(s->slots[SQL_ROLLBACK].st);
        sql_reset(s, SQL_ROLLBACK);
    }
    s->torn = !sqlite3_get_autocommit(s->db);
    return !s->torn;
}

struct query sql_start(struct store *s, enum sql_id id) {
    struct query q = {.s = s, .st = s->slots[id].st, .id = id};
    if (s->torn && !sql_roll_back(s))
        q.rc = SQLITE_NOMEM;
    else if (!q.st || s->slots[id].open) /* a callback came back to the listing that called it */
        q.rc = SQLITE_MISUSE;
    return q;
}

static void put(struct query *q, int rc) {
    if (rc != SQLITE_OK && q->rc == SQLITE_OK)
        q->rc = rc;
}

void sql_put_int(struct query *q, int64_t v) {
    q->put++;
    if (q->rc == SQLITE_OK)
        put(q, sqlite3_bind_int64(q->st, q->put, v));
}

void sql_put_text(struct query *q, const char *text, size_t len) {
    q->put++;
    if (q->rc == SQLITE_OK)
        put(q, text ? sqlite3_bind_text64(q->st, q->put, text, len, SQLITE_STATIC, SQLITE_UTF8) : sqlite3_bind_null(q->st, q->put));
}

void sql_put_str(struct query *q, const char *text) { sql_put_text(q, text, text ? strlen(text) : 0); }

void sql_put_blob(struct query *q, const void *data, size_t len) {
    q->put++;
    if (q->rc == SQLITE_OK)
        put(q, sqlite3_bind_blob64(q->st, q->put, data, len, SQLITE_STATIC));
}

void sql_put_null(struct query *q) {
    q->put++;
    if (q->rc == SQLITE_OK)
        put(q, sqlite3_bind_null(q->st, q->put));
}

static int query_fail(struct query *q, int rc, struct err *err) {
    if (rc == SQLITE_MISUSE)
        return err_set(err, GF_EBUG, "store %s: %s: used while it is in use", q->s->path, table[q->id].name);
    return sql_fail(q->s, rc, table[q->id].name, err);
}

int sql_row(struct query *q, struct err *err) {
    struct sql_slot *slot = &q->s->slots[q->id];
    if (q->rc == SQLITE_OK && !slot->open) {
        if (q->put != sqlite3_bind_parameter_count(q->st))
            return err_set(err, GF_EBUG, "store %s: %s: %d parameters were given", q->s->path, table[q->id].name, q->put);
        slot->open = true;
        q->s->open_statements++;
    }
    if (q->rc != SQLITE_OK) {
        int code = query_fail(q, q->rc, err);
        if (q->rc != SQLITE_MISUSE)
            sql_reset(q->s, q->id);
        return code;
    }
    errno = 0;
    int rc = sqlite3_step(q->st);
    if (rc == SQLITE_ROW)
        return 1;
    int code = rc == SQLITE_DONE ? 0 : query_fail(q, rc, err);
    sql_reset(q->s, q->id);
    return code;
}

int sql_run(struct query *q, struct err *err) {
    int rc;
    while ((rc = sql_row(q, err)) > 0)
        continue;
    return rc;
}

int sql_one(struct query *q, int64_t otherwise, struct err *err, int64_t *ret) {
    int rc = sql_row(q, err);
    if (rc < 0)
        return rc;
    *ret = rc > 0 && !sql_null(q, 0) ? sql_int(q, 0) : otherwise;
    if (rc > 0)
        sql_stop(q);
    return 0;
}

void sql_stop(struct query *q) {
    if (q->rc != SQLITE_MISUSE)
        sql_reset(q->s, q->id);
}

int64_t sql_int(const struct query *q, int column) { return sqlite3_column_int64(q->st, column); }
bool sql_null(const struct query *q, int column) { return sqlite3_column_type(q->st, column) == SQLITE_NULL; }

const char *sql_text(struct query *q, int column, size_t *ret_len) {
    const char *text = (const char *)sqlite3_column_text(q->st, column);
    if (!text && sqlite3_column_type(q->st, column) != SQLITE_NULL)
        put(q, SQLITE_NOMEM);
    if (ret_len)
        *ret_len = text ? (size_t)sqlite3_column_bytes(q->st, column) : 0;
    return text ? text : "";
}

const void *sql_blob(struct query *q, int column, size_t *ret_len) {
    const void *data = sqlite3_column_blob(q->st, column);
    *ret_len = (size_t)sqlite3_column_bytes(q->st, column);
    if (!data && *ret_len)
        put(q, SQLITE_NOMEM);
    return data;
}

int sql_good(struct query *q, struct err *err) { return q->rc == SQLITE_OK ? 0 : query_fail(q, q->rc, err); }

int sql_text_run(struct store *s, const char *what, const char *sql, struct err *err) {
    errno = 0;
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sql_fail(s, rc, what, err);
}
