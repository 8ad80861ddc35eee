/* SPDX-License-Identifier: Apache-2.0
 * Effects: all that one batch did, as plain data, for the store to write in one transaction. Because it is data, a commit that failed (disk full) can be
 * tried again as it is. Everything lives in the effects' arena until effects_reset. */
#ifndef GENGFU_ENGINE_EFFECTS_H
#define GENGFU_ENGINE_EFFECTS_H

#include "gengfu/base/arena.h"
#include "gengfu/base/err.h"
#include "gengfu/engine/incident.h"

struct effect_event { /* a row of the journal */
    int64_t time, arrived;
    const char *body; /* event_write's text */
    size_t len;
};
struct effect_state { /* a rule's memory for one key: pending holds, windows, sequences, firing */
    const char *rule;
    uint64_t hash;
    const char *key;
    const char *body; /* JSON; NULL: the state is gone */
    size_t len;
};
struct effect_device { /* checkpoint of one device: last seen, latest known fields */
    const char *device;
    const char *body;
    size_t len;
};
struct effect_incident { /* an incident as it now stands; several in one batch for the same id are revisions in order */
    const char *id, *number, *rule, *key, *device; /* device may be NULL */
    const char *title;
    uint32_t revision;
    enum change change;
    enum severity severity;
    enum condition condition;
    enum handling handling;
    int64_t raised, updated; /* ms, wall */
    bool over;               /* nothing more will come of it unless it is reopened */
    bool publish;            /* a new revision, for the platforms; false: only the row changes (count) */
    uint32_t
        platforms; /* bit i: for platform i of the configuration. The engine leaves ~0u or what rule.forward says; the daemon's routing narrows it */
    const char *body; /* incident_write's JSON */
    size_t len;
};
struct effect_answer { /* a command that was applied or refused, to be remembered so that it is applied once */
    const char *command, *who, *incident;
    const char *body; /* {"id","ok","error","revision"} */
    size_t len;
    int64_t at;
};

struct effects {
    struct arena arena;
    struct effect_event *events;
    struct effect_state *states;
    struct effect_device *devices;
    struct effect_incident *incidents;
    struct effect_answer *answers;
    size_t nevents, nstates, ndevices, nincidents, nanswers;
    size_t cap_events, cap_states, cap_devices, cap_incidents, cap_answers;
    bool failed; /* memory ran out: the batch must not be committed */
};
void effects_init(struct effects *fx);
void effects_done(struct effects *fx);
void effects_reset(struct effects *fx);
/* Each adds one; strings must be in the effects' arena already (or outlive it). On no memory `failed` is set. */
void effects_event(struct effects *fx, const struct effect_event *e);
void effects_state(struct effects *fx, const struct effect_state *s);
void effects_device(struct effects *fx, const struct effect_device *d);
void effects_incident(struct effects *fx, const struct effect_incident *i);
void effects_answer(struct effects *fx, const struct effect_answer *a);
/* True when there is anything to write. */
bool effects_any(const struct effects *fx);

#endif
