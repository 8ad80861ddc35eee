/* SPDX-License-Identifier: Apache-2.0
 * MQTT clients without a network, in place of src/mqtt's, for fuzzers and for tests of what happens when memory is out: a test hands in what "comes" from the broker, and sees what is published.
 * A program that uses anything of this has it for all its clients. */
#ifndef TESTS_LIB_STILL_LINK_H
#define TESTS_LIB_STILL_LINK_H

#include "gengfu/mqtt/mqtt.h"

#define STILL_CLIENTS 8

/* The client with this id; NULL: there is none. */
struct mqtt *still_client(const char *client_id);
void still_up(struct mqtt *m, bool up, bool session_present);
/* One message of a batch, then the batch's end: true when it may be acknowledged now (for a client that acknowledges at once always). */
void still_message(struct mqtt *m, const struct mqtt_message *message);
bool still_batch(struct mqtt *m);
/* Called for each message that a client publishes; may be NULL. */
extern void (*still_on_publish)(struct mqtt *m, const char *topic, const char *payload, size_t len);
void still_published(struct mqtt *m, bool ok); /* the broker has, or refuses, all that was published since the last call */
bool still_released(struct mqtt *m);           /* mqtt_release was called since the last batch */

#endif
