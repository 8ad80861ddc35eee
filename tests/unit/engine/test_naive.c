/* SPDX-License-Identifier: Apache-2.0
 * Each pattern, and each way to end, against a second, naive implementation: by the definition, from the whole history, with no state that could be restored or forgotten.
 * What is told of incidents has its own: test_naive_told.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "streams.h"

#define TAIL "    repeat_interval: 30d\n    incident: {severity: minor, title: t}\n"

static void check(const char *yaml, const char *devices, const char *letters, stream_naive_fn naive, const int *params) {
    const struct stream_case c = {.yaml = yaml, .devices = devices, .letters = letters, .naive = naive, .params = params};

    stream_check(&c, stream_times());
}

/* -- for, keep_firing_for -------------------------------------------------------------------------------------------------------- */
/* Since when it has been true without a false, looking at the first n events; -1: it is not. */
static int true_since(const struct stream *s, int n) {
    int since = -1;

    for (int i = n - 1; i >= 0 && s->e[i].what != 'f'; i--) {
        if (s->e[i].what == 't')
            since = s->e[i].at;
    }
    return since;
}

static int false_since(const struct stream *s, int n) {
    int since = -1;

    for (int i = n - 1; i >= 0 && s->e[i].what != 't'; i--) {
        if (s->e[i].what == 'f')
            since = s->e[i].at;
    }
    return since;
}

static void naive_for(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;
    int n = 0;

    for (int now = 0; now < STREAM_LAST; now++) {
        int t = true_since(s, n), f = false_since(s, n);

        if (!open && t >= 0 && t + p[0] == now) {
            open = true;
            buf_printf(out, "%d opened\n", now);
        } else if (open && p[1] > 0 && f >= 0 && f + p[1] == now) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            if (open && p[1] == 0 && s->e[n].what == 'f') {
                open = false;
                buf_printf(out, "%d resolved\n", now);
            }
        }
    }
}

static void test_for(void **state) {
    (void)state;
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[2] = {1 + stream_pick(15), stream_pick(2) ? 1 + stream_pick(10) : 0};
        char yaml[512], keep[64] = "";

        if (p[1])
            (void)snprintf(keep, sizeof(keep), "    keep_firing_for: %ds\n", p[1]);
        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    on: k\n    when: event.v\n    for: %ds\n%s" TAIL, p[0], keep);
        check(yaml, NULL, "tttfu", naive_for, p);
    }
}

/* -- within + having ------------------------------------------------------------------------------------------------------------------ */
static int count_in(const struct stream *s, int from, int n, int now, int within) {
    int count = 0;

    for (int i = from; i < n; i++)
        count += s->e[i].what == 't' && s->e[i].at > now - within;
    return count;
}

enum { BY_HAVING, BY_AFTER, BY_EITHER, BY_WORD, BY_WORD_OR_AFTER, WINDOW_ENDS };

static void naive_window(const struct stream *s, const int *p, struct buf *out) {
    bool open = false, after = p[3] == BY_AFTER || p[3] == BY_EITHER || p[3] == BY_WORD_OR_AFTER;
    int n = 0, last = -1, from = 0; /* events before `from` were forgotten: an end was said */

    for (int now = 0; now < STREAM_LAST; now++) {
        bool ends = after && last >= 0 && last + p[2] == now;
        ends = ends || ((p[3] == BY_HAVING || p[3] == BY_EITHER) && count_in(s, from, n, now, p[0]) < p[1]);
        if (open && ends) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            if (open && s->e[n].what == 'e' && p[3] >= BY_WORD) {
                open = false;
                from = n;
                buf_printf(out, "%d resolved\n", now);
            }
            if (s->e[n].what != 't')
                continue;
            last = now;
            if (!open && count_in(s, from, n + 1, now, p[0]) >= p[1]) {
                open = true;
                buf_printf(out, "%d opened\n", now);
            }
        }
    }
}

