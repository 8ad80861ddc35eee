/* SPDX-License-Identifier: Apache-2.0
 * The engine's own rows, kept among the rules' states under the rule "": the serial of the day, the attended clock, and for rules with windows their figures (figures.c). */
#include "engine_int.h"

#include <string.h>

static void put(struct engine *e, const char *key) {
    struct effect_state s = {.rule = "", .key = key, .len = e->text.len};

    s.body = e->text.failed ? NULL : arena_strndup(&e->fx->arena, e->text.data, e->text.len);
    if (!s.body)
        e->oom = true;
    else
        effects_state(e->fx, &s);
}

void engine_own_flush(struct engine *e) {
    struct jw w;

    if (e->serial_dirty) {
        buf_clear(&e->text);
        w = jw_start(&e->text);
        jw_open(&w, NULL, '{');
        jw_int(&w, "day", e->serial_day);
        jw_int(&w, "n", (int64_t)e->serial);
        jw_close(&w, '}');
        put(e, "serial");
        e->serial_dirty = false;
    }
    if (e->clock_dirty) {
        buf_clear(&e->text);
        w = jw_start(&e->text);
        jw_open(&w, NULL, '{');
        jw_int(&w, "paused", e->paused);
        if (e->link_down != TIME_NONE)
            jw_int(&w, "link_down", e->link_down);
        if (e->grace_from != TIME_NONE)
            jw_int(&w, "grace_from", e->grace_from);
        jw_close(&w, '}');
        put(e, "clock");
        e->clock_dirty = false;
    }
    engine_figures_flush(e);
}

int engine_own_read(struct engine *e, const char *key, const char *body, size_t len, struct err *err) {
    const cJSON *j;
    int rc;

    arena_reset(&e->scratch);
    rc = json_parse(&e->scratch, body, len, err, &j);
    if (rc < 0)
        return err_prefix(err, "state %s", key);
    if (strcmp(key, "serial") == 0) {
        e->serial_day = (int)(engine_whole(json_get(j, "day"), 0) % 100000000);
        e->serial = (uint32_t)engine_whole(json_get(j, "n"), 0);
    } else if (strcmp(key, "clock") == 0) {
        e->paused = engine_ms(json_get(j, "paused"), 0);
        e->link_down = engine_ms(json_get(j, "link_down"), TIME_NONE);
        e->grace_from = engine_ms(json_get(j, "grace_from"), TIME_NONE);
        e->clock_known = true;
    } else {
        engine_figures_read(e, key, j);
    }
    return 0;
}
