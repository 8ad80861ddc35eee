/* SPDX-License-Identifier: Apache-2.0
 * From message to incident, over batches, stops and kills: random sources with `on_change`, `dedupe` and `each`, rules over their events, random messages. Once in one go, and once
 * cut, checkpointed, restarted and killed (all that was not committed is lost, and the messages of that batch come again) at random places: the same documents, the same rows, and the
 * same events in the journal. GENGFU_STREAMS says how many streams, GENGFU_SEED which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/source_int.h"
#include "streams.h"

#define MAX_MESSAGES 150
#define DEVICES "device,kind,name,grid\nd0,k,D0,G1\nd1,k,D1,G1\nd2,m,D2,G2\n"
#define ONE_OF(list) ((list)[stream_pick((int)(sizeof(list) / sizeof((list)[0])))])

struct row {
    struct row *next;
    char *key, *body;
};
struct site { /* the gateway: engine and its pretended store (efx), mapper and its rows */
    struct efx f;
    struct mapper *m;
    struct row *rows;
    struct buf journal; /* every event that was committed */
    struct arena arena;
    size_t max; /* entries of the memory */
};

/* -- rows of the sources' memory ---------------------------------------------------------------------------------------------------- */
static int put_row(void *ctx, const char *key, const char *body, size_t len) {
    struct site *s = ctx;
    struct row **at = &s->rows;

    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    if (*at && !body) {
        struct row *gone = *at;
        *at = gone->next;
        free(gone->key);
        free(gone->body);
        free(gone);
    } else if (*at) {
        free((*at)->body);
        (*at)->body = strndup(body, len);
    } else if (body) {
        *at = calloc(1, sizeof(**at));
        (*at)->key = strdup(key);
        (*at)->body = strndup(body, len);
    }
    return 0;
}

static void drop_rows(struct site *s) {
    while (s->rows)
        (void)put_row(s, s->rows->key, NULL, 0);
}

static void mapper_again(struct site *s) {
    struct err err = {0};

    mapper_free(s->m);
    assert_int_equal(mapper_new(s->f.fx.rs, &err, &s->m), 0);
    s->m->memory.max = s->max;
    for (const struct row *r = s->rows; r; r = r->next) {
        if (mapper_restore_row(s->m, r->key, r->body, strlen(r->body), &err) < 0)
            fail_msg("%s: %s", r->key, err.text);
    }
    for (size_t i = 0; i < s->f.ntail; i++) {
        struct event ev;
        arena_reset(&s->arena);
        assert_int_equal(event_read(&s->arena, s->f.tail[i], strlen(s->f.tail[i]), &ev, &err), 0);
        mapper_restore_event(s->m, &ev);
    }
}

/* -- a site's life --------------------------------------------------------------------------------------------------------------------- */
static void flush(struct site *s) {
    for (size_t i = s->f.committed_tail; i < s->f.ntail; i++)
        buf_printf(&s->journal, "%s\n", s->f.tail[i]);
    efx_flush(&s->f);
}

static void checkpoint(struct site *s) {
    flush(s);
    assert_int_equal(mapper_checkpoint(s->m, put_row, s), 0);
    efx_checkpoint(&s->f);
}

static void restart(struct site *s, bool with_checkpoint) {
    flush(s);
    if (with_checkpoint)
        checkpoint(s);
    efx_restart(&s->f, 0, false);
    mapper_again(s);
}

static void kill_it(struct site *s) {
    efx_kill(&s->f);
    mapper_again(s);
}

struct item {
    int64_t ms;
    bool retained;
    char topic[32], payload[96];
};

static void deliver(struct site *s, const struct item *item) {
    struct message msg = {
        .topic = item->topic, .payload = item->payload, .len = strlen(item->payload), .retained = item->retained, .qos = 1};
    struct mapped got;

    msg.arrived = EFX_WALL + item->ms;
    arena_reset(&s->arena);
    mapper_map(s->m, &msg, &s->arena, &got);
    if (got.outcome == OUTCOME_BROKEN)
        fail_msg("%s %s: %s", item->topic, item->payload, got.why);
    if (got.nevents == 0)
        efx_advance(&s->f, item->ms);
    for (size_t i = 0; i < got.nevents; i++)
        efx_feed(&s->f, item->ms, &got.events[i]);
}

