/* SPDX-License-Identifier: Apache-2.0
 * The HTTPS platform: each message is a POST, signed as Standard Webhooks and/or with a bearer token and/or a client certificate.
 *
 *   2xx ─► confirmed · 4xx but 401, 403, 407, 408, 425, 429 ─► dead · 429, 503 ─► the platform is asked again later, Retry-After honoured · all else ─► this message again later
 *   401, 407 ─► the platform does not know us, most often because a token has run out: nothing is held against the message, and it is asked again slowly
 *   403 ─► it may be that, or a filter on the way that this message offends: this message again later, the others get past it; many in a row are the platform's trouble
 *   no connection ─► the platform cannot be reached: nothing is held against the message
 *   a connection, and then nothing, or half a reply ─► this message again later: it may be the message that the platform stumbles over, and the others must get past it
 *
 * Commands come in the reply's body ({"commands": […]}) or by poll (GET {url}/commands?gateway=…&after=…, which the platform may hold); each answer is a POST to {url}/answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/log.h"
#include "gengfu/mqtt/tls.h"
#include "https_int.h"

static void plan_later(struct https_sender *hs);

/* -- answers --------------------------------------------------------------------------------------------------------------------------------- */

static void drop_answer(struct https_sender *hs) {
    struct answer *a = hs->first;

    hs->first = a->next;
    if (hs->first == NULL)
        hs->last = &hs->first;
    hs->nanswers--;
    free(a);
}

static void send_answer(struct https_sender *hs) {
    char url[4096], id[64];
    struct request *r;
    struct err err = {0};

    if (hs->answering || hs->first == NULL || hs->stopping || uv_now(hs->s->f->loop) < hs->answer_at)
        return;
    int rc = https_request_new(hs, REQUEST_ANSWER, &err, &r);

    if (rc == 0) {
        buf_put(&r->body, hs->first->text, hs->first->len);
        (void)snprintf(url, sizeof(url), "%s/answers", hs->base);
        (void)snprintf(id, sizeof(id), "answer.%016llx%08llx", (unsigned long long)prng_next(&hs->s->f->prng),
                       (unsigned long long)hs->nanswers);
        rc = r->body.failed ? err_set(&err, GF_ENOMEM, "%s", err_text(GF_ENOMEM)) : https_request_go(r, url, id, &err);
        if (rc < 0)
            https_request_done(r, true);
    }
    if (rc < 0) {
        hs->answer_at = uv_now(hs->s->f->loop) + (uint64_t)sender_backoff(hs->s, ++hs->answer_failures);
        (void)snprintf(hs->s->why, sizeof(hs->s->why), "answer: %.200s", err.text);
    } else {
        hs->answering = true;
    }
}

static void platform_answer(struct sender *s, const char *json, size_t len) {
    struct https_sender *hs = s->own;
    struct answer *a = malloc(sizeof(*a) + len);

    if (a == NULL) {
        log_warn("platform %s: no memory for an answer; the command can be sent again", s->conf->name);
        return;
    }
    if (hs->nanswers >= FORWARD_ANSWERS_MAX && !(hs->answering && hs->nanswers == 1)) {
        log_warn("platform %s: more than %d answers wait; this one is dropped", s->conf->name, FORWARD_ANSWERS_MAX);
        free(a);
        return;
    }
    a->next = NULL;
    a->len = len;
    memcpy(a->text, json, len);
    *hs->last = a;
    hs->last = &a->next;
    hs->nanswers++;
    send_answer(hs);
    plan_later(hs);
}

/* -- polls ----------------------------------------------------------------------------------------------------------------------------------- */

static int poll_url(struct https_sender *hs, struct request *r, char *out, size_t size) {
    char *gateway = curl_easy_escape(r->easy, hs->s->f->conf->id, 0), *after = curl_easy_escape(r->easy, hs->after, 0);
    int n = gateway == NULL || after == NULL ? -1 : snprintf(out, size, "%s/commands?gateway=%s&after=%s", hs->base, gateway, after);

    curl_free(gateway);
    curl_free(after);
    return n > 0 && (size_t)n < size ? 0 : -1;
}

