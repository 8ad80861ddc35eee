/* SPDX-License-Identifier: Apache-2.0
 * One message through the sources whose topic fits: match, each, events, times, on_change, dedupe, online. See docs/sources.md for what it means.
 *
 * A source speaks when its `match` holds. An expression that has no value because a field is not there leaves the field (or the time) out; any other
 * error breaks the event it stands in, is counted and kept as an example, and leaves everything else of the message alone. */
#include <string.h>

#include "gengfu/base/text.h"
#include "source/mapper_int.h"

static const char no_room[] = "out of memory for one message";

static void broken(struct work *w, const char *where, const char *why) {
    if (w->why)
        return; /* the first reason is the one to show */
    const char *text = where ? arena_printf(w->arena, "%s: %s", where, why) : why;
    w->why = text ? text : no_room;
}

static const char *sentence(struct cel_value v) { return v.s ? v.s : "the expression has no value"; }

/* Evaluates within the message's budget of steps; an optional gives what is in it, or is absent. */
static struct cel_value eval(struct work *w, const struct cel_program *p) {
    if (w->steps == 0)
        return cel_error(CEL_E_STEPS, "the message takes too many steps");
    w->ctx.steps = w->steps < CEL_DEFAULT_STEPS ? w->steps : CEL_DEFAULT_STEPS;
    uint32_t given = w->ctx.steps;
    struct cel_value v = cel_eval(p, &w->ctx);
    uint32_t used = given - (w->ctx.steps < given ? w->ctx.steps : 0);
    w->steps -= used < w->steps ? used : w->steps;
    for (int i = 0; v.type == CEL_OPTIONAL && i < 8; i++)
        v = v.opt ? *v.opt : cel_error(CEL_E_ABSENT, NULL);
    return v;
}

enum truth { NO, YES, UNKNOWN, ERROR };
static enum truth eval_bool(struct work *w, const struct cel_program *p, const char *where) {
    struct cel_value v = eval(w, p);
    if (v.type == CEL_BOOL)
        return v.b ? YES : NO;
    if (cel_is_unknown(v) || v.type == CEL_NULL)
        return UNKNOWN;
    if (cel_is_error(v)) {
        broken(w, where, sentence(v));
        return ERROR;
    }
    const char *why = arena_printf(w->arena, "gives %s where true or false is wanted", cel_type_name(v));
    broken(w, where, why ? why : no_room);
    return ERROR;
}

/* `match` asks whether this is the source's kind of message; a payload of another type is not. */
static enum truth eval_match(struct work *w, const struct cel_program *p) {
    struct cel_value v = eval(w, p);
    if (v.type == CEL_BOOL)
        return v.b ? YES : NO;
    if (v.type == CEL_NULL || (cel_is_error(v) && (v.code == CEL_E_ABSENT || v.code == CEL_E_OVERLOAD)))
        return NO;
    broken(w, "match", cel_is_error(v) ? sentence(v) : "gives neither true nor false");
    return ERROR;
}

/* A device's id: text without control characters, or a whole number. NULL: broken, and says why. */
static const char *device_text_of(struct work *w, struct cel_value v) {
    if (v.type == CEL_INT || v.type == CEL_UINT) {
        const char *text =
            v.type == CEL_INT ? arena_printf(w->arena, "%lld", (long long)v.i) : arena_printf(w->arena, "%llu", (unsigned long long)v.u);
        if (!text)
            broken(w, "device", no_room);
        return text;
    }
    if (v.type != CEL_STRING) {
        const char *why = cel_is_unknown(v) || v.type == CEL_NULL ? "the message does not say which device it is"
                          : cel_is_error(v)                       ? sentence(v)
                                                                  : "the device's id must be text or a whole number";
        broken(w, "device", why);
        return NULL;
    }
    if (v.aux == 0 || v.aux > EVENT_DEVICE_MAX) {
        const char *why = v.aux ? arena_printf(w->arena, "the device's id has %u bytes, more than %d", (unsigned)v.aux, EVENT_DEVICE_MAX)
                                : "the device's id is empty";
        broken(w, "device", why ? why : no_room);
        return NULL;
    }
    for (uint32_t i = 0; i < v.aux; i++)
        if ((unsigned char)v.s[i] < 0x20 || v.s[i] == 0x7F) {
            broken(w, "device", "the device's id holds a control character");
            return NULL;
        }
    const char *text = arena_strndup(w->arena, v.s, v.aux);
    if (!text)
        broken(w, "device", no_room);
    return text;
}

