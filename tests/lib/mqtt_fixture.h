/* SPDX-License-Identifier: Apache-2.0
 * A loop with MQTT clients on it, and waiting with an end. fx_done asserts that every handle is gone. */
#ifndef TESTS_LIB_MQTT_FIXTURE_H
#define TESTS_LIB_MQTT_FIXTURE_H

#include <stdbool.h>
#include <uv.h>

#include "mqtt/mqtt_int.h"

#define FX_CLIENTS 8
#define FX_PATIENCE 15000 /* ms that a condition may take to come */

struct fx;
struct client {
    struct fx *fx;
    struct mqtt *mqtt;
    struct config_mqtt broker;
    char id[32];
    bool up, closed, stopped, session_present, stop_when_up, hold;
    int ups, downs, messages, batches, subscribed, refused_filters, want, published, unpublished, want_mid, got_mid;
    int64_t retry_in;
    char why[512], topic[256], payload[256];
    int qos;
    bool retained;
};
struct fx {
    uv_loop_t loop;
    uv_timer_t tick;
    struct config_mqtt broker; /* copied into each client that is made after a change */
    struct mqtt_conf conf;
    struct client *clients[FX_CLIENTS];
    int n;
};
void fx_setup(struct fx *fx, int port);
struct client *fx_client(struct fx *fx, const char *id, bool clean);
bool fx_until(struct fx *fx, bool (*condition)(struct client *), struct client *c);
void fx_run(struct fx *fx, int ms);
void fx_teardown(struct fx *fx); /* stops every client and waits for its end */
void fx_done(struct fx *fx);

void client_start(struct client *c);
void client_stop(struct client *c);
bool client_is_up(struct client *c);
bool client_is_down(struct client *c);
bool client_is_closed(struct client *c);
bool client_is_subscribed(struct client *c);
bool client_has_messages(struct client *c);
bool client_has_published(struct client *c);

#endif
