/* SPDX-License-Identifier: Apache-2.0
 * Slips: signs of other languages and of other keyboards, words that come from elsewhere. Each is told with what would be right, and where the meaning
 * is plain the reading goes on as if that stood there, so that one slip is one mistake. */
#include "cel_int.h"

#include <stdio.h>

/* -- signs -------------------------------------------------------------------------------------------------------------- */
static const struct slip {
    const char *sign;
    enum token_type means; /* TOK_END: nothing, it is passed over */
    const char *hint;
} signs[] = {
    {"===", TOK_EQ, "equality is written =="},
    {"!==", TOK_NE, "inequality is written !="},
    {"!=<", TOK_LE, "one comparison at a time: != or <="},
    {"<>", TOK_NE, "inequality is written !="},
    {"=!", TOK_NE, "inequality is written !="},
    {"=>", TOK_GE, "at least is written >="},
    {"=<", TOK_LE, "at most is written <="},
    {"=~", TOK_EQ, "a pattern is looked for with x.matches('^a')"},
    {"!~", TOK_NE, "a pattern is looked for with !x.matches('^a')"},
    {"->", TOK_DOT, "a field stands behind a point: event.kind"},
    {"**", TOK_STAR, "a power is written x * x"},
    {"++", TOK_PLUS, "nothing is changed here; one more is x + 1"},
    {"/*", TOK_END, "a comment begins with // and goes to the end of the line"},
    {"=", TOK_EQ, "equality is written =="},
    {"&", TOK_AND, "'and' is written &&"},
    {"|", TOK_OR, "'or' is written ||"},
    {"^", TOK_STAR, "a power is written x * x; bits are math.bitXor(x, y)"},
    {"~", TOK_EQ, "a pattern is looked for with x.matches('^a')"},
    {"#", TOK_END, "a comment begins with //"},
    {";", TOK_END, "an expression ends without a sign"},
    {"$", TOK_END, "a name stands without it: event.kind; ${…} is for titles and texts"},
    {"@", TOK_END, "a key that begins with @ is read as x['@key']"},
    {"\\", TOK_END, "a backslash has a meaning only within a text"},
};

static const struct slip *slip_at(const char *s, size_t n, size_t from, size_t to) {
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t len = strlen(signs[i].sign);
        if (len >= from && len <= to && len <= n && !memcmp(signs[i].sign, s, len))
            return &signs[i];
    }
    return NULL;
}

/* What stands for a sign of the plain keyboard on another one; NULL for none. Quotes and blanks have a use of their own below. */
static const char *plain_sign(uint32_t cp, char out[2]) {
    static const struct {
        uint32_t cp;
        const char *plain;
    } others[] = {{0x3001, ","},  {0x3002, ";"},  {0x3010, "["},  {0x3011, "]"},  {0x3014, "["}, {0x3015, "]"},
                  {0x2264, "<="}, {0x2265, ">="}, {0x2260, "!="}, {0xd7, "*"},    {0xf7, "/"},   {0x2212, "-"},
                  {0x2013, "-"},  {0x2014, "-"},  {0x2227, "&&"}, {0x2228, "||"}, {0xac, "!"},   {0x2237, ":"}};
    if (cp > 0xff00 && cp < 0xff5f && !(cp >= 0xff10 && cp <= 0xff19)) { /* the full width of ASCII */
        out[0] = (char)(cp - 0xfee0);
        out[1] = '\0';
        return strchr("()[]{}.,:;?!=<>+-*/%&|", out[0]) ? out : NULL;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].cp == cp)
            return others[i].plain;
    return NULL;
}

static bool is_quote(uint32_t cp) {
    return (cp >= 0x2018 && cp <= 0x201f) || cp == 0xff02 || cp == 0xff07 || cp == 0xab || cp == 0xbb || (cp >= 0x300c && cp <= 0x300f) ||
           cp == 0xb4;
}
static bool is_wide_digit(uint32_t cp) { return cp >= 0xff10 && cp <= 0xff19; }

bool cel_slip_is_blank(uint32_t cp) {
    return cp == 0xa0 || cp == 0x3000 || cp == 0xfeff || cp == 0x2028 || cp == 0x2029 || (cp >= 0x2000 && cp <= 0x200d) || cp == 0x202f;
}

