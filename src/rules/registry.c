/* SPDX-License-Identifier: Apache-2.0
 * The registry: devices.csv in memory. Rows stand in blocks that never move, ids in a map; an index over another column is built at its first use. */
#include "gengfu/rules/registry.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "gengfu/base/time.h"
#include "gengfu/rules/node.h"
#include "rules/csv_int.h"

#define BLOCK 1024
#define MAX_BYTES (256u << 20)

struct entry {
    struct device device; /* first */
    struct place at;
};
struct index {
    bool built;
    struct map map; /* value -> device */
};
struct registry {
    struct arena arena;
    struct entry *blocks[REGISTRY_MAX_DEVICES / BLOCK + 1];
    size_t count;
    struct map by_id;
    struct registry_column columns[REGISTRY_MAX_COLUMNS];
    size_t ncolumns;
    bool headless;         /* the header could not be read: nobody knows which columns were meant */
    struct index *indexes; /* one a column */
};

/* -- a row as CEL sees it ---------------------------------------------------------------------------------------------------- */

static const struct device *device_of(const struct cel_record *r) { return (const struct device *)(const void *)r; }

bool device_field(const struct device *d, atom_t name, struct cel_value *ret) {
    for (size_t i = 0; i < d->nfields; i++)
        if (d->fields[i].name == name) {
            *ret = d->fields[i].value;
            return true;
        }
    return false;
}

static bool record_get(const struct cel_record *r, atom_t field, struct cel_value *ret) { return device_field(device_of(r), field, ret); }

static bool record_next(const struct cel_record *r, size_t *it, atom_t *ret_field, struct cel_value *ret) {
    const struct device *d = device_of(r);
    if (*it >= d->nfields)
        return false;
    *ret_field = d->fields[*it].name;
    *ret = d->fields[*it].value;
    ++*it;
    return true;
}

static const struct cel_record_ops record_ops = {.get = record_get, .next = record_next};

/* -- the header ------------------------------------------------------------------------------------------------------------- */

struct loading {
    struct report *rep;
    struct csv *csv;
    struct registry *r;
    /* cell -> column; SIZE_MAX: a bad one, skipped */
    size_t column_of[CSV_MAX_CELLS];
    size_t nheader;
    size_t id_cell, kind_cell;
    size_t errors; /* in the report before this file */
};

static const struct {
    const char *word;
    enum cel_decl_type type;
} types[] = {{"string", CEL_DECL_STRING},      {"text", CEL_DECL_STRING}, {"int", CEL_DECL_INT},
             {"double", CEL_DECL_DOUBLE},      {"bool", CEL_DECL_BOOL},   {"duration", CEL_DECL_DURATION},
             {"timestamp", CEL_DECL_TIMESTAMP}};

static enum cel_decl_type column_type(struct loading *l, const struct csv_cell *cell, const char *name, const char *type) {
    if (!type) {
        if (strcmp(name, "lat") == 0 || strcmp(name, "lon") == 0)
            return CEL_DECL_DOUBLE;
        return strcmp(name, "expect") == 0 ? CEL_DECL_DURATION : CEL_DECL_STRING;
    }
    const char *words[COUNT(types)];
    for (size_t i = 0; i < COUNT(types); i++) {
        if (strcmp(type, types[i].word) == 0)
            return types[i].type;
        words[i] = types[i].word;
    }
    report_unknown(l->rep, cell->at, type, words, COUNT(types), "column '%s' has an unknown type '%s'", name, type);
    return CEL_DECL_DYN;
}

