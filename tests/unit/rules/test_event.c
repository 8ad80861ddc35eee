/* SPDX-License-Identifier: Apache-2.0
 * Events: as CEL sees them, and the journal's form there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/crypt.h"
#include "rules/event_scan.h"

#define T INT64_C(1767614400123)

static struct event_field fields[3];

static struct event sample(void) {
    fields[0] = (struct event_field){atom_of("power_w"), cel_double(0.25)};
    fields[1] = (struct event_field){atom_of("commanded"), cel_text("开\"")};
    fields[2] = (struct event_field){atom_of("n"), cel_int(-7)};
    return (struct event){.device = "lamp-7",
                          .kind = atom_of("lamp"),
                          .time = T,
                          .arrived = T + 5,
                          .flags = EVENT_OWN_TIME | EVENT_LATE,
                          .source = "s",
                          .nfields = 3,
                          .fields = fields};
}

static void test_record(void **state) {
    (void)state;
    struct event e = sample();
    struct event_record r;
    struct cel_value v, k;
    event_record_init(&r, &e);
    struct cel_value rec = cel_record(&r.record);
    assert_true(cel_map_get(rec, "power_w", 7, &v) && v.type == CEL_DOUBLE && v.d == 0.25);
    assert_true(cel_map_get(rec, "kind", 4, &v) && cel_equal(v, cel_text("lamp")));
    assert_true(cel_map_get(rec, "device", 6, &v) && cel_equal(v, cel_text("lamp-7")));
    assert_true(cel_map_get(rec, "time", 4, &v) && cel_equal(v, cel_time_ms(T)));
    assert_true(cel_map_get(rec, "arrived", 7, &v) && cel_equal(v, cel_time_ms(T + 5)));
    assert_true(cel_map_get(rec, "late", 4, &v) && cel_is_true(v));
    assert_true(cel_map_get(rec, "retained", 8, &v) && v.type == CEL_BOOL && !v.b);
    assert_false(cel_map_get(rec, "nothing", 7, &v));
    size_t it = 0, n = 0;
    while (cel_map_next(rec, &it, &k, &v))
        n++;
    assert_int_equal(n, 9);
    assert_true(event_field(&e, atom_of("n"), &v) && v.i == -7);
    assert_false(event_field(&e, atom_of("kind"), &v));
    /* A field of the event's own stands above what every event has. */
    fields[2].name = atom_of("kind");
    assert_true(cel_map_get(rec, "kind", 4, &v) && v.type == CEL_INT);
    for (it = 0, n = 0; cel_map_next(rec, &it, &k, &v);)
        n++;
    assert_int_equal(n, 8);
}

static void test_journal(void **state) {
    (void)state;
    struct event e = sample(), back;
    struct arena a;
    struct buf b;
    struct cel_value v;
    arena_init(&a, 1024, 0);
    buf_init(&b, 0);
    event_write(&b, &e);
    assert_string_equal(b.data, "{\"k\":\"lamp\",\"d\":\"lamp-7\",\"t\":1767614400123,\"a\":1767614400128,\"g\":6,\"s\":\"s\","
                                "\"f\":{\"power_w\":0.25,\"commanded\":\"开\\\"\",\"n\":-7}}");
    assert_int_equal(event_read(&a, b.data, b.len, &back, NULL), 0);
    assert_string_equal(back.device, "lamp-7");
    assert_int_equal(back.kind, e.kind);
    assert_int_equal(back.time, e.time);
    assert_int_equal(back.arrived, e.arrived);
    assert_int_equal(back.flags, e.flags);
    assert_string_equal(back.source, "s");
    assert_int_equal(back.nfields, 3);
    assert_true(event_field(&back, atom_of("power_w"), &v) && v.type == CEL_DOUBLE && v.d == 0.25);
    assert_true(event_field(&back, atom_of("commanded"), &v) && cel_equal(v, cel_text("开\"")));
    assert_true(event_field(&back, atom_of("n"), &v) && v.type == CEL_INT && v.i == -7);
    /* The short form. */
    e = (struct event){.device = "d", .kind = atom_of("x"), .time = 1, .arrived = 1};
    buf_clear(&b);
    event_write(&b, &e);
    assert_string_equal(b.data, "{\"k\":\"x\",\"d\":\"d\",\"t\":1,\"f\":{}}");
    assert_int_equal(event_read(&a, b.data, b.len, &back, NULL), 0);
    assert_true(back.arrived == 1 && back.flags == 0 && !back.source && back.nfields == 0);
    buf_done(&b);
    arena_done(&a);
}

