/* SPDX-License-Identifier: Apache-2.0
 * What a test expects: {at, rule, change} and any fields of the incident's document. One table says which, where they stand and how they are compared. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "ruletest/ruletest_int.h"

const struct check_field check_fields[] = {
    {"severity", NULL, "severity", CHECK_SEVERITY},
    {"title", NULL, "title", CHECK_TEXT},
    {"text", NULL, "text", CHECK_TEXT},
    {"by", NULL, "by", CHECK_TEXT},
    {"device", NULL, "device", CHECK_TEXT},
    {"devices", NULL, "devices", CHECK_SET},
    {"count", NULL, "count", CHECK_INT},
    {"members", NULL, "members", CHECK_MEMBERS},
    {"category", "category", "code", CHECK_TEXT},
    {"place", "place", "name", CHECK_TEXT},
    {"grid", "place", "grid", CHECK_TEXT},
    {"values", NULL, "values", CHECK_PART},
    {"evidence", NULL, "evidence", CHECK_LIST},
    {"condition", NULL, "condition", CHECK_TEXT},
    {"handling", NULL, "handling", CHECK_TEXT},
    {"disposition", NULL, "disposition", CHECK_TEXT},
    {"rating", NULL, "rating", CHECK_INT},
    {"ticket", NULL, "ticket", CHECK_TEXT},
    {"level", NULL, "level", CHECK_INT},
    {"due", NULL, "due", CHECK_DUE},
    {"parent", NULL, "parent", CHECK_RULE},
    {"urgency", NULL, "urgency", CHECK_TEXT},
    {"certainty", NULL, "certainty", CHECK_TEXT},
    {"number", NULL, "number", CHECK_TEXT},
    {"revision", NULL, "revision", CHECK_INT},
    {"chattering", NULL, "chattering", CHECK_BOOL},
    {"replayed", NULL, "replayed", CHECK_BOOL},
    {"test", NULL, "test", CHECK_BOOL},
};
const size_t check_field_count = COUNT(check_fields);

const struct rule *load_rule(struct reader *rd, const struct yaml_node *n) {
    const char *name = given_text(rd, n, "rule");
    const struct rule *rule = name ? ruleset_rule(rd->rs, name) : NULL;

    if (name && !rule) {
        const char *near = ruleset_nearest_rule(rd->rs, name);
        char hint[160];
        (void)snprintf(hint, sizeof hint, "did you mean '%.100s'?", near ? near : "");
        report_error(rd->rep, n->at, near ? hint : NULL, "there is no rule '%.80s'", name);
    }
    return rule;
}

/* due: {acknowledge: 30m, resolve: 24h} */
static bool read_due(struct reader *rd, const struct yaml_node *n) {
    static const char *const keys[] = {"acknowledge", "resolve"};
    int64_t ms;
    bool fine = given_mapping(rd, n, "due", "due: {acknowledge: 30m, resolve: 24h}, counted from the raise") &&
                given_keys(rd, n, keys, COUNT(keys), "due");

    for (size_t i = 0; fine && i < n->n; i++)
        fine = given_span(rd, n->pairs[i].value, n->pairs[i].key->text, &ms);
    return fine;
}

/* A list, or how many there must be. */
static bool read_list(struct reader *rd, const struct yaml_node *n, const char *what) {
    int64_t ignored;

    if (n->kind == YAML_SEQUENCE)
        return !n->bad;
    if (yaml_int(n, &ignored) && ignored >= 0)
        return true;
    if (!n->bad)
        report_error(rd->rep, n->at, "a list, or how many there are", "%s must be a list or a whole number, not %s", what,
                     n->kind == YAML_SCALAR ? n->text : given_kind(n));
    return false;
}

static bool check_value(struct reader *rd, const struct check_field *f, const struct yaml_node *n) {
    static const char *const severities[] = {"minor", "moderate", "severe", "extreme"};
    int64_t i;
    bool b;

    switch (f->how) {
    case CHECK_TEXT: return n->kind == YAML_SCALAR && n->len == 0 && !yaml_is_null(n) ? true : given_text(rd, n, f->name) != NULL;
    case CHECK_INT: return given_int(rd, n, f->name, 0, INT64_C(1) << 52, &i);
    case CHECK_BOOL: return given_bool(rd, n, f->name, &b);
    case CHECK_SEVERITY: return given_choice(rd, n, "severity", severities, COUNT(severities)) >= 0;
    case CHECK_SET:
    case CHECK_MEMBERS:
    case CHECK_LIST: return read_list(rd, n, f->name);
    case CHECK_PART: return given_mapping(rd, n, f->name, "values: {power_w: 0.2}");
    case CHECK_RULE: return load_rule(rd, n) != NULL;
    case CHECK_DUE: return read_due(rd, n);
    }
    return false;
}

