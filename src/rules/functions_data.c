/* SPDX-License-Identifier: Apache-2.0
 * Functions over what devices wrap their values in: sentinels, hexadecimal, bytes that nobody has decoded yet, other charsets.
 * As in functions.c, a value that cannot be read as what it should be is absent. */
#include <math.h>
#include <string.h>

#include "gengfu/rules/charset.h"
#include "rules/load_int.h"

static struct cel_value none(const char *why) { return cel_error(CEL_E_ABSENT, why); }

static bool opened(struct cel_value *v) {
    for (int i = 0; v->type == CEL_OPTIONAL && i < 8; i++) {
        if (!v->opt)
            return false;
        *v = *v->opt;
    }
    return v->type != CEL_OPTIONAL;
}

static struct cel_value bytes_value(const void *data, size_t len) {
    return (struct cel_value){.type = CEL_BYTES, .aux = (uint32_t)len, .s = data};
}

/* nullif(x, sentinel), nullif(x, [sentinels]): x, or nothing when it is one of them. */
static struct cel_value fn_nullif(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena, (void)host, (void)argc;
    struct cel_value v = argv[0], one;
    if (!opened(&v) || v.type == CEL_NULL)
        return none("nullif() of nothing");
    if (argv[1].type != CEL_LIST)
        return cel_equal(v, argv[1]) ? none("nullif(): a value that means none") : v;
    size_t n = cel_size(argv[1]);
    for (size_t i = 0; i < n && i < 256 && cel_list_at(argv[1], i, &one); i++)
        if (cel_equal(v, one))
            return none("nullif(): a value that means none");
    return v;
}

static int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* hex(text): the bytes; blanks, colons and hyphens between them and 0x in front are fine. */
static struct cel_value fn_hex(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)host, (void)argc;
    struct cel_value v = argv[0];
    if (!opened(&v) || v.type != CEL_STRING)
        return none("hex() of what is no text");
    const char *s = v.s, *end = v.s + v.aux;
    char *out = arena_alloc(arena, v.aux / 2 + 1);
    size_t n = 0;
    if (!out)
        return cel_error(CEL_E_MEMORY, NULL);
    if (end - s >= 2 && s[0] == '0' && (s[1] | 0x20) == 'x')
        s += 2;
    while (s < end) {
        if (*s == ' ' || *s == ':' || *s == '-') {
            s++;
            continue;
        }
        int high = digit(s[0]), low = s + 1 < end ? digit(s[1]) : -1;
        if (high < 0 || low < 0)
            return none("hex() of text that is not hexadecimal");
        out[n++] = (char)(high << 4 | low);
        s += 2;
    }
    return bytes_value(out, n);
}

/* words(list): the bytes of registers, two each, the higher one first. One with a sign may come as a negative number. */
static struct cel_value fn_words(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)host, (void)argc;
    struct cel_value v = argv[0], one;
    if (!opened(&v) || v.type != CEL_LIST)
        return none("words() of what is no list");
    size_t n = cel_size(v);
    char *out = arena_alloc(arena, 2 * n + 1);
    if (!out)
        return cel_error(CEL_E_MEMORY, NULL);
    for (size_t i = 0; i < n; i++) {
        if (!cel_list_at(v, i, &one) || one.type != CEL_INT || one.i < INT16_MIN || one.i > UINT16_MAX)
            return none("words() of a list that holds no registers (0 to 65535)");
        out[2 * i] = (char)((uint64_t)one.i >> 8);
        out[2 * i + 1] = (char)one.i;
    }
    return bytes_value(out, 2 * n);
}

/* The bytes [at, at + size) of argv[0] as one number, the highest first unless 'little' stands at the end. False: *ret says why. */
static bool bits_at(size_t argc, const struct cel_value *argv, int64_t least, uint64_t *ret_bits, struct cel_value *ret) {
    struct cel_value v = argv[0];
    bool little = argc > 3 && argv[3].type == CEL_STRING && argv[3].aux == 6 && memcmp(argv[3].s, "little", 6) == 0;
    bool big = argc <= 3 || (argv[3].type == CEL_STRING && argv[3].aux == 3 && memcmp(argv[3].s, "big", 3) == 0);
    if (!opened(&v) || (v.type != CEL_BYTES && v.type != CEL_STRING))
        *ret = none("a number taken from what is not bytes");
    else if (argv[1].type != CEL_INT || argv[2].type != CEL_INT || argv[2].i < least || argv[2].i > 8)
        *ret = cel_error(CEL_E_OVERLOAD,
                         "a number is taken from bytes, at a place from 0 on, in a size of 1 to 8 (of 4 or 8 with a fraction)");
    else if (!little && !big)
        *ret = cel_error(CEL_E_OVERLOAD, "the order of bytes is 'big' or 'little'");
    else if (argv[1].i < 0 || argv[1].i > (int64_t)v.aux - argv[2].i)
        *ret = none("a number taken from behind the last byte");
    else {
        int64_t at = argv[1].i, size = argv[2].i;
        uint64_t u = 0;
        for (int64_t i = 0; i < size; i++)
            u = u << 8 | (unsigned char)v.s[little ? at + size - 1 - i : at + i];
        *ret_bits = u;
        return true;
    }
    return false;
}

