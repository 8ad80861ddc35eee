/* SPDX-License-Identifier: Apache-2.0
 * One request: its options (TLS 1.2 or later, verified; no redirects; no other protocols), its headers (signature, token), its reply within a ceiling. Secrets are read for each request, so that a
 * replaced file takes effect at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gengfu/base/log.h"
#include "gengfu/mqtt/secret.h"
#include "https_int.h"

#define BEARER "Authorization: Bearer "

static size_t on_body(char *data, size_t size, size_t n, void *user) {
    struct request *r = user;
    size_t len = size * n;

    r->reply_bytes += len;
    if (r->reply_bytes <= HTTPS_REPLY_MAX)
        buf_put(&r->reply, data, len);
    return r->reply_bytes <= HTTPS_REPLY_ABORT ? len : 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *user) {
    struct request *r = user;
    size_t len = size * n;
    static const char name[] = "retry-after:";

    if (len > sizeof(name) - 1 && strncasecmp(data, name, sizeof(name) - 1) == 0) {
        struct forward *f = r->hs->s->f;

        r->retry_after = https_retry_after(data + sizeof(name) - 1, len - (sizeof(name) - 1), f->ops.wall(f->ctx));
    }
    return len;
}

int https_request_new(struct https_sender *hs, enum request_kind kind, struct err *err, struct request **ret) {
    struct request *r = hs->idle;

    if (r != NULL) {
        hs->idle = r->next;
    } else {
        r = calloc(1, sizeof(*r));
        if (r != NULL)
            r->easy = curl_easy_init();
        if (r == NULL || r->easy == NULL) {
            free(r);
            return err_set(err, GF_ENOMEM, "HTTPS: %s", err_text(GF_ENOMEM));
        }
        r->hs = hs;
        buf_init(&r->body, 0);
        buf_init(&r->reply, HTTPS_REPLY_MAX);
    }
    r->kind = kind;
    r->slot = NULL;
    r->retry_after = -1;
    r->reply_bytes = 0;
    r->error[0] = '\0';
    buf_clear(&r->body);
    buf_clear(&r->reply);
    r->next = hs->active;
    hs->active = r;
    *ret = r;
    return 0;
}

static void unlink_from(struct request **list, struct request *r) {
    while (*list != NULL && *list != r)
        list = &(*list)->next;
    if (*list == r)
        *list = r->next;
}

void https_request_done(struct request *r, bool keep) {
    struct https_sender *hs = r->hs;

    unlink_from(&hs->active, r);
    unlink_from(&hs->idle, r);
    (void)curl_multi_remove_handle(hs->multi, r->easy); /* harmless when it is not there */
    https_tls_end(r);
    for (struct curl_slist *h = r->headers; h != NULL; h = h->next)
        explicit_bzero(h->data, strlen(h->data)); /* a token may stand there */
    curl_slist_free_all(r->headers);
    r->headers = NULL;
    if (keep) {
        curl_easy_reset(r->easy);
        r->next = hs->idle;
        hs->idle = r;
        return;
    }
    curl_easy_cleanup(r->easy);
    buf_done(&r->body);
    buf_done(&r->reply);
    free(r);
}

static int add_header(struct request *r, struct err *err, const char *text) {
    struct curl_slist *grown = curl_slist_append(r->headers, text);

    if (grown == NULL)
        return err_set(err, GF_ENOMEM, "HTTPS: %s", err_text(GF_ENOMEM));
    r->headers = grown;
    return 0;
}

static int add_signature(struct request *r, const char *id, struct err *err) {
    struct forward *f = r->hs->s->f;
    int64_t seconds = f->ops.wall(f->ctx) / 1000;
    struct buf secret, line;
    int rc = secret_read(r->hs->s->conf->secret_file, &secret, err);

    if (rc < 0)
        return err_prefix(err, "secret");
    buf_init(&line, 1024);
    buf_printf(&line, "webhook-timestamp: %lld", (long long)seconds);
    rc = add_header(r, err, line.data);
    buf_clear(&line);
    buf_puts(&line, "webhook-signature: ");
    if (rc == 0)
        rc = https_sign(secret.data, id, seconds, r->body.data, r->body.len, &line, err);
    if (rc == 0)
        rc = add_header(r, err, line.data);
    buf_done(&line);
    secret_done(&secret);
    return rc;
}

