/* SPDX-License-Identifier: Apache-2.0
 * Sources from YAML. Kinds and fields are noted even of a source with a mistake, so that rules over them are not told that they are unknown. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/atom.h"
#include "rules/load_int.h"
#include "rules/shape_int.h"

struct reading {
    struct loader *ld;
    struct source *s;
    const struct cel_env *env;
    const struct topic_pattern *topic; /* whose parts the expression may name; NULL: the pattern is broken */
    bool each, no_payload, online;
    const char *whole; /* the key that is asked before 'each'; NULL: none */
};

/* -- expressions ---------------------------------------------------------------------------------------------------------------- */

static void check_topic(const struct reading *r, const struct cel_read *read, struct place at) {
    const char *names[34];
    size_t n = 0;
    if (!read->field || !r->topic)
        return;
    for (size_t i = 0; i < r->topic->nlevels; i++)
        if (r->topic->levels[i].kind != TOPIC_TEXT)
            names[n++] = atom_name(r->topic->levels[i].name);
    names[n++] = "topic";
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], atom_name(read->field)) == 0)
            return;
    report_unknown(r->ld->rd.rep, at, atom_name(read->field), names, n, "the topic has no part '%s'", atom_name(read->field));
}

/* What the checker of types does not know: parts of this topic, and what is there only with `each` or with a payload. */
static void check_reads(const struct reading *r, const struct yaml_node *n, const struct cel_program *p) {
    const struct cel_read *reads;
    size_t count = cel_program_reads(p, &reads);
    bool payload = false, item = false;
    for (size_t i = 0; i < count; i++) {
        struct place at = expr_field_place(n, 0, &reads[i]);
        if (reads[i].slot == SOURCE_TOPIC)
            check_topic(r, &reads[i], at);
        if (reads[i].slot == SOURCE_PAYLOAD && r->no_payload && !payload) {
            payload = true;
            report_error(r->ld->rd.rep, at, "leave 'payload: none' out, or use topic and retained only",
                         "with 'payload: none' there is no payload to look at");
        }
        if ((reads[i].slot == SOURCE_KEY || reads[i].slot == SOURCE_ITEM) && !r->each && !item) {
            item = true;
            const char *name = reads[i].slot == SOURCE_KEY ? "key" : "item";
            if (r->whole) /* there is an 'each', and this expression comes before it */
                report_error(r->ld->rd.rep, at, "the elements are told apart by 'when' of an event",
                             "%s is asked once for the whole message: it has no '%s'", r->whole, name);
            else
                report_error(r->ld->rd.rep, at,
                             r->online ? "'online' has an each of its own: online: {each: payload.list, device: item.id, when: item.up}"
                                       : "each: payload.list makes one event per element",
                             "'%s' is there only with 'each'", name);
        }
    }
}

static bool read_expr(const struct reading *r, const struct yaml_node *n, const char *what, enum cel_decl_type want,
                      struct rules_expr *ret) {
    if (!loader_expr(r->ld, r->env, n, what, NULL, want, ret))
        return false;
    check_reads(r, n, ret->program);
    return true;
}

static bool captures(const struct topic_pattern *t, const char *name) {
    for (size_t i = 0; t && i < t->nlevels; i++)
        if (t->levels[i].kind != TOPIC_TEXT && strcmp(atom_name(t->levels[i].name), name) == 0)
            return true;
    return false;
}

/* `device`, or topic.device when the topic has that part. */
static void read_device(const struct reading *r, const struct yaml_node *n, struct place at, const char *of, struct rules_expr *ret) {
    static const char otherwise[] = "topic.device";
    if (n) {
        (void)read_expr(r, n, "'device'", CEL_DECL_DYN, ret);
        return;
    }
    if (!r->topic)
        return;
    if (!captures(r->topic, "device")) {
        report_error(r->ld->rd.rep, at, "add device: <expression>, or call the part of the topic {device}",
                     "%s does not say which device it is about", of);
        return;
    }
    struct arena scratch;
    arena_init(&scratch, 512, 0);
    struct cel_diags diags = {.arena = &scratch};
    struct cel_program *p = NULL;
    if (cel_compile(r->env, otherwise, sizeof otherwise - 1, &(struct cel_options){0}, &diags, &p) < 0)
        reader_oom(&r->ld->rd);
    else if (programs_add(&r->ld->own->programs, p) < 0) {
        cel_program_free(p);
        reader_oom(&r->ld->rd);
    } else
        *ret = (struct rules_expr){.program = p, .at = at};
    arena_done(&scratch);
}

