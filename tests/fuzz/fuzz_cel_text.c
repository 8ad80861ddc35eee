/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an expression: compiled with and without the checker, shown, evaluated where no variable has a value. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "gengfu/base/atom.h"
#include "gengfu/cel/cel.h"

static const struct cel_aggregate_name sums[] = {
    {"event_count", 0, "event_count() -> int", 0, 0},
    {"value_count", 1, "value_count(x) -> int", 0, 0},
    {"value_percentile", 2, "value_percentile(x, 95) -> double", 0, 100},
};

static struct cel_value host(struct arena *arena, void *h, size_t argc, const struct cel_value *argv) {
    (void)arena;
    (void)h;
    return argc ? argv[argc - 1] : cel_null();
}

static struct cel_env *environment(struct cel_diags *diags) {
    struct cel_env *e;
    size_t slot;
    if (cel_env_new(&e) < 0)
        return NULL;
    const struct cel_field_decl fields[] = {{atom_of("kind"), CEL_DECL_STRING},
                                            {atom_of("power_w"), CEL_DECL_NUMBER},
                                            {atom_of("locked"), CEL_DECL_BOOL}};
    const struct cel_decl decls[] = {
        {.name = "event", .type = CEL_DECL_RECORD, .fields = fields, .nfields = 3},
        {.name = "device", .type = CEL_DECL_RECORD, .fields = fields, .nfields = 3, .open = true, .warn_open = true},
        {.name = "payload", .type = CEL_DECL_DYN},
        {.name = "now", .type = CEL_DECL_TIMESTAMP},
        {.name = "a.b.c", .type = CEL_DECL_STRING},
    };
    const struct cel_function_decl fn = {
        .name = "weekday", .min_args = 1, .max_args = 2, .member = true, .fn = host, .signature = "weekday(timestamp, string) -> int"};
    for (size_t i = 0; i < sizeof(decls) / sizeof(*decls); i++)
        if (cel_env_var(e, &decls[i], NULL, &slot) < 0)
            abort();
    if (cel_env_function(e, &fn, NULL) < 0 || cel_env_alias(e, "school", "weekday(now) in [1, 2, 3]", 25, diags) < 0 ||
        cel_env_alias(e, "twice", "school && school", 16, diags) < 0 || cel_env_container(e, "x.y") < 0)
        abort();
    return e;
}

static void try_text(const struct cel_env *e, const char *text, size_t len, bool no_check) {
    struct arena arena;
    struct cel_aggregates set = {.names = sums, .nnames = 3};
    struct cel_options opt = {.aggregates = &set, .no_check = no_check};
    struct cel_value vars[8];
    struct cel_program *p = NULL;
    arena_init(&arena, 4096, 8u << 20);
    struct cel_diags diags = {.arena = &arena};
    for (size_t i = 0; i < 8; i++)
        vars[i] = cel_error(CEL_E_ABSENT, NULL);
    if (cel_compile(e, text, len, &opt, &diags, &p) < 0) {
        if (diags.errors == 0)
            abort(); /* a refusal without a reason */
        for (size_t i = 0; i < diags.count; i++)
            if (diags.items[i].begin > len || diags.items[i].end > len || diags.items[i].begin > diags.items[i].end || !diags.items[i].text)
                abort();
    } else {
        struct buf out;
        struct cel_context ctx = {.vars = vars, .arena = &arena, .steps = 5000};
        buf_init(&out, 0);
        cel_dump(p, &out);
        cel_write_text(&out, cel_eval(p, &ctx));
        if (len < 400)
            cel_explain(p, &ctx, &out);
        buf_done(&out);
    }
    cel_program_free(p);
    cel_aggregates_done(&set);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    arena_init(&arena, 1024, 0);
    struct cel_diags diags = {.arena = &arena};
    struct cel_env *e = environment(&diags);
    if (e) {
        try_text(e, (const char *)data, size, false);
        try_text(e, (const char *)data, size, true);
    }
    cel_env_free(e);
    arena_done(&arena);
    atom_free_all();
    return 0;
}
