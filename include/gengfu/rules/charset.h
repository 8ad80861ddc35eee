/* SPDX-License-Identifier: Apache-2.0
 * Text of devices that do not write UTF-8: GB18030 (with GBK and GB2312, which are parts of it), Big5, Latin-1. */
#ifndef GENGFU_RULES_CHARSET_H
#define GENGFU_RULES_CHARSET_H

#include <stddef.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/err.h"

enum charset { CHARSET_UTF8, CHARSET_GB18030, CHARSET_BIG5, CHARSET_LATIN1, CHARSETS };
const char *charset_name(enum charset c);
/* gb18030, gbk, gb2312, big5, latin1, utf-8, in any case, with or without hyphens. Negative: none of these. */
int charset_find(const char *name, size_t len);

struct charset_decoder; /* keeps what the C library needs open between texts */
GF_WARN_UNUSED int charset_open(enum charset c, struct err *err, struct charset_decoder **ret);
void charset_close(struct charset_decoder *d);
/* UTF-8 in the arena, with a NUL behind it. GF_EINVAL: not text in this charset, *ret_bad is the byte (from 0); GF_ENOMEM. */
GF_WARN_UNUSED int charset_decode(struct charset_decoder *d, struct arena *a, const char *s, size_t len, const char **ret, size_t *ret_len,
                                  size_t *ret_bad);

#endif
