/* SPDX-License-Identifier: Apache-2.0
 * YAML files to trees with places. Leans on libyaml for the grammar; the text is checked first, so that libyaml never meets bytes that are no UTF-8.
 *
 * libyaml counts characters, a place counts bytes: `marks` holds the byte of every 256th character. */
#include "rules/yaml_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "gengfu/base/map.h"
#include "gengfu/base/text.h"

#define MARK_STEP 16 /* characters between two marks: a place is found in so many steps */
#define MAX_ANCHORS 1000
#define MAP_FROM 16 /* pairs from which on duplicate keys are looked for in a map */

struct frame { /* a collection that is not yet complete */
    struct yaml_node *node;
    struct yaml_node *key; /* of a mapping: the key that waits for its value */
    bool skip;             /* the key is a duplicate: its value is dropped */
    bool flow;
    size_t cap;
    size_t size;   /* nodes, aliases expanded */
    size_t height; /* levels below */
    int anchor;    /* index, or -1 */
    struct map plain_keys, quoted_keys;
};
struct anchor {
    char *name;
    struct yaml_node *node; /* NULL: not complete */
    size_t size, height;
};
struct builder {
    struct arena *arena;
    struct report *rep;
    uint16_t file;
    const char *text; /* the whole file */
    size_t len, skip; /* skip: byte order mark */
    uint32_t *marks;
    size_t nmarks;
    struct frame frames[YAML_MAX_DEPTH + 1];
    size_t depth;
    struct anchor *anchors;
    size_t nanchors;
    struct yaml_node *root;
    size_t documents;
    bool failed, oom;
    bool cut_short; /* the error ended a list of the top level: its last item is not complete */
};

static struct place place_of(const struct builder *b, size_t begin, size_t end) {
    return (struct place){.file = b->file, .offset = (uint32_t)begin, .length = end > begin ? (uint32_t)(end - begin) : 0};
}

static void out_of_memory(struct builder *b) {
    if (!b->oom)
        report_error(b->rep, place_of(b, 0, 0), NULL, "out of memory while reading this file");
    b->oom = b->failed = true;
}

/* -- the text -------------------------------------------------------------------------------------------------------------- */

/* Bytes that YAML cannot hold, and UTF-8. The first few are told, each run once. */
static bool check_text(struct builder *b) {
    size_t told = 0;
    bool bad = false;
    if (b->len >= 2 && (memcmp(b->text, "\xFF\xFE", 2) == 0 || memcmp(b->text, "\xFE\xFF", 2) == 0)) {
        report_error(b->rep, place_of(b, 0, 2), "save the file as UTF-8 (for example: iconv -f UTF-16 -t UTF-8 old.yaml > new.yaml)",
                     "the file is UTF-16");
        return false;
    }
    for (size_t i = b->skip; i < b->len;) {
        unsigned char c = (unsigned char)b->text[i];
        if (c >= 0x20 && c < 0x7F) {
            i++;
            bad = false;
            continue;
        }
        size_t n;
        uint32_t cp = utf8_next(b->text + i, b->len - i, &n);
        bool broken = cp == 0xFFFD && n == 1;
        bool control = !broken && (cp == 0x7F || (cp < 0x20 && cp != '\t' && cp != '\n' && cp != '\r') ||
                                   (cp >= 0x80 && cp < 0xA0 && cp != 0x85) || cp == 0xFFFE || cp == 0xFFFF);
        if ((broken || control) && !bad && told++ < 5) {
            if (broken)
                report_error(b->rep, place_of(b, i, i + 1),
                             "save the file as UTF-8 (for example: iconv -f GB18030 -t UTF-8 old.yaml > new.yaml)",
                             "byte 0x%02X is not UTF-8", c);
            else if (cp == 0)
                report_error(b->rep, place_of(b, i, i + 1), "remove it", "a NUL byte cannot stand in a YAML file");
            else
                report_error(b->rep, place_of(b, i, i + n), "remove it, or write it as an escape in double quotes",
                             "control character U+%04X cannot stand in a YAML file", (unsigned)cp);
        }
        bad = broken || control;
        i += n;
    }
    return told == 0;
}

