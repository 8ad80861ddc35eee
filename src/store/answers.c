/* SPDX-License-Identifier: Apache-2.0
 * Answers to commands, remembered so that one that comes again is answered alike and applied once. Leans on sql.c. */
#include "store/store_int.h"

int store_answer_put(struct store *s, const struct effect_answer *a, struct err *err) {
    if (!a->command || !*a->command) /* the shell's have no id, and do not come twice */
        return 0;
    struct query q = sql_start(s, SQL_ANSWER_ADD);
    sql_put_str(&q, a->who ? a->who : "");
    sql_put_str(&q, a->command);
    sql_put_str(&q, a->incident);
    sql_put_int(&q, a->at);
    sql_put_text(&q, a->body ? a->body : "", a->body ? a->len : 0);
    s->live.rows_written++;
    return sql_run(&q, err);
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
