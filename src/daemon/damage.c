/* SPDX-License-Identifier: Apache-2.0
 * A damaged store: set aside, never deleted; a new one takes over what the damaged one still gives, and the watch goes on. */
#include <inttypes.h>
#include <unistd.h>

#include "daemon_int.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

static struct store_conf conf_of(const struct daemon *d) {
    const struct config *c = d->rules->config;

    return (struct store_conf){.path = d->opt->store ? d->opt->store : c->store_path,
                               .journal_max_age = c->journal_max_age,
                               .journal_max_bytes = c->journal_max_bytes,
                               .closed_max_age = c->closed_max_age,
                               .outbox_max_bytes = c->outbox_max_bytes};
}

static void salvage(struct daemon *d, const char *damaged) {
    struct store_salvaged got = {0};
    struct err err = {0};

    if (store_salvage(d->store, damaged, &got, &err) < 0)
        log_error("store: nothing could be taken over from %s: %s", damaged, err.text);
    else
        log_notice("store: taken over from %s: %" PRId64 " incidents, %" PRId64 " waiting messages, %" PRId64 " rule states, %" PRId64
                   " devices%s",
                   damaged, got.incidents, got.outbox, got.states, got.devices,
                   got.complete ? "" : "; what stood on damaged pages is missing");
}

int daemon_store_replace(struct daemon *d, struct err *err) {
    struct store_conf conf = conf_of(d);
    char name[4096];

    log_error("store: damaged: %s", err->text);
    store_close(d->store);
    d->store = NULL;
    if (store_set_aside(conf.path, clock_wall(), name, sizeof(name), err) < 0)
        return err->code;
    log_error("store: the damaged file is kept as %s; going on with a new one", name);
    int rc = store_open(&conf, err, &d->store);

    if (rc == 0)
        salvage(d, name);
    return rc;
}

int daemon_store_open(struct daemon *d, struct err *err) {
    struct store_conf conf = conf_of(d);
    int rc = store_open(&conf, err, &d->store);

    return rc == GF_ECORRUPT ? daemon_store_replace(d, err) : rc;
}

void daemon_store_failed(struct daemon *d, struct err *err) {
    if (daemon_store_replace(d, err) < 0)
        log_error("%s", err->text);
    store_close(d->store);
    log_error("store: ending, so that the next start goes on from what could be taken over; what was not acknowledged comes again");
    _exit(3);
}
