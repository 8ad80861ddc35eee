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
        "\n`gengfu COMMAND --help` says more, with an example.\nExit codes: 0 fine, 1 found something, 2 used wrongly, 3 could not do it.\n",
        out);
}

static void help_options(FILE *out, const struct cli_option *o, const struct cli_command *cmd, bool common) {
    for (; o != NULL && o->name != NULL; o++) {
        char word[64];
        if (common && !cli_takes(cmd, o))
            continue;
        (void)snprintf(word, sizeof(word), "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        if (o->letter != 0)
            (void)fprintf(out, "  -%c, %-22s ", o->letter, word);
        else
            (void)fprintf(out, "      %-22s ", word);
        put_wrapped(out, 29, o->about);
    }
}

void cli_help_command(FILE *out, const struct cli_command *cmd) {
    char line[400];

    (void)snprintf(line, sizeof(line), "gengfu %s%s%s: %s", cmd->name, cmd->args[0] ? " " : "", cmd->args, cmd->about);
    put_wrapped(out, 0, line);
    if (cmd->more != NULL) {
        (void)fputc('\n', out);
        put_wrapped(out, 0, cmd->more);
    }
    (void)fputs("\nOptions\n", out);
    help_options(out, cmd->options, cmd, false);
    help_options(out, cli_common, cmd, true);
    (void)fprintf(out, "\nExample\n%s\n", cmd->example);
}

static void markdown_options(FILE *out, const struct cli_option *o) {
    for (; o != NULL && o->name != NULL; o++) {
        if (o->letter != 0)
            (void)fprintf(out, "| `-%c`, `--%s%s%s` | %s |\n", o->letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "", o->about);
        else
            (void)fprintf(out, "| `--%s%s%s` | %s |\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "", o->about);
    }
}

void cli_help_markdown(FILE *out) {
    (void)fputs(
        "# The command line\n\nMade by `gengfu help --markdown` from the table of commands; a test compares the two.\n\n"
        "Exit codes: 0 fine, 1 found something, 2 used wrongly, 3 could not do it. Every command takes these (`--socket` only where a daemon is spoken to):\n\n| option | |\n|---|---|\n",
        out);
    markdown_options(out, cli_common);
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        (void)fprintf(out, "\n## gengfu %s%s%s\n\n%c%s.\n", cmd->name, cmd->args[0] ? " " : "", cmd->args,
                      cmd->about[0] - ('a' <= cmd->about[0] && cmd->about[0] <= 'z' ? 32 : 0), cmd->about + 1);
        if (cmd->more != NULL)
            (void)fprintf(out, "%s\n", cmd->more);
        if (cmd->options != NULL) {
            (void)fputs("\n| option | |\n|---|---|\n", out);
            markdown_options(out, cmd->options);
        }
        (void)fprintf(out, "\n```\n%s\n```\n", cmd->example);
    }
}

/* A hyphen at a line's start or a backslash would be a request to man. */
static void man_text(FILE *out, const char *s) {
    for (bool start = true; *s != '\0'; s++) {
        if (start && (*s == '.' || *s == '\''))
            (void)fputs("\\&", out);
        if (*s == '\\')
            (void)fputs("\\e", out);
        else if (*s == '-')
            (void)fputs("\\-", out);
        else
            (void)fputc(*s, out);
        start = *s == '\n';
    }
}

static void man_options(FILE *out, const struct cli_option *o, const struct cli_command *cmd, bool common) {
    for (; o != NULL && o->name != NULL; o++) {
        if (common && !cli_takes(cmd, o))
            continue;
        (void)fputs(".TP\n.B ", out);
        if (o->letter != 0)
            (void)fprintf(out, "\\-%c, ", o->letter);
        (void)fputs("\\-\\-", out);
        man_text(out, o->name);
        (void)fprintf(out, "%s%s\n", o->arg ? " " : "", o->arg ? o->arg : "");
        man_text(out, o->about);
        (void)fputc('\n', out);
    }
}

void cli_help_man(FILE *out, const struct cli_command *cmd) {
    (void)fprintf(out, ".TH GENGFU\\-%s 1 \"\" \"gengfu %s\"\n.SH NAME\ngengfu\\-%s \\- ", cmd->name, GENGFU_VERSION, cmd->name);
    man_text(out, cmd->about);
    (void)fprintf(out, "\n.SH SYNOPSIS\n.B gengfu %s\n", cmd->name);
    man_text(out, cmd->args);
    (void)fputs("\n[options]\n", out);
    if (cmd->more != NULL) {
        (void)fputs(".SH DESCRIPTION\n", out);
        man_text(out, cmd->more);
        (void)fputc('\n', out);
    }
    (void)fputs(".SH OPTIONS\n", out);
    man_options(out, cmd->options, cmd, false);
    man_options(out, cli_common, cmd, true);
    (void)fputs(".SH EXAMPLE\n.nf\n", out);
    man_text(out, cmd->example);
    (void)fputs("\n.fi\n.SH EXIT STATUS\n0 fine, 1 found something, 2 used wrongly, 3 could not do it.\n.SH SEE ALSO\n.BR gengfu (1)\n",
                out);
}

void cli_help_man_all(FILE *out) {
    (void)fprintf(
        out,
        ".TH GENGFU 1 \"\" \"gengfu %s\"\n.SH NAME\ngengfu \\- the night watchman of a neighbourhood: device messages become incidents\n.SH SYNOPSIS\n.B gengfu\n"
        "COMMAND [options]\n.SH COMMANDS\n",
        GENGFU_VERSION);
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        (void)fprintf(out, ".TP\n.BR gengfu\\-%s (1)\n", cmd->name);
        man_text(out, cmd->about);
        (void)fputc('\n', out);
    }
    (void)
        fputs(".SH FILES\n.TP\n/etc/gengfu\nconfiguration, registry, codes and rules\n.TP\n/var/lib/gengfu\nthe store\n.TP\n" CONFIG_SOCKET
              "\nthe control socket\n",
              out);
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
