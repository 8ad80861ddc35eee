/* SPDX-License-Identifier: Apache-2.0
 * Functions on strings: the standard ones and cel-go's strings extension. Indexes count code points. */
#include "cel_int.h"

#define STEP_TEXT(c, bytes) \
    if (!cel_take_text((c)->ev, (bytes))) \
    return cel_out_of_steps((c)->ev)

static struct cel_value copied(const struct call *c, const char *s, size_t len) {
    STEP_TEXT(c, len);
    if (len > CEL_MAX_RESULT)
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "the text would have more than %u bytes", CEL_MAX_RESULT);
    char *out = cel_alloc(c->ev, len + 1);
    if (!out)
        return cel_no_memory();
    memcpy(out, s, len);
    out[len] = '\0';
    return cel_string(out, len);
}

static const char *find(const char *s, size_t len, struct cel_value sub) { return sub.aux == 0 ? s : memmem(s, len, sub.s, sub.aux); }

static struct cel_value fn_contains(const struct call *c) {
    STEP_TEXT(c, c->argv[0].aux);
    return cel_bool(find(c->argv[0].s, c->argv[0].aux, c->argv[1]) != NULL);
}
static struct cel_value fn_starts_with(const struct call *c) {
    struct cel_value s = c->argv[0], p = c->argv[1];
    STEP_TEXT(c, p.aux);
    return cel_bool(p.aux <= s.aux && !memcmp(s.s, p.s, p.aux));
}
static struct cel_value fn_ends_with(const struct call *c) {
    struct cel_value s = c->argv[0], p = c->argv[1];
    STEP_TEXT(c, p.aux);
    return cel_bool(p.aux <= s.aux && !memcmp(s.s + s.aux - p.aux, p.s, p.aux));
}

/* Byte offset of code point `index`; -1 when the string is shorter. */
static int64_t offset_of(struct cel_value s, int64_t index) {
    size_t at = 0, n;
    while (index > 0 && at < s.aux) {
        (void)utf8_next(s.s + at, s.aux - at, &n);
        at += n;
        index--;
    }
    return index ? -1 : (int64_t)at;
}

static struct cel_value out_of_range(const struct call *c, int64_t index) {
    return cel_fail(c->ev, c->node, CEL_E_RANGE, "index %lld is out of range", (long long)index);
}

static struct cel_value fn_char_at(const struct call *c) {
    struct cel_value s = c->argv[0];
    STEP_TEXT(c, s.aux);
    int64_t at = c->argv[1].i < 0 ? -1 : offset_of(s, c->argv[1].i);
    size_t n = 0;
    if (at < 0)
        return out_of_range(c, c->argv[1].i);
    if ((size_t)at < s.aux)
        (void)utf8_next(s.s + at, s.aux - (size_t)at, &n);
    return cel_string(s.s + at, n);
}

static struct cel_value fn_index_of(const struct call *c) {
    struct cel_value s = c->argv[0];
    int64_t from = c->argc > 2 ? c->argv[2].i : 0, at = 0;
    STEP_TEXT(c, s.aux);
    if (from < 0 || (at = offset_of(s, from)) < 0)
        return out_of_range(c, from);
    const char *hit = find(s.s + at, s.aux - (size_t)at, c->argv[1]);
    return cel_int(hit ? (int64_t)utf8_count(s.s, (size_t)(hit - s.s)) : -1);
}

static struct cel_value fn_last_index_of(const struct call *c) {
    struct cel_value s = c->argv[0], sub = c->argv[1];
    int64_t last = s.aux, limit = -1;
    STEP_TEXT(c, 2 * (size_t)s.aux);
    if (c->argc > 2) {
        if (c->argv[2].i < 0 || (limit = offset_of(s, c->argv[2].i)) < 0)
            return out_of_range(c, c->argv[2].i);
        last = limit;
    }
    if (sub.aux == 0)
        return cel_int((int64_t)utf8_count(s.s, (size_t)last));
    if (sub.aux > s.aux)
        return cel_int(-1);
    if (last > (int64_t)(s.aux - sub.aux))
        last = s.aux - sub.aux;
    for (int64_t at = last; at >= 0; at--) {
        if (s.s[at] == sub.s[0] && !memcmp(s.s + at, sub.s, sub.aux))
            return cel_int((int64_t)utf8_count(s.s, (size_t)at));
        if (at % 64 == 0)
            STEP_TEXT(c, sub.aux);
    }
    return cel_int(-1);
}

