/* SPDX-License-Identifier: Apache-2.0
 * What programs tell of themselves (reads, equalities, constants, dump, explanation), environments, macros, sums, functions of the host. */
#include <stdio.h>

#include "cel_fixture.h"

/* "event.kind ?event.power_w": reads in order, ? for those that bear absence; a variable as a whole without a point. */
static const char *reads(struct fx *f, const char *text) {
    static const char *const vars[] = {"event", "device", "payload", "now"};
    struct cel_program *p = fx_compile(f, text);
    const struct cel_read *r;
    if (!p)
        fail_msg("%s: %s", text, f->diags.items[0].text);
    size_t n = cel_program_reads(p, &r);
    buf_clear(&f->text);
    for (size_t i = 0; i < n; i++)
        buf_printf(&f->text, "%s%s%s%s%s", i ? " " : "", r[i].guarded ? "?" : "", vars[r[i].slot], r[i].field ? "." : "",
                   atom_name(r[i].field));
    cel_program_free(p);
    return f->text.data;
}

static void reads_and_their_guards(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    static const char *const table[][2] = {
        {"event.power_w < device.min_power_w", "event.power_w device.min_power_w"},
        {"event['kind'] == 'x'", "event.kind"},
        {"payload.a.b[0].c", "payload.a"},
        {"payload.?a.b.orValue(0) == 1", "?payload.a"},
        {"payload.?a.orValue(1) == 1", "?payload.a"},
        {"payload[?'a'].orValue(1) == 1", "?payload.a"},
        {"payload.a.?b.orValue(1) == 1", "?payload.a"}, /* the operand of ?. : without it the value is unknown by itself */
        {"has(payload.a)", "?payload.a"},
        {"has(payload.a.b)", "?payload.a"},
        {"has(payload.a) && payload.a > 5", "?payload.a ?payload.a"}, /* the expression looks itself */
        {"payload.a > 5 || !has(payload.a)", "?payload.a ?payload.a"},
        {"has(payload.a) && payload.b > 5", "?payload.a payload.b"},
        {"payload.l.exists(x, x == event.kind)", "payload.l event.kind"},
        {"event.map(k, event[k]).size() > 0", "event event"},
        {"'kind' in event", "event"},
        {"now - event.time > duration('1m')", "now event.time"},
        {"event.locked ? payload.a : payload.b", "event.locked payload.a payload.b"},
        {"cel.bind(x, payload.a, x + x)", "payload.a"},
        {"1 + 2 > 3", ""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(reads(&f, table[i][0]), table[i][1]))
            fail_msg("%s reads %s", table[i][0], f.text.data);
    struct cel_program *p = fx_compile(&f, "1 > 2 || event.kind == 'x'");
    const struct cel_read *r;
    assert_int_equal(cel_program_reads(p, &r), 1);
    assert_int_equal(r->begin, 9);
    assert_int_equal(r->end, 19);
    cel_program_free(p);
    fx_done(&f);
}

static const char *equalities(struct fx *f, const char *text) {
    struct cel_program *p = fx_compile(f, text);
    struct cel_equality e[4];
    assert_non_null(p);
    size_t n = cel_program_equalities(p, e, 4);
    buf_clear(&f->text);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&f->text, "%s%zu.%s=", i ? " " : "", e[i].slot, atom_name(e[i].field));
        cel_write_text(&f->text, e[i].value);
    }
    cel_program_free(p);
    return f->text.data;
}

static void equalities_for_indexes(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_string_equal(equalities(&f, "event.kind == 'lamp' && event.power_w > 3 && 5 == device.n"), "0.kind='lamp' 1.n=5");
    assert_string_equal(equalities(&f, "(event.kind == 'lamp' && event.locked) && true && event['power_w'] == 1.5"),
                        "0.kind='lamp' 0.power_w=1.5");
    assert_string_equal(equalities(&f, "event.kind == 'a' + 'b'"), "0.kind='ab'");
    assert_string_equal(equalities(&f, "event.kind in ['a', 'b'] && event.locked"), "0.kind=['a', 'b']");
    assert_string_equal(equalities(&f, "event.kind in {'a': 1} && !(event.kind in ['a'])"), "");
    assert_string_equal(equalities(&f, "event.kind == 'lamp' || event.locked"), "");
    assert_string_equal(equalities(&f, "!(event.kind == 'lamp')"), "");
    assert_string_equal(equalities(&f, "event.kind == device.name"), "");
    fx_done(&f);
}

