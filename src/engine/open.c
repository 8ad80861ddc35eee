/* SPDX-License-Identifier: Apache-2.0
 * An incident of one key: raised, folded into, resolved. What goes out about it is in tell.c. */
#include "engine_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- parts ------------------------------------------------------------------------------------------------------------------- */
static void add_text(struct engine *e, cJSON **array, const char *s) {
    cJSON *item;

    if (!*array && !(*array = cJSON_CreateArray())) {
        e->oom = true;
        return;
    }
    if (!(item = cJSON_CreateString(s)) || !cJSON_AddItemToArray(*array, item)) {
        cJSON_Delete(item);
        e->oom = true;
    }
}

static void add_device(struct engine *e, struct incident *inc, const char *id) {
    if (inc->devices && ((inc->device && strcmp(inc->device, id) == 0) || cJSON_GetArraySize(inc->devices) >= INCIDENT_MAX_MEMBERS ||
                         engine_array_has(inc->devices, id)))
        return;
    add_text(e, &inc->devices, id);
}

bool engine_members_add(struct engine *e, struct docket *d, const char *id) {
    struct incident *inc = d->inc;

    if (strcmp(id, inc->id) == 0 ||
        (inc->members && (cJSON_GetArraySize(inc->members) >= INCIDENT_MAX_MEMBERS || engine_array_has(inc->members, id))))
        return false;
    add_text(e, &inc->members, id);
    return true;
}

/* The member hears of its parent; one that a platform knows is told so. */
static void set_parent(struct engine *e, const char *member, const char *parent) {
    struct docket *m = map_gets(&e->dockets, member); /* one that is over stays as it is */

    if (!m || (m->inc->parent && strcmp(m->inc->parent, parent) == 0) || strcmp(member, parent) == 0)
        return;
    if (!engine_incident_text(&m->inc->parent, parent))
        e->oom = true;
    engine_revise(e, m, CHANGE_UPDATED);
}

void engine_member_of(struct engine_eval *x, struct engine_rule *er, const char **ret) {
    *ret = NULL;
    if (!er->rule->members.program)
        return;
    struct cel_value v = engine_eval(x, er, &er->rule->members);
    if (v.type == CEL_STRING && v.aux < 64)
        *ret = arena_strndup(&x->engine->scratch, v.s, v.aux);
}

/* The device's row says where; what concerns the gateway itself is where the gateway is. */
static cJSON *place_of(struct engine *e, const struct engine_device *d) {
    cJSON *place = cJSON_CreateObject();
    const struct device *row = d ? d->row : NULL;
    const struct config *c = e->rs->config;
    const char *name = *device_text(row, "place") ? device_text(row, "place") : device_text(row, "name");
    double lat, lon;
    bool known = row && device_number(row, "lat", &lat) && device_number(row, "lon", &lon);

    if (!place) {
        e->oom = true;
        return NULL;
    }
    if (d && !row && c && strcmp(d->id, e->gateway) == 0) {
        name = c->name ? c->name : name;
        lat = c->lat;
        lon = c->lon;
        known = c->has_place;
    }
    if (*name)
        (void)cJSON_AddStringToObject(place, "name", name);
    if (*device_text(row, "grid"))
        (void)cJSON_AddStringToObject(place, "grid", device_text(row, "grid"));
    if (*device_text(row, "component"))
        (void)cJSON_AddStringToObject(place, "component", device_text(row, "component"));
    if (known) {
        (void)cJSON_AddNumberToObject(place, "lat", lat);
        (void)cJSON_AddNumberToObject(place, "lon", lon);
        if (c && c->datum)
            (void)cJSON_AddStringToObject(place, "datum", c->datum);
    }
    return place;
}

static void set_texts(struct engine *e, struct incident *inc, const struct rule *r, const struct instance *in, const char *device) {
    (void)snprintf(inc->rule_hash, sizeof(inc->rule_hash), "%016llx", (unsigned long long)r->text_hash);
    if (!engine_incident_text(&inc->rule, r->name) || !engine_incident_text(&inc->rule_version, r->version) ||
        !engine_incident_text(&inc->by, in->key) || !engine_incident_text(&inc->category, r->category) ||
        !engine_incident_text(&inc->device, device))
        e->oom = true;
}

