/* SPDX-License-Identifier: Apache-2.0
 * Looking in: incidents by id, number or filter, their revisions, and what the store says about itself. Leans on sql.c. */
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX_MIN 6
#define LIMIT_DEFAULT 1000

/* -- one ------------------------------------------------------------------------------------------------------------------------ */

struct match {
    int64_t nr;
    char name[64];
};

/* Up to two matches behind those there are; an exact one ends the search. True when it was exact. */
static int search(struct store *s, enum sql_id id, const char *text, struct match *m, int *n, bool *ret_exact, struct err *err) {
    struct query q = sql_start(s, id);
    sql_put_str(&q, text);
    int rc;
    *ret_exact = false;
    while ((rc = sql_row(&q, err)) > 0) {
        const char *name = sql_text(&q, 1, NULL);
        bool exact = strcmp(name, text) == 0;
        if (exact)
            *n = 0;
        if (*n < 2) {
            m[*n].nr = sql_int(&q, 0);
            (void)snprintf(m[*n].name, sizeof m[*n].name, "%s", name);
            ++*n;
        }
        if (exact) {
            *ret_exact = true;
            sql_stop(&q);
            return 0;
        }
    }
    return rc;
}

int store_incident_lookup(struct store *s, const char *text, int64_t *ret_nr, struct err *err) {
    struct match m[2];
    int n = 0;
    bool exact = false;
    char upper[27]; /* ids are written in capitals */
    size_t len = strlen(text);
    if (len < PREFIX_MIN)
        return err_set(err, len ? GF_EINVAL : GF_ENOTFOUND,
                       "\"%s\" is too short for an incident: its number, its id, or the first %d characters of one", text, PREFIX_MIN);
    int rc = 0;
    if (len < sizeof upper) {
        for (size_t i = 0; i <= len; i++)
            upper[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
        rc = search(s, SQL_INCIDENT_RANGE, upper, m, &n, &exact, err);
    }
    if (rc == 0 && !exact)
        rc = search(s, SQL_NUMBER_RANGE, text, m, &n, &exact, err);
    if (rc < 0)
        return rc;
    if (n == 0)
        return err_set(err, GF_ENOTFOUND, "there is no incident \"%s\"", text);
    if (n > 1)
        return err_set(err, GF_EINVAL, "\"%s\" stands for several incidents, among them %s and %s: write more of it", text, m[0].name,
                       m[1].name);
    *ret_nr = m[0].nr;
    return 0;
}

int store_incident(struct store *s, const char *id_or_number, struct arena *a, const char **ret_body, size_t *ret_len, struct err *err) {
    int64_t nr;
    int rc = store_incident_lookup(s, id_or_number, &nr, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_INCIDENT_BODY);
    sql_put_int(&q, nr);
    rc = sql_row(&q, err);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(err, GF_ENOTFOUND, "there is no incident \"%s\"", id_or_number);
    size_t len;
    const char *body = sql_text(&q, 1, &len);
    rc = sql_good(&q, err);
    char *copy = rc == 0 ? arena_strndup(a, body, len) : NULL;
    sql_stop(&q);
    if (rc < 0)
        return rc;
    if (!copy)
        return err_set(err, GF_ENOMEM, "no memory for incident \"%s\"", id_or_number);
    *ret_body = copy;
    *ret_len = len;
    return 0;
}

int store_each_revision(struct store *s, const char *id, store_revision_fn fn, void *ctx, struct err *err) {
    int64_t nr;
    int rc = store_incident_lookup(s, id, &nr, err);
    if (rc < 0)
        return rc;
    struct query q = sql_start(s, SQL_REVISION_EACH);
    sql_put_int(&q, nr);
    while ((rc = sql_row(&q, err)) > 0) {
        char note[512];
        int64_t change = sql_int(&q, 1), severity = sql_int(&q, 3), condition = sql_int(&q, 4), handling = sql_int(&q, 5);
        const char *title = sql_text(&q, 6, NULL);
        rc = sql_good(&q, err);
        if (rc == 0) {
            (void)snprintf(note, sizeof note, "%s, %s, %s%s%s",
                           severity >= SEVERITY_MINOR && severity <= SEVERITY_EXTREME ? severity_name((enum severity)severity) : "?",
                           condition == CONDITION_FIRING || condition == CONDITION_RESOLVED ? condition_name((enum condition)condition)
                                                                                            : "?",
                           handling >= HANDLING_NEW && handling <= HANDLING_CLOSED ? handling_name((enum handling)handling) : "?",
                           *title ? ": " : "", title);
            rc = fn(ctx, (uint32_t)sql_int(&q, 0),
                    change >= CHANGE_OPENED && change <= CHANGE_CLOSED ? (enum change)change : CHANGE_UPDATED, sql_int(&q, 2), note);
        }
        if (rc) {
            sql_stop(&q);
            break;
        }
    }
    return rc;
}

/* -- many ----------------------------------------------------------------------------------------------------------------------- */

struct listing {
    const struct store_query *want;
    store_text_fn fn;
    void *ctx;
    int64_t left;
};

/* Columns nr, id, rule, device, body. */
static int list_row(struct query *q, struct listing *l, struct err *err) {
    size_t len;
    if (l->want->rule && strcmp(sql_text(q, 2, NULL), l->want->rule) != 0)
        return sql_good(q, err);
    if (l->want->device && strcmp(sql_text(q, 3, NULL), l->want->device) != 0)
        return sql_good(q, err);
    const char *id = sql_text(q, 1, NULL), *body = sql_text(q, 4, &len);
    int rc = sql_good(q, err);
    if (rc < 0)
        return rc;
    l->left--;
    return l->fn(l->ctx, id, body, len);
}

static int list_all(struct store *s, struct listing *l, struct err *err) {
    int64_t nr = INT64_MAX;
    while (l->left > 0) {
        struct query q = sql_start(s, SQL_INCIDENT_NEWEST);
        sql_put_int(&q, nr);
        int rc = sql_row(&q, err);
        if (rc <= 0)
            return rc;
        nr = sql_int(&q, 0);
        rc = list_row(&q, l, err);
        sql_stop(&q);
        if (rc)
            return rc;
    }
    return 0;
}

static int newest_first(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* By the index first, which gives row numbers in order of change; the rows themselves, with their documents, one at a time. */
static int list_some(struct store *s, struct listing *l, struct err *err) {
    int64_t *nr = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    for (int over = 0; over <= (l->want->open_only ? 0 : 1) && rc == 0; over++) {
        struct query q = sql_start(s, SQL_INCIDENT_SINCE);
        sql_put_int(&q, over);
        sql_put_int(&q, l->want->since);
        while ((rc = sql_row(&q, err)) > 0) {
            if (n == cap) {
                int64_t *more = realloc(nr, (cap = cap ? 2 * cap : 256) * sizeof *nr);
                if (!more) {
                    sql_stop(&q);
                    rc = err_set(err, GF_ENOMEM, "store %s: no memory for a list of %zu incidents", s->path, n);
                    break;
                }
                nr = more;
            }
            nr[n++] = sql_int(&q, 0);
        }
    }
    if (rc == 0 && n)
        qsort(nr, n, sizeof *nr, newest_first);
    for (size_t i = 0; rc == 0 && i < n && l->left > 0; i++) {
        struct query q = sql_start(s, SQL_INCIDENT_ROW);
        sql_put_int(&q, nr[i]);
        rc = sql_row(&q, err);
        if (rc > 0) {
            rc = list_row(&q, l, err);
            sql_stop(&q);
        }
    }
    free(nr);
    return rc;
}

int store_each_incident(struct store *s, const struct store_query *query, store_text_fn fn, void *ctx, struct err *err) {
    struct listing l = {.want = query, .fn = fn, .ctx = ctx, .left = query->limit > 0 ? query->limit : LIMIT_DEFAULT};
    return query->open_only || query->since != TIME_NONE ? list_some(s, &l, err) : list_all(s, &l, err);
}

/* -- about the store ------------------------------------------------------------------------------------------------------------ */

static int64_t size_of(const char *path, const char *suffix) {
    char name[4096];
    struct stat st;
    if (snprintf(name, sizeof name, "%s%s", path, suffix) >= (int)sizeof name || stat(name, &st) < 0)
        return 0;
    return st.st_size;
}

static int journal_oldest(struct store *s, int64_t *ret, struct err *err) {
    struct query q = sql_start(s, SQL_JOURNAL_OLDEST);
    return sql_one(&q, TIME_NONE, err, ret);
}

int store_info(struct store *s, struct store_info *ret, struct err *err) {
    struct store_info i = {.file_bytes = size_of(s->path, ""), .wal_bytes = size_of(s->path, "-wal"), .schema = s->schema};
    int rc = 0;
    if (s->conf.read_only) /* the writer went on meanwhile */
        rc = store_journal_load(s, err);
    if (rc == 0 && s->conf.read_only)
        rc = store_incidents_load(s, err);
    if (rc == 0)
        rc = journal_oldest(s, &i.journal_oldest, err);
    for (int severity = SEVERITY_MINOR; rc == 0 && severity <= SEVERITY_EXTREME; severity++) {
        char name[32];
        (void)snprintf(name, sizeof name, "gave_way_rows_%d", severity);
        rc = store_meta_get(s, name, 0, err, &i.gave_way[severity]);
    }
    if (rc < 0)
        return rc;
    i.incidents = s->live.incidents;
    i.journal_rows = s->live.events - s->live.events_trimmed;
    i.journal_bytes = s->live.bytes - s->live.bytes_trimmed;
    i.commits = s->commits;
    i.rows_written = s->live.rows_written;
    i.last_commit_us = s->last_commit_us;
    i.max_commit_us = s->max_commit_us;
    *ret = i;
    return 0;
}
