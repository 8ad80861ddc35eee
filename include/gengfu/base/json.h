/* SPDX-License-Identifier: Apache-2.0
 * JSON: cJSON with ceilings, in an arena, and a writer (RFC 8259).
 *
 * A document parsed here lives in the arena and must never meet cJSON_Delete, nor be changed by cJSON's add/replace/detach calls:
 * it is for reading. Texts are checked first: size, nesting, valid UTF-8, no U+0000 in strings (cJSON cannot hold one). */
#ifndef GENGFU_BASE_JSON_H
#define GENGFU_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

#define JSON_MAX_DEPTH 64 /* nesting of arrays and objects; deeper is refused before cJSON sees it */

/* Parses exactly `len` bytes (white space around the value is fine, anything else behind it is an error).
 * 0: *ret is the document, in the arena. <0: *ret untouched, err says what and at which byte. */
GF_WARN_UNUSED int json_parse(struct arena *a, const char *text, size_t len, struct err *err, const cJSON **ret);
/* The same, checked as strictly; but when it is an object, only those of its members are taken apart whose names are wanted. A name that is written with escapes is wanted always. */
struct json_pick {
    bool (*wanted)(void *ctx, const char *name, size_t len);
    void *ctx;
};
GF_WARN_UNUSED int json_parse_some(struct arena *a, const char *text, size_t len, const struct json_pick *pick /* NULL: all of it */,
                                   struct err *err, const cJSON **ret);

/* Writes compact JSON. Numbers: integers in full where |v| <= 2^53, else the shortest text that reads back the same. */
void json_write(struct buf *b, const cJSON *value);
void json_write_string(struct buf *b, const char *s, size_t len); /* with quotes; invalid UTF-8 becomes U+FFFD */

/* Small readers: the member, or the default when it is missing or of another type. Strings are borrowed. */
const char *json_str(const cJSON *object, const char *name, const char *otherwise);
double json_num(const cJSON *object, const char *name, double otherwise);
int64_t json_int(const cJSON *object, const char *name, int64_t otherwise);
bool json_bool(const cJSON *object, const char *name, bool otherwise);
const cJSON *json_get(const cJSON *object, const char *name); /* case-sensitive; NULL when missing */

/* A writer for objects and arrays built piece by piece; it puts the commas. name is NULL inside arrays.
 *   struct jw w = jw_start(&buf); jw_open(&w, NULL, '{'); jw_str(&w, "id", id); jw_close(&w, '}'); */
struct jw {
    struct buf *buf;
    bool first;
};
struct jw jw_start(struct buf *b);
void jw_open(struct jw *w, const char *name, char bracket);
void jw_close(struct jw *w, char bracket);
void jw_str(struct jw *w, const char *name, const char *value); /* NULL writes null */
void jw_strn(struct jw *w, const char *name, const char *value, size_t len);
void jw_int(struct jw *w, const char *name, int64_t value);
void jw_double(struct jw *w, const char *name, double value);
void jw_bool(struct jw *w, const char *name, bool value);
void jw_null(struct jw *w, const char *name);
void jw_raw(struct jw *w, const char *name, const char *json, size_t len); /* text that is JSON already */
void jw_value(struct jw *w, const char *name, const cJSON *value);

#endif