static struct cel_value fn_lower(const struct call *c) {
    struct cel_value r = copied(c, c->argv[0].s, c->argv[0].aux);
    for (uint32_t i = 0; r.type == CEL_STRING && i < r.aux; i++) {
        char *p = (char *)(uintptr_t)r.s + i; /* our own copy */
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    return r;
}
static struct cel_value fn_upper(const struct call *c) {
    struct cel_value r = copied(c, c->argv[0].s, c->argv[0].aux);
    for (uint32_t i = 0; r.type == CEL_STRING && i < r.aux; i++) {
        char *p = (char *)(uintptr_t)r.s + i;
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    }
    return r;
}

static struct cel_value fn_replace(const struct call *c) {
    struct cel_value s = c->argv[0], old = c->argv[1], new = c->argv[2];
    int64_t limit = c->argc > 3 ? c->argv[3].i : -1;
    const char *at = s.s, *end = s.s + s.aux, *hit;
    size_t hits = 0, len, n;
    STEP_TEXT(c, s.aux);
    /* An empty text to be replaced stands before each character and at the end. */
    for (const char *p = s.s; limit < 0 || (int64_t)hits < limit;) {
        hit = find(p, (size_t)(end - p), old);
        if (!hit)
            break;
        hits++;
        if (old.aux)
            p = hit + old.aux;
        else if (p == end)
            break;
        else {
            (void)utf8_next(p, (size_t)(end - p), &n);
            p += n;
        }
    }
    if (hits == 0)
        return s;
    len = s.aux - hits * old.aux;
    if (new.aux && hits > CEL_MAX_RESULT / new.aux)
        len = (size_t)CEL_MAX_RESULT + 1;
    else
        len += hits * new.aux;
    if (len > CEL_MAX_RESULT)
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "the text would have more than %u bytes", CEL_MAX_RESULT);
    STEP_TEXT(c, len);
    char *out = cel_alloc(c->ev, len + 1), *w = out;
    if (!out)
        return cel_no_memory();
    for (; hits; hits--) {
        hit = find(at, (size_t)(end - at), old);
        memcpy(w, at, (size_t)(hit - at));
        w += hit - at;
        memcpy(w, new.s, new.aux);
        w += new.aux;
        at = hit + old.aux;
        if (!old.aux && at < end) {
            (void)utf8_next(at, (size_t)(end - at), &n);
            memcpy(w, at, n);
            w += n;
            at += n;
        }
    }
    memcpy(w, at, (size_t)(end - at));
    out[len] = '\0';
    return cel_string(out, len);
}

static struct cel_value fn_split(const struct call *c) {
    struct cel_value s = c->argv[0], sep = c->argv[1];
    int64_t limit = c->argc > 2 ? c->argv[2].i : -1;
    const char *at = s.s, *end = s.s + s.aux;
    struct vec out = {0};
    STEP_TEXT(c, s.aux);
    if (limit == 0)
        return cel_list(NULL, 0);
    while (limit < 0 || (int64_t)out.count + 1 < limit) {
        const char *hit;
        size_t n;
        if (!cel_take(c->ev, 1))
            return cel_out_of_steps(c->ev);
        if (sep.aux)
            hit = find(at, (size_t)(end - at), sep);
        else { /* every character on its own */
            if (at == end)
                break;
            (void)utf8_next(at, (size_t)(end - at), &n);
            hit = at + n < end ? at + n : NULL;
        }
        if (!hit)
            break;
        if (!cel_vec_push(c->ev, &out, cel_string(at, (size_t)(hit - at))))
            return cel_no_memory();
        at = hit + sep.aux;
    }
    if ((sep.aux || at < end) && !cel_vec_push(c->ev, &out, cel_string(at, (size_t)(end - at))))
        return cel_no_memory();
    return cel_list(out.items, out.count);
}

