/* SPDX-License-Identifier: Apache-2.0
 * TLS as both kinds of connections need it: a context that verifies and says in a sentence why it does not believe the other end; files that were renewed; certificates that run out. */
#ifndef GENGFU_MQTT_TLS_H
#define GENGFU_MQTT_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/err.h"
#include "gengfu/rules/config.h"

#define TLS_EXPIRY_AHEAD (14 * TIME_DAY) /* a certificate that runs out within this is warned about */

/* What a handshake taught. Must outlive the connections of its context. */
struct tls_told {
    const char *host;  /* the name that is verified and asked for; tls_context sets it */
    char why[400];     /* why we refused the other end, or it refused us; "" */
    bool asked;        /* the other end wanted a certificate of ours */
    int64_t not_after; /* wall ms: when the other end's certificate runs out; TIME_NONE before a handshake */
};
/* Ours to free (SSL_CTX_free) on success. The key must not be readable by others (GF_EDENIED, with the chmod); a certificate and a key that do not belong together are an error. */
GF_WARN_UNUSED int tls_context(const struct config_tls *t, const char *host, struct tls_told *told, struct err *err, SSL_CTX **ret);
/* What OpenSSL, libcurl and libmosquitto say of a failed handshake, as a sentence with its cure; NULL when it is none of what we know. */
const char *tls_sentence(const char *said);
/* When the first certificate of a PEM text runs out (wall ms); TIME_NONE when there is none. */
int64_t tls_not_after(const char *pem, size_t len);
int64_t tls_file_not_after(const char *path); /* path NULL: TIME_NONE */

/* A number that changes when one of the files is written anew or replaced, also when what a symbolic link leads to is. NULL paths and credentials that are not there count as well. */
uint64_t tls_files_print(const char *const *paths, size_t n);

#endif
