/* SPDX-License-Identifier: Apache-2.0
 * The file platform and what all senders share: order, compaction, the envelope, trouble that passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "forward_fixture.h"
#include "gengfu/base/json.h"

#define ID(n) "01J0000000000000000000" n

static void writes_lines_and_confirms(void **state) {
    struct ff ff;
    struct forward_stats st;

    (void)state;
    ff_setup(&ff);
    (void)ff_platform(&ff, "bench", PLATFORM_FILE);
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_SEVERE);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *text = ff_read(ff.file);

    assert_int_equal(ff_count(text, "\n"), 2);
    assert_int_equal(ff_count(text, "\"id\":\"" ID("0001") ".1\""), 1);
    ff_stats(&ff, 0, &st);
    assert_int_equal(st.confirmed, 2);
    assert_int_equal(st.in_flight, 0);
    assert_true(st.reachable);
    assert_string_equal(st.type, "file");
    assert_true(st.last_confirmed > 0);
    free(text);
    ff_teardown(&ff);
}

static void most_severe_first(void **state) {
    struct ff ff;

    (void)state;
    ff_setup(&ff);
    struct config_platform *p = ff_platform(&ff, "bench", PLATFORM_FILE);

    p->in_flight = 1;
    ff_start(&ff);
    ff_stop(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_MODERATE);
    ff_incident(&ff, ID("0003"), 1, SEVERITY_EXTREME);
    ff_incident(&ff, ID("0004"), 1, SEVERITY_SEVERE);
    ff_incident(&ff, ID("0001"), 2, SEVERITY_MINOR); /* only as it now stands */
    ff_start(&ff);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *text = ff_read(ff.file);
    const char *order[] = {ID("0003") ".1", ID("0004") ".1", ID("0002") ".1", ID("0001") ".2"};
    const char *at = text;

    for (size_t i = 0; i < 4; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    assert_int_equal(ff_count(text, "\n"), 4);
    free(text);
    ff_teardown(&ff);
}

static void rotated_file_is_left_alone(void **state) {
    struct ff ff;
    char old[160];

    (void)state;
    ff_setup(&ff);
    (void)ff_platform(&ff, "bench", PLATFORM_FILE);
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    (void)snprintf(old, sizeof(old), "%s.1", ff.file);
    assert_int_equal(rename(ff.file, old), 0);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *before = ff_read(old), *after = ff_read(ff.file);

    assert_int_equal(ff_count(before, "\n"), 1);
    assert_int_equal(ff_count(after, "\n"), 1);
    assert_non_null(strstr(after, ID("0002")));
    free(before);
    free(after);
    ff_teardown(&ff);
}

static void half_a_line_is_ended(void **state) {
    struct ff ff;

    (void)state;
    ff_setup(&ff);
    (void)ff_platform(&ff, "bench", PLATFORM_FILE);
    FILE *f = fopen(ff.file, "we");

    assert_non_null(f);
    (void)fputs("{\"half\":", f);
    (void)fclose(f);
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *text = ff_read(ff.file);

    assert_int_equal(strncmp(text, "{\"half\":\n{\"specversion\"", 23), 0);
    free(text);
    ff_teardown(&ff);
}

static bool has_trouble(struct ff *ff) { return ff->downs > 0; }

static void trouble_passes(void **state) {
    struct ff ff;
    char dir[160], path[200];
    struct forward_stats st;

    (void)state;
    ff_setup(&ff);
    struct config_platform *p = ff_platform(&ff, "bench", PLATFORM_FILE);

    (void)snprintf(dir, sizeof(dir), "%s/later", ff.dir);
    (void)snprintf(path, sizeof(path), "%s/later/x.jsonl", ff.dir);
    p->path = path;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, has_trouble, FF_PATIENCE));
    assert_non_null(strstr(ff.why, path));
    ff_run(&ff, 500);
    assert_int_equal(ff.downs, 1); /* told once, not with each try */
    assert_int_equal(ff_waiting(&ff, "bench"), 1);
    ff_stats(&ff, 0, &st);
    assert_false(st.reachable);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    assert_int_equal(ff.ups, 1);
    (void)unlink(path);
    (void)rmdir(dir);
    ff_teardown(&ff);
}

