/* SPDX-License-Identifier: Apache-2.0
 * Examples of what was not understood are shown to people and kept: what stands behind the name of a secret, behind a name that a source drops, and long base64
 * become placeholders. By the words alone, so that it holds for JSON that is broken, JSON inside a string, XML and name=value as well. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "source/source_int.h"

#define LONG_RUN 64 /* letters and digits without a break: a picture, a key, a token */

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '-' || (unsigned char)c >= 0x80; }

static bool secret_word(const char *s, size_t len) {
    static const char *const parts[] = {"password", "passwd", "passcode", "pincode",    "pin_code",     "token",
                                        "secret",   "apikey", "api_key",  "credential", "authorization"};
    static const char *const whole[] = {"pin", "pwd", "psk"};
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
        if (len == strlen(whole[k]) && strncasecmp(s, whole[k], len) == 0)
            return true;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        size_t n = strlen(parts[k]);
        for (size_t i = 0; i + n <= len; i++)
            if (strncasecmp(s + i, parts[k], n) == 0)
                return true;
    }
    return false;
}

/* The length of a name that is dropped or secret and begins here; 0: none. */
static size_t name_here(const char *s, size_t len, const struct drops *drops) {
    for (size_t i = 0; i < drops->n; i++) {
        const struct source_drop *d = drops->items[i];
        const char *name = d->parts[d->n - 1];
        for (size_t k = d->n; !name && k > 0; k--) /* users.*: all of what is in users */
            name = d->parts[k - 1];
        size_t n = name ? strlen(name) : 0;
        if (n && n <= len && strncasecmp(s, name, n) == 0 && (n == len || !in_word(s[n])))
            return n;
    }
    size_t n = 0;
    while (n < len && in_word(s[n]))
        n++;
    return n && n <= 64 && secret_word(s, n) ? n : 0;
}

static size_t run_here(const char *s, size_t len) {
    size_t n = 0;
    while (n < len && (isalnum((unsigned char)s[n]) || strchr("+/=_-", s[n]) != NULL || (s[n] == '\\' && n + 1 < len && s[n + 1] == '/')) &&
           s[n])
        n++;
    return n;
}

/* The bytes that the value behind a name takes: quoted, in brackets, or up to a delimiter. *ret_quote: how many of them open and close it. */
static size_t value_len(const char *s, size_t len, size_t *ret_quote) {
    size_t slashes = 0;
    *ret_quote = 0;
    while (slashes < len && s[slashes] == '\\')
        slashes++;
    if (slashes < len && (s[slashes] == '"' || s[slashes] == '\'')) {
        size_t q = slashes + 1;
        *ret_quote = q;
        for (size_t i = q; i < len; i++) {
            if (slashes == 0 && s[i] == '\\')
                i++;
            else if (i + q <= len && memcmp(s + i, s, q) == 0)
                return i + q;
        }
        return len;
    }
    if (len && (s[0] == '{' || s[0] == '[')) {
        size_t depth = 0;
        for (size_t i = 0; i < len; i++) {
            if (s[i] == '"')
                for (i++; i < len && s[i] != '"'; i++)
                    i += s[i] == '\\';
            else if (s[i] == '{' || s[i] == '[')
                depth++;
            else if ((s[i] == '}' || s[i] == ']') && --depth == 0)
                return i + 1;
        }
        return len;
    }
    size_t n = 0;
    while (n < len && s[n] && !strchr(" \t\r\n,;&<>}])\"'\\", s[n]))
        n++;
    return n;
}

/* Behind a name: quotes, blanks, and one of : = > make it a name with a value. 0: it is only a word. */
static size_t separator_len(const char *s, size_t len) {
    size_t n = 0;
    while (n < len && (s[n] == '\\' || s[n] == '"' || s[n] == '\''))
        n++;
    while (n < len && (s[n] == ' ' || s[n] == '\t'))
        n++;
    if (n == len || (s[n] != ':' && s[n] != '=' && s[n] != '>'))
        return 0;
    n++;
    while (n < len && (s[n] == ' ' || s[n] == '\t'))
        n++;
    return n;
}

void mask_text(struct buf *out, size_t enough, const char *s, size_t len, const struct drops *drops) {
    for (size_t i = 0; i < len && out->len < enough && !out->failed;) {
        bool begins = i == 0 || !in_word(s[i - 1]);
        size_t n = begins ? name_here(s + i, len - i, drops) : 0;
        size_t sep = n ? separator_len(s + i + n, len - i - n) : 0;
        if (sep) {
            size_t quote, from = i + n + sep, size = value_len(s + from, len - from, &quote);
            buf_put(out, s + i, n + sep + quote);
            if (size > 2 * quote || (quote && size < 2 * quote))
                buf_puts(out, "***");
            if (quote && size >= 2 * quote && memcmp(s + from + size - quote, s + from, quote) == 0)
                buf_put(out, s + from, quote);
            i = from + size;
            continue;
        }
        n = begins ? run_here(s + i, len - i) : 0;
        if (n >= LONG_RUN) {
            buf_printf(out, "(%zu bytes)", n);
            i += n;
        } else {
            buf_putc(out, s[i++]);
        }
    }
}
