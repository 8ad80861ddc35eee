/* SPDX-License-Identifier: Apache-2.0
 * Tokens to a tree, by precedence climbing. One counter bounds the nesting (CEL_MAX_DEPTH), one the number of nodes; chains that
 * nest to the left are bounded by the height of the tree. After a mistake the parser goes on at the next comma, closing bracket, && or ||, so
 * that one run finds them all. */
#include "cel_int.h"

#include <stdio.h>

static struct ast *parse_expr(struct parser *p);

static struct token next_token(struct parser *p) {
    struct token t;
    cel_lex(&p->lexer, &t);
    if (p->lexer.no_memory)
        p->stop = true;
    return t;
}

static void advance(struct parser *p) {
    p->before = p->tok;
    p->tok = next_token(p);
    if (p->stop)
        p->tok.type = TOK_END;
}

struct ast *cel_ast_new(struct parser *p, enum ast_kind kind, uint32_t begin, uint32_t end) {
    if (p->nodes == 0) {
        if (!p->stop)
            cel_report(p->report, begin, end, NULL, "the expression has too many parts (at most %d)", CEL_MAX_NODES);
        p->stop = true;
        return NULL;
    }
    p->nodes--;
    struct ast *n = arena_zalloc(p->arena, sizeof *n);
    if (!n) {
        if (!p->stop)
            cel_report(p->report, begin, end, NULL, "out of memory");
        p->stop = true;
        return NULL;
    }
    *n = (struct ast){.kind = (uint8_t)kind, .begin = begin, .end = end, .at = begin, .at_end = end, .height = 1};
    return n;
}

void cel_ast_height(struct parser *p, struct ast *n) {
    unsigned h = 0;
    if (n->a && n->a->height > h)
        h = n->a->height;
    if (n->b && n->b->height > h)
        h = n->b->height;
    if (n->c && n->c->height > h)
        h = n->c->height;
    for (uint32_t i = 0; i < n->nargs; i++)
        if (n->args[i] && n->args[i]->height > h)
            h = n->args[i]->height;
    n->height = (uint16_t)(h + 1);
    if (n->height > CEL_MAX_HEIGHT) {
        if (!p->stop)
            cel_report(p->report, n->begin, n->end, "split it into macros",
                       "the expression is nested or chained too deep (at most %d levels)", CEL_MAX_HEIGHT);
        p->stop = true;
    }
}

/* -- mistakes ----------------------------------------------------------------------------------------------------------- */
static bool is_sync(enum token_type t) {
    return t == TOK_END || t == TOK_COMMA || t == TOK_RPAREN || t == TOK_RBRACKET || t == TOK_RBRACE || t == TOK_AND || t == TOK_OR;
}

/* Goes to the next place where parsing can go on; whole bracketed groups are stepped over. */
static void sync(struct parser *p) {
    unsigned open = 0;
    while (p->tok.type != TOK_END) {
        if (open == 0 && is_sync(p->tok.type))
            return;
        if (p->tok.type == TOK_LPAREN || p->tok.type == TOK_LBRACKET || p->tok.type == TOK_LBRACE)
            open++;
        else if (open && (p->tok.type == TOK_RPAREN || p->tok.type == TOK_RBRACKET || p->tok.type == TOK_RBRACE))
            open--;
        advance(p);
    }
}

static const char *word_hint(const struct parser *p) {
    return p->tok.type == TOK_IDENT || p->tok.type == TOK_RESERVED ? cel_slip_operator(p->tok.value.s) : NULL;
}

/* Reports the token at hand as out of place and goes on behind it. */
static void unexpected(struct parser *p, const char *wanted) {
    const struct token *t = &p->tok;
    p->lost = is_sync(t->type);
    const char *hint = word_hint(p);
    if (!hint && t->type == TOK_IDENT && (p->before.type == TOK_INT || p->before.type == TOK_DOUBLE))
        hint = "units are not part of numbers: a span of time is duration('10m')";
    if (p->before.type == TOK_STRING && p->before.end == t->begin && t->type == TOK_IDENT)
        hint = "a quote within a text is written \\', or the text stands between the other quotes: \"it's\"";
    if (!p->stop && t->type != TOK_BAD) {
        if (!hint && wanted)
            hint = cel_hint(p->report, "expected %s", wanted);
        if (t->type == TOK_END) {
            cel_report(p->report, t->begin, t->begin, hint, "the expression ends too early");
            p->ended = true;
        } else {
            size_t n = t->end - t->begin;
            if (n > 40)
                for (n = 40; n && ((unsigned char)p->lexer.text[t->begin + n] & 0xc0) == 0x80;)
                    n--;
            cel_report(p->report, t->begin, t->end, hint, "unexpected %s%.*s%s",
                       t->type == TOK_STRING || t->type == TOK_BYTES ? "text " : "'", (int)n, p->lexer.text + t->begin,
                       t->type == TOK_STRING || t->type == TOK_BYTES ? "" : "'");
        }
    }
    sync(p);
}

