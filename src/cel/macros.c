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
    const char *signature, *about, *example;
};
static const struct macro macros[] = {
    {"all", NULL, 2, 1, NODE_ALL, false, "x.all(name, condition)", "whether it holds for every element",
     "[2, 4].all(n, n % 2 == 0) => true"},
    {"all", NULL, 3, 2, NODE_ALL, false, "x.all(key, value, condition)", "whether it holds for every element",
     "{'a': 1, 'b': 2}.all(k, v, v > 0) => true"},
    {"exists", NULL, 2, 1, NODE_EXISTS, false, "x.exists(name, condition)", "whether it holds for an element",
     "['a', 'b'].exists(s, s == 'b') => true"},
    {"exists", NULL, 3, 2, NODE_EXISTS, false, "x.exists(key, value, condition)", "whether it holds for an element",
     "['a', 'b'].exists(i, s, i == 1 && s == 'b') => true"},
    {"exists_one", NULL, 2, 1, NODE_EXISTS_ONE, false, "x.exists_one(name, condition)", "whether it holds for just one element",
     "[1, 2, 3].exists_one(n, n > 2) => true"},
    {"exists_one", NULL, 3, 2, NODE_EXISTS_ONE, false, "x.exists_one(key, value, condition)", "whether it holds for just one element",
     "{'a': 1, 'b': 2}.exists_one(k, v, v > 1) => true"},
    {"existsOne", NULL, 2, 1, NODE_EXISTS_ONE, false, "x.existsOne(name, condition)", "the same", "[1, 2, 3].existsOne(n, n > 1) => false"},
    {"existsOne", NULL, 3, 2, NODE_EXISTS_ONE, false, "x.existsOne(key, value, condition)", "the same",
     "[5, 6].existsOne(i, v, v > i) => false"},
    {"filter", NULL, 2, 1, NODE_COLLECT, true, "x.filter(name, condition)", "the elements for which it holds",
     "[1, 2, 3].filter(n, n > 1) => [2, 3]"},
    {"map", NULL, 2, 1, NODE_COLLECT, false, "x.map(name, value)", "what each element becomes", "[1, 2, 3].map(n, n * n) => [1, 4, 9]"},
    {"map", NULL, 3, 1, NODE_COLLECT, true, "x.map(name, condition, value)", "what each element becomes",
     "[1, 2, 3].map(n, n > 1, n * 10) => [20, 30]"},
    {"transformList", NULL, 3, 2, NODE_COLLECT, false, "x.transformList(key, value, result)", "a list of what each entry becomes",
     "['a', 'b'].transformList(i, s, s + string(i)) => ['a0', 'b1']"},
    {"transformList", NULL, 4, 2, NODE_COLLECT, true, "x.transformList(key, value, condition, result)", "a list of what each entry becomes",
     "{'a': 1, 'b': 2}.transformList(k, v, v > 1, k) => ['b']"},
    {"transformMap", NULL, 3, 2, NODE_TRANSFORM_MAP, false, "x.transformMap(key, value, result)", "the same keys with other values",
     "{'a': 1, 'b': 2}.transformMap(k, v, v * 10) => {'a': 10, 'b': 20}"},
    {"transformMap", NULL, 4, 2, NODE_TRANSFORM_MAP, true, "x.transformMap(key, value, condition, result)",
     "the same keys with other values", "['x', 'y'].transformMap(i, s, i > 0, s + s) => {1: 'yy'}"},
    {"transformMapEntry", NULL, 3, 2, NODE_TRANSFORM_ENTRY, false, "x.transformMapEntry(key, value, {key: value})",
     "a map of what each entry becomes; keys must differ", "{'a': 1, 'b': 2}.transformMapEntry(k, v, {v: k}) => {1: 'a', 2: 'b'}"},
    {"transformMapEntry", NULL, 4, 2, NODE_TRANSFORM_ENTRY, true, "x.transformMapEntry(key, value, condition, {key: value})",
     "a map of what each entry becomes; keys must differ", "['x', 'y'].transformMapEntry(i, s, s != 'x', {s: i}) => {'y': 1}"},
    {"sortBy", NULL, 2, 1, NODE_SORT_BY, false, "x.sortBy(name, key)", "in ascending order of the key",
     "[{'w': 5}, {'w': 2}].sortBy(e, e.w) => [{'w': 2}, {'w': 5}]"},
    {"optMap", NULL, 2, 1, NODE_OPT_MAP, false, "x.optMap(name, value)", "what the value becomes, if it is there",
     "{'w': '5'}.?w.optMap(w, int(w) + 1).orValue(0) => 6"},
    {"optFlatMap", NULL, 2, 1, NODE_OPT_FLAT_MAP, false, "x.optFlatMap(name, optional value)", "the same for what is optional itself",
     "{'a': {'b': 5}}.?a.optFlatMap(a, a.?b).value() => 5"},
    {"bind", "cel", 3, 1, NODE_BIND, false, "cel.bind(name, value, result)", "a name for a value that is used more than once",
     "cel.bind(n, 3 * 4, n * n + n) => 156"},
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

size_t cel_macro_docs(struct cel_function_doc *ret, size_t n) {
    size_t count = sizeof macros / sizeof *macros;
    for (size_t i = 0; i < count && i < n; i++)
        ret[i] = (struct cel_function_doc){macros[i].name, macros[i].signature, macros[i].about, macros[i].example};
    return count;
}
