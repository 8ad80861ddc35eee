/* SPDX-License-Identifier: Apache-2.0
 * A rule's two hashes, each of a canonical text (keys sorted, comments and layout gone) with the lists, macros and time intervals behind it that its expressions name, theirs
 * too, and the gateway's zone and place where an interval goes by them.
 *
 *   its meaning  the keys that say what it remembers, and when it fires and ends. State belongs to the rule's name and this hash.
 *   its text     all but `about`: which wording an incident was made by. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/crypt.h"
#include "gengfu/base/json.h"
#include "rules/load_int.h"

struct hashing {
    struct loader *ld;
    struct buf text;
    struct nodes used; /* definitions that were met, in order */
    bool zone, place;  /* an interval goes by the gateway's */
    bool constant;     /* within a list: quotes count */
};

static int by_key(const void *a, const void *b) {
    return strcmp((*(const struct yaml_pair *const *)a)->key->text, (*(const struct yaml_pair *const *)b)->key->text);
}

static void use(struct hashing *h, const struct yaml_node *n) {
    for (size_t i = 0; i < h->used.n; i++)
        if (h->used.items[i] == n)
            return;
    nodes_add(h->ld, &h->used, n);
}

/* Whether a part of an interval goes by the sun. */
static bool by_sun(const struct yaml_node *n) {
    bool found = n->kind == YAML_SCALAR && (strncmp(n->text, "sunrise", 7) == 0 || strncmp(n->text, "sunset", 6) == 0);
    for (size_t i = 0; n->kind != YAML_SCALAR && i < n->n && !found; i++)
        found = by_sun(n->kind == YAML_SEQUENCE ? n->items[i] : n->pairs[i].value);
    return found;
}

static void use_interval(struct hashing *h, const struct yaml_node *n) {
    use(h, n);
    h->place = h->place || by_sun(n);
    for (size_t i = 0; i < (n->kind == YAML_SEQUENCE ? n->n : 1); i++)
        h->zone = h->zone || !yaml_get(n->kind == YAML_SEQUENCE ? n->items[i] : n, "location");
}

static void put_gateway(struct hashing *h) {
    const struct config *c = h->ld->rs->config;
    if (h->zone) {
        buf_puts(&h->text, "\nzone ");
        json_write_string(&h->text, c->zone_name, strlen(c->zone_name));
    }
    if (h->place) {
        buf_puts(&h->text, "\nplace ");
        buf_put_double(&h->text, c->lat);
        buf_putc(&h->text, ' ');
        buf_put_double(&h->text, c->lon);
    }
}

/* Every identifier of a scalar that is the name of a list, macro or interval. A word in a text that happens to be one does no harm. */
static void find_names(struct hashing *h, const struct yaml_node *n) {
    const char *s = n->text;
    for (size_t i = 0; i < n->len;) {
        size_t len = 0;
        while (i + len < n->len && (is_identifier(s + i + len, 1) || (len && s[i + len] >= '0' && s[i + len] <= '9')))
            len++;
        if (len == 0) {
            i++;
            continue;
        }
        const struct definition *d = definition_find(&h->ld->lists, s + i, len);
        if (!d)
            d = definition_find(&h->ld->macros, s + i, len);
        if (d)
            use(h, d->value);
        i += len;
    }
    const struct definition *iv = definition_find(&h->ld->intervals, s, n->len);
    if (iv)
        use_interval(h, iv->value);
}

/* Which keys of a mapping count, by one of their names. */
typedef bool (*counts_fn)(const char *key);

static void put_node(struct hashing *h, const struct yaml_node *n, counts_fn counts);

static bool is_members(const char *key) { return strcmp(key, "members") == 0; }

