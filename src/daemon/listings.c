/* SPDX-License-Identifier: Apache-2.0
 * The listings that the control socket gives: incidents, one incident, devices, sources, rules, outbox. */
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/crypt.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"

#define LINE_MAX_BYTES (1 << 20)
#define LIST_MAX_BYTES (CONTROL_MAX_BACKLOG / 4 * 3) /* all of a list is sent at once */
#define LIST_MOST 1000000
#define LIST_DEFAULT 1000

struct listing {
    struct daemon *d;
    struct control_client *c;
    struct buf line;
    size_t n, limit, bytes;
    bool broken; /* a line is missing */
    bool full;   /* what is left is not sent */
};

static struct listing listing_start(struct daemon *d, struct control_client *c) {
    struct listing l = {.d = d, .c = c};

    buf_init(&l.line, LINE_MAX_BYTES);
    return l;
}

static struct jw line_open(struct listing *l) {
    buf_clear(&l->line);
    struct jw w = jw_start(&l->line);
    jw_open(&w, NULL, '{');
    return w;
}

/* Non-zero: enough of the list. */
static int put_line(struct listing *l, const char *text, size_t len) {
    l->n++;
    l->bytes += len;
    l->full = l->bytes > LIST_MAX_BYTES;
    return l->full || !control_line(l->c, text, len);
}

static int line_close(struct listing *l, struct jw *w) {
    jw_close(w, '}');
    l->broken = l->broken || l->line.failed;
    return l->line.failed ? 0 : put_line(l, l->line.data, l->line.len);
}

static void listing_end(struct listing *l, int rc, const struct err *err) {
    buf_done(&l->line);
    if (rc < 0)
        control_end(l->c, rc == GF_ENOTFOUND || rc == GF_EINVAL ? 1 : 3, err->text);
    else if (l->full)
        control_end(l->c, 3, "the list is longer than what is sent at once; ask for less of it");
    else if (l->broken)
        control_end(l->c, 3, "out of memory: the list is not complete");
    else
        control_end(l->c, 0, NULL);
}

void daemon_put_time(struct jw *w, const struct daemon *d, const char *name, int64_t ms) {
    char text[TIME_TEXT_MAX];

    if (ms == TIME_NONE || ms == 0)
        jw_null(w, name);
    else
        jw_str(w, name, time_format(ms, zone_offset(d->rules->config->zone, ms / 1000), text));
}

static int limit_of(const cJSON *req, int otherwise) {
    int64_t limit = json_int(req, "limit", otherwise);

    return limit < 1 ? otherwise : limit > LIST_MOST ? LIST_MOST : (int)limit;
}

/* -- incidents ---------------------------------------------------------------------------------------------------------- */

static int on_incident(void *ctx, const char *name, const char *body, size_t len) {
    (void)name;
    return put_line(ctx, body, len);
}

void request_incidents(struct daemon *d, struct control_client *c, const cJSON *req) {
    struct listing l = listing_start(d, c);
    struct err err = {0};
    int64_t ago = json_int(req, "since", -1); /* ms before now */
    struct store_query q = {.open_only = json_bool(req, "open", false),
                            .since = ago < 0 ? TIME_NONE : daemon_now(d).wall - ago,
                            .rule = json_str(req, "rule", NULL),
                            .device = json_str(req, "device", NULL),
                            .limit = limit_of(req, LIST_DEFAULT)};

    listing_end(&l, store_each_incident(d->store, &q, on_incident, &l, &err), &err);
}

static int on_revision(void *ctx, uint32_t revision, enum change change, int64_t at, const char *note) {
    struct listing *l = ctx;
    struct jw w = line_open(l);

    jw_int(&w, "revision", revision);
    jw_str(&w, "change", change_name(change));
    daemon_put_time(&w, l->d, "at", at);
    if (note != NULL)
        jw_str(&w, "note", note);
    return line_close(l, &w);
}

