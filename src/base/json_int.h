/* SPDX-License-Identifier: Apache-2.0
 * What the two halves of json share. */
#ifndef GENGFU_BASE_JSON_INT_H
#define GENGFU_BASE_JSON_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "gengfu/base/err.h"
#include "gengfu/base/json.h"

/* What is wanted of an object, as a text of its own. */
struct picked {
    const struct json_pick *by;
    char *text; /* has room for as many bytes as the whole */
    size_t len; /* 0: no object */
};
/* Looks through a text: 0 when it is one JSON value that cJSON reads as RFC 8259 means it. picked: NULL, or filled. */
GF_WARN_UNUSED int json_check(const char *text, size_t len, struct picked *picked, struct err *err);

/* How many bytes in front stand in a JSON string as they are and need no look at their neighbours: ASCII but for control characters, quotes and backslashes. */
static inline size_t json_plain(const char *s, size_t len) {
    static const bool plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true};
    size_t n = 0;

    while (n < len && plain[(unsigned char)s[n]])
        n++;
    return n;
}

#endif
