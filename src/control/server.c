/* SPDX-License-Identifier: Apache-2.0
 * The control socket's server: a Unix stream socket on the loop, a line a request. See control.h for the protocol and its ceilings. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/control/control.h"

#define READ_CHUNK 4096

struct control_client {
    uv_pipe_t pipe; /* first */
    struct control *control;
    struct control_client *next;
    struct buf in; /* what has come of a request */
    size_t unread; /* bytes written and not yet taken by the peer */
    uid_t uid;
    uint64_t since; /* uv_now: connected, or the latest answer; while something is unread: when it last read */
    double tokens;  /* requests that it may make now */
    uint64_t tokens_at;
    bool busy; /* a request is being answered */
    bool cut;  /* too slow: everything further is dropped */
    bool closing;
    char chunk[READ_CHUNK];
};

struct control {
    uv_pipe_t listener;
    uv_pipe_t refused; /* a connection for which there was no memory, being closed */
    bool refusing;     /* it is in use */
    bool waiting;      /* another one came meanwhile */
    const struct control_ops *ops;
    void *ctx;
    struct control_client *clients;
    size_t nclients;
    size_t unread;    /* of all clients */
    uv_timer_t sweep; /* runs while there are clients */
    uint64_t patience;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    bool stopping, listener_closed, sweep_closed;
};

struct write_job {
    uv_write_t req; /* first */
    size_t len;
    char data[];
};

static void maybe_closed(struct control *c) {
    if (c->stopping && c->listener_closed && c->sweep_closed && c->clients == NULL && !c->refusing)
        c->ops->closed(c->ctx);
}

static void on_client_closed(uv_handle_t *h) {
    struct control_client *cl = h->data;
    struct control *c = cl->control;

    for (struct control_client **p = &c->clients; *p != NULL; p = &(*p)->next) {
        if (*p == cl) {
            *p = cl->next;
            c->nclients--;
            break;
        }
    }
    buf_done(&cl->in);
    free(cl);
    if (c->clients == NULL && !c->stopping)
        (void)uv_timer_stop(&c->sweep);
    maybe_closed(c);
}

static void client_close(struct control_client *cl) {
    if (cl->closing)
        return;
    cl->closing = true;
    if (cl->busy)
        cl->control->ops->gone(cl->control->ctx, cl);
    uv_close((uv_handle_t *)&cl->pipe, on_client_closed);
}

static void on_written(uv_write_t *req, int status) {
    struct write_job *job = (struct write_job *)req;
    struct control_client *cl = req->handle->data;

    cl->unread -= job->len;
    cl->control->unread -= job->len;
    cl->since = uv_now(req->handle->loop);
    free(job);
    if (status < 0)
        client_close(cl);
    else if (cl->cut && cl->unread == 0)
        client_close(cl);
}

static void client_write(struct control_client *cl, const char *data, size_t len) {
    struct write_job *job;

    if (cl->closing || cl->cut)
        return;
    if (cl->unread + len > CONTROL_MAX_BACKLOG || cl->control->unread + len > CONTROL_MAX_UNREAD) {
        static const char told[] = "{\"end\":true,\"code\":3,\"error\":\"cut off: what was sent was not read fast enough\"}\n";
        cl->cut = true;
        data = told;
        len = sizeof(told) - 1;
    }
    job = malloc(sizeof(*job) + len + 1);
    if (job == NULL) {
        client_close(cl);
        return;
    }
    memcpy(job->data, data, len);
    job->len = len;
    uv_buf_t b = uv_buf_init(job->data, (unsigned)len);

    if (cl->unread == 0)
        cl->since = uv_now(cl->pipe.loop);
    cl->unread += len;
    cl->control->unread += len;
    if (uv_write(&job->req, (uv_stream_t *)&cl->pipe, &b, 1, on_written) < 0) {
        cl->unread -= len;
        cl->control->unread -= len;
        free(job);
        client_close(cl);
    }
}

/* -- who is slow ------------------------------------------------------------------------------------------------------------------- */

/* One that holds a place and says nothing, or does not read what it asked for, makes way for others. A tail that has read everything may stay for ever. */
static void on_sweep(uv_timer_t *t) {
    struct control *c = t->data;
    uint64_t now = uv_now(t->loop);

    for (struct control_client *cl = c->clients; cl != NULL; cl = cl->next)
        if ((!cl->busy || cl->unread > 0) && now - cl->since >= c->patience)
            client_close(cl);
}

static void sweep_start(struct control *c) {
    uint64_t every = c->patience / 4 > 0 ? c->patience / 4 : 1;

    (void)uv_timer_start(&c->sweep, on_sweep, every, every);
}

void control_patience(struct control *c, uint64_t ms) {
    c->patience = ms;
    if (uv_is_active((uv_handle_t *)&c->sweep))
        sweep_start(c);
}

static bool may_ask(struct control_client *cl) {
    uint64_t now = uv_now(cl->pipe.loop);

    cl->tokens += (double)(now - cl->tokens_at) * CONTROL_RATE / 1000.0;
    cl->tokens_at = now;
    if (cl->tokens > 2 * CONTROL_RATE)
        cl->tokens = 2 * CONTROL_RATE;
    if (cl->tokens < 1)
        return false;
    cl->tokens -= 1;
    return true;
}

