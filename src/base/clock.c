/* SPDX-License-Identifier: Apache-2.0
 * The only place that reads a clock. */
#include <time.h>

#include "gengfu/base/time.h"

static int64_t read_us(clockid_t id) {
    struct timespec ts = {0};
    if (clock_gettime(id, &ts) < 0)
        (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* a kernel without CLOCK_BOOTTIME */
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall(void) { return read_us(CLOCK_REALTIME) / 1000; }

int64_t clock_mono(void) { return read_us(CLOCK_BOOTTIME) / 1000; }

int64_t clock_mono_us(void) { return read_us(CLOCK_BOOTTIME); }
