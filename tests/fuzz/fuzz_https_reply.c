/* SPDX-License-Identifier: Apache-2.0
 * What an HTTPS platform says, byte by byte, to the real sender over the real libcurl: replies to an incident, to a poll for commands and to answers, with their headers. In place of the network stands a pair of
 * sockets: connect() is ours. The input is cut at each 0xff into what one request after the other gets; an empty part closes the connection. Whatever comes, the row in the outbox ends as confirmed, waiting
 * or dead, no pause is longer than a day, and what is handed on as a command is an object. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gengfu/base/json.h"
#include "forward/https_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int socket(int domain, int type, int protocol) __attribute__((visibility("default")));
int connect(int fd, const struct sockaddr *addr, socklen_t len) __attribute__((visibility("default")));

#define ENDS_MAX 16
#define TURNS_MAX 400

static struct config conf = {.id = "gw",
                             .name = "g",
                             .nplatforms = 1,
                             .platforms = {{.name = "city",
                                            .type = PLATFORM_HTTPS,
                                            .commands = true,
                                            .url = "http://127.0.0.1:9/gengfu",
                                            .poll = 60000,
                                            .timeout = 5000,
                                            .in_flight = 2,
                                            .retry_min = 1000,
                                            .retry_max = 300000,
                                            .tls = {.verify = true}}}};
static uv_loop_t loop;
static struct store *store;
static char path[96];
static unsigned long incidents;
static size_t ncommands;
static bool closed;

static void must(bool fine, const char *what) {
    if (fine)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* -- the far ends -------------------------------------------------------------------------------------------------------------- */

static int ends[ENDS_MAX];
static size_t nends;
static const uint8_t *next, *stop_at; /* of the input: what was not sent yet */
static bool dry;                      /* nothing is left of it */

int socket(int domain, int type, int protocol) {
    int pair[2];
    (void)domain;
    (void)protocol;
    if (nends == ENDS_MAX || socketpair(AF_UNIX, SOCK_STREAM | (type & (SOCK_CLOEXEC | SOCK_NONBLOCK)), 0, pair) < 0) {
        errno = EMFILE;
        return -1;
    }
    must(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0, "fcntl");
    ends[nends++] = pair[1];
    return pair[0];
}

int connect(int fd, const struct sockaddr *addr, socklen_t len) {
    (void)fd;
    (void)addr;
    (void)len;
    return 0;
}

static void hang_up(size_t i) {
    (void)close(ends[i]);
    ends[i] = ends[--nends];
}

/* A request has come: it gets the next part of the input, in two pieces. True when anything was done. */
static bool serve(size_t i) {
    static char request[65536];
    ssize_t n = recv(ends[i], request, sizeof request, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        hang_up(i);
        return true;
    }
    if (n < 0)
        return false;
    const uint8_t *end = dry ? NULL : memchr(next, 0xff, (size_t)(stop_at - next));
    size_t len = dry ? 0 : (size_t)((end ? end : stop_at) - next), first = len / 3;
    if (len == 0) {
        dry = dry || !end;
        next = end ? end + 1 : next;
        hang_up(i);
        return true;
    }
    bool last = len < 8 || next[len - 1] != '\n'; /* what does not end with a line ends with the connection */
    (void)!send(ends[i], next, first, MSG_NOSIGNAL);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    (void)!send(ends[i], next + first, len - first, MSG_NOSIGNAL);
    dry = !end;
    next = end ? end + 1 : next;
    if (last)
        hang_up(i);
    return true;
}

static void converse(const bool *until) {
    for (int turn = 0, idle = 0; turn < TURNS_MAX && idle < 6 && !(until && *until); turn++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        int wait = uv_backend_timeout(&loop);
        idle++;
        for (size_t i = nends; i > 0; i--)
            if (serve(i - 1))
                idle = 0;
        if (wait == 0)
            idle = 0;
        else if (wait > 0 && wait <= 2)
            (void)usleep(1000);
    }
}

