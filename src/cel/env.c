/* SPDX-License-Identifier: Apache-2.0
 * Environments: what names mean. Everything lives in the environment's arena; programs copy what they need, so an environment may go first. */
#include "cel_int.h"

#include <stdlib.h>

#define MAX_NAMED 256

int cel_env_new(struct cel_env **ret) {
    struct cel_env *e = calloc(1, sizeof *e);
    if (!e)
        return GF_ENOMEM;
    arena_init(&e->arena, 4096, 16u << 20);
    *ret = e;
    return 0;
}

void cel_env_free(struct cel_env *e) {
    if (!e)
        return;
    arena_done(&e->arena);
    free(e);
}

/* Room for one more in an array of the arena. Arrays double at powers of two. */
static void *grow(struct arena *a, void *items, size_t n, size_t size) {
    if (n & (n - 1) || n == 1) /* not a power of two, or room for the second was made with the first */
        return items;
    void *more = arena_zalloc(a, (n ? 2 * n : 2) * size);
    if (more && n)
        memcpy(more, items, n * size);
    return more;
}

const struct env_var *cel_env_find_var(const struct cel_env *e, const char *name, size_t *ret_slot) {
    for (size_t i = 0; i < e->nvars; i++)
        if (!strcmp(e->vars[i].name, name)) {
            *ret_slot = i;
            return &e->vars[i];
        }
    return NULL;
}

const struct cel_function_decl *cel_env_find_function(const struct cel_env *e, const char *container, const char *name) {
    size_t len = strlen(container), n = strlen(name);
    do
        for (size_t i = 0; i < e->nfunctions; i++) {
            const char *f = e->functions[i].name;
            if (len ? !strncmp(f, container, len) && f[len] == '.' && !strcmp(f + len + 1, name) : strlen(f) == n && !strcmp(f, name))
                return &e->functions[i];
        }
    while (cel_container_next(container, &len));
    return NULL;
}

static int check_free(const struct cel_env *e, const char *name, struct err *err) {
    size_t slot;
    if (!cel_name_ok(name, true))
        return err_set(err, GF_EINVAL, "'%s' cannot be a name in expressions", name);
    if (cel_env_find_var(e, name, &slot))
        return err_set(err, GF_EEXIST, "the variable '%s' is there already", name);
    for (size_t i = 0; i < e->nconsts; i++)
        if (!strcmp(e->consts[i].name, name))
            return err_set(err, GF_EEXIST, "the name '%s' is taken", name);
    for (size_t i = 0; i < e->naliases; i++)
        if (!strcmp(e->aliases[i].name, name))
            return err_set(err, GF_EEXIST, "the macro '%s' is there already", name);
    return 0;
}

static int add_var(struct cel_env *e, const struct env_var *from, struct err *err, size_t *ret_slot) {
    if (e->nvars >= CEL_MAX_VARS)
        return err_set(err, GF_ELIMIT, "too many variables (at most %d)", CEL_MAX_VARS);
    struct env_var *vars = grow(&e->arena, e->vars, e->nvars, sizeof *vars), v = *from;
    if (!vars)
        return err_set(err, GF_ENOMEM, "out of memory");
    e->vars = vars;
    v.name = arena_strdup(&e->arena, from->name);
    v.fields = from->nfields ? arena_dup(&e->arena, from->fields, from->nfields * sizeof *from->fields) : NULL;
    if (!v.name || (from->nfields && !v.fields))
        return err_set(err, GF_ENOMEM, "out of memory");
    if (ret_slot)
        *ret_slot = e->nvars;
    e->vars[e->nvars++] = v;
    return 0;
}

int cel_env_var(struct cel_env *e, const struct cel_decl *decl, struct err *err, size_t *ret_slot) {
    int rc = check_free(e, decl->name, err);
    if (rc < 0)
        return rc;
    struct env_var v = {.name = (char *)(uintptr_t)decl->name,
                        .type = decl->type,
                        .open = decl->open,
                        .warn_open = decl->warn_open,
                        .fields = (struct cel_field_decl *)(uintptr_t)decl->fields,
                        .nfields = decl->nfields};
    return add_var(e, &v, err, ret_slot);
}

