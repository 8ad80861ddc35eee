/* SPDX-License-Identifier: Apache-2.0
 * The store's test fixture, see store_fx.h. The VFS lives in store_vfs.c. */
#include "store_fx.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fx_check(struct fx *f, int rc, const char *file, int line) {
    if (rc >= 0)
        return;
    print_error("%s:%d: %d: %s\n", file, line, rc, f->err.text);
    fail();
}

bool fx_says(const struct fx *f, const char *text) {
    if (strstr(f->err.text, text))
        return true;
    print_error("the error is \"%s\", without \"%s\"\n", f->err.text, text);
    return false;
}

static void begin(struct fx *f) {
    effects_reset(&f->effects);
    f->nacks = 0;
}

void fx_open(struct fx *f) {
    static const char *const platforms[] = {"city", "town"};
    f->conf.path = f->path;
    fx_ok(f, store_open(&f->conf, &f->err, &f->store));
    if (!f->conf.read_only)
        fx_ok(f, store_platforms(f->store, platforms, 2, &f->err));
}

void fx_close(struct fx *f) {
    store_close(f->store);
    f->store = NULL;
}

void fx_reopen(struct fx *f) {
    fx_close(f);
    fx_open(f);
}

int fx_setup(void **state) {
    struct fx *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->dir, sizeof f->dir, "%s/gengfu-store-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(f->dir)) {
        free(f);
        return -1;
    }
    (void)snprintf(f->path, sizeof f->path, "%s/gengfu.db", f->dir);
    arena_init(&f->arena, 4096, 0);
    effects_init(&f->effects);
    fx_open(f);
    *state = f;
    return 0;
}

static void remove_all(const char *dir) {
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char name[600];
        (void)snprintf(name, sizeof name, "%s/%s", dir, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(name) < 0)
            remove_all(name);
    }
    if (d)
        (void)closedir(d);
    (void)rmdir(dir);
}

int fx_teardown(void **state) {
    struct fx *f = *state;
    fx_close(f);
    arena_done(&f->arena);
    effects_done(&f->effects);
    remove_all(f->dir);
    free(f);
    return 0;
}

int64_t fx_number(struct fx *f, const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_type(st, 0) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(st, 0);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

/* -- batches -------------------------------------------------------------------------------------------------------------------- */

static char *keep(struct fx *f, const char *s) { return s ? arena_strdup(&f->effects.arena, s) : NULL; }

void fx_event(struct fx *f, int64_t arrived, const char *device, const char *fields) {
    char *body = arena_printf(&f->effects.arena, "{\"k\":\"lamp\",\"d\":\"%s\",\"t\":%lld,\"f\":%s}", device, (long long)arrived, fields);
    assert_non_null(body);
    effects_event(&f->effects, &(struct effect_event){.time = arrived - 5, .arrived = arrived, .body = body, .len = strlen(body)});
}

void fx_state(struct fx *f, const char *rule, uint64_t hash, const char *key, const char *body) {
    effects_state(&f->effects,
                  &(struct effect_state){
                      .rule = keep(f, rule), .hash = hash, .key = keep(f, key), .body = keep(f, body), .len = body ? strlen(body) : 0});
}

void fx_device(struct fx *f, const char *device, const char *body) {
    effects_device(&f->effects, &(struct effect_device){.device = keep(f, device), .body = keep(f, body), .len = body ? strlen(body) : 0});
}

void fx_answer(struct fx *f, const char *command, const char *who, const char *body) {
    effects_answer(&f->effects, &(struct effect_answer){.command = keep(f, command),
                                                        .who = keep(f, who),
                                                        .incident = "i",
                                                        .body = keep(f, body),
                                                        .len = strlen(body),
                                                        .at = T0});
}

void fx_ack(struct fx *f, uint16_t mid, uint64_t hash) {
    assert_true(f->nacks < sizeof f->acks / sizeof f->acks[0]);
    f->acks[f->nacks++] = (struct store_ack){.mid = mid, .hash = hash};
}

struct effect_incident *fx_incident(struct fx *f, const char *id, uint32_t revision, enum severity severity, size_t size) {
    char *body = arena_alloc(&f->effects.arena, size + 200);
    assert_non_null(body);
    int n = snprintf(body, 200, "{\"id\":\"%s\",\"revision\":%u,\"severity\":%d,\"fill\":\"", id, revision, (int)severity);
    size_t len = (size_t)n;
    for (; len < size; len++)
        body[len] = (char)('a' + len % 26);
    memcpy(body + len, "\"}", 3);
    effects_incident(&f->effects, &(struct effect_incident){.id = keep(f, id),
                                                            .number = arena_printf(&f->effects.arena, "gw-1-%s", id),
                                                            .rule = "lamp-out",
                                                            .key = "lamp-7",
                                                            .device = "lamp-7",
                                                            .title = "路灯不亮",
                                                            .revision = revision,
                                                            .change = revision == 1 ? CHANGE_OPENED : CHANGE_UPDATED,
                                                            .severity = severity,
                                                            .condition = CONDITION_FIRING,
                                                            .handling = HANDLING_NEW,
                                                            .raised = T0,
                                                            .updated = T0 + (int64_t)revision,
                                                            .publish = true,
                                                            .platforms = ~0U,
                                                            .body = body,
                                                            .len = len + 2});
    return &f->effects.incidents[f->effects.nincidents - 1];
}

int fx_try_commit(struct fx *f, int64_t wall) {
    struct store_batch b = {.effects = &f->effects, .acks = f->acks, .nacks = f->nacks, .mono = wall - T0, .wall = wall};
    return store_commit(f->store, &b, &f->err);
}

void fx_commit(struct fx *f, int64_t wall) {
    fx_ok(f, fx_try_commit(f, wall));
    begin(f);
}
