/* SPDX-License-Identifier: Apache-2.0
 * What the daemon's own files share. Life of a daemon:
 *
 *   starting ─► running ─► stopping ─► (everything closed) ─► gone
 *                  └─ stuck: a batch could not be committed; nothing is read or acknowledged until it is */
#ifndef GENGFU_DAEMON_INT_H
#define GENGFU_DAEMON_INT_H

#include <uv.h>

#include "gengfu/control/control.h"
#include "gengfu/daemon/daemon.h"
#include "gengfu/engine/engine.h"
#include "gengfu/forward/forward.h"
#include "gengfu/ingest/ingest.h"
#include "gengfu/rules/model.h"
#include "gengfu/source/limit.h"
#include "gengfu/source/source.h"
#include "gengfu/store/store.h"

#define DAEMON_MAX_TAILS 8
#define COMMIT_BUCKETS 24 /* powers of two of microseconds */

/* Engine time: goes on with CLOCK_BOOTTIME from where the last run stopped; wall time for stamps. */
struct daemon_clock {
    int64_t real_start; /* clock_mono() at start */
    int64_t mono_start; /* engine time at start */
    int64_t wall_start; /* wall at start; used when the clock is scaled or moved */
    double scale;
    bool own;              /* scaled or moved: wall does not follow the system's */
    bool vouched;          /* somebody has said that it is right */
    bool synced, told;     /* vouched, and a likely time; as it was at the last look; told to health */
    int64_t offset;        /* of the system's wall clock to its monotonic one, at the last look */
    int64_t unsynced_from; /* what the wall clock showed when the time began that it is not known to be right */
    int64_t journal_from;  /* the journal's last row then */
    uint64_t steps;
    int64_t lag, lag_from; /* what leapt forward is not believed to have aged anything, for a day from then on (clock_mono) */
};

struct tail {
    struct control_client *client; /* NULL: free */
    char device[EVENT_DEVICE_MAX];
    char rule[128];
    bool matched; /* only incidents */
};

struct health_item;
struct health { /* health.c */
    struct health_item *items;
    size_t n, cap;
    bool doubt; /* the last run may have told of something that no incident shows: what is found is told, good or bad */
    uv_timer_t timer;
};
struct watch { /* watch.c: counters at the last look */
    int64_t last;
    uint64_t odd, messages, refused;
    int64_t gave_way;
    bool outbox_known;
    struct watched_rule {
        uint64_t errors, evicted;
    } * rules;
    size_t nrules;
};

struct daemon {
    uv_loop_t loop;
    const struct daemon_options *opt;
    struct daemon_clock clock;
    struct ruleset *rules;      /* in force */
    struct ruleset *conf_rules; /* whose `config` ingest and forward hold; usually the same set */
    char conf_hash[65];         /* of gengfu.yaml's text, to see whether a reload must replace ingest and forward */
    struct engine *engine;
    struct mapper *mapper;
    struct limiter *limiter;
    struct store *store;
    struct ingest *ingest;
    struct forward *forward;
    struct control *control;

    /* the batch under way */
    struct effects fx;
    int64_t door_looked;    /* clock_mono of the latest look at the certificates; 0: not yet */
    struct store_note note; /* goes with fx; who NULL: none */
    struct arena scratch;   /* mapping of one message, routing */
    struct buf body;
    struct buf subscribed; /* the row that names the session's filters, as it was last written */
    struct store_ack *acks;
    size_t nacks, cap_acks;
    size_t nheld; /* of acks: durable, but not acknowledged while the disk is full */
    bool stuck;   /* fx could not be committed: it is kept and tried again */
    bool full;    /* the disk is: the reserve is given up (room.c) */
    char stuck_why[512];
    bool in_batch; /* ingest asks, and hears by the answer what became of its batch */
    bool owing;    /* ingest was told INGEST_LATER */

    uv_poll_t clock_poll;
    int clock_fd; /* -1: none */
    uv_timer_t due_timer, commit_timer, upkeep_timer, retry_timer, watchdog_timer, reload_timer;
    uv_signal_t on_hup, on_term, on_int, on_usr1;
    bool running, stopping, ingest_gone, forward_gone, control_gone, replacing_ingest, replacing_forward;
    struct buf pack;           /* files of the set that comes into force, until they are in the store */
    struct store_ruleset keep; /* to be kept with the next transaction; hash NULL: nothing */
    bool fell_back;            /* the directory was broken at the start: the last good set is in force */
    char damage[1024];         /* what is to be told of a store that was replaced; "" */
    struct health health;
    struct watch watch;
    struct ruleset *old_conf_rules; /* freed when the replaced ingest and forward are gone */

    int64_t started;         /* wall */
    int64_t last_checkpoint; /* engine mono */
    uint64_t events_since_checkpoint;
    bool checkpoint;     /* what is in fx completes one */
    int64_t last_reload; /* wall; TIME_NONE */
    bool reload_ok;
    char reload_why[1024];
    char reopen_why[1024];   /* what keeps the broker's or the platforms' side from being opened after a reload; "" */
    int64_t link_since;      /* engine mono of its last change; before the first one: when the last run ended */
    bool link_up, link_told; /* told: its state has been logged once */
    char link_why[256];

