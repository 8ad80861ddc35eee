/* SPDX-License-Identifier: Apache-2.0
 * The outbox: one row per platform and incident that has something to tell, whatever happened meanwhile. The document is not copied: it is the incident's, as it was
 * at its latest revision.
 *
 *   (none) ─► waiting ─► (gone: confirmed)            a newer revision puts the row back to waiting, from wherever it is
 *                │  └──► waiting until next_try
 *                └─────► dead ─► waiting (resend)
 *
 * What a platform has not confirmed in any revision is news to it: while it waits, a row that says "opened" stays "opened" through updates.
 *
 * Leans on sql.c. outbox_count.c counts, budget.c makes room. */
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

#define FRESH (60 * TIME_SECOND)
#define FAR TIME_DAY /* a next_try so far ahead was made before the clock was set back */

/* -- platforms ----------------------------------------------------------------------------------------------------------------- */

struct platform *store_platform_find(struct store *s, const char *name) {
    for (size_t i = 0; i < s->nplatforms; i++)
        if (strcmp(s->platforms[i].name, name) == 0)
            return &s->platforms[i];
    return NULL;
}

int store_platforms_load(struct store *s, struct err *err) {
    struct platform *all = NULL;
    size_t n = 0, cap = 0;
    int slots = 0;
    struct query q = sql_start(s, SQL_PLATFORM_EACH);
    int rc;
    while ((rc = sql_row(&q, err)) > 0) {
        if (n == cap) {
            struct platform *more = realloc(all, (cap = cap ? 2 * cap : 8) * sizeof *all);
            if (!more)
                goto nomem;
            all = more;
        }
        char *name = strdup(sql_text(&q, 1, NULL));
        if (!name)
            goto nomem;
        bool named = sql_int(&q, 2) != 0;
        all[n++] = (struct platform){.id = sql_int(&q, 0),
                                     .name = name,
                                     .named = named,
                                     .slot = named && slots < STORE_PLATFORMS ? slots++ : STORE_PLATFORMS};
        rc = sql_good(&q, err);
        if (rc < 0) {
            sql_stop(&q);
            break;
        }
    }
    goto out;
nomem:
    sql_stop(&q);
    rc = err_set(err, GF_ENOMEM, "store %s: no memory for the platforms", s->path);
out:
    if (rc == 0) {
        struct platform *old = s->platforms;
        size_t nold = s->nplatforms;
        s->platforms = all;
        s->nplatforms = n;
        all = old;
        n = nold;
    }
    for (size_t i = 0; i < n; i++)
        free(all[i].name);
    free(all);
    return rc;
}

/* The same as in the file: nothing to write, and nothing to count anew. */
static bool platforms_stay(struct store *s, const char *const *names, size_t n) {
    size_t named = 0;
    for (size_t i = 0; i < s->nplatforms; i++)
        named += s->platforms[i].named;
    for (size_t i = 0; i < n; i++) {
        const struct platform *p = store_platform_find(s, names[i]);
        if (!p || !p->named)
            return false;
    }
    return named == n;
}

static int platforms_change(struct store *s, const char *const *names, size_t n, struct err *err) {
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_PLATFORM_NONE);
    rc = sql_run(&q, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        q = sql_start(s, SQL_PLATFORM_ADD);
        sql_put_str(&q, names[i]);
        rc = sql_run(&q, err);
    }
    rc = txn_end(s, rc, err);
    if (rc == 0)
        rc = store_platforms_load(s, err);
    return rc < 0 ? rc : store_outbox_load(s, err);
}

int store_platforms(struct store *s, const char *const *names, size_t n, struct err *err) {
    if (n > STORE_PLATFORMS)
        return err_set(err, GF_ELIMIT, "store %s: %zu platforms; at most %d can be served", s->path, n, STORE_PLATFORMS);
    int rc = store_writable(s, err);
    if (rc == 0 && !platforms_stay(s, names, n))
        rc = platforms_change(s, names, n, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++) {
        const struct platform *p = store_platform_find(s, names[i]);
        if (!p)
            return err_set(err, GF_EBUG, "store %s: platform %s was written and is not there", s->path, names[i]);
        s->bit[i] = p->id;
    }
    s->nbits = n;
    return 0;
}

/* -- in ------------------------------------------------------------------------------------------------------------------------- */

static int clamp_severity(int64_t severity) {
    return severity < SEVERITY_MINOR ? SEVERITY_MINOR : severity > SEVERITY_EXTREME ? SEVERITY_EXTREME : (int)severity;
}

