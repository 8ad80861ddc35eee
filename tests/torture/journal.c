/* SPDX-License-Identifier: Apache-2.0
 * Prints the `seq` of every event in a store's journal, one a line, in order of arrival: what the bench's ledger is compared with. Reads beside a running daemon.
 * usage: journal FILE */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/time.h"
#include "gengfu/store/store.h"

static int on_event(void *ctx, int64_t rowid, int64_t time, int64_t arrived, const char *body, size_t len) {
    (void)ctx, (void)rowid, (void)time, (void)arrived;
    static const char name[] = "\"seq\":";
    const char *p = memmem(body, len, name, sizeof name - 1);
    if (p)
        (void)printf("%" PRId64 "\n", (int64_t)strtoll(p + sizeof name - 1, NULL, 10));
    return 0;
}

int main(int argc, char **argv) {
    struct err err = {0};
    struct store *s;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: journal FILE\n");
        return 2;
    }
    struct store_conf conf = {.path = argv[1], .read_only = true};
    int rc = store_open(&conf, &err, &s);
    if (rc == 0) {
        rc = store_each_event(s, TIME_NONE, TIME_NONE, NULL, on_event, NULL, &err);
        store_close(s);
    }
    if (rc < 0)
        (void)fprintf(stderr, "%s\n", err.text);
    return rc < 0;
}
