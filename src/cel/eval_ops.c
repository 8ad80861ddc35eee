/* SPDX-License-Identifier: Apache-2.0
 * Operators: arithmetic with checked overflow, comparisons, membership. One table of types (cel_op_result) serves the checker.
 * A declared departure from the standard: int or uint with double is computed as double; int with uint has no overload. */
#include "cel_int.h"

#include <math.h>

const char *cel_op_sign(enum node_op op) {
    switch (op) {
    case NODE_ADD: return "+";
    case NODE_SUB:
    case NODE_NEG: return "-";
    case NODE_MUL: return "*";
    case NODE_DIV: return "/";
    case NODE_MOD: return "%";
    case NODE_EQ: return "==";
    case NODE_NE: return "!=";
    case NODE_LT: return "<";
    case NODE_LE: return "<=";
    case NODE_GT: return ">";
    case NODE_GE: return ">=";
    case NODE_IN: return "in";
    case NODE_NOT: return "!";
    case NODE_AND: return "&&";
    case NODE_OR: return "||";
    default: return "?";
    }
}

/* What an operator gives for two types, as a set; 0 where it has no overload. */
mask_t cel_op_result(enum node_op op, enum cel_type a, enum cel_type b) {
    bool numbers = M(a) & M_NUMBER && M(b) & M_NUMBER;
    mask_t mixed = numbers && (a == CEL_DOUBLE || b == CEL_DOUBLE) ? M(CEL_DOUBLE) : numbers && a == b ? M(a) : 0;
    switch (op) {
    case NODE_ADD:
        if (a == CEL_TIMESTAMP && b == CEL_DURATION)
            return M(CEL_TIMESTAMP);
        if (a == CEL_DURATION && b == CEL_TIMESTAMP)
            return M(CEL_TIMESTAMP);
        if (a == b && (a == CEL_STRING || a == CEL_BYTES || a == CEL_LIST || a == CEL_DURATION))
            return M(a);
        return mixed;
    case NODE_SUB:
        if (a == CEL_TIMESTAMP)
            return b == CEL_TIMESTAMP ? M(CEL_DURATION) : b == CEL_DURATION ? M(CEL_TIMESTAMP) : 0;
        return a == b && a == CEL_DURATION ? M(a) : mixed;
    case NODE_MUL:
    case NODE_DIV: return mixed;
    case NODE_MOD: return a == b && (a == CEL_INT || a == CEL_UINT) ? M(a) : 0;
    case NODE_EQ:
    case NODE_NE: return numbers || a == b || a == CEL_NULL || b == CEL_NULL ? M(CEL_BOOL) : 0;
    case NODE_LT:
    case NODE_LE:
    case NODE_GT:
    case NODE_GE:
        return numbers || (a == b && (M(a) & (M(CEL_BOOL) | M(CEL_STRING) | M(CEL_BYTES) | M(CEL_TIMESTAMP) | M(CEL_DURATION))))
                   ? M(CEL_BOOL)
                   : 0;
    case NODE_IN: return b == CEL_LIST || (b == CEL_MAP && (M(a) & (M_NUMBER | M(CEL_STRING) | M(CEL_BOOL)))) ? M(CEL_BOOL) : 0;
    default: return 0;
    }
}

/* Both operands; an error in either is the result. */
#define OPERANDS(n, e, a, b) \
    struct cel_value a = cel_run((n)->a, e); \
    if (UNLIKELY(a.type == CEL_ERROR)) \
        return a; \
    struct cel_value b = cel_run((n)->b, e); \
    if (UNLIKELY(b.type == CEL_ERROR)) \
    return b

static struct cel_value overflow(const struct node *n, struct ev *e, struct cel_value a, struct cel_value b) {
    return cel_fail(e, n, CEL_E_RANGE, "overflow: %s %s %s goes beyond its range", cel_type_word(a.type), cel_op_sign(n->op),
                    cel_type_word(b.type));
}
static struct cel_value by_zero(const struct node *n, struct ev *e) { return cel_fail(e, n, CEL_E_RANGE, "division by zero"); }

/* One of the two is a double, the other a number. */
static bool doubles(struct cel_value a, struct cel_value b, double *x, double *y) {
    return (a.type == CEL_DOUBLE || b.type == CEL_DOUBLE) && cel_as_double(a, x) && cel_as_double(b, y);
}

