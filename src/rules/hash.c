/* SPDX-License-Identifier: Apache-2.0
 * The hash of a rule's meaning: its canonical text (keys sorted, comments and layout gone, `about` left out), and behind it the lists, macros and time intervals that its
 * expressions name, theirs too, and the gateway's zone and place where an interval goes by them. State belongs to a rule's name and this hash. */
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

typedef bool (*skip_key)(const char *key);

static void put_node(struct hashing *h, const struct yaml_node *n, skip_key skip) {
    if (n->kind == YAML_SCALAR) {
        json_write_string(&h->text, n->text, n->len);
        find_names(h, n);
    } else if (n->kind == YAML_SEQUENCE) {
        buf_putc(&h->text, '[');
        for (size_t i = 0; i < n->n; i++) {
            put_node(h, n->items[i], NULL);
            buf_putc(&h->text, ',');
        }
        buf_putc(&h->text, ']');
    } else {
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
            if (skip && skip(sorted[i]->key->text))
                continue;
            json_write_string(&h->text, sorted[i]->key->text, sorted[i]->key->len);
            buf_putc(&h->text, ':');
            put_node(h, sorted[i]->value, NULL);
            buf_putc(&h->text, ',');
        }
        buf_putc(&h->text, '}');
    }
}

static uint64_t hash_of(struct loader *ld, const struct yaml_node *rule, skip_key skip) {
    struct hashing h = {.ld = ld};
    struct arena_mark mark = arena_mark(&ld->tree);
    buf_init(&h.text, 16 << 20);
    put_node(&h, rule, skip);
    for (size_t i = 0; i < h.used.n; i++) { /* grows while definitions name others */
        buf_putc(&h.text, '\n');
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

static bool skip_about(const char *key) { return strcmp(key, "about") == 0; }

static bool skip_words(const char *key) {
    static const char *const keys[] = {"rule",     "about", "version",         "incident", "evidence", "forward",
                                       "escalate", "hold",  "repeat_interval", "mode",     "max_keys"};
    for (size_t i = 0; i < COUNT(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

uint64_t rule_hash(struct loader *ld, const struct yaml_node *rule) { return hash_of(ld, rule, skip_about); }
uint64_t rule_shape_hash(struct loader *ld, const struct yaml_node *rule) { return hash_of(ld, rule, skip_words); }
