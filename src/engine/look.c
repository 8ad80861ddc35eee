/* SPDX-License-Identifier: Apache-2.0
 * Looking in: what `status`, `devices`, `incidents` and the metrics ask for. */
#include "engine_int.h"

#include <string.h>

size_t engine_rules(const struct engine *e) { return e->nrules; }

void engine_rule_stats(const struct engine *e, size_t i, struct engine_rule_stats *ret) {
    const struct engine_rule *er = &e->rules[i];

    *ret = (struct engine_rule_stats){.rule = er->rule,
                                      .evaluated = er->evaluated,
                                      .matched = er->matched,
                                      .unknown = er->unknown,
                                      .errors = er->errors,
                                      .last_error = er->last_error,
                                      .opened = er->opened,
                                      .evicted = er->evicted,
                                      .keys = map_count(&er->keys),
                                      .pending = er->npending,
                                      .firing = er->nfiring,
                                      .dropped = er->dropped};
}

size_t engine_devices(const struct engine *e) { return e->ndevices; }

/* Registered ones first, in the registry's order. */
static const struct engine_device *device_at(const struct engine *e, size_t i) {
    if (i < e->nregistered)
        return engine_device_get((struct engine *)(uintptr_t)e, registry_at(e->rs->registry, i)->id, false);
    i -= e->nregistered;
    for (size_t k = 0; k < e->ndevices; k++) {
        if (e->devices[k]->row)
            continue;
        if (i-- == 0)
            return e->devices[k];
    }
    return NULL;
}

void engine_device_info(const struct engine *e, size_t i, struct engine_device_info *ret) {
    const struct engine_device *d = device_at(e, i);

    *ret = (struct engine_device_info){.id = d ? d->id : "", .last_seen = TIME_NONE, .online = -1};
    if (!d)
        return;
    ret->row = d->row;
    ret->last_seen = d->last_seen;
    ret->online = d->online;
    ret->events = d->events;
}

void engine_device_fields(const struct engine *e, const char *device, struct buf *out) {
    const struct engine_device *d = map_gets(&e->devices_by_id, device);
    struct jw w = jw_start(out);

    jw_open(&w, NULL, '{');
    for (uint32_t i = 0; d && i < d->nfields; i++) {
        struct buf json;

        buf_init(&json, 1 << 20);
        cel_write_json(&json, d->fields[i].value);
        jw_raw(&w, atom_name(d->fields[i].name), json.data, json.len);
        buf_done(&json);
    }
    jw_close(&w, '}');
}

size_t engine_open_incidents(const struct engine *e) { return e->nfiring; }

const struct incident *engine_incident(const struct engine *e, const char *id_or_number) {
    struct docket *d = engine_docket_find(e, id_or_number);

    if (!d || map_gets(&e->dockets, d->inc->id) != d)
        return NULL;
    engine_values(d);
    return d->inc;
}

uint64_t engine_unregistered(const struct engine *e) { return e->unregistered; }

void engine_refusals(const struct engine *e, struct engine_refusals *ret) {
    *ret = (struct engine_refusals){.devices = e->refused_devices, .incidents = e->refused_incidents, .feeds = e->refused_feed};
}
