/* SPDX-License-Identifier: Apache-2.0
 * The daemon in the test's own process. */
#include "daemon_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char config[] =
    "gateway: {id: gw, lat: 30.0, lon: 120.0, zone: UTC}\nstore: {reserve: 0}\nbroker: {host: 127.0.0.1, commit_wait: 0s}\ncontrol: {group: nobody-at-all}\n"
    "platforms:\n  - {platform: city, type: mqtt, host: 127.0.0.1, client_id: gengfu-gw-city, in_flight: 4}\n";
static const char devices[] = "device,kind,name,block,min_w:double\nlamp-1,lamp,灯一,B1,5\nlamp-2,lamp,灯二,B1,5\ndoor-1,door,门,B2,\n";
static const char rules[] =
    "sources:\n"
    "  - {source: lamp, topic: 'lamp/{device}', events: [{kind: lamp, time: payload.at, fields: {w: payload.w, m: payload.m}}]}\n"
    "  - {source: door, topic: 'door/{device}', match: has(payload.open), events: [{kind: door, fields: {open: payload.open, who: payload.who}}]}\n"
    "rules:\n"
    "  - rule: dark\n    on: lamp\n    when: event.w < device.min_w\n    clear: event.w > 10.0\n    evidence: [event.w]\n"
    "    incident: {severity: minor, title: '${device.name} ${event.w}'}\n"
    "  - rule: forced\n    on: door\n    when: event.open == true\n    clear: manual\n    incident: {severity: extreme, title: '${device.name} ${event.?who.orValue(\"?\")}'}\n"
    "  - rule: often\n    on: door\n    within: 5m\n    having: event_count() >= 3\n    resolve_after: 10m\n    incident: {severity: severe, title: often}\n"
    "  - rule: block\n    on: incident\n    when: event.rule == 'dark' && event.change == 'opened'\n    by: device.block\n    within: 5m\n    having: event_count() >= 2\n"
    "    resolve_after: 1h\n    incident: {severity: severe, title: '${by}', members: event.incident}\n";

static void must(bool fine, const char *what) {
    if (fine)
        return;
    (void)fprintf(stderr, "daemon fixture: %s\n", what);
    abort();
}

static void put(const struct dfx *f, const char *name, const char *text, const char *more) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *out = fopen(path, "we");
    must(out && fputs(text, out) >= 0 && fputs(more ? more : "", out) >= 0 && fclose(out) == 0, path);
}

/* What is in the directory, whatever the daemon has put there. */
static void drop_all(const char *dir) {
    DIR *d = opendir(dir);
    must(d != NULL, dir);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    (void)closedir(d);
}

void dfx_init(struct dfx *f, const char *more) {
    *f = (struct dfx){.mid = 0};
    (void)snprintf(f->dir, sizeof f->dir, "%s/gengfu-daemon-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(f->dir) != NULL, "no directory");
    (void)snprintf(f->socket, sizeof f->socket, "%s/s", f->dir);
    (void)snprintf(f->store, sizeof f->store, "%s/db", f->dir);
    (void)snprintf(f->rules, sizeof f->rules, "%s/rules.d", f->dir);
    must(mkdir(f->rules, 0700) == 0, "no rules.d");
    put(f, "gengfu.yaml", config, NULL);
    put(f, "devices.csv", devices, NULL);
    put(f, "rules.d/a.yaml", rules, more);
    f->opt = (struct daemon_options){.dir = f->dir, .socket = f->socket, .store = f->store, .time_scale = 1, .clock_start = DFX_T0};
}

void dfx_configure(struct dfx *f, const char *platforms) { put(f, "gengfu.yaml", config, platforms); }

void dfx_done(struct dfx *f) {
    dfx_stop(f);
    drop_all(f->rules);
    must(rmdir(f->rules) == 0, f->rules);
    drop_all(f->dir);
    must(rmdir(f->dir) == 0, f->dir);
}

int dfx_start(struct dfx *f, struct err *err) { return daemon_new(&f->opt, err, &f->d); }

void dfx_stop(struct dfx *f) {
    if (f->d)
        daemon_free(f->d);
    f->d = NULL;
}

void dfx_turn(struct dfx *f, int turns) {
    for (int i = 0; i < turns; i++)
        (void)uv_run(&f->d->loop, UV_RUN_NOWAIT);
}

void dfx_later(struct dfx *f, int64_t ms) {
    f->d->clock.mono_start += ms;
    f->d->clock.wall_start += ms;
    if (pipeline_tick(f->d) == 0)
        pipeline_schedule(f->d);
    dfx_turn(f, 2);
}

static struct mqtt *client(const char *id) {
    struct mqtt *m = still_client(id);
    must(m != NULL, id);
    return m;
}

struct mqtt *dfx_broker(struct dfx *f) {
    (void)f;
    return client("gengfu-gw");
}

struct mqtt *dfx_city(struct dfx *f) {
    (void)f;
    return client("gengfu-gw-city");
}

bool dfx_device(struct dfx *f, const char *topic, const char *payload, size_t len) {
    struct mqtt_message m = {.mid = ++f->mid, .topic = topic, .payload = payload, .len = len, .qos = 1};
    if (m.mid == 0)
        m.mid = f->mid = 1;
    still_message(dfx_broker(f), &m);
    return still_batch(dfx_broker(f));
}

void dfx_hand(struct mqtt *m, const char *topic, const char *payload, size_t len) {
    struct mqtt_message message = {.mid = 1, .topic = topic, .payload = payload, .len = len, .qos = 1};
    still_message(m, &message);
    must(still_batch(m), "a platform's message is not acknowledged");
}

void dfx_platform(struct dfx *f, const char *what, const char *payload, size_t len) {
    char topic[64];
    (void)snprintf(topic, sizeof topic, "gengfu/gw/%s", what);
    dfx_hand(dfx_city(f), topic, payload, len);
}

int dfx_connect(struct dfx *f) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(addr.sun_path, f->socket, strlen(f->socket) + 1);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "no control socket");
    return fd;
}
