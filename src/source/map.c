/* SPDX-License-Identifier: Apache-2.0
 * One message through the sources whose topic fits: match, each, events, online. See docs/sources.md for what it means. How one event is made stands in make.c.
 *
 * A source speaks when its `match` holds. What one source breaks is counted and kept as an example, and leaves everything else of the message alone. */
#include <string.h>

#include "gengfu/base/text.h"
#include "source/mapper_int.h"

/* `match` asks whether this is the source's kind of message; a payload of another type is not. */
static enum truth eval_match(struct work *w, const struct source *s) {
    struct cel_value v = work_eval(w, s->match.program);
    if (v.type == CEL_BOOL && v.b)
        return YES;
    bool other = cel_is_error(v) && (v.code == CEL_E_ABSENT || v.code == CEL_E_OVERLOAD);
    if (v.type == CEL_BOOL || v.type == CEL_NULL || other) {
        if (!w->mismatch.source)
            w->mismatch = (struct mismatch){s, v};
        return NO;
    }
    work_broken(w, "match", cel_is_error(v) ? work_sentence(v) : "gives neither true nor false");
    return ERROR;
}

static void make_events(struct work *w) {
    for (size_t i = 0; i < w->source->nevents; i++)
        work_make(w, i);
}

/* other: a value that cannot be asked this way finds nothing either. */
static void make_each(struct work *w, const struct rules_expr *each, bool other, void (*make)(struct work *)) {
    struct cel_value all = work_eval(w, each->program);
    if (cel_is_unknown(all) || all.type == CEL_NULL || (other && cel_is_error(all) && all.code == CEL_E_OVERLOAD) ||
        ((all.type == CEL_LIST || all.type == CEL_MAP) && cel_size(all) == 0)) {
        w->quiet |= QUIET_EMPTY;
        w->nothing = cel_is_error(all) ? work_sentence(all) : NULL;
        return;
    }
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
            make(w);
            if (w->nevents == SOURCE_MAX_EVENTS || w->steps == 0)
                break;
        }
        if (n && w->steps == 0)
            work_broken(w, "each", "the message takes too many steps");
    } else if (all.type == CEL_MAP) {
        size_t it = 0;
        while (w->nevents < SOURCE_MAX_EVENTS && w->steps && cel_map_next(all, &it, &w->vars[SOURCE_KEY], &w->vars[SOURCE_ITEM]))
            make(w);
        if (w->steps == 0)
            work_broken(w, "each", "the message takes too many steps");
    } else {
        const char *why =
            cel_is_error(all) ? work_sentence(all) : arena_printf(w->arena, "gives %s where a list or a map is wanted", cel_type_name(all));
        work_broken(w, "each", why ? why : work_no_room);
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
        work_broken(w, NULL, why ? why : work_no_room);
        return false;
    }
    const char *why = payload_read(&w->payloads[s->charset], how, &w->vars[SOURCE_PAYLOAD]);
    if (why)
        work_broken(w, NULL, why);
    return why == NULL;
}

/* Where the topic is the data's own, a payload that cannot be asked this way is none of its business. */
static bool is_shared(const struct source *s) { return s->topic.nlevels && strcmp(s->topic.filter, s->online_topic.filter) == 0; }

static enum truth eval_online(struct work *w, const struct source *s) {
    struct cel_value v = work_eval(w, s->online_when.program);
    if (v.type == CEL_BOOL)
        return v.b ? YES : NO;
    if (v.type == CEL_NULL || cel_is_unknown(v) || (is_shared(s) && cel_is_error(v) && v.code == CEL_E_OVERLOAD))
        return UNKNOWN;
    const char *why =
        cel_is_error(v) ? work_sentence(v) : arena_printf(w->arena, "gives %s where true or false is wanted", cel_type_name(v));
    work_broken(w, "online", why ? why : work_no_room);
    return ERROR;
}

static void make_online(struct work *w) {
    const struct source *s = w->source;
    enum truth t = eval_online(w, s);
    w->quiet |= t == UNKNOWN ? QUIET_ONLINE : 0;
    struct event *ev = t == YES || t == NO ? work_event(w) : NULL;
    if (!ev)
        return;
    struct event_field *f = arena_alloc(w->arena, sizeof *f);
    *ev = (struct event){.kind = atom_of("availability"),
                         .source = w->name,
                         .time = w->msg->arrived,
                         .arrived = w->msg->arrived,
                         .flags = w->msg->retained ? EVENT_RETAINED : 0,
                         .nfields = 1,
                         .fields = f};
    if (!f)
        work_broken(w, NULL, work_no_room);
    else
        *f = (struct event_field){.name = atom_of("online"), .value = cel_bool(t == YES)};
    ev->device = f ? work_device(w, &s->online_device) : NULL;
    if (!ev->device)
        return;
    if (w->m->remembered[s - w->m->rs->sources].remembers)
        ev->index = (uint16_t)s->nevents; /* none of those that are remembered */
    w->nevents++;
}

