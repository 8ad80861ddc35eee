/* SPDX-License-Identifier: Apache-2.0
 * Loading a directory as a rule set, as a whole or not at all. The order of the steps stands in load_int.h. */
#include "gengfu/rules/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gengfu/base/crypt.h"
#include "gengfu/base/file.h"
#include "rules/load_int.h"
#include "rules/yaml_int.h"

#define MAX_CSV (64u << 20)
#define MAX_MODEL ((size_t)512 << 20)
#define MAX_TREE ((size_t)1024 << 20)

/* The version of the set: a hash over the hashes of the files with their names. */
struct digest {
    struct buf sums;
};

static int digest_add(struct digest *d, const char *name, const char *data, size_t len) {
    uint8_t sum[32];
    char hex[65];
    if (sha256(data, len, sum) < 0)
        return GF_ENOMEM;
    hex_encode(sum, sizeof sum, hex);
    buf_printf(&d->sums, "%s  %s\n", hex, name);
    return d->sums.failed ? GF_ENOMEM : 0;
}

static int digest_end(struct digest *d, char ret[65]) {
    uint8_t sum[32];
    if (sha256(d->sums.data, d->sums.len, sum) < 0)
        return GF_ENOMEM;
    hex_encode(sum, sizeof sum, ret);
    return 0;
}

struct opening {
    const char *dir;
    const struct rules_file *files; /* NULL: the directory's */
    size_t nfiles;
    bool own_config;  /* with files: gengfu.yaml is the directory's all the same */
    bool builtin;     /* the program's own rules too */
    struct buf *pack; /* gets what was read; NULL */
    struct report *rep;
    struct err *err;
    struct digest digest;
};

/* Every file that is read goes into the set's version, and into the pack when one is wanted. */
static int took(struct opening *o, const char *name, const struct buf *b) {
    int rc = digest_add(&o->digest, name, b->data, b->len);
    if (rc == 0 && o->pack)
        pack_add(o->pack, name, b->data, b->len);
    return rc;
}

static int read_given(struct opening *o, const char *name, struct buf *b) {
    for (size_t i = 0; i < o->nfiles; i++)
        if (strcmp(o->files[i].name, name) == 0) {
            if (o->files[i].len >= b->max)
                return err_set(o->err, GF_ELIMIT, "%s is larger than %zu MB: split it into several files", name, b->max >> 20);
            buf_put(b, o->files[i].text, o->files[i].len);
            return b->failed ? GF_ENOMEM : took(o, name, b);
        }
    return 1;
}

/* Reads dir/name. 1: there is none. */
static int read_file(struct opening *o, const char *name, size_t max, struct buf *b) {
    if (o->files && !(o->own_config && strcmp(name, "gengfu.yaml") == 0)) {
        buf_init(b, max);
        return read_given(o, name, b);
    }
    struct buf path;
    struct stat st;
    buf_init(&path, 8192);
    buf_printf(&path, "%s/%s", o->dir, name);
    buf_init(b, max);
    int rc;
    if (path.failed)
        rc = err_set(o->err, GF_ELIMIT, "the path %s is too long", o->dir);
    else if (stat(path.data, &st) < 0)
        rc = errno == ENOENT ? 1 : err_sys(o->err, GF_EIO, errno, "%s", path.data);
    else if (!S_ISREG(st.st_mode))
        rc = err_set(o->err, GF_EINVAL, "%s is not a file", path.data);
    else if ((size_t)st.st_size >= max)
        rc = err_set(o->err, GF_ELIMIT, "%s is larger than %zu MB: split it into several files", path.data, max >> 20);
    else
        rc = file_read(path.data, b, o->err);
    buf_done(&path);
    return rc == 0 ? took(o, name, b) : rc;
}

static int load_config(struct opening *o, struct ruleset *rs) {
    struct buf b;
    int rc = read_file(o, "gengfu.yaml", YAML_MAX_TEXT + 1, &b);
    if (rc == 1) {
        rc = report_file(o->rep, "gengfu.yaml", "", 0);
        if (rc >= 0)
            report_warning(o->rep, (struct place){.file = (uint16_t)rc}, "gateway: {id: gw-1}",
                           "there is no gengfu.yaml: every setting has its default");
        if (rc >= 0)
            rc = config_load(o->rep, "gengfu.yaml", NULL, 0, &rs->config);
    } else if (rc == 0) {
        rc = config_load(o->rep, "gengfu.yaml", b.data, b.len, &rs->config);
    }
    buf_done(&b);
    return rc;
}

