/* SPDX-License-Identifier: Apache-2.0
 * Templates: what is text and what is expression, and how each kind of value reads in a sentence. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_fixture.h"

static struct fx f;
static struct event_field fields[16];
static struct event event;
static const struct cel_record *device; /* NULL: there is none, or it is */
static const char *registered;          /* this row of the registry */

/* Fills the title in over an event whose fields were set by hand. */
static void says(const char *title, const char *want) {
    struct buf yaml, got;
    struct arena a;
    buf_init(&yaml, 0);
    buf_init(&got, 0);
    arena_init(&a, 4096, 1 << 20);
    buf_printf(
        &yaml,
        "rules:\n  - rule: r\n    on: '*'\n    when: 'true'\n    clear: manual\n    incident:\n      severity: minor\n      title: %s\n",
        title);
    (void)fx_rules(&f, yaml.data);
    const struct rule *r = fx_rule(&f, "r");
    struct event_record rec;
    struct cel_value vars[RULE_VARS];
    for (size_t i = 0; i < RULE_VARS; i++)
        vars[i] = cel_error(CEL_E_ABSENT, NULL);
    event_record_init(&rec, &event);
    vars[RULE_EVENT] = cel_record(&rec.record);
    if (device || registered)
        vars[RULE_DEVICE] = cel_record(device ? device : &registry_find(f.rs->registry, registered)->record);
    vars[RULE_NOW] = cel_time_ms(INT64_C(1767614400000));
    vars[RULE_SINCE] = cel_time_ms(INT64_C(1767614400000) - 640000);
    vars[RULE_COUNT] = cel_int(7);
    struct cel_context ctx = {.vars = vars, .arena = &a, .host = f.rs};
    template_fill(&r->title, &ctx, f.rs->config->zone, &got);
    assert_string_equal(got.data, want);
    buf_done(&yaml);
    buf_done(&got);
    arena_done(&a);
}

static void set(const char *name, struct cel_value v) { fields[event.nfields++] = (struct event_field){atom_of(name), v}; }

static int setup(void **state) {
    (void)state;
    fx_init(&f);
    device = NULL;
    registered = NULL;
    event = (struct event){.device = "lamp-7", .kind = atom_of("lamp"), .fields = fields};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fx_done(&f);
    return 0;
}

static void test_text(void **state) {
    (void)state;
    says("只有文字", "只有文字");
    says("'costs $5, or $$5, or $${x}, or {x}, or $'", "costs $5, or $5, or ${x}, or {x}, or $");
    says("\"${event.device}${event.device}-${count}\"", "lamp-7lamp-7-7");
    says("\"${ {'a': '}', 'b': \\\"{'\\\"}['b'] }!\"", "{'!");
    says("\"${'}' + \\\"\\\\\\\"}\\\" + r'\\\\' + '''}'''}!\"", "}\"}\\}!");
    says("|-\n        两行\n        ${count} 次", "两行\n7 次");
}

static void test_values(void **state) {
    (void)state;
    set("d", cel_double(0.30000000000000004));
    set("e", cel_double(18.0));
    set("f", cel_double(-0.0001));
    set("big", cel_double(1e300));
    set("nan", cel_double(NAN));
    set("s", cel_text("灯"));
    set("ctl", cel_text("a\x1b[31m\nb\x7f"));
    set("bad", cel_string("a\xff"
                          "b",
                          3));
    set("nothing", cel_null());
    says("\"${event.d} ${event.e} ${event.f} ${event.big} ${event.nan}\"", "0.3 18 0 1e+300 ?");
    says("\"${event.s} ${event.ctl} ${event.nothing} ${event.missing}\"", "灯 a [31m b  ? ?");
    says("\"${event.bad}\"", "a\xEF\xBF\xBD"
                             "b");
    says("\"${true} ${5} ${5u} ${[1, 'a', 2.5]} ${{'a': [1]}}\"", "true 5 5 1、a、2.5 {\"a\":[1]}");
    says("\"${now - since} ${duration('90s')} ${duration('0s')}\"", "10分钟40秒 1分钟30秒 0秒");
    says("\"${now} ${timestamp('2026-06-01T00:00:00Z')}\"", "2026-01-05 20:00:00 2026-06-01 08:00:00");
    says("\"${optional.of(5)} ${optional.none()} ${1 / 0} ${event.s + 1}\"", "5 ? ? ?");
}

static void test_long_values(void **state) {
    (void)state;
    char text[3001];
    memset(text, 0, sizeof text);
    for (int i = 0; i < 1000; i++)
        memcpy(text + 3 * i, "灯", 3);
    set("s", cel_text(text));
    struct buf want;
    buf_init(&want, 0);
    buf_put(&want, text, 600);
    buf_puts(&want, "…!");
    says("\"${event.s}!\"", want.data);
    buf_done(&want);
}

/* A device as the engine shows it that is not in the registry: its id, and nothing else. */
static bool stranger_get(const struct cel_record *r, atom_t field, struct cel_value *ret) {
    (void)r;
    *ret = cel_text("smoke-17");
    return field == atom_of("id");
}

static void test_stranger(void **state) {
    (void)state;
    static const struct cel_record_ops ops = {stranger_get, NULL};
    static const struct cel_record stranger = {&ops};
    says("\"${device.place} 烟感报警\"", "? 烟感报警"); /* no device at all */
    device = &stranger;
    says("\"${device.place} 烟感报警\"", "smoke-17 烟感报警");
    says("\"${device.name}：${device.floor} 层，联系 ${device.contact}\"", "smoke-17：? 层，联系 ?");
    says("\"${device.?name} ${device.?place.orValue('地址未登记')} ${device.name + event.missing}\"", "smoke-17 地址未登记 ?");
    says("\"${event.name} ${device.id}\"", "? smoke-17");
}

static void test_known(void **state) {
    (void)state;
    fx_puts(&f, "devices.csv", "device,kind,name,place\nsmoke-17,smoke,二楼烟感,\n");
    registered = "smoke-17";
    says("\"${device.name}，${device.place}\"", "二楼烟感，smoke-17"); /* the cell is empty */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {T(test_text), T(test_values), T(test_long_values), T(test_stranger), T(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
