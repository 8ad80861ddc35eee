/* SPDX-License-Identifier: Apache-2.0
 * Bytes to a CEL value: JSON, or text, or null when there is nothing; or the bytes themselves. Leans on base's checked JSON parser; everything is in the message's arena.
 *
 * Some devices put stray NULs or a byte order mark in front, or a NUL at the end; these are skipped and counted. Text that is not UTF-8 is not understood: the sentence
 * names the byte. */
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "source/source_int.h"

static const char no_room[] = "the payload needs more memory than one message may take";

void payload_init(struct payload *p, const struct message *msg, struct arena *arena) { *p = (struct payload){.msg = msg, .arena = arena}; }

/* Where the text stops being UTF-8. */
static size_t invalid_at(const char *s, size_t len) {
    size_t low = 0, high = len; /* valid up to low, as far as whole characters go */
    while (low < high) {
        size_t n;
        uint32_t cp = utf8_next(s + low, high - low, &n);
        if (cp == 0xFFFD && !(n == 3 && memcmp(s + low, "\xEF\xBF\xBD", 3) == 0))
            return low;
        low += n;
    }
    return low;
}

static void refuse_nul(struct payload *p, const char *s, size_t len, size_t front) {
    const char *nul = len ? memchr(s, 0, len) : NULL;
    if (!nul)
        return;
    const char *why = arena_printf(p->arena, "the payload is no text: byte %zu of %zu is 0x00", front + (size_t)(nul - s) + 1, p->msg->len);
    p->bad = why ? why : no_room;
}

static void open_text(struct payload *p) {
    p->opened = true;
    const char *s = p->msg->payload;
    size_t len = p->msg->len;
    for (;;) {
        if (len > 0 && s[0] == 0)
            s++, len--;
        else if (len >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0)
            s += 3, len -= 3;
        else
            break;
    }
    size_t front = p->msg->len - len;
    while (len > 0 && s[len - 1] == 0) /* the end of a string in C, sent along */
        len--;
    p->cleaned = p->msg->len - len;
    if (p->decoder) {
        size_t bad = 0, size = 0;
        int rc = charset_decode(p->decoder, p->arena, s, len, &p->text, &size, &bad);
        if (rc == GF_ENOMEM) {
            p->bad = no_room;
        } else if (rc < 0) {
            const char *why = arena_printf(p->arena, "the payload is not %s text: byte %zu of %zu is 0x%02X", charset_name(p->charset),
                                           front + bad + 1, p->msg->len, bad < len ? (unsigned)(unsigned char)s[bad] : 0U);
            p->bad = why ? why : no_room;
        }
        p->len = size;
        if (!p->bad)
            refuse_nul(p, s, len, front);
        return;
    }
    if (!utf8_valid(s, len)) {
        size_t at = invalid_at(s, len);
        const char *why = arena_printf(p->arena, "the payload is not UTF-8 text: byte %zu of %zu is 0x%02X (charset: gb18030 for GBK)",
                                       front + at + 1, p->msg->len, at < len ? (unsigned)(unsigned char)s[at] : 0U);
        p->bad = why ? why : "the payload is not UTF-8 text";
        return;
    }
    refuse_nul(p, s, len, front);
    p->text = s;
    p->len = len;
}

/* Whether it is worth trying: the first character of a JSON value. */
static bool looks_json(const char *s, size_t len) {
    size_t i = 0;
    while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r'))
        i++;
    return i < len && (strchr("{[\"-tfn", s[i]) != NULL || (s[i] >= '0' && s[i] <= '9'));
}

/* An object or an array, or what was meant to be one. */
static bool means_json(const char *s, size_t len) {
    size_t i = 0;
    while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r'))
        i++;
    return i < len && (s[i] == '{' || s[i] == '[');
}

static void try_json(struct payload *p) {
    p->json_tried = true;
    if (!looks_json(p->text, p->len)) {
        p->bad_json = "the payload is no JSON";
        return;
    }
    struct err err = {0};
    const cJSON *doc = NULL;
    const char *text = p->text;
    size_t len = p->len;
    if (p->drops && p->drops->n) {
        bool no_memory;
        const char *cut = cut_json(p->arena, text, len, p->drops, &len, &no_memory);
        if (no_memory) {
            p->bad = no_room;
            return;
        }
        if (cut)
            text = cut;
        else
            len = p->len; /* it is no JSON: the parser says why */
    }
    struct json_pick pick = {.wanted = wanted_has, .ctx = p->fitting};
    int rc = json_parse_some(p->arena, text, len, p->fitting ? &pick : NULL, &err, &doc);
    if (rc == GF_ENOMEM) {
        p->bad = no_room;
    } else if (rc < 0) {
        const char *why = arena_printf(p->arena, "the payload is no JSON: %s", err.text);
        p->bad_json = why ? why : "the payload is no JSON";
    } else {
        p->json_is = true;
        p->json = cel_json(doc);
    }
}

const char *payload_read(struct payload *p, enum source_payload how, struct cel_value *ret) {
    if (how == SOURCE_NONE) {
        *ret = cel_error(CEL_E_ABSENT, NULL);
        return NULL;
    }
    if (how == SOURCE_BYTES) {
        *ret = (struct cel_value){.type = CEL_BYTES, .aux = (uint32_t)p->msg->len, .s = p->msg->len ? p->msg->payload : ""};
        return NULL;
    }
    if (!p->opened)
        open_text(p);
    if (p->bad)
        return p->bad;
    if (p->len == 0) {
        *ret = cel_null();
        return NULL;
    }
    if (how != SOURCE_WORD) {
        if (!p->json_tried)
            try_json(p);
        if (p->bad)
            return p->bad;
        if (p->json_is) {
            *ret = p->json;
            return NULL;
        }
        /* Of what is meant to be JSON and is broken nothing can be dropped: then it is no text either. */
        if (how == SOURCE_JSON || (p->drops && p->drops->n && means_json(p->text, p->len)))
            return p->bad_json;
    }
    if (!p->copy && !(p->copy = arena_strndup(p->arena, p->text, p->len)))
        return p->bad = no_room;
    *ret = cel_string(p->copy, p->len);
    return NULL;
}
