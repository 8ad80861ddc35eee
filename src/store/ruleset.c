/* SPDX-License-Identifier: Apache-2.0
 * Rule sets that were in force, as the bytes that the caller wants to have back: the latest stands for the one in force. Packed in blocks; one row a set, whatever the order in which
 * sets came and went. Leans on sql.c and lz.c. */
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

#include "store/lz.h"

#define BLOCK 60000 /* bytes before packing */
#define HEAD 6      /* of a block: its length before packing, and behind: 3 bytes each, little endian */

static void put3(uint8_t *p, size_t n) {
    p[0] = (uint8_t)n;
    p[1] = (uint8_t)(n >> 8);
    p[2] = (uint8_t)(n >> 16);
}

static size_t get3(const uint8_t *p) { return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16; }

/* A block that does not shrink stands as it is. */
static uint8_t *pack(const char *text, size_t len, size_t *ret_len) {
    uint8_t *out = malloc((len / BLOCK + 1) * (BLOCK + HEAD)), *p = out;
    for (size_t at = 0; out && at < len; at += BLOCK) {
        size_t n = len - at < BLOCK ? len - at : BLOCK;
        size_t packed = lz_pack((const uint8_t *)text + at, n, p + HEAD, n);
        if (!packed)
            memcpy(p + HEAD, text + at, packed = n);
        put3(p, n);
        put3(p + 3, packed);
        p += HEAD + packed;
    }
    if (out)
        *ret_len = (size_t)(p - out);
    return out;
}

static int unpack(const uint8_t *p, size_t len, struct buf *out) {
    uint8_t block[BLOCK];
    while (len) {
        if (len < HEAD)
            return GF_ECORRUPT;
        size_t n = get3(p), packed = get3(p + 3);
        if (n == 0 || n > BLOCK || packed > n || packed > len - HEAD)
            return GF_ECORRUPT;
        if (packed == n)
            memcpy(block, p + HEAD, n);
        else if (lz_unpack(p + HEAD, packed, block, n) < 0)
            return GF_ECORRUPT;
        buf_put(out, (const char *)block, n);
        p += HEAD + packed;
        len -= HEAD + packed;
    }
    return out->failed ? GF_ENOMEM : 0;
}

int store_ruleset_put(struct store *s, const struct store_ruleset *r, struct err *err) {
    size_t len = 0;
    if (r->len > STORE_RULESET_MAX)
        return err_set(err, GF_ELIMIT, "store %s: a rule set of %zu bytes; at most %d are kept", s->path, r->len, STORE_RULESET_MAX);
    uint8_t *body = pack(r->body, r->len, &len);
    if (!body)
        return err_set(err, GF_ENOMEM, "store %s: no memory for a rule set", s->path);
    struct query q = sql_start(s, SQL_RULESET_PUT);
    sql_put_str(&q, r->hash);
    sql_put_int(&q, r->at);
    sql_put_str(&q, r->who ? r->who : "");
    sql_put_int(&q, (int64_t)r->len);
    sql_put_blob(&q, body, len);
    int rc = sql_run(&q, err);
    free(body);
    if (rc < 0)
        return rc;
    s->live.rows_written++;
    q = sql_start(s, SQL_RULESET_TRIM);
    sql_put_int(&q, STORE_RULESETS);
    return sql_run(&q, err);
}

int store_ruleset(struct store *s, const char *hash, struct buf *ret_body, char ret_hash[STORE_HASH_TEXT], struct err *err) {
    struct query q = sql_start(s, hash ? SQL_RULESET_GET : SQL_RULESET_LATEST);
    size_t len, n;
    if (hash)
        sql_put_str(&q, hash);
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(err, GF_ENOTFOUND, "store %s: no such rule set is kept", s->path);
    const char *name = sql_text(&q, 0, &n);
    const void *body = sql_blob(&q, 1, &len);
    rc = sql_good(&q, err);
    if (rc == 0 && (n >= STORE_HASH_TEXT || (rc = unpack(body, len, ret_body)) < 0))
        rc = err_set(err, rc ? rc : GF_ECORRUPT, "store %s: the rule set %.12s cannot be read", s->path, name);
    if (rc == 0)
        memcpy(ret_hash, name, n + 1);
    sql_stop(&q);
    return rc;
}

int store_each_ruleset(struct store *s, store_ruleset_fn fn, void *ctx, struct err *err) {
    struct query q = sql_start(s, SQL_RULESET_EACH);
    int rc;
    while ((rc = sql_row(&q, err)) > 0) {
        struct store_ruleset r = {.hash = sql_text(&q, 0, NULL), .at = sql_int(&q, 1), .len = (size_t)sql_int(&q, 3)};
        r.who = sql_text(&q, 2, NULL);
        rc = sql_good(&q, err);
        if (rc == 0)
            rc = fn(ctx, &r);
        if (rc) {
            sql_stop(&q);
            break;
        }
    }
    return rc;
}
