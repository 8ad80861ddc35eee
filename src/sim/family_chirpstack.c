/* SPDX-License-Identifier: Apache-2.0
 * ChirpStack v4 (LoRaWAN): solar lamps, DALI lamps, smart cards, smoke sensors of the sheds. Its habits: one envelope for all, the time in UTC with
 * nanoseconds, two gateways that hear the same uplink, the decoded values in `object`, battery also as an event of its own. */
#include <string.h>

#include "sim_int.h"

#define APPLICATION "8d1f2c4e-55aa-4b6e-9a30-6f0c5f1e7a11"
#define ENVELOPE_MAX 1400

static const char *nano_time(const struct sim *s, struct sim_device *d, char out[TIME_TEXT_MAX]) {
    struct civil c;
    int64_t at = sim_stamp(s, d);

    civil_from(at / 1000, &c);
    (void)snprintf(out, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%06d+00:00", c.year, c.month, c.day, c.hour, c.minute, c.second,
                   (int)(at % 1000), sim_between(d, 0, 999999));
    return out;
}

/* The head of every event, up to deviceInfo's end; without the closing brace. */
static void envelope(struct sim *s, struct sim_device *d, const char *profile, char out[ENVELOPE_MAX]) {
    char time[TIME_TEXT_MAX];
    uint64_t a = sim_random(&d->random), b = sim_random(&d->random);

    (void)snprintf(
        out, ENVELOPE_MAX,
        "{\"deduplicationId\":\"%08x-%04x-4%03x-8%03x-%012llx\",\"time\":\"%s\",\"deviceInfo\":{\"tenantId\":\"52f14cd4-c6f1-4fbd-8f87-40a5e1d49242\","
        "\"tenantName\":\"澜溪\",\"applicationId\":\"" APPLICATION "\",\"applicationName\":\"lanxi\",\"deviceProfileName\":\"%s\","
        "\"deviceName\":\"%s\",\"devEui\":\"%s\",\"tags\":{\"site\":\"lanxi\"}}",
        (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52 & 0xfff),
        (unsigned long long)(b & UINT64_C(0xffffffffffff)), nano_time(s, d, time), profile, d->id, d->address);
}

static void uplink(struct sim *s, struct sim_device *d, const char *profile, int port, const char *object) {
    char head[ENVELOPE_MAX];
    SIM_TOPIC(topic, "application/" APPLICATION "/device/%s/event/up", d->address);

    envelope(s, d, profile, head);
    d->frame++;
    sim_send(
        s, topic,
        "%s,\"devAddr\":\"01%06x\",\"adr\":true,\"dr\":5,\"fCnt\":%u,\"fPort\":%d,\"confirmed\":false,\"data\":\"AQID\","
        "\"rxInfo\":[{\"gatewayId\":\"a84041ffff1e0001\",\"rssi\":-%d,\"snr\":%.1f},{\"gatewayId\":\"a84041ffff1e0002\",\"rssi\":-%d,\"snr\":-%.1f}],"
        "\"txInfo\":{\"frequency\":%d},\"object\":%s}",
        head, (unsigned)(d->frame * 7u & 0xffffffu), d->frame, port, sim_between(d, 60, 90), sim_real(d, 5, 11), sim_between(d, 95, 112),
        sim_real(d, 1, 6), 486300000 + 200000 * sim_between(d, 0, 7), object);
}

static void status(struct sim *s, struct sim_device *d, const char *profile) {
    char head[ENVELOPE_MAX];
    SIM_TOPIC(topic, "application/" APPLICATION "/device/%s/event/status", d->address);

    envelope(s, d, profile, head);
    sim_send(s, topic, "%s,\"margin\":%d,\"externalPowerSource\":false,\"batteryLevelUnavailable\":false,\"batteryLevel\":%.2f}", head,
             sim_between(d, 4, 22), (double)d->battery);
}

static void join(struct sim *s, struct sim_device *d, const char *profile) {
    char head[ENVELOPE_MAX];
    SIM_TOPIC(topic, "application/" APPLICATION "/device/%s/event/join", d->address);

    envelope(s, d, profile, head);
    sim_send(s, topic, "%s,\"devAddr\":\"01%06x\"}", head, (unsigned)(d->frame * 7u & 0xffffffu));
}

/* ---- solar lamps: value W, fault of the charger -------------------------------------------------------------------------------------- */

static void lamp_tick(struct sim *s, struct sim_device *d) {
    char object[256];

    (void)snprintf(
        object, sizeof(object),
        "{\"light\":\"on\",\"brightness\":80,\"load_power\":%.1f,\"battery\":%d,\"battery_voltage\":%.1f,\"solar_power\":0.0,\"charge_status\":\"%s\"}",
        d->value, d->battery, 11.6 + d->battery * 0.018, d->fault ? "fault" : "idle");
    uplink(s, d, "solar-controller", 85, object);
}

static void lamp_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_POWER)
        d->value = value;
    else if (verb == VERB_BATTERY)
        d->battery = (int)value;
    else if (verb == VERB_CHARGE_FAULT)
        d->fault = value > 0;
    else
        return;
    sim_tick(s, d);
}

static void lamp_hello(struct sim *s, struct sim_device *d) { join(s, d, "solar-controller"); }

const struct sim_family family_chirpstack_lamp = {.name = "chirpstack-lamp",
                                                  .made_up = "70b3d57ed0f",
                                                  .period = 5 * TIME_MINUTE,
                                                  .hello = lamp_hello,
                                                  .tick = lamp_tick,
                                                  .act = lamp_act};

/* ---- DALI lamps: two packets a turn -------------------------------------------------------------------------------------------------- */

