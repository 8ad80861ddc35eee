/* SPDX-License-Identifier: Apache-2.0
 * The daemon's life: start in order (rules, store, engine, platforms, broker, socket), turn the loop, stop in the reverse order.
 *
 *~ A newcomer's path through the house begins here: daemon_run() puts the parts together; pipeline.c is the way of a message; from there go down
 *~ to src/source (message → event), src/engine (event → effects) and src/store (effects → disk), and up again with src/forward (disk → platform). */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <cjson/cJSON.h>
#include <mosquitto.h>
#include <sqlite3.h>

#include "daemon_int.h"
#include "gengfu/base/crypt.h"
#include "gengfu/base/fault.h"
#include "gengfu/base/log.h"
#include "gengfu/base/text.h"
#include "gengfu/base/time.h"

#define UPKEEP_MS 30000
#define UPKEEP_BUSY_MS 100
#define UPKEEP_SOON_MS 1000
#define TRIM_ROWS 2000
#define CHECKPOINT_EVENTS 20000
#define CHECKPOINT_AGE (10 * TIME_MINUTE)

/* Before a small journal loses events that the next start would still read. */
static bool checkpoint_due(const struct daemon *d) {
    if (d->events_since_checkpoint == 0)
        return false;
    return d->events_since_checkpoint >= CHECKPOINT_EVENTS || daemon_now(d).mono - d->last_checkpoint >= CHECKPOINT_AGE ||
           store_wants_trim(d->store);
}

static void on_upkeep(uv_timer_t *t) {
    struct daemon *d = t->data;
    struct err err = {0};
    bool more = false;

    daemon_reopen(d);
    door_look(d);
    clock_look(d);
    watch_look(d);
    if (!d->stuck && checkpoint_due(d) && !d->full) /* it is not what the reserve was given up for */
        gf_ignore(pipeline_checkpoint(d));
    int rc = d->stuck ? 0 : store_trim(d->store, daemon_age_now(d), TRIM_ROWS, &more, &err);

    daemon_store_met(d, rc, &err);
    if (rc < 0)
        log_warn("journal: %s", err.text);
    (void)uv_timer_start(t, on_upkeep, more ? UPKEEP_BUSY_MS : (uint64_t)daemon_real_delay(d, UPKEEP_MS), 0);
}

/* What comes in within half a minute may be many times a small journal's ceiling. */
void daemon_upkeep_soon(struct daemon *d) {
    if (uv_is_active((uv_handle_t *)&d->upkeep_timer) && uv_timer_get_due_in(&d->upkeep_timer) > UPKEEP_SOON_MS)
        (void)uv_timer_start(&d->upkeep_timer, on_upkeep, UPKEEP_SOON_MS, 0);
}

