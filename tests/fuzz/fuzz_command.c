/* SPDX-License-Identifier: Apache-2.0
 * What comes over MQTT to the running daemon: commands and receipts of platforms, messages of devices, and time between them. The input is a list of records, each a letter and its text, ended by a NUL:
 * c command of the city, which may do everything, C of the town, which is sent extreme incidents only and may acknowledge and note; r receipt, R a receipt's revision for the incident that was published
 * latest; m topic, newline, payload; t seconds; d link cut and back; x a new start; s a new start with a row put into the store: s rule, key, state, v device, checkpoint, i rule, key, incident, e event, a line
 * each. Every answer is a JSON object with id and ok; a command that is sent again with its id gets the same answer and changes nothing. */
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
static char latest[64];    /* incident that was published */
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
    const char *rest = strncmp(topic, "gengfu/gw/", 10) == 0 ? topic + 10 : topic + 8;
    (void)m;
    if (rest == topic + 8 && strncmp(topic, "town/gw/", 8) != 0)
        return;
    arena_init(&a, 4096, 16 << 20);
    must(json_parse(&a, payload, len, NULL, &doc) == 0 && cJSON_IsObject(doc), "what is published is no JSON object");
    if (strcmp(rest, "answers") == 0) {
        must(cJSON_IsBool(json_get(doc, "ok")) && cJSON_IsString(json_get(doc, "id")), "an answer without ok or id");
        must(json_bool(doc, "ok", false) || json_str(doc, "error", NULL) != NULL, "a refusal without its reason");
        buf_put(&answers, payload, len);
        buf_putc(&answers, '\n');
        nanswers++;
    } else {
        must(strncmp(rest, "incidents/", 10) == 0 && strpbrk(rest + 10, "/+#") == NULL, "published where nobody should");
        (void)snprintf(latest, sizeof latest, "%s", rest + 10);
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
    still_up(still_client("gengfu-gw-town"), true, true);
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
    dfx_configure(
        &fx,
        "  - {platform: town, type: mqtt, host: 127.0.0.1, client_id: gengfu-gw-town, prefix: town, confirm: puback, when: incident.severity == 'extreme', "
        "commands: [acknowledge, note]}\n");
    start();
    must(dfx_device(&fx, "lamp/lamp-1", lamp, sizeof lamp - 1) && dfx_device(&fx, "door/door-1", door, sizeof door - 1),
         "not acknowledged");
    dfx_turn(&fx, 3);
}

static void hand_in(bool town, const char *text, size_t len, struct buf *ret) {
    buf_clear(&answers);
    nanswers = 0;
    dfx_hand(town ? still_client("gengfu-gw-town") : dfx_city(&fx), town ? "town/gw/commands" : "gengfu/gw/commands", text, len);
    buf_clear(ret);
    buf_put(ret, answers.data ? answers.data : "", answers.len);
}

/* One command with an id may be sent again as often as one likes. Not a list: its parts may refuse for want of tokens. */
static void command(bool town, const char *text, size_t len) {
    struct arena a;
    struct buf first, again;
    const cJSON *doc;
    arena_init(&a, 4096, 16 << 20);
    buf_init(&first, 64 << 20);
    buf_init(&again, 64 << 20);
    hand_in(town, text, len, &first);
    bool single = json_parse(&a, text, len, NULL, &doc) == 0 && cJSON_IsObject(doc) && !json_get(doc, "commands");
    if (single) {
        must(nanswers == 1, "not one answer for a command");
        const char *action = json_str(doc, "action", "");
        must(!town || !strstr(first.data, "\"ok\":true") || strcmp(action, "acknowledge") == 0 || strcmp(action, "note") == 0,
             "the town did what it may not");
        uint64_t commits = fx.d->commits;
        hand_in(town, text, len, &again);
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

/* The next line of what is left, without its end; "": none is left. */
static char *line(char **rest) {
    char *got = strsep(rest, "\n");
    static char none[1];
    return got ? got : none;
}

/* Stopped, changed by somebody, started: what stands in a row is as hostile as a message. */
static void put_row(char *text) {
    char kind = text[0], *rest = kind ? text + 1 : text, *rule = kind == 's' || kind == 'i' ? line(&rest) : NULL;
    char *key = kind != 'e' ? line(&rest) : NULL, *body = rest ? rest : text + strlen(text);
    const struct rule *r = rule ? ruleset_rule(fx.d->rules, rule) : NULL;
    struct effect_state state = {.rule = rule, .hash = r ? r->hash : 0, .key = key, .body = body, .len = strlen(body)};
    struct effect_device device = {.device = key, .body = body, .len = strlen(body)};
    struct effect_incident incident = {.id = "01FUZZ",
                                       .number = "gw-20260110-0009",
                                       .rule = rule,
                                       .key = key,
                                       .title = "t",
                                       .revision = 1,
                                       .change = CHANGE_OPENED,
                                       .severity = SEVERITY_MINOR,
                                       .condition = CONDITION_FIRING,
                                       .body = body,
                                       .len = strlen(body)};
    struct store_conf conf = {.path = fx.store};
    struct store_clock clock;
    struct store *s;
    struct err err = {0};
    dfx_stop(&fx);
    must(store_open(&conf, &err, &s) == 0, err.text);
    store_clock(s, &clock);
    struct effect_event event = {.time = clock.wall, .arrived = clock.wall, .body = body, .len = strlen(body)};
    struct effects effects = {.states = &state,
                              .nstates = kind == 's',
                              .devices = &device,
                              .ndevices = kind == 'v',
                              .incidents = &incident,
                              .nincidents = kind == 'i',
                              .events = &event,
                              .nevents = kind == 'e'};
    struct store_batch b = {.effects = &effects, .mono = clock.mono, .wall = clock.wall};
    must(store_commit(s, &b, &err) == 0, err.text);
    store_close(s);
    start();
}

static void receipt(const char *revision) {
    char text[512];
    int n = snprintf(text, sizeof text, "{\"incident\":\"%s\",\"revision\":%.300s}", latest, revision);
    dfx_platform(&fx, "receipts", text, (size_t)n);
}

static void record(char what, char *text, size_t len) {
    char number[16] = "";
    switch (what) {
    case 'c': command(false, text, len); break;
    case 'C':
        if (mqtt_is_up(still_client("gengfu-gw-town")))
            command(true, text, len);
        break;
    case 'r': dfx_platform(&fx, "receipts", text, len); break;
    case 'R': receipt(text); break;
    case 's': put_row(text); break;
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
        still_up(still_client("gengfu-gw-town"), len & 2, true);
        break;
    case 'x':
        dfx_stop(&fx);
        start();
        break;
    default: break;
    }
    dfx_turn(&fx, 2);
    still_published(dfx_city(&fx), what != 'r' || len % 7 != 0);
    still_published(still_client("gengfu-gw-town"), true);
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
        if (len > 0 && !((data[at] == 'x' || data[at] == 's') && starts++ >= 2)) {
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
