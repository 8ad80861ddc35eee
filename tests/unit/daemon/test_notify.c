/* SPDX-License-Identifier: Apache-2.0
 * What systemd hears: a socket of ours in its place, with a name and without a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon_int.h"

static int listen_on(const char *name) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(len < sizeof(a.sun_path));
    memcpy(a.sun_path, name, len);
    if (name[0] == '@')
        a.sun_path[0] = '\0';
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    (void)setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void hears(int fd, const char *beginning) {
    char text[600];
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    assert_true(n > 0);
    text[n] = '\0';
    if (strncmp(text, beginning, strlen(beginning)) != 0)
        fail_msg("heard '%s', not '%s'", text, beginning);
}

static void by_both_kinds_of_name(void **state) {
    char name[64];
    struct daemon *d = calloc(1, sizeof(*d));

    (void)state;
    assert_non_null(d);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof(name), "%sgengfu-notify-%d", i == 0 ? "/tmp/" : "@", (int)getpid());
        int fd = listen_on(name);

        notify_stopping(d);
        hears(fd, "STOPPING=1");
        notify_reloading(d);
        hears(fd, "RELOADING=1\nMONOTONIC_USEC=");
        (void)close(fd);
        if (i == 0)
            (void)unlink(name);
        notify_stopping(d); /* nobody listens any longer */
    }
    free(d);
}

static void nobody_is_fine(void **state) {
    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    notify_stopping(NULL);
    (void)setenv("NOTIFY_SOCKET", "relative/name", 1);
    notify_stopping(NULL);
    (void)setenv("NOTIFY_SOCKET", "", 1);
    notify_stopping(NULL);
}

static void watchdog_is_asked_for(void **state) {
    struct daemon *d = calloc(1, sizeof(*d));
    uv_loop_t loop;
    char pid[16];

    (void)state;
    assert_non_null(d);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_timer_init(&loop, &d->watchdog_timer), 0);
    (void)unsetenv("WATCHDOG_USEC");
    notify_watchdog_start(d);
    assert_false(uv_is_active((uv_handle_t *)&d->watchdog_timer));
    (void)setenv("WATCHDOG_USEC", "60000000", 1);
    (void)setenv("WATCHDOG_PID", "1", 1); /* meant for another */
    notify_watchdog_start(d);
    assert_false(uv_is_active((uv_handle_t *)&d->watchdog_timer));
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    (void)setenv("WATCHDOG_PID", pid, 1);
    notify_watchdog_start(d);
    assert_int_equal(uv_timer_get_repeat(&d->watchdog_timer), 20000);
    uv_close((uv_handle_t *)&d->watchdog_timer, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_both_kinds_of_name), cmocka_unit_test(nobody_is_fine),
                                       cmocka_unit_test(watchdog_is_asked_for)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
