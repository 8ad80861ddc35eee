/* SPDX-License-Identifier: Apache-2.0
 * Answers to commands, remembered so that one that comes again is answered alike and applied once. Leans on sql.c. */
#include "store/store_int.h"

#include "gengfu/base/json.h"

#define JSON_MAX (1 << 20) /* bytes that an answer may take while it is looked at */

/* The answer, a JSON object, with the audit trail's head at its end. */
static int with_head(struct store *s, const struct effect_answer *a, struct buf *b, struct err *err) {
    char head[STORE_AUDIT_HEAD];
    struct arena arena;
    const cJSON *doc, *member;
    arena_init(&arena, 4096, JSON_MAX);
    int rc = json_parse(&arena, a->body, a->len, err, &doc);
    if (rc == 0) {
        struct jw w = jw_start(b);
        jw_open(&w, NULL, '{');
        cJSON_ArrayForEach(member, doc) jw_value(&w, member->string, member);
        store_audit_head(s, head);
        jw_str(&w, "audit", head);
        jw_close(&w, '}');
    }
    arena_done(&arena);
    return rc;
}

/* Within a transaction. audited: the trail has the command's entry already. */
int store_answer_put(struct store *s, const struct effect_answer *a, bool audited, struct err *err) {
    if (!a->command || !*a->command) /* the shell's have no id, and do not come twice */
        return 0;
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    if (audited && a->body)
        rc = with_head(s, a, &b, err);
    else if (a->body)
        buf_put(&b, a->body, a->len);
    if (rc == 0 && b.failed)
        rc = err_set(err, GF_ENOMEM, "no memory");
    if (rc < 0) {
        buf_done(&b);
        return err_prefix(err, "store %s: an answer", s->path);
    }
    struct query q = sql_start(s, SQL_ANSWER_ADD);
    sql_put_str(&q, a->who ? a->who : "");
    sql_put_str(&q, a->command);
    sql_put_str(&q, a->incident);
    sql_put_int(&q, a->at);
    sql_put_text(&q, b.len ? b.data : "", b.len);
    s->live.rows_written++;
    rc = sql_run(&q, err);
    buf_done(&b);
    return rc;
}

int store_answer(struct store *s, const char *command, const char *who, struct arena *a, const char **ret_body, struct err *err) {
    if (!command || !*command)
        return 0;
    struct query q = sql_start(s, SQL_ANSWER_GET);
    sql_put_str(&q, who ? who : "");
    sql_put_str(&q, command);
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    size_t len;
    const char *body = sql_text(&q, 0, &len);
    rc = sql_good(&q, err);
    char *copy = rc == 0 ? arena_strndup(a, body, len) : NULL;
    sql_stop(&q);
    if (rc < 0)
        return rc;
    if (!copy)
        return err_set(err, GF_ENOMEM, "store %s: no memory for an answer", s->path);
    *ret_body = copy;
    return 1;
}
