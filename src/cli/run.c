/* SPDX-License-Identifier: Apache-2.0
 * gengfu run: the daemon. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"
#include "gengfu/daemon/daemon.h"

static int clock_options(struct cli *c, struct daemon_options *opt) {
    const char *start = cli_value(c, "clock-start");
    int64_t seconds;
    int nanos;
    bool zoned;

    if (cli_number(c, "time-scale", 0.01, 10000, &opt->time_scale) != EXIT_FINE)
        return EXIT_USAGE;
    if (start != NULL) {
        if (time_parse(start, strlen(start), true, &seconds, &nanos, &zoned) < 0)
            return cli_usage(c, "--clock-start: '%s' is not a time like 2026-01-05T20:00:00+08:00", start);
        opt->clock_start = seconds * 1000;
    }
    return EXIT_FINE;
}

static int describe(const struct daemon_options *opt, bool colour) {
    struct err err = {0};
    struct buf out;

    buf_init(&out, 0);
    int rc = daemon_describe(opt, &out, colour, &err);
    (void)fwrite(out.data, 1, out.len, rc < 0 ? stderr : stdout);
    buf_done(&out);
    return rc < 0 ? (cli_complain(&err), EXIT_TROUBLE) : EXIT_FINE;
}

/* Passwords and keys are in memory while they are used, also in libraries' own copies: no core is written, and no other process of the same user may look in. GENGFU_DUMPS=1 is for looking
 * for a fault; the leak checker of a build with sanitizers needs to look in as well. */
static void no_dumps(void) {
    const struct rlimit none = {0, 0};

    if (getenv("GENGFU_DUMPS") != NULL)
        return;
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int cmd_run(struct cli *c) {
    struct daemon_options opt = {
        .dir = c->dir, .socket = cli_value(c, "socket"), .store = cli_value(c, "store"), .time_scale = 1, .clock_start = TIME_NONE};
    const char *level = cli_value(c, "log");
    enum log_level max = LOG_LEVEL_INFO;
    struct err err = {0};

    if (level != NULL && !log_parse_level(level, &max))
        return cli_usage(c, "--log: '%s' is none of error, warn, notice, info, debug", level);
    if (clock_options(c, &opt) != EXIT_FINE)
        return EXIT_USAGE;
    if (cli_given(c, "dry-run"))
        return describe(&opt, c->colour);
    if (geteuid() == 0 && getenv("GENGFU_ALLOW_ROOT") == NULL) {
        (void)fputs(
            "gengfu: the daemon does not run as root: use the unit (systemctl start gengfu), or another user; GENGFU_ALLOW_ROOT=1 for tests in a container\n",
            stderr);
        return EXIT_TROUBLE;
    }
    log_open(max);
    no_dumps();
    if (daemon_run(&opt, &err) < 0) {
        log_error("%s", err.text);
        return EXIT_TROUBLE;
    }
    return EXIT_FINE;
}
