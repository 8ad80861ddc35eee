/* SPDX-License-Identifier: Apache-2.0
 * The checked model of a rule set: what /etc/gengfu says, after every check has passed. Read-only once loaded, owned by the ruleset, shared by the
 * engine and the source mapper.
 *
 * A rule set is loaded as a whole: with one error in any file there is no rule set, and the report tells every error. */
#ifndef GENGFU_RULES_MODEL_H
#define GENGFU_RULES_MODEL_H

#include "gengfu/base/atom.h"
#include "gengfu/base/buf.h"
#include "gengfu/base/time.h"
#include "gengfu/cel/cel.h"
#include "gengfu/rules/charset.h"
#include "gengfu/rules/config.h"
#include "gengfu/rules/registry.h"
#include "gengfu/rules/report.h"

#define RULES_MAX_FILE (4 << 20) /* bytes of one YAML file */
#define RULES_MAX_RULES 20000
#define RULES_MAX_SOURCES 1000
#define RULES_MAX_STEPS 8
#define RULES_DEFAULT_KEYS 10000

/* An expression as written, compiled. program NULL: the key was not given.
 *
 * Host functions (number, registry, weekday, local) read the rule set: whoever evaluates sets the context's `host` to it, `(void *)(uintptr_t)rs`. With host NULL the
 * registry is empty and the site's zone is UTC. An optional that a source's field gives counts as its value, an empty one as absent. */
struct rules_expr {
    struct cel_program *program;
    struct place at;
};

/* "${device.name} 路灯不亮": text and expressions in turn. A value that is unknown shows as "?", but device.name and device.place then show as device.id;
 * timestamps as local time, durations as 10分钟, doubles with at most 3 decimals. */
struct rules_part {
    const char *text; /* NULL: expr */
    struct cel_program *expr;
};
struct rules_template {
    size_t n; /* 0: not given */
    const struct rules_part *parts;
};

/* -- sources ------------------------------------------------------------------------------------------------------------- */
/* What a source's expressions see; slots of the context. An absent one is CEL_E_ABSENT. */
enum source_var {
    SOURCE_TOPIC,    /* map of the captures by name; topic.topic is the whole topic */
    SOURCE_PAYLOAD,  /* the payload: JSON value, or text, or null when empty */
    SOURCE_RETAINED, /* bool */
    SOURCE_KEY,      /* each: over a map: the key; over a list: the index */
    SOURCE_ITEM,     /* each: the element */
    SOURCE_NOW,      /* time of arrival */
    SOURCE_VARS
};

enum topic_level_kind { TOPIC_TEXT, TOPIC_CAPTURE, TOPIC_REST };
struct topic_level {
    enum topic_level_kind kind;
    const char *text;   /* TOPIC_TEXT: the level */
    atom_t name;        /* capture's name */
    const char *prefix; /* TOPIC_CAPTURE: literal text around it within the level ("" when none): S-{id}-post */
    const char *suffix;
};
struct topic_pattern {
    const char *text;   /* as written: zigbee2mqtt/{device}/availability */
    const char *filter; /* what is subscribed: zigbee2mqtt/+/availability */
    size_t nlevels;
    const struct topic_level *levels;
};

enum source_payload {
    SOURCE_AUTO,
    SOURCE_JSON,
    SOURCE_WORD,
    SOURCE_NONE,
    SOURCE_BYTES
}; /* auto: JSON when it is, else text; json: else broken; text: always text; none: not read; bytes: as it came */

/* drop: what is taken out of the JSON before anything reads it. */
struct source_drop {
    bool anywhere; /* one name alone: wherever it stands; else the path begins at the payload's root */
    size_t n;
    const char *const *parts; /* NULL: any key or element */
};
#define SOURCE_MAX_DROPS 32
#define SOURCE_MAX_TIMES 8

