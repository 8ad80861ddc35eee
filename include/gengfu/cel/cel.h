/* SPDX-License-Identifier: Apache-2.0
 * CEL, the Common Expression Language (github.com/google/cel-spec, doc/langdef.md), over JSON values.
 *
 * The way: environment (what names mean) + text -> program (once, at load) -> value (per event).
 *
 *   text -> lexer -> parser (macros expanded; one depth counter) -> tree -> checker (names, functions, arity, and types where known)
 *        -> compiler (constants folded, regular expressions compiled, fields as atoms) -> program -> evaluator (step budget, no malloc)
 *
 * Declared departures from the standard stand in docs/cel.md; the first: int or uint with double is computed as double.
 * Knows nothing of rules, YAML, clocks and files. Not for several threads at once over the same environment or context. */
#ifndef GENGFU_CEL_CEL_H
#define GENGFU_CEL_CEL_H

#include "gengfu/base/arena.h"
#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"
#include "gengfu/base/time.h"
#include "gengfu/cel/value.h"

/* Ceilings. */
#define CEL_MAX_TEXT 16384      /* bytes of one expression */
#define CEL_MAX_DEPTH 96        /* nesting of the parser */
#define CEL_MAX_NODES 8192      /* of one tree after macros */
#define CEL_MAX_VARS 64         /* variables of one environment */
#define CEL_DEFAULT_STEPS 20000 /* evaluation steps: one per node entered, per element visited, per 64 bytes of text touched */

/* What is wrong with a text: where, and what would be right. */
struct cel_diag {
    size_t begin, end; /* byte offsets in the text; end > begin except at the end of the text */
    bool warning;
    const char *text; /* "no field 'powr_w'"; lives in the diags' arena */
    const char *hint; /* "did you mean 'power_w'?"; may be NULL */
};
struct cel_diags {
    struct arena *arena; /* the caller's */
    struct cel_diag *items;
    size_t count, cap;
    size_t errors; /* how many are not warnings */
};

/* -- environment -------------------------------------------------------------------------------------------------------- */
struct cel_env;

/* What is known of a variable at load. */
enum cel_decl_type {
    CEL_DECL_DYN,
    CEL_DECL_BOOL,
    CEL_DECL_INT,
    CEL_DECL_DOUBLE,
    CEL_DECL_NUMBER, /* int or double */
    CEL_DECL_STRING,
    CEL_DECL_LIST,
    CEL_DECL_MAP,
    CEL_DECL_TIMESTAMP,
    CEL_DECL_DURATION,
    CEL_DECL_RECORD /* a map whose fields are listed (or open) */
};
struct cel_field_decl {
    atom_t name;
    enum cel_decl_type type;
};
struct cel_decl {
    const char *name; /* an identifier */
    enum cel_decl_type type;
    const struct cel_field_decl *fields; /* CEL_DECL_RECORD: what is known; copied */
    size_t nfields;
    bool open; /* other fields may be there too: an unknown name is no error (a warning when `warn_open`) */
    bool warn_open;
};

/* A function that the host adds. argv holds `argc` values, none of them an error. Memory for the result comes from `arena`; `host` is the context's. */
typedef struct cel_value (*cel_host_fn)(struct arena *arena, void *host, size_t argc, const struct cel_value *argv);
struct cel_function_decl {
    const char *name;
    size_t min_args, max_args; /* a member call counts its receiver as the first */
    bool member;               /* may also be called as x.f(…) */
    cel_host_fn fn;
    const char *signature; /* for messages: "weekday(timestamp, string) -> int" */
    /* Looked at when a program is compiled: argv[i] is NULL where the argument is not a constant. NULL, or a sentence why the call can never be right. May be NULL itself. */
    const char *(*check)(size_t argc, const struct cel_value *const *argv, size_t *ret_which);
};