/* Evaluates the device of an expression, or takes the capture called `device` when there is none. */
static const char *device_of(struct work *w, const struct rules_expr *e) {
    struct cel_value v;
    if (e->program)
        v = eval(w, e->program);
    else if (!topic_capture(w->record.pattern, w->record.topic, atom_of("device"), &v))
        v = cel_error(CEL_E_ABSENT, NULL);
    return device_text_of(w, v);
}

static struct event *event_new(struct work *w) {
    if (w->nevents == SOURCE_MAX_EVENTS) {
        broken(w, NULL, "the message makes more than 4096 events; the rest is left out");
        return NULL;
    }
    if (w->nevents == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 4;
        struct event *more = arena_alloc(w->arena, cap * sizeof *more);
        if (!more) {
            broken(w, NULL, no_room);
            return NULL;
        }
        if (w->nevents)
            memcpy(more, w->events, w->nevents * sizeof *more);
        w->events = more;
        w->cap = cap;
    }
    return &w->events[w->nevents]; /* counted only once it is whole */
}

/* A field's value on its own: what it points to must outlive the rule set, and be in the arena. */
static struct cel_value settled(struct work *w, struct cel_value v) {
    if ((v.type == CEL_LIST || v.type == CEL_MAP) && v.form == CEL_FORM_JSON)
        return v; /* the document is in the arena */
    switch (v.type) {
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
    case CEL_LIST:
    case CEL_MAP: return cel_copy(w->arena, v);
    default: return v;
    }
}

/* 0: fields are read. <0: broken. */
static int read_fields(struct work *w, const struct source_event *se, struct event *ev) {
    struct event_field *fields = se->nfields ? arena_alloc(w->arena, se->nfields * sizeof *fields) : NULL;
    if (se->nfields && !fields) {
        broken(w, NULL, no_room);
        return GF_ENOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < se->nfields && n < EVENT_MAX_FIELDS; i++) {
        struct cel_value v = eval(w, se->fields[i].value.program);
        if (v.type == CEL_NULL || cel_is_unknown(v))
            continue;
        if (!cel_is_error(v))
            v = settled(w, v);
        if (cel_is_error(v)) {
            broken(w, atom_name(se->fields[i].name), sentence(v));
            return GF_EINVAL;
        }
        fields[n++] = (struct event_field){.name = se->fields[i].name, .value = v};
    }
    ev->fields = fields;
    ev->nfields = n;
    return 0;
}

/* The first of the device's times that can be true. What lies beyond the tolerance makes way for the time of arrival, unless the device says that it is a replay. */
static int read_time(struct work *w, const struct source_event *se, struct event *ev) {
    const struct config *cfg = w->m->rs->config;
    int64_t tolerance = se->skew ? se->skew : cfg ? cfg->late_tolerance : TIME_HOUR;
    bool declared = false, old = false;
    ev->time = ev->arrived = w->msg->arrived;
    ev->flags = w->msg->retained ? EVENT_RETAINED : 0;
    if (se->late.program) {
        enum truth t = eval_bool(w, se->late.program, "late");
        if (t == ERROR)
            return GF_EINVAL;
        declared = t == YES;
    }
    for (size_t i = 0; i < se->ntimes; i++) {
        struct cel_value v = eval(w, se->times[i].program);
        int64_t ms;
        if (cel_is_error(v) && (v.code == CEL_E_STEPS || v.code == CEL_E_MEMORY)) {
            broken(w, "time", sentence(v));
            return GF_EINVAL;
        }
        if (!stamp_read(v, cfg ? cfg->zone : NULL, &ms) || ms > ev->arrived + tolerance)
            continue;
        bool is_old = ms < ev->arrived - tolerance;
        if (!is_old || declared) {
            ev->time = ms;
            ev->flags |= EVENT_OWN_TIME;
            old = is_old;
            break;
        }
        old = se->skew == 0; /* with a skew, it is the clock that is wrong */
    }
    if (declared || old)
        ev->flags |= EVENT_LATE;
    return 0;
}

