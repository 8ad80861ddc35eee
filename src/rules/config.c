/* SPDX-License-Identifier: Apache-2.0
 * gengfu.yaml: reads it by the table of settings, then looks at what hangs together (config_check.c).
 * Everything belongs to one arena behind struct config; filters of platforms are programs of their own. */
#include "rules/config_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "rules/expr_int.h"

struct owned_config {
    struct config config; /* first */
    struct arena arena;
    struct programs programs;
};
#define ALL_ACTIONS ((1u << CONFIG_ACTIONS) - 1)

struct loading {
    struct reader rd;
    struct owned_config *own;
    struct cel_env *env; /* of platforms' filters; made when the first is met */
};

static struct cel_env *filter_env(struct loading *l) {
    if (l->env)
        return l->env;
    struct cel_decl incident = {.name = "incident", .type = CEL_DECL_MAP};
    size_t slot;
    if (cel_env_new(&l->env) < 0 || cel_env_var(l->env, &incident, NULL, &slot) < 0)
        l->rd.oom = true;
    return l->env;
}

/* -- one setting -------------------------------------------------------------------------------------------------------------- */

static size_t word_count(const struct setting *s) {
    size_t n = 0;
    while (n < 4 && s->words[n])
        n++;
    return n;
}

static void set_default(struct loading *l, const struct setting *s, char *base) {
    void *field = base + s->offset;
    const char *text = s->otherwise;
    if (!text)
        return;
    int bad = 0;
    switch (s->type) {
    case SETTING_TEXT: *(const char **)field = text; break;
    case SETTING_INT: *(int *)field = (int)strtol(text, NULL, 10); break;
    case SETTING_DOUBLE: *(double *)field = strtod(text, NULL); break;
    case SETTING_BOOL: *(bool *)field = strcmp(text, "true") == 0; break;
    case SETTING_SPAN: bad = span_parse(text, strlen(text), field, NULL); break;
    case SETTING_SIZE: bad = size_parse(text, strlen(text), field, NULL); break;
    case SETTING_SWITCH: *(bool *)field = strcmp(text, s->words[1]) == 0; break;
    case SETTING_ACTIONS: *(unsigned *)field = strcmp(text, "true") == 0 ? ALL_ACTIONS : 0; break;
    case SETTING_CHOICE:
    case SETTING_EXPR: break;
    }
    if (bad < 0) /* the table itself is wrong: a test reads every default */
        report_error(l->rd.rep, (struct place){0}, NULL, "the default '%s' of '%s' cannot be read", text, s->key);
}

/* true, false, or a list of what may be done. */
static void read_actions(struct reader *rd, const struct yaml_node *n, const char *what, unsigned *ret) {
    bool all;
    if (n->kind != YAML_SEQUENCE) {
        if (node_bool(rd, n, what, &all))
            *ret = all ? ALL_ACTIONS : 0;
        return;
    }
    *ret = 0;
    for (size_t i = 0; i < n->n; i++) {
        int k = node_choice(rd, n->items[i], "an action", config_actions, CONFIG_ACTIONS);
        if (k >= 0)
            *ret |= 1u << k;
    }
}

