/* SPDX-License-Identifier: Apache-2.0
 * For the tests of cel: an environment with an event, a device, a payload and a clock; records of the host; values as text. */
#ifndef CEL_FIXTURE_H
#define CEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/atom.h"
#include "gengfu/base/json.h"
#include "gengfu/cel/cel.h"

enum { EVENT, DEVICE, PAYLOAD, NOW, SLOTS };

#define NOW_MS INT64_C(1767614400000) /* 2026-01-05T12:00:00Z, a Monday */

struct fx_record {
    struct cel_record head;
    atom_t names[16];
    struct cel_value values[16];
    size_t count;
};

struct fx {
    struct cel_env *env;
    struct arena arena; /* of messages and results */
    struct cel_diags diags;
    struct cel_options opt;
    struct fx_record event, device;
    struct cel_value vars[SLOTS];
    struct cel_context ctx;
    struct buf text;
};

static inline bool fx_get(const struct cel_record *r, atom_t field, struct cel_value *ret) {
    const struct fx_record *x = (const struct fx_record *)r;
    for (size_t i = 0; i < x->count; i++)
        if (x->names[i] == field) {
            *ret = x->values[i];
            return true;
        }
    return false;
}

static inline bool fx_next(const struct cel_record *r, size_t *it, atom_t *ret_field, struct cel_value *ret) {
    const struct fx_record *x = (const struct fx_record *)r;
    if (*it >= x->count)
        return false;
    *ret_field = x->names[*it];
    *ret = x->values[(*it)++];
    return true;
}

static const struct cel_record_ops fx_ops = {fx_get, fx_next};

static inline void fx_set(struct fx_record *r, const char *name, struct cel_value v) {
    r->names[r->count] = atom_of(name);
    r->values[r->count++] = v;
}

static inline void fx_init(struct fx *f) {
    *f = (struct fx){.event.head.ops = &fx_ops, .device.head.ops = &fx_ops};
    size_t slot;
    const struct cel_field_decl fields[] = {{atom_of("kind"), CEL_DECL_STRING},
                                            {atom_of("power_w"), CEL_DECL_NUMBER},
                                            {atom_of("locked"), CEL_DECL_BOOL},
                                            {atom_of("time"), CEL_DECL_TIMESTAMP}};
    const struct cel_field_decl columns[] = {{atom_of("name"), CEL_DECL_STRING}, {atom_of("min_power_w"), CEL_DECL_DOUBLE}};
    const struct cel_decl decls[SLOTS] = {
        {.name = "event", .type = CEL_DECL_RECORD, .fields = fields, .nfields = 4},
        {.name = "device", .type = CEL_DECL_RECORD, .fields = columns, .nfields = 2, .open = true, .warn_open = true},
        {.name = "payload", .type = CEL_DECL_DYN},
        {.name = "now", .type = CEL_DECL_TIMESTAMP},
    };
    arena_init(&f->arena, 4096, 0);
    buf_init(&f->text, 0);
    f->diags.arena = &f->arena;
    assert_int_equal(cel_env_new(&f->env), 0);
    for (size_t i = 0; i < SLOTS; i++) {
        assert_int_equal(cel_env_var(f->env, &decls[i], NULL, &slot), 0);
        assert_int_equal(slot, i);
    }
    fx_set(&f->event, "kind", cel_text("lamp"));
    fx_set(&f->event, "power_w", cel_double(0.25));
    fx_set(&f->event, "locked", cel_bool(true));
    fx_set(&f->device, "name", cel_text("富春路7号灯"));
    fx_set(&f->device, "min_power_w", cel_double(5));
    f->vars[EVENT] = cel_record(&f->event.head);
    f->vars[DEVICE] = cel_record(&f->device.head);
    f->vars[PAYLOAD] = cel_error(CEL_E_ABSENT, NULL);
    f->vars[NOW] = cel_time_ms(NOW_MS);
    f->ctx = (struct cel_context){.vars = f->vars, .arena = &f->arena};
}

static inline void fx_done(struct fx *f) {
    cel_env_free(f->env);
    buf_done(&f->text);
    arena_done(&f->arena);
    atom_free_all();
}

static inline void fx_payload(struct fx *f, const char *json) {
    const cJSON *doc;
    assert_int_equal(json_parse(&f->arena, json, strlen(json), NULL, &doc), 0);
    f->vars[PAYLOAD] = cel_json(doc);
}

/* NULL when it does not compile; the reasons are in f->diags then. */
static inline struct cel_program *fx_compile(struct fx *f, const char *text) {
    struct cel_program *p = NULL;
    f->diags = (struct cel_diags){.arena = &f->arena};
    return cel_compile(f->env, text, strlen(text), &f->opt, &f->diags, &p) == 0 ? p : NULL;
}

static inline struct cel_value fx_value(struct fx *f, const char *text) {
    struct cel_program *p = fx_compile(f, text);
    if (!p)
        fail_msg("'%s' does not compile: %s", text, f->diags.count ? f->diags.items[0].text : "?");
    f->ctx.steps = 0;
    struct cel_value v = cel_copy(&f->arena, cel_eval(p, &f->ctx));
    cel_program_free(p);
    return v;
}

/* The value as CEL text, "unknown" or "error <code>" for errors. */
static inline const char *fx_text(struct fx *f, const char *text) {
    struct cel_value v = fx_value(f, text);
    buf_clear(&f->text);
    if (cel_is_unknown(v))
        buf_puts(&f->text, "unknown");
    else if (cel_is_error(v))
        buf_printf(&f->text, "error %d", v.code);
    else
        cel_write_text(&f->text, v);
    return f->text.data;
}

#define assert_gives(f, text, want) assert_string_equal(fx_text((f), (text)), (want))

#endif
