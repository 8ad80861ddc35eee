/* SPDX-License-Identifier: Apache-2.0
 * What a test expects: {at, rule, change} and any fields of the incident's document. One table says which, where they stand and how they are compared. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "ruletest/ruletest_int.h"

#define MOST ((double)(INT64_C(1) << 52))
#define LIST_OR_COUNT .flags = SHAPE_LIST, .also = &how_many

static const char *const severities[] = {"minor", "moderate", "severe", "extreme", NULL};
static const struct shape_key how_many = SHAPE_ROW(NULL, SHAPE_INT, NULL, .max = MOST);

/* clang-format off */
const struct check_field check_fields[] = {
    {SHAPE_ROW("severity", SHAPE_CHOICE, "How bad it is.", .words = severities), NULL, "severity", CHECK_SEVERITY},
    {SHAPE_ROW("title", SHAPE_TEXT, "Its title.", .flags = SHAPE_EMPTY), NULL, "title", CHECK_TEXT},
    {SHAPE_ROW("text", SHAPE_TEXT, "Its text.", .flags = SHAPE_EMPTY), NULL, "text", CHECK_TEXT},
    {SHAPE_ROW("by", SHAPE_TEXT, "Its key.", .flags = SHAPE_EMPTY), NULL, "by", CHECK_TEXT},
    {SHAPE_ROW("device", SHAPE_TEXT, "Its device.", .flags = SHAPE_EMPTY), NULL, "device", CHECK_TEXT},
    {SHAPE_ROW("devices", SHAPE_ANY, "Its devices: a list in any order, or how many.", LIST_OR_COUNT), NULL, "devices", CHECK_SET},
    {SHAPE_ROW("count", SHAPE_INT, "How many matches are in it.", .max = MOST), NULL, "count", CHECK_INT},
    {SHAPE_ROW("members", SHAPE_ANY, "Its members, by their device or key: a list in any order, or how many.", LIST_OR_COUNT), NULL, "members", CHECK_MEMBERS},
    {SHAPE_ROW("category", SHAPE_TEXT, "The code of its category.", .flags = SHAPE_EMPTY), "category", "code", CHECK_TEXT},
    {SHAPE_ROW("place", SHAPE_TEXT, "The name of its place.", .flags = SHAPE_EMPTY), "place", "name", CHECK_TEXT},
    {SHAPE_ROW("grid", SHAPE_TEXT, "Its grid.", .flags = SHAPE_EMPTY), "place", "grid", CHECK_TEXT},
    {SHAPE_ROW("lat", SHAPE_NUMBER, "Its degrees north.", .min = -90, .max = 90), "place", "lat", CHECK_NUMBER},
    {SHAPE_ROW("lon", SHAPE_NUMBER, "Its degrees east.", .min = -180, .max = 180), "place", "lon", CHECK_NUMBER},
    {SHAPE_ROW("datum", SHAPE_TEXT, "The datum of its coordinates.", .flags = SHAPE_EMPTY), "place", "datum", CHECK_TEXT},
    {SHAPE_ROW("values", SHAPE_MAPPING, "Fields of the latest event that matched; others are not looked at.", .of = &given_values_shape), NULL, "values", CHECK_PART},
    {SHAPE_ROW("evidence", SHAPE_ANY, "Its evidence: the list, or how many.", LIST_OR_COUNT), NULL, "evidence", CHECK_LIST},
    {SHAPE_ROW("condition", SHAPE_TEXT, "Its condition.", .flags = SHAPE_EMPTY), NULL, "condition", CHECK_TEXT},
    {SHAPE_ROW("handling", SHAPE_TEXT, "What people have done about it.", .flags = SHAPE_EMPTY), NULL, "handling", CHECK_TEXT},
    {SHAPE_ROW("disposition", SHAPE_TEXT, "What it was.", .flags = SHAPE_EMPTY), NULL, "disposition", CHECK_TEXT},
    {SHAPE_ROW("rating", SHAPE_INT, "How satisfied people are.", .max = MOST), NULL, "rating", CHECK_INT},
    {SHAPE_ROW("ticket", SHAPE_TEXT, "The platform's ticket.", .flags = SHAPE_EMPTY), NULL, "ticket", CHECK_TEXT},
    {SHAPE_ROW("level", SHAPE_INT, "How far it has been escalated.", .max = MOST), NULL, "level", CHECK_INT},
    {SHAPE_ROW("due", SHAPE_MAPPING, "Its deadlines, counted from the raise; `follow_up` from the end.", .of = &given_due_shape), NULL, "due", CHECK_DUE},
    {SHAPE_ROW("parent", SHAPE_TEXT, "The rule of the incident that took this one in."), NULL, "parent", CHECK_RULE},
    {SHAPE_ROW("urgency", SHAPE_TEXT, "CAP's urgency.", .flags = SHAPE_EMPTY), NULL, "urgency", CHECK_TEXT},
    {SHAPE_ROW("certainty", SHAPE_TEXT, "CAP's certainty.", .flags = SHAPE_EMPTY), NULL, "certainty", CHECK_TEXT},
    {SHAPE_ROW("number", SHAPE_TEXT, "Its number.", .flags = SHAPE_EMPTY), NULL, "number", CHECK_TEXT},
    {SHAPE_ROW("revision", SHAPE_INT, "The revision's number.", .max = MOST), NULL, "revision", CHECK_INT},
    {SHAPE_ROW("chattering", SHAPE_BOOL, "It opens and ends too often."), NULL, "chattering", CHECK_BOOL},
    {SHAPE_ROW("replayed", SHAPE_BOOL, "It is told again."), NULL, "replayed", CHECK_BOOL},
    {SHAPE_ROW("test", SHAPE_BOOL, "It is a test."), NULL, "test", CHECK_BOOL},
};
/* clang-format on */
const size_t check_field_count = COUNT(check_fields);
const struct shape given_checks_shape = {.keys = &check_fields[0].key, .n = COUNT(check_fields), .stride = sizeof *check_fields};

