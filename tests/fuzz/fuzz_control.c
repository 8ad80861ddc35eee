/* SPDX-License-Identifier: Apache-2.0
 * The control socket of the running daemon. The first byte says how the rest is cut into pieces on its way; the rest is what a client sends. Every line of the answers is a JSON object, every request has
 * exactly one end, and afterwards the daemon still answers. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct dfx fx;
static uint64_t fresh; /* commits of a daemon that has just been filled; after some more it gives way to another */

static void must(bool fine, const char *what) {
    if (fine)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void stop(void) { dfx_done(&fx); }

/* A daemon with something of everything: devices, events, an open incident, a message that no source understands. */
static void begin(void) {
    static const char lamp[] = "{\"w\":0.25,\"m\":\"a\"}", door[] = "{\"open\":true,\"who\":\"x\"}";
    struct err err = {0};
    if (fx.d && fx.d->commits < fresh + 20)
        return;
    if (fx.dir[0])
        dfx_done(&fx);
    else
        (void)atexit(stop);
    dfx_init(&fx, NULL);
    must(dfx_start(&fx, &err) == 0, err.text);
    still_up(dfx_broker(&fx), true, false);
    still_up(dfx_city(&fx), true, false);
    must(dfx_device(&fx, "lamp/lamp-1", lamp, sizeof lamp - 1) && dfx_device(&fx, "door/door-1", door, sizeof door - 1) &&
             dfx_device(&fx, "door/door-1", lamp, sizeof lamp - 1) && dfx_device(&fx, "odd", lamp, sizeof lamp - 1),
         "not acknowledged");
    dfx_turn(&fx, 3);
    fresh = fx.d->commits;
}

static bool tailing(void) {
    for (size_t i = 0; i < DAEMON_MAX_TAILS; i++)
        if (fx.d->tails[i].client)
            return true;
    return false;
}

/* What has come, until nothing comes any more; false: the daemon has closed. */
static bool take(int fd, struct buf *got) {
    static char part[65536];
    for (int idle = 0; idle < 3; idle++) {
        dfx_turn(&fx, 1);
        ssize_t n;
        while ((n = recv(fd, part, sizeof part, 0)) > 0) {
            buf_put(got, part, (size_t)n);
            idle = 0;
        }
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
    }
    return true;
}

/* Ends in the answers; every line must be an object. */
static size_t check_lines(const struct buf *got) {
    struct arena a;
    size_t ends = 0;
    arena_init(&a, 65536, 64 << 20);
    for (size_t at = 0; at < got->len;) {
        const char *end = memchr(got->data + at, '\n', got->len - at);
        const cJSON *line;
        must(end != NULL, "half a line");
        size_t len = (size_t)(end - got->data) - at;
        must(json_parse(&a, got->data + at, len, NULL, &line) == 0 && cJSON_IsObject(line), "a line that is no JSON object");
        ends += json_get(line, "end") != NULL && json_int(line, "code", -1) >= 0;
        at += len + 1;
        arena_reset(&a);
    }
    arena_done(&a);
    return ends;
}

static size_t requests_in(const uint8_t *data, size_t size) {
    size_t n = 0, len = 0;
    for (size_t i = 0; i < size; i++) {
        n += data[i] == '\n' && len > 0;
        len = data[i] == '\n' ? 0 : len + 1;
    }
    return n;
}

/* Something to tail: an event, and an incident that goes on or begins. */
static void happen(void) {
    static const char *const doors[] = {"{\"open\":true,\"who\":\"x\"}", "{\"open\":false}"};
    static unsigned turn;
    const char *door = doors[turn++ % 2];
    must(dfx_device(&fx, "door/door-1", door, strlen(door)), "not acknowledged");
    dfx_later(&fx, 1000);
}

static bool talk(const uint8_t *data, size_t size, unsigned cut, struct buf *got) {
    int fd = dfx_connect(&fx);
    bool open = take(fd, got);
    for (size_t at = 0; open && at < size;) {
        cut = cut * 1103515245U + 12345U;
        size_t n = (cut & 0x40000) ? 1 + (cut >> 20) % 9 : 1 + (cut >> 20) % 8192;
        ssize_t sent = send(fd, data + at, n < size - at ? n : size - at, MSG_NOSIGNAL);
        must(sent > 0 || errno == EAGAIN || errno == EPIPE, "send");
        at += sent > 0 ? (size_t)sent : 0;
        open = take(fd, got) && (sent > 0 || errno == EAGAIN);
    }
    bool streaming = tailing();
    if (open && streaming) {
        happen();
        open = take(fd, got);
    }
    (void)close(fd);
    dfx_turn(&fx, 3);
    must(!tailing(), "a tail without its client");
    return open && !streaming;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    log_open(LOG_LEVEL_ERROR);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char status[] = "{\"do\":\"status\"}\n";
    struct buf got;
    if (size < 1)
        return 0;
    begin();
    buf_init(&got, 64 << 20);
    bool whole = talk(data + 1, size - 1, data[0], &got);
    size_t ends = check_lines(&got), asked = requests_in(data + 1, size - 1);
    must(!whole || ends == asked, "not one end for each request");
    buf_clear(&got);
    must(talk((const uint8_t *)status, sizeof status - 1, 0, &got) && check_lines(&got) == 1, "the daemon does not answer any more");
    buf_done(&got);
    return 0;
}
