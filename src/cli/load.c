/* SPDX-License-Identifier: Apache-2.0
 * A rule set for a tool; what is wrong with it goes to standard error, as `gengfu check` shows it. */
#include <stdio.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/file.h"

int load_rules(struct cli *c, const char *dir, struct ruleset **ret) {
    struct report *rep;
    struct err err = {0};
    struct buf text;

    if (report_new(&rep) < 0) {
        (void)fputs("gengfu: out of memory\n", stderr);
        return EXIT_TROUBLE;
    }
    int rc = ruleset_load(dir, rep, &err, ret);

    if (rc < 0 && report_errors(rep) > 0) {
        buf_init(&text, 0);
        report_print(rep, &text, isatty(STDERR_FILENO) && cli_may_colour(c));
        (void)fwrite(text.data, 1, text.len, stderr);
        buf_done(&text);
    } else if (rc < 0) {
        (void)cli_complain(&err);
    }
    report_free(rep);
    return rc < 0 ? EXIT_TROUBLE : EXIT_FINE;
}

int load_config(const char *dir, struct config **ret, struct err *err) {
    char path[4096];
    struct report *rep;
    struct buf text;

    if (snprintf(path, sizeof(path), "%s/gengfu.yaml", dir) >= (int)sizeof(path))
        return err_set(err, GF_ELIMIT, "the directory's name is too long");
    if (report_new(&rep) < 0)
        return err_set(err, GF_ENOMEM, "%s", err_text(GF_ENOMEM));
    buf_init(&text, 4 << 20);
    int rc = file_read(path, &text, err);

    if (rc == 0)
        rc = config_load(rep, "gengfu.yaml", text.data, text.len, ret);
    if (rc == 0 && report_errors(rep) > 0) {
        rc = err_set(err, GF_EIO, "%s (gengfu check %s)", report_first(rep), dir);
        config_free(*ret);
        *ret = NULL;
    }
    buf_done(&text);
    report_free(rep);
    return rc;
}