static int put(struct store *s, int64_t nr, int64_t platform, const struct effect_incident *i, int64_t wall, struct err *err) {
    struct query q = sql_start(s, SQL_OUTBOX_PUT);
    sql_put_int(&q, nr);
    sql_put_int(&q, platform);
    sql_put_int(&q, i->revision);
    sql_put_int(&q, i->change);
    sql_put_int(&q, clamp_severity(i->severity));
    sql_put_int(&q, i->over);
    sql_put_int(&q, wall);
    sql_put_int(&q, (int64_t)i->len);
    sql_put_int(&q, CHANGE_OPENED);
    sql_put_int(&q, CHANGE_UPDATED);
    store_outbox_note(s, platform, 1, false, (int64_t)i->len);
    s->live.rows_written++;
    return sql_run(&q, err);
}

/* The platforms of the effect get a row; so does every platform that has one waiting already, for the document it would be sent is now this revision's. */
int store_outbox_queue(struct store *s, int64_t nr, const struct effect_incident *i, int64_t wall, struct err *err) {
    int64_t want[2 * STORE_PLATFORMS];
    size_t n = 0;
    for (size_t b = 0; b < s->nbits; b++)
        if (i->platforms >> b & 1)
            want[n++] = s->bit[b];
    struct query q = sql_start(s, SQL_OUTBOX_OF);
    sql_put_int(&q, nr);
    int rc;
    while ((rc = sql_row(&q, err)) > 0) {
        int64_t platform = sql_int(&q, 0);
        size_t k = 0;
        while (k < n && want[k] != platform)
            k++;
        if (k == 2 * STORE_PLATFORMS)
            continue;
        if (k == n)
            want[n++] = platform;
        store_outbox_note(s, platform, -1, sql_int(&q, 2) != 0, sql_int(&q, 1));
    }
    for (size_t k = 0; rc == 0 && k < n; k++)
        rc = put(s, nr, want[k], i, wall, err);
    return rc;
}

/* -- out ------------------------------------------------------------------------------------------------------------------------ */

