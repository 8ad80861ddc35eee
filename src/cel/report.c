/* SPDX-License-Identifier: Apache-2.0
 * Mistakes in a text, collected for the caller. Texts that stand inside another one (aliases) are reported at the place of their use. */
#include "cel_int.h"

#include <stdio.h>

static void report_add(struct report *r, bool warning, size_t begin, size_t end, const char *hint, const char *fmt, va_list ap)
    GF_PRINTF(6, 0);

static void report_add(struct report *r, bool warning, size_t begin, size_t end, const char *hint, const char *fmt, va_list ap) {
    struct cel_diags *d = r->diags;
    char text[512];
    if (!warning && r->count++ >= CEL_MAX_ERRORS)
        return;
    if (!d)
        return;
    if (warning && d->count >= 4 * CEL_MAX_ERRORS)
        return;
    if (!warning)
        d->errors++;
    (void)vsnprintf(text, sizeof text, fmt, ap);
    if (r->alias) {
        begin = r->base;
        end = r->base_end;
    } else {
        if (begin > r->len)
            begin = r->len;
        if (end > r->len)
            end = r->len;
        if (end <= begin && begin < r->len)
            end = begin + 1;
    }
    for (size_t i = 0; i < d->count; i++) /* the same thing found twice (a tree that is looked at again) is one mistake */
        if (d->items[i].begin == begin && d->items[i].end == end && d->items[i].warning == warning && !r->alias &&
            !strcmp(d->items[i].text, text)) {
            if (!warning)
                d->errors--, r->count--;
            return;
        }
    if (!d->arena)
        return;
    if (d->count == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 8;
        struct cel_diag *items = arena_alloc(d->arena, cap * sizeof *items);
        if (!items)
            return;
        if (d->count)
            memcpy(items, d->items, d->count * sizeof *items);
        d->items = items;
        d->cap = cap;
    }
    char *copy = r->alias ? arena_printf(d->arena, "in macro '%s': %s", r->alias, text) : arena_strdup(d->arena, text);
    d->items[d->count++] =
        (struct cel_diag){.begin = begin, .end = end, .warning = warning, .text = copy ? copy : "out of memory", .hint = hint};
}

void cel_report(struct report *r, size_t begin, size_t end, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report_add(r, false, begin, end, hint, fmt, ap);
    va_end(ap);
}

void cel_warn(struct report *r, size_t begin, size_t end, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report_add(r, true, begin, end, hint, fmt, ap);
    va_end(ap);
}

const char *cel_hint(struct report *r, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return r->diags && r->diags->arena ? arena_strdup(r->diags->arena, text) : NULL;
}
