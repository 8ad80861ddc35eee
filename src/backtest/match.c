/* SPDX-License-Identifier: Apache-2.0
 * Which incidents of two sets are the same: of the same rule, for the same key, and firing at the same time. A rule that raises a little later, or holds on for longer, so still raises the same
 * incident; one long incident that was several short ones has the first of them for its twin. */
#include <stdlib.h>

#include "backtest_int.h"

static int by_key(const void *a, const void *b) {
    const struct backtest_incident *x = *(struct backtest_incident *const *)a, *y = *(struct backtest_incident *const *)b;

    if (x->rule != y->rule) /* each word is there once, so its place tells it */
        return (uintptr_t)x->rule < (uintptr_t)y->rule ? -1 : 1;
    if (x->key != y->key)
        return (uintptr_t)x->key < (uintptr_t)y->key ? -1 : 1;
    return x->raised < y->raised ? -1 : x->raised > y->raised;
}

static struct backtest_incident **sorted(struct backtest_incidents *set, size_t n) {
    struct backtest_incident **all = malloc((n ? n : 1) * sizeof(struct backtest_incident *));

    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        all[i] = &set->items[i];
    if (n > 0)
        qsort(all, n, sizeof(all[0]), by_key);
    return all;
}

static int64_t end_of(const struct backtest_incident *i) { return i->ended == TIME_NONE ? INT64_MAX : i->ended; }

/* <0: x is before y; 0: they fire at the same time. */
static int order(const struct backtest_incident *x, const struct backtest_incident *y) {
    if (x->rule != y->rule || x->key != y->key)
        return by_key(&x, &y);
    if (end_of(x) < y->raised)
        return -1;
    return end_of(y) < x->raised;
}

int match_sets(struct backtest *b, enum backtest_set one, enum backtest_set other) {
    struct backtest_incidents *x = &b->sets[one], *y = &b->sets[other];
    const size_t nx = x->n, ny = y->n;
    struct backtest_incident **xs = sorted(x, nx), **ys = sorted(y, ny);
    int rc = xs != NULL && ys != NULL ? 0 : GF_ENOMEM;

    for (size_t i = 0; i < nx; i++)
        x->items[i].twin[other] = BACKTEST_NONE;
    for (size_t i = 0; i < ny; i++)
        y->items[i].twin[one] = BACKTEST_NONE;
    for (size_t i = 0, k = 0; rc == 0 && i < nx && k < ny;) {
        int before = order(xs[i], ys[k]);

        if (before == 0) {
            xs[i]->twin[other] = (size_t)(ys[k] - y->items);
            ys[k]->twin[one] = (size_t)(xs[i] - x->items);
        }
        i += before <= 0;
        k += before >= 0;
    }
    free(xs);
    free(ys);
    return rc;
}

/* -- what follows from it --------------------------------------------------------------------------------------------------------- */

enum backtest_verdict backtest_verdict(const struct backtest *b, enum backtest_set set, size_t i) {
    const struct backtest_incident *x = &b->sets[set].items[i];

    if ((set != b->before && set != b->after) || x->raised < b->since || x->raised >= b->until || (b->rule != NULL && b->rule != x->rule))
        return BACKTEST_OUTSIDE;
    if (!x->told)
        return BACKTEST_SILENT;
    enum backtest_set other = set == b->before ? b->after : b->before;
    if (x->twin[other] != BACKTEST_NONE && b->sets[other].items[x->twin[other]].told)
        return BACKTEST_SAME;
    return set == b->before ? BACKTEST_GONE : BACKTEST_CAME;
}

enum disposition backtest_disposition(const struct backtest *b, enum backtest_set set, size_t i) {
    const struct backtest_incident *x = &b->sets[set].items[i];

    if (set == BACKTEST_THEN)
        return x->disposition;
    return x->twin[BACKTEST_THEN] != BACKTEST_NONE ? b->sets[BACKTEST_THEN].items[x->twin[BACKTEST_THEN]].disposition : DISPOSITION_NONE;
}