static void set_value(struct loading *l, const struct setting *s, const struct yaml_node *n, char *base) {
    void *field = base + s->offset;
    struct reader *rd = &l->rd;
    char what[64];
    (void)snprintf(what, sizeof what, "'%s'", s->key);
    int64_t i;
    int k;
    switch (s->type) {
    case SETTING_TEXT:
        if (word_count(s)) {
            k = node_choice(rd, n, what, s->words, word_count(s));
            if (k >= 0)
                *(const char **)field = s->words[k];
        } else {
            const char *text = node_text(rd, n, what);
            if (text)
                *(const char **)field = text;
        }
        break;
    case SETTING_INT:
        if (node_int(rd, n, what, (int64_t)s->min, (int64_t)s->max, &i))
            *(int *)field = (int)i;
        break;
    case SETTING_DOUBLE: (void)node_double(rd, n, what, s->min, s->max, field); break;
    case SETTING_BOOL: (void)node_bool(rd, n, what, field); break;
    case SETTING_SPAN:
        if (node_span(rd, n, what, (int64_t)s->min, &i)) {
            if (i > (int64_t)s->max)
                report_error(rd->rep, n->at, NULL, "%s is longer than %s", what, span_format((int64_t)s->max, (char[TIME_TEXT_MAX]){0}));
            else
                *(int64_t *)field = i;
        }
        break;
    case SETTING_SIZE: (void)node_size(rd, n, what, (int64_t)s->min, (int64_t)s->max, field); break;
    case SETTING_CHOICE:
        k = node_choice(rd, n, what, s->words, word_count(s));
        if (k >= 0)
            *(int *)field = k;
        break;
    case SETTING_SWITCH:
        k = node_choice(rd, n, what, s->words, 2);
        if (k >= 0)
            *(bool *)field = k == 1;
        break;
    case SETTING_ACTIONS: read_actions(rd, n, what, field); break;
    case SETTING_EXPR: {
        struct cel_env *env = filter_env(l);
        struct rules_expr e;
        if (!env || !expr_read(rd, &l->own->programs, env, n, what, CEL_DECL_BOOL, &e))
            break;
        *(struct cel_program **)field = e.program;
        config_check_filter(rd, n, e.program);
        break;
    }
    }
}

/* -- sections ------------------------------------------------------------------------------------------------------------------ */

static bool applies(const struct setting *s, enum setting_section section, int platform) {
    return s->section == section && (platform < 0 || (s->platforms & (1u << platform)));
}

static void defaults(struct loading *l, enum setting_section section, int platform, void *base) {
    for (size_t i = 0; i < config_settings_count; i++)
        if (applies(&config_settings[i], section, platform))
            set_default(l, &config_settings[i], base);
}

/* platform: -1, or the type whose settings are allowed. `more` names keys that others read. */
static void read_section(struct loading *l, enum setting_section section, int platform, const struct yaml_node *n, void *base,
                         const char *of, const char *more) {
    const char *keys[64] = {0};
    size_t nkeys = 0;
    for (size_t i = 0; i < config_settings_count; i++)
        if (applies(&config_settings[i], section, platform))
            keys[nkeys++] = config_settings[i].key;
    if (more)
        keys[nkeys++] = more;
    (void)node_keys(&l->rd, n, keys, nkeys, of);
    for (size_t i = 0; i < config_settings_count; i++) {
        const struct setting *s = &config_settings[i];
        if (!applies(s, section, platform))
            continue;
        const struct yaml_node *v = yaml_get(n, s->key);
        if (v)
            set_value(l, s, v, base);
        else if (s->needed)
            report_error(l->rd.rep, n->at, s->key[0] == 'i' ? "for example: id: gw-1" : NULL, "%s needs '%s'", of, s->key);
    }
}

/* tls: true, false, or a mapping. */
static void read_tls(struct loading *l, enum setting_section section, int platform, const struct yaml_node *n, struct config_tls *tls,
                     const char *of) {
    defaults(l, section, platform, tls);
    if (!n || n->bad)
        return;
    if (yaml_bool(n, &tls->on))
        return;
    if (!node_mapping(&l->rd, n, of, "tls: true, or tls: {ca: /etc/gengfu/ca.pem}"))
        return;
    tls->on = true;
    read_section(l, section, platform, n, tls, of, NULL);
    const struct yaml_node *cert = yaml_get(n, "cert"), *key = yaml_get(n, "key"), *verify = yaml_get(n, "verify");
    if (!cert != !key)
        report_error(l->rd.rep, (cert ? cert : key)->at, NULL, "'cert' and 'key' belong together: '%s' is missing", cert ? "key" : "cert");
    if (!tls->verify && verify)
        report_warning(l->rd.rep, verify->at, "give the authority in 'ca' and leave verify out",
                       "without verification anybody on the way can pose as the other side");
}

