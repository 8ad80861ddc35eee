/* SPDX-License-Identifier: Apache-2.0
 * string.format(): the clauses of cel-spec's doc/extensions/strings.md. The text is built in the arena: a growing array that is copied
 * when it is full. */
#include "cel_int.h"

#include <math.h>
#include <stdio.h>

#define MAX_PRECISION 1000 /* as cel-go has it */

struct out {
    const struct call *c;
    char *text;
    size_t len, cap;
    struct cel_value error; /* CEL_NULL while all is well */
};

static bool failed(const struct out *o) { return o->error.type == CEL_ERROR; }

static void put(struct out *o, const char *s, size_t n) {
    if (failed(o) || n == 0)
        return;
    if (!o->text || n > o->cap - o->len) {
        size_t cap = 2 * o->cap > o->len + n ? 2 * o->cap : o->len + n + 64;
        if (cap > CEL_MAX_RESULT + 64) {
            o->error = cel_fail(o->c->ev, o->c->node, CEL_E_RANGE, "the text would have more than %u bytes", CEL_MAX_RESULT);
            return;
        }
        char *text = cel_alloc(o->c->ev, cap + 1);
        if (!text || !cel_take_text(o->c->ev, cap)) {
            o->error = text ? cel_out_of_steps(o->c->ev) : cel_no_memory();
            return;
        }
        if (o->len)
            memcpy(text, o->text, o->len);
        o->text = text;
        o->cap = cap;
    }
    memcpy(o->text + o->len, s, n);
    o->len += n;
}
static void puts_out(struct out *o, const char *s) { put(o, s, strlen(s)); }

/* Bytes as text: each run of what is not UTF-8 becomes one U+FFFD. */
static void put_bytes(struct out *o, struct cel_value v) {
    bool replaced = false;
    size_t n;
    for (size_t at = 0; at < v.aux && !failed(o); at += n) {
        uint32_t cp = utf8_next(v.s + at, v.aux - at, &n);
        bool bad = cp == 0xfffd && !(n == 3 && !memcmp(v.s + at, "\xef\xbf\xbd", 3));
        if (!bad)
            put(o, v.s + at, n);
        else if (!replaced)
            puts_out(o, "\xef\xbf\xbd");
        replaced = bad;
    }
}

static void put_value(struct out *o, struct cel_value v, unsigned depth);

static int entry_order(const struct cel_pair *a, const struct cel_pair *b) {
    int c = 0;
    (void)cel_order(a->key, b->key, &c);
    return c;
}

/* Entries sorted by the text of their keys: each key is written once into the arena, then sorted (insertion for the few entries that maps have, with the
 * steps counted). */
static void put_map(struct out *o, struct cel_value v, unsigned depth) {
    struct ev *e = o->c->ev;
    size_t n = cel_size(v), k = 0;
    struct cel_pair *entries = cel_alloc(e, n * sizeof *entries);
    struct iter it;
    struct cel_value key, value;
    if (!entries || !cel_take(e, n)) {
        o->error = entries ? cel_out_of_steps(e) : cel_no_memory();
        return;
    }
    (void)cel_iter(&it, v);
    while (k < n && !failed(o) && cel_iter_next(&it, &key, &value)) {
        struct out sub = {.c = o->c};
        put_value(&sub, key, depth + 1);
        if (failed(&sub))
            o->error = sub.error;
        entries[k++] = (struct cel_pair){cel_string(sub.text, sub.len), value};
    }
    for (size_t i = 1; i < k && !failed(o); i++) {
        struct cel_pair p = entries[i];
        size_t j = i;
        for (; j && entry_order(&p, &entries[j - 1]) < 0; j--)
            entries[j] = entries[j - 1];
        entries[j] = p;
        if (!cel_take(e, (i - j) / 16))
            o->error = cel_out_of_steps(e);
    }
    puts_out(o, "{");
    for (size_t i = 0; i < k && !failed(o); i++) {
        if (i)
            puts_out(o, ", ");
        put(o, entries[i].key.s, entries[i].key.aux);
        puts_out(o, ": ");
        put_value(o, entries[i].value, depth + 1);
    }
    puts_out(o, "}");
}