static const char *guards(struct fx *f, const char *text) {
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
    struct cel_program *p = fx_compile(f, text);
    struct cel_guard g[4];
    assert_non_null(p);
    size_t n = cel_program_guards(p, g, 4);
    buf_clear(&f->text);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&f->text, "%s%zu.%s%s", i ? " " : "", g[i].slot, atom_name(g[i].field), signs[g[i].op]);
        cel_write_text(&f->text, g[i].value);
    }
    cel_program_free(p);
    return f->text.data;
}

static void guards_of_conjunctions(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    assert_string_equal(guards(&f, "event.power_w < 3 && event.locked"), "0.power_w<3.0 0.locked==true");
    assert_string_equal(guards(&f, "3.5 <= event.power_w && (!event.locked && device.n > 1)"), "0.power_w>=3.5 0.locked==false 1.n>1.0");
    assert_string_equal(guards(&f, "event.kind.startsWith('x') && event.kind != 'a' + 'b'"), "0.kind!='ab'");
    assert_string_equal(guards(&f, "event.locked"), "0.locked==true");
    assert_string_equal(guards(&f, "event.power_w > device.n"), "");
    assert_string_equal(guards(&f, "event.power_w > 9007199254740993"), ""); /* no double is that number */
    assert_string_equal(guards(&f, "event.kind > 'a'"), "");
    assert_string_equal(guards(&f, "event.power_w != 3"), "");
    assert_string_equal(guards(&f, "event.locked || event.power_w > 1"), "");
    assert_string_equal(guards(&f, "!(event.power_w > 1)"), "");
    assert_string_equal(guards(&f, "event.?power_w.orValue(1.0) > 2.0"), "");
    fx_done(&f);
}

/* Whatever a guard refuses, the program must refuse. */
static void guards_agree_with_programs(void **state) {
    static const char *const constants[] = {"1",  "0",   "-1", "1.5", "true", "false", "'a'", "''", "0.0 / 0.0", "9007199254740992",
                                            "1u", "null"};
    static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
    const struct cel_value values[] = {cel_int(1),
                                       cel_int(0),
                                       cel_int(-2),
                                       cel_int(2),
                                       cel_double(1.5),
                                       cel_double(0.0 / 0.0),
                                       cel_double(-0.0),
                                       cel_int(INT64_MAX),
                                       cel_int(9007199254740993),
                                       cel_uint(1),
                                       cel_bool(true),
                                       cel_bool(false),
                                       cel_text("a"),
                                       cel_text("b"),
                                       cel_text(""),
                                       cel_null(),
                                       cel_error(CEL_E_ABSENT, NULL),
                                       cel_error(CEL_E_VALUE, "x")};
    size_t refused = 0;
    (void)state;
    struct fx f;
    fx_init(&f);
    f.opt.no_check = true;
    for (size_t k = 0; k < 2 * sizeof(constants) / sizeof(*constants) + 2; k++) {
        for (size_t s = 0; s < 6; s++) {
            char text[80];
            const char *c = constants[k / 2 % (sizeof(constants) / sizeof(*constants))];
            if (k < 2)
                (void)snprintf(text, sizeof text, "%sevent.f", k ? "!" : "");
            else if (k % 2)
                (void)snprintf(text, sizeof text, "%s %s event.f", c, signs[s]);
            else
                (void)snprintf(text, sizeof text, "event.f %s %s", signs[s], c);
            struct cel_program *p = fx_compile(&f, text);
            struct cel_guard g;
            assert_non_null(p);
            size_t n = cel_program_guards(p, &g, 1);
            for (size_t v = 0; n && v < sizeof(values) / sizeof(*values); v++) {
                f.event.names[0] = atom_of("f");
                f.event.values[0] = values[v];
                f.event.count = 1;
                f.ctx.steps = 0;
                struct cel_value got = cel_eval(p, &f.ctx);
                bool no = got.type == CEL_BOOL && !got.b, fails = cel_guard_fails(&g, &values[v]);
                if (fails && !no)
                    fail_msg("%s with value %zu: the guard says no, the program does not", text, v);
                refused += fails;
            }
            cel_program_free(p);
        }
    }
    assert_true(refused > 200);
    fx_done(&f);
}

