/* SPDX-License-Identifier: Apache-2.0
 * CSV as in RFC 4180, as spreadsheets write it: a byte order mark, CR LF or LF, quotes with line breaks inside, empty rows. */
#include "rules/csv_int.h"

#include <string.h>

#include "gengfu/base/text.h"

void csv_init(struct csv *c, struct report *rep, uint16_t file) {
    memset(c, 0, sizeof *c);
    c->rep = rep;
    c->file = file;
    c->text = report_file_text(rep, file, &c->len);
    if (c->len >= 3 && memcmp(c->text, "\xEF\xBB\xBF", 3) == 0)
        c->pos = 3;
    arena_init(&c->arena, 8192, 0);
}

void csv_done(struct csv *c) { arena_done(&c->arena); }

static struct place place_of(const struct csv *c, size_t begin, size_t end) {
    return (struct place){.file = c->file, .offset = (uint32_t)begin, .length = (uint32_t)(end - begin)};
}

static bool fail(struct csv *c, struct place at, const char *hint, const char *what) {
    report_error(c->rep, at, hint, "%s", what);
    c->failed = true;
    return false;
}

static bool at_break(const struct csv *c) { return c->pos >= c->len || c->text[c->pos] == '\n' || c->text[c->pos] == '\r'; }

static void skip_break(struct csv *c) {
    if (c->pos < c->len && c->text[c->pos] == '\r')
        c->pos++;
    if (c->pos < c->len && c->text[c->pos] == '\n')
        c->pos++;
}

/* From the opening quote to behind the closing one. */
static bool read_quoted(struct csv *c, struct csv_cell *cell) {
    size_t begin = c->pos++, n = 0, end = c->pos;
    for (;;) {
        const char *q = end < c->len ? memchr(c->text + end, '"', c->len - end) : NULL;
        if (!q)
            return fail(c, place_of(c, begin, begin + 1), "close them with '\"'; a quote inside is written twice",
                        "quotes that are opened and never closed");
        end = (size_t)(q - c->text);
        if (end + 1 >= c->len || c->text[end + 1] != '"')
            break;
        end += 2;
    }
    char *out = arena_alloc(&c->arena, end - c->pos + 1);
    if (!out)
        return fail(c, place_of(c, begin, end), NULL, "out of memory");
    for (size_t i = c->pos; i < end; i += c->text[i] == '"' ? 2 : 1)
        out[n++] = c->text[i];
    out[n] = '\0';
    c->pos = end + 1;
    *cell = (struct csv_cell){.text = out, .len = n, .quoted = true, .at = place_of(c, begin, c->pos)};
    while (c->pos < c->len && c->text[c->pos] == ' ')
        c->pos++;
    if (!at_break(c) && c->text[c->pos] != ',')
        return fail(c, place_of(c, c->pos, c->pos + 1), "put ',' between cells; a quote inside quotes is written twice",
                    "text behind the closing quote");
    return true;
}

static bool read_plain(struct csv *c, struct csv_cell *cell) {
    size_t begin = c->pos;
    while (!at_break(c) && c->text[c->pos] != ',')
        c->pos++;
    size_t end = c->pos;
    while (begin < end && (c->text[begin] == ' ' || c->text[begin] == '\t'))
        begin++;
    while (end > begin && (c->text[end - 1] == ' ' || c->text[end - 1] == '\t'))
        end--;
    const char *copy = arena_strndup(&c->arena, c->text + begin, end - begin);
    if (!copy)
        return fail(c, place_of(c, begin, end), NULL, "out of memory");
    *cell = (struct csv_cell){.text = copy, .len = end - begin, .at = place_of(c, begin, end)};
    return true;
}

static bool read_row(struct csv *c) {
    c->n = 0;
    arena_reset(&c->arena);
    for (;;) {
        while (c->pos < c->len && c->text[c->pos] == ' ')
            c->pos++;
        if (c->n == CSV_MAX_CELLS)
            return fail(c, place_of(c, c->pos, c->pos), NULL, "a row of more than 256 cells");
        struct csv_cell *cell = &c->cells[c->n];
        if (!(c->pos < c->len && c->text[c->pos] == '"' ? read_quoted(c, cell) : read_plain(c, cell)))
            return false;
        if (cell->len > CSV_MAX_CELL)
            return fail(c, cell->at, NULL, "a cell of more than 8192 bytes");
        c->n++;
        if (at_break(c))
            break;
        c->pos++; /* the comma */
    }
    skip_break(c);
    return true;
}

/* Texts that are no UTF-8, or hold a NUL, are reported and emptied; the row goes on. */
static void check_cells(struct csv *c) {
    for (size_t i = 0; i < c->n; i++) {
        struct csv_cell *cell = &c->cells[i];
        bool nul = memchr(cell->text, '\0', cell->len) != NULL;
        if (!nul && utf8_valid(cell->text, cell->len))
            continue;
        report_error(c->rep, cell->at,
                     nul ? "remove it" : "save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\"; or iconv -f GB18030 -t UTF-8)",
                     nul ? "a NUL byte" : "text that is not UTF-8");
        cell->text = "";
        cell->len = 0;
        cell->bad = true;
    }
}

/* What spreadsheets write when they are not asked for commas and UTF-8. */
static bool check_header(struct csv *c) {
    const struct csv_cell *first = &c->cells[0];
    const char *sign = c->n == 1 && !first->quoted ? strpbrk(first->text, ";\t") : NULL;
    if (c->len >= 2 && (memcmp(c->text, "\xFF\xFE", 2) == 0 || memcmp(c->text, "\xFE\xFF", 2) == 0))
        return fail(c, place_of(c, 0, 2), "save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")", "the file is UTF-16");
    if (c->n == 1 && !first->quoted && strstr(first->text, "，"))
        return fail(c, first->at, "save the file with the commas of a plain keyboard between the cells",
                    "the cells stand between commas U+FF0C");
    if (sign)
        return fail(c, first->at, "save the file with commas between the cells",
                    *sign == ';' ? "the cells stand between semicolons" : "the cells stand between tabulators");
    return true;
}

bool csv_next(struct csv *c) {
    while (c->pos < c->len && !c->failed) {
        if (!read_row(c))
            return false;
        c->row++;
        bool empty = true;
        for (size_t i = 0; i < c->n && empty; i++)
            empty = c->cells[i].len == 0 && !c->cells[i].quoted;
        if (empty)
            continue;
        if (c->row == 1 && !check_header(c))
            return false;
        check_cells(c);
        return true;
    }
    return false;
}
