/* SPDX-License-Identifier: Apache-2.0
 * Forward on a real store. */
#include "forward_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "gengfu/base/json.h"

int64_t ff_wall(void *ctx) {
    struct ff *ff = ctx;

    return clock_wall() + ff->wall_ahead;
}

static void on_command(void *ctx, size_t platform, const cJSON *command, struct buf *answer) {
    struct ff *ff = ctx;

    (void)platform;
    ff->commands++;
    (void)snprintf(ff->command_id, sizeof(ff->command_id), "%s", json_str(command, "id", ""));
    (void)snprintf(ff->action, sizeof(ff->action), "%s", json_str(command, "action", ""));
    if (ff->answer_with != NULL)
        buf_puts(answer, ff->answer_with);
    else
        buf_printf(answer, "{\"id\":\"%s\",\"ok\":true,\"revision\":2}", ff->command_id);
}

static void on_health(void *ctx, size_t platform, bool reachable, const char *why) {
    struct ff *ff = ctx;

    (void)platform;
    if (reachable)
        ff->ups++;
    else
        ff->downs++;
    (void)snprintf(ff->why, sizeof(ff->why), "%s", why);
}

static void on_closed(void *ctx) {
    struct ff *ff = ctx;

    ff->closed = true;
}

void ff_setup(struct ff *ff) {
    struct err err = {0};

    memset(ff, 0, sizeof(*ff));
    (void)snprintf(ff->dir, sizeof(ff->dir), "/tmp/gengfu-forward-XXXXXX");
    assert_non_null(mkdtemp(ff->dir));
    (void)snprintf(ff->path, sizeof(ff->path), "%s/store.db", ff->dir);
    (void)snprintf(ff->file, sizeof(ff->file), "%s/incidents.jsonl", ff->dir);
    assert_int_equal(uv_loop_init(&ff->loop), 0);
    assert_int_equal(uv_timer_init(&ff->loop, &ff->tick), 0);
    ff->conf.id = "gw-test";
    ff->conf.name = "test";
    struct store_conf sc = {.path = ff->path};

    if (store_open(&sc, &err, &ff->store) < 0)
        fail_msg("store_open: %s", err.text);
}

struct config_platform *ff_platform(struct ff *ff, const char *name, enum platform_type type) {
    struct config_platform *p = &ff->conf.platforms[ff->conf.nplatforms++];

    *p = (struct config_platform){
        .name = name,
        .type = type,
        .commands = type != PLATFORM_FILE,
        .prefix = "gengfu",
        .receipt_timeout = 1000,
        .timeout = 2000,
        .path = ff->file,
        .in_flight = 4,
        .retry_min = 100,
        .retry_max = 400,
        .tls = {.verify = true},
        .mqtt = {.host = "127.0.0.1", .protocol = 5, .keepalive = 30, .session_expiry = 3600000, .receive_maximum = 100}};
    return p;
}

void ff_start(struct ff *ff) {
    static const struct forward_ops ops = {.command = on_command, .health = on_health, .closed = on_closed, .wall = ff_wall};
    const char *names[CONFIG_MAX_PLATFORMS];
    struct err err = {0};

    for (size_t i = 0; i < ff->conf.nplatforms; i++)
        names[i] = ff->conf.platforms[i].name;
    if (store_platforms(ff->store, names, ff->conf.nplatforms, &err) < 0)
        fail_msg("store_platforms: %s", err.text);
    ff->closed = false;
    if (forward_new(&ff->loop, &ff->conf, ff->store, &ops, ff, &err, &ff->forward) < 0)
        fail_msg("forward_new: %s", err.text);
    if (forward_start(ff->forward, &err) < 0)
        fail_msg("forward_start: %s", err.text);
}

static bool is_closed(struct ff *ff) { return ff->closed; }

void ff_stop(struct ff *ff) {
    if (ff->forward == NULL)
        return;
    forward_stop(ff->forward);
    assert_false(ff->closed); /* never from within the call */
    assert_true(ff_until(ff, is_closed, FF_PATIENCE));
    forward_free(ff->forward);
    ff->forward = NULL;
}

