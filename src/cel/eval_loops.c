/* SPDX-License-Identifier: Apache-2.0
 * Macros as loops: the variables stand in the evaluation's locals, results are built in its arena. One step per element. */
#include "cel_int.h"

/* Begins a loop over the value of n->a. False: *ret is the result (an error). */
static bool loop_begin(const struct node *n, struct ev *e, struct iter *it, struct cel_value *ret) {
    struct cel_value over = cel_run(n->a, e);
    if (cel_iter(it, over))
        return true;
    *ret = over.type == CEL_ERROR ? over
                                  : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s.%s(…); it takes a list or a map",
                                             cel_type_word(over.type), cel_node_name(n->op));
    return false;
}

/* The next element in the locals: key and value, or what one variable stands for: the element of a list, the key of a map. */
static inline bool loop_next(const struct node *n, struct ev *e, struct iter *it) {
    struct cel_value key, value;
    if (!cel_iter_next(it, &key, &value) || !cel_take_read(e, value))
        return false;
    if (n->flags & NODE_TWO) {
        e->locals[n->slot] = key;
        e->locals[n->slot + 1] = value;
    } else
        e->locals[n->slot] = it->over.type == CEL_LIST ? value : key;
    return true;
}

static struct cel_value not_bool(const struct node *n, struct ev *e, struct cel_value v) {
    return v.type == CEL_ERROR ? v
                               : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: the condition of %s is %s, not bool",
                                          cel_node_name(n->op), cel_type_word(v.type));
}

static struct cel_value quantifier(const struct node *n, struct ev *e, bool decides) {
    struct iter it;
    struct cel_value v, error = {.type = CEL_NULL};
    if (!loop_begin(n, e, &it, &v))
        return v;
    while (loop_next(n, e, &it)) {
        if (!cel_take(e, 1))
            return cel_out_of_steps(e);
        v = cel_run(n->c, e);
        if (LIKELY(v.type == CEL_BOOL)) {
            if (v.b == decides)
                return v;
        } else if (cel_is_fatal(v))
            return v;
        else if (error.type == CEL_NULL)
            error = not_bool(n, e, v);
    }
    return error.type == CEL_NULL ? cel_bool(!decides) : error;
}
struct cel_value cel_run_all(const struct node *n, struct ev *e) {
    return quantifier(n, e, false);
}
struct cel_value cel_run_exists(const struct node *n, struct ev *e) {
    return quantifier(n, e, true);
}

struct cel_value cel_run_exists_one(const struct node *n, struct ev *e) {
    struct iter it;
    struct cel_value v;
    size_t count = 0;
    if (!loop_begin(n, e, &it, &v))
        return v;
    while (loop_next(n, e, &it)) {
        if (!cel_take(e, 1))
            return cel_out_of_steps(e);
        v = cel_run(n->c, e);
        if (v.type != CEL_BOOL)
            return not_bool(n, e, v);
        count += v.b;
    }
    return cel_bool(count == 1);
}

/* Steps for this element, and whether the filter lets it through: 1, 0, or -1 with an error in *ret. */
static int admit(const struct node *n, struct ev *e, struct cel_value *ret) {
    if (!cel_take(e, 1)) {
        *ret = cel_out_of_steps(e);
        return -1;
    }
    if (!n->b)
        return 1;
    struct cel_value v = cel_run(n->b, e);
    if (v.type == CEL_BOOL)
        return v.b;
    *ret = not_bool(n, e, v);
    return -1;
}

/* map, filter, transformList */
struct cel_value cel_run_collect(const struct node *n, struct ev *e) {
    struct iter it;
    struct cel_value v;
    struct vec out = {0};
    if (!loop_begin(n, e, &it, &v))
        return v;
    while (loop_next(n, e, &it)) {
        int ok = admit(n, e, &v);
        if (ok < 0)
            return v;
        if (!ok)
            continue;
        v = n->c ? cel_run(n->c, e) : e->locals[n->slot];
        if (v.type == CEL_ERROR)
            return v;
        if (!cel_vec_push(e, &out, v))
            return cel_no_memory();
    }
    return cel_list(out.items, out.count);
}