static void send_poll(struct https_sender *hs) {
    char url[4096];
    struct request *r;
    struct err err = {0};

    if (hs->s->conf->poll <= 0 || !hs->s->conf->commands || hs->polling || hs->stopping || uv_now(hs->s->f->loop) < hs->poll_at)
        return;
    int rc = https_request_new(hs, REQUEST_POLL, &err, &r);

    if (rc == 0) {
        rc = poll_url(hs, r, url, sizeof(url)) < 0 ? err_set(&err, GF_ELIMIT, "the address for commands is too long")
                                                   : https_request_go(r, url, NULL, &err);
        if (rc < 0)
            https_request_done(r, true);
    }
    if (rc < 0) {
        hs->poll_at = uv_now(hs->s->f->loop) + (uint64_t)sender_backoff(hs->s, ++hs->poll_failures);
        (void)snprintf(hs->s->why, sizeof(hs->s->why), "poll: %.200s", err.text);
    } else {
        hs->polling = true;
    }
}

static void on_later(uv_timer_t *t) {
    struct https_sender *hs = t->data;

    send_answer(hs);
    send_poll(hs);
    plan_later(hs);
}

static void plan_later(struct https_sender *hs) {
    uint64_t now = uv_now(hs->s->f->loop), next = UINT64_MAX;

    if (!hs->timers_open || hs->stopping)
        return;
    if (!hs->answering && hs->first != NULL)
        next = hs->answer_at;
    if (hs->s->conf->poll > 0 && hs->s->conf->commands && !hs->polling && hs->poll_at < next)
        next = hs->poll_at;
    if (next == UINT64_MAX)
        (void)uv_timer_stop(&hs->later);
    else
        (void)uv_timer_start(&hs->later, on_later, next > now ? next - now : 1, 0);
}

/* -- replies --------------------------------------------------------------------------------------------------------------------------------- */

/* Commands in a reply; a poll remembers how far it has read. */
static void read_commands(struct https_sender *hs, const struct request *r) {
    struct sender *s = hs->s;
    struct err err = {0};
    const cJSON *doc;

    if (r->reply_bytes > HTTPS_REPLY_MAX || r->reply.failed) {
        log_warn("platform %s: a reply of more than %d bytes is not read", s->conf->name, HTTPS_REPLY_MAX);
        return;
    }
    struct arena_mark mark = arena_mark(&s->f->arena);

    if (r->reply.len > 0 && json_parse(&s->f->arena, r->reply.data, r->reply.len, &err, &doc) == 0) {
        const cJSON *list = json_get(doc, "commands"), *item;

        if (cJSON_IsArray(list) && list->child != NULL) {
            cJSON_ArrayForEach(item, list) {
                const char *id = json_str(item, "id", "");

                if (r->kind == REQUEST_POLL && *id != '\0' && strlen(id) < sizeof(hs->after))
                    (void)snprintf(hs->after, sizeof(hs->after), "%s", id);
            }
            sender_commands(s, r->reply.data, r->reply.len);
        }
    } else if (r->reply.len > 0 && r->kind == REQUEST_POLL) {
        log_warn("platform %s: the reply to a poll is not JSON: %s", s->conf->name, err.text);
    }
    arena_rewind(&s->f->arena, mark);
}

static bool is_unauthorized(long status) { return status == 401 || status == 407; }

/* No other try will fare better. */
static bool is_final(long status) {
    return status >= 400 && status < 500 && !is_unauthorized(status) && status != 403 && status != 408 && status != 425 && status != 429;
}

/* The text of a refusal, with what the platform said about it. */
static void say_status(const struct request *r, long status, char *out, size_t size) {
    struct buf said;
    char *redirect = NULL;

    buf_init(&said, 512);
    if (status >= 300 && status < 400 && curl_easy_getinfo(r->easy, CURLINFO_REDIRECT_URL, &redirect) == CURLE_OK && redirect != NULL) {
        https_quote(r, redirect, strcspn(redirect, "?#"), &said);
        (void)snprintf(out, size, "HTTP %ld: redirects are not followed (to %s)", status, said.data);
    } else {
        https_quote(r, r->reply.data, r->reply.len, &said);
        (void)snprintf(out, size, "%sHTTP %ld%s%s",
                       is_unauthorized(status) ? "unauthorized, the platform does not accept our token, signature or certificate: " : "",
                       status, said.len > 0 ? ": " : "", said.data);
    }
    buf_done(&said);
}

