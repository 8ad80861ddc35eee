/* SPDX-License-Identifier: Apache-2.0
 * The control socket: a server on a loop in this process, clients in forked ones. Every test ends all handles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gengfu/base/json.h"
#include "gengfu/control/control.h"
#include "patience.h"

struct fx {
    uv_loop_t loop;
    uv_timer_t limit;
    struct control *control;
    char dir[32], path[96];
    struct control_client *streaming;
    int gone, closed, requests;
    uid_t uid;
    char who[CONTROL_WHO_MAX];
    bool timed_out;
};

static void on_request(void *ctx, struct control_client *c, const cJSON *req) {
    struct fx *f = ctx;
    const char *what = json_str(req, "do", "");

    f->requests++;
    f->uid = control_uid(c);
    control_who(c, f->who);
    if (strcmp(what, "three") == 0) {
        for (int i = 0; i < 3; i++)
            control_line(c, "{\"line\":1}", 10);
        control_end(c, 0, NULL);
    } else if (strcmp(what, "refuse") == 0) {
        control_end(c, 3, "not today");
    } else if (strcmp(what, "flood") == 0) {
        char *big = malloc(1 << 20);
        assert_non_null(big);
        memset(big, 'x', 1 << 20);
        big[0] = '"';
        big[(1 << 20) - 1] = '"';
        for (int i = 0; i < 12; i++)
            control_line(c, big, 1 << 20);
        free(big);
    } else if (strcmp(what, "some") == 0) {
        static char some[4 << 20];

        memset(some, 'x', sizeof(some));
        control_line(c, some, sizeof(some));
        control_end(c, 0, NULL);
    } else if (strcmp(what, "stream") == 0) {
        f->streaming = c;
        control_line(c, "{\"first\":true}", 14);
    } else {
        control_end(c, 2, "what?");
    }
}

static void on_gone(void *ctx, struct control_client *c) {
    struct fx *f = ctx;

    f->gone++;
    if (f->streaming == c)
        f->streaming = NULL;
}

static void on_closed(void *ctx) {
    struct fx *f = ctx;

    f->closed++;
    uv_close((uv_handle_t *)&f->limit, NULL);
}

static const struct control_ops ops = {.request = on_request, .gone = on_gone, .closed = on_closed};

static void on_limit(uv_timer_t *t) {
    struct fx *f = t->data;

    f->timed_out = true;
    control_stop(f->control);
}

static void start(struct fx *f) {
    struct err err = {0};

    memset(f, 0, sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/gengfu-control-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    uv_timer_init(&f->loop, &f->limit);
    f->limit.data = f;
    uv_timer_start(&f->limit, on_limit, 10000 * (uint64_t)patience(), 0);
    assert_int_equal(control_new(&f->loop, f->path, NULL, &ops, f, &err, &f->control), 0);
}

/* Stops the server, and shows that nothing is left. */
static void finish(struct fx *f) {
    if (f->closed == 0) {
        control_stop(f->control);
        uv_run(&f->loop, UV_RUN_DEFAULT);
    }
    assert_int_equal(f->closed, 1);
    assert_false(f->timed_out);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    control_free(f->control);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(rmdir(f->dir), 0);
}

static int count_line(void *ctx, const cJSON *line) {
    (void)line;
    (*(int *)ctx)++;
    return 0;
}

/* Runs `client` in a child while the loop turns here; gives the child's exit code. */
static int with_client(struct fx *f, int (*client)(const struct fx *f)) {
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(client(f));
    while (waitpid(pid, &status, WNOHANG) == 0) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        usleep(500);
        if (f->timed_out)
            fail_msg("the client never ended");
        uv_update_time(&f->loop);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int call(const struct fx *f, const char *what, int *lines, struct err *err) {
    cJSON *req = cJSON_CreateObject();

    cJSON_AddStringToObject(req, "do", what);
    int rc = control_call(f->path, req, 0, count_line, lines, err);
    cJSON_Delete(req);
    return rc;
}

static int client_three(const struct fx *f) {
    struct err err = {0};
    int lines = 0;

    return call(f, "three", &lines, &err) == 0 && lines == 3 ? 0 : 1;
}

static void test_lines_and_end(void **state) {
    struct fx f;
    struct stat st;

    (void)state;
    start(&f);
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(with_client(&f, client_three), 0);
    assert_int_equal(f.requests, 1);
    assert_int_equal(f.uid, getuid());
    assert_int_equal(f.gone, 0);
    finish(&f);
}

static int client_refused(const struct fx *f) {
    struct err err = {0};
    int lines = 0;
    int rc = call(f, "refuse", &lines, &err);

    return rc == 3 && strcmp(err.text, "not today") == 0 ? 0 : 1;
}

static void test_refusal_has_its_sentence(void **state) {
    struct fx f;

    (void)state;
    start(&f);
    assert_int_equal(with_client(&f, client_refused), 0);
    finish(&f);
}

static int raw(const struct fx *f) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
    return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -1;
}

