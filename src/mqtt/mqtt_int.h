/* SPDX-License-Identifier: Apache-2.0
 * The MQTT client's own business: what its files share. */
#ifndef GENGFU_MQTT_INT_H
#define GENGFU_MQTT_INT_H

#include <mosquitto.h>
#include <netdb.h>

#include "gengfu/base/crypt.h"
#include "gengfu/mqtt/mqtt.h"
#include "gengfu/mqtt/tls.h"

#define MQTT_BACKOFF_MIN INT64_C(500)        /* ms: ceiling of the first wait; doubled with each failure */
#define MQTT_BACKOFF_MAX INT64_C(60000)      /* ms: ceiling of every wait */
#define MQTT_BACKOFF_FLOOR INT64_C(50)       /* ms: no wait is shorter */
#define MQTT_STABLE INT64_C(10000)           /* ms up before a loss counts as the first again */
#define MQTT_FLAPPING 3                      /* failures that a connection counts which came up and was lost sooner: 4 s */
#define MQTT_CONNECT_TIMEOUT INT64_C(20000)  /* ms from the name to the CONNACK, for one address */
#define MQTT_GOODBYE INT64_C(1000)           /* ms for the DISCONNECT to leave */
#define MQTT_READ_SPAN_NS UINT64_C(20000000) /* one reading ends after so long */
#define MQTT_BUSY_BATCH 16                   /* a batch of so many, and the next sign of data at once: no coalescing wait */
#define MQTT_MAX_PACKET (16 << 20)           /* bytes; told to an MQTT 5 broker, which keeps larger ones back */
#define MQTT_MAX_FILTERS 4096
#define MQTT_MAX_TOPIC 65535

/*   IDLE ─start─► WAITING ─timer─► RESOLVING ─► CONNECTING ─CONNACK─► UP
 *                    ▲                 │             │               │
 *                    └────── backoff ──┴─────────────┴───────────────┘        any ─stop─► STOPPING ─► CLOSED */
enum mqtt_state { MQTT_IDLE, MQTT_WAITING, MQTT_RESOLVING, MQTT_CONNECTING, MQTT_UP, MQTT_STOPPING, MQTT_CLOSED };

enum mqtt_filter_state {
    FILTER_NEW,     /* wanted; the broker's present session does not know it yet, as far as we know */
    FILTER_SENT,    /* SUBSCRIBE queued */
    FILTER_HELD,    /* SUBACK came */
    FILTER_LESS,    /* the same, and with it a lower quality of service than was asked for */
    FILTER_REFUSED, /* a SUBACK that says no: asked for again with the next connection */
    FILTER_GONE,    /* no longer wanted; UNSUBSCRIBE still to be sent */
    FILTER_LEFT     /* UNSUBSCRIBE queued */
};
struct mqtt_filter {
    char *filter;
    int qos;
    int mid; /* of the SUBSCRIBE or UNSUBSCRIBE under way */
    enum mqtt_filter_state state;
};

/* One for each connection, because a uv_poll_t cannot change its descriptor and is ours again only in its close callback. */
struct mqtt_poll {
    uv_poll_t handle;
    struct mqtt *m;
};

struct mqtt {
    uv_loop_t *loop;
    struct mqtt_conf conf;
    struct mqtt_ops ops;
    void *ctx;
    enum mqtt_state state;
    struct mosquitto *mosq; /* a fresh one for each connection; NULL while there is none */
    struct mqtt_poll *poll;
    int events;       /* what poll listens to now */
    uv_timer_t timer; /* WAITING: backoff; RESOLVING, CONNECTING: time limit; UP: keepalive; STOPPING: time limit */
    uv_timer_t pause; /* the coalescing wait, and "on the next turn of the loop" */
    uv_getaddrinfo_t resolve;
    bool resolving;
    struct addrinfo *addresses, *next_address;
    char first_why[512]; /* why the first of them did not do */
    int open;            /* handles and requests that have not been closed yet */
    int inside;          /* we are in a callback of ours */
    bool stop_wanted;

    /* the connection */
    bool tcp_pending;     /* connect(2) is under way */
    struct tls_told told; /* by the latest handshake */
    uint64_t files;       /* print of certificates, key and password as this connection took them */
    bool kept_told;       /* that the broker keeps the session for less than was asked for */
    uint64_t unusable;    /* print of renewed ones that could not be used, which has been said */
    bool greeted;         /* CONNACK came, whatever it said */
    int refused;          /* CONNACK's code; 0: not refused */
    int lost;             /* on_disconnect's code */
    char detail[256];     /* latest error that libmosquitto logged while connecting */
    int protocol;         /* 5 or 4, of the next or present connection */
    int silent_closes;    /* version 5 connections that were closed without a CONNACK, in a row */
    bool v5_known;        /* the broker has accepted version 5 once */
    int failures;         /* in a row, for the backoff */
    uint64_t up_since;    /* uv_now */
    struct prng prng;

    /* reading */
    uint64_t progress; /* packets that led to a callback of libmosquitto */
    int count;         /* messages of this reading */
    int last_count;    /* of the one before */
    bool more;         /* the last reading ended at a limit, not for want of data */
    bool waiting;      /* the coalescing wait is on */
    bool owed;         /* acknowledgements of what is not durable yet are queued: nothing is written, but reading goes on */
    bool held;         /* the same, and nothing more is read */
    bool in_batch;     /* ops.batch is running */
    bool release;      /* mqtt_release was called */
    uint64_t released; /* uv_hrtime of the latest release */
    uint64_t bytes_in;

    struct mqtt_filter *filters;
    size_t nfilters, cap_filters;
};

/* connection.c */
void mqtt_begin(struct mqtt *m, int64_t delay);  /* to WAITING */
void mqtt_down(struct mqtt *m, const char *why); /* ends the connection and plans the next */
void mqtt_drop(struct mqtt *m);                  /* ends the connection, nothing else */
void mqtt_listen(struct mqtt *m);                /* sets the poll to what the state wants */
void mqtt_settle(struct mqtt *m);                /* at the end of each callback: a stop that was wished for meanwhile */
bool mqtt_gone(const struct mqtt *m);            /* libmosquitto has closed the socket */
void mqtt_say_lost(const struct mqtt *m, int rc, char *out, size_t size);
/* client.c */
GF_WARN_UNUSED int mqtt_client_new(struct mqtt *m, struct err *err); /* m->mosq, with all options */
/* tls.c, tls_files.c */
GF_WARN_UNUSED int mqtt_tls(struct mqtt *m, struct err *err);
int64_t tls_time(const ASN1_TIME *t); /* wall ms; TIME_NONE */
/* renew.c */
uint64_t mqtt_files_print(const struct mqtt *m);
/* deferred.c */
void mqtt_soon(struct mqtt *m); /* read on in the next turn of the loop */
void mqtt_readable(struct mqtt *m);
void mqtt_read(struct mqtt *m);
void mqtt_batch_end(struct mqtt *m, int rc);
void mqtt_on_pause(uv_timer_t *t);
/* subscribe.c */
void mqtt_filters_connected(struct mqtt *m, bool session_present);
void mqtt_filters_send(struct mqtt *m);
void mqtt_filters_answer(struct mqtt *m, int mid, bool subscribed, int granted);
void mqtt_filters_lost(struct mqtt *m);
void mqtt_filters_done(struct mqtt *m);
/* backoff.c */
int64_t mqtt_backoff(struct prng *prng, int failures);

#endif
