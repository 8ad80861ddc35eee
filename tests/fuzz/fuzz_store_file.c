/* SPDX-License-Identifier: Apache-2.0
 * A damaged database file: the input is either a whole file (beginning as SQLite's do) or a list of patches, offset (3 bytes), length, bytes, on a sound one. After "old" and a byte they are for
 * a file of the schema that the byte chooses, with rows in every table; older ones are migrated when it is opened. Opening it, reading everything, committing, trimming and sending must end with a result or a clear error. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_int.h"

#define SOUND_MAX (1 << 20)
#define SCHEMA_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct base {
    uint8_t *data;
    size_t len;
};
static struct base sound, of_schema[SCHEMA_MAX];
static uint8_t work[SOUND_MAX];
static char dir[64], path[96];

static int on_state(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    *(uint64_t *)ctx += strlen(rule) + hash + strlen(key) + strlen(body) + len;
    return 0;
}
static int on_text(void *ctx, const char *name, const char *body, size_t len) {
    *(uint64_t *)ctx += strlen(name) + strlen(body) + len;
    return 0;
}
static int on_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    *(uint64_t *)ctx += (uint64_t)row + (uint64_t)time + (uint64_t)arrived + strlen(body) + len;
    return 0;
}
static int on_ack(void *ctx, uint16_t mid, uint64_t hash) {
    *(uint64_t *)ctx += mid + hash;
    return 0;
}
static int on_row(void *ctx, const struct outbox_row *row) {
    *(uint64_t *)ctx += strlen(row->body) + strlen(row->title) + (row->why ? strlen(row->why) : 0);
    return 0;
}
static int on_revision(void *ctx, uint32_t revision, enum change change, int64_t at, const char *note) {
    *(uint64_t *)ctx += revision + (uint64_t)change + (uint64_t)at + strlen(note);
    return 0;
}
static int on_audit(void *ctx, const struct audit_entry *e) {
    *(uint64_t *)ctx += strlen(e->who) + strlen(e->what) + (e->detail ? strlen(e->detail) : 0);
    return 0;
}

static void remove_files(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-lock"};
    char name[128];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static void at_exit(void) {
    remove_files();
    (void)rmdir(dir);
}

static void batch(struct store *s, int64_t wall) {
    static char doc[] = "{\"id\":\"01FUZZ\",\"revision\":1,\"title\":\"路灯不亮\"}",
                event[] = "{\"k\":\"lamp\",\"d\":\"lamp-1\",\"t\":1,\"f\":{\"on\":true}}";
    struct effect_event events[20];
    struct effect_state state = {.rule = "r", .hash = 1, .key = "k", .body = "{}", .len = 2};
    struct effect_device device = {.device = "lamp-1", .body = "{}", .len = 2};
    struct effect_answer answer = {.command = "c", .who = "platform:city", .incident = "01FUZZ", .body = "{}", .len = 2, .at = wall};
    struct effect_incident incidents[4];
    struct store_ack acks[5] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}};
    static const char *const ids[] = {"01FUZZA", "01FUZZB", "01FUZZC", "01FUZZD"};
    for (int i = 0; i < 20; i++)
        events[i] = (struct effect_event){.time = wall, .arrived = wall + i, .body = event, .len = sizeof event - 1};
    for (int i = 0; i < 4; i++)
        incidents[i] = (struct effect_incident){.id = ids[i],
                                                .number = ids[i],
                                                .rule = "r",
                                                .key = "k",
                                                .title = "t",
                                                .revision = 1,
                                                .change = CHANGE_OPENED,
                                                .severity = (enum severity)(1 + i),
                                                .condition = CONDITION_FIRING,
                                                .over = i % 2,
                                                .publish = true,
                                                .platforms = 3,
                                                .updated = wall,
                                                .body = doc,
                                                .len = sizeof doc - 1};
    struct effects fx = {.events = events,
                         .nevents = 20,
                         .states = &state,
                         .nstates = 1,
                         .devices = &device,
                         .ndevices = 1,
                         .incidents = incidents,
                         .nincidents = 4,
                         .answers = &answer,
                         .nanswers = 1};
    struct store_batch b = {.effects = &fx, .acks = acks, .nacks = 5, .mono = 1, .wall = wall};
    if (store_commit(s, &b, NULL) < 0)
        return;
}

/* What a batch has less often: a rule set, a note, an incident that goes on before anybody has heard of it, and one that is counted quietly. */
static void seldom(struct store *s, int64_t wall) {
    static char doc[] = "{\"id\":\"01FUZZ\",\"revision\":2,\"count\":3}";
    struct effect_incident incidents[2];
    for (int i = 0; i < 2; i++)
        incidents[i] = (struct effect_incident){.id = i ? "01FUZZB" : "01FUZZA",
                                                .number = "7",
                                                .rule = "r",
                                                .key = "k",
                                                .device = "lamp-1",
                                                .title = "t",
                                                .revision = i ? 1 : 2,
                                                .change = CHANGE_UPDATED,
                                                .severity = SEVERITY_MINOR,
                                                .condition = CONDITION_FIRING,
                                                .publish = !i,
                                                .platforms = 3,
                                                .updated = wall,
                                                .body = doc,
                                                .len = sizeof doc - 1};
    struct effects fx = {.incidents = incidents, .nincidents = 2};
    struct store_ruleset ruleset = {
        .hash = "2c26b46b", .at = wall, .who = "uid 0", .body = "rules rules rules rules rules rules rules rules", .len = 47};
    struct store_note note = {"uid 0", "reload", "2c26b46b"};
    struct store_batch b = {.effects = &fx, .ruleset = &ruleset, .note = &note, .checkpoint = true, .mono = 2, .wall = wall};
    struct outbox_outcome heard = {.platform = "city", .incident = "01FUZZA", .revision = 2, .result = OUTBOX_CONFIRMED};
    if (store_commit(s, &b, NULL) < 0 || store_outbox_outcomes(s, &heard, 1, NULL) < 0)
        return;
}

