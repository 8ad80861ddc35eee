/* SPDX-License-Identifier: Apache-2.0
 * The table "pattern by edge", fifth part: incidents of incidents, and what is told when. How to read it: edges.h. What it pins stands in docs/semantics.md. */
#include "edges.h"

#define NEVER "    repeat_interval: 30d\n"
#define K(name, more) \
    "  - rule: " name "\n    on: k\n    when: event.v > 30\n    by: event.id\n" more "    incident: {severity: minor, title: t}\n"
#define LAMP K("lamp", "    clear: event.v < 25\n    max_keys: 20000\n")
#define I(name, by, more, members) \
    "  - rule: " name "\n    on: incident\n    when: event.rule == 'lamp' && event.change == 'opened'\n    by: " by "\n" more \
    "    incident: {severity: severe, title: t" members "}\n"
#define SEEN(ends) "rules:\n" LAMP I("seen", "event.by", ends, "")
#define BY_END "    clear: event.rule == 'lamp' && event.change == 'resolved'\n"
#define PAIR(within, members) \
    "rules:\n" LAMP I("pair", "event.severity", "    within: " within "\n    having: value_count(event.by) >= 2\n    resolve_after: 1h\n", \
                      members)
#define MEMBERS ", members: event.incident"
#define DEAD "  - {rule: dead, on: feeder, when: event.dead, clear: auto, incident: {severity: severe, title: t}}\n"
#define INHIBIT "inhibit_rules:\n  - {source: dead, targets: [lamp], equal: [device.feeder]}\n"
#define DEVICES "device,kind,feeder\na,k,F1\nm,feeder,F1\nb,k,\n"

