/* SPDX-License-Identifier: Apache-2.0
 * The HTTPS platform against a stand-in with real TLS: signature, token, client certificate, every kind of answer and non-answer, Retry-After, commands by reply and by poll. */
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
#include "forward/https_int.h"
#include "forward_fixture.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "standin.h"

#define ID(n) "01J0000000000000000000" n

static struct certs certs;
static struct standin far;
static struct ff ff;
static struct config_platform *p;
static char url[128];

static int group_setup(void **state) {
    (void)state;
    (void)certs_make(&certs);
    return 0;
}

static int group_teardown(void **state) {
    (void)state;
    if (certs.dir[0] != '\0')
        certs_done(&certs);
    return 0;
}

static bool begin_with(const char *cert, const char *key, const char *client_ca) {
    if (certs.dir[0] == '\0' || !standin_start(&far, cert, key, client_ca))
        return false;
    ff_setup(&ff);
    p = ff_platform(&ff, "city", PLATFORM_HTTPS);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/in/incidents?tenant=7", far.port);
    p->url = url;
    p->tls.ca = certs.ca;
    return true;
}

static bool begin(void) { return begin_with(certs.server, certs.server_key, NULL); }

static void end(void) {
    ff_teardown(&ff);
    standin_done(&far);
}

static void secret_file(char *path, size_t size, const char *name, const char *text) {
    (void)snprintf(path, size, "%s/%s", ff.dir, name);
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
    if (!begin())
        skip();
    buf_init(&content, 0);
    buf_init(&expected, 0);
    buf_puts(&expected, "whsec_");
    base64_encode(&expected, key, sizeof(key) - 1);
    buf_putc(&expected, '\n');
    secret_file(secret, sizeof(secret), "secret", expected.data);
    secret_file(token, sizeof(token), "token", "t0ken\n");
    p->secret_file = secret;
    p->token_file = token;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_SEVERE);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *text = standin_requests(&far);

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
    end();
}

static int posts(void) {
    char *text = standin_requests(&far);
    int n = ff_count(text, "\"method\": \"POST\"");

    free(text);
    return n;
}

static bool is_dead(struct ff *f) { return ff_dead(f, "city") > 0; }

static void refused_for_good(void **state) {
    struct forward_stats st;
    struct err err = {0};
    size_t rows = 0;

    (void)state;
    if (!begin())
        skip();
    standin_mode(&far, "status 422");
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, is_dead, FF_PATIENCE));
    ff_run(&ff, 500);
    assert_int_equal(posts(), 1);
    ff_stats(&ff, 0, &st);
    assert_int_equal(st.dead, 1);
    assert_non_null(strstr(st.why, "HTTP 422"));
    assert_non_null(strstr(st.why, "as told"));
    assert_true(st.reachable);
    standin_mode(&far, "ok");
    assert_int_equal(store_outbox_resend(ff.store, NULL, "city", ID("0001"), ff_wall(&ff), &rows, &err), 0);
    forward_wake(ff.forward);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    end();
}

static bool has_one_post(struct ff *f) {
    (void)f;
    return posts() >= 1;
}

/* A token that has run out must cost no incident: nothing is dead, nothing is asked in haste, and a reload after the renewal ends it. */
static void unauthorized(void **state) {
    static const char *const modes[] = {"status 401", "status 407"};
    struct forward_stats st;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (!begin())
            skip();
        p->retry_max = 60000;
        standin_mode(&far, modes[i]);
        ff_start(&ff);
        for (int k = 0; k < 3; k++) {
            char id[40];

            (void)snprintf(id, sizeof(id), ID("%04d"), k);
            ff_incident(&ff, id, 1, SEVERITY_MINOR);
        }
        assert_true(ff_until(&ff, has_one_post, FF_PATIENCE));
        ff_run(&ff, 1500);
        assert_in_range(posts(), 1, 3); /* what was in flight together */
        assert_int_equal(ff_dead(&ff, "city"), 0);
        assert_int_equal(ff_waiting(&ff, "city"), 3);
        ff_stats(&ff, 0, &st);
        assert_false(st.reachable);
        assert_non_null(strstr(st.why, "unauthorized"));
        assert_non_null(strstr(st.why, modes[i] + 7));
        standin_mode(&far, "ok");
        forward_renew(ff.forward);
        assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
        ff_stats(&ff, 0, &st);
        assert_true(st.reachable);
        end();
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

        if (!begin())
            skip();
        secret_file(secret, sizeof(secret), "secret", "whsec_c2lnbmluZy1zZWNyZXQtMTIz\n");
        secret_file(token, sizeof(token), "token", "tok-9f8e7d6c5b4a3f2e1d0c\n");
        p->secret_file = secret;
        p->token_file = token;
        standin_mode(&far, modes[i]);
        ff_start(&ff);
        ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
        assert_true(ff_until(&ff, has_one_post, FF_PATIENCE));
        ff_run(&ff, 300);
        ff_stats(&ff, 0, &st);
        assert_non_null(strstr(st.why, "Bearer ***"));
        assert_non_null(strstr(st.why, "/in/incidents?***"));
        for (size_t k = 0; k < sizeof(hidden) / sizeof(hidden[0]); k++)
            assert_null(strstr(st.why, hidden[k]));
        end();
    }
}

