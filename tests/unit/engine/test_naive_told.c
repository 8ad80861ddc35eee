/* SPDX-License-Identifier: Apache-2.0
 * What is counted and what is told, against a second, naive implementation: every aggregate of a window, steps that must not come, hold, repeat_interval, latch, chattering, incidents
 * of incidents with members, inhibition. See streams.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streams.h"

#define INCIDENT "    incident: {severity: minor, title: t}\n"
#define NEVER "    repeat_interval: 30d\n"

/* -- windows of every aggregate ---------------------------------------------------------------------------------------------------- */
enum { COUNT, DISTINCT, SUM, AVG, MIN, MAX, PERCENTILE, AGGREGATES };
static const char *const sums[] = {[COUNT] = "event_count()",
                                   [DISTINCT] = "value_count(event.v)",
                                   [SUM] = "value_sum(event.v)",
                                   [AVG] = "value_avg(event.v)",
                                   [MIN] = "value_min(event.v)",
                                   [MAX] = "value_max(event.v)",
                                   [PERCENTILE] = "value_percentile(event.v, 60)"};

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* 1 true, 0 false, -1 unknown. */
static int having(const struct stream *s, int n, int now, const int *p) {
    int values[STREAM_EVENTS], count = 0, all = 0, sum = 0, distinct = 0;

    for (int i = 0; i < n; i++) {
        if (s->e[i].at <= now - p[0])
            continue;
        all++;
        if (s->e[i].what != 'v')
            continue;
        values[count++] = s->e[i].value;
        sum += s->e[i].value;
    }
    if (all == 0)
        return 0;
    qsort(values, (size_t)count, sizeof(values[0]), by_number);
    for (int i = 0; i < count; i++)
        distinct += i == 0 || values[i] != values[i - 1];
    switch (p[2]) {
    case COUNT: return all >= p[1];
    case DISTINCT: return distinct >= p[1];
    case SUM: return sum >= p[1];
    default: break;
    }
    if (count == 0)
        return -1;
    switch (p[2]) {
    case AVG: return sum >= p[1] * count;
    case MIN: return values[0] >= p[1];
    case MAX: return values[count - 1] >= p[1];
    default: return values[(6 * count + 9) / 10 - 1] >= p[1]; /* the nearest rank */
    }
}

static void naive_aggregate(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;

    for (int now = 0, n = 0; now < STREAM_LAST; now++) {
        if (open && having(s, n, now, p) == 0) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            int h = having(s, n + 1, now, p);
            if (h < 0 || (h != 0) == open)
                continue;
            open = h != 0;
            buf_printf(out, "%d %s\n", now, open ? "opened" : "resolved");
        }
    }
}

static void value_line(const struct stream_event *e, char *line, size_t size) {
    if (e->what == 'v')
        (void)snprintf(line, size, "k x v=%d%s", e->value, e->value % 2 ? ".0" : "");
    else
        (void)snprintf(line, size, "k x other=1");
}

static void test_aggregates(void **state) {
    (void)state;
    for (int which = 0; which < AGGREGATES; which++) {
        for (int i = 0; i < STREAM_SETS; i++) {
            int most = which == SUM ? 30 : which <= DISTINCT ? 5 : 8, p[3] = {1 + stream_pick(25), 1 + stream_pick(most), which};
            char yaml[512];

            (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    on: k\n    within: %ds\n    having: %s >= %d%s\n" NEVER INCIDENT,
                           p[0], sums[which], p[1], which >= SUM ? ".0" : "");
            const struct stream_case c = {.yaml = yaml, .letters = "vvvu", .naive = naive_aggregate, .params = p, .line = value_line};
            stream_check(&c, stream_times());
        }
    }
}

/* -- steps that must not come ----------------------------------------------------------------------------------------------------------- */
static void match(struct buf *out, bool *open, int *last, int now) {
    if (!*open)
        buf_printf(out, "%d opened\n", now);
    *open = true;
    *last = now;
}

static void quiet(struct buf *out, bool *open, int last, int after, int now) {
    if (!*open || last + after != now)
        return;
    *open = false;
    buf_printf(out, "%d resolved\n", now);
}