static bool index_marks(struct builder *b) {
    b->marks = malloc(((b->len - b->skip) / MARK_STEP + 2) * sizeof *b->marks);
    if (!b->marks)
        return false;
    size_t chars = 0;
    for (size_t i = b->skip; i < b->len; i++)
        if (((unsigned char)b->text[i] & 0xC0) != 0x80 && chars++ % MARK_STEP == 0)
            b->marks[b->nmarks++] = (uint32_t)i;
    return true;
}

static size_t byte_of(const struct builder *b, size_t chars) {
    size_t k = chars / MARK_STEP;
    if (k >= b->nmarks)
        return b->len;
    size_t i = b->marks[k];
    for (size_t n = chars % MARK_STEP; n && i < b->len; n--)
        do
            i++;
        while (i < b->len && ((unsigned char)b->text[i] & 0xC0) == 0x80);
    return i;
}

/* -- the tree -------------------------------------------------------------------------------------------------------------- */

static bool grow(struct builder *b, struct frame *f, size_t item) {
    if (f->node->n < f->cap)
        return true;
    size_t cap = f->cap ? f->cap * 2 : 4;
    void *more = arena_alloc(b->arena, cap * item);
    if (!more) {
        out_of_memory(b);
        return false;
    }
    const void *old = f->node->kind == YAML_MAPPING ? (void *)f->node->pairs : (void *)f->node->items;
    if (f->node->n)
        memcpy(more, old, f->node->n * item);
    if (f->node->kind == YAML_MAPPING)
        f->node->pairs = more;
    else
        f->node->items = more;
    f->cap = cap;
    return true;
}

static void forget_keys(struct frame *f) {
    map_done(&f->plain_keys, NULL);
    map_done(&f->quoted_keys, NULL);
}

/* 1 is a number and '1' a text, true a boolean and 'true' a text: two keys. */
static bool same_key(const struct yaml_node *a, const struct yaml_node *b) {
    bool truth;
    if (a->len != b->len || memcmp(a->text, b->text, a->len) != 0)
        return false;
    return a->plain == b->plain || !(strchr("+-0123456789", *a->text) || yaml_bool(a->plain ? a : b, &truth));
}

static struct yaml_node *find_key(struct builder *b, struct frame *f, struct yaml_node *key) {
    struct yaml_node *m = f->node;
    if (m->n < MAP_FROM) {
        for (size_t i = 0; i < m->n; i++)
            if (same_key(m->pairs[i].key, key))
                return m->pairs[i].key;
        return NULL;
    }
    for (size_t i = map_count(&f->plain_keys) + map_count(&f->quoted_keys); i < m->n; i++) {
        struct yaml_node *k = m->pairs[i].key;
        if (map_put(k->plain ? &f->plain_keys : &f->quoted_keys, k->text, k->len, k, NULL) < 0) {
            out_of_memory(b);
            return NULL;
        }
    }
    struct yaml_node *found[2] = {map_get(&f->plain_keys, key->text, key->len), map_get(&f->quoted_keys, key->text, key->len)};
    for (int i = 0; i < 2; i++)
        if (found[i] && same_key(found[i], key))
            return found[i];
    return NULL;
}

static void take_key(struct builder *b, struct frame *f, struct yaml_node *key) {
    f->key = key;
    f->skip = true;
    if (key->kind != YAML_SCALAR) {
        report_error(b->rep, key->at, "put quotes around text that begins with '[' or '{'", "a key must be a word, not a %s",
                     key->kind == YAML_SEQUENCE ? "list" : "mapping");
        return;
    }
    if (key->len == 0) {
        report_error(b->rep, key->at, NULL, "a key is missing in front of ':'");
        return;
    }
    if (key->plain && yaml_key_slip(key->text, key->len)) {
        size_t at = key->at.offset;
        struct yaml_slip slip;
        if (yaml_find_slip(b->text, b->skip, b->len, at, at, &slip))
            report_error(b->rep, place_of(b, slip.begin, slip.end), slip.hint, "%s", slip.what);
        b->failed = b->cut_short = true;
        return;
    }
    const struct yaml_node *first = find_key(b, f, key);
    if (first) {
        uint32_t line, column;
        char hint[64];
        report_line_column(b->rep, first->at, &line, &column);
        (void)snprintf(hint, sizeof hint, "it is given first in line %u", (unsigned)line);
        report_error(b->rep, key->at, hint, "the key '%.100s' is given twice", key->text);
        return;
    }
    f->skip = false;
}

