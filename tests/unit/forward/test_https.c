/* SPDX-License-Identifier: Apache-2.0
 * The HTTPS platform against a stand-in with real TLS: signature, token, every kind of answer and non-answer, Retry-After, commands by reply and by poll. */
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
#include "forward/https_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "https_fixture.h"

#define ID(n) "01J0000000000000000000" n

static void secret_file(char *path, size_t size, const char *name, const char *text) {
    (void)snprintf(path, size, "%s/%s", fx.ff.dir, name);
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

static void posts_signed_and_with_a_token(void **state) {
    char secret[160], token[160];
    struct arena a;
    const cJSON *request;
    struct err err = {0};
    uint8_t mac[32];
    struct buf content, expected;
    static const char key[] = "0123456789abcdef0123456789abcdef";

    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    buf_init(&content, 0);
    buf_init(&expected, 0);
    buf_puts(&expected, "whsec_");
    base64_encode(&expected, key, sizeof(key) - 1);
    buf_putc(&expected, '\n');
    secret_file(secret, sizeof(secret), "secret", expected.data);
    secret_file(token, sizeof(token), "token", "t0ken\n");
    fx.p->secret_file = secret;
    fx.p->token_file = token;
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_SEVERE);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    char *text = standin_requests(&fx.far);

    arena_init(&a, 65536, 0);
    assert_int_equal(json_parse(&a, text, strlen(text), &err, &request), 0); /* exactly one line */
    assert_string_equal(json_str(request, "method", ""), "POST");
    assert_string_equal(json_str(request, "path", ""), "/in/incidents?tenant=7");
    const cJSON *headers = json_get(request, "headers");
    const char *body = json_str(request, "body", ""), *stamp = json_str(headers, "webhook-timestamp", "");

    assert_string_equal(json_str(headers, "content-type", ""), "application/cloudevents+json; charset=utf-8");
    assert_string_equal(json_str(headers, "authorization", ""), "Bearer t0ken");
    assert_string_equal(json_str(headers, "webhook-id", ""), ID("0001") ".1");
    assert_null(json_str(headers, "expect", NULL));
    buf_printf(&content, "%s.%s.%s", ID("0001") ".1", stamp, body);
    assert_int_equal(hmac_sha256(key, sizeof(key) - 1, content.data, content.len, mac), 0);
    buf_clear(&expected);
    buf_puts(&expected, "v1,");
    base64_encode(&expected, mac, sizeof(mac));
    assert_string_equal(json_str(headers, "webhook-signature", ""), expected.data);
    assert_true(llabs(strtoll(stamp, NULL, 10) - clock_wall() / 1000) < 60);
    assert_non_null(strstr(body, "\"type\":\"gengfu.incident.opened\""));
    arena_done(&a);
    buf_done(&content);
    buf_done(&expected);
    free(text);
    https_fx_end();
}

static bool is_dead(struct ff *f) { return ff_dead(f, "city") > 0; }

static void refused_for_good(void **state) {
    struct forward_stats st;
    struct err err = {0};
    size_t rows = 0;

    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    standin_mode(&fx.far, "status 422");
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, is_dead, FF_PATIENCE));
    ff_run(&fx.ff, 500);
    assert_int_equal(https_fx_posts(), 1);
    ff_stats(&fx.ff, 0, &st);
    assert_int_equal(st.dead, 1);
    assert_non_null(strstr(st.why, "HTTP 422"));
    assert_non_null(strstr(st.why, "as told"));
    assert_true(st.reachable);
    standin_mode(&fx.far, "ok");
    assert_int_equal(store_outbox_resend(fx.ff.store, NULL, "city", ~0u, ID("0001"), ff_wall(&fx.ff), &rows, &err), 0);
    forward_wake(fx.ff.forward);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    https_fx_end();
}

static bool has_one_post(struct ff *f) {
    (void)f;
    return https_fx_posts() >= 1;
}