static void naive_between(const struct stream *s, const int *p, struct buf *out) {
    bool open = false, used[STREAM_EVENTS] = {false};

    for (int now = 0, n = 0, last = 0; now < STREAM_LAST; now++) {
        quiet(out, &open, last, p[1], now);
        for (; n < s->n && s->e[n].at == now; n++) {
            bool complete = false;
            for (int i = n - 1; s->e[n].what == 'b' && i >= 0 && s->e[i].what != 'c'; i--) {
                if (s->e[i].what == 'a' && !used[i] && s->e[i].at + p[0] > now)
                    used[i] = complete = true;
            }
            if (complete)
                match(out, &open, &last, now);
        }
    }
}

static void naive_together_not(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;

    for (int now = 0, n = 0, last = 0; now < STREAM_LAST; now++) {
        quiet(out, &open, last, p[1], now);
        for (; n < s->n && s->e[n].at == now; n++) {
            bool seen[3] = {false};
            for (int i = 0; i <= n; i++)
                seen[s->e[i].what - 'a'] |= s->e[i].at > now - p[0];
            if (seen[0] && seen[1] && !seen[2])
                match(out, &open, &last, now);
        }
    }
}

static void steps(const char *pattern, stream_naive_fn naive) {
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[2] = {1 + stream_pick(20), 1 + stream_pick(25)};
        char yaml[512];

        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    %s\n    within: %ds\n    resolve_after: %ds\n" NEVER INCIDENT, pattern,
                       p[0], p[1]);
        const struct stream_case c = {.yaml = yaml, .letters = "aabbc", .naive = naive, .params = p};
        stream_check(&c, stream_times());
    }
}

static void test_not_between(void **state) {
    (void)state;
    steps("sequence: [{on: a}, {not: {on: c}}, {on: b}]", naive_between);
}

static void test_together_not(void **state) {
    (void)state;
    steps("together: [{on: a}, {on: b}, {not: {on: c}}]", naive_together_not);
}

/* -- one condition: hold, repeat_interval, latch, chattering ---------------------------------------------------------------------------------- */
static void single(const char *keys, stream_naive_fn naive, const int *p, bool full) {
    char yaml[512];

    (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    on: k\n    when: event.v\n    clear: auto\n%s" INCIDENT, keys);
    const struct stream_case c = {.yaml = yaml, .letters = "ttfu", .naive = naive, .params = p, .full = full};
    stream_check(&c, stream_times());
}

static void naive_hold(const struct stream *s, const int *p, struct buf *out) {
    int raised = -1;

    for (int now = 0, n = 0; now < STREAM_LAST; now++) {
        if (raised >= 0 && raised + p[0] == now)
            buf_printf(out, "%d opened\n", now);
        for (; n < s->n && s->e[n].at == now; n++) {
            if (s->e[n].what == 't' && raised < 0)
                raised = now;
            if (s->e[n].what != 'f' || raised < 0)
                continue;
            if (raised + p[0] <= now)
                buf_printf(out, "%d resolved\n", now);
            raised = -1;
        }
    }
}

static void test_hold(void **state) {
    (void)state;
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[1] = {1 + stream_pick(15)};
        char keys[64];

        (void)snprintf(keys, sizeof(keys), "    hold: %ds\n" NEVER, p[0]);
        single(keys, naive_hold, p, false);
    }
}

/* What is not told at once is told so long after the last telling. */
struct telling {
    int told, due, count;
};
static void tell(struct telling *t, int interval, int now, struct buf *out) {
    if (now >= t->told + interval) {
        buf_printf(out, "%d updated r x x%d\n", now, t->count);
        *t = (struct telling){now, -1, t->count};
    } else if (t->due < 0) {
        t->due = t->told + interval;
    }
}

static void naive_repeat(const struct stream *s, const int *p, struct buf *out) {
    struct telling t = {0};
    bool open = false, ended = false;

    for (int now = 0, n = 0; now < STREAM_LAST; now++) {
        if (open && t.due == now)
            tell(&t, p[0], now, out);
        for (; n < s->n && s->e[n].at == now; n++) {
            if (s->e[n].what == 't' && !open) {
                open = true;
                t = (struct telling){now, -1, 1};
                buf_printf(out, "%d opened r x x1\n", now);
            } else if (s->e[n].what == 't') {
                t.count++;
                ended = false;
                tell(&t, p[0], now, out);
            } else if (s->e[n].what == 'f' && open && p[1]) { /* latch: noted once, and told as repeats are */
                if (!ended)
                    tell(&t, p[0], now, out);
                ended = true;
            } else if (s->e[n].what == 'f' && open) {
                open = false;
                buf_printf(out, "%d resolved r x x%d\n", now, t.count);
            }
        }
    }
}

