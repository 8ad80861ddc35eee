/* SPDX-License-Identifier: Apache-2.0
 * What a test feeds: events, raw messages, commands from a platform, our own link going and coming. `every` and `until` repeat one; what is fed is sorted by time, and at one time
 * it keeps the order of the file (events, messages, commands, link). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "ruletest/ruletest_int.h"

struct loading {
    struct ruletest_suite *s;
    struct reader *rd;
    struct test *test;
    struct input *inputs; /* heap while it grows */
    size_t n, cap;
    bool failed;
};

struct timing {
    int64_t at, every, until;
};

static bool push(struct loading *l, struct input in) {
    if (l->n == RULETEST_MAX_INPUTS) {
        report_error(l->rd->rep, in.place, "fewer repetitions, or several tests", "the test has more than %d inputs", RULETEST_MAX_INPUTS);
        return false;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct input *more = realloc(l->inputs, cap * sizeof *more);
        if (!more) {
            l->rd->oom = true;
            return false;
        }
        l->inputs = more;
        l->cap = cap;
    }
    in.order = (uint32_t)l->n;
    l->inputs[l->n++] = in;
    return true;
}

/* at, every, until */
static bool read_timing(struct loading *l, const struct yaml_node *n, const char *what, struct timing *ret) {
    const struct yaml_node *at = yaml_get(n, "at"), *every = yaml_get(n, "every"), *until = yaml_get(n, "until");
    struct timing t = {0};
    bool fine = true;

    if (!at) {
        report_error(l->rd->rep, n->at, "at: 5m, counted from the start of the test", "%s has no 'at'", what);
        fine = false;
    } else {
        fine = node_span(l->rd, at, "'at'", 0, &t.at);
    }
    if (every)
        fine = node_span(l->rd, every, "'every'", 0, &t.every) && fine;
    if (until)
        fine = node_span(l->rd, until, "'until'", 0, &t.until) && fine;
    if (fine && (every != NULL) != (until != NULL)) {
        report_error(l->rd->rep, every ? every->at : until->at, "{at: 0s, every: 5m, until: 1h, …}", "'every' and 'until' go together");
        return false;
    }
    if (fine && every && (t.every <= 0 || t.until < t.at)) {
        report_error(l->rd->rep, t.every <= 0 ? every->at : until->at, "{at: 0s, every: 5m, until: 1h, …}",
                     t.every <= 0 ? "'every' must be more than nothing" : "'until' lies before 'at'");
        return false;
    }
    *ret = t;
    return fine;
}

static bool push_repeated(struct loading *l, struct timing t, struct input in) {
    for (in.at = t.at;; in.at += t.every) {
        if (!push(l, in))
            return false;
        if (t.every == 0 || in.at + t.every > t.until)
            return true;
    }
}

/* -- events ------------------------------------------------------------------------------------------------------------------- */
static bool read_kind(struct loading *l, const struct yaml_node *n, atom_t *ret) {
    const char *text = node_text(l->rd, n, "'kind'");
    if (!text)
        return false;
    for (size_t i = 0; i < l->s->nkinds; i++)
        if (strcmp(l->s->kinds[i], text) == 0) {
            *ret = atom_of(text);
            return true;
        }
    if (l->s->kinds_open && n->len <= ATOM_NAME_MAX && (*ret = atom_of(text)) != 0)
        return true;
    report_unknown(l->rd->rep, n->at, text, l->s->kinds, l->s->nkinds, "no source and no rule knows the kind '%.60s'", text);
    return false;
}

static bool own_key(const char *key) { return shape_key(&given_event_shape, key) != NULL; }

