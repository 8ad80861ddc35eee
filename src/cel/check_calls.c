/* SPDX-License-Identifier: Apache-2.0
 * Calls: which functions a name and its arguments can mean, and what to say when none. */
#include "cel_int.h"

#include <stdio.h>

#define MAX_CANDIDATES 16

struct search {
    const struct overload *fits[MAX_CANDIDATES];  /* name, style, number of arguments */
    const struct overload *named[MAX_CANDIDATES]; /* name and style */
    size_t nfits, nnamed;
    bool other_style;
};

static void find(struct search *s, const char *name, size_t len, bool member, uint32_t argc) {
    const struct overload *o;
    size_t n = cel_overloads(&o);
    *s = (struct search){0};
    for (size_t i = 0; i < n; i++) {
        if (o[i].name_len != len || memcmp(o[i].name, name, len))
            continue;
        if (o[i].member != member) {
            s->other_style = true;
            continue;
        }
        if (s->nnamed < MAX_CANDIDATES)
            s->named[s->nnamed++] = &o[i];
        if ((o[i].argc == argc || (o[i].variadic && argc >= o[i].argc)) && s->nfits < MAX_CANDIDATES)
            s->fits[s->nfits++] = &o[i];
    }
}

static const char *signatures(struct compiler *c, const struct overload *const *o, size_t n) {
    char text[400];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n && i < 4 && at < sizeof text; i++) {
        int w = snprintf(text + at, sizeof text - at, "%s%s", i ? "; " : "", o[i]->row->signature);
        at += w > 0 ? (size_t)w : 0;
    }
    return cel_hint(c->report, "%s", text);
}

static mask_t arg_mask(const struct overload *o, size_t i) { return o->args[i < o->argc ? i : (size_t)o->argc - 1]; }

/* "string.contains(int)" for what was written. */
static const char *as_called(struct compiler *c, const char *name, bool member, uint32_t argc, struct ast *const *args) {
    char text[300];
    size_t at = 0;
    uint32_t i = 0;
    int w = snprintf(text, sizeof text, "%s%s%s(", member ? cel_mask_text(c->arena, args[i++]->mask) : "", member ? "." : "", name);
    at += w > 0 ? (size_t)w : 0;
    for (bool first = true; i < argc && at < sizeof text; i++, first = false) {
        w = snprintf(text + at, sizeof text - at, "%s%s", first ? "" : ", ", args[i] ? cel_mask_text(c->arena, args[i]->mask) : "?");
        at += w > 0 ? (size_t)w : 0;
    }
    const char *s = arena_printf(c->arena, "%s)", text);
    return s ? s : name;
}

/* What the host itself says of constant arguments: a zone that does not exist will not exist tomorrow. */
static bool host_refuses(struct compiler *c, struct ast *n, const struct cel_function_decl *d) {
    const struct cel_value *argv[CEL_MAX_ARGS];
    size_t which = 0;
    if (!d->check || (c->opt && c->opt->no_check))
        return false;
    for (uint32_t i = 0; i < n->nargs; i++)
        argv[i] = n->args[i] && n->args[i]->kind == AST_CONST ? &n->args[i]->value : NULL;
    const char *why = d->check(n->nargs, argv, &which);
    if (!why)
        return false;
    const struct ast *at = which < n->nargs && n->args[which] ? n->args[which] : n;
    cel_mistake(c, n, at->begin, at->end, d->signature ? cel_hint(c->report, "%s", d->signature) : NULL, "%s(): %s", d->name, why);
    return true;
}

static mask_t call_host(struct compiler *c, struct ast *n, const struct cel_function_decl *d) {
    struct overload o;
    n->host = d;
    if (n->nargs < d->min_args || n->nargs > d->max_args) {
        cel_mistake(c, n, n->at, n->at_end, d->signature ? cel_hint(c->report, "%s", d->signature) : NULL,
                    "%s() does not take %u argument%s", d->name, n->nargs, n->nargs == 1 ? "" : "s");
        return M_ANY;
    }
    if (!d->signature || !cel_signature_read(d->signature, &o)) { /* a signature that is only for people says nothing of types */
        (void)host_refuses(c, n, d);
        return M_ANY;
    }
    for (uint32_t i = 0; i < n->nargs && i < o.argc && !o.variadic; i++)
        if (n->args[i] && n->args[i]->kind != AST_BAD && !(n->args[i]->mask & o.args[i])) {
            cel_mistake(c, n, n->args[i]->begin, n->args[i]->end, cel_hint(c->report, "%s", d->signature), "no such overload: %s",
                        as_called(c, d->name, false, n->nargs, n->args));
            return M_ANY;
        }
    return host_refuses(c, n, d) ? M_ANY : o.result;
}

/* JSON numbers without a fraction are ints; a function for doubles only will fail on them. */
static void warn_json_number(struct compiler *c, const struct ast *n, const struct search *s) {
    for (uint32_t i = 0; i < n->nargs; i++) {
        mask_t takes = 0;
        for (size_t k = 0; k < s->nfits; k++)
            takes |= arg_mask(s->fits[k], i);
        if (n->args[i] && n->args[i]->mask == (M(CEL_INT) | M(CEL_DOUBLE)) && (takes & M_NUMBER) == M(CEL_DOUBLE))
            cel_warn(c->report, n->args[i]->begin, n->args[i]->end, "write double(x)",
                     "%s takes a double, and a number without a fraction comes as an int", n->name);
    }
}

/* Where an argument is broken already, counting them says nothing. */
static bool any_bad(const struct ast *n) {
    for (uint32_t i = 0; i < n->nargs; i++)
        if (!n->args[i] || n->args[i]->kind == AST_BAD)
            return true;
    return false;
}

