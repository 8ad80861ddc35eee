/* SPDX-License-Identifier: Apache-2.0
 * The checked tree to program nodes: constants folded, regular expressions compiled, zones opened, sets prepared, fields as atoms. What a node keeps
 * lives in the program's arena. */
#include "cel_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "gengfu/base/time.h"

#define FOLD_STEPS 4000

static cel_run_fn const run_of[] = {
#define X(id, name, fn, shows) fn,
#include "nodes.h"
#undef X
};

static struct node *node_new(struct compiler *c, const struct ast *at, enum node_op op) {
    struct node *n = arena_zalloc(&c->program->arena, sizeof *n);
    if (!n) {
        c->no_memory = true;
        return NULL;
    }
    n->op = (uint8_t)op;
    n->run = run_of[op];
    n->begin = at->begin;
    n->end = at->end;
    if (at->piece) {
        n->piece = arena_strndup(&c->program->arena, at->piece, at->piece_len);
        n->piece_len = at->piece_len;
        c->no_memory |= !n->piece;
    }
    return n;
}

static bool is_const(const struct node *n) { return n && n->op == NODE_CONST; }

static struct node *const_node(struct compiler *c, const struct ast *at, struct cel_value v) {
    struct node *n = node_new(c, at, NODE_CONST);
    if (n) {
        n->value = cel_copy(&c->program->arena, v);
        c->no_memory |= n->value.type == CEL_ERROR;
    }
    return n;
}

static const struct node *fail_node(struct compiler *c, const struct ast *at, enum cel_error code, const char *text) {
    struct node *n = node_new(c, at, NODE_FAIL);
    if (n) {
        n->value = cel_error(code, arena_strdup(&c->program->arena, text ? text : "no such overload"));
        n->value.aux = at->begin + 1;
    }
    return n;
}

/* A text in the program itself that cannot be read as what it is meant for is a mistake, not something that may happen. */
static bool is_literal_conversion(const struct node *n) {
    const struct overload *o = n->op == NODE_CALL && n->nargs == 1 && is_const(n->args[0]) ? n->overloads[0] : NULL;
    static const char *const names[] = {"duration", "timestamp", "ip", "cidr"};
    for (size_t i = 0; o && i < sizeof names / sizeof *names; i++)
        if (!o->member && o->name_len == strlen(names[i]) && !memcmp(o->name, names[i], o->name_len))
            return true;
    return false;
}

/* The value of a node that depends on nothing, or the node itself. */
static const struct node *fold(struct compiler *c, const struct ast *at, const struct node *n) {
    struct cel_value locals[CEL_MAX_LOCALS];
    if (!n || c->no_memory || is_const(n) || (c->opt && c->opt->no_fold))
        return n;
    struct ev e = {.arena = c->scratch, .steps = FOLD_STEPS, .locals = locals, .program = c->program};
    struct cel_value v = cel_run(n, &e);
    const struct node *result = n;
    if (v.type == CEL_ERROR) {
        bool tell = e.steps > 0 && !cel_is_fatal(v) && !(c->opt && c->opt->no_check) && n->op != NODE_FAIL;
        if (tell && is_literal_conversion(n))
            cel_report(c->report, at->begin, at->end, NULL, "%s", v.s ? v.s : "no value");
        else if (tell)
            cel_warn(c->report, at->begin, at->end, NULL, "this always fails: %s", v.s ? v.s : "no value");
    } else if (e.steps > 0 && v.type != CEL_OPTIONAL) /* optionals are cheap to make again, and rarely last */
        result = const_node(c, at, v);
    arena_reset(c->scratch);
    return result;
}

/* Children in a, b, c and args are constants? */
static bool all_const(const struct node *n) {
    if ((n->a && !is_const(n->a)) || (n->b && !is_const(n->b)) || (n->c && !is_const(n->c)))
        return false;
    for (unsigned i = 0; i < n->nargs; i++)
        if (!is_const(n->args[i]))
            return false;
    return true;
}
static const struct node *folded(struct compiler *c, const struct ast *at, struct node *n) {
    return n && !c->no_memory && all_const(n) ? fold(c, at, n) : n;
}

