/* SPDX-License-Identifier: Apache-2.0
 * The first line is an expression, the rest the JSON that `payload` is. The value must be the same with and without folding of constants and
 * with and without the checker, as long as no evaluation ran out of steps or memory; it must survive being copied and written. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/atom.h"
#include "gengfu/base/json.h"
#include "gengfu/cel/cel.h"

#define STEPS 20000

static struct cel_value value_of(const struct cel_env *e, struct arena *arena, const char *text, size_t len, struct cel_options opt,
                                 const struct cel_value *vars, bool *ret_compiled) {
    struct cel_program *p = NULL;
    struct cel_value v = cel_null();
    struct cel_diags diags = {.arena = arena};
    *ret_compiled = cel_compile(e, text, len, &opt, &diags, &p) == 0;
    if (*ret_compiled) {
        struct cel_context ctx = {.vars = vars, .arena = arena, .steps = STEPS};
        struct buf out;
        v = cel_copy(arena, cel_eval(p, &ctx));
        buf_init(&out, 1u << 20);
        cel_write_json(&out, v);
        cel_write_text(&out, v);
        buf_done(&out);
    }
    cel_program_free(p);
    return v;
}

static bool ended_early(struct cel_value v) { return v.type == CEL_ERROR && (v.code == CEL_E_STEPS || v.code == CEL_E_MEMORY); }

static bool has_nan(struct cel_value v) {
    struct cel_value k, x;
    size_t it = 0;
    if (v.type == CEL_DOUBLE)
        return isnan(v.d);
    if (v.type == CEL_OPTIONAL)
        return v.opt && has_nan(*v.opt);
    if (v.type == CEL_LIST)
        for (; cel_list_at(v, it, &x); it++)
            if (has_nan(x))
                return true;
    if (v.type == CEL_MAP)
        while (cel_map_next(v, &it, &k, &x))
            if (has_nan(x))
                return true;
    return false;
}

static void must_agree(struct cel_value a, struct cel_value b) {
    if (ended_early(a) || ended_early(b))
        return;
    if (a.type != b.type)
        abort();
    if (a.type != CEL_ERROR && !has_nan(a) && !cel_equal(a, b))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *end = memchr(text, '\n', size), *json = end ? end + 1 : text + size;
    size_t len = end ? (size_t)(end - text) : size, slot;
    struct arena arena;
    struct cel_env *e;
    const cJSON *doc = NULL;
    const struct cel_decl decl = {.name = "payload", .type = CEL_DECL_DYN};
    arena_init(&arena, 4096, 32u << 20);
    if (json_parse(&arena, json, size - (size_t)(json - text), NULL, &doc) < 0)
        doc = NULL;
    if (cel_env_new(&e) < 0)
        abort();
    if (cel_env_var(e, &decl, NULL, &slot) == 0) {
        struct cel_value vars[1] = {doc ? cel_json(doc) : cel_error(CEL_E_ABSENT, NULL)};
        bool plain, unfolded, unchecked;
        struct cel_value a = value_of(e, &arena, text, len, (struct cel_options){0}, vars, &plain);
        struct cel_value b = value_of(e, &arena, text, len, (struct cel_options){.no_fold = true}, vars, &unfolded);
        struct cel_value c = value_of(e, &arena, text, len, (struct cel_options){.no_check = true}, vars, &unchecked);
        if (plain && unfolded)
            must_agree(a, b);
        if (plain && unchecked)
            must_agree(a, c);
    }
    cel_env_free(e);
    arena_done(&arena);
    atom_free_all();
    return 0;
}
