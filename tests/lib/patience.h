/* SPDX-License-Identifier: Apache-2.0
 * How many times as long as usual may be waited: under sanitizers, valgrind or qemu everything takes longer, and tests/run --patience says so. */
#ifndef TESTS_LIB_PATIENCE_H
#define TESTS_LIB_PATIENCE_H

#include <stdlib.h>

static inline int patience(void) {
    const char *times = getenv("GENGFU_PATIENCE");
    long n = times ? strtol(times, NULL, 10) : 1;
    return n < 1 ? 1 : n > 100 ? 100 : (int)n;
}

#endif
