/* SPDX-License-Identifier: Apache-2.0
 * A full disk. The store's reserve is given up once, so that the batch that met it, and what must be told of it, can be written and forwarded; from then on messages are read no further and
 * not acknowledged, until there is room for the reserve again.
 *
 *   fine ─ no room, twice ─► reserve given, the incident is out ─ the reserve can be taken again ─► fine
 *     └──── no reserve, or it did not help ─► stuck: the batch waits in memory, and is tried again every second */
#include "daemon_int.h"
#include "gengfu/base/log.h"

void room_start(struct daemon *d) {
    struct err err = {0};
    int rc = store_reserve_take(d->store, &err);

    if (rc == GF_EFULL) { /* the last run's trouble is not over */
        d->full = true;
        health_set(d, "store", "", true, err.text, 0);
        log_error("%s: the disk is full", err.text);
    } else if (rc < 0) {
        log_warn("%s: without it, a full disk cannot be told to the platforms", err.text);
    }
}

bool room_give(struct daemon *d, const struct err *why) {
    if (!store_reserve_give(d->store))
        return false;
    d->full = true;
    log_error("%s: the disk is full; nothing is acknowledged until there is room; the reserve is given up so that this can be told",
              why->text);
    health_set(d, "store", "", true, why->text, 0);
    health_hurry(d, "store", "");
    (void)health_tell(d);
    return true;
}

bool room_back(struct daemon *d) {
    struct err err = {0};

    if (store_reserve_take(d->store, &err) < 0)
        return false;
    d->full = false;
    log_notice("store: there is room on the disk again, going on");
    health_set(d, "store", "", false, "", 0);
    notify_status(d);
    return true;
}