static int on_ruleset(void *ctx, const struct store_ruleset *r) {
    *(uint64_t *)ctx += strlen(r->hash) + strlen(r->who) + r->len;
    return 0;
}

static void look_back(struct store *s, uint64_t *sum, int *bad, struct err *err) {
    char hash[STORE_HASH_TEXT], head[STORE_AUDIT_HEAD];
    struct buf b;
    struct arena a;
    const char *body;
    int64_t n;
    arena_init(&a, 4096, 1 << 24);
    buf_init(&b, 1 << 20);
    *bad += store_each_ruleset(s, on_ruleset, sum, err) < 0;
    *bad += store_ruleset(s, NULL, &b, hash, err) < 0;
    buf_clear(&b);
    *bad += store_ruleset(s, "2c26b46b", &b, hash, err) < 0;
    *sum += (uint64_t)(store_answer(s, "c", "platform:city", &a, &body, err) == 1);
    *bad += store_latest_audit(s, TIME_NONE, 2, on_audit, sum, err) < 0;
    store_audit_head(s, head);
    *bad += store_audit_verify(s, head, &n, err) < 0;
    *bad += store_audit_verify(s, "1:0000000000000000000000000000000000000000000000000000000000000000", &n, err) < 0;
    *bad += store_restamp(s, 1, 5000, err) < 0;
    *bad += store_outbox_at_once(s, "town", err) < 0;
    buf_done(&b);
    arena_done(&a);
}

