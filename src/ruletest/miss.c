/* SPDX-License-Identifier: Apache-2.0
 * Why an incident did not come. The test runs a second time, which gives the same again, and the rules in question are looked at before and after every event and timer: what reached
 * them, what was true, false or unknown, and with which values. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "ruletest/ruletest_int.h"

#define MAX_WATCHED 16
#define FIRST_NOTES 3
#define LAST_NOTES 7
#define MAX_LINES 24 /* of an explanation */

struct note {
    int64_t at, last;
    size_t times;
    const char *text;
    const char *explained; /* lines; NULL: none */
};
struct watch {
    const struct rule *rule;
    size_t index;
    struct engine_rule_stats before;
    struct note notes[FIRST_NOTES + LAST_NOTES];
    size_t nnotes;
    size_t left_out;
};
struct watched {
    struct arena *arena; /* of the run that asks */
    struct watch items[MAX_WATCHED];
    size_t n;
    struct arena scratch;
    struct buf text, fields;
    const cJSON *previous; /* the device's fields before the event */
    bool oom;
};

/* -- notes ------------------------------------------------------------------------------------------------------------------- */
static void note(struct watched *w, struct watch *x, int64_t at, const char *text, const char *explained) {
    struct note *last = x->nnotes ? &x->notes[x->nnotes - 1] : NULL;

    if (last && strcmp(last->text, text) == 0) {
        last->times++;
        last->last = at;
    } else {
        if (x->nnotes == COUNT(x->notes)) {
            memmove(&x->notes[FIRST_NOTES], &x->notes[FIRST_NOTES + 1], (LAST_NOTES - 1) * sizeof(struct note));
            x->nnotes--;
            x->left_out++;
        }
        last = &x->notes[x->nnotes++];
        *last = (struct note){.at = at, .last = at, .times = 1, .text = arena_strdup(w->arena, text)};
        if (!last->text) {
            x->nnotes--;
            w->oom = true;
            return;
        }
    }
    last->explained = explained ? arena_strdup(w->arena, explained) : NULL;
}

/* -- the same variables as the engine gives --------------------------------------------------------------------------------------- */
struct world {
    struct event_record record;
    struct cel_value vars[CEL_MAX_VARS];
    struct cel_context ctx;
};

static const cJSON *fields_of(struct watched *w, const struct run *r, const char *device) {
    const cJSON *json = NULL;

    buf_clear(&w->fields);
    engine_device_fields(r->engine, device, &w->fields);
    return json_parse(&w->scratch, w->fields.data, w->fields.len, NULL, &json) == 0 ? json : NULL;
}

static void world_init(struct world *x, struct watched *w, const struct run *r, const struct event *ev) {
    const struct device *row = registry_find(r->rs.registry, ev->device);
    cJSON *bare = arena_zalloc(&w->scratch, sizeof *bare), *id = arena_zalloc(&w->scratch, sizeof *id);

    for (size_t i = 0; i < CEL_MAX_VARS; i++)
        x->vars[i] = cel_error(CEL_E_ABSENT, NULL);
    event_record_init(&x->record, ev);
    x->vars[RULE_EVENT] = cel_record(&x->record.record);
    x->vars[RULE_STATE] = cel_json(fields_of(w, r, ev->device));
    x->vars[RULE_PREVIOUS] = cel_json(w->previous);
    x->vars[RULE_NOW] = cel_time_ms(r->test->start + r->at);
    if (row) {
        x->vars[RULE_DEVICE] = cel_record(&row->record);
    } else if (bare && id) {
        *id = (cJSON){.type = cJSON_String,
                      .string = arena_strdup(&w->scratch, "id"),
                      .valuestring = arena_strdup(&w->scratch, ev->device),
                      .prev = id};
        *bare = (cJSON){.type = cJSON_Object, .child = id};
        x->vars[RULE_DEVICE] = cel_json(bare);
    }
    x->ctx = (struct cel_context){.vars = x->vars, .arena = &w->scratch, .host = (void *)(uintptr_t)&r->rs};
}

/* The first lines of the value of every part. */
static const char *explain(struct watched *w, struct world *x, const struct rules_expr *e) {
    struct buf b;
    size_t lines = 0;

    if (!e->program)
        return NULL;
    buf_init(&b, 64 << 10);
    x->ctx.steps = 0;
    cel_explain(e->program, &x->ctx, &b);
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] == '\n' && ++lines == MAX_LINES) {
            b.len = i;
            b.data[i] = '\0';
        }
    const char *copy = b.failed ? NULL : arena_strdup(&w->scratch, b.data);
    buf_done(&b);
    return copy;
}

