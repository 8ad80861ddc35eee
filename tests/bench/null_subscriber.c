/* SPDX-License-Identifier: Apache-2.0
 * The floor under any subscriber: libuv and libmosquitto, QoS 1, acknowledgements written after each reading, nothing done with the messages.
 *   null_subscriber HOST PORT TOPIC COUNT        prints {"messages":…,"cpu_us":…,"wall_us":…} when COUNT have come */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <uv.h>

static uint64_t got, wanted;
static const char *topic;
static uv_poll_t poll_handle;
static struct mosquitto *mosq;
static struct rusage first;
static uint64_t first_wall;

static uint64_t now_us(void) {
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t cpu_us(const struct rusage *r) {
    return (uint64_t)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000000 + (uint64_t)(r->ru_utime.tv_usec + r->ru_stime.tv_usec);
}

static void on_message(struct mosquitto *m, void *ctx, const struct mosquitto_message *msg) {
    (void)m;
    (void)ctx;
    (void)msg;
    if (got++ == 0) {
        (void)getrusage(RUSAGE_SELF, &first);
        first_wall = now_us();
    }
}

static void on_connect(struct mosquitto *m, void *ctx, int rc) {
    (void)ctx;
    if (rc == 0)
        (void)mosquitto_subscribe(m, NULL, topic, 1);
}

static void on_subscribe(struct mosquitto *m, void *ctx, int mid, int n, const int *qos) {
    (void)m;
    (void)ctx;
    (void)mid;
    (void)n;
    (void)qos;
    (void)puts("ready");
    (void)fflush(stdout);
}

static void done(void) {
    struct rusage last;

    (void)getrusage(RUSAGE_SELF, &last);
    (void)printf("{\"messages\":%llu,\"cpu_us\":%llu,\"wall_us\":%llu}\n", (unsigned long long)(got - 1),
                 (unsigned long long)(cpu_us(&last) - cpu_us(&first)), (unsigned long long)(now_us() - first_wall));
    (void)mosquitto_disconnect(mosq);
    (void)mosquitto_loop_write(mosq, 1);
    exit(0);
}

static void watch(void);

static void on_poll(uv_poll_t *p, int status, int events) {
    (void)p;
    (void)status;
    if (events & UV_READABLE) {
        uint64_t before;
        do {
            before = got;
            if (mosquitto_loop_read(mosq, 1) != MOSQ_ERR_SUCCESS)
                exit(1);
        } while (got != before);
    }
    (void)mosquitto_loop_write(mosq, 1);
    (void)mosquitto_loop_misc(mosq);
    if (got >= wanted)
        done();
    watch();
}

static void watch(void) { (void)uv_poll_start(&poll_handle, UV_READABLE | (mosquitto_want_write(mosq) ? UV_WRITABLE : 0), on_poll); }

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    topic = argv[3];
    wanted = strtoull(argv[4], NULL, 10);
    (void)mosquitto_lib_init();
    mosq = mosquitto_new("null-subscriber", true, NULL);
    (void)mosquitto_threaded_set(mosq, true);
    (void)mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    (void)mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    (void)mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, 1000);
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_callback_set(mosq, on_message);
    if (mosquitto_connect(mosq, argv[1], (int)strtol(argv[2], NULL, 10), 60) != MOSQ_ERR_SUCCESS)
        return 1;
    (void)uv_poll_init(uv_default_loop(), &poll_handle, mosquitto_socket(mosq));
    watch();
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