static void close_handle(uv_handle_t *h) {
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Everything that talks to the world has closed: the last checkpoint, then the loop's own handles. */
void daemon_maybe_gone(struct daemon *d) {
    if (!d->stopping || !d->ingest_gone || !d->forward_gone || !d->control_gone)
        return;
    if (d->running && pipeline_checkpoint(d) < 0)
        log_warn("stopping without a checkpoint: the next start reads the journal's tail");
    close_handle((uv_handle_t *)&d->due_timer);
    close_handle((uv_handle_t *)&d->commit_timer);
    close_handle((uv_handle_t *)&d->upkeep_timer);
    close_handle((uv_handle_t *)&d->retry_timer);
    close_handle((uv_handle_t *)&d->watchdog_timer);
    close_handle((uv_handle_t *)&d->reload_timer);
    close_handle((uv_handle_t *)&d->health.timer);
    clock_end(d);
    close_handle((uv_handle_t *)&d->on_hup);
    close_handle((uv_handle_t *)&d->on_term);
    close_handle((uv_handle_t *)&d->on_int);
    close_handle((uv_handle_t *)&d->on_usr1);
}

static void stop(struct daemon *d) {
    if (d->stopping)
        return;
    d->stopping = true;
    notify_stopping(d);
    (void)uv_timer_stop(&d->due_timer);
    if (d->running && !d->stuck)
        gf_ignore(pipeline_commit(d)); /* so that its acknowledgements leave with the goodbye */
    if (d->ingest != NULL)
        ingest_stop(d->ingest);
    if (d->forward != NULL)
        forward_stop(d->forward);
    if (d->control != NULL)
        control_stop(d->control);
    daemon_maybe_gone(d);
}

static void on_reload(uv_timer_t *t) {
    struct daemon *d = t->data;
    struct err err = {0};

    if (!d->stopping)
        gf_ignore(daemon_reload(d, "SIGHUP", &err)); /* says itself what it did */
}

static void on_signal(uv_signal_t *s, int signum) {
    struct daemon *d = s->data;

    if (signum == SIGHUP) { /* one reload for however many came meanwhile, and the loop turns between two */
        (void)uv_timer_start(&d->reload_timer, on_reload, 0, 0);
    } else if (signum == SIGUSR1) {
        struct buf b;
        buf_init(&b, 1 << 20);
        trace_dump(&b);
        log_notice("trace of the last lines:\n%s", b.data);
        buf_done(&b);
    } else {
        log_notice("%s: ending", signum == SIGTERM ? "SIGTERM" : "SIGINT");
        stop(d);
    }
}

static int open_handles(struct daemon *d) {
    struct {
        uv_signal_t *handle;
        int signum;
    } signals[] = {{&d->on_hup, SIGHUP}, {&d->on_term, SIGTERM}, {&d->on_int, SIGINT}, {&d->on_usr1, SIGUSR1}};
    uv_timer_t *timers[] = {&d->due_timer,      &d->commit_timer, &d->upkeep_timer, &d->retry_timer,
                            &d->watchdog_timer, &d->reload_timer, &d->health.timer};

    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        (void)uv_timer_init(&d->loop, timers[i]);
        timers[i]->data = d;
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        int rc = uv_signal_init(&d->loop, signals[i].handle);
        signals[i].handle->data = d;
        if (rc == 0)
            rc = uv_signal_start(signals[i].handle, on_signal, signals[i].signum);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void say_versions(void) {
    struct utsname u;
    int major, minor, revision;

    (void)mosquitto_lib_version(&major, &minor, &revision);
    if (uname(&u) < 0)
        memset(&u, 0, sizeof(u));
    log_info("gengfu %s; libuv %s, libmosquitto %d.%d.%d, SQLite %s, cJSON %s; %s %s %s", GENGFU_VERSION, uv_version_string(), major, minor,
             revision, sqlite3_libversion(), cJSON_Version(), u.sysname, u.release, u.machine);
}

static int load_rules(struct daemon *d, struct err *err) {
    int rc = daemon_rules_load(d, err, &d->rules);

    if (rc < 0)
        rc = daemon_rules_fall_back(d, err);
    if (rc < 0)
        return rc;
    d->conf_rules = d->rules;
    return daemon_hash_config(d->opt->dir, d->conf_hash, err);
}

static int open_engine(struct daemon *d, struct err *err) {
    struct store_clock last;
    int64_t down = 0;
    uint64_t seed;
    int rc;

    store_clock(d->store, &last);
    daemon_clock_start(&d->clock, d->opt, &last, &down);
    if (random_bytes(&seed, sizeof(seed)) < 0)
        return err_set(err, GF_EIO, "no random numbers from the system");
    struct engine_conf conf = {.gateway = d->rules->config->id, .seed = seed, .max_devices = d->rules->config->max_devices};

    rc = engine_new(d->rules, &conf, err, &d->engine);
    if (rc == 0)
        rc = mapper_new(d->rules, err, &d->mapper);
    if (rc == 0)
        rc = flood_start(d, err);
    d->link_since = daemon_now(d).mono - down;
    if (rc == 0)
        rc = daemon_restore(d, down, err);
    if (rc == 0)
        engine_link(d->engine, false, daemon_now(d)); /* until the broker is there */
    return rc;
}

static void close_engine(struct daemon *d) {
    mapper_free(d->mapper);
    limiter_free(d->limiter);
    engine_free(d->engine);
    d->limiter = NULL;
    d->mapper = NULL;
    d->engine = NULL;
    effects_reset(&d->fx);
}

static int open_control(struct daemon *d, struct err *err) {
    const struct config *c = d->rules->config;
    int rc = control_new(&d->loop, d->opt->socket ? d->opt->socket : c->socket, c->socket_group, &daemon_control_ops, d, err, &d->control);

    return rc < 0 ? err_prefix(err, "control socket") : 0;
}

/* What only reading the rules needed goes back to the system. */
void daemon_trim(void) {
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

static int start(struct daemon *d, struct err *err) {
    int rc;

    say_versions();
    if ((rc = load_rules(d, err)) < 0 || (rc = daemon_store_open(d, err)) < 0)
        return rc;
    rc = open_engine(d, err);
    if (rc == GF_ECORRUPT) { /* a damaged page that only the reading met */
        close_engine(d);
        if ((rc = daemon_store_replace(d, err)) < 0)
            return rc;
        rc = open_engine(d, err);
    }
    if (rc < 0)
        return rc;
    health_restore(d);
    clock_begin(d);
    room_start(d);
    if (!d->fell_back)
        daemon_rules_keep(d, "start");
    trail_add(d, "gengfu", "started", GENGFU_VERSION);
    if ((rc = daemon_open_forward(d, err)) < 0 || (rc = open_control(d, err)) < 0 || (rc = daemon_open_ingest(d, err)) < 0)
        return rc;
    health_set(d, "rules", "", d->fell_back, d->reload_why, 0);
    if (d->damage[0] != '\0')
        health_set(d, "damage", "", true, d->damage, 0);
    health_settle(d);
    (void)health_tell(d);
    if ((rc = pipeline_commit(d)) < 0)
        return err_set(err, rc, "store: %s", d->stuck_why);
    /* The tail's events are of sources as they were; and one that is ended again and again before its upkeep must not read a longer tail each time. */
    if ((mapper_wants_checkpoint(d->mapper) || d->events_since_checkpoint >= CHECKPOINT_EVENTS) && !d->full)
        gf_ignore(pipeline_checkpoint(d));
    d->running = true;
    d->started = daemon_now(d).wall;
    d->last_checkpoint = daemon_now(d).mono;
    (void)uv_timer_start(&d->upkeep_timer, on_upkeep, (uint64_t)daemon_real_delay(d, UPKEEP_MS), 0);
    health_settle(d);
    pipeline_schedule(d);
    pipeline_retry(d);
    notify_ready(d);
    notify_watchdog_start(d);
    daemon_trim();
    log_notice("watching: %zu sources, %zu rules, %zu devices, %zu platforms (%.12s)", d->rules->nsources,
               d->rules->nrules - d->rules->nbuiltin, registry_count(d->rules->registry), d->rules->config->nplatforms, d->rules->hash);
    return 0;
}

int daemon_new(const struct daemon_options *opt, struct err *err, struct daemon **ret) {
    struct daemon *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return err_set(err, GF_ENOMEM, "out of memory");
    d->opt = opt;
    d->clock_fd = -1;
    d->last_reload = TIME_NONE;
    d->reload_ok = true;
    d->ingest_gone = d->forward_gone = d->control_gone = true; /* until they are there */
    pipeline_init(d);
    (void)uv_loop_init(&d->loop);
    int rc = open_handles(d);

    if (rc < 0)
        rc = err_set(err, GF_EIO, "signals: %s", uv_strerror(rc));
    else
        rc = start(d, err);
    d->ingest_gone = d->ingest == NULL;
    d->forward_gone = d->forward == NULL;
    d->control_gone = d->control == NULL;
    if (rc < 0) {
        daemon_free(d);
        return rc;
    }
    *ret = d;
    return 0;
}

void daemon_free(struct daemon *d) {
    stop(d);
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&d->loop) != 0)
        log_warn("stopped with handles still open");
    mapper_free(d->mapper);
    limiter_free(d->limiter);
    engine_free(d->engine);
    store_close(d->store);
    if (d->conf_rules != d->rules)
        ruleset_free(d->conf_rules);
    ruleset_free(d->old_conf_rules);
    ruleset_free(d->rules);
    pipeline_done(d);
    health_done(d);
    watch_done(d);
    buf_done(&d->pack);
    free(d);
}

int daemon_run(const struct daemon_options *opt, struct err *err) {
    struct daemon *d = NULL;

    (void)setenv("UV_THREADPOOL_SIZE", "1", 0); /* libuv's own threads only look up names */
    fault_init();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk, and no end */
    (void)mosquitto_lib_init();
    int rc = daemon_new(opt, err, &d);

    if (rc == 0 && d != NULL) {
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
        daemon_free(d);
        log_notice("ended");
    }
    (void)mosquitto_lib_cleanup();
    return rc;
}

int daemon_describe(const struct daemon_options *opt, struct buf *out, bool colour, struct err *err) {
    static const char *const types[] = {"mqtt", "https", "file"};
    struct ruleset *rs = NULL;
    struct report *rep;
    struct mapper *mapper = NULL;
    const char *const *filters;
    int rc = report_new(&rep);

    if (rc < 0)
        return err_set(err, rc, "out of memory");
    rc = daemon_trust(opt->dir, err);
    if (rc == 0)
        rc = ruleset_load(opt->dir, rep, err, &rs);
    report_print(rep, out, colour);
    report_free(rep);
    if (rc < 0 || rs == NULL)
        return err != NULL && err->code != 0 ? rc : err_set(err, GF_EINVAL, "%s would not run", opt->dir);
    rc = mapper_new(rs, err, &mapper);
    if (rc == 0) {
        const struct config *c = rs->config;
        buf_printf(out, "gateway    %s (%s)\n", c->id, c->name ? c->name : "no name");
        buf_printf(out, "broker     %s:%d, MQTT %s, client %s%s\n", c->broker.host, c->broker.port, c->broker.protocol == 5 ? "5" : "3.1.1",
                   c->broker.client_id ? c->broker.client_id : c->id, c->broker.tls.on ? ", TLS" : "");
        size_t n = mapper_filters(mapper, &filters);
        for (size_t i = 0; i < n; i++)
            buf_printf(out, "%s%s\n", i == 0 ? "subscribes " : "           ", filters[i]);
        buf_printf(out, "store      %s\n", opt->store ? opt->store : c->store_path);
        for (size_t i = 0; i < c->nplatforms; i++) {
            const struct config_platform *p = &c->platforms[i];
            const char *where = p->type == PLATFORM_HTTPS ? p->url : p->type == PLATFORM_FILE ? p->path : p->mqtt.host;

            /* A query often is a key. */
            buf_printf(out, "%s%s (%s) %.*s\n", i == 0 ? "platforms  " : "           ", p->name, types[p->type],
                       (int)(p->type == PLATFORM_HTTPS ? strcspn(where, "?#") : strlen(where)), where);
        }
        buf_printf(out, "control    %s\n", opt->socket ? opt->socket : c->socket);
        size_t rules = rs->nrules - rs->nbuiltin, devices = registry_count(rs->registry), codes = codes_count(rs->codes);
        buf_printf(out, "would run  %zu source%s, %zu rule%s, %zu device%s, %zu code%s (%.12s)\n", rs->nsources, plural(rs->nsources),
                   rules, plural(rules), devices, plural(devices), codes, plural(codes), rs->hash);
    }
    mapper_free(mapper);
    ruleset_free(rs);
    return rc;
}
