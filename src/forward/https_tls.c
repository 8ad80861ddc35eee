/* SPDX-License-Identifier: Apache-2.0
 * TLS of the HTTPS platform. Authorities, certificate and key are handed to libcurl as text, not as file names: a connection counts as the same only with the same text, so renewed files are taken by
 * the next request, on a connection of its own. Renewed ones that cannot be used are said once, and the former go on. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/file.h"
#include "gengfu/base/log.h"
#include "gengfu/mqtt/secret.h"
#include "gengfu/mqtt/tls.h"
#include "https_int.h"

#define PEM_MAX (1 << 20)

struct https_files {
    int users; /* the sender, and each request that was begun with them */
    uint64_t print;
    struct buf ca, cert, key;
};

static void release(struct https_files *f) {
    if (f == NULL || --f->users > 0)
        return;
    secret_done(&f->key);
    buf_done(&f->cert);
    buf_done(&f->ca);
    free(f);
}

static int read_all(const struct config_tls *t, struct https_files *f, struct err *err) {
    struct tls_told told;
    SSL_CTX *ctx;
    int rc = tls_context(t, "localhost", &told, err, &ctx); /* whether they are whole, belong together, and are not everybody's to read */

    if (rc < 0)
        return rc;
    SSL_CTX_free(ctx);
    if (t->ca != NULL)
        rc = file_read(t->ca, &f->ca, err);
    if (rc == 0 && t->cert != NULL)
        rc = file_read(t->cert, &f->cert, err);
    if (rc == 0 && t->key != NULL)
        rc = file_read_secret(t->key, &f->key, err);
    return rc;
}

static int load(const struct config_tls *t, uint64_t print, struct err *err, struct https_files **ret) {
    struct https_files *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_set(err, GF_ENOMEM, "tls: %s", err_text(GF_ENOMEM));
    f->users = 1;
    f->print = print;
    buf_init(&f->ca, PEM_MAX);
    buf_init(&f->cert, PEM_MAX);
    buf_init(&f->key, PEM_MAX);
    int rc = read_all(t, f, err);

    if (rc < 0) {
        release(f);
        return rc;
    }
    *ret = f;
    return 0;
}

int https_tls_begin(struct request *r, struct err *err) {
    struct https_sender *hs = r->hs;
    const struct config_tls *t = &hs->s->conf->tls;
    const char *paths[] = {t->ca, t->cert, t->key};
    struct https_files *fresh = NULL;
    struct err why = {0};

    if (t->ca == NULL && t->cert == NULL)
        return 0;
    uint64_t print = tls_files_print(paths, sizeof(paths) / sizeof(paths[0]));

    if ((hs->files == NULL || hs->files->print != print) && print != hs->unusable) {
        if (load(t, print, &why, &fresh) == 0) {
            if (hs->files != NULL)
                log_notice("platform %s: a certificate, key or authority was renewed and is used from now on", hs->s->conf->name);
            release(hs->files);
            hs->files = fresh;
            hs->unusable = 0;
        } else if (hs->files == NULL) {
            return err_set(err, why.code, "%s", why.text);
        } else {
            hs->unusable = print;
            log_warn("platform %s: a renewed certificate, key or authority cannot be used, the former goes on: %s", hs->s->conf->name,
                     why.text);
        }
    }
    r->files = hs->files;
    if (r->files != NULL)
        r->files->users++;
    return 0;
}

static void set_text(CURL *easy, CURLoption option, struct buf *text) {
    struct curl_blob blob = {.data = text->data, .len = text->len, .flags = CURL_BLOB_NOCOPY};

    if (text->len > 0)
        (void)curl_easy_setopt(easy, option, &blob);
}

void https_tls_set(struct request *r) {
    const struct config_tls *t = &r->hs->s->conf->tls;

    (void)curl_easy_setopt(r->easy, CURLOPT_SSLVERSION,
                           t->min_version == TLS_1_3 ? (long)CURL_SSLVERSION_TLSv1_3 : (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYPEER, t->verify ? 1L : 0L);
    (void)curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYHOST, t->verify ? 2L : 0L);
    (void)curl_easy_setopt(r->easy, CURLOPT_CERTINFO, 1L);
    if (r->files == NULL)
        return;
    if (t->ca != NULL) /* else libcurl would trust the system's directory of authorities beside the one that is named */
        (void)curl_easy_setopt(r->easy, CURLOPT_CAPATH, NULL);
    set_text(r->easy, CURLOPT_CAINFO_BLOB, &r->files->ca);
    set_text(r->easy, CURLOPT_SSLCERT_BLOB, &r->files->cert);
    set_text(r->easy, CURLOPT_SSLKEY_BLOB, &r->files->key);
}

/* When the platform's certificate runs out; told only by a request that made a connection. */
static void learn(struct request *r) {
    struct curl_certinfo *info = NULL;

    if (curl_easy_getinfo(r->easy, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL || info->num_of_certs < 1)
        return;
    for (const struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next) {
        static const char name[] = "Expire date:";
        time_t at = strncmp(line->data, name, sizeof(name) - 1) == 0 ? curl_getdate(line->data + sizeof(name) - 1, NULL) : -1;

        if (at >= 0)
            r->hs->peer_not_after = (int64_t)at * 1000;
    }
}

void https_tls_end(struct request *r) {
    learn(r);
    release(r->files);
    r->files = NULL;
}

void https_tls_done(struct https_sender *hs) {
    release(hs->files);
    hs->files = NULL;
}
