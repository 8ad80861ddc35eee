/* SPDX-License-Identifier: Apache-2.0
 * A device's checkpoint: last seen and latest known fields as one JSON row, and back.
 *
 * {"seen":wall,"known":attended,"online":true,"events":n,"kinds":{"lamp":[attended,wall]},"met":{"rule#hash":[attended,wall]},
 *  "fields":[{"t":time,"f":{…},"x":{types}},…]}  neighbours that one event set stand together; their order is kept, so that iteration is repeatable. */
#include "engine_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_seen(struct jw *w, const char *name, const struct device_seen *s) {
    jw_open(w, name, '[');
    jw_int(w, NULL, s->at);
    jw_int(w, NULL, s->wall);
    jw_close(w, ']');
}

/* The fields from i on that were set at the same time; gives how many. */
static uint32_t write_group(struct jw *w, const struct engine_device *d, uint32_t i) {
    struct event_field group[ENGINE_MAX_FIELDS];
    int64_t time = d->fields[i].time;
    uint32_t n = 0;

    for (; i + n < d->nfields && d->fields[i + n].time == time; n++)
        group[n] = (struct event_field){d->fields[i + n].name, d->fields[i + n].value};
    jw_open(w, NULL, '{');
    jw_int(w, "t", time);
    event_fields_write(w, "f", "x", n, group);
    jw_close(w, '}');
    return n;
}

void engine_device_write(struct buf *b, const struct engine_device *d) {
    struct jw w = jw_start(b);
    char name[320];

    jw_open(&w, NULL, '{');
    if (d->last_seen != TIME_NONE)
        jw_int(&w, "seen", d->last_seen);
    if (d->known != TIME_NONE)
        jw_int(&w, "known", d->known);
    if (d->online >= 0)
        jw_bool(&w, "online", d->online);
    jw_int(&w, "events", (int64_t)d->events);
    if (d->nseen) {
        jw_open(&w, "kinds", '{');
        for (uint32_t i = 0; i < d->nseen; i++)
            write_seen(&w, atom_name(d->seen[i].kind), &d->seen[i]);
        jw_close(&w, '}');
    }
    if (d->nmet) {
        jw_open(&w, "met", '{');
        for (uint32_t i = 0; i < d->nmet; i++) {
            (void)snprintf(name, sizeof(name), "%.250s#%016" PRIx64, d->met[i].rule, d->met[i].hash);
            write_seen(&w, name, &d->met[i].seen);
        }
        jw_close(&w, '}');
    }
    jw_open(&w, "fields", '[');
    for (uint32_t i = 0; i < d->nfields;)
        i += write_group(&w, d, i);
    jw_close(&w, ']');
    jw_close(&w, '}');
}

static bool read_pair(const cJSON *item, struct device_seen *ret) {
    const cJSON *at = cJSON_GetArrayItem(item, 0), *wall = cJSON_GetArrayItem(item, 1);

    if (!cJSON_IsNumber(at) || !cJSON_IsNumber(wall))
        return false;
    ret->at = engine_ms(at, TIME_NONE);
    ret->wall = engine_ms(wall, TIME_NONE);
    return true;
}

/* Only for rules that are in force as they were. */
static void read_met(struct engine *e, struct engine_device *d, const cJSON *item) {
    const char *mark = item->string ? strrchr(item->string, '#') : NULL;
    struct device_seen seen = {0};

    if (!mark || !read_pair(item, &seen))
        return;
    uint64_t hash = strtoull(mark + 1, NULL, 16);
    for (size_t i = 0; i < e->nrules; i++) {
        const struct rule *r = e->rules[i].rule;
        if (r->hash == hash && strlen(r->name) == (size_t)(mark - item->string) &&
            strncmp(r->name, item->string, (size_t)(mark - item->string)) == 0) {
            struct device_met *m = engine_device_met(d, r, true);
            if (m)
                m->seen = seen;
            return;
        }
    }
}

static void read_fields(struct engine *e, struct engine_device *d, struct arena *a, const cJSON *group) {
    const cJSON *item, *types = json_get(group, "x");
    int64_t time = engine_ms(json_get(group, "t"), 0);
    struct event_field f;

    cJSON_ArrayForEach(item, json_get(group, "f")) {
        if (event_field_read(a, item, types, &f))
            engine_device_set(e, d, f.name, f.value, time);
    }
}

int engine_device_read(struct engine *e, struct engine_device *d, const char *body, size_t len, struct err *err) {
    struct arena a;
    const cJSON *j, *item;
    int rc;

    arena_init(&a, 4096, 16 << 20);
    rc = json_parse(&a, body, len, err, &j);
    if (rc == 0 && !cJSON_IsObject(j))
        rc = err_set(err, GF_ECORRUPT, "not an object");
    if (rc == 0) {
        d->last_seen = engine_ms(json_get(j, "seen"), TIME_NONE);
        d->known = engine_ms(json_get(j, "known"), TIME_NONE);
        d->known_stored = d->known != TIME_NONE;
        d->online = json_get(j, "online") ? json_bool(j, "online", false) : -1;
        d->events = engine_whole(json_get(j, "events"), 0);
        cJSON_ArrayForEach(item, json_get(j, "kinds")) {
            struct device_seen pair = {0};
            atom_t kind = item->string ? atom_of(item->string) : 0;
            struct device_seen *s = kind && read_pair(item, &pair) ? engine_device_seen(d, kind, true) : NULL;
            if (s) {
                s->at = pair.at;
                s->wall = pair.wall;
            }
        }
        cJSON_ArrayForEach(item, json_get(j, "met")) { read_met(e, d, item); }
        cJSON_ArrayForEach(item, json_get(j, "fields")) { read_fields(e, d, &a, item); }
    }
    arena_done(&a);
    return rc < 0 ? err_prefix(err, "device %s", d->id) : 0;
}
