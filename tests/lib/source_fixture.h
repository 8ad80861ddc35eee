/* SPDX-License-Identifier: Apache-2.0
 * For tests over sources: a rule set that must load, and what became of a message as one line of text. */
#ifndef TESTS_SOURCE_FIXTURE_H
#define TESTS_SOURCE_FIXTURE_H

#include "gengfu/source/source.h"

/* NULL, with the whole report on stderr, when there is an error; a warning counts as one when `silent`. */
struct ruleset *fixture_ruleset(const char *dir, bool silent);
/* Events as "kind device {field: value, …} +ms late own retained", several with "; " between; without events the outcome's name. */
void fixture_say(struct buf *out, const struct mapped *got, int64_t arrived);

#endif
