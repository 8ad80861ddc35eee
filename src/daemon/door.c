/* SPDX-License-Identifier: Apache-2.0
 * What is wrong, or will be, with the certificates of our connections: those that run out within two weeks, ours and the other ends', and connections that are not verified. Looked at for `gengfu status`, and
 * once a day for the log. By the real clock, also where the daemon's own is moved: certificates do not follow a demo. */
#include <stdio.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"
#include "gengfu/mqtt/tls.h"

typedef void (*door_fn)(void *ctx, const char *what, const char *why);

static void certificate(const char *of, int64_t not_after, door_fn fn, void *ctx) {
    int64_t now = clock_wall();
    char what[400], when[TIME_TEXT_MAX], why[200];

    if (not_after == TIME_NONE || not_after > now + TLS_EXPIRY_AHEAD)
        return;
    (void)snprintf(what, sizeof(what), "%s %s", of, not_after <= now ? "has run out" : "runs out soon");
    (void)snprintf(why, sizeof(why), "good until %s; a renewed one is taken without a restart", time_format(not_after, 0, when));
    fn(ctx, what, why);
}

static void connection(const char *name, const struct config_tls *t, int64_t peer, door_fn fn, void *ctx) {
    char of[300];

    if (!t->on)
        return;
    if (!t->verify) {
        (void)snprintf(of, sizeof(of), "TLS to %s is not verified", name);
        fn(ctx, of, "tls.verify is false: anybody on the way can pose as the other end");
    }
    (void)snprintf(of, sizeof(of), "the certificate of %s", name);
    certificate(of, peer, fn, ctx);
    if (t->cert != NULL) {
        (void)snprintf(of, sizeof(of), "our certificate for %s (%.150s)", name, t->cert);
        certificate(of, tls_file_not_after(t->cert), fn, ctx);
    }
}

static void each(const struct daemon *d, door_fn fn, void *ctx) {
    const struct config *c = d->conf_rules->config;
    struct ingest_stats broker = {.peer_not_after = TIME_NONE};

    if (d->ingest != NULL)
        ingest_stats(d->ingest, &broker);
    connection("the broker", &c->broker.tls, broker.peer_not_after, fn, ctx);
    for (size_t i = 0; i < c->nplatforms; i++) {
        const struct config_platform *p = &c->platforms[i];
        struct forward_stats s = {.peer_not_after = TIME_NONE};
        char name[200];

        if (d->forward != NULL && d->old_conf_rules == NULL && i < forward_platforms(d->forward))
            forward_stats(d->forward, i, &s);
        (void)snprintf(name, sizeof(name), "platform %.150s", p->name);
        if (p->type != PLATFORM_FILE)
            connection(name, p->type == PLATFORM_MQTT ? &p->mqtt.tls : &p->tls, s.peer_not_after, fn, ctx);
    }
}

static void to_status(void *ctx, const char *what, const char *why) {
    struct jw *w = ctx;

    jw_open(w, NULL, '{');
    jw_str(w, "what", what);
    jw_str(w, "why", why);
    jw_close(w, '}');
}

void door_troubles(struct jw *w, const struct daemon *d) { each(d, to_status, w); }

static void to_log(void *ctx, const char *what, const char *why) {
    (void)ctx;
    log_warn("%s: %s", what, why);
}

void door_look(struct daemon *d) {
    int64_t now = clock_mono();

    if (d->door_looked != 0 && now - d->door_looked < TIME_DAY)
        return;
    d->door_looked = now;
    each(d, to_log, NULL);
}