/* Every type comes back as it was: 18.0 is no 18, a timestamp no text. */
static void test_types(void **state) {
    (void)state;
    const struct cel_value values[] = {
        cel_double(18.0),
        cel_double(-0.5),
        cel_double(0.0),
        cel_double(1e300),
        cel_double(9007199254740994.0),
        cel_int(18),
        cel_int(INT64_MAX),
        cel_int(INT64_MIN),
        cel_uint(18),
        cel_uint(UINT64_MAX),
        cel_bool(true),
        cel_null(),
        cel_text("18.0"),
        cel_time_ms(T),
        {.type = CEL_DURATION, .i = -3, .aux = (uint32_t)-500},
        {.type = CEL_BYTES, .s = "\0\xff", .aux = 2},
    };
    enum { N = sizeof values / sizeof *values };
    struct event_field all[N];
    struct event
        e = {.device = "d", .kind = atom_of("x"), .time = 1, .arrived = 1, .flags = EVENT_DEDUPED, .index = 3, .nfields = N, .fields = all},
        back;
    e.dedupe = UINT64_C(0xfedcba9876543210);
    struct arena a;
    struct buf b;
    arena_init(&a, 1024, 0);
    buf_init(&b, 0);
    for (size_t i = 0; i < N; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%zu", i);
        all[i] = (struct event_field){atom_of(name), values[i]};
    }
    event_write(&b, &e);
    assert_int_equal(event_read(&a, b.data, b.len, &back, NULL), 0);
    assert_true(back.index == 3 && back.dedupe == e.dedupe && back.flags == EVENT_DEDUPED);
    assert_int_equal(back.nfields, N);
    for (size_t i = 0; i < N; i++) {
        struct cel_value v = back.fields[i].value;
        if (v.type != values[i].type || !cel_equal(v, values[i]) ||
            (v.type == CEL_DURATION && (v.i != values[i].i || v.aux != values[i].aux)))
            fail_msg("value %zu came back as %s: %s", i, cel_type_name(v), b.data);
    }
    struct buf again;
    buf_init(&again, 0);
    event_write(&again, &back);
    assert_string_equal(again.data, b.data);
    buf_done(&again);
    buf_done(&b);
    arena_done(&a);
}

/* Writes an event with this one field, reads it back, and compares as people see it: 18.0 is not 18 there, 5u not 5. */
static void round_trip(struct cel_value v, const char *types) {
    struct event_field field = {atom_of("f"), v};
    struct event e = {.device = "d", .kind = atom_of("x"), .time = 1, .arrived = 1, .nfields = 1, .fields = &field}, back;
    struct err err = {0};
    struct arena a;
    struct buf b, before, after;

    arena_init(&a, 1024, 0);
    buf_init(&b, 0);
    buf_init(&before, 0);
    buf_init(&after, 0);
    event_write(&b, &e);
    if (event_read(&a, b.data, b.len, &back, &err) < 0)
        fail_msg("%s: %s", err.text, b.data);
    assert_int_equal(back.nfields, 1);
    cel_write_text(&before, v);
    cel_write_text(&after, back.fields[0].value);
    assert_string_equal(after.data, before.data);
    const char *x = strstr(b.data, "\"x\":");
    assert_string_equal(x ? x : "", types);
    buf_done(&b);
    buf_done(&before);
    buf_done(&after);
    arena_done(&a);
}

static struct cel_value list_of(const struct cel_value *items, size_t n) {
    return (struct cel_value){.type = CEL_LIST, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n, .items = items};
}

