/* SPDX-License-Identifier: Apache-2.0
 * Tasmota: street lamps and feeder meters. Its habits: local time without a zone, a retained LWT word, STATE and SENSOR every five minutes,
 * one switching told twice (RESULT as JSON, POWER as a bare word). value is the power in W; light is the relay. */
#include "sim_int.h"

static void sensor(struct sim *s, struct sim_device *d, double apparent_min) {
    char stamp[TIME_TEXT_MAX];
    SIM_TOPIC(topic, "tele/%s/SENSOR", d->id);
    double watts = d->value > 0 ? d->value : 0, volts = sim_between(d, 226, 231);
    double apparent = watts > 0 ? watts / 0.93 : apparent_min;

    d->total += watts / 1000 / 12;
    sim_send(
        s, topic,
        "{\"Time\":\"%s\",\"ENERGY\":{\"TotalStartTime\":\"2025-11-02T09:14:31\",\"Total\":%.3f,\"Yesterday\":%.3f,\"Today\":%.3f,\"Period\":%d,"
        "\"Power\":%.0f,\"ApparentPower\":%.0f,\"ReactivePower\":%.0f,\"Factor\":%.2f,\"Voltage\":%.0f,\"Current\":%.3f}}",
        sim_local(s, d, stamp), d->total, 0.208, watts * 3 / 1000, (int)(watts / 12), watts, apparent, apparent * 0.36,
        watts > 0 ? 0.93 : 0.0, volts, apparent / volts);
}

static void state(struct sim *s, struct sim_device *d) {
    char stamp[TIME_TEXT_MAX];
    SIM_TOPIC(topic, "tele/%s/STATE", d->id);
    int64_t up = (s->now - s->conf->start) / 1000 + 1050000;

    sim_send(
        s, topic,
        "{\"Time\":\"%s\",\"Uptime\":\"%lldT%02lld:%02lld:%02lld\",\"UptimeSec\":%lld,\"Heap\":26,\"SleepMode\":\"Dynamic\",\"Sleep\":50,"
        "\"LoadAvg\":19,\"MqttCount\":%d,\"POWER\":\"%s\",\"Wifi\":{\"AP\":1,\"SSId\":\"LANXI-LAMP\",\"BSSId\":\"9C:A2:F4:10:22:%02X\","
        "\"Channel\":6,\"Mode\":\"11n\",\"RSSI\":%d,\"Signal\":-%d,\"LinkCount\":1,\"Downtime\":\"0T00:00:05\"}}",
        sim_local(s, d, stamp), (long long)(up / 86400), (long long)(up / 3600 % 24), (long long)(up / 60 % 60), (long long)(up % 60),
        (long long)up, 1 + d->number, d->light ? "ON" : "OFF", (unsigned)d->number, sim_between(d, 60, 96), sim_between(d, 52, 71));
}

static void send_will(struct sim *s, struct sim_device *d, const char *word) {
    SIM_TOPIC(topic, "tele/%s/LWT", d->id);

    sim_retain(s, topic, "%s", word);
}

static void hello(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(info, "tele/%s/INFO3", d->id);
    SIM_TOPIC(result, "stat/%s/RESULT", d->id);
    SIM_TOPIC(power, "stat/%s/POWER", d->id);

    send_will(s, d, "Online");
    sim_send(s, info, "{\"RestartReason\":\"Power On\"}");
    sim_send(s, result, "{\"POWER\":\"ON\"}");
    sim_send(s, power, "ON");
}

static void tick(struct sim *s, struct sim_device *d) {
    state(s, d);
    sensor(s, d, 0);
}

static void act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_POWER) {
        d->value = value;
        sim_tick(s, d);
    } else if (verb == VERB_ONLINE) {
        d->offline = value <= 0;
        send_will(s, d, value > 0 ? "Online" : "Offline");
    }
}

const struct sim_family family_tasmota_lamp = {
    .name = "tasmota", .kind = "lamp", .made_up = "lamp-x", .period = 5 * TIME_MINUTE, .hello = hello, .tick = tick, .act = act};

static void meter_hello(struct sim *s, struct sim_device *d) {
    send_will(s, d, "Online");
    d->value = sim_real(d, 155, 172); /* nine lamps and what the cable loses */
}

static void meter_tick(struct sim *s, struct sim_device *d) { sensor(s, d, 1); }

const struct sim_family family_tasmota_meter = {
    .name = "tasmota", .kind = "meter", .period = 5 * TIME_MINUTE, .hello = meter_hello, .tick = meter_tick, .act = act};
