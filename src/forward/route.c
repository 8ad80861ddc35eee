/* SPDX-License-Identifier: Apache-2.0
 * Which platforms want an incident: by level and by their `when`.
 *
 * Levels are the steps of the administration: village, town, district. An incident starts at level 0 and goes up by one with each escalation. The lowest level that the configuration names
 * gets every incident; the next one gets those that were escalated once, and so on: so a gateway whose only platform is the district's reports everything there. A platform without a
 * level, or with a word of its own, gets every level. */
#include <string.h>

#include "forward_int.h"
#include "gengfu/base/json.h"

static int rank(const char *level) {
    static const char *const levels[] = {"village", "town", "district"};

    for (int i = 0; level != NULL && i < 3; i++)
        if (strcmp(level, levels[i]) == 0)
            return i;
    return -1;
}

/* How many escalations it takes to reach this platform. */
static int steps_to(const struct config *conf, int own) {
    int steps = 0;

    for (int r = 0; r < own; r++)
        for (size_t i = 0; i < conf->nplatforms; i++)
            if (rank(conf->platforms[i].level) == r) {
                steps++;
                break;
            }
    return steps;
}

/* The document has the level as a number; a word is understood too. */
static int incident_level(const struct config *conf, const cJSON *doc) {
    const cJSON *level = json_get(doc, "level");

    if (cJSON_IsString(level))
        return rank(level->valuestring) < 0 ? 0 : steps_to(conf, rank(level->valuestring));
    return (int)json_int(doc, "level", 0);
}

uint32_t forward_route(const struct config *conf, const char *body, size_t len, struct arena *scratch) {
    struct arena_mark mark = arena_mark(scratch);
    struct cel_value vars[CEL_MAX_VARS];
    const cJSON *doc;
    uint32_t wanted = 0;

    if (json_parse(scratch, body, len, NULL, &doc) < 0) {
        arena_rewind(scratch, mark);
        return conf->nplatforms >= 32 ? ~UINT32_C(0) : (UINT32_C(1) << conf->nplatforms) - 1; /* rather too many than none */
    }
    int level = incident_level(conf, doc);

    for (size_t i = 0; i < CEL_MAX_VARS; i++)
        vars[i] = cel_error(CEL_E_ABSENT, NULL);
    vars[0] = cel_json(doc); /* `incident` is the only variable of a platform's filter */
    for (size_t i = 0; i < conf->nplatforms; i++) {
        const struct config_platform *p = &conf->platforms[i];

        if (rank(p->level) >= 0 && level < steps_to(conf, rank(p->level)))
            continue;
        if (p->when != NULL) {
            struct cel_context ctx = {.vars = vars, .arena = scratch};
            struct cel_value v = cel_eval(p->when, &ctx);

            /* A field that this incident lacks makes the filter unknown: not wanted. A filter that is at fault otherwise must not swallow incidents. */
            if (cel_is_unknown(v) || (!cel_is_error(v) && !cel_is_true(v)))
                continue;
        }
        wanted |= UINT32_C(1) << i;
    }
    arena_rewind(scratch, mark);
    return wanted;
}
