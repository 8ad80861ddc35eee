/* SPDX-License-Identifier: Apache-2.0
 * Category codes: codes.csv in memory. A standard's codes are data, never compiled in. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "gengfu/rules/registry.h"
#include "gengfu/rules/node.h"
#include "rules/csv_int.h"

#define MAX_CODES 20000

struct codes {
    struct arena arena;
    struct code *items;
    size_t count, cap;
    struct map by_code; /* code -> index + 1 */
};

enum column { COL_CODE, COL_NAME, COL_KIND, COL_REF, COLUMNS };
static const char *const column_names[COLUMNS] = {"code", "name", "kind", "standard_ref"};

struct loading {
    struct report *rep;
    struct csv *csv;
    struct codes *codes;
    size_t cell_of[COLUMNS];
    size_t nheader;
};

static bool read_header(struct loading *l) {
    if (!csv_next(l->csv))
        return false;
    l->nheader = l->csv->n;
    bool fine = true;
    for (size_t k = 0; k < COLUMNS; k++) {
        l->cell_of[k] = SIZE_MAX;
        for (size_t i = 0; i < l->csv->n; i++)
            if (strcmp(l->csv->cells[i].text, column_names[k]) == 0)
                l->cell_of[k] = i;
        if (l->cell_of[k] == SIZE_MAX && k != COL_REF) {
            report_error(l->rep, l->csv->cells[0].at, "the first line names the columns: code,name,kind,standard_ref",
                         "no column is called '%s'", column_names[k]);
            fine = false;
        }
    }
    return fine;
}

static int grow(struct codes *c) {
    if (c->count < c->cap)
        return 0;
    size_t cap = c->cap ? c->cap * 2 : 64;
    struct code *items = realloc(c->items, cap * sizeof *items);
    if (!items)
        return GF_ENOMEM;
    c->items = items;
    c->cap = cap;
    return 0;
}

static const char *kind_of(const char *word) {
    if (strcmp(word, "component") == 0 || strcmp(word, "部件") == 0)
        return "component";
    return strcmp(word, "matter") == 0 || strcmp(word, "事项") == 0 || strcmp(word, "事件") == 0 ? "matter" : NULL;
}

static int add_row(struct loading *l) {
    struct csv *csv = l->csv;
    struct codes *c = l->codes;
    if (csv->n > l->nheader)
        report_error(l->rep, csv->cells[l->nheader].at, "put quotes around text that holds ','", "the row has %zu cells, the header %zu",
                     csv->n, l->nheader);
    struct csv_cell none = {.text = "", .at = csv->cells[csv->n - 1].at};
    const struct csv_cell *cell[COLUMNS];
    for (size_t k = 0; k < COLUMNS; k++)
        cell[k] = l->cell_of[k] < csv->n ? &csv->cells[l->cell_of[k]] : &none;
    for (size_t k = 0; k < COLUMNS; k++)
        if (cell[k]->bad)
            return 0;
    if (cell[COL_CODE]->len == 0) {
        report_error(l->rep, cell[COL_CODE]->at, NULL, "a row without a code");
        return 0;
    }
    const char *kind = kind_of(cell[COL_KIND]->text);
    if (!kind) {
        report_error(l->rep, cell[COL_KIND]->at, "write component (部件) or matter (事项)", "the code '%s' has the kind '%.40s'",
                     cell[COL_CODE]->text, cell[COL_KIND]->text);
        return 0;
    }
    if (map_get(&c->by_code, cell[COL_CODE]->text, cell[COL_CODE]->len)) {
        report_error(l->rep, cell[COL_CODE]->at, NULL, "the code '%s' stands twice", cell[COL_CODE]->text);
        return 0;
    }
    if (c->count == MAX_CODES) {
        report_error(l->rep, cell[COL_CODE]->at, NULL, "more than %d codes", MAX_CODES);
        csv->failed = true;
        return 0;
    }
    if (grow(c) < 0)
        return GF_ENOMEM;
    struct code code = {.code = arena_strdup(&c->arena, cell[COL_CODE]->text),
                        .name = arena_strdup(&c->arena, cell[COL_NAME]->text),
                        .kind = kind,
                        .standard_ref = arena_strdup(&c->arena, cell[COL_REF]->text)};
    /* The map's value is index + 1: a pointer would be lost when the array grows. */
    if (!code.code || !code.name || !code.standard_ref ||
        map_put(&c->by_code, cell[COL_CODE]->text, cell[COL_CODE]->len, (void *)(uintptr_t)(c->count + 1), NULL) < 0)
        return GF_ENOMEM;
    c->items[c->count++] = code;
    return 0;
}

int codes_load(struct report *rep, const char *name, const char *text, size_t len, struct codes **ret) {
    struct codes *c = calloc(1, sizeof *c);
    struct csv *csv = calloc(1, sizeof *csv);
    int rc = 0;
    if (!c || !csv) {
        free(c);
        free(csv);
        return GF_ENOMEM;
    }
    arena_init(&c->arena, 16 << 10, 64 << 20);
    map_init(&c->by_code);
    if (text && (rc = report_file(rep, name, text, len)) >= 0) {
        csv_init(csv, rep, (uint16_t)rc);
        struct loading l = {.rep = rep, .csv = csv, .codes = c};
        rc = 0;
        if (read_header(&l))
            while (rc == 0 && csv_next(csv))
                rc = add_row(&l);
        csv_done(csv);
    }
    free(csv);
    if (rc < 0) {
        codes_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void codes_free(struct codes *c) {
    if (!c)
        return;
    map_done(&c->by_code, NULL);
    arena_done(&c->arena);
    free(c->items);
    free(c);
}

size_t codes_count(const struct codes *c) { return c->count; }

const struct code *codes_find(const struct codes *c, const char *code) {
    uintptr_t i = (uintptr_t)map_gets(&c->by_code, code);
    return i ? &c->items[i - 1] : NULL;
}

const char *codes_nearest(const struct codes *c, const char *code) {
    const char **names = malloc((c->count + 1) * sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < c->count; i++)
        names[i] = c->items[i].code;
    const char *near = text_nearest(code, names, c->count);
    free(names);
    return near;
}