static bool enter(struct parser *p) {
    if (++p->depth <= CEL_MAX_DEPTH && !p->stop)
        return true;
    if (!p->stop)
        cel_report(p->report, p->tok.begin, p->tok.end, "split it into macros", "the expression is nested too deep (at most %d levels)",
                   CEL_MAX_DEPTH);
    p->stop = true;
    p->tok.type = TOK_END;
    return false;
}

static const char *closer_text(enum token_type t) { return t == TOK_RPAREN ? ")" : t == TOK_RBRACKET ? "]" : "}"; }

/* The closing bracket of what was opened at `open`. Returns the end of it. */
static uint32_t close_bracket(struct parser *p, enum token_type closer, uint32_t open) {
    uint32_t end = p->tok.end;
    if (p->tok.type == closer) {
        advance(p);
        return end;
    }
    if (p->tok.type == TOK_END) {
        if (!p->stop && !p->ended)
            cel_report(p->report, open, open + 1, cel_hint(p->report, "'%s' is missing", closer_text(closer)),
                       "the bracket '%c' is not closed", p->lexer.text[open]);
        return p->tok.begin;
    }
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "'%s'", closer_text(closer));
    unexpected(p, wanted);
    while (p->tok.type == TOK_COMMA || p->tok.type == TOK_AND || p->tok.type == TOK_OR) { /* what stands there is lost, the rest is not */
        advance(p);
        sync(p);
    }
    end = p->tok.end;
    if (p->tok.type == closer)
        advance(p);
    return end;
}

/* -- lists of expressions ----------------------------------------------------------------------------------------------- */
struct args {
    struct ast **items;
    uint8_t *opt;
    uint32_t count, cap;
    bool any_opt;
};
static void args_add(struct parser *p, struct args *a, struct ast *n, bool opt) {
    if (a->count == a->cap) {
        uint32_t cap = a->cap ? 2 * a->cap : 4;
        struct ast **items = arena_alloc(p->arena, cap * sizeof(struct ast *));
        uint8_t *flags = arena_zalloc(p->arena, cap);
        if (!items || !flags) {
            p->stop = true;
            return;
        }
        if (a->count) {
            memcpy(items, a->items, a->count * sizeof *items);
            memcpy(flags, a->opt, a->count);
        }
        a->items = items;
        a->opt = flags;
        a->cap = cap;
    }
    a->opt[a->count] = opt;
    a->items[a->count++] = n;
    a->any_opt |= opt;
}

/* Up to the closer (consumed). Lists may end with a comma. */
static struct args parse_args(struct parser *p, enum token_type closer, uint32_t open, bool list, uint32_t *ret_end) {
    struct args args = {0};
    bool done = false;
    while (!done && !p->stop) {
        if (p->tok.type == closer) {
            if (args.count && !list)
                cel_report(p->report, p->tok.begin, p->tok.end, NULL, "an argument is missing behind the comma");
            break;
        }
        bool opt = list && p->tok.type == TOK_QUESTION;
        if (opt)
            advance(p);
        args_add(p, &args, parse_expr(p), opt);
        if (p->tok.type != TOK_COMMA && p->tok.type != closer && p->tok.type != TOK_END)
            unexpected(p, closer == TOK_RPAREN ? "',' or ')'" : "',' or ']'");
        done = p->tok.type != TOK_COMMA;
        if (!done)
            advance(p);
        if (!done && p->tok.type == closer && list)
            done = true;
    }
    *ret_end = close_bracket(p, closer, open);
    return args;
}

