/* SPDX-License-Identifier: Apache-2.0
 * Devices: the registry's row, the latest known fields (owned values, no allocation while they only change), and when each kind of event was last seen.
 *
 * A field remembers the time of the event that set it: an event that came late does not overwrite what a newer one said. What is too large to be kept is known to be there, not what it is (null): who
 * may speak on the broker must not fill our memory for good. Devices are never forgotten while the engine lives; past
 * max_devices a new unknown one is refused and counted. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

/* -- the bare record: what a rule reads as device.* of a device that the registry does not know ------------------------------ */
static atom_t id_atom(void) {
    static atom_t id;

    if (!id)
        id = atom_of("id");
    return id;
}

static bool bare_get(const struct cel_record *r, atom_t field, struct cel_value *ret) {
    if (field != id_atom())
        return false;
    *ret = cel_text(((const struct engine_device *)(const void *)r)->id);
    return true;
}

static bool bare_next(const struct cel_record *r, size_t *it, atom_t *ret_field, struct cel_value *ret) {
    if ((*it)++ > 0)
        return false;
    *ret_field = id_atom();
    return bare_get(r, id_atom(), ret);
}

static const struct cel_record_ops bare_ops = {bare_get, bare_next};

/* -- the table ------------------------------------------------------------------------------------------------------------------- */
static struct engine_device *device_new(const char *id) {
    struct engine_device *d = calloc(1, sizeof(*d));

    if (!d || !(d->id = strdup(id))) {
        free(d);
        return NULL;
    }
    d->bare.ops = &bare_ops;
    d->last_seen = d->known = TIME_NONE;
    d->online = -1;
    return d;
}

static void field_done(struct device_field *f) {
    free(f->text);
    if (f->deep) {
        arena_done(f->deep);
        free(f->deep);
    }
}

void engine_device_free(struct engine_device *d) {
    if (!d)
        return;
    for (uint32_t i = 0; i < d->nfields; i++)
        field_done(&d->fields[i]);
    for (uint32_t i = 0; i < d->nmet; i++)
        free(d->met[i].rule);
    free(d->fields);
    free(d->seen);
    free(d->met);
    free(d->id);
    free(d);
}

/* The gateway itself, of which the daemon tells its own troubles: always admitted, and no stranger. */
static bool is_gateway(const struct engine *e, const char *id) { return strcmp(id, e->conf.gateway) == 0; }

struct engine_device *engine_device_get(struct engine *e, const char *id, bool create) {
    size_t len = strlen(id);
    struct engine_device *d = map_get(&e->devices_by_id, id, len);

    if (d || !create)
        return d;
    const struct device *row = registry_find(e->rs->registry, id);
    if (!row && !is_gateway(e, id) && e->conf.max_devices > 0 && e->ndevices >= (size_t)e->conf.max_devices) {
        e->refused_devices++;
        return NULL;
    }
    if (e->ndevices == e->cap_devices) {
        size_t cap = e->cap_devices ? e->cap_devices * 2 : 64;
        struct engine_device **devices = realloc(e->devices, cap * sizeof(struct engine_device *));
        if (!devices) {
            e->oom = true;
            return NULL;
        }
        e->devices = devices;
        e->cap_devices = cap;
    }
    d = device_new(id);
    if (!d || map_put(&e->devices_by_id, id, len, d, NULL) < 0) {
        engine_device_free(d);
        e->oom = true;
        return NULL;
    }
    d->row = row;
    d->index = e->ndevices;
    e->devices[e->ndevices++] = d;
    if (!row && !is_gateway(e, id))
        e->unregistered++;
    if (e->started)
        d->known = engine_attended(e, e->now.mono);
    return d;
}

int engine_devices_load(struct engine *e) {
    size_t n = registry_count(e->rs->registry);

    e->unregistered = 0;
    for (size_t i = 0; i < e->ndevices; i++) {
        e->devices[i]->row = registry_find(e->rs->registry, e->devices[i]->id);
        if (!e->devices[i]->row && e->devices[i]->events && !is_gateway(e, e->devices[i]->id))
            e->unregistered++;
    }
    e->nregistered = n;
    for (size_t i = 0; i < n; i++) {
        if (!engine_device_get(e, registry_at(e->rs->registry, i)->id, true))
            return GF_ENOMEM;
    }
    return 0;
}

