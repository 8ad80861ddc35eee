/* SPDX-License-Identifier: Apache-2.0
 * Which members of a JSON object the expressions of a source read: what none of the sources of a topic reads is checked, but not taken apart. Cameras and gateways tell much that nobody
 * asks for. */
#include <string.h>

#include "source/mapper_int.h"

struct collecting {
    struct arena *arena;
    struct wanted *to;
    size_t cap;
    bool no_memory;
};

static void add_name(struct collecting *c, atom_t name) {
    struct wanted *to = c->to;
    for (size_t i = 0; i < to->n; i++)
        if (to->names[i].text == atom_name(name))
            return;
    if (to->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        struct wanted_name *more = arena_alloc(c->arena, cap * sizeof *more);
        if (!more) {
            c->no_memory = true;
            return;
        }
        if (to->n)
            memcpy(more, to->names, to->n * sizeof *more);
        to->names = more;
        c->cap = cap;
    }
    to->names[to->n++] = (struct wanted_name){atom_name(name), atom_length(name)};
}

static void add(struct collecting *c, const struct rules_expr *e) {
    const struct cel_read *reads = NULL;
    size_t n = e->program ? cel_program_reads(e->program, &reads) : 0;
    for (size_t i = 0; i < n; i++) {
        if (reads[i].slot == SOURCE_PAYLOAD && reads[i].field)
            add_name(c, reads[i].field);
        else if (reads[i].slot == SOURCE_PAYLOAD)
            c->to->all = true;
    }
}

bool wanted_collect(struct arena *arena, const struct source *s, struct wanted *ret) {
    struct collecting c = {.arena = arena, .to = ret};
    *ret = (struct wanted){.all = s->ndrops > 0};
    add(&c, &s->match);
    add(&c, &s->each);
    add(&c, &s->online_each);
    add(&c, &s->online_when);
    add(&c, &s->online_device);
    for (size_t i = 0; i < s->nevents; i++) {
        const struct source_event *se = &s->events[i];
        add(&c, &se->when);
        add(&c, &se->device);
        add(&c, &se->late);
        add(&c, &se->dedupe_key);
        for (size_t k = 0; k < se->ntimes; k++)
            add(&c, &se->times[k]);
        for (size_t k = 0; k < se->nfields; k++)
            add(&c, &se->fields[k].value);
    }
    return !c.no_memory;
}

bool wanted_all(const struct mapper *m, size_t fitting) {
    for (size_t i = 0; i < fitting; i++)
        if (m->wanted[m->ids[i] / 2].all)
            return true;
    return false;
}

bool wanted_has(void *fitting, const char *name, size_t len) {
    const struct fitting *f = fitting;
    for (size_t i = 0; i < f->n; i++) {
        const struct wanted *x = &f->m->wanted[f->m->ids[i] / 2];
        for (size_t k = 0; k < x->n; k++)
            if (x->names[k].len == len && memcmp(x->names[k].text, name, len) == 0)
                return true;
    }
    return false;
}
