/* SPDX-License-Identifier: Apache-2.0
 * Ingest against a real broker: batches, commits that fail and are tried again, links that break at the worst moment, what the guard recognises, subscriptions that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "gengfu/base/fault.h"
#include "ingest/ingest_int.h"
#include "mqtt_fixture.h"

#define MESSAGES_MAX 20000

static struct broker b;
static struct mfx fx;
static struct client *pub;

/* What a daemon would do: messages are noted, and count once they are committed. */
static struct sink {
    struct config conf;
    struct ingest *ingest;
    bool closed, up, refuse, later;
    int links, commits, refusals, fail_every, urged;
    unsigned int committed[MESSAGES_MAX]; /* how often message i was committed */
    int batch[MESSAGES_MAX], nbatch;
    int total, acks;
    size_t held_acks;
    struct ingest_ack kept[MESSAGES_MAX];
    size_t nkept;
    char topic[256];
} sink;

static void on_message(void *ctx, const struct mqtt_message *m) {
    (void)ctx;
    (void)snprintf(sink.topic, sizeof(sink.topic), "%s", m->topic);
    int i = (int)strtol(m->payload, NULL, 10);

    assert_in_range(i, 0, MESSAGES_MAX - 1);
    assert_true(sink.nbatch < MESSAGES_MAX);
    sink.batch[sink.nbatch++] = i;
}

static void keep(const struct ingest_ack *acks, size_t n) {
    for (int i = 0; i < sink.nbatch; i++)
        sink.committed[sink.batch[i]]++;
    sink.total += sink.nbatch;
    sink.nbatch = 0;
    for (size_t i = 0; i < n && sink.nkept < MESSAGES_MAX; i++)
        sink.kept[sink.nkept++] = acks[i];
}

static int on_commit(void *ctx, const struct ingest_ack *acks, size_t n, bool now) {
    (void)ctx;
    sink.urged += now;
    if (sink.later && !now)
        return INGEST_LATER;
    sink.commits++;
    if (sink.held_acks > 0)
        assert_int_equal(n, sink.held_acks); /* the same again, and nothing new */
    if (sink.refuse || (sink.fail_every > 0 && sink.commits % sink.fail_every == 0)) {
        sink.refusals++;
        sink.held_acks = n;
        return GF_EFULL;
    }
    sink.held_acks = 0;
    keep(acks, n);
    return 0;
}

static void on_link(void *ctx, bool up, const char *why) {
    (void)ctx;
    (void)why;
    sink.up = up;
    sink.links++;
}

static void on_closed(void *ctx) {
    (void)ctx;
    sink.closed = true;
    ingest_free(sink.ingest);
    sink.ingest = NULL;
}

static const struct ingest_ops ops = {.message = on_message, .commit = on_commit, .link = on_link, .closed = on_closed};

static void sink_new(int64_t coalesce) {
    struct err err = {0};

    sink.conf.id = "gw-test";
    sink.conf.broker = fx.broker;
    sink.conf.coalesce = coalesce;
    sink.conf.batch_max = 500;
    sink.closed = false;
    assert_int_equal(ingest_new(&fx.loop, &sink.conf, &ops, NULL, &err, &sink.ingest), 0);
}

static void sink_start(const char *const *filters, size_t n) {
    struct err err = {0};

    assert_int_equal(ingest_subscribe(sink.ingest, filters, n, &err), 0);
    assert_int_equal(ingest_start(sink.ingest, &err), 0);
}

static bool is_closed(struct client *c) {
    (void)c;
    return sink.closed;
}

static bool is_up(struct client *c) {
    (void)c;
    return sink.up;
}

static void sink_stop(void) {
    ingest_stop(sink.ingest);
    assert_false(sink.closed);
    assert_true(mfx_until(&fx, is_closed, pub));
}

static bool begin(const char *settings) {
    if (!broker_installed())
        return false;
    memset(&sink, 0, sizeof(sink));
    broker_start(&b, settings);
    mfx_setup(&fx, b.port);
    pub = mfx_client(&fx, "pub", true);
    client_start(pub);
    assert_true(mfx_until(&fx, client_is_up, pub));
    return true;
}