/* Everything that comes until the end or the limit. */
static size_t slurp(int fd, char *out, size_t size) {
    size_t n = 0;
    ssize_t got;

    while (n + 1 < size && (got = recv(fd, out + n, size - 1 - n, 0)) > 0) {
        n += (size_t)got;
        out[n] = '\0';
        if (strstr(out, "\"end\":true") != NULL)
            break;
    }
    out[n] = '\0';
    return n;
}

static int client_rubbish(const struct fx *f) {
    char out[4096];
    int fd = raw(f);

    if (send(fd, "{nonsense\n", 10, MSG_NOSIGNAL) != 10)
        return 1;
    slurp(fd, out, sizeof(out));
    return strstr(out, "\"code\":2") != NULL ? 0 : 2;
}

static int client_too_long(const struct fx *f) {
    static char big[CONTROL_MAX_REQUEST + 4096];
    char out[4096];
    int fd = raw(f);

    memset(big, 'a', sizeof(big));
    (void)send(fd, big, sizeof(big), MSG_NOSIGNAL);
    slurp(fd, out, sizeof(out));
    return strstr(out, "too long") != NULL ? 0 : 2;
}

static void test_rubbish_is_answered(void **state) {
    struct fx f;

    (void)state;
    start(&f);
    assert_int_equal(with_client(&f, client_rubbish), 0);
    assert_int_equal(with_client(&f, client_too_long), 0);
    assert_int_equal(f.requests, 0);
    finish(&f);
}

static int client_stream(const struct fx *f) {
    char out[4096];
    int fd = raw(f);
    ssize_t n;

    if (send(fd, "{\"do\":\"stream\"}\n", 16, MSG_NOSIGNAL) != 16)
        return 1;
    n = recv(fd, out, sizeof(out), 0);
    close(fd);
    return n > 0 ? 0 : 2;
}

static void test_a_stream_that_goes_away_is_told(void **state) {
    struct fx f;

    (void)state;
    start(&f);
    assert_int_equal(with_client(&f, client_stream), 0);
    for (int i = 0; i < 1000 && f.gone == 0; i++) {
        uv_run(&f.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(f.gone, 1);
    assert_null(f.streaming);
    finish(&f);
}

static int client_never_reads(const struct fx *f) {
    int fd = raw(f);

    if (send(fd, "{\"do\":\"flood\"}\n", 15, MSG_NOSIGNAL) != 15)
        return 1;
    usleep(300000); /* the server fills its backlog meanwhile */
    static char out[16 << 20];
    slurp(fd, out, sizeof(out));
    return strstr(out, "cut off") != NULL ? 0 : 2;
}

static void test_a_client_that_does_not_read_is_cut_off(void **state) {
    struct fx f;

    (void)state;
    start(&f);
    assert_int_equal(with_client(&f, client_never_reads), 0);
    finish(&f);
}

static void test_a_socket_left_behind_is_replaced_and_a_living_one_is_not(void **state) {
    struct fx f;
    struct err err = {0};
    struct control *second;

    (void)state;
    start(&f);
    assert_int_equal(control_new(&f.loop, f.path, NULL, &ops, &f, &err, &second), GF_ESTATE);
    assert_non_null(strstr(err.text, "another gengfu answers there"));
    finish(&f);

    start(&f);
    char other[64];
    snprintf(other, sizeof(other), "%s/left", f.dir);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", other);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    close(fd); /* the file stays, nobody answers */
    control_stop(f.control);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    control_free(f.control);
    f.closed = 0;
    uv_timer_init(&f.loop, &f.limit);
    snprintf(f.path, sizeof(f.path), "%s", other);
    assert_int_equal(control_new(&f.loop, f.path, NULL, &ops, &f, &err, &f.control), 0);
    assert_int_equal(with_client(&f, client_three), 0);
    finish(&f);
}

static void test_nobody_there(void **state) {
    struct err err = {0};
    cJSON *req = cJSON_CreateObject();

    (void)state;
    assert_int_equal(control_call("/nonexistent/socket", req, 100, NULL, NULL, &err), GF_EUNAVAIL);
    assert_non_null(strstr(err.text, "no daemon answers there"));
    cJSON_Delete(req);
}

static void test_a_daemon_that_hangs_is_given_up(void **state) {
    char dir[] = "/tmp/gengfu-hang-XXXXXX", path[96];
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct err err = {0};
    cJSON *req = cJSON_CreateObject();
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/sock", dir);
    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 2; i++) { /* the first one's connection is never taken; the second one does not even get in */
        assert_int_equal(control_call(path, req, 50, NULL, NULL, &err), GF_EUNAVAIL);
        assert_non_null(strstr(err.text, "does not answer"));
    }
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(dir);
    cJSON_Delete(req);
}

/* -- who may, and how much ----------------------------------------------------------------------------------------------------------- */

static mode_t mode_with(const char *group, gid_t *ret_gid) {
    struct fx f;
    struct err err = {0};
    struct stat st;

    start(&f);
    control_stop(f.control);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    control_free(f.control);
    f.closed = 0;
    uv_timer_init(&f.loop, &f.limit);
    mode_t before = umask(0);
    assert_int_equal(control_new(&f.loop, f.path, group, &ops, &f, &err, &f.control), 0);
    assert_int_equal(umask(before), 0); /* given back */
    assert_int_equal(stat(f.path, &st), 0);
    *ret_gid = st.st_gid;
    finish(&f);
    return st.st_mode & 0777;
}

/* The group's, or nobody's but ours; never everybody's, whatever the umask. */
static void test_mode_and_group(void **state) {
    gid_t gid;
    const struct group *own = getgrgid(getegid());

    (void)state;
    assert_non_null(own);
    assert_int_equal(mode_with(own->gr_name, &gid), 0660);
    assert_int_equal(gid, getegid());
    assert_int_equal(mode_with("no-such-group-here", &gid), 0600);
    assert_int_equal(mode_with(NULL, &gid), 0600);
    if (geteuid() == 0) {
        struct group *other = getgrnam("nogroup");

        assert_non_null(other);
        assert_int_equal(mode_with("nogroup", &gid), 0660);
        assert_int_equal(gid, getgrnam("nogroup")->gr_gid);
    }
}

/* A path that names a file by mistake does not cost the file. */
static void test_what_is_no_socket_is_not_removed(void **state) {
    struct fx f;
    struct err err = {0};
    struct control *c;
    char path[128];

    (void)state;
    start(&f);
    (void)snprintf(path, sizeof(path), "%s/file", f.dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(control_new(&f.loop, path, NULL, &ops, &f, &err, &c), GF_EEXIST);
    assert_non_null(strstr(err.text, "no socket"));
    assert_int_equal(unlink(path), 0);
    finish(&f);
}

/* 300 requests in one write: the first ones are answered, the others refused, and the connection lives. */
static int hasty_client(const struct fx *f) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char text[8192];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fine = 0, refused = 0;
    FILE *in;

    memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return 1;
    for (int i = 0; i < 300; i++)
        if (write(fd, "{\"do\":\"refuse\"}\n", 16) != 16)
            return 2;
    in = fdopen(fd, "r");
    while (fine + refused < 300 && in != NULL && fgets(text, sizeof(text), in) != NULL) {
        fine += strstr(text, "not today") != NULL;
        refused += strstr(text, "too many requests") != NULL;
    }
    return fine >= 2 * CONTROL_RATE && fine < 2 * CONTROL_RATE + 100 && refused > 0 && fine + refused == 300 ? 0 : 3;
}

static void test_too_many_requests(void **state) {
    struct fx f;

    (void)state;
    start(&f);
    assert_int_equal(with_client(&f, hasty_client), 0);
    finish(&f);
}

/* Says half a request and waits to be hung up on. */
static int silent_client(const struct fx *f) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char byte;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || write(fd, "{\"do\"", 5) != 5)
        return 1;
    return read(fd, &byte, 1) == 0 ? 0 : 2;
}

