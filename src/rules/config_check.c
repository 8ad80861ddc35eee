/* SPDX-License-Identifier: Apache-2.0
 * What of the configuration hangs together, and the settings' page of the manual. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "gengfu/rules/node.h"
#include "rules/config_int.h"
#include "rules/expr_int.h"

static bool loopback(const char *host, size_t len) {
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "[::1]"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strlen(names[i]) == len && memcmp(names[i], host, len) == 0)
            return true;
    return len > 4 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len;
}

/* mqtt://broker.example, broker.example:8883 */
static void check_host(struct reader *rd, const struct config_mqtt *m, const struct yaml_node *n) {
    const struct yaml_node *host = yaml_get(n, "host");
    if (!host || !m->host)
        return;
    const char *colon = strchr(m->host, ':');
    if (*m->host == '\0' || strpbrk(m->host, "/ \t@") || (colon && !strchr(colon + 1, ':')))
        report_error(rd->rep, host->at, "host: broker.example; 'port' and 'tls' are settings of their own",
                     "'host' must be a name or an address alone, not '%.100s'", m->host);
}

/* A password that everybody on the wire can read. */
static void check_password(struct reader *rd, const struct config_mqtt *m, const struct yaml_node *n) {
    const struct yaml_node *password = yaml_get(n, "password_file");
    if (password && m->host && !m->tls.on && !loopback(m->host, strlen(m->host)))
        report_warning(rd->rep, password->at, "add tls: true", "without TLS the password goes over the network as it is");
    if (password && !m->user)
        report_error(rd->rep, password->at, "add user: …", "a password without a user");
}

void config_check_broker(struct reader *rd, const struct config *c, const struct yaml_node *n) {
    if (!n || n->kind != YAML_MAPPING)
        return;
    check_host(rd, &c->broker, n);
    check_password(rd, &c->broker, n);
    const struct yaml_node *expiry = yaml_get(n, "session_expiry");
    if (expiry && c->broker.session_expiry == 0)
        report_warning(rd->rep, expiry->at, "leave it out (14d)",
                       "with a session that expires at once, messages that come while we are away are lost");
}

void config_check_control(struct reader *rd, const struct config *c, const struct yaml_node *n) {
    const struct yaml_node *path = n && n->kind == YAML_MAPPING ? yaml_get(n, "socket") : NULL;
    if (path && c->socket && strlen(c->socket) > CONFIG_MAX_SOCKET)
        report_error(rd->rep, path->at, "a shorter one, such as /run/gengfu/gengfu.sock",
                     "the path of a socket has at most %d bytes, this one %zu", CONFIG_MAX_SOCKET, strlen(c->socket));
}

/* -- platforms ----------------------------------------------------------------------------------------------------------------- */

const char *const config_incident_members[] = {"id",           "number",       "revision", "change",    "gateway",   "rule",
                                               "rule_version", "rule_hash",    "by",       "condition", "handling",  "disposition",
                                               "ticket",       "rating",       "severity", "urgency",   "certainty", "category",
                                               "title",        "text",         "device",   "devices",   "place",     "times",
                                               "time_quality", "due",          "count",    "values",    "evidence",  "members",
                                               "parent",       "inhibited_by", "level",    "history",   "told",      "chattering",
                                               "late",         "published",    "replayed", "test",      NULL};

/* A member that no incident has makes the filter unknown, and the platform would never hear of anything. */
void config_check_filter(struct reader *rd, const struct yaml_node *n, const struct cel_program *when) {
    const struct cel_read *reads;
    size_t nreads = cel_program_reads(when, &reads);
    for (size_t i = 0; i < nreads; i++) {
        const char *name = reads[i].field ? atom_name(reads[i].field) : NULL;
        size_t k = 0;
        while (name && config_incident_members[k] && strcmp(config_incident_members[k], name) != 0)
            k++;
        if (name && !config_incident_members[k])
            report_unknown_warning(rd->rep, expr_field_place(n, 0, &reads[i]), name, config_incident_members, k,
                                   "an incident has no member '%s': this platform would hear of nothing", name);
    }
}

static void check_level(struct reader *rd, const struct config_platform *p, const struct yaml_node *n) {
    static const char *const levels[] = {"village", "town", "district"};
    const struct yaml_node *level = yaml_get(n, "level");
    if (!level || !p->level)
        return;
    for (size_t i = 0; i < COUNT(levels); i++)
        if (strcmp(levels[i], p->level) == 0)
            return;
    const char *near = text_nearest(p->level, levels, COUNT(levels));
    char hint[64];
    (void)snprintf(hint, sizeof hint, "did you mean '%s'?", near ? near : "");
    if (near)
        report_warning(rd->rep, level->at, hint, "'%.60s' is none of the levels: this platform would hear of every incident", p->level);
}

