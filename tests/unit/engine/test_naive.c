/* SPDX-License-Identifier: Apache-2.0
 * Each pattern against a second, naive implementation: second by second, by the definition, with no state that could be restored or forgotten. Random streams, restarted at random
 * places. GENGFU_STREAMS says how many streams per pattern. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fx.h"
#include "gengfu/base/crypt.h"

#define END 90
#define MAX_EVENTS 40

struct step { /* an event of the stream: at which second, and what it says */
    int at;
    char what; /* t true, f false, u unknown; for steps of sequences: a, b */
};
struct stream {
    struct step e[MAX_EVENTS];
    int n;
};

static struct prng rng;
static int pick(int n) { return (int)prng_below(&rng, (uint64_t)n); }

static size_t streams(void) {
    const char *s = getenv("GENGFU_STREAMS");

    return s ? strtoul(s, NULL, 10) : 2000;
}

static void make(struct stream *s, const char *letters) {
    int at = 0;

    s->n = 1 + pick(MAX_EVENTS - 1);
    for (int i = 0; i < s->n; i++) {
        at += pick(3) ? pick(4) : pick(12);
        if (at >= END - 1) {
            s->n = i;
            return;
        }
        s->e[i] = (struct step){at, letters[pick((int)strlen(letters))]};
    }
}

/* What the engine says, as "12 opened\n15 resolved\n". */
static void run(struct efx *f, const struct stream *s, struct buf *out) {
    efx_fresh(f);
    for (int i = 0; i < s->n; i++) {
        int64_t ms = s->e[i].at * TIME_SECOND;
        char line[32];

        switch (pick(12)) {
        case 0: efx_advance(f, ms - pick(2)); break;
        case 1: efx_flush(f); break;
        case 2: efx_restart(f, 0, pick(2)); break;
        default: break;
        }
        if (s->e[i].what == 'u')
            (void)snprintf(line, sizeof(line), "k x other=1");
        else if (s->e[i].what == 't' || s->e[i].what == 'f')
            (void)snprintf(line, sizeof(line), "k x v=%s", s->e[i].what == 't' ? "true" : "false");
        else
            (void)snprintf(line, sizeof(line), "%c x", s->e[i].what);
        efx_event(f, ms, line);
    }
    efx_advance(f, (END + 200) * TIME_SECOND);
    efx_flush(f);
    char *save = f->said.data, *text;
    while (f->said.len && (text = strsep(&save, "\n")) && *text) {
        char change[16];
        int at;
        if (sscanf(text, "%d %15s", &at, change) == 2 && strcmp(change, "updated") != 0)
            buf_printf(out, "%d %s\n", at, change);
    }
}

static void compare(const struct stream *s, const struct buf *want, const struct buf *got, const char *rule) {
    if (strcmp(want->len ? want->data : "", got->len ? got->data : "") == 0)
        return;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < s->n; i++)
        buf_printf(&b, "%d%c ", s->e[i].at, s->e[i].what);
    fail_msg("%s\nstream %s\nby the definition:\n%s\nthe engine:\n%s", rule, b.data, want->data, got->data);
}

typedef void (*naive_fn)(const struct stream *s, const int *p, struct buf *out);

static void check(const char *yaml, const char *devices, const char *letters, naive_fn naive, const int *params, size_t n) {
    struct efx f;
    struct stream s;
    struct buf want, got;

    efx_init(&f, yaml, devices);
    buf_init(&want, 0);
    buf_init(&got, 0);
    for (size_t i = 0; i < n; i++) {
        make(&s, letters);
        buf_clear(&want);
        buf_clear(&got);
        naive(&s, params, &want);
        run(&f, &s, &got);
        compare(&s, &want, &got, yaml);
    }
    buf_done(&want);
    buf_done(&got);
    efx_done(&f);
}

