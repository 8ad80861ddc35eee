/* SPDX-License-Identifier: Apache-2.0
 * Incidents are events too: every change of one becomes an event of kind `incident` for the rules that listen to it, after the event or timer that made it has run its course.
 * Rules over incidents of rules over incidents end at ENGINE_MAX_DEPTH. Incidents of a rule in shadow are seen by rules in shadow only. */
#include "engine_int.h"

#include <string.h>

static void field(struct feed_item *it, const char *name, struct cel_value v) {
    atom_t a = atom_of(name);

    if (a)
        it->fields[it->event.nfields++] = (struct event_field){a, v};
}

static struct cel_value text(struct engine *e, const char *s) {
    const char *copy = arena_strdup(&e->feed_arena, s ? s : "");

    return cel_text(copy ? copy : "");
}

void engine_feed(struct engine *e, const struct docket *d, enum change change) {
    const struct incident *inc = d->inc;

    if (!engine_anyone_listens(e, e->a_incident))
        return;
    if (e->depth >= ENGINE_MAX_DEPTH) {
        e->refused_feed++;
        return;
    }
    struct feed_item *it = arena_zalloc(&e->feed_arena, sizeof(*it));
    const char *device = arena_strdup(&e->feed_arena, inc->device && *inc->device ? inc->device : "incident");
    if (!it || !device) {
        e->oom = true;
        return;
    }
    it->depth = e->depth + 1;
    it->shadow = d->rule && d->rule->rule->mode == RULE_SHADOW;
    it->event = (struct event){.device = device, .kind = e->a_incident, .time = e->now.wall, .arrived = e->now.wall, .fields = it->fields};
    field(it, "rule", text(e, inc->rule));
    field(it, "change", cel_text(change_name(change)));
    field(it, "incident", text(e, inc->id));
    field(it, "severity", cel_text(severity_name(inc->severity)));
    field(it, "by", text(e, inc->by));
    field(it, "count", cel_int((int64_t)inc->count));
    field(it, "number", text(e, inc->number));
    field(it, "handling", cel_text(handling_name(inc->handling)));
    if (inc->category)
        field(it, "category", text(e, inc->category));
    if (e->feed_last)
        e->feed_last->next = it;
    else
        e->feed_first = it;
    e->feed_last = it;
}

static void run_one(struct engine *e) {
    struct feed_item *it = e->feed_first;
    struct engine_device *dev = engine_device_get(e, it->event.device, false);

    e->feed_first = it->next;
    if (!e->feed_first)
        e->feed_last = NULL;
    e->depth = it->depth;
    e->depth_shadow = it->shadow;
    arena_reset(&e->scratch);
    if (dev)
        engine_run_rules(e, &it->event, dev, false);
}

/* What every event, timer and command ends with. */
void engine_feed_run(struct engine *e) {
    engine_bound_resolved(e);
    if (!e->feed_first)
        return;
    while (e->feed_first && !e->oom) {
        run_one(e);
        engine_bound_resolved(e);
    }
    e->feed_first = e->feed_last = NULL;
    e->depth = 0;
    e->depth_shadow = false;
    arena_reset(&e->feed_arena);
}
