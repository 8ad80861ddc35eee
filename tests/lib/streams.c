/* SPDX-License-Identifier: Apache-2.0
 * See streams.h. */
#include "streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/crypt.h"

static struct prng rng;

void stream_seed(void) {
    const char *seed = getenv("GENGFU_SEED"), *pattern = getenv("GENGFU_PATTERN");

    if (pattern)
        cmocka_set_test_filter(pattern);

    prng_seed(&rng, seed ? strtoull(seed, NULL, 10) : 20260105);
}

int stream_pick(int n) { return (int)prng_below(&rng, (uint64_t)n); }

size_t stream_times(void) {
    const char *s = getenv("GENGFU_STREAMS");

    return ((s ? strtoul(s, NULL, 10) : 800) + STREAM_SETS - 1) / STREAM_SETS;
}

static void make(struct stream *s, const struct stream_case *c) {
    int at = 0;

    s->n = 1 + stream_pick(STREAM_EVENTS - 1);
    for (int i = 0; i < s->n; i++) {
        at += stream_pick(3) ? stream_pick(4) : stream_pick(12);
        if (at >= STREAM_END - 1) {
            s->n = i;
            return;
        }
        s->e[i] = (struct stream_event){.at = at, .what = c->letters[stream_pick((int)strlen(c->letters))], .value = stream_pick(10)};
        s->e[i].who = c->devices_n > 1 ? stream_pick(c->devices_n) : 0;
    }
}

static void plain_line(const struct stream_event *e, char *line, size_t size) {
    if (e->what == 'u')
        (void)snprintf(line, size, "k x other=1");
    else if (e->what == 't' || e->what == 'f')
        (void)snprintf(line, size, "k x v=%s", e->what == 't' ? "true" : "false");
    else
        (void)snprintf(line, size, "%c x", e->what);
}

static void put_said(const struct stream_case *c, char *said, struct buf *out) {
    char *save = said, *text;

    while ((text = strsep(&save, "\n")) && *text) {
        char change[16], rule[32], key[32];
        int at, count;
        unsigned revision;
        // NOLINTNEXTLINE(cert-err34-c): numbers that engine_fx.c has printed
        if (sscanf(text, "%d %15s %31s %31s r%u x%d", &at, change, rule, key, &revision, &count) != 6)
            fail_msg("what is this: %s", text);
        if (c->full)
            buf_printf(out, "%d %s %s %s x%d\n", at, change, rule, key, count);
        else if (strcmp(change, "updated") != 0)
            buf_printf(out, "%d %s\n", at, change);
    }
}

static void run(struct efx *f, const struct stream *s, const struct stream_case *c, struct buf *out) {
    efx_fresh(f);
    for (int i = 0; i < s->n; i++) {
        int64_t ms = s->e[i].at * TIME_SECOND;
        char line[96];

        switch (stream_pick(12)) {
        case 0: efx_advance(f, ms - stream_pick(2)); break;
        case 1: efx_flush(f); break;
        case 2: efx_restart(f, 0, stream_pick(2)); break;
        default: break;
        }
        (c->line ? c->line : plain_line)(&s->e[i], line, sizeof(line));
        efx_event(f, ms, line);
    }
    efx_advance(f, STREAM_LAST * TIME_SECOND);
    efx_flush(f);
    if (f->said.len)
        put_said(c, f->said.data, out);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The lines in order: what happens within one second to several incidents has no order by the definition. */
static void sort_lines(struct buf *b) {
    char *lines[STREAM_EVENTS * 64], *save = b->data, *text;
    size_t n = 0;
    struct buf sorted;

    buf_init(&sorted, 0);
    while (b->len && (text = strsep(&save, "\n")) && *text) {
        assert_true(n < sizeof(lines) / sizeof(lines[0]));
        lines[n++] = text;
    }
    qsort(lines, n, sizeof(lines[0]), by_text);
    for (size_t i = 0; i < n; i++)
        buf_printf(&sorted, "%s\n", lines[i]);
    buf_done(b);
    *b = sorted;
}

static void compare(const struct stream *s, const struct stream_case *c, struct buf *want, struct buf *got) {
    if (c->full) {
        sort_lines(want);
        sort_lines(got);
    }
    if (strcmp(want->len ? want->data : "", got->len ? got->data : "") == 0)
        return;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < s->n; i++)
        buf_printf(&b, "%d%c%d/%d ", s->e[i].at, s->e[i].what, s->e[i].who, s->e[i].value);
    fail_msg("%s\nstream %s\nby the definition:\n%s\nthe engine:\n%s", c->yaml, b.data, want->len ? want->data : "",
             got->len ? got->data : "");
}

void stream_check(const struct stream_case *c, size_t times) {
    struct efx f;
    struct stream s;
    struct buf want, got;

    efx_init(&f, c->yaml, c->devices);
    buf_init(&want, 0);
    buf_init(&got, 0);
    for (size_t i = 0; i < times; i++) {
        make(&s, c);
        buf_clear(&want);
        buf_clear(&got);
        c->naive(&s, c->params, &want);
        run(&f, &s, c, &got);
        compare(&s, c, &want, &got);
    }
    buf_done(&want);
    buf_done(&got);
    efx_done(&f);
}