/* A mistyped field would make a test pass that should not: what no source of the kind sets is told. Kinds that no source emits are anybody's. */
static void check_field_name(struct loading *l, const struct yaml_node *key, atom_t kind, atom_t name) {
    const struct ruleset *rs = l->s->given;
    const char *names[256];
    size_t n = 0;
    char hint[ATOM_NAME_MAX + 32];

    for (size_t i = 0; i < rs->nsources; i++)
        for (size_t k = 0; k < rs->sources[i].nevents; k++) {
            const struct source_event *se = &rs->sources[i].events[k];
            for (size_t f = 0; se->kind == kind && f < se->nfields; f++) {
                if (se->fields[f].name == name)
                    return;
                if (n < COUNT(names))
                    names[n++] = atom_name(se->fields[f].name);
            }
        }
    if (n == 0 || kind == atom_of("availability"))
        return;
    const char *near = text_nearest(atom_name(name), names, n);
    (void)snprintf(hint, sizeof hint, "did you mean '%s'?", near ? near : "");
    report_warning(l->rd->rep, key->at, near ? hint : NULL, "no source of kind '%s' sets the field '%s'", atom_name(kind), atom_name(name));
}

static bool add_field(struct loading *l, const struct yaml_node *key, const struct yaml_node *value, struct given_event *ev) {
    if (yaml_is_null(value))
        return true; /* as with a source: no value, no field */
    if (key->len == 0 || key->len > ATOM_NAME_MAX || ev->nfields == EVENT_MAX_FIELDS) {
        report_error(l->rd->rep, key->at, NULL,
                     ev->nfields == EVENT_MAX_FIELDS ? "an event has at most %d fields" : "a field's name has 1 to %d bytes",
                     ev->nfields == EVENT_MAX_FIELDS ? EVENT_MAX_FIELDS : ATOM_NAME_MAX);
        return false;
    }
    atom_t name = atom_intern(key->text, key->len);
    const cJSON *json = yaml_json(l->rd->arena, value);
    if (!name || !json) {
        l->rd->oom = true;
        return false;
    }
    for (size_t i = 0; i < ev->nfields; i++)
        if (ev->fields[i].name == name) {
            report_error(l->rd->rep, key->at, NULL, "the field '%s' is given twice", key->text);
            return false;
        }
    check_field_name(l, key, ev->kind, name);
    ev->fields[ev->nfields++] = (struct event_field){.name = name, .value = cel_json(json)};
    return true;
}

static bool read_fields(struct loading *l, const struct yaml_node *n, struct given_event *ev) {
    const struct yaml_node *more = yaml_get(n, "fields");
    bool fine = true;

    size_t most = n->n + (more ? more->n : 0);
    ev->fields = reader_alloc(l->rd, (most < EVENT_MAX_FIELDS ? most : EVENT_MAX_FIELDS) * sizeof *ev->fields);
    if (!ev->fields)
        return false;
    for (size_t i = 0; i < n->n; i++)
        if (!own_key(n->pairs[i].key->text))
            fine = add_field(l, n->pairs[i].key, n->pairs[i].value, ev) && fine;
    if (more && !node_mapping(l->rd, more, "'fields'", "fields: {kind: 3}, for names that an event uses itself"))
        return false;
    for (size_t i = 0; more && i < more->n; i++)
        fine = add_field(l, more->pairs[i].key, more->pairs[i].value, ev) && fine;
    return fine;
}

static bool read_device(struct loading *l, const struct yaml_node *n, const char **ret) {
    const char *id = node_text(l->rd, n, "'device'");
    if (id && strlen(id) > EVENT_DEVICE_MAX) {
        report_error(l->rd->rep, n->at, NULL, "a device's id has at most %d bytes", EVENT_DEVICE_MAX);
        id = NULL;
    }
    *ret = id;
    return id != NULL;
}