static struct incident *make(struct engine_eval *x, struct instance *in, int64_t first, uint64_t count) {
    struct engine *e = x->engine;
    const struct rule *r = in->rule->rule;
    struct incident *inc = engine_incident_new();

    if (!inc) {
        e->oom = true;
        return NULL;
    }
    ulid_make(e->now.wall, &e->prng, inc->id);
    engine_number(e, inc->number);
    inc->revision = 1;
    inc->severity = r->severity;
    inc->urgency = engine_cap_word(r->urgency);
    inc->certainty = engine_cap_word(r->certainty);
    inc->code = r->code;
    inc->first_event = first;
    inc->last_event = x->event && x->event->time > first ? x->event->time : first;
    inc->raised = inc->updated = e->now.wall;
    if (r->due_acknowledge > 0)
        inc->due_acknowledge = e->now.wall + r->due_acknowledge;
    if (r->due_resolve > 0)
        inc->due_resolve = e->now.wall + r->due_resolve;
    inc->count = inc->told = count;
    inc->synced = e->now.synced;
    inc->late = x->live && x->event && (x->event->flags & EVENT_LATE);
    inc->chattering = in->chattering;
    for (size_t i = 0; in->window && i < in->window->count; i++)
        add_device(e, inc, engine_window_at(in->window, i)->device->id);
    if (x->device)
        add_device(e, inc, x->device->id);
    inc->place = place_of(e, x->device);
    set_texts(e, inc, r, in, x->device ? x->device->id : NULL);
    if (engine_history_add(inc, e->now.wall, "gengfu", "opened", NULL) < 0 ||
        (inc->chattering && engine_history_add(inc, e->now.wall, "gengfu", "chattering", NULL) < 0))
        e->oom = true;
    return inc;
}

/* -- raise --------------------------------------------------------------------------------------------------------------------- */
static void collect_members(struct engine_eval *x, struct instance *in) {
    const char *member;

    for (size_t i = 0; in->window && i < in->window->count; i++) {
        if (engine_window_at(in->window, i)->member)
            (void)engine_members_add(x->engine, in->docket, engine_window_at(in->window, i)->member);
    }
    engine_member_of(x, in->rule, &member);
    if (member)
        (void)engine_members_add(x->engine, in->docket, member);
}

void engine_raise(struct engine_eval *x, struct instance *in, int64_t first, uint64_t count) {
    struct engine *e = x->engine;
    struct engine_rule *er = in->rule;
    const cJSON *member;

    if (in->docket)
        return;
    if (map_count(&e->dockets) >= ENGINE_MAX_OPEN) {
        e->refused_incidents++;
        return;
    }
    (void)engine_chatter_change(e, in);
    struct incident *inc = make(x, in, first, count);
    struct docket *d = inc ? engine_docket_add(e, inc) : NULL;
    if (!d)
        return;
    d->rule = er;
    d->unsynced = !inc->synced;
    d->instance = in;
    in->docket = d;
    er->nfiring++;
    e->nfiring++;
    er->opened++;
    engine_instance_relist(in);
    in->raised = in->told_at = e->now.mono;
    in->escalated = 0;
    in->cleared = false;
    if (x->event && x->live) {
        engine_keep(e, &in->last, x->event);
    } else if (x->event && !in->last.text) {
        engine_keep(e, &in->last, x->event);
    }
    d->stale = true;
    collect_members(x, in);
    engine_refresh(e, d, x);
    inc->published = false;
    engine_inhibit_check(x, d);
    if (er->rule->hold > 0 && !inc->inhibited_by)
        in->due[DUE_HOLD] = e->now.mono + er->rule->hold;
    inc->published = engine_may_publish(d);
    engine_rearm_clear(e, in);
    engine_escalate_arm(e, in);
    if (inc->published)
        engine_docket_emit(e, d, true);
    else
        engine_docket_dirty(e, d);
    engine_feed(e, d, CHANGE_OPENED);
    cJSON_ArrayForEach(member, inc->members) { set_parent(e, member->valuestring, inc->id); }
    engine_inhibit_raised(x, d);
}

/* What is no revision at once is told at most every repeat_interval. */
static int64_t repeat_interval(const struct rule *r) { return r->repeat_interval > 0 ? r->repeat_interval : ENGINE_DEFAULT_REPEAT; }