static bool key_begin(struct work *w, char what, size_t index, const char *device) {
    struct buf *b = &w->m->scratch;
    buf_clear(b);
    buf_putc(b, what);
    buf_puts(b, w->source->name);
    buf_putc(b, 0);
    buf_put_int(b, (int64_t)index);
    buf_putc(b, 0);
    buf_puts(b, device);
    return !b->failed;
}

static bool value_hash(struct work *w, struct cel_value v, struct memory_hash *ret) {
    struct buf text;
    buf_init(&text, 0);
    cel_write_json(&text, v);
    bool ok = !text.failed;
    if (ok)
        *ret = memory_hash_of(text.data, text.len);
    else
        broken(w, NULL, no_room);
    buf_done(&text);
    return ok;
}

/* YES: the same was let through less than `within` ago. */
static enum truth repeated(struct work *w, const struct source_event *se, size_t index, const struct event *ev) {
    if (!se->dedupe_key.program || se->dedupe_within <= 0)
        return NO;
    struct cel_value v = eval(w, se->dedupe_key.program);
    if (cel_is_unknown(v) || v.type == CEL_NULL)
        return NO;
    if (cel_is_error(v)) {
        broken(w, "dedupe", sentence(v));
        return ERROR;
    }
    struct memory_hash h;
    if (!value_hash(w, v, &h))
        return ERROR;
    bool fresh;
    struct memory_item *it = NULL;
    if (key_begin(w, 'd', index, ev->device)) {
        buf_put(&w->m->scratch, &h, sizeof h);
        if (!w->m->scratch.failed)
            it = memory_get(&w->m->memory, w->m->scratch.data, w->m->scratch.len, &fresh);
    }
    if (!it) {
        broken(w, "dedupe", no_room);
        return ERROR;
    }
    int64_t now = w->msg->arrived;
    if (!fresh && it->at <= now && now - it->at < se->dedupe_within)
        return YES;
    it->at = now;
    return NO;
}

/* YES: every listed field that the event has is as it was. A field that is missing is unchanged. */
static enum truth unchanged(struct work *w, const struct source_event *se, size_t index, const struct event *ev) {
    if (se->non_change == 0)
        return NO;
    bool fresh;
    struct memory_item *it = NULL;
    if (key_begin(w, 'c', index, ev->device))
        it = memory_get(&w->m->memory, w->m->scratch.data, w->m->scratch.len, &fresh);
    if (!it) {
        broken(w, "emit", no_room);
        return ERROR;
    }
    bool changed = fresh;
    for (size_t i = 0; i < se->non_change; i++) {
        struct cel_value v;
        struct memory_hash h;
        if (!event_field(ev, se->on_change[i], &v))
            continue;
        if (!value_hash(w, v, &h))
            return ERROR;
        if (memory_field_is(it, se->on_change[i], h))
            continue;
        changed = true;
        if (memory_field_set(it, se->on_change[i], h) < 0)
            break; /* without room the same is told again, never less */
    }
    return changed ? NO : YES;
}

static void make_event(struct work *w, size_t index) {
    const struct source_event *se = &w->source->events[index];
    if (se->when.program && eval_bool(w, se->when.program, "when") != YES)
        return;
    struct event *ev = event_new(w);
    if (!ev)
        return;
    *ev = (struct event){.kind = se->kind, .source = w->name};
    ev->device = device_of(w, &se->device);
    if (!ev->device || read_time(w, se, ev) < 0 || read_fields(w, se, ev) < 0)
        return;
    if (repeated(w, se, index, ev) != NO || unchanged(w, se, index, ev) != NO)
        return;
    w->nevents++;
}

static void make_events(struct work *w) {
    for (size_t i = 0; i < w->source->nevents; i++)
        make_event(w, i);
}

