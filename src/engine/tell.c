/* SPDX-License-Identifier: Apache-2.0
 * What is told about incidents: rows and revisions as effects, texts, numbers; and the list of incidents that are not over. */
#include "engine_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- the list -------------------------------------------------------------------------------------------------------------------- */
struct docket *engine_docket_add(struct engine *e, struct incident *inc) {
    struct docket *d = calloc(1, sizeof(*d));

    if (!d || map_puts(&e->dockets, inc->id, d) < 0) {
        free(d);
        incident_free(inc);
        e->oom = true;
        return NULL;
    }
    d->timer.owner = TIMER_DOCKET;
    d->inc = inc;
    return d;
}

void engine_docket_free(struct engine *e, struct docket *d) {
    if (!d)
        return;
    engine_timer_unset(e, &d->timer);
    if (d->queued) {
        struct docket **at = &e->dirty_dockets;
        while (*at && *at != d)
            at = &(*at)->next_dirty;
        if (*at)
            *at = d->next_dirty;
    }
    incident_free(d->inc);
    free(d);
}

struct docket *engine_docket_find(const struct engine *e, const char *id_or_number) {
    struct docket *d = map_gets(&e->dockets, id_or_number);
    void *value;

    if (d)
        return d;
    for (size_t it = 0; map_next(&e->dockets, &it, NULL, &value);) {
        d = value;
        if (strcmp(d->inc->number, id_or_number) == 0)
            return d;
    }
    for (size_t i = 0; i < ENGINE_RECENT; i++) {
        d = e->recent[i];
        if (d && (strcmp(d->inc->id, id_or_number) == 0 || strcmp(d->inc->number, id_or_number) == 0))
            return d;
    }
    return NULL;
}

static int by_number(const void *a, const void *b) {
    return strcmp((*(struct docket *const *)a)->inc->number, (*(struct docket *const *)b)->inc->number);
}

/* All in order of their numbers: an order that a restart does not change. NULL when there are none (or no memory); the caller frees it. */
struct docket **engine_dockets_sorted(struct engine *e, size_t *ret_n) {
    size_t n = 0, count = map_count(&e->dockets);
    struct docket **all = count ? malloc(count * sizeof(struct docket *)) : NULL;
    void *value;

    *ret_n = 0;
    if (!all) {
        e->oom |= count > 0;
        return NULL;
    }
    for (size_t it = 0; map_next(&e->dockets, &it, NULL, &value);)
        all[n++] = value;
    qsort(all, n, sizeof(all[0]), by_number);
    *ret_n = n;
    return all;
}

/* It is over: out of the list, and kept a while for a late word (reopen, evaluate). */
void engine_docket_over(struct engine *e, struct docket *d) {
    engine_timer_unset(e, &d->timer);
    if (map_remove(&e->dockets, d->inc->id, strlen(d->inc->id)) != d)
        return;
    engine_docket_free(e, e->recent[e->next_recent]);
    e->recent[e->next_recent] = d;
    e->next_recent = (e->next_recent + 1) % ENGINE_RECENT;
}

void engine_docket_close_later(struct engine *e, struct docket *d) {
    int64_t keep = e->rs->config && e->rs->config->closed_max_age > 0 ? e->rs->config->closed_max_age : 0;

    if (keep > 0 && d->inc->condition == CONDITION_RESOLVED && d->inc->handling != HANDLING_CLOSED)
        engine_timer_set(e, &d->timer, e->now.mono + (d->inc->updated + keep - e->now.wall));
    else
        engine_timer_unset(e, &d->timer);
}

static bool expire(struct engine *e, struct docket *d, const char *note) {
    struct lifecycle_move m;

    if (!engine_lifecycle(MOVE_EXPIRE, d->inc->condition, d->inc->handling, &m))
        return false;
    d->inc->handling = m.to_handling;
    d->inc->closed = e->now.wall;
    if (engine_history_add(d->inc, e->now.wall, "gengfu", "closed", note) < 0)
        e->oom = true;
    engine_revise(e, d, m.sends);
    engine_docket_over(e, d);
    return true;
}

void engine_docket_due(struct engine *e, struct docket *d) { (void)expire(e, d, "nobody closed it"); }

static int by_age(const void *a, const void *b) {
    const struct incident *x = (*(struct docket *const *)a)->inc, *y = (*(struct docket *const *)b)->inc;

    if (x->updated != y->updated)
        return x->updated < y->updated ? -1 : 1;
    return strcmp(x->number, y->number);
}

#define NOBODY "nobody closed it, and many came after it"

/* One too many is the rule: the one with which nothing has happened for longest. */
static void expire_oldest(struct engine *e) {
    struct docket *oldest = NULL;
    void *value;

    for (size_t it = 0; map_next(&e->dockets, &it, NULL, &value);) {
        struct docket *d = value;
        if (d->inc->condition == CONDITION_RESOLVED && (!oldest || by_age(&d, &oldest) < 0))
            oldest = d;
    }
    if (oldest)
        (void)expire(e, oldest, NOBODY);
}

