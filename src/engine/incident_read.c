/* SPDX-License-Identifier: Apache-2.0
 * Incident: reading back what incident_write wrote. The text comes from our own store, and is still not trusted. */
#include "engine_int.h"

#include <stdlib.h>
#include <string.h>

static int64_t read_time(const cJSON *object, const char *name) {
    const char *s = json_str(object, name, NULL);
    int64_t seconds;
    int nanos;
    bool zoned;

    if (!s || time_parse(s, strlen(s), true, &seconds, &nanos, &zoned) < 0 || seconds > INT64_MAX / 2000 || seconds < INT64_MIN / 2000)
        return TIME_NONE;
    return seconds * TIME_SECOND + nanos / 1000000;
}

/* The enum value in [first, last] whose name this is; -1 when none has it. */
static int read_name(const char *text, int first, int last, const char *(*name)(int)) {
    for (int i = first; text && i <= last; i++) {
        if (strcmp(name(i), text) == 0)
            return i;
    }
    return -1;
}

static const char *condition_at(int i) { return condition_name((enum condition)i); }
static const char *handling_at(int i) { return handling_name((enum handling)i); }
static const char *disposition_at(int i) { return disposition_name((enum disposition)i); }
static const char *change_at(int i) { return change_name((enum change)i); }

static int read_states(const cJSON *j, struct err *err, struct incident *inc) {
    int condition = read_name(json_str(j, "condition", NULL), CONDITION_FIRING, CONDITION_RESOLVED, condition_at);
    int handling = read_name(json_str(j, "handling", NULL), HANDLING_NEW, HANDLING_CLOSED, handling_at);
    int change = read_name(json_str(j, "change", NULL), CHANGE_OPENED, CHANGE_CLOSED, change_at);
    int disposition = read_name(json_str(j, "disposition", ""), DISPOSITION_NONE, DISPOSITION_TEST, disposition_at);

    if (condition < 0 || handling < 0 || change < 0 || disposition < 0)
        return err_set(err, GF_ECORRUPT, "incident: condition, handling, change or disposition is missing or not known");
    inc->condition = (enum condition)condition;
    inc->handling = (enum handling)handling;
    inc->change = (enum change)change;
    inc->disposition = (enum disposition)disposition;
    if (!severity_parse(json_str(j, "severity", ""), &inc->severity))
        return err_set(err, GF_ECORRUPT, "incident: severity is missing or not known");
    return 0;
}

static bool read_copy(const cJSON *j, const char *name, char **ret) {
    const char *s = json_str(j, name, NULL);

    return !s || engine_incident_text(ret, s);
}

static bool read_tree(const cJSON *j, const char *name, cJSON **ret) {
    const cJSON *item = json_get(j, name);

    if (!item || !(cJSON_IsArray(item) || cJSON_IsObject(item)))
        return true;
    *ret = cJSON_Duplicate(item, 1);
    return *ret != NULL;
}

static bool read_history(const cJSON *j, struct incident *inc) {
    const cJSON *item;

    cJSON_ArrayForEach(item, json_get(j, "history")) {
        if (engine_history_add(inc, read_time(item, "at"), json_str(item, "who", ""), json_str(item, "what", ""),
                               json_str(item, "note", NULL)) < 0)
            return false;
    }
    return true;
}

const char *engine_cap_word(const char *s) {
    static const char *const words[] = {"Immediate", "Expected", "Future", "Past", "Unknown", "Observed", "Likely", "Possible", "Unlikely"};

    for (size_t i = 0; s && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], s) == 0)
            return words[i];
    }
    return "";
}

