/* SPDX-License-Identifier: Apache-2.0
 * devices.csv and codes.csv: types, absence, joins, and every trap that spreadsheets set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/rules/registry.h"
#include "scarce.h"

static struct report *rep;

static struct registry *load(const char *text) {
    struct registry *r = NULL;
    report_free(rep);
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(registry_load(rep, "devices.csv", text, text ? strlen(text) : 0, &r), 0);
    assert_non_null(r);
    return r;
}

static int teardown(void **state) {
    (void)state;
    report_free(rep);
    rep = NULL;
    return 0;
}

static struct cel_value field(const struct device *d, const char *name) {
    struct cel_value v = cel_error(CEL_E_ABSENT, NULL);
    atom_t a = atom_find(name, strlen(name));
    if (a)
        (void)device_field(d, a, &v);
    return v;
}

static void test_types(void **state) {
    (void)state;
    struct registry *r = load("\xEF\xBB\xBF"
                              "device,kind,name,lat,lon,expect,min_power_w:double,floor:int,shared:bool,made:timestamp,every:duration\r\n"
                              "lamp-7,lamp,\"富春路\"\"7\"\"号灯, 北\",30.05,119.9,30m,5,-2,yes,2026-01-05T20:00:00+08:00,1h\r\n"
                              "  cam-1 , camera ,,,,,,,,,\r\n"
                              "short,lamp\r\n"
                              "\r\n"
                              "lines,lamp,\"two\r\nlines\"\n");
    assert_int_equal(report_errors(rep), 0);
    assert_int_equal(registry_count(r), 4);
    const struct device *d = registry_find(r, "lamp-7");
    assert_non_null(d);
    assert_string_equal(atom_name(d->kind), "lamp");
    assert_string_equal(device_text(d, "name"), "富春路\"7\"号灯, 北");
    assert_string_equal(device_text(d, "id"), "lamp-7");
    assert_int_equal(d->expect, 30 * 60000);
    double lat;
    assert_true(device_number(d, "lat", &lat) && lat == 30.05);
    assert_int_equal(field(d, "min_power_w").type, CEL_DOUBLE);
    assert_true(field(d, "floor").type == CEL_INT && field(d, "floor").i == -2);
    assert_true(cel_is_true(field(d, "shared")));
    assert_int_equal(field(d, "made").type, CEL_TIMESTAMP);
    assert_int_equal(field(d, "every").type, CEL_DURATION);
    assert_int_equal(field(d, "expect").type, CEL_DURATION);
    /* An empty cell is no value, a short row has no values. */
    d = registry_find(r, "cam-1");
    assert_non_null(d);
    assert_string_equal(atom_name(d->kind), "camera");
    assert_true(cel_is_unknown(field(d, "name")));
    assert_int_equal(d->nfields, 2); /* id, kind */
    assert_int_equal(d->expect, 0);
    assert_string_equal(device_text(registry_find(r, "lines"), "name"), "two\r\nlines");
    assert_null(registry_find(r, "lamp-8"));
    assert_ptr_equal(registry_at(r, 0), registry_find(r, "lamp-7"));
    assert_null(registry_at(r, 4));
    assert_string_equal(device_text(NULL, "name"), "");
    registry_free(r);
}

/* As CEL sees a row: fields by atom, iteration in the order of the columns. */
static void test_record(void **state) {
    (void)state;
    struct registry *r = load("device,kind,feeder\nlamp-7,lamp,F2\n");
    const struct device *d = registry_at(r, 0);
    struct cel_value rec = cel_record(&d->record), k, v;
    assert_true(cel_map_get(rec, "feeder", 6, &v) && v.type == CEL_STRING && v.aux == 2);
    assert_false(cel_map_get(rec, "nothing", 7, &v));
    size_t it = 0, n = 0;
    while (cel_map_next(rec, &it, &k, &v))
        n++;
    assert_int_equal(n, 3);
    const struct registry_column *columns;
    assert_int_equal(registry_columns(r, &columns), 3);
    assert_string_equal(atom_name(columns[0].name), "id");
    registry_free(r);
}

