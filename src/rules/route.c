/* SPDX-License-Identifier: Apache-2.0
 * Which platforms want an incident: by level, by whom it was escalated to, and by their `when`.
 *
 * Levels are the steps of the administration: village, town, district. The lowest one that the configuration names gets every incident. A step of a rule's `escalate` that names nobody
 * brings it one level up; one that says `to` brings it to just these platforms and levels. So a gateway whose only platform is the district's reports everything there. A platform
 * without a level, or with a word of its own that no step names, gets every incident.
 *
 * A platform's `when` narrows what comes to it by itself. Whom a step names hears of the incident whatever its `when` says: somebody has asked for that. */
#include "gengfu/rules/route.h"

#include <string.h>

#include "gengfu/base/json.h"

#define BIT(i) (UINT32_C(1) << (i))

static int rank(const char *level) {
    static const char *const levels[] = {"village", "town", "district"};

    for (int i = 0; level && i < 3; i++)
        if (strcmp(level, levels[i]) == 0)
            return i;
    return -1;
}

/* The platforms of the lowest level above `below`, and which that is; 0 when there is none. */
static uint32_t next_level(const struct config *conf, int below, int *ret_rank) {
    int lowest = -1;
    uint32_t bits = 0;

    for (size_t i = 0; i < conf->nplatforms; i++) {
        int r = rank(conf->platforms[i].level);
        if (r > below && (lowest < 0 || r < lowest)) {
            lowest = r;
            bits = 0;
        }
        if (r > below && r == lowest)
            bits |= BIT(i);
    }
    if (lowest >= 0)
        *ret_rank = lowest;
    return bits;
}

/* The platforms that a step names, by name or by level. */
static uint32_t named(const struct config *conf, const struct rule_escalation *step, int *rank_reached) {
    uint32_t bits = 0;

    for (size_t i = 0; i < conf->nplatforms; i++)
        for (size_t k = 0; k < step->nto; k++) {
            const struct config_platform *p = &conf->platforms[i];
            if (strcmp(step->to[k], p->name) != 0 && !(p->level && strcmp(step->to[k], p->level) == 0))
                continue;
            bits |= BIT(i);
            if (rank(p->level) > *rank_reached)
                *rank_reached = rank(p->level);
        }
    return bits;
}

static bool wants(const struct config_platform *p, struct cel_context *ctx) {
    if (!p->when)
        return true;
    struct cel_value v = cel_eval(p->when, ctx);
    /* A field that this incident lacks makes the filter unknown: not wanted. A filter that is at fault otherwise must not swallow incidents. */
    return !cel_is_unknown(v) && (cel_is_error(v) || cel_is_true(v));
}

uint32_t route_incident(const struct config *conf, const struct rule *rule, uint32_t allowed, const char *body, size_t len,
                        struct arena *scratch) {
    struct arena_mark mark = arena_mark(scratch);
    struct cel_value vars[CEL_MAX_VARS];
    const cJSON *doc;
    int reached = -1;
    uint32_t everybody = conf->nplatforms >= 32 ? ~UINT32_C(0) : BIT(conf->nplatforms) - 1, asked = 0, wanted = 0;

    if (json_parse(scratch, body, len, NULL, &doc) < 0) {
        arena_rewind(scratch, mark);
        return allowed & everybody;
    }
    int64_t level = json_int(doc, "level", 0);
    uint32_t heard = next_level(conf, reached, &reached);

    for (int64_t i = 0; i < level && i < CONFIG_MAX_PLATFORMS; i++) {
        const struct rule_escalation *step = rule && (size_t)i < rule->nescalations ? &rule->escalations[i] : NULL;
        if (step && step->nto)
            asked |= named(conf, step, &reached);
        else
            heard |= next_level(conf, reached, &reached);
    }
    for (size_t i = 0; i < CEL_MAX_VARS; i++)
        vars[i] = cel_error(CEL_E_ABSENT, NULL);
    vars[0] = cel_json(doc); /* `incident` is the only variable of a platform's filter */
    struct cel_context ctx = {.vars = vars, .arena = scratch};
    for (size_t i = 0; i < conf->nplatforms; i++)
        if ((rank(conf->platforms[i].level) < 0 || (heard & BIT(i))) && wants(&conf->platforms[i], &ctx))
            wanted |= BIT(i);
    arena_rewind(scratch, mark);
    return (wanted & allowed) | asked;
}