static bool set_args(struct compiler *c, struct node *n, const struct ast *ast) {
    n->args = arena_alloc(&c->program->arena, (ast->nargs ? ast->nargs : 1) * sizeof(const struct node *));
    if (!n->args) {
        c->no_memory = true;
        return false;
    }
    n->nargs = (uint16_t)ast->nargs;
    for (uint32_t i = 0; i < ast->nargs; i++)
        if (!(n->args[i] = cel_generate(c, ast->args[i])))
            return false;
    if (ast->opt_args) {
        n->opt_args = arena_dup(&c->program->arena, ast->opt_args, ast->nargs);
        c->no_memory |= !n->opt_args;
    }
    return !c->no_memory;
}

/* -- fields ------------------------------------------------------------------------------------------------------------- */
static const struct node *field_node(struct compiler *c, const struct ast *at, enum node_op op, const struct ast *target, const char *name,
                                     size_t len) {
    const struct node *a = NULL;
    if (op == NODE_FIELD && target->kind == AST_VAR) {
        op = NODE_VAR_FIELD;
        c->impure++;
    } else if (!(a = cel_generate(c, (struct ast *)(uintptr_t)target)))
        return NULL;
    struct node *n = node_new(c, at, op);
    if (!n)
        return NULL;
    n->a = a;
    n->slot = target->slot;
    n->atom = atom_intern(name, len);
    const char *copy = arena_strndup(&c->program->arena, name, len);
    n->value = cel_string(copy, copy ? len : 0);
    n->flags = memchr(name, '\0', len) ? 0 : NODE_PLAIN;
    n->extra = arena_printf(&c->program->arena, "no such field: '%.*s'", (int)(len > 100 ? 100 : len), name);
    c->no_memory |= !n->extra || !copy;
    return op == NODE_VAR_FIELD ? n : folded(c, at, n);
}

static const struct node *generate_index(struct compiler *c, struct ast *ast) {
    bool opt = ast->flags & AST_OPT;
    if (ast->b->kind == AST_CONST && ast->b->value.type == CEL_STRING)
        return field_node(c, ast, opt ? NODE_OPT_FIELD : NODE_FIELD, ast->a, ast->b->value.s, ast->b->value.aux);
    struct node *n = node_new(c, ast, opt ? NODE_OPT_INDEX : NODE_INDEX);
    if (!n || !(n->a = cel_generate(c, ast->a)) || !(n->b = cel_generate(c, ast->b)))
        return NULL;
    return folded(c, ast, n);
}

/* -- operators ---------------------------------------------------------------------------------------------------------- */
static const struct node *generate_op(struct compiler *c, struct ast *ast) {
    struct node *n = node_new(c, ast, ast->op);
    if (!n || !(n->a = cel_generate(c, ast->a)) || (ast->b && !(n->b = cel_generate(c, ast->b))))
        return NULL;
    if (n->op == NODE_IN && is_const(n->b) && !is_const(n->a)) {
        const struct cel_set *set = cel_set_new(&c->program->arena, n->b->value);
        if (set) {
            n->op = NODE_IN_SET;
            n->run = run_of[NODE_IN_SET];
            n->value = n->b->value;
            n->b = NULL;
            n->extra = set;
            return n;
        }
    }
    return folded(c, ast, n);
}

static const struct node *generate_logic(struct compiler *c, struct ast *ast) {
    bool decides = ast->kind == AST_OR;
    struct node *n = node_new(c, ast, decides ? NODE_OR : NODE_AND);
    if (!n || !set_args(c, n, ast))
        return NULL;
    if (c->opt && c->opt->no_fold)
        return n;
    unsigned kept = 0;
    for (unsigned i = 0; i < n->nargs; i++) {
        const struct node *arg = n->args[i];
        if (!is_const(arg) || arg->value.type != CEL_BOOL)
            n->args[kept++] = arg;
        else if (arg->value.b == decides)
            return const_node(c, ast, cel_bool(decides));
    }
    if (kept == 0)
        return const_node(c, ast, cel_bool(!decides));
    n->nargs = (uint16_t)kept; /* one alone stays under its && or ||, which wants a bool of it */
    return folded(c, ast, n);
}

