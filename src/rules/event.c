/* SPDX-License-Identifier: Apache-2.0
 * Events: how CEL sees one, and the form that the journal keeps. */
#include "gengfu/rules/event.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "rules/event_scan.h"

/* What every event has, behind its own fields. */
enum own { OWN_KIND, OWN_TIME, OWN_DEVICE, OWN_ARRIVED, OWN_LATE, OWN_RETAINED, OWN_COUNT };
static const char *const own_names[OWN_COUNT] = {"kind", "time", "device", "arrived", "late", "retained"};
static atom_t own_atoms[OWN_COUNT];

static struct cel_value own_value(const struct event *e, enum own which) {
    switch (which) {
    case OWN_KIND: return cel_string(atom_name(e->kind), atom_length(e->kind));
    case OWN_TIME: return cel_time_ms(e->time);
    case OWN_DEVICE: return cel_text(e->device);
    case OWN_ARRIVED: return cel_time_ms(e->arrived);
    case OWN_LATE: return cel_bool((e->flags & EVENT_LATE) != 0);
    case OWN_RETAINED: return cel_bool((e->flags & EVENT_RETAINED) != 0);
    case OWN_COUNT: break;
    }
    return cel_null();
}

static const struct event *event_of(const struct cel_record *r) { return ((const struct event_record *)(const void *)r)->event; }

bool event_field(const struct event *e, atom_t name, struct cel_value *ret) {
    for (size_t i = 0; i < e->nfields; i++)
        if (e->fields[i].name == name) {
            *ret = e->fields[i].value;
            return true;
        }
    return false;
}

static bool record_get(const struct cel_record *r, atom_t field, struct cel_value *ret) {
    const struct event *e = event_of(r);
    if (event_field(e, field, ret))
        return true;
    for (size_t i = 0; i < OWN_COUNT; i++)
        if (own_atoms[i] == field) {
            *ret = own_value(e, (enum own)i);
            return true;
        }
    return false;
}

static bool record_next(const struct cel_record *r, size_t *it, atom_t *ret_field, struct cel_value *ret) {
    const struct event *e = event_of(r);
    while (*it < e->nfields + OWN_COUNT) {
        size_t i = (*it)++;
        struct cel_value shadow;
        if (i < e->nfields) {
            *ret_field = e->fields[i].name;
            *ret = e->fields[i].value;
            return true;
        }
        i -= e->nfields;
        if (event_field(e, own_atoms[i], &shadow))
            continue;
        *ret_field = own_atoms[i];
        *ret = own_value(e, (enum own)i);
        return true;
    }
    return false;
}

static const struct cel_record_ops record_ops = {.get = record_get, .next = record_next};

void event_record_init(struct event_record *r, const struct event *e) {
    for (size_t i = 0; i < OWN_COUNT; i++)
        if (!own_atoms[i] || strcmp(atom_name(own_atoms[i]), own_names[i]) != 0)
            own_atoms[i] = atom_of(own_names[i]);
    *r = (struct event_record){.record = {.ops = &record_ops}, .event = e};
}

void event_write(struct buf *b, const struct event *e) {
    struct jw w = jw_start(b);
    jw_open(&w, NULL, '{');
    jw_strn(&w, "k", atom_name(e->kind), atom_length(e->kind));
    jw_str(&w, "d", e->device);
    jw_int(&w, "t", e->time);
    if (e->arrived != e->time)
        jw_int(&w, "a", e->arrived);
    if (e->flags)
        jw_int(&w, "g", e->flags);
    if (e->source)
        jw_str(&w, "s", e->source);
    if (e->index)
        jw_int(&w, "i", e->index);
    if (e->flags & EVENT_DEDUPED) {
        char hex[24];
        (void)snprintf(hex, sizeof hex, "%016llx", (unsigned long long)e->dedupe);
        jw_str(&w, "h", hex);
    }
    event_fields_write(&w, "f", "x", e->nfields, e->fields);
    jw_close(&w, '}');
}

int event_read(struct arena *a, const char *text, size_t len, struct event *ret, struct err *err) {
    const cJSON *j;
    if (event_scan(a, text, len, ret))
        return 0;
    int rc = json_parse(a, text, len, err, &j);
    if (rc < 0)
        return rc;
    const char *kind = json_str(j, "k", NULL), *device = json_str(j, "d", NULL);
    const cJSON *time = json_get(j, "t"), *fields = json_get(j, "f"), *types = json_get(j, "x");
    if (!cJSON_IsObject(j) || !kind || !*kind || !device || !*device || !cJSON_IsNumber(time) || fabs(time->valuedouble) > 4e15 ||
        fabs(json_num(j, "a", 0)) > 4e15 || !cJSON_IsObject(fields))
        return err_set(err, GF_EINVAL, "not an event of the journal");
    struct event e = {.device = device, .source = json_str(j, "s", NULL)};
    e.kind = atom_of(kind);
    e.time = json_int(j, "t", 0);
    e.arrived = json_int(j, "a", e.time);
    e.flags = (uint32_t)json_int(j, "g", 0);
    e.index = (uint16_t)json_int(j, "i", 0);
    e.dedupe = strtoull(json_str(j, "h", "0"), NULL, 16);
    if (!e.kind)
        return err_set(err, GF_ELIMIT, "the event's kind cannot be a name");
    size_t n = 0;
    for (const cJSON *f = fields->child; f; f = f->next)
        n++;
    if (n > EVENT_MAX_FIELDS)
        return err_set(err, GF_EINVAL, "an event of more than %d fields", EVENT_MAX_FIELDS);
    struct event_field *out = arena_alloc(a, (n ? n : 1) * sizeof *out);
    if (!out)
        return err_set(err, GF_ENOMEM, "out of memory while reading an event");
    for (const cJSON *f = fields->child; f; f = f->next) {
        if (event_field_read(a, f, types, &out[e.nfields])) /* the table of names is full: the field is dropped, the event stays */
            e.nfields++;
    }
    e.fields = out;
    *ret = e;
    return 0;
}