static void ends_line(const struct stream_event *e, char *line, size_t size) {
    static const char *const says[] = {"v=true", "v=false", "other=1", "v=false done=true", "v=true done=true"};

    (void)snprintf(line, size, "k x %s", says[strchr("tfueb", e->what) - "tfueb"]);
}

static void test_window(void **state) {
    (void)state;
    for (int i = 0; i < 2 * STREAM_SETS; i++) {
        int p[4] = {1 + stream_pick(20), 1 + stream_pick(5), 1 + stream_pick(30), i % WINDOW_ENDS};
        static const char *const says[] = {"", "", "    clear: auto\n", "    clear: event.?done.orValue(false)\n",
                                           "    clear: event.?done.orValue(false)\n"};
        char yaml[512], after[64] = "";

        if (p[3] == BY_AFTER || p[3] == BY_EITHER || p[3] == BY_WORD_OR_AFTER)
            (void)snprintf(after, sizeof(after), "    resolve_after: %ds\n", p[2]);
        (void)snprintf(yaml, sizeof(yaml),
                       "rules:\n  - rule: r\n    on: k\n    when: event.v\n    within: %ds\n    having: event_count() >= %d\n%s%s" TAIL,
                       p[0], p[1], says[p[3]], after);
        const struct stream_case c = {.yaml = yaml, .letters = "tttfue", .naive = naive_window, .params = p, .line = ends_line};
        stream_check(&c, (stream_times() + 1) / 2);
    }
}

/* -- when, and the ways to end ----------------------------------------------------------------------------------------------------- */
static bool is_match(const struct stream_event *e) { return e->what == 't' || e->what == 'b'; }

/* p: resolve_after (0: none), keep_firing_for (0: none), clear: auto (else by the word `done`). */
static void naive_ends(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;
    int n = 0;

    for (int now = 0; now < STREAM_LAST; now++) {
        int match = n - 1, end;
        while (match >= 0 && !is_match(&s->e[match]))
            match--;
        for (end = match + 1; end < n && s->e[end].what != 'e' && (s->e[end].what != 'f' || !p[2]); end++)
            ;
        bool quiet = p[0] && open && s->e[match].at + p[0] == now, kept = p[1] && open && end < n && s->e[end].at + p[1] == now;
        if (quiet || kept) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            if (is_match(&s->e[n]) && !open) {
                open = true;
                buf_printf(out, "%d opened\n", now);
            } else if (open && !p[1] && (s->e[n].what == 'e' || (s->e[n].what == 'f' && p[2]))) {
                open = false;
                buf_printf(out, "%d resolved\n", now);
            }
        }
    }
}

static void test_ends(void **state) {
    (void)state;
    for (int i = 0; i < 2 * STREAM_SETS; i++) {
        int p[3] = {i & 1 ? 1 + stream_pick(20) : 0, i & 2 ? 1 + stream_pick(10) : 0, (i & 4) != 0};
        char yaml[512], after[64] = "", keep[64] = "";

        if (p[0])
            (void)snprintf(after, sizeof(after), "    resolve_after: %ds\n", p[0]);
        if (p[1])
            (void)snprintf(keep, sizeof(keep), "    keep_firing_for: %ds\n", p[1]);
        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    on: k\n    when: event.v\n    clear: %s\n%s%s" TAIL,
                       p[2] ? "auto" : "event.?done.orValue(false)", after, keep);
        const struct stream_case c = {.yaml = yaml, .letters = "ttfueb", .naive = naive_ends, .params = p, .line = ends_line};
        stream_check(&c, (stream_times() + 1) / 2);
    }
}

