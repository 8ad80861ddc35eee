/* SPDX-License-Identifier: Apache-2.0
 * What a rule's expressions see: event, state, previous, device and the rest as records and values; nothing is copied. And their verdict: true, false, unknown. */
#include "engine_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cel_value absent(void) { return (struct cel_value){.type = CEL_ERROR, .code = CEL_E_ABSENT}; }

/* A late event does not hide what is known to be newer. */
static bool event_is_newer(const struct state_record *s, atom_t field) {
    if (!(s->event->flags & EVENT_LATE) || !s->device)
        return true;
    for (uint32_t i = 0; i < s->device->nfields; i++) {
        if (s->device->fields[i].name == field)
            return s->event->time >= s->device->fields[i].time;
    }
    return true;
}

static bool state_get(const struct cel_record *r, atom_t field, struct cel_value *ret) {
    const struct state_record *s = (const struct state_record *)(const void *)r;

    if (s->event && event_field(s->event, field, ret) && event_is_newer(s, field))
        return true;
    return s->device && engine_device_field(s->device, field, ret);
}

/* First the device's fields (with the event's values), then what only the event has. */
static bool state_next(const struct cel_record *r, size_t *it, atom_t *ret_field, struct cel_value *ret) {
    const struct state_record *s = (const struct state_record *)(const void *)r;
    size_t known = s->device ? s->device->nfields : 0;
    struct cel_value ignored;

    if (*it < known) {
        *ret_field = s->device->fields[*it].name;
        (*it)++;
        return state_get(r, *ret_field, ret);
    }
    while (s->event && *it - known < s->event->nfields) {
        const struct event_field *f = &s->event->fields[*it - known];
        (*it)++;
        if (s->device && engine_device_field(s->device, f->name, &ignored))
            continue;
        *ret_field = f->name;
        *ret = f->value;
        return true;
    }
    return false;
}

static const struct cel_record_ops state_ops = {state_get, state_next};

void engine_eval_init(struct engine_eval *x, struct engine *e, const struct event *ev, struct engine_device *dev, bool live) {
    x->engine = e;
    x->event = ev;
    x->device = dev;
    x->live = live;
    x->aggregates = NULL;
    x->touched = false;
    x->ctx = (struct cel_context){.vars = x->vars, .arena = &e->scratch, .host = (void *)(uintptr_t)e->rs};
    for (size_t i = 0; i < RULE_VARS + RULES_MAX_STEPS; i++)
        x->vars[i] = absent();
    if (ev) {
        event_record_init(&x->event_record, ev);
        x->vars[RULE_EVENT] = cel_record(&x->event_record.record);
    }
    x->state = (struct state_record){.record = {&state_ops}, .device = dev, .event = live ? ev : NULL};
    x->previous = (struct state_record){.record = {&state_ops}, .device = dev};
    x->vars[RULE_STATE] = cel_record(&x->state.record);
    x->vars[RULE_PREVIOUS] = cel_record(&x->previous.record);
    if (dev)
        x->vars[RULE_DEVICE] = cel_record(dev->row ? &dev->row->record : &dev->bare);
    x->vars[RULE_NOW] = cel_time_ms(e->now.wall);
}

void engine_eval_reset(struct engine_eval *x) {
    x->touched = false;
    x->aggregates = NULL;
    for (size_t i = RULE_SINCE; i < RULE_VARS + RULES_MAX_STEPS; i++)
        x->vars[i] = absent();
}

struct cel_value engine_by_value(const char *key, size_t len, uint8_t by, struct arena *a) {
    const cJSON *j;
    struct err ignored;

    switch ((enum by_type)by) {
    case BY_INT: return cel_int(strtoll(key, NULL, 10));
    case BY_DOUBLE: return cel_double(strtod(key, NULL));
    case BY_BOOL: return cel_bool(strcmp(key, "true") == 0);
    case BY_JSON:
        if (json_parse(a, key, len, &ignored, &j) == 0)
            return cel_json(j);
        break;
    case BY_STRING: break;
    }
    return cel_string(key, len);
}

void engine_eval_steps(struct engine_eval *x, const struct rule *rule, const struct kept *steps, uint32_t wanted) {
    x->touched = true;
    for (size_t i = 0; i < rule->nsteps && i < RULES_MAX_STEPS; i++) {
        struct event *ev;
        struct event_record *r;

        x->vars[RULE_VARS + i] = absent();
        if (!steps || !steps[i].text || !(wanted & (1u << i)))
            continue;
        ev = arena_alloc(&x->engine->scratch, sizeof(*ev));
        r = arena_alloc(&x->engine->scratch, sizeof(*r));
        if (!ev || !r || !engine_kept(&x->engine->scratch, &steps[i], ev))
            continue;
        event_record_init(r, ev);
        x->vars[RULE_VARS + i] = cel_record(&r->record);
    }
}

void engine_eval_instance(struct engine_eval *x, const struct instance *in) {
    const struct incident *inc = in->docket ? in->docket->inc : NULL;

    x->touched = true;
    x->vars[RULE_BY] = engine_by_value(in->key, in->key_len, in->by, &x->engine->scratch);
    if (in->since != TIME_NONE)
        x->vars[RULE_SINCE] = cel_time_ms(in->since);
    if (inc) {
        x->vars[RULE_COUNT] = cel_int((int64_t)inc->count);
        if (inc->last_event != TIME_NONE)
            x->vars[RULE_LAST] = cel_time_ms(inc->last_event);
    }
    if (in->bound)
        engine_eval_steps(x, in->rule->rule, in->bound, ENGINE_ALL_STEPS);
}

static void note_error(struct engine_rule *er, const struct rules_expr *expr, const char *what) {
    char text[256];

    er->errors++;
    (void)snprintf(text, sizeof(text), "%.120s: %.120s", cel_program_text(expr->program), what);
    if (er->last_error && strcmp(er->last_error, text) == 0)
        return;
    free(er->last_error);
    er->last_error = strdup(text);
}

struct cel_value engine_eval(struct engine_eval *x, struct engine_rule *er, const struct rules_expr *expr) {
    struct cel_value v;

    x->ctx.steps = 0;
    x->ctx.aggregates = x->aggregates;
    v = cel_eval(expr->program, &x->ctx);
    if (v.type == CEL_OPTIONAL) /* event.?clip: what is in it, or nothing */
        v = v.opt ? *v.opt : absent();
    if (v.type != CEL_ERROR || v.code == CEL_E_ABSENT)
        return v;
    note_error(er, expr, v.s ? v.s : "no value");
    if (v.code == CEL_E_MEMORY)
        x->engine->oom = true;
    return v;
}

enum truth engine_truth(struct engine_eval *x, struct engine_rule *er, const struct rules_expr *expr) {
    if (!expr->program)
        return TRUTH_TRUE;
    struct cel_value v = engine_eval(x, er, expr);
    if (v.type == CEL_BOOL)
        return v.b ? TRUTH_TRUE : TRUTH_FALSE;
    if (v.type != CEL_ERROR) {
        char what[96];
        (void)snprintf(what, sizeof(what), "gives %s, where true or false is wanted", cel_type_name(v));
        note_error(er, expr, what);
    }
    return TRUTH_UNKNOWN;
}

bool engine_excepted(struct engine_eval *x, struct engine_rule *er) {
    for (size_t i = 0; i < er->rule->nexceptions; i++) {
        if (engine_truth(x, er, &er->rule->exceptions[i]) == TRUTH_TRUE)
            return true;
    }
    return false;
}
