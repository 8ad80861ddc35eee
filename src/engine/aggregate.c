/* SPDX-License-Identifier: Apache-2.0
 * Aggregates over a window. Each event leaves, per aggregate, the number that its argument gave (or, for value_count, a hash of the value); the result is computed afresh from
 * all of them, in order, so that it is the same whatever came before and whether or not there was a restart.
 *
 * An event whose argument is unknown counts for event_count and for no other. value_percentile is the nearest rank: the smallest value such that p % of all are not above it. */
#include "engine_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t bits_of(double d) {
    uint64_t u;

    memcpy(&u, &d, sizeof(u));
    return u;
}

static double double_of(uint64_t u) {
    double d;

    memcpy(&d, &u, sizeof(d));
    return d;
}

static bool is_distinct(const char *name) { return strcmp(name, "value_count") == 0; }

/* Seeds are fixed: the hashes stand in the store. Equal values have equal text: 1 and 1.0 are one value, as they are in the language. */
static uint64_t hash_value(struct engine *e, struct cel_value v) {
    struct buf b;
    uint64_t h;
    double d;

    if (v.type == CEL_STRING) {
        h = hash_bytes(v.s, v.aux, 's');
        return h == ENGINE_NO_VALUE ? h + 1 : h;
    }
    buf_init(&b, 64 << 20);
    if (cel_as_double(v, &d) && fabs(d) < 9007199254740992.0)
        buf_put_double(&b, d == 0 ? 0 : d);
    else
        cel_write_json(&b, v);
    if (b.failed)
        e->oom = true;
    h = hash_bytes(b.data, b.len, v.type == CEL_TIMESTAMP || v.type == CEL_BYTES || v.type == CEL_DURATION ? v.type : 'j');
    buf_done(&b);
    return h == ENGINE_NO_VALUE ? h + 1 : h;
}

void engine_aggregate_args(struct engine_eval *x, struct engine_rule *er, struct window_entry *w) {
    const struct cel_aggregates *set = er->rule->aggregates;

    for (size_t i = 0; set && i < set->count; i++) {
        double d;

        w->values[i] = ENGINE_NO_VALUE;
        if (!set->items[i].arg)
            continue;
        struct rules_expr arg = {.program = set->items[i].arg};
        struct cel_value v = engine_eval(x, er, &arg);
        if (v.type == CEL_ERROR)
            continue;
        if (is_distinct(set->items[i].name))
            w->values[i] = hash_value(x->engine, v);
        else if (cel_as_double(v, &d) && !isnan(d))
            w->values[i] = bits_of(d);
    }
}

static struct cel_value unknown(void) { return (struct cel_value){.type = CEL_ERROR, .code = CEL_E_ABSENT}; }

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static struct cel_value percentile(struct engine_eval *x, const struct window *w, size_t slot, double p) {
    double *values = arena_alloc(&x->engine->scratch, w->count * sizeof(*values));
    size_t n = 0;

    if (!values)
        return unknown();
    for (size_t i = 0; i < w->count; i++) {
        uint64_t u = engine_window_at(w, i)->values[slot];
        if (u != ENGINE_NO_VALUE)
            values[n++] = double_of(u);
    }
    if (n == 0)
        return unknown();
    qsort(values, n, sizeof(*values), compare_doubles);
    double rank = ceil(p * (double)n / 100.0);
    size_t at = rank < 1 ? 0 : rank > (double)n ? n - 1 : (size_t)rank - 1;
    return cel_double(values[at]);
}

static struct cel_value distinct(struct engine_eval *x, const struct window *w, size_t slot) {
    size_t cap = 16, n = 0;

    while (cap < w->count * 2)
        cap *= 2;
    uint64_t *seen = arena_zalloc(&x->engine->scratch, cap * sizeof(*seen));
    if (!seen)
        return unknown();
    for (size_t i = 0; i < w->count; i++) {
        uint64_t u = engine_window_at(w, i)->values[slot];
        if (u == ENGINE_NO_VALUE)
            continue;
        u = u ? u : 1;
        size_t at = u & (cap - 1);
        while (seen[at] && seen[at] != u)
            at = (at + 1) & (cap - 1);
        n += seen[at] == 0;
        seen[at] = u;
    }
    return cel_int((int64_t)n);
}

/* sum, avg, min, max in one pass. What rounding loses of the sum is kept beside it (Neumaier): ten times 0.1 is 1, and its average 0.1. */
static struct cel_value numbers(const struct window *w, size_t slot, const char *name) {
    double sum = 0, lost = 0, min = INFINITY, max = -INFINITY;
    size_t n = 0;

    for (size_t i = 0; i < w->count; i++) {
        uint64_t u = engine_window_at(w, i)->values[slot];
        if (u == ENGINE_NO_VALUE)
            continue;
        double d = double_of(u);
        double next = sum + d;
        if (isfinite(next))
            lost += fabs(sum) >= fabs(d) ? sum - next + d : d - next + sum;
        sum = next;
        min = d < min ? d : min;
        max = d > max ? d : max;
        n++;
    }
    if (isfinite(sum))
        sum += lost;
    if (strcmp(name, "value_sum") == 0)
        return cel_double(sum);
    if (n == 0)
        return unknown();
    return cel_double(strcmp(name, "value_avg") == 0 ? sum / (double)n : strcmp(name, "value_min") == 0 ? min : max);
}

bool engine_aggregate_values(struct engine_eval *x, const struct rule *rule, const struct window *w) {
    const struct cel_aggregates *set = rule->aggregates;

    if (!set || set->count == 0)
        return true;
    struct cel_value *values = arena_alloc(&x->engine->scratch, set->count * sizeof(*values));
    if (!values) {
        x->engine->oom = true;
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        const char *name = set->items[i].name;

        if (!w)
            values[i] = unknown();
        else if (!set->items[i].arg)
            values[i] = cel_int((int64_t)w->count);
        else if (is_distinct(name))
            values[i] = distinct(x, w, i);
        else if (strcmp(name, "value_percentile") == 0)
            values[i] = percentile(x, w, i, set->items[i].param);
        else
            values[i] = numbers(w, i, name);
    }
    x->aggregates = values;
    return true;
}
