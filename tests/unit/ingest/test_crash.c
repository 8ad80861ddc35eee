/* SPDX-License-Identifier: Apache-2.0
 * Killed in the middle, again and again, while 20,000 messages flow: nothing is lost and nothing is handed over twice. The child commits to a ledger, a file that is brought to disk as a
 * database would be; a batch whose end is missing there was never committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "gengfu/base/fault.h"
#include "ingest/ingest_int.h"
#include "mqtt_fixture.h"

#define MESSAGES 20000
#define KEPT 64 /* batches */

/* -- the child ------------------------------------------------------------------------------------------------------------------------------- */

static struct {
    int fd;
    struct buf batch;
    struct ingest_ack acks[KEPT][1024]; /* as the store keeps them */
    size_t n[KEPT];
    int newest;
} ledger;

static void ledger_ack(int batch, uint16_t mid, uint64_t hash) {
    size_t *n = &ledger.n[batch % KEPT];

    if (*n < 1024)
        ledger.acks[batch % KEPT][(*n)++] = (struct ingest_ack){.mid = mid, .hash = hash};
}

/* Reads what was committed, and cuts off a batch that was not. */
static void ledger_open(const char *path) {
    char line[128];
    long good = 0;
    int batch = 0;
    FILE *f = fopen(path, "a+e");

    if (f == NULL)
        _exit(90);
    rewind(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned int mid;
        unsigned long long hash;

        if (sscanf(line, "a %u %llx", &mid, &hash) == 2) {
            ledger_ack(batch, (uint16_t)mid, hash);
        } else if (strcmp(line, "c\n") == 0) {
            good = ftell(f);
            if (ledger.n[batch % KEPT] > 0)
                batch++;
            ledger.n[batch % KEPT] = 0;
        }
    }
    (void)fclose(f);
    if (truncate(path, good) < 0)
        _exit(91);
    ledger.newest = batch;
    ledger.n[batch % KEPT] = 0;
    ledger.fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    buf_init(&ledger.batch, 0);
    if (ledger.fd < 0)
        _exit(92);
}

static void child_message(void *ctx, const struct mqtt_message *m) {
    (void)ctx;
    buf_printf(&ledger.batch, "m %.*s\n", (int)m->len, m->payload);
}

static int child_commit(void *ctx, const struct ingest_ack *acks, size_t n, bool now) {
    (void)now;
    (void)ctx;
    for (size_t i = 0; i < n; i++)
        buf_printf(&ledger.batch, "a %u %llx\n", acks[i].mid, (unsigned long long)acks[i].hash);
    buf_puts(&ledger.batch, "c\n");
    if (ledger.batch.failed || write(ledger.fd, ledger.batch.data, ledger.batch.len) != (ssize_t)ledger.batch.len ||
        fdatasync(ledger.fd) < 0)
        _exit(93);
    buf_clear(&ledger.batch);
    return 0;
}

static void child(const char *path, int port, const char *fault) {
    static const struct ingest_ops ops = {.message = child_message, .commit = child_commit};
    static const char *const filters[] = {"k"};
    static struct config conf;
    struct ingest *in;
    struct err err = {0};
    uv_loop_t loop;

    if (*fault != '\0') {
        (void)setenv("GENGFU_FAULT", fault, 1);
        fault_init();
    }
    ledger_open(path);
    conf.id = "gw-test";
    conf.broker = (struct config_mqtt){.host = "127.0.0.1",
                                       .port = port,
                                       .client_id = "crasher",
                                       .protocol = 5,
                                       .keepalive = 30,
                                       .session_expiry = 3600000,
                                       .receive_maximum = 300};
    conf.coalesce = 2;
    conf.batch_max = 300;
    if (uv_loop_init(&loop) < 0 || ingest_new(&loop, &conf, &ops, NULL, &err, &in) < 0)
        _exit(94);
    for (int i = ledger.newest - KEPT + 1; i <= ledger.newest; i++)
        for (size_t k = 0; i >= 0 && k < ledger.n[i % KEPT]; k++)
            if (ingest_restore(in, ledger.acks[i % KEPT][k].mid, ledger.acks[i % KEPT][k].hash) < 0)
                _exit(95);
    if (ingest_subscribe(in, filters, 1, &err) < 0 || ingest_start(in, &err) < 0)
        _exit(96);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    _exit(97);
}

static pid_t start(const char *path, int port, const char *fault) {
    (void)fflush(NULL);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        child(path, port, fault);
    return pid;
}

/* -- the parent ------------------------------------------------------------------------------------------------------------------------------ */

static unsigned char seen[MESSAGES];

/* How many different messages the ledger has; a message that stands there twice fails the test at once. */
static int ledger_read(const char *path) {
    char line[128];
    int total = 0, pending[8192], n = 0;
    FILE *f = fopen(path, "re");

    memset(seen, 0, sizeof(seen));
    if (f == NULL)
        return 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        int i;

        if (sscanf(line, "m %d", &i) == 1 && n < 8192) {
            pending[n++] = i;
        } else if (strcmp(line, "c\n") == 0) {
            for (int k = 0; k < n; k++) {
                assert_in_range(pending[k], 0, MESSAGES - 1);
                if (seen[pending[k]]++ != 0)
                    fail_msg("message %d was handed over twice", pending[k]);
                total++;
            }
            n = 0;
        }
    }
    (void)fclose(f);
    return total;
}

static void killed_while_it_flows(void **state) {
    static const char *const faults[] = {"mqtt.before_ack=kill@1",   "ingest.after_read=kill@2",
                                         "mqtt.before_ack=kill@5",   "",
                                         "mqtt.before_ack=kill@17",  "",
                                         "ingest.after_read=kill@1", "",
                                         "mqtt.before_ack=kill@3",   ""};
    struct broker b;
    struct mfx fx;
    char path[128];
    struct prng prng;
    int sent = 0, kills = 0;

    (void)state;
    if (!broker_installed())
        skip();
    broker_start(&b, "");
    (void)snprintf(path, sizeof(path), "%s/ledger", b.dir);
    mfx_setup(&fx, b.port);
    prng_seed(&prng, 20260105);
    struct client *pub = mfx_client(&fx, "pub", true);

    client_start(pub);
    assert_true(mfx_until(&fx, client_is_up, pub));
    pid_t pid = start(path, b.port, "");

    mfx_run(&fx, 300); /* its session must be there before the first message */
    for (int round = 0; sent < MESSAGES; round++) {
        for (int i = 0; i < 1000; i++) {
            char text[16];

            (void)snprintf(text, sizeof(text), "%d", sent++);
            client_publish(pub, "k", text, 1);
        }
        mfx_run(&fx, 1 + (int)prng_below(&prng, 60));
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
        kills++;
        (void)ledger_read(path);
        pid = start(path, b.port, faults[round % (int)(sizeof(faults) / sizeof(faults[0]))]);
    }
    assert_true(mfx_until(&fx, client_has_published, pub));
    (void)kill(pid, SIGKILL); /* this one may carry a fault */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    pid = start(path, b.port, "");
    int total = 0;

    for (int i = 0; i < 200 && total < MESSAGES; i++) {
        mfx_run(&fx, 100);
        total = ledger_read(path);
    }
    mfx_run(&fx, 300);
    total = ledger_read(path);
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    assert_int_equal(total, MESSAGES);
    assert_int_equal(kills, 20);
    mfx_teardown(&fx);
    mfx_done(&fx);
    broker_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_while_it_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
