/* SPDX-License-Identifier: Apache-2.0
 * The daemon's two clocks: engine time, which never steps back and goes on through restarts, and wall time for stamps.
 * After a restart engine time goes on where the last commit left it, plus the time that the wall clock says was missed; a wall clock that is behind
 * the last commit (no RTC, set back) adds nothing. */
#include <time.h>

#include "daemon_int.h"
#include "gengfu/base/time.h"

/* A wall clock before this is not set: 2024-01-01T00:00:00Z. */
#define CLOCK_NOT_SET_BEFORE (INT64_C(1704067200) * 1000)

void daemon_clock_start(struct daemon_clock *c, const struct daemon_options *opt, const struct store_clock *last, int64_t *ret_down) {
    bool own = opt->time_scale != 1.0 || opt->clock_start != TIME_NONE;
    int64_t wall = opt->clock_start != TIME_NONE ? opt->clock_start : clock_wall();
    int64_t mono = wall, down = 0;

    if (last->mono != TIME_NONE) {
        if (wall > last->wall)
            down = wall - last->wall;
        mono = last->mono + down;
        /* A moved clock that starts again in the past goes on where it was. */
        if (own && wall < last->wall)
            wall = last->wall;
    }
    *c = (struct daemon_clock){.real_start = clock_mono(), .mono_start = mono, .wall_start = wall, .scale = opt->time_scale, .own = own};
    *ret_down = down;
}

struct engine_time daemon_now(const struct daemon *d) {
    const struct daemon_clock *c = &d->clock;
    int64_t gone = clock_mono() - c->real_start;

    if (c->scale != 1.0)
        gone = (int64_t)((double)gone * c->scale);
    int64_t wall = c->own ? c->wall_start + gone : clock_wall();
    return (struct engine_time){.mono = c->mono_start + gone, .wall = wall, .synced = wall >= CLOCK_NOT_SET_BEFORE};
}

int64_t daemon_real_delay(const struct daemon *d, int64_t engine_ms) {
    double real = (double)engine_ms / d->clock.scale;

    return real < 1 ? 1 : (int64_t)real + 1;
}
