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
#include "gengfu/base/time.h"
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
    refused_server(certs.stranger, certs.stranger_key, certs.ca,
                   "is for another name (it is for other.example, and 127.0.0.1 is asked for)");
}

static void expired(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    refused_server(certs.expired, certs.expired_key, certs.ca, "has run out, or this machine's clock is wrong (it was good until 20");
}

static void unknown_authority(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    refused_server(certs.server, certs.server_key, certs.other_ca,
                   "from an authority that is not trusted here (tls.ca) (signed by /CN=gengfu test authority)");
    refused_server(certs.server, certs.server_key, NULL, "not trusted here"); /* the system's authorities do not know ours */
}

static void self_signed(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    refused_server(certs.own, certs.own_key, certs.ca, "self-signed and not one that is trusted");
}

/* Not even without verification. */
static void only_old_versions(void **state) {
    struct mfx fx;
    int port = free_port();

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    pid_t old = certs_old_server(&certs, port, "-tls1_1");

    mfx_setup(&fx, port);
    fx.broker.tls = (struct config_tls){.on = true, .ca = certs.ca};
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    if (strstr(c->why, "no version of TLS that is recent enough") == NULL)
        fail_msg("why: %s", c->why);
    mfx_teardown(&fx);
    mfx_done(&fx);
    certs_server_end(old);
}

static bool has_shaken_hands(struct client *c) { return c->mqtt->told.not_after != TIME_NONE; }

/* The least version can be set upward: a broker that speaks 1.2 at most is refused then. */
static void least_version(void **state) {
    struct mfx fx;
    int port = free_port();

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    pid_t old = certs_old_server(&certs, port, "-tls1_2");

    mfx_setup(&fx, port);
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = certs.ca, .min_version = TLS_1_3};
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_false(has_shaken_hands(c));
    if (strstr(c->why, "no version of TLS that is recent enough") == NULL)
        fail_msg("why: %s", c->why);
    c->broker.tls.min_version = TLS_1_2;
    assert_true(mfx_until(&fx, has_shaken_hands, c));
    mfx_teardown(&fx);
    mfx_done(&fx);
    certs_server_end(old);
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
    if (strstr(without->why, "wants a certificate of ours") == NULL && strstr(without->why, "or wants one") == NULL)
        fail_msg("why: %s", without->why);
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

static void move(const char *from, const char *to) { assert_int_equal(rename(from, to), 0); }

/* A certificate is renewed as certbot and others do it: new files over the old ones, one after the other, while messages come. */
static void renewed_client_certificate(void **state) {
    struct broker b;
    struct mfx fx;
    struct err err = {0};
    char log[128], from[2][128];

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    start(&b, certs.server, certs.server_key, "require_certificate true\nuse_identity_as_username true\nlog_type all\n");
    mfx_setup(&fx, b.port);
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = certs.ca, .cert = certs.client, .key = certs.client_key};
    struct client *pub = mfx_client(&fx, "pub", true), *c = mfx_client(&fx, "keeper", false);

    assert_int_equal(mqtt_subscribe(c->mqtt, "k", 1, &err), 0);
    client_start(c);
    client_start(pub);
    assert_true(mfx_until(&fx, client_is_subscribed, c));
    assert_true(mfx_until(&fx, client_is_up, pub));
    assert_false(mqtt_renew(c->mqtt));
    certs_leaf(&certs, "second", "DNS:gateway.example", "30");
    for (int i = 0; i < 2; i++)
        (void)snprintf(from[i], sizeof(from[i]), "%s/second.%s", certs.dir, i == 0 ? "pem" : "key");
    for (int i = 0; i < 500; i++)
        client_publish(pub, "k", "a message", 1);
    move(from[0], certs.client);
    assert_false(mqtt_renew(c->mqtt)); /* half of a renewal: what works goes on, and it is said once */
    if (strstr(c->notice, "is not the key of") == NULL)
        fail_msg("notice: %s", c->notice);
    c->notice[0] = '\0';
    assert_false(mqtt_renew(c->mqtt));
    assert_string_equal(c->notice, "");
    move(from[1], certs.client_key);
    for (int i = 0; i < 500; i++)
        client_publish(pub, "k", "a message", 1);
    assert_true(mqtt_renew(c->mqtt));
    assert_int_equal(c->downs, 1);
    c->want = 1000;
    assert_true(mfx_until(&fx, client_has_messages, c));
    assert_int_equal(c->ups, 2);
    assert_true(c->session_present);
    assert_false(mqtt_renew(c->mqtt));
    mfx_teardown(&fx);
    mfx_done(&fx);
    (void)snprintf(log, sizeof(log), "grep -q \"keeper .*u'gengfu test second'\" %s/log", b.dir);
    assert_int_equal(system(log), 0);
    broker_done(&b);
    certs_leaf(&certs, "client", "DNS:gateway.example", "30"); /* for the tests behind this one */
}

/* Nobody has to say so: the keepalive looks. And a password is as good as a certificate. */
static void renewed_password_by_itself(void **state) {
    struct mfx fx;
    struct broker b;
    char path[128], fresh[128];

    (void)state;
    broker_start(&b, "");
    (void)snprintf(path, sizeof(path), "%s/password", b.dir);
    (void)snprintf(fresh, sizeof(fresh), "%s/password.new", b.dir);
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(i == 0 ? path : fresh, "we");

        assert_non_null(f);
        (void)fprintf(f, "secret %d\n", i);
        assert_int_equal(fchmod(fileno(f), 0600), 0);
        (void)fclose(f);
    }
    mfx_setup(&fx, b.port);
    fx.broker.user = "gengfu";
    fx.broker.password_file = path;
    struct client *c = mfx_client(&fx, "one", true);

    c->broker.keepalive = 5;
    client_start(c);
    assert_true(mfx_until(&fx, client_is_up, c));
    move(fresh, path);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "renewed"));
    assert_true(mfx_until(&fx, client_is_up, c));
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

/* A key that everybody may read is not used. */
static void loose_key(void **state) {
    struct mfx fx;

    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    assert_int_equal(chmod(certs.client_key, 0644), 0);
    mfx_setup(&fx, free_port());
    fx.broker.tls = (struct config_tls){.on = true, .verify = true, .ca = certs.ca, .cert = certs.client, .key = certs.client_key};
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "chmod"));
    assert_int_equal(chmod(certs.client_key, 0600), 0);
    mfx_teardown(&fx);
    mfx_done(&fx);
}

static void dates(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    int64_t now = clock_wall(), at = tls_file_not_after(certs.server), past = tls_file_not_after(certs.expired);

    assert_true(at > now + 29 * TIME_DAY && at < now + 31 * TIME_DAY);
    assert_true(past < now && past > now - 3 * TIME_DAY);
    assert_true(tls_not_after("no certificate", 14) == TIME_NONE && tls_file_not_after(NULL) == TIME_NONE &&
                tls_file_not_after(certs.server_key) == TIME_NONE);
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
        cmocka_unit_test(trusted_server),
        cmocka_unit_test(another_name),
        cmocka_unit_test(expired),
        cmocka_unit_test(unknown_authority),
        cmocka_unit_test(self_signed),
        cmocka_unit_test(only_old_versions),
        cmocka_unit_test(least_version),
        cmocka_unit_test(client_certificate),
        cmocka_unit_test(renewed_client_certificate),
        cmocka_unit_test(renewed_password_by_itself),
        cmocka_unit_test(loose_key),
        cmocka_unit_test(dates),
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(no_tls_there),
        cmocka_unit_test(backlog_inside_tls),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