    uint64_t messages, events, own_events, journaled, opened, commits, commit_failures;
    uint64_t commit_hist[COMMIT_BUCKETS];
    struct tail tails[DAEMON_MAX_TAILS];
};

/* daemon.c: what daemon_run puts around the loop */
/* Everything is open, and runs with d->loop. */
GF_WARN_UNUSED int daemon_new(const struct daemon_options *opt, struct err *err, struct daemon **ret);
void daemon_upkeep_soon(struct daemon *d); /* the journal is to be trimmed within a second */
void daemon_free(struct daemon *d);        /* stops what still runs, in order */

/* clock.c */
void daemon_clock_start(struct daemon_clock *c, const struct daemon_options *opt, const struct store_clock *last, int64_t *ret_down);
struct engine_time daemon_now(const struct daemon *d);
void clock_begin(struct daemon *d);
void clock_end(struct daemon *d);
bool clock_moved(const struct daemon *d);                             /* cheap: it was set since the last look */
void clock_look(struct daemon *d);                                    /* was it set? is it right by now? */
int64_t daemon_age_now(const struct daemon *d);                       /* the wall clock by which things grow old */
int64_t daemon_real_delay(const struct daemon *d, int64_t engine_ms); /* engine ms -> real ms for uv timers, at least 1 */

/* pipeline.c: messages and times in, one committed transaction out */
void pipeline_init(struct daemon *d);
void pipeline_done(struct daemon *d);
void pipeline_message(struct daemon *d, const struct mqtt_message *m);
void pipeline_event(struct daemon *d, const struct event *ev, struct engine_time now); /* into the batch under way: journal and rules */
/* After a reading: commits, or gives INGEST_LATER when nothing of it is urgent. acks are those of everything since the last commit. */
GF_WARN_UNUSED int pipeline_batch(struct daemon *d, const struct ingest_ack *acks, size_t n, bool now);
GF_WARN_UNUSED int pipeline_commit(struct daemon *d);     /* everything since the last commit; again after a failure */
GF_WARN_UNUSED int pipeline_tick(struct daemon *d);       /* timers that are due; committed when that is urgent */
void pipeline_schedule(struct daemon *d);                 /* sets the due timer */
void pipeline_retry(struct daemon *d);                    /* sets the retry timer when the store cannot be written, or the disk is full */
GF_WARN_UNUSED int pipeline_checkpoint(struct daemon *d); /* devices' checkpoints in a transaction of their own */

/* commands.c */
struct commander {
    const char *who;      /* "platform:city", "uid:1000 (li)" */
    const char *platform; /* its name; NULL: the shell */
    unsigned actions;     /* what the platform may do: bits as in config_platform.actions */
};
void pipeline_command(struct daemon *d, const cJSON *json, const struct commander *by, struct buf *answer);
/* The platforms that are sent it as it is now; bits of the configuration's. */
uint32_t pipeline_audience(struct daemon *d, const char *incident);

/* trust.c. GF_EDENIED: others may change what stands there */
GF_WARN_UNUSED int daemon_trust(const char *dir, struct err *err);
GF_WARN_UNUSED int daemon_trust_config(const char *dir, struct err *err); /* the directory itself and gengfu.yaml only */

/* trail.c: the audit trail */
void trail_add(struct daemon *d, const char *who, const char *what, const char *detail);        /* detail may be NULL */
void trail_with_batch(struct daemon *d, const char *who, const char *what, const char *detail); /* with the next commit, or not at all */
void trail_committed(struct daemon *d);
void trail_say(struct daemon *d, const struct store_note *note); /* its line of the log, once it is in the store */

/* door.c: certificates that run out, connections that are not verified */
struct jw;
void door_troubles(struct jw *w, const struct daemon *d);
void door_look(struct daemon *d); /* into the log, once a day */

/* damage.c: opening the store, and what happens when it is damaged */
GF_WARN_UNUSED int daemon_store_open(struct daemon *d, struct err *err);
/* `err` says what was met; d->store is a new one afterwards, or NULL. */
GF_WARN_UNUSED int daemon_store_replace(struct daemon *d, struct err *err);
void daemon_store_failed(struct daemon *d, struct err *err)
    __attribute__((noreturn));                                    /* damage met at work: a new store, and a new start */
void daemon_store_met(struct daemon *d, int rc, struct err *err); /* that, when rc says that it is damage */

/* ruleset.c: rule sets read, kept, and taken back */
GF_WARN_UNUSED int daemon_rules_load(struct daemon *d, struct err *err, struct ruleset **ret); /* its files go into d->pack */
void daemon_rules_keep(struct daemon *d, const char *who); /* d->rules has come into force: kept with the next transaction */
void daemon_rules_kept(struct daemon *d);                  /* that was committed */
GF_WARN_UNUSED int daemon_rules_fall_back(struct daemon *d, struct err *err); /* err: why the directory's set cannot be had */

