/* SPDX-License-Identifier: Apache-2.0
 * cel-go's math extension. */
#include "cel_int.h"

#include <math.h>

static struct cel_value extreme(const struct call *c, int sign) {
    struct cel_value best = {.type = CEL_NULL}, key, v;
    struct iter it;
    bool nan, list = c->argc == 1 && c->argv[0].type == CEL_LIST;
    unsigned at = 0;
    if (list)
        (void)cel_iter(&it, c->argv[0]);
    for (;;) {
        if (list) {
            if (!cel_iter_next(&it, &key, &v))
                break;
            if (!cel_take(c->ev, 1))
                return cel_out_of_steps(c->ev);
        } else {
            if (at >= c->argc)
                break;
            v = c->argv[at++];
        }
        if (!(M(v.type) & M_NUMBER))
            return cel_fail(c->ev, c->node, CEL_E_OVERLOAD, "no such overload: math.%s of %s; it takes numbers",
                            sign > 0 ? "greatest" : "least", cel_type_word(v.type));
        if (best.type == CEL_NULL || (cel_order_number(v, best, &nan) * sign > 0 && !nan))
            best = v;
    }
    return best.type == CEL_NULL ? cel_fail(c->ev, c->node, CEL_E_VALUE, "math.%s of an empty list", sign > 0 ? "greatest" : "least")
                                 : best;
}
static struct cel_value fn_greatest(const struct call *c) { return extreme(c, 1); }
static struct cel_value fn_least(const struct call *c) { return extreme(c, -1); }

static struct cel_value fn_ceil(const struct call *c) { return cel_double(ceil(c->argv[0].d)); }
static struct cel_value fn_floor(const struct call *c) { return cel_double(floor(c->argv[0].d)); }
static struct cel_value fn_round(const struct call *c) { return cel_double(round(c->argv[0].d)); }
static struct cel_value fn_trunc(const struct call *c) { return cel_double(trunc(c->argv[0].d)); }

static struct cel_value fn_abs(const struct call *c) {
    struct cel_value v = c->argv[0];
    if (v.type == CEL_DOUBLE)
        return cel_double(fabs(v.d));
    if (v.type == CEL_INT && v.i < 0)
        return v.i == INT64_MIN ? cel_fail(c->ev, c->node, CEL_E_RANGE, "overflow: math.abs goes beyond the range of int") : cel_int(-v.i);
    return v;
}
static struct cel_value fn_sign(const struct call *c) {
    struct cel_value v = c->argv[0];
    if (v.type == CEL_INT)
        return cel_int(v.i < 0 ? -1 : v.i > 0);
    if (v.type == CEL_UINT)
        return cel_uint(v.u > 0);
    return isnan(v.d) ? v : cel_double(v.d < 0 ? -1 : v.d > 0);
}
static struct cel_value fn_is_nan(const struct call *c) { return cel_bool(isnan(c->argv[0].d)); }
static struct cel_value fn_is_inf(const struct call *c) { return cel_bool(isinf(c->argv[0].d)); }
static struct cel_value fn_is_finite(const struct call *c) { return cel_bool(isfinite(c->argv[0].d)); }
static struct cel_value fn_sqrt(const struct call *c) {
    double d = 0;
    (void)cel_as_double(c->argv[0], &d);
    return cel_double(sqrt(d));
}

/* int and uint share their bits in the union. */
static struct cel_value bits(const struct call *c, uint64_t u) {
    struct cel_value v = c->argv[0];
    v.u = u;
    return v;
}
static struct cel_value fn_and(const struct call *c) { return bits(c, c->argv[0].u & c->argv[1].u); }
static struct cel_value fn_or(const struct call *c) { return bits(c, c->argv[0].u | c->argv[1].u); }
static struct cel_value fn_xor(const struct call *c) { return bits(c, c->argv[0].u ^ c->argv[1].u); }
static struct cel_value fn_not(const struct call *c) { return bits(c, ~c->argv[0].u); }
static struct cel_value shift(const struct call *c, bool left) {
    int64_t n = c->argv[1].i;
    uint64_t u = c->argv[0].u;
    if (n < 0)
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "a shift by a negative number: %lld", (long long)n);
    return bits(c, n >= 64 ? 0 : left ? u << n : u >> n);
}
static struct cel_value fn_shift_left(const struct call *c) { return shift(c, true); }
static struct cel_value fn_shift_right(const struct call *c) { return shift(c, false); }