/* “lamp”: the text between, up to the next quote of any kind on the line. */
static void lex_foreign_text(struct lexer *l, struct token *t) {
    size_t n, at = l->pos, first;
    (void)utf8_next(l->text + at, l->len - at, &first);
    for (at += first; at < l->len && l->text[at] != '\n'; at += n) {
        uint32_t cp = utf8_next(l->text + at, l->len - at, &n);
        if (!is_quote(cp) && cp != '\'' && cp != '"')
            continue;
        const char *s = arena_strndup(l->arena, l->text + l->pos + first, at - l->pos - first);
        cel_report(l->report, l->pos, at + n, cel_hint(l->report, "write '%s'", s ? s : "…"),
                   "a text stands between plain quotes, ' or \"");
        t->type = s ? TOK_STRING : TOK_BAD;
        l->no_memory |= !s;
        t->value = cel_string(s, at - l->pos - first);
        l->pos = at + n;
        return;
    }
    cel_report(l->report, l->pos, at, "a text stands between plain quotes, ' or \"", "the string is not closed");
    t->type = TOK_BAD;
    l->pos = at;
}

static void lex_wide_number(struct lexer *l, struct token *t) {
    size_t n, at = l->pos;
    uint64_t u = 0;
    for (uint32_t cp; at < l->len && is_wide_digit(cp = utf8_next(l->text + at, l->len - at, &n)); at += n)
        u = u < INT64_MAX / 10 - 9 ? u * 10 + (cp - 0xff10) : u;
    cel_report(l->report, l->pos, at, cel_hint(l->report, "with the digits of a plain keyboard: %llu", (unsigned long long)u),
               "unexpected '%.*s'", (int)(at - l->pos > 60 ? 60 : at - l->pos), l->text + l->pos);
    t->type = TOK_INT;
    t->value = cel_uint(u);
    l->pos = at;
}

/* A sign of another keyboard, alone or as a part of one with two: ＝＝, >＝. */
static bool lex_wide_sign(struct lexer *l, struct token *t) {
    char both[5] = "", out[2];
    size_t at = l->pos;
    bool wide = false;
    for (int i = 0; i < 2 && at < l->len; i++) {
        size_t n;
        uint32_t cp = utf8_next(l->text + at, l->len - at, &n);
        const char *plain = plain_sign(cp, out);
        char ascii[2] = {(char)cp, '\0'};
        if (!plain && cp < 0x80 && strchr("=<>!&|", (int)cp) && cp)
            plain = ascii;
        if (!plain || (i && !(strchr("=<>!", both[0]) && *plain == '=') && !(strchr("&|", both[0]) && *plain == both[0])))
            break;
        wide |= cp >= 0x80;
        memcpy(both + strlen(both), plain, strlen(plain) + 1);
        at += n;
        if (both[1])
            break;
    }
    if (!wide)
        return false;
    const struct slip *s = slip_at(both, strlen(both), strlen(both), strlen(both)); /* a slip in two ways: ＝ for == */
    size_t width;
    cel_report(l->report, l->pos, at, s ? s->hint : cel_hint(l->report, "with the signs of a plain keyboard: %s", both),
               "unexpected '%.*s'", (int)(at - l->pos), l->text + l->pos);
    t->type = s ? s->means : cel_lex_sign(both[0], both[1], &width);
    l->pos = at;
    return true;
}

/* Letters of other alphabets, and what hangs on them. */
static void lex_foreign_word(struct lexer *l, struct token *t) {
    size_t n, at = l->pos;
    char out[2];
    while (at < l->len) {
        uint32_t cp = utf8_next(l->text + at, l->len - at, &n);
        bool word = cp == '_' || (cp >= '0' && cp <= '9') || (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z');
        if (cp < 0x80 ? !word : at > l->pos && (plain_sign(cp, out) || is_quote(cp) || cel_slip_is_blank(cp)))
            break;
        at += n;
    }
    int len = (int)(at - l->pos);
    const char *s = l->text + l->pos;
    cel_report(
        l->report, l->pos, at,
        len > 60
            ? "names are made of a-z, A-Z, 0-9 and _; texts stand in quotes"
            : cel_hint(
                  l->report,
                  "names are made of a-z, A-Z, 0-9 and _; a key of other letters is read as x['%.*s'], a text stands in quotes: '%.*s'",
                  len, s, len, s),
        "unexpected '%.*s'", len > 60 ? 0 : len, s);
    t->type = TOK_BAD;
    l->pos = at;
}

bool cel_slip_lex(struct lexer *l, struct token *t) {
    const char *s = l->text + l->pos;
    size_t left = l->len - l->pos, n;
    uint32_t cp = utf8_next(s, left, &n);
    const struct slip *slip = slip_at(s, left, 2, 3);
    size_t width;
    if (!slip && lex_wide_sign(l, t))
        return true;
    if (!slip && cel_lex_sign(s[0], left > 1 ? s[1] : '\0', &width) != TOK_BAD)
        return false;
    if (slip || (slip = slip_at(s, left, 1, 1))) {
        size_t len = strlen(slip->sign);
        cel_report(l->report, l->pos, l->pos + len, slip->hint, "unexpected '%s'", slip->sign);
        const char *end = s + len;
        if (*slip->sign == '#') /* a comment is no part of the expression */
            end = memchr(s, '\n', left);
        else if (!strcmp(slip->sign, "/*"))
            end = (end = memmem(s, left, "*/", 2)) ? end + 2 : NULL;
        t->type = slip->means;
        l->pos += end ? (size_t)(end - s) : left;
    } else if (is_quote(cp))
        lex_foreign_text(l, t);
    else if (is_wide_digit(cp))
        lex_wide_number(l, t);
    else if (cp >= 0x80)
        lex_foreign_word(l, t);
    else {
        cel_report(l->report, l->pos, l->pos + 1, NULL, "unexpected control character 0x%02x", (unsigned)cp);
        t->type = TOK_BAD;
        l->pos++;
    }
    return true;
}

/* -- words -------------------------------------------------------------------------------------------------------------- */
struct word {
    const char *word, *hint;
};

static const char *look_up(const struct word *words, size_t n, const char *word) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(words[i].word, word))
            return words[i].hint;
    return NULL;
}

