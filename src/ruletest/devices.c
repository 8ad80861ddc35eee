/* SPDX-License-Identifier: Apache-2.0
 * The registry of a test. Rows of its own, rows of devices.csv by name or pattern, or rows like one of devices.csv with other values. It is written as CSV and read by the
 * registry's own reader, so a test's row is checked and typed as any other. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "ruletest/ruletest_int.h"

#define MAX_ROWS 20000

struct row {
    struct place at;
    const struct device *like; /* columns that `own` does not give; NULL: none */
    const struct yaml_node *own;
};
struct columns {
    atom_t names[REGISTRY_MAX_COLUMNS];
    enum cel_decl_type types[REGISTRY_MAX_COLUMNS];
    size_t n;
};

static const char *type_word(enum cel_decl_type t) {
    switch (t) {
    case CEL_DECL_INT: return ":int";
    case CEL_DECL_DOUBLE: return ":double";
    case CEL_DECL_BOOL: return ":bool";
    case CEL_DECL_DURATION: return ":duration";
    case CEL_DECL_TIMESTAMP: return ":timestamp";
    default: return "";
    }
}

static void put_cell(struct buf *b, const char *s, size_t len) {
    buf_putc(b, '"');
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '"')
            buf_putc(b, '"');
        buf_putc(b, s[i]);
    }
    buf_putc(b, '"');
}

static void put_value(struct buf *b, struct cel_value v) {
    char text[TIME_TEXT_MAX];
    int64_t ms;

    switch (v.type) {
    case CEL_BOOL: buf_puts(b, v.b ? "true" : "false"); break;
    case CEL_INT: buf_put_int(b, v.i); break;
    case CEL_DOUBLE: buf_put_double(b, v.d); break;
    case CEL_STRING: put_cell(b, v.s, v.aux); break;
    case CEL_DURATION:
        if (cel_as_duration_ms(v, &ms))
            buf_puts(b, span_format(ms, text));
        break;
    case CEL_TIMESTAMP:
        if (cel_as_time_ms(v, &ms))
            buf_puts(b, time_format(ms, 0, text));
        break;
    default: break;
    }
}

static void known_columns(const struct ruleset *rs, struct columns *ret) {
    const struct registry_column *c;
    size_t n = registry_columns(rs->registry, &c);

    ret->n = 0;
    for (size_t i = 0; i < n; i++) {
        ret->names[ret->n] = c[i].name;
        ret->types[ret->n++] = c[i].type;
    }
    static const char *const needed[] = {"id", "kind"};
    for (size_t k = 0; k < COUNT(needed); k++) {
        atom_t a = atom_of(needed[k]);
        size_t i = 0;
        while (i < ret->n && ret->names[i] != a)
            i++;
        if (i < ret->n || ret->n == REGISTRY_MAX_COLUMNS)
            continue;
        ret->names[ret->n] = a;
        ret->types[ret->n++] = CEL_DECL_STRING;
    }
}

/* What a column that devices.csv does not have holds, by its values in the test. */
static enum cel_decl_type guess(const struct yaml_node *n) {
    int64_t i;
    double d;
    bool b;

    if (yaml_int(n, &i))
        return CEL_DECL_INT;
    if (yaml_double(n, &d))
        return CEL_DECL_DOUBLE;
    return yaml_bool(n, &b) ? CEL_DECL_BOOL : CEL_DECL_STRING;
}

static bool add_columns(struct reader *rd, const struct yaml_node *row, size_t known, struct columns *c) {
    for (size_t i = 0; i < row->n; i++) {
        const struct yaml_node *key = row->pairs[i].key, *value = row->pairs[i].value;
        if (strcmp(key->text, "device") == 0 || strcmp(key->text, "like") == 0)
            continue;
        if (value->kind != YAML_SCALAR) {
            report_error(rd->rep, value->at, NULL, "a device's '%.60s' must be text, a number or true or false, not %s", key->text,
                         node_kind_name(value));
            return false;
        }
        atom_t a = key->len && key->len <= ATOM_NAME_MAX ? atom_intern(key->text, key->len) : 0;
        size_t k = 0;
        while (k < c->n && c->names[k] != a)
            k++;
        if (!a || strcmp(key->text, "id") == 0 || key->text[strcspn(key->text, ":,\"")] || (k == c->n && c->n == REGISTRY_MAX_COLUMNS)) {
            report_error(rd->rep, key->at, strcmp(key->text, "id") == 0 ? "it is called 'device' here, as in devices.csv" : NULL,
                         "'%.60s' cannot be a column", key->text);
            return false;
        }
        enum cel_decl_type t = yaml_is_null(value) ? CEL_DECL_DYN : guess(value);
        if (k == c->n) {
            c->names[c->n] = a;
            c->types[c->n++] = t == CEL_DECL_DYN ? CEL_DECL_STRING : t;
        } else if (k >= known && t != CEL_DECL_DYN && c->types[k] != t) { /* 5 here and 5.5 there are doubles; anything else is text */
            bool numbers = (c->types[k] == CEL_DECL_INT || c->types[k] == CEL_DECL_DOUBLE) && (t == CEL_DECL_INT || t == CEL_DECL_DOUBLE);
            c->types[k] = numbers ? CEL_DECL_DOUBLE : CEL_DECL_STRING;
        }
    }
    return true;
}

