/* SPDX-License-Identifier: Apache-2.0
 * The deferred acknowledgement: what is not released comes again, what is released does not; holding, releasing, losing the link meanwhile; the coalescing wait. And passwords by file. */
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
#include "gengfu/mqtt/secret.h"
#include "mqtt_fixture.h"

static struct broker b;
static struct mfx fx;
static struct client *c, *pub;

static void publish(int n) {
    for (int i = 0; i < n; i++)
        client_publish(pub, "k", "message", 1);
    assert_true(mfx_until(&fx, client_has_published, pub));
}

static bool is_subscribed_in_a_hurry(struct client *x) {
    mqtt_hurry(x->mqtt); /* the SUBACK waits as everything else */
    return client_is_subscribed(x);
}

static bool begin(int64_t coalesce) {
    struct err err = {0};

    if (!broker_installed())
        return false;
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    fx.conf.coalesce = coalesce;
    c = mfx_client(&fx, "keeper", false);
    pub = mfx_client(&fx, "pub", true);
    assert_int_equal(mqtt_subscribe(c->mqtt, "k", 1, &err), 0);
    client_start(c);
    client_start(pub);
    assert_true(mfx_until(&fx, is_subscribed_in_a_hurry, c));
    assert_true(mfx_until(&fx, client_is_up, pub));
    return true;
}

static void end(void) {
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void held_is_not_acknowledged(void **state) {
    (void)state;
    if (!begin(0))
        skip();
    c->hold = true;
    publish(1);
    c->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, c));
    publish(5);
    mfx_run(&fx, 200);
    assert_int_equal(c->messages, 1); /* nothing more is read */
    client_stop(c);
    assert_true(mfx_until(&fx, client_is_closed, c));
    struct client *again = mfx_client(&fx, "keeper", false);

    again->want = 6;
    client_start(again);
    assert_true(mfx_until(&fx, client_has_messages, again));
    mfx_run(&fx, 100);
    assert_int_equal(again->messages, 6); /* the unacknowledged one as well */
    client_stop(again);
    assert_true(mfx_until(&fx, client_is_closed, again));
    struct client *third = mfx_client(&fx, "keeper", false);

    client_start(third);
    assert_true(mfx_until(&fx, client_is_up, third));
    mfx_run(&fx, 200);
    assert_int_equal(third->messages, 0); /* those were */
    end();
}

static void released_goes_on(void **state) {
    (void)state;
    if (!begin(0))
        skip();
    c->hold = true;
    publish(3);
    c->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, c));
    mfx_run(&fx, 50);
    c->hold = false;
    mqtt_release(c->mqtt);
    mqtt_release(c->mqtt); /* once too often does nothing */
    publish(3);
    c->want = 6;
    assert_true(mfx_until(&fx, client_has_messages, c));
    assert_int_equal(c->downs, 0);
    mqtt_release(c->mqtt); /* nothing is held */
    publish(1);
    c->want = 7;
    assert_true(mfx_until(&fx, client_has_messages, c));
    end();
}

static void the_link_goes_while_held(void **state) {
    (void)state;
    if (!begin(0))
        skip();
    c->hold = true;
    publish(1);
    c->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, c));
    broker_stop(&b);
    assert_true(mfx_until(&fx, client_is_down, c)); /* noticed although nothing is read */
    broker_again(&b);
    mfx_run(&fx, 1500);
    assert_int_equal(c->ups, 1); /* stays away: it could not take anything */
    c->hold = false;
    mqtt_release(c->mqtt);
    c->want = 2;
    assert_true(mfx_until(&fx, client_has_messages, c)); /* the same message again; its owner knows it */
    assert_int_equal(c->ups, 2);
    assert_true(c->session_present);
    end();
}

