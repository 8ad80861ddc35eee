/* SPDX-License-Identifier: Apache-2.0
 * For tests over sources: a rule set that must load, and what became of a message as one line of text. */
#ifndef TESTS_SOURCE_FIXTURE_H
#define TESTS_SOURCE_FIXTURE_H

#include "gengfu/source/source.h"

/* NULL, with the whole report on stderr, when there is an error; a warning counts as one when `silent`. */
struct ruleset *fixture_ruleset(const char *dir, bool silent);
/* Events as "kind device {field: value, …} +ms late own retained", several with "; " between; without events the outcome's name. */
void fixture_say(struct buf *out, const struct mapped *got, int64_t arrived);

/* Samples: a topic, its payload, and what must become of it. `where`:line is said of those that go wrong.
 *   > topic        (>> for a retained one; >>> for one that was sent 5 s after the others)
 *   payload        (lines, joined; none: empty; "hex c4e3": these bytes)
 *   = events as fixture_say has them, or the outcome
 * `also` (may be NULL) gets every fourth message. Returns how many went wrong; *ret_samples counts them all. */
int fixture_samples(const char *where, size_t line, const char *text, size_t len, struct mapper *m, int64_t arrived,
                    void (*also)(const struct message *), int *ret_samples);

/* Maps the message twice, with only what its sources read and with all that it says: false where that makes a difference. */
bool fixture_same(const struct ruleset *rs, const struct message *msg);

/* A rule set of its own in a directory of its own, and a mapper over it. Whatever fails ends the test program. */
#define SFX_T0 INT64_C(1768046400000) /* 2026-01-10T12:00:00Z, 20:00 in Shanghai */
struct source_fx {
    char dir[64];
    struct ruleset *rs;
    struct mapper *m;
    struct arena arena;
    struct mapped got;
    int64_t now;
    bool retained;
};
/* `devices` NULL: lamp-1 and lamp-2 with the addresses a1b2c3 and ffee00. The site is in Shanghai's zone. */
void sfx_open_with(struct source_fx *f, const char *sources, const char *devices);
void sfx_open(struct source_fx *f, const char *sources);
void sfx_close(struct source_fx *f);
void sfx_send(struct source_fx *f, const char *topic, const void *payload, size_t len); /* sets f->got */
const char *sfx_say(struct source_fx *f, const char *topic, const char *payload);       /* as fixture_say; good until the next call */

#endif
