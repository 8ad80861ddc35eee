/* SPDX-License-Identifier: Apache-2.0
 * Talking to the daemon: which socket, the request, lines as they are for --json, an exit code from the end. */
#include <stdlib.h>
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/control/control.h"

struct calling {
    struct cli *cli;
    cli_line_fn fn;
    void *ctx;
    struct buf text;
};

/* --socket, the environment, what the configuration of --config says, the default: in this order. */
static char *socket_path(struct cli *c) {
    const char *given = cli_value(c, "socket");
    struct config *conf = NULL;
    struct err err = {0};

    if (given == NULL)
        given = getenv("GENGFU_SOCKET");
    if (given != NULL)
        return strdup(given);
    int rc = load_config(c->dir, &conf, &err);
    if (rc < 0 && cli_given(c, "config")) {
        (void)cli_complain(&err);
        return NULL;
    }
    char *path = strdup(rc == 0 ? conf->socket : CONFIG_SOCKET); /* who may not read the configuration may use the socket all the same */
    config_free(conf);
    return path;
}

cJSON *remote_request(const char *what) {
    cJSON *req = cJSON_CreateObject();

    if (req == NULL || cJSON_AddStringToObject(req, "do", what) == NULL) {
        (void)fputs("gengfu: out of memory\n", stderr);
        cJSON_Delete(req);
        return NULL;
    }
    return req;
}

static int on_line(void *ctx, const cJSON *line) {
    struct calling *call = ctx;

    if (call->cli->json) {
        struct buf raw;

        buf_init(&raw, call->text.max);
        json_write(&raw, line);
        buf_clear(&call->text);
        text_clean_json(&call->text, raw.data, raw.len); /* a terminal may be behind it */
        buf_done(&raw);
        if (fprintf(stdout, "%s\n", call->text.data) < 0 || fflush(stdout) != 0)
            return 1;
        if (!call->cli->looks_at_json)
            return 0;
    }
    if (call->fn != NULL)
        call->fn(call->cli, call->ctx, line);
    return 0;
}

int remote_call(struct cli *c, cJSON *request, cli_line_fn fn, void *ctx) {
    struct calling call = {.cli = c, .fn = fn, .ctx = ctx};
    struct err err = {0};
    char *path;

    if (request == NULL)
        return EXIT_TROUBLE;
    path = socket_path(c);
    if (path == NULL) {
        cJSON_Delete(request);
        return EXIT_TROUBLE;
    }
    buf_init(&call.text, 64 << 20);
    int rc = control_call(path, request, c->streams ? 0 : CONTROL_WAIT, on_line, &call, &err);
    buf_done(&call.text);
    cJSON_Delete(request);
    free(path);
    if (rc == 0)
        return EXIT_FINE;
    (void)cli_complain(&err);
    return rc < 0 ? EXIT_TROUBLE : rc;
}

int remote_table(struct cli *c, cJSON *request, const char *const *titles, size_t n, size_t limit, cli_line_fn fn) {
    struct table *t;

    if (request == NULL || table_new(titles, n, &t) < 0) {
        cJSON_Delete(request);
        return EXIT_TROUBLE;
    }
    if (limit > 0) /* one more than is shown, to see whether there are more */
        (void)cJSON_AddNumberToObject(request, "limit", (double)limit + (c->json ? 0 : 1));
    int rc = remote_call(c, request, fn, t);
    bool more = limit > 0 && table_cut(t, limit);

    if (!c->json && (rc == EXIT_FINE || table_rows(t) > 0)) /* of a list that was too long, what came of it */
        table_print(t, stdout, c->colour);
    table_free(t);
    if (more)
        (void)fprintf(stderr, "gengfu: there are more; --limit says how many are shown\n");
    return rc;
}