static struct cel_value fn_join(const struct call *c) {
    struct cel_value sep = c->argc > 1 ? c->argv[1] : cel_string("", 0), key, v;
    struct iter it;
    size_t len = 0, n = 0;
    (void)cel_iter(&it, c->argv[0]);
    for (; cel_iter_next(&it, &key, &v); n++) {
        if (v.type != CEL_STRING)
            return cel_fail(c->ev, c->node, CEL_E_OVERLOAD, "no such overload: join() takes a list of strings, not of %s",
                            cel_type_word(v.type));
        if (!cel_take(c->ev, 1 + (size_t)v.aux / 64))
            return cel_out_of_steps(c->ev);
        len += v.aux + (n ? sep.aux : 0);
        if (len > CEL_MAX_RESULT)
            return cel_fail(c->ev, c->node, CEL_E_RANGE, "the text would have more than %u bytes", CEL_MAX_RESULT);
    }
    STEP_TEXT(c, len);
    char *out = cel_alloc(c->ev, len + 1), *w = out;
    if (!out)
        return cel_no_memory();
    (void)cel_iter(&it, c->argv[0]);
    for (n = 0; cel_iter_next(&it, &key, &v); n++) {
        if (n) {
            memcpy(w, sep.s, sep.aux);
            w += sep.aux;
        }
        memcpy(w, v.s, v.aux);
        w += v.aux;
    }
    *w = '\0';
    return cel_string(out, len);
}

static struct cel_value fn_substring(const struct call *c) {
    struct cel_value s = c->argv[0];
    int64_t from = c->argv[1].i, to = c->argc > 2 ? c->argv[2].i : -1, a, b = s.aux;
    STEP_TEXT(c, 2 * (size_t)s.aux);
    if (from < 0 || (a = offset_of(s, from)) < 0)
        return out_of_range(c, from);
    if (c->argc > 2) {
        if (to < 0 || (b = offset_of(s, to)) < 0)
            return out_of_range(c, to);
        if (to < from)
            return cel_fail(c->ev, c->node, CEL_E_RANGE, "substring(%lld, %lld): the end lies before the beginning", (long long)from,
                            (long long)to);
    }
    return cel_string(s.s + a, (size_t)(b - a));
}

