/* SPDX-License-Identifier: Apache-2.0
 * The MQTT client against a real broker: connecting, both versions, sessions, wills, publishing, losing and finding the broker, stopping at every stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "mqtt_fixture.h"

static void connects_and_says_goodbye(void **state) {
    struct broker b;
    struct mfx fx;

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    struct client *c = mfx_client(&fx, "one", false);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_up, c));
    assert_int_equal(mqtt_protocol(c->mqtt), 5);
    assert_false(c->session_present);
    mfx_teardown(&fx);
    assert_int_equal(c->downs, 0);
    mfx_done(&fx);
    broker_done(&b);
}

static int threads(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n - 2; /* . and .. */
}

/* libuv resolves names in threads, which stay, with their stacks; an address is no name, and localhost needs no asking. Most gateways have one of them. Runs before any test that resolves a name. */
static void an_address_needs_no_thread(void **state) {
    struct broker b;
    struct mfx fx;

    (void)state;
    if (!broker_installed())
        skip();
    int before = threads();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    struct client *c = mfx_client(&fx, "one", false);
    assert_string_equal(c->broker.host, "127.0.0.1");
    client_start(c);
    assert_true(mfx_until(&fx, client_is_up, c));
    assert_int_equal(threads(), before);
    fx.broker.host = "localhost";
    struct client *named = mfx_client(&fx, "two", false);
    client_start(named);
    assert_true(mfx_until(&fx, client_is_up, named));
    assert_int_equal(threads(), before);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void publishes_to_a_subscriber(void **state) {
    struct broker b;
    struct mfx fx;
    struct err err = {0};
    int mid = 0;

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    struct client *pub = mfx_client(&fx, "pub", true), *sub = mfx_client(&fx, "sub", true);

    assert_int_equal(mqtt_subscribe(sub->mqtt, "a/+/c", 1, &err), 0);
    assert_int_equal(mqtt_publish(pub->mqtt, "a/b/c", "x", 1, 1, false, &mid, &err), GF_EUNAVAIL);
    client_start(pub);
    client_start(sub);
    assert_true(mfx_until(&fx, client_is_subscribed, sub));
    assert_true(mfx_until(&fx, client_is_up, pub));
    client_publish(pub, "a/b/c", "hello", 1);
    sub->want = 1;
    assert_true(mfx_until(&fx, client_has_published, pub));
    assert_true(mfx_until(&fx, client_has_messages, sub));
    assert_string_equal(sub->topic, "a/b/c");
    assert_string_equal(sub->payload, "hello");
    assert_int_equal(sub->qos, 1);
    assert_int_equal(mqtt_unsubscribe(sub->mqtt, "a/+/c", &err), 0);
    mfx_run(&fx, 100);
    client_publish(pub, "a/b/c", "again", 1);
    assert_true(mfx_until(&fx, client_has_published, pub));
    mfx_run(&fx, 100);
    assert_int_equal(sub->messages, 1);
    assert_true(mqtt_bytes_in(sub->mqtt) == 10);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void refuses_what_is_no_filter(void **state) {
    struct mfx fx;
    struct err err = {0};

    (void)state;
    mfx_setup(&fx, 1);
    struct client *c = mfx_client(&fx, "one", true);

    assert_int_equal(mqtt_subscribe(c->mqtt, "a/#/b", 1, &err), GF_EINVAL);
    assert_non_null(strstr(err.text, "a/#/b"));
    assert_int_equal(mqtt_subscribe(c->mqtt, "", 1, &err), GF_EINVAL);
    assert_int_equal(mqtt_subscribe(c->mqtt, "a\xff", 1, &err), GF_EINVAL);
    assert_int_equal(mqtt_subscribe(c->mqtt, "a", 3, &err), GF_EINVAL);
    mfx_teardown(&fx); /* stopped without ever being started */
    mfx_done(&fx);
}

/* The session outlives the connection: the CONNECT properties went through. */
static void session_is_kept(void **state) {
    struct broker b;
    struct mfx fx;
    struct err err = {0};

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    struct client *c = mfx_client(&fx, "keeper", false), *pub = mfx_client(&fx, "pub", true);

    assert_int_equal(mqtt_subscribe(c->mqtt, "k", 1, &err), 0);
    client_start(c);
    client_start(pub);
    assert_true(mfx_until(&fx, client_is_subscribed, c));
    assert_true(mfx_until(&fx, client_is_up, pub));
    client_stop(c);
    assert_true(mfx_until(&fx, client_is_closed, c));
    for (int i = 0; i < 10; i++)
        client_publish(pub, "k", "while away", 1);
    assert_true(mfx_until(&fx, client_has_published, pub));
    struct client *again = mfx_client(&fx, "keeper", false);

    client_start(again);
    again->want = 10;
    assert_true(mfx_until(&fx, client_has_messages, again));
    assert_true(again->session_present);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void broker_comes_back(void **state) {
    struct broker b;
    struct mfx fx;
    struct err err = {0};

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    struct client *c = mfx_client(&fx, "one", false);

    assert_int_equal(mqtt_subscribe(c->mqtt, "k", 1, &err), 0);
    client_start(c);
    assert_true(mfx_until(&fx, client_is_subscribed, c));
    broker_kill(&b);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "closed the connection"));
    assert_in_range(c->retry_in, 1, 60000);
    mfx_run(&fx, 300); /* tries that are refused */
    broker_again(&b);
    c->subscribed = 0;
    assert_true(mfx_until(&fx, client_is_up, c));
    assert_false(c->session_present); /* the killed broker had not saved it, so the filter is sent anew */
    assert_true(mfx_until(&fx, client_is_subscribed, c));
    broker_stop(&b);
    assert_true(mfx_until(&fx, client_is_down, c));
    broker_again(&b);
    assert_true(mfx_until(&fx, client_is_up, c));
    assert_true(c->session_present); /* this time it had */
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void nobody_listens(void **state) {
    struct mfx fx;

    (void)state;
    mfx_setup(&fx, free_port());
    struct client *c = mfx_client(&fx, "one", true);

    fx.broker.host = "localhost"; /* two addresses, both refused */
    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    if (strstr(c->why, "refused") == NULL)
        fail_msg("why: %s", c->why);
    assert_false(mqtt_is_up(c->mqtt));
    mfx_teardown(&fx); /* while it waits */
    mfx_done(&fx);
}

static void the_second_address_will_do(void **state) {
    struct broker b;
    struct mfx fx;

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, ""); /* on 127.0.0.1 only; localhost is ::1 first where IPv6 is set up */
    mfx_setup(&fx, b.port);
    fx.broker.host = "localhost";
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_up, c));
    assert_int_equal(c->downs, 0);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void a_name_that_is_none(void **state) {
    struct mfx fx;

    (void)state;
    mfx_setup(&fx, 1883);
    fx.broker.host = "no-such-host.invalid";
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "no-such-host.invalid"));
    mfx_teardown(&fx);
    mfx_done(&fx);
}

