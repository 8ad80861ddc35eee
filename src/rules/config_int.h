/* SPDX-License-Identifier: Apache-2.0
 * Private to the configuration: the one table of settings. */
#ifndef RULES_CONFIG_INT_H
#define RULES_CONFIG_INT_H

#include <stddef.h>

#include "gengfu/rules/config.h"

enum setting_type {
    SETTING_TEXT,
    SETTING_INT, /* int */
    SETTING_DOUBLE,
    SETTING_BOOL,
    SETTING_SPAN,    /* int64_t, ms */
    SETTING_SIZE,    /* int64_t, bytes */
    SETTING_CHOICE,  /* int-sized enum: the word's index */
    SETTING_SWITCH,  /* bool: the second of two words */
    SETTING_ACTIONS, /* unsigned: a bit for each of config_actions; in YAML true, false, or a list of them */
    SETTING_EXPR     /* struct cel_program * over `incident` */
};
enum setting_section {
    SECTION_GATEWAY,
    SECTION_BROKER,
    SECTION_BROKER_TLS,
    SECTION_STORE,
    SECTION_CONTROL,
    SECTION_LIMITS,
    SECTION_PLATFORM,
    SECTION_PLATFORM_TLS,
    SECTIONS
};

#define FOR_MQTT (1u << PLATFORM_MQTT)
#define FOR_HTTPS (1u << PLATFORM_HTTPS)
#define FOR_FILE (1u << PLATFORM_FILE)
#define FOR_ALL (FOR_MQTT | FOR_HTTPS | FOR_FILE)
#define FOR_NET (FOR_MQTT | FOR_HTTPS)

struct setting {
    enum setting_section section;
    const char *key;
    enum setting_type type;
    size_t offset;         /* in struct config, or in struct config_platform; of a tls section: in struct config_tls */
    double min, max;       /* INT, DOUBLE, SPAN (ms), SIZE (bytes) */
    const char *words[4];  /* CHOICE, SWITCH */
    const char *otherwise; /* default, as it would be written; NULL: none */
    bool needed;
    unsigned platforms; /* which types of platform have it */
    const char *about;
};
extern const struct setting config_settings[];
extern const size_t config_settings_count;
extern const char *const config_section_names[SECTIONS]; /* "gateway", "broker", "broker.tls", … */
extern const char *const config_section_about[SECTIONS];

/* Checks that look at several settings at once (config_check.c). */
struct reader;
struct yaml_node;
extern const char *const config_incident_members[]; /* what a platform's `when` may ask: the members of a message's data; ends with NULL */
void config_check_filter(struct reader *rd, const struct yaml_node *n, const struct cel_program *when);
void config_check_control(struct reader *rd, const struct config *c, const struct yaml_node *n);
void config_check_broker(struct reader *rd, const struct config *c, const struct yaml_node *n);
void config_check_neighbours(struct reader *rd, const struct config *c, const struct yaml_node *list);
void config_check_platform(struct reader *rd, const struct config_platform *p, const struct yaml_node *n);

#endif
