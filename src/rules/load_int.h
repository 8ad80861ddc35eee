/* SPDX-License-Identifier: Apache-2.0
 * Private to the rules module: the loading of a rule set, as its files share it.
 *
 * The order: all files are parsed and their parts collected, then lists and macros become the base environment, then time intervals, sources (which tell the kinds
 * and their fields), overrides, rules, inhibit rules, and at last what needs everything. A part with a mistake is reported and left out, but its name
 * stays known, so that one mistake brings no others. */
#ifndef RULES_LOAD_INT_H
#define RULES_LOAD_INT_H

#include "gengfu/base/map.h"
#include "gengfu/rules/model.h"
#include "rules/expr_int.h"

struct owned_ruleset {
    struct ruleset rs; /* first */
    struct arena arena;
    struct programs programs;
    struct cel_aggregates **aggregates; /* of rules */
    size_t naggregates, cap_aggregates;
    struct interval **intervals;
    struct map rules_by_name;
    struct cel_env *base; /* functions, lists, macros */
};

struct nodes { /* a growing list in the tree's arena */
    const struct yaml_node **items;
    size_t n, cap;
};
struct definition { /* a named list, macro or time interval */
    const char *name;
    const struct yaml_node *key, *value;
};
struct definitions {
    struct definition *items;
    size_t n, cap;
    struct map by_name; /* -> index + 1 */
};

/* What is known of a kind of event. */
struct kind {
    atom_t name;
    atom_t *fields;
    uint32_t *types; /* of each, as cel_program_types says them; 0: not known */
    size_t n, cap;
    bool open; /* may have fields that nobody declares */
};

struct loader {
    struct reader rd;  /* report and the rule set's arena */
    struct arena tree; /* YAML trees and what only loading needs */
    struct owned_ruleset *own;
    struct ruleset *rs;
    int builtin;     /* the report's file of the built-in rules; -1: they are not loaded */
    bool incomplete; /* a file could not be read to its end: names may be missing, so unknown ones are not errors */
    struct nodes sources, rules, inhibits, overrides;
    struct definitions lists, macros, intervals;
    struct map source_names, rule_names; /* -> const struct place * */
    struct interval **interval_list;     /* in step with intervals; NULL for a broken one */
    struct kind *kinds;
    size_t nkinds, cap_kinds;
    struct map macro_told; /* macros whose mistake was told at their first use */
    struct cel_env *rule_env;
    const struct rule_reading *reading; /* the rule whose expression is compiled now */
};

/* collect.c */
void loader_collect(struct loader *ld, const struct yaml_node *root);
const struct definition *definition_find(const struct definitions *ds, const char *name, size_t len);
void nodes_add(struct loader *ld, struct nodes *ns, const struct yaml_node *n);
/* Reports a second use of a name; true when it is new. */
bool name_claim(struct loader *ld, struct map *names, const char *name, struct place at, const char *what);

/* builtin.c: the program's own rules, as a file that stands behind the others */
extern const char builtin_name[], builtin_text[];
extern const size_t builtin_len;
#define BUILTIN_PREFIX "gengfu-" /* of their names; nobody else's may begin so, or an upgrade could meet it */

/* pack.c */
#define PACK_MAX_FILES 2004
void pack_add(struct buf *pack, const char *name, const char *data, size_t len); /* what does not fit leaves it `failed` */
/* Names and texts stay in `text`, which is changed. Free *ret. */
GF_WARN_UNUSED int pack_open(char *text, size_t len, struct rules_file **ret, size_t *ret_n);

/* constant.c: false when a mistake was reported. The value points into the tree. */
bool constant_value(struct loader *ld, const struct yaml_node *n, struct cel_value *ret);

/* env.c */
void loader_base_env(struct loader *ld);
GF_WARN_UNUSED int env_functions(struct cel_env *e);
GF_WARN_UNUSED int env_data_functions(struct cel_env *e); /* functions_data.c */
GF_WARN_UNUSED int env_rule_vars(struct cel_env *e, const struct registry *registry);
GF_WARN_UNUSED int env_source_vars(struct cel_env *e);
extern const struct cel_aggregate_name rule_aggregate_names[];
extern const size_t rule_aggregate_count;
/* True when `text` is a macro's name and `what` was told of it already: what is wrong inside a macro is told at its first use only. */
bool loader_told(struct loader *ld, const char *text, size_t len, const char *what);
struct cel_program *loader_compile(struct loader *ld, const struct cel_env *env, const struct yaml_node *n, size_t begin, size_t end,
                                   struct cel_aggregates *aggregates, enum cel_decl_type want);
