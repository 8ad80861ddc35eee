/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions: PCRE2 held to what RE2 has, with its work counted in evaluation steps. A callout before every item of the pattern counts the
 * items tried and the text gone over, so that a pattern that explodes ends with the step budget and not with the patience of a watchdog. JIT stays off. */
#include "cel_int.h"

#include <stdio.h>

#define MAX_PATTERN 2048
#define MAX_GROUPS 32
#define MAX_COUNT 1000 /* a{1000} */

struct budget {
    struct ev *ev;
    size_t last;  /* where in the text the last callout was */
    size_t units; /* sixteenths of a step */
};

static int count_work(pcre2_callout_block *b, void *data) {
    struct budget *w = data;
    size_t moved = b->current_position > w->last ? b->current_position - w->last : w->last - b->current_position;
    w->last = b->current_position;
    w->units += 1 + moved / 4;
    if (w->units >= 16) {
        if (!cel_take(w->ev, w->units / 16))
            return PCRE2_ERROR_CALLOUT;
        w->units %= 16;
    }
    return 0;
}

/* -- what PCRE2 has and RE2 has not ------------------------------------------------------------------------------------- */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_octal(char c) { return c >= '0' && c <= '7'; }
static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* An escape: s is at the backslash, n > 1 bytes are left. Gives its length; 0: RE2 has none such, and *ret_why says so. */
static size_t escape_len(const char *s, size_t n, bool class, const char **ret_why) {
    char c = s[1], d = n > 2 ? s[2] : '\0';
    *ret_why = "this escape is not part of RE2";
    if (c >= '1' && c <= '9' && !(c <= '7' && is_octal(d))) {
        *ret_why = "back references are not part of RE2";
        return 0;
    }
    if (is_letter(c) && !strchr(class ? "dDsSwWpPafnrtvx" : "dDsSwWpPafnrtvxAbBzQ", c))
        return 0;
    if ((c == 'x' || c == 'p' || c == 'P') && d == '{') {
        const char *end = memchr(s, '}', n);
        return end ? (size_t)(end - s) + 1 : n;
    }
    if (c == 'x' && !(is_hex(d) && n > 3 && is_hex(s[3]))) {
        *ret_why = "\\x is followed by two hexadecimal digits, or by a number in {braces}";
        return 0;
    }
    return c == 'x' ? 4 : c == 'p' || c == 'P' ? 3 : 2;
}

/* A class, s at its '['. The length up to its ']'; 0 as above, *ret_at counts from s. */
static size_t class_len(const char *s, size_t n, const char **ret_why, size_t *ret_at) {
    size_t i = 1 + (n > 1 && s[1] == '^');
    if (i < n && s[i] == ']') /* right at the beginning it stands for itself */
        i++;
    while (i < n && s[i] != ']') {
        size_t step = 1;
        if (s[i] == '\\' && i + 1 < n && (step = escape_len(s + i, n - i, true, ret_why)) == 0) {
            *ret_at = i;
            return 0;
        }
        const char *end = s[i] == '[' && i + 1 < n && s[i + 1] == ':' ? memmem(s + i + 2, n - i - 2, ":]", 2) : NULL;
        i = end ? (size_t)(end - s) + 2 : i + step;
    }
    return i < n ? i + 1 : n;
}

/* "*", "+?", "{2,5}": its length with the '?' behind it; 0 when none stands here. *ret_max: the greatest count that it names. */
static size_t repetition_len(const char *s, size_t n, unsigned *ret_max) {
    size_t i = 1;
    unsigned count = 0;
    *ret_max = 0;
    if (s[0] == '{') { /* what is no count is plain text */
        size_t digits = 0;
        for (; i < n && (is_digit(s[i]) || (s[i] == ',' && digits && !memchr(s, ',', i))); i++) {
            digits++;
            count = s[i] == ',' ? 0 : count * 10 + (unsigned)(s[i] - '0');
            count = count > 9999 ? 9999 : count;
            *ret_max = count > *ret_max ? count : *ret_max;
        }
        if (!digits || i >= n || s[i++] != '}')
            return 0;
    } else if (s[0] != '*' && s[0] != '+' && s[0] != '?')
        return 0;
    return i + (i < n && s[i] == '?');
}

