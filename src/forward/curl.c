/* SPDX-License-Identifier: Apache-2.0
 * Loading libcurl; see the header. */
#include "forward/curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "gengfu/base/log.h"
#include "gengfu/forward/forward.h"

#define LIBRARY "libcurl.so.4" /* its interface has had this number since 2006 */

struct curl_api curl_api;

int curl_load(struct err *err) {
    static bool loaded;
    static const struct {
        const char *name;
        size_t at;
    } functions[] = {
#define X(name) {"curl_" #name, offsetof(struct curl_api, name)},
        CURL_FUNCTIONS(X)
#undef X
    };

    if (loaded)
        return 0;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL)
        return err_set(err, GF_EUNAVAIL, "an HTTPS platform needs libcurl (Debian: apt install libcurl4): %s", dlerror());
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *function = dlsym(library, functions[i].name);

        if (function == NULL) {
            (void)dlclose(library);
            return err_set(err, GF_EUNAVAIL, "%s lacks %s: an HTTPS platform needs a newer libcurl", LIBRARY, functions[i].name);
        }
        memcpy((char *)&curl_api + functions[i].at, &function, sizeof(function));
    }
    loaded = true;
    log_info("HTTPS: %s", curl_version());
    return 0;
}

const char *forward_https_version(void) {
    struct err err;

    return curl_load(&err) < 0 ? "not installed" : curl_version();
}