static int64_t plus(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static const char *nullable(struct query *q, int column) { return sql_null(q, column) ? NULL : sql_text(q, column, NULL); }

/* Columns id…body of OUTBOX_ROW or OUTBOX_EACH, from `at` on; strings are the statement's. */
static void read_row(struct query *q, int at, const char *platform, struct outbox_row *ret) {
    size_t len;
    const char *body = sql_text(q, at + 12, &len);
    *ret = (struct outbox_row){.platform = platform,
                               .incident = sql_text(q, at, NULL),
                               .number = sql_text(q, at + 1, NULL),
                               .title = sql_text(q, at + 2, NULL),
                               .revision = (uint32_t)sql_int(q, at + 3),
                               .change = (enum change)sql_int(q, at + 4),
                               .severity = (enum severity)clamp_severity(sql_int(q, at + 5)),
                               .queued = sql_int(q, at + 6),
                               .first = sql_int(q, at + 7),
                               .attempts = (int)sql_int(q, at + 8),
                               .next_try = sql_int(q, at + 9),
                               .dead = sql_int(q, at + 10) != 0,
                               .why = nullable(q, at + 11),
                               .body = body,
                               .len = len};
    if (ret->change < CHANGE_OPENED || ret->change > CHANGE_CLOSED)
        ret->change = CHANGE_UPDATED;
}

static bool is_busy(const char *id, const char *const *busy, size_t nbusy) {
    for (size_t i = 0; i < nbusy; i++)
        if (strcmp(busy[i], id) == 0)
            return true;
    return false;
}

/* 1: copied to *ret; 0: in flight, or gone. */
static int take_row(struct store *s, const struct platform *p, int64_t nr, const char *const *busy, size_t nbusy, struct arena *a,
                    struct outbox_row *ret, struct err *err) {
    struct query q = sql_start(s, SQL_OUTBOX_ROW);
    sql_put_int(&q, nr);
    sql_put_int(&q, p->id);
    int rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    struct outbox_row r;
    read_row(&q, 0, p->name, &r);
    rc = sql_good(&q, err);
    if (rc == 0 && !is_busy(r.incident, busy, nbusy)) {
        r.platform = arena_strdup(a, r.platform);
        r.incident = arena_strdup(a, r.incident);
        r.number = arena_strdup(a, r.number);
        r.title = arena_strdup(a, r.title);
        r.body = arena_strndup(a, r.body, r.len);
        bool why = r.why != NULL;
        if (why)
            r.why = arena_strdup(a, r.why);
        if (!r.platform || !r.incident || !r.number || !r.title || !r.body || (why && !r.why))
            rc = err_set(err, GF_ENOMEM, "store %s: no memory for a row of the outbox", s->path);
        else {
            *ret = r;
            rc = 1;
        }
    }
    sql_stop(&q);
    return rc;
}

int store_outbox_next(struct store *s, const char *platform, int64_t now, const char *const *busy, size_t nbusy, size_t n, struct arena *a,
                      struct outbox_row *ret, struct err *err) {
    const struct platform *p = store_platform_find(s, platform);
    size_t got = 0;
    if (!p)
        return 0;
    for (int severity = SEVERITY_EXTREME; severity >= SEVERITY_MINOR; severity--)
        for (int fresh = 1; fresh >= 0; fresh--) {
            struct query q = sql_start(s, fresh ? SQL_OUTBOX_FRESH : SQL_OUTBOX_BACKLOG);
            sql_put_int(&q, p->id);
            sql_put_int(&q, severity);
            sql_put_int(&q, plus(now, -FRESH));
            sql_put_int(&q, now);
            sql_put_int(&q, plus(now, FAR));
            int rc = 0;
            while (got < n && (rc = sql_row(&q, err)) > 0) {
                rc = take_row(s, p, sql_int(&q, 0), busy, nbusy, a, &ret[got], err);
                if (rc < 0) {
                    sql_stop(&q);
                    return rc;
                }
                got += (size_t)rc;
            }
            if (rc < 0)
                return rc;
            sql_stop(&q);
            if (got == n)
                return (int)got;
        }
    return (int)got;
}

int64_t store_outbox_due(struct store *s, const char *platform) {
    const struct platform *p = store_platform_find(s, platform);
    if (!p)
        return INT64_MAX;
    int64_t ready = 0, due = INT64_MAX;
    struct query q = sql_start(s, SQL_OUTBOX_READY);
    sql_put_int(&q, p->id);
    if (sql_one(&q, 0, NULL, &ready) < 0 || ready)
        return 0;
    q = sql_start(s, SQL_OUTBOX_DUE);
    sql_put_int(&q, p->id);
    return sql_one(&q, INT64_MAX, NULL, &due) < 0 ? 0 : due;
}

/* -- what became of it ------------------------------------------------------------------------------------------------------- */

/* 1: found; 0: no such incident. */
static int incident_nr(struct store *s, const char *id, int64_t *ret, struct err *err) {
    struct query q = sql_start(s, SQL_INCIDENT_FIND);
    sql_put_str(&q, id);
    int rc = sql_row(&q, err);
    if (rc > 0) {
        *ret = sql_int(&q, 0);
        sql_stop(&q);
    }
    return rc;
}

/* The row said "opened", the incident may say something else by now. */
static int note_told(struct store *s, int64_t nr, int64_t platform, struct err *err) {
    struct query q = sql_start(s, SQL_TOLD_PUT);
    sql_put_int(&q, nr);
    sql_put_int(&q, platform);
    sql_put_int(&q, CHANGE_OPENED);
    return sql_run(&q, err);
}

static int outcome(struct store *s, const struct outbox_outcome *o, struct err *err) {
    const struct platform *p = store_platform_find(s, o->platform);
    int64_t nr, bytes;
    int rc = p ? incident_nr(s, o->incident, &nr, err) : 0;
    if (rc <= 0)
        return rc;
    struct query q = sql_start(s, SQL_OUTBOX_GET);
    sql_put_int(&q, nr);
    sql_put_int(&q, p->id);
    rc = sql_row(&q, err);
    if (rc <= 0)
        return rc;
    bool same = sql_int(&q, 0) == o->revision, as_opened = sql_int(&q, 2) == CHANGE_OPENED, dead = sql_int(&q, 3) != 0;
    bytes = sql_int(&q, 1);
    sql_stop(&q);
    if (!same) { /* a newer one took its place while this was on its way; it is ready already */
        if (o->result != OUTBOX_CONFIRMED || o->late)
            return 0;
        q = sql_start(s, SQL_OUTBOX_HEARD);
        sql_put_int(&q, nr);
        sql_put_int(&q, p->id);
        sql_put_int(&q, CHANGE_UPDATED);
        sql_put_int(&q, CHANGE_OPENED);
        return sql_run(&q, err);
    }
    switch (o->result) {
    case OUTBOX_CONFIRMED:
        if (as_opened && (rc = note_told(s, nr, p->id, err)) < 0)
            return rc;
        q = sql_start(s, SQL_OUTBOX_DROP);
        store_outbox_note(s, p->id, -1, dead, bytes);
        break;
    case OUTBOX_RETRY:
        q = sql_start(s, SQL_OUTBOX_RETRY);
        sql_put_int(&q, o->next_try < 0 ? 0 : o->next_try);
        sql_put_str(&q, o->why);
        break;
    case OUTBOX_DEAD:
        q = sql_start(s, SQL_OUTBOX_DEAD);
        sql_put_str(&q, o->why);
        store_outbox_note(s, p->id, -1, dead, bytes);
        store_outbox_note(s, p->id, 1, true, bytes);
        break;
    }
    sql_put_int(&q, nr);
    sql_put_int(&q, p->id);
    s->live.rows_written++;
    return sql_run(&q, err);
}

int store_outbox_outcomes(struct store *s, const struct outbox_outcome *items, size_t n, struct err *err) {
    if (!n)
        return 0;
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = outcome(s, &items[i], err);
    return txn_end(s, rc, err);
}

int store_outbox_at_once(struct store *s, const char *platform, struct err *err) {
    const struct platform *p = store_platform_find(s, platform);
    if (!p)
        return 0;
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_OUTBOX_AT_ONCE);
    sql_put_int(&q, p->id);
    return txn_end(s, sql_run(&q, err), err);
}

