/* SPDX-License-Identifier: Apache-2.0
 * The HTTPS stand-in as a process of a test. */
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"

static const char *python(void) { return access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : NULL; }

void standin_file(const struct standin *s, const char *name, const char *text) {
    char path[160], fresh[170];

    (void)snprintf(path, sizeof(path), "%s/%s", s->dir, name);
    (void)snprintf(fresh, sizeof(fresh), "%s.fresh", path);
    FILE *f = fopen(fresh, "we");

    if (f == NULL)
        abort();
    (void)fputs(text, f);
    (void)fclose(f);
    if (rename(fresh, path) < 0)
        abort();
}

void standin_mode(const struct standin *s, const char *mode) { standin_file(s, "mode", mode); }

void standin_again(struct standin *s) {
    char path[160], text[32] = "";

    (void)fflush(NULL);
    s->pid = fork();
    if (s->pid < 0)
        abort();
    if (s->pid == 0) {
        const char *argv[] = {python(), "tests/lib/https_standin.py", s->dir, s->cert, s->key, s->client_ca, NULL};

        int null = open("/dev/null", O_RDWR);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that breaks off leaves nothing behind */
        (void)dup2(null, 0);
        (void)dup2(null, 1);
        execv(python(), (char *const *)(const void *)argv);
        _exit(127);
    }
    (void)snprintf(path, sizeof(path), "%s/port", s->dir);
    for (int i = 0; i < 1000 && text[0] == '\0'; i++) {
        struct timespec t = {.tv_nsec = 10000000};
        FILE *f = fopen(path, "re");

        if (f == NULL) {
            (void)nanosleep(&t, NULL);
            continue;
        }
        if (fgets(text, sizeof(text), f) == NULL)
            text[0] = '\0';
        (void)fclose(f);
    }
    s->port = (int)strtol(text, NULL, 10);
    if (s->port == 0 || !wait_port(s->port, 10000)) {
        (void)fprintf(stderr, "the stand-in does not come up\n");
        abort();
    }
}

bool standin_start(struct standin *s, const char *cert, const char *key, const char *client_ca) {
    memset(s, 0, sizeof(*s));
    if (python() == NULL || access("tests/lib/https_standin.py", R_OK) != 0) {
        printf("skipped: no python3, or not started in the source directory\n");
        return false;
    }
    (void)snprintf(s->dir, sizeof(s->dir), "/tmp/gengfu-standin-XXXXXX");
    if (mkdtemp(s->dir) == NULL)
        abort();
    s->cert = cert;
    s->key = key;
    s->client_ca = client_ca;
    standin_again(s);
    return true;
}

char *standin_requests(const struct standin *s) {
    char path[160];
    char *text = calloc(1, 1 << 20);

    if (text == NULL)
        abort();
    (void)snprintf(path, sizeof(path), "%s/requests.jsonl", s->dir);
    FILE *f = fopen(path, "re");

    if (f != NULL) {
        size_t n = fread(text, 1, (1 << 20) - 1, f);

        text[n] = '\0';
        (void)fclose(f);
    }
    return text;
}

void standin_forget(const struct standin *s) {
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/requests.jsonl", s->dir);
    (void)unlink(path);
}

void standin_stop(struct standin *s) {
    if (s->pid <= 0)
        return;
    (void)kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    s->pid = 0;
}

void standin_done(struct standin *s) {
    standin_stop(s);
    remove_tree(s->dir);
}