/* -- random sources, rules, messages ---------------------------------------------------------------------------------------------------- */
static void sources(struct buf *b) {
    static const char *const lists[] = {"[v]", "[v, w]", "[s]", "[v, w, s]", "[l]"};
    static const char *const keys[] = {"payload.?v.orValue(0)", "[payload.?w.orValue(0), payload.?s.orValue('')]", "payload.s"};
    int n = 1 + stream_pick(4);

    buf_clear(b);
    buf_puts(b, "sources:\n");
    for (int i = 0; i < n; i++) {
        bool each = stream_pick(4) == 0;
        const char *from = each ? "item" : "payload";
        buf_printf(b, "  - source: s%d\n    topic: t/{device}\n    match: has(payload.v) || has(payload.s) || has(payload.all)\n", i);
        if (each)
            buf_puts(b, "    each: payload.all\n");
        buf_puts(b, "    events:\n");
        for (int k = 1 + stream_pick(2); k > 0; k--) {
            buf_printf(b, "      - kind: %s\n", stream_pick(2) ? "k" : "m");
            buf_printf(b, "        fields: {v: %s.v, w: double(%s.w), s: %s.s, l: '[%s.v, %s.s]', at: 'timestamp(%s.w * 1000)'}\n", from,
                       from, from, from, from, from);
            if (stream_pick(3))
                buf_printf(b, "        emit: {on_change: %s}\n", ONE_OF(lists));
            if (!each && stream_pick(2))
                buf_printf(b, "        dedupe: {key: \"%s\", within: %ds%s}\n", ONE_OF(keys), 1 + stream_pick(20),
                           stream_pick(3) ? "" : ", across: both");
        }
    }
    buf_puts(
        b,
        "rules:\n  - rule: a\n    on: k\n    when: event.v > 3\n    clear: auto\n    incident: {severity: minor, title: '${event} ${count}'}\n"
        "  - rule: b\n    on: '*'\n    within: 20s\n    having: event_count() >= 4\n    by: event.kind\n    incident: {severity: minor, title: "
        "'${event_count()} ${value_avg(event.w)}'}\n"
        "  - rule: c\n    on: m\n    when: event.w / 2.0 > 0.6 && state.at > previous.at\n    for: 5s\n    resolve_after: 9s\n    clear: auto\n"
        "    incident: {severity: minor, title: '${state}'}\n");
}

static void members(struct buf *b) {
    static const char *const texts[] = {"x", "y"};

    buf_printf(b, "\"v\":%d", stream_pick(3) * 3);
    if (stream_pick(3))
        buf_printf(b, ",\"w\":%d", stream_pick(4));
    if (stream_pick(2))
        buf_printf(b, ",\"s\":\"%s\"", ONE_OF(texts));
}

static size_t messages(struct item *items) {
    size_t n = (size_t)(20 + stream_pick(MAX_MESSAGES - 20));
    int64_t ms = 0;

    for (size_t i = 0; i < n; i++) {
        struct buf b;

        ms += stream_pick(4) ? stream_pick(2) * 1000 : stream_pick(6000);
        buf_init(&b, sizeof(items[i].payload));
        buf_putc(&b, '{');
        if (stream_pick(4) == 0) {
            buf_puts(&b, "\"all\":[{");
            members(&b);
            buf_puts(&b, "},{");
            members(&b);
            buf_puts(&b, "}]");
        } else {
            members(&b);
        }
        buf_putc(&b, '}');
        items[i] = (struct item){.ms = ms, .retained = stream_pick(10) == 0};
        (void)snprintf(items[i].topic, sizeof(items[i].topic), "t/d%d", stream_pick(4));
        (void)snprintf(items[i].payload, sizeof(items[i].payload), "%s", b.data);
        buf_done(&b);
    }
    return n;
}

