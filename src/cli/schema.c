/* SPDX-License-Identifier: Apache-2.0
 * gengfu schema: what the YAML files may hold, as JSON Schema for editors. Written from the tables that the readers go by. */
#include <string.h>

#include "cli_int.h"
#include "gengfu/rules/shape.h"
#include "gengfu/ruletest/ruletest.h"

int cmd_schema(struct cli *c) {
    static const struct {
        const char *name;
        void (*write)(struct buf *b);
    } schemas[] = {{"rules", rules_schema}, {"config", config_schema}, {"tests", ruletest_schema}};
    struct buf b;

    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        if (strcmp(c->args[0], schemas[i].name) != 0)
            continue;
        buf_init(&b, 0);
        schemas[i].write(&b);
        bool fine = !b.failed;
        if (fine)
            (void)fwrite(b.data, 1, b.len, stdout);
        else
            (void)fputs("gengfu: out of memory\n", stderr);
        buf_done(&b);
        return fine ? EXIT_FINE : EXIT_TROUBLE;
    }
    return cli_usage(c, "a schema of rules, config or tests, not of '%s'", c->args[0]);
}
