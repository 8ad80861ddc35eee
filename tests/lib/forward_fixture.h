/* SPDX-License-Identifier: Apache-2.0
 * A loop, a store in a directory of its own, a configuration with platforms, and forward on it. */
#ifndef TESTS_LIB_FORWARD_FIXTURE_H
#define TESTS_LIB_FORWARD_FIXTURE_H

#include "forward/forward_int.h"
#include "patience.h"

#define FF_PATIENCE (15000 * patience()) /* ms */

struct ff {
    uv_loop_t loop;
    uv_timer_t tick;
    char dir[64], path[128], file[128];
    struct config conf;
    struct store *store;
    struct forward *forward;
    bool closed;
    int64_t wall_ahead; /* ms that the wall clock is ahead of the real one */
    int ups, downs, commands;
    char why[256], command_id[64], action[64];
    const char *answer_with; /* NULL: {"id":…,"ok":true,"revision":2} */
};
void ff_setup(struct ff *ff);
struct config_platform *ff_platform(struct ff *ff, const char *name, enum platform_type type); /* before ff_start */
void ff_start(struct ff *ff);
void ff_stop(struct ff *ff);     /* forward only */
void ff_teardown(struct ff *ff); /* everything; asserts that every handle is gone */
/* Commits revision `revision` of incident `id` (26 characters) for all platforms, and wakes forward when it runs. */
void ff_incident(struct ff *ff, const char *id, uint32_t revision, enum severity severity);
bool ff_until(struct ff *ff, bool (*condition)(struct ff *), int ms);
void ff_run(struct ff *ff, int ms);
size_t ff_waiting(struct ff *ff, const char *platform); /* rows that are not dead */
size_t ff_dead(struct ff *ff, const char *platform);
void ff_stats(struct ff *ff, size_t i, struct forward_stats *ret);
int64_t ff_wall(void *ctx);
char *ff_read(const char *path); /* free it */
int ff_count(const char *text, const char *part);
bool ff_empty(struct ff *ff);

#endif