static const struct yaml_node *own_value(const struct row *row, const char *name) {
    return row->own ? yaml_get(row->own, strcmp(name, "id") == 0 ? "device" : name) : NULL;
}

static void write_rows(const struct row *rows, size_t n, const struct columns *c, struct buf *b) {
    for (size_t i = 0; i < c->n; i++)
        buf_printf(b, "%s%s%s", i ? "," : "", strcmp(atom_name(c->names[i]), "id") == 0 ? "device" : atom_name(c->names[i]),
                   strcmp(atom_name(c->names[i]), "expect") == 0 ? "" : type_word(c->types[i]));
    buf_putc(b, '\n');
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < c->n; i++) {
            const struct yaml_node *own = own_value(&rows[r], atom_name(c->names[i]));
            struct cel_value v;
            if (i)
                buf_putc(b, ',');
            if (own && !yaml_is_null(own))
                put_cell(b, own->text, own->len);
            else if (!own && rows[r].like && device_field(rows[r].like, c->names[i], &v))
                put_value(b, v);
        }
        buf_putc(b, '\n');
    }
}

/* Reads the CSV; its first complaint becomes one at the row's place. */
static bool read_back(struct reader *rd, const struct buf *csv, const struct row *rows, size_t n, struct registry **ret) {
    struct report *own;
    struct registry *r = NULL;

    if (csv->failed || report_new(&own) < 0) {
        rd->oom = true;
        return false;
    }
    if (registry_load(own, "devices", csv->data, csv->len, &r) < 0) {
        rd->oom = true;
    } else if (report_errors(own)) {
        const char *first = report_first(own), *colon = strchr(first, ':'), *sentence = strstr(first, ": ");
        long line = colon ? strtol(colon + 1, NULL, 10) : 0;
        size_t at = line >= 2 && (size_t)line - 2 < n ? (size_t)line - 2 : 0;
        report_error(rd->rep, rows[at].at, NULL, "%s", sentence ? sentence + 2 : first);
        registry_free(r);
        r = NULL;
    }
    report_free(own);
    *ret = r;
    return r != NULL;
}

