/* SPDX-License-Identifier: Apache-2.0
 * The table "pattern by edge", fourth part: silence. How to read it: edges.h. What it pins stands in docs/semantics.md. */
#include "edges.h"

#define A(on, by, span, more) \
    "rules:\n  - rule: silent\n    on: " on "\n    absent: " span "\n    by: " by "\n    grace: 1s\n" more \
    "    incident: {severity: minor, title: t}\n"
#define RULE(span) A("k", "device.id", span, "")
#define DEVICES "device,kind,expect,feeder\na,k,,\nb,n,20s,\nc,n,,\nm1,m,,F1\nm2,m,,F2\nm3,m,,F3\nm4,m,,F4\nm5,m,,\n"

static const struct edge_row
    rows[] =
        {
            {.pattern = "absent",
             .rules = RULE("10s"),
             .devices = DEVICES,
             .cell =
                 {
                     /* What is due goes first. */
                     [EDGE_EQUAL] = {.story = "0 k a; 10 k a; 20 .",
                                     .told = "10 opened silent a r1 x1; 10 resolved silent a r2 x1; 20 opened silent a r1 x1"},
                     /* A replay is a word of now. */
                     [EDGE_LATE] = {.story = "0 k a; 5 k a late t=-50000; 14.999 .; 15 .", .told = "15 opened silent a r1 x1"},
                     /* A device without the key's column is nobody's. */
                     [EDGE_MISSING] = {.rules = A("m", "device.feeder", "10s", ""),
                                       .story = "1 m m1; 2 m m2; 3 m m3; 4 m m4; 5 m m5; 13 .",
                                       .told = "11 opened silent F1 r1 x1; 12 opened silent F2 r1 x1; 13 opened silent F3 r1 x1"},
                     [EDGE_CLOSING] = {.story = "0 k a; 9.999 k a; 19.998 .; 19.999 .", .told = "19.999 opened silent a r1 x1"},
                     [EDGE_CLEAR] =
                         {.story = "0 k a; 11 k a; 11 k a; 21 .; 22 k a",
                          .told =
                              "10 opened silent a r1 x1; 11 resolved silent a r2 x1; 21 opened silent a r1 x1; 22 resolved silent a r2 x1"},
                     /* The silence is the device's, not the rule's: it goes on. */
                     [EDGE_RELOAD] = {.other = RULE("20s"), .story = "0 k a; 5 reload; 19.999 .; 20 .", .told = "20 opened silent a r1 x1"},
                     [EDGE_RESTART] = {.story = "0 k a; 5 restart 100; 109.999 .; 110 .", .told = "110 opened silent a r1 x1"},
                     /* Only silences that were told are kept: here three, and of four devices. */
                     [EDGE_KEYS] =
                         {.rules = A("m", "device.feeder", "10s", "    max_keys: 3\n"),
                          .story = "10 .; 11 m m1; 12 m m4; 22 .",
                          .told = "10 opened silent F1 r1 x1; 10 opened silent F2 r1 x1; 10 opened silent F3 r1 x1; 11 resolved silent F1 r2 x1; 21 opened silent F1 r1 x1",
                          .evicted = 2},
                 }},
            {.pattern = "absent, the registry's expect",
             .rules = A("n", "device.id", "10s", ""),
             .devices = DEVICES,
             .cell =
                 {
                     [EDGE_EQUAL] = {.story = "0 n b; 0 n c; 10 n c; 20 n b; 20 n c",
                                     .told = "10 opened silent c r1 x1; 10 resolved silent c r2 x1; 20 opened silent b r1 x1; "
                                             "20 opened silent c r1 x1; 20 resolved silent b r2 x1; 20 resolved silent c r2 x1"},
                     [EDGE_LATE] = {.story = "0 n b; 0 n c; 5 n b late t=-50000; 5 n c; 6 n c; 16 n c; 24.999 n c; 25 .",
                                    .told = "16 opened silent c r1 x1; 16 resolved silent c r2 x1; 25 opened silent b r1 x1"},
                     /* An empty cell: the rule's span. */
                     [EDGE_MISSING] = {.story = "0 n b; 0 n c; 10 .; 19.999 .", .told = "10 opened silent c r1 x1"},
                     [EDGE_CLOSING] = {.story = "0 n b; 9 n c; 18 n c; 19.999 n b; 27 n c; 36 n c; 39.998 .; 39.999 .",
                                       .told = "39.999 opened silent b r1 x1"},
                     [EDGE_CLEAR] =
                         {.story = "0 n c; 10 n c; 19 n c; 20 n b; 20 n b; 28 n c; 37 n c; 40 n b",
                          .told = "10 opened silent c r1 x1; 10 resolved silent c r2 x1; 20 opened silent b r1 x1; 20 resolved silent b r2 x1; 40 opened silent b r1 x1; 40 resolved silent b r2 x1"},
                     /* The device's own span stays. */
                     [EDGE_RELOAD] = {.other = A("n", "device.id", "30s", ""),
                                      .story = "0 n b; 5 reload; 19.999 .; 20 .; 29.999 .; 30 .",
                                      .told = "20 opened silent b r1 x1; 30 opened silent c r1 x1"},
                     [EDGE_RESTART] = {.story = "0 n b; 0 n c; 5 restart 100; 109.999 .; 110 .; 119.999 .; 120 .",
                                       .told = "110 opened silent c r1 x1; 120 opened silent b r1 x1"},
                     [EDGE_KEYS] = {.none = "as `absent`"},
                 }},
            {.pattern = "absent, our own link down",
             .rules = RULE("10s"),
             .devices = DEVICES,
             .cell =
                 {
                     /* What was due when the link went is told. */
                     [EDGE_EQUAL] = {.story = "0 k a; 10 link down; 20 link up; 30 .", .told = "10 opened silent a r1 x1"},
                     [EDGE_LATE] = {.story = "0 k a; 5 link down; 20 link up; 21 k a late t=10000; 30.999 .; 31 .",
                                    .told = "31 opened silent a r1 x1"},
                     [EDGE_MISSING] = {.none = "the link has no key"},
                     /* A millisecond was left, but `grace` is a second. */
                     [EDGE_CLOSING] = {.story = "0 k a; 9.999 link down; 50 link up; 50.999 .; 51 .", .told = "51 opened silent a r1 x1"},
                     [EDGE_CLEAR] = {.story = "0 k a; 10 .; 11 link down; 30 link up; 30 k a",
                                     .told = "10 opened silent a r1 x1; 30 resolved silent a r2 x1"},
                     [EDGE_RELOAD] = {.other = RULE("8s"),
                                      .story = "0 k a; 5 link down; 6 reload; 90 .; 100 link up; 102.999 .; 103 .",
                                      .told = "103 opened silent a r1 x1"},
                     [EDGE_RESTART] = {.story = "0 k a; 5 link down; 6 restart 100; 120 .; 150 link up; 154.999 .; 155 .",
                                       .told = "155 opened silent a r1 x1"},
                     [EDGE_KEYS] = {.none = "as `absent`"},
                 }},
};

int main(void) { return edges_run(rows, sizeof(rows) / sizeof(rows[0])); }
