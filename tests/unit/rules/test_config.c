/* SPDX-License-Identifier: Apache-2.0
 * gengfu.yaml: every setting by the table, defaults, what hangs together; and the manual's page against the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/file.h"
#include "rules/config_int.h"

static struct report *rep;

static struct config *load(const char *text) {
    struct config *c = NULL;
    report_free(rep);
    rep = NULL;
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(config_load(rep, "gengfu.yaml", text, text ? strlen(text) : 0, &c), 0);
    return c;
}

static int teardown(void **state) {
    (void)state;
    report_free(rep);
    rep = NULL;
    return 0;
}

static void test_defaults(void **state) {
    (void)state;
    struct config *c = load("gateway: {id: gw-1}\n");
    assert_int_equal(report_errors(rep) + report_warnings(rep), 0);
    assert_string_equal(c->id, "gw-1");
    assert_string_equal(c->name, "gw-1");
    assert_false(c->has_place);
    assert_string_equal(c->datum, "WGS84");
    assert_string_equal(c->zone_name, "UTC");
    assert_non_null(c->zone);
    assert_int_equal(c->late_tolerance, 3600000);
    assert_string_equal(c->broker.host, "localhost");
    assert_int_equal(c->broker.port, 1883);
    assert_string_equal(c->broker.client_id, "gengfu-gw-1");
    assert_int_equal(c->broker.protocol, 5);
    assert_false(c->broker.tls.on);
    assert_true(c->broker.tls.verify);
    assert_int_equal(c->coalesce, 10);
    assert_int_equal(c->batch_max, 1000);
    assert_int_equal(c->commit_wait, 500);
    assert_string_equal(c->store_path, "/var/lib/gengfu/gengfu.db");
    assert_int_equal(c->journal_max_age, 14 * 86400000LL);
    assert_int_equal(c->journal_max_bytes, 512LL << 20);
    assert_string_equal(c->socket, "/run/gengfu/gengfu.sock");
    assert_string_equal(c->socket_group, "gengfu");
    assert_int_equal(c->max_payload, 256 << 10);
    assert_int_equal(c->max_devices, 100000);
    assert_int_equal(c->max_keys, 10000);
    assert_int_equal(c->nplatforms, 0);
    config_free(c);
    config_free(NULL);
}

static void test_everything(void **state) {
    (void)state;
    struct config *c = load(
        "gateway: {id: gw-1, name: 澜溪社区, lat: 30.5, lon: -119, datum: GCJ-02, zone: Asia/Shanghai, late_tolerance: 5m}\n"
        "broker: {host: b.example, port: 8884, client_id: x, user: u, password_file: p, protocol: 4, keepalive: 60, session_expiry: 1d, receive_maximum: 7,\n"
        "  tls: {ca: /ca, cert: /cert, key: /key}, coalesce: 50ms, batch_max: 20, commit_wait: 1s}\n"
        "store: {path: /tmp/x.db, journal_max_age: 7d, journal_max_bytes: 2GB, closed_max_age: 30d, outbox_max_bytes: 10MB}\n"
        "control: {socket: /tmp/s, group: adm}\n"
        "limits: {max_payload: 1MB, max_devices: 10, max_keys: 20}\n"
        "platforms:\n"
        "  - {platform: city, type: mqtt, host: c.example, tls: true, user: u, password_file: p, prefix: a/b, confirm: puback, receipt_timeout: 5s, level: district,\n"
        "     when: \"incident.severity in ['severe']\", commands: false, in_flight: 3, retry_min: 2s, retry_max: 1m}\n"
        "  - {platform: town, type: https, url: 'https://t.example/x', secret_file: s, token_file: t, timeout: 9s, poll: 30s}\n"
        "  - {platform: bench, type: file, path: /tmp/i.jsonl}\n"
        "  - {platform: here, type: https, url: 'http://127.0.0.1:8080/x', secret_file: s}\n"
        "  - {platform: plain, type: mqtt, host: '::1'}\n"
        "  - {platform: screen, type: mqtt, host: '::1', prefix: screen, detail: public}\n");
    struct buf b;
    buf_init(&b, 0);
    report_print(rep, &b, false);
    assert_string_equal(b.data, "");
    buf_done(&b);
    assert_true(c->has_place && c->lat == 30.5 && c->lon == -119);
    assert_string_equal(c->datum, "GCJ-02");
    assert_int_equal(zone_offset(c->zone, 0), 8 * 3600);
    assert_true(c->broker.port == 8884 && c->broker.protocol == 4 && c->broker.keepalive == 60 && c->broker.session_expiry == 86400000 &&
                c->broker.receive_maximum == 7);
    assert_string_equal(c->broker.tls.ca, "/ca");
    assert_true(c->broker.tls.on && c->broker.tls.verify);
    assert_true(c->coalesce == 50 && c->batch_max == 20 && c->commit_wait == 1000);
    assert_true(c->journal_max_bytes == 2LL << 30 && c->outbox_max_bytes == 10 << 20 && c->closed_max_age == 30 * 86400000LL);
    assert_int_equal(c->nplatforms, 6);
    const struct config_platform *p = &c->platforms[0];
    assert_true(p->type == PLATFORM_MQTT && p->mqtt.tls.on && p->mqtt.port == 8883 && p->confirm_puback && p->receipt_timeout == 5000 &&
                !p->commands && p->in_flight == 3);
    assert_true(p->when && p->retry_min == 2000 && p->retry_max == 60000);
    assert_string_equal(p->level, "district");
    assert_string_equal(p->prefix, "a/b");
    assert_string_equal(p->mqtt.client_id, "gengfu-gw-1-city");
    p = &c->platforms[1];
    assert_true(p->type == PLATFORM_HTTPS && p->tls.on && p->tls.verify && p->timeout == 9000 && p->poll == 30000 && p->commands &&
                p->in_flight == 16);
    assert_true(c->platforms[2].type == PLATFORM_FILE && !c->platforms[2].commands);
    assert_false(c->platforms[3].tls.on);
    assert_true(c->platforms[4].mqtt.port == 1883 && strcmp(c->platforms[4].prefix, "gengfu") == 0 && !c->platforms[4].public_only);
    assert_true(c->platforms[5].public_only && !c->platforms[5].commands);
    config_free(c);
}

static void test_nothing(void **state) {
    (void)state;
    struct config *c = load(NULL);
    assert_string_equal(c->id, "gengfu");
    assert_int_equal(report_errors(rep), 0);
    config_free(c);
    c = load("");
    assert_string_equal(report_first(rep), "gengfu.yaml:1:1: the configuration needs 'gateway'");
    config_free(c);
    c = load("broker: {}\n");
    assert_string_equal(report_first(rep), "gengfu.yaml:1:1: the configuration needs 'gateway'");
    config_free(c);
    c = load("gateway:\n");
    assert_string_equal(report_first(rep), "gengfu.yaml:1:1: the configuration needs 'gateway'");
    config_free(c);
    c = load("gateway: {}\n");
    assert_string_equal(report_first(rep), "gengfu.yaml:1:10: 'gateway' needs 'id'");
    config_free(c);
    c = load("gateway: [\n");
    assert_int_equal(report_errors(rep), 1);
    config_free(c);
}

static void test_many_platforms(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_puts(&b, "gateway: {id: g}\nplatforms:\n");
    for (int i = 0; i <= CONFIG_MAX_PLATFORMS; i++)
        buf_printf(&b, "  - {platform: p%d, type: file, path: /tmp/x}\n", i);
    struct config *c = load(b.data);
    assert_string_equal(report_first(rep), "gengfu.yaml:19:5: more than 16 platforms");
    assert_int_equal(c->nplatforms, 16);
    config_free(c);
    buf_done(&b);
}

/* Every line of the table can be said, and its default and its limits are what the table says. */
static void test_table(void **state) {
    (void)state;
    assert_true(config_settings_count > 50);
    for (size_t i = 0; i < config_settings_count; i++) {
        const struct setting *s = &config_settings[i];
        assert_true(s->key[0] && s->about[0] && s->about[strlen(s->about) - 1] == '.');
        bool of_platform = s->section == SECTION_PLATFORM || s->section == SECTION_PLATFORM_TLS;
        assert_int_equal(s->platforms != 0, of_platform);
        if (s->type == SETTING_INT || s->type == SETTING_DOUBLE || s->type == SETTING_SPAN || s->type == SETTING_SIZE)
            assert_true(s->min < s->max);
        for (size_t k = 0; k < i; k++)
            assert_false(config_settings[k].section == s->section && strcmp(config_settings[k].key, s->key) == 0);
    }
}