/* -- events ----------------------------------------------------------------------------------------------------------------------- */

static bool own_name(const char *s) {
    static const char *const names[] = {"kind", "time", "device", "arrived", "late", "retained"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], s) == 0)
            return true;
    return false;
}

/* What rules may count on: true and false, texts and numbers. A field that is null is left out; all else is held as something else, or is not known. */
static uint32_t field_types(const struct cel_program *p) {
    uint32_t types = cel_program_types(p) & ~(1u << CEL_NULL);
    if (types & ~(1u << CEL_BOOL | 1u << CEL_STRING | KIND_NUMBER))
        return 0;
    return types & KIND_NUMBER ? types | KIND_NUMBER : types;
}

static void read_fields(const struct reading *r, const struct yaml_node *n, struct source_event *e, struct kind *kind) {
    struct reader *rd = &r->ld->rd;
    if (yaml_is_null(n) || !node_mapping(rd, n, "'fields'", "fields: {locked: payload.lock_state == 'locked'}"))
        return;
    if (n->n > EVENT_MAX_FIELDS) {
        report_error(rd->rep, n->at, NULL, "an event has at most %d fields", EVENT_MAX_FIELDS);
        return;
    }
    struct source_field *fields = reader_alloc(rd, n->n * sizeof *fields);
    if (!fields)
        return;
    for (size_t i = 0; i < n->n; i++) {
        const struct yaml_node *key = n->pairs[i].key;
        if (!is_identifier(key->text, key->len)) {
            report_error(rd->rep, key->at, "letters, digits and '_', not beginning with a digit", "'%.60s' cannot be the name of a field",
                         key->text);
            continue;
        }
        if (own_name(key->text)) {
            report_error(rd->rep, key->at, "choose another name; device, time and late have keys of their own",
                         "every event has '%s' already", key->text);
            continue;
        }
        struct source_field *f = &fields[e->nfields];
        f->name = reader_atom(rd, key->text, key->len, key->at);
        char what[80];
        (void)snprintf(what, sizeof what, "the field '%.60s'", key->text);
        bool fine = f->name && read_expr(r, n->pairs[i].value, what, CEL_DECL_DYN, &f->value);
        kind_add_field(r->ld, kind, f->name, fine ? field_types(f->value.program) : 0);
        e->nfields += fine;
    }
    e->fields = fields;
}

static void add_on_change(const struct reading *r, const struct yaml_node *fields, struct place at, const char *name, size_t len,
                          atom_t *list, size_t *n) {
    const char *names[EVENT_MAX_FIELDS];
    size_t count = 0;
    char word[ATOM_NAME_MAX + 1];
    (void)snprintf(word, sizeof word, "%.*s", (int)(len < ATOM_NAME_MAX ? len : ATOM_NAME_MAX), name);
    for (size_t i = 0; fields && i < fields->n && count < EVENT_MAX_FIELDS; i++) {
        names[count++] = fields->pairs[i].key->text;
        if (strcmp(word, names[count - 1]) == 0) {
            list[(*n)++] = reader_atom(&r->ld->rd, name, len, at);
            return;
        }
    }
    report_unknown(r->ld->rd.rep, at, word, names, count, "the event has no field '%s'", word);
}

