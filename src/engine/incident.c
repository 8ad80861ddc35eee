/* SPDX-License-Identifier: Apache-2.0
 * Incident: its making and its parts, and the JSON that platforms and the store see. Reading back is in incident_read.c. */
#include "engine_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INCIDENT_MAX_TEXT 8000 /* bytes of a title, a text, a note */

struct incident *engine_incident_new(void) {
    struct incident *inc = calloc(1, sizeof(*inc));

    if (!inc)
        return NULL;
    inc->condition = CONDITION_FIRING;
    inc->change = CHANGE_OPENED;
    inc->first_event = inc->last_event = inc->raised = inc->resolved = inc->acknowledged = inc->closed = inc->updated = TIME_NONE;
    inc->due_acknowledge = inc->due_resolve = inc->due_follow_up = TIME_NONE;
    inc->published = true;
    inc->urgency = inc->certainty = "";
    return inc;
}

static void entry_done(struct incident_entry *h) {
    free((void *)(uintptr_t)h->who);
    free((void *)(uintptr_t)h->what);
    free((void *)(uintptr_t)h->note);
}

void incident_free(struct incident *inc) {
    if (!inc)
        return;
    free(inc->rule);
    free(inc->rule_version);
    free(inc->by);
    free(inc->title);
    free(inc->text);
    free(inc->category);
    free(inc->device);
    free(inc->ticket);
    free(inc->parent);
    free(inc->inhibited_by);
    cJSON_Delete(inc->values);
    cJSON_Delete(inc->evidence);
    cJSON_Delete(inc->members);
    cJSON_Delete(inc->devices);
    cJSON_Delete(inc->place);
    for (size_t i = 0; i < inc->nhistory; i++)
        entry_done(&inc->history[i]);
    free(inc->history);
    free(inc);
}

/* A copy of at most max bytes that does not end within a character. */
static char *cut_copy(const char *s, size_t max) {
    size_t n = strnlen(s, max);

    if (s[n])
        while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
            n--;
    return strndup(s, n);
}

bool engine_incident_text(char **field, const char *s) {
    char *copy = NULL;

    if (s && *field && strcmp(*field, s) == 0)
        return true;
    if (s && !(copy = cut_copy(s, INCIDENT_MAX_TEXT)))
        return false;
    free(*field);
    *field = copy;
    return true;
}

/* Past the ceiling the second entry is one that counts what it stands for. */
static void fold_history(struct incident *inc) {
    struct incident_entry *h = inc->history;
    unsigned long folded = 1;
    char note[64];

    if (strcmp(h[1].what, "folded") == 0 && h[1].note)
        folded = strtoul(h[1].note, NULL, 10);
    (void)snprintf(note, sizeof(note), "%lu earlier entries", folded + 1);
    char *text = strdup(note), *what = strdup("folded"), *who = strdup("gengfu");
    if (!text || !what || !who) {
        free(text);
        free(what);
        free(who);
        return;
    }
    int64_t at = h[2].at;
    entry_done(&h[1]);
    entry_done(&h[2]);
    h[1] = (struct incident_entry){.at = at, .who = who, .what = what, .note = text};
    memmove(&h[2], &h[3], (inc->nhistory - 3) * sizeof(*h));
    inc->nhistory--;
}

int engine_history_add(struct incident *inc, int64_t at, const char *who, const char *what, const char *note) {
    if (inc->nhistory == INCIDENT_MAX_HISTORY)
        fold_history(inc);
    if ((inc->nhistory & (inc->nhistory - 1)) == 0) { /* room grows by doubling: 1, 2, 4 … */
        struct incident_entry *bigger = realloc(inc->history, (inc->nhistory ? inc->nhistory * 2 : 1) * sizeof(*bigger));
        if (!bigger)
            return GF_ENOMEM;
        inc->history = bigger;
    }
    if (inc->nhistory == INCIDENT_MAX_HISTORY)
        return GF_ENOMEM;
    struct incident_entry h = {.at = at, .who = cut_copy(who ? who : "", 200), .what = cut_copy(what, 200)};
    if (note && *note)
        h.note = cut_copy(note, INCIDENT_MAX_TEXT);
    if (!h.who || !h.what || (note && *note && !h.note)) {
        entry_done(&h);
        return GF_ENOMEM;
    }
    inc->history[inc->nhistory++] = h;
    return 0;
}

bool engine_array_has(const cJSON *array, const char *s) {
    const cJSON *item;

    cJSON_ArrayForEach(item, array) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, s) == 0)
            return true;
    }
    return false;
}

