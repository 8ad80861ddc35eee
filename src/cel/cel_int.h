/* SPDX-License-Identifier: Apache-2.0
 * What the files of this module share: the tree that the parser builds, the program that the compiler makes of it, the state of one
 * evaluation, and the table of functions. Nothing outside src/cel and its tests includes this. */
#ifndef GENGFU_CEL_INT_H
#define GENGFU_CEL_INT_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "gengfu/cel/cel.h"

/* Ceilings that callers need not know. */
#define CEL_MAX_HEIGHT 256        /* of a tree: chains like a + b + c … grow it without nesting */
#define CEL_MAX_LOCALS 64         /* variables of macros that are alive at once */
#define CEL_MAX_ARGS 64           /* of one call */
#define CEL_MAX_ERRORS 20         /* reported per text */
#define CEL_MAX_VALUE_DEPTH 200   /* of values that are compared, copied or written */
#define CEL_MAX_NAME 512          /* bytes of a qualified name */
#define CEL_MAX_RESULT (4u << 20) /* bytes of one string that a function builds */

#define CEL_TIME_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define CEL_TIME_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* What a value may be, as a set of bits; static types are such sets. */
typedef uint16_t mask_t;
#define M(t) ((mask_t)(1u << (t)))
#define M_ANY ((mask_t)((1u << CEL_ERROR) - 1))
#define M_NUMBER ((mask_t)(M(CEL_INT) | M(CEL_UINT) | M(CEL_DOUBLE)))

/* -- lexer -------------------------------------------------------------------------------------------------------------- */
enum token_type {
    TOK_END,
    TOK_BAD, /* reported already */
    TOK_IDENT,
    TOK_RESERVED, /* as, break, …: fine behind a point only */
    TOK_QUOTED,   /* `name` */
    TOK_INT,      /* value.u is the magnitude */
    TOK_UINT,
    TOK_DOUBLE,
    TOK_STRING,
    TOK_BYTES,
    TOK_TRUE,
    TOK_FALSE,
    TOK_NULL,
    TOK_IN,
    TOK_LPAREN,
    TOK_RPAREN,
    TOK_LBRACKET,
    TOK_RBRACKET,
    TOK_LBRACE,
    TOK_RBRACE,
    TOK_DOT,
    TOK_COMMA,
    TOK_COLON,
    TOK_QUESTION,
    TOK_BANG,
    TOK_MINUS,
    TOK_PLUS,
    TOK_STAR,
    TOK_SLASH,
    TOK_PERCENT,
    TOK_LT,
    TOK_LE,
    TOK_GT,
    TOK_GE,
    TOK_EQ,
    TOK_NE,
    TOK_AND,
    TOK_OR
};
struct token {
    enum token_type type;
    uint32_t begin, end;
    struct cel_value value; /* of literals; of names: text */
};
struct report { /* where mistakes go */
    struct cel_diags *diags;
    size_t count;  /* errors of this text */
    uint32_t base; /* everything is reported at [base, base_end) when at_use is set: texts of aliases */
    uint32_t base_end;
    const char *alias; /* name of the alias whose text it is */
    size_t len;        /* of the text, to keep offsets inside */
};
void cel_report(struct report *r, size_t begin, size_t end, const char *hint, const char *fmt, ...) GF_PRINTF(5, 6);
void cel_warn(struct report *r, size_t begin, size_t end, const char *hint, const char *fmt, ...) GF_PRINTF(5, 6);
const char *cel_hint(struct report *r, const char *fmt, ...) GF_PRINTF(2, 3); /* NULL without memory */

struct lexer {
    const char *text;
    size_t len, pos;
    struct arena *arena; /* for literals */
    struct report *report;
    bool no_memory;
};
void cel_lex(struct lexer *l, struct token *ret);
enum token_type cel_lex_sign(int c, int d, size_t *ret_width); /* of a character and the next; TOK_BAD: no sign of the language */

/* -- slips: what people write who come from elsewhere (slips.c) --------------------------------------------------------- */
/* At a sign or word that is none of the language's: reported, l->pos behind it, *ret->type what is meant (TOK_END: nothing). False: it is a plain sign. */
bool cel_slip_lex(struct lexer *l, struct token *ret);
bool cel_slip_is_blank(uint32_t cp);
/* What would be right for a word in the place of an operator, of a name, of a function; NULL when nothing is known of it. */
const char *cel_slip_operator(const char *word);
const char *cel_slip_name(const char *name);
const char *cel_slip_function(const char *name);