static void stops_at_once(void **state) {
    struct mfx fx;

    (void)state;
    mfx_setup(&fx, free_port());
    fx.broker.host = "no-such-host.invalid";
    struct client *c = mfx_client(&fx, "one", true), *d = mfx_client(&fx, "two", true);

    client_start(c);
    client_start(d);
    (void)uv_run(&fx.loop, UV_RUN_NOWAIT); /* one of them is resolving now */
    client_stop(c);
    mfx_teardown(&fx);
    mfx_done(&fx);
}

static void stop_from_a_callback(void **state) {
    struct broker b;
    struct mfx fx;

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    struct client *c = mfx_client(&fx, "one", true);

    c->stop_when_up = true;
    client_start(c);
    assert_true(mfx_until(&fx, client_is_closed, c));
    assert_int_equal(c->ups, 1);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void wrong_password(void **state) {
    struct broker b;
    struct mfx fx;

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "allow_anonymous false\n");
    mfx_setup(&fx, b.port);
    struct client *c = mfx_client(&fx, "one", true);

    client_start(c);
    assert_true(mfx_until(&fx, client_is_down, c));
    assert_non_null(strstr(c->why, "refused the connection"));
    assert_non_null(strstr(c->why, "authorized"));
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void will_is_left_by_a_kill_and_not_by_a_goodbye(void **state) {
    struct broker b;
    struct mfx fx;
    struct err err = {0};

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    mfx_setup(&fx, b.port);
    struct client *w = mfx_client(&fx, "watch", true);

    fx.conf.will_topic = "will";
    fx.conf.will_payload = "gone";
    struct client *polite = mfx_client(&fx, "same", true), *rude = mfx_client(&fx, "same", true);

    assert_int_equal(mqtt_subscribe(w->mqtt, "will", 1, &err), 0);
    client_start(w);
    assert_true(mfx_until(&fx, client_is_subscribed, w));
    client_start(polite);
    assert_true(mfx_until(&fx, client_is_up, polite));
    client_stop(polite);
    assert_true(mfx_until(&fx, client_is_closed, polite));
    mfx_run(&fx, 100);
    assert_int_equal(w->messages, 0);
    client_start(rude);
    assert_true(mfx_until(&fx, client_is_up, rude));
    struct client *taker = mfx_client(&fx, "same", true); /* takes the id over: the broker ends the first one */

    client_start(taker);
    w->want = 1;
    assert_true(mfx_until(&fx, client_has_messages, w));
    assert_string_equal(w->payload, "gone");
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void backoff_is_jittered_and_bounded(void **state) {
    struct prng prng;
    int64_t largest = 0;

    (void)state;
    prng_seed(&prng, 7);
    for (int failures = 1; failures < 40; failures++) {
        int64_t ceiling = failures > 7 ? MQTT_BACKOFF_MAX : MQTT_BACKOFF_MIN << (failures - 1);

        if (ceiling > MQTT_BACKOFF_MAX)
            ceiling = MQTT_BACKOFF_MAX;
        for (int i = 0; i < 200; i++) {
            int64_t d = mqtt_backoff(&prng, failures);

            assert_in_range(d, MQTT_BACKOFF_FLOOR, ceiling);
            largest = d > largest ? d : largest;
        }
    }
    assert_true(largest > MQTT_BACKOFF_MAX * 9 / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_needs_no_thread),
        cmocka_unit_test(connects_and_says_goodbye),
        cmocka_unit_test(publishes_to_a_subscriber),
        cmocka_unit_test(refuses_what_is_no_filter),
        cmocka_unit_test(session_is_kept),
        cmocka_unit_test(broker_comes_back),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(the_second_address_will_do),
        cmocka_unit_test(a_name_that_is_none),
        cmocka_unit_test(stops_at_once),
        cmocka_unit_test(stop_from_a_callback),
        cmocka_unit_test(wrong_password),
        cmocka_unit_test(will_is_left_by_a_kill_and_not_by_a_goodbye),
        cmocka_unit_test(backoff_is_jittered_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