/* Of resolved incidents that nobody closes so many are kept at hand; then the oldest are closed. */
void engine_bound_resolved(struct engine *e) {
    size_t n = 0, count = map_count(&e->dockets),
           excess = count > e->nfiring + ENGINE_MAX_RESOLVED ? count - e->nfiring - ENGINE_MAX_RESOLVED : 0;
    struct docket **all;
    void *value;

    for (; excess > 0 && excess < 8; excess--)
        expire_oldest(e);
    if (excess == 0)
        return;
    if (!(all = malloc(count * sizeof(struct docket *)))) { /* after a start with more of them */
        e->oom = true;
        return;
    }
    for (size_t it = 0; map_next(&e->dockets, &it, NULL, &value);) {
        if (((struct docket *)value)->inc->condition == CONDITION_RESOLVED)
            all[n++] = value;
    }
    qsort(all, n, sizeof(all[0]), by_age);
    for (size_t i = 0; i < n && i < excess; i++)
        (void)expire(e, all[i], NOBODY);
    free(all);
}

/* -- rows ------------------------------------------------------------------------------------------------------------------------------ */
void engine_docket_dirty(struct engine *e, struct docket *d) {
    d->dirty = true;
    if (d->queued)
        return;
    d->queued = true;
    d->next_dirty = e->dirty_dockets;
    e->dirty_dockets = d;
}

void engine_values(struct docket *d) {
    const struct kept *k = d->instance ? &d->instance->last : NULL;

    if (!d->stale || !k || !k->text)
        return;
    cJSON *all = cJSON_ParseWithLength(k->text, k->len);
    cJSON *fields = cJSON_DetachItemFromObjectCaseSensitive(all, "f");
    cJSON_Delete(all);
    if (!fields)
        return;
    cJSON_Delete(d->inc->values);
    d->inc->values = fields;
    d->stale = false;
}

static const char *fx_copy(struct engine *e, const char *s) {
    const char *copy = s ? arena_strdup(&e->fx->arena, s) : NULL;

    if (s && !copy)
        e->oom = true;
    return copy;
}

/* What the rule forwards to, and whom it has been escalated to since. */
static uint32_t platforms_of(const struct engine *e, const struct docket *d) {
    const struct rule *r = d->rule ? d->rule->rule : NULL;
    uint32_t bits = d->rule ? d->rule->platforms : ~0u;

    for (size_t i = 0; r && i < r->nescalations && (int)i < d->inc->level; i++) {
        if (r->escalations[i].nto)
            bits |= engine_platforms(e->rs, r->escalations[i].to, r->escalations[i].nto);
    }
    return bits;
}

uint32_t engine_reach(const struct engine *e, const char *id_or_number) {
    const struct docket *d = engine_docket_find(e, id_or_number);

    return d ? platforms_of(e, d) : ~0u;
}

void engine_docket_emit(struct engine *e, struct docket *d, bool publish) {
    const struct incident *inc = d->inc;
    struct buf *b = &e->text;

    engine_values(d);
    if (d->stale && d->instance && d->instance->last.text)
        e->oom = true;
    buf_clear(b);
    incident_write(b, inc, e->rs->config ? e->rs->config->zone : NULL, e->gateway);
    struct effect_incident row = {.id = fx_copy(e, inc->id),
                                  .number = fx_copy(e, inc->number),
                                  .rule = fx_copy(e, inc->rule),
                                  .key = fx_copy(e, inc->by),
                                  .device = fx_copy(e, inc->device),
                                  .title = fx_copy(e, inc->title ? inc->title : ""),
                                  .revision = inc->revision,
                                  .change = inc->change,
                                  .severity = inc->severity,
                                  .condition = inc->condition,
                                  .handling = inc->handling,
                                  .raised = inc->raised,
                                  .updated = inc->updated,
                                  .over = inc->condition == CONDITION_RESOLVED && inc->handling == HANDLING_CLOSED,
                                  .publish = publish,
                                  .platforms = publish ? platforms_of(e, d) : 0,
                                  .len = b->len};
    row.body = b->failed ? NULL : arena_strndup(&e->fx->arena, b->data, b->len);
    if (!row.body) {
        e->oom = true;
        return;
    }
    effects_incident(e->fx, &row);
    d->dirty = false;
}

bool engine_may_publish(const struct docket *d) {
    return engine_live(d->rule) && !d->inc->inhibited_by && (!d->instance || d->instance->due[DUE_HOLD] == TIME_NONE);
}

static void told(struct engine *e, struct docket *d) {
    d->inc->told = d->inc->count;
    d->inc->updated = e->now.wall;
    if (!d->instance)
        return;
    d->instance->told_at = e->now.mono;
    d->instance->due[DUE_REVISE] = TIME_NONE;
    engine_instance_touch(e, d->instance);
    engine_instance_arm(e, d->instance);
}

void engine_revise(struct engine *e, struct docket *d, enum change change) {
    struct incident *inc = d->inc;

    if (!e->now.synced) {
        inc->synced = inc->corrected = false;
        d->unsynced = true;
    }
    if (inc->published) {
        engine_refresh(e, d, NULL);
        told(e, d);
        inc->revision++;
        inc->change = change;
        engine_docket_emit(e, d, true);
    } else {
        inc->updated = e->now.wall;
        engine_docket_dirty(e, d);
    }
    engine_docket_close_later(e, d);
    engine_feed(e, d, change);
}

