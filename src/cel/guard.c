/* SPDX-License-Identifier: Apache-2.0
 * Guards: the parts of a conjunction that hold one field against one constant. Where one is false the whole is false whatever the rest is, and that is
 * known without running the program: most events fail most rules by such a part. */
#include "cel_int.h"

#include <math.h>

#define EXACT 9007199254740992.0 /* 2^53: up to here a whole number and its double are the same */

/* Numbers are held against each other as doubles where that is exact. */
static bool number_of(struct cel_value v, double *ret) {
    if (v.type == CEL_DOUBLE)
        *ret = v.d;
    else if (v.type == CEL_INT && v.i >= -(int64_t)EXACT && v.i <= (int64_t)EXACT)
        *ret = (double)v.i;
    else
        return false;
    return true;
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
    if (number_of(value, &d))
        value = cel_double(d);
    else if ((value.type != CEL_STRING && value.type != CEL_BOOL) || (op != CEL_GUARD_EQ && op != CEL_GUARD_NE))
        return false;
    *ret = (struct cel_guard){.slot = field->slot, .field = field->atom, .op = op, .value = value};
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

bool cel_guard_fails(const struct cel_guard *g, struct cel_value v) {
    double d;
    bool equal;

    if (g->value.type == CEL_DOUBLE) {
        if (!number_of(v, &d))
            return false;
        switch (g->op) {
        case CEL_GUARD_LT: return !(d < g->value.d);
        case CEL_GUARD_LE: return !(d <= g->value.d);
        case CEL_GUARD_GT: return !(d > g->value.d);
        case CEL_GUARD_GE: return !(d >= g->value.d);
        case CEL_GUARD_EQ: return !(d == g->value.d);
        case CEL_GUARD_NE: return d == g->value.d;
        }
    }
    if (v.type != g->value.type)
        return false; /* whatever the language makes of it */
    if (v.type == CEL_BOOL)
        equal = v.b == g->value.b;
    else
        equal = v.aux == g->value.aux && memcmp(v.s, g->value.s, v.aux) == 0;
    return equal == (g->op == CEL_GUARD_NE);
}
