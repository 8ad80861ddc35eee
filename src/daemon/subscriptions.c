/* SPDX-License-Identifier: Apache-2.0
 * Which filters the broker's session may hold, kept among the daemon's own rows: what an earlier run subscribed to and nobody wants any more is unsubscribed at the start, even if the
 * source was removed while gengfu was stopped. The row names more rather than less: a filter stands there before it is subscribed, and until the broker has confirmed that it is gone.
 *
 *   row: {"client":id,"broker":"host:port","filters":[…]}; of another session it says nothing */
#include <stdlib.h>
#include <string.h>

#include "daemon_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"

static bool is_wanted(const char *const *filters, size_t n, const char *filter) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(filters[i], filter) == 0)
            return true;
    return false;
}

/* NULL: there is none. */
static const cJSON *read_row(struct daemon *d, struct arena *a) {
    const cJSON *row;

    return d->subscribed.len > 0 && json_parse(a, d->subscribed.data, d->subscribed.len, NULL, &row) == 0 ? row : NULL;
}

/* Of the session that the configuration names. */
static bool is_of_session(struct daemon *d, const cJSON *row) {
    const struct config_mqtt *b = &d->conf_rules->config->broker;
    char at[300];

    (void)snprintf(at, sizeof(at), "%.255s:%d", b->host, b->port);
    return strcmp(json_str(row, "client", ""), ingest_client_id(d->ingest)) == 0 && strcmp(json_str(row, "broker", ""), at) == 0;
}

bool subscriptions_are_former(struct daemon *d) {
    struct arena a;

    arena_init(&a, 4096, 4 << 20);
    const cJSON *row = read_row(d, &a);
    bool former = row == NULL || is_of_session(d, row);

    arena_done(&a);
    return former;
}

/* The filters of the row, when it is of the session that the configuration names. NULL: none. */
static const cJSON *former(struct daemon *d, struct arena *a) {
    const cJSON *row = read_row(d, a), *filters = json_get(row, "filters");

    return row != NULL && is_of_session(d, row) && cJSON_IsArray(filters) ? filters : NULL;
}

/* The wanted ones, and with `too` those as well; into the batch when the row says something else. */
static void put_row(struct daemon *d, const cJSON *too) {
    const struct config_mqtt *b = &d->conf_rules->config->broker;
    const char *const *wanted;
    size_t n = mapper_filters(d->mapper, &wanted);
    const cJSON *item;
    struct buf text;
    char at[300];

    buf_init(&text, 4 << 20);
    (void)snprintf(at, sizeof(at), "%.255s:%d", b->host, b->port);
    struct jw w = jw_start(&text);
    jw_open(&w, NULL, '{');
    jw_str(&w, "client", ingest_client_id(d->ingest));
    jw_str(&w, "broker", at);
    jw_open(&w, "filters", '[');
    for (size_t i = 0; i < n; i++)
        jw_str(&w, NULL, wanted[i]);
    cJSON_ArrayForEach(item, too) {
        if (cJSON_IsString(item) && !is_wanted(wanted, n, item->valuestring))
            jw_str(&w, NULL, item->valuestring);
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    if (text.failed || (text.len == d->subscribed.len && memcmp(text.data, d->subscribed.data, text.len) == 0)) {
        buf_done(&text);
        return;
    }
    struct effect_state row = {.rule = OWN_SUBSCRIBED, .key = "", .len = text.len};
    row.body = arena_strndup(&d->fx.arena, text.data, text.len);
    if (row.body == NULL)
        d->fx.failed = true;
    else
        effects_state(&d->fx, &row);
    buf_done(&d->subscribed);
    d->subscribed = text;
}

void subscriptions_restore(struct daemon *d, const char *body, size_t len) {
    buf_clear(&d->subscribed);
    buf_put(&d->subscribed, body, len);
}

int subscriptions_set(struct daemon *d, struct err *err) {
    const char *const *wanted;
    size_t n = mapper_filters(d->mapper, &wanted);
    const cJSON *item, *old;
    struct arena a;
    int rc;

    arena_init(&a, 4096, 4 << 20);
    old = former(d, &a);
    put_row(d, old);
    rc = ingest_subscribe(d->ingest, wanted, n, err);
    cJSON_ArrayForEach(item, old) {
        struct err ignored = {0};
        if (!cJSON_IsString(item) || is_wanted(wanted, n, item->valuestring))
            continue;
        if (ingest_leave(d->ingest, item->valuestring, &ignored) < 0)
            log_warn("broker: cannot unsubscribe '%s': %s", item->valuestring, ignored.text);
        else
            log_info("broker: '%s' is no longer wanted", item->valuestring);
    }
    arena_done(&a);
    return rc;
}

void subscriptions_settled(struct daemon *d) { put_row(d, NULL); }
