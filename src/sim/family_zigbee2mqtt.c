/* SPDX-License-Identifier: Apache-2.0
 * zigbee2mqtt: locks, door contacts, smoke sensors and SOS buttons. Its habits, kept here: every report is the whole cached state; the first report of a
 * lock's action still carries the old state, a second one the new; the action comes a third time as a bare word; availability is retained JSON. */
#include "sim_int.h"

static void send_availability(struct sim *s, struct sim_device *d, bool online) {
    SIM_TOPIC(topic, "zigbee2mqtt/%s/availability", d->id);

    sim_retain(s, topic, "{\"state\":\"%s\"}", online ? "online" : "offline");
}

static void hello(struct sim *s, struct sim_device *d) { send_availability(s, d, true); }

static void go_online(struct sim *s, struct sim_device *d, bool online) {
    d->offline = !online;
    send_availability(s, d, online);
}

static int quality(struct sim_device *d) { return sim_between(d, 40, 180); }

/* ---- locks: flag is "unlocked" --------------------------------------------------------------------------------------------------- */

static void lock_state(struct sim *s, struct sim_device *d, const char *action, int user, bool unlocked) {
    char stamp[TIME_TEXT_MAX];
    SIM_TOPIC(topic, "zigbee2mqtt/%s", d->id);

    if (action)
        sim_send(
            s, topic,
            "{\"action\":\"%s\",\"action_source\":%d,\"action_source_name\":\"%s\",\"action_user\":%d,\"battery\":%d,\"linkquality\":%d,"
            "\"lock_state\":\"%s\",\"state\":\"%s\",\"voltage\":%d,\"last_seen\":\"%s\"}",
            action, user == 65535 ? 2 : 0, user == 65535 ? "manual" : "keypad", user, d->battery, quality(d),
            unlocked ? "unlocked" : "locked", unlocked ? "UNLOCK" : "LOCK", 5200 + d->battery * 8, sim_iso(s, d, stamp));
    else
        sim_send(s, topic, "{\"battery\":%d,\"linkquality\":%d,\"lock_state\":\"%s\",\"state\":\"%s\",\"voltage\":%d,\"last_seen\":\"%s\"}",
                 d->battery, quality(d), unlocked ? "unlocked" : "locked", unlocked ? "UNLOCK" : "LOCK", 5200 + d->battery * 8,
                 sim_iso(s, d, stamp));
}

static void lock_action(struct sim *s, struct sim_device *d, const char *action, int user, bool unlocked) {
    SIM_TOPIC(topic, "zigbee2mqtt/%s/action", d->id);

    lock_state(s, d, action, user, d->flag);
    sim_send(s, topic, "%s", action);
    d->flag = unlocked;
    lock_state(s, d, NULL, 0, unlocked);
}

static void lock_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    switch (verb) {
    case VERB_UNLOCK: lock_action(s, d, value == 65535 ? "manual_unlock" : "keypad_unlock", (int)value, true); break;
    case VERB_LOCK: lock_action(s, d, value == 65535 ? "manual_lock" : "auto_lock", 65535, false); break;
    case VERB_GUESS: lock_state(s, d, "unlock_failure_invalid_pin_or_id", 65535, d->flag); break;
    case VERB_BATTERY:
        d->battery = (int)value;
        lock_state(s, d, NULL, 0, d->flag);
        break;
    case VERB_ONLINE: go_online(s, d, value > 0); break;
    default: break;
    }
}

/* Somebody comes home: the code, the door, the latch. */
static void lock_tick(struct sim *s, struct sim_device *d) {
    lock_state(s, d, NULL, 0, d->flag);
    if (d->scripted || d->flag || !sim_chance(d, d->partner ? 60 : 15))
        return;
    int64_t at = sim_between(d, 5, 200) * TIME_SECOND;

    if (d->partner && d->partner->scripted)
        return;
    sim_later(s, d, at, VERB_UNLOCK, sim_chance(d, 20) ? 65535 : sim_between(d, 1, 24));
    if (d->partner) {
        sim_later(s, d->partner, at + 3 * TIME_SECOND, VERB_OPEN, 1);
        sim_later(s, d->partner, at + 14 * TIME_SECOND, VERB_OPEN, 0);
    }
    sim_later(s, d, at + 22 * TIME_SECOND, VERB_LOCK, 0);
}

