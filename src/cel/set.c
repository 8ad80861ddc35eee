/* SPDX-License-Identifier: Apache-2.0
 * Constants on the right of `in`, prepared as a hash table: texts only, or whole numbers only. */
#include "cel_int.h"

#include "gengfu/base/map.h"

#define SET_MIN 8 /* below, comparing one by one is as fast */

struct cel_set {
    const struct cel_value *items;
    uint32_t *slots; /* index + 1; 0 is free */
    uint32_t mask;
    bool texts;
};

/* Whole numbers of any type as one int; false for what is none. */
static bool whole(struct cel_value v, int64_t *ret) {
    switch (v.type) {
    case CEL_INT: *ret = v.i; return true;
    case CEL_UINT: *ret = (int64_t)v.u; return v.u <= INT64_MAX;
    case CEL_DOUBLE:
        if (!(v.d >= -9007199254740992.0 && v.d <= 9007199254740992.0) || v.d != (double)(int64_t)v.d)
            return false;
        *ret = (int64_t)v.d;
        return true;
    default: return false;
    }
}

static uint32_t hash(const struct cel_set *s, struct cel_value v, bool *ret_ok) {
    int64_t i = 0;
    *ret_ok = s->texts ? v.type == CEL_STRING : whole(v, &i);
    if (!*ret_ok)
        return 0;
    return (uint32_t)(s->texts ? hash_bytes(v.s, v.aux, 1) : hash_bytes(&i, sizeof i, 1)) & s->mask;
}

const struct cel_set *cel_set_new(struct arena *a, struct cel_value list) {
    if (list.type != CEL_LIST || list.form != CEL_FORM_NATIVE || list.aux < SET_MIN)
        return NULL;
    struct cel_set s = {.items = list.items, .texts = list.items[0].type == CEL_STRING, .mask = 15};
    int64_t i;
    for (uint32_t k = 0; k < list.aux; k++)
        if (s.texts ? list.items[k].type != CEL_STRING : !whole(list.items[k], &i) || i > (INT64_C(1) << 53) || i < -(INT64_C(1) << 53))
            return NULL;
    while (s.mask < 2 * list.aux)
        s.mask = 2 * s.mask + 1;
    s.slots = arena_zalloc(a, ((size_t)s.mask + 1) * sizeof *s.slots);
    if (!s.slots)
        return NULL;
    for (uint32_t k = 0; k < list.aux; k++) {
        bool ok;
        uint32_t at = hash(&s, list.items[k], &ok);
        while (s.slots[at])
            at = (at + 1) & s.mask;
        s.slots[at] = k + 1;
    }
    return arena_dup(a, &s, sizeof s);
}

bool cel_set_has(const struct cel_set *s, struct cel_value v) {
    bool ok;
    uint32_t at = hash(s, v, &ok);
    if (!ok)
        return false;
    for (; s->slots[at]; at = (at + 1) & s->mask)
        if (cel_same(NULL, s->items[s->slots[at] - 1], v, 0))
            return true;
    return false;
}

struct cel_value cel_run_in_set(const struct node *n, struct ev *e) {
    struct cel_value v = cel_run(n->a, e);
    if (v.type == CEL_ERROR)
        return v;
    if (v.type == CEL_STRING && !cel_take_text(e, v.aux))
        return cel_out_of_steps(e);
    return cel_bool(cel_set_has(n->extra, v));
}