/* A token that has run out must cost no incident: nothing is dead, nothing is asked in haste, and a reload after the renewal ends it. */
static void unauthorized(void **state) {
    static const char *const modes[] = {"status 401", "status 407"};
    struct forward_stats st;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
            skip();
        fx.p->retry_max = 60000;
        standin_mode(&fx.far, modes[i]);
        ff_start(&fx.ff);
        for (int k = 0; k < 3; k++) {
            char id[40];

            (void)snprintf(id, sizeof(id), ID("%04d"), k);
            ff_incident(&fx.ff, id, 1, SEVERITY_MINOR);
        }
        assert_true(ff_until(&fx.ff, has_one_post, FF_PATIENCE));
        ff_run(&fx.ff, 1500);
        assert_in_range(https_fx_posts(), 1, 3); /* what was in flight together */
        assert_int_equal(ff_dead(&fx.ff, "city"), 0);
        assert_int_equal(ff_waiting(&fx.ff, "city"), 3);
        ff_stats(&fx.ff, 0, &st);
        assert_false(st.reachable);
        assert_non_null(strstr(st.why, "unauthorized"));
        assert_non_null(strstr(st.why, modes[i] + 7));
        standin_mode(&fx.far, "ok");
        forward_renew(fx.ff.forward);
        assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
        ff_stats(&fx.ff, 0, &st);
        assert_true(st.reachable);
        https_fx_end();
    }
}

/* What we showed a platform does not come back into the status, the outbox or the log. */
static void secrets_are_not_repeated(void **state) {
    static const char *const hidden[] = {"tok-9f8e7d6c5b4a", "tok-9f8e7d6c", "c2lnbmluZy1zZWNyZXQtMTIz", "tenant=7"};
    static const char *const modes[] = {"echo 401 whsec_c2lnbmluZy1zZWNyZXQtMTIz", "echo 422 whsec_c2lnbmluZy1zZWNyZXQtMTIz",
                                        "echo 500 whsec_c2lnbmluZy1zZWNyZXQtMTIz"};
    char secret[160], token[160];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct forward_stats st;

        if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
            skip();
        secret_file(secret, sizeof(secret), "secret", "whsec_c2lnbmluZy1zZWNyZXQtMTIz\n");
        secret_file(token, sizeof(token), "token", "tok-9f8e7d6c5b4a3f2e1d0c\n");
        fx.p->secret_file = secret;
        fx.p->token_file = token;
        standin_mode(&fx.far, modes[i]);
        ff_start(&fx.ff);
        ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
        assert_true(ff_until(&fx.ff, has_one_post, FF_PATIENCE));
        ff_run(&fx.ff, 300);
        ff_stats(&fx.ff, 0, &st);
        assert_non_null(strstr(st.why, "Bearer ***"));
        assert_non_null(strstr(st.why, "/in/incidents?***"));
        for (size_t k = 0; k < sizeof(hidden) / sizeof(hidden[0]); k++)
            assert_null(strstr(st.why, hidden[k]));
        https_fx_end();
    }
}

static void again_after(const char *mode) {
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    standin_mode(&fx.far, mode);
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    assert_int_equal(https_fx_posts(), 2);
    assert_int_equal(ff_dead(&fx.ff, "city"), 0);
    https_fx_end();
}

static void tried_again(void **state) {
    (void)state;
    again_after("once 500");
    again_after("once 502");
    again_after("once 503");
    again_after("once 403");
    again_after("once 408");
    again_after("once 425");
    again_after("once 429");
}

static void retry_after_is_kept(void **state) {
    static const char *const modes[] = {"once 503 2", "once 429 date+3", "once 500 2"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
            skip();
        standin_mode(&fx.far, modes[i]);
        ff_start(&fx.ff);
        int64_t before = clock_wall();

        ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
        assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
        assert_in_range(clock_wall() - before, 1900, 6000);
        assert_int_equal(https_fx_posts(), 2);
        https_fx_end();
    }
}

