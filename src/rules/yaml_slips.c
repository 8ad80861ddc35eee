/* SPDX-License-Identifier: Apache-2.0
 * Slips of the hand that libyaml finds a line too late, or takes for something else: the punctuation and the blanks of a Chinese keyboard, a colon without a blank, quotes that were
 * not closed where they should. Only asked when there is an error, for each of these may stand in a text on purpose. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "rules/yaml_int.h"

#define LINES_BACK 20

struct line {
    size_t begin, end; /* without its break */
};

static struct line line_at(const char *text, size_t first, size_t len, size_t at) {
    struct line l = {at, at};

    while (l.begin > first && text[l.begin - 1] != '\n')
        l.begin--;
    while (l.end < len && text[l.end] != '\n' && text[l.end] != '\r')
        l.end++;
    return l;
}

static size_t past(const char *text, struct line l, const char *signs) {
    size_t i = l.begin;

    while (i < l.end && text[i] != '\0' && strchr(signs, text[i]))
        i++;
    return i;
}

/* A blank that is none of a plain keyboard: its code point and bytes; 0: it is something else. */
static uint32_t odd_blank(const char *text, size_t len, size_t *ret_bytes) {
    uint32_t cp = len > 0 && (unsigned char)*text >= 0x80 ? utf8_next(text, len, ret_bytes) : 0;

    return cp == 0xA0 || cp == 0x3000 || (cp >= 0x2000 && cp <= 0x200B) || cp == 0x202F ? cp : 0;
}

static bool say(struct yaml_slip *s, size_t begin, size_t end, const char *hint) {
    s->begin = begin;
    s->end = end;
    s->hint = hint;
    return true;
}

static bool indented_oddly(const char *text, struct line l, struct yaml_slip *ret) {
    size_t i = past(text, l, " "), n = 1;
    uint32_t cp = odd_blank(text + i, l.end - i, &n);
    if (cp == 0)
        return false;
    (void)snprintf(ret->what, sizeof ret->what, "a blank U+%04X cannot indent", (unsigned)cp);
    return say(ret, i, i + n, "YAML indents with the blanks of a plain keyboard");
}

/* The first word of a line, behind its indentation and '- ' or '{'. */
static bool key_without_colon(const char *text, struct line l, struct yaml_slip *ret) {
    size_t i = past(text, l, " -{"), word = i;

    while (i < l.end && (strchr("_-", text[i]) || (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9')))
        i++;
    if (i == word || i >= l.end)
        return false;
    if (l.end - i >= 3 && memcmp(text + i, "\xEF\xBC\x9A", 3) == 0) { /* ： */
        (void)snprintf(ret->what, sizeof ret->what, "a key ends with ':', not with a colon U+FF1A");
        return say(ret, i, i + 3, "write ': ' with the colon and the blank of a plain keyboard");
    }
    if (text[i] == ':' && i + 1 < l.end && !strchr(" \t/", text[i + 1])) {
        (void)snprintf(ret->what, sizeof ret->what, "a blank is missing behind ':'");
        return say(ret, i, i + 1, "write 'key: value'");
    }
    return false;
}

/* A quote at `at` that looks like an opening one, and closes what was opened in a line above. */
static bool closes_one_above(const char *text, size_t first, size_t len, size_t at, struct yaml_slip *ret) {
    size_t before = at;

    while (before > first && strchr(" \t", text[before - 1]))
        before--;
    if (before == first || !strchr(":-,[{\n", text[before - 1]))
        return false;
    struct line l = line_at(text, first, len, at);
    for (int back = 0; back < LINES_BACK && l.begin > first; back++) {
        size_t quotes = 0, last = 0;
        l = line_at(text, first, len, l.begin - 1);
        for (size_t i = l.begin; i < l.end; i++)
            if (text[i] == text[at] && (i == l.begin || text[i - 1] != '\\')) {
                quotes++;
                last = i;
            }
        if (quotes % 2 == 0)
            continue;
        (void)snprintf(ret->what, sizeof ret->what, "quotes that are opened and not closed in this line");
        return say(ret, last, last + 1, "write the same quotes at the end of the text");
    }
    return false;
}

/* Within [ ] and { }: the first ， or ： between the bracket and the error that is in no quotes. */
static bool flow_sign(const char *text, size_t begin, size_t end, struct yaml_slip *ret) {
    char quote = '\0';

    for (size_t i = begin; i + 2 < end; i++) {
        if (quote != '\0' ? text[i] == quote : (text[i] == '"' || text[i] == '\''))
            quote = quote != '\0' ? '\0' : text[i];
        bool comma = memcmp(text + i, "\xEF\xBC\x8C", 3) == 0;
        if (quote != '\0' || (!comma && memcmp(text + i, "\xEF\xBC\x9A", 3) != 0))
            continue;
        (void)snprintf(ret->what, sizeof ret->what, "unexpected '%.3s'", text + i);
        return say(ret, i, i + 3, comma ? "with the comma of a plain keyboard: ', '" : "with the colon of a plain keyboard: ': '");
    }
    return false;
}

bool yaml_find_slip(const char *text, size_t first, size_t len, size_t opened, size_t at, struct yaml_slip *ret) {
    size_t quote = at;

    while (quote > first && strchr(" \t", text[quote - 1]))
        quote--;
    if (quote > first && strchr("\"'", text[quote - 1]) && closes_one_above(text, first, len, quote - 1, ret))
        return true;
    if (opened < at && flow_sign(text, opened, at, ret))
        return true;
    struct line l = line_at(text, first, len, at < len ? at : len);
    for (int back = 0; back < LINES_BACK; back++) {
        size_t word = past(text, l, " ");
        if (indented_oddly(text, l, ret) || key_without_colon(text, l, ret))
            return true;
        if (l.begin <= first ||
            (back > 0 && word < l.end && text[word] != '#')) /* the line itself, and the one before it that says something */
            return false;
        l = line_at(text, first, len, l.begin - 1);
    }
    return false;
}

bool yaml_key_slip(const char *key, size_t len) {
    size_t n = 1;

    return odd_blank(key, len, &n) != 0;
}
