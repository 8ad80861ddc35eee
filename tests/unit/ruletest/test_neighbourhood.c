/* SPDX-License-Identifier: Apache-2.0
 * The shipped rules against what neighbourhoods asked for (docs/neighbourhood.md): each of the needs N1 to N15 has tests that show the incident (`N9+ …`) and tests that show why a similar
 * thing is none (`N9- …`), the page's table names just the rules that there are, and the rules keep to what the page says of deadlines, escalation and places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/file.h"
#include "gengfu/rules/route.h"
#include "ruletest/ruletest_int.h"

#define NEEDS 15

static struct ruleset *rs;
static struct report *rep;
static struct ruletest_suite *suite;
static char *page;
static int faults;

static void fault(const char *what, const char *name) {
    print_error("%s: %s\n", name, what);
    faults++;
}

/* The number of "N9+ …"; *ret_sign is '+' or '-'. 0: it is not named so. */
static int need_of(const char *test, char *ret_sign) {
    int n = 0, used = 0;

    if (sscanf(test, "N%d%c %n", &n, ret_sign, &used) != 2 || used == 0 || n < 1 || n > NEEDS || (*ret_sign != '+' && *ret_sign != '-'))
        return 0;
    return n;
}

static bool raises(const struct test *t, const struct rule *r) {
    for (size_t i = 0; i < t->nexpected; i++)
        if (t->expected[i].change == CHANGE_OPENED && (!r || strcmp(t->expected[i].rule->name, r->name) == 0))
            return true;
    return false;
}

/* A rule of the shipped files, not one that comes with the program or a test. */
static bool stands_in(struct place at, const char *files) { return strncmp(report_file_name(rep, at.file), files, strlen(files)) == 0; }
static bool shipped(const struct rule *r) { return stands_in(r->at, "rules.d/3"); }

/* The page's row of a need: from "| N9 |" to the end of the line. */
static const char *row_of(int need, size_t *ret_len) {
    char begin[16];

    (void)snprintf(begin, sizeof begin, "\n| N%d |", need);
    const char *row = strstr(page, begin);
    if (!row)
        fail_msg("docs/neighbourhood.md has no row for N%d", need);
    *ret_len = strcspn(row + 1, "\n");
    return row + 1;
}

static bool row_names(int need, const char *rule) {
    char word[128];
    size_t len;
    const char *row = row_of(need, &len);

    (void)snprintf(word, sizeof word, "`%s`", rule);
    return memmem(row, len, word, strlen(word)) != NULL;
}

static void every_need_has_an_incident_and_a_look_alike(void **state) {
    int shows[NEEDS + 1] = {0}, looks[NEEDS + 1] = {0};
    char sign;

    (void)state;
    for (size_t i = 0; i < suite->ntests; i++) {
        const struct test *t = &suite->tests[i];
        int n = need_of(t->name, &sign);
        if (!n) {
            if (stands_in(t->place, "tests.d/3"))
                fault("is of a shipped rule and names no need (N1+ … N15-)", t->name);
            continue;
        }
        if (sign == '+' && !raises(t, NULL))
            fault("should show an incident, and expects none to open", t->name);
        if (t->ninputs == 0)
            fault("feeds nothing", t->name);
        (sign == '+' ? shows : looks)[n]++;
    }
    for (int n = 1; n <= NEEDS; n++) {
        if (!shows[n])
            fail_msg("no test N%d+ shows the incident", n);
        if (!looks[n])
            fail_msg("no test N%d- shows why a similar thing is none", n);
    }
    assert_int_equal(faults, 0);
}

static void every_rule_has_its_need_and_is_shown_by_its_tests(void **state) {
    char sign;

    (void)state;
    for (size_t i = 0; i < rs->nrules; i++) {
        const struct rule *r = &rs->rules[i];
        bool named = false;
        if (!shipped(r))
            continue;
        for (int n = 1; n <= NEEDS; n++) {
            bool shown = false;
            if (!row_names(n, r->name))
                continue;
            named = true;
            for (size_t k = 0; k < suite->ntests; k++)
                shown = shown || (need_of(suite->tests[k].name, &sign) == n && sign == '+' && raises(&suite->tests[k], r));
            if (!shown)
                fault("no test of the need that the page names shows it", r->name);
        }
        if (!named)
            fault("docs/neighbourhood.md names it nowhere", r->name);
    }
    assert_int_equal(faults, 0);
}

/* Whatever stands in `ticks` in the third column and looks like a rule's name is one. */
static void the_page_names_only_rules_that_there_are(void **state) {
    (void)state;
    for (int n = 1; n <= NEEDS; n++) {
        size_t len;
        const char *p = row_of(n, &len), *end = p + len;
        while ((p = memchr(p, '`', (size_t)(end - p))) != NULL) {
            char word[64] = "";
            const char *close = memchr(p + 1, '`', (size_t)(end - p - 1));
            assert_non_null(close);
            if ((size_t)(close - p - 1) < sizeof word)
                memcpy(word, p + 1, (size_t)(close - p - 1));
            if (strchr(word, '-') && strspn(word, "abcdefghijklmnopqrstuvwxyz-") == strlen(word) && !ruleset_rule(rs, word))
                fault("docs/neighbourhood.md names it, and there is no such rule", word);
            p = close + 1;
        }
    }
    assert_int_equal(faults, 0);
}