static bool is_put_off(struct ff *ff) {
    struct forward_stats st;

    ff_stats(ff, 0, &st);
    return !st.reachable;
}

/* A platform, or a proxy before it, that says "tomorrow" is not the last word: a reload tries at once. */
static void a_reload_ends_the_waiting(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    standin_mode(&fx.far, "once 503 86400");
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_EXTREME);
    assert_true(ff_until(&fx.ff, is_put_off, FF_PATIENCE));
    forward_renew(fx.ff.forward);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    assert_int_equal(https_fx_posts(), 2);
    https_fx_end();
}

static void an_unsure_answer_is_none(void **state) {
    struct forward_stats st;
    static const char *const modes[] = {"half", "drop", "slow 5", "redirect"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
            skip();
        fx.p->timeout = 1000;
        standin_mode(&fx.far, modes[i]);
        ff_start(&fx.ff);
        ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
        assert_true(ff_until(&fx.ff, has_one_post, FF_PATIENCE));
        ff_run(&fx.ff, 1200);
        assert_int_equal(ff_waiting(&fx.ff, "city"), 1);
        assert_int_equal(ff_dead(&fx.ff, "city"), 0);
        ff_stats(&fx.ff, 0, &st);
        assert_true(st.failed > 0);
        assert_true(st.why[0] != '\0');
        if (i == 3)
            assert_non_null(strstr(st.why, "redirects are not followed"));
        standin_mode(&fx.far, "ok");
        assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
        char *text = standin_requests(&fx.far);

        assert_int_equal(ff_count(text, "/elsewhere"), 0);
        free(text);
        https_fx_end();
    }
}

static void a_long_reply_confirms_and_is_not_kept(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    standin_mode(&fx.far, "long 5000000");
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    assert_int_equal(https_fx_posts(), 1);
    https_fx_end();
}

/* Kept busy for a second, one place at a time is used; the rows' tries are not spent on a platform that is away. */
static void platform_away(void **state) {
    struct forward_stats st;

    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    ff_start(&fx.ff);
    standin_stop(&fx.far);
    for (int i = 0; i < 8; i++) {
        char id[40];

        (void)snprintf(id, sizeof(id), "01J0000000000000000000%04d", i);
        ff_incident(&fx.ff, id, 1, i == 5 ? SEVERITY_EXTREME : SEVERITY_MINOR);
    }
    ff_incident(&fx.ff, ID("0003"), 2, SEVERITY_MINOR);
    ff_run(&fx.ff, 1000);
    assert_int_equal(ff_waiting(&fx.ff, "city"), 8);
    ff_stats(&fx.ff, 0, &st);
    assert_false(st.reachable);
    assert_int_equal(fx.ff.downs, 1);
    assert_true(st.failed < 60);
    char *before = ff_read(fx.ff.file);

    free(before);
    struct arena a;
    struct outbox_row rows[8];
    struct err err = {0};

    arena_init(&a, 4096, 0);
    assert_int_equal(store_outbox_next(fx.ff.store, "city", ff_wall(&fx.ff), NULL, 0, 8, &a, rows, &err), 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rows[i].attempts, 0);
    arena_done(&a);
    standin_again(&fx.far);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    char *text = standin_requests(&fx.far);
    const char *first = strstr(text, "webhook-id");

    assert_non_null(first);
    assert_int_equal(strncmp(strchr(first + 11, '0'), ID("0005"), 26), 0);
    assert_int_equal(ff_count(text, "\"method\": \"POST\""), 8);
    assert_int_equal(ff_count(text, ID("0003") ".1"), 0);
    free(text);
    assert_int_equal(fx.ff.ups, 1);
    https_fx_end();
}

/* One message that the platform stumbles over must not keep the others. */
static void poison(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    fx.p->in_flight = 1;
    standin_mode(&fx.far, "poison " ID("0002"));
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_incident(&fx.ff, ID("0002"), 1, SEVERITY_EXTREME);
    ff_incident(&fx.ff, ID("0003"), 1, SEVERITY_MINOR);
    ff_run(&fx.ff, 1000);
    assert_int_equal(ff_waiting(&fx.ff, "city"), 1);
    standin_mode(&fx.far, "ok");
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    https_fx_end();
}

