/* SPDX-License-Identifier: Apache-2.0
 * Sums over many events, lifted out of an expression: the call becomes a slot of the context, its argument a program of its own. Two calls are
 * the same when their functions, parameters and compiled arguments are. */
#include "cel_int.h"

#include <stdlib.h>

#define MAX_AGGREGATES 64

void cel_aggregates_done(struct cel_aggregates *set) {
    for (size_t i = 0; i < set->count; i++) {
        cel_program_free(set->items[i].arg);
        free((char *)(uintptr_t)set->items[i].text);
    }
    free(set->items);
    set->items = NULL;
    set->count = 0;
}

static bool same_program(const struct cel_program *a, const struct cel_program *b) {
    struct buf x, y;
    if (!a || !b)
        return a == b;
    buf_init(&x, 0);
    buf_init(&y, 0);
    cel_dump(a, &x);
    cel_dump(b, &y);
    bool same = !x.failed && !y.failed && x.len == y.len && !memcmp(x.data, y.data, x.len);
    buf_done(&x);
    buf_done(&y);
    return same;
}

/* The argument as a program: the same text and place, its own nodes and reads. It sees the environment but none of the names around it. */
static struct cel_program *argument(struct compiler *c, struct ast *arg) {
    struct cel_program *p = calloc(1, sizeof *p);
    if (!p) {
        c->no_memory = true;
        return NULL;
    }
    arena_init(&p->arena, 1024, 1u << 20);
    size_t begin = arg->begin < arg->end ? arg->begin : 0, end = arg->end;
    p->text = arena_strndup(&p->arena, c->text + begin, end > begin ? end - begin : 0);
    p->len = end - begin;
    p->shift = begin;
    p->site = c->env->site;
    struct compiler sub = *c;
    sub.program = p;
    sub.first_local = sub.nlocals;
    sub.in_aggregate = true;
    sub.impure = 0;
    sub.guard = 0;
    size_t before = c->report->count;
    (void)cel_check(&sub, arg);
    bool ok = p->text && c->report->count == before && cel_program_build(&sub, arg) == 0;
    c->no_memory |= sub.no_memory;
    if (ok)
        return p;
    cel_program_free(p);
    return NULL;
}

int cel_lift_aggregate(struct compiler *c, struct ast *call) {
    struct cel_aggregates *set = c->opt ? c->opt->aggregates : NULL;
    const struct cel_aggregate_name *name = NULL;
    struct cel_aggregate item = {0};
    for (size_t i = 0; set && i < set->nnames; i++)
        if (!strcmp(set->names[i].name, call->name))
            name = &set->names[i];
    if (!name)
        return 0;
    if (c->in_aggregate) {
        cel_mistake(c, call, call->at, call->at_end, NULL, "%s() cannot stand inside another sum", name->name);
        return 1;
    }
    if (call->nargs != name->args) {
        cel_mistake(c, call, call->at, call->at_end, cel_hint(c->report, "%s", name->signature), "%s() does not take %u argument%s",
                    name->name, call->nargs, call->nargs == 1 ? "" : "s");
        return 1;
    }
    if (name->args == 2) {
        struct ast *param = call->args[1];
        mask_t m = cel_check(c, param);
        if (param->kind != AST_CONST || !(m & M_NUMBER) || !cel_as_double(param->value, &item.param)) {
            cel_mistake(c, call, param->begin, param->end, cel_hint(c->report, "%s", name->signature),
                        "the second argument of %s() must be a number as it stands", name->name);
            return 1;
        }
        if (!(item.param >= name->low && item.param <= name->high)) {
            cel_mistake(c, call, param->begin, param->end, cel_hint(c->report, "allowed: %g to %g", name->low, name->high),
                        "the second argument of %s() is out of range", name->name);
            return 1;
        }
    }
    size_t before = c->report->count;
    if (name->args > 0 && !(item.arg = argument(c, call->args[0]))) {
        call->kind = AST_BAD;
        if (c->report->count == before && !c->no_memory)
            cel_mistake(c, call, call->begin, call->end, NULL, "the argument of %s() cannot be used", name->name);
        return 1;
    }
    item.name = name->name;
    for (size_t i = 0; i < set->count; i++)
        if (!strcmp(set->items[i].name, item.name) && set->items[i].param == item.param && same_program(set->items[i].arg, item.arg)) {
            cel_program_free(item.arg);
            call->kind = AST_AGGREGATE;
            call->slot = (uint32_t)i;
            goto used;
        }
    size_t len = call->end > call->begin ? call->end - call->begin : 0;
    char *text = strndup(c->text + call->begin, len);
    struct cel_aggregate *items = set->count < MAX_AGGREGATES ? realloc(set->items, (set->count + 1) * sizeof *items) : NULL;
    if (items)
        set->items = items;
    if (!items || !text) {
        free(text);
        cel_program_free(item.arg);
        if (set->count >= MAX_AGGREGATES)
            cel_mistake(c, call, call->begin, call->end, NULL, "too many different sums (at most %d)", MAX_AGGREGATES);
        else
            c->no_memory = true;
        call->kind = AST_BAD;
        return 1;
    }
    item.text = text;
    call->kind = AST_AGGREGATE;
    call->slot = (uint32_t)set->count;
    set->items[set->count++] = item;
used:
    call->mask = M_ANY;
    if (call->slot + 1 > c->program->naggregates)
        c->program->naggregates = call->slot + 1;
    return 1;
}
