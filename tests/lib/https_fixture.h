/* SPDX-License-Identifier: Apache-2.0
 * Forward with one platform over HTTPS, "city", and a stand-in with real TLS at its other end. */
#ifndef TESTS_LIB_HTTPS_FIXTURE_H
#define TESTS_LIB_HTTPS_FIXTURE_H

#include "certs.h"
#include "forward_fixture.h"
#include "standin.h"

struct https_fx {
    struct certs certs; /* of the group of tests */
    struct standin far;
    struct ff ff;
    struct config_platform *p;
    char url[128];
};
extern struct https_fx fx;              /* what the functions below are about */
int https_fx_group_setup(void **state); /* makes the certificates */
int https_fx_group_teardown(void **state);
/* The stand-in shows `cert` (NULL: no TLS) and asks for one of `client_ca` (NULL: for none); the platform is configured, forward not started.
 * false: what it needs is not on this machine. */
bool https_fx_begin(const char *cert, const char *key, const char *client_ca);
void https_fx_end(void);
int https_fx_posts(void); /* that the stand-in has seen */

#endif