static void add_column(struct loading *l, size_t i) {
    const struct csv_cell *cell = &l->csv->cells[i];
    struct registry *r = l->r;
    l->column_of[i] = SIZE_MAX;
    if (cell->bad)
        return;
    const char *colon = memchr(cell->text, ':', cell->len);
    char name[ATOM_NAME_MAX + 1];
    size_t len = colon ? (size_t)(colon - cell->text) : cell->len;
    if (len == 0 || len > ATOM_NAME_MAX) {
        report_error(l->rep, cell->at, "name the column in the header, or remove it",
                     len ? "a column's name of more than %d bytes" : "a column without a name", ATOM_NAME_MAX);
        return;
    }
    memcpy(name, cell->text, len);
    name[len] = '\0';
    bool id = strcmp(name, "device") == 0;
    if (strcmp(name, "id") == 0) {
        report_error(l->rep, cell->at, "call the column 'device'; rules read it as device.id", "a column cannot be called 'id'");
        return;
    }
    atom_t atom = atom_of(id ? "id" : name);
    for (size_t k = 0; k < r->ncolumns; k++)
        if (r->columns[k].name == atom) {
            report_error(l->rep, cell->at, NULL, "the column '%s' stands twice in the header", name);
            return;
        }
    if (r->ncolumns == REGISTRY_MAX_COLUMNS || !atom) {
        report_error(l->rep, cell->at, NULL, "more than %d columns", REGISTRY_MAX_COLUMNS);
        return;
    }
    if (!r->headless && !is_identifier(name, len)) {
        char hint[ATOM_NAME_MAX + 40];
        (void)snprintf(hint, sizeof hint, "rules read it as device['%s']", name);
        report_warning(l->rep, cell->at, hint, "the column's name '%s' is no identifier", name);
    }
    enum cel_decl_type type = column_type(l, cell, name, colon ? colon + 1 : NULL);
    bool text_only = id || strcmp(name, "kind") == 0;
    if (text_only && type != CEL_DECL_STRING && type != CEL_DECL_DYN)
        report_error(l->rep, cell->at, NULL, "the column '%s' is always text", name);
    if (text_only)
        type = CEL_DECL_STRING;
    if (id)
        l->id_cell = i;
    if (strcmp(name, "kind") == 0)
        l->kind_cell = i;
    l->column_of[i] = r->ncolumns;
    r->columns[r->ncolumns++] = (struct registry_column){.name = atom, .type = type};
}

/* Device, KIND */
static const char *column_hint(const struct loading *l, const char *name, const char *otherwise, char *buf, size_t size) {
    for (size_t i = 0; i < l->csv->n; i++)
        if (strcasecmp(l->csv->cells[i].text, name) == 0) {
            (void)snprintf(buf, size, "with small letters: '%s', not '%s'", name, l->csv->cells[i].text);
            return buf;
        }
    return otherwise;
}

static bool names(const struct loading *l, const char *column) {
    for (size_t i = 0; i < l->csv->n; i++)
        if (strncasecmp(l->csv->cells[i].text, column, strlen(column)) == 0)
            return true;
    return false;
}

static bool read_header(struct loading *l) {
    char hint[80];
    if (!csv_next(l->csv)) {
        l->r->headless = report_errors(l->rep) > l->errors;
        return false;
    }
    l->r->headless = !names(l, "device") && !names(l, "kind");
    l->id_cell = l->kind_cell = SIZE_MAX;
    l->nheader = l->csv->n;
    struct place at = l->csv->cells[0].at;
    for (size_t i = 0; i < l->csv->n; i++)
        add_column(l, i);
    if (l->id_cell == SIZE_MAX)
        report_error(l->rep, at, column_hint(l, "device", "the first line names the columns: device,kind,name,place,…", hint, sizeof hint),
                     "no column is called 'device'");
    if (l->kind_cell == SIZE_MAX)
        report_error(l->rep, at,
                     column_hint(l, "kind", "add a column that says what each device is: lamp, lock, camera, …", hint, sizeof hint),
                     "no column is called 'kind'");
    if (l->r->headless)
        l->r->ncolumns = 0;
    return l->id_cell != SIZE_MAX;
}

/* -- rows --------------------------------------------------------------------------------------------------------------------- */

static bool parse_bool(const char *s, bool *ret) {
    static const char *const yes[] = {"true", "TRUE", "True", "yes", "1", "是"}, *const no[] = {"false", "FALSE", "False", "no", "0", "否"};
    for (size_t i = 0; i < COUNT(yes); i++) {
        if (strcmp(s, yes[i]) == 0)
            return *ret = true;
        if (strcmp(s, no[i]) == 0) {
            *ret = false;
            return true;
        }
    }
    return false;
}

