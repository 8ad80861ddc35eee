/* SPDX-License-Identifier: Apache-2.0
 * libcurl's multi interface on a libuv loop: it says which sockets and which timer to watch, and is told what happened. It must never be called from within its own callbacks, so those
 * only set handles. */
#include <stdlib.h>
#include <string.h>

#include "https_int.h"

struct watch { /* of one socket */
    uv_poll_t poll;
    struct https_sender *hs;
    curl_socket_t fd;
};

void https_handle_closed(struct https_sender *hs) {
    if (--hs->open == 0 && hs->stopping)
        sender_closed(hs->s);
}

static void collect(struct https_sender *hs) {
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(hs->multi, &left)) != NULL) {
        char *own = NULL;
        CURLcode code = msg->data.result;

        if (msg->msg != CURLMSG_DONE || curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &own) != CURLE_OK || own == NULL)
            continue;
        https_finished((struct request *)(void *)own, code); /* msg is gone with the handle */
    }
}

static void act(struct https_sender *hs, curl_socket_t fd, int flags) {
    int running;

    if (hs->stopping)
        return;
    (void)curl_multi_socket_action(hs->multi, fd, flags, &running);
    collect(hs);
}

static void on_socket_event(uv_poll_t *poll, int status, int events) {
    struct watch *w = poll->data;
    int flags =
        status < 0 ? CURL_CSELECT_ERR : (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

    act(w->hs, w->fd, flags);
}

static void on_watch_closed(uv_handle_t *h) {
    struct watch *w = h->data;
    struct https_sender *hs = w->hs;

    free(w);
    https_handle_closed(hs);
}

static struct watch *watch_new(struct https_sender *hs, curl_socket_t fd) {
    struct watch *w = calloc(1, sizeof(*w));

    if (w == NULL || uv_poll_init_socket(hs->s->f->loop, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    w->hs = hs;
    w->fd = fd;
    hs->open++;
    (void)curl_multi_assign(hs->multi, fd, w);
    return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
    struct https_sender *hs = user;
    struct watch *w = socket_user;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
            (void)curl_multi_assign(hs->multi, fd, NULL);
        }
        return 0;
    }
    if (w == NULL)
        w = watch_new(hs, fd);
    if (w == NULL)
        return -1; /* libcurl fails the transfer, and it is tried again */
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    return uv_poll_start(&w->poll, events, on_socket_event) < 0 ? -1 : 0;
}

static void on_curl_timer(uv_timer_t *t) {
    struct https_sender *hs = t->data;

    act(hs, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi, long ms, void *user) {
    struct https_sender *hs = user;

    (void)multi;
    if (!hs->timers_open || hs->stopping)
        return 0;
    if (ms < 0)
        (void)uv_timer_stop(&hs->timer);
    else
        (void)uv_timer_start(&hs->timer, on_curl_timer, (uint64_t)ms, 0);
    return 0;
}

int https_loop_open(struct https_sender *hs, struct err *err) {
    hs->multi = curl_multi_init();
    if (hs->multi == NULL)
        return err_set(err, GF_ENOMEM, "HTTPS: %s", err_text(GF_ENOMEM));
    (void)curl_multi_setopt(hs->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(hs->multi, CURLMOPT_SOCKETDATA, hs);
    (void)curl_multi_setopt(hs->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    (void)curl_multi_setopt(hs->multi, CURLMOPT_TIMERDATA, hs);
    return 0;
}

void https_loop_start(struct https_sender *hs) {
    (void)uv_timer_init(hs->s->f->loop, &hs->timer);
    (void)uv_timer_init(hs->s->f->loop, &hs->later);
    hs->timer.data = hs->later.data = hs;
    hs->timers_open = true;
    hs->open = 2;
}

static void on_timer_closed(uv_handle_t *h) { https_handle_closed(h->data); }

/* Every request is taken off first, so that libcurl lets go of all sockets; their watches close in their own time. */
void https_loop_stop(struct https_sender *hs) {
    while (hs->active != NULL)
        https_request_done(hs->active, false);
    while (hs->idle != NULL)
        https_request_done(hs->idle, false);
    hs->stopping = true;
    (void)curl_multi_cleanup(hs->multi);
    hs->multi = NULL;
    if (hs->timers_open) {
        uv_close((uv_handle_t *)&hs->timer, on_timer_closed);
        uv_close((uv_handle_t *)&hs->later, on_timer_closed);
    }
}