const char *cel_slip_operator(const char *word) {
    static const struct word words[] = {
        {"and", "'and' is written &&"},
        {"AND", "'and' is written &&"},
        {"or", "'or' is written ||"},
        {"OR", "'or' is written ||"},
        {"not", "'not' is written !"},
        {"NOT", "'not' is written !"},
        {"is", "equality is written =="},
        {"eq", "equality is written =="},
        {"ne", "inequality is written !="},
        {"mod", "the remainder is written %"},
        {"then", "a choice is written condition ? value : other value"},
        {"else", "a choice is written condition ? value : other value"},
        {"if", "a choice is written condition ? value : other value"},
        {"IN", "membership is written in: x in [1, 2]"},
        {"matches", "it is a function of the text: x.matches('^a')"},
        {"contains", "it is a function of the text: x.contains('a')"},
        {"startsWith", "it is a function of the text: x.startsWith('a')"},
        {"endsWith", "it is a function of the text: x.endsWith('a')"},
        {"like", "x.contains('a') looks for a text, x.matches('^a.*b$') for a pattern"},
        {"between", "x >= 3 && x <= 5"},
    };
    return look_up(words, sizeof words / sizeof *words, word);
}

const char *cel_slip_name(const char *name) {
    static const struct word words[] = {
        {"not", "'not' is written !"},
        {"None", "what is nothing is written null"},
        {"nil", "what is nothing is written null"},
        {"undefined", "has(x.field) tells whether a field is there"},
        {"NaN", "written double('NaN'); math.isNaN(x) looks for it"},
    };
    return look_up(words, sizeof words / sizeof *words, name);
}

const char *cel_slip_function(const char *name) {
    static const struct word words[] = {
        {"length", "the length is x.size()"},
        {"len", "the length is x.size()"},
        {"count", "how many elements: x.size(), or x.filter(e, e > 3).size()"},
        {"isEmpty", "empty is x.size() == 0, or x == '' of a text"},
        {"str", "a text is made by string(x)"},
        {"toString", "a text is made by string(x)"},
        {"float", "a number with a fraction is made by double(x)"},
        {"parseFloat", "a number with a fraction is made by double(x)"},
        {"parseInt", "a whole number is made by int(x)"},
        {"toLowerCase", "x.lowerAscii() makes small letters"},
        {"toUpperCase", "x.upperAscii() makes capital letters"},
        {"includes", "x.contains(y) looks for a text within another, y in x for an element of a list"},
        {"exists", "has(x.field) tells whether a field is there; x.exists(e, e > 3) looks for an element of a list"},
        {"startswith", "did you mean 'startsWith'?"},
        {"endswith", "did you mean 'endsWith'?"},
        {"strip", "did you mean 'trim'?"},
        {"substr", "did you mean 'substring'?"},
        {"match", "did you mean 'matches'?"},
        {"get", "what may be missing is read as x.?key.orValue(other), or x[?'key'].orValue(other)"},
        {"round", "did you mean 'math.round'? It takes a double"},
        {"floor", "did you mean 'math.floor'? It takes a double"},
        {"ceil", "did you mean 'math.ceil'? It takes a double"},
        {"abs", "did you mean 'math.abs'?"},
        {"sqrt", "did you mean 'math.sqrt'?"},
        {"min", "did you mean 'math.least'?"},
        {"max", "did you mean 'math.greatest'?"},
        {"now", "'now' is a value: it is written without ( )"},
        {"hour", "the hour is now.getHours('local')"},
        {"minute", "the minute is now.getMinutes('local')"},
        {"day", "the day of the month is now.getDate('local')"},
        {"month", "the month is now.getMonth('local'), and January is 0"},
        {"year", "the year is now.getFullYear('local')"},
    };
    return look_up(words, sizeof words / sizeof *words, name);
}
