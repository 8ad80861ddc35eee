/* SPDX-License-Identifier: Apache-2.0
 * docs/cel.md: the table of functions is the program's own, the examples give what they say. Run from the root of the repository. */
#include "cel_fixture.h"
#include "gengfu/base/file.h"

static const char begin_mark[] = "<!-- functions -->\n", end_mark[] = "<!-- /functions -->\n", code[] = "```cel\n", arrow[] = "// => ";

static void read_page(struct buf *page) {
    struct err err = {0};
    buf_init(page, 0);
    if (file_read("docs/cel.md", page, &err) < 0)
        fail_msg("%s", err.text);
}

static void table_of_functions(void **state) {
    (void)state;
    struct buf page, want;
    read_page(&page);
    buf_init(&want, 0);
    for (const struct cel_function_doc *d = cel_function_docs(); d->name; d++) {
        assert_true(d->about[0] != '\0');
        buf_printf(&want, "- `%s`: %s\n", d->signature, d->about);
    }
    char *from = strstr(page.data, begin_mark), *to = strstr(page.data, end_mark);
    assert_true(from && to && from < to);
    *to = '\0';
    if (strcmp(from + strlen(begin_mark), want.data) != 0)
        fail_msg("docs/cel.md differs from the table of functions; between the marks must stand:\n%s", want.data);
    buf_done(&page);
    buf_done(&want);
}

static void examples(void **state) {
    (void)state;
    struct buf page;
    struct fx f;
    size_t count = 0;
    read_page(&page);
    fx_init(&f);
    for (char *block = strstr(page.data, code); block; block = strstr(block, code)) {
        block += strlen(code);
        for (char *line = block, *end; strncmp(line, "```", 3) != 0; line = end + 1) {
            end = strchr(line, '\n');
            assert_non_null(end);
            *end = '\0';
            char *want = strstr(line, arrow);
            if (!want)
                fail_msg("an example without a result: %s", line);
            want[-1] = '\0';
            if (strcmp(fx_text(&f, line), want + strlen(arrow)) != 0)
                fail_msg("%s gives %s", line, f.text.data);
            count++;
            block = end + 1;
        }
    }
    assert_true(count >= 10);
    buf_done(&page);
    fx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(table_of_functions), cmocka_unit_test(examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
