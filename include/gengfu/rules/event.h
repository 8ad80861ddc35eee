/* SPDX-License-Identifier: Apache-2.0
 * Event: one thing that a device said, in gengfu's own terms. Made by sources from messages, read by rules, kept in the journal.
 *
 * An event borrows everything (arena of its batch); who keeps something copies it. */
#ifndef GENGFU_RULES_EVENT_H
#define GENGFU_RULES_EVENT_H

#include <cjson/cJSON.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/atom.h"
#include "gengfu/base/buf.h"
#include "gengfu/cel/value.h"

#define EVENT_MAX_FIELDS 64
#define EVENT_DEVICE_MAX 128 /* bytes of a device id; longer ids are refused by the source */

enum event_flag {
    EVENT_RETAINED = 1, /* the broker's copy of an old message: state yes, events no */
    EVENT_LATE = 2,     /* its own time is older than the tolerance, or the device says that it is a replay */
    EVENT_OWN_TIME = 4  /* `time` is the device's; else it is the time of arrival */
};

struct event_field {
    atom_t name;
    struct cel_value value;
};

struct event {
    const char *device; /* id; never NULL or "" */
    atom_t kind;        /* "lamp", "lock"; "availability" for what a source's `online` part says (field online: bool) */
    int64_t time;       /* ms, wall: when it happened */
    int64_t arrived;    /* ms, wall: when it reached us */
    uint32_t flags;     /* enum event_flag */
    const char *source; /* name of the source; NULL when none (tests, incidents) */
    size_t nfields;
    const struct event_field *fields;
};

/* An event as CEL sees it: its fields, and kind, time, device, arrived, late, retained below the fields' names. Lives as long as the event. */
struct event_record {
    struct cel_record record; /* first */
    const struct event *event;
};
void event_record_init(struct event_record *r, const struct event *e);
/* A field's value; false when it is not there (names like kind and time are not looked up here). */
bool event_field(const struct event *e, atom_t name, struct cel_value *ret);

/* The journal's form: {"k":"lamp","d":"lamp-7","t":…,"a":…,"g":flags,"s":"source","f":{…}}; g and s only when set, a only when it differs from t. */
void event_write(struct buf *b, const struct event *e);
/* Reads it back; everything in the arena. Timestamps come back as strings. GF_EINVAL for what event_write does not write. */
GF_WARN_UNUSED int event_read(struct arena *a, const char *text, size_t len, struct event *ret, struct err *err);

#endif
