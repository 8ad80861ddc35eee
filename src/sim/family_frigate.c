/* SPDX-License-Identifier: Apache-2.0
 * Frigate: cameras, and the recorder that they hang on. Its habits: one topic for all cameras' objects, each a series new, update … end with two whole
 * snapshots (before, after) under one id; float seconds; bare counts on topics of their own; a camera's state as a word. */
#include <string.h>

#include "sim_int.h"

static const struct {
    const char *name;
    int width, height;
} labels[] = {[LABEL_PERSON] = {"person", 90, 210},
              [LABEL_CAR] = {"car", 340, 190},
              [LABEL_EBIKE] = {"ebike", 190, 160},
              [LABEL_DOG] = {"dog", 80, 60},
              [LABEL_BICYCLE] = {"bicycle", 150, 130}};

static const char *zone_of(const struct sim_device *d) {
    if (strncmp(d->id, "cam-lane-", 9) == 0)
        return "fire_lane";
    if (strcmp(d->scene, "lift") == 0 || strncmp(d->id, "cam-lift-", 9) == 0)
        return "car";
    if (strncmp(d->id, "cam-stair-", 10) == 0)
        return "stairs";
    if (strncmp(d->id, "cam-street-", 11) == 0)
        return "verge";
    return "gate";
}

static void snapshot(struct sim *s, struct sim_device *d, bool before, bool first, bool over) {
    double now = (double)sim_stamp(s, d) / 1000.0, start = (double)d->since / 1000.0;
    const char *label = labels[d->label].name, *zone = zone_of(d);
    int x = 200 + d->number * 20, y = 180 + d->number * 9, w = labels[d->label].width, h = labels[d->label].height;
    bool fresh = before && first;

    buf_printf(&s->text, "{\"id\":\"%s\",\"camera\":\"%s\",\"frame_time\":%.6f,\"snapshot\":", d->series, d->id, before ? now - 0.24 : now);
    if (fresh)
        buf_puts(&s->text, "null");
    else
        buf_printf(&s->text,
                   "{\"frame_time\":%.6f,\"box\":[%d,%d,%d,%d],\"area\":%d,\"region\":[%d,%d,%d,%d],\"score\":0.84,\"attributes\":[]}",
                   now - 0.4, x, y, x + w, y + h, w * h, x - 60, y - 60, x + w + 60, y + h + 60);
    buf_printf(&s->text,
               ",\"label\":\"%s\",\"sub_label\":null,\"top_score\":%.4f,\"false_positive\":%s,\"start_time\":%.6f,\"end_time\":", label,
               fresh ? 0.0 : 0.8711, fresh ? "true" : "false", start);
    if (over && !before)
        buf_printf(&s->text, "%.6f", now);
    else
        buf_puts(&s->text, "null");
    buf_printf(
        &s->text,
        ",\"score\":%.4f,\"box\":[%d,%d,%d,%d],\"area\":%d,\"ratio\":%.4f,\"region\":[%d,%d,%d,%d],\"stationary\":%s,\"motionless_count\":%d,"
        "\"position_changes\":%d,\"current_zones\":[%s%s%s],\"entered_zones\":[%s%s%s],\"has_clip\":%s,\"has_snapshot\":%s,\"active\":%s,\"attributes\":{},"
        "\"current_attributes\":[],\"recognized_license_plate\":null}",
        fresh ? 0.6133 : 0.8524, x, y, x + w, y + h, w * h, (double)w / h, x - 60, y - 60, x + w + 60, y + h + 60,
        d->fault ? "true" : "false", d->fault ? 51 : 0, fresh ? 0 : 1, fresh ? "" : "\"", fresh ? "" : zone, fresh ? "" : "\"",
        fresh ? "" : "\"", fresh ? "" : zone, fresh ? "" : "\"", fresh ? "false" : "true", fresh ? "false" : "true",
        d->fault ? "false" : "true");
}

static void object_event(struct sim *s, struct sim_device *d, const char *type) {
    bool first = strcmp(type, "new") == 0, over = strcmp(type, "end") == 0;
    SIM_TOPIC(count, "frigate/%s/%s", d->id, labels[d->label].name);

    buf_clear(&s->text);
    buf_puts(&s->text, "{\"before\":");
    snapshot(s, d, true, first, over);
    buf_puts(&s->text, ",\"after\":");
    snapshot(s, d, false, first, over);
    buf_printf(&s->text, ",\"type\":\"%s\"}", type);
    if (s->text.failed) {
        sim_fail(s, GF_ENOMEM, "out of memory");
        return;
    }
    sim_put(s, false, "frigate/events", s->text.data, s->text.len, 0);
    if (first || over)
        sim_send(s, count, "%d", first ? 1 : 0);
}

