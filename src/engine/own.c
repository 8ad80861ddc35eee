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

/* The clock may go back over midnight, or forward a year and back: a day that was begun goes on where it was. */
uint32_t engine_serial(struct engine *e, int day) {
    size_t at = 0;

    while (at < ENGINE_SERIAL_DAYS - 1 && e->serials[at].day != day)
        at++;
    struct serial today = e->serials[at].day == day ? e->serials[at] : (struct serial){.day = day};

    memmove(&e->serials[1], &e->serials[0], at * sizeof(e->serials[0]));
    today.n++;
    e->serials[0] = today;
    e->serial_dirty = true;
    return today.n;
}

static void serials_read(struct engine *e, const cJSON *j) {
    const cJSON *day;
    size_t n = 0;

    if (json_get(j, "day")) { /* as it was written while there was one */
        e->serials[0].day = (int)(engine_whole(json_get(j, "day"), 0) % 100000000);
        e->serials[0].n = (uint32_t)engine_whole(json_get(j, "n"), 0);
        return;
    }
    cJSON_ArrayForEach(day, json_get(j, "days")) {
        struct serial s = {.day = (int)(engine_whole(cJSON_GetArrayItem(day, 0), 0) % 100000000),
                           .n = (uint32_t)engine_whole(cJSON_GetArrayItem(day, 1), 0)};

        if (n < ENGINE_SERIAL_DAYS && s.day > 0)
            e->serials[n++] = s;
    }
}

void engine_own_flush(struct engine *e) {
    struct jw w;

    if (e->serial_dirty) {
        buf_clear(&e->text);
        w = jw_start(&e->text);
        jw_open(&w, NULL, '{');
        jw_open(&w, "days", '[');
        for (size_t i = 0; i < ENGINE_SERIAL_DAYS && e->serials[i].day; i++) {
            jw_open(&w, NULL, '[');
            jw_int(&w, NULL, e->serials[i].day);
            jw_int(&w, NULL, (int64_t)e->serials[i].n);
            jw_close(&w, ']');
        }
        jw_close(&w, ']');
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
        serials_read(e, j);
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