/* Also what stands in lists and maps. */
static void test_types_within(void **state) {
    (void)state;
    const struct cel_value bytes = {.type = CEL_BYTES, .s = "\0\xff", .aux = 2};
    const struct cel_value numbers[] = {cel_int(1),  cel_double(18.0),     cel_double(0.5),
                                        cel_uint(5), cel_uint(UINT64_MAX), cel_int(INT64_MIN)};
    const struct cel_value words[] = {cel_text("a"), cel_bool(true), cel_null()};
    const struct cel_value others[] = {cel_time_ms(T),    cel_duration_ms(-1500), bytes,
                                       list_of(words, 3), list_of(numbers, 6),    list_of(NULL, 0)};
    const struct cel_pair pairs[] = {{cel_text("n"), list_of(numbers, 2)},
                                     {cel_int(-1), cel_double(2.0)},
                                     {cel_uint(7), cel_text("t")},
                                     {cel_bool(true), cel_int(3)},
                                     {cel_text("-1"), cel_int(4)}};
    const struct cel_value map = {.type = CEL_MAP, .form = CEL_FORM_NATIVE, .aux = 5, .pairs = pairs};
    const struct cel_pair outer[] = {{cel_text("m"), map}};
    struct cel_value deep[100];

    round_trip(list_of(words, 3), "");
    round_trip(list_of(numbers, 1), "");
    round_trip(list_of(numbers, 6), "\"x\":{\"f\":[0,\"d\",0,\"u\",\"u\",\"i\"]}}");
    round_trip(list_of(others, 6), "\"x\":{\"f\":[\"t\",\"s\",\"b\",0,[0,\"d\",0,\"u\",\"u\",\"i\"],0]}}");
    round_trip(map, "\"x\":{\"f\":[[0,\"d\"],{\"k\":\"i\",\"v\":\"d\"},{\"k\":\"u\",\"v\":0},{\"k\":\"b\",\"v\":0},0]}}");
    round_trip((struct cel_value){.type = CEL_MAP, .form = CEL_FORM_NATIVE, .aux = 1, .pairs = outer},
               "\"x\":{\"f\":[[[0,\"d\"],{\"k\":\"i\",\"v\":\"d\"},{\"k\":\"u\",\"v\":0},{\"k\":\"b\",\"v\":0},0]]}}");
    /* Whatever is written can be read. */
    deep[0] = cel_double(1.0);
    for (size_t i = 1; i < 100; i++) {
        struct event_field field = {atom_of("f"), deep[i] = list_of(&deep[i - 1], 1)};
        struct event e = {.device = "d", .kind = atom_of("x"), .time = 1, .arrived = 1, .nfields = 1, .fields = &field}, back;
        struct err err = {0};
        struct arena a;
        struct buf b;
        arena_init(&a, 1024, 0);
        buf_init(&b, 0);
        event_write(&b, &e);
        if (event_read(&a, b.data, b.len, &back, &err) < 0)
            fail_msg("%zu deep: %s", i, err.text);
        struct cel_value v = back.fields[0].value, inner;
        size_t down = 0;
        while (cel_list_at(v, 0, &inner)) {
            v = inner;
            down++;
        }
        assert_int_equal(down, i <= 56 ? i : 56);
        assert_int_equal(v.type, i <= 24 ? CEL_DOUBLE : i <= 56 ? CEL_INT : CEL_NULL);
        buf_done(&b);
        arena_done(&a);
    }
}