bool loader_expr(struct loader *ld, const struct cel_env *env, const struct yaml_node *n, const char *what,
                 struct cel_aggregates *aggregates, enum cel_decl_type want, struct rules_expr *ret);

/* kinds.c */
struct kind *kind_get(struct loader *ld, atom_t name); /* made when new; NULL without memory */
const struct kind *kind_find(const struct loader *ld, atom_t name);
#define KIND_NUMBER (1u << CEL_INT | 1u << CEL_UINT | 1u << CEL_DOUBLE)
void kind_add_field(struct loader *ld, struct kind *k, atom_t field, uint32_t types);
uint32_t kind_field_types(const struct kind *k, atom_t field);
bool kind_has(const struct kind *k, atom_t field);
void loader_own_kinds(struct loader *ld); /* availability, incident */

/* topic.c */
bool topic_read(struct loader *ld, const struct yaml_node *n, const char *what, struct topic_pattern *ret);

/* interval_load.c */
void loader_intervals(struct loader *ld);
void interval_close(struct interval *iv);

/* source_load.c, source_check.c */
void loader_sources(struct loader *ld);
void loader_check_sources(struct loader *ld); /* warnings about sources that meet */

/* override.c */
void loader_overrides(struct loader *ld);

/* rule_load.c, inhibit_load.c */
void loader_rules(struct loader *ld);
void loader_inhibits(struct loader *ld);

/* What the reading of one rule needs. */
struct rule_reading {
    struct loader *ld;
    struct rule *r;
    const struct yaml_node *n; /* with overrides merged in */
    struct cel_env *own_env;   /* with the steps' names; NULL: the common one */
    const struct cel_env *env;
    bool kinds_known;     /* every kind of `on` is known: fields can be checked */
    size_t visible_steps; /* how many of the steps an expression may name */
    struct rule_step *steps;
};
/* rule_expr.c */
bool rule_expr(struct rule_reading *q, const struct yaml_node *n, const char *what, struct cel_aggregates *aggregates,
               enum cel_decl_type want, struct rules_expr *ret);
bool rule_template(struct rule_reading *q, const struct yaml_node *n, const char *what, struct rules_template *ret);
bool rule_expr_list(struct rule_reading *q, const struct yaml_node *n, const char *what, enum cel_decl_type want,
                    const struct rules_expr **ret, size_t *ret_n);
bool rule_aggregates(struct rule_reading *q);                   /* makes the rule's set */
uint32_t rule_field_types(void *ld, size_t slot, atom_t field); /* for the compiler: what sources make of it, while ld->reading is set */
void rule_required(struct rule_reading *q);
/* rule_never.c */
void rule_check_never(struct rule_reading *q);
void loader_check_incidents(struct loader *ld); /* when all rules are known: words that rules on incidents ask for */
/* rule_pattern.c */
bool rule_on(struct rule_reading *q, const struct yaml_node *n, bool *ret_any, const atom_t **ret, size_t *ret_n);
void rule_pattern(struct rule_reading *q);
/* rule_incident.c */
void rule_incident(struct rule_reading *q, const struct yaml_node *n);
void rule_handling(struct rule_reading *q);

/* template.c */
typedef struct cel_program *(*template_compile)(void *arg, const struct yaml_node *n, size_t begin, size_t end);
bool template_read(struct loader *ld, const struct yaml_node *n, const char *what, template_compile compile, void *arg,
                   struct rules_template *ret);

/* hash.c */
uint64_t rule_hash(struct loader *ld, const struct yaml_node *rule);
uint64_t rule_text_hash(struct loader *ld, const struct yaml_node *rule);
uint64_t source_hash(struct loader *ld, const struct yaml_node *source); /* all but `about` */

#endif