/* docs/configuration.md holds the table as the program has it. */
static void test_docs(void **state) {
    (void)state;
    static const char begin[] = "<!-- settings -->\n", end[] = "<!-- /settings -->\n";
    struct buf doc, want;
    struct err err = {0};
    buf_init(&doc, 0);
    buf_init(&want, 0);
    if (file_read("docs/configuration.md", &doc, &err) < 0)
        fail_msg("%s", err.text);
    config_print_settings(&want);
    char *from = strstr(doc.data, begin), *to = strstr(doc.data, end);
    assert_true(from && to && from < to);
    *to = '\0';
    if (strcmp(from + strlen(begin), want.data) != 0)
        fail_msg("docs/configuration.md differs from the table of settings; between the marks must stand:\n%s", want.data);
    buf_done(&doc);
    buf_done(&want);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)
static void told(const char *text, const char *part) {
    config_free(load(text));
    struct buf b;
    buf_init(&b, 1 << 20);
    report_print(rep, &b, false);
    if (part ? report_errors(rep) != 1 || !strstr(b.data, part) : report_errors(rep) != 0) {
        print_error("%s\n%s", text, b.data);
        fail();
    }
    buf_done(&b);
}

/* Two MQTT platforms at one broker must not share topics, or a client id. */
static void test_platforms_do_not_meet(void **state) {
    (void)state;
#define GW "gateway: {id: gw-1}\nbroker: {host: b.example}\nplatforms:\n  - {platform: one, type: mqtt, "
#define AND "}\n  - {platform: two, type: mqtt, "
    told(GW "host: c.example" AND "host: d.example}\n", NULL);
    told(GW "host: c.example, prefix: one" AND "host: c.example, prefix: two}\n", NULL);
    told(GW "host: c.example, prefix: one" AND "host: c.example, prefix: one-more}\n", NULL);
    told(GW "host: c.example" AND "host: c.example, port: 1884}\n", NULL);
    told(GW "host: c.example" AND "host: c.example}\n", "share the topics below gengfu/gw-1");
    told(GW "host: c.example" AND "host: c.example, port: 1883}\n", "share the topics");
    told(GW "host: c.example, tls: true" AND "host: c.example, port: 8883}\n", "share the topics");
    told(GW "host: c.example, prefix: a" AND "host: c.example, prefix: a/gw-1/incidents}\n",
         "share the topics below a/gw-1/incidents/gw-1");
    told(GW "host: c.example, prefix: a, client_id: x" AND "host: c.example, prefix: b, client_id: x}\n", "have the same client_id");
    told(GW "host: b.example, client_id: gengfu-gw-1" AND "host: c.example}\n", NULL);
    struct config *c = load(GW "host: c.example, prefix: a" AND "host: c.example, prefix: b}\n");
    assert_string_equal(c->platforms[0].mqtt.client_id, "gengfu-gw-1-one");
    assert_string_equal(c->platforms[1].mqtt.client_id, "gengfu-gw-1-two");
    config_free(c);
}

static void test_what_a_platform_may_do(void **state) {
    (void)state;
    struct config *c =
        load(GW "host: c.example, commands: [acknowledge, evaluate]" AND "host: d.example, commands: false}\n"
                "  - {platform: three, type: mqtt, host: e.example, commands: []}\n  - {platform: four, type: mqtt, host: f.example}\n");
    static const unsigned wanted[] = {0x81, 0, 0, 0xff};
    assert_int_equal(report_errors(rep), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(c->platforms[i].actions, wanted[i]);
        assert_int_equal(c->platforms[i].commands, wanted[i] != 0);
    }
    config_free(c);
    told(GW "host: c.example, commands: [explode]}\n", "acknowledge");
    told(GW "host: c.example, commands: some}\n", "commands");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_defaults),       T(test_everything), T(test_nothing), T(test_platforms_do_not_meet), T(test_what_a_platform_may_do),
        T(test_many_platforms), T(test_table),      T(test_docs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
