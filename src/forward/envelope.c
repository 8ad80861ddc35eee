/* SPDX-License-Identifier: Apache-2.0
 * The envelope: CloudEvents 1.0, structured JSON, with the severity extension (cloudevents/spec, extensions/severity.md). `data` is the incident's document as the store has it. */
#include <stdio.h>
#include <string.h>

#include "forward_int.h"
#include "gengfu/base/json.h"

#define ENVELOPE_ARENA (32 << 20)

/* The numbers are OpenTelemetry's ranges: INFO 9, WARN 13, ERROR 17, FATAL 21. The extension wants texts in capitals, one for each number. */
static const struct {
    int number;
    const char *text;
} severities[] = {
    [SEVERITY_MINOR] = {9, "MINOR"},
    [SEVERITY_MODERATE] = {13, "MODERATE"},
    [SEVERITY_SEVERE] = {17, "SEVERE"},
    [SEVERITY_EXTREME] = {21, "EXTREME"},
};

static const char *change_word(enum change c) {
    switch (c) {
    case CHANGE_OPENED: return "opened";
    case CHANGE_UPDATED: return "updated";
    case CHANGE_RESOLVED: return "resolved";
    case CHANGE_CLOSED: return "closed";
    }
    return "updated";
}

/* What anybody may know: what sort of thing, how bad, in which grid cell, how far it has come. Whatever may speak of a person or a door (title, text, device, place, coordinates, values,
 * evidence, who did what) is not named here, and so is not told; a member that is new to the document is not either. */
static void put_public(struct jw *w, const cJSON *doc, const char *change, bool replayed) {
    static const char *const members[] = {"id",       "number",   "revision", "gateway", "condition", "handling", "disposition",
                                          "severity", "category", "times",    "due",     "level",     "rating",   "test"};
    const cJSON *grid = json_get(json_get(doc, "place"), "grid");

    jw_open(w, "data", '{');
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const cJSON *v = json_get(doc, members[i]);
        if (v != NULL)
            jw_value(w, members[i], v);
    }
    jw_str(w, "change", change);
    if (cJSON_IsString(grid)) {
        jw_open(w, "place", '{');
        jw_value(w, "grid", grid);
        jw_close(w, '}');
    }
    if (replayed)
        jw_bool(w, "replayed", true);
    jw_close(w, '}');
}

/* The document, but for its change: a platform that has not heard of the incident is told `opened`, whatever has come since. */
static void put_as(struct jw *w, const cJSON *doc, const char *change, bool replayed) {
    const cJSON *v;

    jw_open(w, "data", '{');
    cJSON_ArrayForEach(v, doc) {
        if (strcmp(v->string, "change") == 0)
            jw_str(w, "change", change);
        else if (strcmp(v->string, "replayed") != 0)
            jw_value(w, v->string, v);
    }
    if (replayed)
        jw_bool(w, "replayed", true);
    jw_close(w, '}');
}

void forward_envelope(struct buf *b, const char *gateway, const struct outbox_row *row, unsigned flags) {
    bool replayed = (flags & ENVELOPE_REPLAYED) != 0;
    const char *change = change_word(row->change);
    char text[512], stamp[TIME_TEXT_MAX];
    struct arena a;
    const cJSON *doc = NULL;
    size_t severity = row->severity >= SEVERITY_MINOR && row->severity <= SEVERITY_EXTREME ? row->severity : SEVERITY_MINOR;

    arena_init(&a, 16384, ENVELOPE_ARENA);
    if (json_parse(&a, row->body, row->len, NULL, &doc) < 0)
        doc = NULL;
    /* The time of the revision, with the site's offset; the same however often it is sent. */
    const char *updated = json_str(json_get(doc, "times"), "updated", NULL);
    struct jw w = jw_start(b);

    jw_open(&w, NULL, '{');
    jw_str(&w, "specversion", "1.0");
    (void)snprintf(text, sizeof(text), "%s.%u", row->incident, row->revision);
    jw_str(&w, "id", text);
    (void)snprintf(text, sizeof(text), "/gengfu/%s", gateway);
    jw_str(&w, "source", text);
    (void)snprintf(text, sizeof(text), "gengfu.incident.%s", change);
    jw_str(&w, "type", text);
    jw_str(&w, "subject", row->incident);
    jw_str(&w, "time", updated != NULL ? updated : time_format(row->queued, 0, stamp));
    jw_str(&w, "datacontenttype", "application/json");
    jw_int(&w, "severitynumber", severities[severity].number);
    jw_str(&w, "severitytext", severities[severity].text);
    /* Only the object itself: the parser takes white space and a byte order mark around it. */
    const char *start = row->len > 0 ? memchr(row->body, '{', row->len) : NULL,
               *end = row->len > 0 ? memrchr(row->body, '}', row->len) : NULL;

    if (doc == NULL || !cJSON_IsObject(doc) || start == NULL || end == NULL) {
        jw_null(&w, "data"); /* the store would have to be damaged */
    } else if (flags & ENVELOPE_PUBLIC) {
        put_public(&w, doc, change, replayed || json_bool(doc, "replayed", false));
    } else if (strcmp(json_str(doc, "change", change), change) != 0) {
        put_as(&w, doc, change, replayed || json_bool(doc, "replayed", false));
    } else if (replayed && !json_bool(doc, "replayed", false)) {
        struct buf data;

        buf_init(&data, row->len + 64);
        buf_put(&data, start, (size_t)(end - start));
        buf_puts(&data, doc->child != NULL ? ",\"replayed\":true}" : "\"replayed\":true}");
        b->failed = b->failed || data.failed;
        jw_raw(&w, "data", data.data, data.len);
        buf_done(&data);
    } else {
        jw_raw(&w, "data", start, (size_t)(end - start) + 1);
    }
    jw_close(&w, '}');
    arena_done(&a);
}
