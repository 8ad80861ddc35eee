/* SPDX-License-Identifier: Apache-2.0
 * Secrets by file or by systemd credential (see secret.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/file.h"
#include "gengfu/mqtt/secret.h"

int secret_read(const char *name, struct buf *b, struct err *err) {
    char path[4096];
    const char *use = name;

    if (strchr(name, '/') == NULL) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");

        if (dir == NULL || *dir == '\0')
            return err_set(
                err, GF_ENOTFOUND,
                "'%s' names a credential, and there is no $CREDENTIALS_DIRECTORY: use LoadCredential=%s:… in the unit, or a path with a '/'",
                name, name);
        if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
            return err_set(err, GF_ELIMIT, "the path of credential '%s' is too long", name);
        use = path;
    }
    buf_init(b, SECRET_MAX);
    int rc = file_read_secret(use, b, err);

    if (rc == 0 && b->len == 0)
        rc = err_set(err, GF_EINVAL, "%s: is empty", use);
    if (rc == 0 && memchr(b->data, '\0', b->len) != NULL)
        rc = err_set(err, GF_EINVAL, "%s: has a NUL inside", use);
    if (rc < 0)
        secret_done(b);
    return rc;
}

void secret_done(struct buf *b) {
    if (b->cap > 0)
        explicit_bzero(b->data, b->cap);
    buf_done(b);
}
