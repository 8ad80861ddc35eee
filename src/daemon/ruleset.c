/* SPDX-License-Identifier: Apache-2.0
 * Rule sets of the daemon: read from the directory, kept in the store with the transaction that puts them into force, and taken from there when the start meets a directory that is broken:
 * a technician's slip before a power cut must not leave a neighbourhood without its watchman. gengfu.yaml must be sound all the same: it says where the store is, and who this gateway is. */
#include <stdio.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/file.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

static int first_error(const struct daemon *d, const struct report *rep, int rc, struct err *err) {
    size_t n = report_errors(rep);

    if (rc >= 0 || n == 0)
        return rc;
    if (n > 1)
        return err_set(err, GF_EINVAL, "%s (and %zu more: gengfu check %s)", report_first(rep), n - 1, d->opt->dir);
    return err_set(err, GF_EINVAL, "%s", report_first(rep));
}

int daemon_rules_load(struct daemon *d, struct err *err, struct ruleset **ret) {
    struct report *rep;
    int rc = report_new(&rep);

    if (rc < 0)
        return err_set(err, rc, "out of memory");
    buf_done(&d->pack);
    buf_init(&d->pack, STORE_RULESET_MAX);
    rc = daemon_trust(d->opt->dir, err);
    if (rc == 0)
        rc = first_error(d, rep, ruleset_load_packing(d->opt->dir, &d->pack, rep, err, ret), err);
    report_free(rep);
    if (rc < 0)
        buf_done(&d->pack);
    return rc;
}

/* -- keeping ---------------------------------------------------------------------------------------------------------------- */

static int is_latest(void *ctx, const struct store_ruleset *r) { return strcmp(r->hash, ctx) == 0 ? 2 : 1; }

void daemon_rules_keep(struct daemon *d, const char *who) {
    struct err err = {0};

    if (d->pack.failed || d->pack.len == 0) {
        log_warn("rules: the set is too large to be kept: a start that meets a broken directory will not have it");
        return;
    }
    if (store_each_ruleset(d->store, is_latest, d->rules->hash, &err) == 2) {
        buf_done(&d->pack);
        return;
    }
    d->keep =
        (struct store_ruleset){.hash = d->rules->hash, .at = daemon_now(d).wall, .who = who, .body = d->pack.data, .len = d->pack.len};
}

void daemon_rules_kept(struct daemon *d) {
    if (d->keep.hash == NULL)
        return;
    d->keep = (struct store_ruleset){0};
    buf_done(&d->pack);
}

/* -- the last good set -------------------------------------------------------------------------------------------------------- */

/* Where the store is, by a gengfu.yaml that must be without a mistake. */
static int store_path(const struct daemon *d, char *ret, size_t size, struct err *err) {
    char path[4096];
    struct buf text;
    struct report *rep;
    struct config *c = NULL;

    if (snprintf(path, sizeof(path), "%s/gengfu.yaml", d->opt->dir) >= (int)sizeof(path))
        return err_set(err, GF_ELIMIT, "the directory's name is too long");
    if (report_new(&rep) < 0)
        return err_set(err, GF_ENOMEM, "out of memory");
    buf_init(&text, RULES_MAX_FILE);
    int rc = file_read(path, &text, err);

    if (rc == 0)
        rc = config_load(rep, "gengfu.yaml", text.data, text.len, &c);
    if (rc == 0 && report_errors(rep) > 0)
        rc = err_set(err, GF_EINVAL, "%s", report_first(rep));
    if (rc == 0 && snprintf(ret, size, "%s", d->opt->store ? d->opt->store : c->store_path) >= (int)size)
        rc = err_set(err, GF_ELIMIT, "the store's path is too long");
    config_free(c);
    buf_done(&text);
    report_free(rep);
    return rc;
}

static int read_kept(const struct daemon *d, struct buf *pack, struct err *err) {
    char path[4096], hash[STORE_HASH_TEXT];
    struct store *s;
    int rc = store_path(d, path, sizeof(path), err);

    if (rc < 0)
        return rc;
    struct store_conf conf = {.path = path, .read_only = true};

    if ((rc = store_open(&conf, err, &s)) < 0)
        return rc;
    rc = store_ruleset(s, NULL, pack, hash, err);
    store_close(s);
    return rc;
}

int daemon_rules_fall_back(struct daemon *d, struct err *err) {
    struct err why = {0};
    struct report *rep;
    struct buf pack;

    if (report_new(&rep) < 0)
        return err->code;
    buf_init(&pack, STORE_RULESET_MAX);
    int rc = daemon_trust_config(d->opt->dir, &why); /* it says which store: whoever may write it would choose the set */

    if (rc == 0)
        rc = read_kept(d, &pack, &why);
    if (rc == 0)
        rc = first_error(d, rep, ruleset_load_pack(d->opt->dir, pack.data, pack.len, rep, &why, &d->rules), &why);
    buf_done(&pack);
    report_free(rep);
    if (rc < 0) {
        log_error("%s", err->text);
        return err_set(err, err->code, "the rules are broken, and there is no earlier set to go on with (%s)", why.text);
    }
    d->reload_ok = false;
    (void)snprintf(d->reload_why, sizeof(d->reload_why), "%s", err->text);
    d->fell_back = true;
    log_error("%s", d->reload_why);
    log_error("rules: the directory is broken: going on with the last good set, from the store; mend it and reload");
    return 0;
}
