/* SPDX-License-Identifier: Apache-2.0
 * Sim: a neighbourhood of devices in real vendors' formats, for demos, load and tests. One MQTT connection speaks for all of them.
 *
 * Three ways to use it, which may not be mixed but for faults:
 *   life   each device of the registry reports as its maker has it, and people come and go; the same seed gives the same messages
 *   story  life, and the example neighbourhood's evening in which the cases of rules/ happen at known minutes (see sim_story)
 *   load   `count` numbered door-lock messages at `rate` a second, with a ledger of those that the broker acknowledged
 *
 * Neighbourhood time begins at `start` and runs `scale` times as fast as real time; every stamp inside a message follows it. */
#ifndef GENGFU_SIM_SIM_H
#define GENGFU_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gengfu/base/err.h"
#include "gengfu/rules/config.h"

#define SIM_MAX_DEVICES 20000
#define SIM_MAX_RATE 200000 /* messages a second */

/* Things that go wrong on purpose, in every mode but load. */
#define SIM_FAULTS(X) \
    X(SIM_FAULT_HOSTILE, "hostile", "broken JSON, invalid UTF-8, binary, deep nesting, topics that nobody knows") \
    X(SIM_FAULT_REPEAT, "repeat", "one message in ten is published twice") \
    X(SIM_FAULT_FLOOD, "flood", "one lock reports fifty times a second") \
    X(SIM_FAULT_FLAP, "flap", "one device in fifty goes offline and comes back every minute") \
    X(SIM_FAULT_CLOCK, "clock", "one device in twenty has lost its clock: its stamps are of 1970")

enum sim_fault_bit {
#define X(name, text, about) name##_BIT,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_COUNT
};
enum sim_fault {
#define X(name, text, about) name = 1 << name##_BIT,
    SIM_FAULTS(X)
#undef X
};
/* The bit of one word, 0 when there is none; with `all` the words for a message: "hostile, repeat, …". */
uint32_t sim_fault_parse(const char *word);
const char *sim_fault_words(void);
const char *sim_fault_about(size_t i, const char **ret_word); /* i < SIM_FAULT_COUNT */

struct sim_progress {
    int64_t now;    /* neighbourhood time, ms, wall */
    int64_t gone;   /* of the length, ms */
    int64_t length; /* ms; 0: no end */
    size_t devices;
    uint64_t published; /* handed to the broker */
    uint64_t confirmed; /* QoS 1: acknowledged by the broker */
    uint64_t waiting;   /* made and not yet handed over: the broker is slower than the neighbourhood, or gone */
    bool up;            /* the link to the broker */
};

struct sim_conf {
    struct config_mqtt broker; /* its strings must live until sim_run has returned; without a client_id one is made up */
    const char *registry;      /* devices.csv; NULL: only made-up devices */
    int devices;               /* at least so many: further ones are made up; 0: those of the registry */
    uint64_t seed;
    int64_t start;  /* ms, wall */
    double scale;   /* >= 0.1; 60: an hour in a minute */
    int64_t length; /* ms of neighbourhood time; 0: until a signal comes */
    int offset;     /* seconds east of UTC of the devices' local time */
    int qos;        /* 0 or 1 */
    bool story;
    uint32_t faults;
    /* load mode, when rate > 0 */
    double rate;
    uint64_t count;     /* 0: until a signal comes */
    const char *ledger; /* file: one line per acknowledged message, "number topic"; NULL: none */
    /* What happens, for people; each may be NULL. Called from within sim_run. */
    void (*say)(void *ctx, int64_t now, const char *line);     /* story: one line a turn; also trouble with the link */
    void (*progress)(void *ctx, const struct sim_progress *p); /* about once a second of real time, and at the end */
    void *ctx;
};

/* Runs a loop of its own until the length or the count is reached and everything is acknowledged, or SIGINT or SIGTERM comes (0 too).
 * <0: err says what was wrong; GF_EUNAVAIL: the broker could not be reached within ten seconds at the start. */
GF_WARN_UNUSED int sim_run(const struct sim_conf *conf, struct err *err);

/* The story as it is written, for listings and tests: minute by minute. NULL behind the end. */
struct sim_turn {
    int at; /* seconds after the start */
    const char *device, *what;
};
bool sim_story(size_t i, struct sim_turn *ret);

#endif