void request_show(struct daemon *d, struct control_client *c, const cJSON *req) {
    struct listing l = listing_start(d, c);
    struct err err = {0};
    const char *body;
    size_t len;

    arena_reset(&d->scratch);
    int rc = store_incident(d->store, json_str(req, "incident", ""), &d->scratch, &body, &len, &err);
    if (rc == 0) {
        const cJSON *doc;
        (void)put_line(&l, body, len);
        rc = json_parse(&d->scratch, body, len, &err, &doc);
        if (rc == 0)
            rc = store_each_revision(d->store, json_str(doc, "id", ""), on_revision, &l, &err);
    }
    listing_end(&l, rc, &err);
}

/* -- devices, sources, rules -------------------------------------------------------------------------------------------- */

void request_devices(struct daemon *d, struct control_client *c, const cJSON *req) {
    struct listing l = listing_start(d, c);
    bool offline = json_bool(req, "offline", false), unknown = json_bool(req, "unknown", false), fields = json_bool(req, "fields", false);
    const char *only = json_str(req, "device", NULL);
    struct buf state;

    buf_init(&state, LINE_MAX_BYTES / 2);
    for (size_t i = 0; i < engine_devices(d->engine); i++) {
        struct engine_device_info info;
        engine_device_info(d->engine, i, &info);
        bool own = strcmp(info.id, d->rules->config->id) == 0; /* what we tell of ourselves */
        if ((offline && info.online != 0) || (unknown && (info.row != NULL || own)) || (only != NULL && strcmp(only, info.id) != 0))
            continue;
        struct jw w = line_open(&l);
        jw_str(&w, "device", info.id);
        jw_bool(&w, "registered", info.row != NULL);
        jw_str(&w, "kind", info.row ? atom_name(info.row->kind) : own ? "gengfu" : NULL);
        jw_str(&w, "name", info.row ? device_text(info.row, "name") : NULL);
        jw_str(&w, "place", info.row ? device_text(info.row, "place") : NULL);
        if (info.online >= 0)
            jw_bool(&w, "online", info.online == 1);
        else
            jw_null(&w, "online");
        daemon_put_time(&w, d, "last_seen", info.last_seen);
        jw_int(&w, "events", (int64_t)info.events);
        jw_int(&w, "thinned", (int64_t)limiter_thinned(d->limiter, info.id));
        if (fields || only != NULL) {
            buf_clear(&state);
            engine_device_fields(d->engine, info.id, &state);
            if (!state.failed)
                jw_raw(&w, "fields", state.data, state.len);
        }
        if (line_close(&l, &w))
            break;
    }
    buf_done(&state);
    if (only != NULL && l.n == 0) {
        struct err err = {0};
        listing_end(&l, err_set(&err, GF_ENOTFOUND, "no device '%.100s' is registered or has been heard", only), &err);
        return;
    }
    listing_end(&l, 0, NULL);
}

static void list_troubles(struct listing *l) {
    const struct mapper *m = l->d->mapper;

    for (size_t i = 0; i < mapper_troubles(m); i++) {
        struct source_trouble t;
        mapper_trouble(m, i, &t);
        struct jw w = line_open(l);
        jw_str(&w, "topic", t.topic);
        jw_str(&w, "outcome", source_outcome_name(t.outcome));
        jw_str(&w, "source", t.source);
        jw_str(&w, "why", t.why);
        jw_int(&w, "count", (int64_t)t.count);
        daemon_put_time(&w, l->d, "last", t.last);
        jw_strn(&w, "example", t.example ? t.example : "", t.example_len);
        jw_int(&w, "payload_bytes", (int64_t)t.payload_len);
        if (line_close(l, &w))
            break;
    }
}

void request_sources(struct daemon *d, struct control_client *c, const cJSON *req) {
    struct listing l = listing_start(d, c);

    if (json_bool(req, "unmatched", false)) {
        list_troubles(&l);
    } else {
        for (size_t i = 0; i < mapper_sources(d->mapper); i++) {
            struct source_stats s;
            mapper_source_stats(d->mapper, i, &s);
            struct jw w = line_open(&l);
            jw_str(&w, "source", s.source->name);
            jw_str(&w, "topic", s.source->topic.text);
            jw_int(&w, "messages", (int64_t)s.messages);
            jw_int(&w, "events", (int64_t)s.events);
            jw_int(&w, "nothing", (int64_t)s.nothing);
            jw_int(&w, "broken", (int64_t)s.broken);
            if (line_close(&l, &w))
                break;
        }
    }
    listing_end(&l, 0, NULL);
}