static mask_t call_builtin(struct compiler *c, struct ast *n, const char *name, struct search *s, bool member) {
    mask_t result = 0;
    size_t k = 0;
    if (s->nfits == 0 && any_bad(n) && !(c->opt && c->opt->no_check)) {
        n->kind = AST_BAD;
        return M_ANY;
    }
    if (s->nfits == 0) {
        cel_mistake(c, n, n->at, n->at_end, signatures(c, s->named, s->nnamed), "%s() does not take %u argument%s", name, n->nargs - member,
                    n->nargs - member == 1 ? "" : "s");
        return M_ANY;
    }
    for (size_t i = 0; i < s->nfits; i++) {
        bool can = true;
        for (uint32_t j = 0; j < n->nargs; j++)
            can &= !n->args[j] || n->args[j]->kind == AST_BAD || (arg_mask(s->fits[i], j) & n->args[j]->mask) != 0;
        if (can)
            s->fits[k++] = s->fits[i];
    }
    if (k == 0) {
        cel_mistake(c, n, n->begin, n->end, signatures(c, s->fits, s->nfits), "no such overload: %s",
                    as_called(c, name, member, n->nargs, n->args));
        return M_ANY;
    }
    s->nfits = k;
    warn_json_number(c, n, s);
    if (s->fits[0]->row->fn == cel_fn_format)
        cel_check_format(c, n);
    const struct overload **list = arena_alloc(&c->program->arena, (k + 1) * sizeof *list);
    if (!list) {
        c->no_memory = true;
        return M_ANY;
    }
    for (size_t i = 0; i < k; i++) {
        list[i] = s->fits[i];
        result |= s->fits[i]->result;
    }
    list[k] = NULL;
    n->overloads = list;
    return result;
}

static mask_t unknown(struct compiler *c, struct ast *n, const char *name, const struct search *s) {
    const char *hint = NULL;
    if (s->other_style)
        hint = n->a ? cel_hint(c->report, "it is written %s(x)", name) : cel_hint(c->report, "it is called on a value: x.%s(…)", name);
    else if (c->opt && c->opt->aggregates == NULL && (!strncmp(name, "value_", 6) || !strcmp(name, "event_count")))
        hint = "sums over many events belong to a rule with 'within' and 'having', there in 'having' and in what the incident says";
    if (!hint)
        hint = cel_hint_nearest(c, name, true);
    cel_mistake(c, n, n->at, n->at_end, hint, "unknown function '%s'", name);
    return M_ANY;
}

/* The receiver becomes the first argument. */
static bool receiver_first(struct compiler *c, struct ast *n) {
    struct ast **args = arena_alloc(c->arena, (n->nargs + 1) * sizeof(struct ast *));
    if (!args) {
        c->no_memory = true;
        return false;
    }
    args[0] = n->a;
    if (n->nargs)
        memcpy(args + 1, n->args, n->nargs * sizeof *args);
    n->args = args;
    n->nargs++;
    n->a = NULL;
    return true;
}

static void check_args(struct compiler *c, struct ast *n) {
    for (uint32_t i = 0; i < n->nargs; i++)
        (void)cel_check(c, n->args[i]);
}

/* A function by its full name: cel_env_find_function for the host's, the table for ours. */
static bool try_global(struct compiler *c, struct ast *n, const char *name, bool root, mask_t *ret) {
    const struct cel_function_decl *d = cel_env_find_function(c->env, root || !c->env->container ? "" : c->env->container, name);
    struct search s;
    find(&s, name, strlen(name), false, n->nargs);
    if (!d && s.nnamed == 0)
        return false;
    check_args(c, n);
    *ret = d ? call_host(c, n, d) : call_builtin(c, n, name, &s, false);
    return true;
}

mask_t cel_check_call(struct compiler *c, struct ast *n) {
    char name[CEL_MAX_NAME];
    struct search s;
    mask_t result;
    bool root = n->flags & AST_ROOT;
    if (!n->a) {
        int lifted = root ? 0 : cel_lift_aggregate(c, n);
        if (lifted)
            return M_ANY;
        if (try_global(c, n, n->name, root, &result))
            return result;
        check_args(c, n);
        find(&s, n->name, n->name_len, false, n->nargs);
        return unknown(c, n, n->name, &s);
    }
    if (cel_qualified(c, n->a, name, sizeof name, &root)) {
        size_t at = strlen(name);
        int w = snprintf(name + at, sizeof name - at, ".%s", n->name);
        if (w > 0 && (size_t)w < sizeof name - at) {
            struct ast *target = n->a;
            n->a = NULL;
            if (try_global(c, n, name, root, &result))
                return result;
            n->a = target;
            static const char *const spaces[] = {"math", "strings", "base64", "optional", "lists", "sets", "regex"};
            for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
                if (target->kind == AST_IDENT && !strcmp(target->name, spaces[i]) && !cel_env_find_var(c->env, spaces[i], &at)) {
                    check_args(c, n);
                    cel_mistake(c, n, target->begin, n->at_end, cel_hint_nearest(c, name, true), "unknown function '%s'", name);
                    return M_ANY;
                }
        }
    }
    const struct cel_function_decl *d = cel_env_find_function(c->env, c->env->container ? c->env->container : "", n->name);
    if (!receiver_first(c, n))
        return M_ANY;
    check_args(c, n);
    find(&s, n->name, n->name_len, true, n->nargs);
    if (s.nnamed)
        return call_builtin(c, n, n->name, &s, true);
    if (d && d->member)
        return call_host(c, n, d);
    n->a = n->args[0]; /* for the hint only */
    result = unknown(c, n, n->name, &s);
    n->a = NULL;
    return result;
}
