/* SPDX-License-Identifier: Apache-2.0
 * The table of functions, read from the signatures in the fn_*.c files: the checker, the evaluator and the documentation use the same text. */
#include "cel_int.h"

#include <stdio.h>

#define MAX_OVERLOADS 192

static const struct cel_fn *const tables[] = {cel_fns_convert, cel_fns_strings, cel_fns_regex, cel_fns_time,
                                              cel_fns_math,    cel_fns_lists,   cel_fns_misc,  cel_fns_net};

static struct overload all[MAX_OVERLOADS];
static size_t count;

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9'); }

/* "int|string", "list(string)": the set at *s, which moves behind it. False when a word is not a type. */
static bool read_types(const char **s, mask_t *ret) {
    *ret = 0;
    for (;;) {
        const char *from = *s;
        mask_t m = 0;
        while (is_word(**s))
            ++*s;
        size_t n = (size_t)(*s - from);
        for (unsigned t = CEL_NULL; t < CEL_ERROR; t++)
            if (strlen(cel_type_word(t)) == n && !memcmp(cel_type_word(t), from, n))
                m = M(t);
        if (n == 6 && !memcmp(from, "number", n))
            m = M_NUMBER;
        if (n == 3 && !memcmp(from, "dyn", n))
            m = M_ANY;
        if (!m)
            return false;
        *ret |= m;
        if (**s == '(') /* what is inside a list is for people */
            while (**s && *(*s)++ != ')')
                ;
        if (**s != '|')
            return true;
        ++*s;
    }
}

bool cel_signature_read(const char *signature, struct overload *ret) {
    struct overload o = {0};
    const char *s = signature, *name = signature;
    mask_t m;
    bool type = strncmp(s, "optional.", 9) != 0 && read_types(&s, &m);
    if (type && *s == '.') {
        o.member = true;
        o.args[o.argc++] = m;
        name = s + 1;
    }
    for (s = name; is_word(*s) || *s == '.';)
        s++;
    o.name = name;
    o.name_len = (size_t)(s - name);
    if (*s++ != '(' || !o.name_len)
        return false;
    while (*s != ')') {
        if (!strncmp(s, "...)", 4)) {
            o.variadic = true;
            s += 3;
            break;
        }
        if (o.argc == sizeof o.args / sizeof *o.args || !read_types(&s, &o.args[o.argc]))
            return false;
        o.argc++;
        if (!strncmp(s, ", ", 2))
            s += 2;
        else if (*s != ')')
            return false;
    }
    if (strncmp(s, ") -> ", 5))
        return false;
    s += 5;
    if (!read_types(&s, &o.result) || *s)
        return false;
    *ret = o;
    return true;
}

size_t cel_overloads(const struct overload **ret) {
    if (count == 0)
        for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
            for (const struct cel_fn *f = tables[t]; f->signature && count < MAX_OVERLOADS; f++)
                if (cel_signature_read(f->signature, &all[count]))
                    all[count++].row = f;
    *ret = all;
    return count;
}

bool cel_function_known(const char *name, size_t len) {
    const struct overload *o;
    size_t n = cel_overloads(&o);
    for (size_t i = 0; i < n; i++)
        if (o[i].name_len == len && !memcmp(o[i].name, name, len))
            return true;
    return false;
}

const char *cel_mask_text(struct arena *a, mask_t m) {
    char text[160];
    size_t at = 0;
    if ((m & M_ANY) == M_ANY)
        return "dyn";
    text[0] = '\0';
    for (unsigned t = CEL_NULL, left = (unsigned)__builtin_popcount(m & M_ANY); t < CEL_ERROR; t++)
        if (m & M(t)) {
            left--;
            int w = snprintf(text + at, sizeof text - at, "%s%s", cel_type_word(t), left > 1 ? ", " : left == 1 ? " or " : "");
            at += w > 0 ? (size_t)w : 0;
            if (at >= sizeof text)
                break;
        }
    const char *copy = a ? arena_strdup(a, text) : NULL;
    return copy ? copy : "?";
}

const char *cel_node_name(enum node_op op) {
    static const char *const names[] = {
#define X(id, name, fn, shows) name,
#include "nodes.h"
#undef X
    };
    return op < NODE_COUNT ? names[op] : "?";
}

/* -- documentation ------------------------------------------------------------------------------------------------------ */
static const struct cel_function_doc operators[] = {
    {"has", "has(x.field) -> bool", "whether the field is there", "has({'a': null}.a) && !has({'a': null}.b) => true"},
    {"?.", "x.?field -> optional", "the field, if it is there", "{'a': 1}.?b.orValue(0) => 0"},
    {"[?]", "x[?key] -> optional", "the element, if it is there", "[7, 8][?5].orValue(0) => 0"},
    {"in", "value in list|map -> bool", "whether the list holds it, or the map has it as a key", "2 in [1, 2] && 'a' in {'a': 1} => true"},
};

const struct cel_function_doc *cel_function_docs(void) {
    static struct cel_function_doc docs[MAX_OVERLOADS + 64];
    static char names[MAX_OVERLOADS][32];
    const struct overload *o;
    size_t n = cel_overloads(&o), at = sizeof operators / sizeof *operators;
    if (docs[0].name)
        return docs;
    memcpy(docs, operators, sizeof operators);
    at += cel_macro_docs(docs + at, 32);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(names[i], sizeof names[i], "%.*s", (int)o[i].name_len, o[i].name);
        docs[at++] = (struct cel_function_doc){names[i], o[i].row->signature, o[i].row->about, o[i].row->example};
    }
    return docs;
}
