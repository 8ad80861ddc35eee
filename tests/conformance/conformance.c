/* SPDX-License-Identifier: Apache-2.0
 * The standard suite of CEL, as JSON lines: each case is compiled and evaluated twice, with and without folding of constants, and compared with
 * what the suite expects. What needs protocol buffers (messages, enums, unknown sets) is skipped and counted: there are none here. Prints a table
 * per file; exits 1 when a file that is promised has a failure, 2 when nothing could be read.
 *
 *   conformance [-v] DIRECTORY      -v: each failure with what came and what was expected */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/buf.h"
#include "gengfu/base/file.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"
#include "gengfu/cel/cel.h"

/* Files in which no case may fail (the disputed ones apart). */
static const char *const promised[] = {"basic",    "bindings_ext", "comparisons", "conversions",   "encoders_ext", "fields",
                                       "fp_math",  "integer_math", "lists",       "logic",         "macros",       "macros2",
                                       "math_ext", "namespace",    "network_ext", "optionals",     "parse",        "plumbing",
                                       "string",   "string_ext",   "timestamps",  "type_deduction"};

#define MAX_BOUND 32

enum outcome { PASSED, FAILED, SKIPPED };

struct tally {
    size_t passed, failed, skipped, disputed_passed, disputed_failed;
};

static const char *mem(struct arena *a, const cJSON *o, const char *name, size_t *len) {
    char other[64];
    const cJSON *j = json_get(o, name);
    if (j && cJSON_IsString(j)) {
        *len = strlen(j->valuestring);
        return j->valuestring;
    }
    snprintf(other, sizeof other, "%s_b64", name);
    j = json_get(o, other);
    return j && cJSON_IsString(j) ? base64_decode(a, j->valuestring, strlen(j->valuestring), len) : NULL;
}

static bool to_value(struct arena *a, const cJSON *j, struct cel_value *ret);

static bool number_value(const char *kind, const char *text, struct cel_value *ret) {
    if (!strcmp(kind, "int"))
        *ret = cel_int(strtoll(text, NULL, 10));
    else if (!strcmp(kind, "uint"))
        *ret = cel_uint(strtoull(text, NULL, 10));
    else
        *ret = cel_double(!strcmp(text, "NaN")         ? NAN
                          : !strcmp(text, "Infinity")  ? INFINITY
                          : !strcmp(text, "-Infinity") ? -INFINITY
                                                       : strtod(text, NULL));
    return true;
}

static bool duration_value(const char *text, struct cel_value *ret) {
    bool minus = *text == '-';
    char *end;
    struct cel_value v = {.type = CEL_DURATION, .i = strtoll(text + minus, &end, 10)};
    int32_t nanos = 0, scale = 100000000;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
            nanos += (*end - '0') * scale;
    v.i = minus ? -v.i : v.i;
    v.aux = (uint32_t)(minus ? -nanos : nanos);
    *ret = v;
    return *end == 's';
}

static bool list_value(struct arena *a, const cJSON *j, struct cel_value *ret) {
    int n = cJSON_GetArraySize(j), i = 0;
    struct cel_value *items = arena_alloc(a, ((size_t)n + 1) * sizeof *items);
    for (const cJSON *k = j->child; k; k = k->next)
        if (!items || !to_value(a, k, &items[i++]))
            return false;
    *ret = (struct cel_value){.type = CEL_LIST, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n, .items = items};
    return true;
}

static bool map_value(struct arena *a, const cJSON *j, struct cel_value *ret) {
    int n = cJSON_GetArraySize(j), i = 0;
    struct cel_pair *pairs = arena_alloc(a, ((size_t)n + 1) * sizeof *pairs);
    for (const cJSON *k = j->child; k; k = k->next, i++)
        if (!pairs || !k->child || !to_value(a, k->child, &pairs[i].key) || !to_value(a, k->child->next, &pairs[i].value))
            return false;
    *ret = (struct cel_value){.type = CEL_MAP, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n, .pairs = pairs};
    return true;
}

static bool to_value(struct arena *a, const cJSON *j, struct cel_value *ret) {
    const cJSON *m = j && cJSON_IsObject(j) ? j->child : NULL;
    size_t len = 0;
    int64_t seconds;
    int nanos;
    bool zoned;
    if (!m)
        return false;
    const char *kind = m->string, *s = cJSON_IsString(m) ? m->valuestring : "";
    if (!strcmp(kind, "null"))
        *ret = cel_null();
    else if (!strcmp(kind, "bool"))
        *ret = cel_bool(cJSON_IsTrue(m));
    else if (!strcmp(kind, "int") || !strcmp(kind, "uint") || !strcmp(kind, "double"))
        return number_value(kind, s, ret);
    else if (!strcmp(kind, "string"))
        *ret = cel_text(s);
    else if (!strcmp(kind, "string_b64") || !strcmp(kind, "bytes")) {
        const char *data = base64_decode(a, s, strlen(s), &len);
        if (!data && *s)
            return false;
        *ret = cel_string(data, len);
        if (!strcmp(kind, "bytes"))
            ret->type = CEL_BYTES;
    } else if (!strcmp(kind, "list"))
        return list_value(a, m, ret);
    else if (!strcmp(kind, "map"))
        return map_value(a, m, ret);
    else if (!strcmp(kind, "duration"))
        return duration_value(s, ret);
    else if (!strcmp(kind, "timestamp")) {
        if (time_parse(s, strlen(s), true, &seconds, &nanos, &zoned) < 0)
            return false;
        *ret = (struct cel_value){.type = CEL_TIMESTAMP, .aux = (uint32_t)nanos, .i = seconds};
    } else if (!strcmp(kind, "type"))
        *ret = (struct cel_value){.type = CEL_TYPE, .aux = (uint32_t)strlen(s), .s = s};
    else
        return false;
    return true;
}

