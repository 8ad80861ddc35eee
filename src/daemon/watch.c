/* SPDX-License-Identifier: Apache-2.0
 * What is looked at now and then: room on the disk, rules that err all the time, messages that nobody understands, devices beyond the ceiling, what the outbox gave up. Counters are compared
 * with those of the last look; a share of them says whether it is a trouble. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon_int.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

#define PERIOD (5 * TIME_MINUTE)
#define MB (1024 * 1024)
#define ODD_MESSAGES 100 /* not understood in a period, and a fifth of all */
#define RULE_ERRORS 100  /* of one rule in a period */

static void look_at_disk(struct daemon *d) {
    int64_t low = d->rules->config->low_space, room = store_room(d->store);
    char why[512];

    if (low <= 0 || room < 0)
        return;
    bool was = health_is_bad(d, "disk", "");
    bool bad = was ? room < low + low / 4 : room < low;

    (void)snprintf(why, sizeof(why), "%" PRId64 " MB are free beside %.300s, less than store.low_space (%" PRId64 " MB)", room / MB,
                   d->opt->store ? d->opt->store : d->conf_rules->config->store_path, low / MB);
    if (bad && !was)
        log_warn("disk: %s", why);
    health_set(d, "disk", "", bad, bad ? why : "there is room again", room / MB);
}

static void look_at_messages(struct daemon *d, struct watch *w) {
    uint64_t odd = mapper_count(d->mapper, OUTCOME_UNMATCHED) + mapper_count(d->mapper, OUTCOME_BROKEN);
    uint64_t fresh = odd - w->odd, all = d->messages - w->messages;
    char why[256];

    (void)snprintf(why, sizeof(why),
                   "%" PRIu64 " of %" PRIu64 " messages in %d minutes were not understood: gengfu sources --unmatched shows them", fresh,
                   all, (int)(PERIOD / TIME_MINUTE));
    health_set(d, "messages", "", fresh >= ODD_MESSAGES && fresh * 5 >= all, why, (int64_t)fresh);
    w->odd = odd;
    w->messages = d->messages;
}

static void look_at_devices(struct daemon *d, struct watch *w) {
    struct engine_refusals r;
    char why[256];

    engine_refusals(d->engine, &r);
    (void)snprintf(why, sizeof(why), "more than limits.max_devices (%d) speak; %" PRIu64 " events of unknown ones in %d minutes",
                   d->rules->config->max_devices, r.devices - w->refused, (int)(PERIOD / TIME_MINUTE));
    health_set(d, "devices", "", r.devices > w->refused, why, (int64_t)(r.devices - w->refused));
    w->refused = r.devices;
}

static void look_at_rules(struct daemon *d, struct watch *w) {
    size_t n = engine_rules(d->engine);
    char why[512];

    if (w->nrules != n) { /* another set: its counters begin anew */
        free(w->rules);
        w->rules = calloc(n > 0 ? n : 1, sizeof(*w->rules));
        w->nrules = w->rules != NULL ? n : 0;
    }
    for (size_t i = 0; i < w->nrules; i++) {
        struct engine_rule_stats s;

        engine_rule_stats(d->engine, i, &s);
        uint64_t errors = s.errors >= w->rules[i].errors ? s.errors - w->rules[i].errors : 0;
        uint64_t evicted = s.evicted >= w->rules[i].evicted ? s.evicted - w->rules[i].evicted : 0;

        w->rules[i].errors = s.errors;
        w->rules[i].evicted = s.evicted;
        if (s.rule->builtin)
            continue;
        if (errors >= RULE_ERRORS)
            (void)snprintf(why, sizeof(why), "%" PRIu64 " errors in %d minutes, the latest: %.300s", errors, (int)(PERIOD / TIME_MINUTE),
                           s.last_error != NULL ? s.last_error : "");
        else
            (void)snprintf(why, sizeof(why), "%" PRIu64 " keys pushed out in %d minutes: more are in use than max_keys", evicted,
                           (int)(PERIOD / TIME_MINUTE));
        bool bad = errors >= RULE_ERRORS || evicted >= RULE_ERRORS;
        if (bad || health_is_bad(d, "rule", s.rule->name))
            health_set(d, "rule", s.rule->name, bad, bad ? why : "", (int64_t)(errors >= RULE_ERRORS ? errors : evicted));
    }
}

static void look_at_outbox(struct daemon *d, struct watch *w) {
    struct store_info info;
    struct err err = {0};
    char why[256];
    int64_t sum = 0;

    if (store_info(d->store, &info, &err) < 0)
        return;
    for (size_t i = 0; i < sizeof(info.gave_way) / sizeof(info.gave_way[0]); i++)
        sum += info.gave_way[i];
    if (w->outbox_known && sum > w->gave_way) {
        (void)snprintf(why, sizeof(why),
                       "%" PRId64 " messages gave way since the last look (in all: %" PRId64 " minor, %" PRId64 " moderate, %" PRId64
                       " severe): the outbox is larger than store.outbox_max_bytes",
                       sum - w->gave_way, info.gave_way[SEVERITY_MINOR], info.gave_way[SEVERITY_MODERATE], info.gave_way[SEVERITY_SEVERE]);
        health_set(d, "outbox", "", true, why, sum - w->gave_way);
    } else {
        health_set(d, "outbox", "", false, "", 0);
    }
    w->gave_way = sum;
    w->outbox_known = true;
}

void watch_look(struct daemon *d) {
    struct watch *w = &d->watch;
    int64_t now = daemon_now(d).mono;

    look_at_disk(d);
    if (w->last != 0 && now - w->last < PERIOD)
        return;
    w->last = now;
    look_at_messages(d, w);
    look_at_devices(d, w);
    look_at_rules(d, w);
    look_at_outbox(d, w);
}

void watch_done(struct daemon *d) { free(d->watch.rules); }