static void test_join(void **state) {
    (void)state;
    struct registry *r = load("device,kind,address,n:int\na,lamp,70b3,1\nb,lamp,70b4,2\nc,lamp,70b3,3\nd,lamp,,4\n");
    const struct device *d = registry_find_by(r, atom_of("address"), "70b3", 4);
    assert_non_null(d);
    assert_string_equal(d->id, "a"); /* the first in file order */
    assert_string_equal(registry_find_by(r, atom_of("address"), "70b4", 4)->id, "b");
    assert_null(registry_find_by(r, atom_of("address"), "70b5", 4));
    assert_string_equal(registry_find_by(r, atom_of("n"), "1", 1)->id, "a"); /* a column of whole numbers, by its digits */
    assert_null(registry_find_by(r, atom_of("n"), "01", 2));
    assert_null(registry_find_by(r, atom_of("no_such_column"), "1", 1));
    assert_string_equal(registry_find_by(r, atom_of("id"), "c", 1)->id, "c");
    registry_free(r);
}

/* No memory for the index: the answer is the same. */
static void test_join_without_memory(void **state) {
    (void)state;
    for (long n = 0; n < 4; n++) {
        struct registry *r = load("device,kind,address\na,lamp,70b3\nb,lamp,70b4\nc,lamp,70b3\n");
        atom_t address = atom_of("address");
        scarce_left = n;
        const struct device *d = registry_find_by(r, address, "70b3", 4), *none = registry_find_by(r, address, "70b5", 4);
        scarce_left = -1;
        assert_non_null(d);
        assert_string_equal(d->id, "a");
        assert_null(none);
        assert_string_equal(registry_find_by(r, address, "70b4", 4)->id, "b"); /* and with memory again */
        registry_free(r);
    }
}

static void test_nothing(void **state) {
    (void)state;
    struct registry *r = load(NULL);
    assert_int_equal(registry_count(r), 0);
    assert_int_equal(report_errors(rep), 0);
    assert_null(registry_find(r, "x"));
    registry_free(r);
    r = load("");
    assert_int_equal(registry_count(r), 0);
    assert_int_equal(report_errors(rep), 0);
    registry_free(r);
    r = load("name\nx\n");
    assert_int_equal(report_errors(rep), 2);
    assert_string_equal(report_first(rep), "devices.csv:1:1: no column is called 'device'");
    registry_free(r);
}

static void has_error(const char *text, const char *want, size_t errors) {
    struct registry *r = load(text);
    if (report_errors(rep) != errors || !strstr(report_first(rep), want))
        fail_msg("wanted %zu errors and '%s', got %zu and '%s'", errors, want, report_errors(rep), report_first(rep));
    registry_free(r);
}

static void test_traps(void **state) {
    (void)state;
    has_error("device,kind\na,lamp\na,lamp\n", "devices.csv:3:1: the device 'a' stands twice", 1);
    has_error("device;kind;name\na;lamp;x\n", "devices.csv:1:1: the cells stand between semicolons",
              1); /* as some spreadsheets write them */
    has_error("device\tkind\na\tlamp\n", "devices.csv:1:1: the cells stand between tabulators", 1);
    has_error("\xFF\xFE;,kind\n", "devices.csv:1:1: the file is UTF-16", 1);
    has_error("Device,kind\na,lamp\n", "devices.csv:1:1: no column is called 'device'", 1);
    has_error("device,kind,a:int\nx,lamp,1.0\n", "'1.0' is no int (column 'a')", 1);
    has_error("device,kind,a:int\nx,lamp,99999999999999999999\n", "is no int", 1);
    has_error("device,kind,a:double\nx,lamp,nan\n", "is no double", 1);
    has_error("device,kind,a:double\nx,lamp,\"1,5\"\n", "'1,5' is no double", 1);
    has_error("device,kind,kind\nx,lamp,y\n", "stands twice in the header", 1);
    has_error("device,kind,id\nx,lamp,y\n", "cannot be called 'id'", 1);
    has_error("device,kind:int\nx,lamp\n", "is always text", 1);
    has_error("device,kind,name\nx,lamp,a,b\n", "devices.csv:2:10: the row has 4 cells, the header 3", 1);
    has_error("device,kind,name\nx,lamp,\"a\"b\n", "text behind the closing quote", 1);
    has_error("device,kind,name\nx,lamp,\"a\nb\nc\n", "devices.csv:2:8: quotes that are opened and never closed", 1);
    has_error("device,kind,name\nx,lamp,\xc8\xf0\n", "text that is not UTF-8", 1);
    /* A bad id is told once, and the row is left out. */
    has_error("device,kind,name\n\xc8\xf0,lamp,a\n", "text that is not UTF-8", 1);
    struct registry *r = NULL;
    report_free(rep);
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(registry_load(rep, "d", "device,kind\nx\0y,lamp\n", 21, &r), 0);
    assert_non_null(strstr(report_first(rep), "a NUL byte"));
    assert_int_equal(registry_count(r), 0);
    registry_free(r);
}

