/* SPDX-License-Identifier: Apache-2.0
 * The table "pattern by edge", third part: several steps, and steps that must not come. How to read it: edges.h. What it pins stands in docs/semantics.md. */
#include "edges.h"

#define S(name, pattern, within, more) \
    "rules:\n  - rule: " name "\n    " pattern "\n    by: event.id\n    within: " within "\n" more \
    "    incident: {severity: minor, title: t}\n"
#define HOUR "    resolve_after: 1h\n"
#define END "    clear: event.?end.orValue(false)\n"
#define FLOW "sequence: [{on: a}, {on: b}]"
#define QUIET "sequence: [{on: a}, {not: {on: b}}]"
#define SLIP "sequence: [{on: a}, {not: {on: c}}, {on: b}]"
#define BOTH "together: [{on: a}, {on: b}]"
#define ALONE "together: [{on: a}, {on: b}, {not: {on: c}}]"

static const struct edge_row rows[] =
    {
        {.pattern = "sequence",
         .rules = S("flow", FLOW, "10s", HOUR),
         .cell =
             {
                 /* In one millisecond they come in the order in which they came. */
                 [EDGE_EQUAL] = {.story = "0 a x id=1; 0 b x id=1; 1 b x id=2; 1 a x id=2; 1 b x id=2",
                                 .told = "0 opened flow 1 r1 x1; 1 opened flow 2 r1 x1"},
                 [EDGE_LATE] = {.story = "10 a x id=1 late t=9000; 11 b x id=1; 12 a x id=2; 13 b x id=2 late t=12500", .told = ""},
                 [EDGE_MISSING] = {.story = "0 a x; 1 b x id=1; 2 a x id=1; 3 b x; 4 b x id=1", .told = "4 opened flow 1 r1 x1"},
                 [EDGE_CLOSING] = {.story = "0 a x id=1; 10 b x id=1; 20 a x id=1; 29.999 b x id=1", .told = "29.999 opened flow 1 r1 x1"},
                 /* What ends it ends what is half done as well: the a that says so begins nothing. */
                 [EDGE_CLEAR] = {.rules = S("flow", FLOW, "10s", END),
                                 .story = "0 a x id=1; 0 b x id=1 end=true; 1 a x id=1 end=true; 2 b x id=1; 3 a x id=1; 3 b x id=1",
                                 .told = "0 opened flow 1 r1 x1; 1 resolved flow 1 r2 x1; 3 opened flow 1 r1 x1"},
                 [EDGE_RELOAD] = {.other = S("flow", FLOW, "20s", HOUR),
                                  .story = "0 a x id=1; 1 reload; 2 b x id=1; 3 a x id=1; 22.999 b x id=1",
                                  .told = "22.999 opened flow 1 r1 x1"},
                 [EDGE_RESTART] = {.story = "0 a x id=1; 0 a x id=2; 5 restart 100; 109.999 b x id=1; 110 b x id=2",
                                   .told = "109.999 opened flow 1 r1 x1"},
                 [EDGE_KEYS] = {.story = "0 many 1..10000 a x id=%d; 1 a x id=1; 2 a x id=10001; 3 b x id=2; 4 b x id=1; 5 b x id=10001",
                                .told = "4 opened flow 1 r1 x1; 5 opened flow 10001 r1 x1",
                                .evicted = 1},
             }},
        {.pattern = "sequence, not at the end",
         .rules = S("quiet", QUIET, "10s", HOUR),
         .cell =
             {
                 /* At the very end it is too late; in the millisecond of the first step it is not. */
                 [EDGE_EQUAL] = {.story = "0 a x id=1; 10 b x id=1; 20 a x id=2; 20 b x id=2; 30 b x id=3; 30 a x id=3; 40 .",
                                 .told = "10 opened quiet 1 r1 x1; 40 opened quiet 3 r1 x1"},
                 [EDGE_LATE] = {.story = "0 a x id=1; 5 b x id=1 late t=4000; 10 .; 11 a x id=2 late t=10000; 30 .",
                                .told = "10 opened quiet 1 r1 x1"},
                 [EDGE_MISSING] = {.story = "0 a x; 0 a x id=1; 5 b x; 10 .", .told = "10 opened quiet 1 r1 x1"},
                 [EDGE_CLOSING] = {.story = "0 a x id=1; 9.999 b x id=1; 10 .; 20 a x id=1; 29.999 .; 30 .",
                                   .told = "30 opened quiet 1 r1 x1"},
                 [EDGE_CLEAR] = {.rules = S("quiet", QUIET, "10s", END),
                                 .story = "0 a x id=1; 10 b x id=1 end=true; 11 a x id=1; 21 .",
                                 .told = "10 opened quiet 1 r1 x1; 10 resolved quiet 1 r2 x1; 21 opened quiet 1 r1 x1"},
                 [EDGE_RELOAD] = {.other = S("quiet", QUIET, "20s", HOUR),
                                  .story = "0 a x id=1; 5 reload; 30 .; 31 a x id=1; 50.999 .; 51 .",
                                  .told = "51 opened quiet 1 r1 x1"},
                 [EDGE_RESTART] = {.story = "0 a x id=1; 0 a x id=2; 5 restart 100; 106 b x id=2; 109.999 .; 110 .",
                                   .told = "110 opened quiet 1 r1 x1"},
                 [EDGE_KEYS] = {.story = "0 many 1..10000 a x id=%d; 1 a x id=1; 2 a x id=10001; 3 many 3..10000 b x id=%d; 13 .",
                                .told = "10 opened quiet 1 r1 x1; 12 opened quiet 10001 r1 x1",
                                .evicted = 1},
             }},
        {.pattern = "sequence, not in the middle",
         .rules = S("slip", SLIP, "10s", HOUR),
         .cell =
             {
                 [EDGE_EQUAL] =
                     {.story = "0 a x id=1; 0 c x id=1; 0 b x id=1; 1 a x id=2; 1 b x id=2; 1 c x id=2; 2 c x id=3; 2 a x id=3; 2 b x id=3",
                      .told = "1 opened slip 2 r1 x1; 2 opened slip 3 r1 x1"},
                 [EDGE_LATE] = {.story = "0 a x id=1; 1 c x id=1 late t=500; 2 b x id=1; 3 a x id=2; 4 b x id=2 late t=3500",
                                .told = "2 opened slip 1 r1 x1"},
                 [EDGE_MISSING] = {.story = "0 a x id=1; 1 c x; 2 b x id=1", .told = "2 opened slip 1 r1 x1"},
                 [EDGE_CLOSING] =
                     {.story = "0 a x id=1; 10 b x id=1; 20 a x id=1; 29.999 b x id=1; 30 a x id=2; 39.998 c x id=2; 39.999 b x id=2",
                      .told = "29.999 opened slip 1 r1 x1"},
                 [EDGE_CLEAR] = {.rules = S("slip", SLIP, "10s", END),
                                 .story = "0 a x id=1; 0 b x id=1; 0 c x id=1 end=true; 1 a x id=1; 1 b x id=1",
                                 .told = "0 opened slip 1 r1 x1; 0 resolved slip 1 r2 x1; 1 opened slip 1 r1 x1"},
                 [EDGE_RELOAD] = {.other = S("slip", SLIP, "20s", HOUR),
                                  .story = "0 a x id=1; 1 reload; 2 b x id=1; 3 a x id=1; 22.999 b x id=1",
                                  .told = "22.999 opened slip 1 r1 x1"},
                 [EDGE_RESTART] = {.story = "0 a x id=1; 0 a x id=2; 1 c x id=2; 5 restart 100; 109.999 b x id=1; 109.999 b x id=2",
                                   .told = "109.999 opened slip 1 r1 x1"},
                 [EDGE_KEYS] = {.story = "0 many 1..10000 a x id=%d; 1 a x id=1; 2 a x id=10001; 3 b x id=2; 4 b x id=1; 5 b x id=10001",
                                .told = "4 opened slip 1 r1 x1; 5 opened slip 10001 r1 x1",
                                .evicted = 1},
             }},
        {.pattern = "together",
         .rules = S("both", BOTH, "10s", HOUR),
         .cell =
             {
                 [EDGE_EQUAL] = {.story = "0 a x id=1; 0 b x id=1; 1 b x id=2; 1 a x id=2",
                                 .told = "0 opened both 1 r1 x1; 1 opened both 2 r1 x1"},
                 /* By its own time: 1 is out, 2 is within. */
                 [EDGE_LATE] =
                     {
                         .story =
                             "10 a x id=1; 11 b x id=1 late t=1000; 11 b x id=1 late t=1001; 11.001 a x id=2; 11.001 b x id=2 late t=-9000",
                         .told = "11 opened both 1 r1 x1"},
                 [EDGE_MISSING] = {.story = "0 a x; 1 b x id=1; 2 a x id=1", .told = "2 opened both 1 r1 x1"},
                 [EDGE_CLOSING] = {.story = "0 a x id=1; 10 b x id=1; 19.999 a x id=1", .told = "19.999 opened both 1 r1 x1"},
                 [EDGE_CLEAR] = {.rules = S("both", BOTH, "10s", END),
                                 .story = "0 a x id=1; 0 b x id=1 end=true; 10 a x id=1 end=true; 11 b x id=1; 12 a x id=1",
                                 .told = "0 opened both 1 r1 x1; 10 resolved both 1 r2 x1; 12 opened both 1 r1 x1"},
                 [EDGE_RELOAD] = {.other = S("both", BOTH, "20s", HOUR),
                                  .story = "0 a x id=1; 1 reload; 2 b x id=1; 21.999 a x id=1",
                                  .told = "21.999 opened both 1 r1 x1"},
                 [EDGE_RESTART] = {.story = "0 a x id=1; 0 a x id=2; 5 restart 100; 109.999 b x id=1; 110 b x id=2",
                                   .told = "109.999 opened both 1 r1 x1"},
                 [EDGE_KEYS] = {.story = "0 many 1..10000 a x id=%d; 1 a x id=1; 2 a x id=10001; 3 b x id=2; 4 b x id=1; 5 b x id=10001",
                                .told = "4 opened both 1 r1 x1; 5 opened both 10001 r1 x1",
                                .evicted = 2},
             }},
        {.pattern = "together with not",
         .rules = S("alone", ALONE, "10s", HOUR),
         .cell =
             {
                 [EDGE_EQUAL] = {.story = "0 c x id=1; 0 a x id=1; 0 b x id=1; 1 a x id=2; 1 b x id=2; 1 c x id=2",
                                 .told = "1 opened alone 2 r1 x1"},
                 [EDGE_LATE] = {.story =
                                    "9 a x id=1; 10 c x id=1 late t=1000; 11 b x id=1; 20 a x id=2; 20 c x id=2 late t=10000; 20 b x id=2",
                                .told = "11 opened alone 1 r1 x1; 20 opened alone 2 r1 x1"},
                 [EDGE_MISSING] = {.story = "0 c x; 1 a x id=1; 2 b x id=1", .told = "2 opened alone 1 r1 x1"},
                 /* The c is out at 10, so the b at 10 completes it. That it leaves raises nothing by itself: at 30 both others are there. */
                 [EDGE_CLOSING] =
                     {.story = "0 c x id=1; 5 a x id=1; 10 b x id=1; 20 c x id=2; 25 a x id=2; 29.999 b x id=2; 30 .; 30.001 b x id=2",
                      .told = "10 opened alone 1 r1 x1; 30.001 opened alone 2 r1 x1"},
                 [EDGE_CLEAR] = {.rules = S("alone", ALONE, "10s", END),
                                 .story = "0 a x id=1; 0 b x id=1; 0 c x id=1 end=true; 1 a x id=1; 1 b x id=1",
                                 .told = "0 opened alone 1 r1 x1; 0 resolved alone 1 r2 x1; 1 opened alone 1 r1 x1"},
                 [EDGE_RELOAD] = {.other = S("alone", ALONE, "20s", HOUR),
                                  .story = "0 c x id=1; 0 a x id=1; 1 reload; 2 b x id=1; 21.999 a x id=1",
                                  .told = "21.999 opened alone 1 r1 x1"},
                 [EDGE_RESTART] = {.story = "0 c x id=1; 0.001 c x id=2; 5 a x id=1; 5 a x id=2; 6 restart 100; 110 b x id=1; 110 b x id=2",
                                   .told = "110 opened alone 1 r1 x1"},
                 [EDGE_KEYS] = {.story = "0 many 1..10000 a x id=%d; 1 a x id=1; 2 a x id=10001; 3 b x id=2; 4 b x id=1; 5 b x id=10001",
                                .told = "4 opened alone 1 r1 x1; 5 opened alone 10001 r1 x1",
                                .evicted = 2},
             }},
};

int main(void) { return edges_run(rows, sizeof(rows) / sizeof(rows[0])); }
