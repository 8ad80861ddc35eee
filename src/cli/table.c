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

static void measure(const struct table *t, size_t *width, int columns) {
    size_t sum = 0;

    for (size_t i = 0; i < t->n; i++)
        width[i] = text_width(t->titles[i], strlen(t->titles[i]));
    for (size_t k = 0; k < t->ncells; k++) {
        size_t w = text_width(t->cells[k].text, strlen(t->cells[k].text));
        if (w > width[k % t->n])
            width[k % t->n] = w;
    }
    for (size_t i = 0; i < t->n; i++)
        sum += width[i] + (i + 1 < t->n ? GAP : 0);
    /* Too wide: the widest column gives way, one by one, down to 8. */
    while (columns > 0 && sum > (size_t)columns) {
        size_t widest = 0;
        for (size_t i = 1; i < t->n; i++)
            if (width[i] > width[widest])
                widest = i;
        if (width[widest] <= 8)
            break;
        width[widest]--;
        sum--;
    }
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

static void put_cell(struct buf *b, const struct table *t, size_t column, const char *text, const char *sgr, const size_t *width,
                     bool colour, bool right) {
    bool last = column + 1 == t->n;
    size_t wide = text_width(text, strlen(text)), width_left = width[column];

    if (colour && sgr != NULL)
        buf_printf(b, "\033[%sm", sgr);
    if (right && wide < width[column]) {
        buf_fill(b, ' ', width[column] - wide);
        width_left = wide;
    }
    if (last && wide <= width[column])
        text_clean(b, text, strlen(text)); /* no blanks at the line's end */
    else
        text_column(b, text, width_left);
    if (colour && sgr != NULL)
        buf_puts(b, "\033[0m");
    if (last)
        buf_putc(b, '\n');
    else
        buf_fill(b, ' ', GAP);
}

void table_print(struct table *t, FILE *out, bool colour) {
    size_t *width = calloc(t->n, sizeof(*width));
    bool *right = calloc(t->n, sizeof(*right));
    struct buf b;

    if (width == NULL || right == NULL) {
        free(width);
        free(right);
        return;
    }
    find_numbers(t, right);
    measure(t, width, cli_columns());
    buf_init(&b, 256 << 20);
    for (size_t i = 0; i < t->n; i++)
        put_cell(&b, t, i, t->titles[i], "2", width, colour, right[i]);
    for (size_t k = 0; k < t->ncells; k++)
        put_cell(&b, t, k % t->n, t->cells[k].text, t->cells[k].sgr, width, colour, right[k % t->n]);
    (void)fwrite(b.data, 1, b.len, out);
    buf_done(&b);
    free(width);
    free(right);
}
