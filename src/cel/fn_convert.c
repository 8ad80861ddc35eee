/* SPDX-License-Identifier: Apache-2.0
 * Conversions between types, size(), type(), dyn(). */
#include "cel_int.h"

#include <math.h>
#include <stdio.h>

static struct cel_value identity(const struct call *c) { return c->argv[0]; }

static struct cel_value out_of_range(const struct call *c, const char *to) {
    return cel_fail(c->ev, c->node, CEL_E_RANGE, "the %s is out of the range of %s", cel_type_word(c->argv[0].type), to);
}

static struct cel_value fn_size(const struct call *c) {
    struct cel_value v = c->argv[0];
    size_t n = cel_size(v);
    if (!cel_take(c->ev, v.type == CEL_STRING ? v.aux / 64 : v.type == CEL_BYTES || v.form == CEL_FORM_NATIVE ? 0 : n / 16))
        return cel_out_of_steps(c->ev);
    return cel_int((int64_t)n);
}

static struct cel_value fn_type(const struct call *c) { return cel_type_value(cel_type_name(c->argv[0])); }

static struct cel_value fn_int(const struct call *c) {
    struct cel_value v = c->argv[0];
    switch (v.type) {
    case CEL_UINT: return v.u > INT64_MAX ? out_of_range(c, "int") : cel_int((int64_t)v.u);
    case CEL_DOUBLE: return v.d > -9223372036854775808.0 && v.d < 9223372036854775808.0 ? cel_int((int64_t)v.d) : out_of_range(c, "int");
    case CEL_STRING: return cel_number_of_text(c, CEL_INT);
    case CEL_TIMESTAMP: return cel_int(v.i);
    default: return v;
    }
}

static struct cel_value fn_uint(const struct call *c) {
    struct cel_value v = c->argv[0];
    switch (v.type) {
    case CEL_INT: return v.i < 0 ? out_of_range(c, "uint") : cel_uint((uint64_t)v.i);
    case CEL_DOUBLE: return v.d >= 0 && v.d < 18446744073709551616.0 ? cel_uint((uint64_t)v.d) : out_of_range(c, "uint");
    case CEL_STRING: return cel_number_of_text(c, CEL_UINT);
    default: return v;
    }
}

static struct cel_value fn_double(const struct call *c) {
    double d;
    return cel_as_double(c->argv[0], &d) ? cel_double(d) : cel_number_of_text(c, CEL_DOUBLE);
}

static struct cel_value fn_bool(const struct call *c) {
    static const char *const yes[] = {"1", "t", "true", "TRUE", "True", "T"}, *const no[] = {"0", "f", "false", "FALSE", "False", "F"};
    struct cel_value v = c->argv[0];
    if (v.type == CEL_BOOL)
        return v;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strlen(yes[i]) == v.aux && !memcmp(yes[i], v.s, v.aux))
            return cel_bool(true);
        if (strlen(no[i]) == v.aux && !memcmp(no[i], v.s, v.aux))
            return cel_bool(false);
    }
    return cel_fail(c->ev, c->node, CEL_E_VALUE, "'%.*s' cannot be read as a bool (true, false, 1, 0, t, f)",
                    (int)(v.aux > 64 ? 64 : v.aux), v.s);
}

static struct cel_value fn_bytes(const struct call *c) { return cel_bytes(c->argv[0].s, c->argv[0].aux); }