static void put_time(struct jw *w, const char *name, int64_t ms, const struct zone *zone) {
    char out[TIME_TEXT_MAX];
    int64_t seconds = ms / TIME_SECOND - (ms % TIME_SECOND < 0);

    if (ms != TIME_NONE)
        jw_str(w, name, time_format(ms, zone_offset(zone, seconds), out));
}

static void put_text(struct jw *w, const char *name, const char *s) {
    if (s && *s)
        jw_str(w, name, s);
}

static void put_list(struct jw *w, const char *name, const cJSON *list) {
    if (list && list->child)
        jw_value(w, name, list);
}

static void put_category(struct jw *w, const struct incident *inc) {
    if (!inc->category)
        return;
    jw_open(w, "category", '{');
    jw_str(w, "code", inc->category);
    if (inc->code) {
        put_text(w, "name", inc->code->name);
        put_text(w, "kind", inc->code->kind);
        put_text(w, "standard_ref", inc->code->standard_ref);
    }
    jw_close(w, '}');
}

static void put_times(struct jw *w, const struct incident *inc, const struct zone *zone) {
    jw_open(w, "times", '{');
    put_time(w, "first_event", inc->first_event, zone);
    put_time(w, "last_event", inc->last_event, zone);
    put_time(w, "raised", inc->raised, zone);
    put_time(w, "resolved", inc->resolved, zone);
    put_time(w, "acknowledged", inc->acknowledged, zone);
    put_time(w, "closed", inc->closed, zone);
    put_time(w, "updated", inc->updated, zone);
    jw_close(w, '}');
    jw_str(w, "time_quality", inc->synced ? "synced" : inc->corrected ? "corrected" : "unsynced");
    if (inc->due_acknowledge != TIME_NONE || inc->due_resolve != TIME_NONE || inc->due_follow_up != TIME_NONE) {
        jw_open(w, "due", '{');
        put_time(w, "acknowledge", inc->due_acknowledge, zone);
        put_time(w, "resolve", inc->due_resolve, zone);
        put_time(w, "follow_up", inc->due_follow_up, zone);
        jw_close(w, '}');
    }
}

static void put_history(struct jw *w, const struct incident *inc, const struct zone *zone) {
    jw_open(w, "history", '[');
    for (size_t i = 0; i < inc->nhistory; i++) {
        jw_open(w, NULL, '{');
        put_time(w, "at", inc->history[i].at, zone);
        jw_str(w, "who", inc->history[i].who);
        jw_str(w, "what", inc->history[i].what);
        put_text(w, "note", inc->history[i].note);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

void incident_write(struct buf *b, const struct incident *inc, const struct zone *zone, const char *gateway) {
    struct jw w = jw_start(b);

    jw_open(&w, NULL, '{');
    jw_str(&w, "id", inc->id);
    jw_str(&w, "number", inc->number);
    jw_int(&w, "revision", inc->revision);
    jw_str(&w, "change", change_name(inc->change));
    put_text(&w, "gateway", gateway);
    jw_str(&w, "rule", inc->rule ? inc->rule : "");
    put_text(&w, "rule_version", inc->rule_version);
    put_text(&w, "rule_hash", inc->rule_hash);
    jw_str(&w, "by", inc->by ? inc->by : "");
    jw_str(&w, "condition", condition_name(inc->condition));
    jw_str(&w, "handling", handling_name(inc->handling));
    put_text(&w, "disposition", disposition_name(inc->disposition));
    jw_str(&w, "severity", severity_name(inc->severity));
    put_text(&w, "urgency", inc->urgency);
    put_text(&w, "certainty", inc->certainty);
    put_category(&w, inc);
    jw_str(&w, "title", inc->title ? inc->title : "");
    put_text(&w, "text", inc->text);
    put_text(&w, "device", inc->device);
    put_list(&w, "devices", inc->devices);
    put_list(&w, "place", inc->place);
    put_times(&w, inc, zone);
    jw_int(&w, "count", (int64_t)inc->count);
    if (inc->told != inc->count)
        jw_int(&w, "told", (int64_t)inc->told);
    jw_int(&w, "level", inc->level);
    put_text(&w, "ticket", inc->ticket);
    if (inc->rating)
        jw_int(&w, "rating", inc->rating);
    put_list(&w, "values", inc->values);
    put_list(&w, "evidence", inc->evidence);
    put_list(&w, "members", inc->members);
    put_text(&w, "parent", inc->parent);
    put_text(&w, "inhibited_by", inc->inhibited_by);
    put_history(&w, inc, zone);
    if (inc->test)
        jw_bool(&w, "test", true);
    if (inc->late)
        jw_bool(&w, "late", true);
    if (inc->chattering)
        jw_bool(&w, "chattering", true);
    if (!inc->published)
        jw_bool(&w, "published", false);
    jw_close(&w, '}');
}
