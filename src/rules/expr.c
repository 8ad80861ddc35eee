/* SPDX-License-Identifier: Apache-2.0
 * CEL expressions in YAML: compiles them and puts every diagnosis at its place in the file, whatever quotes or block it stands in. */
#include "rules/expr_int.h"

#include <stdlib.h>
#include <string.h>

void programs_done(struct programs *ps) {
    for (size_t i = 0; i < ps->n; i++)
        cel_program_free(ps->items[i]);
    free(ps->items);
    *ps = (struct programs){0};
}

int programs_add(struct programs *ps, struct cel_program *p) {
    if (ps->n == ps->cap) {
        size_t cap = ps->cap ? ps->cap * 2 : 64;
        struct cel_program **more = realloc(ps->items, cap * sizeof *more);
        if (!more)
            return GF_ENOMEM;
        ps->items = more;
        ps->cap = cap;
    }
    ps->items[ps->n++] = p;
    return 0;
}

void expr_report(struct reader *rd, const struct yaml_node *n, size_t begin, const struct cel_diags *diags) {
    for (size_t i = 0; i < diags->count; i++) {
        const struct cel_diag *d = &diags->items[i];
        struct place at = yaml_place(n, begin + d->begin, begin + d->end);
        (d->warning ? report_warning : report_error)(rd->rep, at, d->hint, "%s", d->text);
    }
}

struct cel_program *expr_compile(struct reader *rd, struct programs *ps, const struct cel_env *env, const struct yaml_node *n, size_t begin, size_t end,
                                 struct cel_aggregates *aggregates, enum cel_decl_type want) {
    struct arena scratch;
    arena_init(&scratch, 4096, 8 << 20);
    struct cel_diags diags = {.arena = &scratch};
    struct cel_options opt = {.aggregates = aggregates, .want = want};
    struct cel_program *p = NULL;
    int rc = cel_compile(env, n->text + begin, end - begin, &opt, &diags, &p);
    expr_report(rd, n, begin, &diags);
    if (rc == GF_ENOMEM)
        rd->oom = true;
    else if (rc < 0 && diags.errors == 0)
        report_error(rd->rep, yaml_place(n, begin, end), NULL, "this expression cannot be used: %s", err_text(rc));
    arena_done(&scratch);
    if (rc < 0)
        return NULL;
    if (programs_add(ps, p) < 0) {
        rd->oom = true;
        cel_program_free(p);
        return NULL;
    }
    return p;
}

bool expr_read(struct reader *rd, struct programs *ps, const struct cel_env *env, const struct yaml_node *n, const char *what, struct cel_aggregates *aggregates,
               enum cel_decl_type want, struct rules_expr *ret) {
    if (n->bad)
        return false;
    if (n->kind != YAML_SCALAR || n->len == 0) {
        report_error(rd->rep, n->at, n->kind == YAML_SCALAR ? NULL : "put quotes around an expression that begins with '[' or '{'", "%s must be an expression, not %s", what,
                     n->kind == YAML_SCALAR ? "nothing" : node_kind_name(n));
        return false;
    }
    struct cel_program *p = expr_compile(rd, ps, env, n, 0, n->len, aggregates, want);
    if (!p)
        return false;
    *ret = (struct rules_expr){.program = p, .at = n->at};
    return true;
}
