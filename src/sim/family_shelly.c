/* SPDX-License-Identifier: Apache-2.0
 * Shelly, second generation: street lamps. Its habits: the id stands in `src`, components are keys with a colon, the full status comes once after the
 * connection, then only what has changed; `online` is a retained bare true or false. */
#include "sim_int.h"

static double stamp(const struct sim *s, const struct sim_device *d) { return (double)sim_stamp(s, d) / 1000.0; }

static void send_online(struct sim *s, struct sim_device *d, bool online) {
    SIM_TOPIC(topic, "%s/online", d->address);

    sim_retain(s, topic, "%s", online ? "true" : "false");
}

static void component(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "%s/status/switch:0", d->address);

    sim_send(s, topic,
             "{\"id\":0,\"source\":\"schedule\",\"output\":%s,\"apower\":%.1f,\"voltage\":%.1f,\"current\":%.3f,\"freq\":50.0,"
             "\"aenergy\":{\"total\":%.3f,\"by_minute\":[%.3f,%.3f,%.3f],\"minute_ts\":%lld},\"temperature\":{\"tC\":%.1f,\"tF\":%.1f}}",
             d->light ? "true" : "false", d->value, sim_real(d, 227, 231), d->value / 229, d->total * 1000, d->value * 16.6,
             d->value * 16.7, d->value * 16.5, (long long)sim_stamp(s, d) / 60000 * 60, 21.5, 70.7);
}

static void hello(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "%s/events/rpc", d->address);

    send_online(s, d, true);
    sim_send(
        s, topic,
        "{\"src\":\"%s\",\"dst\":\"%s/events\",\"method\":\"NotifyFullStatus\",\"params\":{\"ts\":%.2f,\"ble\":{},\"cloud\":{\"connected\":false},"
        "\"mqtt\":{\"connected\":true},\"switch:0\":{\"id\":0,\"source\":\"init\",\"output\":%s,\"apower\":%.1f,\"voltage\":229.4,\"current\":%.3f,"
        "\"aenergy\":{\"total\":%.3f,\"by_minute\":[0.000,0.000,0.000],\"minute_ts\":%lld},\"temperature\":{\"tC\":21.2,\"tF\":70.2}},"
        "\"sys\":{\"restart_required\":false,\"unixtime\":%lld,\"uptime\":19,\"cfg_rev\":12},\"wifi\":{\"status\":\"got ip\",\"rssi\":-61}}}",
        d->address, d->address, stamp(s, d), d->light ? "true" : "false", d->value, d->value / 229, d->total * 1000,
        (long long)sim_stamp(s, d) / 60000 * 60, (long long)(sim_stamp(s, d) / 1000));
    component(s, d);
}

static void tick(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "%s/events/rpc", d->address);

    d->total += d->value / 1000 / 12;
    sim_send(
        s, topic,
        "{\"src\":\"%s\",\"dst\":\"%s/events\",\"method\":\"NotifyStatus\",\"params\":{\"ts\":%.2f,\"switch:0\":{\"id\":0,\"apower\":%.1f,\"current\":%.3f}}}",
        d->address, d->address, stamp(s, d), d->value + sim_real(d, -0.2, 0.2), d->value / 229);
    if (sim_chance(d, 25))
        component(s, d);
}

static void act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_POWER) {
        d->value = value;
        sim_tick(s, d);
    } else if (verb == VERB_ONLINE) {
        d->offline = value <= 0;
        send_online(s, d, value > 0);
    }
}

const struct sim_family family_shelly = {
    .name = "shelly", .made_up = "shellyplus1pm-80646fe", .period = 5 * TIME_MINUTE, .hello = hello, .tick = tick, .act = act};
