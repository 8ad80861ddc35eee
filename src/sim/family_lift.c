/* SPDX-License-Identifier: Apache-2.0
 * Lifts: the monitor in the machine room tells the whole state each minute and on every change. Local text for the time, the floor as text.
 * count is the floor, number the floor it goes to, flag the open door; light, fault, occupied, moving as they say. */
#include "sim_int.h"

#define TOP_FLOOR 17

static void tell(struct sim *s, struct sim_device *d) {
    char stamp[TIME_TEXT_MAX];
    SIM_TOPIC(topic, "lift/%s/state", d->id);

    (void)sim_local(s, d, stamp);
    stamp[10] = ' ';
    sim_send(
        s, topic,
        "{\"liftNo\":\"%s\",\"time\":\"%s\",\"floor\":\"%d\",\"direction\":\"%s\",\"moving\":%s,\"door\":\"%s\",\"levelled\":%s,\"occupied\":%s,"
        "\"light\":\"%s\",\"mode\":\"%s\",\"faultCode\":%d,\"alarmButton\":0}",
        d->id, stamp, d->count,
        !d->moving             ? "none"
        : d->number > d->count ? "up"
                               : "down",
        d->moving ? "true" : "false", d->flag ? "open" : "closed", d->moving || d->fault ? "false" : "true", d->occupied ? "true" : "false",
        d->light ? "on" : "off", d->fault ? "fault" : "normal", d->fault ? 12 : 0);
}

static void act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    switch (verb) {
    case VERB_RIDE:
        if (d->fault || d->moving)
            return;
        d->number = (int)value;
        d->moving = true;
        d->flag = false;
        break;
    case VERB_STOP:
        if (d->fault)
            return;
        d->count = d->number;
        d->moving = false;
        break;
    case VERB_DOOR:
        if (d->fault || d->moving)
            return;
        d->flag = value > 0;
        if (!d->flag && !d->scripted)
            d->occupied = false;
        break;
    case VERB_FAULT:
        d->fault = value > 0;
        d->moving = d->flag = false;
        d->occupied = d->fault;
        break;
    case VERB_LIGHT:
        d->light = value > 0;
        if (d->scripted)
            d->occupied = !d->light;
        break;
    default: return;
    }
    tell(s, d);
    sim_arm(s, &d->node, s->now + family_lift.period);
}

static void hello(struct sim *s, struct sim_device *d) {
    (void)s;
    d->count = sim_between(d, 1, TOP_FLOOR);
}

/* The full state; and, when nothing else is on, somebody calls it and rides. */
static void tick(struct sim *s, struct sim_device *d) {
    tell(s, d);
    if (d->scripted || d->moving || d->flag || d->busy || !sim_chance(d, 30))
        return;
    int to = sim_between(d, 1, TOP_FLOOR);

    if (to == d->count)
        return;
    d->occupied = true;
    sim_later(s, d, 5 * TIME_SECOND, VERB_RIDE, to);
    sim_later(s, d, 24 * TIME_SECOND, VERB_STOP, 0);
    sim_later(s, d, 26 * TIME_SECOND, VERB_DOOR, 1);
    sim_later(s, d, 37 * TIME_SECOND, VERB_DOOR, 0);
}

const struct sim_family family_lift = {
    .name = "lift", .made_up = "lift-x", .period = 1 * TIME_MINUTE, .hello = hello, .tick = tick, .act = act};
