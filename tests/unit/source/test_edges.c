/* SPDX-License-Identifier: Apache-2.0
 * The table "pattern by edge", last part: what `dedupe` and `emit: on_change` remember. How to read it: edges.h; here a step is a topic and a payload. What it pins stands in
 * docs/semantics.md. */
#include "edges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/source_int.h"
#include "source_fixture.h"

#define S(more) \
    "sources:\n  - source: s\n    topic: s/{device}\n    payload: json\n    events:\n      - kind: k\n        time: payload.t\n        skew: 1h\n" \
    "        late: payload.?replay.orValue(false)\n        fields: {p: payload.p, w: payload.w}\n" more
#define DEDUPE(within) S("        dedupe: {key: payload.p, within: " within "}\n")
#define CHANGE(fields) S("        emit: {on_change: [" fields "]}\n")

struct row {
    struct row *next;
    char *key, *body;
};
struct site {
    struct source_fx f;
    struct ruleset *other;
    struct row *rows; /* as in the store */
    char *tail[64];   /* the journal behind them */
    size_t ntail;
};

static int put_row(void *ctx, const char *key, const char *body, size_t len) {
    struct site *s = ctx;
    struct row **at = &s->rows;

    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    if (!*at) {
        *at = calloc(1, sizeof(**at));
        (*at)->key = strdup(key);
    }
    free((*at)->body);
    (*at)->body = body ? strndup(body, len) : NULL;
    return 0;
}

static void drop(struct site *s, bool rows) {
    for (struct row *r = s->rows, *next; rows && r; r = next) {
        next = r->next;
        free(r->key);
        free(r->body);
        free(r);
    }
    while (s->ntail)
        free(s->tail[--s->ntail]);
}

static void restart(struct site *s, bool checkpoint) {
    struct err err = {0};

    if (checkpoint) {
        assert_int_equal(mapper_checkpoint(s->f.m, put_row, s), 0);
        drop(s, false);
    }
    mapper_free(s->f.m);
    assert_int_equal(mapper_new(s->other ? s->other : s->f.rs, &err, &s->f.m), 0);
    for (const struct row *r = s->rows; r; r = r->next) {
        if (r->body && mapper_restore_row(s->f.m, r->key, r->body, strlen(r->body), &err) < 0)
            fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < s->ntail; i++) {
        struct event ev;
        arena_reset(&s->f.arena);
        assert_int_equal(event_read(&s->f.arena, s->tail[i], strlen(s->tail[i]), &ev, &err), 0);
        mapper_restore_event(s->f.m, &ev);
    }
}

static void reload(struct site *s, const char *yaml) {
    const struct rules_file files[] = {{"gengfu.yaml", "gateway: {id: gw-t}\n", 20},
                                       {"devices.csv", "device,kind\n", 12},
                                       {"rules.d/10.yaml", yaml, strlen(yaml)}};
    struct ruleset *old = s->other;
    struct report *rep;
    struct err err = {0};

    assert_int_equal(report_new(&rep), 0);
    if (ruleset_load_files(files, 3, rep, &err, &s->other) < 0 || mapper_reload(s->f.m, s->other, &err) < 0)
        fail_msg("%s", err.text);
    report_free(rep);
    ruleset_free(old);
    if (mapper_wants_checkpoint(s->f.m))
        restart(s, true);
}

static void send(struct site *s, long long ms, const char *topic, const char *payload, struct buf *told) {
    s->f.now = SFX_T0 + ms;
    sfx_send(&s->f, topic, payload, strlen(payload));
    for (size_t i = 0; i < s->f.got.nevents; i++) {
        const struct event *ev = &s->f.got.events[i];
        struct cel_value p = cel_null();
        struct buf b;
        buf_init(&b, 0);
        event_write(&b, ev);
        assert_true(s->ntail < sizeof(s->tail) / sizeof(s->tail[0]));
        s->tail[s->ntail++] = buf_take(&b, NULL);
        (void)event_field(ev, atom_of("p"), &p);
        buf_printf(told, "%s%lld.%03lld %s ", told->len ? "; " : "", ms / 1000, ms % 1000, ev->device);
        cel_write_json(told, p);
    }
}

static void many(struct site *s, long long ms, const char *what, struct buf *told) {
    int from, to;
    char topic[64];

    assert_int_equal(sscanf(what, "many %d..%d", &from, &to), 2);
    const char *payload = strchr(what, '{');
    for (int i = from; i <= to; i++) {
        (void)snprintf(topic, sizeof(topic), "s/d%d", i);
        send(s, ms, topic, payload, told);
        drop(s, false); /* they stand in no journal: only for stories without a restart */
    }
    buf_clear(told);
    buf_printf(told, "%lld.%03lld *%d", ms / 1000, ms % 1000, to - from + 1);
}

static void play(const struct edge_row *row, const struct edge_cell *cell, enum edge_way way, struct buf *told, int *evicted) {
    const char *story = cell->story, *rules = row->rules;
    struct site s = {0};
    char what[256];
    long long ms;

    sfx_open_with(&s.f, rules, "device,kind\n");
    while (edge_step(&story, &ms, what, sizeof(what))) {
        char *payload = strchr(what, ' ');
        if (strncmp(what, "many ", 5) == 0) {
            many(&s, ms, what, told);
        } else if (strcmp(what, "restart") == 0) {
            restart(&s, true);
        } else if (strcmp(what, "reload") == 0) {
            rules = cell->other;
            reload(&s, rules);
        } else {
            *payload++ = '\0';
            send(&s, ms, what, payload, told);
        }
        if (way == EDGE_EACH_STEP)
            assert_int_equal(mapper_checkpoint(s.f.m, put_row, &s), 0), drop(&s, false);
        else if (way == EDGE_RESTARTS)
            restart(&s, ms % 2 == 0);
        else if (way == EDGE_RELOADS)
            reload(&s, rules);
    }
    *evicted = (int)s.f.m->memory.evicted;
    drop(&s, true);
    sfx_close(&s.f);
    ruleset_free(s.other);
}