/* Same type and same value, where NaN is NaN; the suite compares results more strictly than == does. */
static bool same(struct cel_value a, struct cel_value b) {
    struct cel_value key, x, y;
    size_t it = 0;
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case CEL_DOUBLE: return (isnan(a.d) && isnan(b.d)) || (a.d == b.d && signbit(a.d) == signbit(b.d));
    case CEL_LIST:
        for (; cel_list_at(a, it, &x); it++)
            if (!cel_list_at(b, it, &y) || !same(x, y))
                return false;
        return !cel_list_at(b, it, &y);
    case CEL_MAP:
        if (cel_size(a) != cel_size(b))
            return false;
        while (cel_map_next(a, &it, &key, &x)) {
            size_t jt = 0;
            struct cel_value other;
            bool found = false;
            while (!found && cel_map_next(b, &jt, &other, &y))
                found = same(key, other) && same(x, y);
            if (!found)
                return false;
        }
        return true;
    default: return cel_equal(a, b);
    }
}

static enum cel_decl_type decl_of(const char *text) {
    static const struct {
        const char *name;
        enum cel_decl_type type;
    } types[] = {{"bool", CEL_DECL_BOOL}, {"int", CEL_DECL_INT}, {"double", CEL_DECL_DOUBLE}, {"string", CEL_DECL_STRING}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, text))
            return types[i].type;
    return !strncmp(text, "list(", 5) ? CEL_DECL_LIST : !strncmp(text, "map(", 4) ? CEL_DECL_MAP : CEL_DECL_DYN;
}

struct bound {
    struct cel_value vars[MAX_BOUND];
    struct cel_env *env;
};

static bool bind(struct arena *a, const cJSON *test, struct bound *b) {
    const cJSON *types = json_get(test, "type_env");
    size_t slot;
    if (cel_env_new(&b->env) < 0 || cel_env_container(b->env, json_str(test, "container", "")) < 0)
        return false;
    for (size_t i = 0; i < MAX_BOUND; i++)
        b->vars[i] = cel_error(CEL_E_ABSENT, NULL);
    for (int pass = 0; pass < 2; pass++) /* bound names, then names that are only declared */
        for (const cJSON *j = pass ? (types ? types->child : NULL)
                                   : (json_get(test, "bindings") ? json_get(test, "bindings")->child : NULL);
             j; j = j->next) {
            struct cel_decl d = {.name = j->string, .type = decl_of(json_str(types, j->string, "dyn"))};
            int rc = cel_env_var(b->env, &d, NULL, &slot);
            if (rc == GF_EEXIST || rc == GF_EINVAL) /* "true" cannot be a name, and never means the binding */
                continue;
            if (rc < 0 || slot >= MAX_BOUND || (!pass && !to_value(a, j, &b->vars[slot])))
                return false;
        }
    return true;
}

/* What the case asks for that is not here at all; NULL when all is. */
static const char *not_here(const cJSON *test) {
    static const char *const tags[] = {"proto", "message", "enum", "unknown"};
    const cJSON *needs = json_get(test, "needs"), *expect = json_get(test, "expect");
    for (const cJSON *j = needs ? needs->child : NULL; j; j = j->next)
        for (size_t i = 0; cJSON_IsString(j) && i < sizeof tags / sizeof *tags; i++)
            if (!strncmp(j->valuestring, tags[i], strlen(tags[i])))
                return tags[i];
    return json_get(expect, "value") || json_bool(expect, "error", false) ? NULL : "a result that is neither a value nor an error";
}

