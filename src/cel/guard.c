/* SPDX-License-Identifier: Apache-2.0
 * Guards: the parts of a conjunction that hold one field against one constant. Where one is false the whole is false whatever the rest is, and that is
 * known without running the program: most events fail most rules by such a part. */
#include "cel_int.h"

#include <math.h>

/* Numbers are held against each other as doubles where that is exact. False: not with this one. */
static bool number_of(struct cel_value v, double *ret) {
    if (v.type == CEL_INT && v.i >= -(INT64_C(1) << 53) && v.i <= INT64_C(1) << 53)
        *ret = (double)v.i;
    else if (v.type == CEL_DOUBLE && isfinite(v.d))
        *ret = v.d;
    else
        return false;
    return true;
}

/* Which doubles pass; false: they are no range. */
static bool range_of(enum cel_guard_op op, double d, struct cel_guard *ret) {
    ret->low = -INFINITY;
    ret->high = INFINITY;
    switch (op) {
    case CEL_GUARD_LT: ret->high = nextafter(d, -INFINITY); return true;
    case CEL_GUARD_LE: ret->high = d; return true;
    case CEL_GUARD_GT: ret->low = nextafter(d, INFINITY); return true;
    case CEL_GUARD_GE: ret->low = d; return true;
    case CEL_GUARD_EQ: ret->low = ret->high = d; return true;
    default: return false;
    }
}

/* constant op field, said as field op constant */
static enum cel_guard_op turned(enum cel_guard_op op) {
    static const enum cel_guard_op other[] = {[CEL_GUARD_EQ] = CEL_GUARD_EQ, [CEL_GUARD_NE] = CEL_GUARD_NE, [CEL_GUARD_LT] = CEL_GUARD_GT,
                                              [CEL_GUARD_LE] = CEL_GUARD_GE, [CEL_GUARD_GT] = CEL_GUARD_LT, [CEL_GUARD_GE] = CEL_GUARD_LE};
    return other[op];
}

static bool op_of(const struct node *n, enum cel_guard_op *ret) {
    switch (n->op) {
    case NODE_EQ: *ret = CEL_GUARD_EQ; return true;
    case NODE_NE: *ret = CEL_GUARD_NE; return true;
    case NODE_LT: *ret = CEL_GUARD_LT; return true;
    case NODE_LE: *ret = CEL_GUARD_LE; return true;
    case NODE_GT: *ret = CEL_GUARD_GT; return true;
    case NODE_GE: *ret = CEL_GUARD_GE; return true;
    default: return false;
    }
}

static bool is_field(const struct node *n) { return n->op == NODE_VAR_FIELD && n->atom; }

static bool guard_of(const struct node *n, struct cel_guard *ret) {
    const struct node *field = n;
    struct cel_value value = cel_bool(true);
    enum cel_guard_op op = CEL_GUARD_EQ;

    if (n->op == NODE_NOT) {
        field = n->a;
        value = cel_bool(false);
    } else if (op_of(n, &op)) {
        bool first = is_field(n->a);
        const struct node *constant = first ? n->b : n->a;
        field = first ? n->a : n->b;
        if (constant->op != NODE_CONST)
            return false;
        value = constant->value;
        if (!first)
            op = turned(op);
    }
    if (!is_field(field))
        return false;
    double d;
    bool number = number_of(value, &d);
    if (number ? !range_of(op, d, ret) : (value.type != CEL_STRING && value.type != CEL_BOOL) || (op != CEL_GUARD_EQ && op != CEL_GUARD_NE))
        return false;
    ret->slot = field->slot;
    ret->field = field->atom;
    ret->op = op;
    ret->value = number ? cel_double(d) : value;
    return true;
}

static size_t guards(const struct node *n, struct cel_guard *ret, size_t at, size_t max) {
    if (n->op == NODE_AND) {
        for (unsigned i = 0; i < n->nargs; i++)
            at = guards(n->args[i], ret, at, max);
        return at;
    }
    return at + (at < max && guard_of(n, &ret[at]));
}

size_t cel_program_guards(const struct cel_program *p, struct cel_guard *ret, size_t n) { return guards(p->root, ret, 0, n); }

bool cel_guard_differs(const struct cel_guard *g, const struct cel_value *v) {
    bool equal;

    if (v->type != g->value.type)
        return false;
    if (v->type == CEL_BOOL)
        equal = v->b == g->value.b;
    else
        equal = v->aux == g->value.aux && memcmp(v->s, g->value.s, v->aux) == 0;
    return equal == (g->op == CEL_GUARD_NE);
}