/* emit: {on_change: [a, b]}, emit: on_change (all fields), or the words `on_change of [a, b]`. */
static void read_emit(const struct reading *r, const struct yaml_node *n, const struct yaml_node *fields, struct source_event *e) {
    static const char hint[] = "emit: {on_change: [field, field]}, or emit: on_change for all fields";
    struct reader *rd = &r->ld->rd;
    atom_t *list = reader_alloc(rd, (EVENT_MAX_FIELDS + 1) * sizeof *list);
    if (n->bad || !list)
        return;
    const struct yaml_node *v = NULL;
    if (fields && fields->kind != YAML_MAPPING)
        fields = NULL;
    if (n->kind == YAML_MAPPING) {
        if (!shape_keys(rd, n, &emit_shape))
            return;
        v = yaml_get(n, "on_change");
    } else if (n->kind == YAML_SCALAR && strncmp(n->text, "on_change", 9) == 0) {
        const char *s = n->text + 9;
        s += strspn(s, " ");
        if (strncmp(s, "of", 2) == 0) {
            for (s += 2; *s; s += strcspn(s, " [],")) {
                s += strspn(s, " [],");
                size_t len = strcspn(s, " [],"), at = (size_t)(s - n->text);
                if (len && e->non_change < EVENT_MAX_FIELDS)
                    add_on_change(r, fields, yaml_place(n, at, at + len), s, len, list, &e->non_change);
            }
            e->on_change = list;
            return;
        }
        if (!*s) {
            for (size_t i = 0; fields && i < fields->n && i < EVENT_MAX_FIELDS; i++)
                if (is_identifier(fields->pairs[i].key->text, fields->pairs[i].key->len))
                    list[e->non_change++] = reader_atom(rd, fields->pairs[i].key->text, fields->pairs[i].key->len, n->at);
            e->on_change = list;
            return;
        }
    }
    const struct yaml_node *const *words;
    size_t nwords;
    if (!v) {
        report_error(rd->rep, n->at, hint, "'emit' cannot be read");
        return;
    }
    if (!node_words(rd, v, "'on_change'", &words, &nwords))
        return;
    for (size_t i = 0; i < nwords && e->non_change < EVENT_MAX_FIELDS; i++)
        add_on_change(r, fields, words[i]->at, words[i]->text, words[i]->len, list, &e->non_change);
    e->on_change = list;
}

static void read_dedupe(const struct reading *r, const struct yaml_node *n, struct source_event *e) {
    struct reader *rd = &r->ld->rd;
    if (!node_mapping(rd, n, "'dedupe'", "dedupe: {key: payload.id, within: 2s}") || !shape_keys(rd, n, &dedupe_shape))
        return;
    const struct yaml_node *key = yaml_get(n, "key"), *within = yaml_get(n, "within");
    if (!key || !within) {
        report_error(rd->rep, n->at, "dedupe: {key: payload.id, within: 2s}", "'dedupe' needs '%s'", key ? "within" : "key");
        return;
    }
    (void)read_expr(r, key, "'key'", CEL_DECL_DYN, &e->dedupe_key);
    (void)shape_span(rd, n, &dedupe_shape, "within", &e->dedupe_within);
    const struct yaml_node *across = yaml_get(n, "across");
    if (across)
        (void)node_name(rd, across, "'across'", &e->dedupe_across);
}

/* One expression, or a list of them in order of trust. */
static void read_times(const struct reading *r, const struct yaml_node *n, struct source_event *e) {
    bool list = n->kind == YAML_SEQUENCE;
    size_t count = list ? n->n : 1;
    if (list && (count == 0 || count > SOURCE_MAX_TIMES)) {
        report_error(r->ld->rd.rep, n->at, "time: [payload.taken, payload.sent]", "'time' is an expression, or a list of 1 to %d",
                     SOURCE_MAX_TIMES);
        return;
    }
    struct rules_expr *times = reader_alloc(&r->ld->rd, count * sizeof *times);
    if (!times)
        return;
    for (size_t i = 0; i < count; i++)
        if (read_expr(r, list ? n->items[i] : n, "'time'", CEL_DECL_DYN, &times[e->ntimes]))
            e->ntimes++;
    e->times = times;
}

