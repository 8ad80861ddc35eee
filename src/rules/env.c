/* SPDX-License-Identifier: Apache-2.0
 * What names mean in expressions: the base (functions, lists, macros), a rule's variables, a source's variables; and compiling with the mistakes put at their places. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "rules/load_int.h"

const struct cel_aggregate_name rule_aggregate_names[] = {
    {"event_count", 0, "event_count() -> int", 0, 0},
    {"value_count", 1, "value_count(dyn) -> int", 0, 0},
    {"value_sum", 1, "value_sum(number) -> double", 0, 0},
    {"value_avg", 1, "value_avg(number) -> double", 0, 0},
    {"value_min", 1, "value_min(number) -> double", 0, 0},
    {"value_max", 1, "value_max(number) -> double", 0, 0},
    {"value_percentile", 2, "value_percentile(number, constant) -> double", 0, 100},
};
const size_t rule_aggregate_count = COUNT(rule_aggregate_names);

/* -- variables ------------------------------------------------------------------------------------------------------------------ */

static int add_var(struct cel_env *e, size_t want_slot, const struct cel_decl *d) {
    size_t slot;
    int rc = cel_env_var(e, d, NULL, &slot);
    if (rc < 0)
        return rc;
    return slot == want_slot ? 0 : GF_EBUG; /* the enum in model.h is the order of slots */
}

