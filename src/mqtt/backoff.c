/* SPDX-License-Identifier: Apache-2.0
 * How long to wait before the next try: a ceiling that doubles with each failure, and a wait drawn evenly from below it ("full jitter"), so that many gateways that lost
 * the same broker do not come back in step. */
#include "mqtt_int.h"

int64_t mqtt_backoff(struct prng *prng, int failures) {
    int64_t ceiling = MQTT_BACKOFF_MIN;

    for (int i = 1; i < failures && ceiling < MQTT_BACKOFF_MAX; i++)
        ceiling *= 2;
    if (ceiling > MQTT_BACKOFF_MAX)
        ceiling = MQTT_BACKOFF_MAX;
    int64_t wait = (int64_t)prng_below(prng, (uint64_t)ceiling + 1);

    return wait < MQTT_BACKOFF_FLOOR ? MQTT_BACKOFF_FLOOR : wait;
}
