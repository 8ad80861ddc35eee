/* SPDX-License-Identifier: Apache-2.0
 * A real mosquitto for tests: on a free port of the loopback, with a configuration, a store and a log of its own in a directory that is removed at the end. Ended by its pid only. */
#ifndef TESTS_LIB_BROKER_H
#define TESTS_LIB_BROKER_H

#include <stdbool.h>
#include <sys/types.h>

struct broker {
    char dir[64];
    int port;
    pid_t pid; /* 0: not running */
};
bool broker_installed(void);                               /* else the test says so and is skipped */
void broker_start(struct broker *b, const char *settings); /* further lines of mosquitto.conf, "" for none; %d in them is the port */
void broker_again(struct broker *b);                       /* the same one, after broker_stop or broker_kill */
void broker_stop(struct broker *b);                        /* SIGTERM: it saves its sessions */
void broker_kill(struct broker *b);                        /* SIGKILL */
void broker_done(struct broker *b);
int free_port(void);               /* of the loopback, TCP */
void remove_tree(const char *dir); /* a directory that mkdtemp made under /tmp, one level deep */
bool wait_port(int port, int ms);  /* until something listens there */

#endif
