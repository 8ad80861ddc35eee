/* SPDX-License-Identifier: Apache-2.0
 * Who is believed to be the HTTPS platform, and as whom we come: names, dates, authorities, versions of TLS, and certificates that are renewed while we run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "https_fixture.h"

#define ID(n) "01J0000000000000000000" n

static void refused_tls(const char *cert, const char *key, const char *ca, const char *part) {
    struct forward_stats st;

    if (!https_fx_begin(cert, key, NULL))
        skip();
    fx.p->tls.ca = ca;
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&fx.ff, 400);
    assert_int_equal(ff_waiting(&fx.ff, "city"), 1);
    assert_int_equal(https_fx_posts(), 0);
    ff_stats(&fx.ff, 0, &st);
    assert_false(st.reachable);
    if (strstr(st.why, part) == NULL)
        fail_msg("why: %s", st.why);
    fx.p->tls.verify = false;
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    https_fx_end();
}

static void who_is_not_believed(void **state) {
    (void)state;
    refused_tls(fx.certs.stranger, fx.certs.stranger_key, fx.certs.ca, "its certificate is for another name");
    refused_tls(fx.certs.expired, fx.certs.expired_key, fx.certs.ca, "its certificate has run out");
    refused_tls(fx.certs.server, fx.certs.server_key, fx.certs.other_ca, "from an authority that is not trusted here");
    refused_tls(fx.certs.own, fx.certs.own_key, fx.certs.ca, "its certificate is self-signed");
}

/* One that speaks nothing newer than `speaks` when at least `wanted` is asked for; verification has nothing to do with it. */
static void refused_version(const char *speaks, enum tls_version wanted) {
    struct forward_stats st;
    int port = free_port();
    pid_t server = certs_old_server(&fx.certs, port, speaks);

    ff_setup(&fx.ff);
    fx.p = ff_platform(&fx.ff, "city", PLATFORM_HTTPS);
    (void)snprintf(fx.url, sizeof(fx.url), "https://127.0.0.1:%d/", port);
    fx.p->url = fx.url;
    fx.p->tls = (struct config_tls){.on = true, .min_version = wanted};
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&fx.ff, 300);
    ff_stats(&fx.ff, 0, &st);
    assert_false(st.reachable);
    if (strstr(st.why, "no version of TLS that is recent enough") == NULL)
        fail_msg("why: %s", st.why);
    ff_teardown(&fx.ff);
    certs_server_end(server);
}

static void old_versions(void **state) {
    (void)state;
    if (fx.certs.dir[0] == '\0')
        skip();
    refused_version("-tls1_1", TLS_1_2);
    refused_version("-tls1_2", TLS_1_3);
}

static int seen_as(const char *name) {
    char part[128], *requests = standin_requests(&fx.far);

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
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, fx.certs.ca))
        skip();
    certs_leaf(&fx.certs, "second", "DNS:gateway.example", "30");
    for (int i = 0; i < 2; i++)
        (void)snprintf(from[i], sizeof(from[i]), "%s/second.%s", fx.certs.dir, i == 0 ? "pem" : "key");
    fx.p->tls.cert = fx.certs.client;
    fx.p->tls.key = fx.certs.client_key;
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    ff_stats(&fx.ff, 0, &st);
    assert_true(st.peer_not_after > clock_wall() + 29 * TIME_DAY && st.peer_not_after < clock_wall() + 31 * TIME_DAY);
    assert_int_equal(rename(from[0], fx.certs.client), 0);
    ff_incident(&fx.ff, ID("0002"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    assert_int_equal(seen_as("client"), 2);
    assert_int_equal(rename(from[1], fx.certs.client_key), 0);
    ff_incident(&fx.ff, ID("0003"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    assert_int_equal(seen_as("client"), 2);
    assert_int_equal(seen_as("second"), 1);
    https_fx_end();
    certs_leaf(&fx.certs, "client", "DNS:gateway.example", "30");
}

/* The authority that is trusted is renewed as well: what the former one signed is not believed any longer, also not on a connection that is open still. */
static void renewed_authority(void **state) {
    char ca[128], other[600];

    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, NULL))
        skip();
    (void)snprintf(ca, sizeof(ca), "%s/trusted.pem", fx.ff.dir);
    (void)snprintf(other, sizeof(other), "cp %s %s", fx.certs.ca, ca);
    assert_int_equal(system(other), 0);
    fx.p->tls.ca = ca;
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    (void)snprintf(other, sizeof(other), "cp %s %s.new && mv %s.new %s", fx.certs.other_ca, ca, ca, ca);
    assert_int_equal(system(other), 0);
    ff_incident(&fx.ff, ID("0002"), 1, SEVERITY_MINOR);
    ff_run(&fx.ff, 400);
    assert_int_equal(ff_waiting(&fx.ff, "city"), 1);
    https_fx_end();
}

static void client_certificate(void **state) {
    (void)state;
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, fx.certs.ca))
        skip();
    fx.p->tls.cert = fx.certs.client;
    fx.p->tls.key = fx.certs.client_key;
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    https_fx_end();
    if (!https_fx_begin(fx.certs.server, fx.certs.server_key, fx.certs.ca))
        skip();
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_run(&fx.ff, 400);
    assert_int_equal(ff_waiting(&fx.ff, "city"), 1);
    assert_int_equal(ff_dead(&fx.ff, "city"), 0);
    https_fx_end();
}

static void plain_to_this_machine(void **state) {
    (void)state;
    if (!https_fx_begin(NULL, NULL, NULL))
        skip();
    (void)snprintf(fx.url, sizeof(fx.url), "http://127.0.0.1:%d/in", fx.far.port);
    ff_start(&fx.ff);
    ff_incident(&fx.ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&fx.ff, ff_empty, FF_PATIENCE));
    https_fx_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_not_believed),        cmocka_unit_test(client_certificate), cmocka_unit_test(old_versions),
        cmocka_unit_test(renewed_client_certificate), cmocka_unit_test(renewed_authority),  cmocka_unit_test(plain_to_this_machine),
    };

    return cmocka_run_group_tests(tests, https_fx_group_setup, https_fx_group_teardown);
}
