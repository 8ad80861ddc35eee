/* SPDX-License-Identifier: Apache-2.0
 * gengfu.yaml as JSON Schema: the table of settings, put into the form of the other tables. */
#include <string.h>

#include "gengfu/rules/shape.h"
#include "rules/config_int.h"

#define KINDS (PLATFORM_FILE + 1)
#define MAX_SETTINGS 48

struct section {
    struct shape shape;
    struct shape_key keys[MAX_SETTINGS];
};
struct tables {
    struct section sections[SECTIONS], platforms[KINDS], tls[KINDS];
    struct shape_key tls_mapping[KINDS + 1]; /* tls: {…} beside tls: true */
    const char *type[KINDS][2];
    const struct shape *variants[KINDS];
    struct shape platform, root;
    struct shape_key root_keys[SECTIONS];
};

static enum shape_type type_of(const struct setting *s) {
    switch (s->type) {
    case SETTING_TEXT: return s->words[0] ? SHAPE_CHOICE : SHAPE_TEXT;
    case SETTING_INT: return SHAPE_INT;
    case SETTING_DOUBLE: return SHAPE_NUMBER;
    case SETTING_BOOL: return SHAPE_BOOL;
    case SETTING_SPAN: return SHAPE_SPAN;
    case SETTING_SIZE: return SHAPE_SIZE;
    case SETTING_CHOICE:
    case SETTING_SWITCH: return SHAPE_CHOICE;
    case SETTING_ACTIONS: return SHAPE_BOOL;
    case SETTING_EXPR: return SHAPE_EXPR;
    }
    return SHAPE_ANY;
}

static const struct shape_key action_list = {.type = SHAPE_CHOICE, .flags = SHAPE_LIST, .most = CONFIG_ACTIONS, .words = config_actions};

static void add(struct section *to, struct shape_key k) {
    if (to->shape.n < MAX_SETTINGS)
        to->keys[to->shape.n++] = k;
}

/* platform: -1, or the type whose settings are wanted. */
static void fill(struct section *to, enum setting_section section, int platform, const char *id) {
    to->shape = (struct shape){.id = id, .of = config_section_names[section], .about = config_section_about[section], .keys = to->keys};
    for (size_t i = 0; i < config_settings_count; i++) {
        const struct setting *s = &config_settings[i];
        if (s->section != section || (platform >= 0 && !(s->platforms & (1u << platform))))
            continue;
        bool name =
            (section == SECTION_GATEWAY && strcmp(s->key, "id") == 0) || (section == SECTION_PLATFORM && strcmp(s->key, "platform") == 0);
        add(to, (struct shape_key){.name = s->key,
                                   .type = name ? SHAPE_NAME : type_of(s),
                                   .about = s->about,
                                   .flags = s->needed ? SHAPE_NEEDED : 0,
                                   .min = s->min,
                                   .max = s->max,
                                   .words = s->words[0] ? s->words : NULL,
                                   .also = s->type == SETTING_ACTIONS ? &action_list : NULL,
                                   .otherwise = s->otherwise});
    }
}

static void add_tls(struct section *to, struct shape_key *mapping, const struct section *tls) {
    *mapping = (struct shape_key){.type = SHAPE_MAPPING, .of = &tls->shape};
    add(to, (struct shape_key){.name = "tls", .type = SHAPE_BOOL, .about = tls->shape.about, .also = mapping});
}

static void fill_platforms(struct tables *t) {
    static const char *const ids[] = {"platform_mqtt", "platform_https", "platform_file"};
    static const char *const tls_ids[] = {"tls_mqtt", "tls_https", "tls_file"};
    for (size_t i = 0; i < KINDS; i++) {
        struct section *p = &t->platforms[i];
        fill(p, SECTION_PLATFORM, (int)i, ids[i]);
        fill(&t->tls[i], SECTION_PLATFORM_TLS, (int)i, tls_ids[i]);
        if (t->tls[i].shape.n)
            add_tls(p, &t->tls_mapping[i], &t->tls[i]);
        t->variants[i] = &p->shape;
    }
    t->platform = (struct shape){
        .id = "platform", .about = "A platform that incidents are sent to.", .by = "type", .variants = t->variants, .nvariants = KINDS};
}

static void build(struct tables *t) {
    fill_platforms(t);
    for (size_t i = 0; i < SECTIONS; i++) {
        const char *name = config_section_names[i];
        if (i == SECTION_PLATFORM) {
            t->root_keys[t->root.n++] = (struct shape_key){.name = "platforms",
                                                           .type = SHAPE_MAPPING,
                                                           .about = config_section_about[i],
                                                           .flags = SHAPE_LIST | SHAPE_OR_NOTHING,
                                                           .most = CONFIG_MAX_PLATFORMS,
                                                           .of = &t->platform};
        } else if (!strpbrk(name, ".[")) {
            fill(&t->sections[i], (enum setting_section)i, -1, name);
            t->root_keys[t->root.n++] = (struct shape_key){.name = name,
                                                           .type = SHAPE_MAPPING,
                                                           .about = config_section_about[i],
                                                           .flags = i == SECTION_GATEWAY ? SHAPE_NEEDED : SHAPE_OR_NOTHING,
                                                           .of = &t->sections[i].shape};
        }
    }
    fill(&t->sections[SECTION_BROKER_TLS], SECTION_BROKER_TLS, -1, "tls");
    add_tls(&t->sections[SECTION_BROKER], &t->tls_mapping[KINDS], &t->sections[SECTION_BROKER_TLS]);
    t->root.keys = t->root_keys;
}

void config_schema(struct buf *b) {
    struct tables t = {0};
    build(&t);
    schema_write(b, "gengfu.yaml", "The configuration", &t.root);
}