static struct ast *set_args(struct parser *p, struct ast *n, const struct args *a) {
    if (!n)
        return NULL;
    n->args = a->items;
    n->nargs = a->count;
    n->opt_args = a->any_opt ? a->opt : NULL;
    cel_ast_height(p, n);
    return n;
}

static struct ast *parse_map(struct parser *p) {
    struct args args = {0};
    uint32_t begin = p->tok.begin;
    advance(p);
    while (p->tok.type != TOK_RBRACE && p->tok.type != TOK_END && !p->stop) {
        bool opt = p->tok.type == TOK_QUESTION;
        if (opt)
            advance(p);
        struct ast *key = parse_expr(p), *value = NULL;
        if (p->tok.type == TOK_COLON) {
            advance(p);
            value = parse_expr(p);
        } else {
            unexpected(p, "':' and a value: {'key': value}; a list stands in [ ]");
            while (p->tok.type == TOK_COMMA) { /* one such entry is enough */
                advance(p);
                sync(p);
            }
        }
        args_add(p, &args, key, opt);
        args_add(p, &args, value, opt);
        if (p->tok.type != TOK_COMMA && p->tok.type != TOK_RBRACE && p->tok.type != TOK_END)
            unexpected(p, "',' or '}'");
        if (p->tok.type != TOK_COMMA)
            break;
        advance(p);
    }
    uint32_t end = close_bracket(p, TOK_RBRACE, begin);
    return set_args(p, cel_ast_new(p, AST_MAP, begin, end), &args);
}

/* -- primaries and what hangs on them ----------------------------------------------------------------------------------- */
static struct ast *bad(struct parser *p, uint32_t begin, uint32_t end) { return cel_ast_new(p, AST_BAD, begin, end); }

static struct ast *constant(struct parser *p, struct cel_value v) {
    struct ast *n = cel_ast_new(p, AST_CONST, p->tok.begin, p->tok.end);
    if (n)
        n->value = v;
    advance(p);
    return n;
}

static struct ast *parse_call(struct parser *p, struct ast *target, const struct token *name, uint32_t begin, bool root) {
    uint32_t open = p->tok.begin, end;
    advance(p);
    struct args args = parse_args(p, TOK_RPAREN, open, false, &end);
    if (args.count > CEL_MAX_ARGS) {
        cel_report(p->report, name->begin, name->end, NULL, "too many arguments (at most %d)", CEL_MAX_ARGS);
        return bad(p, begin, end);
    }
    struct ast *n = cel_ast_new(p, AST_CALL, begin, end);
    if (!n)
        return NULL;
    n->a = target;
    n->name = name->value.s;
    n->name_len = name->value.aux;
    n->at = name->begin;
    n->at_end = name->end;
    n->flags = root ? AST_ROOT : 0;
    if (!set_args(p, n, &args))
        return NULL;
    struct ast *macro = cel_parse_macro(p, n);
    return macro ? macro : n;
}

static struct ast *parse_name(struct parser *p) {
    uint32_t begin = p->tok.begin;
    bool root = p->tok.type == TOK_DOT;
    if (root) {
        advance(p);
        if (p->tok.type != TOK_IDENT) {
            unexpected(p, "a name behind the point");
            return bad(p, begin, p->tok.begin);
        }
    }
    struct token name = p->tok;
    advance(p);
    if (p->tok.type == TOK_LPAREN)
        return parse_call(p, NULL, &name, begin, root);
    if (p->tok.type == TOK_IDENT && !root && (!strcmp(name.value.s, "not") || !strcmp(name.value.s, "NOT"))) {
        cel_report(p->report, name.begin, name.end, cel_slip_operator(name.value.s), "unexpected '%s'", name.value.s);
        sync(p);
        return bad(p, begin, p->tok.begin);
    }
    struct ast *n = cel_ast_new(p, AST_IDENT, begin, name.end);
    if (!n)
        return NULL;
    n->name = name.value.s;
    n->name_len = name.value.aux;
    n->flags = root ? AST_ROOT : 0;
    n->at = name.begin;
    return n;
}

