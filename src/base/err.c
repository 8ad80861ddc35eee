/* SPDX-License-Identifier: Apache-2.0
 * Errors: filling and prefixing the sentence. Leans on nothing. */
#include "gengfu/base/err.h"
#undef err_set /* see there */
#undef err_sys

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A text that had to be cut must not end in half a UTF-8 character. */
static void trim(char *s) {
    size_t len = strlen(s), back = 0;
    while (back < len && back < 4 && ((unsigned char)s[len - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == len || back == 4)
        return;
    unsigned char lead = (unsigned char)s[len - 1 - back];
    size_t need = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (back < need)
        s[len - 1 - back] = 0;
}

static void format(char *out, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
static void format(char *out, size_t size, const char *fmt, va_list ap) {
    int n = vsnprintf(out, size, fmt, ap);
    if (n < 0)
        out[0] = 0;
    else if ((size_t)n >= size)
        trim(out);
}

int err_set(struct err *err, int code, const char *fmt, ...) {
    if (err) {
        char text[sizeof err->text]; /* the arguments may point into err->text */
        va_list ap;
        va_start(ap, fmt);
        format(text, sizeof text, fmt, ap);
        va_end(ap);
        err->code = code;
        memcpy(err->text, text, strlen(text) + 1);
    }
    return code;
}

int err_sys(struct err *err, int code, int errnum, const char *fmt, ...) {
    if (err) {
        char text[sizeof err->text], sys[128];
        va_list ap;
        va_start(ap, fmt);
        format(text, sizeof text, fmt, ap);
        va_end(ap);
        const char *why = strerror_r(errnum, sys, sizeof sys);
        err->code = code;
        if ((size_t)snprintf(err->text, sizeof err->text, "%s: %s", text, why) >= sizeof err->text)
            trim(err->text);
    }
    return code;
}

int err_prefix(struct err *err, const char *fmt, ...) {
    if (!err || !err->code)
        return GF_EBUG;
    char prefix[sizeof err->text], text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    format(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    memcpy(text, err->text, sizeof text);
    if ((size_t)snprintf(err->text, sizeof err->text, "%s: %s", prefix, text) >= sizeof err->text)
        trim(err->text);
    return err->code;
}

const char *err_name(int code) {
    switch (code) {
    case GF_OK: return "GF_OK";
#define X(name, value, text) \
    case name: return #name;
        GF_ERRORS(X)
#undef X
    default: return "unknown";
    }
}

const char *err_text(int code) {
    switch (code) {
    case GF_OK: return "no error";
#define X(name, value, text) \
    case name: return text;
        GF_ERRORS(X)
#undef X
    default: return "unknown error";
    }
}
