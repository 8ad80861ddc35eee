/* SPDX-License-Identifier: Apache-2.0
 * The condition of one key: what true, false and unknown do to it, whichever pattern found it out. docs/semantics.md draws this in time.
 *
 *   true     open: fold, and whatever was about to end it is called off.  else with `for`: pending since the first true; raised at since + for.  else: raised now.
 *   false    pending ends. `clear: auto`: an open incident clears.
 *   unknown  nothing.
 *   quiet    resolve_after: no match for so long; whichever comes first.
 *   clear    with keep_firing_for: resolved so much later, unless it turns true meanwhile.  latch: only a person resolves. */
#include "engine_int.h"

/* -- `when` alone ---------------------------------------------------------------------------------------------------------- */
enum truth engine_common(struct engine_eval *x, struct engine_rule *er) {
    if (!er->inside)
        return TRUTH_FALSE;
    er->evaluated++;
    enum truth t = engine_truth(x, er, &er->rule->when);
    if (t == TRUTH_UNKNOWN)
        er->unknown++;
    if (t == TRUTH_TRUE && er->rule->nexceptions && engine_excepted(x, er))
        return TRUTH_FALSE;
    if (t == TRUTH_TRUE)
        er->matched++;
    return t;
}

void engine_single_event(struct engine_eval *x, struct engine_rule *er) {
    enum truth t = engine_common(x, er);
    const char *key;
    size_t len;
    uint8_t by;

    if (t != TRUTH_TRUE && map_count(&er->keys) == 0)
        return;
    if (!engine_key(x, er, &key, &len, &by))
        return;
    struct instance *in = t == TRUTH_TRUE ? engine_instance_get(x->engine, er, key, len, by) : engine_instance_find(er, key, len);
    if (!in)
        return;
    if (t == TRUTH_TRUE)
        engine_condition_true(x, in, x->event->time, 1);
    else if (t == TRUTH_FALSE)
        engine_condition_false(x, in);
    if (t != TRUTH_TRUE)
        engine_clear_event(x, in);
    engine_instance_settle(x->engine, in);
}

/* -- the condition ------------------------------------------------------------------------------------------------------------ */
static bool late(const struct engine_eval *x) { return x->live && x->event && (x->event->flags & EVENT_LATE); }

int64_t engine_own_moment(const struct engine *e, const struct event *ev) {
    int64_t ago = e->now.wall - ev->time;

    return ago > 0 ? e->now.mono - ago : e->now.mono;
}

bool engine_open_or_pending(const struct instance *in) {
    return in->pending != TIME_NONE || (in->docket && in->rule->rule->clear_mode == CLEAR_AUTO);
}

void engine_rearm_clear(struct engine *e, struct instance *in) {
    const struct rule *r = in->rule->rule;

    if (r->resolve_after > 0)
        in->due[DUE_QUIET] = e->now.mono + r->resolve_after;
    if (r->clear_mode == CLEAR_AUTO && r->nsteps) /* steps never turn false: no further match for so long */
        in->due[DUE_CLEAR] = e->now.mono + r->within;
}

void engine_condition_true(struct engine_eval *x, struct instance *in, int64_t first, uint64_t count) {
    struct engine *e = x->engine;
    const struct rule *r = in->rule->rule;

    engine_instance_touch(e, in);
    if (in->docket) {
        in->due[DUE_KEEP] = TIME_NONE;
        if (in->cleared) {
            in->cleared = false;
            if (in->chattering)
                (void)engine_chatter_change(e, in);
        }
        engine_fold(x, in);
        return;
    }
    if (r->for_ms <= 0) {
        in->since = first;
        engine_raise(x, in, first, count);
        return;
    }
    if (late(x)) /* nobody can say how long it has held */
        return;
    if (in->pending == TIME_NONE) {
        engine_set_pending(in, e->now.mono);
        in->since = first;
        in->matches = 0;
        in->due[DUE_FOR] = e->now.mono + r->for_ms;
    }
    in->matches += in->matches ? 1 : count;
    if (x->event)
        engine_keep(e, &in->last, x->event);
}

void engine_condition_false(struct engine_eval *x, struct instance *in) {
    if (late(x) && !(in->docket && x->event->time >= in->docket->inc->last_event))
        return;
    if (in->pending != TIME_NONE) {
        engine_set_pending(in, TIME_NONE);
        in->due[DUE_FOR] = TIME_NONE;
        in->matches = 0;
        engine_instance_touch(x->engine, in);
    }
    if (in->docket && in->rule->rule->clear_mode == CLEAR_AUTO)
        engine_clear(x->engine, in);
}

