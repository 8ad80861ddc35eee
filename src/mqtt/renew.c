/* SPDX-License-Identifier: Apache-2.0
 * Renewed certificates, keys and passwords: the files are looked at with every keepalive and when the owner says so, and a connection that was made with older ones makes way for a new one. Only when the
 * new ones can be used: a renewal is often two files, and what works is not given up for half of one. Nothing is lost by it: the session is kept, and what was not acknowledged comes again. */
#include <stdio.h>

#include "gengfu/mqtt/secret.h"
#include "mqtt_int.h"

uint64_t mqtt_files_print(const struct mqtt *m) {
    const struct config_mqtt *c = m->conf.broker;
    const char *paths[] = {c->tls.on ? c->tls.ca : NULL, c->tls.on ? c->tls.cert : NULL, c->tls.on ? c->tls.key : NULL, c->password_file};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (paths[i] != NULL)
            return tls_files_print(paths, sizeof(paths) / sizeof(paths[0]));
    return 0;
}

static int try_files(const struct mqtt *m, struct err *err) {
    const struct config_mqtt *c = m->conf.broker;
    struct tls_told told;
    struct buf password;
    SSL_CTX *ctx = NULL;
    int rc = c->tls.on ? tls_context(&c->tls, c->host, &told, err, &ctx) : 0;

    SSL_CTX_free(ctx);
    if (rc == 0 && c->password_file != NULL) {
        rc = secret_read(c->password_file, &password, err);
        if (rc == 0)
            secret_done(&password);
    }
    return rc;
}

bool mqtt_renew(struct mqtt *m) {
    char why[1200];
    struct err err = {0};

    if (m->state != MQTT_UP || m->held || m->count > 0 || m->stop_wanted)
        return false;
    uint64_t now = mqtt_files_print(m);

    if (now == m->files || now == m->unusable)
        return false;
    if (try_files(m, &err) < 0) {
        m->unusable = now;
        (void)snprintf(why, sizeof(why),
                       "a renewed certificate, key or password cannot be used, the connection goes on with the former: %s", err.text);
        m->inside++;
        if (m->ops.notice != NULL)
            m->ops.notice(m->ctx, why);
        m->inside--;
        return false;
    }
    (void)mosquitto_disconnect(m->mosq);
    (void)mosquitto_loop_write(m->mosq, 1);
    m->failures = 0;
    mqtt_down(m, "a certificate, key or password was renewed: connecting with the new one");
    return true;
}