/* LATER: reading goes on, nothing is acknowledged, and then everything is. */
static void later_reads_on(void **state) {
    (void)state;
    if (!begin(0))
        skip();
    c->later = true;
    for (int i = 1; i <= 5; i++) {
        publish(1);
        c->want = i;
        assert_true(mfx_until(&fx, client_has_messages, c));
    }
    assert_true(c->batches >= 5);
    client_stop(c);
    assert_true(mfx_until(&fx, client_is_closed, c));
    struct client *again = mfx_client(&fx, "keeper", false);

    again->later = true;
    again->want = 5;
    client_start(again);
    assert_true(mfx_until(&fx, client_has_messages, again)); /* none was acknowledged */
    mqtt_release(again->mqtt);
    publish(1);
    again->want = 6;
    assert_true(mfx_until(&fx, client_has_messages, again));
    client_stop(again); /* the sixth is not released */
    assert_true(mfx_until(&fx, client_is_closed, again));
    struct client *third = mfx_client(&fx, "keeper", false);

    third->later = true;
    client_start(third);
    third->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, third));
    mqtt_release(third->mqtt);
    client_stop(third); /* released: goes with the goodbye */
    assert_true(mfx_until(&fx, client_is_closed, third));
    struct client *fourth = mfx_client(&fx, "keeper", false);

    client_start(fourth);
    assert_true(mfx_until(&fx, client_is_up, fourth));
    mfx_run(&fx, 200);
    assert_int_equal(third->messages, 1);
    assert_int_equal(fourth->messages, 0);
    end();
}

static void the_link_goes_before_the_release(void **state) {
    (void)state;
    if (!begin(0))
        skip();
    c->later = true;
    publish(1);
    c->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, c));
    broker_stop(&b);
    assert_true(mfx_until(&fx, client_is_down, c));
    broker_again(&b);
    mfx_run(&fx, 1500);
    assert_int_equal(c->ups, 1); /* stays away */
    mqtt_release(c->mqtt);
    c->want = 2;
    assert_true(mfx_until(&fx, client_has_messages, c));
    end();
}

/* LATER becomes HOLD when the owner could not make it durable. */
static void later_is_held(void **state) {
    (void)state;
    if (!begin(0))
        skip();
    c->later = true;
    publish(1);
    c->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, c));
    mqtt_hold(c->mqtt);
    publish(3);
    mfx_run(&fx, 200);
    assert_int_equal(c->messages, 1);
    mqtt_release(c->mqtt);
    c->want = 4;
    assert_true(mfx_until(&fx, client_has_messages, c));
    assert_int_equal(c->downs, 0);
    end();
}

static void coalescing_collects(void **state) {
    (void)state;
    if (!begin(100))
        skip();
    publish(10);
    c->want = 10;
    assert_true(mfx_until(&fx, client_has_messages, c));
    assert_int_equal(c->batches, 1);
    end();
}

static bool is_waiting(struct client *x) { return x->mqtt->waiting; }

static void hurry_cuts_it_short(void **state) {
    (void)state;
    if (!begin(60000))
        skip();
    mqtt_hurry(c->mqtt); /* nothing to hurry */
    client_publish(pub, "k", "x", 1);
    assert_true(mfx_until(&fx, is_waiting, c));
    assert_int_equal(c->messages, 0);
    mqtt_hurry(c->mqtt);
    assert_int_equal(c->messages, 0); /* not from within the call */
    c->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, c));
    end();
}

/* The acknowledgements may go while the next messages are waited for: these are read then, not forgotten. */
static void released_while_waiting(void **state) {
    (void)state;
    if (!begin(60000))
        skip();
    c->later = true;
    client_publish(pub, "k", "x", 1);
    assert_true(mfx_until(&fx, is_waiting, c));
    mqtt_hurry(c->mqtt);
    c->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, c));
    client_publish(pub, "k", "x", 1);
    assert_true(mfx_until(&fx, is_waiting, c));
    mqtt_release(c->mqtt);
    c->want = 2;
    assert_true(mfx_until(&fx, client_has_messages, c));
    end();
}

static void batches_are_bounded(void **state) {
    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    fx.conf.coalesce = 50;
    fx.conf.batch_max = 10;
    struct err err = {0};

    c = mfx_client(&fx, "keeper", false);
    pub = mfx_client(&fx, "pub", true);
    assert_int_equal(mqtt_subscribe(c->mqtt, "k", 1, &err), 0);
    client_start(c);
    client_start(pub);
    assert_true(mfx_until(&fx, client_is_subscribed, c));
    assert_true(mfx_until(&fx, client_is_up, pub));
    publish(200);
    c->want = 200;
    assert_true(mfx_until(&fx, client_has_messages, c));
    assert_true(c->batches >= 20);
    end();
}

/* The keepalive is 5 s for libmosquitto at least; the broker ends a client that says nothing for 7.5. */
static void stays_up_when_idle(void **state) {
    struct uv_timer_s *t;

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    fx.broker.keepalive = 5;
    c = mfx_client(&fx, "idle", true);
    client_start(c);
    assert_true(mfx_until(&fx, client_is_up, c));
    t = &c->mqtt->timer;
    assert_int_equal(uv_timer_get_repeat(t), 1250);
    mfx_run(&fx, 9000);
    assert_int_equal(c->downs, 0);
    end();
}

