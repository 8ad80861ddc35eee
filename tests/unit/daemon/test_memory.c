/* SPDX-License-Identifier: Apache-2.0
 * Every allocation fails once while the whole daemon is at work: a message on its way to the disk, a platform's command, a revision on its way to the platform, a request at the control socket. SQLite, libuv and cJSON ask
 * the same malloc. Either the thing was done, or it was not and is done on the next try; the daemon may end itself when its effects are incomplete (then a new start goes on from the last commit), but it never
 * acknowledges what is not there, never counts twice, never leaves a client without an end. Each try runs in a process of its own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon_fixture.h"
#include "forward/forward_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "scarce.h"

#define MOST 20000 /* allocations of one step, at the most */

/* What a child found, as its exit code. */
enum { FAILED_ONCE, NONE_LEFT, GAVE_UP, WRONG };

static struct dfx fx;

static void wrong(const char *what, long n, const char *detail) {
    (void)fprintf(stderr, "allocation %ld: %s: %s\n", n, what, detail);
    _exit(WRONG);
}

/* -- what is in the store ------------------------------------------------------------------------------------------------------- */

static int add_incident(void *ctx, const char *name, const char *body, size_t len) {
    struct arena a;
    const cJSON *doc;
    (void)name;
    arena_init(&a, 4096, 0);
    if (json_parse(&a, body, len, NULL, &doc) == 0)
        buf_printf(ctx, "%s %s r%lld x%lld %s; ", json_str(doc, "number", "?"), json_str(doc, "rule", "?"),
                   (long long)json_int(doc, "revision", -1), (long long)json_int(doc, "count", -1), json_str(doc, "handling", "?"));
    arena_done(&a);
    return 0;
}

static int add_event(void *ctx, int64_t row, int64_t time, int64_t arrived, const char *body, size_t len) {
    (void)row;
    (void)time;
    (void)arrived;
    const char *from = memmem(body, len, "\"s\":", 4); /* behind the time */
    if (from)
        buf_put(ctx, from, len - (size_t)(from - body));
    buf_puts(ctx, " ");
    return 0;
}

static void digest(struct buf *out) {
    struct store_query all = {.since = TIME_NONE};
    struct store_outbox_counts counts;
    struct err err = {0};
    buf_clear(out);
    if (store_each_event(fx.d->store, TIME_NONE, TIME_NONE, NULL, add_event, out, &err) < 0 ||
        store_each_incident(fx.d->store, &all, add_incident, out, &err) < 0 || store_outbox_counts(fx.d->store, NULL, &counts, &err) < 0)
        wrong("the store cannot be read", 0, err.text);
    buf_printf(out, "outbox %zu", counts.waiting + counts.dead);
}

/* -- the daemon under test ------------------------------------------------------------------------------------------------------ */

static void start(void) {
    struct err err = {0};
    if (dfx_start(&fx, &err) < 0)
        wrong("start", 0, err.text);
    still_up(dfx_broker(&fx), true, true);
    dfx_turn(&fx, 2);
}

static const char forced[] = "{\"open\":true,\"who\":\"x\"}";

static bool deliver(uint16_t mid) {
    struct mqtt_message m = {.mid = mid, .topic = "door/door-1", .payload = forced, .len = sizeof forced - 1, .qos = 1};
    still_message(dfx_broker(&fx), &m);
    return still_batch(dfx_broker(&fx));
}

static void before_message(void) {} /* the first message ever finds everything to be made */
static void before_requests(void) { (void)deliver(1); }

static void step_message(long n) {
    scarce_at(n);
    bool acknowledged = deliver(2);
    (void)scarce_end();
    for (int i = 0; !acknowledged && i < 3; i++) { /* what the retry timer does after a second */
        ingest_retry(fx.d->ingest);
        acknowledged = still_released(dfx_broker(&fx));
    }
    if (!acknowledged)
        wrong("never acknowledged", n, fx.d->stuck_why);
}

/* Redelivered to a daemon that ended itself, or was killed after its answer: counted once. */
static void again_message(void) {
    if (!deliver(2))
        wrong("not acknowledged after a new start", 0, fx.d->stuck_why);
}

static char answer[4096];
static size_t nanswers, nincidents;

static void on_publish(struct mqtt *m, const char *topic, const char *payload, size_t len) {
    (void)m;
    if (strcmp(topic, "gengfu/gw/answers") == 0) {
        (void)snprintf(answer, sizeof answer, "%.*s", (int)len, payload);
        nanswers++;
    } else {
        nincidents++;
    }
}

