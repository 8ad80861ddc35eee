/* SPDX-License-Identifier: Apache-2.0
 * From a scalar's text back to the file: walks the text and the source side by side and undoes folding, escapes and indentation.
 * libyaml tells only where a scalar begins and ends; a caret inside an expression needs every byte. */
#include "rules/yaml_int.h"

#include <string.h>

struct walk {
    const char *src;
    size_t s, end; /* in the file */
    const char *text;
    size_t t, len;
    uint32_t *offsets;
};

static void take(struct walk *w, size_t n, size_t from) {
    for (size_t i = 0; i < n && w->t < w->len; i++)
        w->offsets[w->t++] = (uint32_t)from;
}

static bool blank(char c) { return c == ' ' || c == '\t'; }

/* The length of a line break at s: CR LF is one; 0 when there is none. */
static size_t break_at(const struct walk *w, size_t s) {
    if (s >= w->end)
        return 0;
    if (w->src[s] == '\r')
        return s + 1 < w->end && w->src[s + 1] == '\n' ? 2 : 1;
    return w->src[s] == '\n';
}

/* A run of blanks in a flow scalar. One with line breaks in it was folded: to a blank, or to one '\n' less than it has. */
static void flow_blanks(struct walk *w) {
    size_t s = w->s, breaks = 0;
    while (s < w->end) {
        size_t n = break_at(w, s);
        if (n)
            breaks++;
        else if (!blank(w->src[s]))
            break;
        s += n ? n : 1;
    }
    if (breaks == 0) {
        while (w->s < s && w->t < w->len && w->text[w->t] == w->src[w->s]) {
            take(w, 1, w->s);
            w->s++;
        }
    } else if (breaks == 1) {
        if (w->t < w->len && w->text[w->t] == ' ')
            take(w, 1, w->s);
    } else {
        for (size_t i = 1; i < breaks && w->t < w->len && w->text[w->t] == '\n'; i++)
            take(w, 1, w->s);
    }
    w->s = s;
}

static size_t utf8_length(unsigned char c) { return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4; }

/* A backslash in double quotes. */
static void escape(struct walk *w) {
    size_t from = w->s, n = break_at(w, w->s + 1);
    if (n) { /* an escaped line break: nothing, and the next line's indentation goes too */
        w->s += 1 + n;
        while (w->s < w->end && blank(w->src[w->s]))
            w->s++;
        return;
    }
    char c = w->s + 1 < w->end ? w->src[w->s + 1] : 0;
    w->s += 2 + (c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0);
    if (w->t < w->len)
        take(w, utf8_length((unsigned char)w->text[w->t]), from);
}

static void walk_flow(struct walk *w, enum scalar_style style) {
    if (style != STYLE_PLAIN) { /* the quotes */
        w->s++;
        if (w->end > w->s)
            w->end--;
    }
    while (w->t < w->len && w->s < w->end) {
        size_t t = w->t, s = w->s;
        if (blank(w->src[s]) || break_at(w, s)) {
            flow_blanks(w);
        } else if (style == STYLE_DOUBLE && w->src[s] == '\\') {
            escape(w);
        } else if (w->src[s] == w->text[t]) {
            w->s += style == STYLE_SINGLE && w->src[s] == '\'' ? 2 : 1;
            take(w, 1, s);
        }
        if (w->t == t && w->s == s)
            return; /* they do not fit together */
    }
}

static void skip_line(struct walk *w) {
    while (w->s < w->end && !break_at(w, w->s))
        w->s++;
    w->s += break_at(w, w->s);
}

static size_t leading(const struct walk *w, size_t s) {
    size_t n = 0;
    while (s + n < w->end && w->src[s + n] == ' ')
        n++;
    return n;
}

/* The indentation of a block scalar: that of its first line with content, less what the text itself begins with (an explicit indicator). */
static size_t block_indent(const struct walk *w) {
    size_t s = w->s, own = 0;
    while (w->t + own < w->len && w->text[w->t + own] == '\n')
        own++;
    size_t lead = 0;
    while (w->t + own + lead < w->len && w->text[w->t + own + lead] == ' ')
        lead++;
    while (s < w->end) {
        size_t n = leading(w, s);
        if (s + n < w->end && !break_at(w, s + n))
            return n > lead ? n - lead : 0;
        s += n;
        s += break_at(w, s);
    }
    return 0;
}

static void walk_block(struct walk *w) {
    skip_line(w); /* "|", ">-", a comment */
    size_t indent = block_indent(w);
    while (w->t < w->len && w->s < w->end) {
        size_t n = leading(w, w->s);
        w->s += n < indent ? n : indent;
        while (w->s < w->end && !break_at(w, w->s) && w->t < w->len && w->text[w->t] == w->src[w->s]) {
            take(w, 1, w->s);
            w->s++;
        }
        if (w->s < w->end && !break_at(w, w->s) && w->t < w->len)
            return; /* they do not fit together */
        /* The end of the line and the empty lines behind it: '\n's, or one blank in a folded text. */
        size_t at = w->s, breaks = 0, s = w->s;
        for (size_t b; (b = break_at(w, s));) {
            breaks++;
            w->s = s += b;
            size_t k = leading(w, s);
            if (k <= indent && break_at(w, s + k))
                s += k;
        }
        if (breaks == 0)
            return;
        if (w->t < w->len && w->text[w->t] == ' ')
            take(w, 1, at);
        else
            for (size_t i = 0; i < breaks && w->t < w->len && w->text[w->t] == '\n'; i++)
                take(w, 1, at);
    }
}

void yaml_map_offsets(enum scalar_style style, const char *src, size_t begin, size_t end, const char *text, size_t len, uint32_t *offsets) {
    struct walk w = {.src = src, .s = begin, .end = end, .text = text, .len = len, .offsets = offsets};
    if (style == STYLE_LITERAL || style == STYLE_FOLDED)
        walk_block(&w);
    else
        walk_flow(&w, style);
    size_t rest = w.t == w.len ? w.s : w.t ? offsets[w.t - 1] : begin;
    if (rest > end)
        rest = end;
    for (size_t i = w.t; i <= len; i++)
        offsets[i] = (uint32_t)rest;
}
