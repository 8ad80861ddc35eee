/* SPDX-License-Identifier: Apache-2.0
 * Health at a glance: one JSON object, troubles first. Shapes are described in docs/control.md. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/time.h"

static int64_t resident_bytes(void) {
    long pages = 0, size = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f == NULL)
        return 0;
    // NOLINTNEXTLINE(cert-err34-c): the kernel's numbers of pages fit
    if (fscanf(f, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    (void)fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static void trouble(struct jw *w, const char *what, const char *why) {
    jw_open(w, NULL, '{');
    jw_str(w, "what", what);
    jw_str(w, "why", why);
    jw_close(w, '}');
}

/* A broker that is there, and does not give what was asked for. */
static void put_subscriptions(struct jw *w, const struct daemon *d) {
    struct ingest_stats s = {0};
    char text[400];

    if (d->ingest == NULL || !d->link_up)
        return;
    ingest_stats(d->ingest, &s);
    if (s.refused > 0) {
        (void)snprintf(text, sizeof(text), "%zu, the first is '%.200s': what may our user read there? gengfu reload asks again", s.refused,
                       s.refused_first);
        trouble(w, "the broker refuses subscriptions; nothing comes of them", text);
    }
    if (s.lesser > 0) {
        (void)snprintf(text, sizeof(text), "%zu, the first is '%.200s': what is on its way, or comes while we are away, is lost", s.lesser,
                       s.lesser_first);
        trouble(w, "the broker grants subscriptions at QoS 0 only", text);
    }
}

static void put_troubles(struct jw *w, const struct daemon *d) {
    char text[400];

    jw_open(w, "troubles", '[');
    if (d->stuck)
        trouble(w, "the store cannot be written; nothing is acknowledged", d->stuck_why);
    else if (d->full)
        trouble(w, "the store's disk is full; nothing is acknowledged until there is room", "the reserve is given up");
    if (!d->link_up)
        trouble(w, "the broker is not reachable", d->link_why);
    put_subscriptions(w, d);
    if (!d->reload_ok)
        trouble(w, d->fell_back ? "the rules are broken; the last good set is in force" : "the latest reload was refused", d->reload_why);
    if (d->reopen_why[0] != '\0')
        trouble(w, "what the latest reload changed could not be opened; trying again", d->reopen_why);
    if (!daemon_now(d).synced)
        trouble(w, d->clock.vouched ? "the clock is not set" : "the clock is not known to be right",
                "stamps are marked unsynced; is there an NTP service?");
    for (size_t i = 0; d->forward != NULL && i < forward_platforms(d->forward); i++) {
        struct forward_stats s;
        forward_stats(d->forward, i, &s);
        if (!s.reachable && s.why[0] != '\0') {
            (void)snprintf(text, sizeof(text), "platform %s is not reachable", s.name);
            trouble(w, text, s.why);
        }
    }
    if (limiter_flooding(d->limiter) > 0) {
        (void)snprintf(text, sizeof(text), "%zu devices send more than they may", limiter_flooding(d->limiter));
        trouble(w, text, "their events are thinned, those of others are not: gengfu devices --json shows which");
    }
    for (size_t i = 0; i < engine_rules(d->engine); i++) {
        struct engine_rule_stats s;
        engine_rule_stats(d->engine, i, &s);
        if (s.errors > 0) {
            (void)snprintf(text, sizeof(text), "rule %s has %llu expression errors", s.rule->name, (unsigned long long)s.errors);
            trouble(w, text, s.last_error ? s.last_error : "");
        }
    }
    door_troubles(w, d);
    jw_close(w, ']');
}

static int64_t percentile(const uint64_t *hist, uint64_t total, double share) {
    uint64_t seen = 0;

    for (size_t i = 0; i < COMMIT_BUCKETS; i++) {
        seen += hist[i];
        if (total > 0 && (double)seen >= share * (double)total)
            return INT64_C(1) << (i + 1); /* upper edge, microseconds */
    }
    return 0;
}

static void put_broker(struct jw *w, const struct daemon *d) {
    struct ingest_stats s = {0};

    if (d->ingest != NULL)
        ingest_stats(d->ingest, &s);
    jw_open(w, "broker", '{');
    jw_str(w, "host", d->conf_rules->config->broker.host);
    jw_int(w, "port", d->conf_rules->config->broker.port);
    jw_bool(w, "connected", d->link_up);
    jw_str(w, "why", d->link_up ? "" : d->link_why);
    jw_int(w, "protocol", s.protocol);
    jw_int(w, "messages", (int64_t)s.messages);
    jw_int(w, "duplicates", (int64_t)s.duplicates);
    jw_int(w, "qos0", (int64_t)s.qos0);
    jw_int(w, "bytes", (int64_t)s.bytes);
    jw_int(w, "batches", (int64_t)s.batches);
    jw_int(w, "largest_batch", (int64_t)s.largest_batch);
    jw_int(w, "connects", (int64_t)s.connects);
    jw_int(w, "sessions_lost", (int64_t)s.sessions_lost);
    jw_close(w, '}');
}

