/* SPDX-License-Identifier: Apache-2.0
 * What time does to an open incident: escalation when nobody answers, and chattering when it comes and goes. */
#include "engine_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- escalate: [{after, while, to, severity}] ------------------------------------------------------------------------------------ */
/* Only what a platform has heard of is escalated; a held one catches up when it is told. */
void engine_escalate_arm(struct engine *e, struct instance *in) {
    const struct rule *r = in->rule->rule;

    in->due[DUE_ESCALATE] = TIME_NONE;
    if (!in->docket || !in->docket->inc->published || in->escalated >= r->nescalations)
        return;
    int64_t due = in->raised + r->escalations[in->escalated].after;
    in->due[DUE_ESCALATE] = due < e->now.mono ? e->now.mono : due;
}

void engine_escalate_due(struct engine *e, struct instance *in) {
    const struct rule *r = in->rule->rule;
    struct docket *d = in->docket;

    if (!d || in->escalated >= r->nescalations)
        return;
    const struct rule_escalation *step = &r->escalations[in->escalated++];
    bool wanted = step->until_resolved ? d->inc->handling < HANDLING_HANDLED : d->inc->handling == HANDLING_NEW;
    if (wanted) {
        struct buf note;

        d->inc->level = (int)in->escalated;
        buf_init(&note, 1000);
        buf_printf(&note, "level %d", d->inc->level);
        for (size_t i = 0; i < step->nto; i++)
            buf_printf(&note, "%s%s", i ? ", " : ": to ", step->to[i]);
        if (step->severity > d->inc->severity) {
            buf_printf(&note, ", %s instead of %s", severity_name(step->severity), severity_name(d->inc->severity));
            d->inc->severity = step->severity;
        }
        if (engine_history_add(d->inc, e->now.wall, "gengfu", "escalated", note.data) < 0)
            e->oom = true;
        buf_done(&note);
        engine_revise(e, d, CHANGE_UPDATED);
    }
    engine_escalate_arm(e, in);
}

/* -- chattering: {changes, within} -------------------------------------------------------------------------------------------------
 * Each raise and each end is a change. With so many of them within the span the incident is held open and says so; its condition goes on in `cleared`. When no change
 * has come for the span it is an ordinary one again: resolved if the condition is false by then. */
bool engine_chatter_change(struct engine *e, struct instance *in) {
    const struct rule *r = in->rule->rule;
    size_t limit = r->chattering_changes > ENGINE_MAX_CHANGES ? ENGINE_MAX_CHANGES : (size_t)r->chattering_changes, gone = 0;

    if (r->chattering_changes <= 0)
        return false;
    if (!in->changes && !(in->changes = calloc(limit, sizeof(*in->changes)))) {
        e->oom = true;
        return false;
    }
    while (gone < in->nchanges && (in->changes[gone] <= e->now.mono - r->chattering_within || in->nchanges - gone == limit))
        gone++;
    memmove(in->changes, in->changes + gone, (in->nchanges - gone) * sizeof(*in->changes));
    in->nchanges -= gone;
    in->changes[in->nchanges++] = e->now.mono;
    in->due[DUE_CHATTER] = e->now.mono + r->chattering_within;
    engine_instance_touch(e, in);
    if (in->chattering || in->nchanges < limit)
        return in->chattering;
    in->chattering = true;
    if (in->docket) {
        char span[TIME_TEXT_MAX], note[96];

        (void)snprintf(note, sizeof(note), "%zu changes within %s", limit, span_format(r->chattering_within, span));
        in->docket->inc->chattering = true;
        if (engine_history_add(in->docket->inc, e->now.wall, "gengfu", "chattering", note) < 0)
            e->oom = true;
        engine_revise(e, in->docket, CHANGE_UPDATED);
    }
    return true;
}

void engine_chatter_due(struct engine *e, struct instance *in) {
    in->nchanges = 0;
    if (!in->chattering)
        return;
    in->chattering = false;
    if (!in->docket)
        return;
    in->docket->inc->chattering = false;
    if (in->cleared) {
        in->cleared = false;
        if (in->rule->rule->clear_mode == CLEAR_EXPR)
            engine_instance_forget(e, in);
        engine_resolve(e, in, "gengfu", "resolved", "no change for a while");
        return;
    }
    if (engine_history_add(in->docket->inc, e->now.wall, "gengfu", "steady", NULL) < 0)
        e->oom = true;
    engine_revise(e, in->docket, CHANGE_UPDATED);
}
