/* SPDX-License-Identifier: Apache-2.0
 * Every allocation fails once, in SQLite's code and in ours, while the store is opened, read, trimmed, restamped, copied, salvaged: it is done, or it is not and the error says so; afterwards the file
 * holds what it held before or what it should hold, and the same call goes through. GENGFU_EACH=1 takes really each, and its time. Batches on their way in are test_failure.c's and the daemon's test_memory.c's. */
#include "store_fx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scarce.h"

#define MOST 20000 /* allocations of one operation, at the most */

/* -- what stands in a store ------------------------------------------------------------------------------------------------------ */

static int on_state(void *ctx, const char *rule, uint64_t hash, const char *key, const char *body, size_t len) {
    buf_printf(ctx, "state %s %" PRIu64 " %s %.*s\n", rule, hash, key, (int)len, body);
    return 0;
}
static int on_text(void *ctx, const char *name, const char *body, size_t len) {
    buf_printf(ctx, "%s %.*s\n", name, (int)len, body);
    return 0;
}
static int on_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    buf_printf(ctx, "event %" PRId64 " %" PRId64 " %" PRId64 " %.*s\n", row, time, arrived, (int)len, body);
    return 0;
}
static int on_audit(void *ctx, const struct audit_entry *e) {
    buf_printf(ctx, "audit %" PRId64 " %s %s %d\n", e->id, e->who, e->what, e->intact);
    return 0;
}
static int on_ruleset(void *ctx, const struct store_ruleset *r) {
    buf_printf(ctx, "rules %s %s\n", r->hash, r->who);
    return 0;
}
static int on_row(void *ctx, const struct outbox_row *r) {
    buf_printf(ctx, "outbox %s %s r%u x%d %d %.*s\n", r->platform, r->incident, (unsigned)r->revision, r->attempts, r->dead, (int)r->len,
               r->body);
    return 0;
}
static int on_revision(void *ctx, uint32_t revision, enum change change, int64_t at, const char *note) {
    buf_printf(ctx, "r%u %d %" PRId64 " %s\n", (unsigned)revision, (int)change, at, note ? note : "");
    return 0;
}

static const struct store_query everything = {.since = TIME_NONE};

static int read_all(struct store *s, struct buf *out, struct err *err) {
    int rc = store_each_state(s, on_state, out, err);
    if (rc == 0)
        rc = store_each_device(s, on_text, out, err);
    if (rc == 0)
        rc = store_each_incident(s, &everything, on_text, out, err);
    if (rc == 0)
        rc = store_each_revision(s, "01OPEN", on_revision, out, err);
    if (rc == 0)
        rc = store_each_open_incident(s, on_text, out, err);
    if (rc == 0)
        rc = store_each_event(s, TIME_NONE, TIME_NONE, NULL, on_event, out, err);
    if (rc == 0)
        rc = store_each_tail_event(s, on_event, out, err);
    if (rc == 0)
        rc = store_each_outbox(s, false, on_row, out, err);
    if (rc == 0)
        rc = store_each_ruleset(s, on_ruleset, out, err);
    if (rc == 0)
        rc = store_each_audit(s, on_audit, out, err);
    if (rc == 0)
        rc = store_audit_verify(s, NULL, NULL, err);
    return rc;
}

/* -- the operations -------------------------------------------------------------------------------------------------------------- */

struct op {
    const char *name;
    int (*run)(struct fx *f, struct buf *out);
    bool reads; /* what it says (`out`) is what counts, and it changes nothing */
};

static char side[600]; /* a second file: a copy, a damaged one */

