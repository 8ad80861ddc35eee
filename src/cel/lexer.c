/* SPDX-License-Identifier: Apache-2.0
 * Text to tokens (langdef, "Syntax"). Reports what no token can be made of and goes on behind it. */
#include "cel_int.h"

#include <errno.h>
#include <stdlib.h>

static bool is_digit(int c) { return c >= '0' && c <= '9'; }
static bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static int hex_digit(int c) {
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The character n places ahead, 0 behind the end (a NUL in the text is a character that fits nowhere outside strings). */
static int peek(const struct lexer *l, size_t n) { return l->pos + n < l->len ? (unsigned char)l->text[l->pos + n] : 0; }

static const char *const reserved[] = {"as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
                                       "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};

bool cel_word_reserved(const char *name, size_t len) {
    static const char *const words[] = {"true", "false", "null", "in"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strlen(reserved[i]) == len && !memcmp(reserved[i], name, len))
            return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == len && !memcmp(words[i], name, len))
            return true;
    return false;
}

bool cel_name_ok(const char *name, bool dots) {
    const char *s = name;
    for (;;) {
        const char *from = s;
        if (!is_letter((unsigned char)*s))
            return false;
        while (is_letter((unsigned char)*s) || is_digit((unsigned char)*s))
            s++;
        if (cel_word_reserved(from, (size_t)(s - from)))
            return false;
        if (*s == '\0')
            return true;
        if (*s++ != '.' || !dots)
            return false;
    }
}

/* Blanks of other keyboards cannot be seen: they are named. */
static bool skip_foreign_blank(struct lexer *l) {
    size_t n;
    uint32_t cp = utf8_next(l->text + l->pos, l->len - l->pos, &n);
    if (!cel_slip_is_blank(cp))
        return false;
    cel_report(l->report, l->pos, l->pos + n, "a blank of a plain keyboard", "unexpected blank U+%04X", (unsigned)cp);
    l->pos += n;
    return true;
}

static void skip_blank(struct lexer *l) {
    for (;;) {
        int c = peek(l, 0);
        if (l->pos < l->len && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'))
            l->pos++;
        else if (c == '/' && peek(l, 1) == '/')
            while (l->pos < l->len && l->text[l->pos] != '\n' && l->text[l->pos] != '\r')
                l->pos++;
        else if (c < 0x80 || !skip_foreign_blank(l))
            return;
    }
}

/* -- numbers ------------------------------------------------------------------------------------------------------------ */
/* A number that goes on as a word. */
static const char *number_hint(const struct lexer *l, size_t end) {
    const char *s = l->text + l->pos;
    size_t n = end - l->pos;
    if (*s == '.' && l->pos && (is_letter((unsigned char)s[-1]) || is_digit((unsigned char)s[-1])) && n < 60)
        return cel_hint(l->report, "a field whose name begins with a digit is read as x['%.*s']", (int)n - 1, s + 1);
    if (memchr(s, '_', n))
        return "the digits of a number stand together: 1000";
    return "units are not part of numbers: a span of time is duration('10m')";
}

static void lex_number(struct lexer *l, struct token *t) {
    const char *s = l->text;
    size_t p = l->pos;
    bool hex = s[p] == '0' && p + 1 < l->len && (s[p + 1] == 'x' || s[p + 1] == 'X');
    bool real = false, overflow = false;
    uint64_t u = 0;
    if (hex) {
        size_t from = p += 2;
        int d;
        while (p < l->len && (d = hex_digit((unsigned char)s[p])) >= 0) {
            overflow |= u >> 60 != 0;
            u = u << 4 | (unsigned)d;
            p++;
        }
        if (p == from) {
            cel_report(l->report, l->pos, p, NULL, "'0x' without hexadecimal digits behind it");
            t->type = TOK_BAD;
        }
    } else {
        while (p < l->len && is_digit((unsigned char)s[p])) {
            unsigned d = (unsigned)(s[p] - '0');
            overflow |= u > (UINT64_MAX - d) / 10;
            u = u * 10 + d;
            p++;
        }
        if (p + 1 < l->len && s[p] == '.' && is_digit((unsigned char)s[p + 1])) {
            real = true;
            p++;
            while (p < l->len && is_digit((unsigned char)s[p]))
                p++;
        }
        if (p < l->len && (s[p] == 'e' || s[p] == 'E')) {
            size_t q = p + 1;
            if (q < l->len && (s[q] == '+' || s[q] == '-'))
                q++;
            if (q < l->len && is_digit((unsigned char)s[q])) {
                real = true;
                while (q < l->len && is_digit((unsigned char)s[q]))
                    q++;
                p = q;
            }
        }
    }
    if (real) {
        char *copy = arena_strndup(l->arena, s + l->pos, p - l->pos);
        if (!copy) {
            l->no_memory = true;
            t->type = TOK_BAD;
        } else {
            double d = strtod(copy, NULL); /* the process runs in the C locale */
            if (d > 1.7976931348623157e308) {
                cel_report(l->report, l->pos, p, "a double goes up to 1.7976931348623157e+308", "number too great for a double");
                t->type = TOK_BAD;
            } else {
                t->type = TOK_DOUBLE;
                t->value = cel_double(d);
            }
        }
    } else if (p < l->len && (s[p] == 'u' || s[p] == 'U') && t->type != TOK_BAD) {
        p++;
        if (overflow) {
            cel_report(l->report, l->pos, p, "a uint goes up to 18446744073709551615", "number too great for a uint");
            t->type = TOK_BAD;
        } else {
            t->type = TOK_UINT;
            t->value = cel_uint(u);
        }
    } else if (t->type != TOK_BAD) {
        if (overflow || u > (uint64_t)INT64_MAX + 1) {
            cel_report(l->report, l->pos, p,
                       "an int goes up to 9223372036854775807; a double is written with a point: 1e19 or 10000000000000000000.0",
                       "number too great for an int");
            t->type = TOK_BAD;
        } else {
            t->type = TOK_INT;
            t->value = cel_uint(u);
        }
    }
    if (p < l->len && (is_letter((unsigned char)s[p]) || is_digit((unsigned char)s[p]))) {
        size_t q = p;
        while (q < l->len && (is_letter((unsigned char)s[q]) || is_digit((unsigned char)s[q])))
            q++;
        if (t->type != TOK_BAD)
            cel_report(l->report, l->pos, q, number_hint(l, q), "'%.*s' is not a number", (int)(q - l->pos > 40 ? 40 : q - l->pos),
                       s + l->pos);
        t->type = TOK_BAD;
        p = q;
    }
    l->pos = p;
}

/* -- strings ------------------------------------------------------------------------------------------------------------ */
static bool hex_run(const struct lexer *l, size_t at, size_t end, int digits, uint32_t *ret) {
    uint32_t v = 0;
    for (int i = 0; i < digits; i++) {
        int d = at + (size_t)i < end ? hex_digit((unsigned char)l->text[at + (size_t)i]) : -1;
        if (d < 0)
            return false;
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return true;
}

/* One escape at *pos (behind the backslash). Appends what it means to out; false: reported. */
static bool unescape(struct lexer *l, size_t *pos, size_t end, bool bytes, char *out, size_t *n) {
    static const char from[] = "\\?\"'`abfnrtv", to[] = "\\?\"'`\a\b\f\n\r\t\v";
    size_t at = *pos - 1;
    int c = (unsigned char)l->text[*pos];
    const char *simple = c ? strchr(from, c) : NULL;
    uint32_t cp = 0;
    if (simple) {
        out[(*n)++] = to[simple - from];
        ++*pos;
        return true;
    }
    if (c == 'x' || c == 'X') {
        if (!hex_run(l, *pos + 1, end, 2, &cp)) {
            cel_report(l->report, at, *pos + 1, "\\x is followed by two hexadecimal digits: \\x41", "incomplete escape '\\%c'", c);
            return false;
        }
        *pos += 3;
    } else if (c == 'u' || c == 'U') {
        int digits = c == 'u' ? 4 : 8;
        if (bytes) {
            cel_report(l->report, at, *pos + 1, "bytes are written \\x41 or \\101", "'\\%c' has no meaning in bytes", c);
            return false;
        }
        if (!hex_run(l, *pos + 1, end, digits, &cp)) {
            cel_report(l->report, at, *pos + 1,
                       c == 'u' ? "\\u is followed by four hexadecimal digits: \\u4e2d"
                                : "\\U is followed by eight hexadecimal digits: \\U0001f4a1",
                       "incomplete escape '\\%c'", c);
            return false;
        }
        *pos += 1 + (size_t)digits;
        uint32_t low;
        if (c == 'u' && cp >= 0xd800 && cp < 0xdc00 && *pos + 1 < end && l->text[*pos] == '\\' && l->text[*pos + 1] == 'u' &&
            hex_run(l, *pos + 2, end, 4, &low) && low >= 0xdc00 && low < 0xe000) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
            *pos += 6;
        }
        if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) {
            cel_report(l->report, at, *pos, NULL, "the escape does not stand for a character");
            return false;
        }
    } else if (c >= '0' && c <= '3' && *pos + 2 < end && l->text[*pos + 1] >= '0' && l->text[*pos + 1] <= '7' && l->text[*pos + 2] >= '0' &&
               l->text[*pos + 2] <= '7') {
        cp = (uint32_t)((c - '0') << 6 | (l->text[*pos + 1] - '0') << 3 | (l->text[*pos + 2] - '0'));
        *pos += 3;
    } else {
        size_t width = 1;
        (void)utf8_next(l->text + *pos, end - *pos, &width);
        cel_report(l->report, at, *pos + width, "a backslash itself is \\\\; in a raw string r'…' it needs nothing",
                   "unknown escape '\\%.*s'", (int)width, l->text + *pos);
        return false;
    }
    if (bytes)
        out[(*n)++] = (char)cp;
    else
        *n += utf8_put(cp, out + *n);
    return true;
}

/* The byte at *at, which moves behind it; the end of a line is \n, whatever the file has. */
static char next_byte(const char *text, size_t end, size_t *at) {
    char c = text[(*at)++];
    if (c != '\r')
        return c;
    *at += *at < end && text[*at] == '\n';
    return '\n';
}

/* At the opening quote. */
static void lex_string(struct lexer *l, struct token *t, bool raw, bool bytes) {
    char quote = l->text[l->pos];
    bool triple = peek(l, 1) == quote && peek(l, 2) == quote;
    size_t width = triple ? 3 : 1, p = l->pos + width, from = p, end = 0;
    bool closed = false;
    while (p < l->len) {
        char c = l->text[p];
        if (c == quote && (!triple || (p + 2 < l->len && l->text[p + 1] == quote && l->text[p + 2] == quote))) {
            closed = true;
            end = p;
            p += width;
            break;
        }
        if (!triple &&
            (c == '\n' ||
             c == '\r')) { /* the quote that was meant stands on another line, perhaps: what is between is text, not more mistakes */
            const char *later = memchr(l->text + p, quote, l->len - p);
            if (later)
                p = (size_t)(later - l->text) + 1;
            break;
        }
        if (c == '\\' && !raw && p + 1 < l->len && (triple || (l->text[p + 1] != '\n' && l->text[p + 1] != '\r')))
            p++;
        p++;
    }
    if (!closed) {
        cel_report(l->report, t->begin, p,
                   triple ? "it ends with the same three quotes"
                          : "it ends with the same quote, on the same line; longer texts stand in '''three quotes'''",
                   "the string is not closed");
        t->type = TOK_BAD;
        l->pos = p;
        return;
    }
    t->type = bytes ? TOK_BYTES : TOK_STRING;
    l->pos = p;
    const char *s = l->text + from;
    size_t n = end - from;
    if (!raw && memchr(s, '\\', n)) {
        char *out = arena_alloc(l->arena, n + 1); /* an escape is never shorter than what it means */
        size_t at = from;
        if (!out) {
            l->no_memory = true;
            t->type = TOK_BAD;
            return;
        }
        n = 0;
        bool ok = true;
        while (at < end) {
            if (l->text[at] != '\\') {
                out[n++] = next_byte(l->text, end, &at);
                continue;
            }
            at++;
            if (!unescape(l, &at, end, bytes, out, &n)) {
                ok = false;
                at++;
            }
        }
        out[n] = '\0';
        s = out;
        if (!ok)
            t->type = TOK_BAD;
    } else {
        char *copy = arena_strndup(l->arena, s, n);
        if (!copy) {
            l->no_memory = true;
            t->type = TOK_BAD;
            return;
        }
        s = copy;
        if (memchr(s, '\r', n)) {
            n = 0;
            for (size_t at = from; at < end;)
                copy[n++] = next_byte(l->text, end, &at);
            copy[n] = '\0';
        }
    }
    t->value = bytes ? cel_bytes(s, n) : cel_string(s, n);
}

static void lex_quoted(struct lexer *l, struct token *t) {
    size_t p = l->pos + 1;
    while (p < l->len && l->text[p] != '`' && l->text[p] != '\n')
        p++;
    if (p >= l->len || l->text[p] != '`') {
        cel_report(l->report, l->pos, p, "it ends with another `", "the quoted name is not closed");
        t->type = TOK_BAD;
    } else if (p == l->pos + 1) {
        cel_report(l->report, l->pos, p + 1, NULL, "the quoted name is empty");
        t->type = TOK_BAD;
        p++;
    } else {
        char *copy = arena_strndup(l->arena, l->text + l->pos + 1, p - l->pos - 1);
        t->type = copy ? TOK_QUOTED : TOK_BAD;
        l->no_memory |= !copy;
        t->value = cel_string(copy, p - l->pos - 1);
        p++;
    }
    l->pos = p;
}

static void lex_word(struct lexer *l, struct token *t) {
    size_t p = l->pos;
    while (p < l->len && (is_letter((unsigned char)l->text[p]) || is_digit((unsigned char)l->text[p])))
        p++;
    const char *s = l->text + l->pos;
    size_t n = p - l->pos;
    l->pos = p;
    t->type = TOK_IDENT;
    if (n == 4 && !memcmp(s, "true", 4))
        t->type = TOK_TRUE;
    else if (n == 5 && !memcmp(s, "false", 5))
        t->type = TOK_FALSE;
    else if (n == 4 && !memcmp(s, "null", 4))
        t->type = TOK_NULL;
    else if (n == 2 && !memcmp(s, "in", 2))
        t->type = TOK_IN;
    else
        for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
            if (strlen(reserved[i]) == n && !memcmp(reserved[i], s, n))
                t->type = TOK_RESERVED;
    char *copy = arena_strndup(l->arena, s, n);
    if (!copy) {
        l->no_memory = true;
        t->type = TOK_BAD;
    }
    t->value = cel_string(copy, n);
}

/* Signs of one character or two; TOK_BAD for what is none. */
enum token_type cel_lex_sign(int c, int d, size_t *ret_width) {
    static const struct {
        char sign[3];
        enum token_type type;
    } signs[] = {{"==", TOK_EQ},    {"!=", TOK_NE},    {"<=", TOK_LE},      {">=", TOK_GE},      {"&&", TOK_AND},   {"||", TOK_OR},
                 {"(", TOK_LPAREN}, {")", TOK_RPAREN}, {"[", TOK_LBRACKET}, {"]", TOK_RBRACKET}, {"{", TOK_LBRACE}, {"}", TOK_RBRACE},
                 {".", TOK_DOT},    {",", TOK_COMMA},  {":", TOK_COLON},    {"?", TOK_QUESTION}, {"-", TOK_MINUS},  {"+", TOK_PLUS},
                 {"*", TOK_STAR},   {"/", TOK_SLASH},  {"%", TOK_PERCENT},  {"!", TOK_BANG},     {"<", TOK_LT},     {">", TOK_GT}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (signs[i].sign[0] == c && (!signs[i].sign[1] || signs[i].sign[1] == d)) {
            *ret_width = strlen(signs[i].sign);
            return signs[i].type;
        }
    return TOK_BAD;
}

static void lex(struct lexer *l, struct token *t) {
    skip_blank(l);
    *t = (struct token){.type = TOK_END, .begin = (uint32_t)l->pos};
    if (l->pos < l->len) {
        int c = peek(l, 0), d = peek(l, 1), e = peek(l, 2);
        t->type = TOK_IDENT;
        if (c == '"' || c == '\'')
            lex_string(l, t, false, false);
        else if ((c == 'r' || c == 'R') && (d == '"' || d == '\''))
            l->pos++, lex_string(l, t, true, false);
        else if ((c == 'b' || c == 'B') && (d == '"' || d == '\''))
            l->pos++, lex_string(l, t, false, true);
        else if ((c == 'b' || c == 'B') && (d == 'r' || d == 'R') && (e == '"' || e == '\''))
            l->pos += 2, lex_string(l, t, true, true);
        else if (is_digit(c) || (c == '.' && is_digit(d)))
            lex_number(l, t);
        else if (is_letter(c))
            lex_word(l, t);
        else if (c == '`')
            lex_quoted(l, t);
        else if (!cel_slip_lex(l, t)) {
            size_t width = 1;
            t->type = cel_lex_sign(c, d, &width);
            l->pos += width;
        }
    }
    t->end = (uint32_t)l->pos;
}

void cel_lex(struct lexer *l, struct token *t) {
    do
        lex(l, t);
    while (t->type == TOK_END && t->begin < t->end); /* something that means nothing was passed over */
}