GF_WARN_UNUSED int cel_env_new(struct cel_env **ret);  /* with the standard library and the extensions of docs/cel.md */
struct cel_env *cel_env_copy(const struct cel_env *e); /* to extend one base differently; NULL without memory */
void cel_env_free(struct cel_env *e);
/* Each gives GF_EEXIST for a name that is taken, GF_ELIMIT, GF_ENOMEM. *ret_slot: where the variable stands in the context's vars. */
GF_WARN_UNUSED int cel_env_var(struct cel_env *e, const struct cel_decl *decl, struct err *err, size_t *ret_slot);
GF_WARN_UNUSED int cel_env_const(struct cel_env *e, const char *name, struct cel_value value, struct err *err); /* value is copied */
/* `decl` is copied, its strings are borrowed for the env's life. */
GF_WARN_UNUSED int cel_env_function(struct cel_env *e, const struct cel_function_decl *decl, struct err *err);
/* A name that stands for an expression (a rule file's macro). Checked for syntax now; cycles are refused at compile. */
GF_WARN_UNUSED int cel_env_alias(struct cel_env *e, const char *name, const char *text, size_t len, struct cel_diags *diags);
/* The container for name resolution (langdef "Name Resolution"); "" by default. Variables with dots in their names are allowed. */
GF_WARN_UNUSED int cel_env_container(struct cel_env *e, const char *container);
/* The zone that 'local' names in getHours('local') and the like; the accessors without a zone stay in UTC. It must outlive the programs. */
GF_WARN_UNUSED int cel_env_zone(struct cel_env *e, const struct zone *site);

/* -- aggregates --------------------------------------------------------------------------------------------------------- */
/* Names like event_count() and value_avg(event.x) that stand for something over many events. With an aggregate set given to cel_compile, such a call is lifted out:
 * the program reads slot k of the context's `aggregates`, and the set's item k holds the function's name and the compiled argument. Equal calls share a slot,
 * also between programs that are compiled with the same set. */
struct cel_program;
struct cel_aggregate {
    const char *name;        /* "value_count" */
    struct cel_program *arg; /* NULL when there is none (event_count) */
    double param;            /* second argument when there is one: value_percentile(x, 95); must be a constant number */
    const char *text;        /* the call as written, for explain */
};
struct cel_aggregate_name {
    const char *name;
    size_t args; /* 0, 1, or 2 (the second a constant number) */
    const char *signature;
    double low, high; /* where the second argument must lie */
};
struct cel_aggregates {
    const struct cel_aggregate_name *names;
    size_t nnames;
    struct cel_aggregate *items; /* owned by the set */
    size_t count;
};
void cel_aggregates_done(struct cel_aggregates *set);

/* -- programs ------------------------------------------------------------------------------------------------------------ */
struct cel_options {
    struct cel_aggregates *aggregates; /* NULL: none are allowed */
    enum cel_decl_type want; /* CEL_DECL_DYN, or what the result must be (an error at load when it is known to be something else) */
    /* What would be right for a name that is not known, where the caller knows better than the spelling does: the hint, put into buf; or NULL. May be NULL itself. */
    const char *(*hint)(void *arg, const char *name, char *buf, size_t size);
    /* What a field of an open record is known to be, as cel_program_types says it; 0: not known. May be NULL. */
    uint32_t (*field_types)(void *arg, size_t slot, atom_t field);
    void *arg;     /* of both */
    bool no_check; /* skip the type checker (conformance cases ask for it) */
    bool no_fold;  /* keep constant parts as nodes, evaluated each time: for tests */
};

/* 0: *ret is new, free it with cel_program_free. <0: *ret untouched and diags says why, every mistake of the text in one run where possible.
 * Warnings may stand in diags also on success. The env may be freed while the program lives. */
GF_WARN_UNUSED int cel_compile(const struct cel_env *e, const char *text, size_t len, const struct cel_options *opt,
                               struct cel_diags *diags, struct cel_program **ret);