/* Rows of earlier versions, and rows that nobody wrote. */
static void test_other_rows(void **state) {
    (void)state;
    static const struct {
        const char *f, *x, *text;
    } rows[] = {
        {"[18]", NULL, "[18]"},
        {"\"7\"", "\"u\"", "7u"},
        {"7", "\"u\"", "7u"},
        {"18", "\"d\"", "18.0"},
        {"[1]", "\"d\"", "null"},
        {"[1,2]", "[\"d\"]", "[1.0, 2]"},
        {"[1]", "[\"d\",\"d\"]", "[1.0]"},
        {"1", "[\"d\"]", "1"},
        {"{\"a\":1}", "[{\"k\":\"i\"}]", "{0: 1}"},
        {"{\"a\":-1}", "[{\"v\":\"u\"}]", "{'a': null}"},
        {"[[1]]", "[{\"k\":5,\"v\":[]}]", "[[1]]"},
        {"[1]", "{\"k\":\"i\"}", "[1]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        struct event back;
        struct arena a;
        struct buf b, text;
        arena_init(&a, 1024, 0);
        buf_init(&b, 0);
        buf_init(&text, 0);
        buf_printf(&b, "{\"k\":\"x\",\"d\":\"d\",\"t\":1,\"f\":{\"f\":%s}", rows[i].f);
        if (rows[i].x)
            buf_printf(&b, ",\"x\":{\"f\":%s}", rows[i].x);
        buf_putc(&b, '}');
        if (event_read(&a, b.data, b.len, &back, &err) < 0)
            fail_msg("%s: %s", b.data, err.text);
        cel_write_text(&text, back.fields[0].value);
        assert_string_equal(text.data, rows[i].text);
        buf_done(&b);
        buf_done(&text);
        arena_done(&a);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "[]",
                                        "1",
                                        "{}",
                                        "{\"k\":\"x\",\"d\":\"\",\"t\":1,\"f\":{}}",
                                        "{\"k\":\"\",\"d\":\"d\",\"t\":1,\"f\":{}}",
                                        "{\"k\":\"x\",\"d\":\"d\",\"t\":\"1\",\"f\":{}}",
                                        "{\"k\":\"x\",\"d\":\"d\",\"t\":1,\"f\":[]}",
                                        "{\"k\":\"x\",\"d\":\"d\",\"t\":1",
                                        "{\"k\":5,\"d\":\"d\",\"t\":1,\"f\":{}}"};
    struct arena a;
    arena_init(&a, 1024, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct event e = {.device = "untouched"};
        struct err err = {0};
        assert_true(event_read(&a, texts[i], strlen(texts[i]), &e, &err) < 0);
        assert_string_equal(e.device, "untouched");
        assert_true(err.text[0]);
    }
    struct buf b;
    buf_init(&b, 0);
    buf_puts(&b, "{\"k\":\"x\",\"d\":\"d\",\"t\":1,\"f\":{");
    for (int i = 0; i <= EVENT_MAX_FIELDS; i++)
        buf_printf(&b, "%s\"f%d\":1", i ? "," : "", i);
    buf_puts(&b, "}}");
    struct event e;
    assert_int_equal(event_read(&a, b.data, b.len, &e, NULL), GF_EINVAL);
    buf_done(&b);
    arena_done(&a);
}

/* -- the quick way -------------------------------------------------------------------------------------------------------------- */

static const char *const journal_rows[] = {
    "{\"k\":\"lamp\",\"d\":\"lamp-7\",\"t\":1767614400123,\"a\":1767614400128,\"g\":6,\"s\":\"zigbee2mqtt\",\"f\":{\"power_w\":0.25,\"on\":true,\"n\":-7}}",
    "{\"k\":\"plate\",\"d\":\"闸机\",\"t\":1,\"s\":\"s\",\"i\":2,\"h\":\"fedcba9876543210\",\"f\":{\"plate\":\"京A12345\",\"who\":null,\"open\":false}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":-1,\"f\":{}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":0,\"b\":-0,\"c\":0.5,\"d\":-12.75,\"e\":999999999999999,\"g\":0.000001,\"h\":12345678.1234567,\"i\":3.0}}",
};
static const char *const other_rows[] = {
    /* right, and left to cJSON */
    "{\"k\":\"x\",\"d\":\"a\\\"b\",\"t\":5,\"f\":{}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":[1,2]}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":18},\"x\":{\"a\":\"d\"}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":1e300,\"b\":1234567890123456}}",
    "{ \"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{}}",
};
static const char *const wrong_rows[] = {
    "",
    "{",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5}",
    "{\"k\":\"\",\"d\":\"d\",\"t\":5,\"f\":{}}",
    "{\"k\":\"x\",\"d\":\"\",\"t\":5,\"f\":{}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":05,\"f\":{}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":01}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":1.}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":.5}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":-}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":1,}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":1}}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":\"\xff\"}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":\"\n\"}}",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":1",
    "{\"k\":\"x\",\"d\":\"d\",\"t\":5,\"f\":{\"a\":\"b",
};

