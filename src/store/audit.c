/* SPDX-License-Identifier: Apache-2.0
 * The audit trail: who did what. Each entry's hash covers the one before it, so an edit or a missing entry shows (store_audit_verify). Whoever can write the file can also write a whole new
 * chain: against that helps only a copy of the latest hash elsewhere. */
#include "store/store_int.h"

#include <inttypes.h>
#include <string.h>

#include "gengfu/base/crypt.h"

static void put_number(struct buf *b, uint64_t v) {
    uint8_t out[8];
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (8 * i));
    buf_put(b, out, sizeof out);
}

static void put_string(struct buf *b, const char *s) {
    put_number(b, s ? strlen(s) : UINT64_MAX);
    if (s)
        buf_puts(b, s);
}

static int entry_hash(const uint8_t before[32], int64_t at, const char *who, const char *what, const char *detail, uint8_t ret[32],
                      struct err *err) {
    struct buf b;
    buf_init(&b, 0);
    buf_put(&b, before, 32);
    put_number(&b, (uint64_t)at);
    put_string(&b, who);
    put_string(&b, what);
    put_string(&b, detail);
    int rc = b.failed ? GF_ENOMEM : sha256(b.data, b.len, ret);
    buf_done(&b);
    return rc < 0 ? err_set(err, rc, "the hash of an audit entry") : 0;
}

/* The hash that the first entry there follows from: zeros, or the last one that was trimmed. */
static int anchor(struct store *s, uint8_t ret[32], struct err *err) {
    size_t len;
    memset(ret, 0, 32);
    struct query q = sql_start(s, SQL_ANCHOR_GET);
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    const void *hash = sql_blob(&q, 0, &len);
    if (hash && len == 32)
        memcpy(ret, hash, 32);
    sql_stop(&q);
    return 0;
}

int store_audit_load(struct store *s, struct err *err) {
    size_t len;
    struct query q = sql_start(s, SQL_AUDIT_LAST);
    int rc = sql_row(&q, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return anchor(s, s->live.audit, err);
    const void *hash = sql_blob(&q, 0, &len);
    memset(s->live.audit, 0, 32);
    if (hash && len == 32) /* else the chain is broken here, and verifying says so */
        memcpy(s->live.audit, hash, 32);
    sql_stop(&q);
    return 0;
}

int store_audit(struct store *s, int64_t at, const char *who, const char *what, const char *detail, struct err *err) {
    uint8_t hash[32];
    int rc = entry_hash(s->live.audit, at, who ? who : "", what ? what : "", detail, hash, err);
    if (rc == 0)
        rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_AUDIT_ADD);
    sql_put_int(&q, at);
    sql_put_str(&q, who ? who : "");
    sql_put_str(&q, what ? what : "");
    sql_put_str(&q, detail);
    sql_put_blob(&q, hash, sizeof hash);
    rc = sql_run(&q, err);
    if (rc == 0) {
        rc = store_meta_put(s, "audit_last", sqlite3_last_insert_rowid(s->db), err);
        memcpy(s->live.audit, hash, sizeof hash);
    }
    return txn_end(s, rc, err);
}

int store_each_audit(struct store *s, store_audit_fn fn, void *ctx, struct err *err) {
    uint8_t before[32];
    int rc = anchor(s, before, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_AUDIT_EACH);
    while ((rc = sql_row(&q, err)) > 0) {
        size_t len;
        uint8_t expected[32];
        struct audit_entry e = {.id = sql_int(&q, 0), .at = sql_int(&q, 1), .who = sql_text(&q, 2, NULL), .what = sql_text(&q, 3, NULL)};
        e.detail = sql_null(&q, 4) ? NULL : sql_text(&q, 4, NULL);
        const void *hash = sql_blob(&q, 5, &len);
        rc = sql_good(&q, err);
        if (rc == 0)
            rc = entry_hash(before, e.at, e.who, e.what, e.detail, expected, err);
        if (rc == 0) {
            e.intact = hash && len == 32 && memcmp(hash, expected, 32) == 0;
            memset(before, 0, 32);
            if (hash && len == 32)
                memcpy(before, hash, 32);
            rc = fn(ctx, &e);
        }
        if (rc) {
            sql_stop(&q);
            break;
        }
    }
    return rc;
}

struct verify {
    struct store *s;
    struct err *err;
    int64_t entries, last;
};

static int verify_one(void *ctx, const struct audit_entry *e) {
    struct verify *v = ctx;
    if (!e->intact)
        return err_set(v->err, GF_ECORRUPT,
                       "store %s: audit entry %" PRId64
                       " does not follow from the one before it: it, or one before it, was changed or taken out",
                       v->s->path, e->id);
    v->entries++;
    v->last = e->id;
    return 0;
}

int store_audit_verify(struct store *s, int64_t *ret_entries, struct err *err) {
    struct verify v = {.s = s, .err = err};
    int64_t last;
    int rc = store_each_audit(s, verify_one, &v, err);
    if (rc == 0)
        rc = store_meta_get(s, "audit_last", 0, err, &last);
    if (rc < 0)
        return rc;
    if (last != v.last)
        return err_set(err, GF_ECORRUPT,
                       "store %s: the audit trail ends at entry %" PRId64 ", though %" PRId64 " was written: the last ones were taken out",
                       s->path, v.last, last);
    if (ret_entries)
        *ret_entries = v.entries;
    return 0;
}

/* The oldest go when there are more than STORE_AUDIT; the hash of the last of them becomes the anchor. */
int store_audit_trim(struct store *s, int64_t budget, struct err *err, int64_t *ret_rows) {
    *ret_rows = 0;
    struct query q = sql_start(s, SQL_AUDIT_ANCHOR);
    sql_put_int(&q, STORE_AUDIT);
    sql_put_int(&q, budget > 0 ? budget - 1 : 0); /* a full budget's worth, or wait until there is one */
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    size_t len;
    uint8_t copy[32] = {0};
    int64_t id = sql_int(&q, 0);
    const void *hash = sql_blob(&q, 1, &len);
    if (hash && len == 32)
        memcpy(copy, hash, 32);
    sql_stop(&q);
    q = sql_start(s, SQL_ANCHOR_PUT);
    sql_put_blob(&q, copy, sizeof copy);
    rc = sql_run(&q, err);
    if (rc < 0)
        return rc;
    q = sql_start(s, SQL_AUDIT_DROP);
    sql_put_int(&q, id);
    rc = sql_run(&q, err);
    *ret_rows = sqlite3_changes64(s->db);
    return rc;
}