static const struct node *generate_cond(struct compiler *c, struct ast *ast) {
    struct node *n = node_new(c, ast, NODE_COND);
    if (!n || !(n->a = cel_generate(c, ast->a)) || !(n->b = cel_generate(c, ast->b)) || !(n->c = cel_generate(c, ast->c)))
        return NULL;
    if (is_const(n->a) && n->a->value.type == CEL_BOOL && !(c->opt && c->opt->no_fold))
        return n->a->value.b ? n->b : n->c;
    return n;
}

/* -- loops and bindings ------------------------------------------------------------------------------------------------- */
static const struct node *generate_loop(struct compiler *c, struct ast *ast) {
    struct node *n = node_new(c, ast, ast->op);
    size_t impure = c->impure;
    uint32_t lowest = c->lowest_local;
    c->lowest_local = UINT32_MAX;
    if (!n || !(n->a = cel_generate(c, ast->a)))
        return NULL;
    n->slot = ast->slot;
    n->flags = ast->name2 ? NODE_TWO : 0;
    if (ast->kind == AST_BIND) {
        if (!(n->b = cel_generate(c, ast->c)))
            return NULL;
    } else if ((ast->b && !(n->b = cel_generate(c, ast->b))) || (ast->c && !(n->c = cel_generate(c, ast->c))))
        return NULL;
    bool closed = c->impure == impure && c->lowest_local >= ast->slot;
    if (c->lowest_local >= ast->slot || lowest < c->lowest_local)
        c->lowest_local = lowest;
    return closed ? fold(c, ast, n) : n;
}

/* -- calls -------------------------------------------------------------------------------------------------------------- */
static const struct node *bad_text(struct compiler *c, const struct ast *call, const struct ast *arg, const char *hint, const char *text) {
    if (!(c->opt && c->opt->no_check))
        cel_report(c->report, arg->begin, arg->end, hint, "%s", text);
    return fail_node(c, call, CEL_E_REGEX, text);
}

/* The pattern that stands in the expression as a text, compiled once and for all; the program frees it. NULL: *ret_failed stands in the call's place. */
static struct cel_regex *own_regex(struct compiler *c, const struct ast *ast, const struct node **ret_failed) {
    struct cel_value pattern = ast->args[1]->value;
    const char *message;
    size_t at;
    struct cel_regex *r = cel_regex_new(&c->program->arena, pattern.s, pattern.aux, &message, &at);
    if (!r) {
        char text[256];
        (void)snprintf(text, sizeof text, "the regular expression is not valid: %s (at character %zu of it)", message,
                       utf8_count(pattern.s, at < pattern.aux ? at : pattern.aux) + 1);
        *ret_failed = bad_text(c, ast, ast->args[1], "the syntax is that of RE2", text);
        return NULL;
    }
    r->next = c->program->regexes;
    c->program->regexes = r;
    return r;
}

static const struct node *match_node(struct compiler *c, struct ast *ast) {
    const struct node *failed = NULL;
    struct cel_regex *r = own_regex(c, ast, &failed);
    if (!r)
        return failed;
    struct node *n = node_new(c, ast, NODE_MATCH);
    if (!n || !(n->a = cel_generate(c, ast->args[0])))
        return NULL;
    n->value = cel_copy(&c->program->arena, ast->args[1]->value);
    n->extra = r;
    return folded(c, ast, n);
}