static void end(void) {
    if (sink.ingest != NULL)
        sink_stop();
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

static void publish_to(const char *topic, int i, int qos) {
    char text[32];

    (void)snprintf(text, sizeof(text), "%d", i);
    client_publish(pub, topic, text, qos);
}

static const char *const one_filter[] = {"k/#"};
static int want;

static bool has_all(struct client *c) {
    (void)c;
    if (sink.held_acks > 0 && !sink.refuse) /* as a daemon does when there is room again */
        ingest_retry(sink.ingest);
    return sink.total >= want;
}

static void each_once(int n) {
    for (int i = 0; i < n; i++)
        if (sink.committed[i] != 1)
            fail_msg("message %d was committed %u times", i, sink.committed[i]);
}

static void twenty_thousand_with_failing_commits(void **state) {
    struct ingest_stats st;

    (void)state;
    if (!begin(""))
        skip();
    sink.fail_every = 7;
    /* What is held is not read, not even the answer to a ping, and publishing takes its time under an emulator. */
    fx.broker.keepalive = 3600;
    sink_new(2);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    for (int i = 0; i < MESSAGES_MAX; i++) {
        publish_to("k/a", i, i % 3 == 2 ? 2 : 1); /* what is published at 2 comes at 1 */
        if (i % 500 == 499)
            assert_true(mfx_until(&fx, client_has_published, pub));
    }
    want = MESSAGES_MAX;
    assert_true(mfx_until(&fx, has_all, pub));
    each_once(MESSAGES_MAX);
    assert_true(sink.refusals > 0);
    ingest_stats(sink.ingest, &st);
    assert_int_equal(st.messages, MESSAGES_MAX);
    assert_int_equal(st.duplicates, 0);
    assert_int_equal(st.qos0, 0);
    assert_int_equal(st.protocol, 5);
    assert_true(st.up);
    assert_true(st.largest_batch > 0);
    assert_int_equal(st.batches, (uint64_t)(sink.commits - sink.refusals));
    end();
}

/* The broker goes away and comes back, with its sessions saved, while everything flows. */
static void broker_restarts(void **state) {
    (void)state;
    if (!begin(""))
        skip();
    sink_new(2);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    int sent = 0;

    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 1000; i++)
            publish_to("k/a", sent++, 1);
        assert_true(mfx_until(&fx, client_has_published, pub));
        broker_stop(&b);
        mfx_run(&fx, 20);
        broker_again(&b);
        assert_true(mfx_until(&fx, client_is_up, pub));
    }
    want = sent;
    assert_true(mfx_until(&fx, has_all, pub));
    mfx_run(&fx, 200);
    each_once(sent);
    assert_int_equal(sink.total, sent);
    end();
}

/* Held, and then the link goes: the batch is committed afterwards, and its redelivery recognised. */
static void link_lost_while_held(void **state) {
    struct ingest_stats st;

    (void)state;
    if (!begin(""))
        skip();
    sink_new(20);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    sink.refuse = true;
    for (int i = 0; i < 10; i++)
        publish_to("k/a", i, 1);
    assert_true(mfx_until(&fx, client_has_published, pub));
    mfx_run(&fx, 200);
    assert_int_equal(sink.total, 0);
    assert_true(sink.held_acks > 0);
    broker_stop(&b);
    mfx_run(&fx, 100);
    assert_false(sink.up);
    broker_again(&b);
    assert_true(mfx_until(&fx, client_is_up, pub));
    for (int i = 10; i < 20; i++)
        publish_to("k/a", i, 1);
    assert_true(mfx_until(&fx, client_has_published, pub));
    ingest_retry(sink.ingest); /* still no room */
    assert_int_equal(sink.total, 0);
    sink.refuse = false;
    want = 20;
    assert_true(mfx_until(&fx, has_all, pub));
    mfx_run(&fx, 200);
    each_once(20);
    ingest_stats(sink.ingest, &st);
    assert_int_equal(st.duplicates, 10);
    end();
}

static int received(void) {
    struct ingest_stats st;

    ingest_stats(sink.ingest, &st);
    return (int)st.messages;
}

static bool has_received(struct client *c) {
    (void)c;
    return received() >= want;
}

/* Several readings behind one commit of the owner's: nothing is acknowledged before it, everything after it. */
static void readings_wait_for_one_commit(void **state) {
    struct ingest_stats st;

    (void)state;
    if (!begin(""))
        skip();
    sink.later = true;
    sink_new(0);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    for (int i = 0; i < 8; i++) {
        publish_to("k/a", i, i % 4 != 3);
        want = i + 1;
        assert_true(mfx_until(&fx, has_received, pub));
    }
    assert_int_equal(sink.commits, 0);
    keep(NULL, 0);
    ingest_durable(sink.ingest);
    want = 9;
    publish_to("k/a", 8, 0); /* one at QoS 0 alone waits as well */
    assert_true(mfx_until(&fx, has_received, pub));
    keep(NULL, 0);
    ingest_durable(sink.ingest);
    mfx_run(&fx, 50);
    ingest_stats(sink.ingest, &st);
    assert_int_equal(st.batches, 2);
    assert_int_equal(st.largest_batch, 8);
    sink_stop();
    sink_new(0);
    sink_start(one_filter, 1);
    sink.up = false;
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 200);
    assert_int_equal(received(), 0); /* they were acknowledged */
    end();
}