bool pattern_fits(const char *pattern, const char *s) {
    const char *star = NULL, *back = NULL;
    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            back = s;
        } else if (*pattern == *s) {
            pattern++;
            s++;
        } else if (star) {
            pattern = star + 1;
            s = ++back;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static void unknown_device(struct ruletest_suite *s, const struct yaml_node *n) {
    size_t count = registry_count(s->given->registry);
    const char **names = reader_alloc(&s->rd, (count < 2000 ? count : 2000) * sizeof *names);
    for (size_t i = 0; names && i < count && i < 2000; i++)
        names[i] = registry_at(s->given->registry, i)->id;
    const char *near = names && count ? text_nearest(n->text, names, count < 2000 ? count : 2000) : NULL;
    const char *hint = arena_printf(&s->arena, near ? "did you mean '%s'? %s" : "%s%s", near ? near : "",
                                    "a device of the test alone is written {device: …, kind: …}");
    report_error(s->rep, n->at, hint, "devices.csv has no device '%.80s'", n->text);
}

static bool find_rows(struct ruletest_suite *s, const struct yaml_node *n, struct row *rows, size_t *count) {
    size_t before = *count, all = registry_count(s->given->registry);
    const struct device *d;

    if (n->kind == YAML_SCALAR && !n->bad && n->len) {
        bool pattern = strchr(n->text, '*') != NULL;
        if (!pattern && (d = registry_find(s->given->registry, n->text)) != NULL && *count < MAX_ROWS)
            rows[(*count)++] = (struct row){.at = n->at, .like = d};
        for (size_t i = 0; pattern && i < all && *count < MAX_ROWS; i++)
            if (pattern_fits(n->text, (d = registry_at(s->given->registry, i))->id))
                rows[(*count)++] = (struct row){.at = n->at, .like = d};
        if (*count == before)
            unknown_device(s, n);
        return *count > before;
    }
    if (!node_mapping(&s->rd, n, "a device", "{device: lamp-7, kind: lamp, name: …}, or lamp-1-04 for a row of devices.csv"))
        return false;
    const struct yaml_node *id = yaml_get(n, "device"), *like = yaml_get(n, "like");
    struct row row = {.at = n->at, .own = n};
    if (!id || !node_text(&s->rd, id, "'device'")) {
        if (!id)
            report_error(s->rep, n->at, "{device: lamp-7, kind: lamp, name: …}", "the device has no 'device': its id");
        return false;
    }
    if (like && !(row.like = like->kind == YAML_SCALAR ? registry_find(s->given->registry, like->text) : NULL)) {
        if (like->kind == YAML_SCALAR)
            unknown_device(s, like);
        else
            (void)node_text(&s->rd, like, "'like'");
        return false;
    }
    if (!row.like && !yaml_get(n, "kind")) {
        report_error(s->rep, n->at, "{device: lamp-7, kind: lamp, name: …}", "the device '%.60s' has no 'kind'", id->text);
        return false;
    }
    if (*count < MAX_ROWS)
        rows[(*count)++] = row;
    return true;
}

static size_t rows_wanted(const struct ruletest_suite *s, const struct yaml_node *list) {
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += list->items[i]->kind == YAML_SCALAR && strchr(list->items[i]->text, '*') ? registry_count(s->given->registry) : 1;
    return n < MAX_ROWS ? n : MAX_ROWS;
}

static const char *row_id(const struct row *row) { return row->own ? yaml_get(row->own, "device")->text : row->like->id; }

/* A row of the test's own takes the place of an earlier one of the same device; a row that is named twice is there once. */
static bool without_doubles(struct reader *rd, struct row *rows, size_t *n) {
    struct map at;
    size_t kept = 0;

    map_init(&at);
    for (size_t i = 0; i < *n && !rd->oom; i++) {
        struct row *first = map_gets(&at, row_id(&rows[i]));
        if (!first) {
            rows[kept] = rows[i];
            rd->oom = map_puts(&at, row_id(&rows[kept]), &rows[kept]) < 0;
            kept++;
        } else if (rows[i].own) {
            *first = rows[i];
        }
    }
    map_done(&at, NULL);
    *n = kept;
    return !rd->oom;
}

bool load_devices(struct ruletest_suite *s, const struct yaml_node *test, struct test *ret) {
    const struct yaml_node *list = yaml_get(test, "devices");
    struct reader *rd = &s->rd;
    struct columns c;
    bool fine = true;
    size_t n = 0;

    if (!list || yaml_is_null(list)) {
        ret->registry_late = true;
        return true;
    }
    if (list->kind == YAML_SCALAR && strcmp(list->text, "all") == 0) {
        ret->all_devices = true;
        return true;
    }
    if (!node_list(rd, list, "'devices'", "a list of devices, or all, for the whole of devices.csv"))
        return false;
    struct row *rows = reader_alloc(rd, rows_wanted(s, list) * sizeof *rows);
    for (size_t i = 0; rows && i < list->n; i++)
        fine = find_rows(s, list->items[i], rows, &n) && fine;
    if (!fine || !rows || !without_doubles(rd, rows, &n))
        return false;
    known_columns(s->given, &c);
    size_t known = c.n;
    for (size_t i = 0; fine && i < n; i++)
        fine = !rows[i].own || add_columns(rd, rows[i].own, known, &c);
    if (!fine)
        return false;
    struct buf csv;
    buf_init(&csv, 16 << 20);
    write_rows(rows, n, &c, &csv);
    fine = read_back(rd, &csv, rows, n, &ret->registry);
    buf_done(&csv);
    return fine;
}

struct registry *registry_of(const struct ruletest_suite *s, const struct map *ids) {
    struct columns c;
    struct buf csv;
    struct registry *ret = NULL;
    struct report *rep;
    size_t it = 0, n = 0;
    const char *id;
    void *value;

    if (report_new(&rep) < 0)
        return NULL;
    struct row *rows = calloc(map_count(ids) + 1, sizeof *rows);
    while (rows && map_next(ids, &it, &id, &value)) {
        const struct device *d = registry_find(s->given->registry, id);
        if (d)
            rows[n++] = (struct row){.like = d};
    }
    known_columns(s->given, &c);
    buf_init(&csv, 64 << 20);
    if (rows)
        write_rows(rows, n, &c, &csv);
    if (!rows || csv.failed || registry_load(rep, "devices", csv.data, csv.len, &ret) < 0)
        ret = NULL;
    buf_done(&csv);
    free(rows);
    report_free(rep);
    return ret;
}
