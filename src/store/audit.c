/* SPDX-License-Identifier: Apache-2.0
 * The audit trail: who did what. Each entry's hash covers the one before it, so an edit or a missing entry shows (store_audit_verify). Whoever can write the file can also write a whole new
 * chain: against that helps only a copy of the latest hash elsewhere. */
#include "store/store_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
    s->live.audit_id = sql_int(&q, 1);
    memset(s->live.audit, 0, 32);
    if (hash && len == 32) /* else the chain is broken here, and verifying says so */
        memcpy(s->live.audit, hash, 32);
    sql_stop(&q);
    return 0;
}

/* Within a transaction. */
int store_audit_put(struct store *s, int64_t at, const char *who, const char *what, const char *detail, struct err *err) {
    uint8_t hash[32];
    int rc = entry_hash(s->live.audit, at, who ? who : "", what ? what : "", detail, hash, err);
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
        int64_t id = sqlite3_last_insert_rowid(s->db);
        rc = store_meta_put(s, "audit_last", id, err);
        memcpy(s->live.audit, hash, sizeof hash);
        s->live.audit_id = id;
    }
    return rc;
}

int store_audit(struct store *s, int64_t at, const char *who, const char *what, const char *detail, struct err *err) {
    int rc = txn_begin(s, HERE, err);
    return rc < 0 ? rc : txn_end(s, store_audit_put(s, at, who, what, detail, err), err);
}

void store_audit_head(const struct store *s, char ret[STORE_AUDIT_HEAD]) {
    char hash[65];
    hex_encode(s->live.audit, sizeof s->live.audit, hash);
    (void)snprintf(ret, STORE_AUDIT_HEAD, "%" PRId64 ":%s", s->live.audit_id, hash);
}

static void read_entry(struct query *q, struct audit_entry *e) {
    size_t len;
    *e = (struct audit_entry){.id = sql_int(q, 0), .at = sql_int(q, 1), .who = sql_text(q, 2, NULL), .what = sql_text(q, 3, NULL)};
    e->detail = sql_null(q, 4) ? NULL : sql_text(q, 4, NULL);
    const void *hash = sql_blob(q, 5, &len);
    if (hash && len == 32) /* else zeros, which follow from nothing */
        memcpy(e->hash, hash, 32);
}

int store_each_audit(struct store *s, store_audit_fn fn, void *ctx, struct err *err) {
    uint8_t before[32], expected[32];
    int rc = anchor(s, before, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_AUDIT_EACH);
    while ((rc = sql_row(&q, err)) > 0) {
        struct audit_entry e;
        read_entry(&q, &e);
        rc = sql_good(&q, err);
        if (rc == 0)
            rc = entry_hash(before, e.at, e.who, e.what, e.detail, expected, err);
        if (rc == 0) {
            e.intact = memcmp(e.hash, expected, 32) == 0;
            memcpy(before, e.hash, 32);
            rc = fn(ctx, &e);
        }
        if (rc) {
            sql_stop(&q);
            break;
        }
    }
    return rc;
}

int store_latest_audit(struct store *s, int64_t since, int limit, store_audit_fn fn, void *ctx, struct err *err) {
    struct query q = sql_start(s, SQL_AUDIT_LATEST);
    int rc;
    sql_put_int(&q, since);
    sql_put_int(&q, limit);
    while ((rc = sql_row(&q, err)) > 0) {
        struct audit_entry e;
        read_entry(&q, &e);
        rc = sql_good(&q, err);
        if (rc == 0)
            rc = fn(ctx, &e);
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
    int64_t entries, first, last;
    int64_t noted; /* entry whose hash was noted elsewhere; 0: none */
    uint8_t hash[32];
    bool met;
};

static int verify_one(void *ctx, const struct audit_entry *e) {
    struct verify *v = ctx;
    if (v->last > 0 && e->id > v->last + 1) {
        if (e->id == v->last + 2)
            return err_set(v->err, GF_ECORRUPT, "the audit trail was edited: entry %" PRId64 " is missing", v->last + 1);
        return err_set(v->err, GF_ECORRUPT, "the audit trail was edited: entries %" PRId64 " to %" PRId64 " are missing", v->last + 1,
                       e->id - 1);
    }
    if (!e->intact && v->last == 0)
        return err_set(v->err, GF_ECORRUPT,
                       "the audit trail was edited: entry %" PRId64 " was changed, put there, or what came before it was taken out", e->id);
    if (!e->intact)
        return err_set(v->err, GF_ECORRUPT,
                       "the audit trail was edited: entry %" PRId64 " does not follow from entry %" PRId64
                       ": it was changed, or another stands in its place",
                       e->id, v->last);
    if (v->entries++ == 0)
        v->first = e->id;
    v->last = e->id;
    if (e->id == v->noted) {
        v->met = true;
        if (memcmp(e->hash, v->hash, 32) != 0)
            return err_set(v->err, GF_ECORRUPT,
                           "the audit trail was written anew: entry %" PRId64
                           " is not the one that was noted, though the chain is whole in itself",
                           e->id);
    }
    return 0;
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/* "17:9f3a…", as store_audit_head writes it. */
static int read_head(const char *head, struct verify *v, struct err *err) {
    char *end;
    v->noted = strtoll(head, &end, 10);
    bool good = v->noted > 0 && *end == ':' && strlen(end + 1) == 64;
    for (size_t i = 0; good && i < 32; i++) {
        int high = hex_digit(end[1 + 2 * i]), low = hex_digit(end[2 + 2 * i]);
        good = high >= 0 && low >= 0;
        if (good)
            v->hash[i] = (uint8_t)(high * 16 + low);
    }
    return good
               ? 0
               : err_set(
                     err, GF_EINVAL,
                     "'%.80s' is no head of the audit trail; one is an entry's number, a colon and 64 digits, as `gengfu audit --head` prints",
                     head);
}

int store_audit_verify(struct store *s, const char *head, int64_t *ret_entries, struct err *err) {
    struct verify v = {.s = s, .err = err};
    int64_t last = 0;
    int rc = head ? read_head(head, &v, err) : 0;
    if (rc == 0)
        rc = store_each_audit(s, verify_one, &v, err);
    if (rc == 0)
        rc = store_meta_get(s, "audit_last", 0, err, &last);
    if (rc < 0)
        return rc;
    if (v.first > 1 && v.entries < STORE_AUDIT) /* trimming leaves that many */
        return err_set(err, GF_ECORRUPT, "the audit trail was cut: it begins with entry %" PRId64 ", and the latest %d are kept", v.first,
                       STORE_AUDIT);
    if (last > v.last)
        return err_set(err, GF_ECORRUPT, "the audit trail was cut: it ends at entry %" PRId64 ", though %" PRId64 " was written", v.last,
                       last);
    if (last < v.last)
        return err_set(err, GF_ECORRUPT, "the audit trail was edited: entries after %" PRId64 " were put there by somebody else", last);
    if (v.noted > v.last)
        return err_set(err, GF_ECORRUPT, "the audit trail was cut: it ends at entry %" PRId64 ", and %" PRId64 " was noted elsewhere",
                       v.last, v.noted);
    if (v.noted > 0 && !v.met)
        return err_set(err, GF_ENOTFOUND,
                       "entry %" PRId64 " is older than what is kept (the latest %d): nothing is wrong, and nothing is shown by it",
                       v.noted, STORE_AUDIT);
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