/* One cell as a value; false when it is not of the column's type (reported). */
static bool cell_value(struct loading *l, const struct csv_cell *c, const struct registry_column *col, struct cel_value *ret) {
    const char *name = atom_name(col->name);
    char *end;
    errno = 0;
    switch (col->type) {
    case CEL_DECL_INT: {
        long long v = strtoll(c->text, &end, 10);
        if (*end || errno) {
            report_error(l->rep, c->at, "a whole number: 7", "'%.60s' is no int (column '%s')", c->text, name);
            return false;
        }
        *ret = cel_int(v);
        return true;
    }
    case CEL_DECL_DOUBLE: {
        double v = strtod(c->text, &end), limit = strcmp(name, "lat") == 0 ? 90 : strcmp(name, "lon") == 0 ? 180 : INFINITY;
        if (*end || !isfinite(v) || c->text[strspn(c->text, "+-0123456789.eE")]) {
            report_error(l->rep, c->at, "a number with '.' for the decimals: 5.0", "'%.60s' is no double (column '%s')", c->text, name);
            return false;
        }
        if (fabs(v) > limit) {
            report_error(l->rep, c->at, limit < 100 ? "degrees north of the equator, -90 to 90" : "degrees east of Greenwich, -180 to 180",
                         "%s is out of range: %s", name, c->text);
            return false;
        }
        *ret = cel_double(v);
        return true;
    }
    case CEL_DECL_BOOL: {
        bool v;
        if (!parse_bool(c->text, &v)) {
            report_error(l->rep, c->at, "write true or false", "'%.60s' is no bool (column '%s')", c->text, name);
            return false;
        }
        *ret = cel_bool(v);
        return true;
    }
    case CEL_DECL_DURATION: {
        int64_t ms;
        if (span_parse(c->text, c->len, &ms, NULL) < 0 || ms < 0 || ms > SPAN_MAX) {
            report_error(l->rep, c->at, "a number and a unit: 30s, 5m, 1h30m, 14d", "'%.60s' is no span of time (column '%s')", c->text,
                         name);
            return false;
        }
        *ret = cel_duration_ms(ms);
        return true;
    }
    case CEL_DECL_TIMESTAMP: {
        int64_t s;
        int nanos;
        bool zoned;
        if (time_parse(c->text, c->len, true, &s, &nanos, &zoned) < 0) {
            report_error(l->rep, c->at, "for example 2026-01-05T20:00:00+08:00", "'%.60s' is no timestamp (column '%s')", c->text, name);
            return false;
        }
        *ret = cel_time_ms(s * 1000 + nanos / 1000000);
        return true;
    }
    default: {
        const char *copy = arena_strndup(&l->r->arena, c->text, c->len);
        if (!copy) {
            l->csv->failed = true;
            return false;
        }
        *ret = cel_string(copy, c->len);
        return true;
    }
    }
}

static struct entry *entry_at(const struct registry *r, size_t i) { return &r->blocks[i / BLOCK][i % BLOCK]; }

static struct entry *new_entry(struct registry *r) {
    struct entry **block = &r->blocks[r->count / BLOCK];
    if (!*block)
        *block = arena_zalloc(&r->arena, BLOCK * sizeof **block);
    return *block ? &(*block)[r->count % BLOCK] : NULL;
}

/* The id is there, is new, and can be used. */
static bool check_id(struct loading *l, const struct csv_cell *c) {
    if (c->bad)
        return false;
    if (c->len == 0) {
        report_error(l->rep, c->at, "fill in the device's id, as its source gives it", "a row without a device");
        return false;
    }
    if (c->len > EVENT_DEVICE_MAX) {
        report_error(l->rep, c->at, NULL, "a device's id of more than %d bytes", EVENT_DEVICE_MAX);
        return false;
    }
    const struct entry *first = map_get(&l->r->by_id, c->text, c->len);
    if (first) {
        uint32_t line, column;
        char hint[64];
        report_line_column(l->rep, first->at, &line, &column);
        (void)snprintf(hint, sizeof hint, "it stands first in line %u", (unsigned)line);
        report_error(l->rep, c->at, hint, "the device '%s' stands twice", c->text);
        return false;
    }
    return true;
}

