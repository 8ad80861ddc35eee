/* SPDX-License-Identifier: Apache-2.0
 * The evaluator: every node of a program has a function that gives its value. Errors are values; the only things that stop an
 * evaluation short are the step budget and the arena. Depth is bounded by the height of the tree, which the parser bounded.
 * Here: leaves, fields, indexes, logic, literals and calls. Operators stand in eval_ops.c, loops in eval_loops.c. */
#include "cel_int.h"

#include <stdarg.h>
#include <stdio.h>

struct cel_value cel_out_of_steps(struct ev *e) {
    e->steps = 0;
    return cel_error(CEL_E_STEPS, "the step budget is used up");
}
struct cel_value cel_no_memory(void) {
    return cel_error(CEL_E_MEMORY, "the arena is full");
}
void *cel_alloc(struct ev *e, size_t size) { return e->arena ? arena_alloc(e->arena, size ? size : 1) : NULL; }

/* The place of an error travels in aux: byte offset in the program's text, plus one. */
struct cel_value cel_fail(struct ev *e, const struct node *n, enum cel_error code, const char *fmt, ...) {
    static const char *const plain[] = {"",
                                        "no such field or key",
                                        "no such overload",
                                        "out of range",
                                        "value cannot be read",
                                        "regular expression failed",
                                        "the step budget is used up",
                                        "the arena is full"};
    char text[256];
    struct cel_value v = cel_error(code, plain[code]);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *s = e->arena ? arena_strdup(e->arena, text) : NULL;
    if (s)
        v.s = s;
    v.aux = n ? n->begin + 1 : 0;
    return v;
}

const char *cel_type_word(enum cel_type t) {
    static const char *const words[] = {"null", "bool",      "int",      "uint", "double",   "string",  "bytes",   "list",
                                        "map",  "timestamp", "duration", "type", "optional", "address", "network", "error"};
    return words[t];
}

struct cel_value cel_no_overload2(struct ev *e, const struct node *n, const char *op, struct cel_value a, struct cel_value b) {
    return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s %s %s", cel_type_word(a.type), op, cel_type_word(b.type));
}

bool cel_vec_push(struct ev *e, struct vec *v, struct cel_value item) {
    if (v->count == v->cap) {
        uint32_t cap = v->cap ? 2 * v->cap : 8;
        struct cel_value *items = cel_alloc(e, cap * sizeof *items);
        if (!items)
            return false;
        if (v->count)
            memcpy(items, v->items, v->count * sizeof *items);
        v->items = items;
        v->cap = cap;
    }
    v->items[v->count++] = item;
    return true;
}

struct cel_value cel_some(struct ev *e, struct cel_value v) {
    struct cel_value *in = cel_alloc(e, sizeof *in);
    if (!in)
        return cel_no_memory();
    *in = v;
    return (struct cel_value){.type = CEL_OPTIONAL, .opt = in};
}

/* -- leaves ------------------------------------------------------------------------------------------------------------- */
struct cel_value cel_run_const(const struct node *n, struct ev *e) {
    (void)e;
    return n->value;
}
struct cel_value cel_run_fail(const struct node *n, struct ev *e) {
    (void)e;
    return n->value;
}
struct cel_value cel_run_var(const struct node *n, struct ev *e) {
    return e->vars[n->slot];
}
struct cel_value cel_run_local(const struct node *n, struct ev *e) {
    return e->locals[n->slot];
}
struct cel_value cel_run_aggregate(const struct node *n, struct ev *e) {
    return e->aggregates ? e->aggregates[n->slot] : cel_error(CEL_E_ABSENT, "no events to sum over here");
}

/* -- fields ------------------------------------------------------------------------------------------------------------- */
enum found { FOUND, ABSENT, WRONG_TYPE };