static void write_file(const char *path, const char *text, mode_t mode) {
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void password_by_file(void **state) {
    char settings[256], users[160], password[160], command[400];

    (void)state;
    if (!broker_installed() || access("/usr/bin/mosquitto_passwd", X_OK) != 0)
        skip();
    char dir[] = "/tmp/gengfu-secret-XXXXXX";

    assert_non_null(mkdtemp(dir));
    (void)snprintf(users, sizeof(users), "%s/users", dir);
    (void)snprintf(password, sizeof(password), "%s/password", dir);
    (void)snprintf(command, sizeof(command), "mosquitto_passwd -b -c %s gate right >/dev/null 2>&1", users);
    assert_int_equal(system(command), 0);
    (void)snprintf(settings, sizeof(settings), "allow_anonymous false\npassword_file %s\n", users);
    write_file(password, "wrong\n", 0600);
    broker_start(&b, settings);
    mfx_setup(&fx, b.port);
    fx.broker.user = "gate";
    fx.broker.password_file = password;
    c = mfx_client(&fx, "one", true);
    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "refused"));
    write_file(password, "right\n", 0604);
    c->downs = 0;
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "chmod")); /* readable by all: not used */
    assert_int_equal(chmod(password, 0600), 0);
    assert_true(mfx_until(&fx, client_is_up, c)); /* replaced while running */
    end();
    remove_tree(dir);
}

static void credentials(void **state) {
    char dir[] = "/tmp/gengfu-secret-XXXXXX", path[160];
    struct buf secret;
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/broker", dir);
    write_file(path, "geheim\n", 0600);
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(secret_read("broker", &secret, &err), GF_ENOTFOUND);
    assert_non_null(strstr(err.text, "LoadCredential"));
    (void)setenv("CREDENTIALS_DIRECTORY", dir, 1);
    assert_int_equal(secret_read("broker", &secret, &err), 0);
    assert_string_equal(secret.data, "geheim");
    secret_done(&secret);
    assert_int_equal(secret_read("other", &secret, &err), GF_ENOTFOUND);
    assert_int_equal(secret_read(path, &secret, &err), 0);
    secret_done(&secret);
    write_file(path, "\n", 0600);
    assert_int_equal(secret_read("broker", &secret, &err), GF_EINVAL);
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    remove_tree(dir);
}

static void hidden(void **state) {
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"", ""},
        {"nothing of it", "nothing of it"},
        {"token geheim-0123456789 has run out", "token *** has run out"},
        {"token geheim-012345678", "token ***"},             /* cut */
        {"...heim-01234... and more", "...***... and more"}, /* from the middle */
        {"geheim-0123456789geheim-0123456789", "******"},
        {"geheim", "geheim"}, /* too little to be of use */
        {"pin=4711", "pin=***"},
    };
    struct buf secrets[2], out;

    (void)state;
    buf_init(&secrets[0], 64);
    buf_init(&secrets[1], 64);
    buf_puts(&secrets[0], "geheim-0123456789");
    buf_puts(&secrets[1], "4711"); /* short, and whole */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_init(&out, 256);
        secret_hide(&out, rows[i].text, strlen(rows[i].text), 100, secrets, 2);
        assert_string_equal(out.data, rows[i].shown);
        buf_done(&out);
    }
    buf_init(&out, 256); /* what is beyond the room is neither shown nor leaves half a secret */
    secret_hide(&out, "a geheim-0123456789", 19, 3, secrets, 2);
    assert_string_equal(out.data, "a ***");
    buf_done(&out);
    secret_done(&secrets[0]);
    secret_done(&secrets[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_reads_on),
        cmocka_unit_test(the_link_goes_before_the_release),
        cmocka_unit_test(later_is_held),
        cmocka_unit_test(released_while_waiting),
        cmocka_unit_test(held_is_not_acknowledged),
        cmocka_unit_test(released_goes_on),
        cmocka_unit_test(the_link_goes_while_held),
        cmocka_unit_test(coalescing_collects),
        cmocka_unit_test(hurry_cuts_it_short),
        cmocka_unit_test(batches_are_bounded),
        cmocka_unit_test(stays_up_when_idle),
        cmocka_unit_test(password_by_file),
        cmocka_unit_test(credentials),
        cmocka_unit_test(hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