static void folding(void **state) {
    (void)state;
    struct fx f;
    struct cel_value v;
    fx_init(&f);
    struct cel_program *p = fx_compile(&f, "duration('1h') + duration('30m') > duration('1m') && [1, 2].map(x, x * 2) == [2, 4]");
    assert_true(cel_program_constant(p, &v));
    assert_true(cel_is_true(v));
    cel_program_free(p);
    p = fx_compile(&f, "event.locked || true"); /* one operand decides */
    assert_true(cel_program_constant(p, &v));
    cel_program_free(p);
    p = fx_compile(&f, "true ? event.kind : 'x'");
    assert_false(cel_program_constant(p, &v));
    buf_clear(&f.text);
    cel_dump(p, &f.text);
    assert_string_equal(f.text.data, "var-field 0 .kind\n");
    cel_program_free(p);
    f.opt.no_fold = true;
    p = fx_compile(&f, "1 + 2");
    assert_false(cel_program_constant(p, &v));
    cel_program_free(p);
    fx_done(&f);
}

static void dump_shows_every_node(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    struct cel_program *p =
        fx_compile(&f,
                   "event.kind == 'l' + 'amp' && event.?x.orValue(1) > size(device.name) && payload.l.filter(x, x.matches('^a')).size() in "
                   "[1, 2, 3, 4, 5, 6, 7, 8]");
    assert_null(p); /* event has no x, and it is not open */
    p = fx_compile(
        &f,
        "event.kind == 'l' + 'amp' && payload.?x.orValue(1) > size(device.name) && payload.l.filter(x, x.matches('^a')).size() in [1, 2, 3, 4, 5, 6, 7, 8]");
    assert_non_null(p);
    buf_clear(&f.text);
    cel_dump(p, &f.text);
    assert_string_equal(f.text.data, "and\n"
                                     "  eq\n"
                                     "    var-field 0 .kind\n"
                                     "    const 'lamp'\n"
                                     "  gt\n"
                                     "    field-or .x\n"
                                     "      var 2\n"
                                     "      const 1\n"
                                     "    call size(string|bytes|list|map) -> int\n"
                                     "      var-field 1 .name\n"
                                     "  in-set [1, 2, 3, 4, 5, 6, 7, 8]\n"
                                     "    call string|bytes|list|map.size() -> int\n"
                                     "      collect 0\n"
                                     "        var-field 2 .l\n"
                                     "        if\n"
                                     "          match '^a'\n"
                                     "            local 0\n");
    cel_program_free(p);
    fx_done(&f);
}

static int alias(struct fx *f, const char *name, const char *text);

static void explanation_shows_every_part(void **state) {
    (void)state;
    struct fx f;
    fx_init(&f);
    fx_payload(&f, "{\"l\": [1, 2]}");
    struct cel_program *p =
        fx_compile(&f, "event.power_w < device.min_power_w && (event.locked ? payload.l.exists(x, x > 1) : 1 / 0 > 1) && payload.x > 3");
    assert_non_null(p);
    buf_clear(&f.text);
    cel_explain(p, &f.ctx, &f.text);
    assert_string_equal(
        f.text.data,
        "event.power_w < device.min_power_w && (event.locked ? payload.l.exists(x, x > 1) : 1 / 0 > 1) && payload.x > 3 = unknown (no such field: 'x')\n"
        "  event.power_w < device.min_power_w = true\n"
        "    event.power_w = 0.25\n"
        "    device.min_power_w = 5.0\n"
        "  (event.locked ? payload.l.exists(x, x > 1) : 1 / 0 > 1) = true\n"
        "    event.locked = true\n"
        "    payload.l.exists(x, x > 1) = true\n"
        "      payload.l = [1, 2]\n"
        "  payload.x > 3 = unknown (no such field: 'x')\n"
        "    payload.x = unknown (no such field: 'x')\n");
    cel_program_free(p);
    assert_int_equal(alias(&f, "dark", "event.power_w < 3.0 && lit"), 0);
    assert_int_equal(alias(&f, "lit", "!(device.min_power_w > 9.0)"), 0);
    p = fx_compile(&f, "event.locked && dark");
    assert_non_null(p);
    buf_clear(&f.text);
    cel_explain(p, &f.ctx, &f.text);
    assert_string_equal(f.text.data, "event.locked && dark = true\n"
                                     "  event.locked = true\n"
                                     "  dark = true\n"
                                     "    event.power_w < 3.0 = true\n"
                                     "      event.power_w = 0.25\n"
                                     "    lit = true\n"
                                     "      (device.min_power_w > 9.0) = false\n"
                                     "        device.min_power_w = 5.0\n");
    cel_program_free(p);
    fx_done(&f);
}

static int alias(struct fx *f, const char *name, const char *text) {
    f->diags = (struct cel_diags){.arena = &f->arena};
    return cel_env_alias(f->env, name, text, strlen(text), &f->diags);
}

