/* SPDX-License-Identifier: Apache-2.0
 * What names mean: locals of macros, variables, constants, aliases and types, with the container of the environment (langdef, "Name
 * Resolution"); fields of what is declared; what the expression reads. */
#include "cel_int.h"

#include <stdarg.h>
#include <stdio.h>

void cel_mistake(struct compiler *c, struct ast *n, size_t begin, size_t end, const char *hint, const char *fmt, ...) {
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    bool quiet = c->opt && c->opt->no_check;
    if (!quiet)
        cel_report(c->report, begin, end, hint, "%s", text);
    if (n) { /* without the checker it is an error when it is evaluated */
        n->kind = AST_BAD;
        n->mask = M_ANY;
        n->value = cel_error(CEL_E_OVERLOAD, quiet ? arena_strdup(c->arena, text) : NULL);
    }
}

static mask_t decl_mask(enum cel_decl_type t) {
    switch (t) {
    case CEL_DECL_BOOL: return M(CEL_BOOL);
    case CEL_DECL_INT: return M(CEL_INT);
    case CEL_DECL_DOUBLE: /* a JSON number without a fraction comes as an int */
    case CEL_DECL_NUMBER: return M(CEL_INT) | M(CEL_DOUBLE);
    case CEL_DECL_STRING: return M(CEL_STRING);
    case CEL_DECL_LIST: return M(CEL_LIST);
    case CEL_DECL_MAP:
    case CEL_DECL_RECORD: return M(CEL_MAP);
    case CEL_DECL_TIMESTAMP: return M(CEL_TIMESTAMP);
    case CEL_DECL_DURATION: return M(CEL_DURATION);
    default: return M_ANY;
    }
}

const struct local *cel_local_find(const struct compiler *c, const char *name) {
    for (size_t i = c->nlocals; i-- > c->first_local;)
        if (!strcmp(c->locals[i].name, name))
            return &c->locals[i];
    return NULL;
}

/* Containers from the innermost to none: "a.b" -> "a" -> "". *len begins at strlen(container) and is the length to use; false behind "". */
bool cel_container_next(const char *container, size_t *len) {
    if (*len == 0)
        return false;
    while (*len > 0 && container[*len - 1] != '.')
        --*len;
    if (*len > 0)
        --*len;
    return true;
}

static bool candidate(const char *container, size_t len, const char *name, char *out, size_t size) {
    int w = snprintf(out, size, "%.*s%s%s", (int)len, container, len ? "." : "", name);
    return w > 0 && (size_t)w < size;
}

/* -- aliases ------------------------------------------------------------------------------------------------------------ */
/* Everything in an alias's tree stands, for messages and explanations, where the alias is used. */
static void set_place(struct ast *n, const struct env_alias *alias, uint32_t begin, uint32_t end) {
    if (!n)
        return;
    n->piece = alias->text + n->begin;
    n->piece_len = n->end - n->begin;
    n->begin = n->at = begin;
    n->end = n->at_end = end;
    set_place(n->a, alias, begin, end);
    set_place(n->b, alias, begin, end);
    set_place(n->c, alias, begin, end);
    for (uint32_t i = 0; i < n->nargs; i++)
        set_place(n->args[i], alias, begin, end);
}

static void expand_alias(struct compiler *c, struct ast *n, const struct env_alias *alias) {
    struct report *outer = c->report, inner = *outer;
    size_t first = c->first_local;
    for (size_t i = 0; i < c->nexpanding; i++)
        if (c->expanding[i] == alias) {
            cel_mistake(c, n, n->begin, n->end, NULL, "the macro '%s' uses itself", alias->name);
            return;
        }
    if (c->nexpanding == sizeof c->expanding / sizeof *c->expanding) {
        cel_mistake(c, n, n->begin, n->end, NULL, "macros are nested too deep (at most %zu)", c->nexpanding);
        return;
    }
    if (!inner.alias) {
        inner.base = n->begin;
        inner.base_end = n->end;
    }
    inner.alias = alias->name;
    inner.len = alias->len;
    c->expanding[c->nexpanding++] = alias;
    c->report = &inner;
    c->first_local = c->nlocals;
    struct ast *tree = cel_parse(c->arena, &inner, alias->text, alias->len, c->nodes);
    if (tree) {
        uint32_t begin = n->begin, end = n->end;
        set_place(tree, alias, begin, end);
        (void)cel_check(c, tree);
        struct ast use = *n;
        *n = *tree;
        n->piece = use.piece; /* the macro as a whole is called by its name */
        n->piece_len = use.piece_len;
    } else {
        n->kind = AST_BAD;
        n->mask = M_ANY;
    }
    outer->count = inner.count;
    c->first_local = first;
    c->report = outer;
    c->nexpanding--;
}