static void make_each(struct work *w) {
    struct cel_value all = eval(w, w->source->each.program);
    if (cel_is_unknown(all) || all.type == CEL_NULL)
        return;
    if (all.type == CEL_LIST) {
        size_t n = cel_size(all);
        const cJSON *element = all.form == CEL_FORM_JSON ? all.json->child : NULL; /* a walk: cJSON arrays are chains */
        for (size_t i = 0; i < n; i++) {
            w->vars[SOURCE_KEY] = cel_int((int64_t)i);
            if (all.form == CEL_FORM_JSON) {
                w->vars[SOURCE_ITEM] = cel_json(element);
                element = element ? element->next : NULL;
            } else if (!cel_list_at(all, i, &w->vars[SOURCE_ITEM])) {
                break;
            }
            make_events(w);
            if (w->nevents == SOURCE_MAX_EVENTS || w->steps == 0)
                break;
        }
        if (n && w->steps == 0)
            broken(w, "each", "the message takes too many steps");
    } else if (all.type == CEL_MAP) {
        size_t it = 0;
        while (w->nevents < SOURCE_MAX_EVENTS && w->steps && cel_map_next(all, &it, &w->vars[SOURCE_KEY], &w->vars[SOURCE_ITEM]))
            make_events(w);
        if (w->steps == 0)
            broken(w, "each", "the message takes too many steps");
    } else {
        const char *why =
            cel_is_error(all) ? sentence(all) : arena_printf(w->arena, "gives %s where a list or a map is wanted", cel_type_name(all));
        broken(w, "each", why ? why : no_room);
    }
    w->vars[SOURCE_KEY] = w->vars[SOURCE_ITEM] = cel_error(CEL_E_ABSENT, NULL);
}

/* Sets up the variables for a source's pattern. False: the payload cannot be read (why is set). */
static bool enter(struct work *w, const struct source *s, const struct topic_pattern *pattern, enum source_payload how) {
    w->source = s;
    topic_record_init(&w->record, pattern, &w->topic);
    w->vars[SOURCE_TOPIC] = cel_record(&w->record.record);
    w->vars[SOURCE_PAYLOAD] = cel_error(CEL_E_ABSENT, NULL);
    if (how == SOURCE_NONE)
        return true;
    int64_t max = s->max_payload ? s->max_payload : w->m->rs->config ? w->m->rs->config->max_payload : 256 << 10;
    if ((int64_t)w->msg->len > max) {
        const char *why = arena_printf(w->arena, "the payload has %zu bytes, more than max_payload (%lld)", w->msg->len, (long long)max);
        broken(w, NULL, why ? why : no_room);
        return false;
    }
    const char *why = payload_read(&w->payload, how, &w->vars[SOURCE_PAYLOAD]);
    if (why)
        broken(w, NULL, why);
    return why == NULL;
}

static enum source_outcome run_online(struct work *w, const struct source *s) {
    if (!enter(w, s, &s->online_topic, s->payload == SOURCE_WORD ? SOURCE_WORD : SOURCE_AUTO))
        return OUTCOME_BROKEN;
    enum truth t = eval_bool(w, s->online_when.program, "online");
    if (t == UNKNOWN)
        return OUTCOME_NOTHING;
    struct event *ev = t == ERROR ? NULL : event_new(w);
    if (!ev)
        return OUTCOME_BROKEN;
    struct event_field *f = arena_alloc(w->arena, sizeof *f);
    *ev = (struct event){.kind = atom_of("availability"),
                         .source = w->name,
                         .time = w->msg->arrived,
                         .arrived = w->msg->arrived,
                         .flags = w->msg->retained ? EVENT_RETAINED : 0,
                         .nfields = 1,
                         .fields = f};
    if (!f)
        broken(w, NULL, no_room);
    else
        *f = (struct event_field){.name = atom_of("online"), .value = cel_bool(t == YES)};
    ev->device = f ? device_of(w, &s->online_device) : NULL;
    if (!ev->device)
        return OUTCOME_BROKEN;
    w->nevents++;
    return OUTCOME_EVENTS;
}

/* OUTCOME_UNMATCHED: this source does not take the message. */
static enum source_outcome run_source(struct work *w, const struct source *s) {
    if (!enter(w, s, &s->topic, s->payload))
        return OUTCOME_BROKEN;
    if (s->match.program) {
        enum truth t = eval_match(w, s->match.program);
        if (t != YES)
            return t == ERROR ? OUTCOME_BROKEN : OUTCOME_UNMATCHED;
    }
    if (s->ignore)
        return OUTCOME_IGNORED;
    size_t before = w->nevents;
    if (s->each.program)
        make_each(w);
    else
        make_events(w);
    if (w->why)
        return OUTCOME_BROKEN;
    return w->nevents > before ? OUTCOME_EVENTS : OUTCOME_NOTHING;
}