/* -- tree --------------------------------------------------------------------------------------------------------------- */
enum ast_kind {
    AST_BAD, /* reported already */
    AST_CONST,
    AST_IDENT,  /* name; flag ROOT for a point in front */
    AST_SELECT, /* a.name; flags OPT, TEST (has) */
    AST_INDEX,  /* a[b]; flag OPT */
    AST_CALL,   /* name(args) or a.name(args) */
    AST_OP,     /* op; a, b */
    AST_AND,    /* args, two or more */
    AST_OR,
    AST_COND,     /* a ? b : c */
    AST_LIST,     /* args */
    AST_MAP,      /* args: key, value, key, value … */
    AST_LOOP,     /* op: a comprehension node; a: range, b: filter or NULL, c: body; names of variables */
    AST_BIND,     /* name, a: value, c: body; op NODE_BIND, NODE_OPT_MAP, NODE_OPT_FLAT_MAP */
    AST_VAR,      /* made by the checker: slot */
    AST_LOCAL,    /* slot */
    AST_AGGREGATE /* slot */
};
enum { AST_OPT = 1, AST_TEST = 2, AST_ROOT = 4, AST_PAREN = 8 };
enum node_op {
#define X(id, name, fn, shows) id,
#include "nodes.h"
#undef X
    NODE_COUNT
};
struct overload;
struct ast {
    uint8_t kind, flags, op;
    uint16_t height;
    mask_t mask, elem;   /* by the checker: what it may be, and what its elements may be (0: not known) */
    uint32_t begin, end; /* the whole of it */
    uint32_t at, at_end; /* the operator, the name */
    uint32_t piece_len;
    const char *piece; /* in an alias: its text, where begin and end are those of the use; NULL outside */
    uint32_t slot;
    uint32_t nargs;
    const char *name, *name2; /* NUL-terminated */
    uint32_t name_len;
    struct ast *a, *b, *c;
    struct ast **args;
    uint8_t *opt_args; /* per element or entry: written with ? in front; NULL when none is */
    struct cel_value value;
    const struct cel_function_decl *host;
    const struct overload *const *overloads; /* NULL-terminated candidates */
};

struct parser {
    struct lexer lexer;
    struct token tok, before;
    struct arena *arena;
    struct report *report;
    unsigned depth;
    size_t nodes; /* counts down to 0 */
    bool stop;    /* a limit was hit or memory is out: nothing more makes sense */
    bool ended;   /* that the text ends too early was reported: open brackets are no news */
    bool lost;    /* the last mistake was a bracket or comma that is out of place itself */
};
/* The tree of a text, NULL when nothing could be made of it. report->count says whether there were mistakes. nodes: how many are left, shared over aliases. */
struct ast *cel_parse(struct arena *arena, struct report *report, const char *text, size_t len, size_t *nodes);
/* Macros (parser_macros.c): the tree for target.name(args), or NULL when it is no macro. */
struct ast *cel_parse_macro(struct parser *p, struct ast *call);
struct ast *cel_ast_new(struct parser *p, enum ast_kind kind, uint32_t begin, uint32_t end);
void cel_ast_height(struct parser *p, struct ast *n);

/* -- functions ---------------------------------------------------------------------------------------------------------- */
struct ev;
struct node;
struct call {
    struct ev *ev;
    const struct node *node;
    unsigned argc;
    const struct cel_value *argv;
};
typedef struct cel_value (*cel_builtin)(const struct call *c);
struct cel_fn {            /* a row of a function table, as written */
    const char *signature; /* "string.indexOf(string, int) -> int"; "math.abs(int) -> int"; "math.least(number, ...) -> number" */
    cel_builtin fn;
    const char *about, *example;
};
struct overload { /* the same, read */
    const char *name;
    size_t name_len;
    bool member;
    uint8_t argc;
    bool variadic; /* the last may be repeated */
    mask_t args[6];
    mask_t result;
    const struct cel_fn *row;
};
extern const struct cel_fn cel_fns_strings[], cel_fns_convert[], cel_fns_time[], cel_fns_math[], cel_fns_lists[], cel_fns_misc[],
    cel_fns_net[], cel_fns_regex[];
