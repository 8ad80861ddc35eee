/* SPDX-License-Identifier: Apache-2.0
 * The audit trail as the daemon writes it: an entry in the store, and the same as a line of the log with the chain's head, so that the journal of the system (or wherever it is sent on to) holds a copy
 * that whoever can write the store cannot change. */
#include "daemon_int.h"
#include "gengfu/base/log.h"

void trail_say(struct daemon *d, const struct store_note *note) {
    char head[STORE_AUDIT_HEAD];

    store_audit_head(d->store, head);
    log_notice("audit %s: %s %s %s", head, note->who, note->what, note->detail != NULL ? note->detail : "");
}

void trail_add(struct daemon *d, const char *who, const char *what, const char *detail) {
    struct store_note note = {who, what, detail};
    struct err err = {0};

    if (store_audit(d->store, daemon_now(d).wall, who, what, detail, &err) == 0)
        trail_say(d, &note);
    else
        log_error("audit: %s %s %s could not be written: %s", who, what, detail != NULL ? detail : "", err.text);
}

void trail_with_batch(struct daemon *d, const char *who, const char *what, const char *detail) {
    d->note = (struct store_note){arena_strdup(&d->fx.arena, who), arena_strdup(&d->fx.arena, what), arena_strdup(&d->fx.arena, detail)};
    if (d->note.who == NULL || d->note.what == NULL || d->note.detail == NULL)
        d->fx.failed = true;
}

void trail_committed(struct daemon *d) {
    if (d->note.who == NULL)
        return;
    trail_say(d, &d->note);
    d->note = (struct store_note){0};
}
