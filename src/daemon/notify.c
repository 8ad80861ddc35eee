/* SPDX-License-Identifier: Apache-2.0
 * What systemd is told: ready, reloading, stopping, status, and that the loop still turns (watchdog). Nothing, where the build or the box has no systemd. */
#include <inttypes.h>
#include <stdlib.h>

#ifndef GENGFU_WITHOUT_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "daemon_int.h"
#include "gengfu/base/time.h"

#ifdef GENGFU_WITHOUT_SYSTEMD
void notify_ready(struct daemon *d) { (void)d; }
void notify_reloading(struct daemon *d) { (void)d; }
void notify_stopping(struct daemon *d) { (void)d; }
void notify_status(struct daemon *d) { (void)d; }
void notify_watchdog_start(struct daemon *d) { (void)d; }
#else

void notify_status(struct daemon *d) {
    (void)sd_notifyf(0, "STATUS=%zu rules, %zu open incidents, broker %s%s", d->rules->nrules - d->rules->nbuiltin,
                     engine_open_incidents(d->engine), d->link_up ? "connected" : "not connected",
                     d->stuck || d->full ? ", STORE NOT WRITABLE" : "");
}

void notify_ready(struct daemon *d) {
    (void)sd_notify(0, "READY=1");
    notify_status(d);
}

void notify_reloading(struct daemon *d) {
    (void)d;
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
}

void notify_stopping(struct daemon *d) {
    (void)d;
    (void)sd_notify(0, "STOPPING=1");
}

static void on_watchdog(uv_timer_t *t) {
    notify_status(t->data);
    (void)sd_notify(0, "WATCHDOG=1");
}

void notify_watchdog_start(struct daemon *d) {
    uint64_t usec = 0;

    if (sd_watchdog_enabled(0, &usec) <= 0 || usec == 0)
        return;
    uint64_t ms = usec / 1000 / 3;
    (void)uv_timer_start(&d->watchdog_timer, on_watchdog, ms, ms);
}
#endif
