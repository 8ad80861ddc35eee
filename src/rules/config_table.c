/* SPDX-License-Identifier: Apache-2.0
 * Every setting of gengfu.yaml: one line each, which feeds reading, checking and docs/configuration.md. */
#include "rules/config_int.h"

#include "gengfu/base/time.h"

#define C(field) offsetof(struct config, field)
#define P(field) offsetof(struct config_platform, field)
#define T(field) offsetof(struct config_tls, field)
#define DAY ((double)TIME_DAY)
#define KB 1024.0
#define MB (1024.0 * KB)
#define GB (1024.0 * MB)

const char *const config_actions[CONFIG_ACTIONS + 1] = {"acknowledge", "dispatch", "handle",   "resolve", "close",
                                                        "reopen",      "note",     "evaluate", NULL};

const char *const config_section_names[SECTIONS] = {"gateway", "broker", "broker.tls",  "store",
                                                    "control", "limits", "platforms[]", "platforms[].tls"};
const char *const config_section_about[SECTIONS] = {
    "Who and where this gateway is.",
    "The MQTT broker that the devices speak to.",
    "TLS to the broker. `tls: true` takes every default; leaving it out means no TLS.",
    "The one SQLite file that holds journal, state, incidents and outbox.",
    "The Unix socket that the subcommands use.",
    "Ceilings.",
    "The platforms that incidents are sent to: a list, at most 16.",
    "TLS to a platform. With `type: https` it is always on, and this section may be left out.",
};