/* Asks for a lot, and does not read. Ends when the daemon has given it up. */
static int lazy_client(const struct fx *f) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || write(fd, "{\"do\":\"some\"}\n", 14) != 14)
        return 1;
    for (int i = 0; i < 500; i++) {
        if (send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
            return 0;
        (void)usleep(10000);
    }
    return 2;
}

/* A tail that reads everything may say nothing for as long as it likes. */
static int patient_client(const struct fx *f) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval second = {.tv_sec = 1};
    char text[256];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || write(fd, "{\"do\":\"stream\"}\n", 16) != 16 ||
        read(fd, text, sizeof(text)) <= 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0)
        return 1;
    return read(fd, text, sizeof(text)) < 0 ? 0 : 2; /* nothing came, and nobody hung up */
}

static void test_slow_clients_make_way(void **state) {
    static int (*const clients[])(const struct fx *) = {silent_client, lazy_client, patient_client};

    (void)state;
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        struct fx f;

        start(&f);
        control_patience(f.control, 200);
        assert_int_equal(with_client(&f, clients[i]), 0);
        finish(&f);
    }
}

static void test_who_is_named(void **state) {
    struct fx f;
    char wanted[64];

    (void)state;
    start(&f);
    assert_int_equal(with_client(&f, client_three), 0);
    (void)snprintf(wanted, sizeof(wanted), "uid:%lu (", (unsigned long)getuid());
    assert_memory_equal(f.who, wanted, strlen(wanted));
    if (getuid() == 0)
        assert_string_equal(f.who, "uid:0 (root)");
    finish(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_and_end),
        cmocka_unit_test(test_refusal_has_its_sentence),
        cmocka_unit_test(test_rubbish_is_answered),
        cmocka_unit_test(test_a_stream_that_goes_away_is_told),
        cmocka_unit_test(test_a_client_that_does_not_read_is_cut_off),
        cmocka_unit_test(test_a_socket_left_behind_is_replaced_and_a_living_one_is_not),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_a_daemon_that_hangs_is_given_up),
        cmocka_unit_test(test_mode_and_group),
        cmocka_unit_test(test_what_is_no_socket_is_not_removed),
        cmocka_unit_test(test_too_many_requests),
        cmocka_unit_test(test_slow_clients_make_way),
        cmocka_unit_test(test_who_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