static const struct edge_row
    rows[] =
        {
            {.pattern = "on: incident",
             .rules = SEEN(BY_END),
             .devices = DEVICES,
             .cell =
                 {
                     [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 0 k a id=1 v=40",
                                     .told =
                                         "0 opened lamp 1 r1 x1; 0 opened seen 1 r1 x1; 0 resolved lamp 1 r2 x1; 0 resolved seen 1 r2 x1; "
                                         "0 opened lamp 1 r1 x1; 0 opened seen 1 r1 x1"},
                     /* What a late event raises is raised now. */
                     [EDGE_LATE] = {.rules = "rules:\n" LAMP I("seen", "event.by", "    for: 10s\n    clear: manual\n", ""),
                                    .story = "10 k a id=1 v=40 late t=5000; 19.999 .; 20 .",
                                    .told = "10 opened lamp 1 r1 x1; 20 opened seen 1 r1 x1"},
                     [EDGE_MISSING] = {.rules = "rules:\n" LAMP I("seen", "device.feeder", BY_END, ""),
                                       .story = "0 k b id=1 v=40; 1 k a id=2 v=40; 2 k b id=1 v=20; 3 k a id=2 v=20",
                                       .told =
                                           "0 opened lamp 1 r1 x1; 1 opened lamp 2 r1 x1; 1 opened seen F1 r1 x1; 2 resolved lamp 1 r2 x1; "
                                           "3 resolved lamp 2 r2 x1; 3 resolved seen F1 r2 x1"},
                     [EDGE_CLOSING] = {.rules = PAIR("10s", ""),
                                       .story = "0 k a id=1 v=40; 10 k a id=2 v=40; 19.999 k a id=3 v=40",
                                       .told = "0 opened lamp 1 r1 x1; 10 opened lamp 2 r1 x1; 19.999 opened lamp 3 r1 x1; "
                                               "19.999 opened pair minor r1 x2"},
                     [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0.001 k a id=1 v=20",
                                     .told = "0 opened lamp 1 r1 x1; 0 opened seen 1 r1 x1; 0.001 resolved lamp 1 r2 x1; "
                                             "0.001 resolved seen 1 r2 x1"},
                     [EDGE_RELOAD] =
                         {.other = SEEN("    resolve_after: 10s\n"),
                          .story = "0 k a id=1 v=40; 1 reload; 2 k a id=1 v=20; 11 .",
                          .told = "0 opened lamp 1 r1 x1; 0 opened seen 1 r1 x1; 2 resolved lamp 1 r2 x1; 11 resolved seen 1 r2 x1"},
                     [EDGE_RESTART] =
                         {.story = "0 k a id=1 v=40; 1 restart 60; 62 k a id=1 v=20",
                          .told = "0 opened lamp 1 r1 x1; 0 opened seen 1 r1 x1; 62 resolved lamp 1 r2 x1; 62 resolved seen 1 r2 x1"},
                     /* 1 has been pushed out: its second opening is its first. */
                     [EDGE_KEYS] =
                         {.rules = "rules:\n" LAMP I("seen", "event.by", "    within: 10s\n    having: event_count() >= 2\n", ""),
                          .story = "0 many 1..10001 k a id=%d v=40; 1 k a id=1 v=20; 1 k a id=1 v=40; 2 k a id=10001 v=20; "
                                   "2 k a id=10001 v=40",
                          .told = "0 opened lamp *10001; 1 resolved lamp 1 r2 x1; 1 opened lamp 1 r1 x1; 2 resolved lamp 10001 r2 x1; "
                                  "2 opened lamp 10001 r1 x1; 2 opened seen 10001 r1 x2",
                          .evicted = 2},
                 }},
            {.pattern = "members",
             .rules = PAIR("10s", MEMBERS),
             .devices = DEVICES,
             .cell =
                 {
                     [EDGE_EQUAL] =
                         {.story = "0 many 1..3 k a id=%d v=40",
                          .told = "0 opened lamp 1 r1 x1; 0 opened lamp 2 r1 x1; 0 opened pair minor r1 x2; 0 updated lamp 1 r2 x1; "
                                  "0 updated lamp 2 r2 x1; 0 opened lamp 3 r1 x1; 0 updated pair minor r2 x3; 0 updated lamp 3 r2 x1"},
                     [EDGE_LATE] = {.story = "10 k a id=1 v=40 late t=0; 19.999 k a id=2 v=40",
                                    .told = "10 opened lamp 1 r1 x1; 19.999 opened lamp 2 r1 x1; 19.999 opened pair minor r1 x2; "
                                            "19.999 updated lamp 1 r2 x1; 19.999 updated lamp 2 r2 x1"},
                     [EDGE_MISSING] =
                         {.rules = "rules:\n" LAMP I("seen", "device.feeder", "    clear: manual\n", MEMBERS),
                          .story = "0 k b id=1 v=40; 1 k a id=2 v=40",
                          .told = "0 opened lamp 1 r1 x1; 1 opened lamp 2 r1 x1; 1 opened seen F1 r1 x1; 1 updated lamp 2 r2 x1"},
                     /* Those that are still within. */
                     [EDGE_CLOSING] = {.story = "0 k a id=1 v=40; 10 k a id=2 v=40; 19.999 k a id=3 v=40",
                                       .told = "0 opened lamp 1 r1 x1; 10 opened lamp 2 r1 x1; 19.999 opened lamp 3 r1 x1; "
                                               "19.999 opened pair minor r1 x2; 19.999 updated lamp 2 r2 x1; 19.999 updated lamp 3 r2 x1"},
                     /* One that has ended since is a member too. */
                     [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 0 k a id=2 v=40",
                                     .told = "0 opened lamp 1 r1 x1; 0 resolved lamp 1 r2 x1; 0 opened lamp 2 r1 x1; "
                                             "0 opened pair minor r1 x2; 0 updated lamp 1 r3 x1; 0 updated lamp 2 r2 x1"},
                     [EDGE_RELOAD] = {.other = PAIR("20s", MEMBERS),
                                      .story = "0 k a id=1 v=40; 1 reload; 2 k a id=2 v=40; 21.999 k a id=3 v=40",
                                      .told = "0 opened lamp 1 r1 x1; 2 opened lamp 2 r1 x1; 21.999 opened lamp 3 r1 x1; "
                                              "21.999 opened pair minor r1 x2; 21.999 updated lamp 2 r2 x1; 21.999 updated lamp 3 r2 x1"},
                     [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 1 restart 100; 109.999 k a id=2 v=40",
                                       .told = "0 opened lamp 1 r1 x1; 109.999 opened lamp 2 r1 x1; 109.999 opened pair minor r1 x2; "
                                               "109.999 updated lamp 1 r2 x1; 109.999 updated lamp 2 r2 x1"},
                     [EDGE_KEYS] = {.none = "as `on: incident`"},
                 }},
            {.pattern = "inhibit_rules",
             .rules = "rules:\n" LAMP DEAD INHIBIT,
             .devices = DEVICES,
             .cell =
                 {
                     [EDGE_EQUAL] =
                         {.story = "0 feeder m dead=true; 0 k a id=1 v=40; 0 feeder m dead=false; 1 k a id=2 v=40; 1 feeder m dead=true",
                          .told = "0 opened dead m r1 x1; 0 resolved dead m r2 x1; 0 opened lamp 1 r1 x1; 1 opened lamp 2 r1 x1; "
                                  "1 opened dead m r1 x1; 1 updated lamp 2 r2 x1"},
                     [EDGE_LATE] = {.story = "0 feeder m dead=true; 5 k a id=1 v=40 late t=-5000; 6 feeder m dead=false",
                                    .told = "0 opened dead m r1 x1; 6 resolved dead m r2 x1; 6 opened lamp 1 r1 x1"},
                     [EDGE_MISSING] = {.story = "0 feeder m dead=true; 1 k b id=1 v=40",
                                       .told = "0 opened dead m r1 x1; 1 opened lamp 1 r1 x1"},
                     [EDGE_CLOSING] = {.none = "no span"},
                     /* One that ends unheard is never told. */
                     [EDGE_CLEAR] = {.story = "0 feeder m dead=true; 1 k a id=1 v=40; 1 k a id=1 v=20; 2 feeder m dead=false",
                                     .told = "0 opened dead m r1 x1; 2 resolved dead m r2 x1"},
                     [EDGE_RELOAD] = {.other = "rules:\n" LAMP,
                                      .story = "0 feeder m dead=true; 1 k a id=1 v=40; 2 reload",
                                      .told = "0 opened dead m r1 x1; 2 resolved dead m r2 x1; 2 opened lamp 1 r1 x1"},
                     [EDGE_RESTART] = {.story = "0 feeder m dead=true; 1 k a id=1 v=40; 2 restart 60; 63 feeder m dead=false",
                                       .told = "0 opened dead m r1 x1; 63 resolved dead m r2 x1; 63 opened lamp 1 r1 x1"},
                     [EDGE_KEYS] = {.none = "of open incidents: as `when`"},
                 }},
            {.pattern = "hold",
             .rules = "rules:\n" K("hot", "    clear: event.v < 25\n    hold: 10s\n" NEVER),
             .cell =
                 {
                     [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 10 k a id=1 v=20",
                                     .told = "10 opened hot 1 r1 x1; 10 resolved hot 1 r2 x1"},
                     [EDGE_LATE] = {.story = "0 k a id=1 v=40 late t=-50000; 9.999 .; 10 .", .told = "10 opened hot 1 r1 x1"},
                     [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 5 k a v=20; 10 .", .told = "10 opened hot 1 r1 x1"},
                     [EDGE_CLOSING] = {.story = "0 k a id=1 v=40; 9.999 k a id=1 v=20; 20 .", .told = ""},
                     [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 0 k a id=1 v=40; 10 .", .told = "10 opened hot 1 r1 x1"},
                     [EDGE_RELOAD] = {.other = "rules:\n" K("hot", "    clear: event.v < 25\n    hold: 20s\n" NEVER),
                                      .story = "0 k a id=1 v=40; 5 reload; 19.999 .; 20 .",
                                      .told = "20 opened hot 1 r1 x1"},
                     /* Time goes on while we are away. */
                     [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 1 restart 5; 9.999 .; 10 .; 20 k a id=2 v=40; 21 restart 100; 121 .",
                                       .told = "10 opened hot 1 r1 x1; 30 opened hot 2 r1 x1"},
                     [EDGE_KEYS] = {.none = "of open incidents: as `when`"},
                 }},
            {.pattern = "repeat_interval",
             .rules = "rules:\n" K("hot", "    clear: event.v < 25\n    repeat_interval: 10s\n"),
             .cell =
                 {
                     [EDGE_EQUAL] =
                         {.story = "0 k a id=1 v=40; 5 k a id=1 v=40; 10 k a id=1 v=20; 20 k a id=1 v=40; 30 k a id=1 v=40",
                          .told = "0 opened hot 1 r1 x1; 10 updated hot 1 r2 x2; 10 resolved hot 1 r3 x2; 20 opened hot 1 r1 x1; "
                                  "30 updated hot 1 r2 x2"},
                     [EDGE_LATE] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=40 late t=-5000; 10 .",
                                    .told = "0 opened hot 1 r1 x1; 10 updated hot 1 r2 x2"},
                     [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 5 k a v=40; 20 .", .told = "0 opened hot 1 r1 x1"},
                     [EDGE_CLOSING] = {.story = "0 k a id=1 v=40; 9.999 k a id=1 v=40; 10 .; 19.999 k a id=1 v=40; 20 .",
                                       .told = "0 opened hot 1 r1 x1; 10 updated hot 1 r2 x2; 20 updated hot 1 r3 x3"},
                     /* The end says the count; nothing is told after it. */
                     [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=40; 0 k a id=1 v=20; 20 .",
                                     .told = "0 opened hot 1 r1 x1; 0 resolved hot 1 r2 x2"},
                     [EDGE_RELOAD] = {.other = "rules:\n" K("hot", "    clear: event.v < 25\n    repeat_interval: 20s\n"),
                                      .story = "0 k a id=1 v=40; 5 k a id=1 v=40; 6 reload; 19.999 .; 20 .",
                                      .told = "0 opened hot 1 r1 x1; 20 updated hot 1 r2 x2"},
                     [EDGE_RESTART] = {.story = "0 k a id=1 v=40; 5 k a id=1 v=40; 6 restart 2; 9.999 .; 10 .",
                                       .told = "0 opened hot 1 r1 x1; 10 updated hot 1 r2 x2"},
                     [EDGE_KEYS] = {.none = "of open incidents: as `when`"},
                 }},
            {.pattern = "chattering",
             .rules = "rules:\n" K("hot", "    clear: auto\n    chattering: {changes: 4, within: 10s}\n"),
             .cell =
                 {
                     [EDGE_EQUAL] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 0 k a id=1 v=40; 0 k a id=1 v=20; 9.999 .; 10 .",
                                     .told = "0 opened hot 1 r1 x1; 0 resolved hot 1 r2 x1; 0 opened hot 1 r1 x1; 0 updated hot 1 r2 x1; "
                                             "10 resolved hot 1 r3 x1"},
                     [EDGE_LATE] = {.story = "0 k a id=1 v=40; 1 k a id=1 v=20; 2 k a id=1 v=40; 3 k a id=1 v=20 late t=1500; 4 .",
                                    .told = "0 opened hot 1 r1 x1; 1 resolved hot 1 r2 x1; 2 opened hot 1 r1 x1"},
                     [EDGE_MISSING] = {.story = "0 k a id=1 v=40; 1 k a id=1 v=20; 2 k a v=40; 3 k a v=20; 4 k a id=1 v=40",
                                       .told = "0 opened hot 1 r1 x1; 1 resolved hot 1 r2 x1; 4 opened hot 1 r1 x1"},
                     /* The change of 0 is out at 10; that of 20 is within at 29.999. */
                     [EDGE_CLOSING] =
                         {.story = "0 k a id=1 v=40; 1 k a id=1 v=20; 2 k a id=1 v=40; 10 k a id=1 v=20; 20 k a id=2 v=40; "
                                   "21 k a id=2 v=20; 22 k a id=2 v=40; 29.999 k a id=2 v=20; 39.998 .; 39.999 .",
                          .told = "0 opened hot 1 r1 x1; 1 resolved hot 1 r2 x1; 2 opened hot 1 r1 x1; 10 resolved hot 1 r2 x1; "
                                  "20 opened hot 2 r1 x1; 21 resolved hot 2 r2 x1; 22 opened hot 2 r1 x1; "
                                  "29.999 updated hot 2 r2 x1; 39.999 resolved hot 2 r3 x1"},
                     [EDGE_CLEAR] = {.story = "0 k a id=1 v=40; 0 k a id=1 v=20; 1 k a id=1 v=40; 1 k a id=1 v=20; 1 k a id=1 v=40; 11 .; "
                                              "12 k a id=1 v=20",
                                     .told = "0 opened hot 1 r1 x1; 0 resolved hot 1 r2 x1; 1 opened hot 1 r1 x1; 1 updated hot 1 r2 x1; "
                                             "11 updated hot 1 r3 x2; 12 resolved hot 1 r4 x2"},
                     [EDGE_RELOAD] = {.other = "rules:\n" K("hot", "    clear: auto\n    chattering: {changes: 3, within: 10s}\n"),
                                      .story = "0 k a id=1 v=40; 1 k a id=1 v=20; 2 reload; 3 k a id=1 v=40; 4 k a id=1 v=20",
                                      .told = "0 opened hot 1 r1 x1; 1 resolved hot 1 r2 x1; 3 opened hot 1 r1 x1; 4 resolved hot 1 r2 x1"},
                     [EDGE_RESTART] =
                         {.story = "0 k a id=1 v=40; 1 k a id=1 v=20; 2 k a id=1 v=40; 3 restart 100; 104 k a id=1 v=20; 114 .",
                          .told = "0 opened hot 1 r1 x1; 1 resolved hot 1 r2 x1; 2 opened hot 1 r1 x1; 104 updated hot 1 r2 x1; "
                                  "114 resolved hot 1 r3 x1"},
                     /* 2 is pushed out with the two changes that were counted; 1 is not. */
                     [EDGE_KEYS] = {.rules = "rules:\n" K("hot",
                                                          "    clear: auto\n    chattering: {changes: 4, within: 10s}\n    max_keys: 4\n"),
                                    .story = "0 many 1..4 k a id=%d v=40; 1 many 1..4 k a id=%d v=20; 2 k a id=1 v=40; 3 k a id=5 v=40; "
                                             "4 k a id=1 v=20; 5 k a id=2 v=40; 6 k a id=2 v=20",
                                    .told = "0 opened hot *4; 1 resolved hot *4; 2 opened hot 1 r1 x1; 3 opened hot 5 r1 x1; "
                                            "4 updated hot 1 r2 x1; 5 opened hot 2 r1 x1; 6 resolved hot 2 r2 x1",
                                    .evicted = 2},
                 }},
};

int main(void) { return edges_run(rows, sizeof(rows) / sizeof(rows[0])); }
