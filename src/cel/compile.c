/* SPDX-License-Identifier: Apache-2.0
 * From text to program, and what programs tell of themselves. */
#include "cel_int.h"

#include <stdlib.h>

#include "gengfu/base/time.h"

#define PROGRAM_LIMIT (16u << 20)
#define TREE_LIMIT (32u << 20)

static struct cel_program *program_new(const char *text, size_t len) {
    struct cel_program *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    arena_init(&p->arena, 512, PROGRAM_LIMIT); /* there are several for each rule, and most are short */
    p->text = arena_strndup(&p->arena, text, len);
    p->len = len;
    if (!p->text) {
        cel_program_free(p);
        return NULL;
    }
    return p;
}

void cel_program_free(struct cel_program *p) {
    if (!p)
        return;
    for (struct cel_regex *r = p->regexes; r; r = r->next)
        cel_regex_done(r);
    while (p->zones) {
        struct zone_ref *z = p->zones;
        p->zones = z->next;
        zone_free(z->zone);
        free(z);
    }
    arena_done(&p->arena);
    free(p);
}

/* A path that is read guarded in one place may be missing: then every read of it bears absence, and the expression decides. */
static void settle_reads(struct cel_program *p) {
    for (size_t i = 0; i < p->nreads; i++)
        for (size_t j = 0; !p->reads[i].guarded && j < p->nreads; j++)
            if (p->reads[j].guarded && p->reads[j].field && p->reads[j].slot == p->reads[i].slot && p->reads[j].field == p->reads[i].field)
                p->reads[i].guarded = true;
}

int cel_program_build(struct compiler *c, struct ast *n) {
    c->lowest_local = UINT32_MAX;
    c->program->root = cel_generate(c, n);
    if (c->no_memory || !c->program->root)
        return GF_ENOMEM;
    c->program->pure = c->impure == 0;
    settle_reads(c->program);
    return 0;
}

static mask_t wanted(enum cel_decl_type t) {
    switch (t) {
    case CEL_DECL_BOOL: return M(CEL_BOOL);
    case CEL_DECL_INT: return M(CEL_INT) | M(CEL_UINT);
    case CEL_DECL_DOUBLE:
    case CEL_DECL_NUMBER: return M_NUMBER;
    case CEL_DECL_STRING: return M(CEL_STRING);
    case CEL_DECL_LIST: return M(CEL_LIST);
    case CEL_DECL_MAP:
    case CEL_DECL_RECORD: return M(CEL_MAP);
    case CEL_DECL_TIMESTAMP: return M(CEL_TIMESTAMP);
    case CEL_DECL_DURATION: return M(CEL_DURATION);
    default: return M_ANY;
    }
}

/* Mistakes in the order of the text: names are looked up after all of it was parsed. */
static void sort_diags(struct cel_diags *d, size_t from) {
    for (size_t i = from + 1; d && i < d->count; i++) {
        struct cel_diag x = d->items[i];
        size_t j = i;
        for (; j > from && d->items[j - 1].begin > x.begin; j--)
            d->items[j] = d->items[j - 1];
        d->items[j] = x;
    }
}

int cel_compile(const struct cel_env *e, const char *text, size_t len, const struct cel_options *opt, struct cel_diags *diags,
                struct cel_program **ret) {
    struct report report = {.diags = diags, .len = len};
    struct arena trees, scratch;
    size_t nodes = CEL_MAX_NODES, before = diags ? diags->count : 0, aggregates = opt && opt->aggregates ? opt->aggregates->count : 0;
    int rc = GF_EINVAL;
    struct cel_program *p = NULL;
    arena_init(&trees, 16384, TREE_LIMIT);
    arena_init(&scratch, 4096, 1u << 20);
    struct ast *n = cel_parse(&trees, &report, text, len, &nodes);
    bool broken = report.count > 0; /* what it gives is then not to be judged */
    if (!n) {
        if (report.count == 0)
            cel_report(&report, 0, len, NULL, "out of memory");
        goto out;
    }
    p = program_new(text, len);
    if (!p) {
        rc = GF_ENOMEM;
        cel_report(&report, 0, len, NULL, "out of memory");
        goto out;
    }
    p->site = e->site;
    struct compiler c = {
        .env = e, .opt = opt, .report = &report, .arena = &trees, .scratch = &scratch, .program = p, .text = text, .nodes = &nodes};
    mask_t m = cel_check(&c, n);
    if (opt && !opt->no_check && !broken && n->kind != AST_BAD && !(m & wanted(opt->want)))
        cel_report(&report, n->begin, n->end, opt->want == CEL_DECL_BOOL && m == M(CEL_STRING) ? "a condition compares: x == 'text'" : NULL,
                   "the result is %s; here it must be %s", cel_mask_text(&trees, m), cel_mask_text(&trees, wanted(opt->want)));
    if (report.count)
        goto out;
    p->types = m;
    rc = c.no_memory ? GF_ENOMEM : cel_program_build(&c, n);
    if (report.count)
        rc = GF_EINVAL;
    else if (rc < 0)
        cel_report(&report, 0, len, NULL, rc == GF_ENOMEM ? "out of memory, or the constants are too large" : "fault in the compiler");
out:
    sort_diags(diags, before);
    if (rc < 0) {
        cel_program_free(p);
        if (opt && opt->aggregates)
            while (opt->aggregates->count > aggregates) { /* those that only this text had asked for */
                struct cel_aggregate *a = &opt->aggregates->items[--opt->aggregates->count];
                cel_program_free(a->arg);
                free((char *)(uintptr_t)a->text);
            }
    } else
        *ret = p;
    arena_done(&scratch);
    arena_done(&trees);
    return rc;
}

/* -- what a program tells ----------------------------------------------------------------------------------------------- */
size_t cel_program_reads(const struct cel_program *p, const struct cel_read **ret) {
    *ret = p->reads;
    return p->nreads;
}

uint32_t cel_program_types(const struct cel_program *p) { return p->types; }

const char *cel_program_text(const struct cel_program *p) { return p->text; }

bool cel_program_constant(const struct cel_program *p, struct cel_value *ret) {
    if (p->root->op != NODE_CONST)
        return false;
    *ret = p->root->value;
    return true;
}

static size_t equality(const struct node *n, struct cel_equality *ret, size_t at, size_t max) {
    if (n->op == NODE_AND) {
        for (unsigned i = 0; i < n->nargs; i++)
            at = equality(n->args[i], ret, at, max);
        return at;
    }
    if (at >= max)
        return at;
    if (n->op == NODE_IN_SET || (n->op == NODE_IN && n->b->op == NODE_CONST)) {
        struct cel_value list = n->op == NODE_IN ? n->b->value : n->value;
        if (n->a->op == NODE_VAR_FIELD && n->a->atom && list.type == CEL_LIST)
            ret[at++] = (struct cel_equality){.slot = n->a->slot, .field = n->a->atom, .value = list, .one_of = true};
        return at;
    }
    if (n->op != NODE_EQ)
        return at;
    const struct node *field = n->a->op == NODE_VAR_FIELD ? n->a : n->b, *value = field == n->a ? n->b : n->a;
    if (field->op == NODE_VAR_FIELD && value->op == NODE_CONST && field->atom)
        ret[at++] = (struct cel_equality){.slot = field->slot, .field = field->atom, .value = value->value};
    return at;
}

size_t cel_program_equalities(const struct cel_program *p, struct cel_equality *ret, size_t n) { return equality(p->root, ret, 0, n); }
