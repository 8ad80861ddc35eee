/* SPDX-License-Identifier: Apache-2.0
 * What can hardly be meant when sources are looked at together: two that take every message of the same topics, and make the same of them, or one nothing. */
#include <string.h>

#include "rules/load_int.h"

/* Whether the patterns are the same, whatever their parts are called. */
static bool same_topics(const struct topic_pattern *a, const struct topic_pattern *b) {
    bool same = a->nlevels == b->nlevels && a->nlevels > 0;
    for (size_t i = 0; same && i < a->nlevels; i++) {
        const struct topic_level *x = &a->levels[i], *y = &b->levels[i];
        same = x->kind == y->kind;
        if (same && x->kind == TOPIC_TEXT)
            same = strcmp(x->text, y->text) == 0;
        else if (same)
            same = strcmp(x->prefix, y->prefix) == 0 && strcmp(x->suffix, y->suffix) == 0;
    }
    return same;
}

/* A kind of event that both make of every message; 0: none. What is made of elements, or only at times, may well be made twice. */
static atom_t same_kind(const struct source *a, const struct source *b) {
    for (size_t i = 0; i < a->nevents; i++)
        for (size_t k = 0; k < b->nevents; k++)
            if (a->events[i].kind == b->events[k].kind && !a->events[i].when.program && !b->events[k].when.program)
                return a->events[i].kind;
    return 0;
}

/* True when something was told. */
static bool check_pair(struct loader *ld, const struct source *first, const struct source *s) {
    static const char hint[] = "give each a 'match' of its own, or make one source of them";
    struct report *rep = ld->rd.rep;
    atom_t kind = first->each.program || s->each.program ? 0 : same_kind(first, s);
    if (first->ignore != s->ignore)
        report_warning(rep, s->at, hint, "the sources '%s' and '%s' take the same messages, and one ignores them", first->name, s->name);
    else if (kind)
        report_warning(rep, s->at, hint, "the sources '%s' and '%s' both make an event of kind '%s' of the same messages", first->name,
                       s->name, atom_name(kind));
    return first->ignore != s->ignore || kind;
}

void loader_check_sources(struct loader *ld) {
    const struct source *s = ld->rs->sources;
    for (size_t i = 0; i < ld->rs->nsources; i++) {
        bool told = s[i].match.program != NULL;
        for (size_t k = 0; k < i && !told; k++)
            if (!s[k].match.program && same_topics(&s[i].topic, &s[k].topic))
                told = check_pair(ld, &s[k], &s[i]);
    }
}