void engine_device_dirty(struct engine *e, struct engine_device *d) {
    d->dirty = true;
    if (d->queued)
        return;
    d->queued = true;
    d->next_dirty = NULL;
    if (e->dirty_last)
        e->dirty_last->next_dirty = d;
    else
        e->dirty_first = d;
    e->dirty_last = d;
    e->ndirty_devices++;
}

/* -- fields ------------------------------------------------------------------------------------------------------------------------ */
static struct device_field *find_field(const struct engine_device *d, atom_t name) {
    for (uint32_t i = 0; i < d->nfields; i++) {
        if (d->fields[i].name == name)
            return &d->fields[i];
    }
    return NULL;
}

bool engine_device_field(const struct engine_device *d, atom_t name, struct cel_value *ret) {
    const struct device_field *f = find_field(d, name);

    if (!f)
        return false;
    *ret = f->value;
    return true;
}

#define SHORT 64       /* bytes of a text that is kept in any case */
#define MOST_KEPT 4096 /* bytes of memory that a list or map of a few values may leave behind */

static bool same(struct cel_value a, struct cel_value b) { return a.type == b.type && (a.type == CEL_NULL || cel_equal(a, b)); }

static size_t held(const struct device_field *f) { return f->cap + (f->deep ? f->deep->held : 0); }

/* most: bytes that the field may hold. */
static bool set_text(struct device_field *f, struct cel_value v, size_t most) {
    if (v.aux > ENGINE_MAX_KEPT_TEXT || (v.aux > SHORT && v.aux > most)) {
        f->value = cel_null();
        return true;
    }
    if (v.aux > f->cap || !f->text) {
        uint32_t cap = v.aux < 16 ? 16 : v.aux;
        char *text = realloc(f->text, cap);
        if (!text)
            return false;
        f->text = text;
        f->cap = cap;
    }
    memcpy(f->text, v.s, v.aux);
    v.s = f->text;
    f->value = v;
    return true;
}

/* The memory of the former value serves the next one, unless it is much. */
static bool set_deep(struct device_field *f, struct cel_value v, size_t most) {
    if (!f->deep) {
        f->deep = malloc(sizeof(*f->deep));
        if (!f->deep)
            return false;
        arena_init(f->deep, 256, 0);
    }
    f->deep->limit = most < 4 * ENGINE_MAX_KEPT_TEXT ? most : 4 * ENGINE_MAX_KEPT_TEXT;
    if (f->deep->held > MOST_KEPT)
        arena_done(f->deep);
    else
        arena_reset(f->deep);
    f->value = cel_copy(f->deep, v);
    if (f->value.type == CEL_ERROR) { /* too large to be kept */
        arena_reset(f->deep);
        f->value = cel_null();
    }
    return true;
}

static bool set_value(struct engine *e, struct device_field *f, struct cel_value v) {
    size_t before = held(f), most = before + (e->kept < ENGINE_MAX_KEPT ? ENGINE_MAX_KEPT - e->kept : 0);
    bool fine = true;

    switch (v.type) {
    case CEL_STRING:
    case CEL_BYTES: fine = set_text(f, v, most); break;
    case CEL_LIST:
    case CEL_MAP:
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_ERROR: fine = set_deep(f, v, most); break;
    default: f->value = v; break;
    }
    e->kept = e->kept - before + held(f);
    return fine;
}

