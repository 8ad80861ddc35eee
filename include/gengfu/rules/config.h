/* SPDX-License-Identifier: Apache-2.0
 * gengfu.yaml: the gateway, its broker, the store, the platforms, the control socket, the limits. All strings belong to the configuration.
 * Every setting, with unit, range and default, stands in one table (src/rules/config_table.c) that feeds reading, checking and docs. */
#ifndef GENGFU_RULES_CONFIG_H
#define GENGFU_RULES_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "gengfu/base/time.h"
#include "gengfu/cel/cel.h"
#include "gengfu/rules/report.h"

#define CONFIG_MAX_PLATFORMS 16
#define CONFIG_ACTIONS 8
#define CONFIG_MAX_SOCKET 100                   /* bytes of its path */
#define CONFIG_SOCKET "/run/gengfu/gengfu.sock" /* the control socket, where nothing else is set: the daemon's and the shell's */
extern const char
    *const config_actions[CONFIG_ACTIONS + 1]; /* what can be done to an incident: acknowledge, dispatch, …; NULL at the end */

enum tls_version { TLS_1_2, TLS_1_3 };
struct config_tls {
    bool on;
    const char *ca;   /* PEM file; NULL: the system's store */
    const char *cert; /* client certificate, PEM; NULL: none */
    const char *key;
    bool verify; /* default true; false is warned about */
    enum tls_version min_version;
};

struct config_mqtt { /* a connection to a broker: ours, or a platform's */
    const char *host;
    int port;
    const char *client_id;
    const char *user;          /* NULL: none */
    const char *password_file; /* NULL: none; a credential name without '/' is looked for in $CREDENTIALS_DIRECTORY */
    int protocol;              /* 5 (falls back to 4 when the broker refuses it) or 4 (3.1.1) */
    int keepalive;             /* s */
    int64_t session_expiry;    /* ms, MQTT 5 */
    int receive_maximum;       /* messages in flight towards us */
    struct config_tls tls;
};

enum platform_type { PLATFORM_MQTT, PLATFORM_HTTPS, PLATFORM_FILE };
struct config_platform {
    const char *name;
    enum platform_type type;
    const char *level;            /* village, town, district; NULL: any */
    struct cel_program *when;     /* filter over `incident` (a map as in the message); NULL: all */
    bool commands;                /* may it command incidents? default true for mqtt and https; never with public_only */
    unsigned actions;             /* which: bit i for config_actions[i]; 0 without commands */
    bool public_only;             /* detail: public: only what anybody may know */
    struct config_mqtt mqtt;      /* mqtt */
    const char *prefix;           /* mqtt: topic prefix, default "gengfu" */
    bool confirm_puback;          /* mqtt: a PUBACK confirms; default false (a receipt does) */
    int64_t receipt_timeout;      /* mqtt: ms to wait for a receipt before sending again */
    const char *url;              /* https (http only for loopback) */
    struct config_tls tls;        /* https */
    const char *secret_file;      /* https: Standard Webhooks secret (whsec_… or base64) */
    const char *token_file;       /* https: bearer token */
    int64_t timeout;              /* https: ms for one request */
    int64_t poll;                 /* https: ms between polls for commands; 0: none (long poll when the server holds it) */
    const char *path;             /* file: JSON lines */
    int in_flight;                /* how many messages may wait for a confirmation at once */
    int64_t retry_min, retry_max; /* ms, backoff with full jitter */
};

enum config_clock {
    CLOCK_NTP,
    CLOCK_ANY
}; /* when a clock that shows a likely time is trusted: the kernel says that it is synchronised; always */

struct config {
    /* gateway */
    const char *id, *name;
    double lat, lon; /* 0, 0 when not given: see has_place */
    bool has_place;
    const char *datum; /* "WGS84", "GCJ-02", "CGCS2000" */
    const char *zone_name;
    struct zone *zone;
    enum config_clock clock;
    int64_t late_tolerance; /* ms: device time older than that (or ahead by more) makes way for time of arrival */
    /* broker */
    struct config_mqtt broker;
    int64_t coalesce;    /* ms to wait after the first message before reading on; default 10 */
    int batch_max;       /* messages of one transaction */
    int64_t commit_wait; /* ms that what is not urgent may wait for its transaction; default 500 */
    /* store */
    const char *store_path;
    int64_t journal_max_age; /* ms */
    int64_t journal_max_bytes;
    int64_t closed_max_age; /* ms that closed incidents are kept */
    int64_t outbox_max_bytes;
    int64_t low_space;     /* bytes: less than that free beside the store is told; 0: never */
    int64_t store_reserve; /* bytes held back, to be given up when the disk is full; 0: none */
    /* platforms */
    struct config_platform platforms[CONFIG_MAX_PLATFORMS];
    size_t nplatforms;
    /* control */
    const char *socket; /* path */
    const char *socket_group;
    /* limits */
    int64_t max_payload; /* bytes; default 256 KB; a source may set its own */
    int max_devices;     /* unknown ones included */
    int max_keys;        /* per rule */
    int device_rate;     /* events a second of one device; 0: no limit */
    int device_burst;
};

/* Reads gengfu.yaml. text NULL: every setting has its default. 0: *ret is new, the report may hold errors (then it is not for use, only for checking on). */
GF_WARN_UNUSED int config_load(struct report *rep, const char *name, const char *text, size_t len, struct config **ret);
void config_free(struct config *c);
/* Every setting as a Markdown table a section, for docs/configuration.md. */
void config_print_settings(struct buf *b);

#endif