static void again_after(const char *mode) {
    if (!begin())
        skip();
    standin_mode(&far, mode);
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_int_equal(posts(), 2);
    assert_int_equal(ff_dead(&ff, "city"), 0);
    end();
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
        if (!begin())
            skip();
        standin_mode(&far, modes[i]);
        ff_start(&ff);
        int64_t before = clock_wall();

        ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
        assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
        assert_in_range(clock_wall() - before, 1900, 6000);
        assert_int_equal(posts(), 2);
        end();
    }
}

static void an_unsure_answer_is_none(void **state) {
    struct forward_stats st;
    static const char *const modes[] = {"half", "drop", "slow 5", "redirect"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        if (!begin())
            skip();
        p->timeout = 1000;
        standin_mode(&far, modes[i]);
        ff_start(&ff);
        ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
        assert_true(ff_until(&ff, has_one_post, FF_PATIENCE));
        ff_run(&ff, 1200);
        assert_int_equal(ff_waiting(&ff, "city"), 1);
        assert_int_equal(ff_dead(&ff, "city"), 0);
        ff_stats(&ff, 0, &st);
        assert_true(st.failed > 0);
        assert_true(st.why[0] != '\0');
        if (i == 3)
            assert_non_null(strstr(st.why, "redirects are not followed"));
        standin_mode(&far, "ok");
        assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
        char *text = standin_requests(&far);

        assert_int_equal(ff_count(text, "/elsewhere"), 0);
        free(text);
        end();
    }
}

static void a_long_reply_confirms_and_is_not_kept(void **state) {
    (void)state;
    if (!begin())
        skip();
    standin_mode(&far, "long 5000000");
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_int_equal(posts(), 1);
    end();
}

/* Kept busy for a second, one place at a time is used; the rows' tries are not spent on a platform that is away. */
static void platform_away(void **state) {
    struct forward_stats st;

    (void)state;
    if (!begin())
        skip();
    ff_start(&ff);
    standin_stop(&far);
    for (int i = 0; i < 8; i++) {
        char id[40];

        (void)snprintf(id, sizeof(id), "01J0000000000000000000%04d", i);
        ff_incident(&ff, id, 1, i == 5 ? SEVERITY_EXTREME : SEVERITY_MINOR);
    }
    ff_incident(&ff, ID("0003"), 2, SEVERITY_MINOR);
    ff_run(&ff, 1000);
    assert_int_equal(ff_waiting(&ff, "city"), 8);
    ff_stats(&ff, 0, &st);
    assert_false(st.reachable);
    assert_int_equal(ff.downs, 1);
    assert_true(st.failed < 60);
    char *before = ff_read(ff.file);

    free(before);
    struct arena a;
    struct outbox_row rows[8];
    struct err err = {0};

    arena_init(&a, 4096, 0);
    assert_int_equal(store_outbox_next(ff.store, "city", ff_wall(&ff), NULL, 0, 8, &a, rows, &err), 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rows[i].attempts, 0);
    arena_done(&a);
    standin_again(&far);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *text = standin_requests(&far);
    const char *first = strstr(text, "webhook-id");

    assert_non_null(first);
    assert_int_equal(strncmp(strchr(first + 11, '0'), ID("0005"), 26), 0);
    assert_int_equal(ff_count(text, "\"method\": \"POST\""), 8);
    assert_int_equal(ff_count(text, ID("0003") ".1"), 0);
    free(text);
    assert_int_equal(ff.ups, 1);
    end();
}

/* One message that the platform stumbles over must not keep the others. */
static void poison(void **state) {
    (void)state;
    if (!begin())
        skip();
    p->in_flight = 1;
    standin_mode(&far, "poison " ID("0002"));
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_EXTREME);
    ff_incident(&ff, ID("0003"), 1, SEVERITY_MINOR);
    ff_run(&ff, 1000);
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    standin_mode(&far, "ok");
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    end();
}

