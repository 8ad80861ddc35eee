/* SPDX-License-Identifier: Apache-2.0
 * The checker: names, fields, arguments, and types as sets of what a value may be. It refuses only what can never work; what it cannot know it
 * leaves to the evaluation. It also turns names into slots, so that the compiler has no names to look up. */
#include "cel_int.h"

static mask_t check(struct compiler *c, struct ast *n, bool as_target);

/* -- operators ---------------------------------------------------------------------------------------------------------- */
static bool is_quoted_number(const struct ast *n) {
    if (!n || n->kind != AST_CONST || n->value.type != CEL_STRING || n->value.aux == 0)
        return false;
    for (uint32_t i = 0; i < n->value.aux; i++)
        if (!strchr("0123456789.-", n->value.s[i]) || !n->value.s[i])
            return false;
    return true;
}

/* '20:00' */
static bool is_clock(const struct ast *n) {
    if (n->kind != AST_CONST || n->value.type != CEL_STRING || n->value.aux > 8)
        return false;
    for (uint32_t i = 0; i < n->value.aux; i++)
        if (n->value.s[i] != ':' && !(n->value.s[i] >= '0' && n->value.s[i] <= '9'))
            return false;
    return memchr(n->value.s, ':', n->value.aux) != NULL;
}

/* a.my-field: no subtraction was meant. */
static bool is_dashed(const struct compiler *c, const struct ast *n) {
    return n->op == NODE_SUB && n->a && n->b && n->a->kind == AST_SELECT && n->b->kind == AST_IDENT && !c->report->alias &&
           n->a->end == n->at && n->at_end == n->b->begin;
}

static const char *overload_hint(struct compiler *c, const struct ast *n, mask_t a, mask_t b) {
    mask_t both = a | b, text = M(CEL_STRING);
    if (n->op >= NODE_LT && n->op <= NODE_GE && a == M(CEL_BOOL) && n->a->kind == AST_OP)
        return "comparisons are no chain: x > 5 && x < 10";
    if (a == M(CEL_OPTIONAL) || b == M(CEL_OPTIONAL))
        return "x.?field is an optional value: x.?field.orValue(…) makes a plain one of it";
    if (n->op == NODE_IN && !(b & (M(CEL_LIST) | M(CEL_MAP))))
        return "in takes a list or a map on its right: x in ['a', 'b']; a text within a text is y.contains(x)";
    if (((a == text && !(b & ~M_NUMBER)) || (b == text && !(a & ~M_NUMBER)))) {
        const struct ast *s = a == text ? n->a : n->b;
        const struct ast *other = s == n->a ? n->b : n->a;
        if (other && other->kind == AST_CONST && s->kind != AST_CONST && n->op != NODE_ADD)
            return cel_hint(c->report, "a text stands in quotes: '%.*s'", c->report->alias ? 0 : (int)(other->end - other->begin),
                            c->text + other->begin);
        if (s && is_quoted_number(s))
            return cel_hint(c->report, "a number stands without quotes: %.*s", (int)s->value.aux, s->value.s);
        return n->op == NODE_ADD ? "string(x) makes a text of a number" : "double(x) or int(x) make a number of a text";
    }
    if (both == (M(CEL_ADDRESS) | text) || both == (M(CEL_NETWORK) | text))
        return both & M(CEL_ADDRESS) ? "ip(x) makes an address of a text" : "cidr(x) makes a network of a text";
    if (a == M_ANY || b == M_ANY) /* what is not known needs no conversion */
        return NULL;
    if (both & M(CEL_TIMESTAMP) && both & text)
        return is_clock(a == text ? n->a : n->b) ? "the hour of the day is now.getHours('local')"
                                                 : "a moment is written timestamp('2026-01-05T20:00:00+08:00')";
    if (both & M(CEL_DURATION) && both & (text | M_NUMBER))
        return "a span of time is written duration('10m')";
    if (both & M(CEL_TIMESTAMP) && both & M_NUMBER)
        return n->op == NODE_ADD || n->op == NODE_SUB ? "a span of time is written duration('10m')"
                                                      : "int(x) makes seconds since 1970 of a timestamp";
    if (a == M(CEL_UINT) || b == M(CEL_UINT))
        return "int(x) and uint(x) make one of the other";
    if (n->op == NODE_MOD && both & M(CEL_DOUBLE))
        return "% takes whole numbers: int(x)";
    if (n->op == NODE_ADD && both & M(CEL_NULL))
        return "a.?b.orValue('') bears a field that is not there";
    if ((n->op == NODE_EQ || n->op == NODE_NE) && both & M(CEL_BOOL))
        return "a bool is used as it stands: x, or !x";
    return NULL;
}

