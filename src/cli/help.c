/* SPDX-License-Identifier: Apache-2.0
 * Help, from the table of commands; and complaints, all in one form. */
#include <stdarg.h>
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/text.h"

void cli_help(FILE *out) {
    (void)fputs("gengfu, the night watchman of a neighbourhood: device messages become incidents.\n\n  gengfu COMMAND [options]\n\n", out);
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++)
        (void)fprintf(out, "  %-11s %s\n", cmd->name, cmd->about);
    (void)fputs(
        "\n`gengfu COMMAND --help` says more, with an example. Exit codes: 0 fine, 1 found something, 2 used wrongly, 3 could not do it.\n",
        out);
}

static void help_options(FILE *out, const struct cli_option *o, const struct cli_command *cmd) {
    for (; o != NULL && o->name != NULL; o++) {
        char word[64];
        if (o >= cli_common && strcmp(o->name, "socket") == 0 && !cmd->remote && strcmp(cmd->name, "run") != 0)
            continue;
        (void)snprintf(word, sizeof(word), "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        if (o->letter != 0)
            (void)fprintf(out, "  -%c, %-22s %s\n", o->letter, word, o->about);
        else
            (void)fprintf(out, "      %-22s %s\n", word, o->about);
    }
}

void cli_help_command(FILE *out, const struct cli_command *cmd) {
    (void)fprintf(out, "gengfu %s%s%s: %s\n", cmd->name, cmd->args[0] ? " " : "", cmd->args, cmd->about);
    if (cmd->more != NULL)
        (void)fprintf(out, "\n%s\n", cmd->more);
    (void)fputs("\nOptions\n", out);
    help_options(out, cmd->options, cmd);
    help_options(out, cli_common, cmd);
    (void)fprintf(out, "\nExample\n%s\n", cmd->example);
}

int cli_complain(const struct err *err) {
    struct buf b;

    buf_init(&b, 0);
    text_clean(&b, err->text, strlen(err->text));
    (void)fprintf(stderr, "gengfu: %s\n", b.data);
    buf_done(&b);
    return err->code == GF_EINVAL ? EXIT_USAGE : EXIT_TROUBLE;
}

int cli_usage(const struct cli *c, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    (void)fputs("gengfu: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, " (gengfu %s --help)\n", c->command->name);
    return EXIT_USAGE;
}
