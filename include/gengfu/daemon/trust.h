/* SPDX-License-Identifier: Apache-2.0
 * Whose configuration it is: files that others may write, or that belong to somebody else, do not decide what the neighbourhood's watchman does, and a secret that everybody may read is none. */
#ifndef GENGFU_DAEMON_TRUST_H
#define GENGFU_DAEMON_TRUST_H

#include <sys/types.h>

#include "gengfu/base/err.h"
#include "gengfu/rules/config.h"

/* Gives each mistake to fn, whose answer other than 0 ends it and is handed on. `also`: whose files are good too, beside root's and our own. */
typedef int (*trust_fn)(void *ctx, const struct err *why);
GF_WARN_UNUSED int trust_directory(const char *dir, uid_t also, trust_fn fn, void *ctx); /* what rules are loaded from */
/* Passwords, tokens, keys: those that are there. */
GF_WARN_UNUSED int trust_secrets(const struct config *conf, uid_t also, trust_fn fn, void *ctx);

#endif
