/* SPDX-License-Identifier: Apache-2.0
 * The JSON writer: whole cJSON values, and objects and arrays piece by piece. Leans on buf and text. */
#include <string.h>

#include "json_int.h"

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"

/* Deeper than anything that json_parse lets through; only a value built by hand, or a circle in one, gets there. */
#define WRITE_DEPTH 512

void json_write_string(struct buf *b, const char *s, size_t len) {
    size_t from = 0, i = json_plain(s, len);
    if (i == len) { /* most are */
        char *p = buf_extend(b, len + 2);
        if (p) {
            p[0] = p[len + 1] = '"';
            memcpy(p + 1, len ? s : "", len);
        }
        return;
    }
    buf_putc(b, '"');
    for (; i < len; i += json_plain(s + i, len - i)) {
        unsigned char c = (unsigned char)s[i];
        size_t n = 1;
        bool ill = false;
        if (c >= 0x80) {
            ill = utf8_next(s + i, len - i, &n) == 0xfffd && n == 1;
            if (!ill) {
                i += n;
                continue;
            }
        }
        buf_put(b, s + from, i - from);
        if (ill)
            buf_puts(b, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            buf_put(b, (const char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            buf_puts(b, "\\n");
        else if (c == '\r')
            buf_puts(b, "\\r");
        else if (c == '\t')
            buf_puts(b, "\\t");
        else
            buf_printf(b, "\\u%04x", c);
        i += n;
        from = i;
    }
    buf_put(b, s + from, len - from);
    buf_putc(b, '"');
}

static void write_text(struct buf *b, const char *s) {
    if (s)
        json_write_string(b, s, strlen(s));
    else
        buf_puts(b, "null");
}

static void write_value(struct buf *b, const cJSON *v, int depth) {
    if (depth > WRITE_DEPTH) {
        b->failed = true;
        return;
    }
    switch (v ? v->type & 0xff : cJSON_NULL) {
    case cJSON_True: buf_puts(b, "true"); break;
    case cJSON_False: buf_puts(b, "false"); break;
    case cJSON_Number: buf_put_double(b, v->valuedouble); break;
    case cJSON_String: write_text(b, v->valuestring); break;
    case cJSON_Raw: buf_puts(b, v->valuestring ? v->valuestring : "null"); break;
    case cJSON_Array:
    case cJSON_Object: {
        bool object = cJSON_IsObject(v);
        buf_putc(b, object ? '{' : '[');
        for (const cJSON *c = v->child; c && !b->failed; c = c->next) {
            if (c != v->child)
                buf_putc(b, ',');
            if (object) {
                write_text(b, c->string ? c->string : "");
                buf_putc(b, ':');
            }
            write_value(b, c, depth + 1);
        }
        buf_putc(b, object ? '}' : ']');
        break;
    }
    default: buf_puts(b, "null");
    }
}

void json_write(struct buf *b, const cJSON *value) { write_value(b, value, 0); }

struct jw jw_start(struct buf *b) {
    return (struct jw){.buf = b, .first = true};
}

static void lead(struct jw *w, const char *name) {
    if (!w->first)
        buf_putc(w->buf, ',');
    w->first = false;
    if (name) {
        write_text(w->buf, name);
        buf_putc(w->buf, ':');
    }
}

void jw_open(struct jw *w, const char *name, char bracket) {
    lead(w, name);
    buf_putc(w->buf, bracket);
    w->first = true;
}

void jw_close(struct jw *w, char bracket) {
    buf_putc(w->buf, bracket);
    w->first = false;
}

void jw_str(struct jw *w, const char *name, const char *value) {
    lead(w, name);
    write_text(w->buf, value);
}

void jw_strn(struct jw *w, const char *name, const char *value, size_t len) {
    lead(w, name);
    if (value)
        json_write_string(w->buf, value, len);
    else
        buf_puts(w->buf, "null");
}

void jw_int(struct jw *w, const char *name, int64_t value) {
    lead(w, name);
    buf_put_int(w->buf, value);
}

void jw_double(struct jw *w, const char *name, double value) {
    lead(w, name);
    buf_put_double(w->buf, value);
}

void jw_bool(struct jw *w, const char *name, bool value) {
    lead(w, name);
    buf_puts(w->buf, value ? "true" : "false");
}

void jw_null(struct jw *w, const char *name) {
    lead(w, name);
    buf_puts(w->buf, "null");
}

void jw_raw(struct jw *w, const char *name, const char *json, size_t len) {
    lead(w, name);
    buf_put(w->buf, json, len);
}

void jw_value(struct jw *w, const char *name, const cJSON *value) {
    lead(w, name);
    json_write(w->buf, value);
}
