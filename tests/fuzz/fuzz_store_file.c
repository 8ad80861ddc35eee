/* SPDX-License-Identifier: Apache-2.0
 * A damaged database file: the input is either a whole file (beginning as SQLite's do) or a list of patches, offset (3 bytes), length, bytes, on a sound one. Opening it, reading everything,
 * committing, trimming and sending must end with a result or a clear error. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gengfu/store/store.h"

#define SOUND_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static uint8_t sound[SOUND_MAX], work[SOUND_MAX];
static size_t sound_len;
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
    bad += store_outbox_next(s, "city", 1767614400000, NULL, 0, 8, &a, rows, &err) < 0;
    bad += store_outbox_due(s, "city") < 0;
    bad += store_outbox_counts(s, NULL, &counts, &err) < 0;
    bad += store_outbox_resend(s, NULL, "01FUZZB", 7, &n, &err) < 0;
    bad += store_info(s, &info, &err) < 0;
    struct outbox_outcome o[] = {{.platform = "city", .incident = "01FUZZA", .revision = 1, .result = OUTBOX_CONFIRMED},
                                 {.platform = "city", .incident = "01FUZZC", .revision = 1, .result = OUTBOX_DEAD, .why = "400"},
                                 {.platform = "town", .incident = "01FUZZD", .revision = 1, .result = OUTBOX_RETRY, .next_try = 9}};
    bad += store_outbox_outcomes(s, o, 3, &err) < 0;
    batch(s, 1767614400000);
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

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    struct store *s;
    struct store_conf c = {.path = path};
    (void)snprintf(dir, sizeof dir, "%s/gengfu-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir))
        abort();
    (void)snprintf(path, sizeof path, "%s/f.db", dir);
    (void)atexit(at_exit);
    static const char *const platforms[] = {"city", "town"};
    if (store_open(&c, NULL, &s) < 0 || store_platforms(s, platforms, 2, NULL) < 0)
        abort();
    for (int i = 0; i < 30; i++)
        batch(s, INT64_C(1767614400000) + i);
    if (store_audit(s, 1, "a", "b", "c", NULL) < 0)
        abort();
    store_close(s);
    FILE *f = fopen(path, "rbe");
    if (!f)
        abort();
    sound_len = fread(sound, 1, sizeof sound, f);
    (void)fclose(f);
    remove_files();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct store *s;
    if (size >= 16 && memcmp(data, "SQLite format 3", 16) == 0)
        put_file(data, size);
    else {
        memcpy(work, sound, sound_len);
        for (size_t i = 0; i + 4 < size;) {
            size_t at = (data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16) % sound_len, n = data[i + 3];
            for (i += 4; n && i < size && at < sound_len; n--)
                work[at++] = data[i++];
        }
        put_file(work, sound_len);
    }
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