static void nas_tick(struct sim *s, struct sim_device *d) {
    char object[512], iso[TIME_TEXT_MAX];

    d->total += d->value / 12;
    (void)snprintf(
        object, sizeof(object),
        "{\"packet_type\":\"usage_packet\",\"consumption\":[{\"address\":\"internal_measurement\",\"lamp_on_time__h\":%d},"
        "{\"address\":\"dali_single_9\",\"active_energy__Wh\":%.0f,\"active_power__W\":%.0f,\"power_factor\":0.93,\"mains_voltage__V\":%d}]}",
        4100 + d->number * 13, d->total * 1000, d->value, sim_between(d, 226, 231));
    uplink(s, d, "ul2030", 25, object);
    (void)snprintf(
        object, sizeof(object),
        "{\"packet_type\":\"status_packet\",\"device_unix_epoch\":\"%s\",\"dimming_source\":[{\"address\":\"dali_single_9\",\"reason\":\"schedule\","
        "\"dimming_level__percent\":80,\"status\":{\"lamp_failure\":%s,\"lamp_on\":%s,\"driver_error\":false}}]}",
        time_format(sim_stamp(s, d) / 60000 * 60000, 0, iso), d->fault ? "true" : "false", d->value > 1 ? "true" : "false");
    uplink(s, d, "ul2030", 24, object);
}

static void nas_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_POWER) {
        d->value = value;
        sim_tick(s, d);
    } else if (verb == VERB_FAULT) {
        d->fault = value > 0;
        uplink(
            s, d, "ul2030", 61,
            d->fault
                ? "{\"packet_type\":\"dali_driver_alert\",\"drivers\":[{\"address\":\"dali_single_9\",\"status\":{\"driver_error\":false,"
                  "\"lamp_failure\":true,\"lamp_on\":false}}]}"
                : "{\"packet_type\":\"dali_driver_alert\",\"drivers\":[{\"address\":\"dali_single_9\",\"status\":{\"driver_error\":false,"
                  "\"lamp_failure\":false,\"lamp_on\":true}}]}");
    }
}

const struct sim_family family_chirpstack_nas = {.name = "chirpstack-nas", .period = 5 * TIME_MINUTE, .tick = nas_tick, .act = nas_act};

/* ---- cards: flag is "no longer moves" ------------------------------------------------------------------------------------------------- */

static void card_beat(struct sim *s, struct sim_device *d, bool moving) {
    char object[256];

    (void)snprintf(object, sizeof(object), "{\"battery\":%d,\"temperature\":%.1f,\"motion_status\":\"%s\",\"geofence_status\":\"inside\"}",
                   d->battery, sim_real(d, 18, 26), moving ? (sim_chance(d, 30) ? "start_moving" : "moving") : "stop");
    uplink(s, d, "at101", 85, object);
}

static void card_tick(struct sim *s, struct sim_device *d) {
    /* Every second heartbeat at least says that its bearer moves. */
    bool moving = !d->flag && (!d->moving || sim_chance(d, 50));

    d->moving = moving;
    card_beat(s, d, moving);
    if (sim_chance(d, 12))
        status(s, d, "at101");
    if (!d->scripted && !d->flag && sim_chance(d, 4)) /* the button pressed short: nothing is wrong */
        uplink(s, d, "at101", 85,
               d->number % 2 ? "{\"battery\":80,\"press\":\"short\"}" : "{\"battery\":80,\"button_event\":{\"status\":\"short press\"}}");
}

static void card_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    char object[128];

    switch (verb) {
    case VERB_PRESS:
        if (d->number % 2)
            (void)snprintf(object, sizeof(object), "{\"battery\":%d,\"press\":\"long\"}", d->battery);
        else
            (void)snprintf(object, sizeof(object), "{\"battery\":%d,\"button_event\":{\"status\":\"long press\"}}", d->battery);
        uplink(s, d, "ws101", 85, object);
        break;
    case VERB_BATTERY:
        d->battery = (int)value;
        card_beat(s, d, !d->flag);
        status(s, d, "at101");
        break;
    case VERB_STILL:
        card_beat(s, d, true);
        d->flag = value > 0;
        break;
    default: break;
    }
}

static void card_hello(struct sim *s, struct sim_device *d) { join(s, d, "at101"); }

const struct sim_family family_chirpstack_card = {.name = "chirpstack-card",
                                                  .made_up = "70b3d57ed0e",
                                                  .period = 15 * TIME_MINUTE,
                                                  .hello = card_hello,
                                                  .tick = card_tick,
                                                  .act = card_act};

/* ---- smoke sensors of the sheds: strings for states ----------------------------------------------------------------------------------- */

static void smoke_tick(struct sim *s, struct sim_device *d) {
    char object[256];

    (void)snprintf(
        object, sizeof(object),
        "{\"batteryLevelInPercentage\":%d,\"powerEvent\":\"AC Power On\",\"lowBatteryAlarm\":\"%s\",\"faultAlarm\":\"Normal\",\"smokeAlarm\":\"%s\","
        "\"testButtonPressed\":\"%s\"}",
        d->battery, d->battery < 15 ? "Alarm" : "Normal", d->flag ? "Alarm" : "Normal", d->busy ? "Alarm" : "Normal");
    uplink(s, d, "sd1001", 8, object);
}

static void smoke_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_SMOKE)
        d->flag = value > 0;
    else if (verb == VERB_TEST)
        d->busy = value > 0;
    else if (verb == VERB_BATTERY)
        d->battery = (int)value;
    else
        return;
    sim_tick(s, d);
}

const struct sim_family family_chirpstack_smoke = {.name = "chirpstack-smoke",
                                                   .period = 10 * TIME_MINUTE,
                                                   .tick = smoke_tick,
                                                   .act = smoke_act};
