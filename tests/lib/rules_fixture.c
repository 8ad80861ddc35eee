/* SPDX-License-Identifier: Apache-2.0
 * Rule sets for tests. */
#include "rules_fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void fx_init(struct fx *f) {
    memset(f, 0, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/gengfu-rules-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    buf_init(&f->text, 0);
    fx_puts(f, "gengfu.yaml",
            "gateway: {id: gw-test, lat: 30.0, lon: 120.0, zone: Asia/Shanghai}\n"
            "platforms: [{platform: city, type: file, path: /tmp/incidents.jsonl}]\n");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void unload(struct fx *f) {
    ruleset_free(f->rs);
    report_free(f->rep);
    f->rs = NULL;
    f->rep = NULL;
    f->err = (struct err){0};
    buf_clear(&f->text);
}

void fx_done(struct fx *f) {
    unload(f);
    buf_done(&f->text);
    (void)nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void fx_write(struct fx *f, const char *name, const char *text, size_t len) {
    char path[512];
    const char *slash = strchr(name, '/');
    if (slash) {
        (void)snprintf(path, sizeof path, "%s/%.*s", f->dir, (int)(slash - name), name);
        (void)mkdir(path, 0700);
    }
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

void fx_puts(struct fx *f, const char *name, const char *text) { fx_write(f, name, text, strlen(text)); }

void fx_load(struct fx *f) {
    unload(f);
    assert_int_equal(report_new(&f->rep), 0);
    f->rc = ruleset_load(f->dir, f->rep, &f->err, &f->rs);
    report_print(f->rep, &f->text, false);
    assert_false(f->text.failed);
}

const char *fx_rules(struct fx *f, const char *yaml) {
    fx_puts(f, "rules.d/x.yaml", yaml);
    fx_load(f);
    return f->text.data;
}

const struct rule *fx_rule(struct fx *f, const char *name) {
    if (!f->rs)
        fail_msg("the rule set did not load:\n%s%s", f->text.data, f->err.text);
    const struct rule *r = ruleset_rule(f->rs, name);
    assert_non_null(r);
    return r;
}
