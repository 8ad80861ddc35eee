/* SPDX-License-Identifier: Apache-2.0
 * Certificates for tests, made by openssl in a directory of their own: an authority, a server for 127.0.0.1 and localhost, one for another name, one that has expired, a client; and another
 * authority that nobody trusts. */
#ifndef TESTS_LIB_CERTS_H
#define TESTS_LIB_CERTS_H

#include <stdbool.h>

struct certs {
    char dir[64];
    char ca[96], other_ca[96];
    char server[96], server_key[96];     /* for 127.0.0.1 and localhost */
    char stranger[96], stranger_key[96]; /* for other.example */
    char expired[96], expired_key[96];
    char client[96], client_key[96];
};
bool certs_make(struct certs *c); /* false: openssl is not installed, which has been said */
void certs_done(struct certs *c);

#endif
