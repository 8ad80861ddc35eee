/* SPDX-License-Identifier: Apache-2.0
 * Dahua recorder through the CameraEvents bridge. Its habits: the event's name and the channel in the topic, bare words ON and OFF, the bridge's own state
 * as Python writes a truth value, a heartbeat in local text. */
#include "sim_int.h"

static void event(struct sim *s, struct sim_device *d, const char *code, bool on) {
    SIM_TOPIC(topic, "CameraEvents/%s/%s", code, d->id);

    sim_send(s, topic, "%s", on ? "ON" : "OFF");
}

static void act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_BLIND)
        event(s, d, "VideoBlind", value > 0);
    else if (verb == VERB_ONLINE)
        event(s, d, "VideoLoss", value <= 0);
    else if (verb == VERB_ENTER)
        event(s, d, "VideoMotion", true);
    else if (verb == VERB_LEAVE)
        event(s, d, "VideoMotion", false);
}

static void tick(struct sim *s, struct sim_device *d) {
    if (d->scripted || !sim_chance(d, 60))
        return;
    int64_t at = sim_between(d, 1, 60) * TIME_SECOND;

    sim_later(s, d, at, VERB_ENTER, 0);
    sim_later(s, d, at + sim_between(d, 4, 30) * TIME_SECOND, VERB_LEAVE, 0);
}

const struct sim_family family_dahua = {.name = "dahua", .kind = "camera", .period = 2 * TIME_MINUTE, .tick = tick, .act = act};

static void nvr_hello(struct sim *s, struct sim_device *d) {
    (void)d;
    sim_retain(s, "CameraEvents/$online", "True");
}

static void nvr_tick(struct sim *s, struct sim_device *d) {
    char stamp[TIME_TEXT_MAX];

    (void)sim_local(s, d, stamp);
    stamp[10] = ' ';
    sim_send(s, "CameraEvents/$heartbeat", "%s", stamp);
}

static void nvr_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_ONLINE) {
        d->offline = value <= 0;
        sim_retain(s, "CameraEvents/$online", "%s", value > 0 ? "True" : "False");
    }
}

const struct sim_family family_dahua_nvr = {
    .name = "dahua", .kind = "nvr", .period = 1 * TIME_MINUTE, .hello = nvr_hello, .tick = nvr_tick, .act = nvr_act};
