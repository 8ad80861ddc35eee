/* SPDX-License-Identifier: Apache-2.0
 * What a message costs inside, room by room, without broker and loop: the same code as in the daemon, fed from a file. Also the parts of the floor.
 *
 * usage: inside MODE COUNT ARGUMENT …      one JSON object on standard output: wall and CPU of COUNT rounds of the work, without what makes it ready
 *   cjson COUNT MESSAGES                   cJSON in an arena, no more                      (floor)
 *   journal COUNT DB                       SQLite: rows of 300 bytes, 200 a transaction    (floor)
 *   map COUNT DIR MESSAGES                 sources: message -> events
 *   engine COUNT DIR MESSAGES              and the rules
 *   store COUNT DIR MESSAGES DB BATCH      and the store, BATCH messages a transaction
 *   replay DIR DB                          the journal's events through the rules, as `gengfu backtest` does
 *   repeat TIMES DB SPAN NEW               a longer journal: NEW gets DB's events TIMES times, each time SPAN ms later
 *   load COUNT DIR                         reads and checks a directory
 *   compile COUNT EXPRESSION               text -> program, in the rules' environment
 *   eval COUNT EXPRESSION EVENT            program -> value; EVENT: {"k":"lock","d":"lock-1","t":0,"f":{…}}
 * MESSAGES: lines of topic, tab, payload; taken in turn. Time goes on by a millisecond a message. */
#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* Under callgrind only the rounds are counted: what makes them ready need not be slow. */
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

#include "gengfu/backtest/backtest.h"
#include "gengfu/base/json.h"
#include "gengfu/engine/engine.h"
#include "gengfu/source/source.h"
#include "gengfu/store/store.h"

#define WALL INT64_C(1768046400000)

static struct arena scratch;

static _Noreturn void die(const char *what, const char *why) {
    fprintf(stderr, "inside: %s: %s\n", what, why);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long pages(void) {
    long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &all, &resident) != 2)
        resident = 0;
    if (f)
        (void)fclose(f);
    return resident;
}

static struct {
    double wall, cpu;
    size_t heap;
    uint64_t rounds, bytes, extra;
} meter;

static void begin(void) {
    meter.heap = mallinfo2().uordblks + mallinfo2().hblkhd;
    meter.wall = seconds(CLOCK_MONOTONIC);
    meter.cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    CALLGRIND_START_INSTRUMENTATION;
}

static void end(uint64_t rounds) {
    CALLGRIND_STOP_INSTRUMENTATION;
    meter.wall = seconds(CLOCK_MONOTONIC) - meter.wall;
    meter.cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - meter.cpu;
    size_t heap = mallinfo2().uordblks + mallinfo2().hblkhd;
    printf("{\"rounds\":%llu,\"wall_s\":%.9f,\"cpu_s\":%.9f,\"bytes\":%llu,\"extra\":%llu,\"heap\":%lld,\"rss\":%ld}\n",
           (unsigned long long)rounds, meter.wall, meter.cpu, (unsigned long long)meter.bytes, (unsigned long long)meter.extra,
           (long long)heap - (long long)meter.heap, pages() * 4096);
}

/* -- input ---------------------------------------------------------------------------------------------------------------------- */

struct line {
    const char *topic, *payload;
    size_t len;
};
static struct line *lines;
static size_t nlines;

static void read_messages(const char *path) {
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t cap = 0;
    ssize_t n;
    if (!f)
        die(path, "cannot be read");
    while ((n = getline(&text, &cap, f)) > 0) {
        char *tab = memchr(text, '\t', (size_t)n);
        if (!tab)
            die(path, "a line without a tab");
        if (text[n - 1] == '\n')
            text[--n] = '\0';
        *tab = '\0';
        lines = realloc(lines, (nlines + 1) * sizeof *lines);
        if (!lines)
            die(path, "no memory");
        lines[nlines].topic = strdup(text);
        lines[nlines].payload = strdup(tab + 1);
        lines[nlines].len = (size_t)(text + n - tab - 1);
        nlines++;
    }
    free(text);
    (void)fclose(f);
    if (!nlines)
        die(path, "is empty");
}

