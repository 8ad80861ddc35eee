/* SPDX-License-Identifier: Apache-2.0
 * Every allocation fails once on the way of an incident to an HTTPS platform: ours, libcurl's, OpenSSL's, libuv's. It arrives all the same, by the next try; it is never a dead letter, and never confirmed
 * without the platform having it. libuv ends the process where it has no way on; then it waits in the outbox. Each try is a process of its own. GENGFU_EACH=1 takes really each; else ever fewer of those that
 * come late, for a handshake alone makes thousands. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "certs.h"
#include "forward_fixture.h"
#include "gengfu/base/log.h"
#include "scarce.h"
#include "standin.h"

#define MOST 100000

/* What a child found, as its exit code. */
enum { FAILED_ONCE, NONE_LEFT, WRONG };

static struct certs certs;
static struct standin far;

static void put_secret(const struct ff *ff, char *path, size_t size, const char *name, const char *text) {
    (void)snprintf(path, size, "%s/%s", ff->dir, name);
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, 0600) < 0)
        _exit(WRONG);
}

static int wrong(const struct ff *ff, long n, const char *what) {
    (void)fprintf(stderr, "allocation %ld: %s (%s)\n", n, what, ff->why);
    return WRONG;
}

/* The whole of it: made anew, the incident waits, the n-th allocation from then on fails, and it goes on until it is there. */
static int one_try(long n, const char *id, int said) {
    struct ff ff;
    char url[128], token[160], secret[160];

    ff_setup(&ff);
    struct config_platform *p = ff_platform(&ff, "city", PLATFORM_HTTPS);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/in/incidents", far.port);
    put_secret(&ff, token, sizeof(token), "token", "t0ken\n");
    put_secret(&ff, secret, sizeof(secret), "secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    p->url = url;
    p->tls.ca = certs.ca;
    p->token_file = token;
    p->secret_file = secret;
    if (write(said, ff.path, strlen(ff.path)) < 0)
        return WRONG;
    ff_start(&ff);
    ff_incident(&ff, id, 1, SEVERITY_SEVERE);
    scarce_at(n);
    for (int i = 0; i < 200 && !scarce_hit; i++) {
        (void)uv_run(&ff.loop, UV_RUN_NOWAIT);
        (void)usleep(500);
        long left = scarce_left;
        scarce_left = -1; /* looking takes memory, too */
        bool there = ff_empty(&ff);
        scarce_left = left;
        if (there)
            break;
    }
    bool hit = scarce_end();
    bool there = false;
    for (int i = 0; i < 500 && !there; i++) { /* no waiting for the pauses */
        ff.wall_ahead += 1000;
        ff.forward->senders[0].hold = 0;
        (void)uv_timer_start(&ff.forward->turn, forward_on_turn, 0, 0);
        there = ff_until(&ff, ff_empty, 30);
    }
    if (!there)
        return wrong(&ff, n, ff_dead(&ff, "city") > 0 ? "a dead letter" : "it does not arrive");
    ff_teardown(&ff);
    return hit ? FAILED_ONCE : NONE_LEFT;
}

static void waits(const char *path, long n) {
    struct store_conf conf = {.path = path};
    struct store_outbox_counts counts;
    struct store *s = NULL;
    struct err err = {0};
    if (store_open(&conf, &err, &s) < 0 || store_outbox_counts(s, NULL, &counts, &err) < 0)
        fail_msg("allocation %ld: %s", n, err.text);
    store_close(s);
    if (counts.waiting != 1 || counts.dead != 0)
        fail_msg("allocation %ld: the process ended, and the incident waits no longer", n);
}

static void every_allocation(void **state) {
    const char *each = getenv("GENGFU_EACH");
    int ended = 0, rc = FAILED_ONCE, tries = 0;
    long n = 1;

    (void)state;
    if (!certs_make(&certs) || !standin_start(&far, certs.server, certs.server_key, NULL))
        skip();
    for (; rc != NONE_LEFT && n < MOST; n += each ? 1 : 1 + n / 16, tries++) {
        int ends[2], status = 0;
        char id[40], path[512] = "", *sent;

        (void)snprintf(id, sizeof(id), "01J00000000000000%09ld", n);
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)signal(SIGSEGV, SIG_DFL); /* cmocka's handler is for its own process */
            _exit(one_try(n, id, ends[1]));
        }
        (void)close(ends[1]);
        ssize_t len = read(ends[0], path, sizeof(path) - 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        (void)close(ends[0]);
        path[len > 0 ? len : 0] = '\0';
        rc = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) == SIGABRT ? FAILED_ONCE : WRONG;
        if (rc == WRONG)
            fail_msg("allocation %ld: status %x", n, (unsigned)status);
        if (WIFSIGNALED(status)) {
            ended++;
            waits(path, n);
            continue;
        }
        sent = standin_requests(&far);
        if (strstr(sent, id) == NULL)
            fail_msg("allocation %ld: the outbox is empty, and the platform has nothing", n);
        free(sent);
    }
    assert_true(n < MOST);
    if (scarce_works())
        assert_true(n > 100);
    print_message("about %ld allocations, %d tries, %d times the process ended itself\n", n, tries, ended);
    standin_done(&far);
    certs_done(&certs);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    log_open(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