/* The field in a map. Absent is the common "no" and costs no memory: the node has its sentence ready. */
static inline enum found field_in(const struct node *n, struct cel_value v, struct ev *e, struct cel_value *ret) {
    if (v.type != CEL_MAP)
        return WRONG_TYPE;
    if (v.form == CEL_FORM_RECORD)
        return v.record->ops->get(v.record, n->atom, ret) ? FOUND : ABSENT;
    if (v.form == CEL_FORM_JSON) {
        const cJSON *j;
        if (!(n->flags & NODE_PLAIN) || !cel_json_field(e, v.json, n->value.s, n->value.aux, &j))
            return ABSENT;
        *ret = cel_json(j);
        return cel_take_read(e, *ret) ? FOUND : ABSENT;
    }
    if (!cel_take(e, v.aux / 16))
        return ABSENT;
    return cel_map_get(v, n->value.s, n->value.aux, ret) ? FOUND : ABSENT;
}

static struct cel_value absent(const struct node *n) {
    /* The sentence stands behind the name, with its own NUL; see field_node in generate.c. */
    return (struct cel_value){.type = CEL_ERROR, .code = CEL_E_ABSENT, .aux = n->begin + 1, .s = n->extra};
}

static struct cel_value wrong_field(const struct node *n, struct cel_value v, struct ev *e) {
    if (v.type == CEL_ERROR)
        return v;
    return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s has no fields (.%s)", cel_type_word(v.type), n->value.s);
}

/* Selection on an optional gives an optional. */
static struct cel_value field_of_optional(const struct node *n, struct cel_value v, struct ev *e) {
    struct cel_value r;
    if (!v.opt)
        return v;
    switch (field_in(n, *v.opt, e, &r)) {
    case FOUND: return cel_some(e, r);
    case ABSENT: return cel_none();
    default: return v.opt->type == CEL_OPTIONAL ? field_of_optional(n, *v.opt, e) : wrong_field(n, *v.opt, e);
    }
}

static inline struct cel_value field(const struct node *n, struct cel_value v, struct ev *e) {
    struct cel_value r;
    switch (field_in(n, v, e, &r)) {
    case FOUND: return r;
    case ABSENT: return absent(n);
    default: return v.type == CEL_OPTIONAL ? field_of_optional(n, v, e) : wrong_field(n, v, e);
    }
}

struct cel_value cel_run_field(const struct node *n, struct ev *e) {
    return field(n, cel_run(n->a, e), e);
}
struct cel_value cel_run_var_field(const struct node *n, struct ev *e) {
    return field(n, e->vars[n->slot], e);
}

struct cel_value cel_run_has(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e), r;
    if (v.type == CEL_OPTIONAL) {
        while (v.type == CEL_OPTIONAL && v.opt)
            v = *v.opt;
        if (v.type == CEL_OPTIONAL)
            return cel_bool(false);
    }
    switch (field_in(n, v, e, &r)) {
    case FOUND: return cel_bool(true);
    case ABSENT: return cel_bool(false);
    default: return wrong_field(n, v, e);
    }
}

/* a.?f: FOUND and *ret the value, ABSENT (also of what can have no fields), or WRONG_TYPE and *ret the error that a is. */
static enum found opt_field(const struct node *n, struct ev *e, struct cel_value *ret) {
    struct cel_value v = cel_run(n->a, e);
    while (v.type == CEL_OPTIONAL) {
        if (!v.opt)
            return ABSENT;
        v = *v.opt;
    }
    enum found f = field_in(n, v, e, ret);
    if (f != WRONG_TYPE)
        return f;
    *ret = v;
    return v.type == CEL_ERROR ? WRONG_TYPE : ABSENT;
}

struct cel_value cel_run_opt_field(const struct node *n, struct ev *e) {
    struct cel_value r;
    switch (opt_field(n, e, &r)) {
    case FOUND: return cel_some(e, r);
    case ABSENT: return cel_none();
    default: return r;
    }
}

/* a.?f.orValue(b), without making the optional. */
struct cel_value cel_run_field_or(const struct node *n, struct ev *e) {
    struct cel_value r;
    return opt_field(n, e, &r) == ABSENT ? cel_run(n->b, e) : r;
}