/* The link goes before the commit: it is made then, and what the broker sends again is recognised. */
static void link_lost_before_the_commit(void **state) {
    struct ingest_stats st;

    (void)state;
    if (!begin(""))
        skip();
    sink.later = true;
    sink_new(0);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    for (int i = 0; i < 10; i++)
        publish_to("k/a", i, 1);
    want = 10;
    assert_true(mfx_until(&fx, has_received, pub));
    assert_int_equal(sink.total, 0);
    broker_stop(&b);
    mfx_run(&fx, 100);
    assert_int_equal(sink.total, 10);
    sink.later = false;
    broker_again(&b);
    assert_true(mfx_until(&fx, client_is_up, pub));
    for (int i = 10; i < 20; i++)
        publish_to("k/a", i, 1);
    want = 20;
    assert_true(mfx_until(&fx, has_all, pub));
    mfx_run(&fx, 200);
    each_once(20);
    ingest_stats(sink.ingest, &st);
    assert_int_equal(st.duplicates, 10);
    end();
}

/* The owner's commit fails: nothing more is read until it is tried again. */
static void a_late_commit_fails(void **state) {
    (void)state;
    if (!begin(""))
        skip();
    sink.later = true;
    sink_new(0);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    publish_to("k/a", 0, 1);
    want = 1;
    assert_true(mfx_until(&fx, has_received, pub));
    ingest_hold(sink.ingest);
    publish_to("k/a", 1, 1);
    assert_true(mfx_until(&fx, client_has_published, pub));
    mfx_run(&fx, 100);
    assert_int_equal(received(), 1);
    ingest_retry(sink.ingest);
    assert_int_equal(sink.total, 1);
    sink.later = false;
    want = 2;
    assert_true(mfx_until(&fx, has_all, pub));
    each_once(2);
    end();
}

/* A broker must not wait for us: a commit is urged when half of what it sends ahead has come, and that number is learnt. */
static void half_a_window_urges(void **state) {
    (void)state;
    if (!begin("max_inflight_messages 40\n"))
        skip();
    sink.later = true;
    sink.conf.commit_wait = 60;
    fx.broker.protocol = 4;
    sink_new(0);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    for (int i = 0; i < 9; i++)
        publish_to("k/a", i, 1);
    want = 9;
    assert_true(mfx_until(&fx, has_received, pub));
    assert_int_equal(sink.urged, 0);
    publish_to("k/a", 9, 1); /* of 20 */
    want = 10;
    assert_true(mfx_until(&fx, has_all, pub));
    assert_int_equal(sink.urged, 1);
    end();
}

/* A broker that sends one at a time (to keep their order) must not make that one message a wait. */
static void a_window_of_one_is_learnt(void **state) {
    (void)state;
    if (!begin("max_inflight_messages 1\n"))
        skip();
    sink.later = true;
    sink.conf.commit_wait = 20;
    fx.broker.protocol = 4;
    sink_new(0);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    for (int i = 0; i < 60; i++)
        publish_to("k/a", i, 1);
    for (want = 1; sink.urged == 0; want++) { /* a few; on a machine that has much to do, some more */
        assert_true(mfx_until(&fx, has_received, pub));
        assert_true(want < 40);
        if (sink.urged > 0)
            break;
        mfx_run(&fx, 15);
        keep(NULL, 0);
        ingest_durable(sink.ingest);
    }
    want = 60;
    assert_true(mfx_until(&fx, has_all, pub));
    each_once(60);
    end();
}

