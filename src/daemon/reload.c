/* SPDX-License-Identifier: Apache-2.0
 * Reload: read everything again; a broken set changes nothing and says why. A rule that did not change keeps its state. When gengfu.yaml itself changed, ingest and forward are
 * replaced as well: what is in flight stays in the broker's session and in the outbox. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/crypt.h"
#include "gengfu/base/fault.h"
#include "gengfu/base/file.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

int daemon_hash_config(const char *dir, char ret[65], struct err *err) {
    char path[4096];
    struct buf text;
    uint8_t digest[32];
    int rc;

    if (snprintf(path, sizeof(path), "%s/gengfu.yaml", dir) >= (int)sizeof(path))
        return err_set(err, GF_ELIMIT, "the directory's name is too long");
    buf_init(&text, RULES_MAX_FILE);
    rc = file_read(path, &text, err);
    if (rc == GF_ENOTFOUND)
        rc = 0; /* every setting has its default */
    if (rc == 0)
        rc = sha256(text.data, text.len, digest);
    buf_done(&text);
    if (rc == 0)
        hex_encode(digest, sizeof(digest), ret);
    return rc;
}

static int refused(struct daemon *d, const char *who, struct err *err) {
    size_t n = strnlen(err->text, sizeof(d->reload_why) - 1);

    d->reload_ok = false;
    memcpy(d->reload_why, err->text, n);
    d->reload_why[n] = '\0';
    health_set(d, "rules", "", true, d->reload_why, 0);
    log_error("reload refused, nothing has changed: %s", err->text);
    trail_add(d, who, "reload refused", err->text);
    return err->code;
}

static int take_over(struct daemon *d, struct ruleset *rs, struct err *err) {
    int rc = engine_reload(d->engine, rs, daemon_now(d), &d->fx, err);

    if (rc < 0)
        return rc;
    rc = mapper_reload(d->mapper, rs, err);
    if (rc < 0) { /* memory only; the engine goes back to the set that the mapper still has */
        struct err ignored = {0};
        if (engine_reload(d->engine, d->rules, daemon_now(d), &d->fx, &ignored) < 0)
            log_error("reload: could not go back to the former rules: %s", ignored.text);
        return rc;
    }
    own_memory(d); /* with the same batch: which sources the rows belong to from now on */
    if (d->ingest != NULL && !d->replacing_ingest && subscriptions_set(d, err) < 0)
        log_warn("reload: %s", err->text);
    return 0;
}

static int name_platforms(struct daemon *d, struct err *err) {
    const struct config *conf = d->conf_rules->config;
    const char *names[CONFIG_MAX_PLATFORMS];

    for (size_t i = 0; i < conf->nplatforms; i++)
        names[i] = conf->platforms[i].name;
    return store_platforms(d->store, names, conf->nplatforms, err);
}

int daemon_reload(struct daemon *d, const char *who, struct err *err) {
    struct ruleset *rs;
    char hash[65];

    d->last_reload = daemon_now(d).wall;
    if (d->stuck)
        return refused(d, who, (err_set(err, GF_ESTATE, "the store cannot be written at the moment (%s)", d->stuck_why), err));
    if (d->replacing_ingest || d->replacing_forward)
        return refused(d, who, (err_set(err, GF_ESTATE, "an earlier reload is still being carried out; try again in a moment"), err));
    notify_reloading(d);
    int rc = daemon_rules_load(d, err, &rs);

    if (rc == 0 && strcmp(rs->config->store_path, d->conf_rules->config->store_path) != 0) {
        rc = err_set(err, GF_ESTATE, "store.path cannot change while the daemon runs: systemctl restart gengfu");
        ruleset_free(rs);
    }
    if (rc == 0 && (rc = daemon_hash_config(d->opt->dir, hash, err)) < 0)
        ruleset_free(rs);
    if (rc == 0 && (rc = pipeline_checkpoint(d)) < 0) { /* events of sources as they were must not be taken for those of the new ones */
        ruleset_free(rs);
        rc = err_set(err, GF_ESTATE, "the store cannot be written at the moment (%s)", d->stuck_why);
    }
    if (rc == 0 && (rc = take_over(d, rs, err)) < 0)
        ruleset_free(rs);
    if (rc < 0) {
        notify_ready(d);
        return refused(d, who, err);
    }
    struct ruleset *old = d->rules;
    bool reconfigure = strcmp(hash, d->conf_hash) != 0;

    d->rules = rs;
    d->fell_back = false;
    flood_configure(d);
    daemon_rules_keep(d, "reload");
    trail_with_batch(d, who, "reload", rs->hash);
    (void)fault_point("reload.before_commit");
    if (pipeline_commit(d) < 0)
        log_warn("reload: in force, but its changes could not be written yet");
    (void)fault_point("reload.after_commit");
    pipeline_schedule(d);
    if (old != d->conf_rules)
        ruleset_free(old);
    if (reconfigure) {
        log_notice("reload: gengfu.yaml changed: connecting again to the broker and the platforms");
        memcpy(d->conf_hash, hash, sizeof(hash));
        d->old_conf_rules = d->conf_rules;
        d->replacing_ingest = d->ingest != NULL;
        d->replacing_forward = d->forward != NULL;
        d->conf_rules = rs; /* incidents of the meantime are routed by the new platforms already */
        if (d->ingest != NULL)
            ingest_stop(d->ingest);
        if (d->forward != NULL)
            forward_stop(d->forward);
        if (name_platforms(d, err) < 0)
            log_warn("reload: %s", err->text);
        daemon_reload_settle(d);
    }
    if (!reconfigure && d->ingest != NULL && !d->replacing_ingest)
        ingest_renew(d->ingest);
    if (!reconfigure && d->forward != NULL && !d->replacing_forward)
        forward_renew(d->forward);
    d->reload_ok = true;
    d->reload_why[0] = '\0';
    health_set(d, "rules", "", false, "", 0);
    health_settle(d);
    daemon_trim();
    log_notice("reload: %zu sources, %zu rules, %zu devices in force (%.12s)", rs->nsources, rs->nrules - rs->nbuiltin,
               registry_count(rs->registry), rs->hash);
    notify_ready(d);
    return 0;
}

void daemon_reload_settle(struct daemon *d) {
    if (d->replacing_ingest || d->replacing_forward || d->old_conf_rules == NULL)
        return;
    ruleset_free(d->old_conf_rules);
    d->old_conf_rules = NULL;
    daemon_reopen(d);
    daemon_maybe_gone(d);
}
