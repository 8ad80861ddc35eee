/* SPDX-License-Identifier: Apache-2.0
 * Whose configuration it is: files that others may write, or that belong to somebody else, do not decide what the neighbourhood's watchman does. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon_int.h"
#include "gengfu/base/file.h"

static int one(const char *dir, const char *name, struct err *err) {
    char path[4096];

    if (snprintf(path, sizeof(path), "%s%s%s", dir, *name != '\0' ? "/" : "", name) >= (int)sizeof(path))
        return err_set(err, GF_ELIMIT, "%s: the path is too long", dir);
    return file_trusted(path, err);
}

int daemon_trust(const char *dir, struct err *err) {
    static const char *const names[] = {"", "gengfu.yaml", "devices.csv", "codes.csv", "rules.d"};
    char rules[4096], **files = NULL;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(names[0]); i++)
        rc = one(dir, names[i], err);
    if (rc == 0 && snprintf(rules, sizeof(rules), "%s/rules.d", dir) < (int)sizeof(rules) &&
        file_list(rules, ".yaml", &files, &n, NULL) < 0)
        n = 0; /* the loader says it */
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = one(rules, files[i], err);
        free(files[i]);
    }
    free(files);
    return rc;
}