size_t cel_macro_docs(struct cel_function_doc *ret, size_t n); /* of each macro; returns how many there are */
size_t cel_overloads(const struct overload **ret);             /* all of them, sorted by table; read from the signatures at the first use */
bool cel_signature_read(const char *signature, struct overload *ret); /* name points into signature */
bool cel_function_known(const char *name, size_t len);
const char *cel_mask_text(struct arena *a, mask_t m); /* "int or string" */
const char *cel_type_word(enum cel_type t);           /* "int", "timestamp", … */
struct cel_value cel_sort_list(const struct call *c); /* eval_loops.c */
struct cel_value cel_fn_format(const struct call *c);

/* -- program ------------------------------------------------------------------------------------------------------------ */
typedef struct cel_value (*cel_run_fn)(const struct node *n, struct ev *e);
struct node {
    cel_run_fn run;
    const struct node *a, *b, *c;
    const struct node **args;
    uint32_t slot;
    atom_t atom;
    uint16_t nargs;
    uint8_t op;
    uint8_t flags;
    uint32_t begin, end;
    uint32_t
        piece_len; /* of piece; here, because there are thousands of nodes, and each place that is left empty would be in all of them */
    struct cel_value value;
    const char *piece; /* as in the tree */
    const void *extra; /* by op: regular expression, zone, set, function of the host, sentence for an absent field */
    const struct overload *const *overloads;
    const uint8_t *opt_args;
};
enum { NODE_TWO = 1, NODE_PLAIN = 2 /* the field's name has no NUL */, NODE_LOCAL_ZONE = 4 };

struct cel_regex;
struct cel_program {
    struct arena arena;
    const char *text;
    size_t len;
    size_t shift; /* where text begins in the text that places count from: an aggregate's argument is a piece of its expression */
    const struct node *root;
    struct cel_read *reads;
    size_t nreads, cap_reads;
    struct cel_regex *regexes; /* list */
    struct zone_ref {
        struct zone_ref *next;
        struct zone *zone;
        char name[64];
    } * zones; /* opened for this program; those of names that are computed are added while it runs */
    size_t nzones;
    const struct zone *site;
    size_t nlocals;
    size_t nvars;       /* highest slot + 1 */
    size_t naggregates; /* the same */
    bool pure;          /* reads nothing */
    mask_t types;       /* what it may give */
};

struct ev {
    const struct cel_value *vars;
    const struct cel_value *aggregates;
    struct arena *arena;
    void *host;
    uint32_t steps;
    struct cel_value *locals;
    const struct cel_program *program;
};

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct cel_value cel_out_of_steps(struct ev *e);
static inline struct cel_value cel_run(const struct node *n, struct ev *e) {
    if (UNLIKELY(e->steps == 0))
        return cel_out_of_steps(e);
    e->steps--;
    return n->run(n, e);
}
/* Takes n steps; false when they are not there (then none are left). */
static inline bool cel_take(struct ev *e, size_t n) {
    if (UNLIKELY(e->steps < n)) {
        e->steps = 0;
        return false;
    }
    e->steps -= (uint32_t)n;
    return true;
}
static inline bool cel_take_text(struct ev *e, size_t bytes) { return cel_take(e, bytes / 64); }
/* For a text taken out of JSON: its length was counted on the way. */
static inline bool cel_take_read(struct ev *e, struct cel_value v) {
    return v.type != CEL_STRING || v.aux < 1024 || cel_take(e, v.aux / 1024);
}
/* Errors that && and || must not swallow: evaluation itself came to its end. */
static inline bool cel_is_fatal(struct cel_value v) { return v.type == CEL_ERROR && (v.code == CEL_E_STEPS || v.code == CEL_E_MEMORY); }

struct cel_value cel_fail(struct ev *e, const struct node *n, enum cel_error code, const char *fmt, ...) GF_PRINTF(4, 5);
struct cel_value cel_no_overload2(struct ev *e, const struct node *n, const char *op, struct cel_value a, struct cel_value b);
struct cel_value cel_no_memory(void);
void *cel_alloc(struct ev *e, size_t size); /* NULL: give cel_no_memory() back */

