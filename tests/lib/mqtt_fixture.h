/* SPDX-License-Identifier: Apache-2.0
 * A loop with MQTT clients on it, and waiting with an end. mfx_done asserts that every handle is gone. */
#ifndef TESTS_LIB_MQTT_FIXTURE_H
#define TESTS_LIB_MQTT_FIXTURE_H

#include <stdbool.h>
#include <uv.h>

#include "mqtt/mqtt_int.h"
#include "patience.h"

#define MFX_CLIENTS 8
#define MFX_PATIENCE (15000 * patience()) /* ms that a condition may take to come */

struct mfx;
struct client {
    struct mfx *fx;
    struct mqtt *mqtt;
    struct config_mqtt broker;
    char id[32];
    bool up, closed, stopped, session_present, stop_when_up, hold, later;
    int ups, downs, messages, batches, subscribed, refused_filters, want, published, unpublished, got_mid, want_published;
    int64_t retry_in;
    char why[512], notice[512], topic[256], payload[256];
    int qos;
    bool retained;
};
struct mfx {
    uv_loop_t loop;
    uv_timer_t tick;
    struct config_mqtt broker; /* copied into each client that is made after a change */
    struct mqtt_conf conf;
    struct client *clients[MFX_CLIENTS];
    int n;
};
void mfx_setup(struct mfx *fx, int port);
struct client *mfx_client(struct mfx *fx, const char *id, bool clean);
bool mfx_until(struct mfx *fx, bool (*condition)(struct client *), struct client *c);
void mfx_run(struct mfx *fx, int ms);
void mfx_teardown(struct mfx *fx); /* stops every client and waits for its end */
void mfx_done(struct mfx *fx);

void client_start(struct client *c);
void client_stop(struct client *c);
void client_publish(struct client *c, const char *topic, const char *payload, int qos); /* counts in want_published */
bool client_is_up(struct client *c);
bool client_is_down(struct client *c);
bool client_is_closed(struct client *c);
bool client_is_subscribed(struct client *c);
bool client_has_messages(struct client *c);
bool client_has_published(struct client *c); /* want_published of them */

#endif
