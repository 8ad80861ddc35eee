/* SPDX-License-Identifier: Apache-2.0
 * The subscriptions that a rule set needs: each source's filters once, and none that another one covers (the broker would send the message twice). */
#include <string.h>

#include "source/source_int.h"

bool filter_covers(const char *wide, const char *narrow) {
    if ((wide[0] == '+' || wide[0] == '#') && narrow[0] == '$')
        return false;
    for (;;) {
        size_t w = strcspn(wide, "/"), n = strcspn(narrow, "/");
        if (w == 1 && wide[0] == '#')
            return true;
        if (n == 1 && narrow[0] == '#')
            return false;
        bool any = w == 1 && wide[0] == '+';
        if (!any && (w != n || memcmp(wide, narrow, w) != 0))
            return false;
        wide += w;
        narrow += n;
        if (!*wide && !*narrow)
            return true;
        if (!*narrow) /* "a/#" fits "a" too */
            return strcmp(wide, "/#") == 0;
        if (!*wide)
            return false;
        wide++;
        narrow++;
    }
}

static void add(const char **all, size_t *n, const char *filter) {
    if (!filter || !*filter)
        return;
    for (size_t i = 0; i < *n; i++)
        if (filter_covers(all[i], filter))
            return;
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (!filter_covers(filter, all[i]))
            all[kept++] = all[i];
    all[kept++] = filter;
    *n = kept;
}

int filters_collect(const struct ruleset *rs, struct arena *arena, const char *const **ret, size_t *ret_n) {
    const char **all = arena_alloc(arena, (2 * rs->nsources + 1) * sizeof *all);
    if (!all)
        return GF_ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < rs->nsources; i++) {
        if (rs->sources[i].topic.nlevels)
            add(all, &n, rs->sources[i].topic.filter);
        if (rs->sources[i].has_online)
            add(all, &n, rs->sources[i].online_topic.filter);
    }
    *ret = all;
    *ret_n = n;
    return 0;
}
