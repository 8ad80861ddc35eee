/* SPDX-License-Identifier: Apache-2.0
 * A moment in whatever form a device sends it. */
#ifndef GENGFU_RULES_MOMENT_H
#define GENGFU_RULES_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/time.h"
#include "gengfu/cel/value.h"

/* A timestamp; a number of seconds, ms, µs or ns (told apart by size), or 20260105200000; the same as text; RFC 3339 with or without a zone, with '-' or '/' or neither in the date,
 * a comma before the fraction, a blank before the zone, and +08 or UTC for it.
 * Without a zone: `zone` (NULL: UTC). False: no moment after 1970, so also 0. */
bool moment_read(struct cel_value v, const struct zone *zone, int64_t *ret_ms);

/* Text by a pattern in strptime's letters: %Y %y %m %d %e %b %a %j %H %I %M %S %f %p %z %s %F %T %%. A blank stands for any number of them, also none.
 * False: the text does not fit, or the pattern leaves the day open. */
bool moment_scan(const char *s, size_t len, const char *pattern, size_t pattern_len, const struct zone *zone, int64_t *ret_ms);
/* NULL, or what is wrong with the pattern whatever the text. */
const char *moment_pattern_bad(const char *pattern, size_t len);

#endif
