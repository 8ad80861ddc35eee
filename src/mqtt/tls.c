/* SPDX-License-Identifier: Apache-2.0
 * A TLS context of our own for libmosquitto, which by itself would only say "certificate verify failed": TLS 1.2 or later, the other end's chain and name verified, and a sentence when they are not
 * right. The name is verified here, so the client may be given any of its addresses. The files are read for each connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gengfu/base/file.h"
#include "gengfu/mqtt/secret.h"
#include "mqtt_int.h"

#define KEY_FILE_MAX 65536

/* -- what is wrong with a certificate -------------------------------------------------------------------------------------------------------- */

/* "other.example, 10.0.0.1": the names that a certificate is for, as many as fit. They come from the other end: whoever shows the sentence cleans it. */
static void put_names(X509 *cert, char *out, size_t size) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && used + 1 < size; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char text[INET6_ADDRSTRLEN + 80] = "";

        if (name->type == GEN_DNS)
            (void)snprintf(text, sizeof(text), "%.*s", ASN1_STRING_length(name->d.dNSName) > 64 ? 64 : ASN1_STRING_length(name->d.dNSName),
                           (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        else if (name->type == GEN_IPADD)
            (void)inet_ntop(ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text,
                            sizeof(text));
        if (text[0] != '\0')
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", text);
    }
    GENERAL_NAMES_free(names);
    if (out[0] == '\0')
        (void)snprintf(out, size, "no name");
}

static void put_date(const ASN1_TIME *t, char out[TIME_TEXT_MAX]) {
    int64_t at = tls_time(t);

    (void)snprintf(out, TIME_TEXT_MAX, "an unreadable date");
    if (at != TIME_NONE)
        (void)time_format(at, 0, out);
}

static void refuse(struct tls_told *told, X509_STORE_CTX *store) {
    int code = X509_STORE_CTX_get_error(store);
    const char *said = X509_verify_cert_error_string(code), *sentence = tls_sentence(said);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char more[256] = "", date[TIME_TEXT_MAX], name[160];

    switch (cert != NULL ? code : X509_V_OK) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        put_date(X509_get0_notAfter(cert), date);
        (void)snprintf(more, sizeof(more), " (it was good until %s)", date);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        put_date(X509_get0_notBefore(cert), date);
        (void)snprintf(more, sizeof(more), " (it is good from %s)", date);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        put_names(cert, name, sizeof(name));
        (void)snprintf(more, sizeof(more), " (it is for %s, and %.60s is asked for)", name, told->host);
        break;
    default:
        name[0] = '\0';
        (void)X509_NAME_oneline(X509_get_issuer_name(cert), name, sizeof(name));
        (void)snprintf(more, sizeof(more), " (signed by %s)", name);
        break;
    case X509_V_OK: break;
    }
    (void)snprintf(told->why, sizeof(told->why), "%s%s", sentence != NULL ? sentence : said, more);
}

static struct tls_told *told_of(const SSL *ssl) { return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)); }

static int on_verify(int ok, X509_STORE_CTX *store) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_told *told = told_of(ssl);

    if (!ok)
        refuse(told, store);
    else if (X509_STORE_CTX_get_error_depth(store) == 0)
        told->not_after = tls_time(X509_get0_notAfter(X509_STORE_CTX_get_current_cert(store)));
    return ok;
}

/* libmosquitto asks for the name of what it connects to, which is an address; the other end wants to hear the name (SNI). And the other end's refusal of us comes as an alert. */
static void on_info(const SSL *ssl, int where, int value) {
    struct tls_told *told = told_of(ssl);
    struct in6_addr address;

    if ((where & SSL_CB_HANDSHAKE_START) && !SSL_is_init_finished(ssl)) {
        SSL *own = (SSL *)(uintptr_t)ssl; /* OpenSSL's callback is const for those who only look */
        bool numeric = inet_pton(AF_INET, told->host, &address) == 1 || inet_pton(AF_INET6, told->host, &address) == 1;

        char *name = numeric ? NULL : (char *)(uintptr_t)told->host; /* the macro casts const away, which clang minds */

        (void)SSL_set_tlsext_host_name(own, name);
    }
    if ((where & SSL_CB_ALERT) && (where & SSL_CB_READ) && (value >> 8) == SSL3_AL_FATAL && told->why[0] == '\0') {
        char said[100];

        bool wanted = (value & 0xff) == SSL_AD_CERTIFICATE_REQUIRED; /* OpenSSL has no words for it */

        (void)snprintf(said, sizeof(said), "alert %s", wanted ? "certificate required" : SSL_alert_desc_string_long(value));
        const char *sentence = tls_sentence(said);

        (void)snprintf(told->why, sizeof(told->why), "%s%s",
                       sentence != NULL ? sentence : "it ended the handshake: ", sentence != NULL ? "" : said);
    }
}

