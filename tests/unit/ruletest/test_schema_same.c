/* SPDX-License-Identifier: Apache-2.0
 * The JSON Schemas against the loader: the same keys, the same words, the same patterns of rules; and whatever is done to the manual's examples, no schema refuses what the loader
 * takes. Runs in the repository's root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"
#include "gengfu/rules/node.h"
#include "schema_fixture.h"

/* -- the same keys, the same words ------------------------------------------------------------------------------------------------------------- */

#define RULE_X "rules: [{rule: x, on: lamp, when: 'true', clear: auto, incident: {severity: minor, title: t}}]\n"
/* A place for keys: `%s` stands for them; `def` is what the schema calls such a mapping; `without` are keys that stand there already, or would keep the loader from looking at the others. */
static const struct context {
    enum which which;
    const char *def, *text, *without[4];
} contexts[] = {
    {RULES, "", "{%s}", {0}},
    {RULES, "source", "sources: [{%s}]", {0}},
    {RULES, "source_event", "sources: [{source: s, topic: 't/{device}', events: [{%s}]}]", {0}},
    {RULES, "dedupe", "sources: [{source: s, topic: 't/{device}', events: [{kind: k, dedupe: {%s}}]}]", {0}},
    {RULES, "emit", "sources: [{source: s, topic: 't/{device}', events: [{kind: k, emit: {%s}}]}]", {0}},
    {RULES, "online", "sources: [{source: s, topic: 't/{device}', online: {%s}}]", {0}},
    {RULES, "rule", "rules: [{%s}]", {0}},
    {RULES, "incident", "rules: [{rule: r, incident: {%s}}]", {0}},
    {RULES, "due", "rules: [{rule: r, incident: {due: {%s}}}]", {0}},
    {RULES, "during_not", "rules: [{rule: r, during: {%s}}]", {0}},
    {RULES, "step", "rules: [{rule: r, sequence: [{%s}, {name: b}]}]", {0}},
    {RULES, "not_step", "rules: [{rule: r, sequence: [{name: b}, {not: {%s}}]}]", {0}},
    {RULES, "escalation", "rules: [{rule: r, escalate: [{%s}]}]", {0}},
    {RULES, "chattering", "rules: [{rule: r, chattering: {%s}}]", {0}},
    {RULES, "override", RULE_X "overrides: [{%s}]", {0}},
    {RULES, "incident_change", RULE_X "overrides: [{rule: x, incident: {%s}}]", {0}},
    {RULES, "inhibit_rule", "inhibit_rules: [{%s}]", {0}},
    {RULES, "time_interval", "time_intervals: {n: {%s}}", {0}},
    {RULES, "time_range", "time_intervals: {n: {times: [{%s}]}}", {0}},
    {CONFIG, "", "{%s}", {0}},
    {CONFIG, "gateway", "gateway: {%s}", {0}},
    {CONFIG, "broker", "gateway: {id: g}\nbroker: {%s}", {0}},
    {CONFIG, "tls", "gateway: {id: g}\nbroker: {tls: {%s}}", {0}},
    {CONFIG, "store", "gateway: {id: g}\nstore: {%s}", {0}},
    {CONFIG, "control", "gateway: {id: g}\ncontrol: {%s}", {0}},
    {CONFIG, "limits", "gateway: {id: g}\nlimits: {%s}", {0}},
    {CONFIG, "platform_mqtt", "gateway: {id: g}\nplatforms: [{type: mqtt, %s}]", {"type"}},
    {CONFIG, "platform_https", "gateway: {id: g}\nplatforms: [{type: https, %s}]", {"type"}},
    {CONFIG, "platform_file", "gateway: {id: g}\nplatforms: [{type: file, %s}]", {"type"}},
    {CONFIG, "tls_mqtt", "gateway: {id: g}\nplatforms: [{platform: p, type: mqtt, host: h, tls: {%s}}]", {0}},
    {CONFIG, "tls_https", "gateway: {id: g}\nplatforms: [{platform: p, type: https, url: 'https://h', tls: {%s}}]", {0}},
    {TESTS, "", "{%s}", {0}},
    {TESTS, "test", "tests: [{%s}]", {0}},
    {TESTS, "device", "tests: [{test: t, devices: [{%s}]}]", {0}},
    {TESTS, "event", "tests: [{test: t, events: [{%s}]}]", {0}},
    {TESTS, "message", "tests: [{test: t, messages: [{%s}]}]", {"every", "until"}},
    {TESTS, "became", "tests: [{test: t, messages: [{at: 0s, topic: t, payload: x, events: [{%s}]}]}]", {0}},
    {TESTS, "command", "tests: [{test: t, commands: [{%s}]}]", {"every", "until"}},
    {TESTS, "link", "tests: [{test: t, link: [{%s}]}]", {"every", "until"}},
    {TESTS, "expected", "tests: [{test: t, expect: [{%s}]}]", {0}},
    {TESTS, "due", "tests: [{test: t, expect: [{at: 0s, rule: x, change: opened, due: {%s}}]}]", {0}},
};

