/* SPDX-License-Identifier: Apache-2.0
 * A test's outcome in words and as JSON. What a device sends may end up in a title, so everything that comes from outside is cleaned. */
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "ruletest/ruletest_int.h"

static void clean(struct buf *out, const char *s) { text_clean(out, s, strlen(s)); }

static void put_told(struct buf *out, const struct told *t) {
    char at[TIME_TEXT_MAX];

    buf_printf(out, "%s ", span_format(t->at, at));
    clean(out, t->rule);
    buf_printf(out, " %s (%s), by ", change_name(t->change), json_str(t->doc, "severity", "?"));
    clean(out, t->key);
    buf_puts(out, ": ");
    clean(out, json_str(t->doc, "title", ""));
}

static void put_expected(struct run *r, struct buf *out, const struct expected *e) {
    char at[TIME_TEXT_MAX];

    buf_printf(out, "%s %s %s", span_format(e->at, at), e->rule->name, change_name(e->change));
    for (size_t i = 0; i < e->nchecks; i++) {
        buf_printf(out, ", %s ", e->checks[i].field->key.name);
        clean(out, check_want(r, &e->checks[i]));
    }
}

static uint32_t line_of(const struct run *r, struct place at) {
    uint32_t line, column;
    report_line_column(r->suite->rep, at, &line, &column);
    return line;
}

static void put_problem(struct run *r, struct buf *out, const struct problem *p) {
    char at[TIME_TEXT_MAX];

    switch (p->kind) {
    case PROBLEM_MISSING:
        buf_puts(out, "      expected, and nothing like it came: at ");
        put_expected(r, out, p->expected);
        buf_printf(out, "   (line %u)\n        what %s saw:\n", (unsigned)line_of(r, p->place), p->expected->rule->name);
        for (size_t i = 0; i < p->nsaw; i++) {
            buf_puts(out, "          ");
            clean(out, p->saw[i]);
            buf_putc(out, '\n');
        }
        break;
    case PROBLEM_DIFFERENT:
        buf_puts(out, "      expected: at ");
        put_expected(r, out, p->expected);
        buf_printf(out, "   (line %u)\n        nearest:  at ", (unsigned)line_of(r, p->place));
        put_told(out, p->told);
        buf_putc(out, '\n');
        for (size_t i = 0; i < p->ndifferences; i++) {
            buf_printf(out, "        %s is ", p->differences[i].field);
            clean(out, p->differences[i].came);
            buf_puts(out, ", expected ");
            clean(out, p->differences[i].want);
            buf_putc(out, '\n');
        }
        break;
    case PROBLEM_UNEXPECTED:
        buf_puts(out, "      not expected: at ");
        put_told(out, p->told);
        buf_putc(out, '\n');
        break;
    case PROBLEM_INPUT:
        buf_printf(out, "      at %s: ", span_format(p->at, at));
        clean(out, p->sentence);
        buf_printf(out, "   (line %u)\n", (unsigned)line_of(r, p->place));
        break;
    }
}

void print_text(struct run *r, unsigned flags, struct buf *out) {
    if (flags & RULETEST_VERBOSE)
        for (size_t i = 0; i < r->ntold; i++) {
            buf_puts(out, "      came: at ");
            put_told(out, &r->told[i]);
            buf_putc(out, '\n');
        }
    for (size_t i = 0; i < r->nproblems; i++)
        put_problem(r, out, &r->problems[i]);
}

/* -- JSON ------------------------------------------------------------------------------------------------------------------------ */
static void json_told(struct jw *w, const char *name, const struct told *t) {
    char at[TIME_TEXT_MAX];

    jw_open(w, name, '{');
    jw_str(w, "at", span_format(t->at, at));
    jw_value(w, "incident", t->doc);
    jw_close(w, '}');
}

static void json_expected(struct run *r, struct jw *w, const struct expected *e) {
    char at[TIME_TEXT_MAX];

    jw_open(w, "expected", '{');
    jw_str(w, "at", span_format(e->at, at));
    jw_str(w, "rule", e->rule->name);
    jw_str(w, "change", change_name(e->change));
    for (size_t i = 0; i < e->nchecks; i++)
        jw_value(w, e->checks[i].field->key.name, e->checks[i].want);
    jw_close(w, '}');
    (void)r;
}

static void json_problem(struct run *r, struct jw *w, const struct problem *p) {
    static const char *const kinds[] = {"missing", "different", "unexpected", "input"};
    char at[TIME_TEXT_MAX];

    jw_open(w, NULL, '{');
    jw_str(w, "problem", kinds[p->kind]);
    jw_str(w, "at", span_format(p->at, at));
    if (p->kind != PROBLEM_UNEXPECTED)
        jw_int(w, "line", line_of(r, p->place));
    if (p->sentence)
        jw_str(w, "sentence", p->sentence);
    if (p->expected)
        json_expected(r, w, p->expected);
    if (p->told)
        json_told(w, "came", p->told);
    if (p->ndifferences) {
        jw_open(w, "differences", '[');
        for (size_t i = 0; i < p->ndifferences; i++) {
            jw_open(w, NULL, '{');
            jw_str(w, "field", p->differences[i].field);
            jw_str(w, "expected", p->differences[i].want);
            jw_str(w, "came", p->differences[i].came);
            jw_close(w, '}');
        }
        jw_close(w, ']');
    }
    if (p->nsaw) {
        jw_open(w, "saw", '[');
        for (size_t i = 0; i < p->nsaw; i++)
            jw_str(w, NULL, p->saw[i]);
        jw_close(w, ']');
    }
    jw_close(w, '}');
}

void print_json(struct run *r, struct buf *out) {
    struct jw w = jw_start(out);

    jw_open(&w, NULL, '{');
    jw_str(&w, "test", r->test->name);
    jw_str(&w, "file", report_file_name(r->suite->rep, r->test->place.file));
    jw_int(&w, "line", line_of(r, r->test->place));
    jw_str(&w, "result", r->nproblems ? "failed" : "passed");
    jw_int(&w, "inputs", (int64_t)r->ninputs);
    jw_int(&w, "came", (int64_t)r->ntold);
    jw_open(&w, "problems", '[');
    for (size_t i = 0; i < r->nproblems; i++)
        json_problem(r, &w, &r->problems[i]);
    jw_close(&w, ']');
    jw_close(&w, '}');
    buf_putc(out, '\n');
}
