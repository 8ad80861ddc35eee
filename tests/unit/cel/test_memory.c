/* SPDX-License-Identifier: Apache-2.0
 * Every allocation fails once, for every place: compiling and evaluating end with an error and leave nothing behind. */
#include "cel_fixture.h"
#include "scarce.h"

static const char *const texts[] = {
    "event.kind == 'lamp' && event.power_w < device.min_power_w || has(event.time)",
    "event.kind.matches('^l(a|b)mp$') && event.kind in ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'lamp']",
    "now.getHours('Asia/Shanghai') == 20 && now.getHours('+08:00') == 20 && [1, 2, 3].map(x, x * 2).exists(x, x == 4)",
    "value_count(event.kind) > 1 && value_percentile(event.power_w, 95) > 1.0 && dark",
    "'%s %d'.format([event.kind, 5]) + event.kind.replace('a', 'bb').split('b').join('-') + regex.replace(event.kind, 'm', 'n') == ''",
    "{'a': event.kind, 'b': [event.kind, ?device.?name]}.transformMap(k, v, string(k) + 'x').size() == 2 && event.kind.matches('l' + event.kind)",
    "1 + && evnt.kind == foo('x",
};
static const struct cel_aggregate_name sums[] = {{"value_count", 1, "value_count(x) -> int", 0, 0},
                                                 {"value_percentile", 2, "value_percentile(x, 95) -> double", 0, 100}};

/* Everything that a caller does; true when no allocation failed any more. */
static bool one_round(const char *text, long nth) {
    static struct fx_record event, device; /* filled once, outside of the rounds */
    struct cel_value vars[SLOTS];
    struct arena arena;
    struct cel_env *e = NULL;
    struct cel_program *p = NULL;
    struct cel_aggregates set = {.names = sums, .nnames = 2};
    struct cel_options opt = {.aggregates = &set};
    const struct cel_value values[2] = {cel_int(2), cel_double(2)};
    size_t slot;
    if (event.count == 0) {
        event.head.ops = device.head.ops = &fx_ops;
        fx_set(&event, "kind", cel_text("lamp"));
        fx_set(&event, "power_w", cel_double(0.25));
        fx_set(&device, "min_power_w", cel_double(5));
    }
    arena_init(&arena, 512, 0);
    struct cel_diags diags = {.arena = &arena};
    scarce_at(nth);
    bool ok = cel_env_new(&e) == 0;
    static const char *const names[] = {"event", "device", "payload", "now"};
    for (size_t i = 0; ok && i < SLOTS; i++) {
        struct cel_decl d = {.name = names[i], .type = i < 2 ? CEL_DECL_RECORD : CEL_DECL_DYN, .open = true};
        ok = cel_env_var(e, &d, NULL, &slot) == 0;
    }
    ok = ok && cel_env_alias(e, "dark", "event.power_w < device.min_power_w", 34, &diags) == 0;
    if (ok) {
        struct cel_env *copy = cel_env_copy(e);
        ok = copy != NULL;
        cel_env_free(copy);
    }
    bool compiles = ok && cel_compile(e, text, strlen(text), &opt, &diags, &p) == 0;
    if (compiles) {
        struct cel_context ctx = {.vars = vars, .aggregates = values, .arena = &arena};
        struct buf out;
        vars[EVENT] = cel_record(&event.head);
        vars[DEVICE] = cel_record(&device.head);
        vars[PAYLOAD] = cel_null();
        vars[NOW] = cel_time_ms(NOW_MS);
        (void)cel_eval(p, &ctx);
        buf_init(&out, 0);
        cel_dump(p, &out);
        cel_explain(p, &ctx, &out);
        buf_done(&out);
    }
    bool passed = !scarce_end();
    if (passed && !compiles && diags.errors == 0)
        fail_msg("refused without a reason: %s", text);
    cel_program_free(p);
    cel_aggregates_done(&set);
    cel_env_free(e);
    arena_done(&arena);
    return passed;
}

static void every_allocation_fails_once(void **state) {
    (void)state;
    if (!scarce_works())
        skip();
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        (void)one_round(texts[i], 0); /* what is made once for the process is made */
        long before = scarce_live;
        long n = 1;
        while (!one_round(texts[i], n)) {
            if (scarce_live != before)
                fail_msg("%ld left behind when allocation %ld fails: %s", scarce_live - before, n, texts[i]);
            n++;
            assert_true(n < 100000);
        }
        assert_int_equal(scarce_live, before);
        assert_true(n > 3);
    }
    atom_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
