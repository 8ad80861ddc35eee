/* SPDX-License-Identifier: Apache-2.0
 * The engine: rules at work. Pure: events and times in, effects out. It reads no clock, file or socket, so the live daemon, the rule test and the back-test
 * are this code with another clock.
 *
 * Time. `mono` is engine time in ms: it never steps back, goes on through restarts (the daemon adds the time that was missed), and all durations and deadlines
 * live by it. `wall` is for stamps, time intervals and `now`.
 *
 * Order of calls: engine_new, restore_* (any number), engine_start, then events, advances and commands in order of mono; engine_flush at the end of each
 * batch, before the effects are committed. Before an event at mono M, timers due at or before M fire first. The result does not depend on how events are cut into batches. */
#ifndef GENGFU_ENGINE_ENGINE_H
#define GENGFU_ENGINE_ENGINE_H

#include "gengfu/engine/command.h"
#include "gengfu/engine/effects.h"
#include "gengfu/engine/incident.h"
#include "gengfu/rules/event.h"
#include "gengfu/rules/model.h"

struct engine;

struct engine_time {
    int64_t mono; /* ms */
    int64_t wall; /* ms */
    bool synced;  /* the wall clock is known to be right */
};
struct engine_conf {
    const char *gateway; /* id, for numbers and the documents */
    uint64_t seed;       /* for ids */
    int max_devices;
};

GF_WARN_UNUSED int engine_new(const struct ruleset *rs, const struct engine_conf *conf, struct err *err, struct engine **ret);
void engine_free(struct engine *e);

/* -- restore, before engine_start. What does not belong to a rule (name and hash) of the set in force is answered with a deletion in fx at engine_start. */
GF_WARN_UNUSED int engine_restore_state(struct engine *e, const char *rule, uint64_t hash, const char *key, const char *body, size_t len,
                                        struct err *err);
/* One that is not over; after engine_start only one that is over, for a command that wants it. */
GF_WARN_UNUSED int engine_restore_incident(struct engine *e, const char *body, size_t len, struct err *err);
GF_WARN_UNUSED int engine_restore_device(struct engine *e, const char *device, const char *body, size_t len, struct err *err);
/* The journal's tail behind the checkpoint: merges into the device, runs no rule. */
GF_WARN_UNUSED int engine_restore_event(struct engine *e, const struct event *ev);
/* `down`: ms of engine time that passed since the last commit; each rule's on_downtime says what that does to its deadlines (absence always pauses). */
GF_WARN_UNUSED int engine_start(struct engine *e, struct engine_time now, int64_t down, struct effects *fx);

/* -- work ---------------------------------------------------------------------------------------------------------------------- */
/* The event runs through every rule that it concerns, and into the device's state. Retained events that change no field of the state concern no rule.
 * Incidents that rules make are fed to `on: incident` rules within the call (at most 4 rules deep). GF_ENOMEM sets fx->failed. */
GF_WARN_UNUSED int engine_event(struct engine *e, const struct event *ev, struct engine_time now, struct effects *fx);
/* Fires every timer due by now.mono, in order. */
GF_WARN_UNUSED int engine_advance(struct engine *e, struct engine_time now, struct effects *fx);
int64_t engine_due(const struct engine *e); /* mono ms of the next timer; INT64_MAX: none */
/* Writes the state of every key and every unpublished incident count that changed since the last flush. */
GF_WARN_UNUSED int engine_flush(struct engine *e, struct effects *fx);
/* Checkpoints up to n devices that changed since their last one; returns how many remain. */
size_t engine_checkpoint(struct engine *e, size_t n, struct effects *fx);
/* Applies a command (adds an effect_answer in either case). 0: done; <0: refused, err says why. *ret_revision: the incident's revision now (0 when unknown). */
GF_WARN_UNUSED int engine_command(struct engine *e, const struct command *cmd, struct engine_time now, struct effects *fx, struct err *err,
                                  uint32_t *ret_revision);
/* Our own link to the devices is down or up again: absence timers stand still meanwhile. */
void engine_link(struct engine *e, bool up, struct engine_time now);
/* The wall clock was set while it was not known to be right (`synced` false): what it showed from `from` until `until` was wrong by `shift`. Stamps of that span are moved. right: it is right now;
 * incidents with such stamps are `corrected`, and told so where a platform may know of them. */
GF_WARN_UNUSED int engine_restamp(struct engine *e, int64_t from, int64_t until, int64_t shift, bool right, struct engine_time now,
                                  struct effects *fx);
/* Another rule set takes over. A rule with the same name and hash keeps all its state; a rule with the same name keeps its open incidents; incidents of rules that are gone are
 * resolved with a note. The old set may be freed afterwards. On an error nothing has changed. */
GF_WARN_UNUSED int engine_reload(struct engine *e, const struct ruleset *rs, struct engine_time now, struct effects *fx, struct err *err);

/* -- looking in ------------------------------------------------------------------------------------------------------------------ */
struct engine_rule_stats {
    const struct rule *rule;
    uint64_t evaluated; /* events that reached its expressions */
    uint64_t matched;
    uint64_t unknown;       /* of them: a field was not there */
    uint64_t errors;        /* expression errors other than absence */
    const char *last_error; /* sentence of the latest; NULL */
    uint64_t opened;        /* incidents */
    uint64_t evicted;       /* keys pushed out by the cap */
    size_t keys, pending, firing;
    uint64_t dropped; /* window events and half-done sequences pushed out by a ceiling */
};
size_t engine_rules(const struct engine *e);
void engine_rule_stats(const struct engine *e, size_t i, struct engine_rule_stats *ret);
struct engine_device_info {
    const char *id;
    const struct device *row; /* NULL: not in the registry */
    int64_t last_seen;        /* ms, wall; TIME_NONE: never */
    int online;               /* 1 yes, 0 no, -1 never said */
    uint64_t events;
};
size_t engine_devices(const struct engine *e);
/* Registered ones first, in the registry's order, also those never seen. */
void engine_device_info(const struct engine *e, size_t i, struct engine_device_info *ret);
/* Latest known fields as a JSON object; {} when none. */
void engine_device_fields(const struct engine *e, const char *device, struct buf *out);
size_t engine_open_incidents(const struct engine *e);                                     /* firing */
const struct incident *engine_incident(const struct engine *e, const char *id_or_number); /* one that is not over; NULL */
/* Whom its rule forwards it to, and whom it was escalated to: bits as in effect_incident.platforms, before levels and filters. */
uint32_t engine_reach(const struct engine *e, const char *id_or_number);
struct engine_refusals { /* what met a ceiling of the engine as a whole */
    uint64_t devices;    /* events of unknown devices past max_devices */
    uint64_t incidents;  /* not opened: 100,000 are open */
    uint64_t feeds;      /* changes of incidents not fed to rules over incidents: too deep */
};
void engine_refusals(const struct engine *e, struct engine_refusals *ret);
uint64_t engine_unregistered(const struct engine *e); /* devices that send and are not in the registry */

#endif