struct source_field {
    atom_t name;
    struct rules_expr value; /* absent: the event does not have the field */
};
struct source_event {
    atom_t kind;
    struct rules_expr when;         /* this event only when true */
    struct rules_expr device;       /* must give a string (or int) */
    size_t ntimes;                  /* in order of trust: the first that can be true; none: time of arrival */
    const struct rules_expr *times; /* timestamp, number of s, ms, µs, ns, or text */
    int64_t skew;                   /* ms that a time may lie off the arrival; 0: the configuration's late_tolerance */
    struct rules_expr late;         /* true: the device itself says that this is a replay */
    size_t nfields;
    const struct source_field *fields;
    size_t non_change; /* emit: on_change of [fields]: only when one of these differs from the device's last */
    const atom_t *on_change;
    struct rules_expr dedupe_key;
    int64_t dedupe_within;     /* ms; 0: none */
    const char *dedupe_across; /* a name that events of several sources share; NULL: this event alone */
};
struct source {
    const char *name;
    uint64_t hash; /* of all that it says but about: what it remembers belongs to name and hash */
    struct place at;
    struct topic_pattern topic;
    enum source_payload payload;
    enum charset charset;
    size_t ndrops;
    const struct source_drop *drops;
    int64_t max_payload;       /* bytes; 0: the configuration's */
    bool ignore;               /* messages that match are taken and dropped on purpose (counted) */
    const char *ignore_reason; /* ignore: "text"; NULL: none given */
    struct rules_expr match;
    struct rules_expr each; /* list or map: the events below are made for each element */
    size_t nevents;
    const struct source_event *events;
    /* online: */
    bool has_online;
    struct topic_pattern online_topic;
    struct rules_expr online_each;   /* list or map: both of these for each element */
    struct rules_expr online_device; /* default topic.device */
    struct rules_expr online_when;   /* true: there; false: gone; unknown: no event */
};

/* -- time intervals (Alertmanager's, with sunrise and sunset) -------------------------------------------------------------- */
struct interval;
const char *interval_name(const struct interval *iv);
bool interval_contains(const struct interval *iv, int64_t wall_ms);
/* The next moment after wall_ms at which contains() changes, at most 8 days ahead (then that moment, unchanged). */
int64_t interval_next_change(const struct interval *iv, int64_t wall_ms);

/* -- rules ----------------------------------------------------------------------------------------------------------------- */
/* What a rule's expressions see; slots of the context. Steps' names follow from RULE_VARS on, in order of the steps. */
enum rule_var {
    RULE_EVENT,    /* the event; in title and text: the latest that matched */
    RULE_STATE,    /* the device's latest known fields, this event merged in */
    RULE_PREVIOUS, /* the same before this event */
    RULE_DEVICE,   /* the registry's row; device.id always */
    RULE_NOW,      /* timestamp, wall */
    RULE_SINCE,    /* since when the condition holds (first matching event), timestamp */
    RULE_BY,       /* the group key, as the `by` expression gave it */
    RULE_COUNT,    /* matches folded into the incident so far, int */
    RULE_LAST,     /* time of the last matching event, timestamp */
    RULE_VARS
};

enum severity { SEVERITY_MINOR = 1, SEVERITY_MODERATE, SEVERITY_SEVERE, SEVERITY_EXTREME }; /* 一般 较大 重大 特别重大 */
const char *severity_name(enum severity s);                                                 /* "minor" */
const char *severity_zh(enum severity s);                                                   /* "一般" */
bool severity_parse(const char *s, enum severity *ret);

enum rule_mode { RULE_LIVE, RULE_SHADOW, RULE_OFF };
enum rule_pattern { RULE_SINGLE, RULE_WINDOW, RULE_SEQUENCE, RULE_TOGETHER, RULE_ABSENT };
enum rule_clear { CLEAR_EXPR, CLEAR_AUTO, CLEAR_AFTER, CLEAR_MANUAL };
enum rule_downtime { DOWNTIME_PAUSE, DOWNTIME_COUNT, DOWNTIME_RESET };

