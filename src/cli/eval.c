/* SPDX-License-Identifier: Apache-2.0
 * gengfu eval: try an expression, as a rule or as a source would see it. The JSON given becomes the variables. */
#include <stdlib.h>
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/file.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"

#define MAX_JSON (16 << 20)

struct evaluating {
    struct cli *c;
    struct arena arena;
    struct cel_env *env;
    const struct ruleset *rs; /* of --config; NULL: none */
    struct cel_value vars[CEL_MAX_VARS];
    struct buf json[CLI_MAX_VALUES];
    size_t njson;
};

/* The value of an option: JSON itself, @FILE, or - for standard input. */
static int json_option(struct evaluating *e, const char *name, const cJSON **ret) {
    const char *v = cli_value(e->c, name);
    struct buf *b = &e->json[e->njson++];
    struct err err = {0};
    int rc = 0;

    buf_init(b, MAX_JSON);
    if (v[0] == '@' || strcmp(v, "-") == 0)
        rc = file_read(v[0] == '@' ? v + 1 : "/dev/stdin", b, &err);
    else
        buf_puts(b, v);
    if (rc == 0)
        rc = json_parse(&e->arena, b->data, b->len, &err, ret);
    if (rc < 0) {
        (void)err_prefix(&err, "--%s", name);
        (void)cli_complain(&err);
        return err.code == GF_EIO || err.code == GF_ENOMEM ? EXIT_TROUBLE : EXIT_USAGE;
    }
    return EXIT_FINE;
}

static int set_vars(struct evaluating *e, bool source) {
    static const struct {
        const char *option;
        int rule_slot, source_slot; /* -1: none */
        const char *missing;
    } options[] = {{"event", RULE_EVENT, -1, "no event was given: --event '{…}'"},
                   {"state", RULE_STATE, -1, "no state was given: --event '{…}' or --state '{…}'"},
                   {"previous", RULE_PREVIOUS, -1, "no previous state was given: --previous '{…}'"},
                   {"device", RULE_DEVICE, -1, "no device was given: --device '{…}'"},
                   {"payload", -1, SOURCE_PAYLOAD, "no payload was given: --payload '{…}'"},
                   {"topic", -1, SOURCE_TOPIC, "no captures of a topic were given: --topic '{\"device\": …}'"}};

    for (size_t i = 0; i < CEL_MAX_VARS; i++)
        e->vars[i] = cel_error(CEL_E_ABSENT, "eval has no option for the value of this variable");
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int slot = source ? options[i].source_slot : options[i].rule_slot;
        if (slot >= 0)
            e->vars[slot] = cel_error(CEL_E_ABSENT, options[i].missing);
    }
    e->vars[source ? SOURCE_NOW : RULE_NOW] = cel_time_ms(clock_wall());
    if (source)
        e->vars[SOURCE_RETAINED] = cel_bool(false);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int slot = source ? options[i].source_slot : options[i].rule_slot;
        const cJSON *json;

        if (slot < 0 || !cli_given(e->c, options[i].option))
            continue;
        int rc = json_option(e, options[i].option, &json);
        if (rc != EXIT_FINE)
            return rc;
        e->vars[slot] = cel_json(json);
        if (slot == RULE_EVENT && !source && !cli_given(e->c, "state"))
            e->vars[RULE_STATE] = e->vars[slot];
    }
    return EXIT_FINE;
}

static void print_diags(const char *text, const struct cel_diags *diags) {
    for (size_t i = 0; i < diags->count; i++) {
        const struct cel_diag *g = &diags->items[i];
        size_t line = 0, columns;

        for (size_t k = 0; k < g->begin; k++)
            if (text[k] == '\n')
                line = k + 1;
        columns = strcspn(text + line, "\n");
        (void)fprintf(stderr, "%s: %s\n    %.*s\n    %*s", g->warning ? "warning" : "error", g->text, (int)columns, text + line,
                      (int)text_width(text + line, g->begin - line), "");
        size_t wide = g->end > g->begin ? text_width(text + g->begin, g->end - g->begin) : 1;
        for (size_t k = 0; k < (wide > 0 ? wide : 1); k++)
            (void)fputc('^', stderr);
        (void)fprintf(stderr, "\n");
        if (g->hint != NULL)
            (void)fprintf(stderr, "    %s\n", g->hint);
    }
}

static int evaluate(struct evaluating *e, const char *text) {
    struct cel_diags diags = {.arena = &e->arena};
    struct cel_program *p;
    struct buf out;

    if (cel_compile(e->env, text, strlen(text), &(struct cel_options){0}, &diags, &p) < 0) {
        print_diags(text, &diags);
        return EXIT_USAGE;
    }
    struct cel_context ctx = {.vars = e->vars, .arena = &e->arena, .host = (void *)(uintptr_t)e->rs};

    buf_init(&out, 64 << 20);
    if (cli_given(e->c, "dump"))
        cel_dump(p, &out);
    if (cli_given(e->c, "explain"))
        cel_explain(p, &ctx, &out);
    ctx.steps = 0;
    struct cel_value v = cel_eval(p, &ctx);

    if (cel_is_error(v)) {
        (void)fwrite(out.data, 1, out.len, stdout);
        (void)fprintf(stderr, "%s: %s\n", cel_is_unknown(v) ? "unknown" : "error", v.s ? v.s : "no value");
    } else {
        if (e->c->json)
            cel_write_json(&out, v);
        else
            cel_write_text(&out, v);
        buf_putc(&out, '\n');
        (void)fwrite(out.data, 1, out.len, stdout);
    }
    buf_done(&out);
    cel_program_free(p);
    return cel_is_error(v) ? EXIT_FOUND : EXIT_FINE;
}

int cmd_eval(struct cli *c) {
    struct evaluating *e = calloc(1, sizeof(*e));
    struct ruleset *rs = NULL;
    bool source = cli_given(c, "payload") || cli_given(c, "topic");
    int rc = EXIT_FINE;

    if (e == NULL)
        return EXIT_TROUBLE;
    e->c = c;
    arena_init(&e->arena, 64 << 10, 256 << 20);
    if (cli_given(c, "config"))
        rc = load_rules(c, c->dir, &rs);
    if (rc == EXIT_FINE && (source ? ruleset_source_env(rs, &e->env) : ruleset_rule_env(rs, &e->env)) < 0) {
        (void)fputs("gengfu: out of memory\n", stderr);
        rc = EXIT_TROUBLE;
    }
    e->rs = rs;
    if (rc == EXIT_FINE)
        rc = set_vars(e, source);
    if (rc == EXIT_FINE)
        rc = evaluate(e, c->args[0]);
    cel_env_free(e->env);
    ruleset_free(rs);
    for (size_t i = 0; i < e->njson; i++)
        buf_done(&e->json[i]);
    arena_done(&e->arena);
    free(e);
    return rc;
}
