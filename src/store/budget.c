/* SPDX-License-Identifier: Apache-2.0
 * Room in the outbox. When it is over its budget, rows give way: of incidents that are over first, the least severe and oldest before others; then of open ones, but never a severe or extreme one,
 * which nobody would otherwise hear of. What gave way is counted in `meta`, by severity. Leans on sql.c. */
#include "store/store_int.h"

#include <stdio.h>
#include <string.h>

#define ROWS 64 /* of one look; the statements have the same number */

struct victim {
    int64_t incident, platform, bytes, queued;
    bool dead;
};

/* Of incidents that are over. */
static int look_over(struct store *s, int severity, struct victim *ret, struct err *err) {
    struct query q = sql_start(s, SQL_OUTBOX_OVER);
    sql_put_int(&q, severity);
    int rc, n = 0;
    while (n < ROWS && (rc = sql_row(&q, err)) > 0)
        ret[n++] =
            (struct victim){.incident = sql_int(&q, 0), .platform = sql_int(&q, 1), .bytes = sql_int(&q, 2), .dead = sql_int(&q, 3) != 0};
    sql_stop(&q);
    return n < ROWS && rc < 0 ? rc : n;
}

static int insert(struct victim *all, int n, struct victim v) {
    int at = n;
    while (at > 0 && v.queued < all[at - 1].queued)
        at--;
    if (at == ROWS)
        return n;
    n += n < ROWS;
    memmove(&all[at + 1], &all[at], (size_t)(n - 1 - at) * sizeof *all);
    all[at] = v;
    return n;
}

/* Of all incidents: the oldest of each platform's oldest. */
static int look(struct store *s, int severity, struct victim *ret, struct err *err) {
    int n = 0;
    for (size_t k = 0; k < 2 * s->nplatforms; k++) {
        struct victim v = {.platform = s->platforms[k / 2].id, .dead = k % 2};
        struct query q = sql_start(s, SQL_OUTBOX_LEAST);
        sql_put_int(&q, v.platform);
        sql_put_int(&q, v.dead);
        sql_put_int(&q, severity);
        int rc;
        while ((rc = sql_row(&q, err)) > 0) {
            v.incident = sql_int(&q, 0);
            v.bytes = sql_int(&q, 1);
            v.queued = sql_int(&q, 2);
            n = insert(ret, n, v);
        }
        if (rc < 0)
            return rc;
    }
    return n;
}

static int give(struct store *s, bool over, int severity, int64_t goal, int64_t *rows, int64_t *bytes, struct err *err) {
    struct victim v[ROWS];
    int n;
    while (s->live.outbox_bytes > goal && (n = over ? look_over(s, severity, v, err) : look(s, severity, v, err)) != 0) {
        if (n < 0)
            return n;
        for (int i = 0; i < n && s->live.outbox_bytes > goal; i++) {
            struct query q = sql_start(s, SQL_OUTBOX_DROP);
            sql_put_int(&q, v[i].incident);
            sql_put_int(&q, v[i].platform);
            int rc = sql_run(&q, err);
            if (rc < 0)
                return rc;
            store_outbox_note(s, v[i].platform, -1, v[i].dead, v[i].bytes);
            ++*rows;
            *bytes += v[i].bytes;
        }
    }
    return 0;
}

static int count(struct store *s, const char *what, int severity, int64_t more, struct err *err) {
    char name[32];
    int64_t before;
    (void)snprintf(name, sizeof name, "%s_%d", what, severity);
    int rc = store_meta_get(s, name, 0, err, &before);
    return rc < 0 ? rc : store_meta_put(s, name, before + more, err);
}

int store_outbox_give_way(struct store *s, int64_t wall, struct err *err) {
    int64_t max = s->conf.outbox_max_bytes;
    if (max <= 0 || s->live.outbox_bytes <= max)
        return 0;
    int64_t goal = max - max / 20; /* some room at once, so that not every batch has to look */
    static const struct {
        bool over;
        int severity;
    } order[] = {
        {true, SEVERITY_MINOR}, {true, SEVERITY_MODERATE}, {true, SEVERITY_SEVERE}, {false, SEVERITY_MINOR}, {false, SEVERITY_MODERATE}};
    for (size_t i = 0; i < sizeof order / sizeof order[0] && s->live.outbox_bytes > goal; i++) {
        int64_t rows = 0, bytes = 0;
        int rc = give(s, order[i].over, order[i].severity, goal, &rows, &bytes, err);
        if (rc == 0 && rows) {
            rc = count(s, "gave_way_rows", order[i].severity, rows, err);
            if (rc == 0)
                rc = count(s, "gave_way_bytes", order[i].severity, bytes, err);
            if (rc == 0)
                rc = store_meta_put(s, "gave_way_at", wall, err);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}
