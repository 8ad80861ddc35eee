/* SPDX-License-Identifier: Apache-2.0
 * Certificates for tests. */
#include "certs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"

static void exec_quietly(const char *const argv[]) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)dup2(null, 0);
    (void)dup2(null, 1);
    (void)dup2(null, 2);
    execvp("openssl", (char *const *)(const void *)argv);
    _exit(127);
}

static void run(const char *const argv[]) {
    int status;
    pid_t pid = fork();

    if (pid < 0)
        abort();
    if (pid == 0)
        exec_quietly(argv);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "openssl %s failed\n", argv[1]);
        abort();
    }
}

static void authority(const char *key, const char *cert, const char *name, const char *alternative) {
    char subject[128], extension[128];

    (void)snprintf(subject, sizeof(subject), "/CN=%s", name);
    (void)snprintf(extension, sizeof(extension), "subjectAltName=%s", alternative);
    const char *argv[] = {"openssl", "req",     "-x509",   "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                          "-nodes",  "-keyout", key,       "-out",    cert, "-days",    "30",
                          "-subj",   subject,   "-addext", extension, NULL};

    run(argv);
}

static void leaf(const struct certs *c, const char *name, const char *alternative, const char *days, char *cert, char *key, size_t size) {
    char request[128], ext[128], ca_key[128], subject[128];

    (void)snprintf(cert, size, "%s/%s.pem", c->dir, name);
    (void)snprintf(key, size, "%s/%s.key", c->dir, name);
    (void)snprintf(request, sizeof(request), "%s/%s.csr", c->dir, name);
    (void)snprintf(ext, sizeof(ext), "%s/%s.ext", c->dir, name);
    (void)snprintf(ca_key, sizeof(ca_key), "%s/ca.key", c->dir);
    (void)snprintf(subject, sizeof(subject), "/CN=gengfu test %s", name);
    FILE *f = fopen(ext, "we");

    if (f == NULL)
        abort();
    (void)fprintf(f, "subjectAltName=%s\nbasicConstraints=CA:FALSE\n", alternative);
    (void)fclose(f);
    const char *ask[] = {"openssl", "req",   "-newkey", "ec",    "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                         "-out",    request, "-subj",   subject, NULL};
    const char *sign[] = {"openssl",         "x509", "-req", "-in",   request, "-CA",      c->ca, "-CAkey", ca_key,
                          "-CAcreateserial", "-out", cert,   "-days", days,    "-extfile", ext,   NULL};

    run(ask);
    run(sign);
}

void certs_leaf(const struct certs *c, const char *name, const char *alternative, const char *days) {
    char cert[128], key[128];

    leaf(c, name, alternative, days, cert, key, sizeof(cert));
}

pid_t certs_old_server(const struct certs *c, int port, const char *version) {
    char at[32];

    (void)snprintf(at, sizeof(at), "127.0.0.1:%d", port);
    const char *argv[] = {"openssl", "s_server",           "-accept", at,  "-cert", c->server, "-key", c->server_key, version,
                          "-cipher", "DEFAULT@SECLEVEL=0", "-quiet",  NULL};
    pid_t pid = fork();

    if (pid < 0)
        abort();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        exec_quietly(argv);
    }
    if (!wait_port(port, 5000))
        abort();
    return pid;
}

void certs_server_end(pid_t pid) {
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

bool certs_make(struct certs *c) {
    char key[128], other_key[128];

    memset(c, 0, sizeof(*c));
    if (access("/usr/bin/openssl", X_OK) != 0) {
        printf("skipped: openssl is not installed\n");
        return false;
    }
    (void)snprintf(c->dir, sizeof(c->dir), "/tmp/gengfu-certs-XXXXXX");
    if (mkdtemp(c->dir) == NULL)
        abort();
    (void)snprintf(c->ca, sizeof(c->ca), "%s/ca.pem", c->dir);
    (void)snprintf(c->other_ca, sizeof(c->other_ca), "%s/other-ca.pem", c->dir);
    (void)snprintf(key, sizeof(key), "%s/ca.key", c->dir);
    (void)snprintf(other_key, sizeof(other_key), "%s/other-ca.key", c->dir);
    authority(key, c->ca, "gengfu test authority", "DNS:authority.example");
    authority(other_key, c->other_ca, "another authority", "DNS:authority.example");
    (void)snprintf(c->own, sizeof(c->own), "%s/own.pem", c->dir);
    (void)snprintf(c->own_key, sizeof(c->own_key), "%s/own.key", c->dir);
    authority(c->own_key, c->own, "gengfu test own", "IP:127.0.0.1,DNS:localhost");
    leaf(c, "server", "IP:127.0.0.1,DNS:localhost", "30", c->server, c->server_key, sizeof(c->server));
    leaf(c, "stranger", "DNS:other.example", "30", c->stranger, c->stranger_key, sizeof(c->stranger));
    leaf(c, "expired", "IP:127.0.0.1,DNS:localhost", "-1", c->expired, c->expired_key, sizeof(c->expired));
    leaf(c, "client", "DNS:gateway.example", "30", c->client, c->client_key, sizeof(c->client));
    return true;
}

void certs_done(struct certs *c) { remove_tree(c->dir); }