void engine_clear_event(struct engine_eval *x, struct instance *in) {
    struct engine_rule *er = in->rule;

    if (!in->docket || er->rule->clear_mode != CLEAR_EXPR || !er->rule->clear.program)
        return;
    if (late(x) && x->event->time < in->docket->inc->last_event)
        return;
    engine_eval_instance(x, in);
    if (engine_truth(x, er, &er->rule->clear) == TRUTH_TRUE)
        engine_clear(x->engine, in);
}

/* The end is here: resolve, unless it comes and goes so often that the incident is held open. `said`: by the clear expression; that begins everything anew. */
static void end(struct engine *e, struct instance *in, bool said) {
    if (engine_chatter_change(e, in)) {
        in->cleared = true;
        return;
    }
    if (said && in->rule->rule->clear_mode == CLEAR_EXPR)
        engine_instance_forget(e, in);
    engine_resolve(e, in, "gengfu", "resolved", NULL);
}

/* latch: the end is noted, and told as repeats are; only a person resolves. */
static void note_end(struct engine *e, struct instance *in) {
    if (in->cleared)
        return;
    in->cleared = true;
    if (engine_history_add(in->docket->inc, e->now.wall, "gengfu", "ended", NULL) < 0)
        e->oom = true;
    engine_docket_dirty(e, in->docket);
    engine_instance_touch(e, in);
    engine_tell_soon(e, in);
}

/* True: the end is noted, and that is all for now. */
static bool noted(struct engine *e, struct instance *in) {
    if (in->rule->rule->latch) {
        note_end(e, in);
        return true;
    }
    if (!in->chattering)
        return false;
    if (!in->cleared) {
        in->cleared = true;
        (void)engine_chatter_change(e, in);
        engine_instance_touch(e, in);
    }
    return true;
}

void engine_clear(struct engine *e, struct instance *in) {
    const struct rule *r = in->rule->rule;

    if (!in->docket || noted(e, in))
        return;
    engine_instance_touch(e, in);
    if (r->keep_firing_for <= 0)
        end(e, in, true);
    else if (in->due[DUE_KEEP] == TIME_NONE)
        in->due[DUE_KEEP] = e->now.mono + r->keep_firing_for;
}

/* resolve_after: no match for so long. That is an end by itself, with nothing to wait for. */
static void quiet(struct engine *e, struct instance *in) {
    in->due[DUE_KEEP] = TIME_NONE;
    if (in->docket && !noted(e, in))
        end(e, in, false);
}

/* -- moments ---------------------------------------------------------------------------------------------------------------------- */
bool engine_eval_kept(struct engine_eval *x, struct engine *e, struct instance *in, struct event *ev) {
    if (!engine_kept(&e->scratch, &in->last, ev))
        return false;
    engine_eval_init(x, e, ev, engine_device_get(e, ev->device, true), false);
    return x->device != NULL;
}

static void for_due(struct engine *e, struct instance *in) {
    struct engine_eval x;
    struct event ev;
    int64_t since = in->since;
    uint64_t count = in->matches;

    engine_set_pending(in, TIME_NONE);
    in->matches = 0;
    if (engine_eval_kept(&x, e, in, &ev))
        engine_raise(&x, in, since, count);
}

void engine_instance_due(struct engine *e, struct instance *in, enum due what) {
    engine_instance_touch(e, in);
    switch (what) {
    case DUE_FOR: for_due(e, in); break;
    case DUE_WINDOW:
        if (in->rule->rule->pattern == RULE_TOGETHER)
            engine_together_due(e, in);
        else
            engine_window_due(e, in);
        break;
    case DUE_STEP: engine_sequence_due(e, in); break;
    case DUE_CHATTER: engine_chatter_due(e, in); break;
    case DUE_CLEAR: engine_clear(e, in); break;
    case DUE_KEEP:
        if (in->docket)
            end(e, in, true);
        break;
    case DUE_QUIET: quiet(e, in); break;
    case DUE_HOLD:
        if (in->docket && engine_may_publish(in->docket))
            engine_publish(e, in->docket);
        break;
    case DUE_ESCALATE: engine_escalate_due(e, in); break;
    case DUE_REVISE:
        if (in->docket)
            engine_revise(e, in->docket, CHANGE_UPDATED);
        break;
    case DUES: break;
    }
    engine_instance_settle(e, in);
}