static void macros_of_rule_files(void **state) {
    (void)state;
    struct fx f;
    struct buf big;
    fx_init(&f);
    assert_int_equal(alias(&f, "dark", "event.power_w < device.min_power_w"), 0);
    assert_int_equal(alias(&f, "out", "dark && event.kind == 'lamp' && x_is(1)"), 0); /* names are looked up where it is used */
    assert_int_equal(alias(&f, "hygienic", "[5].exists(x, x == 5)"), 0);
    assert_int_equal(alias(&f, "loop_a", "loop_b || true"), 0);
    assert_int_equal(alias(&f, "loop_b", "loop_a || true"), 0);
    assert_int_equal(alias(&f, "x", "40 + 2"), 0);
    assert_int_equal(alias(&f, "dark", "true"), GF_EEXIST);
    assert_int_equal(alias(&f, "event", "true"), GF_EEXIST);
    assert_int_equal(alias(&f, "no-name", "true"), GF_EINVAL);
    assert_int_equal(alias(&f, "broken", "1 + (2"), GF_EINVAL);
    assert_int_equal(f.diags.count, 1);
    assert_int_equal(f.diags.items[0].begin, 4);
    assert_gives(&f, "dark && x == 42", "true");
    assert_gives(&f, "[1, 2].map(x, hygienic && x < 3)", "[true, true]"); /* the macro's names are its own, and those around are not its */
    assert_gives(&f, "[7].map(event2, dark)", "[true]");
    assert_string_equal(reads(&f, "dark"), "event.power_w device.min_power_w");
    assert_string_equal(equalities(&f, "event.kind == 'lamp' && dark"), "0.kind='lamp'");
    assert_null(fx_compile(&f, "event.locked && out"));
    assert_string_equal(f.diags.items[0].text, "in macro 'out': unknown function 'x_is'");
    assert_int_equal(f.diags.items[0].begin, 16);
    assert_int_equal(f.diags.items[0].end, 19);
    assert_null(fx_compile(&f, "loop_a"));
    assert_string_equal(f.diags.items[0].text, "in macro 'loop_b': the macro 'loop_a' uses itself");
    /* many small ones are as bounded as one great expression */
    buf_init(&big, 0);
    buf_puts(&big, "[1");
    for (int i = 0; i < 3000; i++)
        buf_puts(&big, ",1");
    buf_puts(&big, "].size() > 0");
    assert_int_equal(alias(&f, "big", big.data), 0);
    cel_program_free(fx_compile(&f, "big && big"));
    assert_int_equal(f.diags.count, 0);
    assert_null(fx_compile(&f, "big && big && big"));
    assert_string_equal(f.diags.items[0].text, "in macro 'big': the expression has too many parts (at most 8192)");
    buf_done(&big);
    fx_done(&f);
}

static struct cel_value twice(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    int64_t *calls = host;
    ++*calls;
    (void)arena;
    if (argv[0].type != CEL_INT)
        return cel_error(CEL_E_VALUE, "not an int");
    return cel_int(argv[0].i * (argc > 1 ? argv[1].i : 2));
}

static void functions_of_the_host(void **state) {
    (void)state;
    struct fx f;
    int64_t calls = 0;
    struct cel_value v;
    fx_init(&f);
    struct cel_function_decl d = {"times", 1, 2, true, twice, "times(int, int) -> int", NULL};
    assert_int_equal(cel_env_function(f.env, &d, NULL), 0);
    assert_int_equal(cel_env_function(f.env, &d, NULL), GF_EEXIST);
    d.name = "size";
    assert_int_equal(cel_env_function(f.env, &d, NULL), GF_EEXIST);
    d.name = "math.times"; /* a name with a space of its own */
    assert_int_equal(cel_env_function(f.env, &d, NULL), 0);
    f.ctx.host = &calls;
    assert_gives(&f, "times(2) + times(2, 5) + 3.times() + math.times(1)", "22");
    assert_int_equal(calls, 4);
    struct cel_program *p = fx_compile(&f, "times(2)");
    assert_false(cel_program_constant(p, &v)); /* the host may answer otherwise tomorrow */
    cel_program_free(p);
    assert_gives(&f, "times(payload) == 1 || event.locked", "true");
    assert_null(fx_compile(&f, "times('x')"));
    assert_string_equal(f.diags.items[0].text, "no such overload: times(string)");
    assert_string_equal(f.diags.items[0].hint, "times(int, int) -> int");
    assert_null(fx_compile(&f, "times()"));
    assert_string_equal(f.diags.items[0].text, "times() does not take 0 arguments");
    fx_done(&f);
}

