/* SPDX-License-Identifier: Apache-2.0
 * What the files of sim share: devices, families, what is due next, and the way out to the broker.
 *
 * A family knows one maker's messages and how its devices live; the story and ordinary life speak to it in verbs. What a device is like just now
 * stands in struct sim_device, in fields whose meaning is the family's. */
#ifndef GENGFU_SIM_INT_H
#define GENGFU_SIM_INT_H

#include <uv.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/heap.h"
#include "gengfu/base/map.h"
#include "gengfu/base/time.h"
#include "gengfu/mqtt/mqtt.h"
#include "gengfu/sim/sim.h"

#define SIM_ID_MAX 64
#define SIM_TOPIC_MAX 200
#define SIM_WINDOW 1000 /* QoS 1 messages without their PUBACK */
#define SIM_MIDS 65536
#define SIM_MAX_WAITING 200000 /* messages made and not handed over: more is an error */

/* What can be told to a device. The number is W, percent, cars, a label, 0 or 1, as the verb needs. */
#define SIM_VERBS(X) \
    X(REPORT)       /* say how you are, now */ \
    X(POWER)        /* lamp, meter: draw so many W from now on */ \
    X(SILENCE)      /* 1 say nothing more, 0 speak again */ \
    X(BATTERY)      /* percent; says it */ \
    X(CHARGE_FAULT) /* solar lamp: 1 fault, 0 fine */ \
    X(PRESS)        /* SOS button, card: pressed long */ \
    X(STILL)        /* card: 1 its last movement, 0 it moves again */ \
    X(ENTER)        /* camera: an object of this label (enum sim_label) comes */ \
    X(STAND)        /* camera: it stands */ \
    X(UPDATE)       /* camera: it is still there */ \
    X(LEAVE)        /* camera: it is gone */ \
    X(ONLINE)       /* 1 online, 0 offline */ \
    X(BLIND)        /* camera: 1 covered, 0 free */ \
    X(FAULT)        /* lift: 1 stopped between floors with somebody in it, 0 well again */ \
    X(LIGHT)        /* lift: 1 on, 0 off */ \
    X(RIDE)         /* lift: go to this floor */ \
    X(STOP)         /* lift: it has arrived */ \
    X(DOOR)         /* lift: 1 open, 0 closed */ \
    X(COUNT)        /* car park: so many cars */ \
    X(CAR)          /* barrier: a car is read */ \
    X(AGAIN)        /* barrier: the same car is read once more */ \
    X(GATE)         /* barrier: 0 closed, 1 open, 2 moving */ \
    X(OPEN)         /* contact: 1 open, 0 closed */ \
    X(UNLOCK)       /* lock: by the user of this number */ \
    X(LOCK)         /* lock */ \
    X(GUESS)        /* lock: a wrong code */ \
    X(SMOKE)        /* smoke: 1 alarm, 0 none */ \
    X(TEST)         /* smoke: 1 self test, 0 over */ \
    X(FACE)         /* terminal: somebody is let in */

enum sim_verb {
#define X(name) VERB_##name,
    SIM_VERBS(X)
#undef X
};
enum sim_label { LABEL_PERSON, LABEL_CAR, LABEL_EBIKE, LABEL_DOG, LABEL_BICYCLE };

struct sim;
struct sim_device;
struct sim_family {
    const char *name;                                   /* as the registry's column `family` has it */
    const char *kind;                                   /* as the column `kind` has it; NULL: any */
    const char *made_up;                                /* how ids of made-up devices begin, five digits follow; NULL: none are made up */
    int64_t period;                                     /* ms between two routine reports */
    void (*hello)(struct sim *s, struct sim_device *d); /* once, when it comes up; may be NULL */
    void (*tick)(struct sim *s, struct sim_device *d);  /* routine report, and now and then a bit of life */
    void (*act)(struct sim *s, struct sim_device *d, enum sim_verb verb, double value); /* verbs that are not its own: nothing */
};

struct sim_device {
    struct heap_node node; /* the next routine report */
    const struct sim_family *family;
    char id[SIM_ID_MAX];
    char address[SIM_ID_MAX];   /* the maker's id */
    char door[SIM_ID_MAX];      /* registry column; "" */
    char scene[SIM_ID_MAX];     /* registry column; "" */
    struct sim_device *partner; /* of a lock: the contact at the same door */
    uint64_t random;            /* a generator of its own, so that one device more changes no other */
    bool said_hello, silent, offline;
    bool scripted; /* the story plays it: no life of its own */
    bool no_clock; /* fault: stamps of 1970 */
    /* what it is like now */
    bool flag, open, moving, light, fault, occupied, busy;
    int number, battery, count, label;
    double value, total;
    int64_t since;   /* neighbourhood ms */
    uint32_t frame;  /* counter of uplinks, records */
    char series[48]; /* camera: id of the object that is there; "" */
    char text[32];   /* barrier: the plate */
};

struct sim_message {
    struct sim_message *next;
    size_t len;
    uint64_t number; /* load mode */
    uint64_t order;  /* in which they were made */
    bool retain;
    char topic[SIM_TOPIC_MAX];
    char payload[];
};