void request_rules(struct daemon *d, struct control_client *c, const cJSON *req) {
    static const char *const modes[] = {"live", "shadow", "off"};
    struct listing l = listing_start(d, c);

    (void)req;
    for (size_t i = 0; i < engine_rules(d->engine); i++) {
        struct engine_rule_stats s;
        engine_rule_stats(d->engine, i, &s);
        struct jw w = line_open(&l);
        jw_str(&w, "rule", s.rule->name);
        jw_bool(&w, "builtin", s.rule->builtin);
        jw_str(&w, "mode", modes[s.rule->mode]);
        jw_str(&w, "severity", severity_name(s.rule->severity));
        jw_int(&w, "evaluated", (int64_t)s.evaluated);
        jw_int(&w, "matched", (int64_t)s.matched);
        jw_int(&w, "unknown", (int64_t)s.unknown);
        jw_int(&w, "errors", (int64_t)s.errors);
        jw_str(&w, "last_error", s.last_error);
        jw_int(&w, "opened", (int64_t)s.opened);
        jw_int(&w, "keys", (int64_t)s.keys);
        jw_int(&w, "pending", (int64_t)s.pending);
        jw_int(&w, "firing", (int64_t)s.firing);
        jw_int(&w, "evicted", (int64_t)s.evicted);
        jw_int(&w, "dropped", (int64_t)s.dropped);
        jw_str(&w, "about", s.rule->about);
        if (line_close(&l, &w))
            break;
    }
    listing_end(&l, 0, NULL);
}

/* -- outbox ------------------------------------------------------------------------------------------------------------- */

static int on_row(void *ctx, const struct outbox_row *row) {
    struct listing *l = ctx;
    struct jw w = line_open(l);

    jw_str(&w, "platform", row->platform);
    jw_str(&w, "incident", row->incident);
    jw_str(&w, "number", row->number);
    jw_str(&w, "title", row->title);
    jw_int(&w, "revision", row->revision);
    jw_str(&w, "change", change_name(row->change));
    jw_str(&w, "severity", severity_name(row->severity));
    daemon_put_time(&w, l->d, "queued", row->queued);
    jw_int(&w, "attempts", row->attempts);
    daemon_put_time(&w, l->d, "next_try", row->next_try);
    jw_bool(&w, "dead", row->dead);
    jw_str(&w, "why", row->why);
    jw_int(&w, "bytes", (int64_t)row->len);
    return line_close(l, &w) || l->n >= l->limit;
}

void request_outbox(struct daemon *d, struct control_client *c, const cJSON *req) {
    struct listing l = listing_start(d, c);
    struct err err = {0};

    l.limit = (size_t)limit_of(req, LIST_DEFAULT);
    listing_end(&l, store_each_outbox(d->store, json_bool(req, "dead", false), on_row, &l, &err), &err);
}

static int on_entry(void *ctx, const struct audit_entry *e) {
    struct listing *l = ctx;
    struct jw w = line_open(l);
    char hash[65];

    jw_int(&w, "entry", e->id);
    daemon_put_time(&w, l->d, "at", e->at);
    jw_str(&w, "who", e->who);
    jw_str(&w, "what", e->what);
    if (e->detail != NULL)
        jw_str(&w, "detail", e->detail);
    hex_encode(e->hash, sizeof(e->hash), hash);
    jw_str(&w, "hash", hash);
    return line_close(l, &w);
}

void request_audit(struct daemon *d, struct control_client *c, const cJSON *req) {
    int64_t ago = json_int(req, "since", -1);
    struct err err = {0};
    struct listing l = listing_start(d, c);

    listing_end(&l, store_latest_audit(d->store, ago < 0 ? TIME_NONE : daemon_now(d).wall - ago, limit_of(req, 100), on_entry, &l, &err),
                &err);
}
