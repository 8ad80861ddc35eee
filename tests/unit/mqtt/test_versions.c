/* SPDX-License-Identifier: Apache-2.0
 * Brokers that do not speak MQTT 5, each in its own way, played by a small process; and brokers that say nothing at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "mqtt_fixture.h"

enum manner {
    OLD_REFUSES,   /* 3.1.1's CONNACK, "unacceptable protocol version", to version 5 */
    NEW_REFUSES,   /* version 5's CONNACK with 0x84 */
    OLD_CLOSES,    /* closes without a word on version 5 */
    ALWAYS_CLOSES, /* on any */
    FIRST_CLOSES,  /* closes the first connection, and speaks 5 from then on */
    FORGETS_SOON   /* speaks 5, and keeps a session for a minute */
};

static bool read_exactly(int fd, unsigned char *out, size_t n) {
    for (size_t got = 0; got < n;) {
        ssize_t r = read(fd, out + got, n - got);

        if (r <= 0)
            return false;
        got += (size_t)r;
    }
    return true;
}

/* CONNECT's level, or -1. */
static int read_connect(int fd) {
    unsigned char head[2], rest[256];

    if (!read_exactly(fd, head, 2) || head[0] != 0x10 || head[1] >= 128 || !read_exactly(fd, rest, head[1]))
        return -1;
    return rest[6];
}

static void serve(int listener, enum manner manner) {
    static const unsigned char old_refusal[] = {0x20, 2, 0, 1}, new_refusal[] = {0x20, 3, 0, 0x84, 0}, old_welcome[] = {0x20, 2, 0, 0},
                               new_welcome[] = {0x20, 3, 0, 0, 0}, short_welcome[] = {0x20, 8, 0, 0, 5, 0x11, 0, 0, 0, 60};

    for (int n = 0;; n++) {
        int fd = accept(listener, NULL, NULL);
        int level = read_connect(fd);
        unsigned char byte;
        bool stay = false;

        if (manner == ALWAYS_CLOSES || (manner == FIRST_CLOSES && n == 0) || level < 0) {
        } else if (level == 5 && manner == OLD_REFUSES) {
            (void)!write(fd, old_refusal, sizeof(old_refusal));
        } else if (level == 5 && manner == NEW_REFUSES) {
            (void)!write(fd, new_refusal, sizeof(new_refusal));
        } else if (level == 4) {
            stay = write(fd, old_welcome, sizeof(old_welcome)) > 0;
        } else if (level == 5 && manner == FIRST_CLOSES) {
            stay = write(fd, new_welcome, sizeof(new_welcome)) > 0;
        } else if (level == 5 && manner == FORGETS_SOON) {
            stay = write(fd, short_welcome, sizeof(short_welcome)) > 0;
        }
        while (stay && read(fd, &byte, 1) == 1) {
        }
        (void)close(fd);
    }
}

static pid_t play(enum manner manner, int *ret_port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        serve(listener, manner);
        _exit(0);
    }
    (void)close(listener);
    *ret_port = ntohs(a.sin_port);
    return pid;
}

static void end(pid_t pid) {
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void comes_up_as(enum manner manner, int protocol) {
    struct mfx fx;
    int port;
    pid_t pid = play(manner, &port);

    mfx_setup(&fx, port);
    struct client *c = mfx_client(&fx, "one", false);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_up, c));
    assert_int_equal(mqtt_protocol(c->mqtt), protocol);
    mfx_teardown(&fx);
    mfx_done(&fx);
    end(pid);
}

static void an_old_broker_refuses(void **state) {
    (void)state;
    comes_up_as(OLD_REFUSES, 4);
}

static void a_new_broker_refuses(void **state) {
    (void)state;
    comes_up_as(NEW_REFUSES, 4);
}

static void an_old_broker_closes(void **state) {
    (void)state;
    comes_up_as(OLD_CLOSES, 4);
}

static void one_loss_is_no_refusal(void **state) {
    (void)state;
    comes_up_as(FIRST_CLOSES, 5);
}

static bool noticed(struct client *c) { return c->notice[0] != '\0'; }

static void a_session_that_is_kept_for_less_is_said(void **state) {
    struct mfx fx;
    int port;
    pid_t pid = play(FORGETS_SOON, &port);

    (void)state;
    mfx_setup(&fx, port);
    struct client *c = mfx_client(&fx, "one", false);

    client_start(c);
    assert_true(mfx_until(&fx, noticed, c));
    assert_non_null(strstr(c->notice, "for 1m only, not for 1h"));
    mfx_teardown(&fx);
    mfx_done(&fx);
    end(pid);
}

static bool tried_five_times(struct client *c) { return c->downs >= 5; }

/* Closing says nothing of versions: both are tried in turn. */
static void always_closing(void **state) {
    struct mfx fx;
    int port;
    pid_t pid = play(ALWAYS_CLOSES, &port);

    (void)state;
    mfx_setup(&fx, port);
    struct client *c = mfx_client(&fx, "one", false);

    client_start(c);
    assert_true(mfx_until(&fx, tried_five_times, c));
    assert_non_null(strstr(c->why, "closed the connection without an answer to CONNECT"));
    assert_int_equal(mqtt_protocol(c->mqtt), 5);
    mfx_teardown(&fx);
    mfx_done(&fx);
    end(pid);
}

static void version_4_by_configuration(void **state) {
    struct broker b;
    struct mfx fx;
    struct err err = {0};

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    fx.broker.protocol = 4;
    struct client *c = mfx_client(&fx, "one", false);

    assert_int_equal(mqtt_subscribe(c->mqtt, "a", 1, &err), 0);
    client_start(c);
    assert_true(mfx_until(&fx, client_is_subscribed, c));
    assert_int_equal(mqtt_protocol(c->mqtt), 4);
    c->want = 100;
    for (int i = 0; i < 100; i++)
        assert_int_equal(mqtt_publish(c->mqtt, "a", "x", 1, 1, false, NULL, &err), 0);
    assert_true(mfx_until(&fx, client_has_messages, c));
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void configuration_is_checked(void **state) {
    static const struct mqtt_ops ops = {0};
    struct config_mqtt good = {.host = "h", .port = 1883, .protocol = 5, .keepalive = 60, .client_id = "c"}, c;
    struct mqtt_conf conf = {.broker = &c};
    struct err err = {0};
    struct mqtt *m = NULL;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    c = good;
    c.host = "";
    assert_int_equal(mqtt_new(&loop, &conf, &ops, NULL, &err, &m), GF_EINVAL);
    c = good;
    c.port = 0;
    assert_int_equal(mqtt_new(&loop, &conf, &ops, NULL, &err, &m), GF_EINVAL);
    c = good;
    c.protocol = 3;
    assert_int_equal(mqtt_new(&loop, &conf, &ops, NULL, &err, &m), GF_EINVAL);
    c = good;
    c.client_id = NULL;
    assert_int_equal(mqtt_new(&loop, &conf, &ops, NULL, &err, &m), GF_EINVAL);
    assert_null(m);
    c = good;
    assert_int_equal(mqtt_new(&loop, &conf, &ops, NULL, &err, &m), 0);
    mqtt_free(m); /* never started */
    mqtt_free(NULL);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_broker_refuses),
        cmocka_unit_test(a_new_broker_refuses),
        cmocka_unit_test(an_old_broker_closes),
        cmocka_unit_test(one_loss_is_no_refusal),
        cmocka_unit_test(a_session_that_is_kept_for_less_is_said),
        cmocka_unit_test(always_closing),
        cmocka_unit_test(version_4_by_configuration),
        cmocka_unit_test(configuration_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