/* regex.extract, extractAll and replace. */
static const struct node *regex_node(struct compiler *c, struct ast *ast, bool replace) {
    const struct node *failed = NULL;
    struct cel_regex *r = own_regex(c, ast, &failed);
    if (!r)
        return failed;
    const struct ast *with = replace ? ast->args[2] : NULL;
    if (!replace && r->groups > 1)
        return bad_text(c, ast, ast->args[1], NULL, CEL_GROUPS_WRONG);
    if (with && with->kind == AST_CONST && with->value.type == CEL_STRING && !cel_replacement_ok(with->value, r)) {
        char text[128];
        (void)snprintf(text, sizeof text, CEL_REPLACEMENT_WRONG, r->groups);
        return bad_text(c, ast, with, NULL, text);
    }
    struct node *n = node_new(c, ast, NODE_CALL);
    if (!n || !set_args(c, n, ast))
        return NULL;
    n->overloads = ast->overloads;
    n->extra = r;
    return folded(c, ast, n);
}

static struct zone_ref *open_zone(struct compiler *c, struct cel_value name) {
    struct cel_program *p = c->program;
    int offset;
    char text[64];
    if (name.aux == 0 || name.aux >= sizeof text - 1 || memchr(name.s, '\0', name.aux))
        return NULL;
    bool bare = cel_zone_fixed(name.s, name.aux, &offset) && name.s[0] >= '0' && name.s[0] <= '9'; /* "02:00" is "+02:00" */
    (void)snprintf(text, sizeof text, "%s%.*s", bare ? "+" : "", (int)name.aux, name.s);
    for (struct zone_ref *z = p->zones; z; z = z->next)
        if (!strcmp(z->name, text))
            return z;
    struct zone_ref *z = calloc(1, sizeof *z);
    if (!z) {
        c->no_memory = true;
        return NULL;
    }
    (void)snprintf(z->name, sizeof z->name, "%s", text);
    if (zone_open(text, NULL, &z->zone) < 0) {
        free(z);
        return NULL;
    }
    z->next = p->zones;
    p->zones = z;
    p->nzones++;
    return z;
}

static const struct node *time_part_node(struct compiler *c, struct ast *ast) {
    struct cel_value name = ast->args[1]->value;
    bool site = name.aux == 5 && !memcmp(name.s, "local", 5);
    struct zone_ref *z = site ? NULL : open_zone(c, name);
    if (!site && !z) {
        if (!(c->opt && c->opt->no_check))
            cel_report(c->report, ast->args[1]->begin, ast->args[1]->end,
                       "as in 'Asia/Shanghai', '+08:00', 'UTC', or 'local' for the site's own", "unknown time zone '%.*s'",
                       (int)(name.aux > 64 ? 64 : name.aux), name.s);
        return fail_node(c, ast, CEL_E_VALUE, "unknown time zone");
    }
    struct node *n = node_new(c, ast, NODE_TIME_PART);
    if (!n || !(n->a = cel_generate(c, ast->args[0])))
        return NULL;
    n->overloads = ast->overloads;
    n->value = cel_copy(&c->program->arena, name);
    n->flags = site ? NODE_LOCAL_ZONE : 0;
    n->extra = z;
    return folded(c, ast, n);
}

/* orValue and or: the other is evaluated only when it is needed. a.?b.orValue(x) makes no optional. */
static const struct node *or_node(struct compiler *c, struct ast *ast, bool value) {
    const struct node *a = cel_generate(c, ast->args[0]);
    struct node *n = node_new(c, ast, value ? NODE_OR_VALUE : NODE_OR_OPT);
    const struct node *b = cel_generate(c, ast->args[1]);
    if (!a || !n || !b)
        return NULL;
    if (value && (a->op == NODE_OPT_FIELD || a->op == NODE_OPT_INDEX)) {
        uint32_t begin = n->begin, end = n->end;
        *n = *a;
        n->op = a->op == NODE_OPT_FIELD ? NODE_FIELD_OR : NODE_INDEX_OR;
        n->run = run_of[n->op];
        n->begin = begin;
        n->end = end;
        if (n->op == NODE_FIELD_OR)
            n->b = b;
        else
            n->c = b;
    } else {
        n->a = a;
        n->b = b;
    }
    return folded(c, ast, n);
}