int cel_env_const(struct cel_env *e, const char *name, struct cel_value value, struct err *err) {
    int rc = check_free(e, name, err);
    if (rc < 0)
        return rc;
    if (e->nconsts >= MAX_NAMED)
        return err_set(err, GF_ELIMIT, "too many constants (at most %d)", MAX_NAMED);
    struct env_const *consts = grow(&e->arena, e->consts, e->nconsts, sizeof *consts);
    if (!consts)
        return err_set(err, GF_ENOMEM, "out of memory");
    e->consts = consts;
    struct env_const k = {.name = arena_strdup(&e->arena, name), .value = cel_copy(&e->arena, value)};
    if (!k.name || k.value.type == CEL_ERROR)
        return err_set(err, GF_ENOMEM, "out of memory");
    e->consts[e->nconsts++] = k;
    return 0;
}

int cel_env_function(struct cel_env *e, const struct cel_function_decl *decl, struct err *err) {
    if (!cel_name_ok(decl->name, true) || !decl->fn || decl->max_args > CEL_MAX_ARGS || decl->min_args > decl->max_args)
        return err_set(err, GF_EINVAL, "'%s' cannot be declared as a function", decl->name);
    if (cel_function_known(decl->name, strlen(decl->name)) || !strcmp(decl->name, "has"))
        return err_set(err, GF_EEXIST, "there is a function '%s' in the language itself", decl->name);
    for (size_t i = 0; i < e->nfunctions; i++)
        if (!strcmp(e->functions[i].name, decl->name))
            return err_set(err, GF_EEXIST, "the function '%s' is there already", decl->name);
    if (e->nfunctions >= MAX_NAMED)
        return err_set(err, GF_ELIMIT, "too many functions (at most %d)", MAX_NAMED);
    struct cel_function_decl *functions = grow(&e->arena, e->functions, e->nfunctions, sizeof *functions);
    if (!functions)
        return err_set(err, GF_ENOMEM, "out of memory");
    e->functions = functions;
    e->functions[e->nfunctions++] = *decl;
    return 0;
}

static int add_alias(struct cel_env *e, const char *name, const char *text, size_t len) {
    if (e->naliases >= MAX_NAMED)
        return GF_ELIMIT;
    struct env_alias *aliases = grow(&e->arena, e->aliases, e->naliases, sizeof *aliases);
    if (!aliases)
        return GF_ENOMEM;
    e->aliases = aliases;
    struct env_alias a = {.name = arena_strdup(&e->arena, name), .text = arena_strndup(&e->arena, text, len), .len = len};
    if (!a.name || !a.text)
        return GF_ENOMEM;
    e->aliases[e->naliases++] = a;
    return 0;
}

int cel_env_alias(struct cel_env *e, const char *name, const char *text, size_t len, struct cel_diags *diags) {
    struct report report = {.diags = diags, .len = len};
    struct err err = {0};
    struct arena scratch;
    size_t nodes = CEL_MAX_NODES;
    int rc = check_free(e, name, &err);
    if (rc < 0) {
        cel_report(&report, 0, len, NULL, "%s", err.text);
        return rc;
    }
    arena_init(&scratch, 8192, 8u << 20);
    (void)cel_parse(&scratch, &report, text, len, &nodes);
    arena_done(&scratch);
    if (report.count)
        return GF_EINVAL;
    rc = add_alias(e, name, text, len);
    if (rc < 0)
        cel_report(&report, 0, len, NULL, rc == GF_ELIMIT ? "too many macros" : "out of memory");
    return rc;
}

int cel_env_container(struct cel_env *e, const char *container) {
    if (*container && !cel_name_ok(container, true))
        return GF_EINVAL;
    char *copy = arena_strdup(&e->arena, container);
    if (!copy)
        return GF_ENOMEM;
    e->container = copy;
    return 0;
}

int cel_env_zone(struct cel_env *e, const struct zone *site) {
    e->site = site;
    return 0;
}

struct cel_env *cel_env_copy(const struct cel_env *from) {
    struct cel_env *e;
    bool ok = true;
    if (cel_env_new(&e) < 0)
        return NULL;
    for (size_t i = 0; ok && i < from->nvars; i++)
        ok = add_var(e, &from->vars[i], NULL, NULL) == 0;
    for (size_t i = 0; ok && i < from->nconsts; i++)
        ok = cel_env_const(e, from->consts[i].name, from->consts[i].value, NULL) == 0;
    for (size_t i = 0; ok && i < from->naliases; i++)
        ok = add_alias(e, from->aliases[i].name, from->aliases[i].text, from->aliases[i].len) == 0;
    for (size_t i = 0; ok && i < from->nfunctions; i++)
        ok = cel_env_function(e, &from->functions[i], NULL) == 0;
    if (ok && from->container)
        ok = cel_env_container(e, from->container) == 0;
    e->site = from->site;
    if (ok)
        return e;
    cel_env_free(e);
    return NULL;
}