static struct ast *parse_primary(struct parser *p) {
    const struct token t = p->tok;
    switch (t.type) {
    case TOK_INT:
        if (t.value.u > INT64_MAX) {
            cel_report(p->report, t.begin, t.end, "an int goes up to 9223372036854775807", "number too great for an int");
            advance(p);
            return bad(p, t.begin, t.end);
        }
        return constant(p, cel_int((int64_t)t.value.u));
    case TOK_UINT:
    case TOK_DOUBLE:
    case TOK_STRING:
    case TOK_BYTES: return constant(p, t.value);
    case TOK_TRUE: return constant(p, cel_bool(true));
    case TOK_FALSE: return constant(p, cel_bool(false));
    case TOK_NULL: return constant(p, cel_null());
    case TOK_IDENT:
    case TOK_DOT: return parse_name(p);
    case TOK_LPAREN: {
        advance(p);
        struct ast *n = parse_expr(p);
        if (p->tok.type == TOK_COMMA) {
            cel_report(p->report, p->tok.begin, p->tok.end, "a list stands in [ ]: x in ['a', 'b']", "unexpected ','");
            while (p->tok.type == TOK_COMMA) {
                advance(p);
                sync(p);
            }
            n = bad(p, t.begin, p->tok.begin);
        }
        uint32_t end = close_bracket(p, TOK_RPAREN, t.begin);
        if (n) {
            n->begin = t.begin;
            n->end = end;
            n->flags |= AST_PAREN;
        }
        return n;
    }
    case TOK_LBRACKET: {
        uint32_t end;
        advance(p);
        struct args args = parse_args(p, TOK_RBRACKET, t.begin, true, &end);
        return set_args(p, cel_ast_new(p, AST_LIST, t.begin, end), &args);
    }
    case TOK_LBRACE: return parse_map(p);
    case TOK_BAD: advance(p); return bad(p, t.begin, t.end);
    case TOK_RESERVED:
        cel_report(p->report, t.begin, t.end, word_hint(p), "'%s' is a reserved word and cannot be a name", t.value.s);
        sync(p);
        return bad(p, t.begin, t.end);
    case TOK_QUOTED:
        cel_report(p->report, t.begin, t.end, "as in event.`my-field`; text stands in 'quotes'",
                   "a name in backticks can only stand behind a point");
        advance(p);
        return bad(p, t.begin, t.end);
    default: unexpected(p, "a value"); return bad(p, t.begin, t.begin);
    }
}

static struct ast *parse_select(struct parser *p, struct ast *n) {
    bool opt = false;
    advance(p);
    if (p->tok.type == TOK_QUESTION) {
        opt = true;
        advance(p);
    }
    struct token name = p->tok;
    if (name.type != TOK_IDENT && name.type != TOK_RESERVED && name.type != TOK_QUOTED) {
        if (name.type == TOK_IN || name.type == TOK_TRUE || name.type == TOK_FALSE || name.type == TOK_NULL) {
            cel_report(p->report, name.begin, name.end,
                       cel_hint(p->report, "write it in backticks: `%.*s`", (int)(name.end - name.begin), p->lexer.text + name.begin),
                       "'%.*s' cannot be a field's name as it stands", (int)(name.end - name.begin), p->lexer.text + name.begin);
            advance(p);
        } else
            unexpected(p, "a field's name behind the point");
        return bad(p, n->begin, name.begin);
    }
    advance(p);
    if (p->tok.type == TOK_LPAREN && name.type != TOK_QUOTED && !opt)
        return parse_call(p, n, &name, n->begin, false);
    struct ast *s = cel_ast_new(p, AST_SELECT, n->begin, name.end);
    if (!s)
        return NULL;
    s->a = n;
    s->name = name.value.s;
    s->name_len = name.value.aux;
    s->at = name.begin;
    s->flags = opt ? AST_OPT : 0;
    cel_ast_height(p, s);
    return s;
}

static struct ast *parse_index(struct parser *p, struct ast *n) {
    uint32_t open = p->tok.begin;
    bool opt = false;
    advance(p);
    if (p->tok.type == TOK_QUESTION) {
        opt = true;
        advance(p);
    }
    struct ast *index = parse_expr(p);
    uint32_t end = close_bracket(p, TOK_RBRACKET, open);
    struct ast *s = cel_ast_new(p, AST_INDEX, n->begin, end);
    if (!s)
        return NULL;
    s->a = n;
    s->b = index;
    s->at = open;
    s->flags = opt ? AST_OPT : 0;
    cel_ast_height(p, s);
    return s;
}

