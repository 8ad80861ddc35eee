/* SPDX-License-Identifier: Apache-2.0
 * The story: an hour of a Saturday evening in the example neighbourhood (rules/devices.csv), in which the cases of the shipped rules happen, end, and nearly
 * happen. The end-to-end tests know it by heart: whoever changes a minute here changes the table in tests/e2e/story.py. */
#include "sim_int.h"

#define T(minute, second) ((minute)*60 + (second))

static const struct turn {
    int at; /* seconds after the start */
    const char *device;
    enum sim_verb verb;
    double value;
    const char *what; /* for people; NULL: part of the turn before */
} turns[] = {
    {T(2, 0), "card-087", VERB_STILL, 1, "card-087 moves for the last time; its heartbeats go on"},
    {T(3, 0), "lamp-2-04", VERB_POWER, 0.2, "lamp-2-04 is told to shine and draws 0.2 W"},
    {T(5, 0), "lamp-4-02", VERB_REPORT, 0, NULL},
    {T(5, 1), "lamp-4-02", VERB_SILENCE, 1, "lamp-4-02 has spoken for the last time"},
    {T(5, 30), "park-lake", VERB_COUNT, 104, NULL},
    {T(6, 0), "card-042", VERB_PRESS, 0, "card-042: the SOS key is pressed long"},
    {T(8, 0), "cam-lane-03", VERB_ENTER, LABEL_CAR, "cam-lane-03: a car drives into the fire lane"},
    {T(8, 20), "cam-lane-03", VERB_STAND, 0, "cam-lane-03: the car stands"},
    {T(9, 0), "card-019", VERB_BATTERY, 8, "card-019: battery 8 %"},
    {T(9, 30), "park-lake", VERB_COUNT, 110, NULL},
    {T(10, 0), "lamp-1-07", VERB_BATTERY, 14, "lamp-1-07: battery 14 %"},
    {T(11, 0), "cam-lane-05", VERB_ENTER, LABEL_CAR, "cam-lane-05: a car stops in the fire lane, for two minutes only"},
    {T(11, 15), "cam-lane-05", VERB_STAND, 0, NULL},
    {T(12, 0), "lift-3-1", VERB_FAULT, 1, "lift-3-1 stops between two floors with somebody inside"},
    {T(13, 0), "cam-lane-05", VERB_LEAVE, 0, NULL},
    {T(13, 30), "park-lake", VERB_COUNT, 114, NULL},
    {T(14, 0), "lock-4-2", VERB_LOCK, 0, NULL},
    {T(15, 0), "lamp-3-05", VERB_CHARGE_FAULT, 1, "lamp-3-05: its charger reports a fault"},
    {T(16, 0), "park-lake", VERB_COUNT, 117, "park-lake: 117 of 120"},
    {T(18, 0), "cam-street-07", VERB_ONLINE, 0, "cam-street-07 is gone"},
    {T(19, 0), "cam-street-09", VERB_ONLINE, 0, "cam-street-09 is gone, for two minutes only"},
    {T(20, 0), "lamp-6-01", VERB_POWER, 0, "lamps 6-01 to 6-09 draw nothing, one after the other"},
    {T(20, 6), "lamp-6-02", VERB_POWER, 0, NULL},
    {T(20, 12), "lamp-6-03", VERB_POWER, 0, NULL},
    {T(20, 18), "lamp-6-04", VERB_POWER, 0, NULL},
    {T(20, 24), "lamp-6-05", VERB_POWER, 0, NULL},
    {T(20, 30), "lamp-6-06", VERB_POWER, 0, NULL},
    {T(20, 36), "lamp-6-07", VERB_POWER, 0, NULL},
    {T(20, 42), "lamp-6-08", VERB_POWER, 0, NULL},
    {T(20, 50), "lamp-6-09", VERB_POWER, 0, NULL},
    {T(21, 0), "cam-street-09", VERB_ONLINE, 1, NULL},
    {T(22, 0), "barrier-west-out", VERB_GATE, 1, "barrier-west-out is open and stays open"},
    {T(25, 0), "lift-5-2", VERB_LIGHT, 0, "lift-5-2: the light in the car is off"},
    {T(27, 0), "cam-lane-03", VERB_LEAVE, 0, "cam-lane-03: the car is gone"},
    {T(29, 0), "contact-4-2", VERB_OPEN, 1, "contact-4-2 opens although the lock says locked"},
    {T(30, 0), "contact-4-2", VERB_OPEN, 0, NULL},
    {T(30, 5), "park-lake", VERB_COUNT, 119, NULL},
    {T(31, 0), "cam-street-17", VERB_BLIND, 1, "cam-street-17 is covered"},
    {T(33, 0), "sos-05", VERB_PRESS, 0, "sos-05: the button is pressed"},
    {T(35, 0), "lock-1-2", VERB_UNLOCK, 4, "lock-1-2 is opened, and the door stays open"},
    {T(35, 4), "contact-1-2", VERB_OPEN, 1, NULL},
    {T(36, 0), "lock-2-1", VERB_GUESS, 0, "lock-2-1: five wrong codes in a row"},
    {T(36, 10), "lock-5-1", VERB_GUESS, 0, "lock-5-1: two wrong codes"},
    {T(36, 20), "lock-2-1", VERB_GUESS, 0, NULL},
    {T(36, 40), "lock-2-1", VERB_GUESS, 0, NULL},
    {T(36, 50), "lock-5-1", VERB_GUESS, 0, NULL},
    {T(37, 0), "lock-2-1", VERB_GUESS, 0, NULL},
    {T(37, 25), "lock-2-1", VERB_GUESS, 0, NULL},
    {T(38, 0), "lift-3-1", VERB_FAULT, 0, "lift-3-1 runs again"},
    {T(40, 0), "cam-lift-2-1", VERB_ENTER, LABEL_EBIKE, "cam-lift-2-1 sees an e-bike"},
    {T(40, 20), "cam-lift-2-1", VERB_UPDATE, 0, NULL},
    {T(40, 38), "cam-lift-2-1", VERB_LEAVE, 0, NULL},
    {T(41, 0), "lamp-2-04", VERB_POWER, 18, "lamp-2-04 shines again"},
    {T(42, 0), "cam-stair-6-1", VERB_ENTER, LABEL_EBIKE, "cam-stair-6-1 sees an e-bike that stays"},
    {T(42, 15), "cam-stair-6-1", VERB_STAND, 0, NULL},
    {T(44, 0), "barrier-west-out", VERB_GATE, 0, "barrier-west-out is closed"},
    {T(45, 0), "park-lake", VERB_COUNT, 112, NULL},
    {T(46, 0), "smoke-3-2", VERB_TEST, 1, "smoke-3-2: self test"},
    {T(46, 30), "smoke-3-2", VERB_TEST, 0, NULL},
    {T(49, 0), "smoke-6-1", VERB_SMOKE, 1, "smoke-6-1: smoke, where the e-bike is"},
    {T(50, 0), "lamp-6-01", VERB_POWER, 18, "lamps 6-01 to 6-09 shine again"},
    {T(50, 2), "lamp-6-02", VERB_POWER, 18, NULL},
    {T(50, 4), "lamp-6-03", VERB_POWER, 18, NULL},
    {T(50, 6), "lamp-6-04", VERB_POWER, 18, NULL},
    {T(50, 8), "lamp-6-05", VERB_POWER, 18, NULL},
    {T(50, 10), "lamp-6-06", VERB_POWER, 18, NULL},
    {T(50, 12), "lamp-6-07", VERB_POWER, 18, NULL},
    {T(50, 14), "lamp-6-08", VERB_POWER, 18, NULL},
    {T(50, 16), "lamp-6-09", VERB_POWER, 18, NULL},
    {T(50, 20), "park-lake", VERB_COUNT, 105, "park-lake: 105 of 120"},
    {T(52, 0), "contact-1-2", VERB_OPEN, 0, "contact-1-2 is closed"},
    {T(52, 10), "lock-1-2", VERB_LOCK, 0, NULL},
    {T(53, 0), "cam-street-17", VERB_BLIND, 0, "cam-street-17 sees again"},
    {T(54, 0), "lamp-3-05", VERB_CHARGE_FAULT, 0, "lamp-3-05: its charger is fine"},
    {T(55, 0), "cam-street-07", VERB_ONLINE, 1, "cam-street-07 is back"},
    {T(55, 30), "card-019", VERB_BATTERY, 96, "card-019 is charged"},
    {T(56, 0), "lamp-4-02", VERB_SILENCE, 0, "lamp-4-02 speaks again"},
    {T(57, 0), "lift-5-2", VERB_LIGHT, 1, "lift-5-2: the light is on"},
    {T(58, 0), "smoke-6-1", VERB_SMOKE, 0, "smoke-6-1: the smoke is gone"},
    {T(58, 20), "card-087", VERB_STILL, 0, "card-087 moves"},
};
#define NTURNS (sizeof(turns) / sizeof(turns[0]))

