/* SPDX-License-Identifier: Apache-2.0
 * The MQTT platform: receipts, PUBACK as confirmation, no receipt, a broker that goes and comes, commands and their answers. The other side is our own MQTT client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "forward_fixture.h"
#include "gengfu/base/json.h"
#include "gengfu/mqtt/mqtt.h"

#define ID(n) "01J0000000000000000000" n

/* The platform behind its broker: keeps what came, and confirms it unless it is deaf. */
static struct far {
    struct ff *ff;
    struct mqtt *mqtt;
    struct config_mqtt broker;
    bool up, closed, deaf, wrong_revision;
    int subscribed, incidents, answers, distinct;
    char last[256], ids[64][64], answer[512], last_topic[256];
} far;

static void far_up(void *ctx, bool session_present) {
    (void)ctx;
    (void)session_present;
    far.up = true;
}

static void far_down(void *ctx, const char *why, int64_t retry_in) {
    (void)ctx;
    (void)why;
    (void)retry_in;
    far.up = false;
}

static void far_subscribed(void *ctx, const char *filter, int granted) {
    (void)ctx;
    (void)filter;
    assert_int_equal(granted, 1);
    far.subscribed++;
}

static void far_message(void *ctx, const struct mqtt_message *m) {
    struct arena a;
    const cJSON *doc;
    struct err err = {0};
    char receipt[128];
    unsigned int revision;

    (void)ctx;
    if (strstr(m->topic, "/answers") != NULL) {
        far.answers++;
        (void)snprintf(far.answer, sizeof(far.answer), "%.*s", (int)m->len, m->payload);
        return;
    }
    arena_init(&a, 4096, 0);
    assert_int_equal(json_parse(&a, m->payload, m->len, NULL, &doc), 0);
    far.incidents++;
    (void)snprintf(far.last, sizeof(far.last), "%s", json_str(doc, "id", ""));
    (void)snprintf(far.last_topic, sizeof(far.last_topic), "%s", m->topic);
    bool known = false;

    for (int i = 0; i < far.distinct; i++)
        known = known || strcmp(far.ids[i], far.last) == 0;
    if (!known && far.distinct < 64)
        (void)snprintf(far.ids[far.distinct++], sizeof(far.ids[0]), "%.63s", far.last);
    revision = (unsigned int)json_int(json_get(doc, "data"), "revision", 0) - (far.wrong_revision ? 1 : 0);
    (void)snprintf(receipt, sizeof(receipt), "{\"incident\":\"%s\",\"revision\":%u}", json_str(doc, "subject", ""), revision);
    if (!far.deaf)
        assert_int_equal(mqtt_publish(far.mqtt, "gengfu/gw-test/receipts", receipt, strlen(receipt), 1, false, NULL, &err), 0);
    arena_done(&a);
}

static void far_closed(void *ctx) {
    (void)ctx;
    far.closed = true;
    mqtt_free(far.mqtt);
    far.mqtt = NULL;
}

static bool far_ready(struct ff *ff) {
    (void)ff;
    return far.subscribed >= 2;
}

static void far_start(struct ff *ff, int port) {
    static const struct mqtt_ops ops = {
        .connected = far_up, .disconnected = far_down, .subscribed = far_subscribed, .message = far_message, .closed = far_closed};
    struct err err = {0};

    memset(&far, 0, sizeof(far));
    far.ff = ff;
    far.broker = (struct config_mqtt){.host = "127.0.0.1",
                                      .port = port,
                                      .client_id = "far",
                                      .protocol = 5,
                                      .keepalive = 30,
                                      .session_expiry = 3600000,
                                      .receive_maximum = 100};
    struct mqtt_conf mc = {.broker = &far.broker, .batch_max = 100, .seed = 1};

    assert_int_equal(mqtt_new(&ff->loop, &mc, &ops, NULL, &err, &far.mqtt), 0);
    assert_int_equal(mqtt_subscribe(far.mqtt, "gengfu/gw-test/incidents/#", 1, &err), 0);
    assert_int_equal(mqtt_subscribe(far.mqtt, "gengfu/gw-test/answers", 1, &err), 0);
    assert_int_equal(mqtt_start(far.mqtt, &err), 0);
    assert_true(ff_until(ff, far_ready, FF_PATIENCE));
}

static bool far_is_closed(struct ff *ff) {
    (void)ff;
    return far.closed;
}

static void far_stop(struct ff *ff) {
    mqtt_stop(far.mqtt);
    assert_true(ff_until(ff, far_is_closed, FF_PATIENCE));
}

static void far_command(const char *json) {
    struct err err = {0};

    assert_int_equal(mqtt_publish(far.mqtt, "gengfu/gw-test/commands", json, strlen(json), 1, false, NULL, &err), 0);
}