static mask_t check_op(struct compiler *c, struct ast *n) {
    mask_t a = check(c, n->a, false), result = 0;
    if (n->op == NODE_NOT || n->op == NODE_NEG) {
        mask_t takes = n->op == NODE_NOT ? M(CEL_BOOL) : M(CEL_INT) | M(CEL_DOUBLE);
        if (!(a & takes)) {
            cel_mistake(c, n, n->begin, n->end, n->op == NODE_NOT ? "! takes a bool" : NULL, "no such overload: %s%s", cel_op_sign(n->op),
                        cel_mask_text(c->arena, a));
            return M_ANY;
        }
        return a & takes;
    }
    c->dashed = is_dashed(c, n) ? n->a : NULL;
    mask_t b = check(c, n->b, false);
    c->dashed = NULL;
    for (unsigned t = 0; t < CEL_ERROR; t++)
        if (a & M(t))
            for (unsigned u = 0; u < CEL_ERROR; u++)
                if (b & M(u))
                    result |= cel_op_result(n->op, t, u);
    if (result) {
        if (n->op == NODE_ADD && result == M(CEL_LIST) && n->a->elem && n->b->elem)
            n->elem = n->a->elem | n->b->elem;
        return result;
    }
    cel_mistake(c, NULL, n->begin, n->end, overload_hint(c, n, a, b), "no such overload: %s %s %s", cel_mask_text(c->arena, a),
                cel_op_sign(n->op), cel_mask_text(c->arena, b));
    return M_ANY; /* without the checker it is evaluated: 1 == 'a' is false then */
}

static mask_t check_logic(struct compiler *c, struct ast *n) {
    for (uint32_t i = 0; i < n->nargs; i++) {
        struct ast *arg = n->args[i];
        mask_t m = check(c, arg, false);
        if (arg && arg->kind != AST_BAD && !(m & M(CEL_BOOL)))
            cel_mistake(c, (c->opt && c->opt->no_check) ? NULL : arg, arg->begin, arg->end,
                        m == M(CEL_STRING) ? "a condition compares: x == 'text'; one of several is x in ['a', 'b']"
                        : !(m & ~M_NUMBER) ? "a condition compares: x != 0"
                                           : NULL,
                        "%s takes conditions; this is %s", n->kind == AST_AND ? "&&" : "||", cel_mask_text(c->arena, m));
    }
    return M(CEL_BOOL);
}

static mask_t check_cond(struct compiler *c, struct ast *n) {
    mask_t m = check(c, n->a, false);
    if (n->a && n->a->kind != AST_BAD && !(m & M(CEL_BOOL)))
        cel_mistake(c, NULL, n->a->begin, n->a->end, NULL, "the condition before ? is %s, not bool", cel_mask_text(c->arena, m));
    mask_t yes = check(c, n->b, false), no = check(c, n->c, false);
    if (n->b && n->c && n->b->elem && n->c->elem)
        n->elem = n->b->elem | n->c->elem;
    return yes | no;
}

/* -- literals ----------------------------------------------------------------------------------------------------------- */
static mask_t check_list(struct compiler *c, struct ast *n) {
    mask_t elem = 0;
    for (uint32_t i = 0; i < n->nargs; i++) {
        mask_t m = check(c, n->args[i], false);
        bool opt = n->opt_args && n->opt_args[i];
        if (opt && n->args[i] && n->args[i]->kind != AST_BAD && !(m & M(CEL_OPTIONAL)))
            cel_mistake(c, NULL, n->args[i]->begin, n->args[i]->end, "x.?field is one, optional.of(x) makes one",
                        "[?x] takes an optional value, not %s", cel_mask_text(c->arena, m));
        elem |= opt ? M_ANY : m;
    }
    n->elem = elem;
    return M(CEL_LIST);
}