static void before_command(void) {
    (void)deliver(1);
    still_up(dfx_city(&fx), true, true);
    dfx_turn(&fx, 3);
}

static const char acknowledge[] = "{\"id\":\"c1\",\"incident\":\"gw-20260110-0001\",\"action\":\"acknowledge\",\"by\":\"zhang\"}";

static void step_command(long n) {
    nanswers = 0;
    scarce_at(n);
    dfx_platform(&fx, "commands", acknowledge, sizeof acknowledge - 1);
    (void)scarce_end();
    if (nanswers > 0 && strstr(answer, "\"ok\":true"))
        return;
    for (int i = 0; i < 3 && !(nanswers > 0 && strstr(answer, "\"ok\":true")); i++) {
        if (fx.d->stuck)
            ingest_retry(fx.d->ingest);
        if (fx.d->stuck)
            gf_ignore(pipeline_commit(fx.d));
        dfx_platform(&fx, "commands", acknowledge, sizeof acknowledge - 1);
    }
    if (!strstr(answer, "\"ok\":true"))
        wrong("the command is not taken on the next try", n, answer);
}

static void again_command(void) {
    still_up(dfx_city(&fx), true, true);
    dfx_turn(&fx, 2);
    step_command(0);
}

static void before_forward(void) {
    (void)deliver(1);
    dfx_turn(&fx, 3);
    nincidents = 0;
}

static void receipt(void) {
    static const char text[] = "[{\"incident\":\"%s\",\"revision\":1}]";
    char json[128];
    struct buf ids;
    struct store_query all = {.since = TIME_NONE};
    struct err err = {0};
    buf_init(&ids, 4096);
    if (store_each_incident(fx.d->store, &all, add_incident, &ids, &err) == 0) {
        struct sender *s = &fx.d->forward->senders[0];
        for (size_t i = 0; i < s->nslots; i++)
            if (s->slots[i].state == SLOT_FLYING) {
                (void)snprintf(json, sizeof json, text, s->slots[i].incident);
                dfx_platform(&fx, "receipts", json, strlen(json));
            }
    }
    buf_done(&ids);
}

/* The platform comes up, is sent what waits, and confirms it. */
static void step_forward(long n) {
    struct sender *s = &fx.d->forward->senders[0];
    struct store_outbox_counts counts = {.waiting = 1};
    struct err err = {0};
    scarce_at(n);
    still_up(dfx_city(&fx), true, true);
    dfx_turn(&fx, 3);
    still_published(dfx_city(&fx), true);
    receipt();
    dfx_turn(&fx, 3);
    (void)scarce_end();
    for (int i = 0; i < 5; i++) { /* after the pauses */
        fx.d->clock.wall_start += 600000;
        s->hold = 0;
        fx.d->forward->store_trouble = false;
        (void)uv_timer_start(&fx.d->forward->turn, forward_on_turn, 0, 0);
        dfx_turn(&fx, 3);
        still_published(dfx_city(&fx), true);
        receipt();
        dfx_turn(&fx, 3);
    }
    if (store_outbox_counts(fx.d->store, "city", &counts, &err) < 0 || counts.waiting + counts.dead > 0 || nincidents == 0)
        wrong("an incident never reached the platform", n, s->why);
}

static void again_forward(void) {
    nincidents = 1;
    step_forward(0);
}

/* One request over the socket; false: closed without an end. */
static bool ask(const char *request, struct buf *got) {
    int fd = dfx_connect(&fx);
    char part[4096];
    bool sent = false, closed = false;
    buf_clear(got);
    for (int idle = 0; idle < 4 && !closed;) {
        dfx_turn(&fx, 1);
        if (!sent)
            sent = send(fd, request, strlen(request), MSG_NOSIGNAL) > 0;
        ssize_t n = recv(fd, part, sizeof part, MSG_DONTWAIT);
        idle = n > 0 ? 0 : idle + 1;
        closed = n == 0;
        long left = scarce_left;
        scarce_left = -1; /* the client has memory */
        if (n > 0)
            buf_put(got, part, (size_t)n);
        scarce_left = left;
    }
    (void)close(fd);
    dfx_turn(&fx, 3);
    return got->len > 0 && strstr(got->data, "\"end\":true") != NULL;
}

static const char *const requests[] = {"status", "incidents", "devices", "sources", "rules", "outbox"};