/* Higher is what the message as a whole is counted as. */
static int weight(enum source_outcome o) {
    static const int weights[] = {
        [OUTCOME_EVENTS] = 4, [OUTCOME_BROKEN] = 3, [OUTCOME_NOTHING] = 2, [OUTCOME_IGNORED] = 1, [OUTCOME_UNMATCHED] = 0};
    return weights[o];
}

static const char *default_why(struct work *w, enum source_outcome o, size_t fitting) {
    switch (o) {
    case OUTCOME_NOTHING: return "nothing in it is new";
    case OUTCOME_IGNORED: return w->ignore_reason ? w->ignore_reason : "ignored on purpose";
    case OUTCOME_UNMATCHED:
        if (fitting == 0)
            return "no source has this topic";
        return w->payload.bad_json && !w->payload.json_is ? w->payload.bad_json : "no source's match holds for it";
    default: return NULL;
    }
}

static void run_all(struct work *w, size_t n, struct mapped *ret) {
    struct mapper *m = w->m;
    int best = -1;
    for (size_t i = 0; i < n; i++) {
        const struct source *s = &m->rs->sources[m->ids[i] / 2];
        struct counters *c = &m->counters[m->ids[i] / 2];
        size_t before = w->nevents;
        w->why = NULL;
        w->name = s->name;
        enum source_outcome o = m->ids[i] % 2 ? run_online(w, s) : run_source(w, s);
        if (o == OUTCOME_UNMATCHED)
            continue;
        c->messages++;
        c->events += w->nevents - before;
        c->nothing += o == OUTCOME_NOTHING;
        if (o == OUTCOME_BROKEN) {
            c->broken++;
            troubles_note(&m->troubles, w->msg, o, s->name, w->why);
            if (!ret->why)
                ret->why = w->why;
            if (w->nevents > before)
                o = OUTCOME_EVENTS; /* some of it was understood */
        }
        /* `online` on a topic that other messages use too: what it does not understand is not its own */
        int rank = m->ids[i] % 2 && o == OUTCOME_NOTHING ? 0 : weight(o);
        if (rank > best) {
            best = rank;
            ret->source = s->name;
            ret->outcome = o;
            if (o == OUTCOME_IGNORED)
                w->ignore_reason = s->ignore_reason;
        }
    }
}

void mapper_map(struct mapper *m, const struct message *msg, struct arena *arena, struct mapped *ret) {
    *ret = (struct mapped){.outcome = OUTCOME_UNMATCHED};
    struct work w = {.m = m, .msg = msg, .arena = arena, .steps = SOURCE_MAX_STEPS};
    size_t len = strlen(msg->topic);
    const char *topic = arena_strndup(arena, msg->topic, len);
    if (!topic || !utf8_valid(msg->topic, len)) {
        ret->outcome = OUTCOME_BROKEN;
        ret->why = topic ? "the topic is not UTF-8 text" : no_room;
        m->outcomes[OUTCOME_BROKEN]++;
        troubles_note(&m->troubles, msg, OUTCOME_BROKEN, NULL, ret->why);
        return;
    }
    topic_split(&w.topic, topic, len);
    payload_init(&w.payload, msg, arena);
    for (size_t i = 0; i < SOURCE_VARS; i++)
        w.vars[i] = cel_error(CEL_E_ABSENT, NULL);
    w.vars[SOURCE_RETAINED] = cel_bool(msg->retained);
    w.vars[SOURCE_NOW] = cel_time_ms(msg->arrived);
    w.ctx = (struct cel_context){.vars = w.vars, .arena = arena, .host = mapper_host(m)};
    size_t fitting = trie_match(&m->trie, &w.topic, m->ids);
    run_all(&w, fitting, ret);
    ret->events = w.events;
    ret->nevents = w.nevents;
    if (w.payload.cleaned)
        m->cleaned++;
    if (ret->outcome == OUTCOME_UNMATCHED && fitting && msg->len == 0) {
        ret->outcome = OUTCOME_NOTHING; /* an empty message clears a retained topic: it says nothing */
        ret->why = "the payload is empty";
    }
    if (!ret->why)
        ret->why = default_why(&w, ret->outcome, fitting);
    m->outcomes[ret->outcome]++;
    if (ret->outcome == OUTCOME_UNMATCHED)
        troubles_note(&m->troubles, msg, OUTCOME_UNMATCHED, NULL, ret->why);
}
