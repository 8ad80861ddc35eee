/* SPDX-License-Identifier: Apache-2.0
 * Optional values and base64. orValue() and or() are nodes of the evaluator, because their argument is evaluated only when it is needed;
 * their rows stand here for the checker and the documentation. */
#include "cel_int.h"

static struct cel_value fn_of(const struct call *c) { return cel_some(c->ev, c->argv[0]); }
static struct cel_value fn_none(const struct call *c) {
    (void)c;
    return cel_none();
}

static bool is_zero(struct cel_value v) {
    switch (v.type) {
    case CEL_NULL: return true;
    case CEL_BOOL: return !v.b;
    case CEL_INT: return v.i == 0;
    case CEL_UINT: return v.u == 0;
    case CEL_DOUBLE: return v.d == 0;
    case CEL_STRING:
    case CEL_BYTES: return v.aux == 0;
    case CEL_LIST:
    case CEL_MAP: return v.form == CEL_FORM_JSON ? v.json->child == NULL : cel_size(v) == 0;
    case CEL_DURATION: return v.i == 0 && v.aux == 0;
    case CEL_OPTIONAL: return v.opt == NULL;
    default: return false; /* no timestamp is "nothing": 1970 is a moment like others */
    }
}
static struct cel_value fn_of_non_zero(const struct call *c) { return is_zero(c->argv[0]) ? cel_none() : cel_some(c->ev, c->argv[0]); }
static struct cel_value fn_has_value(const struct call *c) { return cel_bool(c->argv[0].opt != NULL); }
static struct cel_value fn_value(const struct call *c) {
    return c->argv[0].opt ? *c->argv[0].opt : cel_fail(c->ev, c->node, CEL_E_ABSENT, "value() of an optional that has none");
}
static struct cel_value fn_or_value(const struct call *c) { return c->argv[0].opt ? *c->argv[0].opt : c->argv[1]; }
static struct cel_value fn_or(const struct call *c) { return c->argv[0].opt ? c->argv[0] : c->argv[1]; }

static struct cel_value fn_unwrap(const struct call *c) {
    struct iter it;
    struct cel_value key, v;
    struct vec out = {0};
    (void)cel_iter(&it, c->argv[0]);
    while (cel_iter_next(&it, &key, &v)) {
        if (!cel_take(c->ev, 1))
            return cel_out_of_steps(c->ev);
        if (v.type != CEL_OPTIONAL)
            return cel_fail(c->ev, c->node, CEL_E_OVERLOAD, "no such overload: it takes a list of optional values, not of %s",
                            cel_type_word(v.type));
        if (v.opt && !cel_vec_push(c->ev, &out, *v.opt))
            return cel_no_memory();
    }
    return cel_list(out.items, out.count);
}

static struct cel_value fn_encode(const struct call *c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *s = (const unsigned char *)c->argv[0].s;
    size_t len = c->argv[0].aux, at = 0;
    if (!cel_take_text(c->ev, len))
        return cel_out_of_steps(c->ev);
    char *out = cel_alloc(c->ev, (len + 2) / 3 * 4 + 1), *w = out;
    if (!out)
        return cel_no_memory();
    for (; at < len; at += 3) {
        uint32_t v = (uint32_t)s[at] << 16 | (at + 1 < len ? (uint32_t)s[at + 1] << 8 : 0) | (at + 2 < len ? s[at + 2] : 0);
        *w++ = digits[v >> 18];
        *w++ = digits[v >> 12 & 63];
        *w++ = at + 1 < len ? digits[v >> 6 & 63] : '=';
        *w++ = at + 2 < len ? digits[v & 63] : '=';
    }
    *w = '\0';
    return cel_string(out, (size_t)(w - out));
}

static struct cel_value fn_decode(const struct call *c) {
    size_t len;
    if (!cel_take_text(c->ev, c->argv[0].aux))
        return cel_out_of_steps(c->ev);
    if (!c->ev->arena)
        return cel_no_memory();
    void *data = base64_decode(c->ev->arena, c->argv[0].s, c->argv[0].aux, &len);
    return data ? cel_bytes(data, len) : cel_fail(c->ev, c->node, CEL_E_VALUE, "the text is not base64");
}

const struct cel_fn cel_fns_misc[] = {
    {"optional.of(dyn) -> optional", fn_of, "an optional value that is there", "optional.of(5).hasValue() => true"},
    {"optional.none() -> optional", fn_none, "an optional value that is not there", "optional.none().hasValue() => false"},
    {"optional.ofNonZeroValue(dyn) -> optional", fn_of_non_zero, "there unless it is null, 0, false or empty",
     "optional.ofNonZeroValue('').orValue('n/a') => 'n/a'"},
    {"optional.unwrap(list) -> list", fn_unwrap, "the values that are there", "optional.unwrap([optional.of(1), optional.none()]) => [1]"},
    {"list.unwrapOpt() -> list", fn_unwrap, "the values that are there", "[{'a': 1}.?a, {'a': 1}.?b].unwrapOpt() => [1]"},
    {"optional(dyn).hasValue() -> bool", fn_has_value, "whether it is there", "{'a': 1}.?b.hasValue() => false"},
    {"optional(dyn).value() -> dyn", fn_value, "the value; an error when it is not there", "{'a': 1}.?a.value() => 1"},
    {"optional(dyn).orValue(dyn) -> dyn", fn_or_value, "the value, or else the other", "{'a': 1}.?b.orValue(-1) => -1"},
    {"optional(dyn).or(optional) -> optional", fn_or, "itself when it is there, or else the other",
     "{'a': 1}.?b.or({'c': 2}.?c).value() => 2"},
    {"base64.encode(bytes) -> string", fn_encode, "as base64 text", "base64.encode(b'\\x01\\x02') => 'AQI='"},
    {"base64.decode(string) -> bytes", fn_decode, "from base64 text, with or without padding", "base64.decode('AQI=') => b'\\x01\\x02'"},
    {NULL, NULL, NULL, NULL},
};
