/* SPDX-License-Identifier: Apache-2.0
 * gengfu simulate: the neighbourhood of src/sim, from the command line. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_int.h"
#include "gengfu/base/time.h"
#include "gengfu/sim/sim.h"

static void on_say(void *ctx, int64_t now, const char *line) {
    char when[TIME_TEXT_MAX];

    (void)ctx;
    (void)fprintf(stderr, "%.8s  %s\n", time_format(now, 8 * 3600, when) + 11, line);
}

static void on_progress(void *ctx, const struct sim_progress *p) {
    (void)ctx;
    (void)fprintf(stderr, "\r\033[K%zu devices, %llu published, %llu confirmed, %llu waiting%s", p->devices,
                  (unsigned long long)p->published, (unsigned long long)p->confirmed, (unsigned long long)p->waiting,
                  p->up ? "" : ", broker away");
    if (p->length > 0 && p->gone >= p->length)
        (void)fputc('\n', stderr);
}

static int faults(struct cli *c, uint32_t *ret) {
    const char *v = cli_value(c, "fault");

    while (v != NULL && *v != '\0') {
        char word[32];
        size_t n = strcspn(v, ",");

        (void)snprintf(word, sizeof(word), "%.*s", (int)(n < 31 ? n : 31), v);
        uint32_t bit = sim_fault_parse(word);
        if (bit == 0)
            return cli_usage(c, "--fault: '%s' is none of %s", word, sim_fault_words());
        *ret |= bit;
        v += n + (v[n] == ',');
    }
    return EXIT_FINE;
}

static int read_options(struct cli *c, struct sim_conf *conf, char *registry, size_t size) {
    double port = 1883, devices = 0, rate = 0, n = 0, seed = 1, qos = 1, scale = 1;
    const char *start = cli_value(c, "clock-start");
    int64_t seconds, length = 0;
    int nanos;
    bool zoned;

    if (cli_number(c, "port", 1, 65535, &port) || cli_number(c, "devices", 0, SIM_MAX_DEVICES, &devices) ||
        cli_number(c, "rate", 1, SIM_MAX_RATE, &rate) || cli_number(c, "count", 1, 1e12, &n) || cli_number(c, "seed", 0, 1e15, &seed) ||
        cli_number(c, "qos", 0, 1, &qos) || cli_number(c, "scale", 0.1, 10000, &scale) || cli_span(c, "length", &length) ||
        faults(c, &conf->faults))
        return EXIT_USAGE;
    conf->start = clock_wall();
    if (start != NULL) {
        if (time_parse(start, strlen(start), true, &seconds, &nanos, &zoned) < 0)
            return cli_usage(c, "--clock-start: '%s' is not a time like 2026-01-05T20:00:00+08:00", start);
        conf->start = seconds * 1000;
    }
    (void)snprintf(registry, size, "%s/devices.csv", c->dir);
    conf->registry = cli_given(c, "registry") ? cli_value(c, "registry") : access(registry, R_OK) == 0 ? registry : NULL;
    conf->broker = (struct config_mqtt){.host = cli_given(c, "host") ? cli_value(c, "host") : "127.0.0.1",
                                        .port = (int)port,
                                        .protocol = 5,
                                        .keepalive = 60};
    conf->devices = (int)devices;
    conf->seed = (uint64_t)seed;
    conf->scale = scale;
    conf->length = length;
    conf->offset = 8 * 3600;
    conf->qos = (int)qos;
    conf->story = cli_given(c, "story");
    conf->rate = rate;
    conf->count = (uint64_t)n;
    conf->ledger = cli_value(c, "ledger");
    return EXIT_FINE;
}

int cmd_simulate(struct cli *c) {
    struct sim_conf conf = {0};
    struct err err = {0};
    char registry[4096];
    int rc = read_options(c, &conf, registry, sizeof(registry));

    if (rc != EXIT_FINE)
        return rc;
    if (!cli_given(c, "quiet")) {
        conf.say = on_say;
        if (isatty(STDERR_FILENO) && !conf.story)
            conf.progress = on_progress;
    }
    int done = sim_run(&conf, &err);

    if (conf.progress != NULL && conf.length == 0)
        (void)fputc('\n', stderr);
    if (done < 0) {
        (void)cli_complain(&err);
        return EXIT_TROUBLE;
    }
    return EXIT_FINE;
}
