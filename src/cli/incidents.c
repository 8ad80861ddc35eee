/* SPDX-License-Identifier: Apache-2.0
 * gengfu incidents, show, tail, and the verbs that people apply to an incident. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"
#include "gengfu/engine/incident.h"

/* The two axes as the one word that matters to who reads a list: what people do while it fires, else that it is over. */
static const char *state_word(const cJSON *doc) {
    const char *handling = json_str(doc, "handling", "");

    return strcmp(json_str(doc, "condition", ""), "resolved") == 0 && strcmp(handling, "closed") != 0 ? "resolved" : handling;
}

static void on_row(struct cli *c, void *ctx, const cJSON *doc) {
    struct table *t = ctx;
    char when[32];
    const char *severity = json_str(doc, "severity", "");

    (void)c;
    table_cell(t, json_str(doc, "number", ""));
    table_cell(t, severity_words(severity));
    table_colour(t, severity_sgr(severity));
    table_cell(t, state_word(doc));
    table_cellf(t, "%lld", (long long)json_int(doc, "count", 0));
    table_cell(t, short_time(json_str(json_get(doc, "times"), "raised", ""), when));
    table_cell(t, json_str(doc, "title", ""));
}

int cmd_incidents(struct cli *c) {
    static const char *const titles[] = {"NUMBER", "SEVERITY", "STATE", "COUNT", "RAISED", "TITLE"};
    int64_t since = -1;
    double limit = 1000;

    if (cli_span(c, "since", &since) != EXIT_FINE || cli_number(c, "limit", 1, 100000, &limit) != EXIT_FINE)
        return EXIT_USAGE;
    cJSON *req = remote_request("incidents");
    if (req == NULL)
        return EXIT_TROUBLE;
    (void)cJSON_AddBoolToObject(req, "open", cli_given(c, "open"));
    if (since >= 0)
        (void)cJSON_AddNumberToObject(req, "since", (double)since);
    if (cli_given(c, "rule"))
        (void)cJSON_AddStringToObject(req, "rule", cli_value(c, "rule"));
    if (cli_given(c, "device"))
        (void)cJSON_AddStringToObject(req, "device", cli_value(c, "device"));
    return remote_table(c, req, titles, 6, (size_t)limit, on_row);
}

/* -- show --------------------------------------------------------------------------------------------------------------- */

static void put(const char *label, const char *value) {
    struct buf b;

    if (value == NULL || value[0] == '\0')
        return;
    buf_init(&b, 1 << 20);
    text_clean(&b, value, strlen(value));
    (void)printf("%-14s %s\n", label, b.data);
    buf_done(&b);
}

static void put_json(const char *label, const cJSON *value) {
    struct buf b;

    if (value == NULL || ((cJSON_IsArray(value) || cJSON_IsObject(value)) && value->child == NULL))
        return;
    buf_init(&b, 1 << 20);
    json_write(&b, value);
    put(label, b.data);
    buf_done(&b);
}