/* The batch at hand, all of one moment, is delivered, lost, and delivered again. */
static void killed(struct site *s, const struct item *items, size_t n) {
    flush(s);
    for (size_t i = 0; i < n; i++)
        deliver(s, &items[i]);
    if (stream_pick(2))
        assert_int_equal(engine_flush(s->f.e, &s->f.out), 0); /* as far as the engine goes: only the commit is missing */
    kill_it(s);
}

static void run(struct site *s, const struct item *items, size_t n, bool cut, struct buf *out) {
    efx_fresh(&s->f);
    drop_rows(s);
    buf_clear(&s->journal);
    mapper_again(s);
    checkpoint(s); /* as at every first start */
    for (size_t i = 0; i < n; i++) {
        size_t batch = 1;
        while (i + batch < n && items[i + batch].ms == items[i].ms)
            batch++;
        switch (cut ? stream_pick(12) : 11) {
        case 0: restart(s, true); break;
        case 1:
        case 2: restart(s, false); break;
        case 3: checkpoint(s); break;
        case 4: flush(s); break;
        case 5:
        case 6: killed(s, &items[i], 1 + (size_t)stream_pick((int)batch)); break;
        default: break;
        }
        deliver(s, &items[i]);
    }
    efx_advance(&s->f, items[n - 1].ms + 300000);
    flush(s);
    buf_put(out, s->journal.data, s->journal.len);
    buf_puts(out, "told:\n");
    buf_put(out, s->f.said.data, s->f.said.len);
    buf_puts(out, "rows:\n");
    efx_rows(&s->f, out);
}

/* What the journal holds differs only in the hashes of dedupe keys: their seed is each store's own. */
static void without_hashes(struct buf *b) {
    for (char *at = b->len ? b->data : NULL; at && (at = strstr(at, "\"h\":\"")); at += 5)
        memset(at + 5, '.', 16);
}

static void test_cuts(void **state) {
    const char *env = getenv("GENGFU_STREAMS");
    size_t streams = env ? strtoul(env, NULL, 10) : 100, told = 0, quiet = 0;
    struct item items[MAX_MESSAGES];
    struct buf yaml, a, b;

    (void)state;
    buf_init(&yaml, 0);
    buf_init(&a, 0);
    buf_init(&b, 0);
    for (size_t i = 0; i < streams;) {
        struct site s = {.max = stream_pick(3) ? MEMORY_MAX : 1 + (size_t)stream_pick(5)};

        sources(&yaml);
        efx_init(&s.f, yaml.data, DEVICES);
        s.f.bodies = true;
        buf_init(&s.journal, 0);
        arena_init(&s.arena, 4096, 0);
        for (int k = 0; k < 10 && i < streams; k++, i++) {
            size_t n = messages(items);

            buf_clear(&a);
            buf_clear(&b);
            run(&s, items, n, false, &a);
            told += s.f.told;
            quiet += mapper_count(s.m, OUTCOME_NOTHING);
            run(&s, items, n, true, &b);
            without_hashes(&a);
            without_hashes(&b);
            if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0) {
                for (size_t m = 0; m < n; m++)
                    print_error("%d %s %s%s\n", (int)items[m].ms, items[m].topic, items[m].payload, items[m].retained ? " retained" : "");
                print_error("%s\nmemory of %zu\n", yaml.data, s.max);
                const char *x = a.data, *y = b.data;
                while (strcspn(x, "\n") == strcspn(y, "\n") && strncmp(x, y, strcspn(x, "\n")) == 0)
                    y += strcspn(y, "\n") + 1, x += strcspn(x, "\n") + 1;
                print_error("in one go:\n%.*s\ncut:\n%.*s\n", (int)strcspn(x, "\n"), x, (int)strcspn(y, "\n"), y);
                fail();
            }
        }
        mapper_free(s.m);
        drop_rows(&s);
        buf_done(&s.journal);
        arena_done(&s.arena);
        efx_done(&s.f);
    }
    assert_true(told > streams && quiet > streams); /* something has happened, and something was nothing new */
    buf_done(&yaml);
    buf_done(&a);
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts)};

    stream_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
