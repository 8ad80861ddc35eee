/* SPDX-License-Identifier: Apache-2.0
 * gengfu version: versions of everything that is used. */
#include <mosquitto.h>
#include <sqlite3.h>
#include <uv.h>
#include <yaml.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/forward/forward.h"

int cmd_version(struct cli *c) {
    int major, minor, revision;
    char mosquitto[32], pcre[64] = "?";
    struct buf b;

    log_open(LOG_LEVEL_WARN); /* libcurl's arrival is news for a daemon only */
    (void)mosquitto_lib_version(&major, &minor, &revision);
    (void)snprintf(mosquitto, sizeof(mosquitto), "%d.%d.%d", major, minor, revision);
    (void)pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    const struct {
        const char *name, *version;
    } parts[] = {{"gengfu", GENGFU_VERSION},
                 {"libuv", uv_version_string()},
                 {"libmosquitto", mosquitto},
                 {"sqlite", sqlite3_libversion()},
                 {"cjson", cJSON_Version()},
                 {"libyaml", yaml_get_version_string()},
                 {"libcurl", forward_https_version()},
                 {"pcre2", pcre},
                 {"compiler", __VERSION__}};

    buf_init(&b, 0);
    struct jw w = jw_start(&b);
    jw_open(&w, NULL, '{');
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!c->json)
            (void)printf("%-13s %s\n", parts[i].name, parts[i].version);
        jw_str(&w, parts[i].name, parts[i].version);
    }
    jw_close(&w, '}');
    if (c->json)
        (void)printf("%s\n", b.data);
    buf_done(&b);
    return EXIT_FINE;
}
