/* SPDX-License-Identifier: Apache-2.0
 * gengfu check: every mistake of a rule set, its tests included, in one run; and what the daemon would not believe because others may change or read it. */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cli_int.h"
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
    if (c->json)
        report_print_json(rep, &out);
    else
        report_print(rep, &out, c->colour);
    (void)fwrite(out.data, 1, out.len, stdout);
    size_t errors = report_errors(rep), warnings = report_warnings(rep);

    if (!c->json && errors + warnings > 0)
        (void)fprintf(stderr, "%s: %zu error%s, %zu warning%s%s\n", dir, errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s",
                      rs == NULL ? " (tests.d is read when the rules can be)" : "");
    buf_done(&out);
    report_free(rep);
    ruleset_free(rs);
    if (rc < 0 && errors == 0) {
        (void)cli_complain(&err);
        return EXIT_TROUBLE;
    }
    return errors > 0 || (warnings > 0 && cli_given(c, "strict")) ? EXIT_FOUND : EXIT_FINE;
}