/* -- what an event did to a rule ------------------------------------------------------------------------------------------------------ */
static bool on_kind(bool any, const atom_t *on, size_t n, atom_t kind) {
    for (size_t i = 0; i < n; i++)
        if (on[i] == kind)
            return true;
    return any;
}

static bool concerns(const struct rule *rule, atom_t kind) {
    if (rule->nsteps == 0)
        return on_kind(rule->on_any, rule->on, rule->non, kind);
    for (size_t i = 0; i < rule->nsteps; i++)
        if (on_kind(rule->steps[i].on_any, rule->steps[i].on, rule->steps[i].non, kind))
            return true;
    return false;
}

static bool outside(const struct rule *rule, int64_t wall) {
    return rule->during && interval_contains(rule->during, wall) == rule->during_not;
}

static void not_reached(struct buf *b, const struct rule *rule, const struct run *r, const struct event *ev) {
    struct cel_value ignored;
    bool missing = false;

    if (outside(rule, r->test->start + r->at)) {
        buf_printf(b, "not looked at: %s of '%s'", rule->during_not ? "inside" : "outside", interval_name(rule->during));
        return;
    }
    for (size_t i = 0; i < rule->nrequired; i++)
        if (!event_field(ev, rule->required[i], &ignored)) {
            buf_printf(b, "%s%s", missing ? ", " : "not looked at: the event has no ", atom_name(rule->required[i]));
            missing = true;
        }
    if (!missing)
        buf_puts(b, ev->flags & EVENT_RETAINED ? "not looked at: a retained state that changes nothing" : "not looked at");
}

static void step_verdicts(struct watched *w, struct watch *x, struct world *world, const struct event *ev) {
    struct buf *b = &w->text;
    bool first = true;

    for (size_t i = 0; i < x->rule->nsteps; i++) {
        const struct rule_step *s = &x->rule->steps[i];
        struct cel_value v = cel_bool(true);
        if (!on_kind(s->on_any, s->on, s->non, ev->kind))
            continue;
        world->ctx.steps = 0;
        if (s->when.program)
            v = cel_eval(s->when.program, &world->ctx);
        buf_printf(b, "%sstep %zu (%s%s) %s", first ? "" : ", ", i + 1, s->negated ? "not " : "", s->name ? atom_name(s->name) : "",
                   cel_is_true(v)       ? "true"
                   : v.type == CEL_BOOL ? "false"
                                        : "unknown");
        first = false;
    }
}

static void transitions(struct buf *b, const struct rule *r, const struct engine_rule_stats *before, const struct engine_rule_stats *now) {
    char span[TIME_TEXT_MAX];

    if (now->pending > before->pending)
        buf_printf(b, "; pending from now on, for %s", span_format(r->for_ms, span));
    if (now->opened > before->opened)
        buf_puts(b, "; an incident opens");
    else if (now->pending < before->pending)
        buf_puts(b, "; no longer pending");
    else if (now->firing < before->firing)
        buf_puts(b, "; its incident ends");
}

static void look_at_event(struct watched *w, struct watch *x, const struct run *r, const struct event *ev,
                          const struct engine_rule_stats *now) {
    const struct engine_rule_stats *before = &x->before;
    const char *explained = NULL;
    struct world world;
    struct buf *b = &w->text;

    buf_clear(b);
    buf_printf(b, "%s of %s: ", atom_name(ev->kind), ev->device);
    world_init(&world, w, r, ev);
    if (x->rule->nsteps) {
        step_verdicts(w, x, &world, ev);
    } else if (now->errors > before->errors) {
        buf_printf(b, "error: %s", now->last_error ? now->last_error : "");
    } else if (now->unknown > before->unknown) {
        buf_puts(b, "unknown");
        explained = explain(w, &world, &x->rule->when);
    } else if (now->matched > before->matched) {
        buf_puts(b, x->rule->pattern == RULE_ABSENT ? "heard" : "matched");
    } else if (now->evaluated > before->evaluated) {
        buf_puts(b, x->rule->nexceptions ? "not true, or excepted" : "not true");
        explained = explain(w, &world, &x->rule->when);
    } else if (x->rule->pattern == RULE_ABSENT && !x->rule->when.program) {
        buf_puts(b, registry_find(r->rs.registry, ev->device) ? "heard" : "heard, but the device is not registered");
    } else {
        not_reached(b, x->rule, r, ev);
    }
    transitions(b, x->rule, before, now);
    note(w, x, r->at, b->data, explained);
}