/* clang-format off */
const struct setting config_settings[] = {
    {SECTION_GATEWAY, "id", SETTING_TEXT, C(id), 0, 0, {0}, NULL, true, 0, "Short name of this gateway: part of incident numbers and topics. Letters, digits, `-` and `_`."},
    {SECTION_GATEWAY, "name", SETTING_TEXT, C(name), 0, 0, {0}, NULL, false, 0, "Name for people. Default: the id."},
    {SECTION_GATEWAY, "lat", SETTING_DOUBLE, C(lat), -90, 90, {0}, NULL, false, 0, "Degrees north. Needed for sunrise and sunset."},
    {SECTION_GATEWAY, "lon", SETTING_DOUBLE, C(lon), -180, 180, {0}, NULL, false, 0, "Degrees east. Needed for sunrise and sunset."},
    {SECTION_GATEWAY, "datum", SETTING_TEXT, C(datum), 0, 0, {"WGS84", "GCJ-02", "CGCS2000"}, "WGS84", false, 0, "Datum of every coordinate in the registry."},
    {SECTION_GATEWAY, "zone", SETTING_TEXT, C(zone_name), 0, 0, {0}, "UTC", false, 0, "Time zone of the site: an IANA name (`Asia/Shanghai`) or an offset (`+08:00`)."},
    {SECTION_GATEWAY, "clock", SETTING_CHOICE, C(clock), 0, 0, {"ntp", "any"}, "ntp", false, 0,
     "What makes the clock trusted: `ntp`: the kernel has been told that it is synchronised; `any`: it shows a likely time (a box with a good RTC and no NTP)."},
    {SECTION_GATEWAY, "late_tolerance", SETTING_SPAN, C(late_tolerance), 0, 365 * DAY, {0}, "1h", false, 0,
     "How far a device's own time may lie from the time of arrival. Beyond it the time of arrival is taken."},

    {SECTION_BROKER, "host", SETTING_TEXT, C(broker.host), 0, 0, {0}, "localhost", false, 0, "Name or address."},
    {SECTION_BROKER, "port", SETTING_INT, C(broker.port), 1, 65535, {0}, NULL, false, 0, "Default: 1883, with TLS 8883."},
    {SECTION_BROKER, "client_id", SETTING_TEXT, C(broker.client_id), 0, 0, {0}, NULL, false, 0,
     "Must stay the same: the broker keeps the session under it. Default: `gengfu-` and the gateway's id."},
    {SECTION_BROKER, "user", SETTING_TEXT, C(broker.user), 0, 0, {0}, NULL, false, 0, "User name at the broker."},
    {SECTION_BROKER, "password_file", SETTING_TEXT, C(broker.password_file), 0, 0, {0}, NULL, false, 0,
     "File with the password, not readable by others. A name without `/` is a systemd credential."},
    {SECTION_BROKER, "protocol", SETTING_INT, C(broker.protocol), 4, 5, {0}, "5", false, 0, "5: MQTT 5, and 3.1.1 when the broker refuses it. 4: MQTT 3.1.1."},
    {SECTION_BROKER, "keepalive", SETTING_INT, C(broker.keepalive), 5, 3600, {0}, "30", false, 0, "Seconds between pings."},
    {SECTION_BROKER, "session_expiry", SETTING_SPAN, C(broker.session_expiry), 0, 365 * DAY, {0}, "14d", false, 0,
     "How long the broker keeps messages for us while we are away (MQTT 5)."},
    {SECTION_BROKER, "receive_maximum", SETTING_INT, C(broker.receive_maximum), 1, 65535, {0}, "500", false, 0,
     "Messages that the broker may send before we acknowledge: the size of a batch."},
    {SECTION_BROKER, "coalesce", SETTING_SPAN, C(coalesce), 0, 1000, {0}, "10ms", false, 0,
     "How long to wait behind the first message of a batch for more of them. Longer saves writes, shorter saves latency."},
    {SECTION_BROKER, "batch_max", SETTING_INT, C(batch_max), 1, 10000, {0}, "1000", false, 0, "Most messages of one transaction."},
    {SECTION_BROKER, "commit_wait", SETTING_SPAN, C(commit_wait), 0, 2000, {0}, "500ms", false, 0,
     "How long messages that changed no incident may wait for their transaction, and the broker for their acknowledgement. Incidents and commands never wait. `0s`: a transaction after each reading."},

    {SECTION_BROKER_TLS, "ca", SETTING_TEXT, T(ca), 0, 0, {0}, NULL, false, 0, "PEM file with the authorities to trust. Default: the system's."},
    {SECTION_BROKER_TLS, "cert", SETTING_TEXT, T(cert), 0, 0, {0}, NULL, false, 0, "Client certificate, PEM."},
    {SECTION_BROKER_TLS, "key", SETTING_TEXT, T(key), 0, 0, {0}, NULL, false, 0, "Its private key, PEM, not readable by others."},
    {SECTION_BROKER_TLS, "verify", SETTING_BOOL, T(verify), 0, 0, {0}, "true", false, 0, "Check the broker's certificate and name. `false` is warned about by `check`, in the log and in `gengfu status`."},
    {SECTION_BROKER_TLS, "min_version", SETTING_CHOICE, T(min_version), 0, 0, {"tlsv1.2", "tlsv1.3"}, "tlsv1.2", false, 0, "Oldest version of TLS that is spoken."},

    {SECTION_STORE, "path", SETTING_TEXT, C(store_path), 0, 0, {0}, "/var/lib/gengfu/gengfu.db", false, 0, "The database file."},
    {SECTION_STORE, "journal_max_age", SETTING_SPAN, C(journal_max_age), 3600000, 3650 * DAY, {0}, "14d", false, 0, "Events older than that are dropped."},
    {SECTION_STORE, "journal_max_bytes", SETTING_SIZE, C(journal_max_bytes), MB, 1024 * GB, {0}, "512MB", false, 0, "The journal's oldest events are dropped beyond that."},
    {SECTION_STORE, "closed_max_age", SETTING_SPAN, C(closed_max_age), 3600000, 3650 * DAY, {0}, "365d", false, 0, "How long closed incidents are kept."},
    {SECTION_STORE, "outbox_max_bytes", SETTING_SIZE, C(outbox_max_bytes), 64 * KB, 1024 * GB, {0}, "64MB", false, 0, "Room for what waits for the platforms."},
    {SECTION_STORE, "low_space", SETTING_SIZE, C(low_space), 0, 1024 * GB, {0}, "32MB", false, 0, "Less than that free beside the store raises an incident, before the disk is full. `0MB`: never."},
    {SECTION_STORE, "reserve", SETTING_SIZE, C(store_reserve), 0, GB, {0}, "4MB", false, 0,
     "Held back in a file beside the store, and given up when the disk is full, so that the platforms can be told. `0MB`: none."},

    {SECTION_CONTROL, "socket", SETTING_TEXT, C(socket), 0, 0, {0}, CONFIG_SOCKET, false, 0, "Path of the socket, at most 100 bytes."},
    {SECTION_CONTROL, "group", SETTING_TEXT, C(socket_group), 0, 0, {0}, "gengfu", false, 0, "Members of this group may use it (and root)."},

    {SECTION_LIMITS, "max_payload", SETTING_SIZE, C(max_payload), 1 * KB, 64 * MB, {0}, "256KB", false, 0,
     "Larger messages are counted and not read. A source may set its own `max_payload`."},
    {SECTION_LIMITS, "max_devices", SETTING_INT, C(max_devices), 1, 1000000, {0}, "100000", false, 0, "Devices that are kept in mind, unknown ones included."},
    {SECTION_LIMITS, "max_keys", SETTING_INT, C(max_keys), 1, 1000000, {0}, "10000", false, 0, "Keys (`by`) that one rule keeps state for. A rule may set its own `max_keys`."},
    {SECTION_LIMITS, "device_rate", SETTING_INT, C(device_rate), 0, 1000000, {0}, "50", false, 0,
     "Events a second that one device may send for long; beyond it they are [thinned](failures.md#a-device-that-floods). `0`: no limit."},
    {SECTION_LIMITS, "device_burst", SETTING_INT, C(device_burst), 1, 1000000, {0}, "500", false, 0, "Events that one device may send at once beyond `device_rate`."},

    {SECTION_PLATFORM, "platform", SETTING_TEXT, P(name), 0, 0, {0}, NULL, true, FOR_ALL, "Name of the platform; rules name it in `forward`."},
    {SECTION_PLATFORM, "type", SETTING_CHOICE, P(type), 0, 0, {"mqtt", "https", "file"}, NULL, true, FOR_ALL, "How to reach it."},
    {SECTION_PLATFORM, "level", SETTING_TEXT, P(level), 0, 0, {0}, NULL, false, FOR_ALL, "Level in the administration: `village`, `town`, `district`, or your own word; `escalate` names it."},
    {SECTION_PLATFORM, "when", SETTING_EXPR, P(when), 0, 0, {0}, NULL, false, FOR_ALL, "Filter: an expression over `incident`; only incidents for which it holds are sent."},
    {SECTION_PLATFORM, "detail", SETTING_SWITCH, P(public_only), 0, 0, {"full", "public"}, "full", false, FOR_ALL,
     "`public`: only what anybody may know, for a screen in the street or a register that residents look at. No title, device, values, evidence or history; no commands."},
    {SECTION_PLATFORM, "commands", SETTING_ACTIONS, P(actions), 0, 0, {0}, "true", false, FOR_NET,
     "What this platform may do to the incidents that it is sent: `true` (all), `false` (nothing), or a list: `acknowledge`, `dispatch`, `handle`, `resolve`, `close`, `reopen`, `note`, `evaluate`."},
    {SECTION_PLATFORM, "in_flight", SETTING_INT, P(in_flight), 1, 1000, {0}, "16", false, FOR_ALL, "Messages that may wait for their confirmation at once."},
    {SECTION_PLATFORM, "retry_min", SETTING_SPAN, P(retry_min), 100, DAY, {0}, "1s", false, FOR_ALL, "Shortest pause before sending again; it doubles, with jitter."},
    {SECTION_PLATFORM, "retry_max", SETTING_SPAN, P(retry_max), 100, DAY, {0}, "5m", false, FOR_ALL, "Longest pause before sending again."},
    {SECTION_PLATFORM, "host", SETTING_TEXT, P(mqtt.host), 0, 0, {0}, NULL, true, FOR_MQTT, "The platform's broker: name or address."},
    {SECTION_PLATFORM, "port", SETTING_INT, P(mqtt.port), 1, 65535, {0}, NULL, false, FOR_MQTT, "Default: 1883, with TLS 8883."},
    {SECTION_PLATFORM, "client_id", SETTING_TEXT, P(mqtt.client_id), 0, 0, {0}, NULL, false, FOR_MQTT, "Default: `gengfu-`, the gateway's id, `-` and the platform's name."},
    {SECTION_PLATFORM, "user", SETTING_TEXT, P(mqtt.user), 0, 0, {0}, NULL, false, FOR_MQTT, "User name at the platform's broker."},
    {SECTION_PLATFORM, "password_file", SETTING_TEXT, P(mqtt.password_file), 0, 0, {0}, NULL, false, FOR_MQTT, "As `broker.password_file`."},
    {SECTION_PLATFORM, "protocol", SETTING_INT, P(mqtt.protocol), 4, 5, {0}, "5", false, FOR_MQTT, "As `broker.protocol`."},
    {SECTION_PLATFORM, "keepalive", SETTING_INT, P(mqtt.keepalive), 5, 3600, {0}, "60", false, FOR_MQTT, "Seconds between pings."},
    {SECTION_PLATFORM, "session_expiry", SETTING_SPAN, P(mqtt.session_expiry), 0, 365 * DAY, {0}, "14d", false, FOR_MQTT, "How long the broker keeps commands for us."},
    {SECTION_PLATFORM, "receive_maximum", SETTING_INT, P(mqtt.receive_maximum), 1, 65535, {0}, "100", false, FOR_MQTT, "Commands that may come before we acknowledge."},
    {SECTION_PLATFORM, "prefix", SETTING_TEXT, P(prefix), 0, 0, {0}, "gengfu", false, FOR_MQTT, "Topics are `{prefix}/{gateway}/incidents/{id}` and so on."},
    {SECTION_PLATFORM, "confirm", SETTING_SWITCH, P(confirm_puback), 0, 0, {"receipt", "puback"}, "receipt", false, FOR_MQTT,
     "What confirms a message: the platform's receipt, or (for platforms that cannot) the broker's PUBACK."},
    {SECTION_PLATFORM, "receipt_timeout", SETTING_SPAN, P(receipt_timeout), 1000, DAY, {0}, "30s", false, FOR_MQTT, "How long to wait for a receipt before sending again."},
    {SECTION_PLATFORM, "url", SETTING_TEXT, P(url), 0, 0, {0}, NULL, true, FOR_HTTPS, "Where incidents are posted: `https://…` (`http://` only to this machine)."},
    {SECTION_PLATFORM, "secret_file", SETTING_TEXT, P(secret_file), 0, 0, {0}, NULL, false, FOR_HTTPS, "Standard Webhooks secret (`whsec_…` or base64) to sign with."},
    {SECTION_PLATFORM, "token_file", SETTING_TEXT, P(token_file), 0, 0, {0}, NULL, false, FOR_HTTPS, "Bearer token."},
    {SECTION_PLATFORM, "timeout", SETTING_SPAN, P(timeout), 1000, 600000, {0}, "20s", false, FOR_HTTPS, "For one request."},
    {SECTION_PLATFORM, "poll", SETTING_SPAN, P(poll), 0, DAY, {0}, "0s", false, FOR_HTTPS, "Pause between polls for commands. `0s`: no polling."},
    {SECTION_PLATFORM, "path", SETTING_TEXT, P(path), 0, 0, {0}, NULL, true, FOR_FILE, "File that incidents are appended to, one JSON object a line."},

    {SECTION_PLATFORM_TLS, "ca", SETTING_TEXT, T(ca), 0, 0, {0}, NULL, false, FOR_NET, "PEM file with the authorities to trust. Default: the system's."},
    {SECTION_PLATFORM_TLS, "cert", SETTING_TEXT, T(cert), 0, 0, {0}, NULL, false, FOR_NET, "Client certificate, PEM."},
    {SECTION_PLATFORM_TLS, "key", SETTING_TEXT, T(key), 0, 0, {0}, NULL, false, FOR_NET, "Its private key, PEM, not readable by others."},
    {SECTION_PLATFORM_TLS, "verify", SETTING_BOOL, T(verify), 0, 0, {0}, "true", false, FOR_NET, "Check the platform's certificate and name. `false` is warned about by `check`, in the log and in `gengfu status`."},
    {SECTION_PLATFORM_TLS, "min_version", SETTING_CHOICE, T(min_version), 0, 0, {"tlsv1.2", "tlsv1.3"}, "tlsv1.2", false, FOR_NET, "Oldest version of TLS that is spoken."},
};
/* clang-format on */
const size_t config_settings_count = sizeof config_settings / sizeof *config_settings;
