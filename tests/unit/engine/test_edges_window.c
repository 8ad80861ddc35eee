/* SPDX-License-Identifier: Apache-2.0
 * The table "pattern by edge", second part: sliding windows, with every figure. How to read it: edges.h. What it pins stands in docs/semantics.md. */
#include "edges.h"

#define W(name, within, more) \
    "  - rule: " name "\n    on: k\n    by: event.id\n    within: " within "\n" more "    incident: {severity: minor, title: t}\n"
#define COUNTS(within, more) \
    "rules:\n" W("count", within, "    when: event.v > 30\n    having: event_count() >= 3\n" more) \
        W("kinds", within, "    when: event.v > 30\n    having: value_count(event.s) >= 2\n" more)
#define VALUES(within) \
    "rules:\n" W("sum", within, "    having: value_sum(event.v) >= 100\n") W("avg", within, "    having: value_avg(event.v) >= 30\n") \
        W("min", within, "    having: value_min(event.v) >= 30\n") W("max", within, "    having: value_max(event.v) >= 60\n") \
            W("pct", within, "    having: value_percentile(event.v, 50) >= 30\n")

static const struct edge_row rows[] = {
    {.pattern = "within + having: event_count, value_count",
     .rules = COUNTS("10s", ""),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=40 s=1; 0 k a id=1 v=40 s=1; 0 k a id=1 v=40 s=2; 9.999 .; 10 .",
                             .told = "0 opened count 1 r1 x3; 0 opened kinds 1 r1 x3; 10 resolved count 1 r2 x3; "
                                     "10 resolved kinds 1 r2 x3"},
             /* Exactly `within` ago is out; one that is within leaves at its own time. */
             [EDGE_LATE] = {.story = "10 k a id=1 v=40 s=1; 10 k a id=1 v=40 s=2 late t=0; 10 k a id=1 v=40 s=2 late t=1; "
                                     "10 k a id=1 v=40 s=2; 10.001 .; 20 .",
                            .told = "10 opened kinds 1 r1 x2; 10 opened count 1 r1 x3; 10.001 resolved count 1 r2 x3; "
                                    "20 resolved kinds 1 r2 x3"},
             [EDGE_MISSING] = {.story = "0 k a id=1 v=40 s=1; 1 k a v=40 s=2; 2 k a id=1 v=40 s=1; 3 k a id=1 v=40; 20 .",
                               .told = "3 opened count 1 r1 x3; 10 resolved count 1 r2 x3"},
             [EDGE_CLOSING] = {.story = "0 k a id=1 v=40 s=1; 5 k a id=1 v=40 s=1; 10 k a id=1 v=40 s=2; 14.999 k a id=1 v=40 s=1; 15 .",
                               .told = "10 opened kinds 1 r1 x2; 14.999 opened count 1 r1 x3; 15 resolved count 1 r2 x3"},
             /* An end that was said empties the window. */
             [EDGE_CLEAR] = {.rules = COUNTS("10s", "    clear: event.v < 25\n"),
                             .story = "0 many 1..3 k a id=1 v=40 s=%d; 0 k a id=1 v=20; 0 k a id=1 v=40 s=1; 1 k a id=1 v=40 s=1",
                             .told = "0 opened kinds 1 r1 x2; 0 opened count 1 r1 x3; 0 resolved count 1 r2 x3; "
                                     "0 resolved kinds 1 r2 x3"},
             [EDGE_RELOAD] = {.other = COUNTS("20s", ""),
                              .story = "0 many 1..2 k a id=1 v=40 s=%d; 1 reload; 2 k a id=1 v=40 s=1; 3 k a id=1 v=40 s=1; 20.999 .; "
                                       "21 k a id=1 v=40 s=1",
                              .told = "0 opened kinds 1 r1 x2; 2 resolved kinds 1 r2 x3; 21 opened count 1 r1 x3"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=40 s=1; 1 k a id=1 v=40 s=1; 2 restart 100; 103 k a id=1 v=40 s=1; 109.999 .; 110 .",
                               .told = "103 opened count 1 r1 x3; 110 resolved count 1 r2 x3"},
             /* 2 has been pushed out with what it had; in its turn it pushes out 3. */
             [EDGE_KEYS] = {.story = "0 many 1..10000 k a id=%d v=40 s=1; 1 k a id=1 v=40 s=1; 2 k a id=10001 v=40 s=1; "
                                     "3 k a id=2 v=40 s=1; 4 k a id=2 v=40 s=1; 5 k a id=1 v=40 s=1",
                            .told = "5 opened count 1 r1 x3",
                            .evicted = 4},
         }},
    {.pattern = "within + having: value_sum, avg, min, max, percentile",
     .rules = VALUES("10s"),
     .cell =
         {
             /* 20: nothing. 20 40: avg. 20 40 60: all but min. */
             [EDGE_EQUAL] = {.story = "0 k a id=1 v=20; 0 k a id=1 v=40; 0 k a id=1 v=60; 9.999 .; 10 .",
                             .told = "0 opened avg 1 r1 x2; 0 opened sum 1 r1 x3; 0 opened max 1 r1 x3; 0 opened pct 1 r1 x3; "
                                     "10 resolved sum 1 r2 x3; 10 resolved avg 1 r2 x3; 10 resolved max 1 r2 x3; "
                                     "10 resolved pct 1 r2 x3"},
             [EDGE_LATE] = {.story = "10 k a id=1 v=20; 10 k a id=1 v=100 late t=0; 10 k a id=1 v=100 late t=1; 10.001 .",
                            .told = "10 opened sum 1 r1 x2; 10 opened avg 1 r1 x2; 10 opened max 1 r1 x2; 10.001 resolved sum 1 r2 x2; "
                                    "10.001 resolved avg 1 r2 x2; 10.001 resolved max 1 r2 x2"},
             /* One without the value counts as an event, and is in no figure. */
             [EDGE_MISSING] = {.story = "0 k a v=100; 1 k a id=1 w=1; 2 k a id=1 v=100; 11 .; 12 .",
                               .told = "2 opened sum 1 r1 x2; 2 opened avg 1 r1 x2; 2 opened min 1 r1 x2; 2 opened max 1 r1 x2; "
                                       "2 opened pct 1 r1 x2; 12 resolved sum 1 r2 x2; 12 resolved avg 1 r2 x2; "
                                       "12 resolved min 1 r2 x2; 12 resolved max 1 r2 x2; 12 resolved pct 1 r2 x2"},
             /* What leaves at 10 is gone before what comes at 10: sum and max end by the one, the others by the other. */
             [EDGE_CLOSING] = {.story = "0 k a id=1 v=60; 5 k a id=1 v=40; 9.999 .; 10 k a id=1 v=0",
                               .told = "0 opened avg 1 r1 x1; 0 opened min 1 r1 x1; 0 opened max 1 r1 x1; 0 opened pct 1 r1 x1; "
                                       "5 opened sum 1 r1 x2; 10 resolved sum 1 r2 x2; 10 resolved max 1 r2 x2; "
                                       "10 resolved avg 1 r2 x3; 10 resolved min 1 r2 x3; 10 resolved pct 1 r2 x3"},
             [EDGE_CLEAR] = {.story = "0 k a id=1 v=100; 0 k a id=1 v=0",
                             .told = "0 opened sum 1 r1 x1; 0 opened avg 1 r1 x1; 0 opened min 1 r1 x1; 0 opened max 1 r1 x1; "
                                     "0 opened pct 1 r1 x1; 0 resolved min 1 r2 x2; 0 resolved pct 1 r2 x2"},
             /* The window is empty from 1 on: what comes decides; where nothing comes, the new span's end. */
             [EDGE_RELOAD] = {.other = VALUES("20s"),
                              .story = "0 k a id=1 v=60; 0 k a id=2 v=60; 1 reload; 2 k a id=1 v=40; 20.999 .; 21 .",
                              .told = "0 opened avg 1 r1 x1; 0 opened min 1 r1 x1; 0 opened max 1 r1 x1; 0 opened pct 1 r1 x1; "
                                      "0 opened avg 2 r1 x1; 0 opened min 2 r1 x1; 0 opened max 2 r1 x1; 0 opened pct 2 r1 x1; "
                                      "2 resolved max 1 r2 x2; 21 resolved avg 2 r2 x1; 21 resolved min 2 r2 x1; "
                                      "21 resolved max 2 r2 x1; 21 resolved pct 2 r2 x1"},
             [EDGE_RESTART] = {.story = "0 k a id=1 v=60; 5 restart 100; 106 k a id=1 v=40; 109.999 .; 110 .",
                               .told = "0 opened avg 1 r1 x1; 0 opened min 1 r1 x1; 0 opened max 1 r1 x1; 0 opened pct 1 r1 x1; "
                                       "106 opened sum 1 r1 x2; 110 resolved sum 1 r2 x2; 110 resolved max 1 r2 x2"},
             [EDGE_KEYS] = {.story = "0 many 1..10000 k a id=%d v=20; 1 k a id=1 v=20; 2 k a id=10001 v=20; 3 k a id=2 v=80; "
                                     "4 k a id=1 v=80",
                            .told = "3 opened avg 2 r1 x1; 3 opened min 2 r1 x1; 3 opened max 2 r1 x1; 3 opened pct 2 r1 x1; "
                                    "4 opened sum 1 r1 x3; 4 opened avg 1 r1 x3; 4 opened max 1 r1 x3",
                            .evicted = 10},
         }},
};

int main(void) { return edges_run(rows, sizeof(rows) / sizeof(rows[0])); }
