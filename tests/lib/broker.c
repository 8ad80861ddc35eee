/* SPDX-License-Identifier: Apache-2.0
 * A real mosquitto for tests. */
#include "broker.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *program(void) {
    static const char *const places[] = {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto", "/sbin/mosquitto"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static void die(const char *what) {
    perror(what);
    abort();
}

static void sleep_ms(int ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&t, &t) < 0 && errno == EINTR) {
    }
}

bool broker_installed(void) {
    if (program() != NULL)
        return true;
    printf("skipped: mosquitto is not installed\n");
    return false;
}

int free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        die("free_port");
    (void)close(fd);
    return ntohs(a.sin_port);
}

bool wait_port(int port, int ms) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};

    for (int waited = 0; waited <= ms; waited += 10) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            die("socket");
        bool there = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

        (void)close(fd);
        if (there)
            return true;
        sleep_ms(10);
    }
    return false;
}

void remove_tree(const char *dir) {
    char path[512];
    DIR *d = strncmp(dir, "/tmp/", 5) == 0 ? opendir(dir) : NULL;
    struct dirent *e;

    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

void broker_again(struct broker *b) {
    char conf[128], log[128];

    (void)snprintf(conf, sizeof(conf), "%s/mosquitto.conf", b->dir);
    (void)snprintf(log, sizeof(log), "%s/log", b->dir);
    (void)fflush(NULL);
    b->pid = fork();
    if (b->pid < 0)
        die("fork");
    if (b->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashed leaves nothing behind */
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that breaks off leaves nothing behind */
        if (fd >= 0) {
            (void)dup2(fd, 1);
            (void)dup2(fd, 2);
        }
        execl(program(), "mosquitto", "-c", conf, (char *)NULL);
        _exit(127);
    }
    if (!wait_port(b->port, 5000)) {
        (void)fprintf(stderr, "mosquitto does not come up; see %s\n", log);
        abort();
    }
}

void broker_start(struct broker *b, const char *settings) {
    char conf[128];

    memset(b, 0, sizeof(*b));
    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/gengfu-broker-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        die("mkdtemp");
    b->port = free_port();
    (void)snprintf(conf, sizeof(conf), "%s/mosquitto.conf", b->dir);
    FILE *f = fopen(conf, "we");

    if (f == NULL)
        die(conf);
    /* Started by root, mosquitto becomes another user, who must be able to write here. */
    const char *user = getuid() == 0 ? "user root\n" : "";

    (void)fprintf(f,
                  "%slistener %d 127.0.0.1\npersistence true\npersistence_location %s/\nmax_queued_messages 0\nset_tcp_nodelay true\n%s%s",
                  user, b->port, b->dir, strstr(settings, "allow_anonymous") == NULL ? "allow_anonymous true\n" : "", settings);
    (void)fclose(f);
    broker_again(b);
}

static void end(struct broker *b, int sig) {
    if (b->pid <= 0)
        return;
    (void)kill(b->pid, sig);
    while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    b->pid = 0;
}

void broker_stop(struct broker *b) { end(b, SIGTERM); }

void broker_kill(struct broker *b) { end(b, SIGKILL); }

void broker_done(struct broker *b) {
    end(b, SIGKILL);
    remove_tree(b->dir);
}
