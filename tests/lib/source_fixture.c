/* SPDX-License-Identifier: Apache-2.0
 * For tests over sources; see the header. */
#include "source_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ruleset *fixture_ruleset(const char *dir, bool silent) {
    struct report *rep = NULL;
    struct err err = {0};
    struct ruleset *rs = NULL;
    if (report_new(&rep) < 0)
        return NULL;
    int rc = ruleset_load(dir, rep, &err, &rs);
    if (rc < 0 || report_errors(rep) || (silent && report_warnings(rep))) {
        struct buf b;
        buf_init(&b, 0);
        report_print(rep, &b, false);
        (void)fprintf(stderr, "%s%s%s\n", b.data, err.text, rc < 0 ? "" : " (loaded)");
        buf_done(&b);
        if (rc == 0)
            ruleset_free(rs);
        rs = NULL;
    }
    report_free(rep);
    return rs;
}

void fixture_say(struct buf *out, const struct mapped *got, int64_t arrived) {
    if (got->nevents == 0)
        buf_puts(out, source_outcome_name(got->outcome));
    for (size_t i = 0; i < got->nevents; i++) {
        const struct event *e = &got->events[i];
        buf_printf(out, "%s%s %s {", i ? "; " : "", atom_name(e->kind), e->device);
        for (size_t k = 0; k < e->nfields; k++) {
            buf_printf(out, "%s%s: ", k ? ", " : "", atom_name(e->fields[k].name));
            cel_write_json(out, e->fields[k].value);
        }
        buf_putc(out, '}');
        if (e->time != arrived)
            buf_printf(out, " %+lld", (long long)(e->time - arrived));
        if (e->flags & EVENT_LATE)
            buf_puts(out, " late");
        if (e->flags & EVENT_OWN_TIME)
            buf_puts(out, " own");
        if (e->flags & EVENT_RETAINED)
            buf_puts(out, " retained");
    }
}

static void put_hex(struct buf *b, const char *s, size_t len) {
    for (size_t i = 0; i + 1 < len; i += 2) {
        char pair[3] = {s[i], s[i + 1], '\0'}, *end;
        unsigned long v = strtoul(pair, &end, 16);
        if (end == pair + 2)
            buf_putc(b, (char)v);
    }
}

int fixture_samples(const char *where, size_t line, const char *text, size_t len, struct mapper *m, int64_t arrived,
                    void (*also)(const struct message *), int *ret_samples) {
    struct buf topic, payload, said;
    struct arena arena;
    struct message msg = {.qos = 1, .arrived = arrived};
    int wrong = 0;
    buf_init(&topic, 0);
    buf_init(&payload, 0);
    buf_init(&said, 0);
    arena_init(&arena, 64 << 10, 0);
    for (const char *p = text, *end = text + len, *next; p < end; p = next, line++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((eol ? eol : end) - p);
        next = eol ? eol + 1 : end;
        if (n == 0 || p[0] == '#')
            continue;
        if (p[0] == '>') {
            size_t marks = strspn(p, ">");
            msg.retained = marks == 2;
            msg.arrived = arrived + (marks == 3 ? 5000 : 0);
            buf_clear(&topic);
            buf_clear(&payload);
            buf_put(&topic, p + marks + 1, n - marks - 1);
        } else if (p[0] != '=' || n < 2 || p[1] != ' ') {
            if (n > 4 && memcmp(p, "hex ", 4) == 0)
                put_hex(&payload, p + 4, n - 4);
            else
                buf_put(&payload, p, n);
        } else {
            struct mapped got;
            msg.topic = topic.data;
            msg.payload = payload.data;
            msg.len = payload.len;
            arena_reset(&arena);
            buf_clear(&said);
            mapper_map(m, &msg, &arena, &got);
            fixture_say(&said, &got, msg.arrived);
            if (said.len != n - 2 || memcmp(said.data, p + 2, n - 2) != 0) {
                (void)fprintf(stderr, "%s:%zu: %s\n  is     %s (%s, %s)\n  should %.*s\n", where, line, topic.data, said.data,
                              got.source ? got.source : "no source", got.why ? got.why : "", (int)n - 2, p + 2);
                wrong++;
            }
            if ((*ret_samples)++ % 4 == 0 && also)
                also(&msg);
        }
    }
    buf_done(&topic);
    buf_done(&payload);
    buf_done(&said);
    arena_done(&arena);
    return wrong;
}