/* uint_at(bytes, at, size), int_at(…): a whole number of 1 to 8 bytes. */
static struct cel_value number_at(size_t argc, const struct cel_value *argv, bool with_sign) {
    struct cel_value no;
    uint64_t u;
    if (!bits_at(argc, argv, 1, &u, &no))
        return no;
    if (with_sign) {
        unsigned shift = 64 - 8 * (unsigned)argv[2].i;
        return cel_int((int64_t)(u << shift) >> shift);
    }
    return u > INT64_MAX ? none("a number of 8 bytes that is too large") : cel_int((int64_t)u);
}
static struct cel_value fn_uint_at(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena, (void)host;
    return number_at(argc, argv, false);
}
static struct cel_value fn_int_at(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena, (void)host;
    return number_at(argc, argv, true);
}

/* float_at(bytes, at, 4), float_at(bytes, at, 8): as IEEE 754 has it. */
static struct cel_value fn_float_at(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena, (void)host;
    struct cel_value no;
    uint64_t u;
    double d;
    if (!bits_at(argc, argv, 4, &u, &no))
        return no;
    if (argv[2].i == 4) {
        uint32_t narrow = (uint32_t)u;
        float f;
        memcpy(&f, &narrow, sizeof f);
        d = (double)f;
    } else if (argv[2].i == 8) {
        memcpy(&d, &u, sizeof d);
    } else {
        return cel_error(CEL_E_OVERLOAD, "float_at() takes 4 or 8 bytes");
    }
    return isfinite(d) ? cel_double(d) : none("bytes that are no number");
}

/* text(bytes, charset). */
static struct cel_value fn_text(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)host, (void)argc;
    struct cel_value v = argv[0];
    int charset = argv[1].type == CEL_STRING ? charset_find(argv[1].s, argv[1].aux) : -1;
    if (charset < 0)
        return cel_error(CEL_E_VALUE, "text(): the charsets are utf-8, gb18030, big5 and latin1");
    if (!opened(&v) || v.type != CEL_BYTES)
        return none("text() of what is not bytes");
    struct charset_decoder *d = NULL;
    const char *s = NULL;
    size_t len = 0, bad;
    if (charset_open((enum charset)charset, NULL, &d) < 0)
        return cel_error(CEL_E_VALUE, "text(): the C library has no table for this charset");
    int rc = charset_decode(d, arena, v.s, v.aux, &s, &len, &bad);
    charset_close(d);
    if (rc == GF_ENOMEM)
        return cel_error(CEL_E_MEMORY, NULL);
    return rc < 0 ? none("text() of bytes that are not text in this charset") : cel_string(s, len);
}
static const char *text_wrong(size_t argc, const struct cel_value *const *argv, size_t *ret_which) {
    *ret_which = 1;
    if (argc < 2 || !argv[1] || (argv[1]->type == CEL_STRING && charset_find(argv[1]->s, argv[1]->aux) >= 0))
        return NULL;
    return "the charsets are 'utf-8', 'gb18030' (also for GBK and GB2312), 'big5' and 'latin1'";
}

int env_data_functions(struct cel_env *e) {
    static const struct cel_function_decl functions[] = {
        {"nullif", 2, 2, false, fn_nullif, "nullif(dyn, dyn) -> dyn", NULL},
        {"hex", 1, 1, false, fn_hex, "hex(dyn) -> bytes", NULL},
        {"words", 1, 1, false, fn_words, "words(list) -> bytes", NULL},
        {"uint_at", 3, 4, false, fn_uint_at, "uint_at(bytes, int, int[, 'little']) -> int", NULL},
        {"int_at", 3, 4, false, fn_int_at, "int_at(bytes, int, int[, 'little']) -> int", NULL},
        {"float_at", 3, 4, false, fn_float_at, "float_at(bytes, int, int[, 'little']) -> double", NULL},
        {"text", 2, 2, false, fn_text, "text(bytes, string) -> string", text_wrong},
    };
    for (size_t i = 0; i < COUNT(functions); i++) {
        int rc = cel_env_function(e, &functions[i], NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}