static bool load_event(struct loading *l, const struct yaml_node *n) {
    static const char example[] = "{at: 0s, kind: lamp, device: lamp-7, power_w: 0.2}";
    const struct yaml_node *kind, *device, *time, *late, *retained;
    struct given_event ev = {.time = TIME_NONE};
    struct timing t;

    if (!node_mapping(l->rd, n, "an event", example))
        return false;
    bool fine = read_timing(l, n, "the event", &t);
    if (!(kind = yaml_get(n, "kind")) || !(device = yaml_get(n, "device"))) {
        report_error(l->rd->rep, n->at, example, "the event has no '%s'", kind ? "device" : "kind");
        return false;
    }
    fine = read_kind(l, kind, &ev.kind) && fine;
    if ((time = yaml_get(n, "time")) != NULL)
        fine = node_span(l->rd, time, "'time'", 0, &ev.time) && fine;
    if (time && fine && t.every) {
        report_error(l->rd->rep, time->at, "repeat it as several events", "'time' is one moment, so 'every' cannot repeat it");
        fine = false;
    }
    if ((late = yaml_get(n, "late")) != NULL)
        fine = node_bool(l->rd, late, "'late'", &ev.late) && fine;
    if ((retained = yaml_get(n, "retained")) != NULL)
        fine = node_bool(l->rd, retained, "'retained'", &ev.retained) && fine;
    fine = read_fields(l, n, &ev) && fine;
    size_t devices = device->kind == YAML_SEQUENCE ? device->n : 1;
    for (size_t i = 0; i < devices; i++) {
        struct given_event *own = reader_alloc(l->rd, sizeof *own);
        if (!own)
            return false;
        *own = ev;
        if (!read_device(l, device->kind == YAML_SEQUENCE ? device->items[i] : device, &own->device))
            return false;
        if (fine && !push_repeated(l, t, (struct input){.kind = INPUT_EVENT, .place = n->at, .event = own}))
            return false;
    }
    return fine;
}

/* -- messages --------------------------------------------------------------------------------------------------------------------- */
static bool read_payload(struct loading *l, const struct yaml_node *n, struct given_message *m) {
    const struct yaml_node *base64 = yaml_get(n, "payload_base64"), *p = yaml_get(n, "payload");

    if ((p != NULL) == (base64 != NULL)) {
        report_error(l->rd->rep, n->at, "payload: {…} for JSON, payload: 'ON' for text, payload_base64: … for bytes",
                     p ? "the message has two payloads" : "the message has no 'payload'");
        return false;
    }
    if (base64) {
        const char *text = node_text(l->rd, base64, "'payload_base64'");
        if (text && !(m->payload = base64_decode(l->rd->arena, text, strlen(text), &m->len)))
            report_error(l->rd->rep, base64->at, NULL, "payload_base64 is not base64");
        return m->payload != NULL;
    }
    if (p->bad)
        return false;
    if (p->kind == YAML_SCALAR) { /* as it is written; nothing is an empty payload */
        m->len = yaml_is_null(p) ? 0 : p->len;
        return (m->payload = reader_strdup(l->rd, p->text)) != NULL;
    }
    struct buf b;
    const cJSON *json = yaml_json(l->rd->arena, p);
    buf_init(&b, YAML_MAX_TEXT);
    if (json)
        json_write(&b, json);
    m->payload = json && !b.failed ? arena_dup(l->rd->arena, b.data, b.len + 1) : NULL;
    m->len = b.len;
    buf_done(&b);
    l->rd->oom = l->rd->oom || !m->payload;
    return m->payload != NULL;
}

bool ruletest_time(const char *text, struct given_time *ret) {
    bool before = *text == '-';
    int64_t seconds;
    int nanos;

    *ret = (struct given_time){.from_start = true};
    if (span_parse(text + before, strlen(text + before), &ret->ms, NULL) == 0) {
        ret->ms = before ? -ret->ms : ret->ms;
        return true;
    }
    ret->from_start = false;
    if (time_parse(text, strlen(text), false, &seconds, &nanos, &ret->zoned) < 0)
        return false;
    ret->ms = seconds * 1000 + nanos / 1000000;
    return true;
}

static bool fine_time(struct loading *l, const struct yaml_node *time) {
    struct given_time t;
    if (!time || time->kind != YAML_SCALAR || ruletest_time(time->text, &t))
        return true;
    report_error(l->rd->rep, time->at, "a span from the start, 5s or -4h (before it), or a moment: 2026-01-05T20:00:00+08:00",
                 "'time' is no time: %.60s", time->text);
    return false;
}

