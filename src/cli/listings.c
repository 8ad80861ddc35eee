/* SPDX-License-Identifier: Apache-2.0
 * gengfu devices, sources, rules, outbox, resend, reload. */
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"

static void on_device(struct cli *c, void *ctx, const cJSON *d) {
    const cJSON *online = json_get(d, "online");
    char when[32];

    (void)c;
    table_cell(ctx, json_str(d, "device", ""));
    table_cell(ctx, json_bool(d, "registered", false) ? json_str(d, "kind", "") : "(unknown)");
    table_cell(ctx, cJSON_IsBool(online) ? (cJSON_IsTrue(online) ? "online" : "offline") : "-");
    if (cJSON_IsFalse(online))
        table_colour(ctx, "31");
    table_cell(ctx, short_time(json_str(d, "last_seen", ""), when));
    table_cellf(ctx, "%lld", (long long)json_int(d, "events", 0));
    long long thinned = (long long)json_int(d, "thinned", 0);
    table_cellf(ctx, "%lld", thinned);
    table_colour(ctx, thinned > 0 ? "33" : NULL);
    table_cell(ctx, json_str(d, "name", ""));
    table_cell(ctx, json_str(d, "place", ""));
}

static void on_one_device(struct cli *c, void *ctx, const cJSON *d) {
    const cJSON *field;
    struct buf b;

    (void)ctx;
    (void)c;
    static const char *const texts[][2] = {
        {"device", "device"}, {"name", "name"}, {"place", "place"}, {"kind", "kind"}, {"last seen", "last_seen"}};
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *value = json_str(d, texts[i][1], i == 4 ? "never" : "");
        buf_clear(&b);
        text_clean(&b, value, strlen(value));
        if (b.len > 0)
            (void)printf("%-16s %s\n", texts[i][0], b.data);
    }
    (void)printf("%-16s %s\n%-16s %lld\n", "registered", json_bool(d, "registered", false) ? "yes" : "no", "events",
                 (long long)json_int(d, "events", 0));
    if (json_int(d, "thinned", 0) > 0)
        (void)printf("%-16s %lld\n", "thinned", (long long)json_int(d, "thinned", 0));
    cJSON_ArrayForEach(field, json_get(d, "fields")) {
        buf_clear(&b);
        json_write(&b, field);
        struct buf clean;
        buf_init(&clean, 1 << 20);
        text_column(&clean, field->string, 16);
        buf_putc(&clean, ' ');
        text_clean(&clean, b.data, b.len);
        (void)printf("%s\n", clean.data);
        buf_done(&clean);
    }
    buf_done(&b);
}

int cmd_devices(struct cli *c) {
    static const char *const titles[] = {"DEVICE", "KIND", "LINK", "LAST SEEN", "EVENTS", "THINNED", "NAME", "PLACE"};
    cJSON *req = remote_request("devices");

    if (req == NULL)
        return EXIT_TROUBLE;
    (void)cJSON_AddBoolToObject(req, "offline", cli_given(c, "offline"));
    (void)cJSON_AddBoolToObject(req, "unknown", cli_given(c, "unknown"));
    if (c->nargs > 0) {
        (void)cJSON_AddStringToObject(req, "device", c->args[0]);
        return remote_call(c, req, on_one_device, NULL);
    }
    return remote_table(c, req, titles, 8, 0, on_device);
}

static void on_source(struct cli *c, void *ctx, const cJSON *s) {
    (void)c;
    table_cell(ctx, json_str(s, "source", ""));
    table_cellf(ctx, "%lld", (long long)json_int(s, "messages", 0));
    table_cellf(ctx, "%lld", (long long)json_int(s, "events", 0));
    table_cellf(ctx, "%lld", (long long)json_int(s, "nothing", 0));
    table_cellf(ctx, "%lld", (long long)json_int(s, "broken", 0));
    if (json_int(s, "broken", 0) > 0)
        table_colour(ctx, "31");
    table_cell(ctx, json_str(s, "topic", ""));
}

static void on_trouble(struct cli *c, void *ctx, const cJSON *t) {
    char when[32];

    (void)c;
    table_cell(ctx, json_str(t, "topic", ""));
    table_cell(ctx, json_str(t, "outcome", ""));
    table_cellf(ctx, "%lld", (long long)json_int(t, "count", 0));
    table_cell(ctx, short_time(json_str(t, "last", ""), when));
    table_cell(ctx, json_str(t, "why", ""));
    table_cell(ctx, json_str(t, "example", ""));
}

int cmd_sources(struct cli *c) {
    static const char *const titles[] = {"SOURCE", "MESSAGES", "EVENTS", "NOTHING", "BROKEN", "TOPIC"};
    static const char *const troubles[] = {"TOPIC", "OUTCOME", "COUNT", "LAST", "WHY", "LATEST EXAMPLE"};
    bool unmatched = cli_given(c, "unmatched");
    cJSON *req = remote_request("sources");

    if (req == NULL)
        return EXIT_TROUBLE;
    (void)cJSON_AddBoolToObject(req, "unmatched", unmatched);
    return unmatched ? remote_table(c, req, troubles, 6, 0, on_trouble) : remote_table(c, req, titles, 6, 0, on_source);
}

