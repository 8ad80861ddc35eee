/* SPDX-License-Identifier: Apache-2.0
 * A damaged store: set aside, never deleted; a new one takes over what the damaged one still gives, and the watch goes on. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

static struct store_conf conf_of(const struct daemon *d) {
    const struct config *c = d->rules->config;

    return (struct store_conf){.path = d->opt->store ? d->opt->store : c->store_path,
                               .journal_max_age = c->journal_max_age,
                               .journal_max_bytes = c->journal_max_bytes,
                               .closed_max_age = c->closed_max_age,
                               .outbox_max_bytes = c->outbox_max_bytes,
                               .reserve_bytes = c->store_reserve};
}

static void salvage(struct daemon *d, const char *damaged) {
    struct store_salvaged got = {0};
    struct err err = {0};
    char text[600];

    int rc = store_salvage(d->store, damaged, &got, &err);

    if (rc == GF_ESTATE)
        (void)snprintf(text, sizeof(text), "what it still gives was taken over in the start before, which did not come to its end");
    else if (rc < 0)
        (void)snprintf(text, sizeof(text), "nothing could be taken over: %.400s", err.text);
    else
        (void)snprintf(text, sizeof(text),
                       "taken over from it: %" PRId64 " incidents, %" PRId64 " waiting messages, %" PRId64 " rule states, %" PRId64
                       " devices%s",
                       got.incidents, got.outbox, got.states, got.devices, got.complete ? "" : "; what stood on damaged pages is missing");
    (void)snprintf(d->damage, sizeof(d->damage), "the damaged file is kept as %.300s; %s", damaged, text);
    log_error("store: %s", d->damage);
}

int daemon_store_replace(struct daemon *d, struct err *err) {
    struct store_conf conf = conf_of(d);
    char name[4096];

    log_error("store: damaged: %s", err->text);
    store_close(d->store);
    d->store = NULL;
    if (store_set_aside(conf.path, clock_wall(), name, sizeof(name), err) < 0)
        return err->code;
    int rc = store_open(&conf, err, &d->store);

    if (rc == 0)
        salvage(d, name);
    return rc;
}

int daemon_store_open(struct daemon *d, struct err *err) {
    struct store_conf conf = conf_of(d);
    char name[4096];
    int rc = store_open(&conf, err, &d->store);

    if (rc == GF_ECORRUPT)
        return daemon_store_replace(d, err);
    if (rc == 0 && store_unsalvaged(conf.path, name, sizeof(name))) /* a start before this one did not get so far */
        salvage(d, name);
    return rc;
}

/* For the next start, which tells it. */
static void leave_word(struct daemon *d) {
    struct store_clock clock;
    struct effects fx;
    struct err err = {0};
    struct buf body;

    effects_init(&fx);
    buf_init(&body, 4096);
    struct jw w = jw_start(&body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "why", d->damage);
    jw_close(&w, '}');
    effects_state(&fx, &(struct effect_state){.rule = OWN_DAMAGE, .key = "", .body = body.data, .len = body.len});
    store_clock(d->store, &clock);
    struct store_batch batch = {.effects = &fx, .mono = clock.mono, .wall = clock.wall};

    if (clock.mono == TIME_NONE)
        batch.mono = batch.wall = daemon_now(d).wall;
    if (body.failed || store_commit(d->store, &batch, &err) < 0)
        log_warn("store: that it was replaced cannot be told as an incident: %s", err.text);
    buf_done(&body);
    effects_done(&fx);
}

void daemon_store_failed(struct daemon *d, struct err *err) {
    if (daemon_store_replace(d, err) < 0)
        log_error("%s", err->text);
    else
        leave_word(d);
    store_close(d->store);
    log_error("store: ending, so that the next start goes on from what could be taken over; what was not acknowledged comes again");
    _exit(3);
}

void daemon_store_met(struct daemon *d, int rc, struct err *err) {
    if (rc == GF_ECORRUPT)
        daemon_store_failed(d, err);
}