static const struct cel_aggregate_name sums[] = {{"event_count", 0, "event_count() -> int", 0, 0},
                                                 {"value_count", 1, "value_count(x) -> int", 0, 0},
                                                 {"value_percentile", 2, "value_percentile(x, 95) -> double", 0, 100}};

static void sums_over_events(void **state) {
    (void)state;
    struct fx f;
    struct cel_aggregates set = {.names = sums, .nnames = 3};
    fx_init(&f);
    f.opt.aggregates = &set;
    struct cel_program *p = fx_compile(
        &f,
        "event_count() >= 3 && value_count(event.kind) > 1 && value_count( event.kind ) < 9 && value_percentile(event.power_w, 95) > 1.5");
    assert_non_null(p);
    struct cel_program *q = fx_compile(&f, "value_count(event.kind) + value_count(device.name) > 3");
    assert_non_null(q);
    assert_int_equal(set.count, 4);
    assert_string_equal(set.items[0].name, "event_count");
    assert_null(set.items[0].arg);
    assert_string_equal(set.items[1].text, "value_count(event.kind)");
    assert_string_equal(cel_program_text(set.items[1].arg), "event.kind");
    assert_true(set.items[2].param == 95);
    assert_string_equal(set.items[3].text, "value_count(device.name)");
    /* the argument is a program of its own; the expression reads the sums */
    struct cel_value v = cel_eval(set.items[1].arg, &f.ctx);
    assert_int_equal(v.aux, 4);
    const struct cel_read *r;
    assert_int_equal(cel_program_reads(p, &r), 0);
    assert_int_equal(cel_program_reads(set.items[1].arg, &r), 1);
    assert_int_equal(r->begin, 34); /* counted in the whole text */
    const struct cel_value values[] = {cel_int(3), cel_int(2), cel_double(1.75), cel_int(1)};
    f.ctx.aggregates = values;
    f.ctx.steps = 0;
    assert_true(cel_is_true(cel_eval(p, &f.ctx)));
    assert_false(cel_is_true(cel_eval(q, &f.ctx)));
    f.ctx.aggregates = NULL;
    assert_true(cel_is_unknown(cel_eval(p, &f.ctx)));
    cel_program_free(p);
    cel_program_free(q);
    /* a text that does not compile leaves nothing behind */
    assert_null(fx_compile(&f, "value_count(event.locked) > 1 && nonsense"));
    assert_int_equal(set.count, 4);
    assert_null(fx_compile(&f, "value_count(event.nope) > 1"));
    assert_string_equal(f.diags.items[0].text, "no field 'nope' in 'event'");
    assert_int_equal(f.diags.items[0].begin, 18);
    assert_null(fx_compile(&f, "value_count() > 1"));
    assert_string_equal(f.diags.items[0].hint, "value_count(x) -> int");
    assert_null(fx_compile(&f, "value_percentile(event.power_w, event.power_w) > 1.0"));
    assert_null(fx_compile(&f, "value_percentile(event.power_w, 101) > 1.0"));
    assert_null(fx_compile(&f, "value_count(value_count(event.kind)) > 1"));
    assert_null(fx_compile(&f, "[1].exists(x, value_count(x) > 1)"));
    assert_string_equal(f.diags.items[0].text, "unknown name 'x'"); /* a sum is over events, not within a macro */
    assert_int_equal(set.count, 4);
    cel_aggregates_done(&set);
    f.opt.aggregates = NULL;
    assert_null(fx_compile(&f, "value_count(event.kind) > 1"));
    assert_string_equal(
        f.diags.items[0].hint,
        "sums over many events belong to a rule with 'within' and 'having', there in 'having' and in what the incident says");
    fx_done(&f);
}