static void say_error(const struct request *r, CURLcode code, char *out, size_t size) {
    const char *said = r->error[0] != '\0' ? r->error : curl_easy_strerror(code);
    const char *sentence =
        code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR ? tls_sentence(said) : NULL;

    if (sentence != NULL)
        (void)snprintf(out, size, "TLS: %s (%.120s)", sentence, said);
    else
        (void)snprintf(out, size, "%.200s", said);
}

/* Whether the request had begun to leave when it failed. */
static bool was_connected(const struct request *r) {
    curl_off_t us = 0;

    return curl_easy_getinfo(r->easy, CURLINFO_PRETRANSFER_TIME_T, &us) == CURLE_OK && us > 0;
}

static void incident_finished(struct https_sender *hs, struct request *r, CURLcode code, long status) {
    struct sender *s = hs->s;
    struct slot *slot = r->slot;
    char why[256];
    bool success = status >= 200 && status < 300;

    if (slot == NULL || slot->state != SLOT_FLYING || slot->own != r)
        return;
    /* A reply that is too long is cut by ourselves; its status stands. */
    if (code != CURLE_OK && !(success && code == CURLE_WRITE_ERROR && r->reply_bytes > HTTPS_REPLY_ABORT)) {
        say_error(r, code, why, sizeof(why));
        sender_result(s, slot, was_connected(r) ? RESULT_RETRY : RESULT_UNREACHABLE, why, -1);
        return;
    }
    if (success) {
        sender_result(s, slot, RESULT_CONFIRMED, "", -1);
        read_commands(hs, r);
        return;
    }
    say_status(r, status, why, sizeof(why));
    if (status == 429 || status == 503)
        sender_result(s, slot, RESULT_UNREACHABLE, why, r->retry_after);
    else if (is_unauthorized(status))
        sender_result(s, slot, RESULT_UNAUTHORIZED, why, r->retry_after);
    else if (is_final(status))
        sender_result(s, slot, RESULT_DEAD, why, -1);
    else
        sender_result(s, slot, RESULT_RETRY, why, r->retry_after);
}

static void answer_finished(struct https_sender *hs, struct request *r, CURLcode code, long status) {
    struct sender *s = hs->s;
    char why[256];

    hs->answering = false;
    if (code == CURLE_OK && status >= 200 && status < 300) {
        hs->answer_failures = 0;
        hs->answer_at = 0;
        drop_answer(hs);
        return;
    }
    if (code != CURLE_OK)
        say_error(r, code, why, sizeof(why));
    else
        say_status(r, status, why, sizeof(why));
    if (code == CURLE_OK && is_final(status)) {
        log_warn("platform %s: refuses an answer: %s", s->conf->name, why);
        drop_answer(hs);
        return;
    }
    int64_t wait = sender_backoff(s, ++hs->answer_failures);

    hs->answer_at = uv_now(s->f->loop) + (uint64_t)(r->retry_after > wait ? r->retry_after : wait);
    (void)snprintf(s->why, sizeof(s->why), "answer: %.200s", why);
}

static void poll_finished(struct https_sender *hs, struct request *r, CURLcode code, long status) {
    struct sender *s = hs->s;
    char why[256];
    int64_t wait = s->conf->poll;

    hs->polling = false;
    if (code == CURLE_OK && status >= 200 && status < 300) {
        hs->poll_failures = 0;
        read_commands(hs, r);
    } else {
        if (code != CURLE_OK)
            say_error(r, code, why, sizeof(why));
        else
            say_status(r, status, why, sizeof(why));
        (void)snprintf(s->why, sizeof(s->why), "poll: %.200s", why);
        int64_t backoff = sender_backoff(s, ++hs->poll_failures);

        wait = backoff > wait ? backoff : wait;
        wait = r->retry_after > wait ? r->retry_after : wait;
    }
    hs->poll_at = uv_now(s->f->loop) + (uint64_t)wait;
}