static bool read_wanted(struct loading *l, const struct yaml_node *list, struct given_message *m) {
    bool fine = true;

    if (!node_list(l->rd, list, "'events'", "events: [{kind: lock, device: lock-1, locked: false}]"))
        return false;
    m->checks_events = true;
    m->nwanted = list->n;
    m->wanted = reader_alloc(l->rd, list->n * sizeof *m->wanted);
    for (size_t i = 0; m->wanted && i < list->n; i++) {
        const struct yaml_node *n = list->items[i], *kind, *device;
        struct wanted_event *w = &m->wanted[i];
        if (!node_mapping(l->rd, n, "an event that the message becomes", "{kind: lock, device: lock-1, locked: false}")) {
            fine = false;
            continue;
        }
        w->at = n->at;
        if ((kind = yaml_get(n, "kind")) != NULL)
            fine = read_kind(l, kind, &w->kind) && fine;
        if ((device = yaml_get(n, "device")) != NULL)
            fine = read_device(l, device, &w->device) && fine;
        fine = fine_time(l, yaml_get(n, "time")) && fine;
        if (!(w->fields = yaml_json(l->rd->arena, n)))
            l->rd->oom = true;
    }
    return fine && m->wanted;
}

static bool load_message(struct loading *l, const struct yaml_node *n) {
    struct given_message *m = reader_alloc(l->rd, sizeof *m);
    const struct yaml_node *topic, *retained, *events;
    struct timing t;

    if (!m || !node_mapping(l->rd, n, "a message", "{at: 0s, topic: zigbee2mqtt/lock-3-2, payload: {action: unlock}}"))
        return false;
    m->outcome = -1;
    bool fine = shape_keys(l->rd, n, &given_message_shape);
    fine = read_timing(l, n, "the message", &t) && fine;
    fine = read_payload(l, n, m) && fine;
    if (!(topic = yaml_get(n, "topic"))) {
        report_error(l->rd->rep, n->at, NULL, "the message has no 'topic'");
        fine = false;
    } else if ((m->topic = node_text(l->rd, topic, "'topic'")) == NULL) {
        fine = false;
    } else if (strpbrk(m->topic, "+#")) {
        report_error(l->rd->rep, topic->at, "the topic that one device publishes to", "a message's topic holds no '+' and no '#'");
        fine = false;
    }
    if ((retained = yaml_get(n, "retained")) != NULL)
        fine = node_bool(l->rd, retained, "'retained'", &m->retained) && fine;
    if (yaml_get(n, "outcome") != NULL)
        fine = (m->outcome = shape_choice(l->rd, n, &given_message_shape, "outcome")) >= 0 && fine;
    if ((events = yaml_get(n, "events")) != NULL)
        fine = read_wanted(l, events, m) && fine;
    return fine && push_repeated(l, t, (struct input){.kind = INPUT_MESSAGE, .place = n->at, .message = m});
}