static void read_platform(struct loading *l, const struct yaml_node *n) {
    static const char *const types[] = {"mqtt", "https", "file"};
    struct config *c = &l->own->config;
    struct reader *rd = &l->rd;
    if (!node_mapping(rd, n, "a platform", "- {platform: city, type: https, url: …}"))
        return;
    if (c->nplatforms == CONFIG_MAX_PLATFORMS) {
        report_error(rd->rep, n->at, NULL, "more than %d platforms", CONFIG_MAX_PLATFORMS);
        return;
    }
    struct config_platform *p = &c->platforms[c->nplatforms];
    const struct yaml_node *type = yaml_get(n, "type"), *name = yaml_get(n, "platform");
    if (!type) {
        report_error(rd->rep, n->at, "type: mqtt, https or file", "a platform needs 'type'");
        return;
    }
    int t = node_choice(rd, type, "'type'", types, COUNT(types));
    if (t < 0)
        return;
    if (name && !node_name(rd, name, "the platform", &p->name))
        return;
    for (size_t i = 0; name && i < c->nplatforms; i++)
        if (strcmp(c->platforms[i].name, p->name) == 0) {
            report_error(rd->rep, name->at, "every platform needs a name of its own", "a second platform '%s'", p->name);
            return;
        }
    char of[40];
    (void)snprintf(of, sizeof of, "a platform of type '%s'", types[t]);
    defaults(l, SECTION_PLATFORM, t, p);
    read_section(l, SECTION_PLATFORM, t, n, p, of, t == PLATFORM_FILE ? NULL : "tls");
    if (t != PLATFORM_FILE)
        read_tls(l, SECTION_PLATFORM_TLS, t, yaml_get(n, "tls"), t == PLATFORM_MQTT ? &p->mqtt.tls : &p->tls, "'tls'");
    config_check_platform(rd, p, n);
    if (p->public_only)
        p->actions = 0;
    p->commands = p->actions != 0;
    if (p->name)
        c->nplatforms++;
}

static void read_platforms(struct loading *l, const struct yaml_node *n) {
    if (yaml_is_null(n) || !node_list(&l->rd, n, "'platforms'", "- {platform: city, type: https, url: …}"))
        return;
    for (size_t i = 0; i < n->n; i++)
        read_platform(l, n->items[i]);
    config_check_neighbours(&l->rd, &l->own->config, n);
}

static void read_gateway(struct loading *l, const struct yaml_node *n) {
    struct config *c = &l->own->config;
    struct reader *rd = &l->rd;
    const struct yaml_node *id = yaml_get(n, "id"), *lat = yaml_get(n, "lat"), *lon = yaml_get(n, "lon"), *zone = yaml_get(n, "zone");
    const char *name;
    if (id && c->id && !node_name(rd, id, "the gateway's id", &name))
        c->id = "gengfu";
    if (!lat != !lon)
        report_error(rd->rep, (lat ? lat : lon)->at, NULL, "'lat' and 'lon' belong together: '%s' is missing", lat ? "lon" : "lat");
    c->has_place = lat && lon;
    if (zone && c->zone_name && zone_open(c->zone_name, NULL, &c->zone) < 0)
        report_error(rd->rep, zone->at, "an IANA name such as Asia/Shanghai (package tzdata), or an offset such as +08:00",
                     "the time zone '%.60s' is not known", c->zone_name);
}

