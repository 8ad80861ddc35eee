/* SPDX-License-Identifier: Apache-2.0
 * gengfu completion: bash and zsh completion out of the command table. */
#include <string.h>

#include "cli_int.h"

static void command_names(void) {
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++)
        (void)printf("%s%s", cmd == cli_commands ? "" : " ", cmd->name);
}

static void option_names(const struct cli_command *cmd) {
    for (const struct cli_option *o = cmd->options; o != NULL && o->name != NULL; o++)
        (void)printf(" --%s", o->name);
    for (const struct cli_option *o = cli_common; o->name != NULL; o++)
        if (cli_takes(cmd, o))
            (void)printf(" --%s", o->name);
}

/* Words that a command takes besides its options; what is a path is left to the shell. */
static void words(const struct cli_command *cmd) {
    if (strcmp(cmd->name, "help") == 0)
        command_names();
    else if (strcmp(cmd->name, "completion") == 0)
        (void)printf("bash zsh");
    else if (strcmp(cmd->name, "schema") == 0)
        (void)printf("rules config tests");
}

static void bash(void) {
    (void)printf("_gengfu() {\n    local cur=${COMP_WORDS[COMP_CWORD]}\n    if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W '");
    command_names();
    (void)printf("' -- \"$cur\")); return; fi\n    case ${COMP_WORDS[1]} in\n");
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        (void)printf("    %s) COMPREPLY=($(compgen -W '", cmd->name);
        words(cmd);
        option_names(cmd);
        (void)printf("' -- \"$cur\"));;\n");
    }
    (void)printf(
        "    esac\n    [ \"${cur#-}\" = \"$cur\" ] && [ \"${#COMPREPLY[@]}\" -eq 0 -o -n \"$cur\" ] && COMPREPLY+=($(compgen -f -- \"$cur\"))\n    return 0\n}\n"
        "complete -o filenames -F _gengfu gengfu\n");
}

/* Within single quotes, and a colon ends a name for _describe. */
static void zsh_text(const char *s) {
    for (; *s != '\0'; s++) {
        if (*s == '\'')
            (void)fputs("'\\''", stdout);
        else if (*s == ':')
            (void)fputs("\\:", stdout);
        else
            (void)putchar(*s);
    }
}

static void zsh(void) {
    (void)printf("#compdef gengfu\n_gengfu() {\n    local -a commands\n    commands=(\n");
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        (void)printf("        '%s:", cmd->name);
        zsh_text(cmd->about);
        (void)printf("'\n");
    }
    (void)printf("    )\n    if (( CURRENT == 2 )); then _describe command commands; return; fi\n    case $words[2] in\n");
    for (const struct cli_command *cmd = cli_commands; cmd->name != NULL; cmd++) {
        (void)printf("    %s) compadd -- ", cmd->name);
        words(cmd);
        option_names(cmd);
        (void)printf(";;\n");
    }
    (void)printf("    esac\n    _files\n}\nif [ \"$funcstack[1]\" = _gengfu ]; then _gengfu \"$@\"; else compdef _gengfu gengfu; fi\n");
}

int cmd_completion(struct cli *c) {
    if (strcmp(c->args[0], "bash") == 0)
        bash();
    else if (strcmp(c->args[0], "zsh") == 0)
        zsh();
    else
        return cli_usage(c, "completion for bash or zsh, not for '%s'", c->args[0]);
    return EXIT_FINE;
}