static int load_tables(struct opening *o, struct ruleset *rs) {
    struct buf b;
    int rc = read_file(o, "devices.csv", MAX_CSV, &b);
    if (rc >= 0)
        rc = registry_load(o->rep, "devices.csv", rc ? NULL : b.data, b.len, &rs->registry);
    buf_done(&b);
    if (rc < 0)
        return rc;
    rc = read_file(o, "codes.csv", MAX_CSV, &b);
    if (rc >= 0)
        rc = codes_load(o->rep, "codes.csv", rc ? NULL : b.data, b.len, &rs->codes);
    buf_done(&b);
    return rc;
}

static int load_file(struct opening *o, struct loader *ld, const char *name) {
    struct buf b;
    char shown[512];
    if ((size_t)snprintf(shown, sizeof shown, "rules.d/%s", name) >= sizeof shown)
        return err_set(o->err, GF_ELIMIT, "the name of a rule file is too long: %.100s…", name);
    int rc = read_file(o, shown, YAML_MAX_TEXT + 1, &b);
    int file = rc == 0 ? report_file(o->rep, shown, b.data, b.len) : rc;
    buf_done(&b);
    if (rc == 1)
        return err_set(o->err, GF_EIO, "%s/%s cannot be read", o->dir, shown);
    if (file < 0)
        return file;
    bool broken;
    struct yaml_node *root = yaml_parse_part(&ld->tree, o->rep, (uint16_t)file, &broken);
    ld->incomplete = ld->incomplete || broken;
    if (root && !(broken && root->kind != YAML_MAPPING))
        loader_collect(ld, root);
    return 0;
}

static int load_builtin(struct opening *o, struct loader *ld) {
    int file = report_file(o->rep, builtin_name, builtin_text, builtin_len);
    if (file < 0)
        return file;
    ld->builtin = file;
    bool broken;
    struct yaml_node *root = yaml_parse_part(&ld->tree, o->rep, (uint16_t)file, &broken);
    if (root)
        loader_collect(ld, root);
    return 0;
}

static int load_given(struct opening *o, struct loader *ld) {
    int rc = 0;
    for (size_t i = 0; i < o->nfiles && rc == 0; i++)
        if (strncmp(o->files[i].name, "rules.d/", 8) == 0)
            rc = load_file(o, ld, o->files[i].name + 8);
    return rc;
}

static int load_files(struct opening *o, struct loader *ld) {
    if (o->files)
        return load_given(o, ld);
    struct buf path;
    struct stat st;
    char **names = NULL;
    size_t n = 0;
    buf_init(&path, 8192);
    buf_printf(&path, "%s/rules.d", o->dir);
    int rc = path.failed ? GF_ELIMIT : 0;
    if (rc == 0 && stat(path.data, &st) == 0)
        rc = file_list(path.data, ".yaml", &names, &n, o->err);
    if (rc == 0 && n > PACK_MAX_FILES - 4)
        rc = err_set(o->err, GF_ELIMIT, "%s holds more than %d files", path.data, PACK_MAX_FILES - 4);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = load_file(o, ld, names[i]);
        free(names[i]);
    }
    free(names);
    buf_done(&path);
    return rc;
}

static void build(struct loader *ld) {
    static void (*const steps[])(struct loader *) = {loader_base_env,  loader_intervals, loader_own_kinds, loader_sources,
                                                     loader_overrides, loader_rules,     loader_inhibits};
    for (size_t i = 0; i < COUNT(steps) && !ld->rd.oom; i++)
        steps[i](ld);
}

static void loader_done(struct loader *ld) {
    struct map *maps[] = {&ld->source_names,   &ld->rule_names,        &ld->lists.by_name,
                          &ld->macros.by_name, &ld->intervals.by_name, &ld->macro_told};
    for (size_t i = 0; i < COUNT(maps); i++)
        map_done(maps[i], NULL);
    cel_env_free(ld->rule_env);
    arena_done(&ld->tree);
}

static void loader_init(struct loader *ld, struct report *rep, struct owned_ruleset *own) {
    *ld = (struct loader){.rd = {.rep = rep, .arena = &own->arena}, .own = own, .rs = &own->rs, .builtin = -1};
    struct map *maps[] = {&ld->source_names,   &ld->rule_names,        &ld->lists.by_name,
                          &ld->macros.by_name, &ld->intervals.by_name, &ld->macro_told};
    for (size_t i = 0; i < COUNT(maps); i++)
        map_init(maps[i]);
    arena_init(&ld->tree, 64 << 10, MAX_TREE);
}