static bool among(const char *const *list, size_t n, const char *s) {
    for (size_t i = 0; i < n && list[i]; i++)
        if (strcmp(list[i], s) == 0)
            return true;
    return false;
}

/* Every name that some schema knows. */
static void collect_names(const cJSON *schema, const char **names, size_t *n) {
    const cJSON *v;
    cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(schema, "properties")) if (!among(names, *n, v->string)) {
        assert_true(*n < 399);
        names[(*n)++] = v->string;
    }
    cJSON_ArrayForEach(v, schema) if (cJSON_IsObject(v) || cJSON_IsArray(v)) collect_names(v, names, n);
}

static size_t all_names(const char **names) {
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        collect_names(schemas[i], names, &n);
    names[n++] = "no_such_key";
    return n;
}

static char *in_context(const struct context *c, const char *body) {
    struct buf b;
    const char *at = strstr(c->text, "%s");
    buf_init(&b, 0);
    buf_put(&b, c->text, (size_t)(at - c->text));
    buf_puts(&b, body);
    buf_puts(&b, at + 2);
    return buf_take(&b, NULL);
}

/* The columns (of the last line) at which a side says that there is no such key. */
struct refused {
    bool at[20000];
};

static void refused_by_loader(void *arg, const cJSON *item) {
    const char *message = json_str(item, "message", "");
    struct refused *r = arg;
    if (strstr(message, " has no key '") || strstr(message, "' belongs to the incident") ||
        strstr(message, "tests do not stand in a rule file"))
        r->at[json_int(item, "column", 0) % 20000] = true;
}

static void refused_by_schema(const struct look *l, struct refused *r) {
    for (size_t i = 0; i < l->c.n; i++) {
        uint32_t line, column;
        report_line_column(l->own, l->c.items[i].at, &line, &column);
        if (strcmp(l->c.items[i].keyword, "additionalProperties") == 0)
            r->at[column % 20000] = true;
    }
}