static struct ruleset *read_rules(const char *dir) {
    struct report *rep;
    struct err err = {0};
    struct ruleset *rs = NULL;
    if (report_new(&rep) < 0)
        die(dir, "no memory");
    if (ruleset_load(dir, rep, &err, &rs) < 0)
        die(dir, *report_first(rep) ? report_first(rep) : err.text);
    report_free(rep);
    return rs;
}

/* -- the floor ------------------------------------------------------------------------------------------------------------------ */

static char pool[1 << 20];
static size_t used;
static void *take(size_t n) {
    void *p = pool + used;
    used += (n + 15) & ~(size_t)15;
    return used > sizeof pool ? NULL : p;
}
static void keep(void *p) { (void)p; }

static void floor_cjson(uint64_t count) {
    cJSON_Hooks hooks = {take, keep};
    cJSON_InitHooks(&hooks);
    begin();
    for (uint64_t i = 0; i < count; i++) {
        const struct line *l = &lines[i % nlines];
        used = 0;
        if (!cJSON_ParseWithLength(l->payload, l->len))
            die("cjson", "a payload is no JSON");
        meter.bytes += l->len;
    }
    end(count);
}

static void sql(sqlite3 *db, const char *text) {
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        die(text, sqlite3_errmsg(db));
}

static void floor_journal(uint64_t count, const char *path) {
    char row[300];
    sqlite3 *db;
    sqlite3_stmt *put;
    for (size_t i = 0; i < sizeof row; i++)
        row[i] = (char)('a' + (i * 7 + i / 13) % 26);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(path, sqlite3_errmsg(db));
    sql(db, "PRAGMA journal_mode=WAL");
    sql(db, "PRAGMA synchronous=FULL");
    sql(db, "CREATE TABLE journal(id INTEGER PRIMARY KEY, at INTEGER, body BLOB)");
    if (sqlite3_prepare_v2(db, "INSERT INTO journal(at, body) VALUES (?, ?)", -1, &put, NULL) != SQLITE_OK)
        die(path, sqlite3_errmsg(db));
    begin();
    for (uint64_t i = 0; i < count; i++) {
        if (i % 200 == 0)
            sql(db, "BEGIN");
        (void)sqlite3_bind_int64(put, 1, (int64_t)i);
        (void)sqlite3_bind_blob(put, 2, row, sizeof row, SQLITE_STATIC);
        if (sqlite3_step(put) != SQLITE_DONE)
            die(path, sqlite3_errmsg(db));
        (void)sqlite3_reset(put);
        if (i % 200 == 199 || i + 1 == count)
            sql(db, "COMMIT");
    }
    meter.bytes = count * sizeof row;
    end(count);
    (void)sqlite3_finalize(put);
    (void)sqlite3_close(db);
}

/* -- our own rooms ------------------------------------------------------------------------------------------------------------- */

struct work {
    struct ruleset *rs;
    struct mapper *mapper;
    struct engine *engine;
    struct store *store;
    struct effects fx;
    struct buf body;
    struct engine_time now;
};

static void work_init(struct work *w, const char *dir) {
    struct err err = {0};
    *w = (struct work){.rs = read_rules(dir), .now = {.mono = 1000, .wall = WALL, .synced = true}};
    if (mapper_new(w->rs, &err, &w->mapper) < 0)
        die(dir, err.text);
    effects_init(&w->fx);
    buf_init(&w->body, 1 << 20);
}

static void work_engine(struct work *w) {
    struct err err = {0};
    struct engine_conf conf = {.gateway = "gw-bench", .seed = 1, .max_devices = 20000};
    if (engine_new(w->rs, &conf, &err, &w->engine) < 0 || engine_start(w->engine, w->now, 0, &w->fx) < 0)
        die("engine", err.text);
    effects_reset(&w->fx);
}

static void work_store(struct work *w, const char *path) {
    struct err err = {0};
    struct store_conf conf = {.path = path, .journal_max_age = 14 * TIME_DAY};
    if (store_open(&conf, &err, &w->store) < 0)
        die(path, err.text);
}

static void flush(struct work *w) {
    struct err err = {0};
    if ((w->engine && engine_flush(w->engine, &w->fx) < 0) || w->fx.failed)
        die("engine", "no memory");
    for (size_t i = 0; i < w->fx.nincidents; i++)
        meter.extra += w->fx.incidents[i].publish;
    if (w->store && effects_any(&w->fx)) {
        struct store_batch batch = {.effects = &w->fx, .mono = w->now.mono, .wall = w->now.wall};
        if (store_commit(w->store, &batch, &err) < 0)
            die("store", err.text);
    }
    effects_reset(&w->fx);
}

