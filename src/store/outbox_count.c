/* SPDX-License-Identifier: Apache-2.0
 * How much waits: counted once when the file is opened or the platforms change, and kept up by whoever puts, changes or drops a row. What is asked every few seconds must cost nothing that grows with
 * the outbox. Leans on sql.c. */
#include "store/store_int.h"

#include <string.h>

static struct outbox_total *total_of(struct store *s, int64_t platform) {
    for (size_t i = 0; i < s->nplatforms; i++)
        if (s->platforms[i].id == platform)
            return &s->live.outbox[s->platforms[i].slot];
    return &s->live.outbox[STORE_PLATFORMS];
}

void store_outbox_note(struct store *s, int64_t platform, int rows, bool dead, int64_t bytes) {
    struct outbox_total *t = total_of(s, platform);
    bytes = bytes < 0 ? 0 : bytes > STORE_VALUE_MAX ? STORE_VALUE_MAX : bytes; /* a damaged file may say anything */
    t->rows += rows;
    t->dead += dead ? rows : 0;
    t->bytes += rows * bytes;
    s->live.outbox_bytes += rows * bytes;
}

int store_outbox_load(struct store *s, struct err *err) {
    struct store_live before = s->live;
    memset(s->live.outbox, 0, sizeof s->live.outbox);
    s->live.outbox_bytes = 0;
    struct query q = sql_start(s, SQL_OUTBOX_ALL);
    int rc;
    while ((rc = sql_row(&q, err)) > 0)
        store_outbox_note(s, sql_int(&q, 0), 1, sql_int(&q, 1) != 0, sql_int(&q, 2));
    if (rc < 0)
        s->live = before;
    return rc;
}

/* By the index, whose beginning is platform, dead, severity: one row of each. */
static int oldest_of(struct store *s, int64_t platform, int64_t *oldest, struct err *err) {
    for (int dead = 0; dead <= 1; dead++)
        for (int severity = SEVERITY_MINOR; severity <= SEVERITY_EXTREME; severity++) {
            struct query q = sql_start(s, SQL_OUTBOX_OLDEST);
            sql_put_int(&q, platform);
            sql_put_int(&q, dead);
            sql_put_int(&q, severity);
            int64_t queued;
            int rc = sql_one(&q, TIME_NONE, err, &queued);
            if (rc < 0)
                return rc;
            if (queued != TIME_NONE && (*oldest == TIME_NONE || queued < *oldest))
                *oldest = queued;
        }
    return 0;
}

int store_outbox_counts(struct store *s, const char *platform, struct store_outbox_counts *ret, struct err *err) {
    struct store_outbox_counts c = {.oldest = TIME_NONE};
    bool counted[STORE_PLATFORMS + 1] = {false};
    if (s->conf.read_only) { /* the writer went on meanwhile */
        int rc = store_outbox_load(s, err);
        if (rc < 0)
            return rc;
    }
    for (size_t k = 0; k < s->nplatforms; k++) {
        const struct platform *p = &s->platforms[k];
        const struct outbox_total *t = &s->live.outbox[p->slot];
        if (t->rows <= 0 || (platform && strcmp(p->name, platform) != 0))
            continue;
        int rc = oldest_of(s, p->id, &c.oldest, err);
        if (rc < 0)
            return rc;
        if (counted[p->slot])
            continue;
        counted[p->slot] = true;
        if (p->slot == STORE_PLATFORMS)
            c.orphaned = (size_t)t->rows;
        else {
            c.dead += (size_t)t->dead;
            c.waiting += (size_t)(t->rows - t->dead);
        }
        c.bytes += t->bytes;
    }
    *ret = c;
    return 0;
}
