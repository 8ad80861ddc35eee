/* SPDX-License-Identifier: Apache-2.0
 * Control: the Unix socket between the daemon and the shell. Requests and replies are JSON, one object a line:
 *
 *   -> {"do": "incidents", "open": true}
 *   <- {…} … one line per item …
 *   <- {"end": true, "code": 0}            code: the exit code of the command; "error": sentence when it is not 0
 *
 * A stream (tail) goes on until the client closes. Ceilings: CONTROL_MAX_REQUEST bytes a request, CONTROL_MAX_CLIENTS at once, CONTROL_MAX_BACKLOG bytes unread by a client (then it
 * is cut off and told so). The peer's uid comes from SO_PEERCRED. */
#ifndef GENGFU_CONTROL_CONTROL_H
#define GENGFU_CONTROL_CONTROL_H

#include <cjson/cJSON.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

#define CONTROL_MAX_REQUEST 65536
#define CONTROL_MAX_CLIENTS 16
#define CONTROL_MAX_BACKLOG (8 << 20)

struct control;
struct control_client;
struct control_ops {
    /* Answers with control_line any number of times, then control_end, at once or later. */
    void (*request)(void *ctx, struct control_client *c, const cJSON *request);
    void (*gone)(void *ctx, struct control_client *c); /* a client that had not been ended went away */
    void (*closed)(void *ctx);
};
/* A socket file left by a daemon that died is replaced; one that answers is GF_ESTATE. group may be NULL; mode 0660. */
GF_WARN_UNUSED int control_new(uv_loop_t *loop, const char *path, const char *group, const struct control_ops *ops, void *ctx,
                               struct err *err, struct control **ret);
void control_stop(struct control *c);
void control_free(struct control *c);
uid_t control_uid(const struct control_client *c);
void control_line(struct control_client *c, const char *json, size_t len); /* without the line end */
void control_end(struct control_client *c, int code, const char *error);   /* error may be NULL */

/* The other side, blocking, for the shell. Each line goes to `fn` until it returns non-zero. Returns the end's code, or <0: GF_EUNAVAIL (no daemon there), GF_EDENIED, GF_EIO. */
typedef int (*control_line_fn)(void *ctx, const cJSON *line);
GF_WARN_UNUSED int control_call(const char *path, const cJSON *request, control_line_fn fn, void *ctx, struct err *err);

#endif