static void what_waited_is_marked(void **state) {
    struct ff ff;

    (void)state;
    ff_setup(&ff);
    (void)ff_platform(&ff, "bench", PLATFORM_FILE);
    ff_start(&ff);
    ff_stop(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    ff.wall_ahead = 120000;
    ff_start(&ff);
    ff_incident(&ff, ID("0002"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *text = ff_read(ff.file), *first = strstr(text, ID("0001")), *end;

    assert_non_null(first);
    assert_int_equal(ff_count(text, "\"replayed\":true"), 1);
    end = strchr(first, '\n');
    *end = '\0';
    assert_non_null(strstr(first, "\"replayed\":true"));
    free(text);
    ff_teardown(&ff);
}

static void envelope_is_a_cloudevent(void **state) {
    struct buf b;
    struct arena a;
    const cJSON *doc;
    const char *body = "{\"id\":\"X\",\"times\":{\"updated\":\"2026-01-05T20:00:00+08:00\"}}";
    struct outbox_row row = {
        .incident = "X", .revision = 7, .change = CHANGE_RESOLVED, .severity = SEVERITY_EXTREME, .body = body, .len = strlen(body)};

    (void)state;
    buf_init(&b, 0);
    arena_init(&a, 4096, 0);
    forward_envelope(&b, "gw \"1\"", &row, ENVELOPE_REPLAYED);
    assert_false(b.failed);
    assert_int_equal(json_parse(&a, b.data, b.len, NULL, &doc), 0);
    assert_string_equal(json_str(doc, "specversion", ""), "1.0");
    assert_string_equal(json_str(doc, "id", ""), "X.7");
    assert_string_equal(json_str(doc, "source", ""), "/gengfu/gw \"1\"");
    assert_string_equal(json_str(doc, "type", ""), "gengfu.incident.resolved");
    assert_string_equal(json_str(doc, "subject", ""), "X");
    assert_string_equal(json_str(doc, "time", ""), "2026-01-05T20:00:00+08:00");
    assert_string_equal(json_str(doc, "datacontenttype", ""), "application/json");
    assert_int_equal(json_int(doc, "severitynumber", 0), 21);
    assert_string_equal(json_str(doc, "severitytext", ""), "EXTREME");
    assert_true(json_bool(json_get(doc, "data"), "replayed", false));
    assert_string_equal(json_str(json_get(doc, "data"), "id", ""), "X");
    buf_clear(&b);
    row.body = "{}";
    row.len = 2;
    row.queued = 0;
    forward_envelope(&b, "g", &row, ENVELOPE_REPLAYED);
    assert_non_null(strstr(b.data, "\"data\":{\"replayed\":true}"));
    assert_non_null(strstr(b.data, "\"time\":\"1970-01-01T00:00:00Z\""));
    buf_clear(&b);
    row.body = "{\"replayed\":true}";
    row.len = strlen(row.body);
    forward_envelope(&b, "g", &row, ENVELOPE_REPLAYED);
    assert_int_equal(ff_count(b.data, "replayed"), 1);
    /* Not heard of before: type and document say the same, whatever has come since. */
    buf_clear(&b);
    row.change = CHANGE_OPENED;
    row.body = "{\"id\":\"X\",\"change\":\"updated\",\"replayed\":true,\"count\":7}";
    row.len = strlen(row.body);
    forward_envelope(&b, "g", &row, ENVELOPE_REPLAYED);
    assert_non_null(strstr(b.data, "gengfu.incident.opened"));
    assert_non_null(strstr(b.data, "\"data\":{\"id\":\"X\",\"change\":\"opened\",\"count\":7,\"replayed\":true}"));
    buf_done(&b);
    arena_done(&a);
}

/* A document with something private in every member that may hold it, and in one that nobody knows yet. */
static void public_envelope_tells_nothing_of_anybody(void **state) {
    static const char body[] =
        "{\"id\":\"X\",\"number\":\"gw-1\",\"revision\":2,\"change\":\"resolved\",\"gateway\":\"gw\",\"rule\":\"PRIVATE\",\"by\":\"PRIVATE\","
        "\"condition\":\"resolved\",\"handling\":\"handled\",\"disposition\":\"real\",\"severity\":\"minor\",\"title\":\"PRIVATE\",\"text\":\"PRIVATE\","
        "\"category\":{\"code\":\"B-01-01\",\"name\":\"lamp\"},\"device\":\"PRIVATE\",\"devices\":[\"PRIVATE\"],\"ticket\":\"PRIVATE\",\"rating\":5,\"new\":\"PRIVATE\","
        "\"place\":{\"name\":\"PRIVATE\",\"grid\":\"330199007001\",\"component\":\"PRIVATE\",\"lat\":30.123456,\"lon\":119.654321},"
        "\"times\":{\"raised\":\"2026-01-05T20:00:00+08:00\",\"updated\":\"2026-01-05T21:00:00+08:00\"},\"due\":{\"resolve\":\"2026-01-06T20:00:00+08:00\"},"
        "\"values\":{\"user\":\"PRIVATE\"},\"evidence\":[\"PRIVATE\"],\"members\":[\"PRIVATE\"],\"history\":[{\"who\":\"PRIVATE\",\"note\":\"PRIVATE\"}],\"count\":3}";
    struct outbox_row row = {
        .incident = "X", .revision = 2, .change = CHANGE_RESOLVED, .severity = SEVERITY_MINOR, .body = body, .len = strlen(body)};
    struct buf b;
    struct arena a;
    const cJSON *doc;

    (void)state;
    buf_init(&b, 0);
    arena_init(&a, 4096, 0);
    forward_envelope(&b, "gw", &row, ENVELOPE_PUBLIC | ENVELOPE_REPLAYED);
    assert_null(strstr(b.data, "PRIVATE"));
    assert_null(strstr(b.data, "30.1234"));
    assert_null(strstr(b.data, "119.6543"));
    assert_int_equal(json_parse(&a, b.data, b.len, NULL, &doc), 0);
    assert_string_equal(json_str(doc, "id", ""), "X.2");
    assert_string_equal(json_str(doc, "time", ""), "2026-01-05T21:00:00+08:00");
    doc = json_get(doc, "data");
    assert_string_equal(json_str(doc, "number", ""), "gw-1");
    assert_string_equal(json_str(doc, "handling", ""), "handled");
    assert_string_equal(json_str(json_get(doc, "category"), "code", ""), "B-01-01");
    assert_string_equal(json_str(json_get(doc, "place"), "grid", ""), "330199007001");
    assert_int_equal(cJSON_GetArraySize(json_get(doc, "place")), 1);
    assert_string_equal(json_str(json_get(doc, "times"), "raised", ""), "2026-01-05T20:00:00+08:00");
    assert_int_equal(json_int(doc, "rating", 0), 5);
    assert_true(json_bool(doc, "replayed", false));
    buf_done(&b);
    arena_done(&a);
}

static void a_public_platform_gets_public_messages(void **state) {
    struct ff ff;

    (void)state;
    ff_setup(&ff);
    ff_platform(&ff, "screen", PLATFORM_FILE)->public_only = true;
    ff_start(&ff);
    ff_incident(&ff, ID("0001"), 1, SEVERITY_MINOR);
    assert_true(ff_until(&ff, ff_empty, FF_PATIENCE));
    char *text = ff_read(ff.file);

    assert_int_equal(ff_count(text, "\n"), 1);
    assert_int_equal(ff_count(text, "\"title\""), 0);
    assert_int_equal(ff_count(text, "\"revision\":1"), 1);
    free(text);
    ff_teardown(&ff);
}

static void refused_configuration(void **state) {
    struct ff ff;
    struct err err = {0};
    struct forward *f = NULL;
    static const struct forward_ops ops = {0};

    (void)state;
    ff_setup(&ff);
    struct config_platform *p = ff_platform(&ff, "city", PLATFORM_HTTPS);

    p->url = "http://platform.example/incidents";
    assert_int_equal(forward_new(&ff.loop, &ff.conf, ff.store, &ops, &ff, &err, &f), GF_EINVAL);
    assert_non_null(strstr(err.text, "city"));
    assert_non_null(strstr(err.text, "https://"));
    p->url = "http://127.0.0.1.example/incidents";
    assert_int_equal(forward_new(&ff.loop, &ff.conf, ff.store, &ops, &ff, &err, &f), GF_EINVAL);
    p->type = PLATFORM_MQTT;
    p->mqtt.port = 1883;
    p->prefix = "a/#";
    assert_int_equal(forward_new(&ff.loop, &ff.conf, ff.store, &ops, &ff, &err, &f), GF_EINVAL);
    assert_null(f);
    ff_teardown(&ff);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_lines_and_confirms),
        cmocka_unit_test(most_severe_first),
        cmocka_unit_test(rotated_file_is_left_alone),
        cmocka_unit_test(half_a_line_is_ended),
        cmocka_unit_test(trouble_passes),
        cmocka_unit_test(what_waited_is_marked),
        cmocka_unit_test(envelope_is_a_cloudevent),
        cmocka_unit_test(public_envelope_tells_nothing_of_anybody),
        cmocka_unit_test(a_public_platform_gets_public_messages),
        cmocka_unit_test(refused_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