/* A complete node goes into the collection that is open. */
static void attach(struct builder *b, struct yaml_node *node, size_t size, size_t height) {
    if (b->depth == 0) {
        b->root = node;
        return;
    }
    struct frame *f = &b->frames[b->depth - 1];
    f->size += size;
    if (f->height < height + 1)
        f->height = height + 1;
    if (f->size > YAML_MAX_NODES) {
        report_error(b->rep, node->at, "an alias counts as often as it is used", "the file holds more than %d values", YAML_MAX_NODES);
        b->failed = true;
        return;
    }
    if (f->node->kind == YAML_SEQUENCE) {
        if (grow(b, f, sizeof *f->node->items))
            f->node->items[f->node->n++] = node;
    } else if (!f->key) {
        take_key(b, f, node);
    } else {
        if (!f->skip && grow(b, f, sizeof *f->node->pairs))
            f->node->pairs[f->node->n++] = (struct yaml_pair){f->key, node};
        f->key = NULL;
    }
}

static struct yaml_node *new_node(struct builder *b, enum yaml_kind kind, size_t begin, size_t end) {
    struct yaml_node *n = arena_zalloc(b->arena, sizeof *n);
    if (!n) {
        out_of_memory(b);
        return NULL;
    }
    n->kind = kind;
    n->at = place_of(b, begin, end);
    return n;
}

/* Behind an anchor (&name) the value begins. */
static size_t skip_anchor(const struct builder *b, size_t s, size_t end) {
    if (s < end && b->text[s] == '&') {
        while (s < end && !strchr(" \t\r\n", b->text[s]))
            s++;
        while (s < end && strchr(" \t\r\n", b->text[s]))
            s++;
    }
    return s;
}

static int add_anchor(struct builder *b, const yaml_char_t *name, struct place at) {
    if (!name)
        return -1;
    if (b->nanchors == MAX_ANCHORS) {
        report_error(b->rep, at, NULL, "the file has more than %d anchors", MAX_ANCHORS);
        b->failed = true;
        return -1;
    }
    struct anchor *more = realloc(b->anchors, (b->nanchors + 1) * sizeof *more);
    char *copy = strdup((const char *)name);
    if (more)
        b->anchors = more;
    if (!more || !copy) {
        free(copy);
        out_of_memory(b);
        return -1;
    }
    b->anchors[b->nanchors] = (struct anchor){.name = copy};
    return (int)b->nanchors++;
}

static void set_anchor(struct builder *b, int i, struct yaml_node *node, size_t size, size_t height) {
    if (i >= 0) {
        b->anchors[i].node = node;
        b->anchors[i].size = size;
        b->anchors[i].height = height;
    }
}

static bool refuse_tag(struct builder *b, const yaml_char_t *tag, size_t begin) {
    if (!tag)
        return false;
    size_t end = begin;
    while (end < b->len && !strchr(" \t\r\n,]}", b->text[end]))
        end++;
    report_error(b->rep, place_of(b, begin, end), "put an expression or text that begins with '!' in quotes",
                 "a value cannot begin with '!'");
    return true;
}