static void check_url(struct reader *rd, const struct config_platform *p, const struct yaml_node *n) {
    const char *rest = strncmp(p->url, "https://", 8) == 0 ? p->url + 8 : strncmp(p->url, "http://", 7) == 0 ? p->url + 7 : NULL;
    const char *host = rest ? rest : "";
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    if (!rest || len == 0 || strpbrk(p->url, " \t\"<>\\")) {
        report_error(rd->rep, n->at, "https://host/path", "'%.100s' is no URL", p->url);
        return;
    }
    if (memchr(rest, '@', strcspn(rest, "/")))
        report_error(rd->rep, n->at, "use token_file, secret_file or a client certificate", "a password cannot stand in the URL");
    else if (strncmp(p->url, "http://", 7) == 0 && !loopback(host, len))
        report_error(rd->rep, n->at, "use https://; http:// is for this machine only", "incidents cannot go over the network without TLS");
}

static bool topic_part(const char *s) { return *s && *s != '/' && !strpbrk(s, "+#") && s[strlen(s) - 1] != '/' && *s != '$'; }

void config_check_platform(struct reader *rd, const struct config_platform *p, const struct yaml_node *n) {
    const struct yaml_node *v;
    check_level(rd, p, n);
    if ((v = yaml_get(n, "retry_max")) && p->retry_max < p->retry_min)
        report_error(rd->rep, v->at, NULL, "'retry_max' is shorter than 'retry_min'");
    if (p->public_only && p->type != PLATFORM_FILE && (v = yaml_get(n, "commands")) && p->actions)
        report_error(rd->rep, v->at, "leave 'commands' out", "a platform with 'detail: public' shows incidents, it cannot command them");
    if (p->type == PLATFORM_MQTT) {
        check_host(rd, &p->mqtt, n);
        check_password(rd, &p->mqtt, n);
        if ((v = yaml_get(n, "prefix")) && p->prefix && !topic_part(p->prefix))
            report_error(rd->rep, v->at, "for example gengfu or city/gengfu", "'%.60s' cannot begin a topic", p->prefix);
    }
    if (p->type == PLATFORM_HTTPS && (v = yaml_get(n, "url")) && p->url)
        check_url(rd, p, v);
    if (p->type == PLATFORM_HTTPS && !p->secret_file && !p->token_file && !p->tls.cert && p->url && !yaml_get(n, "secret_file") &&
        !yaml_get(n, "token_file"))
        report_warning(rd->rep, n->at, "add secret_file, token_file, or tls: {cert: …, key: …}",
                       "the platform '%s' cannot tell that messages come from us", p->name ? p->name : "");
}

static bool same_broker(const struct config_mqtt *a, const struct config_mqtt *b) {
    int port_a = a->port ? a->port : a->tls.on ? 8883 : 1883, port_b = b->port ? b->port : b->tls.on ? 8883 : 1883;
    return a->host && b->host && port_a == port_b && strcmp(a->host, b->host) == 0;
}

/* "gengfu" and "gengfu/gw-1/x" would share gengfu/gw-1/…. */
static bool within(const char *inner, const char *outer, const char *gateway) {
    size_t n = strlen(outer), g = strlen(gateway);
    return strncmp(inner, outer, n) == 0 &&
           (inner[n] == '\0' || (inner[n] == '/' && strncmp(inner + n + 1, gateway, g) == 0 && inner[n + 1 + g] == '/'));
}

static const struct yaml_node *entry_of(const struct yaml_node *list, const char *name) {
    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *n = yaml_get(list->items[i], "platform");
        if (n && n->text && strcmp(n->text, name) == 0)
            return list->items[i];
    }
    return list;
}