static bool named(const struct overload *o, const char *name) { return o->name_len == strlen(name) && !memcmp(o->name, name, o->name_len); }

static const struct node *generate_call(struct compiler *c, struct ast *ast) {
    if (ast->host) {
        struct node *n = node_new(c, ast, NODE_HOST);
        struct cel_function_decl *d = arena_dup(&c->program->arena, ast->host, sizeof *d);
        if (!n || !d || !set_args(c, n, ast))
            return NULL;
        d->name = arena_strdup(&c->program->arena, ast->host->name);
        d->signature = NULL;
        n->extra = d;
        c->impure++;
        return n;
    }
    const struct overload *o = ast->overloads ? ast->overloads[0] : NULL;
    if (!o)
        return fail_node(c, ast, CEL_E_OVERLOAD, "no such overload");
    if (o->member && named(o, "orValue"))
        return or_node(c, ast, true);
    if (o->member && named(o, "or"))
        return or_node(c, ast, false);
    bool text = ast->nargs == 2 && ast->args[1]->kind == AST_CONST && ast->args[1]->value.type == CEL_STRING;
    if (text && named(o, "matches"))
        return match_node(c, ast);
    if (text && o->member && o->args[0] == M(CEL_TIMESTAMP) && !strncmp(o->name, "get", 3))
        return time_part_node(c, ast);
    bool pattern = !o->member && ast->nargs >= 2 && ast->args[1]->kind == AST_CONST && ast->args[1]->value.type == CEL_STRING;
    if (pattern && (named(o, "regex.extract") || named(o, "regex.extractAll") || named(o, "regex.replace")))
        return regex_node(c, ast, named(o, "regex.replace"));
    struct node *n = node_new(c, ast, NODE_CALL);
    if (!n || !set_args(c, n, ast))
        return NULL;
    n->overloads = ast->overloads;
    return folded(c, ast, n);
}

const struct node *cel_generate(struct compiler *c, struct ast *ast) {
    struct node *n;
    if (c->no_memory || !ast)
        return NULL;
    switch (ast->kind) {
    case AST_CONST: return const_node(c, ast, ast->value);
    case AST_VAR:
        c->impure++;
        n = node_new(c, ast, NODE_VAR);
        if (n) {
            n->slot = ast->slot;
            n->value = cel_null();
        }
        return n;
    case AST_AGGREGATE:
        c->impure++;
        n = node_new(c, ast, NODE_AGGREGATE);
        if (n)
            n->slot = ast->slot;
        return n;
    case AST_LOCAL:
        if (ast->slot < c->lowest_local)
            c->lowest_local = ast->slot;
        n = node_new(c, ast, NODE_LOCAL);
        if (n)
            n->slot = ast->slot;
        return n;
    case AST_SELECT:
        return field_node(c, ast,
                          ast->flags & AST_TEST  ? NODE_HAS
                          : ast->flags & AST_OPT ? NODE_OPT_FIELD
                                                 : NODE_FIELD,
                          ast->a, ast->name, ast->name_len);
    case AST_INDEX: return generate_index(c, ast);
    case AST_CALL: return generate_call(c, ast);
    case AST_OP: return generate_op(c, ast);
    case AST_AND:
    case AST_OR: return generate_logic(c, ast);
    case AST_COND: return generate_cond(c, ast);
    case AST_LIST:
    case AST_MAP:
        n = node_new(c, ast, ast->kind == AST_LIST ? NODE_LIST : NODE_MAP);
        return n && set_args(c, n, ast) ? folded(c, ast, n) : NULL;
    case AST_LOOP:
    case AST_BIND: return generate_loop(c, ast);
    default:
        return fail_node(c, ast, ast->value.type == CEL_ERROR ? ast->value.code : CEL_E_OVERLOAD,
                         ast->value.type == CEL_ERROR ? ast->value.s : NULL);
    }
}