static void on_scalar(struct builder *b, const yaml_event_t *ev) {
    static const enum scalar_style styles[] = {[YAML_PLAIN_SCALAR_STYLE] = STYLE_PLAIN,
                                               [YAML_SINGLE_QUOTED_SCALAR_STYLE] = STYLE_SINGLE,
                                               [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = STYLE_DOUBLE,
                                               [YAML_LITERAL_SCALAR_STYLE] = STYLE_LITERAL,
                                               [YAML_FOLDED_SCALAR_STYLE] = STYLE_FOLDED};
    size_t begin = byte_of(b, ev->start_mark.index), end = byte_of(b, ev->end_mark.index);
    bool bad = refuse_tag(b, ev->data.scalar.tag, begin);
    int anchor = add_anchor(b, ev->data.scalar.anchor, place_of(b, begin, begin));
    begin = skip_anchor(b, begin, end);
    struct yaml_node *n = new_node(b, YAML_SCALAR, begin, end);
    if (!n)
        return;
    const char *text = (const char *)ev->data.scalar.value;
    size_t len = ev->data.scalar.length;
    enum scalar_style style = STYLE_PLAIN;
    if ((size_t)ev->data.scalar.style < sizeof styles / sizeof *styles)
        style = styles[ev->data.scalar.style];
    if (memchr(text, '\0', len)) { /* "\0" in double quotes */
        report_error(b->rep, n->at, "remove it", "text with a NUL in it cannot be used");
        len = strlen(text);
    }
    uint32_t *offsets = arena_alloc(b->arena, (len + 1) * sizeof *offsets);
    n->text = arena_strndup(b->arena, text, len);
    if (!n->text || !offsets) {
        out_of_memory(b);
        return;
    }
    n->len = len;
    n->plain = style == STYLE_PLAIN;
    n->bad = bad;
    yaml_map_offsets(style, b->text, begin, end, n->text, len, offsets);
    n->offsets = offsets;
    set_anchor(b, anchor, n, 1, 0);
    attach(b, n, 1, 0);
}

static void on_open(struct builder *b, const yaml_event_t *ev, enum yaml_kind kind) {
    bool sequence = kind == YAML_SEQUENCE;
    size_t begin = byte_of(b, ev->start_mark.index), end = byte_of(b, ev->end_mark.index);
    if (b->depth == YAML_MAX_DEPTH) {
        report_error(b->rep, place_of(b, begin, begin), NULL, "nested more than %d levels deep", YAML_MAX_DEPTH);
        b->failed = true;
        return;
    }
    bool bad = refuse_tag(b, sequence ? ev->data.sequence_start.tag : ev->data.mapping_start.tag, begin);
    int anchor = add_anchor(b, sequence ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor, place_of(b, begin, begin));
    begin = skip_anchor(b, begin, b->len);
    struct yaml_node *n = new_node(b, kind, begin, end > begin ? begin : end);
    if (!n)
        return;
    n->bad = bad;
    struct frame *f = &b->frames[b->depth++];
    *f = (struct frame){.node = n, .size = 1, .anchor = anchor};
    f->flow =
        sequence ? ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE : ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    map_init(&f->plain_keys);
    map_init(&f->quoted_keys);
}

static void on_close(struct builder *b, const yaml_event_t *ev) {
    struct frame *f = &b->frames[--b->depth];
    forget_keys(f);
    if (f->flow)
        f->node->at.length = (uint32_t)(byte_of(b, ev->end_mark.index) - f->node->at.offset);
    set_anchor(b, f->anchor, f->node, f->size, f->height);
    attach(b, f->node, f->size, f->height);
}

static void on_alias(struct builder *b, const yaml_event_t *ev) {
    const char *name = (const char *)ev->data.alias.anchor;
    struct place at = place_of(b, byte_of(b, ev->start_mark.index), byte_of(b, ev->end_mark.index));
    for (size_t i = b->nanchors; i-- > 0;) {
        struct anchor *a = &b->anchors[i];
        if (strcmp(a->name, name) != 0)
            continue;
        if (!a->node) {
            report_error(b->rep, at, NULL, "the alias '*%.60s' stands inside what it repeats", name);
            b->failed = true;
        } else if (b->depth + a->height > YAML_MAX_DEPTH) {
            report_error(b->rep, at, NULL, "nested more than %d levels deep with this alias", YAML_MAX_DEPTH);
            b->failed = true;
        } else {
            attach(b, a->node, a->size, a->height);
        }
        return;
    }
    report_error(b->rep, at, "put text that begins with '*' in quotes", "no '&%.60s' stands in front of the alias '*%.60s'", name, name);
    struct yaml_node *n = new_node(b, YAML_SCALAR, at.offset, at.offset + at.length);
    if (!n)
        return;
    uint32_t *offset = arena_dup(b->arena, &at.offset, sizeof at.offset);
    if (!offset) {
        out_of_memory(b);
        return;
    }
    n->text = "";
    n->plain = n->bad = true;
    n->offsets = offset;
    attach(b, n, 1, 0);
}

static void on_event(struct builder *b, const yaml_event_t *ev) {
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++ == 1) {
            size_t at = byte_of(b, ev->start_mark.index);
            report_error(b->rep, place_of(b, at, at + 3), "put it in a file of its own", "a second document in the same file");
            b->failed = true;
        }
        break;
    case YAML_SCALAR_EVENT: on_scalar(b, ev); break;
    case YAML_SEQUENCE_START_EVENT: on_open(b, ev, YAML_SEQUENCE); break;
    case YAML_MAPPING_START_EVENT: on_open(b, ev, YAML_MAPPING); break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: on_close(b, ev); break;
    case YAML_ALIAS_EVENT: on_alias(b, ev); break;
    default: break;
    }
}