static void put_value(struct out *o, struct cel_value v, unsigned depth) {
    char text[CEL_NUMBER_TEXT];
    struct iter it;
    struct cel_value key, item;
    if (failed(o))
        return;
    if (depth > CEL_MAX_VALUE_DEPTH) {
        o->error = cel_fail(o->c->ev, o->c->node, CEL_E_RANGE, "format: the value is nested too deep");
        return;
    }
    switch (v.type) {
    case CEL_NULL: puts_out(o, "null"); break;
    case CEL_BOOL: puts_out(o, v.b ? "true" : "false"); break;
    case CEL_INT:
        (void)snprintf(text, sizeof text, "%lld", (long long)v.i);
        puts_out(o, text);
        break;
    case CEL_UINT:
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v.u);
        puts_out(o, text);
        break;
    case CEL_DOUBLE: put(o, text, cel_double_fixed(v.d, text, sizeof text)); break;
    case CEL_STRING:
    case CEL_TYPE: put(o, v.s, v.aux); break;
    case CEL_BYTES: put_bytes(o, v); break;
    case CEL_TIMESTAMP: put(o, text, cel_time_text(v, text, sizeof text)); break;
    case CEL_DURATION: put(o, text, cel_duration_text(v, text, sizeof text)); break;
    case CEL_ADDRESS:
    case CEL_NETWORK: put(o, text, cel_net_text(v, text)); break;
    case CEL_LIST:
        puts_out(o, "[");
        (void)cel_iter(&it, v);
        for (size_t n = 0; !failed(o) && cel_iter_next(&it, &key, &item); n++) {
            if (!cel_take(o->c->ev, 1)) {
                o->error = cel_out_of_steps(o->c->ev);
                return;
            }
            if (n)
                puts_out(o, ", ");
            put_value(o, item, depth + 1);
        }
        puts_out(o, "]");
        break;
    case CEL_MAP: put_map(o, v, depth); break;
    default:
        o->error = cel_fail(o->c->ev, o->c->node, CEL_E_OVERLOAD, "format: %%s takes what has a text, not %s", cel_type_word(v.type));
        break;
    }
}

static void put_real(struct out *o, char clause, int precision, struct cel_value v) {
    char text[1400]; /* 309 digits, a point and MAX_PRECISION decimals */
    double d = 0;
    (void)cel_as_double(v, &d);
    if (isnan(d) || isinf(d))
        (void)cel_double_fixed(d, text, sizeof text);
    else
        (void)snprintf(text, sizeof text, clause == 'f' ? "%.*f" : "%.*e", precision, d);
    puts_out(o, text);
}

static void put_base(struct out *o, unsigned base, bool upper, struct cel_value v) {
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[72];
    size_t at = sizeof text;
    uint64_t u = v.type == CEL_INT && v.i < 0 ? 0 - v.u : v.type == CEL_BOOL ? v.b : v.u;
    do
        text[--at] = digits[u % base];
    while (u /= base);
    if (v.type == CEL_INT && v.i < 0)
        text[--at] = '-';
    put(o, text + at, sizeof text - at);
}

/* -- clauses ------------------------------------------------------------------------------------------------------------ */
static const struct clause {
    char letter;
    mask_t takes;
    const char *text;
} clauses[] = {
    {'s', M_ANY &(mask_t)~M(CEL_OPTIONAL), "what has a text"},
    {'d', M_NUMBER, "int, uint or double"},
    {'f', M_NUMBER, "int, uint or double"},
    {'e', M_NUMBER, "int, uint or double"},
    {'b', M(CEL_INT) | M(CEL_UINT) | M(CEL_BOOL), "int, uint or bool"},
    {'o', M(CEL_INT) | M(CEL_UINT), "int or uint"},
    {'x', M(CEL_INT) | M(CEL_UINT) | M(CEL_STRING) | M(CEL_BYTES), "int, uint, string or bytes"},
    {'X', M(CEL_INT) | M(CEL_UINT) | M(CEL_STRING) | M(CEL_BYTES), "int, uint, string or bytes"},
};

