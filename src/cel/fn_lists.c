/* SPDX-License-Identifier: Apache-2.0
 * cel-go's lists and sets extensions. */
#include "cel_int.h"

#define STEPS(c, n) \
    if (!cel_take((c)->ev, (n))) \
    return cel_out_of_steps((c)->ev)

static bool holds(struct ev *e, struct cel_value list, struct cel_value v) {
    struct iter it;
    struct cel_value key, item;
    (void)cel_iter(&it, list);
    while (cel_iter_next(&it, &key, &item))
        if (!cel_take(e, 1))
            return false;
        else if (cel_same(e, item, v, 0))
            return true;
    return false;
}

static struct cel_value fn_distinct(const struct call *c) {
    struct iter it;
    struct cel_value key, v;
    struct vec out = {0};
    (void)cel_iter(&it, c->argv[0]);
    while (cel_iter_next(&it, &key, &v)) {
        STEPS(c, 1);
        if (!holds(c->ev, cel_list(out.items, out.count), v) && !cel_vec_push(c->ev, &out, v))
            return cel_no_memory();
    }
    return cel_list(out.items, out.count);
}

static bool flatten(const struct call *c, struct cel_value list, int64_t depth, struct vec *out, unsigned level) {
    struct iter it;
    struct cel_value key, v;
    (void)cel_iter(&it, list);
    while (cel_iter_next(&it, &key, &v)) {
        if (!cel_take(c->ev, 1) || level > CEL_MAX_VALUE_DEPTH)
            return false;
        if (v.type == CEL_LIST && depth > 0 ? !flatten(c, v, depth - 1, out, level + 1) : !cel_vec_push(c->ev, out, v))
            return false;
    }
    return true;
}
static struct cel_value fn_flatten(const struct call *c) {
    struct vec out = {0};
    int64_t depth = c->argc > 1 ? c->argv[1].i : 1;
    if (depth < 0)
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "flatten() of a negative depth");
    if (!flatten(c, c->argv[0], depth, &out, 0))
        return c->ev->steps ? cel_no_memory() : cel_out_of_steps(c->ev);
    return cel_list(out.items, out.count);
}

static struct cel_value fn_range(const struct call *c) {
    int64_t n = c->argv[0].i;
    if (n < 0)
        n = 0;
    STEPS(c, (size_t)n);
    struct cel_value *items = cel_alloc(c->ev, (size_t)n * sizeof *items);
    if (!items)
        return cel_no_memory();
    for (int64_t i = 0; i < n; i++)
        items[i] = cel_int(i);
    return cel_list(items, (size_t)n);
}

static struct cel_value fn_reverse(const struct call *c) {
    struct iter it;
    struct cel_value key, v;
    size_t n = cel_size(c->argv[0]), i = n;
    STEPS(c, 1 + n / 4);
    struct cel_value *items = cel_alloc(c->ev, n * sizeof *items);
    if (!items)
        return cel_no_memory();
    (void)cel_iter(&it, c->argv[0]);
    while (i && cel_iter_next(&it, &key, &v))
        items[--i] = v;
    return cel_list(items, n);
}

static struct cel_value fn_slice(const struct call *c) {
    struct cel_value list = c->argv[0], key, v;
    int64_t from = c->argv[1].i, to = c->argv[2].i;
    size_t n = cel_size(list);
    struct iter it;
    struct vec out = {0};
    if (from < 0 || to < from || (uint64_t)to > n)
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "slice(%lld, %lld) of a list of %zu", (long long)from, (long long)to, n);
    if (list.form == CEL_FORM_NATIVE && n)
        return cel_list(list.items + from, (size_t)(to - from));
    STEPS(c, 1 + n / 4);
    (void)cel_iter(&it, list);
    for (int64_t i = 0; i < to && cel_iter_next(&it, &key, &v); i++)
        if (i >= from && !cel_vec_push(c->ev, &out, v))
            return cel_no_memory();
    return cel_list(out.items, out.count);
}

static struct cel_value fn_first(const struct call *c) {
    struct cel_value v;
    return cel_list_at(c->argv[0], 0, &v) ? cel_some(c->ev, v) : cel_none();
}
static struct cel_value fn_last(const struct call *c) {
    struct cel_value v;
    size_t n = cel_size(c->argv[0]);
    STEPS(c, n / 16);
    return n && cel_list_at(c->argv[0], n - 1, &v) ? cel_some(c->ev, v) : cel_none();
}

static bool all_in(struct ev *e, struct cel_value in, struct cel_value list) {
    struct iter it;
    struct cel_value key, v;
    (void)cel_iter(&it, list);
    while (cel_iter_next(&it, &key, &v))
        if (!holds(e, in, v))
            return false;
    return true;
}
static struct cel_value fn_sets_contains(const struct call *c) { return cel_bool(all_in(c->ev, c->argv[0], c->argv[1])); }
static struct cel_value fn_sets_equivalent(const struct call *c) {
    return cel_bool(all_in(c->ev, c->argv[0], c->argv[1]) && all_in(c->ev, c->argv[1], c->argv[0]));
}
static struct cel_value fn_sets_intersects(const struct call *c) {
    struct iter it;
    struct cel_value key, v;
    (void)cel_iter(&it, c->argv[0]);
    while (cel_iter_next(&it, &key, &v))
        if (holds(c->ev, c->argv[1], v))
            return cel_bool(true);
    return cel_bool(false);
}

const struct cel_fn cel_fns_lists[] = {
    {"list.distinct() -> list", fn_distinct, "each element once", "[3, 1, 3.0, 1].distinct() => [3, 1]"},
    {"list.flatten() -> list", fn_flatten, "lists within the list opened, one level", "[[1, 2], [3]].flatten() => [1, 2, 3]"},
    {"list.flatten(int) -> list", fn_flatten, "lists within the list opened, so many levels", "[[1, [2, [3]]]].flatten(2) => [1, 2, [3]]"},
    {"lists.range(int) -> list", fn_range, "0, 1, 2 … up to before the number", "lists.range(4) => [0, 1, 2, 3]"},
    {"list.reverse() -> list", fn_reverse, "in reverse order", "[1, 2, 3].reverse() => [3, 2, 1]"},
    {"list.slice(int, int) -> list", fn_slice, "from a place up to before another", "['a', 'b', 'c', 'd'].slice(1, 3) => ['b', 'c']"},
    {"list.sort() -> list", cel_sort_list, "in ascending order; all of one type", "['c', 'a', 'b'].sort() => ['a', 'b', 'c']"},
    {"list.first() -> optional", fn_first, "the first element, if there is one", "['a', 'b'].first().value() => 'a'"},
    {"list.last() -> optional", fn_last, "the last element, if there is one", "[].last().orValue('none') => 'none'"},
    {"sets.contains(list, list) -> bool", fn_sets_contains, "whether the first holds every element of the second",
     "sets.contains([1, 2, 3], [3, 1]) => true"},
    {"sets.equivalent(list, list) -> bool", fn_sets_equivalent, "whether each holds every element of the other",
     "sets.equivalent([1, 2, 2], [2, 1]) => true"},
    {"sets.intersects(list, list) -> bool", fn_sets_intersects, "whether they have an element in common",
     "sets.intersects(['a', 'b'], ['c', 'b']) => true"},
    {NULL, NULL, NULL, NULL},
};
