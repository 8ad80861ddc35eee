/* SPDX-License-Identifier: Apache-2.0
 * Migrations: the file's version is the number of them that it has been through. Leans on sql.c; the version stands in the header's user_version. */
#include "store/store_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "gengfu/base/fault.h"

#ifndef GENGFU_VERSION
#define GENGFU_VERSION "unknown"
#endif

struct migration {
    const char *what;
    const char *sql;
};

/* Append only: never change, reorder or take out an entry, for its index is what files in the field say about themselves. */
static const struct migration migrations[] = {
    {"journal, rule state, devices",
     "CREATE TABLE migration(version INTEGER PRIMARY KEY, came_from INTEGER NOT NULL, program TEXT NOT NULL, at INTEGER NOT NULL);"
     "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
     /* Chunks (chunk.h) of n events that arrived from `arrived` to `arrived + span`. No index but the row number: two would cost four times the writes. */
     "CREATE TABLE journal(id INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, span INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL);"
     "CREATE TABLE segment(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, earliest INTEGER NOT NULL, latest INTEGER NOT NULL);"
     "CREATE TABLE state(rule TEXT NOT NULL, key TEXT NOT NULL, hash INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(rule, key)) WITHOUT ROWID;"
     "CREATE TABLE device(device TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;"},
    {"incidents, outbox",
     "CREATE TABLE incident(nr INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number TEXT NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL, device TEXT,"
     " title TEXT NOT NULL, revision INTEGER NOT NULL, change INTEGER NOT NULL, severity INTEGER NOT NULL, condition INTEGER NOT NULL, handling INTEGER NOT NULL,"
     " raised INTEGER NOT NULL, updated INTEGER NOT NULL, over INTEGER NOT NULL, body TEXT NOT NULL);"
     "CREATE INDEX incident_number ON incident(number);"
     "CREATE INDEX incident_over ON incident(over, updated);"
     "CREATE TABLE revision(incident INTEGER NOT NULL, number INTEGER NOT NULL, change INTEGER NOT NULL, at INTEGER NOT NULL, severity INTEGER NOT NULL,"
     " condition INTEGER NOT NULL, handling INTEGER NOT NULL, title TEXT, PRIMARY KEY(incident, number)) WITHOUT ROWID;"
     "CREATE TABLE platform(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, named INTEGER NOT NULL);"
     "CREATE TABLE outbox(incident INTEGER NOT NULL, platform INTEGER NOT NULL, revision INTEGER NOT NULL, change INTEGER NOT NULL, severity INTEGER NOT NULL,"
     " over INTEGER NOT NULL, queued INTEGER NOT NULL, first INTEGER NOT NULL, attempts INTEGER NOT NULL, next_try INTEGER NOT NULL, dead INTEGER NOT NULL,"
     " bytes INTEGER NOT NULL, why TEXT, PRIMARY KEY(incident, platform)) WITHOUT ROWID;"
     "CREATE INDEX outbox_order ON outbox(platform, dead, severity, queued, next_try);"
     "CREATE INDEX outbox_retry ON outbox(platform, next_try) WHERE dead = 0 AND next_try > 0;"
     "CREATE INDEX outbox_give ON outbox(severity, queued) WHERE over = 1;"},
    {"answers, audit",
     "CREATE TABLE answer(nr INTEGER PRIMARY KEY, who TEXT NOT NULL, command TEXT NOT NULL, incident TEXT, at INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE(who, command));"
     "CREATE TABLE audit(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, detail TEXT, hash BLOB NOT NULL);"},
    {"documents as they were published",
     /* Only while the incident's own has moved on (a count) since its latest revision. */
     "CREATE TABLE published(incident INTEGER PRIMARY KEY, body TEXT NOT NULL);"},
    {"rule sets that were in force",
     "CREATE TABLE ruleset(seq INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, who TEXT NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL);"},
    {"revisions told as opened",
     /* Of incidents that had changed before a platform had confirmed anything: when they are sent again, the same must be said under the same id. */
     "CREATE TABLE told(incident INTEGER NOT NULL, platform INTEGER NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY(incident, platform)) WITHOUT ROWID;"},
};
const int store_schema = (int)(sizeof migrations / sizeof migrations[0]);

/* One step is one transaction: a kill in its middle leaves the file at the version before. */
static int migrate_step(struct store *s, int from, struct err *err) {
    char text[256];
    int rc = sql_text_run(s, migrations[from].what, "BEGIN IMMEDIATE", err);
    if (rc < 0)
        return rc;
    if (from == 0) {
        (void)snprintf(text, sizeof text, "PRAGMA application_id = %d", STORE_APPLICATION_ID);
        rc = sql_text_run(s, "application_id", text, err);
        if (rc < 0)
            goto rollback;
    }
    rc = sql_text_run(s, migrations[from].what, migrations[from].sql, err);
    if (rc == GF_EBUG) { /* a table that is there already, or one that is not: the file is not of the version that it says */
        rc = GF_ECORRUPT;
        if (err)
            err->code = rc;
    }
    if (rc < 0)
        goto rollback;
    if (fault_point("migrate.mid")) {
        rc = err_set(err, GF_EFULL, "store %s: %s: a failure was asked for", s->path, migrations[from].what);
        goto rollback;
    }
    (void)snprintf(text, sizeof text,
                   "INSERT INTO migration(version, came_from, program, at) VALUES (%d, %d, '" GENGFU_VERSION "', %" PRId64 ");", from + 1,
                   s->schema, clock_wall());
    rc = sql_text_run(s, "the row of a migration", text, err);
    if (rc < 0)
        goto rollback;
    (void)snprintf(text, sizeof text, "PRAGMA user_version = %d", from + 1);
    rc = sql_text_run(s, "user_version", text, err);
    if (rc < 0)
        goto rollback;
    rc = sql_text_run(s, migrations[from].what, "COMMIT", err);
    if (rc == 0)
        return 0;
rollback:
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc < 0 ? rc : GF_EBUG;
}

int store_migrate(struct store *s, int to, struct err *err) {
    if (s->schema > store_schema)
        return err_set(
            err, GF_EVERSION,
            "store %s: written by a newer gengfu (schema %d, this one knows %d): install that version again, or name another file", s->path,
            s->schema, store_schema);
    for (int v = s->schema; v < to && v < store_schema; v++) {
        int rc = migrate_step(s, v, err);
        if (rc < 0)
            return err_prefix(err, "migration %d of %d", v + 1, store_schema);
        s->schema = v + 1;
    }
    return 0;
}