/* transformMap, transformMapEntry. Pairs are kept as two values each. */
struct cel_value cel_run_transform_map(const struct node *n, struct ev *e) {
    struct iter it, entries;
    struct cel_value v, key, value;
    struct vec out = {0};
    bool entry = n->op == NODE_TRANSFORM_ENTRY;
    if (!loop_begin(n, e, &it, &v))
        return v;
    while (loop_next(n, e, &it)) {
        int ok = admit(n, e, &v);
        if (ok < 0)
            return v;
        if (!ok)
            continue;
        key = e->locals[n->slot];
        v = cel_run(n->c, e);
        if (v.type == CEL_ERROR)
            return v;
        if (!entry) {
            if (!cel_vec_push(e, &out, key) || !cel_vec_push(e, &out, v))
                return cel_no_memory();
            continue;
        }
        if (v.type != CEL_MAP || !cel_iter(&entries, v))
            return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: transformMapEntry takes a map for each element, not %s",
                            cel_type_word(v.type));
        while (cel_iter_next(&entries, &key, &value)) {
            if (!cel_take(e, out.count / 32))
                return cel_out_of_steps(e);
            for (uint32_t i = 0; i < out.count; i += 2)
                if (cel_same(NULL, out.items[i], key, 0))
                    return cel_fail(e, n, CEL_E_VALUE, "transformMapEntry gives a key twice");
            if (!cel_vec_push(e, &out, key) || !cel_vec_push(e, &out, value))
                return cel_no_memory();
        }
    }
    _Static_assert(sizeof(struct cel_pair) == 2 * sizeof(struct cel_value), "a pair is two values");
    return cel_map((const struct cel_pair *)out.items, out.count / 2);
}

/* -- sorting ------------------------------------------------------------------------------------------------------------ */
/* Merge sort of n keys with what belongs to them, stable. False: two keys have no order, or no steps are left. */
static bool sort_pairs(struct ev *e, struct cel_pair *pairs, struct cel_pair *spare, size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        if (!cel_take(e, n / 4 + 1))
            return false;
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n, hi = lo + 2 * width < n ? lo + 2 * width : n, i = lo, j = mid;
            for (size_t k = lo; k < hi; k++) {
                int c = 0;
                if (i < mid && j < hi && !cel_order(pairs[j].key, pairs[i].key, &c))
                    return false;
                spare[k] = j >= hi || (i < mid && c >= 0) ? pairs[i++] : pairs[j++];
            }
        }
        memcpy(pairs, spare, n * sizeof *pairs);
    }
    return true;
}

static struct cel_value sorted(const struct node *n, struct ev *e, struct cel_pair *pairs, size_t count) {
    struct cel_pair *spare = cel_alloc(e, count * sizeof *spare);
    struct cel_value *items = cel_alloc(e, count * sizeof *items);
    if (!spare || !items)
        return cel_no_memory();
    for (size_t i = 0; i < count; i++) {
        int c;
        if (pairs[i].key.type != pairs[0].key.type && !(M(pairs[i].key.type) & M_NUMBER && M(pairs[0].key.type) & M_NUMBER))
            return cel_no_overload2(e, n, "sorted with", pairs[0].key, pairs[i].key);
        if (!cel_order(pairs[i].key, pairs[i].key, &c) && pairs[i].key.type != CEL_DOUBLE)
            return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s has no order", cel_type_word(pairs[i].key.type));
    }
    if (!sort_pairs(e, pairs, spare, count))
        return e->steps == 0 ? cel_out_of_steps(e) : cel_fail(e, n, CEL_E_VALUE, "a list with NaN has no order");
    for (size_t i = 0; i < count; i++)
        items[i] = pairs[i].value;
    return cel_list(items, count);
}

struct cel_value cel_run_sort_by(const struct node *n, struct ev *e) {
    struct iter it;
    struct cel_value v;
    struct vec out = {0};
    if (!loop_begin(n, e, &it, &v))
        return v;
    if (it.over.type != CEL_LIST)
        return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: map.sortBy(…); it takes a list");
    while (loop_next(n, e, &it)) {
        if (!cel_take(e, 1))
            return cel_out_of_steps(e);
        v = cel_run(n->c, e);
        if (v.type == CEL_ERROR)
            return v;
        if (!cel_vec_push(e, &out, v) || !cel_vec_push(e, &out, e->locals[n->slot]))
            return cel_no_memory();
    }
    return sorted(n, e, (struct cel_pair *)out.items, out.count / 2);
}

struct cel_value cel_sort_list(const struct call *c) {
    struct iter it;
    struct cel_value key, value;
    struct vec out = {0};
    (void)cel_iter(&it, c->argv[0]);
    while (cel_iter_next(&it, &key, &value)) {
        if (!cel_take(c->ev, 1))
            return cel_out_of_steps(c->ev);
        for (int twice = 0; twice < 2; twice++) /* sorted by itself: key and value are the same */
            if (!cel_vec_push(c->ev, &out, value))
                return cel_no_memory();
    }
    return sorted(c->node, c->ev, (struct cel_pair *)out.items, out.count / 2);
}
