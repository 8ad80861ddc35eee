/* SPDX-License-Identifier: Apache-2.0
 * The registry of devices (devices.csv) and the category codes (codes.csv). CSV as in RFC 4180: UTF-8 with or without BOM, quotes, CRLF or LF.
 *
 * devices.csv: `device,kind,name,place,grid,lat,lon,expect,…` in any order, `device` and `kind` needed; a header may carry a type: min_power_w:double, shared:bool,
 * floor:int; without one a column is text, but lat and lon are double and expect is a span. An empty cell is no value (absent). */
#ifndef GENGFU_RULES_REGISTRY_H
#define GENGFU_RULES_REGISTRY_H

#include "gengfu/base/atom.h"
#include "gengfu/base/map.h"
#include "gengfu/cel/cel.h"
#include "gengfu/cel/value.h"
#include "gengfu/rules/event.h"
#include "gengfu/rules/report.h"

#define REGISTRY_MAX_DEVICES 100000
#define REGISTRY_MAX_COLUMNS 64

struct device {
    struct cel_record record; /* first: what a rule reads as device.*; `id` and every column with a value */
    const char *id;
    atom_t kind;
    int64_t expect; /* ms; 0 when the cell is empty */
    size_t nfields;
    const struct event_field *fields; /* column -> value */
};
struct registry_column {
    atom_t name;
    enum cel_decl_type type;
};
struct registry;

/* A missing file is an empty registry. Errors go to the report; the registry holds what could be read. */
GF_WARN_UNUSED int registry_load(struct report *rep, const char *name, const char *text, size_t len, struct registry **ret);
void registry_free(struct registry *r);
size_t registry_count(const struct registry *r);
const struct device *registry_at(const struct registry *r, size_t i);
const struct device *registry_find(const struct registry *r, const char *id);
/* The device whose column `column`, of text or of whole numbers, equals value (the first in file order): a join for sources. NULL when none; built once per column. */
const struct device *registry_find_by(const struct registry *r, atom_t column, const char *value, size_t len);
size_t registry_columns(const struct registry *r, const struct registry_column **ret);
bool registry_headless(const struct registry *r); /* its first line could not be read, so nothing can be said about columns */
bool device_field(const struct device *d, atom_t name, struct cel_value *ret);
const char *device_text(const struct device *d, const char *column); /* "" when absent or not text; d may be NULL */
bool device_number(const struct device *d, const char *column, double *ret);

/* codes.csv: code,name,kind,standard_ref[,…]; kind is component or matter (部件, 事项). */
struct code {
    const char *code, *name, *kind, *standard_ref;
};
struct codes;
GF_WARN_UNUSED int codes_load(struct report *rep, const char *name, const char *text, size_t len, struct codes **ret);
void codes_free(struct codes *c);
size_t codes_count(const struct codes *c);
const struct code *codes_find(const struct codes *c, const char *code);
const char *codes_nearest(const struct codes *c, const char *code); /* NULL when none is near */

#endif