static const char *group_why(const char *s, size_t n) {
    char c = n > 2 ? s[2] : '\0', d = n > 3 ? s[3] : '\0';
    if (n > 1 && s[1] == '*')
        return "nothing stands before *";
    if (n < 3 || s[1] != '?' || c == ':' || (c == 'P' && d == '<') || (c == '<' && d != '=' && d != '!') || strchr("imsU-", c))
        return NULL;
    return "look-ahead, look-behind, atomic groups, conditions and recursion are not part of RE2";
}

/* NULL when RE2 has all of it (what neither has is PCRE2's to tell), or why not, and where. */
static const char *beyond_re2(const char *s, size_t len, size_t *ret_at) {
    const char *why = NULL;
    bool repeated = false;
    unsigned max;
    for (size_t i = 0, n; i < len && !why; i += n) {
        size_t left = len - i, inside = 0;
        *ret_at = i;
        n = repetition_len(s + i, left, &max);
        if (n) {
            if (repeated)
                why = "one repetition stands behind another; RE2 wants brackets between them: (?:a+)*";
            else if (max > MAX_COUNT)
                why = "a repetition counts up to 1000";
            repeated = true;
            continue;
        }
        repeated = false;
        n = 1;
        if (s[i] == '\\' && left > 1) {
            n = escape_len(s + i, left, false, &why);
            if (n && s[i + 1] == 'Q') {
                const char *end = memmem(s + i, left, "\\E", 2);
                n = end ? (size_t)(end - s) - i + 2 : left;
            }
        } else if (s[i] == '[')
            n = class_len(s + i, left, &why, &inside);
        else if (s[i] == '(') {
            why = group_why(s + i, left);
            n = left > 1 && s[i + 1] == '?' ? 2 : 1;
            continue;
        }
        *ret_at += inside;
        if (n)
            why = NULL;
    }
    return why;
}

struct cel_regex *cel_regex_new(struct arena *a, const char *pattern, size_t len, const char **ret_message, size_t *ret_at) {
    struct cel_regex *r = arena_zalloc(a, sizeof *r);
    int code;
    PCRE2_SIZE at = 0;
    uint32_t back = 0;
    *ret_message = "out of memory";
    *ret_at = 0;
    if (!r)
        return NULL;
    if (len > MAX_PATTERN) {
        *ret_message = "the pattern is longer than 2048 bytes";
        return NULL;
    }
    *ret_message = beyond_re2(pattern, len, ret_at);
    if (*ret_message)
        return NULL;
    pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
    if (!cc) {
        *ret_message = "out of memory";
        return NULL;
    }
    (void)pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
    (void)pcre2_set_parens_nest_limit(cc, 64);
    r->code = pcre2_compile((PCRE2_SPTR)pattern, len, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C,
                            &code, &at, cc);
    pcre2_compile_context_free(cc);
    if (!r->code) {
        char text[160] = "not valid";
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        *ret_message = arena_strdup(a, text);
        if (!*ret_message)
            *ret_message = "not valid";
        *ret_at = at;
        return NULL;
    }
    r->context = pcre2_match_context_create(NULL);
    r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
    (void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->groups);
    (void)pcre2_pattern_info(r->code, PCRE2_INFO_BACKREFMAX, &back);
    *ret_message = !r->context || !r->data  ? "out of memory"
                   : back                   ? "back references are not part of RE2"
                   : r->groups > MAX_GROUPS ? "the pattern has too many groups (at most 32)"
                                            : NULL;
    if (*ret_message) {
        cel_regex_done(r);
        return NULL;
    }
    (void)pcre2_set_match_limit(r->context, 1000000);
    (void)pcre2_set_heap_limit(r->context, 1024); /* kibibytes */
    return r;
}

void cel_regex_done(struct cel_regex *r) {
    pcre2_match_data_free(r->data);
    pcre2_match_context_free(r->context);
    pcre2_code_free(r->code);
    r->data = NULL;
    r->context = NULL;
    r->code = NULL;
}

