/* SPDX-License-Identifier: Apache-2.0
 * docs/sources.md is true: every example there is a rule file that loads without a word, with messages behind it that become what stands there. Runs in the
 * repository's root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/file.h"
#include "source_fixture.h"

#define PAGE "docs/sources.md"
#define ARRIVAL INT64_C(1767614400000) /* 2026-01-05T20:00:00+08:00, as the page says */

static struct buf doc;

static int read_page(void **state) {
    struct err err = {0};
    (void)state;
    buf_init(&doc, 0);
    return file_read(PAGE, &doc, &err);
}
static int drop_page(void **state) {
    (void)state;
    buf_done(&doc);
    return 0;
}

/* The next block of this kind at or behind `from`: its text, NULL when there is none. */
static const char *block(const char *from, const char *kind, size_t *ret_len, size_t *ret_line) {
    char fence[64];
    int n = snprintf(fence, sizeof fence, "\n```%s\n", kind);
    const char *at = strstr(from, fence);
    if (!at)
        return NULL;
    const char *text = at + n, *end = strstr(text, "\n```");
    assert_non_null(end);
    *ret_len = (size_t)(end + 1 - text);
    *ret_line = 1;
    for (const char *p = doc.data; p < text; p++)
        *ret_line += *p == '\n';
    return text;
}

static void test_examples(void **state) {
    (void)state;
    size_t len, line, mlen, mline;
    const char *csv = block(doc.data, "csv devices", &len, &line);
    assert_non_null(csv);
    char *devices = strndup(csv, len);
    int examples = 0, samples = 0, wrong = 0;
    for (const char *at = doc.data; (at = block(at, "yaml rules", &len, &line));) {
        struct source_fx f;
        char *rules = strndup(at, len);
        assert_non_null(rules);
        const char *next = strstr(at + len, "\n```yaml rules\n"), *messages = block(at + len - 1, "messages", &mlen, &mline);
        if (!messages || (next && messages > next))
            fail_msg(PAGE ":%zu: an example without messages", line);
        sfx_open_with(&f, rules, devices);
        wrong += fixture_samples(PAGE, mline, messages, mlen, f.m, ARRIVAL, NULL, &samples);
        sfx_close(&f);
        free(rules);
        examples++;
    }
    free(devices);
    print_message("%d examples, %d messages\n", examples, samples);
    assert_true(examples >= 30);
    assert_true(samples >= 80);
    assert_int_equal(wrong, 0);
}

/* Every key and every function has its place on the page. */
static void test_keys(void **state) {
    (void)state;
    static const char *const words[] = {"`source`",  "`topic`",  "`payload`",  "`charset`",  "`max_payload`", "`drop`",     "`match`",
                                        "`ignore`",  "`each`",   "`events`",   "`online`",   "`kind`",        "`when`",     "`device`",
                                        "`time`",    "`skew`",   "`late`",     "`fields`",   "`emit`",        "`dedupe`",   "`number(x",
                                        "`truth(x",  "`time(x",  "`strptime(", "`nullif(x",  "`json(t",       "`registry(", "`hex(t",
                                        "`uint_at(", "`int_at(", "`text(b",    "`float_at(", "`local(",       "across"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(doc.data, words[i]))
            fail_msg(PAGE " says nothing of %s", words[i]);
}

/* The links within the page lead somewhere. */
static void test_links(void **state) {
    (void)state;
    for (const char *at = doc.data; (at = strstr(at, "](#"));) {
        char want[80], head[160];
        at += 3;
        size_t n = strcspn(at, ")");
        assert_true(n < sizeof want);
        memcpy(want, at, n);
        want[n] = '\0';
        bool found = false;
        for (const char *p = doc.data; !found && (p = strstr(p, "\n##"));) {
            p += 1 + strspn(p + 1, "#") + 1;
            size_t k = 0;
            for (; *p && *p != '\n' && k + 1 < sizeof head; p++) {
                if (*p == ' ')
                    head[k++] = '-';
                else if ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_')
                    head[k++] = *p;
                else if (*p >= 'A' && *p <= 'Z')
                    head[k++] = (char)(*p - 'A' + 'a');
            }
            head[k] = '\0';
            found = strcmp(head, want) == 0;
        }
        if (!found)
            fail_msg(PAGE " has no heading for #%s", want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_keys), cmocka_unit_test(test_links)};
    return cmocka_run_group_tests(tests, read_page, drop_page);
}
