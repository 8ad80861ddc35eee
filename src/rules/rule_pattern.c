/* SPDX-License-Identifier: Apache-2.0
 * What a rule waits for, and how that ends: when, for, within + having, sequence, together, absent; clear, resolve_after. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/atom.h"
#include "rules/load_int.h"
#include "rules/shape_int.h"

/* -- kinds -------------------------------------------------------------------------------------------------------------------------- */

static void unknown_kind(struct rule_reading *q, const struct yaml_node *n) {
    const char *names[256];
    size_t count = 0;
    for (size_t i = 0; i < q->ld->nkinds && count < COUNT(names); i++)
        names[count++] = atom_name(q->ld->kinds[i].name);
    report_unknown_warning(q->ld->rd.rep, n->at, n->text, names, count, "no source makes events of kind '%.80s'", n->text);
}

bool rule_on(struct rule_reading *q, const struct yaml_node *n, bool *ret_any, const atom_t **ret, size_t *ret_n) {
    struct loader *ld = q->ld;
    const struct yaml_node *const *words;
    size_t count;
    if (!node_words(&ld->rd, n, "'on'", &words, &count))
        return false;
    atom_t *out = reader_alloc(&ld->rd, count * sizeof *out);
    size_t kept = 0;
    for (size_t i = 0; out && i < count; i++) {
        if (strcmp(words[i]->text, "*") == 0) {
            *ret_any = true;
            continue;
        }
        atom_t a = reader_atom(&ld->rd, words[i]->text, words[i]->len, words[i]->at);
        if (!a)
            continue;
        out[kept++] = a;
        if (!kind_find(ld, a)) {
            if (ld->rs->nsources && !ld->incomplete)
                unknown_kind(q, words[i]);
            q->kinds_known = false;
        }
    }
    *ret = out;
    *ret_n = kept;
    return out != NULL;
}

/* -- how it ends ---------------------------------------------------------------------------------------------------------------------- */

static void read_clear(struct rule_reading *q, const struct yaml_node *n) {
    struct rule *r = q->r;
    struct report *rep = q->ld->rd.rep;
    if (n->kind == YAML_SCALAR && strcmp(n->text, "manual") == 0) {
        r->clear_mode = CLEAR_MANUAL;
    } else if (n->kind == YAML_SCALAR && strcmp(n->text, "auto") == 0) {
        r->clear_mode = CLEAR_AUTO;
    } else if (n->kind == YAML_SCALAR && is_identifier(n->text, n->len) && !definition_find(&q->ld->macros, n->text, n->len) &&
               strcmp(n->text, "true") != 0 && strcmp(n->text, "false") != 0 && !q->ld->incomplete) {
        report_error(rep, n->at, "write auto, manual, or an expression: event.power_w > 5.0", "'clear' cannot be '%.80s'", n->text);
    } else {
        r->clear_mode = CLEAR_EXPR;
        if (r->pattern == RULE_ABSENT && !n->bad)
            report_error(rep, n->at, "leave 'clear' out, or write clear: manual", "an 'absent' rule ends when the device speaks again");
        else
            (void)rule_expr(q, n, "'clear'", NULL, CEL_DECL_BOOL, &r->clear);
    }
}

static void read_end(struct rule_reading *q) {
    struct rule *r = q->r;
    struct reader *rd = &q->ld->rd;
    const struct yaml_node *clear = yaml_get(q->n, "clear"), *after = yaml_get(q->n, "resolve_after"),
                           *keep = yaml_get(q->n, "keep_firing_for");
    r->clear_mode = after ? CLEAR_AFTER : CLEAR_AUTO; /* a rule that must say how it ends was told so */
    if (clear)
        read_clear(q, clear);
    (void)shape_span(rd, q->n, &rule_shape, "resolve_after", &r->resolve_after);
    if (!keep || !shape_span(rd, q->n, &rule_shape, "keep_firing_for", &r->keep_firing_for))
        return;
    if (r->clear_mode == CLEAR_MANUAL || r->clear_mode == CLEAR_AFTER)
        report_warning(rd->rep, keep->at, "it counts from the moment at which the condition is over",
                       "'keep_firing_for' means nothing with %s",
                       r->clear_mode == CLEAR_MANUAL ? "'clear: manual'" : "'resolve_after' alone");
}

