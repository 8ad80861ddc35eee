/* SPDX-License-Identifier: Apache-2.0
 * Faults: what a neighbourhood does wrong all by itself. Every run has a little of it (an unknown topic, one torn message, Home Assistant's
 * announcements); --fault adds more. */
#include <string.h>

#include "sim_int.h"

#define DEEP 10000

static const struct {
    const char *word, *about;
} faults[SIM_FAULT_COUNT] = {
#define X(name, text, note) [name##_BIT] = {text, note},
    SIM_FAULTS(X)
#undef X
};

uint32_t sim_fault_parse(const char *word) {
    for (size_t i = 0; i < SIM_FAULT_COUNT; i++) {
        if (strcmp(faults[i].word, word) == 0)
            return UINT32_C(1) << i;
    }
    return 0;
}

const char *sim_fault_words(void) {
    static const char words[] = ""
#define X(name, text, note) text ", "
        SIM_FAULTS(X)
#undef X
        ;
    static char cut[sizeof(words)];

    memcpy(cut, words, sizeof(words));
    cut[sizeof(words) - 3] = 0; /* the last comma */
    return cut;
}

const char *sim_fault_about(size_t i, const char **ret_word) {
    *ret_word = faults[i].word;
    return faults[i].about;
}

static void mild(struct sim *s) {
    sim_send(s, "sensors/unknown/7", "{\"m\":%d,\"raw\":\"0x%04x\"}", (int)(sim_random(&s->random) % 100),
             (unsigned)(sim_random(&s->random) & 0xffff));
    sim_send(s, "homeassistant/sensor/lanxi_7/config", "{\"name\":\"lanxi 7\",\"stat_t\":\"sensors/unknown/7\"}");
}

static void torn(struct sim *s) {
    sim_send(s, "tele/lamp-7-09/SENSOR", "{\"Time\":\"2026-01-10T20:04:00\",\"ENERGY\":{\"Total\":61.2,\"Power\":1");
}

static void hostile(struct sim *s) {
    static const char binary[] = "\x00\x01\xff\xfe\x80GIF89a\x00\x00";
    static const char bad_utf8[] = "{\"action\":\"\xc3\x28\xe4\xb8\",\"battery\":80}";
    static char deep[2 * DEEP];

    memset(deep, '[', DEEP);
    memset(deep + DEEP, ']', DEEP);
    sim_put(s, false, "zigbee2mqtt/lock-x-binary", binary, sizeof(binary) - 1, 0);
    sim_put(s, false, "zigbee2mqtt/lock-x-utf8", bad_utf8, sizeof(bad_utf8) - 1, 0);
    sim_put(s, false, "zigbee2mqtt/lock-x-deep", deep, sizeof(deep), 0);
    sim_put(s, false, "frigate/events", "{}", 2, 0);
    sim_put(s, false, "nobody/knows/\xe8\xbf\x99/topic", "?", 1, 0);
    torn(s);
}

static void flap(struct sim *s) {
    for (size_t i = 0; i < s->ndevices; i += 50)
        sim_act(s, &s->devices[i], VERB_ONLINE, s->devices[i].offline ? 1 : 0);
}

static void flood(struct sim *s) {
    for (size_t i = 0; i < s->ndevices; i++) {
        struct sim_device *d = &s->devices[i];

        if (d->family == &family_z2m_lock && !d->scripted) {
            d->family->act(s, d, VERB_BATTERY, d->battery);
            return;
        }
    }
}

void sim_faults_begin(struct sim *s) {
    sim_arm(s, &s->fault_node, s->conf->start + 4 * TIME_MINUTE);
    if (s->conf->faults & SIM_FAULT_FLAP)
        sim_arm(s, &s->flap_node, s->conf->start + 2 * TIME_MINUTE);
    if (s->conf->faults & SIM_FAULT_FLOOD)
        sim_arm(s, &s->flood_node, s->conf->start + 2 * TIME_MINUTE);
}

bool sim_faults_due(struct sim *s, struct heap_node *n) {
    if (n == &s->fault_node) {
        if (s->now - s->conf->start < 5 * TIME_MINUTE)
            torn(s);
        mild(s);
        if (s->conf->faults & SIM_FAULT_HOSTILE)
            hostile(s);
        sim_arm(s, n, s->now + 10 * TIME_MINUTE);
    } else if (n == &s->flap_node) {
        flap(s);
        sim_arm(s, n, s->now + TIME_MINUTE);
    } else if (n == &s->flood_node) {
        flood(s);
        sim_arm(s, n, s->now + 20);
    } else {
        return false;
    }
    return true;
}