/* White_Space of Unicode. */
static bool is_space(uint32_t cp) {
    return (cp >= 9 && cp <= 13) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static struct cel_value fn_trim(const struct call *c) {
    struct cel_value s = c->argv[0];
    size_t from = 0, to = 0, n;
    STEP_TEXT(c, s.aux);
    while (from < s.aux && is_space(utf8_next(s.s + from, s.aux - from, &n)))
        from += n;
    for (size_t at = to = from; at < s.aux; at += n)
        if (!is_space(utf8_next(s.s + at, s.aux - at, &n)))
            to = at + n;
    return cel_string(s.s + from, to - from);
}

static struct cel_value fn_reverse(const struct call *c) {
    struct cel_value s = c->argv[0];
    STEP_TEXT(c, s.aux);
    char *out = cel_alloc(c->ev, (size_t)s.aux + 1);
    size_t n;
    if (!out)
        return cel_no_memory();
    for (size_t at = 0; at < s.aux; at += n) {
        (void)utf8_next(s.s + at, s.aux - at, &n);
        memcpy(out + s.aux - at - n, s.s + at, n);
    }
    out[s.aux] = '\0';
    return cel_string(out, s.aux);
}

static struct cel_value fn_quote(const struct call *c) {
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    struct cel_value s = c->argv[0];
    STEP_TEXT(c, s.aux);
    if (s.aux > CEL_MAX_RESULT / 4)
        return cel_fail(c->ev, c->node, CEL_E_RANGE, "the text would have more than %u bytes", CEL_MAX_RESULT);
    char *out = cel_alloc(c->ev, 3 * (size_t)s.aux + 3), *w = out; /* an invalid byte becomes U+FFFD: three */
    size_t n;
    if (!out)
        return cel_no_memory();
    *w++ = '"';
    for (size_t at = 0; at < s.aux; at += n) {
        uint32_t cp = utf8_next(s.s + at, s.aux - at, &n);
        const char *esc = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
        if (esc) {
            *w++ = '\\';
            *w++ = to[esc - from];
        } else
            w += utf8_put(cp, w);
    }
    *w++ = '"';
    *w = '\0';
    return cel_string(out, (size_t)(w - out));
}

const struct cel_fn cel_fns_strings[] = {
    {"string.contains(string) -> bool", fn_contains, "whether the text holds the other", "'lamp-7'.contains('-7') => true"},
    {"string.startsWith(string) -> bool", fn_starts_with, "whether the text begins with the other", "'lamp-7'.startsWith('lamp') => true"},
    {"string.endsWith(string) -> bool", fn_ends_with, "whether the text ends with the other", "'lamp-7'.endsWith('-8') => false"},
    {"string.charAt(int) -> string", fn_char_at, "the character at a place; empty at the very end", "'东门1号'.charAt(2) => '1'"},
    {"string.indexOf(string) -> int", fn_index_of, "where the other first stands, or -1", "'a=1;b=2'.indexOf('=') => 1"},
    {"string.indexOf(string, int) -> int", fn_index_of, "the same, searched from a place on", "'a=1;b=2'.indexOf('=', 3) => 5"},
    {"string.lastIndexOf(string) -> int", fn_last_index_of, "where the other last stands, or -1", "'a/b/c'.lastIndexOf('/') => 3"},
    {"string.lastIndexOf(string, int) -> int", fn_last_index_of, "the same, beginning at that place or before it",
     "'a/b/c'.lastIndexOf('/', 2) => 1"},
    {"string.lowerAscii() -> string", fn_lower, "A to Z become a to z", "'Gate ON'.lowerAscii() => 'gate on'"},
    {"string.upperAscii() -> string", fn_upper, "a to z become A to Z", "'on'.upperAscii() => 'ON'"},
    {"string.replace(string, string) -> string", fn_replace, "every occurrence of the first replaced by the second",
     "'00:1a:2b'.replace(':', '') => '001a2b'"},
    {"string.replace(string, string, int) -> string", fn_replace, "the same for the first so many; all when negative",
     "'00:1a:2b'.replace(':', '-', 1) => '00-1a:2b'"},
    {"string.split(string) -> list(string)", fn_split, "the parts between the separators", "'120.1,30.2'.split(',') => ['120.1', '30.2']"},
    {"string.split(string, int) -> list(string)", fn_split, "the same, at most so many parts; all when negative",
     "'a:b:c'.split(':', 2) => ['a', 'b:c']"},
    {"list(string).join() -> string", fn_join, "all texts in a row", "['2', '楼'].join() => '2楼'"},
    {"list(string).join(string) -> string", fn_join, "all texts in a row with a separator between them",
     "['lamp-1', 'lamp-2'].join(', ') => 'lamp-1, lamp-2'"},
    {"string.substring(int) -> string", fn_substring, "from a place to the end", "'lamp-12'.substring(5) => '12'"},
    {"string.substring(int, int) -> string", fn_substring, "from a place up to before another", "'20260105'.substring(4, 6) => '01'"},
    {"string.trim() -> string", fn_trim, "without white space at both ends", "'  open \\n'.trim() => 'open'"},
    {"string.reverse() -> string", fn_reverse, "the characters in reverse order", "'abc'.reverse() => 'cba'"},
    {"strings.quote(string) -> string", fn_quote, "the text in quotes, with escapes", "strings.quote('a \"b\"') => '\"a \\\\\"b\\\\\"\"'"},
    {"string.format(list) -> string", cel_fn_format, "%s %d %f %e %b %o %x %X filled in, %.2f with decimals",
     "'%s: %.1f W, %d'.format(['lamp-7', 18.26, 3]) => 'lamp-7: 18.3 W, 3'"},
    {NULL, NULL, NULL, NULL},
};
