/* SPDX-License-Identifier: Apache-2.0
 * gengfu check: every mistake of a rule set, its tests included, in one run; and what the daemon would not believe because others may change or read it. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/text.h"
#include "gengfu/daemon/trust.h"
#include "gengfu/ruletest/ruletest.h"

/* Tests name rules, kinds and devices, so they can be read only where the rules can. */
static int load_tests(const struct ruleset *rs, const char *dir, struct report *rep, struct err *err) {
    struct ruletest_suite *s = NULL;
    int rc = ruletest_new(rs, rep, err, &s);

    if (rc == 0)
        rc = ruletest_add_dir(s, dir, err);
    ruletest_free(s);
    return rc;
}

static int not_trusted(void *ctx, const struct err *why) {
    report_error(ctx, (struct place){.file = UINT16_MAX}, NULL, "%s", why->text);
    return 0;
}

/* A technician may look at what is the service's as well as at his own. */
static int look_at_owners(const struct ruleset *rs, const char *dir, struct report *rep) {
    const struct passwd *service = getpwnam("gengfu");
    uid_t also = service != NULL ? service->pw_uid : geteuid();
    int rc = trust_directory(dir, also, not_trusted, rep);

    return rc == 0 && rs != NULL ? trust_secrets(rs->config, also, not_trusted, rep) : rc;
}

/* A file that is not there is found at the first connection otherwise, in the log, at night. */
static void look_for(struct report *rep, const char *path) {
    if (path != NULL && path[0] == '/' && access(path, F_OK) < 0 && errno == ENOENT)
        report_warning(rep, (struct place){.file = UINT16_MAX}, NULL, "%s, which gengfu.yaml names, is not there", path);
}

static void look_for_tls(struct report *rep, const struct config_tls *tls) {
    look_for(rep, tls->ca);
    look_for(rep, tls->cert);
    look_for(rep, tls->key);
}

static void look_for_files(const struct config *conf, struct report *rep) {
    look_for(rep, conf->broker.password_file);
    look_for_tls(rep, &conf->broker.tls);
    for (size_t i = 0; i < conf->nplatforms; i++) {
        const struct config_platform *p = &conf->platforms[i];
        look_for(rep, p->mqtt.password_file);
        look_for_tls(rep, &p->mqtt.tls);
        look_for_tls(rep, &p->tls);
        look_for(rep, p->secret_file);
        look_for(rep, p->token_file);
    }
}

/* Who sits at a terminal wants to hear that something was looked at; a script wants silence. */
static void say_so(const struct ruleset *rs, const char *dir) {
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "%s: no mistakes in %zu source%s, %zu rule%s, %zu device%s and their tests\n", dir, rs->nsources,
                      plural(rs->nsources), rs->nrules - rs->nbuiltin, plural(rs->nrules - rs->nbuiltin), registry_count(rs->registry),
                      plural(registry_count(rs->registry)));
}

int cmd_check(struct cli *c) {
    const char *dir = c->nargs > 0 ? c->args[0] : c->dir;
    struct ruleset *rs = NULL;
    struct report *rep;
    struct err err = {0};
    struct buf out;

    if (report_new(&rep) < 0)
        return EXIT_TROUBLE;
    buf_init(&out, 64 << 20);
    int rc = ruleset_load(dir, rep, &err, &rs);

    if (rc == 0)
        rc = load_tests(rs, dir, rep, &err);
    if (look_at_owners(rs, dir, rep) < 0 && rc == 0)
        rc = err_set(&err, GF_ENOMEM, "%s", err_text(GF_ENOMEM));
    if (rs != NULL)
        look_for_files(rs->config, rep);
    if (c->json)
        report_print_json(rep, &out);
    else
        report_print(rep, &out, c->colour);
    (void)fwrite(out.data, 1, out.len, stdout);
    size_t errors = report_errors(rep), warnings = report_warnings(rep);

    if (!c->json && errors + warnings > 0)
        (void)fprintf(stderr, "%s: %zu error%s, %zu warning%s%s\n", dir, errors, plural(errors), warnings, plural(warnings),
                      rs == NULL ? " (tests.d is read when the rules can be)" : "");
    else if (!c->json && rc == 0 && rs != NULL)
        say_so(rs, dir);
    buf_done(&out);
    report_free(rep);
    ruleset_free(rs);
    if (rc < 0 && errors == 0) {
        (void)cli_complain(&err);
        return EXIT_TROUBLE;
    }
    return errors > 0 || (warnings > 0 && cli_given(c, "strict")) ? EXIT_FOUND : EXIT_FINE;
}