static bool has_answer(struct ff *f) {
    char *text = standin_requests(&fx.far);
    bool found = strstr(text, "/answers\"") != NULL;

    (void)f;
    free(text);
    return found;
}

static bool has_two_answers(struct ff *f) {
    char *text = standin_requests(&fx.far);
    int n = ff_count(text, "/answers\"");

    (void)f;
    free(text);
    return n >= 2;
}

static void commands_in_the_reply(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    standin_mode(
        &fx.far,
        "commands [{\"id\": \"c1\", \"incident\": \"x\", \"action\": \"acknowledge\"}, {\"id\": \"c2\", \"incident\": \"x\", \"action\": \"note\"}]");
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, has_two_answers, FF_PATIENCE));
    assert_int_equal(fx.ff.commands, 2);
    assert_string_equal(fx.ff.action, "note");
    char *text = standin_requests(&fx.far);

    assert_non_null(strstr(text, "\"path\": \"/in/incidents/answers\""));
    assert_non_null(strstr(text, "{\\\"id\\\":\\\"c1\\\",\\\"ok\\\":true,\\\"revision\\\":2}"));
    free(text);
    https_fx_end();
}

static void answers_are_tried_again(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    standin_mode(&fx.far, "commands [{\"id\": \"c1\", \"incident\": \"x\", \"action\": \"note\"}]");
    standin_file(&fx.far, "answers-mode", "status 503");
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, has_two_answers, FF_PATIENCE));
    standin_file(&fx.far, "answers-mode", "ok");
    ff_run(&fx.ff, 900);
    standin_forget(&fx.far);
    ff_run(&fx.ff, 600);
    assert_false(has_answer(&fx.ff)); /* it has been taken */
    assert_int_equal(fx.ff.commands, 1);
    https_fx_end();
}

static bool has_command(struct ff *f) { return f->commands > 0; }

static void commands_by_poll(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    fx.p->poll = 50;
    ff_start(&fx.ff);
    standin_file(&fx.far, "commands", "[{\"id\": \"p 1\", \"incident\": \"x\", \"action\": \"close\"}]");
    assert_true(ff_until(&fx.ff, has_command, FF_PATIENCE));
    assert_string_equal(fx.ff.command_id, "p 1");
    assert_true(ff_until(&fx.ff, has_answer, FF_PATIENCE));
    ff_run(&fx.ff, 1500);
    char *text = standin_requests(&fx.far);

    assert_non_null(strstr(text, "/in/incidents/commands?gateway=gw-test&after=\""));
    assert_non_null(strstr(text, "/in/incidents/commands?gateway=gw-test&after=p%201\""));
    free(text);
    https_fx_end(); /* while a poll is held */
}

static void stops_in_the_middle(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    fx.p->timeout = 20000;
    standin_mode(&fx.far, "slow 10");
    ff_start(&fx.ff);
    for (int i = 0; i < 6; i++) {
        char id[40];

        (void)snprintf(id, sizeof(id), "01J0000000000000000000%04d", i);
        ff_incident(&fx.ff, id, 1, SEVERITY_MINOR);
    }
    assert_true(ff_until(&fx.ff, has_one_post, FF_PATIENCE));
    ff_stop(&fx.ff);
    assert_int_equal(ff_waiting(&fx.ff, "city"), 6);
    https_fx_end();
}

static void a_secret_that_is_none(void **state) {
    char secret[160];
    struct forward_stats st;

    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    secret_file(secret, sizeof(secret), "secret", "!!! not base64 !!!\n");
    fx.p->secret_file = secret;
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&fx.ff, 300);
    assert_int_equal(ff_waiting(&fx.ff, "city"), 1);
    ff_stats(&fx.ff, 0, &st);
    assert_non_null(strstr(st.why, "not base64"));
    assert_int_equal(https_fx_posts(), 0);
    https_fx_end();
}