static struct cel_value join_text(const struct node *n, struct ev *e, struct cel_value a, struct cel_value b) {
    size_t len = (size_t)a.aux + b.aux;
    if (len > CEL_MAX_RESULT)
        return cel_fail(e, n, CEL_E_RANGE, "the text would have more than %u bytes", CEL_MAX_RESULT);
    if (!cel_take_text(e, len))
        return cel_out_of_steps(e);
    char *s = cel_alloc(e, len + 1);
    if (!s)
        return cel_no_memory();
    memcpy(s, a.s, a.aux);
    memcpy(s + a.aux, b.s, b.aux);
    s[len] = '\0';
    a.s = s;
    a.aux = (uint32_t)len;
    return a;
}

static struct cel_value join_lists(struct ev *e, struct cel_value a, struct cel_value b) {
    size_t na = cel_size(a), nb = cel_size(b), i = 0;
    struct iter it;
    struct cel_value key, value;
    if (!cel_take(e, (na + nb) / 4))
        return cel_out_of_steps(e);
    struct cel_value *items = cel_alloc(e, (na + nb) * sizeof *items);
    if (!items)
        return cel_no_memory();
    for (int k = 0; k < 2; k++) {
        (void)cel_iter(&it, k ? b : a);
        while (i < na + nb && cel_iter_next(&it, &key, &value))
            items[i++] = value;
    }
    return cel_list(items, i);
}

struct cel_value cel_run_add(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    double x, y;
    struct cel_value r;
    if (a.type == b.type)
        switch (a.type) {
        case CEL_INT: return __builtin_add_overflow(a.i, b.i, &a.i) ? overflow(n, e, b, b) : a;
        case CEL_UINT: return __builtin_add_overflow(a.u, b.u, &a.u) ? overflow(n, e, b, b) : a;
        case CEL_DOUBLE: return cel_double(a.d + b.d);
        case CEL_STRING:
        case CEL_BYTES: return join_text(n, e, a, b);
        case CEL_LIST: return join_lists(e, a, b);
        case CEL_DURATION: return cel_duration_make(a.i + b.i, (int64_t)(int32_t)a.aux + (int32_t)b.aux, &r) ? r : overflow(n, e, a, b);
        default: return cel_no_overload2(e, n, "+", a, b);
        }
    if (doubles(a, b, &x, &y))
        return cel_double(x + y);
    if (a.type == CEL_DURATION && b.type == CEL_TIMESTAMP) {
        r = a;
        a = b;
        b = r;
    }
    if (a.type == CEL_TIMESTAMP && b.type == CEL_DURATION)
        return cel_time_make(a.i + b.i, (int64_t)a.aux + (int32_t)b.aux, &r) ? r : overflow(n, e, a, b);
    return cel_no_overload2(e, n, "+", a, b);
}

struct cel_value cel_run_sub(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    double x, y;
    struct cel_value r;
    if (a.type == b.type)
        switch (a.type) {
        case CEL_INT: return __builtin_sub_overflow(a.i, b.i, &a.i) ? overflow(n, e, b, b) : a;
        case CEL_UINT: return __builtin_sub_overflow(a.u, b.u, &a.u) ? overflow(n, e, b, b) : a;
        case CEL_DOUBLE: return cel_double(a.d - b.d);
        case CEL_TIMESTAMP:
        case CEL_DURATION: /* nanoseconds below 2^31 in either case */
            return cel_duration_make(a.i - b.i, (int64_t)(int32_t)a.aux - (int32_t)b.aux, &r) ? r : overflow(n, e, a, b);
        default: return cel_no_overload2(e, n, "-", a, b);
        }
    if (doubles(a, b, &x, &y))
        return cel_double(x - y);
    if (a.type == CEL_TIMESTAMP && b.type == CEL_DURATION)
        return cel_time_make(a.i - b.i, (int64_t)a.aux - (int32_t)b.aux, &r) ? r : overflow(n, e, a, b);
    return cel_no_overload2(e, n, "-", a, b);
}

struct cel_value cel_run_mul(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    double x, y;
    if (a.type == b.type)
        switch (a.type) {
        case CEL_INT: return __builtin_mul_overflow(a.i, b.i, &a.i) ? overflow(n, e, b, b) : a;
        case CEL_UINT: return __builtin_mul_overflow(a.u, b.u, &a.u) ? overflow(n, e, b, b) : a;
        case CEL_DOUBLE: return cel_double(a.d * b.d);
        default: return cel_no_overload2(e, n, "*", a, b);
        }
    return doubles(a, b, &x, &y) ? cel_double(x * y) : cel_no_overload2(e, n, "*", a, b);
}

struct cel_value cel_run_div(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    double x, y;
    if (a.type == b.type)
        switch (a.type) {
        case CEL_INT:
            if (b.i == 0)
                return by_zero(n, e);
            return a.i == INT64_MIN && b.i == -1 ? overflow(n, e, a, b) : cel_int(a.i / b.i);
        case CEL_UINT: return b.u == 0 ? by_zero(n, e) : cel_uint(a.u / b.u);
        case CEL_DOUBLE: return cel_double(a.d / b.d);
        default: return cel_no_overload2(e, n, "/", a, b);
        }
    return doubles(a, b, &x, &y) ? cel_double(x / y) : cel_no_overload2(e, n, "/", a, b);
}