/* What stands behind a '%' at *at, which moves behind it. NULL: a plain %, or a mistake when *ret_why says so. */
static const struct clause *read_clause(const char *s, size_t len, size_t *at, int *ret_precision, const char **ret_why) {
    *ret_precision = 6;
    *ret_why = NULL;
    if (*at >= len) {
        *ret_why = "a lone % at the end; a per cent sign is written %%";
        return NULL;
    }
    if (s[*at] == '%') {
        ++*at;
        return NULL;
    }
    if (s[*at] == '.') {
        size_t digits = 0;
        *ret_precision = 0;
        for (++*at; *at < len && s[*at] >= '0' && s[*at] <= '9' && *ret_precision <= MAX_PRECISION; ++*at, digits++)
            *ret_precision = *ret_precision * 10 + (s[*at] - '0');
        if (!digits || *ret_precision > MAX_PRECISION || *at >= len) {
            *ret_why = "the precision is written %.2f, with at most 1000";
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++)
        if (clauses[i].letter == s[*at]) {
            ++*at;
            return &clauses[i];
        }
    *ret_why = "behind a % stands one of s d f e b o x X; a per cent sign is written %%";
    return NULL;
}

static void put_clause(struct out *o, const struct clause *clause, int precision, struct cel_value v) {
    char text[CEL_NUMBER_TEXT];
    if (!(clause->takes & M(v.type))) {
        o->error = cel_fail(o->c->ev, o->c->node, CEL_E_OVERLOAD, "format: %%%c takes %s, not %s", clause->letter, clause->text,
                            cel_type_word(v.type));
        return;
    }
    switch (clause->letter) {
    case 's': put_value(o, v, 0); break;
    case 'd':
        if (v.type == CEL_DOUBLE)
            put(o, text, cel_double_fixed(v.d, text, sizeof text));
        else
            put_base(o, 10, false, v);
        break;
    case 'f':
    case 'e': put_real(o, clause->letter, precision, v); break;
    case 'b': put_base(o, 2, false, v); break;
    case 'o': put_base(o, 8, false, v); break;
    default: /* x X */
        if (v.type == CEL_INT || v.type == CEL_UINT)
            put_base(o, 16, clause->letter == 'X', v);
        else
            for (uint32_t i = 0; i < v.aux && !failed(o); i++) {
                (void)snprintf(text, sizeof text, clause->letter == 'X' ? "%02X" : "%02x", (unsigned char)v.s[i]);
                put(o, text, 2);
            }
    }
}

struct cel_value cel_fn_format(const struct call *c) {
    struct cel_value f = c->argv[0], v = cel_null(), key;
    struct out o = {.c = c};
    struct iter it;
    size_t used = 0;
    (void)cel_iter(&it, c->argv[1]);
    for (size_t at = 0; at < f.aux && !failed(&o);) {
        const char *percent = memchr(f.s + at, '%', f.aux - at), *why;
        int precision;
        put(&o, f.s + at, percent ? (size_t)(percent - f.s) - at : f.aux - at);
        if (!percent)
            break;
        at = (size_t)(percent - f.s) + 1;
        const struct clause *clause = read_clause(f.s, f.aux, &at, &precision, &why);
        if (why)
            return cel_fail(c->ev, c->node, CEL_E_VALUE, "format: %s", why);
        if (!clause) {
            put(&o, "%", 1);
            continue;
        }
        if (!cel_iter_next(&it, &key, &v))
            return cel_fail(c->ev, c->node, CEL_E_VALUE, "format: there are more clauses than the %zu value%s", used, used == 1 ? "" : "s");
        used++;
        put_clause(&o, clause, precision, v);
    }
    if (failed(&o))
        return o.error;
    if (o.text)
        o.text[o.len] = '\0';
    return cel_string(o.text, o.len);
}

void cel_check_format(struct compiler *c, const struct ast *n) {
    const struct ast *f = n->args[0], *list = n->args[1];
    const char *why, *text = f->value.s;
    uint32_t used = 0;
    int precision;
    if (f->kind != AST_CONST || list->kind != AST_LIST || list->opt_args)
        return;
    for (size_t at = 0; at < f->value.aux;) {
        if (text[at++] != '%')
            continue;
        const struct clause *clause = read_clause(text, f->value.aux, &at, &precision, &why);
        if (why) {
            cel_mistake(c, NULL, f->begin, f->end, NULL, "format: %s", why);
            return;
        }
        if (!clause)
            continue;
        if (used == list->nargs) {
            cel_mistake(c, NULL, list->begin, list->end, NULL, "format: there are more clauses than the %u value%s", used,
                        used == 1 ? "" : "s");
            return;
        }
        const struct ast *value = list->args[used++];
        if (value && value->kind != AST_BAD && !(clause->takes & value->mask))
            cel_mistake(c, NULL, value->begin, value->end,
                        value->mask == M(CEL_OPTIONAL) ? "x.?field.orValue('') makes a plain value of it"
                        : clause->letter == 's'        ? NULL
                                                       : "%s takes anything that has a text",
                        "format: %%%c takes %s, not %s", clause->letter, clause->text, cel_mask_text(c->arena, value->mask));
    }
    if (used < list->nargs && list->args[used] && !(c->opt && c->opt->no_check))
        cel_warn(c->report, list->args[used]->begin, list->args[used]->end, NULL, "format: no clause takes this value");
}