static int check_dir(const char *dir, struct err *err) {
    static const char *const parts[] = {"gengfu.yaml", "rules.d", "devices.csv"};
    struct stat st;
    if (stat(dir, &st) < 0)
        return err_sys(err, errno == ENOENT ? GF_ENOTFOUND : GF_EIO, errno, "%s", dir);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, GF_EINVAL, "%s is not a directory", dir);
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct buf path;
        buf_init(&path, 8192);
        buf_printf(&path, "%s/%s", dir, parts[i]);
        bool there = !path.failed && stat(path.data, &st) == 0;
        buf_done(&path);
        if (there)
            return 0;
    }
    return err_set(err, GF_ENOTFOUND, "%s holds no gengfu.yaml and no rules.d", dir);
}

static int load(struct opening o, struct ruleset **ret) {
    const char *dir = o.dir;
    struct report *rep = o.rep;
    struct err *err = o.err;
    int rc;
    struct owned_ruleset *own = calloc(1, sizeof *own);
    struct loader *ld = calloc(1, sizeof *ld);
    size_t errors = report_errors(rep);
    buf_init(&o.digest.sums, 4 << 20);
    if (!own || !ld) {
        free(own);
        free(ld);
        return err_set(err, GF_ENOMEM, "out of memory while loading %s", dir);
    }
    arena_init(&own->arena, 64 << 10, MAX_MODEL);
    map_init(&own->rules_by_name);
    loader_init(ld, rep, own);
    if ((rc = load_config(&o, &own->rs)) < 0 || (rc = load_tables(&o, &own->rs)) < 0 || (rc = load_files(&o, ld)) < 0 ||
        (o.builtin && (rc = load_builtin(&o, ld)) < 0))
        goto done;
    build(ld);
    rc = ld->rd.oom ? GF_ENOMEM : digest_end(&o.digest, own->rs.hash);
    if (rc == 0 && report_errors(rep) > errors)
        rc = err_set(err, GF_EINVAL, "%s", report_first(rep));
done:
    if (rc == GF_ENOMEM)
        (void)err_set(err, rc, "out of memory while loading %s", dir);
    else if (rc < 0 && err && !err->code)
        (void)err_set(err, rc, "%s cannot be loaded: %s", dir, err_text(rc));
    buf_done(&o.digest.sums);
    loader_done(ld);
    free(ld);
    if (rc < 0)
        ruleset_free(&own->rs);
    else
        *ret = &own->rs;
    return rc;
}

int ruleset_load(const char *dir, struct report *rep, struct err *err, struct ruleset **ret) {
    int rc = check_dir(dir, err);
    return rc < 0 ? rc : load((struct opening){.dir = dir, .builtin = true, .rep = rep, .err = err}, ret);
}

int ruleset_load_packing(const char *dir, struct buf *pack, struct report *rep, struct err *err, struct ruleset **ret) {
    int rc = check_dir(dir, err);
    return rc < 0 ? rc : load((struct opening){.dir = dir, .builtin = true, .pack = pack, .rep = rep, .err = err}, ret);
}

int ruleset_load_pack(const char *dir, char *pack, size_t len, struct report *rep, struct err *err, struct ruleset **ret) {
    struct rules_file *files = NULL;
    size_t n = 0;
    int rc = pack_open(pack, len, &files, &n);
    if (rc < 0)
        return err_set(err, rc, "the rule set that was kept cannot be read: %s", err_text(rc));
    rc = load((struct opening){.dir = dir, .files = files, .nfiles = n, .own_config = true, .builtin = true, .rep = rep, .err = err}, ret);
    free(files);
    return rc;
}

int ruleset_load_files(const struct rules_file *files, size_t n, struct report *rep, struct err *err, struct ruleset **ret) {
    return load((struct opening){.dir = "the rule set", .files = files, .nfiles = n, .rep = rep, .err = err}, ret);
}

void ruleset_free(struct ruleset *rs) {
    if (!rs)
        return;
    struct owned_ruleset *own = (struct owned_ruleset *)(void *)rs;
    for (size_t i = 0; own->intervals && i < rs->nintervals; i++)
        interval_close(own->intervals[i]);
    for (size_t i = 0; i < own->naggregates; i++)
        cel_aggregates_done(own->aggregates[i]);
    free(own->aggregates);
    programs_done(&own->programs);
    cel_env_free(own->base);
    config_free(rs->config);
    registry_free(rs->registry);
    codes_free(rs->codes);
    map_done(&own->rules_by_name, NULL);
    arena_done(&own->arena);
    free(own);
}