void engine_tell_rearm(struct engine *e, struct instance *in) {
    if (!in->docket)
        return;
    if (in->due[DUE_HOLD] != TIME_NONE)
        in->due[DUE_HOLD] = in->raised + in->rule->rule->hold;
    if (in->due[DUE_REVISE] != TIME_NONE)
        in->due[DUE_REVISE] = in->told_at + repeat_interval(in->rule->rule);
    engine_escalate_arm(e, in);
    engine_instance_arm(e, in);
}

void engine_tell_soon(struct engine *e, struct instance *in) {
    int64_t interval = repeat_interval(in->rule->rule);

    if (e->now.mono >= in->told_at + interval)
        engine_revise(e, in->docket, CHANGE_UPDATED);
    else if (in->due[DUE_REVISE] == TIME_NONE)
        in->due[DUE_REVISE] = in->told_at + interval;
}

/* -- fold ------------------------------------------------------------------------------------------------------------------------ */
void engine_fold(struct engine_eval *x, struct instance *in) {
    struct engine *e = x->engine;
    struct docket *d = in->docket;
    struct incident *inc = d->inc;
    const char *member;
    bool grew;

    inc->count++;
    if (x->event && x->event->time >= inc->last_event) {
        inc->last_event = x->event->time;
        engine_keep(e, &in->last, x->event);
        d->stale = true;
        if (x->device) {
            add_device(e, inc, x->device->id);
            if (!engine_incident_text(&inc->device, x->device->id))
                e->oom = true;
        }
    }
    engine_rearm_clear(e, in);
    engine_instance_touch(e, in);
    engine_docket_dirty(e, d);
    engine_member_of(x, in->rule, &member);
    grew = member && engine_members_add(e, d, member);
    if (grew)
        engine_revise(e, d, CHANGE_UPDATED);
    else
        engine_tell_soon(e, in);
    if (grew)
        set_parent(e, member, inc->id);
}

/* -- resolve ------------------------------------------------------------------------------------------------------------------------ */
static void part(struct engine *e, struct instance *in) {
    static const enum due ends[] = {DUE_CLEAR, DUE_KEEP, DUE_QUIET, DUE_HOLD, DUE_ESCALATE, DUE_REVISE};

    in->docket->instance = NULL;
    in->docket = NULL;
    in->rule->nfiring--;
    e->nfiring--;
    engine_instance_relist(in);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        in->due[ends[i]] = TIME_NONE;
    in->chattering = in->cleared = false;
    in->since = in->raised = in->told_at = TIME_NONE;
    in->escalated = 0;
    engine_unkeep(&in->last);
    for (size_t i = 0; in->bound && i < in->rule->rule->nsteps; i++)
        engine_unkeep(&in->bound[i]);
    free(in->bound);
    in->bound = NULL;
    engine_instance_touch(e, in);
}

void engine_end(struct engine *e, struct instance *in, const struct lifecycle_move *m, const char *who, const char *what,
                const char *note) {
    struct docket *d = in->docket;
    struct incident *inc = d->inc;

    inc->condition = m->to_condition;
    inc->handling = m->to_handling;
    inc->resolved = e->now.wall;
    if (in->rule->rule->due_follow_up > 0)
        inc->due_follow_up = e->now.wall + in->rule->rule->due_follow_up;
    inc->chattering = false;
    if (!inc->published) /* nobody has heard of it, nobody needs to close it */
        inc->handling = HANDLING_CLOSED;
    if (inc->handling == HANDLING_CLOSED)
        inc->closed = e->now.wall;
    if (engine_history_add(inc, e->now.wall, who, what, note) < 0)
        e->oom = true;
    engine_revise(e, d, m->sends);
    part(e, in);
    if (inc->handling == HANDLING_CLOSED) {
        if (d->dirty)
            engine_docket_emit(e, d, false);
        engine_docket_over(e, d);
    }
    engine_inhibit_resolved(e, d); /* one that is over is remembered for a while */
}

void engine_resolve(struct engine *e, struct instance *in, const char *who, const char *what, const char *note) {
    struct lifecycle_move m;

    if (engine_lifecycle(MOVE_CLEAR, in->docket->inc->condition, in->docket->inc->handling, &m))
        engine_end(e, in, &m, who, what, note);
}
