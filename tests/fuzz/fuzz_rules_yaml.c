/* SPDX-License-Identifier: Apache-2.0
 * A rule file of any bytes, or gengfu.yaml where the first line is "# gengfu.yaml": the tree, its places, the whole way to a model, and the report. What loads must be usable: intervals are asked,
 * templates filled in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/rules/model.h"
#include "rules/load_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) \
    do { \
        if (!(x)) \
            abort(); \
    } while (0)

static const char config[] =
    "gateway: {id: g, lat: 30.0, lon: 120.0, zone: Asia/Shanghai}\nplatforms: [{platform: city, type: file, path: /tmp/x}]\n";
static const char rule[] = "rules: [{rule: r, on: k, when: event.x > 0, incident: {severity: minor, title: t}, forward: [city]}]\n";
static const char devices[] = "device,kind,name,feeder,min_power_w:double\nlamp-7,lamp,n,F2,5.0\n";
static const char codes[] = "code,name,kind\n01-07-03,x,component\n";

/* Every place of the tree lies in the file, in the order of the text. */
static void check_tree(const struct yaml_node *n, size_t len) {
    CHECK(n->at.offset <= len && (size_t)n->at.offset + n->at.length <= len + 1);
    if (n->kind == YAML_SCALAR) {
        CHECK(n->text[n->len] == '\0' && strlen(n->text) == n->len);
        for (size_t i = 0; i <= n->len; i++)
            CHECK(n->offsets[i] <= len && (i == 0 || n->offsets[i] >= n->offsets[i - 1]));
    }
    for (size_t i = 0; i < n->n; i++) {
        if (n->kind == YAML_MAPPING)
            check_tree(n->pairs[i].key, len);
        check_tree(n->kind == YAML_MAPPING ? n->pairs[i].value : n->items[i], len);
    }
}

static void parse_only(const char *text, size_t size) {
    struct arena a;
    struct report *rep;
    CHECK(report_new(&rep) == 0);
    arena_init(&a, 4096, 256 << 20);
    int file = report_file(rep, "f.yaml", text, size);
    CHECK(file == 0);
    const struct yaml_node *root = yaml_parse(&a, rep, 0);
    CHECK(!root || report_errors(rep) == 0 || root->kind <= YAML_MAPPING);
    if (root && size < 20000) {
        check_tree(root, size);
        CHECK(yaml_json(&a, root) != NULL);
    }
    arena_done(&a);
    report_free(rep);
}

static void use(const struct ruleset *rs) {
    struct arena a;
    struct buf out;
    struct cel_value vars[RULE_VARS + RULES_MAX_STEPS];
    arena_init(&a, 4096, 1 << 20);
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof vars / sizeof *vars; i++)
        vars[i] = cel_error(CEL_E_ABSENT, NULL);
    for (size_t i = 0; i < rs->nintervals; i++)
        CHECK(interval_next_change(rs->intervals[i], INT64_C(1767614400000)) > INT64_C(1767614400000));
    for (size_t i = 0; i < rs->nrules; i++) {
        struct cel_context ctx = {.vars = vars, .arena = &a, .host = (void *)(uintptr_t)rs};
        if (!rs->rules[i].aggregates)
            template_fill(&rs->rules[i].title, &ctx, rs->config->zone, &out);
        CHECK(ruleset_rule(rs, rs->rules[i].name) == &rs->rules[i]);
    }
    buf_done(&out);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct report *rep;
    struct ruleset *rs = NULL;
    struct err err = {0};
    struct buf out;
    parse_only((const char *)data, size);
    bool is_config = size >= 13 && memcmp(data, "# gengfu.yaml", 13) == 0;
    const struct rules_file given = {is_config ? "gengfu.yaml" : "rules.d/x.yaml", (const char *)data, size},
                            other = is_config ? (struct rules_file){"rules.d/x.yaml", rule, sizeof rule - 1}
                                              : (struct rules_file){"gengfu.yaml", config, sizeof config - 1};
    const struct rules_file files[] = {{"devices.csv", devices, sizeof devices - 1}, {"codes.csv", codes, sizeof codes - 1}, other, given};
    CHECK(report_new(&rep) == 0);
    int rc = ruleset_load_files(files, sizeof files / sizeof *files, rep, &err, &rs);
    CHECK((rc == 0) == (rs != NULL) && (rc == 0 || err.text[0]));
    CHECK(rc < 0 || report_errors(rep) == 0);
    if (rs)
        use(rs);
    buf_init(&out, 0);
    report_print(rep, &out, true);
    buf_clear(&out);
    report_print_json(rep, &out);
    buf_done(&out);
    ruleset_free(rs);
    report_free(rep);
    return 0;
}