static void one(struct work *w, const struct event *ev) {
    if (w->store) {
        struct effect_event row = {.time = ev->time, .arrived = ev->arrived};
        buf_clear(&w->body);
        event_write(&w->body, ev);
        row.len = w->body.len;
        row.body = arena_dup(&w->fx.arena, w->body.data, w->body.len);
        effects_event(&w->fx, &row);
    }
    if (engine_event(w->engine, ev, w->now, &w->fx) < 0)
        die("engine", "no memory");
}

static void messages(struct work *w, uint64_t count, uint64_t batch) {
    for (uint64_t i = 0; i < count; i++) {
        const struct line *l = &lines[i % nlines];
        w->now.mono++;
        w->now.wall++;
        struct message msg = {.topic = l->topic, .payload = l->payload, .len = l->len, .qos = 1, .arrived = w->now.wall};
        struct mapped got;
        arena_reset(&scratch);
        mapper_map(w->mapper, &msg, &scratch, &got);
        meter.bytes += l->len;
        if (!w->engine) {
            meter.extra += got.nevents;
            continue;
        }
        for (size_t k = 0; k < got.nevents; k++)
            one(w, &got.events[k]);
        if (i % batch == batch - 1)
            flush(w);
    }
    if (w->engine)
        flush(w);
}

static void work_messages(uint64_t count, const char *dir, bool engine, const char *db, uint64_t batch) {
    struct work w;
    work_init(&w, dir);
    if (engine)
        work_engine(&w);
    if (db)
        work_store(&w, db);
    messages(&w, nlines, batch); /* every device has been seen */
    meter.bytes = meter.extra = 0;
    begin();
    messages(&w, count, batch);
    end(count);
    store_close(w.store);
    engine_free(w.engine);
    mapper_free(w.mapper);
    effects_done(&w.fx);
    buf_done(&w.body);
    ruleset_free(w.rs);
}

static void work_replay(const char *dir, const char *db) {
    struct store *s;
    struct err err = {0};
    struct store_conf conf = {.path = db, .read_only = true};
    struct ruleset *rs = read_rules(dir);
    struct backtest *b;
    if (store_open(&conf, &err, &s) < 0)
        die(db, err.text);
    struct backtest_conf test = {.store = s, .now = rs, .since = 0, .until = INT64_MAX};
    begin();
    if (backtest_run(&test, &err, &b) < 0)
        die(db, err.text);
    meter.extra = b->sets[BACKTEST_NOW].n;
    end(b->events);
    backtest_free(b);
    store_close(s);
    ruleset_free(rs);
}

struct repeat {
    struct work *w;
    int64_t later;
    uint64_t seen;
};

static int repeat_event(void *ctx, int64_t rowid, int64_t time, int64_t arrived, const char *body, size_t len) {
    struct repeat *r = ctx;
    struct effects *fx = &r->w->fx;
    struct effect_event row = {.time = time + r->later,
                               .arrived = arrived + r->later,
                               .body = arena_dup(&fx->arena, body, len),
                               .len = len};
    (void)rowid;
    effects_event(fx, &row);
    meter.bytes += len;
    r->w->now.wall = row.arrived;
    if (++r->seen % 20000 == 0)
        flush(r->w);
    return 0;
}

static void work_repeat(uint64_t times, const char *db, int64_t span, const char *path) {
    struct work w = {.now = {.mono = 1000, .wall = WALL, .synced = true}};
    struct repeat r = {.w = &w, .later = (int64_t)time(NULL) * 1000 - WALL - (int64_t)times * span}; /* it ends about now */
    struct store *from;
    struct err err = {0};
    struct store_conf conf = {.path = db, .read_only = true};
    effects_init(&w.fx);
    work_store(&w, path);
    if (store_open(&conf, &err, &from) < 0)
        die(db, err.text);
    begin();
    for (uint64_t i = 0; i < times; i++, r.later += span)
        if (store_each_event(from, TIME_NONE, TIME_NONE, NULL, repeat_event, &r, &err) < 0)
            die(db, err.text);
    flush(&w);
    end(r.seen);
    if (store_checkpoint_done(w.store, &err) < 0) /* as a daemon leaves it: a start reads no more than what came after */
        die(path, err.text);
    store_close(from);
    store_close(w.store);
    effects_done(&w.fx);
}

