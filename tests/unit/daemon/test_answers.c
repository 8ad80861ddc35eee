/* SPDX-License-Identifier: Apache-2.0
 * Answers to a platform's commands over links that break: each is published until the platform's broker has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "daemon_fixture.h"

static int answers;

static void on_publish(struct mqtt *m, const char *topic, const char *payload, size_t len) {
    (void)m;
    (void)payload;
    (void)len;
    answers += strcmp(topic, "gengfu/gw/answers") == 0;
}

static void link_again(struct dfx *f) {
    still_up(dfx_city(f), false, true);
    still_up(dfx_city(f), true, true);
}

static void an_answer_outlives_its_link(void **state) {
    static const char first[] = "{\"id\":\"c1\",\"incident\":\"none\",\"action\":\"acknowledge\"}";
    static const char second[] = "{\"id\":\"c2\",\"incident\":\"none\",\"action\":\"acknowledge\"}";
    struct dfx f;
    struct err err = {0};

    (void)state;
    dfx_init(&f, NULL);
    assert_int_equal(dfx_start(&f, &err), 0);
    still_on_publish = on_publish;
    still_up(dfx_city(&f), true, true);
    dfx_platform(&f, "commands", first, sizeof(first) - 1);
    assert_int_equal(answers, 1);
    link_again(&f); /* before the broker had it */
    assert_int_equal(answers, 2);
    dfx_platform(&f, "commands", second, sizeof(second) - 1);
    assert_int_equal(answers, 3);
    still_published(dfx_city(&f), true);
    link_again(&f);
    assert_int_equal(answers, 3);
    dfx_platform(&f, "commands", first, sizeof(first) - 1);
    still_up(dfx_city(&f), false, true);
    dfx_stop(&f);
    dfx_done(&f);
}

/* One that comes in the very turn in which the link is to be closed: it is not applied, and so not acknowledged. */
static void a_command_at_the_end_is_not_acknowledged(void **state) {
    static const char command[] = "{\"id\":\"c1\",\"incident\":\"none\",\"action\":\"acknowledge\"}";
    struct mqtt_message m = {.mid = 7, .qos = 1, .topic = "gengfu/gw/commands", .payload = command, .len = sizeof(command) - 1};
    struct dfx f;
    struct err err = {0};

    (void)state;
    dfx_init(&f, NULL);
    assert_int_equal(dfx_start(&f, &err), 0);
    still_up(dfx_city(&f), true, true);
    still_message(dfx_city(&f), &m);
    assert_true(still_batch(dfx_city(&f)));
    m.mid++;
    forward_stop(f.d->forward);
    still_message(dfx_city(&f), &m);
    assert_false(still_batch(dfx_city(&f)));
    dfx_turn(&f, 3);
    assert_null(f.d->forward);
    dfx_stop(&f);
    dfx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_outlives_its_link),
        cmocka_unit_test(a_command_at_the_end_is_not_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