static struct cel_value fn_string(const struct call *c) {
    struct cel_value v = c->argv[0];
    char text[CEL_NUMBER_TEXT];
    size_t n = 0;
    int w;
    switch (v.type) {
    case CEL_BOOL: return cel_text(v.b ? "true" : "false");
    case CEL_INT:
        w = snprintf(text, sizeof text, "%lld", (long long)v.i);
        n = (size_t)w;
        break;
    case CEL_UINT:
        w = snprintf(text, sizeof text, "%llu", (unsigned long long)v.u);
        n = (size_t)w;
        break;
    case CEL_DOUBLE: n = cel_double_text(v.d, text, sizeof text); break;
    case CEL_TIMESTAMP: n = cel_time_text(v, text, sizeof text); break;
    case CEL_DURATION: n = cel_duration_text(v, text, sizeof text); break;
    case CEL_ADDRESS:
    case CEL_NETWORK: n = cel_net_text(v, text); break;
    case CEL_BYTES:
        if (!cel_take_text(c->ev, v.aux))
            return cel_out_of_steps(c->ev);
        if (!utf8_valid(v.s, v.aux))
            return cel_fail(c->ev, c->node, CEL_E_VALUE, "the bytes are not valid UTF-8");
        v.type = CEL_STRING;
        return v;
    default: return v;
    }
    char *s = cel_alloc(c->ev, n + 1);
    if (!s)
        return cel_no_memory();
    memcpy(s, text, n);
    s[n] = '\0';
    return cel_string(s, n);
}

static struct cel_value fn_timestamp(const struct call *c) {
    struct cel_value v = c->argv[0], r;
    if (v.type == CEL_TIMESTAMP)
        return v;
    if (v.type == CEL_INT)
        return cel_time_make(v.i, 0, &r) ? r : out_of_range(c, "timestamp: years 1 to 9999");
    if (!cel_take_text(c->ev, v.aux))
        return cel_out_of_steps(c->ev);
    return cel_time_of_text(c, v);
}

static struct cel_value fn_duration(const struct call *c) {
    struct cel_value v = c->argv[0], r;
    if (v.type == CEL_DURATION)
        return v;
    if (!cel_take_text(c->ev, v.aux))
        return cel_out_of_steps(c->ev);
    if (cel_duration_parse(v.s, v.aux, &r))
        return r;
    return cel_fail(c->ev, c->node, CEL_E_VALUE, "'%.*s' cannot be read as a duration (90s, 1h30m, 250ms; at most 292 years)",
                    (int)(v.aux > 64 ? 64 : v.aux), v.s);
}

const struct cel_fn cel_fns_convert[] = {
    {"size(string|bytes|list|map) -> int", fn_size, "characters of a text, bytes, elements of a list, entries of a map",
     "size('路灯') => 2"},
    {"string|bytes|list|map.size() -> int", fn_size, "the same", "[4, 5, 6].size() => 3"},
    {"type(dyn) -> type", fn_type, "the type of a value", "type(1.5) == double => true"},
    {"dyn(dyn) -> dyn", identity, "the value itself, its type unknown to the checker", "dyn(1) == dyn('1') => false"},
    {"int(int|uint|double|string|timestamp) -> int", fn_int, "as an int: fractions cut off, text read, seconds since 1970 of a timestamp",
     "int('42') + int(-7.9) => 35"},
    {"uint(int|uint|double|string) -> uint", fn_uint, "as a uint", "uint(7) => 7u"},
    {"double(int|uint|double|string) -> double", fn_double, "as a double", "double('18.5') => 18.5"},
    {"bool(bool|string) -> bool", fn_bool, "as a bool: true, false, 1, 0, t, f", "bool('True') => true"},
    {"bytes(bytes|string) -> bytes", fn_bytes, "the text's bytes in UTF-8", "bytes('灯').size() => 3"},
    {"string(bool|int|uint|double|string|bytes|timestamp|duration|address|network) -> string", fn_string, "as text",
     "string(duration('90m')) => '5400s'"},
    {"timestamp(int|string|timestamp) -> timestamp", fn_timestamp, "from RFC 3339 text or from seconds since 1970",
     "timestamp('2026-01-05T20:00:00+08:00') == timestamp(1767614400) => true"},
    {"duration(string|duration) -> duration", fn_duration, "from text: 90s, 1h30m, 250ms", "duration('1h30m') == duration('90m') => true"},
    {NULL, NULL, NULL, NULL},
};
