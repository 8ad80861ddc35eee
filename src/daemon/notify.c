/* SPDX-License-Identifier: Apache-2.0
 * What systemd is told: ready, reloading, stopping, status, and that the loop still turns (watchdog). Nothing, where it does not listen. The protocol, one datagram of text to the socket that
 * it names, is promised to stay as it is (sd_notify(3)); spoken here, it spares the process libsystemd and the five libraries behind it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon_int.h"
#include "gengfu/base/time.h"

GF_PRINTF(1, 2) static void say(const char *fmt, ...) {
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char text[512];
    va_list ap;

    if (len < 2 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* without a file */
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)close(fd);
}

void notify_status(struct daemon *d) {
    say("STATUS=%zu rules, %zu open incidents, broker %s%s", d->rules->nrules - d->rules->nbuiltin, engine_open_incidents(d->engine),
        d->link_up ? "connected" : "not connected", d->stuck || d->full ? ", STORE NOT WRITABLE" : "");
}

void notify_ready(struct daemon *d) {
    say("READY=1");
    notify_status(d);
}

void notify_reloading(struct daemon *d) {
    (void)d;
    say("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
}

void notify_stopping(struct daemon *d) {
    (void)d;
    say("STOPPING=1");
}

static void on_watchdog(uv_timer_t *t) {
    notify_status(t->data);
    say("WATCHDOG=1");
}

void notify_watchdog_start(struct daemon *d) {
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t ms = usec != NULL ? strtoull(usec, NULL, 10) / 1000 / 3 : 0;

    if (ms > 0 && (pid == NULL || strtoll(pid, NULL, 10) == getpid()))
        (void)uv_timer_start(&d->watchdog_timer, on_watchdog, ms, ms);
}