static void read_event(const struct reading *r, const struct yaml_node *n, struct source_event *e) {
    struct reader *rd = &r->ld->rd;
    if (!node_mapping(rd, n, "an event", "- {kind: lock, device: topic.device, fields: {locked: payload.locked}}"))
        return;
    (void)shape_keys(rd, n, &source_event_shape);
    shape_relations(rd, n, &source_event_shape, n->at);
    const struct yaml_node *kind = yaml_get(n, "kind"), *v;
    const char *name = NULL;
    struct kind *k = NULL;
    if (!kind)
        report_error(rd->rep, n->at, "kind: lock", "an event needs 'kind'");
    else if (node_name(rd, kind, "the kind", &name)) {
        if (strcmp(name, "incident") == 0 || strcmp(name, "availability") == 0 || strcmp(name, "gengfu") == 0)
            report_error(rd->rep, kind->at, strcmp(name, "availability") == 0 ? "'online:' makes them" : "choose another kind",
                         "events of kind '%s' are made by gengfu itself", name);
        else if ((e->kind = reader_atom(rd, name, strlen(name), kind->at)))
            k = kind_get(r->ld, e->kind);
    }
    read_device(r, yaml_get(n, "device"), n->at, "the event", &e->device);
    if ((v = yaml_get(n, "when")))
        (void)read_expr(r, v, "'when'", CEL_DECL_BOOL, &e->when);
    if ((v = yaml_get(n, "time")))
        read_times(r, v, e);
    (void)shape_span(rd, n, &source_event_shape, "skew", &e->skew);
    if ((v = yaml_get(n, "late")))
        (void)read_expr(r, v, "'late'", CEL_DECL_BOOL, &e->late);
    if ((v = yaml_get(n, "fields")))
        read_fields(r, v, e, k);
    if ((v = yaml_get(n, "emit")))
        read_emit(r, v, yaml_get(n, "fields"), e);
    if ((v = yaml_get(n, "dedupe")))
        read_dedupe(r, v, e);
}

static void read_events(const struct reading *r, const struct yaml_node *n) {
    struct reader *rd = &r->ld->rd;
    if (n->bad)
        return;
    if (n->kind != YAML_SEQUENCE || n->n == 0 || n->n > MAX_EVENTS) {
        report_error(rd->rep, n->at, "events:\n  - kind: lock", "'events' must be a list of 1 to %d events", MAX_EVENTS);
        return;
    }
    struct source_event *events = reader_alloc(rd, n->n * sizeof *events);
    if (!events)
        return;
    for (size_t i = 0; i < n->n; i++)
        read_event(r, n->items[i], &events[i]);
    r->s->events = events;
    r->s->nevents = n->n;
}

/* -- the source ------------------------------------------------------------------------------------------------------------------- */

static void read_online(const struct reading *outer, const struct yaml_node *n) {
    struct reading r = *outer;
    struct reader *rd = &r.ld->rd;
    struct source *s = r.s;
    if (!node_mapping(rd, n, "'online'", "online: {topic: zigbee2mqtt/{device}/availability, when: payload == 'online'}"))
        return;
    (void)shape_keys(rd, n, &online_shape);
    const struct yaml_node *topic = yaml_get(n, "topic"), *each = yaml_get(n, "each"), *when = yaml_get(n, "when");
    if (topic)
        r.topic = topic_read(r.ld, topic, "'topic'", &s->online_topic) ? &s->online_topic : NULL;
    else
        s->online_topic = s->topic; /* the data topic itself */
    r.each = r.no_payload = false;
    r.online = true;
    if (each) {
        r.whole = "'each'";
        (void)read_expr(&r, each, "'each'", CEL_DECL_DYN, &s->online_each);
        r.whole = NULL;
    }
    r.each = each != NULL;
    if (!when)
        report_error(rd->rep, n->at, "when: payload == 'online'", "'online' needs 'when'");
    else
        (void)read_expr(&r, when, "'when'", CEL_DECL_BOOL, &s->online_when);
    read_device(&r, yaml_get(n, "device"), n->at, "'online'", &s->online_device);
    s->has_online = true;
}

