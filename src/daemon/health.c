/* SPDX-License-Identifier: Apache-2.0
 * The daemon's own troubles: whoever notices one says so with health_set, as often as it likes; each beginning and each end becomes one event of kind `gengfu` about the gateway, journaled
 * and given to the rules like any other (src/rules/builtin.c has those that raise incidents of them).
 *
 *   good ─► bad ─(delay)─► told bad ─► good again: told at once          what is over before its delay is never told
 *
 * After a restart the open incidents say what was told last; what has ended meanwhile is told as ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/base/time.h"

#define MAX_ITEMS 2000
#define FLAP (5 * TIME_SECOND) /* a link that is back so soon was no trouble */

enum what { GOOD, BAD, UNKNOWN };

struct health_item {
    char part[16], name[EVENT_DEVICE_MAX + 1], reason[512];
    int64_t count;
    int64_t since; /* engine mono of the last change */
    enum what is;
    enum what told;
    bool known; /* somebody has said how it is since the start */
};

static const struct part {
    const char *name;
    int64_t delay;
    bool lasting; /* whoever watches it says how it is after a start; the others begin anew */
} parts[] = {
    {"broker", FLAP, true}, {"platform", FLAP, true}, {"store", FLAP, true}, {"disk", 0, true},
    {"rules", 0, true},     {"clock", FLAP, true},    {"damage", 0, false},  {"flood", 0, false},
    {"messages", 0, false}, {"devices", 0, false},    {"outbox", 0, false},  {"rule", 0, false},
};

static const struct part *part_of(const char *name) {
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcmp(parts[i].name, name) == 0)
            return &parts[i];
    return NULL;
}

static bool is_lasting(const char *name) {
    const struct part *p = part_of(name);

    return p != NULL && p->lasting;
}

static void copy(char *to, size_t size, const char *from) {
    size_t n = strnlen(from, size - 1);

    while (n > 0 && from[n] != '\0' && ((unsigned char)from[n] & 0xC0) == 0x80)
        n--; /* never in the middle of a character */
    memcpy(to, from, n);
    to[n] = '\0';
}

static struct health_item *find(struct health *h, const char *part, const char *name) {
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->items[i].part, part) == 0 && strcmp(h->items[i].name, name) == 0)
            return &h->items[i];
    return NULL;
}

static struct health_item *add(struct health *h, const char *part, const char *name) {
    if (h->n == h->cap) {
        size_t cap = h->cap > 0 ? h->cap * 2 : 16;
        struct health_item *more = h->n >= MAX_ITEMS ? NULL : realloc(h->items, cap * sizeof(*more));
        if (more == NULL)
            return NULL;
        h->items = more;
        h->cap = cap;
    }
    struct health_item *it = &h->items[h->n++];

    *it = (struct health_item){.is = UNKNOWN, .told = h->doubt ? UNKNOWN : GOOD, .since = TIME_NONE};
    copy(it->part, sizeof(it->part), part);
    copy(it->name, sizeof(it->name), name);
    return it;
}

/* When it is to be told; INT64_MAX: there is nothing to tell. */
static int64_t due(const struct health_item *it) {
    const struct part *p = part_of(it->part);

    if (it->is == UNKNOWN || it->is == it->told)
        return INT64_MAX;
    return it->is == BAD && p != NULL ? it->since + p->delay : it->since;
}

static void tell(struct daemon *d, struct health_item *it, struct engine_time now) {
    static atom_t part, name, ok, reason, count;

    if (part == 0) {
        part = atom_of("part");
        name = atom_of("name");
        ok = atom_of("ok");
        reason = atom_of("reason");
        count = atom_of("count");
    }
    struct event_field fields[] = {{part, cel_text(it->part)},
                                   {name, cel_text(it->name)},
                                   {ok, cel_bool(it->is == GOOD)},
                                   {reason, cel_text(it->reason)},
                                   {count, cel_int(it->count)}};
    struct event ev = {.device = d->rules->config->id,
                       .kind = atom_of("gengfu"),
                       .time = now.wall,
                       .arrived = now.wall,
                       .source = "gengfu",
                       .nfields = sizeof(fields) / sizeof(fields[0]),
                       .fields = fields};

    it->told = it->is;
    pipeline_event(d, &ev, now);
    d->own_events++;
}

bool health_tell(struct daemon *d) {
    struct health *h = &d->health;
    struct engine_time now = daemon_now(d);
    bool told = false;
    size_t kept = 0;

    for (size_t i = 0; i < h->n; i++) {
        struct health_item *it = &h->items[i];

        if (due(it) <= now.mono) {
            tell(d, it, now);
            told = true;
        }
        if (it->is == GOOD && it->told == GOOD && !is_lasting(it->part))
            continue; /* over: forgotten */
        if (kept != i)
            h->items[kept] = *it;
        kept++;
    }
    h->n = kept;
    return told;
}