void https_finished(struct request *r, CURLcode code) {
    struct https_sender *hs = r->hs;
    long status = 0;

    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    switch (r->kind) {
    case REQUEST_INCIDENT: incident_finished(hs, r, code, status); break;
    case REQUEST_ANSWER: answer_finished(hs, r, code, status); break;
    case REQUEST_POLL: poll_finished(hs, r, code, status); break;
    }
    https_request_done(r, true);
    send_answer(hs);
    plan_later(hs);
}

/* -- the sender's ops ------------------------------------------------------------------------------------------------------------------------ */

static void platform_free(struct sender *s) {
    struct https_sender *hs = s->own;

    while (hs->first != NULL)
        drop_answer(hs);
    if (hs->multi != NULL)
        (void)curl_multi_cleanup(hs->multi);
    https_tls_done(hs);
    free(hs->base);
    free(hs);
    s->own = NULL;
    curl_global_cleanup();
}

static int platform_open(struct sender *s, struct err *err) {
    struct https_sender *hs = calloc(1, sizeof(*hs));
    bool plain;

    if (hs == NULL)
        return err_set(err, GF_ENOMEM, "%s", err_text(GF_ENOMEM));
    int rc = curl_load(err);

    if (rc < 0) {
        free(hs);
        return rc;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) { /* counted by libcurl */
        free(hs);
        return err_set(err, GF_EIO, "libcurl cannot be initialised");
    }
    hs->s = s;
    hs->peer_not_after = TIME_NONE;
    hs->last = &hs->first;
    s->own = hs;

    if (s->conf->url == NULL || !https_url_allowed(s->conf->url, &plain))
        rc = err_set(err, GF_EINVAL, "'%s' is no address to post to: https://…, or http:// to this machine",
                     s->conf->url != NULL ? s->conf->url : "");
    else if ((hs->base = strndup(s->conf->url, strcspn(s->conf->url, "?#"))) == NULL)
        rc = err_set(err, GF_ENOMEM, "%s", err_text(GF_ENOMEM));
    else
        rc = https_loop_open(hs, err);
    if (rc < 0) {
        platform_free(s);
        return rc;
    }
    size_t len = strlen(hs->base);

    while (len > 0 && hs->base[len - 1] == '/')
        hs->base[--len] = '\0';
    s->link = s->known = s->reachable = true;
    return 0;
}

static int platform_start(struct sender *s, struct err *err) {
    struct https_sender *hs = s->own;

    (void)err;
    https_loop_start(hs);
    plan_later(hs);
    return 0;
}

static void platform_send(struct sender *s, struct slot *slot, const struct buf *envelope) {
    struct https_sender *hs = s->own;
    struct request *r;
    struct err err = {0};
    char id[64];
    int rc = https_request_new(hs, REQUEST_INCIDENT, &err, &r);

    if (rc == 0) {
        buf_put(&r->body, envelope->data, envelope->len);
        (void)snprintf(id, sizeof(id), "%s.%u", slot->incident, slot->revision);
        r->slot = slot;
        slot->own = r;
        rc = r->body.failed ? err_set(&err, GF_ENOMEM, "%s", err_text(GF_ENOMEM)) : https_request_go(r, s->conf->url, id, &err);
        if (rc < 0)
            https_request_done(r, true);
    }
    if (rc < 0)
        sender_result(s, slot, RESULT_UNREACHABLE, err.text, -1);
}

static int64_t peer_not_after(const struct sender *s) {
    const struct https_sender *hs = s->own;

    return hs->peer_not_after;
}

static void platform_stop(struct sender *s) { https_loop_stop(s->own); }

const struct sender_ops https_platform = {.open = platform_open,
                                          .start = platform_start,
                                          .send = platform_send,
                                          .answer = platform_answer,
                                          .peer_not_after = peer_not_after,
                                          .stop = platform_stop,
                                          .free = platform_free};
