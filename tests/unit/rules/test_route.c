/* SPDX-License-Identifier: Apache-2.0
 * Which platforms an incident goes to: levels, `to`, `forward` and `when`, from configurations and rules as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/rules/route.h"
#include "rules_fixture.h"

static struct fx f;

static void load(const char *platforms, const char *rule) {
    struct buf b;

    buf_init(&b, 0);
    buf_printf(&b, "gateway: {id: gw-t}\nplatforms:\n%s", platforms);
    fx_puts(&f, "gengfu.yaml", b.data);
    buf_clear(&b);
    buf_printf(&b, "rules:\n  - {rule: r, on: x, when: event.a, clear: manual, incident: {severity: minor, title: t}%s}\n", rule);
    fx_puts(&f, "rules.d/x.yaml", b.data);
    buf_done(&b);
    fx_load(&f);
    if (!f.rs)
        fail_msg("%s", f.text.data);
}

/* The names of the platforms, in the configuration's order. */
static const char *goes_to(const char *doc, uint32_t allowed) {
    static char out[256];
    struct arena a;

    arena_init(&a, 4096, 0);
    uint32_t bits = route_incident(f.rs->config, ruleset_rule(f.rs, "r"), allowed, doc, strlen(doc), &a);
    *out = '\0';
    for (size_t i = 0; i < f.rs->config->nplatforms; i++)
        if (bits >> i & 1u)
            (void)snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", *out ? " " : "", f.rs->config->platforms[i].name);
    assert_int_equal(bits >> f.rs->config->nplatforms, 0);
    arena_done(&a);
    return out;
}

#define P(name, more) "  - {platform: " name ", type: file, path: /tmp/x" more "}\n"
#define THREE P("d", ", level: district") P("v", ", level: village") P("t", ", level: town") P("any", "") P("own", ", level: fire")

static void the_lowest_level_hears_of_everything_and_each_step_goes_one_up(void **state) {
    (void)state;
    load(THREE, ", escalate: [{after: 1m}, {after: 2m, severity: severe}, {after: 3m}]");
    assert_string_equal(goes_to("{\"level\":0}", ~0u), "v any own");
    assert_string_equal(goes_to("{}", ~0u), "v any own");
    assert_string_equal(goes_to("{\"level\":1}", ~0u), "v t any own");
    assert_string_equal(goes_to("{\"level\":2}", ~0u), "d v t any own");
    assert_string_equal(goes_to("{\"level\":3}", ~0u), "d v t any own");
    assert_string_equal(goes_to("{\"level\":1000000}", ~0u), "d v t any own");
    assert_string_equal(goes_to("{\"level\":-5}", ~0u), "v any own");
    load(P("d", ", level: district") P("t", ", level: town"), "");
    assert_string_equal(goes_to("{\"level\":0}", ~0u), "t");
    assert_string_equal(goes_to("{\"level\":1}", ~0u), "d t");
    load(P("d", ", level: district"), "");
    assert_string_equal(goes_to("{\"level\":0}", ~0u), "d");
}

static void whom_a_step_names_hears_of_it_and_nobody_between(void **state) {
    (void)state;
    load(THREE, ", escalate: [{after: 1m, to: [district]}, {after: 2m, to: [t, own]}, {after: 3m}]");
    assert_string_equal(goes_to("{\"level\":0}", ~0u), "v any own");
    assert_string_equal(goes_to("{\"level\":1}", ~0u), "d v any own");
    assert_string_equal(goes_to("{\"level\":2}", ~0u), "d v t any own");
    load(THREE, ", escalate: [{after: 1m, to: [town]}, {after: 2m}]");
    assert_string_equal(goes_to("{\"level\":1}", ~0u), "v t any own");
    assert_string_equal(goes_to("{\"level\":2}", ~0u), "d v t any own");
}

static void forward_narrows_and_a_step_goes_beyond_it(void **state) {
    (void)state;
    load(THREE, ", forward: [v], escalate: [{after: 1m}, {after: 2m, to: [d]}]");
    assert_string_equal(goes_to("{\"level\":0}", 1u << 1), "v");
    assert_string_equal(goes_to("{\"level\":1}", 1u << 1), "v");
    assert_string_equal(goes_to("{\"level\":2}", 1u << 1), "d v");
}

static void when_narrows_but_not_what_was_asked_for(void **state) {
    (void)state;
    load(P("a", ", when: \"incident.severity == 'severe'\"") P("b", ", when: \"incident.category.code == '01'\"")
             P("c", ", when: \"incident.severity + 1 == 2\"") P("t", ", level: town") P("d", ", level: district, when: \"false\""),
         ", escalate: [{after: 1m}, {after: 2m, to: [d]}]");
    assert_string_equal(goes_to("{\"severity\":\"severe\"}", ~0u), "a c t"); /* unknown is not wanted, and c is at fault */
    assert_string_equal(goes_to("{\"severity\":\"minor\",\"category\":{\"code\":\"01\"}}", ~0u), "b c t");
    assert_string_equal(goes_to("{\"severity\":\"minor\",\"level\":1}", ~0u), "c t");
    assert_string_equal(goes_to("{\"severity\":\"minor\",\"level\":2}", ~0u), "c t d");
}

static void what_nobody_can_read_goes_to_all_that_are_allowed(void **state) {
    (void)state;
    load(THREE, "");
    assert_string_equal(goes_to("not json", ~0u), "d v t any own");
    assert_string_equal(goes_to("not json", 2), "v");
}

static void a_filter_at_fault_swallows_nothing(void **state) {
    (void)state;
    load(P("a", ", when: \"1 / incident.count == 1\""), "");
    assert_string_equal(goes_to("{\"count\":0}", ~0u), "a");
    assert_string_equal(goes_to("{\"count\":2}", ~0u), "");
}

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_lowest_level_hears_of_everything_and_each_step_goes_one_up, setup, teardown),
        cmocka_unit_test_setup_teardown(whom_a_step_names_hears_of_it_and_nobody_between, setup, teardown),
        cmocka_unit_test_setup_teardown(forward_narrows_and_a_step_goes_beyond_it, setup, teardown),
        cmocka_unit_test_setup_teardown(when_narrows_but_not_what_was_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_can_read_goes_to_all_that_are_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_filter_at_fault_swallows_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