int cel_regex_match(struct ev *e, const struct cel_regex *r, const char *s, size_t len, size_t from) {
    struct budget w = {.ev = e, .last = from};
    if (!cel_take(e, 4 + (len - from) / 64))
        return -CEL_E_STEPS;
    (void)pcre2_set_callout(r->context, count_work, &w);
    /* Text that is not valid UTF-8 is an error of the match, told by PCRE2. */
    int rc = pcre2_match(r->code, (PCRE2_SPTR)s, len, from, 0, r->data, r->context);
    if (rc > 0)
        return rc;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    return e->steps == 0 ? -CEL_E_STEPS : -CEL_E_REGEX;
}

/* -- functions ---------------------------------------------------------------------------------------------------------- */
/* The program's own; or, of a pattern that is computed, compiled for this one call. */
static bool pattern_of(const struct call *c, struct cel_value pattern, struct cel_regex **ret, struct cel_value *ret_error) {
    const char *message;
    size_t at;
    if (c->node->extra) {
        *ret = (struct cel_regex *)(uintptr_t)c->node->extra; /* what it holds of a match changes */
        return true;
    }
    if (!c->ev->arena) {
        *ret_error = cel_no_memory();
        return false;
    }
    if (!cel_take(c->ev, 16 + pattern.aux)) { /* compiling costs more than matching does */
        *ret_error = cel_out_of_steps(c->ev);
        return false;
    }
    *ret = cel_regex_new(c->ev->arena, pattern.s, pattern.aux, &message, &at);
    if (!*ret)
        *ret_error = cel_fail(c->ev, c->node, CEL_E_REGEX, "the regular expression is not valid at byte %zu: %s", at, message);
    return *ret != NULL;
}

static void pattern_done(const struct call *c, struct cel_regex *r) {
    if (r != c->node->extra)
        cel_regex_done(r);
}

static struct cel_value failed(const struct call *c, int rc) {
    return rc == -CEL_E_STEPS ? cel_out_of_steps(c->ev)
                              : cel_fail(c->ev, c->node, CEL_E_REGEX, "the regular expression could not be matched");
}

static struct cel_value fn_matches(const struct call *c) {
    struct cel_regex *r;
    struct cel_value error;
    if (!pattern_of(c, c->argv[1], &r, &error))
        return error;
    int rc = cel_regex_match(c->ev, r, c->argv[0].s, c->argv[0].aux, 0);
    pattern_done(c, r);
    return rc < 0 ? failed(c, rc) : cel_bool(rc > 0);
}

/* Behind an empty match the search goes on one character further. */
static size_t next_from(struct cel_value s, const PCRE2_SIZE *v) {
    size_t n = 1;
    if (v[1] > v[0])
        return v[1];
    if (v[1] < s.aux)
        (void)utf8_next(s.s + v[1], s.aux - v[1], &n);
    return v[1] + n;
}

static struct cel_value captured(struct cel_value s, const struct cel_regex *r, const PCRE2_SIZE *v) {
    unsigned k = r->groups ? 1 : 0;
    if (v[2 * k] == PCRE2_UNSET)
        return cel_string("", 0);
    return cel_string(s.s + v[2 * k], v[2 * k + 1] - v[2 * k]);
}

static struct cel_value extract(const struct call *c, bool every) {
    struct cel_value s = c->argv[0], result = cel_none();
    struct cel_regex *r;
    struct vec out = {0};
    if (!pattern_of(c, c->argv[1], &r, &result))
        return result;
    if (r->groups > 1)
        result = cel_fail(c->ev, c->node, CEL_E_REGEX, CEL_GROUPS_WRONG);
    else
        for (size_t from = 0; from <= s.aux;) {
            int rc = cel_regex_match(c->ev, r, s.s, s.aux, from);
            const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
            if (rc < 0)
                result = failed(c, rc);
            if (rc <= 0)
                break;
            if (!every) {
                result = r->groups && v[2] == PCRE2_UNSET ? cel_none() : cel_some(c->ev, captured(s, r, v));
                break;
            }
            if (!(r->groups && v[2] == PCRE2_UNSET) && !cel_vec_push(c->ev, &out, captured(s, r, v))) {
                result = cel_no_memory();
                break;
            }
            from = next_from(s, v);
        }
    pattern_done(c, r);
    return every && result.type != CEL_ERROR ? cel_list(out.items, out.count) : result;
}
static struct cel_value fn_extract(const struct call *c) { return extract(c, false); }
static struct cel_value fn_extract_all(const struct call *c) { return extract(c, true); }