/* A scalar is compared as text whatever it looks like: `by: 7` is "7". */
static const cJSON *as_text(struct reader *rd, const struct yaml_node *n) {
    cJSON *j = given_alloc(rd, sizeof *j);
    if (j) {
        j->type = cJSON_String;
        j->valuestring = (char *)(uintptr_t)given_copy(rd, n->text, n->len);
    }
    return j && j->valuestring ? j : NULL;
}

static bool read_check(struct reader *rd, const struct yaml_pair *p, struct check *ret) {
    for (size_t i = 0; i < check_field_count; i++) {
        const struct check_field *f = &check_fields[i];
        if (strcmp(f->name, p->key->text) != 0)
            continue;
        if (!check_value(rd, f, p->value))
            return false;
        bool text = f->how == CHECK_TEXT || f->how == CHECK_SEVERITY || f->how == CHECK_RULE;
        *ret = (struct check){.field = f, .want = text ? as_text(rd, p->value) : yaml_json(rd->arena, p->value)};
        rd->oom = rd->oom || !ret->want;
        return ret->want != NULL;
    }
    return false;
}

static bool read_one(struct ruletest_suite *s, const struct yaml_node *n, struct expected *ret) {
    static const char example[] = "{at: 10m, rule: lamp-out, change: opened}";
    static const char *const changes[] = {"opened", "updated", "resolved", "closed"};
    static const char *const needed[] = {"at", "rule", "change"};
    const char *known[COUNT(needed) + MAX_CHECKS];
    struct reader *rd = &s->rd;
    const struct yaml_node *v[COUNT(needed)];
    int change;

    if (!given_mapping(rd, n, "what is expected", example))
        return false;
    for (size_t i = 0; i < COUNT(needed); i++)
        known[i] = needed[i];
    for (size_t i = 0; i < check_field_count; i++)
        known[COUNT(needed) + i] = check_fields[i].name;
    bool fine = given_keys(rd, n, known, COUNT(needed) + check_field_count, "an expected incident");
    for (size_t i = 0; i < COUNT(needed); i++)
        if (!(v[i] = yaml_get(n, needed[i]))) {
            report_error(rd->rep, n->at, example, "what is expected has no '%s'", needed[i]);
            return false;
        }
    *ret = (struct expected){.place = n->at};
    fine = given_span(rd, v[0], "at", &ret->at) && fine;
    fine = (ret->rule = load_rule(rd, v[1])) != NULL && fine;
    fine = (change = given_choice(rd, v[2], "change", changes, COUNT(changes))) >= 0 && fine;
    ret->change = (enum change)(change + CHANGE_OPENED);
    if (ret->rule && ret->rule->mode == RULE_OFF) {
        report_error(rd->rep, v[1]->at, NULL, "the rule '%s' is switched off (mode: off): it raises nothing", ret->rule->name);
        fine = false;
    }
    ret->checks = given_alloc(rd, n->n * sizeof *ret->checks);
    for (size_t i = 0; fine && ret->checks && i < n->n; i++) {
        const struct yaml_pair *p = &n->pairs[i];
        if (strcmp(p->key->text, "at") == 0 || strcmp(p->key->text, "rule") == 0 || strcmp(p->key->text, "change") == 0)
            continue;
        fine = read_check(rd, p, &ret->checks[ret->nchecks]);
        ret->nchecks++;
    }
    return fine && ret->checks;
}

bool load_expected(struct ruletest_suite *s, const struct yaml_node *test, struct test *ret) {
    const struct yaml_node *list = yaml_get(test, "expect");
    bool fine = true;

    if (!list) {
        report_error(s->rd.rep, ret->place, "expect: [{at: 10m, rule: lamp-out, change: opened}], or expect: [] when nothing may be raised",
                     "the test has no 'expect'");
        return false;
    }
    if (yaml_is_null(list))
        return true;
    if (!given_list(&s->rd, list, "expect", "expect: [{at: 10m, rule: lamp-out, change: opened}]"))
        return false;
    ret->expected = given_alloc(&s->rd, list->n * sizeof *ret->expected);
    for (size_t i = 0; ret->expected && i < list->n; i++)
        fine = read_one(s, list->items[i], &ret->expected[i]) && fine;
    ret->nexpected = list->n;
    return fine && ret->expected;
}
