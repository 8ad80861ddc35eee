/* SPDX-License-Identifier: Apache-2.0
 * What comes over MQTT to the running daemon: commands and receipts of a platform, messages of devices, and time between them. The input is a list of records, each a letter and its text, ended by a NUL:
 * c command, r receipt, m topic, newline, payload; t seconds; d link cut and back; x a new start. Every answer is a JSON object with id and ok; a command that is sent again with its id gets the same
 * answer and changes nothing. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_fixture.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"

#define MOST_RECORDS 40
#define INPUTS_PER_STORE 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct dfx fx;
static int inputs;         /* since its last fresh start: a new store for each would be most of the work */
static struct buf answers; /* of one command */
static size_t nanswers;

static void must(bool fine, const char *what) {
    if (fine)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void on_publish(struct mqtt *m, const char *topic, const char *payload, size_t len) {
    struct arena a;
    const cJSON *doc;
    (void)m;
    if (strncmp(topic, "gengfu/gw/", 10) != 0)
        return;
    arena_init(&a, 4096, 16 << 20);
    must(json_parse(&a, payload, len, NULL, &doc) == 0 && cJSON_IsObject(doc), "what is published is no JSON object");
    if (strcmp(topic, "gengfu/gw/answers") == 0) {
        must(cJSON_IsBool(json_get(doc, "ok")) && cJSON_IsString(json_get(doc, "id")), "an answer without ok or id");
        must(json_bool(doc, "ok", false) || json_str(doc, "error", NULL) != NULL, "a refusal without its reason");
        buf_put(&answers, payload, len);
        buf_putc(&answers, '\n');
        nanswers++;
    } else {
        must(strncmp(topic, "gengfu/gw/incidents/", 20) == 0 && strpbrk(topic + 20, "/+#") == NULL, "published where nobody should");
        must(json_get(doc, "data") != NULL, "an incident without data");
    }
    arena_done(&a);
}

static void stop(void) {
    dfx_done(&fx);
    buf_done(&answers);
}

static void start(void) {
    struct err err = {0};
    must(dfx_start(&fx, &err) == 0, err.text);
    still_up(dfx_broker(&fx), true, true);
    still_up(dfx_city(&fx), true, true);
}

/* Lamps, and a door that was forced: there is something to command. */
static void begin(void) {
    static const char lamp[] = "{\"w\":0.25,\"m\":\"a\"}", door[] = "{\"open\":true,\"who\":\"x\"}";
    if (fx.d && inputs++ % INPUTS_PER_STORE != 0)
        return;
    if (fx.dir[0]) {
        dfx_done(&fx);
    } else {
        (void)atexit(stop);
        buf_init(&answers, 64 << 20);
        still_on_publish = on_publish;
    }
    dfx_init(&fx, NULL);
    start();
    must(dfx_device(&fx, "lamp/lamp-1", lamp, sizeof lamp - 1) && dfx_device(&fx, "door/door-1", door, sizeof door - 1),
         "not acknowledged");
    dfx_turn(&fx, 3);
}

static void hand_in(const char *text, size_t len, struct buf *ret) {
    buf_clear(&answers);
    nanswers = 0;
    dfx_platform(&fx, "commands", text, len);
    buf_clear(ret);
    buf_put(ret, answers.data ? answers.data : "", answers.len);
}

/* One command with an id may be sent again as often as one likes. Not a list: its parts may refuse for want of tokens. */
static void command(const char *text, size_t len) {
    struct arena a;
    struct buf first, again;
    const cJSON *doc;
    arena_init(&a, 4096, 16 << 20);
    buf_init(&first, 64 << 20);
    buf_init(&again, 64 << 20);
    hand_in(text, len, &first);
    bool single = json_parse(&a, text, len, NULL, &doc) == 0 && cJSON_IsObject(doc) && !json_get(doc, "commands");
    if (single) {
        must(nanswers == 1, "not one answer for a command");
        uint64_t commits = fx.d->commits;
        hand_in(text, len, &again);
        if (json_str(doc, "id", "")[0] && strstr(first.data, "\"ok\":true")) {
            must(nanswers == 1 && (fx.d->commits == commits || strstr(again.data, "commands a second")), "a command was applied twice");
            const char *head = strstr(first.data, ",\"audit\""); /* told once */
            size_t same = head ? (size_t)(head - first.data) : first.len;
            must(strncmp(first.data, again.data, same) == 0 || strstr(again.data, "commands a second"),
                 "another answer to the same command");
        }
    }
    buf_done(&first);
    buf_done(&again);
    arena_done(&a);
}

static void message(char *text, size_t len) {
    char *end = memchr(text, '\n', len);
    if (!end || end == text)
        return;
    *end = 0;
    must(dfx_device(&fx, text, end + 1, len - (size_t)(end + 1 - text)), "a message is not acknowledged");
}

static void record(char what, char *text, size_t len) {
    char number[16] = "";
    switch (what) {
    case 'c': command(text, len); break;
    case 'r': dfx_platform(&fx, "receipts", text, len); break;
    case 'm': message(text, len); break;
    case 't':
        memcpy(number, text, len < sizeof number ? len : sizeof number - 1);
        dfx_later(&fx, (strtol(number, NULL, 10) & 0xffffff) * INT64_C(1000));
        break;
    case 'd':
        still_up(dfx_broker(&fx), false, false);
        still_up(dfx_city(&fx), false, false);
        still_up(dfx_broker(&fx), true, len & 1);
        still_up(dfx_city(&fx), true, true);
        break;
    case 'x':
        dfx_stop(&fx);
        start();
        break;
    default: break;
    }
    dfx_turn(&fx, 2);
    still_published(dfx_city(&fx), what != 'r' || len % 7 != 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    log_open(LOG_LEVEL_ERROR);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int n = 0, starts = 0;
    begin();
    for (size_t at = 0; at < size && n < MOST_RECORDS; n++) {
        const uint8_t *end = memchr(data + at, 0, size - at);
        size_t len = end ? (size_t)(end - (data + at)) : size - at;
        if (len > 0 && !(data[at] == 'x' && starts++ >= 1)) {
            char *text = malloc(len); /* of its exact length, so that a step beyond is seen */
            must(text != NULL, "no memory");
            memcpy(text, data + at + 1, len - 1);
            text[len - 1] = 0;
            record((char)data[at], text, len - 1);
            free(text);
        }
        at += len + 1;
    }
    return 0;
}
