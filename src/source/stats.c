/* SPDX-License-Identifier: Apache-2.0
 * What was not understood, per topic with the latest example, so that a technician can see it and map it. Bounded: past SOURCE_MAX_TROUBLE_TOPICS
 * everything else folds into one entry. Examples are cut and cleaned: nothing a device sends can command a terminal. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "source/source_int.h"

#define TOPIC_SHOWN 256 /* bytes of a topic that are kept */

static const char *const outcome_names[] = {[OUTCOME_EVENTS] = "events",
                                            [OUTCOME_NOTHING] = "nothing",
                                            [OUTCOME_IGNORED] = "ignored",
                                            [OUTCOME_UNMATCHED] = "unmatched",
                                            [OUTCOME_BROKEN] = "broken"};

const char *source_outcome_name(enum source_outcome o) { return (unsigned)o <= OUTCOME_BROKEN ? outcome_names[o] : ""; }

void troubles_init(struct troubles *t) {
    *t = (struct troubles){0};
    map_init(&t->map);
}

static void trouble_free(struct trouble *t) {
    if (!t)
        return;
    free(t->topic);
    free(t->source);
    free(t->why);
    free(t->example);
    free(t);
}

void troubles_done(struct troubles *t) {
    for (size_t i = 0; i < t->count; i++)
        trouble_free(t->items[i]);
    free(t->items);
    map_done(&t->map, NULL);
    *t = (struct troubles){0};
}

/* The first bytes of `s`, on a whole character, with control characters shown as '?' and invalid bytes as U+FFFD. */
static char *cleaned(const char *s, size_t len, size_t max, size_t *ret_len) {
    struct buf raw, out;
    buf_init(&raw, 8 * max + 16);
    buf_init(&out, 32 * max + 16);
    size_t at = 0;
    while (at < len && raw.len < max) {
        size_t n;
        char utf8[4];
        uint32_t cp = utf8_next(s + at, len - at, &n);
        size_t size = utf8_put(cp, utf8);
        if (raw.len + size > max)
            break;
        buf_put(&raw, utf8, size);
        at += n;
    }
    text_clean(&out, raw.data, raw.len);
    buf_done(&raw);
    size_t size = 0;
    char *text = buf_take(&out, &size);
    if (ret_len)
        *ret_len = text ? size : 0;
    return text;
}

static struct trouble *make(struct troubles *t, const char *topic) {
    struct trouble *fresh = calloc(1, sizeof *fresh);
    struct trouble **items = realloc(t->items, (t->count + 1) * sizeof *items);
    if (items)
        t->items = items;
    if (!fresh || !items || !(fresh->topic = cleaned(topic, strlen(topic), TOPIC_SHOWN, NULL))) {
        free(fresh);
        return NULL;
    }
    t->items[t->count++] = fresh;
    return fresh;
}

static struct trouble *find(struct troubles *t, const char *topic, enum source_outcome o) {
    char key[TOPIC_SHOWN + 1];
    size_t len = strlen(topic);
    if (len > TOPIC_SHOWN)
        len = TOPIC_SHOWN;
    key[0] = (char)('0' + (int)o);
    memcpy(key + 1, topic, len);
    struct trouble *it = map_get(&t->map, key, len + 1);
    if (it)
        return it;
    if (map_count(&t->map) >= SOURCE_MAX_TROUBLE_TOPICS) {
        if (!t->rest)
            t->rest = make(t, "(other topics)");
        return t->rest;
    }
    it = make(t, topic);
    if (it && map_put(&t->map, key, len + 1, it, NULL) < 0) {
        t->count--;
        trouble_free(it);
        return NULL;
    }
    return it;
}

static void replace(char **slot, const char *text) {
    if (*slot && text && strcmp(*slot, text) == 0)
        return;
    free(*slot);
    *slot = text ? strdup(text) : NULL;
}

/* Without memory the count is kept as far as there is an entry; the rest of the note is left out. */
void troubles_note(struct troubles *t, const struct message *msg, enum source_outcome o, const char *source, const char *why,
                   const char *shown, size_t shown_len) {
    struct trouble *it = find(t, msg->topic, o);
    if (!it)
        return;
    it->count++;
    it->outcome = o;
    it->last = msg->arrived;
    it->payload_len = msg->len;
    replace(&it->source, source);
    replace(&it->why, why);
    free(it->example);
    it->example = cleaned(shown, shown_len, SOURCE_MAX_EXAMPLE, &it->example_len);
}

size_t mapper_troubles(const struct mapper *m) { return m->troubles.count; }

void mapper_trouble(const struct mapper *m, size_t i, struct source_trouble *ret) {
    const struct trouble *t = m->troubles.items[i];
    *ret = (struct source_trouble){
        .topic = t->topic,
        .outcome = t->outcome,
        .source = t->source,
        .why = t->why ? t->why : "",
        .example = t->example ? t->example : "",
        .example_len = t->example ? t->example_len : 0,
        .payload_len = t->payload_len,
        .count = t->count,
        .last = t->last,
    };
}

uint64_t mapper_count(const struct mapper *m, enum source_outcome o) { return (unsigned)o <= OUTCOME_BROKEN ? m->outcomes[o] : 0; }
size_t mapper_sources(const struct mapper *m) { return m->rs->nsources; }

void mapper_source_stats(const struct mapper *m, size_t i, struct source_stats *ret) {
    const struct counters *c = &m->counters[i];
    *ret = (struct source_stats){
        .source = &m->rs->sources[i], .messages = c->messages, .events = c->events, .nothing = c->nothing, .broken = c->broken};
}