/* -- our side ------------------------------------------------------------------------------------------------------------------ */

static void on_command(void *ctx, size_t platform, const cJSON *command, struct buf *answer) {
    (void)ctx;
    must(platform == 0 && cJSON_IsObject(command), "a command that is no object");
    ncommands++;
    buf_puts(answer, "{\"id\":\"x\",\"ok\":true}");
}
static void on_closed(void *ctx) {
    (void)ctx;
    closed = true;
}
static int64_t on_wall(void *ctx) {
    (void)ctx;
    return INT64_C(1768046400000);
}

static void drop_store(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    char name[128];
    store_close(store);
    store = NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static void take_store(void) {
    static const char *const names[] = {"city"};
    struct store_conf sc = {.path = path};
    struct err err = {0};
    if (store && incidents % 500 != 0)
        return;
    drop_store();
    must(store_open(&sc, &err, &store) == 0 && store_platforms(store, names, 1, &err) == 0, err.text);
}

static void raise_incident(char id[32]) {
    static char body[] = "{\"id\":\"x\",\"revision\":1,\"title\":\"t\",\"level\":0}";
    struct effects fx;
    struct err err = {0};
    (void)snprintf(id, 32, "01FUZZ%020lu", ++incidents);
    effects_init(&fx);
    effects_incident(&fx, &(struct effect_incident){.id = id,
                                                    .number = id,
                                                    .rule = "r",
                                                    .key = id,
                                                    .title = "t",
                                                    .revision = 1,
                                                    .change = CHANGE_OPENED,
                                                    .severity = SEVERITY_MINOR,
                                                    .publish = true,
                                                    .platforms = 1,
                                                    .body = body,
                                                    .len = sizeof body - 1});
    struct store_batch batch = {.effects = &fx, .mono = 1, .wall = on_wall(NULL)};
    must(store_commit(store, &batch, &err) == 0, err.text);
    effects_done(&fx);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    (void)snprintf(path, sizeof path, "%s/gengfu-fuzz-%ld.db", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    (void)atexit(drop_store);
    struct err err = {0};
    must(curl_load(&err) == 0, err.text);
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && uv_loop_init(&loop) == 0, "no loop");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct forward_ops ops = {.command = on_command, .closed = on_closed, .wall = on_wall};
    struct forward *f;
    struct forward_stats stats;
    struct store_outbox_counts counts;
    struct err err = {0};
    char id[32];
    take_store();
    raise_incident(id);
    next = data;
    stop_at = data + size;
    dry = size == 0;
    closed = false;
    ncommands = 0;
    must(forward_new(&loop, &conf, store, &ops, NULL, &err, &f) == 0 && forward_start(f, &err) == 0, err.text);
    converse(NULL);
    const struct sender *s = &f->senders[0];
    const struct https_sender *hs = s->own;
    uint64_t now = uv_now(&loop), day = (uint64_t)TIME_DAY + 300000;
    forward_stats(f, 0, &stats);
    must(s->hold <= now + day && hs->poll_at <= now + day && hs->answer_at <= now + day, "a pause of more than a day");
    must(hs->nanswers <= FORWARD_ANSWERS_MAX && strlen(s->why) < sizeof s->why, "more answers than there may be");
    must(ncommands <= FORWARD_COMMANDS_PER_SECOND * 2, "more commands than may be");
    forward_stop(f);
    converse(&closed);
    must(closed, "forward does not end");
    must(store_outbox_counts(store, "city", &counts, &err) == 0, err.text);
    must(stats.confirmed + stats.failed + stats.dead + stats.in_flight > 0, "nothing became of the incident");
    /* A row of this input that is left goes, so that the next input sends its own. */
    struct outbox_outcome o = {.platform = "city", .incident = id, .revision = 1, .result = OUTBOX_CONFIRMED};
    must(store_outbox_outcomes(store, &o, 1, &err) == 0, err.text);
    forward_free(f);
    while (nends > 0)
        hang_up(nends - 1);
    return 0;
}
