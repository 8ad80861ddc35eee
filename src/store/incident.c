/* SPDX-License-Identifier: Apache-2.0
 * Incidents: the latest document whole, and of each revision its number, time, and what it said in a few small columns. Leans on sql.c; outbox.c does what follows for the platforms. */
#include "store/store_int.h"

#include <string.h>

static int find(struct store *s, const struct effect_incident *i, int64_t *ret_nr, bool *ret_same_title, struct err *err) {
    struct query q = sql_start(s, SQL_INCIDENT_FIND);
    sql_put_str(&q, i->id);
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    *ret_nr = sql_int(&q, 0);
    *ret_same_title = strcmp(sql_text(&q, 1, NULL), i->title ? i->title : "") == 0;
    rc = sql_good(&q, err);
    sql_stop(&q);
    return rc < 0 ? rc : 1;
}

static void put_common(struct query *q, const struct effect_incident *i) {
    sql_put_str(q, i->rule ? i->rule : "");
    sql_put_str(q, i->key ? i->key : "");
    sql_put_str(q, i->device);
    sql_put_str(q, i->title ? i->title : "");
    sql_put_int(q, i->revision);
    sql_put_int(q, i->change);
    sql_put_int(q, i->severity);
    sql_put_int(q, i->condition);
    sql_put_int(q, i->handling);
    sql_put_int(q, i->raised);
    sql_put_int(q, i->updated);
    sql_put_int(q, i->over);
    sql_put_text(q, i->body ? i->body : "", i->body ? i->len : 0);
}

static int revision_add(struct store *s, int64_t nr, const struct effect_incident *i, bool same_title, struct err *err) {
    struct query q = sql_start(s, SQL_REVISION_ADD);
    sql_put_int(&q, nr);
    sql_put_int(&q, i->revision);
    sql_put_int(&q, i->change);
    sql_put_int(&q, i->updated);
    sql_put_int(&q, i->severity);
    sql_put_int(&q, i->condition);
    sql_put_int(&q, i->handling);
    sql_put_str(&q, same_title ? NULL : i->title); /* only when it is new: the row stays at some 25 bytes */
    s->live.rows_written++;
    int rc = sql_run(&q, err);
    /* A flapping incident must not fill the disk: the first revision and the latest ones stay. */
    if (rc == 0 && i->revision > STORE_REVISIONS && i->revision % 64 == 0) {
        q = sql_start(s, SQL_REVISION_TRIM);
        sql_put_int(&q, nr);
        sql_put_int(&q, (int64_t)i->revision - STORE_REVISIONS);
        rc = sql_run(&q, err);
    }
    return rc;
}

/* A revision is sent with the same bytes however often: what the document said then is put by before a count changes it, and forgotten with the next revision. */
static int keep_published(struct store *s, int64_t nr, bool publish, struct err *err) {
    struct query q = sql_start(s, publish ? SQL_PUBLISHED_DROP : SQL_PUBLISHED_KEEP);
    sql_put_int(&q, nr);
    return sql_run(&q, err);
}

int store_incidents_load(struct store *s, struct err *err) {
    struct query q = sql_start(s, SQL_INCIDENT_COUNT);
    return sql_one(&q, 0, err, &s->live.incidents);
}

int store_incident_put(struct store *s, const struct effect_incident *i, int64_t wall, struct err *err) {
    int64_t nr = 0;
    bool same_title = false;
    if (!i->id || !*i->id)
        return err_set(err, GF_EINVAL, "store %s: an incident without id", s->path);
    int rc = find(s, i, &nr, &same_title, err);
    if (rc < 0)
        return rc;
    if (rc) {
        rc = keep_published(s, nr, i->publish, err);
        if (rc < 0)
            return rc;
        rc = 1;
    }
    struct query q = sql_start(s, rc ? SQL_INCIDENT_SET : SQL_INCIDENT_ADD);
    if (rc == 0) {
        sql_put_str(&q, i->id);
        sql_put_str(&q, i->number ? i->number : "");
    }
    put_common(&q, i);
    if (rc)
        sql_put_int(&q, nr);
    bool known = rc > 0;
    rc = sql_run(&q, err);
    if (rc < 0)
        return rc;
    if (!known) {
        nr = sqlite3_last_insert_rowid(s->db);
        s->live.incidents++;
    }
    s->live.rows_written++;
    if (!i->publish)
        return 0;
    rc = revision_add(s, nr, i, same_title, err);
    return rc < 0 ? rc : store_outbox_queue(s, nr, i, wall, err);
}

int store_each_open_incident(struct store *s, store_text_fn fn, void *ctx, struct err *err) {
    struct query q = sql_start(s, SQL_INCIDENT_OPEN);
    int rc;
    while ((rc = sql_row(&q, err)) > 0) {
        size_t len;
        const char *id = sql_text(&q, 0, NULL), *body = sql_text(&q, 1, &len);
        rc = sql_good(&q, err);
        if (rc == 0)
            rc = fn(ctx, id, body, len);
        if (rc) {
            sql_stop(&q);
            break;
        }
    }
    return rc;
}