const struct rule *load_rule(struct ruletest_suite *s, const struct yaml_node *n) {
    const char *name = node_text(&s->rd, n, "'rule'");
    const struct rule *rule = name ? ruleset_rule(s->given, name) : NULL;

    if (name && !rule) {
        const char *near = ruleset_nearest_rule(s->given, name);
        char hint[160];
        (void)snprintf(hint, sizeof hint, "did you mean '%.100s'?", near ? near : "");
        report_error(s->rep, n->at, near ? hint : NULL, "there is no rule '%.80s'", name);
    }
    return rule;
}

/* due: {acknowledge: 30m, resolve: 24h} */
static bool read_due(struct reader *rd, const struct yaml_node *n) {
    int64_t ms;

    if (!node_mapping(rd, n, "'due'", "due: {acknowledge: 30m, resolve: 24h}, counted from the raise") ||
        !shape_keys(rd, n, &given_due_shape))
        return false;
    for (size_t i = 0; i < n->n; i++)
        if (!shape_span(rd, n, &given_due_shape, n->pairs[i].key->text, &ms))
            return false;
    return true;
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
                     n->kind == YAML_SCALAR ? n->text : node_kind_name(n));
    return false;
}

static bool check_value(struct ruletest_suite *s, const struct check_field *f, const struct yaml_node *n) {
    struct reader *rd = &s->rd;
    const char *words[SHAPE_MAX_WORDS];
    char what[64];
    double number;
    int64_t i;
    bool b;

    (void)snprintf(what, sizeof what, "'%s'", f->key.name);
    switch (f->how) {
    case CHECK_TEXT: return n->kind == YAML_SCALAR && n->len == 0 && !yaml_is_null(n) ? true : node_text(rd, n, what) != NULL;
    case CHECK_INT: return node_int(rd, n, what, (int64_t)f->key.min, (int64_t)f->key.max, &i);
    case CHECK_NUMBER: return node_double(rd, n, what, f->key.min, f->key.max, &number);
    case CHECK_BOOL: return node_bool(rd, n, what, &b);
    case CHECK_SEVERITY: return node_choice(rd, n, what, words, shape_words(&f->key, words)) >= 0;
    case CHECK_SET:
    case CHECK_MEMBERS:
    case CHECK_LIST: return read_list(rd, n, what);
    case CHECK_PART: return node_mapping(rd, n, what, "values: {power_w: 0.2}");
    case CHECK_RULE: return load_rule(s, n) != NULL;
    case CHECK_DUE: return read_due(rd, n);
    }
    return false;
}

/* A scalar is compared as text whatever it looks like: `by: 7` is "7". */
static const cJSON *as_text(struct reader *rd, const struct yaml_node *n) {
    cJSON *j = reader_alloc(rd, sizeof *j);
    if (j) {
        j->type = cJSON_String;
        j->valuestring = (char *)(uintptr_t)reader_strdup(rd, n->text);
    }
    return j && j->valuestring ? j : NULL;
}

static bool read_check(struct ruletest_suite *s, const struct yaml_pair *p, struct check *ret) {
    struct reader *rd = &s->rd;

    for (size_t i = 0; i < check_field_count; i++) {
        const struct check_field *f = &check_fields[i];
        if (strcmp(f->key.name, p->key->text) != 0)
            continue;
        if (!check_value(s, f, p->value))
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
    static const char *const needed[] = {"at", "rule", "change"};
    struct reader *rd = &s->rd;
    const struct yaml_node *v[COUNT(needed)];
    int change;

    if (!node_mapping(rd, n, "what is expected", example))
        return false;
    bool fine = shape_keys(rd, n, &given_expected_shape);
    for (size_t i = 0; i < COUNT(needed); i++)
        if (!(v[i] = yaml_get(n, needed[i]))) {
            report_error(rd->rep, n->at, example, "what is expected has no '%s'", needed[i]);
            return false;
        }
    *ret = (struct expected){.place = n->at};
    fine = node_span(rd, v[0], "'at'", 0, &ret->at) && fine;
    fine = (ret->rule = load_rule(s, v[1])) != NULL && fine;
    fine = (change = shape_choice(rd, n, &given_expected_shape, "change")) >= 0 && fine;
    ret->change = (enum change)(change + CHANGE_OPENED);
    ret->checks = reader_alloc(rd, n->n * sizeof *ret->checks);
    for (size_t i = 0; fine && ret->checks && i < n->n; i++) {
        const struct yaml_pair *p = &n->pairs[i];
        if (strcmp(p->key->text, "at") == 0 || strcmp(p->key->text, "rule") == 0 || strcmp(p->key->text, "change") == 0)
            continue;
        fine = read_check(s, p, &ret->checks[ret->nchecks]);
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
    if (!node_list(&s->rd, list, "expect", "expect: [{at: 10m, rule: lamp-out, change: opened}]"))
        return false;
    ret->expected = reader_alloc(&s->rd, list->n * sizeof *ret->expected);
    for (size_t i = 0; ret->expected && i < list->n; i++)
        if ((fine = read_one(s, list->items[i], &ret->expected[i]) && fine) && ret->expected[i].rule->mode == RULE_OFF)
            ret->off = ret->expected[i].rule->name;
    ret->nexpected = list->n;
    return fine && ret->expected;
}
