/* SPDX-License-Identifier: Apache-2.0
 * Faults on purpose, for tests of the very binary that ships. GENGFU_FAULT="point=action[@N]" (several with commas) is read once; without it a
 * point costs one load and a branch. Actions: kill (SIGKILL to ourselves), fail (fault_point returns true), both at the Nth pass (default 1); fail+ from the Nth on.
 * Points so far are listed in docs/failures.md. */
#ifndef GENGFU_BASE_FAULT_H
#define GENGFU_BASE_FAULT_H

#include <stdbool.h>

extern bool fault_armed; /* read GENGFU_FAULT with fault_init first */
void fault_init(void);
bool fault_hit(const char *point);
static inline bool fault_point(const char *point) { return fault_armed && fault_hit(point); }

#endif
