/* SPDX-License-Identifier: Apache-2.0
 * Commands: what people do to an incident, from a platform or the shell.
 *   {"id": "…", "incident": "…", "action": "acknowledge", "by": "…", "at": "…", "ticket": "…", "disposition": "false_alarm", "rating": 4, "note": "…"} */
#ifndef GENGFU_ENGINE_COMMAND_H
#define GENGFU_ENGINE_COMMAND_H

#include <cjson/cJSON.h>

#include "gengfu/base/arena.h"
#include "gengfu/base/err.h"

enum action {
    ACTION_ACKNOWLEDGE = 1,
    ACTION_DISPATCH,
    ACTION_HANDLE,
    ACTION_RESOLVE,
    ACTION_CLOSE,
    ACTION_REOPEN,
    ACTION_NOTE,
    ACTION_EVALUATE
};
const char *action_name(enum action a);

struct command {
    const char *id;       /* of the command; "" for the shell */
    const char *incident; /* ULID or number */
    enum action action;
    const char *by;            /* who, in the sender's words; may be NULL */
    const char *who;           /* who, in ours: "platform:city", "uid:1000" */
    const char *ticket, *note; /* may be NULL */
    int disposition;           /* enum disposition */
    int rating;
};
/* Checks and reads a command's JSON; strings are borrowed from it. err says what is wrong and what would be right. */
GF_WARN_UNUSED int command_read(const cJSON *json, struct err *err, struct command *ret);

#endif