static int add_token(struct request *r, struct err *err) {
    struct buf token, line;
    int rc = secret_read(r->hs->s->conf->token_file, &token, err);

    if (rc < 0)
        return err_prefix(err, "token");
    buf_init(&line, SECRET_MAX + 64);
    buf_printf(&line, BEARER "%s", token.data);
    if (strpbrk(token.data, "\r\n") != NULL)
        rc = err_set(err, GF_EINVAL, "%s: a token is one line", r->hs->s->conf->token_file);
    else
        rc = add_header(r, err, line.data);
    secret_done(&line);
    secret_done(&token);
    return rc;
}

static int add_headers(struct request *r, const char *id, struct err *err) {
    const struct config_platform *c = r->hs->s->conf;
    char text[512];
    int rc = add_header(r, err, "Accept: application/json");

    if (rc == 0 && id != NULL) {
        rc = add_header(r, err,
                        r->kind == REQUEST_INCIDENT ? "Content-Type: application/cloudevents+json; charset=utf-8"
                                                    : "Content-Type: application/json; charset=utf-8");
        if (rc == 0)
            rc = add_header(r, err, "Expect:");
        (void)snprintf(text, sizeof(text), "webhook-id: %s", id);
        if (rc == 0)
            rc = add_header(r, err, text);
        if (rc == 0 && c->secret_file != NULL)
            rc = add_signature(r, id, err);
    }
    if (rc == 0 && c->token_file != NULL)
        rc = add_token(r, err);
    return rc;
}

int https_request_go(struct request *r, const char *url, const char *id, struct err *err) {
    int64_t timeout = r->hs->s->conf->timeout > 0 ? r->hs->s->conf->timeout : 20000;
    bool plain = false;
    int rc = https_url_allowed(url, &plain) ? add_headers(r, id, err)
                                            : err_set(err, GF_EINVAL, "%s: neither https:// nor http:// to this machine", url);

    if (rc == 0 && !plain)
        rc = https_tls_begin(r, err);
    if (rc < 0)
        return rc;
    if (r->kind == REQUEST_POLL)
        timeout += HTTPS_HOLD;
    (void)curl_easy_setopt(r->easy, CURLOPT_PRIVATE, (char *)r);
    (void)curl_easy_setopt(r->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    if (plain)
        (void)curl_easy_setopt(r->easy, CURLOPT_NOPROXY, "*"); /* to this machine: never by way of another */
    (void)curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(r->easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(r->easy, CURLOPT_TCP_NODELAY, 1L);
    (void)curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    (void)curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT_MS,
                           timeout < HTTPS_CONNECT_TIMEOUT ? (long)timeout : (long)HTTPS_CONNECT_TIMEOUT);
    (void)curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
    (void)curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    (void)curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
    (void)curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
    (void)curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "gengfu");
    if (id != NULL) {
        (void)curl_easy_setopt(r->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->body.data);
        (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    }
    https_tls_set(r);
    if (curl_multi_add_handle(r->hs->multi, r->easy) != CURLM_OK)
        return err_set(err, GF_ENOMEM, "HTTPS: the request cannot be begun");
    return 0;
}

/* A platform that refuses us may well repeat what we showed it; and what it says goes into the log, the status and the outbox. */
void https_quote(const struct request *r, const char *text, size_t len, struct buf *out) {
    const struct config_platform *c = r->hs->s->conf;
    const char *query = strchr(c->url, '?');
    struct buf secrets[3];
    struct err err = {0};
    size_t n = 0, start = out->len;

    for (const struct curl_slist *h = r->headers; h != NULL; h = h->next)
        if (strncmp(h->data, BEARER, sizeof(BEARER) - 1) == 0 && n == 0) {
            buf_init(&secrets[n], SECRET_MAX);
            buf_puts(&secrets[n++], h->data + sizeof(BEARER) - 1);
        }
    if (query != NULL) { /* often a key */
        buf_init(&secrets[n], 0);
        buf_puts(&secrets[n++], query + 1);
    }
    if (c->secret_file != NULL && secret_read(c->secret_file, &secrets[n], &err) == 0)
        n++;
    secret_hide(out, text, len, HTTPS_QUOTE_MAX, secrets, n);
    for (size_t i = start; i < out->len; i++)
        if ((unsigned char)out->data[i] < ' ' || out->data[i] == 0x7f)
            out->data[i] = ' ';
    for (size_t i = 0; i < n; i++)
        secret_done(&secrets[i]);
}
