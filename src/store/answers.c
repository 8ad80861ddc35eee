/* SPDX-License-Identifier: Apache-2.0
 * Answers to commands, remembered so that one that comes again is answered alike and applied once. Leans on sql.c. */
#include "store/store_int.h"

/* The answer with the audit trail's head at its end. */
static void with_head(struct store *s, const struct effect_answer *a, struct buf *b) {
    char head[STORE_AUDIT_HEAD];
    size_t len = a->len;
    while (len > 0 && a->body[len - 1] != '}')
        len--;
    buf_put(b, a->body, len > 0 ? len - 1 : a->len);
    if (len > 0) {
        store_audit_head(s, head);
        buf_printf(b, ",\"audit\":\"%s\"}", head);
    }
}

/* Within a transaction. audited: the trail has the command's entry already. */
int store_answer_put(struct store *s, const struct effect_answer *a, bool audited, struct err *err) {
    if (!a->command || !*a->command) /* the shell's have no id, and do not come twice */
        return 0;
    struct buf b;
    buf_init(&b, 0);
    if (audited && a->body)
        with_head(s, a, &b);
    else if (a->body)
        buf_put(&b, a->body, a->len);
    if (b.failed) {
        buf_done(&b);
        return err_set(err, GF_ENOMEM, "store %s: no memory for an answer", s->path);
    }
    struct query q = sql_start(s, SQL_ANSWER_ADD);
    sql_put_str(&q, a->who ? a->who : "");
    sql_put_str(&q, a->command);
    sql_put_str(&q, a->incident);
    sql_put_int(&q, a->at);
    sql_put_text(&q, b.len ? b.data : "", b.len);
    s->live.rows_written++;
    int rc = sql_run(&q, err);
    buf_done(&b);
    return rc;
}

bool store_answer(struct store *s, const char *command, const char *who, struct arena *a, const char **ret_body) {
    if (!command || !*command)
        return false;
    struct query q = sql_start(s, SQL_ANSWER_GET);
    sql_put_str(&q, who ? who : "");
    sql_put_str(&q, command);
    if (sql_row(&q, NULL) <= 0)
        return false;
    size_t len;
    const char *body = sql_text(&q, 0, &len);
    char *copy = sql_good(&q, NULL) == 0 ? arena_strndup(a, body, len) : NULL;
    sql_stop(&q);
    if (!copy)
        return false;
    *ret_body = copy;
    return true;
}
