/* SPDX-License-Identifier: Apache-2.0
 * Chance and stamps of the simulated devices. Every device draws from its own generator (SplitMix64), so the same seed gives the same neighbourhood. */
#include "sim_int.h"

uint64_t sim_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int sim_between(struct sim_device *d, int low, int high) { return low + (int)(sim_random(&d->random) % (uint64_t)(high - low + 1)); }

double sim_real(struct sim_device *d, double low, double high) {
    return low + (high - low) * ((double)(sim_random(&d->random) >> 11) / 9007199254740992.0);
}

bool sim_chance(struct sim_device *d, int percent) { return sim_between(d, 1, 100) <= percent; }

int64_t sim_stamp(const struct sim *s, const struct sim_device *d) {
    /* A device that has lost its clock counts from its own start. */
    return d && d->no_clock ? s->now - s->conf->start : s->now;
}

const char *sim_iso(const struct sim *s, const struct sim_device *d, char out[TIME_TEXT_MAX]) {
    return time_format(sim_stamp(s, d) / 1000 * 1000, s->conf->offset, out);
}

const char *sim_local(const struct sim *s, const struct sim_device *d, char out[TIME_TEXT_MAX]) {
    struct civil c;

    civil_from(sim_stamp(s, d) / 1000 + s->conf->offset, &c);
    (void)snprintf(out, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
    return out;
}
