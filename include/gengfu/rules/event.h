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
    EVENT_OWN_TIME = 4, /* `time` is the device's; else it is the time of arrival */
    EVENT_DEDUPED = 8   /* `dedupe` is set */
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
    uint16_t index;     /* which of the source's events, where it matters to the source's memory */
    uint64_t dedupe;    /* a hash of what its `dedupe` key gave: with the event the journal keeps the source's memory */
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

/* The journal's form: {"k":"lamp","d":"lamp-7","t":…,"a":…,"g":flags,"s":"source","i":index,"h":"dedupe","f":{field: value},"x":{field: type}}; g, s, i, h and x only when there is
 * something to say, a only when it differs from t. x names what JSON cannot tell: d a double without fraction, i and u whole numbers beyond 2^53 or unsigned, n a double that is no
 * number, t a timestamp and s a duration ([seconds, nanoseconds]), b bytes (base64); of a list or map a list of these in its own order, 0 where there is nothing
 * to tell, {"k": letter, "v": type} where a map's key is no text. What lies deeper than 56 levels is null. So a value comes back as the type it was. */
void event_write(struct buf *b, const struct event *e);
/* Reads it back; everything in the arena. GF_EINVAL for what event_write does not write. */
GF_WARN_UNUSED int event_read(struct arena *a, const char *text, size_t len, struct event *ret, struct err *err);

/* The fields alone, as members `name` and `types_name` (the latter only when a type must be told) of an object that is being written. */
struct jw;
void event_fields_write(struct jw *w, const char *name, const char *types_name, size_t n, const struct event_field *fields);
/* One member back; interns its name. False: there is no room for the name. */
bool event_field_read(struct arena *a, const cJSON *item, const cJSON *types, struct event_field *ret);

#endif