/* The acknowledgements never leave: a process that dies between commit and PUBACK. The next one is told what was committed. */
static void restored_acknowledgements(void **state) {
    struct ingest_stats st;

    (void)state;
    if (!begin(""))
        skip();
    sink_new(100); /* the five come in one batch */
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    (void)setenv("GENGFU_FAULT", "mqtt.before_ack=fail+", 1);
    fault_init();
    for (int i = 0; i < 5; i++)
        publish_to("k/a", i, 1);
    want = 5;
    assert_true(mfx_until(&fx, has_all, pub));
    sink_stop();
    (void)unsetenv("GENGFU_FAULT");
    fault_init();
    sink.up = false;
    sink_new(0);
    for (size_t i = 0; i < sink.nkept; i++)
        assert_int_equal(ingest_restore(sink.ingest, sink.kept[i].mid, sink.kept[i].hash), 0);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    publish_to("k/a", 5, 1);
    want = 6;
    assert_true(mfx_until(&fx, has_all, pub));
    mfx_run(&fx, 100);
    each_once(6);
    ingest_stats(sink.ingest, &st);
    assert_int_equal(st.duplicates, 5);
    end();
}

static void qos0_is_counted(void **state) {
    struct ingest_stats st;

    (void)state;
    if (!begin(""))
        skip();
    sink_new(10);
    sink_start(one_filter, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    for (int i = 0; i < 50; i++)
        publish_to("k/a", i, i % 2);
    want = 50;
    assert_true(mfx_until(&fx, has_all, pub));
    ingest_stats(sink.ingest, &st);
    assert_int_equal(st.qos0, 25);
    assert_int_equal(sink.nkept, 25);
    end();
}

static void subscriptions_change(void **state) {
    static const char *const former[] = {"old/#", "both"}, *const wanted[] = {"both", "new/+", "both"};
    struct err err = {0};

    (void)state;
    if (!begin(""))
        skip();
    sink_new(0);
    sink_start(former, 2);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 50);
    publish_to("old/x", 0, 1);
    want = 1;
    assert_true(mfx_until(&fx, has_all, pub));
    assert_int_equal(ingest_subscribe(sink.ingest, wanted, 3, &err), 0);
    mfx_run(&fx, 100);
    publish_to("old/x", 1, 1);
    publish_to("both", 2, 1);
    publish_to("new/x", 3, 1);
    want = 3;
    assert_true(mfx_until(&fx, has_all, pub));
    mfx_run(&fx, 50);
    assert_int_equal(sink.committed[1], 0);
    /* A new process that is told of what an earlier one had takes that away as well, and only that. */
    sink_stop();
    sink.up = false;
    sink_new(0);
    assert_int_equal(ingest_subscribe(sink.ingest, wanted, 3, &err), 0);
    sink_start(former + 1, 1);
    assert_true(mfx_until(&fx, is_up, pub));
    mfx_run(&fx, 100);
    publish_to("new/x", 4, 1);
    publish_to("both", 5, 1);
    want = 4;
    assert_true(mfx_until(&fx, has_all, pub));
    mfx_run(&fx, 50);
    assert_int_equal(sink.committed[4], 0);
    assert_int_equal(sink.committed[5], 1);
    const char *bad[] = {"a/#/b"};

    assert_int_equal(ingest_subscribe(sink.ingest, bad, 1, &err), GF_EINVAL);
    end();
}

/* -- the guard by itself --------------------------------------------------------------------------------------------------------------------- */

static void guard_recognises_once(void **state) {
    struct guard g = {0};
    struct ingest_ack acks[] = {{1, 100}, {2, 200}, {3, 300}};

    (void)state;
    assert_false(guard_seen(&g, 1, 100)); /* not armed */
    assert_int_equal(guard_remember(&g, acks, 3), 0);
    assert_int_equal(guard_arm(&g), 0);
    assert_true(guard_seen(&g, 2, 200)); /* the first has been acknowledged */
    assert_true(guard_seen(&g, 3, 300));
    assert_false(guard_seen(&g, 3, 300)); /* a second time it is a new message */
    assert_int_equal(guard_arm(&g), 0);
    for (int i = 0; i < 3; i++)
        assert_true(guard_seen(&g, acks[i].mid, acks[i].hash));
    assert_null(g.table); /* all are used */
    guard_done(&g);
}

static void guard_ends(void **state) {
    struct guard g = {0};
    struct ingest_ack acks[] = {{1, 100}, {2, 200}, {3, 300}};

    (void)state;
    assert_int_equal(guard_remember(&g, acks, 3), 0);
    assert_int_equal(guard_arm(&g), 0);
    assert_true(guard_seen(&g, 1, 100));
    assert_false(guard_seen(&g, 2, 201)); /* the id is used anew: what was to come again has come */
    assert_false(guard_seen(&g, 3, 300));
    assert_int_equal(guard_arm(&g), 0); /* until the next time */
    assert_false(guard_seen(&g, 4, 400));
    assert_false(guard_seen(&g, 1, 100));
    assert_int_equal(guard_arm(&g), 0);
    guard_forget(&g);
    assert_int_equal(guard_arm(&g), 0);
    assert_false(guard_seen(&g, 1, 100));
    guard_done(&g);
}

