/* SPDX-License-Identifier: Apache-2.0
 * Certificates for tests, made by openssl in a directory of their own: an authority, a server for 127.0.0.1 and localhost, one for another name, one that has expired, one that
 * signed itself, a client; and another authority that nobody trusts. */
#ifndef TESTS_LIB_CERTS_H
#define TESTS_LIB_CERTS_H

#include <stdbool.h>
#include <sys/types.h>

struct certs {
    char dir[64];
    char ca[96], other_ca[96];
    char server[96], server_key[96];     /* for 127.0.0.1 and localhost */
    char stranger[96], stranger_key[96]; /* for other.example */
    char expired[96], expired_key[96];
    char own[96], own_key[96]; /* self-signed, for 127.0.0.1 and localhost */
    char client[96], client_key[96];
};
bool certs_make(struct certs *c); /* false: openssl is not installed, which has been said */
/* One more, for `name` (its CN is "gengfu test NAME"), good for `days`; the files are NAME.pem and NAME.key. */
void certs_leaf(const struct certs *c, const char *name, const char *alternative, const char *days);
/* A server that speaks one version of TLS ("-tls1_1", "-tls1_2") and nothing else; end it with certs_server_end. */
pid_t certs_old_server(const struct certs *c, int port, const char *version);
void certs_server_end(pid_t pid);
void certs_done(struct certs *c);

#endif