static void use(struct store *s) {
    static const char *const platforms[] = {"city", "town"};
    uint64_t sum = 0;
    int bad = 0;
    bool more;
    struct err err = {0};
    struct store_info info;
    struct store_outbox_counts counts;
    struct outbox_row rows[8];
    struct arena a;
    const char *body;
    size_t len, n;
    struct store_query all = {.since = TIME_NONE}, some = {.since = 5, .open_only = true, .rule = "r", .device = "lamp-1"};
    arena_init(&a, 4096, 1 << 24);
    bad += store_platforms(s, platforms, 2, &err) < 0;
    bad += store_each_state(s, on_state, &sum, &err) < 0;
    bad += store_each_device(s, on_text, &sum, &err) < 0;
    bad += store_each_open_incident(s, on_text, &sum, &err) < 0;
    bad += store_each_tail_event(s, on_event, &sum, &err) < 0;
    bad += store_each_event(s, 5, TIME_NONE, "lamp-1", on_event, &sum, &err) < 0;
    bad += store_each_ack(s, on_ack, &sum, &err) < 0;
    bad += store_each_incident(s, &all, on_text, &sum, &err) < 0;
    bad += store_each_incident(s, &some, on_text, &sum, &err) < 0;
    bad += store_each_outbox(s, false, on_row, &sum, &err) < 0;
    bad += store_each_revision(s, "01FUZZA", on_revision, &sum, &err) < 0;
    bad += store_each_audit(s, on_audit, &sum, &err) < 0;
    bad += store_audit_verify(s, NULL, NULL, &err) < 0;
    bad += store_incident(s, "01FUZZ", &a, &body, &len, &err) < 0;
    bad += store_incident(s, "01FUZZB", &a, &body, &len, &err) < 0;
    bad += store_outbox_next(s, "city", 1767614400000, NULL, 0, 8, &a, rows, &err) < 0;
    bad += store_outbox_due(s, "city") < 0;
    bad += store_outbox_counts(s, NULL, &counts, &err) < 0;
    bad += store_outbox_resend(s, NULL, NULL, ~0u, "01FUZZB", 7, &n, &err) < 0;
    bad += store_info(s, &info, &err) < 0;
    struct outbox_outcome o[] = {{.platform = "city", .incident = "01FUZZA", .revision = 1, .result = OUTBOX_CONFIRMED},
                                 {.platform = "city", .incident = "01FUZZC", .revision = 1, .result = OUTBOX_DEAD, .why = "400"},
                                 {.platform = "town", .incident = "01FUZZD", .revision = 1, .result = OUTBOX_RETRY, .next_try = 9}};
    bad += store_outbox_outcomes(s, o, 3, &err) < 0;
    look_back(s, &sum, &bad, &err);
    batch(s, 1767614400000);
    seldom(s, 1767614400000);
    for (int i = 0; i < 8; i++)
        bad += store_trim(s, INT64_C(1767614400000) * 2, 50, &more, &err) < 0;
    bad += store_audit(s, 1, "who", "what", NULL, &err) < 0;
    bad += store_checkpoint_done(s, &err) < 0;
    batch(s, 5);
    if ((bad && !err.code) || err.code == GF_EBUG) { /* a failure without its sentence, or one that we should not know */
        (void)fprintf(stderr, "%d %s\n", err.code, err.text);
        abort();
    }
    arena_done(&a);
}

static void put_file(const uint8_t *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    (void)close(fd);
}

static struct store_conf conf(void) {
    return (struct store_conf){
        .path = path, .journal_max_age = 1000, .journal_max_bytes = 2000, .closed_max_age = 1000, .outbox_max_bytes = 300};
}

/* The file as it is now, when it is closed. */
static struct base take_file(void) {
    struct stat st;
    FILE *f = fopen(path, "rbe");
    if (!f || fstat(fileno(f), &st) < 0 || st.st_size < 1 || st.st_size > SOUND_MAX)
        abort();
    struct base b = {malloc((size_t)st.st_size), (size_t)st.st_size};
    if (!b.data || fread(b.data, 1, b.len, f) != b.len)
        abort();
    (void)fclose(f);
    return b;
}

static struct store *fill(int batches) {
    static const char *const platforms[] = {"city", "town"};
    struct store_conf c = {.path = path};
    struct store *s;
    if (store_open(&c, NULL, &s) < 0 || store_platforms(s, platforms, 2, NULL) < 0)
        abort();
    for (int i = 0; i < batches; i++)
        batch(s, INT64_C(1767614400000) + i);
    if (store_audit(s, 1, "a", "b", "c", NULL) < 0)
        abort();
    return s;
}

static void sql(sqlite3 *db, const char *text) {
    char *said = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &said) != SQLITE_OK) {
        (void)fprintf(stderr, "%s: %s\n", text, said);
        abort();
    }
}

