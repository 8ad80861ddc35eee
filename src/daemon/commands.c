/* SPDX-License-Identifier: Apache-2.0
 * Commands, from a platform or the shell: who may, then the engine, then one transaction with the answer and an entry of the audit trail. A platform sees and commands only what it is sent; what it is not
 * sent does not exist for it. Applied once by the command's id; ids of two senders have nothing to do with each other. */
#include <stdio.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/rules/route.h"

static void refuse(struct buf *answer, const char *id, const char *why) {
    struct jw w = jw_start(answer);

    jw_open(&w, NULL, '{');
    jw_str(&w, "id", id);
    jw_bool(&w, "ok", false);
    jw_str(&w, "error", why);
    jw_close(&w, '}');
}

/* An incident that is over leaves the engine after a while, or with a restart; a command may still evaluate or reopen it. */
static void recall(struct daemon *d, const char *incident) {
    struct err err = {0};
    const char *body;
    size_t len;

    if (engine_incident(d->engine, incident) == NULL && store_incident(d->store, incident, &d->scratch, &body, &len, &err) == 0)
        gf_ignore(engine_restore_incident(d->engine, body, len, &err)); /* known already, or not over: the command's own answer says so */
}

/* What the incident is now, and which platforms are sent that; NULL when there is none. */
static const cJSON *look_up(struct daemon *d, const char *incident, uint32_t *ret_audience) {
    struct err err = {0};
    const char *body;
    const cJSON *doc;
    size_t len;

    int rc = store_incident(d->store, incident, &d->scratch, &body, &len, &err);

    daemon_store_met(d, rc, &err);
    if (rc < 0 || json_parse(&d->scratch, body, len, &err, &doc) < 0)
        return NULL;
    *ret_audience = !json_bool(doc, "published", true)
                        ? 0
                        : route_incident(d->conf_rules->config, ruleset_rule(d->conf_rules, json_str(doc, "rule", "")),
                                         engine_reach(d->engine, json_str(doc, "id", "")), body, len, &d->scratch);
    return doc;
}

uint32_t pipeline_audience(struct daemon *d, const char *incident) {
    uint32_t audience = 0;

    arena_reset(&d->scratch);
    recall(d, incident); /* the engine knows whom its rule forwards it to */
    gf_ignore(look_up(d, incident, &audience) != NULL);
    return audience;
}

/* Whether the incident, as it is now, is sent to the platform. A platform gives the whole id or number: the beginning of one would let it feel its way. */
static bool is_sent_to(struct daemon *d, const char *incident, const char *platform) {
    const struct config *conf = d->conf_rules->config;
    uint32_t sent = 0;
    const cJSON *doc = look_up(d, incident, &sent);

    if (doc == NULL || (strcmp(json_str(doc, "id", ""), incident) != 0 && strcmp(json_str(doc, "number", ""), incident) != 0))
        return false;
    for (size_t i = 0; i < conf->nplatforms; i++)
        if (strcmp(conf->platforms[i].name, platform) == 0)
            return (sent & (UINT32_C(1) << i)) != 0;
    return false;
}

static int may(struct daemon *d, const struct commander *by, const struct command *cmd, struct err *err) {
    if (by->platform == NULL) /* the shell: whoever may use the socket may do everything */
        return 0;
    if ((by->actions & (1u << (cmd->action - ACTION_ACKNOWLEDGE))) == 0)
        return err_set(err, GF_EDENIED, "this platform may not %s incidents (its 'commands' in the gateway's configuration)",
                       action_name(cmd->action));
    if (!is_sent_to(d, cmd->incident, by->platform))
        return err_set(err, GF_ENOTFOUND, "no incident \"%.60s\" is open or was closed lately", cmd->incident);
    return 0;
}

void pipeline_command(struct daemon *d, const cJSON *json, const struct commander *by, struct buf *answer) {
    const char *id = json_str(json, "id", "");
    struct command cmd;
    struct err err = {0};
    uint32_t revision = 0;
    const char *before;
    char detail[700], head[STORE_AUDIT_HEAD];

    arena_reset(&d->scratch);
    int known = store_answer(d->store, id, by->who, &d->scratch, &before, &err);
    if (known > 0) {
        buf_puts(answer, before); /* applied already: the same answer again */
        return;
    }
    daemon_store_met(d, known, &err);
    if (known < 0) {
        log_error("%s: whether command %.60s came before cannot be read: %s", by->who, id, err.text);
        refuse(answer, id, "the gateway cannot read its store at the moment; send the command again later");
        return;
    }
    if (d->stuck) {
        refuse(answer, id, "the gateway cannot write its store at the moment; send the command again later");
        return;
    }
    if (command_read(json, &err, &cmd) < 0) {
        refuse(answer, id, err.text);
        return;
    }
    if (by->platform != NULL && id[0] == '\0') {
        refuse(answer, id, "\"id\" is missing: by it a command that comes twice is applied once");
        return;
    }
    cmd.who = by->who;
    recall(d, cmd.incident);
    if (may(d, by, &cmd, &err) < 0) {
        log_warn("%s: %s of %.60s is refused: %s", by->who, action_name(cmd.action), cmd.incident, err.text);
        refuse(answer, id, err.text);
        return;
    }
    struct engine_time now = daemon_now(d);
    int rc = engine_command(d->engine, &cmd, now, &d->fx, &err, &revision);

    if (rc < 0)
        (void)snprintf(detail, sizeof(detail), "%.200s: refused: %.400s", cmd.incident, err.text);
    else
        (void)snprintf(detail, sizeof(detail), "%.200s: revision %u%s%.100s", cmd.incident, revision, id[0] != '\0' ? ", command " : "",
                       id);
    trail_with_batch(d, by->who, action_name(cmd.action), detail);
    if (pipeline_commit(d) < 0) {
        refuse(answer, id, "the gateway could not write its store; send the command again later");
        return;
    }
    pipeline_schedule(d);
    struct jw w = jw_start(answer);

    jw_open(&w, NULL, '{');
    jw_str(&w, "id", id);
    jw_bool(&w, "ok", rc == 0);
    if (rc < 0)
        jw_str(&w, "error", err.text);
    if (revision > 0)
        jw_int(&w, "revision", revision);
    store_audit_head(d->store, head);
    jw_str(&w, "audit", head);
    jw_close(&w, '}');
}
