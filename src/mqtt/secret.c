/* SPDX-License-Identifier: Apache-2.0
 * Secrets by file or by systemd credential (see secret.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/file.h"
#include "gengfu/mqtt/secret.h"

int secret_path(const char *name, char *out, size_t size, struct err *err) {
    const char *dir = "", *between = "";

    if (strchr(name, '/') == NULL) {
        dir = getenv("CREDENTIALS_DIRECTORY");
        between = "/";
        if (dir == NULL || *dir == '\0')
            return err_set(
                err, GF_ENOTFOUND,
                "'%s' names a credential, and there is no $CREDENTIALS_DIRECTORY: use LoadCredential=%s:… in the unit, or a path with a '/'",
                name, name);
    }
    int n = snprintf(out, size, "%s%s%s", dir, between, name);

    return n > 0 && (size_t)n < size ? 0 : err_set(err, GF_ELIMIT, "the path of '%.200s' is too long", name);
}

int secret_read(const char *name, struct buf *b, struct err *err) {
    char use[SECRET_PATH_MAX];
    int rc = secret_path(name, use, sizeof(use), err);

    if (rc < 0)
        return rc;
    buf_init(b, SECRET_MAX);
    rc = file_read_secret(use, b, err);
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

/* How many bytes of `text` stand in the secret, in a row and from anywhere in it. */
static size_t run_of(const char *text, size_t len, const struct buf *secret) {
    size_t longest = 0;

    for (size_t i = 0; i < secret->len; i++) {
        size_t n = 0;

        while (n < len && i + n < secret->len && text[n] == secret->data[i + n])
            n++;
        if (n > longest)
            longest = n;
    }
    return longest >= SECRET_RUN || longest == secret->len ? longest : 0;
}

void secret_hide(struct buf *out, const char *text, size_t len, size_t room, const struct buf *secrets, size_t n) {
    size_t start = out->len;

    for (size_t i = 0; i < len && out->len - start < room;) {
        size_t hidden = 0;

        for (size_t k = 0; k < n; k++) {
            size_t run = run_of(text + i, len - i, &secrets[k]);

            if (run > hidden)
                hidden = run;
        }
        if (hidden > 0)
            buf_puts(out, "***");
        else
            buf_putc(out, text[i]);
        i += hidden > 0 ? hidden : 1;
    }
}
