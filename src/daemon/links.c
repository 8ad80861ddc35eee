/* SPDX-License-Identifier: Apache-2.0
 * Ingest and forward as the daemon uses them: their callbacks, and replacing them when a reload changed the configuration. */
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/crypt.h"
#include "gengfu/base/log.h"

static void on_message(void *ctx, const struct mqtt_message *m) { pipeline_message(ctx, m); }

static int on_commit(void *ctx, const struct ingest_ack *acks, size_t n, bool now) {
    struct daemon *d = ctx;

    d->in_batch = true;
    int rc = pipeline_batch(d, acks, n, now);

    d->in_batch = false;
    if (rc >= 0 && clock_moved(d))
        clock_look(d);
    if (rc >= 0)
        pipeline_schedule(d);
    return rc;
}

static void on_link(void *ctx, bool up, const char *why) {
    struct daemon *d = ctx;

    (void)snprintf(d->link_why, sizeof(d->link_why), "%s", why ? why : "");
    if (up == d->link_up && (up || d->link_told))
        return;
    if (up)
        log_notice("broker: connected");
    else
        log_warn("broker: %s; trying again until it is there", d->link_why);
    d->link_told = true;
    health_set(d, "broker", "", !up, d->link_why, 0);
    if (up == d->link_up)
        return;
    d->link_up = up;
    int64_t now = daemon_now(d).mono;

    if (up)
        limiter_credit(d->limiter, now - d->link_since, now);
    d->link_since = now;
    engine_link(d->engine, up, daemon_now(d));
    pipeline_schedule(d);
    notify_status(d);
}

static void on_ingest_closed(void *ctx) {
    struct daemon *d = ctx;

    ingest_free(d->ingest);
    d->ingest = NULL;
    d->ingest_gone = true;
    if (d->replacing_ingest) {
        d->replacing_ingest = false;
        daemon_reload_settle(d);
    } else {
        daemon_maybe_gone(d);
    }
}

/* What was acknowledged in a session that is over has nothing to do with the packet ids of this one. */
static void on_anew(void *ctx) {
    struct daemon *d = ctx;
    struct err err = {0};

    if (store_forget_acks(d->store, &err) < 0)
        log_warn("broker: what was acknowledged in its former session is not forgotten: %s", err.text);
}

static void on_settled(void *ctx) { subscriptions_settled(ctx); }

static int on_restored_ack(void *ctx, uint16_t mid, uint64_t hash) { return ingest_restore(ctx, mid, hash); }

int daemon_open_ingest(struct daemon *d, struct err *err) {
    static const struct ingest_ops ops = {
        .message = on_message, .commit = on_commit, .link = on_link, .anew = on_anew, .settled = on_settled, .closed = on_ingest_closed};
    struct ingest *in;
    int rc = ingest_new(&d->loop, d->conf_rules->config, &ops, d, err, &in);

    if (rc < 0)
        return err_prefix(err, "broker");
    d->ingest = in;
    rc = subscriptions_are_former(d) ? store_each_ack(d->store, on_restored_ack, in, err) : store_forget_acks(d->store, err);
    if (rc == 0)
        rc = subscriptions_set(d, err);
    if (rc == 0)
        rc = ingest_start(in, err);
    if (rc < 0) {
        d->ingest = NULL;
        ingest_free(in);
        return err_prefix(err, "broker");
    }
    d->ingest_gone = false;
    return 0;
}

/* A forward that is being replaced still counts by its own configuration. */
static const struct config_platform *platform_of(const struct daemon *d, size_t platform) {
    const struct config *conf = d->old_conf_rules != NULL ? d->old_conf_rules->config : d->conf_rules->config;

    return platform < conf->nplatforms ? &conf->platforms[platform] : NULL;
}

static const char *platform_name(const struct daemon *d, size_t platform) {
    const struct config_platform *p = platform_of(d, platform);

    return p != NULL ? p->name : "?";
}

static void on_command(void *ctx, size_t platform, const cJSON *command, struct buf *answer) {
    struct daemon *d = ctx;
    const struct config_platform *p = platform_of(d, platform);
    char who[160];
    struct commander by = {.who = who, .platform = platform_name(d, platform), .actions = p != NULL ? p->actions : 0};

    (void)snprintf(who, sizeof(who), "platform:%s", by.platform);
    pipeline_command(d, command, &by, answer);
}

static void on_health(void *ctx, size_t platform, bool reachable, const char *why) {
    const char *name = platform_name(ctx, platform);

    health_set(ctx, "platform", name, !reachable, reachable ? "" : why, 0);
    if (reachable)
        log_notice("platform %s: reachable", name);
    else
        log_warn("platform %s: %s", name, why);
}

static void on_forward_closed(void *ctx) {
    struct daemon *d = ctx;

    forward_free(d->forward);
    d->forward = NULL;
    d->forward_gone = true;
    if (d->replacing_forward) {
        d->replacing_forward = false;
        daemon_reload_settle(d);
    } else {
        daemon_maybe_gone(d);
    }
}

static void on_damaged(void *ctx, struct err *err) { daemon_store_failed(ctx, err); }

static int64_t on_wall(void *ctx) { return daemon_now(ctx).wall; }

int daemon_open_forward(struct daemon *d, struct err *err) {
    static const struct forward_ops ops = {
        .command = on_command, .health = on_health, .damaged = on_damaged, .closed = on_forward_closed, .wall = on_wall};
    const struct config *conf = d->conf_rules->config;
    const char *names[CONFIG_MAX_PLATFORMS];
    struct forward *f = NULL;

    for (size_t i = 0; i < conf->nplatforms; i++)
        names[i] = conf->platforms[i].name;
    int rc = store_platforms(d->store, names, conf->nplatforms, err);

    if (rc == 0)
        rc = forward_new(&d->loop, conf, d->store, &ops, d, err, &f);
    if (rc < 0)
        return err_prefix(err, "platforms");
    rc = forward_start(f, err);
    if (rc < 0) {
        forward_free(f);
        return err_prefix(err, "platforms");
    }
    d->forward = f;
    d->forward_gone = false;
    forward_wake(f);
    return 0;
}

/* After a reload: platforms that cannot be opened do not keep the broker waiting, and the other way round. */
void daemon_reopen(struct daemon *d) {
    struct err err = {0};

    if (d->stopping || d->replacing_ingest || d->replacing_forward)
        return;
    if (d->forward == NULL)
        gf_ignore(daemon_open_forward(d, &err));
    if (d->ingest == NULL)
        gf_ignore(daemon_open_ingest(d, &err));
    if (err.code != 0 && strcmp(err.text, d->reopen_why) != 0)
        log_error("%s; trying again", err.text);
    (void)snprintf(d->reopen_why, sizeof(d->reopen_why), "%s", err.code != 0 ? err.text : "");
}