void ff_teardown(struct ff *ff) {
    ff_stop(ff);
    store_close(ff->store);
    uv_close((uv_handle_t *)&ff->tick, NULL);
    (void)uv_run(&ff->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&ff->loop), 0);
    remove_tree(ff->dir);
}

void ff_incident(struct ff *ff, const char *id, uint32_t revision, enum severity severity) {
    static const char *const words[] = {"", "minor", "moderate", "severe", "extreme"};
    struct effects fx;
    struct err err = {0};
    char *body;
    int64_t now = ff_wall(ff);

    effects_init(&fx);
    body = arena_printf(
        &fx.arena,
        "{\"id\":\"%s\",\"number\":\"gw-test-20260105-%.4s\",\"revision\":%u,\"change\":\"%s\",\"severity\":\"%s\",\"title\":\"3号楼门被撬\",\"level\":0}",
        id, id + 22, revision, revision == 1 ? "opened" : "updated", words[severity]);
    assert_non_null(body);
    struct effect_incident inc = {.id = id,
                                  .number = arena_printf(&fx.arena, "gw-test-20260105-%.4s", id + 22),
                                  .rule = "door-forced",
                                  .key = id,
                                  .title = "3号楼门被撬",
                                  .revision = revision,
                                  .change = revision == 1 ? CHANGE_OPENED : CHANGE_UPDATED,
                                  .severity = severity,
                                  .condition = CONDITION_FIRING,
                                  .handling = HANDLING_NEW,
                                  .raised = now,
                                  .updated = now,
                                  .publish = true,
                                  .platforms = ~UINT32_C(0),
                                  .body = body,
                                  .len = strlen(body)};

    effects_incident(&fx, &inc);
    assert_false(fx.failed);
    struct store_batch batch = {.effects = &fx, .mono = clock_mono(), .wall = now};

    if (store_commit(ff->store, &batch, &err) < 0)
        fail_msg("store_commit: %s", err.text);
    effects_done(&fx);
    if (ff->forward != NULL)
        forward_wake(ff->forward);
}

static void on_tick(uv_timer_t *t) { (void)t; }

bool ff_until(struct ff *ff, bool (*condition)(struct ff *), int ms) {
    bool met = false;

    uv_update_time(&ff->loop);
    uint64_t end = uv_now(&ff->loop) + (uint64_t)ms;

    (void)uv_timer_start(&ff->tick, on_tick, 5, 5);
    while (uv_now(&ff->loop) < end && !met) {
        met = condition != NULL && condition(ff);
        if (!met)
            (void)uv_run(&ff->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&ff->tick);
    return met;
}

void ff_run(struct ff *ff, int ms) { (void)ff_until(ff, NULL, ms); }

static struct store_outbox_counts counts(struct ff *ff, const char *platform) {
    struct store_outbox_counts c;
    struct err err = {0};

    if (store_outbox_counts(ff->store, platform, &c, &err) < 0)
        fail_msg("store_outbox_counts: %s", err.text);
    return c;
}

size_t ff_waiting(struct ff *ff, const char *platform) { return counts(ff, platform).waiting; }

size_t ff_dead(struct ff *ff, const char *platform) { return counts(ff, platform).dead; }

bool ff_empty(struct ff *ff) {
    struct store_outbox_counts c = counts(ff, NULL);

    return c.waiting == 0 && c.dead == 0;
}

void ff_stats(struct ff *ff, size_t i, struct forward_stats *ret) { forward_stats(ff->forward, i, ret); }

char *ff_read(const char *path) {
    FILE *f = fopen(path, "re");
    char *text = calloc(1, 1 << 20);

    assert_non_null(text);
    if (f != NULL) {
        size_t n = fread(text, 1, (1 << 20) - 1, f);

        text[n] = '\0';
        (void)fclose(f);
    }
    return text;
}

int ff_count(const char *text, const char *part) {
    int n = 0;

    for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
        n++;
    return n;
}
