/* SPDX-License-Identifier: Apache-2.0
 * The table's frame: that it is whole, and that every way of telling a story comes to the same. See edges.h. */
#include "edges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/buf.h"

static const char *const names[EDGES] = {"equal times",        "late event", "missing key", "span just over",
                                         "clear in the batch", "reload",     "restart",     "ten thousand keys"};
static const char *const ways[EDGE_WAYS] = {"in one batch", "a batch a step", "with restarts", "with reloads"};
static edge_play_fn player;

int edge_step(const char **story, long long *ms, char *what, size_t size) {
    const char *s = *story, *end;
    char *rest;

    if (!s || !*s)
        return false;
    double at = strtod(s, &rest);
    if (rest == s || *rest != ' ')
        fail_msg("no time in \"%s\"", s);
    end = strstr(rest, "; ");
    if (!end)
        end = rest + strlen(rest);
    *ms = (long long)(at * 1000 + (at < 0 ? -0.5 : 0.5));
    if ((size_t)(end - rest) > size)
        fail_msg("too long: \"%s\"", s);
    (void)snprintf(what, size, "%.*s", (int)(end - rest - 1), rest + 1);
    *story = *end ? end + 2 : end;
    return true;
}

static void check_cell(const struct edge_row *row, enum edge edge) {
    const struct edge_cell *c = &row->cell[edge];

    if (c->none)
        return;
    if (!c->story || !c->told)
        fail_msg("%s: nothing is said about %s", row->pattern, names[edge]);
    for (enum edge_way way = 0; way < EDGE_WAYS; way++) {
        struct buf told;
        int evicted = 0;

        if (edge == EDGE_KEYS && way > EDGE_EACH_STEP)
            continue;
        buf_init(&told, 0);
        player(row, c, way, &told, &evicted);
        if (strcmp(told.len ? told.data : "", c->told) != 0 || evicted != c->evicted)
            fail_msg("%s, %s, %s:\n  %s\ntold     %s  (%d pushed out)\nexpected %s  (%d)", row->pattern, names[edge], ways[way], c->story,
                     told.len ? told.data : "", evicted, c->told, c->evicted);
        buf_done(&told);
    }
}

static void check_row(void **state) {
    const struct edge_row *row = *state;

    for (enum edge e = 0; e < EDGES; e++)
        check_cell(row, e);
}

int edges_run_with(const struct edge_row *rows, size_t n, edge_play_fn play) {
    struct CMUnitTest tests[16];

    player = play;
    assert_true(n <= sizeof(tests) / sizeof(tests[0]));
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].pattern, .test_func = check_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    return _cmocka_run_group_tests("edges", tests, n, NULL, NULL);
}