/* -- steps ------------------------------------------------------------------------------------------------------------------------------ */

/* The mapping inside {not: …}, or the step itself. */
static const struct yaml_node *step_body(struct rule_reading *q, const struct yaml_node *n, bool *ret_not) {
    const struct yaml_node *not_ = yaml_get(n, "not");
    *ret_not = not_ != NULL;
    if (!not_)
        return n;
    return node_mapping(&q->ld->rd, not_, "'not'", "{not: {on: lock, when: event.locked}}") ? not_ : NULL;
}

static void read_step_head(struct rule_reading *q, const struct yaml_node *n, size_t i, struct rule_step *s) {
    struct reader *rd = &q->ld->rd;
    char given[32];
    (void)snprintf(given, sizeof given, "step%zu", i + 1);
    s->name = atom_of(given);
    if (!node_mapping(rd, n, "a step", "{name: opened, on: contact, when: event.open}"))
        return;
    const struct yaml_node *body = step_body(q, n, &s->negated);
    shape_relations(rd, n, &step_shape, n->at);
    (void)shape_keys(rd, n, &step_shape);
    if (!body || (s->negated && !shape_keys(rd, body, &not_step_shape)))
        return;
    const struct yaml_node *name = yaml_get(body, "name"), *on = yaml_get(body, "on");
    if (name && name->kind == YAML_SCALAR && is_identifier(name->text, name->len)) {
        s->name = reader_atom(rd, name->text, name->len, name->at);
        for (size_t k = 0; k < i; k++)
            if (q->steps[k].name == s->name)
                report_error(rd->rep, name->at, "every step needs a name of its own", "a second step '%s'", name->text);
    } else if (name && !name->bad) {
        report_error(rd->rep, name->at, "letters, digits and '_', not beginning with a digit: other steps read it as name.field",
                     "'%.60s' cannot be the name of a step", name->kind == YAML_SCALAR ? name->text : node_kind_name(name));
    }
    if (on) {
        (void)rule_on(q, on, &s->on_any, &s->on, &s->non);
    } else {
        s->on_any = q->r->on_any;
        s->on = q->r->on;
        s->non = q->r->non;
        if (!s->on_any && s->non == 0)
            report_error(rd->rep, body->at, "{name: opened, on: contact, when: event.open}",
                         "the step does not say which kind of event it waits for");
    }
}

static void read_step_when(struct rule_reading *q, const struct yaml_node *n, size_t i, struct rule_step *s) {
    const struct yaml_node *not_ = n->kind == YAML_MAPPING ? yaml_get(n, "not") : NULL, *when = yaml_get(not_ ? not_ : n, "when");
    /* Fields of `event` are those of the step's own kinds. */
    struct rule saved = *q->r;
    if (!when)
        return;
    q->visible_steps = i;
    q->r->on_any = s->on_any;
    q->r->on = s->on;
    q->r->non = s->non;
    (void)rule_expr(q, when, "'when'", NULL, CEL_DECL_BOOL, &s->when);
    q->r->on_any = saved.on_any;
    q->r->on = saved.on;
    q->r->non = saved.non;
}

static bool step_vars(struct rule_reading *q, const struct yaml_node *list) {
    q->own_env = cel_env_copy(q->ld->rule_env);
    if (!q->own_env) {
        reader_oom(&q->ld->rd);
        return false;
    }
    q->env = q->own_env;
    for (size_t i = 0; i < q->r->nsteps; i++) {
        struct cel_decl d = {.name = atom_name(q->steps[i].name), .type = CEL_DECL_RECORD, .open = true};
        struct err err = {0};
        size_t slot;
        int rc = cel_env_var(q->own_env, &d, &err, &slot);
        for (size_t k = 0; k < i; k++)
            if (q->steps[k].name == q->steps[i].name)
                return false; /* told by read_step_head; names mean nothing certain then */
        if (rc == GF_ENOMEM)
            reader_oom(&q->ld->rd);
        else if (rc < 0)
            report_error(q->ld->rd.rep, list->items[i]->at, "choose another name",
                         "'%s' has a meaning already, so no step can be called so", d.name);
        if (rc < 0)
            return false;
    }
    return true;
}

