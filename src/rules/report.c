/* SPDX-License-Identifier: Apache-2.0
 * Reports: keeps the texts of the files, sorts what was found by place, and draws the line with its caret.
 * Leans on text.h for widths: a caret stands under Chinese text where a terminal shows it. */
#include "gengfu/rules/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"

#define MAX_FILES 4096
#define LINE_WIDTH 140 /* columns of a line that are shown; longer ones are cut around the caret */

struct report_file {
    char *name, *text;
    size_t len;
    uint32_t *lines; /* offsets at which lines begin */
    size_t nlines;
};
struct item {
    struct place at;
    bool warning;
    uint32_t order;
    char *text, *hint;
};
struct report {
    struct report_file *files;
    size_t nfiles, cap_files;
    struct item *items;
    size_t nitems, cap_items;
    size_t errors, warnings;
    bool sorted;
    char first[512];
};

int report_new(struct report **ret) {
    struct report *r = calloc(1, sizeof *r);
    if (!r)
        return GF_ENOMEM;
    *ret = r;
    return 0;
}

void report_free(struct report *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->nfiles; i++) {
        free(r->files[i].name);
        free(r->files[i].text);
        free(r->files[i].lines);
    }
    for (size_t i = 0; i < r->nitems; i++) {
        free(r->items[i].text);
        free(r->items[i].hint);
    }
    free(r->files);
    free(r->items);
    free(r);
}

static int index_lines(struct report_file *f) {
    size_t n = 1;
    for (const char *p = f->text; (p = memchr(p, '\n', (size_t)(f->text + f->len - p))); p++)
        n++;
    f->lines = malloc(n * sizeof *f->lines);
    if (!f->lines)
        return GF_ENOMEM;
    f->lines[f->nlines++] = 0;
    for (size_t i = 0; i < f->len; i++)
        if (f->text[i] == '\n')
            f->lines[f->nlines++] = (uint32_t)(i + 1);
    return 0;
}

int report_file(struct report *r, const char *name, const char *text, size_t len) {
    if (r->nfiles == MAX_FILES || len >= UINT32_MAX)
        return GF_ELIMIT;
    if (r->nfiles == r->cap_files) {
        size_t cap = r->cap_files ? r->cap_files * 2 : 8;
        struct report_file *more = realloc(r->files, cap * sizeof *more);
        if (!more)
            return GF_ENOMEM;
        r->files = more;
        r->cap_files = cap;
    }
    struct report_file f = {.name = strdup(name), .text = malloc(len + 1), .len = len};
    if (f.text) {
        if (len)
            memcpy(f.text, text, len);
        f.text[len] = '\0';
    }
    if (!f.name || !f.text || index_lines(&f) < 0) {
        free(f.name);
        free(f.text);
        return GF_ENOMEM;
    }
    r->files[r->nfiles] = f;
    return (int)r->nfiles++;
}

const char *report_file_text(const struct report *r, uint16_t file, size_t *ret_len) {
    if (file >= r->nfiles) {
        *ret_len = 0;
        return "";
    }
    *ret_len = r->files[file].len;
    return r->files[file].text;
}

const char *report_file_name(const struct report *r, uint16_t file) { return file < r->nfiles ? r->files[file].name : ""; }

GF_PRINTF(5, 0) static void add(struct report *r, bool warning, struct place at, const char *hint, const char *fmt, va_list ap) {
    *(warning ? &r->warnings : &r->errors) += 1;
    if (r->nitems >= REPORT_MAX_ITEMS)
        return;
    if (r->nitems == r->cap_items) {
        size_t cap = r->cap_items ? r->cap_items * 2 : 16;
        struct item *more = realloc(r->items, cap * sizeof *more);
        if (!more)
            return;
        r->items = more;
        r->cap_items = cap;
    }
    struct buf text;
    buf_init(&text, 4096);
    buf_vprintf(&text, fmt, ap);
    struct item it = {.at = at, .warning = warning, .order = (uint32_t)r->nitems};
    it.text = text.failed ? NULL : buf_take(&text, NULL);
    buf_done(&text);
    it.hint = hint ? strdup(hint) : NULL;
    if (!it.text) {
        free(it.hint);
        return;
    }
    r->items[r->nitems++] = it;
    r->sorted = false;
}