/* -- absent -------------------------------------------------------------------------------------------------------------------------------- */
static void naive_absent(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;
    int n = 0, last = 0;

    for (int now = 0; now <= STREAM_LAST; now++) {
        if (!open && last + p[0] == now) {
            open = true;
            buf_printf(out, "%d opened\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            if (open)
                buf_printf(out, "%d resolved\n", now);
            open = false;
            last = now;
        }
    }
}

static void test_absent(void **state) {
    (void)state;
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[1] = {1 + stream_pick(20)};
        char yaml[512];

        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    on: k\n    absent: %ds\n" TAIL, p[0]);
        check(yaml, "device,kind\nx,k\n", "tfu", naive_absent, p);
    }
}

/* -- sequence, together ------------------------------------------------------------------------------------------------------------------------ */
static void match(struct buf *out, bool *open, int *last, int now) {
    if (!*open)
        buf_printf(out, "%d opened\n", now);
    *open = true;
    *last = now;
}

static void naive_sequence(const struct stream *s, const int *p, struct buf *out) {
    bool open = false, used[STREAM_EVENTS] = {false};
    int n = 0, last = 0;

    for (int now = 0; now < STREAM_LAST; now++) {
        if (open && last + p[1] == now) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            bool complete = false;
            for (int i = 0; s->e[n].what == 'b' && i < n; i++) {
                if (s->e[i].what != 'a' || used[i] || s->e[i].at + p[0] <= now)
                    continue;
                used[i] = complete = true;
            }
            if (complete)
                match(out, &open, &last, now);
        }
    }
}

/* A, and no B for the whole span. */
static void naive_not(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;
    int n = 0, last = 0;

    for (int now = 0; now < STREAM_LAST; now++) {
        bool complete = false;

        for (int i = 0; i < n; i++) {
            bool broken = s->e[i].what != 'a' || s->e[i].at + p[0] != now;
            for (int k = i + 1; k < n; k++)
                broken = broken || s->e[k].what == 'b';
            complete = complete || !broken;
        }
        if (complete && open && last + p[1] == now) /* both in the same millisecond: the sequence completes first */
            last = now;
        if (complete)
            match(out, &open, &last, now);
        if (open && last + p[1] == now) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        while (n < s->n && s->e[n].at == now)
            n++;
    }
}

static void naive_together(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;
    int n = 0, last = 0;

    for (int now = 0; now < STREAM_LAST; now++) {
        if (open && last + p[1] == now) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            bool a = false, b = false;
            for (int i = 0; i <= n; i++) {
                a = a || (s->e[i].what == 'a' && s->e[i].at > now - p[0]);
                b = b || (s->e[i].what == 'b' && s->e[i].at > now - p[0]);
            }
            if (a && b)
                match(out, &open, &last, now);
        }
    }
}

/* Ends by resolve_after, by `clear: auto` (no match for as long as `within`), or by whichever of both comes first. */
static void steps(const char *pattern, stream_naive_fn naive) {
    for (int i = 0; i < STREAM_SETS; i++) {
        int p[2] = {1 + stream_pick(12), 1 + stream_pick(25)};
        char yaml[512], after[64] = "";

        if (i % 3 != 1)
            (void)snprintf(after, sizeof(after), "    resolve_after: %ds\n", p[1]);
        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    %s\n    within: %ds\n%s%s" TAIL, pattern, p[0],
                       i % 3 ? "    clear: auto\n" : "", after);
        if (i % 3 == 1 || (i % 3 == 2 && p[0] < p[1]))
            p[1] = p[0];
        check(yaml, NULL, "ab", naive, p);
    }
}

static void test_sequence(void **state) {
    (void)state;
    steps("sequence: [{on: a}, {on: b}]", naive_sequence);
}

static void test_not(void **state) {
    (void)state;
    steps("sequence: [{on: a}, {not: {on: b}}]", naive_not);
}

static void test_together(void **state) {
    (void)state;
    steps("together: [{on: a}, {on: b}]", naive_together);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for),      cmocka_unit_test(test_ends), cmocka_unit_test(test_window),   cmocka_unit_test(test_absent),
        cmocka_unit_test(test_sequence), cmocka_unit_test(test_not),  cmocka_unit_test(test_together),
    };

    stream_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