static enum outcome run_once(struct arena *a, const cJSON *test, bool no_fold, struct buf *out) {
    size_t len = 0;
    const char *text = mem(a, test, "expr", &len), *missing = not_here(test);
    struct bound b = {.env = NULL};
    struct cel_diags diags = {.arena = a};
    struct cel_program *p = NULL;
    struct cel_value v, want;
    bool ok = false, error = json_bool(json_get(test, "expect"), "error", false);
    if (!text) {
        buf_puts(out, "the case has no expression");
        return FAILED;
    }
    if (missing || !bind(a, test, &b) || (!error && !to_value(a, json_get(json_get(test, "expect"), "value"), &want))) {
        buf_printf(out, "not here: %s", missing ? missing : "a value of this form");
        cel_env_free(b.env);
        return SKIPPED;
    }
    struct cel_options opt = {.no_check = json_bool(test, "disable_check", false), .no_fold = no_fold};
    if (cel_compile(b.env, text, len, &opt, &diags, &p) < 0) {
        ok = error;
        for (size_t i = 0; i < diags.count; i++)
            buf_printf(out, "%s%zu: %s", i ? "; " : "", diags.items[i].begin, diags.items[i].text);
    } else {
        struct cel_context ctx = {.vars = b.vars, .arena = a, .steps = 200000};
        v = cel_eval(p, &ctx);
        ok = error ? v.type == CEL_ERROR : v.type != CEL_ERROR && same(v, want);
        cel_write_text(out, v);
        buf_printf(out, " (%s)", cel_type_name(v));
    }
    cel_program_free(p);
    cel_env_free(b.env);
    return ok ? PASSED : FAILED;
}

static void run_case(struct arena *a, const cJSON *test, bool verbose, struct tally *t) {
    bool disputed = json_get(test, "disputed") != NULL;
    enum outcome end = PASSED;
    struct buf out;
    size_t len = 0;
    buf_init(&out, 0);
    for (int no_fold = 0; end == PASSED && no_fold < 2; no_fold++) {
        buf_clear(&out);
        end = run_once(a, test, no_fold, &out);
        if (end != PASSED && verbose) {
            const char *text = mem(a, test, "expr", &len);
            char *expect = cJSON_PrintUnformatted(json_get(test, "expect"));
            printf("  %s/%s/%s%s%s%s: %.*s\n      came: %s\n      expected: %s\n", json_str(test, "file", "?"),
                   json_str(test, "section", "?"), json_str(test, "name", "?"), disputed ? " (disputed)" : "",
                   no_fold ? " (not folded)" : "", end == SKIPPED ? " (skipped)" : "", (int)len, text ? text : "",
                   out.failed ? "" : out.data, expect ? expect : "?");
            cJSON_free(expect);
        }
    }
    buf_done(&out);
    if (end == SKIPPED)
        t->skipped++;
    else if (disputed)
        end == PASSED ? t->disputed_passed++ : t->disputed_failed++;
    else
        end == PASSED ? t->passed++ : t->failed++;
}

static bool run_file(const char *path, bool verbose, struct tally *t) {
    struct buf text;
    struct arena a;
    struct err err = {0};
    buf_init(&text, 0);
    arena_init(&a, 1u << 16, 64u << 20);
    if (file_read(path, &text, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        buf_done(&text);
        return false;
    }
    for (char *line = text.data, *end; *line; line = end) {
        const cJSON *test = NULL;
        size_t n = strcspn(line, "\n");
        end = line + n + (line[n] == '\n');
        if (n == 0)
            continue;
        arena_reset(&a);
        if (json_parse(&a, line, n, &err, &test) < 0) {
            t->failed++;
            if (verbose)
                printf("  a line cannot be read: %s\n", err.text);
        } else
            run_case(&a, test, verbose, t);
    }
    arena_done(&a);
    buf_done(&text);
    return true;
}

int main(int argc, char **argv) {
    bool verbose = argc > 2 && !strcmp(argv[1], "-v"), broken = false;
    const char *dir = argc > 1 ? argv[argc - 1] : NULL;
    char **names = NULL;
    size_t n = 0, files = 0;
    struct err err = {0};
    struct tally all = {0};
    if (!dir || argc > 3 || (argc == 3 && !verbose)) {
        fprintf(stderr, "usage: %s [-v] DIRECTORY\n", argv[0]);
        return 2;
    }
    if (file_list(dir, ".jsonl", &names, &n, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    printf("%-20s %7s %7s %8s %9s\n", "file", "passed", "failed", "skipped", "disputed");
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        struct tally t = {0};
        bool promise = false;
        size_t stem = strlen(names[i]) - strlen(".jsonl");
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        files += run_file(path, verbose, &t);
        for (size_t k = 0; k < sizeof promised / sizeof *promised; k++)
            promise |= strlen(promised[k]) == stem && !memcmp(promised[k], names[i], stem);
        printf("%-20.*s %7zu %7zu %8zu %5zu/%zu%s\n", (int)stem, names[i], t.passed, t.failed, t.skipped, t.disputed_passed,
               t.disputed_passed + t.disputed_failed, promise && t.failed ? "  promised, and broken" : "");
        broken |= promise && t.failed > 0;
        all.passed += t.passed;
        all.failed += t.failed;
        all.skipped += t.skipped;
        all.disputed_passed += t.disputed_passed;
        all.disputed_failed += t.disputed_failed;
        free(names[i]);
    }
    free(names);
    printf("%-20s %7zu %7zu %8zu %5zu/%zu\n", "all", all.passed, all.failed, all.skipped, all.disputed_passed,
           all.disputed_passed + all.disputed_failed);
    atom_free_all();
    return files == 0 ? 2 : broken;
}