static void test_repeat_interval(void **state) {
    (void)state;
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[2] = {1 + stream_pick(20), 0};
        char keys[64];

        (void)snprintf(keys, sizeof(keys), "    repeat_interval: %ds\n", p[0]);
        single(keys, naive_repeat, p, true);
    }
}

static void test_latch(void **state) {
    (void)state;
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[2] = {1 + stream_pick(20), 1};
        char keys[64];

        (void)snprintf(keys, sizeof(keys), "    latch: true\n    repeat_interval: %ds\n", p[0]);
        single(keys, naive_repeat, p, true);
    }
}

struct chatter {
    int changes[STREAM_EVENTS * 2], n, last;
    bool on;
};
/* True: it is held open. */
static bool change(struct chatter *c, const int *p, int now) {
    int within = 0;

    c->changes[c->n++] = c->last = now;
    for (int i = 0; i < c->n; i++)
        within += c->changes[i] > now - p[1];
    c->on = c->on || within >= p[0];
    return c->on;
}

static void naive_chattering(const struct stream *s, const int *p, struct buf *out) {
    struct chatter c = {.last = -1};
    bool open = false, holds = false;

    for (int now = 0, n = 0; now < STREAM_LAST; now++) {
        if (c.n && c.last + p[1] == now) {
            bool was = c.on;
            c = (struct chatter){.last = -1};
            if (was && open && !holds) {
                open = false;
                buf_printf(out, "%d resolved\n", now);
            }
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            if (s->e[n].what == 't' && !holds) {
                (void)change(&c, p, now);
                if (!open)
                    buf_printf(out, "%d opened\n", now);
                open = holds = true;
            } else if (s->e[n].what == 'f' && holds) {
                holds = false;
                if (change(&c, p, now))
                    continue;
                open = false;
                buf_printf(out, "%d resolved\n", now);
            }
        }
    }
}

static void test_chattering(void **state) {
    (void)state;
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[2] = {2 + stream_pick(5), 2 + stream_pick(25)};
        char keys[96];

        (void)snprintf(keys, sizeof(keys), "    chattering: {changes: %d, within: %ds}\n" NEVER, p[0], p[1]);
        single(keys, naive_chattering, p, false);
    }
}

/* -- several devices ---------------------------------------------------------------------------------------------------------------------------- */
#define DEVICES 3

static void device_line(const struct stream_event *e, char *line, size_t size) {
    if (e->what == 't' || e->what == 'f')
        (void)snprintf(line, size, "k d%d v=%s", e->who, e->what == 't' ? "true" : "false");
    else
        (void)snprintf(line, size, "s x v=%s", e->what == 'T' ? "true" : "false");
}

/* Lamps, and a group of those that opened: p: within, how many, resolve_after. */
static void naive_members(const struct stream *s, const int *p, struct buf *out) {
    struct {
        int device, opened, count;
    } lamps[STREAM_EVENTS];
    int nlamps = 0, current[DEVICES] = {-1, -1, -1}, group = 0, count = 0, last = 0;

    for (int now = 0, n = 0; now < STREAM_LAST; now++) {
        if (group && last + p[2] == now) {
            buf_printf(out, "%d resolved group lamp x%d\n", now, count);
            group = 0;
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            int who = s->e[n].who, lamp = current[who], within = 0, joined = 0;
            if (lamp >= 0 && s->e[n].what == 't') {
                lamps[lamp].count++;
                continue;
            }
            if (lamp >= 0) {
                buf_printf(out, "%d resolved lamp d%d x%d\n", now, who, lamps[lamp].count);
                current[who] = -1;
                continue;
            }
            if (s->e[n].what != 't')
                continue;
            lamp = current[who] = nlamps++;
            lamps[lamp].device = who;
            lamps[lamp].opened = now;
            lamps[lamp].count = 1;
            buf_printf(out, "%d opened lamp d%d x1\n", now, who);
            for (int i = 0; i < nlamps; i++)
                within += lamps[i].opened > now - p[0];
            if (!group && within < p[1])
                continue;
            bool opens = !group;
            last = now;
            if (opens)
                group = 1;
            for (int i = 0; i < nlamps; i++) {
                if (i != lamp && !(opens && lamps[i].opened > now - p[0]))
                    continue;
                joined++;
                buf_printf(out, "%d updated lamp d%d x%d\n", now, lamps[i].device, lamps[i].count);
            }
            count = opens ? joined : count + 1;
            buf_printf(out, "%d %s group lamp x%d\n", now, opens ? "opened" : "updated", count);
        }
    }
}

