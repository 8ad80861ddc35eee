/* SPDX-License-Identifier: Apache-2.0
 * One test from its start to its end: a fresh engine and mapper, inputs at their moments, timers at theirs between them, and everything that is published kept. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "ruletest/ruletest_int.h"

#define BASE_MONO TIME_DAY /* any moment will do for a clock that is only counted */
#define TEST_SEED 1

struct engine_time run_time(const struct run *r) {
    return (struct engine_time){.mono = BASE_MONO + r->at, .wall = r->test->start + r->at, .synced = true};
}

struct problem *run_problem(struct run *r, enum problem_kind kind) {
    if (r->nproblems == r->cap_problems) {
        size_t cap = r->cap_problems ? r->cap_problems * 2 : 8;
        struct problem *more = realloc(r->problems, cap * sizeof *more);
        if (!more) {
            r->oom = true;
            return NULL;
        }
        r->problems = more;
        r->cap_problems = cap;
    }
    struct problem *p = &r->problems[r->nproblems++];
    *p = (struct problem){.kind = kind, .at = r->at};
    return p;
}

const char *run_text(struct run *r, const char *fmt, ...) {
    struct buf b;
    va_list ap;

    buf_init(&b, 1 << 20);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    const char *s = b.failed ? NULL : arena_strdup(&r->arena, b.data);
    buf_done(&b);
    r->oom = r->oom || !s;
    return s ? s : "";
}

static void input_problem(struct run *r, const struct input *in, const char *sentence) {
    struct problem *p = run_problem(r, PROBLEM_INPUT);
    if (p) {
        p->place = in->place;
        p->sentence = sentence;
    }
}

/* -- what comes out ------------------------------------------------------------------------------------------------------------- */
static const char *copy(struct run *r, const char *s) {
    const char *p = s ? arena_strdup(&r->arena, s) : NULL;
    if (s && !p)
        r->oom = true;
    return p;
}

static void remember(struct run *r, const struct effect_incident *i) {
    struct seen_incident *s = map_gets(&r->incidents, i->id);
    if (!s && (s = arena_zalloc(&r->arena, sizeof *s)) != NULL) {
        s->rule = copy(r, i->rule);
        s->key = copy(r, i->key);
        s->device = copy(r, i->device);
        s->at = r->at;
        r->oom = map_puts(&r->incidents, i->id, s) < 0 || r->oom;
    }
    if (!s) {
        r->oom = true;
        return;
    }
    s->published = s->published || i->publish;
    const cJSON *doc;
    if (r->watched && !i->publish && json_parse(&r->arena, i->body, i->len, NULL, &doc) == 0)
        s->inhibited_by = json_str(doc, "inhibited_by", NULL);
}

static void keep(struct run *r, const struct effect_incident *i) {
    struct err err = {0};

    if (r->ntold == RULETEST_MAX_TOLD) {
        r->dropped++;
        return;
    }
    if (r->ntold == r->cap_told) {
        size_t cap = r->cap_told ? r->cap_told * 2 : 16;
        struct told *more = realloc(r->told, cap * sizeof *more);
        if (!more) {
            r->oom = true;
            return;
        }
        r->told = more;
        r->cap_told = cap;
    }
    struct told *t = &r->told[r->ntold];
    *t = (struct told){.at = r->at,
                       .id = copy(r, i->id),
                       .rule = copy(r, i->rule),
                       .key = copy(r, i->key),
                       .device = copy(r, i->device),
                       .change = i->change,
                       .expected = -1};
    if (json_parse(&r->arena, i->body, i->len, &err, &t->doc) < 0)
        r->oom = true;
    else
        r->ntold++;
}

static int collect(struct run *r) {
    if (engine_flush(r->engine, &r->fx) < 0 || r->fx.failed)
        r->oom = true;
    for (size_t i = 0; i < r->fx.nincidents && !r->oom; i++) {
        remember(r, &r->fx.incidents[i]);
        if (r->fx.incidents[i].publish)
            keep(r, &r->fx.incidents[i]);
    }
    effects_reset(&r->fx);
    return r->oom ? GF_ENOMEM : 0;
}

/* -- time ----------------------------------------------------------------------------------------------------------------------------- */
/* Every timer due by `to` fires, each at its own moment. */
static int advance(struct run *r, int64_t to, struct err *err) {
    for (;;) {
        int64_t due = engine_due(r->engine);
        if (due == INT64_MAX || due > BASE_MONO + to)
            break;
        if (++r->steps > RULETEST_MAX_STEPS)
            return err_set(err, GF_ELIMIT, "timers fired at more than %d moments; shorten the test", RULETEST_MAX_STEPS);
        if (due - BASE_MONO > r->at)
            r->at = due - BASE_MONO;
        watch_before(r, NULL);
        if (engine_advance(r->engine, run_time(r), &r->fx) < 0 || collect(r) < 0)
            return err_set(err, GF_ENOMEM, "no memory for the test");
        watch_after(r, NULL);
    }
    r->at = to;
    return 0;
}