/* A list that is being built. */
struct vec {
    struct cel_value *items;
    uint32_t count, cap;
};
bool cel_vec_push(struct ev *e, struct vec *v, struct cel_value item);
struct cel_value cel_list(const struct cel_value *items, size_t n);
struct cel_value cel_map(const struct cel_pair *pairs, size_t n);
struct cel_value cel_bytes(const void *data, size_t len);
struct cel_value cel_type_value(const char *name);
struct cel_value cel_some(struct ev *e, struct cel_value v); /* optional.of */
static inline struct cel_value cel_none(void) { return (struct cel_value){.type = CEL_OPTIONAL}; }

/* Going over lists and maps. */
struct iter {
    struct cel_value over;
    const cJSON *item;
    size_t it;
};
bool cel_iter(struct iter *it, struct cel_value over);                                       /* false: neither list nor map */
bool cel_iter_next(struct iter *it, struct cel_value *ret_key, struct cel_value *ret_value); /* key: index in a list */

/* Equality with a budget (e may be NULL: none). */
bool cel_same(struct ev *e, struct cel_value a, struct cel_value b, unsigned depth);
/* Order of two values of like kind: false when they have none. */
bool cel_order(struct cel_value a, struct cel_value b, int *ret);
int cel_order_number(struct cel_value a, struct cel_value b, bool *ret_nan);
/* A key in a map; `ret_ok` false when the type cannot be a key. */
bool cel_find(struct ev *e, struct cel_value map, struct cel_value key, struct cel_value *ret, bool *ret_ok);
bool cel_key_type(struct cel_value v);
bool cel_json_field(struct ev *e, const cJSON *object, const char *name, size_t len, const cJSON **ret);

/* Text of numbers and times. */
#define CEL_NUMBER_TEXT 400
size_t cel_double_text(double d, char *out, size_t size);  /* as Go's 'g' with the shortest digits */
size_t cel_double_fixed(double d, char *out, size_t size); /* the same value without an exponent */
size_t cel_time_text(struct cel_value v, char *out, size_t size);
size_t cel_duration_text(struct cel_value v, char *out, size_t size);
#define CEL_NET_TEXT 64
size_t cel_net_text(struct cel_value v, char out[CEL_NET_TEXT]); /* an address or a network */
bool cel_duration_parse(const char *s, size_t len, struct cel_value *ret);
bool cel_duration_make(int64_t seconds, int64_t nanos, struct cel_value *ret); /* their sum; false: more nanoseconds than an int64 holds */
bool cel_time_make(int64_t seconds, int64_t nanos, struct cel_value *ret);     /* nanos may be anything within +-2^62 */
struct cel_value cel_time_of_text(const struct call *c, struct cel_value v);
struct cel_value cel_time_part(struct ev *e, const struct node *n, const char *name, struct cel_value v, const struct zone *z);
bool cel_zone_fixed(const char *s, size_t len, int *ret_offset);
struct cel_value cel_number_of_text(const struct call *c, enum cel_type want);

/* Regular expressions. */
struct cel_regex {
    struct cel_regex *next;
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    uint32_t groups;
};
/* NULL: not valid, and *ret_message (in a) and *ret_at say why and at which byte. */
struct cel_regex *cel_regex_new(struct arena *a, const char *pattern, size_t len, const char **ret_message, size_t *ret_at);
void cel_regex_done(struct cel_regex *r); /* the struct itself is the arena's */
#define CEL_GROUPS_WRONG "the regular expression has more than one group; write (?:…) for those that only group"
#define CEL_REPLACEMENT_WRONG "in a replacement \\ is followed by the number of a group (0 to %u) or by another \\"
bool cel_replacement_ok(struct cel_value with, const struct cel_regex *r);
/* >= 0: groups found (0: no match); < 0: cel_error code negated. from: byte to begin at. */
int cel_regex_match(struct ev *e, const struct cel_regex *r, const char *s, size_t len, size_t from);

