/* SPDX-License-Identifier: Apache-2.0
 * The suite: files of tests.d to tests. One mistake spoils one test, not the others; all are told in one run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/file.h"
#include "ruletest/ruletest_int.h"

#define DEFAULT_START "2026-01-05T12:00:00" /* a Monday, site time */

/* -- the rule set, with every rule live ------------------------------------------------------------------------------------------ */
static const struct rule *const *live_rules(struct ruletest_suite *s, const struct rule *const *from, size_t n) {
    const struct rule **to = arena_alloc(&s->arena, (n + 1) * sizeof *to);
    for (size_t i = 0; to && i < n; i++)
        to[i] = s->rules + (from[i] - s->given->rules);
    return to;
}

/* Rules in shadow publish nothing, so a copy of the rules is live. Inhibit rules name rules by where they stand: they follow. */
static bool make_live(struct ruletest_suite *s) {
    const struct ruleset *rs = s->given;

    s->rs = *rs;
    s->rules = arena_alloc(&s->arena, (rs->nrules + 1) * sizeof *s->rules);
    s->inhibits = arena_alloc(&s->arena, (rs->ninhibits + 1) * sizeof *s->inhibits);
    if (!s->rules || !s->inhibits)
        return false;
    for (size_t i = 0; i < rs->nrules; i++) {
        s->rules[i] = rs->rules[i];
        if (s->rules[i].mode == RULE_SHADOW)
            s->rules[i].mode = RULE_LIVE;
    }
    for (size_t i = 0; i < rs->ninhibits; i++) {
        struct inhibit_rule *to = &s->inhibits[i];
        *to = rs->inhibits[i];
        to->sources = live_rules(s, to->sources, to->nsources);
        to->targets = live_rules(s, to->targets, to->ntargets);
        if (!to->sources || !to->targets)
            return false;
    }
    s->rs.rules = s->rules;
    s->rs.inhibits = s->inhibits;
    return true;
}

/* -- kinds of events ------------------------------------------------------------------------------------------------------------------ */
static bool add_kind(struct ruletest_suite *s, atom_t kind) {
    const char *name = atom_name(kind);
    if (!kind || strcmp(name, "incident") == 0) /* those the engine makes itself */
        return true;
    for (size_t i = 0; i < s->nkinds; i++)
        if (strcmp(s->kinds[i], name) == 0)
            return true;
    const char **more = realloc(s->kinds, (s->nkinds + 1) * sizeof *more);
    if (!more)
        return false;
    s->kinds = more;
    s->kinds[s->nkinds++] = name;
    return true;
}

static bool collect_kinds(struct ruletest_suite *s) {
    const struct ruleset *rs = s->given;
    bool fine = add_kind(s, atom_of("availability"));

    for (size_t i = 0; i < rs->nsources; i++)
        for (size_t k = 0; k < rs->sources[i].nevents; k++)
            fine = add_kind(s, rs->sources[i].events[k].kind) && fine;
    for (size_t i = 0; i < rs->nrules; i++) {
        const struct rule *r = &rs->rules[i];
        s->kinds_open = s->kinds_open || r->on_any;
        for (size_t k = 0; k < r->non; k++)
            fine = add_kind(s, r->on[k]) && fine;
        for (size_t st = 0; st < r->nsteps; st++)
            for (size_t k = 0; k < r->steps[st].non; k++)
                fine = add_kind(s, r->steps[st].on[k]) && fine;
    }
    return fine;
}

/* -- life ----------------------------------------------------------------------------------------------------------------------------- */
int ruletest_new(const struct ruleset *rs, struct report *rep, struct err *err, struct ruletest_suite **ret) {
    struct ruletest_suite *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(err, GF_ENOMEM, "no memory for the tests");
    s->given = rs;
    s->rep = rep;
    arena_init(&s->arena, 256 << 10, (size_t)1 << 30);
    map_init(&s->names);
    s->rd = (struct reader){.rep = rep, .arena = &s->arena};
    if (!make_live(s) || !collect_kinds(s)) {
        ruletest_free(s);
        return err_set(err, GF_ENOMEM, "no memory for the tests");
    }
    *ret = s;
    return 0;
}

void ruletest_free(struct ruletest_suite *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->ntests; i++)
        registry_free(s->tests[i].registry);
    map_done(&s->names, NULL);
    free(s->tests);
    free(s->kinds);
    arena_done(&s->arena);
    free(s);
}

/* -- one test --------------------------------------------------------------------------------------------------------------------------- */
static bool read_name(struct ruletest_suite *s, const struct yaml_node *n, struct test *t) {
    const struct yaml_node *name = yaml_get(n, "test");
    const struct place *first;

    if (!name) {
        report_error(s->rep, n->at, "test: a lamp that goes out at night is reported after ten minutes",
                     "the test has no 'test': a sentence that says what it shows");
        return false;
    }
    if (!(t->name = node_text(&s->rd, name, "'test'")))
        return false;
    t->place = name->at;
    if ((first = map_gets(&s->names, t->name)) != NULL) {
        uint32_t line, column;
        char hint[300];
        report_line_column(s->rep, *first, &line, &column);
        (void)snprintf(hint, sizeof hint, "the first is in %.200s, line %u", report_file_name(s->rep, first->file), (unsigned)line);
        report_error(s->rep, name->at, hint, "two tests have this name");
        return false;
    }
    struct place *at = reader_alloc(&s->rd, sizeof *at);
    if (!at)
        return false;
    *at = name->at;
    s->rd.oom = map_puts(&s->names, t->name, at) < 0;
    return !s->rd.oom;
}