/* -- inputs --------------------------------------------------------------------------------------------------------------------------- */
static int feed_event(struct run *r, const struct event *ev, struct err *err) {
    watch_before(r, ev);
    if (engine_event(r->engine, ev, run_time(r), &r->fx) < 0 || collect(r) < 0)
        return err_set(err, GF_ENOMEM, "no memory for the test");
    watch_after(r, ev);
    return 0;
}

/* The same rules for a device's own time as in a source. */
static void event_of(const struct run *r, const struct given_event *g, struct event *ev) {
    int64_t now = r->test->start + r->at, tolerance = r->rs.config ? r->rs.config->late_tolerance : TIME_HOUR;

    *ev = (struct event){.device = g->device, .kind = g->kind, .time = now, .arrived = now, .nfields = g->nfields, .fields = g->fields};
    ev->flags = (g->retained ? EVENT_RETAINED : 0u) | (g->late ? EVENT_LATE : 0u);
    if (g->time == TIME_NONE || r->test->start + g->time > now + tolerance)
        return;
    bool old = r->test->start + g->time < now - tolerance;
    if (!old || g->late) {
        ev->time = r->test->start + g->time;
        ev->flags |= EVENT_OWN_TIME;
    }
    if (old)
        ev->flags |= EVENT_LATE;
}

static const char *value_text(struct run *r, struct cel_value v) {
    struct buf b;
    buf_init(&b, 1 << 20);
    cel_write_text(&b, v);
    const char *s = b.failed ? NULL : copy(r, b.data);
    buf_done(&b);
    return s ? s : "?";
}

static bool same_time(const struct run *r, const char *want, int64_t came) {
    struct given_time t;
    if (!ruletest_time(want, &t))
        return false;
    if (t.from_start)
        return r->test->start + t.ms == came;
    return (t.zoned ? t.ms : zone_to_utc(r->rs.config ? r->rs.config->zone : NULL, t.ms / 1000) * 1000 + t.ms % 1000) == came;
}

/* What differs, as a sentence; NULL when nothing does. */
static const char *field_differs(struct run *r, const struct event *ev, const cJSON *want) {
    char stamp[TIME_TEXT_MAX];
    struct cel_value v, w = cel_json(want);
    atom_t name = atom_find(want->string, strlen(want->string));

    if (strcmp(want->string, "kind") == 0 || strcmp(want->string, "device") == 0)
        return NULL;
    if (name && event_field(ev, name, &v)) {
        if (cel_equal(v, w))
            return NULL;
        if (cJSON_IsString(want) && (v.type == CEL_TIMESTAMP || v.type == CEL_DURATION)) {
            struct buf b;
            buf_init(&b, 256);
            cel_write_json(&b, v);
            bool same = !b.failed && b.len == strlen(want->valuestring) + 2 && strncmp(b.data + 1, want->valuestring, b.len - 2) == 0;
            buf_done(&b);
            if (same)
                return NULL;
        }
        return run_text(r, "%s is %s, expected %s", want->string, value_text(r, v), value_text(r, w));
    }
    if (strcmp(want->string, "time") == 0 && cJSON_IsString(want))
        return same_time(r, want->valuestring, ev->time)
                   ? NULL
                   : run_text(r, "time is %s, expected %s",
                              time_format(ev->time, zone_offset(r->rs.config ? r->rs.config->zone : NULL, ev->time / 1000), stamp),
                              want->valuestring);
    if (strcmp(want->string, "late") == 0 || strcmp(want->string, "retained") == 0) {
        bool came = (ev->flags & (want->string[0] == 'l' ? EVENT_LATE : EVENT_RETAINED)) != 0;
        return came == (cJSON_IsTrue(want) != 0) ? NULL : run_text(r, "%s is %s", want->string, came ? "true" : "false");
    }
    return cJSON_IsNull(want) ? NULL : run_text(r, "it has no field %s, expected %s", want->string, value_text(r, w));
}

