/* SPDX-License-Identifier: Apache-2.0
 * Templates: "${device.name} 路灯不亮". '$$' is a '$'. Text that comes from devices is cut and cleaned on its way into a sentence. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "rules/load_int.h"

#define MAX_PARTS 64
#define MAX_VALUE 600 /* bytes that one text value may fill in */
#define MAX_ITEMS 50  /* elements of a list that are written out */

/* -- reading ---------------------------------------------------------------------------------------------------------------------- */

/* The '}' that closes the expression that begins at s[i]: braces are counted, texts are skipped. SIZE_MAX: there is none. */
static size_t closing(const char *s, size_t i, size_t len) {
    size_t depth = 0;
    for (; i < len; i++) {
        char c = s[i];
        if (c == '"' || c == '\'') {
            bool triple = i + 2 < len && s[i + 1] == c && s[i + 2] == c;
            bool raw = i > 0 && (s[i - 1] == 'r' || s[i - 1] == 'R');
            for (i += triple ? 3 : 1; i < len; i++) {
                if (s[i] == '\\' && !raw)
                    i++;
                else if (s[i] == c && (!triple || (i + 2 < len && s[i + 1] == c && s[i + 2] == c)))
                    break;
            }
            i += triple ? 2 : 0;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && depth-- == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

struct reading {
    struct loader *ld;
    struct rules_part parts[MAX_PARTS];
    size_t n;
    struct buf text; /* collected in front of the next expression */
    bool failed;
};

static struct rules_part *new_part(struct reading *r, const struct yaml_node *n) {
    if (r->n == MAX_PARTS) {
        if (!r->failed)
            report_error(r->ld->rd.rep, n->at, NULL, "more than %d parts in one text", MAX_PARTS);
        r->failed = true;
        return NULL;
    }
    return &r->parts[r->n++];
}

static void flush_text(struct reading *r, const struct yaml_node *n) {
    if (r->text.len == 0)
        return;
    struct rules_part *p = new_part(r, n);
    if (!p)
        return;
    p->text = arena_strndup(r->ld->rd.arena, r->text.data, r->text.len);
    if (!p->text || r->text.failed)
        reader_oom(&r->ld->rd);
    buf_clear(&r->text);
}

/* {device.name} and $(device.name), as other programs have it. */
static void look_for_slip(struct reading *r, const struct yaml_node *n, size_t i) {
    static const char *const words[] = {"device.", "event.", "state.", "previous."};
    const char *s = n->text;
    size_t word = s[i] == '{' ? i + 1 : s[i] == '$' && i + 1 < n->len && s[i + 1] == '(' ? i + 2 : n->len, end = word;
    for (size_t k = 0; k < COUNT(words); k++) {
        size_t len = strlen(words[k]);
        if (word + len > n->len || memcmp(s + word, words[k], len) != 0)
            continue;
        while (end < n->len && s[end] != '}' && s[end] != ')')
            end++;
        report_warning(r->ld->rd.rep, yaml_place(n, i, end < n->len ? end + 1 : end), "a value is written ${device.name}",
                       "'%.*s…' is told as it stands here", (int)(word + len - i), s + i);
    }
}

bool template_read(struct loader *ld, const struct yaml_node *n, const char *what, template_compile compile, void *arg,
                   struct rules_template *ret) {
    if (!node_text(&ld->rd, n, what))
        return false;
    struct reading r = {.ld = ld};
    buf_init(&r.text, 64 << 10);
    const char *s = n->text;
    for (size_t i = 0; i < n->len && !r.failed;) {
        if (s[i] == '$' && i + 1 < n->len && s[i + 1] == '$') {
            buf_putc(&r.text, '$');
            i += 2;
        } else if (s[i] == '$' && i + 1 < n->len && s[i + 1] == '{') {
            size_t begin = i + 2, end = closing(s, begin, n->len);
            if (end == SIZE_MAX || end == begin) {
                report_error(ld->rd.rep, yaml_place(n, i, end == SIZE_MAX ? i + 2 : end + 1),
                             end == SIZE_MAX ? "write '}' behind the expression; a '$' on its own is written '$$'"
                                             : "for example ${device.name}",
                             end == SIZE_MAX ? "'${' without '}'" : "an empty '${}'");
                r.failed = true;
                break;
            }
            flush_text(&r, n);
            struct cel_program *p = compile(arg, n, begin, end);
            struct rules_part *part = p ? new_part(&r, n) : NULL;
            if (part)
                part->expr = p;
            else
                r.failed = r.failed || p; /* a mistake inside does not hide those further on */
            i = end + 1;
        } else {
            look_for_slip(&r, n, i);
            buf_putc(&r.text, s[i++]);
        }
    }
    flush_text(&r, n);
    buf_done(&r.text);
    if (r.failed)
        return false;
    const struct rules_part *parts = arena_dup(ld->rd.arena, r.parts, r.n * sizeof *parts);
    if (!parts) {
        reader_oom(&ld->rd);
        return false;
    }
    *ret = (struct rules_template){.n = r.n, .parts = parts};
    return true;
}

/* -- filling in --------------------------------------------------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *s, size_t len) {
    size_t i = 0;
    while (i < len) {
        size_t n;
        (void)utf8_next(s + i, len - i, &n);
        if (i + n > MAX_VALUE) {
            buf_puts(out, "…");
            return;
        }
        if (n == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7F))
            buf_putc(out, ' ');
        else if (n == 1 && (unsigned char)s[i] >= 0x80)
            buf_puts(out, "\xEF\xBF\xBD");
        else
            buf_put(out, s + i, n);
        i += n;
    }
}

static void put_double(struct buf *out, double d) {
    char text[64];
    if (!isfinite(d)) {
        buf_puts(out, "?");
        return;
    }
    if (fabs(d) >= 1e15) {
        buf_put_double(out, d);
        return;
    }
    int n = snprintf(text, sizeof text, "%.3f", d);
    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.')
        n--;
    text[n] = '\0';
    buf_puts(out, strcmp(text, "-0") == 0 ? "0" : text);
}

static void put_time(struct buf *out, int64_t seconds, const struct zone *zone) {
    struct civil c;
    civil_from(seconds + zone_offset(zone, seconds), &c);
    buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

static void put_value(struct buf *out, struct cel_value v, const struct zone *zone, int depth) {
    char span[TIME_TEXT_MAX];
    int64_t ms;
    size_t n;
    if (depth > 4) {
        buf_puts(out, "…");
        return;
    }
    switch (v.type) {
    case CEL_BOOL: buf_puts(out, v.b ? "true" : "false"); break;
    case CEL_INT: buf_put_int(out, v.i); break;
    case CEL_UINT: buf_printf(out, "%llu", (unsigned long long)v.u); break;
    case CEL_DOUBLE: put_double(out, v.d); break;
    case CEL_STRING: put_text(out, v.s, v.aux); break;
    case CEL_TIMESTAMP: put_time(out, v.i, zone); break;
    case CEL_DURATION:
        if (cel_as_duration_ms(v, &ms))
            buf_puts(out, span_format_zh(ms, span));
        else
            buf_puts(out, "?");
        break;
    case CEL_OPTIONAL:
        if (v.opt)
            put_value(out, *v.opt, zone, depth + 1);
        else
            buf_puts(out, "?");
        break;
    case CEL_LIST:
        n = cel_size(v);
        for (size_t i = 0; i < n; i++) {
            struct cel_value item;
            if (i == MAX_ITEMS) {
                buf_puts(out, "…");
                break;
            }
            buf_puts(out, i ? "、" : "");
            if (cel_list_at(v, i, &item))
                put_value(out, item, zone, depth + 1);
        }
        break;
    case CEL_MAP: {
        struct buf json;
        buf_init(&json, 4096);
        cel_write_json(&json, v);
        put_text(out, json.data, json.len);
        buf_done(&json);
        break;
    }
    default: buf_puts(out, "?");
    }
}

/* `device.name` or `device.place` and nothing else: what a person knows a device by. */
static bool names_device(const struct cel_program *p) {
    static atom_t name, place;
    const struct cel_read *reads;

    if (!name) {
        name = atom_of("name");
        place = atom_of("place");
    }
    return cel_program_reads(p, &reads) == 1 && reads[0].slot == RULE_DEVICE && (reads[0].field == name || reads[0].field == place);
}

static bool is_unknown(struct cel_value v) {
    return v.type == CEL_ERROR || v.type == CEL_NULL || (v.type == CEL_OPTIONAL && (!v.opt || is_unknown(*v.opt)));
}

static struct cel_value device_id(const struct cel_context *ctx) {
    const struct cel_value *device = &ctx->vars[RULE_DEVICE];
    struct cel_value id;

    if (device->type == CEL_MAP && device->form == CEL_FORM_RECORD && device->record->ops->get(device->record, atom_of("id"), &id))
        return id;
    return cel_null();
}

void template_fill(const struct rules_template *t, struct cel_context *ctx, const struct zone *zone, struct buf *out) {
    for (size_t i = 0; i < t->n; i++) {
        if (t->parts[i].text) {
            buf_puts(out, t->parts[i].text);
            continue;
        }
        ctx->steps = 0;
        struct cel_value v = cel_eval(t->parts[i].expr, ctx);
        /* A sentence that begins with "?" sends nobody anywhere: what is not in the registry is still known by its id. */
        if (is_unknown(v) && names_device(t->parts[i].expr))
            v = device_id(ctx);
        put_value(out, v, zone, 0);
    }
}