static void test_keys(void **state) {
    const char *names[400];
    size_t n = all_names(names);
    static struct refused loader, schema;
    (void)state;
    assert_true(n > 150);
    for (size_t i = 0; i < COUNT(contexts); i++) {
        const struct context *c = &contexts[i];
        size_t columns[400] = {0}, start = (size_t)(strstr(c->text, "%s") - c->text) + 1, taken = 0;
        const char *line = strrchr(c->text, '\n');
        struct buf b;
        start -= line ? (size_t)(line + 1 - c->text) : 0;
        buf_init(&b, 0);
        for (size_t k = 0; k < n; k++) {
            if (among(c->without, COUNT(c->without), names[k]))
                continue;
            columns[k] = start + b.len;
            buf_printf(&b, "%s: x, ", names[k]);
        }
        buf_puts(&b, "z_: x");
        char *text = in_context(c, b.data);
        struct look *l = look_new(c->which, RULE_X, text);
        memset(&loader, 0, sizeof loader);
        memset(&schema, 0, sizeof schema);
        each_item(l->rep, refused_by_loader, &loader);
        refused_by_schema(l, &schema);
        for (size_t k = 0; k < n; k++) {
            if (!columns[k])
                continue;
            if (loader.at[columns[k]] != schema.at[columns[k]])
                fail_msg("%s: the key '%s' is %s by the schema, and %s by the loader", c->text, names[k],
                         schema.at[columns[k]] ? "refused" : "taken", loader.at[columns[k]] ? "refused" : "taken");
            taken += !schema.at[columns[k]];
        }
        assert_true(taken > 0);
        look_free(l);
        free(text);
        buf_done(&b);
    }
}

/* Each word that a schema offers is one that the loader takes. */
struct offered {
    const struct context *context;
    const char *key, *word;
};

static void word_refused(void *arg, const cJSON *item) {
    const struct offered *o = arg;
    char quoted[80], plain[80];
    (void)snprintf(quoted, sizeof quoted, "'%s' cannot be '%s'", o->key, o->word);
    (void)snprintf(plain, sizeof plain, "%s cannot be '%s'", o->key, o->word);
    const char *message = json_str(item, "message", "");
    if (strcmp(message, quoted) == 0 || strcmp(message, plain) == 0 || (strstr(message, o->key) && strstr(message, "has no '")))
        fail_msg("%s: the schema offers %s: %s, and the loader says \"%s\"", o->context->text, o->key, o->word, message);
}

static size_t offer_words(const struct context *c, const char *key, const cJSON *schema) {
    const cJSON *v;
    size_t n = 0;
    cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(schema, "enum")) {
        char body[120];
        (void)snprintf(body, sizeof body, "%s: '%s'", key, v->valuestring);
        char *text = in_context(c, body);
        struct look *l = look_new(c->which, RULE_X, text);
        each_item(l->rep, word_refused, &(struct offered){c, key, v->valuestring});
        for (size_t i = 0; i < l->c.n; i++)
            if (strcmp(l->c.items[i].keyword, "enum") == 0)
                fail_msg("%s: the schema does not take its own word %s", c->text, body);
        look_free(l);
        free(text);
        n++;
    }
    return n;
}

static void test_words(void **state) {
    size_t words = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(contexts); i++) {
        const struct context *c = &contexts[i];
        const cJSON *def = *c->def ? json_get(json_get(schemas[c->which], "$defs"), c->def) : schemas[c->which], *key, *alternative;
        assert_non_null(def);
        cJSON_ArrayForEach(key, json_get(def, "properties")) {
            if (among(c->without, COUNT(c->without), key->string))
                continue;
            words += offer_words(c, key->string, key);
            cJSON_ArrayForEach(alternative, json_get(key, "anyOf")) words += offer_words(c, key->string, alternative);
        }
    }
    assert_true(words > 80);
}

/* -- the patterns of a rule ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key, *value;
} parts[] = {{"when", "event.a > 1.0"},
             {"within", "5m"},
             {"having", "event_count() >= 3"},
             {"sequence", "[{name: a, on: lamp}, {name: b, on: lamp}]"},
             {"together", "[{name: a, on: lamp}, {name: b, on: lamp}]"},
             {"absent", "5m"},
             {"for", "1m"},
             {"grace", "1m"},
             {"of", "lamp"},
             {"clear", "manual"},
             {"resolve_after", "5m"},
             {"on", "lamp"}};
#define PARTS COUNT(parts)
#define CHUNK 64 /* rules at once: a report keeps 500 items */

static void mark_line(void *arg, const cJSON *item) {
    bool *lines = arg;
    if (strcmp(json_str(item, "severity", ""), "error") == 0)
        lines[json_int(item, "line", 0) % (CHUNK + 2)] = true;
}