bool sim_story(size_t i, struct sim_turn *ret) {
    if (i >= NTURNS)
        return false;
    *ret = (struct sim_turn){.at = turns[i].at, .device = turns[i].device, .what = turns[i].what};
    return true;
}

int sim_story_begin(struct sim *s, struct err *err) {
    for (size_t i = 0; i < NTURNS; i++) {
        struct sim_device *d = sim_find(s, turns[i].device);

        if (!d)
            return err_set(err, GF_ENOTFOUND,
                           "the story needs a device '%s', which the registry %s does not have; it plays in the shipped devices.csv",
                           turns[i].device, s->conf->registry ? s->conf->registry : "(none was given)");
        d->scripted = true;
        if (d->partner)
            d->partner->scripted = true;
        for (size_t j = 0; j < s->ndevices; j++) {
            if (s->devices[j].partner == d)
                s->devices[j].scripted = true;
        }
    }
    sim_act(s, sim_find(s, "park-lake"), VERB_COUNT, 100);
    sim_arm(s, &s->turn_node, s->conf->start + turns[0].at * TIME_SECOND);
    return s->rc;
}

void sim_story_turn(struct sim *s) {
    const struct turn *t = &turns[s->turn++];

    if (t->what)
        sim_say(s, "%s", t->what);
    sim_act(s, sim_find(s, t->device), t->verb, t->value);
    if (s->turn < NTURNS)
        sim_arm(s, &s->turn_node, s->conf->start + turns[s->turn].at * TIME_SECOND);
}
