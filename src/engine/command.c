/* SPDX-License-Identifier: Apache-2.0
 * Commands: reading one (command_read). What it does to an incident is in apply.c. */
#include "gengfu/engine/command.h"

#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/engine/incident.h"

#define COMMAND_MAX_TEXT 200
#define COMMAND_MAX_NOTE 4000

/* A member that must be text of at most max bytes when it is there. */
static int text_member(const cJSON *json, const char *name, size_t max, struct err *err, const char **ret) {
    const cJSON *item = json_get(json, name);

    if (!item || cJSON_IsNull(item))
        return 0;
    if (!cJSON_IsString(item))
        return err_set(err, GF_EINVAL, "\"%s\" must be text", name);
    if (strlen(item->valuestring) > max)
        return err_set(err, GF_ELIMIT, "\"%s\" is longer than %zu bytes", name, max);
    *ret = item->valuestring;
    return 0;
}

static int read_action(const char *text, struct err *err, enum action *ret) {
    const char *names[ACTION_EVALUATE];

    for (int a = ACTION_ACKNOWLEDGE; a <= ACTION_EVALUATE; a++) {
        if (strcmp(action_name((enum action)a), text) == 0) {
            *ret = (enum action)a;
            return 0;
        }
        names[a - 1] = action_name((enum action)a);
    }
    const char *near = text_nearest(text, names, ACTION_EVALUATE);
    return err_set(err, GF_EINVAL, "no action \"%.40s\"%s%s%s (acknowledge, dispatch, handle, resolve, close, reopen, note, evaluate)",
                   text, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int read_disposition(const char *text, struct err *err, int *ret) {
    for (int d = DISPOSITION_REAL; d <= DISPOSITION_TEST; d++) {
        if (strcmp(disposition_name((enum disposition)d), text) == 0) {
            *ret = d;
            return 0;
        }
    }
    return err_set(err, GF_EINVAL, "no disposition \"%.40s\" (real, false_alarm, ignored, test)", text);
}

int command_read(const cJSON *json, struct err *err, struct command *ret) {
    struct command c = {.id = ""};
    const char *action = NULL, *disposition = NULL;
    int rc;

    if (!cJSON_IsObject(json))
        return err_set(err, GF_EINVAL, "a command is an object: {\"id\", \"incident\", \"action\", …}");
    if ((rc = text_member(json, "id", COMMAND_MAX_TEXT, err, &c.id)) < 0 ||
        (rc = text_member(json, "incident", COMMAND_MAX_TEXT, err, &c.incident)) < 0 ||
        (rc = text_member(json, "action", COMMAND_MAX_TEXT, err, &action)) < 0 ||
        (rc = text_member(json, "by", COMMAND_MAX_TEXT, err, &c.by)) < 0 ||
        (rc = text_member(json, "ticket", COMMAND_MAX_TEXT, err, &c.ticket)) < 0 ||
        (rc = text_member(json, "note", COMMAND_MAX_NOTE, err, &c.note)) < 0 ||
        (rc = text_member(json, "disposition", COMMAND_MAX_TEXT, err, &disposition)) < 0)
        return rc;
    if (!c.incident || !*c.incident)
        return err_set(err, GF_EINVAL, "\"incident\" is missing: the incident's id or number");
    if (!action || !*action)
        return err_set(err, GF_EINVAL, "\"action\" is missing (acknowledge, dispatch, handle, resolve, close, reopen, note, evaluate)");
    if ((rc = read_action(action, err, &c.action)) < 0)
        return rc;
    if (disposition && *disposition && (rc = read_disposition(disposition, err, &c.disposition)) < 0)
        return rc;
    const cJSON *rating = json_get(json, "rating");
    if (rating && !cJSON_IsNull(rating)) {
        if (!cJSON_IsNumber(rating) || !(rating->valuedouble >= 1 && rating->valuedouble <= 5) ||
            rating->valuedouble != (int)rating->valuedouble)
            return err_set(err, GF_EINVAL, "\"rating\" must be a whole number from 1 to 5");
        c.rating = (int)rating->valuedouble;
    }
    if (c.action == ACTION_EVALUATE && !c.rating && !c.disposition && !(c.note && *c.note))
        return err_set(err, GF_EINVAL, "evaluate needs a \"rating\" (1 to 5), a \"disposition\" or a \"note\"");
    if (c.action == ACTION_NOTE && !(c.note && *c.note))
        return err_set(err, GF_EINVAL, "\"note\" is missing or empty");
    *ret = c;
    return 0;
}
