/* SPDX-License-Identifier: Apache-2.0
 * One batch, one transaction. Leans on every file that writes a part of it. */
#include "store/store_int.h"

#include "gengfu/base/fault.h"

static int write_batch(struct store *s, const struct store_batch *b, struct err *err) {
    const struct effects *fx = b->effects;
    int rc = 0;
    if (b->note)
        rc = store_audit_put(s, b->wall, b->note->who, b->note->what, b->note->detail, err);
    if (fx) {
        for (size_t i = 0; rc == 0 && i < fx->nstates; i++)
            rc = store_state_put(s, &fx->states[i], err);
        for (size_t i = 0; rc == 0 && i < fx->ndevices; i++)
            rc = store_device_put(s, &fx->devices[i], err);
        for (size_t i = 0; rc == 0 && i < fx->nincidents; i++)
            rc = store_incident_put(s, &fx->incidents[i], b->wall, err);
        for (size_t i = 0; rc == 0 && i < fx->nanswers; i++)
            rc = store_answer_put(s, &fx->answers[i], b->note != NULL, err);
        if (rc == 0 && fx->nincidents)
            rc = store_outbox_give_way(s, b->wall, err);
    }
    if (rc == 0 && b->ruleset)
        rc = store_ruleset_put(s, b->ruleset, err);
    if (rc == 0)
        rc = store_journal_put(s, b, err);
    return rc == 0 && b->checkpoint ? store_tail_put(s, err) : rc;
}

int store_commit(struct store *s, const struct store_batch *batch, struct err *err) {
    if (batch->effects && batch->effects->failed)
        return err_set(err, GF_ENOMEM, "store %s: memory ran out while the batch was made; it is not whole", s->path);
    int64_t start = clock_mono_us();
    int rc = txn_begin(s, HERE, err);
    if (rc < 0)
        return rc;
    rc = write_batch(s, batch, err);
    if (rc == 0)
        (void)fault_point("store.before_commit");
    if (rc == 0 && fault_point("store.commit"))
        rc = err_set(err, GF_EFULL, "store %s: no room on the disk, as was asked for", s->path);
    rc = txn_end(s, rc, err);
    if (rc < 0)
        return rc;
    (void)fault_point("store.after_commit");
    s->commits++;
    s->last_commit_us = clock_mono_us() - start;
    if (s->last_commit_us > s->max_commit_us)
        s->max_commit_us = s->last_commit_us;
    return 0;
}

void store_clock(const struct store *s, struct store_clock *ret) { *ret = s->live.clock; }