void engine_device_set(struct engine *e, struct engine_device *d, atom_t name, struct cel_value v, int64_t time) {
    struct device_field *f = find_field(d, name);

    if (f) {
        if (!same(f->value, v) && !set_value(e, f, v))
            e->oom = true;
        f->time = time;
        return;
    }
    if (d->nfields >= ENGINE_MAX_FIELDS)
        return;
    if (d->nfields == d->cap_fields) {
        uint32_t cap = d->cap_fields ? d->cap_fields * 2 : 8;
        struct device_field *fields = realloc(d->fields, cap * sizeof(*fields));
        if (!fields) {
            e->oom = true;
            return;
        }
        d->fields = fields;
        d->cap_fields = cap;
    }
    f = &d->fields[d->nfields];
    *f = (struct device_field){.name = name, .time = time, .value = cel_null()};
    d->nfields++;
    if (!set_value(e, f, v))
        e->oom = true;
}

/* A late event says nothing about a field that a newer one has set. */
static bool speaks_for(const struct device_field *f, const struct event *ev) {
    return !f || !(ev->flags & EVENT_LATE) || ev->time >= f->time;
}

/* 1 and 1.0 are the same news: the journal does not tell them apart. */
bool engine_device_changes(const struct engine_device *d, const struct event *ev) {
    for (size_t i = 0; i < ev->nfields; i++) {
        const struct device_field *f = find_field(d, ev->fields[i].name);
        struct cel_value v = ev->fields[i].value;
        if (!f || (speaks_for(f, ev) && !same(f->value, v) && !cel_equal(f->value, v)))
            return true;
    }
    return false;
}

static void merge_online(struct engine *e, struct engine_device *d, const struct event *ev) {
    struct cel_value v;

    if (ev->kind == e->a_availability && event_field(ev, e->a_online, &v) && v.type == CEL_BOOL)
        d->online = v.b;
}

void engine_device_merge(struct engine *e, struct engine_device *d, const struct event *ev) {
    for (size_t i = 0; i < ev->nfields; i++) {
        if (speaks_for(find_field(d, ev->fields[i].name), ev))
            engine_device_set(e, d, ev->fields[i].name, ev->fields[i].value, ev->time);
    }
    merge_online(e, d, ev);
}

/* -- last seen ------------------------------------------------------------------------------------------------------------------------- */
struct device_seen *engine_device_seen(struct engine_device *d, atom_t kind, bool create) {
    for (uint32_t i = 0; i < d->nseen; i++) {
        if (d->seen[i].kind == kind)
            return &d->seen[i];
    }
    if (!create || d->nseen >= ENGINE_MAX_SEEN)
        return NULL;
    struct device_seen *seen = realloc(d->seen, (d->nseen + 1) * sizeof(*seen));
    if (!seen)
        return NULL;
    d->seen = seen;
    seen[d->nseen] = (struct device_seen){.kind = kind, .at = TIME_NONE, .wall = TIME_NONE};
    return &seen[d->nseen++];
}

struct device_met *engine_device_met(struct engine_device *d, const struct rule *rule, bool create) {
    for (uint32_t i = 0; i < d->nmet; i++) {
        if (d->met[i].hash == rule->hash && strcmp(d->met[i].rule, rule->name) == 0)
            return &d->met[i];
    }
    if (!create || d->nmet >= ENGINE_MAX_SEEN)
        return NULL;
    struct device_met *met = realloc(d->met, (d->nmet + 1) * sizeof(*met));
    if (!met)
        return NULL;
    d->met = met;
    char *name = strdup(rule->name);
    if (!name)
        return NULL;
    met[d->nmet] = (struct device_met){.rule = name, .hash = rule->hash, .seen = {.at = TIME_NONE, .wall = TIME_NONE}};
    return &met[d->nmet++];
}

/* A sign of life, unless it is the word that the device has gone. */
void engine_device_spoke(struct engine *e, struct engine_device *d, const struct event *ev) {
    struct cel_value v;

    d->events++;
    if (ev->kind == e->a_availability && event_field(ev, e->a_online, &v) && !cel_is_true(v))
        return;
    d->last_seen = ev->arrived;
    struct device_seen *s = engine_device_seen(d, ev->kind, true);
    if (!s) {
        e->oom |= d->nseen < ENGINE_MAX_SEEN;
        return;
    }
    s->wall = ev->arrived;
    if (e->started)
        s->at = engine_attended(e, e->now.mono);
}