static mask_t check_map(struct compiler *c, struct ast *n) {
    const mask_t keys = M(CEL_INT) | M(CEL_UINT) | M(CEL_BOOL) | M(CEL_STRING);
    mask_t elem = 0;
    for (uint32_t i = 0; i + 1 < n->nargs; i += 2) {
        struct ast *key = n->args[i], *value = n->args[i + 1];
        mask_t k = check(c, key, false), v = check(c, value, false);
        bool opt = n->opt_args && n->opt_args[i];
        if (key && key->kind != AST_BAD && !(k & keys))
            cel_mistake(c, NULL, key->begin, key->end, "int, uint, bool and string can be keys", "%s cannot be a map's key",
                        cel_mask_text(c->arena, k));
        if (opt && value && value->kind != AST_BAD && !(v & M(CEL_OPTIONAL)))
            cel_mistake(c, NULL, value->begin, value->end, "x.?field is one, optional.of(x) makes one",
                        "{?key: x} takes an optional value, not %s", cel_mask_text(c->arena, v));
        elem |= opt ? M_ANY : v;
        if (key && key->kind == AST_CONST && n->nargs <= 2048)
            for (uint32_t j = 0; j < i; j += 2)
                if (n->args[j] && n->args[j]->kind == AST_CONST && cel_equal(n->args[j]->value, key->value)) {
                    cel_mistake(c, NULL, key->begin, key->end, NULL, "the map has this key twice");
                    break;
                }
    }
    n->elem = elem;
    return M(CEL_MAP);
}

/* -- macros ------------------------------------------------------------------------------------------------------------- */
static bool push_local(struct compiler *c, struct ast *n, const char *name, mask_t mask, mask_t elem) {
    if (c->nlocals == CEL_MAX_LOCALS) {
        cel_report(c->report, n->at, n->at_end, NULL, "too many names at once (at most %d)", CEL_MAX_LOCALS);
        return false;
    }
    c->locals[c->nlocals] = (struct local){.name = name, .mask = mask, .elem = elem, .slot = (uint32_t)c->nlocals};
    c->nlocals++;
    if (c->nlocals > c->program->nlocals)
        c->program->nlocals = c->nlocals;
    return true;
}

static void want_bool(struct compiler *c, struct ast *n, mask_t m, const char *what) {
    if (n && n->kind != AST_BAD && !(m & M(CEL_BOOL)))
        cel_mistake(c, NULL, n->begin, n->end, NULL, "the condition of %s is %s, not bool", what, cel_mask_text(c->arena, m));
}

static mask_t check_loop(struct compiler *c, struct ast *n) {
    mask_t over = check(c, n->a, false), takes = M(CEL_LIST) | (n->op == NODE_SORT_BY ? 0 : M(CEL_MAP)), result = M_ANY;
    size_t before = c->nlocals;
    mask_t keys = M(CEL_INT) | M(CEL_UINT) | M(CEL_BOOL) | M(CEL_STRING);
    mask_t elem = over == M(CEL_LIST) && n->a && n->a->elem ? n->a->elem : M_ANY;
    if (n->a && n->a->kind != AST_BAD && !(over & takes)) {
        cel_mistake(c, n, n->a->begin, n->at_end, NULL, "no such overload: %s.%.*s(…); it takes a list%s", cel_mask_text(c->arena, over),
                    (int)(n->at_end - n->at), c->report->alias ? "macro" : c->text + n->at, n->op == NODE_SORT_BY ? "" : " or a map");
        return M_ANY;
    }
    n->slot = (uint32_t)c->nlocals;
    bool ok;
    if (n->name2) {
        mask_t value = n->a && n->a->elem ? n->a->elem : M_ANY;
        ok = push_local(c, n, n->name, over == M(CEL_LIST) ? M(CEL_INT) : keys, 0) && push_local(c, n, n->name2, value, 0);
    } else
        ok = push_local(c, n, n->name, over == M(CEL_MAP) ? keys : over == M(CEL_LIST) ? elem : M_ANY, 0);
    if (ok) {
        if (n->b)
            want_bool(c, n->b, check(c, n->b, false), "the macro");
        mask_t body = n->c ? check(c, n->c, false) : c->locals[n->slot].mask;
        switch (n->op) {
        case NODE_ALL:
        case NODE_EXISTS:
        case NODE_EXISTS_ONE:
            want_bool(c, n->c, body, "the macro");
            result = M(CEL_BOOL);
            break;
        case NODE_COLLECT:
            result = M(CEL_LIST);
            n->elem = body;
            break;
        case NODE_SORT_BY:
            result = M(CEL_LIST);
            n->elem = n->a ? n->a->elem : 0;
            break;
        default:
            result = M(CEL_MAP);
            n->elem = n->op == NODE_TRANSFORM_MAP ? body : 0;
            break;
        }
    }
    c->nlocals = before;
    return result;
}