static bool in_audience(const struct store *s, const struct platform *p, uint32_t audience) {
    for (size_t b = 0; b < s->nbits; b++)
        if (s->bit[b] == p->id)
            return (audience >> b & 1) != 0;
    return false;
}

int store_outbox_resend(struct store *s, const struct store_note *note, const char *platform, uint32_t audience, const char *incident,
                        int64_t now, size_t *ret_rows, struct err *err) {
    if (platform) {
        const struct platform *p = store_platform_find(s, platform);
        if (!p || !p->named)
            return err_set(err, GF_ENOTFOUND, "there is no platform \"%s\"", platform);
    }
    int64_t nr;
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    rc = store_incident_lookup(s, incident, &nr, err);
    struct query q;
    struct effect_incident i = {.publish = true};
    if (rc == 0) {
        q = sql_start(s, SQL_RESEND_INCIDENT);
        sql_put_int(&q, nr);
        rc = sql_row(&q, err);
        if (rc > 0) {
            i.revision = (uint32_t)sql_int(&q, 0);
            i.change = (enum change)sql_int(&q, 1);
            i.severity = (enum severity)sql_int(&q, 2);
            i.over = sql_int(&q, 3) != 0;
            i.len = (size_t)sql_int(&q, 4);
            sql_stop(&q);
            rc = 0;
        } else if (rc == 0) {
            rc = err_set(err, GF_ESTATE, "incident %s was never meant for a platform yet: it is held back, or its rule is in shadow",
                         incident);
        }
    }
    size_t rows = 0;
    for (size_t k = 0; rc == 0 && k < s->nplatforms; k++) {
        const struct platform *p = &s->platforms[k];
        if (!p->named || (platform && strcmp(p->name, platform) != 0))
            continue;
        q = sql_start(s, SQL_OUTBOX_GET);
        sql_put_int(&q, nr);
        sql_put_int(&q, p->id);
        rc = sql_row(&q, err);
        if (rc < 0)
            break;
        if (rc > 0) {
            store_outbox_note(s, p->id, -1, sql_int(&q, 3) != 0, sql_int(&q, 1));
            sql_stop(&q);
        } else if (!in_audience(s, p, audience)) {
            continue;
        }
        struct effect_incident said = i;
        int64_t told = 0;
        q = sql_start(s, SQL_TOLD_GET);
        sql_put_int(&q, nr);
        sql_put_int(&q, p->id);
        rc = sql_one(&q, 0, err, &told);
        if (told == i.revision)
            said.change = CHANGE_OPENED;
        if (rc == 0)
            rc = put(s, nr, p->id, &said, now, err);
        rows++;
    }
    if (rc == 0 && rows == 0)
        rc = err_set(err, GF_ESTATE,
                     "incident %s is not for %s%s%s: a platform's 'level' and 'when' and the rule's 'forward' say for whom it is", incident,
                     platform ? "the platform \"" : "any platform", platform ? platform : "", platform ? "\"" : "");
    if (rc == 0 && note)
        rc = store_audit_put(s, now, note->who, note->what, note->detail, err);
    rc = txn_end(s, rc, err);
    if (rc == 0 && ret_rows)
        *ret_rows = rows;
    return rc;
}

/* -- lists ---------------------------------------------------------------------------------------------------------------------- */

int store_each_outbox(struct store *s, bool dead_only, store_outbox_fn fn, void *ctx, struct err *err) {
    for (size_t k = 0; k < s->nplatforms; k++)
        for (int dead = 1; dead >= (dead_only ? 1 : 0); dead--) {
            struct query q = sql_start(s, SQL_OUTBOX_EACH);
            sql_put_int(&q, s->platforms[k].id);
            sql_put_int(&q, dead);
            int rc;
            while ((rc = sql_row(&q, err)) > 0) {
                struct outbox_row r;
                read_row(&q, 1, s->platforms[k].name, &r);
                rc = sql_good(&q, err);
                if (rc == 0)
                    rc = fn(ctx, &r);
                if (rc) {
                    sql_stop(&q);
                    return rc;
                }
            }
            if (rc < 0)
                return rc;
        }
    return 0;
}