/* -- who asks ---------------------------------------------------------------------------------------------------------------------- */

void control_who(const struct control_client *c, char out[CONTROL_WHO_MAX]) {
    struct passwd entry, *found = NULL;
    char text[1024];
    FILE *f = fopen("/etc/passwd", "re");

    (void)snprintf(out, CONTROL_WHO_MAX, "uid:%lu", (unsigned long)c->uid);
    while (f != NULL && fgetpwent_r(f, &entry, text, sizeof(text), &found) == 0)
        if (entry.pw_uid == c->uid) {
            (void)snprintf(out, CONTROL_WHO_MAX, "uid:%lu (%.32s)", (unsigned long)c->uid, entry.pw_name);
            break;
        }
    if (f != NULL)
        (void)fclose(f);
}

/* -- requests ---------------------------------------------------------------------------------------------------------------------- */

uid_t control_uid(const struct control_client *c) { return c->uid; }

bool control_line(struct control_client *c, const char *json, size_t len) {
    struct buf b;

    buf_init(&b, len + 2);
    buf_put(&b, json, len);
    buf_putc(&b, '\n');
    if (!b.failed)
        client_write(c, b.data, b.len);
    else
        client_close(c); /* better no end than a good one to half an answer */
    buf_done(&b);
    return !c->closing && !c->cut;
}

void control_end(struct control_client *c, int code, const char *error) {
    struct buf b;
    struct jw w;

    buf_init(&b, 8192);
    w = jw_start(&b);
    jw_open(&w, NULL, '{');
    jw_bool(&w, "end", true);
    jw_int(&w, "code", code);
    if (error != NULL)
        jw_str(&w, "error", error);
    jw_close(&w, '}');
    c->busy = false;
    c->since = uv_now(c->pipe.loop);
    if (b.failed)
        client_close(c);
    else
        (void)control_line(c, b.data, b.len);
    buf_done(&b);
}

static void take_line(struct control_client *cl, const char *line, size_t len) {
    struct arena a;
    struct err err = {0};
    const cJSON *req;

    if (!may_ask(cl)) {
        control_end(cl, 3, "too many requests on one connection; wait a moment");
        return;
    }
    arena_init(&a, 8192, 4 << 20);
    cl->busy = true;
    if (json_parse(&a, line, len, &err, &req) < 0)
        control_end(cl, 2, err.text);
    else if (!cJSON_IsObject(req))
        control_end(cl, 2, "a request is a JSON object on one line");
    else
        cl->control->ops->request(cl->control->ctx, cl, req);
    arena_done(&a);
}

static void take_lines(struct control_client *cl) {
    char *end;

    while (!cl->closing && !cl->busy && (end = memchr(cl->in.data, '\n', cl->in.len)) != NULL) {
        size_t n = (size_t)(end - cl->in.data);

        if (n > 0)
            take_line(cl, cl->in.data, n);
        size_t left = cl->in.len - n - 1;
        memmove(cl->in.data, end + 1, left + 1);
        cl->in.len = left;
    }
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b) {
    struct control_client *cl = h->data;

    (void)suggested;
    *b = uv_buf_init(cl->chunk, sizeof(cl->chunk));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct control_client *cl = s->data;

    if (n < 0) {
        client_close(cl);
        return;
    }
    if (cl->busy) /* one request at a time; what a streaming client says is not wanted */
        return;
    buf_put(&cl->in, b->base, (size_t)n);
    if (cl->in.failed) {
        control_end(cl, 2, "the request is too long");
        cl->cut = true;
        return;
    }
    take_lines(cl);
}

static void on_connection(uv_stream_t *s, int status);

static void on_refused(uv_handle_t *h) {
    struct control *c = h->data;

    c->refusing = false;
    if (c->waiting && !c->stopping) {
        c->waiting = false;
        on_connection((uv_stream_t *)&c->listener, 0);
    }
    maybe_closed(c);
}

/* libuv listens again only when a connection has been taken, so one that cannot be served is taken and closed. */
static void refuse(struct control *c) {
    if (c->refusing) {
        c->waiting = true;
        return;
    }
    (void)uv_pipe_init(c->listener.loop, &c->refused, 0);
    c->refused.data = c;
    c->refusing = true;
    (void)uv_accept((uv_stream_t *)&c->listener, (uv_stream_t *)&c->refused);
    uv_close((uv_handle_t *)&c->refused, on_refused);
}

