/* SPDX-License-Identifier: Apache-2.0
 * gengfu status: health at a glance, troubles first. Exit code 1 when there is a trouble. */
#include <stdarg.h>
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"

static long long num(const cJSON *o, const char *name) { return (long long)json_int(o, name, 0); }

static void show_troubles(struct cli *c, const cJSON *troubles) {
    const cJSON *t;

    cJSON_ArrayForEach(t, troubles) {
        const char *why = json_str(t, "why", "");
        struct buf b; /* what a broker or a platform has answered may be in it */
        buf_init(&b, 1 << 20);
        text_clean(&b, why, strlen(why));
        (void)printf("%s! %s%s: %s\n", c->colour ? "\033[31m" : "", json_str(t, "what", ""), c->colour ? "\033[0m" : "", b.data);
        buf_done(&b);
    }
    if (cJSON_GetArraySize(troubles) > 0)
        (void)printf("\n");
}

/* "broker      localhost:1883 connected, MQTT 5" */
GF_PRINTF(2, 3) static void line(const char *label, const char *fmt, ...) {
    struct buf b, clean;
    va_list ap;

    buf_init(&b, 1 << 20);
    buf_init(&clean, 1 << 20);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    text_clean(&clean, b.data, b.len);
    (void)printf("%-11s ", label);
    put_wrapped(stdout, 12, clean.data);
    buf_done(&b);
    buf_done(&clean);
}

static void show_platforms(const cJSON *platforms) {
    const cJSON *p;
    char when[32];

    cJSON_ArrayForEach(p, platforms)
        line("platform", "%s (%s) %s; %lld confirmed, last %s; %lld failed, %lld dead, %lld in flight", json_str(p, "name", ""),
             json_str(p, "type", ""), json_bool(p, "reachable", false) ? "reachable" : "not reachable", num(p, "confirmed"),
             short_time(json_str(p, "last_confirmed", "-"), when), num(p, "failed"), num(p, "dead"), num(p, "in_flight"));
}

static void on_status(struct cli *c, void *ctx, const cJSON *s) {
    const cJSON *rules = json_get(s, "rules"), *broker = json_get(s, "broker"), *m = json_get(s, "messages"), *store = json_get(s, "store"),
                *out = json_get(s, "outbox");
    const cJSON *inc = json_get(s, "incidents"), *troubles = json_get(s, "troubles");
    int *found = ctx;
    char a[32], b[32], d[32];

    *found = cJSON_GetArraySize(troubles);
    if (c->json)
        return;
    show_troubles(c, troubles);
    line("gengfu", "%s, gateway %s, since %s, %s resident", json_str(s, "version", ""), json_str(s, "gateway", ""),
         short_time(json_str(s, "started", ""), a), size_format(json_int(s, "resident_bytes", 0), b));
    line("rules", "%lld sources, %lld rules, %lld devices (%.12s)", num(rules, "sources"), num(rules, "rules"), num(rules, "devices"),
         json_str(rules, "hash", ""));
    line("broker", "%s:%lld %s, MQTT %s", json_str(broker, "host", ""), num(broker, "port"),
         json_bool(broker, "connected", false) ? "connected" : "not connected", num(broker, "protocol") == 5 ? "5" : "3.1.1");
    line("messages",
         "%lld received: %lld with events, %lld without news, %lld ignored, %lld unmatched, %lld broken; %lld duplicates dropped",
         num(m, "received"), num(m, "events"), num(m, "nothing"), num(m, "ignored"), num(m, "unmatched"), num(m, "broken"),
         num(broker, "duplicates"));
    line("events", "%lld, %lld thinned; %lld devices that are not registered", num(s, "events"), num(s, "thinned"),
         num(s, "unregistered_devices"));
    line("incidents", "%lld open, %lld opened since start", num(inc, "open"), num(inc, "opened"));
    line("outbox", "%lld waiting, %lld dead letters, oldest %s", num(out, "waiting"), num(out, "dead"),
         short_time(json_str(out, "oldest", "-"), a));
    show_platforms(json_get(s, "platforms"));
    line("store", "%s, WAL %s, %lld journal rows since %s; %lld commits, p50 %lld us, p99 %lld us",
         size_format(json_int(store, "file_bytes", 0), b), size_format(json_int(store, "wal_bytes", 0), d), num(store, "journal_rows"),
         short_time(json_str(store, "journal_oldest", "-"), a), num(store, "commits"), num(store, "commit_p50_us"),
         num(store, "commit_p99_us"));
}

static void on_trace(struct cli *c, void *ctx, const cJSON *s) {
    (void)c;
    (void)ctx;
    (void)fputs(json_str(s, "trace", ""), stdout);
}

int cmd_status(struct cli *c) {
    int troubles = 0;

    if (cli_given(c, "trace"))
        return remote_call(c, remote_request("trace"), on_trace, NULL);
    c->looks_at_json = true;
    int rc = remote_call(c, remote_request("status"), on_status, &troubles);
    return rc == EXIT_FINE && troubles > 0 ? EXIT_FOUND : rc;
}
