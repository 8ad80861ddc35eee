/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions: PCRE2 held to what RE2 has, with its work counted in evaluation steps. A callout before every item of the pattern counts the
 * items tried and the text gone over, so that a pattern that explodes ends with the step budget and not with the patience of a watchdog. JIT stays off. */
#include "cel_int.h"

#include <stdio.h>

#define MAX_PATTERN 2048
#define MAX_GROUPS 32

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

/* What PCRE2 has and RE2 has not: look-around, atomic groups, recursion, verbs. Back references are seen by the compiled pattern. */
static const char *beyond_re2(const char *s, size_t len, size_t *ret_at) {
    bool class = false, quoted = false;
    for (size_t i = 0; i < len; i++) {
        *ret_at = i;
        if (quoted) {
            if (s[i] == '\\' && i + 1 < len && s[i + 1] == 'E') {
                quoted = false;
                i++;
            }
            continue;
        }
        if (s[i] == '\\' && i + 1 < len) {
            i++;
            if (s[i] == 'Q')
                quoted = true;
            else if (strchr("gkKGXRNZ", s[i]) && s[i] && !class)
                return "this escape is not part of RE2";
            else if (s[i] >= '1' && s[i] <= '9' && !class)
                return "back references are not part of RE2";
            continue;
        }
        if (class) {
            if (s[i] == '[' && i + 1 < len && s[i + 1] == ':') {
                const char *end = memmem(s + i + 2, len - i - 2, ":]", 2);
                if (end)
                    i = (size_t)(end - s) + 1;
            } else if (s[i] == ']')
                class = false;
            continue;
        }
        if (s[i] == '[') {
            class = true;
            if (i + 1 < len && s[i + 1] == '^')
                i++;
            if (i + 1 < len && s[i + 1] == ']')
                i++;
            continue;
        }
        if (s[i] == '(' && i + 1 < len && s[i + 1] == '*')
            return "nothing stands before *";
        if (s[i] == '(' && i + 2 < len && s[i + 1] == '?') {
            char c = s[i + 2], d = i + 3 < len ? s[i + 3] : 0;
            if (c == ':' || (c == 'P' && d == '<') || (c == '<' && d != '=' && d != '!') || strchr("imsU-", c))
                continue;
            return "look-ahead, look-behind, atomic groups, conditions and recursion are not part of RE2";
        }
        if (s[i] == '+' && i > 0 && strchr("*+?}", s[i - 1]) && (i < 2 || s[i - 2] != '\\'))
            return "possessive repetition is not part of RE2";
    }
    return NULL;
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
/* A pattern that is computed is compiled for this one call. */
static bool pattern_of(const struct call *c, struct cel_value pattern, struct cel_regex **ret, struct cel_value *ret_error) {
    const char *message;
    size_t at;
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
    cel_regex_done(r);
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
        result =
            cel_fail(c->ev, c->node, CEL_E_REGEX, "the regular expression has more than one group; write (?:…) for those that only group");
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
    cel_regex_done(r);
    return every && result.type != CEL_ERROR ? cel_list(out.items, out.count) : result;
}
static struct cel_value fn_extract(const struct call *c) { return extract(c, false); }
static struct cel_value fn_extract_all(const struct call *c) { return extract(c, true); }

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
            *ret_error = cel_fail(c->ev, c->node, CEL_E_VALUE,
                                  "in a replacement \\ is followed by the number of a group (0 to %u) or by another \\", r->groups);
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
    cel_regex_done(r);
    return result;
}

const struct cel_fn cel_fns_regex[] = {
    {"string.matches(string) -> bool", fn_matches,
     "whether the regular expression (RE2) fits a part of the text; ^ and $ hold it to the ends"},
    {"matches(string, string) -> bool", fn_matches, "the same as text.matches(pattern)"},
    {"regex.extract(string, string) -> optional", fn_extract, "the first match, or its one group"},
    {"regex.extractAll(string, string) -> list(string)", fn_extract_all, "every match, or its one group"},
    {"regex.replace(string, string, string) -> string", fn_replace, "every match replaced; \\1 stands for the first group"},
    {"regex.replace(string, string, string, int) -> string", fn_replace, "the same for the first so many; all when negative"},
    {NULL, NULL, NULL},
};
