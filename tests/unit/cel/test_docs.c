/* SPDX-License-Identifier: Apache-2.0
 * docs/cel.md: the table of functions is the program's own, the examples give what they say. Run from the root of the repository. */
#include <stdio.h>

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
        const char *gives = strstr(d->example, " => ");
        assert_non_null(gives);
        buf_printf(&want, "- `%s`: %s. `%.*s` gives `%s`\n", d->signature, d->about, (int)(gives - d->example), d->example, gives + 4);
    }
    char *from = strstr(page.data, begin_mark), *to = strstr(page.data, end_mark);
    assert_true(from && to && from < to);
    *to = '\0';
    if (strcmp(from + strlen(begin_mark), want.data) != 0)
        fail_msg("docs/cel.md differs from the table of functions; between the marks must stand:\n%s", want.data);
    buf_done(&page);
    buf_done(&want);
}

static void each_function_gives_what_its_example_says(void **state) {
    (void)state;
    struct fx f;
    char text[200];
    fx_init(&f);
    for (const struct cel_function_doc *d = cel_function_docs(); d->name; d++) {
        const char *gives = strstr(d->example, " => ");
        snprintf(text, sizeof text, "%.*s", (int)(gives - d->example), d->example);
        if (strcmp(fx_text(&f, text), gives + 4) != 0)
            fail_msg("%s gives %s", text, f.text.data);
        const char *word = strchr(d->name, '[') ? "[?" : strrchr(d->name, '.') ? strrchr(d->name, '.') + 1 : d->name;
        if (!strstr(text, strcmp(d->name, "?.") ? word : ".?"))
            fail_msg("the example of %s shows another one: %s", d->signature, text);
    }
    fx_done(&f);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(table_of_functions), cmocka_unit_test(each_function_gives_what_its_example_says),
                                       cmocka_unit_test(examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