static void must(bool ok, const char *what) {
    if (ok)
        return;
    (void)fprintf(stderr, "source fixture: %s\n", what);
    abort();
}

static void write_file(const char *dir, const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    must(f && fputs(text, f) >= 0 && fclose(f) == 0, path);
}

void sfx_open_with(struct source_fx *f, const char *sources, const char *devices) {
    struct err err = {0};
    char path[128];
    memset(f, 0, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/gengfu-source-XXXXXX");
    must(mkdtemp(f->dir) != NULL, "no directory");
    (void)snprintf(path, sizeof path, "%s/rules.d", f->dir);
    must(mkdir(path, 0700) == 0, path);
    write_file(f->dir, "gengfu.yaml",
               "gateway: {id: gw-t, lat: 30, lon: 120, zone: Asia/Shanghai}\nplatforms: [{platform: bench, type: file, path: /tmp/x}]\n");
    write_file(f->dir, "devices.csv", devices ? devices : "device,kind,name,address\nlamp-1,lamp,L1,a1b2c3\nlamp-2,lamp,L2,ffee00\n");
    write_file(f->dir, "rules.d/10.yaml", sources);
    f->rs = fixture_ruleset(f->dir, false);
    must(f->rs != NULL, "the rules do not load");
    must(mapper_new(f->rs, &err, &f->m) == 0, err.text);
    arena_init(&f->arena, 64 << 10, 0);
    f->now = SFX_T0;
}

void sfx_open(struct source_fx *f, const char *sources) { sfx_open_with(f, sources, NULL); }

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void sfx_close(struct source_fx *f) {
    mapper_free(f->m);
    ruleset_free(f->rs);
    arena_done(&f->arena);
    (void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void sfx_send(struct source_fx *f, const char *topic, const void *payload, size_t len) {
    arena_reset(&f->arena);
    struct message msg = {.topic = topic, .payload = payload, .len = len, .retained = f->retained, .qos = 1, .arrived = f->now};
    mapper_map(f->m, &msg, &f->arena, &f->got);
}

const char *sfx_say(struct source_fx *f, const char *topic, const char *payload) {
    static char out[8192];
    sfx_send(f, topic, payload, strlen(payload));
    struct buf b;
    buf_init(&b, 0);
    fixture_say(&b, &f->got, f->now);
    (void)snprintf(out, sizeof out, "%s", b.data);
    buf_done(&b);
    return out;
}

static void map_afresh(const struct ruleset *rs, const struct message *msg, bool whole, struct buf *out) {
    struct mapper *m = NULL;
    struct mapped got;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 64 << 10, 64 << 20);
    if (mapper_new(rs, &err, &m) < 0) {
        buf_puts(out, err.text);
        return;
    }
    mapper_explain(m, whole);
    mapper_map(m, msg, &arena, &got);
    buf_printf(out, "%s %s %s", source_outcome_name(got.outcome), got.source ? got.source : "", got.why ? got.why : "");
    for (size_t i = 0; i < got.nevents; i++) {
        struct event ev = got.events[i];
        ev.dedupe = 0; /* a hash with a seed of each mapper's own */
        event_write(out, &ev);
    }
    mapper_free(m);
    arena_done(&arena);
}

bool fixture_same(const struct ruleset *rs, const struct message *msg) {
    struct buf part, whole;
    buf_init(&part, 0);
    buf_init(&whole, 0);
    map_afresh(rs, msg, false, &part);
    map_afresh(rs, msg, true, &whole);
    bool same = strcmp(part.data, whole.data) == 0;
    if (!same)
        (void)fprintf(stderr, "%s: %s\nin part:   %s\nthe whole: %s\n", msg->topic, msg->payload, part.data, whole.data);
    buf_done(&part);
    buf_done(&whole);
    return same;
}