/* Everything of an event, with the values' types. */
static void describe(struct buf *b, const struct event *e) {
    buf_printf(b, "%s %s %lld %lld %u %s %u %llx", atom_name(e->kind), e->device, (long long)e->time, (long long)e->arrived, e->flags,
               e->source ? e->source : "(none)", e->index, (unsigned long long)e->dedupe);
    for (size_t i = 0; i < e->nfields; i++) {
        buf_printf(b, " %s:%d:", atom_name(e->fields[i].name), e->fields[i].value.type);
        cel_write_text(b, e->fields[i].value);
    }
}

/* What the quick way takes is what cJSON makes of it: with a blank before it, the text is left to that. */
static bool same_as_cjson(const char *text, size_t len) {
    struct event quick, slow;
    struct arena a;
    struct buf with_blank, x, y;
    struct err err = {0};

    arena_init(&a, 1024, 0);
    bool taken = event_scan(&a, text, len, &quick);
    if (taken) {
        buf_init(&with_blank, 0);
        buf_init(&x, 0);
        buf_init(&y, 0);
        buf_putc(&with_blank, ' ');
        buf_put(&with_blank, text, len);
        if (event_read(&a, with_blank.data, with_blank.len, &slow, &err) < 0)
            fail_msg("taken, but %s: %.*s", err.text, (int)len, text);
        describe(&x, &quick);
        describe(&y, &slow);
        assert_string_equal(x.data, y.data);
        buf_done(&with_blank);
        buf_done(&x);
        buf_done(&y);
    }
    arena_done(&a);
    return taken;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void test_the_quick_way(void **state) {
    struct event ev;
    struct arena a;
    struct err err = {0};

    (void)state;
    arena_init(&a, 1024, 0);
    for (size_t i = 0; i < COUNT(journal_rows); i++)
        assert_true(same_as_cjson(journal_rows[i], strlen(journal_rows[i])));
    for (size_t i = 0; i < COUNT(other_rows); i++) {
        assert_false(same_as_cjson(other_rows[i], strlen(other_rows[i])));
        assert_int_equal(event_read(&a, other_rows[i], strlen(other_rows[i]), &ev, &err), 0);
    }
    for (size_t i = 0; i < COUNT(wrong_rows); i++) {
        assert_false(same_as_cjson(wrong_rows[i], strlen(wrong_rows[i])));
        assert_int_not_equal(event_read(&a, wrong_rows[i], strlen(wrong_rows[i]), &ev, &err), 0);
    }
    arena_done(&a);
}

/* Bytes of right rows changed, put in and taken out. */
static void test_the_quick_way_on_damaged_rows(void **state) {
    static const char likely[] = "\"\"{}[]:,.0123456789-eEtfn\\ xkdsagih\x01\xe5\x80";
    struct prng rng;
    size_t taken = 0;

    (void)state;
    prng_seed(&rng, 5);
    for (int round = 0; round < 20000; round++) {
        const char *row = journal_rows[prng_below(&rng, COUNT(journal_rows))];
        char text[400];
        size_t len = strlen(row), at = (size_t)prng_below(&rng, len);

        memcpy(text, row, len);
        for (uint64_t n = prng_below(&rng, 3); n-- > 0; at = (size_t)prng_below(&rng, len)) {
            char c = likely[prng_below(&rng, sizeof(likely) - 1)];
            switch (prng_below(&rng, 3)) {
            case 0: text[at] = c; break;
            case 1:
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = c;
                break;
            default: memmove(text + at, text + at + 1, --len - at);
            }
        }
        taken += same_as_cjson(text, len);
    }
    assert_true(taken > 6000 && taken < 19700);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_record),        cmocka_unit_test(test_journal),
                                       cmocka_unit_test(test_types),         cmocka_unit_test(test_types_within),
                                       cmocka_unit_test(test_other_rows),    cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_the_quick_way), cmocka_unit_test(test_the_quick_way_on_damaged_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
