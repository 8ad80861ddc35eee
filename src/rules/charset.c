/* SPDX-License-Identifier: Apache-2.0
 * Other charsets to UTF-8, by the C library's iconv. The result is at most twice as long as what came, plus a little: no charset here makes more of a byte. */
#include "gengfu/rules/charset.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"

static const char *const names[CHARSETS] = {"utf-8", "gb18030", "big5", "latin1"};
static const char *const iconv_names[CHARSETS] = {"UTF-8", "GB18030", "BIG5", "ISO-8859-1"};

struct charset_decoder {
    iconv_t cd;
};

const char *charset_name(enum charset c) { return (unsigned)c < CHARSETS ? names[c] : ""; }

int charset_find(const char *name, size_t len) {
    static const struct {
        const char *name;
        enum charset charset;
    } all[] = {{"utf8", CHARSET_UTF8}, {"gb18030", CHARSET_GB18030}, {"gbk", CHARSET_GB18030},    {"gb2312", CHARSET_GB18030},
               {"big5", CHARSET_BIG5}, {"latin1", CHARSET_LATIN1},   {"iso88591", CHARSET_LATIN1}};
    char plain[16];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '-' || name[i] == '_')
            continue;
        if (n == sizeof plain - 1)
            return -1;
        plain[n++] = (char)tolower((unsigned char)name[i]);
    }
    plain[n] = '\0';
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(plain, all[i].name) == 0)
            return (int)all[i].charset;
    return -1;
}

int charset_open(enum charset c, struct err *err, struct charset_decoder **ret) {
    struct charset_decoder *d = malloc(sizeof *d);
    if (!d)
        return err_set(err, GF_ENOMEM, "no memory for the charset %s", charset_name(c));
    d->cd = iconv_open("UTF-8", iconv_names[c]);
    if (d->cd == (iconv_t)-1) {
        int rc = errno == ENOMEM ? GF_ENOMEM : GF_EINVAL;
        free(d);
        return err_set(err, rc, "the charset %s cannot be used: the C library has no table for it on this machine", charset_name(c));
    }
    *ret = d;
    return 0;
}

void charset_close(struct charset_decoder *d) {
    if (!d)
        return;
    (void)iconv_close(d->cd);
    free(d);
}

int charset_decode(struct charset_decoder *d, struct arena *a, const char *s, size_t len, const char **ret, size_t *ret_len,
                   size_t *ret_bad) {
    if (len > SIZE_MAX / 4)
        return GF_ENOMEM;
    size_t room = 2 * len + 16;
    char *out = arena_alloc(a, room + 1), *to = out, *from = (char *)(uintptr_t)s;
    size_t left = len, space = room;
    if (!out)
        return GF_ENOMEM;
    (void)iconv(d->cd, NULL, NULL, NULL, NULL); /* a character cut off at the end of the last text is forgotten */
    if (iconv(d->cd, &from, &left, &to, &space) == (size_t)-1 || left) {
        *ret_bad = (size_t)(from - s);
        return errno == E2BIG ? GF_ENOMEM : GF_EINVAL;
    }
    (void)iconv(d->cd, NULL, NULL, &to, &space);
    *ret_len = (size_t)(to - out);
    out[*ret_len] = '\0';
    if (!utf8_valid(out, *ret_len)) {
        *ret_bad = 0;
        return GF_EINVAL;
    }
    *ret = out;
    return 0;
}