/* Two that meet at one broker must not hear each other's incidents, nor command them, nor throw each other out. */
void config_check_neighbours(struct reader *rd, const struct config *c, const struct yaml_node *list) {
    const char *gateway = c->id ? c->id : "gengfu";
    for (size_t i = 0; i < c->nplatforms; i++) {
        const struct config_platform *p = &c->platforms[i];
        if (p->type != PLATFORM_MQTT)
            continue;
        struct place at = entry_of(list, p->name)->at;
        if (p->mqtt.client_id && c->broker.client_id && same_broker(&p->mqtt, &c->broker) &&
            strcmp(p->mqtt.client_id, c->broker.client_id) == 0)
            report_error(
                rd->rep, at, "give it a client_id of its own, or leave it out",
                "the platform '%s' and the devices' broker connection have the same client_id at the same broker: each would throw the other out",
                p->name);
        for (size_t k = 0; k < i; k++) {
            const struct config_platform *q = &c->platforms[k];
            if (q->type != PLATFORM_MQTT || !same_broker(&p->mqtt, &q->mqtt))
                continue;
            if (p->mqtt.client_id && q->mqtt.client_id && strcmp(p->mqtt.client_id, q->mqtt.client_id) == 0)
                report_error(rd->rep, at, "give each a client_id of its own, or leave it out",
                             "the platforms '%s' and '%s' have the same client_id at the same broker: each would throw the other out",
                             q->name, p->name);
            if (p->prefix && q->prefix && (within(p->prefix, q->prefix, gateway) || within(q->prefix, p->prefix, gateway)))
                report_error(
                    rd->rep, at, "give each a prefix of its own",
                    "the platforms '%s' and '%s' would share the topics below %s/%s at the same broker: each could read and command the other's incidents",
                    q->name, p->name, strlen(p->prefix) > strlen(q->prefix) ? p->prefix : q->prefix, gateway);
        }
    }
}

/* -- the manual's page --------------------------------------------------------------------------------------------------------- */

static void put_default(struct buf *b, const struct setting *s) {
    if (s->needed)
        buf_puts(b, "must be given");
    else if (s->otherwise)
        buf_printf(b, "`%s`", s->otherwise);
}

static void put_allowed(struct buf *b, const struct setting *s) {
    char lo[TIME_TEXT_MAX], hi[TIME_TEXT_MAX];
    switch (s->type) {
    case SETTING_TEXT:
    case SETTING_CHOICE:
    case SETTING_SWITCH:
        if (!s->words[0])
            buf_puts(b, "text");
        for (size_t i = 0; i < COUNT(s->words) && s->words[i]; i++)
            buf_printf(b, "%s`%s`", i ? ", " : "", s->words[i]);
        break;
    case SETTING_INT: buf_printf(b, "%.0f to %.0f", s->min, s->max); break;
    case SETTING_DOUBLE: buf_printf(b, "%g to %g", s->min, s->max); break;
    case SETTING_BOOL: buf_puts(b, "`true`, `false`"); break;
    case SETTING_SPAN: buf_printf(b, "span, %s to %s", span_format((int64_t)s->min, lo), span_format((int64_t)s->max, hi)); break;
    case SETTING_SIZE: buf_printf(b, "size, %s to %s", size_format((int64_t)s->min, lo), size_format((int64_t)s->max, hi)); break;
    case SETTING_ACTIONS: buf_puts(b, "`true`, `false`, list of actions"); break;
    case SETTING_EXPR: buf_puts(b, "expression"); break;
    }
}

static void put_platforms(struct buf *b, const struct setting *s) {
    static const char *const names[] = {"mqtt", "https", "file"};
    bool first = true;
    for (size_t i = 0; i < COUNT(names); i++)
        if (s->platforms & (1u << i)) {
            buf_printf(b, "%s%s", first ? "" : ", ", names[i]);
            first = false;
        }
}

void config_print_settings(struct buf *b) {
    for (size_t k = 0; k < SECTIONS; k++) {
        bool of_platform = k == SECTION_PLATFORM || k == SECTION_PLATFORM_TLS;
        buf_printf(b, "### %s\n\n%s\n\n", config_section_names[k], config_section_about[k]);
        buf_puts(b, of_platform ? "| setting | for | allowed | default | what |\n|---|---|---|---|---|\n"
                                : "| setting | allowed | default | what |\n|---|---|---|---|\n");
        for (size_t i = 0; i < config_settings_count; i++) {
            const struct setting *s = &config_settings[i];
            if (s->section != k)
                continue;
            buf_printf(b, "| `%s` | ", s->key);
            if (of_platform) {
                put_platforms(b, s);
                buf_puts(b, " | ");
            }
            put_allowed(b, s);
            buf_puts(b, " | ");
            put_default(b, s);
            buf_printf(b, " | %s |\n", s->about);
        }
        if (k + 1 < SECTIONS)
            buf_putc(b, '\n');
    }
}