static void put_messages(struct jw *w, const struct daemon *d) {
    jw_open(w, "messages", '{');
    jw_int(w, "received", (int64_t)d->messages);
    for (int o = OUTCOME_EVENTS; o <= OUTCOME_BROKEN; o++)
        jw_int(w, source_outcome_name((enum source_outcome)o), (int64_t)mapper_count(d->mapper, (enum source_outcome)o));
    jw_close(w, '}');
}

static void put_store(struct jw *w, const struct daemon *d) {
    struct store_info info = {0};
    struct store_outbox_counts out = {0};
    struct err err = {0};

    jw_open(w, "store", '{');
    jw_bool(w, "writable", !d->stuck);
    jw_bool(w, "full", d->full);
    jw_int(w, "room_bytes", store_room(d->store));
    if (store_info(d->store, &info, &err) == 0) {
        jw_int(w, "file_bytes", info.file_bytes);
        jw_int(w, "wal_bytes", info.wal_bytes);
        jw_int(w, "journal_rows", info.journal_rows);
        daemon_put_time(w, d, "journal_oldest", info.journal_oldest);
        jw_int(w, "incidents", info.incidents);
        jw_int(w, "schema", info.schema);
    } else {
        jw_str(w, "error", err.text);
    }
    jw_int(w, "commits", (int64_t)d->commits);
    jw_int(w, "commit_failures", (int64_t)d->commit_failures);
    jw_int(w, "commit_p50_us", percentile(d->commit_hist, d->commits, 0.50));
    jw_int(w, "commit_p99_us", percentile(d->commit_hist, d->commits, 0.99));
    jw_close(w, '}');
    jw_open(w, "outbox", '{');
    if (store_outbox_counts(d->store, NULL, &out, &err) == 0) {
        jw_int(w, "waiting", (int64_t)out.waiting);
        jw_int(w, "dead", (int64_t)out.dead);
        jw_int(w, "orphaned", (int64_t)out.orphaned);
        daemon_put_time(w, d, "oldest", out.oldest);
        jw_int(w, "bytes", out.bytes);
    }
    jw_close(w, '}');
}

static void put_platforms(struct jw *w, const struct daemon *d) {
    jw_open(w, "platforms", '[');
    for (size_t i = 0; d->forward != NULL && i < forward_platforms(d->forward); i++) {
        struct forward_stats s;
        forward_stats(d->forward, i, &s);
        jw_open(w, NULL, '{');
        jw_str(w, "name", s.name);
        jw_str(w, "type", s.type);
        jw_bool(w, "reachable", s.reachable);
        jw_str(w, "why", s.why);
        jw_int(w, "sent", (int64_t)s.sent);
        jw_int(w, "confirmed", (int64_t)s.confirmed);
        jw_int(w, "failed", (int64_t)s.failed);
        jw_int(w, "dead", (int64_t)s.dead);
        jw_int(w, "commands", (int64_t)s.commands);
        jw_int(w, "in_flight", (int64_t)s.in_flight);
        daemon_put_time(w, d, "last_confirmed", s.last_confirmed);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_rules(struct jw *w, const struct daemon *d) {
    jw_open(w, "rules", '{');
    jw_int(w, "sources", (int64_t)d->rules->nsources);
    jw_int(w, "rules", (int64_t)(d->rules->nrules - d->rules->nbuiltin));
    jw_int(w, "devices", (int64_t)registry_count(d->rules->registry));
    jw_str(w, "hash", d->rules->hash);
    daemon_put_time(w, d, "last_reload", d->last_reload);
    jw_bool(w, "reload_ok", d->reload_ok);
    jw_bool(w, "fell_back", d->fell_back);
    jw_str(w, "reload_why", d->reload_why);
    jw_close(w, '}');
}

void request_status(struct daemon *d, struct control_client *c, const cJSON *req) {
    char head[STORE_AUDIT_HEAD];
    struct buf b;
    struct jw w;

    (void)req;
    buf_init(&b, 1 << 20);
    w = jw_start(&b);
    jw_open(&w, NULL, '{');
    put_troubles(&w, d);
    jw_str(&w, "version", GENGFU_VERSION);
    jw_str(&w, "gateway", d->rules->config->id);
    daemon_put_time(&w, d, "now", daemon_now(d).wall);
    daemon_put_time(&w, d, "started", d->started);
    jw_int(&w, "pid", getpid());
    jw_int(&w, "resident_bytes", resident_bytes());
    put_rules(&w, d);
    put_broker(&w, d);
    put_messages(&w, d);
    jw_int(&w, "events", (int64_t)d->events);
    jw_int(&w, "own_events", (int64_t)d->own_events);
    jw_int(&w, "thinned", (int64_t)limiter_thinned(d->limiter, NULL));
    jw_int(&w, "flooding", (int64_t)limiter_flooding(d->limiter));
    jw_int(&w, "unregistered_devices", (int64_t)engine_unregistered(d->engine));
    jw_open(&w, "incidents", '{');
    jw_int(&w, "open", (int64_t)engine_open_incidents(d->engine));
    jw_int(&w, "opened", (int64_t)d->opened);
    jw_close(&w, '}');
    put_store(&w, d);
    put_platforms(&w, d);
    store_audit_head(d->store, head);
    jw_str(&w, "audit", head);
    jw_close(&w, '}');
    control_line(c, b.data, b.len);
    control_end(c, 0, NULL);
    buf_done(&b);
}
