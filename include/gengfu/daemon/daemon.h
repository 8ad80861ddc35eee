/* SPDX-License-Identifier: Apache-2.0
 * The daemon: `gengfu run`. Wires the floors below: loop, clock, signals, reload, watchdog. One process, one thread. */
#ifndef GENGFU_DAEMON_DAEMON_H
#define GENGFU_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

#define DAEMON_DEFAULT_DIR "/etc/gengfu"

struct daemon_options {
    const char *dir;     /* configuration directory */
    const char *socket;  /* overrides the configuration's; NULL: as configured */
    const char *store;   /* the same for the store's path */
    double time_scale;   /* for tests and demos: how much faster than real time the daemon's clock runs; 1 is real */
    int64_t clock_start; /* ms, wall: what the clock shows at start; TIME_NONE: the real time */
};

/* Runs until SIGTERM or SIGINT. 0: ended as asked. <0: could not start (err says why), or gave up. */
GF_WARN_UNUSED int daemon_run(const struct daemon_options *opt, struct err *err);
/* `run -n`: loads everything, opens nothing, and writes what would be run. Errors of the rule set are printed to `out` as `check` does. */
GF_WARN_UNUSED int daemon_describe(const struct daemon_options *opt, struct buf *out, bool colour, struct err *err);

#endif
