/* SPDX-License-Identifier: Apache-2.0
 * Tables for a terminal: columns line up also with Chinese in them, and a table is never wider than the terminal. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/arena.h"
#include "gengfu/base/text.h"

#define GAP 2
#define INDENT 4      /* of the further lines of a row */
#define LEAST_LAST 24 /* columns: with less the last one is not cut to what is left */

struct cell {
    const char *text;
    const char *sgr;
};
struct table {
    const char *const *titles;
    size_t n, ncells, cap;
    struct cell *cells;
    struct arena arena;
};

int table_new(const char *const *titles, size_t n, struct table **ret) {
    struct table *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return GF_ENOMEM;
    t->titles = titles;
    t->n = n;
    arena_init(&t->arena, 16 << 10, 0);
    *ret = t;
    return 0;
}

void table_free(struct table *t) {
    if (t == NULL)
        return;
    arena_done(&t->arena);
    free(t->cells);
    free(t);
}

void table_cell(struct table *t, const char *text) {
    if (t->ncells == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct cell *more = realloc(t->cells, cap * sizeof(*more));
        if (more == NULL)
            return;
        t->cells = more;
        t->cap = cap;
    }
    const char *kept = text != NULL && text[0] != '\0' ? arena_strdup(&t->arena, text) : "-";
    t->cells[t->ncells++] = (struct cell){.text = kept ? kept : "?"};
}

void table_cellf(struct table *t, const char *fmt, ...) {
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    table_cell(t, text);
}

size_t table_rows(const struct table *t) { return t->ncells / t->n; }

bool table_cut(struct table *t, size_t rows) {
    bool more = t->ncells > rows * t->n;

    if (more)
        t->ncells = rows * t->n;
    return more;
}

void table_colour(struct table *t, const char *sgr) {
    if (t->ncells > 0)
        t->cells[t->ncells - 1].sgr = sgr;
}

int cli_columns(void) {
    struct winsize w;

    if (!isatty(STDOUT_FILENO))
        return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

struct layout {
    size_t *width;
    bool *right;  /* numbers */
    bool *breaks; /* the column begins a line of its row */
};

static size_t sum_of(const size_t *width, size_t n) {
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += width[i] + (i > 0 ? GAP : 0);
    return sum;
}

/* Too wide by more than a cut of the last column can mend: a row takes several lines, so that a figure is never cut, and what one copies (the first column) neither. */
static void fold(const struct table *t, struct layout *l, size_t columns) {
    size_t most = columns > INDENT + 8 ? columns - INDENT : 8, used = l->width[0];

    for (size_t i = 1; i < t->n; i++) {
        if (l->width[i] > most)
            l->width[i] = most;
        l->breaks[i] = used + GAP + l->width[i] > columns;
        used = l->breaks[i] ? INDENT + l->width[i] : used + GAP + l->width[i];
    }
}

/* The last column, mostly a title, takes what is left, if that is enough for one. */
static void fit(const struct table *t, struct layout *l, size_t columns) {
    size_t last = t->n - 1, sum = sum_of(l->width, last);

    if (columns == 0 || t->n < 3 || sum + GAP + l->width[last] <= columns)
        return;
    if (sum + GAP + LEAST_LAST > columns)
        fold(t, l, columns);
    else
        l->width[last] = columns - sum - GAP;
}

static void measure(const struct table *t, struct layout *l, size_t columns) {
    for (size_t i = 0; i < t->n; i++)
        l->width[i] = text_width(t->titles[i], strlen(t->titles[i]));
    for (size_t k = 0; k < t->ncells; k++) {
        size_t w = text_width(t->cells[k].text, strlen(t->cells[k].text));
        if (w > l->width[k % t->n])
            l->width[k % t->n] = w;
    }
    fit(t, l, columns);
}

/* Columns of nothing but numbers: they end below one another. */
static void find_numbers(const struct table *t, bool *right) {
    for (size_t i = 0; i < t->n; i++)
        right[i] = t->ncells >= t->n;
    for (size_t k = 0; k < t->ncells; k++) {
        const char *s = t->cells[k].text;
        if (strcmp(s, "-") != 0 && s[strspn(s, "0123456789.")] != '\0')
            right[k % t->n] = false;
    }
}

static void put_cell(struct buf *b, const struct table *t, size_t column, const char *text, const char *sgr, const struct layout *l,
                     bool colour) {
    bool last = column + 1 == t->n || l->breaks[column + 1];
    size_t wide = text_width(text, strlen(text)), room = l->width[column];

    if (l->breaks[column]) {
        buf_putc(b, '\n');
        buf_fill(b, ' ', INDENT);
    } else if (column > 0) {
        buf_fill(b, ' ', GAP);
    }
    if (l->right[column] && wide < room) {
        buf_fill(b, ' ', room - wide);
        room = wide;
    }
    if (colour && sgr != NULL)
        buf_printf(b, "\033[%sm", sgr);
    if (wide <= room && last)
        text_clean(b, text, strlen(text)); /* no blanks at the line's end */
    else
        text_column(b, text, room);
    if (colour && sgr != NULL)
        buf_puts(b, "\033[0m");
    if (column + 1 == t->n)
        buf_putc(b, '\n');
}

void table_print(struct table *t, FILE *out, bool colour) {
    struct layout l = {.width = calloc(t->n, sizeof(*l.width)),
                       .right = calloc(t->n, sizeof(*l.right)),
                       .breaks = calloc(t->n, sizeof(*l.breaks))};
    struct buf b;

    if (l.width != NULL && l.right != NULL && l.breaks != NULL) {
        find_numbers(t, l.right);
        measure(t, &l, (size_t)cli_columns());
        buf_init(&b, 256 << 20);
        for (size_t i = 0; i < t->n; i++)
            put_cell(&b, t, i, t->titles[i], "2", &l, colour);
        for (size_t k = 0; k < t->ncells; k++)
            put_cell(&b, t, k % t->n, t->cells[k].text, t->cells[k].sgr, &l, colour);
        (void)fwrite(b.data, 1, b.len, out);
        buf_done(&b);
    }
    free(l.width);
    free(l.right);
    free(l.breaks);
}