/* RFC 3339; without a zone it is the site's. */
static bool read_moment(struct ruletest_suite *s, const struct yaml_node *n, int64_t *ret_ms) {
    static const char example[] = "for example 2026-01-05T20:00:00+08:00; without a zone it is the site's time";
    const char *text = node_text(&s->rd, n, "'start'");
    int64_t seconds;
    int nanos;
    bool zoned;

    if (!text)
        return false;
    if (time_parse(text, n->len, false, &seconds, &nanos, &zoned) < 0) {
        report_error(s->rep, n->at, example, "'start' must be a moment, not '%.60s'", text);
        return false;
    }
    if (!zoned)
        seconds = zone_to_utc(s->given->config ? s->given->config->zone : NULL, seconds);
    *ret_ms = seconds * 1000 + nanos / 1000000;
    return true;
}

/* Every input says itself what must become of it: nobody waits for a timer. */
static bool of_sources(const struct test *t) {
    for (size_t i = 0; i < t->ninputs; i++)
        if (t->inputs[i].kind != INPUT_MESSAGE || !(t->inputs[i].message->checks_events || t->inputs[i].message->outcome >= 0))
            return false;
    return t->ninputs > 0;
}

/* `whole`: all else of the test could be read, so that its end can be judged. */
static bool read_span(struct ruletest_suite *s, const struct yaml_node *n, struct test *t, bool whole) {
    const struct yaml_node *start = yaml_get(n, "start"), *until = yaml_get(n, "until");
    int64_t seconds, last = 0;
    int nanos;
    bool zoned, fine = true;

    if (start) {
        fine = read_moment(s, start, &t->start);
    } else {
        (void)!time_parse(DEFAULT_START, strlen(DEFAULT_START), false, &seconds, &nanos, &zoned);
        t->start = 1000 * zone_to_utc(s->given->config ? s->given->config->zone : NULL, seconds);
    }
    if (t->ninputs)
        last = t->inputs[t->ninputs - 1].at;
    for (size_t i = 0; i < t->nexpected; i++)
        if (t->expected[i].at > last)
            last = t->expected[i].at;
    t->until = last;
    if (until && (fine = node_span(&s->rd, until, "'until'", 0, &t->until) && fine) && whole && t->until < last) {
        report_error(s->rep, until->at, NULL, "the test ends before its last input or expectation");
        fine = false;
    }
    if (fine && whole && !until && t->nexpected == 0 && (t->ninputs == 0 || (t->inputs[0].at == last && !of_sources(t))))
        report_warning(s->rep, t->place, "until: 1h, so that what a timer would raise has the time to come",
                       "the test expects nothing and ends at once; say how long to wait");
    return fine;
}

/* ignore: updated, or a list: changes that fail the test only by not coming */
static bool read_ignored(struct ruletest_suite *s, const struct yaml_node *n, struct test *t) {
    const char *words[SHAPE_MAX_WORDS];
    size_t nwords = shape_words(shape_key(&given_test_shape, "ignore"), words);
    const struct yaml_node *ignore = yaml_get(n, "ignore");
    bool fine = true;

    for (size_t i = 0; ignore && i < (ignore->kind == YAML_SEQUENCE ? ignore->n : 1); i++) {
        int c = node_choice(&s->rd, ignore->kind == YAML_SEQUENCE ? ignore->items[i] : ignore, "'ignore'", words, nwords);
        fine = c >= 0 && fine;
        t->ignored |= c >= 0 ? 1u << (c + CHANGE_OPENED) : 0;
    }
    return fine;
}

/* rules: 30-lamps.yaml, or a list: whose rules the tests of a file look at. */
static bool read_files(struct ruletest_suite *s, const struct yaml_node *root, struct test *ret) {
    const struct yaml_node *n = yaml_get(root, "rules");
    size_t count = !n ? 0 : n->kind == YAML_SEQUENCE ? n->n : 1;
    const char **files = reader_alloc(&s->rd, (count + 1) * sizeof *files);
    bool fine = files != NULL;

    if (n && count == 0) {
        report_error(s->rep, n->at, "rules: 30-lamps.yaml", "'rules' names no file");
        return false;
    }
    for (size_t i = 0; files && i < count; i++) {
        const struct yaml_node *item = n->kind == YAML_SEQUENCE ? n->items[i] : n;
        bool found = false;
        if (!(files[i] = node_text(&s->rd, item, "'rules'"))) {
            fine = false;
            continue;
        }
        for (size_t k = 0; k < s->given->nrules && !found; k++)
            found = pattern_fits(files[i], s->given->rules[k].file);
        if (!found)
            report_warning(s->rep, item->at, "name a file as it is called in rules.d: '30-lamps.yaml', '3*.yaml'",
                           "no rule stands in a file '%.80s'", files[i]);
    }
    ret->files = files;
    ret->nfiles = count;
    return fine;
}