/* -- commands and the link ----------------------------------------------------------------------------------------------------------- */
static bool load_command(struct loading *l, const struct yaml_node *n) {
    static const char *const texts[] = {"by", "ticket", "note"};
    struct given_command *c = reader_alloc(l->rd, sizeof *c);
    const struct yaml_node *rule, *v;
    struct timing t;
    int64_t rating = 0;

    if (!c || !node_mapping(l->rd, n, "a command", "{at: 5m, rule: sos, key: sos-1, action: acknowledge}"))
        return false;
    bool fine = shape_keys(l->rd, n, &given_command_shape);
    fine = read_timing(l, n, "the command", &t) && fine;
    if (!(rule = yaml_get(n, "rule")) || !yaml_get(n, "action")) {
        report_error(l->rd->rep, n->at, "{at: 5m, rule: sos, key: sos-1, action: acknowledge}", "the command has no '%s'",
                     rule ? "action" : "rule");
        return false;
    }
    fine = (c->rule = load_rule(l->s, rule)) != NULL && fine;
    int a = shape_choice(l->rd, n, &given_command_shape, "action");
    c->command = (struct command){.id = "", .who = "platform:test", .action = (enum action)(a + ACTION_ACKNOWLEDGE)};
    fine = a >= 0 && fine;
    const char **out[] = {&c->command.by, &c->command.ticket, &c->command.note};
    for (size_t i = 0; i < COUNT(texts); i++)
        if ((v = yaml_get(n, texts[i])) != NULL)
            fine = (*out[i] = node_text(l->rd, v, texts[i])) != NULL && fine;
    if ((v = yaml_get(n, "key")) != NULL)
        fine = (c->key = node_text(l->rd, v, "'key'")) != NULL && fine;
    if ((v = yaml_get(n, "who")) != NULL)
        fine = (c->command.who = node_text(l->rd, v, "'who'")) != NULL && fine;
    if (yaml_get(n, "disposition") != NULL) {
        int d = shape_choice(l->rd, n, &given_command_shape, "disposition");
        c->command.disposition = d + DISPOSITION_REAL;
        fine = d >= 0 && fine;
    }
    if ((v = yaml_get(n, "rating")) != NULL)
        fine = node_int(l->rd, v, "'rating'", 1, 5, &rating) && fine;
    c->command.rating = (int)rating;
    if ((v = yaml_get(n, "refused")) != NULL)
        fine = node_bool(l->rd, v, "'refused'", &c->refused) && fine;
    return fine && push(l, (struct input){.at = t.at, .kind = INPUT_COMMAND, .place = n->at, .command = c});
}

static bool load_link(struct loading *l, const struct yaml_node *n) {
    static const char example[] = "link: [{at: 5m, up: false}, {at: 20m, up: true}]";
    const struct yaml_node *up;
    struct timing t;
    bool is_up;

    if (!node_mapping(l->rd, n, "a change of the link", example) || !shape_keys(l->rd, n, &given_link_shape) ||
        !read_timing(l, n, "the change of the link", &t))
        return false;
    if (!(up = yaml_get(n, "up"))) {
        report_error(l->rd->rep, n->at, example, "say whether the link is up");
        return false;
    }
    return node_bool(l->rd, up, "'up'", &is_up) &&
           push(l, (struct input){.at = t.at, .kind = INPUT_LINK, .place = n->at, .link_up = is_up});
}

/* -- all --------------------------------------------------------------------------------------------------------------------------------- */
static void load_list(struct loading *l, const struct yaml_node *test, const char *key,
                      bool (*one)(struct loading *, const struct yaml_node *)) {
    const struct yaml_node *list = yaml_get(test, key);
    char what[64];

    if (!list || yaml_is_null(list))
        return;
    (void)snprintf(what, sizeof what, "'%s'", key);
    if (!node_list(l->rd, list, what, NULL)) {
        l->failed = true;
        return;
    }
    for (size_t i = 0; i < list->n; i++)
        l->failed = !one(l, list->items[i]) || l->failed;
}

static int by_time(const void *a, const void *b) {
    const struct input *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

bool load_inputs(struct ruletest_suite *s, const struct yaml_node *test, struct test *ret) {
    struct loading l = {.s = s, .rd = &s->rd, .test = ret};

    load_list(&l, test, "events", load_event);
    load_list(&l, test, "messages", load_message);
    load_list(&l, test, "commands", load_command);
    load_list(&l, test, "link", load_link);
    if (!l.failed && l.n) {
        qsort(l.inputs, l.n, sizeof *l.inputs, by_time);
        ret->inputs = arena_dup(s->rd.arena, l.inputs, l.n * sizeof *l.inputs);
        ret->ninputs = l.n;
        s->rd.oom = s->rd.oom || !ret->inputs;
    }
    free(l.inputs);
    return !l.failed && !s->rd.oom;
}