static void show_incident(const struct cli *c, const cJSON *doc) {
    const cJSON *times = json_get(doc, "times"), *due = json_get(doc, "due"), *category = json_get(doc, "category"), *entry;
    const char *severity = json_str(doc, "severity", "");
    char line[64], when[32];
    static const char *const stamps[][2] = {{"first event", "first_event"}, {"last event", "last_event"},
                                            {"raised", "raised"},           {"acknowledged", "acknowledged"},
                                            {"resolved", "resolved"},       {"closed", "closed"},
                                            {"updated", "updated"}};
    static const char *const deadlines[][2] = {{"acknowledge by", "acknowledge"}, {"resolve by", "resolve"}, {"follow up", "follow_up"}};

    put("number", json_str(doc, "number", ""));
    put("title", json_str(doc, "title", ""));
    put("text", json_str(doc, "text", ""));
    (void)printf("%-14s %s%s%s%s%s\n", "severity", c->colour ? "\033[" : "", c->colour ? severity_sgr(severity) : "", c->colour ? "m" : "",
                 severity_words(severity), c->colour ? "\033[0m" : "");
    (void)snprintf(line, sizeof(line), "%s, %s%s%s", json_str(doc, "condition", ""), json_str(doc, "handling", ""),
                   json_get(doc, "disposition") ? ", " : "", json_str(doc, "disposition", ""));
    put("state", line);
    put("rule", json_str(doc, "rule", ""));
    put("by", json_str(doc, "by", ""));
    put("device", json_str(doc, "device", ""));
    put_json("place", json_get(doc, "place"));
    if (category != NULL) {
        (void)snprintf(line, sizeof(line), "%.40s", json_str(category, "code", ""));
        put("category", line);
        put("", json_str(category, "name", ""));
    }
    for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++)
        put(stamps[i][0], json_str(times, stamps[i][1], ""));
    for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++)
        put(deadlines[i][0], json_str(due, deadlines[i][1], ""));
    (void)snprintf(line, sizeof(line), "%lld", (long long)json_int(doc, "count", 0));
    put("count", line);
    put("ticket", json_str(doc, "ticket", ""));
    put_json("values", json_get(doc, "values"));
    put_json("evidence", json_get(doc, "evidence"));
    put_json("members", json_get(doc, "members"));
    put("parent", json_str(doc, "parent", ""));
    put("inhibited by", json_str(doc, "inhibited_by", ""));
    put("id", json_str(doc, "id", ""));
    (void)printf("history\n");
    cJSON_ArrayForEach(entry, json_get(doc, "history")) {
        struct buf b;
        buf_init(&b, 1 << 16);
        buf_printf(&b, "  %s  ", short_time(json_str(entry, "at", ""), when));
        text_column(&b, json_str(entry, "what", ""), 14);
        buf_puts(&b, "  ");
        const char *who = json_str(entry, "who", ""), *note = json_str(entry, "note", "");
        if (note[0] != '\0') {
            text_column(&b, who, 20);
            buf_puts(&b, "  ");
            text_clean(&b, note, strlen(note));
        } else {
            text_clean(&b, who, strlen(who));
        }
        (void)printf("%s\n", b.data);
        buf_done(&b);
    }
}

static void on_show(struct cli *c, void *ctx, const cJSON *doc) {
    bool *revisions = ctx;
    char when[32];

    if (json_get(doc, "id") != NULL) {
        show_incident(c, doc);
        return;
    }
    if (!*revisions)
        (void)printf("revisions\n");
    *revisions = true;
    (void)printf("  %4lld  %s  %s\n", (long long)json_int(doc, "revision", 0), short_time(json_str(doc, "at", ""), when),
                 json_str(doc, "change", ""));
}

int cmd_show(struct cli *c) {
    cJSON *req = remote_request("show");
    bool revisions = false;

    if (req != NULL)
        (void)cJSON_AddStringToObject(req, "incident", c->args[0]);
    return remote_call(c, req, on_show, &revisions);
}

/* -- tail --------------------------------------------------------------------------------------------------------------- */