/* -- errors of the grammar --------------------------------------------------------------------------------------------------- */

/* libyaml's sentences, in words that say what to do. `opening`: the place is where the unclosed thing begins. */
struct sentence {
    const char *theirs, *ours, *hint;
    bool opening, quotes; /* quotes: it may be text behind closing quotes */
};
static const struct sentence sentences[] = {
    {"found character that cannot start any token", "no value can begin with this character", "put the text in quotes", false, false},
    {"mapping values are not allowed in this context", "a ': ' where no key can stand",
     "indent the line as its neighbours are, or put text that holds ': ' in quotes", false, false},
    {"could not find expected ':'", "a key without ': ' behind it",
     "write 'key: value', with a blank, and indent the line as its neighbours are", false, true},
    {"did not find expected key", "this line does not fit the lines above", "indent it as its neighbours are", false, true},
    {"did not find expected '-' indicator", "this line does not fit the list above",
     "begin it with '- ', or indent it as the other keys of the item are", false, true},
    {"did not find expected ',' or ']'", "a list in [ ] is not closed", "write ',' between its items and ']' at its end", true, false},
    {"did not find expected ',' or '}'", "a mapping in { } is not closed", "write ',' between its pairs and '}' at its end", true, false},
    {"found unexpected end of stream", "quotes that are opened and never closed", "write the same quotes at the end of the text", true,
     false},
    {"found unexpected document indicator", "quotes that are opened and never closed", "write the same quotes at the end of the text", true,
     false},
    {"found unknown escape character", "an escape that YAML does not know",
     "in double quotes write \\\\ for a backslash, or use single quotes", false, false},
    {"block sequence entries are not allowed in this context", "a list item ('- ') cannot begin here",
     "put it in a line of its own below the key", false, false},
    {"found a tab character that violates indentation", "a tab cannot indent", "YAML indents with blanks", false, false},
    {"did not find expected <document start>", "more text behind the end of the document", "indent it as the lines above are", false, true},
};

/* Is the error that text goes on behind a value's end?  when: 'a' == event.x   locked: {1: true}[payload] */
static bool behind(const struct builder *b, size_t at, const char *ends) {
    size_t before = at;
    while (before > b->skip && (b->text[before - 1] == ' ' || b->text[before - 1] == '\t'))
        before--;
    return before > b->skip && strchr(ends, b->text[before - 1]) && at < b->len && !strchr("\r\n", b->text[at]);
}

/* Does a value that begins with '!' stand before the error in its line?  locked: !(event.a || event.b)   {open: !payload.contact} */
static bool bang(const struct builder *b, size_t at, size_t *ret_at) {
    for (size_t i = at; i > b->skip && b->text[i - 1] != '\n'; i--) {
        size_t before = i - 1;
        if (i >= b->len || b->text[i] != '!')
            continue;
        while (before > b->skip && b->text[before] == ' ')
            before--;
        *ret_at = i;
        return strchr(":,[{-", b->text[before]) != NULL;
    }
    return false;
}

