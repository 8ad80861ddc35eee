/* SPDX-License-Identifier: Apache-2.0
 * The shell's side of the control socket: one blocking call. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "gengfu/base/json.h"
#include "gengfu/control/control.h"

#define LINE_MAX_BYTES (32 << 20)

static int hangs(struct err *err) {
    return err_set(err, GF_EUNAVAIL, "the daemon does not answer: it hangs, or is very busy (systemctl status gengfu)");
}

static int connect_to(const char *path, int wait, struct err *err, int *ret_fd) {
    struct timeval limit = {.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int fd;

    if (n >= sizeof(addr.sun_path))
        return err_set(err, GF_ELIMIT, "%s: a socket's path may have at most %zu bytes", path, sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, n + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, GF_EIO, errno, "socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* of connect, too */
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        int e = errno;
        (void)close(fd);
        if (e == EAGAIN)
            return hangs(err);
        if (e == EACCES)
            return err_set(err, GF_EDENIED, "%s: not allowed; the socket is for root and the group gengfu (sudo adduser $USER gengfu)",
                           path);
        return err_sys(err, GF_EUNAVAIL, e, "%s: no daemon answers there (systemctl status gengfu)", path);
    }
    *ret_fd = fd;
    return 0;
}

static int send_all(int fd, const char *data, size_t len, struct err *err) {
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? hangs(err) : err_sys(err, GF_EIO, errno, "sending the request");
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* 1: the end line came, *ret_code and err are set. 0: go on. <0 or what fn returned: stop. */
static int take_line(const char *line, size_t len, control_line_fn fn, void *ctx, struct err *err, int *ret_code) {
    struct arena a;
    const cJSON *doc;
    int rc;

    arena_init(&a, 64 << 10, 64 << 20);
    rc = json_parse(&a, line, len, err, &doc);
    if (rc < 0) {
        (void)err_prefix(err, "the daemon's answer");
    } else if (json_bool(doc, "end", false)) {
        *ret_code = (int)json_int(doc, "code", 0);
        if (*ret_code != 0)
            (void)err_set(err, GF_ESTATE, "%s", json_str(doc, "error", "refused"));
        rc = 1;
    } else if (fn != NULL) {
        rc = fn(ctx, doc) != 0 ? 2 : 0;
    }
    arena_done(&a);
    return rc;
}

static int receive(int fd, control_line_fn fn, void *ctx, struct err *err) {
    struct buf in;
    char chunk[16384];
    int rc = 0, code = 0;

    buf_init(&in, LINE_MAX_BYTES);
    while (rc == 0) {
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        size_t done = 0;
        const char *end;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            rc = hangs(err);
            break;
        }
        if (n <= 0) {
            rc = err_set(err, GF_EIO, "the daemon closed the connection before its answer was complete");
            break;
        }
        buf_put(&in, chunk, (size_t)n);
        if (in.failed) {
            rc = err_set(err, GF_ELIMIT, "a line of the daemon's answer is too long");
            break;
        }
        while (rc == 0 && (end = memchr(in.data + done, '\n', in.len - done)) != NULL) {
            rc = take_line(in.data + done, (size_t)(end - in.data) - done, fn, ctx, err, &code);
            done = (size_t)(end - in.data) + 1;
        }
        memmove(in.data, in.data + done, in.len - done + 1);
        in.len -= done;
    }
    buf_done(&in);
    return rc < 0 ? rc : code;
}

int control_call(const char *path, const cJSON *request, int wait, control_line_fn fn, void *ctx, struct err *err) {
    struct buf b;
    int fd = -1;
    int rc = connect_to(path, wait, err, &fd);

    if (rc < 0)
        return rc;
    buf_init(&b, CONTROL_MAX_REQUEST);
    json_write(&b, request);
    buf_putc(&b, '\n');
    rc = b.failed ? err_set(err, GF_ELIMIT, "the request is too long") : send_all(fd, b.data, b.len, err);
    buf_done(&b);
    if (rc == 0)
        rc = receive(fd, fn, ctx, err);
    (void)close(fd);
    return rc;
}