/* More than is remembered comes again: the oldest of it first. */
static void guard_waits_for_what_it_knows(void **state) {
    struct guard g = {0};
    struct ingest_ack acks[] = {{50, 100}, {51, 200}};

    (void)state;
    assert_int_equal(guard_remember(&g, acks, 2), 0);
    assert_int_equal(guard_arm(&g), 0);
    assert_false(guard_seen(&g, 49, 900));
    assert_true(guard_seen(&g, 50, 100));
    assert_true(guard_seen(&g, 51, 200));
    assert_int_equal(guard_arm(&g), 0);
    assert_false(guard_seen(&g, 48, 800));
    assert_false(guard_seen(&g, 49, 900));
    assert_null(g.table); /* not for ever */
    guard_done(&g);
}

/* Everything was acknowledged, and a device goes on to say what it has always said: each of these is a new message, under whatever id. */
static void guard_hears_those_that_repeat_themselves(void **state) {
    struct guard g = {0};

    (void)state;
    for (int i = 0; i < 70000; i++) {
        struct ingest_ack ack = {.mid = (uint16_t)(i % 65535 + 1), .hash = 42};

        assert_int_equal(guard_remember(&g, &ack, 1), 0);
    }
    assert_int_equal(guard_arm(&g), 0);
    for (int i = 70000; i < 140000; i++)
        assert_false(guard_seen(&g, (uint16_t)(i % 65535 + 1), 42));
    guard_done(&g);
}

static void guard_forgets_the_oldest(void **state) {
    struct guard g = {0};

    (void)state;
    for (uint64_t i = 1; i <= GUARD_ROOM + 4; i++) {
        struct ingest_ack ack = {.mid = (uint16_t)(i < 10 ? 20 + i : i % 10 + 1), .hash = i};

        assert_int_equal(guard_remember(&g, &ack, 1), 0);
    }
    assert_int_equal(g.total, GUARD_ROOM);
    assert_int_equal(guard_arm(&g), 0);
    assert_int_equal(g.left, 10 + 5); /* the latest use of each id */
    assert_true(guard_seen(&g, 25, 5));
    assert_true(guard_seen(&g, (GUARD_ROOM + 4) % 10 + 1, GUARD_ROOM + 4));
    assert_false(guard_seen(&g, 24, 4));
    guard_done(&g);
}

static void guard_with_many(void **state) {
    struct guard g = {0};
    struct ingest_ack *acks = calloc(65535, sizeof(*acks));

    (void)state;
    assert_non_null(acks);
    for (size_t i = 0; i < 65535; i++)
        acks[i] = (struct ingest_ack){.mid = (uint16_t)(i + 1), .hash = i * 31};
    for (size_t pass = 0; pass < 4; pass++) { /* more than there is room for, the last of them as one */
        for (size_t at = 0; pass < 3 && at < 65535; at += 255)
            assert_int_equal(guard_remember(&g, acks + at, 255), 0);
        if (pass == 3)
            assert_int_equal(guard_remember(&g, acks, 65535), 0);
    }
    assert_int_equal(g.total, GUARD_ROOM);
    assert_int_equal(guard_arm(&g), 0);
    for (size_t i = 65535 - GUARD_ROOM; i < 65535; i++)
        assert_true(guard_seen(&g, (uint16_t)(i + 1), i * 31));
    free(acks);
    guard_done(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_thousand_with_failing_commits),
        cmocka_unit_test(broker_restarts),
        cmocka_unit_test(link_lost_while_held),
        cmocka_unit_test(readings_wait_for_one_commit),
        cmocka_unit_test(link_lost_before_the_commit),
        cmocka_unit_test(a_late_commit_fails),
        cmocka_unit_test(half_a_window_urges),
        cmocka_unit_test(a_window_of_one_is_learnt),
        cmocka_unit_test(restored_acknowledgements),
        cmocka_unit_test(qos0_is_counted),
        cmocka_unit_test(subscriptions_change),
        cmocka_unit_test(guard_recognises_once),
        cmocka_unit_test(guard_ends),
        cmocka_unit_test(guard_waits_for_what_it_knows),
        cmocka_unit_test(guard_hears_those_that_repeat_themselves),
        cmocka_unit_test(guard_forgets_the_oldest),
        cmocka_unit_test(guard_with_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
