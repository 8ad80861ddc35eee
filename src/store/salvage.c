/* SPDX-License-Identifier: Apache-2.0
 * What a damaged file still gives: each table is read from its front until damage stops it, then from its end; rows that do not hold what they should are left behind. The journal gives only its
 * last chunks, for the clock, the acks and the latest fields of devices; the rest of it stays in the file that was set aside. Leans on sql.c and chunk.c. */
#include "store/store_int.h"

#include <stdio.h>
#include <string.h>

#include "gengfu/base/fault.h"
#include "gengfu/base/json.h"

#define CHUNKS 64
#define COLUMNS_MAX 16
#define JSON_MAX (16 << 20) /* bytes that one document may take while it is looked at */

#define NONE SIZE_MAX

struct table {
    const char *name, *columns, *order;
    int json;       /* index of the column that must be JSON; -1 */
    size_t counter; /* offset in struct store_salvaged, or NONE */
};

static const struct table tables[] = {
    {"platform", "id, name, named", "id", -1, NONE},
    {"incident", "nr, id, number, rule, key, device, title, revision, change, severity, condition, handling, raised, updated, over, body",
     "nr", 15, offsetof(struct store_salvaged, incidents)},
    {"revision", "incident, number, change, at, severity, condition, handling, title", "incident", -1, NONE},
    {"published", "incident, body", "incident", 1, NONE},
    {"outbox", "incident, platform, revision, change, severity, over, queued, first, attempts, next_try, dead, bytes, why", "incident", -1,
     offsetof(struct store_salvaged, outbox)},
    {"told", "incident, platform, revision", "incident", -1, NONE},
    {"state", "rule, key, hash, body", "rule", 3, offsetof(struct store_salvaged, states)},
    {"device", "device, body", "device", 1, offsetof(struct store_salvaged, devices)},
    {"answer", "nr, who, command, incident, at, body", "nr", 5, NONE},
    {"audit", "id, at, who, what, detail, hash", "id", -1, NONE},
    {"ruleset", "seq, hash, at, who, bytes, body", "seq", -1, NONE},
};

struct salvage {
    struct store *to;
    sqlite3 *from;
    struct store_salvaged found;
    struct arena arena;
};

static int damage(int rc) {
    int kind = rc & 0xff;
    return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_IOERR || kind == SQLITE_ERROR || kind == SQLITE_CANTOPEN ||
           kind == SQLITE_FORMAT || kind == SQLITE_TOOBIG;
}

static bool is_json(struct salvage *v, sqlite3_stmt *st, int column) {
    const cJSON *doc;
    const char *text = (const char *)sqlite3_column_text(st, column);
    bool fine = text && json_parse(&v->arena, text, (size_t)sqlite3_column_bytes(st, column), NULL, &doc) == 0;
    arena_reset(&v->arena);
    return fine;
}

/* One way through a table. *ret_whole: damage did not stop it. */
static int copy(struct salvage *v, const struct table *t, bool backwards, int64_t *rows, bool *ret_whole, struct err *err) {
    char text[512];
    sqlite3_stmt *in = NULL, *out = NULL;
    int code = 0, columns = 0;
    *ret_whole = false;
    (void)snprintf(text, sizeof text, "SELECT %s FROM %s ORDER BY %s %s", t->columns, t->name, t->order, backwards ? "DESC" : "");
    int rc = sqlite3_prepare_v2(v->from, text, -1, &in, NULL);
    if (rc != SQLITE_OK) {
        if (!damage(rc))
            code = sql_fail(v->to, rc, "reading what is damaged", err);
        goto out;
    }
    columns = sqlite3_column_count(in);
    int n = snprintf(text, sizeof text, "INSERT OR IGNORE INTO %s(%s) VALUES (?", t->name, t->columns);
    for (int i = 1; i < columns; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, ", ?");
    (void)snprintf(text + n, sizeof text - (size_t)n, ")");
    rc = sqlite3_prepare_v2(v->to->db, text, -1, &out, NULL);
    while (rc == SQLITE_OK) {
        int got = sqlite3_step(in);
        if (got != SQLITE_ROW) {
            *ret_whole = got == SQLITE_DONE;
            if (got != SQLITE_DONE && !damage(got))
                code = sql_fail(v->to, got, "reading what is damaged", err);
            goto out;
        }
        if (t->json >= 0 && !is_json(v, in, t->json)) {
            v->found.complete = false;
            continue;
        }
        for (int i = 0; rc == SQLITE_OK && i < columns; i++)
            rc = sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
        if (rc == SQLITE_OK) {
            (void)sqlite3_step(out);
            rc = sqlite3_reset(out);
            *rows += rc == SQLITE_OK ? sqlite3_changes64(v->to->db) : 0;
        }
        if ((rc & 0xff) == SQLITE_MISMATCH) /* a key that is no number */
            rc = SQLITE_OK;
    }
    code = sql_fail(v->to, rc, text, err);
out:
    sqlite3_finalize(in);
    sqlite3_finalize(out);
    return code;
}

static int copy_table(struct salvage *v, const struct table *t, struct err *err) {
    bool whole;
    int64_t rows = 0;
    int rc = copy(v, t, false, &rows, &whole, err);
    if (rc == 0 && !whole) {
        v->found.complete = false;
        rc = copy(v, t, true, &rows, &whole, err);
    }
    if (t->counter != NONE)
        *(int64_t *)(void *)((char *)&v->found + t->counter) = rows;
    return rc;
}