static void read_ignore(const struct reading *r, const struct yaml_node *n) {
    if (yaml_bool(n, &r->s->ignore))
        return;
    r->s->ignore_reason = node_text(&r->ld->rd, n, "'ignore'");
    r->s->ignore = r->s->ignore_reason != NULL;
}

static void read_charset(const struct reading *r, const struct yaml_node *n) {
    const char *names[SHAPE_MAX_WORDS];
    struct reader *rd = &r->ld->rd;
    size_t nnames = shape_words(shape_key(&source_shape, "charset"), names);
    const char *name = node_text(rd, n, "'charset'");
    int charset = name ? charset_find(name, strlen(name)) : CHARSET_UTF8;
    if (charset < 0)
        report_unknown(rd->rep, n->at, name, names, nnames, "the charset '%.40s' is not known (GBK and GB2312 are part of gb18030)", name);
    else
        r->s->charset = (enum charset)charset;
}

/* a.b.c from the payload's root, '*' for any key or element; a name alone stands for it at any depth. Names with dots or blanks stand in backticks. */
static bool read_drop_path(const struct reading *r, const struct yaml_node *n, struct source_drop *ret) {
    struct reader *rd = &r->ld->rd;
    const char *parts[16], *text = node_text(rd, n, "'drop'");
    size_t count = 0;
    if (!text)
        return false;
    const char *p = strncmp(text, "payload.", 8) == 0 ? text + 8 : text;
    bool rooted = p != text;
    for (; count < COUNT(parts); p++) {
        const char *begin = *p == '`' ? p + 1 : p;
        size_t len = *p == '`' ? strcspn(begin, "`") : strcspn(begin, ".`");
        bool quoted = *p == '`';
        if (len == 0 || (quoted && begin[len] != '`')) {
            count = 0;
            break;
        }
        bool any = !quoted && len == 1 && *begin == '*';
        char *part = any ? NULL : arena_strndup(rd->arena, begin, len);
        if (!any && !part) {
            reader_oom(rd);
            return false;
        }
        parts[count++] = part;
        p = begin + len + quoted;
        if (*p != '.')
            break;
    }
    if (count == 0 || *p || count == COUNT(parts)) {
        report_error(rd->rep, n->at, "drop: [photo, users.*.pin, '`snap shot`']", "'%.60s' is no path into the payload", text);
        return false;
    }
    ret->anywhere = count == 1 && !rooted && parts[0];
    ret->n = count;
    ret->parts = arena_dup(rd->arena, parts, count * sizeof *parts);
    if (!ret->parts)
        reader_oom(rd);
    return ret->parts != NULL;
}

static void read_drops(const struct reading *r, const struct yaml_node *n) {
    struct reader *rd = &r->ld->rd;
    const struct yaml_node *const *words;
    size_t count;
    if (!node_words(rd, n, "'drop'", &words, &count))
        return;
    if (count > SOURCE_MAX_DROPS) {
        report_error(rd->rep, n->at, NULL, "a source drops at most %d paths", SOURCE_MAX_DROPS);
        return;
    }
    struct source_drop *drops = reader_alloc(rd, count * sizeof *drops);
    if (!drops)
        return;
    for (size_t i = 0; i < count; i++)
        if (read_drop_path(r, words[i], &drops[r->s->ndrops]))
            r->s->ndrops++;
    r->s->drops = drops;
}