static int on_asked(SSL *ssl, void *user) {
    (void)user;
    told_of(ssl)->asked = true;
    return 1;
}

/* -- a context ------------------------------------------------------------------------------------------------------------------------------- */

/* What OpenSSL has against a file. */
static int blame(struct err *err, const char *what, const char *path) {
    unsigned long e = ERR_peek_last_error();
    const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

    ERR_clear_error();
    return err_set(err, GF_EINVAL, "tls %s: %s: %s", what, path, reason != NULL ? reason : "cannot be used");
}

static int no_passphrase(char *out, int size, int rwflag, void *user) {
    (void)out;
    (void)size;
    (void)rwflag;
    (void)user;
    return -1; /* and nobody is asked on a terminal */
}

static int use_key(SSL_CTX *ctx, const char *path, const char *cert, struct err *err) {
    struct buf text;

    buf_init(&text, KEY_FILE_MAX);
    int rc = file_read_secret(path, &text, err);

    if (rc < 0) {
        secret_done(&text);
        return err_prefix(err, "tls key");
    }
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

    if (key == NULL)
        rc = strstr(text.data, "ENCRYPTED") != NULL
                 ? err_set(err, GF_EINVAL, "tls key: %s: is encrypted; a daemon needs it without a passphrase (openssl pkey -in …)", path)
                 : blame(err, "key", path);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        rc = err_set(err, GF_EINVAL, "tls key: %s is not the key of %s", path, cert);
    ERR_clear_error();
    EVP_PKEY_free(key);
    BIO_free(bio);
    secret_done(&text);
    return rc;
}

static int use_files(SSL_CTX *ctx, const struct config_tls *t, struct err *err) {
    if ((t->cert == NULL) != (t->key == NULL))
        return err_set(err, GF_EINVAL, "tls: 'cert' and 'key' are given together or not at all");
    if (t->ca != NULL && access(t->ca, R_OK) != 0)
        return err_sys(err, GF_ENOTFOUND, errno, "tls ca: %s", t->ca);
    if (t->ca != NULL ? SSL_CTX_load_verify_file(ctx, t->ca) != 1 : SSL_CTX_set_default_verify_paths(ctx) != 1)
        return blame(err, "ca", t->ca != NULL ? t->ca : "the system's authorities");
    if (t->cert == NULL)
        return 0;
    if (access(t->cert, R_OK) != 0)
        return err_sys(err, GF_ENOTFOUND, errno, "tls cert: %s", t->cert);
    if (SSL_CTX_use_certificate_chain_file(ctx, t->cert) != 1)
        return blame(err, "cert", t->cert);
    return use_key(ctx, t->key, t->cert, err);
}

static int use_name(SSL_CTX *ctx, const char *host, struct err *err) {
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 0;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 ? 0
                                                            : err_set(err, GF_EINVAL, "tls: '%s' is no name that can be verified", host);
}

int tls_context(const struct config_tls *t, const char *host, struct tls_told *told, struct err *err, SSL_CTX **ret) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL)
        return err_set(err, GF_ENOMEM, "tls: %s", err_text(GF_ENOMEM));
    ERR_clear_error();
    *told = (struct tls_told){.host = host, .not_after = TIME_NONE};
    (void)SSL_CTX_set_min_proto_version(ctx, t->min_version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_app_data(ctx, told);
    SSL_CTX_set_info_callback(ctx, on_info);
    SSL_CTX_set_cert_cb(ctx, on_asked, NULL);
    SSL_CTX_set_verify(ctx, t->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, t->verify ? on_verify : NULL);
    int rc = use_files(ctx, t, err);

    if (rc == 0 && t->verify)
        rc = use_name(ctx, host, err);
    if (rc < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *ret = ctx;
    return 0;
}

int mqtt_tls(struct mqtt *m, struct err *err) {
    SSL_CTX *ctx;
    int rc = tls_context(&m->conf.broker->tls, m->conf.broker->host, &m->told, err, &ctx);

    if (rc < 0)
        return rc;
    rc = mosquitto_int_option(m->mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_void_option(m->mosq, MOSQ_OPT_SSL_CTX, ctx); /* takes a reference of its own */
    SSL_CTX_free(ctx);
    return rc == MOSQ_ERR_SUCCESS ? 0 : err_set(err, GF_EINVAL, "tls: %s", mosquitto_strerror(rc));
}