static void syntax_error(struct builder *b, const yaml_parser_t *p) {
    b->failed = true;
    if (p->error == YAML_MEMORY_ERROR) {
        out_of_memory(b);
        return;
    }
    size_t at = byte_of(b, p->problem_mark.index);
    const struct sentence *s =
        &(struct sentence){p->problem ? p->problem : "not YAML", p->problem ? p->problem : "not YAML", NULL, false, false};
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strcmp(sentences[i].theirs, s->theirs) == 0)
            s = &sentences[i];
    const char *ours = s->ours, *hint = s->hint;
    size_t opened = s->opening && p->context ? byte_of(b, p->context_mark.index) : at;
    struct yaml_slip slip;
    if (yaml_find_slip(b->text, b->skip, b->len, opened, at, &slip)) {
        report_error(b->rep, place_of(b, slip.begin, slip.end), slip.hint, "%s", slip.what);
        return;
    }
    if (bang(b, at, &at)) {
        ours = "a value cannot begin with '!'";
        hint = "put an expression or text that begins with '!' in quotes";
    } else if (s->opening && at < b->len && strchr("[{\"'", b->text[at])) { /* in the middle of a text within [ ] or { } */
        ours = "a bracket or quote in the middle of a value";
        hint = "within [ ] and { } put text or expressions that hold brackets or commas in quotes";
    } else if (s->opening && p->context)
        at = byte_of(b, p->context_mark.index);
    else if (at < b->len && b->text[at] == '\t') {
        ours = "a tab cannot indent";
        hint = "YAML indents with blanks";
    } else if (at < b->len && (b->text[at] == '%' || b->text[at] == '@' || b->text[at] == '`')) {
        hint = "put text that begins with '%', '@' or '`' in quotes";
    } else if (s->quotes && behind(b, at, "]}")) {
        ours = "text goes on behind a closing bracket";
        hint = "put quotes around an expression that begins with '{' or '['";
    } else if (s->quotes && behind(b, at, "\"'")) {
        ours = "text goes on behind closing quotes";
        hint = "put the whole value in quotes of the other kind, or write it as a block: 'key: |' and the text indented below";
    }
    report_error(b->rep, place_of(b, at, at), hint, "%s", ours);
}

/* What was complete when the error came: top-level keys, and the items of the last of them. */
static void keep_complete(struct builder *b) {
    bool between =
        b->depth == 2; /* the error stands behind an item, and may have cut it short; within one, that item is not in the list yet */
    while (b->depth > 2)
        forget_keys(&b->frames[--b->depth]);
    if (b->depth == 2) {
        struct frame *top = &b->frames[0], *f = &b->frames[1];
        forget_keys(f);
        b->depth = 1;
        if (between && f->node->n > 0)
            f->node->n--;
        if (top->node->kind == YAML_MAPPING && top->key && !top->skip && grow(b, top, sizeof *top->node->pairs))
            top->node->pairs[top->node->n++] = (struct yaml_pair){top->key, f->node};
    }
    if (b->depth == 1) {
        struct yaml_node *top = b->frames[0].node, *last = top->kind == YAML_MAPPING && top->n > 0 ? top->pairs[top->n - 1].value : NULL;
        if (b->cut_short && last && last->kind == YAML_SEQUENCE && last->n > 0)
            last->n--;
        b->depth = 0;
        forget_keys(&b->frames[0]);
        b->root = b->frames[0].node;
    }
}

static void parse(struct builder *b) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        out_of_memory(b);
        return;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)b->text + b->skip, b->len - b->skip);
    for (bool end = false; !end && !b->failed;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(&parser, &ev)) {
            syntax_error(b, &parser);
            break;
        }
        end = ev.type == YAML_STREAM_END_EVENT;
        on_event(b, &ev);
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&parser);
}

struct yaml_node *yaml_parse_part(struct arena *a, struct report *rep, uint16_t file, bool *ret_broken) {
    struct builder *b = calloc(1, sizeof *b);
    *ret_broken = true;
    if (!b) {
        report_error(rep, (struct place){.file = file}, NULL, "out of memory while reading this file");
        return NULL;
    }
    b->arena = a;
    b->rep = rep;
    b->file = file;
    b->text = report_file_text(rep, file, &b->len);
    if (b->len >= 3 && memcmp(b->text, "\xEF\xBB\xBF", 3) == 0)
        b->skip = 3;
    if (b->len > YAML_MAX_TEXT) {
        report_error(rep, place_of(b, 0, 0), "split it into several files", "the file is larger than %d MB", YAML_MAX_TEXT >> 20);
        b->failed = true;
    } else if (!check_text(b)) {
        b->failed = true;
    } else if (!index_marks(b)) {
        out_of_memory(b);
    } else {
        parse(b);
    }
    if (b->failed)
        keep_complete(b);
    *ret_broken = b->failed;
    struct yaml_node *root = b->oom ? NULL : b->root;
    for (size_t i = 0; i < b->nanchors; i++)
        free(b->anchors[i].name);
    free(b->anchors);
    free(b->marks);
    free(b);
    return root;
}

struct yaml_node *yaml_parse(struct arena *a, struct report *rep, uint16_t file) {
    bool broken;
    struct yaml_node *root = yaml_parse_part(a, rep, file, &broken);
    return broken ? NULL : root;
}
