/* SPDX-License-Identifier: Apache-2.0
 * Files that TLS and passwords come from: whether they have been renewed, and when a certificate runs out. */
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/file.h"
#include "gengfu/base/map.h"
#include "gengfu/mqtt/secret.h"
#include "mqtt_int.h"

#define PEM_FILE_MAX (1 << 20)

uint64_t tls_files_print(const char *const *paths, size_t n) {
    uint64_t print = n;
    char path[SECRET_PATH_MAX];
    struct stat st;

    for (size_t i = 0; i < n; i++) {
        int64_t seen[6] = {0};

        if (paths[i] != NULL && secret_path(paths[i], path, sizeof(path), NULL) == 0 && stat(path, &st) == 0) {
            seen[0] = (int64_t)st.st_ino;
            seen[1] = (int64_t)st.st_size;
            seen[2] = st.st_mtim.tv_sec;
            seen[3] = st.st_mtim.tv_nsec;
            seen[4] = st.st_ctim.tv_sec; /* a chmod, which may be the cure that was waited for */
            seen[5] = st.st_ctim.tv_nsec;
        }
        print = hash_bytes((const char *)seen, sizeof(seen), print);
    }
    return print;
}

int64_t tls_time(const ASN1_TIME *t) {
    struct tm tm;

    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : TIME_NONE;
}

int64_t tls_not_after(const char *pem, size_t len) {
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int64_t at = cert != NULL ? tls_time(X509_get0_notAfter(cert)) : TIME_NONE;

    X509_free(cert);
    BIO_free(bio);
    return at;
}

int64_t tls_file_not_after(const char *path) {
    struct buf text;
    int64_t at = TIME_NONE;

    if (path == NULL)
        return at;
    buf_init(&text, PEM_FILE_MAX);
    if (file_read(path, &text, NULL) == 0)
        at = tls_not_after(text.data, text.len);
    buf_done(&text);
    return at;
}
