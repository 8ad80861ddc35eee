/* SPDX-License-Identifier: Apache-2.0
 * What gengfu is measured against: a plain C program on libuv and libmosquitto, QoS 1, acknowledgements written after each reading.
 *   plain null HOST PORT TOPIC COUNT           does nothing with the messages: the floor under any subscriber
 *   plain rule HOST PORT TOPIC COUNT           cJSON in an arena, one comparison, publishes what matches: not durable
 *   plain journal HOST PORT TOPIC COUNT DB     the same, every message in SQLite (WAL, FULL) before it is acknowledged
 * prints "ready", and {"messages":…,"cpu_us":…,"wall_us":…,"matched":…,"rss":…} when COUNT have come; COUNT 0: goes on until it is ended. */
#include <cjson/cJSON.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <uv.h>

#define REFUSED "unlock_failure_invalid_pin_or_id"

static uint64_t got, wanted, matched;
static const char *topic;
static uv_poll_t poll_handle;
static struct mosquitto *mosq;
static struct rusage first;
static uint64_t first_wall;
static bool look;
static sqlite3 *db;
static sqlite3_stmt *put;
static bool in_transaction;

static char pool[1 << 20];
static size_t used;
static void *take(size_t n) {
    void *p = pool + used;
    used += (n + 15) & ~(size_t)15;
    return used > sizeof pool ? NULL : p;
}
static void keep(void *p) { (void)p; }

static uint64_t now_us(void) {
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t cpu_us(const struct rusage *r) {
    return (uint64_t)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000000 + (uint64_t)(r->ru_utime.tv_usec + r->ru_stime.tv_usec);
}

static void sql(const char *text) {
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "plain: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

static void journal(const struct mosquitto_message *msg) {
    if (!in_transaction)
        sql("BEGIN");
    in_transaction = true;
    (void)sqlite3_bind_int64(put, 1, (int64_t)now_us());
    (void)sqlite3_bind_text(put, 2, msg->topic, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(put, 3, msg->payload, msg->payloadlen, SQLITE_STATIC);
    if (sqlite3_step(put) != SQLITE_DONE)
        exit(1);
    (void)sqlite3_reset(put);
}

static void rule(const struct mosquitto_message *msg) {
    char out[256];
    used = 0;
    const cJSON *doc = cJSON_ParseWithLength(msg->payload, (size_t)msg->payloadlen);
    const char *action = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(doc, "action"));
    if (!action || strcmp(action, REFUSED) != 0)
        return;
    int n = snprintf(out, sizeof out, "{\"incident\":\"refused\",\"topic\":\"%s\"}", msg->topic);
    (void)mosquitto_publish(mosq, NULL, "plain/incidents", n, out, 1, false);
    matched++;
}

static void on_message(struct mosquitto *m, void *ctx, const struct mosquitto_message *msg) {
    (void)m;
    (void)ctx;
    if (got++ == 0) {
        (void)getrusage(RUSAGE_SELF, &first);
        first_wall = now_us();
    }
    if (look)
        rule(msg);
    if (db)
        journal(msg);
}

static void on_connect(struct mosquitto *m, void *ctx, int rc) {
    (void)m;
    (void)ctx;
    if (rc == 0)
        (void)mosquitto_subscribe(mosq, NULL, topic, 1);
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

/* Not ru_maxrss: that begins with what the parent had. */
static long resident(void) {
    long all = 0, now = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &all, &now) != 2)
        now = 0;
    if (f)
        (void)fclose(f);
    return now * 4096;
}

static void done(void) {
    struct rusage last;

    (void)getrusage(RUSAGE_SELF, &last);
    (void)printf("{\"messages\":%llu,\"cpu_us\":%llu,\"wall_us\":%llu,\"matched\":%llu,\"rss\":%ld}\n", (unsigned long long)(got - 1),
                 (unsigned long long)(cpu_us(&last) - cpu_us(&first)), (unsigned long long)(now_us() - first_wall),
                 (unsigned long long)matched, resident());
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
    if (in_transaction)
        sql("COMMIT");
    in_transaction = false;
    (void)mosquitto_loop_write(mosq, 1);
    (void)mosquitto_loop_misc(mosq);
    if (wanted && got >= wanted)
        done();
    watch();
}

static void watch(void) { (void)uv_poll_start(&poll_handle, UV_READABLE | (mosquitto_want_write(mosq) ? UV_WRITABLE : 0), on_poll); }

int main(int argc, char **argv) {
    bool durable = argc == 7 && strcmp(argv[1], "journal") == 0;
    if (!durable && (argc != 6 || (strcmp(argv[1], "null") != 0 && strcmp(argv[1], "rule") != 0)))
        return 2;
    look = strcmp(argv[1], "null") != 0;
    topic = argv[4];
    wanted = strtoull(argv[5], NULL, 10);
    if (look) {
        cJSON_Hooks hooks = {take, keep};
        cJSON_InitHooks(&hooks);
    }
    if (durable) {
        if (sqlite3_open(argv[6], &db) != SQLITE_OK)
            return 1;
        sql("PRAGMA journal_mode=WAL");
        sql("PRAGMA synchronous=FULL");
        sql("CREATE TABLE journal(id INTEGER PRIMARY KEY, at INTEGER, topic TEXT, body BLOB)");
        if (sqlite3_prepare_v2(db, "INSERT INTO journal(at, topic, body) VALUES (?, ?, ?)", -1, &put, NULL) != SQLITE_OK)
            return 1;
    }
    (void)mosquitto_lib_init();
    mosq = mosquitto_new("plain", true, NULL);
    (void)mosquitto_threaded_set(mosq, true);
    (void)mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    (void)mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    (void)mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, 1000);
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_callback_set(mosq, on_message);
    if (mosquitto_connect(mosq, argv[2], (int)strtol(argv[3], NULL, 10), 60) != MOSQ_ERR_SUCCESS)
        return 1;
    (void)uv_poll_init(uv_default_loop(), &poll_handle, mosquitto_socket(mosq));
    watch();
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