static struct ast *parse_postfix(struct parser *p, struct ast *n) {
    while (n && !p->stop) {
        if (p->tok.type == TOK_DOT)
            n = parse_select(p, n);
        else if (p->tok.type == TOK_LBRACKET)
            n = parse_index(p, n);
        else if (p->tok.type == TOK_LBRACE && (n->kind == AST_IDENT || n->kind == AST_SELECT) && !(n->flags & AST_PAREN)) {
            cel_report(p->report, n->begin, n->end, "a map is written {'key': value}", "there is no message type '%s' here", n->name);
            (void)parse_map(p);
            return bad(p, n->begin, p->tok.begin);
        } else
            break;
    }
    return n;
}

static struct ast *operation(struct parser *p, enum node_op op, const struct token *sign, struct ast *a, struct ast *b) {
    struct ast *n = cel_ast_new(p, AST_OP, b ? (a ? a->begin : sign->begin) : sign->begin, b ? b->end : a ? a->end : sign->end);
    if (!n)
        return NULL;
    n->op = (uint8_t)op;
    n->a = a;
    n->b = b;
    n->at = sign->begin;
    n->at_end = sign->end;
    cel_ast_height(p, n);
    return n;
}

static struct ast *parse_unary(struct parser *p) {
    if (p->tok.type != TOK_BANG && p->tok.type != TOK_MINUS)
        return parse_postfix(p, parse_primary(p));
    struct token first = p->tok, last = first;
    size_t count = 0;
    while (p->tok.type == first.type) {
        last = p->tok;
        count++;
        advance(p);
    }
    struct ast *n;
    if (first.type == TOK_MINUS && (p->tok.type == TOK_INT || p->tok.type == TOK_DOUBLE)) { /* -9223372036854775808 is one number */
        struct cel_value v = p->tok.type == TOK_DOUBLE ? cel_double(-p->tok.value.d) : cel_int((int64_t)(0 - p->tok.value.u));
        n = constant(p, v);
        if (n)
            n->begin = last.begin;
        n = parse_postfix(p, n);
        count--;
    } else if (p->tok.type == TOK_BANG || p->tok.type == TOK_MINUS) {
        if (!enter(p))
            return NULL;
        n = parse_unary(p);
        p->depth--;
    } else
        n = parse_postfix(p, parse_primary(p));
    while (count-- && n && !p->stop)
        n = operation(p, first.type == TOK_BANG ? NODE_NOT : NODE_NEG, &first, n, NULL);
    return n;
}

/* -- operators ---------------------------------------------------------------------------------------------------------- */
static int binary(enum token_type t, enum node_op *op) {
    switch (t) {
    case TOK_LT: *op = NODE_LT; return 1;
    case TOK_LE: *op = NODE_LE; return 1;
    case TOK_GT: *op = NODE_GT; return 1;
    case TOK_GE: *op = NODE_GE; return 1;
    case TOK_EQ: *op = NODE_EQ; return 1;
    case TOK_NE: *op = NODE_NE; return 1;
    case TOK_IN: *op = NODE_IN; return 1;
    case TOK_PLUS: *op = NODE_ADD; return 2;
    case TOK_MINUS: *op = NODE_SUB; return 2;
    case TOK_STAR: *op = NODE_MUL; return 3;
    case TOK_SLASH: *op = NODE_DIV; return 3;
    case TOK_PERCENT: *op = NODE_MOD; return 3;
    default: return 0;
    }
}

static struct ast *parse_binary(struct parser *p, int lowest) {
    struct ast *a = parse_unary(p);
    enum node_op op;
    int level;
    while (!p->stop && (level = binary(p->tok.type, &op)) >= lowest && level) {
        struct token sign = p->tok;
        advance(p);
        struct ast *b = parse_binary(p, level + 1);
        a = operation(p, op, &sign, a, b);
    }
    return a;
}

/* && and || have any number of operands: a chain is no nesting. */
static struct ast *parse_logic(struct parser *p, bool is_or) {
    struct ast *first = is_or ? parse_logic(p, false) : parse_binary(p, 1);
    enum token_type sign = is_or ? TOK_OR : TOK_AND;
    if (p->tok.type != sign || p->stop)
        return first;
    struct args args = {0};
    struct token at = p->tok;
    args_add(p, &args, first, false);
    while (p->tok.type == sign && !p->stop) {
        advance(p);
        args_add(p, &args, is_or ? parse_logic(p, false) : parse_binary(p, 1), false);
    }
    struct ast *last = args.count ? args.items[args.count - 1] : NULL;
    struct ast *n = cel_ast_new(p, is_or ? AST_OR : AST_AND, first ? first->begin : at.begin, last ? last->end : at.end);
    if (n) {
        n->at = at.begin;
        n->at_end = at.end;
    }
    return set_args(p, n, &args);
}