static void work_load(uint64_t count, const char *dir) {
    begin();
    for (uint64_t i = 0; i < count; i++) {
        struct ruleset *rs = read_rules(dir);
        meter.extra = rs->nrules;
        if (i + 1 < count)
            ruleset_free(rs);
    }
    end(count);
}

static struct cel_program *program(struct cel_env *env, const char *text) {
    struct cel_program *p;
    struct cel_diags diags = {.arena = &scratch};
    struct cel_options opt = {0};
    if (cel_compile(env, text, strlen(text), &opt, &diags, &p) < 0)
        die(text, diags.count ? diags.items[0].text : "no memory");
    return p;
}

static void work_compile(uint64_t count, const char *text) {
    struct cel_env *env;
    if (ruleset_rule_env(NULL, &env) < 0)
        die(text, "no memory");
    begin();
    for (uint64_t i = 0; i < count; i++) {
        arena_reset(&scratch);
        cel_program_free(program(env, text));
    }
    end(count);
    cel_env_free(env);
}

static void work_eval(uint64_t count, const char *text, const char *json) {
    struct cel_env *env;
    struct err err = {0};
    struct event ev;
    struct event_record rec;
    struct arena a, keep_arena;
    struct cel_value vars[CEL_MAX_VARS] = {0};
    if (ruleset_rule_env(NULL, &env) < 0)
        die(text, "no memory");
    struct cel_program *p = program(env, text);
    arena_init(&a, 16384, 1 << 24);
    arena_init(&keep_arena, 16384, 1 << 24);
    if (event_read(&keep_arena, json, strlen(json), &ev, &err) < 0)
        die(json, err.text);
    event_record_init(&rec, &ev);
    size_t nreads;
    const struct cel_read *reads = NULL;
    nreads = cel_program_reads(p, &reads);
    for (size_t i = 0; i < nreads; i++) /* event, and whatever else it reads, is this event */
        vars[reads[i].slot] = cel_record(&rec.record);
    struct cel_context ctx = {.vars = vars, .arena = &a};
    begin();
    for (uint64_t i = 0; i < count; i++) {
        arena_reset(&a);
        ctx.steps = 0; /* a budget of its own each time */
        struct cel_value v = cel_eval(p, &ctx);
        meter.extra += cel_is_true(v);
    }
    end(count);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: inside MODE COUNT ARGUMENT …; the head of inside.c lists the modes\n");
        return 2;
    }
    const char *mode = argv[1];
    uint64_t count = strtoull(argv[2], NULL, 10);
    arena_init(&scratch, 64 << 10, 64 << 20);
    if (strcmp(mode, "cjson") == 0) {
        read_messages(argv[3]);
        floor_cjson(count);
    } else if (strcmp(mode, "journal") == 0)
        floor_journal(count, argv[3]);
    else if (strcmp(mode, "load") == 0)
        work_load(count, argv[3]);
    else if (strcmp(mode, "compile") == 0)
        work_compile(count, argv[3]);
    else if (strcmp(mode, "eval") == 0 && argc == 5)
        work_eval(count, argv[3], argv[4]);
    else if (strcmp(mode, "replay") == 0 && argc == 4)
        work_replay(argv[2], argv[3]);
    else if (strcmp(mode, "repeat") == 0 && argc == 6)
        work_repeat(count, argv[3], strtoll(argv[4], NULL, 10), argv[5]);
    else if ((strcmp(mode, "map") == 0 || strcmp(mode, "engine") == 0) && argc == 5) {
        read_messages(argv[4]);
        work_messages(count, argv[3], mode[0] == 'e', NULL, 200);
    } else if (strcmp(mode, "store") == 0 && argc == 7) {
        uint64_t batch = strtoull(argv[6], NULL, 10);
        read_messages(argv[4]);
        work_messages(count, argv[3], true, argv[5], batch ? batch : 1);
    } else {
        fprintf(stderr, "inside: no mode '%s' with %d arguments\n", mode, argc - 2);
        return 2;
    }
    arena_done(&scratch);
    return 0;
}
