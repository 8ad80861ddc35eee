/* SPDX-License-Identifier: Apache-2.0
 * gengfu audit: who did what. The list comes from the daemon; --verify reads the store's file itself, so that the daemon neither waits for it nor is asked about itself. */
#include <stdlib.h>
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/time.h"
#include "gengfu/store/store.h"

static void on_entry(struct cli *c, void *ctx, const cJSON *e) {
    char number[32], when[32];

    (void)c;
    (void)snprintf(number, sizeof(number), "%lld", (long long)json_int(e, "entry", 0));
    table_cell(ctx, number);
    table_cell(ctx, short_time(json_str(e, "at", "-"), when));
    table_cell(ctx, json_str(e, "who", ""));
    table_cell(ctx, json_str(e, "what", ""));
    table_cell(ctx, json_str(e, "detail", ""));
}

static void on_head(struct cli *c, void *ctx, const cJSON *s) {
    (void)c;
    (void)ctx;
    (void)printf("%s\n", json_str(s, "audit", ""));
}

static int verify(struct cli *c) {
    const char *path = cli_value(c, "store"), *noted = cli_value(c, "noted");
    struct config *config = NULL;
    struct store *s = NULL;
    struct err err = {0};
    int64_t entries = 0;

    if (path == NULL && load_config(c->dir, &config, &err) < 0) {
        (void)cli_complain(&err);
        return EXIT_TROUBLE;
    }
    struct store_conf conf = {.path = path != NULL ? path : config->store_path, .read_only = true};
    int rc = store_open(&conf, &err, &s);

    if (rc == 0)
        rc = store_audit_verify(s, noted, &entries, &err);
    store_close(s);
    config_free(config);
    if (c->json) {
        struct buf b;

        buf_init(&b, 1 << 16);
        struct jw w = jw_start(&b);
        jw_open(&w, NULL, '{');
        jw_bool(&w, "intact", rc == 0);
        if (rc == 0)
            jw_int(&w, "entries", entries);
        else
            jw_str(&w, "error", err.text);
        jw_close(&w, '}');
        (void)printf("%s\n", b.data);
        buf_done(&b);
    } else if (rc == 0) {
        (void)printf("%lld entries, each follows from the one before it%s\n", (long long)entries,
                     noted != NULL ? ", and from what was noted" : "");
    } else {
        (void)cli_complain(&err);
    }
    return rc == 0 ? EXIT_FINE : rc == GF_ECORRUPT ? EXIT_FOUND : rc == GF_EINVAL ? EXIT_USAGE : EXIT_TROUBLE;
}

int cmd_audit(struct cli *c) {
    static const char *const titles[] = {"ENTRY", "AT", "WHO", "WHAT", "DETAIL"};
    const char *since = cli_value(c, "since");
    double limit = 100;
    int64_t span;

    if (cli_given(c, "verify"))
        return verify(c);
    if (cli_given(c, "noted") || cli_given(c, "store"))
        return cli_usage(c, "--%s goes with --verify", cli_given(c, "noted") ? "noted" : "store");
    if (cli_given(c, "head")) {
        c->json = false; /* of the status only one word is wanted */
        return remote_call(c, remote_request("status"), on_head, NULL);
    }
    if (cli_number(c, "limit", 1, 10000, &limit) != EXIT_FINE)
        return EXIT_USAGE;
    if (since != NULL && span_parse(since, strlen(since), &span, NULL) < 0)
        return cli_usage(c, "--since: '%s' is not a span like 2h or 7d", since);
    cJSON *req = remote_request("audit");

    if (req == NULL)
        return EXIT_TROUBLE;
    if (since != NULL)
        (void)cJSON_AddNumberToObject(req, "since", (double)span);
    return remote_table(c, req, titles, sizeof(titles) / sizeof(titles[0]), (size_t)limit, on_entry);
}
