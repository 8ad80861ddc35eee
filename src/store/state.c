/* SPDX-License-Identifier: Apache-2.0
 * Rule state and device checkpoints: one row a key, as the engine wrote it. Leans on sql.c. */
#include "store/store_int.h"

/* A deletion names the hash: state of a rule's old meaning is dropped without touching what the new one has written already. */
int store_state_put(struct store *s, const struct effect_state *st, struct err *err) {
    struct query q = sql_start(s, st->body ? SQL_STATE_PUT : SQL_STATE_DROP);
    sql_put_str(&q, st->rule);
    sql_put_str(&q, st->key);
    sql_put_int(&q, (int64_t)st->hash);
    if (st->body)
        sql_put_text(&q, st->body, st->len);
    s->live.rows_written++;
    return sql_run(&q, err);
}

int store_device_put(struct store *s, const struct effect_device *d, struct err *err) {
    struct query q = sql_start(s, d->body ? SQL_DEVICE_PUT : SQL_DEVICE_DROP);
    sql_put_str(&q, d->device);
    if (d->body)
        sql_put_text(&q, d->body, d->len);
    s->live.rows_written++;
    return sql_run(&q, err);
}

int store_each_state(struct store *s, store_state_fn fn, void *ctx, struct err *err) {
    struct query q = sql_start(s, SQL_STATE_EACH);
    int rc;
    while ((rc = sql_row(&q, err)) > 0) {
        size_t len;
        const char *rule = sql_text(&q, 0, NULL), *key = sql_text(&q, 2, NULL), *body = sql_text(&q, 3, &len);
        rc = sql_good(&q, err);
        if (rc == 0)
            rc = fn(ctx, rule, (uint64_t)sql_int(&q, 1), key, body, len);
        if (rc) {
            sql_stop(&q);
            break;
        }
    }
    return rc;
}

int store_each_device(struct store *s, store_text_fn fn, void *ctx, struct err *err) {
    struct query q = sql_start(s, SQL_DEVICE_EACH);
    int rc;
    while ((rc = sql_row(&q, err)) > 0) {
        size_t len;
        const char *device = sql_text(&q, 0, NULL), *body = sql_text(&q, 1, &len);
        rc = sql_good(&q, err);
        if (rc == 0)
            rc = fn(ctx, device, body, len);
        if (rc) {
            sql_stop(&q);
            break;
        }
    }
    return rc;
}

int store_tail_put(struct store *s, struct err *err) {
    s->live.tail = s->live.last_id;
    return store_meta_put(s, "tail", s->live.tail, err);
}

int store_checkpoint_done(struct store *s, struct err *err) {
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    return txn_end(s, store_tail_put(s, err), err);
}
