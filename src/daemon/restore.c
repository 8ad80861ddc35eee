/* SPDX-License-Identifier: Apache-2.0
 * The store's contents into a new engine: devices (checkpoint, then the journal's tail), rule state, open incidents. A row that cannot be read is
 * reported and left out: one damaged row must not keep a neighbourhood without its watchman. */
#include <inttypes.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/log.h"

struct restoring {
    struct daemon *d;
    struct arena arena;
    uint64_t devices, events, states, incidents, bad;
};

static int on_device(void *ctx, const char *name, const char *body, size_t len) {
    struct restoring *r = ctx;
    struct err err = {0};
    int rc = engine_restore_device(r->d->engine, name, body, len, &err);

    if (rc == GF_ENOMEM)
        return rc;
    if (rc < 0) {
        r->bad++;
        log_warn("restore: device %s: %s, ignoring", name, err.text);
    }
    r->devices++;
    return 0;
}

static int on_event(void *ctx, int64_t rowid, int64_t time, int64_t arrived, const char *body, size_t len) {
    struct restoring *r = ctx;
    struct err err = {0};
    struct event ev;

    arena_reset(&r->arena);
    int rc = event_read(&r->arena, body, len, &ev, &err);
    if (rc == 0) {
        ev.time = time; /* the row's own are put right when the clock is set, the text is not */
        ev.arrived = arrived;
        mapper_restore_event(r->d->mapper, &ev);
        rc = engine_restore_event(r->d->engine, &ev);
    }
    if (rc == GF_ENOMEM)
        return rc;
    if (rc < 0) {
        r->bad++;
        log_warn("restore: journal row %" PRId64 ": %s, ignoring", rowid, err.text);
    }
    r->events++;
    r->d->events_since_checkpoint++;
    return 0;
}

/* What sources remember must be there before the journal's tail tells what came since. */
static int on_memory(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    struct restoring *r = ctx;
    struct err err = {0};

    (void)hash;
    if (strcmp(rule, OWN_MEMORY) == 0 && mapper_restore_row(r->d->mapper, key, body, len, &err) < 0) {
        r->bad++;
        log_warn("restore: memory of the sources, row %s: %s, ignoring", key, err.text);
    }
    return 0;
}

static int on_state(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    struct restoring *r = ctx;
    struct err err = {0};

    if (strcmp(rule, OWN_MEMORY) == 0)
        return 0;
    if (strcmp(rule, OWN_SUBSCRIBED) == 0) {
        subscriptions_restore(r->d, body, len);
        return 0;
    }
    if (own_is(rule)) {
        own_restore(r->d, rule, key, body, len);
        return 0;
    }
    int rc = engine_restore_state(r->d->engine, rule, hash, key, body, len, &err);

    if (rc == GF_ENOMEM)
        return rc;
    if (rc < 0) {
        r->bad++;
        log_warn("restore: state of rule %s, key %s: %s, ignoring", rule, key, err.text);
    }
    r->states++;
    return 0;
}

static int on_incident(void *ctx, const char *name, const char *body, size_t len) {
    struct restoring *r = ctx;
    struct err err = {0};
    int rc = engine_restore_incident(r->d->engine, body, len, &err);

    if (rc == GF_ENOMEM)
        return rc;
    if (rc < 0) {
        r->bad++;
        log_warn("restore: incident %s: %s, ignoring", name, err.text);
    }
    r->incidents++;
    return 0;
}

int daemon_restore(struct daemon *d, int64_t down, struct err *err) {
    struct restoring r = {.d = d};
    int rc;

    arena_init(&r.arena, 16 << 10, 16 << 20);
    rc = store_each_state(d->store, on_memory, &r, err);
    if (rc == 0)
        rc = store_each_device(d->store, on_device, &r, err);
    if (rc == 0)
        rc = store_each_tail_event(d->store, on_event, &r, err);
    if (rc == 0)
        rc = store_each_open_incident(d->store, on_incident, &r, err);
    if (rc == 0)
        rc = store_each_state(d->store, on_state, &r, err);
    arena_done(&r.arena);
    if (rc < 0)
        return err_prefix(err, "restore");
    rc = engine_start(d->engine, daemon_now(d), down, &d->fx);
    if (rc < 0)
        return err_set(err, rc, "restore: %s", err_text(rc));
    log_info("restored %" PRIu64 " devices, %" PRIu64 " journal rows, %" PRIu64 " rule states, %" PRIu64 " open incidents (%" PRIu64
             " unreadable)",
             r.devices, r.events, r.states, r.incidents, r.bad);
    return 0;
}