static bool events_sound(struct chunk c) {
    struct chunk_event e;
    int rc;
    while ((rc = chunk_next(&c, &e)) > 0)
        continue;
    return rc == 0;
}

/* The last chunks, from a batch's end backwards, without a gap: the walk from record to record must go through. */
static int copy_journal(struct salvage *v, struct err *err) {
    sqlite3_stmt *in = NULL;
    struct chunk_buf plain = {0};
    int64_t next = 0, base = 0, total = -1, bytes = 0;
    int code = 0;
    int rc = sqlite3_prepare_v2(v->from, "SELECT id, arrived, span, n, body FROM journal ORDER BY id DESC", -1, &in, NULL);
    while (rc == SQLITE_OK && v->found.chunks < CHUNKS && sqlite3_step(in) == SQLITE_ROW) {
        struct chunk c;
        int64_t id = sqlite3_column_int64(in, 0);
        const void *data = sqlite3_column_blob(in, 4);
        int len = sqlite3_column_bytes(in, 4);
        bool sound = data && id > 0 && chunk_read(&c, &plain, data, (size_t)len, sqlite3_column_int64(in, 1)) == 0 && events_sound(c);
        if (v->found.chunks == 0 && (!sound || !c.has_record)) {
            v->found.complete = false;
            continue;
        }
        if (!sound || (v->found.chunks && id != next))
            break;
        struct query q = sql_start(v->to, SQL_SALVAGED_CHUNK);
        for (int i = 0; i < 4; i++)
            sql_put_int(&q, sqlite3_column_int64(in, i));
        sql_put_blob(&q, data, (size_t)len);
        code = sql_run(&q, err);
        if (code < 0)
            break;
        if (total < 0)
            total = c.record.bytes + len;
        bytes += len;
        base = c.base;
        next = id - 1;
        v->found.chunks++;
    }
    sqlite3_finalize(in);
    chunk_buf_done(&plain);
    if (code == 0 && v->found.chunks)
        code = store_meta_put(v->to, "events_trimmed", base, err);
    if (code == 0 && v->found.chunks)
        code = store_meta_put(v->to, "bytes_trimmed", total - bytes, err);
    return code;
}

/* As the next start will read it; if that cannot be done, the journal begins anew. */
static int check_journal(struct salvage *v, struct err *err) {
    int rc = store_journal_load(v->to, err);
    if (rc != GF_ECORRUPT)
        return rc;
    v->found.chunks = 0;
    v->found.complete = false;
    struct query q = sql_start(v->to, SQL_JOURNAL_DROP);
    sql_put_int(&q, INT64_MAX);
    rc = sql_run(&q, err);
    if (rc == 0)
        rc = store_meta_put(v->to, "events_trimmed", 0, err);
    if (rc == 0)
        rc = store_meta_put(v->to, "bytes_trimmed", 0, err);
    return rc < 0 ? rc : store_journal_load(v->to, err);
}

static int copy_all(struct salvage *v, struct err *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof tables[0]; i++)
        rc = copy_table(v, &tables[i], err);
    static const struct table meta = {"meta", "name, value", "name", -1, NONE};
    if (rc == 0)
        rc = copy_table(v, &meta, err);
    static const enum sql_id tidy[] = {SQL_SALVAGED_OUTBOX, SQL_SALVAGED_REVISION, SQL_SALVAGED_TOLD,
                                       SQL_SALVAGED_META}; /* what belongs to something that is not here */
    for (size_t i = 0; rc == 0 && i < sizeof tidy / sizeof tidy[0]; i++) {
        struct query q = sql_start(v->to, tidy[i]);
        rc = sql_run(&q, err);
        if (rc == 0 && tidy[i] == SQL_SALVAGED_OUTBOX)
            v->found.outbox -= sqlite3_changes64(v->to->db);
    }
    if (rc == 0)
        rc = copy_journal(v, err);
    return rc < 0 ? rc : check_journal(v, err);
}

static int salvage(struct store *s, const char *damaged, struct store_salvaged *ret, struct err *err) {
    struct salvage v = {.to = s, .found = {.complete = true}};
    struct store_info info;
    int rc = store_info(s, &info, err);
    if (rc == 0 && (info.journal_rows || info.incidents || s->live.last_id))
        rc = err_set(err, GF_ESTATE, "store %s: something is in it already; salvage goes into a new file", s->path);
    if (rc < 0)
        return rc;
    arena_init(&v.arena, 64 * 1024, JSON_MAX);
    if (sqlite3_open_v2(damaged, &v.from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        store_harden(v.from);
        rc = txn_begin(s, HERE, err);
        if (rc == 0) {
            rc = copy_all(&v, err);
            (void)fault_point("store.salvage");
            rc = txn_end(s, rc, err);
        }
        if (rc == 0)
            rc = store_load(s, err);
    } else
        v.found.complete = false;
    (void)sqlite3_close(v.from);
    arena_done(&v.arena);
    if (rc < 0)
        return err_prefix(err, "salvaging %s", damaged);
    *ret = v.found;
    return 0;
}

int store_salvage(struct store *s, const char *damaged, struct store_salvaged *ret, struct err *err) {
    int rc = salvage(s, damaged, ret, err);
    store_unmark(s->path);
    return rc;
}