static void step_requests(long n) {
    struct buf whole, got;
    char request[128];
    buf_init(&whole, 1 << 20);
    buf_init(&got, 1 << 20);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        (void)snprintf(request, sizeof request, "{\"do\":\"%s\"}\n", requests[i]);
        if (!ask(request, &whole) || !strstr(whole.data, "\"code\":0}"))
            wrong("without scarcity", n, requests[i]);
        long blocks = scarce_live;
        bool hit = true;
        for (long k = 1; hit && k < MOST; k += n) {
            scarce_at(k);
            bool ended = ask(request, &got);
            hit = scarce_end();
            /* With the whole answer, or with an error, or cut off before it: never the good end of half an answer. */
            bool good = ended && strstr(got.data, "\"code\":0}") != NULL;
            if (good && strcmp(requests[i], "status") != 0 && strcmp(got.data, whole.data) != 0)
                wrong("half an answer with a good end", k, requests[i]);
            if (!ask(request, &got) || !strstr(got.data, "\"code\":0}"))
                wrong("the daemon does not answer any more", k, requests[i]);
        }
        if (scarce_live > blocks + 8)
            wrong("something stays behind", scarce_live - blocks, requests[i]);
    }
    buf_done(&whole);
    buf_done(&got);
}

/* -- the tries ------------------------------------------------------------------------------------------------------------------ */

struct step {
    void (*before)(void);
    void (*step)(long n);
    void (*again)(void); /* after a new start */
};

/* In a process of its own: the n-th allocation of the step fails; n 0: none. Its digest goes to the pipe. */
static int in_child(const struct step *s, long n, bool fresh, struct buf *ret) {
    int ends[2], status = 0;
    char part[4096];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct buf said;
        (void)close(ends[0]);
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka's handler is for its own process */
        still_on_publish = on_publish;
        buf_init(&said, 1 << 20);
        start();
        if (fresh)
            s->before();
        if (fresh)
            s->step(n);
        else
            s->again();
        bool hit = scarce_hit;
        digest(&said);
        (void)!write(ends[1], said.data, said.len);
        buf_done(&said);
        dfx_stop(&fx);
        _exit(hit ? FAILED_ONCE : NONE_LEFT);
    }
    (void)close(ends[1]);
    buf_clear(ret);
    for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;)
        buf_put(ret, part, (size_t)got);
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) == SIGABRT ? GAVE_UP : WRONG;
}

static void every_allocation(const struct step *s) {
    struct buf want, got;
    int gave_up = 0, rc = FAILED_ONCE;
    long n = 1;
    buf_init(&want, 1 << 20);
    buf_init(&got, 1 << 20);
    dfx_init(&fx, NULL);
    assert_int_equal(in_child(s, 0, true, &want), NONE_LEFT);
    dfx_done(&fx);
    for (; rc != NONE_LEFT && n < MOST; n += getenv("GENGFU_FEW") ? 1 + n / 5 : 1) {
        dfx_init(&fx, NULL);
        rc = in_child(s, n, true, &got);
        if (rc == GAVE_UP) {
            gave_up++;
            if (in_child(s, 0, false, &got) != NONE_LEFT)
                fail_msg("allocation %ld: no new start after the end", n);
        } else if (rc == WRONG) {
            fail_msg("allocation %ld", n);
        }
        if (strcmp(got.data, want.data) != 0)
            fail_msg("allocation %ld (%d): %s\ninstead of %s", n, rc, got.data, want.data);
        dfx_done(&fx);
    }
    assert_true(n < MOST);
    if (scarce_works())
        assert_true(n > 20);
    print_message("%ld allocations, %d new starts\n", n - 2, gave_up);
    buf_done(&want);
    buf_done(&got);
}

static void test_message(void **state) {
    (void)state;
    every_allocation(&(struct step){before_message, step_message, again_message});
}
static void test_command(void **state) {
    (void)state;
    every_allocation(&(struct step){before_command, step_command, again_command});
}
static void test_forward(void **state) {
    (void)state;
    every_allocation(&(struct step){before_forward, step_forward, again_forward});
}
static void test_requests(void **state) {
    struct buf got;
    (void)state;
    buf_init(&got, 1 << 20);
    dfx_init(&fx, NULL);
    assert_int_equal(in_child(&(struct step){before_requests, step_requests, NULL}, 1, true, &got) & ~NONE_LEFT, FAILED_ONCE);
    dfx_done(&fx);
    buf_done(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_message), cmocka_unit_test(test_command), cmocka_unit_test(test_forward),
                                       cmocka_unit_test(test_requests)};
    log_open(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
