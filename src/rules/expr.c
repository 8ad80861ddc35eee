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
        /* An error right behind another one is the parser's stumbling over the same mistake. */
        if (i && !d->warning && !diags->items[i - 1].warning && d->begin >= diags->items[i - 1].begin &&
            d->begin <= diags->items[i - 1].end)
            continue;
        struct place at = yaml_place(n, begin + d->begin, begin + d->end);
        (d->warning ? report_warning : report_error)(rd->rep, at, d->hint, "%s", d->text);
    }
}

struct place expr_field_place(const struct yaml_node *n, size_t begin, const struct cel_read *read) {
    size_t from = begin + read->begin, to = begin + read->end, len = read->field ? atom_length(read->field) : 0;
    if (len && to <= n->len && to - from > len && memcmp(n->text + to - len, atom_name(read->field), len) == 0)
        from = to - len;
    return yaml_place(n, from, to);
}

/* Behind the text in quotes that begins at i. */
static size_t behind_quotes(const char *s, size_t i, size_t begin, size_t end) {
    char q = s[i];
    bool raw = i > begin && (s[i - 1] == 'r' || s[i - 1] == 'R'), three = q != '`' && i + 2 < end && s[i + 1] == q && s[i + 2] == q;
    for (i += three ? 3 : 1; i < end; i++) {
        if (s[i] == '\\' && !raw)
            i++;
        else if (s[i] == q && !three)
            return i + 1;
        else if (s[i] == q && i + 2 < end && s[i + 1] == q && s[i + 2] == q)
            return i + 3;
    }
    return end;
}

void expr_comments(struct reader *rd, const struct yaml_node *n, size_t begin, size_t end) {
    for (size_t i = begin; i < end && n->offsets;) {
        if (strchr("'\"`", n->text[i]) && n->text[i]) {
            i = behind_quotes(n->text, i, begin, end);
        } else if (n->text[i] != '/' || i + 1 == end || n->text[i + 1] != '/') {
            i++;
        } else {
            const char *stop = memchr(n->text + i, '\n', end - i);
            size_t last = stop ? (size_t)(stop - n->text) : end;
            uint32_t line, below, column;
            report_line_column(rd->rep, yaml_place(n, i, i + 1), &line, &column);
            report_line_column(rd->rep, yaml_place(n, last - 1, last), &below, &column);
            if (below > line)
                report_warning(rd->rep, yaml_place(n, i, i + 2), "begin the block with | in place of >, or put the comment last",
                               "the lines are folded into one, so the comment takes the rest of the expression along");
            i = last;
        }
    }
}

bool expr_scalar(struct reader *rd, const struct yaml_node *n, const char *what) {
    if (n->bad)
        return false;
    if (n->kind == YAML_SCALAR && n->len > 0 && !yaml_is_null(n)) /* a bare null is a value that was forgotten */
        return true;
    report_error(rd->rep, n->at, n->kind == YAML_SCALAR ? NULL : "put quotes around an expression that begins with '[' or '{'",
                 "%s must be an expression, not %s", what, n->kind == YAML_SCALAR ? "nothing" : node_kind_name(n));
    return false;
}

bool expr_read(struct reader *rd, struct programs *ps, const struct cel_env *env, const struct yaml_node *n, const char *what,
               enum cel_decl_type want, struct rules_expr *ret) {
    if (!expr_scalar(rd, n, what))
        return false;
    struct arena scratch;
    arena_init(&scratch, 4096, 8 << 20);
    struct cel_diags diags = {.arena = &scratch};
    struct cel_options opt = {.want = want};
    struct cel_program *p = NULL;
    int rc = cel_compile(env, n->text, n->len, &opt, &diags, &p);
    expr_report(rd, n, 0, &diags);
    arena_done(&scratch);
    if (rc == 0 && programs_add(ps, p) < 0) {
        cel_program_free(p);
        rc = GF_ENOMEM;
    }
    if (rc == GF_ENOMEM)
        rd->oom = true;
    if (rc < 0)
        return false;
    *ret = (struct rules_expr){.program = p, .at = n->at};
    return true;
}