static int add_row(struct loading *l) {
    struct csv *csv = l->csv;
    struct registry *r = l->r;
    if (csv->n > l->nheader) {
        report_error(l->rep, csv->cells[l->nheader].at, "put quotes around text that holds ','", "the row has %zu cells, the header %zu",
                     csv->n, l->nheader);
        csv->n = l->nheader;
    }
    struct csv_cell none = {.text = "", .at = csv->cells[csv->n - 1].at};
    const struct csv_cell *id = l->id_cell < csv->n ? &csv->cells[l->id_cell] : &none;
    if (!check_id(l, id))
        return 0;
    struct event_field fields[REGISTRY_MAX_COLUMNS];
    size_t n = 0;
    struct entry *e = new_entry(r);
    if (!e)
        return GF_ENOMEM;
    e->at = id->at;
    if (l->kind_cell != SIZE_MAX) {
        const struct csv_cell *kind = l->kind_cell < csv->n ? &csv->cells[l->kind_cell] : &none;
        e->device.kind = kind->len ? atom_intern(kind->text, kind->len) : 0;
        if (!kind->len && !kind->bad)
            report_error(l->rep, kind->at, "fill in what the device is: lamp, lock, camera, …", "the device '%s' has no kind", id->text);
        else if (!kind->bad && !e->device.kind)
            report_error(l->rep, kind->at, NULL, "the kind is too long for a name");
    }
    for (size_t i = 0; i < csv->n; i++) {
        const struct csv_cell *c = &csv->cells[i];
        if (l->column_of[i] == SIZE_MAX || c->len == 0)
            continue;
        const struct registry_column *col = &r->columns[l->column_of[i]];
        struct cel_value v;
        if (!cell_value(l, c, col, &v))
            continue;
        if (strcmp(atom_name(col->name), "expect") == 0)
            (void)cel_as_duration_ms(v, &e->device.expect);
        fields[n++] = (struct event_field){.name = col->name, .value = v};
    }
    if (csv->failed)
        return GF_ENOMEM;
    e->device.record.ops = &record_ops;
    e->device.id = arena_strndup(&r->arena, id->text, id->len);
    e->device.fields = arena_dup(&r->arena, fields, n * sizeof *fields);
    e->device.nfields = n;
    if (!e->device.id || !e->device.fields || map_put(&r->by_id, id->text, id->len, e, NULL) < 0)
        return GF_ENOMEM;
    r->count++;
    return 0;
}

