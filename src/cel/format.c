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
    if (n > o->cap - o->len) {
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

static void wrong(struct out *o, const char *clause, const char *takes, struct cel_value v) {
    if (!failed(o))
        o->error = cel_fail(o->c->ev, o->c->node, CEL_E_OVERLOAD, "format: %s takes %s, not %s", clause, takes, cel_type_word(v.type));
}

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
        snprintf(text, sizeof text, "%lld", (long long)v.i);
        puts_out(o, text);
        break;
    case CEL_UINT:
        snprintf(text, sizeof text, "%llu", (unsigned long long)v.u);
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
    default: wrong(o, "%s", "values that have a text", v); break;
    }
}

static void put_real(struct out *o, char clause, int precision, struct cel_value v) {
    char text[1400]; /* 309 digits, a point and MAX_PRECISION decimals */
    double d;
    if (!cel_as_double(v, &d)) {
        wrong(o, clause == 'f' ? "%f" : "%e", "int, uint or double", v);
        return;
    }
    if (isnan(d) || isinf(d))
        (void)cel_double_fixed(d, text, sizeof text);
    else
        snprintf(text, sizeof text, clause == 'f' ? "%.*f" : "%.*e", precision, d);
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

static void put_clause(struct out *o, char clause, int precision, struct cel_value v) {
    char text[CEL_NUMBER_TEXT];
    bool whole = v.type == CEL_INT || v.type == CEL_UINT;
    switch (clause) {
    case 's': put_value(o, v, 0); break;
    case 'd':
        if (whole)
            put_base(o, 10, false, v);
        else if (v.type == CEL_DOUBLE)
            put(o, text, cel_double_fixed(v.d, text, sizeof text));
        else
            wrong(o, "%d", "int, uint or double", v);
        break;
    case 'f':
    case 'e': put_real(o, clause, precision, v); break;
    case 'b':
        if (whole || v.type == CEL_BOOL)
            put_base(o, 2, false, v);
        else
            wrong(o, "%b", "int, uint or bool", v);
        break;
    case 'o':
        if (whole)
            put_base(o, 8, false, v);
        else
            wrong(o, "%o", "int or uint", v);
        break;
    default: /* x X */
        if (whole)
            put_base(o, 16, clause == 'X', v);
        else if (v.type == CEL_STRING || v.type == CEL_BYTES)
            for (uint32_t i = 0; i < v.aux && !failed(o); i++) {
                snprintf(text, sizeof text, clause == 'X' ? "%02X" : "%02x", (unsigned char)v.s[i]);
                put(o, text, 2);
            }
        else
            wrong(o, "%x", "int, uint, string or bytes", v);
    }
}

struct cel_value cel_fn_format(const struct call *c) {
    struct cel_value f = c->argv[0], v = cel_null(), key;
    struct out o = {.c = c};
    struct iter it;
    size_t used = 0;
    (void)cel_iter(&it, c->argv[1]);
    for (size_t at = 0; at < f.aux && !failed(&o);) {
        const char *percent = memchr(f.s + at, '%', f.aux - at);
        size_t n = percent ? (size_t)(percent - f.s) - at : f.aux - at;
        put(&o, f.s + at, n);
        at += n;
        if (!percent)
            break;
        if (++at >= f.aux)
            return cel_fail(c->ev, c->node, CEL_E_VALUE, "format: a lone %% at the end; a per cent sign is written %%%%");
        if (f.s[at] == '%') {
            put(&o, "%", 1);
            at++;
            continue;
        }
        int precision = 6;
        if (f.s[at] == '.') {
            size_t digits = 0;
            precision = 0;
            for (at++; at < f.aux && f.s[at] >= '0' && f.s[at] <= '9' && precision <= MAX_PRECISION; at++, digits++)
                precision = precision * 10 + (f.s[at] - '0');
            if (!digits || precision > MAX_PRECISION || at >= f.aux)
                return cel_fail(c->ev, c->node, CEL_E_VALUE, "format: the precision is written %%.2f, with at most %d", MAX_PRECISION);
        }
        if (!strchr("sdfebxXo", f.s[at]) || !f.s[at])
            return cel_fail(c->ev, c->node, CEL_E_VALUE, "format: unknown clause %%%.*s; there are %%s %%d %%f %%e %%b %%o %%x %%X",
                            (unsigned char)f.s[at] < 0x80 ? 1 : 0, f.s + at);
        if (!cel_iter_next(&it, &key, &v))
            return cel_fail(c->ev, c->node, CEL_E_VALUE, "format: there are more clauses than the %zu value%s", used, used == 1 ? "" : "s");
        used++;
        put_clause(&o, f.s[at++], precision, v);
    }
    if (failed(&o))
        return o.error;
    if (o.text)
        o.text[o.len] = '\0';
    return cel_string(o.text, o.len);
}