static int copy_table(void *db, int n, char **values, char **names) {
    char text[256];
    (void)n;
    (void)names;
    if (strcmp(values[0], "segment") == 0) /* the first would be complete after a thousand chunks */
        (void)snprintf(text, sizeof text, "INSERT INTO segment SELECT id, id, arrived, arrived + span FROM today.journal LIMIT 1");
    else
        (void)snprintf(text, sizeof text, "INSERT INTO %s SELECT * FROM today.%s", values[0], values[0]);
    sql(db, text);
    if (sqlite3_changes(db) == 0) {
        (void)fprintf(stderr, "there is nothing in %s\n", values[0]);
        abort();
    }
    return 0;
}

/* A file as the program of that schema left it: its tables, with the rows that today's file has in them. */
static struct base make_schema(int schema) {
    char today[128], attach[200];
    struct store_conf c = {.path = path};
    struct err err = {0};
    sqlite3 *db;
    (void)snprintf(today, sizeof today, "%s/today.db", dir);
    (void)snprintf(attach, sizeof attach, "ATTACH '%s' AS today", today);
    struct store *s = fill(2);
    seldom(s, INT64_C(1767614400000));
    store_close(s);
    if (rename(path, today) < 0 || store_open_to(&c, schema, NULL, &s) < 0)
        abort();
    store_close(s);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        abort();
    sql(db, attach);
    if (sqlite3_exec(db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name <> 'migration'", copy_table, db, NULL) !=
        SQLITE_OK)
        abort();
    (void)sqlite3_close(db);
    (void)unlink(today);
    struct base b = take_file();
    if (store_open(&c, &err, &s) < 0) { /* undamaged, it is brought up to date */
        (void)fprintf(stderr, "schema %d: %s\n", schema, err.text);
        abort();
    }
    store_close(s);
    remove_files();
    return b;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    (void)snprintf(dir, sizeof dir, "%s/gengfu-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir))
        abort();
    (void)snprintf(path, sizeof path, "%s/f.db", dir);
    (void)atexit(at_exit);
    store_close(fill(30));
    sound = take_file();
    remove_files();
    if (store_schema >= SCHEMA_MAX)
        abort();
    for (int i = 1; i <= store_schema; i++)
        of_schema[i] = make_schema(i);
    return 0;
}

static void put_patched(const struct base *b, const uint8_t *data, size_t size) {
    memcpy(work, b->data, b->len);
    for (size_t i = 0; i + 4 < size;) {
        size_t at = (data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16) % b->len, n = data[i + 3];
        for (i += 4; n && i < size && at < b->len; n--)
            work[at++] = data[i++];
    }
    put_file(work, b->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct store *s;
    if (size >= 16 && memcmp(data, "SQLite format 3", 16) == 0)
        put_file(data, size);
    else if (size >= 4 && memcmp(data, "old", 3) == 0)
        put_patched(&of_schema[1 + (data[3] + store_schema - 1) % store_schema], data + 4, size - 4);
    else
        put_patched(&sound, data, size);
    struct err err = {0};
    struct store_conf c = conf();
    int rc = store_open(&c, &err, &s);
    if (rc == 0) {
        use(s);
        store_close(s);
    } else if (rc == GF_ECORRUPT) { /* the way on */
        char aside[160], name[200];
        struct store_salvaged got;
        if (store_set_aside(path, 1, aside, sizeof aside, &err) < 0 || store_open(&c, &err, &s) < 0)
            abort();
        rc = store_salvage(s, aside, &got, &err);
        if (rc == GF_EBUG || rc == GF_ECORRUPT) {
            (void)fprintf(stderr, "%d %s\n", rc, err.text);
            abort();
        }
        use(s);
        store_close(s);
        for (int i = 0; i < 3; i++) {
            (void)snprintf(name, sizeof name, "%s%s", aside, i == 0 ? "" : i == 1 ? "-wal" : "-shm");
            (void)unlink(name);
        }
    } else if (!err.code || rc == GF_EBUG) {
        (void)fprintf(stderr, "%d %s\n", rc, err.text);
        abort();
    }
    remove_files();
    return 0;
}