/* All 4096 sets of keys: the schema and the loader refuse the same ones. */
static void test_patterns(void **state) {
    size_t good = 0;
    (void)state;
    for (unsigned from = 0; from < 1u << PARTS; from += CHUNK) {
        bool loader[CHUNK + 2] = {0}, schema[CHUNK + 2] = {0};
        struct buf b;
        buf_init(&b, 0);
        buf_puts(&b, "rules:\n");
        for (unsigned i = 0; i < CHUNK; i++) {
            buf_printf(&b, " - {rule: r%u, incident: {severity: minor, title: 't%u'}", i, i);
            for (unsigned k = 0; k < PARTS; k++)
                if ((from + i) & 1u << k)
                    buf_printf(&b, ", %s: %s", parts[k].key, parts[k].value);
            buf_puts(&b, "}\n");
        }
        struct look *l = look_new(RULES, "", b.data);
        each_item(l->rep, mark_line, loader);
        assert_true(report_errors(l->rep) < 500);
        for (size_t i = 0; i < l->c.n; i++) {
            uint32_t line, column;
            report_line_column(l->own, l->c.items[i].at, &line, &column);
            schema[line] = true;
        }
        for (unsigned i = 0; i < CHUNK; i++) {
            if (loader[i + 2] != schema[i + 2])
                fail_msg("the loader %s, the schema %s: line %u of\n%s", loader[i + 2] ? "refuses" : "takes",
                         schema[i + 2] ? "refuses" : "takes", i + 2, b.data);
            good += !schema[i + 2];
        }
        look_free(l);
        buf_done(&b);
    }
    assert_true(good > 20 && good < 1000);
}

/* -- scalars --------------------------------------------------------------------------------------------------------------------------------- */

static const char *pattern_of(const char *def) {
    const char *pattern = json_str(json_get(json_get(schemas[RULES], "$defs"), def), "pattern", NULL);
    assert_non_null(pattern);
    return pattern;
}

/* Texts of up to four pieces: the pattern fits just those that can be read. */
static void same_texts(const char *def, const char *const *pieces, size_t n, bool (*readable)(const char *s, size_t len)) {
    const char *pattern = pattern_of(def);
    size_t total = (n + 1) * (n + 1) * (n + 1) * (n + 1), good = 0;
    for (size_t i = 0; i < total; i++) {
        char text[64] = "";
        size_t len = 0;
        for (size_t k = i; k; k /= n + 1)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s", k % (n + 1) ? pieces[k % (n + 1) - 1] : "");
        bool fits = json_schema_matches(pattern, text, len), read = readable(text, len);
        if (fits != read)
            fail_msg("'%s': the pattern of %s %s, the reader %s", text, def, fits ? "fits" : "does not", read ? "takes it" : "does not");
        good += read;
    }
    assert_true(good > 20 && good < total - 20);
}

static bool is_span(const char *s, size_t len) {
    int64_t v;
    return span_parse(s, len, &v, NULL) == 0;
}

static bool is_size(const char *s, size_t len) {
    int64_t v;
    return size_parse(s, len, &v, NULL) == 0;
}

static bool is_name(const char *s, size_t len) {
    struct report *rep;
    struct arena arena;
    const char *name;
    assert_int_equal(report_new(&rep), 0);
    arena_init(&arena, 4096, 0);
    struct reader rd = {.rep = rep, .arena = &arena};
    struct yaml_node n = {.kind = YAML_SCALAR, .text = s, .len = len};
    bool fine = node_name(&rd, &n, "x", &name);
    arena_done(&arena);
    report_free(rep);
    return fine;
}

