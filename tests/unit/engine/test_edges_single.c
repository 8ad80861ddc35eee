/* SPDX-License-Identifier: Apache-2.0
 * The table "pattern by edge", first part: one event, spans, ends, exceptions, down time. How to read it: edges.h. What it pins stands in docs/semantics.md. */
#include "edges.h"

#define R(name, more) \
    "  - rule: " name "\n    on: k\n    when: event.v > 30\n    by: event.id\n" more "    incident: {severity: minor, title: t}\n"
#define RULE(name, more) "rules:\n" R(name, more)
#define NEVER "    repeat_interval: 30d\n"
#define ONLY_OPEN "only open incidents are kept: as `when`"

static const struct edge_row rows[] = {
    {.pattern = "when",
     .rules = RULE("hot", "    clear: event.v < 25 || event.?end.orValue(false)\n" NEVER),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 0 k a id=1 v=40",
                             .told = "0 opened hot 1 r1 x1; 0 resolved hot 1 r2 x1; 0 opened hot 1 r1 x1"},
             [EDGE_LATE] = {.story = "10 k a id=1 v=40 late t=5000; 20 k a id=1 v=20 late t=4999; 30 k a id=1 v=20 late t=5000",
                            .told = "10 opened hot 1 r1 x1; 30 resolved hot 1 r2 x1"},
             [EDGE_MISSING] = {.story = "0 k a v=40; 1 k a id=1 v=40; 2 k a v=20; 3 k a id=1 w=1; 4 k a id=1 v=20",
                               .told = "1 opened hot 1 r1 x1; 4 resolved hot 1 r2 x1"},
             [EDGE_CLOSING] = {.none = "no span"},
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0.001 k a id=1 v=20; 1 k a id=1 v=40 end=true; 2 k a id=1 v=28 end=true",
                             .told = "0 opened hot 1 r1 x1; 0.001 resolved hot 1 r2 x1; 1 opened hot 1 r1 x1; 2 resolved hot 1 r2 x1"},
             [EDGE_RELOAD] = {.other = RULE("hot", "    clear: event.v < 10\n" NEVER),
                              .story = "0 k a id=1 v=40; 1 reload; 2 k a id=1 v=20; 3 k a id=1 v=5",
                              .told = "0 opened hot 1 r1 x1; 3 resolved hot 1 r2 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 1 restart 60; 61 k a id=1 v=40; 62 k a id=1 v=20",
                               .told = "0 opened hot 1 r1 x1; 62 resolved hot 1 r2 x2"},
             /* All have an open incident: none makes way, and the next one is not raised. */
             [EDGE_KEYS] = {.story = "0 many 1..10001 k a id=%d v=40; 1 k a id=1 v=20; 2 k a id=10001 v=40",
                            .told = "0 opened hot *10000; 1 resolved hot 1 r2 x1; 2 opened hot 10001 r1 x1",
                            .evicted = 1},
         }},
    {.pattern = "for",
     .rules = RULE("held", "    for: 10s\n"),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 10 k a id=1 v=20; 20 k a id=1 v=40; 20 k a id=1 v=20; 20 k a id=1 v=40; 30 .",
                             .told = "10 opened held 1 r1 x1; 10 resolved held 1 r2 x1; 30 opened held 1 r1 x1"},
             [EDGE_LATE] = {.story = "0 k a id=1 v=40 late t=-20000; 1 k a id=1 v=40; 5 k a id=1 v=20 late t=4000; 11 .",
                            .told = "11 opened held 1 r1 x1"},
             [EDGE_MISSING] = {.story = "0 k a v=40; 1 k a id=1 v=40; 5 k a v=20; 6 k a id=1 w=1; 11 .", .told = "11 opened held 1 r1 x1"},
             [EDGE_CLOSING] = {.story = "0 k a id=1 v=40; 9.999 k a id=1 v=20; 10 .; 20 k a id=1 v=40; 29.999 .; 30 .",
                               .told = "30 opened held 1 r1 x1"},
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 12 k a id=1 v=20; 12 k a id=1 v=40; 12 k a id=1 v=20",
                             .told = "10 opened held 1 r1 x1; 12 resolved held 1 r2 x1"},
             [EDGE_RELOAD] = {.other = RULE("held", "    for: 8s\n"),
                              .story = "0 k a id=1 v=40; 5 reload; 20 .; 21 k a id=1 v=40; 29 .",
                              .told = "29 opened held 1 r1 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 5 restart 100; 109.999 .; 110 .", .told = "110 opened held 1 r1 x1"},
             /* 2 is the least recent. */
             [EDGE_KEYS] = {.story = "0 many 1..10000 k a id=%d v=40; 1 k a id=1 v=40; 2 k a id=10001 v=40; "
                                     "3 many 3..10000 k a id=%d v=20; 15 .",
                            .told = "10 opened held 1 r1 x2; 12 opened held 10001 r1 x1",
                            .evicted = 1},
         }},
    {.pattern = "keep_firing_for",
     .rules = RULE("hot", "    clear: auto\n    keep_firing_for: 10s\n" NEVER),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=20; 15 k a id=1 v=40",
                             .told = "0 opened hot 1 r1 x1; 15 resolved hot 1 r2 x1; 15 opened hot 1 r1 x1"},
             /* A late match is a match: it calls the end off. */
             [EDGE_LATE] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=20; 6 k a id=1 v=40 late t=4000; 16 k a id=1 v=20; 26 .",
                            .told = "0 opened hot 1 r1 x1; 26 resolved hot 1 r2 x2"},
             [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 5 k a v=20; 20 .; 21 k a id=1 v=20; 22 k a v=40; 31 .",
                               .told = "0 opened hot 1 r1 x1; 31 resolved hot 1 r2 x1"},
             [EDGE_CLOSING] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=20; 14.999 k a id=1 v=40; 15 .; 20 k a id=1 v=20; 29.999 .; 30 .",
                               .told = "0 opened hot 1 r1 x1; 30 resolved hot 1 r2 x2"},
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 10 .", .told = "0 opened hot 1 r1 x1; 10 resolved hot 1 r2 x1"},
             [EDGE_RELOAD] = {.other = RULE("hot", "    clear: auto\n    keep_firing_for: 20s\n" NEVER),
                              .story = "0 k a id=1 v=40; 5 k a id=1 v=20; 6 reload; 25 .; 30 k a id=1 v=20; 50 .",
                              .told = "0 opened hot 1 r1 x1; 50 resolved hot 1 r2 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=20; 6 restart 100; 114.999 .; 115 .",
                               .told = "0 opened hot 1 r1 x1; 115 resolved hot 1 r2 x1"},
             [EDGE_KEYS] = {.none = ONLY_OPEN},
         }},
    {.pattern = "clear + resolve_after",
     .rules = RULE("hot", "    clear: event.v == 0\n    resolve_after: 10s\n" NEVER),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 10 k a id=1 v=40; 20 k a id=1 v=0",
                             .told = "0 opened hot 1 r1 x1; 10 resolved hot 1 r2 x1; 10 opened hot 1 r1 x1; 20 resolved hot 1 r2 x1"},
             [EDGE_LATE] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=40 late t=1000; 6 k a id=1 v=0 late t=-1; 14.999 .; 15 .",
                            .told = "0 opened hot 1 r1 x1; 15 resolved hot 1 r2 x2"},
             [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 5 k a v=40; 6 k a v=0; 10 .",
                               .told = "0 opened hot 1 r1 x1; 10 resolved hot 1 r2 x1"},
             [EDGE_CLOSING] = {.story = "0 k a id=1 v=40; 9.999 k a id=1 v=40; 19.998 .; 19.999 .",
                               .told = "0 opened hot 1 r1 x1; 19.999 resolved hot 1 r2 x2"},
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=0; 0 k a id=1 v=40; 10 .",
                             .told = "0 opened hot 1 r1 x1; 0 resolved hot 1 r2 x1; 0 opened hot 1 r1 x1; 10 resolved hot 1 r2 x1"},
             [EDGE_RELOAD] = {.other = RULE("hot", "    clear: event.v == 0\n    resolve_after: 5s\n" NEVER),
                              .story = "0 k a id=1 v=40; 3 reload; 20 .",
                              .told = "0 opened hot 1 r1 x1; 8 resolved hot 1 r2 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 4 restart 100; 109.999 .; 110 .",
                               .told = "0 opened hot 1 r1 x1; 110 resolved hot 1 r2 x1"},
             [EDGE_KEYS] = {.none = ONLY_OPEN},
         }},
    {.pattern = "latch",
     .rules = RULE("hot", "    clear: auto\n    latch: true\n    repeat_interval: 10s\n"),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 0 k a id=1 v=40; 1 resolve; 1 k a id=1 v=40",
                             .told = "0 opened hot 1 r1 x1; 1 resolved hot 1 r2 x2; 1 opened hot 1 r1 x1"},
             [EDGE_LATE] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=20; 6 k a id=1 v=40 late t=1000; 7 resolve",
                            .told = "0 opened hot 1 r1 x1; 7 resolved hot 1 r2 x2"},
             [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 1 k a v=20; 20 .; 21 k a id=1 v=20; 22 resolve",
                               .told = "0 opened hot 1 r1 x1; 21 updated hot 1 r2 x1; 22 resolved hot 1 r3 x1"},
             [EDGE_CLOSING] = {.none = "no span"},
             /* The end is only told: with the next message about repeats. */
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 10 .; 1000 .; 1001 resolve",
                             .told = "0 opened hot 1 r1 x1; 10 updated hot 1 r2 x1; 1001 resolved hot 1 r3 x1"},
             [EDGE_RELOAD] = {.other = RULE("hot", "    clear: auto\n"),
                              .story = "0 k a id=1 v=40; 1 k a id=1 v=20; 2 reload; 3 k a id=1 v=20",
                              .told = "0 opened hot 1 r1 x1; 3 resolved hot 1 r2 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 1 k a id=1 v=20; 2 restart 100; 103 k a id=1 v=40; 104 resolve",
                               .told = "0 opened hot 1 r1 x1; 10 updated hot 1 r2 x1; 103 updated hot 1 r3 x2; 104 resolved hot 1 r4 x2"},
             [EDGE_KEYS] = {.none = ONLY_OPEN},
         }},
    {.pattern = "exceptions",
     .rules = RULE("hot", "    for: 10s\n    exceptions: [event.x == 1]\n"),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40 x=0; 10 k a id=1 v=40 x=1",
                             .told = "10 opened hot 1 r1 x1; 10 resolved hot 1 r2 x1"},
             [EDGE_LATE] = {.story = "0 k a id=1 v=40 x=0; 5 k a id=1 v=40 x=1 late t=1000; 10 .", .told = "10 opened hot 1 r1 x1"},
             /* What cannot be known excepts nothing. */
             [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 5 k a v=40 x=1; 10 .", .told = "10 opened hot 1 r1 x1"},
             [EDGE_CLOSING] = {.story = "0 k a id=1 v=40 x=0; 9.999 k a id=1 v=40 x=1; 10 .; 20 .", .told = ""},
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=40 x=0; 12 k a id=1 v=40 x=1; 12 k a id=1 v=40 x=0; 22 .",
                             .told = "10 opened hot 1 r1 x1; 12 resolved hot 1 r2 x1; 22 opened hot 1 r1 x1"},
             [EDGE_RELOAD] = {.other = RULE("hot", "    for: 10s\n    exceptions: [event.x == 2]\n"),
                              .story = "0 k a id=1 v=40 x=0; 5 reload; 10 .; 11 k a id=1 v=40 x=1; 21 .",
                              .told = "21 opened hot 1 r1 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40 x=0; 5 restart 100; 106 k a v=40 x=1; 110 .", .told = "110 opened hot 1 r1 x1"},
             /* An event that is excepted makes no key. */
             [EDGE_KEYS] = {.story = "0 k a id=1 v=40 x=0; 1 many 2..10001 k a id=%d v=40 x=1; 10 .", .told = "10 opened hot 1 r1 x1"},
         }},
    {.pattern = "on_downtime",
     .rules = "rules:\n" R("pause", "    for: 10s\n") R("count", "    for: 10s\n    on_downtime: count\n")
         R("reset", "    for: 10s\n    on_downtime: reset\n"),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 4 restart 6; 10 k a id=1 v=20; 20 .",
                             .told = "10 opened count 1 r1 x1; 10 resolved count 1 r2 x1"},
             [EDGE_LATE] = {.story = "0 k a id=1 v=40; 4 restart 100; 105 k a id=1 v=20 late t=50000; 110 .",
                            .told = "10 opened count 1 r1 x1; 105 resolved count 1 r2 x1; 110 opened pause 1 r1 x1"},
             [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 4 restart 100; 105 k a v=20; 110 .",
                               .told = "10 opened count 1 r1 x1; 110 opened pause 1 r1 x1"},
             [EDGE_CLOSING] = {.story = "0 k a id=1 v=40; 4 restart 5.999; 9.999 .; 10 .; 15.998 .; 15.999 .",
                               .told = "10 opened count 1 r1 x1; 15.999 opened pause 1 r1 x1"},
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 4 restart 100; 104 k a id=1 v=20; 114 .",
                             .told = "10 opened count 1 r1 x1; 104 resolved count 1 r2 x1"},
             [EDGE_RELOAD] = {.other =
                                  "rules:\n" R("pause", "    for: 10s\n    on_downtime: count\n")
                                      R("count", "    for: 10s\n    on_downtime: reset\n") R("reset", "    for: 10s\n"),
                              .story = "0 k a id=1 v=40; 2 reload; 4 restart 100; 110 .",
                              .told = "10 opened pause 1 r1 x1; 110 opened reset 1 r1 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 4 restart 100; 110 .; 120 k a id=1 v=20; 121 k a id=1 v=40; 131 .",
                               .told = "10 opened count 1 r1 x1; 110 opened pause 1 r1 x1; 120 resolved pause 1 r2 x1; "
                                       "120 resolved count 1 r2 x1; 131 opened pause 1 r1 x1; 131 opened count 1 r1 x1; "
                                       "131 opened reset 1 r1 x1"},
             /* Who is least recent is known after a restart too. */
             [EDGE_KEYS] = {.story = "0 many 1..10000 k a id=%d v=40; 1 restart; 2 k a id=10001 v=40; 3 many 2..10000 k a id=%d v=20; 20 .",
                            .told = "12 opened pause 10001 r1 x1; 12 opened count 10001 r1 x1; 12 opened reset 10001 r1 x1",
                            .evicted = 3},
         }},
};

int main(void) { return edges_run(rows, sizeof(rows) / sizeof(rows[0])); }