/* -- texts ----------------------------------------------------------------------------------------------------------------------------------- */

static void retry_after_texts(void **state) {
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"120", 120000},
        {"  7 ", 7000},
        {"0", 0},
        {"99999999999999999999", TIME_DAY},
        {"Thu, 01 Jan 1970 00:02:00 GMT", 20000},
        {"Thu, 01 Jan 1970 00:00:01 GMT", 0},
        {"Fri, 31 Dec 2999 23:59:59 GMT", TIME_DAY},
        {"soon", -1},
        {"", -1},
        {"-5", -1},
        {"1.5", -1},
    };

    (void)state;
    assert_int_equal(curl_load(NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (https_retry_after(cases[i].text, strlen(cases[i].text), 100000) != cases[i].ms)
            fail_msg("'%s' gave %lld", cases[i].text, (long long)https_retry_after(cases[i].text, strlen(cases[i].text), 100000));
}

/* The example of the Standard Webhooks specification's own libraries. */
static void signature_of_the_standard(void **state) {
    struct buf b;
    struct err err = {0};
    const char *body = "{\"test\": 2432232314}";

    (void)state;
    buf_init(&b, 0);
    assert_int_equal(https_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, strlen(body),
                                &b, &err),
                     0);
    assert_string_equal(b.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    buf_clear(&b);
    assert_int_equal(https_sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, strlen(body), &b,
                                &err),
                     0);
    assert_string_equal(b.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(https_sign("whsec_c2hvcnQ=", "x", 1, "", 0, &b, &err), GF_EINVAL);
    buf_done(&b);
}

static void addresses(void **state) {
    bool plain;

    (void)state;
    assert_int_equal(curl_load(NULL), 0);
    assert_true(https_url_allowed("https://platform.example/in", &plain));
    assert_false(plain);
    assert_true(https_url_allowed("http://127.0.0.1:8080/in", &plain));
    assert_true(plain);
    assert_true(https_url_allowed("http://127.8.9.10/", &plain));
    assert_true(https_url_allowed("http://localhost/", &plain));
    assert_true(https_url_allowed("http://[::1]:80/", &plain));
    assert_false(https_url_allowed("http://platform.example/", &plain));
    assert_false(https_url_allowed("http://127.0.0.1.evil.example/", &plain));
    assert_false(https_url_allowed("http://127.0.0.1@evil.example/", &plain));
    assert_false(https_url_allowed("http://10.0.0.1/", &plain));
    assert_false(https_url_allowed("ftp://127.0.0.1/", &plain));
    assert_false(https_url_allowed("file:///etc/passwd", &plain));
    assert_false(https_url_allowed("nonsense", &plain));
    assert_false(https_url_allowed("", &plain));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_signed_and_with_a_token),
        cmocka_unit_test(refused_for_good),
        cmocka_unit_test(unauthorized),
        cmocka_unit_test(secrets_are_not_repeated),
        cmocka_unit_test(tried_again),
        cmocka_unit_test(retry_after_is_kept),
        cmocka_unit_test(a_reload_ends_the_waiting),
        cmocka_unit_test(an_unsure_answer_is_none),
        cmocka_unit_test(a_long_reply_confirms_and_is_not_kept),
        cmocka_unit_test(platform_away),
        cmocka_unit_test(poison),
        cmocka_unit_test(commands_in_the_reply),
        cmocka_unit_test(answers_are_tried_again),
        cmocka_unit_test(commands_by_poll),
        cmocka_unit_test(stops_in_the_middle),
        cmocka_unit_test(a_secret_that_is_none),
        cmocka_unit_test(retry_after_texts),
        cmocka_unit_test(signature_of_the_standard),
        cmocka_unit_test(addresses),
    };

    return cmocka_run_group_tests(tests, https_fx_group_setup, https_fx_group_teardown);
}