static void read_steps(struct rule_reading *q, const struct yaml_node *n, const char *key) {
    struct rule *r = q->r;
    struct reader *rd = &q->ld->rd;
    if (n->bad)
        return;
    if (n->kind != YAML_SEQUENCE || n->n < 2 || n->n > RULES_MAX_STEPS) {
        report_error(rd->rep, n->at, "- {name: opened, on: contact, when: event.open}", "'%s' must be a list of 2 to %d steps", key,
                     RULES_MAX_STEPS);
        return;
    }
    q->steps = reader_alloc(rd, n->n * sizeof *q->steps);
    if (!q->steps)
        return;
    for (size_t i = 0; i < n->n; i++)
        read_step_head(q, n->items[i], i, &q->steps[i]);
    r->steps = q->steps;
    r->nsteps = n->n;
    size_t positive = 0;
    for (size_t i = 0; i < n->n; i++)
        positive += !q->steps[i].negated;
    if (positive == 0 && r->pattern == RULE_TOGETHER)
        report_error(rd->rep, n->at, "for silence use 'absent'", "nothing in this list must happen");
    if (q->steps[0].negated && r->pattern == RULE_SEQUENCE)
        report_error(rd->rep, n->items[0]->at, "begin with the step that must happen first; for silence use 'absent'",
                     "a sequence cannot begin with 'not'");
    if (!step_vars(q, n))
        return;
    for (size_t i = 0; i < n->n; i++)
        if (n->items[i]->kind == YAML_MAPPING)
            read_step_when(q, n->items[i], i, &q->steps[i]);
    q->visible_steps = SIZE_MAX;
}

/* -- the pattern ------------------------------------------------------------------------------------------------------------------------- */

/* What does not go together was told before. False: there is none, or more than one. */
static bool choose(struct rule_reading *q) {
    static const struct {
        const char *key;
        enum rule_pattern pattern;
    } patterns[] = {{"having", RULE_WINDOW}, {"sequence", RULE_SEQUENCE}, {"together", RULE_TOGETHER}, {"absent", RULE_ABSENT}};
    size_t n = 0;
    q->r->pattern = RULE_SINGLE;
    for (size_t i = 0; i < COUNT(patterns); i++)
        if (yaml_get(q->n, patterns[i].key)) {
            q->r->pattern = patterns[i].pattern;
            n++;
        }
    return n == 1 || (n == 0 && yaml_get(q->n, "when"));
}

static void check_span(struct rule_reading *q, const char *key, int64_t ms) {
    int64_t keeps = q->ld->rs->config->journal_max_age;
    char a[TIME_TEXT_MAX], b[TIME_TEXT_MAX];
    const struct yaml_node *v = yaml_get(q->n, key);
    if (v && ms > keeps) {
        char hint[120];
        (void)snprintf(hint, sizeof hint, "store.journal_max_age is %s", span_format(keeps, b));
        report_warning(q->ld->rd.rep, v->at, hint, "'%s: %s' is longer than the journal keeps", key, span_format(ms, a));
    }
}

static void read_of(struct rule_reading *q, const struct yaml_node *n) {
    const struct yaml_node *const *words;
    struct reader *rd = &q->ld->rd;
    size_t count;
    if (q->r->pattern != RULE_ABSENT || !node_words(rd, n, "'of'", &words, &count))
        return;
    atom_t *out = reader_alloc(rd, count * sizeof *out);
    if (!out)
        return;
    const struct registry *reg = q->ld->rs->registry;
    for (size_t i = 0; i < count; i++) {
        out[i] = reader_atom(rd, words[i]->text, words[i]->len, words[i]->at);
        bool known = registry_count(reg) == 0;
        for (size_t k = 0; k < registry_count(reg) && !known; k++)
            known = registry_at(reg, k)->kind == out[i];
        if (!known)
            report_warning(rd->rep, words[i]->at, "kinds of devices stand in the column 'kind' of devices.csv",
                           "no device of kind '%.60s' is registered", words[i]->text);
    }
    q->r->of = out;
    q->r->nof = count;
}

