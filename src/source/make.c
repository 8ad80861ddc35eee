/* SPDX-License-Identifier: Apache-2.0
 * One event of one source: when, device, time, fields, dedupe, on_change; and the evaluation of its expressions within the message's budget.
 *
 * An expression that has no value because a field is not there leaves the field (or the time) out; any other error breaks the event it stands in. */
#include <math.h>
#include <string.h>

#include "source/mapper_int.h"

const char work_no_room[] = "out of memory for one message";

void work_broken(struct work *w, const char *where, const char *why) {
    if (w->why)
        return; /* the first reason is the one to show */
    const char *text = where ? arena_printf(w->arena, "%s: %s", where, why) : why;
    w->why = text ? text : work_no_room;
}

const char *work_sentence(struct cel_value v) { return v.s ? v.s : "the expression has no value"; }

struct cel_value work_eval(struct work *w, const struct cel_program *p) {
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

enum truth work_bool(struct work *w, const struct cel_program *p, const char *where) {
    struct cel_value v = work_eval(w, p);
    if (v.type == CEL_BOOL)
        return v.b ? YES : NO;
    if (cel_is_unknown(v) || v.type == CEL_NULL)
        return UNKNOWN;
    if (cel_is_error(v)) {
        work_broken(w, where, work_sentence(v));
        return ERROR;
    }
    const char *why = arena_printf(w->arena, "gives %s where true or false is wanted", cel_type_name(v));
    work_broken(w, where, why ? why : work_no_room);
    return ERROR;
}

/* A device's id: text without control characters, or a whole number. NULL: broken, and says why. */
static const char *device_text_of(struct work *w, struct cel_value v) {
    if (v.type == CEL_INT || v.type == CEL_UINT) {
        const char *text =
            v.type == CEL_INT ? arena_printf(w->arena, "%lld", (long long)v.i) : arena_printf(w->arena, "%llu", (unsigned long long)v.u);
        if (!text)
            work_broken(w, "device", work_no_room);
        return text;
    }
    if (v.type != CEL_STRING) {
        const char *why = cel_is_unknown(v) || v.type == CEL_NULL ? "the message does not say which device it is"
                          : cel_is_error(v)                       ? work_sentence(v)
                                                                  : "the device's id must be text or a whole number";
        work_broken(w, "device", why);
        return NULL;
    }
    if (v.aux == 0 || v.aux > EVENT_DEVICE_MAX) {
        const char *why = v.aux ? arena_printf(w->arena, "the device's id has %u bytes, more than %d", (unsigned)v.aux, EVENT_DEVICE_MAX)
                                : "the device's id is empty";
        work_broken(w, "device", why ? why : work_no_room);
        return NULL;
    }
    for (uint32_t i = 0; i < v.aux; i++)
        if ((unsigned char)v.s[i] < 0x20 || v.s[i] == 0x7F) {
            work_broken(w, "device", "the device's id holds a control character");
            return NULL;
        }
    const char *text = arena_strndup(w->arena, v.s, v.aux);
    if (!text)
        work_broken(w, "device", work_no_room);
    return text;
}

/* Evaluates the device of an expression, or takes the capture called `device` when there is none. */
const char *work_device(struct work *w, const struct rules_expr *e) {
    struct cel_value v;
    if (e->program)
        v = work_eval(w, e->program);
    else if (!topic_capture(w->record.pattern, w->record.topic, atom_of("device"), &v))
        v = cel_error(CEL_E_ABSENT, NULL);
    return device_text_of(w, v);
}

struct event *work_event(struct work *w) {
    if (w->nevents == SOURCE_MAX_EVENTS) {
        work_broken(w, NULL, "the message makes more than 4096 events; the rest is left out");
        return NULL;
    }
    if (w->nevents == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 4;
        struct event *more = arena_alloc(w->arena, cap * sizeof *more);
        if (!more) {
            work_broken(w, NULL, work_no_room);
            return NULL;
        }
        if (w->nevents)
            memcpy(more, w->events, w->nevents * sizeof *more);
        w->events = more;
        w->cap = cap;
    }
    return &w->events[w->nevents]; /* counted only once it is whole */
}

#define MAX_FIELD_DEPTH 24 /* of lists and maps in a field: an event is kept as JSON, which has a depth of its own */

static bool json_fits(const cJSON *j, unsigned depth) {
    if (depth > MAX_FIELD_DEPTH)
        return false;
    for (const cJSON *child = j->child; child; child = child->next)
        if (child->child && !json_fits(child, depth + 1))
            return false;
    return true;
}

/* Why an event with this value could not be kept and read again; NULL when it can. */
static const char *unfit(struct cel_value v, unsigned depth) {
    static const char deep[] = "lists and maps are nested too deep to be kept", nul[] = "the text holds a 0x00 byte";
    struct cel_value key, item;
    const char *why = NULL;
    if (depth > MAX_FIELD_DEPTH)
        return deep;
    switch (v.type) {
    case CEL_STRING: return v.aux && memchr(v.s, 0, v.aux) ? nul : NULL;
    case CEL_LIST:
        if (v.form == CEL_FORM_JSON)
            return json_fits(v.json, depth) ? NULL : deep;
        for (size_t i = 0; !why && cel_list_at(v, i, &item); i++)
            why = unfit(item, depth + 1);
        return why;
    case CEL_MAP:
        if (v.form == CEL_FORM_JSON)
            return json_fits(v.json, depth) ? NULL : deep;
        for (size_t it = 0; !why && cel_map_next(v, &it, &key, &item);)
            why = key.type == CEL_STRING && unfit(key, 0) ? nul : unfit(item, depth + 1);
        return why;
    case CEL_OPTIONAL: return v.opt ? unfit(*v.opt, depth + 1) : NULL;
    default: return NULL;
    }
}

/* A field's value on its own: what it points to must outlive the rule set, and be in the arena. */
static struct cel_value settled(struct work *w, struct cel_value v) {
    while (v.type == CEL_STRING && v.aux && v.s[v.aux - 1] == 0) /* texts out of bytes are often filled up */
        v.aux--;
    const char *why = unfit(v, 0);
    if (why)
        return cel_error(CEL_E_VALUE, why);
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

/* For people who look: what the event that is being made lacks. Without room they are told less. */
static void left_out(struct work *w, atom_t field, const char *why) {
    if (!w->m->explain)
        return;
    if (w->nleft == w->cap_left) {
        size_t cap = w->cap_left ? w->cap_left * 2 : 8;
        struct mapped_left *more = arena_alloc(w->arena, cap * sizeof *more);
        if (!more)
            return;
        if (w->nleft)
            memcpy(more, w->left, w->nleft * sizeof *more);
        w->left = more;
        w->cap_left = cap;
    }
    w->left[w->nleft++] = (struct mapped_left){.event = w->nevents, .field = field, .why = why};
}

/* 0: fields are read. <0: broken. */
static int read_fields(struct work *w, const struct source_event *se, struct event *ev) {
    struct event_field *fields = se->nfields ? arena_alloc(w->arena, se->nfields * sizeof *fields) : NULL;
    if (se->nfields && !fields) {
        work_broken(w, NULL, work_no_room);
        return GF_ENOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < se->nfields && n < EVENT_MAX_FIELDS; i++) {
        struct cel_value v = work_eval(w, se->fields[i].value.program);
        if (v.type == CEL_NULL || cel_is_unknown(v) || (v.type == CEL_DOUBLE && !isfinite(v.d))) {
            left_out(w, se->fields[i].name, v.type == CEL_NULL ? "null" : v.type == CEL_DOUBLE ? "no finite number" : work_sentence(v));
            continue;
        }
        if (!cel_is_error(v))
            v = settled(w, v);
        if (cel_is_error(v)) {
            work_broken(w, atom_name(se->fields[i].name), work_sentence(v));
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
    const char *why_not = NULL;
    ev->time = ev->arrived = w->msg->arrived;
    ev->flags = w->msg->retained ? EVENT_RETAINED : 0;
    if (se->late.program) {
        enum truth t = work_bool(w, se->late.program, "late");
        if (t == ERROR)
            return GF_EINVAL;
        declared = t == YES;
    }
    for (size_t i = 0; i < se->ntimes; i++) {
        struct cel_value v = work_eval(w, se->times[i].program);
        int64_t ms;
        if (cel_is_error(v) && (v.code == CEL_E_STEPS || v.code == CEL_E_MEMORY)) {
            work_broken(w, "time", work_sentence(v));
            return GF_EINVAL;
        }
        if (cel_is_error(v) && !why_not)
            why_not = work_sentence(v);
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
    if (se->ntimes && !(ev->flags & EVENT_OWN_TIME))
        left_out(w, atom_of("time"), old ? "the device's own is too old to be believed" : why_not ? why_not : "no time that can be true");
    return 0;
}

/* Hash of a value, for the memory. False: no room. */
static bool value_hash(struct mapper *m, struct cel_value v, uint64_t *ret) {
    struct buf text;
    buf_init(&text, 0);
    cel_write_json(&text, v);
    bool ok = !text.failed;
    if (ok)
        *ret = memory_hash(&m->memory, text.data, text.len);
    buf_done(&text);
    return ok;
}

/* Memory belongs to one event of one source, or to a name that several share; and to a device. */
static bool key_of(struct mapper *m, const struct source *s, char what, const struct event *ev, const char *across, uint64_t *ret) {
    struct buf *b = &m->scratch;
    buf_clear(b);
    buf_putc(b, across ? 'a' : what);
    buf_puts(b, across ? across : s->name);
    buf_putc(b, 0);
    if (!across) {
        buf_put(b, &s->hash, sizeof s->hash);
        buf_put_int(b, ev->index);
    }
    buf_putc(b, 0);
    buf_puts(b, ev->device);
    if (what == 'd') {
        buf_putc(b, 0);
        buf_put(b, &ev->dedupe, sizeof ev->dedupe);
    }
    *ret = b->failed ? 0 : memory_hash(&m->memory, b->data, b->len);
    return !b->failed;
}

/* YES: the same was let through less than `within` ago. */
static enum truth repeated(struct work *w, const struct source_event *se, struct event *ev) {
    if (!se->dedupe_key.program || se->dedupe_within <= 0)
        return NO;
    struct cel_value v = work_eval(w, se->dedupe_key.program);
    if (cel_is_unknown(v) || v.type == CEL_NULL)
        return NO;
    if (cel_is_error(v)) {
        work_broken(w, "dedupe", work_sentence(v));
        return ERROR;
    }
    uint64_t key;
    if (!value_hash(w->m, v, &ev->dedupe) || !key_of(w->m, w->source, 'd', ev, se->dedupe_across, &key)) {
        work_broken(w, "dedupe", work_no_room);
        return ERROR;
    }
    ev->flags |= EVENT_DEDUPED;
    const struct memory_item *it = memory_find(&w->m->memory, key);
    int64_t now = w->msg->arrived;
    return it && it->at <= now && now - it->at < se->dedupe_within ? YES : NO;
}

/* YES: every listed field that the event has is as it was. A field that is missing is unchanged. */
static enum truth unchanged(struct work *w, const struct source_event *se, const struct event *ev) {
    if (se->non_change == 0)
        return NO;
    uint64_t key;
    if (!key_of(w->m, w->source, 'c', ev, NULL, &key)) {
        work_broken(w, "emit", work_no_room);
        return ERROR;
    }
    const struct memory_item *it = memory_find(&w->m->memory, key);
    for (size_t i = 0; i < se->non_change; i++) {
        struct cel_value v;
        uint64_t h;
        if (!event_field(ev, se->on_change[i], &v))
            continue;
        if (!value_hash(w->m, v, &h)) {
            work_broken(w, "emit", work_no_room);
            return ERROR;
        }
        if (!it || i >= it->n || it->fields[i] != h)
            return NO;
    }
    return it ? YES : NO;
}

/* What the event says is what was told last from now on. Also for events of the journal: nothing but the event goes in. Without room the same is told again, never less. */
void memory_remember(struct mapper *m, size_t source, const struct event *ev) {
    const struct source *s = &m->rs->sources[source];
    const struct source_event *se = &s->events[ev->index];
    struct memory_item *it;
    uint64_t key, h;
    struct cel_value v;
    if (ev->flags & EVENT_DEDUPED && se->dedupe_within > 0 && key_of(m, s, 'd', ev, se->dedupe_across, &key)) {
        uint32_t owner = se->dedupe_across ? memory_owner("across", se->dedupe_across, 0) : m->remembered[source].owner;
        memory_expire(&m->memory, ev->arrived);
        if ((it = memory_touch(&m->memory, key, owner, true, 0))) {
            it->at = ev->arrived;
            it->until = ev->arrived + se->dedupe_within;
        }
    }
    if (se->non_change == 0 || !key_of(m, s, 'c', ev, NULL, &key) ||
        !(it = memory_touch(&m->memory, key, m->remembered[source].owner, false, se->non_change)))
        return;
    for (size_t i = 0; i < se->non_change && i < it->n; i++)
        if (event_field(ev, se->on_change[i], &v) && value_hash(m, v, &h))
            it->fields[i] = h;
}

void work_make(struct work *w, size_t index) {
    const struct source_event *se = &w->source->events[index];
    if (se->when.program && work_bool(w, se->when.program, "when") != YES) {
        w->quiet |= QUIET_WHEN;
        return;
    }
    struct event *ev = work_event(w);
    size_t left = w->nleft, made = w->nevents;
    if (!ev)
        return;
    *ev = (struct event){.kind = se->kind, .source = w->name};
    ev->device = work_device(w, &se->device);
    if (!ev->device || read_time(w, se, ev) < 0 || read_fields(w, se, ev) < 0) {
        w->nleft = left;
        return;
    }
    size_t source = (size_t)(w->source - w->m->rs->sources);
    bool remembers = w->m->remembered[source].remembers;
    if (remembers)
        ev->index = (uint16_t)index;
    if (repeated(w, se, ev) != NO) {
        w->quiet |= QUIET_REPEATED;
    } else if (unchanged(w, se, ev) != NO) {
        w->quiet |= QUIET_UNCHANGED;
    } else {
        w->nevents++;
        if (remembers)
            memory_remember(w->m, source, ev);
    }
    if (w->nevents == made)
        w->nleft = left;
}
