/* SPDX-License-Identifier: Apache-2.0
 * Transactions: the handle knows who opened one, and what memory looked like before it. Leans on sql.c. */
#include "store/store_int.h"

int txn_begin(struct store *s, const char *where, struct err *err) {
    if (s->txn)
        return err_set(err, GF_EBUG, "store %s: a transaction is open already, begun at %s", s->path, s->txn);
    if (s->open_statements) /* a callback must not write: what its listing reads would move under it */
        return err_set(err, GF_EBUG, "store %s: the transaction of %s would begin within a listing", s->path, where);
    int rc = store_writable(s, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_BEGIN);
    rc = sql_run(&q, err);
    if (rc < 0)
        return rc;
    s->txn = where;
    s->before = s->live;
    return 0;
}

/* An error may have ended the transaction already (SQLite does so when the disk is full or broken): then there is nothing to roll back. */
void txn_rollback(struct store *s) {
    if (!s->txn)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sql_reset(s, (enum sql_id)i);
    gf_ignore(sql_roll_back(s)); /* should it fail for want of memory, the next statement tries again before anything is read or written */
    s->live = s->before;
    s->txn = NULL;
}

int txn_commit(struct store *s, struct err *err) {
    if (s->open_statements) {
        err_set(err, GF_EBUG, "store %s: the transaction begun at %s would be committed with a statement open", s->path, s->txn);
        txn_rollback(s);
        return GF_EBUG;
    }
    struct query q = sql_start(s, SQL_COMMIT);
    int rc = sql_run(&q, err);
    if (rc < 0) {
        txn_rollback(s);
        return rc;
    }
    s->txn = NULL;
    return 0;
}

int txn_end(struct store *s, int rc, struct err *err) {
    if (rc < 0) {
        txn_rollback(s);
        return rc;
    }
    return txn_commit(s, err);
}