static void refused_tls(const char *cert, const char *key, const char *ca, const char *part) {
    struct forward_stats st;

    if (!begin_with(cert, key, NULL))
        skip();
    p->tls.ca = ca;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&ff, 400);
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    assert_int_equal(posts(), 0);
    ff_stats(&ff, 0, &st);
    assert_false(st.reachable);
    if (strstr(st.why, part) == NULL)
        fail_msg("why: %s", st.why);
    p->tls.verify = false;
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    end();
}

static void who_is_not_believed(void **state) {
    (void)state;
    refused_tls(certs.stranger, certs.stranger_key, certs.ca, "its certificate is for another name");
    refused_tls(certs.expired, certs.expired_key, certs.ca, "its certificate has run out");
    refused_tls(certs.server, certs.server_key, certs.other_ca, "from an authority that is not trusted here");
    refused_tls(certs.own, certs.own_key, certs.ca, "its certificate is self-signed");
}

/* One that speaks nothing newer than `speaks` when at least `wanted` is asked for; verification has nothing to do with it. */
static void refused_version(const char *speaks, enum tls_version wanted) {
    struct forward_stats st;
    int port = free_port();
    pid_t server = certs_old_server(&certs, port, speaks);

    ff_setup(&ff);
    p = ff_platform(&ff, "city", PLATFORM_HTTPS);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    p->url = url;
    p->tls = (struct config_tls){.on = true, .min_version = wanted};
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&ff, 300);
    ff_stats(&ff, 0, &st);
    assert_false(st.reachable);
    if (strstr(st.why, "no version of TLS that is recent enough") == NULL)
        fail_msg("why: %s", st.why);
    ff_teardown(&ff);
    certs_server_end(server);
}

static void old_versions(void **state) {
    (void)state;
    if (certs.dir[0] == '\0')
        skip();
    refused_version("-tls1_1", TLS_1_2);
    refused_version("-tls1_2", TLS_1_3);
}

static int seen_as(const char *name) {
    char part[128], *requests = standin_requests(&far);

    (void)snprintf(part, sizeof(part), "\"client\": \"gengfu test %s\"", name);
    int n = ff_count(requests, part);

    free(requests);
    return n;
}

/* New files over the old ones, one after the other: half of a renewal changes nothing, the whole is taken by the next request; nothing is lost between. */
static void renewed_client_certificate(void **state) {
    char from[2][128];
    struct forward_stats st;

    (void)state;
    if (!begin_with(certs.server, certs.server_key, certs.ca))
        skip();
    certs_leaf(&certs, "second", "DNS:gateway.example", "30");
    for (int i = 0; i < 2; i++)
        (void)snprintf(from[i], sizeof(from[i]), "%s/second.%s", certs.dir, i == 0 ? "pem" : "key");
    p->tls.cert = certs.client;
    p->tls.key = certs.client_key;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    ff_stats(&ff, 0, &st);
    assert_true(st.peer_not_after > clock_wall() + 29 * TIME_DAY && st.peer_not_after < clock_wall() + 31 * TIME_DAY);
    assert_int_equal(rename(from[0], certs.client), 0);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_int_equal(seen_as("client"), 2);
    assert_int_equal(rename(from[1], certs.client_key), 0);
    ff_incident(&ff, ID("0003"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_int_equal(seen_as("client"), 2);
    assert_int_equal(seen_as("second"), 1);
    end();
    certs_leaf(&certs, "client", "DNS:gateway.example", "30");
}

/* The authority that is trusted is renewed as well: what the former one signed is not believed any longer, also not on a connection that is open still. */
static void renewed_authority(void **state) {
    char ca[128], other[600];

    (void)state;
    if (!begin())
        skip();
    (void)snprintf(ca, sizeof(ca), "%s/trusted.pem", ff.dir);
    (void)snprintf(other, sizeof(other), "cp %s %s", certs.ca, ca);
    assert_int_equal(system(other), 0);
    p->tls.ca = ca;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    (void)snprintf(other, sizeof(other), "cp %s %s.new && mv %s.new %s", certs.other_ca, ca, ca, ca);
    assert_int_equal(system(other), 0);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_MINOR);
    ff_run(&ff, 400);
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    end();
}

static void client_certificate(void **state) {
    (void)state;
    if (!begin_with(certs.server, certs.server_key, certs.ca))
        skip();
    p->tls.cert = certs.client;
    p->tls.key = certs.client_key;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    end();
    if (!begin_with(certs.server, certs.server_key, certs.ca))
        skip();
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&ff, 400);
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    assert_int_equal(ff_dead(&ff, "city"), 0);
    end();
}

static void plain_to_this_machine(void **state) {
    (void)state;
    if (!begin_with(NULL, NULL, NULL))
        skip();
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/in", far.port);
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    end();
}

