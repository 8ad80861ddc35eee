/* SPDX-License-Identifier: Apache-2.0
 * Programs for people: the nodes, and each sub-expression with its value. */
#include "cel_int.h"

#define MAX_LINES 400

static const char *const shows_of[] = {
#define X(id, name, fn, shows) shows,
#include "nodes.h"
#undef X
};

static void dump(const struct node *n, struct buf *out, unsigned depth) {
    const char *shows = shows_of[n->op];
    buf_fill(out, ' ', 2 * (size_t)depth);
    buf_puts(out, cel_node_name(n->op));
    if (strchr(shows, 's'))
        buf_printf(out, " %u", n->slot);
    if (strchr(shows, 'f')) {
        buf_puts(out, " .");
        text_clean(out, n->value.s, n->value.aux);
    }
    if (n->flags & NODE_TWO)
        buf_puts(out, " two");
    if (strchr(shows, 'o')) {
        if (n->op == NODE_HOST)
            buf_printf(out, " %s", ((const struct cel_function_decl *)n->extra)->name);
        else
            for (const struct overload *const *o = n->overloads; o && *o; o++)
                buf_printf(out, "%s %s", o == n->overloads ? "" : ";", (*o)->row->signature);
    }
    if (strchr(shows, 'v')) {
        buf_putc(out, ' ');
        cel_write_text(out, n->value);
    }
    buf_putc(out, '\n');
    const struct node *kids[] = {n->a, n->b, n->c};
    static const char *const marks[] = {"from", "if", "do"};
    bool loop = n->op >= NODE_ALL;
    for (unsigned i = 0; i < 3; i++)
        if (kids[i]) {
            if (loop && i) {
                buf_fill(out, ' ', 2 * (size_t)depth + 2);
                buf_printf(out, "%s\n", marks[i]);
            }
            dump(kids[i], out, depth + (loop && i ? 2 : 1));
        }
    for (unsigned i = 0; i < n->nargs; i++) {
        if (n->opt_args && n->opt_args[i]) {
            buf_fill(out, ' ', 2 * (size_t)depth + 2);
            buf_puts(out, "optional\n");
        }
        dump(n->args[i], out, depth + 1);
    }
}

void cel_dump(const struct cel_program *p, struct buf *out) { dump(p->root, out, 0); }

struct explain {
    const struct cel_program *program;
    struct cel_context *ctx;
    struct buf *out;
    struct cel_value *locals;
    unsigned lines;
};

static struct cel_value value_of(struct explain *x, const struct node *n) {
    struct ev e = {.vars = x->ctx->vars,
                   .aggregates = x->ctx->aggregates,
                   .arena = x->ctx->arena,
                   .host = x->ctx->host,
                   .steps = CEL_DEFAULT_STEPS,
                   .locals = x->locals,
                   .program = x->program};
    struct cel_value v = cel_run(n, &e);
    return e.steps ? v : cel_out_of_steps(&e);
}

static void write_value(struct buf *out, struct cel_value v) {
    struct buf text;
    buf_init(&text, 0);
    cel_write_text(&text, v);
    if (text.failed)
        buf_puts(out, "(too long to show)");
    else if (text.len > 400) {
        size_t n = 400;
        while (n && ((unsigned char)text.data[n] & 0xc0) == 0x80)
            n--;
        text_clean(out, text.data, n);
        buf_puts(out, "…");
    } else
        text_clean(out, text.data, text.len);
    buf_done(&text);
}

/* What the line begins with: the text of the part; in a macro the part of its own text. */
static void write_part(struct explain *x, const struct node *n) {
    size_t shift = x->program->shift;
    if (n->piece)
        text_clean(x->out, n->piece, n->piece_len);
    else if (n->begin >= shift && n->end <= shift + x->program->len && n->begin < n->end)
        text_clean(x->out, x->program->text + n->begin - shift, n->end - n->begin);
}

static void explain(struct explain *x, const struct node *n, const struct node *parent, unsigned depth) {
    if (x->lines >= MAX_LINES || (n->op == NODE_CONST && parent)) /* constants explain themselves */
        return;
    if (++x->lines == MAX_LINES) {
        buf_puts(x->out, "  …\n");
        return;
    }
    buf_fill(x->out, ' ', 2 * (size_t)depth);
    write_part(x, n);
    buf_puts(x->out, " = ");
    write_value(x->out, value_of(x, n));
    buf_putc(x->out, '\n');
    if (n->a)
        explain(x, n->a, n, depth + 1);
    if (n->op >= NODE_ALL) /* the body has no one value */
        return;
    if (n->a && (n->op == NODE_BIND || n->op == NODE_OPT_MAP || n->op == NODE_OPT_FLAT_MAP)) {
        struct cel_value bound = value_of(x, n->a);
        if (n->op != NODE_BIND && (bound.type != CEL_OPTIONAL || !bound.opt))
            return;
        x->locals[n->slot] = n->op == NODE_BIND ? bound : *bound.opt;
    }
    if (n->a && n->op == NODE_COND) {
        struct cel_value cond = value_of(x, n->a);
        if (cond.type == CEL_BOOL)
            explain(x, cond.b ? n->b : n->c, n, depth + 1);
        return;
    }
    if (n->b)
        explain(x, n->b, n, depth + 1);
    if (n->c)
        explain(x, n->c, n, depth + 1);
    for (unsigned i = 0; i < n->nargs; i++)
        explain(x, n->args[i], n, depth + 1);
}

void cel_explain(const struct cel_program *p, struct cel_context *ctx, struct buf *out) {
    struct cel_value locals[CEL_MAX_LOCALS];
    for (size_t i = 0; i < CEL_MAX_LOCALS; i++)
        locals[i] = cel_error(CEL_E_ABSENT, "no value outside of its macro");
    struct explain x = {.program = p, .ctx = ctx, .out = out, .locals = locals};
    explain(&x, p->root, NULL, 0);
}