static enum source_outcome run_online(struct work *w, const struct source *s) {
    if (!enter(w, s, &s->online_topic, s->payload == SOURCE_WORD ? SOURCE_WORD : SOURCE_AUTO))
        return OUTCOME_BROKEN;
    size_t before = w->nevents;
    if (s->online_each.program)
        make_each(w, &s->online_each, is_shared(s), make_online);
    else
        make_online(w);
    if (w->why)
        return OUTCOME_BROKEN;
    return w->nevents > before ? OUTCOME_EVENTS : OUTCOME_NOTHING;
}

/* OUTCOME_UNMATCHED: this source does not take the message. */
static enum source_outcome run_source(struct work *w, const struct source *s) {
    if (!enter(w, s, &s->topic, s->payload))
        return OUTCOME_BROKEN;
    if (s->match.program) {
        enum truth t = eval_match(w, s);
        if (t != YES)
            return t == ERROR ? OUTCOME_BROKEN : OUTCOME_UNMATCHED;
    }
    if (s->ignore)
        return OUTCOME_IGNORED;
    size_t before = w->nevents;
    if (s->each.program)
        make_each(w, &s->each, false, make_events);
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

static const char *quiet_why(struct work *w) {
    unsigned quiet = w->quiet;
    if (quiet & QUIET_UNCHANGED)
        return "nothing in it has changed (emit: on_change)";
    if (quiet & QUIET_REPEATED)
        return "it is a repetition (dedupe)";
    if (quiet & QUIET_WHEN)
        return "no event's 'when' holds for it";
    if (quiet & QUIET_EMPTY) {
        const char *why = w->nothing ? arena_printf(w->arena, "'each' finds nothing in it: %s", w->nothing) : NULL;
        return why ? why : "'each' finds nothing in it";
    }
    return quiet & QUIET_ONLINE ? "it says neither online nor offline" : "nothing in it is new";
}

/* The reading that any source asked for, else the one in UTF-8, which nobody did. */
static const struct payload *read_payload(const struct work *w) {
    for (size_t i = 0; i < CHARSETS; i++)
        if (w->payloads[i].opened)
            return &w->payloads[i];
    return &w->payloads[CHARSET_UTF8];
}

/* Of several sources with this topic, the first is shown. */
static const char *mismatch_why(struct work *w, size_t fitting) {
    static const char otherwise[] = "no source's match holds for it";
    const struct source *source = w->mismatch.source;
    struct cel_value v = w->mismatch.value;
    if (!source)
        return otherwise;
    const char *text = cel_is_error(v) ? work_sentence(v) : v.type == CEL_BOOL ? "does not hold" : "is null", *why;
    if (fitting > 1)
        why = arena_printf(w->arena, "none of the %zu sources with this topic takes it; source %s: match: %s", fitting, source->name, text);
    else
        why = arena_printf(w->arena, "source %s: match: %s", source->name, text);
    return why ? why : otherwise;
}

static const char *default_why(struct work *w, enum source_outcome o, size_t fitting) {
    const struct payload *p = read_payload(w);
    switch (o) {
    case OUTCOME_NOTHING: return quiet_why(w);
    case OUTCOME_IGNORED: return w->ignore_reason ? w->ignore_reason : "ignored on purpose";
    case OUTCOME_UNMATCHED:
        if (fitting == 0)
            return w->topic.len ? "no source has this topic" : "the topic is empty: MQTT has no such topic";
        if (p->bad_json && !p->json_is)
            return p->bad_json;
        return mismatch_why(w, fitting);
    default: return NULL;
    }
}

/* Kept as an example: read as its source reads it, without what must not be kept. */
static void note(struct work *w, enum source_outcome o, const char *source, const char *why) {
    const struct payload *p = read_payload(w);
    const char *text = p->text && !p->bad ? p->text : w->msg->payload;
    size_t len = p->text && !p->bad ? p->len : w->msg->len;
    struct buf *b = &w->m->scratch;
    buf_clear(b);
    mask_text(b, SOURCE_MAX_EXAMPLE, text, len, &w->drops);
    troubles_note(&w->m->troubles, w->msg, o, source, why, b->data, b->len);
}

static void run_all(struct work *w, size_t n, struct mapped *ret) {
    struct mapper *m = w->m;
    int best = -1;
    for (size_t i = 0; i < n; i++) {
        const struct source *s = &m->rs->sources[m->ids[i] / 2];
        struct counters *c = &m->counters[m->ids[i] / 2];
        size_t before = w->nevents;
        unsigned quiet = w->quiet;
        w->why = NULL;
        w->quiet = 0;
        w->name = s->name;
        enum source_outcome o = m->ids[i] % 2 ? run_online(w, s) : run_source(w, s);
        if (o == OUTCOME_UNMATCHED) {
            w->quiet = quiet;
            continue;
        }
        c->messages++;
        c->events += w->nevents - before;
        c->nothing += o == OUTCOME_NOTHING;
        if (o == OUTCOME_BROKEN) {
            c->broken++;
            note(w, o, s->name, w->why);
            if (!ret->why)
                ret->why = w->why;
            if (w->nevents > before)
                o = OUTCOME_EVENTS; /* some of it was understood */
        }
        /* `online` on a topic that other messages use too: what it does not understand is not its own */
        int rank = m->ids[i] % 2 && o == OUTCOME_NOTHING ? 0 : weight(o);
        if (rank <= best) {
            w->quiet = quiet;
        } else {
            best = rank;
            ret->source = s->name;
            ret->outcome = o;
            if (o == OUTCOME_IGNORED)
                w->ignore_reason = s->ignore_reason;
        }
    }
}

/* What the sources of this topic drop: for all of them together, since the payload is read once. */
static bool collect_drops(struct work *w, size_t fitting) {
    const struct source *sources = w->m->rs->sources;
    size_t n = 0;
    for (size_t i = 0; i < fitting; i++)
        n += sources[w->m->ids[i] / 2].ndrops;
    if (n == 0)
        return true;
    w->drops.items = arena_alloc(w->arena, n * sizeof(const struct source_drop *));
    if (!w->drops.items)
        return false;
    for (size_t i = 0; i < fitting; i++)
        for (size_t k = 0; k < sources[w->m->ids[i] / 2].ndrops; k++)
            w->drops.items[w->drops.n++] = &sources[w->m->ids[i] / 2].drops[k];
    return true;
}

/* Nothing can be said of it at all. */
static void map_broken(struct work *w, struct mapped *ret, const char *why) {
    ret->outcome = OUTCOME_BROKEN;
    ret->why = why;
    w->m->outcomes[OUTCOME_BROKEN]++;
    troubles_note(&w->m->troubles, w->msg, OUTCOME_BROKEN, NULL, why, "", 0);
}

void mapper_map(struct mapper *m, const struct message *msg, struct arena *arena, struct mapped *ret) {
    if (m->memory.unsorted)
        memory_sort(&m->memory);
    *ret = (struct mapped){.outcome = OUTCOME_UNMATCHED};
    struct work w = {.m = m, .msg = msg, .arena = arena, .steps = SOURCE_MAX_STEPS};
    size_t len = strlen(msg->topic);
    const char *topic = arena_strndup(arena, msg->topic, len);
    if (!topic || !utf8_valid(msg->topic, len)) {
        map_broken(&w, ret, topic ? "the topic is not UTF-8 text" : work_no_room);
        return;
    }
    topic_split(&w.topic, topic, len);
    size_t fitting = len ? trie_match(&m->trie, &w.topic, m->ids) : 0;
    if (!collect_drops(&w, fitting)) {
        map_broken(&w, ret, work_no_room);
        return;
    }
    struct fitting some = {.m = m, .n = fitting};
    bool all = m->explain || wanted_all(m, fitting);
    for (size_t i = 0; i < CHARSETS; i++) {
        payload_init(&w.payloads[i], msg, arena);
        w.payloads[i].charset = (enum charset)i;
        w.payloads[i].decoder = m->decoders[i];
        w.payloads[i].drops = &w.drops;
        w.payloads[i].fitting = all ? NULL : &some;
    }
    for (size_t i = 0; i < SOURCE_VARS; i++)
        w.vars[i] = cel_error(CEL_E_ABSENT, NULL);
    w.vars[SOURCE_RETAINED] = cel_bool(msg->retained);
    w.vars[SOURCE_NOW] = cel_time_ms(msg->arrived);
    w.ctx = (struct cel_context){.vars = w.vars, .arena = arena, .host = mapper_host(m)};
    run_all(&w, fitting, ret);
    ret->events = w.events;
    ret->nevents = w.nevents;
    ret->left = w.left;
    ret->nleft = w.nleft;
    if (read_payload(&w)->cleaned)
        m->cleaned++;
    if (ret->outcome == OUTCOME_UNMATCHED && fitting && msg->len == 0) {
        ret->outcome = OUTCOME_NOTHING; /* an empty message clears a retained topic: it says nothing */
        ret->why = "the payload is empty";
    }
    if (!ret->why)
        ret->why = default_why(&w, ret->outcome, fitting);
    m->outcomes[ret->outcome]++;
    if (ret->outcome == OUTCOME_UNMATCHED)
        note(&w, OUTCOME_UNMATCHED, NULL, ret->why);
}