/* by: expression, or a list of them: [device.grid, event.lane] is read as the CEL list of the same text. */
static void read_by(struct rule_reading *q, const struct yaml_node *n) {
    if (n->kind == YAML_SEQUENCE && n->n == 0 && !n->bad) {
        report_error(q->ld->rd.rep, n->at, "by: device.id, or by: [device.grid, event.lane]; left out, it is device.id",
                     "'by' names nothing");
        return;
    }
    if (n->kind != YAML_SEQUENCE || n->bad) {
        (void)rule_expr(q, n, "'by'", NULL, CEL_DECL_DYN, &q->r->by);
        return;
    }
    size_t len = 2, at = 0;
    for (size_t i = 0; i < n->n; i++) {
        if (!expr_scalar(&q->ld->rd, n->items[i], "'by'"))
            return;
        len += n->items[i]->len + 2;
    }
    char *text = arena_alloc(&q->ld->tree, len + 1);
    uint32_t *offsets = arena_alloc(&q->ld->tree, (len + 1) * sizeof *offsets);
    if (!text || !offsets) {
        reader_oom(&q->ld->rd);
        return;
    }
    bool fine = true;
    for (size_t i = 0; i < n->n; i++) { /* each on its own first, for the sake of its mistakes */
        struct rules_expr alone;
        fine = rule_expr(q, n->items[i], "'by'", NULL, CEL_DECL_DYN, &alone) && fine;
    }
    for (size_t i = 0; i < n->n; i++) {
        const struct yaml_node *e = n->items[i];
        text[at] = i ? ',' : '[';
        offsets[at++] = e->offsets[0];
        memcpy(text + at, e->text, e->len);
        memcpy(offsets + at, e->offsets, e->len * sizeof *offsets);
        at += e->len;
    }
    text[at] = ']';
    offsets[at] = offsets[at + 1] = n->items[n->n - 1]->offsets[n->items[n->n - 1]->len];
    text[++at] = '\0';
    struct yaml_node whole = {.kind = YAML_SCALAR, .at = n->at, .text = text, .len = at, .offsets = offsets};
    if (fine)
        q->r->by = (struct rules_expr){.program = loader_compile(q->ld, q->env, &whole, 0, at, NULL, CEL_DECL_LIST), .at = n->at};
}

void rule_pattern(struct rule_reading *q) {
    struct rule *r = q->r;
    struct reader *rd = &q->ld->rd;
    const struct yaml_node *v;
    if (!choose(q))
        return;
    if (r->pattern == RULE_WINDOW && !rule_aggregates(q))
        return;
    if (r->pattern == RULE_SEQUENCE || r->pattern == RULE_TOGETHER) {
        const char *key = r->pattern == RULE_SEQUENCE ? "sequence" : "together";
        read_steps(q, yaml_get(q->n, key), key);
    } else if ((v = yaml_get(q->n, "when"))) {
        (void)rule_expr(q, v, "'when'", NULL, CEL_DECL_BOOL, &r->when);
    }
    (void)shape_span(rd, q->n, &rule_shape, "for", &r->for_ms);
    (void)shape_span(rd, q->n, &rule_shape, "within", &r->within);
    (void)shape_span(rd, q->n, &rule_shape, "absent", &r->absent);
    if (r->pattern == RULE_ABSENT)
        (void)shape_span(rd, q->n, &rule_shape, "grace", &r->grace);
    if ((v = yaml_get(q->n, "of")))
        read_of(q, v);
    if ((v = yaml_get(q->n, "by")))
        read_by(q, v);
    if ((v = yaml_get(q->n, "having")))
        (void)rule_expr(q, v, "'having'", r->aggregates, CEL_DECL_BOOL, &r->having);
    check_span(q, "for", r->for_ms);
    check_span(q, "within", r->within);
    check_span(q, "absent", r->absent);
    read_end(q);
    rule_required(q);
    rule_check_never(q);
}