bool cel_replacement_ok(struct cel_value with, const struct cel_regex *r) {
    for (size_t i = 0; i < with.aux; i++) {
        if (with.s[i] != '\\')
            continue;
        char d = i + 1 < with.aux ? with.s[++i] : '\0';
        if (d != '\\' && !(d >= '0' && d <= '9' && (unsigned)(d - '0') <= r->groups))
            return false;
    }
    return true;
}

/* The replacement with \0 to \9 filled in. False: *ret_error. */
static bool put_replacement(const struct call *c, struct buf *b, struct cel_value s, struct cel_value with, const struct cel_regex *r,
                            const PCRE2_SIZE *v, struct cel_value *ret_error) {
    for (size_t i = 0; i < with.aux; i++) {
        if (with.s[i] != '\\') {
            buf_putc(b, with.s[i]);
            continue;
        }
        char d = i + 1 < with.aux ? with.s[++i] : '\0';
        if (d == '\\')
            buf_putc(b, '\\');
        else if (d >= '0' && d <= '9' && (unsigned)(d - '0') <= r->groups) {
            size_t k = 2 * (size_t)(d - '0');
            if (v[k] != PCRE2_UNSET)
                buf_put(b, s.s + v[k], v[k + 1] - v[k]);
        } else {
            *ret_error = cel_fail(c->ev, c->node, CEL_E_VALUE, CEL_REPLACEMENT_WRONG, r->groups);
            return false;
        }
    }
    return true;
}

static struct cel_value fn_replace(const struct call *c) {
    struct cel_value s = c->argv[0], result = cel_null();
    int64_t limit = c->argc > 3 ? c->argv[3].i : -1;
    struct cel_regex *r;
    struct buf b;
    size_t from = 0, copied = 0;
    if (!pattern_of(c, c->argv[1], &r, &result))
        return result;
    buf_init(&b, CEL_MAX_RESULT);
    for (; limit != 0 && from <= s.aux; limit--) {
        int rc = cel_regex_match(c->ev, r, s.s, s.aux, from);
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
        if (rc < 0)
            result = failed(c, rc);
        if (rc <= 0)
            break;
        buf_put(&b, s.s + copied, v[0] - copied);
        if (!put_replacement(c, &b, s, c->argv[2], r, v, &result))
            break;
        copied = v[1];
        from = next_from(s, v);
    }
    buf_put(&b, s.s + copied, s.aux - copied);
    if (result.type != CEL_ERROR) {
        char *out = b.failed ? NULL : arena_strndup(c->ev->arena, b.data, b.len);
        if (!cel_take_text(c->ev, b.len))
            result = cel_out_of_steps(c->ev);
        else
            result = out ? cel_string(out, b.len) : cel_no_memory();
    }
    buf_done(&b);
    pattern_done(c, r);
    return result;
}

const struct cel_fn cel_fns_regex[] = {
    {"string.matches(string) -> bool", fn_matches,
     "whether the regular expression (RE2) fits a part of the text; ^ and $ hold it to the ends",
     "'door-12'.matches('^door-[0-9]+$') => true"},
    {"matches(string, string) -> bool", fn_matches, "the same as text.matches(pattern)", "matches('door-12', '[a-z]{5}') => false"},
    {"regex.extract(string, string) -> optional", fn_extract, "the first match, or its one group",
     "regex.extract('T=21.5', 'T=([0-9.]+)').value() => '21.5'"},
    {"regex.extractAll(string, string) -> list(string)", fn_extract_all, "every match, or its one group",
     "regex.extractAll('1,22,333', '[0-9]{2,}') => ['22', '333']"},
    {"regex.replace(string, string, string) -> string", fn_replace, "every match replaced; \\1 stands for the first group",
     "regex.replace('21.5C', '([0-9.]+)C', '\\\\1 °C') => '21.5 °C'"},
    {"regex.replace(string, string, string, int) -> string", fn_replace, "the same for the first so many; all when negative",
     "regex.replace('a-b-c', '-', '+', 1) => 'a+b-c'"},
    {NULL, NULL, NULL, NULL},
};