void cel_program_free(struct cel_program *p);

/* What it can give as far as that is known at load: a bit 1 << type for each. */
uint32_t cel_program_types(const struct cel_program *p);

/* What a program reads: "event.power_w", not guarded by has(), ?. or the like. Paths of one field below a variable. */
struct cel_read {
    size_t slot;       /* the variable */
    atom_t field;      /* 0: the variable as a whole */
    bool guarded;      /* read in a way that bears absence */
    size_t begin, end; /* where, in the text */
};
size_t cel_program_reads(const struct cel_program *p, const struct cel_read **ret);
/* If the program is a conjunction that contains `var.field == constant` or `var.field in [constants]`, gives these (for indexes). Returns how many were stored, at most n. */
struct cel_equality {
    size_t slot;
    atom_t field;
    struct cel_value value; /* one_of: a list, and the field is one of its items */
    bool one_of;
};
size_t cel_program_equalities(const struct cel_program *p, struct cel_equality *ret, size_t n);
/* If the program is a conjunction (or one part of it alone) that contains `var.field < constant` or the like, `var.field` or `!var.field`, gives these: numbers, texts, true and false.
 * Where cel_guard_fails is true of the field's value, the program's value is false. It is false where nothing can be said. */
enum cel_guard_op { CEL_GUARD_EQ, CEL_GUARD_NE, CEL_GUARD_LT, CEL_GUARD_LE, CEL_GUARD_GT, CEL_GUARD_GE };
struct cel_guard {
    size_t slot;
    atom_t field;
    enum cel_guard_op op;
    struct cel_value value; /* a double, a string of the program, or a bool */
    double low, high;       /* of a double: what passes lies within */
};
size_t cel_program_guards(const struct cel_program *p, struct cel_guard *ret, size_t n);
bool cel_guard_differs(const struct cel_guard *g, const struct cel_value *v); /* of texts and bools */
static inline bool cel_guard_fails(const struct cel_guard *g, const struct cel_value *v) {
    double d;
    if (g->value.type != CEL_DOUBLE)
        return cel_guard_differs(g, v);
    if (v->type == CEL_DOUBLE)
        d = v->d;
    else if (v->type == CEL_INT && v->i >= -(INT64_C(1) << 53) && v->i <= INT64_C(1) << 53)
        d = (double)v->i;
    else
        return false; /* whatever the language makes of it */
    return !(d >= g->low && d <= g->high);
}
const char *cel_program_text(const struct cel_program *p);
bool cel_program_constant(const struct cel_program *p, struct cel_value *ret); /* true when folding left one value */

/* -- evaluation ---------------------------------------------------------------------------------------------------------- */
struct cel_context {
    const struct cel_value *vars;       /* by slot; CEL_ERROR/CEL_E_ABSENT for one that has no value */
    const struct cel_value *aggregates; /* by slot; NULL when the program has none */
    struct arena *arena;                /* for what evaluation must build (strings, lists); results may point into it */
    uint32_t steps;                     /* budget; counted down; 0 on entry means CEL_DEFAULT_STEPS */
    void *host;                         /* handed to host functions */
};
/* The value, or a CEL_ERROR value. Never fails otherwise. A comparison over scalars allocates nothing. */
struct cel_value cel_eval(const struct cel_program *p, struct cel_context *ctx);

/* For people: the compiled form, one instruction or node a line; and each sub-expression with its value, indented by depth. */
void cel_dump(const struct cel_program *p, struct buf *out);
void cel_explain(const struct cel_program *p, struct cel_context *ctx, struct buf *out);

/* The function table, for docs, completion and the nearest-name hints. NULL-terminated. */
struct cel_function_doc {
    const char *name, *signature;
    const char *about;   /* one sentence */
    const char *example; /* "size('abc') => 3": an expression and its value as CEL text */
};
const struct cel_function_doc *cel_function_docs(void);

#endif
