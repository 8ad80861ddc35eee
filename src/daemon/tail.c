/* SPDX-License-Identifier: Apache-2.0
 * `gengfu tail`: events and incidents as they are committed. A client that does not read is cut off by control's ceiling, never waited for. */
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"

static void copy_filter(char *to, size_t size, const char *from) {
    size_t n = strnlen(from, size - 1);

    memcpy(to, from, n);
    to[n] = '\0';
}

int tail_add(struct daemon *d, struct control_client *c, const cJSON *req) {
    for (size_t i = 0; i < DAEMON_MAX_TAILS; i++) {
        struct tail *t = &d->tails[i];

        if (t->client != NULL)
            continue;
        t->client = c;
        t->matched = json_bool(req, "matched", false);
        copy_filter(t->device, sizeof(t->device), json_str(req, "device", ""));
        copy_filter(t->rule, sizeof(t->rule), json_str(req, "rule", ""));
        return 0;
    }
    return GF_ELIMIT;
}

void tail_remove(struct daemon *d, struct control_client *c) {
    for (size_t i = 0; i < DAEMON_MAX_TAILS; i++)
        if (d->tails[i].client == c)
            d->tails[i].client = NULL;
}

bool tail_any(const struct daemon *d) {
    for (size_t i = 0; i < DAEMON_MAX_TAILS; i++)
        if (d->tails[i].client != NULL)
            return true;
    return false;
}

/* Rows are text; the device is read the same way as at a restart. */
static bool event_is_of(struct daemon *d, const struct effect_event *row, const char *device) {
    struct event ev;

    arena_reset(&d->scratch);
    return event_read(&d->scratch, row->body, row->len, &ev, NULL) == 0 && strcmp(ev.device, device) == 0;
}

static void show(struct daemon *d, struct control_client *c, const char *what, const char *body, size_t len) {
    struct jw w;

    buf_clear(&d->body);
    w = jw_start(&d->body);
    jw_open(&w, NULL, '{');
    jw_raw(&w, what, body, len);
    jw_close(&w, '}');
    if (!d->body.failed)
        control_line(c, d->body.data, d->body.len);
}

void tail_batch(struct daemon *d) {
    for (size_t i = 0; i < DAEMON_MAX_TAILS; i++) {
        const struct tail *t = &d->tails[i];

        if (t->client == NULL)
            continue;
        for (size_t k = 0; k < d->fx.nevents && t->client != NULL && !t->matched && t->rule[0] == '\0'; k++) {
            const struct effect_event *row = &d->fx.events[k];
            if (t->device[0] == '\0' || event_is_of(d, row, t->device))
                show(d, t->client, "event", row->body, row->len);
        }
        for (size_t k = 0; k < d->fx.nincidents && t->client != NULL; k++) {
            const struct effect_incident *inc = &d->fx.incidents[k];
            bool wanted = inc->publish && (t->rule[0] == '\0' || strcmp(t->rule, inc->rule) == 0) &&
                          (t->device[0] == '\0' || (inc->device != NULL && strcmp(t->device, inc->device) == 0));
            if (wanted)
                show(d, t->client, "incident", inc->body, inc->len);
        }
    }
}