#define INTS(name, fn, about, example, example_uint) \
    {"math." name "(int, int) -> int", fn, about, "math." name example}, { \
        "math." name "(uint, uint) -> uint", fn, about, "math." name example_uint \
    }

const struct cel_fn cel_fns_math[] = {
    {"math.greatest(list) -> number", fn_greatest, "the greatest number of a list", "math.greatest([2, 7.5, 3]) => 7.5"},
    {"math.greatest(number, ...) -> number", fn_greatest, "the greatest of its arguments", "math.greatest(4, 9, 2) => 9"},
    {"math.least(list) -> number", fn_least, "the least number of a list", "math.least([2, 7.5, 3]) => 2"},
    {"math.least(number, ...) -> number", fn_least, "the least of its arguments", "math.least(4.5, 9) => 4.5"},
    {"math.ceil(double) -> double", fn_ceil, "rounded up", "math.ceil(2.1) => 3.0"},
    {"math.floor(double) -> double", fn_floor, "rounded down", "math.floor(-2.1) => -3.0"},
    {"math.round(double) -> double", fn_round, "rounded to the nearest, halves away from zero", "math.round(-2.5) => -3.0"},
    {"math.trunc(double) -> double", fn_trunc, "the fraction cut off", "math.trunc(-2.9) => -2.0"},
    {"math.abs(int) -> int", fn_abs, "without its sign", "math.abs(-3) => 3"},
    {"math.abs(uint) -> uint", fn_abs, "the number itself", "math.abs(3u) => 3u"},
    {"math.abs(double) -> double", fn_abs, "without its sign", "math.abs(-0.5) => 0.5"},
    {"math.sign(int) -> int", fn_sign, "-1, 0 or 1", "math.sign(-3) => -1"},
    {"math.sign(uint) -> uint", fn_sign, "0 or 1", "math.sign(3u) => 1u"},
    {"math.sign(double) -> double", fn_sign, "-1, 0 or 1", "math.sign(0.5) => 1.0"},
    {"math.isNaN(double) -> bool", fn_is_nan, "whether it is not a number", "math.isNaN(0.0 / 0.0) => true"},
    {"math.isInf(double) -> bool", fn_is_inf, "whether it is infinite", "math.isInf(1.0 / 0.0) => true"},
    {"math.isFinite(double) -> bool", fn_is_finite, "whether it is neither infinite nor not a number", "math.isFinite(1.0 / 3.0) => true"},
    {"math.sqrt(number) -> double", fn_sqrt, "the square root; NaN of a negative number", "math.sqrt(81) => 9.0"},
    INTS("bitAnd", fn_and, "bits that both have", "(13, 4) => 4", "(13u, 6u) => 4u"),
    INTS("bitOr", fn_or, "bits that either has", "(8, 3) => 11", "(8u, 1u) => 9u"),
    INTS("bitXor", fn_xor, "bits that just one has", "(5, 1) => 4", "(5u, 6u) => 3u"),
    {"math.bitNot(int) -> int", fn_not, "every bit turned", "math.bitNot(1) => -2"},
    {"math.bitNot(uint) -> uint", fn_not, "every bit turned", "math.bitNot(0u) => 18446744073709551615u"},
    {"math.bitShiftLeft(int, int) -> int", fn_shift_left, "shifted left", "math.bitShiftLeft(1, 4) => 16"},
    {"math.bitShiftLeft(uint, int) -> uint", fn_shift_left, "shifted left", "math.bitShiftLeft(3u, 1) => 6u"},
    {"math.bitShiftRight(int, int) -> int", fn_shift_right, "shifted right, zeros come in", "math.bitShiftRight(4096, 8) => 16"},
    {"math.bitShiftRight(uint, int) -> uint", fn_shift_right, "shifted right, zeros come in", "math.bitShiftRight(9u, 1) => 4u"},
    {NULL, NULL, NULL, NULL},
};
