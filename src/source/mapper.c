/* SPDX-License-Identifier: Apache-2.0
 * The mapper's life: made for a rule set, carried over to the next one, freed. */
#include <stdlib.h>
#include <string.h>

#include "source/mapper_int.h"

/* Everything that follows from a rule set. */
static int build(const struct ruleset *rs, struct arena *arena, struct trie *trie, uint32_t **ret_ids, struct err *err) {
    int rc = trie_init(trie, arena);
    if (!atom_of("topic") || !atom_of("device") || !atom_of("online") || !atom_of("availability"))
        return err_set(err, GF_ENOMEM, "no room for names");
    for (size_t i = 0; rc == 0 && i < rs->nsources; i++) {
        const struct source *s = &rs->sources[i];
        if (s->topic.nlevels)
            rc = trie_add(trie, &s->topic, (uint32_t)(2 * i));
        if (rc == 0 && s->has_online && s->online_topic.nlevels)
            rc = trie_add(trie, &s->online_topic, (uint32_t)(2 * i + 1));
        if (rc == GF_ELIMIT)
            return err_set(err, rc, "source %s: its topic has more than %d levels", s->name, TRIE_MAX_LEVELS);
    }
    uint32_t *ids = rc == 0 ? malloc((trie->patterns + 1) * sizeof *ids) : NULL;
    if (!ids)
        return err_set(err, GF_ENOMEM, "no memory for the sources");
    *ret_ids = ids;
    return 0;
}

static struct wanted *make_wanted(const struct ruleset *rs, struct arena *arena) {
    struct wanted *all = arena_zalloc(arena, (rs->nsources + 1) * sizeof *all);
    for (size_t i = 0; all && i < rs->nsources; i++)
        if (!wanted_collect(arena, &rs->sources[i], &all[i]))
            return NULL;
    return all;
}

static void close_decoders(struct charset_decoder **decoders) {
    for (size_t i = 0; i < CHARSETS; i++)
        charset_close(decoders[i]);
}

static int open_decoders(const struct ruleset *rs, struct charset_decoder **decoders, struct err *err) {
    for (size_t i = 0; i < rs->nsources; i++) {
        enum charset c = rs->sources[i].charset;
        int rc = c == CHARSET_UTF8 || decoders[c] ? 0 : charset_open(c, err, &decoders[c]);
        if (rc < 0)
            return err_prefix(err, "source %s", rs->sources[i].name);
    }
    return 0;
}

void *mapper_host(struct mapper *m) { return (void *)(uintptr_t)m->rs; }

static struct counters *carry_counters(const struct mapper *m, const struct ruleset *rs) {
    struct counters *c = calloc(rs->nsources + 1, sizeof *c);
    for (size_t i = 0; c && m->rs && i < rs->nsources; i++)
        for (size_t k = 0; k < m->rs->nsources; k++)
            if (strcmp(rs->sources[i].name, m->rs->sources[k].name) == 0) {
                c[i] = m->counters[k];
                break;
            }
    return c;
}

static struct source_memory *make_remembered(const struct ruleset *rs) {
    struct source_memory *all = calloc(rs->nsources + 1, sizeof *all);
    for (size_t i = 0; all && i < rs->nsources; i++) {
        const struct source *s = &rs->sources[i];
        all[i].owner = memory_owner("source", s->name, s->hash);
        for (size_t k = 0; k < s->nevents; k++)
            all[i].remembers = all[i].remembers || s->events[k].non_change || s->events[k].dedupe_within > 0;
    }
    return all;
}

int mapper_reload(struct mapper *m, const struct ruleset *rs, struct err *err) {
    struct arena arena;
    arena_init(&arena, 64 << 10, 0);
    struct trie trie;
    uint32_t *ids = NULL;
    const char *const *filters = NULL;
    size_t nfilters = 0;
    struct counters *counters = NULL;
    struct source_memory *remembered = make_remembered(rs);
    struct wanted *wanted = make_wanted(rs, &arena);
    struct charset_decoder *decoders[CHARSETS] = {NULL};
    int rc = build(rs, &arena, &trie, &ids, err);
    if (rc == 0)
        rc = open_decoders(rs, decoders, err);
    if (rc == 0 && (!remembered || !wanted || filters_collect(rs, &arena, &filters, &nfilters) < 0 || !(counters = carry_counters(m, rs))))
        rc = err_set(err, GF_ENOMEM, "no memory for the sources");
    for (size_t i = 0; rc == 0 && i < nfilters; i++) /* the set that they are borrowed from may go before the mapper does */
        if (!(((const char **)(uintptr_t)filters)[i] = arena_strdup(&arena, filters[i])))
            rc = err_set(err, GF_ENOMEM, "no memory for the sources");
    if (rc < 0) {
        close_decoders(decoders);
        free(ids);
        free(counters);
        free(remembered);
        arena_done(&arena);
        return rc;
    }
    arena_done(&m->arena);
    close_decoders(m->decoders);
    free(m->ids);
    free(m->counters);
    free(m->remembered);
    memcpy(m->decoders, decoders, sizeof decoders);
    m->arena = arena;
    m->trie = trie;
    m->trie.arena = &m->arena;
    m->ids = ids;
    m->counters = counters;
    m->remembered = remembered;
    m->wanted = wanted;
    m->filters = filters;
    m->nfilters = nfilters;
    m->rs = rs;
    memory_sources_changed(m);
    return 0;
}

int mapper_new(const struct ruleset *rs, struct err *err, struct mapper **ret) {
    struct mapper *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(err, GF_ENOMEM, "no memory for the sources");
    arena_init(&m->arena, 4096, 0);
    memory_init(&m->memory, MEMORY_MAX);
    troubles_init(&m->troubles);
    buf_init(&m->scratch, 64 << 10);
    int rc = mapper_reload(m, rs, err);
    if (rc < 0) {
        mapper_free(m);
        return rc;
    }
    *ret = m;
    return 0;
}

void mapper_explain(struct mapper *m, bool on) { m->explain = on; }

void mapper_free(struct mapper *m) {
    if (!m)
        return;
    arena_done(&m->arena);
    close_decoders(m->decoders);
    free(m->ids);
    free(m->counters);
    free(m->remembered);
    memory_done(&m->memory);
    troubles_done(&m->troubles);
    buf_done(&m->scratch);
    free(m);
}

size_t mapper_filters(const struct mapper *m, const char *const **ret) {
    *ret = m->filters;
    return m->nfilters;
}
