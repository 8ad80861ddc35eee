/* SPDX-License-Identifier: Apache-2.0
 * TLS of the MQTT client: TLS 1.2 or later, the server's certificate and name verified unless the configuration says otherwise, a client certificate when there is one.
 * The files are read for each connection, so a renewed certificate needs no restart. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mqtt_int.h"

/* libmosquitto only says "invalid argument" for a file that it cannot read. */
static int readable(const char *what, const char *path, struct err *err) {
    return path == NULL || access(path, R_OK) == 0 ? 0 : err_sys(err, GF_ENOTFOUND, errno, "tls %s: %s", what, path);
}

int mqtt_tls(struct mqtt *m, struct err *err) {
    const struct config_tls *t = &m->conf.broker->tls;
    int rc = readable("ca", t->ca, err);

    if (rc == 0)
        rc = readable("cert", t->cert, err);
    if (rc == 0)
        rc = readable("key", t->key, err);
    if (rc < 0)
        return rc;
    if ((t->cert == NULL) != (t->key == NULL))
        return err_set(err, GF_EINVAL, "tls: 'cert' and 'key' are given together or not at all");
    rc = mosquitto_tls_set(m->mosq, t->ca, t->ca == NULL ? "/etc/ssl/certs" : NULL, t->cert, t->key, NULL);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_tls_opts_set(m->mosq, t->verify ? 1 : 0, NULL, NULL); /* NULL: libmosquitto's "tlsv1.2", which means 1.2 or later */
    if (rc == MOSQ_ERR_SUCCESS && t->ca == NULL)
        rc = mosquitto_int_option(m->mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    if (rc == MOSQ_ERR_SUCCESS && !t->verify)
        rc = mosquitto_tls_insecure_set(m->mosq, true);
    return rc == MOSQ_ERR_SUCCESS ? 0 : err_set(err, GF_EINVAL, "tls: %s", mosquitto_strerror(rc));
}