static void read_root(struct loading *l, const struct yaml_node *root) {
    static const struct {
        const char *key;
        enum setting_section section;
    } sections[] = {{"gateway", SECTION_GATEWAY},
                    {"broker", SECTION_BROKER},
                    {"store", SECTION_STORE},
                    {"control", SECTION_CONTROL},
                    {"limits", SECTION_LIMITS}};
    static const char *const keys[] = {"gateway", "broker", "store", "control", "limits", "platforms"};
    struct config *c = &l->own->config;
    if (!node_mapping(&l->rd, root, "the configuration", "gateway:\n  id: gw-1"))
        return;
    (void)node_keys(&l->rd, root, keys, COUNT(keys), "the configuration");
    for (size_t i = 0; i < COUNT(sections); i++) {
        const struct yaml_node *n = yaml_get(root, sections[i].key);
        char of[32];
        (void)snprintf(of, sizeof of, "'%s'", sections[i].key);
        if ((!n || yaml_is_null(n)) && sections[i].section == SECTION_GATEWAY)
            report_error(l->rd.rep, root->at, "gateway: {id: gw-1}", "the configuration needs 'gateway'");
        if (!n || yaml_is_null(n) || !node_mapping(&l->rd, n, of, "write its settings below it, indented"))
            continue;
        read_section(l, sections[i].section, -1, n, c, of, sections[i].section == SECTION_BROKER ? "tls" : NULL);
        if (sections[i].section == SECTION_GATEWAY)
            read_gateway(l, n);
        if (sections[i].section == SECTION_BROKER)
            read_tls(l, SECTION_BROKER_TLS, -1, yaml_get(n, "tls"), &c->broker.tls, "'tls'");
    }
    config_check_broker(&l->rd, c, yaml_get(root, "broker"));
    config_check_control(&l->rd, c, yaml_get(root, "control"));
    const struct yaml_node *platforms = yaml_get(root, "platforms");
    if (platforms)
        read_platforms(l, platforms);
}

static void fill_in(struct loading *l) {
    struct config *c = &l->own->config;
    if (!c->id)
        c->id = "gengfu";
    if (!c->name)
        c->name = c->id;
    char *client = arena_printf(l->rd.arena, "gengfu-%s", c->id);
    struct err err = {0};
    if (!client || (!c->zone && zone_open("UTC", &err, &c->zone) < 0))
        l->rd.oom = true;
    if (!c->broker.client_id)
        c->broker.client_id = client;
    if (!c->broker.port)
        c->broker.port = c->broker.tls.on ? 8883 : 1883;
    for (size_t i = 0; i < c->nplatforms; i++) {
        struct config_platform *p = &c->platforms[i];
        if (p->type == PLATFORM_HTTPS)
            p->tls.on = p->url && strncmp(p->url, "https:", 6) == 0;
        if (p->type != PLATFORM_MQTT)
            continue;
        if (!p->mqtt.client_id && !(p->mqtt.client_id = arena_printf(l->rd.arena, "gengfu-%s-%s", c->id, p->name)))
            l->rd.oom = true;
        if (!p->mqtt.port)
            p->mqtt.port = p->mqtt.tls.on ? 8883 : 1883;
    }
}

int config_load(struct report *rep, const char *name, const char *text, size_t len, struct config **ret) {
    struct owned_config *own = calloc(1, sizeof *own);
    if (!own)
        return GF_ENOMEM;
    arena_init(&own->arena, 4096, 64 << 20);
    struct loading l = {.rd = {.rep = rep, .arena = &own->arena}, .own = own};
    static const enum setting_section plain[] = {SECTION_GATEWAY, SECTION_BROKER, SECTION_STORE, SECTION_CONTROL, SECTION_LIMITS};
    for (size_t i = 0; i < COUNT(plain); i++)
        defaults(&l, plain[i], -1, &own->config);
    defaults(&l, SECTION_BROKER_TLS, -1, &own->config.broker.tls);
    struct arena tree;
    arena_init(&tree, 16 << 10, 256 << 20);
    int file = text ? report_file(rep, name, text, len) : 0;
    if (text && file >= 0) {
        struct yaml_node *root = yaml_parse(&tree, rep, (uint16_t)file);
        if (root)
            read_root(&l, root);
        else if (report_errors(rep) == 0)
            report_error(rep, (struct place){.file = (uint16_t)file}, "gateway: {id: gw-1}", "the configuration needs 'gateway'");
    }
    if (file >= 0)
        fill_in(&l);
    arena_done(&tree);
    cel_env_free(l.env);
    if (file < 0 || l.rd.oom) {
        config_free(&own->config);
        return file < 0 ? file : GF_ENOMEM;
    }
    *ret = &own->config;
    return 0;
}

void config_free(struct config *c) {
    if (!c)
        return;
    struct owned_config *own = (struct owned_config *)(void *)c;
    programs_done(&own->programs);
    zone_free(c->zone);
    arena_done(&own->arena);
    free(own);
}