static void environments(void **state) {
    (void)state;
    struct fx f;
    struct err err = {0};
    size_t slot;
    fx_init(&f);
    const struct cel_value lamps[] = {cel_text("lamp-1"), cel_text("lamp-2")};
    assert_int_equal(cel_env_const(f.env, "old_lamps",
                                   (struct cel_value){.type = CEL_LIST, .form = CEL_FORM_NATIVE, .aux = 2, .items = lamps}, &err),
                     0);
    assert_int_equal(cel_env_const(f.env, "old_lamps", cel_int(1), &err), GF_EEXIST);
    assert_gives(&f, "'lamp-2' in old_lamps", "true");
    assert_gives(&f, "old_lamps[0]", "'lamp-1'");
    struct cel_decl d = {.name = "event"};
    assert_int_equal(cel_env_var(f.env, &d, &err, &slot), GF_EEXIST);
    d.name = "in";
    assert_int_equal(cel_env_var(f.env, &d, &err, &slot), GF_EINVAL);
    d.name = "a.b"; /* names with points are fine */
    struct cel_env *copy = cel_env_copy(f.env);
    assert_non_null(copy);
    assert_int_equal(cel_env_var(copy, &d, &err, &slot), 0);
    assert_int_equal(slot, SLOTS);
    assert_null(fx_compile(&f, "a.b")); /* the copy is another one */
    struct cel_env *first = f.env;
    f.env = copy;
    struct cel_program *p = fx_compile(&f, "a.b.c + 1 > 2 && 'lamp-1' in old_lamps && event.kind == 'lamp'");
    assert_non_null(p);
    cel_env_free(copy); /* the program outlives its environment */
    f.env = first;
    struct cel_value vars[SLOTS + 1];
    memcpy(vars, f.vars, sizeof(f.vars));
    fx_payload(&f, "{\"c\": 2}");
    vars[SLOTS] = f.vars[PAYLOAD];
    f.ctx.vars = vars;
    f.ctx.steps = 0;
    assert_true(cel_is_true(cel_eval(p, &f.ctx)));
    cel_program_free(p);
    for (int i = 0; i < CEL_MAX_VARS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "v%d", i);
        d.name = name;
        int rc = cel_env_var(f.env, &d, &err, &slot);
        assert_int_equal(rc, i < CEL_MAX_VARS - SLOTS ? 0 : GF_ELIMIT);
    }
    f.ctx.vars = f.vars;
    fx_done(&f);
}

static void containers(void **state) {
    (void)state;
    struct fx f;
    size_t slot;
    fx_init(&f);
    struct cel_decl d = {.name = "x.y.kind"};
    struct cel_value vars[SLOTS + 2];
    memcpy(vars, f.vars, sizeof(f.vars));
    assert_int_equal(cel_env_var(f.env, &d, NULL, &slot), 0);
    d.name = "kind";
    assert_int_equal(cel_env_var(f.env, &d, NULL, &slot), 0);
    vars[SLOTS] = cel_text("inner");
    vars[SLOTS + 1] = cel_text("outer");
    f.ctx.vars = vars;
    assert_gives(&f, "kind", "'outer'");
    assert_int_equal(cel_env_container(f.env, "x.y.z"), 0);
    assert_gives(&f, "kind", "'inner'");
    assert_gives(&f, ".kind", "'outer'");
    assert_gives(&f, "[1].map(kind, kind)", "[1]");
    assert_gives(&f, "[1].map(kind, .kind)", "['outer']");
    assert_int_equal(cel_env_container(f.env, "not a name"), GF_EINVAL);
    f.ctx.vars = f.vars;
    fx_done(&f);
}

static void names_within_names(void **state) {
    (void)state;
    struct fx f;
    struct buf b;
    fx_init(&f);
    buf_init(&b, 0);
    for (int i = 0; i < 32; i++) /* two names each */
        buf_printf(&b, "[1].transformList(i%d, v%d, ", i, i);
    buf_puts(&b, "v0 + i31");
    buf_fill(&b, ')', 32);
    assert_non_null(b.data);
    cel_program_free(fx_compile(&f, b.data));
    assert_int_equal(f.diags.count, 0);
    buf_clear(&b);
    for (int i = 0; i < 65; i++)
        buf_printf(&b, "[1].map(v%d, ", i);
    buf_puts(&b, "1");
    buf_fill(&b, ')', 65);
    assert_null(fx_compile(&f, b.data));
    assert_string_equal(f.diags.items[0].text, "too many names at once (at most 64)");
    buf_done(&b);
    fx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_their_guards),
        cmocka_unit_test(equalities_for_indexes),
        cmocka_unit_test(guards_of_conjunctions),
        cmocka_unit_test(guards_agree_with_programs),
        cmocka_unit_test(folding),
        cmocka_unit_test(dump_shows_every_node),
        cmocka_unit_test(explanation_shows_every_part),
        cmocka_unit_test(macros_of_rule_files),
        cmocka_unit_test(functions_of_the_host),
        cmocka_unit_test(sums_over_events),
        cmocka_unit_test(environments),
        cmocka_unit_test(containers),
        cmocka_unit_test(names_within_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
