/* SPDX-License-Identifier: Apache-2.0
 * gengfu test: the rule tests of a directory, in virtual time. Exit code 1 when one fails. */
#include <string.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/ruletest/ruletest.h"

struct tally {
    size_t passed, failed, off, inputs, told;
    int64_t began;
};

static void print_report(const struct cli *c, const struct report *rep) {
    struct buf b;

    buf_init(&b, 64 << 20);
    report_print(rep, &b, isatty(STDERR_FILENO) && cli_may_colour(c));
    (void)fwrite(b.data, 1, b.len, stderr);
    buf_done(&b);
}

static void heading(const struct cli *c, bool passed, const struct ruletest_info *info) {
    struct buf name;

    buf_init(&name, 0);
    text_clean(&name, info->name, strlen(info->name));
    (void)printf("%s%s%s  %s   %s:%u\n", c->colour ? passed ? "\033[32m" : "\033[31m" : "", passed ? "ok  " : "FAIL",
                 c->colour ? "\033[0m" : "", name.data, info->file, (unsigned)info->line);
    buf_done(&name);
}

/* A site that switches a shipped rule off keeps its other tests. */
static void pass_over(const struct cli *c, const struct ruletest_info *info) {
    struct buf b;

    buf_init(&b, 1 << 16);
    if (c->json) {
        struct jw w = jw_start(&b);
        jw_open(&w, NULL, '{');
        jw_str(&w, "test", info->name);
        jw_str(&w, "file", info->file);
        jw_int(&w, "line", info->line);
        jw_str(&w, "result", "off");
        jw_str(&w, "rule", info->off);
        jw_close(&w, '}');
    } else if (cli_given(c, "verbose")) {
        buf_puts(&b, "off   ");
        text_clean(&b, info->name, strlen(info->name));
        buf_printf(&b, "   %s:%u\n      the rule '%s' is switched off", info->file, (unsigned)info->line, info->off);
    }
    if (b.len > 0)
        (void)printf("%s\n", b.data);
    buf_done(&b);
}

/* On a terminal, once it takes longer than a second. */
static bool progress(const struct cli *c, const struct tally *t, size_t all) {
    if (c->json || !isatty(STDERR_FILENO) || clock_mono() - t->began < TIME_SECOND)
        return false;
    (void)fprintf(stderr, "\r%zu of %zu", t->passed + t->failed, all);
    return true;
}

static int run_tests(struct cli *c, const struct ruletest_suite *s, struct tally *t) {
    const char *only = cli_value(c, "only");
    unsigned flags = cli_given(c, "verbose") ? RULETEST_VERBOSE : 0;
    bool shown = false;
    struct buf out;
    int rc = EXIT_FINE;

    buf_init(&out, 64 << 20);
    for (size_t i = 0; rc == EXIT_FINE && i < ruletest_count(s); i++) {
        struct ruletest_result result;
        struct ruletest_info info;
        struct err err = {0};

        ruletest_info(s, i, &info);
        if (only != NULL && strstr(info.name, only) == NULL && strstr(info.file, only) == NULL)
            continue;
        if (info.off != NULL) {
            t->off++;
            pass_over(c, &info);
            continue;
        }
        buf_clear(&out);
        if (ruletest_run(s, i, flags, &result, c->json ? NULL : &out, c->json ? &out : NULL, &err) < 0) {
            (void)cli_complain(&err);
            rc = EXIT_TROUBLE;
            break;
        }
        t->passed += result.passed;
        t->failed += !result.passed;
        t->inputs += result.inputs;
        t->told += result.told;
        if (shown && !result.passed)
            (void)fputs("\r\033[K", stderr);
        if (!c->json && (!result.passed || flags))
            heading(c, result.passed, &info);
        (void)fwrite(out.data, 1, out.len, stdout);
        shown = progress(c, t, ruletest_count(s)) || shown;
    }
    if (shown)
        (void)fputs("\r\033[K", stderr);
    buf_done(&out);
    return rc;
}

static int summary(const struct cli *c, const struct ruletest_suite *s, const char *dir, const struct tally *t) {
    const char *only = cli_value(c, "only");

    if (only != NULL && t->passed + t->failed + t->off == 0) {
        (void)fprintf(stderr, "gengfu: of %zu tests none has '%s' in its name or file\n", ruletest_count(s), only);
        return EXIT_USAGE;
    }
    if (c->json)
        (void)printf("{\"passed\":%zu,\"failed\":%zu,\"off\":%zu,\"inputs\":%zu,\"revisions\":%zu}\n", t->passed, t->failed, t->off,
                     t->inputs, t->told);
    else if (t->off > 0)
        (void)printf("%zu passed, %zu failed, %zu passed over: what they expect is of rules that are switched off\n", t->passed, t->failed,
                     t->off);
    else
        (void)printf("%zu passed, %zu failed\n", t->passed, t->failed);
    if (ruletest_count(s) == 0 && !c->json)
        (void)fprintf(stderr, "%s/%s holds no tests\n", dir, RULETEST_DIR);
    return t->failed ? EXIT_FOUND : EXIT_FINE;
}

int cmd_test(struct cli *c) {
    const char *dir = c->nargs > 0 ? c->args[0] : c->dir;
    struct tally tally = {.began = clock_mono()};
    struct ruletest_suite *s = NULL;
    struct ruleset *rs = NULL;
    struct report *rep;
    struct err err = {0};

    if (report_new(&rep) < 0)
        return EXIT_TROUBLE;
    int rc = ruleset_load(dir, rep, &err, &rs);

    if (rc == 0)
        rc = ruletest_new(rs, rep, &err, &s);
    if (rc == 0)
        rc = ruletest_add_dir(s, dir, &err);
    if (report_errors(rep) + report_warnings(rep) > 0)
        print_report(c, rep);
    if (rc < 0 && err.code)
        (void)cli_complain(&err);
    if (rc < 0 || report_errors(rep) > 0)
        rc = EXIT_TROUBLE;
    else if ((rc = run_tests(c, s, &tally)) == EXIT_FINE)
        rc = summary(c, s, dir, &tally);
    ruletest_free(s);
    ruleset_free(rs);
    report_free(rep);
    return rc;
}