const struct sim_family family_z2m_lock = {
    .name = "z2m-lock", .made_up = "lock-x", .period = 5 * TIME_MINUTE, .hello = hello, .tick = lock_tick, .act = lock_act};

/* ---- contacts: flag is "open" ---------------------------------------------------------------------------------------------------- */

static void contact_tick(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "zigbee2mqtt/%s", d->id);

    sim_send(s, topic, "{\"contact\":%s,\"battery\":%d,\"linkquality\":%d,\"voltage\":%d}", d->flag ? "false" : "true", d->battery,
             quality(d), 2800 + d->battery * 2);
}

static void contact_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_OPEN)
        d->flag = value > 0;
    else if (verb == VERB_BATTERY)
        d->battery = (int)value;
    else if (verb == VERB_ONLINE)
        go_online(s, d, value > 0);
    else
        return;
    if (verb != VERB_ONLINE)
        contact_tick(s, d);
}

const struct sim_family family_z2m_contact = {
    .name = "z2m-contact", .made_up = "contact-x", .period = 8 * TIME_MINUTE, .hello = hello, .tick = contact_tick, .act = contact_act};

/* ---- smoke: flag is the alarm, busy the self test ---------------------------------------------------------------------------------- */

static void smoke_tick(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "zigbee2mqtt/%s", d->id);

    sim_send(s, topic, "{\"smoke\":%s,\"battery\":%d,\"battery_low\":%s,\"test\":%s,\"linkquality\":%d}", d->flag ? "true" : "false",
             d->battery, d->battery < 15 ? "true" : "false", d->busy ? "true" : "false", quality(d));
}

static void smoke_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_SMOKE)
        d->flag = value > 0;
    else if (verb == VERB_TEST)
        d->busy = value > 0;
    else if (verb == VERB_BATTERY)
        d->battery = (int)value;
    else if (verb == VERB_ONLINE)
        go_online(s, d, value > 0);
    else
        return;
    if (verb != VERB_ONLINE)
        smoke_tick(s, d);
}

const struct sim_family family_z2m_smoke = {
    .name = "z2m-smoke", .made_up = "smoke-x", .period = 10 * TIME_MINUTE, .hello = hello, .tick = smoke_tick, .act = smoke_act};

/* ---- SOS buttons ------------------------------------------------------------------------------------------------------------------- */

static void sos_state(struct sim *s, struct sim_device *d, const char *action) {
    char stamp[TIME_TEXT_MAX];
    SIM_TOPIC(topic, "zigbee2mqtt/%s", d->id);

    sim_send(s, topic, "{\"action\":%s,\"battery\":%d,\"last_seen\":\"%s\",\"linkquality\":%d}", action, d->battery, sim_iso(s, d, stamp),
             quality(d));
}

static void sos_tick(struct sim *s, struct sim_device *d) { sos_state(s, d, "null"); }

static void sos_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_PRESS) {
        SIM_TOPIC(topic, "zigbee2mqtt/%s/action", d->id);

        sos_state(s, d, "\"emergency\"");
        sim_send(s, topic, "emergency");
        sos_state(s, d, "\"\"");
    } else if (verb == VERB_BATTERY) {
        d->battery = (int)value;
        sos_tick(s, d);
    } else if (verb == VERB_ONLINE) {
        go_online(s, d, value > 0);
    }
}

const struct sim_family family_z2m_sos = {
    .name = "z2m-sos", .made_up = "sos-x", .period = 10 * TIME_MINUTE, .hello = hello, .tick = sos_tick, .act = sos_act};
