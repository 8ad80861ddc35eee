/* SPDX-License-Identifier: Apache-2.0
 * gengfu source: what events a message becomes, or why none. */
#include <stdlib.h>
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/file.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"
#include "gengfu/source/source.h"

#define MAX_INPUT (64 << 20)

/* What the source names and the event has not: a slip in a name shows only here. */
static void print_left(const struct mapped *mapped, size_t event, struct buf *out) {
    for (size_t i = 0; i < mapped->nleft; i++) {
        if (mapped->left[i].event != event)
            continue;
        buf_clear(out);
        text_clean(out, mapped->left[i].why, strlen(mapped->left[i].why));
        (void)printf("        %-16s (%s: %s)\n", atom_name(mapped->left[i].field),
                     strcmp(atom_name(mapped->left[i].field), "time") == 0 ? "of arrival" : "left out", out->data);
    }
}

static void print_event(const struct cli *c, const struct ruleset *rs, const struct event *ev, struct buf *out) {
    char when[TIME_TEXT_MAX];

    buf_clear(out);
    if (c->json) {
        event_write(out, ev);
        (void)printf("%s\n", out->data);
        return;
    }
    text_clean(out, ev->device, strlen(ev->device));
    (void)printf("event   kind %s, device %s, %s %s%s%s\n", atom_name(ev->kind), out->data, ev->flags & EVENT_OWN_TIME ? "at" : "arrived",
                 time_format(ev->time, zone_offset(rs->config->zone, ev->time / TIME_SECOND), when),
                 ev->flags & EVENT_RETAINED ? ", retained" : "", ev->flags & EVENT_LATE ? ", late" : "");
    for (size_t i = 0; i < ev->nfields; i++) {
        buf_clear(out);
        cel_write_text(out, ev->fields[i].value);
        (void)printf("        %-16s %s\n", atom_name(ev->fields[i].name), out->data);
    }
}

static int map_one(struct cli *c, const struct ruleset *rs, struct mapper *m, const char *topic, const char *payload, size_t len,
                   bool retained) {
    struct message msg = {.topic = topic, .payload = payload, .len = len, .retained = retained, .qos = 1, .arrived = clock_wall()};
    struct mapped mapped;
    struct arena arena;
    struct buf out;

    arena_init(&arena, 64 << 10, 64 << 20);
    buf_init(&out, 0);
    mapper_map(m, &msg, &arena, &mapped);
    if (!c->json) {
        struct buf clean;
        buf_init(&clean, 0);
        text_clean(&clean, topic, strlen(topic));
        (void)printf("%s: %s%s%s%s%s\n", clean.data, source_outcome_name(mapped.outcome), mapped.source ? ", source " : "",
                     mapped.source ? mapped.source : "", mapped.why ? ": " : "", mapped.why ? mapped.why : "");
        buf_done(&clean);
    } else if (mapped.nevents == 0) {
        struct jw w = jw_start(&out);
        jw_open(&w, NULL, '{');
        jw_str(&w, "topic", topic);
        jw_str(&w, "outcome", source_outcome_name(mapped.outcome));
        jw_str(&w, "source", mapped.source);
        jw_str(&w, "why", mapped.why);
        jw_close(&w, '}');
        (void)printf("%s\n", out.data);
    }
    for (size_t i = 0; i < mapped.nevents; i++) {
        print_event(c, rs, &mapped.events[i], &out);
        if (!c->json)
            print_left(&mapped, i, &out);
    }
    buf_done(&out);
    arena_done(&arena);
    return mapped.outcome == OUTCOME_UNMATCHED || mapped.outcome == OUTCOME_BROKEN ? EXIT_FOUND : EXIT_FINE;
}

/* Without --topic the input is lines of {"topic": …, "payload": …, "retain": …}: a payload that is a string stands for its bytes, anything else for its JSON text. */
static int map_lines(struct cli *c, const struct ruleset *rs, struct mapper *m, struct buf *in) {
    struct arena arena;
    struct buf payload;
    int worst = EXIT_FINE;
    size_t line = 0;

    arena_init(&arena, 64 << 10, 256 << 20);
    buf_init(&payload, MAX_INPUT);
    for (char *at = in->data, *end; at < in->data + in->len; at = end + 1) {
        struct err err = {0};
        const cJSON *doc, *value;

        end = memchr(at, '\n', (size_t)(in->data + in->len - at));
        if (end == NULL)
            end = in->data + in->len;
        line++;
        if (end == at)
            continue;
        arena_reset(&arena);
        buf_clear(&payload);
        if (json_parse(&arena, at, (size_t)(end - at), &err, &doc) < 0 || json_str(doc, "topic", NULL) == NULL) {
            (void)fprintf(stderr, "gengfu: line %zu: %s\n", line,
                          err.code ? err.text : "no \"topic\"; or give --topic and one payload as the whole input");
            worst = EXIT_USAGE;
            break;
        }
        value = json_get(doc, "payload");
        if (cJSON_IsString(value))
            buf_puts(&payload, value->valuestring);
        else if (value != NULL)
            json_write(&payload, value);
        int rc = map_one(c, rs, m, json_str(doc, "topic", ""), payload.data, payload.len, json_bool(doc, "retain", false));
        if (rc > worst)
            worst = rc;
    }
    buf_done(&payload);
    arena_done(&arena);
    return worst;
}

int cmd_source(struct cli *c) {
    const char *file = strcmp(c->args[0], "-") == 0 ? "/dev/stdin" : c->args[0];
    struct ruleset *rs = NULL;
    struct mapper *m = NULL;
    struct err err = {0};
    struct buf in;
    int rc = load_rules(c, c->dir, &rs);

    if (rc != EXIT_FINE)
        return rc;
    buf_init(&in, MAX_INPUT);
    if (file_read(file, &in, &err) < 0 || mapper_new(rs, &err, &m) < 0) {
        (void)cli_complain(&err);
        rc = EXIT_TROUBLE;
    } else {
        mapper_explain(m, !c->json);
        rc = cli_given(c, "topic") ? map_one(c, rs, m, cli_value(c, "topic"), in.data, in.len, cli_given(c, "retained"))
                                   : map_lines(c, rs, m, &in);
    }
    mapper_free(m);
    ruleset_free(rs);
    buf_done(&in);
    return rc;
}
