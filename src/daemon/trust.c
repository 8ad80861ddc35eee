/* SPDX-License-Identifier: Apache-2.0
 * Looks at the modes and owners of what the daemon goes by (see trust.h). What is not there, or cannot be listed, is for those to say who read it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon_int.h"
#include "gengfu/base/file.h"
#include "gengfu/daemon/trust.h"

static int one(const char *dir, const char *name, uid_t also, trust_fn fn, void *ctx) {
    char path[4096];
    struct err why = {0};

    if (snprintf(path, sizeof(path), "%s%s%s", dir, *name != '\0' ? "/" : "", name) >= (int)sizeof(path))
        (void)err_set(&why, GF_ELIMIT, "%s: the path is too long", dir);
    else if (file_trusted(path, also, &why) == 0)
        return 0;
    return fn(ctx, &why);
}

int trust_directory(const char *dir, uid_t also, trust_fn fn, void *ctx) {
    static const char *const names[] = {"", "gengfu.yaml", "devices.csv", "codes.csv", "rules.d"};
    char rules[4096], **files = NULL;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(names[0]); i++)
        rc = one(dir, names[i], also, fn, ctx);
    if (rc == 0 && snprintf(rules, sizeof(rules), "%s/rules.d", dir) < (int)sizeof(rules) &&
        file_list(rules, ".yaml", &files, &n, NULL) < 0)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = one(rules, files[i], also, fn, ctx);
        free(files[i]);
    }
    free(files);
    return rc;
}

/* Those without '/' are systemd's credentials, which it keeps itself. */
static int secret(const char *path, uid_t also, trust_fn fn, void *ctx) {
    struct err why = {0};

    if (path == NULL || strchr(path, '/') == NULL || file_secret_trusted(path, also, &why) == 0)
        return 0;
    return fn(ctx, &why);
}

int trust_secrets(const struct config *conf, uid_t also, trust_fn fn, void *ctx) {
    int rc = secret(conf->broker.password_file, also, fn, ctx);

    if (rc == 0)
        rc = secret(conf->broker.tls.key, also, fn, ctx);
    for (size_t i = 0; i < conf->nplatforms; i++) {
        const struct config_platform *p = &conf->platforms[i];
        const char *const files[] = {p->mqtt.password_file, p->mqtt.tls.key, p->tls.key, p->secret_file, p->token_file};

        for (size_t k = 0; rc == 0 && k < sizeof(files) / sizeof(files[0]); k++)
            rc = secret(files[k], also, fn, ctx);
    }
    return rc;
}

static int hand_on(void *ctx, const struct err *why) { return err_set(ctx, why->code, "%s", why->text); }

/* A daemon without one would be another gateway, with another store, and tell nobody. */
static int must_be_there(const char *dir, struct err *err) {
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/gengfu.yaml", dir) < (int)sizeof(path) && access(dir, F_OK) == 0 && access(path, F_OK) < 0 &&
        errno == ENOENT)
        return err_set(err, GF_ENOTFOUND, "there is no %s: it says who this gateway is, where its store is and whom it may tell", path);
    return 0;
}

int daemon_trust(const char *dir, struct err *err) {
    int rc = must_be_there(dir, err);

    return rc == 0 ? trust_directory(dir, geteuid(), hand_on, err) : rc;
}

int daemon_trust_config(const char *dir, struct err *err) {
    int rc = one(dir, "", geteuid(), hand_on, err);

    return rc == 0 ? one(dir, "gengfu.yaml", geteuid(), hand_on, err) : rc;
}