static bool begin(struct broker *b, struct ff *ff, struct config_platform **ret) {
    if (!broker_installed())
        return false;
    broker_start(b, "");
    ff_setup(ff);
    *ret = ff_platform(ff, "city", PLATFORM_MQTT);
    (*ret)->mqtt.port = b->port;
    far_start(ff, b->port);
    return true;
}

static void end(struct broker *b, struct ff *ff) {
    ff_stop(ff);
    far_stop(ff);
    ff_teardown(ff);
    broker_done(b);
}

static void receipts_confirm(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;
    struct forward_stats st;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_EXTREME);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_int_equal(far.incidents, 2);
    assert_string_equal(far.last_topic, "gengfu/gw-test/incidents/" ID("0001"));
    ff_stats(&ff, 0, &st);
    assert_int_equal(st.confirmed, 2);
    assert_int_equal(st.in_flight, 0);
    assert_true(st.reachable);
    assert_int_equal(ff.ups, 1);
    end(&b, &ff);
}

static bool three_came(struct ff *ff) {
    (void)ff;
    return far.incidents >= 3;
}

static void without_a_receipt_it_is_sent_again(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    far.deaf = true;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, three_came, FF_PATIENCE));
    assert_int_equal(far.distinct, 1); /* the same idempotency key each time */
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    far.deaf = false;
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    end(&b, &ff);
}

static bool twenty_came(struct ff *ff) {
    (void)ff;
    return far.distinct >= 20;
}

/* Receipts that come when the message is no longer in flight count as well; one for another revision does not. */
static void receipts_for_something_else(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    far.wrong_revision = true;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 5, SEVERITY_MINOR);
    ff_run(&ff, 500);
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    ff_stop(&ff);
    far.wrong_revision = false;
    ff_start(&ff);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    end(&b, &ff);
}

static void puback_confirms_when_told_so(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    p->confirm_puback = true;
    far.deaf = true;
    ff_start(&ff);
    for (int i = 0; i < 20; i++) {
        char id[40];

        (void)snprintf(id, sizeof(id), "01J0000000000000000000%04d", i);
        ff_incident(&ff, id, 1, SEVERITY_MINOR);
    }
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_true(ff_until(&ff, twenty_came, FF_PATIENCE));
    assert_int_equal(far.incidents, 20);
    end(&b, &ff);
}

static bool has_failed(struct ff *ff) {
    struct forward_stats st;

    forward_stats(ff->forward, 0, &st);
    return st.failed > 0;
}

/* A broker acknowledges also what nobody will ever get. */
static void puback_for_nobody_confirms_nothing(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;
    struct err err = {0};

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    p->confirm_puback = true;
    far.deaf = true;
    assert_int_equal(mqtt_unsubscribe(far.mqtt, "gengfu/gw-test/incidents/#", &err), 0);
    ff_run(&ff, 100);
    ff_start(&ff);
    ff_incident(&ff, ID("0000"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, has_failed, FF_PATIENCE));
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    assert_int_equal(mqtt_subscribe(far.mqtt, "gengfu/gw-test/incidents/#", 1, &err), 0);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    ff_run(&ff, 100);
    assert_int_equal(far.incidents, 1);
    end(&b, &ff);
}

static bool is_down(struct ff *ff) { return ff->downs > 0; }

/* The broker is away: nothing is lost, only the latest revision waits, no tries are counted against the rows, the most severe comes first. */
static void broker_away(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    p->in_flight = 1;
    ff_start(&ff);
    ff_incident(&ff, ID("0000"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    broker_stop(&b);
    assert_true(ff_until(&ff, is_down, FF_PATIENCE));
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_incident(&ff, ID("0001"), 2, SEVERITY_MINOR);
    ff_incident(&ff, ID("0001"), 3, SEVERITY_MINOR);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_SEVERE);
    ff_run(&ff, 300);
    assert_int_equal(ff_waiting(&ff, "city"), 2);
    broker_again(&b);
    far.distinct = far.incidents = 0;
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_int_equal(far.distinct, 2);
    assert_string_equal(far.ids[0], ID("0002") ".1");
    assert_string_equal(far.ids[1], ID("0001") ".3");
    assert_int_equal(ff.downs, 1);
    assert_int_equal(ff.ups, 2);
    end(&b, &ff);
}

static bool one_came(struct ff *ff) {
    (void)ff;
    return far.incidents >= 1;
}

/* A newer revision comes while the older is in flight: the old receipt must not remove it. */
static void compaction_in_flight(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;
    struct err err = {0};
    static const char old[] = "{\"incident\":\"" ID("0001") "\",\"revision\":1}";

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    p->receipt_timeout = 20000;
    far.deaf = true;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, one_came, FF_PATIENCE));
    ff_incident(&ff, ID("0001"), 2, SEVERITY_MINOR);
    ff_run(&ff, 200);
    assert_int_equal(far.incidents, 1); /* never two revisions of one incident at once */
    far.deaf = false;
    assert_int_equal(mqtt_publish(far.mqtt, "gengfu/gw-test/receipts", old, sizeof(old) - 1, 1, false, NULL, &err), 0);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_string_equal(far.last, ID("0001") ".2");
    end(&b, &ff);
}