static void check_events(struct run *r, const struct input *in, const struct mapped *m) {
    const struct given_message *g = in->message;

    for (size_t i = 0; i < g->nwanted && i < m->nevents; i++) {
        const struct wanted_event *w = &g->wanted[i];
        const struct event *ev = &m->events[i];
        const cJSON *field;
        if (w->kind && w->kind != ev->kind)
            input_problem(r, in, run_text(r, "event %zu is of kind %s, expected %s", i + 1, atom_name(ev->kind), atom_name(w->kind)));
        if (w->device && strcmp(w->device, ev->device) != 0)
            input_problem(r, in, run_text(r, "event %zu is of device %s, expected %s", i + 1, ev->device, w->device));
        cJSON_ArrayForEach(field, w->fields) {
            const char *differs = field_differs(r, ev, field);
            if (differs)
                input_problem(r, in, run_text(r, "event %zu (%s of %s): %s", i + 1, atom_name(ev->kind), ev->device, differs));
        }
    }
    if (m->nevents != g->nwanted)
        input_problem(r, in,
                      run_text(r, "the message became %zu event%s, expected %zu%s%s", m->nevents, m->nevents == 1 ? "" : "s", g->nwanted,
                               m->why ? ": " : "", m->why ? m->why : ""));
}

static int feed_message(struct run *r, const struct input *in, struct err *err) {
    const struct given_message *g = in->message;
    struct message msg = {
        .topic = g->topic, .payload = g->payload, .len = g->len, .retained = g->retained, .qos = 1, .arrived = r->test->start + r->at};
    struct mapped m;

    arena_reset(&r->scratch);
    mapper_map(r->mapper, &msg, &r->scratch, &m);
    bool understood = m.outcome != OUTCOME_UNMATCHED && m.outcome != OUTCOME_BROKEN;
    if (g->outcome >= 0 ? (int)m.outcome != g->outcome : !understood)
        input_problem(r, in,
                      run_text(r, "the message on %s is %s%s%s%s%s", g->topic, source_outcome_name(m.outcome), m.source ? ", source " : "",
                               m.source ? m.source : "", m.why ? ": " : "", m.why ? m.why : ""));
    if (g->checks_events)
        check_events(r, in, &m);
    for (size_t i = 0; i < m.nevents; i++) {
        int rc = feed_event(r, &m.events[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The incident that a command is for: of its rule, with its key, the latest; one that is not over goes first. */
static const char *find_incident(struct run *r, const struct given_command *g, size_t *ret_open) {
    const char *id, *best = NULL;
    bool best_open = false;
    size_t it = 0;
    void *value;

    *ret_open = 0;
    while (map_next(&r->incidents, &it, &id, &value)) {
        const struct seen_incident *s = value;
        if (strcmp(s->rule, g->rule->name) != 0 ||
            (g->key && strcmp(g->key, s->key) != 0 && (!s->device || strcmp(g->key, s->device) != 0)))
            continue;
        bool open = engine_incident(r->engine, id) != NULL;
        *ret_open += open;
        if (!best || open || !best_open) {
            best = id;
            best_open = open;
        }
    }
    return best;
}

static int feed_command(struct run *r, const struct input *in, struct err *err) {
    const struct given_command *g = in->command;
    struct command c = g->command;
    struct err why = {0};
    uint32_t revision;
    size_t open;

    c.incident = find_incident(r, g, &open);
    if (!c.incident || open > 1) {
        input_problem(r, in,
                      c.incident ? run_text(r, "%zu incidents of %s are open: say which with 'key'", open, g->rule->name)
                                 : run_text(r, "there is no incident of %s%s%s to %s", g->rule->name, g->key ? " for " : "",
                                            g->key ? g->key : "", action_name(c.action)));
        return 0;
    }
    int rc = engine_command(r->engine, &c, run_time(r), &r->fx, &why, &revision);
    if (rc == GF_ENOMEM || collect(r) < 0)
        return err_set(err, GF_ENOMEM, "no memory for the test");
    if (rc < 0 && !g->refused)
        input_problem(r, in, run_text(r, "%s %s: refused: %s", action_name(c.action), g->rule->name, why.text));
    if (rc == 0 && g->refused)
        input_problem(r, in, run_text(r, "%s %s: done, and should have been refused", action_name(c.action), g->rule->name));
    return 0;
}

static int feed(struct run *r, const struct input *in, struct err *err) {
    struct event ev;

    r->ninputs++;
    switch (in->kind) {
    case INPUT_EVENT: event_of(r, in->event, &ev); return feed_event(r, &ev, err);
    case INPUT_MESSAGE: return feed_message(r, in, err);
    case INPUT_COMMAND: return feed_command(r, in, err);
    case INPUT_LINK:
        engine_link(r->engine, in->link_up, run_time(r));
        return collect(r) < 0 ? err_set(err, GF_ENOMEM, "no memory for the test") : 0;
    }
    return 0;
}

/* -- life ----------------------------------------------------------------------------------------------------------------------------- */
/* Without `devices` a test knows those of devices.csv that its inputs speak of: the silence of the others is not its business. */
static int devices_spoken_of(struct run *r, const struct ruleset *rs, struct err *err) {
    const struct test *t = r->test;
    struct map ids;
    int rc = 0;

    map_init(&ids);
    for (size_t i = 0; rc == 0 && i < t->ninputs; i++) {
        const struct input *in = &t->inputs[i];
        if (in->kind == INPUT_EVENT) {
            rc = map_puts(&ids, in->event->device, r);
        } else if (in->kind == INPUT_MESSAGE) {
            const struct given_message *g = in->message;
            struct message msg = {
                .topic = g->topic, .payload = g->payload, .len = g->len, .retained = g->retained, .qos = 1, .arrived = t->start + in->at};
            struct mapped m;
            if (!r->mapper)
                rc = mapper_new(rs, err, &r->mapper);
            arena_reset(&r->scratch);
            if (rc == 0)
                mapper_map(r->mapper, &msg, &r->scratch, &m);
            for (size_t k = 0; rc == 0 && k < m.nevents; k++)
                rc = map_puts(&ids, m.events[k].device, r);
        }
    }
    mapper_free(r->mapper);
    r->mapper = NULL;
    if (rc == 0 && !(r->registry = registry_of(r->suite, &ids)))
        rc = GF_ENOMEM;
    map_done(&ids, NULL);
    return rc < 0 ? err_set(err, rc, "no memory for the test's devices") : 0;
}

static bool has_messages(const struct test *t) {
    for (size_t i = 0; i < t->ninputs; i++)
        if (t->inputs[i].kind == INPUT_MESSAGE)
            return true;
    return false;
}

int run_open(struct run *r, const struct ruletest_suite *s, const struct test *t, struct err *err) {
    struct watched *watched = r->watched;

    *r = (struct run){.suite = s, .test = t, .rs = s->rs, .watched = watched};
    arena_init(&r->arena, 16 << 10, 256 << 20);
    arena_init(&r->scratch, 16 << 10, 64 << 20);
    effects_init(&r->fx);
    map_init(&r->incidents);
    int rc = t->registry_late ? devices_spoken_of(r, &s->rs, err) : 0;
    if (rc < 0)
        return rc;
    if (!t->all_devices)
        r->rs.registry = t->registry_late ? r->registry : t->registry;
    struct engine_conf conf = {.gateway = r->rs.config && r->rs.config->id ? r->rs.config->id : "test",
                               .seed = TEST_SEED,
                               .max_devices = r->rs.config ? r->rs.config->max_devices : 10000};
    if (has_messages(t) && (rc = mapper_new(t->registry_late ? &s->rs : &r->rs, err, &r->mapper)) < 0)
        return rc;
    if ((rc = engine_new(&r->rs, &conf, err, &r->engine)) < 0)
        return rc;
    if (engine_start(r->engine, run_time(r), 0, &r->fx) < 0 || collect(r) < 0)
        return err_set(err, GF_ENOMEM, "no memory for the test");
    return 0;
}

void run_close(struct run *r) {
    engine_free(r->engine);
    mapper_free(r->mapper);
    registry_free(r->registry);
    effects_done(&r->fx);
    map_done(&r->incidents, NULL);
    free(r->told);
    free(r->problems);
    arena_done(&r->arena);
    arena_done(&r->scratch);
}

int run_all(struct run *r, struct err *err) {
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->test->ninputs; i++) {
        if ((rc = advance(r, r->test->inputs[i].at, err)) == 0)
            rc = feed(r, &r->test->inputs[i], err);
    }
    if (rc == 0)
        rc = advance(r, r->test->until, err);
    return rc;
}

int ruletest_run(const struct ruletest_suite *s, size_t i, unsigned flags, struct ruletest_result *ret, struct buf *text, struct buf *json,
                 struct err *err) {
    struct run r = {0};
    int rc = run_open(&r, s, &s->tests[i], err);

    if (rc == 0)
        rc = run_all(&r, err);
    if (rc == 0 && match_run(&r) < 0)
        rc = err_set(err, GF_ENOMEM, "no memory for the test");
    if (rc == 0 && (text || json))
        rc = miss_explain(&r, err);
    if (rc == 0) {
        *ret =
            (struct ruletest_result){.passed = r.nproblems == 0, .inputs = r.ninputs, .told = r.ntold + r.dropped, .problems = r.nproblems};
        if (text)
            print_text(&r, flags, text);
        if (json)
            print_json(&r, json);
    } else {
        (void)err_prefix(err, "%.200s", s->tests[i].name);
    }
    run_close(&r);
    return rc;
}
