/* SPDX-License-Identifier: Apache-2.0
 * Passwords, tokens and keys by file, read each time they are used, so that a replaced file takes effect with the next connection or request. */
#ifndef GENGFU_MQTT_SECRET_H
#define GENGFU_MQTT_SECRET_H

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

#define SECRET_MAX 4096 /* bytes */
#define SECRET_PATH_MAX 4096

/* A name without '/' is looked for in $CREDENTIALS_DIRECTORY (systemd's LoadCredential=), and only there; anything else is a path. Not empty, no NUL inside. */
GF_WARN_UNUSED int secret_read(const char *name, struct buf *b, struct err *err);
GF_WARN_UNUSED int secret_path(const char *name, char *out, size_t size, struct err *err); /* where that is */
void secret_done(struct buf *b);                                                           /* wipes and frees */
/* Appends at most `room` bytes of a text from outside, with "***" for what is a secret of ours: the whole of it, or SECRET_RUN bytes of it and more in a row. */
#define SECRET_RUN 8
void secret_hide(struct buf *out, const char *text, size_t len, size_t room, const struct buf *secrets, size_t n);

#endif
