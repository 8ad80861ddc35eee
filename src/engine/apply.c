/* SPDX-License-Identifier: Apache-2.0
 * Commands at work: the people's side of an incident. What is allowed when is lifecycle.c's table. */
#include "engine_int.h"

#include <stdio.h>
#include <string.h>

static void answer(struct engine *e, const struct command *cmd, const struct err *failed, uint32_t revision) {
    struct effect_answer a = {.at = e->now.wall};
    struct buf *b = &e->text;

    buf_clear(b);
    struct jw w = jw_start(b);
    jw_open(&w, NULL, '{');
    jw_str(&w, "id", cmd->id ? cmd->id : "");
    jw_bool(&w, "ok", failed == NULL);
    if (failed)
        jw_str(&w, "error", failed->text);
    if (revision > 0)
        jw_int(&w, "revision", revision);
    jw_close(&w, '}');
    a.command = arena_strdup(&e->fx->arena, cmd->id ? cmd->id : "");
    a.who = arena_strdup(&e->fx->arena, cmd->who ? cmd->who : "");
    a.incident = arena_strdup(&e->fx->arena, cmd->incident ? cmd->incident : "");
    a.body = b->failed ? NULL : arena_strndup(&e->fx->arena, b->data, b->len);
    a.len = b->len;
    if (!a.command || !a.who || !a.incident || !a.body)
        e->oom = true;
    else
        effects_answer(e->fx, &a);
}

static int refuse(struct err *err, const struct incident *inc, enum action action) {
    char possible[160] = "";
    size_t len = 0;

    for (int a = ACTION_ACKNOWLEDGE; a <= ACTION_EVALUATE; a++) {
        struct lifecycle_move m;
        if (engine_lifecycle((enum move)a, inc->condition, inc->handling, &m) && len < sizeof(possible))
            len += (size_t)snprintf(possible + len, sizeof(possible) - len, "%s%s", len ? ", " : "", action_name((enum action)a));
    }
    return err_set(err, GF_ESTATE, "%s is not possible: incident %s is %s and %s; possible: %s", action_name(action), inc->number,
                   condition_name(inc->condition), handling_name(inc->handling), possible);
}

static void take_parts(struct engine *e, struct incident *inc, const struct command *cmd) {
    if (cmd->disposition)
        inc->disposition = (enum disposition)cmd->disposition;
    if (cmd->rating)
        inc->rating = cmd->rating;
    if (cmd->ticket && *cmd->ticket && !engine_incident_text(&inc->ticket, cmd->ticket))
        e->oom = true;
}

/* Who, in our words, and in brackets in the sender's. */
static const char *who_says(struct engine *e, const struct command *cmd) {
    const char *who = cmd->who ? cmd->who : "";

    if (!cmd->by || !*cmd->by)
        return who;
    who = arena_printf(&e->scratch, "%.80s (%.100s)", who, cmd->by);
    return who ? who : "";
}

static void reopened(struct engine *e, struct docket *d) {
    d->inc->closed = d->inc->acknowledged = TIME_NONE;
    for (size_t i = 0; i < ENGINE_RECENT; i++) {
        if (e->recent[i] != d)
            continue;
        e->recent[i] = NULL;
        if (map_puts(&e->dockets, d->inc->id, d) < 0)
            e->oom = true;
    }
}

/* What changes on the people's side alone. */
static void apply_handling(struct engine *e, struct docket *d, const struct lifecycle_move *m, const struct command *cmd) {
    struct incident *inc = d->inc;

    inc->handling = m->to_handling;
    inc->condition = m->to_condition;
    if (inc->handling == HANDLING_CLOSED && inc->closed == TIME_NONE)
        inc->closed = e->now.wall;
    if (cmd->action == ACTION_REOPEN)
        reopened(e, d);
    if (engine_history_add(inc, e->now.wall, who_says(e, cmd), action_name(cmd->action), cmd->note) < 0)
        e->oom = true;
    engine_revise(e, d, m->sends);
    if (cmd->action == ACTION_CLOSE)
        engine_docket_over(e, d);
}

static int apply(struct engine *e, struct docket *d, const struct command *cmd, struct err *err) {
    struct incident *inc = d->inc;
    struct instance *in = d->instance;
    struct lifecycle_move m;

    if (!engine_lifecycle((enum move)cmd->action, inc->condition, inc->handling, &m))
        return refuse(err, inc, cmd->action);
    if (cmd->action == ACTION_REOPEN && map_count(&e->dockets) >= ENGINE_MAX_OPEN)
        return err_set(err, GF_EFULL, "there are %d incidents that are not over already", ENGINE_MAX_OPEN);
    take_parts(e, inc, cmd);
    if (inc->acknowledged == TIME_NONE && m.to_handling != HANDLING_NEW)
        inc->acknowledged = e->now.wall;
    if (!inc->published) /* not told, and yet changed: a revision of its own */
        inc->revision++;
    if (in && m.to_condition == CONDITION_RESOLVED) {
        engine_instance_forget(e, in); /* a person's end begins everything anew */
        engine_end(e, in, &m, who_says(e, cmd), action_name(cmd->action), cmd->note);
        engine_instance_settle(e, in);
    } else {
        apply_handling(e, d, &m, cmd);
    }
    return 0;
}

int engine_command(struct engine *e, const struct command *cmd, struct engine_time now, struct effects *fx, struct err *err,
                   uint32_t *ret_revision) {
    struct err own = {0};
    int rc;

    if (!e->started)
        return err_set(err, GF_ESTATE, "the engine has not started");
    err = err ? err : &own;
    engine_enter(e, &now, fx);
    arena_reset(&e->scratch);
    struct docket *d = cmd->incident ? engine_docket_find(e, cmd->incident) : NULL;
    *ret_revision = 0;
    if (!d)
        rc = err_set(err, GF_ENOTFOUND, "no incident \"%.60s\" is open or was closed lately", cmd->incident ? cmd->incident : "");
    else
        rc = apply(e, d, cmd, err);
    if (d)
        *ret_revision = d->inc->revision;
    answer(e, cmd, rc < 0 ? err : NULL, *ret_revision);
    engine_feed_run(e);
    if (engine_finish(e) < 0 && rc == 0)
        rc = err_set(err, GF_ENOMEM, "out of memory");
    return rc;
}