/* The gateway's offset, so that events bear the same time of day as incidents: "…+08:00" ends the daemon's own stamp. */
static void on_now(struct cli *c, void *ctx, const cJSON *doc) {
    const char *now = json_str(doc, "now", "");
    size_t len = strlen(now);
    int hours, minutes;

    (void)c;
    // NOLINTNEXTLINE(cert-err34-c): two digits each, of our own daemon
    if (len > 6 && sscanf(now + len - 5, "%2d:%2d", &hours, &minutes) == 2)
        *(int *)ctx = (now[len - 6] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

static void on_tail(struct cli *c, void *ctx, const cJSON *doc) {
    const cJSON *event = json_get(doc, "event");
    const int *offset = ctx;
    struct buf b;

    if (event == NULL) {
        print_incident_line(stdout, json_get(doc, "incident"), c->colour);
        (void)fflush(stdout);
        return;
    }
    char when[TIME_TEXT_MAX], at[32];
    buf_init(&b, 1 << 20);
    buf_printf(&b, "%s  ", short_time(time_format(json_int(event, "t", 0), *offset, when), at));
    put_padded(&b, json_str(event, "k", ""), 16);
    buf_puts(&b, "  ");
    put_padded(&b, json_str(event, "d", ""), 20);
    buf_puts(&b, "  ");
    struct buf fields;
    buf_init(&fields, 1 << 20);
    json_write(&fields, json_get(event, "f"));
    text_clean(&b, fields.data, fields.len);
    buf_done(&fields);
    (void)printf("%s\n", b.data);
    (void)fflush(stdout);
    buf_done(&b);
}

int cmd_tail(struct cli *c) {
    cJSON *req = NULL;
    int offset = 0, rc = c->json ? EXIT_FINE : remote_call(c, remote_request("status"), on_now, &offset);

    if (rc != EXIT_FINE)
        return rc;
    c->streams = true;
    if ((req = remote_request("tail")) == NULL)
        return EXIT_TROUBLE;
    (void)cJSON_AddBoolToObject(req, "matched", cli_given(c, "matched"));
    if (cli_given(c, "device"))
        (void)cJSON_AddStringToObject(req, "device", cli_value(c, "device"));
    if (cli_given(c, "rule"))
        (void)cJSON_AddStringToObject(req, "rule", cli_value(c, "rule"));
    return remote_call(c, req, on_tail, &offset);
}

/* -- what people do ----------------------------------------------------------------------------------------------------- */

static void on_answer(struct cli *c, void *ctx, const cJSON *doc) {
    (void)ctx;
    if (json_bool(doc, "ok", false))
        (void)printf("%s: done, revision %lld\n", c->args[0], (long long)json_int(doc, "revision", 0));
}

static bool is_disposition(const char *word) {
    for (int d = DISPOSITION_REAL; d <= DISPOSITION_TEST; d++)
        if (strcmp(disposition_name((enum disposition)d), word) == 0)
            return true;
    return false;
}

int cmd_command(struct cli *c) {
    if (cli_given(c, "disposition") && !is_disposition(cli_value(c, "disposition")))
        return cli_usage(c, "--disposition: '%s' is none of real, false_alarm, ignored, test", cli_value(c, "disposition"));
    static const struct {
        const char *verb, *action;
    } verbs[] = {{"ack", "acknowledge"}, {"dispatch", "dispatch"}, {"handle", "handle"}, {"resolve", "resolve"},
                 {"close", "close"},     {"reopen", "reopen"},     {"note", "note"}};
    cJSON *req = remote_request("command"), *command = cJSON_CreateObject();
    const char *user = getenv("SUDO_USER") ? getenv("SUDO_USER") : getenv("USER");

    if (req == NULL || command == NULL || !cJSON_AddItemToObject(req, "command", command)) {
        cJSON_Delete(req);
        return EXIT_TROUBLE;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].verb, c->command->name) == 0)
            (void)cJSON_AddStringToObject(command, "action", verbs[i].action);
    (void)cJSON_AddStringToObject(command, "incident", c->args[0]);
    if (user != NULL)
        (void)cJSON_AddStringToObject(command, "by", user);
    if (c->nargs > 1)
        (void)cJSON_AddStringToObject(command, "note", c->args[1]);
    if (cli_given(c, "note"))
        (void)cJSON_AddStringToObject(command, "note", cli_value(c, "note"));
    if (cli_given(c, "ticket"))
        (void)cJSON_AddStringToObject(command, "ticket", cli_value(c, "ticket"));
    if (cli_given(c, "disposition"))
        (void)cJSON_AddStringToObject(command, "disposition", cli_value(c, "disposition"));
    return remote_call(c, req, on_answer, NULL);
}