int env_rule_vars(struct cel_env *e, const struct registry *registry) {
    struct cel_field_decl event[] = {{atom_of("kind"), CEL_DECL_STRING},    {atom_of("device"), CEL_DECL_STRING},
                                     {atom_of("time"), CEL_DECL_TIMESTAMP}, {atom_of("arrived"), CEL_DECL_TIMESTAMP},
                                     {atom_of("late"), CEL_DECL_BOOL},      {atom_of("retained"), CEL_DECL_BOOL}};
    struct cel_field_decl device[REGISTRY_MAX_COLUMNS + 1] = {{atom_of("id"), CEL_DECL_STRING}};
    size_t ndevice = 1;
    const struct registry_column *columns;
    size_t ncolumns = registry ? registry_columns(registry, &columns) : 0;
    for (size_t i = 0; i < ncolumns; i++)
        if (columns[i].name != device[0].name)
            device[ndevice++] = (struct cel_field_decl){columns[i].name, columns[i].type};
    const struct cel_decl vars[RULE_VARS] = {
        [RULE_EVENT] = {.name = "event", .type = CEL_DECL_RECORD, .fields = event, .nfields = COUNT(event), .open = true},
        [RULE_STATE] = {.name = "state", .type = CEL_DECL_RECORD, .open = true},
        [RULE_PREVIOUS] = {.name = "previous", .type = CEL_DECL_RECORD, .open = true},
        [RULE_DEVICE] = {.name = "device", .type = CEL_DECL_RECORD, .fields = device, .nfields = ndevice, .open = true},
        [RULE_NOW] = {.name = "now", .type = CEL_DECL_TIMESTAMP},
        [RULE_SINCE] = {.name = "since", .type = CEL_DECL_TIMESTAMP},
        [RULE_BY] = {.name = "by", .type = CEL_DECL_DYN},
        [RULE_COUNT] = {.name = "count", .type = CEL_DECL_INT},
        [RULE_LAST] = {.name = "last", .type = CEL_DECL_TIMESTAMP},
    };
    for (size_t i = 0; i < RULE_VARS; i++) {
        int rc = add_var(e, i, &vars[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int env_source_vars(struct cel_env *e) {
    static const struct cel_decl vars[SOURCE_VARS] = {
        [SOURCE_TOPIC] = {.name = "topic", .type = CEL_DECL_RECORD, .open = true},
        [SOURCE_PAYLOAD] = {.name = "payload", .type = CEL_DECL_DYN},
        [SOURCE_RETAINED] = {.name = "retained", .type = CEL_DECL_BOOL},
        [SOURCE_KEY] = {.name = "key", .type = CEL_DECL_DYN},
        [SOURCE_ITEM] = {.name = "item", .type = CEL_DECL_DYN},
        [SOURCE_NOW] = {.name = "now", .type = CEL_DECL_TIMESTAMP},
    };
    for (size_t i = 0; i < SOURCE_VARS; i++) {
        int rc = add_var(e, i, &vars[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int copy_base(const struct ruleset *rs, struct cel_env **ret) {
    const struct owned_ruleset *own = (const struct owned_ruleset *)(const void *)rs;
    if (own) {
        *ret = cel_env_copy(own->base);
        return *ret ? 0 : GF_ENOMEM;
    }
    int rc = cel_env_new(ret);
    return rc < 0 ? rc : env_functions(*ret);
}

int ruleset_rule_env(const struct ruleset *rs, struct cel_env **ret) {
    struct cel_env *e = NULL;
    int rc = copy_base(rs, &e);
    if (rc == 0)
        rc = env_rule_vars(e, rs ? rs->registry : NULL);
    if (rc < 0)
        cel_env_free(e);
    else
        *ret = e;
    return rc;
}

int ruleset_source_env(const struct ruleset *rs, struct cel_env **ret) {
    struct cel_env *e = NULL;
    int rc = copy_base(rs, &e);
    if (rc == 0)
        rc = env_source_vars(e);
    if (rc < 0)
        cel_env_free(e);
    else
        *ret = e;
    return rc;
}

/* -- lists and macros --------------------------------------------------------------------------------------------------------------- */

/* Names that expressions give a meaning to already. */
static bool reserved(const char *name) {
    static const char *const names[] = {"event",   "state",    "previous", "device", "now",      "since", "by",    "count", "last", "topic",
                                        "payload", "retained", "key",      "item",   "incident", "true",  "false", "null",  "in"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    for (size_t i = 0; i < rule_aggregate_count; i++)
        if (strcmp(rule_aggregate_names[i].name, name) == 0)
            return true;
    return false;
}

static bool usable_name(struct loader *ld, const struct definition *d, const char *what) {
    if (!is_identifier(d->key->text, d->key->len)) {
        report_error(ld->rd.rep, d->key->at, "letters, digits and '_', not beginning with a digit", "'%.100s' cannot be the name of a %s",
                     d->name, what);
        return false;
    }
    if (reserved(d->name)) {
        report_error(ld->rd.rep, d->key->at, "choose another", "the name '%s' has a meaning of its own in expressions", d->name);
        return false;
    }
    return true;
}

static void env_failed(struct loader *ld, const struct definition *d, int rc, const struct err *err) {
    if (rc == GF_ENOMEM)
        reader_oom(&ld->rd);
    else
        report_error(ld->rd.rep, d->key->at, rc == GF_EEXIST ? "choose another name" : NULL, "'%s' cannot be defined: %s", d->name,
                     err->code ? err->text : err_text(rc));
}

/* Stands for a list or macro with a mistake, so that its uses bring no others. */
static void add_broken(struct loader *ld, const struct definition *d) {
    static const char text[] = "dyn(null)";
    struct arena scratch;
    arena_init(&scratch, 512, 0);
    struct cel_diags quiet = {.arena = &scratch};
    if (cel_env_alias(ld->own->base, d->name, text, sizeof text - 1, &quiet) == GF_ENOMEM)
        reader_oom(&ld->rd);
    arena_done(&scratch);
}

static void add_list(struct loader *ld, const struct definition *d) {
    if (!usable_name(ld, d, "list"))
        return;
    if (d->value->kind == YAML_SCALAR) {
        if (!d->value->bad)
            report_error(ld->rd.rep, d->value->at, "name: [a, b, c]", "a list must be a list (or a mapping), not %s",
                         node_kind_name(d->value));
        add_broken(ld, d);
        return;
    }
    struct cel_value v;
    struct err err = {0};
    if (!constant_value(ld, d->value, &v)) {
        add_broken(ld, d);
        return;
    }
    int rc = cel_env_const(ld->own->base, d->name, v, &err);
    if (rc < 0)
        env_failed(ld, d, rc, &err);
}

/* registry('adress', …): a column that devices.csv has not and one like it that it has. Any other may come with the site's own columns. */
static void check_columns(struct loader *ld, const struct yaml_node *n, size_t begin, size_t end) {
    static const char call[] = "registry(";
    const struct registry_column *columns;
    const char *names[REGISTRY_MAX_COLUMNS];
    size_t count = ld->rs->registry ? registry_columns(ld->rs->registry, &columns) : 0;
    for (size_t i = 0; i < count; i++)
        names[i] = atom_name(columns[i].name);
    for (const char *p = n->text + begin, *last = n->text + end; (p = memmem(p, (size_t)(last - p), call, sizeof call - 1));) {
        p += sizeof call - 1;
        size_t len = p < last && (*p == '\'' || *p == '"') ? strcspn(p + 1, "'\"") : 0;
        char word[ATOM_NAME_MAX + 1];
        if (len == 0 || len >= sizeof word || p + 1 + len >= last)
            continue;
        memcpy(word, p + 1, len);
        word[len] = '\0';
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known |= strcmp(names[i], word) == 0;
        size_t at = (size_t)(p + 1 - n->text);
        if (!known && text_nearest(word, names, count))
            report_unknown_warning(ld->rd.rep, yaml_place(n, at, at + len), word, names, count, "devices.csv has no column '%s'", word);
    }
}

static void add_macro(struct loader *ld, const struct definition *d) {
    if (!usable_name(ld, d, "macro"))
        return;
    if (definition_find(&ld->lists, d->name, strlen(d->name))) {
        report_error(ld->rd.rep, d->key->at, first_given(&ld->rd, definition_find(&ld->lists, d->name, strlen(d->name))->key->at),
                     "'%s' is a list already", d->name);
        return;
    }
    struct arena scratch;
    arena_init(&scratch, 2048, 4 << 20);
    struct cel_diags diags = {.arena = &scratch};
    int rc = GF_EINVAL;
    if (d->value->bad) {
        rc = GF_EINVAL;
    } else if (d->value->kind != YAML_SCALAR || d->value->len == 0 || yaml_is_null(d->value)) {
        report_error(ld->rd.rep, d->value->at, "put quotes around an expression that begins with '[' or '{'",
                     "a macro must be an expression, not %s", node_kind_name(d->value));
    } else {
        rc = cel_env_alias(ld->own->base, d->name, d->value->text, d->value->len, &diags);
        expr_report(&ld->rd, d->value, 0, &diags);
        if (rc == 0) {
            check_columns(ld, d->value, 0, d->value->len);
            expr_comments(&ld->rd, d->value, 0, d->value->len);
        }
        if (rc < 0 && diags.errors == 0)
            env_failed(ld, d, rc, &(struct err){0});
    }
    arena_done(&scratch);
    if (rc < 0 && rc != GF_EEXIST)
        add_broken(ld, d);
}

/* Told where the macros stand, whether anybody uses them or not; and then not again at each use. */
static void check_circle(struct loader *ld, const struct definition *d) {
    struct arena scratch;
    char itself[160];
    arena_init(&scratch, 4096, 8 << 20);
    struct cel_diags diags = {.arena = &scratch};
    struct cel_program *p = NULL;
    (void)snprintf(itself, sizeof itself, "the macro '%.100s' uses itself", d->name);
    if (cel_compile(ld->own->base, d->name, strlen(d->name), &(struct cel_options){0}, &diags, &p) == GF_ENOMEM)
        reader_oom(&ld->rd);
    cel_program_free(p);
    for (size_t i = 0; i < diags.count; i++) {
        const char *text = diags.items[i].text;
        if (strstr(text, "uses itself") && !loader_told(ld, d->name, strlen(d->name), text) && strstr(text, itself))
            report_error(ld->rd.rep, d->value->at, "macros may use one another, but not in a circle", "%s", itself);
    }
    arena_done(&scratch);
}

void loader_base_env(struct loader *ld) {
    if (cel_env_new(&ld->own->base) < 0 || env_functions(ld->own->base) < 0) {
        reader_oom(&ld->rd);
        return;
    }
    for (size_t i = 0; i < ld->lists.n && !ld->rd.oom; i++)
        add_list(ld, &ld->lists.items[i]);
    for (size_t i = 0; i < ld->macros.n && !ld->rd.oom; i++)
        add_macro(ld, &ld->macros.items[i]);
    for (size_t i = 0; i < ld->macros.n && !ld->rd.oom; i++)
        check_circle(ld, &ld->macros.items[i]);
}

/* -- compiling ------------------------------------------------------------------------------------------------------------------------ */

bool loader_told(struct loader *ld, const char *text, size_t len, const char *what) {
    const struct definition *m = definition_find(&ld->macros, text, len);
    if (!m)
        return false;
    char key[256];
    int n = snprintf(key, sizeof key, "%.100s %.150s", m->name, what);
    bool told = map_get(&ld->macro_told, key, (size_t)n) != NULL;
    if (!told && map_put(&ld->macro_told, key, (size_t)n, ld, NULL) < 0)
        reader_oom(&ld->rd);
    return told;
}

static bool is_one_of(const char *name, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}

/* A name that stands for a field without saying whose: the commonest slip of all. Sources are read before there are names of rules. */
static const char *name_hint(void *arg, const char *name, char *buf, size_t size) {
    static const char *const of_rules[] = {"event", "state", "previous", "device", "since", "last", "by"};
    static const char *const of_sources[] = {"topic", "payload", "key", "item", "retained"};
    struct loader *ld = arg;
    const struct registry_column *columns;
    size_t n = registry_columns(ld->rs->registry, &columns);
    atom_t a = atom_of(name);
    if (!ld->rule_env) {
        if (!is_one_of(name, of_rules, COUNT(of_rules)))
            return NULL;
        (void)snprintf(buf, size, "that is known in rules; a source reads topic, payload, retained and now, with 'each' also key and item");
        return buf;
    }
    bool field = false, column = false;
    for (size_t i = 0; i < ld->nkinds; i++)
        field = field || kind_has(&ld->kinds[i], a);
    for (size_t i = 0; i < n; i++)
        column = column || columns[i].name == a;
    if (field && column)
        (void)snprintf(buf, size, "a field of the event is read as event.%s, a column of the registry as device.%s", name, name);
    else if (field)
        (void)snprintf(buf, size, "a field of the event is read as event.%s", name);
    else if (column)
        (void)snprintf(buf, size, "a column of the registry is read as device.%s", name);
    else if (kind_find(ld, a))
        (void)snprintf(buf, size, "'%s' is a kind of event; the event itself is called event", name);
    else if (is_one_of(name, of_sources, COUNT(of_sources)))
        (void)snprintf(buf, size, "that is known in sources only; a rule reads the fields that a source has made of it: event.…");
    else
        return NULL;
    return buf;
}

struct cel_program *loader_compile(struct loader *ld, const struct cel_env *env, const struct yaml_node *n, size_t begin, size_t end,
                                   struct cel_aggregates *aggregates, enum cel_decl_type want) {
    struct arena scratch;
    arena_init(&scratch, 4096, 8 << 20);
    struct cel_diags diags = {.arena = &scratch};
    struct cel_options opt = {.aggregates = aggregates, .want = want, .hint = name_hint, .field_types = rule_field_types, .arg = ld};
    struct cel_program *p = NULL;
    int rc = cel_compile(env, n->text + begin, end - begin, &opt, &diags, &p);
    size_t errors = diags.errors, kept = 0;
    for (size_t i = 0; i < diags.count; i++) {
        const struct cel_diag *d = &diags.items[i];
        if (ld->incomplete && strstr(d->text, "unknown name")) /* it may stand in the part that could not be read */
            continue;
        if (d->end > end - begin || !loader_told(ld, n->text + begin + d->begin, d->end - d->begin, d->text))
            diags.items[kept++] = *d;
    }
    diags.count = kept;
    expr_report(&ld->rd, n, begin, &diags);
    if (rc == GF_ENOMEM)
        reader_oom(&ld->rd);
    else if (rc < 0 && errors == 0)
        report_error(ld->rd.rep, yaml_place(n, begin, end), NULL, "this expression cannot be used: %s", err_text(rc));
    arena_done(&scratch);
    expr_comments(&ld->rd, n, begin, end);
    if (rc < 0)
        return NULL;
    if (programs_add(&ld->own->programs, p) < 0) {
        reader_oom(&ld->rd);
        cel_program_free(p);
        return NULL;
    }
    check_columns(ld, n, begin, end);
    return p;
}

bool loader_expr(struct loader *ld, const struct cel_env *env, const struct yaml_node *n, const char *what,
                 struct cel_aggregates *aggregates, enum cel_decl_type want, struct rules_expr *ret) {
    if (!expr_scalar(&ld->rd, n, what))
        return false;
    struct cel_program *p = loader_compile(ld, env, n, 0, n->len, aggregates, want);
    if (!p)
        return false;
    *ret = (struct rules_expr){.program = p, .at = n->at};
    return true;
}
