/* SPDX-License-Identifier: Apache-2.0
 * Forward's own business: what the core and the three kinds of platforms share. */
#ifndef GENGFU_FORWARD_INT_H
#define GENGFU_FORWARD_INT_H

#include "gengfu/base/crypt.h"
#include "gengfu/base/heap.h"
#include "gengfu/forward/forward.h"

#define FORWARD_COMMAND_MAX 65536           /* bytes of one command, and of a receipt */
#define FORWARD_COMMANDS_PER_SECOND 20      /* per platform; as many at once */
#define FORWARD_LATE_MAX 64                 /* receipts of one turn for what is no longer in flight */
#define FORWARD_ANSWERS_MAX 256             /* answers that wait for the platform; the oldest goes when there are more */
#define FORWARD_ROW_TROUBLE 8               /* messages that failed one by one in a row, before it is the platform's trouble */
#define FORWARD_REPLAYED (60 * TIME_SECOND) /* a revision that waited longer is marked `replayed` */
#define FORWARD_CLOCK_BACK 2000             /* ms: a wall clock that is further behind than that was set back */
#define FORWARD_TURN_RETRY 1000             /* ms until outcomes that the store did not take are given again */

struct sender;

/* A place for one message in flight. The incident stays "busy" until its outcome is durable, so it is never sent twice at once.
 *   FREE ─send─► FLYING ─result─► SETTLED ─store─► FREE        FLYING ─platform not reachable─► FREE (the row was not at fault) */
enum slot_state { SLOT_FREE, SLOT_FLYING, SLOT_SETTLED };
struct slot {
    enum slot_state state;
    bool express; /* kept for what is extreme */
    char incident[ULID_TEXT + 8];
    uint32_t revision;
    int attempts;
    enum severity severity;
    struct outbox_outcome outcome; /* SETTLED; its strings are this slot's and the configuration's */
    char why[256];
    void *own;         /* the platform kind's: a transfer */
    int mid;           /* MQTT: packet id; 0 once the broker has it */
    uint64_t deadline; /* MQTT: uv_now when the receipt is overdue; 0: none */
};

enum result {
    RESULT_CONFIRMED,
    RESULT_RETRY,       /* this message: try it again later */
    RESULT_DEAD,        /* this message: never */
    RESULT_UNREACHABLE, /* not this message's fault: the platform, or the way there */
    RESULT_UNAUTHORIZED /* not this message's fault: the platform does not take us for who we are */
};

/* A kind of platform. All are called from the loop, none from within another. */
struct sender_ops {
    int (*open)(struct sender *s, struct err *err);                                /* makes s->own; starts nothing */
    int (*start)(struct sender *s, struct err *err);                               /* may be NULL */
    void (*send)(struct sender *s, struct slot *slot, const struct buf *envelope); /* answers with sender_result, at once or later */
    void (*flush)(struct sender *s);                                               /* after the sends of one turn; may be NULL */
    void (*answer)(struct sender *s, const char *json, size_t len);                /* to a command; may be NULL */
    void (*renew)(struct sender *s);                                               /* renewed files are looked for; may be NULL */
    int64_t (*peer_not_after)(const struct sender *s);                             /* of the other end's certificate; may be NULL */
    void (*stop)(struct sender *s); /* sender_closed() follows, at once or later; no result after it */
    void (*free)(struct sender *s); /* after sender_closed, or without start */
};
extern const struct sender_ops file_platform, mqtt_platform, https_platform;

struct sender {
    struct forward *f;
    size_t index;
    const struct config_platform *conf;
    const struct sender_ops *ops;
    void *own;
    struct slot *slots; /* conf->in_flight, and one for what is extreme */
    size_t nslots;
    bool started, stopped;
    bool link; /* messages can be handed to it now */
    /* its health */
    bool known, reachable; /* known: it has shown itself at least once, either way */
    int failures;          /* of the platform, in a row */
    int row_failures;      /* of single messages, in a row */
    bool unauthorized;     /* what holds it up is that */
    uint64_t hold;         /* uv_now until which nothing is sent; 0: none */
    char why[256];
    /* commands */
    double tokens;
    uint64_t tokens_at;
    uv_timer_t timer; /* when to look again */
    int64_t wall;     /* clock that was seen last, at uv_now wall_at; 0: none yet */
    uint64_t wall_at;
    struct forward_stats stats;
};

struct forward {
    uv_loop_t *loop;
    const struct config *conf;
    struct store *store;
    struct forward_ops ops;
    void *ctx;
    struct sender *senders;
    size_t nsenders;
    uv_timer_t turn;    /* 0 ms: the outcomes of this turn of the loop are written together, then more is sent */
    struct arena arena; /* of one look at the outbox, and of one command */
    struct prng prng;
    struct late {
        size_t sender;
        char incident[ULID_TEXT + 8];
        uint32_t revision;
    } late[FORWARD_LATE_MAX];
    size_t nlate;
    bool started, stopping, store_trouble;
    int open; /* timers and senders that are not closed yet */
};

/* forward.c */
void forward_turn(struct forward *f); /* write outcomes and send more, in the next turn of the loop */
void sender_closed(struct sender *s);
/* turn.c */
void forward_on_turn(uv_timer_t *t);
void sender_on_timer(uv_timer_t *t);
/* sender.c */
void sender_result(struct sender *s, struct slot *slot, enum result r, const char *why, int64_t retry_after); /* retry_after: ms, or -1 */
void sender_late_receipt(struct sender *s, const char *incident, uint32_t revision);
void sender_link(struct sender *s, bool up, const char *why);
void sender_health(struct sender *s, bool reachable, const char *why);
/* The platform's: counts once however many messages tell of it. */
void sender_trouble(struct sender *s, const char *why, int64_t retry_after);
void sender_unauthorized(struct sender *s, const char *why, int64_t retry_after); /* the same, tried again slowly */
void sender_renewed(struct sender *s); /* files of secrets may be others now, and somebody wants to see: no waiting */
void sender_commands(struct sender *s, const char *json, size_t len); /* one command, a list of them, or {"commands": […]} */
struct slot *sender_slot(struct sender *s, const char *incident);     /* in flight; NULL */
int64_t sender_backoff(struct sender *s, int failures);               /* ms, within retry_min and retry_max, full jitter */
#endif
