/* SPDX-License-Identifier: Apache-2.0
 * Forward with one platform over HTTPS. */
#include "https_fixture.h"

#include <stdio.h>
#include <stdlib.h>

struct https_fx fx;

int https_fx_group_setup(void **state) {
    (void)state;
    (void)certs_make(&fx.certs);
    return 0;
}

int https_fx_group_teardown(void **state) {
    (void)state;
    if (fx.certs.dir[0] != '\0')
        certs_done(&fx.certs);
    return 0;
}

bool https_fx_begin(const char *cert, const char *key, const char *client_ca) {
    if (fx.certs.dir[0] == '\0' || !standin_start(&fx.far, cert, key, client_ca))
        return false;
    ff_setup(&fx.ff);
    fx.p = ff_platform(&fx.ff, "city", PLATFORM_HTTPS);
    (void)snprintf(fx.url, sizeof(fx.url), "https://127.0.0.1:%d/in/incidents?tenant=7", fx.far.port);
    fx.p->url = fx.url;
    fx.p->tls.ca = fx.certs.ca;
    return true;
}

void https_fx_end(void) {
    ff_teardown(&fx.ff);
    standin_done(&fx.far);
}

int https_fx_posts(void) {
    char *text = standin_requests(&fx.far);
    int n = ff_count(text, "\"method\": \"POST\"");

    free(text);
    return n;
}