static void test_scalars(void **state) {
    static const char *const spans[] = {"1", "20", "w", "d", "h", "m", "s", "ms", "5m", "2h", " ", "-", ".5"};
    static const char *const sizes[] = {"1", "20", "K", "m", "Gi", "t", "B", "b", " ", "-", ".5"};
    static const char *const names[] = {"a", "路", "-", "_", "/", " ", "#", "'", "7"};
    (void)state;
    same_texts("span", spans, COUNT(spans), is_span);
    same_texts("size", sizes, COUNT(sizes), is_size);
    same_texts("name", names, COUNT(names), is_name);
    const char *pattern = pattern_of("name"), *word = pattern_of("word");
    for (int c = 1; c < 128; c++) {
        char text[4] = {'a', (char)c, 'b', '\0'};
        assert_int_equal(json_schema_matches(pattern, text, 3), is_name(text, 3));
        assert_int_equal(json_schema_matches(word, text, 3), is_identifier(text, 3));
        assert_int_equal(json_schema_matches(word, text + 1, 1), is_identifier(text + 1, 1));
    }
}

/* Values of time intervals: what the schema takes is what the loader takes, but for numbers out of range. */
static void test_intervals(void **state) {
    static const struct {
        const char *text;
        bool fine;
    } all[] = {{"times: [{start_time: '07:20', end_time: '24:00'}]", true},
               {"times: [{start_time: 'sunset-15m', end_time: 'sunrise + 1h30m'}]", true},
               {"times: [{start_time: sunset, end_time: sunrise}]", true},
               {"times: [{start_time: '7:20', end_time: '08:00'}]", false},
               {"times: [{start_time: '07:60', end_time: '08:00'}]", false},
               {"times: [{start_time: '24:01', end_time: '08:00'}]", false},
               {"times: [{start_time: 'sunset*2', end_time: '08:00'}]", false},
               {"times: [{start_time: noon, end_time: '08:00'}]", false},
               {"times: []", false},
               {"weekdays: monday", true},
               {"weekdays: [Monday, 'friday:SUNDAY']", true},
               {"weekdays: mon", false},
               {"weekdays: 'monday:'", false},
               {"weekdays: 1", false},
               {"weekdays: []", false},
               {"months: [5, may, 'november:february', '1:3']", true},
               {"months: 13", false},
               {"months: 0", false},
               {"months: mai", false},
               {"days_of_month: [1, '1:5', -1, '-3:-1']", true},
               {"days_of_month: 32", false},
               {"days_of_month: '1-5'", false},
               {"years: [2026, '2026:2028']", true},
               {"years: 1969", false},
               {"years: next", false},
               {"location: Asia/Shanghai", true},
               {"location: []", false}};
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "time_intervals: {n: {%s}}", all[i].text);
        struct look *l = look_new(RULES, "", text);
        if ((l->rc == 0) != all[i].fine || (l->c.n == 0) != all[i].fine)
            fail_msg("%s: the loader %s, the schema %s", text, l->rc ? "refuses" : "takes", l->c.n ? "refuses" : "takes");
        look_free(l);
    }
}

/* -- whatever is done to the examples ------------------------------------------------------------------------------------------------------------ */

/* Each member of each example is left out, and given a few other values (with THOROUGH=1 all of them). */

struct changing {
    enum which which;
    const char *where;
    const char *rules; /* for a text of tests: those that it is about */
    cJSON *root;
    uint64_t prng;
    size_t tried, refused, both;
};

static uint64_t draw(struct changing *c) { /* xorshift */
    c->prng ^= c->prng << 13;
    c->prng ^= c->prng >> 7;
    c->prng ^= c->prng << 17;
    return c->prng;
}

static void judge(struct changing *c) {
    char *text = cJSON_PrintUnformatted(c->root);
    struct look *l = look_new(c->which, c->rules, text);
    if (l->rc == 0 && l->c.n) {
        print_complaints(l);
        fail_msg("%s: the schema refuses what the loader takes:\n%s", c->where, text);
    }
    c->tried++;
    c->refused += l->rc < 0;
    c->both += l->rc < 0 && l->c.n;
    look_free(l);
    free(text);
}