static struct ast *parse_expr(struct parser *p) {
    if (!enter(p))
        return NULL;
    struct ast *n = parse_logic(p, true);
    if (p->tok.type == TOK_QUESTION && !p->stop) {
        struct token at = p->tok;
        advance(p);
        bool elvis = p->tok.type == TOK_QUESTION,
             chain = p->tok.type == TOK_DOT && p->tok.begin == at.end; /* a ?? b, a?.b of other languages */
        uint32_t end = p->tok.end;
        struct ast *yes = elvis ? NULL : parse_logic(p, true), *no = NULL;
        if (p->tok.type == TOK_COLON) {
            advance(p);
            no = parse_expr(p);
        } else if ((elvis || chain) && !p->stop) {
            cel_report(p->report, at.begin, end,
                       elvis ? "another value in place of what is missing: x.?a.orValue(0)"
                             : "what may be missing is read with .? and not with ?. : x.?a.orValue(0)",
                       "'?%s' is not part of the language", elvis ? "?" : ".");
            sync(p);
            p->depth--;
            return bad(p, n ? n->begin : at.begin, p->tok.begin);
        } else {
            unexpected(p, "':' and the value otherwise: condition ? value : other value");
        }
        struct ast *cond = cel_ast_new(p, AST_COND, n ? n->begin : at.begin, no ? no->end : p->tok.begin);
        if (cond) {
            cond->a = n;
            cond->b = yes;
            cond->c = no;
            cond->at = at.begin;
            cond->at_end = at.end;
            cel_ast_height(p, cond);
        }
        n = cond;
    }
    p->depth--;
    return n;
}

struct ast *cel_parse(struct arena *arena, struct report *report, const char *text, size_t len, size_t *nodes) {
    struct parser p = {.lexer = {.text = text, .len = len, .arena = arena, .report = report},
                       .arena = arena,
                       .report = report,
                       .nodes = *nodes};
    if (len > CEL_MAX_TEXT) {
        cel_report(report, 0, len, "split it into macros", "the expression is too long (%zu bytes; at most %d)", len, CEL_MAX_TEXT);
        return NULL;
    }
    for (size_t at = 0, n; at < len && !utf8_valid(text, len); at += n)
        if (utf8_next(text + at, len - at, &n) == 0xfffd && !(n == 3 && !memcmp(text + at, "\xef\xbf\xbd", 3))) {
            cel_report(report, at, at + 1, NULL, "the text is not valid UTF-8 at byte %zu", at);
            return NULL;
        }
    advance(&p);
    if (p.tok.type == TOK_END && !p.stop && report->count == 0) {
        cel_report(report, 0, len, NULL, "the expression is empty");
        return NULL;
    }
    struct ast *n = parse_expr(&p);
    while (p.tok.type != TOK_END && !p.stop) { /* what follows is lost, but its own mistakes are worth telling */
        uint32_t at = p.tok.begin;
        bool closer = p.tok.type == TOK_RPAREN || p.tok.type == TOK_RBRACKET || p.tok.type == TOK_RBRACE;
        if (closer && !p.lost)
            cel_report(report, at, p.tok.end, NULL, "'%s' closes nothing", closer_text(p.tok.type));
        else if (!closer)
            unexpected(&p, p.tok.type == TOK_COMMA
                               ? "an operator or the end; one of several is written x in ['a', 'b'], a fraction with a point: 5.5"
                           : p.tok.type == TOK_COLON ? "an operator or the end; a field stands behind a point: event.kind"
                                                     : "an operator or the end");
        if (p.tok.type != TOK_END)
            advance(&p);
        if (p.tok.type != TOK_END && !p.stop && !is_sync(p.tok.type))
            (void)parse_expr(&p);
    }
    if (p.lexer.no_memory)
        cel_report(report, 0, len, NULL, "out of memory");
    *nodes = p.nodes;
    return p.stop ? NULL : n;
}