static bool load_test(struct ruletest_suite *s, const struct yaml_node *n, struct test *t) {
    const struct yaml_node *about = yaml_get(n, "about");

    if (!node_mapping(&s->rd, n, "a test", "- test: what it shows"))
        return false;
    bool fine = shape_keys(&s->rd, n, &given_test_shape);
    fine = (!about || node_text(&s->rd, about, "'about'")) && fine;
    fine = read_name(s, n, t) && fine;
    if (!t->name)
        return false;
    fine = load_devices(s, n, t) && fine;
    fine = load_inputs(s, n, t) && fine;
    fine = load_expected(s, n, t) && fine;
    fine = read_ignored(s, n, t) && fine;
    return read_span(s, n, t, fine) && fine;
}

static struct test *next_test(struct ruletest_suite *s) {
    if (s->ntests == s->cap_tests) {
        size_t cap = s->cap_tests ? s->cap_tests * 2 : 64;
        struct test *more = realloc(s->tests, cap * sizeof *more);
        if (!more)
            return NULL;
        s->tests = more;
        s->cap_tests = cap;
    }
    s->tests[s->ntests] = (struct test){0};
    return &s->tests[s->ntests];
}

static int load_file(struct ruletest_suite *s, const struct yaml_node *root, struct err *err) {
    const struct yaml_node *list;
    struct test common = {0};

    if (!node_mapping(&s->rd, root, "a file of tests", "tests:") || !shape_keys(&s->rd, root, &given_file_shape) ||
        !(list = yaml_get(root, "tests")) || yaml_is_null(list) ||
        !node_list(&s->rd, list, "'tests'", "tests: [{test: …, events: […], expect: […]}]"))
        return 0;
    if (!read_files(s, root, &common))
        return s->rd.oom ? err_set(err, GF_ENOMEM, "no memory for the tests") : 0;
    for (size_t i = 0; i < list->n; i++) {
        if (s->ntests == RULETEST_MAX_TESTS)
            return err_set(err, GF_ELIMIT, "more than %d tests", RULETEST_MAX_TESTS);
        struct test *t = next_test(s);
        if (!t)
            return err_set(err, GF_ENOMEM, "no memory for the tests");
        *t = common;
        if (load_test(s, list->items[i], t))
            s->ntests++;
        else
            registry_free(t->registry);
        if (s->rd.oom)
            return err_set(err, GF_ENOMEM, "no memory for the tests");
    }
    return 0;
}

int ruletest_add_text(struct ruletest_suite *s, const char *name, const char *text, size_t len, struct err *err) {
    int file = report_file(s->rep, name, text, len);

    if (file < 0)
        return err_set(err, file, "%s: %s", name, err_text(file));
    /* The tree stays: what tests keep of it points into the arena. */
    const struct yaml_node *root = yaml_parse(&s->arena, s->rep, (uint16_t)file);
    return root ? load_file(s, root, err) : 0;
}

static int add_path(struct ruletest_suite *s, const char *path, const char *name, struct err *err) {
    struct buf b;

    buf_init(&b, RULES_MAX_FILE);
    int rc = file_read(path, &b, err);
    if (rc == 0)
        rc = ruletest_add_text(s, name, b.data, b.len, err);
    buf_done(&b);
    return rc;
}

int ruletest_add_dir(struct ruletest_suite *s, const char *dir, struct err *err) {
    struct err own = {0};
    struct buf path, name;
    char **names = NULL;
    size_t n = 0;

    buf_init(&path, 8192);
    buf_init(&name, 8192);
    buf_printf(&path, "%s/%s", dir, RULETEST_DIR);
    int rc = path.failed ? err_set(err, GF_ELIMIT, "%.100s…: the path is too long", dir) : file_list(path.data, ".yaml", &names, &n, &own);
    if (rc == GF_ENOTFOUND)
        rc = 0;
    else if (own.code)
        rc = err_set(err, own.code, "%s", own.text);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&path);
        buf_clear(&name);
        buf_printf(&path, "%s/%s/%s", dir, RULETEST_DIR, names[i]);
        buf_printf(&name, "%s/%s", RULETEST_DIR, names[i]);
        if (rc == 0)
            rc = add_path(s, path.data, name.data, err);
        free(names[i]);
    }
    free(names);
    buf_done(&path);
    buf_done(&name);
    return rc;
}

size_t ruletest_count(const struct ruletest_suite *s) { return s->ntests; }

void ruletest_info(const struct ruletest_suite *s, size_t i, struct ruletest_info *ret) {
    const struct test *t = &s->tests[i];
    uint32_t column;

    *ret = (struct ruletest_info){.name = t->name, .file = report_file_name(s->rep, t->place.file), .off = t->off};
    report_line_column(s->rep, t->place, &ret->line, &column);
}