static int load_rows(struct loading *l) {
    if (!read_header(l))
        return 0;
    while (csv_next(l->csv)) {
        if (l->r->count == REGISTRY_MAX_DEVICES) {
            report_error(l->rep, l->csv->cells[0].at, NULL, "more than %d devices", REGISTRY_MAX_DEVICES);
            return 0;
        }
        int rc = add_row(l);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int registry_load(struct report *rep, const char *name, const char *text, size_t len, struct registry **ret) {
    struct registry *r = calloc(1, sizeof *r);
    if (!r)
        return GF_ENOMEM;
    arena_init(&r->arena, 64 << 10, MAX_BYTES);
    map_init(&r->by_id);
    int rc = 0;
    struct csv *csv = NULL;
    struct loading *l = NULL;
    if (!text)
        goto done;
    rc = report_file(rep, name, text, len);
    if (rc < 0)
        goto done;
    csv = malloc(sizeof *csv);
    l = calloc(1, sizeof *l);
    if (!csv || !l) {
        rc = GF_ENOMEM;
        goto done;
    }
    csv_init(csv, rep, (uint16_t)rc);
    *l = (struct loading){.rep = rep, .csv = csv, .r = r, .errors = report_errors(rep)};
    rc = load_rows(l);
    csv_done(csv);
done:
    free(csv);
    free(l);
    if (rc >= 0) {
        r->indexes = arena_zalloc(&r->arena, (r->ncolumns + 1) * sizeof *r->indexes);
        rc = r->indexes ? 0 : GF_ENOMEM;
    }
    if (rc < 0) {
        registry_free(r);
        return rc;
    }
    *ret = r;
    return 0;
}

void registry_free(struct registry *r) {
    if (!r)
        return;
    for (size_t i = 0; r->indexes && i < r->ncolumns; i++)
        if (r->indexes[i].built)
            map_done(&r->indexes[i].map, NULL);
    map_done(&r->by_id, NULL);
    arena_done(&r->arena);
    free(r);
}

/* -- looking things up ---------------------------------------------------------------------------------------------------------- */

size_t registry_count(const struct registry *r) { return r->count; }
const struct device *registry_at(const struct registry *r, size_t i) { return i < r->count ? &entry_at(r, i)->device : NULL; }

const struct device *registry_find(const struct registry *r, const char *id) {
    const struct entry *e = map_gets(&r->by_id, id);
    return e ? &e->device : NULL;
}

/* What a cell is looked up by: its text; a whole number's digits. */
static bool cell_text(const struct device *d, atom_t column, char number[24], const char **ret, size_t *ret_len) {
    struct cel_value v;
    if (!device_field(d, column, &v) || (v.type != CEL_STRING && v.type != CEL_INT))
        return false;
    *ret = v.type == CEL_STRING ? v.s : number;
    *ret_len = v.type == CEL_STRING ? v.aux : (size_t)snprintf(number, 24, "%lld", (long long)v.i);
    return true;
}

static bool build_index(const struct registry *r, struct index *ix, atom_t column) {
    map_init(&ix->map);
    for (size_t i = 0; i < r->count; i++) {
        struct entry *e = entry_at(r, i);
        const char *text;
        char number[24];
        size_t len;
        if (!cell_text(&e->device, column, number, &text, &len) || map_get(&ix->map, text, len))
            continue;
        if (map_put(&ix->map, text, len, e, NULL) < 0) {
            map_done(&ix->map, NULL);
            return false;
        }
    }
    return ix->built = true;
}

/* Without the index: the first row that has the value, as in the index. */
static const struct device *walk(const struct registry *r, atom_t column, const char *value, size_t len) {
    for (size_t i = 0; i < r->count; i++) {
        const struct device *d = &entry_at(r, i)->device;
        const char *text;
        char number[24];
        size_t n;
        if (cell_text(d, column, number, &text, &n) && n == len && memcmp(text, value, len) == 0)
            return d;
    }
    return NULL;
}

const struct device *registry_find_by(const struct registry *r, atom_t column, const char *value, size_t len) {
    for (size_t i = 0; i < r->ncolumns; i++) {
        if (r->columns[i].name != column)
            continue;
        struct index *ix = &r->indexes[i];
        if (!ix->built && !build_index(r, ix, column)) /* no memory for it now: slower, and as right */
            return walk(r, column, value, len);
        const struct entry *e = map_get(&ix->map, value, len);
        return e ? &e->device : NULL;
    }
    return NULL;
}

bool registry_headless(const struct registry *r) { return r->headless; }

size_t registry_columns(const struct registry *r, const struct registry_column **ret) {
    *ret = r->columns;
    return r->ncolumns;
}

const char *device_text(const struct device *d, const char *column) {
    struct cel_value v;
    atom_t a = d ? atom_find(column, strlen(column)) : 0;
    return a && device_field(d, a, &v) && v.type == CEL_STRING ? v.s : "";
}

bool device_number(const struct device *d, const char *column, double *ret) {
    struct cel_value v;
    atom_t a = d ? atom_find(column, strlen(column)) : 0;
    return a && device_field(d, a, &v) && cel_as_double(v, ret);
}