/* -- indexes ------------------------------------------------------------------------------------------------------------ */
static enum found index_in(const struct node *n, struct cel_value v, struct cel_value key, struct ev *e, struct cel_value *ret) {
    if (v.type == CEL_MAP) {
        bool ok;
        if (cel_find(e, v, key, ret, &ok))
            return FOUND;
        if (ok)
            return ABSENT;
        *ret = cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: map[%s]", cel_type_word(key.type));
        return WRONG_TYPE;
    }
    if (v.type == CEL_LIST) {
        int64_t at;
        if (key.type == CEL_INT)
            at = key.i;
        else if (key.type == CEL_UINT)
            at = key.u > INT64_MAX ? INT64_MAX : (int64_t)key.u;
        else if (key.type == CEL_DOUBLE && key.d >= -9007199254740992.0 && key.d <= 9007199254740992.0 && key.d == (double)(int64_t)key.d)
            at = (int64_t)key.d;
        else {
            *ret = cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: list[%s]", cel_type_word(key.type));
            return WRONG_TYPE;
        }
        if (at < 0)
            return ABSENT;
        if (v.form == CEL_FORM_JSON && !cel_take(e, at > (int64_t)16 * CEL_DEFAULT_STEPS ? CEL_DEFAULT_STEPS : (size_t)at / 16))
            return ABSENT;
        return cel_list_at(v, (size_t)at, ret) && cel_take_read(e, *ret) ? FOUND : ABSENT;
    }
    *ret = v.type == CEL_ERROR ? v
                               : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s[%s]", cel_type_word(v.type), cel_type_word(key.type));
    return WRONG_TYPE;
}

static struct cel_value not_there(const struct node *n, struct cel_value v, struct cel_value key, struct ev *e) {
    if (v.type == CEL_LIST)
        return cel_fail(e, n, CEL_E_ABSENT, "index out of range");
    if (key.type == CEL_STRING)
        return cel_fail(e, n, CEL_E_ABSENT, "no such key: '%.*s'", (int)(key.aux > 64 ? 64 : key.aux), key.s);
    return cel_fail(e, n, CEL_E_ABSENT, "no such key");
}

struct cel_value cel_run_index(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e), r;
    if (v.type == CEL_ERROR)
        return v;
    struct cel_value key = cel_run(n->b, e);
    if (key.type == CEL_ERROR)
        return key;
    if (v.type == CEL_OPTIONAL) {
        if (!v.opt)
            return v;
        switch (index_in(n, *v.opt, key, e, &r)) {
        case FOUND: return cel_some(e, r);
        case ABSENT: return cel_none();
        default: return r;
        }
    }
    switch (index_in(n, v, key, e, &r)) {
    case FOUND: return r;
    case ABSENT: return not_there(n, v, key, e);
    default: return r;
    }
}

static enum found opt_index(const struct node *n, struct ev *e, struct cel_value *ret) {
    struct cel_value v = cel_run(n->a, e);
    if (v.type == CEL_ERROR) {
        *ret = v;
        return WRONG_TYPE;
    }
    struct cel_value key = cel_run(n->b, e);
    if (key.type == CEL_ERROR) {
        *ret = key;
        return WRONG_TYPE;
    }
    while (v.type == CEL_OPTIONAL) {
        if (!v.opt)
            return ABSENT;
        v = *v.opt;
    }
    return v.type == CEL_MAP || v.type == CEL_LIST ? index_in(n, v, key, e, ret) : ABSENT;
}

struct cel_value cel_run_opt_index(const struct node *n, struct ev *e) {
    struct cel_value r;
    switch (opt_index(n, e, &r)) {
    case FOUND: return cel_some(e, r);
    case ABSENT: return cel_none();
    default: return r;
    }
}
struct cel_value cel_run_index_or(const struct node *n, struct ev *e) {
    struct cel_value r;
    return opt_index(n, e, &r) == ABSENT ? cel_run(n->c, e) : r;
}

