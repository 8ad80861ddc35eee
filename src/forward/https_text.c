/* SPDX-License-Identifier: Apache-2.0
 * What of HTTPS is only text: the signature, Retry-After, which addresses may go without TLS. Pure. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gengfu/base/text.h"
#include "https_int.h"

/* Standard Webhooks (standardwebhooks.com), symmetric: v1,base64(HMAC-SHA256(secret, id.timestamp.body)). The secret is base64, with or without "whsec_" in front. */
int https_sign(const char *secret, const char *id, int64_t seconds, const char *body, size_t len, struct buf *ret, struct err *err) {
    struct arena a;
    struct buf content;
    uint8_t mac[32];
    size_t keylen;
    const char *text = strncmp(secret, "whsec_", 6) == 0 ? secret + 6 : secret;
    int rc = 0;

    arena_init(&a, 4096, 65536);
    buf_init(&content, len + 1024);
    const void *key = base64_decode(&a, text, strlen(text), &keylen);

    if (key == NULL || keylen < 16) {
        rc = err_set(err, GF_EINVAL, "the signing secret is not base64 of at least 16 bytes (whsec_…)");
    } else {
        buf_printf(&content, "%s.%lld.", id, (long long)seconds);
        buf_put(&content, body, len);
        rc = content.failed ? err_set(err, GF_ENOMEM, "signature: %s", err_text(GF_ENOMEM))
                            : hmac_sha256(key, keylen, content.data, content.len, mac);
    }
    if (rc == 0) {
        buf_puts(ret, "v1,");
        base64_encode(ret, mac, sizeof(mac));
        if (ret->failed)
            rc = err_set(err, GF_ENOMEM, "signature: %s", err_text(GF_ENOMEM));
    }
    buf_done(&content);
    arena_done(&a);
    return rc;
}

/* RFC 9110, 10.2.3: seconds, or a date. */
int64_t https_retry_after(const char *value, size_t len, int64_t wall) {
    char text[64];
    int64_t ms;

    while (len > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        len--;
    }
    while (len > 0 && strchr(" \t\r\n", value[len - 1]) != NULL)
        len--;
    if (len == 0 || len >= sizeof(text))
        return -1;
    memcpy(text, value, len);
    text[len] = '\0';
    if (strspn(text, "0123456789") == len) {
        ms = len > 9 ? HTTPS_RETRY_AFTER_MAX : strtoll(text, NULL, 10) * 1000;
    } else {
        time_t t = curl_getdate(text, NULL);

        if (t < 0)
            return -1;
        ms = (int64_t)t * 1000 - wall;
    }
    return ms < 0 ? 0 : ms > HTTPS_RETRY_AFTER_MAX ? HTTPS_RETRY_AFTER_MAX : ms;
}

static bool is_loopback(const char *host) {
    struct in_addr a;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool https_url_allowed(const char *url, bool *ret_plain) {
    char *scheme = NULL, *host = NULL;
    CURLU *u = curl_url();
    bool allowed = false;

    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        *ret_plain = strcmp(scheme, "http") == 0;
        allowed = strcmp(scheme, "https") == 0 || (*ret_plain && is_loopback(host));
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return allowed;
}