static void on_connection(uv_stream_t *s, int status) {
    struct control *c = s->data;
    struct control_client *cl;
    struct ucred peer;
    socklen_t size = sizeof(peer);
    uv_os_fd_t fd;

    if (status < 0)
        return;
    if ((cl = calloc(1, sizeof(*cl))) == NULL) {
        refuse(c);
        return;
    }
    (void)uv_pipe_init(s->loop, &cl->pipe, 0);
    cl->pipe.data = cl;
    cl->control = c;
    cl->since = cl->tokens_at = uv_now(s->loop);
    cl->tokens = 2 * CONTROL_RATE;
    if (c->clients == NULL)
        sweep_start(c);
    cl->next = c->clients;
    c->clients = cl;
    c->nclients++;
    buf_init(&cl->in, CONTROL_MAX_REQUEST);
    if (uv_accept(s, (uv_stream_t *)&cl->pipe) < 0 || c->stopping || uv_fileno((uv_handle_t *)&cl->pipe, &fd) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        client_close(cl);
        return;
    }
    cl->uid = peer.uid;
    if (c->nclients > CONTROL_MAX_CLIENTS) {
        control_end(cl, 3, "too many clients are connected to the daemon");
        cl->cut = true;
        return;
    }
    if (uv_read_start((uv_stream_t *)&cl->pipe, on_alloc, on_read) < 0)
        client_close(cl);
}

/* True when somebody answers at the path. */
static bool answers(const struct sockaddr_un *addr) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return false;
    bool yes = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN; /* so many wait for it already */
    (void)close(fd);
    return yes;
}

/* Nobody but ourselves may connect before it is the group's. */
static int bind_closed(int fd, const struct sockaddr_un *addr) {
    mode_t before = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));
    int e = errno;

    (void)umask(before);
    errno = e;
    return rc;
}

/* Not being able to is no reason to leave the neighbourhood unwatched: the socket then is for the daemon's own user and root. */
static void give_to_group(const char *path, const char *group) {
    const struct group *g = group != NULL ? getgrnam(group) : NULL;
    struct stat st;

    if (group == NULL)
        return;
    /* chown(2) is not among the calls that the unit allows, and not needed there: the group is the daemon's own. */
    bool ours = g != NULL && stat(path, &st) == 0 && st.st_gid == g->gr_gid;

    if (g == NULL)
        log_warn("%s: there is no group '%s' (control.group): only root and the daemon's own user may use the socket", path, group);
    else if ((!ours && chown(path, (uid_t)-1, g->gr_gid) < 0) || chmod(path, 0660) < 0)
        log_warn("%s: cannot be given to the group '%s' (%s): only root and the daemon's own user may use the socket", path, group,
                 strerror(errno));
}

static int open_socket(const char *path, const char *group, struct err *err, int *ret_fd) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    size_t n = strlen(path);
    int fd;

    if (n >= sizeof(addr.sun_path))
        return err_set(err, GF_ELIMIT, "%s: a socket's path may have at most %zu bytes", path, sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, n + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, GF_EIO, errno, "socket");
    int rc = bind_closed(fd, &addr);

    if (rc < 0 && errno == EADDRINUSE) {
        if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
            (void)close(fd);
            return err_set(err, GF_EEXIST, "%s: is there already, and is no socket", path);
        }
        if (answers(&addr)) {
            (void)close(fd);
            return err_set(err, GF_ESTATE, "%s: another gengfu answers there", path);
        }
        (void)unlink(path); /* left behind by one that died */
        rc = bind_closed(fd, &addr);
    }
    if (rc < 0) {
        rc = err_sys(err, GF_EIO, errno, "%s: the socket could not be made (does the directory exist, and may gengfu write there?)", path);
        (void)close(fd);
        return rc;
    }
    give_to_group(path, group);
    *ret_fd = fd;
    return 0;
}

static void on_listener_closed(uv_handle_t *h) {
    struct control *c = h->data;

    c->listener_closed = true;
    maybe_closed(c);
}

static void on_sweep_closed(uv_handle_t *h) {
    struct control *c = h->data;

    c->sweep_closed = true;
    maybe_closed(c);
}

static void on_abandoned(uv_handle_t *h) { free(h->data); }

int control_new(uv_loop_t *loop, const char *path, const char *group, const struct control_ops *ops, void *ctx, struct err *err,
                struct control **ret) {
    struct control *c = calloc(1, sizeof(*c));
    int fd = -1;

    if (c == NULL)
        return err_set(err, GF_ENOMEM, "out of memory");
    int rc = open_socket(path, group, err, &fd);

    if (rc < 0) {
        free(c);
        return rc;
    }
    memcpy(c->path, path, strlen(path) + 1);
    c->ops = ops;
    c->ctx = ctx;
    (void)uv_pipe_init(loop, &c->listener, 0);
    c->listener.data = c;
    rc = uv_pipe_open(&c->listener, fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&c->listener, 16, on_connection);
    if (rc < 0) {
        uv_close((uv_handle_t *)&c->listener, on_abandoned);
        return err_set(err, GF_EIO, "%s: %s", path, uv_strerror(rc));
    }
    (void)uv_timer_init(loop, &c->sweep);
    c->sweep.data = c;
    c->patience = CONTROL_PATIENCE;
    *ret = c;
    return 0;
}

void control_stop(struct control *c) {
    if (c->stopping)
        return;
    c->stopping = true;
    (void)unlink(c->path);
    uv_close((uv_handle_t *)&c->listener, on_listener_closed);
    uv_close((uv_handle_t *)&c->sweep, on_sweep_closed);
    for (struct control_client *cl = c->clients; cl != NULL; cl = cl->next)
        client_close(cl);
}

void control_free(struct control *c) { free(c); }