#define TAIL "    repeat_interval: 30d\n    incident: {severity: minor, title: t}\n"
#define SETS 8 /* of parameters per pattern */

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

    for (int now = 0; now < END + 200; now++) {
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
    for (int i = 0; i < SETS; i++) {
        int p[2] = {1 + pick(15), pick(2) ? 1 + pick(10) : 0};
        char yaml[512], keep[64] = "";

        if (p[1])
            (void)snprintf(keep, sizeof(keep), "    keep_firing_for: %ds\n", p[1]);
        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    on: k\n    when: event.v\n    for: %ds\n%s" TAIL, p[0], keep);
        check(yaml, NULL, "tttfu", naive_for, p, streams() / SETS);
    }
}

/* -- within + having ------------------------------------------------------------------------------------------------------------------ */
static int count_in(const struct stream *s, int n, int now, int within) {
    int count = 0;

    for (int i = 0; i < n; i++)
        count += s->e[i].what == 't' && s->e[i].at > now - within;
    return count;
}

static void naive_window(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;
    int n = 0, last = -1;

    for (int now = 0; now < END + 200; now++) {
        bool ends = p[2] ? last >= 0 && last + p[2] == now : count_in(s, n, now, p[0]) < p[1];
        if (open && ends) {
            open = false;
            buf_printf(out, "%d resolved\n", now);
        }
        for (; n < s->n && s->e[n].at == now; n++) {
            if (s->e[n].what != 't')
                continue;
            last = now;
            if (!open && count_in(s, n + 1, now, p[0]) >= p[1]) {
                open = true;
                buf_printf(out, "%d opened\n", now);
            }
        }
    }
}

static void test_window(void **state) {
    (void)state;
    for (int i = 0; i < SETS; i++) {
        int p[3] = {1 + pick(20), 1 + pick(5), pick(2) ? 1 + pick(30) : 0};
        char yaml[512], after[64] = "";

        if (p[2])
            (void)snprintf(after, sizeof(after), "    resolve_after: %ds\n", p[2]);
        (void)snprintf(yaml, sizeof(yaml),
                       "rules:\n  - rule: r\n    on: k\n    when: event.v\n    within: %ds\n    having: event_count() >= %d\n%s" TAIL, p[0],
                       p[1], after);
        check(yaml, NULL, "ttfu", naive_window, p, streams() / SETS);
    }
}

/* -- absent -------------------------------------------------------------------------------------------------------------------------------- */
static void naive_absent(const struct stream *s, const int *p, struct buf *out) {
    bool open = false;
    int n = 0, last = 0;

    for (int now = 0; now <= END + 200; now++) {
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
    for (int i = 0; i < SETS; i++) {
        int p[1] = {1 + pick(20)};
        char yaml[512];

        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    on: k\n    absent: %ds\n" TAIL, p[0]);
        check(yaml, "device,kind\nx,k\n", "tfu", naive_absent, p, streams() / SETS);
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
    bool open = false, used[MAX_EVENTS] = {false};
    int n = 0, last = 0;

    for (int now = 0; now < END + 200; now++) {
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

    for (int now = 0; now < END + 200; now++) {
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

    for (int now = 0; now < END + 200; now++) {
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

static void steps(const char *pattern, naive_fn naive) {
    for (int i = 0; i < SETS; i++) {
        int p[2] = {1 + pick(12), 1 + pick(25)};
        char yaml[512];

        (void)snprintf(yaml, sizeof(yaml), "rules:\n  - rule: r\n    %s\n    within: %ds\n    resolve_after: %ds\n" TAIL, pattern, p[0],
                       p[1]);
        check(yaml, NULL, "ab", naive, p, streams() / SETS);
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
        cmocka_unit_test(test_for),      cmocka_unit_test(test_window), cmocka_unit_test(test_absent),
        cmocka_unit_test(test_sequence), cmocka_unit_test(test_not),    cmocka_unit_test(test_together),
    };
    const char *seed = getenv("GENGFU_SEED");

    prng_seed(&rng, seed ? strtoull(seed, NULL, 10) : 20260105);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