struct rule_step {
    atom_t name;  /* the step's variable; "step1", "step2" … by its place where none is given, of {not: …} too; never 0 */
    bool negated; /* {not: …} */
    bool on_any;
    size_t non;
    const atom_t *on;
    struct rules_expr when;
};
struct rule_escalation {
    int64_t after;          /* ms since raised */
    bool until_resolved;    /* while: unresolved; else while: unacknowledged */
    enum severity severity; /* 0: unchanged */
    size_t nto;
    const char *const *to;
};
struct rule {
    const char *name, *about, *version;
    struct place at;
    /* Of its meaning: on, of, by, during, when, exceptions, for, within, having, absent, grace, sequence, together, clear, resolve_after, keep_firing_for, latch, chattering and
     * incident.members, as they are written; the lists, macros and intervals that these name; the gateway's place and zone where an interval goes by them. State belongs to name and
     * hash: a change of these begins it anew, a change of any other key does not. */
    uint64_t hash;
    uint64_t text_hash; /* of every key but about: which wording an incident was made by */
    const char *file;   /* of rules.d: "30-lamps.yaml" */
    bool builtin;       /* it comes with the program (src/rules/builtin.c) */
    enum rule_mode mode;
    enum rule_pattern pattern;
    bool on_any;      /* on: '*' */
    bool on_incident; /* on: incident */
    size_t non;       /* kinds */
    const atom_t *on;
    size_t nof; /* absent: kinds of device (registry) that are expected to speak; default: `on` */
    const atom_t *of;
    const struct interval *during; /* NULL: always */
    bool during_not;
    struct rules_expr when, clear, having, by; /* by not given: device.id */
    enum rule_clear
        clear_mode; /* CLEAR_AFTER: by resolve_after alone; with CLEAR_EXPR and CLEAR_AUTO it may be given too, and the first end counts */
    int64_t resolve_after, for_ms, keep_firing_for, within, absent, grace; /* ms; 0: not given */
    size_t nsteps;
    const struct rule_step *steps;
    struct cel_aggregates *aggregates; /* of having, title, text, members …; NULL when none */
    struct rules_expr members;         /* gives an incident id per matching event */
    size_t nexceptions;
    const struct rules_expr *exceptions;
    size_t nevidence;
    const struct rules_expr *evidence;
    int64_t hold, repeat_interval; /* ms; repeat_interval: least time between two revisions that tell only of folded repeats; default 10m */
    int chattering_changes;
    int64_t chattering_within;
    size_t nescalations;
    const struct rule_escalation *escalations;
    size_t nforward;
    const char *const *forward; /* platform names; 0: all */
    bool latch;
    enum rule_downtime on_downtime;
    int max_keys;
    /* fields of `event` that the expressions read unguarded: an event without one of them changes nothing */
    size_t nrequired;
    const atom_t *required;
    /* incident */
    enum severity severity;
    const char *urgency, *certainty; /* CAP words; defaults "Immediate", "Likely" */
    const char *category;            /* NULL: none */
    const struct code *code;         /* of category */
    struct rules_template title, text;
    int64_t due_acknowledge, due_resolve, due_follow_up; /* ms; 0: none. due_follow_up counts from the end, the others from the raise */
};

struct inhibit_rule {
    size_t nsources, ntargets, nequal;
    const struct rule *const *sources;
    const struct rule *const *targets;
    const struct rules_expr *equal; /* each compiled in the rule environment; read over the incident's device, by and latest event */
};

struct ruleset {
    struct config *config;
    struct registry *registry;
    struct codes *codes;
    size_t nsources;
    const struct source *sources;
    size_t nrules;
    const struct rule *rules; /* in order of file name and place; behind them those that are built in */
    size_t nbuiltin;          /* of nrules */
    size_t nintervals;
    const struct interval *const *intervals;
    size_t ninhibits;
    const struct inhibit_rule *inhibits;
    char hash[65]; /* SHA-256 over all files, hex: the version of the set */
};

/* Loads DIR (gengfu.yaml, devices.csv, codes.csv, rules.d/ *.yaml). 0: *ret is new, the report may hold warnings. <0: *ret untouched; the report (or err, when
 * the directory cannot be read or memory is out) says why. */
GF_WARN_UNUSED int ruleset_load(const char *dir, struct report *rep, struct err *err, struct ruleset **ret);
/* The same, and the files as they were read into `pack` (an opened buf; `failed` when they do not fit): what ruleset_load_pack makes the same set of, whatever happens to the directory meanwhile. */
GF_WARN_UNUSED int ruleset_load_packing(const char *dir, struct buf *pack, struct report *rep, struct err *err, struct ruleset **ret);
/* From a pack, which is changed; gengfu.yaml alone is read from the directory: broker, platforms and store are those of today. */
GF_WARN_UNUSED int ruleset_load_pack(const char *dir, char *pack, size_t len, struct report *rep, struct err *err, struct ruleset **ret);
/* From memory, without the rules that are built in, for tests: files by the names they would have in the directory ("rules.d/x.yaml"), rule files in the order given. */
struct rules_file {
    const char *name, *text;
    size_t len;
};
GF_WARN_UNUSED int ruleset_load_files(const struct rules_file *files, size_t n, struct report *rep, struct err *err, struct ruleset **ret);
void ruleset_free(struct ruleset *rs);
const struct rule *ruleset_rule(const struct ruleset *rs, const char *name); /* NULL when there is none */
/* Rule names for "did you mean"; the nearest or NULL. */
const char *ruleset_nearest_rule(const struct ruleset *rs, const char *name);
/* The environments that `gengfu eval` and tests use too. Free with cel_env_free. */
/* `rs` may be NULL: without lists, macros and registry columns. */
GF_WARN_UNUSED int ruleset_rule_env(const struct ruleset *rs, struct cel_env **ret);
GF_WARN_UNUSED int ruleset_source_env(const struct ruleset *rs, struct cel_env **ret);
/* Fills in a template. host functions get `host`. */
void template_fill(const struct rules_template *t, struct cel_context *ctx, const struct zone *zone, struct buf *out);

#endif