/* What is remembered of events, when that becomes an incident, which incidents there are, and when they end. */
static bool is_meaning(const char *key) {
    static const char *const keys[] = {"on",
                                       "of",
                                       "by",
                                       "during",
                                       "when",
                                       "exceptions",
                                       "for",
                                       "within",
                                       "having",
                                       "absent",
                                       "grace",
                                       "sequence",
                                       "clear",
                                       "latch",
                                       "resolve_after",
                                       "keep_firing_for",
                                       "incident" /* members */,
                                       "together",
                                       "chattering"};
    for (size_t i = 0; i < COUNT(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static bool is_text(const char *key) { return strcmp(key, "about") != 0; }

/* In a list '1' is a text and 1 a number: what only its quotes make a text is marked. */
static void put_scalar(struct hashing *h, const struct yaml_node *n) {
    struct yaml_node bare = *n;
    double d;
    bool b;

    bare.plain = true;
    if (h->constant && !n->plain && (yaml_is_null(&bare) || yaml_bool(&bare, &b) || yaml_double(&bare, &d)))
        buf_putc(&h->text, '\'');
    json_write_string(&h->text, n->text, n->len);
}

static void put_mapping(struct hashing *h, const struct yaml_node *n, counts_fn counts) {
    const struct yaml_pair **sorted = arena_alloc(&h->ld->tree, (n->n ? n->n : 1) * sizeof *sorted);
    if (!sorted) {
        reader_oom(&h->ld->rd);
        return;
    }
    for (size_t i = 0; i < n->n; i++)
        sorted[i] = &n->pairs[i];
    qsort(sorted, n->n, sizeof *sorted, by_key);
    buf_putc(&h->text, '{');
    for (size_t i = 0; i < n->n; i++) {
        const char *key = sorted[i]->key->text;
        if (counts && !counts(key))
            continue;
        put_scalar(h, sorted[i]->key);
        buf_putc(&h->text, ':');
        put_node(h, sorted[i]->value, counts == is_meaning && strcmp(key, "incident") == 0 ? is_members : NULL);
        buf_putc(&h->text, ',');
    }
    buf_putc(&h->text, '}');
}

static void put_node(struct hashing *h, const struct yaml_node *n, counts_fn counts) {
    if (n->kind == YAML_MAPPING) {
        put_mapping(h, n, counts);
    } else if (n->kind == YAML_SCALAR) {
        put_scalar(h, n);
        find_names(h, n);
    } else {
        buf_putc(&h->text, '[');
        for (size_t i = 0; i < n->n; i++) {
            put_node(h, n->items[i], NULL);
            buf_putc(&h->text, ',');
        }
        buf_putc(&h->text, ']');
    }
}

static bool is_list(const struct loader *ld, const struct yaml_node *n) {
    for (size_t i = 0; i < ld->lists.n; i++)
        if (ld->lists.items[i].value == n)
            return true;
    return false;
}

static uint64_t hash_of(struct loader *ld, const struct yaml_node *n, counts_fn counts) {
    struct hashing h = {.ld = ld};
    struct arena_mark mark = arena_mark(&ld->tree);
    buf_init(&h.text, 16 << 20);
    put_node(&h, n, counts);
    for (size_t i = 0; i < h.used.n; i++) { /* grows while definitions name others */
        buf_putc(&h.text, '\n');
        h.constant = is_list(ld, h.used.items[i]);
        put_node(&h, h.used.items[i], NULL);
    }
    put_gateway(&h);
    uint8_t digest[32];
    uint64_t v = 0;
    if (h.text.failed || sha256(h.text.data, h.text.len, digest) < 0)
        reader_oom(&ld->rd);
    else
        for (int i = 0; i < 8; i++)
            v = v << 8 | digest[i];
    buf_done(&h.text);
    arena_rewind(&ld->tree, mark);
    return v;
}

uint64_t rule_hash(struct loader *ld, const struct yaml_node *rule) { return hash_of(ld, rule, is_meaning); }
uint64_t rule_text_hash(struct loader *ld, const struct yaml_node *rule) { return hash_of(ld, rule, is_text); }
uint64_t source_hash(struct loader *ld, const struct yaml_node *source) { return hash_of(ld, source, is_text); }