static bool steps_at(const struct rule *r, int64_t after, bool until_resolved) {
    for (size_t i = 0; i < r->nescalations; i++)
        if (r->escalations[i].after == after && r->escalations[i].until_resolved == until_resolved)
            return true;
    return false;
}

static void deadlines_are_kept_to(void **state) {
    (void)state;
    for (size_t i = 0; i < rs->nrules; i++) {
        const struct rule *r = &rs->rules[i];
        if (!shipped(r))
            continue;
        if (!r->code)
            fault("has no category", r->name);
        if (r->due_acknowledge <= 0 || r->due_resolve <= 0)
            fault("has not both deadlines", r->name);
        if (r->due_resolve > (r->severity == SEVERITY_MINOR ? TIME_DAY : 7 * TIME_DAY))
            fault("small matters never overnight, big matters within the week", r->name);
        if (!steps_at(r, r->due_resolve, true))
            fault("does not go up when it is overdue", r->name);
        if (r->severity > SEVERITY_MINOR && !steps_at(r, r->due_acknowledge, false))
            fault("does not go up when nobody answers in time", r->name);
        if (r->severity >= SEVERITY_SEVERE && r->due_follow_up <= 0)
            fault("sets no date for a follow-up visit", r->name);
    }
    assert_int_equal(faults, 0);
}

static void every_device_has_its_place(void **state) {
    static const char *const columns[] = {"grid", "lat", "lon"};

    (void)state;
    for (size_t i = 0; i < registry_count(rs->registry); i++) {
        const struct device *d = registry_at(rs->registry, i);
        for (size_t k = 0; k < COUNT(columns); k++) {
            struct cel_value v;
            if (!device_field(d, atom_of(columns[k]), &v) || v.type == CEL_NULL)
                fault(columns[k], d->id);
        }
    }
    assert_int_equal(faults, 0);
}

/* The shipped gengfu.yaml: who hears of the shipped rules' incidents. */
static void goes_to(const char *rule, const char *doc, const char *want) {
    char got[256] = "";
    struct arena a;

    arena_init(&a, 4096, 0);
    uint32_t bits = route_incident(rs->config, ruleset_rule(rs, rule), ~UINT32_C(0), doc, strlen(doc), &a);
    for (size_t i = 0; i < rs->config->nplatforms; i++)
        if (bits >> i & 1u)
            (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "", rs->config->platforms[i].name);
    assert_string_equal(got, want);
    arena_done(&a);
}

static void the_shipped_platforms_hear_of_what_is_theirs(void **state) {
    (void)state;
    goes_to("sos", "{\"level\":0,\"category\":{\"code\":\"S-02-01\"}}", "village");
    goes_to("sos", "{\"level\":1,\"category\":{\"code\":\"S-02-01\"}}", "village town");
    goes_to("sos", "{\"level\":2,\"category\":{\"code\":\"S-02-01\"}}", "village town district");
    goes_to("card-battery-low", "{\"level\":0,\"category\":{\"code\":\"B-06-01\"}}", "village");
    goes_to("lamp-out", "{\"level\":0,\"category\":{\"code\":\"B-01-01\"}}", "village screen");
    for (size_t i = 0; i < rs->config->nplatforms; i++)
        assert_int_equal(rs->config->platforms[i].public_only, strcmp(rs->config->platforms[i].name, "screen") == 0);
}

static int open_all(void **state) {
    struct err err = {0};
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(ruleset_load("rules", rep, &err, &rs), 0);
    assert_int_equal(ruletest_new(rs, rep, &err, &suite), 0);
    assert_int_equal(ruletest_add_dir(suite, "rules", &err), 0);
    assert_int_equal(report_errors(rep) + report_warnings(rep), 0);
    assert_int_equal(file_read("docs/neighbourhood.md", &text, &err), 0);
    page = strdup(text.data);
    buf_done(&text);
    return page ? 0 : -1;
}

static int close_all(void **state) {
    (void)state;
    free(page);
    ruletest_free(suite);
    ruleset_free(rs);
    report_free(rep);
    return 0;
}

static int fresh(void **state) {
    (void)state;
    faults = 0;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_need_has_an_incident_and_a_look_alike, fresh),
        cmocka_unit_test_setup(every_rule_has_its_need_and_is_shown_by_its_tests, fresh),
        cmocka_unit_test_setup(the_page_names_only_rules_that_there_are, fresh),
        cmocka_unit_test_setup(deadlines_are_kept_to, fresh),
        cmocka_unit_test_setup(every_device_has_its_place, fresh),
        cmocka_unit_test_setup(the_shipped_platforms_hear_of_what_is_theirs, fresh),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