static void test_members(void **state) {
    (void)state;
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[3] = {1 + stream_pick(30), 1 + stream_pick(4), 1 + stream_pick(30)};
        char yaml[1024];

        (void)snprintf(yaml, sizeof(yaml),
                       "rules:\n  - rule: lamp\n    on: k\n    when: event.v\n    clear: auto\n" NEVER INCIDENT
                       "  - rule: group\n    on: incident\n    when: event.rule == 'lamp' && event.change == 'opened'\n    by: event.rule\n"
                       "    within: %ds\n    having: event_count() >= %d\n    resolve_after: %ds\n" NEVER
                       "    incident: {severity: severe, title: t, members: event.incident}\n",
                       p[0], p[1], p[2]);
        const struct stream_case c = {
            .yaml = yaml, .letters = "ttf", .naive = naive_members, .params = p, .line = device_line, .devices_n = DEVICES, .full = true};
        stream_check(&c, stream_times());
    }
}

/* T and F: the source's condition; lamps are not forwarded while it fires. What is told of a lamp: from when nothing keeps it back. */
struct lamp {
    int count;
    bool told, parent;
};

static void lamp_says(const struct lamp *l, int who, const char *what, int now, struct buf *out) {
    if (l->told)
        buf_printf(out, "%d %s lamp d%d x%d\n", now, what, who, l->count);
}

static void big_opens(struct lamp *lamps, int now, struct buf *out) {
    for (int i = 0; i < DEVICES; i++) {
        if (!lamps[i].count || lamps[i].parent)
            continue;
        lamps[i].parent = true;
        lamp_says(&lamps[i], i, "updated", now, out);
    }
}

static void big_ends(struct lamp *lamps, int now, struct buf *out) {
    for (int i = 0; i < DEVICES; i++) {
        if (!lamps[i].count || lamps[i].told)
            continue;
        lamps[i].told = true;
        lamp_says(&lamps[i], i, "opened", now, out);
    }
}

static void naive_inhibit(const struct stream *s, const int *p, struct buf *out) {
    struct lamp lamps[DEVICES] = {{0}};
    int big = 0;

    (void)p;
    for (int n = 0; n < s->n; n++) {
        const struct stream_event *e = &s->e[n];
        struct lamp *l = &lamps[e->who];

        if (e->what == 'T' && big++ == 0) {
            buf_printf(out, "%d opened big x x1\n", e->at);
            big_opens(lamps, e->at, out);
        } else if (e->what == 'F' && big) {
            buf_printf(out, "%d resolved big x x%d\n", e->at, big);
            big = 0;
            big_ends(lamps, e->at, out);
        } else if (e->what == 't' && l->count++ == 0) {
            l->told = !big;
            l->parent = big > 0;
            lamp_says(l, e->who, "opened", e->at, out);
        } else if (e->what == 'f' && l->count) {
            lamp_says(l, e->who, "resolved", e->at, out);
            *l = (struct lamp){0};
        }
    }
}

static void test_inhibit(void **state) {
    static const char yaml[] = "rules:\n  - rule: big\n    on: s\n    when: event.v\n    clear: auto\n" NEVER INCIDENT
                               "  - rule: lamp\n    on: k\n    when: event.v\n    clear: auto\n" NEVER INCIDENT
                               "inhibit_rules:\n  - {source: big, targets: [lamp]}\n";
    const struct stream_case c = {
        .yaml = yaml, .letters = "tttffTTF", .naive = naive_inhibit, .line = device_line, .devices_n = DEVICES, .full = true};

    (void)state;
    stream_check(&c, stream_times() * STREAM_SETS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aggregates), cmocka_unit_test(test_not_between),     cmocka_unit_test(test_together_not),
        cmocka_unit_test(test_hold),       cmocka_unit_test(test_repeat_interval), cmocka_unit_test(test_latch),
        cmocka_unit_test(test_chattering), cmocka_unit_test(test_members),         cmocka_unit_test(test_inhibit),
    };

    stream_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