static int op_open(struct fx *f, struct buf *out) { /* beside the one that is open: as the shell does */
    struct store_conf conf = {.path = f->path, .read_only = true};
    struct store *s = NULL;
    int rc = store_open(&conf, &f->err, &s);
    if (rc == 0)
        buf_puts(out, "opened");
    store_close(s);
    return rc;
}
static int op_read(struct fx *f, struct buf *out) { return read_all(f->store, out, &f->err); }
static int op_query(struct fx *f, struct buf *out) {
    struct store_query q = {.since = T0, .open_only = true, .rule = "lamp-out", .device = "lamp-7", .limit = 5};
    struct arena a;
    const char *body;
    size_t len;
    arena_init(&a, 4096, 0);
    int rc = store_each_incident(f->store, &q, on_text, out, &f->err);
    if (rc == 0)
        rc = store_incident(f->store, "gw-1-01OPEN", &a, &body, &len, &f->err);
    if (rc == 0)
        buf_put(out, body, len);
    if (rc == 0)
        rc = store_latest_audit(f->store, TIME_NONE, 10, on_audit, out, &f->err);
    if (rc == 0)
        rc = store_each_event(f->store, T0, T0 + 5000, "lamp-1", on_event, out, &f->err);
    arena_done(&a);
    return rc;
}
static int op_info(struct fx *f, struct buf *out) {
    struct store_info info;
    struct store_outbox_counts counts;
    int rc = store_info(f->store, &info, &f->err);
    if (rc == 0)
        rc = store_outbox_counts(f->store, NULL, &counts, &f->err);
    if (rc == 0)
        buf_printf(out, "%" PRId64 " %" PRId64 " %zu", info.incidents, info.journal_rows, counts.waiting);
    return rc;
}
static int op_ruleset(struct fx *f, struct buf *out) {
    char hash[STORE_HASH_TEXT];
    return store_ruleset(f->store, NULL, out, hash, &f->err);
}
static int op_answer(struct fx *f, struct buf *out) {
    struct arena a;
    const char *body = "";
    arena_init(&a, 4096, 0);
    int rc = store_answer(f->store, "c1", "platform:city", &a, &body, &f->err);
    assert_int_not_equal(rc, 0); /* without memory it is not known; never "there is none" */
    buf_puts(out, body);
    arena_done(&a);
    return rc < 0 ? rc : 0;
}
static int op_next(struct fx *f, struct buf *out) {
    struct outbox_row rows[4];
    struct arena a;
    const char *busy[] = {"01OTHER"};
    arena_init(&a, 4096, 0);
    int n = store_outbox_next(f->store, "city", T0 + 60000, busy, 1, 4, &a, rows, &f->err);
    for (int i = 0; i < n; i++)
        gf_ignore(on_row(out, &rows[i]));
    arena_done(&a);
    return n < 0 ? n : 0;
}
static int op_trim(struct fx *f, struct buf *out) {
    bool more = true;
    int rc = 0;
    (void)out;
    while (more && rc == 0)
        rc = store_trim(f->store, T0 + 10 * TIME_DAY, 50, &more, &f->err);
    return rc;
}
static int op_audit(struct fx *f, struct buf *out) {
    (void)out;
    return store_audit(f->store, T0 + 1, "uid:0", "reload", "again", &f->err);
}
static int op_resend(struct fx *f, struct buf *out) {
    size_t rows;
    (void)out;
    return store_outbox_resend(f->store, NULL, NULL, ~0u, "01DEAD", T0 + 5, &rows, &f->err);
}
static int op_outcomes(struct fx *f, struct buf *out) {
    const struct outbox_outcome items[] = {
        {.platform = "city", .incident = "01OPEN", .revision = 2, .result = OUTBOX_CONFIRMED, .at = T0 + 9},
        {.platform = "town",
         .incident = "01OPEN",
         .revision = 2,
         .result = OUTBOX_RETRY,
         .why = "later",
         .next_try = T0 + 99,
         .at = T0 + 9},
    };
    (void)out;
    return store_outbox_outcomes(f->store, items, 2, &f->err);
}
static int op_at_once(struct fx *f, struct buf *out) {
    (void)out;
    return store_outbox_at_once(f->store, "town", &f->err);
}
static int op_restamp(struct fx *f, struct buf *out) {
    (void)out;
    return store_restamp(f->store, 0, 3600000, &f->err);
}
static int op_checkpoint(struct fx *f, struct buf *out) {
    (void)out;
    return store_checkpoint_done(f->store, &f->err);
}
static int op_platforms(struct fx *f, struct buf *out) {
    static const char *const names[] = {"town", "village"};
    (void)out;
    return store_platforms(f->store, names, 2, &f->err);
}
static int op_reserve(struct fx *f, struct buf *out) {
    int rc = store_reserve_take(f->store, &f->err);
    if (rc == 0)
        buf_puts(out, store_reserve_give(f->store) ? "taken and given" : "not there");
    return rc;
}