/* -- names -------------------------------------------------------------------------------------------------------------- */
static void note_read(struct compiler *c, uint32_t slot, atom_t field, const struct ast *at, bool guarded) {
    struct cel_program *p = c->program;
    if (p->nreads == p->cap_reads) {
        size_t cap = p->cap_reads ? 2 * p->cap_reads : 8;
        struct cel_read *reads = arena_alloc(&p->arena, cap * sizeof *reads);
        if (!reads) {
            c->no_memory = true;
            return;
        }
        if (p->nreads)
            memcpy(reads, p->reads, p->nreads * sizeof *reads);
        p->reads = reads;
        p->cap_reads = cap;
    }
    p->reads[p->nreads++] =
        (struct cel_read){.slot = slot, .field = field, .guarded = guarded || c->guard, .begin = at->begin, .end = at->end};
}

/* The name in the environment; false when it means nothing. */
static bool resolve(struct compiler *c, struct ast *n, const char *name, bool root, bool as_target) {
    const struct cel_env *e = c->env;
    const char *container = root || !e->container ? "" : e->container;
    size_t len = strlen(container), slot;
    char full[CEL_MAX_NAME];
    do {
        if (!candidate(container, len, name, full, sizeof full))
            continue;
        const struct env_var *v = cel_env_find_var(e, full, &slot);
        if (v) {
            n->kind = AST_VAR;
            n->slot = (uint32_t)slot;
            n->mask = decl_mask(v->type);
            n->elem = 0;
            if (slot + 1 > c->program->nvars)
                c->program->nvars = slot + 1;
            if (!as_target)
                note_read(c, n->slot, 0, n, false);
            return true;
        }
        for (size_t i = 0; i < e->nconsts; i++)
            if (!strcmp(e->consts[i].name, full)) {
                n->kind = AST_CONST;
                n->value = e->consts[i].value;
                n->mask = M(n->value.type);
                return true;
            }
        for (size_t i = 0; i < e->naliases; i++)
            if (!strcmp(e->aliases[i].name, full)) {
                expand_alias(c, n, &e->aliases[i]);
                return true;
            }
        for (unsigned t = 0; t < CEL_ERROR; t++) {
            const char *type = cel_type_name((struct cel_value){.type = (uint8_t)t});
            if (strcmp(type, full) != 0)
                continue;
            n->kind = AST_CONST;
            n->value = cel_type_value(type);
            n->mask = M(CEL_TYPE);
            return true;
        }
    } while (cel_container_next(container, &len));
    return false;
}

const char *cel_hint_nearest(struct compiler *c, const char *name, bool functions) {
    static const char *const macros[] = {"has",    "all",    "exists",     "exists_one",    "filter",      "map",
                                         "sortBy", "optMap", "optFlatMap", "transformList", "transformMap"};
    const struct cel_env *e = c->env;
    size_t at = 0;
    const char *names[800], *foreign = functions ? cel_slip_function(name) : cel_slip_name(name);
    const size_t max = sizeof names / sizeof *names;
    if (functions) {
        const struct cel_function_doc *d = cel_function_docs();
        for (; d->name && at < max - 300; d++)
            names[at++] = d->name;
        for (size_t i = 0; i < sizeof macros / sizeof *macros && at < max; i++)
            names[at++] = macros[i];
        for (size_t i = 0; i < e->nfunctions && at < max; i++)
            names[at++] = e->functions[i].name;
        if (c->opt && c->opt->aggregates)
            for (size_t i = 0; i < c->opt->aggregates->nnames && at < max; i++)
                names[at++] = c->opt->aggregates->names[i].name;
    } else {
        for (size_t i = c->first_local; i < c->nlocals && at < max; i++)
            names[at++] = c->locals[i].name;
        for (size_t i = 0; i < e->nvars && at < max; i++)
            names[at++] = e->vars[i].name;
        for (size_t i = 0; i < e->nconsts && at < max; i++)
            names[at++] = e->consts[i].name;
        for (size_t i = 0; i < e->naliases && at < max; i++)
            names[at++] = e->aliases[i].name;
        for (size_t i = 0; i < 3 && at < max; i++)
            names[at++] = i == 0 ? "true" : i == 1 ? "false" : "null";
    }
    if (foreign)
        return foreign;
    const char *near = text_nearest(name, names, at);
    size_t len = strlen(name);
    for (size_t i = 0; functions && !near && len >= 4 && i < at; i++) /* lower for lowerAscii */
        if (strncmp(names[i], name, len) == 0)
            near = names[i];
    return near ? cel_hint(c->report, "did you mean '%s'?", near) : NULL;
}

