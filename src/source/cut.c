/* SPDX-License-Identifier: Apache-2.0
 * `drop`: values taken out of JSON text before it is parsed, so that pictures, faces and secrets are gone over once and never held. A walk over the text that
 * copies what stays. Text that is no JSON is given up here; the parser says what is wrong with it. */
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "source/source_int.h"

#define NAME_MAX_BYTES 256

struct cut {
    const char *p, *end;
    char *out;
    size_t n;
    const struct drops *drops;
    struct step {
        const char *name; /* NULL: an element of an array, or a name longer than any path has */
        size_t len;
    } path[JSON_MAX_DEPTH + 1];
};

static void skip_blanks(struct cut *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        c->p++;
}

static bool skip_string(struct cut *c) {
    for (c->p++; c->p < c->end; c->p++) {
        if (*c->p == '\\')
            c->p++;
        else if (*c->p == '"') {
            c->p++;
            return true;
        }
    }
    return false;
}

static bool skip_value(struct cut *c) {
    size_t depth = 0;
    skip_blanks(c);
    do {
        if (c->p >= c->end)
            return false;
        if (*c->p == '"') {
            if (!skip_string(c))
                return false;
        } else if (*c->p == '{' || *c->p == '[') {
            depth++;
            c->p++;
        } else if (*c->p == '}' || *c->p == ']') {
            if (depth == 0)
                return false;
            depth--;
            c->p++;
        } else if (depth) {
            c->p++;
        } else {
            const char *begin = c->p;
            while (c->p < c->end && !strchr(",]} \t\r\n", *c->p))
                c->p++;
            return c->p > begin;
        }
    } while (depth);
    return true;
}

static void keep(struct cut *c, const char *from) {
    size_t n = (size_t)(c->p - from);
    memcpy(c->out + c->n, from, n);
    c->n += n;
}

static int hex4(const char *s) {
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int d = s[i] >= '0' && s[i] <= '9' ? s[i] - '0' : (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f' ? (s[i] | 0x20) - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* A key with its escapes resolved: "\u0070hoto" is photo. NULL: too long to be meant by any path. */
static const char *plain_name(const char *s, size_t len, char *out, size_t *ret_len) {
    size_t n = 0;
    if (!memchr(s, '\\', len)) {
        *ret_len = len;
        return s;
    }
    for (size_t i = 0; i < len; i++) {
        if (n + 4 > NAME_MAX_BYTES)
            return NULL;
        int cp;
        if (s[i] != '\\' || i + 1 >= len)
            out[n++] = s[i];
        else if (s[++i] == 'u' && i + 4 < len && (cp = hex4(s + i + 1)) >= 0) {
            char utf8[4];
            size_t size = utf8_put((uint32_t)cp, utf8);
            memcpy(out + n, utf8, size);
            n += size;
            i += 4;
        } else {
            out[n++] = s[i];
        }
    }
    *ret_len = n;
    return out;
}

static bool part_fits(const char *part, const struct step *s) {
    return !part || (s->name && strlen(part) == s->len && memcmp(part, s->name, s->len) == 0);
}

static bool dropped(const struct cut *c, size_t depth) {
    const struct step *last = &c->path[depth - 1];
    for (size_t i = 0; i < c->drops->n; i++) {
        const struct source_drop *d = c->drops->items[i];
        if (!part_fits(d->parts[d->n - 1], last))
            continue;
        if (d->anywhere)
            return true;
        size_t k = d->n == depth ? 0 : depth;
        while (k < depth && part_fits(d->parts[k], &c->path[k]))
            k++;
        if (d->n == depth && k == depth)
            return true;
    }
    return false;
}

static bool cut_value(struct cut *c, size_t depth);

static bool cut_member(struct cut *c, size_t depth, bool object, bool *first) {
    char plain[NAME_MAX_BYTES];
    struct step *step = &c->path[depth];
    const char *key = NULL;
    size_t key_len = 0;
    *step = (struct step){0};
    if (object) {
        skip_blanks(c);
        key = c->p;
        if (c->p >= c->end || *c->p != '"' || !skip_string(c))
            return false;
        key_len = (size_t)(c->p - key);
        step->name = plain_name(key + 1, key_len - 2, plain, &step->len);
        skip_blanks(c);
        if (c->p >= c->end || *c->p++ != ':')
            return false;
    }
    if (dropped(c, depth + 1))
        return skip_value(c);
    if (!*first)
        c->out[c->n++] = ',';
    *first = false;
    if (object) {
        memcpy(c->out + c->n, key, key_len);
        c->n += key_len;
        c->out[c->n++] = ':';
    }
    return cut_value(c, depth + 1);
}

static bool cut_value(struct cut *c, size_t depth) {
    skip_blanks(c);
    if (c->p >= c->end)
        return false;
    char open = *c->p;
    if (open != '{' && open != '[') {
        const char *from = c->p;
        if (!skip_value(c))
            return false;
        keep(c, from);
        return true;
    }
    char close = open == '{' ? '}' : ']';
    bool first = true;
    if (depth == JSON_MAX_DEPTH)
        return false;
    c->p++;
    c->out[c->n++] = open;
    skip_blanks(c);
    if (c->p < c->end && *c->p == close) {
        c->p++;
        c->out[c->n++] = close;
        return true;
    }
    for (;;) {
        if (!cut_member(c, depth, open == '{', &first))
            return false;
        skip_blanks(c);
        if (c->p >= c->end || (*c->p != ',' && *c->p != close))
            return false;
        if (*c->p++ == close) {
            c->out[c->n++] = close;
            return true;
        }
    }
}

/* What is written is never longer than what was read: of what stays, each byte is copied once and each comma stands for one. */
const char *cut_json(struct arena *a, const char *text, size_t len, const struct drops *drops, size_t *ret_len, bool *ret_no_memory) {
    struct cut *c = arena_alloc(a, sizeof *c);
    char *out = c ? arena_alloc(a, len + 1) : NULL;
    *ret_no_memory = !out;
    if (!out)
        return NULL;
    *c = (struct cut){.p = text, .end = text + len, .out = out, .drops = drops};
    if (!cut_value(c, 0))
        return NULL;
    skip_blanks(c);
    if (c->p != c->end)
        return NULL;
    *ret_len = c->n;
    return out;
}
