/* SPDX-License-Identifier: Apache-2.0
 * Errors: a negative code for the program, a sentence for the person.
 *
 * Every function that can fail returns 0 or one of these codes, and, where a `struct err *` is passed, leaves a complete
 * sentence there. On success the struct is untouched. Each layer may put its own prefix in front ("reload: rules.d/10.yaml: …").
 * `err` may always be NULL. Library code never logs and never exits: it returns. */
#ifndef GENGFU_BASE_ERR_H
#define GENGFU_BASE_ERR_H

#include <stddef.h>

/* One list makes enum, name and text. */
#define GF_ERRORS(X) \
    X(GF_EINVAL, -1, "not valid") \
    X(GF_ENOMEM, -2, "out of memory") \
    X(GF_EIO, -3, "input or output failed") \
    X(GF_ELIMIT, -4, "over a limit") \
    X(GF_ENOTFOUND, -5, "not found") \
    X(GF_EEXIST, -6, "exists already") \
    X(GF_ESTATE, -7, "not possible in this state") \
    X(GF_ECORRUPT, -8, "damaged") \
    X(GF_EFULL, -9, "no room") \
    X(GF_EDENIED, -10, "not allowed") \
    X(GF_EUNAVAIL, -11, "not reachable") \
    X(GF_EVERSION, -12, "from another version") \
    X(GF_EBUG, -13, "a fault in gengfu itself")

enum gf_error {
    GF_OK = 0,
#define X(name, value, text) name = value,
    GF_ERRORS(X)
#undef X
};

struct err {
    int code;        /* 0 while nothing went wrong */
    char text[1024]; /* a sentence without a full stop at its end; cut at the size, never overrun */
};

#define GF_WARN_UNUSED __attribute__((warn_unused_result))
/* Where a result of such a function is of no use, say so: gf_ignore(call). A cast to void does not satisfy gcc. */
#define gf_ignore(call) ((void)!(call))
#define GF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Sets the sentence and returns `code`, so that one line does both: `return err_set(err, GF_EINVAL, "…")`. */
int err_set(struct err *err, int code, const char *fmt, ...) GF_PRINTF(3, 4);
/* The same with ": " and the text of `errnum` (an errno) at the end. */
int err_sys(struct err *err, int code, int errnum, const char *fmt, ...) GF_PRINTF(4, 5);
/* Puts "<prefix>: " in front of what is there; returns err->code (GF_EBUG when err is NULL or clean). */
int err_prefix(struct err *err, const char *fmt, ...) GF_PRINTF(2, 3);
/* "GF_EINVAL" and "not valid"; never NULL. */
const char *err_name(int code);
const char *err_text(int code);

#ifdef __clang_analyzer__ /* which does not look into another file, so it is told here that the code comes back as it was given */
#define err_set(err, code, ...) ((void)(err_set)((err), (code), __VA_ARGS__), (code))
#define err_sys(err, code, errnum, ...) ((void)(err_sys)((err), (code), (errnum), __VA_ARGS__), (code))
#endif

#endif
