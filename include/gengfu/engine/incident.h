/* SPDX-License-Identifier: Apache-2.0
 * Incident: what a person is asked to look after. Two axes: the condition's side (the rule) and the people's side (the platform).
 *
 *   condition:   pending ──► firing ──► resolved
 *   handling:    new ──► acknowledged ──► dispatched ──► handled ──► closed
 *                         (a step may be jumped forwards; reopen goes back to new)
 *
 * The table of allowed moves, and what each sends, is in src/engine/lifecycle.c, beside this drawing; a test tries every pair. A pending condition has no incident yet.
 * An incident is over when its condition is resolved and its handling is closed; one that nobody handles closes by itself when the rule says so (default: a resolved incident
 * stays `new` until the platform closes it, or until closed_max_age). */
#ifndef GENGFU_ENGINE_INCIDENT_H
#define GENGFU_ENGINE_INCIDENT_H

#include <cjson/cJSON.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/crypt.h"
#include "gengfu/base/err.h"
#include "gengfu/rules/model.h"

enum condition { CONDITION_FIRING = 1, CONDITION_RESOLVED };
enum handling { HANDLING_NEW, HANDLING_ACKNOWLEDGED, HANDLING_DISPATCHED, HANDLING_HANDLED, HANDLING_CLOSED };
enum disposition { DISPOSITION_NONE, DISPOSITION_REAL, DISPOSITION_FALSE_ALARM, DISPOSITION_IGNORED, DISPOSITION_TEST };
/* What a revision says; also the CloudEvents type's last word. */
enum change { CHANGE_OPENED = 1, CHANGE_UPDATED, CHANGE_RESOLVED, CHANGE_CLOSED };
const char *condition_name(enum condition c);
const char *handling_name(enum handling h);
const char *disposition_name(enum disposition d); /* "" for none */
const char *change_name(enum change c);

#define INCIDENT_MAX_HISTORY 64 /* older entries, after the first, are folded into one that counts them */
#define INCIDENT_MAX_MEMBERS 1000
#define INCIDENT_NUMBER_MAX 48

struct incident_entry { /* one line of the history */
    int64_t at;         /* ms, wall */
    const char *who;    /* "gengfu", "platform:city", "uid:1000" */
    const char *what;   /* "opened", "resolved", "acknowledge", "note", … */
    const char *note;   /* may be NULL */
};

/* The message's `data`, whole. docs/messages.md describes every field. Strings are owned by the incident. */
struct incident {
    char id[ULID_TEXT];
    char number[INCIDENT_NUMBER_MAX]; /* "gw-1-20260105-0007" */
    uint32_t revision;                /* 1, 2, 3 … */
    enum change change;               /* what the latest revision says */
    char *rule, *rule_version;
    char rule_hash[17]; /* of its text, at the raise */
    char *by;           /* the group key as text */
    enum severity severity;
    enum condition condition;
    enum handling handling;
    enum disposition disposition;
    char *title, *text;
    char *category; /* NULL: none */
    char *device;   /* of the latest matching event; NULL when the key is no device */
    int64_t first_event, last_event, raised, resolved, acknowledged, closed, updated; /* ms, wall; TIME_NONE when not yet */
    int64_t due_acknowledge, due_resolve, due_follow_up; /* ms, wall; TIME_NONE: none. due_follow_up: once it is resolved */
    uint64_t count;                                      /* matches, the first included */
    uint64_t told;                                       /* count that the latest revision told */
    int level;                                           /* escalation level, 0 at first */
    char *ticket;
    int rating;     /* 1..5; 0: none */
    bool synced;    /* the stamps were made with a clock that is set */
    bool corrected; /* they were not, and have been put right since */
    bool test;
    bool late;          /* it was raised by an event that came late */
    bool chattering;    /* it came and went so often that it is held open (rule's `chattering`) */
    bool published;     /* a platform may have heard of it; false while held, inhibited, or of a rule in shadow */
    char *parent;       /* id; NULL */
    char *inhibited_by; /* id of the incident that keeps this one from being forwarded; NULL */
    cJSON *values;      /* the latest matching event's fields; heap cJSON */
    cJSON *evidence;    /* array */
    cJSON *members;     /* array of ids */
    cJSON *devices;     /* array of device ids that matched (at most INCIDENT_MAX_MEMBERS) */
    cJSON *place;       /* {name, grid, component, lat, lon, datum} from the registry */
    struct incident_entry *history;
    size_t nhistory;
    const struct code *code; /* of category, from the rule set in force; NULL */
    const char *urgency, *certainty;
};

/* Writes the incident as one JSON object (the message's data); stamps in the zone (NULL: UTC). What has no value is left out:
 *   {"id","number","revision":1,"change":"opened","gateway","rule","rule_version","rule_hash","by","condition":"firing","handling":"new","disposition",
 *    "severity":"minor","urgency","certainty","category":{"code","name","kind","standard_ref"},"title","text","device","devices":[…],
 *    "place":{"name","grid","component","lat","lon","datum"},
 *    "times":{"first_event","last_event","raised","resolved","acknowledged","closed","updated"},"time_quality":"synced"|"unsynced"|"corrected",
 *    "due":{"acknowledge","resolve","follow_up"},"count":3,"told":1,"level":0,"ticket","rating":4,"values":{…},"evidence":[…],"members":[id…],"parent","inhibited_by",
 *    "history":[{"at","who","what","note"}],"test":true,"late":true,"chattering":true,"published":false}
 * `told` only when it differs from count; test, late and chattering only when true, published only when false. */
void incident_write(struct buf *b, const struct incident *inc, const struct zone *zone, const char *gateway);
/* Reads back what incident_write wrote, for the restart. 0: *ret new, free with incident_free. */
GF_WARN_UNUSED int incident_read(const char *json, size_t len, struct err *err, struct incident **ret);
void incident_free(struct incident *inc);

#endif
