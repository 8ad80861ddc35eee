/* SPDX-License-Identifier: Apache-2.0
 * What the libraries say of a handshake that failed, in words that tell a technician what to look at. One table for OpenSSL's verification, its error queue, alerts, and libcurl. */
#include <string.h>

#include "mqtt_int.h"

static const struct {
    const char *said, *sentence;
} sentences[] = {
    {"certificate has expired", "its certificate has run out, or this machine's clock is wrong"},
    {"certificate is not yet valid", "its certificate is not valid yet, or this machine's clock is wrong"},
    {"certificate in certificate chain", "its certificate comes from an authority that is not trusted here (tls.ca)"},
    {"self-signed certificate", "its certificate is self-signed and not one that is trusted here (tls.ca)"},
    {"self signed certificate", "its certificate is self-signed and not one that is trusted here (tls.ca)"},
    {"unable to get local issuer", "its certificate comes from an authority that is not trusted here (tls.ca)"},
    {"unable to get issuer", "its certificate comes from an authority that is not trusted here (tls.ca)"},
    {"unable to verify the first", "its certificate comes from an authority that is not trusted here (tls.ca)"},
    {"hostname mismatch", "its certificate is for another name"},
    {"IP address mismatch", "its certificate is for another name"},
    {"does not match target host name", "its certificate is for another name"},
    {"no alternative certificate subject name matches", "its certificate is for another name"},
    {"unsuitable certificate purpose", "its certificate is not one for a server"},
    {"certificate revoked", "its certificate has been revoked"},
    {"key too small", "its certificate's key is too weak"},
    {"md too weak", "its certificate is signed with too weak a hash"},
    {"unsupported protocol", "it speaks no version of TLS that is recent enough (tls.min_version)"},
    {"protocol version", "it speaks no version of TLS that is recent enough (tls.min_version)"},
    {"no protocols available", "it speaks no version of TLS that is recent enough (tls.min_version)"},
    {"wrong version number", "what answers there does not speak TLS; is it the right port?"},
    {"packet length too long", "what answers there does not speak TLS; is it the right port?"},
    {"http request", "what answers there does not speak TLS; is it the right port?"},
    {"certificate required", "it wants a certificate of ours (tls.cert and tls.key)"},
    {"alert handshake failure", "it found nothing in common with us, or wants a certificate of ours (tls.cert and tls.key)"},
    {"alert certificate expired", "it refuses our certificate (tls.cert): run out"},
    {"alert certificate unknown", "it refuses our certificate (tls.cert)"},
    {"alert unknown ca", "it refuses our certificate (tls.cert): it does not trust the authority that signed it"},
    {"alert bad certificate", "it refuses our certificate (tls.cert), or wants one"},
};

const char *tls_sentence(const char *said) {
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strstr(said, sentences[i].said) != NULL)
            return sentences[i].sentence;
    return NULL;
}