static int read_all(const cJSON *j, struct err *err, struct incident *inc) {
    const cJSON *times = json_get(j, "times"), *due = json_get(j, "due");
    const char *id = json_str(j, "id", ""), *number = json_str(j, "number", ""), *hash = json_str(j, "rule_hash", "");
    int rc;

    if (strlen(id) != ULID_TEXT - 1 || strlen(number) >= INCIDENT_NUMBER_MAX || !*number || strlen(hash) >= sizeof(inc->rule_hash))
        return err_set(err, GF_ECORRUPT, "incident: id, number or rule_hash is missing or malformed");
    if (!json_str(j, "rule", NULL) || !json_str(j, "by", NULL))
        return err_set(err, GF_ECORRUPT, "incident %s: rule or by is missing", id);
    memcpy(inc->id, id, ULID_TEXT);
    memcpy(inc->number, number, strlen(number) + 1);
    memcpy(inc->rule_hash, hash, strlen(hash) + 1);
    if ((rc = read_states(j, err, inc)) < 0)
        return rc;
    inc->revision = (uint32_t)engine_whole(json_get(j, "revision"), 0);
    if (inc->revision == 0)
        return err_set(err, GF_ECORRUPT, "incident %s: revision is missing", id);
    inc->first_event = read_time(times, "first_event");
    inc->last_event = read_time(times, "last_event");
    inc->raised = read_time(times, "raised");
    inc->resolved = read_time(times, "resolved");
    inc->acknowledged = read_time(times, "acknowledged");
    inc->closed = read_time(times, "closed");
    inc->updated = read_time(times, "updated");
    if (inc->raised == TIME_NONE)
        return err_set(err, GF_ECORRUPT, "incident %s: times.raised is missing", id);
    if (inc->updated == TIME_NONE)
        inc->updated = inc->raised;
    inc->synced = strcmp(json_str(j, "time_quality", ""), "synced") == 0;
    inc->corrected = strcmp(json_str(j, "time_quality", ""), "corrected") == 0;
    inc->due_acknowledge = read_time(due, "acknowledge");
    inc->due_resolve = read_time(due, "resolve");
    inc->due_follow_up = read_time(due, "follow_up");
    inc->count = engine_whole(json_get(j, "count"), 1);
    inc->told = engine_whole(json_get(j, "told"), inc->count);
    inc->level = (int)(engine_whole(json_get(j, "level"), 0) % 1000);
    inc->rating = (int)(engine_whole(json_get(j, "rating"), 0) % 6);
    inc->test = json_bool(j, "test", false);
    inc->late = json_bool(j, "late", false);
    inc->chattering = json_bool(j, "chattering", false);
    inc->published = json_bool(j, "published", true);
    inc->urgency = engine_cap_word(json_str(j, "urgency", ""));
    inc->certainty = engine_cap_word(json_str(j, "certainty", ""));
    const char *category = json_str(json_get(j, "category"), "code", NULL);
    if ((category && !engine_incident_text(&inc->category, category)) || !read_copy(j, "rule", &inc->rule) ||
        !read_copy(j, "rule_version", &inc->rule_version) || !read_copy(j, "by", &inc->by) || !read_copy(j, "title", &inc->title) ||
        !read_copy(j, "text", &inc->text) || !read_copy(j, "device", &inc->device) || !read_copy(j, "ticket", &inc->ticket) ||
        !read_copy(j, "parent", &inc->parent) || !read_copy(j, "inhibited_by", &inc->inhibited_by) ||
        !read_tree(j, "values", &inc->values) || !read_tree(j, "evidence", &inc->evidence) || !read_tree(j, "members", &inc->members) ||
        !read_tree(j, "devices", &inc->devices) || !read_tree(j, "place", &inc->place) || !read_history(j, inc))
        return err_set(err, GF_ENOMEM, "incident %s: out of memory", id);
    return 0;
}

int incident_read(const char *json, size_t len, struct err *err, struct incident **ret) {
    struct arena arena;
    const cJSON *j;
    int rc;

    arena_init(&arena, 8192, 16 << 20);
    rc = json_parse(&arena, json, len, err, &j);
    if (rc == 0) {
        struct incident *inc = engine_incident_new();

        rc = inc ? read_all(j, err, inc) : err_set(err, GF_ENOMEM, "out of memory");
        if (rc < 0)
            incident_free(inc);
        else
            *ret = inc;
    }
    arena_done(&arena);
    return rc;
}