static cJSON *another_value(unsigned i) {
    switch (i) {
    case 0: return cJSON_CreateTrue();
    case 1: return cJSON_CreateNumber(7);
    case 2: return cJSON_CreateNumber(-1);
    case 3: return cJSON_CreateNumber(1.5);
    case 4: return cJSON_CreateString("x y");
    case 5: return cJSON_CreateString("");
    case 6: return cJSON_CreateString("5m");
    case 7: return cJSON_CreateArray();
    case 8: return cJSON_CreateObject();
    case 9: return cJSON_Parse("[\"a\"]");
    case 10: return cJSON_Parse("{\"a\": \"1\"}");
    case 11: return cJSON_CreateNull();
    default: return cJSON_CreateString("auto");
    }
}
#define VALUES 13

static void change_all(struct changing *c, cJSON *parent) {
    for (int i = 0; i < cJSON_GetArraySize(parent); i++) {
        cJSON *item = cJSON_GetArrayItem(parent, i);
        if (parent == c->root && strcmp(item->string, "rules") == 0 && cJSON_GetObjectItem(c->root, "overrides"))
            continue; /* what an override takes the place of is looked at by nobody */
        const unsigned first = (unsigned)(draw(c) % VALUES);
        for (unsigned v = 0; v < (getenv("THOROUGH") ? VALUES : 3); v++) {
            cJSON *other = another_value((first + v * 5) % VALUES), saved = *item;
            assert_non_null(other);
            /* The value changes in place: its name and its neighbours stay. */
            item->type = other->type;
            item->child = other->child;
            item->valuestring = other->valuestring;
            item->valuedouble = other->valuedouble;
            item->valueint = other->valueint;
            judge(c);
            *item = saved;
            cJSON_Delete(other);
        }
        /* Left out: printing goes along `next` only. */
        cJSON **link = i ? &cJSON_GetArrayItem(parent, i - 1)->next : &parent->child;
        *link = item->next;
        judge(c);
        *link = item;
        change_all(c, item);
    }
}

static void change_block(void *arg, enum which which, const char *where, const char *text) {
    struct changing *c = arg;
    struct arena arena;
    struct report *rep;
    if (which == RULES && strstr(where, "testing.md")) { /* what the tests of that page are about */
        free((char *)(uintptr_t)c->rules);
        c->rules = strdup(text);
    }
    c->which = which;
    c->where = where;
    arena_init(&arena, 16 << 10, 0);
    assert_int_equal(report_new(&rep), 0);
    int file = report_file(rep, "x", text, strlen(text));
    const struct yaml_node *root = yaml_parse(&arena, rep, (uint16_t)file);
    assert_non_null(root);
    c->root = cJSON_Duplicate(yaml_json(&arena, root), true);
    assert_non_null(c->root);
    judge(c);
    change_all(c, c->root);
    char *before = cJSON_PrintUnformatted(yaml_json(&arena, root)), *after = cJSON_PrintUnformatted(c->root);
    assert_string_equal(before, after);
    free(before);
    free(after);
    cJSON_Delete(c->root);
    report_free(rep);
    arena_done(&arena);
}

static void test_changes(void **state) {
    struct changing c = {.prng = 88172645463325252u, .rules = strdup("")};
    (void)state;
    each_block(change_block, &c);
    free((char *)(uintptr_t)c.rules);
    print_message("%zu changes, %zu refused by the loader, %zu of them by the schema too\n", c.tried, c.refused, c.both);
    assert_true(c.tried > 3000 && c.both * 2 > c.refused);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys),    cmocka_unit_test(test_words),     cmocka_unit_test(test_patterns),
                                       cmocka_unit_test(test_scalars), cmocka_unit_test(test_intervals), cmocka_unit_test(test_changes)};
    return cmocka_run_group_tests(tests, schemas_open, schemas_close);
}