mask_t cel_check_name(struct compiler *c, struct ast *n, bool as_target) {
    const struct local *l = n->flags & AST_ROOT ? NULL : cel_local_find(c, n->name);
    if (l) {
        n->kind = AST_LOCAL;
        n->slot = l->slot;
        n->elem = l->elem;
        return n->mask = l->mask;
    }
    if (resolve(c, n, n->name, n->flags & AST_ROOT, as_target))
        return n->mask;
    const char *hint =
        c->dashed ? cel_hint(c->report, "a field with a - in its name is written x.`%s-%s`", c->dashed->name, n->name) : NULL;
    char buf[200];
    const char *known = hint || !c->opt || !c->opt->hint ? NULL : c->opt->hint(c->opt->arg, n->name, buf, sizeof buf);
    if (known)
        hint = cel_hint(c->report, "%s", known);
    if (!hint)
        hint = cel_hint_nearest(c, n->name, false);
    for (size_t i = 0; !hint && c->opt && c->opt->aggregates && i < c->opt->aggregates->nnames; i++)
        if (!strcmp(c->opt->aggregates->names[i].name, n->name))
            hint = cel_hint(c->report, "'%s' is a function: it is written %s(…)", n->name, n->name);
    if (!hint && (cel_function_known(n->name, n->name_len) || cel_env_find_function(c->env, "", n->name)))
        hint = cel_hint(c->report, "'%s' is a function: it is written %s(…)", n->name, n->name);
    if (!hint)
        hint = cel_hint(c->report, "text stands in quotes: '%s'", n->name);
    cel_mistake(c, n, n->begin, n->end, hint, "unknown name '%s'", n->name);
    return M_ANY;
}

bool cel_qualified(struct compiler *c, const struct ast *n, char *out, size_t size, bool *ret_root) {
    const struct ast *chain[64];
    size_t k = 0, at = 0;
    for (; n && n->kind == AST_SELECT && !(n->flags & (AST_OPT | AST_TEST | AST_PAREN)) && k < sizeof chain / sizeof *chain; n = n->a)
        chain[k++] = n;
    if (!n || n->kind != AST_IDENT || n->flags & AST_PAREN || (!(n->flags & AST_ROOT) && cel_local_find(c, n->name)))
        return false;
    *ret_root = n->flags & AST_ROOT;
    for (;;) {
        int w = snprintf(out + at, size - at, "%s%s", at ? "." : "", n->name);
        if (w < 0 || (size_t)w >= size - at)
            return false;
        at += (size_t)w;
        if (k == 0)
            return true;
        n = chain[--k];
    }
}

mask_t cel_check_field(struct compiler *c, struct ast *target, const char *name, size_t len, const struct ast *at, bool guarded) {
    const struct env_var *v = &c->env->vars[target->slot];
    atom_t atom = atom_intern(name, len);
    struct ast place = *at; /* the read is the variable with its field, without what hangs on it */
    note_read(c, target->slot, atom, &place, guarded);
    if (v->type != CEL_DECL_RECORD)
        return M_ANY;
    for (size_t i = 0; i < v->nfields; i++)
        if (v->fields[i].name == atom)
            return decl_mask(v->fields[i].type);
    mask_t known = c->opt && c->opt->field_types ? (mask_t)c->opt->field_types(c->opt->arg, target->slot, atom) : 0;
    if (known)
        return known;
    if (v->open && !v->warn_open)
        return M_ANY;
    const char *names[256];
    size_t n = 0;
    for (; n < v->nfields && n < sizeof names / sizeof *names; n++)
        names[n] = atom_name(v->fields[n].name);
    const char *near = text_nearest(name, names, n), *hint = near ? cel_hint(c->report, "did you mean '%s'?", near) : NULL;
    if (v->open)
        cel_warn(c->report, at->at, at->end, hint, "no field '%s' is known in '%s'", name, v->name);
    else
        cel_mistake(c, NULL, at->at, at->end, hint, "no field '%s' in '%s'", name, v->name);
    return M_ANY;
}

mask_t cel_check_select(struct compiler *c, struct ast *n, bool as_target) {
    char name[CEL_MAX_NAME];
    bool root, borne = n->flags & (AST_OPT | AST_TEST);
    if (!borne && cel_qualified(c, n, name, sizeof name, &root) && resolve(c, n, name, root, as_target))
        return n->mask;
    c->guard += borne;
    mask_t m = cel_check_target(c, n->a), result = M_ANY;
    c->guard -= borne;
    if (n->a->kind == AST_BAD)
        result = M_ANY;
    else if (!(m & (M(CEL_MAP) | M(CEL_OPTIONAL)))) {
        cel_mistake(c, n, n->at, n->end,
                    cel_slip_function(n->name)                 ? cel_slip_function(n->name)
                    : cel_function_known(n->name, n->name_len) ? cel_hint(c->report, "a function is called with brackets: x.%s()", n->name)
                                                               : NULL,
                    "no such overload: %s has no field '%s'", cel_mask_text(c->arena, m), n->name);
        return M_ANY;
    } else if (n->a->kind == AST_VAR)
        result = cel_check_field(c, n->a, n->name, n->name_len, n, borne);
    else if (m == M(CEL_MAP) && n->a->elem)
        result = n->a->elem;
    if (n->flags & AST_TEST)
        result = M(CEL_BOOL);
    else if (n->flags & AST_OPT || m == M(CEL_OPTIONAL))
        result = M(CEL_OPTIONAL);
    return n->mask = result;
}