static bool has_answer(struct ff *f) {
    char *text = standin_requests(&far);
    bool found = strstr(text, "/answers\"") != NULL;

    (void)f;
    free(text);
    return found;
}

static bool has_two_answers(struct ff *f) {
    char *text = standin_requests(&far);
    int n = ff_count(text, "/answers\"");

    (void)f;
    free(text);
    return n >= 2;
}

static void commands_in_the_reply(void **state) {
    (void)state;
    if (!begin())
        skip();
    standin_mode(
        &far,
        "commands [{\"id\": \"c1\", \"incident\": \"x\", \"action\": \"acknowledge\"}, {\"id\": \"c2\", \"incident\": \"x\", \"action\": \"note\"}]");
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, has_two_answers, FF_PATIENCE));
    assert_int_equal(ff.commands, 2);
    assert_string_equal(ff.action, "note");
    char *text = standin_requests(&far);

    assert_non_null(strstr(text, "\"path\": \"/in/incidents/answers\""));
    assert_non_null(strstr(text, "{\\\"id\\\":\\\"c1\\\",\\\"ok\\\":true,\\\"revision\\\":2}"));
    free(text);
    end();
}

static void answers_are_tried_again(void **state) {
    (void)state;
    if (!begin())
        skip();
    standin_mode(&far, "commands [{\"id\": \"c1\", \"incident\": \"x\", \"action\": \"note\"}]");
    standin_file(&far, "answers-mode", "status 503");
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, has_two_answers, FF_PATIENCE));
    standin_file(&far, "answers-mode", "ok");
    ff_run(&ff, 900);
    standin_forget(&far);
    ff_run(&ff, 600);
    assert_false(has_answer(&ff)); /* it has been taken */
    assert_int_equal(ff.commands, 1);
    end();
}

static bool has_command(struct ff *f) { return f->commands > 0; }

static void commands_by_poll(void **state) {
    (void)state;
    if (!begin())
        skip();
    p->poll = 50;
    ff_start(&ff);
    standin_file(&far, "commands", "[{\"id\": \"p 1\", \"incident\": \"x\", \"action\": \"close\"}]");
    assert_true(ff_until(&ff, has_command, FF_PATIENCE));
    assert_string_equal(ff.command_id, "p 1");
    assert_true(ff_until(&ff, has_answer, FF_PATIENCE));
    ff_run(&ff, 1500);
    char *text = standin_requests(&far);

    assert_non_null(strstr(text, "/in/incidents/commands?gateway=gw-test&after=\""));
    assert_non_null(strstr(text, "/in/incidents/commands?gateway=gw-test&after=p%201\""));
    free(text);
    end(); /* while a poll is held */
}

static void stops_in_the_middle(void **state) {
    (void)state;
    if (!begin())
        skip();
    p->timeout = 20000;
    standin_mode(&far, "slow 10");
    ff_start(&ff);
    for (int i = 0; i < 6; i++) {
        char id[40];

        (void)snprintf(id, sizeof(id), "01J0000000000000000000%04d", i);
        ff_incident(&ff, id, 1, SEVERITY_MINOR);
    }
    assert_true(ff_until(&ff, has_one_post, FF_PATIENCE));
    ff_stop(&ff);
    assert_int_equal(ff_waiting(&ff, "city"), 6);
    end();
}

static void a_secret_that_is_none(void **state) {
    char secret[160];
    struct forward_stats st;

    (void)state;
    if (!begin())
        skip();
    secret_file(secret, sizeof(secret), "secret", "!!! not base64 !!!\n");
    p->secret_file = secret;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&ff, 300);
    assert_int_equal(ff_waiting(&ff, "city"), 1);
    ff_stats(&ff, 0, &st);
    assert_non_null(strstr(st.why, "not base64"));
    assert_int_equal(posts(), 0);
    end();
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
        cmocka_unit_test(an_unsure_answer_is_none),
        cmocka_unit_test(a_long_reply_confirms_and_is_not_kept),
        cmocka_unit_test(platform_away),
        cmocka_unit_test(poison),
        cmocka_unit_test(who_is_not_believed),
        cmocka_unit_test(client_certificate),
        cmocka_unit_test(old_versions),
        cmocka_unit_test(renewed_client_certificate),
        cmocka_unit_test(renewed_authority),
        cmocka_unit_test(plain_to_this_machine),
        cmocka_unit_test(commands_in_the_reply),
        cmocka_unit_test(answers_are_tried_again),
        cmocka_unit_test(commands_by_poll),
        cmocka_unit_test(stops_in_the_middle),
        cmocka_unit_test(a_secret_that_is_none),
        cmocka_unit_test(retry_after_texts),
        cmocka_unit_test(signature_of_the_standard),
        cmocka_unit_test(addresses),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
