/* SPDX-License-Identifier: Apache-2.0
 * Log lines as they arrive on standard error, and the trace ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gengfu/base/log.h"
#include "gengfu/base/text.h"

/* Runs `work` in a child whose standard error is a pipe; what it wrote comes back. */
static char *run(void (*work)(void), int *ret_status) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fds[1], 2);
        work();
        _exit(0);
    }
    (void)close(fds[1]);
    struct buf b;
    buf_init(&b, 0);
    char chunk[4096];
    for (ssize_t n; (n = read(fds[0], chunk, sizeof chunk)) > 0;)
        buf_put(&b, chunk, (size_t)n);
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, ret_status, 0), pid);
    return buf_take(&b, NULL);
}

static void some_lines(void) {
    (void)unsetenv("JOURNAL_STREAM");
    log_open(LOG_LEVEL_INFO);
    errno = ENOENT;
    log_info("device '%s' says \x1b[31m\n红", "lamp\r7");
    log_debug("not shown");
    log_error("bad %s", "\xff");
    if (errno != ENOENT)
        log_error("errno was lost");
}

static void plain(void **state) {
    (void)state;
    int status;
    char *out = run(some_lines, &status);
    assert_int_equal(status, 0);
    assert_non_null(strstr(out, "Z info: device 'lamp?7' says ?[31m?红\n"));
    assert_non_null(strstr(out, "Z error: bad \xef\xbf\xbd\n"));
    assert_null(strstr(out, "not shown"));
    assert_null(strstr(out, "errno was lost"));
    free(out);
}

static void journal_lines(void) {
    (void)setenv("JOURNAL_STREAM", "8:12345", 1);
    log_open(LOG_LEVEL_DEBUG);
    log_warn("first");
    log_debug("second");
}

static void journal(void **state) {
    (void)state;
    int status;
    char *out = run(journal_lines, &status);
    assert_string_equal(out, "<4>first\n<7>second\n");
    free(out);
}

static void long_line(void) {
    char text[9000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "灯", 3);
    text[sizeof text - 1] = text[sizeof text - 2] = text[sizeof text - 3] = 0;
    log_open(LOG_LEVEL_INFO);
    log_info("x%s", text);
}

static void long_lines_are_cut(void **state) {
    (void)state;
    int status;
    char *out = run(long_line, &status);
    assert_int_equal(status, 0);
    assert_true(strlen(out) < 1300 && strlen(out) > 900);
    assert_true(utf8_valid(out, strlen(out)));
    free(out);
}

static void dies(void) {
    log_open(LOG_LEVEL_ERROR);
    for (int i = 0; i < 3 * TRACE_RING / 2; i++)
        log_debug("step %d", i);
    abort();
}

static void abort_shows_the_trace(void **state) {
    (void)state;
    int status;
    char *out = run(dies, &status), text[40];
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    (void)snprintf(text, sizeof text, "debug: step %d\n", 3 * TRACE_RING / 2 - 1);
    assert_non_null(strstr(out, text));
    (void)snprintf(text, sizeof text, "debug: step %d\n", TRACE_RING / 2 - 1);
    assert_null(strstr(out, text)); /* older than the ring */
    free(out);
}

static void ring(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    log_open(LOG_LEVEL_ERROR);
    for (int i = 0; i < TRACE_RING + 5; i++)
        log_info("line %d", i);
    trace_dump(&b);
    size_t lines = 0;
    for (size_t i = 0; i < b.len; i++)
        lines += b.data[i] == '\n';
    assert_int_equal(lines, TRACE_RING);
    assert_non_null(strstr(b.data, "info   line 5\n"));
    assert_null(strstr(b.data, "line 4\n"));
    buf_done(&b);
}

static void levels(void **state) {
    (void)state;
    enum log_level l = LOG_LEVEL_ERROR;
    assert_true(log_parse_level("debug", &l));
    assert_int_equal(l, LOG_LEVEL_DEBUG);
    assert_true(log_parse_level("warning", &l));
    assert_int_equal(l, LOG_LEVEL_WARN);
    assert_false(log_parse_level("loud", &l));
    assert_int_equal(l, LOG_LEVEL_WARN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain), cmocka_unit_test(journal), cmocka_unit_test(long_lines_are_cut), cmocka_unit_test(abort_shows_the_trace),
        cmocka_unit_test(ring),  cmocka_unit_test(levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