static void on_rule(struct cli *c, void *ctx, const cJSON *r) {
    (void)c;
    table_cellf(ctx, "%s%s", json_str(r, "rule", ""), json_bool(r, "builtin", false) ? " (built in)" : "");
    table_cell(ctx, json_str(r, "mode", ""));
    table_cell(ctx, json_str(r, "severity", ""));
    table_colour(ctx, severity_sgr(json_str(r, "severity", "")));
    table_cellf(ctx, "%lld", (long long)json_int(r, "evaluated", 0));
    table_cellf(ctx, "%lld", (long long)json_int(r, "matched", 0));
    table_cellf(ctx, "%lld", (long long)json_int(r, "pending", 0));
    table_cellf(ctx, "%lld", (long long)json_int(r, "firing", 0));
    table_cellf(ctx, "%lld", (long long)json_int(r, "opened", 0));
    table_cellf(ctx, "%lld", (long long)json_int(r, "errors", 0));
    if (json_int(r, "errors", 0) > 0)
        table_colour(ctx, "31");
    table_cellf(ctx, "%lld", (long long)json_int(r, "evicted", 0));
    if (json_int(r, "evicted", 0) > 0)
        table_colour(ctx, "31");
}

int cmd_rules(struct cli *c) {
    static const char *const titles[] = {"RULE",    "MODE",   "SEVERITY", "EVENTS", "MATCHED",
                                         "PENDING", "FIRING", "OPENED",   "ERRORS", "EVICTED"};

    return remote_table(c, remote_request("rules"), titles, 10, 0, on_rule);
}

static void on_outbox(struct cli *c, void *ctx, const cJSON *r) {
    char when[32];

    (void)c;
    table_cell(ctx, json_str(r, "platform", ""));
    table_cell(ctx, json_str(r, "number", ""));
    table_cellf(ctx, "%lld %s", (long long)json_int(r, "revision", 0), json_str(r, "change", ""));
    table_cell(ctx, json_str(r, "severity", ""));
    table_colour(ctx, severity_sgr(json_str(r, "severity", "")));
    table_cell(ctx, short_time(json_str(r, "queued", ""), when));
    table_cellf(ctx, "%lld", (long long)json_int(r, "attempts", 0));
    table_cell(ctx, json_bool(r, "dead", false) ? "dead letter" : short_time(json_str(r, "next_try", "now"), when));
    table_cell(ctx, json_str(r, "why", ""));
    table_cell(ctx, json_str(r, "title", ""));
}

int cmd_outbox(struct cli *c) {
    static const char *const titles[] = {"PLATFORM", "NUMBER", "REVISION", "SEVERITY", "QUEUED", "TRIES", "NEXT TRY", "WHY", "TITLE"};
    double limit = 1000;

    if (cli_number(c, "limit", 1, 100000, &limit) != EXIT_FINE)
        return EXIT_USAGE;
    cJSON *req = remote_request("outbox");
    if (req == NULL)
        return EXIT_TROUBLE;
    (void)cJSON_AddBoolToObject(req, "dead", cli_given(c, "dead"));
    return remote_table(c, req, titles, 9, (size_t)limit, on_outbox);
}

static void on_resent(struct cli *c, void *ctx, const cJSON *doc) {
    (void)ctx;
    long long rows = (long long)json_int(doc, "queued", 0);
    (void)printf("%s: queued for %lld platform%s\n", c->args[0], rows, plural((size_t)rows));
}

int cmd_resend(struct cli *c) {
    cJSON *req = remote_request("resend");

    if (req == NULL)
        return EXIT_TROUBLE;
    (void)cJSON_AddStringToObject(req, "incident", c->args[0]);
    if (cli_given(c, "platform"))
        (void)cJSON_AddStringToObject(req, "platform", cli_value(c, "platform"));
    return remote_call(c, req, on_resent, NULL);
}

static void on_reloaded(struct cli *c, void *ctx, const cJSON *doc) {
    (void)c;
    (void)ctx;
    long long sources = (long long)json_int(doc, "sources", 0), rules = (long long)json_int(doc, "rules", 0),
              devices = (long long)json_int(doc, "devices", 0);
    (void)printf("in force: %lld source%s, %lld rule%s, %lld device%s (%.12s)\n", sources, plural((size_t)sources), rules,
                 plural((size_t)rules), devices, plural((size_t)devices), json_str(doc, "hash", ""));
}

int cmd_reload(struct cli *c) { return remote_call(c, remote_request("reload"), on_reloaded, NULL); }
