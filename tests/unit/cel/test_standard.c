/* SPDX-License-Identifier: Apache-2.0
 * The language by its definition, line by line: tests/unit/cel/standard.cases. Run from the root of the repository. */
#include <stdio.h>

#include "cel_fixture.h"
#include "gengfu/base/file.h"

static const char arrow[] = "  ==>  ", unchecked[] = "unchecked: ";

/* "error" also when it does not compile. */
static void run(struct fx *f, const char *text, struct buf *out) {
    buf_clear(out);
    struct cel_program *p = fx_compile(f, text);
    f->ctx.steps = 0;
    struct cel_value v = p ? cel_eval(p, &f->ctx) : cel_error(CEL_E_OVERLOAD, NULL);
    if (cel_is_error(v))
        buf_puts(out, "error");
    else
        cel_write_text(out, v);
    cel_program_free(p);
}

static void every_case(void **state) {
    (void)state;
    struct buf page, out;
    struct err err = {0};
    struct fx f;
    size_t count = 0, bad = 0;
    buf_init(&page, 0);
    buf_init(&out, 0);
    if (file_read("tests/unit/cel/standard.cases", &page, &err) < 0)
        fail_msg("%s", err.text);
    fx_init(&f);
    for (char *line = page.data, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        if (*line == '#' || *line == '\0')
            continue;
        char *want = strstr(line, arrow);
        if (!want)
            fail_msg("a case without a value: %s", line);
        *want = '\0';
        want += strlen(arrow);
        f.opt.no_check = strncmp(line, unchecked, strlen(unchecked)) == 0;
        if (f.opt.no_check)
            line += strlen(unchecked);
        for (int pass = 0; pass < 2; pass++) {
            f.opt.no_fold = pass;
            run(&f, line, &out);
            if (strcmp(out.data, want) != 0) {
                print_message("%s%s%s gives %s and not %s\n", f.opt.no_check ? unchecked : "", line, pass ? " (not folded)" : "", out.data,
                              want);
                bad++;
            }
        }
        count++;
    }
    assert_int_equal(bad, 0);
    assert_true(count > 600);
    buf_done(&page);
    buf_done(&out);
    fx_done(&f);
}

/* Whatever an implementation must bear at least (32 of each), and then some. */
static void chains_and_nests(void **state) {
    (void)state;
    static const struct {
        const char *before, *inner, *after, *want;
    } nests[] = {
        {"(", "7", ")", "7"},
        {"int(", "7", ")", "7"},
        {"!(", "true", ")", "true"},
        {"(1 + ", "2", ")", "42"},
        {"true ? 1 : ", "2", "", "1"},
        {"(false ? 1 : ", "2", ")", "2"},
        {"", "7", " + 1", "47"},
        {"", "1.0", " * 2.0 / 2.0", "1.0"},
        {"", "1 < 2", " == true", "true"},
        {"", "false", " || true", "true"},
        {"", "true", " && true", "true"},
        {"!", "true", "", "true"},
        {"-", "7", "", "7"},
        {"", "'aba'", ".replace('b', 'b')", "'aba'"},
        {"", "[5]", ".map(x, x)", "[5]"},
        {"cel.bind(x, 1, ", "x", ")", "1"},
        {"[1].map(x, ", "x", ")[0]", "1"},
        {"optional.of(", "1", ").value()", "1"},
    };
    struct fx f;
    struct buf text, out;
    fx_init(&f);
    buf_init(&text, 0);
    buf_init(&out, 0);
    for (size_t i = 0; i < sizeof(nests) / sizeof(*nests); i++) {
        buf_clear(&text);
        for (int k = 0; k < 40; k++)
            buf_puts(&text, nests[i].before);
        buf_puts(&text, nests[i].inner);
        for (int k = 0; k < 40; k++)
            buf_puts(&text, nests[i].after);
        run(&f, text.data, &out);
        if (strcmp(out.data, nests[i].want) != 0)
            fail_msg("%s gives %s: %s", text.data, out.data, f.diags.count ? f.diags.items[0].text : "-");
    }
    buf_done(&text);
    buf_done(&out);
    fx_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case),
        cmocka_unit_test(chains_and_nests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