static const struct edge_row rows[] = {
    {.pattern = "dedupe",
     .rules = DEDUPE("2s"),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 s/a {\"p\":1}; 0 s/a {\"p\":1}; 0 s/a {\"p\":2}; 0 s/b {\"p\":1}",
                             .told = "0.000 a 1; 0.000 a 2; 0.000 b 1"},
             /* By their arrival, whatever time they bear. */
             [EDGE_LATE] =
                 {.story =
                      "10 s/a {\"p\":1}; 11 s/a {\"p\":1,\"replay\":true,\"t\":1768046000}; 12 s/a {\"p\":1,\"replay\":true,\"t\":1768046000}",
                  .told = "10.000 a 1; 12.000 a 1"},
             /* Nothing is known to be the same. */
             [EDGE_MISSING] = {.story = "0 s/a {}; 0 s/a {}; 1 s/a {\"p\":null}", .told = "0.000 a null; 0.000 a null; 1.000 a null"},
             /* From the one that was told, not from the one that was kept back. */
             [EDGE_CLOSING] = {.story = "0 s/a {\"p\":1}; 1.999 s/a {\"p\":1}; 2 s/a {\"p\":1}; 3.999 s/a {\"p\":1}; 4 s/a {\"p\":1}",
                               .told = "0.000 a 1; 2.000 a 1; 4.000 a 1"},
             [EDGE_CLEAR] = {.none = "nothing to end"},
             [EDGE_RELOAD] = {.other = DEDUPE("5s"),
                              .story = "0 s/a {\"p\":1}; 1 reload; 1 s/a {\"p\":1}; 5.999 s/a {\"p\":1}; 6 s/a {\"p\":1}",
                              .told = "0.000 a 1; 1.000 a 1; 6.000 a 1"},
             /* Time goes on while we are away. */
             [EDGE_RESTART] = {.story = "0 s/a {\"p\":1}; 1 restart; 1.999 s/a {\"p\":1}; 2 s/a {\"p\":1}", .told = "0.000 a 1; 2.000 a 1"},
             /* What was kept back makes nothing recent: d1 makes way, and for it d2. */
             [EDGE_KEYS] = {.story =
                                "0 many 1..20000 {\"p\":1}; 0.001 s/d1 {\"p\":1}; 1 s/d20001 {\"p\":1}; 1 s/d2 {\"p\":1}; 1 s/d1 {\"p\":1}",
                            .told = "0.000 *20000; 1.000 d20001 1; 1.000 d1 1",
                            .evicted = 2},
         }},
    {.pattern = "emit: on_change",
     .rules = CHANGE("p"),
     .cell =
         {
             [EDGE_EQUAL] = {.story = "0 s/a {\"p\":1}; 0 s/a {\"p\":2}; 0 s/a {\"p\":2}; 0 s/a {\"p\":1}",
                             .told = "0.000 a 1; 0.000 a 2; 0.000 a 1"},
             /* What came last counts, whatever time it bears. */
             [EDGE_LATE] = {.story = "10 s/a {\"p\":1}; 11 s/a {\"p\":2,\"replay\":true,\"t\":1768046000}; 12 s/a {\"p\":1}",
                            .told = "10.000 a 1; 11.000 a 2; 12.000 a 1"},
             /* A field that is not there has not changed; the first word is always news. */
             [EDGE_MISSING] = {.story = "0 s/a {\"w\":1}; 1 s/a {\"w\":2}; 2 s/a {\"p\":1}; 3 s/a {\"w\":3}; 4 s/a {\"p\":1,\"w\":4}",
                               .told = "0.000 a null; 2.000 a 1"},
             [EDGE_CLOSING] = {.none = "no span"},
             [EDGE_CLEAR] = {.none = "nothing to end"},
             [EDGE_RELOAD] =
                 {.other = CHANGE("p, w"),
                  .story = "0 s/a {\"p\":1,\"w\":1}; 1 reload; 2 s/a {\"p\":1,\"w\":1}; 3 s/a {\"p\":1,\"w\":1}; 4 s/a {\"p\":1,\"w\":2}",
                  .told = "0.000 a 1; 2.000 a 1; 4.000 a 1"},
             [EDGE_RESTART] = {.story = "0 s/a {\"p\":1}; 1 restart; 2 s/a {\"p\":1}; 3 s/a {\"p\":2}", .told = "0.000 a 1; 3.000 a 2"},
             [EDGE_KEYS] =
                 {.story =
                      "0 many 1..20000 {\"p\":1}; 1 s/d1 {\"p\":2}; 2 s/d20001 {\"p\":1}; 3 s/d3 {\"p\":1}; 4 s/d1 {\"p\":2}; 5 s/d2 {\"p\":1}",
                  .told = "0.000 *20000; 1.000 d1 2; 2.000 d20001 1; 5.000 d2 1",
                  .evicted = 2},
         }},
};

int main(void) { return edges_run_with(rows, sizeof(rows) / sizeof(rows[0]), play); }