/* Complete under its name, or not there. */
static int op_backup(struct fx *f, struct buf *out) {
    (void)unlink(side);
    int rc = store_backup(f->store, side, &f->err);
    long left = scarce_left;
    scarce_left = -1;
    if (rc < 0 && access(side, F_OK) == 0)
        fail_msg("a copy that failed (%s) is there all the same", f->err.text);
    if (rc == 0) {
        struct store_conf conf = {.path = side, .read_only = true};
        struct store *s = NULL;
        fx_ok(f, store_open(&conf, &f->err, &s));
        fx_ok(f, read_all(s, out, &f->err));
        store_close(s);
    }
    scarce_left = left;
    return rc;
}

/* A file that takes the place of a damaged one takes over what that one gives. */
static int op_salvage(struct fx *f, struct buf *out) {
    struct store_conf conf = {.path = side};
    struct store_salvaged got;
    struct store *s = NULL;
    (void)unlink(side);
    int rc = store_open(&conf, &f->err, &s);
    if (rc == 0)
        rc = store_salvage(s, f->path, &got, &f->err);
    /* Told to be complete, it is; otherwise it is as new, or what could be read. */
    long left = scarce_left;
    scarce_left = -1;
    if (rc == 0 && got.complete) {
        buf_printf(out, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", got.incidents, got.outbox, got.states, got.devices);
        fx_ok(f, store_each_incident(s, &everything, on_text, out, &f->err));
        fx_ok(f, store_each_state(s, on_state, out, &f->err));
    } else if (rc == 0) {
        rc = err_set(&f->err, GF_ENOMEM, "not complete, and said so");
    }
    store_close(s);
    scarce_left = left;
    return rc;
}

static const struct op ops[] = {
    {"open", op_open, true},
    {"read", op_read, true},
    {"query", op_query, true},
    {"info", op_info, true},
    {"ruleset", op_ruleset, true},
    {"answer", op_answer, true},
    {"next", op_next, true},
    {"backup", op_backup, true},
    {"salvage", op_salvage, true},
    {"reserve", op_reserve, true},
    {"trim", op_trim, false},
    {"audit", op_audit, false},
    {"resend", op_resend, false},
    {"outcomes", op_outcomes, false},
    {"at once", op_at_once, false},
    {"restamp", op_restamp, false},
    {"checkpoint", op_checkpoint, false},
    {"platforms", op_platforms, false},
};

/* -- the store that each try begins with ----------------------------------------------------------------------------------------- */

static struct buf template; /* the file's bytes */

static void fill(struct fx *f) {
    static const char rules[] = "a packed rule set";
    const struct outbox_outcome dead = {
        .platform = "city", .incident = "01DEAD", .revision = 1, .result = OUTBOX_DEAD, .why = "no", .at = T0};
    char text[64];
    for (int b = 0; b < 4; b++) {
        for (int i = 0; i < 20; i++) {
            (void)snprintf(text, sizeof text, "lamp-%d", i % 3);
            fx_event(f, T0 + b * 1000 + i, text, "{\"power_w\":0.5}");
        }
        (void)snprintf(text, sizeof text, "key-%d", b);
        fx_state(f, "lamp-out", 7, text, "{\"since\":1}");
        fx_device(f, text, "{\"seen\":1}");
        fx_ack(f, (uint16_t)(b + 1), (uint64_t)b);
        if (b == 0) {
            fx_answer(f, "c1", "platform:city", "{\"ok\":true}");
            fx_incident(f, "01DEAD", 1, SEVERITY_MINOR, 300)->platforms = 1;
            struct effect_incident *over = fx_incident(f, "01OVER", 1, SEVERITY_MINOR, 300);
            over->platforms = 0;
            over->condition = CONDITION_RESOLVED;
            over->handling = HANDLING_CLOSED;
            over->change = CHANGE_CLOSED;
        }
        if (b > 1)
            fx_incident(f, "01OPEN", (uint32_t)b - 1, SEVERITY_SEVERE, 500)->platforms = 3;
        fx_commit(f, T0 + b * 1000);
    }
    fx_ok(f, store_outbox_outcomes(f->store, &dead, 1, &f->err));
    fx_ok(f, store_audit(f->store, T0, "uid:0", "start", NULL, &f->err));
    struct store_ruleset set = {.hash = "abc", .at = T0, .who = "uid:0", .body = rules, .len = sizeof rules};
    struct store_batch batch = {.effects = &f->effects, .ruleset = &set, .mono = 5000, .wall = T0 + 5000};
    fx_ok(f, store_commit(f->store, &batch, &f->err));
}

static void keep_template(struct fx *f) {
    fx_close(f);
    buf_init(&template, 0);
    FILE *file = fopen(f->path, "re");
    assert_non_null(file);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;)
        buf_put(&template, part, n);
    (void)fclose(file);
    assert_false(template.failed);
}

