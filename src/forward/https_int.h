/* SPDX-License-Identifier: Apache-2.0
 * The HTTPS platform's own business: requests over libcurl's multi interface on the loop. */
#ifndef GENGFU_HTTPS_INT_H
#define GENGFU_HTTPS_INT_H

#include "forward/curl.h"
#include "forward_int.h"

#define HTTPS_REPLY_MAX 65536          /* bytes of a reply that are kept; a longer one has no commands for us */
#define HTTPS_REPLY_ABORT (1 << 20)    /* bytes after which a reply is not listened to any longer */
#define HTTPS_CONNECT_TIMEOUT 10000    /* ms */
#define HTTPS_HOLD 60000               /* ms that a poll may be held by the platform, beyond the ordinary time limit */
#define HTTPS_RETRY_AFTER_MAX TIME_DAY /* ms; a platform that says more is asked again after this */
#define HTTPS_AFTER_MAX 256
#define HTTPS_QUOTE_MAX 120 /* bytes of what a platform says that are shown */

struct https_sender;

enum request_kind { REQUEST_INCIDENT, REQUEST_ANSWER, REQUEST_POLL };
struct request {
    struct request *next;
    struct https_sender *hs;
    enum request_kind kind;
    CURL *easy;
    struct curl_slist *headers;
    struct slot *slot; /* REQUEST_INCIDENT */
    struct buf body, reply;
    size_t reply_bytes;        /* all that came, kept or not */
    int64_t retry_after;       /* ms; -1: not said */
    struct https_files *files; /* that it was begun with */
    char error[CURL_ERROR_SIZE];
};
struct answer {
    struct answer *next;
    size_t len;
    char text[];
};
struct https_sender {
    struct sender *s;
    CURLM *multi;
    uv_timer_t timer; /* libcurl's */
    uv_timer_t later; /* the next poll or answer */
    bool timers_open;
    int open; /* handles that are not closed yet */
    bool stopping;
    char *base;                    /* the url without query and without a slash at its end */
    struct request *active, *idle; /* idle ones keep their easy handle */
    struct answer *first, **last;
    size_t nanswers;
    bool answering, polling;
    int answer_failures, poll_failures;
    uint64_t answer_at, poll_at; /* uv_now when the next may go */
    struct https_files *files;   /* for TLS, as they were read last; NULL: not yet, or there are none */
    uint64_t unusable;           /* print of renewed ones that cannot be used, which has been said */
    int64_t peer_not_after;      /* wall ms; TIME_NONE before a handshake */
    char after[HTTPS_AFTER_MAX]; /* id of the last command that a poll brought */
};

/* https_loop.c: libcurl on the loop */
GF_WARN_UNUSED int https_loop_open(struct https_sender *hs, struct err *err);
void https_loop_start(struct https_sender *hs);
void https_loop_stop(struct https_sender *hs);
void https_handle_closed(struct https_sender *hs);
/* https_request.c: one request from its making to its reply */
GF_WARN_UNUSED int https_request_new(struct https_sender *hs, enum request_kind kind, struct err *err, struct request **ret);
/* `id`: the message's, signed; NULL: a GET. */
GF_WARN_UNUSED int https_request_go(struct request *r, const char *url, const char *id, struct err *err);
void https_request_done(struct request *r, bool keep); /* ends it, whatever it was at */
/* The beginning of what the platform said, fit for a log, without secrets. */
void https_quote(const struct request *r, const char *text, size_t len, struct buf *out);
/* https_tls.c */
GF_WARN_UNUSED int https_tls_begin(struct request *r, struct err *err); /* the files, renewed ones when there are */
void https_tls_set(struct request *r);
void https_tls_end(struct request *r);
void https_tls_done(struct https_sender *hs);
/* https_platform.c */
void https_finished(struct request *r, CURLcode code);
/* https_text.c: what is only text */
int64_t https_retry_after(const char *value, size_t len, int64_t wall); /* ms, or -1 when it is neither seconds nor a date */
GF_WARN_UNUSED int https_sign(const char *secret, const char *id, int64_t seconds, const char *body, size_t len, struct buf *ret,
                              struct err *err);
bool https_url_allowed(const char *url, bool *ret_plain); /* https, or http to this machine */

#endif
