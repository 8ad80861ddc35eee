/* SPDX-License-Identifier: Apache-2.0
 * The control socket's requests: one table from name to function. What each answers is described in docs/control.md. */
#include <stdio.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

static void request_reload(struct daemon *d, struct control_client *c, const cJSON *req) {
    struct err err = {0};
    char who[CONTROL_WHO_MAX];

    (void)req;
    control_who(c, who);
    if (daemon_reload(d, who, &err) < 0) {
        control_end(c, 3, err.text);
        return;
    }
    struct buf b;
    struct jw w;

    buf_init(&b, 4096);
    w = jw_start(&b);
    jw_open(&w, NULL, '{');
    jw_int(&w, "sources", (int64_t)d->rules->nsources);
    jw_int(&w, "rules", (int64_t)(d->rules->nrules - d->rules->nbuiltin));
    jw_int(&w, "devices", (int64_t)registry_count(d->rules->registry));
    jw_str(&w, "hash", d->rules->hash);
    jw_close(&w, '}');
    control_line(c, b.data, b.len);
    buf_done(&b);
    control_end(c, 0, NULL);
}

static void request_tail(struct daemon *d, struct control_client *c, const cJSON *req) {
    const char *rule = json_str(req, "rule", "");

    if (rule[0] != '\0' && ruleset_rule(d->rules, rule) == NULL) {
        const char *near = ruleset_nearest_rule(d->rules, rule);
        char why[300];
        (void)snprintf(why, sizeof(why), "no rule '%.100s'%s%s%s", rule, near ? ": did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
        control_end(c, 2, why);
        return;
    }
    if (tail_add(d, c, req) < 0)
        control_end(c, 3, "too many tails are open already");
}

static void request_command(struct daemon *d, struct control_client *c, const cJSON *req) {
    const cJSON *command = json_get(req, "command");
    struct arena arena;
    struct buf answer;
    const cJSON *told;
    char who[CONTROL_WHO_MAX];

    if (!cJSON_IsObject(command)) {
        control_end(c, 2, "a command request needs an object \"command\"");
        return;
    }
    control_who(c, who);
    buf_init(&answer, 65536);
    pipeline_command(d, command, &(struct commander){.who = who}, &answer);
    control_line(c, answer.data, answer.len);
    arena_init(&arena, 4096, 1 << 20);
    bool ok = json_parse(&arena, answer.data, answer.len, NULL, &told) == 0 && json_bool(told, "ok", false);
    control_end(c, ok ? 0 : 3, ok ? NULL : json_str(told, "error", "refused"));
    arena_done(&arena);
    buf_done(&answer);
}

static void request_resend(struct daemon *d, struct control_client *c, const cJSON *req) {
    const char *incident = json_str(req, "incident", ""), *platform = json_str(req, "platform", NULL);
    struct err err = {0};
    size_t rows = 0;
    char who[CONTROL_WHO_MAX], line[64];
    struct store_note note = {.who = who, .what = "resend", .detail = incident};

    control_who(c, who);
    int rc = store_outbox_resend(d->store, &note, platform, pipeline_audience(d, incident), incident, daemon_now(d).wall, &rows, &err);
    if (rc < 0) {
        control_end(c, rc == GF_ENOTFOUND ? 1 : 3, err.text);
        return;
    }
    trail_say(d, &note);
    if (d->forward != NULL)
        forward_wake(d->forward);
    int n = snprintf(line, sizeof(line), "{\"queued\":%zu}", rows);
    control_line(c, line, (size_t)n);
    control_end(c, 0, NULL);
}

static void request_trace(struct daemon *d, struct control_client *c, const cJSON *req) {
    struct buf text, line;

    (void)d;
    (void)req;
    buf_init(&text, 1 << 20);
    buf_init(&line, 1 << 21);
    trace_dump(&text);
    struct jw w = jw_start(&line);
    jw_open(&w, NULL, '{');
    jw_strn(&w, "trace", text.data, text.len);
    jw_close(&w, '}');
    control_line(c, line.data, line.len);
    control_end(c, 0, NULL);
    buf_done(&text);
    buf_done(&line);
}

static const struct request {
    const char *name;
    void (*run)(struct daemon *d, struct control_client *c, const cJSON *req);
} requests[] = {
    {"status", request_status},   {"incidents", request_incidents}, {"show", request_show},     {"devices", request_devices},
    {"sources", request_sources}, {"rules", request_rules},         {"outbox", request_outbox}, {"reload", request_reload},
    {"tail", request_tail},       {"command", request_command},     {"resend", request_resend}, {"trace", request_trace},
    {"audit", request_audit},
};

static void on_request(void *ctx, struct control_client *c, const cJSON *req) {
    struct daemon *d = ctx;
    const char *name = json_str(req, "do", "");
    char why[200];

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strcmp(requests[i].name, name) == 0) {
            requests[i].run(d, c, req);
            return;
        }
    }
    (void)snprintf(why, sizeof(why), "no request '%.80s' (an older daemon? systemctl restart gengfu)", name);
    control_end(c, 2, why);
}

static void on_gone(void *ctx, struct control_client *c) { tail_remove(ctx, c); }

static void on_closed(void *ctx) {
    struct daemon *d = ctx;

    control_free(d->control);
    d->control = NULL;
    d->control_gone = true;
    daemon_maybe_gone(d);
}

const struct control_ops daemon_control_ops = {.request = on_request, .gone = on_gone, .closed = on_closed};
