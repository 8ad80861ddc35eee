/* SPDX-License-Identifier: Apache-2.0
 * A story of the table "pattern by edge" in the engine. See edges.h. */
#include "edges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_int.h"
#include "engine_fx.h"

static void many(struct efx *f, int64_t ms, const char *what) {
    char line[128], *rest;
    long from = strtol(what + 5, &rest, 10), to = strncmp(rest, "..", 2) == 0 ? strtol(rest + 2, &rest, 10) : -1;
    const char *mark = strstr(what, "%d");

    assert_true(from <= to && *rest == ' ' && mark);
    rest++;
    for (long i = from; i <= to; i++) {
        (void)snprintf(line, sizeof(line), "%.*s%ld%s", (int)(mark - rest), rest, i, mark + 2);
        efx_event(f, ms, line);
    }
}

static void say_so(struct efx *f, int64_t ms, const char *action) {
    struct err err = {0};
    char json[320];

    efx_flush(f);
    (void)snprintf(json, sizeof(json), "{\"incident\":\"%%ID%%\",\"action\":\"%s\"}", action);
    if (efx_command(f, ms, json, &err) < 0)
        fail_msg("%s: %s", action, err.text);
}

/* As the daemon: what was so before the stop is so when it has started. */
static void restart(struct efx *f, int64_t away, bool checkpoint) {
    bool down = f->e->link_down != TIME_NONE;

    efx_restart(f, away, checkpoint);
    if (down)
        engine_link(f->e, false, efx_time(f, f->now));
}

static void take(struct efx *f, int64_t ms, const char *what, const struct edge_row *row, const struct edge_cell *cell) {
    if (strcmp(what, ".") == 0) {
        efx_advance(f, ms);
    } else if (strncmp(what, "many ", 5) == 0) {
        many(f, ms, what);
    } else if (strncmp(what, "restart", 7) == 0) {
        efx_advance(f, ms);
        restart(f, (int64_t)(strtod(what + 7, NULL) * 1000), true);
    } else if (strcmp(what, "reload") == 0) {
        efx_advance(f, ms);
        efx_reload(f, cell->other, row->devices);
    } else if (strncmp(what, "link ", 5) == 0) {
        efx_advance(f, ms);
        engine_link(f->e, strcmp(what + 5, "up") == 0, efx_time(f, ms));
    } else if (strcmp(what, "close") == 0 || strcmp(what, "resolve") == 0) {
        say_so(f, ms, what);
    } else {
        efx_event(f, ms, what);
    }
}

/* Up to the key: what lines of one sort share. */
static size_t sort_len(const char *line) {
    size_t n = 0;

    for (int blanks = 0; line[n] && line[n] != '\n'; n++)
        if (line[n] == ' ' && ++blanks == 3)
            break;
    return n;
}

static void tell(struct buf *out, const char *lines) {
    while (*lines) {
        size_t sort = sort_len(lines), same = 1, len = strcspn(lines, "\n");
        const char *next = lines + len + 1;

        while (*next && sort_len(next) == sort && memcmp(next, lines, sort) == 0) {
            next += strcspn(next, "\n") + 1;
            same++;
        }
        if (same <= 3)
            next = lines + len + 1;
        buf_puts(out, out->len ? "; " : "");
        if (same > 3)
            buf_printf(out, "%.*s *%zu", (int)sort, lines, same);
        else
            buf_put(out, lines, len);
        lines = next;
    }
}

static void play(const struct edge_row *row, const struct edge_cell *cell, enum edge_way way, struct buf *told, int *evicted) {
    const char *story = cell->story, *rules = cell->rules ? cell->rules : row->rules;
    struct engine_rule_stats stats;
    char what[256];
    struct efx f;
    long long ms;

    efx_init(&f, rules, row->devices);
    while (edge_step(&story, &ms, what, sizeof(what))) {
        take(&f, ms, what, row, cell);
        if (strcmp(what, "reload") == 0)
            rules = cell->other;
        if (way == EDGE_EACH_STEP)
            efx_flush(&f);
        else if (way == EDGE_RESTARTS)
            restart(&f, 0, ms % 2 == 0);
        else if (way == EDGE_RELOADS)
            efx_reload(&f, rules, row->devices);
    }
    efx_flush(&f);
    tell(told, f.said.len ? f.said.data : "");
    for (size_t i = 0; i < engine_rules(f.e); i++) {
        engine_rule_stats(f.e, i, &stats);
        *evicted += (int)stats.evicted;
    }
    efx_done(&f);
}

int edges_run(const struct edge_row *rows, size_t n) { return edges_run_with(rows, n, play); }