/* own.c: the daemon's own rows, kept among the rules' states under names that no rule can have */
#define OWN_DAMAGE "/damage"
#define OWN_LIMIT "/limit"   /* an event that waits in the limiter */
#define OWN_MEMORY "/memory" /* of the sources */
#define OWN_SUBSCRIBED "/subscribed"
bool own_is(const char *rule);
void own_memory(struct daemon *d); /* rows of the sources' memory that have changed, into the batch */
void own_restore(struct daemon *d, const char *rule, const char *key, const char *body, size_t len);

/* subscriptions.c: what the broker's session may hold, over restarts */
void subscriptions_restore(struct daemon *d, const char *body, size_t len);
GF_WARN_UNUSED int subscriptions_set(struct daemon *d, struct err *err); /* the mapper's filters, and no other */
void subscriptions_settled(struct daemon *d);
bool subscriptions_are_former(struct daemon *d); /* the broker and the name are those that we were connected to last, as far as is known */

/* health.c: own troubles become events, on edges */
void health_restore(struct daemon *d); /* after the engine has been restored */
void health_settle(struct daemon *d);  /* after a start or reload */
void health_done(struct daemon *d);
void health_set(struct daemon *d, const char *part, const char *name, bool bad, const char *reason, int64_t count);
void health_hurry(struct daemon *d, const char *part, const char *name); /* a trouble that is not to wait whether it lasts */
bool health_is_bad(const struct daemon *d, const char *part, const char *name);
bool health_tell(struct daemon *d); /* what is due becomes events in the batch under way; true when there were any */

/* flood.c: the limiter */
GF_WARN_UNUSED int flood_start(struct daemon *d, struct err *err);
void flood_configure(struct daemon *d);
void flood_flush(struct daemon *d);   /* its rows into the batch under way */
void flood_release(struct daemon *d); /* what has waited long enough, into the batch under way */
void flood_restore(struct daemon *d, const char *body, size_t len);

/* watch.c: what is looked at now and then */
void watch_look(struct daemon *d);
void watch_done(struct daemon *d);

/* room.c: a full disk */
void room_start(struct daemon *d);
/* True: there is some room now; what is to be told of it stands in the batch under way. */
bool room_give(struct daemon *d, const struct err *why);
bool room_back(struct daemon *d); /* true: the disk is full no more */

/* restore.c: the store's contents into a new engine */
GF_WARN_UNUSED int daemon_restore(struct daemon *d, int64_t down, struct err *err);

/* reload.c */
GF_WARN_UNUSED int daemon_reload(struct daemon *d, const char *who, struct err *err); /* who: for the audit trail */
void daemon_reload_settle(struct daemon *d);                                          /* after a replaced ingest or forward has closed */
GF_WARN_UNUSED int daemon_hash_config(const char *dir, char ret[65], struct err *err);

/* links.c: ingest's and forward's callbacks */
GF_WARN_UNUSED int daemon_open_ingest(struct daemon *d, struct err *err);
GF_WARN_UNUSED int daemon_open_forward(struct daemon *d, struct err *err);
void daemon_reopen(struct daemon *d); /* what a reload could not open, again */
void daemon_maybe_gone(struct daemon *d);
void daemon_trim(void);

/* requests.c, listings.c, status.c: the control socket */
extern const struct control_ops daemon_control_ops;
/* A stamp with the site's offset; null for TIME_NONE and 0 (listings.c). */
struct jw;
void daemon_put_time(struct jw *w, const struct daemon *d, const char *name, int64_t ms);
void request_status(struct daemon *d, struct control_client *c, const cJSON *req);
void request_incidents(struct daemon *d, struct control_client *c, const cJSON *req);
void request_show(struct daemon *d, struct control_client *c, const cJSON *req);
void request_devices(struct daemon *d, struct control_client *c, const cJSON *req);
void request_sources(struct daemon *d, struct control_client *c, const cJSON *req);
void request_rules(struct daemon *d, struct control_client *c, const cJSON *req);
void request_outbox(struct daemon *d, struct control_client *c, const cJSON *req);
void request_audit(struct daemon *d, struct control_client *c, const cJSON *req);

/* tail.c */
GF_WARN_UNUSED int tail_add(struct daemon *d, struct control_client *c, const cJSON *req);
void tail_remove(struct daemon *d, struct control_client *c);
bool tail_any(const struct daemon *d);
void tail_batch(struct daemon *d); /* shows the effects of a batch that has just been committed */

/* notify.c: systemd, where there is one */
void notify_ready(struct daemon *d);
void notify_reloading(struct daemon *d);
void notify_stopping(struct daemon *d);
void notify_status(struct daemon *d);
void notify_watchdog_start(struct daemon *d);

#endif
