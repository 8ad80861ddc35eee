/* SPDX-License-Identifier: Apache-2.0
 * CEL values: 16 bytes, passed by value, never owned.
 *
 * A value borrows everything it points to: from the JSON document, the record, the constants of the program, or the arena of the
 * evaluation. It is good as long as those are. JSON (cJSON) stays as it is: lists and maps are read in place.
 * JSON numbers: one without a fraction and with |v| <= 2^53 is an int, any other a double. */
#ifndef GENGFU_CEL_VALUE_H
#define GENGFU_CEL_VALUE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/atom.h"
#include "gengfu/base/buf.h"

enum cel_type {
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,    /* aux: length in bytes; UTF-8; may hold NUL; not necessarily followed by one */
    CEL_BYTES,     /* aux: length */
    CEL_LIST,      /* form says how it is held */
    CEL_MAP,       /* form says how it is held */
    CEL_TIMESTAMP, /* i: seconds since the epoch; aux: nanoseconds 0..999999999 */
    CEL_DURATION,  /* i: seconds, aux as int32: nanoseconds of the same sign */
    CEL_TYPE,      /* s: name; aux: length */
    CEL_OPTIONAL,  /* opt: the value inside, NULL for none */
    CEL_ADDRESS,   /* ip(…), within an expression only: cel_eval gives its text */
    CEL_NETWORK,   /* cidr(…), the same */
    CEL_ERROR      /* code: enum cel_error; s: sentence (may be NULL); aux: where in the program's text, byte offset + 1 (0: not known) */
};

/* Why an evaluation has no value. CEL_E_ABSENT is what rules call "unknown": a field, key or index that is not there. */
enum cel_error {
    CEL_E_NONE,
    CEL_E_ABSENT,   /* no such field or key, index out of range */
    CEL_E_OVERLOAD, /* no such overload: operand types that do not go together */
    CEL_E_RANGE,    /* overflow, division by zero, conversion out of range */
    CEL_E_VALUE,    /* a conversion or function that was given text it cannot read */
    CEL_E_REGEX,    /* pattern not valid, or its match limit was hit */
    CEL_E_STEPS,    /* the step budget is used up */
    CEL_E_MEMORY    /* the arena is full */
};

enum cel_form {
    CEL_FORM_NATIVE, /* list: items; map: pairs; aux: how many */
    CEL_FORM_JSON,   /* json: a cJSON array or object */
    CEL_FORM_RECORD  /* map only: record, a map that the host computes (event, device, …) */
};

struct cel_pair;
struct cel_record;

struct cel_value {
    uint8_t type;  /* enum cel_type */
    uint8_t form;  /* enum cel_form, for lists and maps */
    uint16_t code; /* enum cel_error, for errors */
    uint32_t aux;
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double d;
        const char *s;
        const struct cel_value *items;
        const struct cel_pair *pairs;
        const cJSON *json;
        const struct cel_record *record;
        const struct cel_value *opt;
    };
};

struct cel_pair {
    struct cel_value key, value;
};

/* A map that the host provides. Embed it at the start of your struct. Keys are strings, told by atom where the program's text names them.
 * get: false when the field is not there. find: the same by name, for names that are no atoms (m["x" + y]). next: iteration in a repeatable order. */
struct cel_record_ops {
    bool (*get)(const struct cel_record *r, atom_t field, struct cel_value *ret);
    bool (*next)(const struct cel_record *r, size_t *it, atom_t *ret_field, struct cel_value *ret);
};
struct cel_record {
    const struct cel_record_ops *ops;
};

/* Making them. Strings are borrowed. */
static inline struct cel_value cel_null(void) { return (struct cel_value){.type = CEL_NULL}; }
static inline struct cel_value cel_bool(bool b) { return (struct cel_value){.type = CEL_BOOL, .b = b}; }
static inline struct cel_value cel_int(int64_t i) { return (struct cel_value){.type = CEL_INT, .i = i}; }
static inline struct cel_value cel_uint(uint64_t u) { return (struct cel_value){.type = CEL_UINT, .u = u}; }
static inline struct cel_value cel_double(double d) { return (struct cel_value){.type = CEL_DOUBLE, .d = d}; }
static inline struct cel_value cel_record(const struct cel_record *r) {
    return (struct cel_value){.type = CEL_MAP, .form = CEL_FORM_RECORD, .record = r};
}
struct cel_value cel_string(const char *s, size_t len);
struct cel_value cel_text(const char *s);     /* NUL-terminated */
struct cel_value cel_json(const cJSON *j);    /* the value that this JSON is; NULL and cJSON_Invalid give null */
struct cel_value cel_time_ms(int64_t ms);     /* timestamp */
struct cel_value cel_duration_ms(int64_t ms); /* duration */
struct cel_value cel_error(enum cel_error code, const char *sentence);

/* Reading them. */
static inline bool cel_is_true(struct cel_value v) { return v.type == CEL_BOOL && v.b; }
static inline bool cel_is_error(struct cel_value v) { return v.type == CEL_ERROR; }
static inline bool cel_is_unknown(struct cel_value v) { return v.type == CEL_ERROR && v.code == CEL_E_ABSENT; }
const char *cel_type_name(struct cel_value v);         /* "int", "google.protobuf.Timestamp", … */
bool cel_as_double(struct cel_value v, double *ret);   /* int, uint, double */
bool cel_as_time_ms(struct cel_value v, int64_t *ret); /* timestamp, within int64 ms */
bool cel_as_duration_ms(struct cel_value v, int64_t *ret);
bool cel_equal(struct cel_value a, struct cel_value b); /* CEL's heterogeneous equality; false where CEL has none */
size_t cel_size(struct cel_value v);                    /* of string (code points), bytes, list, map; 0 else */
bool cel_list_at(struct cel_value list, size_t index, struct cel_value *ret);
bool cel_map_get(struct cel_value map, const char *key, size_t len, struct cel_value *ret);
/* `it` begins at 0; linear over the whole map. */
bool cel_map_next(struct cel_value map, size_t *it, struct cel_value *ret_key, struct cel_value *ret_value);

/* A copy that stands on its own: everything it points to is in `a`. Records become native maps. On no memory: an error value CEL_E_MEMORY. */
struct cel_value cel_copy(struct arena *a, struct cel_value v);
/* As JSON (timestamps and durations as strings, bytes as base64, optionals as their value or null, errors as null, NaN as null, int and uint in full). */
void cel_write_json(struct buf *b, struct cel_value v);
/* As CEL text, for people: strings quoted, bytes b"…", timestamp("…"). */
void cel_write_text(struct buf *b, struct cel_value v);

#endif