struct cel_value cel_run_mod(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    if (a.type == CEL_INT && b.type == CEL_INT) {
        if (b.i == 0)
            return by_zero(n, e);
        return a.i == INT64_MIN && b.i == -1 ? overflow(n, e, a, b) : cel_int(a.i % b.i);
    }
    if (a.type == CEL_UINT && b.type == CEL_UINT)
        return b.u == 0 ? by_zero(n, e) : cel_uint(a.u % b.u);
    return cel_no_overload2(e, n, "%", a, b);
}

struct cel_value cel_run_neg(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    switch (v.type) {
    case CEL_INT: return v.i == INT64_MIN ? cel_fail(e, n, CEL_E_RANGE, "overflow: -int goes beyond its range") : cel_int(-v.i);
    case CEL_DOUBLE: return cel_double(-v.d);
    case CEL_ERROR: return v;
    default: return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: -%s", cel_type_word(v.type));
    }
}

struct cel_value cel_run_not(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    if (v.type == CEL_BOOL)
        return cel_bool(!v.b);
    return v.type == CEL_ERROR ? v : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: !%s", cel_type_word(v.type));
}

/* -- comparisons -------------------------------------------------------------------------------------------------------- */
static inline bool same(struct ev *e, struct cel_value a, struct cel_value b) {
    if (a.type == CEL_STRING && b.type == CEL_STRING)
        return a.aux == b.aux && (a.aux < 64 || cel_take_text(e, a.aux)) && !memcmp(a.s, b.s, a.aux);
    if (a.type == CEL_INT && b.type == CEL_INT)
        return a.i == b.i;
    return cel_same(e, a, b, 0);
}

struct cel_value cel_run_eq(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    return cel_bool(same(e, a, b));
}
struct cel_value cel_run_ne(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    return cel_bool(!same(e, a, b));
}

/* 0: no order (NaN), *ret false. <0: no overload. */
static inline int order(struct cel_value a, struct cel_value b, int *ret) {
    bool nan;
    if (a.type == CEL_INT && b.type == CEL_INT) {
        *ret = a.i < b.i ? -1 : a.i > b.i;
        return 1;
    }
    if (a.type == CEL_DOUBLE && b.type == CEL_DOUBLE) {
        *ret = a.d < b.d ? -1 : a.d > b.d;
        return a.d == a.d && b.d == b.d;
    }
    if (M(a.type) & M_NUMBER && M(b.type) & M_NUMBER) {
        *ret = cel_order_number(a, b, &nan);
        return nan ? 0 : 1;
    }
    return cel_order(a, b, ret) ? 1 : -1;
}

/* Texts are compared up to where they differ. */
static bool pay_order(struct ev *e, struct cel_value a, struct cel_value b) {
    bool texts = (a.type == CEL_STRING || a.type == CEL_BYTES) && a.type == b.type;
    return !texts || cel_take_text(e, a.aux < b.aux ? a.aux : b.aux);
}

#define ORDER(name, sign, test) \
    struct cel_value name(const struct node *n, struct ev *e) { \
        OPERANDS(n, e, a, b); \
        int c = 0, r = order(a, b, &c); \
        if (UNLIKELY(r < 0)) \
            return cel_no_overload2(e, n, sign, a, b); \
        if (UNLIKELY(!pay_order(e, a, b))) \
            return cel_out_of_steps(e); \
        return cel_bool(r > 0 && c test 0); \
    }
ORDER(cel_run_lt, "<", <)
ORDER(cel_run_le, "<=", <=)
ORDER(cel_run_gt, ">", >)
ORDER(cel_run_ge, ">=", >=)

/* -- membership --------------------------------------------------------------------------------------------------------- */
struct cel_value cel_run_in(const struct node *n, struct ev *e) {
    OPERANDS(n, e, a, b);
    struct cel_value key, value;
    if (b.type == CEL_MAP) {
        bool ok;
        return cel_bool(cel_find(e, b, a, &value, &ok));
    }
    if (b.type != CEL_LIST)
        return cel_no_overload2(e, n, "in", a, b);
    struct iter it;
    (void)cel_iter(&it, b);
    while (cel_iter_next(&it, &key, &value)) {
        if (!cel_take(e, 1) || !cel_take_read(e, value))
            return cel_out_of_steps(e);
        if (same(e, a, value))
            return cel_bool(true);
    }
    return cel_bool(false);
}