struct sim {
    const struct sim_conf *conf;
    uv_loop_t loop;
    uv_timer_t timer, tell_timer;
    uv_signal_t on_int, on_term;
    struct mqtt *mqtt;
    struct config_mqtt broker;
    char client_id[40];
    bool up, was_up, told_why, ended, closing, mqtt_gone;
    int rc;
    struct err *err;
    uint64_t begun; /* uv_hrtime at the start of neighbourhood time */
    int64_t now;    /* neighbourhood time of what is being played, ms, wall */

    struct sim_device *devices;
    size_t ndevices;
    struct map by_id;
    struct heap due; /* routine reports, turns, what was put off */
    size_t turn;     /* the story's next */
    uint64_t random;
    struct heap_node turn_node, fault_node, flap_node, flood_node;

    struct sim_message *first, *last; /* waiting */
    struct sim_message **flying;      /* by message id: QoS 1, handed over and not yet acknowledged */
    uint64_t orders;
    size_t waiting, outstanding;
    uint64_t published, confirmed;
    struct buf text; /* of the payload being written */

    /* load */
    FILE *ledger;
    uint64_t made;
};

/* sim.c */
void sim_init(struct sim *s, const struct sim_conf *conf, struct err *err); /* err is kept */
GF_WARN_UNUSED int sim_begin(struct sim *s, struct err *err);               /* devices, story, faults; sim_done also after a failure */
void sim_play(struct sim *s, int64_t until); /* everything due until then, neighbourhood ms, wall; messages wait in the queue */
void sim_done(struct sim *s);
void sim_fail(struct sim *s, int code, const char *fmt, ...) GF_PRINTF(3, 4); /* ends the run */
void sim_say(struct sim *s, const char *fmt, ...) GF_PRINTF(2, 3);
void sim_arm(struct sim *s, struct heap_node *n, int64_t at); /* neighbourhood ms */
/* The verb, `delay` ms of neighbourhood time from now. */
void sim_later(struct sim *s, struct sim_device *d, int64_t delay, enum sim_verb verb, double value);
void sim_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value);
void sim_tick(struct sim *s, struct sim_device *d); /* hello or tick, and armed again */

/* out.c: messages on their way */
void sim_put(struct sim *s, bool retain, const char *topic, const void *payload, size_t len, uint64_t number);
/* A message in printf's words; devices' ids hold nothing that JSON or a topic would have to escape. */
void sim_send(struct sim *s, const char *topic, const char *fmt, ...) GF_PRINTF(3, 4);
void sim_retain(struct sim *s, const char *topic, const char *fmt, ...) GF_PRINTF(3, 4);
void sim_flush(struct sim *s); /* as far as the link and the window let it */
void sim_published(void *ctx, int mid, enum mqtt_taken taken);
void sim_link_lost(struct sim *s); /* what was not acknowledged waits again, in its old order */
void sim_out_done(struct sim *s);
#define SIM_TOPIC(name, ...) \
    char name[SIM_TOPIC_MAX]; \
    (void)snprintf(name, sizeof(name), __VA_ARGS__)

/* chance.c: numbers, stamps */
uint64_t sim_random(uint64_t *state);
int sim_between(struct sim_device *d, int low, int high); /* both included */
double sim_real(struct sim_device *d, double low, double high);
bool sim_chance(struct sim_device *d, int percent);
int64_t sim_stamp(const struct sim *s, const struct sim_device *d);                              /* now, as this device's clock has it */
const char *sim_iso(const struct sim *s, const struct sim_device *d, char out[TIME_TEXT_MAX]);   /* 2026-01-10T20:03:15+08:00 */
const char *sim_local(const struct sim *s, const struct sim_device *d, char out[TIME_TEXT_MAX]); /* 2026-01-10T20:03:15 */

/* roster.c */
GF_WARN_UNUSED int sim_roster(struct sim *s, struct err *err);
struct sim_device *sim_find(const struct sim *s, const char *id);

/* story.c */
GF_WARN_UNUSED int sim_story_begin(struct sim *s, struct err *err);
void sim_story_turn(struct sim *s); /* plays the turn that is due and arms the next */

/* faults.c */
void sim_faults_begin(struct sim *s);
bool sim_faults_due(struct sim *s, struct heap_node *n); /* true when the node was one of theirs */

/* load.c */
GF_WARN_UNUSED int sim_load_begin(struct sim *s, struct err *err);
void sim_load_step(struct sim *s);
bool sim_load_over(const struct sim *s);
void sim_load_done(struct sim *s);

/* families: one table a file, joined in roster.c */
extern const struct sim_family family_z2m_lock, family_z2m_contact, family_z2m_smoke, family_z2m_sos;
extern const struct sim_family family_frigate, family_frigate_nvr, family_dahua, family_dahua_nvr;
extern const struct sim_family family_tasmota_lamp, family_tasmota_meter, family_shelly;
extern const struct sim_family family_chirpstack_lamp, family_chirpstack_nas, family_chirpstack_card, family_chirpstack_smoke;
extern const struct sim_family family_plate_barrier, family_lift, family_parking, family_face;

#endif
