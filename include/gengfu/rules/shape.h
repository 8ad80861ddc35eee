/* SPDX-License-Identifier: Apache-2.0
 * What the YAML files may hold: a table for each kind of mapping, with every key, what it takes and what it is for. Readers ask the tables for the keys, words and limits
 * that they accept, and JSON Schemas for editors are written from the same rows, so neither can know what the other does not. */
#ifndef GENGFU_RULES_SHAPE_H
#define GENGFU_RULES_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "gengfu/base/buf.h"

enum shape_type {
    SHAPE_ANY,
    SHAPE_TEXT, /* a scalar as it is written, not empty; with words: these are known, others may be right */
    SHAPE_NAME, /* of a rule, a source, a kind …: no blanks, at most 64 characters */
    SHAPE_WORD, /* letters, digits and '_': a name that expressions use */
    SHAPE_BOOL,
    SHAPE_INT,    /* min to max */
    SHAPE_NUMBER, /* min to max */
    SHAPE_SPAN,   /* min to max ms; max 0: the longest span */
    SHAPE_SIZE,   /* min to max bytes */
    SHAPE_CHOICE, /* one of words */
    SHAPE_EXPR,
    SHAPE_TEMPLATE, /* text with ${…} */
    SHAPE_NAMED,    /* one of words, or a range of them ('monday:friday'), in any case; with max also numbers up to it */
    SHAPE_RANGE,    /* a whole number from min to max, or a range of them ('1:5') */
    SHAPE_NULL,     /* nothing */
    SHAPE_MAPPING   /* of */
};
enum {
    SHAPE_NEEDED = 1,     /* the key must be given */
    SHAPE_LIST = 2,       /* a list of it, with least to most items */
    SHAPE_OR_LIST = 4,    /* one of it, or a list */
    SHAPE_OR_NOTHING = 8, /* the key may stand without a value */
    SHAPE_EMPTY = 16,     /* the text may be empty */
    SHAPE_OR_TEXT = 32    /* in place of each mapping text may stand */
};
#define SHAPE_MAX_WORDS 16
#define COUNT(array) (sizeof(array) / sizeof *(array)) /* of rows in a table */

struct shape;
struct shape_key {
    const char *name;
    enum shape_type type;
    const char *about; /* for people: what an editor shows */
    unsigned flags;
    double min, max;
    size_t least, most;            /* items; most 0: no limit */
    const char *const *words;      /* ends with NULL */
    const char *(*word)(size_t i); /* or one by one; NULL or "" behind the last */
    const struct shape *of;        /* SHAPE_MAPPING */
    const char *pattern;           /* what the text looks like (ECMA 262) */
    const char *otherwise;         /* the default, as it would be written */
    const struct shape_key *also;  /* or like this; its name and flags but those of lists are not looked at */
};
/* A row: name, type, sentence, and what else there is by name. */
#define SHAPE_ROW(key, kind, sentence, ...) \
    { .name = (key), .type = (kind), .about = (sentence), __VA_ARGS__ }

/* Keys that do not go with others. */
enum shape_relation_kind {
    RELATION_ONE_AT_MOST,  /* of keys */
    RELATION_ONE_AT_LEAST, /* of keys */
    RELATION_NEEDS,        /* keys[0] needs one of others */
    RELATION_NOT_WITH,     /* keys[0] does not go with any of others */
    RELATION_WORD_NOT_WITH /* the same where keys[0] is the word keys[1] */
};
#define RELATION_MAX 8
struct shape_relation {
    enum shape_relation_kind kind;
    const char *keys[RELATION_MAX], *others[RELATION_MAX]; /* end with NULL */
    const char *sentence; /* what is wrong; "{}" stands for the key that is one too many, "{other}" for the one it clashes with */
    const char *hint;
    unsigned
        group; /* of relations of a group only the first is told that does not hold, and after one of RELATION_MAIN none of any group; 0: no group */
};
enum { RELATION_MAIN = 1 };

struct shape {
    const char *id; /* its name among the definitions of a schema */
    const char *of; /* in "… has no key 'x'": "a rule" */
    const char *about;
    const struct shape_key *keys;
    size_t n, stride;               /* stride 0: keys lie one behind the other */
    const struct shape *more;       /* its keys too */
    const struct shape *changes;    /* any key of that one too, but none of them is needed: a change to it */
    const struct shape_key *others; /* what a key with any other name holds; NULL: there are no others */
    enum shape_type other_names;    /* SHAPE_NAME, SHAPE_WORD; SHAPE_ANY: whatever they are called */
    const struct shape_relation *relations;
    size_t nrelations;
    /* The word under this key says which shape the whole mapping has; each has the word as its id behind '_'. */
    const char *by;
    const struct shape *const *variants;
    size_t nvariants;
};

/* Row i, those of `more` behind the own ones; NULL behind the last. */
const struct shape_key *shape_at(const struct shape *s, size_t i);
const struct shape_key *shape_key(const struct shape *s, const char *name); /* NULL: there is none */
#define SHAPE_MAX_KEYS 64
size_t shape_names(const struct shape *s, const char *ret[SHAPE_MAX_KEYS]); /* of all keys */
size_t shape_words(const struct shape_key *k, const char *ret[SHAPE_MAX_WORDS]);

/* JSON Schemas (draft 2020-12), indented. */
void schema_write(struct buf *b, const char *title, const char *about, const struct shape *root);
void rules_schema(struct buf *b);  /* rules.d/ *.yaml */
void config_schema(struct buf *b); /* gengfu.yaml */

#endif