static void enter(struct sim *s, struct sim_device *d, int label) {
    char letters[7];

    for (int i = 0; i < 6; i++)
        letters[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[sim_between(d, 0, 35)];
    letters[6] = 0;
    d->label = label < 0 || label > LABEL_BICYCLE ? LABEL_PERSON : label;
    d->since = sim_stamp(s, d);
    d->fault = false; /* it moves */
    (void)snprintf(d->series, sizeof(d->series), "%lld.%06d-%s", (long long)(d->since / 1000), (int)(d->since % 1000) * 1000, letters);
    object_event(s, d, "new");
}

static void act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    SIM_TOPIC(state, "frigate/%s/status/detect", d->id);

    switch (verb) {
    case VERB_ENTER:
        if (!d->series[0] && !d->offline)
            enter(s, d, (int)value);
        break;
    case VERB_STAND:
        if (d->series[0]) {
            d->fault = true;
            object_event(s, d, "update");
        }
        break;
    case VERB_UPDATE:
        if (d->series[0])
            object_event(s, d, "update");
        break;
    case VERB_LEAVE:
        if (d->series[0]) {
            object_event(s, d, "end");
            d->series[0] = 0;
        }
        break;
    case VERB_ONLINE:
        d->offline = value <= 0;
        sim_send(s, state, "%s", value > 0 ? "online" : "offline");
        break;
    default: break;
    }
}

static void hello(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(state, "frigate/%s/status/detect", d->id);
    SIM_TOPIC(detect, "frigate/%s/detect/state", d->id);

    sim_send(s, state, "online");
    sim_retain(s, detect, "ON");
}

/* Somebody passes. Cars in a fire lane go on within half a minute, unless the story says otherwise. */
static void tick(struct sim *s, struct sim_device *d) {
    const char *zone = zone_of(d);
    int label = strcmp(zone, "fire_lane") == 0 || strcmp(zone, "gate") == 0 ? (sim_chance(d, 50) ? LABEL_CAR : LABEL_PERSON)
                : strcmp(zone, "verge") == 0                                ? (sim_chance(d, 4) ? LABEL_DOG : LABEL_PERSON)
                                                                            : LABEL_PERSON;
    bool update = d->series[0] != 0;

    if (update) {
        object_event(s, d, "update"); /* still there */
        return;
    }
    if (d->scripted || d->offline || !sim_chance(d, 22))
        return;
    int64_t at = sim_between(d, 1, 60) * TIME_SECOND, stay = sim_between(d, 6, 28) * TIME_SECOND;

    sim_later(s, d, at, VERB_ENTER, label);
    sim_later(s, d, at + stay / 2, VERB_UPDATE, 0);
    sim_later(s, d, at + stay, VERB_LEAVE, 0);
}

const struct sim_family family_frigate = {
    .name = "frigate", .kind = "camera", .made_up = "cam-x", .period = 2 * TIME_MINUTE, .hello = hello, .tick = tick, .act = act};

/* ---- the recorder: itself, and statistics of all its cameras ------------------------------------------------------------------------- */

static void nvr_hello(struct sim *s, struct sim_device *d) {
    (void)d;
    sim_retain(s, "frigate/available", "online");
}

static void nvr_tick(struct sim *s, struct sim_device *d) {
    bool first = true;

    buf_clear(&s->text);
    buf_puts(&s->text, "{\"cameras\":{");
    for (size_t i = 0; i < s->ndevices; i++) {
        struct sim_device *c = &s->devices[i];

        if (c->family != &family_frigate || c->offline) /* one whose process is down has no statistics */
            continue;
        double fps = sim_real(c, 4.6, 5.1);

        buf_printf(
            &s->text,
            "%s\"%s\":{\"camera_fps\":%.1f,\"capture_pid\":%d,\"detection_fps\":%.1f,\"pid\":%d,\"process_fps\":%.1f,\"skipped_fps\":0.0}",
            first ? "" : ",", c->id, fps, 300 + (int)i, fps / 3, 900 + (int)i, fps);
        first = false;
    }
    buf_printf(&s->text,
               "},\"detection_fps\":%.1f,\"detectors\":{\"edge\":{\"detection_start\":0.0,\"inference_speed\":%.2f,\"pid\":41}},"
               "\"service\":{\"uptime\":%lld,\"version\":\"0.14.1-f4f3cfa\"}}",
               sim_real(d, 30, 60), sim_real(d, 9, 12), (long long)(s->now - s->conf->start) / 1000 + 700000);
    if (s->text.failed)
        sim_fail(s, GF_ENOMEM, "out of memory");
    else
        sim_put(s, false, "frigate/stats", s->text.data, s->text.len, 0);
}

static void nvr_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb == VERB_ONLINE) {
        d->offline = value <= 0;
        sim_retain(s, "frigate/available", "%s", value > 0 ? "online" : "offline");
    }
}

const struct sim_family family_frigate_nvr = {
    .name = "frigate", .kind = "nvr", .period = 1 * TIME_MINUTE, .hello = nvr_hello, .tick = nvr_tick, .act = nvr_act};