/* -- optionals ---------------------------------------------------------------------------------------------------------- */
static struct cel_value not_optional(const struct node *n, struct cel_value v, const char *name, struct ev *e) {
    return v.type == CEL_ERROR ? v
                               : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s.%s(); it takes an optional value (a.?b)",
                                          cel_type_word(v.type), name);
}
struct cel_value cel_run_or_value(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    if (v.type != CEL_OPTIONAL)
        return not_optional(n, v, "orValue", e);
    return v.opt ? *v.opt : cel_run(n->b, e);
}
struct cel_value cel_run_or_opt(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    if (v.type != CEL_OPTIONAL)
        return not_optional(n, v, "or", e);
    if (v.opt)
        return v;
    v = cel_run(n->b, e);
    return v.type == CEL_OPTIONAL ? v : not_optional(n, v, "or", e);
}
struct cel_value cel_run_opt_map(const struct node *n, struct ev *e) {
    bool flat = n->op == NODE_OPT_FLAT_MAP;
    struct cel_value v = cel_run(n->a, e);
    if (v.type != CEL_OPTIONAL)
        return not_optional(n, v, flat ? "optFlatMap" : "optMap", e);
    if (!v.opt)
        return v;
    e->locals[n->slot] = *v.opt;
    v = cel_run(n->b, e);
    if (v.type == CEL_ERROR)
        return v;
    if (!flat)
        return cel_some(e, v);
    return v.type == CEL_OPTIONAL ? v : not_optional(n, v, "optFlatMap", e);
}
struct cel_value cel_run_bind(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    if (cel_is_fatal(v))
        return v;
    e->locals[n->slot] = v; /* an error too: it matters only where the name is used */
    return cel_run(n->b, e);
}

/* -- logic -------------------------------------------------------------------------------------------------------------- */
/* One operand that decides does so whatever the others are, also when they are errors (langdef, "Logical Operators"). */
static struct cel_value logic(const struct node *n, struct ev *e, bool decides) {
    struct cel_value error = {.type = CEL_NULL};
    for (unsigned i = 0; i < n->nargs; i++) {
        struct cel_value v = cel_run(n->args[i], e);
        if (LIKELY(v.type == CEL_BOOL)) {
            if (v.b == decides)
                return v;
        } else if (cel_is_fatal(v))
            return v;
        else if (error.type == CEL_NULL)
            error = v.type == CEL_ERROR
                        ? v
                        : cel_fail(e, n->args[i], CEL_E_OVERLOAD, "no such overload: %s %s", decides ? "||" : "&&", cel_type_word(v.type));
    }
    return error.type == CEL_NULL ? cel_bool(!decides) : error;
}
struct cel_value cel_run_and(const struct node *n, struct ev *e) {
    return logic(n, e, false);
}
struct cel_value cel_run_or(const struct node *n, struct ev *e) {
    return logic(n, e, true);
}

struct cel_value cel_run_cond(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    if (LIKELY(v.type == CEL_BOOL))
        return cel_run(v.b ? n->b : n->c, e);
    return v.type == CEL_ERROR
               ? v
               : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s ? … : …; the condition must be a bool", cel_type_word(v.type));
}

/* -- literals ----------------------------------------------------------------------------------------------------------- */
struct cel_value cel_run_list(const struct node *n, struct ev *e) {
    struct cel_value *items = cel_alloc(e, n->nargs * sizeof *items);
    uint32_t count = 0;
    if (!items)
        return cel_no_memory();
    for (unsigned i = 0; i < n->nargs; i++) {
        struct cel_value v = cel_run(n->args[i], e);
        if (v.type == CEL_ERROR)
            return v;
        if (n->opt_args && n->opt_args[i]) {
            if (v.type != CEL_OPTIONAL)
                return cel_fail(e, n->args[i], CEL_E_OVERLOAD, "no such overload: [?%s]; it takes an optional value",
                                cel_type_word(v.type));
            if (!v.opt)
                continue;
            v = *v.opt;
        }
        items[count++] = v;
    }
    return cel_list(items, count);
}