/* All places are taken by messages that get no receipt; what is extreme has one of its own. */
static void the_extreme_does_not_wait(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    p->in_flight = 2;
    p->receipt_timeout = 60000;
    far.deaf = true;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_SEVERE);
    ff_incident(&ff, ID("0003"), 1, SEVERITY_SEVERE);
    ff_run(&ff, 300);
    assert_int_equal(far.incidents, 2);
    far.deaf = false;
    ff_incident(&ff, ID("0004"), 1, SEVERITY_EXTREME);
    assert_true(ff_until(&ff, three_came, FF_PATIENCE));
    assert_string_equal(far.last, ID("0004") ".1");
    end(&b, &ff);
}

static bool answered(struct ff *ff) {
    (void)ff;
    return far.answers >= 1;
}

static void commands_are_answered(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;
    char big[FORWARD_COMMAND_MAX + 100];

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    far_command("{\"id\":\"c1\",\"incident\":\"" ID("0001") "\",\"action\":\"acknowledge\"}");
    assert_true(ff_until(&ff, answered, FF_PATIENCE));
    assert_int_equal(ff.commands, 1);
    assert_string_equal(ff.action, "acknowledge");
    assert_string_equal(far.answer, "{\"id\":\"c1\",\"ok\":true,\"revision\":2}");
    far.answers = 0;
    far_command("not json");
    assert_true(ff_until(&ff, answered, FF_PATIENCE));
    assert_non_null(strstr(far.answer, "not JSON"));
    far.answers = 0;
    far_command("7");
    assert_true(ff_until(&ff, answered, FF_PATIENCE));
    assert_non_null(strstr(far.answer, "a command is a JSON object"));
    far.answers = 0;
    memset(big, ' ', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    far_command(big);
    assert_true(ff_until(&ff, answered, FF_PATIENCE));
    assert_non_null(strstr(far.answer, "at most 65536 bytes"));
    assert_int_equal(ff.commands, 1);
    end(&b, &ff);
}

static bool fifty_answers(struct ff *ff) {
    (void)ff;
    return far.answers >= 50;
}

static void commands_have_a_rate(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    for (int i = 0; i < 50; i++)
        far_command("{\"id\":\"c\",\"incident\":\"x\",\"action\":\"note\"}");
    assert_true(ff_until(&ff, fifty_answers, FF_PATIENCE));
    assert_in_range(ff.commands, 20, 30);
    assert_non_null(strstr(far.answer, "more than 20 commands a second"));
    end(&b, &ff);
}

static void no_commands_where_they_are_off(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    p->commands = false;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    far_command("{\"id\":\"c1\"}");
    ff_run(&ff, 200);
    assert_int_equal(ff.commands, 0);
    end(&b, &ff);
}

/* A command that was sent while we were away comes when we are back: the session is kept. */
static void commands_wait_for_us(void **state) {
    struct broker b;
    struct ff ff;
    struct config_platform *p = NULL;

    (void)state;
    if (!begin(&b, &ff, &p))
        skip();
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    ff_stop(&ff);
    far_command("{\"id\":\"while-away\",\"action\":\"note\"}");
    ff_run(&ff, 100);
    ff_start(&ff);
    assert_true(ff_until(&ff, answered, FF_PATIENCE));
    assert_string_equal(ff.command_id, "while-away");
    end(&b, &ff);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipts_confirm),
        cmocka_unit_test(without_a_receipt_it_is_sent_again),
        cmocka_unit_test(receipts_for_something_else),
        cmocka_unit_test(puback_confirms_when_told_so),
        cmocka_unit_test(puback_for_nobody_confirms_nothing),
        cmocka_unit_test(broker_away),
        cmocka_unit_test(compaction_in_flight),
        cmocka_unit_test(the_extreme_does_not_wait),
        cmocka_unit_test(commands_are_answered),
        cmocka_unit_test(commands_have_a_rate),
        cmocka_unit_test(no_commands_where_they_are_off),
        cmocka_unit_test(commands_wait_for_us),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