static void look(struct watched *w, struct watch *x, const struct run *r, const struct event *ev) {
    struct engine_rule_stats now;
    struct buf *b = &w->text;

    engine_rule_stats(r->engine, x->index, &now);
    if (ev && concerns(x->rule, ev->kind)) {
        look_at_event(w, x, r, ev, &now);
        return;
    }
    buf_clear(b);
    if (now.evaluated > x->before.evaluated)
        buf_printf(b, "changes of incidents: %llu looked at, %llu matched", (unsigned long long)(now.evaluated - x->before.evaluated),
                   (unsigned long long)(now.matched - x->before.matched));
    transitions(b, x->rule, &x->before, &now);
    if (b->len)
        note(w, x, r->at, b->data[0] == ';' ? b->data + 2 : b->data, NULL);
}

void watch_before(struct run *r, const struct event *ev) {
    struct watched *w = r->watched;

    if (!w)
        return;
    arena_reset(&w->scratch);
    w->previous = ev ? fields_of(w, r, ev->device) : NULL;
    for (size_t i = 0; i < w->n; i++)
        engine_rule_stats(r->engine, w->items[i].index, &w->items[i].before);
}

void watch_after(struct run *r, const struct event *ev) {
    for (size_t i = 0; r->watched && i < r->watched->n; i++)
        look(r->watched, &r->watched->items[i], r, ev);
}

/* -- in words --------------------------------------------------------------------------------------------------------------------------- */
struct lines {
    struct run *r;
    const char **items;
    size_t n, cap;
};

static void GF_PRINTF(2, 3) line(struct lines *l, const char *fmt, ...) {
    struct buf b;
    va_list ap;

    buf_init(&b, 64 << 10);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (l->n < l->cap)
        l->items[l->n++] = run_text(l->r, "%s", b.data);
    l->r->oom = l->r->oom || b.failed;
    buf_done(&b);
}

