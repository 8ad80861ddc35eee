/* SPDX-License-Identifier: Apache-2.0
 * The daemon as it runs, in the test's own process, in a directory of its own, with MQTT links that the test holds (still_link.h), and clients of its control socket. The loop turns when the test turns
 * it. What should not fail and does ends the program with a sentence; cmocka is not needed. */
#ifndef TESTS_LIB_DAEMON_FIXTURE_H
#define TESTS_LIB_DAEMON_FIXTURE_H

#include "daemon/daemon_int.h"
#include "still_link.h"

#define DFX_T0 INT64_C(1768046400000) /* 2026-01-10T12:00:00Z: what the daemon's clock shows at its first start */

struct dfx {
    struct daemon *d; /* NULL: not running */
    struct daemon_options opt;
    char dir[64], socket[80], store[80], rules[80];
    uint16_t mid; /* of the latest message */
};
/* Broker "gengfu-gw", platform "city" over MQTT as "gengfu-gw-city" (topics gengfu/gw/…), lamps and doors; `more` is put behind the rules, or NULL. */
void dfx_init(struct dfx *f, const char *more);
void dfx_configure(struct dfx *f, const char *platforms); /* more of them, before the start */
void dfx_done(struct dfx *f);                             /* stops it, and removes the directory */
int dfx_start(struct dfx *f, struct err *err);
void dfx_stop(struct dfx *f);
void dfx_turn(struct dfx *f, int turns);   /* of the loop, without waiting */
void dfx_later(struct dfx *f, int64_t ms); /* so much time goes by, for the daemon; then it turns */
struct mqtt *dfx_broker(struct dfx *f);
struct mqtt *dfx_city(struct dfx *f);
/* A QoS 1 message of a device, and the batch's end. False: it is not acknowledged yet. */
bool dfx_device(struct dfx *f, const char *topic, const char *payload, size_t len);
void dfx_hand(struct mqtt *m, const char *topic, const char *payload, size_t len);   /* a platform's message, over its link */
void dfx_platform(struct dfx *f, const char *what, const char *payload, size_t len); /* of city; what: commands, receipts */
int dfx_connect(struct dfx *f);                                                      /* to the control socket, non-blocking */

#endif
