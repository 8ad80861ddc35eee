/* SPDX-License-Identifier: Apache-2.0
 * Macros: calls whose arguments are not evaluated as they stand. They become nodes of their own, evaluated as native loops. */
#include "cel_int.h"

struct macro {
    const char *name;
    const char *space; /* "cel" for cel.bind; NULL: on a value */
    uint8_t nargs;
    uint8_t vars; /* how many of the first arguments are names */
    uint8_t op;
    bool filter; /* the one behind the names is a filter */
    const char *signature;
};
static const struct macro macros[] = {
    {"all", NULL, 2, 1, NODE_ALL, false, "x.all(name, condition)"},
    {"all", NULL, 3, 2, NODE_ALL, false, "x.all(key, value, condition)"},
    {"exists", NULL, 2, 1, NODE_EXISTS, false, "x.exists(name, condition)"},
    {"exists", NULL, 3, 2, NODE_EXISTS, false, "x.exists(key, value, condition)"},
    {"exists_one", NULL, 2, 1, NODE_EXISTS_ONE, false, "x.exists_one(name, condition)"},
    {"exists_one", NULL, 3, 2, NODE_EXISTS_ONE, false, "x.exists_one(key, value, condition)"},
    {"existsOne", NULL, 2, 1, NODE_EXISTS_ONE, false, "x.existsOne(name, condition)"},
    {"existsOne", NULL, 3, 2, NODE_EXISTS_ONE, false, "x.existsOne(key, value, condition)"},
    {"filter", NULL, 2, 1, NODE_COLLECT, true, "x.filter(name, condition)"},
    {"map", NULL, 2, 1, NODE_COLLECT, false, "x.map(name, value)"},
    {"map", NULL, 3, 1, NODE_COLLECT, true, "x.map(name, condition, value)"},
    {"transformList", NULL, 3, 2, NODE_COLLECT, false, "x.transformList(key, value, result)"},
    {"transformList", NULL, 4, 2, NODE_COLLECT, true, "x.transformList(key, value, condition, result)"},
    {"transformMap", NULL, 3, 2, NODE_TRANSFORM_MAP, false, "x.transformMap(key, value, result)"},
    {"transformMap", NULL, 4, 2, NODE_TRANSFORM_MAP, true, "x.transformMap(key, value, condition, result)"},
    {"transformMapEntry", NULL, 3, 2, NODE_TRANSFORM_ENTRY, false, "x.transformMapEntry(key, value, {key: value})"},
    {"transformMapEntry", NULL, 4, 2, NODE_TRANSFORM_ENTRY, true, "x.transformMapEntry(key, value, condition, {key: value})"},
    {"sortBy", NULL, 2, 1, NODE_SORT_BY, false, "x.sortBy(name, key)"},
    {"optMap", NULL, 2, 1, NODE_OPT_MAP, false, "x.optMap(name, value)"},
    {"optFlatMap", NULL, 2, 1, NODE_OPT_FLAT_MAP, false, "x.optFlatMap(name, optional value)"},
    {"bind", "cel", 3, 1, NODE_BIND, false, "cel.bind(name, value, result)"},
};

static struct ast *expand_has(struct parser *p, struct ast *call) {
    struct ast *arg = call->nargs == 1 ? call->args[0] : NULL;
    if (arg && arg->kind == AST_BAD)
        return arg;
    if (!arg || arg->kind != AST_SELECT || arg->flags & AST_OPT) {
        cel_report(p->report, arg ? arg->begin : call->at, arg ? arg->end : call->at_end, "has(event.field); for an index write 'key' in x",
                   "has() takes one field selection");
        return cel_ast_new(p, AST_BAD, call->begin, call->end);
    }
    arg->flags |= AST_TEST;
    arg->begin = call->begin;
    arg->end = call->end;
    return arg;
}

static struct ast *expand(struct parser *p, const struct macro *m, struct ast *call) {
    struct ast *n = cel_ast_new(p, m->op == NODE_BIND || m->op == NODE_OPT_MAP || m->op == NODE_OPT_FLAT_MAP ? AST_BIND : AST_LOOP,
                                call->begin, call->end);
    if (!n)
        return NULL;
    n->at = call->at;
    n->at_end = call->at_end;
    n->op = m->op;
    for (unsigned i = 0; i < m->vars; i++) {
        const struct ast *var = call->args[i];
        if (!var || var->kind == AST_BAD)
            return cel_ast_new(p, AST_BAD, call->begin, call->end);
        if (var->kind != AST_IDENT || var->flags & (AST_ROOT | AST_PAREN)) {
            cel_report(p->report, var->begin, var->end, m->signature, "%s() takes a simple name here, for what stands for each element",
                       m->name);
            return cel_ast_new(p, AST_BAD, call->begin, call->end);
        }
        if (i == 0)
            n->name = var->name;
        else if (!strcmp(n->name, var->name)) {
            cel_report(p->report, var->begin, var->end, m->signature, "the two names must differ");
            return cel_ast_new(p, AST_BAD, call->begin, call->end);
        } else
            n->name2 = var->name;
    }
    unsigned at = m->vars;
    if (m->op == NODE_BIND)
        n->a = call->args[at++];
    else
        n->a = call->a;
    if (m->filter)
        n->b = call->args[at++];
    if (at < call->nargs)
        n->c = call->args[at];
    if (m->op == NODE_TRANSFORM_ENTRY && n->c && n->c->kind != AST_MAP && n->c->kind != AST_BAD) {
        cel_report(p->report, n->c->begin, n->c->end, m->signature, "transformMapEntry() takes a map literal with one entry here");
        return cel_ast_new(p, AST_BAD, call->begin, call->end);
    }
    cel_ast_height(p, n);
    return n;
}

struct ast *cel_parse_macro(struct parser *p, struct ast *call) {
    if (!call->a && !strcmp(call->name, "has"))
        return expand_has(p, call);
    if (!call->a)
        return NULL;
    const struct macro *near = NULL;
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        const struct macro *m = &macros[i];
        if (strcmp(m->name, call->name))
            continue;
        if (m->space && (call->a->kind != AST_IDENT || strcmp(call->a->name, m->space)))
            continue;
        if (m->nargs == call->nargs)
            return expand(p, m, call);
        near = m;
    }
    if (near) {
        cel_report(p->report, call->at, call->at_end, cel_hint(p->report, "it is written %s", near->signature),
                   "%s() does not take %u argument%s", near->name, call->nargs, call->nargs == 1 ? "" : "s");
        return cel_ast_new(p, AST_BAD, call->begin, call->end);
    }
    return NULL;
}

/* For the documentation of functions. */
size_t cel_macro_docs(const char *(*ret)[2], size_t n) {
    size_t count = sizeof macros / sizeof *macros;
    for (size_t i = 0; i < count && i < n; i++) {
        ret[i][0] = macros[i].name;
        ret[i][1] = macros[i].signature;
    }
    return count;
}
