/* SPDX-License-Identifier: Apache-2.0
 * Values as JSON for machines and as CEL text for people. */
#include "cel_int.h"

#include <math.h>
#include <stdio.h>

#include "gengfu/base/json.h"

/* How a kind of text looks. */
struct style {
    const char *comma, *colon, *too_deep;
    const char *some, *some_end;                   /* around the value of an optional */
    void (*plain)(struct buf *, struct cel_value); /* what holds no other values */
    void (*key)(struct buf *, struct cel_value);   /* of a map */
};

static void write_value(const struct style *style, struct buf *b, struct cel_value v, unsigned depth) {
    struct iter it;
    struct cel_value key, item;
    if (depth > CEL_MAX_VALUE_DEPTH) {
        buf_puts(b, style->too_deep);
    } else if (v.type == CEL_OPTIONAL && v.opt) {
        buf_puts(b, style->some);
        write_value(style, b, *v.opt, depth + 1);
        buf_puts(b, style->some_end);
    } else if (cel_iter(&it, v)) {
        buf_putc(b, v.type == CEL_LIST ? '[' : '{');
        for (size_t n = 0; !b->failed && cel_iter_next(&it, &key, &item); n++) {
            if (n)
                buf_puts(b, style->comma);
            if (v.type == CEL_MAP) {
                style->key(b, key);
                buf_puts(b, style->colon);
            }
            write_value(style, b, item, depth + 1);
        }
        buf_putc(b, v.type == CEL_LIST ? ']' : '}');
    } else
        style->plain(b, v);
}

/* -- JSON --------------------------------------------------------------------------------------------------------------- */
static void plain_json(struct buf *b, struct cel_value v) {
    char text[CEL_NUMBER_TEXT];
    switch (v.type) {
    case CEL_BOOL: buf_puts(b, v.b ? "true" : "false"); return;
    case CEL_INT: buf_put_int(b, v.i); return;
    case CEL_UINT: buf_printf(b, "%llu", (unsigned long long)v.u); return;
    case CEL_DOUBLE: buf_put_double(b, v.d); return;
    case CEL_STRING:
    case CEL_TYPE: json_write_string(b, v.s, v.aux); return;
    case CEL_BYTES:
        buf_putc(b, '"');
        base64_encode(b, v.s, v.aux);
        buf_putc(b, '"');
        return;
    case CEL_TIMESTAMP: json_write_string(b, text, cel_time_text(v, text, sizeof text)); return;
    case CEL_DURATION: json_write_string(b, text, cel_duration_text(v, text, sizeof text)); return;
    case CEL_ADDRESS:
    case CEL_NETWORK: json_write_string(b, text, cel_net_text(v, text)); return;
    default: buf_puts(b, "null"); return;
    }
}

static void key_json(struct buf *b, struct cel_value key) {
    const char *quote = key.type == CEL_STRING ? "" : "\""; /* JSON has no other keys */
    buf_puts(b, quote);
    plain_json(b, key);
    buf_puts(b, quote);
}

void cel_write_json(struct buf *b, struct cel_value v) {
    static const struct style json = {
        .comma = ",", .colon = ":", .too_deep = "null", .some = "", .some_end = "", .plain = plain_json, .key = key_json};
    write_value(&json, b, v, 0);
}

/* -- text for people ---------------------------------------------------------------------------------------------------- */
static void write_quoted(struct buf *b, const char *s, size_t len, bool bytes) {
    static const char from[] = "\a\b\f\n\r\t\v\\'", to[] = "abfnrtv\\'";
    size_t n;
    buf_putc(b, '\'');
    for (size_t at = 0; at < len && !b->failed; at += n) {
        uint32_t cp = bytes ? (unsigned char)s[at] : utf8_next(s + at, len - at, &n);
        if (bytes)
            n = 1;
        const char *esc = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
        if (esc) {
            buf_putc(b, '\\');
            buf_putc(b, to[esc - from]);
        } else if (cp < 0x20 || cp == 0x7f || (bytes && cp >= 0x80))
            buf_printf(b, "\\x%02x", (unsigned)cp);
        else if (cp >= 0x80 && cp < 0xa0)
            buf_printf(b, "\\u%04x", (unsigned)cp);
        else {
            char out[4];
            buf_put(b, out, utf8_put(cp, out));
        }
    }
    buf_putc(b, '\'');
}

static void plain_text(struct buf *b, struct cel_value v) {
    char text[CEL_NUMBER_TEXT];
    switch (v.type) {
    case CEL_NULL: buf_puts(b, "null"); return;
    case CEL_BOOL: buf_puts(b, v.b ? "true" : "false"); return;
    case CEL_INT: buf_put_int(b, v.i); return;
    case CEL_UINT: buf_printf(b, "%lluu", (unsigned long long)v.u); return;
    case CEL_DOUBLE: {
        if (isnan(v.d) || isinf(v.d)) {
            buf_puts(b, isnan(v.d) ? "double('NaN')" : v.d > 0 ? "double('Infinity')" : "double('-Infinity')");
            return;
        }
        size_t n = cel_double_text(v.d, text, sizeof text);
        buf_put(b, text, n);
        if (!memchr(text, '.', n) && !memchr(text, 'e', n))
            buf_puts(b, ".0");
        return;
    }
    case CEL_STRING: write_quoted(b, v.s, v.aux, false); return;
    case CEL_BYTES:
        buf_putc(b, 'b');
        write_quoted(b, v.s, v.aux, true);
        return;
    case CEL_TYPE: buf_put(b, v.s, v.aux); return;
    case CEL_TIMESTAMP: buf_printf(b, "timestamp('%.*s')", (int)cel_time_text(v, text, sizeof text), text); return;
    case CEL_DURATION: buf_printf(b, "duration('%.*s')", (int)cel_duration_text(v, text, sizeof text), text); return;
    case CEL_OPTIONAL: buf_puts(b, "optional.none()"); return;
    case CEL_ADDRESS:
    case CEL_NETWORK: buf_printf(b, v.type == CEL_ADDRESS ? "ip('%.*s')" : "cidr('%.*s')", (int)cel_net_text(v, text), text); return;
    default: buf_printf(b, v.code == CEL_E_ABSENT ? "unknown (%s)" : "error (%s)", v.s ? v.s : "no such field or key"); return;
    }
}

void cel_write_text(struct buf *b, struct cel_value v) {
    static const struct style text = {
        .comma = ", ", .colon = ": ", .too_deep = "…", .some = "optional.of(", .some_end = ")", .plain = plain_text, .key = plain_text};
    write_value(&text, b, v, 0);
}
