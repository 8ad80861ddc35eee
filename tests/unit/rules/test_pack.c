/* SPDX-License-Identifier: Apache-2.0
 * A rule set's files in one text and back; and the rules that are built in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules_fixture.h"

#include "rules/load_int.h"

static struct fx f;

static int setup(void **state) {
    (void)state;
    fx_init(&f);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fx_done(&f);
    return 0;
}

#define RULE(name) "rules:\n  - {rule: " name ", on: x, when: event.a, clear: auto, incident: {severity: minor, title: x}}\n"

static void pack_it(struct buf *pack, char hash[65]) {
    struct report *rep;
    struct ruleset *rs = NULL;
    struct err err = {0};
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(ruleset_load_packing(f.dir, pack, rep, &err, &rs), 0);
    memcpy(hash, rs->hash, 65);
    ruleset_free(rs);
    report_free(rep);
}

static int load_pack(const struct buf *pack, struct ruleset **ret) {
    struct report *rep;
    struct err err = {0};
    char *copy = malloc(pack->len + 1);
    assert_non_null(copy);
    memcpy(copy, pack->data, pack->len);
    assert_int_equal(report_new(&rep), 0);
    int rc = ruleset_load_pack(f.dir, copy, pack->len, rep, &err, ret);
    assert_true((rc < 0) == (err.code != 0));
    report_free(rep);
    free(copy);
    return rc;
}

static void there_and_back(void **state) {
    (void)state;
    char hash[65];
    struct buf pack;
    struct ruleset *rs = NULL;
    buf_init(&pack, 0);
    fx_puts(&f, "gengfu.yaml", "gateway: {id: gw-1}\n");
    fx_puts(&f, "devices.csv", "device,kind\na,x\n");
    fx_puts(&f, "rules.d/a.yaml", RULE("one"));
    fx_puts(&f, "rules.d/b.yaml", "");
    pack_it(&pack, hash);
    assert_false(pack.failed);
    /* whatever the directory holds by now */
    fx_puts(&f, "rules.d/a.yaml", "rules: [");
    fx_puts(&f, "rules.d/c.yaml", RULE("two"));
    fx_puts(&f, "devices.csv", "nonsense");
    assert_int_equal(load_pack(&pack, &rs), 0);
    assert_string_equal(rs->hash, hash);
    assert_int_equal(rs->nrules, 1 + rs->nbuiltin);
    assert_int_equal(registry_count(rs->registry), 1);
    ruleset_free(rs);
    /* but gengfu.yaml is today's */
    fx_puts(&f, "gengfu.yaml", "gateway: {id: gw-2}\n");
    assert_int_equal(load_pack(&pack, &rs), 0);
    assert_string_equal(rs->config->id, "gw-2");
    ruleset_free(rs);
    /* a text that was cut anywhere is no set; bytes that were changed do no harm */
    for (size_t n = 1; n < pack.len; n++) {
        struct buf part = pack;
        part.len = n;
        rs = NULL;
        if (load_pack(&part, &rs) == 0) /* cut between two files */
            ruleset_free(rs);
    }
    for (size_t n = 0; n < pack.len; n++) {
        char was = pack.data[n];
        pack.data[n] = (char)(was + 1);
        rs = NULL;
        if (load_pack(&pack, &rs) == 0)
            ruleset_free(rs);
        pack.data[n] = was;
    }
    buf_done(&pack);
}

static void what_does_not_fit(void **state) {
    (void)state;
    char hash[65];
    struct buf pack;
    buf_init(&pack, 64);
    fx_puts(&f, "rules.d/a.yaml", RULE("one"));
    pack_it(&pack, hash); /* the set is loaded all the same */
    assert_true(pack.failed);
    buf_done(&pack);
    buf_init(&pack, 0);
    pack_add(&pack, "a\nb", "x", 1);
    assert_true(pack.failed);
    buf_done(&pack);
}

static void bad_packs(void **state) {
    (void)state;
    static const char *const texts[] = {"1", "1 a", "1 a\n", "1 a\nx", "2 a\nx\n", "a a\nx\n", "99999999999 a\nx\n", " a\nx\n", "1 \nx\n"};
    struct rules_file *files;
    size_t n;
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *copy = strdup(texts[i]);
        assert_int_equal(pack_open(copy, strlen(copy), &files, &n), GF_EINVAL);
        free(copy);
    }
    char good[] = "0 a\n\n1 b\nx\n";
    assert_int_equal(pack_open(good, sizeof good - 1, &files, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(files[1].name, "b");
    assert_int_equal(files[0].len, 0);
    free(files);
}

static void built_in(void **state) {
    (void)state;
    fx_puts(&f, "gengfu.yaml", "gateway: {id: gw-1}\n");
    fx_puts(
        &f, "rules.d/a.yaml",
        RULE("one") "overrides:\n  - {rule: gengfu-broker, for: 7m, incident: {severity: extreme}}\n  - {rule: gengfu-clock, mode: off}\n");
    fx_load(&f);
    assert_non_null(f.rs);
    assert_int_equal(report_warnings(f.rep), 0);
    assert_int_equal(f.rs->nbuiltin, 12);
    assert_string_equal(f.rs->rules[0].name, "one");
    assert_false(f.rs->rules[0].builtin);
    const struct rule *r = ruleset_rule(f.rs, "gengfu-broker");
    assert_non_null(r);
    assert_true(r->builtin);
    assert_int_equal(r->for_ms, 7 * TIME_MINUTE);
    assert_int_equal(r->severity, SEVERITY_EXTREME);
    assert_string_equal(report_file_name(f.rep, r->at.file), "(built in)");
    assert_int_equal(ruleset_rule(f.rs, "gengfu-clock")->mode, RULE_OFF);
}

static void names_are_ours(void **state) {
    (void)state;
    fx_puts(&f, "gengfu.yaml", "gateway: {id: gw-1}\n");
    fx_puts(&f, "rules.d/a.yaml", RULE("gengfu-mine"));
    fx_load(&f);
    assert_null(f.rs);
    assert_non_null(strstr(f.text.data, "names that begin with 'gengfu-' are for the rules that are built in"));
    fx_puts(&f, "rules.d/a.yaml",
            "sources:\n  - {source: s, topic: 'x/{device}', events: [{kind: gengfu, device: topic.device, fields: {ok: 'true'}}]}\n");
    fx_load(&f);
    assert_null(f.rs);
    assert_non_null(strstr(f.text.data, "events of kind 'gengfu' are made by gengfu itself"));
    fx_puts(&f, "rules.d/a.yaml", "overrides: [{rule: gengfu-brokr, for: 1m}]\n");
    fx_load(&f);
    assert_null(f.rs);
    assert_non_null(strstr(f.text.data, "did you mean 'gengfu-broker'?"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_packs, setup, teardown),
        cmocka_unit_test_setup_teardown(built_in, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_ours, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
