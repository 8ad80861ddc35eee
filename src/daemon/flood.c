/* SPDX-License-Identifier: Apache-2.0
 * The limiter at the daemon: settings, its rows in the store, what is told of devices that flood. */
#include <inttypes.h>
#include <stdio.h>

#include "daemon_int.h"
#include "gengfu/base/log.h"

#define MAX_TOLD 50 /* devices that are named at once; a broker in a loop floods with all of them */

static void on_edge(void *ctx, const char *device, bool floods, uint64_t thinned) {
    struct daemon *d = ctx;
    size_t n = limiter_flooding(d->limiter);
    char why[400];

    if (floods && n > MAX_TOLD) {
        (void)snprintf(why, sizeof(why), "%zu devices flood at once; gengfu devices shows which were thinned", n);
        health_set(d, "flood", "(others)", true, why, (int64_t)n);
        return;
    }
    (void)snprintf(why, sizeof(why),
                   "%.128s sends more than %d events a second: %" PRIu64 " were thinned so far; the newest of each kind is heard", device,
                   d->rules->config->device_rate, thinned);
    if (floods)
        log_warn("flood: %s", why);
    else
        log_notice("flood: %s is over, %" PRIu64 " events were thinned", device, thinned);
    health_set(d, "flood", device, floods, why, (int64_t)thinned);
    if (n <= MAX_TOLD)
        health_set(d, "flood", "(others)", false, "", 0);
}

int flood_start(struct daemon *d, struct err *err) {
    if (limiter_new(on_edge, d, &d->limiter) < 0)
        return err_set(err, GF_ENOMEM, "out of memory");
    flood_configure(d);
    return 0;
}

void flood_configure(struct daemon *d) { limiter_set(d->limiter, d->rules->config->device_rate, d->rules->config->device_burst); }

static int on_row(void *ctx, const char *key, const char *body, size_t len) {
    struct daemon *d = ctx;
    struct effect_state row = {.rule = OWN_LIMIT, .key = arena_strdup(&d->fx.arena, key), .len = len};

    if (body != NULL)
        row.body = arena_strndup(&d->fx.arena, body, len);
    if (row.key == NULL || (body != NULL && row.body == NULL))
        return GF_ENOMEM;
    effects_state(&d->fx, &row);
    return 0;
}

void flood_flush(struct daemon *d) {
    if (limiter_changes(d->limiter, on_row, d) < 0)
        d->fx.failed = true;
}

/* What waits stands in no journal yet: that its source has told it is remembered by its row. */
void flood_restore(struct daemon *d, const char *body, size_t len) {
    struct err err = {0};
    struct event ev;

    arena_reset(&d->scratch);
    if (limiter_restore(d->limiter, body, len, daemon_now(d).mono, &err) < 0)
        log_warn("restore: an event that waited: %s, ignoring", err.text);
    else if (event_read(&d->scratch, body, len, &ev, &err) == 0)
        mapper_restore_event(d->mapper, &ev);
}

void flood_release(struct daemon *d) {
    struct engine_time now = daemon_now(d);
    struct event ev;

    for (arena_reset(&d->scratch); limiter_next(d->limiter, now.mono, &d->scratch, &ev); arena_reset(&d->scratch)) {
        pipeline_event(d, &ev, now);
        d->events++;
    }
}
