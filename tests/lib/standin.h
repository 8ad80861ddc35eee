/* SPDX-License-Identifier: Apache-2.0
 * tests/lib/https_standin.py as a process of a test: started on a free port, told what to do by a file, ended by its pid. */
#ifndef TESTS_LIB_STANDIN_H
#define TESTS_LIB_STANDIN_H

#include <stdbool.h>
#include <sys/types.h>

struct standin {
    char dir[64];
    int port;
    pid_t pid;
    const char *cert, *key, *client_ca; /* as it was started; NULL: none */
};
bool standin_start(struct standin *s, const char *cert, const char *key,
                   const char *client_ca);                    /* false: there is no python3, which has been said */
void standin_mode(const struct standin *s, const char *mode); /* see the script */
void standin_file(const struct standin *s, const char *name, const char *text);
char *standin_requests(const struct standin *s); /* the lines so far; free it */
void standin_forget(const struct standin *s);    /* the lines so far */
void standin_stop(struct standin *s);
void standin_again(struct standin *s); /* on the same port */
void standin_done(struct standin *s);

#endif