static void read_source(struct loader *ld, const struct cel_env *env, const struct yaml_node *n, struct source *s) {
    static const enum source_payload kinds[] = {SOURCE_AUTO, SOURCE_JSON, SOURCE_WORD, SOURCE_NONE, SOURCE_BYTES};
    struct reader *rd = &ld->rd;
    struct reading r = {.ld = ld, .s = s, .env = env};
    const struct yaml_node *name = yaml_get(n, "source"), *topic = yaml_get(n, "topic"), *v;
    (void)shape_keys(rd, n, &source_shape);
    s->hash = source_hash(ld, n);
    s->at = n->at;
    s->name = "?";
    if (!name)
        report_error(rd->rep, n->at, "- source: name", "a source needs a name ('source')");
    else if (node_name(rd, name, "the source", &s->name)) {
        s->at = name->at;
        (void)name_claim(ld, &ld->source_names, s->name, name->at, "source");
    }
    if (!topic)
        report_error(rd->rep, s->at, "topic: zigbee2mqtt/{device}", "a source needs 'topic'");
    else if (topic_read(ld, topic, "'topic'", &s->topic))
        r.topic = &s->topic;
    shape_relations(rd, n, &source_shape, s->at);
    int payload = shape_choice(rd, n, &source_shape, "payload");
    s->payload = payload < 0 ? SOURCE_AUTO : kinds[payload];
    if ((v = yaml_get(n, "about")))
        (void)node_text(rd, v, "'about'");
    r.no_payload = s->payload == SOURCE_NONE;
    (void)shape_size(rd, n, &source_shape, "max_payload", &s->max_payload);
    if ((v = yaml_get(n, "charset"))) {
        read_charset(&r, v);
        if (s->payload == SOURCE_NONE || s->payload == SOURCE_BYTES)
            report_error(rd->rep, v->at, "leave 'charset' out; text(payload, 'gb18030') reads bytes",
                         "a payload that is not read as text has no charset");
    }
    if ((v = yaml_get(n, "drop"))) {
        read_drops(&r, v);
        if (s->payload == SOURCE_WORD || s->payload == SOURCE_BYTES)
            report_error(rd->rep, v->at, "payload: json", "'drop' takes keys out of JSON, and this source reads its payload as %s",
                         s->payload == SOURCE_WORD ? "text" : "bytes");
    }
    if ((v = yaml_get(n, "ignore")))
        read_ignore(&r, v);
    if ((v = yaml_get(n, "match"))) {
        r.whole = yaml_get(n, "each") ? "'match'" : NULL;
        (void)read_expr(&r, v, "'match'", CEL_DECL_BOOL, &s->match);
        r.whole = NULL;
    }
    const struct yaml_node *each = yaml_get(n, "each"), *events = yaml_get(n, "events"), *online = yaml_get(n, "online");
    if (s->ignore && (events || each || online)) {
        report_error(rd->rep,
                     (events ? events
                      : each ? each
                             : online)
                         ->at,
                     "write two sources, each with a match of its own", "a source that ignores its messages makes no events");
        return;
    }
    if (each) {
        r.whole = "'each'";
        (void)read_expr(&r, each, "'each'", CEL_DECL_DYN, &s->each);
        r.whole = NULL;
    }
    r.each = each != NULL;
    if (events)
        read_events(&r, events);
    if (online)
        read_online(&r, online);
}

void loader_sources(struct loader *ld) {
    size_t n = ld->sources.n;
    if (n > RULES_MAX_SOURCES) {
        report_error(ld->rd.rep, ld->sources.items[RULES_MAX_SOURCES]->at, NULL, "more than %d sources", RULES_MAX_SOURCES);
        n = RULES_MAX_SOURCES;
    }
    struct source *sources = reader_alloc(&ld->rd, n * sizeof *sources);
    struct cel_env *env = NULL;
    if (!sources || ruleset_source_env(ld->rs, &env) < 0) {
        reader_oom(&ld->rd);
        return;
    }
    for (size_t i = 0; i < n && !ld->rd.oom; i++)
        read_source(ld, env, ld->sources.items[i], &sources[i]);
    cel_env_free(env);
    ld->rs->sources = sources;
    ld->rs->nsources = n;
    if (!ld->rd.oom && report_errors(ld->rd.rep) == 0)
        loader_check_sources(ld);
}