/* -- environment and compiling ------------------------------------------------------------------------------------------ */
struct cel_env {
    struct env_var {
        char *name;
        enum cel_decl_type type;
        bool open, warn_open;
        struct cel_field_decl *fields;
        size_t nfields;
    } * vars;
    size_t nvars;
    struct env_const {
        char *name;
        struct cel_value value;
    } * consts;
    size_t nconsts;
    struct env_alias {
        char *name;
        char *text;
        size_t len;
    } * aliases;
    size_t naliases;
    struct cel_function_decl *functions;
    size_t nfunctions;
    char *container;
    const struct zone *site;
    struct arena arena; /* everything above */
};
const struct env_var *cel_env_find_var(const struct cel_env *e, const char *name, size_t *ret_slot);
bool cel_name_ok(const char *name, bool dots); /* an identifier, not reserved */
bool cel_word_reserved(const char *name, size_t len);

struct local {
    const char *name;
    mask_t mask, elem;
    uint32_t slot;
};
struct compiler {
    const struct cel_env *env;
    const struct cel_options *opt;
    struct report *report;
    struct arena *arena; /* of the trees, gone when compiling is done */
    struct cel_program *program;
    const char *text;
    size_t *nodes;
    struct local locals[CEL_MAX_LOCALS];
    size_t nlocals;
    size_t first_local; /* those below are not seen: outside of an alias */
    const struct env_alias *expanding[16];
    size_t nexpanding;
    unsigned guard;           /* > 0: absence is borne here */
    unsigned depth;           /* of the tree, aliases included */
    size_t impure;            /* nodes made so far that read variables, aggregates, or call the host */
    uint32_t lowest_local;    /* the lowest slot that the nodes made so far read */
    struct arena *scratch;    /* for folding */
    const struct ast *dashed; /* what stands before a - without blanks: x.my-field may be meant as one name */
    bool in_aggregate;
    bool no_memory;
};
mask_t cel_check(struct compiler *c, struct ast *n);
/* Parts of the checker. */
mask_t cel_check_call(struct compiler *c, struct ast *n);
mask_t cel_check_name(struct compiler *c, struct ast *n, bool as_target);   /* AST_IDENT */
mask_t cel_check_select(struct compiler *c, struct ast *n, bool as_target); /* AST_SELECT */
/* The same as cel_check for what a field is selected from: no read of its own. */
mask_t cel_check_target(struct compiler *c, struct ast *n);
/* a.b.c as text, unless it begins with a local. */
bool cel_qualified(struct compiler *c, const struct ast *n, char *out, size_t size, bool *ret_root);
mask_t cel_check_field(struct compiler *c, struct ast *target, const char *name, size_t len, const struct ast *at, bool guarded);
void cel_mistake(struct compiler *c, struct ast *n, size_t begin, size_t end, const char *hint, const char *fmt, ...)
    GF_PRINTF(6, 7);                                            /* n becomes AST_BAD */
void cel_check_format(struct compiler *c, const struct ast *n); /* format.c: clauses against values, where both are written out */
const char *cel_hint_nearest(struct compiler *c, const char *name, bool functions);
const struct cel_function_decl *cel_env_find_function(const struct cel_env *e, const char *container, const char *name);
bool cel_container_next(const char *container, size_t *len); /* from "a.b" (its length at first) to "a" to "" ; false when done */
const struct local *cel_local_find(const struct compiler *c, const char *name);
const struct node *cel_generate(struct compiler *c, struct ast *n);
mask_t cel_op_result(enum node_op op, enum cel_type a, enum cel_type b); /* 0: no overload */
int cel_lift_aggregate(struct compiler *c, struct ast *call);            /* 0: no aggregate; 1: call is AST_AGGREGATE now (or reported) */
int cel_program_build(struct compiler *c, struct ast *n);                /* checked tree to c->program */
const char *cel_node_name(enum node_op op);
const char *cel_op_sign(enum node_op op);                                  /* "+" … */
struct cel_set;                                                            /* constants prepared for `in` */
const struct cel_set *cel_set_new(struct arena *a, struct cel_value list); /* NULL: not worth it, or not possible */
bool cel_set_has(const struct cel_set *s, struct cel_value v);

#define X(id, name, fn, shows) struct cel_value fn(const struct node *n, struct ev *e);
#include "nodes.h"
#undef X

#endif