static void test_limits(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 64 << 20);
    buf_puts(&b, "device,kind\n");
    for (int i = 0; i <= REGISTRY_MAX_DEVICES; i++)
        buf_printf(&b, "d%d,lamp\n", i);
    struct registry *r = load(b.data);
    assert_int_equal(registry_count(r), REGISTRY_MAX_DEVICES);
    assert_int_equal(report_errors(rep), 1);
    assert_string_equal(report_first(rep), "devices.csv:100002:1: more than 100000 devices");
    assert_string_equal(registry_find(r, "d99999")->id, "d99999");
    assert_ptr_equal(registry_at(r, 54321), registry_find(r, "d54321"));
    registry_free(r);
    buf_clear(&b);
    buf_puts(&b, "device,kind");
    for (int i = 2; i <= REGISTRY_MAX_COLUMNS; i++)
        buf_printf(&b, ",c%d", i);
    buf_puts(&b, "\nx,lamp\n");
    has_error(b.data, "more than 64 columns", 1);
    buf_clear(&b);
    buf_puts(&b, "device,kind\n");
    buf_fill(&b, 'x', EVENT_DEVICE_MAX + 1);
    buf_puts(&b, ",lamp\n");
    has_error(b.data, "a device's id of more than 128 bytes", 1);
    buf_clear(&b);
    buf_puts(&b, "device,kind\n");
    buf_fill(&b, ',', 300);
    buf_puts(&b, "x\n");
    has_error(b.data, "a row of more than 256 cells", 1);
    buf_done(&b);
}

static void test_codes(void **state) {
    (void)state;
    struct codes *c = NULL;
    static const char text[] = "code,name,kind,standard_ref,note\n01-07-03,路灯,部件,GB/T 30428.2,x\nS-1,求助,matter\n";
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(codes_load(rep, "codes.csv", text, sizeof text - 1, &c), 0);
    assert_int_equal(report_errors(rep), 0);
    assert_int_equal(codes_count(c), 2);
    const struct code *code = codes_find(c, "01-07-03");
    assert_non_null(code);
    assert_string_equal(code->name, "路灯");
    assert_string_equal(code->kind, "component");
    assert_string_equal(code->standard_ref, "GB/T 30428.2");
    assert_string_equal(codes_find(c, "S-1")->kind, "matter");
    assert_string_equal(codes_find(c, "S-1")->standard_ref, "");
    assert_null(codes_find(c, "S-2x"));
    assert_string_equal(codes_nearest(c, "01-07-30"), "01-07-03");
    assert_null(codes_nearest(c, "entirely different"));
    codes_free(c);
    static const char bad[] = "code,name,kind\na,b,thing\na,b,matter\na,b,matter\n,b,matter\n";
    report_free(rep);
    assert_int_equal(report_new(&rep), 0);
    assert_int_equal(codes_load(rep, "codes.csv", bad, sizeof bad - 1, &c), 0);
    assert_int_equal(report_errors(rep), 3);
    assert_int_equal(codes_count(c), 1);
    codes_free(c);
    assert_int_equal(codes_load(rep, "codes.csv", NULL, 0, &c), 0);
    assert_int_equal(codes_count(c), 0);
    assert_null(codes_find(c, "a"));
    assert_null(codes_nearest(c, "a"));
    codes_free(c);
    codes_free(NULL);
    registry_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_types, teardown),   cmocka_unit_test_teardown(test_record, teardown),
        cmocka_unit_test_teardown(test_join, teardown),    cmocka_unit_test_teardown(test_join_without_memory, teardown),
        cmocka_unit_test_teardown(test_nothing, teardown), cmocka_unit_test_teardown(test_traps, teardown),
        cmocka_unit_test_teardown(test_limits, teardown),  cmocka_unit_test_teardown(test_codes, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