struct cel_value cel_run_map(const struct node *n, struct ev *e) {
    struct cel_pair *pairs = cel_alloc(e, n->nargs / 2 * sizeof *pairs);
    uint32_t count = 0;
    if (!pairs)
        return cel_no_memory();
    for (unsigned i = 0; i + 1 < n->nargs; i += 2) {
        struct cel_value k = cel_run(n->args[i], e);
        if (k.type == CEL_ERROR)
            return k;
        struct cel_value v = cel_run(n->args[i + 1], e);
        if (v.type == CEL_ERROR)
            return v;
        if (!cel_key_type(k))
            return cel_fail(e, n->args[i], CEL_E_OVERLOAD, "%s cannot be a map's key; int, uint, bool and string can",
                            cel_type_word(k.type));
        if (n->opt_args && n->opt_args[i]) {
            if (v.type != CEL_OPTIONAL)
                return cel_fail(e, n->args[i + 1], CEL_E_OVERLOAD, "no such overload: {?key: %s}; it takes an optional value",
                                cel_type_word(v.type));
            if (!v.opt)
                continue;
            v = *v.opt;
        }
        if (!cel_take(e, count / 16))
            return cel_out_of_steps(e);
        for (uint32_t j = 0; j < count; j++)
            if (cel_same(NULL, pairs[j].key, k, 0))
                return cel_fail(e, n->args[i], CEL_E_VALUE, "the map has a key twice");
        pairs[count++] = (struct cel_pair){k, v};
    }
    return cel_map(pairs, count);
}

/* -- calls -------------------------------------------------------------------------------------------------------------- */
static bool overload_fits(const struct overload *o, unsigned argc, const struct cel_value *argv) {
    for (unsigned i = 0; i < argc; i++) {
        unsigned k = i < o->argc ? i : (unsigned)o->argc - 1;
        if (!(o->args[k] & M(argv[i].type)))
            return false;
    }
    return true;
}

/* There is at least one, for the name has been checked. */
// NOLINTBEGIN(clang-analyzer-core.NullDereference)
static struct cel_value no_overload(const struct node *n, struct ev *e, unsigned argc, const struct cel_value *argv) {
    const struct overload *const *o = n->overloads;
    char text[160];
    size_t at = 0;
    for (unsigned i = 0; i < argc && at < sizeof text; i++) {
        const char *before = i == 0 ? "" : i == 1 && o[0]->member ? "" : ", ";
        int w = snprintf(text + at, sizeof text - at, "%s%s", before, cel_type_word(argv[i].type));
        at += w > 0 ? (size_t)w : 0;
        if (i == 0 && o[0]->member && at < sizeof text) {
            w = snprintf(text + at, sizeof text - at, ".%.*s(", (int)o[0]->name_len, o[0]->name);
            at += w > 0 ? (size_t)w : 0;
        }
    }
    if (o[0]->member)
        return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s)", text);
    return cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %.*s(%s)", (int)o[0]->name_len, o[0]->name, text);
}
// NOLINTEND(clang-analyzer-core.NullDereference)

static inline struct cel_value call(const struct node *n, struct ev *e, struct cel_value *argv) {
    for (unsigned i = 0; i < n->nargs; i++) {
        argv[i] = cel_run(n->args[i], e);
        if (argv[i].type == CEL_ERROR)
            return argv[i];
    }
    struct call c = {.ev = e, .node = n, .argc = n->nargs, .argv = argv};
    for (const struct overload *const *o = n->overloads; *o; o++)
        if (overload_fits(*o, n->nargs, argv))
            return (*o)->row->fn(&c);
    return no_overload(n, e, n->nargs, argv);
}
static __attribute__((noinline)) struct cel_value call_many(const struct node *n, struct ev *e) {
    struct cel_value argv[CEL_MAX_ARGS];
    return call(n, e, argv);
}
struct cel_value cel_run_call(const struct node *n, struct ev *e) {
    struct cel_value argv[4];
    return n->nargs <= 4 ? call(n, e, argv) : call_many(n, e);
}

