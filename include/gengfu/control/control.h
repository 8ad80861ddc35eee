/* SPDX-License-Identifier: Apache-2.0
 * Control: the Unix socket between the daemon and the shell. Requests and replies are JSON, one object a line:
 *
 *   -> {"do": "incidents", "open": true}
 *   <- {…} … one line per item …
 *   <- {"end": true, "code": 0}            code: the exit code of the command; "error": sentence when it is not 0
 *
 * A stream (tail) goes on until the client closes. Ceilings: CONTROL_MAX_REQUEST bytes a request, CONTROL_RATE requests a second and connection, CONTROL_MAX_CLIENTS at once,
 * CONTROL_MAX_BACKLOG bytes unread by a client and CONTROL_MAX_UNREAD by all of them (then it is cut off and told so), CONTROL_PATIENCE without a whole request, or without reading what was
 * sent. The socket is for root, the daemon's own user and one group; the peer's uid comes from SO_PEERCRED. */
#ifndef GENGFU_CONTROL_CONTROL_H
#define GENGFU_CONTROL_CONTROL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

#define CONTROL_MAX_REQUEST 65536
#define CONTROL_MAX_CLIENTS 16
#define CONTROL_MAX_BACKLOG (8 << 20)
#define CONTROL_MAX_UNREAD (16 << 20)
#define CONTROL_RATE 50        /* requests a second, and twice as many at once */
#define CONTROL_PATIENCE 30000 /* ms */
#define CONTROL_WHO_MAX 64     /* bytes of control_who, with the NUL */

struct control;
struct control_client;
struct control_ops {
    /* Answers with control_line any number of times, then control_end, at once or later. */
    void (*request)(void *ctx, struct control_client *c, const cJSON *request);
    void (*gone)(void *ctx, struct control_client *c); /* a client that had not been ended went away */
    void (*closed)(void *ctx);
};
/* A socket file left by a daemon that died is replaced; one that answers is GF_ESTATE, and what is no socket is not touched. Mode 0660 for `group`; without one (NULL), or when it cannot be
 * given to it (which is logged), 0600. */
GF_WARN_UNUSED int control_new(uv_loop_t *loop, const char *path, const char *group, const struct control_ops *ops, void *ctx,
                               struct err *err, struct control **ret);
void control_stop(struct control *c);
void control_free(struct control *c);
uid_t control_uid(const struct control_client *c);
/* "uid:1000 (li)": for the audit trail. The name comes from /etc/passwd and nowhere else: a directory service must not hold up the loop. */
void control_who(const struct control_client *c, char out[CONTROL_WHO_MAX]);
void control_patience(struct control *c, uint64_t ms);                     /* in place of CONTROL_PATIENCE */
bool control_line(struct control_client *c, const char *json, size_t len); /* without the line end. False: the client takes no more */
void control_end(struct control_client *c, int code, const char *error);   /* error may be NULL */

#define CONTROL_WAIT 30000 /* ms */
/* The other side, blocking, for the shell. Each line goes to `fn` until it returns non-zero. wait: ms without a sign of the daemon until it is given up; 0: for ever, as a stream wants it.
 * Returns the end's code, or <0: GF_EUNAVAIL (no daemon there, or it hangs), GF_EDENIED, GF_EIO. */
typedef int (*control_line_fn)(void *ctx, const cJSON *line);
GF_WARN_UNUSED int control_call(const char *path, const cJSON *request, int wait, control_line_fn fn, void *ctx, struct err *err);

#endif
