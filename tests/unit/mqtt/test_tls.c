/* SPDX-License-Identifier: Apache-2.0
 * TLS of the MQTT client: who is believed and who is not, client certificates, a port that speaks no TLS, messages that come together with the CONNACK. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker.h"
#include "certs.h"
#include "mqtt_fixture.h"

static struct certs certs;

static int group_setup(void **state) {
    (void)state;
    if (broker_installed())
        (void)certs_make(&certs);
    return 0;
}

static int group_teardown(void **state) {
    (void)state;
    if (certs.dir[0] != '\0')
        certs_done(&certs);
    return 0;
}

static void start(struct broker *b, const char *cert, const char *key, const char *more) {
    char settings[512];

    (void)snprintf(settings, sizeof(settings), "cafile %s\ncertfile %s\nkeyfile %s\n%s", certs.ca, cert, key, more);
    broker_start(b, settings);
}

static void trusted_server(void **state) {
    struct broker b;
    struct mfx fx;

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    start(&b, certs.server, certs.server_key, "");
    mfx_setup(&fx, b.port);
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = certs.ca};
    struct client *by_number = mfx_client(&fx, "one", true);

    fx.broker.host = "localhost";
    struct client *by_name = mfx_client(&fx, "two", true);

    client_start(by_number);
    client_start(by_name);
    assert_true(mfx_until(&fx, client_is_up, by_number));
    assert_true(mfx_until(&fx, client_is_up, by_name));
    assert_int_equal(by_number->downs, 0);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

/* One that must not be believed: not connected, and a sentence with `part` in it. */
static void refused_server(const char *cert, const char *key, const char *ca, const char *part) {
    struct broker b;
    struct mfx fx;

    start(&b, cert, key, "");
    mfx_setup(&fx, b.port);
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = ca};
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_int_equal(c->ups, 0);
    if (strstr(c->why, part) == NULL)
        fail_msg("why: %s", c->why);
    c->broker.tls.verify = false; /* so it was the verification */
    assert_true(mfx_until(&fx, client_is_up, c));
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void another_name(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    refused_server(certs.stranger, certs.stranger_key, certs.ca, "host name verification failed");
}

static void expired(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    refused_server(certs.expired, certs.expired_key, certs.ca, "certificate verify failed");
}

static void unknown_authority(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    refused_server(certs.server, certs.server_key, certs.other_ca, "certificate verify failed");
    refused_server(certs.server, certs.server_key, NULL, "certificate verify failed"); /* the system's authorities do not know ours */
}

static void client_certificate(void **state) {
    struct broker b;
    struct mfx fx;

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    start(&b, certs.server, certs.server_key, "require_certificate true\n");
    mfx_setup(&fx, b.port);
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = certs.ca};
    struct client *without = mfx_client(&fx, "one", true);

    fx.broker.tls.cert = certs.client;
    fx.broker.tls.key = certs.client_key;
    struct client *with = mfx_client(&fx, "two", true);

    client_start(without);
    client_start(with);
    assert_true(mfx_until(&fx, client_is_up, with));
    assert_true(mfx_until(&fx, client_is_down, without));
    assert_int_equal(without->ups, 0);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void files_that_are_not_there(void **state) {
    struct mfx fx;

    (void)state;
    mfx_setup(&fx, free_port());
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = "/no/such/ca.pem"};
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "/no/such/ca.pem"));
    mfx_teardown(&fx);
    mfx_done(&fx);
}

/* A plain port does not answer a TLS handshake; libmosquitto alone would spin on it. */
static void no_tls_there(void **state) {
    struct broker b;
    struct mfx fx;
    uv_rusage_t before, after;

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = certs.ca};
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_int_equal(uv_getrusage(&before), 0);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_int_equal(uv_getrusage(&after), 0);
    assert_int_equal(c->ups, 0);
    assert_true((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec - before.ru_utime.tv_usec < 2000000);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

/* A backlog on a resumed session follows the CONNACK in the same TLS records: every message must be found, without anything new arriving on the socket. */
static void backlog_inside_tls(void **state) {
    struct broker b;
    struct mfx fx;
    struct err err = {0};

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    start(&b, certs.server, certs.server_key, "");
    mfx_setup(&fx, b.port);
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = certs.ca};
    struct client *c = mfx_client(&fx, "keeper", false), *pub = mfx_client(&fx, "pub", true);

    assert_int_equal(mqtt_subscribe(c->mqtt, "k", 1, &err), 0);
    client_start(c);
    client_start(pub);
    assert_true(mfx_until(&fx, client_is_subscribed, c));
    assert_true(mfx_until(&fx, client_is_up, pub));
    client_stop(c);
    assert_true(mfx_until(&fx, client_is_closed, c));
    for (int i = 0; i < 3000; i++)
        client_publish(pub, "k", "a message that was sent while nobody listened", 1);
    assert_true(mfx_until(&fx, client_has_published, pub));
    struct client *again = mfx_client(&fx, "keeper", false);

    again->want = 3000;
    client_start(again);
    assert_true(mfx_until(&fx, client_has_messages, again));
    assert_int_equal(again->messages, 3000);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trusted_server),    cmocka_unit_test(another_name),       cmocka_unit_test(expired),
        cmocka_unit_test(unknown_authority), cmocka_unit_test(client_certificate), cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(no_tls_there),      cmocka_unit_test(backlog_inside_tls),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
