/* SPDX-License-Identifier: Apache-2.0
 * Load mode: numbered door-lock messages (zigbee2mqtt's full state, 1 in 100 with a refused code), spread over the devices in turn, at a steady rate.
 * The ledger gets a line for each message whose PUBACK has come, so that a test can ask afterwards where every one of them went. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_int.h"

#define LOAD_DEVICES 300
#define LOAD_AHEAD 4000 /* messages made before the broker has taken them */

int sim_load_begin(struct sim *s, struct err *err) {
    if (s->conf->ledger) {
        if (s->conf->qos == 0)
            return err_set(err, GF_EINVAL, "a ledger needs QoS 1: at QoS 0 the broker acknowledges nothing");
        s->ledger = fopen(s->conf->ledger, "we");
        if (!s->ledger)
            return err_sys(err, GF_EIO, errno, "ledger %s", s->conf->ledger);
    }
    return 0;
}

bool sim_load_over(const struct sim *s) { return s->conf->count > 0 && s->made >= s->conf->count; }

static void load_message(struct sim *s) {
    uint64_t number = ++s->made;
    int devices = s->conf->devices > 0 ? s->conf->devices : LOAD_DEVICES;
    int device = (int)((number - 1) % (uint64_t)devices) + 1;
    bool refused = number % 100 == 0;
    bool locked = sim_random(&s->random) & 1;
    char stamp[TIME_TEXT_MAX];
    SIM_TOPIC(topic, "zigbee2mqtt/load-%d", device);

    buf_clear(&s->text);
    buf_printf(
        &s->text,
        "{\"action\":\"%s\",\"action_source\":0,\"action_source_name\":\"keypad\",\"action_user\":%d,\"battery\":%d,\"linkquality\":%d,\"lock_state\":\"%s\","
        "\"state\":\"%s\",\"sound_volume\":\"silent_mode\",\"voltage\":%d,\"last_seen\":\"%s\",\"seq\":%llu}",
        refused  ? "unlock_failure_invalid_pin_or_id"
        : locked ? "keypad_lock"
                 : "keypad_unlock",
        (int)(number % 7), 60 + device % 40, 40 + (int)(number % 150), locked ? "locked" : "unlocked", locked ? "LOCK" : "UNLOCK",
        5000 + (int)(number % 1000), sim_iso(s, NULL, stamp), (unsigned long long)number);
    if (s->text.failed) {
        sim_fail(s, GF_ENOMEM, "out of memory");
        return;
    }
    sim_put(s, false, topic, s->text.data, s->text.len, number);
}

/* As many as the rate asks for since the start; a slow broker makes it late, it never makes it stop. */
void sim_load_step(struct sim *s) {
    double seconds = (double)(uv_hrtime() - s->begun) / 1e9;
    uint64_t want = (uint64_t)(seconds * s->conf->rate) + 1;

    s->now = s->conf->start + (int64_t)(seconds * 1000 * s->conf->scale);
    while (s->made < want && !sim_load_over(s) && s->waiting < LOAD_AHEAD && !s->ended)
        load_message(s);
    sim_flush(s);
}

void sim_load_done(struct sim *s) {
    if (s->ledger && fclose(s->ledger) != 0 && s->rc == 0)
        s->rc = err_sys(s->err, GF_EIO, errno, "ledger %s", s->conf->ledger);
    s->ledger = NULL;
}