static void schedule(struct daemon *d);

static void on_timer(uv_timer_t *t) {
    struct daemon *d = t->data;

    if (d->stopping)
        return;
    bool told = health_tell(d);

    schedule(d);
    if (told && !d->stuck && pipeline_commit(d) == 0) /* when stuck, it goes with what waits */
        pipeline_schedule(d);
}

static void schedule(struct daemon *d) {
    int64_t first = INT64_MAX, now = daemon_now(d).mono;

    for (size_t i = 0; i < d->health.n; i++)
        if (due(&d->health.items[i]) < first)
            first = due(&d->health.items[i]);
    if (first == INT64_MAX || !d->running || d->stopping)
        (void)uv_timer_stop(&d->health.timer);
    else
        (void)uv_timer_start(&d->health.timer, on_timer, first <= now ? 0 : (uint64_t)daemon_real_delay(d, first - now), 0);
}

void health_set(struct daemon *d, const char *part, const char *name, bool bad, const char *reason, int64_t count) {
    struct health_item *it = find(&d->health, part, name);
    enum what is = bad ? BAD : GOOD;

    if (it == NULL) {
        if (!bad && !d->health.doubt)
            return;
        if ((it = add(&d->health, part, name)) == NULL) {
            log_warn("%s %s: no room to tell of it: %s", part, name, reason);
            return;
        }
    }
    it->known = true;
    if (bad || it->is != GOOD) {
        copy(it->reason, sizeof(it->reason), reason);
        it->count = count;
    }
    if (it->is == is)
        return;
    it->is = is;
    it->since = daemon_now(d).mono;
    schedule(d);
}

void health_hurry(struct daemon *d, const char *part, const char *name) {
    struct health_item *it = find(&d->health, part, name);

    if (it != NULL)
        it->since -= FLAP;
}

bool health_is_bad(const struct daemon *d, const char *part, const char *name) {
    const struct health_item *it = find((struct health *)(uintptr_t)&d->health, part, name);

    return it != NULL && it->is == BAD;
}

/* -- start ------------------------------------------------------------------------------------------------------------------ */

static int on_open_incident(void *ctx, const char *id, const char *body, size_t len) {
    struct daemon *d = ctx;
    const cJSON *doc;

    (void)id;
    arena_reset(&d->scratch);
    if (json_parse(&d->scratch, body, len, NULL, &doc) < 0 || strcmp(json_str(doc, "condition", ""), "firing") != 0)
        return 0;
    const cJSON *values = json_get(doc, "values");
    const char *part = json_str(values, "part", ""), *name = json_str(values, "name", "");
    const struct rule *r = ruleset_rule(d->rules, json_str(doc, "rule", ""));

    if (r == NULL || r->non != 1 || r->on[0] != atom_of("gengfu") || part_of(part) == NULL || find(&d->health, part, name) != NULL)
        return 0;
    struct health_item *it = add(&d->health, part, name);
    if (it != NULL)
        it->told = BAD;
    return 0;
}

void health_restore(struct daemon *d) {
    struct err err = {0};

    for (size_t i = 0; i < engine_rules(d->engine); i++) {
        struct engine_rule_stats s;

        engine_rule_stats(d->engine, i, &s);
        if (s.pending > 0 && s.rule->non == 1 && s.rule->on[0] == atom_of("gengfu"))
            d->health.doubt = true; /* something was told that no incident shows yet */
    }
    if (store_each_open_incident(d->store, on_open_incident, d, &err) < 0)
        log_warn("own troubles of the last run: %s", err.text);
}

static bool platform_is_named(const struct daemon *d, const char *name) {
    const struct config *c = d->conf_rules->config;

    for (size_t i = 0; i < c->nplatforms; i++)
        if (strcmp(c->platforms[i].name, name) == 0)
            return true;
    return false;
}

/* What nobody will speak of any more has ended: passing troubles of the last run, platforms that are no longer named. */
void health_settle(struct daemon *d) {
    for (size_t i = 0; i < d->health.n; i++) {
        struct health_item *it = &d->health.items[i];
        bool gone = strcmp(it->part, "platform") == 0 ? !platform_is_named(d, it->name) : !it->known && !is_lasting(it->part);

        if (gone && it->is != GOOD && strcmp(it->part, "damage") != 0)
            health_set(d, it->part, it->name, false, "", 0);
    }
    schedule(d);
}

void health_done(struct daemon *d) {
    free(d->health.items);
    d->health = (struct health){0};
}
