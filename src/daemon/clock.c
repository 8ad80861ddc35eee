/* SPDX-License-Identifier: Apache-2.0
 * The daemon's two clocks: engine time, which never steps back and goes on through restarts, and wall time for stamps.
 * After a restart engine time goes on where the last commit left it, plus the time that the wall clock says was missed; a wall clock that is behind
 * the last commit (no RTC, set back) adds nothing.
 *
 * Quality of the wall clock:
 *   unset (a box without RTC that starts in 1970) ─► unsynced (likely, but nobody vouches for it) ─► synced (the kernel was told so, by NTP; it holds until the process ends)
 * A clock that is set is seen by a timer that the kernel cancels then, and by comparing the two clocks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "daemon_int.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

/* A wall clock before this is not set: 2024-01-01T00:00:00Z. */
#define CLOCK_NOT_SET_BEFORE (INT64_C(1704067200) * 1000)
#define STEP_LEAST TIME_SECOND
/* The year 3000, in seconds; or, where time_t has 32 bits, its last one. */
#define FAR_FUTURE ((time_t)(sizeof(time_t) > 4 ? INT64_C(32503680000) : INT32_MAX))

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
    c->offset = clock_wall() - clock_mono();
    c->lag = own ? 0 : down;
    c->lag_from = clock_mono();
    *ret_down = down;
}

struct engine_time daemon_now(const struct daemon *d) {
    const struct daemon_clock *c = &d->clock;
    int64_t gone = clock_mono() - c->real_start;

    if (c->scale != 1.0)
        gone = (int64_t)((double)gone * c->scale);
    int64_t wall = c->own ? c->wall_start + gone : clock_wall();
    return (struct engine_time){.mono = c->mono_start + gone, .wall = wall, .synced = wall >= CLOCK_NOT_SET_BEFORE && c->vouched};
}

/* A clock that is a year ahead for an hour must not empty the journal: only after a day that it stood is it believed that so much time has gone. */
int64_t daemon_age_now(const struct daemon *d) {
    const struct daemon_clock *c = &d->clock;

    return daemon_now(d).wall - (clock_mono() - c->lag_from < TIME_DAY ? c->lag : 0);
}

int64_t daemon_real_delay(const struct daemon *d, int64_t engine_ms) {
    double real = (double)engine_ms / d->clock.scale;

    return real < 1 ? 1 : (int64_t)real + 1;
}

/* -- quality ------------------------------------------------------------------------------------------------------------------- */

static bool kernel_says_synced(void) {
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);

    if (state < 0) /* the unit's sandbox does not let us ask; then systemd-timesyncd's mark counts */
        return access("/run/systemd/timesync/synchronized", F_OK) == 0;
    return state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
}

static bool vouched(const struct daemon *d) {
    const struct daemon_clock *c = &d->clock;

    return c->vouched || c->own || d->rules->config->clock == CLOCK_ANY || kernel_says_synced();
}

static void tell_quality(struct daemon *d, bool synced) {
    bool set = daemon_now(d).wall >= CLOCK_NOT_SET_BEFORE;

    health_set(d, "clock", "", !synced, set ? "nothing says that the clock is right: is there an NTP service?" : "the clock is not set", 0);
}

/* What was stamped since the clock was not known to be right is moved with it. */
static void put_right(struct daemon *d, int64_t until, int64_t step, bool right) {
    struct daemon_clock *c = &d->clock;
    struct err err = {0};

    int rc = step != 0 ? store_restamp(d->store, c->journal_from, step, &err) : 0;

    daemon_store_met(d, rc, &err);
    if (rc < 0)
        log_warn("clock: the journal's stamps of the time before it was set stay as they are: %s", err.text);
    if (engine_restamp(d->engine, c->unsynced_from, until, step, right, daemon_now(d), &d->fx) < 0)
        d->fx.failed = true;
    c->unsynced_from += step;
}

/* True when something has changed that the rules must hear of. */
static bool look(struct daemon *d) {
    struct daemon_clock *c = &d->clock;
    int64_t mono = clock_mono(), offset = clock_wall() - mono, step = offset - c->offset, before = mono + c->offset;
    char text[TIME_TEXT_MAX];
    bool was = c->synced, stepped = step >= STEP_LEAST || step <= -STEP_LEAST;

    c->offset = offset; /* slewing moves it little by little */
    c->vouched = vouched(d);
    c->synced = daemon_now(d).synced;
    if (stepped && !c->own) {
        c->steps++;
        c->lag = c->lag + step > 0 ? c->lag + step : 0;
        c->lag_from = mono;
        log_notice("clock: set %s by %s%s", step > 0 ? "forward" : "back", span_format(step > 0 ? step : -step, text),
                   was         ? ""
                   : c->synced ? "; it is known to be right now"
                               : "; it is still not known to be right");
    } else {
        stepped = false;
    }
    if (was && !c->synced) {
        c->unsynced_from = daemon_now(d).wall;
        c->journal_from = store_mark(d->store);
    }
    if (!was && (stepped || c->synced))
        put_right(d, before, stepped ? step : 0, c->synced);
    if (was != c->synced || !c->told)
        tell_quality(d, c->synced);
    c->told = true;
    return stepped || was != c->synced;
}

bool clock_moved(const struct daemon *d) {
    int64_t step = clock_wall() - clock_mono() - d->clock.offset;

    return !d->clock.own && (step >= STEP_LEAST || step <= -STEP_LEAST);
}

void clock_look(struct daemon *d) {
    if (d->stuck || d->stopping || !d->running) /* what is moved must be written: later */
        return;
    if (look(d) && pipeline_tick(d) == 0)
        pipeline_schedule(d);
}

/* -- the timer that is cancelled when somebody sets the clock ----------------------------------------------------------------------- */

static int arm(int fd) {
    struct itimerspec never = {.it_value = {.tv_sec = FAR_FUTURE}};

    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void on_cancelled(uv_poll_t *p, int status, int events) {
    struct daemon *d = p->data;
    uint64_t n;

    (void)events;
    if (status == 0 && read(d->clock_fd, &n, sizeof(n)) < 0 && errno == ECANCELED) {
        (void)arm(d->clock_fd);
        clock_look(d);
    }
}

void clock_begin(struct daemon *d) {
    struct daemon_clock *c = &d->clock;

    c->vouched = vouched(d);
    c->synced = daemon_now(d).synced;
    c->unsynced_from = daemon_now(d).wall;
    c->journal_from = store_mark(d->store);
    tell_quality(d, c->synced);
    c->told = true;
    if (!c->synced)
        log_warn("clock: not known to be right; stamps are marked unsynced");
    d->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (d->clock_fd < 0 || arm(d->clock_fd) < 0 || uv_poll_init(&d->loop, &d->clock_poll, d->clock_fd) < 0) {
        log_warn("clock: %s: that it is set will be seen a little later", strerror(errno)); /* by comparing the clocks */
        if (d->clock_fd >= 0)
            (void)close(d->clock_fd);
        d->clock_fd = -1;
        return;
    }
    d->clock_poll.data = d;
    (void)uv_poll_start(&d->clock_poll, UV_READABLE, on_cancelled);
}

static void on_poll_closed(uv_handle_t *h) {
    struct daemon *d = h->data;

    (void)close(d->clock_fd);
    d->clock_fd = -1;
}

void clock_end(struct daemon *d) {
    if (d->clock_fd >= 0 && d->clock_poll.data != NULL && !uv_is_closing((uv_handle_t *)&d->clock_poll))
        uv_close((uv_handle_t *)&d->clock_poll, on_poll_closed);
}