static __attribute__((noinline)) struct cel_value host_many(const struct node *n, struct ev *e) {
    struct cel_value argv[CEL_MAX_ARGS];
    const struct cel_function_decl *d = n->extra;
    for (unsigned i = 0; i < n->nargs; i++) {
        argv[i] = cel_run(n->args[i], e);
        if (argv[i].type == CEL_ERROR)
            return argv[i];
        if ((argv[i].type == CEL_STRING || argv[i].type == CEL_BYTES) && !cel_take_text(e, argv[i].aux))
            return cel_out_of_steps(e); /* the host's functions go over their texts without steps of their own */
    }
    struct cel_value v = d->fn(e->arena, e->host, n->nargs, argv);
    if (v.type == CEL_ERROR && v.aux == 0)
        v.aux = n->begin + 1;
    return v;
}
struct cel_value cel_run_host(const struct node *n, struct ev *e) {
    return host_many(n, e);
}

struct cel_value cel_run_match(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    if (v.type != CEL_STRING)
        return v.type == CEL_ERROR ? v : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s.matches(string)", cel_type_word(v.type));
    int r = cel_regex_match(e, n->extra, v.s, v.aux, 0);
    if (r >= 0)
        return cel_bool(r > 0);
    if (r == -CEL_E_STEPS)
        return cel_out_of_steps(e);
    return cel_fail(e, n, CEL_E_REGEX, "the regular expression could not be matched");
}

struct cel_value cel_run_time_part(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    const struct overload *o = n->overloads[0];
    const struct zone_ref *z = n->extra;
    if (v.type != CEL_TIMESTAMP)
        return v.type == CEL_ERROR
                   ? v
                   : cel_fail(e, n, CEL_E_OVERLOAD, "no such overload: %s.%.*s(string)", cel_type_word(v.type), (int)o->name_len, o->name);
    return cel_time_part(e, n, o->name, v, n->flags & NODE_LOCAL_ZONE ? e->program->site : z->zone);
}

/* -- the way in --------------------------------------------------------------------------------------------------------- */
/* Outside of expressions an address or a network is its text. (Within lists and maps it is copied with them.) */
static struct cel_value outside(struct ev *e, struct cel_value v) {
    char text[CEL_NET_TEXT];
    if (v.type == CEL_OPTIONAL && v.opt && v.opt->type >= CEL_OPTIONAL) {
        v = outside(e, *v.opt);
        return v.type == CEL_ERROR ? v : cel_some(e, v);
    }
    if (v.type != CEL_ADDRESS && v.type != CEL_NETWORK)
        return v;
    size_t n = cel_net_text(v, text);
    const char *s = e->arena ? arena_strndup(e->arena, text, n) : NULL;
    return s ? cel_string(s, n) : cel_no_memory();
}

struct cel_value cel_eval(const struct cel_program *p, struct cel_context *ctx) {
    struct cel_value locals[CEL_MAX_LOCALS];
    struct ev e = {.vars = ctx->vars,
                   .aggregates = ctx->aggregates,
                   .arena = ctx->arena,
                   .host = ctx->host,
                   .steps = ctx->steps ? ctx->steps : CEL_DEFAULT_STEPS,
                   .locals = locals,
                   .program = p};
    struct cel_value v = cel_run(p->root, &e);
    if (UNLIKELY(v.type >= CEL_OPTIONAL && v.type < CEL_ERROR))
        v = outside(&e, v);
    if (UNLIKELY(e.steps == 0)) /* some function stopped short: its result is not one */
        v = cel_out_of_steps(&e);
    /* 0 would mean "default" to the next evaluation with the same context: what is used up stays used up. */
    ctx->steps = e.steps ? e.steps : 1;
    return v;
}