void report_error(struct report *r, struct place at, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(r, false, at, hint, fmt, ap);
    va_end(ap);
}

void report_warning(struct report *r, struct place at, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(r, true, at, hint, fmt, ap);
    va_end(ap);
}

size_t report_errors(const struct report *r) { return r->errors; }
size_t report_warnings(const struct report *r) { return r->warnings; }

/* The line that holds the offset: index from 0. */
static size_t line_of(const struct report_file *f, uint32_t offset) {
    size_t lo = 0, hi = f->nlines;
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (f->lines[mid] <= offset)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* Where the line's text begins (behind a byte order mark) and ends (before CR and LF). */
static void line_bounds(const struct report_file *f, size_t line, size_t *ret_begin, size_t *ret_end) {
    size_t begin = f->lines[line], end = line + 1 < f->nlines ? f->lines[line + 1] - 1 : f->len;
    if (line == 0 && f->len >= 3 && memcmp(f->text, "\xEF\xBB\xBF", 3) == 0)
        begin = 3;
    if (end > begin && f->text[end - 1] == '\r')
        end--;
    *ret_begin = begin;
    *ret_end = end < begin ? begin : end;
}

void report_line_column(const struct report *r, struct place at, uint32_t *ret_line, uint32_t *ret_column) {
    *ret_line = *ret_column = 1;
    if (at.file >= r->nfiles)
        return;
    const struct report_file *f = &r->files[at.file];
    size_t line = line_of(f, at.offset), begin, end;
    line_bounds(f, line, &begin, &end);
    size_t stop = at.offset < begin ? begin : at.offset > f->len ? f->len : at.offset;
    *ret_line = (uint32_t)line + 1;
    *ret_column = (uint32_t)utf8_count(f->text + begin, stop - begin) + 1;
}

static int by_place(const void *pa, const void *pb) {
    const struct item *a = pa, *b = pb;
    if (a->at.file != b->at.file)
        return a->at.file < b->at.file ? -1 : 1;
    if (a->at.offset != b->at.offset)
        return a->at.offset < b->at.offset ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Sorting is not seen from outside, so a const report may be sorted where it lies. */
static struct item *sorted(const struct report *r) {
    union {
        const struct report *c;
        struct report *m;
    } u = {.c = r};
    if (!r->sorted && r->nitems)
        qsort(u.m->items, u.m->nitems, sizeof *u.m->items, by_place);
    u.m->sorted = true;
    return u.m->items;
}

/* Moves back by up to `width` columns from `at`, not before `begin`; whole characters. */
static size_t back_columns(const char *s, size_t begin, size_t at, size_t width) {
    size_t w = 0;
    while (at > begin) {
        size_t p = at - 1;
        while (p > begin && ((unsigned char)s[p] & 0xC0) == 0x80)
            p--;
        w += text_width(s + p, at - p);
        if (w > width)
            break;
        at = p;
    }
    return at;
}

static size_t forward_columns(const char *s, size_t at, size_t end, size_t width) {
    size_t w = 0;
    while (at < end) {
        size_t n;
        (void)utf8_next(s + at, end - at, &n);
        w += text_width(s + at, n);
        if (w > width)
            break;
        at += n;
    }
    return at;
}

/* text_clean keeps one column for each column, but tabs and other controls, of no width for text_width, are shown as one. */
static size_t shown_width(const char *s, size_t len) {
    size_t w = text_width(s, len);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7F)
            w++;
    return w;
}

static void put_line(struct buf *out, const char *s, size_t len) {
    size_t from = 0;
    for (size_t i = 0; i <= len; i++)
        if (i == len || s[i] == '\t') { /* a tab is drawn as one blank */
            text_clean(out, s + from, i - from);
            if (i < len)
                buf_putc(out, ' ');
            from = i + 1;
        }
}

static void draw(const struct report_file *f, struct place at, struct buf *out, bool colour) {
    size_t begin, end, caret = at.offset;
    line_bounds(f, line_of(f, at.offset), &begin, &end);
    while (begin < end && (f->text[begin] == ' ' || f->text[begin] == '\t') && begin < caret)
        begin++;
    if (caret > end)
        caret = end;
    if (caret < begin)
        caret = begin;
    size_t stop = caret + at.length > end ? end : caret + at.length;
    const char *before = "", *after = "";
    if (shown_width(f->text + begin, end - begin) > LINE_WIDTH) {
        size_t from = back_columns(f->text, begin, caret, LINE_WIDTH / 2), to = forward_columns(f->text, from, end, LINE_WIDTH);
        before = from > begin ? "…" : "";
        after = to < end ? "…" : "";
        begin = from;
        end = to;
        stop = stop > end ? end : stop;
    }
    buf_puts(out, "    ");
    buf_puts(out, before);
    put_line(out, f->text + begin, end - begin);
    buf_puts(out, after);
    buf_puts(out, "\n    ");
    buf_fill(out, ' ', shown_width(f->text + begin, caret - begin) + (*before ? 1 : 0));
    size_t carets = stop > caret ? shown_width(f->text + caret, stop - caret) : 1;
    if (colour)
        buf_puts(out, "\033[1;32m");
    buf_fill(out, '^', carets ? carets : 1);
    if (colour)
        buf_puts(out, "\033[0m");
    buf_putc(out, '\n');
}

void report_print(const struct report *r, struct buf *out, bool colour) {
    const struct item *items = sorted(r);
    for (size_t i = 0; i < r->nitems; i++) {
        const struct item *it = &items[i];
        uint32_t line, column;
        report_line_column(r, it->at, &line, &column);
        if (colour)
            buf_puts(out, "\033[1m");
        if (it->at.file < r->nfiles)
            buf_printf(out, "%s:%u:%u: ", r->files[it->at.file].name, (unsigned)line, (unsigned)column);
        if (colour)
            buf_puts(out, it->warning ? "\033[35m" : "\033[31m");
        if (it->warning)
            buf_puts(out, "warning: ");
        text_clean(out, it->text, strlen(it->text));
        if (colour)
            buf_puts(out, "\033[0m");
        buf_putc(out, '\n');
        if (it->at.file < r->nfiles && r->files[it->at.file].len)
            draw(&r->files[it->at.file], it->at, out, colour);
        for (const char *h = it->hint; h;) { /* a hint may be an example of several lines */
            const char *end = strchr(h, '\n');
            buf_puts(out, "    ");
            text_clean(out, h, end ? (size_t)(end - h) : strlen(h));
            buf_putc(out, '\n');
            h = end ? end + 1 : NULL;
        }
    }
    size_t kept = r->errors + r->warnings;
    if (kept > r->nitems)
        buf_printf(out, "… and %zu more\n", kept - r->nitems);
}

void report_print_json(const struct report *r, struct buf *out) {
    const struct item *items = sorted(r);
    for (size_t i = 0; i < r->nitems; i++) {
        uint32_t line, column;
        report_line_column(r, items[i].at, &line, &column);
        struct jw w = jw_start(out);
        jw_open(&w, NULL, '{');
        jw_str(&w, "file", report_file_name(r, items[i].at.file));
        jw_int(&w, "line", line);
        jw_int(&w, "column", column);
        jw_str(&w, "severity", items[i].warning ? "warning" : "error");
        jw_str(&w, "message", items[i].text);
        jw_str(&w, "hint", items[i].hint);
        jw_close(&w, '}');
        buf_putc(out, '\n');
    }
}

const char *report_first(const struct report *r) {
    union {
        const struct report *c;
        struct report *m;
    } u = {.c = r};
    const struct item *items = sorted(r);
    u.m->first[0] = '\0';
    for (size_t i = 0; i < r->nitems; i++) {
        if (items[i].warning)
            continue;
        uint32_t line, column;
        report_line_column(r, items[i].at, &line, &column);
        (void)snprintf(u.m->first, sizeof u.m->first, "%s:%u:%u: %s", report_file_name(r, items[i].at.file), (unsigned)line,
                       (unsigned)column, items[i].text);
        break;
    }
    return u.m->first;
}