static mask_t check_bind(struct compiler *c, struct ast *n) {
    mask_t m = check(c, n->a, false), result = M_ANY;
    size_t before = c->nlocals;
    if (n->op != NODE_BIND && n->a && n->a->kind != AST_BAD && !(m & M(CEL_OPTIONAL))) {
        cel_mistake(c, n, n->a->begin, n->at_end, "x.?field is an optional value, optional.of(x) makes one",
                    "no such overload: %s.%s(…); it takes an optional value", cel_mask_text(c->arena, m),
                    n->op == NODE_OPT_MAP ? "optMap" : "optFlatMap");
        return M_ANY;
    }
    n->slot = (uint32_t)c->nlocals;
    if (push_local(c, n, n->name, n->op == NODE_BIND ? m : M_ANY, n->op == NODE_BIND && n->a ? n->a->elem : 0)) {
        result = check(c, n->c, false);
        if (n->op == NODE_BIND)
            n->elem = n->c ? n->c->elem : 0;
        else
            result = M(CEL_OPTIONAL);
    }
    c->nlocals = before;
    return result;
}

/* -- the rest ----------------------------------------------------------------------------------------------------------- */
static mask_t check_index(struct compiler *c, struct ast *n) {
    bool opt = n->flags & AST_OPT;
    bool text = n->b && n->b->kind == AST_CONST && n->b->value.type == CEL_STRING;
    c->guard += opt;
    mask_t a = check(c, n->a, text);
    c->guard -= opt;
    mask_t b = check(c, n->b, false), result = M_ANY;
    if (n->a && n->a->kind != AST_BAD && n->b && n->b->kind != AST_BAD) {
        const mask_t keys = M(CEL_STRING) | M(CEL_BOOL) | M_NUMBER;
        if (!(a & (M(CEL_LIST) | M(CEL_MAP) | M(CEL_OPTIONAL)))) {
            cel_mistake(c, n, n->begin, n->end, a == M(CEL_STRING) ? "a character is x.charAt(0)" : NULL,
                        "no such overload: %s[…]; it takes a list or a map", cel_mask_text(c->arena, a));
            return M_ANY;
        }
        if (a == M(CEL_LIST) ? !(b & M_NUMBER) : !(b & keys)) {
            cel_mistake(c, n, n->begin, n->end, NULL, "no such overload: %s[%s]", cel_mask_text(c->arena, a), cel_mask_text(c->arena, b));
            return M_ANY;
        }
        if (text && n->a->kind == AST_VAR) {
            struct ast at = *n;
            at.at = n->b->begin;
            at.end = n->b->end;
            result = cel_check_field(c, n->a, n->b->value.s, n->b->value.aux, &at, opt);
        } else if ((a == M(CEL_LIST) || a == M(CEL_MAP)) && n->a->elem)
            result = n->a->elem;
    }
    return opt || a == M(CEL_OPTIONAL) ? M(CEL_OPTIONAL) : result;
}

static mask_t check_node(struct compiler *c, struct ast *n, bool as_target) {
    switch (n->kind) {
    case AST_CONST: return M(n->value.type);
    case AST_IDENT: return cel_check_name(c, n, as_target);
    case AST_SELECT: return cel_check_select(c, n, as_target);
    case AST_INDEX: return check_index(c, n);
    case AST_CALL: return cel_check_call(c, n);
    case AST_OP: return check_op(c, n);
    case AST_AND:
    case AST_OR: return check_logic(c, n);
    case AST_COND: return check_cond(c, n);
    case AST_LIST: return check_list(c, n);
    case AST_MAP: return check_map(c, n);
    case AST_LOOP: return check_loop(c, n);
    case AST_BIND: return check_bind(c, n);
    default: return M_ANY;
    }
}

static mask_t check(struct compiler *c, struct ast *n, bool as_target) {
    if (!n)
        return M_ANY;
    if (c->depth >= CEL_MAX_HEIGHT) {
        cel_report(c->report, n->begin, n->end, NULL, "the expression with its macros is nested too deep (at most %d levels)",
                   CEL_MAX_HEIGHT);
        n->kind = AST_BAD;
        return M_ANY;
    }
    c->depth++;
    mask_t m = check_node(c, n, as_target);
    c->depth--;
    return n->mask = m;
}

mask_t cel_check(struct compiler *c, struct ast *n) { return check(c, n, false); }
mask_t cel_check_target(struct compiler *c, struct ast *n) { return check(c, n, true); }