static void put_template(struct fx *f) {
    char name[400];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof name, "%s%s", f->path, i ? "-shm" : "-wal");
        (void)unlink(name);
    }
    FILE *file = fopen(f->path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(template.data, 1, template.len, file), template.len);
    assert_int_equal(fclose(file), 0);
}

static void read_now(struct fx *f, struct buf *out) {
    buf_clear(out);
    fx_ok(f, read_all(f->store, out, &f->err));
    assert_false(out->failed);
}

/* -- the tries ------------------------------------------------------------------------------------------------------------------- */

static void every_allocation(struct fx *f, const struct op *op) {
    struct buf before, after, said, now, again;
    long n = 0, failures = 0;
    bool hit = true;
    buf_init(&before, 0);
    buf_init(&after, 0);
    buf_init(&said, 0);
    buf_init(&now, 0);
    buf_init(&again, 0);
    buf_fill(&said, ' ', 65536); /* what the test itself writes has room */
    buf_fill(&again, ' ', 65536);
    buf_clear(&said);
    const char *each = getenv("GENGFU_EACH");             /* really every one; else ever fewer of those that come late */
    for (; hit && n < MOST; n += each ? 1 : 1 + n / 20) { /* n = 0: nothing fails; it says what is right */
        put_template(f);
        fx_open(f);
        if (n == 0)
            read_now(f, &before);
        if (op == ops) /* not beside itself */
            fx_close(f);
        buf_clear(&again);
        f->err = (struct err){0};
        scarce_at(n);
        int rc = op->run(f, n == 0 ? &said : &again);
        hit = scarce_end() || n == 0;
        if (n == 0)
            fx_ok(f, rc);
        if (rc < 0 && f->err.text[0] == '\0')
            fail_msg("%s: allocation %ld: %d, and no sentence", op->name, n, rc);
        failures += rc < 0;
        if (op == ops)
            fx_open(f);
        if (n > 0 && rc == 0 && op->reads && strcmp(again.data, said.data) != 0)
            fail_msg("%s: allocation %ld: %s\ninstead of %s", op->name, n, again.data, said.data);
        read_now(f, n == 0 ? &after : &now);
        const char *want = rc == 0 && !op->reads ? after.data : before.data;
        bool right = n == 0 || strcmp(now.data, want) == 0 || (rc < 0 && strcmp(now.data, after.data) == 0);
        /* What goes by steps of its own (trimming) may have gone some of the way, and goes on. */
        if (!right && op->run == op_trim && rc < 0)
            right = true;
        if (!right)
            fail_msg("%s: allocation %ld (%d): %s\ninstead of %s", op->name, n, rc, now.data, want);
        if (rc < 0) {
            buf_clear(&again);
            if (op == ops)
                fx_close(f);
            fx_ok(f, op->run(f, &again));
            if (op == ops)
                fx_open(f);
            read_now(f, &now);
            if (strcmp(now.data, op->run == op_audit ? now.data : after.data) != 0)
                fail_msg("%s: allocation %ld: the second try leaves %s\ninstead of %s", op->name, n, now.data, after.data);
        }
        fx_close(f);
    }
    assert_true(n < MOST);
    if (scarce_works())
        print_message("%s: about %ld allocations, %ld tries failed and said so\n", op->name, n - 2, failures);
    buf_done(&before);
    buf_done(&after);
    buf_done(&said);
    buf_done(&now);
    buf_done(&again);
}

static void test_operations(void **state) {
    struct fx *f = *state;
    (void)snprintf(side, sizeof side, "%s/side.db", f->dir);
    f->conf.reserve_bytes = 65536;
    f->conf.journal_max_age = TIME_DAY;
    f->conf.closed_max_age = TIME_DAY;
    fx_reopen(f);
    fill(f);
    keep_template(f);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        every_allocation(f, &ops[i]);
    buf_done(&template);
}

int main(void) {
    if (access("/dev/shm", W_OK) == 0) /* thousands of commits; what a disk does is no matter here */
        (void)setenv("TMPDIR", "/dev/shm", 0);
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_operations, fx_setup, fx_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