static void explanation(struct lines *l, const char *text) {
    while (text && *text) {
        size_t len = strcspn(text, "\n");
        line(l, "          %.*s", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void print_notes(struct lines *l, const struct watch *x) {
    char at[TIME_TEXT_MAX], last[TIME_TEXT_MAX];
    size_t explained = SIZE_MAX;

    for (size_t i = 0; i < x->nnotes; i++)
        if (x->notes[i].explained)
            explained = i;
    for (size_t i = 0; i < x->nnotes; i++) {
        const struct note *n = &x->notes[i];
        if (i == FIRST_NOTES && x->left_out)
            line(l, "…       (%zu more)", x->left_out);
        if (n->times > 1)
            line(l, "%-7s %s (%zu times, last at %s)", span_format(n->at, at), n->text, n->times, span_format(n->last, last));
        else
            line(l, "%-7s %s", span_format(n->at, at), n->text);
        if (i == explained)
            explanation(l, n->explained);
    }
}

static void print_kinds(struct buf *b, const struct rule *rule, size_t step, const atom_t *on, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool before = false;
        for (size_t s = 0; s < step && !before; s++)
            before = on_kind(false, rule->steps[s].on, rule->steps[s].non, on[i]);
        if (!before)
            buf_printf(b, "%s%s", b->len ? ", " : "", atom_name(on[i]));
    }
}

static void print_on(struct lines *l, const struct rule *rule) {
    struct buf b;

    buf_init(&b, 4096);
    print_kinds(&b, rule, 0, rule->on, rule->nsteps ? 0 : rule->non);
    for (size_t s = 0; s < rule->nsteps; s++)
        print_kinds(&b, rule, s, rule->steps[s].on, rule->steps[s].non);
    line(l, "nothing reached it: it listens to %s",
         rule->on_any        ? "everything"
         : rule->on_incident ? "incidents"
         : b.len             ? b.data
                             : "nothing");
    buf_done(&b);
}

/* Whose silence the rule measures, and how long each may be silent. */
static void print_silences(struct lines *l, const struct run *second, const struct rule *rule) {
    size_t n = engine_devices(second->engine), shown = 0, others = 0;
    char heard[TIME_TEXT_MAX], span[TIME_TEXT_MAX];

    for (size_t i = 0; i < n; i++) {
        struct engine_device_info d;
        engine_device_info(second->engine, i, &d);
        if (!d.row ||
            !(rule->nof ? on_kind(false, rule->of, rule->nof, d.row->kind) : on_kind(rule->on_any, rule->on, rule->non, d.row->kind)))
            continue;
        if (shown == 5) {
            others++;
            continue;
        }
        shown++;
        line(l, "%s: %s%s, may be silent for %s%s", d.id, d.last_seen == TIME_NONE ? "never heard of" : "last heard of at ",
             d.last_seen == TIME_NONE ? "" : span_format(d.last_seen - second->test->start, heard),
             span_format(d.row->expect > 0 ? d.row->expect : rule->absent, span), d.row->expect > 0 ? " (its 'expect')" : "");
    }
    if (others)
        line(l, "and %zu other devices", others);
    if (shown == 0)
        line(l, "no registered device of the test is of a kind that it expects to hear of; name it under 'devices'");
}

static void print_unpublished(struct lines *l, const struct run *second, const struct rule *rule) {
    char at[TIME_TEXT_MAX], hold[TIME_TEXT_MAX];
    size_t it = 0;
    void *value;

    while (map_next(&second->incidents, &it, NULL, &value)) {
        const struct seen_incident *s = value, *by;
        if (strcmp(s->rule, rule->name) != 0 || s->published)
            continue;
        by = s->inhibited_by ? map_gets(&second->incidents, s->inhibited_by) : NULL;
        if (by)
            line(l, "%-7s raised for %s and not told: inhibited by %s for %s", span_format(s->at, at), s->key, by->rule, by->key);
        else if (rule->hold > 0)
            line(l, "%-7s raised for %s and not told: held back (hold: %s)", span_format(s->at, at), s->key, span_format(rule->hold, hold));
        else
            line(l, "%-7s raised for %s and not told", span_format(s->at, at), s->key);
    }
}

static void print_watch(struct run *r, const struct run *second, struct watch *x) {
    struct lines l = {.r = r, .cap = 128};
    struct engine_rule_stats now;

    l.items = arena_alloc(&r->arena, l.cap * sizeof *l.items);
    if (!l.items) {
        r->oom = true;
        return;
    }
    engine_rule_stats(second->engine, x->index, &now);
    print_notes(&l, x);
    if (x->nnotes == 0 && x->rule->pattern != RULE_ABSENT)
        print_on(&l, x->rule);
    if (x->rule->pattern == RULE_ABSENT)
        print_silences(&l, second, x->rule);
    print_unpublished(&l, second, x->rule);
    if (now.evaluated)
        line(&l, "in all: %llu looked at, %llu matched, %llu unknown; at the end %zu pending, %zu open", (unsigned long long)now.evaluated,
             (unsigned long long)now.matched, (unsigned long long)now.unknown, now.pending, now.firing);
    for (size_t i = 0; i < r->nproblems; i++) {
        struct problem *p = &r->problems[i];
        if (p->kind == PROBLEM_MISSING && p->expected->rule == x->rule) {
            p->saw = l.items;
            p->nsaw = l.n;
        }
    }
}

static void choose(const struct run *r, struct watched *w) {
    for (size_t i = 0; i < r->nproblems; i++) {
        const struct rule *rule = r->problems[i].kind == PROBLEM_MISSING ? r->problems[i].expected->rule : NULL;
        size_t k = 0;
        while (k < w->n && w->items[k].rule != rule)
            k++;
        if (!rule || k < w->n || w->n == MAX_WATCHED)
            continue;
        w->items[w->n++] = (struct watch){.rule = rule, .index = (size_t)(rule - r->suite->given->rules)};
    }
}

int miss_explain(struct run *r, struct err *err) {
    struct watched *w = calloc(1, sizeof *w);
    struct run second = {.watched = w};
    int rc = 0;

    if (!w)
        return err_set(err, GF_ENOMEM, "no memory for the test");
    w->arena = &r->arena;
    choose(r, w);
    if (w->n) {
        arena_init(&w->scratch, 16 << 10, 64 << 20);
        buf_init(&w->text, 64 << 10);
        buf_init(&w->fields, 1 << 20);
        rc = run_open(&second, r->suite, r->test, err);
        if (rc == 0)
            rc = run_all(&second, err);
        for (size_t i = 0; rc == 0 && i < w->n; i++)
            print_watch(r, &second, &w->items[i]);
        run_close(&second);
        arena_done(&w->scratch);
        buf_done(&w->text);
        buf_done(&w->fields);
    }
    if (rc == 0 && (w->oom || r->oom))
        rc = err_set(err, GF_ENOMEM, "no memory for the test");
    free(w);
    return rc;
}