void engine_publish(struct engine *e, struct docket *d) {
    struct incident *inc = d->inc;

    if (inc->published)
        return;
    inc->published = true;
    engine_refresh(e, d, NULL);
    told(e, d);
    if (inc->revision > 1) /* somebody has worked on it meanwhile */
        inc->revision++;
    inc->change = CHANGE_OPENED;
    if (d->instance) {
        d->instance->due[DUE_HOLD] = TIME_NONE;
        engine_escalate_arm(e, d->instance);
        engine_instance_arm(e, d->instance);
    }
    engine_docket_emit(e, d, true);
}

/* -- texts ------------------------------------------------------------------------------------------------------------------------------- */
static void fill(struct engine *e, struct engine_eval *x, const struct rules_template *t, const char *otherwise, const char *suffix,
                 char **field) {
    struct buf b;

    if (t->n == 0 && !otherwise)
        return;
    buf_init(&b, 64 << 10);
    x->ctx.steps = 0;
    x->ctx.aggregates = x->aggregates;
    if (t->n)
        template_fill(t, &x->ctx, e->rs->config ? e->rs->config->zone : NULL, &b);
    else
        buf_puts(&b, otherwise);
    buf_puts(&b, suffix);
    /* Too long (or no memory): the former text stays, and at first the rule's name. */
    if (!b.failed || (!*field && otherwise)) {
        if (!engine_incident_text(field, b.failed ? otherwise : b.data))
            e->oom = true;
    }
    buf_done(&b);
}

/* Evidence stays on the gateway when the device's column `shared` says no. New pieces are added to what is there. */
static void collect_evidence(struct engine *e, struct engine_eval *x, struct docket *d) {
    const struct rule *r = d->rule->rule;
    struct cel_value shared;

    if (x->device && x->device->row && device_field(x->device->row, e->a_shared, &shared) && !cel_is_true(shared))
        return;
    for (size_t i = 0; i < r->nevidence; i++) {
        struct cel_value v = engine_eval(x, d->rule, &r->evidence[i]);
        struct buf b;

        if (v.type == CEL_ERROR || v.type == CEL_NULL || (d->inc->evidence && cJSON_GetArraySize(d->inc->evidence) >= ENGINE_MAX_EVIDENCE))
            continue;
        buf_init(&b, ENGINE_MAX_KEPT_TEXT);
        cel_write_json(&b, v);
        cJSON *item = b.failed ? NULL : cJSON_ParseWithLength(b.data, b.len);
        const cJSON *known;
        bool there = false;
        cJSON_ArrayForEach(known, d->inc->evidence) { there |= cJSON_Compare(known, item, 1) != 0; }
        if (item && !d->inc->evidence)
            d->inc->evidence = cJSON_CreateArray();
        if ((!item && !b.failed) || (item && !d->inc->evidence))
            e->oom = true;
        if (!item || there || !d->inc->evidence || !cJSON_AddItemToArray(d->inc->evidence, item))
            cJSON_Delete(item);
        buf_done(&b);
    }
}

void engine_refresh(struct engine *e, struct docket *d, struct engine_eval *x) {
    struct engine_eval kept;
    struct instance *in = d->instance;
    struct event ev;

    if (!in || !d->rule || (!x && !engine_eval_kept(&kept, e, in, &ev)))
        return;
    if (!x)
        x = &kept;
    engine_eval_instance(x, in);
    if (d->rule->rule->pattern == RULE_WINDOW) {
        if (d->inc->condition == CONDITION_RESOLVED)
            return; /* the window is empty by now ("0 lamps are dark"): the words stay as they were while it was firing */
        engine_window_expire(e, in);
        if (!in->window || in->window->count == 0 || !engine_aggregate_values(x, d->rule->rule, in->window) ||
            engine_truth(x, d->rule, &d->rule->rule->having) == TRUTH_FALSE)
            return; /* the same for one that outlives its window: what was told before is still what happened */
    }
    fill(e, x, &d->rule->rule->title, d->rule->rule->name, d->inc->chattering ? "（频繁抖动）" : "", &d->inc->title);
    fill(e, x, &d->rule->rule->text, NULL, "", &d->inc->text);
    collect_evidence(e, x, d);
}

/* -- numbers: <gateway>-<local day>-<serial of the day> ------------------------------------------------------------------------------------- */
void engine_number(struct engine *e, char out[INCIDENT_NUMBER_MAX]) {
    int64_t seconds = e->now.wall / TIME_SECOND - (e->now.wall % TIME_SECOND < 0);
    struct civil c;
    int day;

    civil_from(seconds + zone_offset(e->rs->config ? e->rs->config->zone : NULL, seconds), &c);
    day = c.year * 10000 + c.month * 100 + c.day;
    (void)snprintf(out, INCIDENT_NUMBER_MAX, "%.24s-%08d-%04u", e->gateway, day, engine_serial(e, day));
}
